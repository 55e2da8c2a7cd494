//! One change, exactly as it was decided.

use crate::errors::{bad_answer, fault_of, refused};
use crate::network::Network;
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::operation::modify_vpc_endpoint_service_configuration::builders::ModifyVpcEndpointServiceConfigurationFluentBuilder as Modify;
use aws_sdk_ec2::types::UnsuccessfulItem;
use reconciler::{Apply, ClientToken, Fault};
use topology::privatelink::{Change, ConnectionRef, ConnectionState, PrivateLink};
use topology::{Place, Receipt, ResourceId};

impl Apply<PrivateLink> for Network {
    /// None of these calls takes a client token. Settings may be set twice; a connection that was accepted, or rejected, already is told
    /// by looking at it again.
    async fn apply(&self, place: &Place, action: &Change, _token: &ClientToken) -> Result<Receipt, Fault> {
        let service = &action.service().key.id;
        match action {
            Change::Acceptance { service: _, required } => {
                self.modify(place, service, 1, |modify| modify.acceptance_required(*required)).await
            }
            Change::AttachBalancers { service: _, balancers } => {
                let arns = texts(balancers);
                self.modify(place, service, arns.len(), |modify| {
                    modify.set_add_network_load_balancer_arns(Some(arns.clone()))
                })
                .await
            }
            Change::DetachBalancers { service: _, balancers } => {
                let arns = texts(balancers);
                self.modify(place, service, arns.len(), |modify| {
                    modify.set_remove_network_load_balancer_arns(Some(arns.clone()))
                })
                .await
            }
            Change::AllowPrincipals { service: _, principals } => self.permit(place, service, principals, &[]).await,
            Change::DisallowPrincipals { service: _, principals } => self.permit(place, service, &[], principals).await,
            Change::Accept { service: _, connection, why: _, places: _ } => {
                self.accept(place, service, connection).await
            }
            Change::Reject { service: _, connection, why: _ } => self.reject(place, service, connection).await,
        }
    }
}

fn texts(ids: &[ResourceId]) -> Vec<String> {
    ids.iter().map(|id| id.as_str().to_owned()).collect()
}

impl Network {
    async fn modify(
        &self,
        place: &Place,
        service: &ResourceId,
        parts: usize,
        with: impl FnOnce(Modify) -> Modify,
    ) -> Result<Receipt, Fault> {
        const OPERATION: &str = "ModifyVpcEndpointServiceConfiguration";
        let ec2 = self.clients.regional(place)?.ec2;
        let request = with(ec2.modify_vpc_endpoint_service_configuration().service_id(service.as_str()));
        let done = request.send().await.map_err(|error| fault_of(OPERATION, parts, &error))?;
        accepted(OPERATION, done.r#return())?;
        Ok(receipt(done.request_id()))
    }

    async fn permit(
        &self,
        place: &Place,
        service: &ResourceId,
        add: &[String],
        remove: &[String],
    ) -> Result<Receipt, Fault> {
        const OPERATION: &str = "ModifyVpcEndpointServicePermissions";
        let list = |all: &[String]| (!all.is_empty()).then(|| all.to_vec());
        let request = self.clients.regional(place)?.ec2.modify_vpc_endpoint_service_permissions();
        let request = request
            .service_id(service.as_str())
            .set_add_allowed_principals(list(add))
            .set_remove_allowed_principals(list(remove));
        let parts = add.len() + remove.len();
        let done = request.send().await.map_err(|error| fault_of(OPERATION, parts, &error))?;
        accepted(OPERATION, done.return_value())?;
        Ok(receipt(done.request_id()))
    }

    async fn accept(&self, place: &Place, service: &ResourceId, connection: &ConnectionRef) -> Result<Receipt, Fault> {
        const OPERATION: &str = "AcceptVpcEndpointConnections";
        let request = self.clients.regional(place)?.ec2.accept_vpc_endpoint_connections();
        let request = request.service_id(service.as_str()).vpc_endpoint_ids(connection.endpoint.as_str());
        let done = request.send().await.map_err(|error| fault_of(OPERATION, 1, &error))?;
        match unsuccessful(OPERATION, &connection.endpoint, done.unsuccessful()) {
            None => Ok(receipt(done.request_id())),
            Some(fault) => self.so_already(place, service, connection, fault, ConnectionState::is_in).await,
        }
    }

    async fn reject(&self, place: &Place, service: &ResourceId, connection: &ConnectionRef) -> Result<Receipt, Fault> {
        const OPERATION: &str = "RejectVpcEndpointConnections";
        let request = self.clients.regional(place)?.ec2.reject_vpc_endpoint_connections();
        let request = request.service_id(service.as_str()).vpc_endpoint_ids(connection.endpoint.as_str());
        let done = request.send().await.map_err(|error| fault_of(OPERATION, 1, &error))?;
        match unsuccessful(OPERATION, &connection.endpoint, done.unsuccessful()) {
            None => Ok(receipt(done.request_id())),
            Some(fault) => {
                let over = |state: &ConnectionState| *state == ConnectionState::Rejected;
                self.so_already(place, service, connection, fault, over).await
            }
        }
    }

    /// A call whose answer was lost is made again, and AWS refuses it for the state that it brought about itself.
    async fn so_already(
        &self,
        place: &Place,
        service: &ResourceId,
        connection: &ConnectionRef,
        fault: Fault,
        wanted: impl Fn(&ConnectionState) -> bool,
    ) -> Result<Receipt, Fault> {
        if fault.is_retryable() {
            return Err(fault);
        }
        match self.connection(place, service, &connection.endpoint).await {
            Ok(Some(found)) if wanted(&found.state) => Ok(Receipt { already: true, ..Receipt::default() }),
            _ => Err(fault),
        }
    }
}

fn receipt(request_id: Option<&str>) -> Receipt {
    Receipt { created: vec![], request_id: request_id.map(Into::into), already: false }
}

/// HTTP 200 with `<return>false</return>` is a refusal.
fn accepted(operation: &str, answer: Option<bool>) -> Result<(), Fault> {
    if answer == Some(false) { Err(bad_answer(operation, "EC2 answered `return: false`")) } else { Ok(()) }
}

/// An answer 200 that lists what failed. The one that was asked for, or one without a name, is ours.
fn unsuccessful(operation: &str, endpoint: &ResourceId, items: &[UnsuccessfulItem]) -> Option<Fault> {
    let item =
        items.iter().find(|item| item.resource_id().is_none_or(|id| id == endpoint.as_str())).or(items.first())?;
    let code = item.error().and_then(|error| error.code());
    let said =
        item.error().and_then(|error| error.message()).unwrap_or("EC2 lists it as unsuccessful without saying why");
    Some(refused(operation, code, said))
}

#[cfg(test)]
mod tests;
