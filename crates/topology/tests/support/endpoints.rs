//! A network with VPC endpoints to plan for: declared by a document, built in the in-memory cloud by its own plans, then changed.
// Each test binary compiles this module and uses a part of it; clippy sees the helpers of tests as production code.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::SignedDuration;
use std::collections::BTreeMap;
use topology::endpoints::{
    Change, Desired, Dns, Edit, Endpoints, Kind, Observed, ObservedEndpoint, ObservedService, Policy, PolicyEdit,
    Source,
};
use topology::{Action, Control, Effect, Place, Plan, Receipt, Repair, ResourceId, Standing, VpcId, VpcName, document};
use twin::ec2::Refusal;
use twin::endpoints::Ends;

pub(crate) const NARROW: &str = r#"{"Statement":[{"Action":"secretsmanager:Get*","Effect":"Allow","Principal":"*","Resource":"*"}],"Version":"2012-10-17"}"#;

/// Six endpoints of a VPC with two tiers; everything is admitted from the VPC unless a group says who.
pub(crate) const SIX: &str = "
      s3: gateway
      dynamodb: gateway
      ecr.api: { type: interface, tiers: [private], security_groups: [endpoints] }
      ecr.dkr: { type: interface, tiers: [private], security_groups: [endpoints] }
      secretsmanager: { type: interface, tiers: [private], policy: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: '*', Action: 'secretsmanager:Get*', Resource: '*' }] } }
      logs: { type: interface, tiers: [private] }";

pub(crate) fn place() -> Place {
    Place::new("111122223333", "eu-west-1")
}

pub(crate) fn declared(endpoints: &str) -> Desired {
    with(endpoints, "", "")
}

/// With more keys of the VPC, and of the document.
pub(crate) fn with(endpoints: &str, vpc: &str, more: &str) -> Desired {
    let text = format!(
        "version: 1
id: shop
environment: production
vpcs:
  main:
    cidr: 10.0.0.0/16
    availability_zones: [a, b]
    dns: {{ support: true, hostnames: true }}
    tiers:
      private: {{ route: isolated, subnets: [10.0.10.0/24, 10.0.11.0/24] }}
      database: {{ route: isolated, subnets: [10.0.20.0/24, 10.0.21.0/24] }}
    security_groups:
      tasks: {{ ingress: [], egress: [] }}
      endpoints: {{ ingress: [{{ tcp: 443, from: tasks }}, {{ tcp: 443, from: 10.0.10.0/23 }}], egress: [] }}{vpc}
    endpoints:{endpoints}
{more}"
    );
    match document::read("shop.yaml", &text) {
        Ok(topology) => topology.endpoints.expect("endpoints"),
        Err(problems) => panic!("{problems}"),
    }
}

/// A declared network in an account.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) desired: Desired,
    pub(crate) cloud: Ends,
    pub(crate) standing: Standing,
    pub(crate) vpc: VpcId,
}

/// What a failing property prints.
impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "declared {:#?}", self.desired.vpcs)?;
        for (id, it) in &self.cloud.endpoints {
            let ours = if self.standing.created.contains_key(id) { "ours" } else { "foreign" };
            writeln!(
                f,
                "observed {id} ({ours}) {} to {} {}: {:?} {:?} {:?} private DNS {}",
                it.kind, it.service, it.state, it.tables, it.subnets, it.groups, it.private_dns
            )?;
        }
        writeln!(f, "groups {:?}, dns {:?}", self.cloud.groups, self.cloud.dns)
    }
}

impl Network {
    /// The VPC with all that endpoints need, and by the first plans the endpoints.
    pub(crate) fn build(desired: Desired) -> Self {
        let mut network = Self::bare(desired);
        for _ in 0..12 {
            network.enforce();
            network.wait(60);
        }
        network
    }

    /// The VPC with all that endpoints need.
    pub(crate) fn bare(desired: Desired) -> Self {
        let mut cloud = Ends::new(place());
        let vpc = cloud.create_vpc("10.0.0.0/16").unwrap();
        for (range, zone) in
            [("10.0.10.0/24", "a"), ("10.0.11.0/24", "b"), ("10.0.20.0/24", "a"), ("10.0.21.0/24", "b")]
        {
            cloud.create_subnet(&vpc, range, zone).unwrap();
        }
        let range = |text: &str| Source::Range(text.parse().unwrap());
        let tasks = cloud.create_group(&vpc, "tasks", &[]);
        cloud.create_group(&vpc, "endpoints", &[Source::Id(tasks), range("10.0.10.0/23")]);
        cloud.create_group(&vpc, "vpc-endpoints", &[range("10.0.0.0/16")]);
        cloud.create_group(&vpc, "default", &[]);
        let standing = Standing::at(cloud.now);
        Self { desired, cloud, standing, vpc }
    }

    pub(crate) fn vpcs(&self) -> BTreeMap<VpcName, VpcId> {
        [("main".into(), self.vpc.clone())].into()
    }

    pub(crate) fn observe(&self) -> Observed {
        self.cloud.observe(&self.vpcs(), &self.desired)
    }

