//! Observing: four calls, whatever the number of subnets and routes, and one for each declared DNS attribute of a VPC, all
//! at once: of a VPC that is gone the attributes are asked for in vain.

use super::mapping;
use crate::clients::Regional;
use crate::errors::{bad_answer, fault, unseen};
use crate::network::{FILTER_VALUES, Network, each, filter, stack, tags};
use crate::route_tables::route_tables;
use aws_sdk_ec2::types::{Vpc, VpcAttributeName};
use reconciler::{Bound, Fault, Observe};
use std::collections::BTreeMap;
use topology::routes::{
    Desired, DesiredVpc, DnsAttribute, Observed, ObservedDns, ObservedGateway, ObservedSubnet, ObservedTable,
    ObservedVpc, Routes,
};
use topology::{Region, Scope, Seen, Unseen, VpcId, VpcName};

/// What was found, by VPC. One without an entry has none.
type ByVpc<T> = BTreeMap<VpcId, Vec<T>>;

impl Observe<Routes> for Network {
    async fn observe(&self, bound: &Bound, desired: &Desired, _: &Scope) -> Observed {
        let wanted: BTreeMap<&VpcName, (&VpcId, &DesiredVpc)> = desired
            .vpcs
            .iter()
            .filter_map(|(name, declared)| Some((name, (bound.vpcs.get(name)?, declared))))
            .collect();
        let ids: Vec<&str> = wanted.values().map(|(id, _)| id.as_str()).collect();
        let clients = match self.clients.regional(&bound.place) {
            Ok(clients) => clients,
            Err(fault) => return blind(&wanted, &fault),
        };
        let (vpcs, subnets, tables, gateways, attributes) = tokio::join!(
            vpcs(&clients, &ids),
            subnets(&clients, &bound.place.region, &ids),
            tables(&clients, &ids),
            gateways(&clients),
            each(wanted.values().map(|(id, declared)| dns(&clients, id, declared)).collect()),
        );
        let mut found = match vpcs {
            Ok(found) => found,
            Err(fault) => return Observed { gateways: seen(gateways), ..blind(&wanted, &fault) },
        };
        let mut observed = BTreeMap::new();
        for ((name, (id, _)), dns) in wanted.into_iter().zip(attributes) {
            let seen = match found.remove(id) {
                None => Seen::Absent,
                Some(vpc) => Seen::Present(ObservedVpc {
                    id: id.clone(),
                    ranges: mapping::ranges(&vpc),
                    stack: stack(&tags(vpc.tags())),
                    dns,
                    subnets: of(&subnets, id),
                    tables: of(&tables, id),
                }),
            };
            observed.insert(name.clone(), seen);
        }
        Observed { vpcs: observed, gateways: seen(gateways) }
    }
}

fn blind(wanted: &BTreeMap<&VpcName, (&VpcId, &DesiredVpc)>, fault: &Fault) -> Observed {
    Observed {
        vpcs: wanted.keys().map(|name| ((*name).clone(), Seen::Unknown(unseen(fault)))).collect(),
        gateways: Seen::Unknown(unseen(fault)),
    }
}

/// A VPC's part of an answer that covers several.
fn of<T: Clone>(answer: &Result<ByVpc<T>, Fault>, vpc: &VpcId) -> Seen<Vec<T>> {
    match answer {
        Ok(found) => found.get(vpc).map_or(Seen::Absent, |those| Seen::Present(those.clone())),
        Err(fault) => Seen::Unknown(unseen(fault)),
    }
}

fn seen(answer: Result<Vec<ObservedGateway>, Fault>) -> Seen<Vec<ObservedGateway>> {
    match answer {
        Ok(found) if found.is_empty() => Seen::Absent,
        Ok(found) => Seen::Present(found),
        Err(fault) => Seen::Unknown(unseen(&fault)),
    }
}

