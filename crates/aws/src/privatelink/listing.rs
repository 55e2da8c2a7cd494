//! The describes that an observation is made of. Each reads to the last page or fails.

use super::mapping::{self, Unreadable};
use crate::clients::Regional;
use crate::errors::fault;
use crate::network::{FILTER_VALUES, all, filter};
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use reconciler::{Fault, FaultClass};
use std::collections::{BTreeMap, BTreeSet};
use topology::ResourceId;
use topology::privatelink::{ObservedBalancer, ObservedConnection, ObservedService};

/// Elastic Load Balancing describes so many at once
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeLoadBalancers.html>).
const LOAD_BALANCERS: usize = 20;

/// The load balancers of these names. This API fails for all of them if one does not exist: then each is asked for by itself.
pub(super) async fn balancers(
    clients: &Regional,
    names: &BTreeSet<&str>,
) -> Result<BTreeMap<String, ObservedBalancer>, Fault> {
    let names: Vec<&str> = names.iter().copied().collect();
    let mut found = BTreeMap::new();
    for chunk in names.chunks(LOAD_BALANCERS) {
        match described(clients, chunk).await? {
            Some(all) => found.extend(all),
            None if chunk.len() == 1 => {}
            None => {
                for name in chunk {
                    found.extend(described(clients, &[name]).await?.into_iter().flatten());
                }
            }
        }
    }
    Ok(found)
}

/// `None`: one of them does not exist.
async fn described(clients: &Regional, names: &[&str]) -> Result<Option<Vec<(String, ObservedBalancer)>>, Fault> {
    const OPERATION: &str = "DescribeLoadBalancers";
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let answer = match clients.load_balancers().describe_load_balancers().set_names(Some(names)).send().await {
        Ok(answer) => answer,
        Err(error) if error.code() == Some("LoadBalancerNotFound") => return Ok(None),
        Err(error) => return Err(fault(OPERATION, &error)),
    };
    let read = answer.load_balancers().iter().map(mapping::balancer).collect::<Result<Vec<_>, _>>();
    read.map(Some).map_err(|problem| nonsense(OPERATION, &problem))
}

/// Every endpoint service of the account and Region that is not on its way out.
pub(super) async fn services(clients: &Regional) -> Result<Vec<ObservedService>, Fault> {
    const OPERATION: &str = "DescribeVpcEndpointServiceConfigurations";
    let mut pages = clients.ec2.describe_vpc_endpoint_service_configurations().into_paginator().send();
    let mut found = vec![];
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault(OPERATION, &error))?;
        for service in page.service_configurations() {
            found.extend(mapping::service(service).map_err(|problem| nonsense(OPERATION, &problem))?);
        }
    }
    Ok(found)
}

/// Every connection of these services, in any state, by service.
pub(super) async fn connections(
    clients: &Regional,
    services: &BTreeSet<&ResourceId>,
) -> Result<BTreeMap<ResourceId, Vec<ObservedConnection>>, Fault> {
    const OPERATION: &str = "DescribeVpcEndpointConnections";
    let mut found: BTreeMap<ResourceId, Vec<ObservedConnection>> = BTreeMap::new();
    let ids: Vec<&str> = services.iter().map(|id| id.as_str()).collect();
    for chunk in ids.chunks(FILTER_VALUES) {
        let by = filter("service-id", chunk.iter().copied());
        let mut pages = clients.ec2.describe_vpc_endpoint_connections().filters(by).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault(OPERATION, &error))?;
            for connection in page.vpc_endpoint_connections() {
                let (service, read) =
                    mapping::connection(connection).map_err(|problem| nonsense(OPERATION, &problem))?;
                found.entry(service).or_default().push(read);
            }
        }
    }
    Ok(found)
}

/// Who may create endpoints to each of these services. One without an entry was not asked for.
pub(super) async fn principals(
    clients: &Regional,
    services: &BTreeSet<&ResourceId>,
) -> Result<BTreeMap<ResourceId, BTreeSet<String>>, Fault> {
    Ok(all(services.iter().map(|id| principals_of(clients, id)).collect()).await?.into_iter().collect())
}

async fn principals_of(clients: &Regional, service: &ResourceId) -> Result<(ResourceId, BTreeSet<String>), Fault> {
    const OPERATION: &str = "DescribeVpcEndpointServicePermissions";
    let request = clients.ec2.describe_vpc_endpoint_service_permissions().service_id(service.as_str());
    let mut pages = request.into_paginator().send();
    let mut all = BTreeSet::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault(OPERATION, &error))?;
        all.extend(page.allowed_principals().iter().filter_map(|one| Some(one.principal()?.to_owned())));
    }
    Ok((service.clone(), all))
}

/// The same answer will not read better the next time.
fn nonsense(operation: &str, problem: &Unreadable) -> Fault {
    Fault::new(operation, FaultClass::Terminal, problem.to_string())
}
