//! The internet gateway of a VPC.

use super::facts::{Facts, LOGICAL_ID};
use super::planner::{Builder, Rank};
use super::{Change, ObservedGateway};
use crate::core::{ResourceId, Seen, Severity, Step};
use crate::render;

/// Finds the gateway that is attached, or attaches the one that belongs here. Answers the step that attaches it.
pub(super) fn keep(
    builder: &mut Builder<'_>,
    facts: &mut Facts<'_>,
    gateways: &Seen<Vec<ObservedGateway>>,
) -> Option<usize> {
    let all = match gateways {
        Seen::Present(all) => all.as_slice(),
        Seen::Absent => &[],
        Seen::Unknown(_) => return None,
    };
    if let Some(attached) = all.iter().find(|gateway| gateway.vpc.as_ref() == Some(&facts.vpc.id)) {
        facts.internet = Some(attached.id.clone());
        return None;
    }
    if facts.declared.internet_gateway != Some(true) {
        return None;
    }
    let vpc = builder.thing(&ResourceId::new(facts.vpc.id.as_str()), facts.name.as_str());
    let candidates: Vec<(bool, &ObservedGateway)> =
        all.iter().filter_map(|gateway| Some((claim(facts, gateway)?, gateway))).collect();
    // What CloudFormation made is surer than what has the tags.
    let surest = candidates.iter().map(|(stack, _)| *stack).max();
    let best: Vec<&ObservedGateway> =
        candidates.iter().filter(|(stack, _)| Some(*stack) == surest).map(|(_, gateway)| *gateway).collect();
    let summary = "no internet gateway is attached: nothing leads in or out".to_owned();
    builder.drift(&vpc, Severity::Drift, summary.clone());
    match best.as_slice() {
        [one] => {
            facts.internet = Some(one.id.clone());
            let change = Change::AttachGateway { vpc, gateway: one.id.clone() };
            Some(builder.step(Rank::Attach, Step { stack: facts.vpc.stack.clone(), ..Step::new(change) }))
        }
        [] => {
            let remedy = format!(
                "the stack's own gateway is gone: update the stack so that it makes one again; or attach one of yours: aws ec2 \
                 attach-internet-gateway --vpc-id {} --internet-gateway-id igw-…",
                facts.vpc.id
            );
            builder.held(&vpc, format!("{summary}, and none bears the topology's tags"), remedy);
            None
        }
        [..] => {
            let ids: Vec<&str> = best.iter().map(|gateway| gateway.id.as_str()).collect();
            let remedy = format!(
                "attach the right one: aws ec2 attach-internet-gateway --vpc-id {} --internet-gateway-id {}",
                facts.vpc.id,
                ids.first().unwrap_or(&"igw-…")
            );
            builder.held(&vpc, format!("{summary}, and {} all bear the topology's tags", ids.join(" and ")), remedy);
            None
        }
    }
}

/// Whether a gateway that is attached nowhere belongs to this VPC, and whether CloudFormation says so.
fn claim(facts: &Facts<'_>, gateway: &ObservedGateway) -> Option<bool> {
    let ObservedGateway { id: _, vpc, stack, tags } = gateway;
    if vpc.is_some() {
        return None;
    }
    let logical = render::gateway_id(facts.name);
    let is = |key: &str, value: &str| tags.get(key).is_some_and(|tag| tag == value);
    let made = stack.is_some() && *stack == facts.vpc.stack && is(LOGICAL_ID, &logical);
    let named = is(super::facts::VPC, facts.name.as_str()) && facts.is_tagged(tags);
    (made || named).then_some(made)
}

/// Detaches a gateway where the topology says that there is none. Routes to it went before, as far as they are ours to remove.
pub(super) fn detach(builder: &mut Builder<'_>, facts: &Facts<'_>, gateways: &Seen<Vec<ObservedGateway>>) {
    if facts.declared.internet_gateway != Some(false) {
        return;
    }
    let here = |gateway: &&ObservedGateway| gateway.vpc.as_ref() == Some(&facts.vpc.id);
    for gateway in gateways.present().into_iter().flatten().filter(here) {
        let vpc = builder.thing(&ResourceId::new(facts.vpc.id.as_str()), facts.name.as_str());
        let summary = format!("internet gateway {} is attached, and the topology has none", gateway.id);
        builder.drift(&vpc, Severity::Exposure, summary);
        let change = Change::DetachGateway { vpc, gateway: gateway.id.clone(), back: false };
        let caveat = Some("what has a public address here is cut off; the gateway itself stays".to_owned());
        builder.step(Rank::Detach, Step { contains: true, caveat, ..Step::new(change) });
    }
}
