//! Documents from somebody who means harm, or from a broken disk: refused, in bounded time, without a panic.

use proptest::prelude::*;
use topology::document::read;

fn references() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../topologies");
    ["api-network", "autoscaled-web", "hipaa", "privatelink", "three-tier"]
        .iter()
        .map(|name| std::fs::read_to_string(format!("{folder}/{name}/topology.yaml")).unwrap())
        .collect()
}

/// Reading ends, and whatever it says can be shown.
fn survives(text: &str) {
    if let Err(problems) = read("hostile.yaml", text) {
        assert!(problems.count() > 0);
        let shown = problems.to_string();
        assert!(shown.contains("error"), "{shown}");
        for problem in problems.iter() {
            assert!(problem.at.line >= 1 && problem.at.column >= 1);
            assert!(text.contains(&problem.text), "the offending text is of the document: {problem:?}");
        }
        serde_json::to_string(&problems).unwrap();
    }
}

#[test]
fn budgets_refuse_what_is_too_large_too_deep_or_expands() {
    let bomb = (0..20).fold("a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned(), |text, level| {
        let alias = format!("*a{level}, ").repeat(8);
        format!("{text}a{}: &a{} [{alias}]\n", level + 1, level + 1)
    });
    let deep = format!("vpcs: {}{}", "[".repeat(5_000), "]".repeat(5_000));
    let blocks: String = (0..2_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let long = format!("id: {}", "x".repeat(2_000_000));
    let many = format!("vpcs: [{}]", "1, ".repeat(200_000));
    let lines = format!("vpcs:\n{}", "- 1\n".repeat(200_000));
    for text in [bomb, deep, blocks, long, many, lines] {
        let problems = read("hostile.yaml", &text).unwrap_err();
        assert_eq!(problems.count(), 1, "{problems}");
        survives(&text);
    }
}

/// What costs words times words is bounded: unknown groups in a document with thousands of groups, subnets that all
/// overlap, thousands of problems that all must be shown.
#[test]
fn large_documents_full_of_problems_are_read_to_the_end() {
    let head = "version: 1\nid: net\nenvironment: staging\nvpcs:\n  main:\n    cidr: 10.0.0.0/16\n    availability_zones: [a]\n";
    let names: String =
        (0..4_000).map(|n| format!("      group-{n}: {{ ingress: [{{ tcp: 1, from: grup-{n} }}] }}\n")).collect();
    let groups = format!("{head}    security_groups:\n{names}");
    let subnets: String = (0..5_000).map(|_| "          - 10.0.0.0/24\n".to_owned()).collect();
    let overlaps = format!("{head}    tiers:\n      data:\n        route: isolated\n        subnets:\n{subnets}");
    let unknown: String = (0..10_000).map(|n| format!("verson{n}: 1\n")).collect();
    for (text, least) in [(groups, 4_000), (overlaps, 1_000), (unknown, 10_000)] {
        let problems = read("hostile.yaml", &text).unwrap_err();
        assert!(problems.count() >= least, "{}", problems.count());
        assert!(problems.to_string().ends_with(&format!("{} problems", problems.count())));
    }
}

#[test]
fn odd_texts_are_refused_in_words() {
    for text in [
        "\u{feff}version: 1\n",
        "\0",
        "id: \"\u{1b}[31mred\"\n",
        "id: é\u{301}\nvpcs: ü\n",
        "version: 1\r\nid: Ünï\r\n",
        "? [a, b]\n: c\n",
        "!!binary aGk=\n",
        "id: !!set {a, b}\n",
        "- a\n- b\n",
        "version: .nan\n",
        "version: 99999999999999999999999999\n",
        "vpcs: { main: { security_groups: { web: { ingress: [{ tcp: 99999999999999999999, from: self }] } } } }\n",
    ] {
        assert!(read("hostile.yaml", text).is_err(), "{text:?}");
        survives(text);
    }
}

#[test]
fn no_escape_sequence_reaches_the_terminal() {
    let problems = read("hostile.yaml", "id: \"\\u001b[31mred\"\nversion: 1\n\"\\u001b[2J\": x\n").unwrap_err();
    assert!(!problems.to_string().contains('\u{1b}'), "{problems}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Cut, doubled, swapped and overwritten pieces of sound documents.
    #[test]
    fn mutated_documents_never_panic(
        which in 0_usize..5,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..40, 0_usize..6, "[-:{}\\[\\]&*!|>'\"%@`#,? a-z0-9./\n\té\u{0}]{0,6}"), 1..8),
    ) {
        let mut text: Vec<char> = references()[which].chars().collect();
        for (at, length, kind, new) in edits {
            let start = at.index(text.len() + 1);
            let end = (start + length).min(text.len());
            let piece: Vec<char> = text[start..end].to_vec();
            let replacement: Vec<char> = match kind {
                0 => vec![],
                1 => new.chars().collect(),
                2 => [piece.clone(), piece].concat(),
                3 => piece.into_iter().rev().collect(),
                4 => piece.into_iter().chain(new.chars()).collect(),
                _ => piece.into_iter().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect(),
            };
            text.splice(start..end, replacement);
        }
        survives(&text.into_iter().collect::<String>());
    }

    /// Lines of sound documents in any order and indentation: YAML that means something else.
    #[test]
    fn shuffled_lines_never_panic(which in 0_usize..5, picks in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..10), 1..40)) {
        let text = references()[which].clone();
        let lines: Vec<&str> = text.lines().collect();
        let shuffled: String = picks
            .iter()
            .map(|(at, indent)| format!("{}{}\n", " ".repeat(*indent), at.get(&lines).trim_start()))
            .collect();
        survives(&shuffled);
    }

    #[test]
    fn any_text_never_panics(text in "\\PC{0,200}") {
        survives(&text);
    }
}
