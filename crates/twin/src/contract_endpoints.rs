//! What EC2 does with VPC endpoints, as checks that run against the in-memory twin and against the local cloud alike.
//!
//! Sources: CreateVpcEndpoint, ModifyVpcEndpoint, DescribeVpcEndpoints and DeleteVpcEndpoints in the EC2 API reference and its page of
//! error codes; the PrivateLink guide on interface endpoints (one subnet an Availability Zone; both DNS attributes for private DNS; one
//! private name a VPC) and on gateway endpoints (one a service in a route table).

use crate::ec2::Refusal;
use crate::endpoints::{Ends, FULL_ACCESS};
use crate::endpoints_ports::TwinEndpoints;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use topology::endpoints::{Dns, Edit, EndpointState, Kind, NewEndpoint, ObservedEndpoint, Policy, PolicyEdit};
use topology::{ResourceId, VpcId};

/// Where the checks take place.
#[derive(Clone, Debug)]
pub struct Site {
    /// A VPC with both DNS attributes on.
    pub vpc: VpcId,
    /// Two subnets in one Availability Zone, and one in another.
    pub subnets: [ResourceId; 3],
    /// Two route tables.
    pub tables: [ResourceId; 2],
    /// Two security groups.
    pub groups: [ResourceId; 2],
    /// The Region.
    pub region: String,
}

