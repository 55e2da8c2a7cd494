//! One change, exactly as it was decided.

use super::mapping::{permission, receipt};
use crate::errors::{bad_answer, fault_of};
use crate::network::Network;
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::types::SecurityGroupRuleDescription;
use reconciler::{Apply, ClientToken, Fault};
use topology::security_groups::{Change, Direction, KnownRule, RuleSpec, SecurityGroups};
use topology::{Place, Receipt, ResourceId};

impl Apply<SecurityGroups> for Network {
    /// EC2's rule calls take no client token: a change that took effect unnoticed is refused as a duplicate, or finds its rule
    /// gone. Both say that what was asked for is so.
    async fn apply(&self, place: &Place, action: &Change, _token: &ClientToken) -> Result<Receipt, Fault> {
        let done = match action {
            Change::Authorize { group, direction, rules } => {
                self.authorize(place, &group.key.id, *direction, rules).await
            }
            Change::Revoke { group, direction, rules } => self.revoke(place, &group.key.id, *direction, rules).await,
            Change::Redescribe { group, direction, rules } => {
                self.redescribe(place, &group.key.id, *direction, rules).await
            }
        };
        done.or_else(|fault| {
            if action.len() == 1 && so_already(action, &fault) {
                return Ok(Receipt { already: true, ..Receipt::default() });
            }
            if fault.code.as_deref().is_some_and(|code| code.contains("NotFound")) {
                // What was remembered of names and ids is out of date: the next observation asks again.
                self.groups.forget_place(place);
            }
            Err(fault)
        })
    }
}

/// Whether AWS refuses a change of one rule because it is there, or gone, already. No ids are known then, and so no inverse.
fn so_already(action: &Change, fault: &Fault) -> bool {
    match (action, fault.code.as_deref()) {
        (Change::Authorize { group: _, direction: _, rules: _ }, Some("InvalidPermission.Duplicate")) => true,
        (
            Change::Revoke { group: _, direction: _, rules: _ },
            Some("InvalidSecurityGroupRuleId.NotFound" | "InvalidPermission.NotFound"),
        ) => true,
        (_, _) => false,
    }
}

