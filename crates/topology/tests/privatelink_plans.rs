//! Plans of the `privatelink` control and their printed form: the offer is as declared, then changed once, then planned.
#![allow(clippy::unwrap_used)] // clippy sees the helpers of tests as production code

mod links;

use insta::assert_snapshot;
use links::*;
use topology::network::{Accept, Consumer, Otherwise};
use topology::privatelink::*;
use topology::{Action, Control, Effect, Inverse, Receipt, Repair, Scope, Seen, Unseen, Verb};
use twin::STACK_TAG;
use twin::links::Configuration;

#[test]
fn nothing_to_do() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, Some(2))]));
    assert!(offer.plan().is_empty());
    offer.connected(PARTNER);
    offer.connected(PARTNER);
    assert_snapshot!(offer.plan(), @"in sync: nothing to do");
}

#[test]
fn an_allowed_account_is_let_in_up_to_its_places_and_the_oldest_first() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, Some(2))]));
    offer.connected(PARTNER);
    let younger = offer.connect(PARTNER);
    let older = offer.connect(PARTNER);
    let (since, other) = (offer.links.endpoints[&younger].since, offer.links.endpoints[&older].since);
    offer.links.endpoints.get_mut(&younger).unwrap().since = other;
    offer.links.endpoints.get_mut(&older).unwrap().since = since;
    assert_snapshot!(offer.plan(), @r#"
    drift
      advice    api/vpce-00000000000000006 (vpce-00000000000000006): a connection of account 222233334444 waits and may be let in: declared by its account, at most 2
      advice    api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 222233334444 waits for a decision
    steps
      1. accept vpce-00000000000000006 of account 222233334444 at api (vpce-svc-00000000000000003): declared by its account, at most 2; place 2 of 2
         owned by arn:stack
    held
      api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 222233334444 waits: account 222233334444 has all of its 2 connections
         to do: to let it in: {"approve":"vpce-00000000000000005","reason":"…"}; to refuse it: {"reject":"vpce-00000000000000005","reason":"…"}
    "#);
}

#[test]
fn the_endpoints_that_the_document_declares_itself_are_let_in() {
    let mut offer = Offer::new(declared(vec![
        accept(PARTNER, Some(2)),
        Accept { who: Consumer::Own, at_most: Some(1), until: None },
    ]));
    offer.connect("111122223333");
    offer.connect("111122223333");
    assert_snapshot!(offer.plan(), @r#"
    drift
      advice    api/vpce-00000000000000004 (vpce-00000000000000004): a connection of account 111122223333 waits and may be let in: declared by its account, at most 1
      advice    api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 111122223333 waits for a decision
    steps
      1. accept vpce-00000000000000004 of account 111122223333 at api (vpce-svc-00000000000000003): declared by its account, at most 1; place 1 of 1
         owned by arn:stack
    held
      api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 111122223333 waits: account 111122223333 has all of its 1 connections
         to do: to let it in: {"approve":"vpce-00000000000000005","reason":"…"}; to refuse it: {"reject":"vpce-00000000000000005","reason":"…"}
    "#);
}

#[test]
fn a_stranger_waits_for_a_person() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, None)]));
    offer.connect(STRANGER);
    assert_snapshot!(offer.plan(), @r#"
    drift
      advice    api/vpce-00000000000000004 (vpce-00000000000000004): a connection of account 999988887777 waits for a decision
    held
      api/vpce-00000000000000004 (vpce-00000000000000004): a connection of account 999988887777 waits: nobody has let it in
         to do: to let it in: {"approve":"vpce-00000000000000004","reason":"…"}; to refuse it: {"reject":"vpce-00000000000000004","reason":"…"}
    "#);
}

#[test]
fn a_stranger_is_refused_where_the_document_says_so() {
    let mut offer = Offer::new(declared(vec![]));
    offer.declared().otherwise = Otherwise::Reject;
    offer.connect(STRANGER);
    assert_snapshot!(offer.plan(), @"
    drift
      advice    api/vpce-00000000000000004 (vpce-00000000000000004): a connection of account 999988887777 waits and is refused: nobody has let it in
    steps
      1. reject vpce-00000000000000004 of account 999988887777 at api (vpce-svc-00000000000000003), which is pendingAcceptance: nobody has let it in
    ");
}

#[test]
fn refusing_who_waits_is_no_removal_and_cutting_who_is_in_is_one() {
    let mut offer = Offer::new(declared(vec![]));
    (offer.declared().otherwise, offer.declared().withdraw) = (Otherwise::Reject, Otherwise::Reject);
    offer.connect(STRANGER);
    offer.connected(STRANGER);
    let effects: Vec<(bool, Effect)> =
        offer.plan().steps.iter().map(|step| (step.contains, step.action.effect())).collect();
    assert_eq!(effects, [(true, Effect::Remove), (false, Effect::Change)]);
}

#[test]
fn an_approval_by_hand_lets_in_beyond_the_limit_and_takes_a_place() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, Some(2))]));
    offer.connected(PARTNER);
    let second = offer.connect(PARTNER);
    let third = offer.connect(PARTNER);
    offer.by_hand(Verb::Approve, &third, 5);
    // The third is in by hand: with the first that makes two, and the second has to wait.
    assert_snapshot!(offer.plan(), @r#"
    drift
      advice    api/vpce-00000000000000006 (vpce-00000000000000006): a connection of account 222233334444 waits and may be let in: approved by arn:aws:iam::111122223333:user/kim: INC-7
      advice    api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 222233334444 waits for a decision
    steps
      1. accept vpce-00000000000000006 of account 222233334444 at api (vpce-svc-00000000000000003): approved by arn:aws:iam::111122223333:user/kim: INC-7
         owned by arn:stack
    held
      api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 222233334444 waits: account 222233334444 has all of its 2 connections
         to do: to let it in: {"approve":"vpce-00000000000000005","reason":"…"}; to refuse it: {"reject":"vpce-00000000000000005","reason":"…"}
    "#);
    // All three are in, and nobody is one too many: the third never counted against the limit.
    offer.put(&second, ConnectionState::Available);
    offer.put(&third, ConnectionState::Available);
    assert!(offer.plan().is_empty(), "{}", offer.plan());
}

