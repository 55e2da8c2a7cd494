//! From what is written to what is meant: every value is parsed, every reference resolved, every contradiction noted.
//!
//! A check notes what is wrong and goes on with what it has, so that one reading finds everything. Whatever it returns
//! is used only if nothing was noted.

mod cidr;
mod endpoints;
mod flow_logs;
mod groups;
mod names;
mod nat;
mod network;
mod peer;
mod privatelink;
mod routes;
mod rules;
mod stacks;
mod units;

use super::decode::Collector;
use super::fault::nearest;
use super::model::{self, Document};
use super::problem::{Draft, Span};
use super::wrap::{Entry, Field};
use crate::core::{ControlId, TopologyId, VpcName};
use crate::network::{Environment, StackRepair, State};
use crate::security_groups::Desired;
use crate::topology::Topology;
use std::collections::BTreeMap;

/// What every check needs: where to note a problem, and the text.
#[derive(Clone, Copy)]
pub(super) struct Check<'a> {
    collector: &'a Collector<'a>,
}

impl<'a> Check<'a> {
    pub(super) fn new(collector: &'a Collector<'a>) -> Self {
        Self { collector }
    }

    fn push(self, draft: Draft) {
        self.collector.push(draft);
    }

    /// Notes a problem with what to write instead.
    fn wrong(self, span: Span, code: &'static str, title: impl Into<String>, help: impl Into<String>) {
        self.push(Draft::new(span, code, title).help(help));
    }

    fn missing(self, span: Span, key: &str, example: &str) {
        self.wrong(span, "missing-key", format!("`{key}` is missing"), format!("write `{key}: {example}`"));
    }

    /// The candidate that `word` was most likely meant to be. A document with hundreds of problems gets no more of these:
    /// looking costs words times candidates, and documents may be hostile.
    fn nearest<'b>(self, word: &str, candidates: impl IntoIterator<Item = &'b str>) -> Option<&'b str> {
        const ENOUGH: usize = 200;
        let few = self.collector.drafts.borrow().len() < ENOUGH;
        few.then(|| nearest(word, candidates.into_iter().take(1_000))).flatten()
    }

    /// Whether the value at `span` was written in quotes.
    fn quoted(self, span: Span) -> bool {
        span.text(self.collector.source).starts_with(['"', '\''])
    }
}

/// What the checks of one VPC know of the rest of the document.
struct Around<'a> {
    id: &'a str,
    environment: Environment,
    state: State,
    /// The names under `privatelink`.
    services: Vec<&'a str>,
    /// The groups of each VPC, to say where a misplaced name belongs.
    groups: BTreeMap<&'a str, Vec<&'a str>>,
}

