//! What every control owes, whatever it keeps: one scenario each, over the wire, for anything that is a [`Subject`].
//! The rows are in `every_control.rs`.

use crate::config_rule::ConfigRule;
use crate::deploy::Documents;
use crate::stage::{ACCOUNT, CONTROL_PLANE, Call, Caller, PATIENCE, Stage};
use aws::DynamoLedger;
use reconciler::{LedgerRead, LoopKey, Settings};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use topology::{ControlId, Place};

/// One thing that a control keeps, and a way to break it.
pub(crate) trait Subject: Sized {
    /// The control.
    const CONTROL: ControlId;
    /// The document that declares it.
    const TOPOLOGY: &'static str;
    /// The output that names the queue of its dead letters.
    const DEAD_LETTERS: &'static str;
    /// The calls to the network that put right what [`Subject::damage`] did, each as often as it is made: no more, no fewer.
    const REPAIR: &'static [(&'static str, usize)];
    /// Calls of one repair that fail on the wire in turn, each in every way: what changes something.
    const WRITES: &'static [&'static str];

    /// Finds it on a stage where everything is as declared.
    async fn find(stage: &Stage) -> Self;

    /// All of it in words, without ids, in an order of its own: equal lists mean the same, and what is there twice is listed
    /// twice. What is left behind counts: an address that nothing uses, a log that is a second one.
    async fn state(&self, stage: &Stage) -> Vec<String>;

    /// Somebody breaks it, in a way that one reconcile or a few mend.
    async fn damage(&self, stage: &Stage, caller: Caller);
}

/// How long rechecks are left to their own time: what waits for AWS comes by itself, what was throttled would wait for minutes.
const POKE: Duration = Duration::from_secs(2);

/// Longer than the SDK waits for an answer: the call is carried out when its caller has tried again.
const SLOW: Duration = Duration::from_secs(6);

/// The name of the control's function, and of the one that plans without its ending.
fn function<S: Subject>() -> &'static str {
    S::CONTROL.name()
}

/// Calls of Plumbline that change nothing of the network: its memory, its messages, its own logs.
const OWN: [&str; 10] = [
    "dynamodb PutItem",
    "dynamodb UpdateItem",
    "dynamodb DeleteItem",
    "dynamodb TransactWriteItems",
    "events PutEvents",
    "sns Publish",
    "sqs SendMessage",
    "sqs SendMessageBatch",
    "logs CreateLogStream",
    "logs PutLogEvents",
];

/// What the control's functions changed in the network since a mark, with how often.
fn changes<S: Subject>(stage: &Stage, since: u64) -> BTreeMap<String, usize> {
    let mine = |call: &Call| call.is_by(function::<S>()) || call.is_by(&format!("{}-plan", function::<S>()));
    let mut made = BTreeMap::new();
    for call in stage.calls(since).iter().filter(|call| !call.read_only && mine(call)) {
        let name = format!("{} {}", call.service, call.action);
        if !OWN.contains(&name.as_str()) && !name.starts_with("sqs DeleteMessage") {
            *made.entry(call.action.clone()).or_default() += 1;
        }
    }
    made
}

fn one_repair<S: Subject>() -> BTreeMap<String, usize> {
    S::REPAIR.iter().map(|(call, times)| ((*call).to_owned(), *times)).collect()
}

/// Waits until the subject is as it was, making rechecks due that would wait for minutes.
async fn until_mended<S: Subject>(subject: &S, stage: &Stage, before: &[String]) {
    until_mended_within(subject, stage, before, PATIENCE, false).await;
}

