//! How traffic comes in and where machines stand.

use crate::{NAMES, all, workload};
use e2e::template::list;
use serde_json::{Value, json};

#[test]
fn every_listener_speaks_tls_or_leads_to_one() {
    let listeners = all("AWS::ElasticLoadBalancingV2::Listener");
    assert_eq!(listeners.len(), 7);
    for (id, listener) in listeners {
        let properties = &listener["Properties"];
        match properties["Protocol"].as_str().unwrap() {
            "TLS" | "HTTPS" => {
                assert_eq!(properties["Port"], 443, "{id}");
                assert!(properties["SslPolicy"].as_str().unwrap().contains("TLS13-1-2"), "{id}");
                assert!(!list(&properties["Certificates"]).is_empty(), "{id}");
            }
            _ => assert_eq!(properties["DefaultActions"][0]["RedirectConfig"]["Protocol"], "HTTPS", "{id}"),
        }
    }
}

/// Only a load balancer of a public tier faces the internet.
#[test]
fn load_balancers_stand_where_their_scheme_says() {
    for (id, balancer) in all("AWS::ElasticLoadBalancingV2::LoadBalancer") {
        let properties = &balancer["Properties"];
        let public = properties["Subnets"].as_str().unwrap().contains("PublicSubnetIds");
        let wanted = if public { "internet-facing" } else { "internal" };
        assert_eq!(properties["Scheme"], wanted, "{id}");
        assert!(!list(&properties["SecurityGroups"]).is_empty(), "{id}");
        let attribute = |key: &str| {
            let attributes = list(&properties["LoadBalancerAttributes"]);
            attributes.into_iter().find(|one| one["Key"] == key).map(|one| one["Value"].clone())
        };
        assert_eq!(attribute("access_logs.s3.enabled"), Some(json!("true")), "{id}");
        assert_eq!(attribute("deletion_protection.enabled"), Some(json!("DeletionProtection")), "{id}");
        if properties["Type"] == "application" {
            assert_eq!(attribute("routing.http.drop_invalid_header_fields.enabled"), Some(json!("true")), "{id}");
        }
    }
}

#[test]
fn tasks_have_no_public_address_and_no_more_rights_than_they_need() {
    for (id, service) in all("AWS::ECS::Service") {
        let network = &service["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"];
        assert_eq!(network["AssignPublicIp"], "DISABLED", "{id}");
        assert!(!network["Subnets"].as_str().unwrap().contains("Public"), "{id}");
        assert_eq!(
            service["Properties"]["DeploymentConfiguration"]["DeploymentCircuitBreaker"]["Rollback"], true,
            "{id}"
        );
    }
    for (id, task) in all("AWS::ECS::TaskDefinition") {
        for container in list(&task["Properties"]["ContainerDefinitions"]) {
            assert_eq!(container["ReadonlyRootFilesystem"], true, "{id}");
            assert_ne!(container["User"], "0", "{id}");
            assert_eq!(container["LinuxParameters"]["Capabilities"]["Drop"], json!(["ALL"]), "{id}");
            assert_eq!(container["LogConfiguration"]["LogDriver"], "awslogs", "{id}");
        }
    }
}

#[test]
fn machines_ask_for_tokens_and_encrypt_their_disks() {
    for (id, template) in all("AWS::EC2::LaunchTemplate") {
        let data = &template["Properties"]["LaunchTemplateData"];
        assert_eq!(data["MetadataOptions"]["HttpTokens"], "required", "{id}");
        assert_eq!(data["MetadataOptions"]["HttpPutResponseHopLimit"], 1, "{id}");
        for disk in list(&data["BlockDeviceMappings"]) {
            assert_eq!(disk["Ebs"]["Encrypted"], true, "{id}");
        }
        assert!(data.get("KeyName").is_none(), "{id}: operators come through Session Manager");
        for interface in list(&data["NetworkInterfaces"]) {
            assert_eq!(interface["AssociatePublicIpAddress"], false, "{id}");
        }
    }
    // Hosts for operators stand in private subnets; the consumer's client is the one that the reference gives an address.
    for (id, machine) in all("AWS::EC2::Instance") {
        let properties = &machine["Properties"];
        assert!(properties["LaunchTemplate"].is_object(), "{id}");
        let public = list(&properties["NetworkInterfaces"]).iter().any(|one| one["AssociatePublicIpAddress"] == true);
        assert_eq!(public, id == "privatelink: Client", "{id}");
        if !public {
            assert_eq!(properties["SubnetId"][1], "MainPrivateSubnetIds", "{id}");
        }
    }
}

