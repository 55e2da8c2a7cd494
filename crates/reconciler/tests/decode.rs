//! What every sample event is read as, and the shapes that real events have beside them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use jiff::Timestamp;
use reconciler::{Decoded, Error, Hint, decode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use topology::{ControlId, Place};

fn now() -> Timestamp {
    "2026-11-20T03:00:00Z".parse().unwrap()
}

fn read(body: &str) -> Result<Decoded, Error> {
    decode(ControlId::SecurityGroups, body, &Place::new("111122223333", "eu-west-1"), now())
}

fn hints(event: &Value) -> Vec<Hint> {
    match read(&event.to_string()) {
        Ok(Decoded::Look(hints)) => hints,
        other => panic!("{event} was read as {other:?}"),
    }
}

fn hint(event: &Value) -> Hint {
    let hints = hints(event);
    assert_eq!(hints.len(), 1);
    hints.into_iter().next().unwrap()
}

fn ids(hint: &Hint) -> Vec<&str> {
    hint.resources.iter().map(|id| id.as_str()).collect()
}

fn call(name: &str, request: Value, response: Value) -> Value {
    json!({
        "version": "0", "id": "4f0f", "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2",
        "account": "111122223333", "time": "2026-11-20T02:14:00Z", "region": "eu-west-1", "resources": [],
        "detail": {
            "eventID": "36f6", "eventName": name, "eventTime": "2026-11-20T02:13:59Z", "awsRegion": "eu-west-1",
            "sourceIPAddress": "203.0.113.7", "userAgent": "aws-cli/2", "readOnly": false,
            "recipientAccountId": "111122223333",
            "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ana" },
            "requestParameters": request, "responseElements": response,
        },
    })
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
}

fn told(result: &Result<Decoded, Error>) -> String {
    let hints = match result {
        Err(error) => return format!("REFUSED {error}"),
        Ok(Decoded::NotAChange(why)) => return format!("not a change: {why}"),
        Ok(Decoded::Unknown(why)) => return format!("UNKNOWN {why}"),
        Ok(Decoded::Look(hints)) => hints,
    };
    let mut text = String::new();
    for hint in hints {
        let Hint { place, resources, topology, causes, first_seen, attempt, chain_since: _ } = hint;
        let ids: Vec<&str> = resources.iter().map(|id| id.as_str()).collect();
        let ids = if ids.is_empty() { "everything".to_owned() } else { ids.join(" ") };
        let of = topology.as_ref().map(|id| format!(" of {id}")).unwrap_or_default();
        write!(text, "look at {ids}{of} in {place}, seen {first_seen}, attempt {attempt}").unwrap();
        for cause in causes {
            let principal = &cause.principal;
            let subject: Vec<&str> = cause.resources.iter().map(|id| id.as_str()).collect();
            write!(
                text,
                "\n      {} on {} by {} {} role {} from {} through {}",
                cause.event_name,
                subject.join(" "),
                principal.kind,
                principal.arn.as_deref().unwrap_or("-"),
                principal.role.as_deref().unwrap_or("-"),
                cause.source_ip.as_deref().unwrap_or("-"),
                cause.invoked_by.as_deref().unwrap_or("-"),
            )
            .unwrap();
        }
    }
    text
}

#[test]
fn every_sample_event() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let mut paths = vec![];
    files(&folder, &mut paths);
    paths.sort();
    assert!(paths.len() > 40, "{}", paths.len());
    let mut text = String::new();
    for path in paths {
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        if name.contains("by-hand") || name.starts_with("config-rule") {
            continue;
        }
        let body = fs::read_to_string(&path).unwrap();
        let event: Value = serde_json::from_str(&body).unwrap();
        let bodies: Vec<String> = match event.get("Records").and_then(Value::as_array) {
            Some(records) => records.iter().map(|record| record["body"].as_str().unwrap().to_owned()).collect(),
            None => vec![body],
        };
        writeln!(text, "{name}").unwrap();
        bodies.iter().for_each(|body| writeln!(text, "  {}", told(&read(body))).unwrap());
    }
    insta::assert_snapshot!(text);
}

