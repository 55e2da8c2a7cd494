//! VPC endpoints and endpoint services.

use super::RenderError;
use super::ids::logical;
use super::network::{group_id, subnet_id, table_id, vpc_id};
use super::template::{Resource, Template, attribute, reference, substitute};
use crate::core::{EndpointName, ServiceName, TierName, VpcName};
use crate::network::{Endpoint, EndpointKind, EndpointService, EndpointTarget, Vpc};
use crate::privatelink::SERVICE_TAG;
use serde_json::{Value, json};

/// The logical id of an endpoint.
pub(crate) fn endpoint_id(vpc: &VpcName, endpoint: &EndpointName) -> String {
    logical(&[vpc.as_str(), endpoint.as_str()], "Endpoint")
}

pub(super) fn endpoints(template: &mut Template, name: &VpcName, vpc: &Vpc) -> Result<(), RenderError> {
    for (endpoint, Endpoint { service, kind, policy }) in vpc.endpoints.iter().flatten() {
        let id = endpoint_id(name, endpoint);
        let (service_name, condition) = match service {
            EndpointTarget::Aws(short) => (substitute(&format!("com.amazonaws.${{AWS::Region}}.{short}")), None),
            EndpointTarget::Named(full) => (json!(full), None),
            EndpointTarget::Own(own) => {
                let name = substitute(&format!("com.amazonaws.vpce.${{AWS::Region}}.${{{}}}", service_id(own)));
                (name, Some(given(own)))
            }
        };
        let mut properties = json!({
            "VpcId": reference(&vpc_id(name)),
            "ServiceName": service_name,
            "Tags": template.tags(&[name.as_str(), endpoint.as_str()], &[]),
        });
        match kind {
            EndpointKind::Gateway { tiers } => {
                properties["VpcEndpointType"] = json!("Gateway");
                properties["RouteTableIds"] = over(vpc, tiers, |tier, zone| table_id(name, tier, zone));
            }
            EndpointKind::Interface { tiers, security_groups, private_dns } => {
                let groups = security_groups.iter().map(|group| attribute(&group_id(name, group), "GroupId"));
                properties["VpcEndpointType"] = json!("Interface");
                properties["SubnetIds"] = over(vpc, tiers, |tier, zone| subnet_id(name, tier, zone));
                properties["SecurityGroupIds"] = groups.collect();
                properties["PrivateDnsEnabled"] = json!(private_dns);
            }
        }
        if let Some(policy) = policy {
            properties["PolicyDocument"] = json!(policy);
        }
        let resource = Resource::new("AWS::EC2::VPCEndpoint", properties).on_condition(condition.clone());
        template.resource(id.clone(), resource)?;
        let description = format!("Endpoint {endpoint} in VPC {name}");
        template.output(format!("{id}Id"), description, reference(&id), condition.as_deref());
        if matches!(
            (kind, service),
            (EndpointKind::Interface { .. }, EndpointTarget::Own(_) | EndpointTarget::Named(_))
        ) {
            names(template, &id, condition.as_deref());
        }
    }
    Ok(())
}

/// The endpoint's own name and that name's zone, for an alias record of the workload: services that are not AWS's have no name that
/// resolves by itself. Each entry of `DnsEntries` is `zone:name`, the first one is the name over all Availability Zones
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpcendpoint.html>).
fn names(template: &mut Template, id: &str, condition: Option<&str>) {
    let part = |at: usize| {
        let first = json!({ "Fn::Select": [0, attribute(id, "DnsEntries")] });
        json!({ "Fn::Select": [at, { "Fn::Split": [":", first] }] })
    };
    template.output(format!("{id}HostedZoneId"), "Zone of the endpoint's name".to_owned(), part(0), condition);
    template.output(format!("{id}DnsName"), "The endpoint's name".to_owned(), part(1), condition);
}

fn over(vpc: &Vpc, tiers: &[TierName], id: impl Fn(&str, &str) -> String) -> Value {
    let subnets = vpc.subnets().filter(|(tier, _, _)| tiers.contains(tier));
    subnets.map(|(tier, _, subnet)| reference(&id(tier.as_str(), subnet.zone.as_str()))).collect()
}

fn service_id(service: &ServiceName) -> String {
    logical(&[service.as_str()], "EndpointService")
}

/// The condition that the load balancer of a service is known.
fn given(service: &ServiceName) -> String {
    logical(&[service.as_str()], "LoadBalancerIsGiven")
}

/// The parameter with the topic that AWS tells of connections. One topic serves every service.
const TOPIC: &str = "ConnectionTopicArn";

/// The load balancer belongs to the workload, whose stack needs this one first. So its ARN is a parameter: left empty at
/// first, given once the workload stands. Who may create endpoints is not here: Plumbline keeps that list, and connections.
pub(super) fn service(
    template: &mut Template,
    name: &ServiceName,
    service: &EndpointService,
) -> Result<(), RenderError> {
    let (id, condition) = (service_id(name), given(name));
    let parameter = logical(&[name.as_str()], "LoadBalancerArn");
    template.parameter(
        &parameter,
        json!({
            "Type": "String",
            "Default": "",
            "Description": format!(
                "ARN of the Network Load Balancer {} of VPC {}, which endpoint service {name} offers. Empty: the service is \
                 not made yet.",
                service.load_balancer, service.vpc
            ),
        }),
    );
    template.parameter(
        TOPIC,
        json!({
            "Type": "String",
            "Default": "",
            "Description": "ARN of the topic that AWS tells of each connection at once: output ConnectionTopicArn of Plumbline's own \
                            stack. Empty: connections are decided at the next sweep.",
        }),
    );
    template.condition(&condition, json!({ "Fn::Not": [{ "Fn::Equals": [reference(&parameter), ""] }] }));
    let properties = json!({
        // Plumbline decides about each connection; without this every endpoint would be let in at once.
        "AcceptanceRequired": true,
        "NetworkLoadBalancerArns": [reference(&parameter)],
        // By these Plumbline knows the service again among others in front of the same load balancer.
        "Tags": template.tags(&[name.as_str()], &[(SERVICE_TAG, name.as_str())]),
    });
    let resource = Resource::new("AWS::EC2::VPCEndpointService", properties).on_condition(Some(condition.clone()));
    template.resource(id.clone(), resource)?;
    let notified = logical(&[name.as_str()], "ConnectionsAreTold");
    let told =
        json!({ "Fn::And": [{ "Condition": condition }, { "Fn::Not": [{ "Fn::Equals": [reference(TOPIC), ""] }] }] });
    template.condition(&notified, told);
    let properties = json!({
        "ConnectionEvents": ["Accept", "Connect", "Delete", "Reject"],
        "ConnectionNotificationArn": reference(TOPIC),
        "ServiceId": reference(&id),
    });
    let resource = Resource::new("AWS::EC2::VPCEndpointConnectionNotification", properties);
    template.resource(format!("{id}Notification"), resource.on_condition(Some(notified)))?;
    template.output(format!("{id}Id"), format!("Endpoint service {name}"), reference(&id), Some(&condition));
    let full_name = substitute(&format!("com.amazonaws.vpce.${{AWS::Region}}.${{{id}}}"));
    template.output(format!("{id}Name"), format!("Service name of {name}"), full_name, Some(&condition));
    Ok(())
}
