//! The describes that an observation is made of. Each reads to the last page or fails.

use super::mapping;
use crate::clients::Regional;
use crate::errors::fault;
use crate::network::{FILTER_VALUES, filter, stack, tags};
use aws_sdk_ec2::types::VpcAttributeName;
use reconciler::{Fault, FaultClass};
use std::collections::{BTreeMap, BTreeSet};
use topology::endpoints::{Dns, ObservedEndpoint, ObservedGroup, ObservedService, ObservedSubnet, ObservedTable};
use topology::{Region, ServiceName, StackId, TopologyId, VpcId};

/// What was found, by VPC. One without an entry has none.
pub(super) type ByVpc<T> = BTreeMap<VpcId, Vec<T>>;

/// The same answer will not read better the next time.
fn nonsense(operation: &str, problem: String) -> Fault {
    Fault::new(operation, FaultClass::Terminal, problem)
}

fn home(operation: &str, id: Option<&str>) -> Result<VpcId, Fault> {
    id.map(VpcId::from).ok_or_else(|| nonsense(operation, "something in the answer names no VPC".into()))
}

/// Reads a paginated describe of things in VPCs to its last page.
macro_rules! by_vpc {
    ($operation:literal, $request:expr, $items:ident, $read:expr) => {{
        let mut pages = $request.into_paginator().send();
        let mut found = ByVpc::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault($operation, &error))?;
            for item in page.$items() {
                let read: Option<_> = $read(item).map_err(|problem| nonsense($operation, problem))?;
                if let Some(read) = read {
                    found.entry(home($operation, item.vpc_id())?).or_default().push(read);
                }
            }
        }
        Ok(found)
    }};
}

/// The VPCs that exist, each with the stack that owns it.
pub(super) async fn vpcs(clients: &Regional, vpcs: &[&str]) -> Result<BTreeMap<VpcId, Option<StackId>>, Fault> {
    let mut found = BTreeMap::new();
    for chunk in vpcs.chunks(FILTER_VALUES) {
        let by = filter("vpc-id", chunk.iter().copied());
        let mut pages = clients.ec2.describe_vpcs().filters(by).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault("DescribeVpcs", &error))?;
            found.extend(page.vpcs().iter().filter_map(|vpc| Some((vpc.vpc_id()?.into(), stack(&tags(vpc.tags()))))));
        }
    }
    Ok(found)
}

/// Every endpoint of these VPCs, in any state.
pub(super) async fn endpoints(clients: &Regional, vpcs: &[&str]) -> Result<ByVpc<ObservedEndpoint>, Fault> {
    let request = clients.ec2.describe_vpc_endpoints().filters(filter("vpc-id", vpcs.iter().copied()));
    by_vpc!("DescribeVpcEndpoints", request, vpc_endpoints, |it| mapping::endpoint(it).map(Some))
}

/// Every subnet of these VPCs that has an IPv4 range.
pub(super) async fn subnets(
    clients: &Regional,
    region: &Region,
    vpcs: &[&str],
) -> Result<ByVpc<ObservedSubnet>, Fault> {
    let request = clients.ec2.describe_subnets().filters(filter("vpc-id", vpcs.iter().copied()));
    by_vpc!("DescribeSubnets", request, subnets, |it| mapping::subnet(it, region.as_str()))
}

/// Every route table of these VPCs.
pub(super) async fn tables(clients: &Regional, vpcs: &[&str]) -> Result<ByVpc<ObservedTable>, Fault> {
    let request = clients.ec2.describe_route_tables().filters(filter("vpc-id", vpcs.iter().copied()));
    by_vpc!("DescribeRouteTables", request, route_tables, |it| mapping::table(it).map(Some))
}

/// The groups of these names in these VPCs. Without names, none is asked for.
pub(super) async fn groups(
    clients: &Regional,
    vpcs: &[&str],
    names: &BTreeSet<&str>,
) -> Result<ByVpc<ObservedGroup>, Fault> {
    let mut found = ByVpc::new();
    for chunk in names.iter().copied().collect::<Vec<_>>().chunks(FILTER_VALUES) {
        let here = filter("vpc-id", vpcs.iter().copied());
        let called = filter("group-name", chunk.iter().copied());
        let request = clients.ec2.describe_security_groups().filters(here).filters(called);
        let part: Result<ByVpc<ObservedGroup>, Fault> =
            by_vpc!("DescribeSecurityGroups", request, security_groups, |it| mapping::group(it).map(Some));
        for (vpc, groups) in part? {
            found.entry(vpc).or_default().extend(groups);
        }
    }
    Ok(found)
}

/// The DNS attributes of a VPC, which AWS answers one at a time.
pub(super) async fn dns(clients: &Regional, vpc: &VpcId) -> Result<Dns, Fault> {
    const OPERATION: &str = "DescribeVpcAttribute";
    let ask = |attribute| clients.ec2.describe_vpc_attribute().vpc_id(vpc.as_str()).attribute(attribute).send();
    let (support, hostnames) =
        tokio::join!(ask(VpcAttributeName::EnableDnsSupport), ask(VpcAttributeName::EnableDnsHostnames));
    let support = support.map_err(|error| fault(OPERATION, &error))?;
    let hostnames = hostnames.map_err(|error| fault(OPERATION, &error))?;
    let unsaid = || nonsense(OPERATION, format!("the attributes of {vpc} are not said"));
    Ok(Dns {
        support: support.enable_dns_support().and_then(|it| it.value()).ok_or_else(unsaid)?,
        hostnames: hostnames.enable_dns_hostnames().and_then(|it| it.value()).ok_or_else(unsaid)?,
    })
}

/// The endpoint services of this account whose tags say that they are these of the topology.
pub(super) async fn services(
    clients: &Regional,
    topology: &TopologyId,
    names: &BTreeSet<&ServiceName>,
) -> Result<BTreeMap<ServiceName, Vec<ObservedService>>, Fault> {
    const OPERATION: &str = "DescribeVpcEndpointServiceConfigurations";
    const SERVICE_TAG: &str = "plumbline:service";
    let ours = filter("tag:plumbline:topology", [topology.as_str()]);
    let called = filter(&format!("tag:{SERVICE_TAG}"), names.iter().map(|name| name.as_str()));
    let request = clients.ec2.describe_vpc_endpoint_service_configurations().filters(ours).filters(called);
    let mut pages = request.into_paginator().send();
    let mut found: BTreeMap<ServiceName, Vec<ObservedService>> = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault(OPERATION, &error))?;
        for service in page.service_configurations() {
            let Some(name) = tags(service.tags()).remove(SERVICE_TAG) else { continue };
            let read = mapping::service(service).map_err(|problem| nonsense(OPERATION, problem))?;
            found.entry(name.into()).or_default().push(read);
        }
    }
    Ok(found)
}
