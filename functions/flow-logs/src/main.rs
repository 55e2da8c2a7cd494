//! Keeps flow logs and the retention of their log groups true to the declared topologies.

use topology::flow_logs::FlowLogs;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::run::<FlowLogs>().await
}
