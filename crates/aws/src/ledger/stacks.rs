//! What is remembered of the stacks of networks.

use super::item;
use super::keys;
use super::table::{Expression, Table, Written};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use reconciler::{Fault, StackMemory};
use topology::{Place, StackId, TopologyId};

pub(super) async fn made(table: &Table, place: &Place, topology: &TopologyId) -> Result<Option<Timestamp>, Fault> {
    let found = table.get(&keys::topology(place, topology), keys::MADE).await?;
    found.as_ref().map(item::body).transpose()
}

pub(super) async fn note_made(table: &Table, place: &Place, topology: &TopologyId, at: Timestamp) -> Result<(), Fault> {
    table.put(item::item(&keys::topology(place, topology), keys::MADE, &at)?, None).await.map(|_| ())
}

pub(super) async fn memory(table: &Table, place: &Place, stack: &StackId) -> Result<Option<StackMemory>, Fault> {
    let found = table.get(&keys::place(place), &keys::stack(stack)).await?;
    found.as_ref().map(item::body).transpose()
}

/// A write whose answer was lost is tried again by the SDK, and finds its own version there: by what it holds, it was made.
pub(super) async fn remember(
    table: &Table,
    place: &Place,
    stack: &StackId,
    memory: &StackMemory,
) -> Result<bool, Fault> {
    let number = |version: u64| AttributeValue::N(version.to_string());
    let mut item = item::item(&keys::place(place), &keys::stack(stack), memory)?;
    item.insert("version".into(), number(memory.version));
    let before = memory.version.saturating_sub(1);
    let condition = match before {
        0 => Expression::new("attribute_not_exists(#pk)"),
        before => Expression::new("#version = :version").with(":version", number(before)),
    };
    match table.put(item, Some(condition)).await? {
        Written::Yes(_) => Ok(true),
        Written::No(there) => Ok(there.as_ref().map(item::body::<StackMemory>).transpose()?.as_ref() == Some(memory)),
    }
}
