//! A model check of the `nat` control: a network over three zones, disturbances and crashes at every point, and what must hold after
//! each single call and in the end.
//!
//! What holds is judged on the in-memory EC2, by rules that share no code with the planner.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)] // clippy sees the helpers of tests as production code

mod gateways;

use gateways::{Crash, LETTERS, Site, declared};
use jiff::SignedDuration;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use topology::nat::{Availability, Change, Failure, GatewayState, Gateways, Observed};
use topology::{ResourceId, Seen, Unseen};
use twin::nat::Gateway;

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// Somebody deletes the gateways of a zone.
    Delete(usize),
    /// The same, and AWS shows them no longer.
    Vanish(usize),
    /// Somebody deletes the default route of a zone.
    Unroute(usize),
    /// Somebody moves the default route of a zone to a gateway elsewhere.
    Divert(usize),
    /// Somebody leads a zone straight to the internet gateway.
    Expose(usize),
    /// Somebody takes the table from under a public subnet, so that its gateway leads nowhere; or puts it back.
    Cut(usize),
    /// The next gateway will fail.
    Fail,
    /// Somebody releases the addresses that nothing uses.
    Release,
    /// Somebody puts the addresses that nothing uses to another use.
    Steal,
    /// Somebody makes a gateway of their own.
    Foreign(usize),
    /// Another mode is declared.
    Declare(usize),
    /// A zone is not to be relied upon for an hour.
    Evacuate(usize),
    /// What is on its way arrives.
    Arrive,
    /// Minutes pass.
    Pass(i64),
    /// The control runs.
    Run,
    /// A person runs it.
    ByHand,
    /// It runs, and breaks off at a call.
    Crash(usize, Crash),
    /// It runs, and does not see a part.
    Blind(usize),
    /// It looks; then this happens; then it acts on what it saw.
    Late(Disturbance),
}

/// What may happen between looking and acting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disturbance {
    Delete(usize),
    Unroute(usize),
    Release,
}

const MODES: [(&str, &str); 4] = [
    ("production", "{ mode: auto }"),
    ("staging", "{ mode: auto, fail_back_after: 0 minutes }"),
    ("production", "{ mode: regional }"),
    ("staging", "{ mode: per-az }"),
];

const ZONES: [usize; 2] = [0, 1];

fn alphabet() -> Vec<Event> {
    let mut events = vec![Event::Fail, Event::Release, Event::Steal, Event::Arrive, Event::Pass(3), Event::Run];
    events.extend([Event::ByHand, Event::Late(Disturbance::Release)]);
    for zone in ZONES {
        events.extend([Event::Delete(zone), Event::Vanish(zone), Event::Unroute(zone), Event::Divert(zone)]);
        events.extend([Event::Expose(zone), Event::Cut(zone), Event::Foreign(zone), Event::Evacuate(zone)]);
        events.extend([Event::Late(Disturbance::Delete(zone)), Event::Late(Disturbance::Unroute(zone))]);
    }
    events.extend((0..MODES.len()).map(Event::Declare));
    for call in 0..3 {
        events.extend([Event::Crash(call, Crash::BeforeCall), Event::Crash(call, Crash::AfterCall)]);
    }
    events.extend((0..5).map(Event::Blind));
    events
}

struct Model {
    site: Site,
    /// Gateways and addresses of others: what we may not touch.
    foreign: BTreeSet<ResourceId>,
    stolen: BTreeSet<ResourceId>,
    /// The table that each public subnet had.
    public: ResourceId,
    dead: ResourceId,
    told: Vec<String>,
}

fn is_up(gateway: &Gateway) -> bool {
    gateway.state == GatewayState::Available
}

/// The beginnings: each mode, built or bare.
static BEGINNINGS: LazyLock<Vec<[Site; 2]>> = LazyLock::new(|| {
    let both = |(environment, nat): &(&str, &str)| {
        let desired = declared(environment, nat);
        [Site::bare(desired.clone()), Site::whole(desired)]
    };
    MODES.iter().map(both).collect()
});

