//! What AWS answered, as a [`Fault`]. The class is decided here, once, and nowhere else.

use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use reconciler::{Fault, FaultClass};
use topology::{Receipt, Unseen};

/// What keeps an adapter from being built. Everything later is a [`Fault`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is missing or malformed.
    #[error("{variable}: {problem}; it is set by template.yaml")]
    Setting {
        /// The environment variable.
        variable: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The topologies' folder cannot be listed.
    #[error("the topologies in {folder} cannot be read: {problem}")]
    Topologies {
        /// The folder.
        folder: String,
        /// What the operating system said.
        problem: String,
    },
}

/// The fault of a call that changes or reads one thing.
pub(crate) fn fault<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fault_of(operation, 1, error)
}

/// The fault of a call that carried `parts` independent parts: refusing one of them refuses all, so that trying them one by
/// one may save the others.
pub(crate) fn fault_of<E>(operation: &str, parts: usize, error: &SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error {
        SdkError::ServiceError(context) => {
            let code = context.err().code();
            let status = context.raw().status().as_u16();
            let said = context.err().message().unwrap_or_default();
            Fault {
                operation: operation.into(),
                class: class(code, status, parts),
                code: code.map(Into::into),
                message: if said.is_empty() { format!("HTTP status {status}") } else { said.into() },
                remedy: code.and_then(|code| remedy(code, operation)),
            }
        }
        // Nobody knows whether it took effect: the next observation does.
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            Fault::new(operation, FaultClass::Retryable, said(error))
        }
        // Never left this process: a write through read-only clients, or an input that the SDK refuses.
        _ => Fault::new(operation, FaultClass::Terminal, said(error)),
    }
}

/// The error and what is behind it, on one line.
fn said(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        text = format!("{text}: {error}");
        behind = error.source();
    }
    text
}

/// An answer of AWS that is a success by its status and a failure, or nonsense, by its content.
pub(crate) fn bad_answer(operation: &str, message: impl Into<String>) -> Fault {
    Fault::new(operation, FaultClass::Retryable, message)
}

/// A refusal within an answer that is a success by its status (`Unsuccessful`). Its code is classed as any other; some calls write an
/// HTTP status there.
pub(crate) fn refused(operation: &str, code: Option<&str>, message: impl Into<String>) -> Fault {
    let status = code.and_then(|code| code.parse().ok()).unwrap_or(200);
    Fault {
        operation: operation.into(),
        class: class(code, status, 1),
        code: code.map(Into::into),
        message: message.into(),
        remedy: code.and_then(|code| remedy(code, operation)),
    }
}

/// Whether a removal is refused because what it removes is gone.
pub(crate) fn so_already(fault: Fault, gone: &[&str]) -> Result<Receipt, Fault> {
    match fault.code.as_deref() {
        Some(code) if gone.contains(&code) => Ok(Receipt { already: true, ..Receipt::default() }),
        _ => Err(fault),
    }
}

/// What a fault leaves unseen.
pub(crate) fn unseen(fault: &Fault) -> Unseen {
    Unseen::Failed { retryable: fault.is_retryable(), why: fault.to_string() }
}

fn class(code: Option<&str>, status: u16, parts: usize) -> FaultClass {
    let Some(code) = code else {
        return if status == 429 || status >= 500 { FaultClass::Retryable } else { FaultClass::Terminal };
    };
    if status == 429 || status >= 500 || RETRYABLE.contains(&code) || code.contains("Throttl") {
        FaultClass::Retryable
    } else if BATCH.contains(&code) && parts > 1 {
        FaultClass::Batch
    } else {
        FaultClass::Terminal
    }
}

