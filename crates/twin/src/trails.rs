//! Trails that are what a test says.

use reconciler::{EventSelector, Fault, Trail};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use topology::Place;

/// What CloudTrail answers, for every place. One trail logs everything unless told otherwise.
#[derive(Debug)]
pub struct Trails(Mutex<Result<Vec<Trail>, Fault>>);

impl Default for Trails {
    fn default() -> Self {
        Self(Mutex::new(Ok(vec![Self::of_everything()])))
    }
}

impl Trails {
    /// A trail that is logging all management events.
    pub fn of_everything() -> Trail {
        let all = EventSelector::Basic { management: true, read_write: "All".into(), excluded: BTreeSet::new() };
        let arn = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/management";
        Trail { arn: arn.into(), logging: Ok(true), selectors: Ok(vec![all]) }
    }

    /// Answers this from now on.
    pub fn set(&self, answer: Result<Vec<Trail>, Fault>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }
}

impl reconciler::Trails for Trails {
    async fn trails(&self, _: &Place) -> Result<Vec<Trail>, Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