impl Model {
    fn new(mode: usize, built: bool) -> Self {
        let mut site = BEGINNINGS[mode][usize::from(built)].clone();
        site.nets.address_quota = 50;
        site.nets.gateway_quota = 50;
        let a = site.public("a");
        let public = site.nets.tables.iter().find(|(_, table)| table.subnets.contains_key(&a)).unwrap().0.clone();
        let dead = site.nets.create_table(&site.vpc.clone()).unwrap();
        Self { site, foreign: BTreeSet::new(), stolen: BTreeSet::new(), public, dead, told: vec![] }
    }

    // What holds, by the network itself.

    /// Whether a gateway leads to the internet now.
    fn works(&self, id: &ResourceId) -> bool {
        let nets = &self.site.nets;
        let Some(gateway) = nets.gateways.get(id) else { return false };
        let connected = match (&gateway.availability, &gateway.subnet) {
            (Availability::Regional, _) => true,
            (Availability::Zonal, Some(subnet)) => {
                let table = nets.tables.values().find(|table| table.subnets.contains_key(subnet)).unwrap();
                table.default.as_ref().is_some_and(|(target, _)| nets.internet.contains_key(target))
            }
            (Availability::Zonal, None) => false,
        };
        gateway.public && is_up(gateway) && connected
    }

    fn is_left(&self, id: &ResourceId) -> bool {
        let zone = self.zone(id);
        self.site.directives.iter().any(|directive| {
            directive.in_force(self.site.nets.now)
                && zone
                    .as_ref()
                    .is_some_and(|zone| directive.subject == topology::Subject::Resource(twin::zone_id(zone)))
        })
    }

    fn zone(&self, id: &ResourceId) -> Option<String> {
        let nets = &self.site.nets;
        Some(nets.subnets[nets.gateways.get(id)?.subnet.as_ref()?].zone.to_string())
    }

    fn exits(&self) -> Vec<Option<ResourceId>> {
        LETTERS.iter().map(|zone| self.site.route(zone).filter(|target| self.works(target))).collect()
    }

    fn ours(&self, tags: &std::collections::BTreeMap<String, String>) -> bool {
        tags.get("plumbline:topology").is_some_and(|tag| tag == "three-tier")
    }

    fn wanted(&self) -> Gateways {
        self.site.desired.vpcs["main"].gateways.clone()
    }

    // What happens.

    fn happen(&mut self, event: Event) -> Result<(), String> {
        self.told.push(format!("{event:?}"));
        match event {
            Event::Delete(zone) => self.disturb(Disturbance::Delete(zone)),
            Event::Unroute(zone) => self.disturb(Disturbance::Unroute(zone)),
            Event::Release => self.disturb(Disturbance::Release),
            Event::Vanish(zone) => {
                self.disturb(Disturbance::Delete(zone));
                self.site.nets.arrive();
                self.site.nets.gateways.retain(|_, gateway| gateway.state != GatewayState::Deleted);
            }
            Event::Divert(zone) => {
                let there = self.site.route(LETTERS[zone]);
                let elsewhere = |id: &&ResourceId| Some(*id) != there.as_ref();
                let up = self.site.nets.gateways.iter().filter(|(_, gateway)| is_up(gateway) && gateway.public);
                if let Some(to) = up.map(|(id, _)| id).find(elsewhere).cloned() {
                    let table = self.site.table(LETTERS[zone]);
                    self.site.nets.tables.get_mut(&table).unwrap().default = Some((to, true));
                }
            }
            Event::Expose(zone) => {
                let table = self.site.table(LETTERS[zone]);
                self.site.nets.tables.get_mut(&table).unwrap().default = Some((self.site.internet.clone(), true));
            }
            Event::Cut(zone) => {
                let subnet = self.site.public(LETTERS[zone]);
                let cut = self.site.nets.tables[&self.dead].subnets.contains_key(&subnet);
                let table = if cut { self.public.clone() } else { self.dead.clone() };
                self.site.nets.associate(&table, &subnet).unwrap();
            }
            Event::Fail => {
                let failure = Failure { code: "InternalError".into(), message: String::new() };
                self.site.nets.failures.push_back(failure);
            }
            Event::Steal => {
                for (id, address) in self.site.nets.addresses.iter_mut().filter(|(_, address)| address.user.is_none()) {
                    address.user = Some("i-0123456789abcdef0".into());
                    self.stolen.insert(id.clone());
                }
            }
            Event::Foreign(zone) => {
                // The failure that is to come is meant for ours.
                let failures = std::mem::take(&mut self.site.nets.failures);
                let id = self.site.foreign(LETTERS[zone]);
                self.site.nets.failures = failures;
                self.foreign.extend(self.site.nets.gateways[&id].allocation.clone());
                self.foreign.insert(id);
            }
            Event::Declare(mode) => {
                self.site.desired = BEGINNINGS[mode][0].desired.clone();
            }
            Event::Evacuate(zone) => self.site.order(LETTERS[zone], SignedDuration::from_hours(1)),
            Event::Arrive => self.site.nets.arrive(),
            Event::Pass(minutes) => self.site.nets.pass(SignedDuration::from_mins(minutes)),
            Event::Run => self.run(None, None, None)?,
            Event::ByHand => {
                self.site.by_hand = true;
                let ran = self.run(None, None, None);
                self.site.by_hand = false;
                ran?;
            }
            Event::Crash(call, crash) => self.run(None, Some((call, crash)), None)?,
            Event::Blind(part) => {
                let observed = blinded(self.site.observed(), part);
                self.run(Some(observed), None, None)?;
            }
            Event::Late(disturbance) => self.run(None, None, Some(disturbance))?,
        }
        Ok(())
    }

