//! The control's own words on the in-memory gateways, and the loop's ports over them.

use crate::ec2::{Refusal, Vpc};
use crate::ec2_control::STACK_TAG;
use crate::nat::{Gateway, Nets, Table};
use crate::rig::{Twin, World, elsewhere};
use reconciler::{Apply, Bound, ClientToken, Fault, FaultClass, Observe};
use std::collections::BTreeMap;
use topology::nat::{
    Change, DefaultRoute, Desired, Nat, Observed, ObservedAddress, ObservedGateway, ObservedSubnet, ObservedTable,
    ObservedVpc, OtherRoute, UsedAddress,
};
use topology::{Place, Receipt, ResourceId, Scope, Seen, StackId, Unseen, VpcId, VpcName};

/// A shared in-memory account of gateways. Clones are the same one.
pub type TwinNat = Twin<Nets>;

/// The tag that holds the client token by which an address was asked for.
const INTENT: &str = "plumbline:intent";

impl World for Nets {
    fn place(&self) -> &Place {
        self.place()
    }

    fn vpcs(&self) -> &BTreeMap<VpcId, Vpc> {
        &self.vpcs
    }

    fn find(&self, id: &ResourceId) -> Option<(&'static str, Option<VpcId>)> {
        Some(match id.as_str().split_once('-')?.0 {
            "nat" => ("DescribeNatGateways", self.gateways.get(id).map(|gateway| gateway.vpc.clone())),
            "subnet" => ("DescribeSubnets", self.subnets.get(id).map(|subnet| subnet.vpc.clone())),
            "rtb" => ("DescribeRouteTables", self.tables.get(id).map(|table| table.vpc.clone())),
            "rtbassoc" => (
                "DescribeRouteTables",
                self.tables
                    .values()
                    .find(|table| table.subnets.values().any(|at| at == id))
                    .map(|table| table.vpc.clone()),
            ),
            "igw" => ("DescribeInternetGateways", self.internet.get(id).cloned()),
            _ => return None,
        })
    }
}

pub(crate) fn stack(tags: &BTreeMap<String, String>) -> Option<StackId> {
    tags.get(STACK_TAG).map(|arn| StackId::new(arn.as_str()))
}

impl Nets {
    /// A complete and true observation of what the scope covers.
    pub fn observe(&self, vpcs: &BTreeMap<VpcName, VpcId>, desired: &Desired, scope: &Scope) -> Observed {
        let vpcs = desired.vpcs.keys().filter_map(|name| Some((name, vpcs.get(name)?))).map(|(name, id)| {
            let seen = match (scope.covers(id.as_str()), self.vpcs.contains_key(id)) {
                (false, _) => Seen::Unknown(Unseen::OutOfScope),
                (true, false) => Seen::Absent,
                (true, true) => Seen::Present(self.observe_vpc(id)),
            };
            (name.clone(), seen)
        });
        let addresses = self.addresses.iter().map(|(id, address)| ObservedAddress {
            allocation: id.clone(),
            public_ip: address.public_ip.clone(),
            association: address.user.as_ref().map(|user| ResourceId::new(format!("eipassoc-{user}"))),
            user: address.user.as_ref().map(|user| match user.as_str().starts_with("nat-") {
                true => ResourceId::new(format!("eni-{user}")),
                false => user.clone(),
            }),
            tags: address.tags.clone(),
        });
        Observed {
            vpcs: vpcs.collect(),
            addresses: Seen::Present(addresses.collect()),
            away: Seen::Present(self.away.clone()),
        }
    }

    fn observe_vpc(&self, id: &VpcId) -> ObservedVpc {
        let subnets = self.subnets.iter().filter(|(_, subnet)| subnet.vpc == *id).map(|(id, subnet)| ObservedSubnet {
            id: id.clone(),
            cidr: subnet.cidr,
            zone: subnet.zone.clone(),
            zone_id: zone_id(subnet.zone.as_str()),
            stack: stack(&subnet.tags),
        });
        let gateways = self.gateways.iter().filter(|(_, gateway)| gateway.vpc == *id);
        let tables = self.tables.iter().filter(|(_, table)| table.vpc == *id);
        ObservedVpc {
            id: id.clone(),
            gateways: Seen::Present(gateways.map(|(id, gateway)| self.gateway(id, gateway)).collect()),
            subnets: Seen::Present(subnets.collect()),
            tables: Seen::Present(tables.map(|(id, table)| self.shown(id, table)).collect()),
        }
    }