/// Codes that trying later may cure, besides every 429, every 5xx and everything that says "throttl".
/// Sources: the EC2 API error codes, the common errors of each service, and the SDK's own retry classifiers
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>).
const RETRYABLE: &[&str] = &[
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "TooManyRequestsException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "PriorRequestNotComplete",
    "SlowDown",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Unavailable",
    "RequestTimeout",
    "RequestTimeoutException",
    "TransactionConflictException",
    "TransactionInProgressException",
    "ConcurrentModificationException",
    // What was made a moment ago is not known everywhere yet; what is really gone is missing from the next observation too, and is
    // planned for then.
    "InvalidNatGatewayID.NotFound",
    "NatGatewayNotFound",
    "InvalidAllocationID.NotFound",
    "InvalidElasticIpID.NotFound",
    "InvalidRouteTableID.NotFound",
    "InvalidVpcEndpointId.NotFound",
    // An address stays with a gateway that is on its way out for some minutes.
    "Resource.AlreadyAssociated",
    "InvalidIPAddress.InUse",
    // A database that is being changed can be changed again when that is done.
    "InvalidDBInstanceState",
    // AWS has no address to give at the moment.
    "InsufficientAddressCapacity",
    // Credentials of a long-lived environment are refreshed by the time of the next try.
    "RequestExpired",
    "ExpiredToken",
    "ExpiredTokenException",
];

/// Codes by which EC2 refuses a whole batch for one of its parts
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>). A full quota belongs to them: one by one, as
/// many as fit go in.
const BATCH: &[&str] = &[
    "InvalidPermission.Duplicate",
    "InvalidPermission.Malformed",
    "InvalidPermission.NotFound",
    "InvalidSecurityGroupRuleId.NotFound",
    "InvalidGroup.NotFound",
    "InvalidGroupId.Malformed",
    "InvalidPrefixListID.NotFound",
    "InvalidPrefixListId.NotFound",
    "InvalidParameterValue",
    "InvalidParameterCombination",
    "InvalidUserID.Malformed",
    "RulesPerSecurityGroupLimitExceeded",
    "VPCIdNotSpecified",
    // A subnet that comes, beside one of its zone that goes.
    "DuplicateSubnetsInSameZone",
    // One principal, or one load balancer, of several.
    "InvalidPrincipal",
    "InvalidParameter",
];

