//! The in-memory EC2 behind the loop's ports: shareable, with a journal of calls and with faults on order.

use crate::ec2::{Ec2, Refusal};
use crate::ec2_control::operation;
use reconciler::{Apply, Bound, Candidate, ClientToken, Fault, FaultClass, Locate, Observe, StackStatus, Stacks};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use topology::security_groups::{Change, Desired, Observed, SecurityGroups};
use topology::{Place, Receipt, ResourceId, Scope, Seen, StackId, Topology, TopologyId, Unseen, VpcId, VpcName};

/// A shared in-memory EC2. Clones are the same one.
#[derive(Clone)]
pub struct TwinEc2 {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    now: Ec2,
    /// What describes still see, and for how many more of them.
    stale: Option<(Ec2, usize)>,
    /// How many describes the next change stays unseen for.
    lag: usize,
    stacks: BTreeMap<StackId, StackStatus>,
    journal: Vec<Call>,
    ordered: VecDeque<Order>,
    /// Groups whose name and VPC were read before: an adapter keeps them.
    known: BTreeSet<ResourceId>,
}

/// One API call that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The operation, such as `AuthorizeSecurityGroupIngress`.
    pub operation: String,
    /// The group that it was about, when it was one.
    pub resource: Option<ResourceId>,
    /// How many rules it changed.
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

struct Order {
    operation: String,
    skip: usize,
    what: Interference,
}

enum Interference {
    Fail(Fault),
    Lose,
    Before(Box<dyn FnOnce(&mut Ec2) + Send>),
}

