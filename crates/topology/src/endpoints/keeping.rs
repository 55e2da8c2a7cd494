//! What differs in an endpoint that is there, and the one call that puts it right.

use super::action::and;
use super::bucket::Call;
use super::facts::{Facts, Ids, Wanted};
use super::gate::{self, Gate};
use super::planner::{Builder, Rank};
use super::{Change, Edit, EndpointState, Observed, ObservedEndpoint, PolicyEdit, Shape};
use crate::core::{GroupName, ResourceId, Severity, Step, ZoneLetter};
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};

/// An endpoint comes up within a minute or two. What takes longer than this does not come up by itself.
const COMES_UP: SignedDuration = SignedDuration::from_mins(15);

pub(super) fn keep<'a>(
    builder: &mut Builder<'a>,
    facts: &Facts<'a>,
    wanted: &Wanted<'a>,
    endpoint: &'a ObservedEndpoint,
    observed: &'a Observed,
) {
    match &endpoint.state {
        EndpointState::Available => {}
        EndpointState::Partial => {
            let summary = "it is in some of its subnets only".to_owned();
            builder.drift(facts.place.key(endpoint.id.clone()), &wanted.title, Severity::Advice, summary);
        }
        EndpointState::PendingAcceptance => return awaits_acceptance(builder, facts, wanted, endpoint),
        _ => return on_its_way(builder, facts, wanted, endpoint),
    }
    let mut differences = Differences { edit: Edit::default(), zones: BTreeMap::new(), drifts: vec![] };
    let (mut cut, mut led) = (false, vec![]);
    match &wanted.declared.shape {
        Shape::Gateway { subnets } => {
            if let Some(want) = facts.tables(subnets) {
                differences.tables(builder, facts, wanted, endpoint, &want);
                builder.missing(facts.place.key(endpoint.id.clone()), &wanted.title, &want.missing);
            }
        }
        Shape::Interface { subnets, groups, private_dns } => {
            let want = facts.subnets(subnets);
            differences.subnets(facts, endpoint, &want);
            builder.missing(facts.place.key(endpoint.id.clone()), &wanted.title, &want.missing);
            if let Some(want) = facts.groups(groups) {
                builder.missing(facts.place.key(endpoint.id.clone()), &wanted.title, &want.missing);
                cut = differences.groups(builder, facts, endpoint, groups, &want, private_dns.as_ref());
            }
            match (private_dns, endpoint.private_dns) {
                (Some(callers), false) => {
                    differences.drifts.push("private DNS is off: the service's name leads elsewhere".to_owned());
                    match gate::gate(facts, wanted, endpoint, observed, groups, callers) {
                        Gate::Open => {
                            differences.edit.private_dns = Some(true);
                            led = gate::led_blindly(facts, groups, &endpoint.groups);
                        }
                        Gate::Wait(why) => builder.soon(why),
                        Gate::Later => {}
                        Gate::Hold { why, remedy } => builder.hold(&endpoint.id, &wanted.title, why, remedy),
                    }
                }
                (None, true) => {
                    differences.drifts.push("private DNS is on, and not declared".to_owned());
                    differences.edit.private_dns = Some(false);
                }
                (Some(_), true) | (None, false) => {}
            }
        }
    }
    differences.policy(wanted, endpoint);
    let Differences { edit, zones, drifts } = differences;
    for summary in drifts {
        builder.drift(facts.place.key(endpoint.id.clone()), &wanted.title, Severity::Drift, summary);
    }
    if edit.is_empty() {
        return;
    }
    let caveat = caveat(&edit, &led);
    let key = facts.place.key(endpoint.id.clone());
    let change = Change::Modify { endpoint: key, name: wanted.title.clone(), edit, zones };
    // Our own is in no stack, and still of the network of one.
    let stack = endpoint.stack.clone().or_else(|| facts.seen.stack.clone());
    let rank = if cut { Rank::Cut } else { Rank::Settings };
    builder.step(rank, Call::Modify, Step { stack, caveat, ..Step::new(change) });
}

fn caveat(edit: &Edit, led: &[String]) -> Option<String> {
    if edit.private_dns == Some(false) {
        return Some(
            "the service's name leads to its public addresses from then on: what has no way out loses it".into(),
        );
    }
    if !led.is_empty() {
        return Some(format!(
            "the service's name leads there from {} too, of no declared tier, and no range of its groups admits 443 from there",
            led.join(" and ")
        ));
    }
    let going = !edit.remove_subnets.is_empty();
    going.then(|| "connections through the network interfaces that go are cut, and made again".into())
}

/// The owner of the service decides. Our own services' owner is the control `privatelink`.
fn awaits_acceptance(builder: &mut Builder<'_>, facts: &Facts<'_>, wanted: &Wanted<'_>, endpoint: &ObservedEndpoint) {
    let summary = format!("it waits for the owner of {} to accept it", wanted.service);
    builder.drift(facts.place.key(endpoint.id.clone()), &wanted.title, Severity::Drift, summary.clone());
    let own = matches!(wanted.declared.service, crate::network::EndpointTarget::Own(_));
    if own && young(facts, endpoint) {
        return builder.soon(format!("{}: {summary}", endpoint.id));
    }
    let remedy = format!("ask the owner to accept {} from account {}", endpoint.id, facts.place.account);
    builder.hold(&endpoint.id, &wanted.title, summary, remedy);
}

