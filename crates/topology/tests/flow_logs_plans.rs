//! Plans and their printed form: observed is built from desired, then changed once, then planned.

#[path = "support/flow_logs.rs"]
mod support;

use insta::assert_snapshot;
use std::collections::BTreeMap;
use support::*;
use topology::flow_logs::*;
use topology::network::{FlowDestination, FlowLog, FlowTraffic};
use topology::{Action, Control, Inverse, Receipt, Seen, Unseen};
use twin::DELIVERY_ROLE;
use twin::STACK_TAG;

#[test]
fn nothing_to_do() {
    let network = Network::build(desired([to_group(), to_bucket()]));
    assert_eq!(network.cloud.logs.len(), 2);
    assert!(network.plan().is_empty());
    assert_snapshot!(network.plan(), @"in sync: nothing to do");
}

#[test]
fn a_new_vpc_gets_its_flow_logs_and_a_missing_log_group() {
    let mut network = Network::bare(desired([to_group(), to_bucket()]));
    assert_snapshot!(network.enforce(), @"
    drift
      drift     main/flow-logs (log-group:/plumbline/shop/main/flow-logs): there is no log group /plumbline/shop/main/flow-logs
      drift     main/flow-logs (vpc-00000000000000001): no flow log records all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
      drift     main/logs-111122223333/vpc (vpc-00000000000000001): no flow log records rejected traffic every minute to arn:aws:s3:::logs-111122223333/vpc, Parquet, Hive partitions
    steps
      1. create log group /plumbline/shop/main/flow-logs for main/flow-logs
      2. keep records in log group /plumbline/shop/main/flow-logs for 30 days instead of for ever
         only if 1 succeeds
      3. create flow log main/flow-logs on vpc-00000000000000001: all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
         only if 1 succeeds
      4. create flow log main/logs-111122223333/vpc on vpc-00000000000000001: rejected traffic every minute to arn:aws:s3:::logs-111122223333/vpc, Parquet, Hive partitions
    ");
    let tags = &network.cloud.logs.values().next().unwrap().tags;
    let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_snapshot!(tags.join(" "), @"
    Name=shop-main-flow-logs plumbline:control=flow-logs plumbline:topology=shop plumbline:vpc=main
    ");
}

#[test]
fn one_that_somebody_deleted_is_made_again() {
    let mut network = Network::build(desired([to_group()]));
    let id = network.only();
    network.cloud.delete_flow_log(&id).unwrap();
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/flow-logs (vpc-00000000000000001): no flow log records all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
    steps
      1. create flow log main/flow-logs on vpc-00000000000000001: all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
    ");
}

#[test]
fn another_declaration_is_made_first_and_the_old_one_goes_when_the_new_one_is_seen() {
    let mut network = Network::build(desired([to_group()]));
    let less = FlowLog { traffic: FlowTraffic::Reject, format: Some("${srcaddr}  ${dstaddr}".into()), ..to_group() };
    network.desired = desired([less]);
    assert_snapshot!(network.enforce(), @"
    drift
      drift     main/flow-logs (vpc-00000000000000001): no flow log records rejected traffic every 10 minutes to log group /plumbline/shop/main/flow-logs, with fields of its own
      drift     main/flow-logs (fl-00000000000000002): ours, and not declared: it records all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
    steps
      1. create flow log main/flow-logs on vpc-00000000000000001: rejected traffic every 10 minutes to log group /plumbline/shop/main/flow-logs, with fields of its own
         note: fl-00000000000000002 goes once the new one is seen; until then both record
    ");
    assert_snapshot!(network.enforce(), @"
    drift
      drift     main/flow-logs (fl-00000000000000002): ours, and not declared: it records all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
    steps
      1. delete our flow log fl-00000000000000002 (main/flow-logs) of vpc-00000000000000001: all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
    ");
    assert!(network.plan().is_empty());
}

#[test]
fn whatever_is_declared_otherwise_is_another_flow_log() {
    let with = |change: fn(&mut bool, &mut bool, &mut bool, &mut Option<String>)| {
        let mut log = to_bucket();
        if let FlowDestination::S3 { bucket: _, prefix, parquet, hive, hourly } = &mut log.destination {
            change(parquet, hive, hourly, prefix);
        }
        log
    };
    let others = [
        FlowLog { traffic: FlowTraffic::Accept, ..to_bucket() },
        FlowLog { interval_seconds: 600, ..to_bucket() },
        FlowLog { format: Some("${srcaddr}".into()), ..to_bucket() },
        with(|parquet, _, _, _| *parquet = false),
        with(|_, hive, _, _| *hive = false),
        with(|_, _, hourly, _| *hourly = true),
        with(|_, _, _, prefix| *prefix = None),
    ];
    for other in others {
        let mut network = Network::build(desired([to_bucket()]));
        network.desired = desired([other.clone()]);
        let plan = network.plan();
        let made: Vec<_> = plan.steps.iter().map(|step| &step.action).collect();
        assert!(
            matches!(made.as_slice(), [Change::Create { spec, .. }] if *spec == network.spec(&other)),
            "{other:?}: {plan}"
        );
    }
}

#[test]
fn one_that_is_not_active_records_nothing() {
    let network = Network::build(desired([to_bucket()]));
    let mut observed = network.observe();
    for seen in observed.vpcs.values_mut() {
        let Seen::Present(vpc) = seen else { panic!("{seen:?}") };
        vpc.logs.iter_mut().for_each(|log| log.active = false);
    }
    let plan = FlowLogs::plan(&place(), &network.desired, &observed, &network.standing);
    assert!(matches!(plan.steps.as_slice(), [step] if matches!(step.action, Change::Create { .. })), "{plan}");
}

#[test]
fn one_that_cannot_be_made_leaves_the_old_one_where_it_is() {
    let mut network = Network::build(desired([to_bucket()]));
    network.cloud.buckets.insert(BUCKET.into(), false);
    network.desired = desired([FlowLog { interval_seconds: 600, ..to_bucket() }]);
    network.enforce();
    assert_eq!(network.cloud.logs.len(), 1);
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/logs-111122223333/vpc (vpc-00000000000000001): no flow log records rejected traffic every 10 minutes to arn:aws:s3:::logs-111122223333/vpc, Parquet, Hive partitions
      drift     main/logs-111122223333/vpc (fl-00000000000000002): ours, and not declared: it records rejected traffic every minute to arn:aws:s3:::logs-111122223333/vpc, Parquet, Hive partitions
    steps
      1. create flow log main/logs-111122223333/vpc on vpc-00000000000000001: rejected traffic every 10 minutes to arn:aws:s3:::logs-111122223333/vpc, Parquet, Hive partitions
         note: fl-00000000000000002 goes once the new one is seen; until then both record
    ");
}

#[test]
fn another_role_is_another_flow_log() {
    let mut network = Network::build(desired([to_group()]));
    network.role = Some("arn:aws:iam::111122223333:role/other".into());
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/flow-logs (vpc-00000000000000001): no flow log of the declared role records all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs: fl-00000000000000002 is delivered by arn:aws:iam::111122223333:role/plumbline-flow-logs-delivery
      drift     main/flow-logs (fl-00000000000000002): ours, and not declared: it records all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
    steps
      1. create flow log main/flow-logs on vpc-00000000000000001: all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
         note: fl-00000000000000002 goes once the new one is seen; until then both record
    ");
}

#[test]
fn the_end_of_what_is_not_declared_any_more_waits_for_what_is() {
    let mut network = Network::build(desired([to_group()]));
    network.desired = desired([to_bucket()]);
    assert_snapshot!(network.enforce(), @"
    drift
      drift     main/logs-111122223333/vpc (vpc-00000000000000001): no flow log records rejected traffic every minute to arn:aws:s3:::logs-111122223333/vpc, Parquet, Hive partitions
      drift     main/flow-logs (fl-00000000000000002): ours, and not declared: it records all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
    steps
      1. create flow log main/logs-111122223333/vpc on vpc-00000000000000001: rejected traffic every minute to arn:aws:s3:::logs-111122223333/vpc, Parquet, Hive partitions
    ");
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/flow-logs (fl-00000000000000002): ours, and not declared: it records all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
    steps
      1. delete our flow log fl-00000000000000002 (main/flow-logs) of vpc-00000000000000001: all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
    ");
    network.desired = desired([]);
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/flow-logs (fl-00000000000000002): ours, and not declared: it records all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
      drift     main/logs-111122223333/vpc (fl-00000000000000003): ours, and not declared: it records rejected traffic every minute to arn:aws:s3:::logs-111122223333/vpc, Parquet, Hive partitions
    steps
      1. delete our flow log fl-00000000000000002 (main/flow-logs) of vpc-00000000000000001: all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
      2. delete our flow log fl-00000000000000003 (main/logs-111122223333/vpc) of vpc-00000000000000001: rejected traffic every minute to arn:aws:s3:::logs-111122223333/vpc, Parquet, Hive partitions
    ");
}

#[test]
fn foreign_flow_logs_count_when_they_record_what_is_declared_and_are_left_alone() {
    let mut network = Network::bare(desired([to_group()]));
    network.cloud.create_group(GROUP, &BTreeMap::new()).unwrap();
    network.cloud.retain(GROUP, Some(30)).unwrap();
    let spec = network.spec(&to_group());
    let wrong = network.foreign(&Spec { traffic: FlowTraffic::Reject, ..spec.clone() }, &BTreeMap::new());
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/flow-logs (vpc-00000000000000001): no flow log records all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
    steps
      1. create flow log main/flow-logs on vpc-00000000000000001: all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
    ");
    let other = "arn:aws:iam::111122223333:role/theirs".to_owned();
    network.cloud.roles.insert(other.clone(), true);
    let destination = Destination::CloudWatch { log_group: GROUP.into(), role: Some(other) };
    network.foreign(&Spec { destination, ..spec }, &BTreeMap::new());
    assert!(network.plan().is_empty(), "{}", network.plan());
    network.cloud.delete_flow_log(&wrong).unwrap();
    assert!(network.plan().is_empty(), "{}", network.plan());
}

#[test]
fn a_copied_tag_does_not_make_one_ours_and_neither_does_the_ledger_without_the_tag() {
    let mut network = Network::build(desired([to_group()]));
    let (id, tags) = (network.only(), network.cloud.logs.values().next().unwrap().tags.clone());
    let wrong = Spec { traffic: FlowTraffic::Accept, ..network.spec(&to_group()) };
    let copied = network.foreign(&wrong, &tags);
    let asked: Vec<_> = network.plan().steps.into_iter().map(|step| step.action).collect();
    assert!(matches!(asked.as_slice(), [Change::Create { .. }]), "AWS is asked whether we made it: {asked:?}");
    assert!(network.cloud.apply(&asked[0], Some("a new token")).unwrap().already, "and says no");
    network.wait(60);
    assert!(network.plan().is_empty(), "{}", network.plan());
    network.standing.created.insert(copied.clone(), network.standing.now);
    assert_eq!(network.plan().steps.len(), 1, "with both it is ours, and surplus");
    for tag in ["plumbline:topology", "plumbline:vpc", "plumbline:control"] {
        let mut other = network.clone();
        other.cloud.logs.get_mut(&copied).unwrap().tags.insert(tag.into(), "another".into());
        assert!(other.plan().is_empty(), "{tag}: {}", other.plan());
    }
    network.desired = desired([]);
    network.cloud.logs.get_mut(&id).unwrap().tags.clear();
    network.cloud.logs.get_mut(&copied).unwrap().tags.clear();
    assert!(network.plan().is_empty(), "{}", network.plan());
}

#[test]
fn one_whose_making_was_never_heard_of_is_asked_for_once_more() {
    let mut network = Network::bare(desired([to_bucket()]));
    let plan = network.plan();
    let made = network.cloud.apply(&plan.steps[0].action, Some("token")).unwrap();
    assert!(network.standing.created.is_empty(), "the function died before it could be told");
    let again = network.plan();
    assert_snapshot!(again, @"
    drift
      drift     main/logs-111122223333/vpc (fl-00000000000000002): it has our tags and is not on record: asked for once more, AWS says whether we made it
    steps
      1. create flow log main/logs-111122223333/vpc on vpc-00000000000000001: rejected traffic every minute to arn:aws:s3:::logs-111122223333/vpc, Parquet, Hive partitions
    ");
    assert_eq!(again.steps[0].action, plan.steps[0].action, "the same action, so that the ledger knows its token");
    assert_eq!(network.cloud.apply(&again.steps[0].action, Some("token")).unwrap().created, made.created);
    network.wait(60);
    assert!(network.plan().is_empty(), "an hour later it is somebody else's: {}", network.plan());
}

#[test]
fn a_log_group_that_is_gone_comes_back_and_another_flow_log_shows_whether_aws_delivers_again() {
    let mut network = Network::build(desired([to_group()]));
    network.cloud.delete_group(GROUP).unwrap();
    network.wait(5);
    assert_snapshot!(network.enforce(), @"
    drift
      drift     main/flow-logs (log-group:/plumbline/shop/main/flow-logs): there is no log group /plumbline/shop/main/flow-logs
      drift     main/flow-logs (fl-00000000000000002): it is ACTIVE, but its records do not arrive: AWS says: Access error
    steps
      1. create log group /plumbline/shop/main/flow-logs for main/flow-logs
      2. keep records in log group /plumbline/shop/main/flow-logs for 30 days instead of for ever
         only if 1 succeeds
      3. create a flow log on vpc-00000000000000001 in place of fl-00000000000000002 (main/flow-logs): all traffic every minute to log group /plumbline/shop/main/flow-logs
         only if 1 succeeds
         note: it records meanwhile, and goes when fl-00000000000000002 delivers or is made again
    ");
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/flow-logs (fl-00000000000000002): it is ACTIVE, but its records do not arrive: AWS says: Access error
    waiting until 2026-11-23T02:29:20Z: whether AWS delivers again shows on fl-00000000000000003, which records meanwhile
    ");
    network.wait(5);
    assert_snapshot!(network.enforce(), @"
    drift
      advice    main/flow-logs (fl-00000000000000003): it stood in for one that delivers again
    steps
      1. delete our flow log fl-00000000000000003 (main/flow-logs) of vpc-00000000000000001: all traffic every minute to log group /plumbline/shop/main/flow-logs
    ");
    assert!(network.plan().is_empty(), "{}", network.plan());
}

#[test]
fn one_that_stays_failed_is_made_again_while_the_other_records() {
    let mut network = Network::build(desired([to_group()]));
    let stuck = network.only();
    network.cloud.stuck.insert(stuck);
    network.wait(5);
    network.enforce();
    network.wait(10);
    assert_snapshot!(network.enforce(), @"
    drift
      drift     main/flow-logs (fl-00000000000000002): it is ACTIVE, but its records do not arrive: AWS says: Access error
    waiting until 2026-11-23T02:29:20Z: whether AWS delivers again shows on fl-00000000000000003, which records meanwhile
    ");
    network.wait(1);
    assert_snapshot!(network.enforce(), @"
    drift
      drift     main/flow-logs (fl-00000000000000002): it is ACTIVE, but its records do not arrive: AWS says: Access error
    steps
      1. delete our flow log fl-00000000000000002 (main/flow-logs) of vpc-00000000000000001: all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
      2. create flow log main/flow-logs on vpc-00000000000000001: all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
         only if 1 succeeds
         note: fl-00000000000000003 records meanwhile, and goes once this one is seen
    ");
    assert_snapshot!(network.enforce(), @"
    drift
      advice    main/flow-logs (fl-00000000000000003): it stood in for one that delivers again
    steps
      1. delete our flow log fl-00000000000000003 (main/flow-logs) of vpc-00000000000000001: all traffic every minute to log group /plumbline/shop/main/flow-logs
    ");
    assert!(network.plan().is_empty(), "{}", network.plan());
}

#[test]
fn one_that_was_made_again_and_fails_again_is_held_for_a_day() {
    let mut network = Network::build(desired([to_group()]));
    network.cloud.stuck.extend(network.cloud.logs.keys().cloned().collect::<Vec<_>>());
    network.wait(5);
    for minutes in [11, 1, 1] {
        network.enforce();
        network.wait(minutes);
    }
    assert!(network.plan().is_empty(), "{}", network.plan());
    network.cloud.stuck.insert(network.only());
    network.wait(60);
    assert_snapshot!(network.plan(), @r#"
    drift
      drift     main/flow-logs (fl-00000000000000004): it is ACTIVE, but its records do not arrive: AWS says: Access error
    held
      main/flow-logs (fl-00000000000000004): it was made again less than a day ago, and fails again. AWS says: Access error
         to do: see that arn:aws:iam::111122223333:role/plumbline-flow-logs-delivery is trusted by {"Action":"sts:AssumeRole","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:ec2:eu-west-1:111122223333:vpc-flow-log/*"},"StringEquals":{"aws:SourceAccount":"111122223333"}},"Effect":"Allow","Principal":{"Service":"vpc-flow-logs.amazonaws.com"}} and may {"Action":["logs:CreateLogStream","logs:PutLogEvents","logs:DescribeLogGroups","logs:DescribeLogStreams"],"Effect":"Allow","Resource":"arn:aws:logs:eu-west-1:111122223333:log-group:/plumbline/shop/main/flow-logs:*"}; if the log group is encrypted with a key of yours, the key's policy must admit logs.eu-west-1.amazonaws.com
    "#);
    network.wait(24 * 60);
    assert_eq!(network.plan().steps.len(), 1, "tried again: {}", network.plan());
}

#[test]
fn a_role_that_may_not_write_is_a_persons_to_mend_and_tried_once_a_day() {
    let mut network = Network::build(desired([to_group()]));
    network.cloud.roles.insert(DELIVERY_ROLE.into(), false);
    network.wait(5);
    network.enforce();
    network.wait(5);
    assert_snapshot!(network.plan(), @r#"
    drift
      drift     main/flow-logs (fl-00000000000000002): it is ACTIVE, but its records do not arrive: AWS says: Access error
    held
      main/flow-logs (fl-00000000000000002): neither it nor fl-00000000000000003, which goes to the same place, delivers. AWS says: Access error
         to do: see that arn:aws:iam::111122223333:role/plumbline-flow-logs-delivery is trusted by {"Action":"sts:AssumeRole","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:ec2:eu-west-1:111122223333:vpc-flow-log/*"},"StringEquals":{"aws:SourceAccount":"111122223333"}},"Effect":"Allow","Principal":{"Service":"vpc-flow-logs.amazonaws.com"}} and may {"Action":["logs:CreateLogStream","logs:PutLogEvents","logs:DescribeLogGroups","logs:DescribeLogStreams"],"Effect":"Allow","Resource":"arn:aws:logs:eu-west-1:111122223333:log-group:/plumbline/shop/main/flow-logs:*"}; if the log group is encrypted with a key of yours, the key's policy must admit logs.eu-west-1.amazonaws.com
    "#);
    let mut by_hand = network.clone();
    by_hand.standing.by_hand = true;
    let steps: Vec<String> = by_hand.plan().steps.iter().map(|step| step.action.to_string()).collect();
    assert!(steps.len() == 1 && steps[0].starts_with("delete our flow log"), "at any time by hand: {steps:?}");
    network.wait(24 * 60);
    assert_eq!(network.plan().steps.len(), 1, "another is tried: {}", network.plan());
    network.cloud.roles.insert(DELIVERY_ROLE.into(), true);
    network.wait(5);
    network.enforce();
    assert!(network.plan().is_empty(), "mended, AWS delivers again: {}", network.plan());
}

#[test]
fn a_bucket_that_does_not_take_records_is_held_with_its_policy() {
    let mut network = Network::build(desired([to_bucket()]));
    network.cloud.buckets.insert(BUCKET.into(), false);
    network.wait(5);
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/logs-111122223333/vpc (fl-00000000000000002): it is ACTIVE, but its records do not arrive: AWS says: Access Denied for LogDestination: arn:aws:s3:::logs-111122223333. Please check LogDestination permission
    steps
      1. create a flow log on vpc-00000000000000001 in place of fl-00000000000000002 (main/logs-111122223333/vpc): rejected traffic every 10 minutes to arn:aws:s3:::logs-111122223333/vpc, Parquet, Hive partitions
         note: it records meanwhile, and goes when fl-00000000000000002 delivers or is made again
    ");
    network.enforce();
    assert_eq!(network.cloud.logs.len(), 1, "AWS takes no flow log to such a bucket");
    let probe = Spec { interval_seconds: 600, ..network.spec(&to_bucket()) };
    network.cloud.buckets.insert(BUCKET.into(), true);
    network.enforce();
    assert!(network.cloud.logs.values().any(|log| log.spec == probe));
    network.cloud.buckets.insert(BUCKET.into(), false);
    network.wait(5);
    assert_snapshot!(network.plan(), @r#"
    drift
      drift     main/logs-111122223333/vpc (fl-00000000000000002): it is ACTIVE, but its records do not arrive: AWS says: Access Denied for LogDestination: arn:aws:s3:::logs-111122223333. Please check LogDestination permission
    held
      main/logs-111122223333/vpc (fl-00000000000000002): neither it nor fl-00000000000000003, which goes to the same place, delivers. AWS says: Access Denied for LogDestination: arn:aws:s3:::logs-111122223333. Please check LogDestination permission
         to do: see that the bucket exists and is yours, and add these statements to its policy (`aws s3api get-bucket-policy --bucket logs-111122223333` shows it); if it is encrypted with a key of yours, the key's policy must admit delivery.logs.amazonaws.com (kms:GenerateDataKey*): [{"Action":"s3:PutObject","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:logs:eu-west-1:111122223333:*"},"StringEquals":{"aws:SourceAccount":"111122223333","s3:x-amz-acl":"bucket-owner-full-control"}},"Effect":"Allow","Principal":{"Service":"delivery.logs.amazonaws.com"},"Resource":"arn:aws:s3:::logs-111122223333/vpc/AWSLogs/aws-account-id=111122223333/*","Sid":"AWSLogDeliveryWrite"},{"Action":"s3:GetBucketAcl","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:logs:eu-west-1:111122223333:*"},"StringEquals":{"aws:SourceAccount":"111122223333"}},"Effect":"Allow","Principal":{"Service":"delivery.logs.amazonaws.com"},"Resource":"arn:aws:s3:::logs-111122223333","Sid":"AWSLogDeliveryAclCheck"}]
    "#);
}

#[test]
fn a_probe_whose_making_was_never_heard_of_is_asked_for_in_the_same_words() {
    let mut network = Network::build(desired([to_group()]));
    network.cloud.stuck.insert(network.only());
    network.wait(5);
    let plan = network.plan();
    network.cloud.apply(&plan.steps[0].action, Some("token")).unwrap();
    let again = network.plan();
    assert_eq!(again.steps.len(), 1, "and no second one: {again}");
    assert_eq!(again.steps[0].action, plan.steps[0].action);
}

#[test]
fn nothing_goes_for_one_whose_making_was_never_heard_of() {
    let mut network = Network::build(desired([to_group()]));
    network.desired = desired([FlowLog { traffic: FlowTraffic::Reject, ..to_group() }]);
    let plan = network.plan();
    network.cloud.apply(&plan.steps[0].action, Some("token")).unwrap();
    let removals = network.plan().steps.into_iter().filter(|step| matches!(step.action, Change::Delete { .. })).count();
    assert_eq!(removals, 0, "it may be anybody's with copied tags");
}

#[test]
fn somebody_elses_flow_log_serves_as_a_probe_and_stays_when_it_fails() {
    let mut network = Network::build(desired([to_group()]));
    let theirs = Spec { interval_seconds: 60, ..network.spec(&to_group()) };
    let theirs = network.foreign(&theirs, &BTreeMap::new());
    network.cloud.roles.insert(DELIVERY_ROLE.into(), false);
    network.wait(2 * 24 * 60);
    let plan = network.plan();
    assert!(plan.steps.is_empty(), "AWS takes no equal one, and this one is not ours to delete: {plan}");
    assert!(plan.held.iter().any(|held| held.why.contains(theirs.as_str())), "{plan}");
}

#[test]
fn a_rate_limit_is_not_answered_with_more_records() {
    let mut network = Network::build(desired([to_group()]));
    let id = network.only();
    network.cloud.logs.get_mut(&id).unwrap().delivery = Delivery::Failed { why: Some("Rate limited".into()) };
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/flow-logs (fl-00000000000000002): it is ACTIVE, but its records do not arrive: AWS says: Rate limited
    held
      main/flow-logs (fl-00000000000000002): AWS says: Rate limited
         to do: ask for a higher quota of CloudWatch Logs, or declare less: `traffic: reject`, fewer fields
    ");
}

#[test]
fn somebody_elses_equal_one_that_fails_is_told_of_and_left_alone() {
    let mut network = Network::bare(desired([to_bucket()]));
    let foreign = network.foreign(&network.spec(&to_bucket()), &BTreeMap::new());
    network.cloud.logs.get_mut(&foreign).unwrap().delivery = Delivery::Failed { why: None };
    assert_snapshot!(network.plan(), @r#"
    drift
      drift     main/logs-111122223333/vpc (fl-00000000000000002): it would record rejected traffic every minute to arn:aws:s3:::logs-111122223333/vpc, Parquet, Hive partitions, but its records do not arrive: AWS does not say why
    held
      main/logs-111122223333/vpc (fl-00000000000000002): fl-00000000000000002 was not made by Plumbline, and AWS takes no equal one beside it
         to do: see that the bucket exists and is yours, and add these statements to its policy (`aws s3api get-bucket-policy --bucket logs-111122223333` shows it); if it is encrypted with a key of yours, the key's policy must admit delivery.logs.amazonaws.com (kms:GenerateDataKey*): [{"Action":"s3:PutObject","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:logs:eu-west-1:111122223333:*"},"StringEquals":{"aws:SourceAccount":"111122223333","s3:x-amz-acl":"bucket-owner-full-control"}},"Effect":"Allow","Principal":{"Service":"delivery.logs.amazonaws.com"},"Resource":"arn:aws:s3:::logs-111122223333/vpc/AWSLogs/aws-account-id=111122223333/*","Sid":"AWSLogDeliveryWrite"},{"Action":"s3:GetBucketAcl","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:logs:eu-west-1:111122223333:*"},"StringEquals":{"aws:SourceAccount":"111122223333"}},"Effect":"Allow","Principal":{"Service":"delivery.logs.amazonaws.com"},"Resource":"arn:aws:s3:::logs-111122223333","Sid":"AWSLogDeliveryAclCheck"}]; or delete it, and Plumbline makes its own: aws ec2 delete-flow-logs --flow-log-ids fl-00000000000000002
    "#);
}

#[test]
fn without_a_role_only_what_needs_none_goes_on() {
    let mut network = Network::bare(desired([to_group(), to_bucket()]));
    network.cloud.create_group(GROUP, &BTreeMap::new()).unwrap();
    network.role = None;
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/flow-logs (log-group:/plumbline/shop/main/flow-logs): records are kept for ever instead of for 30 days
      drift     main/flow-logs (vpc-00000000000000001): no flow log records all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
      drift     main/logs-111122223333/vpc (vpc-00000000000000001): no flow log records rejected traffic every minute to arn:aws:s3:::logs-111122223333/vpc, Parquet, Hive partitions
    steps
      1. keep records in log group /plumbline/shop/main/flow-logs for 30 days instead of for ever
      2. create flow log main/logs-111122223333/vpc on vpc-00000000000000001: rejected traffic every minute to arn:aws:s3:::logs-111122223333/vpc, Parquet, Hive partitions
    held
      main/flow-logs (vpc-00000000000000001): nobody said which role delivers to CloudWatch Logs
         to do: PLUMBLINE_FLOW_LOGS_ROLE is not set for this function: deploy template.yaml again, which makes the role and names it there
    ");
    let mut built = Network::build(desired([to_group(), to_bucket()]));
    built.role = None;
    assert!(built.plan().is_empty(), "what records is good enough: {}", built.plan());
}

#[test]
fn retention_is_kept_as_declared() {
    let mut network = Network::build(desired([to_group()]));
    network.cloud.retain(GROUP, Some(7)).unwrap();
    assert_snapshot!(network.enforce(), @"
    drift
      drift     main/flow-logs (log-group:/plumbline/shop/main/flow-logs): records are kept for 7 days instead of for 30 days
    steps
      1. keep records in log group /plumbline/shop/main/flow-logs for 30 days instead of for 7 days
    ");
    assert!(network.plan().is_empty());
    let forever = FlowDestination::CloudWatch { log_group: GROUP.into(), retention_days: None };
    network.desired = desired([FlowLog { destination: forever, ..to_group() }]);
    assert_snapshot!(network.enforce(), @"
    drift
      drift     main/flow-logs (log-group:/plumbline/shop/main/flow-logs): records are kept for 30 days instead of for ever
    steps
      1. keep records in log group /plumbline/shop/main/flow-logs for ever instead of for 30 days
    ");
    assert!(network.plan().is_empty());
}

#[test]
fn records_that_a_shorter_retention_deleted_do_not_come_back() {
    let before =
        |before| Change::Retain { group: place().key(group_id(GROUP)), name: "main".into(), days: Some(30), before };
    for longer in [None, Some(90)] {
        let inverse = before(longer).inverse(&Receipt::default());
        assert!(matches!(&inverse, Inverse::Compensating(_, why) if why.contains("30 days")), "{inverse:?}");
    }
    assert!(matches!(before(Some(7)).inverse(&Receipt::default()), Inverse::Exact(_)));
}

#[test]
fn what_is_unknown_is_not_acted_upon() {
    let mut network = Network::build(desired([to_group(), to_bucket()]));
    network.cloud.logs.clear();
    let failed = |retryable| Unseen::Failed { retryable, why: "DescribeLogGroups failed: Throttling".into() };
    let mut observed = network.observe();
    observed.groups.insert(GROUP.into(), Seen::Unknown(failed(true)));
    assert_snapshot!(FlowLogs::plan(&place(), &network.desired, &observed, &network.standing), @"
    drift
      drift     main/flow-logs (vpc-00000000000000001): no flow log records all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
      drift     main/logs-111122223333/vpc (vpc-00000000000000001): no flow log records rejected traffic every minute to arn:aws:s3:::logs-111122223333/vpc, Parquet, Hive partitions
    steps
      1. create flow log main/logs-111122223333/vpc on vpc-00000000000000001: rejected traffic every minute to arn:aws:s3:::logs-111122223333/vpc, Parquet, Hive partitions
    not seen
      /plumbline/shop/main/flow-logs: DescribeLogGroups failed: Throttling (to be tried again)
    ");
    observed.groups.clear();
    let plan = FlowLogs::plan(&place(), &network.desired, &observed, &network.standing);
    assert!(!plan.blind.is_empty() && plan.steps.len() == 1, "not looked at is not absent: {plan}");
    let unseen = |seen| Observed { vpcs: [("main".into(), seen)].into(), ..observed.clone() };
    let unknown = unseen(Seen::Unknown(failed(false)));
    assert_snapshot!(FlowLogs::plan(&place(), &network.desired, &unknown, &network.standing), @"
    not seen
      main: DescribeLogGroups failed: Throttling (needs a person)
    ");
    let unbound = unseen(Seen::Unknown(Unseen::OutOfScope));
    assert!(FlowLogs::plan(&place(), &network.desired, &unbound, &network.standing).is_empty());
    assert_snapshot!(FlowLogs::plan(&place(), &network.desired, &unseen(Seen::Absent), &network.standing), @"
    drift
      drift     main (main): the VPC main is gone
    held
      main (main): the VPC main is gone: there is nothing to record
         to do: deploy the stack that holds it again, then rebind the topology to the new VPC
    ");
}

#[test]
fn every_step_says_which_stack_the_vpc_belongs_to() {
    let mut network = Network::bare(desired([to_group()]));
    let vpc = network.vpc();
    let arn = "arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1";
    network.cloud.vpcs.get_mut(&vpc).unwrap().tags.insert(STACK_TAG.into(), arn.into());
    let plan = network.plan();
    assert_eq!(plan.steps.len(), 3);
    assert!(plan.steps.iter().all(|step| step.stack.as_ref().is_some_and(|stack| stack.as_str() == arn)), "{plan}");
}

#[test]
fn a_retired_topology_loses_what_is_ours() {
    let text = "version: 1\nid: shop\nenvironment: production\nstate: retired\nvpcs:\n  main:\n    cidr: 10.0.0.0/16\n    \
                availability_zones: [a]\n    flow_logs: [{ cloudwatch: {} }]\n";
    let topology = topology::document::read("topology.yaml", text).unwrap_or_else(|problems| panic!("{problems}"));
    let mut network = Network::build(desired([to_group()]));
    network.desired = FlowLogs::desired(&topology).unwrap().clone();
    assert_snapshot!(network.plan(), @"
    drift
      drift     main/flow-logs (fl-00000000000000002): ours, and not declared: it records all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
    steps
      1. delete our flow log fl-00000000000000002 (main/flow-logs) of vpc-00000000000000001: all traffic every 10 minutes to log group /plumbline/shop/main/flow-logs
    ");
    let gone = Observed { vpcs: [("main".into(), Seen::Absent)].into(), ..network.observe() };
    let plan = FlowLogs::plan(&place(), &network.desired, &gone, &network.standing);
    assert!(plan.is_empty(), "it went with its stack: {plan}");
}
