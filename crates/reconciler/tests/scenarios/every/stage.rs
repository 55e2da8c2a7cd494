//! One account with one topology in it, a queue that delivers, and time that passes.

use super::subject::{Subject, Told, Way};
use super::through::{Sky, Through};
use crate::world::{ACCOUNT, REGION, at_once, document, place};
use jiff::{SignedDuration, Timestamp};
use reconciler::{
    Answer, BatchOutcome, Clock as _, LoopKey, Message, Outcome, Ports, Report, Run, Served, Settings, recheck_body,
};
use serde_json::{Value, json};
use std::borrow::Borrow;
use std::cell::Cell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use topology::Control;
use twin::{Call, Clock, Dice, Ledger, Outbox, Sent, Twin};

/// SQS gives a message back after this: the queues' visibility time-out, six times the functions' time-out.
const REDELIVERED: SignedDuration = SignedDuration::from_secs(360);
/// `maxReceiveCount`.
const RECEIVES: u32 = 5;
/// A scenario that looks more often than this goes round in circles.
const LOOKS: usize = 400;

/// A message on its way.
#[derive(Clone, Debug)]
struct Flight {
    due: Timestamp,
    body: String,
    receives: u32,
}

/// All that came of what was delivered.
#[derive(Default)]
pub(super) struct Log {
    pub(super) reports: Vec<Report>,
    pub(super) sent: Sent,
    /// Messages that were given back.
    pub(super) failed: usize,
    /// Messages that went to the dead letters for it.
    pub(super) lost: usize,
    pub(super) looks: usize,
}

/// What happens when somebody comes to the gate at which they are stopped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The function is gone, and its messages come back.
    Crash,
    /// Another run does all it can before this one goes on.
    Race,
}

pub(super) struct Stage<S: Subject> {
    pub(super) cloud: S::Cloud,
    pub(super) ledger: Ledger,
    pub(super) outbox: Outbox,
    pub(super) clock: Clock,
    pub(super) served: Served,
    pub(super) settings: Settings,
    pub(super) sky: Sky,
    pub(super) intact: Vec<String>,
    runs: Cell<u32>,
    events: Cell<u32>,
}

/// Looks that only wait are all the same: a few of them do.
pub(super) fn settings() -> Settings {
    Settings { recheck: SignedDuration::from_secs(30), ..Settings::default() }
}

impl<S: Subject> Stage<S> {
    /// In line, with nothing on record that any limit would still count.
    pub(super) fn new() -> Self {
        Self::with("enforce", "enforce")
    }

    /// Brought in line in one mode, and served in another.
    pub(super) fn with(first: &str, then: &str) -> Self {
        let mut stage = Self {
            cloud: Twin::new(S::model()).into(),
            ledger: Ledger::default(),
            outbox: Outbox::default(),
            clock: Clock::default(),
            served: Served {
                topologies: vec![document(&S::document(first))],
                refused: vec![],
                layer: None,
                home: place(),
            },
            settings: settings(),
            sky: Sky::default(),
            intact: vec![],
            runs: Cell::new(0),
            events: Cell::new(0),
        };
        let log = stage.deliver(vec![stage.request()]);
        log.converged("set up");
        stage.clock.advance(SignedDuration::from_hours(25));
        stage.served.topologies = vec![document(&S::document(then))];
        stage.intact = stage.picture();
        stage.forget();
        stage
    }

    pub(super) fn twin(&self) -> &Twin<S::Model> {
        self.cloud.borrow()
    }

    pub(super) fn picture(&self) -> Vec<String> {
        let mut picture = S::picture(&self.twin().state());
        picture.sort();
        picture
    }

    /// Forgets the calls, writes and messages so far.
    pub(super) fn forget(&self) {
        self.twin().take_journal();
        self.ledger.take_writes();
        self.outbox.take();
    }

    pub(super) fn key(&self) -> LoopKey {
        LoopKey { place: place(), topology: "shop".into(), control: S::Control::ID }
    }

    /// The changing calls since the last time this was asked.
    pub(super) fn writes(&self) -> Vec<Call> {
        self.twin().take_journal().into_iter().filter(Call::is_write).collect()
    }

    /// Somebody changes something; what AWS tells of it, as messages.
    pub(super) fn breaks(&self, way: &Way<S::Model>) -> Vec<String> {
        let told = self.twin().outside(way.act);
        told.into_iter().map(|told| self.message(told)).collect()
    }

    fn message(&self, told: Told) -> String {
        match told {
            Told::Call(service, name, request, response) => self.call(service, name, request, response),
            Told::Notice(text) => {
                let topic = format!("arn:aws:sns:{REGION}:{ACCOUNT}:connections");
                json!({ "Type": "Notification", "TopicArn": topic, "Message": text }).to_string()
            }
        }
    }

