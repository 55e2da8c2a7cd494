//! Where things are: the VPC of an id that an event named, and the VPCs that may be a topology's.

mod describe;
mod kind;

use crate::errors::fault;
use crate::network::{FILTER_VALUES, Network, all, filter, stack, tags};
use aws_sdk_ec2::types::{Filter, Vpc};
use kind::Kind;
use reconciler::{Candidate, Fault, Locate};
use std::collections::{BTreeMap, BTreeSet};
use topology::{Place, ResourceId, Seen, Topology, VpcId};

/// The tags by which `plumb render` marks a VPC.
const TOPOLOGY_TAG: &str = "plumbline:topology";
const VPC_TAG: &str = "plumbline:vpc";

impl Locate for Network {
    async fn locate(
        &self,
        place: &Place,
        ids: &BTreeSet<ResourceId>,
    ) -> Result<BTreeMap<ResourceId, Seen<VpcId>>, Fault> {
        let mut found = BTreeMap::new();
        let mut asked: BTreeMap<Kind, Vec<&str>> = BTreeMap::new();
        for id in ids {
            if id.as_str().starts_with("vpc-") {
                // Whether it exists is for whoever binds it to find out.
                found.insert(id.clone(), Seen::Present(VpcId::from(id.as_str())));
            } else if let Some(vpc) = self.groups.vpc(place, id) {
                found.insert(id.clone(), Seen::Present(vpc));
            } else if let Some(kind) =
                Kind::of(id.as_str(), self.control).filter(|kind| Kind::located_by(self.control).contains(kind))
            {
                asked.entry(kind).or_default().push(id.as_str());
            }
        }
        let answers = all(asked.iter().map(|(kind, ids)| self.whereabouts(place, *kind, ids)).collect()).await?;
        for (ids, mut whereabouts) in asked.values().zip(answers) {
            for id in ids.iter().copied() {
                match whereabouts.remove(id) {
                    Some(Some(vpc)) => _ = found.insert(id.into(), Seen::Present(vpc)),
                    // It exists, and that is all that anyone can say: left out.
                    Some(None) => {}
                    None => _ = found.insert(id.into(), Seen::Absent),
                }
            }
        }
        Ok(found)
    }

    async fn candidates(
        &self,
        place: &Place,
        topology: &Topology,
        pinned: &BTreeSet<VpcId>,
    ) -> Result<Vec<Candidate>, Fault> {
        let claimed = filter(&format!("tag:{TOPOLOGY_TAG}"), [topology.id.as_str()]);
        let mut found = self.describe_vpcs(place, claimed).await?;
        let mut named: BTreeSet<&VpcId> =
            topology.vpcs.values().filter_map(|vpc| vpc.id.as_ref()).chain(pinned).collect();
        // What the tags already brought need not be described again.
        for claimed in &found {
            named.remove(&claimed.vpc);
        }
        let named: Vec<&str> = named.into_iter().map(VpcId::as_str).collect();
        for chunk in named.chunks(FILTER_VALUES) {
            found.extend(self.describe_vpcs(place, filter("vpc-id", chunk.iter().copied())).await?);
        }
        self.of_stacks(place, topology, &mut found).await?;
        Ok(found)
    }
}

impl Network {
    /// Asks CloudFormation for each VPC that the document names by a stack's resource: that one is found whatever its tags say.
    async fn of_stacks(&self, place: &Place, topology: &Topology, found: &mut Vec<Candidate>) -> Result<(), Fault> {
        for (name, of) in topology.vpcs.iter().filter_map(|(name, vpc)| Some((name, vpc.stack.as_ref()?))) {
            let Some((stack, vpc)) = self.stack_resource(place, of).await? else { continue };
            if !found.iter().any(|candidate| candidate.vpc == vpc) {
                found.extend(self.describe_vpcs(place, filter("vpc-id", [vpc.as_str()])).await?);
            }
            if let Some(candidate) = found.iter_mut().find(|candidate| candidate.vpc == vpc) {
                candidate.stack = Some(stack);
                candidate.of_stack.insert(name.clone());
            }
        }
        Ok(())
    }

    async fn describe_vpcs(&self, place: &Place, by: Filter) -> Result<Vec<Candidate>, Fault> {
        let ec2 = self.clients.regional(place)?.ec2;
        let mut found = vec![];
        let mut pages = ec2.describe_vpcs().filters(by).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault("DescribeVpcs", &error))?;
            found.extend(page.vpcs().iter().filter_map(candidate));
        }
        Ok(found)
    }
}

fn candidate(vpc: &Vpc) -> Option<Candidate> {
    let tags = tags(vpc.tags());
    let claims = tags.get(TOPOLOGY_TAG).zip(tags.get(VPC_TAG));
    Some(Candidate {
        vpc: vpc.vpc_id()?.into(),
        cidr: vpc.cidr_block().unwrap_or_default().into(),
        claims: claims.map(|(topology, name)| (topology.as_str().into(), name.as_str().into())),
        stack: stack(&tags),
        of_stack: BTreeSet::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::Tag;

    #[test]
    fn a_claim_needs_both_tags() {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let vpc = Vpc::builder().vpc_id("vpc-1").cidr_block("10.0.0.0/16").tags(tag(TOPOLOGY_TAG, "three-tier"));
        assert_eq!(candidate(&vpc.clone().build()).unwrap().claims, None);
        let found = candidate(&vpc.tags(tag(VPC_TAG, "main")).build()).unwrap();
        assert_eq!(found.claims, Some(("three-tier".into(), "main".into())));
        assert_eq!((found.vpc.as_str(), found.cidr.as_str()), ("vpc-1", "10.0.0.0/16"));
    }
}
