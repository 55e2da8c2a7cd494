//! What `template.yaml` promises: each rule lets through what it should and nothing else, nothing that holds data is deleted with the
//! stack, nothing that can fail is lost, and each control has every part that a control has.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use e2e::template::{self, Template, list};
use plumb::pattern::Pattern;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use topology::ControlId;

fn template() -> Template {
    Template::read().unwrap()
}

/// `security-groups` → `SecurityGroups`, the prefix of its block's logical ids.
fn prefix(control: ControlId) -> String {
    control.name().split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// Which rules let each sample event through. A new event, or a new rule, is decided about here.
const EXPECTED: &[(&str, &[&str])] = &[
    ("cloudformation/delete-complete.json", &["SweepStacksRule"]),
    ("cloudformation/other-update-complete-cleanup.json", &[]),
    ("cloudformation/other-update-in-progress.json", &[]),
    ("cloudformation/update-complete.json", &["SweepStacksRule"]),
    ("cloudformation/update-rollback-failed.json", &["SweepStacksRule"]),
    ("cloudtrail/authorize-egress.json", &["SecurityGroupsCallsRule"]),
    ("cloudtrail/authorize-ingress-by-cloudformation.json", &["SecurityGroupsCallsRule"]),
    ("cloudtrail/authorize-ingress-by-iam-user-in-the-console.json", &["SecurityGroupsCallsRule"]),
    ("cloudtrail/authorize-ingress-by-root.json", &["SecurityGroupsCallsRule"]),
    ("cloudtrail/authorize-ingress-denied.json", &[]),
    ("cloudtrail/authorize-ingress-dry-run.json", &[]),
    ("cloudtrail/authorize-ingress-failed.json", &[]),
    ("cloudtrail/authorize-ingress-flat.json", &["SecurityGroupsCallsRule"]),
    ("cloudtrail/authorize-ingress-parameters-missing.json", &["SecurityGroupsCallsRule"]),
    ("cloudtrail/authorize-ingress-replayed.json", &["SecurityGroupsCallsRule"]),
    ("cloudtrail/authorize-ingress.json", &["SecurityGroupsCallsRule"]),
    ("cloudtrail/create-group.json", &["SecurityGroupsCallsRule"]),
    ("cloudtrail/delete-group.json", &["SecurityGroupsCallsRule"]),
    ("cloudtrail/modify-rules-several.json", &["SecurityGroupsCallsRule"]),
    ("cloudtrail/modify-rules.json", &["SecurityGroupsCallsRule"]),
    ("cloudtrail/other-create-nat-gateway.json", &[]),
    ("cloudtrail/other-disassociate-route-table.json", &[]),
    ("cloudtrail/other-rds-authorize.json", &[]),
    ("cloudtrail/other-service-event.json", &[]),
    ("cloudtrail/revoke-egress.json", &["SecurityGroupsCallsRule"]),
    ("cloudtrail/revoke-ingress-by-plumbline.json", &["SecurityGroupsCallsRule"]),
    ("cloudtrail/revoke-ingress-by-rule-id.json", &["SecurityGroupsCallsRule"]),
    ("cloudtrail/revoke-ingress.json", &["SecurityGroupsCallsRule"]),
    ("cloudtrail/update-descriptions-egress.json", &["SecurityGroupsCallsRule"]),
    ("cloudtrail/update-descriptions-ingress.json", &["SecurityGroupsCallsRule"]),
    ("config/compliance-non-compliant-at-first.json", &["SecurityGroupsComplianceRule"]),
    ("config/compliance-non-compliant.json", &["SecurityGroupsComplianceRule"]),
    ("config/item-change-deleted.json", &["SecurityGroupsConfigItemsRule"]),
    ("config/item-change-oversized.json", &["SecurityGroupsConfigItemsRule"]),
    ("config/item-change-without-diff.json", &["SecurityGroupsConfigItemsRule"]),
    ("config/item-change.json", &["SecurityGroupsConfigItemsRule"]),
    ("config/other-compliance-compliant.json", &[]),
    ("config/other-compliance-vpc.json", &[]),
    ("config/other-item-change-instance.json", &[]),
    ("plumbline/other-outcome.json", &[]),
    ("plumbline/other-reconcile-requested-nat.json", &[]),
    ("plumbline/reconcile-requested-security-groups.json", &["SecurityGroupsRequestedRule"]),
    ("plumbline/reconcile-requested-without-control.json", &["SecurityGroupsRequestedRule"]),
    ("plumbline/reconcile-requested.json", &["SecurityGroupsRequestedRule"]),
    // Delivered by the schedule itself; no pattern may catch it as well.
    ("schedule/sweep.json", &[]),
];

#[test]
fn each_rule_lets_through_what_it_should() {
    let template = template();
    let patterns: BTreeMap<_, _> =
        template.patterns().into_iter().map(|(name, pattern)| (name, Pattern::parse(pattern).unwrap())).collect();
    let events = template::envelopes().unwrap();

    let decided: BTreeSet<_> = EXPECTED.iter().map(|(event, _)| *event).collect();
    let present: BTreeSet<_> = events.keys().map(String::as_str).collect();
    assert_eq!(present, decided, "events/ and EXPECTED name different events");
    let reached: BTreeSet<_> = EXPECTED.iter().flat_map(|(_, rules)| *rules).copied().collect();
    assert_eq!(patterns.keys().copied().collect::<BTreeSet<_>>(), reached, "a rule that no sample event reaches");

    for (name, expected) in EXPECTED {
        let event = &events[*name];
        let through: Vec<_> = patterns.iter().filter(|(_, rule)| rule.matches(event)).map(|(rule, _)| *rule).collect();
        let unmet: Vec<_> = patterns.iter().map(|(rule, pattern)| (rule, pattern.unmet(event))).collect();
        assert_eq!(through, *expected, "{name}: {unmet:#?}");
    }
}

/// Each field of a pattern matters: without it, some sample event would reach a rule that it must not, or the field is named here.
#[test]
fn patterns_are_as_narrow_as_the_facts_allow() {
    // Said for readers and to let EventBridge index the rule; the other fields already decide.
    const BESIDE: &[&str] = &["source", "eventSource", "messageType", "detail-type"];
    let events = template::envelopes().unwrap();
    for (rule, pattern) in template().patterns() {
        for pointer in leaves(pattern, "") {
            let mut wider = pattern.clone();
            remove(&mut wider, &pointer);
            let Ok(wider) = Pattern::parse(&wider) else { continue };
            let pattern = Pattern::parse(pattern).unwrap();
            let field = pointer.rsplit('/').next().unwrap();
            let matters = events.values().any(|event| wider.matches(event) != pattern.matches(event));
            assert!(matters || BESIDE.contains(&field), "{rule}: no sample event shows what {pointer} is for");
        }
    }
}

fn leaves(value: &Value, at: &str) -> Vec<String> {
    match value {
        Value::Object(map) => map.iter().flat_map(|(key, value)| leaves(value, &format!("{at}/{key}"))).collect(),
        Value::Array(items) if at.ends_with("/$or") => {
            items.iter().enumerate().flat_map(|(position, item)| leaves(item, &format!("{at}/{position}"))).collect()
        }
        _ => vec![at.to_owned()],
    }
}

fn remove(value: &mut Value, pointer: &str) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    value.pointer_mut(parent).and_then(Value::as_object_mut).unwrap().remove(key);
}

