//! Partition keys, sort keys and how long items are kept.

use jiff::{SignedDuration, Timestamp};
use reconciler::{ClientToken, Intent, LoopKey};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use topology::{Place, ResourceId, StackId, Subject, TopologyId, Verb, VpcId, VpcName};

/// An audit looks at a year, and comes a month late.
pub(super) const RECORDS: SignedDuration = SignedDuration::from_hours(400 * 24);
/// An exemption that has just ended explains why enforcement returned.
pub(super) const DIRECTIVES: SignedDuration = SignedDuration::from_hours(48);
/// Leases and what was said are only compared within minutes.
pub(super) const SHORT: SignedDuration = SignedDuration::from_hours(24);
/// Longer than a repair may be asked about: it is intended up to [`reconciler::TOKEN_LIVES`] before it is settled.
pub(super) const REPAIRS: SignedDuration = SignedDuration::from_hours(3);
/// Repairs older than this are nobody's question (`Standing::repairs`).
pub(super) const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// DynamoDB takes sort keys of up to 1,024 bytes; what people wrote is hashed beyond this.
const LONGEST: usize = 512;

pub(super) const LEASE: &str = "lease";
pub(super) const LAYER: &str = "layer";
pub(super) const MADE: &str = "made";
pub(super) const RETIRED: &str = "retired";
pub(super) const CLAIM: &str = "claim#";
pub(super) const TOPOLOGY: &str = "topology#";
pub(super) const VPC: &str = "vpc#";
pub(super) const DIRECTIVE: &str = "directive#";
pub(super) const RECORD: &str = "record#";
pub(super) const REPAIR: &str = "repair#";
pub(super) const RESOURCE: &str = "resource#";

pub(super) fn place(place: &Place) -> String {
    format!("place#{place}")
}

pub(super) fn topology(place: &Place, topology: &TopologyId) -> String {
    format!("topology#{place}#{topology}")
}

pub(super) fn control(key: &LoopKey) -> String {
    let LoopKey { place, topology, control } = key;
    format!("loop#{place}#{topology}#{control}")
}

pub(super) fn known(topology: &TopologyId) -> String {
    format!("{TOPOLOGY}{topology}")
}

pub(super) fn holder(vpc: &VpcId) -> String {
    format!("{VPC}{vpc}")
}

pub(super) fn stack(stack: &StackId) -> String {
    format!("stack#{stack}")
}

pub(super) fn binding(name: &VpcName) -> String {
    format!("{VPC}{name}")
}

pub(super) fn directive(verb: Verb, subject: &Subject) -> String {
    let verb = match verb {
        Verb::Pause => "pause",
        Verb::Exempt => "exempt",
        Verb::Approve => "approve",
        Verb::Reject => "reject",
        Verb::Evacuate => "evacuate",
    };
    let subject = match subject {
        Subject::Topology { topology, control: None } => format!("topology#{topology}#*"),
        Subject::Topology { topology, control: Some(control) } => format!("topology#{topology}#{control}"),
        Subject::Resource(id) => format!("resource#{id}"),
    };
    format!("{DIRECTIVE}{verb}#{}", short(&subject))
}

pub(super) fn said(what: &str) -> String {
    format!("said#{}", short(what))
}

pub(super) fn record(token: &ClientToken) -> String {
    format!("{RECORD}{}", token.0)
}

pub(super) fn repair(token: &ClientToken) -> String {
    format!("{REPAIR}{}", token.0)
}

pub(super) fn resource(id: &ResourceId) -> String {
    format!("{RESOURCE}{id}")
}

pub(super) fn claim(name: &str) -> String {
    format!("{CLAIM}{}", short(name))
}

/// When an intent was written, as its token says.
pub(super) fn intended_at(token: &str) -> Option<Timestamp> {
    let (time, _) = token.split_once('-')?;
    Timestamp::from_microsecond(i64::from_str_radix(time, 16).ok()?).ok()
}

/// Where the repair of an intent at `at` would begin: for ranges.
pub(super) fn repairs_since(at: Timestamp) -> String {
    format!("{REPAIR}{}", time(at))
}

