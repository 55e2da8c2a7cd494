use super::*;
use crate::clients::wire::{Reply, Wire};
use topology::{ControlId, Thing};

async fn apply(wire: &Wire, change: &Change) -> Result<Receipt, Fault> {
    let network = Network::new(wire.clients.clone(), ControlId::Routes);
    Apply::<Routes>::apply(&network, wire.clients.home(), change, &ClientToken("token-7".into())).await
}

fn thing(id: &str) -> Thing {
    Thing { key: Place::new("111122223333", "eu-west-1").key(id), name: "main/database-a".into() }
}

const CREATED: &str = "<CreateRouteResponse><return>true</return></CreateRouteResponse>";
const DONE: &str = "<Response><return>true</return></Response>";
const ON_PUBLIC: &str = "<DescribeRouteTablesResponse><routeTableSet><item><routeTableId>rtb-public</routeTableId></item>\
     </routeTableSet></DescribeRouteTablesResponse>";
const ON_OWN: &str = "<DescribeRouteTablesResponse><routeTableSet><item><routeTableId>rtb-own</routeTableId></item>\
     </routeTableSet></DescribeRouteTablesResponse>";

#[tokio::test]
async fn a_table_carries_the_token_through_every_try() {
    const MADE: &str = "<CreateRouteTableResponse><routeTable><routeTableId>rtb-1</routeTableId></routeTable>\
         </CreateRouteTableResponse>";
    let tags = [("plumbline:control".to_owned(), "routes".to_owned())].into();
    let make = Change::CreateTable { subnet: thing("subnet-1"), vpc: "vpc-1".into(), tags };
    let wire = Wire::answering(&[Reply::Lost, Reply::Ok(MADE)]);
    assert_eq!(apply(&wire, &make).await.unwrap().created, [ResourceId::from("rtb-1")]);
    assert_eq!(wire.actions(), ["CreateRouteTable", "CreateRouteTable"]);
    for call in wire.calls() {
        assert!(call.contains("ClientToken=token-7") && call.contains("plumbline%3Acontrol"), "{call}");
    }
}

#[tokio::test]
async fn a_subnet_that_is_there_already_is_told_from_one_that_somebody_moved() {
    let go = Change::Move {
        subnet: thing("subnet-1"),
        association: "rtbassoc-1".into(),
        from: "rtb-public".into(),
        to: "rtb-own".into(),
        back: false,
    };
    let wire = Wire::answering(&[Reply::Refused("InvalidAssociationID.NotFound"), Reply::Ok(ON_OWN)]);
    assert!(apply(&wire, &go).await.unwrap().already);
    assert_eq!(wire.actions(), ["ReplaceRouteTableAssociation", "DescribeRouteTables"]);
    let wire = Wire::answering(&[Reply::Refused("InvalidAssociationID.NotFound"), Reply::Ok(ON_PUBLIC)]);
    assert!(apply(&wire, &go).await.unwrap_err().is_retryable());

    let seat = Change::Associate { subnet: thing("subnet-1"), to: "rtb-own".into(), back: true };
    let wire = Wire::answering(&[Reply::Refused("Resource.AlreadyAssociated"), Reply::Ok(ON_OWN)]);
    assert!(apply(&wire, &seat).await.unwrap().already);
    let wire = Wire::answering(&[Reply::Refused("Resource.AlreadyAssociated"), Reply::Ok(ON_PUBLIC)]);
    assert!(apply(&wire, &seat).await.unwrap_err().is_retryable());
    let wire = Wire::answering(&[Reply::Refused("UnauthorizedOperation")]);
    assert!(!apply(&wire, &seat).await.unwrap_err().is_retryable());
}

#[tokio::test]
async fn what_is_gone_already_is_no_failure() {
    let detach = Change::DetachGateway { vpc: thing("vpc-1"), gateway: "igw-1".into(), back: false };
    for code in ["Gateway.NotAttached", "InvalidInternetGatewayID.NotFound"] {
        let wire = Wire::answering(&[Reply::Refused(code)]);
        assert!(apply(&wire, &detach).await.unwrap().already, "{code}");
    }
    let wire = Wire::answering(&[Reply::Refused("DependencyViolation")]);
    let refused = apply(&wire, &detach).await.unwrap_err();
    assert!(!refused.is_retryable() && refused.remedy.as_deref().unwrap().contains("public addresses"), "{refused}");
    let drop = Change::DeleteTable { table: thing("rtb-1") };
    let wire = Wire::answering(&[Reply::Refused("InvalidRouteTableID.NotFound")]);
    assert!(apply(&wire, &drop).await.unwrap().already);
    let leave =
        Change::Disassociate { subnet: thing("subnet-1"), association: "rtbassoc-1".into(), from: "rtb-1".into() };
    let wire = Wire::answering(&[Reply::Refused("InvalidAssociationID.NotFound")]);
    assert!(apply(&wire, &leave).await.unwrap().already);
}

