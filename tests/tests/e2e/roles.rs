//! Runs after every other test of this binary (profile `e2e-iam`): the journals of the whole run against the roles.

use crate::stage::{CONTROL_PLANE, Stage};
use e2e::iam::{self, Dependent};
use e2e::template::Template;
use serde_json::{Value, json};

#[tokio::test]
async fn each_role_allows_exactly_what_its_function_called() {
    let mut journal = vec![];
    for stage in Stage::every() {
        let auth = stage.admin("GET", "ready", None)["auth"].clone();
        assert_eq!(auth, json!(true), "policies that are not enforced prove nothing");
        let calls = stage.journal();
        assert_eq!(calls.first().map(|call| &call["seq"]), Some(&json!(1)), "the journal has forgotten its beginning");
        journal.extend(calls);
    }
    let template = Template::read().unwrap();
    let names = template.function_names(CONTROL_PLANE);

    // An action may be granted and still be denied: by a condition, or on that resource.
    let denied: Vec<&Value> = journal.iter().filter(|call| iam::is_denied(call, &names)).collect();
    assert!(denied.is_empty(), "denied to a function: {denied:#?}");

    let calls = iam::of_journal(&journal, &names);
    let findings = iam::compare(&calls, &template.functions(), &Dependent::read().unwrap());

    assert_eq!(findings, [], "{}", findings.iter().map(|finding| format!("\n  {finding}")).collect::<String>());
}