/// Whether a directive may concern a topology, as far as its key tells: one that was hashed is looked into.
pub(super) fn may_concern(sk: &str, topology: &TopologyId) -> bool {
    let subject = sk.strip_prefix(DIRECTIVE).and_then(|rest| Some(rest.split_once('#')?.1));
    match subject.and_then(|subject| subject.strip_prefix(TOPOLOGY)) {
        Some(subject) => subject.rsplit_once('#').is_none_or(|(id, _)| id == topology.as_str()),
        None => true,
    }
}

pub(super) fn open(token: &ClientToken) -> String {
    let action = token.0.split_once('-').map_or(token.0.as_str(), |(_, action)| action);
    format!("open#{action}")
}

/// The token of an intent: its time, so that tokens sort, and a digest of what it changes and how, so that the same action is found
/// again. 47 ASCII characters; EC2 takes 64.
pub(super) fn token(intent: &Intent, at: Timestamp) -> ClientToken {
    let mut digest = Sha256::new();
    digest.update(intent.resource.to_string());
    digest.update([0]);
    // `serde_json` keeps the keys of an object sorted, so the same action is the same text.
    digest.update(intent.action.to_string());
    ClientToken(format!("{}-{}", time(at), hex(&digest.finalize()[..16])))
}

/// The microsecond in a fixed width, so that text sorts by time; enough until the year 4253.
fn time(at: Timestamp) -> String {
    format!("{:014x}", at.as_microsecond().max(0))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}

fn short(text: &str) -> String {
    if text.len() <= LONGEST { text.into() } else { format!("sha256:{}", hex(&Sha256::digest(text))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use topology::Effect;

    fn intent(action: serde_json::Value) -> Intent {
        Intent {
            resource: Place::new("111122223333", "eu-west-1").key("sg-1"),
            name: "main/alb".into(),
            action,
            summary: "revoke".into(),
            effect: Effect::Remove,
            contains: true,
            causes: vec![],
            reason: None,
            run: "run-1".into(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn tokens_sort_by_time_and_tell_actions_apart() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let (a, b) = (intent(json!({"revoke": 1})), intent(json!({"revoke": 2})));
        assert!(token(&a, at(1_790_000_000)) < token(&b, at(1_790_000_001)));
        assert!(token(&b, at(1_790_000_000)) < token(&a, at(1_790_000_001)));
        assert_eq!(open(&token(&a, at(1))), open(&token(&a, at(2))));
        assert_ne!(open(&token(&a, at(1))), open(&token(&b, at(1))));
        assert!(token(&a, at(1_790_000_000)).0.len() <= 64);
        assert_eq!(intended_at(&token(&a, at(1_790_000_000)).0), Some(at(1_790_000_000)));
        assert_eq!(intended_at("nonsense"), None);
        assert!(repair(&token(&a, at(5))) >= repairs_since(at(5)));
        assert!(repair(&token(&a, at(4))) < repairs_since(at(5)));
    }

    #[test]
    fn one_range_holds_recent_repairs_and_created_ids_and_never_a_whole_record() {
        let from = repairs_since(Timestamp::UNIX_EPOCH);
        for inside in [REPAIR.to_owned() + "ffff", resource(&"nat-1".into())] {
            assert!(inside >= from, "{inside}");
        }
        for outside in [LEASE, CLAIM, "open#ff", "record#ffff"] {
            assert!(*outside < *from, "{outside}");
        }
    }

    #[test]
    fn a_directive_on_another_topology_is_told_by_its_key() {
        let topology = |id: &str, control| Subject::Topology { topology: id.into(), control };
        let key = |id: &str, control| directive(Verb::Pause, &topology(id, control));
        assert!(may_concern(&key("one", None), &"one".into()));
        assert!(may_concern(&key("one", Some(topology::ControlId::SecurityGroups)), &"one".into()));
        assert!(!may_concern(&key("two", None), &"one".into()));
        assert!(may_concern(&key(&"two".repeat(LONGEST), None), &"one".into()), "hashed: nobody knows");
        assert!(may_concern(&directive(Verb::Exempt, &Subject::Resource("sg-1".into())), &"one".into()));
        assert!(!may_concern("directive#quarantine#topology#two#*", &"one".into()), "whatever its verb");
    }

    #[test]
    fn a_long_text_still_makes_a_key() {
        let long = "x".repeat(5000);
        assert!(said(&long).len() < 1024);
        assert_ne!(said(&long), said(&format!("{long}y")));
        assert_eq!(said("dead-letter"), "said#dead-letter");
    }
}
