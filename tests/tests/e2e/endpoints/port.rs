//! The local cloud's endpoints keep the same contract as the in-memory twin that the reconciler's scenarios run on.

use crate::stage::{Caller, Stage};
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{
    AttributeBooleanValue, Filter, ResourceType, Tag, TagSpecification, VpcEndpoint, VpcEndpointType,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use topology::endpoints::{Dns, Edit, EndpointState, Kind, NewEndpoint, ObservedEndpoint, Policy, PolicyEdit};
use topology::{ResourceId, VpcId};
use twin::contract::{EndpointPort, Site};
use twin::ec2::Refusal;

struct Sdk {
    stage: Stage,
    ec2: aws_sdk_ec2::Client,
}

#[tokio::test]
async fn contract() {
    let stage = Stage::restored().await;
    stage.admin("PUT", "endpoints", Some(serde_json::json!({"pending": 60})));
    let ec2 = stage.ec2(Caller::Root);
    let broken = twin::contract::endpoints(&Sdk { stage, ec2 }).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

fn refusal<E: ProvideErrorMetadata + Debug, R: Debug>(error: SdkError<E, R>) -> Refusal {
    match error.as_service_error() {
        Some(said) => Refusal {
            code: said.code().unwrap_or_default().to_owned(),
            message: said.message().unwrap_or_default().to_owned(),
        },
        None => panic!("no answer: {error:?}"),
    }
}

fn ids(list: &[String]) -> BTreeSet<ResourceId> {
    list.iter().map(|id| ResourceId::new(id.as_str())).collect()
}

fn some(ids: &BTreeSet<ResourceId>) -> Option<Vec<String>> {
    (!ids.is_empty()).then(|| ids.iter().map(ToString::to_string).collect())
}

fn observed(it: &VpcEndpoint) -> ObservedEndpoint {
    ObservedEndpoint {
        id: it.vpc_endpoint_id().expect("an id").into(),
        service: it.service_name().expect("a service").to_owned(),
        kind: match it.vpc_endpoint_type() {
            Some(VpcEndpointType::Gateway) => Kind::Gateway,
            Some(VpcEndpointType::Interface) => Kind::Interface,
            other => panic!("no kind: {other:?}"),
        },
        state: EndpointState::from_wire(it.state().expect("a state").as_str()),
        error: None,
        tables: ids(it.route_table_ids()),
        subnets: ids(it.subnet_ids()),
        groups: it.groups().iter().filter_map(|group| group.group_id()).map(Into::into).collect(),
        private_dns: it.private_dns_enabled() == Some(true),
        policy: it.policy_document().and_then(Policy::read),
        managed: false,
        created: None,
        stack: None,
        tags: BTreeMap::new(),
    }
}

impl EndpointPort for Sdk {
    async fn site(&self) -> Result<Site, Refusal> {
        let made = self.ec2.create_vpc().cidr_block("10.9.0.0/16").send().await.map_err(refusal)?;
        let vpc = made.vpc().and_then(|vpc| vpc.vpc_id()).expect("a VPC's id").to_owned();
        self.set_dns(&vpc.as_str().into(), Dns { support: true, hostnames: true }).await?;
        let zones = self.ec2.describe_availability_zones().send().await.map_err(refusal)?;
        let zone = |at: usize| zones.availability_zones()[at].zone_name().expect("a zone").to_owned();
        let subnet = async |range: &str, zone: String| {
            let create = self.ec2.create_subnet().vpc_id(&vpc).cidr_block(range).availability_zone(zone);
            let made = create.send().await.map_err(refusal)?;
            Ok(ResourceId::new(made.subnet().and_then(|subnet| subnet.subnet_id()).expect("an id")))
        };
        let subnets = [
            subnet("10.9.0.0/24", zone(0)).await?,
            subnet("10.9.1.0/24", zone(0)).await?,
            subnet("10.9.2.0/24", zone(1)).await?,
        ];
        let table = async || {
            let made = self.ec2.create_route_table().vpc_id(&vpc).send().await.map_err(refusal)?;
            Ok(ResourceId::new(made.route_table().and_then(|table| table.route_table_id()).expect("an id")))
        };
        let group = async |name: &str| {
            let create = self.ec2.create_security_group().vpc_id(&vpc).group_name(name).description("contract");
            Ok(ResourceId::new(create.send().await.map_err(refusal)?.group_id().expect("an id")))
        };
        Ok(Site {
            tables: [table().await?, table().await?],
            groups: [group("one").await?, group("two").await?],
            subnets,
            region: self.stage.region().to_owned(),
            vpc: vpc.into(),
        })
    }

    async fn set_dns(&self, vpc: &VpcId, dns: Dns) -> Result<(), Refusal> {
        let value = |on: bool| AttributeBooleanValue::builder().value(on).build();
        // AWS takes one attribute a call, and hostnames only while DNS is supported.
        let support = self.ec2.modify_vpc_attribute().vpc_id(vpc.as_str()).enable_dns_support(value(dns.support));
        let names = self.ec2.modify_vpc_attribute().vpc_id(vpc.as_str()).enable_dns_hostnames(value(dns.hostnames));
        if dns.support {
            support.send().await.map_err(refusal)?;
            names.send().await.map_err(refusal)?;
        } else {
            names.send().await.map_err(refusal)?;
            support.send().await.map_err(refusal)?;
        }
        Ok(())
    }

    async fn create(
        &self,
        endpoint: &NewEndpoint,
        tags: &BTreeMap<String, String>,
        token: &str,
    ) -> Result<ResourceId, Refusal> {
        let NewEndpoint { vpc, service, kind, tables, subnets, groups, policy } = endpoint;
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect::<Vec<_>>();
        let tagged =
            TagSpecification::builder().resource_type(ResourceType::VpcEndpoint).set_tags(Some(tags.clone())).build();
        let request = self
            .ec2
            .create_vpc_endpoint()
            .client_token(token)
            .vpc_id(vpc.as_str())
            .service_name(service)
            .set_policy_document(policy.as_ref().map(|policy| policy.text().to_owned()))
            .set_tag_specifications((!tags.is_empty()).then(|| vec![tagged]))
            .set_route_table_ids(some(tables))
            .set_subnet_ids(some(subnets))
            .set_security_group_ids(some(groups));
        let request = match kind {
            Kind::Gateway => request.vpc_endpoint_type(VpcEndpointType::Gateway),
            Kind::Interface => request.vpc_endpoint_type(VpcEndpointType::Interface).private_dns_enabled(false),
            Kind::Other(kind) => panic!("{kind}"),
        };
        let made = request.send().await.map_err(refusal)?;
        Ok(ResourceId::new(made.vpc_endpoint().and_then(|it| it.vpc_endpoint_id()).expect("an id")))
    }

    async fn modify(&self, endpoint: &ResourceId, edit: &Edit) -> Result<(), Refusal> {
        let Edit {
            add_tables,
            remove_tables,
            add_subnets,
            remove_subnets,
            add_groups,
            remove_groups,
            policy,
            private_dns,
        } = edit;
        let request = self
            .ec2
            .modify_vpc_endpoint()
            .vpc_endpoint_id(endpoint.as_str())
            .set_add_route_table_ids(some(add_tables))
            .set_remove_route_table_ids(some(remove_tables))
            .set_add_subnet_ids(some(add_subnets))
            .set_remove_subnet_ids(some(remove_subnets))
            .set_add_security_group_ids(some(add_groups))
            .set_remove_security_group_ids(some(remove_groups))
            .set_private_dns_enabled(*private_dns);
        let request = match policy {
            None => request,
            Some(PolicyEdit { to: Some(policy), before: _ }) => request.policy_document(policy.text()),
            Some(PolicyEdit { to: None, before: _ }) => request.reset_policy(true),
        };
        request.send().await.map_err(refusal)?;
        Ok(())
    }

    async fn delete(&self, endpoint: &ResourceId) -> Result<(), Refusal> {
        let delete = self.ec2.delete_vpc_endpoints().vpc_endpoint_ids(endpoint.as_str());
        let done = delete.send().await.map_err(refusal)?;
        match done.unsuccessful().first().and_then(|item| item.error()) {
            None => Ok(()),
            Some(error) => Err(Refusal {
                code: error.code().unwrap_or_default().to_owned(),
                message: error.message().unwrap_or_default().to_owned(),
            }),
        }
    }

    async fn endpoints(&self, vpc: &VpcId) -> Result<Vec<ObservedEndpoint>, Refusal> {
        let by = Filter::builder().name("vpc-id").values(vpc.as_str()).build();
        let found = self.ec2.describe_vpc_endpoints().filters(by).send().await.map_err(refusal)?;
        Ok(found.vpc_endpoints().iter().map(observed).collect())
    }

    async fn arrive(&self) -> Result<(), Refusal> {
        self.stage.admin("POST", "endpoints/due", None);
        Ok(())
    }
}
