//! Metrics as CloudWatch's embedded metric format: one JSON line an invocation, which Lambda's log group turns into metrics
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//!
//! One dimension, the control: a metric a topology would cost more than the Lambdas.
//!
//! Written here and not by `metrique`, which AWS makes: that brings some forty crates into every function, among them a histogram, a
//! sampler and a background queue, for a line that is printed once an invocation and has a fixed form.

use aws::Called;
use jiff::Timestamp;
use reconciler::Metrics;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The namespace that the alarms of template.yaml look at.
const NAMESPACE: &str = "Plumbline";
/// One metric takes so many values a line.
const MOST_VALUES: usize = 100;

/// Prints the counts of one invocation. Every count is printed, zeros too: an alarm must see the end of what it saw the begin of.
pub(crate) fn print(control: &str, metrics: &Metrics, calls: &BTreeMap<Called, u64>, now: Timestamp) {
    println!("{}", line(control, metrics, calls, now));
}

fn line(control: &str, metrics: &Metrics, calls: &BTreeMap<Called, u64>, now: Timestamp) -> Value {
    let counts: Vec<(&str, u64)> = metrics.counts().chain([("ApiCalls", calls.values().sum())]).collect();
    let mut defined: Vec<Value> = counts.iter().map(|(name, _)| json!({ "Name": name, "Unit": "Count" })).collect();
    let mut whole: Map<String, Value> = counts.into_iter().map(|(name, count)| (name.into(), json!(count))).collect();
    if !metrics.event_to_fix_ms.is_empty() {
        defined.push(json!({ "Name": "EventToFix", "Unit": "Milliseconds" }));
        // The slowest ones are the ones to know of.
        let mut slowest = metrics.event_to_fix_ms.clone();
        slowest.sort_unstable_by(|a, b| b.cmp(a));
        slowest.truncate(MOST_VALUES);
        whole.insert("EventToFix".into(), json!(slowest));
    }
    whole.insert("Control".into(), json!(control));
    // Not metrics: each operation would be one more to pay for. A query over the logs finds them.
    let calls = calls.iter().map(|(Called { service, operation }, n)| (format!("{service}.{operation}"), json!(n)));
    whole.insert("Calls".into(), Value::Object(calls.collect()));
    whole.insert(
        "_aws".into(),
        json!({
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["Control"]], "Metrics": defined }],
        }),
    );
    Value::Object(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_defines_every_metric_that_it_holds() {
        let metrics = Metrics { drifts: 2, held: 1, event_to_fix_ms: (0..150).collect(), ..Metrics::default() };
        let called = Called { service: "EC2".into(), operation: "DescribeSecurityGroupRules".into() };
        let line = line("security-groups", &metrics, &[(called, 2)].into(), Timestamp::from_second(1).unwrap());
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(line["_aws"]["Timestamp"], 1000);
        assert_eq!(directive["Dimensions"], json!([["Control"]]));
        assert_eq!(line["Control"], "security-groups");
        for metric in directive["Metrics"].as_array().unwrap() {
            let value = &line[metric["Name"].as_str().unwrap()];
            assert!(value.is_number() || value.as_array().is_some_and(|values| values.len() <= 100), "{metric}");
        }
        assert_eq!((&line["Drifts"], &line["Held"], &line["Failed"]), (&json!(2), &json!(1), &json!(0)));
        assert_eq!(line["EventToFix"][0], 149);
        assert_eq!((&line["ApiCalls"], &line["Calls"]["EC2.DescribeSecurityGroupRules"]), (&json!(2), &json!(2)));
    }

    #[test]
    fn no_fix_has_no_time() {
        let line = line("sweep", &Metrics::default(), &BTreeMap::new(), Timestamp::UNIX_EPOCH);
        assert_eq!(line.get("EventToFix"), None);
        assert!(!line["_aws"].to_string().contains("EventToFix"));
    }
}
