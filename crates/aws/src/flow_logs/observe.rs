//! Observing the flow logs of a topology: the VPCs, their flow logs, their log groups. Three calls, however many VPCs there are, and
//! one more for each log group that does not bear the topology's name.

use super::mapping::observed;
use crate::clients::Regional;
use crate::errors::{bad_answer, fault, unseen};
use crate::network::{FILTER_VALUES, Network, PAGE, each, filter, stack, tags};
use reconciler::{Bound, Fault, Observe};
use std::collections::{BTreeMap, BTreeSet};
use topology::flow_logs::{Desired, FlowLogs, Observed, ObservedGroup, ObservedLog, ObservedVpc};
use topology::network::FlowDestination;
use topology::{Place, Scope, Seen, StackId, VpcId, VpcName};

/// The largest page of DescribeLogGroups.
const GROUPS_PAGE: i32 = 50;

impl Observe<FlowLogs> for Network {
    async fn observe(&self, bound: &Bound, desired: &Desired, _: &Scope) -> Observed {
        let wanted: BTreeMap<&VpcName, &VpcId> =
            desired.vpcs.keys().filter_map(|name| Some((name, bound.vpcs.get(name)?))).collect();
        let ids: BTreeSet<&VpcId> = wanted.values().copied().collect();
        let place = &bound.place;
        let role = self.delivery_role.clone();
        let clients = match self.clients.regional(place) {
            Ok(clients) => clients,
            Err(fault) => return blind(&wanted, &fault, role),
        };
        let (looked, groups) = tokio::join!(looked_at(&clients, place, &ids), groups(&clients, desired));
        let (vpcs, mut logs) = match looked {
            Ok(seen) => seen,
            Err(fault) => return blind(&wanted, &fault, role),
        };
        let assembled = wanted.into_iter().map(|(name, id)| {
            let seen = vpcs.get(id).map(|stack| ObservedVpc {
                id: id.clone(),
                stack: stack.clone(),
                logs: logs.remove(id).unwrap_or_default(),
            });
            (name.clone(), seen.map_or(Seen::Absent, Seen::Present))
        });
        Observed { vpcs: assembled.collect(), groups, role }
    }
}

fn blind(wanted: &BTreeMap<&VpcName, &VpcId>, fault: &Fault, role: Option<String>) -> Observed {
    let vpcs = wanted.keys().map(|name| ((*name).clone(), Seen::Unknown(unseen(fault))));
    Observed { vpcs: vpcs.collect(), groups: BTreeMap::new(), role }
}

type Stacks = BTreeMap<VpcId, Option<StackId>>;
type Logs = BTreeMap<VpcId, Vec<ObservedLog>>;

/// The VPCs that exist, and all of their flow logs. The first failure ends it: an answer in part is no answer.
async fn looked_at(clients: &Regional, place: &Place, ids: &BTreeSet<&VpcId>) -> Result<(Stacks, Logs), Fault> {
    let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
    let (mut vpcs, mut logs) = (Stacks::new(), Logs::new());
    for chunk in ids.chunks(FILTER_VALUES) {
        let by = filter("vpc-id", chunk.iter().copied());
        let mut pages = clients.ec2.describe_vpcs().filters(by).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault("DescribeVpcs", &error))?;
            let found = page.vpcs().iter().filter_map(|vpc| Some((vpc.vpc_id()?.into(), stack(&tags(vpc.tags())))));
            vpcs.extend(found);
        }
        let by = filter("resource-id", chunk.iter().copied());
        let mut pages = clients.ec2.describe_flow_logs().filter(by).max_results(PAGE).into_paginator().send();
        while let Some(page) = pages.next().await {
            const OPERATION: &str = "DescribeFlowLogs";
            let page = page.map_err(|error| fault(OPERATION, &error))?;
            for log in page.flow_logs() {
                let (vpc, log) = observed(log, place)
                    .ok_or_else(|| bad_answer(OPERATION, "a flow log without an id or a resource"))?;
                logs.entry(vpc).or_default().push(log);
            }
        }
    }
    Ok((vpcs, logs))
}

/// The declared log groups. Those that bear the topology's name come with one call.
async fn groups(clients: &Regional, desired: &Desired) -> BTreeMap<String, Seen<ObservedGroup>> {
    let declared: BTreeSet<&str> = (desired.vpcs.values().flatten())
        .filter_map(|log| match &log.destination {
            FlowDestination::CloudWatch { log_group, retention_days: _ } => Some(log_group.as_str()),
            FlowDestination::S3 { .. } => None,
        })
        .collect();
    let own = format!("/plumbline/{}/", desired.topology);
    let mut by_prefix: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for name in declared {
        by_prefix.entry(if name.starts_with(&own) { &own } else { name }).or_default().push(name);
    }
    let mut groups = BTreeMap::new();
    let answers = each(by_prefix.keys().map(|prefix| groups_of(clients, prefix)).collect()).await;
    for (names, found) in by_prefix.into_values().zip(answers) {
        groups.extend(names.into_iter().map(|name| {
            let seen = match &found {
                Ok(found) => found.get(name).copied().map_or(Seen::Absent, Seen::Present),
                Err(fault) => Seen::Unknown(unseen(fault)),
            };
            (name.to_owned(), seen)
        }));
    }
    groups
}

async fn groups_of(clients: &Regional, prefix: &str) -> Result<BTreeMap<String, ObservedGroup>, Fault> {
    let request = clients.logs().describe_log_groups().log_group_name_prefix(prefix).limit(GROUPS_PAGE);
    let mut pages = request.into_paginator().send();
    let mut found = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault("DescribeLogGroups", &error))?;
        found.extend(page.log_groups().iter().filter_map(|group| {
            let days = group.retention_in_days().and_then(|days| u32::try_from(days).ok());
            Some((group.log_group_name()?.to_owned(), ObservedGroup { retention_days: days }))
        }));
    }
    Ok(found)
}
