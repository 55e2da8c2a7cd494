//! AWS Config, both ways: which items and verdicts wake which control, and the rule of our own.

use crate::{prefix, template};
use e2e::template::list;
use plumb::pattern::Pattern;
use reconciler::{ConfigType, When};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use topology::ControlId;

fn event(kind: &str, detail: Value) -> Value {
    json!({
        "version": "0", "id": "1", "detail-type": kind, "source": "aws.config", "account": "111122223333",
        "time": "2026-11-20T03:00:00Z", "region": "eu-west-1", "resources": [], "detail": detail,
    })
}

fn item(kind: &str, status: &str) -> Value {
    let gone = status.starts_with("ResourceDeleted");
    let item = json!({
        "resourceType": kind, "resourceId": "x", "configurationItemStatus": status,
        "configuration": if gone { Value::Null } else { json!({}) },
    });
    let detail = json!({ "messageType": "ConfigurationItemChangeNotification", "configurationItemDiff": null, "configurationItem": item });
    event("Config Configuration Item Change", detail)
}

fn oversized(kind: &str) -> Value {
    let summary =
        json!({ "resourceType": kind, "resourceId": "x", "configurationItemStatus": "OK", "changeType": "UPDATE" });
    let detail =
        json!({ "messageType": "OversizedConfigurationItemChangeNotification", "configurationItemSummary": summary });
    event("Config Configuration Item Change", detail)
}

fn verdict(kind: &str, old: Option<&str>, new: &str) -> Value {
    let mut detail = json!({
        "messageType": "ComplianceChangeNotification", "resourceType": kind, "resourceId": "x",
        "newEvaluationResult": { "complianceType": new },
    });
    if let Some(old) = old {
        detail["oldEvaluationResult"] = json!({ "complianceType": old });
    }
    event("Config Rules Compliance Change", detail)
}

fn pattern(rule: &str) -> Pattern {
    let template = template();
    let patterns = template.patterns();
    Pattern::parse(&patterns[rule]).unwrap()
}

/// Every type that we know, and one that is nobody's.
fn names() -> impl Iterator<Item = (&'static str, Option<ConfigType>)> {
    ConfigType::ALL.iter().map(|kind| (kind.name(), Some(*kind))).chain([("AWS::EC2::Instance", None)])
}

#[test]
fn an_item_wakes_whom_the_table_says() {
    for control in ControlId::ALL {
        let rule = pattern(&format!("{}ConfigItemsRule", prefix(*control)));
        for (name, kind) in names() {
            let when =
                ConfigType::waking(*control).iter().find(|(waking, _)| Some(*waking) == kind).map(|(_, when)| *when);
            let wakes = |event: &Value, expected: bool| assert_eq!(rule.matches(event), expected, "{control}: {event}");
            wakes(&item(name, "ResourceDiscovered"), when.is_some());
            wakes(&item(name, "ResourceDeleted"), when.is_some());
            wakes(&item(name, "OK"), when == Some(When::Any));
            wakes(&oversized(name), when == Some(When::Any));
        }
    }
}

#[test]
fn a_verdict_wakes_whom_the_table_says() {
    for control in ControlId::ALL {
        let rule = pattern(&format!("{}ComplianceRule", prefix(*control)));
        for (name, kind) in names() {
            let hears = kind.is_some_and(|kind| ConfigType::heard_of(*control).contains(&kind));
            for old in [None, Some("COMPLIANT"), Some("NOT_APPLICABLE")] {
                assert_eq!(rule.matches(&verdict(name, old, "NON_COMPLIANT")), hears, "{control}: {name} {old:?}");
            }
            for better in ["COMPLIANT", "NOT_APPLICABLE", "INSUFFICIENT_DATA"] {
                assert!(!rule.matches(&verdict(name, Some("NON_COMPLIANT"), better)), "{control}: {name} {better}");
            }
        }
    }
}

#[test]
fn the_rule_covers_what_the_controls_judge_and_is_asked_in_every_way() {
    let template = template();
    let rule = template.properties("ConfigRuleOfTopologies");
    let scope: BTreeSet<_> =
        list(&rule["Scope"]["ComplianceResourceTypes"]).into_iter().filter_map(Value::as_str).collect();
    assert_eq!(scope, ConfigType::judged().map(ConfigType::name).collect());

    let source = &rule["Source"];
    assert_eq!(
        (&source["Owner"], &source["SourceIdentifier"]),
        (&json!("CUSTOM_LAMBDA"), &json!("ConfigRuleFunction.Arn"))
    );
    let asked: BTreeSet<_> =
        list(&source["SourceDetails"]).into_iter().filter_map(|one| one["MessageType"].as_str()).collect();
    let every = [
        "ConfigurationItemChangeNotification",
        "OversizedConfigurationItemChangeNotification",
        "ScheduledNotification",
    ];
    assert_eq!(asked, BTreeSet::from(every));

    let permission = template.properties("ConfigRulePermission");
    assert_eq!(permission["Principal"], "config.amazonaws.com");
    assert_eq!(permission["SourceAccount"], "AWS::AccountId", "whose Config it is");
}

/// The whole block is there or not at all: who does not use AWS Config pays for nothing and grants nothing.
#[test]
fn the_block_is_behind_its_parameter() {
    let template = template();
    let block: Vec<_> = template.resources().filter(|(name, _)| name.starts_with("ConfigRule")).collect();
    assert!(block.len() >= 8, "{}", block.len());
    for (name, resource) in block {
        assert_eq!(resource["Condition"], "HasConfigRule", "{name}");
    }
    let parameter = &template.section("Parameters")["ConfigRule"];
    assert_eq!(parameter["Default"], "off");
    let said = parameter["Description"].as_str().unwrap();
    for need in ["recorder", "delivery channel"] {
        assert!(said.contains(need), "{need} is not said");
    }
}

/// AWS Config invokes it for each item that a deploy changes: it must leave the describes to those that enforce, and lose nothing.
#[test]
fn the_rule_waits_its_turn() {
    let template = template();
    let function = template.properties("ConfigRuleFunction");
    assert!(function["ReservedConcurrentExecutions"].to_string().contains("Reserves"), "a storm of items has no bound");
    let hours = function["EventInvokeConfig"]["MaximumEventAgeInSeconds"].as_u64().unwrap() / 3600;
    assert!(hours >= 6, "what waits for {hours} h is given up");
}

/// It looks at what the planning functions look at, each by its own role, and the one thing that it writes is evaluations.
#[test]
fn the_rule_may_look_as_the_planning_functions_and_hand_in() {
    let template = template();
    let mut expected: BTreeSet<String> = BTreeSet::new();
    for control in ControlId::ALL {
        expected.extend(template.grants(&format!("{}PlanFunction", prefix(*control))).into_keys());
    }
    let own = ["config:PutEvaluations", "config:GetComplianceDetailsByConfigRule", "sqs:SendMessage"];
    expected.extend(own.map(Into::into));
    let granted: BTreeSet<_> = template.grants("ConfigRuleFunction").into_keys().collect();
    assert_eq!(granted, expected);
}
