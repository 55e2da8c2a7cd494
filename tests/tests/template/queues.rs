//! Nothing that can fail is lost, and nobody else may send.

use crate::{policy_on, template};
use e2e::template::{Template, list};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn every_target_has_a_retry_policy_and_dead_letters() {
    for (rule, resource) in template().of_type("AWS::Events::Rule") {
        for target in list(&resource["Properties"]["Targets"]) {
            assert!(target["RetryPolicy"]["MaximumEventAgeInSeconds"].as_u64().unwrap() >= 900, "{rule}");
            let dead = target["DeadLetterConfig"]["Arn"].as_str().unwrap().strip_suffix(".Arn").unwrap();
            assert!(
                senders(&template(), dead).contains(rule),
                "{rule} may not send to {dead}: its failures would be lost"
            );
        }
    }
}

/// Who may send to a queue at all, and how the template writes its ARN: a topic's `Ref` is one, a rule's is not.
const SENDERS: &[(&str, &str)] = &[("events.amazonaws.com", ".Arn"), ("sns.amazonaws.com", "")];

/// The rules and topics that a queue's policy lets in.
fn senders(template: &Template, queue: &str) -> BTreeSet<String> {
    let policy = policy_on(template, "AWS::SQS::QueuePolicy", "Queues", queue);
    let allows = policy.iter().filter(|statement| statement["Effect"] == "Allow");
    allows
        .flat_map(|statement| {
            assert_eq!(statement["Action"], "sqs:SendMessage", "{queue}");
            let service = &statement["Principal"]["Service"];
            let (_, ending) = SENDERS.iter().find(|(sender, _)| service == sender).unwrap();
            let arns = list(&statement["Condition"]["ArnEquals"]["aws:SourceArn"]).into_iter();
            arns.map(|arn| arn.as_str().unwrap().strip_suffix(ending).unwrap().to_owned()).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn queues_are_closed_encrypted_and_empty_into_one_that_is_watched() {
    let template = template();
    let mut targets: BTreeMap<String, BTreeSet<String>> =
        template.of_type("AWS::Events::Rule").fold(BTreeMap::new(), |mut found, (rule, resource)| {
            for target in list(&resource["Properties"]["Targets"]) {
                for arn in [&target["Arn"], &target["DeadLetterConfig"]["Arn"]] {
                    let name = arn.as_str().unwrap().strip_suffix(".Arn").unwrap();
                    found.entry(name.to_owned()).or_default().insert(rule.to_owned());
                }
            }
            found
        });
    for (_, subscription) in template.of_type("AWS::SNS::Subscription") {
        let properties = &subscription["Properties"];
        if properties["Protocol"] == "sqs" {
            for arn in [&properties["Endpoint"], &properties["RedrivePolicy"]["deadLetterTargetArn"]] {
                let name = arn.as_str().unwrap().strip_suffix(".Arn").unwrap();
                targets.entry(name.to_owned()).or_default().insert(properties["TopicArn"].as_str().unwrap().to_owned());
            }
        }
    }
    for (name, queue) in template.of_type("AWS::SQS::Queue") {
        let properties = &queue["Properties"];
        assert_eq!(properties["SqsManagedSseEnabled"], true, "{name}");
        let policy = policy_on(&template, "AWS::SQS::QueuePolicy", "Queues", name);
        let refused = policy.iter().any(|statement| {
            statement["Effect"] == "Deny" && statement["Condition"]["Bool"]["aws:SecureTransport"] == "false"
        });
        assert!(refused, "{name}: without TLS");
        let targeted = targets.get(name).cloned().unwrap_or_default();
        assert_eq!(senders(&template, name), targeted, "{name}: what targets it, and what it lets in");

        if name.ends_with("DeadLetters") {
            assert_eq!(properties["MessageRetentionPeriod"], 1_209_600, "{name}: 14 days");
            let watched = template.of_type("AWS::CloudWatch::Alarm").any(|(_, alarm)| {
                alarm["Properties"]["Dimensions"][0]["Value"] == format!("{name}.QueueName")
                    && alarm["Properties"]["MetricName"] == "ApproximateNumberOfMessagesVisible"
            });
            assert!(watched, "{name}: nobody would look");
        } else {
            assert!(properties["RedrivePolicy"]["maxReceiveCount"].as_u64().unwrap() >= 5, "{name}");
            let dead = properties["RedrivePolicy"]["deadLetterTargetArn"].as_str().unwrap();
            assert!(template.resources().any(|(other, _)| format!("{other}.Arn") == dead), "{name}");
        }
    }
}

#[test]
fn visibility_outlasts_six_runs_and_the_lease_outlasts_one() {
    let template = template();
    let timeout = template.global("Timeout").as_u64().unwrap();
    for (name, function) in template.of_type("AWS::Serverless::Function") {
        // The rule of AWS Config takes no lease and is fed by no queue.
        let own = function["Properties"].get("Timeout").filter(|_| name != "ConfigRuleFunction");
        assert_eq!(own, None, "{name}: one time-out for all, so that this test sees it");
        for event in function["Properties"]["Events"].as_object().into_iter().flatten().map(|(_, event)| event) {
            let queue = event["Properties"]["Queue"].as_str().unwrap().strip_suffix(".Arn").unwrap();
            let visibility = template.properties(queue)["VisibilityTimeout"].as_u64().unwrap();
            assert!(visibility >= 6 * timeout, "{queue}: {visibility} < 6 × {timeout}");
            assert_eq!(event["Properties"]["FunctionResponseTypes"], serde_json::json!(["ReportBatchItemFailures"]));
            assert!(event["Properties"]["MaximumBatchingWindowInSeconds"].as_u64().unwrap() <= 1, "{name}");
        }
    }
    let lease = reconciler::Settings::LEASE.as_secs();
    assert!(lease > i64::try_from(timeout).unwrap(), "a run of {timeout} s would outlive its lease of {lease} s");
}

#[test]
fn a_person_always_gets_a_turn() {
    let template = template();
    let reserved = template.section("Parameters")["ReservedConcurrency"]["Default"].as_u64().unwrap();
    for (name, function) in template.of_type("AWS::Serverless::Function") {
        for event in function["Properties"]["Events"].as_object().into_iter().flatten().map(|(_, event)| event) {
            let queue = event["Properties"]["ScalingConfig"]["MaximumConcurrency"].as_u64().unwrap();
            assert!(queue < reserved, "{name}: the queue may take {queue} of {reserved}");
            // The parameter's rule must refuse every number that would leave none over.
            let rule = template.section("Rules").to_string();
            assert!(rule.contains(&format!("\"{queue}\"")) && !rule.contains(&format!("\"{}\"", queue + 1)), "{rule}");
        }
    }
}

/// Whoever may publish here could make every service be looked at; nobody could have a connection accepted.
#[test]
fn only_endpoint_services_of_this_account_tell_of_connections() {
    let template = template();
    let services = "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc-endpoint-service/*";
    let of_this_account = json!({
        "ArnLike": { "aws:SourceArn": services },
        "StringEquals": { "aws:SourceAccount": "AWS::AccountId" },
    });
    let policy = policy_on(&template, "AWS::SNS::TopicPolicy", "Topics", "Connections");
    let allowed: Vec<&Value> = policy.iter().filter(|statement| statement["Effect"] == "Allow").collect();
    assert_eq!(allowed.len(), 1);
    assert_eq!(allowed[0]["Principal"], json!({ "Service": "vpce.amazonaws.com" }));
    assert_eq!(allowed[0]["Action"], "sns:Publish");
    assert_eq!(allowed[0]["Condition"], of_this_account);

    // Encrypted, so the service needs the key as well, and no more of it.
    assert_eq!(template.properties("Connections")["KmsMasterKeyId"], "NotificationsKey.Arn");
    let key = list(&template.properties("NotificationsKey")["KeyPolicy"]["Statement"]);
    let its: Vec<_> = key.iter().filter(|one| one["Principal"]["Service"] == "vpce.amazonaws.com").collect();
    assert_eq!(its.len(), 1, "the service could not publish under the key");
    assert_eq!(its[0]["Action"], json!(["kms:Decrypt", "kms:GenerateDataKey*"]));
    assert_eq!(its[0]["Condition"], of_this_account);
    assert_eq!(template.section("Outputs")["ConnectionTopicArn"]["Value"], "Connections", "what networks are given");
}
