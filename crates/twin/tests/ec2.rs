//! The in-memory EC2 keeps its contract, and its ports can be made to fail.
#![allow(clippy::unwrap_used, clippy::panic)] // clippy sees the helpers of tests as production code

use reconciler::{Apply, Bound, ClientToken, Fault, FaultClass, Locate, Observe, StackStatus, Stacks};
use std::collections::BTreeMap;
use topology::security_groups::{
    Change, Desired, DesiredGroup, DesiredVpc, Direction, GroupRef, ObservedPeer, RuleSpec, SecurityGroups, Traffic,
};
use topology::{Place, ResourceId, Scope, Seen, Unseen, VpcId};
use twin::TwinEc2;
use twin::ec2::{Ec2, Permission};

fn place() -> Place {
    Place::new("111122223333", "eu-west-1")
}

struct World {
    ec2: TwinEc2,
    vpc: VpcId,
    group: ResourceId,
    bound: Bound,
    desired: Desired,
}

fn world() -> World {
    let mut state = Ec2::new(place());
    let vpc = state.create_vpc("10.0.0.0/16").unwrap();
    let group = state.create_group(&vpc, "web").unwrap();
    let bound = Bound { place: place(), topology: "t".into(), vpcs: [("main".into(), vpc.clone())].into() };
    let groups = BTreeMap::from([("web".into(), DesiredGroup::default())]);
    let desired = Desired {
        vpcs: [("main".into(), DesiredVpc { groups, ..DesiredVpc::default() })].into(),
        ..Desired::default()
    };
    World { ec2: TwinEc2::new(state), vpc, group, bound, desired }
}

impl World {
    fn authorize(&self, ports: &[u16]) -> Change {
        let peer = || ObservedPeer::Ipv4("10.0.0.0/16".parse().unwrap());
        let spec = |port: &u16| RuleSpec { traffic: Traffic::tcp(*port, *port), peer: peer(), description: None };
        Change::Authorize {
            group: GroupRef { key: place().key(self.group.clone()), name: "main/web".into() },
            direction: Direction::Ingress,
            rules: ports.iter().map(spec).collect(),
        }
    }

    async fn apply(&self, change: &Change) -> Result<usize, Fault> {
        let receipt = Apply::<SecurityGroups>::apply(&self.ec2, &place(), change, &ClientToken("t".into())).await?;
        Ok(receipt.created.len())
    }

    /// Inbound rules that an observation of the group shows; `Err` when it shows nothing.
    async fn seen(&self, scope: Scope) -> Result<usize, Unseen> {
        let observed = Observe::<SecurityGroups>::observe(&self.ec2, &self.bound, &self.desired, &scope).await;
        let vpc = match &observed.vpcs["main"] {
            Seen::Present(vpc) => vpc,
            Seen::Unknown(unseen) => return Err(unseen.clone()),
            Seen::Absent => panic!("no VPC"),
        };
        match &vpc.groups["web"] {
            Seen::Present(group) => Ok(group.rules.iter().filter(|rule| rule.direction == Direction::Ingress).count()),
            Seen::Unknown(unseen) => Err(unseen.clone()),
            Seen::Absent => panic!("no group"),
        }
    }

    fn operations(&self) -> Vec<String> {
        self.ec2.take_journal().into_iter().map(|call| call.operation).collect()
    }
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let broken = twin::contract::security_groups(&TwinEc2::new(Ec2::new(place()))).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test]
async fn a_cold_look_at_one_group_takes_two_calls_and_a_warm_one_takes_one() {
    let world = world();
    let only = || Scope::Only([world.group.clone()].into());
    assert_eq!(world.seen(only()).await, Ok(0));
    assert_eq!(world.operations(), ["DescribeSecurityGroups", "DescribeSecurityGroupRules"]);
    assert_eq!(world.seen(only()).await, Ok(0));
    assert_eq!(world.operations(), ["DescribeSecurityGroupRules"]);
    assert_eq!(world.seen(Scope::Only(["sg-other".into()].into())).await, Err(Unseen::OutOfScope));
}

