use super::*;
use aws_sdk_ec2::primitives::DateTime;
use aws_sdk_ec2::types::builders::{NatGatewayBuilder, RouteBuilder};
use aws_sdk_ec2::types::{
    NatGatewayAddress, RouteOrigin, RouteState, RouteTableAssociation, RouteTableAssociationState,
    RouteTableAssociationStateCode, ServiceManaged, Tag,
};
use topology::StackId;

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

fn stacked() -> (Tag, StackId) {
    let arn = "arn:aws:cloudformation:eu-west-1:111122223333:stack/network/1";
    (tag("aws:cloudformation:stack-id", arn), arn.into())
}

fn zonal() -> NatGatewayBuilder {
    NatGateway::builder()
        .nat_gateway_id("nat-1")
        .vpc_id("vpc-1")
        .subnet_id("subnet-1")
        .state(NatGatewayState::Available)
        .connectivity_type(ConnectivityType::Public)
        .create_time(DateTime::from_millis(1_700_000_000_250))
}

#[test]
fn a_gateway_is_read_with_all_that_it_says() {
    let used = NatGatewayAddress::builder().allocation_id("eipalloc-1").public_ip("203.0.113.7").build();
    let (stack, arn) = stacked();
    let read = gateway(&zonal().nat_gateway_addresses(used).tags(stack).build()).unwrap();
    let tags = [("aws:cloudformation:stack-id".to_owned(), arn.to_string())].into();
    let expected = ObservedGateway {
        id: "nat-1".into(),
        state: GatewayState::Available,
        failure: None,
        public: true,
        availability: Availability::Zonal,
        subnet: Some("subnet-1".into()),
        addresses: vec![UsedAddress { allocation: Some("eipalloc-1".into()), public_ip: Some("203.0.113.7".into()) }],
        created: "2023-11-14T22:13:20.25Z".parse().unwrap(),
        stack: Some(arn),
        tags,
    };
    assert_eq!(read, expected);
}

#[test]
fn a_gateway_s_state_is_what_the_wire_says() {
    for (wire, state) in [
        ("pending", GatewayState::Pending),
        ("failed", GatewayState::Failed),
        ("available", GatewayState::Available),
        ("deleting", GatewayState::Deleting),
        ("deleted", GatewayState::Deleted),
    ] {
        let read = gateway(&zonal().state(NatGatewayState::from(wire)).build()).unwrap();
        assert_eq!(read.state, state, "{wire}");
    }
    let failed = zonal().state(NatGatewayState::Failed).failure_code("Gateway.NotAttached").failure_message("no igw");
    let failure = gateway(&failed.build()).unwrap().failure.unwrap();
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("Gateway.NotAttached", "no igw"));
}

#[test]
fn a_regional_gateway_has_no_subnet_and_a_pending_one_no_address_yet() {
    let used = NatGatewayAddress::builder().allocation_id("").public_ip("").build();
    let regional = zonal().subnet_id("").availability_mode(AvailabilityMode::Regional).nat_gateway_addresses(used);
    let read = gateway(&regional.build()).unwrap();
    assert_eq!((read.availability, read.subnet), (Availability::Regional, None));
    assert_eq!(read.addresses, [UsedAddress { allocation: None, public_ip: None }]);

    let private = gateway(&zonal().connectivity_type(ConnectivityType::Private).build()).unwrap();
    assert!(!private.public);
}

#[test]
fn a_gateway_that_says_something_new_is_unreadable() {
    for unknown in [
        zonal().state(NatGatewayState::from("hibernating")),
        zonal().set_state(None),
        zonal().set_create_time(None),
        zonal().set_nat_gateway_id(None),
        zonal().connectivity_type(ConnectivityType::from("sideways")),
        zonal().availability_mode(AvailabilityMode::from("global")),
    ] {
        assert!(gateway(&unknown.clone().build()).is_err(), "{unknown:?}");
    }
    let told = gateway(&zonal().state(NatGatewayState::from("hibernating")).build()).unwrap_err().to_string();
    assert!(told.contains("nat-1") && told.contains("hibernating"), "{told}");
}

#[test]
fn an_address_knows_what_uses_it() {
    let one = || Address::builder().allocation_id("eipalloc-1").public_ip("203.0.113.7");
    let free = address(&one().association_id("").tags(tag("plumbline:topology", "t")).build()).unwrap().unwrap();
    assert_eq!((free.association, free.user), (None, None));
    assert_eq!(free.tags["plumbline:topology"], "t");
    let used = one().association_id("eipassoc-1").network_interface_id("eni-1");
    let read = address(&used.clone().build()).unwrap().unwrap();
    assert_eq!((read.association, read.user), (Some("eipassoc-1".into()), Some("eni-1".into())));
    let read = address(&used.instance_id("i-1").build()).unwrap().unwrap();
    assert_eq!(read.user, Some("i-1".into()));
}

#[test]
fn addresses_that_nobody_can_use_are_left_out() {
    let one = || Address::builder().allocation_id("eipalloc-1").public_ip("203.0.113.7");
    assert_eq!(address(&one().service_managed(ServiceManaged::Rnat).build()), Ok(None));
    assert_eq!(address(&Address::builder().public_ip("203.0.113.7").build()), Ok(None));
    assert!(address(&Address::builder().allocation_id("eipalloc-1").build()).is_err());
}

