//! The control's own words on the in-memory EC2: what it observes there, and its changes made.

use crate::ec2::{Ec2, Peer, Permission, Refusal};
use std::collections::{BTreeMap, BTreeSet};
use topology::security_groups::{
    Change, Desired, KnownRule, Observed, ObservedGroup, ObservedPeer, ObservedVpc, RuleSpec, Undeclared,
    UndeclaredGroup,
};
use topology::{Receipt, ResourceId, Scope, Seen, StackId, Unseen, VpcId, VpcName};

/// The tag that CloudFormation puts on what it makes.
pub const STACK_TAG: &str = "aws:cloudformation:stack-id";

impl Ec2 {
    /// A complete and true observation of what the scope covers.
    pub fn observe(&self, vpcs: &BTreeMap<VpcName, VpcId>, desired: &Desired, scope: &Scope) -> Observed {
        let wanted = desired.vpcs.keys().filter_map(|name| Some((name, vpcs.get(name)?)));
        Observed { vpcs: wanted.map(|(name, id)| (name.clone(), self.observe_vpc(name, id, desired, scope))).collect() }
    }

    fn observe_vpc(&self, name: &VpcName, id: &VpcId, desired: &Desired, scope: &Scope) -> Seen<ObservedVpc> {
        let Some(declared) = desired.vpcs.get(name) else { return Seen::Unknown(Unseen::OutOfScope) };
        let here = || self.groups.iter().filter(|(_, group)| group.vpc == *id);
        let whole = scope.covers(id.as_str());
        let in_question = whole || here().any(|(id, _)| scope.covers(id.as_str()));
        if !self.vpcs.contains_key(id) {
            return if in_question { Seen::Absent } else { Seen::Unknown(Unseen::OutOfScope) };
        }
        let mut vpc = ObservedVpc {
            id: id.clone(),
            groups: BTreeMap::new(),
            ids: BTreeMap::new(),
            stacked: BTreeSet::new(),
            undeclared: vec![],
        };
        for name in declared.groups.keys() {
            let found = here().find(|(_, group)| group.name == *name).map(|(id, _)| id);
            let seen = match found {
                Some(id) if whole || scope.covers(id.as_str()) => Seen::Present(self.observe_group(id)),
                None if whole => Seen::Absent,
                _ => Seen::Unknown(Unseen::OutOfScope),
            };
            vpc.groups.insert(name.clone(), seen);
            if found.and_then(|id| self.groups.get(id)).is_some_and(|group| group.tags.contains_key(STACK_TAG)) {
                vpc.stacked.insert(name.clone());
            }
            vpc.ids.insert(name.clone(), found.map_or(Seen::Absent, |id| Seen::Present(id.clone())));
        }
        if declared.undeclared == Undeclared::Report && whole {
            let others = here().filter(|(_, group)| !declared.groups.contains_key(&group.name));
            vpc.undeclared =
                others.map(|(id, group)| UndeclaredGroup { id: id.clone(), name: group.name.clone() }).collect();
        }
        Seen::Present(vpc)
    }

    fn observe_group(&self, id: &ResourceId) -> ObservedGroup {
        let tags = self.groups.get(id).map(|group| group.tags.clone()).unwrap_or_default();
        let stack = tags.get(STACK_TAG).map(|arn| StackId::new(arn.as_str()));
        ObservedGroup { id: id.clone(), rules: self.rules_of(id).unwrap_or_default(), stack, tags }
    }

    /// Makes a change, as the adapter would.
    ///
    /// # Errors
    /// What EC2 would refuse it for.
    pub fn apply(&mut self, change: &Change) -> Result<Receipt, Refusal> {
        let created = match change {
            Change::Authorize { group, direction, rules } => {
                let permissions: Vec<Permission> = rules.iter().map(permission).collect();
                self.authorize(&group.key.id, *direction, &permissions)?
            }
            Change::Revoke { group, direction, rules } => {
                let ids: Vec<ResourceId> = rules.iter().map(|KnownRule { id, spec: _ }| id.clone()).collect();
                self.revoke(&group.key.id, *direction, &ids)?;
                vec![]
            }
            Change::Redescribe { group, direction, rules } => {
                let texts: Vec<_> = rules.iter().map(|(rule, text)| (rule.id.clone(), text.clone())).collect();
                self.redescribe(&group.key.id, *direction, &texts)?;
                vec![]
            }
        };
        Ok(Receipt { created, request_id: None, already: false })
    }
}

/// The call that the name of an API operation stands for in the journal.
pub(crate) fn operation(change: &Change) -> String {
    let verb = match change {
        Change::Authorize { .. } => "AuthorizeSecurityGroup",
        Change::Revoke { .. } => "RevokeSecurityGroup",
        Change::Redescribe { .. } => "UpdateSecurityGroupRuleDescriptions",
    };
    let direction = match change.direction() {
        topology::security_groups::Direction::Ingress => "Ingress",
        topology::security_groups::Direction::Egress => "Egress",
    };
    format!("{verb}{direction}")
}

fn permission(spec: &RuleSpec) -> Permission {
    let RuleSpec { traffic, peer, description } = spec;
    let (protocol, from, to) = traffic.to_wire();
    let peer = match peer {
        ObservedPeer::Ipv4(net) => Peer::CidrIp(net.to_string()),
        ObservedPeer::Ipv6(net) => Peer::CidrIpv6(net.to_string()),
        ObservedPeer::PrefixList(id) => Peer::PrefixList(id.to_string()),
        ObservedPeer::Group { account, id } => {
            Peer::Group { account: account.as_ref().map(ToString::to_string), id: id.to_string() }
        }
    };
    let (from, to) = (from.map(i64::from), to.map(i64::from));
    Permission { protocol, from, to, peer, description: description.clone() }
}
