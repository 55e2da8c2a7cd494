//! What a person asks for, and reads.

use crate::world::World;
use jiff::SignedDuration;
use reconciler::{LedgerRead as _, Outcome};
use serde_json::json;

#[tokio::test]
async fn wrong_input_is_answered_with_the_valid_form() {
    let world = World::new().await;
    let answer = world.by_hand(json!({"pause": {"topology": "shop"}})).await;
    assert!(!answer.ok && answer.valid[0].contains(r#""for":"2h""#));
    let answer = world.by_hand(json!({"topology": "shoop", "mode": "plan"})).await;
    assert!(!answer.ok && answer.summary.contains("shop are"), "{}", answer.summary);
    assert_eq!(world.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn enforce_by_hand_says_what_was_done() {
    let world = World::new().await;
    world.expose();
    let answer = world.by_hand(json!({"topology": "shop", "mode": "enforce", "reason": "INC-1"})).await;
    assert!(answer.ok && answer.summary.contains("put back with 1 action and verified"), "{}", answer.summary);
    assert!(answer.summary.contains("revoke ingress tcp 22 from 0.0.0.0/0"), "{}", answer.summary);
    assert!(world.in_line());
}

#[tokio::test]
async fn a_plan_reads_well() {
    let world = World::new().await;
    world.by_hand(json!({"exempt": {"resource": world.alb.as_str(), "for": "4h", "reason": "INC-3"}})).await;
    world.expose();
    world.widen();
    world.strip(&world.alb);
    let answer = world.by_hand(json!({"topology": "shop", "mode": "plan"})).await;
    insta::assert_snapshot!(answer.summary);
}

#[tokio::test]
async fn only_what_was_named_is_touched() {
    let world = World::new().await;
    world.expose();
    world.open(&world.alb, 22, "0.0.0.0/0");
    let only = json!({"topology": "shop", "mode": "enforce", "only": [world.alb.as_str()], "reason": "INC-1"});
    assert_eq!(world.by_hand(only).await.reports[0].overall, Outcome::Applied);
    assert_eq!((world.ingress(&world.alb), world.ingress(&world.app)), (1, 2));
}

#[tokio::test]
async fn status_shows_pins_brakes_and_records() {
    let world = World::new().await;
    world.on(world.expose()).await;
    world
        .by_hand(json!({"pause": {"topology": "shop", "control": "security-groups", "for": "2h", "reason": "INC-2"}}))
        .await;
    let answer = world.by_hand(json!({"status": true})).await;
    for part in ["shop (security-groups)", world.vpc.as_str(), "INC-2", "revoke ingress tcp 22", "done"] {
        assert!(answer.summary.contains(part), "{part}: {}", answer.summary);
    }
    assert_eq!(answer.data["topologies"][0]["brakes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_planning_function_can_only_look() {
    let world = World::new().await;
    let ports = reconciler::ReadPorts { eyes: &world.ec2, ledger: &*world.ledger, clock: &*world.clock };
    let ask = async |input| {
        reconciler::answer_read_only::<topology::security_groups::SecurityGroups, _, _, _>(
            &input,
            &world.served,
            &ports,
            &world.settings,
        )
        .await
    };
    assert!(ask(json!({"topology": "shop", "mode": "plan"})).await.ok);
    assert!(ask(json!({"status": true})).await.ok);
    let answer = ask(json!({"topology": "shop", "mode": "enforce", "reason": "INC-1"})).await;
    assert!(!answer.ok && answer.summary.contains("only plans"));
}

#[tokio::test]
async fn undo_needs_a_brake_and_the_after_state() {
    let world = World::new().await;
    world.on(world.widen()).await;
    let token = world.ledger.records(&world.key(), 1).await.unwrap().remove(0).token.0;
    let undo = json!({"undo": {"topology": "shop", "token": token, "reason": "INC-3"}});
    let refused = world.by_hand(undo.clone()).await;
    assert!(!refused.ok && refused.summary.contains("put back at once") && refused.summary.contains("exempt"));
    world.by_hand(json!({"exempt": {"resource": world.app.as_str(), "for": "4h", "reason": "INC-3"}})).await;
    world.forget();
    let answer = world.by_hand(undo.clone()).await;
    assert!(answer.ok && answer.summary.contains("undone: authorize ingress tcp 9000"), "{}", answer.summary);
    assert_eq!(world.ingress(&world.app), 2);
    let twice = world.by_hand(undo).await;
    assert!(!twice.ok && twice.summary.contains("has changed since"), "{}", twice.summary);
    assert_eq!(world.writes().len(), 1);
    world.clock.advance(SignedDuration::from_hours(4));
    assert_eq!(world.swept().await.overall, Outcome::Applied, "and the exemption ends");
}

#[tokio::test]
async fn an_unknown_token_is_refused() {
    let world = World::new().await;
    let answer = world.by_hand(json!({"undo": {"topology": "shop", "token": "nope", "reason": "INC-3"}})).await;
    assert!(!answer.ok && answer.summary.contains("nope"));
}

#[tokio::test]
async fn what_was_so_already_is_not_undone() {
    let world = World::new().await;
    let event = world.expose();
    let app = world.app.clone();
    // Somebody takes the rule away between our look and our call.
    world.ec2.before("RevokeSecurityGroupIngress", 0, move |ec2| {
        let ssh = |rule: &twin::ec2::Rule| rule.group == app && format!("{:?}", rule.traffic).contains("22");
        let id = ec2.rules.iter().find(|(_, rule)| ssh(rule)).unwrap().0.clone();
        ec2.revoke(&app, topology::security_groups::Direction::Ingress, &[id]).unwrap();
    });
    world.on(event).await;
    let token = world.ledger.records(&world.key(), 1).await.unwrap().remove(0).token.0;
    world.by_hand(json!({"exempt": {"resource": world.app.as_str(), "for": "4h", "reason": "INC-3"}})).await;
    let answer = world.by_hand(json!({"undo": {"topology": "shop", "token": token, "reason": "INC-3"}})).await;
    assert!(!answer.ok && answer.summary.contains("nothing was changed"), "{}", answer.summary);
    assert_eq!(world.ingress(&world.app), 1, "nothing is opened that we did not shut");
}

#[tokio::test]
async fn an_exemption_of_what_is_never_changed_is_refused() {
    let world = World::new().await;
    for resource in [world.vpc.as_str(), "sgr-0123456789abcdef0"] {
        let answer = world.by_hand(json!({"exempt": {"resource": resource, "for": "4h", "reason": "INC-3"}})).await;
        assert!(!answer.ok && answer.summary.contains("would exempt nothing"), "{}", answer.summary);
    }
    assert_eq!(world.ledger.take_writes(), Vec::<&str>::new());
}

#[tokio::test]
async fn what_a_run_by_hand_leaves_unfinished_says_who_goes_on() {
    let world = World::raw(crate::world::shop("shop", "observe"));
    world.ec2.lag(9);
    let enforce = json!({"topology": "shop", "mode": "enforce", "reason": "INC-1"});
    let answer = world.by_hand(enforce.clone()).await;
    assert!(answer.summary.contains("invoke again: the document says observe"), "{}", answer.summary);
    let world = World::raw(crate::world::shop("shop", "enforce"));
    world.ec2.lag(9);
    let answer = world.by_hand(enforce).await;
    assert!(answer.summary.contains("within the usual limits"), "{}", answer.summary);
}

#[tokio::test]
async fn status_stays_small_however_large_the_actions_are() {
    let world = World::new().await;
    for port in 100..150 {
        world.open(&world.app, port, "0.0.0.0/0");
    }
    world.swept().await;
    let status = world.by_hand(json!({"status": true})).await;
    let record = &status.data["topologies"][0]["records"][0];
    assert_eq!(record["result"], "done");
    assert!(record["token"].is_string() && record["at"].is_string() && record["summary"].is_string());
    assert!(record.get("intent").is_none() && record.to_string().len() < 1000, "{record}");
}
