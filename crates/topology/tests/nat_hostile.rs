//! Plans of the `nat` control when others mean ill, or mean well and get in the way: what they do must neither take an address that
//! partners let in, nor hold a way out back, nor pass unseen.
#![allow(clippy::unwrap_used, clippy::panic)] // clippy sees the helpers of tests as production code

mod gateways;

use gateways::{Site, declared};
use insta::assert_snapshot;
use jiff::SignedDuration;
use topology::nat::{Change, Failure, Observed};
use topology::{Plan, ResourceId, Seen, Unseen};

fn production() -> Site {
    Site::whole(declared("production", "{ mode: auto }"))
}

fn steps(plan: &Plan<Change>) -> Vec<String> {
    plan.steps.iter().map(|step| step.action.to_string()).collect()
}

fn unseen() -> Unseen {
    Unseen::Failed { retryable: true, why: "throttled".into() }
}

/// The address of the gateway of a zone.
fn address(site: &Site, zone: &str) -> ResourceId {
    site.nets.gateways[&site.gateway(zone)].allocation.clone().unwrap()
}

fn lose(site: &mut Site, zone: &str) {
    for id in site.gateways(zone) {
        site.nets.delete_gateway(&id).unwrap();
    }
    site.nets.arrive();
}

#[test]
fn an_address_that_was_ours_and_is_declared_now_is_never_released() {
    for declaration in ["{ a: ALLOCATION }", "{ a: { tag: plumbline:vpc=main } }"] {
        let mut site = Site::whole(declared("staging", "{ mode: single }"));
        let partner = address(&site, "a");
        let nat = format!(
            "{{ mode: single, addresses: {} }}",
            declaration.replace("ALLOCATION", "eipalloc-0123456789abcdef0")
        );
        site.desired = declared("staging", &nat);
        if declaration.contains("ALLOCATION") {
            let known = topology::nat::DesiredAddress::Allocation(partner.clone());
            site.desired.vpcs.values_mut().for_each(|vpc| {
                vpc.addresses.insert("a".into(), known.clone());
            });
        }
        assert!(site.plan().is_empty(), "{}", site.plan());
        // It is lost, and where it stood nothing can stand now.
        lose(&mut site, "a");
        site.nets.detach_internet(&site.internet.clone());
        site.converge();
        assert!(
            site.nets.addresses.contains_key(&partner),
            "{declaration}: the address that the document names is gone"
        );
        site.desired.vpcs.values_mut().for_each(|vpc| vpc.gateways = topology::nat::Gateways::None);
        site.converge();
        assert!(
            site.nets.addresses.contains_key(&partner),
            "{declaration}: the address that the document names is gone"
        );
    }
}