#[test]
fn the_last_word_of_a_person_counts() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, None)]));
    let endpoint = offer.connected(PARTNER);
    offer.by_hand(Verb::Approve, &endpoint, 9);
    offer.by_hand(Verb::Reject, &endpoint, 5);
    assert_snapshot!(offer.plan(), @"
    drift
      advice    api/vpce-00000000000000004 (vpce-00000000000000004): a connection of account 222233334444 is available and may not be: rejected by arn:aws:iam::111122223333:user/kim: INC-7
    steps
      1. reject vpce-00000000000000004 of account 222233334444 at api (vpce-svc-00000000000000003), which is available: rejected by arn:aws:iam::111122223333:user/kim: INC-7
         note: what its consumer sends through it ends at once
    ");
    offer.by_hand(Verb::Approve, &endpoint, 1);
    assert!(offer.plan().is_empty(), "{}", offer.plan());
    // Two at the same instant: the refusal counts.
    offer.by_hand(Verb::Reject, &endpoint, 1);
    assert_eq!(offer.plan().steps.len(), 1);
    // An approval that has ended leaves the refusal before it in force.
    let now = offer.standing.now;
    offer.by_hand(Verb::Approve, &endpoint, 0);
    offer.standing.directives.last_mut().unwrap().until = Some(now);
    assert_eq!(offer.plan().steps.len(), 1);
}

#[test]
fn what_is_denied_is_refused_whatever_else_is_said() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, None)]));
    let (waiting, up) = (offer.connect(PARTNER), offer.connected(PARTNER));
    let other = offer.connect(PARTNER);
    offer.declared().deny = vec![Consumer::Endpoint(waiting.clone()), Consumer::Endpoint(up)];
    offer.by_hand(Verb::Approve, &waiting, 5);
    offer.put(&other, ConnectionState::Available);
    assert_snapshot!(offer.plan(), @r#"
    drift
      exposure  api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 222233334444 is available and may not be: the document denies vpce-00000000000000005
      advice    api/vpce-00000000000000004 (vpce-00000000000000004): a connection of account 222233334444 waits and is refused: the document denies vpce-00000000000000004
    steps
      1. reject vpce-00000000000000004 of account 222233334444 at api (vpce-svc-00000000000000003), which is pendingAcceptance: the document denies vpce-00000000000000004
    held
      api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 222233334444 is available and may not be: the document denies vpce-00000000000000005
         to do: to cut it off: {"reject":"vpce-00000000000000005","reason":"…"}; to let it stay: take it off `deny` in the document and accept it there
    "#);
}

