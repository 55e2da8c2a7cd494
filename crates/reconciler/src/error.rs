//! What can go wrong in the loop itself.

use crate::Fault;

/// An error of this crate. What AWS refused is a [`Fault`] and mostly ends up in a report, not here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A message that will never be understood: it goes back to the queue, and from there to the dead-letter queue.
    #[error("message refused: {0}")]
    Refused(String),
    /// By-hand input that is not one of the valid forms.
    #[error("{message}")]
    Hand {
        /// What is wrong with it.
        message: String,
        /// The valid forms, to copy.
        valid: Vec<String>,
    },
    /// A port failed, and with it the whole run.
    #[error(transparent)]
    Fault(#[from] Fault),
}
