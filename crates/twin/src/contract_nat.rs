//! What EC2 does with NAT gateways, their addresses and the routes to them, as checks that run against the in-memory twin and against
//! the local cloud alike.
//!
//! Sources: the EC2 API reference (Create-, Delete- and DescribeNatGateways, Allocate- and ReleaseAddress, Create-, Replace- and
//! DeleteRoute, NatGateway, Route), its page of error codes, and the NAT gateway pages of the Amazon VPC user guide.

use crate::ec2::Refusal;
use std::fmt::Debug;
use std::future::Future;
use topology::nat::{Availability, DefaultRoute, GatewayState, NewGateway, ObservedAddress, ObservedGateway};
use topology::{ResourceId, VpcId};

/// A VPC to try things in: a public subnet, whose table leads to an attached internet gateway, and an empty table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// The VPC.
    pub vpc: VpcId,
    /// The internet gateway that is attached.
    pub internet: ResourceId,
    /// The public subnet.
    pub subnet: ResourceId,
    /// The public subnet's table.
    pub public: ResourceId,
    /// A table without a default route.
    pub table: ResourceId,
}

/// The EC2 calls that the contract is about. Implement it over the SDK to run the checks against a cloud.
pub trait NatPort: Sync {
    /// A VPC of its own.
    fn ground(&self) -> impl Future<Output = Result<Ground, Refusal>> + Send;
    /// `AllocateAddress`.
    fn allocate(&self) -> impl Future<Output = Result<ResourceId, Refusal>> + Send;
    /// `ReleaseAddress`.
    fn release(&self, allocation: &ResourceId) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `DescribeAddresses` of one; `None` when it is not there.
    fn address(&self, allocation: &ResourceId)
    -> impl Future<Output = Result<Option<ObservedAddress>, Refusal>> + Send;
    /// `CreateNatGateway`.
    fn create(&self, new: &NewGateway, token: &str) -> impl Future<Output = Result<ResourceId, Refusal>> + Send;
    /// `DeleteNatGateway`.
    fn delete(&self, gateway: &ResourceId) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `DescribeNatGateways` of one VPC, every page.
    fn gateways(&self, vpc: &VpcId) -> impl Future<Output = Result<Vec<ObservedGateway>, Refusal>> + Send;
    /// Waits until nothing in the VPC is pending or being deleted.
    fn arrived(&self, vpc: &VpcId) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `CreateRoute` for 0.0.0.0/0 to a NAT gateway.
    fn create_route(
        &self,
        table: &ResourceId,
        gateway: &ResourceId,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `ReplaceRoute` for 0.0.0.0/0 by a NAT gateway.
    fn replace_route(
        &self,
        table: &ResourceId,
        gateway: &ResourceId,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `DeleteRoute` for 0.0.0.0/0.
    fn delete_route(&self, table: &ResourceId) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `DescribeRouteTables` of one: its default route.
    fn default_route(&self, table: &ResourceId) -> impl Future<Output = Result<Option<DefaultRoute>, Refusal>> + Send;
    /// `DetachInternetGateway`.
    fn detach(&self, internet: &ResourceId, vpc: &VpcId) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// Runs every check. Answers what is broken; empty is good. Leaves VPCs behind, and no address.
pub async fn nat(port: &impl NatPort) -> Vec<String> {
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

const STRANGER: &str = "0123456789abcdef0";

impl<P: NatPort> Checks<'_, P> {
    async fn run(&mut self) -> Result<(), Refusal> {
        self.lives().await?;
        self.tokens().await?;
        self.routes().await?;
        self.failures().await?;
        self.regional().await
    }

    fn same<T: PartialEq + Debug>(&mut self, what: &str, left: &T, right: &T) {
        if left != right {
            self.broken.push(format!("{what}: {left:?} is not {right:?}"));
        }
    }

    fn refused<T: Debug>(&mut self, what: &str, answer: Result<T, Refusal>, codes: &[&str]) {
        match answer {
            Err(refusal) if codes.contains(&refusal.code.as_str()) => {}
            other => self.broken.push(format!("{what}: expected {codes:?}, got {other:?}")),
        }
    }

    async fn shown(&self, ground: &Ground, id: &ResourceId) -> Result<Option<ObservedGateway>, Refusal> {
        Ok(self.port.gateways(&ground.vpc).await?.into_iter().find(|gateway| gateway.id == *id))
    }

    async fn state(&self, ground: &Ground, id: &ResourceId) -> Result<Option<GatewayState>, Refusal> {
        Ok(self.shown(ground, id).await?.map(|gateway| gateway.state))
    }

    /// A gateway that is up, with its address.
    async fn up(&self, ground: &Ground, token: &str) -> Result<(ResourceId, ResourceId), Refusal> {
        let allocation = self.port.allocate().await?;
        let new = NewGateway::Zonal { subnet: ground.subnet.clone(), allocation: allocation.clone() };
        let id = self.port.create(&new, token).await?;
        self.port.arrived(&ground.vpc).await?;
        Ok((id, allocation))
    }

    /// Deletes a gateway and gives its address back.
    async fn down(&self, ground: &Ground, id: &ResourceId, allocation: &ResourceId) -> Result<(), Refusal> {
        self.port.delete(id).await?;
        self.port.arrived(&ground.vpc).await?;
        self.port.release(allocation).await
    }

    async fn lives(&mut self) -> Result<(), Refusal> {
        let ground = self.port.ground().await?;
        let (id, allocation) = self.up(&ground, &format!("lives-{}", ground.vpc)).await?;
        if let Some(gateway) = self.shown(&ground, &id).await? {
            let ObservedGateway { state, public, availability, subnet, addresses, failure, .. } = gateway;
            self.same("it comes up", &(state, failure), &(GatewayState::Available, None));
            self.same("it is public and zonal", &(public, availability), &(true, Availability::Zonal));
            self.same("it stands where it was asked for", &subnet, &Some(ground.subnet.clone()));
            let used: Vec<_> = addresses.into_iter().map(|used| (used.allocation, used.public_ip)).collect();
            let address = self.port.address(&allocation).await?;
            let public_ip = address.as_ref().map(|address| address.public_ip.clone());
            self.same("it has its address", &used, &vec![(Some(allocation.clone()), public_ip)]);
            let associated = address.is_some_and(|address| address.association.is_some());
            self.same("its address is associated", &associated, &true);
        } else {
            self.broken.push("a gateway that was created is not shown".into());
        }
        let early = self.port.release(&allocation).await;
        self.refused("releasing the address of a gateway", early, &["AuthFailure", "InvalidIPAddress.InUse"]);
        self.port.delete(&id).await?;
        self.port.arrived(&ground.vpc).await?;
        self.same("a deleted gateway stays in sight", &self.state(&ground, &id).await?, &Some(GatewayState::Deleted));
        let left = self.port.address(&allocation).await?.map(|address| address.association.is_some());
        self.same("a deleted gateway leaves its address, free", &left, &Some(false));
        self.port.release(&allocation).await?;
        self.same("a released address is gone", &self.port.address(&allocation).await?, &None);
        let again = self.port.release(&allocation).await;
        self.refused("releasing an address twice", again, &["InvalidAllocationID.NotFound"]);
        let stranger = self.port.delete(&ResourceId::new(format!("nat-{STRANGER}"))).await;
        self.refused("deleting a gateway that never was", stranger, &["NatGatewayNotFound"]);
        Ok(())
    }

    async fn tokens(&mut self) -> Result<(), Refusal> {
        let ground = self.port.ground().await?;
        let token = format!("tokens-{}", ground.vpc);
        let (id, allocation) = self.up(&ground, &token).await?;
        let new = NewGateway::Zonal { subnet: ground.subnet.clone(), allocation: allocation.clone() };
        let again = self.port.create(&new, &token).await?;
        self.same("the same token gives the same gateway", &again, &id);
        let other = NewGateway::Regional { vpc: ground.vpc.clone() };
        let mismatch = self.port.create(&other, &token).await;
        self.refused("the same token for something else", mismatch, &["IdempotentParameterMismatch"]);
        self.port.delete(&id).await?;
        self.port.arrived(&ground.vpc).await?;
        let dead = self.port.create(&new, &token).await?;
        self.same("the same token gives the same gateway, dead or alive", &dead, &id);
        self.port.release(&allocation).await
    }

    async fn routes(&mut self) -> Result<(), Refusal> {
        let ground = self.port.ground().await?;
        let (id, allocation) = self.up(&ground, &format!("routes-{}", ground.vpc)).await?;
        let missing = self.port.replace_route(&ground.table, &id).await;
        self.refused("replacing a route that is not there", missing, &["InvalidParameterValue"]);
        let missing = self.port.delete_route(&ground.table).await;
        self.refused("deleting a route that is not there", missing, &["InvalidRoute.NotFound"]);
        let nowhere = self.port.create_route(&ground.table, &ResourceId::new(format!("nat-{STRANGER}"))).await;
        self.refused("a route to a gateway that is not there", nowhere, &["InvalidNatGatewayID.NotFound"]);
        self.port.create_route(&ground.table, &id).await?;
        let route = DefaultRoute { target: id.clone(), blackhole: false, written: true };
        self.same("a route is shown", &self.port.default_route(&ground.table).await?, &Some(route.clone()));
        let twice = self.port.create_route(&ground.table, &id).await;
        self.refused("a second default route", twice, &["RouteAlreadyExists"]);
        self.port.replace_route(&ground.table, &id).await?;
        self.down(&ground, &id, &allocation).await?;
        let black = Some(DefaultRoute { blackhole: true, ..route });
        self.same(
            "a route to a deleted gateway is a black hole",
            &self.port.default_route(&ground.table).await?,
            &black,
        );
        let late = self.port.replace_route(&ground.table, &id).await;
        self.refused("a route to a deleted gateway", late, &["InvalidNatGatewayID.NotFound"]);
        self.port.delete_route(&ground.table).await?;
        self.same("a deleted route is gone", &self.port.default_route(&ground.table).await?, &None);
        let public = self.port.default_route(&ground.public).await?;
        self.same(
            "the public route leads out",
            &public.map(|route| (route.target, route.blackhole)),
            &Some((ground.internet.clone(), false)),
        );
        self.port.detach(&ground.internet, &ground.vpc).await?;
        let public = self.port.default_route(&ground.public).await?;
        self.same("without the internet gateway it is a black hole", &public.map(|route| route.blackhole), &Some(true));
        Ok(())
    }

    async fn failures(&mut self) -> Result<(), Refusal> {
        let ground = self.port.ground().await?;
        let (id, allocation) = self.up(&ground, &format!("first-{}", ground.vpc)).await?;
        let unknown = NewGateway::Zonal {
            subnet: ground.subnet.clone(),
            allocation: ResourceId::new(format!("eipalloc-{STRANGER}")),
        };
        let answer = self.port.create(&unknown, &format!("unknown-{}", ground.vpc)).await;
        self.refused("an address that is not there", answer, &["InvalidAllocationID.NotFound"]);
        let taken = NewGateway::Zonal { subnet: ground.subnet.clone(), allocation: allocation.clone() };
        let second = self.port.create(&taken, &format!("second-{}", ground.vpc)).await?;
        self.port.arrived(&ground.vpc).await?;
        let failed = self.shown(&ground, &second).await?;
        let failed = failed.map(|gateway| (gateway.state, gateway.failure.map(|failure| failure.code)));
        let expected = Some((GatewayState::Failed, Some("Resource.AlreadyAssociated".to_owned())));
        self.same("an address that is in use fails later", &failed, &expected);
        self.same("the one that has it is untouched", &self.state(&ground, &id).await?, &Some(GatewayState::Available));
        self.port.delete(&second).await?;
        self.port.arrived(&ground.vpc).await?;
        let gone = self.shown(&ground, &second).await?;
        let gone = gone.map(|gateway| (gateway.state, gateway.failure.map(|failure| failure.code)));
        let expected = Some((GatewayState::Deleted, Some("Resource.AlreadyAssociated".to_owned())));
        self.same("a failed gateway that is deleted says why it failed as long as it is shown", &gone, &expected);
        self.down(&ground, &id, &allocation).await
    }

    async fn regional(&mut self) -> Result<(), Refusal> {
        let ground = self.port.ground().await?;
        let new = NewGateway::Regional { vpc: ground.vpc.clone() };
        let id = self.port.create(&new, &format!("regional-{}", ground.vpc)).await?;
        self.port.arrived(&ground.vpc).await?;
        let shown = self.shown(&ground, &id).await?;
        let shown = shown.map(|gateway| (gateway.state, gateway.availability, gateway.subnet));
        let expected = Some((GatewayState::Available, Availability::Regional, None));
        self.same("a regional gateway stands in no subnet", &shown, &expected);
        self.port.create_route(&ground.table, &id).await?;
        self.port.delete_route(&ground.table).await?;
        self.port.delete(&id).await?;
        self.port.arrived(&ground.vpc).await
    }
}
