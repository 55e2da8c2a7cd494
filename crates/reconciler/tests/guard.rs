//! The guard as a table: what may go ahead, what is held, and by which rule.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use jiff::{SignedDuration, Timestamp};
use reconciler::guard::{Brake, Item, StackView, Verdict, by_order, judge, stacks_to_ask};
use reconciler::{Limits, LoopKey, StackStatus};
use std::collections::BTreeMap;
use topology::{ControlId, Directive, Effect, Field, Place, Repair, StackId, Standing, Subject, Verb};

const NOW: Timestamp = Timestamp::constant(1_795_400_000, 0);

fn key() -> LoopKey {
    LoopKey {
        place: Place::new("111122223333", "eu-west-1"),
        topology: "shop".into(),
        control: ControlId::SecurityGroups,
    }
}

fn item(resource: &str, effect: Effect) -> Item {
    let field = Field::SecurityGroupRules;
    Item { resource: resource.into(), field, effect, contains: false, needs: vec![], stack: None }
}

fn exposure(resource: &str) -> Item {
    Item { contains: true, ..item(resource, Effect::Remove) }
}

fn order(verb: Verb, subject: Subject, minutes: i64) -> Directive {
    let until = Some(NOW + SignedDuration::from_mins(minutes));
    Directive { verb, subject, reason: "r".into(), by: "b".into(), since: NOW - SignedDuration::from_hours(1), until }
}

fn topology(id: &str, control: Option<ControlId>) -> Subject {
    Subject::Topology { topology: id.into(), control }
}

/// Repairs of one resource by as many runs, the last one `last` seconds ago and one each half minute before.
fn repairs(resource: &str, runs: i64, last: i64, removed: bool, succeeded: Option<bool>) -> Standing {
    let mut standing = Standing::at(NOW);
    let of = |run: i64| Repair {
        at: NOW - SignedDuration::from_secs(last + 30 * (runs - 1 - run)),
        run: format!("run-{run}"),
        removed,
        succeeded,
    };
    standing.repairs.insert(resource.into(), (0..runs).map(of).collect());
    standing
}

fn short(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Go => "go".into(),
        Verdict::Hold { by, .. } => format!("hold {by:?}"),
        Verdict::Wait { until, by, .. } => format!("wait {by:?} {}", until.duration_since(NOW).as_secs()),
        Verdict::Skip(_) => "skip".into(),
    }
}

fn judged(items: &[Item], standing: &Standing, stacks: &BTreeMap<StackId, StackView>) -> Vec<String> {
    judge(items, &key(), standing, "this-run", stacks, &Limits::default()).iter().map(short).collect()
}

fn plain(items: &[Item], standing: &Standing) -> Vec<String> {
    judged(items, standing, &BTreeMap::new())
}

#[test]
fn orders_of_people() {
    let this = Some(ControlId::SecurityGroups);
    let table = [
        (order(Verb::Pause, topology("shop", None), 5), "hold Pause"),
        (order(Verb::Pause, topology("shop", this), 5), "hold Pause"),
        (order(Verb::Pause, topology("other", None), 5), "go"),
        (order(Verb::Pause, topology("shop", None), 0), "go"),
        (order(Verb::Exempt, Subject::Resource("sg-1".into()), 5), "hold Exemption"),
        (order(Verb::Exempt, Subject::Resource("sg-2".into()), 5), "go"),
        (order(Verb::Exempt, Subject::Resource("sg-1".into()), -1), "go"),
        (order(Verb::Approve, Subject::Resource("sg-1".into()), 5), "go"),
        (order(Verb::Pause, Subject::Resource("sg-1".into()), 5), "go"),
    ];
    for (directive, expected) in table {
        let standing = Standing { directives: vec![directive.clone()], ..Standing::at(NOW) };
        for item in [item("sg-1", Effect::Add), exposure("sg-1")] {
            assert_eq!(plain(&[item], &standing), [expected], "{directive:?}");
        }
    }
}

