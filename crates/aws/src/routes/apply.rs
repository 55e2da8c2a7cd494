//! One change, exactly as it was decided.

use crate::clients::Regional;
use crate::errors::{bad_answer, fault, so_already};
use crate::network::{Network, created, filter, tagged};
use crate::route_tables as tables;
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType};
use reconciler::{Apply, ClientToken, Fault, FaultClass};
use std::collections::BTreeMap;
use topology::routes::{Change, DnsAttribute, Routes};
use topology::{Place, Receipt, ResourceId};

impl Apply<Routes> for Network {
    async fn apply(&self, place: &Place, action: &Change, token: &ClientToken) -> Result<Receipt, Fault> {
        let clients = self.clients.regional(place)?;
        match action {
            Change::CreateTable { subnet: _, vpc, tags } => make_table(&clients, vpc.as_str(), tags, token).await,
            Change::DeleteTable { table } => delete_table(&clients, &table.key.id).await,
            Change::Associate { subnet, to, back: _ } => associate(&clients, &subnet.key.id, to).await,
            Change::Move { subnet, association, from: _, to, back: _ } => {
                reassociate(&clients, &subnet.key.id, association, to).await
            }
            Change::Disassociate { subnet: _, association, from: _ } => disassociate(&clients, association).await,
            Change::CreateRoute { table, destination, to } => {
                tables::create(&clients, &table.key.id, destination, to).await
            }
            Change::ReplaceRoute { table, destination, from, back: _, to } => {
                tables::replace(&clients, &table.key.id, destination, from, to).await
            }
            Change::DeleteRoute { table, destination, target, back: _ } => {
                tables::delete(&clients, &table.key.id, destination, target).await
            }
            Change::AttachGateway { vpc, gateway } => attach(&clients, &vpc.key.id, gateway).await,
            Change::DetachGateway { vpc, gateway, back: _ } => detach(&clients, &vpc.key.id, gateway).await,
            Change::PublicOnLaunch { subnet, on } => public_on_launch(&clients, &subnet.key.id, *on).await,
            Change::Dns { vpc, attribute, on } => dns(&clients, &vpc.key.id, *attribute, *on).await,
        }
    }
}

async fn make_table(
    clients: &Regional,
    vpc: &str,
    tags: &BTreeMap<String, String>,
    token: &ClientToken,
) -> Result<Receipt, Fault> {
    const OPERATION: &str = "CreateRouteTable";
    let ClientToken(token) = token;
    let request = clients.ec2.create_route_table().vpc_id(vpc).client_token(token);
    let request = request.tag_specifications(tagged(ResourceType::RouteTable, tags));
    let done = request.send().await.map_err(|error| fault(OPERATION, &error))?;
    let id = done.route_table().and_then(|table| table.route_table_id());
    Ok(created(id.ok_or_else(|| bad_answer(OPERATION, "AWS gave no route table id"))?, done.request_id()))
}

async fn delete_table(clients: &Regional, table: &ResourceId) -> Result<Receipt, Fault> {
    match clients.ec2.delete_route_table().route_table_id(table.as_str()).send().await {
        Ok(done) => Ok(done_with(done.request_id())),
        Err(error) => so_already(fault("DeleteRouteTable", &error), &["InvalidRouteTableID.NotFound"]),
    }
}

/// It takes no client token: of a try whose answer was lost, the second one is told that the subnet has a table.
async fn associate(clients: &Regional, subnet: &ResourceId, to: &ResourceId) -> Result<Receipt, Fault> {
    const OPERATION: &str = "AssociateRouteTable";
    let request = clients.ec2.associate_route_table().route_table_id(to.as_str()).subnet_id(subnet.as_str());
    match request.send().await {
        Ok(done) => {
            let id = done.association_id();
            Ok(created(id.ok_or_else(|| bad_answer(OPERATION, "AWS gave no association id"))?, done.request_id()))
        }
        Err(error) => arrived(clients, subnet, to, fault(OPERATION, &error), "Resource.AlreadyAssociated").await,
    }
}

/// The association's id is the condition: whoever moves the subnet gives it another one.
async fn reassociate(
    clients: &Regional,
    subnet: &ResourceId,
    association: &ResourceId,
    to: &ResourceId,
) -> Result<Receipt, Fault> {
    const OPERATION: &str = "ReplaceRouteTableAssociation";
    let request = clients.ec2.replace_route_table_association();
    let request = request.association_id(association.as_str()).route_table_id(to.as_str());
    match request.send().await {
        Ok(done) => {
            let id = done.new_association_id();
            Ok(created(id.ok_or_else(|| bad_answer(OPERATION, "AWS gave no association id"))?, done.request_id()))
        }
        Err(error) => arrived(clients, subnet, to, fault(OPERATION, &error), "InvalidAssociationID.NotFound").await,
    }
}

