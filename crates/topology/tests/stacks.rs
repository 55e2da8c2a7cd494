//! Stacks: what drift means, which change sets bring a stack in line, and that none of them may do more than it is for.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test crate; its helpers are not test functions")]

use insta::assert_snapshot;
use serde_json::Value;
use std::collections::BTreeSet;
use topology::document::read;
use topology::render::render;
use topology::stacks::{
    Change, ChangeAction, Difference, DriftStatus, Repair, ResourceDrift, Stage, StandIn, TemplateError,
    TemplateSource, advise, commands, contested, is_part_of_a_stack, judge, repair, unsure,
};
use topology::{ControlId, StackId};

const LOGS: &str = "MainLogsEndpoint";

fn stack() -> StackId {
    "arn:aws:cloudformation:eu-west-1:111122223333:stack/network/1f2e".into()
}

/// The rendered network of three-tier, with its endpoints.
fn own() -> String {
    let path = format!("{}/../../topologies/three-tier/topology.yaml", env!("CARGO_MANIFEST_DIR"));
    render(&read(&path, &std::fs::read_to_string(&path).unwrap()).unwrap()).unwrap()
}

fn gone(logical: &str, id: &str, kind: &str) -> ResourceDrift {
    let (logical_id, physical_id) = (logical.into(), Some(id.into()));
    ResourceDrift { logical_id, physical_id, kind: kind.into(), status: DriftStatus::Deleted }
}

fn endpoint_gone() -> ResourceDrift {
    gone(LOGS, "vpce-0ld", "AWS::EC2::VPCEndpoint")
}

fn stand_in() -> StandIn {
    StandIn { logical_id: LOGS.into(), id: "vpce-new".into(), control: ControlId::Nat }
}

fn adopting() -> Repair {
    repair(&stack(), &[endpoint_gone()], &[stand_in()]).unwrap()
}

fn making() -> Repair {
    repair(&stack(), &[gone("MainWebSecurityGroup", "sg-0ld", "AWS::EC2::SecurityGroup")], &[]).unwrap()
}

fn body(repair: &Repair, stage: Stage) -> Value {
    match repair.change_set(stage, Some(&own())).unwrap().template {
        TemplateSource::Body(text) => serde_json::from_str(&text).unwrap(),
        TemplateSource::Previous => panic!("a template was expected"),
    }
}

#[test]
fn properties_that_differ_are_advice_and_need_no_repair() {
    let status = DriftStatus::Modified(vec![Difference {
        path: "/PrivateDnsEnabled".into(),
        expected: "true".into(),
        actual: "false".into(),
    }]);
    let drift = ResourceDrift { status, ..endpoint_gone() };
    assert_eq!(repair(&stack(), std::slice::from_ref(&drift), &[]), None);
    let advice = advise(&drift, None);
    assert!(advice.kept, "a control keeps it");
    assert_snapshot!(advice, @"MainLogsEndpoint (vpce-0ld) /PrivateDnsEnabled is false, the template says true: `endpoints` keeps endpoints, as the document says; where the template says otherwise, render it again and deploy it");
}

#[test]
fn what_nobody_keeps_is_for_a_person() {
    let status = DriftStatus::Modified(vec![
        Difference { path: "/SecurityGroupIngress/0".into(), expected: "null".into(), actual: "x".repeat(400) },
        Difference { path: "/Tags/0/Value".into(), expected: "a".into(), actual: "b".into() },
    ]);
    let group = ResourceDrift { status, ..gone("MainWebSecurityGroup", "sg-1", "AWS::EC2::SecurityGroup") };
    let advice = advise(&group, None);
    assert!(!advice.kept && advice.means.contains("change the template"), "{advice}");
    assert!(advice.what.len() < 300, "a document as a value is cut: {}", advice.what);
    let unknown = ResourceDrift { status: DriftStatus::Unknown("AccessDenied".into()), ..endpoint_gone() };
    assert!(!advise(&unknown, None).kept);
    assert_eq!(repair(&stack(), &[unknown], &[]), None, "not known is not gone");
}

