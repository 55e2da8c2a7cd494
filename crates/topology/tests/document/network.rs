//! Ranges, zones, tiers and NAT gateways.

use crate::{right, tiers, vpc, wrong};
use insta::assert_snapshot;
use jiff::SignedDuration;
use topology::nat::{DesiredAddress, Gateways, Routed};
use topology::network::{Nat, PublicIps, Route, Window};

#[test]
fn a_subnet_is_within_its_vpc() {
    assert_snapshot!(wrong(&vpc("cidr: 10.0.0.0/16
availability_zones: [a, b]
tiers:
  data: { route: isolated, subnets: [10.0.0.0/24, 10.1.0.0/24] }")), @"
    error[cidr-outside-vpc]: subnet `10.1.0.0/24` is outside the VPC's range `10.0.0.0/16`
     --> topology.yaml:9:55
      |
    6 |     cidr: 10.0.0.0/16
      |           ----------- the VPC's range
    ...
    9 |       data: { route: isolated, subnets: [10.0.0.0/24, 10.1.0.0/24] }
      |                                                       ^^^^^^^^^^^ outside
      |
      = help: write a range between 10.0.0.0 and 10.0.255.255

    1 problem
    ");
}

#[test]
fn vpc_and_subnets_have_a_size_that_aws_allows() {
    assert_snapshot!(wrong(&vpc("cidr: 10.0.0.0/8
availability_zones: [a, b]
tiers:
  data: { route: isolated, subnets: [10.0.0.0/29, 10.0.1.0/28] }")), @"
    error[cidr-size]: a VPC cannot be a /8: AWS allows /16 to /28
     --> topology.yaml:6:11
      |
    6 |     cidr: 10.0.0.0/8
      |           ^^^^^^^^^^
      |
      = help: write `10.0.0.0/16`, or another range of an allowed size

    error[cidr-size]: a subnet cannot be a /29: AWS allows /16 to /28
     --> topology.yaml:9:42
      |
    9 |       data: { route: isolated, subnets: [10.0.0.0/29, 10.0.1.0/28] }
      |                                          ^^^^^^^^^^^
      |
      = help: write `10.0.0.0/28`, or another range of an allowed size

    2 problems
    ");
}

#[test]
fn a_vpc_is_neither_reserved_nor_public_space() {
    let of = |cidr: &str| vpc(&format!("cidr: {cidr}\navailability_zones: [a]"));
    for reserved in ["0.1.0.0/16", "127.0.0.0/16", "169.254.0.0/16", "169.254.8.0/24", "224.0.0.0/16", "250.0.0.0/16"] {
        assert!(wrong(&of(reserved)).contains("error[cidr-reserved]"), "{reserved}");
    }
    for public in ["8.8.0.0/16", "172.32.0.0/16", "203.0.113.0/24", "100.128.0.0/16", "198.20.0.0/16"] {
        assert!(wrong(&of(public)).contains("error[cidr-public]"), "{public}");
    }
    for private in ["10.0.0.0/16", "172.31.0.0/16", "192.168.0.0/16", "100.64.0.0/16", "198.18.0.0/16"] {
        right(&of(private));
    }
}

#[test]
fn subnets_do_not_overlap_even_across_tiers() {
    assert_snapshot!(wrong(&vpc("cidr: 10.0.0.0/16
availability_zones: [a]
tiers:
  data: { route: isolated, subnets: [10.0.0.0/20] }
  cache: { route: isolated, subnets: [10.0.8.0/24] }
  queue: { route: isolated, subnets: [10.0.0.0/20] }")), @"
    error[subnets-overlap]: subnet `10.0.8.0/24` overlaps `10.0.0.0/20`
      --> topology.yaml:10:43
       |
     9 |       data: { route: isolated, subnets: [10.0.0.0/20] }
       |                                          ----------- 10.0.0.0 to 10.0.15.255
    10 |       cache: { route: isolated, subnets: [10.0.8.0/24] }
       |                                           ^^^^^^^^^^^ 10.0.8.0 to 10.0.8.255
       |
       = help: write a range that no other subnet uses

    error[subnets-overlap]: subnet `10.0.0.0/20` is written twice
      --> topology.yaml:11:43
       |
     9 |       data: { route: isolated, subnets: [10.0.0.0/20] }
       |                                          ----------- 10.0.0.0 to 10.0.15.255
    10 |       cache: { route: isolated, subnets: [10.0.8.0/24] }
    11 |       queue: { route: isolated, subnets: [10.0.0.0/20] }
       |                                           ^^^^^^^^^^^ 10.0.0.0 to 10.0.15.255
       |
       = help: write a range that no other subnet uses

    2 problems
    ");
}

#[test]
fn a_tier_has_one_subnet_a_zone() {
    assert_snapshot!(wrong(&vpc("cidr: 10.0.0.0/16
availability_zones: [a, b, c]
tiers:
  data: { route: isolated, subnets: [10.0.0.0/24, 10.0.1.0/24] }
  cache: { route: isolated, availability_zones: [a], subnets: [10.0.2.0/24, 10.0.3.0/24] }")), @"
    error[subnet-count]: tier `data` has 2 subnets for 3 Availability Zones
     --> topology.yaml:9:41
      |
    9 |       data: { route: isolated, subnets: [10.0.0.0/24, 10.0.1.0/24] }
      |                                         ^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write one range for each of a, b, c, in this order

    error[subnet-count]: tier `cache` has 2 subnets for 1 Availability Zone
      --> topology.yaml:10:67
       |
    10 |       cache: { route: isolated, availability_zones: [a], subnets: [10.0.2.0/24, 10.0.3.0/24] }
       |                                                                   ^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: write one range for each of a, in this order

    2 problems
    ");
}

#[test]
fn ranges_are_written_as_aws_keeps_them() {
    assert_snapshot!(wrong(&vpc("cidr: 10.0.4.0/16
availability_zones: [a, b, c, d]
tiers:
  data: { route: isolated, subnets: [10.0.0.7/24, 10.0.1.0, 10.0.256.0/24, 10.0.2.0/33] }")), @"
    error[cidr-not-canonical]: `10.0.4.0/16` has bits set behind its prefix length
     --> topology.yaml:6:11
      |
    6 |     cidr: 10.0.4.0/16
      |           ^^^^^^^^^^^
      |
      = help: AWS keeps the canonical form: write `10.0.0.0/16`

    error[cidr-not-canonical]: `10.0.0.7/24` has bits set behind its prefix length
     --> topology.yaml:9:42
      |
    9 |       data: { route: isolated, subnets: [10.0.0.7/24, 10.0.1.0, 10.0.256.0/24, 10.0.2.0/33] }
      |                                          ^^^^^^^^^^^
      |
      = help: AWS keeps the canonical form: write `10.0.0.0/24`

    error[cidr]: `10.0.1.0` is an address, not a range
     --> topology.yaml:9:55
      |
    9 |       data: { route: isolated, subnets: [10.0.0.7/24, 10.0.1.0, 10.0.256.0/24, 10.0.2.0/33] }
      |                                                       ^^^^^^^^
      |
      = help: give it a prefix length from 16 to 28, such as `10.0.1.0/24`

    error[cidr]: `10.0.256.0/24` is not an IPv4 range
     --> topology.yaml:9:65
      |
    9 |       data: { route: isolated, subnets: [10.0.0.7/24, 10.0.1.0, 10.0.256.0/24, 10.0.2.0/33] }
      |                                                                 ^^^^^^^^^^^^^
      |
      = help: write four numbers up to 255 and a prefix length up to 32, such as `10.0.0.0/16`

    error[cidr]: `10.0.2.0/33` is not an IPv4 range
     --> topology.yaml:9:80
      |
    9 |       data: { route: isolated, subnets: [10.0.0.7/24, 10.0.1.0, 10.0.256.0/24, 10.0.2.0/33] }
      |                                                                                ^^^^^^^^^^^
      |
      = help: write four numbers up to 255 and a prefix length up to 32, such as `10.0.0.0/16`

    5 problems
    ");
}

#[test]
fn zones_are_letters_named_once() {
    assert_snapshot!(wrong(&vpc("cidr: 10.0.0.0/16
availability_zones: [a, eu-west-1b, a]")), @"
    error[zone]: `eu-west-1b` is not the letter of an Availability Zone
     --> topology.yaml:7:29
      |
    7 |     availability_zones: [a, eu-west-1b, a]
      |                             ^^^^^^^^^^
      |
      = help: write the letter only: `b`

    error[zone-twice]: Availability Zone `a` is named twice
     --> topology.yaml:7:41
      |
    7 |     availability_zones: [a, eu-west-1b, a]
      |                          - first here   ^
      |
      = help: name each zone once; subnets of a tier stand in different zones

    2 problems
    ");
    assert_snapshot!(wrong(&vpc("cidr: 10.0.0.0/16
availability_zones: []")), @"
    error[no-zone]: no Availability Zone is named
     --> topology.yaml:7:25
      |
    7 |     availability_zones: []
      |                         ^
      |
      = help: write their letters: `[a, b]`

    1 problem
    ");
}

#[test]
fn a_tier_stands_in_zones_of_its_vpc() {
    assert_snapshot!(wrong(&vpc("cidr: 10.0.0.0/16
availability_zones: [a, b]
tiers:
  data: { route: isolated, availability_zones: [a, c], subnets: [10.0.0.0/24, 10.0.1.0/24] }")), @"
    error[zone-outside-vpc]: Availability Zone `c` is not one of the VPC's
     --> topology.yaml:9:56
      |
    9 |       data: { route: isolated, availability_zones: [a, c], subnets: [10.0.0.0/24, 10.0.1.0/24] }
      |                                                        ^
      |
      = help: add it to the VPC's `availability_zones`, or leave it out here

    1 problem
    ");
}

#[test]
fn names_of_tiers_are_distinct_and_plain() {
    assert_snapshot!(wrong(&vpc("cidr: 10.0.0.0/16
availability_zones: [a]
tiers:
  app-data: { route: isolated, subnets: [10.0.0.0/24] }
  app_data: { route: isolated, subnets: [10.0.1.0/24] }
  1st Tier: { route: isolated, subnets: [10.0.2.0/24] }")), @"
    error[name]: `app_data` cannot be a tier name
      --> topology.yaml:10:7
       |
    10 |       app_data: { route: isolated, subnets: [10.0.1.0/24] }
       |       ^^^^^^^^
       |
       = help: use lower-case letters, digits and `-`, beginning with a letter, at most 63 characters: `app-data`

    error[name-clash]: the tier names `app-data` and `app_data` are too alike
      --> topology.yaml:10:7
       |
     9 |       app-data: { route: isolated, subnets: [10.0.0.0/24] }
       |       -------- the other one
    10 |       app_data: { route: isolated, subnets: [10.0.1.0/24] }
       |       ^^^^^^^^
       |
       = help: give one of them a name that differs in more than case or punctuation

    error[name]: `1st Tier` cannot be a tier name
      --> topology.yaml:11:7
       |
    11 |       1st Tier: { route: isolated, subnets: [10.0.2.0/24] }
       |       ^^^^^^^^
       |
       = help: use lower-case letters, digits and `-`, beginning with a letter, at most 63 characters

    3 problems
    ");
}

#[test]
fn an_internet_tier_needs_an_internet_gateway() {
    assert_snapshot!(wrong(&vpc("cidr: 10.0.0.0/16
availability_zones: [a]
internet_gateway: false
tiers:
  public: { route: internet, subnets: [10.0.0.0/24] }")), @"
    error[no-internet-gateway]: tier `public` routes to an internet gateway that the VPC does not have
      --> topology.yaml:10:24
       |
     8 |     internet_gateway: false
       |                       ----- here
     9 |     tiers:
    10 |       public: { route: internet, subnets: [10.0.0.0/24] }
       |                        ^^^^^^^^
       |
       = help: write `internet_gateway: true` in the VPC, or another `route` here

    1 problem
    ");
}

#[test]
fn a_tier_names_groups_of_its_vpc() {
    let tiers = |groups: &str| {
        vpc(&format!(
            "cidr: 10.0.0.0/16
availability_zones: [a]
tiers:
  data: {{ route: isolated, subnets: [10.0.0.0/24], security_groups: {groups} }}
security_groups: {{ database: {{ ingress: [] }} }}"
        ))
    };
    assert_snapshot!(wrong(&tiers("[databse, web]")), @"
    error[unknown-group]: no group of this VPC is called `databse`
     --> topology.yaml:9:74
      |
    9 |       data: { route: isolated, subnets: [10.0.0.0/24], security_groups: [databse, web] }
      |                                                                          ^^^^^^^
      |
      = help: did you mean `database`?

    error[unknown-group]: no group of this VPC is called `web`
     --> topology.yaml:9:83
      |
    9 |       data: { route: isolated, subnets: [10.0.0.0/24], security_groups: [databse, web] }
      |                                                                                   ^^^
      |
      = help: name a group under `security_groups` of this VPC

    2 problems
    ");
    assert_snapshot!(wrong(&tiers("[]")), @"
    error[tier-without-group]: everything in tier `data` carries some group
     --> topology.yaml:9:73
      |
    9 |       data: { route: isolated, subnets: [10.0.0.0/24], security_groups: [] }
      |                                                                         ^
      |
      = help: name the groups that things in it carry, or leave `security_groups` out

    1 problem
    ");
    let exposure = |text: &str| right(text).exposure;
    let tier = exposure(&tiers("[database]")).unwrap().vpcs["main"].tiers["data"].clone();
    assert_eq!((tier.never_public, tier.groups), (false, Some(["database".into()].into())));
}

#[test]
fn what_is_said_of_public_addresses_is_kept() {
    let of = |public_ips: &str| {
        let tier = format!("{{ route: isolated, subnets: [10.0.0.0/24]{public_ips} }}");
        let text = format!("cidr: 10.0.0.0/16\navailability_zones: [a]\ntiers: {{ d: {tier} }}");
        right(&vpc(&text)).exposure
    };
    assert_eq!(of(""), None, "left out is not managed");
    assert_eq!(of(", public_ips: on-request"), None);
    assert!(of(", public_ips: never").unwrap().vpcs["main"].tiers["d"].never_public);
}

#[test]
fn public_addresses_need_a_route_to_the_internet() {
    assert_snapshot!(wrong(&vpc("cidr: 10.0.0.0/16
availability_zones: [a]
tiers:
  data: { route: isolated, subnets: [10.0.0.0/24], public_ips: on-launch }")), @"
    error[public-ips]: public addresses where no route leads to the internet
     --> topology.yaml:9:68
      |
    9 |       data: { route: isolated, subnets: [10.0.0.0/24], public_ips: on-launch }
      |                      -------- the tier's default route             ^^^^^^^^^
      |
      = help: write `public_ips: never`, or `route: internet`

    1 problem
    ");
}

#[test]
fn nat_per_zone_needs_a_public_subnet_in_each_zone_that_uses_it() {
    let document = |nat: &str| {
        vpc(&format!(
            "cidr: 10.0.0.0/16
availability_zones: [a, b, c]
internet_gateway: true
nat: {nat}
tiers:
  public: {{ route: internet, availability_zones: [a], subnets: [10.0.0.0/24] }}
  private: {{ route: nat, availability_zones: [a, b], subnets: [10.0.2.0/24, 10.0.3.0/24] }}"
        ))
    };
    assert_snapshot!(wrong(&document("{ mode: per-az }")), @"
    error[nat-zone-without-public-subnet]: no public subnet for a NAT gateway in Availability Zone `b`
      --> topology.yaml:9:18
       |
     9 |     nat: { mode: per-az }
       |                  ^^^^^^
    10 |     tiers:
    11 |       public: { route: internet, availability_zones: [a], subnets: [10.0.0.0/24] }
       |       ------ this tier holds the gateways
       |
       = help: give tier `public` a subnet in zone `b`, or write `mode: single`

    1 problem
    ");
    right(&document("{ mode: single }"));
}

#[test]
fn nat_needs_an_internet_gateway_and_a_public_tier() {
    assert_snapshot!(wrong(&vpc("cidr: 10.0.0.0/16
availability_zones: [a]
nat: { mode: single }
tiers:
  private: { route: nat, subnets: [10.0.0.0/24] }")), @"
    error[nat-without-internet-gateway]: NAT gateways need an internet gateway to reach the internet
     --> topology.yaml:8:18
      |
    8 |     nat: { mode: single }
      |                  ^^^^^^
      |
      = help: write `internet_gateway: true` in the VPC

    error[nat-without-public-tier]: NAT gateways stand in a tier with `route: internet`, and there is none
     --> topology.yaml:8:18
      |
    8 |     nat: { mode: single }
      |                  ^^^^^^
      |
      = help: add such a tier with a subnet in each Availability Zone, or write `mode: regional`

    2 problems
    ");
}

#[test]
fn nat_none_contradicts_a_tier_that_routes_through_it() {
    assert_snapshot!(wrong(&tiers("nat: { mode: none }")), @"
    error[nat-none]: tier `private` routes through NAT, but there is none
      --> topology.yaml:13:18
       |
    13 |     nat: { mode: none }
       |                  ^^^^
       |
       = help: write `mode: auto`, or `route: isolated` in that tier

    1 problem
    ");
}

#[test]
fn gateways_that_nothing_uses_are_not_paid_for() {
    assert_snapshot!(wrong(&vpc("cidr: 10.0.0.0/16
availability_zones: [a]
nat: { mode: single }
tiers:
  data: { route: isolated, subnets: [10.0.0.0/24] }")), @"
    error[nat-unused]: no tier routes through these NAT gateways
     --> topology.yaml:8:18
      |
    8 |     nat: { mode: single }
      |                  ^^^^^^
      |
      = help: write `mode: none`, or `route: nat` in the tiers that shall use them

    1 problem
    ");
}

#[test]
fn the_tier_of_the_gateways_routes_to_the_internet() {
    assert_snapshot!(wrong(&tiers("nat: { mode: single, tier: private }")), @"
    error[nat-tier]: tier `private` cannot hold NAT gateways: it does not route to the internet gateway
      --> topology.yaml:13:32
       |
    13 |     nat: { mode: single, tier: private }
       |                                ^^^^^^^
       |
       = help: name a tier with `route: internet`

    1 problem
    ");
    assert_snapshot!(wrong(&tiers("nat: { mode: single, tier: pubic }")), @"
    error[nat-tier]: no tier is called `pubic`
      --> topology.yaml:13:32
       |
    13 |     nat: { mode: single, tier: pubic }
       |                                ^^^^^
       |
       = help: did you mean `public`?

    1 problem
    ");
}

#[test]
fn nat_auto_follows_the_environment() {
    let nat = |text: &str| right(text).vpcs["main"].nat.clone();
    let zonal = |zones: &[&str]| {
        Some(Nat::Zonal { tier: "public".into(), zones: zones.iter().map(|zone| (*zone).into()).collect() })
    };
    let production = tiers("nat: { mode: auto }");
    assert_eq!(nat(&production), zonal(&["a", "b"]));
    assert_eq!(nat(&production.replace("production", "staging")), zonal(&["a"]));
    assert_eq!(nat(&production.replace("production", "development")), zonal(&["a"]));
    assert_eq!(nat(&tiers("nat: { mode: regional }")), Some(Nat::Regional));
    assert_eq!(nat(&tiers("")), None, "an undeclared section is not managed");
}

#[test]
fn a_tier_resolves_to_one_subnet_a_zone_in_order() {
    let topology = right(&tiers(""));
    let main = &topology.vpcs["main"];
    let subnets: Vec<(&str, String, &str)> = main
        .subnets()
        .map(|(tier, _, subnet)| (tier.as_str(), subnet.cidr.to_string(), subnet.zone.as_str()))
        .collect();
    assert_eq!(subnets[0], ("data", "10.0.4.0/24".to_owned(), "a"));
    assert_eq!(subnets[1], ("data", "10.0.5.0/24".to_owned(), "b"));
    assert_eq!(subnets.len(), 6);
    assert_eq!(main.tiers["public"].route, Route::Internet);
    assert_eq!(main.tiers["public"].public_ips, None);
    let never = right(&vpc(
        "cidr: 10.0.0.0/16\navailability_zones: [a]\ntiers: { d: { route: isolated, subnets: [10.0.0.0/24], public_ips: never } }",
    ));
    assert_eq!(never.vpcs["main"].tiers["d"].public_ips, Some(PublicIps::Never));
}

#[test]
fn nat_knows_its_subnets_its_addresses_and_its_hold_down() {
    let text = tiers(
        "nat:
  mode: auto
  fail_back_after: 5 minutes
  addresses:
    a: eipalloc-0123456789abcdef0
    b: { tag: Name=partner }",
    );
    let windows = "maintenance:\n- { days: [sat, sun], from: \"02:00\", for: 2 hours }\nvpcs:";
    let topology = right(&text.replace("vpcs:", windows));
    let nat = topology.nat.unwrap();
    assert!(nat.production);
    assert_eq!(nat.maintenance, [Window::new(5, 7_200, 7_200), Window::new(6, 7_200, 7_200)]);
    let main = &nat.vpcs["main"];
    assert_eq!(main.gateways, Gateways::Zonal(vec!["a".into(), "b".into()]));
    let homes: Vec<String> = main.homes.iter().map(|(zone, cidr)| format!("{zone} {cidr}")).collect();
    assert_eq!(homes, ["a 10.0.0.0/24", "b 10.0.1.0/24"]);
    let routed: Vec<String> =
        main.routed.iter().map(|Routed { tier, cidr, zone }| format!("{tier} {cidr} {zone}")).collect();
    assert_eq!(routed, ["private 10.0.2.0/24 a", "private 10.0.3.0/24 b"]);
    assert_eq!(main.fail_back_after, SignedDuration::from_mins(5));
    let tag = DesiredAddress::Tag { key: "Name".into(), value: "partner".into() };
    let id = DesiredAddress::Allocation("eipalloc-0123456789abcdef0".into());
    assert_eq!(main.addresses, [("a".into(), id), ("b".into(), tag)].into());

    let plain = |text: &str| right(text).nat.unwrap().vpcs["main"].clone();
    assert_eq!(plain(&tiers("nat: { mode: auto }")).fail_back_after, SignedDuration::from_mins(15));
    let at_once = tiers("nat: { mode: auto, fail_back_after: 0 minutes }");
    assert_eq!(plain(&at_once).fail_back_after, SignedDuration::ZERO);
    let single = plain(&tiers("nat: { mode: single }"));
    assert_eq!((single.gateways, single.homes.len()), (Gateways::Zonal(vec!["a".into()]), 2));
    let retired = tiers("nat: { mode: auto }").replace("vpcs:", "state: retired\nvpcs:");
    let retired = plain(&retired);
    assert_eq!((retired.gateways, retired.routed.len()), (Gateways::None, 2), "what is ours goes, in order");
    assert_eq!(right(&tiers("")).nat, None, "an undeclared section is not managed");
}

#[test]
fn nat_addresses_are_named_once_by_id_or_by_tag() {
    assert_snapshot!(wrong(&tiers("nat:
  mode: auto
  fail_back_after: 8 days
  addresses: { a: eipalloc-1, b: { tag: partner }, c: { tag: Name=x }, d: { tag: Name=x }, e: {} }")), @"
    error[fail-back]: routes would stay away from their own zone for too long
      --> topology.yaml:15:24
       |
    15 |       fail_back_after: 8 days
       |                        ^^^^^^
       |
       = help: write `15 minutes`, or at most `7 days`

    error[id]: `eipalloc-1` is not the id of an Elastic IP address
      --> topology.yaml:16:23
       |
    16 |       addresses: { a: eipalloc-1, b: { tag: partner }, c: { tag: Name=x }, d: { tag: Name=x }, e: {} }
       |                       ^^^^^^^^^^
       |
       = help: write `eipalloc-` and the 8 or 17 hexadecimal digits that AWS shows

    error[nat-address-tag]: `partner` does not name a tag
      --> topology.yaml:16:45
       |
    16 |       addresses: { a: eipalloc-1, b: { tag: partner }, c: { tag: Name=x }, d: { tag: Name=x }, e: {} }
       |                                             ^^^^^^^
       |
       = help: write its key and its value: `tag: Name=partner-address`

    error[nat-address-zone]: `c` is not an Availability Zone of the VPC
      --> topology.yaml:16:56
       |
    16 |       addresses: { a: eipalloc-1, b: { tag: partner }, c: { tag: Name=x }, d: { tag: Name=x }, e: {} }
       |                                                        ^
       |
       = help: write one of a, b

    error[nat-address-zone]: `d` is not an Availability Zone of the VPC
      --> topology.yaml:16:76
       |
    16 |       addresses: { a: eipalloc-1, b: { tag: partner }, c: { tag: Name=x }, d: { tag: Name=x }, e: {} }
       |                                                                            ^
       |
       = help: write one of a, b

    error[nat-address-twice]: two gateways cannot have the same address
      --> topology.yaml:16:79
       |
    16 |       addresses: { a: eipalloc-1, b: { tag: partner }, c: { tag: Name=x }, d: { tag: Name=x }, e: {} }
       |                                                           -------------       ^^^^^^^^^^^^^
       |                                                           |
       |                                                           the other one
       |
       = help: give each Availability Zone an address of its own

    error[nat-address-zone]: `e` is not an Availability Zone of the VPC
      --> topology.yaml:16:96
       |
    16 |       addresses: { a: eipalloc-1, b: { tag: partner }, c: { tag: Name=x }, d: { tag: Name=x }, e: {} }
       |                                                                                                ^
       |
       = help: write one of a, b

    error[missing-key]: `tag` is missing
      --> topology.yaml:16:99
       |
    16 |       addresses: { a: eipalloc-1, b: { tag: partner }, c: { tag: Name=x }, d: { tag: Name=x }, e: {} }
       |                                                                                                   ^
       |
       = help: write `tag: Name=partner-address`

    8 problems
    ");
    assert_snapshot!(wrong(&tiers("nat: { mode: regional, addresses: { a: eipalloc-0123456789abcdef0 } }")), @"
    error[nat-addresses]: a regional NAT gateway has addresses that AWS owns
      --> topology.yaml:13:39
       |
    13 |     nat: { mode: regional, addresses: { a: eipalloc-0123456789abcdef0 } }
       |                                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: leave `addresses` out, or write `mode: per-az`

    1 problem
    ");
}

#[test]
fn maintenance_windows_are_days_a_time_and_a_length() {
    let document = tiers("nat: { mode: auto }").replace(
        "vpcs:",
        "maintenance:
- {}
- { days: [], from: \"2:00\", for: 2h }
- { days: [sunday], from: \"24:00\", for: 2 days }
vpcs:",
    );
    assert_snapshot!(wrong(&document), @r#"
    error[missing-key]: `from` is missing
     --> topology.yaml:5:3
      |
    5 | - {}
      |   ^
      |
      = help: write `from: "02:00"`

    error[missing-key]: `for` is missing
     --> topology.yaml:5:3
      |
    5 | - {}
      |   ^
      |
      = help: write `for: 2 hours`

    error[missing-key]: `days` is missing
     --> topology.yaml:5:3
      |
    5 | - {}
      |   ^
      |
      = help: write `days: [sun]`

    error[no-day]: this window never opens
     --> topology.yaml:6:11
      |
    6 | - { days: [], from: "2:00", for: 2h }
      |           ^
      |
      = help: name its days: `[sat, sun]`

    error[time-of-day]: `2:00` is not a time of day
     --> topology.yaml:6:21
      |
    6 | - { days: [], from: "2:00", for: 2h }
      |                     ^^^^^^
      |
      = help: write hours and minutes in UTC, quoted: `from: "02:00"`

    error[duration]: `2h` is not a length of time
     --> topology.yaml:6:34
      |
    6 | - { days: [], from: "2:00", for: 2h }
      |                                  ^^
      |
      = help: write the unit out: `2 hours`

    error[unknown-word]: `sunday` is not a choice here
     --> topology.yaml:7:12
      |
    7 | - { days: [sunday], from: "24:00", for: 2 days }
      |            ^^^^^^
      |
      = help: write one of: `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`

    error[time-of-day]: `24:00` is not a time of day
     --> topology.yaml:7:27
      |
    7 | - { days: [sunday], from: "24:00", for: 2 days }
      |                           ^^^^^^^
      |
      = help: write hours and minutes in UTC, quoted: `from: "02:00"`

    error[window-length]: a window is open for a day at most
     --> topology.yaml:7:41
      |
    7 | - { days: [sunday], from: "24:00", for: 2 days }
      |                                         ^^^^^^
      |
      = help: name more days, or write `24 hours`

    9 problems
    "#);
}
