//! Network interfaces: addresses that people put on them, that AWS assigned, and that services hold.

use super::action::shown;
use super::planner::{Builder, Home};
use super::tasks::{Origin, origin};
use super::{Address, Balancer, Change, Interface, ObservedVpc, Service};
use crate::core::Severity;
use jiff::SignedDuration;

/// Tasks are replaced within minutes: a minute's patience costs a few describes.
const RECHECK: SignedDuration = SignedDuration::from_mins(1);

/// Whose an interface is: what may be done about it depends on that.
enum Holder<'a> {
    /// Somebody's own, attached to an instance or to nothing.
    People,
    /// A task of ECS.
    Task,
    /// RDS: judged by its database.
    Database,
    /// A load balancer, by the end of its ARN.
    Balancer(&'a str),
    /// A NAT gateway.
    Gateway,
    /// Another service of AWS.
    Service,
}

/// What ECS writes on the interface of a task: the ARN of the attachment.
const TASK: &str = ":attachment/";
/// What Elastic Load Balancing writes on its interfaces, before the end of the load balancer's ARN.
const BALANCER: &str = "ELB ";
/// What RDS writes on its interfaces.
const DATABASE: &str = "RDSNetworkInterface";

/// The id of the attachment of a task's interface.
pub(super) fn attachment(interface: &Interface) -> Option<&str> {
    let ecs = interface.description.starts_with("arn:") && interface.description.contains(":ecs:");
    interface.description.split_once(TASK).map(|(_, id)| id).filter(|_| ecs)
}

fn holder(interface: &Interface) -> Holder<'_> {
    let Interface { id: _, subnet: _, addresses: _, groups: _, kind, managed, description, instance: _, stack: _ } =
        interface;
    // The API's model says `natGateway`, its answers `nat_gateway`.
    match kind.as_str() {
        "natGateway" | "nat_gateway" => return Holder::Gateway,
        _ if attachment(interface).is_some() => return Holder::Task,
        _ => {}
    }
    match description.strip_prefix(BALANCER) {
        Some(balancer) if *managed => Holder::Balancer(balancer),
        _ if *managed && description == DATABASE => Holder::Database,
        _ if *managed || !matches!(kind.as_str(), "interface" | "efa" | "efa-only" | "trunk") => Holder::Service,
        _ => Holder::People,
    }
}

/// Whose an interface with this address is. Anybody can write what ECS writes; but ECS puts no Elastic IP address on a task's interface,
/// and no address of AWS's on one that is attached to somebody's instance.
fn holder_of<'a>(interface: &'a Interface, address: &Address) -> Holder<'a> {
    match holder(interface) {
        Holder::Task if !interface.managed && (address.allocation.is_some() || interface.instance.is_some()) => {
            Holder::People
        }
        holder => holder,
    }
}

pub(super) fn plan(builder: &mut Builder<'_>, seen: &ObservedVpc, services: &[&Service], balancers: &[&Balancer]) {
    let mut interfaces: Vec<&Interface> = seen.interfaces.iter().collect();
    interfaces.sort_by_key(|interface| &interface.id);
    for interface in interfaces {
        let Some(home) = builder.home([&interface.subnet]) else { continue };
        let name = format!("{}/{}/{}", home.vpc, home.tier, interface.id);
        if home.declared.never_public {
            let mut addresses: Vec<&Address> = interface.addresses.iter().collect();
            addresses.sort();
            for address in addresses {
                public(builder, home, &name, interface, address, services, balancers);
            }
        }
        groups(builder, home, &name, interface);
    }
}

