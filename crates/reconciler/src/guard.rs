//! Between plan and apply: what may go ahead now. Not generic, asks nobody, and is tested as a table.
//!
//! Architecture invariant: the removal of an exposure (`contains`) is held by a named pause or exemption only. Limits, a stack in
//! progress and flapping must not become an attacker's off switch; flapping slows a containment down and says so.

use crate::{Limits, LoopKey, StackStatus};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use topology::{Action, Directive, Effect, Field, ResourceId, StackId, Standing, Step, Subject, Verb};

/// What the guard sees of a step.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it changes.
    pub resource: ResourceId,
    /// Which field of it.
    pub field: Field,
    /// Add, change or remove.
    pub effect: Effect,
    /// Removes an exposure.
    pub contains: bool,
    /// Earlier items that it depends on.
    pub needs: Vec<usize>,
    /// The stack that owns the resource.
    pub stack: Option<StackId>,
}

impl Item {
    /// The guard's view of a step.
    pub fn of<A: Action>(step: &Step<A>) -> Self {
        let Step { action, after: _, needs, contains, stack, caveat: _ } = step;
        Self {
            resource: action.resource().id,
            field: action.field(),
            effect: action.effect(),
            contains: *contains,
            needs: needs.clone(),
            stack: stack.clone(),
        }
    }
}

/// What the guard says to one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go ahead.
    Go,
    /// Not now, and not by itself soon.
    Hold {
        /// Which rule holds it.
        by: Brake,
        /// Why, for a person.
        why: String,
        /// What a person can do.
        remedy: String,
    },
    /// Not before this time.
    Wait {
        /// When to look again.
        until: Timestamp,
        /// Which rule delays it.
        by: Brake,
        /// What is awaited.
        why: String,
    },
    /// Something that it needs does not go ahead.
    Skip(String),
}

impl Verdict {
    /// Whether a person's order or a deploy under way holds it.
    pub fn is_ordered(&self) -> bool {
        matches!(self, Self::Hold { by: Brake::Pause | Brake::Exemption | Brake::Stack, .. })
    }
}

/// The rule that held a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Brake {
    /// The field belongs to another control: two writers would undo each other for ever.
    Owner,
    /// A person paused the topology or the control.
    Pause,
    /// A person exempted the resource.
    Exemption,
    /// The owning stack is changing.
    Stack,
    /// The owning stack's status cannot be read.
    StackUnknown,
    /// More than the limits admit.
    Limit,
    /// Something else keeps changing the resource back.
    Flapping,
}

/// What is known of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StackView {
    /// There is no such stack any more, or it is not changing.
    Settled,
    /// It is changing, or being deleted.
    Busy(StackStatus),
    /// Its status could not be read: unknown is not settled.
    Unreadable {
        /// What was said.
        why: String,
        /// Whether trying later may help.
        retryable: bool,
    },
}

/// An unreadable status is asked for again after this.
const STACK_RECHECK: SignedDuration = SignedDuration::from_secs(30);

/// Judges every item of a plan, in order. `stacks` holds what was asked; a stack that was not asked is taken as settled, so ask
/// for [`stacks_to_ask`] first.
pub fn judge(
    items: &[Item],
    key: &LoopKey,
    standing: &Standing,
    run: &str,
    stacks: &BTreeMap<StackId, StackView>,
    limits: &Limits,
) -> Vec<Verdict> {
    let pause = pause(key, standing);
    let mut budget = Budget::new(items, standing, limits);
    let makes = only_make(items);
    let mut verdicts: Vec<Verdict> = Vec::with_capacity(items.len());
    for (item, makes) in items.iter().zip(makes) {
        let own = brakes(item, makes, key, pause, standing, run, stacks, limits);
        let verdict = match own {
            Some(verdict) => verdict,
            None => match item.needs.iter().find(|needed| verdicts.get(**needed) != Some(&Verdict::Go)) {
                Some(needed) => Verdict::Skip(format!("step {} of the plan does not go ahead", needed + 1)),
                None => budget.take(item).unwrap_or(Verdict::Go),
            },
        };
        verdicts.push(verdict);
    }
    verdicts
}

/// The stacks whose status decides something: those of steps that would go ahead, and do not remove an exposure or do so by making
/// something.
pub fn stacks_to_ask(items: &[Item], verdicts: &[Verdict]) -> BTreeSet<StackId> {
    let decides = items.iter().zip(only_make(items)).map(|(item, makes)| !item.contains || makes);
    let open =
        items.iter().zip(verdicts).zip(decides).filter(|((_, verdict), decides)| *decides && **verdict == Verdict::Go);
    open.filter_map(|((item, _), _)| item.stack.clone()).collect()
}

