//! Stacks by which a VPC is found.

use super::Check;
use crate::core::{LogicalId, StackName, VpcName};
use crate::document::model;
use crate::document::problem::{Draft, Span};
use crate::document::wrap::{Field, Form};
use crate::network::StackResource;
use crate::render::vpc_logical_id;

/// The stack's resource that a VPC is said to be.
pub(super) fn vpc(check: Check<'_>, name: &str, written: &model::Vpc) -> Option<StackResource> {
    let (form, whole) = written.stack.read_at()?;
    if let Some(id) = written.id.place() {
        check.push(
            Draft::new(whole, "stack-and-id", "the VPC is named twice: by its stack and by its id")
                .related(id, "the id")
                .help("keep one of `stack` and `id`"),
        );
    }
    let (stack, logical) = match form {
        Form::Short(word) => ((word.text(), whole), None),
        Form::Long(model::StackResource { name: Some(at), logical_id }) => {
            let (word, span) = at.get()?;
            ((word.text(), span), logical_id.read_at())
        }
        Form::Long(model::StackResource { name: None, logical_id: _ }) => {
            check.missing(whole, "name", "network");
            return None;
        }
    };
    // Both are looked at, so that both are told.
    let stack = stack_name(check, stack.0, stack.1);
    let logical_id = match logical {
        Some((logical, span)) => logical_id(check, logical, span),
        None => Some(vpc_logical_id(&VpcName::from(name))),
    };
    Some(StackResource { stack: stack?, logical_id: logical_id? })
}

/// A letter, then letters, digits and hyphens, 128 characters at most
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html>).
fn stack_name(check: Check<'_>, text: &str, span: Span) -> Option<StackName> {
    let fits = text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if fits {
        return Some(text.into());
    }
    // An id would not survive the stack's next life, and which life was meant is in the ledger.
    let named =
        text.strip_prefix("arn:").and_then(|rest| rest.split(":stack/").nth(1)).and_then(|rest| rest.split('/').next());
    let help = match named {
        Some(name) => format!("write the stack's name: `{name}`"),
        None => "a name begins with a letter and has letters, digits and hyphens: `network`".to_owned(),
    };
    check.wrong(span, "stack-name", format!("`{text}` is not the name of a stack"), help);
    None
}

fn logical_id(check: Check<'_>, text: &str, span: Span) -> Option<LogicalId> {
    if !text.is_empty() && text.len() <= 255 && text.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Some(text.into());
    }
    let help = "write the VPC's key under `Resources` in the stack's template: letters and digits, such as `MainVpc`";
    check.wrong(span, "logical-id", format!("`{text}` is not a logical id"), help);
    None
}
