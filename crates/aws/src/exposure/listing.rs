//! The describes that an observation is made of. Each reads to the last page or fails.

use super::mapping;
use crate::clients::Regional;
use crate::errors::{bad_answer, fault};
use crate::network::{FILTER_VALUES, PAGE, all, filter};
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::types::ServiceField;
use ipnet::Ipv4Net;
use reconciler::Fault;
use std::collections::{BTreeMap, BTreeSet};
use topology::exposure::{Balancer, Database, Desired, Interface, Service};
use topology::{ResourceId, VpcId, VpcName};

/// The largest page of DescribeDBInstances.
const DATABASES: i32 = 100;
/// The largest page of DescribeLoadBalancers.
const BALANCERS: i32 = 400;
/// The largest page of ListClusters and of ListServices.
const LISTED: i32 = 100;
/// DescribeServices takes so many (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html>).
const SERVICES: usize = 10;

/// What EC2 says of the VPCs.
pub(super) struct Estate {
    pub(super) subnets: Subnets,
    /// The groups that tiers name.
    pub(super) groups: BTreeMap<ResourceId, (VpcId, String)>,
    /// Those in managed subnets.
    pub(super) interfaces: Vec<Interface>,
}

/// The first failure ends it: an answer in part is no answer.
pub(super) async fn estate(
    clients: &Regional,
    desired: &Desired,
    wanted: &BTreeMap<&VpcName, &VpcId>,
) -> Result<Estate, Fault> {
    let ids: BTreeSet<&str> = wanted.values().map(|id| id.as_str()).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let there = async {
        let subnets = subnets(clients, &ids).await?;
        let interfaces = interfaces(clients, desired, wanted, &subnets).await?;
        Ok((subnets, interfaces))
    };
    let ((subnets, interfaces), groups) = tokio::try_join!(there, groups(clients, desired, wanted, &ids))?;
    Ok(Estate { subnets, groups, interfaces })
}

/// Each subnet with its VPC and its range.
type Subnets = BTreeMap<ResourceId, (VpcId, Ipv4Net)>;

async fn subnets(clients: &Regional, vpcs: &[&str]) -> Result<Subnets, Fault> {
    const OPERATION: &str = "DescribeSubnets";
    let mut found = Subnets::new();
    for chunk in vpcs.chunks(FILTER_VALUES) {
        let by = filter("vpc-id", chunk.iter().copied());
        let mut pages = clients.ec2.describe_subnets().filters(by).max_results(PAGE).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault(OPERATION, &error))?;
            for subnet in page.subnets() {
                found.extend(mapping::subnet(subnet).map_err(|problem| bad_answer(OPERATION, problem))?);
            }
        }
    }
    Ok(found)
}

/// Those in managed subnets.
async fn interfaces(
    clients: &Regional,
    desired: &Desired,
    wanted: &BTreeMap<&VpcName, &VpcId>,
    subnets: &Subnets,
) -> Result<Vec<Interface>, Fault> {
    const OPERATION: &str = "DescribeNetworkInterfaces";
    let managed = |vpc: &VpcId, range: Ipv4Net| {
        let names = wanted.iter().filter(|(_, id)| **id == vpc).map(|(name, _)| *name);
        names.filter_map(|name| desired.vpcs.get(name)).any(|declared| declared.holds(range))
    };
    let managed: Vec<&str> =
        subnets.iter().filter(|(_, (vpc, range))| managed(vpc, *range)).map(|(id, _)| id.as_str()).collect();
    let mut found = vec![];
    for chunk in managed.chunks(FILTER_VALUES) {
        let by = filter("subnet-id", chunk.iter().copied());
        let mut pages = clients.ec2.describe_network_interfaces().filters(by).max_results(PAGE).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault(OPERATION, &error))?;
            for interface in page.network_interfaces() {
                let read = mapping::interface(interface);
                found.push(read.ok_or_else(|| bad_answer(OPERATION, "an interface without an id or a subnet"))?);
            }
        }
    }
    Ok(found)
}