/// Which steps make something on which nothing but such steps depends. A stack that is being deleted would fail at what they make.
fn only_make(items: &[Item]) -> Vec<bool> {
    let mut makes: Vec<bool> = items.iter().map(|item| item.effect == Effect::Add).collect();
    for (index, item) in items.iter().enumerate().rev() {
        if makes.get(index) != Some(&true) {
            for needed in &item.needs {
                if let Some(needed) = makes.get_mut(*needed) {
                    *needed = false;
                }
            }
        }
    }
    makes
}

/// Whether all that does not go ahead was ordered by a person or comes from a deploy under way. `false` when all goes ahead.
pub fn by_order(verdicts: &[Verdict]) -> bool {
    let mut held = verdicts.iter().filter(|verdict| **verdict != Verdict::Go).peekable();
    held.peek().is_some()
        && held.all(|verdict| match verdict {
            Verdict::Hold { by: Brake::Pause | Brake::Exemption | Brake::Stack, .. } | Verdict::Skip(_) => true,
            Verdict::Hold { .. } | Verdict::Wait { .. } | Verdict::Go => false,
        })
}

/// Names of the resources that something else keeps changing back.
pub fn flapping<'a>(
    items: &'a [Item],
    standing: &'a Standing,
    run: &'a str,
    limits: &'a Limits,
) -> impl Iterator<Item = &'a ResourceId> {
    items.iter().map(|item| &item.resource).filter(move |id| tripped(id, standing, run, limits).is_some())
}

/// Whether a pause is in force.
pub(crate) fn paused(key: &LoopKey, standing: &Standing) -> bool {
    pause(key, standing).is_some()
}

/// The pause that is in force.
pub(crate) fn pause<'a>(key: &LoopKey, standing: &'a Standing) -> Option<&'a Directive> {
    standing.in_force(Verb::Pause).find(|directive| match &directive.subject {
        Subject::Topology { topology, control } => {
            *topology == key.topology && control.is_none_or(|control| control == key.control)
        }
        Subject::Resource(_) => false,
    })
}

