//! Ways out: made from nothing, kept up while gateways come and go, given back when nobody needs them.

use crate::deploy::Documents;
use crate::stage::{Caller, PATIENCE, Stage};
use aws_sdk_ec2::types::{Address, Filter, NatGateway, NatGatewayState, RouteState, RouteTable};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The ranges behind NAT, by zone.
const THREE_TIER: &[(&str, &str)] = &[("a", "10.0.48.0/20"), ("b", "10.0.64.0/20"), ("c", "10.0.80.0/20")];
const AUTOSCALED: &[(&str, &str)] = &[("a", "10.30.10.0/24"), ("b", "10.30.11.0/24")];

/// How often what was sent with a delay is made due: what waits for AWS is not to be waited for.
const POKE: Duration = Duration::from_secs(1);

/// How long anything may take before the test gives up: the next try after a failed gateway comes after half a minute.
const LONGEST: Duration = Duration::from_secs(2 * PATIENCE.as_secs());

/// A gateway as partners and bills know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Gateway {
    zone: String,
    id: String,
    ip: Option<String>,
    state: String,
}

/// The ways out of one VPC.
struct Ways<'a> {
    stage: &'a Stage,
    topology: &'static str,
    vpc: String,
    routed: &'static [(&'static str, &'static str)],
}

impl<'a> Ways<'a> {
    fn of(stage: &'a Stage, topology: &'static str, routed: &'static [(&'static str, &'static str)]) -> Self {
        Self { stage, topology, vpc: stage.vpc(topology, "main").to_owned(), routed }
    }

    fn ec2(&self) -> aws_sdk_ec2::Client {
        self.stage.ec2(Caller::Root)
    }

    fn here(&self) -> Filter {
        Filter::builder().name("vpc-id").values(&self.vpc).build()
    }

    async fn described(&self) -> Vec<NatGateway> {
        self.ec2().describe_nat_gateways().filter(self.here()).send().await.expect("described").nat_gateways().to_vec()
    }

    /// Every gateway that is there, or was lately.
    async fn all(&self) -> Vec<Gateway> {
        let subnets = self.ec2().describe_subnets().filters(self.here()).send().await.expect("described");
        let zones: BTreeMap<&str, &str> = subnets
            .subnets()
            .iter()
            .map(|subnet| (subnet.subnet_id().expect("an id"), subnet.availability_zone().expect("a zone")))
            .collect();
        let read = |gateway: &NatGateway| Gateway {
            zone: zones[gateway.subnet_id().expect("a subnet")].trim_start_matches(self.stage.region()).to_owned(),
            id: gateway.nat_gateway_id().expect("an id").to_owned(),
            ip: gateway.nat_gateway_addresses().first().and_then(|one| one.public_ip()).map(Into::into),
            state: gateway.state().map_or("?", NatGatewayState::as_str).to_owned(),
        };
        let mut found: Vec<Gateway> = self.described().await.iter().map(read).collect();
        found.sort();
        found
    }

    /// Those that work.
    async fn available(&self) -> Vec<Gateway> {
        self.all().await.into_iter().filter(|gateway| gateway.state == "available").collect()
    }

    async fn gateway(&self, zone: &str) -> Gateway {
        let mut here = self.available().await.into_iter().filter(|gateway| gateway.zone == zone);
        here.next().unwrap_or_else(|| panic!("no gateway in zone {zone}"))
    }

    async fn tables(&self) -> Vec<RouteTable> {
        self.ec2().describe_route_tables().filters(self.here()).send().await.expect("described").route_tables().to_vec()
    }

