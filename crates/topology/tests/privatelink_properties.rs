//! What holds for every plan of the `privatelink` control, on an in-memory PrivateLink that refuses what AWS refuses.
//!
//! Who may be connected is said here once more, as a table of words in the order in which they count, and shares no code with the
//! planner.

#![allow(clippy::unwrap_used, clippy::panic)] // clippy sees the helpers of tests as production code

mod links;

use jiff::SignedDuration;
use links::*;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};
use topology::network::{Accept, Consumer, EndpointService, Otherwise};
use topology::privatelink::{Change, ConnectionState, Sighting};
use topology::{Action, Inverse, Plan, Receipt, ResourceId, Seen, Unseen, Verb};
use twin::links::Configuration;

const ACCOUNTS: [&str; 3] = [PARTNER, OTHER, STRANGER];
const STATES: [&str; 6] = ["pendingAcceptance", "pendingAcceptance", "available", "partial", "pending", "rejected"];

/// What a person or the document says of one connection.
#[derive(Clone, Debug)]
struct Said {
    account: usize,
    state: &'static str,
    /// Verb and how many minutes ago, oldest first or not.
    by_hand: Vec<(Verb, i64)>,
    denied: bool,
    named: bool,
}

/// What the document says of one account.
#[derive(Clone, Debug)]
struct Entry {
    at_most: Option<u32>,
    /// Minutes from now.
    until: Option<i64>,
}

#[derive(Clone, Debug)]
struct Meddled {
    connections: Vec<Said>,
    entries: [Option<Entry>; 3],
    denied: [bool; 3],
    otherwise: Otherwise,
    withdraw: Otherwise,
    principals: Option<Vec<usize>>,
    observed_principals: Vec<usize>,
    open: bool,
    /// Undeclared load balancers behind it, and whether the declared one is gone from there.
    extra: usize,
    detached: bool,
}

fn said() -> impl Strategy<Value = Said> {
    let verb = select(vec![Verb::Approve, Verb::Reject]);
    let by_hand = prop_oneof![
        3 => Just(vec![]),
        2 => proptest::collection::vec((verb, 0..20_i64), 1..3),
    ];
    (0..3_usize, select(&STATES[..]), by_hand, prop::bool::weighted(0.15), prop::bool::weighted(0.15))
        .prop_map(|(account, state, by_hand, denied, named)| Said { account, state, by_hand, denied, named })
}

fn entry() -> impl Strategy<Value = Option<Entry>> {
    let until = prop_oneof![3 => Just(None), 1 => select(vec![-5_i64, 0, 90]).prop_map(Some)];
    let one = (proptest::option::weighted(0.7, 1..4_u32), until).prop_map(|(at_most, until)| Entry { at_most, until });
    proptest::option::weighted(0.7, one)
}

fn meddled() -> impl Strategy<Value = Meddled> {
    let otherwise = || select(vec![Otherwise::Hold, Otherwise::Reject]);
    let principals = || proptest::collection::vec(0..4_usize, 0..4);
    (
        proptest::collection::vec(said(), 0..9),
        [entry(), entry(), entry()],
        [prop::bool::weighted(0.1), prop::bool::weighted(0.1), prop::bool::weighted(0.1)],
        (otherwise(), otherwise()),
        proptest::option::of(principals()),
        principals(),
        prop::bool::weighted(0.3),
        prop_oneof![3 => Just(0_usize), 1 => 1..3_usize],
        prop::bool::weighted(0.3),
    )
        .prop_map(
            |(
                connections,
                entries,
                denied,
                (otherwise, withdraw),
                principals,
                observed_principals,
                open,
                extra,
                detached,
            )| {
                let detached = detached && extra > 0;
                Meddled {
                    connections,
                    entries,
                    denied,
                    otherwise,
                    withdraw,
                    principals,
                    observed_principals,
                    open,
                    extra,
                    detached,
                }
            },
        )
}

