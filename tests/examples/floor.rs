//! The floor that every function's start is measured against: a bare Lambda with one EC2 client and nothing else.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest()).load().await;
    let ec2 = &aws_sdk_ec2::Client::new(&config);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let answer = ec2.describe_vpcs().send().await?;
        Ok::<_, Error>(serde_json::json!({"vpcs": answer.vpcs().len(), "event": event.payload.is_object()}))
    }))
    .await
}
