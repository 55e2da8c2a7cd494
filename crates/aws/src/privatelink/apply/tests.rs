use super::super::wire::answering;
use super::*;

const ENDPOINT: &str = "vpce-0c1308d7312217abc";

fn accept_answer(items: &str) -> String {
    format!(
        r#"<AcceptVpcEndpointConnectionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>986a2264-8a40-4da8-8f11-e8aaexample</requestId>
  <unsuccessful>{items}</unsuccessful>
</AcceptVpcEndpointConnectionsResponse>"#
    )
}

fn item(id: &str, code: &str) -> String {
    format!("<item><resourceId>{id}</resourceId><error><code>{code}</code><message>said AWS</message></error></item>")
}

async fn said(items: &str) -> Option<Fault> {
    let ec2 = answering(&accept_answer(items));
    let done = ec2.accept_vpc_endpoint_connections().service_id("vpce-svc-1").vpc_endpoint_ids(ENDPOINT).send().await;
    unsuccessful("AcceptVpcEndpointConnections", &ENDPOINT.into(), done.unwrap().unsuccessful())
}

#[tokio::test]
async fn a_success_may_hold_failures() {
    assert_eq!(said("").await, None);
    let fault = said(&item(ENDPOINT, "InvalidState")).await.unwrap();
    assert_eq!((fault.code.as_deref(), fault.is_retryable()), (Some("InvalidState"), false));
    assert!(said(&item(ENDPOINT, "RequestLimitExceeded")).await.unwrap().is_retryable());
    // Nothing else was asked for: what failed under another name is ours all the same.
    assert!(said(&item("vpce-1", "InvalidState")).await.is_some());
    assert!(said("<item/>").await.unwrap().message.contains("without saying why"));
}

#[test]
fn a_success_that_says_false_is_a_fault() {
    assert!(accepted("ModifyVpcEndpointServicePermissions", Some(true)).is_ok());
    assert!(accepted("ModifyVpcEndpointServicePermissions", None).is_ok());
    assert!(accepted("ModifyVpcEndpointServicePermissions", Some(false)).unwrap_err().is_retryable());
}
