//! NAT gateways, their addresses and the routes to them.

use super::refusal;
use crate::stage::{Caller, Stage};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    AvailabilityMode, DomainType, Filter, NatGateway, NatGatewayState, RouteOrigin, RouteState, RouteTable,
};
use serde_json::json;
use std::collections::BTreeMap;
use topology::nat::{
    Availability, DefaultRoute, Failure, GatewayState, NewGateway, ObservedAddress, ObservedGateway, UsedAddress,
};
use topology::{ResourceId, VpcId};
use twin::contract::{Ground, NatPort};
use twin::ec2::Refusal;

#[tokio::test]
async fn the_local_cloud_keeps_the_contract_of_nat_gateways() {
    let stage = Stage::restored().await;
    // Plumbline is not asked to look at VPCs that are nobody's.
    stage.admin("PUT", "cloudtrail", Some(json!({"loss": 1.0})));
    let ec2 = stage.ec2(Caller::Root);
    for linger in [0.0, 0.3] {
        stage.admin("PUT", "nat", Some(json!({"pending": linger, "deleting": linger})));
        let broken = twin::contract::nat(&Sdk { stage: &stage, ec2: ec2.clone() }).await;
        assert!(broken.is_empty(), "{linger}: {broken:#?}");
    }
}

struct Sdk<'a> {
    stage: &'a Stage,
    ec2: Client,
}

const EVERYWHERE: &str = "0.0.0.0/0";

fn by(name: &str, value: impl Into<String>) -> Filter {
    Filter::builder().name(name).values(value).build()
}

fn id(text: Option<&str>) -> Option<ResourceId> {
    text.filter(|id| !id.is_empty()).map(Into::into)
}

fn gateway(shown: &NatGateway) -> ObservedGateway {
    let state = match shown.state().expect("a state") {
        NatGatewayState::Pending => GatewayState::Pending,
        NatGatewayState::Failed => GatewayState::Failed,
        NatGatewayState::Available => GatewayState::Available,
        NatGatewayState::Deleting => GatewayState::Deleting,
        NatGatewayState::Deleted => GatewayState::Deleted,
        other => panic!("{other}"),
    };
    let failure = shown.failure_code().map(|code| Failure {
        code: code.into(),
        message: shown.failure_message().expect("a message beside the code").into(),
    });
    let addresses = shown.nat_gateway_addresses().iter();
    ObservedGateway {
        id: id(shown.nat_gateway_id()).expect("an id"),
        state,
        failure,
        public: shown.connectivity_type().expect("a connectivity").as_str() == "public",
        availability: match shown.availability_mode() {
            Some(AvailabilityMode::Regional) => Availability::Regional,
            _ => Availability::Zonal,
        },
        subnet: id(shown.subnet_id()),
        addresses: addresses
            .map(|used| UsedAddress {
                allocation: id(used.allocation_id()),
                public_ip: used.public_ip().filter(|ip| !ip.is_empty()).map(Into::into),
            })
            .collect(),
        created: shown.create_time().expect("a time").to_string().parse().expect("RFC 3339"),
        stack: None,
        tags: BTreeMap::new(),
    }
}

fn default_route(table: &RouteTable) -> Option<DefaultRoute> {
    let route = table.routes().iter().find(|route| route.destination_cidr_block() == Some(EVERYWHERE))?;
    Some(DefaultRoute {
        target: id(route.nat_gateway_id()).or_else(|| id(route.gateway_id())).expect("a target"),
        blackhole: route.state() == Some(&RouteState::Blackhole),
        written: route.origin() == Some(&RouteOrigin::CreateRoute),
    })
}