/// The groups that tiers name: no call where none does.
async fn groups(
    clients: &Regional,
    desired: &Desired,
    wanted: &BTreeMap<&VpcName, &VpcId>,
    ids: &[&str],
) -> Result<BTreeMap<ResourceId, (VpcId, String)>, Fault> {
    let names: BTreeSet<&str> = wanted.keys().flat_map(|name| desired.groups_of(name)).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let mut found = BTreeMap::new();
    for vpcs in ids.chunks(FILTER_VALUES) {
        for names in names.chunks(FILTER_VALUES) {
            let (by_vpc, by_name) =
                (filter("vpc-id", vpcs.iter().copied()), filter("group-name", names.iter().copied()));
            let request = clients.ec2.describe_security_groups().filters(by_vpc).filters(by_name).max_results(PAGE);
            let mut pages = request.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| fault("DescribeSecurityGroups", &error))?;
                found.extend(page.security_groups().iter().filter_map(|group| {
                    Some((group.group_id()?.into(), (group.vpc_id()?.into(), group.group_name()?.to_owned())))
                }));
            }
        }
    }
    Ok(found)
}

/// Every database instance of the Region.
pub(super) async fn databases(clients: &Regional) -> Result<Vec<Database>, Fault> {
    const OPERATION: &str = "DescribeDBInstances";
    let mut pages = clients.databases().describe_db_instances().max_records(DATABASES).into_paginator().send();
    let mut found = vec![];
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault(OPERATION, &error))?;
        for instance in page.db_instances() {
            let read = mapping::database(instance);
            found.push(read.ok_or_else(|| bad_answer(OPERATION, "an instance without an identifier or a status"))?);
        }
    }
    Ok(found)
}

/// Every service of the Region that is not gone.
pub(super) async fn services(clients: &Regional) -> Result<Vec<Service>, Fault> {
    let client = clients.containers();
    let mut clusters = vec![];
    let mut pages = client.list_clusters().max_results(LISTED).into_paginator().send();
    while let Some(page) = pages.next().await {
        clusters.extend(page.map_err(|error| fault("ListClusters", &error))?.cluster_arns().to_vec());
    }
    let found = all(clusters.iter().map(|cluster| services_of(clients, cluster)).collect()).await?;
    Ok(found.into_iter().flatten().collect())
}

async fn services_of(clients: &Regional, cluster: &str) -> Result<Vec<Service>, Fault> {
    const OPERATION: &str = "DescribeServices";
    /// The cluster was deleted meanwhile, and with it what ran there.
    const GONE: Option<&str> = Some("ClusterNotFoundException");
    let client = clients.containers();
    let mut arns = vec![];
    let mut pages = client.list_services().cluster(cluster).max_results(LISTED).into_paginator().send();
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => arns.extend(page.service_arns().to_vec()),
            Err(error) if error.as_service_error().is_some_and(|error| error.code() == GONE) => return Ok(vec![]),
            Err(error) => return Err(fault("ListServices", &error)),
        }
    }
    let mut found = vec![];
    for chunk in arns.chunks(SERVICES) {
        let request = client.describe_services().cluster(cluster).set_services(Some(chunk.to_vec()));
        let answer = match request.include(ServiceField::Tags).send().await {
            Ok(answer) => answer,
            Err(error) if error.code() == GONE => return Ok(vec![]),
            Err(error) => return Err(fault(OPERATION, &error)),
        };
        // A service that is gone meanwhile is MISSING; whatever else keeps one from being described leaves it unknown.
        if let Some(failure) = answer.failures().iter().find(|failure| failure.reason() != Some("MISSING")) {
            let (arn, reason) = (failure.arn().unwrap_or("a service"), failure.reason().unwrap_or("not said why"));
            return Err(bad_answer(OPERATION, format!("{arn}: {reason}")));
        }
        for service in answer.services().iter().filter(|service| service.status() != Some("INACTIVE")) {
            let read = mapping::service(service);
            found.push(read.ok_or_else(|| bad_answer(OPERATION, "a service without a cluster or a name"))?);
        }
    }
    Ok(found)
}

/// Every application, network and gateway load balancer of the Region.
pub(super) async fn balancers(clients: &Regional) -> Result<Vec<Balancer>, Fault> {
    const OPERATION: &str = "DescribeLoadBalancers";
    let mut pages = clients.load_balancers().describe_load_balancers().page_size(BALANCERS).into_paginator().send();
    let mut found = vec![];
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault(OPERATION, &error))?;
        for balancer in page.load_balancers() {
            let read = mapping::balancer(balancer);
            found.push(read.ok_or_else(|| bad_answer(OPERATION, "a load balancer without an ARN or a name"))?);
        }
    }
    Ok(found)
}
