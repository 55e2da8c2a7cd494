//! Events come twice, late, out of order, forged and broken.

use crate::world::{World, converging, held};
use jiff::SignedDuration;
use reconciler::{Clock as _, Ledger as _, LedgerRead as _, Outcome, OutcomeEvent};
use serde_json::json;

#[tokio::test]
async fn an_exposure_is_removed_verified_and_told_with_its_cause() {
    let world = World::new().await;
    let event = world.expose();
    world.clock.advance(SignedDuration::from_secs(3));
    let outcome = world.dispatch(&[event]).await;
    let report = &outcome.reports[0];
    assert_eq!(report.overall, Outcome::Applied);
    assert!(world.in_line());
    assert_eq!(
        world.calls(),
        ["DescribeSecurityGroupRules", "RevokeSecurityGroupIngress", "DescribeSecurityGroupRules"]
    );
    assert_eq!(report.causes[&0][0].principal.arn.as_deref(), Some("arn:aws:iam::111122223333:user/mallory"));
    assert_eq!(outcome.metrics.event_to_fix_ms, [3000]);
    assert_eq!((outcome.metrics.exposures, outcome.metrics.actions), (1, 1));
    let sent = world.outbox.take();
    let [OutcomeEvent { detail_type, headline, page: true, .. }] = sent.events.as_slice() else {
        panic!("one page: {:?}", sent.events)
    };
    assert_eq!(detail_type, "Reconciled");
    assert!(headline.contains("user/mallory") && headline.contains("verified"), "{headline}");
    assert!(sent.resent.is_empty());
}

#[tokio::test]
async fn a_storm_is_one_reconcile_a_topology() {
    let world = World::new().await;
    let mut storm = vec![];
    for port in 1..=8 {
        storm.push(world.open(&world.app, port, "0.0.0.0/0"));
        storm.push(world.open(&world.alb, port, "0.0.0.0/0"));
    }
    let outcome = world.dispatch(&storm).await;
    assert_eq!(outcome.reports.len(), 1);
    assert_eq!(world.writes().len(), 2, "one revoke a group");
    assert!(world.in_line());
}

#[tokio::test]
async fn causes_match_by_resource_not_by_batch() {
    let world = World::new().await;
    let exposed = world.expose();
    let harmless = world.event_at("AuthorizeSecurityGroupEgress", &world.alb, world.clock.now(), "e-2");
    let report = {
        let outcome = world.dispatch(&[harmless, exposed]).await;
        outcome.reports.into_iter().next().unwrap()
    };
    let causes: Vec<&str> = report.causes.values().flatten().map(|cause| cause.event_name.as_str()).collect();
    assert_eq!(causes, ["AuthorizeSecurityGroupIngress"]);
    let records = world.ledger.records(&world.key(), 1).await.unwrap();
    assert_eq!(records[0].intent.causes.len(), 1, "on record too");
}

#[tokio::test]
async fn what_is_broken_fails_alone() {
    let world = World::new().await;
    let good = world.expose();
    let truncated = good[..good.len() / 2].to_owned();
    let outcome = world.dispatch(&[truncated, good, "hello".into()]).await;
    assert_eq!(outcome.failed, ["m0", "m2"]);
    assert_eq!(outcome.metrics.refused_messages, 2);
    assert!(world.in_line(), "the good one was still worked upon");
}

#[tokio::test]
async fn unknown_events_are_done_with() {
    let world = World::new().await;
    let unknown = json!({
        "source": "aws.s3", "detail-type": "Object Created", "account": "111122223333", "region": "eu-west-1", "detail": {}
    });
    let nowhere = json!({ "source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail", "detail": {} });
    let elsewhere = json!({
        "source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail", "account": "999999999999", "region": "eu-west-1",
        "detail": { "requestParameters": { "groupId": world.app.as_str() } }
    });
    let outcome = world.dispatch(&[unknown, nowhere, elsewhere].map(|event| event.to_string())).await;
    assert_eq!(outcome.failed, Vec::<String>::new());
    assert!(outcome.reports.is_empty());
    assert_eq!(world.calls(), Vec::<String>::new(), "an account that is not served is not asked");
}

