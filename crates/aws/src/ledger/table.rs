//! The calls to DynamoDB, and what their failures mean.

use super::item::{Item, key};
use crate::errors::fault;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, Put, ReturnValue, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use reconciler::{Fault, FaultClass};
use std::collections::HashMap;

/// On a failed condition, DynamoDB shows the item that was there: no second read, which could see another one.
const SHOW: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

/// The table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    client: Client,
    name: String,
}

/// An expression with its placeholders. Attribute names are always placeholders: many good names are reserved words.
#[derive(Clone, Debug, Default)]
pub(super) struct Expression {
    text: String,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Expression {
    /// Each `#name` in the text stands for the attribute `name`.
    pub(super) fn new(text: &str) -> Self {
        let names = text
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '#'))
            .filter_map(|word| Some((word.to_owned(), word.strip_prefix('#')?.to_owned())));
        Self { names: names.collect(), text: text.into(), values: HashMap::new() }
    }

    /// Gives a `:value` its value.
    pub(super) fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.into(), value);
        self
    }

    fn names(&self) -> Option<HashMap<String, String>> {
        Some(self.names.clone()).filter(|names| !names.is_empty())
    }

    fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        Some(self.values.clone()).filter(|values| !values.is_empty())
    }

    /// An update and its condition share their placeholders.
    fn joined(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        joined.names.extend(other.names.clone());
        joined.values.extend(other.values.clone());
        joined
    }
}

/// What became of a conditional write.
#[derive(Debug)]
pub(super) enum Written {
    /// Done; the item after an update, the item before a deletion, nothing for a put.
    Yes(Option<Item>),
    /// The condition did not hold; the item that was there, if any.
    No(Option<Item>),
}

/// What became of a transaction.
#[derive(Debug)]
pub(super) enum Transacted {
    /// All of it is done.
    Yes,
    /// None of it is: for each write in order, whether its condition failed, with the item that was there.
    No(Vec<Refused>),
}

/// One write of a refused transaction.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// Its condition failed.
    pub(super) refused: bool,
    /// The item that was there.
    pub(super) item: Option<Item>,
}

impl Table {
    pub(super) fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    pub(super) async fn get(&self, pk: &str, sk: &str) -> Result<Option<Item>, Fault> {
        let request = self.client.get_item().table_name(&self.name).set_key(Some(key(pk, sk))).consistent_read(true);
        Ok(request.send().await.map_err(|error| fault("GetItem", &error))?.item)
    }

