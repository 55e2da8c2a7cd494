//! EC2's endpoints, subnets, route tables and groups → ours. Pure.

use crate::network::{stack, tags};
use crate::route_tables::is_main;
use aws_sdk_ec2::types::{
    DnsNameState, IpPermission, RouteTable, RouteTableAssociationStateCode, SecurityGroup, ServiceConfiguration,
    Subnet, VpcEndpoint,
};
use jiff::Timestamp;
use std::collections::BTreeSet;
use topology::endpoints::{
    EndpointState, Kind, ObservedEndpoint, ObservedGroup, ObservedService, ObservedSubnet, ObservedTable, Policy,
    Source,
};
use topology::security_groups::{Ports, Protocol, Traffic};
use topology::{ResourceId, ZoneLetter};

/// The port on which AWS's services answer.
const HTTPS: u16 = 443;

/// An endpoint. `Err`: it lacks what every endpoint has.
pub(super) fn endpoint(endpoint: &VpcEndpoint) -> Result<ObservedEndpoint, String> {
    let id = endpoint.vpc_endpoint_id().ok_or("an endpoint has no id")?;
    let lacks = |what: &str| format!("{id} has no {what}");
    let kind = endpoint.vpc_endpoint_type().ok_or_else(|| lacks("type"))?.as_str();
    let kind = match kind.to_ascii_lowercase().as_str() {
        "gateway" => Kind::Gateway,
        "interface" => Kind::Interface,
        _ => Kind::Other(kind.into()),
    };
    let service = match (endpoint.service_name(), &kind) {
        (Some(service), _) => service,
        // Those of VPC Lattice (`Resource`, `ServiceNetwork`) lead to an ARN. Nobody can declare one, and none may keep the others
        // from being read.
        (None, Kind::Other(_)) => "",
        (None, Kind::Gateway | Kind::Interface) => return Err(lacks("service")),
    };
    let error = endpoint.last_error().and_then(|error| match (error.code(), error.message()) {
        (Some(code), Some(message)) => Some(format!("{code}: {message}")),
        (one, other) => one.or(other).map(Into::into),
    });
    let error = error.or_else(|| endpoint.failure_reason().map(Into::into));
    let tags = tags(endpoint.tags());
    Ok(ObservedEndpoint {
        id: id.into(),
        service: service.into(),
        kind,
        state: EndpointState::from_wire(endpoint.state().ok_or_else(|| lacks("state"))?.as_str()),
        error,
        tables: ids(endpoint.route_table_ids()),
        subnets: ids(endpoint.subnet_ids()),
        groups: endpoint.groups().iter().filter_map(|group| group.group_id()).map(Into::into).collect(),
        private_dns: endpoint.private_dns_enabled() == Some(true),
        policy: endpoint.policy_document().and_then(Policy::read),
        managed: endpoint.requester_managed() == Some(true),
        created: endpoint.creation_timestamp().and_then(|time| Timestamp::new(time.secs(), 0).ok()),
        stack: stack(&tags),
        tags,
    })
}

fn ids(ids: &[String]) -> BTreeSet<ResourceId> {
    ids.iter().map(|id| id.as_str().into()).collect()
}

/// A subnet. `Ok(None)`: one without IPv4, which nobody can declare.
pub(super) fn subnet(subnet: &Subnet, region: &str) -> Result<Option<ObservedSubnet>, String> {
    let id = subnet.subnet_id().ok_or("a subnet has no id")?;
    let Some(range) = subnet.cidr_block().filter(|range| !range.is_empty()) else { return Ok(None) };
    let zone = subnet.availability_zone().ok_or_else(|| format!("{id} names no Availability Zone"))?;
    Ok(Some(ObservedSubnet {
        id: id.into(),
        cidr: range.parse().map_err(|_| format!("the range of {id} is no IPv4 range"))?,
        zone: ZoneLetter::from(zone.strip_prefix(region).unwrap_or(zone)),
    }))
}

