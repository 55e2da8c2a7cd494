//! The same change sets for a person to paste.

use super::repair::{Repair, Stage};
use crate::core::LogicalId;

/// The commands that bring a stack back in line, in order: each change set, a look at it, its execution. `parameters` and
/// `capabilities` are the stack's.
pub fn commands(repair: &Repair, region: &str, parameters: &[String], capabilities: &[String]) -> Vec<String> {
    let stack = repair.stack.stack_name();
    let mut commands = vec![];
    if repair.stages().len() > 1 {
        commands.extend(templates(repair, stack, region));
    }
    for stage in repair.stages() {
        let name = format!("plumbline-{}", stage.name());
        let mut create = format!(
            "aws cloudformation create-change-set --region {region} --stack-name {stack} --change-set-name {name} \
             --change-set-type {}",
            if *stage == Stage::Adopt { "IMPORT" } else { "UPDATE" },
        );
        create += &match stage {
            Stage::Release => " --template-body file://without.json".to_owned(),
            Stage::Adopt => {
                format!(" --template-body file://import.json --resources-to-import '{}'", imports(repair))
            }
            Stage::Revert if repair.stages().len() > 1 => " --template-body file://network.json".to_owned(),
            Stage::Revert => " --use-previous-template".to_owned(),
        };
        if *stage == Stage::Revert {
            create += " --deployment-mode REVERT_DRIFT";
        }
        if !parameters.is_empty() {
            let kept: Vec<String> =
                parameters.iter().map(|key| format!("ParameterKey={key},UsePreviousValue=true")).collect();
            create += &format!(" --parameters {}", kept.join(" "));
        }
        if !capabilities.is_empty() {
            create += &format!(" --capabilities {}", capabilities.join(" "));
        }
        let of = format!("--region {region} --stack-name {stack} --change-set-name {name}");
        commands.push(create);
        commands.push(format!("aws cloudformation wait change-set-create-complete {of}"));
        commands.push(format!("aws cloudformation describe-change-set {of} --query Changes"));
        commands.push(format!("aws cloudformation execute-change-set {of}"));
        let done = if *stage == Stage::Adopt { "stack-import-complete" } else { "stack-update-complete" };
        commands.push(format!("aws cloudformation wait {done} --region {region} --stack-name {stack}"));
    }
    commands
}

/// The three templates: the stack's own, without the resources, and with them as an import wants them.
fn templates(repair: &Repair, stack: &str, region: &str) -> Vec<String> {
    let ids: Vec<&LogicalId> = repair.adopted().map(|(logical, _, _)| logical).collect();
    let quoted: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
    let list = quoted.join(",");
    let paths: Vec<String> = quoted.iter().map(|id| format!(".Resources[{id}]")).collect();
    let policies: Vec<String> = ids
        .iter()
        .map(|id| format!(".Resources.{id} = ({{DeletionPolicy: \"Delete\"}} + $own[0].Resources.{id})"))
        .collect();
    vec![
        format!(
            "aws cloudformation get-template --region {region} --stack-name {stack} --query TemplateBody > network.json"
        ),
        format!(
            "jq -c 'del({}) | .Outputs |= with_entries(select([.value | .. | strings] - [{list}] == [.value | .. | strings]))' \
             network.json > without.json",
            paths.join(", ")
        ),
        format!("jq -c --slurpfile own network.json '{}' without.json > import.json", policies.join(" | ")),
    ]
}

fn imports(repair: &Repair) -> String {
    let all: Vec<serde_json::Value> = repair
        .change_set_imports()
        .into_iter()
        .map(|import| {
            serde_json::json!({
                "ResourceType": import.kind,
                "LogicalResourceId": import.logical_id,
                "ResourceIdentifier": { import.key: import.id },
            })
        })
        .collect();
    serde_json::Value::Array(all).to_string()
}
