//! EC2's rules ↔ ours. Pure.

use crate::network::tags;
use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, PrefixListId, SecurityGroupRule, UserIdGroupPair};
use topology::security_groups::{Direction, ObservedPeer, ObservedRule, RuleSpec, Traffic, TrafficError};
use topology::{Receipt, ResourceId, VpcId};

/// A rule of AWS that does not fit our model: whoever meets one knows nothing of its group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// Its protocol and ports.
    #[error("rule {rule}: {error}")]
    Traffic {
        /// `sgr-…`.
        rule: String,
        /// Why.
        error: TrafficError,
    },
    /// Its other end.
    #[error("rule {rule}: {problem}")]
    Peer {
        /// `sgr-…`.
        rule: String,
        /// Why.
        problem: String,
    },
    /// It has no id or no direction.
    #[error("a rule of {0} without an id or a direction")]
    Nameless(String),
}

/// A rule as AWS keeps it.
pub(crate) fn observed(rule: &SecurityGroupRule) -> Result<ObservedRule, Unreadable> {
    let (Some(id), Some(egress)) = (rule.security_group_rule_id(), rule.is_egress()) else {
        return Err(Unreadable::Nameless(rule.group_id().unwrap_or("an unnamed group").into()));
    };
    Ok(ObservedRule {
        id: id.into(),
        direction: if egress { Direction::Egress } else { Direction::Ingress },
        traffic: traffic(id, rule.ip_protocol(), rule.from_port(), rule.to_port())?,
        peer: peer(id, rule)?,
        peer_vpc: peer_vpc(rule),
        description: rule.description().filter(|text| !text.is_empty()).map(Into::into),
        tags: tags(rule.tags()),
    })
}

fn traffic(rule: &str, protocol: Option<&str>, from: Option<i32>, to: Option<i32>) -> Result<Traffic, Unreadable> {
    Traffic::from_wire(protocol.unwrap_or_default(), from.map(i64::from), to.map(i64::from))
        .map_err(|error| Unreadable::Traffic { rule: rule.into(), error })
}

fn peer(id: &str, rule: &SecurityGroupRule) -> Result<ObservedPeer, Unreadable> {
    let problem = |problem: String| Unreadable::Peer { rule: id.into(), problem };
    let range = |text: &str| problem(format!("`{text}` is not an address range"));
    match (rule.cidr_ipv4(), rule.cidr_ipv6(), rule.prefix_list_id(), rule.referenced_group_info()) {
        (Some(text), None, None, None) => {
            let net: ipnet::Ipv4Net = text.parse().map_err(|_| range(text))?;
            Ok(ObservedPeer::Ipv4(net.trunc()))
        }
        (None, Some(text), None, None) => {
            let net: ipnet::Ipv6Net = text.parse().map_err(|_| range(text))?;
            Ok(ObservedPeer::Ipv6(net.trunc()))
        }
        (None, None, Some(list), None) => Ok(ObservedPeer::PrefixList(list.into())),
        (None, None, None, Some(group)) => match group.group_id() {
            Some(id) => Ok(ObservedPeer::Group { account: group.user_id().map(Into::into), id: id.into() }),
            None => Err(problem("the referenced group has no id".into())),
        },
        _ => Err(problem("not exactly one of an IPv4 range, an IPv6 range, a prefix list and a group".into())),
    }
}

/// The VPC of a referenced group: AWS says it, and the connection, when that is another VPC than the rule's own
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReferencedSecurityGroup.html>).
fn peer_vpc(rule: &SecurityGroupRule) -> Option<VpcId> {
    rule.referenced_group_info()?.vpc_id().filter(|vpc| !vpc.is_empty()).map(Into::into)
}

/// One rule as EC2 takes it.
pub(super) fn permission(rule: &RuleSpec) -> IpPermission {
    let RuleSpec { traffic, peer, description } = rule;
    let (protocol, from, to) = traffic.to_wire();
    let about = description.clone().filter(|text| !text.is_empty());
    let permission = IpPermission::builder().ip_protocol(protocol).set_from_port(from).set_to_port(to);
    match peer {
        ObservedPeer::Ipv4(net) => {
            permission.ip_ranges(IpRange::builder().cidr_ip(net.to_string()).set_description(about).build())
        }
        ObservedPeer::Ipv6(net) => {
            permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(net.to_string()).set_description(about).build())
        }
        ObservedPeer::PrefixList(id) => permission
            .prefix_list_ids(PrefixListId::builder().prefix_list_id(id.as_str()).set_description(about).build()),
        ObservedPeer::Group { account, id } => permission.user_id_group_pairs(
            UserIdGroupPair::builder()
                .group_id(id.as_str())
                .set_user_id(account.as_ref().map(|account| account.as_str().into()))
                .set_description(about)
                .build(),
        ),
    }
    .build()
}

