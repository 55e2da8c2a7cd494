//! How a [`Change`] is named, shown and taken back.

use super::{Address, Change};
use crate::core::{Action, Effect, Field, Inverse, Receipt, ResourceKey};
use std::fmt;

impl Action for Change {
    fn resource(&self) -> ResourceKey {
        match self {
            Self::Database { database: key, name: _, identifier: _, public: _ }
            | Self::Service { service: key, name: _, cluster: _, service_name: _, network: _, public: _ }
            | Self::Disassociate { interface: key, name: _, address: _, association: _ }
            | Self::Associate { interface: key, name: _, address: _ } => key.clone(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Database { database: _, name, identifier: _, public: _ }
            | Self::Service { service: _, name, cluster: _, service_name: _, network: _, public: _ }
            | Self::Disassociate { interface: _, name, address: _, association: _ }
            | Self::Associate { interface: _, name, address: _ } => name.clone(),
        }
    }

    fn field(&self) -> Field {
        match self {
            Self::Database { .. } => Field::DatabasePublicAccess,
            Self::Service { .. } => Field::ServicePublicIp,
            Self::Disassociate { .. } | Self::Associate { .. } => Field::InterfaceAddress,
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Database { .. } | Self::Service { .. } => Effect::Change,
            Self::Disassociate { .. } => Effect::Remove,
            Self::Associate { .. } => Effect::Add,
        }
    }

    fn inverse(&self, receipt: &Receipt) -> Inverse<Self> {
        let Receipt { created, request_id: _, already } = receipt;
        if *already {
            return Inverse::None("it was so before the call: nothing was changed".into());
        }
        match self {
            Self::Database { database, name, identifier, public } => Inverse::Exact(Self::Database {
                database: database.clone(),
                name: name.clone(),
                identifier: identifier.clone(),
                public: !public,
            }),
            Self::Service { service, name, cluster, service_name, network, public } => Inverse::Compensating(
                Self::Service {
                    service: service.clone(),
                    name: name.clone(),
                    cluster: cluster.clone(),
                    service_name: service_name.clone(),
                    network: network.clone(),
                    public: !public,
                },
                "another deployment replaces the tasks once more, and they get other addresses".into(),
            ),
            Self::Disassociate { interface, name, address, association: _ } => Inverse::Exact(Self::Associate {
                interface: interface.clone(),
                name: name.clone(),
                address: address.clone(),
            }),
            Self::Associate { interface, name, address } => match created.first() {
                None => Inverse::None("AWS answered without the id of the association".into()),
                Some(association) => Inverse::Exact(Self::Disassociate {
                    interface: interface.clone(),
                    name: name.clone(),
                    address: Address { association: Some(association.clone()), ..address.clone() },
                    association: association.clone(),
                }),
            },
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database { database: _, name: _, identifier, public } => {
                write!(f, "make database {identifier} {}", if *public { "publicly accessible" } else { "private" })
            }
            Self::Service { service: _, name: _, cluster, service_name, network: _, public } => {
                let with = if *public { "with" } else { "without" };
                write!(f, "run the tasks of service {cluster}/{service_name} {with} public addresses")
            }
            Self::Disassociate { interface, name: _, address, association: _ } => {
                write!(f, "take {} off {}", shown(address), interface.id)
            }
            Self::Associate { interface, name: _, address } => {
                write!(f, "put {} on {} ({})", shown(address), interface.id, address.private_ip)
            }
        }
    }
}

/// An address as it is told.
pub(super) fn shown(address: &Address) -> String {
    let Address { public_ip, private_ip: _, allocation, association: _ } = address;
    match allocation {
        Some(allocation) => format!("Elastic IP address {public_ip} ({allocation})"),
        None => format!("public address {public_ip}"),
    }
}
