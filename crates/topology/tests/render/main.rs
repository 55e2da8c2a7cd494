//! Rendered networks: what is in them, what is left to Plumbline, and that rendering is a function of the document.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test crate; its helpers are not test functions")]

use serde_json::Value;
use std::collections::BTreeSet;
use topology::Topology;
use topology::document::read;
use topology::render::{RenderError, render};

fn reference(name: &str) -> Topology {
    let path = format!("{}/../../topologies/{name}/topology.yaml", env!("CARGO_MANIFEST_DIR"));
    read(&path, &std::fs::read_to_string(&path).unwrap()).unwrap()
}

const REFERENCES: [&str; 5] = ["api-network", "autoscaled-web", "hipaa", "privatelink", "three-tier"];

fn template(topology: &Topology) -> Value {
    serde_json::from_str(&render(topology).unwrap()).unwrap()
}

fn of_type<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let resources = template["Resources"].as_object().unwrap();
    resources.iter().filter(|(_, value)| value["Type"] == kind).map(|(id, value)| (id.as_str(), value)).collect()
}

fn tag<'a>(resource: &'a Value, key: &str) -> Option<&'a str> {
    let tags = resource["Properties"]["Tags"].as_array()?;
    tags.iter().find(|tag| tag["Key"] == key)?["Value"].as_str()
}

#[test]
fn the_same_topology_gives_the_same_bytes() {
    for name in REFERENCES {
        assert_eq!(render(&reference(name)), render(&reference(name)), "{name}");
    }
}

/// What is committed beside each topology, for those who deploy without building first, is what would be rendered now.
#[test]
fn the_committed_networks_are_the_rendered_ones() {
    for name in REFERENCES {
        let path = format!("{}/../../topologies/{name}/network.json", env!("CARGO_MANIFEST_DIR"));
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        let fresh = render(&reference(name)).unwrap();
        assert!(committed == fresh, "{name}/network.json is stale; run: scripts/render");
    }
}

#[test]
fn every_declared_subnet_is_there_once_with_its_zone_table_and_tags() {
    for name in REFERENCES {
        let topology = reference(name);
        let template = template(&topology);
        let declared: Vec<(String, String, String)> = topology
            .vpcs
            .values()
            .flat_map(|vpc| vpc.subnets())
            .map(|(tier, _, subnet)| {
                (subnet.cidr.to_string(), tier.to_string(), format!("${{AWS::Region}}{}", subnet.zone))
            })
            .collect();
        let mut rendered = vec![];
        let associated: Vec<&str> = of_type(&template, "AWS::EC2::SubnetRouteTableAssociation")
            .iter()
            .map(|(_, association)| association["Properties"]["SubnetId"]["Ref"].as_str().unwrap())
            .collect();
        let tables: BTreeSet<&str> = of_type(&template, "AWS::EC2::SubnetRouteTableAssociation")
            .iter()
            .map(|(_, association)| association["Properties"]["RouteTableId"]["Ref"].as_str().unwrap())
            .collect();
        for (id, subnet) in of_type(&template, "AWS::EC2::Subnet") {
            assert_eq!(associated.iter().filter(|other| **other == id).count(), 1, "{name}/{id}");
            assert_eq!(tag(subnet, "plumbline:topology"), Some(name));
            rendered.push((
                subnet["Properties"]["CidrBlock"].as_str().unwrap().to_owned(),
                tag(subnet, "plumbline:tier").unwrap().to_owned(),
                subnet["Properties"]["AvailabilityZone"]["Fn::Sub"].as_str().unwrap().to_owned(),
            ));
        }
        assert_eq!(tables.len(), associated.len(), "one route table a subnet in {name}");
        let sorted = |mut list: Vec<(String, String, String)>| {
            list.sort();
            list
        };
        assert_eq!(sorted(rendered), sorted(declared), "{name}");
    }
}

#[test]
fn what_plumbline_keeps_is_not_in_the_stack() {
    for name in REFERENCES {
        let template = template(&reference(name));
        for kind in ["NatGateway", "EIP", "FlowLog", "SecurityGroupIngress", "SecurityGroupEgress"] {
            assert_eq!(of_type(&template, &format!("AWS::EC2::{kind}")), [], "{name}");
        }
        for (id, group) in of_type(&template, "AWS::EC2::SecurityGroup") {
            let properties = group["Properties"].as_object().unwrap();
            assert!(!properties.contains_key("SecurityGroupIngress"), "{name}/{id}");
            assert!(!properties.contains_key("SecurityGroupEgress"), "{name}/{id}");
        }
        for (id, route) in of_type(&template, "AWS::EC2::Route") {
            assert!(route["Properties"]["GatewayId"].is_object(), "only internet routes: {name}/{id}");
        }
    }
}

