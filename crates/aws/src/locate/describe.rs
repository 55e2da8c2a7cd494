//! One describe a kind, always by filter: of ids of which some are gone, a filter answers the rest where an id would fail the call.

use super::kind::Kind;
use crate::errors::{bad_answer, fault};
use crate::network::{FILTER_VALUES, Network, filter};
use aws_sdk_ec2::types::{FlowLog, RouteTable, ServiceConfiguration};
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use reconciler::Fault;
use std::collections::{BTreeMap, BTreeSet};
use topology::{Place, ResourceId, VpcId};

/// What AWS knows of the ids that were asked for. `None`: it exists, and stands in no VPC or in one that nobody can tell. An id
/// without an entry does not exist (any more).
pub(super) type Whereabouts = BTreeMap<ResourceId, Option<VpcId>>;

/// Elastic Load Balancing describes so many at once
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeLoadBalancers.html>).
const LOAD_BALANCERS: usize = 20;

impl Network {
    /// Where the ids of one kind are.
    pub(super) async fn whereabouts(&self, place: &Place, kind: Kind, ids: &[&str]) -> Result<Whereabouts, Fault> {
        let mut found = Whereabouts::new();
        for chunk in ids.chunks(FILTER_VALUES) {
            found.extend(match kind {
                Kind::SecurityGroup => {
                    let described = self.describe_groups(place, "group-id", chunk.iter().copied()).await?;
                    described.into_iter().map(|facts| (facts.id, Some(facts.vpc))).collect()
                }
                Kind::NatGateway => self.gateways(place, chunk).await?,
                Kind::RouteTable => self.tables(place, "route-table-id", chunk).await?,
                Kind::RouteTableAssociation => {
                    self.tables(place, "association.route-table-association-id", chunk).await?
                }
                Kind::Subnet => self.subnets(place, chunk).await?,
                Kind::InternetGateway => self.internet_gateways(place, chunk).await?,
                Kind::FlowLog => self.flow_logs(place, chunk).await?,
                Kind::EndpointService => self.services(place, chunk).await?,
                Kind::EndpointConnection => self.connections(place, chunk).await?,
                Kind::NetworkInterface => self.interfaces(place, chunk).await?,
                Kind::Endpoint => self.endpoints(place, chunk).await?,
            });
        }
        // Associations of the same tables come along unasked.
        found.retain(|id, _| ids.contains(&id.as_str()));
        Ok(found)
    }

