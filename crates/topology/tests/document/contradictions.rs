//! A document that contradicts itself across controls: what one section says rules out what another one says. Each line is the whole
//! answer: where, what, and what to write instead.

use crate::{tiers, vpc};
use topology::document::{Catalog, read, read_all};

/// Every problem as `line:column code: title; help`.
#[track_caller]
fn told(text: &str) -> Vec<String> {
    let Err(problems) = read("topology.yaml", text) else { panic!("accepted:\n{text}") };
    let line = |problem: &topology::document::Problem| {
        let help = problem.help.as_deref().unwrap_or("(no help)");
        format!("{}:{} {}: {}; {help}", problem.at.line, problem.at.column, problem.code, problem.title)
    };
    problems.iter().map(line).collect()
}

#[track_caller]
fn holds(text: &str) {
    if let Err(problems) = read("topology.yaml", text) {
        panic!("refused:\n{problems}");
    }
}

/// Sound, but for these tiers.
fn with(tiers: &str, rest: &str) -> String {
    let tiers: String = tiers.lines().map(|line| format!("  {line}\n")).collect();
    vpc(&format!("cidr: 10.0.0.0/16\navailability_zones: [a, b]\ninternet_gateway: true\ntiers:\n{tiers}{rest}"))
}

#[test]
fn an_isolated_tier_and_gateways_that_nothing_uses() {
    let isolated = with("data: { route: isolated, subnets: [10.0.4.0/24, 10.0.5.0/24] }", "nat: { mode: per-az }");
    assert_eq!(
        told(&isolated),
        [
            "11:18 nat-unused: no tier routes through these NAT gateways; write `mode: none`, or `route: nat` in the tiers that shall \
          use them"
        ]
    );
    assert_eq!(
        told(&tiers("nat: { mode: single, tier: data }")),
        [
            "13:32 nat-tier: tier `data` cannot hold NAT gateways: it does not route to the internet gateway; name a tier with `route: \
          internet`"
        ]
    );
    assert_eq!(
        told(&tiers("nat: { mode: none }")),
        [
            "13:18 nat-none: tier `private` routes through NAT, but there is none; write `mode: auto`, or `route: isolated` in that tier"
        ]
    );
}

#[test]
fn a_tier_where_nothing_has_a_public_address_and_gateways_that_have() {
    let never = tiers("nat: { mode: auto }")
        .replace("[10.0.0.0/24, 10.0.1.0/24] }", "[10.0.0.0/24, 10.0.1.0/24], public_ips: never }");
    assert_eq!(
        told(&never),
        [
            "10:83 public-ips: tier `public` holds NAT gateways, which have public addresses; write `public_ips: on-request`, or name \
          another `tier` for the gateways"
        ]
    );
    holds(&never.replace("never", "on-request"));
    holds(&never.replace("mode: auto", "mode: regional"));
    let beside =
        never.replace("tiers:\n", "tiers:\n      edge: { route: internet, subnets: [10.0.6.0/24, 10.0.7.0/24] }\n");
    holds(&beside.replace("mode: auto", "mode: auto, tier: edge"));
    let launch =
        tiers("").replace("[10.0.4.0/24, 10.0.5.0/24] }", "[10.0.4.0/24, 10.0.5.0/24], public_ips: on-launch }");
    assert_eq!(
        told(&launch),
        [
            "12:81 public-ips: public addresses where no route leads to the internet; write `public_ips: never`, or `route: internet`"
        ]
    );
}

