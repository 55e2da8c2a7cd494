//! By-hand input: one strict grammar, and errors that show the valid form.

use crate::Error;
use jiff::SignedDuration;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use topology::{ControlId, ResourceId, TopologyId, Verb, VpcId, VpcName};

/// A brake set by hand ends by itself within this: an open-ended one is forgotten.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Shorter than this, it is over before the event arrives.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
/// Words are kept, quoted and sent on.
const LONGEST_TEXT: usize = 500;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Reconcile {
        topology: TopologyId,
        enforce: bool,
        only: BTreeSet<ResourceId>,
        reason: String,
    },
    Pause {
        topology: TopologyId,
        control: Option<ControlId>,
        lasts: SignedDuration,
        reason: String,
    },
    Resume {
        topology: TopologyId,
        control: Option<ControlId>,
        reason: String,
    },
    Exempt {
        resource: ResourceId,
        lasts: SignedDuration,
        reason: String,
    },
    Unexempt {
        resource: ResourceId,
        reason: String,
    },
    /// A decision that a control's plans understand, for good or for a time.
    Decide {
        verb: Verb,
        resource: ResourceId,
        lasts: Option<SignedDuration>,
        reason: String,
    },
    Withdraw {
        verb: Verb,
        resource: ResourceId,
        reason: String,
    },
    Status,
    Rebind {
        topology: TopologyId,
        vpc: VpcName,
        to: VpcId,
        reason: String,
    },
    ConfirmRollback {
        topology: TopologyId,
        reason: String,
    },
    Undo {
        topology: TopologyId,
        token: String,
        reason: String,
    },
}

const RECONCILE: &str = r#"{"topology":"three-tier","mode":"plan"}"#;
const ENFORCE: &str =
    r#"{"topology":"three-tier","mode":"enforce","only":["sg-0123456789abcdef0"],"reason":"INC-123"}"#;
const PAUSE: &str = r#"{"pause":{"topology":"three-tier","control":"security-groups","for":"2h","reason":"INC-123"}}"#;
const RESUME: &str = r#"{"resume":{"topology":"three-tier","control":"security-groups","reason":"INC-123"}}"#;
const EXEMPT: &str = r#"{"exempt":{"resource":"sg-0123456789abcdef0","for":"4h","reason":"INC-123"}}"#;
const UNEXEMPT: &str = r#"{"unexempt":{"resource":"sg-0123456789abcdef0","reason":"INC-123"}}"#;
const STATUS: &str = r#"{"status":true}"#;
const REBIND: &str =
    r#"{"rebind":{"topology":"three-tier","vpc":"main","to":"vpc-0123456789abcdef0","reason":"INC-123"}}"#;
const ROLLBACK: &str = r#"{"confirm_rollback":{"topology":"three-tier","reason":"INC-123"}}"#;
const UNDO: &str = r#"{"undo":{"topology":"three-tier","token":"…","reason":"INC-123"}}"#;
const APPROVE: &str = r#"{"approve":"vpce-0123456789abcdef0","reason":"INC-123"}"#;
const REJECT: &str = r#"{"reject":"vpce-0123456789abcdef0","reason":"INC-123"}"#;
const EVACUATE: &str = r#"{"evacuate":"euw1-az1","for":"2h","reason":"INC-123"}"#;
const WITHDRAW: &str = r#"{"withdraw":{"verb":"approve","resource":"vpce-0123456789abcdef0","reason":"INC-123"}}"#;
const ALL: [&str; 10] = [RECONCILE, ENFORCE, PAUSE, RESUME, EXEMPT, UNEXEMPT, STATUS, REBIND, ROLLBACK, UNDO];

/// A control's own decisions, each with its name and its form.
const DECISIONS: [(Verb, &str, &str); 3] =
    [(Verb::Approve, "approve", APPROVE), (Verb::Reject, "reject", REJECT), (Verb::Evacuate, "evacuate", EVACUATE)];