impl TwinEc2 {
    /// Shares a state.
    pub fn new(state: Ec2) -> Self {
        let inner = Inner {
            now: state,
            stale: None,
            lag: 0,
            stacks: BTreeMap::new(),
            journal: vec![],
            ordered: VecDeque::new(),
            known: BTreeSet::new(),
        };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The true state now.
    pub fn state(&self) -> Ec2 {
        self.lock().now.clone()
    }

    /// Changes the state from outside, as another client would: not in the journal, seen at once.
    pub fn outside<T>(&self, change: impl FnOnce(&mut Ec2) -> T) -> T {
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

    /// Makes a call fail before it takes effect: the next one whose operation begins with `operation`, after `skip` such calls.
    pub fn fail(&self, operation: &str, skip: usize, fault: Fault) {
        self.order(operation, skip, Interference::Fail(fault));
    }

    /// Lets a call take effect and loses its answer: the caller sees a time-out.
    pub fn lose_response(&self, operation: &str, skip: usize) {
        self.order(operation, skip, Interference::Lose);
    }

    /// Lets somebody else act right before a call.
    pub fn before(&self, operation: &str, skip: usize, act: impl FnOnce(&mut Ec2) + Send + 'static) {
        self.order(operation, skip, Interference::Before(Box::new(act)));
    }

    fn order(&self, operation: &str, skip: usize, what: Interference) {
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

impl Inner {
    /// Journals a call, after whatever was ordered for it. `Ok(true)`: make it, but lose the answer.
    fn call(&mut self, operation: &str, resource: Option<&ResourceId>, rules: usize) -> Result<bool, Fault> {
        let mut call = Call { operation: operation.into(), resource: resource.cloned(), rules, error: None };
        let mut lost = false;
        let mut fault = None;
        let mut kept = VecDeque::new();
        for mut order in std::mem::take(&mut self.ordered) {
            if !operation.starts_with(&order.operation) {
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
        call.error = fault.as_ref().map(|fault| fault.code.clone().unwrap_or_else(|| fault.message.clone()));
        self.journal.push(call);
        fault.map_or(Ok(lost), Err)
    }

    /// What a describe sees.
    fn seen(&mut self) -> Ec2 {
        match self.stale.take() {
            Some((then, left)) if left > 0 => {
                self.stale = Some((then.clone(), left - 1));
                then
            }
            _ => self.now.clone(),
        }
    }
}

impl Observe<SecurityGroups> for TwinEc2 {
    async fn observe(&self, bound: &Bound, desired: &Desired, scope: &Scope) -> Observed {
        let mut inner = self.lock();
        if let Err(fault) = elsewhere(&inner.now, &bound.place, "DescribeSecurityGroupRules") {
            return unseen(bound, desired, &fault);
        }
        // The ids that were read before need no second look at their groups; a VPC does, and so does a group without rules.
        let warm = match scope {
            Scope::Everything => false,
            Scope::Only(ids) => {
                ids.iter().all(|id| inner.known.contains(id) && inner.now.rules.values().any(|rule| rule.group == *id))
            }
        };
        if !warm && let Err(fault) = inner.call("DescribeSecurityGroups", None, 0) {
            return unseen(bound, desired, &fault);
        }
        if let Err(fault) = inner.call("DescribeSecurityGroupRules", None, 0) {
            return unseen(bound, desired, &fault);
        }
        let known: Vec<ResourceId> = inner.now.groups.keys().cloned().collect();
        inner.known.extend(known);
        inner.seen().observe(&bound.vpcs, desired, scope)
    }
}

fn unseen(bound: &Bound, desired: &Desired, fault: &Fault) -> Observed {
    let failed = Unseen::Failed { retryable: fault.is_retryable(), why: fault.to_string() };
    let bound = desired.vpcs.keys().filter(|name| bound.vpcs.contains_key(*name));
    Observed { vpcs: bound.map(|name| (name.clone(), Seen::Unknown(failed.clone()))).collect() }
}

fn elsewhere(state: &Ec2, place: &Place, operation: &str) -> Result<(), Fault> {
    if state.place() == place {
        return Ok(());
    }
    Err(Fault::new(operation, FaultClass::Terminal, format!("this is {}, not {place}", state.place())))
}

impl Apply<SecurityGroups> for TwinEc2 {
    async fn apply(&self, place: &Place, change: &Change, _: &ClientToken) -> Result<Receipt, Fault> {
        let mut inner = self.lock();
        let operation = operation(change);
        elsewhere(&inner.now, place, &operation)?;
        let lost = inner.call(&operation, Some(&change.group().key.id), change.len())?;
        let before = inner.now.clone();
        match inner.now.apply(change) {
            Ok(receipt) => {
                if inner.lag > 0 && inner.stale.as_ref().is_none_or(|(_, left)| *left == 0) {
                    inner.stale = Some((before, inner.lag));
                }
                if lost {
                    return Err(Fault::new(operation, FaultClass::Retryable, "the connection was reset"));
                }
                Ok(Receipt { request_id: Some(format!("request-{}", inner.journal.len())), ..receipt })
            }
            Err(refusal) => {
                if let Some(call) = inner.journal.last_mut() {
                    call.error = Some(refusal.code.clone());
                }
                // As the AWS adapter does: a lone rule that is there, or gone, already is what was asked for.
                let so_already = match change {
                    Change::Authorize { .. } => refusal.code == "InvalidPermission.Duplicate",
                    Change::Revoke { .. } => refusal.code == "InvalidSecurityGroupRuleId.NotFound",
                    Change::Redescribe { .. } => false,
                };
                if so_already && change.len() == 1 {
                    return Ok(Receipt { already: true, ..Receipt::default() });
                }
                Err(classify(operation, change.len(), refusal))
            }
        }
    }
}

/// As the AWS adapter does: one bad rule among several makes a batch to be split.
fn classify(operation: String, rules: usize, refusal: Refusal) -> Fault {
    let Refusal { code, message } = refusal;
    let one_of_many = [
        "InvalidPermission.Duplicate",
        "InvalidSecurityGroupRuleId.NotFound",
        "InvalidGroup.NotFound",
        "InvalidPrefixListID.NotFound",
        "InvalidParameterValue",
        "RulesPerSecurityGroupLimitExceeded",
    ];
    let batch = rules > 1 && one_of_many.contains(&code.as_str());
    let class = if batch { FaultClass::Batch } else { FaultClass::Terminal };
    let remedy = (code == "RulesPerSecurityGroupLimitExceeded")
        .then(|| "raise the quota of rules per security group, or declare fewer".to_owned());
    Fault { operation, class, code: Some(code), message, remedy }
}

impl Locate for TwinEc2 {
    async fn locate(
        &self,
        place: &Place,
        ids: &BTreeSet<ResourceId>,
    ) -> Result<BTreeMap<ResourceId, Seen<VpcId>>, Fault> {
        let mut inner = self.lock();
        elsewhere(&inner.now, place, "DescribeSecurityGroups")?;
        let groups = ids.iter().filter(|id| id.as_str().starts_with("sg-"));
        if groups.clone().any(|id| !inner.known.contains(id)) {
            inner.call("DescribeSecurityGroups", None, 0)?;
        }
        let found: Vec<ResourceId> = groups.filter(|id| inner.now.groups.contains_key(*id)).cloned().collect();
        inner.known.extend(found);
        let mut answer = BTreeMap::new();
        for id in ids {
            let vpc = VpcId::new(id.as_str());
            let seen = match id.as_str().split_once('-') {
                Some(("sg", _)) => inner.now.groups.get(id).map(|group| group.vpc.clone()),
                Some(("vpc", _)) => inner.now.vpcs.contains_key(&vpc).then_some(vpc),
                _ => continue,
            };
            answer.insert(id.clone(), seen.map_or(Seen::Absent, Seen::Present));
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
        let all = inner.now.vpcs.iter().map(|(id, vpc)| {
            let claim = |key: &str| vpc.tags.get(key).map(String::as_str);
            let claims = claim("plumbline:topology").zip(claim("plumbline:vpc"));
            let claims = claims.map(|(topology, name)| (TopologyId::new(topology), VpcName::new(name)));
            Candidate { vpc: id.clone(), cidr: vpc.cidr.to_string(), claims }
        });
        let ours =
            |candidate: &Candidate| candidate.claims.as_ref().is_some_and(|(claimed, _)| *claimed == topology.id);
        Ok(all.filter(|it| ours(it) || named.contains(&it.vpc) || pinned.contains(&it.vpc)).collect())
    }
}

impl Stacks for TwinEc2 {
    async fn status(&self, place: &Place, stack: &StackId) -> Result<Option<StackStatus>, Fault> {
        let mut inner = self.lock();
        elsewhere(&inner.now, place, "DescribeStacks")?;
        inner.call("DescribeStacks", None, 0)?;
        Ok(inner.stacks.get(stack).cloned())
    }
}
