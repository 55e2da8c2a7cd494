//! The table over the flow logs is of what the control makes.

use crate::workload;
use e2e::template::{self, list};
use serde_json::Value;
use topology::flow_logs::DEFAULT_FORMAT;
use topology::network::FlowDestination;

#[test]
fn the_table_reads_what_the_flow_log_writes() {
    let path = template::root().join("topologies/three-tier/topology.yaml");
    let topology = topology::document::read("topology.yaml", &std::fs::read_to_string(path).unwrap()).unwrap();
    let logs = topology.vpcs["main"].flow_logs.clone().unwrap();
    let (bucket, prefix) = logs
        .iter()
        .find_map(|log| match &log.destination {
            FlowDestination::S3 { bucket, prefix, parquet, hive, hourly } => {
                assert!(*parquet && !hive && !hourly, "the table is of Parquet, a folder a day");
                assert_eq!(log.format, None, "the table has the columns of the default format");
                Some((bucket.clone(), prefix.clone()))
            }
            FlowDestination::CloudWatch { .. } => None,
        })
        .unwrap();
    assert_eq!(prefix, None);

    let three = workload("three-tier");
    let named = bucket.replace("{account}", "${AWS::AccountId}").replace("{region}", "${AWS::Region}");
    assert_eq!(three.properties("FlowLogs")["BucketName"], Value::from(named));

    let table = &three.properties("FlowLogsTable")["TableInput"];
    let columns: Vec<&str> = list(&table["StorageDescriptor"]["Columns"])
        .into_iter()
        .map(|column| column["Name"].as_str().unwrap())
        .collect();
    let fields: Vec<String> = DEFAULT_FORMAT
        .split_whitespace()
        .map(|field| field.trim_start_matches("${").trim_end_matches('}').replace('-', "_"))
        .collect();
    assert_eq!(columns, fields);
    // <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html>
    let folder = "s3://${FlowLogs}/AWSLogs/${AWS::AccountId}/vpcflowlogs/${AWS::Region}/";
    assert_eq!(table["StorageDescriptor"]["Location"], folder);
    assert_eq!(table["Parameters"]["storage.location.template"], format!("{folder}${{!day}}/"));
    assert_eq!(table["Parameters"]["projection.day.format"], "yyyy/MM/dd");
    assert_eq!(table["PartitionKeys"][0]["Name"], "day");
}

#[test]
fn the_ready_query_reads_days_and_is_bounded() {
    let three = workload("three-tier");
    let query = three.properties("RefusedYesterday")["QueryString"].as_str().unwrap();
    assert!(query.contains("WHERE day >=") && query.contains("LIMIT"), "{query}");
    let group = &three.properties("Queries")["WorkGroupConfiguration"];
    assert_eq!(group["EnforceWorkGroupConfiguration"], true);
    assert_eq!(group["ResultConfiguration"]["EncryptionConfiguration"]["EncryptionOption"], "SSE_KMS");
    assert!(group["BytesScannedCutoffPerQuery"].as_u64().is_some());
}
