//! The in-memory ledger keeps the ledger's contract.

#[tokio::test]
async fn contract() {
    twin::contract::ledger(&twin::Ledger::default(), "twin").await;
}
