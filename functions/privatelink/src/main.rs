//! Keeps the connections of endpoint services true to the declared topologies.

use topology::privatelink::PrivateLink;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::run::<PrivateLink>().await
}
