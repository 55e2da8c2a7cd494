//! The rule of AWS Config: what it is told of a resource, when nothing is claimed, and what a wrong invocation says.

use crate::world::{ACCOUNT, REGION, World, place, shop};
use jiff::SignedDuration;
use reconciler::{
    Clock as _, Compliance, Error, Evaluated, Evaluation, Evaluations, Eyes, Fault, FaultClass, Inspect, LedgerRead,
    Look, ReadPorts, RefusedDocument, Run, Served, Sight, evaluate, inspect,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::Mutex;
use topology::security_groups::SecurityGroups;
use topology::{Control, ControlId, ResourceId};
use twin::Clock;

/// The eyes of one control; nobody else sees anything.
pub(crate) struct OneEye<'a, C, E, L> {
    pub(crate) served: &'a Served,
    pub(crate) eyes: &'a E,
    pub(crate) ledger: &'a L,
    pub(crate) clock: &'a Clock,
    pub(crate) control: PhantomData<fn() -> C>,
}

impl<C: Control, E: Eyes<C>, L: LedgerRead> Inspect for OneEye<'_, C, E, L> {
    async fn inspect(&self, control: ControlId, look: Look<'_>) -> Result<Vec<Sight>, Fault> {
        if control != C::ID {
            return Ok(vec![]);
        }
        let ports = ReadPorts { eyes: self.eyes, ledger: self.ledger, clock: self.clock };
        inspect::<C, _, _, _>(self.served, look, &ports).await
    }
}

/// An AWS Config that remembers what it was told.
#[derive(Default)]
pub(crate) struct Config {
    told: Mutex<BTreeMap<(String, ResourceId), Evaluation>>,
    calls: Mutex<usize>,
}

impl Config {
    /// What it knows of a resource.
    pub(crate) fn of(&self, id: &str) -> Option<(Compliance, Option<String>)> {
        let told = self.told.lock().unwrap();
        let found = told.values().find(|evaluation| evaluation.id.as_str() == id)?;
        Some((found.compliance, found.annotation.clone()))
    }

    fn calls(&self) -> usize {
        *self.calls.lock().unwrap()
    }
}

impl Evaluations for Config {
    async fn put(&self, _: &str, test: bool, evaluations: &[Evaluation]) -> Result<(), Fault> {
        *self.calls.lock().unwrap() += 1;
        for evaluation in evaluations {
            let length = evaluation.annotation.as_ref().map_or(1, |text| text.chars().count());
            assert!((1..=256).contains(&length), "{evaluation:?}");
            if !test {
                let key = (evaluation.kind.clone(), evaluation.id.clone());
                self.told.lock().unwrap().insert(key, evaluation.clone());
            }
        }
        Ok(())
    }

    async fn standing(&self, _: &str) -> Result<BTreeSet<(String, ResourceId)>, Fault> {
        let told = self.told.lock().unwrap();
        let applicable = told.iter().filter(|(_, evaluation)| evaluation.compliance != Compliance::NotApplicable);
        Ok(applicable.map(|(key, _)| key.clone()).collect())
    }
}

fn invocation(inner: &Value) -> Value {
    json!({ "invokingEvent": inner.to_string(), "resultToken": "token", "eventLeftScope": false,
        "configRuleName": "as-declared", "accountId": ACCOUNT })
}

pub(crate) fn scheduled() -> Value {
    invocation(&json!({ "messageType": "ScheduledNotification", "notificationCreationTime": "2026-11-20T02:30:00Z" }))
}

fn item(kind: &str, id: &str, status: &str) -> Value {
    json!({ "messageType": "ConfigurationItemChangeNotification", "configurationItem": {
        "resourceType": kind, "resourceId": id, "awsAccountId": ACCOUNT, "awsRegion": REGION,
        "configurationItemStatus": status, "configurationItemCaptureTime": "2026-11-20T02:19:31.304Z",
        "configuration": {},
    }})
}

fn group(id: &ResourceId) -> Value {
    invocation(&item("AWS::EC2::SecurityGroup", id.as_str(), "OK"))
}

async fn ask(world: &World, config: &Config, event: &Value) -> Result<Evaluated, Error> {
    let eyes = OneEye::<SecurityGroups, _, _> {
        served: &world.served,
        eyes: &world.ec2,
        ledger: &*world.ledger,
        clock: &world.clock,
        control: PhantomData,
    };
    let run = Run { id: "config".into(), deadline: None };
    evaluate(event, &world.served, &eyes, config, &*world.clock, &run).await
}

/// One evaluation, of what the event is about.
async fn told(world: &World, event: &Value) -> (Compliance, String) {
    let evaluated = ask(world, &Config::default(), event).await.unwrap();
    assert_eq!(evaluated.evaluations.len(), 1, "{evaluated:?}");
    let Evaluation { compliance, annotation, .. } = evaluated.evaluations.into_iter().next().unwrap();
    (compliance, annotation.unwrap_or_default())
}

