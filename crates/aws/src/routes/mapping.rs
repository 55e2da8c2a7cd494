//! EC2's subnets, route tables and internet gateways → ours. Pure.

use crate::network::{Unreadable, stack, tags, unreadable};
use crate::route_tables::{blackhole, destination, is_main, subnets, target};
use aws_sdk_ec2::types::{AttachmentStatus, InternetGateway, Route, RouteOrigin, RouteTable, Subnet, Vpc};
use std::collections::BTreeSet;
use topology::ZoneLetter;
use topology::routes::{ObservedGateway, ObservedRoute, ObservedSubnet, ObservedTable, Origin};

/// The ranges of a VPC, IPv4 and IPv6: routes to these come with each table.
pub(super) fn ranges(vpc: &Vpc) -> BTreeSet<String> {
    let first = vpc.cidr_block().map(str::to_owned);
    let more = vpc.cidr_block_association_set().iter().filter_map(|range| range.cidr_block()).map(str::to_owned);
    let six = vpc.ipv6_cidr_block_association_set().iter().filter_map(|range| range.ipv6_cidr_block());
    first.into_iter().chain(more).chain(six.map(str::to_owned)).collect()
}

/// A subnet. `Ok(None)`: one without IPv4, which no document declares.
pub(super) fn subnet(subnet: &Subnet, region: &str) -> Result<Option<ObservedSubnet>, Unreadable> {
    let bad = |problem: &str| unreadable(subnet.subnet_id(), problem);
    let Some(range) = subnet.cidr_block().filter(|range| !range.is_empty()) else { return Ok(None) };
    let zone = subnet.availability_zone().ok_or_else(|| bad("it names no Availability Zone"))?;
    let tags = tags(subnet.tags());
    Ok(Some(ObservedSubnet {
        id: subnet.subnet_id().ok_or_else(|| bad("it has no id"))?.into(),
        cidr: range.parse().map_err(|_| bad("its range is no IPv4 range"))?,
        zone: ZoneLetter::from(zone.strip_prefix(region).unwrap_or(zone)),
        public_on_launch: subnet
            .map_public_ip_on_launch()
            .ok_or_else(|| bad("it does not say whether it gives public addresses"))?,
        stack: stack(&tags),
        tags,
    }))
}

/// A route table.
pub(super) fn table(table: &RouteTable) -> Result<ObservedTable, Unreadable> {
    let id = table.route_table_id().ok_or_else(|| unreadable(None, "a route table has no id"))?;
    let tags = tags(table.tags());
    Ok(ObservedTable {
        id: id.into(),
        main: is_main(table),
        subnets: subnets(table).ok_or_else(|| unreadable(Some(id), "an association has no id"))?,
        routes: table.routes().iter().map(|one| route(id, one)).collect::<Result<_, _>>()?,
        stack: stack(&tags),
        tags,
    })
}

fn route(table: &str, route: &Route) -> Result<ObservedRoute, Unreadable> {
    let destination = destination(route).ok_or_else(|| unreadable(Some(table), "a route leads to nothing"))?;
    Ok(ObservedRoute {
        destination: destination.into(),
        target: target(route),
        blackhole: blackhole(route),
        origin: match route.origin() {
            Some(RouteOrigin::CreateRoute) => Origin::Written,
            Some(RouteOrigin::CreateRouteTable) => Origin::Table,
            // Propagated, advertised, or something newer: not ours.
            _ => Origin::Others,
        },
    })
}

