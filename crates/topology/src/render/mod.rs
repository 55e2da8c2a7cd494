//! A topology as the CloudFormation template of its network.
//!
//! The stack holds what is made once: VPCs, subnets, the internet gateway, route tables, security groups, log groups, endpoints
//! and endpoint services. What Plumbline keeps at field level it also creates, so that two writers never fight over it:
//! security-group rules, NAT gateways with their addresses and default routes, flow logs. A security group without
//! `SecurityGroupEgress` gets AWS's allow-all rule when it is made; Plumbline's first plan removes it where the document
//! declares another egress.
//!
//! The text is JSON, which CloudFormation and its tools read like YAML, and is the same byte for byte for the same
//! topology. Check it with `cfn-lint`.

mod endpoints;
mod ids;
mod network;
mod template;

pub(crate) use network::{gateway_id, subnet_id, table_id};

pub(crate) use endpoints::endpoint_id;

use crate::core::{EndpointName, LogicalId, VpcName};
use crate::topology::Topology;
use template::Template;

/// Why a topology has no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The VPC is adopted: somebody else built it.
    #[error("VPC `{0}` is named by its id, so it exists already: only a network of its own can be rendered")]
    Adopted(VpcName),
    /// Two parts would have the same logical id.
    #[error("two parts of the network would have the logical id `{0}`: rename one of the VPCs, tiers or groups in it")]
    LogicalIdTaken(String),
    /// CloudFormation takes at most 500 resources and 200 outputs a template
    /// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>).
    #[error("the network has {resources} resources and {outputs} outputs; a stack has at most 500 and 200")]
    TooLarge {
        /// How many resources.
        resources: usize,
        /// How many outputs.
        outputs: usize,
    },
}

/// The logical id under which a rendered stack holds a VPC.
pub fn vpc_logical_id(vpc: &VpcName) -> LogicalId {
    network::vpc_id(vpc).into()
}

/// The logical id under which a rendered stack holds an endpoint.
pub fn endpoint_logical_id(vpc: &VpcName, endpoint: &EndpointName) -> LogicalId {
    endpoints::endpoint_id(vpc, endpoint).into()
}

/// The logical id under which a rendered stack holds the association of a tier's subnet in a zone with its route table.
pub fn association_logical_id(vpc: &VpcName, tier: &str, zone: &str) -> LogicalId {
    network::association_id(vpc, tier, zone).into()
}

/// The template of a topology's network.
///
/// # Errors
/// When a VPC is adopted, or the network does not fit into one stack.
pub fn render(topology: &Topology) -> Result<String, RenderError> {
    let mut template = Template::new(topology);
    for (name, vpc) in &topology.vpcs {
        if vpc.id.is_some() {
            return Err(RenderError::Adopted(name.clone()));
        }
        network::vpc(&mut template, name, vpc)?;
        let groups = topology.security_groups.as_ref().and_then(|desired| desired.vpcs.get(name));
        if let Some(groups) = groups {
            network::groups(&mut template, name, vpc, groups)?;
        }
        network::log_groups(&mut template, &topology.id, name, vpc)?;
        endpoints::endpoints(&mut template, name, vpc)?;
    }
    for (name, service) in &topology.privatelink {
        endpoints::service(&mut template, name, service)?;
    }
    template.text()
}