/// Reads it, or says what is wrong and what would be right. `verbs`: the decisions that the control understands.
pub(crate) fn parse(input: &Value, verbs: &[Verb]) -> Result<Input, Error> {
    let mut valid = ALL.to_vec();
    valid.extend(DECISIONS.iter().filter(|(verb, _, _)| verbs.contains(verb)).map(|(_, _, form)| *form));
    valid.extend((!verbs.is_empty()).then_some(WITHDRAW));
    let Some(fields) = input.as_object() else { return Err(wrong("by-hand input is one JSON object", &valid)) };
    let known = [
        "pause",
        "resume",
        "exempt",
        "unexempt",
        "status",
        "rebind",
        "confirm_rollback",
        "undo",
        "withdraw",
        "approve",
        "reject",
        "evacuate",
    ];
    let given: Vec<&str> = known.into_iter().filter(|word| fields.contains_key(*word)).collect();
    match given.as_slice() {
        [] if fields.contains_key("topology") => reconcile(fields),
        [] => Err(wrong("it asks for nothing that is known", &valid)),
        [word] if let Some((verb, name, form)) = DECISIONS.iter().find(|(_, name, _)| name == word) => {
            match verbs.contains(verb) {
                true => decision(*verb, name, form, fields),
                false => Err(wrong(format!("this control understands no \"{word}\""), &valid)),
            }
        }
        [word] if fields.len() == 1 => {
            let value = fields.get(*word).unwrap_or(&Value::Null);
            match *word {
                "withdraw" if verbs.is_empty() => Err(wrong(format!("this control understands no \"{word}\""), &valid)),
                "withdraw" => withdrawal(verbs, value),
                word => directive(word, value),
            }
        }
        [word] => {
            let other = fields.keys().find(|key| key != word).cloned().unwrap_or_default();
            Err(wrong(format!("\"{word}\" stands alone, without \"{}\"", clip(&other)), &valid))
        }
        [first, second, ..] => Err(wrong(format!("\"{first}\" and \"{second}\" are two requests"), &valid)),
    }
}

/// A decision names its subject beside its verb: it is what a person types at night.
fn decision(verb: Verb, name: &str, form: &'static str, fields: &Map<String, Value>) -> Result<Input, Error> {
    let valid = [form];
    let form = Form { fields, valid: &valid };
    form.only(&[name, "for", "reason"])?;
    // Giving up an Availability Zone is a brake like a pause; an approval may stand.
    let timed = verb == Verb::Evacuate || fields.contains_key("for");
    let lasts = if timed { Some(form.lasts()?) } else { None };
    let resource = form.resource(name)?;
    if verb == Verb::Evacuate && !is_zone_id(resource.as_str()) {
        // `eu-west-1b` is what a console shows, and names another zone in another account: on record, it would order nothing.
        return Err(form.wrong(format!(
            "\"evacuate\" takes the id of an Availability Zone, such as \"euw1-az1\" (aws ec2 describe-availability-zones shows \
             it), not \"{}\"",
            clip(resource.as_str())
        )));
    }
    Ok(Input::Decide { verb, resource, lasts, reason: form.reason()? })
}

/// Whether a text looks like a zone's id: `euw1-az1`, `usw2-lax1-az1`
/// (<https://docs.aws.amazon.com/ram/latest/userguide/working-with-az-ids.html>).
fn is_zone_id(text: &str) -> bool {
    let number = text.rsplit_once("-az").map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit()))
}

fn withdrawal(verbs: &[Verb], value: &Value) -> Result<Input, Error> {
    let Some(fields) = value.as_object() else { return Err(wrong("\"withdraw\" takes an object", &[WITHDRAW])) };
    let form = Form { fields, valid: &[WITHDRAW] };
    form.only(&["verb", "resource", "reason"])?;
    let name = form.text("verb")?;
    let known = DECISIONS.iter().find(|(verb, known, _)| *known == name && verbs.contains(verb));
    let Some((verb, _, _)) = known else {
        return Err(form.wrong(format!("this control understands no \"{}\"", clip(name))));
    };
    Ok(Input::Withdraw { verb: *verb, resource: form.resource("resource")?, reason: form.reason()? })
}

