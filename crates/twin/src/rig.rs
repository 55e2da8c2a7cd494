//! A model of one account and Region behind the loop's ports: shareable, with a journal of calls and with faults on order. Each
//! control brings its own model ([`World`]) and what observing and applying mean on it; the rest is here, once.

use crate::dice::Dice;
use crate::ec2::Vpc;
use crate::ec2_control::STACK_TAG;
use reconciler::{Candidate, Fault, FaultClass, Locate, StackStatus, Stacks};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use topology::{Place, Receipt, ResourceId, Seen, StackId, Topology, TopologyId, VpcId, VpcName};

/// What the ports need of a model. A value: a clone is a state that was.
pub trait World: Clone + Send + 'static {
    /// Where it is.
    fn place(&self) -> &Place;
    /// Its VPCs.
    fn vpcs(&self) -> &BTreeMap<VpcId, Vpc>;
    /// The describe that finds ids of this kind, and the VPC of the resource if it is there. `None`: not a kind that the model has.
    fn find(&self, id: &ResourceId) -> Option<(&'static str, Option<VpcId>)>;
}

/// A shared model. Clones are the same one.
pub struct Twin<S> {
    inner: Arc<Mutex<Inner<S>>>,
}

impl<S> Clone for Twin<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

pub(crate) struct Inner<S> {
    pub(crate) now: S,
    /// What describes still see, and for how many more of them.
    stale: Option<(S, usize)>,
    /// How many describes the next change stays unseen for.
    lag: usize,
    stacks: BTreeMap<StackId, StackStatus>,
    pub(crate) journal: Vec<Call>,
    ordered: VecDeque<Order<S>>,
    weather: Option<Dice>,
    /// Resources whose place was read before: an adapter keeps it.
    pub(crate) known: BTreeSet<ResourceId>,
}

/// One API call that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The operation, such as `AuthorizeSecurityGroupIngress`.
    pub operation: String,
    /// What it was about, when it was one thing.
    pub resource: Option<ResourceId>,
    /// How many parts it changed: rules of a group, for one.
    pub rules: usize,
    /// The error code or message when it failed.
    pub error: Option<String>,
}

impl Call {
    /// Whether it could change anything.
    pub fn is_write(&self) -> bool {
        !["Describe", "Get", "List"].iter().any(|reading| self.operation.starts_with(reading))
    }
}

struct Order<S> {
    operation: String,
    skip: usize,
    what: Interference<S>,
}

impl<S> Order<S> {
    /// One operation by its name, or those that begin with what stands before a `*`.
    fn is_about(&self, operation: &str) -> bool {
        match self.operation.strip_suffix('*') {
            Some(begins) => operation.starts_with(begins),
            None => operation == self.operation,
        }
    }
}

enum Interference<S> {
    Fail(Fault),
    Lose,
    Before(Box<dyn FnOnce(&mut S) + Send>),
}

