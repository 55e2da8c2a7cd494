//! Keeps tiers without public addresses without any.

use topology::exposure::Exposure;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::run::<Exposure>().await
}
