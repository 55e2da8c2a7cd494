//! A second, made-up control with everything that security groups do not have: it takes minutes, takes tokens, waits, is blind and
//! asks for approval. The loop must carry it without knowing it.

use crate::world::{World, converging, held, place};
use jiff::SignedDuration;
use reconciler::{
    Answer, Apply, Bound, CLAIM_LIVES, Candidate, Claimed, ClientToken, Clock as _, Fault, FaultClass, Ledger as _,
    LedgerRead as _, Locate, Message, Observe, Outcome, Ports, Report, Run, StackStatus, Stacks,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;
use topology::{
    Action, Control, ControlId, Effect, Field, Held, Inverse, Place, Plan, Receipt, ResourceId, ResourceKey, Scope,
    Seen, Slot, StackId, Standing, Step, Topology, Unseen, Verb, VpcId, Wait,
};
use twin::TwinEc2;

struct Gateways;

#[derive(Clone, Debug, PartialEq)]
enum Gateway {
    Pending,
    Available {
        routed: bool,
    },
    NeedsApproval,
    /// Nothing may be done for an hour.
    Resting,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Act {
    Create,
    Route,
    Accept,
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?} the gateway")
    }
}

impl Action for Act {
    fn resource(&self) -> ResourceKey {
        place().key("nat-1")
    }
    fn name(&self) -> String {
        "main/nat".into()
    }
    fn field(&self) -> Field {
        Field::SecurityGroupRules
    }
    fn effect(&self) -> Effect {
        Effect::Add
    }
    fn inverse(&self, _: &Receipt) -> Inverse<Self> {
        Inverse::None("its addresses would change".into())
    }
    fn slot(&self) -> Option<Slot> {
        let one = || Slot { name: "gate".into(), holder: "nat-1".into(), at_most: 1, live: BTreeSet::new() };
        (*self == Self::Accept).then(one)
    }
}

impl Control for Gateways {
    const ID: ControlId = ControlId::SecurityGroups;
    const VERBS: &'static [Verb] = &[Verb::Approve];
    type Desired = topology::security_groups::Desired;
    type Observed = Seen<Gateway>;
    type Action = Act;

    fn desired(topology: &Topology) -> Option<&Self::Desired> {
        topology.security_groups.as_ref()
    }

    fn scope(_: &Self::Desired, _: &BTreeSet<ResourceId>) -> Scope {
        Scope::Everything
    }

    fn kept(_: &Self::Desired, _: &Self::Observed) -> BTreeMap<ResourceId, String> {
        BTreeMap::new()
    }

    fn plan(place: &Place, _: &Self::Desired, seen: &Self::Observed, standing: &Standing) -> Plan<Act> {
        let mut plan = Plan::default();
        plan.notes.push(format!("asked {}", if standing.by_hand { "by a person" } else { "by nobody" }));
        match seen {
            Seen::Unknown(why) => plan.blind.push(why.clone()),
            Seen::Absent => _ = plan.push(Step::new(Act::Create)),
            Seen::Present(Gateway::Pending) => {
                let until = standing.now + SignedDuration::from_secs(90);
                plan.wait = Some(Wait { until, why: "the gateway is pending".into() });
            }
            Seen::Present(Gateway::Resting) => {
                let until = standing.now + SignedDuration::from_hours(1);
                plan.wait = Some(Wait { until, why: "the gateway is left alone".into() });
            }
            Seen::Present(Gateway::Available { routed: false }) => _ = plan.push(Step::new(Act::Route)),
            Seen::Present(Gateway::Available { routed: true }) => {}
            Seen::Present(Gateway::NeedsApproval) if standing.in_force(Verb::Approve).next().is_some() => {
                plan.push(Step::new(Act::Accept));
            }
            Seen::Present(Gateway::NeedsApproval) => plan.held.push(Held {
                resource: place.key("nat-1"),
                name: "main/nat".into(),
                why: "it waits for a person".into(),
                remedy: "approve it".into(),
            }),
        }
        plan
    }
}

#[derive(Default)]
struct Sky {
    gateway: Option<Gateway>,
    unseen: Option<Unseen>,
    /// Describes that do not show a creation yet.
    lag: usize,
    lose: bool,
    /// Calls that do nothing.
    refusing: usize,
    created: BTreeMap<String, u32>,
    calls: Vec<Act>,
}

struct Cloud {
    sky: Mutex<Sky>,
    ec2: TwinEc2,
}

