//! Hints as messages to our own queues.

use crate::errors::fault;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::MessageAttributeValue;
use jiff::SignedDuration;
use reconciler::{Fault, FaultClass, Hint, recheck_body};

/// SQS took 256 KiB for years and takes more now; what an emulator, an older Region or a consumer bounds lower still passes.
const LARGEST: usize = 200 * 1024;
/// More are never accepted back in one message.
const MOST_HINTS: usize = 400;
/// SQS delays a message by no more
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
const LONGEST_DELAY: i64 = 900;

/// Sends hints in as few messages as their size allows. One message at a time: one fills what a batch may carry.
pub(super) async fn send(
    sqs: &aws_sdk_sqs::Client,
    queue: &str,
    hints: &[Hint],
    delay: Option<i32>,
    why: Option<&str>,
) -> Result<(), Fault> {
    for body in bodies(hints) {
        let mut request = sqs.send_message().queue_url(queue).message_body(body).set_delay_seconds(delay);
        if let Some(why) = why {
            request = request.message_attributes("why", attribute(why).map_err(incomplete)?);
        }
        request.send().await.map_err(|error| fault("SendMessage", &error))?;
    }
    Ok(())
}

/// A whole number of seconds, never shorter than asked for.
pub(super) fn seconds(delay: SignedDuration) -> i32 {
    let whole = delay.as_secs() + i64::from(delay.subsec_nanos() > 0);
    i32::try_from(whole.clamp(0, LONGEST_DELAY)).unwrap_or_default()
}

fn bodies(hints: &[Hint]) -> Vec<String> {
    if hints.is_empty() {
        return vec![];
    }
    let body = recheck_body(hints);
    if body.len() <= LARGEST && hints.len() <= MOST_HINTS {
        return vec![body];
    }
    if let [hint] = hints {
        // One hint that is too large by itself: where to look matters more than who did it.
        tracing::warn!(bytes = body.len(), place = %hint.place, "the causes of a hint are dropped: it is too large to be sent");
        return vec![recheck_body(&[Hint { causes: vec![], ..hint.clone() }])];
    }
    let (first, second) = hints.split_at(hints.len() / 2);
    bodies(first).into_iter().chain(bodies(second)).collect()
}

/// SQS refuses control characters in attributes.
fn attribute(text: &str) -> Result<MessageAttributeValue, BuildError> {
    let text: String = text.chars().filter(|c| !c.is_control()).take(1000).collect();
    let text = if text.is_empty() { "no reason given".into() } else { text };
    MessageAttributeValue::builder().data_type("String").string_value(text).build()
}

fn incomplete(error: BuildError) -> Fault {
    Fault::new("SendMessage", FaultClass::Terminal, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use reconciler::{Cause, Principal};
    use topology::Place;

    fn hint(id: &str, causes: usize) -> Hint {
        let principal = Principal { kind: "AssumedRole".into(), arn: Some("arn".repeat(30)), role: None };
        let cause = Cause {
            event_id: "e".repeat(36),
            request_id: None,
            event_name: "AuthorizeSecurityGroupIngress".into(),
            at: Timestamp::UNIX_EPOCH,
            principal,
            source_ip: Some("198.51.100.7".into()),
            user_agent: Some("u".repeat(500)),
            invoked_by: None,
            resources: [id.into()].into(),
        };
        Hint {
            place: Place::new("111122223333", "eu-west-1"),
            resources: [id.into()].into(),
            topology: None,
            causes: vec![cause; causes],
            first_seen: Timestamp::UNIX_EPOCH,
            attempt: 1,
            chain_since: None,
        }
    }

    fn read(body: &str) -> Vec<Hint> {
        let mut body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["plumbline"], "hints");
        serde_json::from_value(body["hints"].take()).unwrap()
    }

    #[test]
    fn nothing_is_lost_however_many_messages_it_takes() {
        let hints: Vec<Hint> = (0..900).map(|n| hint(&format!("sg-{n:08}"), 1)).collect();
        let bodies = bodies(&hints);
        assert!(bodies.len() > 2);
        assert!(bodies.iter().all(|body| body.len() <= LARGEST));
        let back: Vec<Hint> = bodies.iter().flat_map(|body| read(body)).collect();
        assert_eq!(back, hints);
        assert!(super::bodies(&[]).is_empty());
    }

    #[test]
    fn a_hint_that_is_too_large_keeps_where_to_look() {
        let bodies = bodies(&[hint("sg-1", 1000)]);
        assert_eq!(bodies.len(), 1);
        assert_eq!(read(&bodies[0]), [hint("sg-1", 0)]);
    }

    #[test]
    fn a_delay_is_whole_seconds_that_sqs_takes() {
        for (delay, expected) in [(0, 0), (1, 1), (999, 1), (1001, 2), (-5000, 0), (10_000_000, 900)] {
            assert_eq!(seconds(SignedDuration::from_millis(delay)), expected, "{delay} ms");
        }
    }

    #[test]
    fn a_reason_is_always_a_valid_attribute() {
        assert_eq!(attribute("gave\nup\u{0} \u{7}").unwrap().string_value(), Some("gaveup "));
        assert_eq!(attribute("").unwrap().string_value(), Some("no reason given"));
    }
}
