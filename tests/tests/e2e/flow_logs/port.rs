//! The local cloud's flow logs keep the same contract as the in-memory twin that the reconciler's scenarios run on.

use crate::stage::{ACCOUNT, Caller, Stage};
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{
    DestinationFileFormat, DestinationOptionsRequest, Filter, FlowLog, FlowLogsResourceType, LogDestinationType,
    ResourceType, Tag, TagSpecification, TrafficType, UnsuccessfulItem,
};
use std::collections::BTreeMap;
use std::fmt::Debug;
use topology::flow_logs::{Delivery, Destination, ObservedLog, S3Options, Spec};
use topology::network::FlowTraffic;
use topology::{ResourceId, VpcId};
use twin::contract::FlowLogsPort;
use twin::ec2::Refusal;
use twin::flow_logs::Created;

struct Sdk {
    stage: Stage,
    ec2: aws_sdk_ec2::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
}

#[tokio::test]
async fn contract() {
    let stage = Stage::restored().await;
    let (ec2, logs) = (stage.ec2(Caller::Root), stage.logs(Caller::Root));
    let broken = twin::contract::flow_logs(&Sdk { stage, ec2, logs }).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

fn refusal<E: ProvideErrorMetadata + Debug, R: Debug>(error: SdkError<E, R>) -> Refusal {
    match error.as_service_error() {
        Some(said) => Refusal {
            code: said.code().unwrap_or_default().to_owned(),
            message: said.message().unwrap_or_default().to_owned(),
        },
        None => panic!("no answer: {error:?}"),
    }
}

fn unsuccessful(items: &[UnsuccessfulItem]) -> Vec<Refusal> {
    let refusal = |item: &UnsuccessfulItem| {
        let error = item.error().expect("why it is unsuccessful");
        Refusal {
            code: error.code().unwrap_or_default().to_owned(),
            message: error.message().unwrap_or_default().to_owned(),
        }
    };
    items.iter().map(refusal).collect()
}

fn observed(log: &FlowLog) -> ObservedLog {
    let traffic = match log.traffic_type() {
        Some(TrafficType::All) => FlowTraffic::All,
        Some(TrafficType::Accept) => FlowTraffic::Accept,
        Some(TrafficType::Reject) => FlowTraffic::Reject,
        other => panic!("no traffic: {other:?}"),
    };
    let destination = match log.log_destination_type() {
        Some(LogDestinationType::S3) => {
            let options = log.destination_options().expect("options");
            Destination::S3 {
                arn: log.log_destination().expect("a bucket").trim_end_matches('/').to_owned(),
                options: S3Options {
                    parquet: options.file_format() == Some(&DestinationFileFormat::Parquet),
                    hive: options.hive_compatible_partitions() == Some(true),
                    hourly: options.per_hour_partition() == Some(true),
                },
            }
        }
        Some(LogDestinationType::CloudWatchLogs) => Destination::CloudWatch {
            log_group: log.log_group_name().expect("a log group").to_owned(),
            role: log.deliver_logs_permission_arn().map(Into::into),
        },
        other => panic!("no destination: {other:?}"),
    };
    ObservedLog {
        id: log.flow_log_id().expect("an id").into(),
        spec: Spec {
            traffic,
            destination,
            interval_seconds: log.max_aggregation_interval().expect("an interval").try_into().expect("seconds"),
            format: log.log_format().expect("a format").to_owned(),
        },
        active: log.flow_log_status() == Some("ACTIVE"),
        delivery: match log.deliver_logs_status() {
            Some("SUCCESS") => Delivery::Success,
            Some("FAILED") => Delivery::Failed { why: log.deliver_logs_error_message().map(Into::into) },
            _ => Delivery::Unreported,
        },
        created: log.creation_time().and_then(|time| jiff_of(time.secs())),
        tags: log.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect(),
    }
}

fn jiff_of(seconds: i64) -> Option<jiff::Timestamp> {
    jiff::Timestamp::new(seconds, 0).ok()
}

impl FlowLogsPort for Sdk {
    fn role(&self) -> String {
        self.stage.output("FlowLogsDeliveryRoleArn").to_owned()
    }

    async fn create_vpc(&self, cidr: &str) -> Result<VpcId, Refusal> {
        let made = self.ec2.create_vpc().cidr_block(cidr).send().await.map_err(refusal)?;
        Ok(VpcId::new(made.vpc().and_then(|vpc| vpc.vpc_id()).expect("a VPC's id")))
    }

    /// The stage made one for the three tiers, with the policy that AWS documents.
    async fn create_bucket(&self, _: &str) -> Result<String, Refusal> {
        Ok(format!("arn:aws:s3:::three-tier-flow-logs-{ACCOUNT}-{}", self.stage.region()))
    }

    async fn create(
        &self,
        vpc: &VpcId,
        spec: &Spec,
        tags: &BTreeMap<String, String>,
        token: &str,
    ) -> Result<Created, Refusal> {
        let Spec { traffic, destination, interval_seconds, format } = spec;
        let traffic = match traffic {
            FlowTraffic::All => TrafficType::All,
            FlowTraffic::Accept => TrafficType::Accept,
            FlowTraffic::Reject => TrafficType::Reject,
        };
        let mut request = self
            .ec2
            .create_flow_logs()
            .client_token(token)
            .resource_type(FlowLogsResourceType::Vpc)
            .resource_ids(vpc.as_str())
            .traffic_type(traffic)
            .max_aggregation_interval((*interval_seconds).try_into().expect("seconds"))
            .log_format(format);
        if !tags.is_empty() {
            let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
            let all = TagSpecification::builder().resource_type(ResourceType::VpcFlowLog).set_tags(Some(tags));
            request = request.tag_specifications(all.build());
        }
        let request = match destination {
            Destination::CloudWatch { log_group, role } => request
                .log_destination_type(LogDestinationType::CloudWatchLogs)
                .log_group_name(log_group)
                .set_deliver_logs_permission_arn(role.clone()),
            Destination::S3 { arn, options } => {
                let S3Options { parquet, hive, hourly } = options;
                let format = if *parquet { DestinationFileFormat::Parquet } else { DestinationFileFormat::PlainText };
                let options = DestinationOptionsRequest::builder()
                    .file_format(format)
                    .hive_compatible_partitions(*hive)
                    .per_hour_partition(*hourly);
                request
                    .log_destination_type(LogDestinationType::S3)
                    .log_destination(format!("{arn}/"))
                    .destination_options(options.build())
            }
            Destination::Other { .. } => panic!("not in the contract: {destination}"),
        };
        let made = request.send().await.map_err(refusal)?;
        let ids = made.flow_log_ids().iter().map(|id| id.as_str().into()).collect();
        Ok(Created { ids, unsuccessful: unsuccessful(made.unsuccessful()) })
    }

    async fn delete(&self, log: &ResourceId) -> Result<(), Refusal> {
        let done = self.ec2.delete_flow_logs().flow_log_ids(log.as_str()).send().await.map_err(refusal)?;
        unsuccessful(done.unsuccessful()).into_iter().next().map_or(Ok(()), Err)
    }

    async fn logs(&self, vpc: &VpcId) -> Result<Vec<ObservedLog>, Refusal> {
        let by = Filter::builder().name("resource-id").values(vpc.as_str()).build();
        let found = self.ec2.describe_flow_logs().filter(by).send().await.map_err(refusal)?;
        Ok(found.flow_logs().iter().map(observed).collect())
    }

    async fn create_group(&self, name: &str) -> Result<(), Refusal> {
        self.logs.create_log_group().log_group_name(name).send().await.map(|_| ()).map_err(refusal)
    }

    async fn delete_group(&self, name: &str) -> Result<(), Refusal> {
        self.logs.delete_log_group().log_group_name(name).send().await.map(|_| ()).map_err(refusal)
    }

    async fn retain(&self, name: &str, days: Option<u32>) -> Result<(), Refusal> {
        match days {
            Some(days) => {
                let days = days.try_into().expect("days");
                let put = self.logs.put_retention_policy().log_group_name(name).retention_in_days(days);
                put.send().await.map(|_| ()).map_err(refusal)
            }
            None => {
                let delete = self.logs.delete_retention_policy().log_group_name(name);
                delete.send().await.map(|_| ()).map_err(refusal)
            }
        }
    }

    async fn retention(&self, name: &str) -> Result<Option<Option<u32>>, Refusal> {
        let found = self.logs.describe_log_groups().log_group_name_prefix(name).send().await.map_err(refusal)?;
        let group = found.log_groups().iter().find(|group| group.log_group_name() == Some(name));
        Ok(group.map(|group| group.retention_in_days().map(|days| days.try_into().expect("days"))))
    }
}