/// The calls that the contract is about. Implement it over the SDK to run the checks against a cloud.
pub trait EndpointPort: Sync {
    /// Makes a place for the checks.
    fn site(&self) -> impl Future<Output = Result<Site, Refusal>> + Send;
    /// `ModifyVpcAttribute`.
    fn set_dns(&self, vpc: &VpcId, dns: Dns) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `CreateVpcEndpoint`, without private DNS.
    fn create(
        &self,
        endpoint: &NewEndpoint,
        tags: &BTreeMap<String, String>,
        token: &str,
    ) -> impl Future<Output = Result<ResourceId, Refusal>> + Send;
    /// `ModifyVpcEndpoint`.
    fn modify(&self, endpoint: &ResourceId, edit: &Edit) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `DeleteVpcEndpoints` of one; what is in `Unsuccessful` is a refusal.
    fn delete(&self, endpoint: &ResourceId) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `DescribeVpcEndpoints` of one VPC.
    fn endpoints(&self, vpc: &VpcId) -> impl Future<Output = Result<Vec<ObservedEndpoint>, Refusal>> + Send;
    /// Lets AWS finish what it has at work.
    fn arrive(&self) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// Runs every check. Answers what is broken; empty is good. Leaves a VPC behind.
pub async fn endpoints(port: &impl EndpointPort) -> Vec<String> {
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

/// A change of the two kinds of private DNS.
fn private(on: bool) -> Edit {
    Edit { private_dns: Some(on), ..Edit::default() }
}

impl<P: EndpointPort> Checks<'_, P> {
    async fn run(&mut self) -> Result<(), Refusal> {
        let site = self.port.site().await?;
        self.gateway(&site).await?;
        self.interface(&site).await?;
        self.policy(&site).await?;
        self.private_dns(&site).await?;
        self.gone(&site).await
    }

    fn same<T: PartialEq + Debug>(&mut self, what: &str, left: &T, right: &T) {
        if left != right {
            self.broken.push(format!("{what}: {left:?} is not {right:?}"));
        }
    }

    fn refused<T: Debug>(&mut self, what: &str, answer: Result<T, Refusal>, code: &str) {
        match answer {
            Err(refusal) if refusal.code == code => {}
            other => self.broken.push(format!("{what}: expected {code}, got {other:?}")),
        }
    }

    async fn made(&self, endpoint: &NewEndpoint, token: &str) -> Result<ResourceId, Refusal> {
        let id = self.port.create(endpoint, &BTreeMap::new(), token).await?;
        self.port.arrive().await?;
        Ok(id)
    }

    async fn shown(&self, site: &Site, id: &ResourceId) -> Result<ObservedEndpoint, Refusal> {
        let all = self.port.endpoints(&site.vpc).await?;
        let found = all.into_iter().find(|endpoint| endpoint.id == *id);
        found.ok_or_else(|| Refusal { code: "NotShown".into(), message: format!("{id} is not described") })
    }

    async fn gateway(&mut self, site: &Site) -> Result<(), Refusal> {
        let [one, two] = &site.tables;
        let wish = NewEndpoint { tables: [one.clone()].into(), ..wish(site, "s3", Kind::Gateway) };
        let id = self.made(&wish, "contract-s3").await?;
        self.same(
            "the same token with the same wish",
            &self.port.create(&wish, &BTreeMap::new(), "contract-s3").await?,
            &id,
        );
        let other = NewEndpoint { tables: [two.clone()].into(), ..wish.clone() };
        let mismatch = self.port.create(&other, &BTreeMap::new(), "contract-s3").await;
        self.refused("the same token with another wish", mismatch, "IdempotentParameterMismatch");
        let again = self.port.create(&wish, &BTreeMap::new(), "contract-s3-again").await;
        self.refused("a second gateway endpoint in a route table", again, "RouteAlreadyExists");
        let edit = Edit { add_tables: [two.clone()].into(), remove_tables: [one.clone()].into(), ..Edit::default() };
        self.port.modify(&id, &edit).await?;
        let shown = self.shown(site, &id).await?;
        self.same("another route table", &shown.tables, &[two.clone()].into());
        self.same("its kind", &shown.kind, &Kind::Gateway);
        self.same("its state", &shown.state, &EndpointState::Available);
        self.same("private DNS of a gateway endpoint", &shown.private_dns, &false);
        Ok(())
    }

    async fn interface(&mut self, site: &Site) -> Result<(), Refusal> {
        let [here, beside, there] = &site.subnets;
        let [one, two] = &site.groups;
        let wish = wish(site, "secretsmanager", Kind::Interface);
        let twice = NewEndpoint { subnets: [here.clone(), beside.clone()].into(), ..wish.clone() };
        let twice = self.port.create(&twice, &BTreeMap::new(), "contract-zones").await;
        self.refused("two subnets in one Availability Zone", twice, "DuplicateSubnetsInSameZone");
        let wish = NewEndpoint { subnets: [here.clone()].into(), groups: [one.clone()].into(), ..wish };
        let id = self.made(&wish, "contract-secrets").await?;
        let shown = self.shown(site, &id).await?;
        self.same("private DNS that nobody asked for", &shown.private_dns, &false);
        self.same("its groups", &shown.groups, &[one.clone()].into());
        self.same("its subnets", &shown.subnets, &[here.clone()].into());
        let beside = Edit { add_subnets: [beside.clone()].into(), ..Edit::default() };
        self.refused("a second subnet in a zone", self.port.modify(&id, &beside).await, "DuplicateSubnetsInSameZone");
        let edit = Edit {
            add_subnets: [there.clone()].into(),
            remove_subnets: [here.clone()].into(),
            add_groups: [two.clone()].into(),
            remove_groups: [one.clone()].into(),
            ..Edit::default()
        };
        self.port.modify(&id, &edit).await?;
        self.port.arrive().await?;
        let shown = self.shown(site, &id).await?;
        self.same("other groups", &shown.groups, &[two.clone()].into());
        self.same("other subnets", &shown.subnets, &[there.clone()].into());
        Ok(())
    }

    async fn policy(&mut self, site: &Site) -> Result<(), Refusal> {
        let id = self.found(site, "secretsmanager").await?;
        let read = |text: &str| Policy::read(text);
        let full = read(FULL_ACCESS);
        let means = |shown: &Option<Policy>, wanted: &Option<Policy>| match (shown, wanted) {
            (Some(shown), Some(wanted)) => shown.means(wanted),
            (_, _) => false,
        };
        let shown = self.shown(site, &id).await?.policy;
        self.same("the policy of one that was made without", &means(&shown, &full), &true);
        let narrow = read(
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"secretsmanager:Get*","Resource":"*"}]}"#,
        );
        let put =
            |to: &Option<Policy>| Edit { policy: Some(PolicyEdit { to: to.clone(), before: None }), ..Edit::default() };
        self.port.modify(&id, &put(&narrow)).await?;
        let shown = self.shown(site, &id).await?.policy;
        self.same("another policy", &means(&shown, &narrow), &true);
        self.port.modify(&id, &put(&None)).await?;
        let shown = self.shown(site, &id).await?.policy;
        self.same("a policy that was reset", &means(&shown, &full), &true);
        Ok(())
    }

    async fn private_dns(&mut self, site: &Site) -> Result<(), Refusal> {
        let id = self.found(site, "secretsmanager").await?;
        for off in [Dns { support: true, hostnames: false }, Dns { support: false, hostnames: false }] {
            self.port.set_dns(&site.vpc, off).await?;
            let refused = self.port.modify(&id, &private(true)).await;
            self.refused("private DNS without the DNS attributes", refused, "InvalidParameter");
        }
        self.port.set_dns(&site.vpc, Dns { support: true, hostnames: true }).await?;
        self.port.modify(&id, &private(true)).await?;
        self.same("private DNS that was switched on", &self.shown(site, &id).await?.private_dns, &true);
        let [_, _, there] = &site.subnets;
        let [one, _] = &site.groups;
        let wish = NewEndpoint {
            subnets: [there.clone()].into(),
            groups: [one.clone()].into(),
            ..wish(site, "secretsmanager", Kind::Interface)
        };
        let second = self.made(&wish, "contract-second").await?;
        let taken = self.port.modify(&second, &private(true)).await;
        self.refused("a private name that is taken", taken, "InvalidParameter");
        self.port.modify(&id, &private(false)).await?;
        self.port.modify(&second, &private(true)).await?;
        self.same("private DNS of the second", &self.shown(site, &second).await?.private_dns, &true);
        self.port.delete(&second).await
    }

    async fn gone(&mut self, site: &Site) -> Result<(), Refusal> {
        let id = self.found(site, "s3").await?;
        self.port.delete(&id).await?;
        let left = self.port.endpoints(&site.vpc).await?;
        let alive = left.iter().any(|endpoint| endpoint.id == id && !endpoint.state.is_gone());
        self.same("a deleted endpoint", &alive, &false);
        self.refused("deleting twice", self.port.delete(&id).await, "InvalidVpcEndpoint.NotFound");
        let modified = self.port.modify(&id, &private(false)).await;
        self.refused("modifying one that is gone", modified, "InvalidVpcEndpointId.NotFound");
        let [_, two] = &site.tables;
        let wish = NewEndpoint { tables: [two.clone()].into(), ..wish(site, "s3", Kind::Gateway) };
        let again = self.made(&wish, "contract-s3-new").await?;
        self.same("a new one is another one", &(again == id), &false);
        Ok(())
    }

    async fn found(&self, site: &Site, short: &str) -> Result<ResourceId, Refusal> {
        let end = format!(".{short}");
        let all = self.port.endpoints(&site.vpc).await?;
        let found = all.into_iter().find(|endpoint| endpoint.service.ends_with(&end) && !endpoint.state.is_gone());
        found.map(|endpoint| endpoint.id).ok_or_else(|| Refusal { code: "NotShown".into(), message: short.into() })
    }
}