#[tokio::test]
async fn a_group_is_what_its_plan_says() {
    let world = World::new().await;
    assert_eq!(told(&world, &group(&world.app)).await, (Compliance::Compliant, String::new()));
    world.expose();
    let (compliance, why) = told(&world, &group(&world.app)).await;
    assert_eq!(compliance, Compliance::NonCompliant);
    assert!(why.starts_with("exposure: main/app: ") && why.contains("0.0.0.0/0"), "{why}");
    assert_eq!(told(&world, &group(&world.alb)).await.0, Compliance::Compliant, "the other one is not to blame");
    assert!(world.ec2.take_journal().iter().all(|call| !call.is_write()), "it only looks");
    assert_eq!(world.ledger.take_writes(), Vec::<&str>::new());
    world.sweep().await;
    assert_eq!(told(&world, &group(&world.app)).await.0, Compliance::Compliant);
}

#[tokio::test]
async fn a_missing_group_is_a_drift_of_its_vpc() {
    let world = World::new().await;
    let vpc = invocation(&item("AWS::EC2::VPC", world.vpc.as_str(), "OK"));
    assert_eq!(told(&world, &vpc).await.0, Compliance::Compliant);
    world.ec2.outside(|ec2| ec2.groups.remove(&world.app));
    let (compliance, why) = told(&world, &vpc).await;
    assert_eq!(compliance, Compliance::NonCompliant);
    assert!(why.contains("app") && why.contains("gone"), "{why}");
}

#[tokio::test]
async fn what_is_gone_or_nobodys_is_not_applicable() {
    let world = World::new().await;
    world.expose();
    let id = world.app.as_str();
    let mut left = group(&world.app);
    left["eventLeftScope"] = json!(true);
    let oversized = json!({ "messageType": "OversizedConfigurationItemChangeNotification", "configurationItemSummary": {
        "changeType": "DELETE", "resourceType": "AWS::EC2::SecurityGroup", "resourceId": id, "awsAccountId": ACCOUNT,
        "awsRegion": REGION,
    }});
    world.ec2.take_journal();
    for gone in [
        invocation(&item("AWS::EC2::SecurityGroup", id, "ResourceDeleted")),
        invocation(&item("AWS::EC2::SecurityGroup", id, "ResourceDeletedNotRecorded")),
        invocation(&item("AWS::EC2::SecurityGroup", id, "ResourceNotRecorded")),
        invocation(&item("AWS::EC2::Instance", "i-0123456789abcdef0", "OK")),
        invocation(&oversized),
        left,
    ] {
        assert_eq!(told(&world, &gone).await.0, Compliance::NotApplicable, "{gone}");
    }
    assert_eq!(world.ec2.take_journal(), vec![], "nobody need be asked");

    let stranger = world.ec2.outside(|ec2| {
        let vpc = ec2.create_vpc("10.9.0.0/16").unwrap();
        ec2.create_group(&vpc, "app").unwrap()
    });
    let undeclared = world.ec2.outside(|ec2| ec2.create_group(&world.vpc, "other").unwrap());
    for nobodys in [stranger.as_str(), undeclared.as_str(), "sg-0badc0de0badc0de0"] {
        let event = invocation(&item("AWS::EC2::SecurityGroup", nobodys, "OK"));
        assert_eq!(told(&world, &event).await.0, Compliance::NotApplicable, "{nobodys}");
    }
    let mut elsewhere = item("AWS::EC2::SecurityGroup", id, "OK");
    elsewhere["configurationItem"]["awsAccountId"] = json!("444455556666");
    assert_eq!(told(&world, &invocation(&elsewhere)).await.0, Compliance::NotApplicable, "another account");
}

#[tokio::test]
async fn an_oversized_item_is_looked_at_like_any_other() {
    let world = World::new().await;
    world.expose();
    let summary = json!({ "changeType": "UPDATE", "resourceType": "AWS::EC2::SecurityGroup", "resourceId": world.app.as_str(),
        "awsAccountId": ACCOUNT, "awsRegion": REGION, "configurationItemStatus": "OK" });
    let inner =
        json!({ "messageType": "OversizedConfigurationItemChangeNotification", "configurationItemSummary": summary });
    assert_eq!(told(&world, &invocation(&inner)).await.0, Compliance::NonCompliant);
}