#[test]
fn somebody_else_s_gateway_does_not_cost_the_address_that_partners_let_in() {
    let mut site = production();
    let partner = address(&site, "b");
    lose(&mut site, "b");
    let theirs = site.foreign("b");
    site.converge();
    assert_eq!(site.route("b"), Some(theirs.clone()), "it counts");
    assert!(site.nets.addresses.contains_key(&partner), "ours is kept for the day on which theirs goes");
    assert!(site.plan().is_empty(), "{}", site.plan());
    assert_snapshot!(site.plan(), @"
    in sync: nothing to do
    note
      main: 203.0.113.21 (eipalloc-00000000000000015) is kept for main/nat-b, which somebody else's gateway serves
    ");
    site.nets.delete_gateway(&theirs).unwrap();
    site.nets.arrive();
    site.converge();
    assert_eq!(address(&site, "b"), partner);
}

#[test]
fn tags_that_were_changed_do_not_cost_an_address() {
    let tampers: [fn(&mut std::collections::BTreeMap<String, String>); 3] = [
        |tags| drop(tags.insert("plumbline:zone".into(), "z".into())),
        |tags| drop(tags.remove("plumbline:zone")),
        |tags| drop(tags.remove("plumbline:topology")),
    ];
    for (at, tamper) in tampers.into_iter().enumerate() {
        let mut site = production();
        let partner = address(&site, "b");
        tamper(&mut site.nets.addresses.get_mut(&partner).unwrap().tags);
        lose(&mut site, "b");
        site.converge();
        assert_eq!(address(&site, "b"), partner, "{at}: the replacement of a lost gateway has its address");
    }
}

#[test]
fn failures_of_somebody_else_hold_nothing_back() {
    let mut site = production();
    for _ in 0..4 {
        site.nets.failures.push_back(Failure { code: "Gateway.NotAttached".into(), message: String::new() });
        site.nets.address_quota = 50;
        site.foreign("b");
    }
    lose(&mut site, "b");
    let plan = site.plan();
    assert!(plan.held.is_empty(), "{plan}");
    site.look();
    site.nets.arrive();
    let live = site.gateways("b").into_iter().filter(|id| site.nets.gateways[id].failure.is_none()).count();
    assert_eq!(live, 1, "{}", site.plan());
}

#[test]
fn nothing_is_deleted_while_a_part_is_not_seen() {
    let blind: [fn(&mut Observed); 2] =
        [|observed| observed.addresses = Seen::Unknown(unseen()), |observed| observed.away = Seen::Unknown(unseen())];
    for (at, blind) in blind.into_iter().enumerate() {
        // A gateway stands in for a zone that AWS moves traffic away from.
        let mut site = Site::whole(declared("staging", "{ mode: single }"));
        site.nets.away.insert(twin::zone_id("a"));
        site.look();
        let removals = |site: &Site| {
            let mut observed = site.observed();
            blind(&mut observed);
            let plan = site.plan_on(&observed);
            let removes =
                |change: &Change| matches!(change, Change::DeleteGateway { .. } | Change::ReleaseAddress { .. });
            let steps: Vec<String> = plan
                .steps
                .iter()
                .map(|step| &step.action)
                .filter(|change| removes(change))
                .map(ToString::to_string)
                .collect();
            steps
        };
        assert_eq!(removals(&site), [""; 0], "{at}: what stands in");
        // A gateway with the address that is declared now replaces one that has another.
        let mut site = Site::whole(declared("staging", "{ mode: single }"));
        site.nets.allocate([("Name".into(), "partner".into())].into()).unwrap();
        site.desired = declared("staging", "{ mode: single, addresses: { a: { tag: Name=partner } } }");
        site.look();
        site.nets.arrive();
        assert_eq!(removals(&site), [""; 0], "{at}: what has the declared address");
    }
}

#[test]
fn a_stray_subnet_on_their_table_holds_nothing_back() {
    const STACK: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/network/1";
    let mut site = production();
    let tables = site.nets.tables.values_mut().filter(|table| !table.main).map(|table| &mut table.tags);
    for tags in tables.chain(site.nets.subnets.values_mut().map(|subnet| &mut subnet.tags)) {
        tags.insert(twin::STACK_TAG.into(), STACK.into());
    }
    let (own, gateway) = (site.table("a"), site.gateway("a"));
    let stray = site.nets.create_subnet(&site.vpc.clone(), "10.0.99.0/24", "a").unwrap();
    site.nets.associate(&own, &stray).unwrap();
    let plan = site.plan();
    assert!(plan.is_empty() && plan.notes.iter().any(|note| note.contains(stray.as_str())), "{plan}");
    for target in [site.internet.clone(), "cagw-0123456789abcdef0".into()] {
        site.nets.tables.get_mut(&own).unwrap().default = Some((target.clone(), true));
        let plan = site.plan();
        let closed = format!("main/private-a: move 0.0.0.0/0 in {own} from {target} to {gateway}");
        assert_eq!(steps(&plan), [closed], "{plan}");
        assert!(plan.steps[0].contains && plan.held.is_empty(), "{plan}");
    }
    site.nets.delete_route(&own).unwrap();
    assert_eq!(steps(&site.plan()), [format!("main/private-a: route 0.0.0.0/0 in {own} to {gateway}")]);
    // One that the same stack holds may have been given this table by it.
    site.nets.subnets.get_mut(&stray).unwrap().tags.insert(twin::STACK_TAG.into(), STACK.into());
    let plan = site.plan();
    assert_eq!((steps(&plan).len(), plan.held.len()), (0, 1), "{plan}");
}

#[test]
fn a_black_hole_is_nobody_s_decision() {
    for target in ["eni-0123456789abcdef0", "nothing"] {
        let mut site = production();
        let table = site.table("b");
        site.nets.tables.get_mut(&table).unwrap().default = Some((target.into(), true));
        let mut observed = site.observed();
        let Some(Seen::Present(vpc)) = observed.vpcs.get_mut("main") else { panic!("no VPC") };
        let Seen::Present(tables) = &mut vpc.tables else { panic!("no tables") };
        let route = tables.iter_mut().find(|seen| seen.id == table).and_then(|seen| seen.default.as_mut()).unwrap();
        route.blackhole = true;
        let plan = site.plan_on(&observed);
        let back = format!("main/private-b: move 0.0.0.0/0 in {table} from {target} to {}", site.gateway("b"));
        assert_eq!(steps(&plan), [back], "{plan}");
        assert!(plan.held.is_empty(), "{plan}");
    }
}

#[test]
fn what_keeps_a_gateway_that_is_not_declared_is_said() {
    let mut site = production();
    // Somebody leads a subnet of their own through it.
    let subnet = site.nets.create_subnet(&site.vpc.clone(), "10.0.99.0/24", "b").unwrap();
    let table = site.nets.create_table(&site.vpc.clone()).unwrap();
    site.nets.associate(&table, &subnet).unwrap();
    let gateway = site.gateway("b");
    site.nets.create_route(&table, &gateway).unwrap();
    site.desired = declared("staging", "{ mode: auto }");
    site.converge();
    let plan = site.plan();
    assert_eq!(steps(&plan), [""; 0]);
    assert_snapshot!(plan, @"
    drift
      drift     main/nat-b (nat-00000000000000018): it is not declared
    held
      main/nat-b (nat-00000000000000018): it is not declared, and routes of others lead to it, in rtb-0000000000000001b
         to do: remove these routes, then it is deleted
    note
      main: -$38.69 a month (1 NAT gateway fewer at $0.048 an hour, 1 public address fewer at $0.005 an hour; the data that goes through is billed apart)
    ");
}

#[test]
fn ours_without_its_tags_is_said_when_it_is_not_needed() {
    let mut site = production();
    let gateway = site.gateway("b");
    let address = address(&site, "b");
    site.nets.gateways.get_mut(&gateway).unwrap().tags.clear();
    site.nets.addresses.get_mut(&address).unwrap().tags.clear();
    assert!(site.plan().is_empty(), "it works: {}", site.plan());
    site.desired = declared("staging", "{ mode: auto }");
    site.converge();
    assert_eq!(site.gateway("b"), gateway, "the tag is not there: it is not deleted");
    assert_snapshot!(site.plan(), @"
    drift
      advice    main/nat-b (nat-00000000000000018): it is not declared; it is ours by the ledger, and its tags do not say so (any more): it is never deleted (if nobody needs it: aws ec2 delete-nat-gateway --nat-gateway-id nat-00000000000000018)
    ");
}

#[test]
fn a_gateway_that_has_another_address_than_the_declared_one_works() {
    let mut site = Site::whole(declared("staging", "{ mode: single }"));
    let other = site.nets.allocate([("Name".into(), "partner".into())].into()).unwrap();
    site.nets.addresses.get_mut(&other).unwrap().user = Some("i-0123456789abcdef0".into());
    site.desired = declared("staging", "{ mode: single, addresses: { a: { tag: Name=partner } } }");
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/nat-a (vpc-00000000000000001): zone a has nat-00000000000000015, which works and has not the address that is declared
      drift     main/nat-a (nat-00000000000000015): it has not the address that is declared for zone a: it goes once another one has, and nothing leads to it
    held
      main/nat-a (vpc-00000000000000001): 203.0.113.22 (eipalloc-00000000000000016) is declared for the gateway, and i-0123456789abcdef0 uses it
         to do: free it (aws ec2 disassociate-address --association-id eipassoc-i-0123456789abcdef0), or name another under `nat.addresses`
    note
      main: -$3.65 a month (1 public address fewer at $0.005 an hour; the data that goes through is billed apart)
    ");
    // Two zones shall swap their addresses: each has what the other one needs.
    let mut site = production();
    let (a, b) = (address(&site, "a"), address(&site, "b"));
    site.desired.vpcs.values_mut().for_each(|vpc| {
        vpc.addresses.insert("a".into(), topology::nat::DesiredAddress::Allocation(b.clone()));
        vpc.addresses.insert("b".into(), topology::nat::DesiredAddress::Allocation(a.clone()));
    });
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/nat-a (vpc-00000000000000001): zone a has nat-00000000000000017, which works and has not the address that is declared
      drift     main/nat-b (vpc-00000000000000001): zone b has nat-00000000000000018, which works and has not the address that is declared
      drift     main/nat-a (nat-00000000000000017): it has not the address that is declared for zone a: it goes once another one has, and nothing leads to it
      drift     main/nat-b (nat-00000000000000018): it has not the address that is declared for zone b: it goes once another one has, and nothing leads to it
    held
      main/nat-a (vpc-00000000000000001): 203.0.113.21 (eipalloc-00000000000000015) is declared for the gateway, and nat-00000000000000018 uses it
         to do: name another under `nat.addresses`, or take that gateway away (its routes move to another one first): aws ec2 delete-nat-gateway --nat-gateway-id nat-00000000000000018
      main/nat-b (vpc-00000000000000001): 203.0.113.20 (eipalloc-00000000000000014) is declared for the gateway, and nat-00000000000000017 uses it
         to do: name another under `nat.addresses`, or take that gateway away (its routes move to another one first): aws ec2 delete-nat-gateway --nat-gateway-id nat-00000000000000017
    ");
}

#[test]
fn a_way_out_through_somebody_else_s_gateway_beside_ours_is_said() {
    let mut site = production();
    let theirs = site.foreign("b");
    let table = site.table("b");
    site.nets.replace_route(&table, &theirs).unwrap();
    let plan = site.plan();
    assert_eq!(steps(&plan), [""; 0], "it works, and a move would cut flows");
    assert_snapshot!(plan, @"
    in sync: nothing to do
    note
      main/private-b: it goes out through nat-0000000000000001b (203.0.113.26), which Plumbline did not make, and nat-00000000000000018 of ours (203.0.113.21) stands beside it; if that is not meant: aws ec2 replace-route --route-table-id rtb-0000000000000000d --destination-cidr-block 0.0.0.0/0 --nat-gateway-id nat-00000000000000018
    ");
}

#[test]
fn a_shift_that_nobody_can_see_brings_no_route_back() {
    let mut site = Site::whole(declared("staging", "{ mode: per-az }"));
    // A gateway that is young: it was declared within the day.
    let mut young = Site::bare(declared("staging", "{ mode: per-az }"));
    young.converge();
    for site in [&mut site, &mut young] {
        site.nets.away.insert(twin::zone_id("b"));
        site.look();
        assert_eq!(site.exits(), "a: a, b: a, c: c");
        site.nets.pass(SignedDuration::from_mins(20));
        let mut observed = site.observed();
        observed.away = Seen::Unknown(unseen());
        let plan = site.plan_on(&observed);
        assert_eq!(steps(&plan), [""; 0], "{plan}");
        site.nets.away.clear();
        site.nets.pass(SignedDuration::from_mins(20));
        site.look();
        assert_eq!(site.exits(), "a: a, b: b, c: c", "it is over");
    }
    // AWS does not say since when it is over: a route that was moved a moment ago is not moved back at once.
    site.nets.away.insert(twin::zone_id("b"));
    site.look();
    site.nets.away.clear();
    site.nets.pass(SignedDuration::from_mins(1));
    assert_eq!(steps(&site.plan()), [""; 0], "{}", site.plan());
    site.nets.pass(SignedDuration::from_mins(15));
    site.look();
    assert_eq!(site.exits(), "a: a, b: b, c: c", "it is over");
}

#[test]
fn a_gateway_that_stays_pending_is_held_for_a_person() {
    let mut site = Site::bare(declared("staging", "{ mode: single }"));
    site.look();
    assert!(site.plan().wait.is_some());
    site.nets.pass(SignedDuration::from_mins(16));
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-a (rtb-00000000000000008): no route leads out: there is no default route
      drift     main/private-b (rtb-0000000000000000d): no route leads out: there is no default route
      drift     main/private-c (rtb-00000000000000012): no route leads out: there is no default route
      drift     main/nat-a (nat-00000000000000015): it has been pending since 2026-11-23T03:00:00Z
    held
      main/nat-a (nat-00000000000000015): AWS has not finished it since 2026-11-23T03:00:00Z: a NAT gateway takes minutes
         to do: see the AWS Health Dashboard; to have another one made: aws ec2 delete-nat-gateway --nat-gateway-id nat-00000000000000015
    ");
}

#[test]
fn what_nobody_called_for_is_no_sign_of_a_silent_trail() {
    let drifts = |site: &Site| {
        let plan = site.plan();
        assert!(!plan.steps.is_empty(), "{plan}");
        let told = plan.drifts.into_iter().filter(|drift| drift.severity > topology::Severity::Advice);
        told.map(|drift| drift.summary).collect::<Vec<_>>()
    };
    // A zone is left, by order of a person or of AWS; and its time is over.
    let mut site = Site::whole(declared("staging", "{ mode: single }"));
    let mut zones = production();
    zones.order("b", SignedDuration::from_hours(1));
    assert_eq!(drifts(&zones), [""; 0]);
    site.order("a", SignedDuration::from_hours(1));
    site.converge();
    site.nets.pass(SignedDuration::from_hours(2));
    for _ in 0..6 {
        if !site.plan().steps.is_empty() {
            assert_eq!(drifts(&site), [""; 0]);
        }
        site.look();
        site.nets.arrive();
    }
    assert!(site.plan().is_empty(), "{}", site.plan());
    // The maintenance window opens.
    lose(&mut zones, "c");
    zones.converge();
    zones.nets.pass("2026-11-29T02:00:00Z".parse::<jiff::Timestamp>().unwrap().duration_since(zones.nets.now));
    assert_eq!(drifts(&zones), [""; 0]);
}

#[test]
fn zones_that_are_left_together_lose_nothing() {
    let mut site = production();
    for zone in ["b", "c"] {
        site.order(zone, SignedDuration::from_hours(1));
    }
    site.look();
    assert_eq!(site.exits(), "a: a, b: a, c: a");
    lose(&mut site, "a");
    site.look();
    assert!(!site.exits().contains("none") && !site.exits().contains("nat-"), "better than none: {}", site.exits());
    site.converge();
    assert_eq!(site.exits(), "a: a, b: a, c: a", "{}", site.plan());
    // All of them: nothing is better, so nothing moves, and nothing goes.
    let mut site = production();
    for zone in ["a", "b", "c"] {
        site.order(zone, SignedDuration::from_hours(1));
    }
    assert_eq!(site.converge(), [""; 0]);
    assert_eq!(site.exits(), "a: a, b: b, c: c");
}
