//! Plans of the `routes` control: a network that was whole, one thing changed, planned, and how the plan reads.

mod networks;

use networks::{STACK, Site, TRANSIT, document, read};
use std::collections::BTreeMap;
use topology::routes::{Change, LOCAL};
use topology::{Action, Effect, Inverse, Receipt, Repair, ResourceId, Seen, Severity, Unseen};

fn exposed(site: &Site) -> Vec<String> {
    let drifts = site.plan().drifts;
    drifts.into_iter().filter(|drift| drift.severity == Severity::Exposure).map(|drift| drift.summary).collect()
}

/// The plan, and that it puts right what it sees.
fn mended(site: &mut Site) -> String {
    let plan = site.plan().to_string();
    site.converge();
    plan
}

#[test]
fn what_is_as_declared_needs_nothing() {
    let site = Site::whole();
    assert!(site.plan().is_empty(), "{}", site.plan());
    assert!(site.nat_plan().is_empty(), "{}", site.nat_plan());
}

#[test]
fn an_internet_route_in_a_private_or_database_tier_is_contained_first() {
    let mut site = Site::whole();
    let (table, internet) = (site.table("database", "a"), site.internet.clone());
    site.nets.add_route(&table, "0.0.0.0/0", &internet).unwrap();
    let private = site.table("private", "b");
    site.nets.add_route(&private, "203.0.113.0/24", &internet).unwrap();
    let public = site.table("public", "a");
    site.nets.delete_route(&public).unwrap();
    insta::assert_snapshot!(mended(&mut site), @"
    drift
      exposure  main/private-b (rtb-0000000000000000e): 203.0.113.0/24 leads to igw-00000000000000003: a way in from the internet that `route: nat` does not give
      exposure  main/database-a (rtb-00000000000000011): 0.0.0.0/0 leads to igw-00000000000000003: a way in from the internet that `route: isolated` does not give
      drift     main/public-a (rtb-00000000000000005): no route leads out: there is no default route
    steps
      1. main/private-b: remove 203.0.113.0/24 to igw-00000000000000003 from rtb-0000000000000000e
         containment; owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
         note: established flows by this route break
      2. main/database-a: remove 0.0.0.0/0 to igw-00000000000000003 from rtb-00000000000000011
         containment; owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
         note: established flows by this route break
      3. main/public-a: route 0.0.0.0/0 in rtb-00000000000000005 to igw-00000000000000003
         owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
    ");
}

#[test]
fn every_way_to_the_internet_that_a_tier_does_not_have_is_an_exposure() {
    let nat = Site::whole().nets.gateways.keys().next().unwrap().clone();
    let internet = Site::whole().internet;
    let (eigw, carrier) = ("eigw-0123456789abcdef0", "cagw-0123456789abcdef0");
    let cases: [(&str, &str, &str, bool); 16] = [
        ("database", "0.0.0.0/0", internet.as_str(), true),
        ("database", "0.0.0.0/1", internet.as_str(), true),
        ("database", "::/0", internet.as_str(), true),
        ("database", "::/0", eigw, true),
        ("database", "0.0.0.0/0", nat.as_str(), true),
        ("database", "203.0.113.0/24", nat.as_str(), true),
        ("database", "198.51.100.0/24", carrier, true),
        ("database", "10.9.0.0/16", "tgw-0fedcba9876543210", false),
        ("database", "10.9.0.0/16", "eni-0fedcba9876543210", false),
        ("private", "0.0.0.0/1", internet.as_str(), true),
        ("private", "::/0", eigw, true),
        ("private", "203.0.113.0/24", nat.as_str(), false),
        ("private", "10.9.0.0/16", "tgw-0fedcba9876543210", false),
        ("public", "203.0.113.0/24", internet.as_str(), false),
        ("public", "::/0", internet.as_str(), true),
        ("public", "::/0", eigw, false),
    ];
    for (tier, destination, target, exposes) in cases {
        let mut site = Site::whole();
        let table = site.table(tier, "a");
        site.nets.add_route(&table, destination, &target.into()).unwrap();
        let plan = site.plan();
        let what = format!("{tier}: {destination} to {target}\n{plan}");
        assert_eq!(exposed(&site).len(), usize::from(exposes), "{what}");
        assert_eq!(plan.steps.len(), 1, "{what}");
        assert_eq!(plan.steps[0].contains, exposes, "{what}");
        assert_eq!(plan.steps[0].action.effect(), Effect::Remove, "{what}");
        let inverse = plan.steps[0].action.inverse(&Receipt::default());
        assert_eq!(matches!(inverse, Inverse::Exact(_)), !exposes, "what exposed does not come back: {what}");
        site.converge();
    }
}

#[test]
fn what_the_document_allows_stays_and_what_it_keeps_comes_back() {
    let mut site = Site::whole();
    let table = site.table("private", "a");
    assert_eq!(site.nets.route(&table, "10.8.0.0/16"), Some(TRANSIT.into()), "made by the control");
    site.nets.add_route(&table, "10.9.0.0/16", &"pcx-0123456789abcdef0".into()).unwrap();
    assert!(site.plan().is_empty(), "{}", site.plan());
    site.nets.turn_route(&table, "10.8.0.0/16", &"tgw-0fedcba9876543210".into()).unwrap();
    let other = site.table("private", "b");
    site.nets.remove_route(&other, "10.8.0.0/16").unwrap();
    insta::assert_snapshot!(mended(&mut site), @"
    drift
      drift     main/private-a (rtb-0000000000000000b): 10.8.0.0/16 leads to tgw-0fedcba9876543210, not to tgw-0123456789abcdef0
      drift     main/private-b (rtb-0000000000000000e): no route leads to 10.8.0.0/16 through tgw-0123456789abcdef0
    steps
      1. main/private-a: move 10.8.0.0/16 in rtb-0000000000000000b from tgw-0fedcba9876543210 to tgw-0123456789abcdef0
         owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
         note: established flows through tgw-0fedcba9876543210 break
      2. main/private-b: route 10.8.0.0/16 in rtb-0000000000000000e to tgw-0123456789abcdef0
         owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
    ");
}

#[test]
fn a_default_route_that_is_missing_or_leads_into_the_void_is_restored() {
    let mut site = Site::whole();
    let (a, b) = (site.table("public", "a"), site.table("public", "b"));
    site.nets.delete_route(&a).unwrap();
    let gone: ResourceId = "nat-0badc0de0badc0de0".into();
    site.nets.tables.get_mut(&b).unwrap().default = Some((gone, true));
    insta::assert_snapshot!(mended(&mut site), @"
    drift
      drift     main/public-a (rtb-00000000000000005): no route leads out: there is no default route
      drift     main/public-b (rtb-00000000000000008): 0.0.0.0/0 leads to nat-0badc0de0badc0de0, which is gone, not to igw-00000000000000003
    steps
      1. main/public-a: route 0.0.0.0/0 in rtb-00000000000000005 to igw-00000000000000003
         owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
      2. main/public-b: move 0.0.0.0/0 in rtb-00000000000000008 from nat-0badc0de0badc0de0 to igw-00000000000000003
         owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
    ");
}

#[test]
fn halves_of_everything_go_when_the_whole_is_back() {
    let mut site = Site::whole();
    let (table, internet) = (site.table("public", "a"), site.internet.clone());
    site.nets.delete_route(&table).unwrap();
    for half in ["0.0.0.0/1", "128.0.0.0/1"] {
        site.nets.add_route(&table, half, &internet).unwrap();
    }
    insta::assert_snapshot!(mended(&mut site), @"
    drift
      drift     main/public-a (rtb-00000000000000005): no route leads out: there is no default route
      drift     main/public-a (rtb-00000000000000005): 0.0.0.0/1 leads to igw-00000000000000003, which the topology does not declare
      drift     main/public-a (rtb-00000000000000005): 128.0.0.0/1 leads to igw-00000000000000003, which the topology does not declare
    steps
      1. main/public-a: route 0.0.0.0/0 in rtb-00000000000000005 to igw-00000000000000003
         owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
      2. main/public-a: remove 0.0.0.0/1 to igw-00000000000000003 from rtb-00000000000000005
         only if 1 succeeds; owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
         note: flows to 0.0.0.0/1 through igw-00000000000000003 break
      3. main/public-a: remove 128.0.0.0/1 to igw-00000000000000003 from rtb-00000000000000005
         only if 1 succeeds; owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
         note: flows to 128.0.0.0/1 through igw-00000000000000003 break
    ");
}

#[test]
fn what_carries_a_private_tier_stays_until_its_default_route_is_back() {
    let mut site = Site::whole();
    let (table, internet) = (site.table("private", "a"), site.internet.clone());
    let transit: ResourceId = "tgw-0fedcba9876543210".into();
    site.nets.delete_route(&table).unwrap();
    for (range, to) in [("0.0.0.0/1", &transit), ("128.0.0.0/1", &internet), ("2001:db8::/32", &transit)] {
        site.nets.add_route(&table, range, to).unwrap();
    }
    let removed = |site: &Site| site.plan().steps.iter().map(|step| step.action.to_string()).collect::<Vec<_>>();
    let removal = |range: &str, to: &ResourceId| format!("main/private-a: remove {range} to {to} from {table}");
    let others = [removal("128.0.0.0/1", &internet), removal("2001:db8::/32", &transit)];
    assert_eq!(removed(&site), others, "what is open goes, and what carries nothing: {}", site.plan());
    assert!(site.plan().wait.is_some_and(|wait| wait.why.contains("0.0.0.0/1")), "{}", site.plan());
    site.round(|_, _| {});
    assert_eq!(site.nets.route(&table, "0.0.0.0/1"), Some(transit.clone()), "`nat` has not been here yet");
    site.nat_round();
    assert_eq!(removed(&site), [removal("0.0.0.0/1", &transit)], "{}", site.plan());
    site.converge();
}

#[test]
fn what_belongs_to_others_is_never_touched() {
    let mut site = Site::whole();
    for tier in ["public", "private", "database"] {
        let table = site.nets.tables.get_mut(&site.table(tier, "a")).unwrap();
        table.others.push(("pl-0123456789abcdef0".into(), "vpce-0123456789abcdef0".into(), true));
        table.others.push(("192.168.0.0/16".into(), "vgw-0123456789abcdef0".into(), false));
    }
    // The main table, a stranger's, and that of a regional gateway are nobody's here.
    let (main, internet) = (site.main(), site.internet.clone());
    site.nets.add_route(&main, "0.0.0.0/0", &internet).unwrap();
    let strange = site.nets.create_table(&site.vpc.clone()).unwrap();
    site.nets.add_route(&strange, "0.0.0.0/0", &internet).unwrap();
    assert!(site.plan().is_empty(), "{}", site.plan());
}

#[test]
fn a_local_route_that_was_led_elsewhere_comes_back() {
    let mut site = Site::whole();
    let table = site.table("database", "b");
    site.nets.turn_route(&table, "10.0.0.0/16", &"eni-0123456789abcdef0".into()).unwrap();
    insta::assert_snapshot!(mended(&mut site), @"
    drift
      drift     main/database-b (rtb-00000000000000014): 10.0.0.0/16, a range of the VPC itself, leads to eni-0123456789abcdef0
    steps
      1. main/database-b: move 10.0.0.0/16 in rtb-00000000000000014 from eni-0123456789abcdef0 to local
         owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
         note: established flows through eni-0123456789abcdef0 break
    ");
    assert_eq!(site.nets.route(&table, "10.0.0.0/16"), None, "{LOCAL} again");
}

#[test]
fn a_local_route_leads_through_the_appliance_that_is_declared() {
    let mut site = Site::whole();
    let (table, appliance) = (site.table("database", "a"), ResourceId::from("eni-0123456789abcdef0"));
    let between = format!("database: {{ route: isolated, extra_routes: [{{ to: 10.0.0.0/16, via: {appliance} }}],");
    let text = document("    nat: { mode: per-az }\n").replace("database: { route: isolated,", &between);
    site.topology = read(&text);
    let steps = |site: &Site| site.plan().steps.iter().map(|step| step.action.to_string()).collect::<Vec<_>>();
    let led = |from: &str| format!("main/database-a: move 10.0.0.0/16 in {table} from {from} to {appliance}");
    assert_eq!(steps(&site).first(), Some(&led(LOCAL)), "{}", site.plan());
    site.converge();
    assert_eq!(site.nets.route(&table, "10.0.0.0/16"), Some(appliance.clone()), "it stays");
    site.nets.turn_route(&table, "10.0.0.0/16", &"eni-0fedcba9876543210".into()).unwrap();
    assert_eq!(steps(&site), [led("eni-0fedcba9876543210")]);
    site.nets.turn_route(&table, "10.0.0.0/16", &LOCAL.into()).unwrap();
    assert_eq!(steps(&site), [led(LOCAL)]);
    let private = site.table("private", "a");
    site.nets.turn_route(&private, "10.0.0.0/16", &appliance).unwrap();
    let back = format!("main/private-a: move 10.0.0.0/16 in {private} from {appliance} to {LOCAL}");
    assert!(steps(&site).contains(&back), "another tier has none: {}", site.plan());
}

#[test]
fn a_database_moved_to_the_public_table_moves_back_at_once() {
    let mut site = Site::whole();
    let public = site.table("public", "a");
    site.reseat("10.0.20.0/24", &public);
    insta::assert_snapshot!(mended(&mut site), @"
    drift
      exposure  main/database-a (subnet-00000000000000010): subnet-00000000000000010 uses rtb-00000000000000005, not its own route table rtb-00000000000000011
    steps
      1. main/database-a: move subnet-00000000000000010 from route table rtb-00000000000000005 to rtb-00000000000000011
         containment; owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
         note: flows by the other table's routes break
    ");
    assert_eq!(site.used("10.0.20.0/24"), site.table("database", "a"));
}

#[test]
fn a_move_is_about_the_subnet_and_its_association_names_who_moved_it() {
    let mut site = Site::whole();
    let (public, subnet) = (site.table("public", "a"), site.subnet("10.0.20.0/24"));
    site.reseat("10.0.20.0/24", &public);
    let association = site.nets.tables[&public].subnets[&subnet].clone();
    let plan = site.plan();
    assert_eq!(plan.steps[0].action.resource().id, subnet, "an exemption of it holds the move: {plan}");
    assert_eq!(plan.drifts[0].resource.id, subnet, "{plan}");
    assert_eq!(plan.aliases, [(association, subnet)].into(), "{plan}");
}

#[test]
fn one_that_lost_its_table_gets_it_back() {
    let mut site = Site::whole();
    site.unseat("10.0.10.0/24");
    insta::assert_snapshot!(mended(&mut site), @"
    drift
      drift     main/private-a (subnet-0000000000000000a): subnet-0000000000000000a uses rtb-00000000000000002, the VPC's main route table, not its own route table rtb-0000000000000000b
    steps
      1. main/private-a: give subnet-0000000000000000a its own route table rtb-0000000000000000b
         owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
    ");
}

#[test]
fn its_own_table_is_made_fit_before_a_subnet_comes_home() {
    let mut site = Site::whole();
    let (internet, own, other) = (site.internet.clone(), site.table("private", "a"), site.table("private", "b"));
    site.reseat("10.0.10.0/24", &other);
    site.nets.turn_route(&own, "0.0.0.0/0", &internet).unwrap();
    insta::assert_snapshot!(mended(&mut site), @"
    drift
      exposure  main/private-a (rtb-0000000000000000b): 0.0.0.0/0 leads to igw-00000000000000003: a way in from the internet that `route: nat` does not give
      drift     main/private-a (subnet-0000000000000000a): subnet-0000000000000000a uses rtb-0000000000000000e, not its own route table rtb-0000000000000000b
    steps
      1. main/private-a: move 0.0.0.0/0 in rtb-0000000000000000b from igw-00000000000000003 to nat-00000000000000019
         containment; owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
         note: established flows by this route break
      2. main/private-a: move subnet-0000000000000000a from route table rtb-0000000000000000e to rtb-0000000000000000b
         only if 1 succeeds; owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
    ");
}

#[test]
fn a_public_table_is_not_opened_while_a_database_uses_it() {
    let mut site = Site::whole();
    let public = site.table("public", "a");
    site.nets.delete_route(&public).unwrap();
    site.reseat("10.0.20.0/24", &public);
    insta::assert_snapshot!(mended(&mut site), @"
    drift
      drift     main/database-a (subnet-00000000000000010): subnet-00000000000000010 uses rtb-00000000000000005, not its own route table rtb-00000000000000011
      drift     main/public-a (rtb-00000000000000005): no route leads out: there is no default route
    steps
      1. main/database-a: move subnet-00000000000000010 from route table rtb-00000000000000005 to rtb-00000000000000011
         owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
      2. main/public-a: route 0.0.0.0/0 in rtb-00000000000000005 to igw-00000000000000003
         only if 1 succeeds; owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
    ");
}

#[test]
fn a_table_that_was_deleted_is_made_again() {
    let mut site = Site::whole();
    let (main, internet) = (site.main(), site.internet.clone());
    site.nets.add_route(&main, "0.0.0.0/0", &internet).unwrap();
    let own = site.table("database", "a");
    site.unseat("10.0.20.0/24");
    site.nets.drop_table(&own).unwrap();
    insta::assert_snapshot!(site.plan(), @"
    drift
      exposure  main/database-a (subnet-00000000000000010): its own route table is gone; subnet-00000000000000010 uses rtb-00000000000000002, the VPC's main route table
    steps
      1. create a route table in vpc-00000000000000001 for main/database-a (subnet-00000000000000010)
         containment; owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
         note: the stack's own table stays missing to the stack until it is made again there
    ");
    site.round(|_, _| {});
    insta::assert_snapshot!(site.plan(), @"
    drift
      exposure  main/database-a (subnet-00000000000000010): subnet-00000000000000010 uses rtb-00000000000000002, the VPC's main route table, not its own route table rtb-0000000000000001a
    steps
      1. main/database-a: give subnet-00000000000000010 its own route table rtb-0000000000000001a
         containment; owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
         note: flows by the other table's routes break
    ");
    site.converge();
    // The stack makes its own again: that one counts, and ours goes.
    let ours = site.used("10.0.20.0/24");
    let tags: BTreeMap<String, String> =
        [(twin::STACK_TAG, STACK), (twin::LOGICAL_ID, "MainDatabaseARouteTable"), ("plumbline:topology", "shop")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
    let again = site.nets.make_table(&site.vpc.clone(), tags, "stack").unwrap();
    site.converge();
    assert_eq!(site.used("10.0.20.0/24"), again);
    assert!(!site.nets.tables.contains_key(&ours), "ours went");
}

#[test]
fn what_was_made_a_moment_ago_is_not_made_twice() {
    let mut site = Site::whole();
    let own = site.table("database", "a");
    site.unseat("10.0.20.0/24");
    site.nets.drop_table(&own).unwrap();
    site.created.insert("rtb-0123456789abcdef0".into(), site.nets.now);
    let plan = site.plan();
    assert!(plan.steps.is_empty() && plan.wait.is_some(), "{plan}");
}

#[test]
fn a_crash_after_the_call_is_taken_into_the_books() {
    let mut site = Site::whole();
    let (own, subnet) = (site.table("database", "a"), site.subnet("10.0.20.0/24"));
    site.unseat("10.0.20.0/24");
    site.nets.drop_table(&own).unwrap();
    let make = site.plan().steps[0].action.clone();
    site.nets.apply_routes(&make, "lost").unwrap();
    let repair = Repair { at: site.nets.now, run: "r".into(), removed: false, succeeded: None };
    site.repairs.insert(subnet, vec![repair]);
    let plan = site.plan();
    assert_eq!(plan.steps[0].action, make, "the same call once more gives the same table: {plan}");
    assert_eq!(plan.steps.len(), 2, "{plan}");
}

#[test]
fn a_copied_tag_makes_nothing_doubtful() {
    let mut site = Site::whole();
    let own = site.table("database", "a");
    let mut tags = site.nets.tables[&own].tags.clone();
    tags.remove(twin::LOGICAL_ID);
    tags.remove(twin::STACK_TAG);
    let fake = site.nets.make_table(&site.vpc.clone(), tags, "fake").unwrap();
    let internet = site.internet.clone();
    site.nets.add_route(&fake, "0.0.0.0/0", &internet).unwrap();
    site.reseat("10.0.20.0/24", &fake);
    assert_eq!(exposed(&site).len(), 1, "{}", site.plan());
    site.converge();
    assert_eq!(site.used("10.0.20.0/24"), own);
    assert!(site.nets.tables.contains_key(&fake), "it is not ours, whatever it says");
}

#[test]
fn tables_known_by_their_tags_alone_compete() {
    let mut site = Site::whole();
    for table in site.nets.tables.values_mut() {
        table.tags.remove(twin::STACK_TAG);
    }
    assert!(site.plan().is_empty(), "the one in use is as good as any: {}", site.plan());
    let own = site.table("database", "a");
    let tags = site.nets.tables[&own].tags.clone();
    site.nets.make_table(&site.vpc.clone(), tags, "twin").unwrap();
    assert!(site.plan().is_empty(), "{}", site.plan());
    site.unseat("10.0.20.0/24");
    insta::assert_snapshot!(site.plan(), @"
    drift
      drift     main/database-a (subnet-00000000000000010): subnet-00000000000000010 uses rtb-00000000000000002, the VPC's main route table, and rtb-00000000000000011 and rtb-0000000000000001a all bear the tags of its own route table
    held
      main/database-a (subnet-00000000000000010): subnet-00000000000000010 uses rtb-00000000000000002, the VPC's main route table, and rtb-00000000000000011 and rtb-0000000000000001a all bear the tags of its own route table
         to do: take the tag from those that are not: aws ec2 delete-tags --tags Key=plumbline:tier --resources rtb-0000000000000001a
    ");
}

#[test]
fn an_adopted_network_is_kept_as_it_stands() {
    let mut site = Site::whole();
    let tags = site.nets.tables.values_mut().map(|table| &mut table.tags);
    tags.chain(site.nets.subnets.values_mut().map(|subnet| &mut subnet.tags)).for_each(BTreeMap::clear);
    assert!(site.plan().is_empty(), "{}", site.plan());
    let (internet, database) = (site.internet.clone(), site.used("10.0.20.0/24"));
    site.nets.add_route(&database, "0.0.0.0/0", &internet).unwrap();
    assert_eq!(exposed(&site).len(), 1, "what it uses is kept: {}", site.plan());
    site.converge();
    // One that is moved to somebody else's table cannot be told from one that shall be there.
    let public = site.used("10.0.0.0/24");
    site.reseat("10.0.20.0/24", &public);
    insta::assert_snapshot!(site.plan(), @"
    drift
      exposure  main/database-a (subnet-00000000000000010): it has no route table of its own: rtb-00000000000000005 also serves subnet-00000000000000004, which is declared otherwise
      drift     main/public-a (subnet-00000000000000004): it has no route table of its own: rtb-00000000000000005 also serves subnet-00000000000000010, which is declared otherwise
    held
      main/database-a (subnet-00000000000000010): which route table is its own cannot be told: rtb-00000000000000005 also serves subnet-00000000000000004, which is declared otherwise
         to do: table=$(aws ec2 create-route-table --vpc-id vpc-00000000000000001 --tag-specifications 'ResourceType=route-table,Tags=[{Key=plumbline:topology,Value=shop},{Key=plumbline:vpc,Value=main},{Key=plumbline:tier,Value=database},{Key=plumbline:zone,Value=a}]' --query RouteTable.RouteTableId --output text) && aws ec2 replace-route-table-association --association-id rtbassoc-0000000000000001a --route-table-id $table; or give the right table these tags
      main/public-a (subnet-00000000000000004): which route table is its own cannot be told: rtb-00000000000000005 also serves subnet-00000000000000010, which is declared otherwise
         to do: table=$(aws ec2 create-route-table --vpc-id vpc-00000000000000001 --tag-specifications 'ResourceType=route-table,Tags=[{Key=plumbline:topology,Value=shop},{Key=plumbline:vpc,Value=main},{Key=plumbline:tier,Value=public},{Key=plumbline:zone,Value=a}]' --query RouteTable.RouteTableId --output text) && aws ec2 replace-route-table-association --association-id rtbassoc-00000000000000006 --route-table-id $table; or give the right table these tags
    ");
}

const ONE_TABLE: &str = "version: 1
id: shop
environment: staging
mode: enforce
vpcs:
  main:
    cidr: 10.0.0.0/16
    availability_zones: [a, b, c]
    internet_gateway: true
    tiers:
      public: { route: internet, subnets: [10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24] }
";

#[test]
fn a_network_that_a_stack_of_somebody_s_holds_keeps_its_one_table_for_a_tier() {
    let mut site = Site::bare(ONE_TABLE);
    let (shared, vpc) = (site.table("public", "a"), site.vpc.clone());
    site.reseat("10.0.1.0/24", &shared);
    let third = site.nets.create_subnet(&vpc, "10.0.2.0/24", "c").unwrap();
    site.nets.seat(&shared, &third).unwrap();
    let written = |id: &ResourceId| -> BTreeMap<String, String> {
        let logical = format!("Part{}", id.as_str().replace('-', ""));
        let tags = [(twin::STACK_TAG, STACK.to_owned()), (twin::LOGICAL_ID, logical)];
        tags.map(|(key, value)| (key.to_owned(), value)).into()
    };
    for (id, table) in &mut site.nets.tables {
        table.tags = if *id == shared { written(id) } else { BTreeMap::new() };
    }
    for (id, subnet) in &mut site.nets.subnets {
        subnet.tags = written(id);
    }
    assert!(site.plan().is_empty(), "{}", site.plan());
    // What it lacks is put right in the table that it has.
    site.nets.delete_route(&shared).unwrap();
    let plan = site.plan();
    assert_eq!(plan.steps.len(), 1, "{plan}");
    assert!(matches!(&plan.steps[0].action, Change::CreateRoute { table, .. } if table.key.id == shared), "{plan}");
}

#[test]
fn a_detached_gateway_is_attached_again_and_no_other() {
    let mut site = Site::whole();
    let (internet, vpc) = (site.internet.clone(), site.vpc.clone());
    site.nets.detach_internet(&internet);
    site.nets.make_internet();
    insta::assert_snapshot!(mended(&mut site), @"
    drift
      drift     main (vpc-00000000000000001): no internet gateway is attached: nothing leads in or out
    steps
      1. attach internet gateway igw-00000000000000003 to main (vpc-00000000000000001)
         owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
    ");
    site.nets.detach_internet(&internet);
    let tags = site.nets.internet_tags[&internet].clone();
    let copy = site.nets.make_internet();
    let copied = tags.into_iter().filter(|(key, _)| !key.starts_with("aws:")).collect();
    site.nets.internet_tags.insert(copy, copied);
    site.round(|_, _| {});
    assert_eq!(site.nets.internet.get(&internet), Some(&vpc), "the stack's own is surer than a tag");
    // One that works is as good.
    site.nets.detach_internet(&internet);
    let strange = site.nets.make_internet();
    site.nets.plug(&strange, &vpc).unwrap();
    insta::assert_snapshot!(mended(&mut site), @"
    drift
      drift     main/public-a (rtb-00000000000000005): 0.0.0.0/0 leads to igw-00000000000000003, which is gone, not to igw-0000000000000001c
      drift     main/public-b (rtb-00000000000000008): 0.0.0.0/0 leads to igw-00000000000000003, which is gone, not to igw-0000000000000001c
    steps
      1. main/public-a: move 0.0.0.0/0 in rtb-00000000000000005 from igw-00000000000000003 to igw-0000000000000001c
         owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
      2. main/public-b: move 0.0.0.0/0 in rtb-00000000000000008 from igw-00000000000000003 to igw-0000000000000001c
         owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
    ");
}

#[test]
fn a_gateway_that_is_gone_is_asked_for() {
    let mut site = Site::whole();
    let internet = site.internet.clone();
    site.nets.detach_internet(&internet);
    site.nets.internet_tags.clear();
    insta::assert_snapshot!(site.plan(), @"
    drift
      drift     main (vpc-00000000000000001): no internet gateway is attached: nothing leads in or out
    held
      main (vpc-00000000000000001): no internet gateway is attached: nothing leads in or out, and none bears the topology's tags
         to do: the stack's own gateway is gone: update the stack so that it makes one again; or attach one of yours: aws ec2 attach-internet-gateway --vpc-id vpc-00000000000000001 --internet-gateway-id igw-…
    ");
}

const CLOSED: &str = "version: 1
id: shop
environment: staging
mode: enforce
vpcs:
  main:
    cidr: 10.0.0.0/16
    availability_zones: [a, b]
    internet_gateway: false
    tiers:
      database: { route: isolated, subnets: [10.0.20.0/24, 10.0.21.0/24], public_ips: never }
";

#[test]
fn a_gateway_where_none_may_be_is_detached_after_the_routes_to_it() {
    let mut site = Site::bare(CLOSED);
    let (internet, table) = (site.internet.clone(), site.table("database", "b"));
    site.nets.add_route(&table, "0.0.0.0/0", &internet).unwrap();
    insta::assert_snapshot!(mended(&mut site), @"
    drift
      exposure  main/database-b (rtb-00000000000000014): 0.0.0.0/0 leads to igw-00000000000000003: a way in from the internet that `route: isolated` does not give
      exposure  main (vpc-00000000000000001): internet gateway igw-00000000000000003 is attached, and the topology has none
    steps
      1. main/database-b: remove 0.0.0.0/0 to igw-00000000000000003 from rtb-00000000000000014
         containment; owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
         note: established flows by this route break
      2. detach internet gateway igw-00000000000000003 from main (vpc-00000000000000001)
         containment
         note: what has a public address here is cut off; the gateway itself stays
    ");
    assert!(site.nets.internet_tags.contains_key(&internet), "it is detached, not deleted");
}

#[test]
fn attributes_are_set_as_declared() {
    let mut site = Site::whole();
    site.nets.dns.insert(site.vpc.clone(), (false, false));
    for cidr in ["10.0.0.0/24", "10.0.20.0/24"] {
        let subnet = site.subnet(cidr);
        site.nets.public_on_launch.insert(subnet);
    }
    insta::assert_snapshot!(mended(&mut site), @"
    drift
      exposure  main/public-a (subnet-00000000000000004): what is launched gets a public address, which the internet reaches
      drift     main (vpc-00000000000000001): DNS support: off, and shall be on
      drift     main (vpc-00000000000000001): DNS host names: off, and shall be on
      drift     main/database-a (subnet-00000000000000010): what is launched gets a public address
    steps
      1. main/public-a: give no public addresses to what is launched in subnet-00000000000000004
         containment; owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
         note: what was launched meanwhile keeps its address until it is stopped
      2. switch DNS support of main (vpc-00000000000000001) on
         owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
      3. switch DNS host names of main (vpc-00000000000000001) on
         only if 2 succeeds; owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
      4. main/database-a: give no public addresses to what is launched in subnet-00000000000000010
         owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
    ");
}

#[test]
fn what_is_left_out_is_not_managed() {
    let text = CLOSED.replace("    internet_gateway: false\n", "").replace(", public_ips: never", "");
    let mut site = Site::bare(&text);
    let subnet = site.subnet("10.0.20.0/24");
    site.nets.public_on_launch.insert(subnet);
    site.nets.dns.insert(site.vpc.clone(), (false, false));
    assert!(site.plan().is_empty(), "{}", site.plan());
}

#[test]
fn without_a_word_on_nat_only_the_internet_gateway_is_taken_out_of_its_tiers() {
    let mut site = Site::bare(&document(""));
    site.converge();
    let (internet, table) = (site.internet.clone(), site.table("private", "a"));
    for target in ["tgw-0fedcba9876543210", "eni-0123456789abcdef0"] {
        site.nets.add_route(&table, "0.0.0.0/0", &target.into()).unwrap();
        assert!(site.plan().is_empty(), "{}", site.plan());
        site.nets.remove_route(&table, "0.0.0.0/0").unwrap();
    }
    assert!(site.plan().is_empty(), "nobody said what should be there: {}", site.plan());
    site.nets.add_route(&table, "0.0.0.0/0", &internet).unwrap();
    insta::assert_snapshot!(mended(&mut site), @"
    drift
      exposure  main/private-a (rtb-0000000000000000b): 0.0.0.0/0 leads to igw-00000000000000003: a way in from the internet that `route: nat` does not give
    steps
      1. main/private-a: remove 0.0.0.0/0 to igw-00000000000000003 from rtb-0000000000000000b
         containment; owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
         note: established flows by this route break
    ");
}

#[test]
fn the_default_route_of_a_table_that_a_nat_tier_uses_is_left_to_nat() {
    let mut site = Site::whole();
    let (internet, table) = (site.internet.clone(), site.table("private", "a"));
    site.nets.turn_route(&table, "0.0.0.0/0", &internet).unwrap();
    assert!(site.plan().is_empty(), "{}", site.plan());
    assert_eq!(site.nat_plan().steps.len(), 1, "{}", site.nat_plan());
    // In a database's table, too, while a private subnet uses that.
    let mut site = Site::whole();
    let (database, nat) = (site.table("database", "a"), site.nets.gateways.keys().next().unwrap().clone());
    site.reseat("10.0.10.0/24", &database);
    site.nets.add_route(&database, "0.0.0.0/0", &nat).unwrap();
    let written = |plan: &topology::Plan<Change>| {
        plan.steps.iter().any(|step| match &step.action {
            Change::CreateRoute { table, .. }
            | Change::ReplaceRoute { table, .. }
            | Change::DeleteRoute { table, .. } => table.key.id == database,
            _ => false,
        })
    };
    assert!(!written(&site.plan()), "{}", site.plan());
    site.round(|_, _| {});
    assert!(written(&site.plan()), "once it is gone, the database's table is closed: {}", site.plan());
    site.converge();
}

#[test]
fn nothing_is_done_about_what_is_unknown() {
    let mut site = Site::whole();
    let (internet, table) = (site.internet.clone(), site.table("database", "a"));
    site.nets.add_route(&table, "0.0.0.0/0", &internet).unwrap();
    let own = site.table("database", "b");
    site.unseat("10.0.21.0/24");
    site.nets.drop_table(&own).unwrap();
    let failed = || Unseen::Failed { retryable: true, why: "DescribeSubnets: slow down".into() };
    for part in ["subnets", "tables", "vpc"] {
        let mut observed = site.observed();
        let seen = observed.vpcs.get_mut(&topology::VpcName::from("main")).unwrap();
        match (part, &mut *seen) {
            ("subnets", Seen::Present(vpc)) => vpc.subnets = Seen::Unknown(failed()),
            ("tables", Seen::Present(vpc)) => vpc.tables = Seen::Unknown(failed()),
            _ => *seen = Seen::Unknown(failed()),
        }
        let plan = site.plan_of(&observed);
        assert!(plan.steps.is_empty() && plan.blind.len() == 1, "{part}: {plan}");
    }
    // Without the gateways, what is open is closed all the same, and nothing is attached or detached.
    site.nets.detach_internet(&internet);
    let mut observed = site.observed();
    observed.gateways = Seen::Unknown(failed());
    let plan = site.plan_of(&observed);
    let gateways = plan.steps.iter().filter(|step| step.action.resource().id.as_str().starts_with("vpc-")).count();
    assert_eq!((plan.blind.len(), gateways), (1, 0), "{plan}");
    assert!(plan.steps.iter().any(|step| step.contains), "{plan}");
    let mut observed = site.observed();
    if let Some(Seen::Present(vpc)) = observed.vpcs.get_mut(&topology::VpcName::from("main")) {
        vpc.dns.support = Seen::Unknown(failed());
    }
    assert_eq!(site.plan_of(&observed).blind.len(), 1);
}

#[test]
fn a_vpc_or_a_subnet_that_is_gone_is_told() {
    let mut site = Site::whole();
    let subnet = site.subnet("10.0.20.0/24");
    site.unseat("10.0.20.0/24");
    site.nets.subnets.remove(&subnet);
    let plan = site.plan();
    assert_eq!((plan.steps.len(), plan.held.len(), plan.drifts.len()), (0, 1, 1), "{plan}");
    site.nets.vpcs.clear();
    let plan = site.plan();
    assert_eq!((plan.steps.len(), plan.held.len(), plan.drifts.len()), (0, 1, 1), "{plan}");
}

#[test]
fn a_retired_topology_loses_the_tables_that_were_made_for_it() {
    let mut site = Site::whole();
    let own = site.table("database", "a");
    site.unseat("10.0.20.0/24");
    site.nets.drop_table(&own).unwrap();
    site.converge();
    let (ours, internet, open) = (site.used("10.0.20.0/24"), site.internet.clone(), site.table("database", "b"));
    site.nets.add_route(&open, "0.0.0.0/0", &internet).unwrap();
    site.topology =
        read(&document("    nat: { mode: per-az }\n").replace("mode: enforce", "mode: enforce\nstate: retired"));
    insta::assert_snapshot!(site.plan(), @"
    drift
      drift     main/rtb-0000000000000001a (rtb-0000000000000001a): ours, and the topology is retired
    steps
      1. main/subnet-00000000000000010: take subnet-00000000000000010 off route table rtb-0000000000000001a
         owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
      2. delete the route table rtb-0000000000000001a (main/rtb-0000000000000001a), which nothing uses
         only if 1 succeeds; owned by arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1
    ");
    site.round(|_, _| {});
    assert!(!site.nets.tables.contains_key(&ours));
    assert!(site.plan().is_empty(), "and nothing else is touched: {}", site.plan());
    let mut gone = site.observed();
    gone.vpcs.insert("main".into(), Seen::Absent);
    assert!(site.plan_of(&gone).is_empty(), "it went with its stack: {}", site.plan_of(&gone));
}

#[test]
fn a_topology_that_is_retired_drops_no_subnet_on_an_open_main_table() {
    let mut site = Site::whole();
    let own = site.table("database", "a");
    site.unseat("10.0.20.0/24");
    site.nets.drop_table(&own).unwrap();
    site.converge();
    let (ours, main, internet) = (site.used("10.0.20.0/24"), site.main(), site.internet.clone());
    site.nets.add_route(&main, "0.0.0.0/0", &internet).unwrap();
    site.topology =
        read(&document("    nat: { mode: per-az }\n").replace("mode: enforce", "mode: enforce\nstate: retired"));
    let plan = site.plan();
    assert_eq!((plan.steps.len(), plan.held.len()), (0, 1), "{plan}");
    let close = format!("aws ec2 delete-route --route-table-id {main} --destination-cidr-block 0.0.0.0/0");
    assert!(plan.held[0].remedy.contains(&close), "{plan}");
    site.nets.remove_route(&main, "0.0.0.0/0").unwrap();
    site.round(|_, _| {});
    assert!(!site.nets.tables.contains_key(&ours), "once it is closed, ours goes");
}

#[test]
fn inverses_bring_back_what_was() {
    let mut site = Site::whole();
    let table = site.table("public", "a");
    site.nets.remove_route(&table, "0.0.0.0/0").unwrap();
    let private = site.table("private", "b");
    site.nets.add_route(&private, "10.9.0.0/16", &"tgw-0fedcba9876543210".into()).unwrap();
    site.nets.dns.insert(site.vpc.clone(), (true, false));
    site.unseat("10.0.21.0/24");
    let broken = site.nets.clone();
    let mut inverses = vec![];
    for step in site.plan().steps {
        let receipt = site.nets.apply_routes(&step.action, "t").unwrap();
        inverses.push(step.action.inverse(&receipt));
        let text = serde_json::to_string(&step.action).unwrap();
        assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), step.action);
    }
    assert!(site.plan().is_empty());
    for inverse in inverses.into_iter().rev() {
        let Inverse::Exact(change) = inverse else { panic!("{inverse:?}") };
        site.nets.apply_routes(&change, "u").unwrap();
    }
    assert_eq!((site.nets.tables, site.nets.dns), (broken.tables, broken.dns));
}
