//! The check of roles against calls, on made-up roles; and what the real template owes without a run.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use e2e::iam::{Calls, Dependent, Finding, Function, compare, of_journal};
use e2e::template::Template;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

fn set(items: &[&str]) -> BTreeSet<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

/// The findings about one function, in words.
fn findings(allows: &[&str], features: &[&str], calls: &[&str]) -> Vec<String> {
    let grants = allows.iter().map(|action| ((*action).to_owned(), set(&["Sid"]))).collect();
    let functions = BTreeMap::from([("F".to_owned(), Function { grants, features: set(features) })]);
    let calls = BTreeMap::from([("F".to_owned(), set(calls))]);
    let found = compare(&calls, &functions, &Dependent::read().unwrap());
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn exactly_right_is_silence() {
    let allows = ["ec2:DescribeVpcs", "logs:CreateLogStream", "logs:PutLogEvents"];
    assert_eq!(findings(&allows, &["log-group"], &["ec2:DescribeVpcs"]), [""; 0]);
}

#[test]
fn too_little_and_too_much() {
    assert_eq!(
        findings(&["ec2:DescribeVpcs", "ec2:DeleteVpc"], &[], &["ec2:DescribeVpcs", "ec2:DescribeSecurityGroups"]),
        [
            "F: needs ec2:DescribeSecurityGroups, its role does not allow it",
            "F: allows ec2:DeleteVpc (Sid), nothing used it"
        ]
    );
}

#[test]
fn wildcards_cannot_be_told_apart() {
    assert_eq!(
        findings(&["ec2:Describe*", "ec2:DescribeVpcs"], &[], &["ec2:DescribeVpcs"]),
        ["F: ec2:Describe*: name the actions one by one"]
    );
}

#[test]
fn what_publishing_to_an_encrypted_topic_needs() {
    let needs = "F: needs kms:GenerateDataKey, its role does not allow it";
    assert_eq!(findings(&["sns:Publish", "kms:Decrypt"], &[], &["sns:Publish"]), [needs]);
    // Without the call, what it would need is too much.
    assert_eq!(
        findings(&["ec2:DescribeVpcs", "kms:Decrypt"], &[], &["ec2:DescribeVpcs"]),
        ["F: allows kms:Decrypt (Sid), nothing used it"]
    );
}

#[test]
fn tagging_rules_is_not_granted_because_we_do_not() {
    let allows = ["ec2:AuthorizeSecurityGroupIngress", "ec2:CreateTags"];
    assert_eq!(
        findings(&allows, &[], &["ec2:AuthorizeSecurityGroupIngress"]),
        ["F: allows ec2:CreateTags (Sid), nothing used it"]
    );
}

#[test]
fn batches_are_authorized_as_the_single_call() {
    assert_eq!(findings(&["sqs:SendMessage"], &[], &["sqs:SendMessageBatch"]), [""; 0]);
    assert_eq!(
        findings(&["sqs:SendMessageBatch"], &[], &["sqs:SendMessageBatch"]),
        [
            "F: needs sqs:SendMessage, its role does not allow it",
            "F: allows sqs:SendMessageBatch (Sid), nothing used it"
        ]
    );
}

#[test]
fn a_transaction_explains_some_of_its_actions() {
    let call = ["dynamodb:TransactWriteItems"];
    assert_eq!(findings(&["dynamodb:PutItem"], &[], &call), [""; 0]);
    assert_eq!(
        findings(&["dynamodb:GetItem"], &[], &call),
        [
            "F: needs one of those of dynamodb:TransactWriteItems, its role does not allow it",
            "F: allows dynamodb:GetItem (Sid), nothing used it"
        ]
    );
}

#[test]
fn a_run_that_called_nothing_proves_nothing() {
    assert_eq!(findings(&["ec2:DescribeVpcs"], &["log-group"], &[]), ["F: called nothing in this run"]);
}

#[test]
fn calls_of_a_function_that_the_template_does_not_have() {
    let calls = BTreeMap::from([("Ghost".to_owned(), Calls::from(["ec2:DescribeVpcs".to_owned()]))]);
    let found = compare(&calls, &BTreeMap::new(), &Dependent::read().unwrap());
    assert_eq!(found, [Finding::Stranger { function: "Ghost".into() }]);
}

#[test]
fn a_journal_is_read_by_function_and_by_what_the_policies_were_asked() {
    let session = |function: &str| format!("arn:aws:sts::111122223333:assumed-role/net-Role-1A2B/{function}");
    let journal = [
        json!({"caller": session("net-security-groups"), "service": "ec2", "action": "DescribeVpcs", "decisions": []}),
        json!({"caller": session("net-security-groups"), "service": "dynamodb", "action": "TransactWriteItems",
            "decisions": [{"action": "dynamodb:PutItem"}, {"action": "dynamodb:ConditionCheckItem"}]}),
        json!({"caller": session("net-sweep"), "service": "events", "action": "PutEvents",
            "decisions": [{"action": "events:PutEvents"}, {"action": "events:PutEvents"}]}),
        json!({"caller": session("alex"), "service": "ec2", "action": "DeleteVpc", "decisions": []}),
        json!({"caller": "arn:aws:iam::111122223333:user/net-sweep", "service": "ec2", "action": "DeleteVpc"}),
    ];
    let calls = of_journal(&journal, &Template::read().unwrap().function_names("net"));
    let enforce = set(&["dynamodb:ConditionCheckItem", "dynamodb:PutItem", "ec2:DescribeVpcs"]);
    let expected =
        [("SecurityGroupsFunction".to_owned(), enforce), ("SweepFunction".into(), set(&["events:PutEvents"]))];
    assert_eq!(calls, BTreeMap::from(expected));
}

#[test]
fn the_table_says_why_and_where_for_each() {
    let Dependent { about, renamed, dependent, unexercised } = Dependent::read().unwrap();
    assert!(!about.is_empty());
    let entries = renamed.iter().map(|one| (&one.why, &one.source, &one.actions));
    for (why, source, actions) in entries.chain(dependent.iter().map(|one| (&one.why, &one.source, &one.actions))) {
        assert!(!why.is_empty() && !actions.is_empty());
        assert!(source.starts_with("https://docs.aws.amazon.com/"), "{source}: not AWS's own word");
    }
    for needs in &dependent {
        assert!(needs.when.call.is_some() != needs.when.feature.is_some(), "{}: a call, or a feature", needs.why);
    }
    let functions = Template::read().unwrap().functions();
    for one in &unexercised {
        assert!(!one.why.is_empty());
        for name in &one.functions {
            let granted = functions.get(name).map(|function| &function.grants);
            assert!(
                granted.is_some_and(|granted| one.actions.iter().any(|action| granted.contains_key(action))),
                "{name}"
            );
        }
    }
}

/// Needs no run: whatever a function calls, Lambda must be able to do its part with the role.
#[test]
fn what_lambda_needs_is_in_each_role() {
    let template = Template::read().unwrap();
    let dependent = Dependent::read().unwrap();
    for (name, function) in template.functions() {
        // Only the features' actions can be missing when the calls are taken to be all that is allowed.
        let calls = BTreeMap::from([(name.clone(), function.grants.keys().cloned().collect())]);
        let found = compare(&calls, &BTreeMap::from([(name, function)]), &dependent);
        assert_eq!(found, [], "{}", found.iter().map(|finding| format!("{finding}\n")).collect::<String>());
    }
}

/// The roles of the functions that may only look hold nothing that writes but their own logs.
#[test]
fn planning_roles_cannot_write() {
    let template = Template::read().unwrap();
    let functions = template.functions();
    let planning: Vec<_> = functions.iter().filter(|(name, _)| name.ends_with("PlanFunction")).collect();
    assert!(!planning.is_empty());
    for (name, function) in planning {
        let writes = function.grants.keys().filter(|action| {
            let operation = action.split(':').next_back().unwrap_or_default();
            !["Describe", "Get", "List", "Query"].iter().any(|verb| operation.starts_with(verb))
        });
        assert_eq!(writes.collect::<Vec<_>>(), ["logs:CreateLogStream", "logs:PutLogEvents"], "{name}");
    }
}