    /// Every item of the range, page by page, until `limit`.
    pub(super) async fn query(
        &self,
        range: Expression,
        only: Option<&str>,
        newest_first: bool,
        limit: Option<usize>,
    ) -> Result<Vec<Item>, Fault> {
        let shown = only.map(Expression::new);
        let names = shown.as_ref().map_or_else(|| range.clone(), |shown| range.joined(shown)).names();
        let mut found: Vec<Item> = vec![];
        let mut after = None;
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.name)
                .consistent_read(true)
                .key_condition_expression(&range.text)
                .set_expression_attribute_names(names.clone())
                .set_expression_attribute_values(range.values())
                .set_projection_expression(only.map(Into::into))
                .scan_index_forward(!newest_first)
                .set_limit(limit.and_then(|limit| i32::try_from(limit.saturating_sub(found.len())).ok()))
                .set_exclusive_start_key(after)
                .send()
                .await
                .map_err(|error| fault("Query", &error))?;
            found.extend(page.items.unwrap_or_default());
            after = page.last_evaluated_key.filter(|key| !key.is_empty());
            if after.is_none() || limit.is_some_and(|limit| found.len() >= limit) {
                return Ok(found);
            }
        }
    }

    pub(super) async fn put(&self, item: Item, condition: Option<Expression>) -> Result<Written, Fault> {
        let mut request = self.client.put_item().table_name(&self.name).set_item(Some(item));
        if let Some(condition) = condition {
            request = request
                .condition_expression(&condition.text)
                .set_expression_attribute_names(condition.names())
                .set_expression_attribute_values(condition.values())
                .return_values_on_condition_check_failure(SHOW);
        }
        match request.send().await {
            Ok(_) => Ok(Written::Yes(None)),
            Err(error) => refused("PutItem", error, |error| match error {
                aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(failed) => {
                    Some(failed.item().cloned())
                }
                _ => None,
            }),
        }
    }

    pub(super) async fn update(
        &self,
        pk: &str,
        sk: &str,
        change: Expression,
        condition: Expression,
    ) -> Result<Written, Fault> {
        let joined = change.joined(&condition);
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key(pk, sk)))
            .update_expression(&change.text)
            .condition_expression(&condition.text)
            .set_expression_attribute_names(joined.names())
            .set_expression_attribute_values(joined.values())
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(SHOW);
        match request.send().await {
            Ok(done) => Ok(Written::Yes(done.attributes)),
            Err(error) => refused("UpdateItem", error, |error| match error {
                aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(failed) => {
                    Some(failed.item().cloned())
                }
                _ => None,
            }),
        }
    }

    /// Changes an item, whatever it is; answers the one before.
    pub(super) async fn exchange(&self, pk: &str, sk: &str, change: Expression) -> Result<Option<Item>, Fault> {
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key(pk, sk)))
            .update_expression(&change.text)
            .set_expression_attribute_names(change.names())
            .set_expression_attribute_values(change.values())
            .return_values(ReturnValue::AllOld);
        Ok(request.send().await.map_err(|error| fault("UpdateItem", &error))?.attributes)
    }

    /// Deletes an item and answers it.
    pub(super) async fn delete(&self, pk: &str, sk: &str) -> Result<Option<Item>, Fault> {
        let request = self.client.delete_item().table_name(&self.name).set_key(Some(key(pk, sk)));
        let done = request.return_values(ReturnValue::AllOld).send().await;
        Ok(done.map_err(|error| fault("DeleteItem", &error))?.attributes)
    }

    /// All or nothing. The SDK adds a token, so that its own retries cannot write twice.
    pub(super) async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<Transacted, Fault> {
        const OPERATION: &str = "TransactWriteItems";
        let error = match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => return Ok(Transacted::Yes),
            Err(error) => error,
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
            return Err(fault(OPERATION, &error));
        };
        verdict(OPERATION, cancelled.cancellation_reasons())
    }

    pub(super) fn put_in(&self, item: Item, condition: Option<Expression>) -> Result<TransactWriteItem, Fault> {
        let mut put = Put::builder().table_name(&self.name).set_item(Some(item));
        if let Some(condition) = condition {
            put = put
                .condition_expression(&condition.text)
                .set_expression_attribute_names(condition.names())
                .set_expression_attribute_values(condition.values())
                .return_values_on_condition_check_failure(SHOW);
        }
        Ok(TransactWriteItem::builder().put(put.build().map_err(incomplete)?).build())
    }

    pub(super) fn update_in(
        &self,
        pk: &str,
        sk: &str,
        change: Expression,
        condition: Expression,
    ) -> Result<TransactWriteItem, Fault> {
        let joined = change.joined(&condition);
        let update = Update::builder()
            .table_name(&self.name)
            .set_key(Some(key(pk, sk)))
            .update_expression(&change.text)
            .condition_expression(&condition.text)
            .set_expression_attribute_names(joined.names())
            .set_expression_attribute_values(joined.values())
            .return_values_on_condition_check_failure(SHOW);
        Ok(TransactWriteItem::builder().update(update.build().map_err(incomplete)?).build())
    }

    pub(super) fn delete_in(&self, pk: &str, sk: &str, condition: Expression) -> Result<TransactWriteItem, Fault> {
        let delete = Delete::builder()
            .table_name(&self.name)
            .set_key(Some(key(pk, sk)))
            .condition_expression(&condition.text)
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .return_values_on_condition_check_failure(SHOW);
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(incomplete)?).build())
    }

    pub(super) fn check_in(&self, pk: &str, sk: &str, condition: Expression) -> Result<TransactWriteItem, Fault> {
        let check = ConditionCheck::builder()
            .table_name(&self.name)
            .set_key(Some(key(pk, sk)))
            .condition_expression(&condition.text)
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .return_values_on_condition_check_failure(SHOW);
        Ok(TransactWriteItem::builder().condition_check(check.build().map_err(incomplete)?).build())
    }
}

