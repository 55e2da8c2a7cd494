//! The interceptor of clients that are handed to plan and observe runs: a write fails before it is sent.

use aws_sdk_ec2::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_ec2::config::{ConfigBag, Intercept};
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

    fn read_before_execution(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Without a name nobody knows what it does: refused.
        let operation = bag.load::<Metadata>().map_or("an unnamed operation", Metadata::name);
        if reads(operation) { Ok(()) } else { Err(NotARead(operation.into()).into()) }
    }
}

/// Whether an operation of this name only reads. `Query` and `BatchGetItem` are DynamoDB's reads; `Scan` is not used.
fn reads(operation: &str) -> bool {
    ["Describe", "Get", "List", "BatchGet"].iter().any(|prefix| operation.starts_with(prefix)) || operation == "Query"
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
