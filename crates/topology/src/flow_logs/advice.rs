//! What a person can do where Plumbline cannot: no role of it writes bucket policies, key policies or roles.

use super::{Destination, Spec, partition};
use crate::core::Place;
use serde_json::json;

/// The function was not told which role delivers.
pub(super) const NO_ROLE: &str = "PLUMBLINE_FLOW_LOGS_ROLE is not set for this function: deploy template.yaml again, which makes the role and \
     names it there";

/// What must be so for records to arrive, ready to paste.
pub fn let_in(spec: &Spec, place: &Place) -> String {
    match &spec.destination {
        Destination::S3 { arn, options } => {
            let bucket = arn.split('/').next().unwrap_or(arn);
            let name = bucket.rsplit(':').next().unwrap_or(bucket);
            let policy = bucket_policy(arn, bucket, options.hive, place);
            format!(
                "see that the bucket exists and is yours, and add these statements to its policy (`aws s3api get-bucket-policy --bucket \
                 {name}` shows it); if it is encrypted with a key of yours, the key's policy must admit delivery.logs.amazonaws.com \
                 (kms:GenerateDataKey*): {policy}"
            )
        }
        Destination::CloudWatch { log_group, role } => {
            let role = role.as_deref().unwrap_or("the role that delivers");
            let (trust, permissions) = role_policies(log_group, place);
            format!(
                "see that {role} is trusted by {trust} and may {permissions}; if the log group is encrypted with a key of yours, the key's \
                 policy must admit logs.{}.amazonaws.com",
                place.region
            )
        }
        Destination::Other { kind, arn } => format!("see that {kind} {arn} takes records"),
    }
}

/// <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html>
fn bucket_policy(arn: &str, bucket: &str, hive: bool, place: &Place) -> String {
    let Place { account, region } = place;
    let account_folder = if hive { format!("aws-account-id={account}") } else { account.to_string() };
    let service = json!({ "Service": "delivery.logs.amazonaws.com" });
    let source = format!("arn:{}:logs:{region}:{account}:*", partition(place));
    let statements = json!([
        {
            "Sid": "AWSLogDeliveryWrite",
            "Effect": "Allow",
            "Principal": service,
            "Action": "s3:PutObject",
            "Resource": format!("{arn}/AWSLogs/{account_folder}/*"),
            "Condition": {
                "StringEquals": { "aws:SourceAccount": account, "s3:x-amz-acl": "bucket-owner-full-control" },
                "ArnLike": { "aws:SourceArn": source },
            },
        },
        {
            "Sid": "AWSLogDeliveryAclCheck",
            "Effect": "Allow",
            "Principal": service,
            "Action": "s3:GetBucketAcl",
            "Resource": bucket,
            "Condition": { "StringEquals": { "aws:SourceAccount": account }, "ArnLike": { "aws:SourceArn": source } },
        },
    ]);
    sorted(statements)
}

/// <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html>
fn role_policies(log_group: &str, place: &Place) -> (String, String) {
    let Place { account, region } = place;
    let partition = partition(place);
    let trust = json!({
        "Effect": "Allow",
        "Principal": { "Service": "vpc-flow-logs.amazonaws.com" },
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": { "aws:SourceAccount": account },
            "ArnLike": { "aws:SourceArn": format!("arn:{partition}:ec2:{region}:{account}:vpc-flow-log/*") },
        },
    });
    let permissions = json!({
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogGroups", "logs:DescribeLogStreams"],
        "Resource": format!("arn:{partition}:logs:{region}:{account}:log-group:{log_group}:*"),
    });
    (sorted(trust), sorted(permissions))
}

/// In an order that does not hang on features of serde_json that some crate of the build may turn on.
fn sorted(mut value: serde_json::Value) -> String {
    value.sort_all_objects();
    value.to_string()
}