impl<S: Clone> Twin<S> {
    /// Shares a state.
    pub fn new(state: S) -> Self {
        let inner = Inner {
            now: state,
            stale: None,
            lag: 0,
            stacks: BTreeMap::new(),
            journal: vec![],
            ordered: VecDeque::new(),
            weather: None,
            known: BTreeSet::new(),
        };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner<S>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The true state now.
    pub fn state(&self) -> S {
        self.lock().now.clone()
    }

    /// Changes the state from outside, as another client would: not in the journal, seen at once.
    pub fn outside<T>(&self, change: impl FnOnce(&mut S) -> T) -> T {
        change(&mut self.lock().now)
    }

    /// The calls made so far, oldest first.
    pub fn journal(&self) -> Vec<Call> {
        self.lock().journal.clone()
    }

    /// The calls made since the last time this was asked.
    pub fn take_journal(&self) -> Vec<Call> {
        std::mem::take(&mut self.lock().journal)
    }

    /// Makes a call fail before it takes effect: the next one of `operation` (`*` at its end stands for any rest), after `skip` such calls.
    pub fn fail(&self, operation: &str, skip: usize, fault: Fault) {
        self.order(operation, skip, Interference::Fail(fault));
    }

    /// Lets a call take effect and loses its answer: the caller sees a time-out.
    pub fn lose_response(&self, operation: &str, skip: usize) {
        self.order(operation, skip, Interference::Lose);
    }

    /// Lets somebody else act right before a call.
    pub fn before(&self, operation: &str, skip: usize, act: impl FnOnce(&mut S) + Send + 'static) {
        self.order(operation, skip, Interference::Before(Box::new(act)));
    }

    /// Lets calls fail by these dice: a describe fails, and of a change every other one takes effect and only its answer is lost.
    /// `None`: no more.
    pub fn weather(&self, dice: Option<Dice>) {
        self.lock().weather = dice;
    }

    fn order(&self, operation: &str, skip: usize, what: Interference<S>) {
        self.lock().ordered.push_back(Order { operation: operation.into(), skip, what });
    }

    /// Eventual consistency: whatever is changed through the ports from here on stays unseen for so many observations.
    pub fn lag(&self, observations: usize) {
        self.lock().lag = observations;
    }

    /// Says what a CloudFormation stack is doing; `None` deletes it.
    pub fn stack(&self, id: impl Into<StackId>, status: Option<StackStatus>) {
        let mut inner = self.lock();
        match status {
            Some(status) => inner.stacks.insert(id.into(), status),
            None => inner.stacks.remove(&id.into()),
        };
    }
}

impl<S: Clone> Inner<S> {
    /// Journals a call, after whatever was ordered for it. `Ok(true)`: make it, but lose the answer.
    pub(crate) fn call(&mut self, operation: &str, resource: Option<&ResourceId>, rules: usize) -> Result<bool, Fault> {
        let mut call = Call { operation: operation.into(), resource: resource.cloned(), rules, error: None };
        let mut lost = false;
        let mut fault = None;
        let mut kept = VecDeque::new();
        for mut order in std::mem::take(&mut self.ordered) {
            if !order.is_about(operation) {
                kept.push_back(order);
            } else if order.skip > 0 {
                order.skip -= 1;
                kept.push_back(order);
            } else {
                match order.what {
                    Interference::Before(act) => act(&mut self.now),
                    Interference::Lose => lost = true,
                    Interference::Fail(new) if fault.is_none() => fault = Some(new),
                    what @ Interference::Fail(_) => kept.push_back(Order { what, ..order }),
                }
            }
        }
        self.ordered = kept;
        if self.weather.as_mut().is_some_and(Dice::fall) {
            match call.is_write() && self.weather.as_mut().is_some_and(Dice::odd) {
                true => lost = true,
                false => {
                    fault = fault.or(Some(Fault::new(operation, FaultClass::Retryable, "the connection was reset")))
                }
            }
        }
        call.error = fault.as_ref().map(|fault| fault.code.clone().unwrap_or_else(|| fault.message.clone()));
        self.journal.push(call);
        fault.map_or(Ok(lost), Err)
    }

    /// What a describe sees.
    pub(crate) fn seen(&mut self) -> S {
        match self.stale.take() {
            Some((then, left)) if left > 0 => {
                self.stale = Some((then.clone(), left - 1));
                then
            }
            _ => self.now.clone(),
        }
    }

    /// Makes a change whose call was let through. `lost`: it takes effect, and the caller sees a reset connection.
    pub(crate) fn change<E>(
        &mut self,
        operation: &str,
        lost: bool,
        change: impl FnOnce(&mut S) -> Result<Receipt, E>,
    ) -> Result<Result<Receipt, Fault>, E> {
        let before = self.now.clone();
        let receipt = change(&mut self.now)?;
        if self.lag > 0 && self.stale.as_ref().is_none_or(|(_, left)| *left == 0) {
            self.stale = Some((before, self.lag));
        }
        Ok(if lost {
            Err(Fault::new(operation, FaultClass::Retryable, "the connection was reset"))
        } else {
            Ok(Receipt { request_id: Some(format!("request-{}", self.journal.len())), ..receipt })
        })
    }