#[test]
fn addresses_for_gateways_that_cannot_be() {
    let one_zone = "public: { route: internet, subnets: [10.0.0.0/24], availability_zones: [a] }
private: { route: nat, subnets: [10.0.2.0/24, 10.0.3.0/24] }";
    let text = with(
        one_zone,
        "nat: { mode: single, addresses: { a: eipalloc-0123456789abcdef0, b: eipalloc-0123456789abcdef1 } }",
    );
    assert_eq!(
        told(&text),
        [
            "12:70 nat-address-zone: no NAT gateway can stand in zone `b`: tier `public` has no subnet there; give tier `public` a subnet \
          in zone `b`, or remove this address"
        ]
    );
    holds(&tiers("nat: { mode: single, addresses: { b: eipalloc-0123456789abcdef1 } }"));
    let none = with(
        "public: { route: internet, subnets: [10.0.0.0/24, 10.0.1.0/24] }",
        "nat: { mode: none, addresses: { a: eipalloc-0123456789abcdef0 } }",
    );
    assert_eq!(
        told(&none),
        [
            "11:35 nat-addresses: there is no NAT gateway that would have these addresses; leave `addresses` out, or write `route: nat` \
          in the tiers that shall use them"
        ]
    );
    assert_eq!(
        told(&tiers("nat: { mode: regional, tier: public, addresses: { a: eipalloc-0123456789abcdef0 } }")),
        [
            "13:34 nat-tier: a regional NAT gateway stands in no tier; leave `tier` out, or write `mode: per-az`",
            "13:53 nat-addresses: a regional NAT gateway has addresses that AWS owns; leave `addresses` out, or write `mode: per-az`",
        ]
    );
}

#[test]
fn routes_to_a_gateway_that_the_vpc_does_not_have() {
    let without = tiers("nat: { mode: auto }").replace("internet_gateway: true", "internet_gateway: false");
    assert_eq!(
        told(&without),
        [
            "10:24 no-internet-gateway: tier `public` routes to an internet gateway that the VPC does not have; write \
             `internet_gateway: true` in the VPC, or another `route` here",
            "13:18 nat-without-internet-gateway: NAT gateways need an internet gateway to reach the internet; write \
             `internet_gateway: true` in the VPC",
        ]
    );
}

#[test]
fn names_where_dns_is_off() {
    assert_eq!(
        told(&tiers("dns: { support: false, hostnames: true }")),
        ["13:39 dns: host names need the Amazon resolver, which is off; write `support: true`, or `hostnames: false`"]
    );
    holds(&tiers("dns: { support: false, hostnames: false }"));
    assert_eq!(
        told(&tiers("dns: { support: false }\nendpoints: { logs: interface }")),
        [
            "14:24 endpoint-dns: endpoint `logs` has private DNS, which the VPC's settings rule out; write `dns: { support: true }` in \
          the VPC, or `private_dns: false` here"
        ]
    );
    holds(&tiers("dns: { support: false }\nendpoints: { logs: { type: interface, private_dns: false } }"));
}

#[test]
fn an_endpoint_without_a_place_to_stand() {
    assert_eq!(
        told(&tiers("endpoints: { logs: { type: interface, tiers: [private, data] } }")),
        [
            "13:50 endpoint-zones: endpoint `logs` would have two subnets in Availability Zone `a`; an interface endpoint has one subnet \
          a zone, and serves the whole VPC from it: write `tiers: [private]`"
        ]
    );
    assert_eq!(
        told(&tiers("endpoints: { s3: { type: gateway, tiers: [privat] } }")),
        ["13:47 unknown-tier: no tier of this VPC is called `privat`; did you mean `private`?"]
    );
    let bare = vpc("cidr: 10.0.0.0/16\navailability_zones: [a]\nendpoints: { s3: gateway }");
    assert_eq!(
        told(&bare),
        [
            "8:18 endpoint-without-tier: endpoint `s3` has no route table to be in; declare a tier with subnets in this VPC, or remove the \
          endpoint"
        ]
    );
}

