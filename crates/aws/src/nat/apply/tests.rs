use super::*;
use crate::clients::wire::{Reply, Wire};
use aws_sdk_ec2::types::Tag;
use topology::ControlId;
use topology::nat::Thing;

#[test]
fn what_is_gone_already_is_removed_and_nothing_of_ours() {
    let fault = |code: &str| Fault { code: Some(code.into()), ..Fault::new("x", FaultClass::Retryable, "refused") };
    let gone = ["NatGatewayNotFound"];
    assert_eq!(so_already(fault("NatGatewayNotFound"), &gone), Ok(Receipt { already: true, ..Receipt::default() }));
    assert_eq!(so_already(fault("RequestLimitExceeded"), &gone), Err(fault("RequestLimitExceeded")));
    let silent = Fault::new("x", FaultClass::Retryable, "connection reset");
    assert_eq!(so_already(silent.clone(), &gone), Err(silent));
}

#[test]
fn an_address_that_is_still_held_is_tried_again() {
    let refused =
        Fault { code: Some("AuthFailure".into()), ..Fault::new("ReleaseAddress", FaultClass::Terminal, "no") };
    let held = still_held(refused);
    assert!(held.is_retryable());
    assert_eq!(held.code.as_deref(), Some("AuthFailure"));
}

#[test]
fn tags_go_with_the_call() {
    let tags = [("Name".to_owned(), "main/nat-a".to_owned()), ("plumbline:topology".into(), "three-tier".into())];
    let specified = tagged(ResourceType::Natgateway, &tags.into());
    assert_eq!(specified.resource_type(), Some(&ResourceType::Natgateway));
    let keys: Vec<_> = specified.tags().iter().filter_map(Tag::key).collect();
    assert_eq!(keys, ["Name", "plumbline:topology"]);
}

const NO_ADDRESS: &str = "<DescribeAddressesResponse><addressesSet/></DescribeAddressesResponse>";
const ONE_ADDRESS: &str = "<DescribeAddressesResponse><addressesSet><item><allocationId>eipalloc-1</allocationId></item>\
     </addressesSet></DescribeAddressesResponse>";
const ALLOCATED: &str = "<AllocateAddressResponse><allocationId>eipalloc-2</allocationId></AllocateAddressResponse>";

async fn apply(wire: &Wire, change: &Change) -> Result<Receipt, Fault> {
    let network = Network::new(wire.clients.clone(), ControlId::Nat);
    Apply::<Nat>::apply(&network, wire.clients.home(), change, &ClientToken("token-7".into())).await
}

fn thing(id: &str) -> Thing {
    Thing { key: Place::new("111122223333", "eu-west-1").key(id), name: "main/nat-a".into() }
}

fn an_address() -> Change {
    let tags = [("plumbline:control".to_owned(), "nat".to_owned())].into();
    Change::AllocateAddress { vpc: thing("vpc-1"), tags }
}

#[tokio::test]
async fn an_address_is_asked_for_once_whatever_becomes_of_the_answer() {
    let wire = Wire::answering(&[Reply::Ok(NO_ADDRESS), Reply::Lost]);
    let lost = apply(&wire, &an_address()).await.unwrap_err();
    assert!(lost.is_retryable(), "{lost}");
    assert_eq!(wire.actions(), ["DescribeAddresses", "AllocateAddress"], "the SDK must not ask again by itself");
    let asked = wire.calls().remove(1);
    assert!(asked.contains("plumbline%3Aintent") && asked.contains("token-7"), "{asked}");
    assert!(asked.contains("plumbline%3Acontrol"), "{asked}");
}

#[tokio::test]
async fn an_address_whose_answer_was_lost_is_found_by_its_intent() {
    let wire = Wire::answering(&[Reply::Ok(ONE_ADDRESS)]);
    let found = apply(&wire, &an_address()).await.unwrap();
    assert_eq!(found.created, [ResourceId::from("eipalloc-1")]);
    assert!(!found.already, "it is ours, and to be accounted for");
    assert_eq!(wire.actions(), ["DescribeAddresses"]);
    assert!(wire.calls()[0].contains("plumbline%3Aintent") && wire.calls()[0].contains("token-7"));

    let wire = Wire::answering(&[Reply::Ok(NO_ADDRESS), Reply::Ok(ALLOCATED)]);
    assert_eq!(apply(&wire, &an_address()).await.unwrap().created, [ResourceId::from("eipalloc-2")]);
}

#[tokio::test]
async fn a_search_that_fails_allocates_nothing() {
    let wire = Wire::answering(&[Reply::Refused("UnauthorizedOperation"), Reply::Ok(ALLOCATED)]);
    assert!(!apply(&wire, &an_address()).await.unwrap_err().is_retryable());
    assert_eq!(wire.actions(), ["DescribeAddresses"]);
}

