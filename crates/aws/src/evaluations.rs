//! What AWS Config is told by its rule, and what it was told before.

use crate::clients::Clients;
use crate::errors::{bad_answer, fault};
use aws_sdk_config::error::BuildError;
use aws_sdk_config::types::{ComplianceType, Evaluation as Wire};
use aws_smithy_types::DateTime;
use reconciler::{Compliance, Evaluation, Evaluations, Fault, FaultClass};
use std::collections::BTreeSet;
use std::time::Duration;
use topology::ResourceId;

/// `PutEvaluations` takes so many
/// (<https://docs.aws.amazon.com/config/latest/APIReference/API_PutEvaluations.html>).
const MOST: usize = 100;
/// Tries of an evaluation that AWS Config did not take.
const TRIES: u32 = 3;
/// The largest page of `GetComplianceDetailsByConfigRule`.
const PAGE: i32 = 100;

/// AWS Config, for the function of a rule. Its client makes these two calls and no others.
#[derive(Clone, Debug)]
pub struct AwsEvaluations {
    config: aws_sdk_config::Client,
}

impl AwsEvaluations {
    /// The operations that the client lets through.
    pub(crate) const OPERATIONS: &'static [&'static str] = &["PutEvaluations", "GetComplianceDetailsByConfigRule"];

    /// Beside these clients, which may be read-only.
    pub fn new(clients: &Clients) -> Self {
        Self { config: clients.evaluations() }
    }

    async fn put_batch(&self, token: &str, test: bool, mut batch: Vec<Wire>) -> Result<(), Fault> {
        const OPERATION: &str = "PutEvaluations";
        let mut tried = 0;
        loop {
            let sent = batch.len();
            let request = self.config.put_evaluations().result_token(token).set_test_mode(test.then_some(true));
            let answer = request.set_evaluations(Some(batch)).send().await;
            // HTTP 200 says nothing of the evaluations: those that were not taken are in the answer.
            batch = answer.map_err(|error| fault(OPERATION, &error))?.failed_evaluations().to_vec();
            let Some(first) = batch.first() else { return Ok(()) };
            tried += 1;
            if tried == TRIES {
                let id = first.compliance_resource_id();
                let why = format!(
                    "{} of {sent} evaluations were not taken after {TRIES} tries, {id} among them",
                    batch.len()
                );
                return Err(bad_answer(OPERATION, why));
            }
            tokio::time::sleep(Duration::from_millis(50 << tried)).await;
        }
    }
}

impl Evaluations for AwsEvaluations {
    /// Every batch is tried, whatever becomes of the others: the first fault is told.
    async fn put(&self, token: &str, test: bool, evaluations: &[Evaluation]) -> Result<(), Fault> {
        let mut told = Ok(());
        for batch in evaluations.chunks(MOST) {
            let batch = batch.iter().map(wire).collect::<Result<Vec<_>, _>>();
            let batch = batch.map_err(|error| Fault::new("PutEvaluations", FaultClass::Terminal, error.to_string()))?;
            told = told.and(self.put_batch(token, test, batch).await);
        }
        told
    }

    async fn standing(&self, rule: &str) -> Result<BTreeSet<(String, ResourceId)>, Fault> {
        let request = self.config.get_compliance_details_by_config_rule().config_rule_name(rule).limit(PAGE);
        let applicable = [ComplianceType::Compliant, ComplianceType::NonCompliant];
        let mut pages = request.set_compliance_types(Some(applicable.into())).into_paginator().send();
        let mut found = BTreeSet::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault("GetComplianceDetailsByConfigRule", &error))?;
            found.extend(page.evaluation_results().iter().filter_map(|result| {
                let about = result.evaluation_result_identifier()?.evaluation_result_qualifier()?;
                Some((about.resource_type()?.to_owned(), about.resource_id()?.into()))
            }));
        }
        Ok(found)
    }
}