fn principal(n: usize) -> String {
    ACCOUNTS.get(n).map_or_else(|| "*".to_owned(), |account| root(account))
}

impl Meddled {
    fn offer(&self) -> Offer {
        let mut offer = Offer::new(declared(vec![]));
        let mut said = declared(vec![]);
        (said.otherwise, said.withdraw) = (self.otherwise, self.withdraw);
        for (account, entry) in ACCOUNTS.iter().zip(&self.entries) {
            if let Some(Entry { at_most, until }) = entry {
                let until = until.map(|minutes| offer.standing.now + SignedDuration::from_mins(minutes));
                said.accept.push(Accept { until, ..accept(account, *at_most) });
            }
        }
        let denied = ACCOUNTS.iter().zip(self.denied).filter(|(_, denied)| *denied);
        said.deny = denied.map(|(account, _)| Consumer::Account((*account).into())).collect();
        for one in &self.connections {
            let endpoint = offer.connect(ACCOUNTS[one.account]);
            offer.put(&endpoint, ConnectionState::from_wire(one.state));
            for (verb, minutes) in &one.by_hand {
                offer.by_hand(*verb, &endpoint, *minutes);
            }
            if one.denied {
                said.deny.push(Consumer::Endpoint(endpoint.clone()));
            }
            if one.named {
                said.accept.push(Accept { who: Consumer::Endpoint(endpoint), at_most: None, until: None });
            }
        }
        // The document's list has no order of its own.
        said.accept.reverse();
        said.principals =
            self.principals.as_ref().map(|all| all.iter().filter(|n| **n < 3).map(|n| principal(*n)).collect());
        *offer.declared() = said;
        let service = offer.service.clone();
        let principals = self.observed_principals.iter().map(|n| principal(*n)).collect();
        offer.links.services.get_mut(&service).unwrap().principals = principals;
        for n in 0..self.extra {
            let vpc = offer.vpc.clone();
            let attach = vec![offer.links.create_balancer(&vpc, &format!("extra-{n}")).unwrap()];
            offer.links.configure(&service, &Configuration { attach, ..Configuration::default() }).unwrap();
        }
        if self.detached {
            let detach = vec![offer.balancer.clone()];
            offer.links.configure(&service, &Configuration { detach, ..Configuration::default() }).unwrap();
        }
        offer.acceptance(!self.open);
        offer
    }
}

/// Whether a connection may be in: by itself, or as one of so many of its account, or not.
#[derive(Clone, Copy, Debug, PartialEq)]
enum May {
    Yes,
    OneOf(u32),
    No,
    /// No, and it is said so of this very connection or account: it is never merely held.
    Refused,
}

fn may(offer: &Offer, endpoint: &ResourceId) -> May {
    let said: &EndpointService = &offer.desired.services["api"];
    let owner = &offer.links.endpoints[endpoint].owner;
    let mut words = vec![];
    for directive in &offer.standing.directives {
        if directive.subject == topology::Subject::Resource(endpoint.clone()) {
            words.push((directive.since, directive.verb == Verb::Reject));
        }
    }
    words.sort_unstable();
    let named = |who: &Consumer| *who == Consumer::Endpoint(endpoint.clone());
    let of_account = |who: &Consumer| *who == Consumer::Account(owner.clone());
    let current = |one: &&Accept| one.until.is_none_or(|until| until > offer.standing.now);
    if let Some((_, true)) = words.last() {
        May::Refused
    } else if said.deny.iter().any(|who| named(who) || of_account(who)) {
        May::Refused
    } else if !words.is_empty() || said.accept.iter().filter(current).any(|one| named(&one.who)) {
        May::Yes
    } else {
        match said.accept.iter().filter(current).find(|one| of_account(&one.who)) {
            Some(Accept { who: _, at_most: None, until: _ }) => May::Yes,
            Some(Accept { who: _, at_most: Some(most), until: _ }) => May::OneOf(*most),
            None => May::No,
        }
    }
}

