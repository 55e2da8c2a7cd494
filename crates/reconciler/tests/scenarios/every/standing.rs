//! An exposure about which nothing can be done yet: people are told when it stays.

use super::stage::Stage;
use super::subjects::Exposure;
use jiff::SignedDuration;
use reconciler::recheck_body;
use serde_json::json;

/// What people are told, and the looks that are owed.
fn told(stage: &Stage<Exposure>) -> (Vec<String>, Vec<String>) {
    let sent = stage.outbox.take();
    let pages = sent.events.into_iter().filter_map(|event| event.page.then_some(event.detail_type));
    (pages.collect(), sent.resent.iter().map(|(hints, _)| recheck_body(hints)).collect())
}

/// A database that is public, and busy for longer than anybody waits; the event that tells of it.
fn busy(stage: &Stage<Exposure>) -> String {
    let vpc = stage.twin().outside(|estate| {
        let database = estate.databases.get_mut("orders").unwrap();
        (database.public, database.status) = (true, "upgrading".into());
        estate.vpcs.keys().next().unwrap().to_string()
    });
    let request = json!({ "dBInstanceIdentifier": "orders", "publiclyAccessible": true });
    let response = json!({ "dBInstanceIdentifier": "orders", "dBSubnetGroup": { "vpcId": vpc } });
    stage.call("rds", "ModifyDBInstance", request, response)
}

#[test]
fn an_exposure_that_waits_is_told_when_it_stays_and_not_before() {
    let stage = Stage::<Exposure>::new();
    let report = stage.on(&[busy(&stage)]);
    assert!(crate::world::converging(&report.overall).contains("upgrading"), "{:?}", report.overall);
    let (pages, again) = told(&stage);
    assert_eq!(pages, Vec::<String>::new(), "an ordinary wait wakes nobody");
    stage.wait(SignedDuration::from_mins(4));
    stage.on(&again);
    let (pages, again) = told(&stage);
    assert_eq!(pages, Vec::<String>::new());
    stage.wait(SignedDuration::from_mins(2));
    let outcome = stage.dispatch(&again);
    assert_eq!(outcome.metrics.new_exposures, 1);
    let (pages, again) = told(&stage);
    assert_eq!(pages, ["Reconcile Pending"]);
    stage.wait(SignedDuration::from_mins(2));
    stage.on(&again);
    assert_eq!(told(&stage).0, Vec::<String>::new(), "once");
    stage.wait(SignedDuration::from_hours(8));
    stage.on(&[stage.request()]);
    assert_eq!(told(&stage).0, ["Reconcile Pending"], "and again, so that it is not forgotten over a shift");
    assert_eq!(stage.writes(), vec![]);
}

#[test]
fn an_exposure_that_waits_and_that_no_event_announced_is_told_by_the_sweep() {
    let stage = Stage::<Exposure>::new();
    busy(&stage);
    stage.on(&[stage.request()]);
    assert_eq!(told(&stage).0, ["Reconcile Pending"]);
    stage.wait(SignedDuration::from_mins(15));
    stage.on(&[stage.request()]);
    assert_eq!(told(&stage).0, Vec::<String>::new(), "once");
}
