//! `plumb match` as a person calls it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;
use std::process::{Command, Output};

fn matched(pattern: &str, events: &[&str]) -> Output {
    let folder = std::env::temp_dir().join(format!("plumb-match-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let name: String = pattern.chars().filter(char::is_ascii_alphanumeric).collect();
    let file = folder.join(format!("{name}.json"));
    std::fs::write(&file, pattern).unwrap();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../events");
    Command::new(env!("CARGO_BIN_EXE_plumb")).current_dir(root).arg("match").arg(file).args(events).output().unwrap()
}

#[test]
fn says_what_goes_through_and_what_keeps_the_rest_out() {
    let pattern = r#"{"source": ["aws.ec2"], "detail": {"errorCode": [{"exists": false}]}}"#;
    let events = ["cloudtrail/authorize-ingress.json", "cloudtrail/authorize-ingress-failed.json"];
    let output = matched(pattern, &events);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "through   cloudtrail/authorize-ingress.json\n\
         kept out  cloudtrail/authorize-ingress-failed.json: detail.errorCode\n"
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(matched(pattern, &events[..1]).status.code(), Some(0));
}

#[test]
fn refuses_what_eventbridge_would_and_says_where() {
    let output = matched(r#"{"detail": {"eventName": "X"}}"#, &["cloudtrail/authorize-ingress.json"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("detail.eventName: values stand in an array"), "{said}");
}

#[test]
fn an_event_that_is_not_there_is_named() {
    let output = matched(r#"{"source": ["x"]}"#, &["cloudtrail/none.json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("cloudtrail/none.json"));
}
