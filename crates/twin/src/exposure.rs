//! The parts of EC2, RDS, ECS and Elastic Load Balancing that have public addresses, in memory: who holds which interface, and what
//! becomes of it.
//!
//! Passes [`crate::contract::exposure`], as the local cloud does. Sources: AssociateAddress, DisassociateAddress and NetworkInterface in
//! the EC2 API reference and its page of error codes; ModifyDBInstance and DBInstance in that of RDS; UpdateService in that of ECS.

use crate::ec2::{Refusal, Vpc};
use ipnet::Ipv4Net;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use topology::exposure::{Address, Balancer, Controller, Database, Interface, Leaving, Service};
use topology::{Place, ResourceId, VpcId};

/// One account and Region. A value: clone it to keep a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estate {
    place: Place,
    serial: u64,
    /// The time.
    pub now: Timestamp,
    /// VPCs by id.
    pub vpcs: BTreeMap<VpcId, Vpc>,
    /// Subnets by id.
    pub subnets: BTreeMap<ResourceId, (VpcId, Ipv4Net)>,
    /// Groups by id, each with its name.
    pub groups: BTreeMap<ResourceId, (VpcId, String)>,
    /// Elastic IP addresses by allocation, each with the interface that it is on, by which association.
    pub addresses: BTreeMap<ResourceId, (String, Option<(ResourceId, ResourceId)>)>,
    /// Interfaces by id.
    pub interfaces: BTreeMap<ResourceId, Interface>,
    /// Databases by name.
    pub databases: BTreeMap<String, Database>,
    /// What databases become when they are `available` again.
    modifying: BTreeMap<String, bool>,
    /// Whether a modification takes until the next [`Estate::settle`].
    pub slow: bool,
    /// Services by cluster and name.
    pub services: BTreeMap<(String, String), Service>,
    /// Those of which a deployment is under way.
    rolling: BTreeSet<(String, String)>,
    /// Load balancers by ARN.
    pub balancers: BTreeMap<String, Balancer>,
}

fn refusal<T>(code: &str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(code, message))
}

