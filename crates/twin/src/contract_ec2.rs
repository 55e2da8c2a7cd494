//! What EC2 does with security groups, as checks that run against the in-memory twin and against the local cloud alike.
//!
//! Sources: the EC2 API reference (Authorize-, Revoke-, Modify- and UpdateSecurityGroupRule…, CreateSecurityGroup,
//! SecurityGroupRule), its page of error codes, and the quotas of Amazon VPC.

use crate::ec2::{Peer, Permission, QUOTA, Refusal};
use crate::ec2_ports::TwinEc2;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::future::Future;
use topology::security_groups::{Direction, ObservedPeer, ObservedRule, Ports, Protocol, Traffic};
use topology::{ResourceId, VpcId};

/// The EC2 calls that the contract is about. Implement it over the SDK to run the checks against a cloud.
pub trait Ec2Port: Sync {
    /// `CreateVpc`.
    fn create_vpc(&self, cidr: &str) -> impl Future<Output = Result<VpcId, Refusal>> + Send;
    /// `CreateSecurityGroup`.
    fn create_group(&self, vpc: &VpcId, name: &str) -> impl Future<Output = Result<ResourceId, Refusal>> + Send;
    /// `DeleteSecurityGroup`.
    fn delete_group(&self, group: &ResourceId) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `AuthorizeSecurityGroupIngress` or `Egress`; answers the new rules' ids.
    fn authorize(
        &self,
        group: &ResourceId,
        direction: Direction,
        permissions: &[Permission],
    ) -> impl Future<Output = Result<Vec<ResourceId>, Refusal>> + Send;
    /// `RevokeSecurityGroupIngress` or `Egress` by rule id.
    fn revoke(
        &self,
        group: &ResourceId,
        direction: Direction,
        rules: &[ResourceId],
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `UpdateSecurityGroupRuleDescriptionsIngress` or `Egress` by rule id.
    fn redescribe(
        &self,
        group: &ResourceId,
        direction: Direction,
        descriptions: &[(ResourceId, String)],
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `ModifySecurityGroupRules` on one rule.
    fn modify(
        &self,
        group: &ResourceId,
        rule: &ResourceId,
        permission: &Permission,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `DescribeSecurityGroupRules` of one group, every page.
    fn rules(&self, group: &ResourceId) -> impl Future<Output = Result<Vec<ObservedRule>, Refusal>> + Send;
}

/// Runs every check. Answers what is broken; empty is good. Leaves a VPC behind.
pub async fn security_groups(port: &impl Ec2Port) -> Vec<String> {
    let mut checks = Checks { port, broken: vec![], vpc: None };
    if let Err(refusal) = checks.run().await {
        checks.broken.push(format!("unexpected refusal: {refusal}"));
    }
    checks.broken
}

struct Checks<'a, P> {
    port: &'a P,
    broken: Vec<String>,
    vpc: Option<VpcId>,
}

const IN: Direction = Direction::Ingress;

impl<P: Ec2Port> Checks<'_, P> {
    async fn run(&mut self) -> Result<(), Refusal> {
        self.new_groups().await?;
        self.canonical_forms().await?;
        self.duplicates().await?;
        self.revokes().await?;
        self.references().await?;
        self.changes_in_place().await?;
        self.quota().await
    }

    fn same<T: PartialEq + Debug>(&mut self, what: &str, left: &T, right: &T) {
        if left != right {
            self.broken.push(format!("{what}: {left:?} is not {right:?}"));
        }
    }

    fn refused<T: Debug>(&mut self, what: &str, answer: Result<T, Refusal>, code: &str) {
        match answer {
            Err(refusal) if refusal.code == code => {}
            other => self.broken.push(format!("{what}: expected {code}, got {other:?}")),
        }
    }

    async fn group(&mut self, name: &str) -> Result<ResourceId, Refusal> {
        let vpc = match self.vpc.clone() {
            Some(vpc) => vpc,
            None => self.port.create_vpc("10.0.0.0/16").await?,
        };
        self.vpc = Some(vpc.clone());
        self.port.create_group(&vpc, name).await
    }

    async fn ingress(&self, group: &ResourceId) -> Result<Vec<ObservedRule>, Refusal> {
        let mut rules = self.port.rules(group).await?;
        rules.retain(|rule| rule.direction == IN);
        Ok(rules)
    }

    async fn new_groups(&mut self) -> Result<(), Refusal> {
        let group = self.group("new").await?;
        let rules = self.port.rules(&group).await?;
        let shown: Vec<_> = rules.iter().map(|rule| (rule.direction, rule.traffic, rule.peer.to_string())).collect();
        let all = vec![(Direction::Egress, Traffic::ALL, "0.0.0.0/0".to_owned())];
        self.same("a new group lets everything out and nothing in", &shown, &all);
        let again = self.group("new").await;
        self.refused("a second group of that name in the VPC", again, "InvalidGroup.Duplicate");
        self.port.delete_group(&group).await?;
        let gone = self.port.delete_group(&group).await;
        self.refused("deleting a group twice", gone, "InvalidGroup.NotFound");
        let late = self.port.authorize(&group, IN, &[Permission::tcp(22, 22, "10.0.0.0/16")]).await;
        self.refused("a rule on a group that is gone", late, "InvalidGroup.NotFound");
        Ok(())
    }

    async fn canonical_forms(&mut self) -> Result<(), Refusal> {
        let group = self.group("canonical").await?;
        let icmp = |kind, code| Permission {
            protocol: "icmp".into(),
            from: Some(kind),
            to: Some(code),
            ..Permission::tcp(0, 0, "10.0.0.0/16")
        };
        let asked = [
            Permission::tcp(22, 22, "100.68.0.18/18"),
            Permission { protocol: "6".into(), ..Permission::tcp(23, 23, "10.0.0.0/16") },
            Permission { protocol: "17".into(), ..Permission::tcp(53, 53, "2001:db8::1/32") },
            icmp(8, -1),
            icmp(3, 4),
            Permission { protocol: "50".into(), ..Permission::tcp(1, 2, "10.0.0.0/16") },
            Permission { protocol: "-1".into(), from: None, to: None, ..Permission::tcp(0, 0, "10.0.0.0/8") },
        ];
        let ids = self.port.authorize(&group, IN, &asked).await?;
        let rules = self.ingress(&group).await?;
        let known: BTreeSet<&ResourceId> = rules.iter().map(|rule| &rule.id).collect();
        self.same("the answer names the rules that were made", &ids.iter().collect(), &known);
        let shown: BTreeSet<_> = rules.iter().map(|rule| (rule.traffic, rule.peer.to_string())).collect();
        let of = |protocol, ports| Traffic { protocol, ports };
        let expected: BTreeSet<_> = [
            (Traffic::tcp(22, 22), "100.68.0.0/18"),
            (Traffic::tcp(23, 23), "10.0.0.0/16"),
            (Traffic::udp(53, 53), "2001:db8::/32"),
            (of(Protocol::Icmp, Ports::Icmp { kind: 8, code: None }), "10.0.0.0/16"),
            (of(Protocol::Icmp, Ports::Icmp { kind: 3, code: Some(4) }), "10.0.0.0/16"),
            (of(Protocol::Number(50), Ports::All), "10.0.0.0/16"),
            (Traffic::ALL, "10.0.0.0/8"),
        ]
        .map(|(traffic, peer)| (traffic, peer.to_owned()))
        .into();
        self.same("ranges, protocols and ports are canonical", &shown, &expected);
        Ok(())
    }

    async fn duplicates(&mut self) -> Result<(), Refusal> {
        let group = self.group("duplicates").await?;
        self.port.authorize(&group, IN, &[Permission::tcp(443, 443, "0.0.0.0/0").described("one")]).await?;
        let again = [
            ("the same rule", Permission::tcp(443, 443, "0.0.0.0/0").described("one")),
            ("the same rule with another description", Permission::tcp(443, 443, "0.0.0.0/0").described("two")),
            ("the same rule by number", Permission { protocol: "6".into(), ..Permission::tcp(443, 443, "0.0.0.0/0") }),
        ];
        for (what, permission) in again {
            let batch = [Permission::tcp(80, 80, "0.0.0.0/0"), permission];
            let answer = self.port.authorize(&group, IN, &batch).await;
            self.refused(what, answer, "InvalidPermission.Duplicate");
        }
        let left = self.ingress(&group).await?.len();
        self.same("a refused batch adds nothing", &left, &1);
        Ok(())
    }

    async fn revokes(&mut self) -> Result<(), Refusal> {
        let (group, other) = (self.group("revokes").await?, self.group("revokes-other").await?);
        let permissions = [Permission::tcp(1, 1, "10.0.0.0/16"), Permission::tcp(2, 2, "10.0.0.0/16")];
        let ids = self.port.authorize(&group, IN, &permissions).await?;
        let stale = ResourceId::from("sgr-0123456789abcdef0");
        let with_stale: Vec<ResourceId> = ids.iter().cloned().chain([stale]).collect();
        let code = "InvalidSecurityGroupRuleId.NotFound";
        let answer = self.port.revoke(&group, IN, &with_stale).await;
        self.refused("one unknown rule id among known ones", answer, code);
        let answer = self.port.revoke(&other, IN, &ids).await;
        self.refused("rule ids of another group", answer, code);
        let answer = self.port.revoke(&group, Direction::Egress, &ids).await;
        self.refused("rule ids of the other direction", answer, code);
        let left = self.ingress(&group).await?.len();
        self.same("a refused batch removes nothing", &left, &2);
        self.port.revoke(&group, IN, &ids).await?;
        let left = self.ingress(&group).await?.len();
        self.same("a revoke by id removes the rules", &left, &0);
        Ok(())
    }

    async fn references(&mut self) -> Result<(), Refusal> {
        let (group, peer) = (self.group("references").await?, self.group("referenced").await?);
        let from = |id: &str| Permission::tcp(5432, 5432, "").with_peer(Peer::Group { account: None, id: id.into() });
        let answer = self.port.authorize(&group, IN, &[from("sg-0123456789abcdef0")]).await;
        self.refused("a rule for a group that does not exist", answer, "InvalidGroup.NotFound");
        self.port.authorize(&group, IN, &[from(peer.as_str()), from(group.as_str())]).await?;
        let rules = self.ingress(&group).await?;
        let named: BTreeSet<String> = rules
            .iter()
            .filter_map(|rule| match &rule.peer {
                ObservedPeer::Group { account: _, id } => Some(id.to_string()),
                _ => None,
            })
            .collect();
        self.same("references are kept by id", &named, &[peer.to_string(), group.to_string()].into());
        let answer = self.port.delete_group(&peer).await;
        self.refused("deleting a group that is referenced", answer, "DependencyViolation");
        self.port.delete_group(&group).await?;
        self.port.delete_group(&peer).await
    }

    async fn changes_in_place(&mut self) -> Result<(), Refusal> {
        let group = self.group("changes").await?;
        let ids = self.port.authorize(&group, IN, &[Permission::tcp(443, 443, "10.0.0.0/16").described("was")]).await?;
        let Some(id) = ids.first() else { return Ok(()) };
        for (text, expected) in [("is", Some("is".to_owned())), ("", None)] {
            self.port.redescribe(&group, IN, &[(id.clone(), text.into())]).await?;
            let now: Vec<_> = self.ingress(&group).await?.into_iter().map(|rule| (rule.id, rule.description)).collect();
            self.same("a description changes in place", &now, &vec![(id.clone(), expected)]);
        }
        self.port.modify(&group, id, &Permission::tcp(0, 65535, "0.0.0.0/0")).await?;
        let now: Vec<_> = self
            .ingress(&group)
            .await?
            .into_iter()
            .map(|rule| (rule.id, rule.traffic, rule.peer.to_string()))
            .collect();
        let expected = vec![(id.clone(), Traffic::tcp(0, 65535), "0.0.0.0/0".to_owned())];
        self.same("a modified rule keeps its id", &now, &expected);
        Ok(())
    }

    async fn quota(&mut self) -> Result<(), Refusal> {
        let group = self.group("quota").await?;
        let many = |range: &str| -> Vec<Permission> {
            (1000..).take(QUOTA).map(|port| Permission::tcp(port, port, range)).collect()
        };
        self.port.authorize(&group, IN, &many("10.0.0.0/16")).await?;
        let code = "RulesPerSecurityGroupLimitExceeded";
        let answer = self.port.authorize(&group, IN, &[Permission::tcp(1, 1, "10.0.0.0/16")]).await;
        self.refused("one IPv4 rule more than the quota", answer, code);
        self.port.authorize(&group, IN, &many("2001:db8::/32")).await?;
        let answer = self.port.authorize(&group, IN, &[Permission::tcp(1, 1, "2001:db8::/32")]).await;
        self.refused("one IPv6 rule more than the quota", answer, code);
        let held = self.ingress(&group).await?.len();
        self.same("IPv4 and IPv6 rules are counted apart", &held, &(2 * QUOTA));
        Ok(())
    }
}

impl Ec2Port for TwinEc2 {
    async fn create_vpc(&self, cidr: &str) -> Result<VpcId, Refusal> {
        self.outside(|ec2| ec2.create_vpc(cidr))
    }