fn reconcile(fields: &Map<String, Value>) -> Result<Input, Error> {
    let form = Form { fields, valid: &[RECONCILE, ENFORCE] };
    form.only(&["topology", "mode", "only", "reason"])?;
    let topology = form.topology()?;
    let enforce = match form.text("mode")? {
        "plan" => false,
        "enforce" => true,
        other => return Err(form.wrong(format!("\"mode\" is \"plan\" or \"enforce\", not \"{}\"", clip(other)))),
    };
    let reason = match (enforce, fields.contains_key("reason")) {
        (false, false) => String::new(),
        _ => form.reason()?,
    };
    let only = match fields.get("only") {
        None => BTreeSet::new(),
        Some(Value::Array(ids)) if !ids.is_empty() && ids.len() <= 200 => {
            let one = |id: &Value| id.as_str().filter(|id| is_resource(id)).map(ResourceId::from);
            let all: Option<BTreeSet<ResourceId>> = ids.iter().map(one).collect();
            all.ok_or_else(|| form.wrong("\"only\" holds resource ids such as \"sg-0123456789abcdef0\""))?
        }
        Some(_) => return Err(form.wrong("\"only\" is a list of 1 to 200 resource ids; leave it out for everything")),
    };
    Ok(Input::Reconcile { topology, enforce, only, reason })
}

fn directive(verb: &str, value: &Value) -> Result<Input, Error> {
    let (valid, keys): (&'static str, &[&str]) = match verb {
        "pause" => (PAUSE, &["topology", "control", "for", "reason"]),
        "resume" => (RESUME, &["topology", "control", "reason"]),
        "exempt" => (EXEMPT, &["resource", "for", "reason"]),
        "unexempt" => (UNEXEMPT, &["resource", "reason"]),
        "rebind" => (REBIND, &["topology", "vpc", "to", "reason"]),
        "confirm_rollback" => (ROLLBACK, &["topology", "reason"]),
        "undo" => (UNDO, &["topology", "token", "reason"]),
        _ => {
            return match value {
                Value::Bool(true) => Ok(Input::Status),
                _ => Err(wrong("\"status\" takes true and nothing else", &[STATUS])),
            };
        }
    };
    let valid = [valid];
    let Some(fields) = value.as_object() else { return Err(wrong(format!("\"{verb}\" takes an object"), &valid)) };
    let form = Form { fields, valid: &valid };
    form.only(keys)?;
    Ok(match verb {
        "pause" => {
            let (topology, control, lasts) = (form.topology()?, form.control()?, form.lasts()?);
            Input::Pause { topology, control, lasts, reason: form.reason()? }
        }
        "resume" => Input::Resume { topology: form.topology()?, control: form.control()?, reason: form.reason()? },
        "exempt" => {
            Input::Exempt { resource: form.resource("resource")?, lasts: form.lasts()?, reason: form.reason()? }
        }
        "unexempt" => Input::Unexempt { resource: form.resource("resource")?, reason: form.reason()? },
        "rebind" => {
            let to = form.text("to")?;
            if !to.starts_with("vpc-") || !is_resource(to) {
                return Err(form.wrong("\"to\" is a VPC id such as \"vpc-0123456789abcdef0\""));
            }
            let (topology, vpc) = (form.topology()?, VpcName::from(form.text("vpc")?));
            Input::Rebind { topology, vpc, to: to.into(), reason: form.reason()? }
        }
        "confirm_rollback" => Input::ConfirmRollback { topology: form.topology()?, reason: form.reason()? },
        _ => Input::Undo { topology: form.topology()?, token: form.text("token")?.to_owned(), reason: form.reason()? },
    })
}

struct Form<'a> {
    fields: &'a Map<String, Value>,
    valid: &'a [&'static str],
}

impl<'a> Form<'a> {
    fn wrong(&self, message: impl Into<String>) -> Error {
        wrong(message, self.valid)
    }

    fn only(&self, keys: &[&str]) -> Result<(), Error> {
        match self.fields.keys().find(|key| !keys.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(self.wrong(format!("\"{}\" is not known here: {} are", clip(key), keys.join(", ")))),
        }
    }