#[test]
fn what_is_missing_is_made_again_by_one_drift_aware_change_set() {
    let repair = making();
    assert_eq!(repair.stages(), [Stage::Revert]);
    let change_set = repair.change_set(Stage::Revert, None).unwrap();
    assert_eq!((change_set.template, change_set.revert_drift), (TemplateSource::Previous, true));
    assert!(change_set.import.is_empty());
    assert_snapshot!(commands(&repair, "eu-west-1", &["WithMainBastion".into()], &[]).join("\n"), @r"
    aws cloudformation create-change-set --region eu-west-1 --stack-name network --change-set-name plumbline-revert --change-set-type UPDATE --use-previous-template --deployment-mode REVERT_DRIFT --parameters ParameterKey=WithMainBastion,UsePreviousValue=true
    aws cloudformation wait change-set-create-complete --region eu-west-1 --stack-name network --change-set-name plumbline-revert
    aws cloudformation describe-change-set --region eu-west-1 --stack-name network --change-set-name plumbline-revert --query Changes
    aws cloudformation execute-change-set --region eu-west-1 --stack-name network --change-set-name plumbline-revert
    aws cloudformation wait stack-update-complete --region eu-west-1 --stack-name network
    ");
}

#[test]
fn what_stands_in_is_adopted_before_the_template_is_restored() {
    let repair = adopting();
    assert_eq!(repair.stages(), [Stage::Release, Stage::Adopt, Stage::Revert]);
    assert_eq!(repair.after(Stage::Release), Some(Stage::Adopt));
    assert_eq!(repair.after(Stage::Revert), None);
    let whole: Value = serde_json::from_str(&own()).unwrap();

    let released = body(&repair, Stage::Release);
    assert_eq!(released["Resources"].get(LOGS), None);
    assert_eq!(released["Outputs"].get("MainLogsEndpointId"), None, "an output may not name what is not there");
    let mut rest = whole.clone();
    rest["Resources"].as_object_mut().unwrap().remove(LOGS);
    rest["Outputs"].as_object_mut().unwrap().remove("MainLogsEndpointId");
    assert_eq!(released, rest, "and nothing else");

    let adopted = repair.change_set(Stage::Adopt, Some(&own())).unwrap();
    assert!(!adopted.revert_drift);
    assert_eq!(adopted.import.len(), 1);
    assert_eq!((adopted.import[0].key, adopted.import[0].id.as_str()), ("Id", "vpce-new"));
    let adopted = body(&repair, Stage::Adopt);
    assert_eq!(adopted["Resources"][LOGS]["DeletionPolicy"], "Delete", "an import must name one");
    assert_eq!(adopted["Outputs"], released["Outputs"], "an import may add no output");
    assert_eq!(adopted["Resources"][LOGS]["Properties"], whole["Resources"][LOGS]["Properties"]);

    let reverted = repair.change_set(Stage::Revert, Some(&own())).unwrap();
    assert!(reverted.revert_drift);
    assert_eq!(body(&repair, Stage::Revert), whole);
}

#[test]
fn the_commands_of_an_adoption_are_exact() {
    assert_snapshot!(commands(&adopting(), "eu-west-1", &[], &["CAPABILITY_IAM".into()]).join("\n"), @r#"
    aws cloudformation get-template --region eu-west-1 --stack-name network --query TemplateBody > network.json
    jq -c 'del(.Resources["MainLogsEndpoint"]) | .Outputs |= with_entries(select([.value | .. | strings] - ["MainLogsEndpoint"] == [.value | .. | strings]))' network.json > without.json
    jq -c --slurpfile own network.json '.Resources.MainLogsEndpoint = ({DeletionPolicy: "Delete"} + $own[0].Resources.MainLogsEndpoint)' without.json > import.json
    aws cloudformation create-change-set --region eu-west-1 --stack-name network --change-set-name plumbline-release --change-set-type UPDATE --template-body file://without.json --capabilities CAPABILITY_IAM
    aws cloudformation wait change-set-create-complete --region eu-west-1 --stack-name network --change-set-name plumbline-release
    aws cloudformation describe-change-set --region eu-west-1 --stack-name network --change-set-name plumbline-release --query Changes
    aws cloudformation execute-change-set --region eu-west-1 --stack-name network --change-set-name plumbline-release
    aws cloudformation wait stack-update-complete --region eu-west-1 --stack-name network
    aws cloudformation create-change-set --region eu-west-1 --stack-name network --change-set-name plumbline-adopt --change-set-type IMPORT --template-body file://import.json --resources-to-import '[{"LogicalResourceId":"MainLogsEndpoint","ResourceIdentifier":{"Id":"vpce-new"},"ResourceType":"AWS::EC2::VPCEndpoint"}]' --capabilities CAPABILITY_IAM
    aws cloudformation wait change-set-create-complete --region eu-west-1 --stack-name network --change-set-name plumbline-adopt
    aws cloudformation describe-change-set --region eu-west-1 --stack-name network --change-set-name plumbline-adopt --query Changes
    aws cloudformation execute-change-set --region eu-west-1 --stack-name network --change-set-name plumbline-adopt
    aws cloudformation wait stack-import-complete --region eu-west-1 --stack-name network
    aws cloudformation create-change-set --region eu-west-1 --stack-name network --change-set-name plumbline-revert --change-set-type UPDATE --template-body file://network.json --deployment-mode REVERT_DRIFT --capabilities CAPABILITY_IAM
    aws cloudformation wait change-set-create-complete --region eu-west-1 --stack-name network --change-set-name plumbline-revert
    aws cloudformation describe-change-set --region eu-west-1 --stack-name network --change-set-name plumbline-revert --query Changes
    aws cloudformation execute-change-set --region eu-west-1 --stack-name network --change-set-name plumbline-revert
    aws cloudformation wait stack-update-complete --region eu-west-1 --stack-name network
    "#);
}

#[test]
fn a_template_that_cannot_be_taken_apart_is_left_alone() {
    let of = |text: &str| adopting().change_set(Stage::Release, Some(text)).unwrap_err();
    let template = |rest: &str| {
        format!(
            r#"{{"Resources":{{"{LOGS}":{{"Type":"AWS::EC2::VPCEndpoint"}},"Other":{{"Type":"AWS::SNS::Topic"}}}}{rest}}}"#
        )
    };
    assert_eq!(of("Resources:\n  A: {}"), TemplateError::NotJson);
    assert_eq!(of("[1]"), TemplateError::NotJson);
    assert_eq!(of(&template(r#","Transform":"AWS::Serverless-2016-10-31""#)), TemplateError::Transform);
    assert_eq!(of(r#"{"Resources":{}}"#), TemplateError::Missing(LOGS.into()));
    assert_eq!(of(r#"{"Resources":[]}"#), TemplateError::Missing(LOGS.into()));
    assert_eq!(adopting().change_set(Stage::Release, None).unwrap_err(), TemplateError::Unknown);
    let exported = format!(r#","Outputs":{{"Id":{{"Value":{{"Ref":"{LOGS}"}},"Export":{{"Name":"logs"}}}}}}"#);
    assert_eq!(of(&template(&exported)), TemplateError::Exported("Id".into()));
    for reference in [
        format!(r#"{{"Ref":"{LOGS}"}}"#),
        format!(r#"{{"Fn::GetAtt":["{LOGS}","Id"]}}"#),
        format!(r#"{{"Fn::GetAtt":"{LOGS}.Id"}}"#),
        format!(r#"{{"Fn::Sub":"arn:${{{LOGS}}}"}}"#),
        format!(r#"{{"Fn::Sub":"arn:${{{LOGS}.Id}}"}}"#),
    ] {
        let text = format!(
            r#"{{"Resources":{{"{LOGS}":{{"Type":"T"}},"Other":{{"Type":"T","Properties":{{"P":{reference}}}}}}}}}"#
        );
        let needed = TemplateError::Needed { resource: LOGS.into(), by: "resource Other".into() };
        assert_eq!(of(&text), needed, "{reference}");
    }
    let depends =
        format!(r#"{{"Resources":{{"{LOGS}":{{"Type":"T"}},"Other":{{"Type":"T","DependsOn":["{LOGS}"]}}}}}}"#);
    assert!(matches!(of(&depends), TemplateError::Needed { .. }));
    let large = template(&format!(r#","Metadata":{{"x":"{}"}}"#, "y".repeat(60_000)));
    assert!(matches!(of(&large), TemplateError::TooLarge(_)));
    let near = template(r#","Outputs":{"Other":{"Value":{"Ref":"MainLogsEndpointOfAnother"}}}"#);
    assert!(adopting().change_set(Stage::Release, Some(&near)).is_ok(), "another resource with a longer name");
}

fn change(logical: &str, id: Option<&str>, kind: &str, action: ChangeAction) -> Change {
    Change {
        logical_id: logical.into(),
        physical_id: id.map(Into::into),
        kind: kind.into(),
        action,
        replacement: None,
        scope: BTreeSet::new(),
        caused_by: None,
        deleted: false,
    }
}

const ENDPOINT: &str = "AWS::EC2::VPCEndpoint";

#[test]
fn a_release_takes_out_what_is_gone_and_nothing_that_is_there() {
    let repair = adopting();
    let release = |changes: &[Change]| judge(&repair, Stage::Release, changes);
    assert_eq!(release(&[change(LOGS, Some("vpce-0ld"), ENDPOINT, ChangeAction::Remove)]), [] as [String; 0]);
    for wrong in [
        change(LOGS, Some("vpce-new"), ENDPOINT, ChangeAction::Remove),
        change(LOGS, Some("vpce-0ther"), ENDPOINT, ChangeAction::Remove),
        change(LOGS, None, ENDPOINT, ChangeAction::Remove),
        change(LOGS, Some("vpce-0ld"), "AWS::EC2::VPC", ChangeAction::Remove),
        change(LOGS, Some("vpce-0ld"), ENDPOINT, ChangeAction::Modify),
        change(LOGS, Some("vpce-0ld"), ENDPOINT, ChangeAction::Other("Dynamic".into())),
    ] {
        assert_eq!(release(std::slice::from_ref(&wrong)).len(), 1, "{wrong:?}");
    }
    let besides = change("MainVpc", Some("vpc-1"), "AWS::EC2::VPC", ChangeAction::Remove);
    let found = release(&[change(LOGS, Some("vpce-0ld"), ENDPOINT, ChangeAction::Remove), besides]);
    assert_eq!(found, ["it would delete MainVpc (vpc-1), AWS::EC2::VPC"]);
    assert_eq!(release(&[]), ["MainLogsEndpoint is not among its changes"]);
}

#[test]
fn an_adoption_imports_what_stands_in() {
    let repair = adopting();
    let adopt = |changes: &[Change]| judge(&repair, Stage::Adopt, changes);
    assert!(adopt(&[change(LOGS, Some("vpce-new"), ENDPOINT, ChangeAction::Import)]).is_empty());
    assert!(adopt(&[change(LOGS, None, ENDPOINT, ChangeAction::Import)]).is_empty(), "AWS need not say the id");
    assert_eq!(adopt(&[change(LOGS, Some("vpce-0ther"), ENDPOINT, ChangeAction::Import)]).len(), 1);
    assert_eq!(adopt(&[change("MainS3Endpoint", Some("vpce-new"), ENDPOINT, ChangeAction::Import)]).len(), 2);
    assert_eq!(adopt(&[change(LOGS, Some("vpce-new"), ENDPOINT, ChangeAction::Add)]).len(), 1);
}

#[test]
fn a_revert_of_what_was_adopted_changes_no_property() {
    let repair = adopting();
    let revert = |change: Change| judge(&repair, Stage::Revert, &[change]);
    let modify = |scope: &[&str], replacement: &str| Change {
        replacement: Some(replacement.into()),
        scope: scope.iter().map(|it| (*it).to_owned()).collect(),
        ..change(LOGS, Some("vpce-new"), ENDPOINT, ChangeAction::Modify)
    };
    assert!(judge(&repair, Stage::Revert, &[]).is_empty(), "outputs alone are no change of a resource");
    assert!(revert(modify(&["Tags", "DeletionPolicy"], "False")).is_empty());
    assert!(revert(change(LOGS, Some("vpce-new"), ENDPOINT, ChangeAction::SyncWithActual)).is_empty());
    assert_eq!(revert(modify(&["Properties"], "False")).len(), 1);
    assert_eq!(revert(modify(&["Tags"], "True")).len(), 1);
    assert_eq!(revert(modify(&["Tags"], "Conditional")).len(), 1);
    assert_eq!(revert(change(LOGS, None, ENDPOINT, ChangeAction::Add)).len(), 1, "it is there");
    let other = Change {
        scope: ["Tags".to_owned()].into(),
        replacement: Some("False".into()),
        ..change("MainVpc", None, "AWS::EC2::VPC", ChangeAction::Modify)
    };
    assert_eq!(revert(other).len(), 1, "drift of anything else is advice");
}

#[test]
fn a_revert_makes_again_what_is_gone_and_lets_others_learn_of_it() {
    let repair = making();
    let made = change("MainWebSecurityGroup", None, "AWS::EC2::SecurityGroup", ChangeAction::Add);
    let revert = |besides: &[Change]| judge(&repair, Stage::Revert, &[std::slice::from_ref(&made), besides].concat());
    assert!(revert(&[]).is_empty());
    let as_change = Change {
        deleted: true,
        replacement: Some("True".into()),
        ..change("MainWebSecurityGroup", Some("sg-0ld"), "AWS::EC2::SecurityGroup", ChangeAction::Modify)
    };
    assert!(judge(&repair, Stage::Revert, std::slice::from_ref(&as_change)).is_empty(), "however AWS writes it");
    let not_gone = Change { deleted: false, ..as_change };
    assert_eq!(judge(&repair, Stage::Revert, &[not_gone]).len(), 1);
    let noted = change("MainWebSecurityGroup", None, "AWS::EC2::SecurityGroup", ChangeAction::SyncWithActual);
    assert_eq!(judge(&repair, Stage::Revert, std::slice::from_ref(&noted)).len(), 1, "it would stay gone");
    let follows_itself = Change {
        replacement: Some("False".into()),
        caused_by: Some(["MainWebSecurityGroup.GroupId".to_owned()].into()),
        ..change("MainWebSecurityGroup", None, "AWS::EC2::SecurityGroup", ChangeAction::Modify)
    };
    assert_eq!(judge(&repair, Stage::Revert, &[follows_itself]).len(), 1, "nor is that making it again");
    let elsewhere = change("MainVpc", Some("vpc-1"), "AWS::EC2::VPC", ChangeAction::SyncWithActual);
    assert!(revert(std::slice::from_ref(&elsewhere)).is_empty(), "of what is there it is harmless");
    let follows = |cause: Option<&str>, replacement: &str| Change {
        replacement: Some(replacement.into()),
        scope: ["Properties".to_owned()].into(),
        caused_by: cause.map(|cause| [cause.to_owned()].into()),
        ..change(LOGS, Some("vpce-1"), ENDPOINT, ChangeAction::Modify)
    };
    assert!(revert(&[follows(Some("MainWebSecurityGroup.GroupId"), "False")]).is_empty());
    assert_eq!(revert(&[follows(Some("MainWebSecurityGroup.GroupId"), "True")]).len(), 1);
    assert_eq!(revert(&[follows(Some("MainVpc"), "False")]).len(), 1);
    assert_eq!(revert(&[follows(None, "False")]).len(), 1);
    assert_eq!(judge(&repair, Stage::Revert, &[]).len(), 1, "a change set that does not make it is none of ours");
}

#[test]
fn what_stands_in_for_two_is_contested() {
    let other = StandIn { logical_id: "MainS3Endpoint".into(), ..stand_in() };
    assert_eq!(contested(&[stand_in(), other.clone()]), BTreeSet::from(["vpce-new".into()]));
    assert!(contested(&[stand_in(), StandIn { id: "vpce-0ther".into(), ..other }]).is_empty());
}

#[test]
fn what_a_control_makes_again_is_not_made_twice() {
    let drifts = [endpoint_gone(), gone("MainWebSecurityGroup", "sg-0ld", "AWS::EC2::SecurityGroup")];
    assert_eq!(unsure(&drifts, &[]), [LOGS.into()]);
    assert_eq!(unsure(&drifts, &[stand_in()]), [] as [topology::LogicalId; 0]);
    assert!(is_part_of_a_stack(&"vpce-0123456789abcdef0".into()) && is_part_of_a_stack(&"rtbassoc-1".into()));
    for other in ["vpce-svc-0123456789abcdef0", "nat-1", "fl-1", "sgr-1", "eipalloc-1"] {
        assert!(!is_part_of_a_stack(&other.into()), "{other}");
    }
}
