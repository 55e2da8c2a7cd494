//! Who may do what: roles, keys and policies.

use crate::{NAMES, all, workload};
use e2e::template::{Template, list};
use serde_json::{Map, Value};

/// Actions that the Service Authorization Reference lists without a resource type.
const NO_RESOURCE: &[&str] = &[
    "ecr:GetAuthorizationToken",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
];

fn statements(document: &Value) -> Vec<Map<String, Value>> {
    list(&document["Statement"]).into_iter().map(|statement| statement.as_object().unwrap().clone()).collect()
}

fn texts(value: &Value) -> Vec<&str> {
    list(value).into_iter().filter_map(Value::as_str).collect()
}

#[test]
fn roles_name_actions_and_resources() {
    for (role, resource) in all("AWS::IAM::Role") {
        for policy in list(&resource["Properties"]["Policies"]) {
            for statement in statements(&policy["PolicyDocument"]) {
                let actions = texts(&statement["Action"]);
                assert_eq!(statement["Effect"], "Allow", "{role}");
                assert!(
                    !actions.is_empty() && !actions.iter().any(|action| action.contains('*')),
                    "{role}: {actions:?}"
                );
                if list(&statement["Resource"]).iter().any(|one| *one == "*") {
                    let known = actions.iter().all(|action| NO_RESOURCE.contains(action));
                    assert!(known, "{role}: these calls know a resource: {actions:?}");
                }
            }
        }
        // What AWS maintains and nobody here could name: the one policy that enhanced monitoring is documented with.
        for managed in texts(&resource["Properties"]["ManagedPolicyArns"]) {
            assert!(managed.ends_with("/AmazonRDSEnhancedMonitoringRole"), "{role}: {managed}");
        }
    }
}

/// A role is assumed by one service; where that service says for whom it acts, only for this account.
#[test]
fn roles_are_assumed_by_one_service() {
    for (role, resource) in all("AWS::IAM::Role") {
        for statement in statements(&resource["Properties"]["AssumeRolePolicyDocument"]) {
            let service = statement["Principal"]["Service"].as_str().unwrap();
            assert_eq!(statement["Action"], "sts:AssumeRole", "{role}");
            if ["ecs-tasks.amazonaws.com", "monitoring.rds.amazonaws.com"].contains(&service) {
                assert_eq!(statement["Condition"]["StringEquals"]["aws:SourceAccount"], "AWS::AccountId", "{role}");
            }
        }
    }
}

/// A role a service: nothing that runs shares what it may do with another.
#[test]
fn no_two_services_share_a_role() {
    for name in NAMES {
        let workload = workload(name);
        let mut worn: Vec<&Value> = vec![];
        worn.extend(workload.of_type("AWS::ECS::TaskDefinition").map(|(_, task)| &task["Properties"]["TaskRoleArn"]));
        worn.extend(workload.of_type("AWS::Serverless::Function").map(|(_, function)| &function["Properties"]["Role"]));
        worn.extend(
            workload.of_type("AWS::IAM::InstanceProfile").map(|(_, profile)| &profile["Properties"]["Roles"][0]),
        );
        for task in workload.of_type("AWS::ECS::TaskDefinition").map(|(_, task)| &task["Properties"]) {
            assert_ne!(
                task["TaskRoleArn"], task["ExecutionRoleArn"],
                "{name}: what starts a task is not what it may do"
            );
        }
        for (at, role) in worn.iter().enumerate() {
            assert!(!worn[..at].contains(role), "{name}: {role} is shared");
        }
    }
}

#[test]
fn keys_rotate_and_serve_this_account() {
    let edge = Template::at("topologies/hipaa/edge.yaml").unwrap();
    let keys = edge.of_type("AWS::KMS::Key").map(|(id, key)| (id.to_owned(), key.clone())).collect::<Vec<_>>();
    for (id, key) in all("AWS::KMS::Key").into_iter().chain(keys) {
        assert_eq!(key["Properties"]["EnableKeyRotation"], true, "{id}");
        assert_eq!(key["DeletionPolicy"], "RetainExceptOnCreate", "{id}: what it encrypted would be lost");
        for statement in statements(&key["Properties"]["KeyPolicy"]) {
            let administers = statement["Sid"] == "AccountAdministers";
            assert_ne!(statement["Principal"], "*", "{id}");
            assert_eq!(texts(&statement["Action"]).contains(&"kms:*"), administers, "{id}");
            assert!(administers || statement.contains_key("Condition"), "{id}: {}", statement["Sid"]);
        }
    }
}

#[test]
fn buckets_queues_and_topics_admit_only_tls_and_named_services() {
    for name in NAMES {
        let workload = workload(name);
        for (kind, by) in [("AWS::S3::BucketPolicy", "Bucket"), ("AWS::SQS::QueuePolicy", "Queues")] {
            for (id, policy) in workload.of_type(kind) {
                let statements = statements(&policy["Properties"]["PolicyDocument"]);
                let tls = statements.iter().any(|statement| {
                    statement["Effect"] == "Deny" && statement["Condition"]["Bool"]["aws:SecureTransport"] == "false"
                });
                assert!(tls, "{name}: {id} takes plain HTTP");
                for statement in statements.iter().filter(|statement| statement["Effect"] == "Allow") {
                    assert!(statement["Principal"].is_object(), "{name}: {id} admits everybody");
                    assert!(statement.contains_key("Condition"), "{name}: {id}: {} is not bounded", statement["Sid"]);
                }
                assert!(!policy["Properties"][by].is_null(), "{name}: {id}");
            }
        }
        for (id, _) in workload.of_type("AWS::S3::Bucket") {
            let kept =
                workload.of_type("AWS::S3::BucketPolicy").any(|(_, policy)| policy["Properties"]["Bucket"] == id);
            assert!(kept, "{name}: bucket {id} has no policy");
        }
    }
}

/// Each finding that is suppressed says why.
#[test]
fn suppressions_have_a_reason() {
    for name in NAMES {
        for (id, resource) in workload(name).resources() {
            for skip in list(&resource["Metadata"]["checkov"]["skip"]) {
                assert!(skip["id"].as_str().is_some_and(|id| id.starts_with("CKV")), "{name}: {id}");
                assert!(skip["comment"].as_str().is_some_and(|text| text.len() > 20), "{name}: {id}: why?");
            }
        }
    }
}

/// No secret is in the text, nor comes as a parameter that history keeps.
#[test]
fn no_secret_is_in_text() {
    for name in NAMES {
        let workload = workload(name);
        for (parameter, declared) in workload.section("Parameters").as_object().unwrap() {
            let named = parameter.to_lowercase();
            assert!(!["password", "secret", "token"].iter().any(|word| named.contains(word)), "{name}: {parameter}");
            assert!(declared.get("NoEcho").is_none(), "{name}: {parameter}");
        }
        for (id, resource) in workload.resources() {
            let properties = &resource["Properties"];
            assert!(properties.get("MasterUserPassword").is_none(), "{name}: {id}");
            if let Some(token) = properties.get("AuthToken") {
                assert!(token.as_str().unwrap().starts_with("{{resolve:secretsmanager:"), "{name}: {id}");
            }
            if resource["Type"] == "AWS::SecretsManager::Secret" {
                assert!(properties.get("SecretString").is_none(), "{name}: {id}");
                assert!(properties["GenerateSecretString"]["PasswordLength"].as_u64() >= Some(32), "{name}: {id}");
                assert_eq!(properties["KmsKeyId"], "Key", "{name}: {id}");
            }
        }
    }
}