fn on_its_way(builder: &mut Builder<'_>, facts: &Facts<'_>, wanted: &Wanted<'_>, endpoint: &ObservedEndpoint) {
    let id = &endpoint.id;
    if young(facts, endpoint) {
        return builder.soon(format!("{id} ({}) is {}", wanted.title, endpoint.state));
    }
    let summary = format!("it has been {} for longer than a quarter of an hour", endpoint.state);
    builder.drift(facts.place.key(id.clone()), &wanted.title, Severity::Drift, summary.clone());
    let remedy = format!(
        "see what AWS says of it: aws ec2 describe-vpc-endpoints --vpc-endpoint-ids {id} --query \
         'VpcEndpoints[].[State,LastError]'; if it may go, delete it, and Plumbline makes another: aws ec2 \
         delete-vpc-endpoints --vpc-endpoint-ids {id}"
    );
    builder.hold(id, &wanted.title, summary, remedy);
}

fn young(facts: &Facts<'_>, endpoint: &ObservedEndpoint) -> bool {
    endpoint.created.is_none_or(|created| facts.standing.now.duration_since(created) < COMES_UP)
}

struct Differences {
    edit: Edit,
    zones: BTreeMap<ResourceId, ZoneLetter>,
    drifts: Vec<String>,
}

impl Differences {
    fn tables(
        &mut self,
        builder: &mut Builder<'_>,
        facts: &Facts<'_>,
        wanted: &Wanted<'_>,
        endpoint: &ObservedEndpoint,
        want: &Ids,
    ) {
        let add: BTreeSet<ResourceId> = want.ids.difference(&endpoint.tables).cloned().collect();
        if !add.is_empty() {
            self.drifts.push(format!("it is not in {}, the route tables of its tiers", and(&add)));
        }
        let mut extra: BTreeSet<ResourceId> = BTreeSet::new();
        for table in endpoint.tables.difference(&want.ids).filter_map(|table| facts.serving(table)) {
            let others = facts.undeclared(&table.subnets);
            if others.is_empty() {
                extra.insert(table.id.clone());
            } else {
                // Without it they would lose their way to the service, and the document says nothing of them.
                let summary = format!("it is in {}, which serves {}, of no declared tier", table.id, and(&others));
                builder.drift(facts.place.key(endpoint.id.clone()), &wanted.title, Severity::Advice, summary);
            }
        }
        if !extra.is_empty() {
            self.drifts.push(format!("it is in {}, which serves other subnets", and(&extra)));
        }
        self.edit.add_tables = add;
        // Where a subnet of its tiers is, nobody knows: it may be behind one of these.
        if want.missing.is_empty() {
            self.edit.remove_tables = extra;
        }
    }

    fn subnets(&mut self, facts: &Facts<'_>, endpoint: &ObservedEndpoint, want: &Ids) {
        let add: BTreeSet<ResourceId> = want.ids.difference(&endpoint.subnets).cloned().collect();
        if !add.is_empty() {
            self.drifts.push(format!("it has no network interface in {}", and(&add)));
        }
        let extra: BTreeSet<ResourceId> = endpoint.subnets.difference(&want.ids).cloned().collect();
        if !extra.is_empty() {
            self.drifts.push(format!("it has a network interface in {}, which is not declared", and(&extra)));
        }
        self.edit.add_subnets = add;
        if want.missing.is_empty() {
            self.edit.remove_subnets = extra;
        }
        if !self.edit.add_subnets.is_empty() && !self.edit.remove_subnets.is_empty() {
            self.zones = facts.zones(&endpoint.subnets | &want.ids);
        }
    }

    /// Answers whether traffic that private DNS leads here is cut off.
    fn groups(
        &mut self,
        builder: &mut Builder<'_>,
        facts: &Facts<'_>,
        endpoint: &ObservedEndpoint,
        declared: &BTreeSet<GroupName>,
        want: &Ids,
        callers: Option<&super::Callers>,
    ) -> bool {
        let add: BTreeSet<ResourceId> = want.ids.difference(&endpoint.groups).cloned().collect();
        if !add.is_empty() {
            self.drifts.push(format!("security group {} is not attached", and(&add)));
        }
        let extra: BTreeSet<ResourceId> = endpoint.groups.difference(&want.ids).cloned().collect();
        if !extra.is_empty() {
            self.drifts.push(format!("security group {} is attached, and not declared", and(&extra)));
        }
        let cut = endpoint.private_dns && !add.is_empty();
        self.edit.add_groups = add;
        if extra.is_empty() || !want.missing.is_empty() || want.ids.is_empty() {
            return cut;
        }
        // While names lead here, nobody loses the group that lets them in before the declared ones do.
        let shut_out = match callers.filter(|_| endpoint.private_dns) {
            Some(callers) => gate::shut_out(facts, declared, &want.ids, callers),
            None => vec![],
        };
        if shut_out.is_empty() {
            self.edit.remove_groups = extra;
        } else {
            builder.soon(format!(
                "{} stays attached to {} until the declared groups admit 443 from {}",
                and(&extra),
                endpoint.id,
                shut_out.join(", ")
            ));
        }
        cut
    }

    fn policy(&mut self, wanted: &Wanted<'_>, endpoint: &ObservedEndpoint) {
        let Some(declared) = &wanted.declared.policy else { return };
        if endpoint.policy.as_ref().is_some_and(|policy| policy.means(declared)) {
            return;
        }
        let before = endpoint.policy.clone();
        self.drifts.push(match &before {
            Some(policy) => format!("its policy is another one: {policy}"),
            None => "its policy is not the declared one".to_owned(),
        });
        self.edit.policy = Some(PolicyEdit { to: Some(declared.clone()), before });
    }
}
