//! From what the controls see to what AWS Config is told.

use super::inspect::Sight;
use super::kinds::ConfigType;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use topology::{ResourceId, Severity, Unseen};

/// The most characters that an annotation may have
/// (<https://docs.aws.amazon.com/config/latest/APIReference/API_Evaluation.html>).
const LONGEST: usize = 256;
/// Of an order, where not everything fits: its kind, its end, and the beginning of its reason.
const LONGEST_BRAKE: usize = 96;

/// What AWS Config may be told of a resource. There is no fourth: it refuses `INSUFFICIENT_DATA`
/// (<https://docs.aws.amazon.com/config/latest/APIReference/API_Evaluation.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Compliance {
    /// It is as declared.
    Compliant,
    /// It differs, whether or not that is going to be mended.
    NonCompliant,
    /// No topology says anything of it, or it is gone.
    NotApplicable,
}

/// One resource's evaluation.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Evaluation {
    /// Its type, as AWS Config named it, such as `AWS::EC2::VPC`.
    pub kind: String,
    /// Its id.
    pub id: ResourceId,
    /// The verdict.
    pub compliance: Compliance,
    /// Why, in 1 to 256 characters; `None` when there is nothing to say.
    pub annotation: Option<String>,
    /// The time of what AWS Config saw, which orders evaluations.
    pub at: Timestamp,
}

/// What is known of one resource.
#[derive(Debug, Default)]
pub(super) struct Case {
    findings: Vec<Finding>,
    kept: bool,
    blind: Vec<Unseen>,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    severity: Severity,
    what: String,
    /// The order that keeps it so.
    brake: Option<String>,
}

/// What became of a case.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Known(Compliance, Option<String>),
    /// Nothing is claimed.
    Unknown(Unseen),
}

/// Every resource that the sights show, each with the findings about it.
pub(super) fn cases(sights: &[Sight]) -> BTreeMap<ResourceId, Case> {
    let mut cases: BTreeMap<ResourceId, Case> = BTreeMap::new();
    for sight in sights {
        let judged = ConfigType::judged_by(sight.key.control);
        let mut seen = BTreeMap::<ResourceId, Case>::new();
        for id in sight.kept.keys() {
            seen.entry(id.clone()).or_default().kept = true;
        }
        for drift in &sight.drifts {
            let weight = match drift.severity {
                Severity::Exposure => "exposure: ",
                Severity::Advice => "advice: ",
                Severity::Drift => "",
            };
            let finding = Finding {
                severity: drift.severity,
                what: printable(&format!("{weight}{}: {}", drift.name, drift.summary)),
                brake: sight.brake(drift).map(|brake| printable(&brake)),
            };
            for id in sight.about(drift) {
                seen.entry(id).or_default().findings.push(finding.clone());
            }
        }
        for held in sight.unbound.iter().filter(|held| held.resource.id.as_str().starts_with("vpc-")) {
            let what = printable(&format!("{}: {}", held.name, held.why));
            let finding = Finding { severity: Severity::Drift, what, brake: None };
            seen.entry(held.resource.id.clone()).or_default().findings.push(finding);
        }
        for (id, Case { mut findings, kept, blind: _ }) in seen {
            if ConfigType::of(&id).is_some_and(|kind| judged.contains(&kind)) {
                let case = cases.entry(id).or_default();
                case.findings.append(&mut findings);
                case.kept |= kept;
                case.blind.extend(sight.blind.iter().cloned());
            }
        }
    }
    cases
}

/// What is not shown by sights that could not see everything: it may be there. `None`: a person has to say first which VPC is meant,
/// and whoever asks again until then is told no more.
pub(super) fn absent(sights: &[Sight], why: &str) -> Option<Verdict> {
    match sights.iter().flat_map(|sight| &sight.blind).next() {
        Some(unseen) => Some(Verdict::Unknown(unseen.clone())),
        None if sights.iter().any(|sight| sight.doubtful) => None,
        None => Some(Verdict::Known(Compliance::NotApplicable, Some(why.into()))),
    }
}

impl Case {
    pub(super) fn verdict(mut self) -> Verdict {
        // The worst first; of equals in the order of their words, and two controls may say the same.
        let order = |left: &Finding, right: &Finding| {
            right.severity.cmp(&left.severity).then_with(|| left.what.cmp(&right.what))
        };
        self.findings.sort_by(order);
        self.findings.dedup();
        let worst = self.findings.first().map(|finding| finding.severity);
        let said = annotation(&self.findings);
        match (worst, self.blind.into_iter().next(), self.kept) {
            // A drift that was seen is a drift, whatever else was not.
            (Some(Severity::Drift | Severity::Exposure), _, _) => Verdict::Known(Compliance::NonCompliant, said),
            (_, Some(unseen), _) => Verdict::Unknown(unseen),
            (_, None, true) => Verdict::Known(Compliance::Compliant, said),
            (_, None, false) => Verdict::Known(Compliance::NotApplicable, said),
        }
    }
}

