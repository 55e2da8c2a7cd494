//! One change, exactly as it was decided.

use crate::clients::Regional;
use crate::errors::{bad_answer, fault, fault_of, refused};
use crate::network::Network;
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification, VpcEndpointType};
use reconciler::{Apply, ClientToken, Fault, FaultClass};
use std::collections::{BTreeMap, BTreeSet};
use topology::endpoints::{Change, Edit, Endpoints, Kind, NewEndpoint, Policy, PolicyEdit};
use topology::{Action, Place, Receipt, ResourceId, ResourceKey};

/// What AWS says of an endpoint that is not there (any more): on its own, and within the answer of DeleteVpcEndpoints.
const GONE: [&str; 2] = ["InvalidVpcEndpointId.NotFound", "InvalidVpcEndpoint.NotFound"];

impl Apply<Endpoints> for Network {
    async fn apply(&self, place: &Place, action: &Change, token: &ClientToken) -> Result<Receipt, Fault> {
        let clients = self.clients.regional(place)?;
        match action {
            Change::Create { key: _, name: _, endpoint, tags, stand_in: _ } => {
                create(&clients, endpoint, tags, token).await
            }
            Change::Modify { endpoint, name: _, edit, zones: _ } => {
                // What its parts leave out counts as one more: a single part is still less than the whole.
                modify(&clients, endpoint, edit, action.split().len() + 1).await
            }
            Change::Delete { endpoint, name: _, key: _, was: _, tags: _ } => delete(&clients, endpoint).await,
        }
    }
}

fn done(request_id: Option<&str>) -> Receipt {
    Receipt { created: vec![], request_id: request_id.map(Into::into), already: false }
}

/// `None` leaves a parameter out; an empty list would be one.
fn some(ids: &BTreeSet<ResourceId>) -> Option<Vec<String>> {
    (!ids.is_empty()).then(|| ids.iter().map(ToString::to_string).collect())
}

async fn create(
    clients: &Regional,
    endpoint: &NewEndpoint,
    tags: &BTreeMap<String, String>,
    token: &ClientToken,
) -> Result<Receipt, Fault> {
    const OPERATION: &str = "CreateVpcEndpoint";
    let ClientToken(token) = token;
    let NewEndpoint { vpc, service, kind, tables, subnets, groups, policy } = endpoint;
    let mut tagged = TagSpecification::builder().resource_type(ResourceType::VpcEndpoint);
    for (key, value) in tags {
        tagged = tagged.tags(Tag::builder().key(key).value(value).build());
    }
    let request = clients
        .ec2
        .create_vpc_endpoint()
        .client_token(token)
        .vpc_id(vpc.as_str())
        .service_name(service)
        .set_policy_document(policy.as_ref().map(|policy| policy.text().to_owned()))
        .tag_specifications(tagged.build());
    let request = match kind {
        Kind::Gateway => request.vpc_endpoint_type(VpcEndpointType::Gateway).set_route_table_ids(some(tables)),
        // Said outright: for a service of AWS's it is on by default.
        Kind::Interface => request
            .vpc_endpoint_type(VpcEndpointType::Interface)
            .private_dns_enabled(false)
            .set_subnet_ids(some(subnets))
            .set_security_group_ids(some(groups)),
        Kind::Other(kind) => {
            let message = format!("a {kind} endpoint cannot be declared, and so not be made again");
            return Err(Fault::new(OPERATION, FaultClass::Terminal, message));
        }
    };
    let made = request.send().await.map_err(|error| routed(fault(OPERATION, &error)))?;
    let id = made.vpc_endpoint().and_then(|endpoint| endpoint.vpc_endpoint_id());
    let id = id.ok_or_else(|| bad_answer(OPERATION, "AWS gave no endpoint id"))?;
    Ok(Receipt { created: vec![id.into()], ..done(made.request_id()) })
}

/// A gateway endpoint that is on its way out has its routes for a while. What stays in the way is for a person.
fn routed(fault: Fault) -> Fault {
    if fault.code.as_deref() != Some("RouteAlreadyExists") {
        return fault;
    }
    let remedy = "a route to the service is in one of the route tables already: see whose it is (`aws ec2 \
                  describe-vpc-endpoints --filters Name=vpc-id,Values=… Name=service-name,Values=…`), and take it away"
        .to_owned();
    Fault { class: FaultClass::Retryable, remedy: Some(remedy), ..fault }
}

