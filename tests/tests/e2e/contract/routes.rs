//! Routes, associations, internet gateways, and the attributes beside them.

use super::refusal;
use crate::stage::{Caller, Stage};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{AttributeBooleanValue, Filter, Route, RouteOrigin, RouteState, RouteTable, VpcAttributeName};
use serde_json::json;
use std::collections::BTreeMap;
use topology::routes::{DnsAttribute, LOCAL, ObservedRoute, ObservedTable, Origin};
use topology::{ResourceId, VpcId};
use twin::contract::{RoutePort, Yard};
use twin::ec2::Refusal;

#[tokio::test]
async fn the_local_cloud_keeps_the_contract_of_route_tables() {
    let stage = Stage::restored().await;
    // Plumbline is not asked to look at VPCs that are nobody's.
    stage.admin("PUT", "cloudtrail", Some(json!({"loss": 1.0})));
    let broken = twin::contract::routes(&Sdk(stage.ec2(Caller::Root))).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

struct Sdk(Client);

const CIDR: &str = "10.97.0.0/16";

fn by(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// Names the destination and the target in a call.
macro_rules! led {
    ($request:expr, $destination:expr, $to:expr) => {{
        let request = match $destination.contains(':') {
            true => $request.destination_ipv6_cidr_block($destination),
            false => $request.destination_cidr_block($destination),
        };
        match $to.as_str().starts_with("eni-") {
            true => request.network_interface_id($to.as_str()),
            false => request.gateway_id($to.as_str()),
        }
    }};
}

fn route(shown: &Route) -> ObservedRoute {
    let destination = shown.destination_cidr_block().or(shown.destination_ipv6_cidr_block()).expect("a destination");
    let target = shown.gateway_id().or(shown.network_interface_id()).expect("a target");
    ObservedRoute {
        destination: destination.into(),
        target: target.into(),
        blackhole: shown.state() == Some(&RouteState::Blackhole),
        origin: match shown.origin() {
            Some(RouteOrigin::CreateRoute) => Origin::Written,
            Some(RouteOrigin::CreateRouteTable) => Origin::Table,
            _ => Origin::Others,
        },
    }
}

fn table(shown: &RouteTable) -> ObservedTable {
    let associations = shown.associations();
    ObservedTable {
        id: shown.route_table_id().expect("an id").into(),
        main: associations.iter().any(|association| association.main() == Some(true)),
        subnets: associations
            .iter()
            .filter_map(|one| Some((one.subnet_id()?.into(), one.route_table_association_id()?.into())))
            .collect(),
        routes: shown.routes().iter().map(route).collect(),
        stack: None,
        tags: BTreeMap::new(),
    }
}

fn value(on: bool) -> AttributeBooleanValue {
    AttributeBooleanValue::builder().value(on).build()
}

impl RoutePort for Sdk {
    async fn yard(&self) -> Result<Yard, Refusal> {
        let Self(ec2) = self;
        let made = ec2.create_vpc().cidr_block(CIDR).send().await.map_err(refusal)?;
        let vpc = made.vpc().and_then(|vpc| vpc.vpc_id()).expect("an id");
        let made = ec2.create_subnet().vpc_id(vpc).cidr_block("10.97.0.0/24").send().await.map_err(refusal)?;
        let subnet = made.subnet().and_then(|subnet| subnet.subnet_id()).expect("an id");
        let made = ec2.create_route_table().vpc_id(vpc).send().await.map_err(refusal)?;
        let table = made.route_table().and_then(|table| table.route_table_id()).expect("an id");
        let made = ec2.create_internet_gateway().send().await.map_err(refusal)?;
        let gateway = made.internet_gateway().and_then(|made| made.internet_gateway_id()).expect("an id");
        let made = ec2.create_network_interface().subnet_id(subnet).send().await.map_err(refusal)?;
        let interface = made.network_interface().and_then(|made| made.network_interface_id()).expect("an id");
        Ok(Yard {
            vpc: vpc.into(),
            cidr: CIDR.into(),
            subnet: subnet.into(),
            table: table.into(),
            gateway: gateway.into(),
            interface: interface.into(),
        })
    }

    async fn create_table(&self, vpc: &VpcId, token: &str) -> Result<ResourceId, Refusal> {
        let made =
            self.0.create_route_table().vpc_id(vpc.as_str()).client_token(token).send().await.map_err(refusal)?;
        Ok(made.route_table().and_then(|table| table.route_table_id()).expect("an id").into())
    }

    async fn delete_table(&self, table: &ResourceId) -> Result<(), Refusal> {
        self.0.delete_route_table().route_table_id(table.as_str()).send().await.map(|_| ()).map_err(refusal)
    }

    async fn associate(&self, table: &ResourceId, subnet: &ResourceId) -> Result<ResourceId, Refusal> {
        let request = self.0.associate_route_table().route_table_id(table.as_str()).subnet_id(subnet.as_str());
        let made = request.send().await.map_err(refusal)?;
        Ok(made.association_id().expect("an id").into())
    }

    async fn replace_association(&self, association: &ResourceId, table: &ResourceId) -> Result<ResourceId, Refusal> {
        let request = self.0.replace_route_table_association().association_id(association.as_str());
        let made = request.route_table_id(table.as_str()).send().await.map_err(refusal)?;
        Ok(made.new_association_id().expect("an id").into())
    }

    async fn disassociate(&self, association: &ResourceId) -> Result<(), Refusal> {
        self.0.disassociate_route_table().association_id(association.as_str()).send().await.map(|_| ()).map_err(refusal)
    }

    async fn create_route(&self, table: &ResourceId, destination: &str, to: &ResourceId) -> Result<(), Refusal> {
        let request = led!(self.0.create_route().route_table_id(table.as_str()), destination, to);
        request.send().await.map(|_| ()).map_err(refusal)
    }

    async fn replace_route(&self, table: &ResourceId, destination: &str, to: &ResourceId) -> Result<(), Refusal> {
        let request = self.0.replace_route().route_table_id(table.as_str());
        let request = match to.as_str() {
            LOCAL => request.destination_cidr_block(destination).local_target(true),
            _ => led!(request, destination, to),
        };
        request.send().await.map(|_| ()).map_err(refusal)
    }

    async fn delete_route(&self, table: &ResourceId, destination: &str) -> Result<(), Refusal> {
        let request = self.0.delete_route().route_table_id(table.as_str());
        let request = match destination.contains(':') {
            true => request.destination_ipv6_cidr_block(destination),
            false => request.destination_cidr_block(destination),
        };
        request.send().await.map(|_| ()).map_err(refusal)
    }

    async fn tables(&self, vpc: &VpcId) -> Result<Vec<ObservedTable>, Refusal> {
        let found = self.0.describe_route_tables().filters(by("vpc-id", vpc.as_str())).send().await.map_err(refusal)?;
        Ok(found.route_tables().iter().map(table).collect())
    }

    async fn attach(&self, gateway: &ResourceId, vpc: &VpcId) -> Result<(), Refusal> {
        let request = self.0.attach_internet_gateway().internet_gateway_id(gateway.as_str()).vpc_id(vpc.as_str());
        request.send().await.map(|_| ()).map_err(refusal)
    }

    async fn detach(&self, gateway: &ResourceId, vpc: &VpcId) -> Result<(), Refusal> {
        let request = self.0.detach_internet_gateway().internet_gateway_id(gateway.as_str()).vpc_id(vpc.as_str());
        request.send().await.map(|_| ()).map_err(refusal)
    }

    async fn attached(&self, gateway: &ResourceId) -> Result<Option<VpcId>, Refusal> {
        let found = self.0.describe_internet_gateways().internet_gateway_ids(gateway.as_str());
        let found = found.send().await.map_err(refusal)?;
        let attachments = found.internet_gateways().iter().flat_map(|gateway| gateway.attachments());
        Ok(attachments.filter_map(|attachment| attachment.vpc_id()).map(Into::into).next())
    }

    async fn public_on_launch(&self, subnet: &ResourceId, on: bool) -> Result<(), Refusal> {
        let request = self.0.modify_subnet_attribute().subnet_id(subnet.as_str());
        request.map_public_ip_on_launch(value(on)).send().await.map(|_| ()).map_err(refusal)
    }

    async fn is_public_on_launch(&self, subnet: &ResourceId) -> Result<bool, Refusal> {
        let found = self.0.describe_subnets().subnet_ids(subnet.as_str()).send().await.map_err(refusal)?;
        Ok(found.subnets().first().and_then(|subnet| subnet.map_public_ip_on_launch()).expect("an attribute"))
    }

    async fn set_dns(&self, vpc: &VpcId, attribute: DnsAttribute, on: bool) -> Result<(), Refusal> {
        let request = self.0.modify_vpc_attribute().vpc_id(vpc.as_str());
        let request = match attribute {
            DnsAttribute::Support => request.enable_dns_support(value(on)),
            DnsAttribute::Hostnames => request.enable_dns_hostnames(value(on)),
        };
        request.send().await.map(|_| ()).map_err(refusal)
    }

    async fn dns(&self, vpc: &VpcId, attribute: DnsAttribute) -> Result<bool, Refusal> {
        let name = match attribute {
            DnsAttribute::Support => VpcAttributeName::EnableDnsSupport,
            DnsAttribute::Hostnames => VpcAttributeName::EnableDnsHostnames,
        };
        let found = self.0.describe_vpc_attribute().vpc_id(vpc.as_str()).attribute(name).send().await;
        let found = found.map_err(refusal)?;
        let value = match attribute {
            DnsAttribute::Support => found.enable_dns_support(),
            DnsAttribute::Hostnames => found.enable_dns_hostnames(),
        };
        Ok(value.and_then(|value| value.value()).expect("a value"))
    }
}
