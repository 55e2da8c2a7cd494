//! What EC2 does with routes of any destination, associations, internet gateways and attributes, on the same in-memory account as NAT
//! gateways: both controls write route tables.
//!
//! Passes [`crate::contract::routes`], as the local cloud does.

use crate::ec2::Refusal;
use crate::nat::{Nets, Table};
use std::collections::BTreeMap;
use topology::routes::LOCAL;
use topology::{ResourceId, VpcId};

/// Everywhere.
const DEFAULT: &str = "0.0.0.0/0";

impl Nets {
    /// Where a route leads: by destination. A `local` one is not written down unless it was replaced.
    pub fn route(&self, table: &ResourceId, destination: &str) -> Option<ResourceId> {
        let table = self.tables.get(table)?;
        match destination {
            DEFAULT => table.default.as_ref().map(|(target, _)| target.clone()),
            other => table.others.iter().find(|(to, _, _)| to == other).map(|(_, target, _)| target.clone()),
        }
    }

    fn is_local(&self, table: &ResourceId, destination: &str) -> bool {
        let vpc = self.tables.get(table).and_then(|table| self.vpcs.get(&table.vpc));
        vpc.is_some_and(|vpc| vpc.cidr.to_string() == destination)
    }

    /// An internet gateway must be attached to the VPC of the table.
    fn reachable(&self, table: &ResourceId, target: &ResourceId) -> Result<(), Refusal> {
        let vpc = self.tables.get(table).map(|table| &table.vpc);
        if target.as_str().starts_with("igw-") && self.internet.get(target) != vpc {
            let said = format!("route table {table} and network gateway {target} belong to different networks");
            return Err(Refusal::new("InvalidParameterValue", said));
        }
        self.target(target)
    }

    /// `CreateRoute`.
    ///
    /// # Errors
    /// There is one, or the target is not there.
    pub fn add_route(&mut self, table: &ResourceId, destination: &str, to: &ResourceId) -> Result<(), Refusal> {
        self.table(table)?;
        self.reachable(table, to)?;
        if self.is_local(table, destination) || self.route(table, destination).is_some() {
            let said = format!("The route identified by {destination} already exists.");
            return Err(Refusal::new("RouteAlreadyExists", said));
        }
        let table = self.table(table)?;
        match destination {
            DEFAULT => table.default = Some((to.clone(), true)),
            other => table.others.push((other.to_owned(), to.clone(), true)),
        }
        Ok(())
    }

    /// `ReplaceRoute`; to `local`: with `LocalTarget`.
    ///
    /// # Errors
    /// There is none, or the target is not there.
    pub fn turn_route(&mut self, table: &ResourceId, destination: &str, to: &ResourceId) -> Result<(), Refusal> {
        self.table(table)?;
        if to.as_str() != LOCAL {
            self.reachable(table, to)?;
        }
        let local = self.is_local(table, destination);
        if !local && self.route(table, destination).is_none() {
            let said = format!("There is no route defined for '{destination}' in the route table.");
            return Err(Refusal::new("InvalidParameterValue", said));
        }
        let table = self.table(table)?;
        match destination {
            DEFAULT => table.default = Some((to.clone(), true)),
            other => {
                table.others.retain(|(there, _, _)| there != other);
                if to.as_str() != LOCAL {
                    table.others.push((other.to_owned(), to.clone(), true));
                }
            }
        }
        Ok(())
    }

    /// `DeleteRoute`.
    ///
    /// # Errors
    /// There is none, or it is the VPC's own.
    pub fn remove_route(&mut self, table: &ResourceId, destination: &str) -> Result<(), Refusal> {
        self.table(table)?;
        if self.is_local(table, destination) {
            let said = format!("cannot remove local route {destination} in route table {table}");
            return Err(Refusal::new("InvalidParameterValue", said));
        }
        if self.route(table, destination).is_none() {
            let said = format!("no route with destination-cidr-block {destination} in route table {table}");
            return Err(Refusal::new("InvalidRoute.NotFound", said));
        }
        let table = self.table(table)?;
        match destination {
            DEFAULT => table.default = None,
            other => table.others.retain(|(there, _, _)| there != other),
        }
        Ok(())
    }

    /// The table that an association belongs to.
    fn associated(&self, association: &ResourceId) -> Option<(ResourceId, ResourceId)> {
        self.tables.iter().find_map(|(table, held)| {
            let (subnet, _) = held.subnets.iter().find(|(_, id)| *id == association)?;
            Some((table.clone(), subnet.clone()))
        })
    }

    /// `AssociateRouteTable`, of a subnet that has no table of its own.
    ///
    /// # Errors
    /// It has one, or something is not there.
    pub fn seat(&mut self, table: &ResourceId, subnet: &ResourceId) -> Result<ResourceId, Refusal> {
        self.table(table)?;
        let taken = self.tables.iter().find(|(_, other)| other.subnets.contains_key(subnet)).map(|(id, _)| id.clone());
        match taken {
            Some(other) if other != *table => {
                let said = format!("the specified association for route table {table} conflicts with an existing one");
                Err(Refusal::new("Resource.AlreadyAssociated", said))
            }
            Some(_) => Ok(self.table(table)?.subnets.get(subnet).cloned().unwrap_or_else(|| "nothing".into())),
            None => {
                let id = self.id("rtbassoc");
                self.table(table)?.subnets.insert(subnet.clone(), id.clone());
                Ok(id)
            }
        }
    }

