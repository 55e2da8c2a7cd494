//! How a [`Change`] is named, shown, taken back and split.

use super::{Change, ConnectionRef, ConnectionState, Places, ServiceRef};
use crate::core::{Action, Effect, Field, Inverse, Receipt, ResourceId, ResourceKey, Slot};
use std::fmt;

impl Change {
    /// The service that it changes.
    pub fn service(&self) -> &ServiceRef {
        match self {
            Self::Acceptance { service, required: _ }
            | Self::AttachBalancers { service, balancers: _ }
            | Self::DetachBalancers { service, balancers: _ }
            | Self::AllowPrincipals { service, principals: _ }
            | Self::DisallowPrincipals { service, principals: _ }
            | Self::Accept { service, connection: _, why: _, places: _ }
            | Self::Reject { service, connection: _, why: _ } => service,
        }
    }

    /// The connection that it changes, if it is one.
    pub fn connection(&self) -> Option<&ConnectionRef> {
        match self {
            Self::Accept { service: _, connection, why: _, places: _ }
            | Self::Reject { service: _, connection, why: _ } => Some(connection),
            Self::Acceptance { .. }
            | Self::AttachBalancers { .. }
            | Self::DetachBalancers { .. }
            | Self::AllowPrincipals { .. }
            | Self::DisallowPrincipals { .. } => None,
        }
    }
}

impl Action for Change {
    /// A connection is known by its endpoint: exemptions, approvals and events name that.
    fn resource(&self) -> ResourceKey {
        let service = &self.service().key;
        match self.connection() {
            Some(connection) => service.place.key(connection.endpoint.clone()),
            None => service.clone(),
        }
    }

    fn name(&self) -> String {
        let ServiceRef { key: _, name } = self.service();
        match self.connection() {
            Some(ConnectionRef { endpoint, owner: _, was: _ }) => format!("{name}/{endpoint}"),
            None => name.clone(),
        }
    }

    fn field(&self) -> Field {
        match self {
            Self::Acceptance { .. } => Field::EndpointServiceAcceptance,
            Self::AttachBalancers { .. } | Self::DetachBalancers { .. } => Field::EndpointServiceLoadBalancers,
            Self::AllowPrincipals { .. } | Self::DisallowPrincipals { .. } => Field::EndpointServicePrincipals,
            Self::Accept { .. } | Self::Reject { .. } => Field::EndpointConnection,
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Acceptance { .. } => Effect::Change,
            // Nothing goes that was there: strangers who ask in numbers must not use up the removals of an hour.
            Self::Reject { service: _, connection, why: _ } if connection.was == ConnectionState::PendingAcceptance => {
                Effect::Change
            }
            Self::AttachBalancers { .. } | Self::AllowPrincipals { .. } | Self::Accept { .. } => Effect::Add,
            Self::DetachBalancers { .. } | Self::DisallowPrincipals { .. } | Self::Reject { .. } => Effect::Remove,
        }
    }

    fn inverse(&self, receipt: &Receipt) -> Inverse<Self> {
        let Receipt { created: _, request_id: _, already } = receipt;
        if *already {
            return Inverse::None("it was so before the call: nothing was changed".into());
        }
        match self {
            Self::Acceptance { service, required } => {
                Inverse::Exact(Self::Acceptance { service: service.clone(), required: !required })
            }
            Self::AttachBalancers { service, balancers } => {
                Inverse::Exact(Self::DetachBalancers { service: service.clone(), balancers: balancers.clone() })
            }
            Self::DetachBalancers { service, balancers } => {
                Inverse::Exact(Self::AttachBalancers { service: service.clone(), balancers: balancers.clone() })
            }
            Self::AllowPrincipals { service, principals } => {
                Inverse::Exact(Self::DisallowPrincipals { service: service.clone(), principals: principals.clone() })
            }
            Self::DisallowPrincipals { service, principals } => {
                Inverse::Exact(Self::AllowPrincipals { service: service.clone(), principals: principals.clone() })
            }
            Self::Accept { service, connection, why: _, places: _ } => Inverse::Compensating(
                Self::Reject {
                    service: service.clone(),
                    connection: connection.clone(),
                    why: "an acceptance is taken back".into(),
                },
                "the connection is refused instead of waiting again: its consumer has to make a new endpoint".into(),
            ),
            Self::Reject { .. } => {
                Inverse::None("a connection that was refused is over: its consumer has to make a new endpoint".into())
            }
        }
    }

