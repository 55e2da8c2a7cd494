//! The in-memory estate keeps its contract.

use topology::Place;
use twin::TwinEstate;
use twin::exposure::Estate;

#[tokio::test]
async fn contract() {
    let twin = TwinEstate::new(Estate::new(Place::new("111122223333", "eu-west-1")));
    let broken = twin::contract::exposure(&twin).await;
    assert!(broken.is_empty(), "{broken:#?}");
}