/// The same, with patience. `failed`: messages that a function gave back are made due, too.
async fn until_mended_within<S: Subject>(
    subject: &S,
    stage: &Stage,
    before: &[String],
    patience: Duration,
    failed: bool,
) {
    let started = Instant::now();
    let mut poked = started;
    loop {
        let now = subject.state(stage).await;
        if now == before {
            return;
        }
        if started.elapsed() > patience {
            let told = stage.outcomes().await;
            panic!("{} left {now:#?}, not {before:#?}; it said {told:#?}", S::CONTROL);
        }
        if poked.elapsed() > POKE {
            poked = Instant::now();
            stage.admin("POST", "due", Some(json!({ "in_flight": failed })));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The reports of the control on the subject's topology, oldest first.
async fn reports<S: Subject>(stage: &Stage) -> Vec<Value> {
    let about = |event: &Value| {
        event["detail"]["key"]["control"] == json!(S::CONTROL.name())
            && event["detail"]["key"]["topology"] == json!(S::TOPOLOGY)
    };
    stage.outcomes().await.into_iter().filter(about).map(|event| event["detail"].clone()).collect()
}

/// Waits for a report of the control on the topology that satisfies the predicate.
async fn report<S: Subject>(stage: &Stage, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let about = |event: &Value| {
        event["detail"]["key"]["control"] == json!(S::CONTROL.name())
            && event["detail"]["key"]["topology"] == json!(S::TOPOLOGY)
            && wanted(event)
    };
    stage.outcome(&format!("{what}, by {}", S::CONTROL), about).await
}

/// The rule of AWS Config calls what is broken non-compliant and names the pause that holds it; mended, it is as it was.
pub(crate) async fn aws_config_is_told_what_is_broken_until_it_is_mended<S: Subject>() {
    let stage = Stage::restored().await;
    let subject = S::find(&stage).await;
    let before = subject.state(&stage).await;
    let rule = ConfigRule::of(&stage);
    let usual = rule.tried(S::TOPOLOGY).await;
    let pause = json!({"pause": {"topology": S::TOPOLOGY, "for": "1h", "reason": "planned work"}});
    assert_eq!(stage.by_hand(function::<S>(), pause).await["ok"], json!(true));

    subject.damage(&stage, Caller::User).await;
    stage.idle();
    let mut broken = rule.tried(S::TOPOLOGY).await;
    broken.retain(|id, why| usual.get(id) != Some(why));
    let told = broken.values().any(|why| why.contains("paused until") && why.contains("planned work"));
    assert!(told, "{} is broken and paused, and AWS Config is told {broken:#?}", S::CONTROL);

    let resume = json!({"resume": {"topology": S::TOPOLOGY, "reason": "done"}});
    assert_eq!(stage.by_hand(function::<S>(), resume).await["ok"], json!(true));
    until_mended(&subject, &stage, &before).await;
    stage.rest();
    assert_eq!(rule.tried(S::TOPOLOGY).await, usual);
}

/// Broken by a person: mended, the person named, the event path seen to be alive; and Plumbline's own repair, whose events come
/// back to it, makes no second one. Neither does another look.
pub(crate) async fn what_a_person_broke_is_mended_once_and_the_person_named<S: Subject>() {
    let stage = Stage::restored().await;
    let subject = S::find(&stage).await;
    let before = subject.state(&stage).await;
    let mark = stage.mark();

    subject.damage(&stage, Caller::User).await;
    until_mended(&subject, &stage, &before).await;
    stage.rest();

    let told = reports::<S>(&stage).await;
    let named = told.iter().any(|report| report["causes"].to_string().contains("user/release-engineer"));
    assert!(named, "nobody is named: {told:#?}");
    assert!(told.iter().all(|report| report["event_path_blind"] != json!(true)), "{told:#?}");
    assert_eq!(changes::<S>(&stage, mark), one_repair::<S>());
    stage.ask(S::TOPOLOGY).await;
    stage.rest();
    assert_eq!(changes::<S>(&stage, mark), one_repair::<S>(), "another look found nothing to do");
    assert_eq!(subject.state(&stage).await, before);
}

/// Every event comes several times and in any order.
pub(crate) async fn events_that_come_twice_and_in_disorder_make_one_repair<S: Subject>() {
    let stage = Stage::restored().await;
    let subject = S::find(&stage).await;
    let before = subject.state(&stage).await;
    stage.admin(
        "PUT",
        "cloudtrail",
        Some(json!({"duplicates": 3, "reorder": 0.5, "reorder_by": 0.4, "seed": 11, "delay": [0.0, 0.3]})),
    );
    let mark = stage.mark();

    subject.damage(&stage, Caller::Role).await;
    until_mended(&subject, &stage, &before).await;
    stage.rest();

    assert_eq!(changes::<S>(&stage, mark), one_repair::<S>());
    assert_eq!(subject.state(&stage).await, before);
}

/// No event comes at all.
pub(crate) async fn a_lost_event_is_made_good_by_the_sweep_which_says_so<S: Subject>() {
    let stage = Stage::restored().await;
    let subject = S::find(&stage).await;
    let before = subject.state(&stage).await;
    stage.admin("PUT", "cloudtrail", Some(json!({"loss": 1.0})));
    subject.damage(&stage, Caller::User).await;
    stage.idle();
    assert_ne!(subject.state(&stage).await, before, "nobody was told");

    stage.sweep().await;

    let blind =
        report::<S>(&stage, "misses the event", |event| event["detail"]["event_path_blind"] == json!(true)).await;
    assert!(!blind["drifts"].as_array().expect("drifts").is_empty(), "{blind:#}");
    until_mended(&subject, &stage, &before).await;
}

/// A pause holds everything, an exemption what it names; both say why, and both end.
pub(crate) async fn a_pause_and_an_exemption_hold_until_they_are_taken_back<S: Subject>() {
    let stage = Stage::restored().await;
    let subject = S::find(&stage).await;
    let before = subject.state(&stage).await;
    let pause = json!({"pause": {"topology": S::TOPOLOGY, "control": function::<S>(), "for": "2h", "reason": "INC-7"}});
    assert_eq!(stage.by_hand(function::<S>(), pause).await["ok"], json!(true));
    let mark = stage.mark();
    subject.damage(&stage, Caller::User).await;
    stage.rest();
    // The damage may be several calls, and the first of them be told alone.
    let told = reports::<S>(&stage).await;
    let held: Vec<&Value> = told.iter().filter(|report| report.to_string().contains("INC-7")).collect();
    assert!(!held.is_empty(), "the pause holds it, and says why: {told:#?}");
    assert_eq!(changes::<S>(&stage, mark), BTreeMap::new(), "paused");
    assert_ne!(subject.state(&stage).await, before);

    let named = |list: &Value| -> Vec<String> {
        let list = list.as_array().expect("a list");
        list.iter().filter_map(|one| one["resource"]["id"].as_str()).map(Into::into).collect()
    };
    let resources: BTreeSet<String> =
        held.iter().flat_map(|report| named(&report["held"]).into_iter().chain(named(&report["actions"]))).collect();
    assert!(!resources.is_empty(), "{held:#?}");
    for resource in &resources {
        let order = json!({"exempt": {"resource": resource, "for": "4h", "reason": "vendor session"}});
        assert_eq!(stage.by_hand(function::<S>(), order).await["ok"], json!(true));
    }
    let resume = json!({"resume": {"topology": S::TOPOLOGY, "control": function::<S>(), "reason": "INC-7 is over"}});
    assert_eq!(stage.by_hand(function::<S>(), resume).await["ok"], json!(true));
    stage.ask(S::TOPOLOGY).await;
    stage.rest();
    assert_eq!(changes::<S>(&stage, mark), BTreeMap::new(), "exempt: {resources:?}");

    for resource in &resources {
        let order = json!({"unexempt": {"resource": resource, "reason": "session ended"}});
        assert_eq!(stage.by_hand(function::<S>(), order).await["ok"], json!(true));
    }
    stage.ask(S::TOPOLOGY).await;
    until_mended(&subject, &stage, &before).await;
}

/// What would be done is told; nothing is.
pub(crate) async fn the_plan_function_tells_and_changes_nothing<S: Subject>() {
    let stage = Stage::restored().await;
    stage.admin("PUT", "cloudtrail", Some(json!({"loss": 1.0})));
    let subject = S::find(&stage).await;
    stage.rest();
    subject.damage(&stage, Caller::User).await;
    let broken = subject.state(&stage).await;
    let mark = stage.mark();

    let plan = json!({"topology": S::TOPOLOGY, "mode": "plan", "reason": "INC-1"});
    let answer = stage.by_hand(&format!("{}-plan", function::<S>()), plan).await;

    let summary = answer["summary"].as_str().expect("a summary");
    let planned = answer["reports"][0]["actions"].as_array().is_some_and(|actions| !actions.is_empty());
    assert!(summary.contains(S::TOPOLOGY) && planned, "{answer:#}");
    assert_eq!(subject.state(&stage).await, broken);
    let writes: Vec<_> = stage.calls(mark).into_iter().filter(Call::is_plumbline_write).collect();
    assert!(writes.is_empty(), "{writes:#?}");
}

/// In mode observe the same is found and reported, and nothing is done, nor recorded as done.
pub(crate) async fn observe_reports_and_changes_nothing<S: Subject>() {
    let stage = Stage::restored().await;
    let subject = S::find(&stage).await;
    let documents = Documents::copied();
    documents.edit(S::TOPOLOGY, "mode: enforce", "mode: observe");
    documents.deploy(&stage);
    stage.rest();
    let key = LoopKey { place: Place::new(ACCOUNT, stage.region()), topology: S::TOPOLOGY.into(), control: S::CONTROL };
    let ledger = DynamoLedger::new(stage.dynamodb(), stage.output("LedgerTable"));
    let records = ledger.records(&key, 1000).await.unwrap().len();
    let mark = stage.mark();
    subject.damage(&stage, Caller::User).await;
    let broken = subject.state(&stage).await;

    let found = report::<S>(&stage, "finds the drift", |event| event["detail-type"] == json!("Drift Found")).await;

    assert_eq!((&found["mode"], &found["overall"]), (&json!("observe"), &json!("planned")));
    assert!(!found["actions"].as_array().expect("what would be done").is_empty(), "{found:#}");
    stage.rest();
    assert_eq!(subject.state(&stage).await, broken);
    assert_eq!(changes::<S>(&stage, mark), BTreeMap::new());
    assert_eq!(ledger.records(&key, 1000).await.unwrap().len(), records, "no intent, no record");
}

/// Each write of a repair goes wrong once, in one way: the same ends as without it, with nothing lost, nothing twice, and nothing
/// given up on.
pub(crate) async fn a_write_that_goes_wrong_once_is_made_good<S: Subject>(kind: &str) {
    let stage = Stage::restored().await;
    let subject = S::find(&stage).await;
    let before = subject.state(&stage).await;
    let functions = format!("arn:aws:lambda:{}:{ACCOUNT}:function:{CONTROL_PLANE}", stage.region());
    let rule = |write: &&str| {
        let (service, operation) = write.split_once(' ').expect("a service and an operation");
        let function = format!("{functions}-{}", function::<S>());
        let mut rule =
            json!({"kind": kind, "service": service, "operation": operation, "function": function, "times": 1});
        if kind == "slow" {
            rule["seconds"] = json!(SLOW.as_secs());
        }
        rule
    };
    let patience = PATIENCE + SLOW * u32::try_from(S::WRITES.len()).expect("few");
    let faults: Vec<Value> = S::WRITES.iter().map(rule).collect();
    stage.admin("PUT", "faults", Some(json!({"rules": faults})));

    subject.damage(&stage, Caller::User).await;
    until_mended_within(&subject, &stage, &before, patience, false).await;
    stage.rest();

    let fired = stage.admin("GET", "faults", None)["fired"].as_array().expect("what fired").len();
    assert_eq!(fired, S::WRITES.len(), "every write was made, and went wrong once");
    assert_eq!(subject.state(&stage).await, before, "and stays");
    stage.ask(S::TOPOLOGY).await;
    stage.rest();
    assert_eq!(subject.state(&stage).await, before, "and another look agrees");
    stage.until_dead_letters(S::DEAD_LETTERS, 0).await;
}

/// One call in five fails, of all that Plumbline makes: everything converges, and nothing is lost or there twice.
pub(crate) async fn with_one_call_in_five_failing_everything_converges<S: Subject>() {
    let stage = Stage::restored().await;
    let subject = S::find(&stage).await;
    let before = subject.state(&stage).await;
    stage.admin("PUT", "faults", Some(json!({"rules": [{"kinds": "mix", "share": 0.2}]})));
    // Whoever took the lease and lost every answer leaves it to its end, and a hint that could not be sent again waits in its queue.
    let patience = Settings::LEASE.unsigned_abs() + PATIENCE;

    subject.damage(&stage, Caller::User).await;
    until_mended_within(&subject, &stage, &before, patience, true).await;
    // What an attempt left half done is finished, still under faults.
    stage.rest_within(patience, true);
    assert_eq!(subject.state(&stage).await, before);

    let fired = stage.admin("GET", "faults", None)["fired"].as_array().expect("what fired").len();
    assert!(fired > 0, "no call failed");
    stage.admin("DELETE", "faults", None);
    stage.ask(S::TOPOLOGY).await;
    stage.rest_within(patience, true);
    assert_eq!(subject.state(&stage).await, before, "nothing was left behind");
    stage.until_dead_letters(S::DEAD_LETTERS, 0).await;
}