/// The ids of the rules that an authorize made, in the order of its parts: AWS does not promise an order. Empty when the answer does
/// not account for each part exactly once, so that nobody takes back the wrong rule.
pub(super) fn receipt(parts: &[RuleSpec], made: &[SecurityGroupRule], request_id: Option<&str>) -> Receipt {
    let mut made: Vec<(ResourceId, Traffic, ObservedPeer)> =
        made.iter().filter_map(|rule| observed(rule).ok()).map(|rule| (rule.id, rule.traffic, rule.peer)).collect();
    let mut created = vec![];
    for RuleSpec { traffic, peer, description: _ } in parts {
        let at = made.iter().position(|(_, made_traffic, made_peer)| made_traffic == traffic && same(peer, made_peer));
        if let Some(at) = at {
            created.push(made.swap_remove(at).0);
        }
    }
    if created.len() != parts.len() || !made.is_empty() {
        created.clear();
    }
    Receipt { created, request_id: request_id.map(Into::into), already: false }
}

/// Whether AWS's answer names the peer that was asked for: AWS fills in the account of a group.
fn same(asked: &ObservedPeer, answered: &ObservedPeer) -> bool {
    match (asked, answered) {
        (ObservedPeer::Group { account: None, id }, ObservedPeer::Group { account: _, id: answered }) => id == answered,
        (asked, answered) => asked == answered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::builders::SecurityGroupRuleBuilder;
    use aws_sdk_ec2::types::{ReferencedSecurityGroup, Tag};
    use topology::security_groups::{Ports, Protocol};

    fn rule(protocol: &str, from: i32, to: i32) -> SecurityGroupRuleBuilder {
        SecurityGroupRule::builder()
            .security_group_rule_id("sgr-1")
            .group_id("sg-1")
            .is_egress(false)
            .ip_protocol(protocol)
            .from_port(from)
            .to_port(to)
    }

    fn spec(traffic: Traffic, peer: ObservedPeer) -> RuleSpec {
        RuleSpec { traffic, peer, description: None }
    }

    #[test]
    fn traffic_is_read_in_canonical_form() {
        for (protocol, from, to, expected, ports) in [
            ("tcp", 22, 22, Protocol::Tcp, Ports::Range { from: 22, to: 22 }),
            ("6", 0, 65535, Protocol::Tcp, Ports::Range { from: 0, to: 65535 }),
            ("17", 53, 53, Protocol::Udp, Ports::Range { from: 53, to: 53 }),
            ("-1", -1, -1, Protocol::All, Ports::All),
            ("50", -1, -1, Protocol::Number(50), Ports::All),
            ("icmp", -1, -1, Protocol::Icmp, Ports::All),
            ("icmp", 8, -1, Protocol::Icmp, Ports::Icmp { kind: 8, code: None }),
            ("icmp", 3, 4, Protocol::Icmp, Ports::Icmp { kind: 3, code: Some(4) }),
            ("icmpv6", 128, 0, Protocol::Icmpv6, Ports::Icmp { kind: 128, code: Some(0) }),
            ("58", -1, -1, Protocol::Icmpv6, Ports::All),
        ] {
            let read = observed(&rule(protocol, from, to).cidr_ipv4("10.0.0.0/8").build()).unwrap();
            assert_eq!(read.traffic, Traffic { protocol: expected, ports }, "{protocol} {from} {to}");
        }
        // Protocol -1 comes without ports from some endpoints.
        let bare = SecurityGroupRule::builder().security_group_rule_id("sgr-1").is_egress(true).ip_protocol("-1");
        let read = observed(&bare.cidr_ipv6("::/0").build()).unwrap();
        assert_eq!((read.direction, read.traffic), (Direction::Egress, Traffic::ALL));
    }

    #[test]
    fn every_kind_of_peer_is_read() {
        let tcp = || rule("tcp", 443, 443);
        let read = |rule: SecurityGroupRuleBuilder| observed(&rule.build()).map(|rule| rule.peer);
        let other = ReferencedSecurityGroup::builder().group_id("sg-2").user_id("444455556666").vpc_id("vpc-9");
        assert_eq!(read(tcp().cidr_ipv4("100.68.0.18/18")), Ok(ObservedPeer::Ipv4("100.68.0.0/18".parse().unwrap())));
        assert_eq!(read(tcp().cidr_ipv6("2001:DB8::/32")), Ok(ObservedPeer::Ipv6("2001:db8::/32".parse().unwrap())));
        assert_eq!(read(tcp().prefix_list_id("pl-1")), Ok(ObservedPeer::PrefixList("pl-1".into())));
        assert_eq!(
            read(tcp().referenced_group_info(other.build())),
            Ok(ObservedPeer::Group { account: Some("444455556666".into()), id: "sg-2".into() })
        );
    }

    #[test]
    fn the_vpc_of_a_referenced_group_is_told_across_peering_and_for_nothing_else() {
        let read = |rule: SecurityGroupRuleBuilder| observed(&rule.build()).unwrap().peer_vpc;
        let group = || ReferencedSecurityGroup::builder().group_id("sg-2").user_id("111122223333");
        let far = group().vpc_id("vpc-9").vpc_peering_connection_id("pcx-1").peering_status("active");
        assert_eq!(read(rule("tcp", 443, 443).referenced_group_info(far.build())), Some("vpc-9".into()));
        assert_eq!(read(rule("tcp", 443, 443).referenced_group_info(group().build())), None);
        assert_eq!(read(rule("tcp", 443, 443).cidr_ipv4("10.0.0.0/8")), None);
    }

    #[test]
    fn tags_and_descriptions_are_kept_and_an_empty_description_is_none() {
        let tag = Tag::builder().key("owner").value("ci").build();
        let read =
            observed(&rule("tcp", 1, 1).cidr_ipv4("10.0.0.0/8").description("jump host").tags(tag).build()).unwrap();
        assert_eq!(read.description.as_deref(), Some("jump host"));
        assert_eq!(read.tags["owner"], "ci");
        let read = observed(&rule("tcp", 1, 1).cidr_ipv4("10.0.0.0/8").description("").build()).unwrap();
        assert_eq!(read.description, None);
    }

    #[test]
    fn what_does_not_fit_is_unreadable_and_never_dropped() {
        for unreadable in [
            rule("quic", 1, 1).cidr_ipv4("10.0.0.0/8"),
            rule("tcp", 22, 22),
            rule("tcp", 22, 22).cidr_ipv4("10.0.0.0/33"),
            rule("tcp", 22, 22).cidr_ipv4("10.0.0.0/8").cidr_ipv6("::/0"),
            rule("tcp", 22, 22).referenced_group_info(ReferencedSecurityGroup::builder().build()),
            SecurityGroupRule::builder().group_id("sg-1").ip_protocol("tcp").cidr_ipv4("10.0.0.0/8"),
        ] {
            assert!(observed(&unreadable.clone().build()).is_err(), "{unreadable:?}");
        }
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let group = ObservedPeer::Group { account: Some("444455556666".into()), id: "sg-2".into() };
        let icmp = Traffic { protocol: Protocol::Icmp, ports: Ports::Icmp { kind: 8, code: None } };
        let gre = Traffic { protocol: Protocol::Number(47), ports: Ports::All };
        let v6 = ObservedPeer::Ipv6("2001:db8::/32".parse().unwrap());
        let written = permission(&RuleSpec { traffic: icmp, peer: group, description: Some("ping".into()) });
        assert_eq!((written.ip_protocol(), written.from_port(), written.to_port()), (Some("icmp"), Some(8), Some(-1)));
        let pair = &written.user_id_group_pairs()[0];
        assert_eq!(
            (pair.group_id(), pair.user_id(), pair.description()),
            (Some("sg-2"), Some("444455556666"), Some("ping"))
        );

        let written = permission(&spec(gre, v6));
        assert_eq!((written.ip_protocol(), written.from_port(), written.to_port()), (Some("47"), None, None));
        assert_eq!(written.ipv6_ranges()[0].cidr_ipv6(), Some("2001:db8::/32"));
        assert!(written.ip_ranges().is_empty() && written.prefix_list_ids().is_empty());
    }

    #[test]
    fn a_receipt_is_in_the_order_of_the_parts() {
        let (ten, one) = ("10.0.0.0/8", "192.168.0.0/16");
        let peer = |net: &str| ObservedPeer::Ipv4(net.parse().unwrap());
        let me = ObservedPeer::Group { account: None, id: "sg-1".into() };
        let parts = [
            spec(Traffic::tcp(443, 443), peer(ten)),
            spec(Traffic::tcp(443, 443), peer(one)),
            spec(Traffic::tcp(443, 443), me),
        ];
        let made = |id: &str| rule("tcp", 443, 443).security_group_rule_id(id);
        let pair = ReferencedSecurityGroup::builder().group_id("sg-1").user_id("111122223333").build();
        let answer = [
            made("sgr-c").referenced_group_info(pair).build(),
            made("sgr-b").cidr_ipv4(one).build(),
            made("sgr-a").cidr_ipv4(ten).build(),
        ];
        let ids: Vec<ResourceId> = ["sgr-a", "sgr-b", "sgr-c"].map(Into::into).into();
        assert_eq!(
            receipt(&parts, &answer, Some("r-1")),
            Receipt { created: ids, request_id: Some("r-1".into()), already: false }
        );
        // A part that the answer does not account for: nobody knows which rule is which.
        assert!(receipt(&parts, &answer[1..], None).created.is_empty());
        assert!(receipt(&parts[1..], &answer, None).created.is_empty());
    }
}
