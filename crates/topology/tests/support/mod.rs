//! A small network to plan for: declared here, built in the in-memory EC2 from the declaration, then changed.
// Each test binary compiles this module and uses a part of it; clippy sees the helpers of tests as production code.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use topology::security_groups::{
    Change, Desired, DesiredGroup, DesiredPeer, DesiredRule, DesiredVpc, Direction, Observed, ObservedPeer,
    SecurityGroups, Traffic,
};
use topology::{Control, Place, Plan, Receipt, ResourceId, Scope, Standing, VpcId, VpcName};
use twin::ec2::{Ec2, Peer, Permission, Refusal};

pub(crate) fn place() -> Place {
    Place::new("111122223333", "eu-west-1")
}

pub(crate) fn standing() -> Standing {
    Standing::at("2026-11-23T03:00:00Z".parse().unwrap())
}

pub(crate) fn rule(traffic: Traffic, peer: DesiredPeer) -> DesiredRule {
    DesiredRule { traffic, peer, description: None }
}

pub(crate) fn tcp(from: u16, to: u16, peer: &str) -> DesiredRule {
    rule(Traffic::tcp(from, to), peer_of(peer))
}

/// CIDR, `pl-…`, `sg-…`, `account/sg-…`, or a group's name.
pub(crate) fn peer_of(text: &str) -> DesiredPeer {
    if let Ok(net) = text.parse() {
        DesiredPeer::Ipv4(net)
    } else if let Ok(net) = text.parse() {
        DesiredPeer::Ipv6(net)
    } else if text.starts_with("pl-") {
        DesiredPeer::PrefixList(text.into())
    } else if text.starts_with("sg-") {
        DesiredPeer::GroupId { account: None, id: text.into() }
    } else if let Some((account, id)) = text.split_once('/') {
        DesiredPeer::GroupId { account: Some(account.into()), id: id.into() }
    } else {
        DesiredPeer::Group(text.into())
    }
}

pub(crate) fn world() -> ObservedPeer {
    ObservedPeer::Ipv4("0.0.0.0/0".parse().unwrap())
}

pub(crate) fn group(ingress: Vec<DesiredRule>) -> DesiredGroup {
    let all = rule(Traffic::ALL, peer_of("0.0.0.0/0"));
    DesiredGroup { ingress: Some(ingress), egress: Some(vec![all]), ..DesiredGroup::default() }
}

pub(crate) fn desired(groups: impl IntoIterator<Item = (&'static str, DesiredGroup)>) -> Desired {
    let groups = groups.into_iter().map(|(name, group)| (name.into(), group)).collect();
    let vpc = DesiredVpc { groups, ..DesiredVpc::default() };
    let ranges = vec!["10.0.0.0/16".parse().unwrap()];
    Desired { vpcs: [("main".into(), vpc)].into(), ranges, ..Desired::default() }
}

/// The load balancer, the tasks behind it, and their database.
pub(crate) fn three_tiers() -> Desired {
    let mut http = tcp(80, 80, "0.0.0.0/0");
    http.description = Some("HTTP".into());
    let mut https = tcp(443, 443, "0.0.0.0/0");
    https.description = Some("HTTPS".into());
    desired([
        ("alb", group(vec![http, https])),
        ("database", group(vec![tcp(5432, 5432, "tasks")])),
        ("tasks", group(vec![tcp(0, 65535, "alb"), tcp(0, 65535, "tasks")])),
    ])
}

/// A declared network that exists.
pub(crate) struct Network {
    pub(crate) desired: Desired,
    pub(crate) ec2: Ec2,
    pub(crate) standing: Standing,
    pub(crate) vpcs: BTreeMap<VpcName, VpcId>,
}

/// What a failing property prints: both sides, one line a rule.
impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, group) in &self.desired.vpcs["main"].groups {
            for (direction, rules) in [("ingress", &group.ingress), ("egress", &group.egress)] {
                match rules {
                    None => writeln!(f, "declared {name} {direction}: unmanaged")?,
                    Some(rules) => writeln!(f, "declared {name} {direction}: {} rules", rules.len())?,
                }
                for DesiredRule { traffic, peer, description } in rules.iter().flatten() {
                    writeln!(f, "  {traffic} {peer} {description:?}")?;
                }
            }
        }
        for (id, rule) in &self.ec2.rules {
            let name = &self.ec2.groups[&rule.group].name;
            writeln!(
                f,
                "observed {name} {} {id}: {} {} {:?}",
                rule.direction, rule.traffic, rule.peer, rule.description
            )?;
        }
        Ok(())
    }
}