/// What a person can do about it.
fn remedy(code: &str, operation: &str) -> Option<String> {
    Some(match code {
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" | "AuthorizationError"
        | "AuthorizationErrorException" => format!(
            "allow the action `{operation}` in the IAM role of this function (template.yaml grants it); if the role has it, a \
             service control policy, a permissions boundary or a condition on the resource denies it; \
             `aws sts decode-authorization-message` reads an encoded reason"
        ),
        "RulesPerSecurityGroupLimitExceeded" => "the group is full: 60 rules a direction unless the quota L-0EA8095F \
             (inbound or outbound rules per security group) was raised; a customer-managed prefix list counts as its maximum size, \
             a reference to a group as one. Remove declared rules, use a prefix list, or raise the quota"
            .into(),
        "SecurityGroupsPerInterfaceLimitExceeded" => {
            "raise the quota L-2AFB9258 (security groups per network interface), or join groups".into()
        }
        "InvalidGroup.NotFound" | "InvalidGroupId.Malformed" | "InvalidGroupId.NotFound" => {
            "the group, or one that a rule references, does not exist any more or not in this VPC; correct the topology or \
             create it from the rendered stack again"
                .into()
        }
        "InvalidPrefixListID.NotFound" | "InvalidPrefixListId.NotFound" => {
            "the prefix list does not exist in this Region or is not shared with this account; correct the topology".into()
        }
        "InvalidPermission.Malformed" | "InvalidParameterValue" | "InvalidParameterCombination" => {
            "AWS refuses this as it is declared; correct it in the topology".into()
        }
        "InvalidPrincipal" => "AWS knows no such account, user or role: correct `principals:` in the topology".into(),
        "InvalidVpcEndpointServiceId.NotFound" | "InvalidVpcEndpointService.NotFound" => {
            "the endpoint service is gone: update the network's own stack, which creates one again; its name will be another one".into()
        }
        "AddressLimitExceeded" => "release addresses that nobody needs (`aws ec2 describe-addresses --query \
             'Addresses[?AssociationId==null]'`), name one that you have under `nat: addresses:`, or raise the quota L-0263D0A3 \
             (Elastic IP addresses a Region: 5 unless raised); one is needed for each gateway: `aws service-quotas \
             request-service-quota-increase --service-code ec2 --quota-code L-0263D0A3 --desired-value …`"
            .into(),
        "NatGatewayLimitExceeded" => "raise the quota L-FE5A380F (NAT gateways an Availability Zone: 5 unless raised; those that are \
             pending or being deleted count), or delete gateways that nobody needs: `aws service-quotas \
             request-service-quota-increase --service-code vpc --quota-code L-FE5A380F --desired-value …`"
            .into(),
        "VpcEndpointLimitExceeded" => "delete endpoints that nobody needs, or raise the quota: L-29B6F2EB (interface endpoints a VPC: 50 \
             unless raised) or L-1B52E74A (gateway endpoints a Region: 20 unless raised): `aws service-quotas \
             request-service-quota-increase --service-code vpc --quota-code … --desired-value …`"
            .into(),
        "InvalidServiceName" => "AWS knows no such service in this Region, or does not offer it to this account (`aws ec2 \
             describe-vpc-endpoint-services` lists those that it does): correct `endpoints:` in the topology"
            .into(),
        "DuplicateSubnetsInSameZone" if operation == "ModifyVpcEndpoint" => {
            "AWS takes one subnet an Availability Zone, and the one that is to go is the endpoint's only one: without it nothing would \
             be left to serve from. Declare a subnet in a second zone, and the next look moves them zone by zone; or take it away by \
             hand (`aws ec2 modify-vpc-endpoint --vpc-endpoint-id … --remove-subnet-ids …`), and the next look adds the declared one"
                .into()
        }
        "RouteLimitExceeded" => {
            "the route table is full: remove routes, or raise the quota L-93826ACB (routes per route table)".into()
        }
        "InvalidAddress.Locked" => {
            "the address is locked for its account: AWS Support unlocks it; declare another one until then".into()
        }
        "DependencyViolation" if operation == "DetachInternetGateway" => {
            "public addresses are in use in the VPC: delete its NAT gateways, and disassociate the Elastic IP addresses and stop the \
             instances that have one (`aws ec2 describe-network-interfaces --filters Name=vpc-id,Values=… \
             Name=association.public-ip,Values=*` shows them); the next look detaches the gateway"
                .into()
        }
        "DependencyViolation" if operation == "DeleteRouteTable" => {
            "a subnet uses the route table again: the next look decides anew".into()
        }
        "InvalidSubnetID.NotFound" | "InvalidVpcID.NotFound" => {
            "it does not exist any more: update the network's own stack, which creates it again".into()
        }
        "AuthFailure" | "InvalidClientTokenId" | "UnrecognizedClientException" | "OptInRequired" => {
            "the credentials of this function are not accepted here: see whether the account and the Region are enabled".into()
        }
        "ResourceNotFoundException" | "AWS.SimpleQueueService.NonExistentQueue" | "QueueDoesNotExist" | "NotFound"
        | "NotFoundException" => {
            "a resource of Plumbline's own stack is gone: deploy template.yaml again".into()
        }
        "KMSAccessDeniedException" | "KMS.AccessDeniedException" | "KmsAccessDenied" => {
            "allow this function's role to use the KMS key of the resource".into()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::error::{ConnectorError, ErrorMetadata};
    use aws_sdk_ec2::operation::authorize_security_group_ingress::AuthorizeSecurityGroupIngressError as AuthorizeError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    fn answered(code: &str, status: u16) -> SdkError<AuthorizeError, HttpResponse> {
        let metadata = ErrorMetadata::builder().code(code).message("said AWS").build();
        SdkError::service_error(
            AuthorizeError::generic(metadata),
            HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty()),
        )
    }

    #[test]
    fn the_class_is_decided_by_code_status_and_number_of_parts() {
        for (code, status, parts, class) in [
            ("RequestLimitExceeded", 503, 1, FaultClass::Retryable),
            ("RequestLimitExceeded", 400, 1, FaultClass::Retryable),
            ("ThrottlingException", 400, 1, FaultClass::Retryable),
            ("EC2ThrottledException", 400, 1, FaultClass::Retryable),
            ("InternalError", 500, 1, FaultClass::Retryable),
            ("SomethingNeverSeen", 502, 1, FaultClass::Retryable),
            ("SomethingNeverSeen", 429, 1, FaultClass::Retryable),
            ("SomethingNeverSeen", 400, 1, FaultClass::Terminal),
            ("UnauthorizedOperation", 403, 3, FaultClass::Terminal),
            ("InvalidPermission.Duplicate", 400, 3, FaultClass::Batch),
            ("InvalidPermission.Duplicate", 400, 1, FaultClass::Terminal),
            ("InvalidGroup.NotFound", 400, 2, FaultClass::Batch),
            ("InvalidGroup.NotFound", 400, 1, FaultClass::Terminal),
            ("RulesPerSecurityGroupLimitExceeded", 400, 2, FaultClass::Batch),
            ("RulesPerSecurityGroupLimitExceeded", 400, 1, FaultClass::Terminal),
            ("InvalidSecurityGroupRuleId.NotFound", 400, 2, FaultClass::Batch),
            ("InvalidNatGatewayID.NotFound", 400, 1, FaultClass::Retryable),
            ("InvalidElasticIpID.NotFound", 400, 1, FaultClass::Retryable),
            ("Resource.AlreadyAssociated", 400, 1, FaultClass::Retryable),
            ("InvalidIPAddress.InUse", 400, 1, FaultClass::Retryable),
            ("AddressLimitExceeded", 400, 1, FaultClass::Terminal),
            ("NatGatewayLimitExceeded", 400, 1, FaultClass::Terminal),
            ("IdempotentParameterMismatch", 400, 1, FaultClass::Terminal),
        ] {
            let fault = fault_of("AuthorizeSecurityGroupIngress", parts, &answered(code, status));
            assert_eq!((fault.class, fault.code.as_deref()), (class, Some(code)), "{code} {status} {parts}");
        }
    }

    #[test]
    fn a_denied_call_says_which_action_to_allow() {
        let fault = fault("AuthorizeSecurityGroupIngress", &answered("UnauthorizedOperation", 403));
        assert!(fault.remedy.as_deref().unwrap().contains("`AuthorizeSecurityGroupIngress`"), "{fault}");
        assert!(fault.to_string().contains("said AWS"), "{fault}");
    }

    #[test]
    fn a_full_quota_says_which_and_its_number() {
        for (operation, code, quota, number) in [
            ("AuthorizeSecurityGroupIngress", "RulesPerSecurityGroupLimitExceeded", "L-0EA8095F", "60 rules"),
            ("AllocateAddress", "AddressLimitExceeded", "L-0263D0A3", "5 unless raised"),
            ("CreateNatGateway", "NatGatewayLimitExceeded", "L-FE5A380F", "5 unless raised"),
        ] {
            let fault = fault(operation, &answered(code, 400));
            let remedy = fault.remedy.as_deref().unwrap();
            assert!(remedy.contains(quota) && remedy.contains(number), "{fault}");
        }
    }

    #[test]
    fn what_never_arrived_may_be_tried_again() {
        let lost: [SdkError<AuthorizeError, HttpResponse>; 3] = [
            SdkError::timeout_error("no answer in time"),
            SdkError::dispatch_failure(ConnectorError::io("connection reset by peer".into())),
            SdkError::response_error(
                "cut short",
                HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::empty()),
            ),
        ];
        for error in &lost {
            let fault = fault("DescribeVpcs", error);
            assert!(fault.is_retryable(), "{fault}");
        }
        assert!(fault("DescribeVpcs", &lost[1]).message.contains("connection reset by peer"));
    }
}
