//! `plumb render`

use crate::validate::document;
use crate::{answer, complain, failed};
use std::path::PathBuf;
use std::process::ExitCode;

/// Print the CloudFormation template of a topology's network
///
/// The template has the VPCs, subnets, route tables, internet gateways, security groups, endpoints and endpoint services.
/// Security-group rules, NAT gateways and flow logs are not in it: Plumbline makes and keeps them. The same document
/// always gives the same bytes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  plumb render topologies/three-tier/topology.yaml --output three-tier.json
  aws cloudformation deploy --stack-name three-tier-network --template-file three-tier.json

  # an optional security group, and the load balancer of an endpoint service, are parameters
  aws cloudformation deploy … --parameter-overrides WithMainBastion=true

  # check it
  plumb render topologies/three-tier/topology.yaml | cfn-lint -

Exit status: 0, or 1 when the document does not hold or the file cannot be written.")]
pub(crate) struct Args {
    /// The topology document; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write the template here instead of to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let (name, text) = match document(&args.file) {
        Ok(found) => found,
        Err(why) => return failed(why),
    };
    let topology = match topology::document::read(&name, &text) {
        Ok(topology) => topology,
        Err(problems) => {
            complain(&problems.render(true));
            return ExitCode::FAILURE;
        }
    };
    let template = match topology::render::render(&topology) {
        Ok(template) => template,
        Err(error) => return failed(format!("{name}: {error}")),
    };
    match &args.output {
        None => answer(&template),
        Some(path) => match std::fs::write(path, template) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(format!("{}: {error}", path.display())),
        },
    }
}