#[test]
fn until_a_date_and_not_a_moment_longer() {
    let mut offer = Offer::new(declared(vec![]));
    let until = offer.standing.now;
    offer.declared().accept = vec![Accept { until: Some(until), ..accept(PARTNER, None) }];
    offer.connect(PARTNER);
    offer.connected(PARTNER);
    assert_snapshot!(offer.plan(), @r#"
    drift
      advice    api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 222233334444 is available and may not be: the document let 222233334444 in until 2026-11-23T03:00:00Z
      advice    api/vpce-00000000000000004 (vpce-00000000000000004): a connection of account 222233334444 waits for a decision
    held
      api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 222233334444 is available and may not be: the document let 222233334444 in until 2026-11-23T03:00:00Z
         to do: to cut it off: {"reject":"vpce-00000000000000005","reason":"…"}; to let it stay: accept it in the document, or {"approve":"vpce-00000000000000005","reason":"…"}
      api/vpce-00000000000000004 (vpce-00000000000000004): a connection of account 222233334444 waits: the document let 222233334444 in until 2026-11-23T03:00:00Z
         to do: to let it in: {"approve":"vpce-00000000000000004","reason":"…"}; to refuse it: {"reject":"vpce-00000000000000004","reason":"…"}
    "#);
    offer.standing.now = until - jiff::SignedDuration::from_secs(1);
    let plan = offer.plan();
    assert_eq!((plan.steps.len(), plan.held.len()), (1, 0), "{plan}");
}

#[test]
fn an_endpoint_that_is_named_needs_no_place_of_its_account() {
    let mut offer = Offer::new(declared(vec![]));
    offer.connected(PARTNER);
    let named = offer.connect(PARTNER);
    offer.declared().accept =
        vec![accept(PARTNER, Some(1)), Accept { who: Consumer::Endpoint(named), at_most: None, until: None }];
    offer.connect(PARTNER);
    assert_snapshot!(offer.plan(), @r#"
    drift
      advice    api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 222233334444 waits and may be let in: declared by its endpoint
      advice    api/vpce-00000000000000006 (vpce-00000000000000006): a connection of account 222233334444 waits for a decision
    steps
      1. accept vpce-00000000000000005 of account 222233334444 at api (vpce-svc-00000000000000003): declared by its endpoint
         owned by arn:stack
    held
      api/vpce-00000000000000006 (vpce-00000000000000006): a connection of account 222233334444 waits: account 222233334444 has all of its 1 connections
         to do: to let it in: {"approve":"vpce-00000000000000006","reason":"…"}; to refuse it: {"reject":"vpce-00000000000000006","reason":"…"}
    "#);
}

#[test]
fn who_came_in_while_nobody_was_asked() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, Some(2))]));
    offer.acceptance(false);
    offer.connected(PARTNER);
    offer.connected(STRANGER);
    assert_snapshot!(offer.plan(), @r#"
    drift
      exposure  api (vpce-svc-00000000000000003): it lets connections in without asking
      exposure  api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 999988887777 is available and may not be: nobody has let it in
    steps
      1. require acceptance of connections to api (vpce-svc-00000000000000003)
         containment; owned by arn:stack
         note: connections that came in meanwhile stay until they are rejected
    held
      api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 999988887777 is available and may not be: nobody has let it in
         to do: to cut it off: {"reject":"vpce-00000000000000005","reason":"…"}; to let it stay: accept it in the document, or {"approve":"vpce-00000000000000005","reason":"…"}
    "#);
    offer.declared().withdraw = Otherwise::Reject;
    assert_snapshot!(offer.plan(), @"
    drift
      exposure  api (vpce-svc-00000000000000003): it lets connections in without asking
      exposure  api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 999988887777 is available and may not be: nobody has let it in
    steps
      1. require acceptance of connections to api (vpce-svc-00000000000000003)
         containment; owned by arn:stack
         note: connections that came in meanwhile stay until they are rejected
      2. reject vpce-00000000000000005 of account 999988887777 at api (vpce-svc-00000000000000003), which is available: nobody has let it in
         containment
         note: what its consumer sends through it ends at once
    ");
}

#[test]
fn more_than_the_limit_are_in() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, Some(1))]));
    offer.connected(PARTNER);
    let second = offer.connected(PARTNER);
    offer.put(&second, ConnectionState::Partial);
    assert_snapshot!(offer.plan(), @r#"
    drift
      drift     api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 222233334444 is partial and may not be: account 222233334444 may have 1 and has more; the oldest stay
    held
      api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 222233334444 is partial and may not be: account 222233334444 may have 1 and has more; the oldest stay
         to do: to cut it off: {"reject":"vpce-00000000000000005","reason":"…"}; to let it stay: accept it in the document, or {"approve":"vpce-00000000000000005","reason":"…"}
    "#);
    offer.declared().withdraw = Otherwise::Reject;
    assert_snapshot!(offer.plan(), @"
    drift
      drift     api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 222233334444 is partial and may not be: account 222233334444 may have 1 and has more; the oldest stay
    steps
      1. reject vpce-00000000000000005 of account 222233334444 at api (vpce-svc-00000000000000003), which is partial: account 222233334444 may have 1 and has more; the oldest stay
         note: what its consumer sends through it ends at once
    ");
}

#[test]
fn one_that_is_being_set_up_is_awaited_and_can_only_be_rejected_later() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, None)]));
    let endpoint = offer.connect(PARTNER);
    offer.put(&endpoint, ConnectionState::Pending);
    // Somebody else let it in: nothing is ours to await.
    assert!(offer.plan().is_empty());
    let at = offer.standing.now - jiff::SignedDuration::from_secs(20);
    let repair = Repair { at, run: "r".into(), removed: false, succeeded: Some(true) };
    offer.standing.repairs.insert(endpoint.clone(), vec![repair]);
    assert_snapshot!(offer.plan(), @"waiting until 2026-11-23T03:00:15Z: vpce-00000000000000004 was let in at api and is being set up");
    // It hangs: that must not keep rechecks going for ever.
    offer.standing.now += jiff::SignedDuration::from_mins(10);
    assert!(offer.plan().is_empty());
    offer.by_hand(Verb::Reject, &endpoint, 1);
    assert_snapshot!(offer.plan(), @"
    drift
      advice    api/vpce-00000000000000004 (vpce-00000000000000004): a connection of account 222233334444 is pending and may not be: rejected by arn:aws:iam::111122223333:user/kim: INC-7
    waiting until 2026-11-23T03:10:00Z: vpce-00000000000000004 is being set up: it can be rejected once it is up
    ");
}

