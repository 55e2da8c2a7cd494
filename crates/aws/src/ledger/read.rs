//! What the loop is told of the past.

use super::item::{self, Item, text};
use super::keys::{self, WINDOW};
use super::table::{Expression, Table};
use jiff::Timestamp;
use reconciler::{ClientToken, Fault, Intent, LoopKey, Record, TOKEN_LIVES};
use std::collections::BTreeMap;
use topology::{Directive, Effect, Repair, ResourceId, Standing, Subject};

/// Two queries side by side: what people ordered in this place, and what this control did lately.
pub(super) async fn standing(table: &Table, key: &LoopKey, now: Timestamp) -> Result<Standing, Fault> {
    let since = now.checked_sub(WINDOW).unwrap_or(Timestamp::MIN);
    // A repair that was settled within the window may have been intended before it, but no longer than its token lives.
    let intended = since.checked_sub(TOKEN_LIVES).unwrap_or(Timestamp::MIN);
    let directives = Expression::new("#pk = :pk AND begins_with(#sk, :prefix)")
        .with(":pk", text(keys::place(&key.place)))
        .with(":prefix", text(keys::DIRECTIVE));
    let past = Expression::new("#pk = :pk AND #sk >= :since")
        .with(":pk", text(keys::control(key)))
        .with(":since", text(keys::repairs_since(intended)));
    let (directives, past) =
        tokio::try_join!(table.query(directives, None, false, None), table.query(past, None, false, None))?;

    let (repairs, created) = remember(&past, since);
    Ok(Standing { now, directives: ordered(&directives, key), repairs, created, by_hand: false })
}

/// The directives that concern a control. One that cannot be read orders nothing: a newer version's brake must not be every topology's.
fn ordered(found: &[Item], key: &LoopKey) -> Vec<Directive> {
    found
        .iter()
        .filter(|item| item::optional(item, "sk").is_none_or(|sk| keys::may_concern(sk, &key.topology)))
        .filter_map(|item| known(item::body::<Directive>(item)))
        .filter(|directive| concerns(&directive.subject, key))
        .collect()
}

/// What can be read. The rest is skipped: nothing that somebody else wrote may keep exposures from being removed.
fn known<T>(read: Result<T, Fault>) -> Option<T> {
    read.inspect_err(|fault| tracing::warn!(%fault, "skipped")).ok()
}

/// A resource's id names no topology: every directive on a resource of the place is given.
fn concerns(subject: &Subject, key: &LoopKey) -> bool {
    match subject {
        Subject::Topology { topology, control: _ } => *topology == key.topology,
        Subject::Resource(_) => true,
    }
}

type Remembered = (BTreeMap<ResourceId, Vec<Repair>>, BTreeMap<ResourceId, Timestamp>);

fn remember(past: &[Item], since: Timestamp) -> Remembered {
    let mut repairs: BTreeMap<ResourceId, Vec<Repair>> = BTreeMap::new();
    let mut created = BTreeMap::new();
    for item in past {
        let sk = item::optional(item, "sk").unwrap_or_default();
        if let Some(id) = sk.strip_prefix(keys::RESOURCE) {
            created.insert(id.into(), made(item));
        } else if let Some((resource, repair)) = known(repaired(item))
            && repair.at > since
        {
            repairs.entry(resource).or_default().push(repair);
        }
    }
    repairs.values_mut().for_each(|repairs| repairs.sort_by_key(|repair| repair.at));
    (repairs, created)
}

