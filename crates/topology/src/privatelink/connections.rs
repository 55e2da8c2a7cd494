//! The connections of one service: which are let in, which are refused, and which wait for a person.
//!
//! - **What waits is no drift, and what is in and should not be, is.** A connection that nobody allows gives undeclared reach from
//!   outside the topology: an exposure, however it came in (AWS does not say whether acceptance was off, or somebody accepted it). One
//!   that is one too many is drift; one whose time is over was let in rightly, and nothing moved but the clock: advice. All are held
//!   unless `withdraw: reject`, or a person says so.
//! - **Oldest first.** Whoever asked first gets the place, so that two runs decide alike.
//! - **AWS takes ten of these calls at once and one a second after**, for all that the account does with its connections. What is beyond
//!   waits for its turn instead of being throttled.

use super::judge::{Verdict, judge};
use super::planner::{Builder, Rank};
use super::{Change, ConnectionRef, ConnectionState, ObservedConnection, Places, ServiceRef};
use crate::core::{AccountId, Drift, Held, ResourceId, Severity, StackId, Step};
use crate::network::{Consumer, EndpointService, Otherwise};
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};

/// How long a connection that was accepted may take to come up before it is no longer waited for.
const SETUP: SignedDuration = SignedDuration::from_mins(10);
/// When to look again at one that is coming up.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(15);

/// What may be done about the connections of one service now.
pub(super) struct Unit<'a> {
    pub(super) service: &'a ServiceRef,
    pub(super) declared: &'a EndpointService,
    pub(super) stack: Option<&'a StackId>,
    pub(super) gate: Gate,
}

/// Whether anybody more may be let in now.
pub(super) enum Gate {
    /// Yes; if there is an index, after that step of the service's.
    Open(Option<usize>),
    /// No, and a person is told why.
    Shut(String),
    /// Nobody knows: the plan says what was not seen.
    Unseen,
}

pub(super) fn plan(builder: &mut Builder<'_>, unit: &Unit<'_>, observed: &[ObservedConnection]) {
    let standing = builder.standing;
    let judged: Vec<(&ObservedConnection, Verdict<'_>)> = in_order(observed)
        .into_iter()
        .map(|connection| (connection, judge(&builder.place.account, unit.declared, connection, standing)))
        .collect();
    let mut rooms = Rooms::of(&judged);
    for (connection, verdict) in &judged {
        if connection.state.is_in() {
            present(builder, unit, connection, *verdict, &mut rooms);
        }
    }
    for (connection, verdict) in judged.iter().filter(|(one, _)| one.state == ConnectionState::Rejected) {
        refused(builder, unit, connection, *verdict);
    }
    // What needs no place goes first: it takes one of its account's all the same.
    let limited = |verdict: &Verdict<'_>| matches!(verdict, Verdict::Account(Some(_)));
    let waiting = || judged.iter().filter(|(one, _)| one.state == ConnectionState::PendingAcceptance);
    for (connection, verdict) in waiting().filter(|(_, verdict)| !limited(verdict)) {
        asking(builder, unit, connection, *verdict, &mut rooms);
    }
    for (connection, verdict) in waiting().filter(|(_, verdict)| limited(verdict)) {
        asking(builder, unit, connection, *verdict, &mut rooms);
    }
}

/// AWS deletes no endpoint service with a connection that is in or asks to be (`ExistingVpcEndpointConnections`,
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/configure-endpoint-service.html>). One that the document or a person wants
/// refused is refused; the others are somebody's traffic, and a person says when that ends.
pub(super) fn retire(builder: &mut Builder<'_>, unit: &Unit<'_>, observed: &[ObservedConnection]) {
    let own = unit.declared.accept.iter().any(|entry| entry.who == Consumer::Own);
    for connection in in_order(observed) {
        let ObservedConnection { endpoint, owner, state, since: _, region: _ } = connection;
        let asks = *state == ConnectionState::PendingAcceptance;
        // An endpoint that the same document declares goes with the same stack, before the service.
        let goes_by_itself = own && *owner == builder.place.account;
        if !(state.is_in() || asks) || goes_by_itself {
            continue;
        }
        let verdict = judge(&builder.place.account, unit.declared, connection, builder.standing);
        let declared = if asks { unit.declared.otherwise } else { unit.declared.withdraw };
        let refused = matches!(verdict, Verdict::Rejected(_) | Verdict::Denied(_)) || declared == Otherwise::Reject;
        let summary = format!("a connection of account {owner} is {state}, and the service is to go");
        builder.drift(unit, connection, Severity::Advice, summary.clone());
        if !refused {
            let remedy = format!(
                r#"ask its consumer to delete {endpoint}, or cut it off: {{"reject":"{endpoint}","reason":"…"}}; until then AWS deletes neither the service nor its stack"#
            );
            builder.hold(unit, connection, summary, remedy);
        } else if *state == ConnectionState::Pending {
            builder.wait(SignedDuration::ZERO, format!("{endpoint} is being set up: it can be rejected once it is up"));
        } else if builder.turn(false) {
            let caveat = (!asks).then(|| "what its consumer sends through it ends at once".into());
            let why = "the topology is retired".to_owned();
            let rank = if asks { Rank::Refuse } else { Rank::Withdraw };
            builder.step(rank, Step { caveat, ..Step::new(reject(unit, connection, why)) });
        }
    }
}

