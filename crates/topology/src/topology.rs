//! A topology: a document that has been read, checked and resolved to concrete values.

use crate::core::{AccountId, ControlId, Region, TopologyId, VpcName};
use crate::security_groups;
use ipnet::Ipv4Net;
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
    /// What controls do unless they override it.
    pub mode: Mode,
    /// Overrides of `mode`.
    pub modes: BTreeMap<ControlId, Mode>,
    /// The account; `None` is the function's own.
    pub account: Option<AccountId>,
    /// The Region; `None` is the function's own.
    pub region: Option<Region>,
    /// Its VPCs.
    pub vpcs: BTreeMap<VpcName, Vpc>,
    /// What the `security-groups` control keeps; `None` when no VPC declares groups.
    pub security_groups: Option<security_groups::Desired>,
}

/// A declared VPC, as far as binding needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpc {
    /// Its IPv4 range, part of the pinned binding.
    pub cidr: Ipv4Net,
    /// A VPC id that the document names outright (adopted network).
    pub id: Option<crate::core::VpcId>,
}

impl Topology {
    /// The mode of one control.
    pub fn mode(&self, control: ControlId) -> Mode {
        self.modes.get(&control).copied().unwrap_or(self.mode)
    }
}
