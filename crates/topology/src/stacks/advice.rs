//! What drift of a stack means to a person.

use super::{Difference, DriftStatus, ResourceDrift, StandIn, stands_in};
use crate::core::{LogicalId, ResourceId};
use serde::{Deserialize, Serialize};

/// Property values of templates may be whole documents.
const SHOWN: usize = 120;

/// One thing that drift detection found, with what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// Which resource of the stack.
    pub logical_id: LogicalId,
    /// Its id.
    pub physical_id: Option<ResourceId>,
    /// Its type.
    pub kind: String,
    /// What differs.
    pub what: String,
    /// What it means, and what there is to do.
    pub means: String,
    /// Nothing is to be done about it: Plumbline keeps the property, and the document says what it shall be.
    pub kept: bool,
}

/// Puts what was found into words. `stand_in`: what Plumbline has put in its place.
pub fn advise(drift: &ResourceDrift, stand_in: Option<&StandIn>) -> Advice {
    let ResourceDrift { logical_id, physical_id, kind, status } = drift;
    let (what, means, kept) = match (status, stand_in) {
        (DriftStatus::Deleted, Some(StandIn { logical_id: _, id, control })) => (
            format!("is gone; {id}, which {control} made, stands in its place"),
            "the network is as declared; the stack is not, until it has adopted what stands in".to_owned(),
            false,
        ),
        (DriftStatus::Deleted, None) => {
            ("is gone".to_owned(), "a drift-aware change set of the stack makes it again".to_owned(), false)
        }
        (DriftStatus::Modified(differences), _) => {
            let what: Vec<String> = differences.iter().map(said).collect();
            let keepers: Vec<Option<&str>> = differences.iter().map(|it| keeper(kind, &it.path)).collect();
            let kept = !keepers.is_empty() && keepers.iter().all(Option::is_some);
            let means = match keepers.into_iter().flatten().next() {
                Some(keeper) if kept => {
                    format!(
                        "{keeper}, as the document says; where the template says otherwise, render it again and deploy it"
                    )
                }
                Some(_) | None => {
                    "the template and AWS differ: change the template, or what was changed by hand".to_owned()
                }
            };
            (what.join("; "), means, kept)
        }
        (DriftStatus::Unknown(why), _) => {
            (format!("could not be compared: {why}"), "whether it is in sync is not known".to_owned(), false)
        }
    };
    let (logical_id, physical_id, kind) = (logical_id.clone(), physical_id.clone(), kind.clone());
    Advice { logical_id, physical_id, kind, what, means, kept }
}

fn said(difference: &Difference) -> String {
    let Difference { path, expected, actual } = difference;
    let short = |text: &str| match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    };
    format!("{path} is {}, the template says {}", short(actual), short(expected))
}

/// Who keeps a property of a network stack's resource at field level; the rest is the stack's alone.
fn keeper(kind: &str, path: &str) -> Option<&'static str> {
    let property = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    Some(match (kind, property) {
        ("AWS::EC2::SecurityGroup", "SecurityGroupIngress" | "SecurityGroupEgress") => {
            "`security-groups` keeps the rules of groups"
        }
        ("AWS::EC2::Subnet", "MapPublicIpOnLaunch") => "`routes` keeps whether subnets assign public addresses",
        ("AWS::EC2::VPC", "EnableDnsSupport" | "EnableDnsHostnames") => "`routes` keeps the DNS attributes of VPCs",
        ("AWS::EC2::Route", _) => "`routes` and `nat` keep default routes",
        ("AWS::EC2::SubnetRouteTableAssociation", _) => "`routes` keeps the associations of route tables",
        (
            "AWS::EC2::VPCEndpoint",
            "SubnetIds" | "SecurityGroupIds" | "RouteTableIds" | "PrivateDnsEnabled" | "PolicyDocument",
        ) => "`endpoints` keeps endpoints",
        ("AWS::Logs::LogGroup", "RetentionInDays") => "`flow-logs` keeps the retention of its log groups",
        ("AWS::EC2::VPCEndpointService", "AcceptanceRequired" | "NetworkLoadBalancerArns") => {
            "`privatelink` keeps endpoint services"
        }
        _ => return None,
    })
}

impl std::fmt::Display for Advice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { logical_id, physical_id, kind: _, what, means, kept: _ } = self;
        let id = physical_id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
        write!(f, "{logical_id}{id} {what}: {means}")
    }
}

/// Whether a change set may have to wait for something to stand in: made again by CloudFormation, it would meet Plumbline's own.
pub(super) fn may_be_stood_in(drift: &ResourceDrift) -> bool {
    drift.status == DriftStatus::Deleted && stands_in(&drift.kind).is_some()
}
