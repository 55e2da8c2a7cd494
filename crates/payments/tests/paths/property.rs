//! Any requests, any faults, any order.

use crate::world::{Chance, World, request};
use jiff::SignedDuration;
use payments::{Outcome, PaymentId, Recorded, Taken, record, resume, take};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// Two clients ask at the same time, maybe for the same payment.
    Ask([(u8, u64); 2]),
    /// Time passes, and the schedule comes.
    Resume,
    /// The queue delivers a message, maybe one that it delivered before, to two at the same time.
    Deliver([prop::sample::Index; 2]),
}

fn step() -> impl Strategy<Value = Step> {
    // Few payments and few amounts, so that they meet; 5001 fails.
    let ask = || (0u8..3, prop::sample::select(vec![1u64, 1250, 5001]));
    let which = any::<prop::sample::Index>;
    prop_oneof![
        4 => (ask(), ask()).prop_map(|(a, b)| Step::Ask([a, b])),
        1 => Just(Step::Resume),
        3 => (which(), which()).prop_map(|(a, b)| Step::Deliver([a, b])),
    ]
}

fn chance() -> impl Strategy<Value = Chance> {
    prop_oneof![5 => Just(Chance::Fine), 2 => Just(Chance::Before), 2 => Just(Chance::After)]
}

/// What clients were told, by payment.
type Told = BTreeMap<PaymentId, Outcome>;

async fn run(world: &World, steps: Vec<Step>) -> Told {
    let mut told = Told::new();
    // Standard queues deliver again what was recorded long ago.
    let mut delivered: Vec<String> = vec![];
    for step in steps {
        match step {
            Step::Ask([(a, much), (b, more)]) => {
                let (a, b) = (request(a, much), request(b, more));
                let ports = world.ports();
                let answers = tokio::join!(take(a, &ports), take(b, &ports));
                for answer in [answers.0, answers.1].into_iter().flatten() {
                    if let Taken::Decided(outcome) = answer {
                        let before = told.insert(outcome.payment_id.clone(), outcome.clone());
                        assert!(before.is_none_or(|before| before == outcome), "clients are told two things");
                    }
                }
            }
            Step::Resume => {
                world.later(SignedDuration::from_mins(5));
                _ = resume(&world.ports()).await;
            }
            Step::Deliver([a, b]) => {
                let messages: Vec<String> = world.look(|state| state.queue.clone());
                let all: Vec<String> = messages.into_iter().chain(delivered.clone()).collect();
                if !all.is_empty() {
                    let (a, b) = (a.get(&all).clone(), b.get(&all).clone());
                    let done = tokio::join!(record(&a, world, world), record(&b, world, world));
                    for (message, done) in [(a, done.0), (b, done.1)] {
                        assert!(!matches!(done, Ok(Recorded::Conflict(_))), "our own messages never contradict");
                        if done.is_ok() {
                            world.look(|state| state.queue.retain(|waiting| *waiting != message));
                            delivered.push(message);
                        }
                    }
                }
            }
        }
    }
    told
}

/// Nothing fails any more: the schedule comes until nothing is open, the queue delivers what it has.
async fn settle(world: &World) {
    world.look(|state| state.chances.clear());
    for _ in 0..3 {
        world.later(SignedDuration::from_mins(5));
        assert_eq!(resume(&world.ports()).await.unwrap().faults, []);
    }
    for message in world.look(|state| std::mem::take(&mut state.queue)) {
        record(&message, world, world).await.unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn each_payment_that_was_taken_ends_in_exactly_one_final_record(
        steps in prop::collection::vec(step(), 1..25),
        chances in prop::collection::vec(chance(), 0..120),
    ) {
        let world = World::new(chances);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let told = runtime.block_on(async {
            let told = run(&world, steps).await;
            settle(&world).await;
            told
        });
        world.look(|state| {
            let claimed: Vec<_> = state.claims.keys().collect();
            prop_assert_eq!(state.finals.keys().collect::<Vec<_>>(), claimed, "one record for each, and no other");
            prop_assert!(state.written.values().all(|times| *times == 1), "written once");
            prop_assert!(state.conflicts.is_empty());
            for (id, record) in &state.finals {
                let claim = &state.claims[id];
                let decision = claim.decision.as_ref().unwrap();
                prop_assert_eq!((&record.verdict, record.decided_at), (&decision.verdict, decision.decided_at));
                prop_assert_eq!(&record.amount, &claim.amount, "of the request that was taken");
                prop_assert_eq!(&state.charged[id], &(record.amount.clone(), record.verdict.clone()));
                prop_assert!(claim.token.is_none() && !claim.open);
                prop_assert!(told.get(id).is_none_or(|told| told == record), "as the client was told");
            }
            Ok(())
        })?;
    }
}
