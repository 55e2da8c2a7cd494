//! The `privatelink` control: who is connected to an endpoint service is exactly who may be.

mod action;
mod change;
mod control;
mod desired;
mod observed;
mod pick;
mod planner;

pub use change::{Change, ConnectionRef, Places, ServiceRef};
pub use control::PrivateLink;
pub use desired::{Desired, SERVICE_TAG, TOPOLOGY_TAG};
pub use observed::{
    ConnectionState, Observed, ObservedBalancer, ObservedConnection, ObservedService, PrivateDns, Sighting,
};
pub use pick::{Pick, pick};
