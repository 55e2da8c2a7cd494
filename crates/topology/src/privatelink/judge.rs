//! Who may be connected: one connection, judged by the document and by what people decided.
//!
//! Decided here, first match:
//!
//! 1. **A person's last word.** `reject` by hand refuses, whatever the document says; it stands until a later `approve`.
//! 2. **`deny` of the document**, which no approval by hand overrides: it is the reviewed answer, the approval a hurried one.
//! 3. **`approve` by hand** lets in, beside any limit. It stands until its end, if it has one, so that no sweep undoes it.
//! 4. **`accept` of the endpoint**, beside any limit of its account: it names one connection.
//! 5. **`accept` of the account**, as long as it has places. Every connection of the account takes a place, however it came in;
//!    only those that came in by this entry can be too many, the youngest first. The topology's own account has as many places as
//!    the document declares endpoints to the service: that both ends are declared says that they are connected.

use super::ObservedConnection;
use crate::core::{AccountId, Directive, ResourceId, Standing, Subject, Verb};
use crate::network::{Accept, Consumer, EndpointService};
use jiff::Timestamp;

/// What is said of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    /// A person let it in.
    Approved(&'a Directive),
    /// The document names the endpoint.
    Endpoint,
    /// The document names the account; at most so many.
    Account(Option<u32>),
    /// A person refused it.
    Rejected(&'a Directive),
    /// The document denies it.
    Denied(&'a Consumer),
    /// The document let it in until then.
    Expired(&'a Consumer, Timestamp),
    /// Nobody said anything of it.
    Stranger,
}

/// Judges one connection, its account's limit apart. `own` is the topology's account.
pub(super) fn judge<'a>(
    own: &AccountId,
    declared: &'a EndpointService,
    connection: &ObservedConnection,
    standing: &'a Standing,
) -> Verdict<'a> {
    let last = last_word(&connection.endpoint, standing);
    if let Some(directive) = last.filter(|directive| directive.verb == Verb::Reject) {
        return Verdict::Rejected(directive);
    }
    let means = |who: &Consumer| match who {
        Consumer::Account(account) => *account == connection.owner,
        Consumer::Endpoint(endpoint) => *endpoint == connection.endpoint,
        Consumer::Own => connection.owner == *own,
    };
    if let Some(who) = declared.deny.iter().find(|who| means(who)) {
        return Verdict::Denied(who);
    }
    if let Some(directive) = last {
        return Verdict::Approved(directive);
    }
    let entries = || declared.accept.iter().filter(|entry| means(&entry.who));
    let holds = |entry: &&Accept| entry.until.is_none_or(|until| standing.now < until);
    let valid = || entries().filter(holds);
    if valid().any(|entry| matches!(entry.who, Consumer::Endpoint(_))) {
        return Verdict::Endpoint;
    }
    if let Some(entry) = valid().next() {
        return Verdict::Account(entry.at_most);
    }
    let ended = entries().filter_map(|entry| Some((entry.until?, &entry.who))).max();
    ended.map_or(Verdict::Stranger, |(until, who)| Verdict::Expired(who, until))
}

/// The last decision in force about an endpoint. Of two at the same instant the refusal counts.
fn last_word<'a>(endpoint: &ResourceId, standing: &'a Standing) -> Option<&'a Directive> {
    let about = |directive: &&Directive| match &directive.subject {
        Subject::Resource(id) => id == endpoint,
        Subject::Topology { topology: _, control: _ } => false,
    };
    let decided = standing.in_force(Verb::Approve).chain(standing.in_force(Verb::Reject)).filter(about);
    decided.max_by_key(|directive| (directive.since, directive.verb == Verb::Reject))
}

impl Verdict<'_> {
    /// Why, for a person.
    pub(super) fn why(&self) -> String {
        match self {
            Self::Approved(directive) => format!("approved by {}: {}", directive.by, directive.reason),
            Self::Endpoint => "declared by its endpoint".into(),
            Self::Account(None) => "declared by its account".into(),
            Self::Account(Some(at_most)) => format!("declared by its account, at most {at_most}"),
            Self::Rejected(directive) => format!("rejected by {}: {}", directive.by, directive.reason),
            Self::Denied(who) => format!("the document denies {who}"),
            Self::Expired(who, until) => format!("the document let {who} in until {until}"),
            Self::Stranger => "nobody has let it in".into(),
        }
    }
}
