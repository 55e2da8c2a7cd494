//! What EC2 does with routes, associations, internet gateways and the attributes beside them, as checks that run against the in-memory
//! twin and against the local cloud alike.
//!
//! Sources: the EC2 API reference (Create-, Replace- and DeleteRoute, Associate- and DisassociateRouteTable,
//! ReplaceRouteTableAssociation, Create- and DeleteRouteTable, Attach- and DetachInternetGateway, ModifySubnetAttribute,
//! ModifyVpcAttribute, Route, RouteTable), its page of error codes, and "Route tables" of the Amazon VPC user guide.

use crate::ec2::Refusal;
use std::fmt::Debug;
use std::future::Future;
use topology::routes::{DnsAttribute, LOCAL, ObservedRoute, ObservedTable, Origin};
use topology::{ResourceId, VpcId};

/// A VPC to try things in, without an internet gateway: one subnet that uses the main table, and a table that nothing uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yard {
    /// The VPC.
    pub vpc: VpcId,
    /// Its range.
    pub cidr: String,
    /// The subnet.
    pub subnet: ResourceId,
    /// The table.
    pub table: ResourceId,
    /// An internet gateway that is attached nowhere.
    pub gateway: ResourceId,
    /// A network interface in the VPC.
    pub interface: ResourceId,
}