#[test]
fn an_endpoint_that_admits_nobody() {
    let text = |rules: &str, endpoint: &str| {
        tiers(&format!(
            "endpoints: {{ logs: {{ type: interface, security_groups: [calls, more]{endpoint} }} }}\nsecurity_groups:\n  \
                        calls: {{ ingress: [] }}\n  more: {{ {rules} }}"
        ))
    };
    assert_eq!(
        told(&text("ingress: [{ tcp: 80-442, from: 10.0.0.0/16 }, { udp: 443, from: 10.0.0.0/16 }]", "")),
        [
            "13:18 endpoint-admits-nobody: endpoint `logs` has private DNS, and its groups (calls, more) admit nobody on 443; private DNS \
             sends the whole VPC there: admit 443 in one of the groups, or write `private_dns: false`"
        ]
    );
    holds(&text("ingress: [{ tcp: 400-500, from: 10.0.0.0/16 }]", ""));
    holds(&text("ingress: [{ protocol: all, from: calls }]", ""));
    holds(&text("ingress: []", ", private_dns: false"));
}

#[test]
fn a_service_in_a_vpc_that_is_not_there() {
    let text = tiers("") + "privatelink:\n  api: { vpc: man, load_balancer: api }\n";
    assert_eq!(told(&text), ["14:15 unknown-vpc: no VPC is called `man`; did you mean `main`?"]);
}

fn logging(id: &str, place: &str, logs: &str) -> (String, String) {
    let text = vpc(&format!("cidr: 10.0.0.0/16\navailability_zones: [a]\nflow_logs: [{logs}]"));
    (format!("{id}.yaml"), text.replace("id: net", &format!("id: {id}\n{place}")))
}

fn refusals(catalog: &Catalog) -> Vec<String> {
    let problems = catalog.refused.iter().flat_map(|refused| refused.problems.iter());
    problems.map(|p| format!("{}:{} {}: {}", p.at.file, p.at.line, p.code, p.title)).collect()
}

#[test]
fn two_documents_that_record_into_one_place_must_agree_how() {
    let group = |retention: &str| format!("{{ cloudwatch: {{ log_group: /all/flows, retention: {retention} }} }}");
    let (week, month) = (group("7 days"), group("30 days"));
    let differ = read_all([logging("one", "", &week), logging("two", "", &month), logging("three", "", "")]);
    assert_eq!(differ.topologies.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["three"]);
    assert_eq!(
        refusals(&differ),
        [
            "one.yaml:6 retention-twice: the log group `/all/flows` is kept for 7 days, and 30 days in another document",
            "two.yaml:6 retention-twice: the log group `/all/flows` is kept for 30 days, and 7 days in another document",
        ]
    );
    assert!(differ.refused[0].problems.to_string().contains("two.yaml:6"), "it shows the other one");
    assert!(read_all([logging("one", "", &week), logging("two", "", &week)]).refused.is_empty());
    let apart = read_all([logging("one", "region: eu-west-1", &week), logging("two", "region: eu-west-2", &month)]);
    assert!(apart.refused.is_empty(), "another Region's log group is another one");

    let folder =
        |format: &str| format!("{{ s3: {{ bucket: \"flows-{{region}}\", prefix: net, file_format: {format} }} }}");
    let differ = read_all([logging("one", "", &folder("parquet")), logging("two", "", &folder("text"))]);
    assert_eq!(
        refusals(&differ),
        [
            "one.yaml:6 layout-twice: `flows-{region}/net` is written as parquet daily plain, and text daily plain in another document",
            "two.yaml:6 layout-twice: `flows-{region}/net` is written as text daily plain, and parquet daily plain in another document",
        ]
    );
    assert!(read_all([logging("one", "", &folder("text")), logging("two", "", &folder("text"))]).refused.is_empty());
}

/// What a network is at its end is judged as it was declared: a document that held goes on to hold when it is retired.
#[test]
fn a_retired_document_holds_if_it_held() {
    let text = tiers(
        "nat: { mode: auto }
flow_logs: [{ cloudwatch: {} }]
endpoints: { logs: { type: interface, security_groups: [calls] } }
security_groups:
  app: {}
  calls: { ingress: [{ tcp: 443, from: app }] }",
    );
    holds(&text);
    holds(&text.replace("vpcs:", "state: retired\nvpcs:"));
}