#[test]
fn what_is_over_is_ignored_and_a_state_that_is_not_known_is_told() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, Some(1))]));
    for state in ["rejected", "deleting", "deleted", "failed", "expired"] {
        let endpoint = offer.connect(STRANGER);
        offer.put(&endpoint, ConnectionState::from_wire(state));
    }
    assert!(offer.plan().is_empty());
    let refused = offer.connect(PARTNER);
    offer.put(&refused, ConnectionState::Rejected);
    assert_snapshot!(offer.plan(), @"
    drift
      advice    api/vpce-00000000000000009 (vpce-00000000000000009): a connection of account 222233334444 was refused and might be in: its consumer has to make a new one
    ");
    offer.links.disconnect(&refused);
    let odd = offer.connect(PARTNER);
    offer.put(&odd, ConnectionState::from_wire("hibernating"));
    // It may be in, so it takes the place.
    offer.connect(PARTNER);
    assert_snapshot!(offer.plan(), @r#"
    drift
      advice    api/vpce-0000000000000000b (vpce-0000000000000000b): a connection of account 222233334444 waits for a decision
    held
      api/vpce-0000000000000000a (vpce-0000000000000000a): AWS shows it in the state `hibernating`, which this version does not know: it is left alone
         to do: look at it in the console; a newer version may know the state
      api/vpce-0000000000000000b (vpce-0000000000000000b): a connection of account 222233334444 waits: account 222233334444 has all of its 1 connections
         to do: to let it in: {"approve":"vpce-0000000000000000b","reason":"…"}; to refuse it: {"reject":"vpce-0000000000000000b","reason":"…"}
    "#);
}

#[test]
fn undeclared_principals_go_and_missing_ones_come() {
    let mut declared = declared(vec![]);
    declared.principals = Some(vec![root(PARTNER), root(OTHER)]);
    let mut offer = Offer::new(declared);
    assert!(offer.plan().is_empty());
    let service = offer.service.clone();
    offer.links.permit(&service, &["*".into(), root(STRANGER)], &[root(OTHER)]).unwrap();
    assert_snapshot!(offer.plan(), @"
    drift
      exposure  api (vpce-svc-00000000000000003): everybody on AWS may create endpoints to it, and is not declared
      drift     api (vpce-svc-00000000000000003): arn:aws:iam::999988887777:root may create endpoints to it, and is not declared
      drift     api (vpce-svc-00000000000000003): arn:aws:iam::333344445555:root may not create endpoints to it, and should
    steps
      1. no longer allow * to create endpoints to api (vpce-svc-00000000000000003)
         containment; owned by arn:stack
      2. allow arn:aws:iam::333344445555:root to create endpoints to api (vpce-svc-00000000000000003)
         owned by arn:stack
      3. no longer allow arn:aws:iam::999988887777:root to create endpoints to api (vpce-svc-00000000000000003)
         owned by arn:stack
    ");
    // While nobody is asked, whoever may ask is in.
    offer.acceptance(false);
    let plan = offer.plan();
    let first: Vec<String> =
        plan.steps.iter().filter(|step| step.contains).map(|step| step.action.to_string()).collect();
    assert_snapshot!(first.join("\n"), @"
    require acceptance of connections to api (vpce-svc-00000000000000003)
    no longer allow *, arn:aws:iam::999988887777:root to create endpoints to api (vpce-svc-00000000000000003)
    ");
    // What the document does not mention is not managed.
    offer.acceptance(true);
    offer.declared().principals = None;
    assert!(offer.plan().is_empty());
    offer.declared().principals = Some(vec![]);
    assert_eq!(offer.plan().steps.len(), 2);
}

#[test]
fn an_undeclared_load_balancer_behind_the_service_goes_before_anybody_is_let_in() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, None)]));
    let other = offer.links.create_balancer(&offer.vpc.clone(), "admin").unwrap();
    let service = offer.service.clone();
    let attach = Configuration { attach: vec![other.clone()], ..Configuration::default() };
    offer.links.configure(&service, &attach).unwrap();
    offer.connect(PARTNER);
    assert_snapshot!(offer.plan(), @"
    drift
      exposure  api (vpce-svc-00000000000000003): its consumers also reach arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/admin/0000000000000004, which the topology does not put behind it
      advice    api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 222233334444 waits and may be let in: declared by its account
    steps
      1. take arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/admin/0000000000000004 from behind api (vpce-svc-00000000000000003)
         containment; owned by arn:stack
         note: connections through it end; new ones go to the declared load balancer
      2. accept vpce-00000000000000005 of account 222233334444 at api (vpce-svc-00000000000000003): declared by its account
         only if 1 succeeds; owned by arn:stack
    ");
    let detach = Configuration { detach: vec![offer.balancer.clone()], ..Configuration::default() };
    offer.links.configure(&service, &detach).unwrap();
    assert_snapshot!(offer.plan(), @"
    drift
      exposure  api (vpce-svc-00000000000000003): its consumers also reach arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/admin/0000000000000004, which the topology does not put behind it
      drift     api (vpce-svc-00000000000000003): the load balancer products is not behind it
      advice    api/vpce-00000000000000005 (vpce-00000000000000005): a connection of account 222233334444 waits and may be let in: declared by its account
    steps
      1. put arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/products/0000000000000002 behind api (vpce-svc-00000000000000003)
         containment; owned by arn:stack
      2. take arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/admin/0000000000000004 from behind api (vpce-svc-00000000000000003)
         containment; only if 1 succeeds; owned by arn:stack
         note: connections through it end; new ones go to the declared load balancer
      3. accept vpce-00000000000000005 of account 222233334444 at api (vpce-svc-00000000000000003): declared by its account
         only if 2 succeeds; owned by arn:stack
    ");
    let plan = offer.plan();
    assert_eq!(offer.take(&plan), Vec::<String>::new());
    assert_eq!(offer.links.services[&service].balancers, [offer.balancer.clone()].into());
}

#[test]
fn what_a_step_needs_is_found_among_the_steps_of_other_services() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, None)]));
    let vpc = offer.vpc.clone();
    let second = offer.links.create_balancer(&vpc, "reports").unwrap();
    let strange = offer.links.create_balancer(&vpc, "admin").unwrap();
    let reports = offer.links.create_service(std::slice::from_ref(&second), true, tags("partners", "reports")).unwrap();
    let declared = topology::network::EndpointService { load_balancer: "reports".into(), ..offer.declared().clone() };
    offer.desired.services.insert("reports".into(), declared);
    offer.links.permit(&reports, &["*".into()], &[]).unwrap();
    for (service, ours) in [(offer.service.clone(), offer.balancer.clone()), (reports, second)] {
        offer.links.connect(&PARTNER.into(), &service).unwrap();
        let swap = Configuration { attach: vec![strange.clone()], detach: vec![ours], ..Configuration::default() };
        offer.links.configure(&service, &swap).unwrap();
    }
    let plan = offer.plan();
    let steps: Vec<String> = plan.steps.iter().map(|step| format!("{:?} {}", step.needs, step.action)).collect();
    assert_snapshot!(steps.join("\n"), @"
    [] put arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/products/0000000000000002 behind api (vpce-svc-00000000000000003)
    [] put arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/reports/0000000000000004 behind reports (vpce-svc-00000000000000006)
    [0] take arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/admin/0000000000000005 from behind api (vpce-svc-00000000000000003)
    [1] take arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/admin/0000000000000005 from behind reports (vpce-svc-00000000000000006)
    [2] accept vpce-00000000000000007 of account 222233334444 at api (vpce-svc-00000000000000003): declared by its account
    [3] accept vpce-00000000000000008 of account 222233334444 at reports (vpce-svc-00000000000000006): declared by its account
    ");
    assert_eq!(offer.take(&plan), Vec::<String>::new());
}

