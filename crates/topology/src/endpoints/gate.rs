//! When private DNS may be switched on, and what is let in meanwhile.
//!
//! Private DNS makes the service's name resolve to the endpoint for everything in the VPC, at once
//! (<https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html>): whoever the endpoint's groups do not admit
//! is cut off from the service, with or without another way out.

use super::facts::{Facts, Wanted, own_service};
use super::{Callers, EndpointState, Kind, Observed, ObservedEndpoint, ObservedGroup, Source};
use crate::core::{GroupName, ResourceId};
use crate::network::EndpointTarget;
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};

/// Whether private DNS may be switched on now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// It may.
    Open,
    /// Not yet: somebody is at work on it.
    Wait(String),
    /// Not yet: what it waits for is in the same plan, and the next look follows that.
    Later,
    /// Not before a person does something.
    Hold { why: String, remedy: String },
}

/// Whom the declared groups that are attached let in on 443.
fn let_in<'a>(
    facts: &Facts<'a>,
    declared: &BTreeSet<GroupName>,
    attached: &BTreeSet<ResourceId>,
) -> BTreeSet<&'a Source> {
    let groups = declared.iter().filter_map(|name| facts.group(name)).filter(|group| attached.contains(&group.id));
    groups.flat_map(|group: &'a ObservedGroup| &group.https).collect()
}

/// Whether one range holds the whole subnet.
fn admitted(let_in: &BTreeSet<&Source>, subnet: &Ipv4Net) -> bool {
    let_in.iter().any(|source| match source {
        Source::Range(range) => range.contains(subnet),
        Source::Id(_) => false,
    })
}

/// Whom the declared groups that are attached do not admit, in words. Empty: nobody is cut off.
pub(super) fn shut_out(
    facts: &Facts<'_>,
    declared: &BTreeSet<GroupName>,
    attached: &BTreeSet<ResourceId>,
    callers: &Callers,
) -> Vec<String> {
    let let_in = let_in(facts, declared, attached);
    let Callers { subnets, groups, ids, ruled: _ } = callers;
    let mut out = vec![];
    let mut tiers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (subnet, tier) in subnets.iter().filter(|(subnet, _)| !admitted(&let_in, subnet)) {
        tiers.entry(tier.as_str()).or_default().push(subnet.to_string());
    }
    out.extend(tiers.into_iter().map(|(tier, subnets)| format!("tier {tier} ({})", subnets.join(" and "))));
    for name in groups {
        // A group that is not there has nobody in it.
        let Some(group) = facts.group(name) else { continue };
        if !let_in.contains(&Source::Id(group.id.clone())) {
            out.push(format!("group {name} ({})", group.id));
        }
    }
    out.extend(ids.iter().filter(|id| !let_in.contains(&Source::Id((*id).clone()))).map(ToString::to_string));
    out
}

/// Subnets of no declared tier that no range of the groups admits, in words. Names lead from them to the endpoint as well. It is told
/// and holds nothing up: what is in them may be admitted by its group, and one that is made again led them there before.
pub(super) fn led_blindly(
    facts: &Facts<'_>,
    declared: &BTreeSet<GroupName>,
    attached: &BTreeSet<ResourceId>,
) -> Vec<String> {
    let let_in = let_in(facts, declared, attached);
    let out = facts.strangers().filter(|(range, _)| !admitted(&let_in, range));
    out.map(|(range, id)| format!("{id} ({range})")).collect()
}

pub(super) fn gate(
    facts: &Facts<'_>,
    wanted: &Wanted<'_>,
    endpoint: &ObservedEndpoint,
    observed: &Observed,
    groups: &BTreeSet<GroupName>,
    callers: &Callers,
) -> Gate {
    let id = &endpoint.id;
    if endpoint.state != EndpointState::Available {
        return Gate::Wait(format!("{id} is {}, and private DNS waits until it is available", endpoint.state));
    }
    if let Some(gate) = unverified(wanted, observed) {
        return gate;
    }
    if let Some(gate) = taken(facts, wanted, endpoint) {
        return gate;
    }
    if let Some(gate) = dns(facts, wanted) {
        return gate;
    }
    match facts.groups(groups) {
        None => return Gate::Wait(format!("the security groups of {id} were not seen")),
        Some(all) if !all.missing.is_empty() => {
            let why = format!("private DNS of {id} needs {}, which is not there", all.missing.join(" and "));
            let remedy = "deploy the network's stack again, which makes what is missing".into();
            return Gate::Hold { why, remedy };
        }
        Some(all) if !all.ids.is_subset(&endpoint.groups) => return Gate::Later,
        Some(_) => {}
    }
    let shut_out = shut_out(facts, groups, &endpoint.groups, callers);
    if shut_out.is_empty() {
        return Gate::Open;
    }
    let named: Vec<&str> = groups.iter().map(GroupName::as_str).collect();
    let why = format!(
        "private DNS of {id} would cut off {}: its security groups ({}) do not admit 443 from there yet",
        shut_out.join(", "),
        named.join(", ")
    );
    match admitting(facts, groups, endpoint, callers) {
        Some(command) if !callers.ruled => {
            let remedy = format!("{command}; or declare the `ingress` of the group, or `private_dns: false`");
            Gate::Hold { why, remedy }
        }
        Some(_) | None => Gate::Wait(why),
    }
}

