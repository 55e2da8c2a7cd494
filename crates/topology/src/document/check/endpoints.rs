//! VPC endpoints.

use super::groups::{FOR_ENDPOINTS, Groups};
use super::{Around, Check, names};
use crate::core::{EndpointName, GroupName, ServiceName, TierName, VpcName, ZoneLetter};
use crate::document::model;
use crate::document::problem::{Draft, Span};
use crate::document::wrap::{At, Entry, Field, Form};
use crate::endpoints::Callers;
use crate::network::{Endpoint, EndpointKind, EndpointService, EndpointTarget, Route, Tier, Vpc};
use crate::security_groups::{self, DesiredGroup, DesiredPeer, DesiredRule, DesiredVpc, Ports, Protocol, Traffic};
use ipnet::Ipv4Net;
use std::collections::BTreeMap;

/// The services with gateway endpoints (<https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html>).
const GATEWAYS: [&str; 2] = ["s3", "dynamodb"];

/// Whether an interface endpoint was written without groups of its own.
pub(super) fn need_group(written: &model::Vpc) -> bool {
    let entries = written.endpoints.read().map(|named| named.0.as_slice()).unwrap_or_default();
    entries.iter().any(|entry| match &entry.value.value {
        Some(Form::Short(kind)) => *kind == model::EndpointKind::Interface,
        Some(Form::Long(long)) => {
            long.kind.read() == Some(&model::EndpointKind::Interface) && long.security_groups.is_none()
        }
        None => false,
    })
}

/// The group of such endpoints: HTTPS from the VPC, nothing out. A declared group of the same name takes its place.
pub(super) fn add_group(groups: &mut DesiredVpc, vpc: Ipv4Net) {
    groups.groups.entry(FOR_ENDPOINTS.into()).or_insert_with(|| DesiredGroup {
        ingress: Some(vec![DesiredRule {
            traffic: Traffic { protocol: Protocol::Tcp, ports: Ports::Range { from: 443, to: 443 } },
            peer: DesiredPeer::Ipv4(vpc),
            description: Some("HTTPS from the VPC".to_owned()),
        }]),
        egress: Some(vec![]),
        ..DesiredGroup::default()
    });
}

/// What only the whole document shows: whom an endpoint lets in, whether it has the private name that it is to have, and whether
/// another one leads to the same service. An endpoint is known on AWS by its service and its kind.
pub(super) fn consistent(
    check: Check<'_>,
    vpcs: &[Entry<model::Vpc>],
    resolved: &BTreeMap<VpcName, Vpc>,
    rules: &security_groups::Desired,
    services: &BTreeMap<ServiceName, EndpointService>,
) {
    for Entry { name, name_span: _, value } in vpcs {
        let (Some(written), Some(vpc)) = (&value.value, resolved.get(name.as_str())) else { continue };
        let mut known: BTreeMap<(String, bool), Span> = BTreeMap::new();
        for entry in written.endpoints.read().map(|named| named.0.as_slice()).unwrap_or_default() {
            let endpoint = vpc.endpoints.as_ref().and_then(|endpoints| endpoints.get(entry.name.as_str()));
            let Some(Endpoint { service, kind, policy: _ }) = endpoint else { continue };
            let leads = (end_of(service), matches!(kind, EndpointKind::Gateway { .. }));
            if let Some(first) = known.insert(leads, entry.name_span) {
                let title = format!("endpoint `{}` leads where another one leads", entry.name);
                let draft = Draft::new(entry.name_span, "endpoint-service-twice", title).related(first, "this one");
                check.push(draft.help("declare one endpoint of each kind to a service; it may be in several tiers"));
            }
            let EndpointKind::Interface { tiers: _, security_groups, private_dns: true } = kind else { continue };
            if let EndpointTarget::Own(own) = service
                && services.get(own).is_some_and(|service| service.private_dns_name.is_none())
            {
                check.wrong(
                    entry.name_span,
                    "endpoint-private-name",
                    format!("endpoint `{}` has private DNS, and `{own}` has no private name", entry.name),
                    format!("write `private_dns_name` in `{own}` under `privatelink`, or `private_dns: false` here"),
                );
            }
            let groups = security_groups.iter().cloned().collect();
            if Callers::of(&groups, rules.vpcs.get(name.as_str()), vpc).is_empty() {
                let names: Vec<&str> = security_groups.iter().map(GroupName::as_str).collect();
                check.wrong(
                    entry.name_span,
                    "endpoint-admits-nobody",
                    format!(
                        "endpoint `{}` has private DNS, and its groups ({}) admit nobody on 443",
                        entry.name,
                        names.join(", ")
                    ),
                    "private DNS sends the whole VPC there: admit 443 in one of the groups, or write `private_dns: false`",
                );
            }
        }
    }
}

