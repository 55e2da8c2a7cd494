//! What AWS does with public addresses, as checks that run against the in-memory twin and against the local cloud alike.
//!
//! Sources: AssociateAddress, DisassociateAddress, DescribeNetworkInterfaces in the EC2 API reference and its page of error codes;
//! ModifyDBInstance ("Changes to the PubliclyAccessible parameter are applied immediately regardless of the value of the ApplyImmediately
//! parameter", InvalidDBInstanceState); UpdateService ("This parameter triggers a new service deployment").

use crate::ec2::Refusal;
use crate::exposure::Estate;
use crate::exposure_ports::TwinEstate;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use topology::{ResourceId, VpcId};

/// Public addresses, each with the allocation that it has when it is an Elastic IP address.
pub type Addresses = BTreeMap<String, Option<ResourceId>>;

/// The calls that the contract is about. Implement it over the SDK to run the checks against a cloud.
pub trait ExposurePort: Sync {
    /// `CreateVpc`.
    fn create_vpc(&self, cidr: &str) -> impl Future<Output = Result<VpcId, Refusal>> + Send;
    /// `CreateSubnet`, in any zone.
    fn create_subnet(&self, vpc: &VpcId, cidr: &str) -> impl Future<Output = Result<ResourceId, Refusal>> + Send;
    /// `CreateSecurityGroup`.
    fn create_group(&self, vpc: &VpcId, name: &str) -> impl Future<Output = Result<ResourceId, Refusal>> + Send;
    /// `CreateNetworkInterface` with one group.
    fn create_interface(
        &self,
        subnet: &ResourceId,
        group: &ResourceId,
    ) -> impl Future<Output = Result<ResourceId, Refusal>> + Send;
    /// `AllocateAddress`.
    fn allocate(&self) -> impl Future<Output = Result<ResourceId, Refusal>> + Send;
    /// `AssociateAddress` with an interface, without `AllowReassociation`.
    fn associate(
        &self,
        allocation: &ResourceId,
        interface: &ResourceId,
    ) -> impl Future<Output = Result<ResourceId, Refusal>> + Send;
    /// `DisassociateAddress` by association.
    fn disassociate(&self, association: &ResourceId) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// The public addresses of an interface.
    fn addresses(&self, interface: &ResourceId) -> impl Future<Output = Result<Addresses, Refusal>> + Send;
    /// Whether an allocation still exists.
    fn allocated(&self, allocation: &ResourceId) -> impl Future<Output = Result<bool, Refusal>> + Send;
    /// `CreateDBInstance` in a subnet group of these subnets, public.
    fn create_database(
        &self,
        name: &str,
        subnets: &[ResourceId],
        group: &ResourceId,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `ModifyDBInstance` with `PubliclyAccessible` alone. The modification takes until [`ExposurePort::settle`].
    fn modify_database(&self, name: &str, public: bool) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// Status and public access by `DescribeDBInstances`.
    fn database(&self, name: &str) -> impl Future<Output = Result<(String, bool), Refusal>> + Send;
    /// `CreateService` in an own cluster with one task that has a public address.
    fn create_service(
        &self,
        name: &str,
        subnet: &ResourceId,
        group: &ResourceId,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// `UpdateService` with the whole network.
    fn update_service(
        &self,
        name: &str,
        subnet: &ResourceId,
        group: &ResourceId,
        public: bool,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// The subnets of a service and its `assignPublicIp`, by `DescribeServices`.
    fn service(&self, name: &str) -> impl Future<Output = Result<(Vec<ResourceId>, bool), Refusal>> + Send;
    /// The interfaces of ECS tasks in a subnet, each with whether it has a public address.
    fn tasks(&self, subnet: &ResourceId) -> impl Future<Output = Result<Vec<bool>, Refusal>> + Send;
    /// Lets modifications and deployments end.
    fn settle(&self) -> impl Future<Output = ()> + Send;
}

/// Runs every check. Answers what is broken; empty is good. Leaves a VPC behind.
pub async fn exposure(port: &impl ExposurePort) -> Vec<String> {
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

impl<P: ExposurePort> Checks<'_, P> {
    async fn run(&mut self) -> Result<(), Refusal> {
        let vpc = self.port.create_vpc("10.9.0.0/16").await?;
        let subnets =
            [self.port.create_subnet(&vpc, "10.9.0.0/24").await?, self.port.create_subnet(&vpc, "10.9.1.0/24").await?];
        let group = self.port.create_group(&vpc, "contract").await?;
        self.addresses(&subnets[0], &group).await?;
        self.databases(&subnets, &group).await?;
        self.services(&subnets[0], &group).await
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

    async fn addresses(&mut self, subnet: &ResourceId, group: &ResourceId) -> Result<(), Refusal> {
        let interface = self.port.create_interface(subnet, group).await?;
        let other = self.port.create_interface(subnet, group).await?;
        let none = self.port.addresses(&interface).await?;
        self.same("a new interface has no public address", &none.len(), &0);
        let allocation = self.port.allocate().await?;
        let association = self.port.associate(&allocation, &interface).await?;
        let shown = self.port.addresses(&interface).await?;
        let allocations: Vec<_> = shown.values().cloned().collect();
        self.same("an Elastic IP address shows its allocation", &allocations, &vec![Some(allocation.clone())]);
        let again = self.port.associate(&allocation, &interface).await?;
        self.same("the same association again is the same one", &again, &association);
        let moved = self.port.associate(&allocation, &other).await;
        self.refused("an address that is on another interface", moved, "Resource.AlreadyAssociated");
        self.port.disassociate(&association).await?;
        let none = self.port.addresses(&interface).await?;
        self.same("disassociated, it is gone from the interface", &none.len(), &0);
        let kept = self.port.allocated(&allocation).await?;
        self.same("and stays allocated", &kept, &true);
        // The reference says that a second time is no error, and its page of error codes says InvalidAssociationID.NotFound.
        match self.port.disassociate(&association).await {
            Err(refusal) if refusal.code != "InvalidAssociationID.NotFound" => return Err(refusal),
            _ => {}
        }
        let back = self.port.associate(&allocation, &interface).await?;
        let shown = self.port.addresses(&interface).await?;
        self.same("associated again, it is there again", &shown.len(), &1);
        self.port.disassociate(&back).await
    }

    async fn databases(&mut self, subnets: &[ResourceId], group: &ResourceId) -> Result<(), Refusal> {
        const NAME: &str = "contract-orders";
        self.port.create_database(NAME, subnets, group).await?;
        self.port.settle().await;
        let made = self.port.database(NAME).await?;
        self.same("a public database is available and says so", &made, &("available".to_owned(), true));
        self.port.modify_database(NAME, false).await?;
        let (status, _) = self.port.database(NAME).await?;
        self.same("it is modifying at once, without ApplyImmediately", &status, &"modifying".to_owned());
        let meanwhile = self.port.modify_database(NAME, false).await;
        self.refused("modified while it is modifying", meanwhile, "InvalidDBInstanceState");
        self.port.settle().await;
        let private = self.port.database(NAME).await?;
        self.same("then it is private", &private, &("available".to_owned(), false));
        let missing = self.port.modify_database("contract-nowhere", false).await;
        self.refused("a database that is not there", missing, "DBInstanceNotFound");
        Ok(())
    }

    async fn services(&mut self, subnet: &ResourceId, group: &ResourceId) -> Result<(), Refusal> {
        const NAME: &str = "contract-web";
        self.port.create_service(NAME, subnet, group).await?;
        self.port.settle().await;
        let made = self.port.service(NAME).await?;
        self.same("a service keeps its network", &made, &(vec![subnet.clone()], true));
        let tasks = self.port.tasks(subnet).await?;
        self.same("its task has an interface with a public address", &tasks, &vec![true]);
        self.port.update_service(NAME, subnet, group, false).await?;
        let updated = self.port.service(NAME).await?;
        self.same("the update is seen at once, and keeps the subnets", &updated, &(vec![subnet.clone()], false));
        let tasks = self.port.tasks(subnet).await?;
        self.same("its task keeps the address while the deployment goes on", &tasks, &vec![true]);
        self.port.settle().await;
        let tasks = self.port.tasks(subnet).await?;
        self.same("the deployment replaced the task", &tasks, &vec![false]);
        let missing = self.port.update_service("contract-nowhere", subnet, group, false).await;
        self.refused("a service that is not there", missing, "ServiceNotFoundException");
        Ok(())
    }
}

const CLUSTER: &str = "contract";

impl ExposurePort for TwinEstate {
    async fn create_vpc(&self, cidr: &str) -> Result<VpcId, Refusal> {
        self.outside(|estate| {
            estate.slow = true;
            estate.create_vpc(cidr)
        })
    }

    async fn create_subnet(&self, vpc: &VpcId, cidr: &str) -> Result<ResourceId, Refusal> {
        self.outside(|estate| estate.create_subnet(vpc, cidr))
    }

    async fn create_group(&self, vpc: &VpcId, name: &str) -> Result<ResourceId, Refusal> {
        self.outside(|estate| Ok(estate.create_group(vpc, name)))
    }

    async fn create_interface(&self, subnet: &ResourceId, group: &ResourceId) -> Result<ResourceId, Refusal> {
        self.outside(|estate| estate.create_interface(subnet, std::slice::from_ref(group)))
    }

    async fn allocate(&self) -> Result<ResourceId, Refusal> {
        self.outside(|estate| Ok(estate.allocate()))
    }

    async fn associate(&self, allocation: &ResourceId, interface: &ResourceId) -> Result<ResourceId, Refusal> {
        self.outside(|estate| estate.associate(allocation, interface))
    }

    async fn disassociate(&self, association: &ResourceId) -> Result<(), Refusal> {
        self.outside(|estate| estate.disassociate(association))
    }

    async fn addresses(&self, interface: &ResourceId) -> Result<Addresses, Refusal> {
        let addresses = |estate: &mut Estate| {
            let found = estate.interfaces.get(interface).into_iter().flat_map(|interface| &interface.addresses);
            found.map(|address| (address.public_ip.clone(), address.allocation.clone())).collect()
        };
        Ok(self.outside(addresses))
    }

    async fn allocated(&self, allocation: &ResourceId) -> Result<bool, Refusal> {
        Ok(self.outside(|estate| estate.addresses.contains_key(allocation)))
    }

    async fn create_database(&self, name: &str, subnets: &[ResourceId], group: &ResourceId) -> Result<(), Refusal> {
        self.outside(|estate| estate.create_database(name, subnets, std::slice::from_ref(group), true))
    }

    async fn modify_database(&self, name: &str, public: bool) -> Result<(), Refusal> {
        self.outside(|estate| estate.modify_database(name, public))
    }

    async fn database(&self, name: &str) -> Result<(String, bool), Refusal> {
        let found = self.outside(|estate| estate.databases.get(name).cloned());
        found.map(|database| (database.status, database.public)).ok_or_else(|| Refusal::new("DBInstanceNotFound", name))
    }

    async fn create_service(&self, name: &str, subnet: &ResourceId, group: &ResourceId) -> Result<(), Refusal> {
        let (subnets, groups) = (std::slice::from_ref(subnet), std::slice::from_ref(group));
        self.outside(|estate| estate.create_service(CLUSTER, name, subnets, groups, true))
    }

    async fn update_service(
        &self,
        name: &str,
        subnet: &ResourceId,
        group: &ResourceId,
        public: bool,
    ) -> Result<(), Refusal> {
        let (subnets, groups) = (std::slice::from_ref(subnet), std::slice::from_ref(group));
        self.outside(|estate| estate.update_service(CLUSTER, name, subnets, groups, public))
    }

    async fn service(&self, name: &str) -> Result<(Vec<ResourceId>, bool), Refusal> {
        let key = (CLUSTER.to_owned(), name.to_owned());
        let found = self.outside(|estate| estate.services.get(&key).cloned());
        found.map(|service| (service.subnets, service.public)).ok_or_else(|| Refusal::new("ServiceNotFound", name))
    }

    async fn tasks(&self, subnet: &ResourceId) -> Result<Vec<bool>, Refusal> {
        let tasks = |estate: &mut Estate| {
            let here = estate.interfaces.values().filter(|interface| interface.subnet == *subnet);
            let tasks = here.filter(|interface| interface.description.contains(":ecs:"));
            tasks.map(|interface| !interface.addresses.is_empty()).collect()
        };
        Ok(self.outside(tasks))
    }

    async fn settle(&self) {
        self.outside(Estate::settle);
    }
}