#[test]
fn patterns_fit_and_rules_are_live() {
    for (rule, pattern) in template().patterns() {
        // The quota of "Event pattern size" in the EventBridge user guide.
        assert!(pattern.to_string().len() <= 2048, "{rule}");
    }
    for (rule, resource) in template().of_type("AWS::Events::Rule") {
        assert_eq!(resource["Properties"].get("State"), None, "{rule}: deployed disabled?");
    }
}

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

/// The rules that a queue's policy lets in.
fn senders(template: &Template, queue: &str) -> BTreeSet<String> {
    statements(template, queue)
        .iter()
        .filter(|statement| statement["Effect"] == "Allow")
        .flat_map(|statement| {
            assert_eq!(statement["Action"], "sqs:SendMessage", "{queue}");
            assert_eq!(statement["Principal"], serde_json::json!({"Service": "events.amazonaws.com"}), "{queue}");
            list(&statement["Condition"]["ArnEquals"]["aws:SourceArn"]).into_iter().cloned().collect::<Vec<_>>()
        })
        .map(|arn| arn.as_str().unwrap().strip_suffix(".Arn").unwrap().to_owned())
        .collect()
}

/// The statements of a queue's policy.
fn statements(template: &Template, queue: &str) -> Vec<Value> {
    let policies: Vec<_> = template
        .of_type("AWS::SQS::QueuePolicy")
        .filter(|(_, policy)| list(&policy["Properties"]["Queues"]).iter().any(|name| *name == queue))
        .collect();
    assert_eq!(policies.len(), 1, "{queue}: one policy");
    list(&policies[0].1["Properties"]["PolicyDocument"]["Statement"]).into_iter().cloned().collect()
}