impl NatPort for Sdk<'_> {
    async fn ground(&self) -> Result<Ground, Refusal> {
        let made = self.ec2.create_vpc().cidr_block("10.98.0.0/16").send().await.map_err(refusal)?;
        let vpc = made.vpc().and_then(|vpc| vpc.vpc_id()).expect("an id");
        let made = self.ec2.create_internet_gateway().send().await.map_err(refusal)?;
        let internet = made.internet_gateway().and_then(|made| made.internet_gateway_id()).expect("an id");
        let attach = self.ec2.attach_internet_gateway().internet_gateway_id(internet).vpc_id(vpc);
        attach.send().await.map_err(refusal)?;
        let made = self.ec2.create_subnet().vpc_id(vpc).cidr_block("10.98.0.0/24").send().await.map_err(refusal)?;
        let subnet = made.subnet().and_then(|subnet| subnet.subnet_id()).expect("an id");
        let mut tables = vec![];
        for _ in 0..2 {
            let made = self.ec2.create_route_table().vpc_id(vpc).send().await.map_err(refusal)?;
            tables.push(made.route_table().and_then(|table| table.route_table_id()).expect("an id").to_owned());
        }
        let route = self.ec2.create_route().route_table_id(&tables[0]).destination_cidr_block(EVERYWHERE);
        route.gateway_id(internet).send().await.map_err(refusal)?;
        let associate = self.ec2.associate_route_table().route_table_id(&tables[0]).subnet_id(subnet);
        associate.send().await.map_err(refusal)?;
        Ok(Ground {
            vpc: vpc.into(),
            internet: internet.into(),
            subnet: subnet.into(),
            public: tables[0].as_str().into(),
            table: tables[1].as_str().into(),
        })
    }

    async fn allocate(&self) -> Result<ResourceId, Refusal> {
        let made = self.ec2.allocate_address().domain(DomainType::Vpc).send().await.map_err(refusal)?;
        Ok(made.allocation_id().expect("an id").into())
    }

    async fn release(&self, allocation: &ResourceId) -> Result<(), Refusal> {
        self.ec2.release_address().allocation_id(allocation.as_str()).send().await.map(|_| ()).map_err(refusal)
    }

    async fn address(&self, allocation: &ResourceId) -> Result<Option<ObservedAddress>, Refusal> {
        let found = self.ec2.describe_addresses().filters(by("allocation-id", allocation.as_str()));
        let found = found.send().await.map_err(refusal)?;
        Ok(found.addresses().first().map(|address| ObservedAddress {
            allocation: id(address.allocation_id()).expect("an id"),
            public_ip: address.public_ip().expect("an address").into(),
            association: id(address.association_id()),
            user: id(address.instance_id()).or_else(|| id(address.network_interface_id())),
            tags: BTreeMap::new(),
        }))
    }

    async fn create(&self, new: &NewGateway, token: &str) -> Result<ResourceId, Refusal> {
        let create = self.ec2.create_nat_gateway().client_token(token);
        let create = match new {
            NewGateway::Zonal { subnet, allocation } => {
                create.subnet_id(subnet.as_str()).allocation_id(allocation.as_str())
            }
            NewGateway::Regional { vpc } => create.availability_mode(AvailabilityMode::Regional).vpc_id(vpc.as_str()),
        };
        let made = create.send().await.map_err(refusal)?;
        Ok(made.nat_gateway().and_then(|gateway| gateway.nat_gateway_id()).expect("an id").into())
    }

    async fn delete(&self, gateway: &ResourceId) -> Result<(), Refusal> {
        self.ec2.delete_nat_gateway().nat_gateway_id(gateway.as_str()).send().await.map(|_| ()).map_err(refusal)
    }

    async fn gateways(&self, vpc: &VpcId) -> Result<Vec<ObservedGateway>, Refusal> {
        let request = self.ec2.describe_nat_gateways().filter(by("vpc-id", vpc.as_str())).max_results(5);
        let mut pages = request.into_paginator().send();
        let mut found = vec![];
        while let Some(page) = pages.next().await {
            found.extend(page.map_err(refusal)?.nat_gateways().iter().map(gateway));
        }
        Ok(found)
    }

    async fn arrived(&self, vpc: &VpcId) -> Result<(), Refusal> {
        self.stage.admin("POST", "nat/due", None);
        let moving =
            |gateway: &ObservedGateway| matches!(gateway.state, GatewayState::Pending | GatewayState::Deleting);
        let left: Vec<_> = self.gateways(vpc).await?.into_iter().filter(moving).collect();
        assert!(left.is_empty(), "they were told to arrive: {left:#?}");
        Ok(())
    }

    async fn create_route(&self, table: &ResourceId, gateway: &ResourceId) -> Result<(), Refusal> {
        let route = self.ec2.create_route().route_table_id(table.as_str()).destination_cidr_block(EVERYWHERE);
        route.nat_gateway_id(gateway.as_str()).send().await.map(|_| ()).map_err(refusal)
    }

    async fn replace_route(&self, table: &ResourceId, gateway: &ResourceId) -> Result<(), Refusal> {
        let route = self.ec2.replace_route().route_table_id(table.as_str()).destination_cidr_block(EVERYWHERE);
        route.nat_gateway_id(gateway.as_str()).send().await.map(|_| ()).map_err(refusal)
    }

    async fn delete_route(&self, table: &ResourceId) -> Result<(), Refusal> {
        let route = self.ec2.delete_route().route_table_id(table.as_str()).destination_cidr_block(EVERYWHERE);
        route.send().await.map(|_| ()).map_err(refusal)
    }

    async fn default_route(&self, table: &ResourceId) -> Result<Option<DefaultRoute>, Refusal> {
        let found = self.ec2.describe_route_tables().route_table_ids(table.as_str()).send().await.map_err(refusal)?;
        Ok(found.route_tables().first().and_then(default_route))
    }

    async fn detach(&self, internet: &ResourceId, vpc: &VpcId) -> Result<(), Refusal> {
        let detach = self.ec2.detach_internet_gateway().internet_gateway_id(internet.as_str()).vpc_id(vpc.as_str());
        detach.send().await.map(|_| ()).map_err(refusal)
    }
}
