//! Plans and their printed form: observed is built from desired, then changed once, then planned.

mod support;

use insta::assert_snapshot;
use support::*;
use topology::security_groups::*;
use topology::{Seen, Unseen};
use twin::ec2::{Peer, Permission};

#[test]
fn nothing_to_do() {
    let network = Network::build(three_tiers());
    assert!(network.plan().is_empty());
    assert_snapshot!(network.plan(), @"in sync: nothing to do");
}

#[test]
fn a_new_group_is_given_its_rules_and_keeps_its_declared_egress() {
    assert_snapshot!(Network::bare(three_tiers()).plan(), @"
    drift
      drift     main/alb (sg-00000000000000002): missing ingress tcp 80 from 0.0.0.0/0
      drift     main/alb (sg-00000000000000002): missing ingress tcp 443 from 0.0.0.0/0
      drift     main/database (sg-00000000000000004): missing ingress tcp 5432 from tasks
      drift     main/tasks (sg-00000000000000006): missing ingress tcp 0-65535 from alb
      drift     main/tasks (sg-00000000000000006): missing ingress tcp 0-65535 from self
    steps
      1. authorize 2 ingress rules on main/alb (sg-00000000000000002): tcp 80 from 0.0.0.0/0, tcp 443 from 0.0.0.0/0
      2. authorize ingress tcp 5432 from sg-00000000000000006 on main/database (sg-00000000000000004)
      3. authorize 2 ingress rules on main/tasks (sg-00000000000000006): tcp 0-65535 from sg-00000000000000002, tcp 0-65535 from self
    ");
}

#[test]
fn ssh_opened_to_the_world_in_both_families() {
    let mut network = Network::build(three_tiers());
    network.admit("database", Permission::tcp(22, 22, "0.0.0.0/0"));
    network.admit("database", Permission::tcp(22, 22, "::/0"));
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/database (sg-00000000000000004): extra ingress tcp 22 from 0.0.0.0/0 (sgr-0000000000000000d): undeclared reach from public addresses
      exposure  main/database (sg-00000000000000004): extra ingress tcp 22 from ::/0 (sgr-0000000000000000e): undeclared reach from public addresses
    steps
      1. revoke 2 ingress rules on main/database (sg-00000000000000004): tcp 22 from 0.0.0.0/0 (sgr-0000000000000000d), tcp 22 from ::/0 (sgr-0000000000000000e)
         containment
         note: connections that are already tracked survive the revoke until they end or time out
    ");
}

#[test]
fn a_declared_rule_removed() {
    let mut network = Network::build(three_tiers());
    network.remove(&network.rule("alb", 443, 443));
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/alb (sg-00000000000000002): missing ingress tcp 443 from 0.0.0.0/0
    steps
      1. authorize ingress tcp 443 from 0.0.0.0/0 on main/alb (sg-00000000000000002)
    ");
}

#[test]
fn a_rule_widened_in_place_waits_for_what_it_carried() {
    let mut network = Network::build(three_tiers());
    let (group, rule) = (network.id("alb"), network.rule("alb", 443, 443));
    network.ec2.modify(&group, &rule, &Permission::tcp(0, 65535, "0.0.0.0/0")).unwrap();
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/alb (sg-00000000000000002): extra ingress tcp 0-65535 from 0.0.0.0/0 (sgr-00000000000000009): undeclared reach from public addresses
      drift     main/alb (sg-00000000000000002): missing ingress tcp 443 from 0.0.0.0/0
    steps
      1. authorize ingress tcp 443 from 0.0.0.0/0 on main/alb (sg-00000000000000002)
         containment
      2. revoke ingress tcp 0-65535 from 0.0.0.0/0 (sgr-00000000000000009) on main/alb (sg-00000000000000002)
         containment; only if 1 succeeds
         note: connections that are already tracked survive the revoke until they end or time out
    ");
}

#[test]
fn a_wide_exposure_beside_the_declared_rule_goes_at_once() {
    let mut network = Network::build(three_tiers());
    network.admit("alb", Permission::tcp(0, 65535, "0.0.0.0/0"));
    network.remove(&network.rule("alb", 80, 80));
    network.admit("alb", Permission::tcp(80, 80, "0.0.0.0/1"));
    network.admit("alb", Permission::tcp(80, 81, "0.0.0.0/0"));
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/alb (sg-00000000000000002): extra ingress tcp 0-65535 from 0.0.0.0/0 (sgr-0000000000000000d): undeclared reach from public addresses
      exposure  main/alb (sg-00000000000000002): extra ingress tcp 80-81 from 0.0.0.0/0 (sgr-0000000000000000f): undeclared reach from public addresses
      drift     main/alb (sg-00000000000000002): extra ingress tcp 80 from 0.0.0.0/1 (sgr-0000000000000000e)
      drift     main/alb (sg-00000000000000002): missing ingress tcp 80 from 0.0.0.0/0
    steps
      1. revoke ingress tcp 0-65535 from 0.0.0.0/0 (sgr-0000000000000000d) on main/alb (sg-00000000000000002)
         containment
         note: connections that are already tracked survive the revoke until they end or time out
      2. authorize ingress tcp 80 from 0.0.0.0/0 on main/alb (sg-00000000000000002)
         containment; after 1
      3. revoke ingress tcp 80-81 from 0.0.0.0/0 (sgr-0000000000000000f) on main/alb (sg-00000000000000002)
         containment; only if 2 succeeds
         note: connections that are already tracked survive the revoke until they end or time out
      4. revoke ingress tcp 80 from 0.0.0.0/1 (sgr-0000000000000000e) on main/alb (sg-00000000000000002)
         only if 2 succeeds
         note: connections that are already tracked survive the revoke until they end or time out
    ");
}

#[test]
fn what_contains_comes_before_what_mends_in_other_groups() {
    let mut network = Network::build(three_tiers());
    network.remove(&network.rule("alb", 443, 443));
    network.admit("alb", Permission::tcp(8443, 8443, "10.0.5.0/24"));
    network.admit("tasks", Permission::tcp(22, 22, "198.51.100.7/32"));
    network.admit("tasks", Permission::tcp(2222, 2222, "10.0.5.0/24"));
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/tasks (sg-00000000000000006): extra ingress tcp 22 from 198.51.100.7/32 (sgr-0000000000000000e): undeclared reach from public addresses
      drift     main/alb (sg-00000000000000002): extra ingress tcp 8443 from 10.0.5.0/24 (sgr-0000000000000000d)
      drift     main/alb (sg-00000000000000002): missing ingress tcp 443 from 0.0.0.0/0
      drift     main/tasks (sg-00000000000000006): extra ingress tcp 2222 from 10.0.5.0/24 (sgr-0000000000000000f)
    steps
      1. revoke ingress tcp 22 from 198.51.100.7/32 (sgr-0000000000000000e) on main/tasks (sg-00000000000000006)
         containment
         note: connections that are already tracked survive the revoke until they end or time out
      2. authorize ingress tcp 443 from 0.0.0.0/0 on main/alb (sg-00000000000000002)
      3. revoke ingress tcp 8443 from 10.0.5.0/24 (sgr-0000000000000000d) on main/alb (sg-00000000000000002)
         after 2
         note: connections that are already tracked survive the revoke until they end or time out
      4. revoke ingress tcp 2222 from 10.0.5.0/24 (sgr-0000000000000000f) on main/tasks (sg-00000000000000006)
         after 1
         note: connections that are already tracked survive the revoke until they end or time out
    ");
}

#[test]
fn a_description_changed() {
    let mut network = Network::build(three_tiers());
    let (group, rule) = (network.id("alb"), network.rule("alb", 443, 443));
    network.ec2.redescribe(&group, Direction::Ingress, &[(rule, "temporary, bob".into())]).unwrap();
    assert_snapshot!(network.plan(), @r#"
    drift
      drift     main/alb (sg-00000000000000002): ingress tcp 443 from 0.0.0.0/0 (sgr-00000000000000009) is described as "temporary, bob", declared as "HTTPS"
    steps
      1. describe ingress tcp 443 from 0.0.0.0/0 (sgr-00000000000000009) as "HTTPS", was "temporary, bob" on main/alb (sg-00000000000000002)
    "#);
}

#[test]
fn a_description_that_is_not_declared_is_left_alone() {
    let mut network = Network::build(three_tiers());
    let (group, rule) = (network.id("database"), network.rule("database", 5432, 5432));
    network.ec2.redescribe(&group, Direction::Ingress, &[(rule, "by hand".into())]).unwrap();
    assert!(network.plan().is_empty());
}

#[test]
fn more_outbound_is_drift_but_no_exposure() {
    let mut network = Network::build(three_tiers());
    network.let_out("database", Permission::tcp(443, 443, "0.0.0.0/0"));
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/database (sg-00000000000000004): extra egress tcp 443 to 0.0.0.0/0 (sgr-0000000000000000d)
    steps
      1. revoke egress tcp 443 to 0.0.0.0/0 (sgr-0000000000000000d) on main/database (sg-00000000000000004)
         note: connections that are already tracked survive the revoke until they end or time out
    ");
}

#[test]
fn prefix_lists_other_accounts_and_ranges_beyond_the_vpcs_are_exposures() {
    let mut network = Network::build(three_tiers());
    let base = || Permission::tcp(5432, 5432, "10.0.0.0/16");
    network.admit("database", base().with_peer(Peer::PrefixList("pl-0aaa".into())));
    let foreign = Peer::Group { account: Some("444455556666".into()), id: "sg-0ff".into() };
    network.admit("database", base().with_peer(foreign));
    network.admit("database", Permission::tcp(5432, 5432, "10.9.0.0/16"));
    network.admit("database", Permission::tcp(5432, 5432, "10.0.9.0/24"));
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/database (sg-00000000000000004): extra ingress tcp 5432 from 10.9.0.0/16 (sgr-0000000000000000f): undeclared reach from outside the topology
      exposure  main/database (sg-00000000000000004): extra ingress tcp 5432 from pl-0aaa (sgr-0000000000000000d): undeclared reach from public addresses
      exposure  main/database (sg-00000000000000004): extra ingress tcp 5432 from 444455556666/sg-0ff (sgr-0000000000000000e): undeclared reach from account 444455556666
      drift     main/database (sg-00000000000000004): extra ingress tcp 5432 from 10.0.9.0/24 (sgr-00000000000000010)
    steps
      1. revoke 3 ingress rules on main/database (sg-00000000000000004): tcp 5432 from 10.9.0.0/16 (sgr-0000000000000000f), tcp 5432 from pl-0aaa (sgr-0000000000000000d), tcp 5432 from 444455556666/sg-0ff (sgr-0000000000000000e)
         containment
         note: connections that are already tracked survive the revoke until they end or time out
      2. revoke ingress tcp 5432 from 10.0.9.0/24 (sgr-00000000000000010) on main/database (sg-00000000000000004)
         after 1
         note: connections that are already tracked survive the revoke until they end or time out
    ");
}

#[test]
fn every_kind_of_rule_is_recognised_in_the_form_that_ec2_gives_it() {
    let rules = [("tcp", 22, 22, "100.68.0.18/18"), ("6", 23, 23, "10.0.0.0/16"), ("17", 53, 53, "2001:db8::1/32")]
        .map(|(protocol, from, to, peer)| {
            rule(Traffic::from_wire(protocol, Some(from), Some(to)).unwrap(), peer_of(peer))
        })
        .into_iter()
        .chain([
            rule(Traffic::from_wire("icmp", Some(8), Some(-1)).unwrap(), peer_of("0.0.0.0/0")),
            rule(Traffic::from_wire("58", None, None).unwrap(), peer_of("::/0")),
            rule(Traffic::from_wire("50", Some(1), Some(2)).unwrap(), peer_of("10.1.0.0/16")),
            rule(Traffic::from_wire("-1", None, None).unwrap(), peer_of("edge")),
            tcp(443, 443, "pl-0aaa"),
            tcp(443, 443, "444455556666/sg-0ff"),
        ])
        .collect();
    let network = Network::bare(desired([("edge", group(rules))]));
    assert_snapshot!(network.plan().steps[0].action.group().name, @"main/edge");
    let mut network = network;
    network.enforce();
    assert_snapshot!(network.plan(), @"in sync: nothing to do");
}

#[test]
fn an_omitted_direction_is_unmanaged_and_an_empty_one_admits_nothing() {
    let mut unmanaged = Network::build(desired([("quiet", DesiredGroup::default())]));
    unmanaged.admit("quiet", Permission::tcp(22, 22, "0.0.0.0/0"));
    assert!(unmanaged.plan().is_empty());

    let closed = DesiredGroup { ingress: Some(vec![]), egress: Some(vec![]), ..DesiredGroup::default() };
    assert_snapshot!(Network::bare(desired([("closed", closed)])).plan(), @"
    drift
      drift     main/closed (sg-00000000000000002): extra egress all traffic to 0.0.0.0/0 (sgr-00000000000000003)
    steps
      1. revoke egress all traffic to 0.0.0.0/0 (sgr-00000000000000003) on main/closed (sg-00000000000000002)
         note: connections that are already tracked survive the revoke until they end or time out
    ");
}

#[test]
fn marks_of_load_balancer_controllers_are_held_unless_they_open_to_the_world() {
    let mut network = Network::build(three_tiers());
    let alb = network.id("alb");
    network.admit("tasks", from_group((8080, 8081), &alb).described("elbv2.k8s.aws/targetGroupBinding=shared"));
    network
        .admit("tasks", Permission::tcp(30101, 30101, "10.0.0.0/20").described("kubernetes.io/rule/nlb/health=a1b2"));
    network.admit("tasks", Permission::tcp(30101, 30101, "0.0.0.0/0").described("kubernetes.io/rule/nlb/client=a1b2"));
    let tagged = network.admit("tasks", Permission::tcp(9090, 9090, "10.0.16.0/20"));
    let tags = &mut network.ec2.rules.get_mut(&tagged).unwrap().tags;
    tags.insert("elbv2.k8s.aws/targetGroupBinding".into(), "shared".into());
    network.admit(
        "tasks",
        Permission::tcp(9, 9, "10.0.0.0/16").with_peer(Peer::PrefixList("pl-0aaa".into())).described("elbv2.k8s.aws/x"),
    );
    assert_snapshot!(network.plan(), @r#"
    drift
      exposure  main/tasks (sg-00000000000000006): extra ingress tcp 9 from pl-0aaa (sgr-00000000000000011): undeclared reach from public addresses
      exposure  main/tasks (sg-00000000000000006): extra ingress tcp 30101 from 0.0.0.0/0 (sgr-0000000000000000f): undeclared reach from public addresses
      drift     main/tasks (sg-00000000000000006): extra ingress tcp 8080-8081 from alb (sgr-0000000000000000d): it bears the mark of the AWS Load Balancer Controller
      drift     main/tasks (sg-00000000000000006): extra ingress tcp 9090 from 10.0.16.0/20 (sgr-00000000000000010): it bears the mark of the AWS Load Balancer Controller
      drift     main/tasks (sg-00000000000000006): extra ingress tcp 30101 from 10.0.0.0/20 (sgr-0000000000000000e): it bears the mark of the Kubernetes cloud provider for AWS
    steps
      1. revoke 2 ingress rules on main/tasks (sg-00000000000000006): tcp 9 from pl-0aaa (sgr-00000000000000011), tcp 30101 from 0.0.0.0/0 (sgr-0000000000000000f)
         containment
         note: connections that are already tracked survive the revoke until they end or time out
    held
      main/tasks (sg-00000000000000006): extra ingress tcp 8080-8081 from alb (sgr-0000000000000000d) bears the mark of the AWS Load Balancer Controller, which would put it back
         to do: if it belongs there, add `{ description: "elbv2.k8s.aws/targetGroupBinding=shared" }` to foreign_rules of main/tasks; otherwise revoke it by hand
      main/tasks (sg-00000000000000006): extra ingress tcp 9090 from 10.0.16.0/20 (sgr-00000000000000010) bears the mark of the AWS Load Balancer Controller, which would put it back
         to do: if it belongs there, add `{ tag: "elbv2.k8s.aws/targetGroupBinding=shared" }` to foreign_rules of main/tasks; otherwise revoke it by hand
      main/tasks (sg-00000000000000006): extra ingress tcp 30101 from 10.0.0.0/20 (sgr-0000000000000000e) bears the mark of the Kubernetes cloud provider for AWS, which would put it back
         to do: if it belongs there, add `{ description: "kubernetes.io/rule/nlb/*" }` to foreign_rules of main/tasks; otherwise revoke it by hand
    "#);
}

#[test]
fn foreign_rules_are_no_drift_but_never_cover_the_world() {
    let mut declared = three_tiers();
    let tasks = declared.vpcs.get_mut("main").unwrap().groups.get_mut("tasks").unwrap();
    tasks.foreign_rules = vec![
        ForeignRule { description: Some("ci-*".into()), ..ForeignRule::default() },
        ForeignRule { tag: Some(("owner".into(), "terra*m".into())), ..ForeignRule::default() },
        ForeignRule { group: Some(peer_of("database")), ..ForeignRule::default() },
        ForeignRule::default(),
    ];
    let mut network = Network::build(declared);
    network.admit("tasks", Permission::tcp(9000, 9000, "10.0.0.0/24").described("ci-runner"));
    network.admit("tasks", Permission::tcp(9001, 9001, "10.9.0.0/24").described("ci-runner"));
    let database = network.id("database");
    network.admit("tasks", Permission { protocol: "-1".into(), ..from_group((0, 0), &database) });
    let tagged = network.admit("tasks", Permission::tcp(9002, 9002, "10.0.0.0/24"));
    network.ec2.rules.get_mut(&tagged).unwrap().tags.insert("owner".into(), "terraform".into());
    assert!(network.plan().is_empty(), "{}", network.plan());

    network.admit("tasks", Permission::tcp(22, 22, "0.0.0.0/0").described("ci-runner"));
    network.admit("tasks", Permission::tcp(23, 23, "10.0.0.0/24").described("my ci-runner"));
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/tasks (sg-00000000000000006): extra ingress tcp 22 from 0.0.0.0/0 (sgr-00000000000000011): undeclared reach from public addresses (foreign_rules never cover public sources)
      drift     main/tasks (sg-00000000000000006): extra ingress tcp 23 from 10.0.0.0/24 (sgr-00000000000000012)
    steps
      1. revoke ingress tcp 22 from 0.0.0.0/0 (sgr-00000000000000011) on main/tasks (sg-00000000000000006)
         containment
         note: connections that are already tracked survive the revoke until they end or time out
      2. revoke ingress tcp 23 from 10.0.0.0/24 (sgr-00000000000000012) on main/tasks (sg-00000000000000006)
         after 1
         note: connections that are already tracked survive the revoke until they end or time out
    ");
}

#[test]
fn rules_that_name_an_absent_group() {
    let optional = DesiredGroup { optional: true, ..DesiredGroup::default() };
    let dropped = desired([("database", group(vec![tcp(5432, 5432, "bastion")])), ("bastion", optional)]);
    assert!(Network::build(dropped).plan().is_empty());

    let mut network = Network::build(three_tiers());
    let (tasks, alb, database) = (network.id("tasks"), network.id("alb"), network.id("database"));
    network.ec2.rules.retain(|_, rule| rule.group == alb || rule.direction == Direction::Egress);
    network.ec2.delete_group(&tasks).unwrap();
    network.admit("database", from_group((5432, 5432), &database));
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/database (sg-00000000000000004): missing ingress tcp 5432 from tasks: there is no such group
      drift     main/database (sg-00000000000000004): extra ingress tcp 5432 from self (sgr-0000000000000000d)
      drift     main/tasks (vpc-00000000000000001): the group tasks is gone from vpc-00000000000000001
    steps
      1. revoke ingress tcp 5432 from self (sgr-0000000000000000d) on main/database (sg-00000000000000004)
         note: connections that are already tracked survive the revoke until they end or time out
    held
      main/database (sg-00000000000000004): ingress tcp 5432 from tasks is declared, but vpc-00000000000000001 has no group named tasks
         to do: create the group tasks in vpc-00000000000000001 (deploy the stack that holds it), or declare it `optional: true`
      main/tasks (vpc-00000000000000001): the group tasks is gone from vpc-00000000000000001; a new one would have another id, and nothing would be a member of it
         to do: deploy the stack that holds it again (`plumb render` makes its template) and attach it where it was, or declare tasks `optional: true`
    ");
}

#[test]
fn an_optional_group_that_somebody_made_is_not_let_in() {
    let bastion = DesiredGroup { optional: true, ..group(vec![]) };
    let declared = desired([("database", group(vec![tcp(5432, 5432, "bastion")])), ("bastion", bastion)]);
    let mut network = Network::build(declared);
    let made = network.ec2.create_group(&network.vpcs["main"].clone(), "bastion").unwrap();
    assert_snapshot!(network.plan(), @"
    held
      main/bastion (sg-00000000000000004): it was made outside CloudFormation: declared rules that name it do not count
         to do: if sg-00000000000000004 is yours, drop `optional: true` from bastion; otherwise delete it
      main/database (sg-00000000000000002): ingress tcp 5432 from bastion is declared, but sg-00000000000000004 was made outside CloudFormation: anybody who may make a group could have given it that name
         to do: if sg-00000000000000004 is yours, drop `optional: true` from bastion; otherwise delete it
    ");

    // Nor in a look at the database alone, and a rule for it does not stay.
    network.admit("database", from_group((5432, 5432), &made));
    let database = topology::Scope::Only([network.id("database")].into());
    let look = |network: &Network| {
        let observed = network.ec2.observe(&network.vpcs, &network.desired, &database);
        <SecurityGroups as topology::Control>::plan(&place(), &network.desired, &observed, &standing())
    };
    let plan = look(&network);
    assert!(matches!(plan.steps[0].action, Change::Revoke { .. }), "{plan}");
    assert_eq!((plan.steps.len(), plan.held.len()), (1, 1), "{plan}");

    // CloudFormation made it: it counts.
    let tags = &mut network.ec2.groups.get_mut(&made).unwrap().tags;
    tags.insert(
        "aws:cloudformation:stack-id".into(),
        "arn:aws:cloudformation:eu-west-1:111122223333:stack/net/1".into(),
    );
    assert!(look(&network).is_empty());
    assert!(network.plan().is_empty());
}

#[test]
fn a_group_of_a_peered_vpc_is_outside_the_topology() {
    let mut network = Network::build(three_tiers());
    let elsewhere = network.ec2.create_vpc("10.9.0.0/16").unwrap();
    let stranger = network.ec2.create_group(&elsewhere, "alb").unwrap();
    network.admit("database", from_group((5432, 5432), &stranger));
    let contained = |network: &Network| network.plan().steps.iter().map(|step| step.contains).collect::<Vec<_>>();
    assert_eq!(contained(&network), [true], "{}", network.plan());

    // Of another VPC of the topology: drift, also in a look at one group.
    network.desired.vpcs.insert("other".into(), DesiredVpc::default());
    network.vpcs.insert("other".into(), elsewhere);
    assert_eq!(contained(&network), [false], "{}", network.plan());
    let database = topology::Scope::Only([network.id("database")].into());
    let observed = network.ec2.observe(&network.vpcs, &network.desired, &database);
    let plan = <SecurityGroups as topology::Control>::plan(&place(), &network.desired, &observed, &standing());
    assert_eq!(plan.steps, network.plan().steps);

    // And a person may declare that it belongs there.
    network.vpcs.remove("other");
    network.desired.vpcs.remove("other");
    let database = network.desired.vpcs.get_mut("main").unwrap().groups.get_mut("database").unwrap();
    database.ingress.as_mut().unwrap().push(tcp(5432, 5432, stranger.as_str()));
    assert!(network.plan().is_empty(), "{}", network.plan());
}

#[test]
fn groups_that_the_document_does_not_name_are_told_when_asked_for() {
    let mut declared = three_tiers();
    let network = {
        let mut network = Network::build(declared.clone());
        let vpc = network.vpcs["main"].clone();
        network.ec2.create_group(&vpc, "left-over").unwrap();
        network
    };
    assert!(network.plan().is_empty());
    declared.vpcs.get_mut("main").unwrap().undeclared = Undeclared::Report;
    assert_snapshot!(Network { desired: declared, ..network }.plan(), @"
    drift
      advice    main/left-over (sg-0000000000000000d): the topology does not declare this group
    ");
}

#[test]
fn a_group_filled_by_an_attacker_is_contained_then_mended() {
    let mut network = Network::build(three_tiers());
    network.remove(&network.rule("alb", 443, 443));
    for port in 0..59 {
        network.admit("alb", Permission::tcp(1000 + port, 1000 + port, "0.0.0.0/0"));
    }
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/alb (sg-00000000000000002): extra ingress tcp 1000 from 0.0.0.0/0 (sgr-0000000000000000d): undeclared reach from public addresses
      exposure  main/alb (sg-00000000000000002): extra ingress tcp 1001 from 0.0.0.0/0 (sgr-0000000000000000e): undeclared reach from public addresses
      exposure  main/alb (sg-00000000000000002): extra ingress tcp 1002 from 0.0.0.0/0 (sgr-0000000000000000f): undeclared reach from public addresses
      exposure  main/alb (sg-00000000000000002): extra ingress tcp 1003 from 0.0.0.0/0 (sgr-00000000000000010): undeclared reach from public addresses
      exposure  main/alb (sg-00000000000000002): extra ingress tcp 1004 from 0.0.0.0/0 (sgr-00000000000000011): undeclared reach from public addresses
      exposure  main/alb (sg-00000000000000002): extra ingress tcp 1005 from 0.0.0.0/0 (sgr-00000000000000012): undeclared reach from public addresses
      exposure  main/alb (sg-00000000000000002): extra ingress tcp 1006 from 0.0.0.0/0 (sgr-00000000000000013): undeclared reach from public addresses
      exposure  main/alb (sg-00000000000000002): extra ingress tcp 1007 from 0.0.0.0/0 (sgr-00000000000000014): undeclared reach from public addresses
                and 51 more like these
      drift     main/alb (sg-00000000000000002): missing ingress tcp 443 from 0.0.0.0/0
    steps
      1. revoke 59 ingress rules on main/alb (sg-00000000000000002): tcp 1000 from 0.0.0.0/0 (sgr-0000000000000000d), tcp 1001 from 0.0.0.0/0 (sgr-0000000000000000e), tcp 1002 from 0.0.0.0/0 (sgr-0000000000000000f), tcp 1003 from 0.0.0.0/0 (sgr-00000000000000010) and 55 more
         containment
         note: connections that are already tracked survive the revoke until they end or time out
      2. authorize ingress tcp 443 from 0.0.0.0/0 on main/alb (sg-00000000000000002)
         only if 1 succeeds
    ");
    network.enforce();
    assert!(network.plan().is_empty());
}

#[test]
fn room_that_containment_depends_upon_is_made_first_and_is_no_more_than_it_needs() {
    let mut network = Network::build(three_tiers());
    let (group, rule) = (network.id("alb"), network.rule("alb", 443, 443));
    network.ec2.modify(&group, &rule, &Permission::tcp(0, 65535, "0.0.0.0/0")).unwrap();
    for port in 0..58 {
        network.admit("alb", Permission::tcp(1000 + port, 1000 + port, "10.0.0.0/16"));
    }
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/alb (sg-00000000000000002): extra ingress tcp 0-65535 from 0.0.0.0/0 (sgr-00000000000000009): undeclared reach from public addresses
      drift     main/alb (sg-00000000000000002): extra ingress tcp 1000 from 10.0.0.0/16 (sgr-0000000000000000d)
      drift     main/alb (sg-00000000000000002): extra ingress tcp 1001 from 10.0.0.0/16 (sgr-0000000000000000e)
      drift     main/alb (sg-00000000000000002): extra ingress tcp 1002 from 10.0.0.0/16 (sgr-0000000000000000f)
      drift     main/alb (sg-00000000000000002): extra ingress tcp 1003 from 10.0.0.0/16 (sgr-00000000000000010)
      drift     main/alb (sg-00000000000000002): extra ingress tcp 1004 from 10.0.0.0/16 (sgr-00000000000000011)
      drift     main/alb (sg-00000000000000002): extra ingress tcp 1005 from 10.0.0.0/16 (sgr-00000000000000012)
      drift     main/alb (sg-00000000000000002): extra ingress tcp 1006 from 10.0.0.0/16 (sgr-00000000000000013)
      drift     main/alb (sg-00000000000000002): extra ingress tcp 1007 from 10.0.0.0/16 (sgr-00000000000000014)
                and 51 more like these
    steps
      1. revoke ingress tcp 1000 from 10.0.0.0/16 (sgr-0000000000000000d) on main/alb (sg-00000000000000002)
         containment
         note: connections that are already tracked survive the revoke until they end or time out
      2. authorize ingress tcp 443 from 0.0.0.0/0 on main/alb (sg-00000000000000002)
         containment; only if 1 succeeds
      3. revoke ingress tcp 0-65535 from 0.0.0.0/0 (sgr-00000000000000009) on main/alb (sg-00000000000000002)
         containment; only if 2 succeeds
         note: connections that are already tracked survive the revoke until they end or time out
      4. revoke 57 ingress rules on main/alb (sg-00000000000000002): tcp 1001 from 10.0.0.0/16 (sgr-0000000000000000e), tcp 1002 from 10.0.0.0/16 (sgr-0000000000000000f), tcp 1003 from 10.0.0.0/16 (sgr-00000000000000010), tcp 1004 from 10.0.0.0/16 (sgr-00000000000000011) and 53 more
         after 2
         note: connections that are already tracked survive the revoke until they end or time out
    ");
    network.enforce();
    assert!(network.plan().is_empty());
}

#[test]
fn a_group_full_of_rules_that_all_carry_declared_traffic_makes_just_enough_room() {
    let mut network = Network::build(desired([("wide", group(vec![tcp(0, 65535, "0.0.0.0/0")]))]));
    network.remove(&network.rule("wide", 0, 65535));
    for n in 0..60 {
        network.admit("wide", Permission::tcp(n * 1000, n * 1000 + 999, "0.0.0.0/0"));
    }
    // All of them lie within what is declared: they carry it, but open nothing.
    assert!(network.plan().steps.iter().all(|step| !step.contains));
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/wide (sg-00000000000000002): extra ingress tcp 0-999 from 0.0.0.0/0 (sgr-00000000000000005)
      drift     main/wide (sg-00000000000000002): extra ingress tcp 1000-1999 from 0.0.0.0/0 (sgr-00000000000000006)
      drift     main/wide (sg-00000000000000002): extra ingress tcp 2000-2999 from 0.0.0.0/0 (sgr-00000000000000007)
      drift     main/wide (sg-00000000000000002): extra ingress tcp 3000-3999 from 0.0.0.0/0 (sgr-00000000000000008)
      drift     main/wide (sg-00000000000000002): extra ingress tcp 4000-4999 from 0.0.0.0/0 (sgr-00000000000000009)
      drift     main/wide (sg-00000000000000002): extra ingress tcp 5000-5999 from 0.0.0.0/0 (sgr-0000000000000000a)
      drift     main/wide (sg-00000000000000002): extra ingress tcp 6000-6999 from 0.0.0.0/0 (sgr-0000000000000000b)
      drift     main/wide (sg-00000000000000002): extra ingress tcp 7000-7999 from 0.0.0.0/0 (sgr-0000000000000000c)
                and 53 more like these
    steps
      1. revoke ingress tcp 0-999 from 0.0.0.0/0 (sgr-00000000000000005) on main/wide (sg-00000000000000002)
         note: the group is full, so that tcp 0-65535 from 0.0.0.0/0 may be cut until the next step; connections that are already tracked survive the revoke until they end or time out
      2. authorize ingress tcp 0-65535 from 0.0.0.0/0 on main/wide (sg-00000000000000002)
         only if 1 succeeds
      3. revoke 59 ingress rules on main/wide (sg-00000000000000002): tcp 1000-1999 from 0.0.0.0/0 (sgr-00000000000000006), tcp 2000-2999 from 0.0.0.0/0 (sgr-00000000000000007), tcp 3000-3999 from 0.0.0.0/0 (sgr-00000000000000008), tcp 4000-4999 from 0.0.0.0/0 (sgr-00000000000000009) and 55 more
         only if 2 succeeds
         note: connections that are already tracked survive the revoke until they end or time out
    ");
    network.enforce();
    assert!(network.plan().is_empty());
}

#[test]
fn a_group_full_of_exposures_that_all_carry_declared_traffic_is_contained_with_a_cut_that_is_told() {
    let mut network = Network::build(desired([("wide", group(vec![tcp(0, 65535, "0.0.0.0/1")]))]));
    network.remove(&network.rule("wide", 0, 65535));
    for n in 0..60 {
        network.admit("wide", Permission::tcp(n * 1000, n * 1000 + 999, "0.0.0.0/0"));
    }
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/wide (sg-00000000000000002): extra ingress tcp 0-999 from 0.0.0.0/0 (sgr-00000000000000005): undeclared reach from public addresses
      exposure  main/wide (sg-00000000000000002): extra ingress tcp 1000-1999 from 0.0.0.0/0 (sgr-00000000000000006): undeclared reach from public addresses
      exposure  main/wide (sg-00000000000000002): extra ingress tcp 2000-2999 from 0.0.0.0/0 (sgr-00000000000000007): undeclared reach from public addresses
      exposure  main/wide (sg-00000000000000002): extra ingress tcp 3000-3999 from 0.0.0.0/0 (sgr-00000000000000008): undeclared reach from public addresses
      exposure  main/wide (sg-00000000000000002): extra ingress tcp 4000-4999 from 0.0.0.0/0 (sgr-00000000000000009): undeclared reach from public addresses
      exposure  main/wide (sg-00000000000000002): extra ingress tcp 5000-5999 from 0.0.0.0/0 (sgr-0000000000000000a): undeclared reach from public addresses
      exposure  main/wide (sg-00000000000000002): extra ingress tcp 6000-6999 from 0.0.0.0/0 (sgr-0000000000000000b): undeclared reach from public addresses
      exposure  main/wide (sg-00000000000000002): extra ingress tcp 7000-7999 from 0.0.0.0/0 (sgr-0000000000000000c): undeclared reach from public addresses
                and 52 more like these
      drift     main/wide (sg-00000000000000002): missing ingress tcp 0-65535 from 0.0.0.0/1
    steps
      1. revoke ingress tcp 0-999 from 0.0.0.0/0 (sgr-00000000000000005) on main/wide (sg-00000000000000002)
         containment
         note: the group is full, so that tcp 0-65535 from 0.0.0.0/1 may be cut until the next step; connections that are already tracked survive the revoke until they end or time out
      2. authorize ingress tcp 0-65535 from 0.0.0.0/1 on main/wide (sg-00000000000000002)
         containment; only if 1 succeeds
      3. revoke 59 ingress rules on main/wide (sg-00000000000000002): tcp 1000-1999 from 0.0.0.0/0 (sgr-00000000000000006), tcp 2000-2999 from 0.0.0.0/0 (sgr-00000000000000007), tcp 3000-3999 from 0.0.0.0/0 (sgr-00000000000000008), tcp 4000-4999 from 0.0.0.0/0 (sgr-00000000000000009) and 55 more
         containment; only if 2 succeeds
         note: connections that are already tracked survive the revoke until they end or time out
    ");
    network.enforce();
    assert!(network.plan().is_empty());
}

#[test]
fn a_refused_authorize_does_not_keep_an_exposure_for_ever() {
    let mut declared = three_tiers();
    let alb = declared.vpcs.get_mut("main").unwrap().groups.get_mut("alb").unwrap();
    alb.ingress.as_mut().unwrap().push(tcp(8443, 8443, "pl-0gone"));
    let mut network = Network::bare(declared);
    network.admit("alb", Permission::tcp(0, 65535, "0.0.0.0/0"));
    let first = network.enforce();
    assert!(first.steps.iter().any(|step| step.contains && !step.needs.is_empty()));
    let open = |network: &Network| {
        let wide = |rule: &twin::ec2::Rule| rule.traffic == Traffic::tcp(0, 65535) && rule.peer == world();
        network.ec2.rules.values().any(wide)
    };
    assert!(open(&network), "it waits for one refusal");
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/alb (sg-00000000000000002): extra ingress tcp 0-65535 from 0.0.0.0/0 (sgr-00000000000000008): undeclared reach from public addresses
      drift     main/alb (sg-00000000000000002): missing ingress tcp 80 from 0.0.0.0/0
      drift     main/alb (sg-00000000000000002): missing ingress tcp 443 from 0.0.0.0/0
      drift     main/alb (sg-00000000000000002): missing ingress tcp 8443 from pl-0gone
    steps
      1. authorize 3 ingress rules on main/alb (sg-00000000000000002): tcp 80 from 0.0.0.0/0, tcp 443 from 0.0.0.0/0, tcp 8443 from pl-0gone
         containment
      2. revoke ingress tcp 0-65535 from 0.0.0.0/0 (sgr-00000000000000008) on main/alb (sg-00000000000000002)
         containment; after 1
         note: adding 3 rules was refused before; if it fails again, that traffic is cut; connections that are already tracked survive the revoke until they end or time out
    ");
    network.enforce();
    assert!(!open(&network), "and not for a second one");
}

#[test]
fn a_throttled_authorize_keeps_an_exposure_for_half_a_minute_only() {
    let mut network = Network::build(three_tiers());
    let (group, rule) = (network.id("alb"), network.rule("alb", 443, 443));
    network.ec2.modify(&group, &rule, &Permission::tcp(0, 65535, "0.0.0.0/0")).unwrap();
    let tried = |seconds, succeeded| {
        let at = standing().now - jiff::SignedDuration::from_secs(seconds);
        topology::Repair { at, run: format!("run-{seconds}"), removed: false, succeeded }
    };
    let waits = |repairs: Vec<topology::Repair>| {
        let standing = topology::Standing { repairs: [(group.clone(), repairs)].into(), ..standing() };
        let plan =
            <SecurityGroups as topology::Control>::plan(&place(), &network.desired, &network.observe(), &standing);
        let revoke = plan.steps.last().unwrap();
        assert_eq!(revoke.needs.len() + revoke.after.len(), 1, "{plan}");
        revoke.after.is_empty()
    };
    assert!(waits(vec![tried(20, None)]));
    assert!(!waits(vec![tried(40, None)]));
    assert!(!waits(vec![tried(40, None), tried(1, None)]), "trying again does not begin the wait anew");
    assert!(!waits(vec![tried(40, Some(false)), tried(1, None)]));
    assert!(waits(vec![tried(40, Some(false)), tried(30, Some(true))]), "accepted since");
}

#[test]
fn marks_keep_nothing_that_reaches_beyond_the_topology() {
    let mut network = Network::build(three_tiers());
    for (port, range) in [(8443, "10.0.0.0/8"), (8444, "172.16.0.0/12")] {
        network.admit("tasks", Permission::tcp(port, port, range).described("elbv2.k8s.aws/targetGroupBinding=shared"));
    }
    let plan = network.plan();
    assert_eq!(
        plan.steps.iter().map(|step| (step.contains, step.action.len())).collect::<Vec<_>>(),
        [(true, 2)],
        "{plan}"
    );
    assert!(plan.held.is_empty());

    // Whoever has such a controller says so, and then it may; never to the world.
    let vpc = network.desired.vpcs.get_mut("main").unwrap();
    vpc.groups.get_mut("tasks").unwrap().foreign_rules =
        vec![ForeignRule { description: Some("elbv2.k8s.aws/*".into()), ..ForeignRule::default() }];
    assert!(network.plan().is_empty());
    for range in ["0.0.0.0/0", "0.0.0.0/1", "198.51.100.7/32", "8.0.0.0/6", "::/0"] {
        network.admit("tasks", Permission::tcp(22, 22, range).described("elbv2.k8s.aws/targetGroupBinding=shared"));
    }
    let list = Permission::tcp(22, 22, "10.0.0.0/16").with_peer(Peer::PrefixList("pl-0aaa".into()));
    network.admit("tasks", list.described("elbv2.k8s.aws/targetGroupBinding=shared"));
    assert_eq!(
        network.plan().steps.iter().map(|step| (step.contains, step.action.len())).collect::<Vec<_>>(),
        [(true, 6)]
    );
}

#[test]
fn marks_do_not_keep_a_declared_rule_out_of_a_full_group() {
    let mut network = Network::build(three_tiers());
    network.remove(&network.rule("alb", 443, 443));
    for port in 0..59 {
        let mark = "elbv2.k8s.aws/targetGroupBinding=shared";
        network.admit("alb", Permission::tcp(1000 + port, 1000 + port, "10.0.0.0/16").described(mark));
    }
    let plan = network.enforce();
    assert_eq!(plan.steps.iter().map(|step| step.action.len()).collect::<Vec<_>>(), [1, 1], "{plan}");
    assert_eq!(plan.held.len(), 58, "one makes room, the others stay");
    assert!(network.plan().steps.is_empty(), "{}", network.plan());
    assert_eq!(network.ec2.rules[&network.rule("alb", 443, 443)].peer, world());

    // What a person declared foreign stays: then the group is full.
    let vpc = network.desired.vpcs.get_mut("main").unwrap();
    vpc.groups.get_mut("alb").unwrap().foreign_rules =
        vec![ForeignRule { description: Some("elbv2.k8s.aws/*".into()), ..ForeignRule::default() }];
    network.remove(&network.rule("alb", 443, 443));
    network.admit("alb", Permission::tcp(999, 999, "10.0.0.0/16").described("elbv2.k8s.aws/x"));
    let plan = network.plan();
    assert!(plan.steps.is_empty() && plan.held.len() == 1, "{plan}");
}

#[test]
fn what_does_not_fit_is_held_with_the_number() {
    let rules: Vec<DesiredRule> = (0..58).map(|n| tcp(1000 + n, 1000 + n, "0.0.0.0/0")).collect();
    let mut wide = group(rules);
    wide.foreign_rules = vec![ForeignRule { description: Some("ci".into()), ..ForeignRule::default() }];
    let mut network = Network::bare(desired([("wide", wide)]));
    for port in 0..4 {
        network.admit("wide", Permission::tcp(9000 + port, 9000 + port, "10.0.0.0/16").described("ci"));
    }
    let plan = network.enforce();
    assert_eq!(plan.steps[0].action.len(), 56);
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/wide (sg-00000000000000002): missing ingress tcp 1056 from 0.0.0.0/0
      drift     main/wide (sg-00000000000000002): missing ingress tcp 1057 from 0.0.0.0/0
    held
      main/wide (sg-00000000000000002): 2 declared ingress rules do not fit (tcp 1056 from 0.0.0.0/0, tcp 1057 from 0.0.0.0/0): 60 IPv4 and 0 IPv6 rules stay, and the quota is 60 a direction for each
         to do: declare fewer rules, remove foreign ones, or raise the quota `Inbound or outbound rules per security group` and add the rules once by hand
    ");
}

#[test]
fn a_reference_needs_room_among_ipv4_and_ipv6_rules_alike() {
    let mut out = group(vec![]);
    out.egress = Some(vec![tcp(5432, 5432, "out")]);
    let mut network = Network::build(desired([("out", out)]));
    network.ec2.rules.clear();
    for n in 0..60 {
        network.let_out("out", Permission::tcp(1000 + n, 1000 + n, "2001:db8::/32"));
    }
    let plan = network.enforce();
    assert_eq!(plan.steps.iter().map(|step| step.action.len()).collect::<Vec<_>>(), [1, 1, 59], "{plan}");
    assert!(network.plan().is_empty());
}

#[test]
fn a_range_may_carry_what_a_prefix_list_holds() {
    let mut network = Network::build(desired([("edge", group(vec![tcp(443, 443, "pl-0aaa")]))]));
    let (group, rule) = (network.id("edge"), network.rule("edge", 443, 443));
    network.ec2.modify(&group, &rule, &Permission::tcp(443, 443, "0.0.0.0/0")).unwrap();
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/edge (sg-00000000000000002): extra ingress tcp 443 from 0.0.0.0/0 (sgr-00000000000000004): undeclared reach from public addresses
      drift     main/edge (sg-00000000000000002): missing ingress tcp 443 from pl-0aaa
    steps
      1. authorize ingress tcp 443 from pl-0aaa on main/edge (sg-00000000000000002)
         containment
      2. revoke ingress tcp 443 from 0.0.0.0/0 (sgr-00000000000000004) on main/edge (sg-00000000000000002)
         containment; only if 1 succeeds
         note: connections that are already tracked survive the revoke until they end or time out
    ");
}

#[test]
fn a_raised_quota_is_recognised_by_what_the_group_holds() {
    let rules: Vec<DesiredRule> = (0..70).map(|n| tcp(1000 + n, 1000 + n, "0.0.0.0/0")).collect();
    let mut network = Network::bare(desired([("wide", group(rules.clone()))]));
    network.ec2.quota = 100;
    network.desired = desired([("wide", group(rules[..65].to_vec()))]);
    network.admit("wide", Permission::tcp(1, 1, "10.0.0.0/16"));
    for n in 0..64 {
        network.admit("wide", Permission::tcp(1000 + n, 1000 + n, "0.0.0.0/0"));
    }
    network.enforce();
    assert!(network.plan().is_empty());
}

#[test]
fn what_is_unknown_is_not_touched_and_what_is_known_is() {
    let mut network = Network::build(three_tiers());
    network.admit("alb", Permission::tcp(22, 22, "0.0.0.0/0"));
    network.admit("database", Permission::tcp(22, 22, "0.0.0.0/0"));
    let mut observed = network.observe();
    let Some(Seen::Present(vpc)) = observed.vpcs.get_mut("main") else { panic!("no VPC") };
    let failed = Unseen::Failed { retryable: true, why: "RequestLimitExceeded".into() };
    vpc.groups.insert("database".into(), Seen::Unknown(failed.clone()));
    vpc.groups.insert("tasks".into(), Seen::Unknown(Unseen::OutOfScope));
    let plan = <SecurityGroups as topology::Control>::plan(&place(), &network.desired, &observed, &standing());
    assert_snapshot!(plan, @"
    drift
      exposure  main/alb (sg-00000000000000002): extra ingress tcp 22 from 0.0.0.0/0 (sgr-0000000000000000d): undeclared reach from public addresses
    steps
      1. revoke ingress tcp 22 from 0.0.0.0/0 (sgr-0000000000000000d) on main/alb (sg-00000000000000002)
         containment
         note: connections that are already tracked survive the revoke until they end or time out
    not seen
      main/database: RequestLimitExceeded (to be tried again)
    ");

    let Some(Seen::Present(vpc)) = observed.vpcs.get_mut("main") else { panic!("no VPC") };
    vpc.groups.remove("alb");
    let plan = <SecurityGroups as topology::Control>::plan(&place(), &network.desired, &observed, &standing());
    assert_snapshot!(plan, @"
    not seen
      main/alb: it was not looked at (to be tried again)
      main/database: RequestLimitExceeded (to be tried again)
    ");

    observed.vpcs.insert("main".into(), Seen::Unknown(failed));
    let plan = <SecurityGroups as topology::Control>::plan(&place(), &network.desired, &observed, &standing());
    assert_snapshot!(plan, @"
    not seen
      main: RequestLimitExceeded (to be tried again)
    ");
}

#[test]
fn a_rule_whose_peer_is_unknown_is_neither_added_nor_taken_for_an_extra_one() {
    let network = Network::build(three_tiers());
    let mut observed = network.observe();
    let Some(Seen::Present(vpc)) = observed.vpcs.get_mut("main") else { panic!("no VPC") };
    vpc.groups.insert("tasks".into(), Seen::Unknown(Unseen::OutOfScope));
    vpc.ids.insert("tasks".into(), Seen::Unknown(Unseen::Failed { retryable: false, why: "AccessDenied".into() }));
    let plan = <SecurityGroups as topology::Control>::plan(&place(), &network.desired, &observed, &standing());
    assert_snapshot!(plan, @"
    not seen
      the id of group main/tasks: AccessDenied (needs a person)
    ");
}

#[test]
fn an_answer_whose_pages_overlap_or_disagree() {
    let mut network = Network::build(three_tiers());
    network.admit("alb", Permission::tcp(22, 22, "0.0.0.0/0"));
    let mut observed = network.observe();
    let Some(Seen::Present(vpc)) = observed.vpcs.get_mut("main") else { panic!("no VPC") };
    let Some(Seen::Present(alb)) = vpc.groups.get_mut("alb") else { panic!("no group") };
    let rules = alb.rules.clone();
    alb.rules.extend(rules);
    let plan = <SecurityGroups as topology::Control>::plan(&place(), &network.desired, &observed, &standing());
    assert_eq!(plan, network.plan(), "a rule that is shown twice is one rule");

    let Some(Seen::Present(vpc)) = observed.vpcs.get_mut("main") else { panic!("no VPC") };
    let Some(Seen::Present(alb)) = vpc.groups.get_mut("alb") else { panic!("no group") };
    let ssh = alb.rules.iter_mut().find(|rule| rule.traffic == Traffic::tcp(22, 22)).unwrap();
    ssh.traffic = Traffic::tcp(443, 443);
    ssh.peer = ObservedPeer::Ipv4("10.0.0.0/8".parse().unwrap());
    let plan = <SecurityGroups as topology::Control>::plan(&place(), &network.desired, &observed, &standing());
    assert_snapshot!(plan, @"
    not seen
      main/alb: the answer shows two rules sgr-0000000000000000d; it changed while it was read (to be tried again)
    ");
}

#[test]
fn a_vpc_that_is_gone() {
    let mut network = Network::build(three_tiers());
    let vpc = network.vpcs["main"].clone();
    network.ec2.vpcs.remove(&vpc);
    assert_snapshot!(network.plan(), @"
    drift
      drift     main (main): the VPC main is gone
    held
      main (main): the VPC main is gone: there is nothing to put rules on
         to do: deploy the stack that holds it again, then rebind the topology to the new VPC
    ");
}

#[test]
fn of_a_retired_topology_rules_between_groups_go_so_that_the_groups_can() {
    let mut network = Network::build(three_tiers());
    network.desired.retire();
    assert_snapshot!(network.plan(), @r"
    drift
      drift     main/database (sg-00000000000000004): extra ingress tcp 5432 from tasks (sgr-0000000000000000a)
      drift     main/tasks (sg-00000000000000006): extra ingress tcp 0-65535 from alb (sgr-0000000000000000b)
    steps
      1. revoke ingress tcp 5432 from sg-00000000000000006 (sgr-0000000000000000a) on main/database (sg-00000000000000004)
         note: connections that are already tracked survive the revoke until they end or time out
      2. revoke ingress tcp 0-65535 from sg-00000000000000002 (sgr-0000000000000000b) on main/tasks (sg-00000000000000006)
         note: connections that are already tracked survive the revoke until they end or time out
    ");
    network.enforce();
    assert!(network.plan().is_empty());
    let others = |rule: &twin::ec2::Rule| matches!(&rule.peer, ObservedPeer::Group { id, .. } if *id != rule.group);
    assert!(!network.ec2.rules.values().any(others), "AWS deletes no group that another one's rule names");
    assert!(network.ec2.rules.len() > 3, "what admits ranges, and the group itself, goes with its group");

    // The stack deletes them one by one.
    let database = network.id("database");
    network.ec2.rules.retain(|_, rule| rule.group != database);
    network.ec2.groups.remove(&database);
    assert!(network.plan().is_empty(), "what is gone is not missed");
    // As long as they are there, they are kept from the world.
    let alb = network.id("alb");
    network.ec2.authorize(&alb, Direction::Ingress, &[Permission::tcp(22, 22, "0.0.0.0/0")]).unwrap();
    assert!(network.plan().steps.iter().any(|step| step.contains));
}
