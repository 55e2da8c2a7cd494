//! What the loop is told of the past.

use super::item::{self, Item, text};
use super::keys::{self, WINDOW};
use super::table::{Expression, Table};
use jiff::Timestamp;
use reconciler::{Fault, LoopKey, Record, TOKEN_LIVES};
use std::collections::{BTreeMap, BTreeSet};
use topology::{Directive, Repair, ResourceId, Standing, Subject};

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
        .with(":since", text(keys::records_since(intended)));
    let shown = Some("#pk, #sk, #resource, #run, #removed, #at, #settled, #succeeded");
    let (directives, past) =
        tokio::try_join!(table.query(directives, None, false, None), table.query(past, shown, false, None))?;

    let mut standing = Standing::at(now);
    for directive in &directives {
        let directive: Directive = item::body(directive)?;
        if concerns(&directive.subject, key) {
            standing.directives.push(directive);
        }
    }
    let (repairs, created) = remember(&past, since)?;
    standing.repairs = repairs;
    standing.created = created;
    Ok(standing)
}

/// A resource's id names no topology: every directive on a resource of the place is given.
fn concerns(subject: &Subject, key: &LoopKey) -> bool {
    match subject {
        Subject::Topology { topology, control: _ } => *topology == key.topology,
        Subject::Resource(_) => true,
    }
}

type Remembered = (BTreeMap<ResourceId, Vec<Repair>>, BTreeSet<ResourceId>);

fn remember(past: &[Item], since: Timestamp) -> Result<Remembered, Fault> {
    let mut repairs: BTreeMap<ResourceId, Vec<Repair>> = BTreeMap::new();
    let mut created = BTreeSet::new();
    for item in past {
        let sk = item::required(item, "sk")?;
        if let Some(id) = sk.strip_prefix(keys::RESOURCE) {
            created.insert(id.into());
            continue;
        }
        let settled: Option<Timestamp> = item::attribute(item, "settled")?;
        let at = match settled {
            Some(settled) => settled,
            None => item::attribute(item, "at")?,
        };
        if at > since {
            let repair = Repair {
                at,
                run: item::required(item, "run")?.into(),
                removed: item::attribute(item, "removed")?,
                succeeded: item::attribute(item, "succeeded")?,
            };
            repairs.entry(item::required(item, "resource")?.into()).or_default().push(repair);
        }
    }
    repairs.values_mut().for_each(|repairs| repairs.sort_by_key(|repair| repair.at));
    Ok((repairs, created))
}

pub(super) async fn records(table: &Table, key: &LoopKey, limit: usize) -> Result<Vec<Record>, Fault> {
    if limit == 0 {
        return Ok(vec![]);
    }
    let range = Expression::new("#pk = :pk AND begins_with(#sk, :prefix)")
        .with(":pk", text(keys::control(key)))
        .with(":prefix", text(keys::RECORD));
    table.query(range, None, true, Some(limit)).await?.iter().map(item::body).collect()
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
        let past = [
            repair("record#01", "sg-1", 100, Some(5000)),
            repair("record#02", "sg-1", 4900, None),
            repair("record#03", "sg-1", 90, Some(95)),
            repair("record#04", "sg-2", 4950, Some(4951)),
            item::key("loop#x", "resource#nat-1"),
        ];
        let (repairs, created) = remember(&past, at(4000)).unwrap();
        let one = &repairs[&ResourceId::from("sg-1")];
        assert_eq!(
            one.iter().map(|r| (r.at, r.succeeded)).collect::<Vec<_>>(),
            [(at(4900), None), (at(5000), Some(true))]
        );
        assert_eq!(repairs[&ResourceId::from("sg-2")].len(), 1);
        assert_eq!(created, ["nat-1".into()].into());
    }

    #[test]
    fn directives_of_other_topologies_are_not_given() {
        let key = LoopKey {
            place: topology::Place::new("111122223333", "eu-west-1"),
            topology: "one".into(),
            control: topology::ControlId::SecurityGroups,
        };
        let topology = |id: &str| Subject::Topology { topology: id.into(), control: None };
        assert!(concerns(&topology("one"), &key));
        assert!(!concerns(&topology("two"), &key));
        assert!(concerns(&Subject::Resource("sg-1".into()), &key));
    }
}