async fn modify(clients: &Regional, endpoint: &ResourceKey, edit: &Edit, parts: usize) -> Result<Receipt, Fault> {
    const OPERATION: &str = "ModifyVpcEndpoint";
    let Edit { add_tables, remove_tables, add_subnets, remove_subnets, add_groups, remove_groups, policy, private_dns } =
        edit;
    let request = clients
        .ec2
        .modify_vpc_endpoint()
        .vpc_endpoint_id(endpoint.id.as_str())
        .set_add_route_table_ids(some(add_tables))
        .set_remove_route_table_ids(some(remove_tables))
        .set_add_subnet_ids(some(add_subnets))
        .set_remove_subnet_ids(some(remove_subnets))
        .set_add_security_group_ids(some(add_groups))
        .set_remove_security_group_ids(some(remove_groups))
        .set_private_dns_enabled(*private_dns);
    let request = match policy {
        None => request,
        Some(PolicyEdit { to: Some(policy), before: _ }) => request.policy_document(Policy::text(policy)),
        Some(PolicyEdit { to: None, before: _ }) => request.reset_policy(true),
    };
    match request.send().await {
        Ok(answer) => Ok(done(answer.request_id())),
        Err(error) => Err(explained(fault_of(OPERATION, parts, &error))),
    }
}

/// With what may be done about it. What another call on the endpoint, or the settings of the VPC, stood in the way of for a moment shows
/// in the next observation.
fn explained(fault: Fault) -> Fault {
    let said = |words: &str| fault.message.to_ascii_lowercase().contains(words);
    // AWS's zone of an endpoint that was deleted a moment ago is still associated, or somebody's stays: the tries run out then.
    if said("conflicting dns domain") {
        let remedy = "another endpoint or a private hosted zone of the VPC has the service's name (`aws route53 \
                      list-hosted-zones-by-vpc --vpc-id … --vpc-region …`): take it away, or declare `private_dns: false`"
            .to_owned();
        return Fault { class: FaultClass::Retryable, remedy: Some(remedy), ..fault };
    }
    let passes = fault.code.as_deref() == Some("IncorrectState") || said("enablednssupport");
    Fault { class: if passes { FaultClass::Retryable } else { fault.class }, ..fault }
}

async fn delete(clients: &Regional, endpoint: &ResourceKey) -> Result<Receipt, Fault> {
    const OPERATION: &str = "DeleteVpcEndpoints";
    let answer = clients.ec2.delete_vpc_endpoints().vpc_endpoint_ids(endpoint.id.as_str()).send().await;
    let fault = match &answer {
        Ok(deleted) => match deleted.unsuccessful().first() {
            None => return Ok(done(deleted.request_id())),
            Some(item) => {
                let error = item.error();
                let message = error.and_then(|error| error.message()).unwrap_or("AWS does not say why");
                refused(OPERATION, error.and_then(|error| error.code()), message)
            }
        },
        Err(error) => fault(OPERATION, error),
    };
    match fault.code.as_deref() {
        Some(code) if GONE.contains(&code) => Ok(Receipt { already: true, ..Receipt::default() }),
        _ => Err(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: &str, message: &str) -> Fault {
        Fault { code: Some(code.into()), ..Fault::new("ModifyVpcEndpoint", FaultClass::Terminal, message) }
    }

    #[test]
    fn what_passes_is_tried_again_and_what_does_not_says_what_to_do() {
        let taken = explained(said(
            "InvalidParameter",
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for x in the VPC vpc-1",
        ));
        assert!(taken.is_retryable(), "the zone of one that was deleted goes by and by");
        assert!(taken.remedy.unwrap().contains("list-hosted-zones-by-vpc"));
        let attributes = "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes";
        assert!(explained(said("InvalidParameter", attributes)).is_retryable());
        assert!(explained(said("IncorrectState", "vpce-1 is pending")).is_retryable());
        assert!(!explained(said("InvalidParameter", "the policy is malformed")).is_retryable());
    }

    #[test]
    fn a_route_of_one_that_is_on_its_way_out_is_waited_for() {
        let taken = routed(said("RouteAlreadyExists", "route table rtb-1 already has a route with this destination"));
        assert!(taken.is_retryable() && taken.remedy.unwrap().contains("describe-vpc-endpoints"));
        assert!(!routed(said("InvalidServiceName", "no such service")).is_retryable());
    }

    #[test]
    fn an_empty_list_is_left_out() {
        assert_eq!(some(&BTreeSet::new()), None);
        assert_eq!(some(&["subnet-1".into()].into()), Some(vec!["subnet-1".to_owned()]));
    }
}
