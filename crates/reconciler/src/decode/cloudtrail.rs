//! "AWS API Call via CloudTrail" and its kin, in both encodings, read by one lenient reader.

use super::envelope::{owned, text, time};
use super::ids::Found;
use super::{Decoded, Envelope};
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
    let logs = text(record, "eventSource") == Some("logs.amazonaws.com");
    if logs {
        // A log group is in no VPC, and whoever names one may write ids of anything into its name: everything here is looked at.
        subject.extend(log_group(record.get("requestParameters").unwrap_or(&Value::Null)));
    }
    for part in ["requestParameters", "responseElements", "serviceEventDetails"].into_iter().filter(|_| !logs) {
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

/// The id by which drifts call the log group that a call is about. It is given as it is, or in an ARN, which may end in `:*`.
fn log_group(request: &Value) -> Option<ResourceId> {
    let given =
        ["logGroupName", "logGroupIdentifier", "resourceIdentifier"].iter().find_map(|field| owned(request, field))?;
    let name = given.split_once(":log-group:").map_or(given.as_str(), |(_, name)| name.trim_end_matches(":*"));
    Some(format!("log-group:{name}").into())
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
