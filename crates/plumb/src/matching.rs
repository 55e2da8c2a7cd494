//! `plumb match`

use plumb::pattern::Pattern;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Show which events an EventBridge rule would let through
///
/// Works as `aws events test-event-pattern` does, without an account, and names the fields that keep an event out. Exits 1 if any
/// event is kept out, 2 if a file cannot be read or EventBridge would refuse the pattern.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  echo '{\"detail\": {\"errorCode\": [{\"exists\": false}]}}' > /tmp/pattern.json
  plumb match /tmp/pattern.json events/cloudtrail/*.json")]
pub(crate) struct Args {
    /// The pattern, a JSON file
    pattern: PathBuf,
    /// Events as EventBridge delivers them, JSON files
    #[arg(required = true)]
    events: Vec<PathBuf>,
}

pub(crate) fn run(Args { pattern, events }: &Args) -> ExitCode {
    match show(pattern, events) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            anstream::eprintln!("plumb: {why}");
            ExitCode::from(2)
        }
    }
}

fn show(pattern: &Path, events: &[PathBuf]) -> Result<bool, String> {
    let pattern = Pattern::parse(&read(pattern)?).map_err(|error| format!("{}: {error}", pattern.display()))?;
    let mut all = true;
    for event in events {
        let unmet = pattern.unmet(&read(event)?);
        if unmet.is_empty() {
            anstream::println!("through   {}", event.display());
        } else {
            all = false;
            anstream::println!("kept out  {}: {}", event.display(), unmet.join(", "));
        }
    }
    Ok(all)
}

fn read(path: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}
