//! One account with one small shop in it, in line and bound, and everything that a function would be wired with.

use jiff::{SignedDuration, Timestamp};
use reconciler::{
    Answer, BatchOutcome, Clock as _, LayerMark, Ledger as _, LoopKey, Message, Outcome, Ports, Report, Run, Served,
    Settings,
};
use serde_json::{Value, json};
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use topology::security_groups::{Direction, SecurityGroups};
use topology::{ControlId, Place, ResourceId, Topology, VpcId};
use twin::ec2::{Ec2, Permission};
use twin::{Call, Clock, Ledger, Outbox, Sent, Trails, TwinEc2};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-west-1";

pub(crate) struct World {
    pub(crate) ec2: TwinEc2,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) trails: Trails,
    pub(crate) outbox: Outbox,
    pub(crate) clock: Arc<Clock>,
    pub(crate) served: Served,
    pub(crate) settings: Settings,
    pub(crate) vpc: VpcId,
    pub(crate) alb: ResourceId,
    pub(crate) app: ResourceId,
    runs: Cell<u32>,
}

pub(crate) fn place() -> Place {
    Place::new(ACCOUNT, REGION)
}

/// A small shop: anyone may reach the balancer, only the balancer may reach the application.
pub(crate) fn shop(id: &str, mode: &str) -> Topology {
    document(&format!(
        "version: 1
id: {id}
environment: production
mode: {mode}
vpcs:
  main:
    cidr: 10.0.0.0/16
    availability_zones: [a]
    security_groups:
      alb:
        ingress: [{{ tcp: 443, from: 0.0.0.0/0 }}]
        egress: [{{ protocol: all, to: 0.0.0.0/0 }}]
      app:
        ingress: [{{ tcp: 8080, from: alb }}]
        egress: [{{ protocol: all, to: 0.0.0.0/0 }}]
"
    ))
}

