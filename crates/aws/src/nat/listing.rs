//! The describes that an observation is made of. Each reads to the last page or fails.

use super::mapping::{self, Unreadable};
use crate::clients::Regional;
use crate::errors::fault;
use crate::network::{FILTER_VALUES, filter};
use crate::route_tables::route_tables;
use aws_sdk_arczonalshift::types::AutoshiftExecutionStatus;
use reconciler::{Fault, FaultClass};
use std::collections::{BTreeMap, BTreeSet};
use topology::nat::{ObservedAddress, ObservedGateway, ObservedSubnet, ObservedTable};
use topology::{Region, ResourceId, VpcId};

/// What was found, by VPC. One without an entry has none.
pub(super) type ByVpc<T> = BTreeMap<VpcId, Vec<T>>;

/// Every gateway of these VPCs, in any state.
pub(super) async fn gateways(clients: &Regional, vpcs: &[&str]) -> Result<ByVpc<ObservedGateway>, Fault> {
    const OPERATION: &str = "DescribeNatGateways";
    let mut found = ByVpc::new();
    for chunk in vpcs.chunks(FILTER_VALUES) {
        let request = clients.ec2.describe_nat_gateways().filter(filter("vpc-id", chunk.iter().copied()));
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault(OPERATION, &error))?;
            for gateway in page.nat_gateways() {
                let read = mapping::gateway(gateway).map_err(|problem| problem.fault(OPERATION))?;
                found.entry(vpc(OPERATION, gateway.vpc_id())?).or_default().push(read);
            }
        }
    }
    Ok(found)
}

/// Every subnet of these VPCs that has an IPv4 range.
pub(super) async fn subnets(
    clients: &Regional,
    region: &Region,
    vpcs: &[&str],
) -> Result<ByVpc<ObservedSubnet>, Fault> {
    const OPERATION: &str = "DescribeSubnets";
    let mut found = ByVpc::new();
    for chunk in vpcs.chunks(FILTER_VALUES) {
        let request = clients.ec2.describe_subnets().filters(filter("vpc-id", chunk.iter().copied()));
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault(OPERATION, &error))?;
            for subnet in page.subnets() {
                let read = mapping::subnet(subnet, region.as_str()).map_err(|problem| problem.fault(OPERATION))?;
                if let Some(read) = read {
                    found.entry(vpc(OPERATION, subnet.vpc_id())?).or_default().push(read);
                }
            }
        }
    }
    Ok(found)
}

/// Every route table of these VPCs.
pub(super) async fn tables(clients: &Regional, vpcs: &[&str]) -> Result<ByVpc<ObservedTable>, Fault> {
    const OPERATION: &str = "DescribeRouteTables";
    let mut found = ByVpc::new();
    for table in route_tables(clients, "vpc-id", vpcs).await? {
        let read = mapping::table(&table).map_err(|problem| problem.fault(OPERATION))?;
        found.entry(vpc(OPERATION, table.vpc_id())?).or_default().push(read);
    }
    Ok(found)
}

/// Every address of the account and Region that a gateway could use. One answer holds them all: there are no pages.
pub(super) async fn addresses(clients: &Regional) -> Result<Vec<ObservedAddress>, Fault> {
    const OPERATION: &str = "DescribeAddresses";
    let answer = clients.ec2.describe_addresses().send().await.map_err(|error| fault(OPERATION, &error))?;
    let read = answer.addresses().iter().map(mapping::address);
    read.filter_map(Result::transpose).collect::<Result<_, _>>().map_err(|problem: Unreadable| problem.fault(OPERATION))
}

/// The ids of the Availability Zones that AWS shifts traffic away from now. None in a Region that has no ARC.
pub(super) async fn away(clients: &Regional) -> Result<BTreeSet<ResourceId>, Fault> {
    let answer = autoshifts(clients).await;
    answer.or_else(|fault| if has_no_name(&fault) { Ok(BTreeSet::new()) } else { Err(fault) })
}

/// A service that does not exist in a Region has no name there. Whoever cannot resolve names at all has seen nothing else either.
fn has_no_name(fault: &Fault) -> bool {
    fault.code.is_none() && fault.message.contains("dns error")
}

async fn autoshifts(clients: &Regional) -> Result<BTreeSet<ResourceId>, Fault> {
    let request = clients.zonal_shift().list_autoshifts().status(AutoshiftExecutionStatus::Active);
    let mut pages = request.into_paginator().send();
    let mut found = BTreeSet::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault("ListAutoshifts", &error))?;
        // Asked for by status, and looked at again: a shift that is over must never move a route.
        let active = page.items().iter().filter(|shift| shift.status == AutoshiftExecutionStatus::Active);
        found.extend(active.map(|shift| ResourceId::from(shift.away_from.as_str())));
    }
    Ok(found)
}

fn vpc(operation: &str, id: Option<&str>) -> Result<VpcId, Fault> {
    let missing = || Fault::new(operation, FaultClass::Terminal, "something in the answer names no VPC");
    id.map(VpcId::from).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::wire::{Reply, Wire};

    #[tokio::test]
    async fn a_filter_holds_no_more_than_aws_takes() {
        let ids: Vec<String> = (0..450).map(|n| format!("vpc-{n}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let nothing =
            ["<DescribeNatGatewaysResponse/>", "<DescribeSubnetsResponse/>", "<DescribeRouteTablesResponse/>"];
        let script: Vec<Reply> = nothing.into_iter().flat_map(|answer| [Reply::Ok(answer); 3]).collect();
        let wire = Wire::answering(&script);
        let clients = wire.clients.regional(wire.clients.home()).unwrap();
        assert!(gateways(&clients, &ids).await.unwrap().is_empty());
        assert!(subnets(&clients, &"eu-west-1".into(), &ids).await.unwrap().is_empty());
        assert!(tables(&clients, &ids).await.unwrap().is_empty());
        let values: Vec<usize> = wire.calls().iter().map(|body| body.matches("Filter.1.Value.").count()).collect();
        assert_eq!(values, [200, 200, 50, 200, 200, 50, 200, 200, 50]);
    }

    #[tokio::test]
    async fn a_region_without_the_service_is_no_failure_and_a_silent_service_is_one() {
        // `.invalid` never resolves (RFC 2606).
        let nowhere = Wire::elsewhere("http://arc-zonal-shift.invalid");
        let clients = nowhere.regional(nowhere.home()).unwrap();
        assert_eq!(away(&clients).await, Ok(BTreeSet::new()));

        let wire = Wire::answering(&[]);
        let clients = wire.clients.regional(wire.clients.home()).unwrap();
        assert!(away(&clients).await.unwrap_err().is_retryable());
    }
}
