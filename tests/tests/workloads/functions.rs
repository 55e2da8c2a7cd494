//! The functions of workloads are built here and deployed there.

use crate::{NAMES, workload};
use e2e::template::{self, Template, list};
use serde_json::Value;
use std::collections::BTreeSet;

fn deployed(template: &Template) -> BTreeSet<String> {
    let functions = template.of_type("AWS::Serverless::Function");
    let zips = functions.filter_map(|(_, function)| function["Properties"]["CodeUri"].as_str());
    zips.map(|zip| zip.rsplit('/').next().unwrap().strip_suffix(".zip").unwrap().to_owned()).collect()
}

/// Every package of `functions/` is deployed by exactly one template, and every template deploys packages of `functions/`.
#[test]
fn each_package_belongs_to_one_template() {
    let mut found: Vec<String> = deployed(&Template::read().unwrap()).into_iter().collect();
    found.extend(NAMES.iter().flat_map(|name| deployed(&workload(name))));
    found.sort();
    let folders = std::fs::read_dir(template::root().join("functions")).unwrap();
    let mut built: Vec<String> = folders
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    built.sort();
    assert_eq!(found, built);
}

#[test]
fn nothing_that_a_function_cannot_take_is_lost() {
    let hipaa = workload("hipaa");
    let (record, queue) = (hipaa.properties("RecordFunction"), hipaa.properties("OutcomesQueue"));
    let source = &record["Events"]["Outcomes"]["Properties"];
    assert_eq!(
        list(&source["FunctionResponseTypes"]),
        ["ReportBatchItemFailures"],
        "one bad message spoils nine good ones"
    );
    assert_eq!(queue["RedrivePolicy"]["deadLetterTargetArn"], "OutcomesDeadLetters.Arn");
    assert!(queue["RedrivePolicy"]["maxReceiveCount"].as_u64() >= Some(3));
    // Lambda's own advice: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
    let timeout = hipaa.global("Timeout").as_u64().unwrap();
    assert!(queue["VisibilityTimeout"].as_u64() >= Some(6 * timeout));
    let kept = hipaa.properties("OutcomesDeadLetters")["MessageRetentionPeriod"].as_u64();
    assert_eq!(kept, Some(14 * 24 * 3600), "somebody must have the time to look");
    assert_eq!(hipaa.properties("OutcomesToQueue")["RawMessageDelivery"], true);
}

/// What one role may write, the other may not: who decides about payments does not keep their books.
#[test]
fn deciding_and_recording_are_apart() {
    let hipaa = workload("hipaa");
    let (process, record) = (hipaa.grants("ProcessFunction"), hipaa.grants("RecordFunction"));
    let writes: Vec<&String> = record.keys().filter(|action| action.starts_with("dynamodb:")).collect();
    assert_eq!(writes, ["dynamodb:PutItem"], "records are added, never changed or deleted");
    assert!(process.contains_key("sns:Publish") && !record.contains_key("sns:Publish"));
    let tables = |function: &str| -> BTreeSet<String> {
        let statements = hipaa.statements(function);
        let of_table = statements.iter().filter(|statement| {
            list(&statement["Action"])
                .iter()
                .any(|action| action.as_str().is_some_and(|action| action.starts_with("dynamodb:")))
        });
        of_table.flat_map(|statement| list(&statement["Resource"])).map(|arn| arn.to_string()).collect()
    };
    assert!(tables("ProcessFunction").iter().all(|arn| arn.contains("Requests")));
    assert!(tables("RecordFunction").iter().all(|arn| arn.contains("Records")));
}

/// The schedule sends what the sample says, and the function's own tests read.
#[test]
fn the_schedule_sends_its_sample() {
    let hipaa = workload("hipaa");
    let sent = hipaa.properties("ResumeRule")["Targets"][0]["Input"].as_str().unwrap();
    let sample = template::json("topologies/hipaa/events/resume.json").unwrap();
    assert_eq!(serde_json::from_str::<Value>(sent).unwrap(), sample);
}