fn wire(evaluation: &Evaluation) -> Result<Wire, BuildError> {
    let Evaluation { kind, id, compliance, annotation, at } = evaluation;
    let compliance = match compliance {
        Compliance::Compliant => ComplianceType::Compliant,
        Compliance::NonCompliant => ComplianceType::NonCompliant,
        Compliance::NotApplicable => ComplianceType::NotApplicable,
    };
    Wire::builder()
        .compliance_resource_type(kind)
        .compliance_resource_id(id.as_str())
        .compliance_type(compliance)
        .set_annotation(annotation.clone())
        .ordering_timestamp(DateTime::from_millis(at.as_millisecond()))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::wire::{Reply, Wire as Wiring};

    #[test]
    fn an_evaluation_is_written_as_it_is() {
        let evaluation = Evaluation {
            kind: "AWS::EC2::VPC".into(),
            id: "vpc-1".into(),
            compliance: Compliance::NonCompliant,
            annotation: Some("main: no flow log".into()),
            at: "2026-11-20T03:00:00.304Z".parse().unwrap(),
        };
        let written = wire(&evaluation).unwrap();
        assert_eq!((written.compliance_resource_type(), written.compliance_resource_id()), ("AWS::EC2::VPC", "vpc-1"));
        assert_eq!(written.compliance_type(), &ComplianceType::NonCompliant);
        assert_eq!(written.annotation(), Some("main: no flow log"));
        assert_eq!(written.ordering_timestamp(), &DateTime::from_millis(1_795_143_600_304));
        let nothing_to_say = Evaluation { annotation: None, ..evaluation };
        assert_eq!(wire(&nothing_to_say).unwrap().annotation(), None, "an empty one would be refused");
    }

    fn many(count: usize) -> Vec<Evaluation> {
        let one = |n| Evaluation {
            kind: "AWS::EC2::SecurityGroup".into(),
            id: format!("sg-{n:08x}").into(),
            compliance: Compliance::Compliant,
            annotation: None,
            at: "2026-11-20T03:00:00Z".parse().unwrap(),
        };
        (0..count).map(one).collect()
    }

    /// The ids that each call carried.
    fn sent(wire: &Wiring) -> Vec<Vec<String>> {
        let ids = |body: String| {
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            let evaluations = body["Evaluations"].as_array().unwrap().iter();
            evaluations.map(|one| one["ComplianceResourceId"].as_str().unwrap().to_owned()).collect()
        };
        wire.calls().into_iter().map(ids).collect()
    }

    const TAKEN: Reply = Reply::Ok(r#"{"FailedEvaluations": []}"#);

    #[tokio::test]
    async fn a_call_carries_no_more_than_config_takes_and_nothing_is_lost() {
        let wire = Wiring::answering(&[TAKEN, TAKEN, TAKEN]);
        let evaluations = many(250);
        AwsEvaluations::new(&wire.clients).put("token", false, &evaluations).await.unwrap();
        let calls = sent(&wire);
        assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
        let ids: Vec<String> = evaluations.iter().map(|one| one.id.to_string()).collect();
        assert_eq!(calls.concat(), ids);
    }

    #[tokio::test]
    async fn only_what_was_not_taken_is_handed_in_again() {
        let failed = Reply::Ok(
            r#"{"FailedEvaluations": [{"ComplianceResourceType": "AWS::EC2::SecurityGroup", "ComplianceResourceId": "sg-00000001",
                "ComplianceType": "COMPLIANT", "OrderingTimestamp": 1795143600.0}]}"#,
        );
        let wire = Wiring::answering(&[failed, TAKEN]);
        AwsEvaluations::new(&wire.clients).put("token", false, &many(3)).await.unwrap();
        assert_eq!(sent(&wire), [vec!["sg-00000000", "sg-00000001", "sg-00000002"], vec!["sg-00000001"]]);

        let wire = Wiring::answering(&[failed, failed, failed]);
        let fault = AwsEvaluations::new(&wire.clients).put("token", false, &many(3)).await.unwrap_err();
        assert!(fault.is_retryable() && fault.message.contains("sg-00000001"), "{fault}");
        assert_eq!(sent(&wire).len(), 3, "and then whoever invoked tries again");
    }

    #[tokio::test]
    async fn a_try_says_so_and_a_batch_that_fails_costs_no_other() {
        let wire = Wiring::answering(&[TAKEN]);
        AwsEvaluations::new(&wire.clients).put("TESTMODE", true, &many(1)).await.unwrap();
        assert!(wire.calls()[0].contains(r#""TestMode":true"#), "{:?}", wire.calls());

        let refused = Reply::Ok(r#"{"FailedEvaluations": 7}"#);
        let wire = Wiring::answering(&[refused, TAKEN]);
        AwsEvaluations::new(&wire.clients).put("token", false, &many(101)).await.unwrap_err();
        assert_eq!(sent(&wire).last().unwrap().len(), 1, "the second batch went out");
    }
}
