//! Flow logs of the in-memory cloud behind the loop's ports.

use crate::ec2::{Refusal, Vpc};
use crate::ec2_control::STACK_TAG;
use crate::flow_logs::{Cloud, Created};
use crate::rig::{Twin, World, elsewhere};
use reconciler::{Apply, Bound, ClientToken, Fault, FaultClass, Observe};
use std::collections::{BTreeMap, BTreeSet};
use topology::flow_logs::{Change, Desired, FlowLogs, Observed, ObservedGroup, ObservedVpc, Purpose, group_name};
use topology::network::{FlowDestination, FlowLog};
use topology::{Place, Receipt, ResourceId, Scope, Seen, StackId, Unseen, VpcId, VpcName};

/// A shared in-memory cloud of flow logs. Clones are the same one.
pub type TwinFlowLogs = Twin<Cloud>;

impl World for Cloud {
    fn place(&self) -> &Place {
        self.place()
    }

    fn vpcs(&self) -> &BTreeMap<VpcId, Vpc> {
        &self.vpcs
    }

    fn find(&self, id: &ResourceId) -> Option<(&'static str, Option<VpcId>)> {
        let home = || self.logs.get(id).map(|log| log.vpc.clone());
        id.as_str().starts_with("fl-").then(|| ("DescribeFlowLogs", home()))
    }
}

impl Cloud {
    /// A complete and true observation. `role`: what the function was told of the role that delivers.
    pub fn observe(&self, vpcs: &BTreeMap<VpcName, VpcId>, desired: &Desired, role: Option<&str>) -> Observed {
        let wanted = desired.vpcs.keys().filter_map(|name| Some((name, vpcs.get(name)?)));
        let vpcs = wanted.map(|(name, id)| (name.clone(), self.observe_vpc(id)));
        let groups = declared_groups(desired).into_iter().map(|name| {
            let group = self.groups.get(name).map(|group| ObservedGroup { retention_days: group.retention_days });
            (name.to_owned(), group.map_or(Seen::Absent, Seen::Present))
        });
        Observed { vpcs: vpcs.collect(), groups: groups.collect(), role: role.map(ToOwned::to_owned) }
    }

    fn observe_vpc(&self, id: &VpcId) -> Seen<ObservedVpc> {
        let Some(vpc) = self.vpcs.get(id) else { return Seen::Absent };
        let stack = vpc.tags.get(STACK_TAG).map(|arn| StackId::new(arn.as_str()));
        Seen::Present(ObservedVpc { id: id.clone(), stack, logs: self.logs_of(id) })
    }

    /// Makes a change, as the adapter would.
    ///
    /// # Errors
    /// What AWS would refuse it for, on either plane.
    pub fn apply(&mut self, change: &Change, token: Option<&str>) -> Result<Receipt, Refusal> {
        let already = Ok(Receipt { already: true, ..Receipt::default() });
        let created = match change {
            Change::CreateGroup { group, name: _, tags } => match self.create_group(group_name(&group.id), tags) {
                Err(refusal) if refusal.code == "ResourceAlreadyExistsException" => return already,
                answer => answer.map(|()| vec![])?,
            },
            Change::Retain { group, name: _, days, before: _ } => {
                self.retain(group_name(&group.id), *days).map(|()| vec![])?
            }
            Change::Create { vpc, name: _, spec, tags, purpose: Purpose::Declared | Purpose::Probe { of: _ } } => {
                match self.create_flow_log(&VpcId::new(vpc.id.as_str()), spec, tags, token) {
                    // It is there, equal to what was asked for.
                    Err(refusal) if refusal.code == "FlowLogAlreadyExists" => return already,
                    Ok(Created { ids, unsuccessful }) => match unsuccessful.into_iter().next() {
                        None => ids,
                        Some(refusal) => return Err(refusal),
                    },
                    Err(refusal) => return Err(refusal),
                }
            }
            Change::Delete { log, vpc: _, name: _, spec: _, tags: _ } => match self.delete_flow_log(&log.id) {
                Err(refusal) if refusal.code == "InvalidFlowLogId.NotFound" => return already,
                answer => answer.map(|()| vec![])?,
            },
        };
        Ok(Receipt { created, request_id: None, already: false })
    }
}

