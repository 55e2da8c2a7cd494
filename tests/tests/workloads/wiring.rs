//! How a workload takes what it needs from its network.

use crate::{NAMES, network, workload};
use e2e::template::{Template, list};
use std::collections::BTreeSet;

const FROM_NETWORK: &str = "The network's output of this name";

#[test]
fn what_a_workload_takes_is_an_output_of_its_network() {
    for name in NAMES {
        let (workload, network) = (workload(name), network(name));
        let outputs = network["Outputs"].as_object().unwrap();
        let parameters = workload.section("Parameters").as_object().unwrap();
        let mut taken = 0;
        for (parameter, declared) in parameters {
            let says = declared["Description"].as_str().unwrap();
            assert_eq!(says.starts_with(FROM_NETWORK), outputs.contains_key(parameter), "{name}: {parameter}");
            if says.starts_with(FROM_NETWORK) {
                taken += 1;
                // What the network makes on condition may be missing.
                let conditional = outputs[parameter].get("Condition").is_some();
                assert_eq!(declared.get("Default").is_some(), conditional, "{name}: {parameter}");
            }
        }
        assert!(taken >= 5, "{name}");
    }
}

/// Rules are the network's: a workload that made groups of its own would be outside of what is kept.
#[test]
fn every_declared_group_is_worn_and_none_is_made() {
    for name in NAMES {
        let (workload, network) = (workload(name), network(name));
        let parameters = workload.section("Parameters").as_object().unwrap();
        for output in network["Outputs"].as_object().unwrap().keys() {
            // The groups of interface endpoints are worn by the network's own endpoints.
            let worn_there = ["EndpointsSecurityGroupId", "ProductsEndpointSecurityGroupId"];
            if output.ends_with("SecurityGroupId") && !worn_there.iter().any(|end| output.ends_with(end)) {
                assert!(parameters.contains_key(output), "{name}: nothing wears {output}");
            }
        }
        let network_made =
            ["VPC", "Subnet", "SecurityGroup", "Route", "RouteTable", "NatGateway", "InternetGateway", "FlowLog"];
        for (id, resource) in workload.resources() {
            let kind = resource["Type"].as_str().unwrap();
            let made = kind.strip_prefix("AWS::EC2::").is_some_and(|kind| {
                network_made.contains(&kind) || kind.starts_with("SecurityGroup") || kind.contains("Endpoint")
            });
            assert!(!made, "{name}: {id} is the network's to make");
        }
    }
}

#[test]
fn the_networks_parameters_are_outputs_of_the_workload() {
    for name in NAMES {
        let outputs = workload(name);
        let outputs = outputs.section("Outputs").as_object().unwrap().clone();
        let network = network(name);
        for parameter in network["Parameters"].as_object().into_iter().flatten().map(|(name, _)| name) {
            let elsewhere = parameter == "ConnectionTopicArn" || parameter.starts_with("With");
            assert!(elsewhere || outputs.contains_key(parameter), "{name}: nobody gives {parameter}");
        }
    }
}

#[test]
fn parameters_and_outputs_are_described_and_grouped() {
    for name in NAMES.map(workload).iter().chain([&Template::at("topologies/hipaa/edge.yaml").unwrap()]) {
        let interface = &name.section("Metadata")["AWS::CloudFormation::Interface"];
        let grouped: BTreeSet<&str> = list(&interface["ParameterGroups"])
            .into_iter()
            .flat_map(|group| list(&group["Parameters"]))
            .filter_map(|parameter| parameter.as_str())
            .collect();
        let parameters = name.section("Parameters").as_object().unwrap();
        for (parameter, declared) in parameters {
            assert!(declared["Description"].as_str().is_some_and(|text| text.len() > 20), "{parameter}");
            assert!(grouped.is_empty() || grouped.contains(parameter.as_str()), "{parameter}: in no group");
        }
        for parameter in grouped {
            assert!(parameters.contains_key(parameter), "{parameter}: there is none");
        }
        for (output, declared) in name.section("Outputs").as_object().unwrap() {
            assert!(declared["Description"].as_str().is_some_and(|text| !text.is_empty()), "{output}");
        }
    }
}