async fn vpcs(clients: &Regional, ids: &[&str]) -> Result<BTreeMap<VpcId, Vpc>, Fault> {
    let mut found = BTreeMap::new();
    for chunk in ids.chunks(FILTER_VALUES) {
        let by = filter("vpc-id", chunk.iter().copied());
        let mut pages = clients.ec2.describe_vpcs().filters(by).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault("DescribeVpcs", &error))?;
            found.extend(page.vpcs.into_iter().flatten().filter_map(|vpc| Some((vpc.vpc_id()?.into(), vpc))));
        }
    }
    Ok(found)
}

async fn subnets(clients: &Regional, region: &Region, ids: &[&str]) -> Result<ByVpc<ObservedSubnet>, Fault> {
    const OPERATION: &str = "DescribeSubnets";
    let mut found = ByVpc::new();
    for chunk in ids.chunks(FILTER_VALUES) {
        let by = filter("vpc-id", chunk.iter().copied());
        let mut pages = clients.ec2.describe_subnets().filters(by).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault(OPERATION, &error))?;
            for subnet in page.subnets() {
                let read = mapping::subnet(subnet, region.as_str()).map_err(|problem| problem.fault(OPERATION))?;
                found.entry(home(OPERATION, subnet.vpc_id())?).or_default().extend(read);
            }
        }
    }
    Ok(found)
}

async fn tables(clients: &Regional, ids: &[&str]) -> Result<ByVpc<ObservedTable>, Fault> {
    const OPERATION: &str = "DescribeRouteTables";
    let mut found = ByVpc::new();
    for chunk in ids.chunks(FILTER_VALUES) {
        for table in route_tables(clients, "vpc-id", chunk).await? {
            let read = mapping::table(&table).map_err(|problem| problem.fault(OPERATION))?;
            found.entry(home(OPERATION, table.vpc_id())?).or_default().push(read);
        }
    }
    Ok(found)
}

/// Every internet gateway: one that was detached is found by nothing that names its VPC.
async fn gateways(clients: &Regional) -> Result<Vec<ObservedGateway>, Fault> {
    const OPERATION: &str = "DescribeInternetGateways";
    let mut pages = clients.ec2.describe_internet_gateways().into_paginator().send();
    let mut found = vec![];
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault(OPERATION, &error))?;
        for gateway in page.internet_gateways() {
            found.push(mapping::gateway(gateway).map_err(|problem| problem.fault(OPERATION))?);
        }
    }
    Ok(found)
}

async fn dns(clients: &Regional, vpc: &VpcId, declared: &DesiredVpc) -> ObservedDns {
    let (support, hostnames) = tokio::join!(
        attribute(clients, vpc, DnsAttribute::Support, declared.dns.support),
        attribute(clients, vpc, DnsAttribute::Hostnames, declared.dns.hostnames),
    );
    ObservedDns { support, hostnames }
}

/// AWS answers one attribute a call. One that is not declared is not asked for.
async fn attribute(clients: &Regional, vpc: &VpcId, attribute: DnsAttribute, declared: Option<bool>) -> Seen<bool> {
    const OPERATION: &str = "DescribeVpcAttribute";
    if declared.is_none() {
        return Seen::Unknown(Unseen::OutOfScope);
    }
    let name = match attribute {
        DnsAttribute::Support => VpcAttributeName::EnableDnsSupport,
        DnsAttribute::Hostnames => VpcAttributeName::EnableDnsHostnames,
    };
    match clients.ec2.describe_vpc_attribute().vpc_id(vpc.as_str()).attribute(name).send().await {
        Ok(answer) => {
            let value = match attribute {
                DnsAttribute::Support => answer.enable_dns_support(),
                DnsAttribute::Hostnames => answer.enable_dns_hostnames(),
            };
            let missing = || Seen::Unknown(unseen(&bad_answer(OPERATION, "the answer has no value")));
            value.and_then(|value| value.value()).map_or_else(missing, Seen::Present)
        }
        Err(error) => Seen::Unknown(unseen(&fault(OPERATION, &error))),
    }
}

fn home(operation: &str, id: Option<&str>) -> Result<VpcId, Fault> {
    id.map(VpcId::from).ok_or_else(|| bad_answer(operation, "something in the answer names no VPC"))
}