/// Checks and resolves a document. `whole` is where a missing key is reported.
pub(super) fn topology(check: Check<'_>, document: &Document, whole: Span) -> Option<Topology> {
    let Document {
        version,
        id,
        environment,
        mode,
        controls,
        account,
        region,
        state,
        stack_repair,
        maintenance,
        vpcs,
        privatelink,
    } = document;
    match version {
        None => check.missing(whole, "version", "1"),
        Some(at) if at.value.is_some_and(|version| version.0 != 1) => {
            check.wrong(at.span, "version", "this version of the format is not known", "write `version: 1`");
        }
        Some(_) => {}
    }
    if id.is_none() {
        check.missing(whole, "id", "my-network");
    }
    if let Some((id, span)) = id.read_at() {
        names::plain(check, "topology id", id, span);
    }
    if environment.is_none() {
        check.missing(whole, "environment", "production");
    }
    let environment = match environment.read() {
        None | Some(model::Environment::Production) => Environment::Production,
        Some(model::Environment::Staging) => Environment::Staging,
        Some(model::Environment::Development) => Environment::Development,
    };
    let state = match state.read() {
        None | Some(model::State::Active) => State::Active,
        Some(model::State::Retired) => State::Retired,
    };
    let stack_repair = match stack_repair.read() {
        None | Some(model::StackRepair::Report) => StackRepair::Report,
        Some(model::StackRepair::Execute) => StackRepair::Execute,
    };
    let mut modes = BTreeMap::new();
    if let Some(model::Controls { security_groups, flow_logs, nat, privatelink, routes, exposure, endpoints }) =
        controls.read()
    {
        let written = [
            (ControlId::SecurityGroups, security_groups),
            (ControlId::FlowLogs, flow_logs),
            (ControlId::Nat, nat),
            (ControlId::PrivateLink, privatelink),
            (ControlId::Routes, routes),
            (ControlId::Exposure, exposure),
            (ControlId::Endpoints, endpoints),
        ];
        modes.extend(written.into_iter().filter_map(|(control, settings)| {
            let model::ControlSettings { mode } = settings.read()?;
            Some((control, *mode.read()?))
        }));
    }
    let account = account.read_at().and_then(|(account, span)| units::account(check, account.text(), span));
    let region = region.read_at().and_then(|(region, span)| units::region(check, region.text(), span));

    let entries = match vpcs {
        None => {
            check.missing(whole, "vpcs", "{ main: { cidr: 10.0.0.0/16, … } }");
            &[]
        }
        Some(at) => {
            let entries = at.value.as_ref().map(|named| named.0.as_slice());
            if entries.is_some_and(<[_]>::is_empty) {
                check.wrong(at.span, "no-vpc", "a topology has at least one VPC", "write `vpcs: { main: { … } }`");
            }
            entries.unwrap_or_default()
        }
    };
    names::distinct(check, "VPC", entries);
    let services = privatelink.read().map(|named| named.0.as_slice()).unwrap_or_default();
    let around = Around {
        id: id.read().map_or("topology", String::as_str),
        environment,
        state,
        services: services.iter().map(|service| service.name.as_str()).collect(),
        groups: entries
            .iter()
            .filter_map(|entry| Some((entry.name.as_str(), groups::names(entry.value.value.as_ref()?))))
            .collect(),
    };

    let mut resolved = BTreeMap::new();
    let mut desired = Desired::default();
    let mut gateways = BTreeMap::new();
    let mut ids: BTreeMap<&str, Span> = BTreeMap::new();
    let mut stacks: BTreeMap<String, Span> = BTreeMap::new();
    for Entry { name, name_span, value } in entries {
        names::plain(check, "VPC name", name, *name_span);
        let Some(written) = &value.value else { continue };
        if let Some((id, span)) = written.id.read_at()
            && let Some(first) = ids.insert(id, span)
        {
            check.push(
                Draft::new(span, "vpc-twice", format!("two VPCs name `{id}`"))
                    .related(first, "first here")
                    .help("a VPC is declared once"),
            );
        }
        let network::Checked { vpc, groups, gateways: nat } =
            network::vpc(check, &around, name, written, value.span.to(*name_span));
        if let (Some(of), Some(span)) = (vpc.as_ref().and_then(|vpc| vpc.stack.as_ref()), written.stack.place())
            && let Some(first) = stacks.insert(of.to_string(), span)
        {
            check.push(
                Draft::new(span, "vpc-twice", format!("two VPCs are {of}")).related(first, "first here").help(
                    "a VPC is declared once; say which resource of the stack it is: `{ name: …, logical_id: … }`",
                ),
            );
        }
        gateways.extend(nat.map(|nat| (VpcName::from(name.as_str()), nat)));
        if let Some(groups) = groups {
            desired.vpcs.insert(VpcName::from(name.as_str()), groups);
        }
        if let Some(vpc) = vpc {
            resolved.insert(VpcName::from(name.as_str()), vpc);
        }
    }
    names::distinct(check, "endpoint service", services);
    desired.ranges = resolved.values().map(|vpc: &crate::Vpc| vpc.cidr.into()).collect();
    let mut privatelink = privatelink::services(check, services, &around);
    privatelink::connect_own(&mut privatelink, &resolved);
    endpoints::consistent(check, entries, &resolved, &desired, &privatelink);
    let maintenance = nat::maintenance(check, maintenance);
    flow_logs::one_retention(check, entries, &resolved);
    let id = TopologyId::from(id.read()?.as_str());
    let flow_logs = logged(id.as_str(), state, &resolved);
    let routes = routes::desired(&id, state, &resolved);
    let exposure =
        (state == State::Active).then(|| crate::exposure::Desired::of(&id, &resolved, privatelink.values())).flatten();
    let endpoints = reached(&id, state, &resolved, &desired);
    let production = environment == Environment::Production;
    let topology = id.clone();
    let nat =
        (!gateways.is_empty()).then_some(crate::nat::Desired { topology, production, maintenance, vpcs: gateways });
    let connections = (!privatelink.is_empty()).then(|| crate::privatelink::Desired {
        topology: id.clone(),
        services: privatelink.clone(),
        retired: state == State::Retired,
    });
    // Last: what is declared together is judged together, whatever becomes of it.
    if state == State::Retired {
        desired.retire();
    }
    Some(Topology {
        id,
        environment,
        mode: mode.read().copied().unwrap_or_default(),
        modes,
        account,
        region,
        state,
        stack_repair,
        vpcs: resolved,
        connections,
        privatelink,
        security_groups: (!desired.vpcs.is_empty()).then_some(desired),
        nat,
        flow_logs,
        routes,
        exposure,
        endpoints,
    })
}

/// What the `flow-logs` control keeps. A retired topology has none of ours.
fn logged(id: &str, state: State, vpcs: &BTreeMap<VpcName, crate::Vpc>) -> Option<crate::flow_logs::Desired> {
    let declared = vpcs.iter().filter_map(|(name, vpc)| {
        let logs = vpc.flow_logs.as_ref()?;
        Some((name.clone(), if state == State::Retired { vec![] } else { logs.clone() }))
    });
    let desired = crate::flow_logs::Desired { topology: id.into(), vpcs: declared.collect() };
    (!desired.vpcs.is_empty()).then_some(desired)
}

/// What the `endpoints` control keeps. A retired topology has none of ours.
fn reached(
    id: &TopologyId,
    state: State,
    vpcs: &BTreeMap<VpcName, crate::Vpc>,
    rules: &Desired,
) -> Option<crate::endpoints::Desired> {
    let declared = vpcs.iter().filter_map(|(name, vpc)| {
        let mut desired = crate::endpoints::DesiredVpc::of(vpc, rules.vpcs.get(name))?;
        if state == State::Retired {
            desired.endpoints.clear();
        }
        Some((name.clone(), desired))
    });
    let desired = crate::endpoints::Desired { topology: id.clone(), vpcs: declared.collect() };
    (!desired.vpcs.is_empty()).then_some(desired)
}
