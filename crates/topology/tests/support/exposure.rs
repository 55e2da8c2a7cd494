//! An estate to plan for: declared here, built as declared in the in-memory cloud, then changed.
// Each test binary compiles this module and uses a part of it; clippy sees the helpers of tests as production code.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use topology::exposure::{Change, Desired, DesiredTier, DesiredVpc, Exposure, Observed};
use topology::{Control, Place, Plan, ResourceId, Standing, VpcId, VpcName};
use twin::exposure::Estate;

pub(crate) fn place() -> Place {
    Place::new("111122223333", "eu-west-1")
}

pub(crate) fn tier(range: &str, never_public: bool, groups: Option<&[&str]>) -> DesiredTier {
    DesiredTier {
        ranges: vec![range.parse().unwrap()],
        never_public,
        groups: groups.map(|groups| groups.iter().map(|name| (*name).into()).collect()),
    }
}

/// `private` has no public addresses; `data` neither, and names its group. Of the public tier nothing is declared.
pub(crate) fn desired() -> Desired {
    let tiers = [
        ("private".into(), tier("10.0.48.0/20", true, None)),
        ("data".into(), tier("10.0.96.0/20", true, Some(&["database"]))),
    ];
    let vpc = DesiredVpc { tiers: tiers.into(), internal: ["products".to_owned()].into() };
    Desired { topology: "shop".into(), vpcs: [("main".into(), vpc)].into() }
}

/// The network, and in it a database, a service, an interface and two load balancers, all as declared.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) desired: Desired,
    pub(crate) estate: Estate,
    pub(crate) standing: Standing,
    pub(crate) vpcs: BTreeMap<VpcName, VpcId>,
    pub(crate) public: ResourceId,
    pub(crate) private: ResourceId,
    pub(crate) data: ResourceId,
    pub(crate) database: ResourceId,
    pub(crate) tasks: ResourceId,
    pub(crate) interface: ResourceId,
}

impl Network {
    pub(crate) fn build() -> Self {
        let mut estate = Estate::new(place());
        let vpc = estate.create_vpc("10.0.0.0/16").unwrap();
        let public = estate.create_subnet(&vpc, "10.0.0.0/20").unwrap();
        let private = estate.create_subnet(&vpc, "10.0.48.0/20").unwrap();
        let data = estate.create_subnet(&vpc, "10.0.96.0/20").unwrap();
        let database = estate.create_group(&vpc, "database");
        let tasks = estate.create_group(&vpc, "ecs-tasks");
        let (private_only, data_only) = (std::slice::from_ref(&private), std::slice::from_ref(&data));
        estate.create_database("orders", data_only, std::slice::from_ref(&database), false).unwrap();
        estate.create_service("shop", "web", private_only, std::slice::from_ref(&tasks), false).unwrap();
        let interface = estate.create_interface(&private, std::slice::from_ref(&tasks)).unwrap();
        estate.create_balancer("edge", true, std::slice::from_ref(&public));
        estate.create_balancer("products", false, private_only);
        let standing = Standing::at(estate.now);
        let vpcs = [("main".into(), vpc)].into();
        Self { desired: desired(), estate, standing, vpcs, public, private, data, database, tasks, interface }
    }

    pub(crate) fn observe(&self) -> Observed {
        self.estate.observe(&self.vpcs, &self.desired)
    }

    pub(crate) fn plan(&self) -> Plan<Change> {
        self.plan_of(&self.observe())
    }

    pub(crate) fn plan_of(&self, observed: &Observed) -> Plan<Change> {
        Exposure::plan(&place(), &self.desired, observed, &self.standing)
    }

    /// Plans once and does it.
    pub(crate) fn enforce(&mut self) -> Plan<Change> {
        let plan = self.plan();
        for step in &plan.steps {
            self.estate.apply(&step.action).unwrap();
        }
        plan
    }

    /// An Elastic IP address on the interface.
    pub(crate) fn associate(&mut self) -> ResourceId {
        let allocation = self.estate.allocate();
        self.estate.associate(&allocation, &self.interface).unwrap();
        allocation
    }
}