fn inside(offer: &Offer) -> BTreeSet<ResourceId> {
    let is = |state: &ConnectionState| {
        [ConnectionState::Pending, ConnectionState::Available, ConnectionState::Partial].contains(state)
    };
    offer.links.endpoints.iter().filter(|(_, one)| is(&one.state)).map(|(id, _)| id.clone()).collect()
}

fn of(offer: &Offer, ids: &BTreeSet<ResourceId>, account: &str) -> usize {
    ids.iter().filter(|id| offer.links.endpoints[*id].owner.as_str() == account).count()
}

/// What must hold after each call, whatever became of the calls before.
fn check_call(before: &Offer, after: &Offer, action: &Change) {
    let (was, is) = (inside(before), inside(after));
    for endpoint in is.difference(&was) {
        let service = &after.links.services[&after.service];
        assert_eq!(service.balancers, [after.balancer.clone()].into(), "let in to what nobody declared: {action}");
        match may(before, endpoint) {
            May::Yes => {}
            May::OneOf(most) => {
                let owner = after.links.endpoints[endpoint].owner.as_str();
                assert!(of(after, &is, owner) <= most as usize, "one too many: {action}");
            }
            May::No | May::Refused => panic!("let in who may not be: {action}"),
        }
    }
    for endpoint in was.difference(&is) {
        let by_limit = |most: u32| of(before, &was, before.links.endpoints[endpoint].owner.as_str()) > most as usize;
        match may(before, endpoint) {
            May::Yes => panic!("cut off who may be in: {action}"),
            May::OneOf(most) => assert!(by_limit(most), "cut off who has a place: {action}"),
            May::No | May::Refused => {}
        }
    }
    assert!(!after.links.services[&after.service].balancers.is_empty());
}

/// Takes a plan step by step; `fails` says which steps AWS does not take. Answers how many were taken.
fn take(offer: &mut Offer, plan: &Plan<Change>, fails: impl Fn(usize) -> bool) -> usize {
    let mut done: Vec<bool> = vec![];
    for (at, step) in plan.steps.iter().enumerate() {
        assert!(step.needs.iter().chain(&step.after).all(|earlier| *earlier < at), "{plan}");
        let met = step.needs.iter().all(|needed| done[*needed]);
        let before = offer.clone();
        let taken = met && !fails(at) && offer.links.apply(&step.action).is_ok();
        done.push(taken);
        check_call(&before, offer, &step.action);
    }
    done.into_iter().filter(|taken| *taken).count()
}

/// Works until nothing is left to do; panics if that does not end.
fn settle(offer: &mut Offer) -> Plan<Change> {
    for _ in 0..8 {
        let plan = offer.plan();
        if plan.steps.is_empty() && plan.wait.is_none() {
            return plan;
        }
        take(offer, &plan, |_| false);
        offer.links.set_up();
        offer.standing.now += SignedDuration::from_secs(15);
    }
    panic!("no end: {}", offer.plan());
}

fn config() -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 128 };
    ProptestConfig { cases, ..default }
}

