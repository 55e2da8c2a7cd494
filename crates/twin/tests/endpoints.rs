//! The in-memory endpoints keep their contract.

use topology::Place;
use twin::TwinEndpoints;
use twin::endpoints::Ends;

#[tokio::test]
async fn contract() {
    let twin = TwinEndpoints::new(Ends::new(Place::new("111122223333", "eu-west-1")));
    let broken = twin::contract::endpoints(&twin).await;
    assert!(broken.is_empty(), "{broken:#?}");
}