/// A route table, and the subnets that are associated with it outright.
pub(super) fn table(table: &RouteTable) -> Result<ObservedTable, String> {
    let id = table.route_table_id().ok_or("a route table has no id")?;
    let holds = table.associations().iter().filter(|association| {
        let state = association.association_state().and_then(|state| state.state());
        !matches!(
            state,
            Some(
                RouteTableAssociationStateCode::Disassociating
                    | RouteTableAssociationStateCode::Disassociated
                    | RouteTableAssociationStateCode::Failed
            )
        )
    });
    let subnets = holds.filter_map(|association| association.subnet_id()).filter(|id| !id.is_empty());
    Ok(ObservedTable { id: id.into(), subnets: subnets.map(Into::into).collect(), main: is_main(table) })
}

/// A group, and whom it lets in on 443.
pub(super) fn group(group: &SecurityGroup) -> Result<ObservedGroup, String> {
    let id = group.group_id().ok_or("a security group has no id")?;
    let name = group.group_name().ok_or_else(|| format!("{id} has no name"))?;
    let https = group.ip_permissions().iter().filter(|permission| admits_https(permission)).flat_map(sources);
    Ok(ObservedGroup { id: id.into(), name: name.into(), https: https.collect() })
}

/// What cannot be read admits nothing.
fn admits_https(permission: &IpPermission) -> bool {
    let port = |port: Option<i32>| port.map(i64::from);
    let protocol = permission.ip_protocol().unwrap_or_default();
    match Traffic::from_wire(protocol, port(permission.from_port()), port(permission.to_port())) {
        Ok(Traffic { protocol: Protocol::All, ports: _ }) => true,
        Ok(Traffic { protocol: Protocol::Tcp, ports: Ports::Range { from, to } }) => (from..=to).contains(&HTTPS),
        Ok(Traffic { protocol: _, ports: _ }) | Err(_) => false,
    }
}

fn sources(permission: &IpPermission) -> Vec<Source> {
    let ranges = permission.ip_ranges().iter().filter_map(|range| range.cidr_ip()?.parse().ok()).map(Source::Range);
    let groups = permission.user_id_group_pairs().iter().filter_map(|pair| pair.group_id());
    let lists = permission.prefix_list_ids().iter().filter_map(|list| list.prefix_list_id());
    ranges.chain(groups.chain(lists).map(|id| Source::Id(id.into()))).collect()
}

