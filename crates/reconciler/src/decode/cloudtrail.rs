//! "AWS API Call via CloudTrail" and its kin, in both encodings, read by one lenient reader.

use super::envelope::{owned, text, time};
use super::ids::Found;
use super::{Decoded, Envelope, services};
use crate::{Cause, Principal};
use serde_json::Value;
use topology::ResourceId;

pub(super) fn decode(envelope: &Envelope<'_>) -> Decoded {
    let record = envelope.detail;
    if let Some(code) = text(record, "errorCode") {
        return Decoded::NotAChange(format!("the call failed or was a dry run: {code}"));
    }
    if record.get("readOnly").and_then(Value::as_bool) == Some(true) {
        return Decoded::NotAChange("the call only read".into());
    }
    let recipient = super::envelope::account(record, "recipientAccountId");
    if recipient.is_some_and(|account| account != envelope.place.account.as_str()) {
        return Decoded::Unknown("envelope and CloudTrail record name different accounts".into());
    }
    let mut found = Found::default();
    let mut subject = std::collections::BTreeSet::new();
    // Whoever names a log group, a database or a service may write ids of anything into its name: only what AWS made of it is read,
    // and where that says nothing, everything here is looked at.
    let named = match text(record, "eventSource") {
        Some("logs.amazonaws.com") => Some(log_group(record.get("requestParameters").unwrap_or(&Value::Null))),
        Some("rds.amazonaws.com") => Some(services::database(record)),
        Some("ecs.amazonaws.com") => Some(services::service(record)),
        _ => None,
    };
    let by_form = named.is_none();
    if let Some(services::Named { called, within }) = named {
        subject.extend(called);
        found.ids.extend(within);
    }
    if by_form && let Some(more) = services::beside(record) {
        subject.extend(more);
    }
    for part in ["requestParameters", "responseElements", "serviceEventDetails"].into_iter().filter(|_| by_form) {
        let mut here = Found::default();
        here.collect(record.get(part).unwrap_or(&Value::Null));
        found.ids.append(&mut here.ids);
        subject.append(&mut here.subject);
        found.overflow |= here.overflow;
    }
    let at = time(record, "eventTime", envelope.now).unwrap_or(envelope.at);
    let cause = Cause {
        event_id: owned(record, "eventID").or_else(|| envelope.id.clone()).unwrap_or_default(),
        request_id: owned(record, "requestID"),
        event_name: owned(record, "eventName").unwrap_or_else(|| "an unnamed call".into()),
        at,
        principal: principal(record.get("userIdentity").unwrap_or(&Value::Null)),
        source_ip: owned(record, "sourceIPAddress"),
        user_agent: owned(record, "userAgent"),
        invoked_by: record.get("userIdentity").and_then(|identity| owned(identity, "invokedBy")),
        resources: subject,
    };
    Decoded::Look(vec![envelope.hint(found, vec![cause], at)])
}

/// The id by which drifts call the log group that a call is about. It is given as it is, or in an ARN, which may end in `:*`. It is in
/// no VPC.
fn log_group(request: &Value) -> services::Named {
    let given =
        ["logGroupName", "logGroupIdentifier", "resourceIdentifier"].iter().find_map(|field| owned(request, field));
    let name = given.map(|given| {
        let name = given.split_once(":log-group:").map_or(given.as_str(), |(_, name)| name.trim_end_matches(":*"));
        ResourceId::from(format!("log-group:{name}"))
    });
    services::Named { called: name.into_iter().collect(), within: vec![] }
}

/// Who called. `type` is missing for service events, `sessionIssuer` is `{}` or absent for users and root.
fn principal(identity: &Value) -> Principal {
    let issuer = identity.pointer("/sessionContext/sessionIssuer").unwrap_or(&Value::Null);
    let service = || owned(identity, "invokedBy").map(|_| "AWSService".to_owned());
    Principal {
        kind: owned(identity, "type").or_else(service).unwrap_or_else(|| "Unknown".into()),
        arn: owned(identity, "arn").or_else(|| owned(identity, "principalId")),
        role: owned(issuer, "arn").filter(|_| text(issuer, "type").is_none_or(|kind| kind == "Role")),
    }
}
