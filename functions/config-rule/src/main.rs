//! Tells AWS Config which resources are as the topologies declare them.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::config_rule().await
}
