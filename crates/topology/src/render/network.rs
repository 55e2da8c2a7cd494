//! VPCs, subnets, route tables and security groups.

use super::RenderError;
use super::ids::logical;
use super::template::{Resource, Template, attribute, joined, reference, substitute};
use crate::core::{GroupName, TopologyId, VpcName};
use crate::network::{FlowDestination, PublicIps, Route, Vpc};
use crate::security_groups::{DesiredGroup, DesiredVpc};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) fn vpc_id(vpc: &VpcName) -> String {
    logical(&[vpc.as_str()], "Vpc")
}

pub(crate) fn subnet_id(vpc: &VpcName, tier: &str, zone: &str) -> String {
    logical(&[vpc.as_str(), tier, zone], "Subnet")
}

pub(crate) fn table_id(vpc: &VpcName, tier: &str, zone: &str) -> String {
    logical(&[vpc.as_str(), tier, zone], "RouteTable")
}

pub(super) fn association_id(vpc: &VpcName, tier: &str, zone: &str) -> String {
    format!("{}Association", table_id(vpc, tier, zone))
}

pub(crate) fn gateway_id(vpc: &VpcName) -> String {
    logical(&[vpc.as_str()], "InternetGateway")
}

pub(super) fn group_id(vpc: &VpcName, group: &GroupName) -> String {
    logical(&[vpc.as_str(), group.as_str()], "SecurityGroup")
}

pub(super) fn vpc(template: &mut Template, name: &VpcName, vpc: &Vpc) -> Result<(), RenderError> {
    let id = vpc_id(name);
    let properties = json!({
        "CidrBlock": vpc.cidr.to_string(),
        // Unmanaged attributes of a network that is built here get what private DNS needs.
        "EnableDnsSupport": vpc.dns.support.unwrap_or(true),
        "EnableDnsHostnames": vpc.dns.hostnames.unwrap_or(true),
        "Tags": template.tags(&[name.as_str()], &[("plumbline:vpc", name.as_str())]),
    });
    template.resource(id.clone(), Resource::new("AWS::EC2::VPC", properties))?;
    template.output(format!("{id}Id"), format!("VPC {name}"), reference(&id), None);

    let attachment = logical(&[name.as_str()], "InternetGatewayAttachment");
    let gateway = gateway_id(name);
    if vpc.internet_gateway == Some(true) {
        let tags = template.tags(&[name.as_str()], &[("plumbline:vpc", name.as_str())]);
        template.resource(gateway.clone(), Resource::new("AWS::EC2::InternetGateway", json!({ "Tags": tags })))?;
        let properties = json!({ "VpcId": reference(&id), "InternetGatewayId": reference(&gateway) });
        template.resource(attachment.clone(), Resource::new("AWS::EC2::VPCGatewayAttachment", properties))?;
        template.output(format!("{gateway}Id"), format!("Internet gateway of VPC {name}"), reference(&gateway), None);
    }

    for (tier, declared, subnet) in vpc.subnets() {
        let (tier, zone) = (tier.as_str(), subnet.zone.as_str());
        let parts = [name.as_str(), tier, zone];
        // What a table is for: somebody may move its association, and it is moved back to the one that says so.
        let of_tier = [("plumbline:vpc", name.as_str()), ("plumbline:tier", tier), ("plumbline:zone", zone)];
        let (subnet_id, table_id) = (subnet_id(name, tier, zone), table_id(name, tier, zone));
        let properties = json!({
            "VpcId": reference(&id),
            "CidrBlock": subnet.cidr.to_string(),
            "AvailabilityZone": substitute(&format!("${{AWS::Region}}{zone}")),
            "MapPublicIpOnLaunch": declared.public_ips == Some(PublicIps::OnLaunch),
            "Tags": template.tags(&parts, &of_tier),
        });
        template.resource(subnet_id.clone(), Resource::new("AWS::EC2::Subnet", properties))?;
        let properties = json!({ "VpcId": reference(&id), "Tags": template.tags(&parts, &of_tier) });
        template.resource(table_id.clone(), Resource::new("AWS::EC2::RouteTable", properties))?;
        let properties = json!({ "SubnetId": reference(&subnet_id), "RouteTableId": reference(&table_id) });
        let association = Resource::new("AWS::EC2::SubnetRouteTableAssociation", properties);
        template.resource(association_id(name, tier, zone), association)?;
        if declared.route == Route::Internet {
            let properties = json!({
                "RouteTableId": reference(&table_id),
                "DestinationCidrBlock": "0.0.0.0/0",
                "GatewayId": reference(&gateway),
            });
            // A route to a gateway that is not attached yet is refused.
            let route = Resource::new("AWS::EC2::Route", properties).after(&*attachment);
            template.resource(logical(&parts, "DefaultRoute"), route)?;
        }
        template.output(
            format!("{subnet_id}Id"),
            format!("Subnet {} of tier {tier} in VPC {name}", subnet.cidr),
            reference(&subnet_id),
            None,
        );
        template.output(
            format!("{table_id}Id"),
            format!("Route table of subnet {}", subnet.cidr),
            reference(&table_id),
            None,
        );
    }
    for (tier, declared) in &vpc.tiers {
        let subnets: Vec<Value> = declared
            .subnets
            .iter()
            .map(|subnet| reference(&subnet_id(name, tier.as_str(), subnet.zone.as_str())))
            .collect();
        if !subnets.is_empty() {
            let id = logical(&[name.as_str(), tier.as_str()], "SubnetIds");
            template.output(id, format!("Subnets of tier {tier} in VPC {name}"), joined(subnets), None);
        }
    }
    Ok(())
}

