//! AWS Config, both ways: its events wake the controls where no trail does, and its rule is told what is as declared.

use crate::deploy::Documents;
use crate::stage::{ACCOUNT, CONTROL_PLANE, Caller, PATIENCE, Stage, tcp, until};
use aws_sdk_config::types::ComplianceType;
use aws_sdk_ec2::types::Filter;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const GROUP: &str = "AWS::EC2::SecurityGroup";

/// The rule that the stack made.
pub(crate) struct ConfigRule<'a>(&'a Stage);

impl<'a> ConfigRule<'a> {
    pub(crate) fn of(stage: &'a Stage) -> Self {
        Self(stage)
    }

    fn name(&self) -> &str {
        self.0.output("ConfigRuleName")
    }

    /// Its time has come; returns when everything is evaluated.
    fn schedule(&self) {
        self.0.admin("POST", "config/schedule", Some(json!({"rule": self.name(), "region": self.0.region()})));
        self.0.idle();
    }

    /// AWS Config records an item of a resource; returns when nothing comes of it any more.
    fn record(&self, kind: &str, id: &str, more: &Value) -> Value {
        let mut body = json!({"item": {"resourceType": kind, "resourceId": id}, "region": self.0.region()});
        for (name, value) in more.as_object().into_iter().flatten() {
            match name.as_str() {
                "oversized" | "left_scope" => body[name] = value.clone(),
                _ => body["item"][name] = value.clone(),
            }
        }
        let answer = self.0.admin("POST", "config/record", Some(body));
        self.0.idle();
        answer
    }

    /// What AWS Config holds of each resource: the verdict and the annotation.
    async fn results(&self) -> BTreeMap<String, (ComplianceType, String)> {
        let config = self.0.config_service();
        let asked = config.get_compliance_details_by_config_rule().config_rule_name(self.name());
        let mut found = BTreeMap::new();
        for result in asked.send().await.expect("results").evaluation_results() {
            let about = result.evaluation_result_identifier().and_then(|one| one.evaluation_result_qualifier());
            let id = about.and_then(|about| about.resource_id()).expect("an id").to_owned();
            let verdict = result.compliance_type().expect("a verdict").clone();
            found.insert(id, (verdict, result.annotation().unwrap_or_default().to_owned()));
        }
        found
    }

