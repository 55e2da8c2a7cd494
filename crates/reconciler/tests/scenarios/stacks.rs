//! Stacks: binding through one, what its events wake, its drift as advice, and its repair.

use crate::world::{World, document, held, place, shop, tag};
use jiff::{SignedDuration, Timestamp};
use reconciler::{
    Bindings, Cause, ClientToken, Fault, FaultClass, Intent, LayerMark, Ledger as _, LedgerRead as _, LoopKey, Outcome,
    Principal, Run, StackCare, StackFacts, StackMemory, Watched, sweep, watch,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use topology::stacks::{Change, ChangeAction, Difference, DriftStatus};
use topology::{ControlId, Directive, Effect, Receipt, StackId, Subject, Topology, Verb};
use twin::formation::{Formation, ModelStack};
use twin::{LOGICAL_ID_TAG, STACK_TAG};

const STACK: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/network/1111";
const REMADE: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/network/2222";
const LOGS: &str = "MainLogsEndpoint";

fn through_stack() -> Topology {
    let mut topology = shop("shop", "enforce");
    topology.vpcs.values_mut().next().unwrap().stack =
        Some(topology::network::StackResource { stack: "network".into(), logical_id: "MainVpc".into() });
    topology
}

/// The VPC carries CloudFormation's tags, and none of Plumbline's.
fn owned(world: &World, stack: &str) {
    world.ec2.outside(|ec2| {
        let tags = &mut ec2.vpcs.get_mut(&world.vpc).unwrap().tags;
        tags.retain(|key, _| !key.starts_with("plumbline:"));
        tags.insert(STACK_TAG.into(), stack.into());
        tags.insert(LOGICAL_ID_TAG.into(), "MainVpc".into());
    });
}

async fn pins(world: &World) -> Bindings {
    world.ledger.bindings(&place(), &world.key().topology).await.unwrap()
}

fn rebind(world: &World) -> Value {
    json!({"rebind": {"topology": "shop", "vpc": "main", "to": world.vpc.as_str(), "reason": "INC-1"}})
}

#[tokio::test]
async fn a_vpc_binds_through_its_stack_and_pins_it() {
    let world = World::raw(through_stack());
    owned(&world, STACK);
    assert_eq!(world.swept().await.overall, Outcome::Applied);
    let pin = pins(&world).await.into_values().next().unwrap();
    assert_eq!((pin.vpc, pin.stack), (world.vpc.clone(), Some(STACK.into())));
    world.forget();
    world.on(world.event("AuthorizeSecurityGroupIngress", &world.app)).await;
    assert!(!world.calls().iter().any(|call| call.contains("Stack")), "a hinted run trusts the pin");
}

#[tokio::test]
async fn tags_of_plumbline_make_no_vpc_the_stacks() {
    let world = World::raw(through_stack());
    let report = world.swept().await;
    assert!(held(&report.overall).contains("MainVpc of stack network"), "{:?}", report.overall);
    assert_eq!(world.writes(), Vec::<String>::new());
    let answer = world.by_hand(rebind(&world)).await;
    assert!(!answer.ok && answer.summary.contains("MainVpc of stack network"), "{}", answer.summary);
}

#[tokio::test]
async fn a_stack_made_again_under_its_name_is_another_one() {
    let world = World::raw(through_stack());
    owned(&world, STACK);
    world.settle().await;
    owned(&world, REMADE);
    world.expose();
    let why = held(&world.swept().await.overall).to_owned();
    assert!(why.contains("1111") && why.contains("2222"), "{why}");
    assert_eq!(world.writes(), Vec::<String>::new(), "held until a person rebinds");
    assert!(world.by_hand(rebind(&world)).await.ok);
    assert_eq!(world.swept().await.overall, Outcome::Applied);
    assert_eq!(pins(&world).await.into_values().next().unwrap().stack, Some(REMADE.into()));
}

#[tokio::test]
async fn a_stack_that_is_gone_leaves_its_vpc_enforced() {
    let world = World::raw(through_stack());
    owned(&world, STACK);
    world.settle().await;
    world.ec2.outside(|ec2| ec2.vpcs.get_mut(&world.vpc).unwrap().tags.clear());
    world.expose();
    world.swept().await;
    assert!(world.in_line(), "whoever deletes a stack and keeps its VPC must not switch enforcement off");
}

#[tokio::test]
async fn a_document_that_names_another_stack_is_held() {
    let mut world = World::raw(through_stack());
    owned(&world, STACK);
    world.settle().await;
    let stack = &mut world.served.topologies[0].vpcs.values_mut().next().unwrap().stack;
    stack.as_mut().unwrap().stack = "other".into();
    let event = world.expose();
    assert!(held(&world.on(event).await.overall).contains("of stack other"));
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_pin_from_before_learns_its_stack() {
    let world = World::new().await;
    assert_eq!(pins(&world).await.into_values().next().unwrap().stack, None);
    world.ec2.outside(|ec2| {
        ec2.vpcs.get_mut(&world.vpc).unwrap().tags.insert(STACK_TAG.into(), STACK.into());
    });
    world.expose();
    assert_eq!(world.swept().await.overall, Outcome::Applied);
    let pin = pins(&world).await.into_values().next().unwrap();
    assert_eq!((pin.vpc, pin.stack), (world.vpc.clone(), Some(STACK.into())));
}

fn settled(stack: &str) -> Value {
    json!({
        "source": "aws.cloudformation", "detail-type": "CloudFormation Stack Status Change",
        "detail": { "stack-id": stack, "status-details": { "status": "UPDATE_COMPLETE" } }
    })
}

#[tokio::test]
async fn a_stack_that_settles_wakes_its_own_topologies_and_one_that_is_not_known_all() {
    let mut world = World::raw(shop("shop", "enforce"));
    world.ec2.outside(|ec2| {
        ec2.vpcs.get_mut(&world.vpc).unwrap().tags.insert(STACK_TAG.into(), STACK.into());
        let other = ec2.create_vpc("10.0.0.0/16").unwrap();
        tag(ec2, &other, "other", "main");
        ec2.vpcs.get_mut(&other).unwrap().tags.insert(STACK_TAG.into(), REMADE.replace("network", "other"));
        ec2.create_group(&other, "alb").unwrap();
        ec2.create_group(&other, "app").unwrap();
    });
    world.served.topologies.push(shop("other", "enforce"));
    world.sweep().await;
    let asked = async |world: &World, event: Value| {
        let swept =
            sweep(&event, &world.served, &world.trails, &*world.ledger, &world.outbox, &*world.clock).await.unwrap();
        swept.requested.into_iter().map(|(_, id)| id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(asked(&world, settled(STACK)).await, ["shop"]);
    assert_eq!(asked(&world, settled("arn:aws:cloudformation:eu-west-1:111122223333:stack/else/1")).await.len(), 2);
    // One that is not bound yet may be that stack's: it is asked as well.
    world.served.topologies.push(shop("third", "enforce"));
    assert_eq!(asked(&world, settled(STACK)).await, ["shop", "third"]);
    // Forged: it names nobody's stack as somebody's else, and only causes a look.
    let forged = json!({ "source": "mallory", "detail-type": "CloudFormation Stack Status Change",
        "detail": { "stack-id": STACK, "status-details": { "status": "DELETE_COMPLETE" } } });
    assert_eq!(asked(&world, forged).await.len(), 3);
}

/// What each of several calls ended.
type Calls = &'static [&'static [&'static str]];

fn call_that_ended(ids: &[&str], at: Timestamp) -> Cause {
    Cause {
        event_id: "e".into(),
        request_id: None,
        event_name: "DeleteVpcEndpoints".into(),
        at,
        principal: Principal { kind: "IAMUser".into(), arn: None, role: None },
        source_ip: None,
        user_agent: None,
        invoked_by: None,
        resources: ids.iter().map(|id| (*id).into()).collect(),
    }
}

/// A network with an endpoint, bound, its stack in the model.
struct Test {
    world: World,
    formation: Formation,
    care: StackCare,
}

fn network(extra: &str) -> Topology {
    document(&format!(
        "version: 1
id: shop
environment: production
mode: enforce
{extra}
vpcs:
  main:
    cidr: 10.0.0.0/16
    availability_zones: [a]
    dns: {{ support: true, hostnames: true }}
    tiers:
      private: {{ route: isolated, subnets: [10.0.0.0/24] }}
    endpoints:
      logs: interface
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

impl Test {
    async fn new(extra: &str) -> Self {
        let topology = network(extra);
        let template = topology::render::render(&topology).unwrap();
        let world = World::raw(topology);
        world.ec2.outside(|ec2| {
            ec2.vpcs.get_mut(&world.vpc).unwrap().tags.insert(STACK_TAG.into(), STACK.into());
        });
        world.sweep().await;
        world.forget();
        let formation = Formation::default();
        let resources = [("MainVpc", "AWS::EC2::VPC", "vpc-1"), (LOGS, "AWS::EC2::VPCEndpoint", "vpce-0ld")];
        let resources = resources.map(|(logical, kind, id)| (logical.into(), (kind.to_owned(), id.into())));
        let there = ["vpc-1".into(), "vpce-0ld".into()].into();
        let role = Some("arn:aws:iam::111122223333:role/deploy".to_owned());
        let facts = StackFacts { status: "CREATE_COMPLETE".into(), role, ..StackFacts::default() };
        formation
            .put(STACK, ModelStack { facts, resources: resources.into(), there, template, ..ModelStack::default() });
        let care = StackCare { detect_every: Some(SignedDuration::from_hours(24)), may_repair: true };
        Self { world, formation, care }
    }

    async fn watch(&self, event: Value) -> Watched {
        let Self { world, formation, care } = self;
        let run = Run { id: "sweep-1".into(), deadline: None };
        let (served, ledger) = (&world.served, &*world.ledger);
        watch(&event, served, formation, ledger, &world.outbox, &*world.clock, *care, &run).await
    }

    async fn scheduled(&self) -> String {
        self.watch(json!({})).await.stacks.into_values().next().unwrap_or_default()
    }

    fn stack(&self) -> StackId {
        STACK.into()
    }

    async fn memory(&self) -> StackMemory {
        self.world.ledger.stack_memory(&place(), &self.stack()).await.unwrap().unwrap_or_default()
    }

    /// Somebody deleted the endpoint, and a control made another one.
    async fn stand_in(&self) {
        self.stand_in_as("main/logs", Some(LOGS), &[]).await;
    }

    /// The same under another name, with what its action says, and after calls that ended these.
    async fn stand_in_as(&self, name: &str, logical: Option<&str>, calls: Calls) {
        self.stand_in_of("vpce", name, logical, calls).await;
    }

    /// The same of another kind.
    async fn stand_in_of(&self, kind: &str, name: &str, logical: Option<&str>, calls: Calls) {
        let (old, new) = (format!("{kind}-0ld"), format!("{kind}-new"));
        self.formation.change(&self.stack(), |stack| {
            stack.there.remove(old.as_str());
            stack.there.insert(new.as_str().into());
        });
        let world = &self.world;
        let key = LoopKey { place: place(), topology: "shop".into(), control: ControlId::Nat };
        let now = reconciler::Clock::now(&*world.clock);
        let lease = world.ledger.lease(&key, "r", now, SignedDuration::from_secs(60)).await.unwrap().unwrap();
        let said = logical.map(|logical| json!({ "stack": STACK, "logical_id": logical }));
        let intent = Intent {
            resource: place().key("main/logs"),
            name: name.into(),
            action: json!({ "create": { "stand_in": said } }),
            summary: "create endpoint main/logs".into(),
            effect: Effect::Add,
            contains: false,
            causes: calls.iter().map(|ended| call_that_ended(ended, now)).collect(),
            reason: None,
            run: "r".into(),
            at: now,
        };
        let token: ClientToken = world.ledger.intend(&lease, &intent).await.unwrap().unwrap();
        let receipt = Receipt { created: vec![new.as_str().into()], ..Receipt::default() };
        world.ledger.settle(&key, &token, &Ok(receipt), None, now).await.unwrap();
        world.ledger.release(lease, now).await.unwrap();
        world.ledger.note_made(&place(), &"shop".into(), now).await.unwrap();
        world.forget();
    }

    /// Looks until it says so.
    async fn until(&self, said: &str) {
        for _ in 0..12 {
            let now = self.scheduled().await;
            if now.contains(said) {
                return;
            }
            self.world.clock.advance(SignedDuration::from_mins(15));
        }
        panic!("never: {said}; {:#?}", self.memory().await);
    }
}

fn told(events: &[reconciler::OutcomeEvent], kind: &str) -> Vec<Value> {
    events.iter().filter(|event| event.detail_type == kind).map(|event| serde_json::to_value(event).unwrap()).collect()
}

#[tokio::test]
async fn drift_is_detected_on_its_own_schedule_and_once_at_a_time() {
    let test = Test::new("").await;
    test.formation.change(&test.stack(), |stack| stack.slow = true);
    assert_eq!(test.scheduled().await, "drift detection started");
    for _ in 0..3 {
        assert_eq!(test.scheduled().await, "drift detection is under way");
    }
    assert_eq!(test.formation.take_calls().iter().filter(|call| **call == "DetectStackDrift").count(), 1);
    test.formation.change(&test.stack(), |stack| stack.slow = false);
    assert_eq!(test.scheduled().await, "in sync");
    assert_eq!(test.scheduled().await, "not due");
    assert!(test.formation.take_calls().iter().all(|call| call.starts_with("Describe")), "looking changes nothing");
    test.world.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(test.scheduled().await, "drift detection started");
    assert!(test.world.outbox.take().events.is_empty(), "nothing to tell");
}

#[tokio::test]
async fn drift_detection_can_be_off_and_is_had_by_hand() {
    let mut test = Test::new("").await;
    test.care.detect_every = None;
    assert_eq!(test.scheduled().await, "not due");
    assert_eq!(test.formation.take_calls(), [] as [&str; 0]);
    let watched = test.watch(json!({ "drift": "now" })).await;
    assert_eq!(watched.stacks.values().next().unwrap(), "drift detection started");
}

#[tokio::test]
async fn a_stack_in_the_middle_of_an_operation_is_not_looked_into() {
    let test = Test::new("").await;
    for status in ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "ROLLBACK_COMPLETE", "DELETE_FAILED"] {
        test.formation.change(&test.stack(), |stack| stack.facts.status = status.into());
        assert!(test.scheduled().await.contains(status));
    }
    assert!(!test.formation.take_calls().contains(&"DetectStackDrift"));
}

#[tokio::test]
async fn an_event_of_another_stack_looks_at_none_and_one_of_ours_at_it() {
    let test = Test::new("").await;
    assert!(test.watch(settled(REMADE)).await.stacks.is_empty());
    assert_eq!(test.formation.take_calls(), [] as [&str; 0]);
    assert_eq!(test.watch(settled(STACK)).await.stacks.len(), 1);
    let ended = json!({ "source": "aws.cloudformation", "detail-type": "CloudFormation Drift Detection Status Change",
        "detail": { "stack-id": STACK, "status-details": { "detection-status": "DETECTION_COMPLETE" } } });
    let swept = sweep(
        &ended,
        &test.world.served,
        &test.world.trails,
        &*test.world.ledger,
        &test.world.outbox,
        &*test.world.clock,
    )
    .await;
    assert!(swept.unwrap().requested.is_empty(), "no control is asked");
    assert_eq!(test.watch(ended).await.stacks.into_values().next().unwrap(), "in sync");
}

#[tokio::test]
async fn drift_is_told_as_advice_and_nothing_is_done() {
    let test = Test::new("stack_repair: execute").await;
    let differs = |path: &str| {
        DriftStatus::Modified(vec![Difference { path: path.into(), expected: "true".into(), actual: "false".into() }])
    };
    test.formation.change(&test.stack(), |stack| {
        stack.modified.insert(LOGS.into(), differs("/PrivateDnsEnabled"));
    });
    test.until("has drifted").await;
    let events = test.world.outbox.take().events;
    let advice = told(&events, "Stack Drift Advice");
    assert_eq!(advice.len(), 1);
    assert_eq!(advice[0]["page"], json!(false));
    assert_eq!(advice[0]["detail"]["advice"][0]["kept"], json!(true));
    assert!(!test.formation.take_calls().contains(&"CreateChangeSet"));
    assert_eq!(test.world.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_made_again_is_reported_with_the_exact_change_sets() {
    let test = Test::new("").await;
    test.until("in sync").await;
    test.stand_in().await;
    // Sooner than the schedule says: something was made that the stack may miss.
    test.world.clock.advance(SignedDuration::from_mins(15));
    assert_eq!(test.scheduled().await, "drift detection started");
    let said = test.scheduled().await;
    assert!(said.contains("vpce-0ld") && said.contains("vpce-new") && said.contains("nat made"), "{said}");
    let events = test.world.outbox.take().events;
    let advice = told(&events, "Stack Drift Advice");
    assert_eq!(advice[0]["page"], json!(true));
    let commands = advice[0]["detail"]["commands"].to_string();
    assert!(commands.contains("--deployment-mode REVERT_DRIFT") && commands.contains("vpce-new"), "{commands}");
    assert!(!test.formation.take_calls().contains(&"CreateChangeSet"), "`report` is the default");
    // The same a day later is told again, and not before.
    test.watch(json!({ "drift": "now" })).await;
    test.scheduled().await;
    assert!(test.world.outbox.take().events.iter().all(|event| !event.page));
}

#[tokio::test]
async fn what_stands_in_is_known_by_its_action_or_by_its_name_and_by_nothing_else() {
    let cases: [(&str, Option<&str>, Calls, bool); 8] = [
        ("main/other", Some(LOGS), &[], true),
        ("main/logs", None, &[], true),
        ("main/logs", Some("Other"), &[], false),
        ("main/s3", Some("Other"), &[&["vpce-0ld"]], false),
        ("main/s3", None, &[], false),
        ("main/s3", None, &[&["vpce-0ld"]], true),
        ("main/s3", None, &[&["vpce-0ther"]], false),
        ("main/s3", None, &[&["vpce-0ld", "vpce-0ther"]], false),
    ];
    for (name, logical, calls, known) in cases {
        let test = Test::new("").await;
        test.stand_in_as(name, logical, calls).await;
        test.until("has drifted").await;
        let events = test.world.outbox.take().events;
        let advice = told(&events, "Stack Drift Advice")[0].to_string();
        assert_eq!(advice.contains("stands in its place"), known, "{name} {logical:?} {calls:?}: {advice}");
    }
}

/// `DisassociateRouteTable` names no more than the association that goes; the subnet on which the next one was made says whose it is.
#[tokio::test]
async fn the_association_of_a_subnet_that_was_put_back_stands_in_by_the_subnets_name() {
    const ASSOCIATION: &str = "MainPrivateARouteTableAssociation";
    for (name, known) in [("main/private-a", true), ("main/private-b", false), ("main/logs", false)] {
        let test = Test::new("").await;
        test.formation.change(&test.stack(), |stack| {
            let its = ("AWS::EC2::SubnetRouteTableAssociation".to_owned(), "rtbassoc-0ld".into());
            stack.resources.insert(ASSOCIATION.into(), its);
        });
        test.stand_in_of("rtbassoc", name, None, &[]).await;
        test.until("has drifted").await;
        let advice = told(&test.world.outbox.take().events, "Stack Drift Advice")[0].to_string();
        assert_eq!(advice.contains("stands in its place"), known, "{name}: {advice}");
    }
}

#[tokio::test]
async fn of_two_that_one_call_ended_only_the_one_that_was_put_back_is_stood_in_for() {
    let cases: [(&str, Calls, &str); 3] = [
        ("main/logs", &[&["vpce-0ld", "vpce-0ther"]], "nothing on record stands in for MainS3Endpoint"),
        ("main/s3", &[&["vpce-0ld", "vpce-0ther"]], "nothing on record stands in for MainLogsEndpoint, MainS3Endpoint"),
        ("main/s3", &[&["vpce-0ld"], &["vpce-0ther"]], "vpce-new would stand in for more than one resource"),
    ];
    for (name, calls, said) in cases {
        let test = Test::new("stack_repair: execute").await;
        test.formation.change(&test.stack(), |stack| {
            stack.resources.insert("MainS3Endpoint".into(), ("AWS::EC2::VPCEndpoint".into(), "vpce-0ther".into()));
        });
        test.stand_in_as(name, None, calls).await;
        test.until(said).await;
        let advice = told(&test.world.outbox.take().events, "Stack Drift Advice")[0].to_string();
        let stood_in = advice.matches("stands in its place").count();
        assert_eq!(stood_in > 0, name == "main/logs", "{advice}");
        assert!(!test.formation.take_calls().contains(&"CreateChangeSet"), "{name} {calls:?}");
    }
}

#[tokio::test]
async fn where_the_document_says_so_the_stack_adopts_what_stands_in() {
    let test = Test::new("stack_repair: execute").await;
    test.until("in sync").await;
    test.stand_in().await;
    test.world.clock.advance(SignedDuration::from_mins(15));
    let before = test.formation.stack(&test.stack());
    test.until("in line with the network again").await;
    let after = test.formation.stack(&test.stack());
    assert_eq!(after.resources[LOGS].1.as_str(), "vpce-new", "adopted, not made a second time");
    assert_eq!(after.there, before.there, "nothing was made and nothing deleted");
    let same = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(same(&after.template), same(&before.template), "and the template is its own again");
    let events = test.world.outbox.take().events;
    assert_eq!(told(&events, "Stack Repaired").len(), 1);
    let log: Vec<String> = test.memory().await.log.into_iter().map(|entry| entry.what).collect();
    let intents = log.iter().filter(|line| line.contains("intended")).count();
    assert_eq!(intents, 6, "each change set and each execution was written down before: {log:#?}");
    test.until("in sync").await;
}

#[tokio::test]
async fn what_nothing_stands_in_for_is_made_again_by_cloudformation() {
    let test = Test::new("stack_repair: execute").await;
    test.formation.change(&test.stack(), |stack| {
        stack.resources.insert("MainWebSecurityGroup".into(), ("AWS::EC2::SecurityGroup".into(), "sg-0ld".into()));
        let mut template: Value = serde_json::from_str(&stack.template).unwrap();
        template["Resources"]["MainWebSecurityGroup"] = json!({ "Type": "AWS::EC2::SecurityGroup" });
        stack.template = template.to_string();
    });
    test.until("in line with the network again").await;
    let after = test.formation.stack(&test.stack());
    assert!(after.resources["MainWebSecurityGroup"].1.as_str().starts_with("sg-again"));
}

#[tokio::test]
async fn an_endpoint_that_no_control_put_back_yet_is_not_made_by_two() {
    let test = Test::new("stack_repair: execute").await;
    test.formation.change(&test.stack(), |stack| stack.there.remove("vpce-0ld"));
    test.until("not repaired yet").await;
    assert!(!test.formation.take_calls().contains(&"CreateChangeSet"));
}

#[tokio::test]
async fn in_observe_mode_when_retired_and_without_a_service_role_or_leave_nothing_is_executed() {
    let mut test = Test::new("stack_repair: execute").await;
    test.world.served.topologies[0].mode = topology::Mode::Observe;
    test.stand_in().await;
    test.until("has drifted").await;
    assert!(!test.formation.take_calls().contains(&"CreateChangeSet"));

    let mut test = Test::new("stack_repair: execute").await;
    test.world.served.topologies[0].state = topology::network::State::Retired;
    test.stand_in().await;
    test.until("has drifted").await;
    assert!(!test.formation.take_calls().contains(&"CreateChangeSet"), "its stack is about to go");

    let test = Test::new("stack_repair: execute").await;
    test.formation.change(&test.stack(), |stack| stack.facts.role = None);
    test.stand_in().await;
    test.until("no service role").await;
    let calls = test.formation.take_calls();
    assert!(!calls.contains(&"CreateChangeSet"), "{calls:?}");
    assert_eq!(told(&test.world.outbox.take().events, "Stack Repair Held").len(), 1);

    let mut test = Test::new("stack_repair: execute").await;
    test.care.may_repair = false;
    test.stand_in().await;
    test.until("deploy it with StackRepair=execute").await;
    assert!(!test.formation.take_calls().contains(&"CreateChangeSet"), "the document alone gives no leave");
    test.world.clock.advance(SignedDuration::from_hours(20));
    assert_eq!(test.scheduled().await, "not due", "it is told, and drift is detected no more often for it");
    assert_eq!(told(&test.world.outbox.take().events, "Stack Repair Held").len(), 1);
}

async fn order(test: &Test, verb: Verb, subject: Subject, hours: i64) {
    let now = reconciler::Clock::now(&*test.world.clock);
    let until = now.checked_add(SignedDuration::from_hours(hours)).ok();
    let (reason, by) = ("INC-1".to_owned(), "ana".to_owned());
    test.world.ledger.direct(&place(), &Directive { verb, subject, reason, by, since: now, until }).await.unwrap();
}

#[tokio::test]
async fn a_pause_and_an_exemption_hold_a_repair_wherever_it_stands() {
    let pause = Subject::Topology { topology: "shop".into(), control: None };
    for (verb, subject) in [(Verb::Pause, pause), (Verb::Exempt, Subject::Resource("vpce-new".into()))] {
        let test = Test::new("stack_repair: execute").await;
        test.stand_in().await;
        order(&test, verb, subject, 3).await;
        test.until("held by ana: INC-1").await;
        assert!(!test.formation.take_calls().contains(&"ExecuteChangeSet"));
        test.world.clock.advance(SignedDuration::from_hours(3));
        test.until("in line with the network again").await;
    }
}

/// A repair whose first change set was made, and not read yet.
async fn begun() -> Test {
    let test = Test::new("stack_repair: execute").await;
    test.stand_in().await;
    test.formation.fail_next("DescribeChangeSet", Fault::new("DescribeChangeSet", FaultClass::Retryable, "timed out"));
    test.until("timed out").await;
    test.formation.take_calls();
    assert_eq!(test.formation.change_sets().len(), 1);
    test
}

#[tokio::test]
async fn a_repair_that_executed_nothing_is_let_go_when_nobody_asks_for_it_any_more() {
    let mut test = begun().await;
    test.world.served.topologies[0].mode = topology::Mode::Observe;
    assert!(test.scheduled().await.contains("let go"));
    assert!(test.formation.change_sets().is_empty());
    assert_eq!(test.memory().await.mending, None);
    test.until("has drifted").await;
    let calls = test.formation.take_calls();
    assert!(calls.contains(&"DetectStackDrift") && !calls.contains(&"ExecuteChangeSet"), "{calls:?}");
}

#[tokio::test]
async fn a_repair_that_executed_nothing_is_let_go_when_it_has_grown_old() {
    let test = begun().await;
    test.world.clock.advance(SignedDuration::from_hours(3));
    assert!(test.scheduled().await.contains("let go"));
    assert!(test.formation.change_sets().is_empty());
    test.until("in line with the network again").await;
    let calls = test.formation.take_calls();
    assert!(calls.contains(&"DetectStackDrift"), "what it is for was found anew: {calls:?}");
}

#[tokio::test]
async fn a_change_set_that_has_to_wait_is_made_anew_when_it_may_be_executed() {
    let test = begun().await;
    order(&test, Verb::Pause, Subject::Topology { topology: "shop".into(), control: None }, 1).await;
    assert!(test.scheduled().await.contains("held by ana"));
    assert!(test.formation.change_sets().is_empty(), "what it would do was read before the pause");
    assert!(test.memory().await.mending.is_some_and(|mending| mending.change_set.is_none()));
    test.world.clock.advance(SignedDuration::from_hours(1));
    test.until("in line with the network again").await;
    let calls = test.formation.take_calls();
    assert_eq!(calls.iter().filter(|call| **call == "CreateChangeSet").count(), 3, "{calls:?}");
}

#[tokio::test]
async fn a_change_set_that_has_grown_old_is_made_anew_before_it_is_executed() {
    let test = Test::new("stack_repair: execute").await;
    test.stand_in().await;
    test.until("release is being executed").await;
    test.formation.fail_next("ExecuteChangeSet", Fault::new("ExecuteChangeSet", FaultClass::Retryable, "timed out"));
    test.until("timed out").await;
    test.formation.take_calls();
    test.world.clock.advance(SignedDuration::from_hours(3));
    assert!(test.scheduled().await.contains("adopt is being executed"), "the stack was taken apart: it goes on");
    let calls = test.formation.take_calls();
    let at = |wanted: &str| calls.iter().position(|call| *call == wanted);
    assert!(at("DeleteChangeSet").is_some() && at("DeleteChangeSet") < at("CreateChangeSet"), "{calls:?}");
    test.until("in line with the network again").await;
}

#[tokio::test]
async fn an_older_layer_repairs_no_stack() {
    let mut test = Test::new("stack_repair: execute").await;
    test.stand_in().await;
    test.world.layer(4);
    let newer = LayerMark { version: 5, ..test.world.served.layer.clone().unwrap() };
    test.world.ledger.raise_layer(&place(), &"shop".into(), &newer, false).await.unwrap();
    test.until("layer version 5 acted on shop already").await;
    assert!(!test.formation.take_calls().contains(&"CreateChangeSet"));
    test.world.layer(5);
    test.until("in line with the network again").await;
}

#[tokio::test]
async fn a_change_set_that_would_do_more_is_discarded_and_told() {
    let test = Test::new("stack_repair: execute").await;
    test.stand_in().await;
    test.formation.change(&test.stack(), |stack| {
        stack.besides.push(Change {
            logical_id: "MainVpc".into(),
            physical_id: Some("vpc-1".into()),
            kind: "AWS::EC2::VPC".into(),
            action: ChangeAction::Modify,
            replacement: Some("True".into()),
            scope: BTreeSet::from(["Properties".to_owned()]),
            caused_by: None,
            deleted: false,
        });
    });
    test.until("it would change MainVpc (vpc-1), AWS::EC2::VPC: Properties, which may replace it").await;
    let calls = test.formation.take_calls();
    assert!(calls.contains(&"DeleteChangeSet") && !calls.contains(&"ExecuteChangeSet"), "{calls:?}");
    assert!(test.formation.change_sets().is_empty());
    let events = test.world.outbox.take().events;
    assert_eq!(told(&events, "Stack Repair Failed")[0]["page"], json!(true));
    // Not again before a day has passed, however often it is looked at.
    for _ in 0..4 {
        test.world.clock.advance(SignedDuration::from_hours(1));
        test.watch(json!({ "drift": "now" })).await;
    }
    assert!(!test.formation.take_calls().contains(&"CreateChangeSet"));
}

#[tokio::test]
async fn a_repair_that_is_rolled_back_is_told_and_taken_up_after_a_day() {
    let test = Test::new("stack_repair: execute").await;
    test.until("in sync").await;
    test.stand_in().await;
    test.world.clock.advance(SignedDuration::from_mins(15));
    test.scheduled().await;
    // Release goes well; the adoption is rolled back.
    test.scheduled().await;
    test.formation.change(&test.stack(), |stack| stack.rolls_back = true);
    test.until("failed").await;
    let memory = test.memory().await;
    assert!(memory.mending.is_some(), "only the repair knows the template that the stack is to get back");
    test.world.clock.advance(SignedDuration::from_hours(24));
    test.until("in line with the network again").await;
    assert_eq!(test.formation.stack(&test.stack()).resources[LOGS].1.as_str(), "vpce-new");
}

#[tokio::test]
async fn a_lost_answer_repeats_the_call_with_its_token() {
    for operation in ["CreateChangeSet", "ExecuteChangeSet", "DescribeChangeSet", "GetTemplate"] {
        let test = Test::new("stack_repair: execute").await;
        test.stand_in().await;
        test.formation.fail_next(operation, Fault::new(operation, FaultClass::Retryable, "timed out"));
        test.until("in line with the network again").await;
        assert_eq!(test.formation.change_sets().len(), 3, "{operation}");
    }
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_told_once_and_disturbs_nothing() {
    let test = Test::new("").await;
    let denied =
        || Fault { code: Some("AccessDenied".into()), ..Fault::new("DetectStackDrift", FaultClass::Terminal, "no") };
    for pages in [1, 0] {
        test.formation.fail_next("DetectStackDrift", denied());
        assert!(test.scheduled().await.contains("AccessDenied"));
        let events = test.world.outbox.take().events;
        assert_eq!(events.iter().filter(|event| event.page).count(), pages);
    }
    test.formation.change(&test.stack(), |stack| stack.broken = Some("role may not read".into()));
    test.until("role may not read").await;
    assert!(test.world.outbox.take().events.iter().any(|event| event.page), "partial is not in sync");
    assert!(test.memory().await.detection.is_none());
}

#[tokio::test]
async fn a_detection_that_failed_in_part_tells_what_it_saw_and_repairs_nothing() {
    let test = Test::new("stack_repair: execute").await;
    test.stand_in().await;
    test.formation.change(&test.stack(), |stack| stack.broken = Some("role may not read".into()));
    test.until("role may not read").await;
    let advice = told(&test.world.outbox.take().events, "Stack Drift Advice")[0].to_string();
    assert!(advice.contains("gone is MainLogsEndpoint") && advice.contains("stands in its place"), "{advice}");
    assert!(!test.formation.take_calls().contains(&"CreateChangeSet"));
    assert_eq!(test.memory().await.mending, None);
}

#[tokio::test]
async fn a_stack_that_the_sweep_may_not_see_pages_only_where_it_is_to_be_repaired() {
    for (extra, pages) in [("", 0), ("stack_repair: execute", 1)] {
        let test = Test::new(extra).await;
        let fault = Fault::new("DescribeStacks", FaultClass::Terminal, "no");
        test.formation.fail_next("DescribeStacks", Fault { code: Some("AccessDenied".into()), ..fault });
        assert!(test.scheduled().await.contains("AccessDenied"));
        let events = test.world.outbox.take().events;
        assert_eq!((events.len(), events.iter().filter(|event| event.page).count()), (1, pages), "{extra}");
    }
}

#[tokio::test]
async fn a_stack_that_is_gone_is_no_error() {
    let test = Test::new("stack_repair: execute").await;
    test.stand_in().await;
    test.scheduled().await;
    test.formation.change(&test.stack(), |stack| stack.facts.role = None);
    test.until("no service role").await;
    test.formation.take_calls();
    let gone = Test { formation: Formation::default(), ..test };
    assert!(gone.scheduled().await.contains("no such stack"));
    assert!(gone.memory().await.mending.is_none());
}
