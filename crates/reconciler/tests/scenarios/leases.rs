//! Two runs at once, a lease that ends midway, a crash between the call and its record.

use crate::world::{World, at_once, converging};
use jiff::SignedDuration;
use reconciler::{Clock as _, Intent, Ledger as _, LedgerRead as _, Outcome, Settings};
use std::sync::{Arc, Mutex};
use topology::Effect;

#[tokio::test]
async fn a_contended_lease_converges_and_is_never_held() {
    let world = World::new().await;
    let event = world.expose();
    let lease = world.ledger.lease(&world.key(), "other", world.clock.now(), SignedDuration::from_secs(120)).await;
    let lease = lease.unwrap().unwrap();
    let report = world.on(event).await;
    assert!(converging(&report.overall).contains("another run"));
    assert_eq!(world.writes(), Vec::<String>::new());
    let rechecks = world.rechecks();
    assert_eq!(rechecks.len(), 1, "its hints are re-sent");
    world.ledger.release(lease, world.clock.now()).await.unwrap();
    let outcome = world.dispatch(&rechecks).await;
    assert_eq!(outcome.reports[0].overall, Outcome::Applied);
    assert_eq!(outcome.reports[0].causes[&0][0].event_id, "e-1");
}

#[tokio::test]
async fn an_observation_older_than_the_last_release_is_made_again() {
    let world = World::new().await;
    let event = world.expose();
    // Between this run's look and its lease, another run takes the lease, mends the group and gives the lease back.
    let (ledger, clock, key, app) = (world.ledger.clone(), world.clock.clone(), world.key(), world.app.clone());
    world.ec2.stack("none", None);
    let racing = Arc::new(Mutex::new(false));
    let raced = racing.clone();
    world.ec2.before("DescribeSecurityGroupRules", 0, move |_| {
        clock.advance(SignedDuration::from_secs(1));
        let other = at_once(ledger.lease(&key, "other", clock.now(), SignedDuration::from_secs(120))).unwrap().unwrap();
        clock.advance(SignedDuration::from_secs(1));
        at_once(ledger.release(other, clock.now())).unwrap();
        *raced.lock().unwrap() = true;
    });
    let app_again = app.clone();
    world.ec2.before("DescribeSecurityGroupRules", 1, move |ec2| {
        let open: Vec<_> = ec2
            .rules
            .iter()
            .filter(|(_, rule)| rule.group == app_again)
            .map(|(id, r)| (id.clone(), r.clone()))
            .collect();
        let ssh = open.into_iter().find(|(_, rule)| format!("{:?}", rule.traffic).contains("22")).unwrap().0;
        ec2.revoke(&app_again, topology::security_groups::Direction::Ingress, &[ssh]).unwrap();
    });
    let report = world.on(event).await;
    assert!(*racing.lock().unwrap());
    assert_eq!(report.overall, Outcome::InSync, "the second look found it mended");
    assert_eq!(world.writes(), Vec::<String>::new());
    assert_eq!(world.ingress(&app), 1);
}

#[tokio::test]
async fn a_lease_that_ends_midway_stops_the_run_at_once() {
    let world = World::new().await;
    world.open(&world.alb, 22, "0.0.0.0/0");
    let event = world.expose();
    let (ledger, clock, key) = (world.ledger.clone(), world.clock.clone(), world.key());
    // The first call takes longer than the lease lasts, and somebody else takes it.
    world.ec2.before("RevokeSecurityGroupIngress", 0, move |_| {
        clock.advance(Settings::LEASE);
        World::steal(&ledger, &key, clock.now());
    });
    let second = world.event("AuthorizeSecurityGroupIngress", &world.alb);
    let report = world.dispatch(&[event, second]).await.reports.remove(0);
    assert!(converging(&report.overall).contains("lease was lost"));
    assert_eq!(world.writes().len(), 1, "nothing after the loss was noticed");
    assert_eq!(world.ledger.holder_of(&world.key()).as_deref(), Some("thief"), "a lost lease is not released");
    let rechecks = world.rechecks();
    world.clock.advance(SignedDuration::from_secs(60));
    assert_eq!(world.dispatch(&rechecks).await.reports[0].overall, Outcome::Applied);
    assert!(world.in_line());
}

