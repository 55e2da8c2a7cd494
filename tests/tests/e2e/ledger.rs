//! The ledger's table keeps the same contract as its in-memory twin.

use crate::stage::Stage;
use aws::DynamoLedger;

#[tokio::test]
async fn the_table_keeps_the_contract_of_the_ledger() {
    let stage = Stage::restored().await;
    let ledger = DynamoLedger::new(stage.dynamodb(), stage.output("LedgerTable"));
    twin::contract::ledger(&ledger, "table").await;
}
