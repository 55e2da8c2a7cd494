//! The control's own words on the in-memory route tables, and the loop's ports over them.

use crate::ec2::Refusal;
use crate::nat::{Nets, Table};
use crate::nat_ports::{TwinNat, stack};
use crate::rig::elsewhere;
use reconciler::{Apply, Bound, ClientToken, Fault, FaultClass, Observe};
use std::collections::{BTreeMap, BTreeSet};
use topology::routes::{
    Change, Desired, DnsAttribute, LOCAL, Observed, ObservedDns, ObservedGateway, ObservedRoute, ObservedSubnet,
    ObservedTable, ObservedVpc, Origin, Routes,
};
use topology::{Place, Receipt, ResourceId, Seen, Unseen, VpcId, VpcName};

/// The tag that CloudFormation writes: the place of a resource in its template.
pub const LOGICAL_ID: &str = "aws:cloudformation:logical-id";

impl Nets {
    /// A complete and true observation of all that the control keeps.
    pub fn observe_routes(&self, vpcs: &BTreeMap<VpcName, VpcId>, desired: &Desired) -> Observed {
        let seen = desired.vpcs.iter().filter_map(|(name, declared)| {
            let id = vpcs.get(name)?;
            let vpc = self.vpcs.get(id).map(|vpc| {
                let (support, hostnames) = self.dns_of(id);
                let asked = |declared: Option<bool>, now| match declared {
                    Some(_) => Seen::Present(now),
                    None => Seen::Unknown(Unseen::OutOfScope),
                };
                let subnets = self.subnets.iter().filter(|(_, subnet)| subnet.vpc == *id);
                let tables = self.tables.iter().filter(|(_, table)| table.vpc == *id);
                ObservedVpc {
                    id: id.clone(),
                    ranges: BTreeSet::from([vpc.cidr.to_string()]),
                    stack: stack(&vpc.tags),
                    dns: ObservedDns {
                        support: asked(declared.dns.support, support),
                        hostnames: asked(declared.dns.hostnames, hostnames),
                    },
                    subnets: Seen::Present(
                        subnets
                            .map(|(id, subnet)| ObservedSubnet {
                                id: id.clone(),
                                cidr: subnet.cidr,
                                zone: subnet.zone.clone(),
                                public_on_launch: self.public_on_launch.contains(id),
                                stack: stack(&subnet.tags),
                                tags: subnet.tags.clone(),
                            })
                            .collect(),
                    ),
                    tables: Seen::Present(tables.map(|(id, table)| self.table_with_routes(id, table)).collect()),
                }
            });
            Some((name.clone(), vpc.map_or(Seen::Absent, Seen::Present)))
        });
        let gateways = self.internet_tags.iter().map(|(id, tags)| ObservedGateway {
            id: id.clone(),
            vpc: self.internet.get(id).cloned(),
            stack: stack(tags),
            tags: tags.clone(),
        });
        Observed { vpcs: seen.collect(), gateways: Seen::Present(gateways.collect()) }
    }

    fn table_with_routes(&self, id: &ResourceId, table: &Table) -> ObservedTable {
        let route = |destination: &str, target: &ResourceId, origin| ObservedRoute {
            destination: destination.to_owned(),
            target: target.clone(),
            blackhole: self.blackhole(table, target),
            origin,
        };
        let origin = |written| if written { Origin::Written } else { Origin::Others };
        let own = self.vpcs.get(&table.vpc).map(|vpc| vpc.cidr.to_string()).unwrap_or_default();
        let mut routes: Vec<ObservedRoute> = vec![];
        if table.others.iter().all(|(destination, _, _)| *destination != own) {
            routes.push(route(&own, &LOCAL.into(), Origin::Table));
        }
        for (destination, target, written) in &table.others {
            let from = if *destination == own { Origin::Table } else { origin(*written) };
            routes.push(route(destination, target, from));
        }
        routes.extend(table.default.iter().map(|(target, written)| route("0.0.0.0/0", target, origin(*written))));
        ObservedTable {
            id: id.clone(),
            main: table.main,
            subnets: table.subnets.clone(),
            routes,
            stack: stack(&table.tags),
            tags: table.tags.clone(),
        }
    }

