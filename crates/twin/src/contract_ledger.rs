//! What every ledger must do, as one suite: the twin runs it, and so does the table's adapter.

#![allow(clippy::expect_used, reason = "a contract suite is a test, run by other crates' tests")]

use jiff::{SignedDuration, Timestamp};
use reconciler::{
    Binding, CLAIM_LIVES, Cause, Claimed, ClientToken, Fault, FaultClass, Intent, LayerMark, Ledger, LoopKey, Pinned,
    Principal, StackMemory,
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use topology::{ControlId, Directive, Effect, Place, Receipt, Slot, StackId, Subject, TopologyId, Verb, VpcName};

const T: Timestamp = Timestamp::constant(1_795_400_000, 0);

fn at(seconds: i64) -> Timestamp {
    T.saturating_add(SignedDuration::from_secs(seconds)).expect("a time near the epoch of the suite")
}

/// Runs every clause. `salt` keeps runs on one table apart.
pub async fn ledger(ledger: &impl Ledger, salt: &str) {
    bindings(ledger, salt).await;
    layers(ledger, salt).await;
    leases(ledger, salt).await;
    tokens(ledger, salt).await;
    repairs(ledger, salt).await;
    directives(ledger, salt).await;
    sayings(ledger, salt).await;
    claims(ledger, salt).await;
    retirement(ledger, salt).await;
    race(ledger, salt).await;
    stacks(ledger, salt).await;
}

async fn stacks(ledger: &impl Ledger, salt: &str) {
    let (here, id) = (place(), key(salt, "made").topology);
    let stack = StackId::from(format!("arn:aws:cloudformation:eu-west-1:111122223333:stack/network/{salt}"));
    assert_eq!(ledger.made(&here, &id).await.expect("made"), None);
    ledger.note_made(&here, &id, at(1)).await.expect("note");
    ledger.note_made(&here, &id, at(2)).await.expect("note");
    assert_eq!(ledger.made(&here, &id).await.expect("made"), Some(at(2)), "the last time");
    assert_eq!(ledger.stack_memory(&here, &stack).await.expect("memory"), None);
    let mut memory = StackMemory { version: 1, detected: Some(at(3)), ..StackMemory::default() };
    memory.note(at(3), "began", None);
    assert!(ledger.remember_stack(&here, &stack, &memory).await.expect("remember"));
    assert_eq!(ledger.stack_memory(&here, &stack).await.expect("memory"), Some(memory.clone()));
    let other = StackMemory { version: 1, ..StackMemory::default() };
    assert!(!ledger.remember_stack(&here, &stack, &other).await.expect("remember"), "the first stands");
    let next = StackMemory { version: 2, detected: Some(at(4)), ..memory };
    assert!(ledger.remember_stack(&here, &stack, &next).await.expect("remember"));
    let late = StackMemory { version: 2, detected: Some(at(5)), ..StackMemory::default() };
    assert!(!ledger.remember_stack(&here, &stack, &late).await.expect("remember"), "and so does the next");
    assert_eq!(ledger.stack_memory(&here, &stack).await.expect("memory"), Some(next));
}

fn place() -> Place {
    Place::new("111122223333", "eu-west-1")
}

fn key(salt: &str, name: &str) -> LoopKey {
    let topology = TopologyId::from(format!("{name}-{salt}"));
    LoopKey { place: place(), topology, control: ControlId::SecurityGroups }
}

fn intent(resource: &str, action: &str, run: &str, effect: Effect, when: Timestamp) -> Intent {
    Intent {
        resource: place().key(resource),
        name: "main/app".into(),
        action: json!({ "do": action }),
        summary: action.into(),
        effect,
        contains: false,
        causes: vec![Cause {
            event_id: "e-1".into(),
            request_id: None,
            event_name: "AuthorizeSecurityGroupIngress".into(),
            at: T,
            principal: Principal { kind: "Root".into(), arn: None, role: None },
            source_ip: None,
            user_agent: None,
            invoked_by: None,
            resources: BTreeSet::from([resource.into()]),
        }],
        reason: None,
        run: run.into(),
        at: when,
    }
}

async fn bindings(ledger: &impl Ledger, salt: &str) {
    let (one, two) = (key(salt, "one").topology, key(salt, "two").topology);
    let (main, side) = (VpcName::from("main"), VpcName::from("side"));
    let vpc = |name: &str| Binding {
        vpc: format!("vpc-{name}-{salt}").into(),
        cidr: "10.0.0.0/16".into(),
        stack: None,
        at: T,
    };
    let here = place();
    assert!(ledger.bindings(&here, &one).await.expect("bindings").is_empty());
    assert_eq!(ledger.holder(&here, &vpc("a").vpc).await.expect("holder"), None);
    assert_eq!(ledger.pin(&here, &one, &main, &vpc("a"), false).await.expect("pin"), Pinned::Yes);
    assert_eq!(ledger.pin(&here, &one, &main, &vpc("a"), false).await.expect("pin"), Pinned::Yes, "again, just so");
    assert_eq!(ledger.pin(&here, &one, &main, &vpc("b"), false).await.expect("pin"), Pinned::NameTaken(vpc("a")));
    let taken = Pinned::VpcTaken(one.clone(), main.clone());
    assert_eq!(ledger.pin(&here, &two, &main, &vpc("a"), false).await.expect("pin"), taken);
    assert_eq!(ledger.pin(&here, &two, &main, &vpc("a"), true).await.expect("pin"), taken, "a rebind takes no other's");
    assert_eq!(ledger.pin(&here, &one, &side, &vpc("a"), false).await.expect("pin"), taken, "nor two names of one");
    assert_eq!(ledger.holder(&here, &vpc("a").vpc).await.expect("holder"), Some((one.clone(), main.clone())));
    assert_eq!(ledger.pin(&here, &one, &main, &vpc("b"), true).await.expect("pin"), Pinned::Yes, "a rebind moves it");
    assert_eq!(ledger.holder(&here, &vpc("a").vpc).await.expect("holder"), None, "and lets the old one go");
    assert_eq!(ledger.holder(&here, &vpc("b").vpc).await.expect("holder"), Some((one.clone(), main.clone())));
    assert_eq!(ledger.bindings(&here, &one).await.expect("bindings").get(&main), Some(&vpc("b")));
    assert_eq!(
        ledger.pin(&here, &two, &main, &vpc("a"), false).await.expect("pin"),
        Pinned::Yes,
        "which is free again"
    );
    let known = ledger.known(&here).await.expect("known");
    assert!(known.contains(&one) && known.contains(&two));
    let elsewhere = Place::new("111122223333", "us-east-1");
    assert!(!ledger.known(&elsewhere).await.expect("known").contains(&one), "places are kept apart");
    assert!(ledger.bindings(&elsewhere, &one).await.expect("bindings").is_empty());
}

async fn retirement(ledger: &impl Ledger, salt: &str) {
    let nat = LoopKey { control: ControlId::Nat, ..key(salt, "retired") };
    let groups = LoopKey { control: ControlId::SecurityGroups, ..nat.clone() };
    let noted = async |key: &LoopKey, nothing_left, when| ledger.retire(key, nothing_left, when).await.expect("retire");
    assert_eq!(noted(&nat, false, at(0)).await, [].into(), "nothing to take back");
    assert_eq!(noted(&nat, true, at(1)).await, [].into());
    assert_eq!(noted(&groups, true, at(2)).await, [(ControlId::Nat, at(1))].into());
    let both = [(ControlId::SecurityGroups, at(2)), (ControlId::Nat, at(1))];
    assert_eq!(noted(&nat, true, at(3)).await, both.into(), "what was, not what is");
    let later = [(ControlId::SecurityGroups, at(2)), (ControlId::Nat, at(3))];
    assert_eq!(noted(&nat, false, at(4)).await, later.into());
    assert_eq!(noted(&groups, true, at(5)).await, [(ControlId::SecurityGroups, at(2))].into(), "something came back");
    assert_eq!(noted(&key(salt, "another"), true, at(6)).await, [].into(), "topologies are kept apart");

    let (here, id) = (place(), nat.topology.clone());
    let (main, side) = (VpcName::from("main"), VpcName::from("side"));
    let vpc = |name: &str| Binding {
        vpc: format!("vpc-{name}-{salt}-retired").into(),
        cidr: "10.0.0.0/16".into(),
        stack: None,
        at: T,
    };
    for (name, vpc) in [(&main, vpc("a")), (&side, vpc("b"))] {
        assert_eq!(ledger.pin(&here, &id, name, &vpc, false).await.expect("pin"), Pinned::Yes);
    }
    ledger.unpin(&here, &id, &main, &vpc("other")).await.expect("unpin");
    assert_eq!(ledger.bindings(&here, &id).await.expect("bindings").len(), 2, "it is bound to another one");
    ledger.unpin(&here, &id, &main, &vpc("a")).await.expect("unpin");
    ledger.unpin(&here, &id, &main, &vpc("a")).await.expect("unpin again");
    assert_eq!(ledger.holder(&here, &vpc("a").vpc).await.expect("holder"), None);
    assert!(ledger.known(&here).await.expect("known").contains(&id), "one VPC is left");
    ledger.unpin(&here, &id, &side, &vpc("b")).await.expect("unpin");
    assert!(!ledger.known(&here).await.expect("known").contains(&id), "nothing is left to miss");
    assert_eq!(
        ledger.pin(&here, &id, &main, &vpc("c"), false).await.expect("pin"),
        Pinned::Yes,
        "and it may be bound anew"
    );
    assert!(ledger.known(&here).await.expect("known").contains(&id));
}

async fn layers(ledger: &impl Ledger, salt: &str) {
    let (here, id) = (place(), key(salt, "layers").topology);
    let mark = |version| LayerMark { layer: "arn:aws:lambda:eu-west-1:111122223333:layer:topologies".into(), version };
    assert_eq!(ledger.layer(&here, &id).await.expect("layer"), None);
    assert_eq!(ledger.raise_layer(&here, &id, &mark(3), false).await.expect("raise"), mark(3));
    assert_eq!(ledger.raise_layer(&here, &id, &mark(2), false).await.expect("raise"), mark(3), "never down");
    assert_eq!(ledger.raise_layer(&here, &id, &mark(10), false).await.expect("raise"), mark(10), "compared as numbers");
    let other = LayerMark { layer: "arn:aws:lambda:eu-west-1:111122223333:layer:other".into(), version: 99 };
    assert_eq!(ledger.raise_layer(&here, &id, &other, false).await.expect("raise"), mark(10), "layers do not compare");
    assert_eq!(ledger.raise_layer(&here, &id, &mark(2), true).await.expect("raise"), mark(2), "but a person may");
    assert_eq!(ledger.layer(&here, &id).await.expect("layer"), Some(mark(2)));
}

async fn leases(ledger: &impl Ledger, salt: &str) {
    let (key, lasts) = (key(salt, "leases"), SignedDuration::from_secs(60));
    let first = ledger.lease(&key, "a", at(0), lasts).await.expect("lease").expect("nobody holds it");
    assert_eq!((first.expires, first.last_released), (at(60), None));
    assert_eq!(ledger.lease(&key, "b", at(59), lasts).await.expect("lease"), None, "held until it expires");
    let second = ledger.lease(&key, "b", at(60), lasts).await.expect("lease").expect("expiry is compared");
    assert_eq!(second.last_released, None, "an expired lease was never released");
    let old = ledger.intend(&first, &intent("sg-a", "x", "a", Effect::Add, at(59))).await.expect("intend");
    assert_eq!(old, None, "whoever lost the lease may intend nothing, whatever time it believes");
    ledger.release(first, at(61)).await.expect("releasing what is not ours any more is no error");
    assert_eq!(ledger.lease(&key, "c", at(62), lasts).await.expect("lease"), None, "and releases nothing");
    let late = ledger.intend(&second, &intent("sg-a", "x", "b", Effect::Add, at(120))).await.expect("intend");
    assert_eq!(late, None, "an expired lease is no lease");
    ledger.release(second, at(63)).await.expect("release");
    let third = ledger.lease(&key, "c", at(64), lasts).await.expect("lease").expect("released");
    assert_eq!(third.last_released, Some(at(63)));
    ledger.release(third, at(65)).await.expect("release");
}

async fn tokens(ledger: &impl Ledger, salt: &str) {
    let key = key(salt, "tokens");
    let hour = SignedDuration::from_hours(1);
    let lease = ledger.lease(&key, "a", at(0), hour).await.expect("lease").expect("nobody holds it");
    let one = intent("sg-a", "open", "a", Effect::Add, at(1));
    let token = ledger.intend(&lease, &one).await.expect("intend").expect("leased");
    let unsettled = ledger.records(&key, 10).await.expect("records");
    assert_eq!(unsettled.len(), 1);
    assert_eq!(unsettled.first().map(|record| (&record.intent, &record.result)), Some((&one, &None)));
    ledger.release(lease, at(2)).await.expect("release");
    // The run died before it settled: the next one gets the same token for the same action, and another for another.
    let lease = ledger.lease(&key, "b", at(3), hour).await.expect("lease").expect("released");
    let again = intent("sg-a", "open", "b", Effect::Add, at(4));
    assert_eq!(ledger.intend(&lease, &again).await.expect("intend").as_ref(), Some(&token));
    let other = ledger.intend(&lease, &intent("sg-a", "shut", "b", Effect::Remove, at(5))).await.expect("intend");
    let other = other.expect("leased");
    assert_ne!(other, token);
    let receipt =
        Receipt { created: vec!["nat-1".into(), "sgr-1".into()], request_id: Some("r-1".into()), already: false };
    ledger.settle(&key, &token, &Ok(receipt.clone()), Some(json!({"none": "test"})), at(6)).await.expect("settle");
    let refused =
        Fault { code: Some("UnauthorizedOperation".into()), ..Fault::new("Revoke", FaultClass::Terminal, "no") };
    ledger.settle(&key, &other, &Err(refused.clone()), None, at(7)).await.expect("settle");
    let fresh = ledger.intend(&lease, &again).await.expect("intend").expect("leased");
    assert_ne!(fresh, token, "a settled intent never gives its token back");
    let records = ledger.records(&key, 10).await.expect("records");
    let by_token =
        |wanted: ClientToken| records.iter().find(|record| record.token == wanted).cloned().expect("on record");
    let done = by_token(token.clone());
    assert_eq!(done.result, Some(Ok(serde_json::to_value(&receipt).expect("a receipt is JSON"))));
    assert_eq!((&done.inverse, done.settled), (&Some(json!({"none": "test"})), Some(at(6))));
    assert_eq!(by_token(other).result, Some(Err(refused.clone())));
    ledger.settle(&key, &token, &Err(refused), None, at(8)).await.expect("settling again is no error");
    let again = ledger.records(&key, 10).await.expect("records");
    assert_eq!(again.iter().find(|record| record.token == token), Some(&done), "the first settle stands");
    assert_eq!(ledger.records(&key, 1).await.expect("records").len(), 1, "no more than asked for");
    let standing = ledger.standing(&key, at(8)).await.expect("standing");
    let ours = BTreeMap::from([("nat-1".into(), at(6))]);
    assert_eq!(standing.created, ours, "what we created is known as ours; rules are judged by what they say");
    let maker = ledger.maker(&key, &"nat-1".into()).await.expect("maker");
    assert_eq!(maker.map(|record| record.token), Some(token.clone()), "and by what it was made");
    assert_eq!(ledger.maker(&key, &"nat-2".into()).await.expect("maker"), None);
    let years = SignedDuration::from_hours(3 * 365 * 24);
    let much_later = ledger.standing(&key, at(6).saturating_add(years).expect("a time")).await.expect("standing");
    assert_eq!(much_later.created, ours, "however long ago");
    assert!(!much_later.by_hand, "who asked is no memory");
    let mut became: Vec<_> = standing.repairs.get("sg-a").into_iter().flatten().map(|r| (r.at, r.succeeded)).collect();
    became.retain(|(_, succeeded)| succeeded.is_some());
    assert_eq!(became, [(at(6), Some(true)), (at(7), Some(false))], "and stands for the repairs too");
    let unknown = ClientToken("nobody-s".into());
    assert!(ledger.settle(&key, &unknown, &Ok(Receipt::default()), None, at(8)).await.is_err(), "none was intended");
    ledger.release(lease, at(9)).await.expect("release");
    // What was left unsettled long ago may name a resource that is long dead.
    let lease = ledger.lease(&key, "c", at(8000), hour).await.expect("lease").expect("released");
    let late = ledger.intend(&lease, &intent("sg-a", "open", "c", Effect::Add, at(8001))).await.expect("intend");
    assert!(late.is_some_and(|late| late != fresh), "an old unsettled intent does not give its token back");
    ledger.release(lease, at(8002)).await.expect("release");
}

async fn repairs(ledger: &impl Ledger, salt: &str) {
    let key = key(salt, "repairs");
    let lease = ledger.lease(&key, "a", at(0), SignedDuration::from_hours(3)).await.expect("lease").expect("free");
    for (second, resource, action, effect) in
        [(1, "sg-a", "one", Effect::Remove), (2, "sg-a", "two", Effect::Add), (3, "sg-b", "three", Effect::Change)]
    {
        let intent = intent(resource, action, "a", effect, at(second));
        let token = ledger.intend(&lease, &intent).await.expect("intend").expect("leased");
        if second != 3 {
            ledger.settle(&key, &token, &Ok(Receipt::default()), None, at(second)).await.expect("settle");
        }
    }
    let standing = ledger.standing(&key, at(4)).await.expect("standing");
    assert_eq!(standing.now, at(4));
    let of = |id: &str| standing.repairs.get(id).cloned().unwrap_or_default();
    let told: Vec<_> = of("sg-a").into_iter().map(|r| (r.at, r.run, r.removed, r.succeeded)).collect();
    assert_eq!(told, [(at(1), "a".into(), true, Some(true)), (at(2), "a".into(), false, Some(true))], "oldest first");
    assert_eq!(of("sg-b").first().map(|repair| repair.succeeded), Some(None), "unsettled: nobody knows");
    let later = ledger.standing(&key, at(3602)).await.expect("standing");
    assert_eq!(later.repairs.get("sg-a").map_or(0, Vec::len), 0, "an hour is remembered");
    ledger.release(lease, at(10)).await.expect("release");
}

async fn directives(ledger: &impl Ledger, salt: &str) {
    let (here, key) = (place(), key(salt, "directives"));
    let subject = Subject::Topology { topology: key.topology.clone(), control: None };
    let one = Subject::Topology { topology: key.topology.clone(), control: Some(key.control) };
    let resource = Subject::Resource(format!("sg-{salt}").into());
    let directive = |verb, subject: &Subject, reason: &str| Directive {
        verb,
        subject: subject.clone(),
        reason: reason.into(),
        by: "suite".into(),
        since: at(0),
        until: Some(at(10)),
    };
    for (verb, subject) in [(Verb::Pause, &subject), (Verb::Pause, &one), (Verb::Exempt, &resource)] {
        ledger.direct(&here, &directive(verb, subject, "first")).await.expect("direct");
    }
    ledger.direct(&here, &directive(Verb::Pause, &subject, "second")).await.expect("direct");
    let mine = |directives: Vec<Directive>| -> Vec<Directive> {
        let ours = |d: &Directive| [&subject, &one, &resource].contains(&&d.subject);
        directives.into_iter().filter(ours).collect()
    };
    let standing = mine(ledger.standing(&key, at(1)).await.expect("standing").directives);
    assert_eq!(standing.len(), 3, "one of a verb and subject: {standing:?}");
    assert!(standing.contains(&directive(Verb::Pause, &subject, "second")));
    let expired = mine(ledger.standing(&key, at(11)).await.expect("standing").directives);
    assert!(expired.iter().all(|directive| !directive.in_force(at(11))), "expiry is compared");
    let other = LoopKey { topology: format!("other-{salt}").into(), ..key.clone() };
    let theirs = mine(ledger.standing(&other, at(1)).await.expect("standing").directives);
    assert_eq!(theirs, [directive(Verb::Exempt, &resource, "first")], "a pause is one topology's");
    let taken = ledger.withdraw(&here, Verb::Pause, &subject).await.expect("withdraw");
    assert_eq!(taken, Some(directive(Verb::Pause, &subject, "second")));
    assert_eq!(ledger.withdraw(&here, Verb::Pause, &subject).await.expect("withdraw"), None);
    assert_eq!(mine(ledger.standing(&key, at(1)).await.expect("standing").directives).len(), 2);
}

async fn sayings(ledger: &impl Ledger, salt: &str) {
    let (here, period) = (place(), SignedDuration::from_secs(60));
    let what = format!("saying-{salt}");
    assert!(ledger.say_once(&here, &what, at(0), period).await.expect("say"));
    assert!(!ledger.say_once(&here, &what, at(59), period).await.expect("say"));
    assert!(ledger.say_once(&here, &what, at(60), period).await.expect("say"), "and again after the period");
    assert!(ledger.say_once(&here, &format!("{what}-other"), at(0), period).await.expect("say"));
    let over = SignedDuration::ZERO;
    assert!(!ledger.say_once(&here, &what, at(61), over).await.expect("say"), "it was said");
    assert!(ledger.say_once(&here, &what, at(62), over).await.expect("say"), "and was over then: it is news again");
}

fn slot(holder: &str, at_most: u32, live: &[&str]) -> Slot {
    let live = live.iter().map(|id| (*id).into()).collect();
    Slot { name: "products-api/222233334444".into(), holder: holder.into(), at_most, live }
}

async fn claims(ledger: &impl Ledger, salt: &str) {
    let key = key(salt, "claims");
    let day = SignedDuration::from_hours(24);
    let lease = ledger.lease(&key, "a", at(0), day).await.expect("lease").expect("free");
    let full = |taken: &[&str]| Claimed::Full(taken.iter().map(|id| (*id).into()).collect());
    let claim = async |holder: &str, at_most, live: &[&str], when| {
        ledger.claim(&lease, &slot(holder, at_most, live), at(when)).await.expect("claim")
    };
    assert_eq!(claim("vpce-a", 0, &[], 1).await, full(&[]), "no place at all");
    assert_eq!(claim("vpce-a", 2, &[], 1).await, Claimed::Yes);
    assert_eq!(claim("vpce-a", 2, &[], 2).await, Claimed::Yes, "its own place is not taken twice");
    assert_eq!(claim("vpce-b", 2, &["vpce-a"], 3).await, Claimed::Yes, "nor is that of whoever is seen to be in");
    assert_eq!(claim("vpce-c", 2, &[], 4).await, full(&["vpce-a", "vpce-b"]), "not seen to be in yet");
    assert_eq!(claim("vpce-a", 1, &[], 5).await, Claimed::Yes, "whoever is in keeps its place");
    let other = Slot { name: "products-api/333344445555".into(), ..slot("vpce-c", 1, &[]) };
    assert_eq!(ledger.claim(&lease, &other, at(5)).await.expect("claim"), Claimed::Yes, "other places");
    // Whoever claimed a place and never came in loses it; whoever is in does not.
    let hour = CLAIM_LIVES.as_secs();
    assert_eq!(claim("vpce-c", 2, &["vpce-a"], 3 + hour).await, full(&["vpce-a", "vpce-b"]), "for an hour");
    assert_eq!(claim("vpce-c", 2, &["vpce-a"], 6 + hour).await, Claimed::Yes);
    assert_eq!(claim("vpce-b", 2, &["vpce-a"], 7 + hour).await, full(&["vpce-a", "vpce-c"]), "its place is gone");
    // Those who came in before anything was claimed take places too.
    assert_eq!(claim("vpce-d", 3, &["vpce-x", "vpce-y"], 8 + hour).await, full(&["vpce-c", "vpce-x", "vpce-y"]));
    ledger.release(lease.clone(), at(9 + hour)).await.expect("release");
    let lost = ledger.claim(&lease, &slot("vpce-e", 9, &[]), at(10 + hour)).await.expect("claim");
    assert_eq!(lost, Claimed::LeaseLost, "without the lease nothing is had");
}

/// Two runs that both believe that the last place is free: one of them gets it.
async fn race(ledger: &impl Ledger, salt: &str) {
    let key = key(salt, "race");
    let lease = ledger.lease(&key, "a", at(0), SignedDuration::from_hours(1)).await.expect("lease").expect("free");
    for time in 1..=5 {
        let slot = |holder| Slot { name: format!("race-{time}"), ..slot(holder, 2, &["vpce-x"]) };
        let (one, two) = (slot("vpce-a"), slot("vpce-b"));
        let (one, two) = both(ledger.claim(&lease, &one, at(time)), ledger.claim(&lease, &two, at(time))).await;
        let answers = [one.expect("claim"), two.expect("claim")];
        let full = answers.iter().find(|answer| **answer != Claimed::Yes).expect("there was one place for two");
        assert!(answers.contains(&Claimed::Yes), "somebody gets it: {answers:?}");
        assert!(matches!(full, Claimed::Full(taken) if taken.len() == 2), "{full:?}");
    }
    ledger.release(lease, at(9)).await.expect("release");
}

/// Runs two futures side by side: each goes on whenever the other waits.
async fn both<A, B>(one: impl Future<Output = A>, two: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut two) = (pin!(one), pin!(two));
    let (mut first, mut second) = (None, None);
    poll_fn(|context| {
        if first.is_none()
            && let Poll::Ready(answer) = one.as_mut().poll(context)
        {
            first = Some(answer);
        }
        if second.is_none()
            && let Poll::Ready(answer) = two.as_mut().poll(context)
        {
            second = Some(answer);
        }
        match (first.take(), second.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            (one, two) => {
                (first, second) = (one, two);
                Poll::Pending
            }
        }
    })
    .await
}
