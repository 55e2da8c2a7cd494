//! The way out of a private tier.

use crate::scenario::Subject;
use crate::stage::{Caller, Stage};
use aws_sdk_ec2::types::{Filter, NatGateway, NatGatewayState, RouteTable};
use topology::ControlId;

/// The only NAT gateway of a VPC that is not production, with both routes that lead to it: somebody deletes it.
pub(super) struct Gateway(String);

impl Gateway {
    fn by(&self) -> Filter {
        Filter::builder().name("vpc-id").values(&self.0).build()
    }

    async fn gateways(&self, stage: &Stage) -> Vec<NatGateway> {
        let found = stage.ec2(Caller::Root).describe_nat_gateways().filter(self.by()).send().await.expect("described");
        let alive = |gateway: &&NatGateway| {
            !matches!(gateway.state(), Some(NatGatewayState::Deleted | NatGatewayState::Deleting))
        };
        found.nat_gateways().iter().filter(alive).cloned().collect()
    }

    async fn tables(&self, stage: &Stage) -> Vec<RouteTable> {
        let found = stage.ec2(Caller::Root).describe_route_tables().filters(self.by()).send().await.expect("described");
        found.route_tables().to_vec()
    }
}

impl Subject for Gateway {
    const CONTROL: ControlId = ControlId::Nat;
    const TOPOLOGY: &'static str = "autoscaled-web";
    const DEAD_LETTERS: &'static str = "NatDeadLettersUrl";
    const REPAIR: &'static [(&'static str, usize)] = &[("CreateNatGateway", 1), ("ReplaceRoute", 2)];
    const WRITES: &'static [&'static str] = &["ec2 CreateNatGateway", "ec2 ReplaceRoute"];

    async fn find(stage: &Stage) -> Self {
        Self(stage.vpc(Self::TOPOLOGY, "main").to_owned())
    }

    /// Each gateway with its public address, which partners know; each default route with where it leads; and every address that
    /// Plumbline allocated for the topology, so that one that nothing uses is seen.
    async fn state(&self, stage: &Stage) -> Vec<String> {
        let mut words = vec![];
        let gateways = self.gateways(stage).await;
        for gateway in &gateways {
            let address = gateway.nat_gateway_addresses().first().and_then(|address| address.public_ip());
            words.push(format!(
                "gateway {} in {} with {}",
                gateway.state().map_or("?", NatGatewayState::as_str),
                gateway.subnet_id().unwrap_or("a whole VPC"),
                address.unwrap_or("no address"),
            ));
        }
        for table in self.tables(stage).await {
            for route in table.routes().iter().filter(|route| route.destination_cidr_block() == Some("0.0.0.0/0")) {
                let leads = |gateway: &&NatGateway| gateway.nat_gateway_id() == route.nat_gateway_id();
                let to = match route.nat_gateway_id() {
                    None => route.gateway_id().unwrap_or("somewhere else"),
                    Some(_) if gateways.iter().any(|gateway| leads(&gateway)) => "the gateway",
                    Some(_) => "a gateway that is gone",
                };
                let state = route.state().map_or("?", |state| state.as_str());
                words.push(format!("{} leads to {to}, {state}", table.route_table_id().unwrap_or("?")));
            }
        }
        let mine = Filter::builder().name("tag:plumbline:topology").values(Self::TOPOLOGY).build();
        let found = stage.ec2(Caller::Root).describe_addresses().filters(mine).send().await.expect("described");
        for address in found.addresses() {
            let used = if address.association_id().is_some() { "used" } else { "unused" };
            words.push(format!("address {} is {used}", address.public_ip().unwrap_or("?")));
        }
        words.sort();
        words
    }

    async fn damage(&self, stage: &Stage, caller: Caller) {
        for gateway in self.gateways(stage).await {
            let id = gateway.nat_gateway_id().expect("an id");
            stage.ec2(caller).delete_nat_gateway().nat_gateway_id(id).send().await.expect("deleted");
        }
        // Gone, not going: what the control leaves alone stays as it is, and does not become free by itself.
        stage.admin("POST", "nat/due", None);
    }
}
