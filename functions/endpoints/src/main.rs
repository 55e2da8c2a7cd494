//! Keeps VPC endpoints true to the declared topologies.

use topology::endpoints::Endpoints;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::run::<Endpoints>().await
}