#[test]
fn a_subnet_names_its_zone_by_letter_and_by_id() {
    let (stack, arn) = stacked();
    let one = || {
        Subnet::builder()
            .subnet_id("subnet-1")
            .cidr_block("10.0.0.0/20")
            .availability_zone("eu-west-1a")
            .availability_zone_id("euw1-az3")
    };
    let read = subnet(&one().tags(stack).build(), "eu-west-1").unwrap().unwrap();
    assert_eq!((read.zone.as_str(), read.zone_id.as_str()), ("a", "euw1-az3"));
    assert_eq!((read.cidr, read.stack), ("10.0.0.0/20".parse().unwrap(), Some(arn)));
    // A Local Zone is none of the declared letters.
    let local = subnet(&one().availability_zone("us-west-2-lax-1a").build(), "us-west-2").unwrap().unwrap();
    assert_ne!(local.zone.as_str(), "a");
    assert_eq!(subnet(&Subnet::builder().subnet_id("subnet-6").build(), "eu-west-1"), Ok(None));
    assert!(subnet(&one().cidr_block("10.0.0.0/33").build(), "eu-west-1").is_err());
    assert!(subnet(&one().set_availability_zone_id(None).build(), "eu-west-1").is_err());
}

fn route(to: &str) -> RouteBuilder {
    Route::builder().destination_cidr_block(to).origin(RouteOrigin::CreateRoute).state(RouteState::Active)
}

#[test]
fn a_table_is_read_with_its_subnets_and_routes() {
    let association = |id: &str| RouteTableAssociation::builder().route_table_association_id(id);
    let state = |state| RouteTableAssociationState::builder().state(state).build();
    let leaving = state(RouteTableAssociationStateCode::Disassociating);
    let read = table(
        &RouteTable::builder()
            .route_table_id("rtb-1")
            .associations(association("rtbassoc-1").subnet_id("subnet-1").build())
            .associations(association("rtbassoc-2").subnet_id("subnet-2").association_state(leaving).build())
            .associations(association("rtbassoc-3").gateway_id("igw-1").build())
            .associations(association("rtbassoc-4").main(true).build())
            .routes(Route::builder().destination_cidr_block("10.0.0.0/16").gateway_id("local").build())
            .routes(route(DEFAULT).nat_gateway_id("nat-1").state(RouteState::Blackhole).build())
            .routes(Route::builder().destination_prefix_list_id("pl-1").gateway_id("vpce-1").build())
            .routes(
                Route::builder().destination_ipv6_cidr_block("::/0").egress_only_internet_gateway_id("eigw-1").build(),
            )
            .build(),
    )
    .unwrap();
    assert!(read.main);
    assert_eq!(read.subnets, [("subnet-1".into(), "rtbassoc-1".into())].into());
    assert_eq!(read.default, Some(DefaultRoute { target: "nat-1".into(), blackhole: true, written: true }));
    let others: Vec<_> = read.others.iter().map(|route| (route.destination.as_str(), route.target.as_str())).collect();
    assert_eq!(others, [("pl-1", "vpce-1"), ("::/0", "eigw-1")]);
}

#[test]
fn a_default_route_leads_somewhere_whatever_it_is() {
    let leads = |route: RouteBuilder| {
        let read = default_route(&RouteTable::builder().routes(route.build()).build()).unwrap();
        (read.target.to_string(), read.written)
    };
    for (built, target) in [
        (route(DEFAULT).nat_gateway_id("nat-1"), "nat-1"),
        (route(DEFAULT).gateway_id("igw-1"), "igw-1"),
        (route(DEFAULT).gateway_id("vpce-1"), "vpce-1"),
        (route(DEFAULT).instance_id("i-1").network_interface_id("eni-1"), "eni-1"),
        (route(DEFAULT).transit_gateway_id("tgw-1"), "tgw-1"),
        (route(DEFAULT).vpc_peering_connection_id("pcx-1"), "pcx-1"),
        (route(DEFAULT).core_network_arn("arn:core"), "arn:core"),
        (route(DEFAULT).state(RouteState::Blackhole), "nothing"),
    ] {
        assert_eq!(leads(built), (target.to_owned(), true));
    }
    let propagated = route(DEFAULT).origin(RouteOrigin::EnableVgwRoutePropagation).gateway_id("vgw-1");
    assert_eq!(leads(propagated), ("vgw-1".to_owned(), false));
    assert_eq!(leads(route(DEFAULT).set_origin(None).gateway_id("vgw-1")), ("vgw-1".to_owned(), false));
}

#[test]
fn the_default_route_that_somebody_wrote_comes_before_one_that_was_propagated() {
    let propagated = route(DEFAULT).origin(RouteOrigin::EnableVgwRoutePropagation).gateway_id("vgw-1").build();
    let both = RouteTable::builder().routes(propagated).routes(route(DEFAULT).nat_gateway_id("nat-1").build());
    assert_eq!(default_route(&both.build()).unwrap().target.as_str(), "nat-1");
    assert_eq!(default_route(&RouteTable::builder().build()), None);
}
