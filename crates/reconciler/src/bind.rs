//! Which VPC is which: pinned once, and then trusted more than any tag.
//!
//! Architecture invariant: a tag finds a VPC the first time and never moves it afterwards. Whoever can create or delete tags can
//! neither turn enforcement towards another VPC nor switch it off.

use crate::{Binding, Bindings, Bound, Candidate, Fault, Ledger, LedgerRead, Locate, Pinned};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use topology::network::StackResource;
use topology::network::State;
use topology::{Held, Place, StackId, Topology, TopologyId, Vpc, VpcId, VpcName};

/// The VPCs of a topology, as far as they are certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binds {
    /// What may be observed, and enforced once `pins` are written.
    pub bound: Bound,
    /// Found, but not pinned yet. Only an enforce run writes them.
    pub pins: Vec<(VpcName, Binding)>,
    /// Pinned before it was known which stack the VPC belongs to: the same pin, with the stack.
    pub learned: Vec<(VpcName, Binding)>,
    /// What is not certain, each with the reason.
    pub held: Vec<Held>,
    /// Pinned VPCs of a retired topology that are gone, as they shall be. Only an enforce run forgets them.
    pub gone: Vec<(VpcName, Binding)>,
}

/// VPCs that other documents name by their ids, each with whose it is there.
pub type Named = BTreeMap<VpcId, (TopologyId, VpcName)>;

/// Finds the VPCs of a topology. `verify`: ask AWS even if every VPC is pinned (a sweep, a by-hand run); a hinted run trusts the pin.
pub async fn bind(
    place: &Place,
    topology: &Topology,
    others: &Named,
    verify: bool,
    locate: &impl Locate,
    ledger: &impl LedgerRead,
    now: Timestamp,
) -> Result<Binds, Fault> {
    let pinned = ledger.bindings(place, &topology.id).await?;
    let certain = topology.vpcs.iter().all(|(name, vpc)| pinned.get(name).is_some_and(|pin| agrees(pin, vpc)));
    // A network that is coming to its end is gone at any moment, and its pin with it.
    if certain && !verify && topology.state == State::Active {
        let vpcs =
            topology.vpcs.keys().filter_map(|name| Some((name.clone(), pinned.get(name)?.vpc.clone()))).collect();
        let bound = Bound { place: place.clone(), topology: topology.id.clone(), vpcs };
        return Ok(Binds { bound, pins: vec![], learned: vec![], held: vec![], gone: vec![] });
    }
    let ids: BTreeSet<VpcId> = pinned.values().map(|pin| pin.vpc.clone()).collect();
    let candidates = locate.candidates(place, topology, &ids).await?;
    let mut holders = BTreeMap::new();
    for candidate in &candidates {
        if let Some(holder) = ledger.holder(place, &candidate.vpc).await? {
            holders.insert(candidate.vpc.clone(), holder);
        }
    }
    Ok(decide(place, topology, others, &pinned, &candidates, &holders, now))
}

/// Writes what [`bind`] found. A pin that somebody else took meanwhile unbinds the VPC and says so.
pub async fn pin(binds: &mut Binds, ledger: &impl Ledger) -> Result<(), Fault> {
    for (name, binding) in std::mem::take(&mut binds.learned) {
        // Whoever moved the pin meanwhile was a person, and what they chose is learned of at the next look.
        let Bound { place, topology, .. } = &binds.bound;
        let pinned = ledger.bindings(place, topology).await?;
        if pinned.get(&name).is_some_and(|pin| pin.vpc == binding.vpc && pin.stack.is_none()) {
            ledger.pin(place, topology, &name, &binding, true).await?;
        }
    }
    for (name, binding) in &binds.gone {
        tracing::info!(topology = %binds.bound.topology, %name, vpc = %binding.vpc, "retired, and gone: forgotten");
        ledger.unpin(&binds.bound.place, &binds.bound.topology, name, binding).await?;
    }
    for (name, binding) in std::mem::take(&mut binds.pins) {
        let Bound { place, topology, vpcs } = &mut binds.bound;
        let taken = match ledger.pin(place, topology, &name, &binding, false).await? {
            Pinned::Yes => continue,
            Pinned::NameTaken(other) => format!("{name} is bound to {} meanwhile", other.vpc),
            Pinned::VpcTaken(other, as_name) => claimed_twice(&binding.vpc, topology, &name, &other, &as_name),
        };
        vpcs.remove(&name);
        let held =
            note(place, topology, &name, Some(&binding.vpc), taken, rebind_command(topology, &name, &binding.vpc));
        binds.held.push(held);
    }
    Ok(())
}

fn agrees(pin: &Binding, declared: &Vpc) -> bool {
    pin.cidr == declared.cidr.to_string()
        && declared.id.as_ref().is_none_or(|id| *id == pin.vpc)
        && declared.stack.as_ref().is_none_or(|of| pinned_by(pin, of))
}