#[tokio::test]
async fn a_forged_event_is_worth_a_look_and_no_more() {
    let world = World::new().await;
    let forged = world.event("AuthorizeSecurityGroupIngress", &"sg-0badc0de0badc0de0".into());
    let outcome = world.dispatch(&[forged]).await;
    assert!(outcome.failed.is_empty() && outcome.reports.is_empty());
    assert_eq!(world.calls(), ["DescribeSecurityGroups"]);
    assert_eq!(world.ledger.take_writes(), Vec::<&str>::new());
    let told = world.outbox.take();
    assert!(told.resent.is_empty() && told.dead.is_empty() && told.events.is_empty());
}

#[tokio::test]
async fn a_group_of_a_network_that_nobody_declared_is_left_alone() {
    let world = World::new().await;
    let (stranger, event) = {
        let id = world.ec2.outside(|ec2| {
            let vpc = ec2.create_vpc("10.9.0.0/16").unwrap();
            ec2.create_group(&vpc, "app").unwrap()
        });
        (id.clone(), world.open(&id, 22, "0.0.0.0/0"))
    };
    let outcome = world.dispatch(&[event]).await;
    assert!(outcome.reports.is_empty() && outcome.failed.is_empty());
    assert_eq!(world.writes(), Vec::<String>::new());
    assert_eq!(world.ingress(&stranger), 1);
}

#[tokio::test]
async fn a_deleted_group_is_looked_for() {
    let world = World::new().await;
    world.ec2.outside(|ec2| ec2.delete_group(&world.app)).unwrap();
    let report = world.on(world.event("DeleteSecurityGroup", &world.app)).await;
    held(&report.overall);
    assert_eq!(world.writes(), Vec::<String>::new(), "a group that is gone is not made anew");
}

#[tokio::test]
async fn what_is_deleted_beside_something_of_a_stranger_s_is_looked_for() {
    let world = World::new().await;
    let stranger = world.ec2.outside(|ec2| {
        let vpc = ec2.create_vpc("10.9.0.0/16").unwrap();
        ec2.create_group(&vpc, "app").unwrap()
    });
    world.expose();
    let mut event: serde_json::Value =
        serde_json::from_str(&world.event("DeleteFlowLogs", &"sg-0badc0de0badc0de0".into())).unwrap();
    event["detail"]["requestParameters"]["FlowLogId"] = json!({ "content": stranger.as_str() });
    let outcome = world.dispatch(&[event.to_string()]).await;
    assert_eq!(outcome.reports.len(), 1, "whose the deleted one was, nobody can say");
    assert!(world.in_line());
}

#[tokio::test]
async fn what_is_new_and_not_shown_yet_is_looked_for() {
    let world = World::new().await;
    let event = world.event("CreateVpcEndpointServiceConfiguration", &"sg-0badc0de0badc0de0".into());
    assert_eq!(world.dispatch(&[event]).await.reports.len(), 1, "not known to AWS yet is not nobody's");
}

