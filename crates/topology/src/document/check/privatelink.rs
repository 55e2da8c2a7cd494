//! Endpoint services.

use super::{Around, Check, names, units};
use crate::core::{ServiceName, VpcName};
use crate::document::model;
use crate::document::problem::{Draft, Span};
use crate::document::wrap::{At, Entry, Field};
use crate::network::{Accept, Consumer, Endpoint, EndpointService, EndpointTarget, Otherwise, Vpc};
use std::collections::BTreeMap;

/// Checks and resolves the endpoint services of a topology.
pub(super) fn services(
    check: Check<'_>,
    entries: &[Entry<model::EndpointService>],
    around: &Around<'_>,
) -> BTreeMap<ServiceName, EndpointService> {
    entries.iter().filter_map(|entry| Some((entry.name.as_str().into(), service(check, entry, around)?))).collect()
}

/// Whoever declares both ends wants them connected: as many endpoints of the topology's own account are let in as are declared. An
/// entry of the document for that account comes first, and counts.
pub(super) fn connect_own(services: &mut BTreeMap<ServiceName, EndpointService>, vpcs: &BTreeMap<VpcName, Vpc>) {
    for (name, service) in services {
        let leads = |endpoint: &&Endpoint| matches!(&endpoint.service, EndpointTarget::Own(own) if own == name);
        let declared =
            vpcs.values().filter_map(|vpc| vpc.endpoints.as_ref()).flat_map(BTreeMap::values).filter(leads).count();
        if let Some(at_most) = u32::try_from(declared).ok().filter(|declared| *declared > 0) {
            service.accept.push(Accept { who: Consumer::Own, at_most: Some(at_most), until: None });
        }
    }
}