pub(crate) fn document(text: &str) -> Topology {
    topology::document::read("topology.yaml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

pub(crate) fn tag(ec2: &mut Ec2, vpc: &VpcId, topology: &str, name: &str) {
    let tags = &mut ec2.vpcs.get_mut(vpc).unwrap().tags;
    tags.insert("plumbline:topology".into(), topology.into());
    tags.insert("plumbline:vpc".into(), name.into());
}

impl World {
    /// In line, bound, and with nothing on record yet but the first repairs of long ago.
    pub(crate) async fn new() -> Self {
        let world = Self::raw(shop("shop", "enforce"));
        world.settle().await;
        world
    }

    /// Not looked at yet: the groups are new and hold only what EC2 gives them.
    pub(crate) fn raw(topology: Topology) -> Self {
        let mut ec2 = Ec2::new(place());
        let vpc = ec2.create_vpc("10.0.0.0/16").unwrap();
        tag(&mut ec2, &vpc, topology.id.as_str(), "main");
        let alb = ec2.create_group(&vpc, "alb").unwrap();
        let app = ec2.create_group(&vpc, "app").unwrap();
        Self {
            ec2: TwinEc2::new(ec2),
            ledger: Arc::new(Ledger::default()),
            trails: Trails::default(),
            outbox: Outbox::default(),
            clock: Arc::new(Clock::default()),
            served: Served { topologies: vec![topology], refused: vec![], layer: None, home: place() },
            settings: Settings::default(),
            vpc,
            alb,
            app,
            runs: Cell::new(0),
        }
    }

    /// Looks until it is in line, forgets what that took, and lets two hours pass.
    pub(crate) async fn settle(&self) {
        let outcome = self.sweep().await;
        assert_eq!(outcome.reports.first().map(|report| &report.overall), Some(&Outcome::Applied));
        self.clock.advance(SignedDuration::from_hours(2));
        self.forget();
    }

    /// Forgets the calls, writes and messages so far.
    pub(crate) fn forget(&self) {
        self.ec2.take_journal();
        self.ledger.take_writes();
        self.outbox.take();
    }

    pub(crate) fn key(&self) -> LoopKey {
        let topology = self.served.topologies.first().unwrap().id.clone();
        LoopKey { place: place(), topology, control: ControlId::SecurityGroups }
    }

    fn run(&self) -> Run {
        self.runs.set(self.runs.get() + 1);
        Run { id: format!("run-{}", self.runs.get()), deadline: None }
    }

    pub(crate) async fn dispatch(&self, bodies: &[String]) -> BatchOutcome {
        let messages: Vec<Message> =
            bodies.iter().enumerate().map(|(at, body)| Message { id: format!("m{at}"), body: body.clone() }).collect();
        self.dispatch_as(&messages, &self.run()).await
    }

    pub(crate) async fn dispatch_as(&self, messages: &[Message], run: &Run) -> BatchOutcome {
        let ports = self.ports();
        reconciler::dispatch::<SecurityGroups, _, _, _, _, _>(messages, &self.served, &ports, &self.settings, run).await
    }

    fn ports(&self) -> Ports<'_, TwinEc2, TwinEc2, Ledger, Outbox, Clock> {
        Ports { eyes: &self.ec2, hands: &self.ec2, ledger: &*self.ledger, outbox: &self.outbox, clock: &*self.clock }
    }

    /// One message, one report.
    pub(crate) async fn on(&self, body: String) -> Report {
        let outcome = self.dispatch(&[body]).await;
        assert_eq!(outcome.failed, Vec::<String>::new());
        assert_eq!(outcome.reports.len(), 1, "{:?}", outcome.reports);
        outcome.reports.into_iter().next().unwrap()
    }

    /// The sweep asks for every topology.
    pub(crate) async fn sweep(&self) -> BatchOutcome {
        let all: Vec<String> = self
            .served
            .topologies
            .iter()
            .map(|topology| {
                json!({
                    "source": "plumbline", "detail-type": "Reconcile Requested", "account": ACCOUNT, "region": REGION,
                    "detail": { "account": ACCOUNT, "region": REGION, "topology": topology.id, "why": "schedule" },
                })
                .to_string()
            })
            .collect();
        self.dispatch(&all).await
    }

    /// The one report of a sweep.
    pub(crate) async fn swept(&self) -> Report {
        self.sweep().await.reports.into_iter().next().unwrap()
    }

    pub(crate) async fn by_hand(&self, input: Value) -> Answer {
        let (ports, run) = (self.ports(), self.run());
        let (served, settings) = (&self.served, &self.settings);
        reconciler::answer::<SecurityGroups, _, _, _, _, _>(&input, "invoke by on-call", served, &ports, settings, &run)
            .await
    }

    /// What the rechecks that were sent would bring back, as message bodies; their delay passes.
    pub(crate) fn rechecks(&self) -> Vec<String> {
        let Sent { resent, .. } = self.outbox.take();
        let longest = resent.iter().map(|(_, delay)| *delay).max().unwrap_or_default();
        self.clock.advance(longest);
        resent.iter().map(|(hints, _)| reconciler::recheck_body(hints)).collect()
    }

    /// What CloudTrail tells of a call on a group.
    pub(crate) fn event(&self, name: &str, group: &ResourceId) -> String {
        self.event_at(name, group, self.clock.now(), "e-1")
    }

    pub(crate) fn event_at(&self, name: &str, group: &ResourceId, at: Timestamp, id: &str) -> String {
        json!({
            "version": "0", "id": id, "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2",
            "account": ACCOUNT, "region": REGION, "time": at.to_string(), "resources": [],
            "detail": {
                "eventID": id, "eventName": name, "eventTime": at.to_string(), "awsRegion": REGION,
                "recipientAccountId": ACCOUNT, "sourceIPAddress": "203.0.113.7", "userAgent": "aws-cli/2",
                "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/mallory" },
                "requestParameters": { "groupId": group.as_str(), "ipPermissions": {} },
            },
        })
        .to_string()
    }

    /// Somebody opens a port of a group to an address range; the event that tells of it.
    pub(crate) fn open(&self, group: &ResourceId, port: i64, range: &str) -> String {
        let permission = Permission::tcp(port, port, range);
        self.ec2.outside(|ec2| ec2.authorize(group, Direction::Ingress, &[permission])).unwrap();
        self.event("AuthorizeSecurityGroupIngress", group)
    }

    /// An exposure: ssh for everyone.
    pub(crate) fn expose(&self) -> String {
        self.open(&self.app, 22, "0.0.0.0/0")
    }

    /// A drift that exposes nothing: a port for the network's own addresses.
    pub(crate) fn widen(&self) -> String {
        self.open(&self.app, 9000, "10.0.0.0/16")
    }

    /// Somebody takes every rule of a group's direction away; the event that tells of it.
    pub(crate) fn strip(&self, group: &ResourceId) -> String {
        self.ec2
            .outside(|ec2| {
                let ids =
                    ec2.rules.iter().filter(|(_, rule)| rule.group == *group && rule.direction == Direction::Ingress);
                let ids: Vec<ResourceId> = ids.map(|(id, _)| id.clone()).collect();
                ec2.revoke(group, Direction::Ingress, &ids)
            })
            .unwrap();
        self.event("RevokeSecurityGroupIngress", group)
    }

    /// Inbound rules of a group.
    pub(crate) fn ingress(&self, group: &ResourceId) -> usize {
        let (four, _) = self.ec2.state().count(group, Direction::Ingress);
        four.max(self.rules(group))
    }

    fn rules(&self, group: &ResourceId) -> usize {
        let state = self.ec2.state();
        state.rules.values().filter(|rule| rule.group == *group && rule.direction == Direction::Ingress).count()
    }

    /// Both groups hold exactly what is declared: one inbound rule each.
    pub(crate) fn in_line(&self) -> bool {
        self.rules(&self.alb) == 1 && self.rules(&self.app) == 1
    }

    /// The changing calls since the last time this was asked.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.ec2.take_journal().into_iter().filter(Call::is_write).map(|call| call.operation).collect()
    }

    /// All calls since the last time this was asked.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.ec2.take_journal().into_iter().map(|call| call.operation).collect()
    }

    pub(crate) fn layer(&mut self, version: u64) {
        self.served.layer =
            Some(LayerMark { layer: "arn:aws:lambda:eu-west-1:111122223333:layer:topologies".into(), version });
    }

    /// Somebody else takes the lease now, as if ours had expired.
    pub(crate) fn steal(ledger: &Ledger, key: &LoopKey, now: Timestamp) {
        let lease = at_once(ledger.lease(key, "thief", now, SignedDuration::from_secs(60)));
        assert!(lease.unwrap().is_some(), "the lease must have expired");
    }
}

/// The twins answer at once.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a twin that waits"),
    }
}

pub(crate) fn held(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Held { why, .. } => why,
        other => panic!("not held: {other:?}"),
    }
}

pub(crate) fn converging(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Converging { why, .. } => why,
        other => panic!("not converging: {other:?}"),
    }
}
