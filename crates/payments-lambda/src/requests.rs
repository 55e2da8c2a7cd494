//! The table of requests.

use crate::clients::{fault, unreadable};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;
use payments::{Amount, Claim, Currency, Decision, Fault, PaymentId, Requests, Token, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The index of open claims, and the one value of its key.
const OPEN: &str = "open";

type Item = HashMap<String, AttributeValue>;

/// The table, with the rights to read, put and update.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
}

/// A claim as it is stored. Members that are not there are absent, so that conditions can ask for them.
#[derive(Serialize, Deserialize)]
struct Row {
    payment_id: PaymentId,
    fingerprint: String,
    amount: u64,
    currency: Currency,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// With three decimals always: the index sorts texts.
    claimed_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<String>,
}

fn sortable(at: Timestamp) -> String {
    format!("{at:.3}")
}

fn item(claim: &Claim) -> Result<Item, Fault> {
    let Claim { payment_id, fingerprint, amount, token, claimed_at, decision, open } = claim.clone();
    let (outcome, reason, decided_at) = match decision {
        None => (None, None, None),
        Some(Decision { verdict: Verdict::Success, decided_at }) => {
            (Some("success".to_owned()), None, Some(decided_at))
        }
        Some(Decision { verdict: Verdict::Failure { reason }, decided_at }) => {
            (Some("failure".to_owned()), Some(reason), Some(decided_at))
        }
    };
    let row = Row {
        payment_id,
        fingerprint,
        amount: amount.minor,
        currency: amount.currency,
        token: token.map(|token| token.reveal().to_owned()),
        claimed_at: sortable(claimed_at),
        outcome,
        reason,
        decided_at,
        open: open.then(|| OPEN.to_owned()),
    };
    serde_dynamo::to_item(row).map_err(|error| unreadable("PutItem", &error))
}

