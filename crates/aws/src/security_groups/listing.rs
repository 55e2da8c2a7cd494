//! The describes that an observation is made of. Each reads to the last page or fails.

use super::groups::{GroupFacts, VpcGroups};
use super::mapping::{self, Unreadable};
use crate::errors::{bad_answer, fault};
use crate::network::{FILTER_VALUES, Network, PAGE, filter, stack, tags};
use aws_sdk_ec2::types::SecurityGroup;
use reconciler::Fault;
use std::collections::{BTreeMap, BTreeSet};
use topology::security_groups::ObservedRule;
use topology::{Place, ResourceId, VpcId};

/// A group's rules, or why they cannot be read.
pub(crate) type Rules = Result<Vec<ObservedRule>, Unreadable>;

impl Network {
    /// Every group of these VPCs, remembered for later.
    pub(super) async fn list_groups(
        &self,
        place: &Place,
        vpcs: &BTreeSet<VpcId>,
    ) -> Result<BTreeMap<VpcId, VpcGroups>, Fault> {
        let mut listed: BTreeMap<VpcId, VpcGroups> = vpcs.iter().map(|vpc| (vpc.clone(), VpcGroups::new())).collect();
        for facts in self.describe_groups(place, "vpc-id", vpcs.iter().map(VpcId::as_str)).await? {
            if let Some(groups) = listed.get_mut(&facts.vpc) {
                groups.insert(facts.id.clone(), facts);
            }
        }
        for (vpc, groups) in &listed {
            self.groups.learn(place, vpc, groups.clone());
        }
        Ok(listed)
    }

    /// The groups that match one filter. By filter and not by id: one id that is gone must not fail the whole call.
    pub(crate) async fn describe_groups<'a>(
        &self,
        place: &Place,
        by: &str,
        values: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<GroupFacts>, Fault> {
        const OPERATION: &str = "DescribeSecurityGroups";
        let ec2 = self.clients.regional(place)?.ec2;
        let values: Vec<&str> = values.into_iter().collect();
        let mut found = vec![];
        for chunk in values.chunks(FILTER_VALUES) {
            let request = ec2.describe_security_groups().filters(filter(by, chunk.iter().copied())).max_results(PAGE);
            let mut pages = request.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| fault(OPERATION, &error))?;
                for group in page.security_groups() {
                    found.push(facts(group).ok_or_else(|| bad_answer(OPERATION, "a group without id, name or VPC"))?);
                }
            }
        }
        Ok(found)
    }

    /// The rules of these groups. A group without an entry has no rule, or does not exist: the answer does not tell which.
    pub(super) async fn describe_rules(
        &self,
        place: &Place,
        groups: &BTreeSet<ResourceId>,
    ) -> Result<BTreeMap<ResourceId, Rules>, Fault> {
        const OPERATION: &str = "DescribeSecurityGroupRules";
        let ec2 = self.clients.regional(place)?.ec2;
        let ids: Vec<&str> = groups.iter().map(ResourceId::as_str).collect();
        let mut found: BTreeMap<ResourceId, Rules> = BTreeMap::new();
        for chunk in ids.chunks(FILTER_VALUES) {
            let by = filter("group-id", chunk.iter().copied());
            let mut pages = ec2.describe_security_group_rules().filters(by).max_results(PAGE).into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| fault(OPERATION, &error))?;
                for rule in page.security_group_rules() {
                    let Some(group) = rule.group_id() else {
                        return Err(bad_answer(OPERATION, "a rule without a group"));
                    };
                    let rules = found.entry(group.into()).or_insert_with(|| Ok(vec![]));
                    match (rules.as_mut(), mapping::observed(rule)) {
                        (Ok(rules), Ok(rule)) => rules.push(rule),
                        // A group with one rule that nobody can read is not known: planning on the rest would be guessing.
                        (Ok(_), Err(unreadable)) => *rules = Err(unreadable),
                        (Err(_), _) => {}
                    }
                }
            }
        }
        Ok(found)
    }
}

fn facts(group: &SecurityGroup) -> Option<GroupFacts> {
    let tags = tags(group.tags());
    Some(GroupFacts {
        id: group.group_id()?.into(),
        name: group.group_name()?.into(),
        vpc: group.vpc_id()?.into(),
        stack: stack(&tags),
        tags,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::Tag;

    #[test]
    fn a_group_knows_its_stack_by_the_tag_of_cloudformation() {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let stack = "arn:aws:cloudformation:eu-west-1:111122223333:stack/network/1";
        let group = SecurityGroup::builder()
            .group_id("sg-1")
            .group_name("alb")
            .vpc_id("vpc-1")
            .tags(tag("aws:cloudformation:stack-id", stack))
            .tags(tag("team", "edge"));
        let facts = facts(&group.build()).unwrap();
        assert_eq!(facts.stack, Some(stack.into()));
        assert_eq!(facts.tags["team"], "edge");
        assert_eq!(super::facts(&SecurityGroup::builder().group_id("sg-1").build()), None);
    }
}