#[test]
fn without_its_load_balancer_the_service_is_held() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, None)]));
    offer.connect(PARTNER);
    let balancer = offer.links.balancers.get_mut(&offer.balancer).unwrap();
    balancer.name = "renamed".into();
    assert_snapshot!(offer.plan(), @"
    drift
      exposure  api (vpce-svc-00000000000000003): its consumers also reach arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/products/0000000000000002, which the topology does not put behind it
      drift     api (vpce-svc-00000000000000003): there is no load balancer called products in vpc-00000000000000001
      advice    api/vpce-00000000000000004 (vpce-00000000000000004): a connection of account 222233334444 waits and may be let in: declared by its account
    held
      api (vpce-svc-00000000000000003): there is no load balancer called products in vpc-00000000000000001
         to do: deploy the workload's stack, which makes it, or correct `load_balancer: products` in the document
      api/vpce-00000000000000004 (vpce-00000000000000004): it may be let in, but not now: there is no load balancer called products in vpc-00000000000000001
         to do: see what is held of its service: it is let in when that is mended
    ");
    let balancer = offer.links.balancers.get_mut(&offer.balancer).unwrap();
    balancer.name = "products".into();
    balancer.vpc = "vpc-0ffffffffffffffff".into();
    let why = |offer: &Offer| offer.plan().held[0].why.clone();
    assert_snapshot!(why(&offer), @"the load balancer products is in vpc-0ffffffffffffffff, not in vpc-00000000000000001");
    let vpc = offer.vpc.clone();
    let balancer = offer.links.balancers.get_mut(&offer.balancer).unwrap();
    (balancer.vpc, balancer.network) = (vpc, false);
    assert_snapshot!(why(&offer), @"products is not a Network Load Balancer");
}