    fn disturb(&mut self, disturbance: Disturbance) {
        match disturbance {
            Disturbance::Delete(zone) => {
                for id in self.site.gateways(LETTERS[zone]) {
                    self.site.nets.delete_gateway(&id).unwrap();
                    self.foreign.remove(&id);
                }
            }
            Disturbance::Unroute(zone) => {
                let table = self.site.table(LETTERS[zone]);
                self.site.nets.tables.get_mut(&table).unwrap().default = None;
            }
            Disturbance::Release => {
                let foreign = &self.foreign;
                self.site.nets.addresses.retain(|id, address| address.user.is_some() || foreign.contains(id));
            }
        }
    }

    /// One run, judged after each call.
    fn run(
        &mut self,
        seen: Option<Observed>,
        crash: Option<(usize, Crash)>,
        late: Option<Disturbance>,
    ) -> Result<(), String> {
        self.site.begin();
        let (mut tried, mut calls) = (BTreeSet::new(), 0);
        for round in 0..3 {
            let observed = seen.clone().unwrap_or_else(|| self.site.observed());
            let plan = self.site.plan_on(&observed);
            if let Some(late) = late.filter(|_| round == 0) {
                self.disturb(late);
            }
            let exposed =
                LETTERS.iter().filter(|zone| self.site.route(zone) == Some(self.site.internet.clone())).count();
            let contained = plan.steps.iter().filter(|step| step.contains).count();
            if late.is_none() && seen.is_none() && exposed != contained {
                return Err(format!("{exposed} zones are open, and {contained} steps contain:\n{plan}"));
            }
            let mut done: Vec<bool> = vec![];
            let mut called = false;
            for (at, step) in plan.steps.iter().enumerate() {
                if step.after.iter().chain(&step.needs).any(|edge| *edge >= at) {
                    return Err(format!("an edge points ahead:\n{plan}"));
                }
                let key = serde_json::to_string(&step.action).unwrap();
                if !tried.insert(key) || step.needs.iter().any(|need| !done[*need]) {
                    done.push(false);
                    continue;
                }
                called = true;
                let breaks = crash.filter(|(at, _)| *at == calls).map(|(_, crash)| crash);
                calls += 1;
                let before = self.exits();
                let answer = self.site.apply(&step.action, breaks);
                self.told.push(format!("  {} {:?}", step.action, answer.as_ref().err()));
                self.judge(&step.action, &before, answer.is_ok(), late.is_some())?;
                if breaks.is_some() {
                    return Ok(());
                }
                done.push(answer.is_ok());
            }
            if !called || seen.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// What must hold after each of our calls.
    fn judge(&self, change: &Change, before: &[Option<ResourceId>], made: bool, late: bool) -> Result<(), String> {
        let after = self.exits();
        for ((zone, before), after) in LETTERS.iter().zip(before).zip(&after) {
            if before.is_some() && after.is_none() {
                return Err(format!("zone {zone} lost its way out by: {change}"));
            }
        }
        if let (true, Change::CreateRoute { to, .. } | Change::ReplaceRoute { to, .. }) = (made, change)
            && !late
        {
            if !self.works(to) {
                return Err(format!("a route leads to what does not work: {change}"));
            }
            let better = |id: &&ResourceId| self.works(id) && !self.is_left(id);
            if self.is_left(to) && self.site.nets.gateways.keys().any(|id| better(&id)) {
                return Err(format!("a route leads to a zone that is left: {change}"));
            }
        }
        for zone in LETTERS {
            // One that will fail takes nothing: AWS finds its address in use.
            let live = self.site.gateways(zone).into_iter().filter(|id| {
                let gateway = &self.site.nets.gateways[id];
                gateway.failure.is_none() && self.ours(&gateway.tags) && (self.works(id) || !is_up(gateway))
            });
            if live.count() > 1 {
                return Err(format!("two gateways of ours in zone {zone} after: {change}"));
            }
        }
        let nets = &self.site.nets;
        let kept = |id: &ResourceId| match id.as_str().starts_with("nat-") {
            true => {
                let there =
                    |gateway: &Gateway| !matches!(gateway.state, GatewayState::Deleting | GatewayState::Deleted);
                nets.gateways.get(id).is_some_and(there)
            }
            false => nets.addresses.contains_key(id),
        };
        match self.foreign.iter().find(|id| !kept(id)) {
            Some(id) => Err(format!("{id} is not ours, and gone after: {change}")),
            None => Ok(()),
        }
    }

    // In the end.

    /// Nothing disturbs any more; everything arrives; time passes, up to and into the maintenance window.
    fn settle(&mut self) -> Result<(), String> {
        for zone in ZONES {
            let subnet = self.site.public(LETTERS[zone]);
            self.site.nets.associate(&self.public.clone(), &subnet).unwrap();
        }
        self.site.nets.failures.clear();
        for id in &self.stolen {
            if let Some(address) = self.site.nets.addresses.get_mut(id) {
                address.user = None;
            }
        }
        self.told.push("settle".into());
        for minutes in [1; 30].into_iter().chain([15; 16]) {
            self.run(None, None, None)?;
            if !self.site.nets.is_busy() && self.site.plan().is_empty() {
                break;
            }
            self.site.nets.arrive();
            self.site.nets.pass(SignedDuration::from_mins(minutes));
        }
        // Sunday, half past two.
        let window = self.site.desired.maintenance[0].next(self.site.nets.now + SignedDuration::from_hours(2));
        self.site.nets.pass((window + SignedDuration::from_mins(30)).duration_since(self.site.nets.now));
        for _ in 0..8 {
            self.run(None, None, None)?;
            if !self.site.nets.is_busy() && self.site.plan().is_empty() {
                break;
            }
            self.site.nets.arrive();
            self.site.nets.pass(SignedDuration::from_mins(5));
        }
        let plan = self.site.plan();
        if !plan.is_empty() {
            return Err(format!("it does not settle:\n{plan}"));
        }
        self.settled()
    }

    fn settled(&self) -> Result<(), String> {
        let nets = &self.site.nets;
        let live: Vec<&ResourceId> =
            nets.gateways.iter().filter(|(_, gateway)| is_up(gateway)).map(|(id, _)| id).collect();
        let ours: Vec<&ResourceId> = live.iter().copied().filter(|id| self.ours(&nets.gateways[*id].tags)).collect();
        for zone in LETTERS {
            let Some(target) = self.site.route(zone) else { return Err(format!("zone {zone} has no way out")) };
            if !self.works(&target) {
                return Err(format!("zone {zone} goes out through {target}, which does not work"));
            }
            let home = self.zone(&target);
            let right = match self.wanted() {
                Gateways::Zonal(zones) if zones.len() > 1 => home.as_deref() == Some(zone),
                Gateways::Zonal(zones) => home.as_deref() == zones.first().map(|zone| zone.as_str()),
                Gateways::Regional => home.is_none(),
                Gateways::None => false,
            };
            if !right {
                return Err(format!("zone {zone} goes out in {home:?}"));
            }
        }
        let most = match self.wanted() {
            Gateways::Zonal(zones) => zones.len(),
            Gateways::Regional => 1,
            Gateways::None => 0,
        };
        if ours.len() > most {
            return Err(format!("{} gateways of ours where {most} are declared", ours.len()));
        }
        let mut spare = BTreeSet::new();
        for (id, address) in nets.addresses.iter().filter(|(_, address)| self.ours(&address.tags)) {
            let used = address.user.as_ref().is_some_and(|user| ours.contains(&user));
            // One for a zone that somebody else's gateway serves: it may go at any time, and partners let ours in.
            let zone = address.tags.get("plumbline:zone");
            let serves = |id: &&&ResourceId| self.zone(id).as_ref() == zone && nets.gateways[**id].public;
            let theirs = !ours.iter().any(|id| serves(&id)) && live.iter().any(|id| serves(&id));
            let wanted = match self.wanted() {
                Gateways::Zonal(zones) => zones.iter().any(|its| Some(its.as_str()) == zone.map(String::as_str)),
                Gateways::Regional | Gateways::None => false,
            };
            if !(used || theirs && wanted && spare.insert(zone)) {
                return Err(format!("{id} is ours, and no gateway of ours uses it: leaked"));
            }
        }
        Ok(())
    }
}

/// An observation that lacks a part.
fn blinded(mut observed: Observed, part: usize) -> Observed {
    let unseen = || Unseen::Failed { retryable: true, why: "throttled".into() };
    match part {
        0 => observed.addresses = Seen::Unknown(unseen()),
        1 => observed.away = Seen::Unknown(unseen()),
        _ => observed.vpcs.values_mut().for_each(|vpc| {
            let Seen::Present(vpc) = vpc else { return };
            match part {
                2 => vpc.gateways = Seen::Unknown(unseen()),
                3 => vpc.subnets = Seen::Unknown(unseen()),
                _ => vpc.tables = Seen::Unknown(unseen()),
            }
        }),
    }
    observed
}

fn play(mode: usize, built: bool, events: &[Event]) -> Result<(), String> {
    let mut model = Model::new(mode, built);
    let mut played = || {
        for event in events {
            model.happen(*event)?;
        }
        model.settle()
    };
    let result: Result<(), String> = played();
    result.map_err(|why| format!("mode {mode}, built {built}: {why}\n{}", model.told.join("\n")))
}

/// Every two events, one right after the other, from a network that is whole; and every one while it is built.
#[test]
fn every_pair_of_events() {
    let events = alphabet();
    for mode in 0..if deep() { MODES.len() } else { 2 } {
        for first in &events {
            for second in &events {
                if let Err(why) = play(mode, true, &[*first, *second]) {
                    panic!("{why}");
                }
            }
            for looks in 0..4 {
                let mut events = [Event::Run, Event::Arrive].repeat(2);
                events.insert(looks, *first);
                if let Err(why) = play(mode, false, &events) {
                    panic!("{why}");
                }
            }
        }
    }
}

/// A crash at each call of each beginning and of each flip, before and after it.
#[test]
fn a_crash_at_every_call() {
    for mode in 0..MODES.len() {
        for other in 0..MODES.len() {
            for call in 0..if deep() { 14 } else { 8 } {
                for again in 0..if deep() { 6 } else { 2 } {
                    for crash in [Crash::BeforeCall, Crash::AfterCall] {
                        let arrive = [Event::Arrive, Event::Run, Event::Arrive];
                        let mut events = vec![Event::Declare(other), Event::Crash(call, crash)];
                        events.extend(arrive);
                        events.extend([Event::Crash(again, crash), Event::Declare(mode)]);
                        if let Err(why) = play(mode, true, &events) {
                            panic!("{why}");
                        }
                    }
                }
            }
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    let all = alphabet();
    prop_oneof![
        3 => proptest::sample::select(all),
        1 => Just(Event::Run),
        1 => Just(Event::Arrive),
    ]
}

fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: if deep() { default.cases } else { 64 }, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn many_events(mode in 0..MODES.len(), built: bool, events in proptest::collection::vec(event(), 3..14)) {
        if let Err(why) = play(mode, built, &events) {
            return Err(TestCaseError::fail(why));
        }
    }
}

/// Every build runs a part of it; `PROPTEST_CASES=3000` looks deeper.
fn deep() -> bool {
    std::env::var_os("PROPTEST_CASES").is_some()
}