/// Refused because of what the subnet uses now: perhaps it is there already, by a call of ours whose answer was lost. Otherwise somebody
/// moved it, and another look decides anew.
async fn arrived(
    clients: &Regional,
    subnet: &ResourceId,
    to: &ResourceId,
    refused: Fault,
    code: &str,
) -> Result<Receipt, Fault> {
    if refused.code.as_deref() != Some(code) {
        return Err(refused);
    }
    let found = tables::route_tables(clients, "association.subnet-id", &[subnet.as_str()]).await?;
    if found.iter().any(|table| table.route_table_id() == Some(to.as_str())) {
        return Ok(Receipt { already: true, ..Receipt::default() });
    }
    let message = format!("{subnet} was moved to another route table meanwhile: {}", refused.message);
    Err(Fault { class: FaultClass::Retryable, message, remedy: None, ..refused })
}

async fn disassociate(clients: &Regional, association: &ResourceId) -> Result<Receipt, Fault> {
    match clients.ec2.disassociate_route_table().association_id(association.as_str()).send().await {
        Ok(done) => Ok(done_with(done.request_id())),
        Err(error) => so_already(fault("DisassociateRouteTable", &error), &["InvalidAssociationID.NotFound"]),
    }
}

async fn attach(clients: &Regional, vpc: &ResourceId, gateway: &ResourceId) -> Result<Receipt, Fault> {
    const OPERATION: &str = "AttachInternetGateway";
    let request = clients.ec2.attach_internet_gateway().vpc_id(vpc.as_str()).internet_gateway_id(gateway.as_str());
    match request.send().await {
        Ok(done) => Ok(done_with(done.request_id())),
        Err(error) => {
            let refused = fault(OPERATION, &error);
            if refused.code.as_deref() == Some("Resource.AlreadyAssociated")
                && is_attached(clients, vpc, gateway).await?
            {
                return Ok(Receipt { already: true, ..Receipt::default() });
            }
            Err(refused)
        }
    }
}

async fn is_attached(clients: &Regional, vpc: &ResourceId, gateway: &ResourceId) -> Result<bool, Fault> {
    let by = filter("internet-gateway-id", [gateway.as_str()]);
    let found = clients.ec2.describe_internet_gateways().filters(by).send().await;
    let found = found.map_err(|error| fault("DescribeInternetGateways", &error))?;
    let here = |attachment: &aws_sdk_ec2::types::InternetGatewayAttachment| attachment.vpc_id() == Some(vpc.as_str());
    Ok(found.internet_gateways().iter().flat_map(|gateway| gateway.attachments()).any(here))
}

async fn detach(clients: &Regional, vpc: &ResourceId, gateway: &ResourceId) -> Result<Receipt, Fault> {
    let request = clients.ec2.detach_internet_gateway().vpc_id(vpc.as_str()).internet_gateway_id(gateway.as_str());
    match request.send().await {
        Ok(done) => Ok(done_with(done.request_id())),
        Err(error) => so_already(
            fault("DetachInternetGateway", &error),
            &["Gateway.NotAttached", "InvalidInternetGatewayID.NotFound"],
        ),
    }
}

async fn public_on_launch(clients: &Regional, subnet: &ResourceId, on: bool) -> Result<Receipt, Fault> {
    let request = clients.ec2.modify_subnet_attribute().subnet_id(subnet.as_str());
    match request.map_public_ip_on_launch(value(on)).send().await {
        Ok(done) => Ok(done_with(done.request_id())),
        Err(error) => Err(fault("ModifySubnetAttribute", &error)),
    }
}

async fn dns(clients: &Regional, vpc: &ResourceId, attribute: DnsAttribute, on: bool) -> Result<Receipt, Fault> {
    let request = clients.ec2.modify_vpc_attribute().vpc_id(vpc.as_str());
    let request = match attribute {
        DnsAttribute::Support => request.enable_dns_support(value(on)),
        DnsAttribute::Hostnames => request.enable_dns_hostnames(value(on)),
    };
    match request.send().await {
        Ok(done) => Ok(done_with(done.request_id())),
        Err(error) => Err(fault("ModifyVpcAttribute", &error)),
    }
}

fn value(on: bool) -> AttributeBooleanValue {
    AttributeBooleanValue::builder().value(on).build()
}

fn done_with(request_id: Option<&str>) -> Receipt {
    Receipt { request_id: request_id.map(Into::into), ..Receipt::default() }
}

#[cfg(test)]
mod tests;