/// The call that lets in the subnets that are shut out, by one of the groups.
fn admitting(
    facts: &Facts<'_>,
    groups: &BTreeSet<GroupName>,
    endpoint: &ObservedEndpoint,
    callers: &Callers,
) -> Option<String> {
    let group = groups.iter().find_map(|name| facts.group(name))?;
    let let_in = let_in(facts, groups, &endpoint.groups);
    let missing = callers.subnets.keys().filter(|subnet| !admitted(&let_in, subnet));
    let ranges: Vec<String> = missing.map(|subnet| format!("{{CidrIp={subnet}}}")).collect();
    Some(format!(
        "aws ec2 authorize-security-group-ingress --group-id {} --ip-permissions \
         'IpProtocol=tcp,FromPort=443,ToPort=443,IpRanges=[{}]'",
        group.id,
        ranges.join(",")
    ))
}

/// A service of the topology has a private name, and AWS knows that its domain is ours; or private DNS cannot be had.
fn unverified(wanted: &Wanted<'_>, observed: &Observed) -> Option<Gate> {
    let EndpointTarget::Own(own) = &wanted.declared.service else { return None };
    let service = own_service(own, observed).ok()?;
    let why = match &service.private_dns {
        Some((_, true)) => return None,
        Some((name, false)) => format!("AWS has not verified that {name} is the domain of {}'s owner", service.id),
        None => format!("{} has no private DNS name", service.id),
    };
    let remedy = format!(
        "declare `private_dns_name` of `{own}`, publish the TXT record that `aws ec2 \
         describe-vpc-endpoint-service-configurations --service-ids {id}` shows, then: aws ec2 \
         start-vpc-endpoint-service-private-dns-verification --service-id {id}; or declare `private_dns: false`",
        id = service.id
    );
    Some(Gate::Hold { why, remedy })
}

/// AWS refuses a second endpoint with the same private name in a VPC.
fn taken(facts: &Facts<'_>, wanted: &Wanted<'_>, endpoint: &ObservedEndpoint) -> Option<Gate> {
    // AWS shows private DNS of some gateway endpoints, which take no name.
    let named = |other: &&&ObservedEndpoint| other.kind == Kind::Interface && other.private_dns;
    let mut others = facts.endpoints.iter().filter(named).filter(|other| other.id != endpoint.id);
    let other = others.find(|other| other.service == wanted.service && other.state != EndpointState::Deleted)?;
    if other.state == EndpointState::Deleting {
        return Some(Gate::Wait(format!("{} still has the private name, and is being deleted", other.id)));
    }
    let why = format!("{} in the same VPC has the private name of {} already", other.id, wanted.service);
    let remedy = format!(
        "see who uses it (`aws ec2 describe-vpc-endpoints --vpc-endpoint-ids {id}`), then: aws ec2 modify-vpc-endpoint \
         --vpc-endpoint-id {id} --no-private-dns-enabled",
        id = other.id
    );
    Some(Gate::Hold { why, remedy })
}

/// Private DNS needs both DNS attributes of the VPC, which another control keeps.
fn dns(facts: &Facts<'_>, wanted: &Wanted<'_>) -> Option<Gate> {
    let Some(dns) = facts.dns else {
        return Some(Gate::Wait(format!("the DNS attributes of {} were not seen", facts.seen.id)));
    };
    let attributes = [
        ("DNS support", "enable-dns-support", dns.support, facts.declared.dns.support),
        ("DNS hostnames", "enable-dns-hostnames", dns.hostnames, facts.declared.dns.hostnames),
    ];
    let (words, option, _, declared) = attributes.into_iter().find(|(_, _, on, _)| !on)?;
    let why = format!("{words} of {} is off, which private DNS of {} needs", facts.seen.id, wanted.title);
    if declared == Some(true) {
        return Some(Gate::Wait(why));
    }
    let remedy = format!(
        "declare it under `dns:` of the VPC, or: aws ec2 modify-vpc-attribute --vpc-id {} --{option}",
        facts.seen.id
    );
    Some(Gate::Hold { why, remedy })
}