#[tokio::test]
async fn faults_strike_the_call_they_were_ordered_for() {
    let world = world();
    let throttled = Fault::new("x", FaultClass::Retryable, "slow down");
    world.ec2.fail("AuthorizeSecurityGroup*", 1, throttled.clone());
    assert_eq!(world.apply(&world.authorize(&[1])).await, Ok(1));
    assert_eq!(world.apply(&world.authorize(&[2])).await, Err(throttled.clone()));
    assert_eq!(world.apply(&world.authorize(&[2])).await, Ok(1));
    world.ec2.fail("DescribeSecurityGroup*", 0, throttled);
    assert!(matches!(world.seen(Scope::Everything).await, Err(Unseen::Failed { retryable: true, .. })));
    assert_eq!(world.seen(Scope::Everything).await, Ok(2));
    let failed: Vec<_> = world.ec2.journal().into_iter().filter(|call| call.error.is_some()).collect();
    assert_eq!(failed.iter().map(|call| call.is_write()).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn a_lost_response_took_effect() {
    let world = world();
    world.ec2.lose_response("Authorize*", 0);
    let answer = world.apply(&world.authorize(&[1])).await;
    assert_eq!(answer.unwrap_err().class, FaultClass::Retryable);
    assert_eq!(world.seen(Scope::Everything).await, Ok(1));
}

#[tokio::test]
async fn what_was_changed_is_seen_late_when_ordered_so() {
    let world = world();
    world.ec2.lag(2);
    world.apply(&world.authorize(&[1])).await.unwrap();
    let mut seen = vec![];
    for _ in 0..3 {
        seen.push(world.seen(Scope::Everything).await.unwrap());
    }
    assert_eq!(seen, [0, 0, 1]);
}

#[tokio::test]
async fn refusals_are_classed_as_the_adapter_classes_them() {
    let world = world();
    world.apply(&world.authorize(&[1])).await.unwrap();
    let class = |answer: Result<usize, Fault>| answer.unwrap_err().class;
    assert_eq!(class(world.apply(&world.authorize(&[1, 2])).await), FaultClass::Batch);
    assert_eq!(world.apply(&world.authorize(&[1])).await, Ok(0), "it is there already, and not known to be ours");
    let many: Vec<u16> = (100..160).collect();
    assert_eq!(class(world.apply(&world.authorize(&many)).await), FaultClass::Batch);
    world.apply(&world.authorize(&many[..59])).await.unwrap();
    assert_eq!(class(world.apply(&world.authorize(&[999])).await), FaultClass::Terminal);
    let group = world.group.clone();
    world.ec2.before("Authorize*", 0, move |ec2| ec2.delete_group(&group).unwrap());
    assert_eq!(class(world.apply(&world.authorize(&[3])).await), FaultClass::Terminal);
}

#[tokio::test]
async fn ids_are_located_and_stacks_answer() {
    let world = world();
    let ids = [world.group.clone(), "sg-gone".into(), ResourceId::from(world.vpc.as_str()), "nat-1".into()];
    let found = world.ec2.locate(&place(), &ids.clone().into()).await.unwrap();
    assert_eq!(found[&world.group], Seen::Present(world.vpc.clone()));
    assert_eq!(found["sg-gone"], Seen::Absent);
    assert_eq!(found.len(), 3);
    assert!(world.ec2.locate(&Place::new("999999999999", "eu-west-1"), &ids.into()).await.is_err());

    world.ec2.stack("arn:s", Some(StackStatus::InProgress("UPDATE_IN_PROGRESS".into())));
    let status = world.ec2.status(&place(), &"arn:s".into()).await.unwrap();
    assert_eq!(status, Some(StackStatus::InProgress("UPDATE_IN_PROGRESS".into())));
    assert_eq!(world.ec2.status(&place(), &"arn:none".into()).await, Ok(None));
    let _ = world.ec2.outside(|ec2| ec2.authorize(&world.group, Direction::Egress, &[Permission::tcp(1, 1, "::/0")]));
    assert!(world.ec2.journal().iter().all(|call| !call.is_write()), "what others do is not in the journal");
}