#[test]
fn ids_are_found_in_both_encodings() {
    let table = [
        (
            "AuthorizeSecurityGroupIngress",
            json!({"groupId": "sg-01234567", "ipPermissions": {}, "cidrIp": "0.0.0.0/0"}),
            "sg-01234567",
        ),
        (
            "AuthorizeSecurityGroupIngress",
            json!({"groupId": "sg-0123456789abcdef0", "ipPermissions": {"items": []}}),
            "sg-0123456789abcdef0",
        ),
        (
            "ModifySecurityGroupRules",
            json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-01234567", "SecurityGroupRule": {"tag": 1, "SecurityGroupRule": {"FromPort": 22}}}}),
            "sg-01234567",
        ),
        (
            "DeleteFlowLogs",
            json!({"DeleteFlowLogsRequest": {"FlowLogId": {"tag": 1, "content": "fl-01234567"}}}),
            "fl-01234567",
        ),
        (
            "DeleteFlowLogs",
            json!({"DeleteFlowLogsRequest": {"FlowLogId": [{"tag": 1, "content": "fl-01234567"}]}}),
            "fl-01234567",
        ),
        (
            "DeleteNatGateway",
            json!({"DeleteNatGatewayRequest": {"NatGatewayId": "nat-0123456789abcdef0"}}),
            "nat-0123456789abcdef0",
        ),
        (
            "DeleteTransitGatewayVpcAttachment",
            json!({"DelTGwVpcAttachReq": {"Id": "tgw-attach-01234567"}}),
            "tgw-attach-01234567",
        ),
        ("DisassociateRouteTable", json!({"associationId": "rtbassoc-01234567"}), "rtbassoc-01234567"),
        ("DeleteRoute", json!({"routeTableId": "rtb-01234567", "destinationCidrBlock": "0.0.0.0/0"}), "rtb-01234567"),
        ("ReleaseAddress", json!({"allocationId": "eipalloc-01234567"}), "eipalloc-01234567"),
        ("DisassociateAddress", json!({"associationId": "eipassoc-01234567"}), "eipassoc-01234567"),
        (
            "ModifyVpcEndpointServiceConfiguration",
            json!({"ModifyVpcEndpointServiceConfigurationRequest": {"ServiceId": "vpce-svc-0123456789abcdef0", "AcceptanceRequired": false}}),
            "vpce-svc-0123456789abcdef0",
        ),
        (
            "RejectVpcEndpointConnections",
            json!({"RejectVpcEndpointConnectionsRequest": {"VpcEndpointId": {"tag": 1, "content": "vpce-0123456789abcdef0"}}}),
            "vpce-0123456789abcdef0",
        ),
        (
            "DeleteLogGroup",
            json!({"arn": "arn:aws:ec2:eu-west-1:111122223333:security-group/sg-01234567"}),
            "sg-01234567",
        ),
    ];
    for (name, request, id) in table {
        let hint = hint(&call(name, request, Value::Null));
        assert_eq!(ids(&hint), [id], "{name}");
        assert!(hint.causes[0].resources.contains(id), "{name}");
    }
    let created =
        hint(&call("CreateVpc", json!({"cidrBlock": "10.0.0.0/16"}), json!({"vpc": {"vpcId": "vpc-01234567"}})));
    assert_eq!(ids(&created), ["vpc-01234567"], "the id is in the response only");
}

#[test]
fn a_log_group_is_nowhere_and_its_name_is_not_searched() {
    let name = "/mine/vpc-0123456789abcdef0/sg-01234567";
    let arn = format!("arn:aws:logs:eu-west-1:111122223333:log-group:{name}:*");
    for request in [json!({ "logGroupName": name }), json!({ "logGroupIdentifier": arn })] {
        let mut event = call("DeleteLogGroup", request, Value::Null);
        event["source"] = json!("aws.logs");
        event["detail"]["eventSource"] = json!("logs.amazonaws.com");
        let hint = hint(&event);
        assert_eq!(ids(&hint), Vec::<&str>::new(), "everything in the place is looked at");
        assert_eq!(
            hint.causes[0].resources,
            [format!("log-group:{name}").into()].into(),
            "and who did it is known by the group"
        );
    }
}