#[test]
fn stacks() {
    let stack = StackId::from("arn:stack");
    let owned = |item: Item| Item { stack: Some("arn:stack".into()), ..item };
    let unreadable = |retryable| StackView::Unreadable { why: "w".into(), retryable };
    let busy = StackView::Busy(StackStatus::InProgress("UPDATE_IN_PROGRESS".into()));
    let table = [
        (StackView::Settled, "go"),
        (busy, "hold Stack"),
        (StackView::Busy(StackStatus::Deleting), "hold Stack"),
        (unreadable(true), "wait StackUnknown 30"),
        (unreadable(false), "hold StackUnknown"),
    ];
    for (view, expected) in table {
        let stacks = BTreeMap::from([(stack.clone(), view)]);
        for effect in [Effect::Add, Effect::Change, Effect::Remove] {
            assert_eq!(judged(&[owned(item("sg-1", effect))], &Standing::at(NOW), &stacks), [expected]);
        }
        assert_eq!(judged(&[owned(exposure("sg-1"))], &Standing::at(NOW), &stacks), ["go"], "never an exposure");
        assert_eq!(judged(&[item("sg-1", Effect::Add)], &Standing::at(NOW), &stacks), ["go"], "nobody's");
    }
}

#[test]
fn nothing_is_made_for_a_stack_that_is_being_deleted_but_what_a_removal_depends_on() {
    let owned = |item: Item, needs: &[usize]| Item { stack: Some("arn:stack".into()), needs: needs.into(), ..item };
    let made = |resource: &str| Item { contains: true, ..item(resource, Effect::Add) };
    let table = [
        // A table, and a subnet put on it.
        (vec![owned(made("rtb-1"), &[]), owned(made("subnet-1"), &[0])], ["hold Stack", "hold Stack"]),
        // A rule, without which a wider one cannot go.
        (vec![owned(made("sg-1"), &[]), owned(exposure("sg-1"), &[0])], ["go", "go"]),
    ];
    for (items, expected) in table {
        let verdicts = judge(&items, &key(), &Standing::at(NOW), "r", &BTreeMap::new(), &Limits::default());
        let asked = !stacks_to_ask(&items, &verdicts).is_empty();
        assert_eq!(asked, expected == ["hold Stack", "hold Stack"], "{expected:?}");
        for (status, expected) in
            [(StackStatus::Deleting, expected), (StackStatus::InProgress("UPDATE_IN_PROGRESS".into()), ["go", "go"])]
        {
            let stacks = BTreeMap::from([("arn:stack".into(), StackView::Busy(status))]);
            assert_eq!(judged(&items, &Standing::at(NOW), &stacks), expected);
        }
    }
}

#[test]
fn only_stacks_that_decide_something_are_asked() {
    let owned = |item: Item, stack: &str| Item { stack: Some(stack.into()), ..item };
    let items = [
        owned(item("sg-1", Effect::Add), "asked"),
        owned(exposure("sg-2"), "exposure"),
        owned(item("sg-3", Effect::Add), "exempt"),
        item("sg-4", Effect::Add),
    ];
    let directives = vec![order(Verb::Exempt, Subject::Resource("sg-3".into()), 5)];
    let standing = Standing { directives, ..Standing::at(NOW) };
    let verdicts = judge(&items, &key(), &standing, "r", &BTreeMap::new(), &Limits::default());
    let asked: Vec<StackId> = stacks_to_ask(&items, &verdicts).into_iter().collect();
    assert_eq!(asked, [StackId::from("asked")]);
}

#[test]
fn flapping() {
    let table = [
        (repairs("sg-1", 4, 0, true, Some(true)), "go", "go"),
        (repairs("sg-1", 5, 0, true, Some(true)), "hold Flapping", "wait Flapping 60"),
        (repairs("sg-1", 5, 59, true, Some(true)), "hold Flapping", "wait Flapping 1"),
        (repairs("sg-1", 5, 60, true, Some(true)), "hold Flapping", "go"),
        (repairs("sg-2", 5, 0, true, Some(true)), "go", "go"),
        // What failed, or may never have happened, mended nothing.
        (repairs("sg-1", 5, 0, true, Some(false)), "go", "go"),
        (repairs("sg-1", 5, 0, true, None), "go", "go"),
        // It un-trips by itself: the oldest of the five is out of the window.
        (repairs("sg-1", 5, 481, true, Some(true)), "go", "go"),
    ];
    for (standing, drift, contained) in table {
        assert_eq!(plain(&[item("sg-1", Effect::Remove)], &standing), [drift], "{standing:?}");
        assert_eq!(plain(&[exposure("sg-1")], &standing), [contained], "{standing:?}");
    }
    // The calls of one run are one repair, and this run's own do not count against it.
    for run in ["same", "this-run"] {
        let mut standing = repairs("sg-1", 9, 0, true, Some(true));
        standing.repairs.values_mut().flatten().for_each(|repair| repair.run = run.into());
        assert_eq!(plain(&[item("sg-1", Effect::Remove)], &standing), ["go"]);
    }
    let mut fifth = repairs("sg-1", 5, 0, true, Some(true));
    fifth.repairs.values_mut().flatten().last().unwrap().run = "this-run".into();
    assert_eq!(plain(&[item("sg-1", Effect::Remove)], &fifth), ["go"], "a run does not trip over its own round before");
}