    /// What CloudTrail tells of a call.
    pub(super) fn call(&self, service: &str, name: &str, request: Value, response: Value) -> String {
        self.events.set(self.events.get() + 1);
        let (id, at) = (format!("e-{}", self.events.get()), self.clock.now().to_string());
        json!({
            "version": "0", "id": id, "detail-type": "AWS API Call via CloudTrail", "source": format!("aws.{service}"),
            "account": ACCOUNT, "region": REGION, "time": at, "resources": [],
            "detail": {
                "eventID": id, "eventName": name, "eventTime": at, "awsRegion": REGION,
                "eventSource": format!("{service}.amazonaws.com"), "requestID": format!("r-{id}"),
                "recipientAccountId": ACCOUNT, "sourceIPAddress": "203.0.113.7", "userAgent": "aws-cli/2",
                "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/mallory" },
                "requestParameters": request, "responseElements": response,
            },
        })
        .to_string()
    }

    /// The sweep's request to look.
    pub(super) fn request(&self) -> String {
        json!({
            "source": "plumbline", "detail-type": "Reconcile Requested", "account": ACCOUNT, "region": REGION,
            "detail": { "account": ACCOUNT, "region": REGION, "topology": "shop", "why": "schedule" },
        })
        .to_string()
    }

    fn run(&self) -> Run {
        self.runs.set(self.runs.get() + 1);
        Run { id: format!("run-{}", self.runs.get()), deadline: None }
    }

    /// One batch. `then`: what happens at the gate at which somebody is stopped. `None`: the function crashed.
    fn batch(&self, bodies: &[String], then: Option<Then>) -> Option<BatchOutcome> {
        let message = |(at, body): (usize, &String)| Message { id: at.to_string(), body: body.clone() };
        let messages: Vec<Message> = bodies.iter().enumerate().map(message).collect();
        let (served, settings, sky, run) = (&self.served, &self.settings, &self.sky, self.run());
        let eyes = Through { port: &self.cloud, sky };
        let ledger = Through { port: &self.ledger, sky };
        let outbox = Through { port: &self.outbox, sky };
        let ports = Ports { eyes: &eyes, hands: &eyes, ledger: &ledger, outbox: &outbox, clock: &self.clock };
        let dispatched = reconciler::dispatch::<S::Control, _, _, _, _, _>(&messages, served, &ports, settings, &run);
        let mut dispatched = pin!(dispatched);
        let mut context = Context::from_waker(Waker::noop());
        match (dispatched.as_mut().poll(&mut context), then) {
            (Poll::Ready(outcome), _) => Some(outcome),
            (Poll::Pending, Some(Then::Crash)) => None,
            (Poll::Pending, Some(Then::Race)) => {
                self.batch(&[self.request()], None);
                match dispatched.as_mut().poll(&mut context) {
                    Poll::Ready(outcome) => Some(outcome),
                    Poll::Pending => panic!("stopped twice"),
                }
            }
            (Poll::Pending, None) => panic!("a twin that waits"),
        }
    }

    /// One batch, and nothing of what comes after it.
    pub(super) fn dispatch(&self, bodies: &[String]) -> BatchOutcome {
        self.batch(bodies, None).unwrap()
    }

    /// One batch with one report.
    pub(super) fn on(&self, bodies: &[String]) -> Report {
        let outcome = self.dispatch(bodies);
        assert_eq!(outcome.failed, Vec::<String>::new());
        assert_eq!(outcome.reports.len(), 1, "{:?}", outcome.reports);
        outcome.reports.into_iter().next().unwrap()
    }

    /// Delivers, and whatever is sent back, until nothing is on its way any more.
    pub(super) fn deliver(&self, bodies: Vec<String>) -> Log {
        self.deliver_and(bodies, None)
    }

    /// Delivers until it is enough after some batch; what is on its way then is lost.
    pub(super) fn deliver_until(&self, bodies: Vec<String>, enough: impl Fn(&Self) -> bool) {
        self.fly(bodies, None, enough);
    }

    pub(super) fn deliver_and(&self, bodies: Vec<String>, then: Option<Then>) -> Log {
        self.fly(bodies, then, |_| false)
    }

    fn fly(&self, bodies: Vec<String>, then: Option<Then>, enough: impl Fn(&Self) -> bool) -> Log {
        let mut log = Log::default();
        let due = self.clock.now();
        let mut queue: Vec<Flight> = bodies.into_iter().map(|body| Flight { due, body, receives: 0 }).collect();
        while let Some(next) = queue.iter().map(|flight| flight.due).min() {
            log.looks += 1;
            assert!(log.looks < LOOKS, "round in circles: {:?}", log.outcomes());
            self.wait_until(next);
            let (batch, rest): (Vec<Flight>, Vec<Flight>) = queue.into_iter().partition(|flight| flight.due <= next);
            queue = rest;
            let bodies: Vec<String> = batch.iter().map(|flight| flight.body.clone()).collect();
            let outcome = self.batch(&bodies, then);
            let back = |at: usize| outcome.as_ref().is_none_or(|outcome| outcome.failed.contains(&at.to_string()));
            for (_, flight) in batch.into_iter().enumerate().filter(|(at, _)| back(*at)) {
                log.failed += 1;
                if flight.receives == RECEIVES {
                    log.lost += 1;
                    continue;
                }
                queue.push(Flight { due: self.later(REDELIVERED), receives: flight.receives + 1, ..flight });
            }
            log.reports.extend(outcome.into_iter().flat_map(|outcome| outcome.reports));
            let sent = self.outbox.take();
            for (hints, delay) in &sent.resent {
                queue.push(Flight { due: self.later(*delay), body: recheck_body(hints), receives: 0 });
            }
            queue.extend(sent.requests.iter().map(|_| Flight {
                due: self.clock.now(),
                body: self.request(),
                receives: 0,
            }));
            log.add(sent);
            if enough(self) {
                break;
            }
        }
        log
    }

    fn later(&self, by: SignedDuration) -> Timestamp {
        self.clock.now().checked_add(by).unwrap()
    }

    fn wait_until(&self, time: Timestamp) {
        self.clock.advance(time.duration_since(self.clock.now()).max(SignedDuration::ZERO));
        let now = self.clock.now();
        self.twin().outside(|model| S::tick(model, now));
    }

    pub(super) fn wait(&self, by: SignedDuration) {
        self.wait_until(self.later(by));
    }

    /// Sweeps every quarter of an hour until one finds nothing to do; the guarantee behind the events.
    pub(super) fn sweep_until_quiet(&self, what: &str) {
        for _ in 0..12 {
            self.wait(SignedDuration::from_mins(15));
            self.forget();
            let log = self.deliver(vec![self.request()]);
            if log.reports.iter().all(|report| report.overall == Outcome::InSync) && self.writes().is_empty() {
                return;
            }
        }
        panic!("{what}: never quiet; {:?}", self.picture());
    }

    pub(super) fn by_hand(&self, input: Value) -> Answer {
        let (ports, run) = (self.ports(), self.run());
        let (served, settings) = (&self.served, &self.settings);
        let answer = reconciler::answer::<S::Control, _, _, _, _, _>(&input, "on-call", served, &ports, settings, &run);
        at_once(answer)
    }

    fn ports(&self) -> Ports<'_, S::Cloud, S::Cloud, Ledger, Outbox, Clock> {
        let Self { cloud, ledger, outbox, clock, .. } = self;
        Ports { eyes: cloud, hands: cloud, ledger, outbox, clock }
    }

    /// What a plan by hand says.
    pub(super) fn plan(&self) -> Report {
        let answer = self.by_hand(json!({"topology": "shop", "mode": "plan"}));
        answer.reports.into_iter().next().unwrap()
    }

    /// A fifth of all calls fails: half of the writes among them take effect all the same.
    pub(super) fn storm(&self, seed: u64) {
        self.twin().weather(Some(Dice::new(seed, 5)));
        self.sky.storm(Some(Dice::new(seed.wrapping_mul(31), 5)));
    }

    pub(super) fn calm(&self) {
        self.twin().weather(None);
        self.sky.storm(None);
    }

    /// Nothing is missing, doubled or left over, and the next sweep agrees.
    pub(super) fn assert_intact(&self, way: &Way<S::Model>, what: &str) {
        let mut expected = self.intact.clone();
        expected.extend(way.adds.iter().map(ToString::to_string));
        expected.sort();
        assert_eq!(self.picture(), expected, "{}: {what}", way.name);
        self.forget();
        let log = self.deliver(vec![self.request()]);
        assert_eq!(self.writes(), vec![], "{}: {what}: there is nothing left to do", way.name);
        log.converged(way.name);
    }
}

impl Log {
    fn add(&mut self, sent: Sent) {
        let Sent { resent, dead, events, requests, order } = sent;
        self.sent.resent.extend(resent);
        self.sent.dead.extend(dead);
        self.sent.events.extend(events);
        self.sent.requests.extend(requests);
        self.sent.order.extend(order);
    }

    pub(super) fn outcomes(&self) -> Vec<&Outcome> {
        self.reports.iter().map(|report| &report.overall).collect()
    }

    /// The last report of all that ended well, and nothing was given up on.
    pub(super) fn converged(&self, what: &str) -> &Self {
        let ended = self.reports.last().map(|report| &report.overall);
        assert!(
            matches!(ended, Some(Outcome::Applied | Outcome::InSync)),
            "{what}: {:?}; last: {:#?}",
            self.outcomes(),
            self.reports.last()
        );
        assert_eq!(self.lost, 0, "{what}: in the dead letters");
        assert!(self.sent.dead.is_empty(), "{what}: given up on: {:?}", self.sent.dead);
        self
    }
}