impl Estate {
    /// An empty account and Region at a fixed night.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            serial: 0,
            now: Timestamp::constant(1_795_400_000, 0),
            vpcs: BTreeMap::new(),
            subnets: BTreeMap::new(),
            groups: BTreeMap::new(),
            addresses: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            databases: BTreeMap::new(),
            modifying: BTreeMap::new(),
            slow: false,
            services: BTreeMap::new(),
            rolling: BTreeSet::new(),
            balancers: BTreeMap::new(),
        }
    }

    /// Where this is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    fn id(&mut self, prefix: &str) -> ResourceId {
        self.serial += 1;
        ResourceId::from(format!("{prefix}-{:017x}", self.serial))
    }

    fn public_ip(&mut self) -> String {
        self.serial += 1;
        format!("198.51.100.{}", self.serial % 256)
    }

    /// `CreateVpc`.
    ///
    /// # Errors
    /// `InvalidParameterValue` for what is no IPv4 range.
    pub fn create_vpc(&mut self, cidr: &str) -> Result<VpcId, Refusal> {
        let Ok(cidr) = cidr.parse() else { return refusal("InvalidParameterValue", format!("{cidr} is not a CIDR")) };
        let id = VpcId::new(self.id("vpc").as_str());
        self.vpcs.insert(id.clone(), Vpc { cidr, tags: BTreeMap::new() });
        Ok(id)
    }

    /// `CreateSubnet`.
    ///
    /// # Errors
    /// `InvalidVpcID.NotFound`, `InvalidParameterValue`.
    pub fn create_subnet(&mut self, vpc: &VpcId, cidr: &str) -> Result<ResourceId, Refusal> {
        if !self.vpcs.contains_key(vpc) {
            return refusal("InvalidVpcID.NotFound", format!("The vpc ID '{vpc}' does not exist"));
        }
        let Ok(cidr) = cidr.parse() else { return refusal("InvalidParameterValue", format!("{cidr} is not a CIDR")) };
        let id = self.id("subnet");
        self.subnets.insert(id.clone(), (vpc.clone(), cidr));
        Ok(id)
    }

    /// `CreateSecurityGroup`.
    pub fn create_group(&mut self, vpc: &VpcId, name: &str) -> ResourceId {
        let id = self.id("sg");
        self.groups.insert(id.clone(), (vpc.clone(), name.to_owned()));
        id
    }

    /// `CreateNetworkInterface`, or what a service does in its place.
    ///
    /// # Errors
    /// `InvalidSubnetID.NotFound`.
    pub fn create_interface(&mut self, subnet: &ResourceId, groups: &[ResourceId]) -> Result<ResourceId, Refusal> {
        if !self.subnets.contains_key(subnet) {
            return refusal("InvalidSubnetID.NotFound", format!("The subnet ID '{subnet}' does not exist"));
        }
        let id = self.id("eni");
        let named = groups.iter().filter_map(|id| Some((id.clone(), self.groups.get(id)?.1.clone())));
        let interface = Interface {
            id: id.clone(),
            subnet: subnet.clone(),
            addresses: vec![],
            groups: named.collect(),
            kind: "interface".into(),
            managed: false,
            description: String::new(),
            instance: None,
            stack: None,
        };
        self.interfaces.insert(id.clone(), interface);
        Ok(id)
    }

    /// Gives an interface an address of AWS's, as at launch in a subnet that assigns them.
    pub fn assign(&mut self, interface: &ResourceId) {
        let public_ip = self.public_ip();
        let address = Address { public_ip, private_ip: "10.0.0.10".into(), allocation: None, association: None };
        if let Some(interface) = self.interfaces.get_mut(interface) {
            interface.addresses.push(address);
        }
    }

    /// `AllocateAddress`.
    pub fn allocate(&mut self) -> ResourceId {
        let (id, public_ip) = (self.id("eipalloc"), self.public_ip());
        self.addresses.insert(id.clone(), (public_ip, None));
        id
    }

    /// `AssociateAddress` with an interface, without `AllowReassociation`. The same association again is the same one.
    ///
    /// # Errors
    /// `InvalidAllocationID.NotFound`, `InvalidNetworkInterfaceID.NotFound`, `Resource.AlreadyAssociated`.
    pub fn associate(&mut self, allocation: &ResourceId, interface: &ResourceId) -> Result<ResourceId, Refusal> {
        let Some((public_ip, on)) = self.addresses.get(allocation).cloned() else {
            return refusal("InvalidAllocationID.NotFound", format!("The allocation ID '{allocation}' does not exist"));
        };
        match on {
            Some((there, association)) if there == *interface => return Ok(association),
            Some(_) => return refusal("Resource.AlreadyAssociated", format!("{allocation} is already associated")),
            None => {}
        }
        let association = self.id("eipassoc");
        let Some(found) = self.interfaces.get_mut(interface) else {
            return refusal("InvalidNetworkInterfaceID.NotFound", format!("'{interface}' does not exist"));
        };
        // An address that AWS assigned goes when an Elastic IP address comes.
        found.addresses = vec![Address {
            public_ip: public_ip.clone(),
            private_ip: "10.0.0.10".into(),
            allocation: Some(allocation.clone()),
            association: Some(association.clone()),
        }];
        self.addresses.insert(allocation.clone(), (public_ip, Some((interface.clone(), association.clone()))));
        Ok(association)
    }

    /// `DisassociateAddress`.
    ///
    /// # Errors
    /// `InvalidAssociationID.NotFound`; `AuthFailure` where a service holds it.
    pub fn disassociate(&mut self, association: &ResourceId) -> Result<(), Refusal> {
        let on = |(_, on): &(String, Option<(ResourceId, ResourceId)>)| {
            on.clone().filter(|(_, known)| known == association).map(|(interface, _)| interface)
        };
        let Some(interface) = self.addresses.values().find_map(on) else {
            return refusal(
                "InvalidAssociationID.NotFound",
                format!("The association ID '{association}' does not exist"),
            );
        };
        if self.interfaces.get(&interface).is_some_and(|interface| interface.managed) {
            return refusal("AuthFailure", "You do not have permission to access the specified resource.");
        }
        for (_, on) in self.addresses.values_mut() {
            if on.as_ref().is_some_and(|(_, known)| known == association) {
                *on = None;
            }
        }
        if let Some(interface) = self.interfaces.get_mut(&interface) {
            interface.addresses.retain(|address| address.association.as_ref() != Some(association));
        }
        Ok(())
    }

    /// `CreateDBInstance` of a PostgreSQL that is available at once, with its interface.
    ///
    /// # Errors
    /// `DBInstanceAlreadyExists`, and what the interface is refused for.
    pub fn create_database(
        &mut self,
        name: &str,
        subnets: &[ResourceId],
        groups: &[ResourceId],
        public: bool,
    ) -> Result<(), Refusal> {
        if self.databases.contains_key(name) {
            return refusal("DBInstanceAlreadyExists", "DB instance already exists");
        }
        if let Some(subnet) = subnets.first() {
            let interface = self.create_interface(subnet, groups)?;
            if let Some(interface) = self.interfaces.get_mut(&interface) {
                interface.managed = true;
                interface.description = "RDSNetworkInterface".into();
            }
        }
        let database = Database {
            name: name.into(),
            resource: Some(format!("db-{}", name.to_ascii_uppercase()).into()),
            cluster: None,
            engine: "postgres".into(),
            status: "available".into(),
            public,
            subnets: subnets.iter().cloned().collect(),
            groups: groups.iter().cloned().collect(),
            stack: None,
        };
        self.databases.insert(name.into(), database);
        Ok(())
    }

    /// `ModifyDBInstance` with `PubliclyAccessible`.
    ///
    /// # Errors
    /// `DBInstanceNotFound`, `InvalidDBInstanceState`.
    pub fn modify_database(&mut self, name: &str, public: bool) -> Result<(), Refusal> {
        let Some(database) = self.databases.get_mut(name) else {
            return refusal("DBInstanceNotFound", format!("DBInstance {name} not found."));
        };
        if database.status != "available" {
            let message = format!("Instance {name} is currently {} - try again later", database.status);
            return refusal("InvalidDBInstanceState", message);
        }
        match self.slow {
            true => {
                database.status = "modifying".into();
                self.modifying.insert(name.into(), public);
            }
            false => database.public = public,
        }
        Ok(())
    }

    /// `CreateService`, with one task.
    ///
    /// # Errors
    /// What the task's interface is refused for.
    pub fn create_service(
        &mut self,
        cluster: &str,
        name: &str,
        subnets: &[ResourceId],
        groups: &[ResourceId],
        public: bool,
    ) -> Result<(), Refusal> {
        let service = Service {
            cluster: cluster.into(),
            name: name.into(),
            subnets: subnets.to_vec(),
            groups: groups.to_vec(),
            public,
            controller: Controller::Ecs,
            leaving: vec![],
            failed_private: false,
            stack: None,
        };
        self.services.insert((cluster.into(), name.into()), service);
        self.replace_task(cluster, name)
    }

    /// `RunTask` of one task that belongs to no service; answers its interface.
    ///
    /// # Errors
    /// What its interface is refused for.
    pub fn run_task(
        &mut self,
        subnet: &ResourceId,
        groups: &[ResourceId],
        public: bool,
    ) -> Result<ResourceId, Refusal> {
        let id = self.create_interface(subnet, groups)?;
        self.serial += 1;
        let Place { account, region } = &self.place;
        let description = format!("arn:aws:ecs:{region}:{account}:attachment/{:08x}", self.serial);
        if let Some(interface) = self.interfaces.get_mut(&id) {
            interface.description = description;
        }
        if public {
            self.assign(&id);
        }
        Ok(id)
    }

    /// `UpdateService` with a network: a deployment that lasts until the next [`Estate::settle`].
    ///
    /// # Errors
    /// `ServiceNotFoundException`; `InvalidParameterException` where ECS is not the one who deploys.
    pub fn update_service(
        &mut self,
        cluster: &str,
        name: &str,
        subnets: &[ResourceId],
        groups: &[ResourceId],
        public: bool,
    ) -> Result<(), Refusal> {
        let key = (cluster.to_owned(), name.to_owned());
        let Some(service) = self.services.get_mut(&key) else {
            return refusal("ServiceNotFoundException", "Service not found.");
        };
        if service.controller != Controller::Ecs {
            return refusal(
                "InvalidParameterException",
                "Unable to update network parameters on services with a CODE_DEPLOY deployment controller.",
            );
        }
        let left = Leaving {
            subnets: std::mem::replace(&mut service.subnets, subnets.to_vec()),
            groups: std::mem::replace(&mut service.groups, groups.to_vec()),
            since: Some(self.now),
        };
        if std::mem::replace(&mut service.public, public) {
            service.leaving.push(left);
        }
        self.rolling.insert(key);
        Ok(())
    }

    fn replace_task(&mut self, cluster: &str, name: &str) -> Result<(), Refusal> {
        let Some(service) = self.services.get_mut(&(cluster.to_owned(), name.to_owned())) else { return Ok(()) };
        service.leaving.clear();
        let Service { subnets, groups, public, .. } = service.clone();
        let tag = format!("/{cluster}-{name}-");
        self.interfaces.retain(|_, interface| !interface.description.contains(&tag));
        let Some(subnet) = subnets.first() else { return Ok(()) };
        let id = self.run_task(subnet, &groups, public)?;
        if let Some(interface) = self.interfaces.get_mut(&id) {
            interface.description = interface.description.replace(":attachment/", &format!(":attachment{tag}"));
        }
        Ok(())
    }

    /// `CreateLoadBalancer`.
    pub fn create_balancer(&mut self, name: &str, internet_facing: bool, subnets: &[ResourceId]) -> String {
        self.serial += 1;
        let Place { account, region } = &self.place;
        let arn =
            format!("arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/net/{name}/{:016x}", self.serial);
        let vpc = subnets.first().and_then(|subnet| self.subnets.get(subnet)).map(|(vpc, _)| vpc.clone());
        let balancer = Balancer {
            arn: arn.clone(),
            name: name.into(),
            kind: "network".into(),
            internet_facing,
            vpc,
            subnets: subnets.iter().cloned().collect(),
        };
        self.balancers.insert(arn.clone(), balancer);
        arn
    }

    /// What AWS does in the meantime: modifications end, deployments replace tasks.
    pub fn settle(&mut self) {
        for (name, public) in std::mem::take(&mut self.modifying) {
            if let Some(database) = self.databases.get_mut(&name) {
                (database.status, database.public) = ("available".into(), public);
            }
        }
        for (cluster, name) in std::mem::take(&mut self.rolling) {
            // Its subnets were there when it was made.
            let _ = self.replace_task(&cluster, &name);
        }
    }
}
