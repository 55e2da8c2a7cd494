//! One change, exactly as it was decided.

use super::mapping::observed;
use crate::clients::Regional;
use crate::errors::{bad_answer, fault, refused};
use crate::network::{Network, filter};
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::types::{
    DestinationFileFormat, DestinationOptionsRequest, FlowLogsResourceType, LogDestinationType, ResourceType, Tag,
    TagSpecification, TrafficType, UnsuccessfulItem,
};
use reconciler::{Apply, ClientToken, Fault, FaultClass};
use std::collections::BTreeMap;
use topology::flow_logs::{Change, Destination, FlowLogs, Purpose, Spec, group_name, let_in};
use topology::network::FlowTraffic;
use topology::{Place, Receipt, ResourceKey};

impl Apply<FlowLogs> for Network {
    async fn apply(&self, place: &Place, action: &Change, token: &ClientToken) -> Result<Receipt, Fault> {
        let clients = self.clients.regional(place)?;
        match action {
            Change::CreateGroup { group, name: _, tags } => create_group(&clients, group_name(&group.id), tags).await,
            Change::Retain { group, name: _, days, before: _ } => retain(&clients, group_name(&group.id), *days).await,
            Change::Create { vpc, name: _, spec, tags, purpose: Purpose::Declared | Purpose::Probe { of: _ } } => {
                create(&clients, vpc, spec, tags, token).await
            }
            Change::Delete { log, vpc: _, name: _, spec: _, tags: _ } => delete(&clients, log).await,
        }
    }
}

fn done(request_id: Option<&str>) -> Receipt {
    Receipt { created: vec![], request_id: request_id.map(Into::into), already: false }
}

fn already() -> Receipt {
    Receipt { already: true, ..Receipt::default() }
}

/// CloudWatch Logs says this while another call on the same log group is under way, and right after it was made.
fn may_pass(fault: Fault, codes: &[&str]) -> Fault {
    let passes = fault.code.as_deref().is_some_and(|code| codes.contains(&code));
    Fault { class: if passes { FaultClass::Retryable } else { fault.class }, ..fault }
}

async fn create_group(clients: &Regional, name: &str, tags: &BTreeMap<String, String>) -> Result<Receipt, Fault> {
    const OPERATION: &str = "CreateLogGroup";
    let tags = Some(tags.clone().into_iter().collect());
    match clients.logs().create_log_group().log_group_name(name).set_tags(tags).send().await {
        Ok(made) => Ok(done(made.request_id())),
        Err(error) => match fault(OPERATION, &error) {
            fault if fault.code.as_deref() == Some("ResourceAlreadyExistsException") => Ok(already()),
            fault => Err(may_pass(fault, &["OperationAbortedException"])),
        },
    }
}

async fn retain(clients: &Regional, name: &str, days: Option<u32>) -> Result<Receipt, Fault> {
    let logs = clients.logs();
    let passing = ["OperationAbortedException", "ResourceNotFoundException"];
    match days {
        Some(days) => {
            const OPERATION: &str = "PutRetentionPolicy";
            let days = i32::try_from(days).map_err(|error| bad_answer(OPERATION, error.to_string()))?;
            let put = logs.put_retention_policy().log_group_name(name).retention_in_days(days).send().await;
            put.map(|put| done(put.request_id())).map_err(|error| may_pass(fault(OPERATION, &error), &passing))
        }
        None => {
            const OPERATION: &str = "DeleteRetentionPolicy";
            let deleted = logs.delete_retention_policy().log_group_name(name).send().await;
            deleted.map(|it| done(it.request_id())).map_err(|error| may_pass(fault(OPERATION, &error), &passing))
        }
    }
}

