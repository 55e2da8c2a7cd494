//! Security groups of the in-memory EC2 behind the loop's ports.

use crate::ec2::{Ec2, Refusal, Vpc};
use crate::ec2_control::operation;
use crate::rig::{Twin, World, elsewhere};
use reconciler::{Apply, Bound, ClientToken, Fault, FaultClass, Observe};
use std::collections::BTreeMap;
use topology::security_groups::{Change, Desired, Observed, SecurityGroups};
use topology::{Place, Receipt, ResourceId, Scope, Seen, Unseen, VpcId};

/// A shared in-memory EC2. Clones are the same one.
pub type TwinEc2 = Twin<Ec2>;

impl World for Ec2 {
    fn place(&self) -> &Place {
        self.place()
    }

    fn vpcs(&self) -> &BTreeMap<VpcId, Vpc> {
        &self.vpcs
    }

    fn find(&self, id: &ResourceId) -> Option<(&'static str, Option<VpcId>)> {
        let home = || self.groups.get(id).map(|group| group.vpc.clone());
        id.as_str().starts_with("sg-").then(|| ("DescribeSecurityGroups", home()))
    }
}

impl Observe<SecurityGroups> for TwinEc2 {
    async fn observe(&self, bound: &Bound, desired: &Desired, scope: &Scope) -> Observed {
        let mut inner = self.lock();
        if let Err(fault) = elsewhere(&inner.now, &bound.place, "DescribeSecurityGroupRules") {
            return unseen(bound, desired, &fault);
        }
        // The ids that were read before need no second look at their groups; a VPC does, and so does a group without rules.
        let warm = match scope {
            Scope::Everything => false,
            Scope::Only(ids) => {
                ids.iter().all(|id| inner.known.contains(id) && inner.now.rules.values().any(|rule| rule.group == *id))
            }
        };
        if !warm && let Err(fault) = inner.call("DescribeSecurityGroups", None, 0) {
            return unseen(bound, desired, &fault);
        }
        if let Err(fault) = inner.call("DescribeSecurityGroupRules", None, 0) {
            return unseen(bound, desired, &fault);
        }
        let known: Vec<ResourceId> = inner.now.groups.keys().cloned().collect();
        inner.known.extend(known);
        inner.seen().observe(&bound.vpcs, desired, scope)
    }
}

fn unseen(bound: &Bound, desired: &Desired, fault: &Fault) -> Observed {
    let failed = Unseen::Failed { retryable: fault.is_retryable(), why: fault.to_string() };
    let bound = desired.vpcs.keys().filter(|name| bound.vpcs.contains_key(*name));
    Observed { vpcs: bound.map(|name| (name.clone(), Seen::Unknown(failed.clone()))).collect() }
}

impl Apply<SecurityGroups> for TwinEc2 {
    async fn apply(&self, place: &Place, change: &Change, _: &ClientToken) -> Result<Receipt, Fault> {
        let mut inner = self.lock();
        let operation = operation(change);
        elsewhere(&inner.now, place, &operation)?;
        let lost = inner.call(&operation, Some(&change.group().key.id), change.len())?;
        match inner.change(&operation, lost, |ec2| ec2.apply(change)) {
            Ok(answer) => answer,
            Err(refusal) => {
                inner.refused(&refusal.code);
                // As the AWS adapter does: a lone rule that is there, or gone, already is what was asked for.
                let so_already = match change {
                    Change::Authorize { .. } => refusal.code == "InvalidPermission.Duplicate",
                    Change::Revoke { .. } => refusal.code == "InvalidSecurityGroupRuleId.NotFound",
                    Change::Redescribe { .. } => false,
                };
                if so_already && change.len() == 1 {
                    return Ok(Receipt { already: true, ..Receipt::default() });
                }
                Err(classify(operation, change.len(), refusal))
            }
        }
    }
}

/// As the AWS adapter does: one bad rule among several makes a batch to be split.
fn classify(operation: String, rules: usize, refusal: Refusal) -> Fault {
    let Refusal { code, message } = refusal;
    let one_of_many = [
        "InvalidPermission.Duplicate",
        "InvalidSecurityGroupRuleId.NotFound",
        "InvalidGroup.NotFound",
        "InvalidPrefixListID.NotFound",
        "InvalidParameterValue",
        "RulesPerSecurityGroupLimitExceeded",
    ];
    let batch = rules > 1 && one_of_many.contains(&code.as_str());
    let class = if batch { FaultClass::Batch } else { FaultClass::Terminal };
    let remedy = (code == "RulesPerSecurityGroupLimitExceeded")
        .then(|| "raise the quota of rules per security group, or declare fewer".to_owned());
    Fault { operation, class, code: Some(code), message, remedy }
}