#[tokio::test]
async fn what_could_not_be_seen_is_not_claimed_and_asked_again() {
    let world = World::new().await;
    let throttled = || Fault::new("DescribeSecurityGroupRules", FaultClass::Retryable, "slow down");
    for event in [group(&world.app), scheduled()] {
        let config = Config::default();
        world.ec2.fail("DescribeSecurityGroupRules", 0, throttled());
        let error = ask(&world, &config, &event).await.unwrap_err();
        assert!(matches!(&error, Error::Fault(fault) if fault.is_retryable()), "{error}");
        assert!(error.to_string().contains("slow down"), "{error}");
        assert_eq!(config.of(world.app.as_str()), None, "as it stood");
        ask(&world, &config, &event).await.unwrap();
        assert_eq!(config.of(world.app.as_str()).unwrap().0, Compliance::Compliant);
    }
}

#[tokio::test]
async fn an_order_is_no_compliance_and_is_named() {
    let world = World::new().await;
    world.expose();
    let exempt = json!({ "exempt": { "resource": world.app.as_str(), "for": "1h", "reason": "INC-123" } });
    assert!(world.by_hand(exempt).await.ok);
    let (compliance, why) = told(&world, &group(&world.app)).await;
    assert_eq!(compliance, Compliance::NonCompliant);
    assert!(why.contains("exempt until") && why.contains("INC-123"), "{why}");
    world.clock.advance(SignedDuration::from_hours(2));
    let pause = json!({ "pause": { "topology": "shop", "for": "1h", "reason": "deploy 7" } });
    assert!(world.by_hand(pause).await.ok);
    let (compliance, why) = told(&world, &group(&world.app)).await;
    assert_eq!(compliance, Compliance::NonCompliant);
    assert!(why.contains("paused until") && why.contains("deploy 7") && !why.contains("INC-123"), "{why}");
}

#[tokio::test]
async fn a_schedule_evaluates_everything_and_forgets_what_left_the_document() {
    let mut world = World::new().await;
    world.expose();
    let config = Config::default();
    let evaluated = ask(&world, &config, &scheduled()).await.unwrap();
    assert_eq!((evaluated.compliant, evaluated.non_compliant, evaluated.not_applicable), (2, 1, 0), "{evaluated:?}");
    assert_eq!(config.of(world.vpc.as_str()).unwrap().0, Compliance::Compliant);
    assert_eq!(config.of(world.app.as_str()).unwrap().0, Compliance::NonCompliant);

    let mut smaller = shop("shop", "enforce");
    let groups = &mut smaller.security_groups.as_mut().unwrap().vpcs.get_mut("main").unwrap().groups;
    groups.remove("app");
    world.served.topologies = vec![smaller];
    let evaluated = ask(&world, &config, &scheduled()).await.unwrap();
    assert_eq!((evaluated.compliant, evaluated.non_compliant, evaluated.not_applicable), (2, 0, 1), "{evaluated:?}");
    assert_eq!(config.of(world.app.as_str()).unwrap().0, Compliance::NotApplicable);
}

#[tokio::test]
async fn what_a_refused_document_may_declare_stands_as_it_was() {
    let mut world = World::new().await;
    let config = Config::default();
    ask(&world, &config, &scheduled()).await.unwrap();
    world.served.topologies.clear();
    let problems = "unknown key".into();
    world.served.refused = vec![RefusedDocument { file: "shop.yaml".into(), topology: Some("shop".into()), problems }];
    for event in [scheduled(), group(&world.app)] {
        assert_eq!(ask(&world, &config, &event).await.unwrap(), Evaluated::default(), "{event}");
        assert_eq!(config.of(world.app.as_str()).unwrap().0, Compliance::Compliant);
    }
    let deleted = invocation(&item("AWS::EC2::SecurityGroup", world.app.as_str(), "ResourceDeleted"));
    assert_eq!(told(&world, &deleted).await.0, Compliance::NotApplicable, "that is certain");
}

#[tokio::test]
async fn a_try_records_nothing() {
    let world = World::new().await;
    for token in [json!("TESTMODE"), json!(""), Value::Null] {
        let config = Config::default();
        let mut event = scheduled();
        event["resultToken"] = token;
        let evaluated = ask(&world, &config, &event).await.unwrap();
        assert_eq!((evaluated.compliant, config.calls()), (3, 1), "it is checked all the same");
        assert_eq!(config.of(world.app.as_str()), None);
    }
}

