//! Calls of services whose things have names instead of ids: by what they are called in drifts, and where they stand.

use super::envelope::{owned, text};
use super::ids::{Found, is_id};
use serde_json::Value;
use topology::ResourceId;
use topology::exposure::{balancer_id, cluster_id, database_id, service_id};

/// What a call is about.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// The ids by which drifts call it.
    pub(super) called: Vec<ResourceId>,
    /// Ids that AWS itself wrote, which say where it stands.
    pub(super) within: Vec<ResourceId>,
}

fn response(record: &Value) -> &Value {
    record.get("responseElements").unwrap_or(&Value::Null)
}

fn request(record: &Value) -> &Value {
    record.get("requestParameters").unwrap_or(&Value::Null)
}

/// Ids of one kind at a place where AWS writes nothing else.
fn ids(value: Option<&Value>, prefix: &str) -> Vec<ResourceId> {
    let texts: Vec<&str> = match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    texts.into_iter().filter(|text| text.starts_with(prefix) && is_id(text)).map(Into::into).collect()
}

/// RDS answers with the instance or the cluster, unless the call made several: `{dBInstanceIdentifier, dBSubnetGroup: {vpcId}, …}`.
/// The identifiers of the request are there as well when it is cut off.
pub(super) fn database(record: &Value) -> Named {
    let (request, response) = (request(record), response(record));
    let name = |field: &str| owned(response, field).or_else(|| owned(request, field));
    let instance = name("dBInstanceIdentifier").map(|name| database_id(&name));
    let cluster = name("dBClusterIdentifier").map(|name| cluster_id(&name));
    let vpc = response.pointer("/dBSubnetGroup/vpcId");
    Named { called: instance.into_iter().chain(cluster).collect(), within: ids(vpc, "vpc-") }
}

/// ECS answers with the service, or with tasks and their attachments. Where tasks stand is said by the subnets, in the answer or in
/// what was asked for.
pub(super) fn service(record: &Value) -> Named {
    const NETWORK: &str = "/networkConfiguration/awsvpcConfiguration/subnets";
    let (request, response) = (request(record), response(record));
    let service = response.get("service").unwrap_or(&Value::Null);
    let named = |cluster: &str, name: &str| {
        let end = |text: &str| text.rsplit('/').next().unwrap_or(text).to_owned();
        service_id(&end(cluster), &end(name))
    };
    let answered = text(service, "clusterArn").zip(text(service, "serviceName"));
    // A cluster that is left out is the one called `default`.
    let asked = text(request, "service").or_else(|| text(request, "serviceName"));
    let asked = asked.map(|name| (text(request, "cluster").unwrap_or("default"), name));
    let mut called: Vec<ResourceId> =
        answered.or(asked).map(|(cluster, name)| named(cluster, name)).into_iter().collect();
    let tasks = response.get("tasks").and_then(Value::as_array).into_iter().flatten();
    let attachments = tasks.filter_map(|task| task.get("attachments")?.as_array()).flatten();
    called.extend(attachments.filter_map(|it| Some(ResourceId::from(format!("attachment/{}", text(it, "id")?)))));
    let within = match ids(service.pointer(NETWORK), "subnet-") {
        none if none.is_empty() => ids(request.pointer(NETWORK), "subnet-"),
        subnets => subnets,
    };
    Named { called, within }
}

