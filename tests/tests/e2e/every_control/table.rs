//! The way of a database's subnets.

use crate::scenario::Subject;
use crate::stage::{Caller, Stage};
use aws_sdk_ec2::types::{Filter, RouteTable};
use topology::ControlId;

/// The route tables of a VPC with what uses them: somebody opens one database subnet to the internet, and gives another one the
/// public route table.
pub(super) struct Tables(String);

fn tag<'a>(table: &'a RouteTable, key: &str) -> &'a str {
    table.tags().iter().find(|tag| tag.key() == Some(key)).and_then(|tag| tag.value()).unwrap_or_default()
}

impl Tables {
    async fn all(&self, stage: &Stage) -> Vec<RouteTable> {
        let by = Filter::builder().name("vpc-id").values(&self.0).build();
        let found = stage.ec2(Caller::Root).describe_route_tables().filters(by).send().await.expect("described");
        found.route_tables().to_vec()
    }

    async fn named(&self, stage: &Stage, name: &str) -> RouteTable {
        let wanted = format!("{}-main-{name}", Self::TOPOLOGY);
        self.all(stage).await.into_iter().find(|table| tag(table, "Name") == wanted).expect("a table of that name")
    }
}

impl Subject for Tables {
    const CONTROL: ControlId = ControlId::Routes;
    const TOPOLOGY: &'static str = "hipaa";
    const DEAD_LETTERS: &'static str = "RoutesDeadLettersUrl";
    const REPAIR: &'static [(&'static str, usize)] = &[("DeleteRoute", 1), ("ReplaceRouteTableAssociation", 1)];
    const WRITES: &'static [&'static str] = &["ec2 DeleteRoute", "ec2 ReplaceRouteTableAssociation"];

    async fn find(stage: &Stage) -> Self {
        Self(stage.vpc(Self::TOPOLOGY, "main").to_owned())
    }

    /// Each table with its subnets and its routes: nothing but associations gets another id.
    async fn state(&self, stage: &Stage) -> Vec<String> {
        let mut words = vec![];
        for table in self.all(stage).await {
            let name = tag(&table, "Name").to_owned();
            let subnets = table.associations().iter().filter_map(|association| association.subnet_id());
            words.extend(subnets.map(|subnet| format!("{subnet} uses {name}")));
            words.extend(table.routes().iter().map(|route| {
                let to = route.destination_cidr_block().or(route.destination_prefix_list_id()).unwrap_or("?");
                let through = route.gateway_id().or(route.nat_gateway_id()).unwrap_or("?");
                format!("{name}: {to} by {through}, {}", route.state().map_or("?", |state| state.as_str()))
            }));
        }
        words.sort();
        words
    }

    async fn damage(&self, stage: &Stage, caller: Caller) {
        let ec2 = stage.ec2(caller);
        let (a, b) = (self.named(stage, "database-a").await, self.named(stage, "database-b").await);
        let public = self.named(stage, "public-b").await;
        let mut gateways = public.routes().iter().filter_map(|route| route.gateway_id());
        let internet = gateways.find(|id| id.starts_with("igw-")).expect("an internet gateway");
        let open = ec2.create_route().route_table_id(a.route_table_id().expect("an id"));
        open.destination_cidr_block("0.0.0.0/0").gateway_id(internet).send().await.expect("opened");
        let association = b.associations().first().and_then(|one| one.route_table_association_id()).expect("an id");
        let give = ec2.replace_route_table_association().association_id(association);
        give.route_table_id(public.route_table_id().expect("an id")).send().await.expect("moved");
    }
}