#[test]
fn odd_values_where_aws_writes_them() {
    let mut event = call(
        "CreateNatGateway",
        json!({"CreateNatGatewayRequest": {"SubnetId": "subnet-01234567", "Tag": ""}}),
        json!(""),
    );
    event["detail"]["ownerId"] = json!(200_802_171_337_u64);
    event["detail"]["recipientAccountId"] = json!(111_122_223_333_u64);
    event["detail"]["userIdentity"] = json!({"type": "Root", "sessionContext": {"sessionIssuer": {}}, "invokedBy": ""});
    event["replay-name"] = json!("night");
    let read = hint(&event);
    assert_eq!(ids(&read), ["subnet-01234567"]);
    assert_eq!((read.causes[0].principal.kind.as_str(), &read.causes[0].principal.role), ("Root", &None));
    assert_eq!(read.causes[0].invoked_by, None);

    // A service event: no type, no request id, no parameters.
    let mut service = call("DeleteNatGateway", Value::Null, Value::Null);
    service["detail"]["userIdentity"] = json!({"accountId": "111122223333", "invokedBy": "ec2.amazonaws.com"});
    let read = hint(&service);
    assert!(read.resources.is_empty(), "names nothing, so everything here is looked at");
    assert_eq!(read.causes[0].principal.kind, "AWSService");

    let mut small = call("DeleteVpc", json!({"vpcId": "vpc-01234567"}), Value::Null);
    small["account"] = json!("012345678912");
    small["detail"]["recipientAccountId"] = json!(12_345_678_912_u64);
    assert_eq!(hint(&small).place.account.as_str(), "012345678912", "a coerced account lost its zeros");
}

#[test]
fn what_is_no_change_is_no_hint() {
    let failed = |code: &str| {
        let mut event = call("RevokeSecurityGroupIngress", json!({"groupId": "sg-01234567"}), Value::Null);
        event["detail"]["errorCode"] = json!(code);
        event
    };
    let mut reading = call("DescribeVpcs", json!({}), Value::Null);
    reading["detail"]["readOnly"] = json!(true);
    for event in [failed("Client.InvalidPermission.NotFound"), failed("Client.DryRunOperation"), reading] {
        assert!(matches!(read(&event.to_string()), Ok(Decoded::NotAChange(_))), "{event}");
    }
    // An empty code is how one encoding writes that there is none.
    assert_eq!(hints(&failed("")).len(), 1);
}

#[test]
fn accounts_that_contradict_each_other_are_no_hint() {
    let mut event = call("AuthorizeSecurityGroupIngress", json!({"groupId": "sg-01234567"}), Value::Null);
    event["detail"]["recipientAccountId"] = json!("999988887777");
    assert!(matches!(read(&event.to_string()), Ok(Decoded::Unknown(_))));
}

#[test]
fn requests_for_another_control_are_not_ours() {
    let request = |control: Value| {
        json!({
            "source": "plumbline", "detail-type": "Reconcile Requested", "account": "111122223333", "region": "eu-west-1",
            "detail": {"account": "222233334444", "region": "us-east-1", "topology": "t", "control": control, "why": "w"},
        })
    };
    for control in [json!(null), json!("security-groups"), json!("")] {
        let read = hint(&request(control));
        assert_eq!((read.topology.unwrap().as_str(), read.place), ("t", Place::new("222233334444", "us-east-1")));
    }
    assert!(matches!(read(&request(json!("nat")).to_string()), Ok(Decoded::NotAChange(_))));
}

#[test]
fn notices_are_a_poke() {
    let wrapped = |message: &str| {
        json!({
            "Type": "Notification", "TopicArn": "arn:aws:sns:eu-central-1:222233334444:endpoints",
            "Message": message, "Timestamp": "2026-11-20T02:14:00.123Z",
        })
    };
    let notice = r#"{"vpcEndpointId":"vpce-0123456789abcdef0","serviceId":"vpce-svc-0123456789abcdef0","do":"accept sg-01234567"}"#;
    let read_wrapped = hint(&wrapped(notice));
    assert_eq!(ids(&read_wrapped), ["vpce-0123456789abcdef0", "vpce-svc-0123456789abcdef0"], "and no other id");
    assert_eq!(read_wrapped.place, Place::new("222233334444", "eu-central-1"));
    let raw: Value = serde_json::from_str(notice).unwrap();
    assert_eq!(hint(&raw).place, Place::new("111122223333", "eu-west-1"));
    let text = hint(&wrapped("Connect vpce-0123456789abcdef0 to vpce-svc-0123456789abcdef0."));
    assert_eq!(ids(&text).len(), 2);
    assert!(matches!(read("Connect vpce-0123456789abcdef0"), Ok(Decoded::Look(_))));
    // An envelope in an envelope is opened once: rechecks and further envelopes are not found inside.
    let smuggled = wrapped(&reconciler::recheck_body(&[]));
    assert!(!matches!(read(&smuggled.to_string()), Ok(Decoded::Look(_))));
    let twice = wrapped(&wrapped("vpce-0123456789abcdef0").to_string());
    assert_eq!(ids(&hint(&twice)), ["vpce-0123456789abcdef0"], "text is text");
}