#[tokio::test]
async fn a_huge_event_is_read_and_a_larger_one_goes_to_a_person() {
    let world = World::new().await;
    let event: serde_json::Value = serde_json::from_str(&world.expose()).unwrap();
    let padded = |bytes: usize| {
        let mut event = event.clone();
        let bare = event.to_string().len();
        event["detail"]["requestParameters"]["padding"] = json!("x".repeat(bytes - bare - r#","padding":"""#.len()));
        event.to_string()
    };
    let whole = padded(256 * 1024);
    assert_eq!(whole.len(), 256 * 1024);
    assert_eq!(world.on(whole).await.overall, Outcome::Applied);
    let outcome = world.dispatch(&[padded(256 * 1024 + 1)]).await;
    assert_eq!(outcome.failed, ["m0"]);
}

#[tokio::test]
async fn padding_with_ids_hides_nothing() {
    let world = World::new().await;
    let mut event: serde_json::Value = serde_json::from_str(&world.expose()).unwrap();
    let many: Vec<String> = (0..3000).map(|n| format!("sg-{n:08x}")).collect();
    event["detail"]["requestParameters"]["a"] = json!(many);
    assert_eq!(world.on(event.to_string()).await.overall, Outcome::Applied);
    assert!(world.in_line());
}

#[tokio::test]
async fn drift_that_no_event_told_of_says_so_once() {
    let world = World::new().await;
    world.expose();
    let report = world.swept().await;
    assert!(report.event_path_blind);
    assert_eq!(report.overall, Outcome::Applied);
    let blind = || {
        let events = world.outbox.take().events.into_iter();
        events.filter(|event| event.detail_type == "Event Path Blind").map(|event| event.page).collect::<Vec<_>>()
    };
    assert_eq!(blind(), [false], "a sweep may overtake an event once");
    for page in [true, false] {
        world.expose();
        assert_eq!(world.swept().await.overall, Outcome::Applied);
        assert_eq!(blind(), [page], "the second time somebody is woken, and only once");
    }
}

#[tokio::test]
async fn drift_that_an_event_told_of_and_that_is_held_is_not_blindness() {
    let world = World::new().await;
    world.by_hand(json!({"pause": {"topology": "shop", "for": "2h", "reason": "deploy"}})).await;
    let report = world.on(world.widen()).await;
    held(&report.overall);
    let swept = world.swept().await;
    held(&swept.overall);
    assert!(!swept.event_path_blind);
}

#[tokio::test]
async fn what_was_announced_once_does_not_hide_the_next_silent_drift() {
    let world = World::new().await;
    world.by_hand(json!({"pause": {"topology": "shop", "for": "2h", "reason": "deploy"}})).await;
    held(&world.on(world.widen()).await.overall);
    world.by_hand(json!({"resume": {"topology": "shop", "reason": "deployed"}})).await;
    assert!(!world.swept().await.event_path_blind, "this one was announced");
    assert!(world.in_line());
    world.expose();
    assert!(world.swept().await.event_path_blind, "and this one was not");
}

#[tokio::test]
async fn a_sweep_that_meets_another_run_at_work_suspects_nothing() {
    let world = World::new().await;
    let event = world.expose();
    let other = world.ledger.lease(&world.key(), "other", world.clock.now(), SignedDuration::from_secs(120)).await;
    let swept = world.swept().await;
    converging(&swept.overall);
    assert!(!swept.event_path_blind);
    world.ledger.release(other.unwrap().unwrap(), world.clock.now()).await.unwrap();
    assert_eq!(world.on(event).await.overall, Outcome::Applied);
}

#[tokio::test]
async fn rechecks_keep_their_cause_and_end() {
    let world = World::new().await;
    let event = world.expose();
    let mut bodies = vec![event];
    let mut attempts = 0;
    let throttled = reconciler::Fault::new("Revoke", reconciler::FaultClass::Retryable, "RequestLimitExceeded");
    loop {
        world.ec2.fail("RevokeSecurityGroupIngress", 0, throttled.clone());
        let outcome = world.dispatch(&bodies).await;
        assert_eq!(outcome.failed, Vec::<String>::new());
        assert_eq!(outcome.reports[0].causes[&0][0].event_id, "e-1", "the cause survives");
        let sent = world.outbox.take();
        if let Some((hints, why)) = sent.dead.first() {
            assert!(why.contains("RequestLimitExceeded"), "{why}");
            assert_eq!(hints[0].causes.len(), 1);
            assert!(sent.events.iter().any(|event| event.page && event.headline.contains("dead-letter")));
            break;
        }
        let [(hints, delay)] = sent.resent.as_slice() else { panic!("one recheck: {:?}", sent.resent) };
        attempts += 1;
        assert_eq!(hints[0].attempt, attempts);
        assert_eq!(*delay, SignedDuration::from_secs((5 << (attempts - 1)).min(900)));
        world.clock.advance(*delay);
        bodies = vec![reconciler::recheck_body(hints)];
    }
    assert_eq!(attempts, 8);
    // The sweep is the guarantee: what was given up on is still put back.
    assert_eq!(world.swept().await.overall, Outcome::Applied);
}

#[tokio::test]
async fn an_old_or_a_forged_time_gives_up_nothing_that_is_fresh() {
    let world = World::new().await;
    let fresh = world.expose();
    let forged = world.event_at("AuthorizeSecurityGroupIngress", &world.app, jiff::Timestamp::UNIX_EPOCH, "e-forged");
    let throttled = reconciler::Fault::new("Revoke", reconciler::FaultClass::Retryable, "RequestLimitExceeded");
    let mut bodies = vec![fresh, forged];
    for attempt in 1..=3 {
        world.ec2.fail("RevokeSecurityGroupIngress", 0, throttled.clone());
        world.dispatch(&bodies).await;
        let sent = world.outbox.take();
        assert!(sent.dead.is_empty(), "attempt {attempt}: {:?}", sent.dead);
        let [(hints, delay)] = sent.resent.as_slice() else { panic!("one recheck: {:?}", sent.resent) };
        world.clock.advance(*delay);
        bodies = vec![reconciler::recheck_body(hints)];
    }
    // Nor does a chain that is at its end take along what has only just arrived.
    let mut old: serde_json::Value = serde_json::from_str(&bodies[0]).unwrap();
    old["hints"][0]["chain_since"] = json!("1970-01-01T00:00:00Z");
    world.ec2.fail("RevokeSecurityGroupIngress", 0, throttled);
    world.dispatch(&[old.to_string(), world.event("AuthorizeSecurityGroupIngress", &world.app)]).await;
    let sent = world.outbox.take();
    assert!(sent.dead.is_empty() && sent.resent.len() == 1, "{sent:?}");
}

#[tokio::test]
async fn when_rechecks_cannot_be_sent_the_message_stays() {
    let world = World::new().await;
    let event = world.expose();
    let broken = reconciler::Fault::new("SendMessage", reconciler::FaultClass::Retryable, "timed out");
    world.ec2.fail("RevokeSecurityGroupIngress", 0, broken.clone());
    world.outbox.fail_with(Some(broken));
    let other = json!({ "source": "aws.s3", "detail-type": "x", "account": "111122223333", "region": "eu-west-1" });
    let outcome = world.dispatch(&[event, other.to_string()]).await;
    assert_eq!(outcome.failed, ["m0"], "only the message whose reconcile could not be put off");
    assert!(outcome.metrics.unpublished > 0);
    world.outbox.fail_with(None);
    let outcome = world.dispatch(&[world.event("AuthorizeSecurityGroupIngress", &world.app)]).await;
    assert_eq!(outcome.reports[0].overall, Outcome::Applied);
}

#[tokio::test]
async fn what_aws_does_not_show_yet_is_looked_at_again() {
    let world = World::new().await;
    let event = world.expose();
    world.ec2.lag(1);
    let report = world.on(event).await;
    assert!(converging(&report.overall).contains("does not show it yet"));
    assert_eq!(world.writes(), ["RevokeSecurityGroupIngress"], "not done twice");
    world.ec2.lag(0);
    let rechecks = world.rechecks();
    let outcome = world.dispatch(&rechecks).await;
    assert_eq!(outcome.reports[0].overall, Outcome::InSync);
    assert!(world.in_line());
}

#[tokio::test]
async fn a_deletion_is_seen_although_the_group_is_still_remembered() {
    let world = World::new().await;
    // An adapter remembers where a group was; here another group of the VPC stands for it.
    world.ec2.outside(|ec2| ec2.delete_group(&world.app)).unwrap();
    let report = world.on(world.event("DeleteSecurityGroup", &world.alb)).await;
    held(&report.overall);
}

#[tokio::test]
async fn what_the_last_round_does_not_show_is_not_called_done() {
    let mut world = World::new().await;
    world.settings.limits.rounds = 1;
    let event = world.expose();
    world.ec2.lag(1);
    let report = world.on(event).await;
    assert!(converging(&report.overall).contains("does not show it yet"));
}

#[tokio::test]
async fn what_is_hostile_is_said_once() {
    let world = World::new().await;
    let group = "sg-0badc0de0badc0de0";
    let forged = world.event("AuthorizeSecurityGroupIngress", &group.into());
    let unserved = forged.replace("111122223333", "999988887777");
    let unknown = json!({ "source": "aws.s3", "detail-type": "x", "account": "111122223333", "region": "eu-west-1" });
    let truncated = forged[..forged.len() - 9].to_owned();
    for body in [forged, unserved, unknown.to_string(), truncated] {
        let (warnings, _listening) = warnings::listen();
        let outcome = world.dispatch(std::slice::from_ref(&body)).await;
        assert!(outcome.reports.is_empty());
        assert_eq!(warnings.count(), 1, "{body}");
    }
    assert_eq!(world.writes(), Vec::<String>::new());
}

/// Counts warnings and errors in this thread.
mod warnings {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Level, Metadata, Subscriber};

    #[derive(Clone, Default)]
    pub(super) struct Warnings(Arc<AtomicUsize>);

    impl Warnings {
        pub(super) fn count(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    pub(super) fn listen() -> (Warnings, tracing::subscriber::DefaultGuard) {
        let warnings = Warnings::default();
        (warnings.clone(), tracing::subscriber::set_default(warnings))
    }

    impl Subscriber for Warnings {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            *metadata.level() <= Level::WARN
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }
}