async fn create(
    clients: &Regional,
    vpc: &ResourceKey,
    spec: &Spec,
    tags: &BTreeMap<String, String>,
    token: &ClientToken,
) -> Result<Receipt, Fault> {
    const OPERATION: &str = "CreateFlowLogs";
    let ClientToken(token) = token;
    let Spec { traffic, destination, interval_seconds, format } = spec;
    let traffic = match traffic {
        FlowTraffic::All => TrafficType::All,
        FlowTraffic::Accept => TrafficType::Accept,
        FlowTraffic::Reject => TrafficType::Reject,
    };
    let mut tagged = TagSpecification::builder().resource_type(ResourceType::VpcFlowLog);
    for (key, value) in tags {
        tagged = tagged.tags(Tag::builder().key(key).value(value).build());
    }
    let request = clients
        .ec2
        .create_flow_logs()
        .client_token(token)
        .resource_type(FlowLogsResourceType::Vpc)
        .resource_ids(vpc.id.as_str())
        .traffic_type(traffic)
        .max_aggregation_interval(if *interval_seconds == 60 { 60 } else { 600 })
        .set_log_format((!spec.has_default_format()).then(|| format.clone()))
        .tag_specifications(tagged.build());
    let request = match destination {
        Destination::CloudWatch { log_group, role } => request
            .log_destination_type(LogDestinationType::CloudWatchLogs)
            .log_group_name(log_group)
            .set_deliver_logs_permission_arn(role.clone()),
        Destination::S3 { arn, options } => {
            let format =
                if options.parquet { DestinationFileFormat::Parquet } else { DestinationFileFormat::PlainText };
            let options = DestinationOptionsRequest::builder()
                .file_format(format)
                .hive_compatible_partitions(options.hive)
                .per_hour_partition(options.hourly);
            request
                .log_destination_type(LogDestinationType::S3)
                .log_destination(destination_arn(arn))
                .destination_options(options.build())
        }
        Destination::Other { kind, arn } => {
            let message = format!("{kind} {arn} cannot be declared, and so not be made again");
            return Err(Fault::new(OPERATION, FaultClass::Terminal, message));
        }
    };
    // Refused as a whole or as an item of a success: it is the same refusal.
    let said = match request.send().await {
        Ok(made) => match (made.unsuccessful().first(), made.flow_log_ids().first()) {
            (Some(item), _) => refused_item(OPERATION, item),
            (None, Some(id)) => return Ok(Receipt { created: vec![id.as_str().into()], ..done(made.request_id()) }),
            (None, None) => return Err(bad_answer(OPERATION, "AWS gave no flow log id")),
        },
        Err(error) => fault(OPERATION, &error),
    };
    match said.code.as_deref() {
        Some("FlowLogAlreadyExists") => equal(clients, vpc, spec, said).await,
        _ => Err(explained(said, spec, &vpc.place)),
    }
}

/// AWS documents a folder with a slash at its end.
fn destination_arn(arn: &str) -> String {
    if arn.contains('/') { format!("{arn}/") } else { arn.to_owned() }
}

/// AWS says that there is one: what was asked for is so if it is equal. What else it may mean is for a person.
async fn equal(clients: &Regional, vpc: &ResourceKey, spec: &Spec, said: Fault) -> Result<Receipt, Fault> {
    let by = filter("resource-id", [vpc.id.as_str()]);
    let mut pages = clients.ec2.describe_flow_logs().filter(by).into_paginator().send();
    let mut rivals = vec![];
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault("DescribeFlowLogs", &error))?;
        for (_, log) in page.flow_logs().iter().filter_map(|log| observed(log, &vpc.place)) {
            if log.spec == *spec {
                return Ok(already());
            }
            if log.spec.destination.same_place(&spec.destination) {
                rivals.push(log.id.to_string());
            }
        }
    }
    let rivals = rivals.join(" ");
    let remedy = format!(
        "AWS takes no second flow log to the same place here; if {rivals} may go (what passes until the declared one stands is not \
         recorded): aws ec2 delete-flow-logs --flow-log-ids {rivals}"
    );
    Err(Fault { remedy: (!rivals.is_empty()).then_some(remedy), ..said })
}

