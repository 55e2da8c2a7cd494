//! The interceptor of clients that are handed to plan and observe runs: a write fails before it is sent.

use aws_sdk_ec2::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;

/// Fails any operation that is not named like a read.
#[derive(Debug)]
pub(super) struct ReadOnly;

/// A write was tried through read-only clients.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not an operation that only reads, and these clients may only read")]
struct NotARead(String);

impl Intercept for ReadOnly {
    fn name(&self) -> &'static str {
        "ReadOnly"
    }

    // The first hook at which an interceptor of a client knows the operation; nothing is sent before it.
    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Without a name nobody knows what it does: refused.
        let operation = bag.load::<Metadata>().map_or("an unnamed operation", Metadata::name);
        if reads(operation) { Ok(()) } else { Err(NotARead(operation.into()).into()) }
    }
}

/// Fails any operation but these.
#[derive(Debug)]
pub(super) struct Only(pub(super) &'static [&'static str]);

/// A client was asked for more than it is for.
#[derive(Debug, thiserror::Error)]
#[error("{0} is none of the operations that this client is for: {1}")]
struct NotOneOf(String, String);

impl Intercept for Only {
    fn name(&self) -> &'static str {
        "Only"
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = bag.load::<Metadata>().map_or("an unnamed operation", Metadata::name);
        match self.0.contains(&operation) {
            true => Ok(()),
            false => Err(NotOneOf(operation.into(), self.0.join(", ")).into()),
        }
    }
}

/// Whether an operation of this name only reads. `Query` and `BatchGetItem` are DynamoDB's reads; `Scan` is not used.
fn reads(operation: &str) -> bool {
    ["Describe", "Get", "List", "BatchGet"].iter().any(|prefix| operation.starts_with(prefix)) || operation == "Query"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::{Access, Clients};

    #[test]
    fn only_names_of_reads_pass() {
        for read in ["DescribeSecurityGroupRules", "GetItem", "ListStacks", "Query", "BatchGetItem"] {
            assert!(reads(read), "{read}");
        }
        for write in [
            "AuthorizeSecurityGroupIngress",
            "RevokeSecurityGroupEgress",
            "UpdateSecurityGroupRuleDescriptionsIngress",
            "PutItem",
            "TransactWriteItems",
            "QueryAndDelete",
            "SendMessage",
            "Publish",
            "",
        ] {
            assert!(!reads(write), "{write}");
        }
    }

    /// A listener that hangs up, and the real clients that knock there.
    fn knocking(access: Access) -> (std::net::TcpListener, Clients) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let config = aws_config::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new("eu-west-1"))
            .endpoint_url(format!("http://{}", listener.local_addr().unwrap()))
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .timeout_config(
                aws_config::timeout::TimeoutConfig::builder()
                    .operation_timeout(std::time::Duration::from_millis(300))
                    .build(),
            )
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
                aws_credential_types::Credentials::new("key", "secret", None, None, "test"),
            ))
            .build();
        let clients = Clients::over(topology::Place::new("111122223333", "eu-west-1"), config, access);
        (listener, clients)
    }

    /// The client that hands in evaluations does that beside clients that only read, and nothing else.
    #[tokio::test]
    async fn a_client_for_one_write_makes_no_other() {
        let (listener, clients) = knocking(Access::ReadOnly);
        let config = clients.evaluations();
        let delete = config.delete_config_rule().config_rule_name("theirs").send().await.unwrap_err();
        let fault = crate::errors::fault("DeleteConfigRule", &delete);
        assert!(fault.message.contains("DeleteConfigRule is none of the operations"), "{fault}");
        assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nothing was sent");

        let put = config.put_evaluations().result_token("token").send().await.unwrap_err();
        assert!(crate::errors::fault("PutEvaluations", &put).is_retryable());
        assert!(listener.accept().is_ok(), "an evaluation goes out");
        let sent = clients.calls().take().into_keys().map(|call| call.operation).collect::<Vec<_>>();
        assert_eq!(sent, ["PutEvaluations"]);
    }

    #[tokio::test]
    async fn a_write_is_never_sent_and_a_read_is() {
        let (listener, clients) = knocking(Access::ReadOnly);
        let ec2 = clients.regional(clients.home()).unwrap().ec2;

        let write = ec2.revoke_security_group_ingress().group_id("sg-1").send().await.unwrap_err();
        let fault = crate::errors::fault("RevokeSecurityGroupIngress", &write);
        assert!(fault.message.contains("RevokeSecurityGroupIngress is not an operation that only reads"), "{fault}");
        assert!(!fault.is_retryable());
        assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nothing was sent");
        assert!(clients.calls().take().is_empty());

        let read = ec2.describe_vpcs().send().await.unwrap_err();
        assert!(crate::errors::fault("DescribeVpcs", &read).is_retryable());
        assert!(listener.accept().is_ok(), "a read goes out");
        assert_eq!(clients.calls().take().into_keys().map(|call| call.operation).collect::<Vec<_>>(), ["DescribeVpcs"]);
    }
}
