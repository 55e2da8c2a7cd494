//! Asks every control to look at every topology: on a schedule, and when a stack settles.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::sweep().await
}
