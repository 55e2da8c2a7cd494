//! The rules of security groups: protocols, ports and peers.

use crate::{groups, ingress, right, wrong};
use insta::assert_snapshot;
use topology::security_groups::{DesiredPeer, DesiredRule, Ports, Protocol, Traffic};

#[test]
fn ports_run_forwards_and_within_range() {
    assert_snapshot!(wrong(&ingress("{ tcp: 443-80, from: db }
{ tcp: 65536, from: db }
{ udp: 1-70000, from: db }
{ tcp: -1, from: db }
{ tcp: \"80,443\", from: db }
{ tcp: all, from: db }")), @r#"
    error[ports-reversed]: the range `443-80` runs backwards
      --> topology.yaml:12:20
       |
    12 |           - { tcp: 443-80, from: db }
       |                    ^^^^^^
       |
       = help: write `80-443`

    error[port-out-of-range]: `65536` is beyond the last port
      --> topology.yaml:13:20
       |
    13 |           - { tcp: 65536, from: db }
       |                    ^^^^^
       |
       = help: ports go from 0 to 65535

    error[port-out-of-range]: `1-70000` is beyond the last port
      --> topology.yaml:14:20
       |
    14 |           - { udp: 1-70000, from: db }
       |                    ^^^^^^^
       |
       = help: ports go from 0 to 65535

    error[port]: `-1` is not a port or a range of ports
      --> topology.yaml:15:20
       |
    15 |           - { tcp: -1, from: db }
       |                    ^^
       |
       = help: write `0-65535`

    error[port]: `80,443` is not a port or a range of ports
      --> topology.yaml:16:20
       |
    16 |           - { tcp: "80,443", from: db }
       |                    ^^^^^^^^
       |
       = help: write one port (`443`) or a range (`8000-8100`); several ports are several rules

    error[port]: `all` is not a port or a range of ports
      --> topology.yaml:17:20
       |
    17 |           - { tcp: all, from: db }
       |                    ^^^
       |
       = help: write `0-65535`

    6 problems
    "#);
}

#[test]
fn a_rule_has_exactly_one_protocol() {
    assert_snapshot!(wrong(&ingress("{ from: db }
{ tcp: 80, udp: 80, from: db }
{ protocol: tcp, from: db }
{ protocol: -1, from: db }
{ protocol: 58, from: db }
{ protocol: ospf, from: db }")), @"
    error[rule-protocol]: this rule names no protocol
      --> topology.yaml:12:13
       |
    12 |           - { from: db }
       |             ^^^^^^^^^^
       |
       = help: write exactly one of `tcp: 443`, `udp: 53`, `icmp: all`, `icmpv6: all`, `protocol: all`

    error[rule-protocol]: this rule names more than one protocol
      --> topology.yaml:13:13
       |
    13 |           - { tcp: 80, udp: 80, from: db }
       |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: a rule has exactly one of `tcp`, `udp`, `icmp`, `icmpv6` and `protocol`; write one rule for each

    error[protocol]: protocol `tcp` has a key of its own
      --> topology.yaml:14:25
       |
    14 |           - { protocol: tcp, from: db }
       |                         ^^^
       |
       = help: write `tcp: 443` instead of `protocol: tcp`

    error[protocol]: protocol `-1` has a key of its own
      --> topology.yaml:15:25
       |
    15 |           - { protocol: -1, from: db }
       |                         ^^
       |
       = help: write `protocol: all` instead of `protocol: -1`

    error[protocol]: protocol `58` has a key of its own
      --> topology.yaml:16:25
       |
    16 |           - { protocol: 58, from: db }
       |                         ^^
       |
       = help: write `icmpv6: all` instead of `protocol: 58`

    error[protocol]: `ospf` is not a protocol
      --> topology.yaml:17:25
       |
    17 |           - { protocol: ospf, from: db }
       |                         ^^^^
       |
       = help: write `all`, or a protocol's IANA number from 0 to 255 (ESP is 50)

    6 problems
    ");
}

#[test]
fn icmp_has_a_type_and_perhaps_a_code() {
    assert_snapshot!(wrong(&ingress("{ icmp: echo, from: db }
{ icmpv6: 300, from: db }
{ icmp: 3/256, from: db }")), @"
    error[icmp]: `echo` is not an ICMP type
      --> topology.yaml:12:21
       |
    12 |           - { icmp: echo, from: db }
       |                     ^^^^
       |
       = help: write a type (`8`), a type and a code (`3/4`), or `all`; both go from 0 to 255

    error[icmp]: `300` is not an ICMP type
      --> topology.yaml:13:23
       |
    13 |           - { icmpv6: 300, from: db }
       |                       ^^^
       |
       = help: write a type (`8`), a type and a code (`3/4`), or `all`; both go from 0 to 255

    error[icmp]: `3/256` is not an ICMP type
      --> topology.yaml:14:21
       |
    14 |           - { icmp: 3/256, from: db }
       |                     ^^^^^
       |
       = help: write a type (`8`), a type and a code (`3/4`), or `all`; both go from 0 to 255

    3 problems
    ");
}

#[test]
fn a_rule_names_its_other_end_by_its_direction() {
    assert_snapshot!(wrong(&groups("db: {}
web:
  ingress:
    - { tcp: 80, to: db }
    - { tcp: 80 }
  egress:
    - { tcp: 80, from: db }
    - { tcp: 80, cidr: 0.0.0.0/0 }
    - { port: 80, to: db }")), @"
    error[unknown-key]: unknown key `to`
      --> topology.yaml:12:24
       |
    12 |           - { tcp: 80, to: db }
       |                        ^^
       |
       = help: an ingress rule names its source: write `from`

    error[missing-key]: this rule has no source
      --> topology.yaml:13:13
       |
    13 |           - { tcp: 80 }
       |             ^^^^^^^^^
       |
       = help: write `from: …`

    error[unknown-key]: unknown key `from`
      --> topology.yaml:15:24
       |
    15 |           - { tcp: 80, from: db }
       |                        ^^^^
       |
       = help: an egress rule names its destination: write `to`

    error[unknown-key]: unknown key `cidr`
      --> topology.yaml:16:24
       |
    16 |           - { tcp: 80, cidr: 0.0.0.0/0 }
       |                        ^^^^
       |
       = help: write `to`

    error[rule-protocol]: this rule names no protocol
      --> topology.yaml:17:13
       |
    17 |           - { port: 80, to: db }
       |             ^^^^^^^^^^^^^^^^^^
       |
       = help: write exactly one of `tcp: 443`, `udp: 53`, `icmp: all`, `icmpv6: all`, `protocol: all`

    error[unknown-key]: unknown key `port`
      --> topology.yaml:17:15
       |
    17 |           - { port: 80, to: db }
       |               ^^^^
       |
       = help: write the protocol with its ports: `tcp: 443`, or `tcp: 8000-8100`

    6 problems
    ");
}

#[test]
fn peers_are_ranges_groups_ids_or_prefix_lists() {
    assert_snapshot!(wrong(&ingress("{ tcp: 1, from: 10.0.0.1 }
{ tcp: 2, from: 10.0.0.1/24 }
{ tcp: 3, from: 2001:db8::/32 }
{ tcp: 4, from: \"2001:DB8::1/32\" }
{ tcp: 5, from: \"::1\" }
{ tcp: 6, from: sg-web }
{ tcp: 7, from: 11112222333/sg-0123456789abcdef0 }
{ tcp: 8, from: pl-1 }
{ tcp: 9, from: anywhere }
{ tcp: 10, from: [db, db] }
{ tcp: 11, from: 10.0.0/8 }")), @r#"
    error[cidr]: `10.0.0.1` is not an IPv4 range
      --> topology.yaml:12:29
       |
    12 |           - { tcp: 1, from: 10.0.0.1 }
       |                             ^^^^^^^^
       |
       = help: a range has a prefix length; for this one address write `10.0.0.1/32`

    error[cidr-not-canonical]: `10.0.0.1/24` has bits set behind its prefix length
      --> topology.yaml:13:29
       |
    13 |           - { tcp: 2, from: 10.0.0.1/24 }
       |                             ^^^^^^^^^^^
       |
       = help: AWS keeps the canonical form: write `10.0.0.0/24`

    error[unquoted-ipv6]: the IPv6 range `2001:db8::/32` is not in quotes
      --> topology.yaml:14:29
       |
    14 |           - { tcp: 3, from: 2001:db8::/32 }
       |                             ^^^^^^^^^^^^^
       |
       = help: YAML reads `:` as the end of a key; write "2001:db8::/32"

    error[cidr-not-canonical]: `2001:DB8::1/32` is not the canonical form of this IPv6 range
      --> topology.yaml:15:29
       |
    15 |           - { tcp: 4, from: "2001:DB8::1/32" }
       |                             ^^^^^^^^^^^^^^^^
       |
       = help: AWS keeps the canonical form: write "2001:db8::/32"

    error[cidr]: `::1` is not an IPv6 range
      --> topology.yaml:16:29
       |
    16 |           - { tcp: 5, from: "::1" }
       |                             ^^^^^
       |
       = help: a range has a prefix length; for this one address write "::1/128"

    error[id]: `sg-web` is not the id of a security group
      --> topology.yaml:17:29
       |
    17 |           - { tcp: 6, from: sg-web }
       |                             ^^^^^^
       |
       = help: write `sg-` and the 8 or 17 hexadecimal digits that AWS shows

    error[account]: `11112222333` is not an account id
      --> topology.yaml:18:29
       |
    18 |           - { tcp: 7, from: 11112222333/sg-0123456789abcdef0 }
       |                             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: an account id has twelve digits, in quotes: "111122223333"

    error[id]: `pl-1` is not the id of a prefix list
      --> topology.yaml:19:29
       |
    19 |           - { tcp: 8, from: pl-1 }
       |                             ^^^^
       |
       = help: write `pl-` and the 8 or 17 hexadecimal digits that AWS shows

    error[unknown-group]: no group is called `anywhere`
      --> topology.yaml:20:29
       |
    20 |           - { tcp: 9, from: anywhere }
       |                             ^^^^^^^^
       |
       = help: for every address write `0.0.0.0/0` (and "::/0" in a rule of its own)

    error[wrong-type]: expected text, found a list
      --> topology.yaml:21:30
       |
    21 |           - { tcp: 10, from: [db, db] }
       |                              ^^^^^^^
       |
       = help: write one value

    error[cidr]: `10.0.0/8` is not an IPv4 range
      --> topology.yaml:22:30
       |
    22 |           - { tcp: 11, from: 10.0.0/8 }
       |                              ^^^^^^^^
       |
       = help: write four numbers up to 255 and a prefix length up to 32, such as `10.0.0.0/16`

    11 problems
    "#);
}

#[test]
fn a_group_that_is_named_must_be_declared() {
    assert_snapshot!(wrong(&ingress("{ tcp: 1, from: dbs }
{ tcp: 2, from: cache-cluster }")), @"
    error[unknown-group]: no group of this VPC is called `dbs`
      --> topology.yaml:12:29
       |
    12 |           - { tcp: 1, from: dbs }
       |                             ^^^
       |
       = help: did you mean `db`?

    error[unknown-group]: no group of this VPC is called `cache-cluster`
      --> topology.yaml:13:29
       |
    13 |           - { tcp: 2, from: cache-cluster }
       |                             ^^^^^^^^^^^^^
       |
       = help: write a range, `self`, `sg-…`, `pl-…`, or the name of a group under `security_groups` of this VPC

    2 problems
    ");
}

#[test]
fn a_group_of_another_vpc_is_named_by_its_id() {
    let two = "version: 1
id: net
environment: staging
vpcs:
  main: { cidr: 10.0.0.0/16, availability_zones: [a], security_groups: { web: { ingress: [{ tcp: 1, from: db }] } } }
  data: { cidr: 10.1.0.0/16, availability_zones: [a], security_groups: { db: {} } }
";
    assert_snapshot!(wrong(two), @"
    error[unknown-group]: group `db` is in VPC `data`, not in this one
     --> topology.yaml:5:107
      |
    5 |   main: { cidr: 10.0.0.0/16, availability_zones: [a], security_groups: { web: { ingress: [{ tcp: 1, from: db }] } } }
      |                                                                                                           ^^
      |
      = help: a group of another VPC is named by its id (`sg-…`), and only over a peering connection

    1 problem
    ");
}

/// Rules belong to groups that exist already, so references in a circle are legal; a group that names itself by its name
/// looks like a copied rule.
#[test]
fn references_may_form_a_circle_and_self_is_written_as_self() {
    right(&groups(
        "web: { ingress: [{ tcp: 1, from: db }, { tcp: 1, from: self }] }
db: { ingress: [{ tcp: 1, from: web }], egress: [{ tcp: 1, to: web }] }",
    ));
    assert_snapshot!(wrong(&ingress("{ tcp: 80, from: web }")), @"
    error[self-by-name]: group `web` refers to itself by its name
      --> topology.yaml:12:30
       |
    12 |           - { tcp: 80, from: web }
       |                              ^^^
       |
       = help: if its members shall reach each other write `self`; otherwise name the other group

    1 problem
    ");
}

#[test]
fn a_rule_is_written_once_whatever_its_description() {
    assert_snapshot!(wrong(&groups("web:
  ingress:
    - { tcp: 80, from: 10.0.0.0/8, description: one }
    - { tcp: 80-80, from: 10.0.0.0/8, description: two }
    - { protocol: 50, from: 10.0.0.0/8 }
    - { protocol: \"50\", from: 10.0.0.0/8 }
  egress:
    - { tcp: 80, to: 10.0.0.0/8 }")), @r#"
    error[duplicate-rule]: group `web` has this rule twice
      --> topology.yaml:12:13
       |
    11 |           - { tcp: 80, from: 10.0.0.0/8, description: one }
       |             --------------------------------------------- first here
    12 |           - { tcp: 80-80, from: 10.0.0.0/8, description: two }
       |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: AWS tells rules apart by protocol, ports and peer, not by description; keep one of the two

    error[duplicate-rule]: group `web` has this rule twice
      --> topology.yaml:14:13
       |
    13 |           - { protocol: 50, from: 10.0.0.0/8 }
       |             -------------------------------- first here
    14 |           - { protocol: "50", from: 10.0.0.0/8 }
       |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: AWS tells rules apart by protocol, ports and peer, not by description; keep one of the two

    2 problems
    "#);
}

#[test]
fn ipv4_and_ipv6_rules_are_counted_apart() {
    let ipv4 =
        |count: usize| (1..=count).map(|port| format!("{{ tcp: {port}, from: 10.0.0.0/8 }}")).collect::<Vec<_>>();
    let ipv6 = |count: usize| (1..=count).map(|port| format!("{{ tcp: {port}, from: \"::/0\" }}")).collect::<Vec<_>>();
    let groups = |count: usize| (1..=count).map(|port| format!("{{ tcp: {port}, from: db }}")).collect::<Vec<_>>();
    right(&ingress(&[ipv4(60), ipv6(60)].concat().join("\n")));
    right(&ingress(&[ipv4(50), ipv6(50), groups(10)].concat().join("\n")));
    assert_snapshot!(wrong(&ingress(&[ipv4(1), ipv6(51), groups(10)].concat().join("\n"))), @"
    error[too-many-rules]: group `web` has 61 inbound rules for IPv6; AWS allows 60
      --> topology.yaml:12:11
       |
    12 |           - { tcp: 1, from: 10.0.0.0/8 }
       |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: rules that name a group or a prefix list count for both families; put ranges into a prefix list, or split the group

    1 problem
    ");
    assert_snapshot!(wrong(&ingress(&ipv4(61).join("\n"))), @"
    error[too-many-rules]: group `web` has 61 inbound rules for IPv4; AWS allows 60
      --> topology.yaml:12:11
       |
    12 |           - { tcp: 1, from: 10.0.0.0/8 }
       |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: rules that name a group or a prefix list count for both families; put ranges into a prefix list, or split the group

    1 problem
    ");
}

#[test]
fn descriptions_are_what_aws_takes() {
    let long = "x".repeat(256);
    assert_snapshot!(wrong(&ingress("{ tcp: 80, from: db, description: \"web → db\" }")), @r#"
    error[description]: AWS does not take the character `→` in a description
      --> topology.yaml:12:47
       |
    12 |           - { tcp: 80, from: db, description: "web → db" }
       |                                               ^^^^^^^^^^
       |
       = help: use letters, digits, spaces and `._-:/()#,@[]+=&;{}!$*`

    1 problem
    "#);
    assert!(
        wrong(&ingress(&format!("{{ tcp: 80, from: db, description: {long} }}"))).contains("at most 255 characters")
    );
}

#[test]
fn rules_resolve_to_canonical_form() {
    let topology = right(&ingress(
        "{ tcp: 443, from: 0.0.0.0/0, description: HTTPS }
{ udp: 53-54, from: \"2001:db8::/32\" }
{ icmp: 8, from: db }
{ icmp: 3/4, from: self }
{ icmpv6: all, from: sg-0123456789abcdef0 }
{ protocol: all, from: 111122223333/sg-01234567 }
{ protocol: 50, from: pl-0123456789abcdef0 }",
    ));
    let rule = |protocol, ports, peer| DesiredRule { traffic: Traffic { protocol, ports }, peer, description: None };
    let id = |account: Option<&str>, id: &str| DesiredPeer::GroupId { account: account.map(Into::into), id: id.into() };
    let desired = topology.security_groups.unwrap();
    assert_eq!(
        desired.vpcs["main"].groups["web"].ingress,
        Some(vec![
            DesiredRule {
                description: Some("HTTPS".to_owned()),
                ..rule(
                    Protocol::Tcp,
                    Ports::Range { from: 443, to: 443 },
                    DesiredPeer::Ipv4("0.0.0.0/0".parse().unwrap())
                )
            },
            rule(Protocol::Udp, Ports::Range { from: 53, to: 54 }, DesiredPeer::Ipv6("2001:db8::/32".parse().unwrap())),
            rule(Protocol::Icmp, Ports::Icmp { kind: 8, code: None }, DesiredPeer::Group("db".into())),
            rule(Protocol::Icmp, Ports::Icmp { kind: 3, code: Some(4) }, DesiredPeer::Group("web".into())),
            rule(Protocol::Icmpv6, Ports::All, id(None, "sg-0123456789abcdef0")),
            rule(Protocol::All, Ports::All, id(Some("111122223333"), "sg-01234567")),
            rule(Protocol::Number(50), Ports::All, DesiredPeer::PrefixList("pl-0123456789abcdef0".into())),
        ])
    );
    assert_eq!(desired.vpcs["main"].groups["web"].egress, None, "an omitted direction is not managed");
}
