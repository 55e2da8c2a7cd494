//! Plans of the `nat` control as a person reads them: a network that was whole, one thing changed.
#![allow(clippy::unwrap_used, clippy::panic)] // clippy sees the helpers of tests as production code

mod gateways;

use gateways::{Crash, Site, declared, declared_with};
use insta::assert_snapshot;
use jiff::SignedDuration;
use topology::nat::{Change, Nat};
use topology::{Action, Control, Inverse, Receipt, Seen, Unseen};

fn production() -> Site {
    Site::whole(declared("production", "{ mode: auto }"))
}

fn staging() -> Site {
    Site::whole(declared("staging", "{ mode: auto }"))
}

fn lines(made: Vec<String>) -> String {
    made.join("\n")
}

#[test]
fn a_bare_network_gets_its_gateways_and_its_routes() {
    let mut site = Site::bare(declared("production", "{ mode: auto }"));
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-a (rtb-00000000000000008): no route leads out: there is no default route
      drift     main/private-b (rtb-0000000000000000d): no route leads out: there is no default route
      drift     main/private-c (rtb-00000000000000012): no route leads out: there is no default route
      drift     main/nat-a (vpc-00000000000000001): zone a has no NAT gateway that works
      drift     main/nat-b (vpc-00000000000000001): zone b has no NAT gateway that works
      drift     main/nat-c (vpc-00000000000000001): zone c has no NAT gateway that works
    steps
      1. allocate an address for main/nat-a
         note: address number 1 of the account in the Region (the quota is 5 unless it was raised)
      2. allocate an address for main/nat-b
         note: address number 2 of the account in the Region (the quota is 5 unless it was raised)
      3. allocate an address for main/nat-c
         note: address number 3 of the account in the Region (the quota is 5 unless it was raised)
    note
      main: +$116.07 a month (3 NAT gateways more at $0.048 an hour, 3 public addresses more at $0.005 an hour; the data that goes through is billed apart)
    ");
    assert_snapshot!(lines(site.look()), @"
    allocate an address for main/nat-a
    allocate an address for main/nat-b
    allocate an address for main/nat-c
    create main/nat-a in subnet-00000000000000005 with eipalloc-00000000000000014
    create main/nat-b in subnet-0000000000000000a with eipalloc-00000000000000015
    create main/nat-c in subnet-0000000000000000f with eipalloc-00000000000000016
    ");
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-a (rtb-00000000000000008): no route leads out: there is no default route
      drift     main/private-b (rtb-0000000000000000d): no route leads out: there is no default route
      drift     main/private-c (rtb-00000000000000012): no route leads out: there is no default route
    waiting until 2026-11-23T03:00:01Z: main/nat-a (nat-00000000000000017) is on its way; main/nat-b (nat-00000000000000018) is on its way; main/nat-c (nat-00000000000000019) is on its way
    ");
    site.nets.arrive();
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-a (rtb-00000000000000008): no route leads out: there is no default route
      drift     main/private-b (rtb-0000000000000000d): no route leads out: there is no default route
      drift     main/private-c (rtb-00000000000000012): no route leads out: there is no default route
    steps
      1. main/private-a: route 0.0.0.0/0 in rtb-00000000000000008 to nat-00000000000000017
      2. main/private-b: route 0.0.0.0/0 in rtb-0000000000000000d to nat-00000000000000018
         after 1
      3. main/private-c: route 0.0.0.0/0 in rtb-00000000000000012 to nat-00000000000000019
         after 2
    ");
    site.look();
    assert!(site.plan().is_empty());
    assert_eq!(site.exits(), "a: a, b: b, c: c");
}

#[test]
fn a_lost_gateway_fails_over_at_once_and_its_address_comes_back() {
    let mut site = production();
    let lost = site.gateway("b");
    let address = site.nets.gateways[&lost].allocation.clone();
    site.nets.delete_gateway(&lost).unwrap();
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-b (rtb-0000000000000000d): it leads to nat-00000000000000018, which is gone; nat-00000000000000017 in zone a works
      drift     main/nat-b (nat-00000000000000018): zone b has no NAT gateway that works: nat-00000000000000018 is being deleted
    steps
      1. main/private-b: move 0.0.0.0/0 in rtb-0000000000000000d from nat-00000000000000018 to nat-00000000000000017
         note: established flows break, and the source address changes from 203.0.113.21 to 203.0.113.20
    waiting until 2026-11-27T07:01:01Z: nat-00000000000000018 gives its address back when it is gone
    note
      main: +$35.04 a month (1 NAT gateway more at $0.048 an hour; the data that goes through is billed apart)
    ");
    assert_snapshot!(lines(site.look()), @"main/private-b: move 0.0.0.0/0 in rtb-0000000000000000d from nat-00000000000000018 to nat-00000000000000017");
    assert_eq!(site.exits(), "a: a, b: a, c: c");
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/nat-b (nat-00000000000000018): zone b has no NAT gateway that works: nat-00000000000000018 is being deleted
    waiting until 2026-11-27T07:01:01Z: nat-00000000000000018 gives its address back when it is gone
    note
      main: +$35.04 a month (1 NAT gateway more at $0.048 an hour; the data that goes through is billed apart)
    ");
    site.nets.arrive();
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/nat-b (nat-00000000000000018): zone b has no NAT gateway that works: nat-00000000000000018 is deleted
    steps
      1. create main/nat-b in subnet-0000000000000000a with eipalloc-00000000000000015
    note
      main: +$35.04 a month (1 NAT gateway more at $0.048 an hour; the data that goes through is billed apart)
    ");
    site.look();
    let new = site.gateway("b");
    assert_eq!(site.nets.gateways[&new].allocation, address, "partners know the address");
    site.nets.arrive();
    // It is Monday, and the window is on Sunday.
    assert_snapshot!(site.plan(), @"
    drift
      advice    main/private-b (rtb-0000000000000000d): it goes out through nat-00000000000000017 of zone a, not through nat-0000000000000001a of zone b; it goes back in the maintenance window that opens at 2026-11-29T02:00:00Z, or when a person runs it by hand
    ");
    assert_eq!(site.look(), [""; 0], "a route that works waits for its hour");
    site.by_hand = true;
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-b (rtb-0000000000000000d): it goes out through nat-00000000000000017 of zone a, not through nat-0000000000000001a of zone b
    steps
      1. main/private-b: move 0.0.0.0/0 in rtb-0000000000000000d from nat-00000000000000017 to nat-0000000000000001a
         note: established flows break, and the source address changes from 203.0.113.20 to 203.0.113.21
    ");
    site.by_hand = false;
    site.nets.pass("2026-11-29T02:00:00Z".parse::<jiff::Timestamp>().unwrap().duration_since(site.nets.now));
    assert_snapshot!(site.plan(), @"
    drift
      advice    main/private-b (rtb-0000000000000000d): it goes out through nat-00000000000000017 of zone a, not through nat-0000000000000001a of zone b
    steps
      1. main/private-b: move 0.0.0.0/0 in rtb-0000000000000000d from nat-00000000000000017 to nat-0000000000000001a
         note: established flows break, and the source address changes from 203.0.113.20 to 203.0.113.21
    ");
    site.look();
    assert!(site.plan().is_empty(), "{}", site.plan());
    assert_eq!(site.exits(), "a: a, b: b, c: c");
}

#[test]
fn outside_production_routes_go_back_after_the_hold_down() {
    let mut site = Site::whole(declared("staging", "{ mode: per-az, fail_back_after: 10 minutes }"));
    let lost = site.gateway("b");
    site.nets.delete_gateway(&lost).unwrap();
    site.look();
    site.nets.arrive();
    site.look();
    site.nets.arrive();
    site.nets.pass(SignedDuration::from_mins(9));
    assert_snapshot!(site.plan(), @"
    drift
      advice    main/private-b (rtb-0000000000000000d): it goes out through nat-00000000000000017 of zone a, not through nat-0000000000000001a of zone b; it goes back at 2026-11-27T07:11:00Z, after nat-0000000000000001a was watched for a while
    waiting until 2026-11-27T07:11:00Z: main/private-b: it goes out through nat-00000000000000017 of zone a, not through nat-0000000000000001a of zone b; it goes back at 2026-11-27T07:11:00Z, after nat-0000000000000001a was watched for a while
    ");
    site.nets.pass(SignedDuration::from_mins(1));
    let mut blind = site.observed();
    blind.away = Seen::Unknown(Unseen::Failed { retryable: true, why: "throttled".into() });
    let plan = site.plan_on(&blind);
    assert!(plan.steps.is_empty() && !plan.blind.is_empty(), "AWS may be leaving that very zone: {plan}");
    site.look();
    assert!(site.plan().is_empty(), "{}", site.plan());
    assert_eq!(site.exits(), "a: a, b: b, c: c");
}

#[test]
fn a_single_gateway_that_is_lost_leaves_nothing_to_fail_over_to() {
    let mut site = staging();
    site.nets.delete_gateway(&site.gateway("a")).unwrap();
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-a (rtb-00000000000000008): it leads to nat-00000000000000015, which is gone, and no other NAT gateway works: there is no way out
      drift     main/private-b (rtb-0000000000000000d): it leads to nat-00000000000000015, which is gone, and no other NAT gateway works: there is no way out
      drift     main/private-c (rtb-00000000000000012): it leads to nat-00000000000000015, which is gone, and no other NAT gateway works: there is no way out
      drift     main/nat-a (nat-00000000000000015): zone a has no NAT gateway that works: nat-00000000000000015 is being deleted
    waiting until 2026-11-27T07:01:01Z: nat-00000000000000015 gives its address back when it is gone
    note
      main: +$35.04 a month (1 NAT gateway more at $0.048 an hour; the data that goes through is billed apart)
    ");
    let made = site.converge();
    assert_snapshot!(lines(made), @"
    create main/nat-a in subnet-00000000000000005 with eipalloc-00000000000000014
    main/private-a: move 0.0.0.0/0 in rtb-00000000000000008 from nat-00000000000000015 to nat-00000000000000016
    main/private-b: move 0.0.0.0/0 in rtb-0000000000000000d from nat-00000000000000015 to nat-00000000000000016
    main/private-c: move 0.0.0.0/0 in rtb-00000000000000012 from nat-00000000000000015 to nat-00000000000000016
    ");
    assert_eq!(site.exits(), "a: a, b: a, c: a");
}

#[test]
fn from_staging_to_production_and_back() {
    let mut site = staging();
    site.desired = declared("production", "{ mode: auto }");
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/nat-b (vpc-00000000000000001): zone b has no NAT gateway that works
      drift     main/nat-c (vpc-00000000000000001): zone c has no NAT gateway that works
    steps
      1. allocate an address for main/nat-b
         note: address number 2 of the account in the Region (the quota is 5 unless it was raised)
      2. allocate an address for main/nat-c
         note: address number 3 of the account in the Region (the quota is 5 unless it was raised)
    note
      main: +$77.38 a month (2 NAT gateways more at $0.048 an hour, 2 public addresses more at $0.005 an hour; the data that goes through is billed apart)
    ");
    assert_snapshot!(lines(site.converge()), @"
    allocate an address for main/nat-b
    allocate an address for main/nat-c
    create main/nat-b in subnet-0000000000000000a with eipalloc-00000000000000016
    create main/nat-c in subnet-0000000000000000f with eipalloc-00000000000000017
    main/private-b: move 0.0.0.0/0 in rtb-0000000000000000d from nat-00000000000000015 to nat-00000000000000018
    main/private-c: move 0.0.0.0/0 in rtb-00000000000000012 from nat-00000000000000015 to nat-00000000000000019
    ");
    assert!(site.plan().is_empty(), "{}", site.plan());
    assert_eq!(site.exits(), "a: a, b: b, c: c");
    site.desired = declared("staging", "{ mode: auto }");
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-b (rtb-0000000000000000d): it goes out through nat-00000000000000018 of zone b, not through nat-00000000000000015 of zone a
      drift     main/private-c (rtb-00000000000000012): it goes out through nat-00000000000000019 of zone c, not through nat-00000000000000015 of zone a
      drift     main/nat-b (nat-00000000000000018): it is not declared
      drift     main/nat-c (nat-00000000000000019): it is not declared
    steps
      1. main/private-b: move 0.0.0.0/0 in rtb-0000000000000000d from nat-00000000000000018 to nat-00000000000000015
         note: established flows break, and the source address changes from 203.0.113.22 to 203.0.113.20
      2. main/private-c: move 0.0.0.0/0 in rtb-00000000000000012 from nat-00000000000000019 to nat-00000000000000015
         after 1
         note: established flows break, and the source address changes from 203.0.113.23 to 203.0.113.20
    note
      main: -$77.38 a month (2 NAT gateways fewer at $0.048 an hour, 2 public addresses fewer at $0.005 an hour; the data that goes through is billed apart)
    ");
    assert_snapshot!(lines(site.converge()), @"
    main/private-b: move 0.0.0.0/0 in rtb-0000000000000000d from nat-00000000000000018 to nat-00000000000000015
    main/private-c: move 0.0.0.0/0 in rtb-00000000000000012 from nat-00000000000000019 to nat-00000000000000015
    delete main/nat-b (nat-00000000000000018)
    delete main/nat-c (nat-00000000000000019)
    release the address of main/nat-b (203.0.113.22, eipalloc-00000000000000016)
    release the address of main/nat-c (203.0.113.23, eipalloc-00000000000000017)
    ");
    assert!(site.plan().is_empty(), "{}", site.plan());
    assert_eq!(site.exits(), "a: a, b: a, c: a");
    assert_eq!(site.nets.addresses.len(), 1);
    // And at once again: what we took away ourselves is no loss, so that nothing waits for a window.
    site.desired = declared("production", "{ mode: auto }");
    site.converge();
    assert!(site.plan().is_empty(), "{}", site.plan());
    assert_eq!(site.exits(), "a: a, b: b, c: c");
}

#[test]
fn a_gateway_that_is_not_declared_any_more_is_left_at_once_even_for_a_replacement() {
    let mut site = production();
    site.nets.delete_gateway(&site.gateway("a")).unwrap();
    site.converge();
    site.by_hand = true;
    site.converge();
    site.by_hand = false;
    assert_eq!(site.exits(), "a: a, b: b, c: c");
    site.desired = declared("staging", "{ mode: auto }");
    site.converge();
    assert_eq!(site.exits(), "a: a, b: a, c: a");
    assert!(site.plan().is_empty(), "{}", site.plan());
}

#[test]
fn a_gateway_that_fails_is_cleaned_away_and_tried_again_later() {
    let mut site = Site::bare(declared("staging", "{ mode: single }"));
    let failure = topology::nat::Failure {
        code: "InsufficientFreeAddressesInSubnet".into(),
        message: "Subnet has insufficient free addresses".into(),
    };
    site.nets.failures.extend([failure.clone(), failure.clone(), failure.clone(), failure]);
    site.look();
    site.nets.arrive();
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-a (rtb-00000000000000008): no route leads out: there is no default route
      drift     main/private-b (rtb-0000000000000000d): no route leads out: there is no default route
      drift     main/private-c (rtb-00000000000000012): no route leads out: there is no default route
      drift     main/nat-a (vpc-00000000000000001): zone a has no NAT gateway that works
      advice    main/nat-a (nat-00000000000000015): it failed: InsufficientFreeAddressesInSubnet (Subnet has insufficient free addresses)
    steps
      1. delete main/nat-a (nat-00000000000000015)
         note: it failed: InsufficientFreeAddressesInSubnet (Subnet has insufficient free addresses)
    waiting until 2026-11-23T03:00:30Z: main/nat-a failed with InsufficientFreeAddressesInSubnet (Subnet has insufficient free addresses); the next try is at 2026-11-23T03:00:30Z
    note
      main: +$35.04 a month (1 NAT gateway more at $0.048 an hour; the data that goes through is billed apart)
    ");
    site.look();
    site.nets.arrive();
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-a (rtb-00000000000000008): no route leads out: there is no default route
      drift     main/private-b (rtb-0000000000000000d): no route leads out: there is no default route
      drift     main/private-c (rtb-00000000000000012): no route leads out: there is no default route
      drift     main/nat-a (vpc-00000000000000001): zone a has no NAT gateway that works
    waiting until 2026-11-23T03:00:30Z: main/nat-a failed with InsufficientFreeAddressesInSubnet (Subnet has insufficient free addresses); the next try is at 2026-11-23T03:00:30Z
    note
      main: +$35.04 a month (1 NAT gateway more at $0.048 an hour; the data that goes through is billed apart)
    ");
    site.nets.pass(SignedDuration::from_secs(30));
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-a (rtb-00000000000000008): no route leads out: there is no default route
      drift     main/private-b (rtb-0000000000000000d): no route leads out: there is no default route
      drift     main/private-c (rtb-00000000000000012): no route leads out: there is no default route
      drift     main/nat-a (vpc-00000000000000001): zone a has no NAT gateway that works
    steps
      1. create main/nat-a in subnet-00000000000000005 with eipalloc-00000000000000014
    note
      main: +$35.04 a month (1 NAT gateway more at $0.048 an hour; the data that goes through is billed apart)
    ");
    for _ in 0..3 {
        site.look();
        site.nets.arrive();
        site.look();
        site.nets.arrive();
        site.nets.pass(SignedDuration::from_mins(4));
    }
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-a (rtb-00000000000000008): no route leads out: there is no default route
      drift     main/private-b (rtb-0000000000000000d): no route leads out: there is no default route
      drift     main/private-c (rtb-00000000000000012): no route leads out: there is no default route
      drift     main/nat-a (vpc-00000000000000001): zone a has no NAT gateway that works
    held
      main/nat-a (vpc-00000000000000001): 4 gateways failed within the hour, the last with InsufficientFreeAddressesInSubnet (Subnet has insufficient free addresses)
         to do: free a private address in the public subnet: each gateway needs one
    note
      main: +$35.04 a month (1 NAT gateway more at $0.048 an hour; the data that goes through is billed apart)
    ");
    site.nets.pass(SignedDuration::from_hours(1));
    site.converge();
    assert!(site.plan().is_empty(), "{}", site.plan());
    assert_eq!(site.nets.addresses.len(), 1, "the same address all the time");
}

#[test]
fn what_a_quota_refuses_is_held_with_the_number_that_is_needed() {
    let mut site = Site::bare(declared("production", "{ mode: auto }"));
    for _ in 0..4 {
        site.nets.allocate(Default::default()).unwrap();
    }
    assert_snapshot!(lines(site.look()), @"
    allocate an address for main/nat-a
    allocate an address for main/nat-b: AddressLimitExceeded
    allocate an address for main/nat-c: AddressLimitExceeded
    create main/nat-a in subnet-00000000000000005 with eipalloc-00000000000000018
    ");
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-a (rtb-00000000000000008): no route leads out: there is no default route
      drift     main/private-b (rtb-0000000000000000d): no route leads out: there is no default route
      drift     main/private-c (rtb-00000000000000012): no route leads out: there is no default route
      drift     main/nat-b (vpc-00000000000000001): zone b has no NAT gateway that works
      drift     main/nat-c (vpc-00000000000000001): zone c has no NAT gateway that works
    held
      main/nat-b (vpc-00000000000000001): AWS refused an address lately: main/nat-b needs one, and the account has 5 in the Region
         to do: if it is the quota of Elastic IP addresses (L-0263D0A3), raise it to 7 at least; then run it by hand, or wait for the next sweep
      main/nat-c (vpc-00000000000000001): AWS refused an address lately: main/nat-c needs one, and the account has 5 in the Region
         to do: if it is the quota of Elastic IP addresses (L-0263D0A3), raise it to 7 at least; then run it by hand, or wait for the next sweep
    waiting until 2026-11-23T03:00:01Z: main/nat-a (nat-00000000000000019) is on its way
    note
      main: +$77.38 a month (2 NAT gateways more at $0.048 an hour, 2 public addresses more at $0.005 an hour; the data that goes through is billed apart)
    ");
    site.by_hand = true;
    assert_eq!(site.plan().steps.len(), 2, "a person has seen to it");
    site.by_hand = false;
    site.nets.address_quota = 7;
    site.nets.pass(SignedDuration::from_mins(15));
    site.converge();
    assert!(site.plan().is_empty(), "{}", site.plan());

    let mut site = Site::bare(declared("staging", "{ mode: single }"));
    site.nets.address_quota = 10;
    for _ in 0..5 {
        site.nets.create_private_gateway(&site.public("a")).unwrap();
    }
    assert_snapshot!(lines(site.look()), @"
    allocate an address for main/nat-a
    create main/nat-a in subnet-00000000000000005 with eipalloc-00000000000000019: NatGatewayLimitExceeded
    ");
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-a (rtb-00000000000000008): no route leads out: there is no default route
      drift     main/private-b (rtb-0000000000000000d): no route leads out: there is no default route
      drift     main/private-c (rtb-00000000000000012): no route leads out: there is no default route
      drift     main/nat-a (vpc-00000000000000001): zone a has no NAT gateway that works
    held
      main/nat-a (vpc-00000000000000001): AWS refused the gateway lately: zone a has 5 of this VPC
         to do: if it is the quota of NAT gateways an Availability Zone (L-FE5A380F), raise it to 6 at least; then run it by hand, or wait for the next sweep
    note
      main: +$35.04 a month (1 NAT gateway more at $0.048 an hour; the data that goes through is billed apart)
    ");
}

#[test]
fn declared_addresses_are_used_and_never_released() {
    let mut site = Site::bare(declared("staging", "{ mode: single }"));
    let id = site.nets.allocate([("Name".into(), "partner".into())].into()).unwrap();
    site.desired = declared("staging", "{ mode: single, addresses: { a: { tag: Name=partner } } }");
    assert_snapshot!(lines(site.converge()), @"
    create main/nat-a in subnet-00000000000000005 with eipalloc-00000000000000014
    main/private-a: route 0.0.0.0/0 in rtb-00000000000000008 to nat-00000000000000015
    main/private-b: route 0.0.0.0/0 in rtb-0000000000000000d to nat-00000000000000015
    main/private-c: route 0.0.0.0/0 in rtb-00000000000000012 to nat-00000000000000015
    ");
    site.desired = declared("staging", "{ mode: single }");
    assert!(site.plan().is_empty(), "it suits: {}", site.plan());
    site.desired = declared("staging", "{ mode: single, addresses: { a: { tag: Name=other } } }");
    assert!(site.plan().is_empty(), "one that is not there is no reason to tear down what works: {}", site.plan());
    let other = site.nets.allocate([("Name".into(), "other".into())].into()).unwrap();
    assert_snapshot!(lines(site.converge()), @"
    create main/nat-a in subnet-00000000000000005 with eipalloc-00000000000000016
    main/private-a: move 0.0.0.0/0 in rtb-00000000000000008 from nat-00000000000000015 to nat-00000000000000017
    main/private-b: move 0.0.0.0/0 in rtb-0000000000000000d from nat-00000000000000015 to nat-00000000000000017
    main/private-c: move 0.0.0.0/0 in rtb-00000000000000012 from nat-00000000000000015 to nat-00000000000000017
    delete main/nat-a (nat-00000000000000015)
    ");
    assert!(site.plan().is_empty(), "{}", site.plan());
    assert!(site.nets.addresses.contains_key(&id), "it was never ours");
    site.nets.addresses.get_mut(&other).unwrap().user = Some("i-0123456789abcdef0".into());
    let gateway = site.gateway("a");
    site.nets.gateways.remove(&gateway);
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-a (rtb-00000000000000008): it leads to nat-00000000000000017, which is gone, and no other NAT gateway works: there is no way out
      drift     main/private-b (rtb-0000000000000000d): it leads to nat-00000000000000017, which is gone, and no other NAT gateway works: there is no way out
      drift     main/private-c (rtb-00000000000000012): it leads to nat-00000000000000017, which is gone, and no other NAT gateway works: there is no way out
      drift     main/nat-a (nat-00000000000000017): zone a has no NAT gateway that works: nat-00000000000000017 is deleted
    waiting until 2026-11-23T03:02:01Z: AWS made nat-00000000000000017 and does not show it yet
    note
      main: +$35.04 a month (1 NAT gateway more at $0.048 an hour; the data that goes through is billed apart)
    ");
}

#[test]
fn foreign_gateways_count_and_are_never_deleted() {
    let mut site = Site::bare(declared("production", "{ mode: auto }"));
    let theirs = site.foreign("a");
    site.nets.create_private_gateway(&site.public("b")).unwrap();
    site.converge();
    assert_eq!(site.exits(), "a: a, b: b, c: c");
    assert_eq!(site.route("a"), Some(theirs.clone()));
    assert!(site.plan().is_empty(), "{}", site.plan());
    site.desired = declared("production", "{ mode: none }".replace("none", "auto").as_str());
    site.desired.vpcs.values_mut().for_each(|vpc| vpc.gateways = topology::nat::Gateways::None);
    site.converge();
    assert_eq!(site.gateways("a"), [theirs]);
    assert_eq!(site.exits().matches("none").count(), 2, "{}", site.exits());
    assert!(site.plan().is_empty(), "{}", site.plan());
}

#[test]
fn without_gateways_ours_go_after_the_routes_to_them() {
    let mut site = production();
    site.desired.vpcs.values_mut().for_each(|vpc| vpc.gateways = topology::nat::Gateways::None);
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/rtb-00000000000000008 (rtb-00000000000000008): the default route leads to nat-00000000000000017, and no gateway is declared
      drift     main/rtb-0000000000000000d (rtb-0000000000000000d): the default route leads to nat-00000000000000018, and no gateway is declared
      drift     main/rtb-00000000000000012 (rtb-00000000000000012): the default route leads to nat-00000000000000019, and no gateway is declared
      drift     main/nat-a (nat-00000000000000017): it is not declared
      drift     main/nat-b (nat-00000000000000018): it is not declared
      drift     main/nat-c (nat-00000000000000019): it is not declared
    steps
      1. main/rtb-00000000000000008: remove 0.0.0.0/0 to nat-00000000000000017 from rtb-00000000000000008
         note: the subnets of this table lose their way out
      2. main/rtb-0000000000000000d: remove 0.0.0.0/0 to nat-00000000000000018 from rtb-0000000000000000d
         after 1
         note: the subnets of this table lose their way out
      3. main/rtb-00000000000000012: remove 0.0.0.0/0 to nat-00000000000000019 from rtb-00000000000000012
         after 2
         note: the subnets of this table lose their way out
    note
      main: -$116.07 a month (3 NAT gateways fewer at $0.048 an hour, 3 public addresses fewer at $0.005 an hour; the data that goes through is billed apart)
    ");
    site.converge();
    assert!(site.plan().is_empty(), "{}", site.plan());
    assert!(site.nets.addresses.is_empty());
}

#[test]
fn a_route_to_the_internet_gateway_is_contained_first() {
    let mut site = production();
    let table = site.table("b");
    site.nets.tables.get_mut(&table).unwrap().default = Some((site.internet.clone(), true));
    assert_snapshot!(site.plan(), @"
    drift
      exposure  main/private-b (rtb-0000000000000000d): the default route leads to igw-00000000000000003, the internet gateway: what has a public address is open
    steps
      1. main/private-b: move 0.0.0.0/0 in rtb-0000000000000000d from igw-00000000000000003 to nat-00000000000000018
         containment
         note: flows from public addresses in these subnets break
    ");
    let mut bare = Site::bare(declared("production", "{ mode: auto }"));
    let table = bare.table("b");
    bare.nets.create_route(&table, &bare.internet.clone()).unwrap();
    let steps: Vec<String> = bare.plan().steps.iter().map(|step| step.action.to_string()).collect();
    assert_snapshot!(lines(steps), @"
    main/private-b: remove 0.0.0.0/0 to igw-00000000000000003 from rtb-0000000000000000d
    allocate an address for main/nat-a
    allocate an address for main/nat-b
    allocate an address for main/nat-c
    ");
}

#[test]
fn other_default_routes_are_somebodys() {
    let mut site = production();
    let table = site.table("b");
    site.nets.tables.get_mut(&table).unwrap().default = Some(("tgw-0123456789abcdef0".into(), true));
    let table = site.table("c");
    site.nets.tables.get_mut(&table).unwrap().default = Some(("vgw-0123456789abcdef0".into(), false));
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-b (rtb-0000000000000000d): the default route leads to tgw-0123456789abcdef0, not to a NAT gateway
      drift     main/private-c (rtb-00000000000000012): the default route leads to vgw-0123456789abcdef0, by propagation
    held
      main/private-b (rtb-0000000000000000d): the default route leads to tgw-0123456789abcdef0, not to a NAT gateway: somebody wants it so
         to do: if that is meant, declare the tier `route: isolated`; otherwise aws ec2 delete-route --route-table-id rtb-0000000000000000d --destination-cidr-block 0.0.0.0/0
      main/private-c (rtb-00000000000000012): vgw-0123456789abcdef0 announces the default route, and routes that are announced belong to others
         to do: aws ec2 disable-vgw-route-propagation --route-table-id rtb-00000000000000012 --gateway-id vgw-0123456789abcdef0
    ");
}

#[test]
fn a_table_that_zones_share_is_held_with_the_commands_that_split_it() {
    let mut site = production();
    let shared = site.table("a");
    site.nets.associate(&shared, &site.private("b")).unwrap();
    let table = site.nets.tables.get_mut(&shared).unwrap();
    table.others.push(("pl-6da54004".into(), "vpce-0123456789abcdef0".into(), true));
    table.others.push(("10.9.0.0/16".into(), "pcx-0123456789abcdef0".into(), true));
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-a+private-b (rtb-00000000000000008): the subnets have no route table of their own: subnets of the zones a and b share it, so that all of them go out through one of their gateways
    held
      main/private-a+private-b (rtb-00000000000000008): subnets of the zones a and b share it, so that all of them go out through one of their gateways; which subnet belongs to which table is the network's stack's
         to do: table=$(aws ec2 create-route-table --vpc-id vpc-00000000000000001 --query RouteTable.RouteTableId --output text) && aws ec2 create-route --route-table-id $table --destination-cidr-block 0.0.0.0/0 --nat-gateway-id nat-00000000000000017 && aws ec2 modify-vpc-endpoint --vpc-endpoint-id vpce-0123456789abcdef0 --add-route-table-ids $table && aws ec2 create-route --route-table-id $table --destination-cidr-block 10.9.0.0/16 --vpc-peering-connection-id pcx-0123456789abcdef0 && aws ec2 replace-route-table-association --association-id rtbassoc-0000000000000001a --route-table-id $table
    ");
    // One gateway for all: one table for all is as good.
    site.desired = declared("staging", "{ mode: single }");
    site.converge();
    assert!(site.plan().held.is_empty(), "{}", site.plan());
    // Lost with its gateway, it fails over whoever shares it.
    site.desired = declared("production", "{ mode: auto }");
    site.converge();
    site.nets.delete_gateway(&site.gateway("a")).unwrap();
    let moved = site.look();
    assert!(moved[0].contains("move 0.0.0.0/0"), "{moved:?}");
}

#[test]
fn the_main_table_and_tables_of_others_are_only_kept_alive() {
    let mut site = production();
    let main = site.nets.tables.iter().find(|(_, table)| table.main).unwrap().0.clone();
    let own = site.table("b");
    site.nets.tables.get_mut(&own).unwrap().subnets.clear();
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-b (rtb-00000000000000002): the subnets have no route table of their own: it is the VPC's main table, which any subnet without a table of its own uses
      drift     main/private-b (rtb-00000000000000002): no route leads out: there is no default route
    held
      main/private-b (rtb-00000000000000002): it is the VPC's main table, which any subnet without a table of its own uses; which subnet belongs to which table is the network's stack's
         to do: table=$(aws ec2 create-route-table --vpc-id vpc-00000000000000001 --query RouteTable.RouteTableId --output text) && aws ec2 create-route --route-table-id $table --destination-cidr-block 0.0.0.0/0 --nat-gateway-id nat-00000000000000018 && aws ec2 associate-route-table --subnet-id subnet-0000000000000000c --route-table-id $table
    ");
    site.nets.create_route(&main, &site.gateway("b")).unwrap();
    site.nets.delete_gateway(&site.gateway("b")).unwrap();
    let moved = site.look();
    assert!(moved[0].contains("move 0.0.0.0/0") && moved[0].contains(main.as_str()), "{moved:?}");

    let mut site = production();
    let public = site.nets.tables.iter().find(|(_, table)| table.subnets.len() == 3).unwrap().0.clone();
    site.nets.associate(&public, &site.private("c")).unwrap();
    assert_snapshot!(site.plan(), @"
    drift
      exposure  main/private-c (rtb-00000000000000004): the default route leads to igw-00000000000000003, the internet gateway: what has a public address is open
      drift     main/private-c (rtb-00000000000000004): the subnets have no route table of their own: subnets that the topology does not route through NAT use it too
    held
      main/private-c (rtb-00000000000000004): subnets that the topology does not route through NAT use it too; which subnet belongs to which table is the network's stack's
         to do: table=$(aws ec2 create-route-table --vpc-id vpc-00000000000000001 --query RouteTable.RouteTableId --output text) && aws ec2 create-route --route-table-id $table --destination-cidr-block 0.0.0.0/0 --nat-gateway-id nat-00000000000000019 && aws ec2 replace-route-table-association --association-id rtbassoc-0000000000000001a --route-table-id $table
    ");
}

#[test]
fn a_zone_is_evacuated_by_hand_and_by_aws() {
    let mut site = production();
    site.order("b", SignedDuration::from_hours(2));
    assert_snapshot!(site.plan(), @"
    drift
      advice    main/private-b (rtb-0000000000000000d): it goes out through nat-00000000000000018, whose zone is not to be relied upon (evacuated by ada: INC-7)
    steps
      1. main/private-b: move 0.0.0.0/0 in rtb-0000000000000000d from nat-00000000000000018 to nat-00000000000000017
         note: established flows break, and the source address changes from 203.0.113.21 to 203.0.113.20
    ");
    site.look();
    assert_eq!(site.exits(), "a: a, b: a, c: c");
    assert!(site.plan().is_empty(), "{}", site.plan());
    site.nets.pass(SignedDuration::from_hours(2));
    assert_snapshot!(site.plan(), @"
    drift
      advice    main/private-b (rtb-0000000000000000d): it goes out through nat-00000000000000017 of zone a, not through nat-00000000000000018 of zone b; it goes back in the maintenance window that opens at 2026-11-29T02:00:00Z, or when a person runs it by hand
    ");
    site.desired = declared_with("production", "{ mode: auto }", "");
    assert_snapshot!(site.plan(), @r#"
    drift
      advice    main/private-b (rtb-0000000000000000d): it goes out through nat-00000000000000017 of zone a, not through nat-00000000000000018 of zone b
    held
      main/private-b (rtb-0000000000000000d): it goes out through nat-00000000000000017 of zone a, not through nat-00000000000000018 of zone b; the topology declares no maintenance window, so a person says when
         to do: when traffic is low: {"topology":"three-tier","mode":"enforce","reason":"…"}
    "#);
    site.by_hand = true;
    site.look();
    site.by_hand = false;
    assert!(site.plan().is_empty(), "{}", site.plan());

    site.nets.away.insert(twin::zone_id("c"));
    site.look();
    assert_eq!(site.exits(), "a: a, b: b, c: a");
}

#[test]
fn a_single_gateway_in_a_zone_that_is_left_gets_a_stand_in() {
    let mut site = staging();
    site.order("a", SignedDuration::from_hours(2));
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/nat-b (vpc-00000000000000001): zone b has no NAT gateway that works
    steps
      1. allocate an address for main/nat-b
         note: address number 2 of the account in the Region (the quota is 5 unless it was raised)
    note
      main: +$38.69 a month (1 NAT gateway more at $0.048 an hour, 1 public address more at $0.005 an hour; the data that goes through is billed apart)
    ");
    assert_snapshot!(lines(site.converge()), @"
    allocate an address for main/nat-b
    create main/nat-b in subnet-0000000000000000a with eipalloc-00000000000000016
    main/private-a: move 0.0.0.0/0 in rtb-00000000000000008 from nat-00000000000000015 to nat-00000000000000017
    main/private-b: move 0.0.0.0/0 in rtb-0000000000000000d from nat-00000000000000015 to nat-00000000000000017
    main/private-c: move 0.0.0.0/0 in rtb-00000000000000012 from nat-00000000000000015 to nat-00000000000000017
    ");
    assert_eq!(site.exits(), "a: b, b: b, c: b");
    assert!(site.plan().is_empty(), "{}", site.plan());
    site.nets.pass(SignedDuration::from_hours(2));
    assert_snapshot!(lines(site.converge()), @"
    main/private-a: move 0.0.0.0/0 in rtb-00000000000000008 from nat-00000000000000017 to nat-00000000000000015
    main/private-b: move 0.0.0.0/0 in rtb-0000000000000000d from nat-00000000000000017 to nat-00000000000000015
    main/private-c: move 0.0.0.0/0 in rtb-00000000000000012 from nat-00000000000000017 to nat-00000000000000015
    delete main/nat-b (nat-00000000000000017)
    release the address of main/nat-b (203.0.113.22, eipalloc-00000000000000016)
    ");
    assert_eq!(site.exits(), "a: a, b: a, c: a");
    assert!(site.plan().is_empty(), "{}", site.plan());
}

#[test]
fn a_gateway_whose_subnet_lost_the_internet_is_no_way_out() {
    let mut site = production();
    let cut = site.public("b");
    let dead = site.nets.create_table(&site.vpc.clone()).unwrap();
    site.nets.associate(&dead, &cut).unwrap();
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-b (rtb-0000000000000000d): it leads to nat-00000000000000018, from where no live route leads to the internet; nat-00000000000000017 in zone a works
      drift     main/nat-b (nat-00000000000000018): zone b has no NAT gateway that works: nat-00000000000000018 is cut off: no live route leads from its subnet to the internet
    steps
      1. main/private-b: move 0.0.0.0/0 in rtb-0000000000000000d from nat-00000000000000018 to nat-00000000000000017
         note: established flows break, and the source address changes from 203.0.113.21 to 203.0.113.20
    held
      main/nat-b (nat-00000000000000018): no live route leads from subnet-0000000000000000a, the public subnet of zone b, to an internet gateway: a gateway there would not work
         to do: attach an internet gateway to vpc-00000000000000001 and route to it: aws ec2 create-route --route-table-id rtb-0000000000000001a --destination-cidr-block 0.0.0.0/0 --gateway-id igw-…
    note
      main: +$35.04 a month (1 NAT gateway more at $0.048 an hour; the data that goes through is billed apart)
    ");
    site.nets.create_route(&dead, &site.internet.clone()).unwrap();
    site.look();
    assert!(site.plan().is_empty(), "it was never moved: {}", site.plan());
    site.nets.detach_internet(&site.internet.clone());
    let plan = site.plan();
    assert!(plan.steps.is_empty(), "nothing works, so nothing moves: {plan}");
    assert_eq!(plan.drifts.iter().filter(|drift| drift.summary.contains("no way out")).count(), 3, "{plan}");
}

#[test]
fn of_two_of_ours_in_a_zone_the_one_that_carries_routes_stays() {
    let mut site = staging();
    let first = site.gateway("a");
    // As a crash an hour ago could have left it, had the ledger forgotten.
    let Some(Change::CreateGateway { home, tags, .. }) = Site::bare(site.desired.clone()).first_create() else {
        panic!("no create");
    };
    let allocate = Change::AllocateAddress { vpc: home.clone(), tags: tags.clone() };
    let allocation = site.apply(&allocate, None).unwrap().created[0].clone();
    let gateway = topology::nat::NewGateway::Zonal { subnet: site.public("a"), allocation };
    site.apply(&Change::CreateGateway { home, gateway, tags }, None).unwrap();
    site.nets.arrive();
    site.nets.pass(SignedDuration::from_mins(5));
    assert_snapshot!(lines(site.converge()), @"
    delete main/nat-a (nat-00000000000000017)
    release the address of main/nat-a (203.0.113.22, eipalloc-00000000000000016)
    ");
    assert_eq!(site.gateway("a"), first);
    assert_eq!(site.nets.addresses.len(), 1);
}

#[test]
fn a_regional_gateway_serves_all_zones_and_its_table_is_its_own() {
    let mut site = Site::bare(declared("production", "{ mode: regional }"));
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-a (rtb-00000000000000008): no route leads out: there is no default route
      drift     main/private-b (rtb-0000000000000000d): no route leads out: there is no default route
      drift     main/private-c (rtb-00000000000000012): no route leads out: there is no default route
      drift     main/nat (vpc-00000000000000001): vpc-00000000000000001 has no NAT gateway that works
    steps
      1. create main/nat for all of vpc-00000000000000001
    note
      main: +$105.12 a month (3 NAT gateways more at $0.048 an hour; the data that goes through is billed apart)
    ");
    site.converge();
    assert!(site.plan().is_empty(), "{}", site.plan());
    let regional = site.route("a").unwrap();
    assert_eq!((site.route("b"), site.route("c")), (Some(regional.clone()), Some(regional.clone())));
    site.desired = declared("production", "{ mode: per-az }");
    site.converge();
    assert!(site.plan().is_empty(), "{}", site.plan());
    assert_eq!(site.exits(), "a: a, b: b, c: c");
    site.desired = declared("production", "{ mode: regional }");
    assert_snapshot!(lines(site.converge()), @"
    create main/nat for all of vpc-00000000000000001
    main/private-a: move 0.0.0.0/0 in rtb-00000000000000008 from nat-00000000000000019 to nat-0000000000000001c
    main/private-b: move 0.0.0.0/0 in rtb-0000000000000000d from nat-0000000000000001a to nat-0000000000000001c
    main/private-c: move 0.0.0.0/0 in rtb-00000000000000012 from nat-0000000000000001b to nat-0000000000000001c
    delete main/nat-a (nat-00000000000000019)
    delete main/nat-b (nat-0000000000000001a)
    delete main/nat-c (nat-0000000000000001b)
    release the address of main/nat-a (203.0.113.22, eipalloc-00000000000000016)
    release the address of main/nat-b (203.0.113.23, eipalloc-00000000000000017)
    release the address of main/nat-c (203.0.113.24, eipalloc-00000000000000018)
    ");
    assert!(site.nets.addresses.is_empty(), "{:?}", site.nets.addresses);
}

#[test]
fn what_a_crash_left_behind_is_found_again() {
    for (call, what) in [(0, "the address"), (1, "the gateway")] {
        for crash in [Crash::BeforeCall, Crash::AfterCall] {
            let mut site = Site::bare(declared("staging", "{ mode: single }"));
            site.look_until(Some((call, crash)));
            site.nets.pass(SignedDuration::from_mins(1));
            if (call, crash) == (1, Crash::AfterCall) {
                assert_snapshot!(site.plan(), @"
                drift
                  drift     main/nat-a (nat-00000000000000015): it bears this topology's tags, and the call that made it has no answer on record
                  drift     main/private-a (rtb-00000000000000008): no route leads out: there is no default route
                  drift     main/private-b (rtb-0000000000000000d): no route leads out: there is no default route
                  drift     main/private-c (rtb-00000000000000012): no route leads out: there is no default route
                steps
                  1. create main/nat-a in subnet-00000000000000005 with eipalloc-00000000000000014
                     note: asked again with the same token, which gives nat-00000000000000015
                waiting until 2026-11-23T03:01:01Z: main/nat-a (nat-00000000000000015) is on its way
                ");
            }
            site.converge();
            assert!(site.plan().is_empty(), "{what}, {crash:?}: {}", site.plan());
            assert_eq!((site.nets.addresses.len(), site.nets.gateways.len()), (1, 1), "{what}, {crash:?}");
            // And it is ours: it goes when it is not declared any more.
            site.desired.vpcs.values_mut().for_each(|vpc| vpc.gateways = topology::nat::Gateways::None);
            site.converge();
            assert!(site.nets.addresses.is_empty(), "{what}, {crash:?}");
        }
    }
}

#[test]
fn what_a_crash_left_behind_goes_when_nobody_needs_it_any_more() {
    let mut site = Site::bare(declared("staging", "{ mode: single }"));
    site.look_until(Some((0, Crash::AfterCall)));
    site.desired.vpcs.values_mut().for_each(|vpc| vpc.gateways = topology::nat::Gateways::None);
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/nat-a (eipalloc-00000000000000014): it bears this topology's tags, and the call that made it has no answer on record
    steps
      1. allocate an address for main/nat-a
         note: asked again with the same token, which gives eipalloc-00000000000000014
    ");
    site.converge();
    assert!(site.nets.addresses.is_empty(), "{:?}", site.nets.addresses);
}

#[test]
fn a_copied_tag_takes_nothing_away() {
    let mut site = staging();
    let tags = site.nets.gateways[&site.gateway("a")].tags.clone();
    let address = site.nets.allocate(tags.clone()).unwrap();
    let theirs = site.foreign("b");
    site.nets.gateways.get_mut(&theirs).unwrap().tags = tags;
    let plan = site.plan();
    assert!(plan.steps.is_empty(), "{plan}");
    assert_snapshot!(plan, @"
    drift
      advice    main/nat-b (nat-00000000000000018): it bears this topology's tags, and the ledger does not know it: it is never deleted
      advice    main/nat-a (eipalloc-00000000000000016): 203.0.113.22 bears this topology's tags, and the ledger does not know it: it is never released (if nobody needs it: aws ec2 release-address --allocation-id eipalloc-00000000000000016)
    ");
    assert!(site.nets.addresses.contains_key(&address));
}

#[test]
fn what_lost_its_tags_was_taken_over_by_somebody() {
    let mut site = staging();
    let gateway = site.gateway("a");
    site.nets.gateways.get_mut(&gateway).unwrap().tags.clear();
    assert!(site.plan().is_empty(), "it serves all the same: {}", site.plan());
    site.desired = declared("staging", "{ mode: regional }");
    site.converge();
    assert_eq!(site.gateways("a"), [gateway]);
    assert_eq!(site.nets.addresses.len(), 1);
}

#[test]
fn what_is_not_seen_is_not_touched() {
    let mut site = production();
    site.nets.delete_gateway(&site.gateway("b")).unwrap();
    let whole = site.observed();
    let unseen = Unseen::Failed { retryable: true, why: "throttled".into() };
    let blinded = |part: &str| {
        let mut observed = whole.clone();
        match part {
            "addresses" => observed.addresses = Seen::Unknown(unseen.clone()),
            "away" => observed.away = Seen::Unknown(unseen.clone()),
            _ => observed.vpcs.values_mut().for_each(|vpc| {
                let Seen::Present(vpc) = vpc else { panic!("no VPC") };
                match part {
                    "gateways" => vpc.gateways = Seen::Unknown(unseen.clone()),
                    "subnets" => vpc.subnets = Seen::Unknown(unseen.clone()),
                    _ => vpc.tables = Seen::Unknown(unseen.clone()),
                }
            }),
        }
        site.plan_on(&observed)
    };
    for part in ["gateways", "subnets", "tables"] {
        let plan = blinded(part);
        assert!(plan.steps.is_empty() && plan.drifts.is_empty() && plan.blind.len() == 1, "{part}: {plan}");
    }
    let steps = |part| -> Vec<String> { blinded(part).steps.iter().map(|step| step.action.to_string()).collect() };
    assert_eq!(steps("away").len(), 1, "a way out that is lost is restored all the same");
    assert_eq!(steps("addresses"), steps("away"), "no address is asked for while it is not known which there are");
    assert!(!blinded("addresses").blind.is_empty());
}

#[test]
fn what_was_made_a_moment_ago_and_is_not_shown_is_on_its_way() {
    let mut site = Site::bare(declared("staging", "{ mode: single }"));
    let before = site.nets.clone();
    site.look();
    let after = std::mem::replace(&mut site.nets, before);
    assert_snapshot!(site.plan(), @"
    drift
      drift     main/private-a (rtb-00000000000000008): no route leads out: there is no default route
      drift     main/private-b (rtb-0000000000000000d): no route leads out: there is no default route
      drift     main/private-c (rtb-00000000000000012): no route leads out: there is no default route
      drift     main/nat-a (vpc-00000000000000001): zone a has no NAT gateway that works
    waiting until 2026-11-23T03:00:01Z: AWS made eipalloc-00000000000000014 and nat-00000000000000015 and does not show it yet
    note
      main: +$38.69 a month (1 NAT gateway more at $0.048 an hour, 1 public address more at $0.005 an hour; the data that goes through is billed apart)
    ");
    site.nets = after;
    site.converge();
    assert_eq!((site.nets.addresses.len(), site.nets.gateways.len()), (1, 1));
}

#[test]
fn the_bill_is_part_of_the_plan() {
    let mut site = staging();
    site.desired = declared("production", "{ mode: auto }");
    assert_eq!(site.plan().notes.len(), 1);
    site.converge();
    assert_eq!(site.plan().notes, [""; 0]);
}

#[test]
fn changes_survive_the_ledger_and_are_taken_back_where_that_is_safe() {
    let mut site = production();
    let lost = site.gateway("b");
    site.nets.delete_gateway(&lost).unwrap();
    let moves = site.plan().steps[0].action.clone();
    assert_eq!(serde_json::from_str::<Change>(&serde_json::to_string(&moves).unwrap()).unwrap(), moves);
    let back = |change: &Change, created: &[&str]| {
        let created = created.iter().map(|id| (*id).into()).collect();
        change.inverse(&Receipt { created, ..Receipt::default() })
    };
    assert!(matches!(back(&moves, &[]), Inverse::None(_)), "where it led before does not work");
    let Change::ReplaceRoute { table, from, to, .. } = moves else { panic!("{moves}") };
    let works = Change::ReplaceRoute { table: table.clone(), from: to.clone(), from_works: true, to: from.clone() };
    let undone = Change::ReplaceRoute { table: table.clone(), from: from.clone(), from_works: true, to: to.clone() };
    assert_eq!(back(&works, &[]), Inverse::Exact(undone));
    let open = Change::ReplaceRoute { table: table.clone(), from: "igw-1".into(), from_works: true, to: to.clone() };
    assert!(matches!(back(&open, &[]), Inverse::None(_)), "no undo opens the way in again");
    let route = Change::CreateRoute { table: table.clone(), to: to.clone() };
    let gone = Change::DeleteRoute { table: table.clone(), target: to.clone() };
    assert_eq!(back(&route, &[]), Inverse::Exact(gone.clone()));
    assert_eq!(back(&gone, &[]), Inverse::Exact(route));
    let allocate = Change::AllocateAddress { vpc: table.clone(), tags: Default::default() };
    assert!(matches!(back(&allocate, &["eipalloc-1"]), Inverse::Exact(Change::ReleaseAddress { .. })));
    assert!(matches!(back(&Change::DeleteGateway { gateway: table }, &[]), Inverse::None(_)));
}

#[test]
fn the_scope_is_everything() {
    let desired = declared("staging", "{ mode: single }");
    let scope = |ids: &[&str]| Nat::scope(&desired, &ids.iter().map(|id| (*id).into()).collect());
    assert_eq!(scope(&[]), topology::Scope::Everything);
    assert_eq!(
        scope(&["vpc-1"]),
        topology::Scope::Everything,
        "what was just made in another VPC is not taken for lost"
    );
    assert_eq!(scope(&["vpc-1", "nat-1"]), topology::Scope::Everything);
}
