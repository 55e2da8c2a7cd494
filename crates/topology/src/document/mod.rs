//! The topology document: YAML text into a checked [`Topology`], or everything that is wrong with it and where.
//!
//! Three passes. [`tree`] reads YAML, within budgets, into nodes that know their place. [`decode`] reads those into the
//! types of [`model`], and goes on past whatever is wrong. [`check`] parses, resolves and cross-checks the values. Every
//! pass adds to one list of problems; only a document without any becomes a topology.

mod check;
mod decode;
mod fault;
mod model;
mod problem;
mod schema;
mod snippet;
mod tree;
mod wrap;

pub use problem::{Position, Problem, Problems, Related};
pub use schema::schema;

use crate::core::{AccountId, Region, TopologyId, VpcId, VpcName};
use crate::network::{FlowDestination, FlowLog, Vpc};
use crate::topology::Topology;
use check::Check;
use decode::{Collector, De};
use problem::{Draft, Span};
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::BTreeMap;
use wrap::{At, Field};

/// Reads one document. `file` is only a name, for the diagnostics.
///
/// # Errors
/// Everything that is wrong with the document.
pub fn read(file: &str, text: &str) -> Result<Topology, Problems> {
    let Reading { topology, drafts, .. } = Reading::of(text);
    match topology {
        Some(topology) if drafts.is_empty() => Ok(topology),
        _ => Err(Problems::new(file, text, drafts)),
    }
}

/// All documents of a folder: those that hold, and those that are refused.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// The topologies, by file name.
    pub topologies: Vec<Topology>,
    /// The documents that are refused, by file name. None of them disturbs another, unless they claim the same thing.
    pub refused: Vec<Refused>,
}

/// A document that is refused.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The file as it was named.
    pub file: String,
    /// The id, where that much could be read: the topology was not removed, only broken.
    pub id: Option<TopologyId>,
    /// What is wrong with it.
    pub problems: Problems,
}

/// Reads many documents. Two that have the same id, or that name the same VPC, are both refused: which of them is meant
/// cannot be known, and acting on the wrong one would undo the other.
pub fn read_all(files: impl IntoIterator<Item = (String, String)>) -> Catalog {
    let mut files: Vec<(String, String)> = files.into_iter().collect();
    files.sort();
    let readings: Vec<Reading> = files.iter().map(|(_, text)| Reading::of(text)).collect();
    let mut problems: Vec<Option<Problems>> = files
        .iter()
        .zip(&readings)
        .map(|((file, text), reading)| {
            let whole = reading.topology.is_some() && reading.drafts.is_empty();
            (!whole).then(|| Problems::new(file, text, reading.drafts.clone()))
        })
        .collect();

    let mut claims: BTreeMap<Claim, Vec<(usize, Span)>> = BTreeMap::new();
    for (index, reading) in readings.iter().enumerate() {
        for (claim, span) in &reading.claims {
            claims.entry(claim.clone()).or_default().push((index, *span));
        }
    }
    for (claim, claimants) in claims {
        for (index, span) in &claimants {
            let Some((other, place)) = claimants.iter().find(|(other, _)| other != index) else { continue };
            let ((file, text), (other_file, other_text)) = (&files[*index], &files[*other]);
            let (code, title, help) = match &claim {
                Claim::Id(id) => (
                    "id-twice",
                    format!("two documents have the id `{id}`"),
                    "give one of them another id, or remove it; until then neither is enforced",
                ),
                Claim::Vpc(id) => (
                    "vpc-twice",
                    format!("two documents name the VPC `{id}`"),
                    "one network has one topology; until then neither is enforced",
                ),
                Claim::StackResource { of, .. } => (
                    "vpc-twice",
                    format!("two documents name the VPC {of}"),
                    "one network has one topology; until then neither is enforced",
                ),
            };
            let mut conflict = Problems::new(file, text, vec![Draft::new(*span, code, title).help(help)]);
            conflict.relate(other_file, other_text, *place, "the other one");
            match &mut problems[*index] {
                Some(problems) => problems.append(conflict),
                none => *none = Some(conflict),
            }
        }
    }

    for (index, share, span) in readings
        .iter()
        .enumerate()
        .flat_map(|(index, reading)| reading.shares.iter().map(move |(share, span)| (index, share, *span)))
    {
        let differs = |other: &&(Share, Span)| other.0.place == share.place && other.0.how != share.how;
        let others = readings.iter().enumerate().filter(|(other, _)| *other != index);
        let mut others = others.filter_map(|(other, reading)| Some((other, reading.shares.iter().find(differs)?)));
        let Some((other, (theirs, place))) = others.next() else { continue };
        let ((file, text), (other_file, other_text)) = (&files[index], &files[other]);
        let title = format!("{} {}, and {} in another document", share.place.said(), share.how, theirs.how);
        let help = "write the same in both, or give each network a place of its own; until then neither is enforced";
        let draft = Draft::new(span, share.place.code(), title).help(help);
        let mut conflict = Problems::new(file, text, vec![draft]);
        conflict.relate(other_file, other_text, *place, "the other one");
        match &mut problems[index] {
            Some(problems) => problems.append(conflict),
            none => *none = Some(conflict),
        }
    }

    let mut catalog = Catalog::default();
    for (((file, _), reading), problems) in files.into_iter().zip(readings).zip(problems) {
        match (problems, reading.topology) {
            (None, Some(topology)) => catalog.topologies.push(topology),
            (Some(problems), _) => catalog.refused.push(Refused { file, id: reading.id, problems }),
            // A reading without a topology always has problems.
            (None, None) => {}
        }
    }
    catalog
}

