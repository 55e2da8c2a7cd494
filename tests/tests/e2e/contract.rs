//! The local cloud's EC2 keeps the same contract as the in-memory twin that the reconciler's scenarios run on.

mod nat;
mod routes;

use crate::stage::{Caller, Stage};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, PrefixListId, SecurityGroupRule, SecurityGroupRuleDescription,
    SecurityGroupRuleRequest, SecurityGroupRuleUpdate, UserIdGroupPair,
};
use std::collections::BTreeMap;
use topology::security_groups::{Direction, ObservedPeer, ObservedRule, Traffic};
use topology::{ResourceId, VpcId};
use twin::contract::Ec2Port;
use twin::ec2::{Peer, Permission, Refusal};

#[tokio::test]
async fn the_local_cloud_keeps_the_contract_of_ec2() {
    let stage = Stage::restored().await;
    let broken = twin::contract::security_groups(&Sdk(stage.ec2(Caller::Root))).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

struct Sdk(Client);

/// An answer without an error code is no refusal but a broken test.
pub(crate) fn refusal<E: ProvideErrorMetadata + std::fmt::Debug, R: std::fmt::Debug>(error: SdkError<E, R>) -> Refusal {
    let code = error.code().unwrap_or_else(|| panic!("{error:?}")).to_owned();
    Refusal { code, message: error.message().unwrap_or_default().to_owned() }
}

fn wire(permission: &Permission) -> IpPermission {
    let Permission { protocol, from, to, peer, description } = permission.clone();
    let port = |port: Option<i64>| port.map(|port| i32::try_from(port).expect("a port"));
    let whole = IpPermission::builder().ip_protocol(protocol).set_from_port(port(from)).set_to_port(port(to));
    match peer {
        Peer::CidrIp(range) => whole.ip_ranges(IpRange::builder().cidr_ip(range).set_description(description).build()),
        Peer::CidrIpv6(range) => {
            whole.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(range).set_description(description).build())
        }
        Peer::PrefixList(id) => {
            whole.prefix_list_ids(PrefixListId::builder().prefix_list_id(id).set_description(description).build())
        }
        Peer::Group { account, id } => {
            let pair = UserIdGroupPair::builder().group_id(id).set_user_id(account).set_description(description);
            whole.user_id_group_pairs(pair.build())
        }
    }
    .build()
}

fn requested(permission: &Permission) -> SecurityGroupRuleRequest {
    let Permission { protocol, from, to, peer, description } = permission.clone();
    let port = |port: Option<i64>| port.map(|port| i32::try_from(port).expect("a port"));
    let request = SecurityGroupRuleRequest::builder()
        .ip_protocol(protocol)
        .set_from_port(port(from))
        .set_to_port(port(to))
        .set_description(description);
    match peer {
        Peer::CidrIp(range) => request.cidr_ipv4(range),
        Peer::CidrIpv6(range) => request.cidr_ipv6(range),
        Peer::PrefixList(id) => request.prefix_list_id(id),
        Peer::Group { account: _, id } => request.referenced_group_id(id),
    }
    .build()
}

fn observed(rule: &SecurityGroupRule) -> ObservedRule {
    let peer = match (rule.cidr_ipv4(), rule.cidr_ipv6(), rule.prefix_list_id(), rule.referenced_group_info()) {
        (Some(range), None, None, None) => ObservedPeer::Ipv4(range.parse().expect("an IPv4 range")),
        (None, Some(range), None, None) => ObservedPeer::Ipv6(range.parse().expect("an IPv6 range")),
        (None, None, Some(list), None) => ObservedPeer::PrefixList(list.into()),
        (None, None, None, Some(group)) => ObservedPeer::Group {
            account: group.user_id().map(Into::into),
            id: group.group_id().expect("a referenced group's id").into(),
        },
        other => panic!("not exactly one peer: {other:?}"),
    };
    let protocol = rule.ip_protocol().expect("a protocol");
    let traffic = Traffic::from_wire(protocol, rule.from_port().map(i64::from), rule.to_port().map(i64::from));
    ObservedRule {
        id: rule.security_group_rule_id().expect("a rule's id").into(),
        direction: if rule.is_egress().expect("a direction") { Direction::Egress } else { Direction::Ingress },
        traffic: traffic.expect("traffic as EC2 writes it"),
        peer,
        peer_vpc: None,
        description: rule.description().filter(|text| !text.is_empty()).map(Into::into),
        tags: BTreeMap::new(),
    }
}