#[test]
fn another_description_does_not_replace_a_group() {
    let network = |text: &str| {
        let text = format!(
            "version: 1\nid: net\nenvironment: staging\nvpcs:\n  main:\n    cidr: 10.0.0.0/16\n    availability_zones: [a]\n    \
             security_groups: {{ web: {{ {text} }} }}\n"
        );
        template(&read("net.yaml", &text).unwrap())["Resources"]["MainWebSecurityGroup"].clone()
    };
    let (plain, before, after) = (network(""), network("description: Web"), network("description: The web servers"));
    for group in [&plain, &before, &after] {
        assert_eq!(group["Properties"]["GroupDescription"], "net main/web");
    }
    assert_eq!([tag(&plain, "Description"), tag(&before, "Description")], [None, Some("Web")]);
    assert_eq!(tag(&after, "Description"), Some("The web servers"));
}

/// A logical id that changes is a resource that is replaced: in production, subnets and groups that hold running machines.
#[test]
fn logical_ids_and_types_stay_as_they_are() {
    let listed = |name: &str| -> String {
        let template = template(&reference(name));
        let resources = template["Resources"].as_object().unwrap();
        resources.iter().map(|(id, value)| format!("{id}: {}\n", value["Type"].as_str().unwrap())).collect()
    };
    insta::assert_snapshot!(listed("api-network"), @"
    MainDynamodbEndpoint: AWS::EC2::VPCEndpoint
    MainEcrApiEndpoint: AWS::EC2::VPCEndpoint
    MainEcrDkrEndpoint: AWS::EC2::VPCEndpoint
    MainEndpointsSecurityGroup: AWS::EC2::SecurityGroup
    MainFlowLogsLogGroup: AWS::Logs::LogGroup
    MainInternetGateway: AWS::EC2::InternetGateway
    MainInternetGatewayAttachment: AWS::EC2::VPCGatewayAttachment
    MainLogsEndpoint: AWS::EC2::VPCEndpoint
    MainNlbSecurityGroup: AWS::EC2::SecurityGroup
    MainPrivateARouteTable: AWS::EC2::RouteTable
    MainPrivateARouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainPrivateASubnet: AWS::EC2::Subnet
    MainPublicADefaultRoute: AWS::EC2::Route
    MainPublicARouteTable: AWS::EC2::RouteTable
    MainPublicARouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainPublicASubnet: AWS::EC2::Subnet
    MainS3Endpoint: AWS::EC2::VPCEndpoint
    MainSecretsmanagerEndpoint: AWS::EC2::VPCEndpoint
    MainServiceSecurityGroup: AWS::EC2::SecurityGroup
    MainVpc: AWS::EC2::VPC
    MainVpcLinkSecurityGroup: AWS::EC2::SecurityGroup
    ");
    insta::assert_snapshot!(listed("autoscaled-web"), @"
    MainBackendAlbSecurityGroup: AWS::EC2::SecurityGroup
    MainBackendSecurityGroup: AWS::EC2::SecurityGroup
    MainCacheSecurityGroup: AWS::EC2::SecurityGroup
    MainDatabaseSecurityGroup: AWS::EC2::SecurityGroup
    MainEcrApiEndpoint: AWS::EC2::VPCEndpoint
    MainEcrDkrEndpoint: AWS::EC2::VPCEndpoint
    MainEndpointsSecurityGroup: AWS::EC2::SecurityGroup
    MainFlowLogsLogGroup: AWS::Logs::LogGroup
    MainFrontendSecurityGroup: AWS::EC2::SecurityGroup
    MainInternetGateway: AWS::EC2::InternetGateway
    MainInternetGatewayAttachment: AWS::EC2::VPCGatewayAttachment
    MainKmsEndpoint: AWS::EC2::VPCEndpoint
    MainLogsEndpoint: AWS::EC2::VPCEndpoint
    MainPrivateARouteTable: AWS::EC2::RouteTable
    MainPrivateARouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainPrivateASubnet: AWS::EC2::Subnet
    MainPrivateBRouteTable: AWS::EC2::RouteTable
    MainPrivateBRouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainPrivateBSubnet: AWS::EC2::Subnet
    MainPublicADefaultRoute: AWS::EC2::Route
    MainPublicARouteTable: AWS::EC2::RouteTable
    MainPublicARouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainPublicASubnet: AWS::EC2::Subnet
    MainPublicAlbSecurityGroup: AWS::EC2::SecurityGroup
    MainPublicBDefaultRoute: AWS::EC2::Route
    MainPublicBRouteTable: AWS::EC2::RouteTable
    MainPublicBRouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainPublicBSubnet: AWS::EC2::Subnet
    MainS3Endpoint: AWS::EC2::VPCEndpoint
    MainSecretsmanagerEndpoint: AWS::EC2::VPCEndpoint
    MainVpc: AWS::EC2::VPC
    ");
    insta::assert_snapshot!(listed("hipaa"), @"
    MainApplicationSecurityGroup: AWS::EC2::SecurityGroup
    MainBastionSecurityGroup: AWS::EC2::SecurityGroup
    MainDatabaseARouteTable: AWS::EC2::RouteTable
    MainDatabaseARouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainDatabaseASubnet: AWS::EC2::Subnet
    MainDatabaseBRouteTable: AWS::EC2::RouteTable
    MainDatabaseBRouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainDatabaseBSubnet: AWS::EC2::Subnet
    MainDatabaseSecurityGroup: AWS::EC2::SecurityGroup
    MainDynamodbEndpoint: AWS::EC2::VPCEndpoint
    MainEndpointsSecurityGroup: AWS::EC2::SecurityGroup
    MainFlowLogsLogGroup: AWS::Logs::LogGroup
    MainInternetGateway: AWS::EC2::InternetGateway
    MainInternetGatewayAttachment: AWS::EC2::VPCGatewayAttachment
    MainLogsEndpoint: AWS::EC2::VPCEndpoint
    MainNlbSecurityGroup: AWS::EC2::SecurityGroup
    MainPrivateARouteTable: AWS::EC2::RouteTable
    MainPrivateARouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainPrivateASubnet: AWS::EC2::Subnet
    MainPrivateBRouteTable: AWS::EC2::RouteTable
    MainPrivateBRouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainPrivateBSubnet: AWS::EC2::Subnet
    MainPublicADefaultRoute: AWS::EC2::Route
    MainPublicARouteTable: AWS::EC2::RouteTable
    MainPublicARouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainPublicASubnet: AWS::EC2::Subnet
    MainPublicBDefaultRoute: AWS::EC2::Route
    MainPublicBRouteTable: AWS::EC2::RouteTable
    MainPublicBRouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainPublicBSubnet: AWS::EC2::Subnet
    MainS3Endpoint: AWS::EC2::VPCEndpoint
    MainSecretsmanagerEndpoint: AWS::EC2::VPCEndpoint
    MainSsmEndpoint: AWS::EC2::VPCEndpoint
    MainSsmmessagesEndpoint: AWS::EC2::VPCEndpoint
    MainVpc: AWS::EC2::VPC
    MainVpcLinkSecurityGroup: AWS::EC2::SecurityGroup
    ");
    insta::assert_snapshot!(listed("privatelink"), @"
    ConsumerClientSecurityGroup: AWS::EC2::SecurityGroup
    ConsumerEndpointsARouteTable: AWS::EC2::RouteTable
    ConsumerEndpointsARouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    ConsumerEndpointsASubnet: AWS::EC2::Subnet
    ConsumerEndpointsBRouteTable: AWS::EC2::RouteTable
    ConsumerEndpointsBRouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    ConsumerEndpointsBSubnet: AWS::EC2::Subnet
    ConsumerFlowLogsLogGroup: AWS::Logs::LogGroup
    ConsumerInternetGateway: AWS::EC2::InternetGateway
    ConsumerInternetGatewayAttachment: AWS::EC2::VPCGatewayAttachment
    ConsumerProductsApiEndpoint: AWS::EC2::VPCEndpoint
    ConsumerProductsEndpointSecurityGroup: AWS::EC2::SecurityGroup
    ConsumerPublicADefaultRoute: AWS::EC2::Route
    ConsumerPublicARouteTable: AWS::EC2::RouteTable
    ConsumerPublicARouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    ConsumerPublicASubnet: AWS::EC2::Subnet
    ConsumerPublicBDefaultRoute: AWS::EC2::Route
    ConsumerPublicBRouteTable: AWS::EC2::RouteTable
    ConsumerPublicBRouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    ConsumerPublicBSubnet: AWS::EC2::Subnet
    ConsumerVpc: AWS::EC2::VPC
    ProducerCacheSecurityGroup: AWS::EC2::SecurityGroup
    ProducerDataARouteTable: AWS::EC2::RouteTable
    ProducerDataARouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    ProducerDataASubnet: AWS::EC2::Subnet
    ProducerDataBRouteTable: AWS::EC2::RouteTable
    ProducerDataBRouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    ProducerDataBSubnet: AWS::EC2::Subnet
    ProducerDatabaseSecurityGroup: AWS::EC2::SecurityGroup
    ProducerDynamodbEndpoint: AWS::EC2::VPCEndpoint
    ProducerEcrApiEndpoint: AWS::EC2::VPCEndpoint
    ProducerEcrDkrEndpoint: AWS::EC2::VPCEndpoint
    ProducerEndpointsSecurityGroup: AWS::EC2::SecurityGroup
    ProducerFlowLogsLogGroup: AWS::Logs::LogGroup
    ProducerLogsEndpoint: AWS::EC2::VPCEndpoint
    ProducerNlbSecurityGroup: AWS::EC2::SecurityGroup
    ProducerS3Endpoint: AWS::EC2::VPCEndpoint
    ProducerSecretsmanagerEndpoint: AWS::EC2::VPCEndpoint
    ProducerServiceARouteTable: AWS::EC2::RouteTable
    ProducerServiceARouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    ProducerServiceASubnet: AWS::EC2::Subnet
    ProducerServiceBRouteTable: AWS::EC2::RouteTable
    ProducerServiceBRouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    ProducerServiceBSubnet: AWS::EC2::Subnet
    ProducerTasksSecurityGroup: AWS::EC2::SecurityGroup
    ProducerVpc: AWS::EC2::VPC
    ProductsApiEndpointService: AWS::EC2::VPCEndpointService
    ProductsApiEndpointServiceNotification: AWS::EC2::VPCEndpointConnectionNotification
    ");
    insta::assert_snapshot!(listed("three-tier"), @"
    MainAlbSecurityGroup: AWS::EC2::SecurityGroup
    MainBastionSecurityGroup: AWS::EC2::SecurityGroup
    MainDatabaseARouteTable: AWS::EC2::RouteTable
    MainDatabaseARouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainDatabaseASubnet: AWS::EC2::Subnet
    MainDatabaseBRouteTable: AWS::EC2::RouteTable
    MainDatabaseBRouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainDatabaseBSubnet: AWS::EC2::Subnet
    MainDatabaseCRouteTable: AWS::EC2::RouteTable
    MainDatabaseCRouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainDatabaseCSubnet: AWS::EC2::Subnet
    MainDatabaseSecurityGroup: AWS::EC2::SecurityGroup
    MainDynamodbEndpoint: AWS::EC2::VPCEndpoint
    MainEcrApiEndpoint: AWS::EC2::VPCEndpoint
    MainEcrDkrEndpoint: AWS::EC2::VPCEndpoint
    MainEcsTasksSecurityGroup: AWS::EC2::SecurityGroup
    MainEndpointsSecurityGroup: AWS::EC2::SecurityGroup
    MainFlowLogsLogGroup: AWS::Logs::LogGroup
    MainInternetGateway: AWS::EC2::InternetGateway
    MainInternetGatewayAttachment: AWS::EC2::VPCGatewayAttachment
    MainLogsEndpoint: AWS::EC2::VPCEndpoint
    MainPrivateARouteTable: AWS::EC2::RouteTable
    MainPrivateARouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainPrivateASubnet: AWS::EC2::Subnet
    MainPrivateBRouteTable: AWS::EC2::RouteTable
    MainPrivateBRouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainPrivateBSubnet: AWS::EC2::Subnet
    MainPrivateCRouteTable: AWS::EC2::RouteTable
    MainPrivateCRouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainPrivateCSubnet: AWS::EC2::Subnet
    MainPublicADefaultRoute: AWS::EC2::Route
    MainPublicARouteTable: AWS::EC2::RouteTable
    MainPublicARouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainPublicASubnet: AWS::EC2::Subnet
    MainPublicBDefaultRoute: AWS::EC2::Route
    MainPublicBRouteTable: AWS::EC2::RouteTable
    MainPublicBRouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainPublicBSubnet: AWS::EC2::Subnet
    MainPublicCDefaultRoute: AWS::EC2::Route
    MainPublicCRouteTable: AWS::EC2::RouteTable
    MainPublicCRouteTableAssociation: AWS::EC2::SubnetRouteTableAssociation
    MainPublicCSubnet: AWS::EC2::Subnet
    MainS3Endpoint: AWS::EC2::VPCEndpoint
    MainSecretsmanagerEndpoint: AWS::EC2::VPCEndpoint
    MainVpc: AWS::EC2::VPC
    ");
}

#[test]
fn plumbline_can_bind_to_every_vpc_and_group() {
    for name in REFERENCES {
        let topology = reference(name);
        let template = template(&topology);
        let bound: BTreeSet<(&str, &str)> = of_type(&template, "AWS::EC2::VPC")
            .iter()
            .map(|(_, vpc)| (tag(vpc, "plumbline:topology").unwrap(), tag(vpc, "plumbline:vpc").unwrap()))
            .collect();
        assert_eq!(bound, topology.vpcs.keys().map(|vpc| (name, vpc.as_str())).collect());
        let mut groups: Vec<&str> = of_type(&template, "AWS::EC2::SecurityGroup")
            .iter()
            .map(|(_, group)| group["Properties"]["GroupName"].as_str().unwrap())
            .collect();
        let desired = topology.security_groups.unwrap();
        let mut declared: Vec<&str> =
            desired.vpcs.values().flat_map(|vpc| vpc.groups.keys()).map(|g| g.as_str()).collect();
        groups.sort_unstable();
        declared.sort_unstable();
        assert_eq!(groups, declared, "{name}");
    }
}

#[test]
fn log_groups_outlive_the_stack_and_their_retention_is_not_its_business() {
    let template = template(&reference("hipaa"));
    let groups = of_type(&template, "AWS::Logs::LogGroup");
    let [(_, group)] = groups.as_slice() else { panic!("{groups:?}") };
    assert_eq!(group["Properties"]["LogGroupName"], "/plumbline/hipaa/main/flow-logs");
    assert_eq!(
        (&group["DeletionPolicy"], &group["UpdateReplacePolicy"]),
        (&"RetainExceptOnCreate".into(), &"Retain".into())
    );
    assert_eq!(group["Properties"]["RetentionInDays"], Value::Null);
    let text = "version: 1\nid: shop\nenvironment: production\nvpcs:\n  main:\n    cidr: 10.0.0.0/16\n    \
                availability_zones: [a]\n    flow_logs:\n      - cloudwatch: { log_group: audit }\n      - s3: { bucket: logs-shop }\n";
    let other = self::template(&read("topology.yaml", text).unwrap());
    assert!(of_type(&other, "AWS::Logs::LogGroup").is_empty(), "it may be somebody else's");
}

#[test]
fn only_internet_tiers_have_a_default_route_and_it_waits_for_the_attachment() {
    let template = template(&reference("three-tier"));
    let routes = of_type(&template, "AWS::EC2::Route");
    assert_eq!(
        routes.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        ["MainPublicADefaultRoute", "MainPublicBDefaultRoute", "MainPublicCDefaultRoute"]
    );
    for (_, route) in routes {
        assert_eq!(route["DependsOn"], "MainInternetGatewayAttachment");
    }
}

#[test]
fn an_optional_group_is_made_on_request_only() {
    let template = template(&reference("three-tier"));
    assert_eq!(template["Parameters"]["WithMainBastion"]["Default"], "false");
    assert_eq!(template["Resources"]["MainBastionSecurityGroup"]["Condition"], "WithMainBastionIsTrue");
    assert_eq!(template["Outputs"]["MainBastionSecurityGroupId"]["Condition"], "WithMainBastionIsTrue");
}

#[test]
fn an_endpoint_service_waits_for_its_load_balancer_and_requires_acceptance() {
    let template = template(&reference("privatelink"));
    let service = &template["Resources"]["ProductsApiEndpointService"];
    assert_eq!(service["Condition"], "ProductsApiLoadBalancerIsGiven");
    assert_eq!(service["Properties"]["AcceptanceRequired"], true);
    assert_eq!(template["Parameters"]["ProductsApiLoadBalancerArn"]["Default"], "");
    let tags = service["Properties"]["Tags"].as_array().unwrap();
    let tag = |key: &str| tags.iter().find(|tag| tag["Key"] == key).unwrap()["Value"].as_str().unwrap();
    assert_eq!((tag("plumbline:topology"), tag("plumbline:service")), ("privatelink", "products-api"));
    let consumer = &template["Resources"]["ConsumerProductsApiEndpoint"];
    assert_eq!(consumer["Condition"], "ProductsApiLoadBalancerIsGiven");
    let name = "com.amazonaws.vpce.${AWS::Region}.${ProductsApiEndpointService}";
    assert_eq!(consumer["Properties"]["ServiceName"]["Fn::Sub"], name);
}

#[test]
fn connections_are_told_where_a_topic_is_given() {
    let template = template(&reference("privatelink"));
    assert_eq!(template["Parameters"]["ConnectionTopicArn"]["Default"], "");
    let told = &template["Resources"]["ProductsApiEndpointServiceNotification"];
    assert_eq!(told["Condition"], "ProductsApiConnectionsAreTold");
    let condition = template["Conditions"]["ProductsApiConnectionsAreTold"]["Fn::And"].as_array().unwrap();
    assert_eq!(condition[0]["Condition"], "ProductsApiLoadBalancerIsGiven");
    assert_eq!(condition[1]["Fn::Not"][0]["Fn::Equals"][0]["Ref"], "ConnectionTopicArn");
    let properties = &told["Properties"];
    assert_eq!(properties["ServiceId"]["Ref"], "ProductsApiEndpointService");
    assert_eq!(properties["ConnectionNotificationArn"]["Ref"], "ConnectionTopicArn");
    assert_eq!(properties["ConnectionEvents"].as_array().unwrap().len(), 4);
}

#[test]
fn an_adopted_vpc_is_not_rendered() {
    let text = "version: 1\nid: net\nenvironment: staging\nvpcs:\n  main: { id: vpc-0123456789abcdef0, cidr: 10.0.0.0/16, availability_zones: [a] }\n";
    let topology = read("net.yaml", text).unwrap();
    assert_eq!(render(&topology), Err(RenderError::Adopted("main".into())));
}

#[test]
fn an_endpoint_without_a_group_gets_one_that_admits_https_from_the_vpc() {
    let text = "version: 1\nid: net\nenvironment: staging\nvpcs:\n  main:\n    cidr: 10.0.0.0/16\n    availability_zones: [a]\n    tiers: { private: { route: isolated, subnets: [10.0.0.0/24] } }\n    endpoints: { logs: interface }\n";
    let template = template(&read("net.yaml", text).unwrap());
    let endpoint = &template["Resources"]["MainLogsEndpoint"]["Properties"];
    assert_eq!(endpoint["SecurityGroupIds"][0]["Fn::GetAtt"][0], "MainVpcEndpointsSecurityGroup");
    assert_eq!(template["Resources"]["MainVpcEndpointsSecurityGroup"]["Properties"]["GroupName"], "vpc-endpoints");
}

#[test]
fn every_reference_fits_into_an_inline_template_body() {
    for name in REFERENCES {
        assert!(render(&reference(name)).unwrap().len() < 51_200, "{name}");
    }
}

/// An alias record of a workload needs both; AWS's own services have names that resolve by themselves.
#[test]
fn endpoints_of_other_services_tell_their_name_and_its_zone() {
    let template = template(&reference("privatelink"));
    let outputs = template["Outputs"].as_object().unwrap();
    let named: Vec<&str> = outputs.keys().filter(|key| key.contains("EndpointDnsName")).map(String::as_str).collect();
    assert_eq!(named, ["ConsumerProductsApiEndpointDnsName"]);
    for (output, part) in [("ConsumerProductsApiEndpointHostedZoneId", 0), ("ConsumerProductsApiEndpointDnsName", 1)] {
        let output = &outputs[output];
        let first =
            serde_json::json!({ "Fn::Select": [0, { "Fn::GetAtt": ["ConsumerProductsApiEndpoint", "DnsEntries"] }] });
        assert_eq!(output["Value"], serde_json::json!({ "Fn::Select": [part, { "Fn::Split": [":", first] }] }));
        assert_eq!(output["Condition"], "ProductsApiLoadBalancerIsGiven");
    }
}