/// The EC2 calls that the contract is about. Implement it over the SDK to run the checks against a cloud.
pub trait RoutePort: Sync {
    /// A VPC of its own.
    fn yard(&self) -> impl Future<Output = Result<Yard, Refusal>> + Send;
    /// `CreateRouteTable` with a client token.
    fn create_table(&self, vpc: &VpcId, token: &str) -> impl Future<Output = Result<ResourceId, Refusal>> + Send;
    /// `DeleteRouteTable`.
    fn delete_table(&self, table: &ResourceId) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `AssociateRouteTable`; the association.
    fn associate(
        &self,
        table: &ResourceId,
        subnet: &ResourceId,
    ) -> impl Future<Output = Result<ResourceId, Refusal>> + Send;
    /// `ReplaceRouteTableAssociation`; the new association.
    fn replace_association(
        &self,
        association: &ResourceId,
        table: &ResourceId,
    ) -> impl Future<Output = Result<ResourceId, Refusal>> + Send;
    /// `DisassociateRouteTable`.
    fn disassociate(&self, association: &ResourceId) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `CreateRoute`.
    fn create_route(
        &self,
        table: &ResourceId,
        destination: &str,
        to: &ResourceId,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `ReplaceRoute`; to `local`: with `LocalTarget`.
    fn replace_route(
        &self,
        table: &ResourceId,
        destination: &str,
        to: &ResourceId,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `DeleteRoute`.
    fn delete_route(&self, table: &ResourceId, destination: &str) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `DescribeRouteTables` of one VPC.
    fn tables(&self, vpc: &VpcId) -> impl Future<Output = Result<Vec<ObservedTable>, Refusal>> + Send;
    /// `AttachInternetGateway`.
    fn attach(&self, gateway: &ResourceId, vpc: &VpcId) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `DetachInternetGateway`.
    fn detach(&self, gateway: &ResourceId, vpc: &VpcId) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `DescribeInternetGateways` of one: the VPC that it is attached to.
    fn attached(&self, gateway: &ResourceId) -> impl Future<Output = Result<Option<VpcId>, Refusal>> + Send;
    /// `ModifySubnetAttribute` of `MapPublicIpOnLaunch`.
    fn public_on_launch(&self, subnet: &ResourceId, on: bool) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `DescribeSubnets` of one: `MapPublicIpOnLaunch`.
    fn is_public_on_launch(&self, subnet: &ResourceId) -> impl Future<Output = Result<bool, Refusal>> + Send;
    /// `ModifyVpcAttribute`.
    fn set_dns(
        &self,
        vpc: &VpcId,
        attribute: DnsAttribute,
        on: bool,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `DescribeVpcAttribute`.
    fn dns(&self, vpc: &VpcId, attribute: DnsAttribute) -> impl Future<Output = Result<bool, Refusal>> + Send;
}

/// Runs every check. Answers what is broken; empty is good. Leaves VPCs behind.
pub async fn routes(port: &impl RoutePort) -> Vec<String> {
    let mut checks = Checks { port, broken: vec![] };
    if let Err(refusal) = checks.run().await {
        checks.broken.push(format!("unexpected refusal: {refusal}"));
    }
    checks.broken
}

struct Checks<'a, P> {
    port: &'a P,
    broken: Vec<String>,
}

/// Ids that nobody has.
const STRANGER: &str = "0fedcba9876543210";

impl<P: RoutePort> Checks<'_, P> {
    async fn run(&mut self) -> Result<(), Refusal> {
        self.routes().await?;
        self.associations().await?;
        self.tables().await?;
        self.gateways().await?;
        self.attributes().await
    }

    fn same<T: PartialEq + Debug>(&mut self, what: &str, is: &T, expected: &T) {
        if is != expected {
            self.broken.push(format!("{what}: {is:?} instead of {expected:?}"));
        }
    }

    fn refused<T>(&mut self, what: &str, answer: Result<T, Refusal>, code: &str) {
        match answer {
            Err(refusal) if refusal.code == code => {}
            Err(refusal) => self.broken.push(format!("{what}: refused by {} instead of {code}", refusal.code)),
            Ok(_) => self.broken.push(format!("{what}: not refused by {code}")),
        }
    }

    async fn shown(&self, yard: &Yard, table: &ResourceId) -> Result<Option<ObservedTable>, Refusal> {
        Ok(self.port.tables(&yard.vpc).await?.into_iter().find(|shown| shown.id == *table))
    }

    async fn route(&self, yard: &Yard, destination: &str) -> Result<Option<ObservedRoute>, Refusal> {
        let shown = self.shown(yard, &yard.table).await?;
        Ok(shown.and_then(|table| table.routes.into_iter().find(|route| route.destination == destination)))
    }

    async fn routes(&mut self) -> Result<(), Refusal> {
        let yard = self.port.yard().await?;
        let (table, gateway, interface) = (&yard.table, &yard.gateway, &yard.interface);
        let own = ObservedRoute {
            destination: yard.cidr.clone(),
            target: LOCAL.into(),
            blackhole: false,
            origin: Origin::Table,
        };
        self.same("a table comes with a local route", &self.route(&yard, &yard.cidr).await?, &Some(own.clone()));
        let early = self.port.create_route(table, "0.0.0.0/0", gateway).await;
        self.refused("a route to a gateway that is not attached", early, "InvalidParameterValue");
        self.port.attach(gateway, &yard.vpc).await?;
        for destination in ["0.0.0.0/0", "203.0.113.0/24", "::/0"] {
            let missing = self.port.replace_route(table, destination, gateway).await;
            self.refused("replacing a route that is not there", missing, "InvalidParameterValue");
            let missing = self.port.delete_route(table, destination).await;
            self.refused("deleting a route that is not there", missing, "InvalidRoute.NotFound");
            self.port.create_route(table, destination, gateway).await?;
            let route = ObservedRoute {
                destination: destination.to_owned(),
                target: gateway.clone(),
                blackhole: false,
                origin: Origin::Written,
            };
            self.same("a route is shown", &self.route(&yard, destination).await?, &Some(route.clone()));
            let twice = self.port.create_route(table, destination, gateway).await;
            self.refused("a second route to the same", twice, "RouteAlreadyExists");
            self.port.replace_route(table, destination, interface).await?;
            let moved = ObservedRoute { target: interface.clone(), ..route };
            self.same("a replaced route leads elsewhere", &self.route(&yard, destination).await?, &Some(moved));
            self.port.delete_route(table, destination).await?;
            self.same("a deleted route is gone", &self.route(&yard, destination).await?, &None);
        }
        let local = self.port.delete_route(table, &yard.cidr).await;
        self.refused("deleting the local route", local, "InvalidParameterValue");
        self.port.replace_route(table, &yard.cidr, interface).await?;
        let hijacked = self.route(&yard, &yard.cidr).await?.map(|route| route.target);
        self.same("the local route may be led elsewhere", &hijacked, &Some(interface.clone()));
        self.port.replace_route(table, &yard.cidr, &LOCAL.into()).await?;
        let back = self.route(&yard, &yard.cidr).await?.map(|route| route.target);
        self.same("and back", &back, &Some(LOCAL.into()));
        self.port.create_route(table, "0.0.0.0/0", gateway).await?;
        self.port.detach(gateway, &yard.vpc).await?;
        let black = self.route(&yard, "0.0.0.0/0").await?.map(|route| route.blackhole);
        self.same("without its gateway a route is a black hole", &black, &Some(true));
        self.port.attach(gateway, &yard.vpc).await?;
        let live = self.route(&yard, "0.0.0.0/0").await?.map(|route| route.blackhole);
        self.same("and with it again it is none", &live, &Some(false));
        Ok(())
    }

    async fn associations(&mut self) -> Result<(), Refusal> {
        let yard = self.port.yard().await?;
        let (table, subnet) = (&yard.table, &yard.subnet);
        let first = self.port.associate(table, subnet).await?;
        let shown = self.shown(&yard, table).await?.and_then(|table| table.subnets.get(subnet).cloned());
        self.same("an association is shown", &shown, &Some(first.clone()));
        let other = self.port.create_table(&yard.vpc, &format!("other-{}", yard.vpc)).await?;
        let twice = self.port.associate(&other, subnet).await;
        self.refused("a second table for a subnet", twice, "Resource.AlreadyAssociated");
        let second = self.port.replace_association(&first, &other).await?;
        self.same("a replaced association has another id", &(first != second), &true);
        let shown = self.shown(&yard, &other).await?.and_then(|table| table.subnets.get(subnet).cloned());
        self.same("it is shown where it is now", &shown, &Some(second.clone()));
        let left = self.shown(&yard, table).await?.map(|table| table.subnets.len());
        self.same("and not where it was", &left, &Some(0));
        let stale = self.port.replace_association(&first, table).await;
        self.refused("replacing an association that was replaced", stale, "InvalidAssociationID.NotFound");
        let used = self.port.delete_table(&other).await;
        self.refused("deleting a table that a subnet uses", used, "DependencyViolation");
        self.port.disassociate(&second).await?;
        let gone = self.port.disassociate(&second).await;
        self.refused("disassociating twice", gone, "InvalidAssociationID.NotFound");
        self.port.delete_table(&other).await
    }

    async fn tables(&mut self) -> Result<(), Refusal> {
        let yard = self.port.yard().await?;
        let token = format!("table-{}", yard.vpc);
        let made = self.port.create_table(&yard.vpc, &token).await?;
        let again = self.port.create_table(&yard.vpc, &token).await?;
        self.same("the same token gives the same table", &again, &made);
        let main = self.port.tables(&yard.vpc).await?.into_iter().find(|table| table.main);
        let Some(main) = main else {
            self.broken.push("a VPC without a main table".into());
            return Ok(());
        };
        let refused = self.port.delete_table(&main.id).await;
        self.refused("deleting the main table", refused, "DependencyViolation");
        self.port.delete_table(&made).await?;
        let gone = self.port.delete_table(&made).await;
        self.refused("deleting a table twice", gone, "InvalidRouteTableID.NotFound");
        Ok(())
    }

    async fn gateways(&mut self) -> Result<(), Refusal> {
        let (yard, other) = (self.port.yard().await?, self.port.yard().await?);
        let gateway = &yard.gateway;
        self.same("a new gateway is attached nowhere", &self.port.attached(gateway).await?, &None);
        let early = self.port.detach(gateway, &yard.vpc).await;
        self.refused("detaching what is not attached", early, "Gateway.NotAttached");
        self.port.attach(gateway, &yard.vpc).await?;
        self.same("an attachment is shown", &self.port.attached(gateway).await?, &Some(yard.vpc.clone()));
        let taken = self.port.attach(gateway, &other.vpc).await;
        self.refused("a gateway of two VPCs", taken, "Resource.AlreadyAssociated");
        let second = self.port.attach(&other.gateway, &yard.vpc).await;
        self.refused("two gateways of a VPC", second, "InvalidParameterValue");
        self.port.detach(gateway, &yard.vpc).await?;
        self.same("a detached gateway stays, attached nowhere", &self.port.attached(gateway).await?, &None);
        let stranger = ResourceId::new(format!("igw-{STRANGER}"));
        let answer = self.port.attach(&stranger, &yard.vpc).await;
        self.refused("a gateway that never was", answer, "InvalidInternetGatewayID.NotFound");
        Ok(())
    }

    async fn attributes(&mut self) -> Result<(), Refusal> {
        let yard = self.port.yard().await?;
        for on in [true, false] {
            self.port.public_on_launch(&yard.subnet, on).await?;
            self.same("public addresses on launch", &self.port.is_public_on_launch(&yard.subnet).await?, &on);
        }
        let both = [DnsAttribute::Support, DnsAttribute::Hostnames];
        self.same("a new VPC resolves names", &self.port.dns(&yard.vpc, both[0]).await?, &true);
        self.same("a new VPC gives none", &self.port.dns(&yard.vpc, both[1]).await?, &false);
        for (attribute, on) in [(both[1], true), (both[1], false), (both[0], false), (both[0], true)] {
            self.port.set_dns(&yard.vpc, attribute, on).await?;
            self.same("a DNS attribute", &self.port.dns(&yard.vpc, attribute).await?, &on);
        }
        Ok(())
    }
}
