//! The `nat` control: NAT gateways, their addresses, and the default routes of the tiers behind them.

mod action;
mod addresses;
mod change;
mod control;
mod cost;
mod desired;
mod facts;
mod making;
mod observed;
mod planner;
mod posts;
mod routes;
mod split;
mod surplus;

pub use change::{Change, NewGateway, Thing};
pub use control::Nat;
pub use desired::{Desired, DesiredAddress, DesiredVpc, Gateways, Routed};
pub use observed::{
    Availability, DefaultRoute, Failure, GatewayState, Observed, ObservedAddress, ObservedGateway, ObservedSubnet,
    ObservedTable, ObservedVpc, OtherRoute, UsedAddress,
};
