//! A network with flow logs to plan for: declared here, built in the in-memory cloud by its own plans, then changed.
// Each test binary compiles this module and uses a part of it; clippy sees the helpers of tests as production code.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::SignedDuration;
use std::collections::BTreeMap;
use topology::flow_logs::{Change, Desired, FlowLogs, Observed, Spec};
use topology::network::{FlowDestination, FlowLog, FlowTraffic};
use topology::{Control, Place, Plan, Receipt, ResourceId, Standing, VpcId, VpcName};
use twin::DELIVERY_ROLE;
use twin::ec2::Refusal;
use twin::flow_logs::Cloud;

pub(crate) const GROUP: &str = "/plumbline/shop/main/flow-logs";
pub(crate) const BUCKET: &str = "arn:aws:s3:::logs-111122223333";

pub(crate) fn place() -> Place {
    Place::new("111122223333", "eu-west-1")
}

pub(crate) fn to_group() -> FlowLog {
    FlowLog {
        traffic: FlowTraffic::All,
        destination: FlowDestination::CloudWatch { log_group: GROUP.into(), retention_days: Some(30) },
        interval_seconds: 600,
        format: None,
    }
}

pub(crate) fn to_bucket() -> FlowLog {
    FlowLog {
        traffic: FlowTraffic::Reject,
        destination: FlowDestination::S3 {
            bucket: "logs-{account}".into(),
            prefix: Some("vpc".into()),
            parquet: true,
            hive: true,
            hourly: false,
        },
        interval_seconds: 60,
        format: None,
    }
}

pub(crate) fn desired(logs: impl Into<Vec<FlowLog>>) -> Desired {
    Desired { topology: "shop".into(), vpcs: [("main".into(), logs.into())].into() }
}

/// A declared network in an account with a role that delivers and a bucket.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) desired: Desired,
    pub(crate) cloud: Cloud,
    pub(crate) standing: Standing,
    pub(crate) vpcs: BTreeMap<VpcName, VpcId>,
    pub(crate) role: Option<String>,
}

/// What a failing property prints.
impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "declared {:#?}", self.desired.vpcs)?;
        for (id, log) in &self.cloud.logs {
            let ours = if self.standing.created.contains_key(id) { "ours" } else { "foreign" };
            writeln!(f, "observed {id} ({ours}) {} {:?} {:?}", log.spec, log.delivery, log.tags)?;
        }
        writeln!(f, "groups {:?}, roles {:?}, buckets {:?}", self.cloud.groups, self.cloud.roles, self.cloud.buckets)
    }
}

impl Network {
    /// The VPC, the log group as its stack makes it, and by the first plans the rest.
    pub(crate) fn build(desired: Desired) -> Self {
        let mut network = Self::bare(desired);
        network.cloud.create_group(GROUP, &BTreeMap::new()).unwrap();
        for _ in 0..3 {
            network.enforce();
        }
        network
    }

    /// The VPC only.
    pub(crate) fn bare(desired: Desired) -> Self {
        let mut cloud = Cloud::new(place());
        cloud.roles.insert(DELIVERY_ROLE.into(), true);
        cloud.buckets.insert(BUCKET.into(), true);
        let vpcs = desired.vpcs.keys().map(|name| (name.clone(), cloud.create_vpc("10.0.0.0/16").unwrap())).collect();
        let standing = Standing::at(cloud.now);
        Self { desired, cloud, standing, vpcs, role: Some(DELIVERY_ROLE.into()) }
    }

    pub(crate) fn vpc(&self) -> VpcId {
        self.vpcs["main"].clone()
    }

    pub(crate) fn spec(&self, declared: &FlowLog) -> Spec {
        Spec::of(declared, &place(), self.role.as_deref())
    }

    pub(crate) fn observe(&self) -> Observed {
        self.cloud.observe(&self.vpcs, &self.desired, self.role.as_deref())
    }

    pub(crate) fn plan(&self) -> Plan<Change> {
        FlowLogs::plan(&place(), &self.desired, &self.observe(), &self.standing)
    }

    /// Plans once and does it as the loop would.
    pub(crate) fn enforce(&mut self) -> Plan<Change> {
        let plan = self.plan();
        run(&mut self.cloud, &mut self.standing, &plan, |_, _| {});
        plan
    }

    /// Time passes, and AWS delivers, or does not.
    pub(crate) fn wait(&mut self, minutes: i64) {
        self.cloud.now = self.cloud.now.checked_add(SignedDuration::from_mins(minutes)).unwrap();
        self.standing.now = self.cloud.now;
        self.cloud.deliver();
    }

    /// The only flow log.
    pub(crate) fn only(&self) -> ResourceId {
        let ids: Vec<_> = self.cloud.logs.keys().collect();
        assert_eq!(ids.len(), 1, "{self:?}");
        ids[0].clone()
    }

    /// Somebody else makes a flow log.
    pub(crate) fn foreign(&mut self, spec: &Spec, tags: &BTreeMap<String, String>) -> ResourceId {
        let vpc = self.vpc();
        self.cloud.create_flow_log(&vpc, spec, tags, None).unwrap().ids.remove(0)
    }
}

/// Applies a plan in order, remembering what it made. `None`: skipped, because a step that it needs was not done.
pub(crate) fn run(
    cloud: &mut Cloud,
    standing: &mut Standing,
    plan: &Plan<Change>,
    mut between: impl FnMut(&Cloud, &Change),
) -> Vec<Option<Result<Receipt, Refusal>>> {
    let mut outcomes: Vec<Option<Result<Receipt, Refusal>>> = vec![];
    for step in &plan.steps {
        let ready = step.needs.iter().all(|needed| matches!(outcomes[*needed], Some(Ok(_))));
        let outcome = ready.then(|| cloud.apply(&step.action, None));
        if let Some(Ok(receipt)) = &outcome {
            standing.created.extend(receipt.created.iter().map(|id| (id.clone(), standing.now)));
            between(cloud, &step.action);
        }
        outcomes.push(outcome);
    }
    outcomes
}
