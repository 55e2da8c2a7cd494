//! Endpoints of the in-memory cloud behind the loop's ports.

use crate::ec2::{Refusal, Vpc};
use crate::ec2_control::STACK_TAG;
use crate::endpoints::Ends;
use crate::rig::{Twin, World, elsewhere};
use reconciler::{Apply, Bound, ClientToken, Fault, FaultClass, Observe};
use std::collections::BTreeMap;
use topology::endpoints::{
    Change, Desired, Endpoints, Observed, ObservedGroup, ObservedSubnet, ObservedTable, ObservedVpc,
};
use topology::{Action, Place, Receipt, ResourceId, Scope, Seen, StackId, Unseen, VpcId, VpcName};

/// A shared in-memory cloud of endpoints. Clones are the same one.
pub type TwinEndpoints = Twin<Ends>;

impl World for Ends {
    fn place(&self) -> &Place {
        self.place()
    }

    fn vpcs(&self) -> &BTreeMap<VpcId, Vpc> {
        &self.vpcs
    }

    fn find(&self, id: &ResourceId) -> Option<(&'static str, Option<VpcId>)> {
        Some(match id.as_str().split_once('-')?.0 {
            "vpce" => {
                let shown = self.endpoints.contains_key(id);
                ("DescribeVpcEndpoints", self.homes.get(id).filter(|_| shown).cloned())
            }
            "subnet" => ("DescribeSubnets", self.subnets.get(id).map(|subnet| subnet.vpc.clone())),
            "rtb" => ("DescribeRouteTables", self.tables.get(id).map(|table| table.vpc.clone())),
            _ => return None,
        })
    }
}

impl Ends {
    /// A complete and true observation.
    pub fn observe(&self, vpcs: &BTreeMap<VpcName, VpcId>, desired: &Desired) -> Observed {
        let wanted = desired.vpcs.keys().filter_map(|name| Some((name, vpcs.get(name)?)));
        let seen = wanted.map(|(name, id)| {
            let known = self.vpcs.get(id);
            (name.clone(), known.map_or(Seen::Absent, |vpc| Seen::Present(self.observe_vpc(id, vpc))))
        });
        let services = self.services.iter().map(|(name, found)| (name.clone(), Seen::Present(found.clone())));
        Observed { vpcs: seen.collect(), services: services.collect() }
    }

    fn observe_vpc(&self, id: &VpcId, vpc: &Vpc) -> ObservedVpc {
        let endpoints = self.endpoints.values().filter(|endpoint| self.homes.get(&endpoint.id) == Some(id));
        let subnets = self.subnets.iter().filter(|(_, subnet)| subnet.vpc == *id).map(|(id, subnet)| ObservedSubnet {
            id: id.clone(),
            cidr: subnet.cidr,
            zone: subnet.zone.clone(),
        });
        let tables = self.tables.iter().filter(|(_, table)| table.vpc == *id);
        let tables =
            tables.map(|(id, table)| ObservedTable { id: id.clone(), subnets: table.subnets.clone(), main: false });
        let groups = self.groups.iter().filter(|(_, group)| group.vpc == *id).map(|(id, group)| ObservedGroup {
            id: id.clone(),
            name: group.name.clone(),
            https: group.https.clone(),
        });
        ObservedVpc {
            id: id.clone(),
            stack: vpc.tags.get(STACK_TAG).map(|arn| StackId::new(arn.as_str())),
            endpoints: Seen::Present(endpoints.cloned().collect()),
            subnets: Seen::Present(subnets.collect()),
            tables: Seen::Present(tables.collect()),
            groups: Seen::Present(groups.collect()),
            dns: Seen::Present(self.dns_of(id)),
        }
    }

    /// Makes a change, as the adapter would.
    ///
    /// # Errors
    /// What AWS would refuse it for.
    pub fn apply(&mut self, change: &Change, token: Option<&str>) -> Result<Receipt, Refusal> {
        let created = match change {
            Change::Create { key: _, name: _, endpoint, tags, stand_in: _ } => {
                self.spend("CreateVpcEndpoint")?;
                vec![self.create(endpoint, tags, token)?]
            }
            Change::Modify { endpoint, name: _, edit, zones: _ } => {
                self.spend("ModifyVpcEndpoint")?;
                self.modify(&endpoint.id, edit).map(|()| vec![])?
            }
            Change::Delete { endpoint, name: _, key: _, was: _, tags: _ } => {
                self.spend("DeleteVpcEndpoints")?;
                match self.delete(&endpoint.id) {
                    Err(refusal) if refusal.code == "InvalidVpcEndpoint.NotFound" => {
                        return Ok(Receipt { already: true, ..Receipt::default() });
                    }
                    answer => answer.map(|()| vec![])?,
                }
            }
        };
        Ok(Receipt { created, request_id: None, already: false })
    }
}

impl Observe<Endpoints> for TwinEndpoints {
    async fn observe(&self, bound: &Bound, desired: &Desired, _: &Scope) -> Observed {
        let mut inner = self.lock();
        const CALLS: [&str; 6] = [
            "DescribeVpcs",
            "DescribeVpcEndpoints",
            "DescribeSubnets",
            "DescribeRouteTables",
            "DescribeSecurityGroups",
            "DescribeVpcAttribute",
        ];
        let mut seen = elsewhere(&inner.now, &bound.place, "DescribeVpcEndpoints");
        for call in CALLS {
            seen = seen.and_then(|()| inner.call(call, None, 0).map(|_| ()));
        }
        if let Err(fault) = seen {
            let failed = Unseen::Failed { retryable: fault.is_retryable(), why: fault.to_string() };
            let bound = desired.vpcs.keys().filter(|name| bound.vpcs.contains_key(*name));
            let vpcs = bound.map(|name| (name.clone(), Seen::Unknown(failed.clone()))).collect();
            return Observed { vpcs, services: BTreeMap::new() };
        }
        inner.seen().observe(&bound.vpcs, desired)
    }
}

/// The name of the API operation of a change.
fn operation(change: &Change) -> &'static str {
    match change {
        Change::Create { .. } => "CreateVpcEndpoint",
        Change::Modify { .. } => "ModifyVpcEndpoint",
        Change::Delete { .. } => "DeleteVpcEndpoints",
    }
}

impl Apply<Endpoints> for TwinEndpoints {
    async fn apply(&self, place: &Place, change: &Change, token: &ClientToken) -> Result<Receipt, Fault> {
        let mut inner = self.lock();
        let operation = operation(change);
        elsewhere(&inner.now, place, operation)?;
        let lost = inner.call(operation, Some(&change.resource().id), 0)?;
        match inner.change(operation, lost, |cloud| cloud.apply(change, Some(&token.0))) {
            Ok(answer) => answer,
            Err(Refusal { code, message }) => {
                inner.refused(&code);
                let class = match code.as_str() {
                    "RequestLimitExceeded" => FaultClass::Retryable,
                    "DuplicateSubnetsInSameZone" if !change.split().is_empty() => FaultClass::Batch,
                    // What is on its way out is in the way for a while.
                    "RouteAlreadyExists" if operation == "CreateVpcEndpoint" => FaultClass::Retryable,
                    "InvalidParameter" if message.contains("conflicting DNS domain") => FaultClass::Retryable,
                    _ => FaultClass::Terminal,
                };
                Err(Fault { operation: operation.into(), class, code: Some(code), message, remedy: None })
            }
        }
    }
}
