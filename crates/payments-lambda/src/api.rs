//! API Gateway's events and answers.
//!
//! Both payload formats are read, and no more of them than is used: `body`, `isBase64Encoded`, one header and the authorizer's subject
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).

use aws_smithy_types::base64;
use payments::{Invalid, Outcome, PaymentRequest, Verdict};
use serde_json::{Value, json};

/// The longest body that is decoded. The reader takes less.
const LONGEST: usize = 16 * 1024;

/// Whether the event is API Gateway's.
pub(crate) fn is_request(event: &Value) -> bool {
    event.get("requestContext").is_some_and(Value::is_object)
}

/// Why a request is not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Nobody authorized it: the route has no authorizer, or the event is forged.
    Nobody,
    /// It is not what a payment looks like.
    Invalid(Invalid),
}

/// The payment that an event asks for.
pub(crate) fn request(event: &Value) -> Result<PaymentRequest, Refused> {
    let authorizer = &event["requestContext"]["authorizer"];
    let subject = authorizer.pointer("/jwt/claims/sub").or_else(|| authorizer.pointer("/claims/sub"));
    let by = subject.and_then(Value::as_str).filter(|by| !by.is_empty()).ok_or(Refused::Nobody)?;
    let text = event["body"].as_str().unwrap_or_default();
    let body = if event["isBase64Encoded"] == true && text.len() <= LONGEST {
        // What cannot be decoded is no JSON either, and is refused as such.
        base64::decode(text).unwrap_or_default()
    } else {
        text.as_bytes().to_vec()
    };
    let headers = event["headers"].as_object().into_iter().flatten();
    let mut keys = headers.filter(|(name, _)| name.eq_ignore_ascii_case("idempotency-key"));
    PaymentRequest::read(by, &body, keys.next().and_then(|(_, key)| key.as_str())).map_err(Refused::Invalid)
}

/// The payment is decided: 200 for a success, 402 for a failure, and always the same for the same payment.
pub(crate) fn decided(outcome: &Outcome) -> Value {
    let Outcome { payment_id, amount, verdict, decided_at } = outcome;
    let mut body = json!({
        "payment_id": payment_id.as_str(),
        "amount": amount.minor,
        "currency": amount.currency.to_string(),
        "outcome": verdict.name(),
        "decided_at": decided_at.to_string(),
    });
    match verdict {
        Verdict::Success => answer(200, &body),
        Verdict::Failure { reason } => {
            body["reason"] = json!(reason);
            answer(402, &body)
        }
    }
}

/// Another request has the payment's id.
pub(crate) fn mismatch() -> Value {
    answer(409, &json!({ "error": "this payment_id was used for another request; a new payment takes a new id" }))
}

/// The request is refused.
pub(crate) fn refused(refused: &Refused) -> Value {
    match refused {
        Refused::Nobody => answer(401, &json!({ "error": "nobody is signed in" })),
        Refused::Invalid(Invalid { problems }) => {
            answer(400, &json!({ "error": "this is no payment request", "problems": problems }))
        }
    }
}

/// Nobody knows how far it came.
pub(crate) fn unavailable() -> Value {
    let mut answer =
        answer(503, &json!({ "error": "send the same request with the same payment_id again; it is taken once" }));
    answer["headers"]["retry-after"] = json!("2");
    answer
}

fn answer(status: u16, body: &Value) -> Value {
    json!({
        "statusCode": status,
        "headers": { "content-type": "application/json", "cache-control": "no-store" },
        "body": body.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"payment_id":"0192f0c1-7e57","amount":1250,"currency":"EUR","token":"tok_4fGh7Kq2"}"#;

    fn event(body: &str) -> Value {
        json!({
            "version": "2.0",
            "requestContext": { "http": { "method": "POST" }, "authorizer": { "jwt": { "claims": { "sub": "ana" } } } },
            "headers": {},
            "body": body,
        })
    }

    #[test]
    fn both_formats_and_encodings_are_read() {
        let plain = request(&event(BODY)).unwrap();
        let mut encoded = event(&base64::encode(BODY));
        encoded["isBase64Encoded"] = json!(true);
        assert_eq!(request(&encoded).unwrap(), plain);
        let mut first = event(BODY);
        first["requestContext"]["authorizer"] = json!({ "claims": { "sub": "ana" } });
        first["headers"] = json!({ "Idempotency-Key": "0192f0c1-7e57" });
        assert_eq!(request(&first).unwrap(), plain);
    }

    #[test]
    fn the_sample_is_a_request() {
        let sample = include_str!("../../../topologies/hipaa/events/request.json");
        let sample: Value = serde_json::from_str(sample).unwrap();
        assert!(is_request(&sample));
        assert_eq!(request(&sample).unwrap().amount.minor, 1250);
    }

    #[test]
    fn a_request_that_nobody_authorized_is_refused() {
        for authorizer in [json!(null), json!({}), json!({ "jwt": { "claims": { "sub": "" } } }), json!("ana")] {
            let mut forged = event(BODY);
            forged["requestContext"]["authorizer"] = authorizer;
            assert_eq!(request(&forged), Err(Refused::Nobody));
        }
        assert_eq!(refused(&Refused::Nobody)["statusCode"], 401);
    }

    #[test]
    fn a_hostile_event_is_an_invalid_request() {
        let invalid = |event: &Value| matches!(request(event), Err(Refused::Invalid(_)));
        for body in [json!(null), json!(7), json!({}), json!(""), json!("{"), json!("\u{0}")] {
            let mut hostile = event(BODY);
            hostile["body"] = body;
            assert!(invalid(&hostile));
            hostile["isBase64Encoded"] = json!(true);
            assert!(invalid(&hostile));
        }
        let mut headers = event(BODY);
        headers["headers"] = json!({ "idempotency-key": "4111111111111111" });
        assert!(invalid(&headers));
        let said = refused(&request(&headers).unwrap_err()).to_string();
        assert!(!said.contains("4111"), "{said}");
    }
}
