//! In-memory twins of the ports, for properties and scenarios.

mod clock;
mod contract_ec2;
mod contract_endpoints;
mod contract_exposure;
mod contract_flow_logs;
mod contract_ledger;
mod contract_links;
mod contract_nat;
mod contract_routes;
mod dice;
pub mod ec2;
mod ec2_control;
mod ec2_ports;
pub mod endpoints;
mod endpoints_ports;
pub mod exposure;
mod exposure_ports;
pub mod flow_logs;
mod flow_logs_ports;
pub mod formation;
mod ledger;
pub mod links;
mod links_ports;
pub mod nat;
mod nat_ports;
mod outbox;
mod rig;
mod routes;
mod routes_ports;
mod trails;

pub use clock::Clock;
pub use dice::Dice;
pub use ec2_control::STACK_TAG;
pub use ec2_ports::TwinEc2;
pub use endpoints_ports::TwinEndpoints;
pub use exposure_ports::TwinEstate;
pub use flow_logs_ports::{DELIVERY_ROLE, TwinFlowLogs};
pub use formation::Formation;
pub use ledger::Ledger;
pub use links_ports::TwinLinks;
pub use nat_ports::{TwinNat, zone_id};
pub use outbox::{Outbox, Sent};
pub use rig::{Call, LOGICAL_ID_TAG, Twin, World};
pub use routes_ports::LOGICAL_ID;
pub use trails::Trails;

/// What every implementation of a port must do: run by the twins and by the adapters alike.
pub mod contract {
    pub use crate::contract_ec2::{Ec2Port, security_groups};
    pub use crate::contract_endpoints::{EndpointPort, Site, endpoints};
    pub use crate::contract_exposure::{Addresses, ExposurePort, exposure};
    pub use crate::contract_flow_logs::{FlowLogsPort, flow_logs};
    pub use crate::contract_ledger::ledger;
    pub use crate::contract_links::{LinkPort, privatelink};
    pub use crate::contract_nat::{Ground, NatPort, nat};
    pub use crate::contract_routes::{RoutePort, Yard, routes};
}
