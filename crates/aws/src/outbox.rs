//! What goes out: rechecks and dead letters by SQS, outcomes and requests by EventBridge, pages by SNS.

mod bus;
mod letter;
mod queue;

use crate::clients::{Clients, setting};
use crate::errors::{Error, fault};
use jiff::SignedDuration;
use letter::Letter;
use reconciler::{Fault, FaultClass, Hint, Outbox, OutcomeEvent};
use serde_json::json;
use topology::{Place, TopologyId};

/// Who we are on the bus. The roles of the functions allow no other source.
const SOURCE: &str = "plumbline";

/// Where each kind of message goes. A function that never sends a kind has no destination for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destinations {
    /// The control's own queue.
    pub queue: Option<String>,
    /// Its dead-letter queue.
    pub dead_letters: Option<String>,
    /// The event bus.
    pub bus: Option<String>,
    /// The topic that people read.
    pub topic: Option<String>,
}

impl Destinations {
    /// All that a control needs, from `PLUMBLINE_QUEUE_URL`, `PLUMBLINE_DLQ_URL`, `PLUMBLINE_BUS` and `PLUMBLINE_TOPIC`.
    ///
    /// # Errors
    /// When one is missing: a function that cannot tell anybody must not start.
    pub fn of_control() -> Result<Self, Error> {
        Ok(Self {
            queue: Some(setting("PLUMBLINE_QUEUE_URL")?),
            dead_letters: Some(setting("PLUMBLINE_DLQ_URL")?),
            bus: Some(setting("PLUMBLINE_BUS")?),
            topic: Some(setting("PLUMBLINE_TOPIC")?),
        })
    }

    /// What the sweep needs: the bus, and the topic when it is given one.
    ///
    /// # Errors
    /// When `PLUMBLINE_BUS` is missing.
    pub fn of_sweep() -> Result<Self, Error> {
        let topic = setting("PLUMBLINE_TOPIC").ok();
        Ok(Self { queue: None, dead_letters: None, bus: Some(setting("PLUMBLINE_BUS")?), topic })
    }
}

/// The outbox of one function.
#[derive(Clone, Debug)]
pub struct AwsOutbox {
    sqs: aws_sdk_sqs::Client,
    eventbridge: aws_sdk_eventbridge::Client,
    sns: aws_sdk_sns::Client,
    to: Destinations,
}

impl AwsOutbox {
    /// Over these clients.
    pub fn new(clients: &Clients, to: Destinations) -> Self {
        Self { sqs: clients.sqs(), eventbridge: clients.eventbridge(), sns: clients.sns(), to }
    }

    async fn page(&self, event: &OutcomeEvent) -> Result<(), Fault> {
        let Letter { subject, message } = letter::letter(event);
        let topic = destination(self.to.topic.as_deref(), "PLUMBLINE_TOPIC")?;
        let request = self.sns.publish().topic_arn(topic).subject(subject).message(message);
        request.send().await.map(|_| ()).map_err(|error| fault("Publish", &error))
    }
}

/// Where a message goes, or the fault of not knowing.
fn destination<'a>(to: Option<&'a str>, variable: &str) -> Result<&'a str, Fault> {
    to.ok_or_else(|| Fault::new("send", FaultClass::Terminal, format!("this function has no {variable}")))
}

impl Outbox for AwsOutbox {
    async fn resend(&self, hints: &[Hint], delay: SignedDuration) -> Result<(), Fault> {
        let queue = destination(self.to.queue.as_deref(), "PLUMBLINE_QUEUE_URL")?;
        queue::send(&self.sqs, queue, hints, Some(queue::seconds(delay)), None).await
    }

    async fn dead_letter(&self, hints: &[Hint], why: &str) -> Result<(), Fault> {
        let queue = destination(self.to.dead_letters.as_deref(), "PLUMBLINE_DLQ_URL")?;
        queue::send(&self.sqs, queue, hints, None, Some(why)).await
    }

    /// The bus and every page are tried, whatever fails: the first fault is told.
    async fn publish(&self, events: &[OutcomeEvent]) -> Result<(), Fault> {
        let mut told = Ok(());
        if !events.is_empty() {
            let bus = destination(self.to.bus.as_deref(), "PLUMBLINE_BUS")?;
            told = bus::put(&self.eventbridge, bus, events.iter().map(bus::outcome).collect()).await;
        }
        for event in events.iter().filter(|event| event.page) {
            told = told.and(self.page(event).await);
        }
        told
    }

    async fn request(&self, topologies: &[(Place, TopologyId)], why: &str) -> Result<(), Fault> {
        let bus = destination(self.to.bus.as_deref(), "PLUMBLINE_BUS")?;
        let entries = topologies.iter().map(|(place, topology)| {
            let Place { account, region } = place;
            // Without `control`: every control.
            let detail = json!({ "account": account, "region": region, "topology": topology, "why": why });
            bus::Entry { detail_type: "Reconcile Requested".into(), detail: detail.to_string() }
        });
        bus::put(&self.eventbridge, bus, entries.collect()).await
    }
}
