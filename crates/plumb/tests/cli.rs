//! `plumb` as a person calls it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

fn topologies() -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../topologies").display().to_string()
}

fn plumb(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plumb")).args(args).stdin(Stdio::null()).output().unwrap()
}

fn plumb_with(input: &str, args: &[&str]) -> Output {
    use std::io::Write;
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
    let mut child =
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const BROKEN: &str =
    "version: 1\nid: net\nenviroment: staging\nvpcs:\n  main:\n    cidr: 10.0.0.1/16\n    availability_zones: [a]\n";

#[test]
fn validate_summarises_each_sound_document_in_a_line() {
    let output = plumb(&["validate", &topologies()]);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    let lines = text(&output.stdout);
    assert_eq!(lines.lines().count(), 5);
    let expected = "three-tier/topology.yaml: topology three-tier holds: 1 VPC, 9 subnets, 5 security groups with 13 rules; enforced";
    assert!(lines.lines().any(|line| line.ends_with(expected)), "{lines}");
}

#[test]
fn validate_reports_everything_with_its_place_and_without_colour_in_a_pipe() {
    let output = plumb_with(BROKEN, &["validate", "-"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(!stderr.contains('\u{1b}'));
    for expected in [
        "error[unknown-key]: unknown key `enviroment`",
        "--> <standard input>:3:1",
        "did you mean `environment`?",
        "error[cidr-not-canonical]",
        "write `10.0.0.0/16`",
        "2 problems",
    ] {
        assert!(stderr.contains(expected), "{expected} is not in:\n{stderr}");
    }
    assert_eq!(text(&output.stdout), "<standard input>: refused, 2 problems\n");
}

#[test]
fn validate_speaks_json_for_tools() {
    let output = plumb_with(BROKEN, &["validate", "--json", "-"]);
    assert_eq!(output.status.code(), Some(1));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["ok"], false);
    let problems = answer["refused"][0]["problems"].as_array().unwrap();
    let problem = problems.iter().find(|problem| problem["code"] == "unknown-key").unwrap();
    assert_eq!((&problem["line"], &problem["column"]), (&3.into(), &1.into()));
    assert_eq!(problem["text"], "enviroment");

    let sound = plumb(&["validate", "--json", &topologies()]);
    assert_eq!(sound.status.code(), Some(0));
    assert_eq!(serde_json::from_slice::<Value>(&sound.stdout).unwrap()["ok"], true);
}

#[test]
fn validate_names_a_file_that_it_cannot_read() {
    let output = plumb(&["validate", "no-such-file.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("plumb: no-such-file.yaml: "));
}

#[test]
fn a_file_that_cannot_be_read_does_not_hide_what_is_wrong_with_another() {
    let output = plumb_with(BROKEN, &["validate", "no-such-file.yaml", "-"]);
    let stderr = text(&output.stderr);
    assert!(stderr.contains("no-such-file.yaml") && stderr.contains("2 problems"), "{stderr}");
}

#[test]
fn colours_come_when_they_are_asked_for() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("broken.yaml");
    std::fs::write(&path, BROKEN).unwrap();
    let output = command.arg("validate").arg(&path).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(text(&output.stderr).contains('\u{1b}'));
}

#[test]
fn the_same_file_named_twice_is_one_document() {
    let file = format!("{}/hipaa/topology.yaml", topologies());
    assert_eq!(plumb(&["validate", &file, &file]).status.code(), Some(0));
}

#[test]
fn render_prints_or_writes_the_template() {
    let file = format!("{}/api-network/topology.yaml", topologies());
    let printed = plumb(&["render", &file]);
    assert_eq!(printed.status.code(), Some(0));
    let template: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(template["Resources"]["MainVpc"]["Type"], "AWS::EC2::VPC");

    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("api-network.json");
    let written = plumb(&["render", &file, "--output", &path.display().to_string()]);
    assert_eq!((written.status.code(), written.stdout.len()), (Some(0), 0));
    assert_eq!(std::fs::read(path).unwrap(), printed.stdout);
}

#[test]
fn render_refuses_a_broken_document_as_validate_does() {
    let output = plumb_with(BROKEN, &["render", "-"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).contains("error[cidr-not-canonical]"));
}

#[test]
fn schema_is_the_committed_one() {
    let committed = std::fs::read_to_string(format!("{}/topology.schema.json", topologies())).unwrap();
    assert_eq!(text(&plumb(&["schema"]).stdout), committed);
}

#[test]
fn help_teaches_by_example() {
    for command in ["validate", "render", "schema"] {
        let help = text(&plumb(&[command, "--help"]).stdout);
        assert!(help.contains("Example"), "{help}");
    }
}