fn ids(made: &[SecurityGroupRule]) -> Vec<ResourceId> {
    made.iter().map(|rule| rule.security_group_rule_id().expect("a rule's id").into()).collect()
}

impl Ec2Port for Sdk {
    async fn create_vpc(&self, cidr: &str) -> Result<VpcId, Refusal> {
        let made = self.0.create_vpc().cidr_block(cidr).send().await.map_err(refusal)?;
        Ok(VpcId::new(made.vpc().and_then(|vpc| vpc.vpc_id()).expect("a VPC's id")))
    }

    async fn create_group(&self, vpc: &VpcId, name: &str) -> Result<ResourceId, Refusal> {
        let create = self.0.create_security_group().vpc_id(vpc.as_str()).group_name(name).description("contract");
        let made = create.send().await.map_err(refusal)?;
        Ok(made.group_id().expect("a group's id").into())
    }

    async fn delete_group(&self, group: &ResourceId) -> Result<(), Refusal> {
        self.0.delete_security_group().group_id(group.as_str()).send().await.map(|_| ()).map_err(refusal)
    }

    async fn authorize(
        &self,
        group: &ResourceId,
        direction: Direction,
        permissions: &[Permission],
    ) -> Result<Vec<ResourceId>, Refusal> {
        let permissions = Some(permissions.iter().map(wire).collect());
        match direction {
            Direction::Ingress => {
                let authorize = self.0.authorize_security_group_ingress().group_id(group.as_str());
                let made = authorize.set_ip_permissions(permissions).send().await.map_err(refusal)?;
                Ok(ids(made.security_group_rules()))
            }
            Direction::Egress => {
                let authorize = self.0.authorize_security_group_egress().group_id(group.as_str());
                let made = authorize.set_ip_permissions(permissions).send().await.map_err(refusal)?;
                Ok(ids(made.security_group_rules()))
            }
        }
    }

    async fn revoke(&self, group: &ResourceId, direction: Direction, rules: &[ResourceId]) -> Result<(), Refusal> {
        let rules = Some(rules.iter().map(ToString::to_string).collect());
        match direction {
            Direction::Ingress => {
                let revoke = self.0.revoke_security_group_ingress().group_id(group.as_str());
                revoke.set_security_group_rule_ids(rules).send().await.map(|_| ()).map_err(refusal)
            }
            Direction::Egress => {
                let revoke = self.0.revoke_security_group_egress().group_id(group.as_str());
                revoke.set_security_group_rule_ids(rules).send().await.map(|_| ()).map_err(refusal)
            }
        }
    }

    async fn redescribe(
        &self,
        group: &ResourceId,
        direction: Direction,
        descriptions: &[(ResourceId, String)],
    ) -> Result<(), Refusal> {
        let one = |(id, text): &(ResourceId, String)| {
            SecurityGroupRuleDescription::builder().security_group_rule_id(id.as_str()).description(text).build()
        };
        let all = Some(descriptions.iter().map(one).collect());
        match direction {
            Direction::Ingress => {
                let update = self.0.update_security_group_rule_descriptions_ingress().group_id(group.as_str());
                update.set_security_group_rule_descriptions(all).send().await.map(|_| ()).map_err(refusal)
            }
            Direction::Egress => {
                let update = self.0.update_security_group_rule_descriptions_egress().group_id(group.as_str());
                update.set_security_group_rule_descriptions(all).send().await.map(|_| ()).map_err(refusal)
            }
        }
    }

    async fn modify(&self, group: &ResourceId, rule: &ResourceId, permission: &Permission) -> Result<(), Refusal> {
        let update = SecurityGroupRuleUpdate::builder()
            .security_group_rule_id(rule.as_str())
            .security_group_rule(requested(permission))
            .build();
        let modify = self.0.modify_security_group_rules().group_id(group.as_str()).security_group_rules(update);
        modify.send().await.map(|_| ()).map_err(refusal)
    }

    async fn rules(&self, group: &ResourceId) -> Result<Vec<ObservedRule>, Refusal> {
        let by = Filter::builder().name("group-id").values(group.as_str()).build();
        // Small pages, so that more than one is read.
        let mut pages = self.0.describe_security_group_rules().filters(by).max_results(50).into_paginator().send();
        let mut rules = vec![];
        while let Some(page) = pages.next().await {
            rules.extend(page.map_err(refusal)?.security_group_rules().iter().map(observed));
        }
        Ok(rules)
    }
}