#[test]
fn servers_scale_from_one_to_two_on_their_processor() {
    let web = workload("autoscaled-web");
    for (group, policy) in [("Frontend", "FrontendScaling"), ("Backend", "BackendScaling")] {
        let group = web.properties(group);
        assert_eq!((&group["MinSize"], &group["MaxSize"]), (&json!("1"), &json!("2")));
        let tracking = &web.properties(policy)["TargetTrackingConfiguration"];
        assert_eq!(tracking["PredefinedMetricSpecification"]["PredefinedMetricType"], "ASGAverageCPUUtilization");
    }
}

/// The reference allows ten. A target tracking policy makes two for itself
/// (<https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html>).
#[test]
fn the_small_site_has_at_most_ten_alarms() {
    let web = workload("autoscaled-web");
    let own = web.of_type("AWS::CloudWatch::Alarm").count();
    let tracked = web.of_type("AWS::AutoScaling::ScalingPolicy").count() * 2;
    assert!(own >= 5 && own + tracked <= 10, "{own} and {tracked}");
}

#[test]
fn alarms_reach_somebody_and_say_what_to_do() {
    for (id, alarm) in all("AWS::CloudWatch::Alarm") {
        assert_eq!(alarm["Properties"]["AlarmActions"], json!(["Notifications"]), "{id}");
        assert!(alarm["Properties"]["AlarmDescription"].as_str().is_some_and(|text| text.len() > 40), "{id}");
    }
}

#[test]
fn no_route_of_an_api_is_open() {
    for name in ["api-network", "hipaa"] {
        let workload = workload(name);
        let routes: Vec<_> = workload.of_type("AWS::ApiGatewayV2::Route").collect();
        assert!(routes.len() >= 2, "{name}");
        for (id, route) in routes {
            assert_eq!(route["Properties"]["AuthorizationType"], "JWT", "{name}: {id}");
            assert!(
                !list(&route["Properties"]["AuthorizationScopes"]).is_empty(),
                "{name}: {id}: a token is not a permission"
            );
        }
        for (id, integration) in workload.of_type("AWS::ApiGatewayV2::Integration") {
            if integration["Properties"]["ConnectionType"] == "VPC_LINK" {
                assert!(integration["Properties"]["TlsConfig"]["ServerNameToVerify"].is_string(), "{name}: {id}");
            }
        }
        for (id, pool) in workload.of_type("AWS::Cognito::UserPool") {
            assert_eq!(pool["Properties"]["MfaConfiguration"], "ON", "{name}: {id}");
            assert_eq!(pool["DeletionPolicy"], "RetainExceptOnCreate", "{name}: {id}");
        }
        let (_, stage) = workload.of_type("AWS::ApiGatewayV2::Stage").next().unwrap();
        let format = stage["Properties"]["AccessLogSettings"]["Format"].as_str().unwrap();
        assert!(serde_json::from_str::<Value>(format).is_ok(), "{name}: the access log is no JSON: {format}");
    }
}

#[test]
fn sites_are_behind_tls_and_a_web_acl() {
    for (id, distribution) in all("AWS::CloudFront::Distribution") {
        let config = &distribution["Properties"]["DistributionConfig"];
        assert_eq!(config["ViewerCertificate"]["MinimumProtocolVersion"], "TLSv1.2_2021", "{id}");
        assert_eq!(config["WebACLId"], "WebAclArn", "{id}");
        let behaviours = list(&config["CacheBehaviors"]);
        for behaviour in behaviours.into_iter().chain([&config["DefaultCacheBehavior"]]) {
            assert!(
                ["https-only", "redirect-to-https"].contains(&behaviour["ViewerProtocolPolicy"].as_str().unwrap()),
                "{id}"
            );
        }
        for origin in list(&config["Origins"]) {
            match origin.get("CustomOriginConfig") {
                Some(custom) => assert_eq!(custom["OriginProtocolPolicy"], "https-only", "{id}"),
                None => assert!(origin["OriginAccessControlId"].is_string(), "{id}: the bucket is private"),
            }
        }
    }
}

#[test]
fn every_workload_is_one_stack() {
    for name in NAMES {
        let resources = workload(name).resources().count();
        assert!((20..=200).contains(&resources), "{name}: {resources}");
    }
}
