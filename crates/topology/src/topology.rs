//! A topology: a document that has been read, checked and resolved to concrete values.

use crate::core::{AccountId, ControlId, Region, ServiceName, TopologyId, VpcName};
use crate::network::{EndpointService, Environment, StackRepair, State, Vpc};
use crate::{endpoints, nat, privatelink, routes, security_groups};
use crate::{exposure, flow_logs};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whether Plumbline only looks, or also puts back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Look and report. The default.
    #[default]
    Observe,
    /// Look, put back, verify, report.
    Enforce,
}

/// The declared network, resolved. Made only by reading a valid document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// The stable id.
    pub id: TopologyId,
    /// What the network is for.
    pub environment: Environment,
    /// What controls do unless they override it.
    pub mode: Mode,
    /// Overrides of `mode`.
    pub modes: BTreeMap<ControlId, Mode>,
    /// The account; `None` is the function's own.
    pub account: Option<AccountId>,
    /// The Region; `None` is the function's own.
    pub region: Option<Region>,
    /// Whether it is in use.
    pub state: State,
    /// What is done about its stacks where they are out of line.
    pub stack_repair: StackRepair,
    /// Its VPCs.
    pub vpcs: BTreeMap<VpcName, Vpc>,
    /// The endpoint services that it offers.
    pub privatelink: BTreeMap<ServiceName, EndpointService>,
    /// What the `privatelink` control keeps; `None` when no endpoint service is declared.
    pub connections: Option<privatelink::Desired>,
    /// What the `security-groups` control keeps; `None` when no VPC declares groups.
    pub security_groups: Option<security_groups::Desired>,
    /// What the `nat` control keeps; `None` when no VPC says anything of NAT.
    pub nat: Option<nat::Desired>,
    /// What the `flow-logs` control keeps; `None` when no VPC says anything of flow logs.
    pub flow_logs: Option<flow_logs::Desired>,
    /// What the `routes` control keeps; `None` when no VPC says anything of routes, gateways or DNS.
    pub routes: Option<routes::Desired>,
    /// What the `exposure` control keeps; `None` when no tier says anything of public addresses or groups.
    pub exposure: Option<exposure::Desired>,
    /// What the `endpoints` control keeps; `None` when no VPC says anything of endpoints.
    pub endpoints: Option<endpoints::Desired>,
}

impl Topology {
    /// A topology that declares nothing yet, observed only.
    pub fn new(id: impl Into<TopologyId>) -> Self {
        Self {
            id: id.into(),
            environment: Environment::Production,
            mode: Mode::Observe,
            modes: BTreeMap::new(),
            account: None,
            region: None,
            state: State::Active,
            stack_repair: StackRepair::Report,
            vpcs: BTreeMap::new(),
            privatelink: BTreeMap::new(),
            connections: None,
            security_groups: None,
            nat: None,
            flow_logs: None,
            routes: None,
            exposure: None,
            endpoints: None,
        }
    }

    /// Whether the document says anything of a control.
    pub fn keeps(&self, control: ControlId) -> bool {
        match control {
            ControlId::SecurityGroups => self.security_groups.is_some(),
            ControlId::FlowLogs => self.flow_logs.is_some(),
            ControlId::Nat => self.nat.is_some(),
            ControlId::PrivateLink => self.connections.is_some(),
            ControlId::Routes => self.routes.is_some(),
            ControlId::Endpoints => self.endpoints.is_some(),
            ControlId::Exposure => self.exposure.is_some(),
        }
    }

    /// The mode of one control.
    pub fn mode(&self, control: ControlId) -> Mode {
        self.modes.get(&control).copied().unwrap_or(self.mode)
    }
}
