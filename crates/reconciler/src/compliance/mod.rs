//! A custom rule of AWS Config: each resource against its topology, by the plans that enforcement goes by.
//!
//! Architecture invariant: there is no second diff. A resource is what the controls' own drifts say of it; what could not be seen is
//! left as it stood, and the invocation fails, so that it is asked again.

mod inspect;
mod invocation;
mod kinds;
mod verdict;

pub use inspect::{Inspect, Look, Sight, inspect};
pub use kinds::{ConfigType, When};
pub use verdict::{Compliance, Evaluation};

use crate::{Clock, Error, Fault, FaultClass, Run, Served};
use invocation::{Asked, Invocation};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::future::Future;
use topology::{ControlId, Place, ResourceId, Topology, TopologyId, Unseen};
use verdict::{Case, Verdict, absent, cases};

/// AWS Config, as far as a rule's function talks to it.
pub trait Evaluations: Sync {
    /// Hands evaluations in, in as many calls as it takes; what AWS Config does not take is handed in again. `test`: they are checked,
    /// and not recorded.
    fn put(
        &self,
        token: &str,
        test: bool,
        evaluations: &[Evaluation],
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// The types and ids of what the rule last called compliant or not.
    fn standing(&self, rule: &str) -> impl Future<Output = Result<BTreeSet<(String, ResourceId)>, Fault>> + Send;
}

/// What was handed in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evaluated {
    /// How many resources are as declared.
    pub compliant: usize,
    /// How many are not.
    pub non_compliant: usize,
    /// To how many nothing applies.
    pub not_applicable: usize,
    /// The first of those that are not as declared, or all that were evaluated when only few were.
    pub evaluations: Vec<Evaluation>,
}

/// An answer is read by a person; all of it is in AWS Config.
const SHOWN: usize = 100;

/// Answers one invocation by AWS Config.
///
/// # Errors
/// When it is not one, when the rule's parameters name what is not served, when AWS Config does not take an evaluation, or when
/// something could not be seen: what could be is handed in all the same.
pub async fn evaluate(
    event: &Value,
    served: &Served,
    eyes: &impl Inspect,
    config: &impl Evaluations,
    clock: &impl Clock,
    run: &Run,
) -> Result<Evaluated, Error> {
    let invocation = invocation::read(event, clock.now())?;
    let serves = |id: &TopologyId| served.topologies.iter().any(|topology| topology.id == *id);
    if let Some(unknown) = invocation.only.iter().find(|id| !serves(id)) {
        let ids: Vec<&str> = served.topologies.iter().map(|topology| topology.id.as_str()).collect();
        let why =
            format!("the parameters of the rule name {unknown}, which is not served here: {} are", ids.join(", "));
        return Err(Error::Refused(why));
    }
    let rule = Rule { invocation: &invocation, served, eyes, config };
    match &invocation.asked {
        Asked::Resource { place, kind, id, gone } => Ok(rule.resource(place, kind, id, *gone).await?),
        Asked::Everything => Ok(rule.everything(clock, run).await?),
    }
}

/// What was seen of one topology.
struct Looked {
    evaluations: Vec<Evaluation>,
    unseen: Option<Unseen>,
    /// See [`Sight`].
    doubtful: bool,
}

struct Rule<'a, I, E> {
    invocation: &'a Invocation,
    served: &'a Served,
    eyes: &'a I,
    config: &'a E,
}

