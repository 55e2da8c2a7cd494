//! Which VPC is which, which topologies were ever bound, and the layer that was acted upon.

use super::item::{self, Item, text};
use super::keys;
use super::table::{Expression, Refused, Table, Transacted, Written};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use reconciler::{Binding, Bindings, Fault, FaultClass, LayerMark, LoopKey, Pinned};
use std::collections::{BTreeMap, BTreeSet};
use topology::{ControlId, Place, TopologyId, VpcId, VpcName};

/// Two people rebinding the same name at once; the second sees what the first did.
const RACES: usize = 3;

pub(super) async fn of(table: &Table, place: &Place, topology: &TopologyId) -> Result<Bindings, Fault> {
    let found = table.query(under(&keys::topology(place, topology), keys::VPC), None, false, None).await?;
    found
        .iter()
        .map(|found| {
            let name = item::required(found, "sk")?.trim_start_matches(keys::VPC);
            Ok((VpcName::from(name), item::body(found)?))
        })
        .collect()
}

pub(super) async fn holder(table: &Table, place: &Place, vpc: &VpcId) -> Result<Option<(TopologyId, VpcName)>, Fault> {
    let found = table.get(&keys::place(place), &keys::holder(vpc)).await?;
    found.as_ref().map(held_by).transpose()
}

pub(super) async fn known(table: &Table, place: &Place) -> Result<BTreeSet<TopologyId>, Fault> {
    let found = table.query(under(&keys::place(place), keys::TOPOLOGY), Some("#sk"), false, None).await?;
    found.iter().map(|item| Ok(item::required(item, "sk")?.trim_start_matches(keys::TOPOLOGY).into())).collect()
}

pub(super) async fn layer(table: &Table, place: &Place, topology: &TopologyId) -> Result<Option<LayerMark>, Fault> {
    let found = table.get(&keys::topology(place, topology), keys::LAYER).await?;
    found.as_ref().map(item::body).transpose()
}

pub(super) async fn pin(
    table: &Table,
    place: &Place,
    topology: &TopologyId,
    name: &VpcName,
    binding: &Binding,
    rebind: bool,
) -> Result<Pinned, Fault> {
    let at = Pin { table, place, topology, name, binding };
    if !rebind {
        return match at.write(None).await? {
            Transacted::Yes => Ok(Pinned::Yes),
            Transacted::No(refused) => at.refusal(&refused),
        };
    }
    for _ in 0..RACES {
        let before: Option<Binding> = match table.get(&at.pk(), &keys::binding(name)).await? {
            Some(found) => Some(item::body(&found)?),
            None => None,
        };
        match at.write(before.as_ref()).await? {
            Transacted::Yes => return Ok(Pinned::Yes),
            Transacted::No(refused) if refused.get(1).is_some_and(|holder| holder.refused) => {
                return at.refusal(&refused);
            }
            Transacted::No(_) => {}
        }
    }
    Err(Fault::new("rebind", FaultClass::Retryable, "somebody else is binding the same VPC"))
}

pub(super) async fn unpin(
    table: &Table,
    place: &Place,
    topology: &TopologyId,
    name: &VpcName,
    binding: &Binding,
) -> Result<(), Fault> {
    let pk = keys::topology(place, topology);
    let same = Expression::new("#vpc = :vpc").with(":vpc", text(binding.vpc.as_str()));
    let mine = Expression::new("attribute_not_exists(#pk) OR (#topology = :topology AND #name = :name)")
        .with(":topology", text(topology.as_str()))
        .with(":name", text(name.as_str()));
    let writes = vec![
        table.delete_in(&pk, &keys::binding(name), same)?,
        table.delete_in(&keys::place(place), &keys::holder(&binding.vpc), mine)?,
    ];
    // Refused: somebody bound it otherwise meanwhile, or another control forgot it first.
    table.transact(writes).await?;
    if of(table, place, topology).await?.is_empty() {
        table.delete(&keys::place(place), &keys::known(topology)).await?;
    }
    Ok(())
}

/// What was noted before this.
pub(super) async fn retire(
    table: &Table,
    key: &LoopKey,
    nothing_left: bool,
    at: Timestamp,
) -> Result<BTreeMap<ControlId, Timestamp>, Fault> {
    let LoopKey { place, topology, control } = key;
    // Placeholders of attributes are letters.
    let attribute = |control: &ControlId| control.name().replace('-', "_");
    let change = match nothing_left {
        true => Expression::new(&format!("SET #{} = :at", attribute(control))).with(":at", item::value(&at)?),
        false => Expression::new(&format!("REMOVE #{}", attribute(control))),
    };
    let before = table.exchange(&keys::topology(place, topology), keys::RETIRED, change).await?.unwrap_or_default();
    let noted = ControlId::ALL.iter().filter(|control| before.contains_key(&attribute(control)));
    noted.map(|control| Ok((*control, item::attribute(&before, &attribute(control))?))).collect()
}