/// With what may be done about it. A role that was made a moment ago cannot be assumed yet; one that never can shows by the failing
/// attempts.
fn explained(fault: Fault, spec: &Spec, place: &Place) -> Fault {
    let text = format!("{} {}", fault.code.as_deref().unwrap_or_default(), fault.message);
    if text.contains("Unable to assume given IAM role") {
        return Fault { class: FaultClass::Retryable, remedy: Some(let_in(spec, place)), ..fault };
    }
    if fault.code.as_deref() == Some("FlowLogsLimitExceeded") {
        let remedy = "the VPC has as many flow logs as AWS allows: delete one that nobody needs (`aws ec2 describe-flow-logs --filter \
                      Name=resource-id,Values=…`), or declare fewer"
            .to_owned();
        return Fault { remedy: Some(remedy), ..fault };
    }
    if text.contains("LogDestination") {
        return Fault { remedy: Some(let_in(spec, place)), ..fault };
    }
    fault
}

fn refused_item(operation: &str, item: &UnsuccessfulItem) -> Fault {
    let error = item.error();
    let message = error.and_then(|error| error.message()).unwrap_or("AWS does not say why");
    refused(operation, error.and_then(|error| error.code()), message)
}

async fn delete(clients: &Regional, log: &ResourceKey) -> Result<Receipt, Fault> {
    const OPERATION: &str = "DeleteFlowLogs";
    const GONE: Option<&str> = Some("InvalidFlowLogId.NotFound");
    let answer = clients.ec2.delete_flow_logs().flow_log_ids(log.id.as_str()).send().await;
    let fault = match &answer {
        Ok(deleted) => match deleted.unsuccessful().first() {
            None => return Ok(done(deleted.request_id())),
            Some(item) => refused_item(OPERATION, item),
        },
        Err(error) => fault(OPERATION, error),
    };
    if fault.code.as_deref() == GONE { Ok(already()) } else { Err(fault) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::UnsuccessfulItemError;
    use topology::flow_logs::{DEFAULT_FORMAT, S3Options};

    fn to_bucket() -> Spec {
        Spec {
            traffic: FlowTraffic::All,
            destination: Destination::S3 { arn: "arn:aws:s3:::logs/vpc".into(), options: S3Options::default() },
            interval_seconds: 600,
            format: DEFAULT_FORMAT.into(),
        }
    }

    fn item(code: &str, message: &str) -> UnsuccessfulItem {
        let error = UnsuccessfulItemError::builder().code(code).message(message).build();
        UnsuccessfulItem::builder().resource_id("vpc-1").error(error).build()
    }

    #[test]
    fn what_is_unsuccessful_in_a_200_is_a_failure_with_what_to_do() {
        let place = Place::new("111122223333", "eu-west-1");
        let missing = refused_item("CreateFlowLogs", &item("400", "LogDestination: logs does not exist."));
        let fault = explained(missing, &to_bucket(), &place);
        assert_eq!(fault.class, FaultClass::Terminal);
        assert!(fault.remedy.as_deref().is_some_and(|remedy| remedy.contains("AWSLogDeliveryWrite")), "{fault}");
        let throttled = refused_item("CreateFlowLogs", &item("RequestLimitExceeded", "slower"));
        assert!(throttled.is_retryable());
        let inner = refused_item("CreateFlowLogs", &item("503", "unavailable"));
        assert!(inner.is_retryable(), "a status in place of a code");
    }

    #[test]
    fn a_fresh_role_is_tried_again() {
        let fresh = Fault::new("CreateFlowLogs", FaultClass::Terminal, "Unable to assume given IAM role");
        assert!(explained(fresh, &to_bucket(), &Place::new("111122223333", "eu-west-1")).is_retryable());
    }

    #[test]
    fn a_folder_is_written_as_aws_documents_it() {
        assert_eq!(destination_arn("arn:aws:s3:::logs/vpc"), "arn:aws:s3:::logs/vpc/");
        assert_eq!(destination_arn("arn:aws:s3:::logs"), "arn:aws:s3:::logs");
    }
}