/// As many findings as fit, and how many more there are; the first one is cut where not even that fits, but not the order that keeps
/// it so.
fn annotation(findings: &[Finding]) -> Option<String> {
    let first = findings.first()?;
    let more = |shown: usize| match findings.len() - shown {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let mut whole = (1..=findings.len()).rev().map(|shown| {
        let text = findings.iter().take(shown).map(ToString::to_string).collect::<Vec<_>>().join("; ");
        format!("{text}{}", more(shown))
    });
    whole.find(|text| length(text) <= LONGEST).or_else(|| {
        let brake: Option<String> = first.brake.as_ref().map(|brake| brake.chars().take(LONGEST_BRAKE).collect());
        let tail = format!("…{}{}", in_brackets(brake.as_deref()), more(1));
        let room = LONGEST.saturating_sub(length(&tail));
        Some(format!("{}{tail}", first.what.chars().take(room).collect::<String>()))
    })
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity: _, what, brake } = self;
        write!(f, "{what}{}", in_brackets(brake.as_deref()))
    }
}

fn in_brackets(brake: Option<&str>) -> String {
    brake.map(|brake| format!(" ({brake})")).unwrap_or_default()
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Names and summaries hold what documents and AWS say; an annotation is shown to people.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, what: &str, brake: Option<&str>) -> Finding {
        Finding { severity, what: what.into(), brake: brake.map(Into::into) }
    }

    fn said(findings: &[&str]) -> Option<String> {
        annotation(&findings.iter().map(|what| finding(Severity::Drift, what, None)).collect::<Vec<_>>())
    }

    #[test]
    fn an_annotation_shows_what_fits_and_counts_the_rest() {
        assert_eq!(said(&[]), None);
        assert_eq!(said(&["main/alb: extra rule"]).as_deref(), Some("main/alb: extra rule"));
        assert_eq!(said(&["a", "b"]).as_deref(), Some("a; b"));
        let long = "ä".repeat(100);
        assert_eq!(said(&[&long, &long, &long]), Some(format!("{long}; {long}; and 1 more")));
    }

    #[test]
    fn an_annotation_is_never_longer_than_config_takes() {
        let words: Vec<String> = (0..60).map(|n| "é…".repeat(n * 3)).collect();
        for many in 1..words.len() {
            let some: Vec<&str> = words.iter().rev().take(many).map(String::as_str).collect();
            let text = said(&some).unwrap();
            assert!(length(&text) <= LONGEST, "{many}: {}", length(&text));
        }
        let cut = said(&["x".repeat(300).as_str(), "y"]).unwrap();
        assert_eq!(length(&cut), LONGEST);
        assert!(cut.ends_with("x…; and 1 more"), "{cut}");
    }

    #[test]
    fn the_order_behind_a_drift_is_told_however_long_the_drift_is() {
        let order = "paused until 2026-11-20T04:00:00Z: planned work";
        let short = finding(Severity::Drift, "main/alb: extra rule", Some(order));
        assert_eq!(annotation(&[short]), Some(format!("main/alb: extra rule ({order})")));
        let long = finding(Severity::Exposure, &"x".repeat(300), Some(order));
        let text = annotation(&[long.clone(), long.clone()]).unwrap();
        assert!(text.ends_with(&format!("x… ({order}); and 1 more")) && length(&text) == LONGEST, "{text}");
        let endless = finding(Severity::Exposure, &"x".repeat(300), Some(&"y".repeat(300)));
        let text = annotation(&[endless]).unwrap();
        assert!(text.contains("x… (y") && length(&text) == LONGEST, "{text}");
    }

    fn case(findings: &[(Severity, &str)], kept: bool, blind: bool) -> Verdict {
        let blind = blind.then(|| Unseen::Failed { retryable: true, why: "throttled".into() }).into_iter().collect();
        let findings = findings.iter().map(|(severity, what)| finding(*severity, what, None)).collect();
        Case { findings, kept, blind }.verdict()
    }

    #[test]
    fn what_was_not_seen_is_never_called_compliant() {
        let known = |compliance, text: Option<&str>| Verdict::Known(compliance, text.map(Into::into));
        let unseen = || Verdict::Unknown(Unseen::Failed { retryable: true, why: "throttled".into() });
        let drift = (Severity::Drift, "b");
        assert_eq!(case(&[], true, false), known(Compliance::Compliant, None));
        assert_eq!(case(&[], true, true), unseen());
        assert_eq!(case(&[(Severity::Advice, "a")], true, true), unseen());
        assert_eq!(case(&[(Severity::Advice, "a")], true, false), known(Compliance::Compliant, Some("a")));
        assert_eq!(case(&[(Severity::Advice, "a")], false, false), known(Compliance::NotApplicable, Some("a")));
        assert_eq!(case(&[drift], true, true), known(Compliance::NonCompliant, Some("b")));
        let both = [(Severity::Advice, "a"), drift, drift, (Severity::Exposure, "c")];
        assert_eq!(case(&both, false, false), known(Compliance::NonCompliant, Some("c; b; a")));
    }
}
