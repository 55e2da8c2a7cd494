//! Plans and their printed form: everything as declared, then changed once, then planned.

#[path = "support/exposure.rs"]
mod support;

use insta::assert_snapshot;
use jiff::SignedDuration;
use support::*;
use topology::exposure::*;
use topology::{Action, Control, Inverse, Receipt, ResourceId, Seen, Severity, Unseen};

fn failed() -> Unseen {
    Unseen::Failed { retryable: true, why: "DescribeDBInstances: slow down".into() }
}

#[test]
fn nothing_to_do() {
    let network = Network::build();
    assert!(network.plan().is_empty());
    assert_snapshot!(network.plan(), @"
    in sync: nothing to do
    ");
}

#[test]
fn a_public_database_is_made_private_and_waited_for() {
    let mut network = Network::build();
    network.estate.slow = true;
    network.estate.databases.get_mut("orders").unwrap().public = true;
    assert_snapshot!(network.enforce(), @"
    drift
      exposure  main/orders (db:orders): the database is publicly accessible in tier data
    steps
      1. make database orders private
         containment
         note: its name resolves to the private address from then on: who came from outside is cut off; modifications that wait for the maintenance window go on waiting
    ");
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/orders (db:orders): the database is publicly accessible in tier data
    waiting until 2026-11-23T02:13:50Z: database orders is modifying, and cannot be modified meanwhile
    ");
    network.estate.settle();
    assert!(network.plan().is_empty());
}

#[test]
fn a_database_that_cannot_be_modified_is_held_with_what_to_do() {
    for (status, held, waits) in [
        ("available", 0, false),
        ("storage-full", 0, false),
        ("modifying", 0, true),
        ("creating", 0, true),
        ("some-new-status", 0, true),
        ("stopped", 1, false),
        ("failed", 1, false),
        ("incompatible-network", 1, false),
    ] {
        let mut network = Network::build();
        let database = network.estate.databases.get_mut("orders").unwrap();
        (database.public, database.status) = (true, status.into());
        let plan = network.plan();
        assert_eq!((plan.held.len(), plan.wait.is_some()), (held, waits), "{status}: {plan}");
        assert_eq!(plan.steps.len(), usize::from(held == 0 && !waits), "{status}: {plan}");
        assert_eq!(plan.drifts[0].severity, Severity::Exposure, "{status}");
    }
    let mut network = Network::build();
    let database = network.estate.databases.get_mut("orders").unwrap();
    (database.public, database.status) = (true, "deleting".into());
    assert!(network.plan().is_empty(), "it is on its way out");
    network.estate.databases.get_mut("orders").unwrap().status = "stopped".into();
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/orders (db:orders): the database is publicly accessible in tier data
    held
      main/orders (db:orders): it is stopped, in which it cannot be modified
         to do: nothing answers while it is stopped; when it is started (aws rds start-db-instance --db-instance-identifier orders) it is made private as soon as it is available
    ");
}

#[test]
fn a_member_of_a_multi_az_cluster_cannot_be_modified_and_one_of_aurora_can() {
    let mut network = Network::build();
    let database = network.estate.databases.get_mut("orders").unwrap();
    (database.public, database.cluster) = (true, Some("ledger".into()));
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/orders (db:orders): the database is publicly accessible in tier data
    held
      main/orders (db:orders): it is a member of a Multi-AZ DB cluster, whose public access is fixed when it is made
         to do: until it is gone, leave no rule that admits public addresses in its groups; restore a snapshot as a private cluster (aws rds restore-db-cluster-from-snapshot … --no-publicly-accessible) and move to it: ledger
    ");
    network.estate.databases.get_mut("orders").unwrap().engine = "aurora-postgresql".into();
    assert_eq!(network.plan().steps.len(), 1);
}

#[test]
fn a_database_with_one_subnet_in_the_tier_may_be_placed_there() {
    let mut network = Network::build();
    let subnets = [network.public.clone(), network.private.clone()];
    let tasks = network.tasks.clone();
    network.estate.create_database("half", &subnets, std::slice::from_ref(&tasks), true).unwrap();
    assert_eq!(network.plan().steps.len(), 1);
    network.estate.create_database("outside", &subnets[..1], std::slice::from_ref(&tasks), true).unwrap();
    assert_eq!(network.plan().steps.len(), 1, "what stands in no such tier is nobody's here");
}

#[test]
fn the_strictest_of_several_tiers_counts_and_one_that_only_names_groups_admits_addresses() {
    let mut network = Network::build();
    let edge = tier("10.0.0.0/20", false, Some(&["ecs-tasks"]));
    network.desired.vpcs.get_mut("main").unwrap().tiers.insert("edge".into(), edge);
    let (subnet, tasks) = (network.public.clone(), network.tasks.clone());
    let interface = network.estate.create_interface(&subnet, std::slice::from_ref(&tasks)).unwrap();
    network.estate.assign(&interface);
    assert!(network.plan().is_empty(), "{}", network.plan());
    let subnets = [subnet, network.private.clone()];
    network.estate.create_database("half", &subnets, std::slice::from_ref(&tasks), true).unwrap();
    let plan = network.plan();
    assert_eq!((plan.steps.len(), plan.held.len()), (1, 0), "{plan}");
}

#[test]
fn a_subnet_is_in_a_tier_when_it_lies_within_its_range() {
    let mut network = Network::build();
    let vpc = network.vpcs["main"].clone();
    let within = network.estate.create_subnet(&vpc, "10.0.64.0/24").unwrap();
    let tier = network.desired.vpcs.get_mut("main").unwrap().tiers.get_mut("private").unwrap();
    tier.ranges.push("10.0.64.0/20".parse().unwrap());
    let tasks = network.tasks.clone();
    network.estate.create_database("narrow", &[within], &[tasks], true).unwrap();
    assert_eq!(network.plan().steps.len(), 1);
}

#[test]
fn a_service_keeps_its_network_and_its_tasks_are_told_of_until_they_are_replaced() {
    let mut network = Network::build();
    let (subnets, groups) = ([network.private.clone()], [network.tasks.clone()]);
    network.estate.update_service("shop", "web", &subnets, &groups, true).unwrap();
    network.estate.settle();
    assert_snapshot!(network.enforce(), @"
    drift
      exposure  main/shop/web (service/shop/web): the service gives its tasks public addresses in tier private
      advice    main/private/eni-0000000000000000d (eni-0000000000000000d): a task has public address 198.51.100.15 until the deployment of service/shop/web has replaced it
    steps
      1. run the tasks of service shop/web without public addresses
         containment
         note: ECS starts a deployment: tasks that run keep their public addresses until they are replaced
    ");
    let service = &network.estate.services[&("shop".to_owned(), "web".to_owned())];
    assert_eq!((service.subnets.as_slice(), service.groups.as_slice()), (&subnets[..], &groups[..]));
    assert_snapshot!(network.plan(), @"
    drift
      advice    main/private/eni-0000000000000000d (eni-0000000000000000d): a task has public address 198.51.100.15 until the deployment of service/shop/web has replaced it
    waiting until 2026-11-23T02:14:20Z: the deployment of service/shop/web replaces its tasks
    ");
    network.estate.settle();
    assert!(network.plan().is_empty());
}

#[test]
fn what_others_deploy_is_held() {
    let mut network = Network::build();
    let key = ("shop".to_owned(), "web".to_owned());
    let service = network.estate.services.get_mut(&key).unwrap();
    (service.public, service.controller) = (true, Controller::CodeDeploy);
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/shop/web (service/shop/web): the service gives its tasks public addresses in tier private
    held
      main/shop/web (service/shop/web): CodeDeploy replaces its tasks, and ECS takes no other network from anybody else
         to do: deploy shop/web through CodeDeploy with an AppSpec whose NetworkConfiguration says AssignPublicIp: DISABLED (aws deploy create-deployment …)
    ");
    network.estate.services.get_mut(&key).unwrap().controller = Controller::External;
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/shop/web (service/shop/web): the service gives its tasks public addresses in tier private
    held
      main/shop/web (service/shop/web): an external controller replaces its tasks, and their network is that of a task set
         to do: make a task set without public addresses (aws ecs create-task-set --cluster shop --service web --network-configuration 'awsvpcConfiguration={…,assignPublicIp=DISABLED}' …), make it the primary one and delete the old one
    ");
}

#[test]
fn a_task_of_no_service_is_held() {
    let mut network = Network::build();
    let (subnet, group) = (network.private.clone(), network.tasks.clone());
    network.estate.run_task(&subnet, &[group], true).unwrap();
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/private/eni-0000000000000000d (eni-0000000000000000d): it has public address 198.51.100.15 in tier private
    held
      main/private/eni-0000000000000000d (eni-0000000000000000d): a task runs with it, and no service there gives its tasks public addresses
         to do: find the task (aws ecs list-tasks, aws ecs describe-tasks: attachment 0000000e), stop it with aws ecs stop-task, and run it again with assignPublicIp=DISABLED
    ");
}

/// The tasks of the service are being replaced; beside them, one that somebody ran by itself.
fn beside_a_deployment(subnet: usize, group: usize) -> Option<(Network, ResourceId)> {
    let mut network = Network::build();
    let (subnets, groups) = ([network.private.clone()], [network.tasks.clone()]);
    network.estate.update_service("shop", "web", &subnets, &groups, true).ok()?;
    network.estate.settle();
    network.enforce();
    let subnet = [network.private.clone(), network.data.clone()][subnet].clone();
    let group = [network.tasks.clone(), network.database.clone()][group].clone();
    let task = network.estate.run_task(&subnet, &[group], true).ok()?;
    Some((network, task))
}

#[test]
fn a_deployment_excuses_only_what_has_its_network() {
    for (subnet, group, severity) in
        [(0, 0, Severity::Advice), (1, 0, Severity::Exposure), (0, 1, Severity::Exposure), (1, 1, Severity::Exposure)]
    {
        let (network, task) = beside_a_deployment(subnet, group).unwrap();
        let plan = network.plan();
        let told = plan.drifts.iter().find(|drift| drift.resource.id == task).unwrap();
        assert_eq!(told.severity, severity, "{plan}");
        let held = plan.held.iter().any(|held| held.resource.id == task);
        assert_eq!(held, severity == Severity::Exposure, "{plan}");
    }
}

#[test]
fn a_service_that_names_no_groups_has_the_default_one() {
    let mut network = Network::build();
    let (vpc, subnets) = (network.vpcs["main"].clone(), [network.private.clone()]);
    network.estate.update_service("shop", "web", &subnets, &[], true).unwrap();
    network.estate.settle();
    let own = network.estate.create_group(&vpc, "default");
    for (group, severity) in [(own, Severity::Advice), (network.tasks.clone(), Severity::Exposure)] {
        let task = network.estate.run_task(&subnets[0], &[group], true).unwrap();
        let plan = network.plan();
        let told = plan.drifts.iter().find(|drift| drift.resource.id == task).unwrap();
        assert_eq!(told.severity, severity, "{plan}");
    }
}

#[test]
fn a_deployment_that_does_not_end_excuses_nothing() {
    let (mut network, task) = beside_a_deployment(0, 0).unwrap();
    let started = network.standing.now;
    let told = |network: &Network| {
        let plan = network.plan();
        let severities: Vec<Severity> = plan.drifts.iter().map(|drift| drift.severity).collect();
        (severities, plan.held.len(), plan.wait.is_some())
    };
    network.standing.now = started + SignedDuration::from_mins(29);
    assert_eq!(told(&network), (vec![Severity::Advice; 2], 0, true));
    network.standing.now = started + SignedDuration::from_mins(30);
    assert_eq!(told(&network), (vec![Severity::Exposure; 2], 2, false));
    let plan = network.plan();
    let held = plan.held.iter().find(|held| held.resource.id == task).unwrap();
    assert!(held.why.contains("service/shop/web should have replaced by now"), "{plan}");
    network.standing.now = started;
    let service = network.estate.services.get_mut(&("shop".to_owned(), "web".to_owned())).unwrap();
    service.leaving[0].since = None;
    assert_eq!(told(&network), (vec![Severity::Exposure; 2], 2, false), "nobody knows since when");
}

#[test]
fn a_service_whose_private_deployment_failed_is_closed_all_the_same_and_says_what_it_lacks() {
    let mut network = Network::build();
    let service = network.estate.services.get_mut(&("shop".to_owned(), "web".to_owned())).unwrap();
    (service.public, service.failed_private) = (true, true);
    let plan = network.plan();
    assert_eq!((plan.steps.len(), plan.held.len(), plan.drifts[0].severity), (1, 0, Severity::Exposure), "{plan}");
    assert!(plan.to_string().contains("one without public addresses failed before"), "{plan}");
}

#[test]
fn an_elastic_ip_address_is_taken_off_whatever_the_interface_is_described_as() {
    let mut network = Network::build();
    network.associate();
    let interface = network.interface.clone();
    let forged = network.estate.interfaces.get_mut(&interface).unwrap();
    forged.description = "arn:aws:ecs:eu-west-1:111122223333:attachment/x".into();
    let plan = network.enforce();
    assert_eq!((plan.steps.len(), plan.held.len()), (1, 0), "{plan}");
    assert!(matches!(plan.steps[0].action, Change::Disassociate { .. }), "{plan}");
    assert!(network.plan().is_empty());
}

#[test]
fn an_elastic_ip_address_is_taken_off_and_never_released() {
    let mut network = Network::build();
    let allocation = network.associate();
    assert_snapshot!(network.enforce(), @"
    drift
      exposure  main/private/eni-0000000000000000a (eni-0000000000000000a): it has Elastic IP address 198.51.100.14 (eipalloc-0000000000000000d) in tier private
    steps
      1. take Elastic IP address 198.51.100.14 (eipalloc-0000000000000000d) off eni-0000000000000000a
         containment
         note: who comes through 198.51.100.14 is cut off, and its way out changes; the address stays allocated to whom it belongs
    ");
    assert!(network.estate.addresses.contains_key(&allocation));
    assert!(network.plan().is_empty());
}

#[test]
fn an_address_that_aws_assigned_is_held() {
    let mut network = Network::build();
    let interface = network.interface.clone();
    network.estate.assign(&interface);
    let shown = &mut network.estate.interfaces.get_mut(&interface).unwrap().addresses[0];
    shown.association = Some("eipassoc-0123456789abcdef0".into());
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/private/eni-0000000000000000a (eni-0000000000000000a): it has public address 198.51.100.13 in tier private
    held
      main/private/eni-0000000000000000a (eni-0000000000000000a): AWS assigned it, and nothing brings the same address back
         to do: aws ec2 modify-network-interface-attribute --network-interface-id eni-0000000000000000a --no-associate-public-ip-address (of an instance's first interface; otherwise replace what it is attached to); and launch the next one without: no associate-public-ip-address, and a subnet that assigns none
    ");
}

#[test]
fn what_services_hold_is_theirs() {
    for (kind, description) in [
        ("nat_gateway", "Interface for NAT Gateway nat-0123456789abcdef0"),
        ("network_load_balancer", "ELB net/unknown/0123456789abcdef"),
        ("lambda", "AWS Lambda VPC ENI"),
    ] {
        let mut network = Network::build();
        network.associate();
        let interface = network.interface.clone();
        let held = network.estate.interfaces.get_mut(&interface).unwrap();
        (held.kind, held.managed, held.description) = (kind.into(), true, description.into());
        let plan = network.plan();
        assert_eq!((plan.steps.len(), plan.held.len()), (0, 1), "{kind}: {plan}");
        assert_eq!(plan.drifts[0].severity, Severity::Exposure, "{kind}");
    }
}

#[test]
fn a_load_balancer_that_faces_the_internet_is_told_once() {
    let mut network = Network::build();
    let subnet = network.private.clone();
    let arn = network.estate.create_balancer("web", true, std::slice::from_ref(&subnet));
    let tasks = network.tasks.clone();
    let interface = network.estate.create_interface(&subnet, &[tasks]).unwrap();
    network.estate.assign(&interface);
    let made = network.estate.interfaces.get_mut(&interface).unwrap();
    let (_, end) = arn.split_once("loadbalancer/").unwrap();
    (made.managed, made.kind, made.description) = (true, "network_load_balancer".into(), format!("ELB {end}"));
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/web (loadbalancer/net/web/000000000000000d): the load balancer faces the internet from tier private
    held
      main/web (loadbalancer/net/web/000000000000000d): the scheme of a load balancer is fixed when it is made
         to do: make an internal one: aws elbv2 create-load-balancer --type network --scheme internal --name <another name> --subnets subnet-00000000000000003; give it the listeners (aws elbv2 describe-listeners --load-balancer-arn arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/web/000000000000000d), move names and endpoint services to it, then: aws elbv2 delete-load-balancer --load-balancer-arn arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/web/000000000000000d. Until then its groups say who reaches it
    ");
}

#[test]
fn the_load_balancer_of_an_endpoint_service_is_internal_wherever_it_stands() {
    let mut network = Network::build();
    let subnet = network.public.clone();
    network.estate.balancers.values_mut().find(|balancer| balancer.name == "products").unwrap().internet_facing = true;
    let moved = network.estate.balancers.values_mut().find(|balancer| balancer.name == "products").unwrap();
    moved.subnets = [subnet].into();
    let plan = network.plan();
    assert_eq!((plan.drifts.len(), plan.held.len()), (1, 1), "{plan}");
    assert_snapshot!(plan.drifts[0].summary, @"
    the load balancer faces the internet, and an endpoint service is declared behind which it is internal
    ");
}

#[test]
fn groups_that_the_tier_does_not_name_are_held() {
    let mut network = Network::build();
    let (subnet, database, tasks) = (network.data.clone(), network.database.clone(), network.tasks.clone());
    network.estate.databases.get_mut("orders").unwrap().groups.insert(tasks.clone());
    network.estate.create_interface(&subnet, std::slice::from_ref(&tasks)).unwrap();
    network.estate.create_interface(&subnet, std::slice::from_ref(&database)).unwrap();
    assert_snapshot!(network.plan(), @"
    drift
      exposure  main/orders (db:orders): the database carries ecs-tasks (sg-00000000000000006), and tier data names database
      exposure  main/data/eni-0000000000000000d (eni-0000000000000000d): it carries ecs-tasks (sg-00000000000000006), and tier data names database
    held
      main/orders (db:orders): which of the declared groups it needs is a person's choice
         to do: aws rds modify-db-instance --db-instance-identifier orders --vpc-security-group-ids sg-00000000000000005; or name the group in the tier's `security_groups`
      main/data/eni-0000000000000000d (eni-0000000000000000d): which of the declared groups it needs is a person's choice
         to do: aws ec2 modify-network-interface-attribute --network-interface-id eni-0000000000000000d --groups sg-00000000000000005; or name the group in the tier's `security_groups`
    ");
    network.estate.databases.get_mut("orders").unwrap().cluster = Some("ledger".into());
    let plan = network.plan();
    assert!(plan.held[0].remedy.starts_with("aws rds modify-db-cluster --db-cluster-identifier ledger"), "{plan}");
}

#[test]
fn what_could_not_be_seen_is_said_and_nothing_is_made_of_it() {
    let mut network = Network::build();
    network.associate();
    network.estate.databases.get_mut("orders").unwrap().public = true;
    let mut observed = network.observe();
    observed.databases = Err(failed());
    let plan = network.plan_of(&observed);
    assert_eq!((plan.steps.len(), plan.blind.len()), (1, 1), "the rest goes on: {plan}");
    observed.services = Err(failed());
    observed.balancers = Err(failed());
    observed.vpcs.insert("main".into(), Seen::Unknown(failed()));
    let plan = network.plan_of(&observed);
    assert_eq!((plan.steps.len(), plan.blind.len(), plan.drifts.len()), (0, 4, 0), "{plan}");
    assert!(!plan.is_empty());
    observed.vpcs.insert("main".into(), Seen::Absent);
    assert_eq!(network.plan_of(&observed).held.len(), 1);
}

#[test]
fn a_public_task_is_not_of_a_service_that_could_not_be_seen() {
    let mut network = Network::build();
    let (subnets, groups) = ([network.private.clone()], [network.tasks.clone()]);
    network.estate.update_service("shop", "web", &subnets, &groups, true).unwrap();
    network.estate.settle();
    let observed = Observed { services: Err(failed()), ..network.observe() };
    let plan = network.plan_of(&observed);
    assert_eq!((plan.held.len(), plan.drifts[0].severity), (1, Severity::Exposure), "{plan}");
}

#[test]
fn actions_are_named_shown_and_taken_back() {
    let mut network = Network::build();
    network.associate();
    network.estate.databases.get_mut("orders").unwrap().public = true;
    network.estate.services.get_mut(&("shop".to_owned(), "web".to_owned())).unwrap().public = true;
    let before = network.estate.clone();
    let plan = network.enforce();
    let mut lines = vec![];
    for step in plan.steps.iter().rev() {
        let action = &step.action;
        assert!(step.contains, "{action}");
        let json = serde_json::to_string(action).unwrap();
        assert_eq!(&serde_json::from_str::<Change>(&json).unwrap(), action);
        let back = match action.inverse(&Receipt::default()) {
            Inverse::Exact(back) => back,
            Inverse::Compensating(back, difference) => {
                lines.push(difference);
                back
            }
            Inverse::None(why) => panic!("{why}"),
        };
        lines.push(format!("{}: {back} ({:?}, {})", back.name(), back.effect(), back.field()));
        let receipt = network.estate.apply(&back).unwrap();
        if let Change::Associate { .. } = back {
            assert!(matches!(back.inverse(&receipt), Inverse::Exact(Change::Disassociate { .. })));
            assert!(matches!(back.inverse(&Receipt::default()), Inverse::None(_)));
        }
        let already = Receipt { already: true, ..Receipt::default() };
        assert!(matches!(action.inverse(&already), Inverse::None(_)));
    }
    assert_snapshot!(lines.join("\n"), @"
    main/private/eni-0000000000000000a: put Elastic IP address 198.51.100.14 (eipalloc-0000000000000000d) on eni-0000000000000000a (10.0.0.10) (Add, Elastic IP addresses of interfaces in tiers with `public_ips: never`)
    another deployment replaces the tasks once more, and they get other addresses
    main/shop/web: run the tasks of service shop/web with public addresses (Change, public addresses of tasks of ECS services)
    main/orders: make database orders publicly accessible (Change, public access of database instances)
    ");
    assert_eq!(network.estate.databases, before.databases);
    let again = |estate: &twin::exposure::Estate| estate.services.values().all(|service| service.public);
    assert!(again(&network.estate));
    let shown = |estate: &twin::exposure::Estate| {
        let addresses = estate.interfaces[&network.interface].addresses.clone();
        addresses.into_iter().map(|address| (address.public_ip, address.allocation)).collect::<Vec<_>>()
    };
    assert_eq!(shown(&network.estate), shown(&before));
}

#[test]
fn who_did_it_is_known_by_other_names() {
    let mut network = Network::build();
    let allocation = network.associate();
    let interface = network.interface.clone();
    network.estate.interfaces.get_mut(&interface).unwrap().instance = Some("i-0123456789abcdef0".into());
    let database = network.estate.databases.get_mut("orders").unwrap();
    (database.public, database.cluster) = (true, Some("Ledger".into()));
    let (subnet, group) = (network.private.clone(), network.tasks.clone());
    let task = network.estate.run_task(&subnet, &[group], true).unwrap();
    let names = Exposure::also_called(&network.observe());
    let association = network.estate.interfaces[&interface].addresses[0].association.clone().unwrap();
    for (name, resource) in [
        (allocation, interface.clone()),
        (association, interface.clone()),
        ("i-0123456789abcdef0".into(), interface),
        ("cluster:ledger".into(), "db:orders".into()),
    ] {
        assert!(names.contains(&(name.clone(), resource)), "{name}: {names:?}");
    }
    assert!(names.iter().any(|(name, resource)| name.as_str().starts_with("attachment/") && *resource == task));
    assert!(network.plan().drifts.iter().any(|drift| drift.resource.id.as_str() == "db:orders"));
}

#[test]
fn ids_are_the_ends_of_arns() {
    assert_eq!(database_id("Orders").as_str(), "db:orders");
    assert_eq!(service_id("shop", "Web").as_str(), "service/shop/Web");
    let arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/web/0123456789abcdef";
    assert_eq!(balancer_id(arn).unwrap().as_str(), "loadbalancer/app/web/0123456789abcdef");
    assert_eq!(balancer_id("arn:aws:s3:::bucket"), None);
}
