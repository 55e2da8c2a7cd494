//! What EC2 and CloudWatch Logs do with flow logs, as checks that run against the in-memory twin and against the local cloud alike.
//!
//! Sources: CreateFlowLogs, DescribeFlowLogs, DeleteFlowLogs and FlowLog in the EC2 API reference and its page of error codes;
//! CreateLogGroup and PutRetentionPolicy in that of CloudWatch Logs. That flow logs which differ in one property stand beside each
//! other follows from CloudFormation, whose every property of `AWS::EC2::FlowLog` but its tags is changed by replacement: the new
//! one first, then the old one goes.

use crate::ec2::Refusal;
use crate::flow_logs::{Cloud, Created};
use crate::flow_logs_ports::{DELIVERY_ROLE, TwinFlowLogs};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use topology::flow_logs::{DEFAULT_FORMAT, Delivery, Destination, ObservedLog, S3Options, Spec};
use topology::network::FlowTraffic;
use topology::{ResourceId, VpcId};

/// The calls that the contract is about. Implement it over the SDK to run the checks against a cloud.
pub trait FlowLogsPort: Sync {
    /// The ARN of a role that VPC flow logs may assume and that may write to every log group.
    fn role(&self) -> String;
    /// `CreateVpc`.
    fn create_vpc(&self, cidr: &str) -> impl Future<Output = Result<VpcId, Refusal>> + Send;
    /// `CreateBucket` in S3, with a policy that admits records; answers its ARN.
    fn create_bucket(&self, name: &str) -> impl Future<Output = Result<String, Refusal>> + Send;
    /// `CreateFlowLogs` on one VPC.
    fn create(
        &self,
        vpc: &VpcId,
        spec: &Spec,
        tags: &BTreeMap<String, String>,
        token: &str,
    ) -> impl Future<Output = Result<Created, Refusal>> + Send;
    /// `DeleteFlowLogs` of one; what is in `Unsuccessful` is a refusal.
    fn delete(&self, log: &ResourceId) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `DescribeFlowLogs` of one VPC, after records had time to arrive.
    fn logs(&self, vpc: &VpcId) -> impl Future<Output = Result<Vec<ObservedLog>, Refusal>> + Send;
    /// `CreateLogGroup`.
    fn create_group(&self, name: &str) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `DeleteLogGroup`.
    fn delete_group(&self, name: &str) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `PutRetentionPolicy`, or `DeleteRetentionPolicy` for `None`.
    fn retain(&self, name: &str, days: Option<u32>) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// The retention of a log group by `DescribeLogGroups`; the outer `None` when there is no such group.
    fn retention(&self, name: &str) -> impl Future<Output = Result<Option<Option<u32>>, Refusal>> + Send;
}

/// Runs every check. Answers what is broken; empty is good. Leaves a VPC behind.
pub async fn flow_logs(port: &impl FlowLogsPort) -> Vec<String> {
    let mut checks = Checks { port, broken: vec![] };
    if let Err(refusal) = checks.run().await {
        checks.broken.push(format!("unexpected refusal: {refusal}"));
    }
    checks.broken
}

struct Checks<'a, P> {
    port: &'a P,
    broken: Vec<String>,
}

// The delivery role of the control plane writes to groups of this prefix only.
const GROUP: &str = "/plumbline/contract/flow-logs";

