//! What wakes somebody.

use crate::stage::{CONTROL_PLANE, Caller, Stage, tcp, until};
use aws_sdk_ec2::types::{IpPermission, IpRange};
use serde_json::json;

impl Stage {
    /// Whether CloudWatch says that the alarm of this logical id is on.
    pub(crate) fn alarmed(&self, logical_id: &str) -> bool {
        self.alarms("ALARM").iter().any(|name| name.starts_with(&format!("{CONTROL_PLANE}-{logical_id}")))
    }

    /// The names of the alarms in a state. The SDK for this one question would take a minute to compile; the local cloud asks who
    /// calls, and takes no offence at the signature.
    fn alarms(&self, state: &str) -> Vec<String> {
        let scope = format!("test/20260101/{}/monitoring/aws4_request", self.region());
        let by = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none");
        let form =
            [("Action", "DescribeAlarms"), ("Version", "2010-08-01"), ("StateValue", state), ("MaxRecords", "100")];
        let mut answer =
            ureq::post(self.endpoint()).header("authorization", by).send_form(form).expect("DescribeAlarms");
        let text = answer.body_mut().read_to_string().expect("XML");
        assert!(text.contains("<MetricAlarms>"), "{text}");
        text.split("<AlarmName>").skip(1).filter_map(|rest| rest.split_once('<')).map(|(name, _)| name.into()).collect()
    }
}

#[tokio::test]
async fn a_message_that_nobody_can_read_raises_the_alarm_of_the_dead_letters() {
    let stage = Stage::restored().await;
    assert!(!stage.alarmed("SecurityGroupsDeadLettersAlarm"));
    let queue = stage.output("SecurityGroupsQueueUrl").to_owned();
    stage.sqs().send_message().queue_url(&queue).message_body("not json at all").send().await.expect("sent");

    stage.until_dead_letters("SecurityGroupsDeadLettersUrl", 1).await;

    until("the alarm is on", || stage.alarmed("SecurityGroupsDeadLettersAlarm")).await;
}

#[tokio::test]
async fn an_exposure_raises_its_alarm_and_what_a_person_held_does_not() {
    let stage = Stage::restored().await;
    let group = stage.group("three-tier", "main", "alb").await;
    let pause = json!({"pause": {"topology": "three-tier", "for": "2h", "reason": "INC-7"}});
    assert_eq!(stage.by_hand("security-groups", pause).await["ok"], json!(true));
    let open = stage.ec2(Caller::User).authorize_security_group_ingress().group_id(&group);
    open.ip_permissions(tcp(22, "0.0.0.0/0")).send().await.expect("opened");

    until("the alarm is on", || stage.alarmed("SecurityGroupsExposuresAlarm")).await;
    stage.idle();
    assert!(!stage.alarmed("SecurityGroupsHeldAlarm"), "a pause is an order, and no news to whoever gave it");
}

#[tokio::test]
async fn drift_that_waits_for_a_decision_raises_the_alarm_of_the_held() {
    let stage = Stage::restored().await;
    let group = stage.group("three-tier", "main", "ecs-tasks").await;
    let range =
        IpRange::builder().cidr_ip("10.0.48.0/20").description("elbv2.k8s.aws/targetGroupBinding=shared").build();
    let rule = IpPermission::builder().ip_protocol("udp").from_port(53).to_port(53).ip_ranges(range).build();
    let controller = stage.ec2(Caller::Role).authorize_security_group_ingress().group_id(&group);
    controller.ip_permissions(rule).send().await.expect("authorized");

    until("the alarm is on", || stage.alarmed("SecurityGroupsHeldAlarm")).await;
}