/// What two endpoints to the same service have in common, whichever way the service is written.
fn end_of(target: &EndpointTarget) -> String {
    match target {
        EndpointTarget::Aws(short) => short.clone(),
        EndpointTarget::Own(own) => format!("privatelink/{own}"),
        EndpointTarget::Named(full) => {
            let short = full.strip_prefix("com.amazonaws.").and_then(|rest| rest.split_once('.'));
            short.map_or_else(|| full.clone(), |(_, short)| short.to_owned())
        }
    }
}

/// Checks and resolves the endpoints of a VPC.
pub(super) fn endpoints(
    check: Check<'_>,
    around: &Around<'_>,
    groups: &Groups<'_>,
    written: &model::Vpc,
    tiers: &BTreeMap<TierName, Tier>,
) -> Option<BTreeMap<EndpointName, Endpoint>> {
    let named = written.endpoints.read()?;
    names::distinct(check, "endpoint", &named.0);
    let one = One { check, around, groups, written, tiers };
    let resolved = named.0.iter().filter_map(|entry| Some((entry.name.as_str().into(), one.endpoint(entry)?)));
    Some(resolved.collect())
}

struct One<'a> {
    check: Check<'a>,
    around: &'a Around<'a>,
    groups: &'a Groups<'a>,
    written: &'a model::Vpc,
    tiers: &'a BTreeMap<TierName, Tier>,
}