fn public(
    builder: &mut Builder<'_>,
    home: Home<'_>,
    name: &str,
    interface: &Interface,
    address: &Address,
    services: &[&Service],
    balancers: &[&Balancer],
) {
    let id = &interface.id;
    let holder = holder_of(interface, address);
    let origin = origin(interface, services, builder.standing.now);
    let known = |end: &str| {
        let arn = format!("loadbalancer/{end}");
        balancers.iter().any(|balancer| balancer.internet_facing && balancer.id().as_str() == arn)
    };
    match holder {
        // Its database says so, or could not be seen.
        Holder::Database => return,
        Holder::Balancer(end) if known(end) => return,
        Holder::Task if address.allocation.is_none() => {
            if let Origin::Leaving(service) | Origin::Public(service) = origin {
                let summary =
                    format!("a task has {} until the deployment of {} has replaced it", shown(address), service.id());
                builder.drift(id, name, Severity::Advice, summary);
                if let Origin::Leaving(service) = origin {
                    builder.wait(RECHECK, format!("the deployment of {} replaces its tasks", service.id()));
                }
                return;
            }
        }
        Holder::Task | Holder::Balancer(_) | Holder::People | Holder::Gateway | Holder::Service => {}
    }
    let summary = format!("it has {} in tier {}", shown(address), home.tier);
    builder.drift(id, name, Severity::Exposure, summary);
    let (why, remedy) = match (holder, &address.allocation, &address.association) {
        (Holder::People, Some(_), Some(association)) => {
            let change = Change::Disassociate {
                interface: builder.place.key(id.clone()),
                name: name.to_owned(),
                address: address.clone(),
                association: association.clone(),
            };
            let caveat = format!(
                "who comes through {} is cut off, and its way out changes; the address stays allocated to whom it belongs",
                address.public_ip
            );
            builder.push(change, interface.stack.clone(), caveat);
            return;
        }
        (Holder::People, Some(_), None) => (
            "AWS does not say by which association".to_owned(),
            format!("aws ec2 disassociate-address --public-ip {}", address.public_ip),
        ),
        (Holder::People, None, _) => (
            "AWS assigned it, and nothing brings the same address back".to_owned(),
            format!(
                "aws ec2 modify-network-interface-attribute --network-interface-id {id} --no-associate-public-ip-address (of an instance's \
                 first interface; otherwise replace {}); and launch the next one without: no associate-public-ip-address, and a subnet \
                 that assigns none",
                interface.instance.as_ref().map_or("what it is attached to".to_owned(), ToString::to_string)
            ),
        ),
        (Holder::Task, _, _) => (
            match origin {
                Origin::Overdue(service) => {
                    format!("a task runs with it that the deployment of {} should have replaced by now", service.id())
                }
                Origin::Leaving(_) | Origin::Public(_) | Origin::Nobody => {
                    "a task runs with it, and no service there gives its tasks public addresses".to_owned()
                }
            },
            format!(
                "find the task (aws ecs list-tasks, aws ecs describe-tasks: attachment {}), stop it with aws ecs stop-task, and run it again \
                 with assignPublicIp=DISABLED",
                attachment(interface).unwrap_or("of this interface")
            ),
        ),
        (Holder::Balancer(end), _, _) => (
            "a load balancer holds it, whose scheme is fixed when it is made".to_owned(),
            format!("make an internal one in place of {end}, move its names and targets there, and delete it"),
        ),
        (Holder::Gateway, _, _) => (
            "a NAT gateway holds it, and nobody else may take it off".to_owned(),
            format!(
                "a public NAT gateway belongs in a tier with `route: internet`: delete it once no route leads to it (aws ec2 \
                 describe-nat-gateways --filter Name=subnet-id,Values={}; aws ec2 delete-nat-gateway --nat-gateway-id …)",
                interface.subnet
            ),
        ),
        (Holder::Database | Holder::Service, _, _) => (
            "an AWS service made the interface, and alone may change it".to_owned(),
            format!("change what it belongs to so that it needs no public address: {}", described(interface)),
        ),
    };
    builder.hold(id, name, why, remedy);
}

fn described(interface: &Interface) -> String {
    match interface.description.as_str() {
        "" => format!("an interface of type {}", interface.kind),
        description => format!("\"{description}\""),
    }
}

