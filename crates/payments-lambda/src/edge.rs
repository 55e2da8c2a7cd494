//! What both functions have in common: how they start, and what keeps them from it.

use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use payments::{Clock, Fault};
use serde_json::Value;
use std::future::Future;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What keeps a function from starting, or fails one invocation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The environment is not what workload.yaml makes of it.
    #[error("{variable}: {problem}; it is set by topologies/hipaa/workload.yaml")]
    Setting {
        /// The environment variable.
        variable: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The event is none that the function is wired to.
    #[error("this event is {0}")]
    Event(&'static str),
    /// Open payments could not be finished; they stay open, and the next schedule tries again.
    #[error("{failed} open payments could not be finished; first: {first}")]
    Resume {
        /// How many.
        failed: usize,
        /// What failed first.
        first: Fault,
    },
    /// The open payments could not be listed.
    #[error(transparent)]
    List(Fault),
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
            Error::Setting { .. } => "Setting",
            Error::Event(_) => "Event",
            Error::Resume { .. } => "Resume",
            Error::List(_) => "List",
            Error::Answer(_) => "Answer",
            Error::Runtime(_) => "Runtime",
        };
        Self { error_type: error_type.into(), error_message: error.to_string() }
    }
}

/// JSON lines on standard output, where Lambda collects them. No line holds a body, a token or an address.
pub(crate) fn log() {
    let ours = Targets::new().with_default(Level::WARN).with_target("payments_lambda", Level::INFO);
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_target(false);
    // A second start, in a test, keeps the first.
    _ = tracing_subscriber::registry().with(ours).with(lines).try_init();
}

/// Answers one invocation after the other, until Lambda ends the process.
pub(crate) async fn serve<F, H, A>(wired: Result<F, Error>, handle: H) -> Result<(), Error>
where
    H: Fn(&'static F, Value) -> A,
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
        let handled = Box::pin(handle(function, event.payload));
        async move { handled.await.inspect_err(|error| tracing::error!(%error, "the invocation failed")) }
    }))
    .await
    .map_err(|error| Error::Runtime(error.to_string()))
}

/// A setting from the environment.
pub(crate) fn setting(variable: &str) -> Result<String, Error> {
    match std::env::var(variable) {
        Ok(value) if !value.trim().is_empty() => Ok(value),
        Ok(_) => Err(Error::Setting { variable: variable.into(), problem: "is empty".into() }),
        Err(problem) => Err(Error::Setting { variable: variable.into(), problem: problem.to_string() }),
    }
}

/// The system's clock.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
