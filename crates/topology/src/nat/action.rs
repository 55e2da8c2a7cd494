//! How a [`Change`] is named, shown and taken back.

use super::{Change, NewGateway, Thing};
use crate::core::{Action, Effect, Field, Inverse, Receipt, ResourceKey};
use std::fmt;

impl Change {
    /// What it changes; for what is to be made, the place that it is made in.
    pub fn thing(&self) -> &Thing {
        match self {
            Self::AllocateAddress { vpc: thing, tags: _ }
            | Self::CreateGateway { home: thing, gateway: _, tags: _ }
            | Self::CreateRoute { table: thing, to: _ }
            | Self::ReplaceRoute { table: thing, from: _, from_works: _, to: _ }
            | Self::DeleteRoute { table: thing, target: _ }
            | Self::DeleteGateway { gateway: thing }
            | Self::ReleaseAddress { address: thing, public_ip: _ } => thing,
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
            Self::AllocateAddress { .. } | Self::ReleaseAddress { .. } => Field::NatAddress,
            Self::CreateGateway { .. } | Self::DeleteGateway { .. } => Field::NatGateway,
            Self::CreateRoute { .. } | Self::ReplaceRoute { .. } | Self::DeleteRoute { .. } => Field::NatDefaultRoute,
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::AllocateAddress { .. } | Self::CreateGateway { .. } | Self::CreateRoute { .. } => Effect::Add,
            Self::ReplaceRoute { .. } => Effect::Change,
            Self::DeleteRoute { .. } | Self::DeleteGateway { .. } | Self::ReleaseAddress { .. } => Effect::Remove,
        }
    }

    fn inverse(&self, receipt: &Receipt) -> Inverse<Self> {
        let Receipt { created, request_id: _, already } = receipt;
        if *already {
            return Inverse::None("it was so before the call: nothing was changed".into());
        }
        match self {
            Self::AllocateAddress { vpc, tags: _ } => match created.as_slice() {
                [allocation] => Inverse::Exact(Self::ReleaseAddress {
                    address: Thing { key: vpc.key.place.key(allocation.clone()), name: vpc.name.clone() },
                    public_ip: String::new(),
                }),
                _ => Inverse::None("AWS did not say which address it gave".into()),
            },
            Self::CreateGateway { .. } => Inverse::None(
                "routes may lead to it by now: change the topology instead, and they are moved before it goes".into(),
            ),
            Self::CreateRoute { table, to } => {
                Inverse::Exact(Self::DeleteRoute { table: table.clone(), target: to.clone() })
            }
            Self::ReplaceRoute { from: before, .. } | Self::DeleteRoute { target: before, .. }
                if !before.as_str().starts_with("nat-") =>
            {
                Inverse::None(format!("a route to {before} would open these subnets to the public again"))
            }
            Self::ReplaceRoute { table, from, from_works: true, to } => Inverse::Exact(Self::ReplaceRoute {
                table: table.clone(),
                from: to.clone(),
                from_works: true,
                to: from.clone(),
            }),
            Self::ReplaceRoute { from, .. } => Inverse::None(format!("{from}, where it led before, does not work")),
            Self::DeleteRoute { table, target } => {
                Inverse::Exact(Self::CreateRoute { table: table.clone(), to: target.clone() })
            }
            Self::DeleteGateway { .. } => {
                Inverse::None("a deleted gateway does not come back: declare it, and another is made".into())
            }
            Self::ReleaseAddress { public_ip, .. } => Inverse::None(format!(
                "while nobody else has it, `aws ec2 allocate-address --domain vpc --address {public_ip}` brings it back"
            )),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllocateAddress { vpc: Thing { key: _, name }, tags: _ } => {
                write!(f, "allocate an address for {name}")
            }
            Self::CreateGateway { home: Thing { key: _, name }, gateway, tags: _ } => match gateway {
                NewGateway::Zonal { subnet, allocation } => {
                    write!(f, "create {name} in {subnet} with {allocation}")
                }
                NewGateway::Regional { vpc } => write!(f, "create {name} for all of {vpc}"),
            },
            Self::CreateRoute { table: Thing { key, name }, to } => {
                write!(f, "{name}: route 0.0.0.0/0 in {} to {to}", key.id)
            }
            Self::ReplaceRoute { table: Thing { key, name }, from, from_works: _, to } => {
                write!(f, "{name}: move 0.0.0.0/0 in {} from {from} to {to}", key.id)
            }
            Self::DeleteRoute { table: Thing { key, name }, target } => {
                write!(f, "{name}: remove 0.0.0.0/0 to {target} from {}", key.id)
            }
            Self::DeleteGateway { gateway: Thing { key, name } } => write!(f, "delete {name} ({})", key.id),
            Self::ReleaseAddress { address: Thing { key, name }, public_ip } => {
                let shown = if public_ip.is_empty() { String::new() } else { format!("{public_ip}, ") };
                write!(f, "release the address of {name} ({shown}{})", key.id)
            }
        }
    }
}
