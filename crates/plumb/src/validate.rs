//! `plumb validate`

use crate::{answer, complain, failed};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use topology::document::{Catalog, Refused, read_all};
use topology::{Mode, Topology};

/// Check topology documents: everything that is wrong, where it stands, and what to write instead
///
/// Several documents are also checked against each other: an id or a VPC belongs to one of them. A folder stands for
/// every `topology.yaml` one level below it and every `*.yaml` in it, as in the topologies layer.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  plumb validate topologies/three-tier/topology.yaml    one document
  plumb validate topologies                             all of a folder, as Plumbline would read them
  plumb validate --json topologies > problems.json      for tools: file, line, column, code, title, help
  git show HEAD~1:net.yaml | plumb validate -           standard input

Exit status: 0 when every document holds, 1 otherwise.")]
pub(crate) struct Args {
    /// Documents or folders; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print JSON on standard output instead of text
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let (mut documents, mut unread) = (vec![], vec![]);
    for path in &args.files {
        collect(path, &mut documents, &mut unread);
    }
    // A file named twice is one document, not two that claim the same id.
    documents.sort();
    documents.dedup();
    let files: Vec<String> = documents.iter().map(|(file, _)| file.clone()).collect();
    let Catalog { topologies, refused } = read_all(documents);
    let sound = refused.is_empty() && unread.is_empty();
    let told = if args.json {
        answer(&format!("{:#}\n", as_json(sound, &topologies, &refused, &unread)))
    } else {
        as_text(&files, &topologies, &refused, &unread)
    };
    if sound { told } else { ExitCode::FAILURE }
}

/// Reads one document, which need not be sound.
pub(crate) fn document(path: &Path) -> Result<(String, String), String> {
    let text = if path == Path::new("-") {
        let mut bytes = vec![];
        std::io::stdin().read_to_end(&mut bytes).map_err(|error| format!("standard input: {error}"))?;
        String::from_utf8(bytes).map_err(|_| "standard input is not UTF-8 text".to_owned())?
    } else {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        String::from_utf8(bytes).map_err(|_| format!("{}: not UTF-8 text", path.display()))?
    };
    let name = if path == Path::new("-") { "<standard input>".to_owned() } else { path.display().to_string() };
    Ok((name, text))
}

/// The documents that a path stands for; what cannot be read is told, and does not hide what is wrong with the rest.
fn collect(path: &Path, found: &mut Vec<(String, String)>, unread: &mut Vec<String>) {
    let files = if path.is_dir() { below(path) } else { Ok(vec![path.to_owned()]) };
    match files {
        Err(why) => unread.push(why),
        Ok(files) => {
            for file in files {
                match document(&file) {
                    Ok(document) => found.push(document),
                    Err(why) => unread.push(why),
                }
            }
        }
    }
}

fn below(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut files = vec![];
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?.path();
        let inner = entry.join("topology.yaml");
        if inner.is_file() {
            files.push(inner);
        } else if entry.is_file() && entry.extension().is_some_and(|extension| extension == "yaml") {
            files.push(entry);
        }
    }
    if files.is_empty() {
        return Err(format!("{}: no topology document in this folder", folder.display()));
    }
    Ok(files)
}

fn as_text(files: &[String], topologies: &[Topology], refused: &[Refused], unread: &[String]) -> ExitCode {
    for Refused { file: _, id: _, problems } in refused {
        complain(&format!("{}\n", problems.render(true)));
    }
    for why in unread {
        failed(why);
    }
    let mut lines = String::new();
    // `read_all` keeps the order of the names, so the sound ones pair up with what is left.
    let sound = files.iter().filter(|file| refused.iter().all(|refused| refused.file != **file));
    for (file, topology) in sound.zip(topologies) {
        lines += &format!("{file}: {}\n", summary(topology));
    }
    for Refused { file, id: _, problems } in refused {
        lines += &format!("{file}: refused, {}\n", counted(problems.count(), "problem"));
    }
    answer(&lines)
}

fn as_json(sound: bool, topologies: &[Topology], refused: &[Refused], unread: &[String]) -> Value {
    let topologies: Vec<Value> = topologies.iter().map(|topology| json!({ "id": topology.id })).collect();
    let refused: Vec<Value> = refused
        .iter()
        .map(|Refused { file, id, problems }| json!({ "file": file, "id": id, "problems": problems }))
        .collect();
    json!({ "ok": sound, "topologies": topologies, "refused": refused, "unread": unread })
}

fn summary(topology: &Topology) -> String {
    let subnets = topology.vpcs.values().map(|vpc| vpc.subnets().count()).sum();
    let groups = topology.security_groups.iter().flat_map(|desired| desired.vpcs.values());
    let (groups, rules) = groups.flat_map(|vpc| vpc.groups.values()).fold((0, 0), |(groups, rules), group| {
        let of = |list: &Option<Vec<_>>| list.as_ref().map_or(0, Vec::len);
        (groups + 1, rules + of(&group.ingress) + of(&group.egress))
    });
    let mode = match topology.mode {
        Mode::Observe => "observed",
        Mode::Enforce => "enforced",
    };
    format!(
        "topology {} holds: {}, {}, {} with {}; {mode}",
        topology.id,
        counted(topology.vpcs.len(), "VPC"),
        counted(subnets, "subnet"),
        counted(groups, "security group"),
        counted(rules, "rule"),
    )
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
