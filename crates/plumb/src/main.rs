//! `plumb`: check a topology, render its network, and try EventBridge patterns.

mod matching;
mod render;
mod schema;
mod validate;

use clap::{Parser, Subcommand};
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Check a topology, render its network, and try EventBridge patterns.
///
/// Plumbline keeps an AWS network true to its declared topology: one YAML document a network, in
/// `topologies/<name>/topology.yaml`.
#[derive(Debug, Parser)]
#[command(name = "plumb", version, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Validate(validate::Args),
    Render(render::Args),
    Schema(schema::Args),
    Match(matching::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Validate(args) => validate::run(&args),
        Command::Render(args) => render::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Match(args) => matching::run(&args),
    }
}

/// Tells why a command could not do its work, on standard error.
fn failed(why: impl std::fmt::Display) -> ExitCode {
    complain(&format!("plumb: {why}"));
    ExitCode::FAILURE
}

/// A line on standard error, with its colours on a terminal that wants them only. Nobody is left to tell if that fails.
fn complain(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// The result, on standard output. A reader that has seen enough (`| head`) is no failure.
fn answer(text: &str) -> ExitCode {
    let mut output = anstream::stdout();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => failed(format!("standard output: {error}")),
    }
}
