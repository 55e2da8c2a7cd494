//! Somebody changes a group; Plumbline puts it back, verifies it, and says who it was.

use crate::stage::{Caller, Stage, fixed, tcp};
use aws_sdk_ec2::types::{
    SecurityGroupRule, SecurityGroupRuleDescription, SecurityGroupRuleRequest, SecurityGroupRuleUpdate,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The principals of every cause in a report.
fn principals(report: &Value) -> Vec<(String, String)> {
    let causes = report["causes"].as_object().expect("causes by drift");
    causes
        .values()
        .flat_map(|found| found.as_array().expect("a list").clone())
        .map(|cause| {
            let arn = cause["principal"]["arn"].as_str().unwrap_or_default().to_owned();
            (cause["principal"]["kind"].as_str().unwrap_or_default().to_owned(), arn)
        })
        .collect()
}

#[tokio::test]
async fn an_open_port_is_closed_and_the_iam_user_is_named() {
    let stage = Stage::restored().await;
    let group = stage.group("three-tier", "main", "alb").await;
    let declared = stage.words(&group).await;
    let open = stage.ec2(Caller::User).authorize_security_group_ingress().group_id(&group);
    open.ip_permissions(tcp(22, "0.0.0.0/0")).ip_permissions(tcp(22, "::/0")).send().await.expect("opened");

    let report = stage.outcome("fixes the group", |event| fixed(event, &group)).await;

    assert_eq!(stage.words(&group).await, declared);
    assert!(report["drifts"].as_array().unwrap().iter().any(|drift| drift["severity"] == json!("exposure")));
    let who = principals(&report);
    assert!(who.iter().any(|(kind, arn)| kind == "IAMUser" && arn.ends_with(":user/release-engineer")), "{who:?}");
    assert_eq!(report["event_path_blind"], json!(false));
}

#[tokio::test]
async fn a_removed_rule_comes_back_with_its_description_and_the_role_is_named() {
    let stage = Stage::restored().await;
    let group = stage.group("three-tier", "main", "database").await;
    let declared = stage.words(&group).await;
    let rule = stage.rules(&group).await.into_iter().find(|rule| rule.from_port() == Some(5432)).expect("PostgreSQL");
    let revoke = stage.ec2(Caller::Role).revoke_security_group_ingress().group_id(&group);
    revoke.security_group_rule_ids(rule.security_group_rule_id().unwrap()).send().await.expect("revoked");

    let report = stage.outcome("fixes the group", |event| fixed(event, &group)).await;

    assert_eq!(stage.words(&group).await, declared);
    let who = principals(&report);
    assert!(who.iter().any(|(kind, arn)| kind == "AssumedRole" && arn.contains("break-glass")), "{who:?}");
}

#[tokio::test]
async fn a_rule_widened_in_place_by_root_is_narrowed_again() {
    let stage = Stage::restored().await;
    let group = stage.group("three-tier", "main", "alb").await;
    let declared = stage.words(&group).await;
    let rule = stage.rules(&group).await.into_iter().find(|rule| rule.from_port() == Some(443)).expect("HTTPS");
    let wide = SecurityGroupRuleRequest::builder()
        .ip_protocol("tcp")
        .from_port(0)
        .to_port(65535)
        .cidr_ipv4("0.0.0.0/0")
        .build();
    let update = SecurityGroupRuleUpdate::builder()
        .security_group_rule_id(rule.security_group_rule_id().unwrap())
        .security_group_rule(wide)
        .build();
    stage
        .ec2(Caller::Root)
        .modify_security_group_rules()
        .group_id(&group)
        .security_group_rules(update)
        .send()
        .await
        .expect("widened");

    let report = stage.outcome("fixes the group", |event| fixed(event, &group)).await;

    assert_eq!(stage.words(&group).await, declared);
    let who = principals(&report);
    assert!(who.iter().any(|(kind, _)| kind == "Root"), "{who:?}");
}

#[tokio::test]
async fn reworded_descriptions_and_egress_are_put_back_in_place() {
    let stage = Stage::restored().await;
    let group = stage.group("three-tier", "main", "alb").await;
    let declared = stage.words(&group).await;
    let ids = |rules: Vec<SecurityGroupRule>| -> BTreeSet<String> {
        rules.into_iter().filter_map(|rule| rule.security_group_rule_id).collect()
    };
    let before = ids(stage.rules(&group).await);
    let user = stage.ec2(Caller::User);
    let mark = stage.mark();
    let mut reword_in = user.update_security_group_rule_descriptions_ingress().group_id(&group);
    let mut reword_out = user.update_security_group_rule_descriptions_egress().group_id(&group);
    for rule in stage.rules(&group).await {
        let reworded = SecurityGroupRuleDescription::builder()
            .security_group_rule_id(rule.security_group_rule_id().unwrap())
            .description("temporary, ask Sam")
            .build();
        match rule.is_egress() {
            Some(true) => reword_out = reword_out.security_group_rule_descriptions(reworded),
            _ => reword_in = reword_in.security_group_rule_descriptions(reworded),
        }
    }
    reword_in.send().await.expect("ingress reworded");
    reword_out.send().await.expect("egress reworded");
    let leak = user.authorize_security_group_egress().group_id(&group);
    leak.ip_permissions(tcp(25, "198.51.100.0/24")).send().await.expect("opened");

    stage.until_words(&group, &declared).await;
    stage.idle();

    assert_eq!(ids(stage.rules(&group).await), before, "reworded in place, not made anew");
    let calls: BTreeSet<String> = stage
        .calls(mark)
        .into_iter()
        .filter(|call| call.is_plumbline_write() && call.service == "ec2")
        .map(|call| call.action)
        .collect();
    let expected = [
        "RevokeSecurityGroupEgress",
        "UpdateSecurityGroupRuleDescriptionsEgress",
        "UpdateSecurityGroupRuleDescriptionsIngress",
    ];
    assert_eq!(calls, expected.map(str::to_owned).into());
}

#[tokio::test]
async fn several_groups_in_three_vpcs_at_once() {
    let stage = Stage::restored().await;
    let mut touched = vec![];
    for (topology, vpc, name) in
        [("three-tier", "main", "alb"), ("three-tier", "main", "database"), ("three-tier", "main", "ecs-tasks")]
    {
        let group = stage.group(topology, vpc, name).await;
        let declared = stage.words(&group).await;
        touched.push((group, declared));
    }
    for (group, _) in &touched {
        let open = stage.ec2(Caller::Role).authorize_security_group_ingress().group_id(group);
        open.ip_permissions(tcp(3389, "0.0.0.0/0")).send().await.expect("opened");
    }
    for (group, declared) in &touched {
        stage.until_words(group, declared).await;
    }
}

#[tokio::test]
async fn a_refused_call_and_a_dry_run_are_no_changes() {
    let stage = Stage::restored().await;
    let group = stage.group("three-tier", "main", "alb").await;
    let mark = stage.mark();
    let user = stage.ec2(Caller::User);
    let duplicate = user.authorize_security_group_ingress().group_id(&group).ip_permissions(tcp(443, "0.0.0.0/0"));
    duplicate.send().await.expect_err("EC2 refuses a duplicate");
    let dry =
        user.authorize_security_group_ingress().group_id(&group).ip_permissions(tcp(22, "0.0.0.0/0")).dry_run(true);
    dry.send().await.expect_err("a dry run is answered as an error");

    stage.idle();

    let calls = stage.calls(mark);
    let writes: Vec<_> = calls.iter().filter(|call| call.is_plumbline_write()).collect();
    assert!(writes.is_empty(), "{writes:#?}");
}