    /// One of the consumer's places. The name holds the service's id: a service that is made anew starts with all places free.
    fn slot(&self) -> Option<Slot> {
        let Self::Accept { service, connection, why: _, places: Some(Places { at_most, taken }) } = self else {
            return None;
        };
        let ConnectionRef { endpoint, owner, was: _ } = connection;
        let name = format!("{}/{owner}", service.key.id);
        Some(Slot { name, holder: endpoint.clone(), at_most: *at_most, live: taken.clone() })
    }

    /// One principal, or one load balancer, that AWS refuses must not keep the others out.
    fn split(&self) -> Vec<Self> {
        match self {
            Self::AttachBalancers { service, balancers } => {
                singly(balancers, |balancers| Self::AttachBalancers { service: service.clone(), balancers })
            }
            Self::DetachBalancers { service, balancers } => {
                singly(balancers, |balancers| Self::DetachBalancers { service: service.clone(), balancers })
            }
            Self::AllowPrincipals { service, principals } => {
                singly(principals, |principals| Self::AllowPrincipals { service: service.clone(), principals })
            }
            Self::DisallowPrincipals { service, principals } => {
                singly(principals, |principals| Self::DisallowPrincipals { service: service.clone(), principals })
            }
            Self::Acceptance { .. } | Self::Accept { .. } | Self::Reject { .. } => vec![],
        }
    }
}

fn singly<T: Clone>(all: &[T], part: impl Fn(Vec<T>) -> Change) -> Vec<Change> {
    match all {
        [] | [_] => vec![],
        several => several.iter().map(|one| part(vec![one.clone()])).collect(),
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServiceRef { key, name } = self.service();
        let id = &key.id;
        match self {
            Self::Acceptance { service: _, required: true } => {
                write!(f, "require acceptance of connections to {name} ({id})")
            }
            Self::Acceptance { service: _, required: false } => {
                write!(f, "let every connection to {name} ({id}) in without acceptance")
            }
            Self::AttachBalancers { service: _, balancers } => {
                write!(f, "put {} behind {name} ({id})", listed(balancers))
            }
            Self::DetachBalancers { service: _, balancers } => {
                write!(f, "take {} from behind {name} ({id})", listed(balancers))
            }
            Self::AllowPrincipals { service: _, principals } => {
                write!(f, "allow {} to create endpoints to {name} ({id})", principals.join(", "))
            }
            Self::DisallowPrincipals { service: _, principals } => {
                write!(f, "no longer allow {} to create endpoints to {name} ({id})", principals.join(", "))
            }
            Self::Accept { service: _, connection, why, places } => {
                let ConnectionRef { endpoint, owner, was: _ } = connection;
                write!(f, "accept {endpoint} of account {owner} at {name} ({id}): {why}")?;
                match places {
                    Some(Places { at_most, taken }) => write!(f, "; place {} of {at_most}", taken.len() + 1),
                    None => Ok(()),
                }
            }
            Self::Reject { service: _, connection, why } => {
                let ConnectionRef { endpoint, owner, was } = connection;
                write!(f, "reject {endpoint} of account {owner} at {name} ({id}), which is {was}: {why}")
            }
        }
    }
}

fn listed(ids: &[ResourceId]) -> String {
    ids.iter().map(ResourceId::as_str).collect::<Vec<_>>().join(", ")
}
