//! Flow logs, endpoints and PrivateLink.

use crate::{groups, right, tiers, vpc, wrong};
use insta::assert_snapshot;
use topology::network::{Consumer, EndpointKind, EndpointTarget, FlowDestination, FlowTraffic, Otherwise};

fn logs(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("  - {line}\n")).collect();
    vpc(&format!("cidr: 10.0.0.0/16\navailability_zones: [a]\nflow_logs:\n{lines}"))
}

#[test]
fn a_flow_log_has_one_destination_of_its_own() {
    assert_snapshot!(wrong(&logs("{}
{ cloudwatch: {}, s3: { bucket: abc } }
{ cloudwatch: { traffic: all } }
{ cloudwatch: { traffic: reject } }
{ s3: { traffic: all } }")), @"
    error[flow-log-destination]: this flow log has no destination
     --> topology.yaml:9:9
      |
    9 |       - {}
      |         ^
      |
      = help: write `cloudwatch: { … }` or `s3: { … }`

    error[flow-log-destination]: a flow log has one destination
      --> topology.yaml:10:9
       |
    10 |       - { cloudwatch: {}, s3: { bucket: abc } }
       |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: write two flow logs

    error[flow-log-twice]: two flow logs go to the same place
      --> topology.yaml:12:9
       |
    11 |       - { cloudwatch: { traffic: all } }
       |         ---------------------------- the other one
    12 |       - { cloudwatch: { traffic: reject } }
       |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: keep one of them, or give this one a destination of its own

    error[missing-key]: `bucket` is missing
      --> topology.yaml:13:15
       |
    13 |       - { s3: { traffic: all } }
       |               ^^^^^^^^^^^^^^
       |
       = help: write `bucket: my-flow-logs-{account}-{region}`

    4 problems
    ");
}

#[test]
fn lengths_of_time_carry_a_unit_that_aws_knows() {
    assert_snapshot!(wrong(&logs("{ cloudwatch: { retention: 30 } }
{ cloudwatch: { log_group: /b, retention: \"30\" } }
{ cloudwatch: { log_group: /c, retention: 30d } }
{ cloudwatch: { log_group: /d, retention: 31 days } }
{ cloudwatch: { log_group: /e, retention: one month } }
{ cloudwatch: { log_group: /f, retention: 0 days } }
{ cloudwatch: { log_group: /g, interval: 5 minutes } }")), @r#"
    error[duration]: `30` is not a length of time
     --> topology.yaml:9:36
      |
    9 |       - { cloudwatch: { retention: 30 } }
      |                                    ^^
      |
      = help: it has no unit; write `30 days`, or whichever is meant

    error[duration]: `30` is not a length of time
      --> topology.yaml:10:51
       |
    10 |       - { cloudwatch: { log_group: /b, retention: "30" } }
       |                                                   ^^^^
       |
       = help: it has no unit; write `30 days`, or whichever is meant

    error[duration]: `30d` is not a length of time
      --> topology.yaml:11:51
       |
    11 |       - { cloudwatch: { log_group: /c, retention: 30d } }
       |                                                   ^^^
       |
       = help: write the unit out: `30 days`

    error[retention]: CloudWatch Logs cannot keep records for `31 days`
      --> topology.yaml:12:51
       |
    12 |       - { cloudwatch: { log_group: /d, retention: 31 days } }
       |                                                   ^^^^^^^
       |
       = help: write `60 days`; it knows 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653 days

    error[duration]: `one month` is not a length of time
      --> topology.yaml:13:51
       |
    13 |       - { cloudwatch: { log_group: /e, retention: one month } }
       |                                                   ^^^^^^^^^
       |
       = help: write a number and a unit, such as `30 days`

    error[duration]: `0 days` is not a length of time
      --> topology.yaml:14:51
       |
    14 |       - { cloudwatch: { log_group: /f, retention: 0 days } }
       |                                                   ^^^^^^
       |
       = help: it must be longer than nothing

    error[interval]: flow logs cannot be written every `5 minutes`
      --> topology.yaml:15:50
       |
    15 |       - { cloudwatch: { log_group: /g, interval: 5 minutes } }
       |                                                  ^^^^^^^^^
       |
       = help: write `1 minute` or `10 minutes`

    7 problems
    "#);
}

#[test]
fn buckets_prefixes_and_formats_are_checked() {
    assert_snapshot!(wrong(&logs("{ s3: { bucket: \"arn:aws:s3:::my-logs/vpc\" } }
{ s3: { bucket: My_Logs } }
{ s3: { bucket: logs, prefix: /vpc/ } }
{ s3: { bucket: logs2, format: \"${srcaddr} dstaddr\" } }
{ s3: { bucket: logs3, file_format: parket } }
{ cloudwatch: { log_group: \"my group\" } }")), @r#"
    error[bucket]: `arn:aws:s3:::my-logs/vpc` cannot be a bucket
     --> topology.yaml:9:25
      |
    9 |       - { s3: { bucket: "arn:aws:s3:::my-logs/vpc" } }
      |                         ^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write the bucket's name, without its ARN: `my-logs`

    error[bucket]: `My_Logs` cannot be a bucket
      --> topology.yaml:10:25
       |
    10 |       - { s3: { bucket: My_Logs } }
       |                         ^^^^^^^
       |
       = help: use 3 to 63 lower-case letters, digits, `-` and `.`; `{account}` and `{region}` are filled in

    error[prefix]: `/vpc/` cannot be a folder for flow logs
      --> topology.yaml:11:39
       |
    11 |       - { s3: { bucket: logs, prefix: /vpc/ } }
       |                                       ^^^^^
       |
       = help: write it without a leading or trailing `/`; AWS adds `/AWSLogs/…` itself

    error[flow-log-format]: `dstaddr` is not a field of a flow log
      --> topology.yaml:12:40
       |
    12 |       - { s3: { bucket: logs2, format: "${srcaddr} dstaddr" } }
       |                                        ^^^^^^^^^^^^^^^^^^^^
       |
       = help: write fields as `${dstaddr}`, with a space between them

    error[unknown-word]: `parket` is not a choice here
      --> topology.yaml:13:45
       |
    13 |       - { s3: { bucket: logs3, file_format: parket } }
       |                                             ^^^^^^
       |
       = help: did you mean `parquet`? The choice is: `text`, `parquet`

    error[log-group]: `my group` cannot be a log group
      --> topology.yaml:14:36
       |
    14 |       - { cloudwatch: { log_group: "my group" } }
       |                                    ^^^^^^^^^^
       |
       = help: use letters, digits and `_-/.#`, at most 512 characters

    6 problems
    "#);
}

#[test]
fn flow_logs_resolve() {
    let topology = right(&logs(
        "{ cloudwatch: { traffic: reject, retention: 2 weeks, interval: 1 minute } }
{ s3: { bucket: \"logs-{account}-{region}\", prefix: vpc, file_format: parquet, partitions: hourly, hive_partitions: true } }
{ cloudwatch: { log_group: audit, retention: forever } }
{ cloudwatch: { log_group: plain } }",
    ));
    let logs = topology.vpcs["main"].flow_logs.clone().unwrap();
    assert_eq!((logs[0].traffic, logs[0].interval_seconds), (FlowTraffic::Reject, 60));
    let group =
        FlowDestination::CloudWatch { log_group: "/plumbline/net/main/flow-logs".to_owned(), retention_days: Some(14) };
    assert_eq!(logs[0].destination, group);
    let FlowDestination::S3 { bucket, prefix, parquet, hive, hourly } = &logs[1].destination else {
        panic!("{logs:?}")
    };
    assert_eq!(
        (bucket.as_str(), prefix.as_deref(), *parquet, *hive, *hourly),
        ("logs-{account}-{region}", Some("vpc"), true, true, true)
    );
    let kept = |at: usize| match &logs[at].destination {
        FlowDestination::CloudWatch { log_group: _, retention_days } => *retention_days,
        FlowDestination::S3 { .. } => panic!("{logs:?}"),
    };
    assert_eq!((kept(2), kept(3)), (None, Some(30)), "for ever when asked for, thirty days when nothing is said");
    let desired = topology.flow_logs.clone().unwrap();
    assert_eq!((desired.topology.as_str(), &desired.vpcs["main"]), ("net", &logs));
}

#[test]
fn a_log_group_has_one_retention() {
    let vpc = |name: &str, cidr: &str, days: &str| {
        format!(
            "  {name}:\n    cidr: {cidr}\n    availability_zones: [a]\n    flow_logs: [{{ cloudwatch: {{ log_group: all, retention: {days} }} }}]\n"
        )
    };
    let text = |second: &str| {
        let (left, right) = (vpc("left", "10.0.0.0/16", "30 days"), vpc("right", "10.1.0.0/16", second));
        format!("version: 1\nid: net\nenvironment: production\nvpcs:\n{left}{right}")
    };
    right(&text("30 days"));
    assert_snapshot!(wrong(&text("forever")), @"
    error[retention-twice]: the log group `all` is declared with another retention in another VPC
     --> topology.yaml:9:3
      |
    5 |   left:
      |   ---- the other VPC
    ...
    9 |   right:
      |   ^^^^^
      |
      = help: write the same `retention` in both, or give each VPC a log group of its own

    1 problem
    ");
}

#[test]
fn an_endpoint_has_a_kind_that_its_service_offers() {
    assert_snapshot!(wrong(&tiers("endpoints:
  ecr.api: gateway
  s3: gatway
  logs: {}
  com.amazonaws.eu-west-1.kms: interface
  dynamodb: { type: gateway, private_dns: true }")), @"
    error[endpoint-type]: `ecr.api` has no gateway endpoint: only S3 and DynamoDB do
      --> topology.yaml:14:16
       |
    14 |       ecr.api: gateway
       |                ^^^^^^^
       |
       = help: write `interface`

    error[unknown-word]: `gatway` is not a choice here
      --> topology.yaml:15:11
       |
    15 |       s3: gatway
       |           ^^^^^^
       |
       = help: did you mean `gateway`? The choice is: `gateway`, `interface`

    error[missing-key]: `type` is missing
      --> topology.yaml:16:7
       |
    16 |       logs: {}
       |       ^^^^
       |
       = help: write `type: interface`

    error[endpoint-service]: the key is a full service name
      --> topology.yaml:17:7
       |
    17 |       com.amazonaws.eu-west-1.kms: interface
       |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: write the short name: `kms`

    error[endpoint-key]: a gateway endpoint has no `private_dns`
      --> topology.yaml:18:47
       |
    18 |       dynamodb: { type: gateway, private_dns: true }
       |                                               ^^^^
       |
       = help: remove `private_dns`, or write `type: interface`

    5 problems
    ");
}

#[test]
fn an_endpoint_stands_in_declared_tiers_with_declared_groups() {
    assert_snapshot!(wrong(&tiers("endpoints:
  logs: { type: interface, tiers: [privat] }
  kms: { type: interface, tiers: [private, data] }
  ssm: { type: interface, tiers: [] }
  sqs: { type: interface, security_groups: [endpoint] }
  sns: { type: interface, security_groups: [spare] }
  sts: { type: interface, security_groups: [] }
security_groups:
  endpoints: {}
  spare: { optional: true }")), @"
    error[unknown-tier]: no tier of this VPC is called `privat`
      --> topology.yaml:14:40
       |
    14 |       logs: { type: interface, tiers: [privat] }
       |                                        ^^^^^^
       |
       = help: did you mean `private`?

    error[endpoint-zones]: endpoint `kms` would have two subnets in Availability Zone `a`
      --> topology.yaml:15:38
       |
    15 |       kms: { type: interface, tiers: [private, data] }
       |                                      ^^^^^^^^^^^^^^
       |
       = help: an interface endpoint has one subnet a zone, and serves the whole VPC from it: write `tiers: [private]`

    error[endpoint-without-tier]: this endpoint is in no tier
      --> topology.yaml:16:38
       |
    16 |       ssm: { type: interface, tiers: [] }
       |                                      ^
       |
       = help: name a tier, or leave `tiers` out

    error[unknown-group]: no group of this VPC is called `endpoint`
      --> topology.yaml:17:49
       |
    17 |       sqs: { type: interface, security_groups: [endpoint] }
       |                                                 ^^^^^^^^
       |
       = help: did you mean `endpoints`?

    error[endpoint-optional-group]: group `spare` may be absent
      --> topology.yaml:18:49
       |
    18 |       sns: { type: interface, security_groups: [spare] }
       |                                                 ^^^^^
    ...
    22 |       spare: { optional: true }
       |       ----- optional
       |
       = help: name a group that is always there

    error[endpoint-without-group]: an interface endpoint without a group would get the VPC's default group
      --> topology.yaml:19:48
       |
    19 |       sts: { type: interface, security_groups: [] }
       |                                                ^
       |
       = help: name a group, or leave `security_groups` out for `vpc-endpoints`

    6 problems
    ");
}

#[test]
fn an_endpoint_needs_a_tier_with_subnets() {
    assert_snapshot!(wrong(&vpc("cidr: 10.0.0.0/16
availability_zones: [a]
endpoints: { s3: gateway, logs: interface }")), @"
    error[endpoint-without-tier]: endpoint `s3` has no route table to be in
     --> topology.yaml:8:18
      |
    8 |     endpoints: { s3: gateway, logs: interface }
      |                  ^^
      |
      = help: declare a tier with subnets in this VPC, or remove the endpoint

    error[endpoint-without-tier]: it is not clear which tier endpoint `logs` is in
     --> topology.yaml:8:31
      |
    8 |     endpoints: { s3: gateway, logs: interface }
      |                               ^^^^
      |
      = help: write `logs: { type: interface, tiers: [private] }`

    2 problems
    ");
}

#[test]
fn private_dns_needs_the_dns_of_the_vpc() {
    assert_snapshot!(wrong(&tiers("dns: { support: true, hostnames: false }
endpoints: { logs: interface }")), @"
    error[endpoint-dns]: endpoint `logs` has private DNS, which the VPC's settings rule out
      --> topology.yaml:14:24
       |
    13 |     dns: { support: true, hostnames: false }
       |                                      ----- switched off
    14 |     endpoints: { logs: interface }
       |                        ^^^^^^^^^
       |
       = help: write `dns: { hostnames: true }` in the VPC, or `private_dns: false` here

    1 problem
    ");
    right(&tiers("dns: { hostnames: false }\nendpoints: { logs: { type: interface, private_dns: false } }"));
}

#[test]
fn short_endpoints_resolve_to_the_private_tier_and_a_group_of_their_own() {
    let topology = right(&tiers("endpoints: { s3: gateway, ecr.api: interface }"));
    let endpoints = topology.vpcs["main"].endpoints.clone().unwrap();
    assert_eq!(
        endpoints["s3"].kind,
        EndpointKind::Gateway { tiers: vec!["data".into(), "private".into(), "public".into()] }
    );
    assert_eq!(endpoints["ecr.api"].service, EndpointTarget::Aws("ecr.api".to_owned()));
    assert_eq!(
        endpoints["ecr.api"].kind,
        EndpointKind::Interface {
            tiers: vec!["private".into()],
            security_groups: vec!["vpc-endpoints".into()],
            private_dns: true
        }
    );
    let desired = topology.security_groups.unwrap();
    let made = &desired.vpcs["main"].groups["vpc-endpoints"];
    assert_eq!((made.ingress.as_ref().map(Vec::len), made.egress.as_ref().map(Vec::len)), (Some(1), Some(0)));
}

fn privatelink(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    groups("web: {}") + &format!("privatelink:\n  api:\n{lines}")
}

#[test]
fn an_endpoint_service_names_its_vpc_and_load_balancer() {
    assert_snapshot!(wrong(&privatelink("otherwise: hold")), @"
    error[missing-key]: `vpc` is missing
      --> topology.yaml:11:3
       |
    11 |   api:
       |   ^^^
       |
       = help: write `vpc: main`

    error[missing-key]: `load_balancer` is missing
      --> topology.yaml:11:3
       |
    11 |   api:
       |   ^^^
       |
       = help: write `load_balancer: api`

    2 problems
    ");
    assert_snapshot!(wrong(&privatelink("vpc: mian
load_balancer: arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/products/0123456789abcdef
private_dns_name: products
otherwise: ask")), @"
    error[unknown-vpc]: no VPC is called `mian`
      --> topology.yaml:12:10
       |
    12 |     vpc: mian
       |          ^^^^
       |
       = help: did you mean `main`?

    error[load-balancer]: `arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/products/0123456789abcdef` cannot be a load balancer's name
      --> topology.yaml:13:20
       |
    13 |     load_balancer: arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/products/0123456789abcdef
       |                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: write its name, without the ARN: `products`

    error[dns-name]: `products` is not a DNS name
      --> topology.yaml:14:23
       |
    14 |     private_dns_name: products
       |                       ^^^^^^^^
       |
       = help: write a name such as `products.example.com`

    error[unknown-word]: `ask` is not a choice here
      --> topology.yaml:15:16
       |
    15 |     otherwise: ask
       |                ^^^
       |
       = help: write one of: `hold`, `reject`

    4 problems
    ");
}

#[test]
fn consumers_are_accounts_or_endpoints_with_limits_and_dates() {
    assert_snapshot!(wrong(&privatelink("vpc: main
load_balancer: products
accept:
  - { account: 222233334444 }
  - { account: \"22223333444\" }
  - { at_most: 2 }
  - { account: \"222233334444\", endpoint: vpce-01234567 }
  - { account: \"333344445555\", at_most: 0 }
  - { account: \"444455556666\", until: 2027-03-31 }
  - { account: \"555566667777\", until: tomorrow }
  - { account: \"666677778888\" }
  - { account: \"666677778888\", at_most: 3 }
principals: [\"*\", \"222233334444\", bob]")), @r#"
    error[wrong-type]: expected text, found `222233334444`
      --> topology.yaml:15:20
       |
    15 |       - { account: 222233334444 }
       |                    ^^^^^^^^^^^^
       |
       = help: quote it: "222233334444"

    error[account]: `22223333444` is not an account id
      --> topology.yaml:16:20
       |
    16 |       - { account: "22223333444" }
       |                    ^^^^^^^^^^^^^
       |
       = help: an account id has twelve digits, in quotes: "111122223333"

    error[accept]: this entry names nobody
      --> topology.yaml:17:9
       |
    17 |       - { at_most: 2 }
       |         ^^^^^^^^^^^^
       |
       = help: write `account: "222233334444"`, or `endpoint: vpce-…`

    error[accept]: this entry names an account and an endpoint
      --> topology.yaml:18:9
       |
    18 |       - { account: "222233334444", endpoint: vpce-01234567 }
       |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: write one entry for each

    error[at-most]: `0` connections cannot be let in
      --> topology.yaml:19:45
       |
    19 |       - { account: "333344445555", at_most: 0 }
       |                                             ^
       |
       = help: write a number from 1, or remove the entry

    error[date]: `2027-03-31` is not a point in time as RFC 3339 writes it
      --> topology.yaml:20:43
       |
    20 |       - { account: "444455556666", until: 2027-03-31 }
       |                                           ^^^^^^^^^^
       |
       = help: write date, time and offset: `2027-03-31T00:00:00Z`

    error[date]: `tomorrow` is not a point in time as RFC 3339 writes it
      --> topology.yaml:21:43
       |
    21 |       - { account: "555566667777", until: tomorrow }
       |                                           ^^^^^^^^
       |
       = help: write date, time and offset: `2027-03-31T00:00:00Z`

    error[accept-twice]: `666677778888` is accepted twice
      --> topology.yaml:23:9
       |
    22 |       - { account: "666677778888" }
       |         ------------------------- first here
    23 |       - { account: "666677778888", at_most: 3 }
       |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: write one entry for it

    error[principal]: `*` cannot be a principal
      --> topology.yaml:24:18
       |
    24 |     principals: ["*", "222233334444", bob]
       |                  ^^^
       |
       = help: everyone could then ask; name the accounts that may

    error[principal]: `bob` cannot be a principal
      --> topology.yaml:24:39
       |
    24 |     principals: ["*", "222233334444", bob]
       |                                       ^^^
       |
       = help: write an account id in quotes, or the ARN of an account's root, a user or a role

    10 problems
    "#);
}

#[test]
fn an_endpoint_service_resolves() {
    let topology = right(&privatelink(
        "vpc: main
load_balancer: products
accept:
  - { account: \"222233334444\", at_most: 2, until: 2027-03-31T00:00:00Z }
  - { endpoint: vpce-0123456789abcdef0 }
otherwise: reject
principals: [\"222233334444\", arn:aws:iam::222233334444:role/reader]",
    ));
    let service = &topology.privatelink["api"];
    assert_eq!((service.otherwise, service.withdraw), (Otherwise::Reject, Otherwise::Hold));
    assert_eq!(service.accept[0].at_most, Some(2));
    assert_eq!(service.accept[0].until, Some("2027-03-31T00:00:00Z".parse().unwrap()));
    assert_eq!(service.accept[1].who, Consumer::Endpoint("vpce-0123456789abcdef0".into()));
    let root = "arn:aws:iam::222233334444:root".to_owned();
    assert_eq!(service.principals, Some(vec![root, "arn:aws:iam::222233334444:role/reader".to_owned()]));
}

#[test]
fn an_endpoint_is_known_by_its_service_and_lets_somebody_in() {
    let text = tiers(
        "security_groups:
  quiet: { ingress: [{ tcp: 80, from: 10.0.0.0/16 }], egress: [] }
  open: { ingress: [{ protocol: all, from: 10.0.0.0/16 }], egress: [] }
endpoints:
  s3: gateway
  files: { type: interface, service: com.amazonaws.eu-west-1.s3, private_dns: true }
  logs: { type: interface, security_groups: [quiet] }
  kms: { type: interface, security_groups: [quiet, open] }
  more: { type: interface, service: com.amazonaws.eu-west-1.kms }
  silent: { type: interface, service: com.amazonaws.eu-west-1.sqs, security_groups: [quiet] }
  products: { type: interface, service: products, private_dns: true }
privatelink:
  products: { vpc: main, load_balancer: products }
",
    );
    // The section of services stands outside the VPC.
    let (vpc, services) = text.split_once("    privatelink:\n").unwrap();
    let services = services.lines().map(|line| line.strip_prefix("    ").unwrap()).collect::<Vec<_>>().join("\n");
    assert_snapshot!(wrong(&format!("{vpc}privatelink:\n{services}\n")), @"
    error[endpoint-admits-nobody]: endpoint `logs` has private DNS, and its groups (quiet) admit nobody on 443
      --> topology.yaml:19:7
       |
    19 |       logs: { type: interface, security_groups: [quiet] }
       |       ^^^^
       |
       = help: private DNS sends the whole VPC there: admit 443 in one of the groups, or write `private_dns: false`

    error[endpoint-service-twice]: endpoint `more` leads where another one leads
      --> topology.yaml:21:7
       |
    20 |       kms: { type: interface, security_groups: [quiet, open] }
       |       --- this one
    21 |       more: { type: interface, service: com.amazonaws.eu-west-1.kms }
       |       ^^^^
       |
       = help: declare one endpoint of each kind to a service; it may be in several tiers

    error[endpoint-private-name]: endpoint `products` has private DNS, and `products` has no private name
      --> topology.yaml:23:7
       |
    23 |       products: { type: interface, service: products, private_dns: true }
       |       ^^^^^^^^
       |
       = help: write `private_dns_name` in `products` under `privatelink`, or `private_dns: false` here

    3 problems
    ");
}

#[test]
fn whom_an_endpoint_lets_in_is_read_off_its_groups() {
    let topology = right(&tiers(
        "dns: { support: true, hostnames: true }
security_groups:
  tasks: { ingress: [], egress: [] }
  endpoints:
    ingress: [{ tcp: 443, from: tasks }, { tcp: 400-500, from: 10.0.0.0/16 }, { tcp: 443, from: pl-0a1b2c3d }, { tcp: 80, from: 10.1.0.0/16 }]
  anybodys: { egress: [] }
endpoints:
  logs: { type: interface, security_groups: [endpoints] }
  kms: { type: interface, security_groups: [anybodys] }
  sqs: interface
  s3: { type: interface, security_groups: [endpoints], private_dns: false }
",
    ));
    let endpoints = &topology.endpoints.as_ref().unwrap().vpcs["main"].endpoints;
    let callers = |name: &str| match &endpoints[name].shape {
        topology::endpoints::Shape::Interface { subnets: _, groups: _, private_dns } => private_dns.clone(),
        shape => panic!("{shape:?}"),
    };
    let everywhere = topology.vpcs["main"].subnets().count();
    let logs = callers("logs").unwrap();
    assert_eq!((logs.subnets.len(), logs.groups.len(), logs.ids.len()), (everywhere, 1, 1));
    for name in ["kms", "sqs"] {
        let callers = callers(name).unwrap();
        assert_eq!((callers.subnets.len(), callers.groups.len(), callers.ids.len()), (everywhere, 0, 0), "{name}");
    }
    assert_eq!(callers("s3"), None);
}