/// Whether the pinned stack may be the one that the document names. Which of its lives it is, only AWS can tell.
fn pinned_by(pin: &Binding, of: &StackResource) -> bool {
    pin.stack.as_ref().is_some_and(|stack| stack.stack_name() == of.stack.as_str())
}

/// The whole decision, without asking anybody.
pub(crate) fn decide(
    place: &Place,
    topology: &Topology,
    others: &Named,
    pinned: &Bindings,
    candidates: &[Candidate],
    holders: &BTreeMap<VpcId, (TopologyId, VpcName)>,
    now: Timestamp,
) -> Binds {
    let id = &topology.id;
    let mut binds = Binds {
        bound: Bound { place: place.clone(), topology: id.clone(), vpcs: BTreeMap::new() },
        pins: vec![],
        learned: vec![],
        held: vec![],
        gone: vec![],
    };
    let retired = topology.state == State::Retired;
    for (name, declared) in &topology.vpcs {
        let claiming: Vec<&Candidate> = candidates.iter().filter(|c| claims(c, id, name, declared)).collect();
        let found = match pinned.get(name) {
            // The end of a retired network is no surprise: its VPC is gone, and nobody claims to be it.
            Some(pin) if retired && claiming.is_empty() && !candidates.iter().any(|c| c.vpc == pin.vpc) => {
                binds.gone.push((name.clone(), pin.clone()));
                continue;
            }
            None if retired && claiming.is_empty() => continue,
            Some(pin) => keep(name, pin, declared, candidates).map(|stack| {
                if let Some(stack) = stack {
                    binds.learned.push((name.clone(), Binding { stack: Some(stack), ..pin.clone() }));
                }
                for other in claiming.iter().filter(|candidate| candidate.vpc != pin.vpc) {
                    let why = format!(
                        "{} also claims to be {name} of {id}; {}, which is bound, stays enforced and {0} is not touched",
                        other.vpc, pin.vpc
                    );
                    let choose = rebind_command(id, name, &other.vpc);
                    let remedy = match &declared.stack {
                        Some(of) => format!("let the document name the stack of {}, and not {of}, or {choose}", pin.vpc),
                        None => format!(
                            "remove the tags plumbline:topology and plumbline:vpc from {}, or {choose}",
                            other.vpc
                        ),
                    };
                    binds.held.push(note(place, id, name, Some(&other.vpc), why, remedy));
                }
                pin.vpc.clone()
            }),
            None => find(id, name, declared, others, &claiming, holders).map(|found| {
                let Candidate { vpc, cidr, stack, claims: _, of_stack: _ } = found;
                let binding = Binding { vpc: vpc.clone(), cidr: cidr.clone(), stack: stack.clone(), at: now };
                binds.pins.push((name.clone(), binding));
                vpc.clone()
            }),
        };
        match found {
            Ok(vpc) => _ = binds.bound.vpcs.insert(name.clone(), vpc),
            Err((vpc, why, remedy)) => binds.held.push(note(place, id, name, vpc.as_ref(), why, remedy)),
        }
    }
    binds
}

type Refusal = (Option<VpcId>, String, String);