impl One<'_> {
    fn endpoint(&self, entry: &Entry<Form<model::EndpointKind, model::Endpoint>>) -> Option<Endpoint> {
        let Self { check, .. } = *self;
        let Entry { name, name_span, value } = entry;
        let short;
        let long = match value.value.as_ref()? {
            Form::Long(long) => long,
            Form::Short(kind) => {
                let kind = Some(At { span: value.span, value: Some(*kind) });
                short = model::Endpoint {
                    kind,
                    service: None,
                    tiers: None,
                    security_groups: None,
                    private_dns: None,
                    policy: None,
                };
                &short
            }
        };
        let model::Endpoint { kind, service, tiers, security_groups, private_dns, policy } = long;
        let Some(at) = kind else {
            check.missing(*name_span, "type", "interface");
            return None;
        };
        let (kind, kind_span) = at.get()?;
        let target = self.target(name, *name_span, service)?;
        let policy = policy.read().cloned();
        let named = tiers.read_at().map(|(list, span)| (self.named_tiers(list, span), span));
        let kind = match kind {
            model::EndpointKind::Gateway => {
                if !matches!(&target, EndpointTarget::Aws(service) if GATEWAYS.contains(&service.as_str())) {
                    check.wrong(
                        kind_span,
                        "endpoint-type",
                        format!("`{name}` has no gateway endpoint: only S3 and DynamoDB do"),
                        "write `interface`",
                    );
                }
                for (key, span) in [("security_groups", security_groups.place()), ("private_dns", private_dns.place())]
                {
                    if let Some(span) = span {
                        let help = format!("remove `{key}`, or write `type: interface`");
                        check.wrong(span, "endpoint-key", format!("a gateway endpoint has no `{key}`"), help);
                    }
                }
                let tiers = named.map_or_else(|| self.tiers.keys().cloned().collect(), |(tiers, _)| tiers);
                if tiers.is_empty() {
                    check.wrong(
                        *name_span,
                        "endpoint-without-tier",
                        format!("endpoint `{name}` has no route table to be in"),
                        "declare a tier with subnets in this VPC, or remove the endpoint",
                    );
                }
                EndpointKind::Gateway { tiers }
            }
            model::EndpointKind::Interface => {
                let tiers = match named {
                    Some((tiers, span)) => {
                        self.one_subnet_a_zone(name, &tiers, span);
                        tiers
                    }
                    None => vec![self.default_tier(name, *name_span)?],
                };
                let security_groups = match security_groups.read_at() {
                    None => vec![GroupName::from(FOR_ENDPOINTS)],
                    Some((list, span)) => self.security_groups(list, span),
                };
                // A private name exists at once only for AWS's own services.
                let aws = matches!(target, EndpointTarget::Aws(_));
                let private_dns_on = private_dns.read().copied().unwrap_or(aws);
                self.dns(name, private_dns.place().unwrap_or(kind_span), private_dns_on);
                EndpointKind::Interface { tiers, security_groups, private_dns: private_dns_on }
            }
        };
        Some(Endpoint { service: target, kind, policy })
    }

    fn target(&self, name: &str, name_span: Span, service: &Option<At<String>>) -> Option<EndpointTarget> {
        let Self { check, around, .. } = self;
        let Some(at) = service else {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
            if name.is_empty() || !name.chars().all(plain) {
                check.wrong(
                    name_span,
                    "endpoint-service",
                    format!("`{name}` is not the short name of an AWS service"),
                    "write a name such as `s3` or `ecr.api`, or give the endpoint a `service`",
                );
            }
            if let Some(short) =
                name.strip_prefix("com.amazonaws.").and_then(|rest| rest.split_once('.')).map(|(_, short)| short)
            {
                check.wrong(
                    name_span,
                    "endpoint-service",
                    "the key is a full service name",
                    format!("write the short name: `{short}`"),
                );
            }
            return Some(EndpointTarget::Aws(name.to_owned()));
        };
        let (service, span) = at.get()?;
        if around.services.contains(&service.as_str()) {
            return Some(EndpointTarget::Own(ServiceName::from(service.as_str())));
        }
        if service.starts_with("com.amazonaws.") || service.starts_with("aws.") {
            return Some(EndpointTarget::Named(service.clone()));
        }
        let help = match check.nearest(service, around.services.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a full service name (`com.amazonaws.…`), or a name under `privatelink`".to_owned(),
        };
        check.wrong(span, "endpoint-service", format!("no endpoint service is called `{service}`"), help);
        None
    }

    fn named_tiers(&self, list: &[At<String>], whole: Span) -> Vec<TierName> {
        if list.is_empty() {
            self.check.wrong(
                whole,
                "endpoint-without-tier",
                "this endpoint is in no tier",
                "name a tier, or leave `tiers` out",
            );
        }
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for (name, span) in list.iter().filter_map(At::get) {
            if !self.tiers.contains_key(name.as_str()) && !self.declared(name) {
                let help = match self.check.nearest(name, self.tiers.keys().map(TierName::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "name a tier of this VPC".to_owned(),
                };
                self.check.wrong(span, "unknown-tier", format!("no tier of this VPC is called `{name}`"), help);
            } else if self.tiers.get(name.as_str()).is_some_and(|tier| tier.subnets.is_empty()) {
                self.check.wrong(
                    span,
                    "endpoint-without-subnet",
                    format!("tier `{name}` has no subnets"),
                    "give the tier a subnet in each Availability Zone, or name another",
                );
            }
            if let Some(first) = seen.insert(name, span) {
                let draft = Draft::new(span, "tier-twice", format!("tier `{name}` is named twice"));
                self.check.push(draft.related(first, "first here").help("name it once"));
            }
        }
        list.iter().filter_map(At::get).map(|(name, _)| name.as_str().into()).collect()
    }

    /// Whether the tier is written at all, right or wrong: a wrong one has been reported already.
    fn declared(&self, name: &str) -> bool {
        self.written.tiers.read().is_some_and(|named| named.0.iter().any(|entry| entry.name == name))
    }

    /// AWS takes one subnet an Availability Zone
    /// (<https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html>).
    fn one_subnet_a_zone(&self, name: &str, tiers: &[TierName], span: Span) {
        let mut taken: BTreeMap<&ZoneLetter, &TierName> = BTreeMap::new();
        for tier in tiers {
            for subnet in self.tiers.get(tier).map(|tier| tier.subnets.as_slice()).unwrap_or_default() {
                if let Some(other) = taken.insert(&subnet.zone, tier)
                    && other != tier
                {
                    return self.check.wrong(
                        span,
                        "endpoint-zones",
                        format!("endpoint `{name}` would have two subnets in Availability Zone `{}`", subnet.zone),
                        format!("an interface endpoint has one subnet a zone, and serves the whole VPC from it: write `tiers: [{other}]`"),
                    );
                }
            }
        }
    }

    fn default_tier(&self, name: &str, span: Span) -> Option<TierName> {
        let with = |route: Route| self.tiers.iter().filter(move |(_, tier)| tier.route == route).map(|(name, _)| name);
        let nat: Vec<&TierName> = with(Route::Nat).collect();
        let isolated: Vec<&TierName> = with(Route::Isolated).collect();
        match (nat.as_slice(), isolated.as_slice()) {
            ([only], _) | ([], [only]) => Some((*only).clone()),
            _ => {
                let example = nat
                    .first()
                    .or(isolated.first())
                    .or(self.tiers.keys().next().as_ref())
                    .map_or("private", |tier| tier.as_str());
                self.check.wrong(
                    span,
                    "endpoint-without-tier",
                    format!("it is not clear which tier endpoint `{name}` is in"),
                    format!("write `{name}: {{ type: interface, tiers: [{example}] }}`"),
                );
                None
            }
        }
    }

    fn security_groups(&self, list: &[At<String>], whole: Span) -> Vec<GroupName> {
        if list.is_empty() {
            self.check.wrong(
                whole,
                "endpoint-without-group",
                "an interface endpoint without a group would get the VPC's default group",
                format!("name a group, or leave `security_groups` out for `{FOR_ENDPOINTS}`"),
            );
        }
        for (name, span) in list.iter().filter_map(At::get) {
            self.groups.known(self.check, name, span);
            let declared =
                self.written.security_groups.read().and_then(|named| named.0.iter().find(|entry| entry.name == *name));
            if let Some(group) = declared
                && group.value.value.as_ref().is_some_and(|group| group.optional.read() == Some(&true))
            {
                self.check.push(
                    Draft::new(span, "endpoint-optional-group", format!("group `{name}` may be absent"))
                        .related(group.name_span, "optional")
                        .help("name a group that is always there"),
                );
            }
        }
        list.iter().filter_map(At::get).map(|(name, _)| name.as_str().into()).collect()
    }

    fn dns(&self, name: &str, span: Span, private_dns: bool) {
        let Some(dns) = self.written.dns.read().filter(|_| private_dns) else { return };
        let off = [("support", &dns.support), ("hostnames", &dns.hostnames)];
        if let Some((key, at)) = off.iter().find(|(_, value)| value.read() == Some(&false)) {
            let draft = Draft::new(
                span,
                "endpoint-dns",
                format!("endpoint `{name}` has private DNS, which the VPC's settings rule out"),
            );
            let draft = at.place().map_or(draft.clone(), |place| draft.related(place, "switched off"));
            self.check
                .push(draft.help(format!("write `dns: {{ {key}: true }}` in the VPC, or `private_dns: false` here")));
        }
    }
}