#[allow(clippy::too_many_arguments, reason = "each is a fact of its own, and there is one caller")]
fn brakes(
    item: &Item,
    makes: bool,
    key: &LoopKey,
    pause: Option<&Directive>,
    standing: &Standing,
    run: &str,
    stacks: &BTreeMap<StackId, StackView>,
    limits: &Limits,
) -> Option<Verdict> {
    if item.field.owner() != key.control {
        let why = format!("{} belong to the control {}, not to {}", item.field, item.field.owner(), key.control);
        return Some(hold(Brake::Owner, why, "a mistake in Plumbline: please report it".into()));
    }
    if let Some(directive) = pause {
        let remedy = format!(r#"ends by itself; sooner: {{"resume":{{"topology":"{}","reason":"…"}}}}"#, key.topology);
        return Some(hold(Brake::Pause, format!("paused {}", said(directive)), remedy));
    }
    let exempt = |directive: &&Directive| directive.subject == Subject::Resource(item.resource.clone());
    if let Some(directive) = standing.in_force(Verb::Exempt).find(exempt) {
        let remedy =
            format!(r#"ends by itself; sooner: {{"unexempt":{{"resource":"{}","reason":"…"}}}}"#, item.resource);
        return Some(hold(Brake::Exemption, format!("exempt {}", said(directive)), remedy));
    }
    if let Some(trip) = tripped(&item.resource, standing, run, limits) {
        if item.contains {
            let next = trip.last.saturating_add(limits.flapping_pace).unwrap_or(Timestamp::MAX);
            let why =
                format!("{}: an exposure is removed again at most once every {:#}", trip.why, limits.flapping_pace);
            if standing.now < next {
                return Some(Verdict::Wait { until: next, by: Brake::Flapping, why });
            }
        } else {
            let remedy = format!("find out who changes it (the causes say so); {}", pause_command(key));
            return Some(hold(Brake::Flapping, trip.why, remedy));
        }
    }
    let stack = item.stack.as_ref()?;
    let view = stacks.get(stack)?;
    // An exposure waits for no stack; only what would be made anew is no use to one that is being deleted, and in its way.
    if item.contains && !(makes && *view == StackView::Busy(StackStatus::Deleting)) {
        return None;
    }
    match view {
        StackView::Settled => None,
        StackView::Busy(status) => {
            let status = match status {
                StackStatus::InProgress(status) => status.as_str(),
                StackStatus::Deleting => "DELETE_IN_PROGRESS",
                StackStatus::Settled => return None,
            };
            let remedy =
                format!("nothing: looked at again when the stack settles; for a deploy, {}", pause_command(key));
            Some(hold(Brake::Stack, format!("stack {stack} is in {status}"), remedy))
        }
        StackView::Unreadable { why, retryable: true } => Some(Verdict::Wait {
            until: standing.now.saturating_add(STACK_RECHECK).unwrap_or(Timestamp::MAX),
            by: Brake::StackUnknown,
            why: format!("the status of stack {stack} could not be read: {why}"),
        }),
        StackView::Unreadable { why, retryable: false } => Some(hold(
            Brake::StackUnknown,
            format!("the status of stack {stack} cannot be read: {why}"),
            "allow cloudformation:DescribeStacks on it".into(),
        )),
    }
}

fn hold(by: Brake, why: String, remedy: String) -> Verdict {
    Verdict::Hold { by, why, remedy }
}

fn said(directive: &Directive) -> String {
    let until = directive.until.map(|until| format!(" until {until}")).unwrap_or_default();
    format!("by {}{until}: {}", directive.by, directive.reason)
}

/// How CI or a person keeps Plumbline's hands off for a while.
pub(crate) fn pause_command(key: &LoopKey) -> String {
    format!(
        r#"wrap planned work in a pause: {{"pause":{{"topology":"{}","control":"{}","for":"1h","reason":"…"}}}}"#,
        key.topology, key.control
    )
}

struct Trip {
    last: Timestamp,
    why: String,
}

/// Counts earlier runs that repaired the resource within the window. Stops counting by itself once the window has passed.
fn tripped(resource: &ResourceId, standing: &Standing, run: &str, limits: &Limits) -> Option<Trip> {
    let since = standing.now.saturating_sub(limits.flapping_window).unwrap_or(Timestamp::MIN);
    let repairs = standing.repairs.get(resource)?;
    let lately = || {
        let counts = move |repair: &&topology::Repair| repair.at > since && repair.succeeded == Some(true);
        repairs.iter().filter(counts).filter(|repair| repair.run != run)
    };
    let runs: BTreeSet<&str> = lately().map(|repair| repair.run.as_str()).collect();
    let last = lately().map(|repair| repair.at).max()?;
    (runs.len() >= limits.flapping_repairs).then(|| Trip {
        last,
        why: format!(
            "{resource} was put back {} times within {:#} and keeps changing",
            runs.len(),
            limits.flapping_window
        ),
    })
}

struct Budget {
    actions: usize,
    removals: usize,
    fresh: usize,
    limits: Limits,
}

impl Budget {
    fn new(items: &[Item], standing: &Standing, limits: &Limits) -> Self {
        let since = standing.now.saturating_sub(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MIN);
        let hour = || standing.repairs.values().flatten().filter(|repair| repair.at > since);
        let fresh = items.iter().filter(|item| item.effect == Effect::Remove && !item.contains).count();
        Self {
            actions: hour().count(),
            removals: hour().filter(|repair| repair.removed).count(),
            fresh,
            limits: limits.clone(),
        }
    }

    /// Takes one action out of what the hour still admits; `Some`: held.
    fn take(&mut self, item: &Item) -> Option<Verdict> {
        let removes = item.effect == Effect::Remove;
        let over = if item.contains {
            None
        } else if removes && self.fresh > self.limits.removals_a_plan {
            Some(format!(
                "the plan removes from {} places at once, more than {}",
                self.fresh, self.limits.removals_a_plan
            ))
        } else if removes && self.removals >= self.limits.removals_an_hour {
            Some(format!("{} removals within the hour are the limit", self.limits.removals_an_hour))
        } else if self.actions >= self.limits.actions_an_hour {
            Some(format!("{} actions within the hour are the limit", self.limits.actions_an_hour))
        } else {
            None
        };
        if let Some(why) = over {
            let remedy = r#"look at the plan by hand ("mode":"plan"), then run it by hand ("mode":"enforce")"#;
            return Some(hold(Brake::Limit, why, remedy.into()));
        }
        self.actions += 1;
        self.removals += usize::from(removes);
        None
    }
}