    fn gateway(&self, id: &ResourceId, gateway: &Gateway) -> ObservedGateway {
        let up = gateway.state != topology::nat::GatewayState::Pending;
        let used = gateway.allocation.iter().map(|allocation| UsedAddress {
            allocation: Some(allocation.clone()),
            public_ip: self.addresses.get(allocation).map(|address| address.public_ip.clone()),
        });
        ObservedGateway {
            id: id.clone(),
            state: gateway.state,
            failure: gateway.failure.clone().filter(|_| up),
            public: gateway.public,
            availability: gateway.availability,
            subnet: gateway.subnet.clone(),
            addresses: used.collect(),
            created: gateway.created,
            stack: stack(&gateway.tags),
            tags: gateway.tags.clone(),
        }
    }

    fn shown(&self, id: &ResourceId, table: &Table) -> ObservedTable {
        ObservedTable {
            id: id.clone(),
            main: table.main,
            subnets: table.subnets.clone(),
            default: self.default_route(table),
            others: (table.others.iter())
                .map(|(destination, target, written)| OtherRoute {
                    destination: destination.clone(),
                    target: target.clone(),
                    written: *written,
                })
                .collect(),
            stack: stack(&table.tags),
        }
    }

    /// A table's default route as AWS shows it.
    pub fn default_route(&self, table: &Table) -> Option<DefaultRoute> {
        let (target, written) = table.default.clone()?;
        Some(DefaultRoute { blackhole: self.blackhole(table, &target), target, written })
    }

    /// Makes a change, as the adapter does.
    ///
    /// # Errors
    /// What the adapter makes of EC2's refusals.
    pub fn apply(&mut self, change: &Change, token: &str) -> Result<Receipt, Fault> {
        let operation = operation(change);
        let refused = |refusal: Refusal| classify(operation, refusal);
        let made = |id| Receipt { created: vec![id], ..Receipt::default() };
        let already = || Receipt { already: true, ..Receipt::default() };
        let now = |nets: &Self, table: &ResourceId| {
            nets.tables.get(table).and_then(|table| table.default.as_ref().map(|(target, _)| target.clone()))
        };
        match change {
            Change::AllocateAddress { vpc: _, tags } => {
                let same = |(_, address): &(&ResourceId, &crate::nat::Address)| {
                    address.tags.get(INTENT).is_some_and(|tag| tag == token)
                };
                if let Some((id, _)) = self.addresses.iter().find(same) {
                    return Ok(made(id.clone()));
                }
                let mut tags = tags.clone();
                tags.insert(INTENT.into(), token.into());
                self.allocate(tags).map(made).map_err(refused)
            }
            Change::CreateGateway { home: _, gateway, tags } => {
                self.create_gateway(gateway, tags.clone(), token).map(made).map_err(refused)
            }
            Change::CreateRoute { table, to } => match self.create_route(&table.key.id, to) {
                Err(refusal) if refusal.code == "RouteAlreadyExists" => match now(self, &table.key.id) {
                    Some(target) if target == *to => Ok(already()),
                    _ => Err(moved(operation)),
                },
                answer => answer.map(|()| Receipt::default()).map_err(refused),
            },
            Change::ReplaceRoute { table, from, from_works: _, to } => match now(self, &table.key.id) {
                Some(target) if target == *to => Ok(already()),
                Some(target) if target == *from => {
                    self.replace_route(&table.key.id, to).map(|()| Receipt::default()).map_err(refused)
                }
                _ => Err(moved(operation)),
            },
            Change::DeleteRoute { table, target } => match now(self, &table.key.id) {
                None => Ok(already()),
                Some(there) if there == *target => {
                    self.delete_route(&table.key.id).map(|()| Receipt::default()).map_err(refused)
                }
                Some(_) => Err(moved(operation)),
            },
            Change::DeleteGateway { gateway } => match self.delete_gateway(&gateway.key.id) {
                Err(refusal) if refusal.code == "NatGatewayNotFound" => Ok(already()),
                answer => answer.map(|()| Receipt::default()).map_err(refused),
            },
            Change::ReleaseAddress { address, public_ip: _ } => match self.release(&address.key.id) {
                Err(refusal) if refusal.code == "InvalidAllocationID.NotFound" => Ok(already()),
                answer => answer.map(|()| Receipt::default()).map_err(refused),
            },
        }
    }
}

