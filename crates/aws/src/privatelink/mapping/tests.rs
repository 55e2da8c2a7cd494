//! Real answers, through the SDK's own parser: what counts is what arrives on the wire.
use super::super::wire::answering;
use super::*;
use aws_sdk_ec2::types::State;

/// As the EC2 API reference shows it (DescribeVpcEndpointConnections), with a second connection.
const CONNECTIONS: &str = r#"<DescribeVpcEndpointConnectionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>2d7e1c52-7a1b-4a0a-9f3e-2f6f0d0d0001</requestId>
  <vpcEndpointConnectionSet>
    <item>
      <creationTimestamp>2017-11-30T10:00:24.350Z</creationTimestamp>
      <serviceId>vpce-svc-03d5ebb7d9579a2b3</serviceId>
      <vpcEndpointId>vpce-0c1308d7312217abc</vpcEndpointId>
      <vpcEndpointOwner>123456789012</vpcEndpointOwner>
      <vpcEndpointState>pendingAcceptance</vpcEndpointState>
    </item>
    <item>
      <creationTimestamp>2017-11-30T10:00:24.350Z</creationTimestamp>
      <serviceId>vpce-svc-03d5ebb7d9579a2b3</serviceId>
      <vpcEndpointId>vpce-0c1308d7312217cd7</vpcEndpointId>
      <vpcEndpointOwner>012345678901</vpcEndpointOwner>
      <vpcEndpointState>available</vpcEndpointState>
      <vpcEndpointRegion>eu-central-1</vpcEndpointRegion>
    </item>
  </vpcEndpointConnectionSet>
</DescribeVpcEndpointConnectionsResponse>"#;

#[tokio::test]
async fn a_waiting_connection_is_known_as_one_although_the_sdk_does_not_know_its_state() {
    let ec2 = answering(CONNECTIONS);
    let answer = ec2.describe_vpc_endpoint_connections().send().await.unwrap();
    let first = &answer.vpc_endpoint_connections()[0];
    // The trap: whoever matches on this never sees a connection that waits.
    assert_ne!(first.vpc_endpoint_state(), Some(&State::PendingAcceptance));
    let read: Vec<_> = answer.vpc_endpoint_connections().iter().map(|one| connection(one).unwrap()).collect();
    let (service, waiting) = &read[0];
    assert_eq!(service.as_str(), "vpce-svc-03d5ebb7d9579a2b3");
    assert_eq!(waiting.state, ConnectionState::PendingAcceptance);
    assert_eq!((waiting.owner.as_str(), waiting.endpoint.as_str()), ("123456789012", "vpce-0c1308d7312217abc"));
    assert_eq!(waiting.since, "2017-11-30T10:00:24.350Z".parse().unwrap());
    let (_, up) = &read[1];
    assert_eq!((&up.state, up.owner.as_str()), (&ConnectionState::Available, "012345678901"));
    assert_eq!(up.region, Some("eu-central-1".into()));
}

#[test]
fn a_state_is_read_in_either_case_and_goes_out_as_filters_take_it() {
    for state in State::values() {
        let read = ConnectionState::from_wire(state);
        assert!(!matches!(read, ConnectionState::Other(_)), "{state}");
        let mut chars = state.chars();
        let camel: String = chars.next().map(|c| c.to_ascii_lowercase()).into_iter().chain(chars).collect();
        assert_eq!(read.as_wire(), camel);
        assert_eq!(ConnectionState::from_wire(&camel), read);
    }
    assert_eq!(ConnectionState::from_wire("hibernating"), ConnectionState::Other("hibernating".into()));
}

const SERVICES: &str = r#"<DescribeVpcEndpointServiceConfigurationsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>2d7e1c52-7a1b-4a0a-9f3e-2f6f0d0d0002</requestId>
  <serviceConfigurationSet>
    <item>
      <acceptanceRequired>true</acceptanceRequired>
      <availabilityZoneSet><item>eu-west-1a</item></availabilityZoneSet>
      <baseEndpointDnsNameSet><item>vpce-svc-1.eu-west-1.vpce.amazonaws.com</item></baseEndpointDnsNameSet>
      <managesVpcEndpoints>false</managesVpcEndpoints>
      <networkLoadBalancerArnSet><item>arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/products/1</item></networkLoadBalancerArnSet>
      <privateDnsName>products.example.com</privateDnsName>
      <privateDnsNameConfiguration>
        <name>_6e86v84tqgqubxbwii1m</name><state>pendingVerification</state><type>TXT</type><value>vpce:l6p0ERxlTt45jevFwOCp</value>
      </privateDnsNameConfiguration>
      <serviceId>vpce-svc-1</serviceId>
      <serviceName>com.amazonaws.vpce.eu-west-1.vpce-svc-1</serviceName>
      <serviceState>Available</serviceState>
      <serviceType><item><serviceType>Interface</serviceType></item></serviceType>
      <tagSet><item><key>plumbline:service</key><value>products-api</value></item></tagSet>
    </item>
    <item>
      <acceptanceRequired>false</acceptanceRequired>
      <managesVpcEndpoints>true</managesVpcEndpoints>
      <networkLoadBalancerArnSet/>
      <serviceId>vpce-svc-2</serviceId>
      <serviceState>Available</serviceState>
    </item>
    <item>
      <serviceId>vpce-svc-3</serviceId>
      <serviceState>Deleting</serviceState>
    </item>
  </serviceConfigurationSet>
</DescribeVpcEndpointServiceConfigurationsResponse>"#;

#[tokio::test]
async fn a_service_is_read_as_it_stands_and_one_that_goes_is_none() {
    let ec2 = answering(SERVICES);
    let answer = ec2.describe_vpc_endpoint_service_configurations().send().await.unwrap();
    let read: Vec<_> = answer.service_configurations().iter().map(|one| service(one).unwrap()).collect();
    let ours = read[0].as_ref().unwrap();
    assert_eq!((ours.acceptance_required, ours.managed, ours.balancers.len()), (Some(true), false, 1));
    assert_eq!(ours.tags["plumbline:service"], "products-api");
    let name = ours.private_dns.as_ref().unwrap();
    assert_eq!((name.name.as_str(), name.state.as_str()), ("products.example.com", "pendingVerification"));
    assert_eq!(name.record.as_ref().unwrap().1, "vpce:l6p0ERxlTt45jevFwOCp");
    let theirs = read[1].as_ref().unwrap();
    assert_eq!((theirs.managed, theirs.acceptance_required, theirs.private_dns.as_ref()), (true, Some(false), None));
    assert_eq!(read[2], None);
}

#[test]
fn what_is_not_said_is_not_made_up() {
    let bare = VpcEndpointConnection::builder().service_id("vpce-svc-1").vpc_endpoint_id("vpce-1").build();
    assert!(connection(&bare).unwrap_err().to_string().contains("the owner of a connection"));
    let service = service(&ServiceConfiguration::builder().service_id("vpce-svc-1").build()).unwrap().unwrap();
    assert_eq!((service.acceptance_required, service.principals), (None, Seen::Unknown(Unseen::OutOfScope)));
}

#[test]
fn only_a_network_load_balancer_is_one() {
    use aws_sdk_elasticloadbalancingv2::types::LoadBalancerTypeEnum as Kind;
    let one = |kind| {
        let built = LoadBalancer::builder().load_balancer_arn("arn:1").load_balancer_name("products").vpc_id("vpc-1");
        balancer(&built.r#type(kind).build()).unwrap().1.network
    };
    assert!(one(Kind::Network));
    assert!(!one(Kind::Application));
}