    /// A deleted gateway is described for about an hour, so that it is still found where it was.
    async fn gateways(&self, place: &Place, ids: &[&str]) -> Result<Whereabouts, Fault> {
        let request =
            self.clients.regional(place)?.ec2.describe_nat_gateways().filter(filter("nat-gateway-id", ids.to_vec()));
        let mut pages = request.into_paginator().send();
        let mut found = Whereabouts::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault("DescribeNatGateways", &error))?;
            found.extend(
                page.nat_gateways()
                    .iter()
                    .filter_map(|gateway| Some((gateway.nat_gateway_id()?.into(), gateway.vpc_id().map(VpcId::from)))),
            );
        }
        Ok(found)
    }

    async fn tables(&self, place: &Place, by: &str, ids: &[&str]) -> Result<Whereabouts, Fault> {
        let request = self.clients.regional(place)?.ec2.describe_route_tables().filters(filter(by, ids.to_vec()));
        let mut pages = request.into_paginator().send();
        let mut found = Whereabouts::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault("DescribeRouteTables", &error))?;
            found.extend(page.route_tables().iter().flat_map(table));
        }
        Ok(found)
    }

    async fn subnets(&self, place: &Place, ids: &[&str]) -> Result<Whereabouts, Fault> {
        let request = self.clients.regional(place)?.ec2.describe_subnets().filters(filter("subnet-id", ids.to_vec()));
        let mut pages = request.into_paginator().send();
        let mut found = Whereabouts::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault("DescribeSubnets", &error))?;
            found.extend(
                page.subnets()
                    .iter()
                    .filter_map(|subnet| Some((subnet.subnet_id()?.into(), subnet.vpc_id().map(VpcId::from)))),
            );
        }
        Ok(found)
    }

    /// One that is attached nowhere is known, and nowhere.
    async fn internet_gateways(&self, place: &Place, ids: &[&str]) -> Result<Whereabouts, Fault> {
        let by = filter("internet-gateway-id", ids.to_vec());
        let mut pages =
            self.clients.regional(place)?.ec2.describe_internet_gateways().filters(by).into_paginator().send();
        let mut found = Whereabouts::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault("DescribeInternetGateways", &error))?;
            found.extend(page.internet_gateways().iter().filter_map(|gateway| {
                let vpc = gateway.attachments().iter().find_map(|attachment| attachment.vpc_id());
                Some((gateway.internet_gateway_id()?.into(), vpc.map(VpcId::from)))
            }));
        }
        Ok(found)
    }

    async fn interfaces(&self, place: &Place, ids: &[&str]) -> Result<Whereabouts, Fault> {
        let by = filter("network-interface-id", ids.to_vec());
        let request = self.clients.regional(place)?.ec2.describe_network_interfaces().filters(by);
        let mut pages = request.into_paginator().send();
        let mut found = Whereabouts::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault("DescribeNetworkInterfaces", &error))?;
            found.extend(page.network_interfaces().iter().filter_map(|interface| {
                Some((interface.network_interface_id()?.into(), interface.vpc_id().map(VpcId::from)))
            }));
        }
        Ok(found)
    }

    async fn flow_logs(&self, place: &Place, ids: &[&str]) -> Result<Whereabouts, Fault> {
        let request =
            self.clients.regional(place)?.ec2.describe_flow_logs().filter(filter("flow-log-id", ids.to_vec()));
        let mut pages = request.into_paginator().send();
        let mut found = Whereabouts::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault("DescribeFlowLogs", &error))?;
            found.extend(page.flow_logs().iter().filter_map(flow_log));
        }
        Ok(found)
    }

    /// A deleted endpoint is described for a while, so that it is still found where it was.
    async fn endpoints(&self, place: &Place, ids: &[&str]) -> Result<Whereabouts, Fault> {
        let by = filter("vpc-endpoint-id", ids.to_vec());
        let request = self.clients.regional(place)?.ec2.describe_vpc_endpoints().filters(by);
        let mut pages = request.into_paginator().send();
        let mut found = Whereabouts::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault("DescribeVpcEndpoints", &error))?;
            found.extend(
                page.vpc_endpoints()
                    .iter()
                    .filter_map(|it| Some((it.vpc_endpoint_id()?.into(), it.vpc_id().map(VpcId::from)))),
            );
        }
        Ok(found)
    }

    /// An endpoint service stands where its load balancers stand.
    async fn services(&self, place: &Place, ids: &[&str]) -> Result<Whereabouts, Fault> {
        let by = filter("service-id", ids.to_vec());
        let request = self.clients.regional(place)?.ec2.describe_vpc_endpoint_service_configurations().filters(by);
        let mut pages = request.into_paginator().send();
        let mut behind: BTreeMap<ResourceId, Vec<String>> = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault("DescribeVpcEndpointServiceConfigurations", &error))?;
            behind.extend(page.service_configurations().iter().filter_map(load_balancers));
        }
        let wanted: BTreeSet<&str> = behind.values().flatten().map(String::as_str).collect();
        let vpcs = self.load_balancers(place, &wanted.into_iter().collect::<Vec<_>>()).await?;
        Ok(behind
            .iter()
            .map(|(service, arns)| (service.clone(), one(arns.iter().filter_map(|arn| vpcs.get(arn)))))
            .collect())
    }

    async fn load_balancers(&self, place: &Place, arns: &[&str]) -> Result<BTreeMap<String, VpcId>, Fault> {
        const OPERATION: &str = "DescribeLoadBalancers";
        let client = self.clients.regional(place)?.load_balancers();
        let mut found = BTreeMap::new();
        for chunk in arns.chunks(LOAD_BALANCERS) {
            let arns = chunk.iter().copied().map(Into::into).collect();
            match client.describe_load_balancers().set_load_balancer_arns(Some(arns)).send().await {
                Ok(answer) => found.extend(
                    answer
                        .load_balancers()
                        .iter()
                        .filter_map(|balancer| Some((balancer.load_balancer_arn()?.into(), balancer.vpc_id()?.into()))),
                ),
                // One of them is gone, and this API has no filters: nobody can tell, and every topology is looked at.
                Err(error) if error.code() == Some("LoadBalancerNotFound") => {}
                Err(error) => return Err(fault(OPERATION, &error)),
            }
        }
        Ok(found)
    }

    /// The endpoint is in a consumer's VPC, often of another account; what it connects to is in one of ours.
    async fn connections(&self, place: &Place, ids: &[&str]) -> Result<Whereabouts, Fault> {
        const OPERATION: &str = "DescribeVpcEndpointConnections";
        let by = filter("vpc-endpoint-id", ids.to_vec());
        let mut pages =
            self.clients.regional(place)?.ec2.describe_vpc_endpoint_connections().filters(by).into_paginator().send();
        let mut to: Vec<(ResourceId, ResourceId)> = vec![];
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault(OPERATION, &error))?;
            for connection in page.vpc_endpoint_connections() {
                match (connection.vpc_endpoint_id(), connection.service_id()) {
                    (Some(endpoint), Some(service)) => to.push((endpoint.into(), service.into())),
                    _ => return Err(bad_answer(OPERATION, "a connection without endpoint or service")),
                }
            }
        }
        let services: BTreeSet<&str> = to.iter().map(|(_, service)| service.as_str()).collect();
        let mut located = Whereabouts::new();
        for chunk in services.into_iter().collect::<Vec<_>>().chunks(FILTER_VALUES) {
            located.extend(self.services(place, chunk).await?);
        }
        Ok(to.into_iter().map(|(endpoint, service)| (endpoint, located.get(&service).cloned().flatten())).collect())
    }
}

