//! Route tables, internet gateways and attributes: what people do to them, and what must follow.

use crate::deploy::Documents;
use crate::stage::{Caller, PATIENCE, Stage};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{AttributeBooleanValue, Filter, RouteTable};
use serde_json::json;
use std::time::{Duration, Instant};

fn by(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

fn off() -> AttributeBooleanValue {
    AttributeBooleanValue::builder().value(false).build()
}

async fn tables(ec2: &Client, vpc: &str) -> Vec<RouteTable> {
    ec2.describe_route_tables().filters(by("vpc-id", vpc)).send().await.expect("described").route_tables().to_vec()
}

/// The table whose tags say that it is this place's, such as `database-a`.
async fn table(ec2: &Client, vpc: &str, place: &str) -> RouteTable {
    let (tier, zone) = place.split_once('-').expect("a tier and a zone");
    let is = |table: &RouteTable, key: &str, value: &str| {
        table.tags().iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value))
    };
    let found = tables(ec2, vpc).await.into_iter();
    let mut found = found.filter(|table| is(table, "plumbline:tier", tier) && is(table, "plumbline:zone", zone));
    found.next().unwrap_or_else(|| panic!("no table of {place}"))
}

fn id(table: &RouteTable) -> &str {
    table.route_table_id().expect("an id")
}

async fn internet(ec2: &Client, vpc: &str) -> Option<String> {
    let found = ec2.describe_internet_gateways().filters(by("attachment.vpc-id", vpc)).send().await.expect("described");
    found.internet_gateways().first().and_then(|gateway| gateway.internet_gateway_id()).map(Into::into)
}

/// The table that a subnet uses outright.
async fn used(ec2: &Client, subnet: &str) -> Option<String> {
    let found = ec2.describe_route_tables().filters(by("association.subnet-id", subnet)).send().await;
    found.expect("described").route_tables().first().and_then(|table| table.route_table_id()).map(Into::into)
}

