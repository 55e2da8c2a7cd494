//! Who runs, and what was said.

use super::item::{self, Item, micros, text, ttl};
use super::keys::{self, SHORT};
use super::table::{Expression, Table, Written};
use jiff::{SignedDuration, Timestamp};
use reconciler::{Fault, FaultClass, Lease, LoopKey};
use std::hash::{BuildHasher, RandomState};
use topology::Place;

pub(super) async fn lease(
    table: &Table,
    key: &LoopKey,
    owner: &str,
    now: Timestamp,
    lasts: SignedDuration,
) -> Result<Option<Lease>, Fault> {
    let expires = later(now, lasts);
    let nonce = nonce();
    let change = Expression::new("SET #owner = :owner, #expires = :expires, #nonce = :nonce, #ttl = :ttl")
        .with(":owner", text(owner))
        .with(":expires", micros(expires))
        .with(":nonce", text(nonce.as_str()))
        .with(":ttl", ttl(expires, SHORT));
    let free = Expression::new("attribute_not_exists(#owner) OR #expires <= :now").with(":now", micros(now));
    let taken = match table.update(&keys::control(key), keys::LEASE, change, free).await? {
        Written::Yes(item) => item.unwrap_or_default(),
        // The answer to our own first try was lost: the retry meets the lease that we took.
        Written::No(Some(item)) if item::optional(&item, "nonce") == Some(&nonce) => item,
        Written::No(_) => return Ok(None),
    };
    Ok(Some(Lease { key: key.clone(), owner: owner.into(), expires, last_released: released(&taken)? }))
}

fn released(lease: &Item) -> Result<Option<Timestamp>, Fault> {
    if lease.contains_key("released") { item::attribute(lease, "released").map(Some) } else { Ok(None) }
}

/// A lease that is not ours any more is left as it is.
pub(super) async fn release(table: &Table, lease: Lease, at: Timestamp) -> Result<(), Fault> {
    let Lease { key, owner, expires, last_released: _ } = lease;
    let change = Expression::new("SET #released = :at, #ttl = :ttl REMOVE #owner, #expires, #nonce")
        .with(":at", item::value(&at)?)
        .with(":ttl", ttl(at, SHORT));
    let ours = Expression::new("#owner = :owner AND #expires = :expires")
        .with(":owner", text(owner))
        .with(":expires", micros(expires));
    table.update(&keys::control(&key), keys::LEASE, change, ours).await.map(|_| ())
}

pub(super) async fn say_once(
    table: &Table,
    place: &Place,
    what: &str,
    now: Timestamp,
    period: SignedDuration,
) -> Result<bool, Fault> {
    let until = later(now, period);
    let nonce = nonce();
    let mut said = item::item(&keys::place(place), &keys::said(what), &what)?;
    said.insert("until".into(), micros(until));
    said.insert("nonce".into(), text(nonce.as_str()));
    said.insert("ttl".into(), ttl(until, SHORT));
    let unsaid = Expression::new("attribute_not_exists(#pk) OR #until <= :now").with(":now", micros(now));
    match table.put(said.clone(), Some(unsaid)).await? {
        Written::Yes(_) => Ok(true),
        Written::No(Some(there)) => {
            let ours = item::optional(&there, "nonce") == Some(&nonce);
            if period.is_zero() && !ours {
                // What it spoke of is over: said anew, it is news.
                table.put(said, None).await?;
            }
            Ok(ours)
        }
        Written::No(None) => Err(Fault::new("say_once", FaultClass::Retryable, "the item changed meanwhile")),
    }
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Marks one write of this process: tells our own write, whose answer was lost, from somebody else's. Not a secret.
fn nonce() -> String {
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}
