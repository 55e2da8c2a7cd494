//! Steps in the order in which they are done, whatever the order in which they were thought of.

use super::{Action, Plan, Step};

/// Steps by rank: the least comes first, and of equals the one that was pushed first. Edges are positions in the order of pushing.
#[derive(Clone, Debug)]
pub struct Ranked<R, A> {
    steps: Vec<(R, Step<A>)>,
}

impl<R, A> Default for Ranked<R, A> {
    fn default() -> Self {
        Self { steps: vec![] }
    }
}

impl<R: Ord + Copy, A: Action> Ranked<R, A> {
    /// Appends a step and answers its position, for the edges of others.
    pub fn push(&mut self, rank: R, step: Step<A>) -> usize {
        self.steps.push((rank, step));
        self.steps.len() - 1
    }

    /// What was pushed so far.
    pub fn actions(&self) -> impl Iterator<Item = &A> {
        self.steps.iter().map(|(_, step)| &step.action)
    }

    /// Makes one step depend on another, pushed before it or after it.
    pub fn needs(&mut self, step: usize, other: usize) {
        if let Some((_, step)) = self.steps.get_mut(step)
            && !step.needs.contains(&other)
        {
            step.needs.push(other);
        }
    }

    /// Puts them in one line behind what the plan has already. A step comes after all that it needs, even if its rank says otherwise.
    /// What stands in a circle has no place in any line, and is left to the next look.
    pub fn line_up(self, plan: &mut Plan<A>) {
        let mut left: Vec<(R, usize, Step<A>)> =
            self.steps.into_iter().enumerate().map(|(at, (rank, step))| (rank, at, step)).collect();
        left.sort_by_key(|(rank, at, _)| (*rank, *at));
        let mut places = vec![None; left.len()];
        let place = |places: &[Option<usize>], edge: &usize| places.get(*edge).copied().flatten();
        loop {
            let ready = |(_, _, step): &(R, usize, Step<A>)| {
                step.after.iter().chain(&step.needs).all(|edge| place(&places, edge).is_some())
            };
            let Some(next) = left.iter().position(ready) else { break };
            let (_, at, step) = left.remove(next);
            let moved = |edges: &[usize]| {
                let mut edges: Vec<usize> = edges.iter().filter_map(|edge| place(&places, edge)).collect();
                edges.sort_unstable();
                edges
            };
            let placed = plan.push(Step { after: moved(&step.after), needs: moved(&step.needs), ..step });
            if let Some(slot) = places.get_mut(at) {
                *slot = Some(placed);
            }
        }
        debug_assert!(left.is_empty(), "steps that need each other");
    }
}
