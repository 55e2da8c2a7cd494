//! AWS resource ids, found by their form wherever they stand. No field name is trusted or needed: EC2 logs the same call in two
//! encodings, and the names of its wrappers are not regular.

use serde_json::Value;
use std::collections::BTreeSet;
use topology::ResourceId;

/// More ids than this in one event say nothing about where to look. It is also what one describe call takes as a filter.
const MOST_IDS: usize = 200;
/// Real events nest about ten deep.
const DEEPEST: usize = 32;

/// The ids in a piece of JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// All of them.
    pub(super) ids: BTreeSet<ResourceId>,
    /// Those that stand least deep: what a call is *about*, where deeper ones (a rule's peer) are only mentioned.
    pub(super) subject: BTreeSet<ResourceId>,
    /// There was more than anyone should read: what was found is not all.
    pub(super) overflow: bool,
    depth: Option<usize>,
}

impl Found {
    /// Collects from every text in `value`.
    pub(super) fn collect(&mut self, value: &Value) {
        self.walk(value, 0);
        self.depth = None;
    }

    fn walk(&mut self, value: &Value, depth: usize) {
        if depth > DEEPEST || self.overflow {
            self.overflow = true;
            return;
        }
        match value {
            Value::String(text) => self.scan(text, depth),
            Value::Array(items) => items.iter().for_each(|item| self.walk(item, depth)),
            Value::Object(fields) => fields.values().for_each(|field| self.walk(field, depth + 1)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Collects from a text that is not JSON.
    pub(super) fn text(&mut self, text: &str) {
        self.scan(text, 0);
        self.depth = None;
    }

    fn scan(&mut self, text: &str, depth: usize) {
        for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).filter(|word| is_id(word)) {
            if self.ids.len() >= MOST_IDS {
                self.overflow = true;
                return;
            }
            let id = ResourceId::from(word);
            self.ids.insert(id.clone());
            if self.depth.is_none_or(|least| depth < least) {
                self.depth = Some(depth);
                self.subject.clear();
            }
            if self.depth == Some(depth) {
                self.subject.insert(id);
            }
        }
    }
}

/// `sg-0123456789abcdef0`, `vpce-svc-0123456789abcdef0`, `sg-01234567`: words in small letters, then 8 or 17 hex digits
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>).
pub(super) fn is_id(word: &str) -> bool {
    let Some((prefix, hex)) = word.rsplit_once('-') else { return false };
    let digits = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let words = |part: &str| !part.is_empty() && part.len() <= 12 && part.chars().all(|c| c.is_ascii_lowercase());
    (hex.len() == 8 || hex.len() == 17) && hex.chars().all(digits) && prefix.len() <= 32 && prefix.split('-').all(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_by_form() {
        for id in
            ["sg-01234567", "sg-0123456789abcdef0", "vpce-svc-0123456789abcdef0", "vpc-cidr-assoc-0123456789abcdef0"]
        {
            assert!(is_id(id), "{id}");
        }
        for other in [
            "",
            "-",
            "sg-",
            "sg-123",
            "eu-west-1",
            "sg-0123456G",
            "SG-01234567",
            "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        ] {
            assert!(!is_id(other), "{other}");
        }
    }

    #[test]
    fn subject_is_what_stands_least_deep() {
        let mut found = Found::default();
        found.collect(&json!({"groupId": "sg-aaaaaaaa", "ipPermissions": {"items": [{"groups": {"items": [{"groupId": "sg-bbbbbbbb"}]}}]}}));
        assert_eq!(found.subject, BTreeSet::from(["sg-aaaaaaaa".into()]));
        assert_eq!(found.ids, BTreeSet::from(["sg-aaaaaaaa".into(), "sg-bbbbbbbb".into()]));
    }

    #[test]
    fn more_than_anyone_should_read() {
        let mut found = Found::default();
        let many: Vec<String> = (0..1000).map(|n| format!("sg-{n:08x}")).collect();
        found.collect(&json!({ "ids": many }));
        assert!(found.overflow);
        assert_eq!(found.ids.len(), MOST_IDS);
    }
}
