//! `security-groups`.

use super::super::subject::{Subject, Told, Way};
use crate::world::{place, tag};
use serde_json::{Value, json};
use topology::ResourceId;
use topology::security_groups::{self as control, Direction, ObservedPeer};
use twin::TwinEc2;
use twin::ec2::{Ec2, Permission};

pub(crate) struct SecurityGroups;

fn group(ec2: &Ec2, name: &str) -> ResourceId {
    ec2.groups.iter().find(|(_, group)| group.name.as_str() == name).unwrap().0.clone()
}

/// A group and its inbound rules, oldest first.
fn inbound(ec2: &Ec2, name: &str) -> (ResourceId, Vec<ResourceId>) {
    let group = group(ec2, name);
    let rules = ec2.rules.iter().filter(|(_, rule)| rule.group == group && rule.direction == Direction::Ingress);
    let rules = rules.map(|(id, _)| id.clone()).collect();
    (group, rules)
}

/// A call on a group, in the older encoding.
fn told(name: &'static str, group: &ResourceId) -> Vec<Told> {
    vec![Told::Call("ec2", name, json!({ "groupId": group.as_str(), "ipPermissions": {} }), Value::Null)]
}

fn open(ec2: &mut Ec2, name: &str, port: i64, range: &str) -> Vec<Told> {
    let group = group(ec2, name);
    ec2.authorize(&group, Direction::Ingress, &[Permission::tcp(port, port, range)]).unwrap();
    told("AuthorizeSecurityGroupIngress", &group)
}

impl Subject for SecurityGroups {
    type Control = control::SecurityGroups;
    type Model = Ec2;
    type Cloud = TwinEc2;

    fn document(mode: &str) -> String {
        format!(
            "version: 1
id: shop
environment: production
mode: {mode}
vpcs:
  main:
    cidr: 10.0.0.0/16
    availability_zones: [a]
    security_groups:
      alb:
        ingress: [{{ tcp: 443, from: 0.0.0.0/0, description: HTTPS }}]
        egress: [{{ protocol: all, to: 0.0.0.0/0 }}]
      app:
        ingress: [{{ tcp: 8080, from: alb, description: requests }}]
        egress: [{{ protocol: all, to: 0.0.0.0/0 }}]
      database:
        ingress: [{{ tcp: 5432, from: app }}]
        egress: [{{ protocol: all, to: 0.0.0.0/0 }}]
"
        )
    }

    fn model() -> Ec2 {
        let mut ec2 = Ec2::new(place());
        let vpc = ec2.create_vpc("10.0.0.0/16").unwrap();
        tag(&mut ec2, &vpc, "shop", "main");
        for name in ["alb", "app", "database"] {
            ec2.create_group(&vpc, name).unwrap();
        }
        ec2
    }

    fn ways() -> Vec<Way<Ec2>> {
        vec![
            Way::new("a port for the network's own addresses", |ec2| open(ec2, "app", 9000, "10.0.0.0/16")),
            Way { exposes: true, ..Way::new("ssh for everyone", |ec2| open(ec2, "app", 22, "0.0.0.0/0")) },
            Way::new("every rule of a group revoked", |ec2| {
                let (group, rules) = inbound(ec2, "database");
                ec2.revoke(&group, Direction::Ingress, &rules).unwrap();
                told("RevokeSecurityGroupIngress", &group)
            }),
            Way::new("another description", |ec2| {
                let (group, rules) = inbound(ec2, "app");
                ec2.redescribe(&group, Direction::Ingress, &[(rules[0].clone(), "mine".into())]).unwrap();
                told("UpdateSecurityGroupRuleDescriptionsIngress", &group)
            }),
            Way {
                exposes: true,
                ..Way::new("a rule widened in place", |ec2| {
                    let (group, rules) = inbound(ec2, "alb");
                    ec2.modify(&group, &rules[0], &Permission::tcp(0, 65535, "0.0.0.0/0")).unwrap();
                    let rule =
                        json!({ "SecurityGroupRuleId": rules[0].as_str(), "SecurityGroupRule": { "FromPort": 0 } });
                    let request = json!({ "GroupId": group.as_str(), "SecurityGroupRule": rule });
                    let request = json!({ "ModifySecurityGroupRulesRequest": request });
                    vec![Told::Call("ec2", "ModifySecurityGroupRules", request, Value::Null)]
                })
            },
        ]
    }

    fn picture(ec2: &Ec2) -> Vec<String> {
        let name = |id: &ResourceId| ec2.groups.get(id).map_or("?", |group| group.name.as_str()).to_owned();
        let rules = ec2.rules.values().map(|rule| {
            let peer = match &rule.peer {
                ObservedPeer::Group { account: _, id } => name(id),
                other => other.to_string(),
            };
            format!("{} {:?} {} {peer} {:?}", name(&rule.group), rule.direction, rule.traffic, rule.description)
        });
        rules.collect()
    }

    fn owned(ec2: &mut Ec2, stack: &str) {
        for group in ec2.groups.values_mut() {
            group.tags.insert(twin::STACK_TAG.into(), stack.into());
        }
    }
}