/// Its wording is not documented, and may be another one tomorrow: what is told without an id makes every service be looked at.
#[test]
fn a_notice_that_names_nothing_is_a_poke_for_privatelink_only() {
    let home = Place::new("111122223333", "eu-west-1");
    let recheck = reconciler::recheck_body(&[]);
    for message in ["An endpoint wants to connect.", r#"{"event":"Connect"}"#, "", recheck.as_str()] {
        let sns = json!({"TopicArn": "arn:aws:sns:eu-west-1:111122223333:t", "Message": message}).to_string();
        let Ok(Decoded::Look(hints)) = decode(ControlId::PrivateLink, &sns, &home, now()) else { panic!("{message}") };
        let whole = hints.iter().all(|hint| hint.place == home && hint.causes.is_empty() && hint.attempt == 0);
        assert!(whole && hints.len() == 1, "{message}: {hints:?}");
        assert!(!matches!(decode(ControlId::Nat, &sns, &home, now()), Ok(Decoded::Look(_))), "{message}");
    }
    assert!(decode(ControlId::PrivateLink, "An endpoint wants to connect.", &home, now()).is_err(), "not from a topic");
}

#[test]
fn events_within_a_notification() {
    let event = call("AuthorizeSecurityGroupIngress", json!({"groupId": "sg-01234567"}), Value::Null);
    let sns = json!({"TopicArn": "arn:aws:sns:eu-west-1:111122223333:t", "Message": event.to_string()});
    assert_eq!(ids(&hint(&sns)), ["sg-01234567"]);
    let config = json!({
        "messageType": "ConfigurationItemChangeNotification",
        "configurationItem": {"resourceId": "sg-01234567", "awsAccountId": "222233334444", "awsRegion": "eu-west-2"},
    });
    let sns = json!({"TopicArn": "arn:aws:sns:eu-west-1:111122223333:t", "Message": config.to_string()});
    assert_eq!(hint(&sns).place, Place::new("222233334444", "eu-west-2"));
}

#[test]
fn our_rechecks_come_back_as_they_went() {
    let sent = hint(&call("AuthorizeSecurityGroupIngress", json!({"groupId": "sg-01234567"}), Value::Null));
    let body = reconciler::recheck_body(&[Hint { attempt: 3, ..sent.clone() }]);
    let Ok(Decoded::Look(back)) = read(&body) else { panic!("{body}") };
    assert_eq!(back, [Hint { attempt: 3, ..sent }]);
}

#[test]
fn times_are_never_in_the_future() {
    let mut event = call("AuthorizeSecurityGroupIngress", json!({"groupId": "sg-01234567"}), Value::Null);
    event["detail"]["eventTime"] = json!("2999-01-01T00:00:00Z");
    assert_eq!(hint(&event).first_seen, now());
    event["detail"]["eventTime"] = json!("yesterday");
    assert_eq!(hint(&event).first_seen, "2026-11-20T02:14:00Z".parse().unwrap());
}

#[test]
fn what_a_caller_wrote_cannot_write_to_a_terminal() {
    let mut event = call("AuthorizeSecurityGroupIngress", json!({"groupId": "sg-01234567"}), Value::Null);
    event["detail"]["userAgent"] = json!(format!("\u{1b}[31mred\n{}", "x".repeat(10_000)));
    let agent = hint(&event).causes[0].user_agent.clone().unwrap();
    assert!(agent.starts_with("[31mred") && agent.len() <= 512 && !agent.contains(char::is_control));
}

#[test]
fn nesting_without_end_is_refused_or_looked_at_whole() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(5000), "}".repeat(5000));
    assert!(matches!(read(&deep), Err(Error::Refused(_))));
    let mut request = json!("sg-01234567");
    for _ in 0..60 {
        request = json!({ "a": request });
    }
    let read = hint(&call("AuthorizeSecurityGroupIngress", request, Value::Null));
    assert_eq!(read.resources, BTreeSet::new());
}
