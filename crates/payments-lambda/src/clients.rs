//! SDK clients, and what their failures mean.

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_types::error::display::DisplayErrorContext;
use payments::Fault;
use std::time::Duration;

/// Opening a connection to an endpoint of the same Region takes milliseconds.
const CONNECT: Duration = Duration::from_secs(1);
/// One try: DynamoDB and SNS answer in milliseconds.
const ATTEMPT: Duration = Duration::from_millis(1500);
/// All tries of one call. Five calls, those of a payment, fit into the function's 20 seconds; what does not is resumed.
pub(crate) const OPERATION: Duration = Duration::from_millis(3500);

/// Credentials, Region and endpoint from the environment, as every SDK reads them. The SDK's own retries are safe: each call of this path
/// may be carried out twice.
pub(crate) async fn config() -> SdkConfig {
    let times = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .timeout_config(times)
        .load()
        .await
}

/// A failed call. All of them are worth another try: what AWS refuses for good shows in the alarm on faults.
pub(crate) fn fault(operation: &str, error: &(dyn std::error::Error + 'static)) -> Fault {
    Fault { operation: operation.into(), message: DisplayErrorContext(error).to_string() }
}

/// An item that is not what this function writes.
pub(crate) fn unreadable(operation: &str, error: &impl std::fmt::Display) -> Fault {
    Fault { operation: operation.into(), message: format!("an item cannot be read: {error}") }
}