/// The id of a zone in this account.
pub fn zone_id(letter: &str) -> ResourceId {
    let number = letter.bytes().next().unwrap_or(b'a').saturating_sub(b'a') + 1;
    ResourceId::new(format!("euw1-az{number}"))
}

fn moved(operation: &str) -> Fault {
    Fault::new(operation, FaultClass::Retryable, "the default route was moved meanwhile")
}

fn classify(operation: &str, refusal: Refusal) -> Fault {
    let Refusal { code, message } = refusal;
    // What is not there yet, or not free yet.
    let later = ["InvalidNatGatewayID.NotFound", "AuthFailure"].contains(&code.as_str());
    let class = if later { FaultClass::Retryable } else { FaultClass::Terminal };
    let remedy = match code.as_str() {
        "AddressLimitExceeded" => Some("raise the quota of Elastic IP addresses".to_owned()),
        "NatGatewayLimitExceeded" => Some("raise the quota of NAT gateways in an Availability Zone".to_owned()),
        _ => None,
    };
    Fault { operation: operation.into(), class, code: Some(code), message, remedy }
}

/// The call that a change is.
fn operation(change: &Change) -> &'static str {
    match change {
        Change::AllocateAddress { .. } => "AllocateAddress",
        Change::CreateGateway { .. } => "CreateNatGateway",
        Change::CreateRoute { .. } => "CreateRoute",
        Change::ReplaceRoute { .. } => "ReplaceRoute",
        Change::DeleteRoute { .. } => "DeleteRoute",
        Change::DeleteGateway { .. } => "DeleteNatGateway",
        Change::ReleaseAddress { .. } => "ReleaseAddress",
    }
}

impl Observe<Nat> for TwinNat {
    async fn observe(&self, bound: &Bound, desired: &Desired, scope: &Scope) -> Observed {
        let mut inner = self.lock();
        let mut faults = BTreeMap::new();
        let calls =
            ["DescribeNatGateways", "DescribeSubnets", "DescribeRouteTables", "DescribeAddresses", "ListAutoshifts"];
        for call in calls {
            let looked = elsewhere(&inner.now, &bound.place, call).and_then(|()| inner.call(call, None, 0));
            if let Err(fault) = looked {
                faults.insert(call, Unseen::Failed { retryable: fault.is_retryable(), why: fault.to_string() });
            }
        }
        let mut observed = inner.seen().observe(&bound.vpcs, desired, scope);
        for (call, unseen) in faults {
            match call {
                "DescribeAddresses" => observed.addresses = Seen::Unknown(unseen),
                "ListAutoshifts" => observed.away = Seen::Unknown(unseen),
                _ => observed.vpcs.values_mut().for_each(|vpc| {
                    let Seen::Present(vpc) = vpc else { return };
                    match call {
                        "DescribeNatGateways" => vpc.gateways = Seen::Unknown(unseen.clone()),
                        "DescribeSubnets" => vpc.subnets = Seen::Unknown(unseen.clone()),
                        _ => vpc.tables = Seen::Unknown(unseen.clone()),
                    }
                }),
            }
        }
        observed
    }
}

impl Apply<Nat> for TwinNat {
    async fn apply(&self, place: &Place, change: &Change, token: &ClientToken) -> Result<Receipt, Fault> {
        let mut inner = self.lock();
        let operation = operation(change);
        elsewhere(&inner.now, place, operation)?;
        let id = topology::Action::resource(change).id;
        let lost = inner.call(operation, Some(&id), 1)?;
        match inner.change(operation, lost, |nets| nets.apply(change, &token.0)) {
            Ok(answer) => answer,
            Err(fault) => {
                inner.refused(fault.code.as_deref().unwrap_or("moved"));
                Err(fault)
            }
        }
    }
}