    /// `ReplaceRouteTableAssociation`.
    ///
    /// # Errors
    /// The association, or the table, is not there.
    pub fn reseat(&mut self, association: &ResourceId, table: &ResourceId) -> Result<ResourceId, Refusal> {
        self.table(table)?;
        let Some((from, subnet)) = self.associated(association) else { return Err(no_association(association)) };
        self.table(&from)?.subnets.remove(&subnet);
        let id = self.id("rtbassoc");
        self.table(table)?.subnets.insert(subnet, id.clone());
        Ok(id)
    }

    /// `DisassociateRouteTable`.
    ///
    /// # Errors
    /// The association is not there.
    pub fn unseat(&mut self, association: &ResourceId) -> Result<(), Refusal> {
        let Some((from, subnet)) = self.associated(association) else { return Err(no_association(association)) };
        self.table(&from)?.subnets.remove(&subnet);
        Ok(())
    }

    /// `CreateRouteTable` with a client token.
    ///
    /// # Errors
    /// The VPC is not there.
    pub fn make_table(
        &mut self,
        vpc: &VpcId,
        tags: BTreeMap<String, String>,
        token: &str,
    ) -> Result<ResourceId, Refusal> {
        if let Some(id) = self.table_tokens.get(token) {
            return Ok(id.clone());
        }
        self.vpc(vpc)?;
        let id = self.new_table(vpc, false);
        self.table(&id)?.tags = tags;
        self.table_tokens.insert(token.to_owned(), id.clone());
        Ok(id)
    }

    /// `DeleteRouteTable`.
    ///
    /// # Errors
    /// It is not there, it is the main one, or a subnet uses it.
    pub fn drop_table(&mut self, id: &ResourceId) -> Result<(), Refusal> {
        let Table { main, subnets, .. } = self.table(id)?;
        if *main || !subnets.is_empty() {
            let said = format!("The routeTable '{id}' has dependencies and cannot be deleted.");
            return Err(Refusal::new("DependencyViolation", said));
        }
        self.tables.remove(id);
        Ok(())
    }

    /// `CreateInternetGateway`, attached nowhere.
    pub fn make_internet(&mut self) -> ResourceId {
        let id = self.id("igw");
        self.internet_tags.insert(id.clone(), BTreeMap::new());
        id
    }

    /// `AttachInternetGateway`.
    ///
    /// # Errors
    /// The gateway is not there or taken, or the VPC has one.
    pub fn plug(&mut self, gateway: &ResourceId, vpc: &VpcId) -> Result<(), Refusal> {
        self.vpc(vpc)?;
        if !self.internet_tags.contains_key(gateway) {
            return Err(no_gateway(gateway));
        }
        if let Some(other) = self.internet.get(gateway) {
            let said = format!("resource {gateway} is already attached to network {other}");
            return Err(Refusal::new("Resource.AlreadyAssociated", said));
        }
        if self.internet.values().any(|other| other == vpc) {
            let said = format!("Network {vpc} already has an internet gateway attached");
            return Err(Refusal::new("InvalidParameterValue", said));
        }
        self.internet.insert(gateway.clone(), vpc.clone());
        Ok(())
    }

    /// `DetachInternetGateway`.
    ///
    /// # Errors
    /// It is not attached there, or public addresses are in use in the VPC.
    pub fn unplug(&mut self, gateway: &ResourceId, vpc: &VpcId) -> Result<(), Refusal> {
        if !self.internet_tags.contains_key(gateway) {
            return Err(no_gateway(gateway));
        }
        if self.internet.get(gateway) != Some(vpc) {
            let said = format!("resource {gateway} is not attached to network {vpc}");
            return Err(Refusal::new("Gateway.NotAttached", said));
        }
        let mut mapped = self.addresses.values().filter_map(|address| self.gateways.get(address.user.as_ref()?));
        if mapped.any(|gateway| gateway.vpc == *vpc) {
            let said = format!(
                "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching \
                 the gateway."
            );
            return Err(Refusal::new("DependencyViolation", said));
        }
        self.internet.remove(gateway);
        Ok(())
    }

    /// The DNS attributes of a VPC: support and host names.
    pub fn dns_of(&self, vpc: &VpcId) -> (bool, bool) {
        self.dns.get(vpc).copied().unwrap_or((true, false))
    }
}

fn no_association(id: &ResourceId) -> Refusal {
    Refusal::new("InvalidAssociationID.NotFound", format!("The association ID '{id}' does not exist"))
}

fn no_gateway(id: &ResourceId) -> Refusal {
    Refusal::new("InvalidInternetGatewayID.NotFound", format!("The internetGateway ID '{id}' does not exist"))
}
