//! What AWS says of everything that may have a public address in a topology's VPCs.

use crate::core::{ResourceId, Seen, StackId, Unseen, VpcId, VpcName};
use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// All things of a kind in the account and Region, or why nobody knows.
pub type Listing<T> = Result<Vec<T>, Unseen>;

/// The VPCs of the topology with their interfaces, and the listings of other services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// By the VPC's name in the document.
    pub vpcs: BTreeMap<VpcName, Seen<ObservedVpc>>,
    /// Instances of RDS and Aurora.
    pub databases: Listing<Database>,
    /// Services of ECS that are not gone.
    pub services: Listing<Service>,
    /// Application, network and gateway load balancers.
    pub balancers: Listing<Balancer>,
}

/// One VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedVpc {
    /// Its id.
    pub id: VpcId,
    /// Its subnets by id.
    pub subnets: BTreeMap<ResourceId, Ipv4Net>,
    /// The groups that tiers name, by name, as far as they exist.
    pub groups: BTreeMap<String, ResourceId>,
    /// The interfaces in its managed tiers, in any order.
    pub interfaces: Vec<Interface>,
}

/// A database instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// `DBInstanceIdentifier`.
    pub name: String,
    /// `DbiResourceId`: what AWS Config calls it.
    pub resource: Option<ResourceId>,
    /// The cluster that it is a member of.
    pub cluster: Option<String>,
    /// `Engine`, such as `postgres` or `aurora-mysql`.
    pub engine: String,
    /// `DBInstanceStatus`, such as `available`.
    pub status: String,
    /// `PubliclyAccessible`.
    pub public: bool,
    /// The subnets of its DB subnet group.
    pub subnets: BTreeSet<ResourceId>,
    /// Its security groups, without those that are being removed.
    pub groups: BTreeSet<ResourceId>,
    /// The CloudFormation stack in its tags.
    pub stack: Option<StackId>,
}

/// A service of ECS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// The name of its cluster.
    pub cluster: String,
    /// Its name.
    pub name: String,
    /// The subnets of its network, in AWS's order. Empty: its tasks have no network of their own.
    pub subnets: Vec<ResourceId>,
    /// The groups of its network, in AWS's order.
    pub groups: Vec<ResourceId>,
    /// `assignPublicIp`.
    pub public: bool,
    /// Who replaces its tasks.
    pub controller: Controller,
    /// Its deployments that another one replaces, as far as their tasks have public addresses.
    pub leaving: Vec<Leaving>,
    /// A deployment without public addresses failed, and is still listed beside what ECS went back to.
    pub failed_private: bool,
    /// The CloudFormation stack in its tags.
    pub stack: Option<StackId>,
}

/// A deployment that another one replaces, and whose tasks have public addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    /// The subnets of its network.
    pub subnets: Vec<ResourceId>,
    /// The groups of its network.
    pub groups: Vec<ResourceId>,
    /// When the deployment began that replaces it. `None`: AWS does not say.
    pub since: Option<Timestamp>,
}

/// A service's deployment controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Controller {
    /// ECS itself.
    Ecs,
    /// CodeDeploy.
    CodeDeploy,
    /// Somebody else.
    External,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// `eni-…`.
    pub id: ResourceId,
    /// Its subnet.
    pub subnet: ResourceId,
    /// Its public addresses: one for each private address at most.
    pub addresses: Vec<Address>,
    /// Its groups: ids with names.
    pub groups: BTreeMap<ResourceId, String>,
    /// `InterfaceType`, such as `interface` or `nat_gateway`.
    pub kind: String,
    /// An AWS service made it, and alone may change it.
    pub managed: bool,
    /// `Description`: services write there what it is for.
    pub description: String,
    /// The instance that it is attached to.
    pub instance: Option<ResourceId>,
    /// The CloudFormation stack in its tags.
    pub stack: Option<StackId>,
}

/// A public IPv4 address of an interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// The address.
    pub public_ip: String,
    /// The private address that it stands for.
    pub private_ip: String,
    /// `eipalloc-…`: it is an Elastic IP address. `None`: AWS assigned it.
    pub allocation: Option<ResourceId>,
    /// `eipassoc-…`.
    pub association: Option<ResourceId>,
}

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balancer {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// `application`, `network` or `gateway`.
    pub kind: String,
    /// `Scheme`.
    pub internet_facing: bool,
    /// Its VPC.
    pub vpc: Option<VpcId>,
    /// The subnets of its zones.
    pub subnets: BTreeSet<ResourceId>,
}

impl Database {
    /// Its id in drifts, exemptions and the ledger.
    pub fn id(&self) -> ResourceId {
        database_id(&self.name)
    }
}

impl Service {
    /// Its id in drifts, exemptions and the ledger.
    pub fn id(&self) -> ResourceId {
        service_id(&self.cluster, &self.name)
    }
}

impl Balancer {
    /// Its id in drifts, exemptions and the ledger.
    pub fn id(&self) -> ResourceId {
        balancer_id(&self.arn).unwrap_or_else(|| self.arn.as_str().into())
    }
}

/// How ids of databases begin.
pub(super) const DATABASE: &str = "db:";
/// How ids of services begin.
pub(super) const SERVICE: &str = "service/";
/// How ids of load balancers begin.
pub(super) const BALANCER: &str = "loadbalancer/";

/// The id of a database instance: the last part of its ARN. RDS keeps identifiers in small letters.
pub fn database_id(name: &str) -> ResourceId {
    ResourceId::from(format!("{DATABASE}{}", name.to_ascii_lowercase()))
}

/// The id of a database cluster: the last part of its ARN.
pub fn cluster_id(name: &str) -> ResourceId {
    ResourceId::from(format!("cluster:{}", name.to_ascii_lowercase()))
}

/// The id of a service of ECS: the last part of its ARN, in the form that names the cluster.
pub fn service_id(cluster: &str, name: &str) -> ResourceId {
    ResourceId::from(format!("{SERVICE}{cluster}/{name}"))
}

/// The id of a load balancer: the last part of its ARN. `None`: not the ARN of one.
pub fn balancer_id(arn: &str) -> Option<ResourceId> {
    let (_, rest) = arn.split_once(&format!(":{BALANCER}"))?;
    Some(ResourceId::from(format!("{BALANCER}{rest}")))
}
