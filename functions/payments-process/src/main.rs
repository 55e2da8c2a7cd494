//! Takes payments: claims, decides and publishes each of them once. Of the hipaa workload.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), payments_lambda::Error> {
    payments_lambda::process().await
}
