//! Routes besides a tier's own, and what the `routes` control is told.

use super::{right, tiers, vpc, wrong};
use topology::network::{ExtraRoute, Route, TargetKind, Via};

/// A document whose tiers have these extra routes.
fn extra(public: &str, private: &str, data: &str) -> String {
    vpc(&format!(
        "cidr: 10.0.0.0/16
availability_zones: [a]
internet_gateway: true
nat: {{ mode: single }}
tiers:
  public: {{ route: internet, subnets: [10.0.0.0/24], extra_routes: {public} }}
  private: {{ route: nat, subnets: [10.0.2.0/24], extra_routes: {private} }}
  data: {{ route: isolated, subnets: [10.0.4.0/24], extra_routes: {data} }}"
    ))
}

#[test]
fn extra_routes_are_kept_or_allowed() {
    let topology = right(&extra(
        r#"[{ to: "::/0", via: internet-gateway }]"#,
        "[{ to: 10.8.0.0/16, via: tgw-0123456789abcdef0 }, { via: peering }]",
        "[{ to: 0.0.0.0/0, via: transit-gateway }, { to: pl-0123456789abcdef0 }]",
    ));
    let tiers = &topology.vpcs["main"].tiers;
    let of = |tier: &str| tiers[tier].extra_routes.clone();
    assert_eq!(
        of("public"),
        [ExtraRoute { to: Some("::/0".into()), via: Some(Via::Kind(TargetKind::InternetGateway)) }]
    );
    assert_eq!(
        of("private"),
        [
            ExtraRoute { to: Some("10.8.0.0/16".into()), via: Some(Via::Id("tgw-0123456789abcdef0".into())) },
            ExtraRoute { to: None, via: Some(Via::Kind(TargetKind::Peering)) },
        ]
    );
    assert_eq!(of("data").len(), 2);
}

#[test]
fn what_is_said_of_routes_reaches_their_control() {
    let topology = right(&tiers("dns: { support: true }\nnat: { mode: single }"));
    let vpc = &topology.routes.as_ref().unwrap().vpcs["main"];
    assert_eq!((vpc.internet_gateway, vpc.dns.support, vpc.dns.hostnames), (Some(true), Some(true), None));
    assert!(vpc.nat && vpc.subnets.len() == 6);
    assert!(vpc.subnets.iter().any(|subnet| subnet.route == Route::Isolated && subnet.zone.as_str() == "b"));
    let unmanaged = right(&vpc_only());
    assert_eq!(unmanaged.routes, None, "nothing is said of routes");
    let nobody = right(&tiers(""));
    assert!(!nobody.routes.unwrap().vpcs["main"].nat, "nothing is said of NAT");
}

fn vpc_only() -> String {
    vpc("cidr: 10.0.0.0/16\navailability_zones: [a]")
}

