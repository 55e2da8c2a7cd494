//! The table of final records. It is added to, and nothing in it is changed or deleted.

use crate::clients::{fault, unreadable};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;
use payments::{Added, Amount, Currency, Fault, Outcome, PaymentId, Records, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The sort key of the one record that counts; others are conflicts.
const FINAL: &str = "final";

type Item = HashMap<String, AttributeValue>;

/// The table, with the right to put.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
}

#[derive(Serialize, Deserialize)]
struct Row {
    payment_id: PaymentId,
    record: String,
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    amount: u64,
    currency: Currency,
    decided_at: Timestamp,
    recorded_at: Timestamp,
}

fn item(record: String, outcome: &Outcome, recorded_at: Timestamp) -> Result<Item, Fault> {
    let Outcome { payment_id, amount: Amount { minor, currency }, verdict, decided_at } = outcome.clone();
    let name = verdict.name().to_owned();
    let reason = match verdict {
        Verdict::Success => None,
        Verdict::Failure { reason } => Some(reason),
    };
    let row = Row { payment_id, record, outcome: name, reason, amount: minor, currency, decided_at, recorded_at };
    serde_dynamo::to_item(row).map_err(|error| unreadable("PutItem", &error))
}

fn outcome(item: Item) -> Result<Outcome, Fault> {
    let row: Row = serde_dynamo::from_item(item).map_err(|error| unreadable("a record", &error))?;
    let Row { payment_id, record: _, outcome, reason, amount, currency, decided_at, recorded_at: _ } = row;
    let verdict = match (outcome.as_str(), reason) {
        ("success", None) => Verdict::Success,
        ("failure", Some(reason)) => Verdict::Failure { reason },
        _ => return Err(unreadable("a record", &"its outcome is torn")),
    };
    Ok(Outcome { payment_id, amount: Amount { minor: amount, currency }, verdict, decided_at })
}

impl Table {
    /// Puts an item if there is none with its keys; otherwise answers the one that stands.
    async fn put_new(&self, item: Item) -> Result<Option<Item>, Fault> {
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#id)")
            .expression_attribute_names("#id", "payment_id")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match put.send().await {
            Ok(_) => return Ok(None),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => match failed.item() {
                Some(stands) => Ok(Some(stands.clone())),
                None => Err(unreadable("PutItem", &"DynamoDB did not show the item that stands")),
            },
            _ => Err(fault("PutItem", &error)),
        }
    }
}

impl Records for Table {
    async fn add(&self, wanted: &Outcome, now: Timestamp) -> Result<Added, Fault> {
        match self.put_new(item(FINAL.into(), wanted, now)?).await? {
            None => Ok(Added::First),
            Some(stands) => Ok(if outcome(stands)? == *wanted { Added::Again } else { Added::Other }),
        }
    }

    async fn conflict(&self, late: &Outcome, now: Timestamp) -> Result<(), Fault> {
        self.put_new(item(format!("conflict#{}", late.digest()), late, now)?).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again() {
        for verdict in [Verdict::Success, Verdict::Failure { reason: "too much".into() }] {
            let stored = Outcome {
                payment_id: "payment-0001".to_owned().try_into().unwrap(),
                amount: Amount { minor: 1250, currency: "EUR".to_owned().try_into().unwrap() },
                verdict,
                decided_at: "2026-11-20T03:00:00.123456789Z".parse().unwrap(),
            };
            let item = item(FINAL.into(), &stored, "2026-11-20T03:00:01Z".parse().unwrap()).unwrap();
            assert_eq!(outcome(item).unwrap(), stored);
        }
    }
}