    /// What a try on one topology calls non-compliant, and why. Nothing is recorded, and no other topology looked at.
    pub(crate) async fn tried(&self, topology: &str) -> BTreeMap<String, String> {
        let inner = json!({"messageType": "ScheduledNotification", "notificationCreationTime": "2026-11-20T02:30:00Z"});
        let event = json!({"invokingEvent": inner.to_string(), "resultToken": "TESTMODE",
            "ruleParameters": json!({"topologies": topology}).to_string()});
        let answer = self.0.by_hand("config-rule", event).await;
        let bad = answer["evaluations"].as_array().expect("evaluations").iter();
        let bad = bad.filter(|evaluation| evaluation["compliance"] == json!("NON_COMPLIANT"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        bad.map(|evaluation| (text(&evaluation["id"]), text(&evaluation["annotation"]))).collect()
    }

    async fn verdict(&self, id: &str) -> (ComplianceType, String) {
        self.results().await.remove(id).unwrap_or_else(|| panic!("nothing is known of {id}"))
    }
}

async fn open(stage: &Stage, group: &str) {
    let open = stage.ec2(Caller::User).authorize_security_group_ingress().group_id(group);
    open.ip_permissions(tcp(22, "0.0.0.0/0")).send().await.expect("opened");
}

/// Without a trail: what happens is known from AWS Config alone.
fn without_a_trail(stage: &Stage) {
    stage.admin("PUT", "cloudtrail", Some(json!({"loss": 1.0})));
}

async fn pause(stage: &Stage, topology: &str, control: &str) {
    let order = json!({"pause": {"topology": topology, "for": "1h", "reason": "planned work"}});
    assert_eq!(stage.by_hand(control, order).await["ok"], json!(true));
}

async fn flow_logs(stage: &Stage, topology: &str) -> Vec<String> {
    let by = Filter::builder().name("resource-id").values(stage.vpc(topology, "main")).build();
    let found = stage.ec2(Caller::Root).describe_flow_logs().filter(by).send().await.expect("described");
    found.flow_logs().iter().filter_map(|log| log.flow_log_id()).map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn everything_that_is_declared_is_evaluated_and_as_declared() {
    let stage = Stage::restored().await;
    let rule = ConfigRule::of(&stage);
    let mark = stage.mark();
    rule.schedule();
    let results = rule.results().await;
    for (topology, vpcs) in stage.vpcs() {
        for (name, vpc) in vpcs {
            let found = results.get(vpc);
            assert!(matches!(found, Some((ComplianceType::Compliant, _))), "{topology}/{name}: {found:?}");
        }
    }
    for kind in ["vpc-", "sg-", "fl-", "nat-", "rtb-", "subnet-", "vpce-svc-", "db-"] {
        assert!(results.keys().any(|id| id.starts_with(kind)), "no {kind} among {:?}", results.keys());
    }
    assert!(results.len() > 50, "{} resources", results.len());
    let writes: Vec<_> =
        stage.calls(mark).into_iter().filter(|call| call.is_by("config-rule") && !call.read_only).collect();
    assert!(writes.len() > 1 && writes.iter().all(|call| call.action == "PutEvaluations"), "{writes:#?}");
}

/// The whole circle: an item change has the rule evaluate it, its verdict wakes the control, which mends it; the item of that has the
/// rule find it compliant, and there it ends.
#[tokio::test]
async fn a_verdict_of_our_own_rule_wakes_the_control_and_the_circle_ends() {
    let stage = Stage::restored().await;
    let rule = ConfigRule::of(&stage);
    without_a_trail(&stage);
    let group = stage.group("three-tier", "main", "database").await;
    let declared = stage.words(&group).await;
    open(&stage, &group).await;

    let recorded = rule.record(GROUP, &group, &json!({}));
    assert_eq!(recorded["invoked"].as_array().map(Vec::len), Some(1), "{recorded:#}");
    stage.until_words(&group, &declared).await;
    stage.idle();
    rule.record(GROUP, &group, &json!({}));
    assert_eq!(rule.verdict(&group).await, (ComplianceType::Compliant, String::new()));
    let mark = stage.mark();
    stage.admin("POST", "due", None);
    stage.idle();
    let more: Vec<_> = stage.calls(mark).into_iter().filter(|call| call.is_plumbline_write()).collect();
    let more: Vec<_> = more.iter().filter(|call| call.service == "ec2" || call.service == "config").collect();
    assert!(more.is_empty(), "round in circles: {more:#?}");
}

#[tokio::test]
async fn what_is_opened_is_named_an_order_is_no_compliance_and_what_is_gone_is_not_judged() {
    let stage = Stage::restored().await;
    let rule = ConfigRule::of(&stage);
    let group = stage.group("three-tier", "main", "alb").await;
    pause(&stage, "three-tier", "security-groups").await;
    open(&stage, &group).await;
    stage.idle();

    for how in [json!({}), json!({"oversized": true})] {
        rule.record(GROUP, &group, &how);
        let (verdict, why) = rule.verdict(&group).await;
        assert_eq!(verdict, ComplianceType::NonCompliant, "{how}: {why}");
        assert!(why.contains("exposure: main/alb") && why.contains("0.0.0.0/0"), "{how}: {why}");
        assert!(why.contains("paused until") && why.contains("planned work"), "{how}: {why}");
    }
    for gone in [json!({"left_scope": true}), json!({"configurationItemStatus": "ResourceDeleted"})] {
        rule.record(GROUP, &group, &gone);
        assert_eq!(rule.verdict(&group).await.0, ComplianceType::NotApplicable, "{gone}");
    }
    let vpc = stage.undeclared_vpc().await;
    rule.record("AWS::EC2::VPC", &vpc, &json!({}));
    assert_eq!(rule.verdict(&vpc).await.0, ComplianceType::NotApplicable, "no topology's");
}

#[tokio::test]
async fn a_missing_flow_log_is_its_vpcs_and_a_deleted_item_has_it_made_again() {
    let stage = Stage::restored().await;
    let rule = ConfigRule::of(&stage);
    let vpc = stage.vpc("hipaa", "main").to_owned();
    pause(&stage, "hipaa", "flow-logs").await;
    without_a_trail(&stage);
    let logs = flow_logs(&stage, "hipaa").await;
    let deleted = stage.ec2(Caller::User).delete_flow_logs().set_flow_log_ids(Some(logs.clone()));
    deleted.send().await.expect("deleted");

    rule.record("AWS::EC2::FlowLog", &logs[0], &json!({"configurationItemStatus": "ResourceDeleted"}));
    assert_eq!(rule.verdict(&logs[0]).await.0, ComplianceType::NotApplicable);
    rule.record("AWS::EC2::VPC", &vpc, &json!({}));
    let (verdict, why) = rule.verdict(&vpc).await;
    assert_eq!(verdict, ComplianceType::NonCompliant, "{why}");
    assert!(flow_logs(&stage, "hipaa").await.is_empty(), "paused");

    // Nobody tells but AWS Config, of something that AWS does not know any more.
    let order = json!({"resume": {"topology": "hipaa", "reason": "done"}});
    assert_eq!(stage.by_hand("flow-logs", order).await["ok"], json!(true));
    stage.idle();
    let started = Instant::now();
    while flow_logs(&stage, "hipaa").await.len() < logs.len() {
        assert!(started.elapsed() < PATIENCE, "never made again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stage.idle();
    rule.record("AWS::EC2::VPC", &vpc, &json!({}));
    assert_eq!(rule.verdict(&vpc).await.0, ComplianceType::Compliant);

    let again = flow_logs(&stage, "hipaa").await;
    let deleted = stage.ec2(Caller::User).delete_flow_logs().set_flow_log_ids(Some(again.clone()));
    deleted.send().await.expect("deleted");
    rule.record("AWS::EC2::FlowLog", &again[0], &json!({"configurationItemStatus": "ResourceDeleted"}));
    let started = Instant::now();
    while flow_logs(&stage, "hipaa").await.len() < logs.len() {
        assert!(started.elapsed() < PATIENCE, "the deleted item woke nobody");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_oversized_item_wakes_the_control() {
    let stage = Stage::restored().await;
    without_a_trail(&stage);
    let group = stage.group("api-network", "main", "vpc-link").await;
    let declared = stage.words(&group).await;
    open(&stage, &group).await;
    ConfigRule::of(&stage).record(GROUP, &group, &json!({"oversized": true}));
    stage.until_words(&group, &declared).await;
}

#[tokio::test]
async fn evaluations_that_are_not_taken_are_handed_in_again() {
    let stage = Stage::restored().await;
    let rule = ConfigRule::of(&stage);
    let group = stage.group("three-tier", "main", "alb").await;
    stage.admin("PUT", "config", Some(json!({"refuse": [{"resource": group, "count": 2}]})));
    let mark = stage.mark();
    rule.record(GROUP, &group, &json!({}));
    assert_eq!(rule.verdict(&group).await.0, ComplianceType::Compliant);
    let puts = stage.calls(mark).into_iter().filter(|call| call.action == "PutEvaluations").count();
    assert_eq!(puts, 3, "twice in vain");
    assert!(stage.admin("GET", "idle", None)["idle"] == json!(true));

    // For good: the invocation fails, is tried twice more, and is put aside for a person.
    stage.admin("PUT", "config", Some(json!({"refuse": [{"count": 1000}]})));
    rule.record(GROUP, &group, &json!({}));
    stage.until_dead_letters("ConfigRuleDeadLettersUrl", 1).await;
    until("somebody is told", || stage.alarmed("ConfigRuleDeadLettersAlarm")).await;
}

#[tokio::test]
async fn what_cannot_be_seen_stands_as_it_was() {
    let stage = Stage::restored().await;
    let rule = ConfigRule::of(&stage);
    let group = stage.group("three-tier", "main", "alb").await;
    rule.record(GROUP, &group, &json!({}));
    assert_eq!(rule.verdict(&group).await.0, ComplianceType::Compliant);
    pause(&stage, "three-tier", "security-groups").await;
    open(&stage, &group).await;
    let blind = json!({"kind": "unavailable", "service": "ec2", "operation": "DescribeSecurityGroupRules",
        "function": format!("arn:aws:lambda:{}:{ACCOUNT}:function:{CONTROL_PLANE}-config-rule", stage.region())});
    stage.admin("PUT", "faults", Some(json!({"rules": [blind]})));
    rule.record(GROUP, &group, &json!({}));
    stage.until_dead_letters("ConfigRuleDeadLettersUrl", 1).await;
    assert_eq!(rule.verdict(&group).await.0, ComplianceType::Compliant, "nothing new is claimed");
    stage.admin("DELETE", "faults", None);
    rule.record(GROUP, &group, &json!({}));
    assert_eq!(rule.verdict(&group).await.0, ComplianceType::NonCompliant);
}

/// The declaration changes, and nothing about the resource: only the schedule can tell.
#[tokio::test]
async fn a_group_that_left_the_document_is_nobodys() {
    let stage = Stage::restored().await;
    let rule = ConfigRule::of(&stage);
    rule.schedule();
    let group = stage.group("three-tier", "main", "alb").await;
    assert_eq!(rule.verdict(&group).await.0, ComplianceType::Compliant);
    let documents = Documents::copied();
    documents.remove("three-tier");
    documents.deploy(&stage);
    stage.idle();
    rule.schedule();
    let (verdict, why) = rule.verdict(&group).await;
    assert_eq!(verdict, ComplianceType::NotApplicable, "{why}");
    assert!(why.contains("no topology declares it"), "{why}");
}

#[tokio::test]
async fn by_hand_it_can_be_tried_and_says_what_it_wants() {
    let stage = Stage::restored().await;
    let scheduled = json!({"messageType": "ScheduledNotification", "notificationCreationTime": "2026-11-20T02:30:00Z"});
    let event = json!({"invokingEvent": scheduled.to_string(), "resultToken": "TESTMODE",
        "ruleParameters": r#"{"topologies": "hipaa"}"#});
    let answer = stage.by_hand("config-rule", event).await;
    assert!(answer["compliant"].as_u64() > Some(3), "{answer}");
    assert!(ConfigRule::of(&stage).results().await.is_empty(), "nothing is recorded");

    for (event, says) in [
        (json!({}), "invokingEvent"),
        (json!({"invokingEvent": "{"}), "is not JSON"),
        (json!({"invokingEvent": scheduled.to_string(), "ruleParameters": "{\"topologies\": \"nobodys\"}"}), "nobodys"),
    ] {
        let invoked = stage.lambda().invoke().function_name(format!("{CONTROL_PLANE}-config-rule"));
        let answer = invoked.payload(event.to_string().into_bytes().into()).send().await.expect("invoked");
        assert!(answer.function_error().is_some(), "{event}");
        let told = String::from_utf8_lossy(answer.payload().expect("a payload").as_ref()).into_owned();
        assert!(told.contains(says), "{told}");
    }
}