impl Network {
    async fn authorize(
        &self,
        place: &Place,
        group: &ResourceId,
        direction: Direction,
        rules: &[RuleSpec],
    ) -> Result<Receipt, Fault> {
        let ec2 = self.clients.regional(place)?.ec2;
        let permissions = Some(rules.iter().map(permission).collect());
        match direction {
            Direction::Ingress => {
                const OPERATION: &str = "AuthorizeSecurityGroupIngress";
                let request =
                    ec2.authorize_security_group_ingress().group_id(group.as_str()).set_ip_permissions(permissions);
                let done = request.send().await.map_err(|error| fault_of(OPERATION, rules.len(), &error))?;
                accepted(OPERATION, done.r#return())?;
                Ok(receipt(rules, done.security_group_rules(), done.request_id()))
            }
            Direction::Egress => {
                const OPERATION: &str = "AuthorizeSecurityGroupEgress";
                let request =
                    ec2.authorize_security_group_egress().group_id(group.as_str()).set_ip_permissions(permissions);
                let done = request.send().await.map_err(|error| fault_of(OPERATION, rules.len(), &error))?;
                accepted(OPERATION, done.r#return())?;
                Ok(receipt(rules, done.security_group_rules(), done.request_id()))
            }
        }
    }

    async fn revoke(
        &self,
        place: &Place,
        group: &ResourceId,
        direction: Direction,
        rules: &[KnownRule],
    ) -> Result<Receipt, Fault> {
        let ec2 = self.clients.regional(place)?.ec2;
        let ids = Some(rules.iter().map(|rule| rule.id.as_str().to_owned()).collect());
        let request_id = match direction {
            Direction::Ingress => {
                const OPERATION: &str = "RevokeSecurityGroupIngress";
                let request =
                    ec2.revoke_security_group_ingress().group_id(group.as_str()).set_security_group_rule_ids(ids);
                let done = request.send().await.map_err(|error| fault_of(OPERATION, rules.len(), &error))?;
                accepted(OPERATION, done.r#return())?;
                none_unknown(OPERATION, done.unknown_ip_permissions().len())?;
                done.request_id().map(Into::into)
            }
            Direction::Egress => {
                const OPERATION: &str = "RevokeSecurityGroupEgress";
                let request =
                    ec2.revoke_security_group_egress().group_id(group.as_str()).set_security_group_rule_ids(ids);
                let done = request.send().await.map_err(|error| fault_of(OPERATION, rules.len(), &error))?;
                accepted(OPERATION, done.r#return())?;
                none_unknown(OPERATION, done.unknown_ip_permissions().len())?;
                done.request_id().map(Into::into)
            }
        };
        Ok(Receipt { created: vec![], request_id, already: false })
    }

    async fn redescribe(
        &self,
        place: &Place,
        group: &ResourceId,
        direction: Direction,
        rules: &[(KnownRule, String)],
    ) -> Result<Receipt, Fault> {
        let ec2 = self.clients.regional(place)?.ec2;
        let descriptions = Some(rules.iter().map(|(rule, text)| described(rule, text)).collect());
        let request_id = match direction {
            Direction::Ingress => {
                const OPERATION: &str = "UpdateSecurityGroupRuleDescriptionsIngress";
                let request = ec2
                    .update_security_group_rule_descriptions_ingress()
                    .group_id(group.as_str())
                    .set_security_group_rule_descriptions(descriptions);
                let done = request.send().await.map_err(|error| fault_of(OPERATION, rules.len(), &error))?;
                accepted(OPERATION, done.r#return())?;
                done.request_id().map(Into::into)
            }
            Direction::Egress => {
                const OPERATION: &str = "UpdateSecurityGroupRuleDescriptionsEgress";
                let request = ec2
                    .update_security_group_rule_descriptions_egress()
                    .group_id(group.as_str())
                    .set_security_group_rule_descriptions(descriptions);
                let done = request.send().await.map_err(|error| fault_of(OPERATION, rules.len(), &error))?;
                accepted(OPERATION, done.r#return())?;
                done.request_id().map(Into::into)
            }
        };
        Ok(Receipt { created: vec![], request_id, already: false })
    }
}

/// EC2 removes a description when the request leaves it out
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_UpdateSecurityGroupRuleDescriptionsIngress.html>).
fn described(rule: &KnownRule, text: &str) -> SecurityGroupRuleDescription {
    SecurityGroupRuleDescription::builder()
        .security_group_rule_id(rule.id.as_str())
        .set_description((!text.is_empty()).then(|| text.to_owned()))
        .build()
}

/// HTTP 200 with `<return>false</return>` is a refusal.
fn accepted(operation: &str, answer: Option<bool>) -> Result<(), Fault> {
    if answer == Some(false) { Err(bad_answer(operation, "EC2 answered `return: false`")) } else { Ok(()) }
}

/// A revoke answers 200 although some of what it named was not there.
fn none_unknown(operation: &str, unknown: usize) -> Result<(), Fault> {
    match unknown {
        0 => Ok(()),
        unknown => Err(bad_answer(operation, format!("{unknown} of the rules were not there to revoke"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reconciler::FaultClass;
    use topology::security_groups::{GroupRef, ObservedPeer, Traffic};

    #[test]
    fn an_empty_description_is_left_out() {
        let peer = ObservedPeer::PrefixList("pl-1".into());
        let rule = KnownRule {
            id: "sgr-1".into(),
            spec: RuleSpec { traffic: Traffic::tcp(443, 443), peer, description: Some("old".into()) },
        };
        assert_eq!(described(&rule, "new").description(), Some("new"));
        assert_eq!(described(&rule, "").description(), None);
        assert_eq!(described(&rule, "").security_group_rule_id(), Some("sgr-1"));
    }

    #[test]
    fn what_is_so_already_is_no_fault_for_one_rule() {
        let group = GroupRef { key: Place::new("111122223333", "eu-west-1").key("sg-1"), name: "main/alb".into() };
        let (direction, rules) = (Direction::Ingress, vec![]);
        let revoke = Change::Revoke { group: group.clone(), direction, rules };
        let authorize = Change::Authorize { group, direction, rules: vec![] };
        let fault = |code: &str| Fault { code: Some(code.into()), ..Fault::new("x", FaultClass::Terminal, "refused") };
        assert!(so_already(&authorize, &fault("InvalidPermission.Duplicate")));
        assert!(so_already(&revoke, &fault("InvalidSecurityGroupRuleId.NotFound")));
        assert!(!so_already(&revoke, &fault("InvalidPermission.Duplicate")));
        assert!(!so_already(&authorize, &fault("InvalidGroup.NotFound")));
        assert!(!so_already(&revoke, &fault("InvalidGroup.NotFound")));
    }

    #[test]
    fn a_success_that_says_false_is_a_fault() {
        assert!(accepted("RevokeSecurityGroupIngress", Some(true)).is_ok());
        assert!(accepted("RevokeSecurityGroupIngress", None).is_ok());
        assert!(accepted("RevokeSecurityGroupIngress", Some(false)).unwrap_err().is_retryable());
        assert!(none_unknown("RevokeSecurityGroupIngress", 2).unwrap_err().message.contains('2'));
    }
}