/// A pin to be written.
struct Pin<'a> {
    table: &'a Table,
    place: &'a Place,
    topology: &'a TopologyId,
    name: &'a VpcName,
    binding: &'a Binding,
}

impl Pin<'_> {
    fn pk(&self) -> String {
        keys::topology(self.place, self.topology)
    }

    /// The name, the VPC and the topology in one transaction. `before`: the binding that it replaces.
    async fn write(&self, before: Option<&Binding>) -> Result<Transacted, Fault> {
        let Self { table, place, topology, name, binding } = self;
        let Binding { vpc, cidr: _, stack: _, at } = binding;
        let place = keys::place(place);
        let mine = || {
            Expression::new("attribute_not_exists(#pk) OR (#topology = :topology AND #name = :name)")
                .with(":topology", text(topology.as_str()))
                .with(":name", text(name.as_str()))
        };
        let mut bound = item::item(&self.pk(), &keys::binding(name), binding)?;
        bound.insert("vpc".into(), text(vpc.as_str()));
        let unchanged = match before {
            None => Expression::new("attribute_not_exists(#pk)"),
            Some(before) => Expression::new("#vpc = :before").with(":before", text(before.vpc.as_str())),
        };
        let mut holder = item::item(&place, &keys::holder(vpc), &(topology, name))?;
        holder.insert("topology".into(), text(topology.as_str()));
        holder.insert("name".into(), text(name.as_str()));
        let known = item::item(&place, &keys::known(topology), at)?;
        let mut writes = vec![
            table.put_in(bound, Some(unchanged))?,
            table.put_in(holder, Some(mine()))?,
            table.put_in(known, None)?,
        ];
        if let Some(before) = before.filter(|before| before.vpc != *vpc) {
            writes.push(table.delete_in(&place, &keys::holder(&before.vpc), mine())?);
        }
        table.transact(writes).await
    }

    fn refusal(&self, refused: &[Refused]) -> Result<Pinned, Fault> {
        let conflict = |at: usize| refused.get(at).filter(|write| write.refused);
        let there = |at: usize| conflict(at).and_then(|write| write.item.as_ref());
        if let Some(holder) = there(1) {
            return held_by(holder).map(|(topology, name)| Pinned::VpcTaken(topology, name));
        }
        if let Some(bound) = there(0) {
            let there: Binding = item::body(bound)?;
            let same = there.vpc == self.binding.vpc && there.cidr == self.binding.cidr;
            return Ok(if same { Pinned::Yes } else { Pinned::NameTaken(there) });
        }
        Err(Fault::new("pin", FaultClass::Retryable, "somebody else is binding the same VPC"))
    }
}

pub(super) async fn raise_layer(
    table: &Table,
    place: &Place,
    topology: &TopologyId,
    mark: &LayerMark,
    force: bool,
) -> Result<LayerMark, Fault> {
    let LayerMark { layer, version } = mark;
    let condition = if force {
        None
    } else {
        // Versions of different layers do not compare: another layer stays in force until a person confirms.
        Some(
            Expression::new("attribute_not_exists(#pk) OR (#layer = :layer AND #version <= :version)")
                .with(":layer", text(layer))
                .with(":version", AttributeValue::N(version.to_string())),
        )
    };
    let mut raised = item::item(&keys::topology(place, topology), keys::LAYER, mark)?;
    raised.insert("layer".into(), text(layer));
    raised.insert("version".into(), AttributeValue::N(version.to_string()));
    match table.put(raised, condition).await? {
        Written::Yes(_) => Ok(mark.clone()),
        Written::No(Some(there)) => item::body(&there),
        Written::No(None) => Err(Fault::new("raise_layer", FaultClass::Retryable, "the mark changed meanwhile")),
    }
}

fn under(pk: &str, prefix: &str) -> Expression {
    Expression::new("#pk = :pk AND begins_with(#sk, :prefix)").with(":pk", text(pk)).with(":prefix", text(prefix))
}

fn held_by(found: &Item) -> Result<(TopologyId, VpcName), Fault> {
    Ok((item::required(found, "topology")?.into(), item::required(found, "name")?.into()))
}