    async fn create_group(&self, vpc: &VpcId, name: &str) -> Result<ResourceId, Refusal> {
        self.outside(|ec2| ec2.create_group(vpc, name))
    }

    async fn delete_group(&self, group: &ResourceId) -> Result<(), Refusal> {
        self.outside(|ec2| ec2.delete_group(group))
    }

    async fn authorize(
        &self,
        group: &ResourceId,
        direction: Direction,
        permissions: &[Permission],
    ) -> Result<Vec<ResourceId>, Refusal> {
        self.outside(|ec2| ec2.authorize(group, direction, permissions))
    }

    async fn revoke(&self, group: &ResourceId, direction: Direction, rules: &[ResourceId]) -> Result<(), Refusal> {
        self.outside(|ec2| ec2.revoke(group, direction, rules))
    }

    async fn redescribe(
        &self,
        group: &ResourceId,
        direction: Direction,
        descriptions: &[(ResourceId, String)],
    ) -> Result<(), Refusal> {
        self.outside(|ec2| ec2.redescribe(group, direction, descriptions))
    }

    async fn modify(&self, group: &ResourceId, rule: &ResourceId, permission: &Permission) -> Result<(), Refusal> {
        self.outside(|ec2| ec2.modify(group, rule, permission))
    }

    async fn rules(&self, group: &ResourceId) -> Result<Vec<ObservedRule>, Refusal> {
        self.outside(|ec2| ec2.rules_of(group))
    }
}