/// What it carries besides the groups that its tier names. A database's interfaces are judged by the database.
fn groups(builder: &mut Builder<'_>, home: Home<'_>, name: &str, interface: &Interface) {
    let holder = holder(interface);
    let extra = home.undeclared(interface.groups.keys());
    if extra.is_empty() || matches!(holder, Holder::Database) {
        return;
    }
    let named: Vec<String> = extra.iter().map(|group| home.group(group)).collect();
    let summary =
        format!("it carries {}, and tier {} names {}", named.join(" and "), home.tier, home.groups_in_words());
    builder.drift(&interface.id, name, Severity::Exposure, summary);
    let kept = home.kept(interface.groups.keys());
    let remedy = match holder {
        Holder::People => format!(
            "aws ec2 modify-network-interface-attribute --network-interface-id {} --groups {kept}; or name the group in the tier's \
             `security_groups`",
            interface.id
        ),
        _ => format!(
            "change the groups of what it belongs to, {}, to {kept}; or name the group in the tier's `security_groups`",
            described(interface)
        ),
    };
    builder.hold(&interface.id, name, "which of the declared groups it needs is a person's choice", remedy);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ResourceId;
    use std::collections::BTreeMap;

    fn interface(kind: &str, managed: bool, description: &str) -> Interface {
        Interface {
            id: ResourceId::from("eni-1"),
            subnet: "subnet-1".into(),
            addresses: vec![],
            groups: BTreeMap::new(),
            kind: kind.into(),
            managed,
            description: description.into(),
            instance: None,
            stack: None,
        }
    }

    #[test]
    fn whose_an_interface_is() {
        let task = "arn:aws:ecs:eu-west-1:111122223333:attachment/2cf8f4a7";
        for (kind, managed, description, expected) in [
            ("interface", false, "", "people"),
            ("efa", false, "mine", "people"),
            ("interface", false, "ELB app/forged/0123456789abcdef", "people"),
            ("interface", false, "RDSNetworkInterface", "people"),
            ("interface", true, "RDSNetworkInterface", "database"),
            ("interface", true, "ELB app/web/0123456789abcdef", "balancer"),
            ("network_load_balancer", true, "ELB net/web/0123456789abcdef", "balancer"),
            ("nat_gateway", true, "Interface for NAT Gateway nat-1", "gateway"),
            ("natGateway", false, "", "gateway"),
            ("lambda", false, "AWS Lambda VPC ENI", "service"),
            ("interface", true, "ElastiCache orders", "service"),
            ("interface", false, task, "task"),
            ("interface", true, task, "task"),
            ("interface", false, "see :attachment/ of the ticket", "people"),
        ] {
            let word = match holder(&interface(kind, managed, description)) {
                Holder::People => "people",
                Holder::Task => "task",
                Holder::Database => "database",
                Holder::Balancer(_) => "balancer",
                Holder::Gateway => "gateway",
                Holder::Service => "service",
            };
            assert_eq!(word, expected, "{kind} {managed} {description}");
        }
        assert_eq!(attachment(&interface("interface", true, task)), Some("2cf8f4a7"));
    }

    #[test]
    fn whoever_describes_an_interface_as_ecs_does_has_no_task() {
        let elastic = Some(ResourceId::from("eipalloc-1"));
        for (managed, instance, allocation, people) in [
            (false, None, None, false),
            (false, None, elastic.clone(), true),
            (false, Some("i-1".into()), None, true),
            (true, None, elastic, false),
            (true, None, None, false),
        ] {
            let task = "arn:aws:ecs:eu-west-1:111122223333:attachment/2cf8f4a7";
            let interface = Interface { instance, ..interface("interface", managed, task) };
            let address = Address {
                public_ip: "198.51.100.7".into(),
                private_ip: "10.0.0.4".into(),
                allocation,
                association: Some("eipassoc-1".into()),
            };
            let held = holder_of(&interface, &address);
            assert_eq!(matches!(held, Holder::People), people, "{interface:?} {address:?}");
        }
    }
}