/// A pinned VPC, as long as it is there and is what was pinned. Answers its stack where that was not pinned with it.
fn keep(name: &VpcName, pin: &Binding, declared: &Vpc, candidates: &[Candidate]) -> Result<Option<StackId>, Refusal> {
    let remedy = |to: &str| {
        format!(r#"if that is meant: {{"rebind":{{"topology":"…","vpc":"{name}","to":"{to}","reason":"…"}}}}"#)
    };
    if let Some(id) = declared.id.as_ref().filter(|id| **id != pin.vpc) {
        let why = format!("the document now names {id}, but {name} is bound to {}", pin.vpc);
        return Err((Some(pin.vpc.clone()), why, remedy(id.as_str())));
    }
    if pin.cidr != declared.cidr.to_string() {
        let why = format!("{name} is bound to {} with {}, but {} is declared", pin.vpc, pin.cidr, declared.cidr);
        return Err((Some(pin.vpc.clone()), why, remedy(pin.vpc.as_str())));
    }
    if let (Some(of), Some(stack)) = (&declared.stack, &pin.stack)
        && !pinned_by(pin, of)
    {
        let why = format!("the document now names {of}, but {name} is bound to {} of {stack}", pin.vpc);
        return Err((Some(pin.vpc.clone()), why, remedy(pin.vpc.as_str())));
    }
    match candidates.iter().find(|candidate| candidate.vpc == pin.vpc) {
        None => {
            Err((Some(pin.vpc.clone()), format!("{}, which {name} is bound to, is gone", pin.vpc), remedy("vpc-…")))
        }
        Some(candidate) if candidate.cidr != pin.cidr => {
            let why = format!("{} now has {}, but was bound with {}", pin.vpc, candidate.cidr, pin.cidr);
            Err((Some(pin.vpc.clone()), why, remedy(pin.vpc.as_str())))
        }
        Some(candidate) => match (&pin.stack, &candidate.stack) {
            // A stack that was deleted and made again under its name is another stack, and so is one that took the VPC over.
            (Some(pinned), Some(now)) if pinned != now => {
                let why = format!("{} now belongs to {now}, but was bound as a resource of {pinned}", pin.vpc);
                Err((Some(pin.vpc.clone()), why, remedy(pin.vpc.as_str())))
            }
            (None, Some(now)) => Ok(Some(now.clone())),
            // No stack holds it any more, and it is the same VPC in the same place: enforced as before.
            (None | Some(_), None | Some(_)) => Ok(None),
        },
    }
}

/// An unpinned VPC: exactly one that claims the name and has the declared range.
fn find<'a>(
    id: &TopologyId,
    name: &VpcName,
    declared: &Vpc,
    others: &Named,
    claiming: &[&'a Candidate],
    holders: &BTreeMap<VpcId, (TopologyId, VpcName)>,
) -> Result<&'a Candidate, Refusal> {
    let range = declared.cidr.to_string();
    let (fitting, other): (Vec<&Candidate>, Vec<&Candidate>) = claiming.iter().partition(|c| c.cidr == range);
    match fitting.as_slice() {
        [] => {
            let why = match other.first() {
                None => match &declared.stack {
                    Some(of) => format!("there is no VPC {of}"),
                    None => format!("no VPC is tagged plumbline:topology={id} and plumbline:vpc={name}"),
                },
                Some(candidate) => {
                    format!("{} claims to be {name}, but has {}, not {range}", candidate.vpc, candidate.cidr)
                }
            };
            let remedy = match &declared.stack {
                Some(of) => format!("deploy the stack {}, or correct `stack:` in the document", of.stack),
                None => "deploy the rendered template, tag the VPC, or correct the document".to_owned(),
            };
            Err((other.first().map(|candidate| candidate.vpc.clone()), why, remedy))
        }
        [only] => match holders.get(&only.vpc).filter(|(holder, as_name)| (holder, as_name) != (id, name)) {
            None => match rival(id, name, only, others) {
                None => Ok(*only),
                Some((rival, as_name)) => {
                    let why = format!(
                        "{} is claimed as {as_name} of {rival} and as {name} of {id}, one by its tags and one by its id or stack: it is \
                         bound to neither",
                        only.vpc
                    );
                    let remedy = format!(
                        "let one document declare it: correct the tags plumbline:topology and plumbline:vpc of {0}, or `id: {0}` or \
                         `stack:` in a document",
                        only.vpc
                    );
                    Err((Some(only.vpc.clone()), why, remedy))
                }
            },
            Some((holder, as_name)) => {
                let remedy = "let only one document declare this VPC".to_owned();
                Err((Some(only.vpc.clone()), claimed_twice(&only.vpc, id, name, holder, as_name), remedy))
            }
        },
        several => {
            let ids: Vec<&str> = several.iter().map(|candidate| candidate.vpc.as_str()).collect();
            let why = format!("{} all claim to be {name} of {id} with {range}", ids.join(" and "));
            Err((None, why, rebind_command(id, name, &several.first().map_or("vpc-…".into(), |c| c.vpc.clone()))))
        }
    }
}

/// Who else claims a VPC that nobody is bound to: whom its tags name, where a document names it by id, and the other way round.
fn rival<'a>(
    id: &TopologyId,
    name: &VpcName,
    candidate: &'a Candidate,
    others: &'a Named,
) -> Option<(&'a TopologyId, &'a VpcName)> {
    let tagged = candidate.claims.as_ref().filter(|(topology, vpc)| (topology, vpc) != (id, name));
    tagged.or_else(|| others.get(&candidate.vpc)).map(|(topology, vpc)| (topology, vpc))
}

fn claims(candidate: &Candidate, id: &TopologyId, name: &VpcName, declared: &Vpc) -> bool {
    match (&declared.id, &declared.stack) {
        (Some(vpc), _) => candidate.vpc == *vpc,
        (None, Some(_)) => candidate.of_stack.contains(name),
        (None, None) => candidate.claims.as_ref().is_some_and(|(topology, vpc)| topology == id && vpc == name),
    }
}

fn claimed_twice(vpc: &VpcId, id: &TopologyId, name: &VpcName, holder: &TopologyId, as_name: &VpcName) -> String {
    format!("{vpc} is {as_name} of {holder} already, and {id} claims it as {name}")
}

fn rebind_command(id: &TopologyId, name: &VpcName, to: &VpcId) -> String {
    format!(r#"choose one: {{"rebind":{{"topology":"{id}","vpc":"{name}","to":"{to}","reason":"…"}}}}"#)
}

fn note(place: &Place, id: &TopologyId, name: &VpcName, vpc: Option<&VpcId>, why: String, remedy: String) -> Held {
    let resource = vpc.map_or_else(|| format!("{id}/{name}"), |vpc| vpc.to_string());
    Held { resource: place.key(resource), name: name.to_string(), why, remedy }
}