impl Observe<Gateways> for Cloud {
    async fn observe(&self, bound: &Bound, _: &topology::security_groups::Desired, _: &Scope) -> Seen<Gateway> {
        assert_eq!(bound.vpcs.len(), 1);
        let mut sky = self.sky.lock().unwrap();
        if let Some(unseen) = &sky.unseen {
            return Seen::Unknown(unseen.clone());
        }
        if sky.lag > 0 {
            sky.lag -= 1;
            return Seen::Absent;
        }
        sky.gateway.clone().map_or(Seen::Absent, Seen::Present)
    }
}

impl Apply<Gateways> for Cloud {
    async fn apply(&self, _: &Place, act: &Act, token: &ClientToken) -> Result<Receipt, Fault> {
        let mut sky = self.sky.lock().unwrap();
        sky.calls.push(act.clone());
        if sky.refusing > 0 {
            sky.refusing -= 1;
            return Err(Fault::new("CreateNatGateway", FaultClass::Retryable, "slow down"));
        }
        match act {
            Act::Create => {
                *sky.created.entry(token.0.clone()).or_default() += 1;
                sky.gateway = Some(Gateway::Pending);
            }
            Act::Route | Act::Accept => sky.gateway = Some(Gateway::Available { routed: true }),
        }
        if std::mem::take(&mut sky.lose) {
            return Err(Fault::new("CreateNatGateway", FaultClass::Retryable, "timed out"));
        }
        Ok(Receipt { created: vec!["nat-1".into()], request_id: None, already: false })
    }
}

impl Locate for Cloud {
    async fn locate(&self, _: &Place, _: &BTreeSet<ResourceId>) -> Result<BTreeMap<ResourceId, Seen<VpcId>>, Fault> {
        // Gateways have a VPC, but this adapter cannot say which.
        Ok(BTreeMap::new())
    }
    async fn candidates(&self, at: &Place, t: &Topology, pinned: &BTreeSet<VpcId>) -> Result<Vec<Candidate>, Fault> {
        self.ec2.candidates(at, t, pinned).await
    }
}

impl Stacks for Cloud {
    async fn status(&self, _: &Place, _: &StackId) -> Result<Option<StackStatus>, Fault> {
        Ok(None)
    }
}

struct Test {
    world: World,
    cloud: Cloud,
    runs: Mutex<u32>,
}

impl Test {
    async fn new() -> Self {
        let world = World::new().await;
        let cloud = Cloud { sky: Mutex::default(), ec2: world.ec2.clone() };
        Self { world, cloud, runs: Mutex::new(0) }
    }

    fn sky(&self, change: impl FnOnce(&mut Sky)) {
        change(&mut self.cloud.sky.lock().unwrap());
    }

    fn calls(&self) -> Vec<Act> {
        std::mem::take(&mut self.cloud.sky.lock().unwrap().calls)
    }

    fn run(&self) -> Run {
        let mut runs = self.runs.lock().unwrap();
        *runs += 1;
        Run { id: format!("gateway-{runs}"), deadline: None }
    }

    async fn on(&self, body: String) -> Report {
        let Self { world, cloud, .. } = self;
        let ports =
            Ports { eyes: cloud, hands: cloud, ledger: &*world.ledger, outbox: &world.outbox, clock: &*world.clock };
        let messages = [Message { id: "m".into(), body }];
        let (served, run) = (&world.served, self.run());
        let outcome =
            reconciler::dispatch::<Gateways, _, _, _, _, _>(&messages, served, &ports, &world.settings, &run).await;
        assert!(outcome.failed.is_empty());
        outcome.reports.into_iter().next().unwrap()
    }

    async fn woken(&self) -> Report {
        self.on(self.world.event("DeleteNatGateway", &"nat-0123456789abcdef0".into())).await
    }

    async fn recheck(&self) -> Report {
        let mut rechecks = self.world.rechecks();
        assert_eq!(rechecks.len(), 1);
        self.on(rechecks.remove(0)).await
    }

    async fn by_hand(&self, input: Value) -> Answer {
        let Self { world, cloud, .. } = self;
        let ports =
            Ports { eyes: cloud, hands: cloud, ledger: &*world.ledger, outbox: &world.outbox, clock: &*world.clock };
        let (served, run) = (&world.served, self.run());
        reconciler::answer::<Gateways, _, _, _, _, _>(&input, "me", served, &ports, &world.settings, &run).await
    }
}

