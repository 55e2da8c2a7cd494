//! Consumers of the products API, in accounts of their own: who is let in, who waits, who is refused, and who is cut off.

use crate::contract_links::{balancer, connect, connections};
use crate::stage::{Call, Caller, PATIENCE, Stage};
use aws_sdk_ec2::types::Filter;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use topology::ResourceId;
use topology::privatelink::ConnectionState;

const STRANGER: &str = "arn:aws:iam::333344445555:root";

/// The declared service on a stage.
struct Offer {
    stage: Stage,
    service: String,
}

impl Offer {
    async fn new() -> Self {
        let stage = Stage::restored().await;
        let by = Filter::builder().name("tag:plumbline:service").values("products-api").build();
        let describe = stage.ec2(Caller::Root).describe_vpc_endpoint_service_configurations().filters(by);
        let found = describe.send().await.expect("described");
        let service = found.service_configurations()[0].service_id().expect("an id").to_owned();
        Self { stage, service }
    }

    async fn connect(&self, caller: Caller) -> ResourceId {
        connect(&self.stage, caller, &self.service).await.expect("it may ask")
    }

    /// A stranger can ask only if somebody lets it; no event tells Plumbline of that.
    async fn admit_strangers(&self) {
        self.stage.admin("PUT", "cloudtrail", Some(json!({"loss": 1.0})));
        let allow = self.stage.ec2(Caller::User).modify_vpc_endpoint_service_permissions();
        let allow = allow.service_id(&self.service).add_allowed_principals(STRANGER);
        allow.send().await.expect("allowed");
    }

    async fn acceptance(&self, required: bool) {
        let modify = self.stage.ec2(Caller::User).modify_vpc_endpoint_service_configuration();
        let modify = modify.service_id(&self.service).acceptance_required(required);
        modify.send().await.expect("modified");
    }

    async fn state(&self, endpoint: &ResourceId) -> Option<ConnectionState> {
        let all = connections(&self.stage, &self.service).await;
        all.into_iter().find(|one| one.endpoint == *endpoint).map(|one| one.state)
    }