/// An endpoint service of this account.
pub(super) fn service(service: &ServiceConfiguration) -> Result<ObservedService, String> {
    let id = service.service_id().ok_or("an endpoint service has no id")?;
    let verified = service.private_dns_name_configuration().and_then(|it| it.state()) == Some(&DnsNameState::Verified);
    let private = service.private_dns_name().filter(|name| !name.is_empty());
    Ok(ObservedService {
        id: id.into(),
        name: service.service_name().ok_or_else(|| format!("{id} has no name"))?.into(),
        private_dns: private.map(|name| (name.to_owned(), verified)),
        stack: stack(&tags(service.tags())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::{
        IpRange, LastError, RouteTableAssociation, SecurityGroupIdentifier, State, Tag, UserIdGroupPair,
        VpcEndpointType,
    };

    fn shown(state: &str) -> ObservedEndpoint {
        let shown = VpcEndpoint::builder()
            .vpc_endpoint_id("vpce-1")
            .service_name("com.amazonaws.eu-west-1.logs")
            .vpc_endpoint_type(VpcEndpointType::Interface)
            .state(State::from(state))
            .subnet_ids("subnet-1")
            .groups(SecurityGroupIdentifier::builder().group_id("sg-1").build())
            .private_dns_enabled(true)
            .policy_document(r#"{"Statement":[]}"#)
            .last_error(LastError::builder().code("Broken").message("it broke").build())
            .tags(Tag::builder().key("aws:cloudformation:stack-id").value("arn:stack").build())
            .build();
        endpoint(&shown).unwrap()
    }

    #[test]
    fn a_state_is_read_in_any_case() {
        for (wire, state) in [
            ("available", EndpointState::Available),
            ("Available", EndpointState::Available),
            ("pendingAcceptance", EndpointState::PendingAcceptance),
            ("PendingAcceptance", EndpointState::PendingAcceptance),
            ("deleting", EndpointState::Deleting),
            ("partial", EndpointState::Partial),
            ("hovering", EndpointState::Other("hovering".into())),
        ] {
            assert_eq!(shown(wire).state, state, "{wire}");
        }
    }

    #[test]
    fn an_endpoint_is_read_whole_or_not_at_all() {
        let read = shown("available");
        assert_eq!(read.groups, [ResourceId::from("sg-1")].into());
        assert_eq!(read.stack, Some("arn:stack".into()));
        assert_eq!(read.error.as_deref(), Some("Broken: it broke"));
        assert!(read.private_dns && read.policy.is_some() && read.kind == Kind::Interface);
        let stateless = VpcEndpoint::builder()
            .vpc_endpoint_id("vpce-1")
            .service_name("s")
            .vpc_endpoint_type(VpcEndpointType::Gateway)
            .build();
        assert_eq!(endpoint(&stateless).unwrap_err(), "vpce-1 has no state");
    }

    /// One that Plumbline cannot make must not blind it to those that it can.
    #[test]
    fn one_that_leads_to_an_arn_has_no_service_and_is_read() {
        let one = |kind: &str| {
            let shown = VpcEndpoint::builder()
                .vpc_endpoint_id("vpce-1")
                .vpc_endpoint_type(VpcEndpointType::from(kind))
                .state(State::Available)
                .build();
            endpoint(&shown)
        };
        for kind in ["Resource", "ServiceNetwork", "SomethingNew"] {
            let read = one(kind).unwrap();
            assert_eq!((read.service.as_str(), read.kind), ("", Kind::Other(kind.into())));
        }
        for kind in ["Interface", "Gateway"] {
            assert_eq!(one(kind).unwrap_err(), "vpce-1 has no service");
        }
    }

    #[test]
    fn the_main_table_is_known_by_its_association() {
        let main = RouteTableAssociation::builder().main(true).build();
        let outright = RouteTableAssociation::builder().main(false).subnet_id("subnet-1").build();
        let shown = RouteTable::builder().route_table_id("rtb-1").associations(outright);
        let other = table(&shown.clone().build()).unwrap();
        let read = table(&shown.associations(main).build()).unwrap();
        assert_eq!((other.main, read.main), (false, true));
        assert_eq!(other.subnets, [ResourceId::from("subnet-1")].into());
        assert_eq!(other.subnets, read.subnets);
    }

    #[test]
    fn a_group_lets_in_whom_its_rules_for_443_name() {
        let rule = |protocol: &str, from: Option<i32>, to: Option<i32>, range: &str| {
            IpPermission::builder()
                .ip_protocol(protocol)
                .set_from_port(from)
                .set_to_port(to)
                .ip_ranges(IpRange::builder().cidr_ip(range).build())
                .user_id_group_pairs(UserIdGroupPair::builder().group_id(format!("sg-{range}")).build())
                .build()
        };
        let shown = SecurityGroup::builder()
            .group_id("sg-1")
            .group_name("endpoints")
            .ip_permissions(rule("tcp", Some(443), Some(443), "10.0.0.0/24"))
            .ip_permissions(rule("6", Some(0), Some(65535), "10.0.1.0/24"))
            .ip_permissions(rule("-1", None, None, "10.0.2.0/24"))
            .ip_permissions(rule("tcp", Some(444), Some(500), "10.0.3.0/24"))
            .ip_permissions(rule("udp", Some(443), Some(443), "10.0.4.0/24"))
            .ip_permissions(rule("icmp", Some(-1), Some(-1), "10.0.5.0/24"))
            .build();
        let read = group(&shown).unwrap();
        let expected = ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]
            .into_iter()
            .flat_map(|range| [Source::Range(range.parse().unwrap()), Source::Id(format!("sg-{range}").into())]);
        assert_eq!(read.https, expected.collect());
    }
}