proptest! {
    #![proptest_config(config())]

    /// 1. It ends, and then everything is as it was said to be.
    #[test]
    fn it_settles_as_declared(meddled in meddled()) {
        let mut offer = meddled.offer();
        let before = inside(&offer);
        let last = settle(&mut offer);
        let said = offer.desired.services["api"].clone();
        let service = &offer.links.services[&offer.service];
        prop_assert!(service.acceptance_required);
        prop_assert_eq!(&service.balancers, &BTreeSet::from([offer.balancer.clone()]));
        if let Some(principals) = &said.principals {
            prop_assert_eq!(&service.principals, &principals.iter().cloned().collect());
        }
        let now = inside(&offer);
        let held: BTreeSet<&ResourceId> = last.held.iter().map(|held| &held.resource.id).collect();
        let mut counted: BTreeMap<&str, Vec<&ResourceId>> = BTreeMap::new();
        for (endpoint, one) in &offer.links.endpoints {
            let may = may(&offer, endpoint);
            let is_in = now.contains(endpoint);
            match (may, &one.state) {
                // Whoever waits still, waits for a person, and that is said.
                (_, ConnectionState::PendingAcceptance) => {
                    prop_assert!(may != May::Yes && may != May::Refused);
                    prop_assert_eq!(said.otherwise, Otherwise::Hold);
                    prop_assert!(held.contains(endpoint));
                    if let May::OneOf(most) = may {
                        prop_assert!(of(&offer, &now, one.owner.as_str()) >= most as usize);
                    }
                }
                (May::No | May::Refused, _) if is_in => {
                    let by_hand = offer.standing.directives.iter().any(|one| one.subject == topology::Subject::Resource(endpoint.clone()));
                    prop_assert_eq!(said.withdraw, Otherwise::Hold);
                    prop_assert!(held.contains(endpoint) && (may == May::No || !by_hand || said.deny.iter().any(|who| *who == Consumer::Endpoint(endpoint.clone()) || *who == Consumer::Account(one.owner.clone()))));
                }
                (May::OneOf(_), _) if is_in => counted.entry(one.owner.as_str()).or_default().push(endpoint),
                _ => {}
            }
            // Nobody who may be in was cut off.
            prop_assert!(may != May::Yes || !before.contains(endpoint) || is_in);
        }
        for (account, mut all) in counted {
            all.sort_by_key(|id| (offer.links.endpoints[*id].since, (*id).clone()));
            let May::OneOf(most) = may(&offer, all[0]) else { panic!("{account}") };
            for (at, endpoint) in all.into_iter().enumerate() {
                let too_many = at >= most as usize;
                prop_assert_eq!(held.contains(endpoint), too_many);
                prop_assert!(!too_many || said.withdraw == Otherwise::Hold);
            }
        }
    }

    /// 2. Whatever AWS refuses, nobody is let in who may not be, and what is left is done by later rounds.
    #[test]
    fn what_fails_opens_nothing(meddled in meddled(), fails in proptest::collection::vec(any::<bool>(), 12)) {
        let mut offer = meddled.offer();
        let plan = offer.plan();
        take(&mut offer, &plan, |at| fails.get(at).copied().unwrap_or(false));
        offer.links.set_up();
        offer.standing.now += SignedDuration::from_secs(15);
        settle(&mut offer);
    }

    /// 3. A look that is out of date, of some or all connections, lets in nobody beyond the limit of what it shows; and the places that
    /// are claimed one after the other never exceed it, whatever the looks showed.
    #[test]
    fn no_race_gives_one_place_twice(meddled in meddled(), hidden in proptest::collection::vec(any::<bool>(), 9)) {
        let offer = Meddled { extra: 0, detached: false, ..meddled }.offer();
        let mut whole = offer.observe();
        let mut part = whole.clone();
        for observed in [&mut whole, &mut part] {
            prop_assert!(matches!(observed.services["api"], Seen::Present(_)));
        }
        let Some(Seen::Present(Sighting { candidates, .. })) = part.services.get_mut("api") else { unreachable!() };
        if let Seen::Present(connections) = &mut candidates[0].connections {
            let mut hidden = hidden.iter().copied();
            // Some are not there yet, and some still show as they were.
            connections.retain_mut(|one| {
                let stale = hidden.next().unwrap_or(false);
                if stale && one.state == ConnectionState::Available {
                    one.state = ConnectionState::PendingAcceptance;
                    return true;
                }
                !stale
            });
        }
        // As the ledger does: whoever claimed lately counts, and so does whoever the look shows.
        let mut claimed: BTreeMap<String, BTreeSet<ResourceId>> = BTreeMap::new();
        for observed in [&part, &whole, &part] {
            for step in &offer.plan_for(observed).steps {
                let Some(slot) = step.action.slot() else { continue };
                let holders = claimed.entry(slot.name).or_default();
                let mut taken: BTreeSet<&ResourceId> = slot.live.iter().chain(holders.iter()).collect();
                taken.remove(&slot.holder);
                if holders.contains(&slot.holder) || taken.len() < slot.at_most as usize {
                    holders.insert(slot.holder);
                }
                prop_assert!(holders.len() <= slot.at_most as usize);
            }
        }
    }

    /// 4. The order in which AWS lists things decides nothing, and a connection that two pages show counts once.
    #[test]
    fn the_order_of_an_answer_decides_nothing(meddled in meddled(), seed in any::<u64>()) {
        let offer = meddled.offer();
        let observed = offer.observe();
        let mut other = observed.clone();
        let Some(Seen::Present(Sighting { candidates, .. })) = other.services.get_mut("api") else { unreachable!() };
        if let Seen::Present(connections) = &mut candidates[0].connections {
            if let Some(first) = connections.first().cloned() {
                connections.push(first);
            }
            let count = connections.len().max(1);
            connections.rotate_left(usize::try_from(seed % 97).unwrap() % count);
            connections.reverse();
        }
        candidates.reverse();
        prop_assert_eq!(offer.plan_for(&observed).to_string(), offer.plan_for(&other).to_string());
    }

    /// 5. What could not be seen is not acted upon, and what could is.
    #[test]
    fn unknown_is_never_absent(meddled in meddled(), part in 0..4_usize) {
        let offer = meddled.offer();
        let mut observed = offer.observe();
        let Some(Seen::Present(sighting)) = observed.services.get_mut("api") else { unreachable!() };
        let failed = Unseen::Failed { retryable: true, why: "throttled".into() };
        let found = &mut sighting.candidates[0];
        match part {
            0 => sighting.balancer = Seen::Unknown(failed),
            1 => found.connections = Seen::Unknown(failed),
            2 => found.principals = Seen::Unknown(failed),
            _ => found.acceptance_required = None,
        }
        let plan = offer.plan_for(&observed);
        for step in &plan.steps {
            let fits = match &step.action {
                Change::Accept { .. } => part != 0 && part != 1,
                Change::Reject { .. } => part != 1,
                Change::AttachBalancers { .. } | Change::DetachBalancers { .. } => part != 0,
                Change::AllowPrincipals { .. } | Change::DisallowPrincipals { .. } => part != 2,
                Change::Acceptance { .. } => part != 3,
            };
            prop_assert!(fits, "{plan}");
        }
        prop_assert!(part == 2 || !plan.blind.is_empty());
    }

    /// 6. Actions survive the ledger; parts do what the whole does; what can be taken back exactly is.
    #[test]
    fn actions_survive_and_are_taken_back(meddled in meddled()) {
        let offer = meddled.offer();
        for step in &offer.plan().steps {
            let text = serde_json::to_string(&step.action).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Change>(&text).unwrap(), &step.action);
            let (mut whole, mut parts) = (offer.clone(), offer.clone());
            if whole.links.apply(&step.action).is_err() {
                continue;
            }
            let split = step.action.split();
            if !split.is_empty() {
                split.iter().for_each(|part| drop(parts.links.apply(part).unwrap()));
                prop_assert_eq!(&parts.links, &whole.links);
            }
            match step.action.inverse(&Receipt::default()) {
                Inverse::Exact(back) => {
                    whole.links.apply(&back).unwrap();
                    prop_assert_eq!(&whole.links, &offer.links);
                }
                Inverse::Compensating(back, _) => {
                    whole.links.set_up();
                    whole.links.apply(&back).unwrap();
                    prop_assert_eq!(inside(&whole), inside(&offer));
                }
                Inverse::None(_) => {
                    let rejects = matches!(step.action, Change::Reject { .. });
                    prop_assert!(rejects);
                }
            }
        }
    }
}
