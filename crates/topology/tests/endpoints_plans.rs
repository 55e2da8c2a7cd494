//! Plans and their printed form: observed is built from desired, then changed once, then planned.

#![allow(clippy::unwrap_used, clippy::panic)] // clippy sees the helpers of tests as production code

#[path = "support/endpoints.rs"]
mod support;

use insta::assert_snapshot;
use support::*;
use topology::endpoints::*;
use topology::{Action, Control, Inverse, Receipt, Repair, Seen, Severity, Unseen};

fn failed() -> Unseen {
    Unseen::Failed { retryable: true, why: "throttled".into() }
}

#[test]
fn nothing_to_do() {
    let network = Network::build(declared(SIX));
    assert_eq!(network.cloud.endpoints.len(), 6);
    assert_snapshot!(network.plan(), @"in sync: nothing to do");
    assert!(network.plan().is_empty());
    assert!(network.to("logs").private_dns && network.to("ecr.api").private_dns);
}

#[test]
fn the_first_calls_are_gateways_and_the_rest_waits_for_the_bucket() {
    let network = Network::bare(declared(SIX));
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/dynamodb (endpoint:vpc-00000000000000001/dynamodb): there is no gateway endpoint to com.amazonaws.eu-west-1.dynamodb
      drift     main/ecr.api (endpoint:vpc-00000000000000001/ecr.api): there is no interface endpoint to com.amazonaws.eu-west-1.ecr.api
      drift     main/ecr.dkr (endpoint:vpc-00000000000000001/ecr.dkr): there is no interface endpoint to com.amazonaws.eu-west-1.ecr.dkr
      drift     main/logs (endpoint:vpc-00000000000000001/logs): there is no interface endpoint to com.amazonaws.eu-west-1.logs
      drift     main/s3 (endpoint:vpc-00000000000000001/s3): there is no gateway endpoint to com.amazonaws.eu-west-1.s3
      drift     main/secretsmanager (endpoint:vpc-00000000000000001/secretsmanager): there is no interface endpoint to com.amazonaws.eu-west-1.secretsmanager
    steps
      1. create main/dynamodb: gateway endpoint to com.amazonaws.eu-west-1.dynamodb in vpc-00000000000000001, route tables rtb-00000000000000003 and rtb-00000000000000005 and rtb-00000000000000007 and rtb-00000000000000009
      2. create main/s3: gateway endpoint to com.amazonaws.eu-west-1.s3 in vpc-00000000000000001, route tables rtb-00000000000000003 and rtb-00000000000000005 and rtb-00000000000000007 and rtb-00000000000000009
      3. create main/ecr.api: interface endpoint to com.amazonaws.eu-west-1.ecr.api in vpc-00000000000000001, subnets subnet-00000000000000002 and subnet-00000000000000004, groups sg-0000000000000000b
    waiting until 2026-11-23T02:13:24Z: 3 more calls wait: AWS gives an account four at once, and one in three seconds after that
    ");
}