    /// Whether a subnet is associated with a table outright.
    fn uses(&self, subnet: &ResourceId, table: &ResourceId) -> bool {
        self.tables.get(table).is_some_and(|table| table.subnets.contains_key(subnet))
    }

    /// Makes a change, as the adapter does.
    ///
    /// # Errors
    /// What the adapter makes of EC2's refusals.
    pub fn apply_routes(&mut self, change: &Change, token: &str) -> Result<Receipt, Fault> {
        let operation = operation(change);
        let refused = |refusal: Refusal| classify(operation, refusal);
        let done = |answer: Result<(), Refusal>| answer.map(|()| Receipt::default()).map_err(refused);
        let made = |answer: Result<ResourceId, Refusal>| {
            answer.map(|id| Receipt { created: vec![id], ..Receipt::default() }).map_err(refused)
        };
        let already = || Receipt { already: true, ..Receipt::default() };
        match change {
            Change::CreateTable { subnet: _, vpc, tags } => made(self.make_table(vpc, tags.clone(), token)),
            Change::DeleteTable { table } => match self.drop_table(&table.key.id) {
                Err(refusal) if refusal.code == "InvalidRouteTableID.NotFound" => Ok(already()),
                answer => done(answer),
            },
            Change::Associate { subnet, to, back: _ } => made(self.seat(to, &subnet.key.id)),
            Change::Move { subnet, association, from: _, to, back: _ } => match self.reseat(association, to) {
                Err(refusal) if refusal.code == "InvalidAssociationID.NotFound" && self.uses(&subnet.key.id, to) => {
                    Ok(already())
                }
                answer => made(answer),
            },
            Change::Disassociate { subnet: _, association, from: _ } => match self.unseat(association) {
                Err(refusal) if refusal.code == "InvalidAssociationID.NotFound" => Ok(already()),
                answer => done(answer),
            },
            Change::CreateRoute { table, destination, to } => match self.add_route(&table.key.id, destination, to) {
                Err(refusal) if refusal.code == "RouteAlreadyExists" => match self.route(&table.key.id, destination) {
                    Some(there) if there == *to => Ok(already()),
                    _ => Err(moved(operation)),
                },
                answer => done(answer),
            },
            Change::ReplaceRoute { table, destination, from, back: _, to } => {
                let now = self.route(&table.key.id, destination).unwrap_or_else(|| LOCAL.into());
                match now {
                    now if now == *to => Ok(already()),
                    now if now == *from => done(self.turn_route(&table.key.id, destination, to)),
                    _ => Err(moved(operation)),
                }
            }
            Change::DeleteRoute { table, destination, target, back: _ } => {
                match self.route(&table.key.id, destination) {
                    None => Ok(already()),
                    Some(now) if now == *target => done(self.remove_route(&table.key.id, destination)),
                    Some(_) => Err(moved(operation)),
                }
            }
            Change::AttachGateway { vpc, gateway } => {
                let id = VpcId::new(vpc.key.id.as_str());
                if self.internet.get(gateway) == Some(&id) {
                    return Ok(already());
                }
                done(self.plug(gateway, &id))
            }
            Change::DetachGateway { vpc, gateway, back: _ } => {
                match self.unplug(gateway, &VpcId::new(vpc.key.id.as_str())) {
                    Err(refusal)
                        if ["Gateway.NotAttached", "InvalidInternetGatewayID.NotFound"]
                            .contains(&refusal.code.as_str()) =>
                    {
                        Ok(already())
                    }
                    answer => done(answer),
                }
            }
            Change::PublicOnLaunch { subnet, on } => {
                match on {
                    true => self.public_on_launch.insert(subnet.key.id.clone()),
                    false => self.public_on_launch.remove(&subnet.key.id),
                };
                Ok(Receipt::default())
            }
            Change::Dns { vpc, attribute, on } => {
                let id = VpcId::new(vpc.key.id.as_str());
                let (support, hostnames) = self.dns_of(&id);
                let now = match attribute {
                    DnsAttribute::Support => (*on, hostnames),
                    DnsAttribute::Hostnames => (support, *on),
                };
                self.dns.insert(id, now);
                Ok(Receipt::default())
            }
        }
    }
}