async fn until<T: PartialEq + std::fmt::Debug>(stage: &Stage, what: &str, wanted: &T, now: impl AsyncFn() -> T) {
    let started = Instant::now();
    loop {
        let is = now().await;
        if is == *wanted {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{what}: {is:?}; it said {:#?}", stage.outcomes().await);
        stage.admin("POST", "due", None);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What was held back is delivered, and nothing is held back any more.
fn told(stage: &Stage) {
    stage.admin("PUT", "cloudtrail", Some(json!({"paused": false})));
    stage.admin("POST", "cloudtrail/release", Some(json!({"order": "recorded"})));
}

#[tokio::test]
async fn a_detached_gateway_is_attached_again_and_its_routes_live() {
    let stage = Stage::restored().await;
    let (ec2, vpc) = (stage.ec2(Caller::User), stage.vpc("privatelink", "consumer").to_owned());
    let gateway = internet(&ec2, &vpc).await.expect("attached");
    // No gateway is detached while a public address is in use; a stopped instance gives its own back.
    let found = ec2.describe_instances().filters(by("vpc-id", &vpc)).send().await.expect("described");
    let clients = found.reservations().iter().flat_map(|one| one.instances()).filter_map(|one| one.instance_id());
    ec2.stop_instances().set_instance_ids(Some(clients.map(Into::into).collect())).send().await.expect("stopped");
    ec2.detach_internet_gateway().internet_gateway_id(&gateway).vpc_id(&vpc).send().await.expect("detached");
    until(&stage, "attached", &Some(gateway), async || internet(&ec2, &vpc).await).await;
    let dead = tables(&ec2, &vpc)
        .await
        .iter()
        .flat_map(|table| table.routes().to_vec())
        .any(|route| route.state().is_some_and(|state| state.as_str() == "blackhole"));
    assert!(!dead);
}

#[tokio::test]
async fn a_gateway_where_none_may_be_is_detached_and_stays() {
    let stage = Stage::restored().await;
    let (ec2, vpc) = (stage.ec2(Caller::Root), stage.vpc("privatelink", "producer").to_owned());
    let made = ec2.create_internet_gateway().send().await.expect("made");
    let gateway = made.internet_gateway().and_then(|made| made.internet_gateway_id()).expect("an id").to_owned();
    ec2.attach_internet_gateway().internet_gateway_id(&gateway).vpc_id(&vpc).send().await.expect("attached");
    until(&stage, "detached", &None, async || internet(&ec2, &vpc).await).await;
    let left = ec2.describe_internet_gateways().internet_gateway_ids(&gateway).send().await.expect("described");
    assert_eq!(left.internet_gateways().len(), 1, "it is somebody else's");
    let exposure = |event: &serde_json::Value| {
        event["detail"]["drifts"].to_string().contains(&gateway)
            && event["detail"]["drifts"].to_string().contains("exposure")
    };
    stage.outcome("tells of the gateway", exposure).await;
}

#[tokio::test]
async fn a_gateway_that_public_addresses_need_is_held_with_what_to_do() {
    let stage = Stage::restored().await;
    let (ec2, vpc) = (stage.ec2(Caller::Root), stage.vpc("privatelink", "producer").to_owned());
    let made = ec2.create_internet_gateway().send().await.expect("made");
    let gateway = made.internet_gateway().and_then(|made| made.internet_gateway_id()).expect("an id").to_owned();
    // The control `exposure` would take the address off, and with it what is in the way.
    let pause = json!({"pause": {"topology": "privatelink", "control": "exposure", "for": "2h", "reason": "INC-7"}});
    assert_eq!(stage.by_hand("exposure", pause).await["ok"], json!(true));
    stage.admin("PUT", "cloudtrail", Some(json!({"paused": true})));
    ec2.attach_internet_gateway().internet_gateway_id(&gateway).vpc_id(&vpc).send().await.expect("attached");
    let subnets = ec2.describe_subnets().filters(by("vpc-id", &vpc)).send().await.expect("described");
    let subnet = subnets.subnets()[0].subnet_id().expect("an id");
    let made = ec2.create_network_interface().subnet_id(subnet).send().await.expect("made");
    let interface = made.network_interface().and_then(|made| made.network_interface_id()).expect("an id");
    let made = ec2.allocate_address().send().await.expect("allocated");
    let address = made.allocation_id().expect("an id");
    let associate = ec2.associate_address().allocation_id(address).network_interface_id(interface);
    associate.send().await.expect("associated");
    told(&stage);
    let said = |event: &serde_json::Value| {
        let actions = event["detail"]["actions"].to_string();
        actions.contains("DependencyViolation") && actions.contains("public addresses are in use")
    };
    stage.outcome("says what is in the way", said).await;
    assert_eq!(internet(&ec2, &vpc).await, Some(gateway));
}

#[tokio::test]
async fn a_table_that_was_deleted_is_made_again_and_used() {
    let stage = Stage::restored().await;
    let (ec2, vpc) = (stage.ec2(Caller::Role), stage.vpc("hipaa", "main").to_owned());
    let own = table(&ec2, &vpc, "database-a").await;
    let association = &own.associations()[0];
    let subnet = association.subnet_id().expect("a subnet").to_owned();
    let leave = ec2.disassociate_route_table();
    stage.admin("PUT", "cloudtrail", Some(json!({"paused": true})));
    leave.association_id(association.route_table_association_id().expect("an id")).send().await.expect("left");
    ec2.delete_route_table().route_table_id(id(&own)).send().await.expect("deleted");
    let before = tables(&ec2, &vpc).await.len();
    told(&stage);
    until(&stage, "its own table again", &true, async || used(&ec2, &subnet).await.is_some()).await;
    let again = table(&ec2, &vpc, "database-a").await;
    assert_eq!(used(&ec2, &subnet).await.as_deref(), Some(id(&again)));
    assert_eq!(tables(&ec2, &vpc).await.len(), before + 1, "one, and no second one");
    let routes: Vec<_> = again.routes().iter().filter_map(|route| route.destination_cidr_block()).collect();
    assert_eq!(routes, ["10.20.0.0/16"], "an isolated subnet goes nowhere");
    stage.idle();
    stage.ask("hipaa").await;
    stage.idle();
    assert_eq!(tables(&ec2, &vpc).await.len(), before + 1);
    // Nothing of it is left of a topology that is retired.
    let documents = Documents::copied();
    documents.edit("hipaa", "environment: production", "environment: production\nstate: retired");
    documents.deploy(&stage);
    stage.ask("hipaa").await;
    until(&stage, "off the table that was made", &None, async || used(&ec2, &subnet).await).await;
    until(&stage, "without that table", &before, async || tables(&ec2, &vpc).await.len()).await;
}

#[tokio::test]
async fn a_default_route_that_leads_elsewhere_or_is_gone_leads_out_again() {
    let stage = Stage::restored().await;
    let (ec2, vpc) = (stage.ec2(Caller::Role), stage.vpc("privatelink", "consumer").to_owned());
    let (public, gateway) = (table(&ec2, &vpc, "public-a").await, internet(&ec2, &vpc).await.expect("attached"));
    let subnet = public.associations()[0].subnet_id().expect("a subnet");
    let made = ec2.create_network_interface().subnet_id(subnet).send().await.expect("made");
    let interface = made.network_interface().and_then(|made| made.network_interface_id()).expect("an id");
    let lead = ec2.replace_route().route_table_id(id(&public)).destination_cidr_block("0.0.0.0/0");
    lead.network_interface_id(interface).send().await.expect("led away");
    let leads = async || {
        let table = table(&ec2, &vpc, "public-a").await;
        let default = table.routes().iter().find(|route| route.destination_cidr_block() == Some("0.0.0.0/0"));
        default.and_then(|route| route.gateway_id()).map(str::to_owned)
    };
    let out = Some(gateway);
    until(&stage, "out", &out, leads).await;
    let delete = ec2.delete_route().route_table_id(id(&public)).destination_cidr_block("0.0.0.0/0");
    delete.send().await.expect("deleted");
    until(&stage, "out once more", &out, leads).await;
}

#[tokio::test]
async fn attributes_are_set_back_and_the_caller_is_named() {
    let stage = Stage::restored().await;
    let (ec2, vpc) = (stage.ec2(Caller::User), stage.vpc("autoscaled-web", "main").to_owned());
    ec2.modify_vpc_attribute().vpc_id(&vpc).enable_dns_hostnames(off()).send().await.expect("switched off");
    let names = async || {
        let asked = ec2.describe_vpc_attribute().vpc_id(&vpc);
        let asked = asked.attribute(aws_sdk_ec2::types::VpcAttributeName::EnableDnsHostnames).send().await;
        asked.expect("described").enable_dns_hostnames().and_then(|value| value.value())
    };
    until(&stage, "host names", &Some(true), names).await;
    let named = |event: &serde_json::Value| {
        event["detail"]["key"]["control"] == json!("routes")
            && event["detail"]["causes"].to_string().contains("user/release-engineer")
    };
    stage.outcome("names who it was", named).await;
    let public = ec2.describe_subnets().filters(by("vpc-id", &vpc)).filters(by("tag:plumbline:tier", "public"));
    let public = public.send().await.expect("described");
    let subnet = public.subnets()[0].subnet_id().expect("an id");
    ec2.modify_subnet_attribute().subnet_id(subnet).map_public_ip_on_launch(off()).send().await.expect("off");
    let gives = async || {
        let found = ec2.describe_subnets().subnet_ids(subnet).send().await.expect("described");
        found.subnets()[0].map_public_ip_on_launch()
    };
    until(&stage, "addresses on launch", &Some(true), gives).await;
}

#[tokio::test]
async fn a_subnet_that_was_moved_back_is_moved_again_by_hand_under_an_exemption() {
    let stage = Stage::restored().await;
    let (ec2, vpc) = (stage.ec2(Caller::User), stage.vpc("three-tier", "main").to_owned());
    let (own, other) = (table(&ec2, &vpc, "database-a").await, table(&ec2, &vpc, "database-b").await);
    let subnet = own.associations()[0].subnet_id().expect("a subnet").to_owned();
    let association = own.associations()[0].route_table_association_id().expect("an id");
    let replace = ec2.replace_route_table_association().association_id(association).route_table_id(id(&other));
    replace.send().await.expect("moved");
    let (home, away) = (Some(id(&own).to_owned()), Some(id(&other).to_owned()));
    let now = async || used(&ec2, &subnet).await;
    until(&stage, "back", &home, now).await;
    stage.rest();

    let record = stage.record("routes", "three-tier", |it| it.contains(&format!("move {subnet} from"))).await;
    let undo = json!({"undo": {"topology": "three-tier", "token": record["token"], "reason": "a migration"}});
    let refused = stage.by_hand("routes", undo.clone()).await;
    assert_eq!(refused["ok"], json!(false), "it would be moved back at once: {refused:#}");
    let exempt = json!({"exempt": {"resource": subnet, "for": "4h", "reason": "a migration"}});
    assert_eq!(stage.by_hand("routes", exempt).await["ok"], json!(true));
    let undone = stage.by_hand("routes", undo).await;
    assert_eq!(undone["ok"], json!(true), "{undone:#}");
    assert_eq!(now().await, away);
    stage.ask("three-tier").await;
    stage.rest();
    assert_eq!(now().await, away, "exempt");

    let unexempt = json!({"unexempt": {"resource": subnet, "reason": "the migration is over"}});
    assert_eq!(stage.by_hand("routes", unexempt).await["ok"], json!(true));
    stage.ask("three-tier").await;
    until(&stage, "back again", &home, now).await;
}

#[tokio::test]
async fn with_nat_beside_it_neither_undoes_the_other() {
    let stage = Stage::restored().await;
    let (ec2, vpc) = (stage.ec2(Caller::Role), stage.vpc("hipaa", "main").to_owned());
    let (private, database) = (table(&ec2, &vpc, "private-a").await, table(&ec2, &vpc, "database-a").await);
    let gateway = internet(&ec2, &vpc).await.expect("attached");
    let mark = stage.mark();
    // Each control's own: the private default route is for `nat`, the database's for `routes`; and they change places.
    let open = ec2.replace_route().route_table_id(id(&private)).destination_cidr_block("0.0.0.0/0");
    open.gateway_id(&gateway).send().await.expect("opened");
    let of = |table: &RouteTable| table.associations()[0].route_table_association_id().expect("an id").to_owned();
    let subnets = [&private, &database].map(|table| table.associations()[0].subnet_id().expect("a subnet").to_owned());
    for (from, to) in [(&private, &database), (&database, &private)] {
        let swap = ec2.replace_route_table_association().association_id(of(from)).route_table_id(id(to));
        swap.send().await.expect("moved");
    }
    let wanted = [Some(id(&private).to_owned()), Some(id(&database).to_owned())];
    let now = async || [used(&ec2, &subnets[0]).await, used(&ec2, &subnets[1]).await];
    until(&stage, "each on its own table", &wanted, now).await;
    let ways = async || {
        let leads = |table: RouteTable| {
            let default = table.routes().iter().find(|route| route.destination_cidr_block() == Some("0.0.0.0/0"));
            default.map(|route| route.nat_gateway_id().is_some())
        };
        [leads(table(&ec2, &vpc, "private-a").await), leads(table(&ec2, &vpc, "database-a").await)]
    };
    until(&stage, "the ways out", &[Some(true), None], ways).await;
    stage.rest();
    let quiet = stage.mark();
    stage.ask("hipaa").await;
    stage.rest();
    let routing = |since: u64| {
        let calls = stage.calls(since).into_iter().filter(|call| call.is_plumbline_write());
        calls.filter(|call| call.action.contains("Route")).map(|call| call.action).collect::<Vec<_>>()
    };
    assert_eq!(routing(quiet), Vec::<String>::new(), "they are at rest");
    assert!(routing(mark).len() <= 10, "{:?}", routing(mark));
}
