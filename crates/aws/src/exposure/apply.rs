//! One change, exactly as it was decided.

use crate::clients::Regional;
use crate::errors::{bad_answer, fault};
use crate::network::Network;
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ecs::types::{AssignPublicIp, AwsVpcConfiguration, NetworkConfiguration};
use reconciler::{Apply, ClientToken, Fault, FaultClass};
use topology::exposure::{Address, Change, Exposure, TaskNetwork};
use topology::{Place, Receipt, ResourceId};

impl Apply<Exposure> for Network {
    async fn apply(&self, place: &Place, action: &Change, _: &ClientToken) -> Result<Receipt, Fault> {
        let clients = self.clients.regional(place)?;
        match action {
            Change::Database { database: _, name: _, identifier, public } => {
                database(&clients, identifier, *public).await
            }
            Change::Service { service: _, name: _, cluster, service_name, network, public } => {
                service(&clients, cluster, service_name, network, *public).await
            }
            Change::Disassociate { interface: _, name: _, address: _, association } => {
                disassociate(&clients, association).await
            }
            Change::Associate { interface, name: _, address } => associate(&clients, &interface.id, address).await,
        }
    }
}

fn done(request_id: Option<&str>) -> Receipt {
    Receipt { created: vec![], request_id: request_id.map(Into::into), already: false }
}

/// What is gone has no public address any more.
fn gone(fault: Fault, codes: &[&str]) -> Result<Receipt, Fault> {
    match fault.code.as_deref() {
        Some(code) if codes.contains(&code) => Ok(Receipt { already: true, ..Receipt::default() }),
        _ => Err(fault),
    }
}

/// Without `ApplyImmediately`: public access changes at once all the same, and what waits for the maintenance window goes on waiting.
async fn database(clients: &Regional, identifier: &str, public: bool) -> Result<Receipt, Fault> {
    const OPERATION: &str = "ModifyDBInstance";
    let request =
        clients.databases().modify_db_instance().db_instance_identifier(identifier).publicly_accessible(public);
    match request.send().await {
        Ok(modified) => Ok(done(modified.request_id())),
        Err(error) => gone(fault(OPERATION, &error), &["DBInstanceNotFound"]),
    }
}

async fn service(
    clients: &Regional,
    cluster: &str,
    name: &str,
    network: &TaskNetwork,
    public: bool,
) -> Result<Receipt, Fault> {
    const OPERATION: &str = "UpdateService";
    let TaskNetwork { subnets, groups } = network;
    let all = |ids: &[ResourceId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let network = AwsVpcConfiguration::builder()
        .set_subnets(Some(all(subnets)))
        .set_security_groups((!groups.is_empty()).then(|| all(groups)))
        .assign_public_ip(if public { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled })
        .build()
        .map_err(|error| Fault::new(OPERATION, FaultClass::Terminal, error.to_string()))?;
    let network = NetworkConfiguration::builder().awsvpc_configuration(network).build();
    let request = clients.containers().update_service().cluster(cluster).service(name).network_configuration(network);
    match request.send().await {
        Ok(updated) => Ok(done(updated.request_id())),
        Err(error) => {
            let codes = ["ServiceNotFoundException", "ServiceNotActiveException", "ClusterNotFoundException"];
            gone(fault(OPERATION, &error), &codes)
        }
    }
}

async fn disassociate(clients: &Regional, association: &ResourceId) -> Result<Receipt, Fault> {
    const OPERATION: &str = "DisassociateAddress";
    match clients.ec2.disassociate_address().association_id(association.as_str()).send().await {
        Ok(ended) => Ok(done(ended.request_id())),
        Err(error) => gone(fault(OPERATION, &error), &["InvalidAssociationID.NotFound"]),
    }
}

/// Never takes an address from where somebody put it meanwhile.
async fn associate(clients: &Regional, interface: &ResourceId, address: &Address) -> Result<Receipt, Fault> {
    const OPERATION: &str = "AssociateAddress";
    let Address { public_ip, private_ip, allocation, association: _ } = address;
    let Some(allocation) = allocation else {
        let message = format!("{public_ip} was assigned by AWS, and cannot be put back");
        return Err(Fault::new(OPERATION, FaultClass::Terminal, message));
    };
    let request = clients
        .ec2
        .associate_address()
        .allocation_id(allocation.as_str())
        .network_interface_id(interface.as_str())
        .set_private_ip_address((!private_ip.is_empty()).then(|| private_ip.clone()))
        .allow_reassociation(false);
    let done = request.send().await.map_err(|error| fault(OPERATION, &error))?;
    let association = done.association_id().ok_or_else(|| bad_answer(OPERATION, "AWS gave no association id"))?;
    Ok(Receipt { created: vec![association.into()], request_id: done.request_id().map(Into::into), already: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::wire::{Reply, Wire};
    use topology::ControlId;
    use topology::ResourceKey;

    const MODIFIED: Reply = Reply::Ok("<ModifyDBInstanceResponse><ModifyDBInstanceResult/></ModifyDBInstanceResponse>");

    fn key(id: &str) -> ResourceKey {
        Place::new("111122223333", "eu-west-1").key(id)
    }

    fn private(identifier: &str) -> Change {
        Change::Database {
            database: key(&format!("db:{identifier}")),
            name: format!("main/{identifier}"),
            identifier: identifier.into(),
            public: false,
        }
    }

    async fn applied(wire: &Wire, change: &Change) -> Result<Receipt, Fault> {
        let network = Network::new(wire.clients.clone(), ControlId::Exposure);
        Apply::<Exposure>::apply(
            &network,
            &Place::new("111122223333", "eu-west-1"),
            change,
            &ClientToken("token".into()),
        )
        .await
    }

    #[tokio::test]
    async fn a_database_is_modified_in_one_field_and_nothing_is_applied_early() {
        let wire = Wire::answering(&[MODIFIED]);
        assert!(!applied(&wire, &private("orders")).await.unwrap().already);
        let calls = wire.calls();
        assert!(calls[0].contains("PubliclyAccessible=false"), "{calls:?}");
        assert!(!calls[0].contains("ApplyImmediately"), "{calls:?}");
    }

    #[tokio::test]
    async fn a_database_that_is_being_changed_is_tried_later() {
        let wire = Wire::answering(&[Reply::RefusedQuery("InvalidDBInstanceState")]);
        let fault = applied(&wire, &private("orders")).await.unwrap_err();
        assert!(fault.is_retryable(), "{fault}");
    }

    #[tokio::test]
    async fn an_association_that_is_gone_is_what_was_wanted() {
        let address = Address {
            public_ip: "198.51.100.7".into(),
            private_ip: "10.0.0.4".into(),
            allocation: Some("eipalloc-1".into()),
            association: Some("eipassoc-1".into()),
        };
        let change = Change::Disassociate {
            interface: key("eni-1"),
            name: "main/private/eni-1".into(),
            address: address.clone(),
            association: "eipassoc-1".into(),
        };
        let wire = Wire::answering(&[Reply::Refused("InvalidAssociationID.NotFound")]);
        assert!(applied(&wire, &change).await.unwrap().already);
        let back = Change::Associate { interface: key("eni-1"), name: "main/private/eni-1".into(), address };
        let wire = Wire::answering(&[Reply::Refused("Resource.AlreadyAssociated")]);
        assert!(applied(&wire, &back).await.unwrap_err().is_retryable());
        assert!(wire.calls()[0].contains("AllowReassociation=false"), "{:?}", wire.calls());
    }
}
