//! What every function has in common: how it starts, and what one invocation knows of itself.

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use reconciler::Run;
use serde_json::Value;
use std::fmt::Display;
use std::future::Future;
use tracing::Instrument;

/// What keeps a function from starting, or fails one invocation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The environment is not what template.yaml makes of it.
    #[error(transparent)]
    Setting(#[from] aws::Error),
    /// The loop failed as a whole: whoever invoked tries again.
    #[error(transparent)]
    Loop(#[from] reconciler::Error),
    /// An answer that is no JSON.
    #[error("the answer cannot be written: {0}")]
    Answer(#[from] serde_json::Error),
    /// The Lambda runtime interface failed.
    #[error("the Lambda runtime failed: {0}")]
    Runtime(String),
}

/// What whoever invoked is told.
impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        let error_type = match &error {
            Error::Setting(_) => "Setting",
            Error::Loop(_) => "Loop",
            Error::Answer(_) => "Answer",
            Error::Runtime(_) => "Runtime",
        };
        Self { error_type: error_type.into(), error_message: error.to_string() }
    }
}

/// Kept back from the time that Lambda gives: what was done is recorded, the lease released and the hints re-sent before the function is
/// cut off. Longer than one call may take with all of its tries.
const RESERVE: SignedDuration = SignedDuration::from_secs(15);

/// Starts the function, or says why it cannot, and answers one invocation after the other.
pub(crate) async fn serve<F, H, A>(wired: Result<F, Error>, handle: H) -> Result<(), Error>
where
    H: Fn(&'static F, Value, Run, String) -> A,
    A: Future<Output = Result<Value, Error>>,
    F: 'static,
{
    let function: &'static F = match wired {
        // The function lives as long as the process.
        Ok(function) => Box::leak(Box::new(function)),
        Err(error) => {
            tracing::error!(%error, "the function cannot start");
            return Err(error);
        }
    };
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let LambdaEvent { payload, context } = event;
        let run = Run { id: context.request_id.clone(), deadline: deadline(context.deadline, Timestamp::now()) };
        let span = tracing::info_span!("invocation", request_id = %context.request_id);
        // Boxed once an invocation: the whole loop in one type is more than the compiler lays out.
        let handled = Box::pin(handle(function, payload, run, by(&context)));
        async move { handled.await.inspect_err(|error| tracing::error!(%error, "the invocation failed")) }
            .instrument(span)
    }))
    .await
    .map_err(|error| Error::Runtime(error.to_string()))
}

/// When to stop starting new work. A time-out that is not much longer than the reserve is shared fairly.
fn deadline(milliseconds: u64, now: Timestamp) -> Option<Timestamp> {
    let end = i64::try_from(milliseconds).ok().filter(|end| *end > 0)?;
    let end = Timestamp::from_millisecond(end).ok()?;
    let left = end.duration_since(now);
    end.checked_sub(RESERVE.min(left.checked_div(3)?)).ok()
}

/// Who asks. Lambda does not tell a function who invoked it; whoever says so is believed for the record only.
fn by(context: &Context) -> String {
    let says = context.client_context.as_ref().and_then(|client| client.custom.get("by"));
    match says.map(|name| name.trim()).filter(|name| !name.is_empty()) {
        Some(name) => printable(name),
        None => printable(format!("hand, request {}", context.request_id)),
    }
}

fn printable(text: impl Display) -> String {
    text.to_string().chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_to_record_is_kept_back() {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let at = |seconds: i64| u64::try_from((1_790_000_000 + seconds) * 1000).unwrap();
        let after = |end| deadline(end, now).map(|deadline| deadline.duration_since(now).as_secs());
        assert_eq!(after(at(60)), Some(45));
        assert_eq!(after(at(30)), Some(20));
        assert_eq!(after(at(3)), Some(2));
        assert_eq!(after(0), None);
    }

    #[test]
    fn who_asks_is_a_short_printable_text() {
        let mut context = Context::default();
        context.request_id = "r-1".into();
        assert_eq!(by(&context), "hand, request r-1");
        assert_eq!(printable(format!("ana\n{}", "x".repeat(500))).len(), 200);
    }
}