/// What no two documents may claim.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    Id(TopologyId),
    Vpc(VpcId),
    /// Stacks of one name in two places are two stacks.
    StackResource {
        account: Option<AccountId>,
        region: Option<Region>,
        of: String,
    },
}

/// Where flow logs go. Several networks may record there, if they agree how.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Recorded {
    /// A log group has one retention.
    LogGroup { account: Option<AccountId>, region: Option<Region>, name: String },
    /// A folder of a bucket has one layout, or no table reads it.
    Folder { bucket: String, prefix: String },
}

impl Recorded {
    fn code(&self) -> &'static str {
        match self {
            Self::LogGroup { .. } => "retention-twice",
            Self::Folder { .. } => "layout-twice",
        }
    }

    fn said(&self) -> String {
        match self {
            Self::LogGroup { account: _, region: _, name } => format!("the log group `{name}` is kept for"),
            Self::Folder { bucket, prefix } => format!("`{bucket}/{prefix}` is written as"),
        }
    }
}

/// A place that flow logs go to, and how.
struct Share {
    place: Recorded,
    how: String,
}

impl Share {
    /// Every place that a VPC's flow logs go to.
    fn of(topology: &Topology, vpc: &Vpc) -> Vec<Self> {
        let filled = |text: &str| {
            let account = topology.account.as_ref().map_or("{account}", AccountId::as_str);
            let region = topology.region.as_ref().map_or("{region}", Region::as_str);
            text.replace("{account}", account).replace("{region}", region)
        };
        let share = |log: &FlowLog| match &log.destination {
            FlowDestination::CloudWatch { log_group, retention_days } => {
                let (account, region) = (topology.account.clone(), topology.region.clone());
                let how = retention_days.map_or("ever".to_owned(), |days| format!("{days} days"));
                Self { place: Recorded::LogGroup { account, region, name: log_group.clone() }, how }
            }
            FlowDestination::S3 { bucket, prefix, parquet, hive, hourly } => {
                let words = [(*parquet, "parquet", "text"), (*hourly, "hourly", "daily"), (*hive, "hive", "plain")];
                let how = words.map(|(is, yes, no)| if is { yes } else { no }).join(" ");
                let place = Recorded::Folder { bucket: filled(bucket), prefix: prefix.clone().unwrap_or_default() };
                Self { place, how }
            }
        };
        vpc.flow_logs.iter().flatten().map(share).collect()
    }
}

/// All that was found out about one document.
struct Reading {
    topology: Option<Topology>,
    id: Option<TopologyId>,
    claims: Vec<(Claim, Span)>,
    shares: Vec<(Share, Span)>,
    drafts: Vec<Draft>,
}

impl Reading {
    fn of(text: &str) -> Self {
        let mut drafts = vec![];
        let tree = tree::parse(text, &mut drafts);
        let collector = Collector { source: text, drafts: RefCell::new(drafts) };
        let document = tree.as_ref().and_then(|node| {
            let de = De { node, collector: &collector };
            match At::<model::Document>::deserialize(de) {
                Ok(document) => Some(document),
                Err(fault) => {
                    collector.push(fault.into_draft(node.span));
                    None
                }
            }
        });
        let mut reading = Self { topology: None, id: None, claims: vec![], shares: vec![], drafts: vec![] };
        if let Some((document, whole)) = document.as_ref().and_then(At::get) {
            reading.topology = check::topology(Check::new(&collector), document, whole.first_line(text));
            if let Some((id, span)) = document.id.read_at() {
                reading.id = Some(id.as_str().into());
                reading.claims.push((Claim::Id(id.as_str().into()), span));
            }
            for entry in document.vpcs.read().map(|named| named.0.as_slice()).unwrap_or_default() {
                if let Some((id, span)) = entry.value.value.as_ref().and_then(|vpc| vpc.id.read_at()) {
                    reading.claims.push((Claim::Vpc(id.as_str().into()), span));
                }
                if let Some(topology) = &reading.topology
                    && let Some(vpc) = topology.vpcs.get(&VpcName::from(entry.name.as_str()))
                    && let (Some(of), Some(written)) = (&vpc.stack, &entry.value.value)
                    && let Some(span) = written.stack.place()
                {
                    let (account, region) = (topology.account.clone(), topology.region.clone());
                    reading.claims.push((Claim::StackResource { account, region, of: of.to_string() }, span));
                }
                let known = reading.topology.as_ref();
                let shares = known.and_then(|known| Some(Share::of(known, known.vpcs.get(entry.name.as_str())?)));
                reading.shares.extend(shares.into_iter().flatten().map(|share| (share, entry.name_span)));
            }
        }
        reading.drafts = collector.drafts.into_inner();
        if reading.topology.is_none() && reading.drafts.is_empty() {
            reading.drafts.push(Draft::new(Span::at(0), "unreadable", "this document could not be read"));
        }
        reading
    }
}
