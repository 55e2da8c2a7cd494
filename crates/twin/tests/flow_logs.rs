//! The in-memory flow logs keep their contract.

use topology::Place;
use twin::TwinFlowLogs;
use twin::flow_logs::Cloud;

#[tokio::test]
async fn contract() {
    let twin = TwinFlowLogs::new(Cloud::new(Place::new("111122223333", "eu-west-1")));
    let broken = twin::contract::flow_logs(&twin).await;
    assert!(broken.is_empty(), "{broken:#?}");
}