#[test]
fn a_service_that_is_missing_is_held_as_its_stacks() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, None)]));
    offer.links.services.clear();
    assert_snapshot!(offer.plan(), @"
    drift
      drift     api (vpc-00000000000000001): there is no endpoint service api in front of products
    held
      api (vpc-00000000000000001): there is no endpoint service api in front of products
         to do: deploy the network's stack with the ARN of the load balancer, arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/products/0000000000000002
    ");
    // One of API Gateway's is not ours, and neither is one that nobody marked; that one may be adopted.
    let balancers = [offer.balancer.clone()];
    let theirs = offer.links.create_service(&balancers, true, [].into()).unwrap();
    offer.links.services.get_mut(&theirs).unwrap().managed = true;
    assert!(!offer.plan().to_string().contains(theirs.as_str()));
    offer.links.create_service(&balancers, true, [].into()).unwrap();
    assert_snapshot!(offer.plan(), @"
    drift
      drift     api (vpc-00000000000000001): there is no endpoint service api in front of products
      advice    api (vpce-svc-00000000000000005): another endpoint service, vpce-svc-00000000000000005, stands in front of its load balancer
    held
      api (vpc-00000000000000001): there is no endpoint service api in front of products
         to do: deploy the network's stack with the ARN of the load balancer, arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/products/0000000000000002; or, if it is vpce-svc-00000000000000005, say so: aws ec2 create-tags --resources vpce-svc-00000000000000005 --tags Key=plumbline:topology,Value=partners Key=plumbline:service,Value=api
    ");
    offer.links.balancers.clear();
    assert_snapshot!(offer.plan(), @"
    drift
      drift     api (vpc-00000000000000001): there is no endpoint service api, and there is no load balancer called products in vpc-00000000000000001
    held
      api (vpc-00000000000000001): there is no endpoint service api, and there is no load balancer called products in vpc-00000000000000001
         to do: deploy the workload's stack, which makes it, or correct `load_balancer: products` in the document
    ");
}

#[test]
fn the_declared_service_is_known_by_its_marks_alone() {
    let offer = Offer::new(declared(vec![accept(PARTNER, None)]));
    let balancers = [offer.balancer.clone()];
    let picked = |offer: &Offer| match offer.observe().services["api"].present() {
        Some(sighting) => match pick(&offer.desired, &"api".into(), sighting) {
            Pick::One(at) => sighting.candidates[at].id.to_string(),
            other => format!("{other:?}"),
        },
        None => "not seen".into(),
    };
    let ours = offer.service.to_string();
    // Somebody copies the tags: CloudFormation's mark cannot be copied.
    let mut copied = offer.clone();
    copied.links.create_service(&balancers, false, tags("partners", "api")).unwrap();
    assert_eq!(picked(&copied), ours);
    // Somebody takes the tags off ours: it is still the stack's in front of the declared load balancer.
    let mut stripped = copied.clone();
    let tags_of = |offer: &mut Offer, change: &dyn Fn(&mut std::collections::BTreeMap<String, String>)| {
        change(&mut offer.links.services.get_mut(&offer.service.clone()).unwrap().tags);
    };
    tags_of(&mut stripped, &|tags| tags.retain(|key, _| key == STACK_TAG));
    assert_eq!(picked(&stripped), "Several", "nobody is taken for it, and a person is told");
    let mut alone = offer.clone();
    tags_of(&mut alone, &|tags| tags.retain(|key, _| key == STACK_TAG));
    assert_eq!(picked(&alone), ours);
    // A service of another name, or of no load balancer of ours, is not it.
    tags_of(&mut alone, &|tags| drop(tags.insert(SERVICE_TAG.into(), "other".into())));
    tags_of(&mut alone, &|tags| drop(tags.insert(TOPOLOGY_TAG.into(), "partners".into())));
    assert_eq!(picked(&alone), "None");
    // What an AWS service keeps for itself is never ours, whatever it is marked with.
    let mut managed = offer.clone();
    managed.links.services.get_mut(&offer.service).unwrap().managed = true;
    assert_eq!(picked(&managed), "None");
    // Adopted by tags; twice is nobody's.
    let mut adopted = offer.clone();
    tags_of(&mut adopted, &|tags| drop(tags.remove(STACK_TAG)));
    assert_eq!(picked(&adopted), ours);
    adopted.links.create_service(&balancers, true, tags("partners", "api")).unwrap();
    assert_eq!(picked(&adopted), "Several");
    assert_snapshot!(adopted.plan(), @"
    drift
      drift     api (vpc-00000000000000001): 2 endpoint services claim to be it
    held
      api (vpc-00000000000000001): vpce-svc-00000000000000003, vpce-svc-00000000000000004 all claim to be api: nobody is let in or refused
         to do: mark the one that is: take the tag plumbline:service off those that are not (aws ec2 delete-tags), or give it another value there
    ");
}

#[test]
fn another_way_to_the_same_load_balancer_is_told() {
    let mut offer = Offer::new(declared(vec![]));
    let balancers = [offer.balancer.clone()];
    offer.links.create_service(&balancers, true, [].into()).unwrap();
    offer.links.create_service(&balancers, false, [].into()).unwrap();
    let managed = offer.links.create_service(&balancers, false, [].into()).unwrap();
    offer.links.services.get_mut(&managed).unwrap().managed = true;
    assert_snapshot!(offer.plan(), @"
    drift
      exposure  api (vpce-svc-00000000000000005): another endpoint service, vpce-svc-00000000000000005, lets connections to its load balancer in without asking
      advice    api (vpce-svc-00000000000000004): another endpoint service, vpce-svc-00000000000000004, stands in front of its load balancer
    held
      api (vpce-svc-00000000000000005): another endpoint service, vpce-svc-00000000000000005, lets connections to its load balancer in without asking; the topology does not declare it
         to do: aws ec2 modify-vpc-endpoint-service-configuration --service-id vpce-svc-00000000000000005 --acceptance-required, and reject what came in; or delete it
    ");
}

#[test]
fn a_private_dns_name_takes_the_owner_of_the_domain() {
    let mut offer = Offer::new(declared(vec![]));
    offer.declared().private_dns_name = Some("products.example.com".into());
    assert_snapshot!(offer.plan(), @"
    drift
      drift     api (vpce-svc-00000000000000003): its private DNS name is not set, not products.example.com
    held
      api (vpce-svc-00000000000000003): its private DNS name is not set, not products.example.com; it takes the owner of the domain
         to do: aws ec2 modify-vpc-endpoint-service-configuration --service-id vpce-svc-00000000000000003 --private-dns-name products.example.com
    ");
    let service = offer.service.clone();
    let record = Some(("_abc".to_owned(), "vpce:xyz".to_owned()));
    let name = PrivateDns { name: "products.example.com".into(), state: "pendingVerification".into(), record };
    offer.links.services.get_mut(&service).unwrap().private_dns = Some(name.clone());
    assert_snapshot!(offer.plan().held[0].remedy, @"publish the TXT record _abc with the value vpce:xyz, then: aws ec2 start-vpc-endpoint-service-private-dns-verification --service-id vpce-svc-00000000000000003");
    let verified = PrivateDns { state: "verified".into(), record: None, ..name };
    offer.links.services.get_mut(&service).unwrap().private_dns = Some(verified);
    assert!(offer.plan().is_empty());
}

#[test]
fn what_was_not_seen_is_not_acted_upon() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, None)]));
    offer.declared().principals = Some(vec![]);
    offer.connect(PARTNER);
    let failed = || Unseen::Failed { retryable: true, why: "throttled".into() };
    let whole = Observed { services: [("api".into(), Seen::Unknown(failed()))].into() };
    assert_snapshot!(offer.plan_for(&whole), @"
    not seen
      api: throttled (to be tried again)
    ");
    let part = |change: &dyn Fn(&mut Sighting)| {
        let mut observed = offer.observe();
        let Some(Seen::Present(sighting)) = observed.services.get_mut("api") else { unreachable!() };
        change(sighting);
        offer.plan_for(&observed)
    };
    // Nobody is let in to a service that cannot be judged.
    let plan = part(&|sighting| sighting.balancer = Seen::Unknown(failed()));
    assert!(plan.steps.iter().all(|step| step.action.connection().is_none()), "{plan}");
    let plan = part(&|sighting| sighting.candidates[0].connections = Seen::Unknown(failed()));
    assert!(plan.steps.iter().all(|step| step.action.connection().is_none()) && plan.blind.len() == 1, "{plan}");
    let plan = part(&|sighting| sighting.candidates[0].principals = Seen::Unknown(failed()));
    assert!(plan.steps.iter().all(|step| step.action.connection().is_some()) && plan.blind.len() == 1, "{plan}");
    let plan = part(&|sighting| sighting.candidates[0].acceptance_required = None);
    assert_eq!(plan.blind.len(), 1, "{plan}");
    // Without candidates and without its load balancer seen, nobody knows whether there is a service.
    let plan = part(&|sighting| (sighting.balancer, sighting.candidates) = (Seen::Unknown(failed()), vec![]));
    assert!(plan.steps.is_empty() && plan.held.is_empty() && plan.blind.len() == 1, "{plan}");
    let unbound = Observed { services: [("api".into(), Seen::Unknown(Unseen::OutOfScope))].into() };
    assert!(offer.plan_for(&unbound).is_empty());
}

#[test]
fn no_more_than_aws_takes_at_once() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, None)]));
    for _ in 0..12 {
        offer.connect(PARTNER);
    }
    let plan = offer.plan();
    assert_eq!(plan.steps.len(), 10);
    assert_snapshot!(plan.wait.unwrap().why, @"AWS takes 10 decisions on connections at once, and one a second after");
    let at = offer.standing.now - jiff::SignedDuration::from_secs(3);
    let repair = |at| Repair { at, run: "r".into(), removed: false, succeeded: Some(true) };
    for n in 0..4 {
        offer.standing.repairs.insert(format!("vpce-{n}").into(), vec![repair(at)]);
        offer.standing.repairs.insert(format!("vpce-svc-{n}").into(), vec![repair(at)]);
    }
    assert_eq!(offer.plan().steps.len(), 6);
    offer.standing.now += jiff::SignedDuration::from_secs(10);
    assert_eq!(offer.plan().steps.len(), 10);
}

