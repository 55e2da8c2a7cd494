//! `{"status": true}`: what is served, what is bound, which brakes are on, and what was done lately.

use super::Answer;
use super::words::done;
use crate::{Clock, Fault, LedgerRead, LoopKey, Record, Served};
use serde_json::{Value, json};
use topology::{Control, Directive, Mode, Topology};

/// Lambda answers with at most 6 MB, and one action may hold a thousand rules: the ledger keeps it whole, under its token.
const SUMMARY: usize = 500;
/// Enough to see a night's work on one topology.
const RECORDS: usize = 20;

pub(super) async fn status<C: Control>(
    served: &Served,
    ledger: &impl LedgerRead,
    clock: &impl Clock,
) -> Result<Answer, Fault> {
    let (mut lines, mut topologies) = (vec![], vec![]);
    for topology in &served.topologies {
        let (line, data) = one::<C>(served, topology, ledger, clock).await?;
        lines.extend(line);
        topologies.push(data);
    }
    for document in &served.refused {
        lines.push(format!("{}: REFUSED, not enforced", document.file));
    }
    let refused: Vec<Value> = (served.refused.iter())
        .map(|document| json!({ "file": document.file, "problems": document.problems }))
        .collect();
    let layer = served.layer.as_ref();
    let data = json!({ "control": C::ID, "layer": layer, "topologies": topologies, "refused": refused });
    Ok(done(lines.join("\n"), data))
}

async fn one<C: Control>(
    served: &Served,
    topology: &Topology,
    ledger: &impl LedgerRead,
    clock: &impl Clock,
) -> Result<(Vec<String>, Value), Fault> {
    let place = served.place_of(topology);
    let key = LoopKey { place: place.clone(), topology: topology.id.clone(), control: C::ID };
    let bindings = ledger.bindings(&place, &topology.id).await?;
    let standing = ledger.standing(&key, clock.now()).await?;
    let records = ledger.records(&key, RECORDS).await?;
    let layer = ledger.layer(&place, &topology.id).await?;
    let mode = match (C::desired(topology).is_some(), topology.mode(C::ID)) {
        (false, _) => "unmanaged",
        (true, Mode::Observe) => "observe",
        (true, Mode::Enforce) => "enforce",
    };
    let brakes: Vec<&Directive> = standing.directives.iter().filter(|it| it.in_force(standing.now)).collect();
    let unbound: Vec<&str> =
        topology.vpcs.keys().filter(|name| !bindings.contains_key(*name)).map(|name| name.as_str()).collect();
    let mut lines = vec![format!("{} ({}) in {place}: {mode}", topology.id, C::ID)];
    lines.extend(bindings.iter().map(|(name, bound)| format!("  vpc     {name} is {} {}", bound.vpc, bound.cidr)));
    lines.extend((!unbound.is_empty()).then(|| format!("  vpc     not bound yet: {}", unbound.join(", "))));
    for brake in &brakes {
        let until = brake.until.map(|until| format!(" until {until}")).unwrap_or_default();
        lines.push(format!("  brake   {:?} {:?}{until} by {}: {}", brake.verb, brake.subject, brake.by, brake.reason));
    }
    for record in &records {
        let became = match &record.result {
            None => "outcome not recorded".to_owned(),
            Some(Ok(_)) => "done".to_owned(),
            Some(Err(fault)) => fault.to_string(),
        };
        let summary = short(&record.intent.summary);
        lines.push(format!("  record  {} {summary}: {became} [{}]", record.intent.at, record.token.0));
    }
    let records: Vec<Value> = records.iter().map(brief).collect();
    let data = json!({
        "topology": topology.id, "place": place, "mode": mode, "bindings": bindings, "unbound": unbound,
        "layer": layer, "brakes": brakes, "records": records,
    });
    Ok((lines, data))
}

/// A record without its action, inverse and causes.
fn brief(record: &Record) -> Value {
    let Record { token, key: _, intent, result, inverse: _, settled } = record;
    let result = match result {
        None => Value::Null,
        Some(Ok(_)) => json!("done"),
        Some(Err(fault)) => json!({ "failed": fault }),
    };
    json!({ "token": token, "at": intent.at, "summary": short(&intent.summary), "result": result, "settled": settled })
}

fn short(text: &str) -> String {
    match text.char_indices().nth(SUMMARY) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
