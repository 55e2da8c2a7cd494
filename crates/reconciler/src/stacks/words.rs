//! What people and the bus are told of stacks.

use super::Desk;
use super::detect::AGAIN;
use crate::{Clock, Fault, Ledger, NetworkStacks, Outbox, OutcomeEvent};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use topology::network::StackRepair;
use topology::stacks::{Advice, Repair, commands};
use topology::{ResourceId, StackId};

pub(super) const DRIFT: &str = "Stack Drift Advice";
pub(super) const MENDED: &str = "Stack Repaired";
pub(super) const FAILED: &str = "Stack Repair Failed";
pub(super) const HELD: &str = "Stack Repair Held";

pub(super) fn headline(stack: &StackId, advice: &[Advice]) -> String {
    let name = stack.stack_name();
    let worst = advice.iter().find(|it| !it.kept).or(advice.first());
    let more = match advice.len() {
        0 | 1 => String::new(),
        all => format!(" (and {} more)", all - 1),
    };
    match worst {
        Some(worst) => format!("stack {name} has drifted: {worst}{more}"),
        None => format!("stack {name} is in sync"),
    }
}

/// Why a person has to decide first.
pub(super) fn doubt(contested: &BTreeSet<ResourceId>) -> String {
    if contested.is_empty() {
        return String::new();
    }
    let ids: Vec<&str> = contested.iter().map(ResourceId::as_str).collect();
    format!("; not repaired: {} would stand in for more than one resource", ids.join(" and "))
}

pub(super) fn advice_detail(stack: &StackId, advice: &[Advice], commands: &[String]) -> Value {
    json!({
        "stack": stack,
        "advice": advice,
        "commands": commands,
        "note": "Drift detection compares with the stack's template; what is enforced is the topology.",
    })
}

impl<S: NetworkStacks, L: Ledger, O: Outbox, K: Clock> Desk<'_, S, L, O, K> {
    /// The commands that a person would type.
    pub(super) async fn commands(&self, repair: &Repair) -> Result<Vec<String>, Fault> {
        let facts = self.stacks.describe(&self.network.place, &self.network.stack).await?.unwrap_or_default();
        Ok(commands(repair, self.network.place.region.as_str(), &facts.parameters, &facts.capabilities))
    }

    pub(super) async fn tell_quietly(&mut self, kind: &str, headline: String, detail: Value) {
        let topology = self.network.topologies.first().map(|topology| topology.id.clone());
        let place = self.network.place.clone();
        let detail_type = kind.into();
        self.publish(OutcomeEvent { detail_type, place, topology, control: None, headline, detail, page: false }).await;
    }

    /// A stack that cannot be looked at: once a day, unless trying again may help.
    pub(super) async fn tell_fault(&mut self, fault: &Fault) {
        let stack = self.network.stack.clone();
        tracing::warn!(%stack, %fault, "the stack could not be looked after");
        if fault.is_retryable() {
            return;
        }
        let headline = format!("stack {} cannot be looked after: {fault}", stack.stack_name());
        let detail = json!({ "stack": stack, "fault": fault });
        // The role is bound to the names of stacks (`StackPrefix`), and whoever wants none repaired need not give theirs such a name.
        let code = fault.code.as_deref().unwrap_or_default();
        let unseen = fault.operation == "DescribeStacks" && code.starts_with("AccessDenied");
        if unseen && !self.network.topologies.iter().any(|it| it.stack_repair == StackRepair::Execute) {
            return self.tell_quietly(DRIFT, headline, detail).await;
        }
        let once = format!("{stack}#{}#{code}", fault.operation);
        self.tell(DRIFT, headline, detail, Some((once, AGAIN))).await;
    }
}