#[test]
fn hints_say_where_to_look() {
    let offer = Offer::new(declared(vec![]));
    let scope = |ids: &[&str]| PrivateLink::scope(&offer.desired, &ids.iter().map(|id| (*id).into()).collect());
    let only = |ids: &[&str]| Scope::Only(ids.iter().map(|id| (*id).into()).collect());
    assert_eq!(scope(&["vpce-svc-1", "vpce-2"]), only(&["vpce-svc-1"]));
    assert_eq!(scope(&["vpc-1"]), only(&["vpc-1"]));
    assert_eq!(scope(&["vpce-2"]), Scope::Everything);
    assert_eq!(scope(&["vpce-2", "vpc-1"]), Scope::Everything);
    assert_eq!(scope(&["sg-1"]), Scope::Everything);
    assert_eq!(scope(&[]), Scope::Everything);
}

#[test]
fn an_acceptance_taken_back_refuses_and_a_refusal_is_final() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, Some(1))]));
    offer.connect(PARTNER);
    let action = offer.plan().steps[0].action.clone();
    let slot = action.slot().unwrap();
    assert_eq!((slot.at_most, slot.live.len(), slot.name), (1, 0, format!("{}/{PARTNER}", offer.service)));
    let Inverse::Compensating(back, difference) = action.inverse(&Receipt::default()) else { unreachable!() };
    assert_snapshot!(format!("{back}\n{difference}"), @"
    reject vpce-00000000000000004 of account 222233334444 at api (vpce-svc-00000000000000003), which is pendingAcceptance: an acceptance is taken back
    the connection is refused instead of waiting again: its consumer has to make a new endpoint
    ");
    assert!(matches!(back.inverse(&Receipt::default()), Inverse::None(_)));
    let already = Receipt { already: true, ..Receipt::default() };
    assert!(matches!(action.inverse(&already), Inverse::None(_)));
}

