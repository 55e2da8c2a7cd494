//! The rule of AWS Config sees what the control sees.

use super::stage::Stage;
use super::subject::Subject;
use crate::compliance::{Config, OneEye, scheduled};
use crate::world::at_once;
use reconciler::{Error, Evaluated, Run, evaluate};
use std::marker::PhantomData;
use topology::Severity;

fn evaluated<S: Subject>(stage: &Stage<S>) -> Result<Evaluated, Error> {
    let (served, clock) = (&stage.served, &stage.clock);
    let eyes =
        OneEye::<S::Control, _, _> { served, eyes: &stage.cloud, ledger: &stage.ledger, clock, control: PhantomData };
    let run = Run { id: "config".into(), deadline: None };
    at_once(evaluate(&scheduled(), served, &eyes, &Config::default(), clock, &run))
}

pub(super) fn what_is_broken_is_non_compliant_until_mended<S: Subject>() {
    for way in S::ways() {
        let stage = Stage::<S>::new();
        let before = evaluated(&stage).unwrap();
        assert_eq!(before.non_compliant, 0, "{}: {before:#?}", way.name);
        assert!(before.compliant > 0, "{}: {before:#?}", way.name);

        let messages = stage.breaks(&way);
        stage.forget();
        let broken = evaluated(&stage).unwrap();
        assert_eq!(stage.writes(), vec![], "{}: it only looks", way.name);
        assert_eq!(stage.ledger.take_writes(), Vec::<&str>::new(), "{}", way.name);

        let log = stage.deliver(messages);
        log.converged(way.name);
        // The control saw it a moment later, when more may have come of it.
        let told = |summary: &str| {
            let start: String = summary.chars().take(40).collect();
            broken.evaluations.iter().filter_map(|one| one.annotation.as_deref()).any(|text| text.contains(&start))
        };
        let drifts = log.reports[0].drifts.iter().filter(|drift| drift.severity > Severity::Advice);
        let summaries: Vec<&str> = drifts.map(|drift| drift.summary.as_str()).collect();
        if !summaries.is_empty() {
            assert!(broken.non_compliant > 0, "{}: {broken:#?}", way.name);
            assert!(summaries.iter().any(|summary| told(summary)), "{}: {summaries:?}: {broken:#?}", way.name);
        }
        let mended = evaluated(&stage).unwrap();
        assert_eq!(mended.non_compliant, 0, "{}: {mended:#?}", way.name);
    }
}

pub(super) fn nothing_is_claimed_of_what_could_not_be_seen<S: Subject>() {
    let stage = Stage::<S>::new();
    stage.twin().weather(Some(twin::Dice::new(7, 1)));
    let blind = evaluated(&stage);
    assert!(matches!(&blind, Err(Error::Fault(fault)) if fault.is_retryable()), "{blind:?}");
    stage.calm();
    evaluated(&stage).unwrap();
}