    async fn until(&self, endpoint: &ResourceId, state: ConnectionState) {
        let started = Instant::now();
        loop {
            let now = self.state(endpoint).await;
            if now.as_ref() == Some(&state) {
                return;
            }
            if started.elapsed() > PATIENCE {
                panic!("{endpoint} is {now:?}, not {state}; told: {:#?}", self.stage.outcomes().await);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What was told of a connection as held, with what to do about it.
    async fn held(&self, endpoint: &ResourceId) -> Value {
        let about = |held: &Value| held["resource"]["id"] == json!(endpoint.as_str());
        let of = |detail: &Value| detail["held"].as_array().and_then(|all| all.iter().find(|one| about(one))).cloned();
        let what = format!("holds {endpoint}");
        let detail = self.stage.outcome(&what, |event| of(&event["detail"]).is_some()).await;
        of(&detail).expect("held")
    }

    /// Types what a message told the reader to type.
    async fn by_hand(&self, order: Value) {
        let answer = self.stage.by_hand("privatelink", order).await;
        assert_eq!(answer["ok"], json!(true), "{answer:#}");
    }

    /// Accepts and rejects that Plumbline made.
    fn decisions(&self, since: u64) -> Vec<String> {
        let decides = |call: &Call| call.is_plumbline_write() && call.action.ends_with("VpcEndpointConnections");
        self.stage.calls(since).iter().filter(|call| decides(call)).map(|call| call.action.clone()).collect()
    }
}

#[tokio::test]
async fn the_partner_is_let_in_at_once_and_one_beyond_its_limit_waits_for_a_person() {
    let offer = Offer::new().await;
    let (first, second) = (offer.connect(Caller::Partner).await, offer.connect(Caller::Partner).await);
    // The notice of AWS is the only event: CreateVpcEndpoint is in the consumer's trail.
    offer.until(&first, ConnectionState::Available).await;
    offer.until(&second, ConnectionState::Available).await;

    let third = offer.connect(Caller::Partner).await;
    let held = offer.held(&third).await;
    let remedy = held["remedy"].as_str().expect("what to do");
    let command = format!(r#"{{"approve":"{third}","reason":"…"}}"#);
    assert!(remedy.contains(&command), "{remedy}");
    offer.stage.rest();
    assert_eq!(offer.state(&third).await, Some(ConnectionState::PendingAcceptance));

    offer.by_hand(serde_json::from_str(&command).expect("what is told can be typed")).await;
    offer.until(&third, ConnectionState::Available).await;
    let mark = offer.stage.mark();
    offer.stage.ask("privatelink").await;
    offer.stage.rest();
    assert_eq!(offer.decisions(mark), Vec::<String>::new(), "the approval is remembered");
}

#[tokio::test]
async fn of_two_that_race_for_the_last_place_one_gets_in() {
    let offer = Offer::new().await;
    let first = offer.connect(Caller::Partner).await;
    offer.until(&first, ConnectionState::Available).await;
    let (left, right) = tokio::join!(offer.connect(Caller::Partner), offer.connect(Caller::Partner));
    // Both are looked at by whoever is awake: notices, sweeps, and a person's own run.
    offer.stage.ask("privatelink").await;
    let order = json!({"topology": "privatelink", "mode": "enforce", "reason": "INC-2"});
    offer.stage.by_hand("privatelink", order).await;
    offer.stage.rest();
    let mut states = [offer.state(&left).await.expect("there"), offer.state(&right).await.expect("there")];
    states.sort();
    assert_eq!(states, [ConnectionState::PendingAcceptance, ConnectionState::Available]);
}

#[tokio::test]
async fn a_stranger_waits_and_whoever_let_it_ask_is_undone() {
    let offer = Offer::new().await;
    offer.admit_strangers().await;
    let stranger = offer.connect(Caller::Stranger).await;

    let held = offer.held(&stranger).await;
    assert!(held["why"].as_str().is_some_and(|why| why.contains("333344445555")), "{held:#}");
    offer.stage.rest();
    assert_eq!(offer.state(&stranger).await, Some(ConnectionState::PendingAcceptance));
    let refused = connect(&offer.stage, Caller::Stranger, &offer.service).await.expect_err("may not ask any more");
    assert_eq!(refused.code, "InvalidServiceName");

    offer.by_hand(json!({"reject": stranger.as_str(), "reason": "INC-3: nobody knows them"})).await;
    offer.until(&stranger, ConnectionState::Rejected).await;
}

#[tokio::test]
async fn who_came_in_while_nobody_was_asked_pages_and_goes_when_a_person_says_so() {
    let offer = Offer::new().await;
    offer.admit_strangers().await;
    offer.acceptance(false).await;
    let stranger = offer.connect(Caller::Stranger).await;
    let partner = offer.connect(Caller::Partner).await;

    let exposed = |event: &Value| {
        let drifts = event["detail"]["drifts"].as_array();
        let of = |drift: &Value| {
            drift["resource"]["id"] == json!(stranger.as_str()) && drift["severity"] == json!("exposure")
        };
        drifts.is_some_and(|drifts| drifts.iter().any(of))
    };
    offer.stage.outcome("tells of the exposure", exposed).await;
    offer.stage.rest();
    let modified = offer.stage.ec2(Caller::Root).describe_vpc_endpoint_service_configurations();
    let found = modified.service_ids(&offer.service).send().await.expect("described");
    assert_eq!(found.service_configurations()[0].acceptance_required(), Some(true), "restored");
    // Neither is cut off unasked: the partner may be in, and `withdraw` says hold.
    assert_eq!(offer.state(&stranger).await, Some(ConnectionState::Available));
    assert_eq!(offer.state(&partner).await, Some(ConnectionState::Available));

    offer.by_hand(json!({"reject": stranger.as_str(), "reason": "INC-4"})).await;
    offer.until(&stranger, ConnectionState::Rejected).await;
    offer.stage.rest();
    assert_eq!(offer.state(&partner).await, Some(ConnectionState::Available));
}

#[tokio::test]
async fn an_answer_that_succeeds_in_part_is_tried_again() {
    let offer = Offer::new().await;
    let refuse = json!({"refuse": [{"call": "accept", "code": "InternalError", "count": 1}], "pending": 1.0});
    offer.stage.admin("PUT", "privatelink", Some(refuse));
    let mark = offer.stage.mark();
    let endpoint = offer.connect(Caller::Partner).await;
    // In flight is in: nothing more is done about it, and it comes up.
    let started = Instant::now();
    while offer.state(&endpoint).await != Some(ConnectionState::Available) {
        assert!(started.elapsed() < PATIENCE, "{:?}", offer.state(&endpoint).await);
        offer.stage.admin("POST", "due", None);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    offer.stage.rest();
    assert_eq!(offer.decisions(mark), ["AcceptVpcEndpointConnections"; 2], "once more, and no more");
}

#[tokio::test]
async fn an_undeclared_load_balancer_is_taken_from_behind_the_service() {
    let offer = Offer::new().await;
    let other = balancer(&offer.stage, "admin-console").await;
    let attach = offer.stage.ec2(Caller::User).modify_vpc_endpoint_service_configuration().service_id(&offer.service);
    attach.add_network_load_balancer_arns(other.as_str()).send().await.expect("attached");

    let started = Instant::now();
    loop {
        let describe = offer.stage.ec2(Caller::Root).describe_vpc_endpoint_service_configurations();
        let found = describe.service_ids(&offer.service).send().await.expect("described");
        let behind = found.service_configurations()[0].network_load_balancer_arns();
        if behind.len() == 1 && behind[0].contains("/products/") {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "behind it: {behind:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_vpc_links_own_service_is_left_alone() {
    let offer = Offer::new().await;
    let by = offer.stage.load_balancers().describe_load_balancers().names("products").send().await.expect("described");
    let arn = by.load_balancers()[0].load_balancer_arn().expect("an ARN").to_owned();
    let made = offer.stage.admin("POST", "privatelink/vpc_link", Some(json!({ "load_balancer": arn })));
    let mark = offer.stage.mark();
    offer.stage.ask("privatelink").await;
    let partner = offer.connect(Caller::Partner).await;
    offer.until(&partner, ConnectionState::Available).await;
    offer.stage.rest();
    assert_eq!(offer.decisions(mark), ["AcceptVpcEndpointConnections"]);
    let theirs = made["service"].as_str().expect("an id");
    let states: Vec<ConnectionState> =
        connections(&offer.stage, theirs).await.into_iter().map(|one| one.state).collect();
    assert_eq!(states, [ConnectionState::Available]);
}