/// Groups without rules.
pub(super) fn groups(
    template: &mut Template,
    name: &VpcName,
    vpc: &Vpc,
    groups: &DesiredVpc,
) -> Result<(), RenderError> {
    for (group, DesiredGroup { optional, .. }) in &groups.groups {
        let id = group_id(name, group);
        let condition = optional.then(|| optional_group(template, name, group));
        // Another GroupDescription is another group, which CloudFormation cannot make beside the old one of the same name. So
        // what people may rewrite is a tag, and the description says only what never changes.
        let written = vpc.group_descriptions.get(group).map(|text| ("Description", text.as_str()));
        let properties = json!({
            "VpcId": reference(&vpc_id(name)),
            "GroupName": group.as_str(),
            "GroupDescription": template.group_description(name.as_str(), group.as_str()),
            "Tags": template.tags(&[name.as_str(), group.as_str()], written.as_slice()),
        });
        let resource = Resource::new("AWS::EC2::SecurityGroup", properties).on_condition(condition.clone());
        template.resource(id.clone(), resource)?;
        template.output(
            format!("{id}Id"),
            format!("Security group {group} in VPC {name}"),
            attribute(&id, "GroupId"),
            condition.as_deref(),
        );
    }
    Ok(())
}

/// The log groups of flow logs that bear the topology's name; others may be somebody else's, and Plumbline makes them if they are
/// missing. They outlive the stack, for the records in them. How long those are kept is Plumbline's to say.
pub(super) fn log_groups(
    template: &mut Template,
    topology: &TopologyId,
    name: &VpcName,
    vpc: &Vpc,
) -> Result<(), RenderError> {
    let own = format!("/plumbline/{topology}/{name}/");
    let groups: BTreeSet<&str> = (vpc.flow_logs.iter().flatten())
        .filter_map(|log| match &log.destination {
            FlowDestination::CloudWatch { log_group, retention_days: _ } => Some(log_group.as_str()),
            FlowDestination::S3 { .. } => None,
        })
        .filter(|group| group.starts_with(&own))
        .collect();
    for group in groups {
        let short = group.strip_prefix(&own).unwrap_or(group);
        let tags = template.tags(&[name.as_str(), short], &[("plumbline:vpc", name.as_str())]);
        let properties = json!({ "LogGroupName": group, "Tags": tags });
        let resource = Resource::new("AWS::Logs::LogGroup", properties).retained();
        template.resource(logical(&[name.as_str(), short], "LogGroup"), resource)?;
    }
    Ok(())
}

/// A parameter that says whether an optional group is made, and the condition upon it.
fn optional_group(template: &mut Template, vpc: &VpcName, group: &GroupName) -> String {
    let parameter = logical(&["with", vpc.as_str(), group.as_str()], "");
    let condition = format!("{parameter}IsTrue");
    template.parameter(
        &parameter,
        json!({
            "Type": "String",
            "AllowedValues": ["true", "false"],
            "Default": "false",
            "Description": format!("Whether the optional security group {group} of VPC {vpc} is made."),
        }),
    );
    template.condition(&condition, json!({ "Fn::Equals": [reference(&parameter), "true"] }));
    condition
}