#[test]
fn queues_are_closed_encrypted_and_empty_into_one_that_is_watched() {
    let template = template();
    let targets: BTreeMap<String, BTreeSet<String>> =
        template.of_type("AWS::Events::Rule").fold(BTreeMap::new(), |mut found, (rule, resource)| {
            for target in list(&resource["Properties"]["Targets"]) {
                for arn in [&target["Arn"], &target["DeadLetterConfig"]["Arn"]] {
                    let name = arn.as_str().unwrap().strip_suffix(".Arn").unwrap();
                    found.entry(name.to_owned()).or_default().insert(rule.to_owned());
                }
            }
            found
        });
    for (name, queue) in template.of_type("AWS::SQS::Queue") {
        let properties = &queue["Properties"];
        assert_eq!(properties["SqsManagedSseEnabled"], true, "{name}");
        let policy = statements(&template, name);
        let refused = policy.iter().any(|statement| {
            statement["Effect"] == "Deny" && statement["Condition"]["Bool"]["aws:SecureTransport"] == "false"
        });
        assert!(refused, "{name}: without TLS");
        assert_eq!(
            senders(&template, name),
            targets[name],
            "{name}: the rules that target it, and those that it lets in"
        );

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
        assert_eq!(
            function["Properties"].get("Timeout"),
            None,
            "{name}: one time-out for all, so that this test sees it"
        );
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

#[test]
fn what_holds_data_outlives_the_stack() {
    let template = template();
    let kinds = ["AWS::DynamoDB::Table", "AWS::Logs::LogGroup"];
    for (name, resource) in kinds.iter().flat_map(|kind| template.of_type(kind)) {
        assert_eq!(resource["DeletionPolicy"], "Retain", "{name}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
    }
    for (name, layer) in template.of_type("AWS::Serverless::LayerVersion") {
        assert_eq!(layer["Properties"]["RetentionPolicy"], "Retain", "{name}: a roll-back needs the old version");
    }
    let ledger = template.properties("Ledger");
    assert_eq!(ledger["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(ledger["SSESpecification"]["SSEEnabled"], true);
    assert_eq!(ledger["DeletionProtectionEnabled"], true);
    assert_eq!(ledger["TimeToLiveSpecification"]["AttributeName"], "ttl");
}

#[test]
fn each_control_has_all_its_parts() {
    let template = template();
    let events = template::envelopes().unwrap();
    for control in ControlId::ALL {
        let (prefix, name) = (prefix(*control), control.name());
        let parts = [
            ("Queue", "AWS::SQS::Queue"),
            ("DeadLetters", "AWS::SQS::Queue"),
            ("QueuePolicy", "AWS::SQS::QueuePolicy"),
            ("DeadLettersPolicy", "AWS::SQS::QueuePolicy"),
            ("Function", "AWS::Serverless::Function"),
            ("PlanFunction", "AWS::Serverless::Function"),
            ("Role", "AWS::IAM::Role"),
            ("PlanRole", "AWS::IAM::Role"),
            ("Logs", "AWS::Logs::LogGroup"),
            ("PlanLogs", "AWS::Logs::LogGroup"),
            ("CallsRule", "AWS::Events::Rule"),
            ("RequestedRule", "AWS::Events::Rule"),
        ];
        let alarms = [
            "DeadLetters",
            "Backlog",
            "Errors",
            "Throttles",
            "Held",
            "Failed",
            "Flapping",
            "Exposures",
            "EventPathBlind",
            "Unpublished",
        ];
        let alarms = alarms.iter().map(|alarm| (format!("{alarm}Alarm"), "AWS::CloudWatch::Alarm"));
        for (part, kind) in parts.iter().map(|(part, kind)| ((*part).to_owned(), *kind)).chain(alarms) {
            let id = format!("{prefix}{part}");
            assert!(template.of_type(kind).any(|(name, _)| name == id), "{name}: no {kind} {id}");
        }

        let (function, plan) =
            (template.properties(&format!("{prefix}Function")), template.properties(&format!("{prefix}PlanFunction")));
        assert_eq!(function["FunctionName"], format!("${{AWS::StackName}}-{name}"));
        assert_eq!(plan["FunctionName"], format!("${{AWS::StackName}}-{name}-plan"));
        assert_eq!(function["CodeUri"], plan["CodeUri"], "{name}: planning and changing are one binary");
        assert_eq!(function["RecursiveLoop"], "Allow", "{name}: AWS would stop its rechecks");
        assert_eq!(plan["Environment"]["Variables"]["PLUMBLINE_HAND_ONLY"], "plan", "{name}");
        assert_eq!(function["Environment"]["Variables"].get("PLUMBLINE_HAND_ONLY"), None, "{name}");
        assert_eq!(plan.get("Events"), None, "{name}: only a person starts the planning function");

        let rules: Vec<_> = template.patterns().into_keys().filter(|rule| rule.starts_with(&prefix)).collect();
        for rule in rules {
            assert_eq!(template.properties(rule)["Targets"][0]["Arn"], format!("{prefix}Queue.Arn"), "{rule}");
        }
        let request = events.get(&format!("plumbline/reconcile-requested-{name}.json"));
        assert_eq!(request.map(|event| &event["detail"]["control"]), Some(&Value::from(name)));
        let may = |policy: &str| template.properties(policy)["PolicyDocument"]["Statement"].to_string();
        assert!(may("MayPlan").contains(&format!("{prefix}PlanFunction.Arn")), "{name}");
        assert!(!may("MayPlan").contains(&format!("{prefix}Function.Arn")), "{name}: planners could change");
        assert!(may("MayChange").contains(&format!("{prefix}Function.Arn")), "{name}");
    }
}

/// No statement says more than its function needs: named actions, and a resource wherever the service knows one.
#[test]
fn roles_name_actions_and_resources() {
    let template = template();
    for (function, _) in template.of_type("AWS::Serverless::Function") {
        for statement in template.statements(function) {
            let sid = statement["Sid"].as_str().unwrap();
            assert_eq!(statement["Effect"], "Allow", "{function}: {sid}");
            let actions: Vec<_> =
                list(&statement["Action"]).into_iter().map(|action| action.as_str().unwrap()).collect();
            assert!(!actions.iter().any(|action| action.contains('*')), "{function}: {sid}");
            if list(&statement["Resource"]).iter().any(|resource| *resource == "*") {
                let describes = actions.iter().all(|action| action.starts_with("ec2:Describe"));
                assert!(describes, "{function}: {sid}: only EC2's Describe calls know no resource");
            }
            let changes =
                actions.iter().any(|action| action.starts_with("ec2:") && !action.starts_with("ec2:Describe"));
            if changes {
                assert!(statement["Condition"]["ArnLike"].get("ec2:Vpc").is_some(), "{function}: {sid}: in any VPC");
            }
            if actions.contains(&"events:PutEvents") {
                assert_eq!(statement["Condition"]["StringEquals"]["events:source"], "plumbline", "{function}: {sid}");
            }
        }
    }
}

#[test]
fn each_function_has_its_own_role_log_and_retention() {
    let template = template();
    let functions: Vec<_> = template.of_type("AWS::Serverless::Function").collect();
    for property in ["Role", "LoggingConfig"] {
        let own: BTreeSet<_> =
            functions.iter().map(|(_, function)| function["Properties"][property].to_string()).collect();
        assert_eq!(own.len(), functions.len(), "{property} shared");
    }
    for (name, group) in template.of_type("AWS::Logs::LogGroup") {
        assert_eq!(group["Properties"]["RetentionInDays"], "LogRetentionDays", "{name}");
    }
}

#[test]
fn alarms_reach_somebody() {
    let template = template();
    let counts = serde_json::to_value(reconciler::Metrics::default()).unwrap();
    let counted: Vec<_> = counts.as_object().unwrap().keys().collect();
    for (name, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
        let properties = &alarm["Properties"];
        assert_eq!(properties["AlarmActions"], serde_json::json!(["Notifications"]), "{name}");
        assert!(properties["AlarmDescription"].as_str().is_some_and(|text| text.len() > 20), "{name}: what to do?");
        if properties["Namespace"] == "Plumbline" {
            let control = properties["Dimensions"][0]["Value"].as_str().unwrap();
            assert!(control == "sweep" || ControlId::from_name(control).is_some(), "{name}: {control}");
            let metric = properties["MetricName"].as_str().unwrap();
            let counted = counted.iter().any(|key| key.replace('_', "").eq_ignore_ascii_case(metric));
            assert!(counted, "{name}: nothing counts {metric}");
            assert_eq!(properties["Dimensions"].as_array().unwrap().len(), 1, "{name}: EMF has one dimension");
        }
    }
}

/// The guarantee behind the events is watched itself: that it runs, that it works, what it could not read.
#[test]
fn the_sweep_is_watched() {
    let template = template();
    for alarm in ["Silent", "Errors", "DeadLetters", "RefusedDocuments"] {
        assert!(template.properties(&format!("Sweep{alarm}Alarm")).is_object(), "{alarm}");
    }
    assert_eq!(template.properties("SweepSilentAlarm")["TreatMissingData"], "breaching", "silence is the alarm");
}

/// CloudFormation answers "'null' values are not allowed in templates", event patterns included; cfn-lint does not know it
/// (<https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1378>).
#[test]
fn nothing_is_null() {
    fn nulls(value: &Value, at: &str) -> Vec<String> {
        match value {
            Value::Null => vec![at.to_owned()],
            Value::Array(items) => {
                items.iter().enumerate().flat_map(|(n, item)| nulls(item, &format!("{at}/{n}"))).collect()
            }
            Value::Object(fields) => {
                fields.iter().flat_map(|(name, item)| nulls(item, &format!("{at}/{name}"))).collect()
            }
            _ => vec![],
        }
    }
    let template = template();
    for section in ["Parameters", "Rules", "Conditions", "Globals", "Resources", "Outputs", "Metadata"] {
        assert_eq!(nulls(template.section(section), section), Vec::<String>::new());
    }
}

#[test]
fn parameters_and_outputs_are_described() {
    let template = template();
    let interface = &template.section("Metadata")["AWS::CloudFormation::Interface"];
    let grouped: Vec<_> =
        list(&interface["ParameterGroups"]).iter().flat_map(|group| list(&group["Parameters"])).collect();
    for (name, parameter) in template.section("Parameters").as_object().unwrap() {
        assert!(parameter["Description"].as_str().is_some_and(|text| text.len() > 20), "{name}");
        assert!(parameter.get("Default").is_some(), "{name}: a first deploy must not ask");
        assert!(grouped.iter().any(|parameter| *parameter == name), "{name}: in no group");
        assert!(interface["ParameterLabels"].get(name).is_some(), "{name}: no label");
    }
    for (name, output) in template.section("Outputs").as_object().unwrap() {
        assert!(output["Description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
}

/// The packages that the template deploys are the packages that the workspace builds.
#[test]
fn each_function_is_built() {
    for (name, function) in template().of_type("AWS::Serverless::Function") {
        let zip = function["Properties"]["CodeUri"].as_str().unwrap();
        let package = zip.strip_prefix("dist/").and_then(|zip| zip.strip_suffix(".zip")).unwrap();
        assert!(template::root().join("functions").join(package).join("Cargo.toml").is_file(), "{name}: {zip}");
    }
}

#[test]
fn sample_events_are_listed_and_wrapped_as_they_are() {
    let readme = std::fs::read_to_string(template::root().join("events/README.md")).unwrap();
    let samples = template::samples().unwrap();
    for (path, event) in &samples {
        let name = path.rsplit('/').next().unwrap();
        let listed = readme.contains(name) || readme.contains(&format!("`{}`", name.trim_end_matches(".json")));
        assert!(listed, "events/README.md does not name {path}");
        for record in list(&event["Records"]) {
            let body = record["body"].as_str().unwrap();
            if path.starts_with("sqs/") {
                let body: Value = serde_json::from_str(body).unwrap();
                let ours = body.get("plumbline").is_some() || body.get("Type").is_some();
                assert!(ours || samples.values().any(|sample| *sample == body), "{path}: a body that is no sample");
            }
        }
    }
}