#[tokio::test]
async fn a_crash_between_call_and_record_converges_and_stays_on_record() {
    let world = World::new().await;
    let event = world.expose();
    // The call took effect, and the ledger could not be reached any more: as after a crash, the intent stays unsettled.
    let gone = reconciler::Fault::new("settle", reconciler::FaultClass::Retryable, "connection reset");
    world.ledger.fail_next("settle", gone.clone());
    world.ledger.fail_next("release", gone);
    let report = world.on(event).await;
    assert!(matches!(report.overall, Outcome::Failed(_)), "{:?}", report.overall);
    let records = world.ledger.records(&world.key(), 1).await.unwrap();
    assert_eq!((records[0].result.as_ref(), records[0].settled), (None, None), "the audit says that nobody knows");
    let rechecks = world.rechecks();
    world.clock.advance(Settings::LEASE);
    world.forget();
    let report = world.dispatch(&rechecks).await.reports.remove(0);
    assert_eq!(report.overall, Outcome::InSync);
    assert_eq!(world.writes(), Vec::<String>::new());
    assert!(world.in_line());
    let status = world.by_hand(serde_json::json!({"status": true})).await;
    assert!(status.summary.contains("outcome not recorded"), "{}", status.summary);
}

#[tokio::test]
async fn a_lost_answer_keeps_its_token_and_is_not_called_a_failure() {
    let world = World::new().await;
    let event = world.expose();
    world.ec2.lose_response("RevokeSecurityGroupIngress", 0);
    let report = world.on(event).await;
    assert_eq!(report.overall, Outcome::Applied, "the next look showed that it took effect");
    let records = world.ledger.records(&world.key(), 1).await.unwrap();
    assert_eq!(records[0].result, None, "unsettled: the token stays good");
}

#[tokio::test]
async fn the_next_run_gets_the_crashed_ones_token() {
    let world = World::new().await;
    world.strip(&world.app);
    let plan = world.by_hand(serde_json::json!({"topology": "shop", "mode": "plan"})).await;
    assert_eq!(plan.reports[0].actions.len(), 1);
    let throttled = reconciler::Fault::new("Authorize", reconciler::FaultClass::Retryable, "RequestLimitExceeded");
    world.ec2.fail("AuthorizeSecurityGroupIngress", 0, throttled);
    world.swept().await;
    let first = world.ledger.records(&world.key(), 1).await.unwrap().remove(0);
    let rechecks = world.rechecks();
    assert_eq!(world.dispatch(&rechecks).await.reports[0].overall, Outcome::Applied);
    let second = world.ledger.records(&world.key(), 1).await.unwrap().remove(0);
    assert_eq!(first.token, second.token, "one intent, one token, two tries");
    assert!(second.settled.is_some());
}

#[tokio::test]
async fn the_lease_is_given_back_after_a_failure_too() {
    let world = World::new().await;
    let event = world.expose();
    let denied = reconciler::Fault::new("Revoke", reconciler::FaultClass::Terminal, "UnauthorizedOperation");
    world.ec2.fail("RevokeSecurityGroupIngress", 0, denied);
    world.on(event).await;
    assert_eq!(world.ledger.holder_of(&world.key()), None);
}

#[tokio::test]
async fn a_run_out_of_time_stops_between_actions_and_goes_on_later() {
    let world = World::new().await;
    world.open(&world.alb, 22, "0.0.0.0/0");
    world.expose();
    let deadline = world.clock.now() + SignedDuration::from_secs(10);
    let clock = world.clock.clone();
    world.ec2.before("RevokeSecurityGroupIngress", 0, move |_| clock.advance(SignedDuration::from_secs(11)));
    let run = reconciler::Run { id: "hurried".into(), deadline: Some(deadline) };
    let body = serde_json::json!({
        "source": "plumbline", "detail-type": "Reconcile Requested", "account": "111122223333", "region": "eu-west-1",
        "detail": { "topology": "shop" }
    });
    let message = reconciler::Message { id: "m0".into(), body: body.to_string() };
    let outcome = world.dispatch_as(&[message], &run).await;
    assert!(converging(&outcome.reports[0].overall).contains("time is up"));
    assert_eq!(world.writes().len(), 1);
    let rechecks = world.rechecks();
    assert_eq!(world.dispatch(&rechecks).await.reports[0].overall, Outcome::Applied);
    assert!(world.in_line());
}