    fn text(&self, key: &str) -> Result<&'a str, Error> {
        match self.fields.get(key) {
            Some(Value::String(text)) if !text.trim().is_empty() && text.len() <= LONGEST_TEXT => Ok(text),
            Some(Value::String(_)) => {
                Err(self.wrong(format!("\"{key}\" is empty or longer than {LONGEST_TEXT} bytes")))
            }
            Some(_) => Err(self.wrong(format!("\"{key}\" is text in quotes"))),
            None => Err(self.wrong(format!("\"{key}\" is missing"))),
        }
    }

    fn topology(&self) -> Result<TopologyId, Error> {
        self.text("topology").map(TopologyId::from)
    }

    fn reason(&self) -> Result<String, Error> {
        self.text("reason").map(str::to_owned)
    }

    fn resource(&self, key: &str) -> Result<ResourceId, Error> {
        let id = self.text(key)?;
        match is_resource(id) {
            true => Ok(id.into()),
            false => Err(self.wrong(format!("\"{key}\" is an id such as \"sg-0123456789abcdef0\""))),
        }
    }

    fn control(&self) -> Result<Option<ControlId>, Error> {
        if matches!(self.fields.get("control"), None | Some(Value::Null)) {
            return Ok(None);
        }
        let name = self.text("control")?;
        let known: Vec<&str> = ControlId::ALL.iter().map(|control| control.name()).collect();
        let unknown = || self.wrong(format!("no control is called \"{}\": {} are", clip(name), known.join(", ")));
        ControlId::from_name(name).map(Some).ok_or_else(unknown)
    }

    fn lasts(&self) -> Result<SignedDuration, Error> {
        let text = self.text("for")?;
        let lasts = duration(text).ok_or_else(|| {
            self.wrong(format!(
                "\"for\" is a time such as \"30m\", \"2h\", \"1h30m\" or \"1d\", not \"{}\"",
                clip(text)
            ))
        })?;
        match (SHORTEST..=LONGEST).contains(&lasts) {
            true => Ok(lasts),
            false => {
                Err(self.wrong(format!("\"for\" is between 1m and 7d, not \"{text}\": a brake always ends by itself")))
            }
        }
    }
}

