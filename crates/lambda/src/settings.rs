//! What the environment says.

use crate::edge::Error;
use aws::setting;
use jiff::SignedDuration;
use reconciler::{Settings, StackCare};

/// What a function may do at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Batches, and everything by hand.
    Enforce,
    /// By-hand plan and status.
    Plan,
}

/// `PLUMBLINE_HAND_ONLY`: absent, or `plan`. Anything else is refused: a mistyped brake must not open.
pub(crate) fn reach() -> Result<Reach, Error> {
    reach_of(std::env::var("PLUMBLINE_HAND_ONLY").ok().as_deref())
}

fn reach_of(value: Option<&str>) -> Result<Reach, Error> {
    match value {
        None => Ok(Reach::Enforce),
        Some("plan") => Ok(Reach::Plan),
        Some(other) => {
            Err(wrong("PLUMBLINE_HAND_ONLY", format!("`{other}` is not `plan`, the only value that it may have")))
        }
    }
}

/// The loop's constants, with `PLUMBLINE_RECHECK_SECONDS`.
pub(crate) fn settings() -> Result<Settings, Error> {
    let mut settings = Settings::default();
    if let Ok(seconds) = setting("PLUMBLINE_RECHECK_SECONDS") {
        settings.recheck = recheck(&seconds)?;
    }
    Ok(settings)
}

/// What may be done to the networks' stacks: `PLUMBLINE_DRIFT_HOURS`, where 0 or nothing is never, and `PLUMBLINE_STACK_REPAIR`.
pub(crate) fn stack_care() -> Result<StackCare, Error> {
    Ok(StackCare {
        detect_every: setting("PLUMBLINE_DRIFT_HOURS").map_or(Ok(None), |hours| drift_hours(&hours))?,
        may_repair: setting("PLUMBLINE_STACK_REPAIR").map_or(Ok(false), |word| stack_repair(&word))?,
    })
}

fn stack_repair(word: &str) -> Result<bool, Error> {
    match word {
        "report" => Ok(false),
        "execute" => Ok(true),
        other => Err(wrong("PLUMBLINE_STACK_REPAIR", format!("`{other}` is neither `report` nor `execute`"))),
    }
}

fn drift_hours(hours: &str) -> Result<Option<SignedDuration>, Error> {
    match hours.trim().parse::<u16>() {
        Ok(0) => Ok(None),
        Ok(hours) if hours <= 720 => Ok(Some(SignedDuration::from_hours(hours.into()))),
        _ => Err(wrong("PLUMBLINE_DRIFT_HOURS", format!("`{hours}` is not a number of hours from 0 to 720"))),
    }
}

fn recheck(seconds: &str) -> Result<SignedDuration, Error> {
    match seconds.trim().parse::<u16>() {
        Ok(seconds) if seconds <= 900 => Ok(SignedDuration::from_secs(seconds.into())),
        _ => Err(wrong("PLUMBLINE_RECHECK_SECONDS", format!("`{seconds}` is not a number of seconds from 0 to 900"))),
    }
}

fn wrong(variable: &str, problem: String) -> Error {
    aws::Error::Setting { variable: variable.into(), problem }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_brake_does_not_open() {
        assert_eq!(reach_of(None).unwrap(), Reach::Enforce);
        assert_eq!(reach_of(Some("plan")).unwrap(), Reach::Plan);
        for wrong in ["", "Plan", "true", "enforce"] {
            assert!(reach_of(Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn drift_detection_is_off_or_a_number_of_hours() {
        assert_eq!(drift_hours("0").unwrap(), None);
        assert_eq!(drift_hours("24").unwrap(), Some(SignedDuration::from_hours(24)));
        for wrong in ["-1", "721", "1d", ""] {
            assert!(drift_hours(wrong).unwrap_err().to_string().contains("PLUMBLINE_DRIFT_HOURS"), "{wrong}");
        }
    }

    #[test]
    fn stacks_are_repaired_only_where_the_deployment_says_so() {
        assert!(stack_repair("execute").unwrap());
        assert!(!stack_repair("report").unwrap());
        for wrong in ["", "Execute", "yes"] {
            assert!(stack_repair(wrong).unwrap_err().to_string().contains("PLUMBLINE_STACK_REPAIR"), "{wrong}");
        }
    }

    #[test]
    fn a_recheck_delay_is_what_sqs_takes() {
        assert_eq!(recheck("5").unwrap(), SignedDuration::from_secs(5));
        assert_eq!(recheck("0").unwrap(), SignedDuration::ZERO);
        for wrong in ["-1", "901", "5s", "1e3"] {
            assert!(recheck(wrong).unwrap_err().to_string().contains("PLUMBLINE_RECHECK_SECONDS"), "{wrong}");
        }
    }
}
