//! The function that takes payments.

use crate::edge::{Error, SystemClock, log, serve, setting};
use crate::requests::Table;
use crate::topic::OutcomeTopic;
use crate::{api, clients, emf};
use payments::{Currency, Limits, Ports, Resumed, Taken, Verdict, resume, take};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Runs the function until Lambda ends it.
///
/// # Errors
/// When the environment is not what workload.yaml makes of it, or the runtime interface fails.
pub async fn process() -> Result<(), Error> {
    log();
    serve(Process::wire().await, |function: &'static Process, event| function.handle(event)).await
}

struct Process {
    requests: Table,
    topic: OutcomeTopic,
    provider: Limits,
}

/// What one invocation counts.
#[derive(Default)]
struct Counts {
    successes: u64,
    failures: u64,
    mismatches: u64,
    refused: u64,
    faults: u64,
    resumed: u64,
}

impl Counts {
    fn print(&self) {
        let Self { successes, failures, mismatches, refused, faults, resumed } = self;
        emf::print(&[
            ("Successes", *successes),
            ("Failures", *failures),
            ("Mismatches", *mismatches),
            ("Refused", *refused),
            ("Faults", *faults),
            ("Resumed", *resumed),
        ]);
    }
}

impl Process {
    async fn wire() -> Result<Self, Error> {
        let (table, topic) = (setting("PAYMENTS_REQUESTS")?, setting("PAYMENTS_TOPIC")?);
        let provider = limits(&setting("PAYMENTS_CURRENCIES")?, &setting("PAYMENTS_LARGEST")?)?;
        let config = clients::config().await;
        Ok(Self {
            requests: Table { client: aws_sdk_dynamodb::Client::new(&config), name: table },
            topic: OutcomeTopic { client: aws_sdk_sns::Client::new(&config), arn: topic },
            provider,
        })
    }

    fn ports(&self) -> Ports<'_, Table, Limits, OutcomeTopic, SystemClock> {
        let Self { requests, topic, provider } = self;
        Ports { requests, provider, topic, clock: &SystemClock }
    }

    async fn handle(&self, event: Value) -> Result<Value, Error> {
        let mut counts = Counts::default();
        // A body cannot pretend to be the schedule: it arrives inside a request.
        let answer = if api::is_request(&event) {
            Ok(self.pay(&event, &mut counts).await)
        } else if event == json!({ "resume": true }) {
            self.resume(&mut counts).await
        } else {
            Err(Error::Event("neither a request of API Gateway nor {\"resume\": true}"))
        };
        counts.print();
        answer
    }

    async fn pay(&self, event: &Value, counts: &mut Counts) -> Value {
        let request = match api::request(event) {
            Ok(request) => request,
            Err(refused) => {
                counts.refused += 1;
                tracing::info!(?refused, "refused");
                return api::refused(&refused);
            }
        };
        let payment = request.payment_id.clone();
        match take(request, &self.ports()).await {
            Ok(Taken::Decided(outcome)) => {
                match outcome.verdict {
                    Verdict::Success => counts.successes += 1,
                    Verdict::Failure { reason: _ } => counts.failures += 1,
                }
                tracing::info!(%payment, outcome = outcome.verdict.name(), "decided");
                api::decided(&outcome)
            }
            Ok(Taken::Mismatch) => {
                counts.mismatches += 1;
                tracing::warn!(%payment, "another request with an id that is taken");
                api::mismatch()
            }
            // Not an error of the invocation: the client is told what to do, and the alarm on faults what happened.
            Err(fault) => {
                counts.faults += 1;
                tracing::error!(%payment, %fault, "not finished; it is resumed if nobody asks again");
                api::unavailable()
            }
        }
    }

    async fn resume(&self, counts: &mut Counts) -> Result<Value, Error> {
        let Resumed { finished, faults } = resume(&self.ports()).await.map_err(Error::List)?;
        counts.resumed += finished.len() as u64;
        counts.faults += faults.len() as u64;
        for payment in &finished {
            tracing::info!(%payment, "resumed");
        }
        let failed = faults.len();
        match faults.into_iter().next() {
            Some(first) => Err(Error::Resume { failed, first }),
            None => Ok(json!({ "resumed": finished.len() })),
        }
    }
}

fn limits(currencies: &str, largest: &str) -> Result<Limits, Error> {
    let wrong = |variable: &str, problem: &str| Error::Setting { variable: variable.into(), problem: problem.into() };
    let currencies = currencies.split(',').map(|code| Currency::try_from(code.trim().to_owned()));
    let currencies: Result<BTreeSet<_>, _> = currencies.collect();
    Ok(Limits {
        currencies: currencies.map_err(|problem| wrong("PAYMENTS_CURRENCIES", problem))?,
        largest: largest.trim().parse().map_err(|_| wrong("PAYMENTS_LARGEST", "is no whole number of minor units"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_or_refused() {
        let read = limits("EUR, USD", "500000").unwrap();
        assert_eq!((read.currencies.len(), read.largest), (2, 500_000));
        for (currencies, largest) in [("", "1"), ("EUR,", "1"), ("euro", "1"), ("EUR", "5,000"), ("EUR", "-1")] {
            assert!(limits(currencies, largest).is_err(), "{currencies} {largest}");
        }
    }
}