type Raw<E> = SdkError<E, aws_sdk_dynamodb::config::http::HttpResponse>;

fn refused<E>(operation: &str, error: Raw<E>, failed: impl Fn(&E) -> Option<Option<Item>>) -> Result<Written, Fault>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error.as_service_error().and_then(failed) {
        Some(item) => Ok(Written::No(item.filter(|item| !item.is_empty()))),
        None => Err(fault(operation, &error)),
    }
}

/// Why a transaction was cancelled: conditions are an answer, everything else is a fault
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
fn verdict(operation: &str, reasons: &[CancellationReason]) -> Result<Transacted, Fault> {
    let code = |reason: &CancellationReason| reason.code().unwrap_or("None").to_owned();
    let other = reasons.iter().find(|reason| !matches!(code(reason).as_str(), "None" | "ConditionalCheckFailed"));
    if let Some(reason) = other {
        let code = code(reason);
        let passing =
            ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"];
        let class = if passing.contains(&code.as_str()) { FaultClass::Retryable } else { FaultClass::Terminal };
        let said = reason.message().unwrap_or("the transaction was cancelled");
        return Err(Fault { code: Some(code), ..Fault::new(operation, class, said) });
    }
    if !reasons.iter().any(|reason| code(reason) == "ConditionalCheckFailed") {
        return Err(Fault::new(operation, FaultClass::Retryable, "the transaction was cancelled without a reason"));
    }
    let refused = reasons.iter().map(|reason| Refused {
        refused: code(reason) == "ConditionalCheckFailed",
        item: reason.item().filter(|item| !item.is_empty()).cloned(),
    });
    Ok(Transacted::No(refused.collect()))
}

fn incomplete(error: BuildError) -> Fault {
    Fault::new("TransactWriteItems", FaultClass::Terminal, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(code: &str) -> CancellationReason {
        CancellationReason::builder().code(code).message("so it is").build()
    }

    #[test]
    fn failed_conditions_are_an_answer_and_conflicts_are_retried() {
        match verdict("T", &[reason("None"), reason("ConditionalCheckFailed")]).unwrap() {
            Transacted::No(writes) => assert_eq!(writes.iter().map(|w| w.refused).collect::<Vec<_>>(), [false, true]),
            Transacted::Yes => panic!("a cancelled transaction is not done"),
        }
        for (code, retryable) in [
            ("TransactionConflict", true),
            ("ThrottlingError", true),
            ("ValidationError", false),
            ("ItemCollectionSizeLimitExceeded", false),
        ] {
            // Whatever else is refused beside it: nobody knows whether the condition was compared with a settled item.
            let fault = verdict("T", &[reason("ConditionalCheckFailed"), reason(code)]).unwrap_err();
            assert_eq!((fault.is_retryable(), fault.code.as_deref()), (retryable, Some(code)));
        }
        assert!(verdict("T", &[]).unwrap_err().is_retryable());
    }

    #[test]
    fn names_are_found_in_the_text() {
        let expression =
            Expression::new("#owner = :owner AND (#expires > :at OR attribute_not_exists(#pk)) SET #body.#at = :x");
        let mut names: Vec<_> = expression.names.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["#at", "#body", "#expires", "#owner", "#pk"]);
        assert_eq!(expression.names["#owner"], "owner");
    }
}
