//! Bad messages, forged events, networks that lie about themselves.

use crate::stage::{Caller, Stage, fixed, tcp};
use aws_sdk_ec2::types::Tag;
use serde_json::{Value, json};

/// A CloudTrail event as EventBridge would deliver it, about a group.
fn forged(group: &str, account: &str, region: &str) -> Value {
    json!({
        "version": "0", "id": "00000000-0000-4000-8000-000000000000", "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ec2", "account": account, "region": region, "time": "2026-01-01T00:00:00Z", "resources": [],
        "detail": {
            "eventName": "AuthorizeSecurityGroupIngress", "eventSource": "ec2.amazonaws.com", "eventID": "forged",
            "eventTime": "2026-01-01T00:00:00Z", "awsRegion": region, "recipientAccountId": account, "userIdentity": {},
            "requestParameters": {"groupId": group, "ipPermissions": {}}
        }
    })
}

#[tokio::test]
async fn garbage_goes_to_the_dead_letter_queue_and_the_rest_is_served() {
    let stage = Stage::restored().await;
    let group = stage.group("three-tier", "main", "alb").await;
    let declared = stage.words(&group).await;
    let queue = stage.output("SecurityGroupsQueueUrl").to_owned();
    for body in ["{\"version\":\"0\",\"detail", "not json at all", "[]", "null", "42"] {
        stage.sqs().send_message().queue_url(&queue).message_body(body).send().await.expect("sent");
    }
    let open = stage.ec2(Caller::User).authorize_security_group_ingress().group_id(&group);
    open.ip_permissions(tcp(22, "0.0.0.0/0")).send().await.expect("opened");

    stage.outcome("fixes the group", |event| fixed(event, &group)).await;
    assert_eq!(stage.words(&group).await, declared);
    stage.until_dead_letters("SecurityGroupsDeadLettersUrl", 2).await;
}

#[tokio::test]
async fn a_forged_event_makes_plumbline_look_and_nothing_else() {
    let stage = Stage::restored().await;
    let queue = stage.output("SecurityGroupsQueueUrl").to_owned();
    let mark = stage.mark();
    let stranger = stage
        .ec2(Caller::Root)
        .create_security_group()
        .group_name("strangers")
        .description("not in any topology")
        .vpc_id(stage.undeclared_vpc().await)
        .send()
        .await
        .expect("created");
    let ours = stage.group("three-tier", "main", "alb").await;
    for group in ["sg-0000000000000bad0", stranger.group_id().unwrap(), &ours] {
        let event = forged(group, "000000000000", stage.region()).to_string();
        stage.sqs().send_message().queue_url(&queue).message_body(event).send().await.expect("sent");
    }
    let elsewhere = forged(&ours, "999999999999", "mars-north-1").to_string();
    stage.sqs().send_message().queue_url(&queue).message_body(elsewhere).send().await.expect("sent");

    stage.idle();

    let calls = stage.calls(mark);
    let writes: Vec<_> = calls.iter().filter(|call| call.is_plumbline_write() && call.service == "ec2").collect();
    assert!(writes.is_empty(), "{writes:#?}");
}

#[tokio::test]
async fn the_largest_message_is_survived() {
    let stage = Stage::restored().await;
    let queue = stage.output("SecurityGroupsQueueUrl").to_owned();
    let mut event = forged("sg-0000000000000bad0", "000000000000", stage.region());
    event["detail"]["requestParameters"]["padding"] = json!("sg-1 ".repeat(50_000));
    let body = event.to_string();
    assert!(body.len() > 245_000 && body.len() < 262_144);
    stage.sqs().send_message().queue_url(&queue).message_body(body).send().await.expect("sent");
    stage.idle();
    stage.until_dead_letters("SecurityGroupsDeadLettersUrl", 0).await;
}

#[tokio::test]
async fn a_copied_tag_does_not_move_the_topology() {
    let stage = Stage::restored().await;
    let impostor = stage.undeclared_vpc().await;
    let tags = [("plumbline:topology", "three-tier"), ("plumbline:vpc", "main")]
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    let ec2 = stage.ec2(Caller::Root);
    ec2.create_tags().resources(&impostor).set_tags(Some(tags.to_vec())).send().await.expect("tagged");
    let victim = ec2
        .create_security_group()
        .group_name("alb")
        .description("an impostor")
        .vpc_id(&impostor)
        .send()
        .await
        .expect("created");
    let impostor_group = victim.group_id().unwrap().to_owned();
    let before = stage.words(&impostor_group).await;
    let group = stage.group("three-tier", "main", "alb").await;
    let declared = stage.words(&group).await;
    let open = ec2.authorize_security_group_ingress().group_id(&group);
    open.ip_permissions(tcp(22, "0.0.0.0/0")).send().await.expect("opened");

    stage.until_words(&group, &declared).await;
    stage.ask("three-tier").await;
    let said = stage.outcome("names the second VPC", |event| event.to_string().contains(&impostor)).await;
    assert!(said.to_string().contains(stage.vpc("three-tier", "main")), "{said:#}");
    stage.idle();
    assert_eq!(stage.words(&impostor_group).await, before, "the impostor is not touched");
}
