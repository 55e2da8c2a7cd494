//! What an observation says of one thing. A failed describe is unknown, never absent.

use serde::{Deserialize, Serialize};

/// Present, absent, or unknown with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen<T> {
    /// AWS described it.
    Present(T),
    /// AWS answered in full, and it was not there.
    Absent,
    /// Nobody knows: nothing may be created or deleted on the strength of this.
    Unknown(Unseen),
}

/// Why a thing was not seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unseen {
    /// The hints did not ask for it, so it was not described.
    OutOfScope,
    /// The describe failed, or its answer was partial.
    Failed {
        /// Whether trying again later may help.
        retryable: bool,
        /// What AWS said.
        why: String,
    },
}

impl<T> Seen<T> {
    /// The thing, if it was seen.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(thing) => Some(thing),
            Self::Absent | Self::Unknown(_) => None,
        }
    }
}
