//! From what the controls see to what AWS Config is told.

use super::inspect::Sight;
use super::kinds::ConfigType;
use jiff::Timestamp;
use std::collections::BTreeMap;
use topology::{ResourceId, Severity, Unseen};

/// The most characters that an annotation may have
/// (<https://docs.aws.amazon.com/config/latest/APIReference/API_Evaluation.html>).
const LONGEST: usize = 256;

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
    findings: Vec<(Severity, String)>,
    kept: bool,
    blind: Vec<Unseen>,
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
            let brake = sight.brake(drift).map(|brake| format!(" ({brake})")).unwrap_or_default();
            let weight = match drift.severity {
                Severity::Exposure => "exposure: ",
                Severity::Advice => "advice: ",
                Severity::Drift => "",
            };
            let text = printable(&format!("{weight}{}: {}{brake}", drift.name, drift.summary));
            for id in sight.about(drift) {
                seen.entry(id).or_default().findings.push((drift.severity, text.clone()));
            }
        }
        for held in sight.unbound.iter().filter(|held| held.resource.id.as_str().starts_with("vpc-")) {
            let text = printable(&format!("{}: {}", held.name, held.why));
            seen.entry(held.resource.id.clone()).or_default().findings.push((Severity::Drift, text));
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

/// What is not shown by sights that could not see everything: it may be there.
pub(super) fn absent(sights: &[Sight], why: &str) -> Verdict {
    match sights.iter().flat_map(|sight| &sight.blind).next() {
        Some(unseen) => Verdict::Unknown(unseen.clone()),
        None => Verdict::Known(Compliance::NotApplicable, Some(why.into())),
    }
}

impl Case {
    pub(super) fn verdict(mut self) -> Verdict {
        // The worst first; of equals in the order of their words, and two controls may say the same.
        self.findings.sort_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
        self.findings.dedup();
        let worst = self.findings.first().map(|(severity, _)| *severity);
        let said = annotation(&self.findings.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>());
        match (worst, self.blind.into_iter().next(), self.kept) {
            // A drift that was seen is a drift, whatever else was not.
            (Some(Severity::Drift | Severity::Exposure), _, _) => Verdict::Known(Compliance::NonCompliant, said),
            (_, Some(unseen), _) => Verdict::Unknown(unseen),
            (_, None, true) => Verdict::Known(Compliance::Compliant, said),
            (_, None, false) => Verdict::Known(Compliance::NotApplicable, said),
        }
    }
}

/// As many findings as fit, and how many more there are; the first one is cut where not even that fits.
fn annotation(findings: &[&str]) -> Option<String> {
    let (first, _) = findings.split_first()?;
    let fits = |text: &str| text.chars().count() <= LONGEST;
    let more = |shown: usize| match findings.len() - shown {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let whole = (1..=findings.len()).rev().map(|shown| {
        let text = findings.iter().take(shown).copied().collect::<Vec<_>>().join("; ");
        format!("{text}{}", more(shown))
    });
    whole.into_iter().find(|text| fits(text)).or_else(|| {
        let tail = format!("…{}", more(1));
        let room = LONGEST - tail.chars().count();
        Some(format!("{}{tail}", first.chars().take(room).collect::<String>()))
    })
}

/// Names and summaries hold what documents and AWS say; an annotation is shown to people.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_shows_what_fits_and_counts_the_rest() {
        assert_eq!(annotation(&[]), None);
        assert_eq!(annotation(&["main/alb: extra rule"]).as_deref(), Some("main/alb: extra rule"));
        assert_eq!(annotation(&["a", "b"]).as_deref(), Some("a; b"));
        let long = "ä".repeat(100);
        let three = annotation(&[&long, &long, &long]).unwrap();
        assert_eq!(three, format!("{long}; {long}; and 1 more"));
    }

    #[test]
    fn an_annotation_is_never_longer_than_config_takes() {
        let words: Vec<String> = (0..60).map(|n| "é…".repeat(n * 3)).collect();
        for many in 1..words.len() {
            let some: Vec<&str> = words.iter().rev().take(many).map(String::as_str).collect();
            let text = annotation(&some).unwrap();
            assert!(text.chars().count() <= LONGEST, "{many}: {}", text.chars().count());
        }
        let cut = annotation(&["x".repeat(300).as_str(), "y"]).unwrap();
        assert_eq!(cut.chars().count(), LONGEST);
        assert!(cut.ends_with("x…; and 1 more"), "{cut}");
    }

    fn case(findings: &[(Severity, &str)], kept: bool, blind: bool) -> Verdict {
        let blind = blind.then(|| Unseen::Failed { retryable: true, why: "throttled".into() }).into_iter().collect();
        let findings = findings.iter().map(|(severity, text)| (*severity, (*text).to_owned())).collect();
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