/// When it was recorded as ours. An id whose time cannot be read is ours all the same, and old.
fn made(item: &Item) -> Timestamp {
    let intended = || keys::intended_at(item::body::<ClientToken>(item).ok()?.0.as_str());
    item::attribute(item, "at").ok().or_else(intended).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn repaired(item: &Item) -> Result<(ResourceId, Repair), Fault> {
    let settled: Option<Timestamp> = item::attribute(item, "settled")?;
    let at = match settled {
        Some(settled) => settled,
        None => item::attribute(item, "at")?,
    };
    let repair = Repair {
        at,
        run: item::required(item, "run")?.into(),
        removed: item::attribute(item, "removed")?,
        succeeded: item::attribute(item, "succeeded")?,
    };
    Ok((item::required(item, "resource")?.into(), repair))
}

pub(super) async fn records(table: &Table, key: &LoopKey, limit: usize) -> Result<Vec<Record>, Fault> {
    if limit == 0 {
        return Ok(vec![]);
    }
    let range = Expression::new("#pk = :pk AND begins_with(#sk, :prefix)")
        .with(":pk", text(keys::control(key)))
        .with(":prefix", text(keys::RECORD));
    let found = table.query(range, None, true, Some(limit)).await?;
    Ok(found.iter().map(|item| item::body(item).unwrap_or_else(|fault| unreadable(item, key, fault))).collect())
}

pub(super) async fn maker(table: &Table, key: &LoopKey, id: &ResourceId) -> Result<Option<Record>, Fault> {
    let pk = keys::control(key);
    let Some(mark) = table.get(&pk, &keys::resource(id)).await? else { return Ok(None) };
    let token: ClientToken = item::body(&mark)?;
    table.get(&pk, &keys::record(&token)).await?.as_ref().map(item::body).transpose()
}

/// A record that cannot be read, as far as its item tells: the rest of the history is shown beside it.
fn unreadable(item: &Item, key: &LoopKey, fault: Fault) -> Record {
    let token = item::optional(item, "sk").unwrap_or_default().trim_start_matches(keys::RECORD);
    let at = keys::intended_at(token).unwrap_or(Timestamp::UNIX_EPOCH);
    let intent = Intent {
        resource: key.place.key(item::optional(item, "resource").unwrap_or_default()),
        name: String::new(),
        action: serde_json::Value::Null,
        summary: "a record that cannot be read".into(),
        effect: Effect::Change,
        contains: false,
        causes: vec![],
        reason: None,
        run: item::optional(item, "run").unwrap_or_default().into(),
        at,
    };
    let (token, key) = (ClientToken(token.into()), key.clone());
    Record { token, key, intent, result: Some(Err(fault)), inverse: None, settled: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::types::AttributeValue;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn repair(sk: &str, resource: &str, intended: i64, settled: Option<i64>) -> Item {
        let mut item = item::key("loop#x", sk);
        item.insert("resource".into(), text(resource));
        item.insert("run".into(), text("run-1"));
        item.insert("removed".into(), AttributeValue::Bool(true));
        item.insert("at".into(), item::value(&at(intended)).unwrap());
        if let Some(settled) = settled {
            item.insert("settled".into(), item::value(&at(settled)).unwrap());
            item.insert("succeeded".into(), AttributeValue::Bool(true));
        }
        item
    }

    #[test]
    fn repairs_count_from_when_they_were_settled() {
        let mut marked = item::item("loop#x", "resource#nat-2", &ClientToken("0-a".into())).unwrap();
        marked.insert("at".into(), item::value(&at(7)).unwrap());
        let past = [
            repair("repair#01", "sg-1", 100, Some(5000)),
            repair("repair#02", "sg-1", 4900, None),
            repair("repair#03", "sg-1", 90, Some(95)),
            repair("repair#04", "sg-2", 4950, Some(4951)),
            item::key("loop#x", "resource#nat-1"),
            marked,
        ];
        let (repairs, created) = remember(&past, at(4000));
        let one = &repairs[&ResourceId::from("sg-1")];
        assert_eq!(
            one.iter().map(|r| (r.at, r.succeeded)).collect::<Vec<_>>(),
            [(at(4900), None), (at(5000), Some(true))]
        );
        assert_eq!(repairs[&ResourceId::from("sg-2")].len(), 1);
        assert_eq!(created, [("nat-1".into(), Timestamp::UNIX_EPOCH), ("nat-2".into(), at(7))].into(), "however old");
    }

    fn key() -> LoopKey {
        LoopKey {
            place: topology::Place::new("111122223333", "eu-west-1"),
            topology: "one".into(),
            control: topology::ControlId::SecurityGroups,
        }
    }

    #[test]
    fn what_cannot_be_read_stops_nothing_and_is_named() {
        let pause = Directive {
            verb: topology::Verb::Pause,
            subject: Subject::Topology { topology: "one".into(), control: None },
            reason: "INC-1".into(),
            by: "somebody".into(),
            since: at(0),
            until: None,
        };
        let stored = |sk: &str, body: serde_json::Value| item::item("place#x", sk, &body).unwrap();
        let newer = serde_json::json!({ "verb": "quarantine", "subject": "everything" });
        let found = [
            stored("directive#quarantine#topology#one#*", newer.clone()),
            stored("directive#quarantine#resource#sg-1", newer.clone()),
            stored("directive#pause#topology#one#*", serde_json::to_value(&pause).unwrap()),
        ];
        assert_eq!(ordered(&found, &key()), [pause]);

        // Settled after it expired: only half a repair.
        let mut half = item::key("loop#x", "repair#09");
        half.insert("settled".into(), item::value(&at(5000)).unwrap());
        let (repairs, _) = remember(&[half, repair("repair#01", "sg-1", 4900, None)], at(4000));
        assert_eq!(repairs.values().flatten().count(), 1);

        let mut spoilt = stored("record#0006651728988000-ab", newer);
        spoilt.insert("resource".into(), text("sg-1"));
        let fault = item::body::<Record>(&spoilt).unwrap_err();
        let shown = unreadable(&spoilt, &key(), fault);
        assert_eq!((shown.token.0.as_str(), shown.intent.resource.id.as_str()), ("0006651728988000-ab", "sg-1"));
        assert!(shown.result.unwrap().unwrap_err().message.contains("record#0006651728988000-ab"));
        assert_eq!(shown.inverse, None);
    }

    #[test]
    fn directives_of_other_topologies_are_not_given() {
        let key = key();
        let topology = |id: &str| Subject::Topology { topology: id.into(), control: None };
        assert!(concerns(&topology("one"), &key));
        assert!(!concerns(&topology("two"), &key));
        assert!(concerns(&Subject::Resource("sg-1".into()), &key));
    }
}
