//! Everything with a public address of the in-memory cloud behind the loop's ports.

use crate::ec2::{Refusal, Vpc};
use crate::exposure::Estate;
use crate::rig::{Twin, World, elsewhere};
use reconciler::{Apply, Bound, ClientToken, Fault, FaultClass, Observe};
use std::collections::{BTreeMap, BTreeSet};
use topology::exposure::{Change, Desired, Exposure, Listing, Observed, ObservedVpc, TaskNetwork};
use topology::{Place, Receipt, ResourceId, Scope, Seen, Unseen, VpcId, VpcName};

/// A shared in-memory estate. Clones are the same one.
pub type TwinEstate = Twin<Estate>;

impl World for Estate {
    fn place(&self) -> &Place {
        self.place()
    }

    fn vpcs(&self) -> &BTreeMap<VpcId, Vpc> {
        &self.vpcs
    }

    fn find(&self, id: &ResourceId) -> Option<(&'static str, Option<VpcId>)> {
        let subnet = |id: &ResourceId| self.subnets.get(id).map(|(vpc, _)| vpc.clone());
        match id.as_str().rsplit_once('-')?.0 {
            "subnet" => Some(("DescribeSubnets", subnet(id))),
            "eni" => {
                let home = self.interfaces.get(id).and_then(|interface| subnet(&interface.subnet));
                Some(("DescribeNetworkInterfaces", home))
            }
            _ => None,
        }
    }
}

impl Estate {
    /// A complete and true observation.
    pub fn observe(&self, vpcs: &BTreeMap<VpcName, VpcId>, desired: &Desired) -> Observed {
        let wanted = desired.vpcs.keys().filter_map(|name| Some((name, vpcs.get(name)?)));
        Observed {
            vpcs: wanted.map(|(name, id)| (name.clone(), self.observe_vpc(name, id, desired))).collect(),
            databases: Ok(self.databases.values().cloned().collect()),
            services: Ok(self.services.values().cloned().collect()),
            balancers: Ok(self.balancers.values().cloned().collect()),
        }
    }

    fn observe_vpc(&self, name: &VpcName, id: &VpcId, desired: &Desired) -> Seen<ObservedVpc> {
        if !self.vpcs.contains_key(id) {
            return Seen::Absent;
        }
        let here = self.subnets.iter().filter(|(_, (vpc, _))| vpc == id);
        let subnets: BTreeMap<_, _> = here.map(|(subnet, (_, cidr))| (subnet.clone(), *cidr)).collect();
        let named: BTreeSet<&str> = desired.groups_of(name);
        let groups = self.groups.iter().filter(|(_, (vpc, name))| vpc == id && named.contains(name.as_str()));
        let groups = groups.map(|(group, (_, name))| (name.clone(), group.clone())).collect();
        let interfaces = self.interfaces.values().filter(|interface| subnets.contains_key(&interface.subnet));
        let interfaces = interfaces.cloned().collect();
        Seen::Present(ObservedVpc { id: id.clone(), subnets, groups, interfaces })
    }

    /// Makes a change, as the adapter would.
    ///
    /// # Errors
    /// What AWS would refuse it for.
    pub fn apply(&mut self, change: &Change) -> Result<Receipt, Refusal> {
        let (answer, gone) = match change {
            Change::Database { database: _, name: _, identifier, public } => {
                (self.modify_database(identifier, *public).map(|()| vec![]), "DBInstanceNotFound")
            }
            Change::Service { service: _, name: _, cluster, service_name, network, public } => {
                let TaskNetwork { subnets, groups } = network;
                let updated = self.update_service(cluster, service_name, subnets, groups, *public);
                (updated.map(|()| vec![]), "ServiceNotFoundException")
            }
            Change::Disassociate { interface: _, name: _, address: _, association } => {
                (self.disassociate(association).map(|()| vec![]), "InvalidAssociationID.NotFound")
            }
            Change::Associate { interface, name: _, address } => {
                let allocation = address.allocation.clone().unwrap_or_else(|| "eipalloc-none".into());
                (self.associate(&allocation, &interface.id).map(|id| vec![id]), "")
            }
        };
        match answer {
            Ok(created) => Ok(Receipt { created, request_id: None, already: false }),
            Err(refusal) if refusal.code == gone => Ok(Receipt { already: true, ..Receipt::default() }),
            Err(refusal) => Err(refusal),
        }
    }
}

fn unseen(fault: &Fault) -> Unseen {
    Unseen::Failed { retryable: fault.is_retryable(), why: fault.to_string() }
}

impl Observe<Exposure> for TwinEstate {
    async fn observe(&self, bound: &Bound, desired: &Desired, _: &Scope) -> Observed {
        let mut inner = self.lock();
        let network = elsewhere(&inner.now, &bound.place, "DescribeSubnets").and_then(|()| {
            inner.call("DescribeSubnets", None, 0)?;
            inner.call("DescribeNetworkInterfaces", None, 0)
        });
        let databases = inner.call("DescribeDBInstances", None, 0);
        let services = inner.call("ListClusters", None, 0).and_then(|_| {
            inner.call("ListServices", None, 0)?;
            inner.call("DescribeServices", None, 0)
        });
        let balancers = inner.call("DescribeLoadBalancers", None, 0);
        let mut observed = inner.seen().observe(&bound.vpcs, desired);
        if let Err(fault) = network {
            observed.vpcs.values_mut().for_each(|vpc| *vpc = Seen::Unknown(unseen(&fault)));
        }
        fn failed<T>(listing: &mut Listing<T>, call: Result<bool, Fault>) {
            if let Err(fault) = call {
                *listing = Err(unseen(&fault));
            }
        }
        failed(&mut observed.databases, databases);
        failed(&mut observed.services, services);
        failed(&mut observed.balancers, balancers);
        observed
    }
}

/// The name of the API operation of a change.
fn operation(change: &Change) -> &'static str {
    match change {
        Change::Database { .. } => "ModifyDBInstance",
        Change::Service { .. } => "UpdateService",
        Change::Disassociate { .. } => "DisassociateAddress",
        Change::Associate { .. } => "AssociateAddress",
    }
}

impl Apply<Exposure> for TwinEstate {
    async fn apply(&self, place: &Place, change: &Change, _: &ClientToken) -> Result<Receipt, Fault> {
        use topology::Action;
        let mut inner = self.lock();
        let operation = operation(change);
        elsewhere(&inner.now, place, operation)?;
        let lost = inner.call(operation, Some(&change.resource().id), 0)?;
        match inner.change(operation, lost, |estate| estate.apply(change)) {
            Ok(answer) => answer,
            Err(Refusal { code, message }) => {
                inner.refused(&code);
                // As the AWS adapter does: what is being changed can be changed again later.
                let class = match code.as_str() {
                    "InvalidDBInstanceState" | "Resource.AlreadyAssociated" => FaultClass::Retryable,
                    _ => FaultClass::Terminal,
                };
                Err(Fault { operation: operation.into(), class, code: Some(code), message, remedy: None })
            }
        }
    }
}