fn service(check: Check<'_>, entry: &Entry<model::EndpointService>, around: &Around<'_>) -> Option<EndpointService> {
    let Entry { name, name_span, value } = entry;
    names::plain(check, "endpoint service's name", name, *name_span);
    let model::EndpointService { vpc, load_balancer, private_dns_name, accept, deny, otherwise, withdraw, principals } =
        value.value.as_ref()?;
    if vpc.is_none() {
        check.missing(*name_span, "vpc", around.groups.keys().next().unwrap_or(&"main"));
    }
    if load_balancer.is_none() {
        check.missing(*name_span, "load_balancer", name);
    }
    if let Some((vpc, span)) = vpc.read_at()
        && !around.groups.contains_key(vpc.as_str())
    {
        let help = match check.nearest(vpc, around.groups.keys().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name a VPC under `vpcs` of this document".to_owned(),
        };
        check.wrong(span, "unknown-vpc", format!("no VPC is called `{vpc}`"), help);
    }
    if let Some((name, span)) = load_balancer.read_at() {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty()
            || name.len() > 32
            || !name.chars().all(allowed)
            || name.starts_with('-')
            || name.ends_with('-')
        {
            let help = match name.split("loadbalancer/net/").nth(1).and_then(|rest| rest.split('/').next()) {
                Some(short) => format!("write its name, without the ARN: `{short}`"),
                None => "use letters, digits and `-`, at most 32 characters".to_owned(),
            };
            check.wrong(span, "load-balancer", format!("`{name}` cannot be a load balancer's name"), help);
        }
    }
    if let Some((name, span)) = private_dns_name.read_at() {
        let label = |label: &str| {
            !label.is_empty() && label.len() <= 63 && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        if !name.contains('.') || !name.strip_prefix("*.").unwrap_or(name).split('.').all(label) {
            check.wrong(
                span,
                "dns-name",
                format!("`{name}` is not a DNS name"),
                "write a name such as `products.example.com`",
            );
        }
    }
    let mut accepted = vec![];
    let mut seen = BTreeMap::new();
    for (one, span) in accept.read().map(Vec::as_slice).unwrap_or_default().iter().filter_map(At::get) {
        let Some(resolved) = consumer(check, one, span) else { continue };
        if once(check, &mut seen, &resolved.who, span, "accepted") {
            accepted.push((resolved, span));
        }
    }
    let mut denied = vec![];
    let mut seen = BTreeMap::new();
    for (one, span) in deny.read().map(Vec::as_slice).unwrap_or_default().iter().filter_map(At::get) {
        let model::Deny { account, endpoint } = one;
        let Some(who) = who(check, account.as_ref(), endpoint.as_ref(), span) else { continue };
        if let Some((_, accepted)) = accepted.iter().find(|(accept, _)| accept.who == who) {
            let draft = Draft::new(span, "accept-and-deny", format!("`{who}` is accepted and denied"));
            check
                .push(draft.related(*accepted, "accepted here").help("nobody denied is let in: remove one of the two"));
        }
        if once(check, &mut seen, &who, span, "denied") {
            denied.push(who);
        }
    }
    let decided = |at: &Option<At<model::Otherwise>>| match at.read() {
        Some(model::Otherwise::Reject) => Otherwise::Reject,
        Some(model::Otherwise::Hold) | None => Otherwise::Hold,
    };
    let principals = principals
        .read()
        .map(|list| list.iter().filter_map(At::get).filter_map(|(text, span)| principal(check, text, span)).collect());
    Some(EndpointService {
        vpc: vpc.read()?.as_str().into(),
        load_balancer: load_balancer.read()?.clone(),
        private_dns_name: private_dns_name.read().cloned(),
        accept: accepted.into_iter().map(|(accept, _)| accept).collect(),
        deny: denied,
        otherwise: decided(otherwise),
        withdraw: decided(withdraw),
        principals,
    })
}

fn consumer(check: Check<'_>, accept: &model::Accept, span: Span) -> Option<Accept> {
    let model::Accept { account, endpoint, at_most, until } = accept;
    let until = until.read_at().and_then(|(text, span)| units::timestamp(check, text, span));
    let at_most = at_most.read_at().and_then(|(count, span)| match u32::try_from(*count) {
        Ok(count) if count > 0 => Some(count),
        _ => {
            check.wrong(
                span,
                "at-most",
                format!("`{count}` connections cannot be let in"),
                "write a number from 1, or remove the entry",
            );
            None
        }
    });
    let who = who(check, account.as_ref(), endpoint.as_ref(), span)?;
    if let (Consumer::Endpoint(_), Some((_, span))) = (&who, accept.at_most.read_at()) {
        check.wrong(span, "at-most", "an endpoint is one connection", "remove `at_most`, or accept its account");
    }
    Some(Accept { who, at_most, until })
}

/// Whether it is the first of its kind.
fn once(check: Check<'_>, seen: &mut BTreeMap<Consumer, Span>, who: &Consumer, span: Span, what: &str) -> bool {
    let Some(first) = seen.insert(who.clone(), span) else { return true };
    let code = if what == "denied" { "deny-twice" } else { "accept-twice" };
    let draft = Draft::new(span, code, format!("`{who}` is {what} twice"));
    check.push(draft.related(first, "first here").help("write one entry for it"));
    false
}

fn who(
    check: Check<'_>,
    account: Option<&At<model::Account>>,
    endpoint: Option<&At<String>>,
    span: Span,
) -> Option<Consumer> {
    match (account, endpoint) {
        (Some(at), None) => {
            at.get().and_then(|(text, span)| units::account(check, text.text(), span)).map(Consumer::Account)
        }
        (None, Some(at)) => at
            .get()
            .and_then(|(text, span)| units::id(check, text, span, "vpce-", "a VPC endpoint"))
            .map(Consumer::Endpoint),
        (Some(_), Some(_)) => {
            check.wrong(span, "accept", "this entry names an account and an endpoint", "write one entry for each");
            None
        }
        (None, None) => {
            check.wrong(
                span,
                "accept",
                "this entry names nobody",
                "write `account: \"222233334444\"`, or `endpoint: vpce-…`",
            );
            None
        }
    }
}

/// An account stands for its root, which lets the account decide for itself.
fn principal(check: Check<'_>, text: &str, span: Span) -> Option<String> {
    if units::is_account(text) {
        return Some(format!("arn:aws:iam::{text}:root"));
    }
    let arn: Vec<&str> = text.splitn(6, ':').collect();
    if let ["arn", partition, "iam", "", account, rest] = arn.as_slice() {
        let known = rest == &"root" || rest.starts_with("user/") || rest.starts_with("role/");
        if partition.starts_with("aws") && units::is_account(account) && known {
            return Some(text.to_owned());
        }
    }
    let help = match text {
        "*" => "everyone could then ask; name the accounts that may",
        _ => "write an account id in quotes, or the ARN of an account's root, a user or a role",
    };
    check.wrong(span, "principal", format!("`{text}` cannot be a principal"), help);
    None
}