#[test]
fn limits() {
    let many =
        |count: usize, effect: Effect| -> Vec<Item> { (0..count).map(|n| item(&format!("sg-{n}"), effect)).collect() };
    let holds =
        |items: &[Item], standing: &Standing| plain(items, standing).iter().filter(|v| *v == "hold Limit").count();
    let none = Standing::at(NOW);
    assert_eq!(holds(&many(Limits::REMOVALS_A_PLAN, Effect::Remove), &none), 0);
    let over = Limits::REMOVALS_A_PLAN + 1;
    assert_eq!(holds(&many(over, Effect::Remove), &none), over, "all of them wait for a person, not just one");
    assert_eq!(holds(&many(Limits::ACTIONS_AN_HOUR + 7, Effect::Add), &none), 7);
    let removals = i64::try_from(Limits::REMOVALS_AN_HOUR).unwrap();
    let spent = repairs("sg-x", removals, 0, true, Some(true));
    assert_eq!(holds(&many(3, Effect::Remove), &spent), 3, "across runs");
    assert_eq!(holds(&many(3, Effect::Add), &spent), 0, "additions are counted apart");
    let mut old = spent.clone();
    old.repairs.values_mut().flatten().for_each(|repair| repair.at = NOW - SignedDuration::from_hours(1));
    assert_eq!(holds(&many(3, Effect::Remove), &old), 0, "an hour later");
    let mut both = many(over, Effect::Remove);
    both.push(exposure("sg-e"));
    assert_eq!(plain(&both, &spent).last().map(String::as_str), Some("go"), "never an exposure");
    let verdicts = judge(&many(500, Effect::Remove), &key(), &spent, "r", &BTreeMap::new(), &Limits::by_hand());
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Go), "a person has looked at it");
}

#[test]
fn needs() {
    let needing = |resource: &str, needs: Vec<usize>| Item { needs, ..item(resource, Effect::Remove) };
    let directives = vec![order(Verb::Exempt, Subject::Resource("sg-1".into()), 5)];
    let standing = Standing { directives, ..Standing::at(NOW) };
    let items =
        [item("sg-1", Effect::Add), needing("sg-2", vec![0]), needing("sg-3", vec![1]), needing("sg-4", vec![])];
    assert_eq!(plain(&items, &standing), ["hold Exemption", "skip", "skip", "go"]);
}

#[test]
fn who_ordered_it() {
    let hold = |by| Verdict::Hold { by, why: String::new(), remedy: String::new() };
    let table = [
        (vec![], false),
        (vec![Verdict::Go], false),
        (vec![hold(Brake::Pause), Verdict::Go], true),
        (vec![hold(Brake::Exemption), hold(Brake::Stack), Verdict::Skip("s".into())], true),
        (vec![hold(Brake::Pause), hold(Brake::Flapping)], false),
        (vec![hold(Brake::Limit)], false),
        (vec![hold(Brake::StackUnknown)], false),
    ];
    for (verdicts, expected) in table {
        assert_eq!(by_order(&verdicts), expected, "{verdicts:?}");
    }
}

#[test]
fn what_another_control_owns_is_held_even_to_contain_an_exposure() {
    for field in Field::ALL.iter().copied() {
        let item = Item { field, ..exposure("sg-1") };
        let expected = if field == Field::SecurityGroupRules { "go" } else { "hold Owner" };
        assert_eq!(judged(&[item], &Standing::at(NOW), &BTreeMap::new()), [expected], "{field}");
    }
}

#[test]
fn every_control_owns_something_and_the_architecture_says_what() {
    let page = include_str!("../../../ARCHITECTURE.md");
    for field in Field::ALL.iter().copied() {
        let row = format!("| {field} | `{}` |", field.owner());
        assert!(page.contains(&row), "ARCHITECTURE.md lacks the row: {row}");
    }
    for control in ControlId::ALL.iter().copied() {
        assert!(Field::ALL.iter().any(|field| field.owner() == control), "{control} owns nothing");
    }
}
