//! Rules and the sample events of `events/`.

use crate::expected::EXPECTED;
use crate::{prefix, template};
use e2e::template::{self, list};
use plumb::pattern::Pattern;
use reconciler::Decoded;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use topology::{ControlId, Place};

#[test]
fn each_rule_lets_through_what_it_should() {
    let template = template();
    let patterns: BTreeMap<_, _> =
        template.patterns().into_iter().map(|(name, pattern)| (name, Pattern::parse(&pattern).unwrap())).collect();
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
    // Only these calls carry a `resourcesSet`.
    const BESIDE_IN: &[(&str, &str)] = &[
        ("NatTagsRule", "/detail/eventName"),
        ("RoutesTagsRule", "/detail/eventName"),
        ("EndpointsTagsRule", "/detail/eventName"),
    ];
    let events = template::envelopes().unwrap();
    for (rule, pattern) in template().patterns() {
        for pointer in leaves(&pattern, "") {
            let mut wider = pattern.clone();
            remove(&mut wider, &pointer);
            let Ok(wider) = Pattern::parse(&wider) else { continue };
            let pattern = Pattern::parse(&pattern).unwrap();
            let field = pointer.rsplit('/').next().unwrap();
            let matters = events.values().any(|event| wider.matches(event) != pattern.matches(event));
            let beside = BESIDE.contains(&field) || BESIDE_IN.contains(&(rule, pointer.as_str()));
            assert!(matters || beside, "{rule}: no sample event shows what {pointer} is for");
        }
    }
}

/// The sweep asks whether a trail logs the calls of every service that a rule listens to.
#[test]
fn what_rules_listen_to_is_what_a_trail_must_log() {
    let mut heard = BTreeSet::new();
    for (_, pattern) in template().patterns() {
        let sources = pattern.pointer("/detail/eventSource").map(list).unwrap_or_default();
        heard.extend(sources.into_iter().filter_map(Value::as_str).map(ToOwned::to_owned));
    }
    let asked: BTreeSet<_> = reconciler::EVENT_SOURCES.iter().map(ToString::to_string).collect();
    assert_eq!(heard.difference(&asked).collect::<Vec<_>>(), Vec::<&String>::new(), "calls that may be lost unseen");
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

/// What a rule lets through, its control can read: an event that wakes a function for nothing is a rule too many.
#[test]
fn what_reaches_a_control_is_understood() {
    let home = Place::new("111122223333", "eu-west-1");
    let now = serde_json::from_value(json!("2026-11-20T03:00:00Z")).unwrap();
    let events = template::envelopes().unwrap();
    let mut batches = template::samples().unwrap();
    batches.retain(|path, _| path.starts_with("sqs/"));
    for control in ControlId::ALL {
        let mine = |rules: &[&str]| rules.iter().any(|rule| rule.starts_with(&prefix(*control)));
        let reaching =
            EXPECTED.iter().filter(|(_, rules)| mine(rules)).map(|(path, _)| (*path, events[*path].to_string()));
        let queue = format!("plumbline-{}", control.name());
        let sent = batches
            .iter()
            .flat_map(|(path, batch)| list(&batch["Records"]).into_iter().map(move |record| (path, record)));
        let sent = sent.filter(|(_, record)| record["eventSourceARN"].as_str().unwrap().ends_with(&queue));
        // A storm holds a failed call on purpose.
        let sent = sent.filter(|(path, _)| *path != "sqs/storm.json");
        let sent = sent.map(|(path, record)| (path.as_str(), record["body"].as_str().unwrap().to_owned()));
        for (path, body) in reaching.chain(sent) {
            match reconciler::decode(*control, &body, &home, now) {
                Ok(Decoded::Look(hints)) => assert!(hints.iter().all(|hint| hint.place == home), "{path}: {hints:?}"),
                other => panic!("{path} wakes {} for nothing: {other:?}", control.name()),
            }
        }
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