/// A table and each of its associations.
fn table(table: &RouteTable) -> Whereabouts {
    let vpc = table.vpc_id().map(VpcId::from);
    let associations = table.associations().iter().filter_map(|association| association.route_table_association_id());
    table.route_table_id().into_iter().chain(associations).map(|id| (id.into(), vpc.clone())).collect()
}

/// One of a subnet or an interface is nobody's: only those of VPCs are declared.
fn flow_log(log: &FlowLog) -> Option<(ResourceId, Option<VpcId>)> {
    let vpc = log.resource_id().filter(|id| id.starts_with("vpc-")).map(VpcId::from);
    Some((log.flow_log_id()?.into(), vpc))
}

/// A service and the ARNs of what is behind it.
fn load_balancers(service: &ServiceConfiguration) -> Option<(ResourceId, Vec<String>)> {
    let arns = service.network_load_balancer_arns().iter().chain(service.gateway_load_balancer_arns());
    Some((service.service_id()?.into(), arns.cloned().collect()))
}

/// The VPC, if all agree.
fn one<'a>(mut vpcs: impl Iterator<Item = &'a VpcId>) -> Option<VpcId> {
    let first = vpcs.next()?;
    vpcs.all(|vpc| vpc == first).then(|| first.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::RouteTableAssociation;

    fn at(id: &str, vpc: Option<&str>) -> (ResourceId, Option<VpcId>) {
        (id.into(), vpc.map(VpcId::from))
    }

    #[test]
    fn a_table_tells_where_its_associations_are() {
        let association = RouteTableAssociation::builder().route_table_association_id("rtbassoc-1").build();
        let described = RouteTable::builder().route_table_id("rtb-1").vpc_id("vpc-1").associations(association).build();
        assert_eq!(table(&described), [at("rtb-1", Some("vpc-1")), at("rtbassoc-1", Some("vpc-1"))].into());
    }

    #[test]
    fn a_flow_log_of_something_else_than_a_vpc_is_known_and_nowhere() {
        let log = |resource: &str| FlowLog::builder().flow_log_id("fl-1").resource_id(resource).build();
        assert_eq!(flow_log(&log("vpc-1")), Some(at("fl-1", Some("vpc-1"))));
        assert_eq!(flow_log(&log("subnet-1")), Some(at("fl-1", None)));
    }

    #[test]
    fn a_service_stands_where_all_its_load_balancers_stand() {
        let service = ServiceConfiguration::builder()
            .service_id("vpce-svc-1")
            .network_load_balancer_arns("arn:net")
            .gateway_load_balancer_arns("arn:gwy")
            .build();
        assert_eq!(load_balancers(&service), Some(("vpce-svc-1".into(), vec!["arn:net".into(), "arn:gwy".into()])));
        let (here, there) = (VpcId::from("vpc-1"), VpcId::from("vpc-2"));
        assert_eq!(one([&here, &here].into_iter()), Some(here.clone()));
        assert_eq!(one([&here, &there].into_iter()), None);
        assert_eq!(one([].into_iter()), None);
    }
}