impl Network {
    /// Builds it from its declaration: the VPC, the groups that are not optional, and by a first plan their rules.
    pub(crate) fn build(desired: Desired) -> Self {
        let mut network = Self::bare(desired);
        for _ in 0..3 {
            network.enforce();
        }
        network
    }

    /// The VPC and the groups, with the rules that EC2 gives new groups.
    pub(crate) fn bare(desired: Desired) -> Self {
        let mut ec2 = Ec2::new(place());
        let mut vpcs = BTreeMap::new();
        ec2.elsewhere = ["pl-0aaa", "pl-0bbb"].map(|id| ObservedPeer::PrefixList(id.into())).into();
        ec2.elsewhere.push(ObservedPeer::Group { account: Some("444455556666".into()), id: "sg-0ff".into() });
        for (name, declared) in &desired.vpcs {
            let vpc = ec2.create_vpc("10.0.0.0/16").unwrap();
            for (group, _) in declared.groups.iter().filter(|(_, group)| !group.optional) {
                ec2.create_group(&vpc, group.as_str()).unwrap();
            }
            vpcs.insert(name.clone(), vpc);
        }
        Self { desired, ec2, standing: standing(), vpcs }
    }

    pub(crate) fn id(&self, group: &str) -> ResourceId {
        let found = self.ec2.groups.iter().find(|(_, it)| it.name.as_str() == group);
        found.map(|(id, _)| id.clone()).unwrap_or_else(|| panic!("no group {group}"))
    }

    pub(crate) fn observe(&self) -> Observed {
        self.ec2.observe(&self.vpcs, &self.desired, &Scope::Everything)
    }

    pub(crate) fn plan(&self) -> Plan<Change> {
        SecurityGroups::plan(&place(), &self.desired, &self.observe(), &self.standing)
    }

    pub(crate) fn admit(&mut self, group: &str, permission: Permission) -> ResourceId {
        let id = self.id(group);
        self.ec2.authorize(&id, Direction::Ingress, &[permission]).unwrap().remove(0)
    }

    pub(crate) fn let_out(&mut self, group: &str, permission: Permission) -> ResourceId {
        let id = self.id(group);
        self.ec2.authorize(&id, Direction::Egress, &[permission]).unwrap().remove(0)
    }

    /// The id of the inbound rule for these TCP ports.
    pub(crate) fn rule(&self, group: &str, from: u16, to: u16) -> ResourceId {
        let id = self.id(group);
        let mut found = self.ec2.rules.iter().filter(|(_, rule)| {
            rule.group == id && rule.direction == Direction::Ingress && rule.traffic == Traffic::tcp(from, to)
        });
        found.next().map(|(id, _)| id.clone()).expect("no such rule")
    }

    pub(crate) fn remove(&mut self, rule: &ResourceId) {
        self.ec2.rules.remove(rule).unwrap();
    }

    /// Plans once and does it as the loop would: in order, skipping what needs a step that failed.
    pub(crate) fn enforce(&mut self) -> Plan<Change> {
        let plan = self.plan();
        let outcomes = run(&mut self.ec2, &plan, |_, _| {});
        for (step, outcome) in plan.steps.iter().zip(outcomes) {
            use topology::{Action, Effect, Repair};
            let Some(outcome) = outcome else { continue };
            self.standing.repairs.entry(step.action.resource().id).or_default().push(Repair {
                at: self.standing.now,
                run: "run".into(),
                removed: step.action.effect() == Effect::Remove,
                succeeded: Some(outcome.is_ok()),
            });
        }
        plan
    }
}

/// Applies a plan in order. `None`: skipped, because a step that it needs was not done. `between` sees each state.
pub(crate) fn run(
    ec2: &mut Ec2,
    plan: &Plan<Change>,
    mut between: impl FnMut(&Ec2, &Change),
) -> Vec<Option<Result<Receipt, Refusal>>> {
    let mut outcomes: Vec<Option<Result<Receipt, Refusal>>> = vec![];
    for step in &plan.steps {
        let ready = step.needs.iter().all(|needed| matches!(outcomes[*needed], Some(Ok(_))));
        let outcome = ready.then(|| ec2.apply(&step.action));
        if matches!(outcome, Some(Ok(_))) {
            between(ec2, &step.action);
        }
        outcomes.push(outcome);
    }
    outcomes
}

pub(crate) fn from_group(ports: (i64, i64), id: &ResourceId) -> Permission {
    Permission::tcp(ports.0, ports.1, "0.0.0.0/0").with_peer(Peer::Group { account: None, id: id.to_string() })
}
