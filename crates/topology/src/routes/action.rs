//! How a [`Change`] is named, shown and taken back.

use super::{Change, DnsAttribute};
use crate::core::{Action, Effect, Field, Inverse, Receipt, ResourceKey, Thing};
use std::fmt;

impl Change {
    /// What it changes; for a table that is to be made, the subnet that it is for.
    pub fn thing(&self) -> &Thing {
        match self {
            Self::CreateTable { subnet: thing, vpc: _, tags: _ }
            | Self::DeleteTable { table: thing }
            | Self::Associate { subnet: thing, to: _, back: _ }
            | Self::Move { subnet: thing, association: _, from: _, to: _, back: _ }
            | Self::Disassociate { subnet: thing, association: _, from: _ }
            | Self::CreateRoute { table: thing, destination: _, to: _ }
            | Self::ReplaceRoute { table: thing, destination: _, from: _, back: _, to: _ }
            | Self::DeleteRoute { table: thing, destination: _, target: _, back: _ }
            | Self::AttachGateway { vpc: thing, gateway: _ }
            | Self::DetachGateway { vpc: thing, gateway: _, back: _ }
            | Self::PublicOnLaunch { subnet: thing, on: _ }
            | Self::Dns { vpc: thing, attribute: _, on: _ } => thing,
        }
    }
}

impl Action for Change {
    fn resource(&self) -> ResourceKey {
        self.thing().key.clone()
    }

    fn name(&self) -> String {
        self.thing().name.clone()
    }

    fn field(&self) -> Field {
        match self {
            Self::CreateTable { .. } | Self::DeleteTable { .. } => Field::RouteTable,
            Self::Associate { .. } | Self::Move { .. } | Self::Disassociate { .. } => Field::TableAssociation,
            Self::CreateRoute { .. } | Self::ReplaceRoute { .. } | Self::DeleteRoute { .. } => Field::TableRoute,
            Self::AttachGateway { .. } | Self::DetachGateway { .. } => Field::GatewayAttachment,
            Self::PublicOnLaunch { .. } => Field::PublicIpOnLaunch,
            Self::Dns { .. } => Field::VpcDns,
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::CreateTable { .. }
            | Self::Associate { .. }
            | Self::CreateRoute { .. }
            | Self::AttachGateway { .. } => Effect::Add,
            Self::Move { .. } | Self::ReplaceRoute { .. } | Self::PublicOnLaunch { .. } | Self::Dns { .. } => {
                Effect::Change
            }
            Self::DeleteTable { .. }
            | Self::Disassociate { .. }
            | Self::DeleteRoute { .. }
            | Self::DetachGateway { .. } => Effect::Remove,
        }
    }

    fn inverse(&self, receipt: &Receipt) -> Inverse<Self> {
        let Receipt { created, request_id: _, already } = receipt;
        if *already {
            return Inverse::None("it was so before the call: nothing was changed".into());
        }
        let exposed = || Inverse::None("what it was before is a way that the topology does not declare".into());
        match self {
            Self::CreateTable { subnet, vpc: _, tags: _ } => match created.as_slice() {
                [table] => Inverse::Exact(Self::DeleteTable {
                    table: Thing { key: subnet.key.place.key(table.clone()), name: subnet.name.clone() },
                }),
                _ => Inverse::None("AWS did not say which table it made".into()),
            },
            Self::DeleteTable { .. } => {
                Inverse::None("a deleted table does not come back: one is made when a subnet needs it".into())
            }
            Self::Associate { back: false, .. }
            | Self::Move { back: false, .. }
            | Self::ReplaceRoute { back: false, .. }
            | Self::DeleteRoute { back: false, .. }
            | Self::DetachGateway { back: false, .. } => exposed(),
            Self::Associate { subnet, to, back: true } => match created.as_slice() {
                [association] => Inverse::Exact(Self::Disassociate {
                    subnet: subnet.clone(),
                    association: association.clone(),
                    from: to.clone(),
                }),
                _ => Inverse::None("AWS did not say which association it made".into()),
            },
            Self::Move { subnet, association: _, from, to, back: true } => match created.as_slice() {
                [association] => Inverse::Exact(Self::Move {
                    subnet: subnet.clone(),
                    association: association.clone(),
                    from: to.clone(),
                    to: from.clone(),
                    back: true,
                }),
                _ => Inverse::None("AWS did not say which association it made".into()),
            },
            Self::Disassociate { subnet, association: _, from } => {
                Inverse::Exact(Self::Associate { subnet: subnet.clone(), to: from.clone(), back: true })
            }
            Self::CreateRoute { table, destination, to } => Inverse::Exact(Self::DeleteRoute {
                table: table.clone(),
                destination: destination.clone(),
                target: to.clone(),
                back: true,
            }),
            Self::ReplaceRoute { table, destination, from, back: true, to } => Inverse::Exact(Self::ReplaceRoute {
                table: table.clone(),
                destination: destination.clone(),
                from: to.clone(),
                back: true,
                to: from.clone(),
            }),
            Self::DeleteRoute { table, destination, target, back: true } => Inverse::Exact(Self::CreateRoute {
                table: table.clone(),
                destination: destination.clone(),
                to: target.clone(),
            }),
            Self::AttachGateway { vpc, gateway } => {
                Inverse::Exact(Self::DetachGateway { vpc: vpc.clone(), gateway: gateway.clone(), back: true })
            }
            Self::DetachGateway { vpc, gateway, back: true } => {
                Inverse::Exact(Self::AttachGateway { vpc: vpc.clone(), gateway: gateway.clone() })
            }
            Self::PublicOnLaunch { subnet, on } => {
                Inverse::Exact(Self::PublicOnLaunch { subnet: subnet.clone(), on: !on })
            }
            Self::Dns { vpc, attribute, on } => {
                Inverse::Exact(Self::Dns { vpc: vpc.clone(), attribute: *attribute, on: !on })
            }
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Thing { key, name } = self.thing();
        let id = &key.id;
        match self {
            Self::CreateTable { vpc, .. } => write!(f, "create a route table in {vpc} for {name} ({id})"),
            Self::DeleteTable { .. } => write!(f, "delete the route table {id} ({name}), which nothing uses"),
            Self::Associate { to, .. } => write!(f, "{name}: give {id} its own route table {to}"),
            Self::Move { from, to, .. } => write!(f, "{name}: move {id} from route table {from} to {to}"),
            Self::Disassociate { from, .. } => write!(f, "{name}: take {id} off route table {from}"),
            Self::CreateRoute { destination, to, .. } => write!(f, "{name}: route {destination} in {id} to {to}"),
            Self::ReplaceRoute { destination, from, to, .. } => {
                write!(f, "{name}: move {destination} in {id} from {from} to {to}")
            }
            Self::DeleteRoute { destination, target, .. } => {
                write!(f, "{name}: remove {destination} to {target} from {id}")
            }
            Self::AttachGateway { gateway, .. } => write!(f, "attach internet gateway {gateway} to {name} ({id})"),
            Self::DetachGateway { gateway, .. } => write!(f, "detach internet gateway {gateway} from {name} ({id})"),
            Self::PublicOnLaunch { on, .. } => {
                let what = if *on { "give" } else { "give no" };
                write!(f, "{name}: {what} public addresses to what is launched in {id}")
            }
            Self::Dns { attribute, on, .. } => {
                write!(f, "switch {attribute} of {name} ({id}) {}", if *on { "on" } else { "off" })
            }
        }
    }
}

impl fmt::Display for DnsAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Support => "DNS support",
            Self::Hostnames => "DNS host names",
        })
    }
}