#[tokio::test]
async fn a_gateway_carries_the_token_through_every_try() {
    const CREATED: &str = "<CreateNatGatewayResponse><natGateway><natGatewayId>nat-1</natGatewayId></natGateway>\
         </CreateNatGatewayResponse>";
    let wire = Wire::answering(&[Reply::Lost, Reply::Ok(CREATED)]);
    let gateway = NewGateway::Zonal { subnet: "subnet-1".into(), allocation: "eipalloc-1".into() };
    let create = Change::CreateGateway { home: thing("subnet-1"), gateway, tags: BTreeMap::new() };
    assert_eq!(apply(&wire, &create).await.unwrap().created, [ResourceId::from("nat-1")]);
    assert_eq!(wire.actions(), ["CreateNatGateway", "CreateNatGateway"]);
    assert!(wire.calls().iter().all(|call| call.contains("ClientToken=token-7")), "{:?}", wire.calls());

    let wire = Wire::answering(&[Reply::Ok(CREATED)]);
    let gateway = NewGateway::Regional { vpc: "vpc-1".into() };
    let create = Change::CreateGateway { home: thing("vpc-1"), gateway, tags: BTreeMap::new() };
    apply(&wire, &create).await.unwrap();
    let asked = wire.calls().remove(0);
    assert!(asked.contains("AvailabilityMode=regional") && asked.contains("VpcId=vpc-1"), "{asked}");
    assert!(!asked.contains("SubnetId") && !asked.contains("AllocationId"), "{asked}");
}

#[tokio::test]
async fn an_address_that_a_gateway_holds_is_told_from_a_stranger_s() {
    const HELD: &str = "<DescribeAddressesResponse><addressesSet><item><allocationId>eipalloc-1</allocationId>\
         <associationId>eipassoc-1</associationId></item></addressesSet></DescribeAddressesResponse>";
    let release = Change::ReleaseAddress { address: thing("eipalloc-1"), public_ip: "203.0.113.7".into() };
    let wire = Wire::answering(&[Reply::Refused("AuthFailure"), Reply::Ok(HELD)]);
    assert!(apply(&wire, &release).await.unwrap_err().is_retryable());
    let wire = Wire::answering(&[Reply::Refused("AuthFailure"), Reply::Ok(ONE_ADDRESS)]);
    assert!(!apply(&wire, &release).await.unwrap_err().is_retryable());
    let wire = Wire::answering(&[Reply::Refused("InvalidAllocationID.NotFound")]);
    assert!(apply(&wire, &release).await.unwrap().already);
}

fn leads(to: &'static str) -> Reply {
    macro_rules! table {
        ($to:literal) => {
            concat!(
                "<DescribeRouteTablesResponse><routeTableSet><item><routeTableId>rtb-1</routeTableId><routeSet><item>",
                "<destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><natGatewayId>",
                $to,
                "</natGatewayId><origin>CreateRoute</origin></item></routeSet></item></routeTableSet>",
                "</DescribeRouteTablesResponse>"
            )
        };
    }
    Reply::Ok(match to {
        "nat-old" => table!("nat-old"),
        "nat-new" => table!("nat-new"),
        _ => table!("nat-other"),
    })
}

#[tokio::test]
async fn a_route_is_compared_before_it_is_moved() {
    const DONE: &str = "<ReplaceRouteResponse><return>true</return></ReplaceRouteResponse>";
    let replace =
        Change::ReplaceRoute { table: thing("rtb-1"), from: "nat-old".into(), from_works: true, to: "nat-new".into() };
    let wire = Wire::answering(&[leads("nat-old"), Reply::Ok(DONE)]);
    assert!(!apply(&wire, &replace).await.unwrap().already);
    assert_eq!(wire.actions(), ["DescribeRouteTables", "ReplaceRoute"]);

    let wire = Wire::answering(&[leads("nat-other"), Reply::Ok(DONE)]);
    let moved = apply(&wire, &replace).await.unwrap_err();
    assert!(moved.is_retryable() && moved.message.contains("nat-other"), "{moved}");
    assert_eq!(wire.actions(), ["DescribeRouteTables"]);

    let wire = Wire::answering(&[leads("nat-new"), Reply::Ok(DONE)]);
    assert!(apply(&wire, &replace).await.unwrap().already);
    assert_eq!(wire.actions(), ["DescribeRouteTables"]);
}

#[tokio::test]
async fn a_route_that_is_there_already_is_looked_at() {
    let create = Change::CreateRoute { table: thing("rtb-1"), to: "nat-new".into() };
    let wire = Wire::answering(&[Reply::Refused("RouteAlreadyExists"), leads("nat-new")]);
    assert!(apply(&wire, &create).await.unwrap().already);
    let wire = Wire::answering(&[Reply::Refused("RouteAlreadyExists"), leads("nat-other")]);
    assert!(apply(&wire, &create).await.unwrap_err().is_retryable());
    let wire = Wire::answering(&[Reply::Refused("InvalidNatGatewayID.NotFound")]);
    assert!(apply(&wire, &create).await.unwrap_err().is_retryable(), "made a moment ago, it may not be known yet");
}