impl<I: Inspect, E: Evaluations> Rule<'_, I, E> {
    async fn resource(
        &self,
        place: &Place,
        kind: &str,
        id: &ResourceId,
        gone: Option<&'static str>,
    ) -> Result<Evaluated, Fault> {
        let known = ConfigType::from_name(kind).filter(|kind| ConfigType::judged().any(|judged| judged == *kind));
        let verdict = match (gone, known) {
            (Some(gone), _) => Some(not_applicable(gone)),
            (None, None) => Some(not_applicable("no control judges this type of resource")),
            (None, Some(kind)) => self.look(place, kind, id).await?,
        };
        let Some(verdict) = verdict else {
            tracing::warn!(%id, "left as it stood: which VPC its topology means is for a person to say");
            return Ok(Evaluated::default());
        };
        match verdict {
            Verdict::Known(Compliance::NotApplicable, _) if gone.is_none() && !self.served.refused.is_empty() => {
                tracing::warn!(%id, "left as it stood: a document that is refused may declare it");
                Ok(Evaluated::default())
            }
            Verdict::Known(compliance, annotation) => {
                self.put(vec![self.evaluation(kind, id, compliance, annotation)]).await
            }
            Verdict::Unknown(unseen) => Err(blind(id.as_str(), &unseen)),
        }
    }

    async fn look(&self, place: &Place, kind: ConfigType, id: &ResourceId) -> Result<Option<Verdict>, Fault> {
        let mut sights = vec![];
        for control in ControlId::ALL.iter().filter(|control| ConfigType::judged_by(**control).contains(&kind)) {
            sights.extend(self.eyes.inspect(*control, Look::Resource { place, id }).await?);
        }
        sights.retain(|sight| self.concerns(&sight.key.topology));
        let case = cases(&sights).remove(id);
        Ok(case.map(Case::verdict).or_else(|| absent(&sights, "no topology declares it")))
    }

    /// Topology by topology, each handed in as soon as it is evaluated: what fails, or for which there is no time, costs no other.
    async fn everything(&self, clock: &impl Clock, run: &Run) -> Result<Evaluated, Fault> {
        let mut evaluated = Evaluated::default();
        let mut seen: BTreeSet<(String, ResourceId)> = BTreeSet::new();
        let mut first: Option<Fault> = None;
        let mut certain = true;
        let concerned = self.served.topologies.iter().filter(|topology| self.concerns(&topology.id));
        for topology in concerned {
            let late = run.deadline.is_some_and(|deadline| clock.now() >= deadline);
            let looked = match late {
                true => {
                    Err(Fault::new("evaluate", FaultClass::Retryable, format!("no time was left for {}", topology.id)))
                }
                false => self.topology(topology).await,
            };
            match looked {
                Ok(Looked { evaluations, unseen, doubtful }) => {
                    certain &= !doubtful;
                    first = first.or_else(|| unseen.map(|unseen| blind(topology.id.as_str(), &unseen)));
                    seen.extend(evaluations.iter().map(|evaluation| (evaluation.kind.clone(), evaluation.id.clone())));
                    match self.put(evaluations).await {
                        Ok(more) => evaluated.add(more),
                        Err(fault) => first = first.or(Some(fault)),
                    }
                }
                Err(fault) => first = first.or(Some(fault)),
            }
        }
        if let Some(fault) = first {
            return Err(fault);
        }
        match certain {
            true => evaluated.add(self.forget(&seen).await?),
            false => tracing::warn!("nothing is taken back: which VPC a topology means is for a person to say"),
        }
        Ok(evaluated)
    }

    async fn topology(&self, topology: &Topology) -> Result<Looked, Fault> {
        let mut sights = vec![];
        for control in ControlId::ALL {
            sights.extend(self.eyes.inspect(*control, Look::Topology(topology)).await?);
        }
        let mut unseen = sights.iter().flat_map(|sight| &sight.blind).next().cloned();
        let mut evaluations = vec![];
        for (id, case) in cases(&sights) {
            let Some(kind) = ConfigType::of(&id) else { continue };
            match case.verdict() {
                Verdict::Known(compliance, annotation) => {
                    evaluations.push(self.evaluation(kind.name(), &id, compliance, annotation));
                }
                Verdict::Unknown(why) => unseen = unseen.or(Some(why)),
            }
        }
        let doubtful = sights.iter().any(|sight| sight.doubtful);
        Ok(Looked { evaluations, unseen, doubtful })
    }

    /// What was evaluated once and is nobody's any more, such as a group that left the document: nothing else would ever say so, for
    /// nothing about the resource itself changes.
    async fn forget(&self, seen: &BTreeSet<(String, ResourceId)>) -> Result<Evaluated, Fault> {
        // What a refused document declares is unknown, not undeclared.
        let certain = self.served.refused.is_empty() && !self.invocation.test;
        let Some(rule) = self.invocation.rule.as_deref().filter(|_| certain) else {
            return Ok(Evaluated::default());
        };
        let standing = self.config.standing(rule).await?;
        let gone = standing.difference(seen).map(|(kind, id)| {
            let why = Some("no topology declares it any more".to_owned());
            self.evaluation(kind, id, Compliance::NotApplicable, why)
        });
        self.put(gone.collect()).await
    }

    async fn put(&self, evaluations: Vec<Evaluation>) -> Result<Evaluated, Fault> {
        let Invocation { token, test, .. } = self.invocation;
        if !evaluations.is_empty() {
            self.config.put(token, *test, &evaluations).await?;
        }
        let mut evaluated = Evaluated::default();
        evaluations.into_iter().for_each(|evaluation| evaluated.count(evaluation));
        Ok(evaluated)
    }

    fn evaluation(
        &self,
        kind: &str,
        id: &ResourceId,
        compliance: Compliance,
        annotation: Option<String>,
    ) -> Evaluation {
        Evaluation { kind: kind.into(), id: id.clone(), compliance, annotation, at: self.invocation.at }
    }

    fn concerns(&self, topology: &TopologyId) -> bool {
        self.invocation.only.is_empty() || self.invocation.only.contains(topology)
    }
}

fn not_applicable(why: &str) -> Verdict {
    Verdict::Known(Compliance::NotApplicable, Some(why.into()))
}

fn blind(what: &str, unseen: &Unseen) -> Fault {
    let (retryable, why) = match unseen {
        Unseen::OutOfScope => (true, "it was not looked at"),
        Unseen::Failed { retryable, why } => (*retryable, why.as_str()),
    };
    let class = if retryable { FaultClass::Retryable } else { FaultClass::Terminal };
    Fault::new("evaluate", class, format!("{what} could not be seen, and nothing is claimed of it: {why}"))
}

impl Evaluated {
    fn count(&mut self, evaluation: Evaluation) {
        match evaluation.compliance {
            Compliance::Compliant => self.compliant += 1,
            Compliance::NonCompliant => self.non_compliant += 1,
            Compliance::NotApplicable => self.not_applicable += 1,
        }
        self.show(evaluation);
    }

    fn add(&mut self, more: Self) {
        let Self { compliant, non_compliant, not_applicable, evaluations } = more;
        self.compliant += compliant;
        self.non_compliant += non_compliant;
        self.not_applicable += not_applicable;
        evaluations.into_iter().for_each(|evaluation| self.show(evaluation));
    }

    fn show(&mut self, evaluation: Evaluation) {
        if self.evaluations.len() < SHOWN {
            self.evaluations.push(evaluation);
        } else if evaluation.compliance == Compliance::NonCompliant {
            let lesser = self.evaluations.iter_mut().rev().find(|one| one.compliance != Compliance::NonCompliant);
            lesser.into_iter().for_each(|one| *one = evaluation.clone());
        }
    }
}
