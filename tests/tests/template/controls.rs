//! The parts of a control, and who watches them.

use crate::{prefix, template};
use e2e::template;
use serde_json::Value;
use topology::ControlId;

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
        assert_eq!(
            function["Environment"]["Variables"].get("PLUMBLINE_FLOW_LOGS_ROLE"),
            plan["Environment"]["Variables"].get("PLUMBLINE_FLOW_LOGS_ROLE"),
            "{name}: planning and changing see the same"
        );
        let request = events.get(&format!("plumbline/reconcile-requested-{name}.json"));
        assert_eq!(request.map(|event| &event["detail"]["control"]), Some(&Value::from(name)));
        let may = |policy: &str| template.properties(policy)["PolicyDocument"]["Statement"].to_string();
        assert!(may("MayPlan").contains(&format!("{prefix}PlanFunction.Arn")), "{name}");
        assert!(!may("MayPlan").contains(&format!("\"{prefix}Function.Arn\"")), "{name}: planners could change");
        assert!(may("MayChange").contains(&format!("\"{prefix}Function.Arn\"")), "{name}");
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
    // It repairs stacks and tells people, as the controls do.
    for (alarm, metric) in [("Failed", "NewFailures"), ("Unpublished", "Unpublished")] {
        let (sweeps, controls) = (format!("Sweep{alarm}Alarm"), format!("Routes{alarm}Alarm"));
        assert_eq!(template.properties(&sweeps)["MetricName"], metric);
        assert_eq!(template.properties(&sweeps)["Dimensions"][0]["Value"], "sweep");
        assert_eq!(template.properties(&sweeps)["Period"], template.properties(&controls)["Period"]);
    }
    assert_eq!(template.properties("SweepSilentAlarm")["TreatMissingData"], "breaching", "silence is the alarm");
}