impl<P: FlowLogsPort> Checks<'_, P> {
    async fn run(&mut self) -> Result<(), Refusal> {
        let vpc = self.port.create_vpc("10.9.0.0/16").await?;
        self.groups().await?;
        self.identity(&vpc).await?;
        self.delivery(&vpc).await?;
        self.buckets(&vpc).await?;
        self.gone(&vpc).await
    }

    fn same<T: PartialEq + Debug>(&mut self, what: &str, left: &T, right: &T) {
        if left != right {
            self.broken.push(format!("{what}: {left:?} is not {right:?}"));
        }
    }

    fn refused<T: Debug>(&mut self, what: &str, answer: Result<T, Refusal>, code: &str) {
        match answer {
            Err(refusal) if refusal.code == code => {}
            other => self.broken.push(format!("{what}: expected {code}, got {other:?}")),
        }
    }

    fn to_group(&self) -> Spec {
        Spec {
            traffic: FlowTraffic::All,
            destination: Destination::CloudWatch { log_group: GROUP.into(), role: Some(self.port.role()) },
            interval_seconds: 600,
            format: DEFAULT_FORMAT.into(),
        }
    }

    async fn made(&self, vpc: &VpcId, spec: &Spec, token: &str) -> Result<ResourceId, Refusal> {
        let Created { ids, unsuccessful } = self.port.create(vpc, spec, &BTreeMap::new(), token).await?;
        match (ids.into_iter().next(), unsuccessful.into_iter().next()) {
            (Some(id), None) => Ok(id),
            (_, Some(refusal)) => Err(refusal),
            (None, None) => Err(Refusal { code: "NoAnswer".into(), message: "neither made nor refused".into() }),
        }
    }

    async fn groups(&mut self) -> Result<(), Refusal> {
        let none = self.port.retention(GROUP).await?;
        self.same("a log group that nobody made", &none, &None);
        let missing = self.port.retain(GROUP, Some(30)).await;
        self.refused("retention of a missing log group", missing, "ResourceNotFoundException");
        self.port.create_group(GROUP).await?;
        let kept = self.port.retention(GROUP).await?;
        self.same("a new log group keeps records for ever", &kept, &Some(None));
        let again = self.port.create_group(GROUP).await;
        self.refused("a second log group of that name", again, "ResourceAlreadyExistsException");
        let odd = self.port.retain(GROUP, Some(31)).await;
        self.refused("a retention of 31 days", odd, "InvalidParameterException");
        self.port.retain(GROUP, Some(30)).await?;
        let kept = self.port.retention(GROUP).await?;
        self.same("retention as asked", &kept, &Some(Some(30)));
        self.port.retain(GROUP, None).await?;
        let kept = self.port.retention(GROUP).await?;
        self.same("retention taken away", &kept, &Some(None));
        Ok(())
    }

    async fn identity(&mut self, vpc: &VpcId) -> Result<(), Refusal> {
        let spec = self.to_group();
        let tags = BTreeMap::from([("Name".to_owned(), "contract".to_owned())]);
        let first = self.port.create(vpc, &spec, &tags, "contract-first").await?.ids;
        let again = self.port.create(vpc, &spec, &tags, "contract-first").await?.ids;
        self.same("the same token answers the same id", &again, &first);
        let seen = self.port.logs(vpc).await?;
        let shown: Vec<_> = seen.iter().map(|log| (Some(&log.id), &log.spec, log.active, &log.tags)).collect();
        let wanted = vec![(first.first(), &spec, true, &tags)];
        self.same("a flow log comes back as it was asked for, active", &shown, &wanted);
        if seen.iter().any(|log| log.created.is_none()) {
            self.broken.push("a flow log bears the time of its making".into());
        }
        let equal = self.port.create(vpc, &spec, &tags, "contract-equal").await;
        self.refused("an equal flow log", equal, "FlowLogAlreadyExists");
        let others = [
            Spec { traffic: FlowTraffic::Reject, ..spec.clone() },
            Spec { interval_seconds: 60, ..spec.clone() },
            Spec { format: "${version} ${srcaddr} ${dstaddr}".into(), ..spec.clone() },
        ];
        for (at, other) in others.iter().enumerate() {
            let id = self.made(vpc, other, &format!("contract-other-{at}")).await?;
            let seen = self.port.logs(vpc).await?;
            let spec = seen.into_iter().find(|log| log.id == id).map(|log| log.spec);
            self.same("one that differs in one property stands beside it", &spec, &Some(other.clone()));
            self.port.delete(&id).await?;
        }
        Ok(())
    }

    async fn delivery(&mut self, vpc: &VpcId) -> Result<(), Refusal> {
        let good = self.port.logs(vpc).await?;
        let deliveries: Vec<_> = good.iter().map(|log| log.delivery.clone()).collect();
        self.same("records arrive", &deliveries, &vec![Delivery::Success]);
        self.port.delete_group(GROUP).await?;
        let failing = self.port.logs(vpc).await?;
        let fails = |log: &ObservedLog| log.active && matches!(log.delivery, Delivery::Failed { why: Some(_) });
        self.same("without its log group it stays ACTIVE, and delivery FAILED", &failing.iter().all(fails), &true);
        let early = Spec { interval_seconds: 60, ..self.to_group() };
        let early = self.made(vpc, &early, "contract-early").await?;
        let failing = self.port.logs(vpc).await?;
        let fails = failing.iter().any(|log| log.id == early && fails(log));
        self.same(
            "a log group that is missing when the flow log is made is no refusal, and fails later",
            &fails,
            &true,
        );
        self.port.delete(&early).await
    }

    async fn buckets(&mut self, vpc: &VpcId) -> Result<(), Refusal> {
        let to = |arn: &str| Spec {
            traffic: FlowTraffic::All,
            destination: Destination::S3 {
                arn: format!("{arn}/folder"),
                options: S3Options { parquet: true, hive: true, hourly: true },
            },
            interval_seconds: 60,
            format: DEFAULT_FORMAT.into(),
        };
        let missing = to("arn:aws:s3:::contract-missing-bucket");
        let Created { ids, unsuccessful } = self.port.create(vpc, &missing, &BTreeMap::new(), "contract-s3").await?;
        self.same("a missing bucket is in Unsuccessful, in a 200", &(ids.len(), unsuccessful.len()), &(0, 1));
        let bucket = self.port.create_bucket("contract-flow-logs").await?;
        let id = self.made(vpc, &to(&bucket), "contract-s3-there").await?;
        let seen = self.port.logs(vpc).await?.into_iter().find(|log| log.id == id).map(|log| log.spec);
        self.same("a bucket with its options comes back as asked", &seen, &Some(to(&bucket)));
        self.port.delete(&id).await
    }

    async fn gone(&mut self, vpc: &VpcId) -> Result<(), Refusal> {
        for log in self.port.logs(vpc).await? {
            self.port.delete(&log.id).await?;
            let twice = self.port.delete(&log.id).await;
            self.refused("deleting a flow log twice", twice, "InvalidFlowLogId.NotFound");
        }
        let left = self.port.logs(vpc).await?.len();
        self.same("deleted flow logs are gone", &left, &0);
        let nowhere = VpcId::new("vpc-0123456789abcdead");
        let answer = self.port.create(&nowhere, &self.to_group(), &BTreeMap::new(), "contract-nowhere").await;
        self.refused("a VPC that is not there", answer, "InvalidVpcID.NotFound");
        Ok(())
    }
}

