//! What a function wires once: the ports, the constants, and what one invocation knows of itself.

use crate::{Apply, Locate, Observe, Stacks};
use jiff::{SignedDuration, Timestamp};
use topology::Control;

/// Everything that a run which only looks may ask of AWS.
pub trait Eyes<C: Control>: Observe<C> + Locate {}
impl<C: Control, T: Observe<C> + Locate> Eyes<C> for T {}

/// Everything that a run which enforces may ask of AWS.
pub trait Hands<C: Control>: Observe<C> + Apply<C> + Stacks {}
impl<C: Control, T: Observe<C> + Apply<C> + Stacks> Hands<C> for T {}

/// What a function that only plans is wired with: nothing here can write.
pub struct ReadPorts<'a, E, L, K> {
    /// [`Eyes`] over clients that refuse any operation but Describe, Get and List.
    pub eyes: &'a E,
    /// A `LedgerRead`.
    pub ledger: &'a L,
    /// A `Clock`.
    pub clock: &'a K,
}

/// What a function that enforces is wired with.
pub struct Ports<'a, E, H, L, O, K> {
    /// [`Eyes`] over clients that refuse any operation but Describe, Get and List: locating, binding, plan and observe runs.
    pub eyes: &'a E,
    /// [`Hands`]: enforce runs.
    pub hands: &'a H,
    /// A `Ledger`.
    pub ledger: &'a L,
    /// An `Outbox`.
    pub outbox: &'a O,
    /// A `Clock`.
    pub clock: &'a K,
}

impl<'a, E, H, L, O, K> Ports<'a, E, H, L, O, K> {
    /// The part of it that cannot write, for plan and observe runs.
    pub fn read(&self) -> ReadPorts<'a, E, L, K> {
        ReadPorts { eyes: self.eyes, ledger: self.ledger, clock: self.clock }
    }
}

/// One invocation.
#[derive(Clone, Debug)]
pub struct Run {
    /// Unique to the invocation (the Lambda request id): the owner of its leases.
    pub id: String,
    /// When to stop starting new work, so that leases are released and hints re-sent before the function is cut off.
    pub deadline: Option<Timestamp>,
}

/// The loop's own constants.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The delay of the first recheck; each further one doubles it (`PLUMBLINE_RECHECK_SECONDS`).
    pub recheck: SignedDuration,
    /// How long a lease lasts by itself: longer than the function's time-out.
    pub lease: SignedDuration,
    /// What the guard admits.
    pub limits: Limits,
}

impl Settings {
    /// A function's time-out is far below this; a crashed run keeps others away for no longer.
    pub const LEASE: SignedDuration = SignedDuration::from_secs(120);
    /// Looks that went nowhere before hints are given up on: with doubling from five seconds, twenty minutes of trying. Waiting for
    /// AWS is no failure, and the functions say that their queue may call them again (`RecursiveLoop: Allow`).
    pub const ATTEMPTS: u32 = 8;
    /// A chain of rechecks ends after this, whatever its delays: the sweep has long taken over.
    pub const CHAIN: SignedDuration = SignedDuration::from_hours(6);
    /// The wait for another run on the same topology: it holds the lease for a moment, and behind it may be an exposure. Never
    /// doubled, and no attempt; a run that died keeps its lease for at most [`Settings::LEASE`], which is 120 such waits.
    pub const CONTENDED: SignedDuration = SignedDuration::from_secs(1);
    /// SQS delays a message by no more.
    pub const LONGEST_DELAY: SignedDuration = SignedDuration::from_secs(900);
}

impl Default for Settings {
    fn default() -> Self {
        Self { recheck: SignedDuration::from_secs(5), lease: Self::LEASE, limits: Limits::default() }
    }
}

/// What the guard admits without asking a person. None of these ever holds the removal of an exposure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rounds of apply in a run.
    pub rounds: usize,
    /// Mutations an hour, of one control on one topology, across runs.
    pub actions_an_hour: usize,
    /// Removals an hour among them.
    pub removals_an_hour: usize,
    /// Removals in one fresh plan.
    pub removals_a_plan: usize,
    /// Repairs of one resource within the window that mean that something else is fighting.
    pub flapping_repairs: usize,
    /// That window.
    pub flapping_window: SignedDuration,
    /// The least time between two containments of one flapping resource.
    pub flapping_pace: SignedDuration,
}

impl Limits {
    /// One to contain, one to complete, one to spare; what needs more has something fighting it and is looked at again later.
    pub const ROUNDS: usize = 3;
    /// A thorough incident touches tens of groups. Hundreds an hour is a mistake in the declaration or in us, and still far below
    /// the 5 writes a second that AWS refills: the budget is shared with the customer's own tools.
    pub const ACTIONS_AN_HOUR: usize = 300;
    /// Removals cut traffic: a third of that.
    pub const REMOVALS_AN_HOUR: usize = 100;
    /// One action covers all rules of one direction of one group, so a plan above this cuts into twenty-five groups at once: more
    /// likely a wrong document than twenty-five intrusions.
    pub const REMOVALS_A_PLAN: usize = 25;
    /// A person who undoes a repair does it once or twice; five times in ten minutes is a machine.
    pub const FLAPPING_REPAIRS: usize = 5;
    /// See above. Within the hour of repairs that the ledger gives.
    pub const FLAPPING_WINDOW: SignedDuration = SignedDuration::from_mins(10);
    /// An exposure is removed again at this pace, whoever fights us.
    pub const FLAPPING_PACE: SignedDuration = SignedDuration::from_secs(60);

    /// For a run that a person started after seeing its plan: the sizes were looked at, so only brakes and flapping hold.
    pub fn by_hand() -> Self {
        Self {
            actions_an_hour: usize::MAX,
            removals_an_hour: usize::MAX,
            removals_a_plan: usize::MAX,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rounds: Self::ROUNDS,
            actions_an_hour: Self::ACTIONS_AN_HOUR,
            removals_an_hour: Self::REMOVALS_AN_HOUR,
            removals_a_plan: Self::REMOVALS_A_PLAN,
            flapping_repairs: Self::FLAPPING_REPAIRS,
            flapping_window: Self::FLAPPING_WINDOW,
            flapping_pace: Self::FLAPPING_PACE,
        }
    }
}