/// An internet gateway. One that is being attached or detached is where it says.
pub(super) fn gateway(gateway: &InternetGateway) -> Result<ObservedGateway, Unreadable> {
    let id = gateway.internet_gateway_id().ok_or_else(|| unreadable(None, "an internet gateway has no id"))?;
    let attached = gateway.attachments().iter().filter(|attachment| {
        !matches!(attachment.state(), Some(AttachmentStatus::Detached | AttachmentStatus::Detaching))
    });
    let tags = tags(gateway.tags());
    Ok(ObservedGateway {
        id: id.into(),
        vpc: attached.filter_map(|attachment| attachment.vpc_id()).map(Into::into).next(),
        stack: stack(&tags),
        tags,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::{
        InternetGatewayAttachment, RouteState, RouteTableAssociation, RouteTableAssociationState,
        RouteTableAssociationStateCode, VpcCidrBlockAssociation, VpcIpv6CidrBlockAssociation,
    };

    fn leads(route: aws_sdk_ec2::types::builders::RouteBuilder) -> ObservedRoute {
        let route = route.origin(RouteOrigin::CreateRoute).build();
        super::route("rtb-1", &route).unwrap()
    }

    #[test]
    fn a_route_is_read_whatever_it_leads_to_and_from() {
        let local = Route::builder().destination_cidr_block("10.0.0.0/16").gateway_id("local");
        let local = super::route("rtb-1", &local.origin(RouteOrigin::CreateRouteTable).build()).unwrap();
        assert_eq!((local.target.as_str(), local.origin), ("local", Origin::Table));
        let list = leads(Route::builder().destination_prefix_list_id("pl-1").gateway_id("vpce-1"));
        assert_eq!((list.destination.as_str(), list.target.as_str()), ("pl-1", "vpce-1"));
        let six = Route::builder().destination_ipv6_cidr_block("::/0").egress_only_internet_gateway_id("eigw-1");
        assert_eq!((leads(six).destination.as_str(), list.origin), ("::/0", Origin::Written));
        let black = Route::builder().destination_cidr_block("0.0.0.0/0").state(RouteState::Blackhole);
        let black = leads(black.gateway_id("igw-1"));
        assert!(black.blackhole && black.target.as_str() == "igw-1");
        for origin in [RouteOrigin::EnableVgwRoutePropagation, RouteOrigin::from("Advertisement")] {
            let route = Route::builder().destination_cidr_block("0.0.0.0/0").gateway_id("vgw-1").origin(origin).build();
            assert_eq!(super::route("rtb-1", &route).unwrap().origin, Origin::Others);
        }
        assert!(super::route("rtb-1", &Route::builder().gateway_id("igw-1").build()).is_err());
    }

    #[test]
    fn an_association_that_is_over_holds_nothing() {
        let association = |subnet: &str, code: RouteTableAssociationStateCode| {
            RouteTableAssociation::builder()
                .route_table_association_id(format!("rtbassoc-{subnet}"))
                .subnet_id(subnet)
                .association_state(RouteTableAssociationState::builder().state(code).build())
                .build()
        };
        let described = RouteTable::builder()
            .route_table_id("rtb-1")
            .associations(association("subnet-1", RouteTableAssociationStateCode::Associated))
            .associations(association("subnet-2", RouteTableAssociationStateCode::Disassociated))
            .associations(RouteTableAssociation::builder().gateway_id("igw-1").build())
            .build();
        let read = table(&described).unwrap();
        assert_eq!(read.subnets, [("subnet-1".into(), "rtbassoc-subnet-1".into())].into());
        assert!(!read.main);
        let main = RouteTableAssociation::builder().route_table_association_id("rtbassoc-1").main(true).build();
        assert!(table(&RouteTable::builder().route_table_id("rtb-2").associations(main).build()).unwrap().main);
    }

    #[test]
    fn a_gateway_says_where_it_is() {
        let attached = |state: &str| {
            let attachment =
                InternetGatewayAttachment::builder().vpc_id("vpc-1").state(AttachmentStatus::from(state)).build();
            gateway(&InternetGateway::builder().internet_gateway_id("igw-1").attachments(attachment).build()).unwrap()
        };
        // EC2 says `available` where its own model says `attached`.
        for state in ["available", "attached", "attaching"] {
            assert_eq!(attached(state).vpc, Some("vpc-1".into()), "{state}");
        }
        assert_eq!(attached("detached").vpc, None);
        assert!(gateway(&InternetGateway::builder().build()).is_err());
    }

    #[test]
    fn a_subnet_that_does_not_say_what_it_gives_is_not_read() {
        let whole = Subnet::builder().subnet_id("subnet-1").cidr_block("10.0.0.0/24").availability_zone("eu-west-1b");
        assert!(subnet(&whole.clone().build(), "eu-west-1").is_err());
        let read = subnet(&whole.map_public_ip_on_launch(true).build(), "eu-west-1").unwrap().unwrap();
        assert_eq!((read.zone.as_str(), read.public_on_launch), ("b", true));
        assert_eq!(subnet(&Subnet::builder().subnet_id("subnet-2").build(), "eu-west-1"), Ok(None));
    }

    #[test]
    fn a_vpc_has_more_than_one_range() {
        let vpc = Vpc::builder()
            .cidr_block("10.0.0.0/16")
            .cidr_block_association_set(VpcCidrBlockAssociation::builder().cidr_block("10.1.0.0/16").build())
            .ipv6_cidr_block_association_set(
                VpcIpv6CidrBlockAssociation::builder().ipv6_cidr_block("2001:db8::/56").build(),
            )
            .build();
        assert_eq!(ranges(&vpc), ["10.0.0.0/16", "10.1.0.0/16", "2001:db8::/56"].map(str::to_owned).into());
    }
}
