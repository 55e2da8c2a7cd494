//! A security group.

use crate::scenario::Subject;
use crate::stage::{Caller, Stage, tcp, word};
use topology::ControlId;

/// A declared group: somebody takes a declared rule away and opens another port to the world.
pub(super) struct Group(String);

impl Subject for Group {
    const CONTROL: ControlId = ControlId::SecurityGroups;
    const TOPOLOGY: &'static str = "three-tier";
    const DEAD_LETTERS: &'static str = "SecurityGroupsDeadLettersUrl";
    const REPAIR: &'static [(&'static str, usize)] =
        &[("AuthorizeSecurityGroupIngress", 1), ("RevokeSecurityGroupIngress", 1)];
    const WRITES: &'static [&'static str] = &["ec2 AuthorizeSecurityGroupIngress", "ec2 RevokeSecurityGroupIngress"];

    async fn find(stage: &Stage) -> Self {
        Self(stage.group(Self::TOPOLOGY, "main", "database").await)
    }

    async fn state(&self, stage: &Stage) -> Vec<String> {
        let mut words: Vec<String> = stage.rules(&self.0).await.iter().map(word).collect();
        words.sort();
        words
    }

    async fn damage(&self, stage: &Stage, caller: Caller) {
        let rules = stage.rules(&self.0).await;
        let rule = rules.iter().find(|rule| rule.from_port() == Some(5432)).expect("PostgreSQL");
        let ec2 = stage.ec2(caller);
        let revoke = ec2.revoke_security_group_ingress().group_id(&self.0);
        revoke.security_group_rule_ids(rule.security_group_rule_id().unwrap()).send().await.expect("revoked");
        let open = ec2.authorize_security_group_ingress().group_id(&self.0);
        open.ip_permissions(tcp(22, "0.0.0.0/0")).send().await.expect("opened");
    }
}