#[test]
fn of_a_retired_topology_nobody_more_is_let_in_and_whoever_is_in_is_in_the_way() {
    let mut offer = Offer::new(declared(vec![accept(PARTNER, None)]));
    offer.desired.retired = true;
    assert_snapshot!(offer.plan(), @"in sync: nothing to do");
    offer.connected(PARTNER);
    offer.connect(PARTNER);
    let refused = offer.connect(OTHER);
    offer.put(&refused, ConnectionState::Rejected);
    let plan = offer.plan();
    assert!(plan.steps.is_empty(), "somebody's traffic: {plan}");
    let held: Vec<(&str, &str)> = plan.held.iter().map(|held| (held.name.as_str(), held.why.as_str())).collect();
    assert_eq!(
        held,
        [
            (
                "api/vpce-00000000000000004",
                "a connection of account 222233334444 is available, and the service is to go"
            ),
            (
                "api/vpce-00000000000000005",
                "a connection of account 222233334444 is pendingAcceptance, and the service is to go"
            ),
        ]
    );
    assert!(
        plan.held[0].remedy.contains(r#"{"reject":"vpce-00000000000000004","reason":"…"}"#),
        "{}",
        plan.held[0].remedy
    );

    // A person's word, or the document's, ends it.
    let endpoint = "vpce-00000000000000004".into();
    offer.by_hand(Verb::Reject, &endpoint, 1);
    offer.declared().otherwise = Otherwise::Reject;
    assert_eq!((offer.plan().steps.len(), offer.plan().held.len()), (2, 0));
    offer.declared().withdraw = Otherwise::Reject;
    offer.standing.directives.clear();
    let plan = offer.plan();
    assert_eq!((plan.steps.len(), plan.held.len()), (2, 0));
    assert_eq!(plan.steps[1].caveat.as_deref(), Some("what its consumer sends through it ends at once"));
}

#[test]
fn a_retired_service_without_a_load_balancer_or_gone_is_not_missed() {
    let mut offer = Offer::new(declared(vec![Accept { who: Consumer::Own, at_most: Some(1), until: None }]));
    offer.desired.retired = true;
    offer.connected("111122223333");
    assert!(offer.plan().is_empty(), "an endpoint of the same document goes with its stack");
    offer.acceptance(false);
    assert!(offer.plan().steps.iter().any(|step| step.contains), "nobody comes in unasked as long as it is there");
    offer.acceptance(true);
    offer.links.services.remove(&offer.service);
    assert!(offer.plan().is_empty());
}