    pub(crate) fn plan(&self) -> Plan<Change> {
        Endpoints::plan(&place(), &self.desired, &self.observe(), &self.standing)
    }

    /// Plans once and does it as the loop would.
    pub(crate) fn enforce(&mut self) -> Plan<Change> {
        let plan = self.plan();
        self.run(&plan, |_, _| {});
        plan
    }

    /// Applies a plan in order, remembering what it did.
    pub(crate) fn run(
        &mut self,
        plan: &Plan<Change>,
        mut between: impl FnMut(&Ends, &Change),
    ) -> Vec<Result<Receipt, Refusal>> {
        let mut outcomes = vec![];
        for step in &plan.steps {
            let outcome = self.cloud.apply(&step.action, None);
            let repair = Repair {
                at: self.standing.now,
                run: format!("run-{}", self.standing.now),
                removed: step.action.effect() == Effect::Remove,
                succeeded: Some(outcome.is_ok()),
            };
            self.standing.repairs.entry(step.action.resource().id).or_default().push(repair);
            if let Ok(receipt) = &outcome {
                let made = receipt.created.iter().map(|id| (id.clone(), self.standing.now));
                self.standing.created.extend(made);
            }
            between(&self.cloud, &step.action);
            outcomes.push(outcome);
        }
        outcomes
    }

    /// Time passes, and what AWS has at work is done.
    pub(crate) fn wait(&mut self, seconds: i64) {
        self.pass(seconds);
        self.cloud.arrive();
    }

    /// Time passes.
    pub(crate) fn pass(&mut self, seconds: i64) {
        self.cloud.now = self.cloud.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
        self.standing.now = self.cloud.now;
        // The ledger gives repairs of the last hour.
        let now = self.standing.now;
        for repairs in self.standing.repairs.values_mut() {
            repairs.retain(|repair| now.duration_since(repair.at) < SignedDuration::from_hours(1));
        }
    }

    pub(crate) fn to(&self, short: &str) -> ObservedEndpoint {
        let found = [Kind::Gateway, Kind::Interface].iter().find_map(|kind| self.cloud.to(short, kind));
        found.unwrap_or_else(|| panic!("no endpoint to {short}: {self:?}")).clone()
    }

    pub(crate) fn id(&self, short: &str) -> ResourceId {
        self.to(short).id
    }

    pub(crate) fn group(&self, name: &str) -> ResourceId {
        self.cloud.groups.iter().find(|(_, group)| group.name.as_str() == name).unwrap().0.clone()
    }

    pub(crate) fn subnet(&self, range: &str) -> ResourceId {
        self.cloud.subnets.iter().find(|(_, subnet)| subnet.cidr.to_string() == range).unwrap().0.clone()
    }

    pub(crate) fn table(&self, range: &str) -> ResourceId {
        let subnet = self.subnet(range);
        self.cloud.tables.iter().find(|(_, table)| table.subnets.contains(&subnet)).unwrap().0.clone()
    }

    /// Somebody changes an endpoint.
    pub(crate) fn modify(&mut self, short: &str, edit: &Edit) {
        let id = self.id(short);
        self.cloud.modify(&id, edit).unwrap();
    }

    /// Somebody deletes an endpoint, and it is not shown any more.
    pub(crate) fn lose(&mut self, short: &str) -> ResourceId {
        let id = self.id(short);
        self.cloud.delete(&id).unwrap();
        self.cloud.arrive();
        id
    }

    /// Somebody else makes the same endpoint as another, without private DNS.
    pub(crate) fn copy(&mut self, short: &str, tags: &[(&str, &str)]) -> ResourceId {
        let like = self.to(short);
        let wish = topology::endpoints::NewEndpoint {
            vpc: self.vpc.clone(),
            service: like.service,
            kind: like.kind,
            tables: [].into(),
            subnets: like.subnets,
            groups: like.groups,
            policy: like.policy,
        };
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.cloud.create(&wish, &tags, None).unwrap()
    }

    pub(crate) fn dns(&mut self, support: bool, hostnames: bool) {
        self.cloud.dns.insert(self.vpc.clone(), Dns { support, hostnames });
    }

    pub(crate) fn stack(&mut self) {
        self.cloud.vpcs.get_mut(&self.vpc).unwrap().tags.insert(twin::STACK_TAG.into(), "arn:stack".into());
    }
}

pub(crate) fn private(on: bool) -> Edit {
    Edit { private_dns: Some(on), ..Edit::default() }
}

pub(crate) fn policy(text: &str) -> Edit {
    Edit { policy: Some(PolicyEdit { to: Policy::read(text), before: None }), ..Edit::default() }
}

pub(crate) fn service(id: &str, private_dns: Option<(&str, bool)>) -> ObservedService {
    ObservedService {
        id: id.into(),
        name: format!("com.amazonaws.vpce.eu-west-1.{id}"),
        private_dns: private_dns.map(|(name, verified)| (name.to_owned(), verified)),
        stack: None,
    }
}
