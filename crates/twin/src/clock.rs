//! A clock that stands still until it is told otherwise.

use jiff::{SignedDuration, Timestamp};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A settable clock.
#[derive(Debug)]
pub struct Clock(Mutex<Timestamp>);

impl Clock {
    /// Stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves it on.
    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.guard();
        *now = now.saturating_add(by).unwrap_or(*now);
    }

    fn guard(&self) -> MutexGuard<'_, Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Clock {
    /// An arbitrary fixed night.
    fn default() -> Self {
        Self::at(Timestamp::constant(1_795_400_000, 0))
    }
}

impl reconciler::Clock for Clock {
    fn now(&self) -> Timestamp {
        *self.guard()
    }
}