fn claim(item: Item) -> Result<Claim, Fault> {
    let row: Row = serde_dynamo::from_item(item).map_err(|error| unreadable("a request", &error))?;
    let Row { payment_id, fingerprint, amount, currency, token, claimed_at, outcome, reason, decided_at, open } = row;
    let decision = match (outcome.as_deref(), reason, decided_at) {
        (None, None, None) => None,
        (Some("success"), None, Some(decided_at)) => Some(Decision { verdict: Verdict::Success, decided_at }),
        (Some("failure"), Some(reason), Some(decided_at)) => {
            Some(Decision { verdict: Verdict::Failure { reason }, decided_at })
        }
        _ => return Err(unreadable("a request", &"its decision is torn")),
    };
    Ok(Claim {
        payment_id,
        fingerprint,
        amount: Amount { minor: amount, currency },
        token: token.map(Token::try_from).transpose().map_err(|error| unreadable("a request", &error))?,
        claimed_at: claimed_at.parse().map_err(|error: jiff::Error| unreadable("a request", &error))?,
        decision,
        open: open.is_some(),
    })
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

impl Requests for Table {
    async fn claim(&self, wanted: &Claim) -> Result<Option<Claim>, Fault> {
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item(wanted)?))
            .condition_expression("attribute_not_exists(#id)")
            .expression_attribute_names("#id", "payment_id")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match put.send().await {
            Ok(_) => return Ok(None),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => match failed.item() {
                Some(stands) => claim(stands.clone()).map(Some),
                None => Err(unreadable("PutItem", &"DynamoDB did not show the item that stands")),
            },
            _ => Err(fault("PutItem", &error)),
        }
    }

    async fn find(&self, id: &PaymentId) -> Result<Option<Claim>, Fault> {
        let get =
            self.client.get_item().table_name(&self.name).key("payment_id", text(id.as_str())).consistent_read(true);
        let found = get.send().await.map_err(|error| fault("GetItem", &error))?;
        found.item.map(claim).transpose()
    }

    async fn decide(&self, id: &PaymentId, decision: &Decision) -> Result<Decision, Fault> {
        let Decision { verdict, decided_at } = decision;
        let mut update = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("payment_id", text(id.as_str()))
            .condition_expression("attribute_exists(#id) AND attribute_not_exists(#outcome)")
            .expression_attribute_names("#id", "payment_id")
            .expression_attribute_names("#outcome", "outcome")
            .expression_attribute_names("#at", "decided_at")
            .expression_attribute_names("#token", "token")
            .expression_attribute_values(":outcome", text(verdict.name()))
            .expression_attribute_values(":at", text(decided_at.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        update = match verdict {
            Verdict::Success => update.update_expression("SET #outcome = :outcome, #at = :at REMOVE #token"),
            Verdict::Failure { reason } => update
                .update_expression("SET #outcome = :outcome, #at = :at, #reason = :reason REMOVE #token")
                .expression_attribute_names("#reason", "reason")
                .expression_attribute_values(":reason", text(reason)),
        };
        let error = match update.send().await {
            Ok(_) => return Ok(decision.clone()),
            Err(error) => error,
        };
        match error.as_service_error() {
            // Somebody decided before, maybe a try of this call whose answer was lost.
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let stands = failed.item().cloned().map(claim).transpose()?.and_then(|claim| claim.decision);
                stands.ok_or_else(|| unreadable("UpdateItem", &"the request is gone"))
            }
            _ => Err(fault("UpdateItem", &error)),
        }
    }

    async fn close(&self, id: &PaymentId) -> Result<(), Fault> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("payment_id", text(id.as_str()))
            .update_expression("REMOVE #open")
            // Not to make an empty item of a request that is gone.
            .condition_expression("attribute_exists(#id)")
            .expression_attribute_names("#id", "payment_id")
            .expression_attribute_names("#open", OPEN);
        update.send().await.map(drop).map_err(|error| fault("UpdateItem", &error))
    }

    async fn open(&self, before: Timestamp, at_most: usize) -> Result<Vec<PaymentId>, Fault> {
        let page = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(OPEN)
            .key_condition_expression("#open = :open AND #at < :before")
            .expression_attribute_names("#open", OPEN)
            .expression_attribute_names("#at", "claimed_at")
            .expression_attribute_values(":open", text(OPEN))
            .expression_attribute_values(":before", text(sortable(before)))
            .limit(i32::try_from(at_most).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| fault("Query", &error))?;
        let ids = page.items.unwrap_or_default().into_iter().filter_map(|item| {
            let id = item.get("payment_id").and_then(|id| id.as_s().ok()).cloned().unwrap_or_default();
            // Written by somebody else's hand: it keeps no other from being finished.
            PaymentId::try_from(id)
                .inspect_err(|error| tracing::error!(%error, "an open request has no payment id"))
                .ok()
        });
        Ok(ids.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again() {
        let open = Claim {
            payment_id: "payment-0001".to_owned().try_into().unwrap(),
            fingerprint: "f".repeat(64),
            amount: Amount { minor: 1250, currency: "EUR".to_owned().try_into().unwrap() },
            token: Some("tok_4fGh7Kq2".to_owned().try_into().unwrap()),
            claimed_at: "2026-11-20T03:00:00.120Z".parse().unwrap(),
            decision: None,
            open: true,
        };
        let decided_at = "2026-11-20T03:00:01.123456789Z".parse().unwrap();
        let success = Decision { verdict: Verdict::Success, decided_at };
        let failure = Decision { verdict: Verdict::Failure { reason: "too much".into() }, decided_at };
        for decision in [None, Some(success), Some(failure)] {
            let stored = Claim { decision, ..open.clone() };
            assert_eq!(claim(item(&stored).unwrap()).unwrap(), stored);
        }
        let closed = Claim { open: false, token: None, ..open };
        let item = item(&closed).unwrap();
        assert!(!item.contains_key("open") && !item.contains_key("token"), "conditions and the index ask for these");
        assert_eq!(claim(item).unwrap(), closed);
    }

    #[test]
    fn moments_sort_as_texts() {
        let at = |text: &str| sortable(text.parse().unwrap());
        assert!(at("2026-11-20T03:00:00Z") < at("2026-11-20T03:00:00.5Z"));
        assert_eq!(at("2026-11-20T03:00:00Z"), "2026-11-20T03:00:00.000Z");
    }
}