impl FlowLogsPort for TwinFlowLogs {
    fn role(&self) -> String {
        DELIVERY_ROLE.into()
    }

    async fn create_vpc(&self, cidr: &str) -> Result<VpcId, Refusal> {
        self.outside(|cloud| {
            cloud.roles.insert(DELIVERY_ROLE.into(), true);
            cloud.create_vpc(cidr)
        })
    }

    async fn create_bucket(&self, name: &str) -> Result<String, Refusal> {
        let arn = format!("arn:aws:s3:::{name}");
        self.outside(|cloud| cloud.buckets.insert(arn.clone(), true));
        Ok(arn)
    }

    async fn create(
        &self,
        vpc: &VpcId,
        spec: &Spec,
        tags: &BTreeMap<String, String>,
        token: &str,
    ) -> Result<Created, Refusal> {
        self.outside(|cloud| cloud.create_flow_log(vpc, spec, tags, Some(token)))
    }

    async fn delete(&self, log: &ResourceId) -> Result<(), Refusal> {
        self.outside(|cloud| cloud.delete_flow_log(log))
    }

    async fn logs(&self, vpc: &VpcId) -> Result<Vec<ObservedLog>, Refusal> {
        self.outside(|cloud| {
            Cloud::deliver(cloud);
            Ok(cloud.logs_of(vpc))
        })
    }

    async fn create_group(&self, name: &str) -> Result<(), Refusal> {
        self.outside(|cloud| cloud.create_group(name, &BTreeMap::new()))
    }

    async fn delete_group(&self, name: &str) -> Result<(), Refusal> {
        self.outside(|cloud| cloud.delete_group(name))
    }

    async fn retain(&self, name: &str, days: Option<u32>) -> Result<(), Refusal> {
        self.outside(|cloud| cloud.retain(name, days))
    }

    async fn retention(&self, name: &str) -> Result<Option<Option<u32>>, Refusal> {
        self.outside(|cloud| Ok(cloud.groups.get(name).map(|group| group.retention_days)))
    }
}
