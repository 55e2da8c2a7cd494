//! The template as a whole.

use crate::template;
use e2e::template::{self, list};
use serde_json::Value;

#[test]
fn what_holds_data_outlives_the_stack() {
    let template = template();
    let kinds = ["AWS::DynamoDB::Table", "AWS::Logs::LogGroup"];
    for (name, resource) in kinds.iter().flat_map(|kind| template.of_type(kind)) {
        assert_eq!(resource["DeletionPolicy"], "Retain", "{name}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
    }
    for (name, layer) in template.of_type("AWS::Serverless::LayerVersion") {
        assert_eq!(layer["Properties"]["RetentionPolicy"], "Retain", "{name}: a roll-back needs the old version");
    }
    let ledger = template.properties("Ledger");
    assert_eq!(ledger["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(ledger["SSESpecification"]["SSEEnabled"], true);
    assert_eq!(ledger["DeletionProtectionEnabled"], true);
    assert_eq!(ledger["TimeToLiveSpecification"]["AttributeName"], "ttl");
}

/// What an earlier stack left is not made again, so it may be no part of this one: all else knows it by its name. CloudFormation refuses
/// a template in which something that is there refers to something that is not.
#[test]
fn what_outlives_the_stack_by_name_is_known_by_name() {
    let template = template();
    let kept: Vec<&str> = template
        .resources()
        .filter(|(_, resource)| resource["Condition"] == "FirstInstall")
        .map(|(name, _)| name)
        .collect();
    assert_eq!(kept, ["FlowLogsDeliveryRole", "Ledger"]);
    for section in ["Globals", "Resources", "Outputs"] {
        let text = template.section(section).to_string();
        for name in &kept {
            for reference in [format!("\"{name}\""), format!("\"{name}.Arn\"")] {
                let uses = text.matches(&reference).count();
                let itself = usize::from(section == "Resources" && reference == format!("\"{name}\""));
                assert_eq!(uses, itself, "{section}: {reference}: write its name, with ${{AWS::StackName}}");
            }
        }
    }
    assert_eq!(template.properties("Ledger")["TableName"], "${AWS::StackName}-ledger");
    assert_eq!(template.global("Environment")["Variables"]["PLUMBLINE_LEDGER"], "${AWS::StackName}-ledger");
}

/// CloudFormation answers "'null' values are not allowed in templates", event patterns included; cfn-lint does not know it
/// (<https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1378>).
#[test]
fn nothing_is_null() {
    fn nulls(value: &Value, at: &str) -> Vec<String> {
        match value {
            Value::Null => vec![at.to_owned()],
            Value::Array(items) => {
                items.iter().enumerate().flat_map(|(n, item)| nulls(item, &format!("{at}/{n}"))).collect()
            }
            Value::Object(fields) => {
                fields.iter().flat_map(|(name, item)| nulls(item, &format!("{at}/{name}"))).collect()
            }
            _ => vec![],
        }
    }
    let template = template();
    for section in ["Parameters", "Rules", "Conditions", "Globals", "Resources", "Outputs", "Metadata"] {
        assert_eq!(nulls(template.section(section), section), Vec::<String>::new());
    }
}

#[test]
fn parameters_and_outputs_are_described() {
    let template = template();
    let interface = &template.section("Metadata")["AWS::CloudFormation::Interface"];
    let grouped: Vec<_> =
        list(&interface["ParameterGroups"]).iter().flat_map(|group| list(&group["Parameters"])).collect();
    for (name, parameter) in template.section("Parameters").as_object().unwrap() {
        assert!(parameter["Description"].as_str().is_some_and(|text| text.len() > 20), "{name}");
        assert!(parameter.get("Default").is_some(), "{name}: a first deploy must not ask");
        assert!(grouped.iter().any(|parameter| *parameter == name), "{name}: in no group");
        assert!(interface["ParameterLabels"].get(name).is_some(), "{name}: no label");
    }
    for (name, output) in template.section("Outputs").as_object().unwrap() {
        assert!(output["Description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
}

/// The packages that the template deploys are the packages that the workspace builds.
#[test]
fn each_function_is_built() {
    for (name, function) in template().of_type("AWS::Serverless::Function") {
        let zip = function["Properties"]["CodeUri"].as_str().unwrap();
        let package = zip.strip_prefix("dist/").and_then(|zip| zip.strip_suffix(".zip")).unwrap();
        assert!(template::root().join("functions").join(package).join("Cargo.toml").is_file(), "{name}: {zip}");
    }
}