/// Oldest first, each endpoint once. An answer over two pages may show one twice: the one that is further counts.
fn in_order(observed: &[ObservedConnection]) -> Vec<&ObservedConnection> {
    let mut all: Vec<&ObservedConnection> = observed.iter().collect();
    all.sort_by_key(|one| (&one.endpoint, !one.state.is_in(), &one.state));
    all.dedup_by_key(|one| &one.endpoint);
    all.sort_by_key(|one| (one.since, &one.endpoint));
    all
}

/// The places of each account.
struct Rooms {
    /// Every connection that is in, or that this plan lets in.
    taken: BTreeMap<AccountId, BTreeSet<ResourceId>>,
    /// How many came in by the account's entry.
    by_entry: BTreeMap<AccountId, u32>,
}

impl Rooms {
    fn of(judged: &[(&ObservedConnection, Verdict<'_>)]) -> Self {
        let mut taken: BTreeMap<AccountId, BTreeSet<ResourceId>> = BTreeMap::new();
        for (connection, _) in judged.iter().filter(|(connection, _)| connection.state.is_in()) {
            taken.entry(connection.owner.clone()).or_default().insert(connection.endpoint.clone());
        }
        Self { taken, by_entry: BTreeMap::new() }
    }

    fn take(&mut self, connection: &ObservedConnection) {
        self.taken.entry(connection.owner.clone()).or_default().insert(connection.endpoint.clone());
    }

    /// Whether one that is in by its account's entry is one of the first so many.
    fn stays(&mut self, connection: &ObservedConnection, at_most: u32) -> bool {
        let count = self.by_entry.entry(connection.owner.clone()).or_default();
        *count = count.saturating_add(1);
        *count <= at_most
    }

    /// A place, if one is free. `taken` names those before it, so that a plan never gives more than there are, whoever is late.
    fn place(&self, connection: &ObservedConnection, at_most: u32) -> Option<Places> {
        let taken = self.taken.get(&connection.owner).cloned().unwrap_or_default();
        u32::try_from(taken.len()).is_ok_and(|taken| taken < at_most).then_some(Places { at_most, taken })
    }
}

/// One that was let in, by whomever.
fn present(
    builder: &mut Builder<'_>,
    unit: &Unit<'_>,
    connection: &ObservedConnection,
    verdict: Verdict<'_>,
    rooms: &mut Rooms,
) {
    let ObservedConnection { endpoint, owner, state, since: _, region: _ } = connection;
    if let ConnectionState::Other(text) = state {
        let why = format!("AWS shows it in the state `{text}`, which this version does not know: it is left alone");
        builder.hold(unit, connection, why, "look at it in the console; a newer version may know the state".into());
        return;
    }
    let (severity, why) = match verdict {
        Verdict::Approved(_) | Verdict::Endpoint | Verdict::Account(None) => {
            return builder.coming_up(unit, connection);
        }
        Verdict::Account(Some(at_most)) if rooms.stays(connection, at_most) => {
            return builder.coming_up(unit, connection);
        }
        Verdict::Account(Some(at_most)) => {
            (Severity::Drift, format!("account {owner} may have {at_most} and has more; the oldest stay"))
        }
        // No call on AWS brought these about, so none can have announced them.
        Verdict::Expired(..) | Verdict::Rejected(_) => (Severity::Advice, verdict.why()),
        Verdict::Denied(_) | Verdict::Stranger => (Severity::Exposure, verdict.why()),
    };
    let summary = format!("a connection of account {owner} is {state} and may not be: {why}");
    builder.drift(unit, connection, severity, summary.clone());
    let by_hand = matches!(verdict, Verdict::Rejected(_));
    if !by_hand && unit.declared.withdraw == Otherwise::Hold {
        let remedy = format!(
            r#"to cut it off: {{"reject":"{endpoint}","reason":"…"}}; to let it stay: {}"#,
            match verdict {
                Verdict::Denied(_) => "take it off `deny` in the document and accept it there".to_owned(),
                _ => format!(r#"accept it in the document, or {{"approve":"{endpoint}","reason":"…"}}"#),
            }
        );
        builder.hold(unit, connection, summary, remedy);
        return;
    }
    if *state == ConnectionState::Pending {
        // No time is named: a consumer's endpoint may hang so for ever, each sweep finds it again, and a fixed pace would add up.
        builder.wait(SignedDuration::ZERO, format!("{endpoint} is being set up: it can be rejected once it is up"));
        return;
    }
    let contains = severity == Severity::Exposure;
    if !builder.turn(contains) {
        return;
    }
    let step = Step {
        contains,
        caveat: Some("what its consumer sends through it ends at once".into()),
        ..Step::new(reject(unit, connection, why))
    };
    builder.step(if contains { Rank::Contain } else { Rank::Withdraw }, step);
}

/// One that is over, although it may be in: nobody on this side can bring it back.
fn refused(builder: &mut Builder<'_>, unit: &Unit<'_>, connection: &ObservedConnection, verdict: Verdict<'_>) {
    match verdict {
        Verdict::Approved(_) | Verdict::Endpoint | Verdict::Account(_) => {
            let owner = &connection.owner;
            let why = format!(
                "a connection of account {owner} was refused and might be in: its consumer has to make a new one"
            );
            builder.drift(unit, connection, Severity::Advice, why);
        }
        Verdict::Rejected(_) | Verdict::Denied(_) | Verdict::Expired(..) | Verdict::Stranger => {}
    }
}

/// One that waits for us.
fn asking(
    builder: &mut Builder<'_>,
    unit: &Unit<'_>,
    connection: &ObservedConnection,
    verdict: Verdict<'_>,
    rooms: &mut Rooms,
) {
    let ObservedConnection { endpoint, owner, state: _, since: _, region: _ } = connection;
    let why = match verdict {
        Verdict::Approved(_) | Verdict::Endpoint | Verdict::Account(None) => {
            return accept(builder, unit, connection, verdict, None, rooms);
        }
        Verdict::Account(Some(at_most)) => match rooms.place(connection, at_most) {
            Some(places) => return accept(builder, unit, connection, verdict, Some(places), rooms),
            None => format!("account {owner} has all of its {at_most} connections"),
        },
        Verdict::Denied(_) | Verdict::Rejected(_) => return refuse(builder, unit, connection, verdict.why()),
        Verdict::Expired(..) | Verdict::Stranger => verdict.why(),
    };
    match unit.declared.otherwise {
        Otherwise::Reject => refuse(builder, unit, connection, why),
        Otherwise::Hold => {
            builder.drift(
                unit,
                connection,
                Severity::Advice,
                format!("a connection of account {owner} waits for a decision"),
            );
            let remedy = format!(
                r#"to let it in: {{"approve":"{endpoint}","reason":"…"}}; to refuse it: {{"reject":"{endpoint}","reason":"…"}}"#
            );
            builder.hold(unit, connection, format!("a connection of account {owner} waits: {why}"), remedy);
        }
    }
}

fn accept(
    builder: &mut Builder<'_>,
    unit: &Unit<'_>,
    connection: &ObservedConnection,
    verdict: Verdict<'_>,
    places: Option<Places>,
    rooms: &mut Rooms,
) {
    let ObservedConnection { endpoint: _, owner, state: _, since: _, region: _ } = connection;
    builder.drift(
        unit,
        connection,
        Severity::Advice,
        format!("a connection of account {owner} waits and may be let in: {}", verdict.why()),
    );
    let needs = match &unit.gate {
        Gate::Open(needs) => needs.iter().copied().collect(),
        Gate::Unseen => return,
        Gate::Shut(why) => {
            let remedy = "see what is held of its service: it is let in when that is mended".into();
            builder.hold(unit, connection, format!("it may be let in, but not now: {why}"), remedy);
            return;
        }
    };
    if !builder.turn(false) {
        return;
    }
    rooms.take(connection);
    let action =
        Change::Accept { service: unit.service.clone(), connection: reference(connection), why: verdict.why(), places };
    builder.step(Rank::Accept, Step { needs, stack: unit.stack.cloned(), ..Step::new(action) });
}

fn refuse(builder: &mut Builder<'_>, unit: &Unit<'_>, connection: &ObservedConnection, why: String) {
    let summary = format!("a connection of account {} waits and is refused: {why}", connection.owner);
    builder.drift(unit, connection, Severity::Advice, summary);
    if builder.turn(false) {
        builder.step(Rank::Refuse, Step::new(reject(unit, connection, why)));
    }
}

fn reject(unit: &Unit<'_>, connection: &ObservedConnection, why: String) -> Change {
    Change::Reject { service: unit.service.clone(), connection: reference(connection), why }
}

fn reference(connection: &ObservedConnection) -> ConnectionRef {
    let ObservedConnection { endpoint, owner, state, since: _, region: _ } = connection;
    ConnectionRef { endpoint: endpoint.clone(), owner: owner.clone(), was: state.clone() }
}

impl Builder<'_> {
    fn drift(&mut self, unit: &Unit<'_>, connection: &ObservedConnection, severity: Severity, summary: String) {
        let drift = Drift {
            resource: self.place.key(connection.endpoint.clone()),
            name: format!("{}/{}", unit.service.name, connection.endpoint),
            severity,
            summary,
        };
        self.plan.drifts.push(drift);
    }

    fn hold(&mut self, unit: &Unit<'_>, connection: &ObservedConnection, why: String, remedy: String) {
        self.plan.held.push(Held {
            resource: self.place.key(connection.endpoint.clone()),
            name: format!("{}/{}", unit.service.name, connection.endpoint),
            why,
            remedy,
        });
    }

    /// Setting one up is AWS's and the consumer's. It is watched for a while after we let it in, and no longer: one that hangs
    /// must not keep a chain of rechecks alive.
    fn coming_up(&mut self, unit: &Unit<'_>, connection: &ObservedConnection) {
        let ObservedConnection { endpoint, owner: _, state, since: _, region: _ } = connection;
        let lately = self.standing.now.saturating_sub(SETUP).unwrap_or(jiff::Timestamp::MIN);
        let ours = self.standing.repairs.get(endpoint).into_iter().flatten();
        if *state == ConnectionState::Pending
            && ours.into_iter().any(|repair| repair.at > lately && repair.succeeded != Some(false))
        {
            self.wait(LOOK_AGAIN, format!("{endpoint} was let in at {} and is being set up", unit.service.name));
        }
    }
}