#[test]
fn one_is_made_without_private_dns_which_follows_when_it_is_available() {
    let mut network = Network::build(declared("\n      logs: { type: interface, tiers: [private] }\n"));
    network.stack();
    network.cloud.at_once = false;
    network.lose("logs");
    network.pass(3600);
    assert_snapshot!(network.enforce(), @"
    drift
      drift     main/logs (endpoint:vpc-00000000000000001/logs): there is no interface endpoint to com.amazonaws.eu-west-1.logs
    steps
      1. create main/logs: interface endpoint to com.amazonaws.eu-west-1.logs in vpc-00000000000000001, subnets subnet-00000000000000002 and subnet-00000000000000004, groups sg-0000000000000000c
         owned by arn:stack
    ");
    assert!(!network.to("logs").private_dns);
    assert_snapshot!(network.plan(), @"
    waiting until 2026-11-23T03:25:21Z: vpce-0000000000000000f (main/logs) is pending
    note
      vpce-0000000000000000f stands in for MainLogsEndpoint of stack arn:stack, which still names the endpoint that is gone
    ");
    network.wait(60);
    assert_snapshot!(network.enforce(), @"
    drift
      drift     main/logs (vpce-0000000000000000f): private DNS is off: the service's name leads elsewhere
    steps
      1. main/logs: in vpce-0000000000000000f, switch private DNS on
         owned by arn:stack
    note
      vpce-0000000000000000f stands in for MainLogsEndpoint of stack arn:stack, which still names the endpoint that is gone
    ");
    network.pass(3600);
    assert!(network.plan().is_empty());
    assert_snapshot!(network.plan().notes.join("\n"), @"vpce-0000000000000000f stands in for MainLogsEndpoint of stack arn:stack, which still names the endpoint that is gone");
    let tags: Vec<String> = network.to("logs").tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_snapshot!(tags.join(" "), @"Name=shop-main-logs plumbline:control=endpoints plumbline:endpoint=logs plumbline:stands-in-for=MainLogsEndpoint plumbline:topology=shop plumbline:vpc=main");
}

#[test]
fn who_deleted_it_is_told_under_the_key_of_what_is_missing() {
    let mut network = Network::build(declared("\n      s3: gateway\n"));
    let id = network.id("s3");
    network.cloud.delete(&id).unwrap();
    let plan = network.plan();
    assert_eq!(plan.aliases.get(&id), Some(&plan.drifts[0].resource.id));
    assert_eq!(plan.steps[0].action.resource().id, plan.drifts[0].resource.id);
}

#[test]
fn everything_that_one_needs_is_one_call() {
    let mut network = Network::build(declared(SIX));
    let (here, there, other) =
        (network.subnet("10.0.10.0/24"), network.subnet("10.0.20.0/24"), network.group("default"));
    let mut edit = policy(r#"{"Statement":[]}"#);
    edit.add_groups = [other].into();
    edit.remove_subnets = [here].into();
    edit.add_subnets = [there].into();
    network.modify("secretsmanager", &edit);
    network.pass(60);
    assert_snapshot!(network.plan(), @r#"
    drift
      drift     main/secretsmanager (vpce-00000000000000013): it has no network interface in subnet-00000000000000002
      drift     main/secretsmanager (vpce-00000000000000013): it has a network interface in subnet-00000000000000006, which is not declared
      drift     main/secretsmanager (vpce-00000000000000013): security group sg-0000000000000000d is attached, and not declared
      drift     main/secretsmanager (vpce-00000000000000013): its policy is another one: {"Statement":[]}
    steps
      1. main/secretsmanager: in vpce-00000000000000013, add subnets subnet-00000000000000002; remove subnets subnet-00000000000000006; remove groups sg-0000000000000000d; put the declared policy back
         note: connections through the network interfaces that go are cut, and made again
    "#);
    network.enforce();
    assert!(network.plan().is_empty(), "{}", network.plan());
}

/// AWS may refuse to put a subnet in the place of another in one call.
#[test]
fn subnets_that_all_move_do_so_zone_by_zone() {
    let mut network = Network::build(declared("\n      logs: { type: interface, tiers: [private] }\n"));
    let ids = |ranges: [&str; 2]| ranges.map(|range| network.subnet(range)).into();
    let (declared, others) = (ids(["10.0.10.0/24", "10.0.11.0/24"]), ids(["10.0.20.0/24", "10.0.21.0/24"]));
    network.modify("logs", &Edit { add_subnets: others, remove_subnets: declared, ..Edit::default() });
    network.pass(60);
    for look in 0..2 {
        let plan = network.plan();
        let [step] = plan.steps.as_slice() else { panic!("{plan}") };
        let mut left = vec![];
        for part in step.action.split() {
            network.cloud.apply(&part, None).unwrap();
            left.push(network.to("logs").subnets.len());
        }
        assert_eq!(left, [1, 2], "look {look}: {plan}");
    }
    assert!(network.plan().is_empty(), "{}", network.plan());
}

#[test]
fn private_dns_that_was_switched_off_is_switched_on_when_nobody_is_cut_off() {
    let mut network = Network::build(declared(SIX));
    network.modify("logs", &private(false));
    network.pass(60);
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/logs (vpce-00000000000000012): private DNS is off: the service's name leads elsewhere
    steps
      1. main/logs: in vpce-00000000000000012, switch private DNS on
    ");
}

#[test]
fn the_wrong_groups_are_put_right_before_private_dns() {
    let mut network = Network::build(declared(SIX));
    let (declared, other) = (network.group("endpoints"), network.group("default"));
    let edit = Edit { add_groups: [other].into(), remove_groups: [declared].into(), ..private(false) };
    network.modify("ecr.api", &edit);
    network.pass(60);
    assert_snapshot!(network.enforce(), @"
    drift
      drift     main/ecr.api (vpce-00000000000000010): security group sg-0000000000000000b is not attached
      drift     main/ecr.api (vpce-00000000000000010): security group sg-0000000000000000d is attached, and not declared
      drift     main/ecr.api (vpce-00000000000000010): private DNS is off: the service's name leads elsewhere
    steps
      1. main/ecr.api: in vpce-00000000000000010, add groups sg-0000000000000000b; remove groups sg-0000000000000000d
    ");
    assert_snapshot!(network.enforce(), @"
    drift
      drift     main/ecr.api (vpce-00000000000000010): private DNS is off: the service's name leads elsewhere
    steps
      1. main/ecr.api: in vpce-00000000000000010, switch private DNS on
    ");
    assert!(network.plan().is_empty());
}

#[test]
fn a_cut_comes_before_everything_else() {
    let mut network = Network::build(declared(SIX));
    network.modify("secretsmanager", &policy(r#"{"Statement":[]}"#));
    let (declared, other) = (network.group("vpc-endpoints"), network.group("default"));
    let swap = Edit { add_groups: [other].into(), remove_groups: [declared.clone()].into(), ..Edit::default() };
    network.modify("logs", &swap);
    network.pass(60);
    let plan = network.plan();
    let Change::Modify { endpoint, edit, .. } = &plan.steps[0].action else { panic!("{plan}") };
    assert_eq!((&endpoint.id, &edit.add_groups), (&network.id("logs"), &[declared].into()));
}

/// A group that lets nobody in yet does not replace the one that does.
#[test]
fn while_names_lead_there_no_group_goes_before_the_declared_ones_admit() {
    let mut network = Network::build(declared(SIX));
    let (declared, other) = (network.group("endpoints"), network.group("default"));
    let swap = Edit { add_groups: [other].into(), remove_groups: [declared.clone()].into(), ..Edit::default() };
    network.modify("ecr.api", &swap);
    let https = std::mem::take(&mut network.cloud.groups.get_mut(&declared).unwrap().https);
    network.pass(60);
    assert_snapshot!(network.enforce(), @"
    drift
      drift     main/ecr.api (vpce-00000000000000010): security group sg-0000000000000000b is not attached
      drift     main/ecr.api (vpce-00000000000000010): security group sg-0000000000000000d is attached, and not declared
    steps
      1. main/ecr.api: in vpce-00000000000000010, add groups sg-0000000000000000b
    waiting until 2026-11-23T02:26:21Z: sg-0000000000000000d stays attached to vpce-00000000000000010 until the declared groups admit 443 from tier private (10.0.10.0/24 and 10.0.11.0/24), group tasks (sg-0000000000000000a)
    ");
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/ecr.api (vpce-00000000000000010): security group sg-0000000000000000d is attached, and not declared
    waiting until 2026-11-23T02:26:21Z: sg-0000000000000000d stays attached to vpce-00000000000000010 until the declared groups admit 443 from tier private (10.0.10.0/24 and 10.0.11.0/24), group tasks (sg-0000000000000000a)
    ");
    network.cloud.groups.get_mut(&declared).unwrap().https = https;
    network.enforce();
    assert!(network.plan().is_empty(), "{}", network.plan());
}

#[test]
fn private_dns_waits_for_everyone_whom_the_document_lets_in() {
    let mut network = Network::build(declared(SIX));
    network.modify("ecr.api", &private(false));
    network.pass(60);
    let group = network.group("endpoints");
    let all = network.cloud.groups[&group].https.clone();
    let range = |text: &str| Source::Range(text.parse().unwrap());
    let tasks = Source::Id(network.group("tasks"));
    for (https, waits) in [
        (vec![], Some("would cut off tier private (10.0.10.0/24 and 10.0.11.0/24), group tasks")),
        (vec![tasks.clone()], Some("tier private (10.0.10.0/24 and 10.0.11.0/24)")),
        (vec![tasks.clone(), range("10.0.10.0/24")], Some("tier private (10.0.11.0/24)")),
        (vec![range("10.0.0.0/8")], Some("would cut off group tasks")),
        (vec![tasks.clone(), range("10.0.10.0/24"), range("10.0.11.0/24")], None),
        (vec![tasks.clone(), range("0.0.0.0/0")], None),
    ] {
        network.cloud.groups.get_mut(&group).unwrap().https = https.into_iter().collect();
        let plan = network.plan();
        match waits {
            Some(why) => {
                assert!(plan.steps.is_empty(), "{plan}");
                assert!(plan.wait.as_ref().is_some_and(|wait| wait.why.contains(why)), "{why}: {plan}");
            }
            None => assert_eq!(plan.steps.len(), 1, "{plan}"),
        }
    }
    network.cloud.groups.get_mut(&group).unwrap().https = all;
    assert_eq!(network.plan().steps.len(), 1);
}

/// The rules of such a group are nobody's: to wait for them would be for ever.
#[test]
fn private_dns_is_held_where_no_group_says_whom_it_lets_in() {
    let logs = "\n      logs: { type: interface, tiers: [private], security_groups: [anybodys] }\n";
    let mut network = Network::bare(with(logs, "\n      anybodys: { egress: [] }", ""));
    let vpc = network.vpc.clone();
    let some = Source::Range("10.0.10.0/24".parse().unwrap());
    let group = network.cloud.create_group(&vpc, "anybodys", &[some]);
    network.enforce();
    let plan = network.plan();
    assert!(plan.steps.is_empty() && plan.wait.is_none(), "{plan}");
    let [held] = plan.held.as_slice() else { panic!("{plan}") };
    let missing = "IpRanges=[{CidrIp=10.0.11.0/24},{CidrIp=10.0.20.0/24},{CidrIp=10.0.21.0/24}]";
    assert!(held.why.contains("would cut off tier database"), "{plan}");
    assert!(held.remedy.contains(group.as_str()) && held.remedy.contains(missing), "{plan}");
}

#[test]
fn private_dns_says_from_where_else_it_leads() {
    let mut network = Network::build(declared(SIX));
    let vpc = network.vpc.clone();
    let (subnet, _) = network.cloud.create_subnet(&vpc, "10.0.99.0/24", "a").unwrap();
    // The group of one admits a tier and a group, that of the other the whole VPC.
    for (short, told) in [("ecr.api", true), ("logs", false)] {
        network.modify(short, &private(false));
        network.pass(60);
        let plan = network.enforce();
        let [step] = plan.steps.as_slice() else { panic!("{plan}") };
        assert_eq!(step.caveat.as_ref().is_some_and(|it| it.contains(subnet.as_str())), told, "{plan}");
    }
}

#[test]
fn one_that_is_in_some_of_its_subnets_only_gets_no_private_dns() {
    let mut network = Network::build(declared(SIX));
    network.modify("logs", &private(false));
    let id = network.id("logs");
    network.cloud.endpoints.get_mut(&id).unwrap().state = EndpointState::Partial;
    network.pass(60);
    let plan = network.plan();
    assert!(plan.steps.is_empty(), "{plan}");
    assert!(plan.wait.as_ref().is_some_and(|wait| wait.why.contains("waits until it is available")), "{plan}");
}

#[test]
fn private_dns_needs_the_dns_of_the_vpc() {
    let mut network = Network::build(declared(SIX));
    network.modify("logs", &private(false));
    network.dns(true, false);
    network.pass(60);
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/logs (vpce-00000000000000012): private DNS is off: the service's name leads elsewhere
    waiting until 2026-11-23T02:26:21Z: DNS hostnames of vpc-00000000000000001 is off, which private DNS of main/logs needs
    ");
    network.desired.vpcs.get_mut("main").unwrap().dns = topology::network::Dns::default();
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/logs (vpce-00000000000000012): private DNS is off: the service's name leads elsewhere
    held
      main/logs (vpce-00000000000000012): DNS hostnames of vpc-00000000000000001 is off, which private DNS of main/logs needs
         to do: declare it under `dns:` of the VPC, or: aws ec2 modify-vpc-attribute --vpc-id vpc-00000000000000001 --enable-dns-hostnames
    ");
}

#[test]
fn a_private_name_that_another_endpoint_has_is_held() {
    let mut network = Network::build(declared(SIX));
    network.modify("logs", &private(false));
    let other = network.copy("logs", &[]);
    network.cloud.modify(&other, &private(true)).unwrap();
    network.pass(60);
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/logs (vpce-00000000000000012): private DNS is off: the service's name leads elsewhere
      advice    main/logs (vpce-00000000000000014): it leads to com.amazonaws.eu-west-1.logs as vpce-00000000000000012 does, and is not declared
    held
      main/logs (vpce-00000000000000012): vpce-00000000000000014 in the same VPC has the private name of com.amazonaws.eu-west-1.logs already
         to do: see who uses it (`aws ec2 describe-vpc-endpoints --vpc-endpoint-ids vpce-00000000000000014`), then: aws ec2 modify-vpc-endpoint --vpc-endpoint-id vpce-00000000000000014 --no-private-dns-enabled
    ");
    network.cloud.delete(&other).unwrap();
    let plan = network.plan();
    assert!(
        plan.steps.is_empty() && plan.wait.as_ref().is_some_and(|wait| wait.why.contains("being deleted")),
        "{plan}"
    );
    network.cloud.arrive();
    assert_eq!(network.plan().steps.len(), 1);
}

/// AWS shows private DNS of some of them.
#[test]
fn a_gateway_endpoint_has_no_private_name() {
    let both = "\n      s3: gateway\n      files: { type: interface, service: com.amazonaws.eu-west-1.s3, tiers: [private], private_dns: true }\n";
    let mut network = Network::bare(declared(both));
    network.enforce();
    for endpoint in network.cloud.endpoints.values_mut().filter(|endpoint| endpoint.kind == Kind::Gateway) {
        endpoint.private_dns = true;
    }
    let plan = network.enforce();
    assert!(plan.held.is_empty() && plan.steps.len() == 1, "{plan}");
    let files = network.cloud.to("s3", &Kind::Interface).unwrap();
    assert!(files.private_dns, "{files:?}");
    assert!(network.plan().is_empty(), "{}", network.plan());
}

#[test]
fn private_dns_that_is_not_declared_goes_with_a_warning() {
    let mut network =
        Network::build(declared("\n      logs: { type: interface, tiers: [private], private_dns: false }\n"));
    network.modify("logs", &private(true));
    network.pass(60);
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/logs (vpce-0000000000000000e): private DNS is on, and not declared
    steps
      1. main/logs: in vpce-0000000000000000e, switch private DNS off
         note: the service's name leads to its public addresses from then on: what has no way out loses it
    ");
}

#[test]
fn a_gateway_is_in_the_tables_of_its_tiers_and_in_no_other() {
    let mut network = Network::build(declared("\n      s3: { type: gateway, tiers: [private] }\n"));
    let (declared, other) = (network.table("10.0.10.0/24"), network.table("10.0.20.0/24"));
    let edit = Edit { add_tables: [other].into(), remove_tables: [declared].into(), ..Edit::default() };
    network.modify("s3", &edit);
    network.pass(60);
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/s3 (vpce-0000000000000000e): it is not in rtb-00000000000000003, the route tables of its tiers
      drift     main/s3 (vpce-0000000000000000e): it is in rtb-00000000000000007, which serves other subnets
    steps
      1. main/s3: in vpce-0000000000000000e, add route tables rtb-00000000000000003; remove route tables rtb-00000000000000007
    ");
    network.enforce();
    assert!(network.plan().is_empty());
}

/// Somebody moves a subnet to another table: it gets the endpoint there, and the table that it left keeps it.
#[test]
fn a_table_that_serves_nothing_is_left_as_it_is() {
    let mut network = Network::build(declared("\n      s3: { type: gateway, tiers: [private] }\n"));
    let (subnet, left) = (network.subnet("10.0.10.0/24"), network.table("10.0.10.0/24"));
    network.cloud.tables.get_mut(&left).unwrap().subnets.clear();
    let database = network.table("10.0.20.0/24");
    network.cloud.tables.get_mut(&database).unwrap().subnets.insert(subnet);
    network.pass(60);
    let plan = network.enforce();
    let [step] = plan.steps.as_slice() else { panic!("{plan}") };
    let Change::Modify { edit, .. } = &step.action else { panic!("{plan}") };
    assert_eq!((edit.add_tables.len(), edit.remove_tables.len()), (1, 0), "{plan}");
    assert!(network.plan().is_empty(), "{}", network.plan());
}

/// Without it another team's subnets would lose their way to the service.
#[test]
fn a_table_that_serves_what_is_not_declared_is_left_as_it_is() {
    let mut network = Network::build(declared("\n      s3: { type: gateway, tiers: [private] }\n"));
    let vpc = network.vpc.clone();
    let (subnet, table) = network.cloud.create_subnet(&vpc, "10.0.99.0/24", "a").unwrap();
    network.modify("s3", &Edit { add_tables: [table.clone()].into(), ..Edit::default() });
    network.pass(60);
    let plan = network.plan();
    let ([], [drift]) = (plan.steps.as_slice(), plan.drifts.as_slice()) else { panic!("{plan}") };
    assert_eq!(drift.severity, Severity::Advice, "{plan}");
    assert!(drift.summary.contains(table.as_str()) && drift.summary.contains(subnet.as_str()), "{plan}");

    let database = network.table("10.0.20.0/24");
    let edit = Edit { add_tables: [database.clone()].into(), remove_tables: [table].into(), ..Edit::default() };
    network.modify("s3", &edit);
    assert_eq!(network.plan().steps.len(), 1, "{}", network.plan());
    let mut observed = network.observe();
    let Some(Seen::Present(seen)) = observed.vpcs.get_mut("main") else { panic!() };
    let Seen::Present(tables) = &mut seen.tables else { panic!() };
    for table in tables.iter_mut().filter(|table| table.id == database) {
        table.main = true;
    }
    let plan = Endpoints::plan(&place(), &network.desired, &observed, &network.standing);
    assert!(plan.is_empty(), "{plan}");
}

#[test]
fn a_gateway_waits_for_the_routes_of_one_on_its_way_out() {
    let mut network = Network::build(declared("\n      s3: { type: gateway, tiers: [private] }\n"));
    let (old, elsewhere) = (network.id("s3"), network.table("10.0.20.0/24"));
    network.cloud.endpoints.get_mut(&old).unwrap().state = EndpointState::Deleting;
    network.pass(3600);
    let plan = network.plan();
    assert!(plan.steps.is_empty(), "{plan}");
    assert!(plan.wait.as_ref().is_some_and(|wait| wait.why.contains("has its routes until it is gone")), "{plan}");
    let mut moved = network.clone();
    moved.cloud.endpoints.get_mut(&old).unwrap().tables = [elsewhere].into();
    assert_eq!(moved.plan().steps.len(), 1, "{}", moved.plan());
    network.cloud.arrive();
    assert_eq!(network.plan().steps.len(), 1, "{}", network.plan());
}

#[test]
fn what_is_declared_and_not_there_keeps_what_is_there() {
    let mut network = Network::build(declared(SIX));
    let (gone, extra) = (network.subnet("10.0.11.0/24"), network.subnet("10.0.21.0/24"));
    let swap = Edit { add_subnets: [extra].into(), remove_subnets: [gone.clone()].into(), ..Edit::default() };
    network.modify("logs", &swap);
    network.cloud.subnets.remove(&gone);
    network.cloud.groups.retain(|_, group| group.name.as_str() != "endpoints");
    network.pass(60);
    let plan = network.plan();
    assert!(plan.steps.is_empty(), "{plan}");
    let advice = |text: &str| plan.drifts.iter().any(|it| it.severity == Severity::Advice && it.summary.contains(text));
    assert!(advice("subnet 10.0.11.0/24") && advice("security group endpoints"), "{plan}");
}

#[test]
fn private_dns_is_held_while_a_declared_group_is_not_there() {
    let mut network = Network::build(declared(SIX));
    network.modify("ecr.api", &private(false));
    network.cloud.groups.retain(|_, group| group.name.as_str() != "endpoints");
    network.pass(60);
    let plan = network.plan();
    assert!(plan.steps.is_empty() && plan.wait.is_none(), "{plan}");
    assert!(plan.held.iter().any(|held| held.why.contains("needs security group endpoints")), "{plan}");
}

/// Without its group it would get the VPC's default group.
#[test]
fn one_is_not_made_without_its_groups() {
    let mut network = Network::build(declared(SIX));
    network.lose("ecr.api");
    network.cloud.groups.retain(|_, group| group.name.as_str() != "endpoints");
    network.pass(3600);
    let plan = network.plan();
    assert!(plan.steps.is_empty(), "{plan}");
    assert!(plan.held.iter().any(|held| held.why.contains("without security group endpoints")), "{plan}");
}

#[test]
fn a_policy_is_compared_by_what_it_means_and_one_that_is_not_declared_is_anybodys() {
    let mut network = Network::build(declared(SIX));
    let written = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["secretsmanager:get*"],"Resource":["*"]}}"#;
    network.modify("secretsmanager", &policy(written));
    network.modify("logs", &policy(r#"{"Statement":[]}"#));
    network.pass(60);
    assert!(network.plan().is_empty(), "{}", network.plan());
    network.modify("secretsmanager", &policy(r#"{"Statement":[]}"#));
    assert_snapshot!(network.plan(), @r#"
    drift
      drift     main/secretsmanager (vpce-00000000000000013): its policy is another one: {"Statement":[]}
    steps
      1. main/secretsmanager: in vpce-00000000000000013, put the declared policy back
    "#);
}

#[test]
fn of_several_ours_is_kept_and_others_are_told() {
    let mut network = Network::build(declared("\n      logs: { type: interface, tiers: [private] }\n"));
    let other = network.copy("logs", &[]);
    network.pass(60);
    let plan = network.plan();
    assert!(plan.steps.is_empty() && plan.held.is_empty(), "{plan}");
    let [drift] = plan.drifts.as_slice() else { panic!("{plan}") };
    assert_eq!((&drift.resource.id, drift.severity), (&other, Severity::Advice));
}

#[test]
fn several_of_somebody_elses_are_nobodys() {
    let mut network = Network::build(declared("\n      logs: { type: interface, tiers: [private] }\n"));
    network.copy("logs", &[]);
    network.standing.created.clear();
    for endpoint in network.cloud.endpoints.values_mut() {
        endpoint.tags.clear();
    }
    network.pass(3600);
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/logs (endpoint:vpc-00000000000000001/logs): vpce-0000000000000000e and vpce-0000000000000000f all lead to com.amazonaws.eu-west-1.logs
    held
      main/logs (endpoint:vpc-00000000000000001/logs): vpce-0000000000000000e and vpce-0000000000000000f all lead to com.amazonaws.eu-west-1.logs: it cannot be told which is meant
         to do: delete those that nobody needs, or tag the one that is meant: aws ec2 create-tags --resources vpce-0000000000000000e --tags Key=plumbline:topology,Value=shop
    ");
    // A tag says which.
    let first = network.cloud.endpoints.keys().next().unwrap().clone();
    let tags = &mut network.cloud.endpoints.get_mut(&first).unwrap().tags;
    tags.insert("plumbline:topology".into(), "shop".into());
    assert!(network.plan().steps.is_empty() && network.plan().held.is_empty(), "{}", network.plan());
}

#[test]
fn a_single_one_of_somebody_elses_counts() {
    let mut network = Network::build(declared("\n      logs: { type: interface, tiers: [private] }\n"));
    network.standing.created.clear();
    network.cloud.endpoints.values_mut().for_each(|endpoint| endpoint.tags.clear());
    network.pass(3600);
    assert!(network.plan().is_empty(), "{}", network.plan());
}

/// What the stack makes again (drift-aware change sets do) takes over when its stand-in carries nothing: AWS gives a route table one
/// route to a service.
#[test]
fn the_stacks_own_replaces_its_stand_in() {
    let mut network = Network::build(declared(
        "\n      s3: { type: gateway, tiers: [private] }\n      logs: { type: interface, tiers: [private] }\n",
    ));
    network.stack();
    let ours = network.id("s3");
    for short in ["s3", "logs"] {
        let theirs = network.copy(short, &[]);
        network.cloud.endpoints.get_mut(&theirs).unwrap().stack = Some("arn:stack".into());
    }
    network.pass(3600);
    assert!(network.plan().steps.is_empty() && network.plan().held.is_empty(), "{}", network.plan());

    let tables = network.cloud.endpoints[&ours].tables.clone();
    network.cloud.modify(&ours, &Edit { remove_tables: tables, ..Edit::default() }).unwrap();
    assert_snapshot!(network.enforce(), @"
    drift
      drift     main/s3 (vpce-00000000000000010): it is not in rtb-00000000000000003 and rtb-00000000000000005, the route tables of its tiers
      drift     main/s3 (vpce-0000000000000000e): ours, and vpce-00000000000000010 is there in its place
      advice    main/logs (vpce-00000000000000011): it leads to com.amazonaws.eu-west-1.logs as vpce-0000000000000000f does, and is not declared
    steps
      1. main/s3: in vpce-00000000000000010, add route tables rtb-00000000000000003 and rtb-00000000000000005
         owned by arn:stack
    ");
    assert_snapshot!(network.enforce(), @"
    drift
      drift     main/s3 (vpce-0000000000000000e): ours, and vpce-00000000000000010 is there in its place
      advice    main/logs (vpce-00000000000000011): it leads to com.amazonaws.eu-west-1.logs as vpce-0000000000000000f does, and is not declared
    steps
      1. delete our endpoint vpce-0000000000000000e (main/s3): gateway endpoint to com.amazonaws.eu-west-1.s3 in vpc-00000000000000001, with its policy
         owned by arn:stack
         note: what reaches the service through it goes another way from then on, or none
    ");
}

#[test]
fn only_ours_is_ever_deleted() {
    let mut network = Network::build(declared(SIX));
    let (logs, api) = (network.id("logs"), network.id("ecr.api"));
    // One without our tags, and one without a record.
    network.cloud.endpoints.get_mut(&logs).unwrap().tags.clear();
    network.standing.created.remove(&api);
    network.desired = declared(
        "\n      s3: gateway\n      dynamodb: gateway\n      secretsmanager: { type: interface, tiers: [private] }\n",
    );
    network.pass(3600);
    let plan = network.plan();
    assert_snapshot!(plan, @"
    drift
      drift     main/ecr.dkr (vpce-00000000000000011): ours, and not declared
    steps
      1. delete our endpoint vpce-00000000000000011 (main/ecr.dkr): interface endpoint to com.amazonaws.eu-west-1.ecr.dkr in vpc-00000000000000001, subnets subnet-00000000000000002 and subnet-00000000000000004, groups sg-0000000000000000b, with its policy
         note: the service's name leads to its public addresses from then on: what has no way out loses it
    ");
    let gone: Vec<_> = plan.steps.iter().map(|step| step.action.resource().id).collect();
    assert_eq!(gone, [network.id("ecr.dkr")]);
}

/// Not even with our tags, nor by a record of ours.
#[test]
fn of_a_kind_that_nobody_can_declare_none_is_touched() {
    let mut network = Network::build(declared("\n      logs: { type: interface, tiers: [private] }\n"));
    for endpoint in network.cloud.endpoints.values_mut() {
        endpoint.kind = Kind::Other("Resource".into());
        endpoint.service.clear();
    }
    network.desired = declared(" {}");
    network.pass(3600);
    assert!(network.plan().is_empty(), "{}", network.plan());
}

#[test]
fn one_of_another_kind_goes_when_the_new_one_is_as_declared() {
    let mut network = Network::build(declared("\n      s3: gateway\n"));
    let old = network.id("s3");
    network.cloud.at_once = false;
    network.desired = declared("\n      s3: { type: interface, tiers: [private], private_dns: true }\n");
    network.pass(3600);
    let plan = network.enforce();
    let [step] = plan.steps.as_slice() else { panic!("{plan}") };
    assert!(matches!(step.action, Change::Create { .. }), "{plan}");
    assert!(network.plan().steps.is_empty(), "it is pending: {}", network.plan());
    network.wait(60);
    let plan = network.enforce();
    let [step] = plan.steps.as_slice() else { panic!("{plan}") };
    assert!(matches!(step.action, Change::Modify { .. }), "private DNS comes first: {plan}");
    let plan = network.enforce();
    let [step] = plan.steps.as_slice() else { panic!("{plan}") };
    assert!(matches!(step.action, Change::Delete { .. }), "{plan}");
    assert_eq!(step.action.resource().id, old);
    network.wait(60);
    assert!(network.plan().is_empty(), "{}", network.plan());
}

#[test]
fn what_a_stack_adopted_is_not_ours_any_more() {
    let mut network = Network::build(declared("\n      logs: { type: interface, tiers: [private] }\n"));
    let adopted = network.id("logs");
    network.cloud.endpoints.get_mut(&adopted).unwrap().stack = Some("arn:stack".into());
    network.desired = declared("\n      s3: gateway\n");
    network.pass(3600);
    let plan = network.plan();
    assert!(!plan.steps.iter().any(|step| matches!(step.action, Change::Delete { .. })), "{plan}");
}

#[test]
fn a_retired_topology_takes_ours_away() {
    let text = "version: 1
id: shop
environment: production
state: retired
vpcs:
  main:
    cidr: 10.0.0.0/16
    availability_zones: [a, b]
    tiers:
      private: { route: isolated, subnets: [10.0.10.0/24, 10.0.11.0/24] }
    endpoints: { logs: { type: interface, tiers: [private] }, s3: gateway }
";
    let mut network =
        Network::build(declared("\n      logs: { type: interface, tiers: [private] }\n      s3: gateway\n"));
    network.desired = topology::document::read("shop.yaml", text).unwrap().endpoints.unwrap();
    network.pass(3600);
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/s3 (vpce-0000000000000000e): ours, and not declared
      drift     main/logs (vpce-0000000000000000f): ours, and not declared
    steps
      1. delete our endpoint vpce-0000000000000000e (main/s3): gateway endpoint to com.amazonaws.eu-west-1.s3 in vpc-00000000000000001, route tables rtb-00000000000000003 and rtb-00000000000000005 and rtb-00000000000000007 and rtb-00000000000000009, with its policy
         note: what reaches the service through it goes another way from then on, or none
      2. delete our endpoint vpce-0000000000000000f (main/logs): interface endpoint to com.amazonaws.eu-west-1.logs in vpc-00000000000000001, subnets subnet-00000000000000002 and subnet-00000000000000004, groups sg-0000000000000000c, with its policy
         note: the service's name leads to its public addresses from then on: what has no way out loses it
    ");
    network.enforce();
    network.wait(60);
    assert!(network.plan().is_empty() && network.cloud.endpoints.is_empty());
    let mut gone = network.observe();
    gone.vpcs.insert("main".into(), Seen::Absent);
    let plan = Endpoints::plan(&place(), &network.desired, &gone, &network.standing);
    assert!(plan.is_empty(), "it went with its stack: {plan}");
}

#[test]
fn one_that_failed_goes_and_is_made_again_until_it_is_enough() {
    let mut network = Network::build(declared("\n      logs: { type: interface, tiers: [private] }\n"));
    network.lose("logs");
    network.cloud.fails = Some("ServiceError: no capacity".into());
    network.pass(3600);
    network.enforce();
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/logs (endpoint:vpc-00000000000000001/logs): there is no interface endpoint to com.amazonaws.eu-west-1.logs; vpce-0000000000000000f is failed (ServiceError: no capacity)
    waiting until 2026-11-23T03:25:50Z: vpce-0000000000000000f failed, and is tried again after a while
    ");
    network.pass(30);
    assert_snapshot!(network.enforce(), @"
    drift
      drift     main/logs (endpoint:vpc-00000000000000001/logs): there is no interface endpoint to com.amazonaws.eu-west-1.logs; vpce-0000000000000000f is failed (ServiceError: no capacity)
    steps
      1. create main/logs: interface endpoint to com.amazonaws.eu-west-1.logs in vpc-00000000000000001, subnets subnet-00000000000000002 and subnet-00000000000000004, groups sg-0000000000000000c
    ");
    for _ in 0..6 {
        network.wait(120);
        network.enforce();
    }
    let plan = network.plan();
    assert!(
        plan.held.iter().any(|held| held.why.contains("all failed; AWS says: ServiceError: no capacity")),
        "{plan}"
    );
    let made = |step: &topology::Step<Change>| matches!(step.action, Change::Create { .. });
    assert!(!plan.steps.iter().any(made), "{plan}");
}

#[test]
fn one_that_its_owner_refused_is_held() {
    let mut network = Network::build(declared(
        "\n      partner: { type: interface, service: com.amazonaws.vpce.eu-west-1.vpce-svc-0a, tiers: [private] }\n",
    ));
    let id = network.cloud.endpoints.keys().next().unwrap().clone();
    network.cloud.endpoints.get_mut(&id).unwrap().state = EndpointState::PendingAcceptance;
    network.pass(3600);
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/partner (vpce-0000000000000000e): it waits for the owner of com.amazonaws.vpce.eu-west-1.vpce-svc-0a to accept it
    held
      main/partner (vpce-0000000000000000e): it waits for the owner of com.amazonaws.vpce.eu-west-1.vpce-svc-0a to accept it
         to do: ask the owner to accept vpce-0000000000000000e from account 111122223333
    ");
    network.cloud.endpoints.get_mut(&id).unwrap().state = EndpointState::Rejected;
    network.standing.created.remove(&id);
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/partner (endpoint:vpc-00000000000000001/partner): there is no interface endpoint to com.amazonaws.vpce.eu-west-1.vpce-svc-0a; vpce-0000000000000000e is rejected
    held
      main/partner (endpoint:vpc-00000000000000001/partner): the owner of com.amazonaws.vpce.eu-west-1.vpce-svc-0a did not let vpce-0000000000000000e in
         to do: ask the owner; then delete it, and Plumbline asks again: aws ec2 delete-vpc-endpoints --vpc-endpoint-ids vpce-0000000000000000e
    ");
}

#[test]
fn what_takes_too_long_is_told() {
    let mut network = Network::build(declared("\n      logs: { type: interface, tiers: [private] }\n"));
    let id = network.id("logs");
    network.cloud.endpoints.get_mut(&id).unwrap().state = EndpointState::Pending;
    assert!(network.plan().wait.is_some() && network.plan().held.is_empty());
    network.pass(1800);
    assert!(network.plan().wait.is_none() && network.plan().held.len() == 1, "{}", network.plan());
}

const OWN: &str = "privatelink:
  products: { vpc: main, load_balancer: products, private_dns_name: products.example.com }
";

#[test]
fn a_service_of_the_topology_is_found_by_its_tags_and_needs_a_verified_name() {
    let endpoint = "\n      products: { type: interface, service: products, tiers: [private], private_dns: true }\n";
    let mut network = Network::bare(with(endpoint, "", OWN));
    network.cloud.services.insert("products".into(), vec![]);
    assert_snapshot!(network.plan(), @"
    drift
      advice    main/products (endpoint:vpc-00000000000000001/products): the endpoint service products of this topology is not there yet
    ");
    let two = vec![service("vpce-svc-0a", None), service("vpce-svc-0b", None)];
    network.cloud.services.insert("products".into(), two);
    assert_eq!(network.plan().held.len(), 1, "{}", network.plan());

    let waits = service("vpce-svc-0a", Some(("products.example.com", false)));
    network.cloud.services.insert("products".into(), vec![waits]);
    network.enforce();
    network.wait(60);
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/products (vpce-0000000000000000e): private DNS is off: the service's name leads elsewhere
    held
      main/products (vpce-0000000000000000e): AWS has not verified that products.example.com is the domain of vpce-svc-0a's owner
         to do: declare `private_dns_name` of `products`, publish the TXT record that `aws ec2 describe-vpc-endpoint-service-configurations --service-ids vpce-svc-0a` shows, then: aws ec2 start-vpc-endpoint-service-private-dns-verification --service-id vpce-svc-0a; or declare `private_dns: false`
    ");
    let verified = service("vpce-svc-0a", Some(("products.example.com", true)));
    network.cloud.services.insert("products".into(), vec![verified]);
    network.enforce();
    assert!(network.plan().is_empty(), "{}", network.plan());
}

#[test]
fn what_was_not_seen_is_not_acted_upon() {
    let network = Network::bare(declared(SIX));
    let plan = |change: &dyn Fn(&mut ObservedVpc)| {
        let mut observed = network.observe();
        let Some(Seen::Present(vpc)) = observed.vpcs.get_mut("main") else { panic!() };
        change(vpc);
        Endpoints::plan(&place(), &network.desired, &observed, &network.standing)
    };
    let whole =
        [plan(&|vpc| vpc.endpoints = Seen::Unknown(failed())), plan(&|vpc| vpc.subnets = Seen::Unknown(failed()))];
    for plan in whole {
        assert!(plan.steps.is_empty() && plan.drifts.is_empty() && !plan.blind.is_empty(), "{plan}");
    }
    let gateways = |plan: &topology::Plan<Change>| {
        let kind = |step: &topology::Step<Change>| match &step.action {
            Change::Create { endpoint, .. } => endpoint.kind.clone(),
            other => panic!("{other}"),
        };
        plan.steps.iter().map(kind).collect::<Vec<_>>()
    };
    let no_tables = plan(&|vpc| vpc.tables = Seen::Unknown(failed()));
    assert_eq!(gateways(&no_tables), vec![Kind::Interface; 3], "{no_tables}");
    let no_groups = plan(&|vpc| vpc.groups = Seen::Unknown(failed()));
    assert_eq!(gateways(&no_groups), vec![Kind::Gateway; 2], "{no_groups}");
    assert!(!no_tables.blind.is_empty() && !no_groups.blind.is_empty());

    let mut network = Network::build(declared(SIX));
    network.modify("logs", &private(false));
    network.pass(60);
    for change in
        [(|vpc| vpc.dns = Seen::Unknown(failed())) as fn(&mut ObservedVpc), |vpc| vpc.groups = Seen::Unknown(failed())]
    {
        let mut observed = network.observe();
        let Some(Seen::Present(vpc)) = observed.vpcs.get_mut("main") else { panic!() };
        change(vpc);
        let plan = Endpoints::plan(&place(), &network.desired, &observed, &network.standing);
        assert!(plan.steps.is_empty() && !plan.blind.is_empty(), "{plan}");
    }
}

#[test]
fn a_vpc_that_is_gone_is_held() {
    let network = Network::bare(declared(SIX));
    let mut observed = network.observe();
    observed.vpcs.insert("main".into(), Seen::Absent);
    let plan = Endpoints::plan(&place(), &network.desired, &observed, &network.standing);
    assert!(plan.steps.is_empty() && plan.held.len() == 1, "{plan}");
}

/// The token of the call whose answer was lost brings its endpoint into the books; a copied tag brings nothing.
#[test]
fn what_a_crash_left_is_asked_for_once_more_in_the_same_words() {
    let mut network = Network::bare(declared("\n      s3: gateway\n"));
    let first = network.plan().steps[0].action.clone();
    let id = network.cloud.apply(&first, Some("token")).unwrap().created.remove(0);
    let key = first.resource().id;
    let unheard = Repair { at: network.standing.now, run: "r".into(), removed: false, succeeded: None };
    network.standing.repairs.insert(key.clone(), vec![unheard]);
    network.pass(60);
    let plan = network.plan();
    assert_eq!(plan.steps.iter().map(|step| &step.action).collect::<Vec<_>>(), [&first], "{plan}");

    let mut answered = network.clone();
    answered.standing.repairs.get_mut(&key).unwrap()[0].succeeded = Some(true);
    assert!(answered.plan().is_empty(), "{}", answered.plan());
    let mut changed = network.clone();
    changed.cloud.endpoints.get_mut(&id).unwrap().tables.pop_first();
    let created = |step: &topology::Step<Change>| matches!(step.action, Change::Create { .. });
    assert!(!changed.plan().steps.iter().any(created), "{}", changed.plan());
}

#[test]
fn what_aws_does_not_show_yet_is_not_made_twice() {
    let mut network = Network::bare(declared("\n      s3: gateway\n"));
    network.enforce();
    let hidden = std::mem::take(&mut network.cloud.endpoints);
    assert!(network.plan().steps.is_empty() && network.plan().wait.is_some(), "{}", network.plan());
    network.pass(61);
    assert_eq!(network.plan().steps.len(), 1, "it is gone");
    network.cloud.endpoints = hidden;
    assert!(network.plan().is_empty());
}

#[test]
fn what_can_be_taken_back_says_how() {
    let mut network = Network::build(declared(SIX));
    network.lose("s3");
    network.modify("logs", &private(false));
    network.modify("secretsmanager", &policy(r#"{"Statement":[]}"#));
    network.pass(3600);
    let plan = network.plan();
    for step in &plan.steps {
        let receipt = Receipt { created: vec!["vpce-0new".into()], ..Receipt::default() };
        match (&step.action, step.action.inverse(&receipt)) {
            (Change::Create { .. }, Inverse::Exact(Change::Delete { endpoint, .. })) => {
                assert_eq!(endpoint.id.as_str(), "vpce-0new");
            }
            (Change::Modify { edit, .. }, Inverse::Exact(Change::Modify { edit: back, .. })) => {
                assert_eq!(edit.private_dns.map(|on| !on), back.private_dns);
                if let Some(PolicyEdit { to: Some(to), before: Some(before) }) = &edit.policy {
                    let Some(PolicyEdit { to: Some(put), before: Some(was) }) = &back.policy else { panic!("{back}") };
                    assert_eq!((to, before), (was, put));
                    assert_eq!(to.text(), NARROW);
                }
            }
            (action, inverse) => panic!("{action}: {inverse:?}"),
        }
        let already = Receipt { already: true, ..Receipt::default() };
        assert!(matches!(step.action.inverse(&already), Inverse::None(_)));
    }
    let kept = serde_json::to_string(&plan.steps[0].action).unwrap();
    assert_eq!(serde_json::from_str::<Change>(&kept).unwrap(), plan.steps[0].action);
}
