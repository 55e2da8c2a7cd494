//! A route table that serves too much is not ours to take apart; the commands that do it are.

use super::facts::Facts;
use super::planner::Builder;
use super::posts::{Post, best};
use super::routes::{Fit, Used};
use super::{ObservedSubnet, OtherRoute, Routed};
use crate::core::{Severity, ZoneLetter};
use crate::network::destination_option;
use std::collections::BTreeMap;

/// Holds it, with the commands.
pub(super) fn held(builder: &mut Builder<'_>, facts: &Facts<'_>, posts: &[Post<'_>], used: &Used<'_>) {
    let zones: Vec<&str> = used.zones().into_iter().map(ZoneLetter::as_str).collect();
    let why = match used.fit {
        Fit::Own => return,
        Fit::Shared => format!(
            "subnets of the zones {} share it, so that all of them go out through one of their gateways",
            zones.join(" and ")
        ),
        Fit::Foreign if used.table.main => {
            "it is the VPC's main table, which any subnet without a table of its own uses".to_owned()
        }
        Fit::Foreign => "subnets that the topology does not route through NAT use it too".to_owned(),
    };
    builder.drift(&used.thing, Severity::Drift, format!("the subnets have no route table of their own: {why}"));
    let why = format!("{why}; which subnet belongs to which table is the network's stack's");
    builder.held(&used.thing, why, commands(facts, posts, used));
}

/// A table for each zone that shall leave, made whole before its subnets move to it.
fn commands(facts: &Facts<'_>, posts: &[Post<'_>], used: &Used<'_>) -> String {
    let mut leaving: BTreeMap<&ZoneLetter, Vec<(&Routed, &ObservedSubnet)>> = BTreeMap::new();
    for (routed, subnet) in &used.subnets {
        leaving.entry(&routed.zone).or_default().push((routed, subnet));
    }
    // One zone may stay where nobody else is.
    let staying = usize::from(used.fit == Fit::Shared);
    let scripts = leaving.into_iter().skip(staying).map(|(zone, subnets)| {
        let mut lines = vec![format!(
            "table=$(aws ec2 create-route-table --vpc-id {} --query RouteTable.RouteTableId --output text)",
            facts.id
        )];
        // As it was, so that nothing breaks: Plumbline moves the route once the table stands.
        let now = used.table.default.as_ref().map(|route| &route.target).filter(|id| id.as_str().starts_with("nat-"));
        if let Some(to) = now.or_else(|| best(facts, posts, zone).map(|gateway| &gateway.id)) {
            lines.push(format!(
                "aws ec2 create-route --route-table-id $table --destination-cidr-block 0.0.0.0/0 --nat-gateway-id {to}"
            ));
        }
        lines.extend(used.table.others.iter().filter_map(other));
        for (_, subnet) in subnets {
            lines.push(match used.table.subnets.get(&subnet.id) {
                Some(association) => format!(
                    "aws ec2 replace-route-table-association --association-id {association} --route-table-id $table"
                ),
                None => {
                    format!("aws ec2 associate-route-table --subnet-id {} --route-table-id $table", subnet.id)
                }
            });
        }
        lines.join(" && ")
    });
    scripts.collect::<Vec<_>>().join("; ")
}

/// The command that gives a new table a route of the old one.
fn other(route: &OtherRoute) -> Option<String> {
    let OtherRoute { destination, target, written } = route;
    let kind = target.as_str().split_once('-').map_or("", |(kind, _)| kind);
    if kind == "vpce" && destination.starts_with("pl-") {
        return Some(format!("aws ec2 modify-vpc-endpoint --vpc-endpoint-id {target} --add-route-table-ids $table"));
    }
    if !written {
        let command = "aws ec2 enable-vgw-route-propagation --route-table-id $table --gateway-id";
        return (kind == "vgw").then(|| format!("{command} {target}"));
    }
    let flag = match kind {
        "igw" | "vgw" => "--gateway-id",
        "nat" => "--nat-gateway-id",
        "tgw" => "--transit-gateway-id",
        "eni" => "--network-interface-id",
        "pcx" => "--vpc-peering-connection-id",
        "eigw" => "--egress-only-internet-gateway-id",
        "vpce" => "--vpc-endpoint-id",
        "lgw" => "--local-gateway-id",
        "cagw" => "--carrier-gateway-id",
        _ => return None,
    };
    let range = destination_option(destination);
    Some(format!("aws ec2 create-route --route-table-id $table {range} {destination} {flag} {target}"))
}
