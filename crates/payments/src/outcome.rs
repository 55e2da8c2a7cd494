//! What became of a payment: the message between the two functions.

use crate::payment::{Amount, Currency, PaymentId, hex};
use crate::ports::Decision;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The longest message that is read, in bytes; ours have less than 400.
const LONGEST: usize = 4096;
/// The longest reason, in characters.
const LONGEST_REASON: usize = 200;

/// How a payment ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The money is taken.
    Success,
    /// It is not, and never will be under this id.
    Failure {
        /// Why, for people.
        reason: String,
    },
}

impl Verdict {
    /// `success` or `failure`: the attribute that subscribers filter by.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure { reason: _ } => "failure",
        }
    }

    /// The same with a reason that a message holds, whatever the provider said: what is decided must be readable for good.
    #[must_use]
    pub fn bounded(self) -> Self {
        match self {
            Self::Failure { reason } if reason.trim().is_empty() => Self::Failure { reason: "declined".into() },
            Self::Failure { reason } => Self::Failure { reason: reason.chars().take(LONGEST_REASON).collect() },
            Self::Success => Self::Success,
        }
    }
}

/// One payment and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which payment.
    pub payment_id: PaymentId,
    /// How much it was about.
    pub amount: Amount,
    /// How it ended.
    pub verdict: Verdict,
    /// When that was decided.
    pub decided_at: Timestamp,
}

/// The message as JSON. Flat, strict in both directions, and with a version, for the day when it changes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u8,
    payment_id: PaymentId,
    outcome: Name,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    amount: u64,
    currency: Currency,
    decided_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Name {
    Success,
    Failure,
}

/// A message that is no outcome of ours. It is never acted upon, and goes to the dead letters.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is longer than any of ours.
    #[error("the message has {0} bytes")]
    TooLong(usize),
    /// It is not the JSON that it should be. serde_json's words name the place; of the content they show no more than a word.
    #[error("the message is no outcome: {0}")]
    Form(#[from] serde_json::Error),
    /// Its members contradict each other.
    #[error("the message contradicts itself: {0}")]
    Sense(&'static str),
}

impl Outcome {
    /// Of a decision.
    pub fn new(payment_id: PaymentId, amount: Amount, decision: Decision) -> Self {
        let Decision { verdict, decided_at } = decision;
        Self { payment_id, amount, verdict, decided_at }
    }

    /// The message.
    ///
    /// # Errors
    /// None that is known: it is plain data.
    pub fn write(&self) -> Result<String, serde_json::Error> {
        let Self { payment_id, amount: Amount { minor, currency }, verdict, decided_at } = self.clone();
        let (outcome, reason) = match verdict {
            Verdict::Success => (Name::Success, None),
            Verdict::Failure { reason } => (Name::Failure, Some(reason)),
        };
        serde_json::to_string(&Wire { version: 1, payment_id, outcome, reason, amount: minor, currency, decided_at })
    }

    /// Reads a message, and nothing but a message.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        if text.len() > LONGEST {
            return Err(Unreadable::TooLong(text.len()));
        }
        let Wire { version, payment_id, outcome, reason, amount, currency, decided_at } = serde_json::from_str(text)?;
        if version != 1 {
            return Err(Unreadable::Sense("a version that this function does not know"));
        }
        if amount == 0 {
            return Err(Unreadable::Sense("a payment of nothing"));
        }
        let verdict = match (outcome, reason) {
            (Name::Success, None) => Verdict::Success,
            (Name::Failure, Some(reason)) if (1..=LONGEST_REASON).contains(&reason.chars().count()) => {
                Verdict::Failure { reason }
            }
            (Name::Success, Some(_)) => return Err(Unreadable::Sense("a success with a reason")),
            (Name::Failure, _) => return Err(Unreadable::Sense("a failure without a short reason")),
        };
        Ok(Self { payment_id, amount: Amount { minor: amount, currency }, verdict, decided_at })
    }

    /// A digest of all of it: the name under which a conflicting outcome is kept, so that the same one is kept once.
    pub fn digest(&self) -> String {
        let Self { payment_id, amount: Amount { minor, currency }, verdict, decided_at } = self;
        let reason = match verdict {
            Verdict::Success => "",
            Verdict::Failure { reason } => reason.as_str(),
        };
        let text = format!("{payment_id}\n{minor}\n{currency}\n{}\n{reason}\n{decided_at}", verdict.name());
        hex(&Sha256::digest(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(verdict: Verdict) -> Outcome {
        Outcome {
            payment_id: "payment-0001".to_owned().try_into().unwrap(),
            amount: Amount { minor: 1250, currency: "EUR".to_owned().try_into().unwrap() },
            verdict,
            decided_at: "2026-11-20T03:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for verdict in [Verdict::Success, Verdict::Failure { reason: "more than 5,000.00 EUR".into() }] {
            let outcome = outcome(verdict);
            assert_eq!(Outcome::read(&outcome.write().unwrap()).unwrap(), outcome);
        }
        insta::assert_snapshot!(outcome(Verdict::Success).write().unwrap(), @r#"{"version":1,"payment_id":"payment-0001","outcome":"success","amount":1250,"currency":"EUR","decided_at":"2026-11-20T03:00:00Z"}"#);
    }

    #[test]
    fn whatever_a_provider_says_can_be_read_again() {
        for reason in ["", " \n", &"é".repeat(300), "insufficient funds"] {
            let outcome = outcome(Verdict::Failure { reason: reason.into() }.bounded());
            assert_eq!(Outcome::read(&outcome.write().unwrap()).unwrap(), outcome);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let good = outcome(Verdict::Success).write().unwrap();
        for (from, to) in [
            ("\"version\":1", "\"version\":2"),
            ("\"version\":1,", ""),
            ("success", "refunded"),
            ("success", "failure"),
            ("\"amount\":1250", "\"amount\":0"),
            ("\"amount\":1250", "\"amount\":12.5"),
            ("\"amount\":1250", "\"amount\":-1"),
            ("EUR", "eur"),
            ("payment-0001", "p"),
            ("2026-11-20T03:00:00Z", "yesterday"),
            ("\"currency\"", "\"card\":\"4111111111111111\",\"currency\""),
            ("\"currency\"", "\"reason\":\"because\",\"currency\""),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            assert!(Outcome::read(&bad).is_err(), "{bad}");
        }
        for bad in ["", "null", "{}", "[[[[", &"[".repeat(4000), &" ".repeat(5000)] {
            assert!(Outcome::read(bad).is_err());
        }
    }
}
