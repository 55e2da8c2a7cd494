//! The operands of the operators, each checked as EventBridge checks it.

use super::{Affix, Comparison, NUMERIC_BOUND, Path, PatternError, Piece, Test};
use serde_json::Value;
use std::net::IpAddr;

/// One value or a list of them, or one text operator over a value or a list.
pub(super) fn anything_but(operand: &Value, path: &Path) -> Result<Vec<Test>, PatternError> {
    let list = |operand: &Value| match operand {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    let tests: Vec<Test> = match operand {
        Value::Object(map) => {
            let mut entries = map.iter();
            let (Some((operator, operand)), None) = (entries.next(), entries.next()) else {
                return Err(path.error("one of prefix, suffix, wildcard, equals-ignore-case"));
            };
            let here = path.at(operator);
            let parse = |item: &Value| match item {
                Value::String(text) if !text.is_empty() => Test::text(operator, item, &here),
                _ => Err(here.error("text that is not empty, or a list of such")),
            };
            list(operand).iter().map(parse).collect::<Result<_, _>>()?
        }
        operand => {
            let items = list(operand);
            let strings = items.iter().all(Value::is_string);
            if !strings && !items.iter().all(Value::is_number) {
                return Err(path.error("text or numbers, not both"));
            }
            items.into_iter().map(Test::Equals).collect()
        }
    };
    if tests.is_empty() { Err(path.error("an empty list excludes nothing")) } else { Ok(tests) }
}

pub(super) fn affix(operand: &Value, path: &Path) -> Result<Affix, PatternError> {
    match operand {
        Value::String(text) => Ok(Affix { text: text.clone(), ignore_case: false }),
        Value::Object(map) if map.len() == 1 => match map.get("equals-ignore-case") {
            Some(Value::String(text)) => Ok(Affix { text: text.clone(), ignore_case: true }),
            _ => Err(path.error("text, or {\"equals-ignore-case\": text}")),
        },
        _ => Err(path.error("text, or {\"equals-ignore-case\": text}")),
    }
}

pub(super) fn cidr(text: &str, path: &Path) -> Result<ipnet::IpNet, PatternError> {
    text.parse()
        .or_else(|_| text.parse::<IpAddr>().map(ipnet::IpNet::from))
        .map_err(|_| path.error(format!("\"{text}\" is neither a CIDR nor an address")))
}

pub(super) fn numeric(parts: &[Value], path: &Path) -> Result<Vec<(Comparison, f64)>, PatternError> {
    let (pairs, rest) = parts.as_chunks::<2>();
    if pairs.is_empty() || pairs.len() > 2 || !rest.is_empty() {
        return Err(path.error("one or two comparisons, each a comparison followed by a number"));
    }
    let read = |[how, bound]: &[Value; 2]| {
        let how = match how.as_str() {
            Some("<") => Comparison::Less,
            Some("<=") => Comparison::AtMost,
            Some("=") => Comparison::Equal,
            Some(">=") => Comparison::AtLeast,
            Some(">") => Comparison::More,
            _ => return Err(path.error(format!("{how}: a comparison is one of <, <=, =, >=, >"))),
        };
        let bound = bound.as_f64().ok_or_else(|| path.error(format!("{bound} is not a number")))?;
        if bound.abs() > NUMERIC_BOUND {
            return Err(path.error("numbers reach from -5.0e9 to 5.0e9"));
        }
        Ok((how, bound))
    };
    let comparisons: Vec<_> = pairs.iter().map(read).collect::<Result<_, _>>()?;
    if let [(low, from), (high, to)] = comparisons.as_slice() {
        let ordered = matches!(low, Comparison::More | Comparison::AtLeast)
            && matches!(high, Comparison::Less | Comparison::AtMost)
            && from < to;
        if !ordered {
            return Err(path.error("a range has its lower bound first: [\">\", 0, \"<=\", 5]"));
        }
    }
    Ok(comparisons)
}

pub(super) fn wildcard(text: &str, path: &Path) -> Result<Vec<Piece>, PatternError> {
    let mut pieces = vec![];
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        pieces.push(match char {
            '*' if pieces.last() == Some(&Piece::Star) => return Err(path.error("two * in a row")),
            '*' => Piece::Star,
            '\\' => match chars.next() {
                Some(escaped @ ('*' | '\\')) => Piece::Char(escaped),
                _ => return Err(path.error("a backslash escapes * or \\ only")),
            },
            char => Piece::Char(char),
        });
    }
    Ok(pieces)
}