#[tokio::test]
async fn the_parameters_of_the_rule_choose_topologies() {
    let mut world = World::new().await;
    world.served.topologies.push(shop("other", "observe"));
    let evaluated = async |parameters: Value| {
        let mut event = group(&world.app);
        event["ruleParameters"] = parameters;
        ask(&world, &Config::default(), &event).await
    };
    for all in [
        Value::Null,
        json!(""),
        json!("{}"),
        json!(r#"{"topologies": "other , shop"}"#),
        json!({"topologies": ["shop"]}),
    ] {
        assert_eq!(evaluated(all.clone()).await.unwrap().compliant, 1, "{all}");
    }
    assert_eq!(evaluated(json!(r#"{"topologies": "other"}"#)).await.unwrap().not_applicable, 1);
    for (wrong, says) in [
        (r#"{"topologies": "shop, nobody"}"#, "nobody, which is not served here: shop, other are"),
        (r#"{"topology": "shop"}"#, "`topology` is unknown; say"),
        (r#"{"topologies": ""}"#, "names none"),
        (r#"{"topologies": 7}"#, "names none"),
        (r#"["shop"]"#, "no object"),
        ("{", "no JSON"),
    ] {
        let error = evaluated(json!(wrong)).await.unwrap_err().to_string();
        assert!(error.contains(says), "{wrong}: {error}");
    }
}

#[tokio::test]
async fn a_wrong_invocation_says_what_is_wrong_and_hands_in_nothing() {
    let world = World::new().await;
    let without = |field: &str| {
        let mut inner = item("AWS::EC2::SecurityGroup", "sg-1", "OK");
        inner["configurationItem"].as_object_mut().unwrap().remove(field);
        invocation(&inner)
    };
    let config = Config::default();
    for (event, says) in [
        (json!({}), "`invokingEvent`"),
        (json!([]), "`invokingEvent`"),
        (json!({ "invokingEvent": {} }), "`invokingEvent`"),
        (json!({ "invokingEvent": "{" }), "is not JSON"),
        (json!({ "invokingEvent": " ".repeat(2 * 1024 * 1024) }), "bytes"),
        (invocation(&json!({ "messageType": "ConfigurationSnapshotDeliveryCompleted" })), "is none that a rule"),
        (invocation(&json!({ "messageType": "ConfigurationItemChangeNotification" })), "lacks a resource type"),
        (without("resourceId"), "lacks a resource id"),
        (without("awsAccountId"), "lacks an account"),
        (invocation(&item("AWS::EC2::SecurityGroup", &"x".repeat(800), "OK")), "lacks a resource id"),
        (invocation(&item(&"x".repeat(300), "sg-1", "OK")), "lacks a resource type"),
    ] {
        let error = ask(&world, &config, &event).await.unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
    assert_eq!(config.calls(), 0);
}

#[tokio::test]
async fn a_vpc_that_is_not_certain_is_not_compliant() {
    let world = World::new().await;
    let vpc = world.vpc.clone();
    world.ec2.outside(|ec2| ec2.vpcs.get_mut(&vpc).unwrap().cidr = "10.7.0.0/16".parse().unwrap());
    let (compliance, why) = told(&world, &invocation(&item("AWS::EC2::VPC", vpc.as_str(), "OK"))).await;
    assert_eq!(compliance, Compliance::NonCompliant);
    assert!(why.contains("10.7.0.0/16"), "{why}");
}

#[tokio::test]
async fn what_is_in_a_vpc_that_is_not_certain_stands_as_it_was() {
    let world = World::new().await;
    let config = Config::default();
    ask(&world, &config, &scheduled()).await.unwrap();
    let vpc = world.vpc.clone();
    world.ec2.outside(|ec2| ec2.vpcs.get_mut(&vpc).unwrap().cidr = "10.7.0.0/16".parse().unwrap());
    let answer = ask(&world, &config, &group(&world.app)).await.unwrap();
    assert_eq!(answer, Evaluated::default(), "nothing is claimed, and no failure asks again");
    let evaluated = ask(&world, &config, &scheduled()).await.unwrap();
    assert_eq!((evaluated.compliant, evaluated.non_compliant, evaluated.not_applicable), (0, 1, 0), "{evaluated:?}");
    assert_eq!(config.of(world.app.as_str()).unwrap().0, Compliance::Compliant);

    world.ec2.outside(|ec2| ec2.vpcs.remove(&vpc));
    ask(&world, &config, &scheduled()).await.unwrap();
    assert_eq!(config.of(world.app.as_str()).unwrap().0, Compliance::NotApplicable, "that it is gone is certain");
}

#[tokio::test]
async fn without_time_the_rest_is_asked_again() {
    let world = World::new().await;
    let eyes = OneEye::<SecurityGroups, _, _> {
        served: &world.served,
        eyes: &world.ec2,
        ledger: &*world.ledger,
        clock: &world.clock,
        control: PhantomData,
    };
    let run = Run { id: "config".into(), deadline: Some(world.clock.now()) };
    let config = Config::default();
    let error = evaluate(&scheduled(), &world.served, &eyes, &config, &*world.clock, &run).await.unwrap_err();
    assert!(error.to_string().contains("no time was left for shop"), "{error}");
    assert_eq!((config.calls(), place()), (0, world.served.home.clone()));
}