#[test]
fn extra_routes_that_contradict_are_refused() {
    let text = extra(
        "[{}, { to: 0.0.0.0/0, via: internet-gateway }, { via: internet-gateway }, { to: ::/0, via: peering }]",
        "[{ to: 203.0.113.0/24, via: internet-gateway }, { to: 10.8.0.0/15, via: tgw-123 }, { via: transit-gatway }]",
        "[{ to: 10.0.0.0/16, via: peering }, { to: 10.9.0.0/16 }, { to: 10.9.0.0/16 }, { to: 10.9.1.1, via: nat-gateway }]",
    );
    insta::assert_snapshot!(wrong(&text), @r#"
    error[extra-route]: this allows any route to anything
      --> topology.yaml:11:73
       |
    11 |       public: { route: internet, subnets: [10.0.0.0/24], extra_routes: [{}, { to: 0.0.0.0/0, via: internet-gateway }, { via: interne...
       |                                                                         ^
       |
       = help: write `to: 10.8.0.0/16`, `via: transit-gateway`, or both

    error[extra-route]: the default route of this tier leads to the internet gateway
      --> topology.yaml:11:83
       |
    11 |       public: { route: internet, subnets: [10.0.0.0/24], extra_routes: [{}, { to: 0.0.0.0/0, via: internet-gateway }, { via: interne...
       |                                                                                   ^^^^^^^^^
       |
       = help: leave it out here, or write `route: isolated` in this tier

    error[extra-route]: a way to the internet is declared without its range
      --> topology.yaml:11:126
       |
    11 | ...: [{}, { to: 0.0.0.0/0, via: internet-gateway }, { via: internet-gateway }, { to: ::/0, via: peering }] }
       |                                                            ^^^^^^^^^^^^^^^^
       |
       = help: say where to: `to: "::/0"`, for one

    error[unquoted-ipv6]: the IPv6 range `::/0` is not in quotes
      --> topology.yaml:11:152
       |
    11 | .../0, via: internet-gateway }, { via: internet-gateway }, { to: ::/0, via: peering }] }
       |                                                                  ^^^^
       |
       = help: YAML reads `:` as the end of a key; write "::/0"

    error[extra-route]: this tier has no such way to the internet
      --> topology.yaml:12:96
       |
    12 |       private: { route: nat, subnets: [10.0.2.0/24], extra_routes: [{ to: 203.0.113.0/24, via: internet-gateway }, { to: 10.8.0.0/15...
       |                                                                                                ^^^^^^^^^^^^^^^^
       |
       = help: leave it out, or give the tier the `route` that it is meant to have

    error[id]: `tgw-123` is not the id of a route's target
      --> topology.yaml:12:140
       |
    12 | ....113.0/24, via: internet-gateway }, { to: 10.8.0.0/15, via: tgw-123 }, { via: transit-gatway }] }
       |                                                                ^^^^^^^
       |
       = help: write `tgw-` and the 8 or 17 hexadecimal digits that AWS shows

    error[route-target]: `transit-gatway` is nothing that a route can lead to
      --> topology.yaml:12:158
       |
    12 | ...net-gateway }, { to: 10.8.0.0/15, via: tgw-123 }, { via: transit-gatway }] }
       |                                                             ^^^^^^^^^^^^^^
       |
       = help: did you mean `transit-gateway`?

    error[extra-route]: `10.0.0.0/16` is the VPC itself
      --> topology.yaml:13:77
       |
    13 |       data: { route: isolated, subnets: [10.0.4.0/24], extra_routes: [{ to: 10.0.0.0/16, via: peering }, { to: 10.9.0.0/16 }, { to: ...
       |                                                                             ^^^^^^^^^^^
       |
       = help: leave it out: AWS routes within the VPC; a part of its range may be written

    error[extra-route-twice]: routes to `10.9.0.0/16` are written twice
      --> topology.yaml:13:133
       |
    13 | ...utes: [{ to: 10.0.0.0/16, via: peering }, { to: 10.9.0.0/16 }, { to: 10.9.0.0/16 }, { to: 10.9.1.1, via: nat-gateway }] }
       |                                                    -----------          ^^^^^^^^^^^
       |                                                    |
       |                                                    first here
       |
       = help: a table has one route to a range: keep one of them

    error[cidr]: `10.9.1.1` is not an IPv4 range
      --> topology.yaml:13:154
       |
    13 | ... peering }, { to: 10.9.0.0/16 }, { to: 10.9.0.0/16 }, { to: 10.9.1.1, via: nat-gateway }] }
       |                                                                ^^^^^^^^
       |
       = help: a range has a prefix length; for this one address write `10.9.1.1/32`

    error[extra-route]: this tier has no such way to the internet
      --> topology.yaml:13:169
       |
    13 | ... 10.9.0.0/16 }, { to: 10.9.0.0/16 }, { to: 10.9.1.1, via: nat-gateway }] }
       |                                                              ^^^^^^^^^^^
       |
       = help: leave it out, or give the tier the `route` that it is meant to have

    11 problems
    "#);
}

#[test]
fn host_names_need_the_resolver() {
    insta::assert_snapshot!(wrong(&tiers("dns: { support: false, hostnames: true }")), @"
    error[dns]: host names need the Amazon resolver, which is off
      --> topology.yaml:13:39
       |
    13 |     dns: { support: false, hostnames: true }
       |                     ----- here        ^^^^
       |
       = help: write `support: true`, or `hostnames: false`

    1 problem
    ");
}