#[tokio::test]
async fn a_gateway_that_is_attached_already_is_looked_at() {
    const HERE: &str = "<DescribeInternetGatewaysResponse><internetGatewaySet><item><internetGatewayId>igw-1</internetGatewayId>\
         <attachmentSet><item><vpcId>vpc-1</vpcId><state>available</state></item></attachmentSet></item></internetGatewaySet>\
         </DescribeInternetGatewaysResponse>";
    let attach = |vpc: &str| Change::AttachGateway { vpc: thing(vpc), gateway: "igw-1".into() };
    let wire = Wire::answering(&[Reply::Refused("Resource.AlreadyAssociated"), Reply::Ok(HERE)]);
    assert!(apply(&wire, &attach("vpc-1")).await.unwrap().already);
    let wire = Wire::answering(&[Reply::Refused("Resource.AlreadyAssociated"), Reply::Ok(HERE)]);
    assert!(apply(&wire, &attach("vpc-2")).await.is_err());
}

#[tokio::test]
async fn destinations_and_targets_go_where_ec2_wants_them() {
    for (destination, to, expected) in [
        ("0.0.0.0/0", "igw-1", ["DestinationCidrBlock=0.0.0.0%2F0", "GatewayId=igw-1"]),
        ("::/0", "eigw-1", ["DestinationIpv6CidrBlock=%3A%3A%2F0", "EgressOnlyInternetGatewayId=eigw-1"]),
        ("pl-1", "tgw-1", ["DestinationPrefixListId=pl-1", "TransitGatewayId=tgw-1"]),
        ("10.8.0.0/16", "pcx-1", ["DestinationCidrBlock=10.8.0.0%2F16", "VpcPeeringConnectionId=pcx-1"]),
        ("10.8.0.0/16", "eni-1", ["DestinationCidrBlock", "NetworkInterfaceId=eni-1"]),
        ("10.8.0.0/16", "vpce-1", ["DestinationCidrBlock", "VpcEndpointId=vpce-1"]),
        ("10.8.0.0/16", "vgw-1", ["DestinationCidrBlock", "&GatewayId=vgw-1"]),
        ("10.8.0.0/16", "nat-1", ["DestinationCidrBlock", "NatGatewayId=nat-1"]),
        ("10.8.0.0/16", "lgw-1", ["DestinationCidrBlock", "LocalGatewayId=lgw-1"]),
        ("10.8.0.0/16", "cagw-1", ["DestinationCidrBlock", "CarrierGatewayId=cagw-1"]),
    ] {
        let create = Change::CreateRoute { table: thing("rtb-1"), destination: destination.into(), to: to.into() };
        let wire = Wire::answering(&[Reply::Ok(CREATED)]);
        apply(&wire, &create).await.unwrap();
        let asked = wire.calls().remove(0);
        assert!(expected.iter().all(|part| asked.contains(part)), "{destination} {to}: {asked}");
    }
    const LED_AWAY: &str = "<DescribeRouteTablesResponse><routeTableSet><item><routeTableId>rtb-1</routeTableId><routeSet><item>\
         <destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><networkInterfaceId>eni-1</networkInterfaceId>\
         <origin>CreateRouteTable</origin></item></routeSet></item></routeTableSet></DescribeRouteTablesResponse>";
    let local = Change::ReplaceRoute {
        table: thing("rtb-1"),
        destination: "10.0.0.0/16".into(),
        from: "eni-1".into(),
        back: true,
        to: topology::routes::LOCAL.into(),
    };
    let wire = Wire::answering(&[Reply::Ok(LED_AWAY), Reply::Ok(DONE)]);
    apply(&wire, &local).await.unwrap();
    let asked = wire.calls().remove(1);
    assert!(asked.contains("LocalTarget=true") && !asked.contains("GatewayId"), "{asked}");
}

#[tokio::test]
async fn attributes_go_one_a_call() {
    let on_launch = Change::PublicOnLaunch { subnet: thing("subnet-1"), on: false };
    let names = Change::Dns { vpc: thing("vpc-1"), attribute: DnsAttribute::Hostnames, on: true };
    let wire = Wire::answering(&[Reply::Ok(DONE), Reply::Ok(DONE)]);
    apply(&wire, &on_launch).await.unwrap();
    apply(&wire, &names).await.unwrap();
    let calls = wire.calls();
    assert!(calls[0].contains("MapPublicIpOnLaunch.Value=false"), "{}", calls[0]);
    assert!(calls[1].contains("EnableDnsHostnames.Value=true") && !calls[1].contains("DnsSupport"), "{}", calls[1]);
}
