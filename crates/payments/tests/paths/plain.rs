//! The path, one thing at a time.

use crate::world::{Chance, World, request};
use jiff::SignedDuration;
use payments::{NotRecorded, Outcome, Recorded, Taken, Verdict, record, resume, take};

async fn decided(world: &World, id: u8, cents: u64) -> Outcome {
    match take(request(id, cents), &world.ports()).await.unwrap() {
        Taken::Decided(outcome) => outcome,
        Taken::Mismatch => panic!("taken before"),
    }
}

#[tokio::test]
async fn a_payment_ends_in_a_record_and_its_token_is_forgotten() {
    let world = World::new(vec![]);
    let outcome = decided(&world, 1, 1250).await;
    assert_eq!(outcome.verdict, Verdict::Success);
    let message = world.look(|state| state.queue[0].clone());
    assert!(matches!(record(&message, &world, &world).await.unwrap(), Recorded::First(_)));
    assert_eq!(world.look(|state| state.finals.values().cloned().collect::<Vec<_>>()), [outcome]);
    world.look(|state| {
        let claim = state.claims.values().next().unwrap();
        assert_eq!((claim.open, claim.token.as_ref()), (false, None));
    });
}

#[tokio::test]
async fn a_payment_that_fails_ends_in_a_record_too() {
    let world = World::new(vec![]);
    let outcome = decided(&world, 1, 5001).await;
    assert_eq!(outcome.verdict, Verdict::Failure { reason: "more than 5000 minor units of EUR".into() });
    assert_eq!(outcome.verdict.name(), "failure");
    let message = world.look(|state| state.queue[0].clone());
    assert!(matches!(record(&message, &world, &world).await.unwrap(), Recorded::First(_)));
}

#[tokio::test]
async fn the_same_request_is_answered_as_before_and_tells_nobody_again() {
    let world = World::new(vec![]);
    let first = decided(&world, 1, 1250).await;
    assert_eq!(decided(&world, 1, 1250).await, first);
    assert_eq!(world.look(|state| state.queue.len()), 1);
}

#[tokio::test]
async fn another_request_of_the_same_id_changes_nothing() {
    let world = World::new(vec![]);
    decided(&world, 1, 1250).await;
    assert_eq!(take(request(1, 9), &world.ports()).await.unwrap(), Taken::Mismatch);
    world.look(|state| assert_eq!((state.queue.len(), state.charged.len()), (1, 1)));
}

/// The calls of one request are claim, charge, decide, publish, close.
#[tokio::test]
async fn whatever_is_left_open_is_resumed() {
    for broken in 0..5 {
        for how in [Chance::Before, Chance::After] {
            let mut chances = vec![Chance::Fine; broken + 1];
            chances[0] = how;
            let world = World::new(chances);
            take(request(1, 1250), &world.ports()).await.unwrap_err();
            let claimed = world.look(|state| state.claims.len());
            assert_eq!(resume(&world.ports()).await.unwrap().finished, [], "it may still be at work");
            world.later(SignedDuration::from_mins(2));
            let resumed = resume(&world.ports()).await.unwrap();
            assert_eq!(resumed.faults, []);
            world.look(|state| {
                assert!(state.claims.values().all(|claim| !claim.open), "call {broken} {how:?}");
                assert_eq!(state.queue.is_empty(), claimed == 0, "call {broken} {how:?}");
                assert_eq!(state.queue.iter().collect::<std::collections::BTreeSet<_>>().len(), claimed);
            });
        }
    }
}

#[tokio::test]
async fn one_that_cannot_be_resumed_does_not_keep_the_others() {
    // Both claims are written; nothing else of either.
    let world = World::new(vec![Chance::Before, Chance::Fine, Chance::Before, Chance::Fine]);
    take(request(1, 1), &world.ports()).await.unwrap_err();
    take(request(2, 2), &world.ports()).await.unwrap_err();
    world.later(SignedDuration::from_mins(2));
    // open, find, charge of the first one.
    world.look(|state| state.chances = vec![Chance::Before, Chance::Fine, Chance::Fine]);
    let resumed = resume(&world.ports()).await.unwrap();
    assert_eq!((resumed.finished.len(), resumed.faults.len()), (1, 1));
    assert_eq!(resumed.faults[0].operation, "charge");
}

#[tokio::test]
async fn another_outcome_is_kept_beside_the_final_one() {
    let world = World::new(vec![]);
    let first = decided(&world, 1, 1250).await;
    let other = Outcome { verdict: Verdict::Failure { reason: "forged".into() }, ..first.clone() };
    record(&first.write().unwrap(), &world, &world).await.unwrap();
    for _ in 0..2 {
        let recorded = record(&other.write().unwrap(), &world, &world).await.unwrap();
        assert_eq!(recorded, Recorded::Conflict(first.payment_id.clone()));
    }
    world.look(|state| {
        assert_eq!(state.finals[&first.payment_id], first);
        assert_eq!(state.conflicts.values().collect::<Vec<_>>(), [&other]);
    });
}

#[tokio::test]
async fn what_is_no_outcome_is_not_recorded() {
    let world = World::new(vec![]);
    for body in ["", "{}", "not JSON", r#"{"Type":"Notification","Message":"{}"}"#] {
        assert!(matches!(record(body, &world, &world).await, Err(NotRecorded::Unreadable(_))), "{body}");
    }
    assert!(world.look(|state| state.finals.is_empty()));
}