    /// By the range of each private subnet: its table, and where its default route leads, unless that is a black hole.
    async fn routes(&self) -> BTreeMap<&'static str, (String, Option<String>)> {
        let subnets = self.ec2().describe_subnets().filters(self.here()).send().await.expect("described");
        let tables = self.tables().await;
        let read = |cidr: &'static str| {
            let subnet = subnets.subnets().iter().find(|subnet| subnet.cidr_block() == Some(cidr)).expect("a subnet");
            let uses = |table: &&RouteTable| {
                table.associations().iter().any(|association| association.subnet_id() == subnet.subnet_id())
            };
            let table = tables.iter().find(uses).expect("a table");
            let default = table.routes().iter().find(|route| route.destination_cidr_block() == Some("0.0.0.0/0"));
            let leads = default.filter(|route| route.state() != Some(&RouteState::Blackhole));
            let to = leads.and_then(|route| route.nat_gateway_id().or(route.gateway_id())).map(Into::into);
            (cidr, (table.route_table_id().expect("an id").to_owned(), to))
        };
        self.routed.iter().map(|(_, cidr)| read(cidr)).collect()
    }

    /// By the zone of each private subnet: the zone of the gateway that it goes out through. `None`: it has no way out.
    async fn ways(&self) -> BTreeMap<&'static str, Option<String>> {
        let routes = self.routes().await;
        let gateways = self.available().await;
        let through =
            |id: &String| gateways.iter().find(|gateway| gateway.id == *id).map(|gateway| gateway.zone.clone());
        self.routed.iter().map(|(zone, cidr)| (*zone, routes[cidr].1.as_ref().and_then(through))).collect()
    }

    /// The addresses that Plumbline allocated for the topology.
    async fn addresses(&self) -> Vec<Address> {
        let mine = Filter::builder().name("tag:plumbline:topology").values(self.topology).build();
        self.ec2().describe_addresses().filters(mine).send().await.expect("described").addresses().to_vec()
    }

    async fn delete(&self, gateway: &Gateway, caller: Caller) {
        let delete = self.stage.ec2(caller).delete_nat_gateway().nat_gateway_id(&gateway.id);
        delete.send().await.expect("deleted");
    }

    /// Waits until every zone goes out as wanted and there are exactly these many gateways and addresses, all in use.
    async fn until(&self, wanted: &[(&str, &str)]) {
        let zones: BTreeSet<&str> = wanted.iter().map(|(_, through)| *through).collect();
        self.until_ways(wanted, zones.len()).await;
    }

    async fn until_ways(&self, wanted: &[(&str, &str)], gateways: usize) {
        let wanted: BTreeMap<&str, Option<String>> =
            wanted.iter().map(|(zone, through)| (*zone, Some((*through).to_owned()))).collect();
        self.until_so(&format!("{wanted:?} through {gateways} gateways"), async || {
            let alive = self.all().await.into_iter().filter(|gateway| gateway.state != "deleted").count();
            let addresses = self.addresses().await;
            self.ways().await == wanted
                && alive == gateways
                && addresses.len() == gateways
                && addresses.iter().all(|address| address.association_id().is_some())
        })
        .await;
    }

    /// Waits until something holds, making due what was sent with a delay.
    async fn until_so(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let started = Instant::now();
        let mut poked = started;
        while !holds().await {
            if started.elapsed() > LONGEST {
                let (all, ways, addresses) = (self.all().await, self.ways().await, self.addresses().await);
                let told = self.stage.outcomes().await;
                panic!("never {what}: {all:#?} {ways:#?} {addresses:#?}; it said {told:#?}");
            }
            if poked.elapsed() > POKE {
                poked = Instant::now();
                self.stage.admin("POST", "due", None);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn outcome(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mine = |event: &Value| {
            event["detail"]["key"]["control"] == json!("nat")
                && event["detail"]["key"]["topology"] == json!(self.topology)
                && wanted(event)
        };
        self.stage.outcome(what, mine).await
    }

    /// The id of a zone, which is the same in every account.
    async fn zone_id(&self, zone: &str) -> String {
        let subnets = self.ec2().describe_subnets().filters(self.here()).send().await.expect("described");
        let name = format!("{}{zone}", self.stage.region());
        let subnet = subnets.subnets().iter().find(|subnet| subnet.availability_zone() == Some(&name));
        subnet.and_then(|subnet| subnet.availability_zone_id()).expect("a zone id").to_owned()
    }

    /// Takes away every gateway, default route and address, as somebody whom no event tells of.
    async fn raze(&self) {
        let ec2 = self.ec2();
        for (table, to) in self.routes().await.into_values() {
            if to.is_some() {
                let delete = ec2.delete_route().route_table_id(table).destination_cidr_block("0.0.0.0/0");
                delete.send().await.expect("deleted");
            }
        }
        for gateway in self.available().await {
            self.delete(&gateway, Caller::Root).await;
        }
        self.stage.admin("POST", "nat/due", None);
        for address in self.addresses().await {
            let release = ec2.release_address().allocation_id(address.allocation_id().expect("an id"));
            release.send().await.expect("released");
        }
    }
}

fn said(event: &Value, text: &str) -> bool {
    event["detail"].to_string().contains(text)
}

#[tokio::test]
async fn everything_is_made_from_nothing_and_nothing_twice() {
    let stage = Stage::restored().await;
    let ways = Ways::of(&stage, "three-tier", THREE_TIER);
    stage.admin("PUT", "cloudtrail", Some(json!({"loss": 1.0})));
    ways.raze().await;
    assert_eq!(ways.available().await, []);
    assert_eq!(ways.addresses().await, []);
    stage.admin("PUT", "cloudtrail", Some(json!({"loss": 0.0})));
    let mark = stage.mark();

    stage.ask("three-tier").await;
    // The first gateway that comes up serves all who have no way out.
    ways.until_so("a way out of every zone", async || ways.ways().await.values().all(Option::is_some)).await;
    ways.until_so("a gateway in every zone", async || ways.available().await.len() == 3).await;
    stage.rest();
    // These replace gateways that were lost: in production what works is moved back when a person says so.
    let order = json!({"topology": "three-tier", "mode": "enforce", "reason": "INC-6"});
    assert_eq!(stage.by_hand("nat", order).await["ok"], json!(true));
    ways.until(&[("a", "a"), ("b", "b"), ("c", "c")]).await;

    let made =
        |action: &str| stage.calls(mark).iter().filter(|call| call.is_by("nat") && call.action == action).count();
    assert_eq!((made("AllocateAddress"), made("CreateNatGateway"), made("CreateRoute")), (3, 3, 3));
    assert_eq!((made("DeleteNatGateway"), made("ReleaseAddress")), (0, 0));
    let tags: BTreeMap<_, _> = ways
        .described()
        .await
        .iter()
        .find(|one| one.state() == Some(&NatGatewayState::Available))
        .expect("one that works")
        .tags()
        .iter()
        .map(|tag| (tag.key().unwrap().to_owned(), tag.value().unwrap().to_owned()))
        .collect();
    assert_eq!((tags["plumbline:topology"].as_str(), tags["plumbline:control"].as_str()), ("three-tier", "nat"));
}

#[tokio::test]
async fn what_was_asked_for_and_never_answered_is_not_asked_for_twice() {
    let stage = Stage::restored().await;
    let ways = Ways::of(&stage, "autoscaled-web", AUTOSCALED);
    stage.admin("PUT", "cloudtrail", Some(json!({"loss": 1.0})));
    ways.raze().await;
    let rule = |operation: &str| json!({"kind": "lost", "service": "ec2", "operation": operation, "times": 1});
    let rules: Vec<_> = ["AllocateAddress", "CreateNatGateway", "CreateRoute"].map(rule).into();
    stage.admin("PUT", "faults", Some(json!({"rules": rules})));
    let mark = stage.mark();

    stage.ask("autoscaled-web").await;
    ways.until(&[("a", "a"), ("b", "a")]).await;

    let fired = stage.admin("GET", "faults", None)["fired"].as_array().expect("what fired").len();
    assert_eq!(fired, 3, "each answer was lost once");
    let allocated = stage.calls(mark).iter().filter(|call| call.action == "AllocateAddress").count();
    assert_eq!(allocated, 1, "the address was found by its intent");
    assert_eq!(ways.all().await.iter().filter(|gateway| gateway.state != "deleted").count(), 1);
}

#[tokio::test]
async fn a_lost_gateway_fails_over_is_replaced_with_its_address_and_fails_back_by_hand() {
    let stage = Stage::restored().await;
    let ways = Ways::of(&stage, "three-tier", THREE_TIER);
    let lost = ways.gateway("a").await;

    ways.delete(&lost, Caller::User).await;
    let told = ways.outcome("moves the route", |event| said(event, "move 0.0.0.0/0")).await;
    assert!(told["causes"].to_string().contains("user/release-engineer"), "{told:#}");
    assert!(told.to_string().contains("source address changes from"), "it says what partners will see: {told:#}");

    // In production a route that works moves back when it is allowed to, not at once.
    ways.until_so("a replacement with the same address", async || {
        ways.available().await.iter().any(|one| one.zone == "a" && one.id != lost.id && one.ip == lost.ip)
    })
    .await;
    stage.rest();
    let now = ways.ways().await;
    assert!(now["a"].as_deref().is_some_and(|zone| zone != "a"), "{now:?}");
    assert_eq!((now["b"].as_deref(), now["c"].as_deref()), (Some("b"), Some("c")));
    assert_eq!(ways.addresses().await.len(), 3);

    let order = json!({"topology": "three-tier", "mode": "enforce", "reason": "INC-4: partners were told"});
    let answer = stage.by_hand("nat", order).await;
    assert_eq!(answer["ok"], json!(true), "{answer:#}");
    ways.until(&[("a", "a"), ("b", "b"), ("c", "c")]).await;
}

#[tokio::test]
async fn a_gateway_that_is_deleted_and_had_back_may_be_deleted_again_at_once() {
    let stage = Stage::restored().await;
    let ways = Ways::of(&stage, "autoscaled-web", AUTOSCALED);
    let mut seen = vec![ways.gateway("a").await];
    for _ in 0..2 {
        let last = seen.last().expect("one").clone();
        ways.delete(&last, Caller::Role).await;
        // The token of the one that is dead would give back the dead one.
        ways.until_so("another one", async || {
            ways.available().await.iter().any(|one| seen.iter().all(|gone| gone.id != one.id))
        })
        .await;
        ways.until(&[("a", "a"), ("b", "a")]).await;
        seen.push(ways.gateway("a").await);
    }
    let addresses: BTreeSet<_> = seen.iter().map(|gateway| gateway.ip.clone()).collect();
    assert_eq!(addresses.len(), 1, "the same address all the time: {seen:#?}");
}

#[tokio::test]
async fn a_gateway_that_fails_is_cleaned_away_told_of_and_tried_again() {
    let stage = Stage::restored().await;
    let ways = Ways::of(&stage, "autoscaled-web", AUTOSCALED);
    let lost = ways.gateway("a").await;
    let fail = json!({"fail_next": {"code": "InsufficientFreeAddressesInSubnet", "count": 1, "vpc": ways.vpc}});
    stage.admin("PUT", "nat", Some(fail));

    ways.delete(&lost, Caller::User).await;
    ways.outcome("says why it failed", |event| said(event, "InsufficientFreeAddressesInSubnet")).await;
    ways.until_so("the failed one cleaned away", async || {
        ways.all().await.iter().all(|gateway| gateway.state != "failed")
    })
    .await;
    assert_eq!(ways.addresses().await.len(), 1, "its address is kept for the next try");
    // The next try keeps its distance from the last one, and comes by itself.
    ways.until(&[("a", "a"), ("b", "a")]).await;
    assert_eq!(ways.gateway("a").await.ip, lost.ip);
}

#[tokio::test]
async fn staging_and_back_to_production_without_a_moment_without_a_way_out() {
    let stage = Stage::restored().await;
    let ways = Ways::of(&stage, "three-tier", THREE_TIER);
    let production = [("a", "a"), ("b", "b"), ("c", "c")];
    let watched = async |wanted: &[(&str, &str)], gateways: usize| {
        let want: BTreeMap<&str, Option<String>> =
            wanted.iter().map(|(zone, through)| (*zone, Some((*through).to_owned()))).collect();
        ways.until_so(&format!("{want:?}"), async || {
            // Read twice: a route may move between the two looks that one answer is made of.
            let (routes, now) = (ways.routes().await, ways.ways().await);
            if routes == ways.routes().await {
                assert!(now.values().all(Option::is_some), "a moment without a way out: {now:?}");
            }
            now == want
        })
        .await;
        ways.until_ways(wanted, gateways).await;
    };
    watched(&production, 3).await;
    let kept = ways.gateway("a").await;

    let documents = Documents::copied();
    documents.edit("three-tier", "environment: production", "environment: staging");
    documents.deploy(&stage);
    watched(&[("a", "a"), ("b", "a"), ("c", "a")], 1).await;
    assert_eq!(ways.gateway("a").await.id, kept.id, "the one that stays is not made anew");

    documents.edit("three-tier", "environment: staging", "environment: production");
    documents.deploy(&stage);
    watched(&production, 3).await;
    assert_eq!(ways.gateway("a").await.id, kept.id);
}

#[tokio::test]
async fn a_zone_is_evacuated_by_hand_and_taken_back_by_hand() {
    let stage = Stage::restored().await;
    let ways = Ways::of(&stage, "three-tier", THREE_TIER);
    let zone = ways.zone_id("b").await;

    let order = json!({"evacuate": zone, "for": "2h", "reason": "INC-5"});
    assert_eq!(stage.by_hand("nat", order).await["ok"], json!(true));
    stage.ask("three-tier").await;
    ways.until_so("zone b goes out elsewhere", async || {
        let now = ways.ways().await;
        now["b"].as_deref().is_some_and(|through| through != "b") && now["a"].as_deref() == Some("a")
    })
    .await;
    assert_eq!(ways.available().await.len(), 3, "its gateway waits");
    stage.rest();

    let back = json!({"withdraw": {"verb": "evacuate", "resource": zone, "reason": "INC-5 is over"}});
    let answer = stage.by_hand("nat", back).await;
    assert_eq!(answer["ok"], json!(true), "{answer:#}");
    let order = json!({"topology": "three-tier", "mode": "enforce", "reason": "INC-5 is over"});
    assert_eq!(stage.by_hand("nat", order).await["ok"], json!(true));
    ways.until(&[("a", "a"), ("b", "b"), ("c", "c")]).await;
}

#[tokio::test]
async fn a_zone_that_aws_shifts_away_from_is_left_at_once() {
    let stage = Stage::restored().await;
    let ways = Ways::of(&stage, "three-tier", THREE_TIER);
    let zone = ways.zone_id("c").await;
    stage.admin("PUT", "autoshifts", Some(json!({"away": [zone], "region": stage.region()})));
    // Nobody asks: the event of the shift is the reason to look.
    ways.until_so("zone c goes out elsewhere", async || {
        ways.ways().await["c"].as_deref().is_some_and(|through| through != "c")
    })
    .await;
    assert_eq!(ways.available().await.len(), 3);
}

#[tokio::test]
async fn a_default_route_to_the_internet_gateway_is_an_exposure() {
    let stage = Stage::restored().await;
    let ways = Ways::of(&stage, "three-tier", THREE_TIER);
    let (table, _) = ways.routes().await[THREE_TIER[0].1].clone();
    let gateways = ways.ec2().describe_internet_gateways();
    let here = Filter::builder().name("attachment.vpc-id").values(&ways.vpc).build();
    let found = gateways.filters(here).send().await.expect("described");
    let igw = found.internet_gateways()[0].internet_gateway_id().expect("an id").to_owned();

    let open = stage.ec2(Caller::User).replace_route().route_table_id(table).destination_cidr_block("0.0.0.0/0");
    open.gateway_id(igw).send().await.expect("opened");

    let told = ways.outcome("contains it", |event| said(event, "exposure")).await;
    assert!(told["causes"].to_string().contains("user/release-engineer"), "{told:#}");
    ways.until(&[("a", "a"), ("b", "b"), ("c", "c")]).await;
}

#[tokio::test]
async fn somebody_elses_gateway_is_never_deleted_nor_its_address_released() {
    let stage = Stage::restored().await;
    let ways = Ways::of(&stage, "autoscaled-web", AUTOSCALED);
    let ec2 = stage.ec2(Caller::User);
    let address = ec2.allocate_address().send().await.expect("allocated");
    let allocation = address.allocation_id().expect("an id").to_owned();
    let subnets = ec2.describe_subnets().filters(ways.here()).send().await.expect("described");
    let subnet = subnets.subnets().iter().find(|subnet| subnet.cidr_block() == Some("10.30.1.0/24")).expect("public b");
    let create = ec2.create_nat_gateway().subnet_id(subnet.subnet_id().unwrap()).allocation_id(&allocation);
    let made = create.send().await.expect("created");
    let theirs = made.nat_gateway().and_then(|gateway| gateway.nat_gateway_id()).expect("an id").to_owned();
    // A tag is not a deed: this one is copied.
    let ours =
        ways.described().await.into_iter().find(|gateway| gateway.nat_gateway_id() != Some(&theirs)).expect("ours");
    for tag in ours.tags() {
        ec2.create_tags().resources(&theirs).resources(&allocation).tags(tag.clone()).send().await.expect("tagged");
    }

    stage.idle();
    stage.ask("autoscaled-web").await;
    stage.rest();

    let alive: Vec<_> = ways.available().await.into_iter().map(|gateway| gateway.id).collect();
    assert!(alive.contains(&theirs) && alive.len() == 2, "{alive:?}");
    assert_eq!(ways.ways().await, [("a", Some("a".to_owned())), ("b", Some("a".to_owned()))].into());
}
