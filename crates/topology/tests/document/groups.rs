//! Security groups: names, marks of other writers, and what is left out.

use crate::{groups, right, vpc, wrong};
use insta::assert_snapshot;
use topology::security_groups::{DesiredPeer, ForeignRule, Undeclared};

#[test]
fn group_names_do_not_look_like_other_peers() {
    assert_snapshot!(wrong(&groups("default: {}
sg-web: {}
pl-web: {}
self: {}
\"111122223333\": {}
10.0.0.0/8: {}
\"::1\": {}
all: {}
\"111122223333/sg-1\": {}
\"web,ü\": {}")), @r#"
    error[group-name]: `default` is the group that AWS makes in every VPC
     --> topology.yaml:9:7
      |
    9 |       default: {}
      |       ^^^^^^^
      |
      = help: its name is reserved; declare a group of your own and put resources in it

    error[group-name]: the group name `sg-web` looks like the id of a security group
      --> topology.yaml:10:7
       |
    10 |       sg-web: {}
       |       ^^^^^^
       |
       = help: rules could not tell the two apart; choose a name such as `web` or `orders-db`

    error[group-name]: the group name `pl-web` looks like the id of a prefix list
      --> topology.yaml:11:7
       |
    11 |       pl-web: {}
       |       ^^^^^^
       |
       = help: rules could not tell the two apart; choose a name such as `web` or `orders-db`

    error[group-name]: the group name `self` looks like the peer `self`
      --> topology.yaml:12:7
       |
    12 |       self: {}
       |       ^^^^
       |
       = help: rules could not tell the two apart; choose a name such as `web` or `orders-db`

    error[group-name]: the group name `111122223333` looks like an account id
      --> topology.yaml:13:7
       |
    13 |       "111122223333": {}
       |       ^^^^^^^^^^^^^^
       |
       = help: rules could not tell the two apart; choose a name such as `web` or `orders-db`

    error[group-name]: the group name `10.0.0.0/8` looks like an IPv4 range
      --> topology.yaml:14:7
       |
    14 |       10.0.0.0/8: {}
       |       ^^^^^^^^^^
       |
       = help: rules could not tell the two apart; choose a name such as `web` or `orders-db`

    error[group-name]: the group name `::1` looks like an IPv6 range
      --> topology.yaml:15:7
       |
    15 |       "::1": {}
       |       ^^^^^
       |
       = help: rules could not tell the two apart; choose a name such as `web` or `orders-db`

    error[group-name]: the group name `all` looks like a range of everything
      --> topology.yaml:16:7
       |
    16 |       all: {}
       |       ^^^
       |
       = help: rules could not tell the two apart; choose a name such as `web` or `orders-db`

    error[group-name]: the group name `111122223333/sg-1` looks like a group of another account
      --> topology.yaml:17:7
       |
    17 |       "111122223333/sg-1": {}
       |       ^^^^^^^^^^^^^^^^^^^
       |
       = help: rules could not tell the two apart; choose a name such as `web` or `orders-db`

    error[group-name]: `web,ü` cannot be a group name
      --> topology.yaml:18:7
       |
    18 |       "web,ü": {}
       |       ^^^^^^^
       |
       = help: use letters, digits, spaces and `._-()#,@[]+=&;{}!$*`, at most 255 characters

    10 problems
    "#);
}

#[test]
fn group_names_are_distinct_without_case() {
    assert_snapshot!(wrong(&groups("web: {}
Web: {}")), @"
    error[name-clash]: the group names `web` and `Web` are too alike
      --> topology.yaml:10:7
       |
     9 |       web: {}
       |       --- the other one
    10 |       Web: {}
       |       ^^^
       |
       = help: give one of them a name that differs in more than case or punctuation

    1 problem
    ");
}

#[test]
fn foreign_rules_name_a_mark_that_public_rules_do_not_bear() {
    assert_snapshot!(wrong(&groups("web:
  foreign_rules:
    - {}
    - { description: \"*\" }
    - { description: \"*a*\" }
    - { tag: elbv2.k8s.aws/cluster }
    - { tag: \"*=*\" }
    - { group: 0.0.0.0/0 }
    - { group: pl-01234567 }
    - { source: lb }")), @r#"
    error[foreign-rule-empty]: this mark would cover every rule, public ones included
      --> topology.yaml:11:13
       |
    11 |           - {}
       |             ^
       |
       = help: say what marks the other tool's rules: `description`, `tag` or `group`

    error[foreign-rule-broad]: `*` would cover almost any rule, public ones included
      --> topology.yaml:12:28
       |
    12 |           - { description: "*" }
       |                            ^^^
       |
       = help: write at least three letters or digits of what marks the other tool's rules, such as `elbv2.k8s.aws/*`

    error[foreign-rule-broad]: `*a*` would cover almost any rule, public ones included
      --> topology.yaml:13:28
       |
    13 |           - { description: "*a*" }
       |                            ^^^^^
       |
       = help: write at least three letters or digits of what marks the other tool's rules, such as `elbv2.k8s.aws/*`

    error[foreign-rule-tag]: `elbv2.k8s.aws/cluster` does not name a tag
      --> topology.yaml:14:20
       |
    14 |           - { tag: elbv2.k8s.aws/cluster }
       |                    ^^^^^^^^^^^^^^^^^^^^^
       |
       = help: write `key=value`, or `key=*` for any value; the key has no `*`

    error[foreign-rule-tag]: `*=*` does not name a tag
      --> topology.yaml:15:20
       |
    15 |           - { tag: "*=*" }
       |                    ^^^^^
       |
       = help: write `key=value`, or `key=*` for any value; the key has no `*`

    error[foreign-rule-public]: foreign rules never cover address ranges
      --> topology.yaml:16:22
       |
    16 |           - { group: 0.0.0.0/0 }
       |                      ^^^^^^^^^
       |
       = help: ranges may be public; declare such a rule under `ingress` or `egress`

    error[foreign-rule-public]: foreign rules never cover address ranges
      --> topology.yaml:17:22
       |
    17 |           - { group: pl-01234567 }
       |                      ^^^^^^^^^^^
       |
       = help: ranges may be public; declare such a rule under `ingress` or `egress`

    error[foreign-rule-empty]: this mark would cover every rule, public ones included
      --> topology.yaml:18:13
       |
    18 |           - { source: lb }
       |             ^^^^^^^^^^^^
       |
       = help: say what marks the other tool's rules: `description`, `tag` or `group`

    error[unknown-key]: unknown key `source`
      --> topology.yaml:18:15
       |
    18 |           - { source: lb }
       |               ^^^^^^
       |
       = help: write one of: `description`, `tag`, `group`

    9 problems
    "#);
}

#[test]
fn foreign_rules_resolve() {
    let topology = right(&groups(
        "lb: {}
web:
  foreign_rules:
    - { description: \"elbv2.k8s.aws/*\", tag: \"elbv2.k8s.aws/cluster=*\", group: lb }",
    ));
    assert_eq!(
        topology.security_groups.unwrap().vpcs["main"].groups["web"].foreign_rules,
        [ForeignRule {
            description: Some("elbv2.k8s.aws/*".to_owned()),
            tag: Some(("elbv2.k8s.aws/cluster".to_owned(), "*".to_owned())),
            group: Some(DesiredPeer::Group("lb".into())),
        }]
    );
}

#[test]
fn left_out_is_unmanaged_and_empty_means_none() {
    let topology = right(&groups(
        "web: { ingress: [] }
spare: { optional: true }",
    ));
    let desired = topology.security_groups.unwrap();
    let groups = &desired.vpcs["main"].groups;
    assert_eq!((&groups["web"].ingress, &groups["web"].egress), (&Some(vec![]), &None));
    assert!(groups["spare"].optional && !groups["web"].optional);
    assert_eq!(desired.vpcs["main"].undeclared, Undeclared::Ignore);
    let bare = "cidr: 10.0.0.0/16\navailability_zones: [a]";
    assert_eq!(right(&vpc(bare)).security_groups, None);
    let reported = right(&vpc(&format!("{bare}\nundeclared_security_groups: report")));
    assert_eq!(reported.security_groups.unwrap().vpcs["main"].undeclared, Undeclared::Report);
}

/// `ingress:` with nothing behind it could mean "none" or "not managed": it must be said.
#[test]
fn a_direction_without_a_value_is_refused() {
    assert_snapshot!(wrong(&groups("web:
  ingress:
  egress: ~")), @"
    error[wrong-type]: expected a list, found nothing
      --> topology.yaml:10:16
       |
    10 |         ingress:
       |                ^
       |
       = help: write a list: `[…]`, or one `- …` a line

    error[wrong-type]: expected a list, found nothing
      --> topology.yaml:11:17
       |
    11 |         egress: ~
       |                 ^
       |
       = help: write a list: `[…]`, or one `- …` a line

    2 problems
    ");
}