#[tokio::test]
async fn an_intent_needs_the_lease() {
    let world = World::new().await;
    let now = world.clock.now();
    let lease = world.ledger.lease(&world.key(), "a", now, SignedDuration::from_secs(1)).await.unwrap().unwrap();
    let intent = Intent {
        resource: world.key().place.key("sg-1"),
        name: "n".into(),
        action: serde_json::json!({}),
        summary: "s".into(),
        effect: Effect::Add,
        contains: false,
        causes: vec![],
        reason: None,
        run: "a".into(),
        at: now + SignedDuration::from_secs(1),
    };
    assert_eq!(world.ledger.intend(&lease, &intent).await.unwrap(), None);
}

#[tokio::test]
async fn waiting_for_another_run_is_short_never_doubled_and_no_attempt() {
    let mut world = World::new().await;
    world.settings.recheck = SignedDuration::from_secs(300);
    let mut bodies = vec![world.expose()];
    let lease = world.ledger.lease(&world.key(), "other", world.clock.now(), SignedDuration::from_secs(900)).await;
    let lease = lease.unwrap().unwrap();
    for _ in 0..20 {
        let outcome = world.dispatch(&bodies).await;
        assert!(outcome.reports[0].contended);
        let sent = world.outbox.take();
        assert!(sent.dead.is_empty());
        let [(hints, delay)] = sent.resent.as_slice() else { panic!("one recheck: {:?}", sent.resent) };
        assert_eq!((hints[0].attempt, *delay), (0, Settings::CONTENDED));
        assert!(*delay <= SignedDuration::from_secs(5));
        world.clock.advance(*delay);
        bodies = vec![reconciler::recheck_body(hints)];
    }
    world.ledger.release(lease, world.clock.now()).await.unwrap();
    assert_eq!(world.dispatch(&bodies).await.reports[0].overall, Outcome::Applied);
}

#[tokio::test]
async fn whoever_has_no_attempts_left_may_still_wait_for_another_run() {
    let world = World::new().await;
    let event = world.expose();
    let lease = world.ledger.lease(&world.key(), "other", world.clock.now(), Settings::LEASE).await.unwrap().unwrap();
    world.dispatch(&[event]).await;
    let mut hints = world.outbox.take().resent.remove(0).0;
    hints[0].attempt = Settings::ATTEMPTS;
    world.dispatch(&[reconciler::recheck_body(&hints)]).await;
    let sent = world.outbox.take();
    assert!(sent.dead.is_empty(), "{:?}", sent.dead);
    world.ledger.release(lease, world.clock.now()).await.unwrap();
    let outcome = world.dispatch(&[reconciler::recheck_body(&sent.resent[0].0)]).await;
    assert_eq!(outcome.reports[0].overall, Outcome::Applied);
}

#[tokio::test]
async fn waiting_for_other_runs_ends_in_the_end() {
    let world = World::new().await;
    let event = world.expose();
    let lasts = Settings::CHAIN + SignedDuration::from_hours(1);
    let lease = world.ledger.lease(&world.key(), "other", world.clock.now(), lasts).await.unwrap();
    assert!(lease.is_some());
    world.dispatch(&[event]).await;
    let rechecks = world.rechecks();
    world.clock.advance(Settings::CHAIN);
    world.dispatch(&rechecks).await;
    let sent = world.outbox.take();
    assert!(sent.resent.is_empty());
    assert!(sent.dead[0].1.contains("another run"), "{:?}", sent.dead);
}
