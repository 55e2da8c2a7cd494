//! The part of EC2 that NAT gateways live on, in memory: gateways and their lives, addresses, subnets, route tables.
//!
//! Passes [`crate::contract::nat`], as the local cloud does.

use crate::ec2::{Refusal, Vpc};
use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use topology::nat::{Availability, Failure, GatewayState, NewGateway};
use topology::{Place, ResourceId, VpcId, ZoneLetter};

/// For how long a gateway that is gone stays in sight.
const LINGERS: SignedDuration = SignedDuration::from_hours(1);

/// One account and Region. A value: clone it to keep a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nets {
    place: Place,
    serial: u64,
    /// The time by which gateways age.
    pub now: Timestamp,
    /// VPCs by id.
    pub vpcs: BTreeMap<VpcId, Vpc>,
    /// The internet gateways that are attached, with the VPC of each.
    pub internet: BTreeMap<ResourceId, VpcId>,
    /// The tags of every internet gateway, attached or not.
    pub internet_tags: BTreeMap<ResourceId, BTreeMap<String, String>>,
    /// DNS support and host names of VPCs that differ from what a new VPC has: support, and no names.
    pub dns: BTreeMap<VpcId, (bool, bool)>,
    /// Subnets that give public addresses to what is launched in them.
    pub public_on_launch: BTreeSet<ResourceId>,
    /// Tables that client tokens stand for.
    pub(crate) table_tokens: BTreeMap<String, ResourceId>,
    /// Subnets by id.
    pub subnets: BTreeMap<ResourceId, Subnet>,
    /// Route tables by id.
    pub tables: BTreeMap<ResourceId, Table>,
    /// Gateways by id, as long as they are in sight.
    pub gateways: BTreeMap<ResourceId, Gateway>,
    /// Addresses by allocation id.
    pub addresses: BTreeMap<ResourceId, Address>,
    /// What client tokens stand for.
    tokens: BTreeMap<String, (NewGateway, ResourceId)>,
    /// Zone ids that AWS moves traffic away from.
    pub away: BTreeSet<ResourceId>,
    /// What the next creates will fail with, later.
    pub failures: VecDeque<Failure>,
    /// Addresses a Region.
    pub address_quota: usize,
    /// Gateways a zone.
    pub gateway_quota: usize,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// Where it is.
    pub vpc: VpcId,
    /// Its range.
    pub cidr: Ipv4Net,
    /// Its zone.
    pub zone: ZoneLetter,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A route table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Where it is.
    pub vpc: VpcId,
    /// Whether it is the VPC's main one.
    pub main: bool,
    /// Associations by subnet.
    pub subnets: BTreeMap<ResourceId, ResourceId>,
    /// Where 0.0.0.0/0 leads, and whether somebody wrote that.
    pub default: Option<(ResourceId, bool)>,
    /// Other routes: destination, target, whether somebody wrote it.
    pub others: Vec<(String, ResourceId, bool)>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A NAT gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Where it is.
    pub vpc: VpcId,
    /// What was asked for.
    pub availability: Availability,
    /// Its subnet, if it is zonal.
    pub subnet: Option<ResourceId>,
    /// Whether it is public.
    pub public: bool,
    /// Its address, if it is public and zonal.
    pub allocation: Option<ResourceId>,
    /// Its state.
    pub state: GatewayState,
    /// What it will fail with, or failed with.
    pub failure: Option<Failure>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was deleted, or failed.
    pub gone: Option<Timestamp>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// An Elastic IP address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub public_ip: String,
    /// What uses it: a gateway, or an instance of somebody's.
    pub user: Option<ResourceId>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Nets {
    /// An empty account.
    pub fn new(place: Place, now: Timestamp) -> Self {
        Self {
            place,
            serial: 0,
            now,
            vpcs: BTreeMap::new(),
            internet: BTreeMap::new(),
            internet_tags: BTreeMap::new(),
            dns: BTreeMap::new(),
            public_on_launch: BTreeSet::new(),
            table_tokens: BTreeMap::new(),
            subnets: BTreeMap::new(),
            tables: BTreeMap::new(),
            gateways: BTreeMap::new(),
            addresses: BTreeMap::new(),
            tokens: BTreeMap::new(),
            away: BTreeSet::new(),
            failures: VecDeque::new(),
            address_quota: 5,
            gateway_quota: 5,
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn id(&mut self, kind: &str) -> ResourceId {
        self.serial += 1;
        ResourceId::new(format!("{kind}-{:017x}", self.serial))
    }

    /// `CreateVpc`, with its main table.
    ///
    /// # Errors
    /// A range that is none.
    pub fn create_vpc(&mut self, cidr: &str) -> Result<VpcId, Refusal> {
        let cidr = range(cidr)?;
        let id = VpcId::new(self.id("vpc").as_str());
        self.vpcs.insert(id.clone(), Vpc { cidr, tags: BTreeMap::new() });
        self.new_table(&id, true);
        Ok(id)
    }

    pub(crate) fn new_table(&mut self, vpc: &VpcId, main: bool) -> ResourceId {
        let id = self.id("rtb");
        let table = Table {
            vpc: vpc.clone(),
            main,
            subnets: BTreeMap::new(),
            default: None,
            others: vec![],
            tags: BTreeMap::new(),
        };
        self.tables.insert(id.clone(), table);
        id
    }

    /// `CreateSubnet`.
    ///
    /// # Errors
    /// A range that is none, or a VPC that is not there.
    pub fn create_subnet(&mut self, vpc: &VpcId, cidr: &str, zone: &str) -> Result<ResourceId, Refusal> {
        let cidr = range(cidr)?;
        self.vpc(vpc)?;
        let id = self.id("subnet");
        let subnet = Subnet { vpc: vpc.clone(), cidr, zone: zone.into(), tags: BTreeMap::new() };
        self.subnets.insert(id.clone(), subnet);
        Ok(id)
    }

    /// `CreateRouteTable`.
    ///
    /// # Errors
    /// A VPC that is not there.
    pub fn create_table(&mut self, vpc: &VpcId) -> Result<ResourceId, Refusal> {
        self.vpc(vpc)?;
        Ok(self.new_table(vpc, false))
    }

    /// `AssociateRouteTable`, in place of another association.
    ///
    /// # Errors
    /// A table that is not there.
    pub fn associate(&mut self, table: &ResourceId, subnet: &ResourceId) -> Result<(), Refusal> {
        let association = self.id("rtbassoc");
        self.table(table)?;
        self.tables.values_mut().for_each(|table| {
            table.subnets.remove(subnet);
        });
        self.table(table)?.subnets.insert(subnet.clone(), association);
        Ok(())
    }

    /// `CreateInternetGateway` and `AttachInternetGateway`.
    pub fn attach_internet(&mut self, vpc: &VpcId) -> ResourceId {
        let id = self.id("igw");
        self.internet.insert(id.clone(), vpc.clone());
        self.internet_tags.insert(id.clone(), BTreeMap::new());
        id
    }

    /// `DetachInternetGateway`.
    pub fn detach_internet(&mut self, id: &ResourceId) {
        self.internet.remove(id);
    }

    pub(crate) fn vpc(&self, id: &VpcId) -> Result<(), Refusal> {
        let missing = || Refusal::new("InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist"));
        self.vpcs.contains_key(id).then_some(()).ok_or_else(missing)
    }

    pub(crate) fn table(&mut self, id: &ResourceId) -> Result<&mut Table, Refusal> {
        let missing =
            || Refusal::new("InvalidRouteTableID.NotFound", format!("The routeTable ID '{id}' does not exist"));
        self.tables.get_mut(id).ok_or_else(missing)
    }

    /// Where a route may lead: a NAT gateway that is there, or anything else that has an id.
    pub(crate) fn target(&self, target: &ResourceId) -> Result<(), Refusal> {
        let there = |gateway: &Gateway| matches!(gateway.state, GatewayState::Pending | GatewayState::Available);
        if target.as_str().starts_with("nat-") && !self.gateways.get(target).is_some_and(there) {
            return Err(Refusal::new(
                "InvalidNatGatewayID.NotFound",
                format!("The natGateway ID '{target}' does not exist"),
            ));
        }
        Ok(())
    }

    /// `CreateRoute` for 0.0.0.0/0.
    ///
    /// # Errors
    /// There is one, or the target is not there.
    pub fn create_route(&mut self, table: &ResourceId, target: &ResourceId) -> Result<(), Refusal> {
        self.target(target)?;
        let table = self.table(table)?;
        if table.default.is_some() {
            return Err(Refusal::new("RouteAlreadyExists", "The route identified by 0.0.0.0/0 already exists."));
        }
        table.default = Some((target.clone(), true));
        Ok(())
    }

    /// `ReplaceRoute` for 0.0.0.0/0.
    ///
    /// # Errors
    /// There is none, or the target is not there.
    pub fn replace_route(&mut self, table: &ResourceId, target: &ResourceId) -> Result<(), Refusal> {
        self.target(target)?;
        let table = self.table(table)?;
        if table.default.is_none() {
            return Err(Refusal::new("InvalidParameterValue", "There is no route defined for '0.0.0.0/0'."));
        }
        table.default = Some((target.clone(), true));
        Ok(())
    }

    /// `DeleteRoute` for 0.0.0.0/0.
    ///
    /// # Errors
    /// There is none.
    pub fn delete_route(&mut self, table: &ResourceId) -> Result<(), Refusal> {
        match self.table(table)?.default.take() {
            Some(_) => Ok(()),
            None => Err(Refusal::new("InvalidRoute.NotFound", "no route with destination-cidr-block 0.0.0.0/0")),
        }
    }

    /// Whether AWS calls a route to this a black hole.
    pub fn blackhole(&self, table: &Table, target: &ResourceId) -> bool {
        let up = |gateway: &Gateway| matches!(gateway.state, GatewayState::Pending | GatewayState::Available);
        match target.as_str().split_once('-').map_or("", |(kind, _)| kind) {
            "nat" => !self.gateways.get(target).is_some_and(up),
            "igw" => self.internet.get(target) != Some(&table.vpc),
            _ => false,
        }
    }

    /// `AllocateAddress`.
    ///
    /// # Errors
    /// The quota.
    pub fn allocate(&mut self, tags: BTreeMap<String, String>) -> Result<ResourceId, Refusal> {
        if self.addresses.len() >= self.address_quota {
            return Err(Refusal::new("AddressLimitExceeded", "The maximum number of addresses has been reached."));
        }
        let id = self.id("eipalloc");
        let public_ip = format!("203.0.113.{}", self.serial % 256);
        self.addresses.insert(id.clone(), Address { public_ip, user: None, tags });
        Ok(id)
    }

    /// `ReleaseAddress`.
    ///
    /// # Errors
    /// It is not there, or in use.
    pub fn release(&mut self, allocation: &ResourceId) -> Result<(), Refusal> {
        match self.addresses.get(allocation) {
            None => Err(no_address(allocation)),
            Some(address) if address.user.is_some() => {
                Err(Refusal::new("AuthFailure", "You do not have permission to access the specified resource."))
            }
            Some(_) => {
                self.addresses.remove(allocation);
                Ok(())
            }
        }
    }

    /// `CreateNatGateway`: public and zonal, or regional.
    ///
    /// # Errors
    /// What EC2 finds wrong at once; the rest comes later, as the gateway's failure.
    pub fn create_gateway(
        &mut self,
        new: &NewGateway,
        tags: BTreeMap<String, String>,
        token: &str,
    ) -> Result<ResourceId, Refusal> {
        if let Some((before, id)) = self.tokens.get(token) {
            return if before == new {
                Ok(id.clone())
            } else {
                Err(Refusal::new("IdempotentParameterMismatch", "The token was used with other parameters."))
            };
        }
        let (vpc, subnet, allocation) = match new {
            NewGateway::Regional { vpc } => (vpc.clone(), None, None),
            NewGateway::Zonal { subnet, allocation } => {
                let Some(place) = self.subnets.get(subnet) else {
                    let said = format!("The subnet ID '{subnet}' does not exist");
                    return Err(Refusal::new("InvalidSubnetID.NotFound", said));
                };
                let zone = place.zone.clone();
                let counts =
                    |state| matches!(state, GatewayState::Pending | GatewayState::Available | GatewayState::Deleting);
                let here = self.gateways.values().filter(|gateway| {
                    let stands = gateway.subnet.as_ref().and_then(|subnet| self.subnets.get(subnet));
                    counts(gateway.state) && stands.is_some_and(|subnet| subnet.zone == zone)
                });
                if here.count() >= self.gateway_quota {
                    return Err(Refusal::new(
                        "NatGatewayLimitExceeded",
                        format!(
                            "Performing this operation would exceed the limit of {} NAT gateways",
                            self.gateway_quota
                        ),
                    ));
                }
                if !self.addresses.contains_key(allocation) {
                    return Err(no_address(allocation));
                }
                (place.vpc.clone(), Some(subnet.clone()), Some(allocation.clone()))
            }
        };
        let failure = self.failures.pop_front().or_else(|| self.later_failure(&vpc, allocation.as_ref()));
        let id = self.id("nat");
        if failure.is_none()
            && let Some(address) = allocation.as_ref().and_then(|allocation| self.addresses.get_mut(allocation))
        {
            address.user = Some(id.clone());
        }
        let availability = if subnet.is_some() { Availability::Zonal } else { Availability::Regional };
        let gateway = Gateway {
            vpc,
            availability,
            subnet,
            public: true,
            allocation,
            state: GatewayState::Pending,
            failure,
            created: self.now,
            gone: None,
            tags,
        };
        self.gateways.insert(id.clone(), gateway);
        self.tokens.insert(token.to_owned(), (new.clone(), id.clone()));
        if availability == Availability::Regional {
            // AWS gives it a route table of its own.
            self.regional_table(&id);
        }
        Ok(id)
    }

    fn regional_table(&mut self, id: &ResourceId) {
        let Some(vpc) = self.gateways.get(id).map(|gateway| gateway.vpc.clone()) else { return };
        let internet = self.internet.iter().find(|(_, home)| **home == vpc).map(|(igw, _)| igw.clone());
        let table = self.new_table(&vpc, false);
        if let Some(table) = self.tables.get_mut(&table) {
            table.default = internet.map(|igw| (igw, true));
        }
    }

    fn later_failure(&self, vpc: &VpcId, allocation: Option<&ResourceId>) -> Option<Failure> {
        let failure = |code: &str| Some(Failure { code: code.into(), message: "see the user guide".into() });
        if !self.internet.values().any(|home| home == vpc) {
            return failure("Gateway.NotAttached");
        }
        let used = allocation.and_then(|allocation| self.addresses.get(allocation));
        if used.is_some_and(|address| address.user.is_some()) {
            return failure("Resource.AlreadyAssociated");
        }
        None
    }

    /// A private gateway, as somebody else would make it: it never leads to the internet.
    pub fn create_private_gateway(&mut self, subnet: &ResourceId) -> Option<ResourceId> {
        let vpc = self.subnets.get(subnet)?.vpc.clone();
        let id = self.id("nat");
        let gateway = Gateway {
            vpc,
            availability: Availability::Zonal,
            subnet: Some(subnet.clone()),
            public: false,
            allocation: None,
            state: GatewayState::Available,
            failure: None,
            created: self.now,
            gone: None,
            tags: BTreeMap::new(),
        };
        self.gateways.insert(id.clone(), gateway);
        Some(id)
    }

    /// `DeleteNatGateway`.
    ///
    /// # Errors
    /// It is not in sight.
    pub fn delete_gateway(&mut self, id: &ResourceId) -> Result<(), Refusal> {
        let Some(gateway) = self.gateways.get_mut(id) else {
            return Err(Refusal::new("NatGatewayNotFound", format!("NAT gateway {id} was not found")));
        };
        if gateway.state != GatewayState::Deleted {
            gateway.state = GatewayState::Deleting;
        }
        Ok(())
    }

    /// Whatever is on its way arrives: pending gateways come up or fail, deleted ones are gone and give their addresses back.
    pub fn arrive(&mut self) {
        let ids: Vec<ResourceId> = self.gateways.keys().cloned().collect();
        for id in ids {
            self.arrive_one(&id);
        }
    }

    /// The same for one gateway.
    pub fn arrive_one(&mut self, id: &ResourceId) {
        let now = self.now;
        let Some(gateway) = self.gateways.get_mut(id) else { return };
        match gateway.state {
            GatewayState::Pending if gateway.failure.is_some() => {
                (gateway.state, gateway.gone) = (GatewayState::Failed, Some(now));
            }
            GatewayState::Pending => gateway.state = GatewayState::Available,
            GatewayState::Deleting => {
                (gateway.state, gateway.gone) = (GatewayState::Deleted, Some(now));
                for address in self.addresses.values_mut().filter(|address| address.user.as_ref() == Some(id)) {
                    address.user = None;
                }
            }
            GatewayState::Available | GatewayState::Failed | GatewayState::Deleted => {}
        }
    }

    /// Whether anything is on its way.
    pub fn is_busy(&self) -> bool {
        let busy = |state| matches!(state, GatewayState::Pending | GatewayState::Deleting);
        self.gateways.values().any(|gateway| busy(gateway.state))
    }

    /// Time passes; what has been gone for long is forgotten.
    pub fn pass(&mut self, time: SignedDuration) {
        self.now = self.now.saturating_add(time).unwrap_or(self.now);
        let now = self.now;
        self.gateways.retain(|_, gateway| gateway.gone.is_none_or(|gone| now.duration_since(gone) < LINGERS));
    }
}

fn range(cidr: &str) -> Result<Ipv4Net, Refusal> {
    cidr.parse().map_err(|_| Refusal::new("InvalidParameterValue", format!("{cidr} is not a range")))
}

fn no_address(allocation: &ResourceId) -> Refusal {
    Refusal::new("InvalidAllocationID.NotFound", format!("The allocation ID '{allocation}' does not exist"))
}