#[tokio::test]
async fn what_takes_minutes_is_rechecked_until_it_is_there() {
    let test = Test::new().await;
    let report = test.woken().await;
    assert_eq!(converging(&report.overall), "the gateway is pending");
    assert_eq!(test.calls(), [Act::Create]);
    let sent = test.world.outbox.take();
    assert_eq!(sent.resent[0].1, SignedDuration::from_secs(90), "as long as the plan says");
    let recheck = reconciler::recheck_body(&sent.resent[0].0);
    assert_eq!(converging(&test.on(recheck).await.overall), "the gateway is pending");
    test.sky(|sky| sky.gateway = Some(Gateway::Available { routed: false }));
    assert_eq!(test.recheck().await.overall, Outcome::Applied);
    assert_eq!(test.calls(), [Act::Route], "and never a second gateway");
    let standing = test.world.ledger.standing(&test.world.key(), reconciler::Clock::now(&*test.world.clock)).await;
    assert!(standing.unwrap().created.contains_key("nat-1"), "known as ours");
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_is_repeated_with_its_token() {
    let test = Test::new().await;
    test.sky(|sky| {
        sky.lose = true;
        sky.lag = 2;
    });
    let first = test.woken().await;
    assert!(matches!(&first.overall, Outcome::Failed(fault) if fault.is_retryable()), "{:?}", first.overall);
    test.sky(|sky| sky.lag = 1);
    let second = test.recheck().await;
    assert!(matches!(second.overall, Outcome::Converging { .. }));
    test.sky(|sky| {
        assert_eq!(sky.created.values().copied().collect::<Vec<_>>(), [2], "two calls, one token, one gateway");
    });
}

#[tokio::test]
async fn a_creation_that_is_not_shown_yet_is_not_repeated() {
    let test = Test::new().await;
    test.sky(|sky| sky.lag = 3);
    assert!(converging(&test.woken().await.overall).contains("does not show it yet"));
    assert_eq!(test.calls(), [Act::Create]);
}

#[tokio::test]
async fn blindness_is_never_success_and_changes_nothing() {
    let test = Test::new().await;
    let failed = |retryable| Unseen::Failed { retryable, why: "describe failed".into() };
    test.sky(|sky| sky.unseen = Some(failed(true)));
    assert!(matches!(test.woken().await.overall, Outcome::Failed(fault) if fault.is_retryable()));
    assert_eq!(test.world.outbox.take().resent.len(), 1);
    test.sky(|sky| sky.unseen = Some(failed(false)));
    assert!(matches!(test.woken().await.overall, Outcome::Failed(fault) if !fault.is_retryable()));
    let sent = test.world.outbox.take();
    assert!(sent.resent.is_empty() && sent.events[0].page, "told, and not retried");
    assert_eq!(test.calls(), []);
}

#[tokio::test]
async fn what_waits_for_a_person_goes_ahead_when_approved() {
    let test = Test::new().await;
    test.sky(|sky| sky.gateway = Some(Gateway::NeedsApproval));
    assert_eq!(held(&test.woken().await.overall), "it waits for a person");
    test.world.forget();
    let answer = test.by_hand(json!({"approve": "nat-1", "reason": "INC-5"})).await;
    assert!(answer.ok, "{}", answer.summary);
    assert_eq!(test.world.outbox.take().requests.len(), 1, "it is looked at at once");
    assert_eq!(test.woken().await.overall, Outcome::Applied);
    assert_eq!(test.calls(), [Act::Accept]);
    let gone = test.by_hand(json!({"withdraw": {"verb": "approve", "resource": "nat-1", "reason": "INC-5"}})).await;
    assert!(gone.ok && gone.summary.contains("withdrawn"), "{}", gone.summary);
}

#[tokio::test]
async fn what_cannot_be_undone_says_why() {
    let test = Test::new().await;
    test.woken().await;
    let token = test.world.ledger.records(&test.world.key(), 1).await.unwrap().remove(0).token.0;
    let answer = test.by_hand(json!({"undo": {"topology": "shop", "token": token, "reason": "r"}})).await;
    assert!(!answer.ok && answer.summary.contains("addresses would change"), "{}", answer.summary);
}

#[tokio::test]
async fn the_last_place_is_given_to_one() {
    let test = Test::new().await;
    test.sky(|sky| sky.gateway = Some(Gateway::NeedsApproval));
    let (ledger, key, clock) = (&test.world.ledger, test.world.key(), &test.world.clock);
    let lease = ledger.lease(&key, "other", clock.now(), SignedDuration::from_secs(60)).await.unwrap().unwrap();
    let other = Slot { holder: "nat-2".into(), ..Act::Accept.slot().unwrap() };
    assert_eq!(ledger.claim(&lease, &other, clock.now()).await.unwrap(), Claimed::Yes);
    ledger.release(lease, clock.now()).await.unwrap();
    let before = ledger.records(&key, 10).await.unwrap();
    test.by_hand(json!({"approve": "nat-1", "reason": "INC-5"})).await;
    let report = test.woken().await;
    assert_eq!(held(&report.overall), "nat-1 finds no place: gate has 1, taken by nat-2");
    assert_eq!(test.calls(), [], "nothing was called");
    assert_eq!(ledger.records(&key, 10).await.unwrap(), before, "nor intended");
    clock.advance(CLAIM_LIVES + SignedDuration::from_secs(1));
    assert_eq!(test.woken().await.overall, Outcome::Applied, "whoever never came in has lost its place");
    assert_eq!(test.calls(), [Act::Accept]);
}

#[tokio::test]
async fn a_plan_knows_whether_a_person_asks_and_its_notes_are_told() {
    let test = Test::new().await;
    let plan = test.by_hand(json!({"topology": "shop", "mode": "plan"})).await;
    assert_eq!(plan.reports[0].notes, ["asked by a person"]);
    assert!(plan.summary.contains("\n  note    asked by a person"), "{}", plan.summary);
    assert!(plan.summary.lines().next().unwrap().ends_with("(plan mode); asked by a person"), "{}", plan.summary);
    let done = test.by_hand(json!({"topology": "shop", "mode": "enforce", "reason": "r"})).await;
    assert_eq!(done.reports[0].notes, plan.reports[0].notes, "enforcing does what planning shows");
    assert_eq!(test.woken().await.notes, ["asked by nobody"]);
}

#[tokio::test]
async fn waiting_is_bounded_by_time_only_and_then_left_to_the_sweep() {
    let test = Test::new().await;
    converging(&test.woken().await.overall);
    let mut looks = 0;
    loop {
        let mut rechecks = test.world.rechecks();
        let Some(body) = rechecks.pop() else { break };
        assert_eq!(converging(&test.on(body).await.overall), "the gateway is pending");
        looks += 1;
    }
    assert!((35..=55).contains(&looks), "ninety seconds at first, and ever less often over six hours: {looks}");
    assert_eq!(converging(&test.woken().await.overall), "the gateway is pending", "and the next look begins anew");
    let sent = test.world.outbox.take();
    assert_eq!((sent.resent.len(), sent.dead.len()), (1, 0));
}

#[tokio::test]
async fn what_is_far_off_is_left_to_the_sweep_at_once() {
    let test = Test::new().await;
    test.sky(|sky| sky.gateway = Some(Gateway::Resting));
    converging(&test.woken().await.overall);
    let sent = test.world.outbox.take();
    assert_eq!((sent.resent.len(), sent.dead.len()), (0, 0), "the sweep comes sooner than that");
}

#[tokio::test]
async fn looks_that_go_nowhere_are_bounded() {
    let test = Test::new().await;
    test.sky(|sky| sky.refusing = usize::MAX);
    test.woken().await;
    let mut looks = 0;
    let why = loop {
        let sent = test.world.outbox.take();
        if let [(_, why)] = sent.dead.as_slice() {
            break why.clone();
        }
        test.world.clock.advance(sent.resent[0].1);
        test.on(reconciler::recheck_body(&sent.resent[0].0)).await;
        looks += 1;
        assert!(looks < 20, "given up on in the end");
    };
    assert!(why.contains("slow down") && why.contains("after 8 attempts"), "{why}");
}

#[tokio::test]
async fn progress_forgives_what_failed_before_it() {
    let test = Test::new().await;
    test.sky(|sky| sky.refusing = 8);
    let mut report = test.woken().await;
    for _ in 0..8 {
        assert!(matches!(&report.overall, Outcome::Failed(fault) if fault.is_retryable()), "{:?}", report.overall);
        report = test.recheck().await;
    }
    assert_eq!(converging(&report.overall), "the gateway is pending");
    let sent = test.world.outbox.take();
    assert_eq!(sent.resent[0].0[0].attempt, 0, "what comes next has all its attempts");
}
