//! Keeps route tables, internet gateways and what decides about reach beside them true to the declared topologies.

use topology::routes::Routes;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::run::<Routes>().await
}