/// The log groups that a topology declares.
fn declared_groups(desired: &Desired) -> BTreeSet<&str> {
    let logs = desired.vpcs.values().flatten();
    logs.filter_map(|FlowLog { traffic: _, destination, interval_seconds: _, format: _ }| match destination {
        FlowDestination::CloudWatch { log_group, retention_days: _ } => Some(log_group.as_str()),
        FlowDestination::S3 { .. } => None,
    })
    .collect()
}

/// The role that the twin's function was told of.
pub const DELIVERY_ROLE: &str = "arn:aws:iam::111122223333:role/plumbline-flow-logs-delivery";

impl Observe<FlowLogs> for TwinFlowLogs {
    async fn observe(&self, bound: &Bound, desired: &Desired, _: &Scope) -> Observed {
        let mut inner = self.lock();
        let role = Some(DELIVERY_ROLE.to_owned());
        let seen = elsewhere(&inner.now, &bound.place, "DescribeFlowLogs").and_then(|()| {
            inner.call("DescribeVpcs", None, 0)?;
            inner.call("DescribeFlowLogs", None, 0)
        });
        if let Err(fault) = seen {
            let failed = Unseen::Failed { retryable: fault.is_retryable(), why: fault.to_string() };
            let bound = desired.vpcs.keys().filter(|name| bound.vpcs.contains_key(*name));
            let vpcs = bound.map(|name| (name.clone(), Seen::Unknown(failed.clone()))).collect();
            return Observed { vpcs, groups: BTreeMap::new(), role };
        }
        let names: BTreeSet<String> = declared_groups(desired).into_iter().map(ToOwned::to_owned).collect();
        let groups = match names.is_empty() {
            true => Ok(false),
            false => inner.call("DescribeLogGroups", None, 0),
        };
        let mut observed = inner.seen().observe(&bound.vpcs, desired, role.as_deref());
        if let Err(fault) = groups {
            let failed = Unseen::Failed { retryable: fault.is_retryable(), why: fault.to_string() };
            observed.groups = names.into_iter().map(|name| (name, Seen::Unknown(failed.clone()))).collect();
        }
        observed
    }
}

/// The name of the API operation of a change.
fn operation(change: &Change) -> &'static str {
    match change {
        Change::CreateGroup { .. } => "CreateLogGroup",
        Change::Retain { group: _, name: _, days: Some(_), before: _ } => "PutRetentionPolicy",
        Change::Retain { group: _, name: _, days: None, before: _ } => "DeleteRetentionPolicy",
        Change::Create { .. } => "CreateFlowLogs",
        Change::Delete { .. } => "DeleteFlowLogs",
    }
}

impl Apply<FlowLogs> for TwinFlowLogs {
    async fn apply(&self, place: &Place, change: &Change, token: &ClientToken) -> Result<Receipt, Fault> {
        use topology::Action;
        let mut inner = self.lock();
        let operation = operation(change);
        elsewhere(&inner.now, place, operation)?;
        let lost = inner.call(operation, Some(&change.resource().id), 0)?;
        match inner.change(operation, lost, |cloud| cloud.apply(change, Some(&token.0))) {
            Ok(answer) => answer,
            Err(Refusal { code, message }) => {
                inner.refused(&code);
                // As the AWS adapter does: a role that was made a moment ago cannot be assumed yet.
                let fresh = message.contains("Unable to assume given IAM role");
                let class = if fresh { FaultClass::Retryable } else { FaultClass::Terminal };
                Err(Fault { operation: operation.into(), class, code: Some(code), message, remedy: None })
            }
        }
    }
}
