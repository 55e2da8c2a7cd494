//! Counts of one invocation as CloudWatch's embedded metric format: one JSON line on standard output
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The namespace that the alarms of workload.yaml look at.
const NAMESPACE: &str = "Payments";

/// Prints the counts, zeros too: an alarm must see the end of what it saw the begin of.
pub(crate) fn print(counts: &[(&str, u64)]) {
    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|_| "local".into());
    println!("{}", line(&function, counts, Timestamp::now()));
}

fn line(function: &str, counts: &[(&str, u64)], now: Timestamp) -> Value {
    let defined: Vec<Value> = counts.iter().map(|(name, _)| json!({ "Name": name, "Unit": "Count" })).collect();
    let mut whole: Map<String, Value> = counts.iter().map(|(name, n)| ((*name).to_owned(), json!(n))).collect();
    whole.insert("Function".into(), json!(function));
    whole.insert(
        "_aws".into(),
        json!({
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["Function"]], "Metrics": defined }],
        }),
    );
    Value::Object(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_defines_every_metric_that_it_holds() {
        let line = line("f", &[("Recorded", 2), ("Conflicts", 0)], Timestamp::from_second(1).unwrap());
        assert_eq!((&line["Recorded"], &line["Conflicts"], &line["Function"]), (&json!(2), &json!(0), &json!("f")));
        let defined = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        assert_eq!(defined.len(), 2);
        assert_eq!(line["_aws"]["Timestamp"], 1000);
    }
}
