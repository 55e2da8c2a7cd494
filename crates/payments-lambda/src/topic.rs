//! The topic of outcomes.

use crate::clients::{fault, unreadable};
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use payments::{Fault, Outcome, Topic};

/// The topic, with the right to publish.
#[derive(Clone, Debug)]
pub(crate) struct OutcomeTopic {
    pub(crate) client: Client,
    pub(crate) arn: String,
}

impl Topic for OutcomeTopic {
    async fn publish(&self, outcome: &Outcome) -> Result<(), Fault> {
        let message = outcome.write().map_err(|error| unreadable("Publish", &error))?;
        // What subscribers filter by.
        let name = MessageAttributeValue::builder().data_type("String").string_value(outcome.verdict.name()).build();
        let name = name.map_err(|error| unreadable("Publish", &error))?;
        let publish = self.client.publish().topic_arn(&self.arn).message(message).message_attributes("outcome", name);
        publish.send().await.map(drop).map_err(|error| fault("Publish", &error))
    }
}