/// `30m`, `2h`, `1d`, `1h30m`: whole numbers, each with its unit.
fn duration(text: &str) -> Option<SignedDuration> {
    let (mut total, mut digits) = (SignedDuration::ZERO, String::new());
    for c in text.chars() {
        let seconds = match c {
            '0'..='9' if digits.len() < 6 => {
                digits.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86400,
            _ => return None,
        };
        let count: i64 = std::mem::take(&mut digits).parse().ok()?;
        total = total.checked_add(SignedDuration::from_secs(count.checked_mul(seconds)?))?;
    }
    digits.is_empty().then_some(total)
}

/// `sg-0123456789abcdef0`, or the end of an ARN: `db:orders`, `service/shop/web`. A plain word is none of these.
fn is_resource(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    id.len() >= 3 && id.contains(['-', ':', '/']) && id.chars().all(plain)
}

fn clip(text: &str) -> String {
    text.chars().take(60).collect()
}

fn wrong(message: impl Into<String>, valid: &[&'static str]) -> Error {
    Error::Hand { message: message.into(), valid: valid.iter().map(ToString::to_string).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn resources_are_ids_or_the_ends_of_arns() {
        for id in ["sg-0123456789abcdef0", "log-group:/plumbline/shop", "db:orders", "service/shop/web", "euw1-az1"] {
            assert!(is_resource(id), "{id}");
        }
        for other in ["all", "", "-", "db:orders; drop", "db:\u{202e}"] {
            assert!(!is_resource(other), "{other}");
        }
    }

    #[test]
    fn every_form_that_is_shown_is_valid() {
        for form in ALL {
            let value: Value = serde_json::from_str(form).unwrap();
            assert!(parse(&value, &[]).is_ok(), "{form}: {:?}", parse(&value, &[]));
        }
    }

    #[test]
    fn a_control_s_own_decisions() {
        let every = [Verb::Approve, Verb::Reject, Verb::Evacuate];
        for form in [APPROVE, REJECT, EVACUATE, WITHDRAW] {
            let value: Value = serde_json::from_str(form).unwrap();
            assert!(parse(&value, &every).is_ok(), "{form}");
            let Err(Error::Hand { message, valid }) = parse(&value, &[]) else { panic!("{form} was taken") };
            assert!(message.contains("understands no"), "{message}");
            assert!(!valid.contains(&form.to_owned()), "what is not understood is not offered");
        }
        let endless = json!({"evacuate": "euw1-az1", "reason": "r"});
        assert!(parse(&endless, &every).is_err(), "an evacuation ends by itself");
        for (zone, taken) in
            [("usw2-lax1-az1", true), ("eu-west-1b", false), ("b", false), ("euw1-az", false), ("nat-az1x", false)]
        {
            let order = json!({"evacuate": zone, "for": "2h", "reason": "r"});
            assert_eq!(parse(&order, &every).is_ok(), taken, "{zone}: what names no zone would order nothing");
        }
        for wrong in [
            json!({"approve": {"resource": "vpce-0123456789abcdef0"}, "reason": "r"}),
            json!({"approve": "vpce-0123456789abcdef0"}),
            json!({"approve": "vpce-0123456789abcdef0", "topology": "t", "reason": "r"}),
            json!({"approve": "everyone", "reason": "r"}),
        ] {
            let Err(Error::Hand { valid, .. }) = parse(&wrong, &every) else { panic!("{wrong} was taken") };
            assert_eq!(valid, [APPROVE], "{wrong}");
        }
        let stands = parse(&json!({"approve": "vpce-0123456789abcdef0", "reason": "r"}), &every);
        assert!(matches!(stands, Ok(Input::Decide { lasts: None, .. })), "an approval stands");
        let Err(Error::Hand { valid, .. }) = parse(&json!({}), &[Verb::Approve]) else { panic!() };
        assert!(valid.contains(&APPROVE.to_owned()) && !valid.contains(&REJECT.to_owned()));
    }

    #[test]
    fn durations() {
        for (text, seconds) in [("30m", 1800), ("2h", 7200), ("1d", 86400), ("1h30m", 5400), ("90s", 90)] {
            assert_eq!(duration(text), Some(SignedDuration::from_secs(seconds)), "{text}");
        }
        for text in ["", "2", "h", "2 h", "-2h", "2w", "9999999h", "1.5h", "2h3"] {
            assert!(duration(text).is_none_or(|lasts| lasts == SignedDuration::ZERO), "{text}");
        }
    }

    #[test]
    fn wrong_input_says_what_is_right() {
        let table = [
            (json!([]), "one JSON object"),
            (json!({}), "nothing that is known"),
            (json!({"topology": "t"}), "\"mode\" is missing"),
            (json!({"topology": "t", "mode": "enforce"}), "\"reason\" is missing"),
            (json!({"topology": "t", "mode": "destroy"}), "\"plan\" or \"enforce\", not \"destroy\""),
            (json!({"topology": "t", "mode": "plan", "only": []}), "1 to 200"),
            (json!({"topology": "t", "mode": "plan", "only": [7]}), "resource ids"),
            (json!({"topology": "t", "mode": "plan", "force": true}), "\"force\" is not known here"),
            (json!({"pause": {"topology": "t", "reason": "r"}}), "\"for\" is missing"),
            (json!({"pause": {"topology": "t", "for": "8d", "reason": "r"}}), "between 1m and 7d"),
            (json!({"pause": {"topology": "t", "for": "0m", "reason": "r"}}), "between 1m and 7d"),
            (json!({"pause": {"topology": "t", "for": "two hours", "reason": "r"}}), "such as \"30m\""),
            (json!({"pause": {"topology": "t", "for": "2h", "reason": " "}}), "\"reason\" is empty"),
            (json!({"pause": {"topology": "t", "for": 2, "reason": "r"}}), "text in quotes"),
            (
                json!({"pause": {"topology": "t", "control": "nets", "for": "2h", "reason": "r"}}),
                "no control is called \"nets\": security-groups",
            ),
            (json!({"pause": {}, "resume": {}}), "two requests"),
            (json!({"status": true, "verbose": 1}), "stands alone, without \"verbose\""),
            (json!({"status": 1}), "takes true"),
            (json!({"exempt": {"resource": "all", "for": "2h", "reason": "r"}}), "is an id such as"),
            (json!({"rebind": {"topology": "t", "vpc": "main", "to": "sg-01234567", "reason": "r"}}), "VPC id"),
        ];
        for (input, expected) in table {
            let Err(Error::Hand { message, valid }) = parse(&input, &[]) else { panic!("{input} was taken") };
            assert!(message.contains(expected), "{input}: {message}");
            assert!(!valid.is_empty(), "{input}");
        }
    }
}