fn moved(operation: &str) -> Fault {
    Fault::new(operation, FaultClass::Retryable, "the route was moved meanwhile")
}

fn classify(operation: &str, refusal: Refusal) -> Fault {
    let Refusal { code, message } = refusal;
    // What is not there any more, or not yet: the next look decides anew.
    let later = ["InvalidAssociationID.NotFound", "InvalidRouteTableID.NotFound", "Resource.AlreadyAssociated"];
    let class = if later.contains(&code.as_str()) { FaultClass::Retryable } else { FaultClass::Terminal };
    let remedy = (code == "DependencyViolation").then(|| "unmap the public addresses first".to_owned());
    Fault { operation: operation.into(), class, code: Some(code), message, remedy }
}

/// The call that a change is.
fn operation(change: &Change) -> &'static str {
    match change {
        Change::CreateTable { .. } => "CreateRouteTable",
        Change::DeleteTable { .. } => "DeleteRouteTable",
        Change::Associate { .. } => "AssociateRouteTable",
        Change::Move { .. } => "ReplaceRouteTableAssociation",
        Change::Disassociate { .. } => "DisassociateRouteTable",
        Change::CreateRoute { .. } => "CreateRoute",
        Change::ReplaceRoute { .. } => "ReplaceRoute",
        Change::DeleteRoute { .. } => "DeleteRoute",
        Change::AttachGateway { .. } => "AttachInternetGateway",
        Change::DetachGateway { .. } => "DetachInternetGateway",
        Change::PublicOnLaunch { .. } => "ModifySubnetAttribute",
        Change::Dns { .. } => "ModifyVpcAttribute",
    }
}

impl Observe<Routes> for TwinNat {
    async fn observe(&self, bound: &Bound, desired: &Desired, _: &topology::Scope) -> Observed {
        let mut inner = self.lock();
        let mut faults = BTreeMap::new();
        let calls = [
            "DescribeVpcs",
            "DescribeSubnets",
            "DescribeRouteTables",
            "DescribeInternetGateways",
            "DescribeVpcAttribute",
        ];
        for call in calls {
            let looked = elsewhere(&inner.now, &bound.place, call).and_then(|()| inner.call(call, None, 0));
            if let Err(fault) = looked {
                faults.insert(call, Unseen::Failed { retryable: fault.is_retryable(), why: fault.to_string() });
            }
        }
        let mut observed = inner.seen().observe_routes(&bound.vpcs, desired);
        for (call, unseen) in faults {
            if call == "DescribeInternetGateways" {
                observed.gateways = Seen::Unknown(unseen);
                continue;
            }
            for seen in observed.vpcs.values_mut() {
                match (call, &mut *seen) {
                    ("DescribeVpcs", _) => *seen = Seen::Unknown(unseen.clone()),
                    ("DescribeSubnets", Seen::Present(vpc)) => vpc.subnets = Seen::Unknown(unseen.clone()),
                    ("DescribeRouteTables", Seen::Present(vpc)) => vpc.tables = Seen::Unknown(unseen.clone()),
                    (_, Seen::Present(vpc)) => {
                        for attribute in [&mut vpc.dns.support, &mut vpc.dns.hostnames] {
                            if attribute.present().is_some() {
                                *attribute = Seen::Unknown(unseen.clone());
                            }
                        }
                    }
                    (_, Seen::Absent | Seen::Unknown(_)) => {}
                }
            }
        }
        observed
    }
}

impl Apply<Routes> for TwinNat {
    async fn apply(&self, place: &Place, change: &Change, token: &ClientToken) -> Result<Receipt, Fault> {
        let mut inner = self.lock();
        let operation = operation(change);
        elsewhere(&inner.now, place, operation)?;
        let id = topology::Action::resource(change).id;
        let lost = inner.call(operation, Some(&id), 1)?;
        match inner.change(operation, lost, |nets| nets.apply_routes(change, &token.0)) {
            Ok(answer) => answer,
            Err(fault) => {
                inner.refused(fault.code.as_deref().unwrap_or("moved"));
                Err(fault)
            }
        }
    }
}