/// What a call is about beside the ids that stand least deep: load balancers by their ARNs, and what an instance was launched with.
pub(super) fn beside(record: &Value) -> Option<Vec<ResourceId>> {
    let (request, response) = (request(record), response(record));
    match (text(record, "eventSource")?, text(record, "eventName")?) {
        ("elasticloadbalancing.amazonaws.com", _) => {
            let made = response.get("loadBalancers").and_then(Value::as_array).into_iter().flatten();
            let arns = made.chain([request]).filter_map(|one| text(one, "loadBalancerArn"));
            Some(arns.filter_map(balancer_id).collect())
        }
        ("ec2.amazonaws.com", "RunInstances") => {
            let mut found = Found::default();
            found.collect(response.get("instancesSet").unwrap_or(&Value::Null));
            let named = |id: &ResourceId| ["i-", "eni-"].iter().any(|prefix| id.as_str().starts_with(prefix));
            Some(found.ids.into_iter().filter(named).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn called(named: &Named) -> Vec<&str> {
        named.called.iter().map(ResourceId::as_str).collect()
    }

    #[test]
    fn a_database_is_called_by_its_name_and_stands_in_the_vpc_of_its_subnet_group() {
        let record = json!({
            "requestParameters": { "dBInstanceIdentifier": "Orders", "publiclyAccessible": true },
            "responseElements": {
                "dBInstanceIdentifier": "orders", "dBClusterIdentifier": "ledger",
                "dBSubnetGroup": { "vpcId": "vpc-01234567", "dBSubnetGroupName": "sg-0badc0de" },
            },
        });
        let named = database(&record);
        assert_eq!(called(&named), ["db:orders", "cluster:ledger"]);
        assert_eq!(named.within, ["vpc-01234567".into()]);
        let cut = json!({ "requestParameters": { "dBInstanceIdentifier": "vpc-0badc0de" }, "responseElements": null });
        let named = database(&cut);
        assert_eq!((called(&named), named.within.len()), (vec!["db:vpc-0badc0de"], 0));
    }

    #[test]
    fn a_service_is_called_by_cluster_and_name_and_a_task_by_its_attachment() {
        let network = json!({ "awsvpcConfiguration": { "subnets": ["subnet-01234567", "vpc-0badc0de", 7] } });
        let arn = "arn:aws:ecs:eu-west-1:111122223333:cluster/shop";
        let record = json!({
            "requestParameters": { "cluster": "ignored", "service": "ignored" },
            "responseElements": { "service": { "clusterArn": arn, "serviceName": "web", "networkConfiguration": network } },
        });
        let named = service(&record);
        assert_eq!(
            (called(&named), named.within.as_slice()),
            (vec!["service/shop/web"], &["subnet-01234567".into()][..])
        );
        let cut = json!({ "requestParameters": { "service": "arn:aws:ecs:eu-west-1:1:service/shop/web" } });
        assert_eq!(called(&service(&cut)), ["service/default/web"]);
        let task = json!({
            "requestParameters": { "cluster": arn, "networkConfiguration": network },
            "responseElements": { "tasks": [{ "attachments": [{ "id": "2cf8" }] }, { "attachments": "" }, 7] },
        });
        let named = service(&task);
        assert_eq!((called(&named), named.within.len()), (vec!["attachment/2cf8"], 1));
        assert_eq!(called(&service(&json!({ "responseElements": "" }))), Vec::<&str>::new());
    }

    #[test]
    fn load_balancers_are_called_by_their_arns_and_launches_by_what_they_made() {
        let arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/web/0123456789abcdef";
        let made = json!({
            "eventSource": "elasticloadbalancing.amazonaws.com", "eventName": "CreateLoadBalancer",
            "requestParameters": { "name": "web" }, "responseElements": { "loadBalancers": [{ "loadBalancerArn": arn }, {}] },
        });
        assert_eq!(beside(&made).unwrap(), ["loadbalancer/net/web/0123456789abcdef".into()]);
        let interface = json!({ "networkInterfaceId": "eni-01234567", "subnetId": "subnet-01234567" });
        let instance = json!({ "instanceId": "i-01234567", "networkInterfaceSet": { "items": [interface] } });
        let launched = json!({
            "eventSource": "ec2.amazonaws.com", "eventName": "RunInstances",
            "responseElements": { "reservationId": "r-01234567", "instancesSet": { "items": [instance] } },
        });
        assert_eq!(beside(&launched).unwrap(), ["eni-01234567".into(), "i-01234567".into()]);
        assert!(beside(&json!({ "eventSource": "ec2.amazonaws.com", "eventName": "StopInstances" })).is_none());
    }
}
