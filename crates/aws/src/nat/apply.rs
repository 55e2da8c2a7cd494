//! One change, exactly as it was decided.

use super::mapping::DEFAULT;
use crate::clients::{Regional, once};
use crate::errors::{bad_answer, fault, so_already};
use crate::network::{Network, created, filter, tagged};
use crate::route_tables as routes;
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::types::{AvailabilityMode, ConnectivityType, DomainType, ResourceType};
use reconciler::{Apply, ClientToken, Fault, FaultClass};
use std::collections::BTreeMap;
use topology::nat::{Change, Nat, NewGateway};
use topology::{Place, Receipt, ResourceId};

/// The tag that holds the client token of the intent by which an address was asked for.
const INTENT_TAG: &str = "plumbline:intent";

impl Apply<Nat> for Network {
    async fn apply(&self, place: &Place, action: &Change, token: &ClientToken) -> Result<Receipt, Fault> {
        let clients = self.clients.regional(place)?;
        match action {
            Change::AllocateAddress { vpc: _, tags } => allocate(&clients, tags, token).await,
            Change::CreateGateway { home: _, gateway, tags } => create_gateway(&clients, gateway, tags, token).await,
            Change::CreateRoute { table, to } => routes::create(&clients, &table.key.id, DEFAULT, to).await,
            Change::ReplaceRoute { table, from, from_works: _, to } => {
                routes::replace(&clients, &table.key.id, DEFAULT, from, to).await
            }
            Change::DeleteRoute { table, target } => routes::delete(&clients, &table.key.id, DEFAULT, target).await,
            Change::DeleteGateway { gateway } => delete_gateway(&clients, &gateway.key.id).await,
            Change::ReleaseAddress { address, public_ip: _ } => release(&clients, &address.key.id).await,
        }
    }
}

/// AllocateAddress takes no client token. What an earlier try of the same intent was given, and never heard of, has the token in a
/// tag. Several can only be there if AWS answered twice: all of them are ours to account for.
async fn allocate(clients: &Regional, tags: &BTreeMap<String, String>, token: &ClientToken) -> Result<Receipt, Fault> {
    const OPERATION: &str = "AllocateAddress";
    let ClientToken(token) = token;
    let by = filter(&format!("tag:{INTENT_TAG}"), [token.as_str()]);
    let search = clients.ec2.describe_addresses().filters(by).send().await;
    let found = search.map_err(|error| fault("DescribeAddresses", &error))?;
    let mut given: Vec<ResourceId> =
        found.addresses().iter().filter_map(|address| address.allocation_id()).map(Into::into).collect();
    if !given.is_empty() {
        given.sort();
        return Ok(Receipt { created: given, request_id: None, already: false });
    }
    let mut tags = tags.clone();
    tags.insert(INTENT_TAG.into(), token.clone());
    // The loop tries again, with the same token, and searches first.
    let request = clients
        .ec2
        .allocate_address()
        .domain(DomainType::Vpc)
        .tag_specifications(tagged(ResourceType::ElasticIp, &tags))
        .customize()
        .config_override(once());
    let done = request.send().await.map_err(|error| fault(OPERATION, &error))?;
    let allocation = done.allocation_id().ok_or_else(|| bad_answer(OPERATION, "AWS gave no allocation id"))?;
    Ok(created(allocation, done.request_id()))
}

async fn create_gateway(
    clients: &Regional,
    gateway: &NewGateway,
    tags: &BTreeMap<String, String>,
    token: &ClientToken,
) -> Result<Receipt, Fault> {
    const OPERATION: &str = "CreateNatGateway";
    let ClientToken(token) = token;
    let request = clients
        .ec2
        .create_nat_gateway()
        .client_token(token)
        .connectivity_type(ConnectivityType::Public)
        .tag_specifications(tagged(ResourceType::Natgateway, tags));
    let request = match gateway {
        NewGateway::Zonal { subnet, allocation } => {
            request.subnet_id(subnet.as_str()).allocation_id(allocation.as_str())
        }
        NewGateway::Regional { vpc } => request.availability_mode(AvailabilityMode::Regional).vpc_id(vpc.as_str()),
    };
    let done = request.send().await.map_err(|error| fault(OPERATION, &error))?;
    let id = done.nat_gateway().and_then(|gateway| gateway.nat_gateway_id());
    Ok(created(id.ok_or_else(|| bad_answer(OPERATION, "AWS gave no gateway id"))?, done.request_id()))
}

/// A gateway that is being deleted already is deleted once more without complaint.
async fn delete_gateway(clients: &Regional, gateway: &ResourceId) -> Result<Receipt, Fault> {
    const OPERATION: &str = "DeleteNatGateway";
    match clients.ec2.delete_nat_gateway().nat_gateway_id(gateway.as_str()).send().await {
        Ok(done) => Ok(Receipt { request_id: done.request_id().map(Into::into), ..Receipt::default() }),
        Err(error) => so_already(fault(OPERATION, &error), &["NatGatewayNotFound", "InvalidNatGatewayID.NotFound"]),
    }
}

async fn release(clients: &Regional, allocation: &ResourceId) -> Result<Receipt, Fault> {
    const OPERATION: &str = "ReleaseAddress";
    match clients.ec2.release_address().allocation_id(allocation.as_str()).send().await {
        Ok(done) => Ok(Receipt { request_id: done.request_id().map(Into::into), ..Receipt::default() }),
        Err(error) => {
            let fault = fault(OPERATION, &error);
            // What EC2 says, like of a stranger's address, while a gateway on its way out still holds it.
            let held = fault.code.as_deref() == Some("AuthFailure") && in_use(clients, allocation).await?;
            if held { Err(still_held(fault)) } else { so_already(fault, &["InvalidAllocationID.NotFound"]) }
        }
    }
}

async fn in_use(clients: &Regional, allocation: &ResourceId) -> Result<bool, Fault> {
    let request = clients.ec2.describe_addresses().filters(filter("allocation-id", [allocation.as_str()]));
    let found = request.send().await.map_err(|error| fault("DescribeAddresses", &error))?;
    Ok(found.addresses().iter().any(|address| address.association_id().is_some_and(|id| !id.is_empty())))
}

fn still_held(fault: Fault) -> Fault {
    let message = format!("{}: something still uses the address", fault.message);
    Fault { class: FaultClass::Retryable, message, remedy: None, ..fault }
}

#[cfg(test)]
mod tests;
