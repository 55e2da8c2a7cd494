//! What a control brings along to be put through every scenario.

use jiff::Timestamp;
use reconciler::{Apply, Locate, Observe, Stacks};
use serde_json::Value;
use std::borrow::Borrow;
use topology::Control;
use twin::{Twin, World};

/// One control with its model of AWS.
pub(crate) trait Subject: Sized + 'static {
    /// The control.
    type Control: Control;
    /// The part of AWS that it lives on, as a value.
    type Model: World;
    /// `Twin<Self::Model>`, with what the control asks of it.
    type Cloud: Observe<Self::Control>
        + Apply<Self::Control>
        + Locate
        + Stacks
        + From<Twin<Self::Model>>
        + Borrow<Twin<Self::Model>>;

    /// A topology called `shop` with one VPC called `main`.
    fn document(mode: &str) -> String;
    /// What its stack makes, in the account and Region of the scenarios, with a tagged VPC. Plumbline has not looked yet.
    fn model() -> Self::Model;
    /// The ways in which it is broken. The first one is mended by one call, and at once.
    fn ways() -> Vec<Way<Self::Model>>;
    /// What must be so, without ids: equal when nothing is missing, doubled or left over.
    fn picture(model: &Self::Model) -> Vec<String>;
    /// What AWS does in the meantime.
    fn tick(_: &mut Self::Model, _: Timestamp) {}
    /// Marks everything as a CloudFormation stack's.
    fn owned(model: &mut Self::Model, stack: &str);
}

/// Somebody changes something.
pub(crate) struct Way<M> {
    /// For a failing test.
    pub(crate) name: &'static str,
    /// Does it; answers what AWS tells of it.
    pub(crate) act: fn(&mut M) -> Vec<Told>,
    /// It opens the network, so that neither limits nor stacks hold its repair.
    pub(crate) exposes: bool,
    /// Traffic is cut: a stack that is changing does not hold that.
    pub(crate) cuts: bool,
    /// The picture that it leads to when it is no drift but news; nothing: as before.
    pub(crate) adds: &'static [&'static str],
    /// What others break hangs on it: nothing is broken beside it.
    pub(crate) alone: bool,
}

impl<M> Way<M> {
    /// A drift that exposes nothing.
    pub(crate) fn new(name: &'static str, act: fn(&mut M) -> Vec<Told>) -> Self {
        Self { name, act, exposes: false, cuts: false, adds: &[], alone: false }
    }
}

/// What AWS tells.
pub(crate) enum Told {
    /// CloudTrail: the service, the operation, and what it writes of request and answer.
    Call(&'static str, &'static str, Value, Value),
    /// An SNS notice: text that nobody has described.
    Notice(String),
}
