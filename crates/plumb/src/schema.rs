//! `plumb schema`

use crate::answer;
use std::process::ExitCode;

/// Print the JSON Schema of topology documents
///
/// Editors complete and check documents that begin with
/// `# yaml-language-server: $schema=../topology.schema.json`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  plumb schema > topologies/topology.schema.json")]
pub(crate) struct Args {}

pub(crate) fn run(Args {}: &Args) -> ExitCode {
    answer(&format!("{:#}\n", topology::document::schema()))
}
