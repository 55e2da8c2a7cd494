//! `flow-logs`.

use super::super::subject::{Subject, Told, Way};
use crate::world::place;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use topology::ResourceId;
use topology::flow_logs::{self as control, Destination};
use twin::flow_logs::Cloud;
use twin::{DELIVERY_ROLE, TwinFlowLogs};

pub(crate) struct FlowLogs;

const GROUP: &str = "/plumbline/shop/main/flow-logs";
const AUDIT: &str = "audit";

/// The flow log that goes to a log group, or to the bucket, unless it is gone already.
fn log(cloud: &Cloud, group: Option<&str>) -> Option<ResourceId> {
    let goes = |destination: &Destination| destination.log_group() == group;
    cloud.logs.iter().find(|(_, log)| goes(&log.spec.destination)).map(|(id, _)| id.clone())
}

/// One call on one flow log, in the newer encoding: it names no VPC.
fn deleted(cloud: &mut Cloud, group: Option<&str>) -> Option<Told> {
    let id = log(cloud, group)?;
    cloud.delete_flow_log(&id).unwrap();
    let request = json!({ "DeleteFlowLogsRequest": { "FlowLogId": { "tag": 1, "content": id.as_str() } } });
    Some(Told::Call("ec2", "DeleteFlowLogs", request, Value::Null))
}

fn told(name: &'static str, group: &str) -> Vec<Told> {
    vec![Told::Call("logs", name, json!({ "logGroupName": group }), Value::Null)]
}

impl Subject for FlowLogs {
    type Control = control::FlowLogs;
    type Model = Cloud;
    type Cloud = TwinFlowLogs;

    fn document(mode: &str) -> String {
        format!(
            "version: 1
id: shop
environment: production
mode: {mode}
vpcs:
  main:
    cidr: 10.0.0.0/16
    availability_zones: [a]
    flow_logs:
      - cloudwatch: {{ traffic: all }}
      - cloudwatch: {{ traffic: accept, log_group: audit, retention: 90 days }}
      - s3: {{ bucket: \"logs-{{account}}\", traffic: reject, file_format: parquet }}
"
        )
    }

    fn model() -> Cloud {
        let mut cloud = Cloud::new(place());
        let vpc = cloud.create_vpc("10.0.0.0/16").unwrap();
        let tags = &mut cloud.vpcs.get_mut(&vpc).unwrap().tags;
        tags.insert("plumbline:topology".into(), "shop".into());
        tags.insert("plumbline:vpc".into(), "main".into());
        cloud.roles.insert(DELIVERY_ROLE.into(), true);
        cloud.buckets.insert("arn:aws:s3:::logs-111122223333".into(), true);
        cloud.create_group(GROUP, &BTreeMap::new()).unwrap();
        cloud
    }

    fn ways() -> Vec<Way<Cloud>> {
        vec![
            Way::new("a flow log deleted", |cloud| deleted(cloud, None).into_iter().collect()),
            Way::new("all flow logs deleted", |cloud| {
                [None, Some(GROUP), Some(AUDIT)].into_iter().filter_map(|group| deleted(cloud, group)).collect()
            }),
            Way::new("records kept for a day", |cloud| {
                let _ = cloud.retain(AUDIT, Some(1));
                told("PutRetentionPolicy", AUDIT)
            }),
            Way::new("records kept for ever", |cloud| {
                let _ = cloud.retain(AUDIT, None);
                told("DeleteRetentionPolicy", AUDIT)
            }),
            Way::new("the log group deleted", |cloud| {
                let _ = cloud.delete_group(GROUP);
                told("DeleteLogGroup", GROUP)
            }),
            Way::new("the log group deleted, and delivery does not recover", |cloud| {
                let _ = cloud.delete_group(GROUP);
                cloud.stuck.extend(log(cloud, Some(GROUP)));
                told("DeleteLogGroup", GROUP)
            }),
        ]
    }

    fn picture(cloud: &Cloud) -> Vec<String> {
        let logs = cloud.logs.values().map(|log| format!("{} {:?}", log.spec, log.delivery));
        let groups = cloud.groups.iter().map(|(name, group)| format!("{name} keeps {:?}", group.retention_days));
        logs.chain(groups).collect()
    }

    fn tick(cloud: &mut Cloud, now: Timestamp) {
        cloud.now = now;
        cloud.deliver();
    }

    fn owned(cloud: &mut Cloud, stack: &str) {
        for vpc in cloud.vpcs.values_mut() {
            vpc.tags.insert(twin::STACK_TAG.into(), stack.into());
        }
    }
}
