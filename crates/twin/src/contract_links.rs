//! What EC2 does with endpoint services and their connections, as checks that run against the in-memory twin and against the local
//! cloud alike.
//!
//! Sources: the EC2 API reference (ModifyVpcEndpointServiceConfiguration and -Permissions, CreateVpcEndpoint, Accept-, Reject- and
//! DescribeVpcEndpointConnections) and the PrivateLink guide, "Accept or reject connection requests".

use crate::ec2::Refusal;
use crate::links::Configuration;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::future::Future;
use topology::privatelink::{ConnectionState, ObservedConnection};
use topology::{AccountId, ResourceId};

/// The calls that the contract is about. Implement it over the SDK to run the checks against a cloud.
pub trait LinkPort: Sync {
    /// A Network Load Balancer of the provider's, by ARN.
    fn balancer(&self) -> impl Future<Output = Result<ResourceId, Refusal>> + Send;
    /// `CreateVpcEndpointServiceConfiguration` in front of one.
    fn create_service(
        &self,
        balancer: &ResourceId,
        acceptance_required: bool,
    ) -> impl Future<Output = Result<ResourceId, Refusal>> + Send;
    /// `ModifyVpcEndpointServiceConfiguration`.
    fn configure(
        &self,
        service: &ResourceId,
        change: &Configuration,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `DescribeVpcEndpointServiceConfigurations` of one service: whether it requires acceptance, and its load balancers.
    fn configuration(
        &self,
        service: &ResourceId,
    ) -> impl Future<Output = Result<(bool, BTreeSet<ResourceId>), Refusal>> + Send;
    /// `ModifyVpcEndpointServicePermissions`.
    fn permit(
        &self,
        service: &ResourceId,
        add: &[String],
        remove: &[String],
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `DescribeVpcEndpointServicePermissions`, every page.
    fn principals(&self, service: &ResourceId) -> impl Future<Output = Result<BTreeSet<String>, Refusal>> + Send;
    /// `CreateVpcEndpoint` by another account.
    fn connect(
        &self,
        owner: &AccountId,
        service: &ResourceId,
    ) -> impl Future<Output = Result<ResourceId, Refusal>> + Send;
    /// `DescribeVpcEndpointConnections` of one service, once nothing of it is being set up any more.
    fn connections(
        &self,
        service: &ResourceId,
    ) -> impl Future<Output = Result<Vec<ObservedConnection>, Refusal>> + Send;
    /// `AcceptVpcEndpointConnections`: what was `Unsuccessful`, with its code.
    fn accept(
        &self,
        service: &ResourceId,
        endpoints: &[ResourceId],
    ) -> impl Future<Output = Result<Vec<(ResourceId, String)>, Refusal>> + Send;
    /// `RejectVpcEndpointConnections`: what was `Unsuccessful`, with its code.
    fn reject(
        &self,
        service: &ResourceId,
        endpoints: &[ResourceId],
    ) -> impl Future<Output = Result<Vec<(ResourceId, String)>, Refusal>> + Send;
}

/// Runs every check. Answers what is broken; empty is good. Leaves services behind.
pub async fn privatelink(port: &impl LinkPort) -> Vec<String> {
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

const PARTNER: &str = "222233334444";
const STRANGER: &str = "333344445555";

fn root(account: &str) -> String {
    format!("arn:aws:iam::{account}:root")
}

impl<P: LinkPort> Checks<'_, P> {
    async fn run(&mut self) -> Result<(), Refusal> {
        self.who_may_ask().await?;
        self.decisions().await?;
        self.without_acceptance().await?;
        self.load_balancers().await
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

    async fn stands(
        &mut self,
        what: &str,
        service: &ResourceId,
        endpoint: &ResourceId,
        state: ConnectionState,
    ) -> Result<(), Refusal> {
        let all = self.port.connections(service).await?;
        let found = all.into_iter().find(|one| one.endpoint == *endpoint).map(|one| one.state);
        self.same(what, &found, &Some(state));
        Ok(())
    }

    async fn who_may_ask(&mut self) -> Result<(), Refusal> {
        let balancer = self.port.balancer().await?;
        let service = self.port.create_service(&balancer, true).await?;
        self.same("a new service has no principals", &self.port.principals(&service).await?, &BTreeSet::new());
        let (partner, stranger) = (AccountId::from(PARTNER), AccountId::from(STRANGER));
        let early = self.port.connect(&partner, &service).await;
        self.refused("whoever is not allowed does not see the service", early, "InvalidServiceName");
        self.port.permit(&service, &[root(PARTNER), root(STRANGER)], &[]).await?;
        self.port.permit(&service, &[], &[root(STRANGER)]).await?;
        self.same("principals", &self.port.principals(&service).await?, &[root(PARTNER)].into());
        self.port.connect(&partner, &service).await?;
        let late = self.port.connect(&stranger, &service).await;
        self.refused("whoever is no longer allowed does not see it", late, "InvalidServiceName");
        self.port.permit(&service, &["*".to_owned()], &[]).await?;
        self.port.connect(&stranger, &service).await?;
        let shown = self.port.connections(&service).await?;
        let shown: BTreeSet<&str> = shown.iter().map(|one| one.owner.as_str()).collect();
        self.same("a connection shows its owner", &shown, &[PARTNER, STRANGER].into());
        let nowhere = ResourceId::from("vpce-svc-0123456789abcdef0");
        let gone = self.port.permit(&nowhere, &[root(PARTNER)], &[]).await;
        self.refused("a service that does not exist", gone, "InvalidVpcEndpointServiceId.NotFound");
        Ok(())
    }

    async fn decisions(&mut self) -> Result<(), Refusal> {
        let balancer = self.port.balancer().await?;
        let service = self.port.create_service(&balancer, true).await?;
        self.port.permit(&service, &[root(PARTNER)], &[]).await?;
        let partner = AccountId::from(PARTNER);
        let (first, second) =
            (self.port.connect(&partner, &service).await?, self.port.connect(&partner, &service).await?);
        self.stands("a connection waits", &service, &first, ConnectionState::PendingAcceptance).await?;
        let nobody = ResourceId::from("vpce-0123456789abcdef0");
        // One bad id among good ones: the call succeeds, and says which.
        let failed = self.port.accept(&service, &[first.clone(), nobody.clone()]).await?;
        let ids: Vec<&ResourceId> = failed.iter().map(|(id, _)| id).collect();
        self.same("accepting what does not exist", &ids, &vec![&nobody]);
        self.stands("an accepted one", &service, &first, ConnectionState::Available).await?;
        self.stands("one that was not named", &service, &second, ConnectionState::PendingAcceptance).await?;
        let again = self.port.accept(&service, std::slice::from_ref(&first)).await?;
        self.same("accepting twice", &again, &vec![(first.clone(), "InvalidState".to_owned())]);
        let failed = self.port.reject(&service, &[first.clone(), second.clone()]).await?;
        self.same("rejecting what is up and what waits", &failed, &vec![]);
        for endpoint in [&first, &second] {
            self.stands("a rejected one", &service, endpoint, ConnectionState::Rejected).await?;
        }
        let again = self.port.reject(&service, std::slice::from_ref(&first)).await?;
        self.same("rejecting twice", &again, &vec![(first, "InvalidState".to_owned())]);
        Ok(())
    }

    async fn without_acceptance(&mut self) -> Result<(), Refusal> {
        let balancer = self.port.balancer().await?;
        let service = self.port.create_service(&balancer, true).await?;
        self.port.permit(&service, &[root(PARTNER)], &[]).await?;
        let partner = AccountId::from(PARTNER);
        let waiting = self.port.connect(&partner, &service).await?;
        let open = Configuration { acceptance_required: Some(false), ..Configuration::default() };
        self.port.configure(&service, &open).await?;
        let uninvited = self.port.connect(&partner, &service).await?;
        self.stands("without acceptance a connection comes up", &service, &uninvited, ConnectionState::Available)
            .await?;
        let shut = Configuration { acceptance_required: Some(true), ..Configuration::default() };
        self.port.configure(&service, &shut).await?;
        self.same("acceptance is required again", &self.port.configuration(&service).await?.0, &true);
        self.stands("what came up stays", &service, &uninvited, ConnectionState::Available).await?;
        let late = self.port.connect(&partner, &service).await?;
        self.stands("the next one waits", &service, &late, ConnectionState::PendingAcceptance).await?;
        self.stands("one that waited before still waits", &service, &waiting, ConnectionState::PendingAcceptance)
            .await?;
        Ok(())
    }

    async fn load_balancers(&mut self) -> Result<(), Refusal> {
        let (ours, theirs) = (self.port.balancer().await?, self.port.balancer().await?);
        let service = self.port.create_service(&ours, true).await?;
        let attach = Configuration { attach: vec![theirs.clone()], ..Configuration::default() };
        self.port.configure(&service, &attach).await?;
        let both = (true, BTreeSet::from([ours.clone(), theirs.clone()]));
        self.same("two load balancers, and nothing else changed", &self.port.configuration(&service).await?, &both);
        let detach = Configuration { detach: vec![theirs], ..Configuration::default() };
        self.port.configure(&service, &detach).await?;
        let one = (true, BTreeSet::from([ours]));
        self.same("one load balancer again", &self.port.configuration(&service).await?, &one);
        Ok(())
    }
}