fn wish(site: &Site, short: &str, kind: Kind) -> NewEndpoint {
    NewEndpoint {
        vpc: site.vpc.clone(),
        service: format!("com.amazonaws.{}.{short}", site.region),
        kind,
        tables: [].into(),
        subnets: [].into(),
        groups: [].into(),
        policy: None,
    }
}

impl EndpointPort for TwinEndpoints {
    async fn site(&self) -> Result<Site, Refusal> {
        self.outside(|ends: &mut Ends| {
            let vpc = ends.create_vpc("10.9.0.0/16")?;
            let (here, one) = ends.create_subnet(&vpc, "10.9.0.0/24", "a")?;
            let (beside, two) = ends.create_subnet(&vpc, "10.9.1.0/24", "a")?;
            let (there, _) = ends.create_subnet(&vpc, "10.9.2.0/24", "b")?;
            let groups = ["one", "two"].map(|name| ends.create_group(&vpc, name, &[]));
            let region = ends.place().region.to_string();
            Ok(Site { vpc, subnets: [here, beside, there], tables: [one, two], groups, region })
        })
    }

    async fn set_dns(&self, vpc: &VpcId, dns: Dns) -> Result<(), Refusal> {
        self.outside(|ends: &mut Ends| ends.dns.insert(vpc.clone(), dns));
        Ok(())
    }

    async fn create(
        &self,
        endpoint: &NewEndpoint,
        tags: &BTreeMap<String, String>,
        token: &str,
    ) -> Result<ResourceId, Refusal> {
        self.outside(|ends: &mut Ends| ends.create(endpoint, tags, Some(token)))
    }

    async fn modify(&self, endpoint: &ResourceId, edit: &Edit) -> Result<(), Refusal> {
        self.outside(|ends: &mut Ends| ends.modify(endpoint, edit))
    }

    async fn delete(&self, endpoint: &ResourceId) -> Result<(), Refusal> {
        self.outside(|ends: &mut Ends| ends.delete(endpoint))
    }

    async fn endpoints(&self, vpc: &VpcId) -> Result<Vec<ObservedEndpoint>, Refusal> {
        let ends = self.state();
        let here = |endpoint: &&ObservedEndpoint| ends.homes.get(&endpoint.id) == Some(vpc);
        Ok(ends.endpoints.values().filter(here).cloned().collect())
    }

    async fn arrive(&self) -> Result<(), Refusal> {
        self.outside(Ends::arrive);
        Ok(())
    }
}
