//! Writes exactly one final record a payment. Of the hipaa workload.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), payments_lambda::Error> {
    payments_lambda::record().await
}