    /// Notes in the journal that the last call was refused.
    pub(crate) fn refused(&mut self, code: &str) {
        if let Some(call) = self.journal.last_mut() {
            call.error = Some(code.to_owned());
        }
    }
}

/// The tag by which CloudFormation says as what a stack holds something.
pub const LOGICAL_ID_TAG: &str = "aws:cloudformation:logical-id";

fn stack_of(vpc: &Vpc) -> Option<StackId> {
    vpc.tags.get(STACK_TAG).map(|stack| stack.as_str().into())
}

/// The model is one place; a call for another one goes nowhere.
pub(crate) fn elsewhere(state: &impl World, place: &Place, operation: &str) -> Result<(), Fault> {
    if state.place() == place {
        return Ok(());
    }
    Err(Fault::new(operation, FaultClass::Terminal, format!("this is {}, not {place}", state.place())))
}

impl<S: World> Locate for Twin<S> {
    async fn locate(
        &self,
        place: &Place,
        ids: &BTreeSet<ResourceId>,
    ) -> Result<BTreeMap<ResourceId, Seen<VpcId>>, Fault> {
        let mut inner = self.lock();
        elsewhere(&inner.now, place, "Describe")?;
        let mut answer = BTreeMap::new();
        let mut asked = BTreeSet::new();
        for id in ids {
            let vpc = VpcId::new(id.as_str());
            if id.as_str().starts_with("vpc-") {
                let seen = inner.now.vpcs().contains_key(&vpc).then_some(vpc);
                answer.insert(id.clone(), seen.map_or(Seen::Absent, Seen::Present));
                continue;
            }
            let Some((describe, _)) = inner.now.find(id) else { continue };
            if !inner.known.contains(id) && asked.insert(describe) {
                inner.call(describe, None, 0)?;
            }
            // Somebody may have acted right before that call.
            let home = inner.now.find(id).and_then(|(_, home)| home);
            if home.is_some() {
                inner.known.insert(id.clone());
            }
            answer.insert(id.clone(), home.map_or(Seen::Absent, Seen::Present));
        }
        Ok(answer)
    }

    async fn candidates(
        &self,
        place: &Place,
        topology: &Topology,
        pinned: &BTreeSet<VpcId>,
    ) -> Result<Vec<Candidate>, Fault> {
        let mut inner = self.lock();
        elsewhere(&inner.now, place, "DescribeVpcs")?;
        inner.call("DescribeVpcs", None, 0)?;
        let named: BTreeSet<&VpcId> = topology.vpcs.values().filter_map(|vpc| vpc.id.as_ref()).collect();
        let all = inner.now.vpcs().iter().map(|(id, vpc)| {
            let claim = |key: &str| vpc.tags.get(key).map(String::as_str);
            let claims = claim("plumbline:topology").zip(claim("plumbline:vpc"));
            let claims = claims.map(|(topology, name)| (TopologyId::new(topology), VpcName::new(name)));
            let of = |(_, declared): &(&VpcName, &topology::Vpc)| {
                declared.stack.as_ref().is_some_and(|of| {
                    stack_of(vpc).is_some_and(|stack| stack.stack_name() == of.stack.as_str())
                        && vpc.tags.get(LOGICAL_ID_TAG).map(String::as_str) == Some(of.logical_id.as_str())
                })
            };
            let of_stack = topology.vpcs.iter().filter(of).map(|(name, _)| name.clone()).collect();
            Candidate { vpc: id.clone(), cidr: vpc.cidr.to_string(), claims, stack: stack_of(vpc), of_stack }
        });
        let ours =
            |candidate: &Candidate| candidate.claims.as_ref().is_some_and(|(claimed, _)| *claimed == topology.id);
        let meant = |it: &Candidate| !it.of_stack.is_empty() || named.contains(&it.vpc) || pinned.contains(&it.vpc);
        let found: Vec<Candidate> = all.filter(|it| ours(it) || meant(it)).collect();
        for _ in topology.vpcs.values().filter(|vpc| vpc.stack.is_some()) {
            inner.call("DescribeStackResource", None, 0)?;
        }
        Ok(found)
    }
}

impl<S: World> Stacks for Twin<S> {
    async fn status(&self, place: &Place, stack: &StackId) -> Result<Option<StackStatus>, Fault> {
        let mut inner = self.lock();
        elsewhere(&inner.now, place, "DescribeStacks")?;
        inner.call("DescribeStacks", None, 0)?;
        Ok(inner.stacks.get(stack).cloned())
    }
}
