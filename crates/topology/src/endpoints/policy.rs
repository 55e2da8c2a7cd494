//! Endpoint policies, compared by what they mean rather than by how they are written.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// A policy document as JSON text with its keys in order: equal text is equal, and what it is read from does not matter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Policy(String);

impl From<Map<String, Value>> for Policy {
    fn from(document: Map<String, Value>) -> Self {
        let mut value = Value::Object(document);
        value.sort_all_objects();
        Self(value.to_string())
    }
}

impl Policy {
    /// Reads what AWS shows; `None`: it is no JSON object.
    pub fn read(text: &str) -> Option<Self> {
        match serde_json::from_str(text) {
            Ok(Value::Object(document)) => Some(document.into()),
            Ok(_) | Err(_) => None,
        }
    }

    /// The text, as AWS takes it.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether both allow and deny the same by the grammar of policies: one thing and a list of it, `*` and `{"AWS": "*"}`, an account's
    /// number and its root, the order of a list, the case of an action
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>).
    pub fn means(&self, other: &Self) -> bool {
        self == other || self.meaning().is_some_and(|meaning| Some(meaning) == other.meaning())
    }

    fn meaning(&self) -> Option<Value> {
        let Value::Object(mut document) = serde_json::from_str(&self.0).ok()? else { return None };
        // Said by its owner, for its owner.
        document.remove("Id");
        document.entry("Version").or_insert_with(|| Value::from("2008-10-17"));
        if let Some(statements) = document.remove("Statement") {
            let mut statements: Vec<Value> = list(statements).into_iter().map(statement).collect();
            sort(&mut statements);
            document.insert("Statement".into(), Value::Array(statements));
        }
        let mut value = Value::Object(document);
        value.sort_all_objects();
        Some(value)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        one => vec![one],
    }
}

/// A list whose order says nothing, nor what is in it twice.
fn set(value: Value, each: impl Fn(Value) -> Value) -> Value {
    let mut values: Vec<Value> = list(value).into_iter().map(each).collect();
    sort(&mut values);
    values.dedup();
    Value::Array(values)
}

fn sort(values: &mut [Value]) {
    values.iter_mut().for_each(Value::sort_all_objects);
    values.sort_by_cached_key(Value::to_string);
}

fn statement(value: Value) -> Value {
    let Value::Object(statement) = value else { return value };
    let parts = statement.into_iter().map(|(key, value)| {
        let value = match key.as_str() {
            "Action" | "NotAction" => set(value, lower),
            "Resource" | "NotResource" => set(value, |one| one),
            "Principal" | "NotPrincipal" => principal(value),
            "Condition" => condition(value),
            _ => value,
        };
        (key, value)
    });
    Value::Object(parts.collect())
}

/// Actions are written in any case.
fn lower(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.to_ascii_lowercase()),
        other => other,
    }
}

fn principal(value: Value) -> Value {
    match value {
        Value::String(all) if all == "*" => principal(serde_json::json!({ "AWS": all })),
        Value::Object(kinds) => {
            let kinds = kinds.into_iter().map(|(kind, who)| {
                let who = if kind == "AWS" { set(who, account) } else { set(who, |one| one) };
                (kind, who)
            });
            Value::Object(kinds.collect())
        }
        other => other,
    }
}

/// An account is its root, in whichever partition; AWS keeps the ARN.
fn account(value: Value) -> Value {
    let Value::String(text) = value else { return value };
    let root = text.strip_suffix(":root").and_then(|arn| arn.rsplit(':').next());
    let number = root.unwrap_or(&text);
    let is_number = number.len() == 12 && number.bytes().all(|byte| byte.is_ascii_digit());
    Value::String(if is_number { number.to_owned() } else { text })
}

/// `{operator: {key: value or values}}`; `true` and `"true"`, `1` and `"1"` are the same.
fn condition(value: Value) -> Value {
    let Value::Object(operators) = value else { return value };
    let operators = operators.into_iter().map(|(operator, keys)| {
        let keys = match keys {
            Value::Object(keys) => Value::Object(
                keys.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), set(value, text))).collect(),
            ),
            other => other,
        };
        (operator, keys)
    });
    Value::Object(operators.collect())
}

fn text(value: Value) -> Value {
    match value {
        Value::Bool(yes) => Value::String(yes.to_string()),
        Value::Number(number) => Value::String(number.to_string()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::Policy;

    fn policy(text: &str) -> Policy {
        Policy::read(text).unwrap()
    }

    #[test]
    fn what_is_written_in_another_way_means_the_same() {
        for (left, right) in [
            (
                r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}}"#,
                r#"{"Statement":[{"Resource":["*"],"Action":["s3:getobject"],"Principal":{"AWS":"*"},"Effect":"Allow"}],"Version":"2012-10-17"}"#,
            ),
            (
                r#"{"Statement":[{"Sid":"a","Action":["s3:Put*","s3:Get*"]},{"Sid":"b","Resource":["y","x","x"]}]}"#,
                r#"{"Statement":[{"Sid":"b","Resource":["x","y"]},{"Sid":"a","Action":["s3:Get*","s3:Put*"]}]}"#,
            ),
            (
                r#"{"Id":"mine","Statement":[{"Principal":{"AWS":"111122223333"}}]}"#,
                r#"{"Version":"2008-10-17","Statement":[{"Principal":{"AWS":["arn:aws:iam::111122223333:root"]}}]}"#,
            ),
            (
                r#"{"Statement":[{"Condition":{"Bool":{"aws:SecureTransport":true},"NumericLessThan":{"x":5}}}]}"#,
                r#"{"Statement":[{"Condition":{"NumericLessThan":{"x":["5"]},"Bool":{"aws:securetransport":["true"]}}}]}"#,
            ),
        ] {
            assert!(policy(left).means(&policy(right)), "{left} {right}");
            assert!(policy(right).means(&policy(left)), "{left} {right}");
        }
    }

    #[test]
    fn what_allows_something_else_means_something_else() {
        let one = |statement: &str| policy(&format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#));
        for (left, right) in [
            (r#"{"Effect":"Allow","Action":"*"}"#, r#"{"Effect":"Deny","Action":"*"}"#),
            (r#"{"Action":"s3:GetObject"}"#, r#"{"NotAction":"s3:GetObject"}"#),
            (r#"{"Resource":"arn:aws:s3:::a/*"}"#, r#"{"Resource":"arn:aws:s3:::A/*"}"#),
            (r#"{"Principal":"*"}"#, r#"{"Principal":{"AWS":"111122223333"}}"#),
            (r#"{"Principal":{"AWS":"*"}}"#, r#"{"Principal":{"Service":"*"}}"#),
            (r#"{"Condition":{"StringEquals":{"k":"a"}}}"#, r#"{"Condition":{"StringLike":{"k":"a"}}}"#),
            (r#"{"Condition":{"StringEquals":{"k":"a"}}}"#, r#"{"Condition":{"StringEquals":{"k":"A"}}}"#),
            (r#"{"Action":"*"}"#, r#"{"Action":"*"},{"Action":"*","Effect":"Deny"}"#),
        ] {
            assert!(!one(left).means(&one(right)), "{left} {right}");
        }
        let old = policy(r#"{"Version":"2008-10-17","Statement":[]}"#);
        assert!(!old.means(&policy(r#"{"Version":"2012-10-17","Statement":[]}"#)));
    }

    #[test]
    fn what_is_no_policy_is_not_read() {
        for text in ["", "[]", "\"*\"", "{", "null"] {
            assert_eq!(Policy::read(text), None, "{text}");
        }
    }
}
