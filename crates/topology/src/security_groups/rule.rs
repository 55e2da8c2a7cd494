//! The traffic that a rule admits, in one canonical form, and its passage to and from the wire.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Which way the traffic goes, seen from the group's members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Into the members.
    Ingress,
    /// Out of the members.
    Egress,
}

impl Direction {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Ingress, Self::Egress];

    /// The word between the traffic and the peer: `from` or `to`.
    pub const fn preposition(self) -> &'static str {
        match self {
            Self::Ingress => "from",
            Self::Egress => "to",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        })
    }
}

/// A protocol in canonical form: 6, 17, 1 and 58 are always their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// `-1`: every protocol, every port.
    All,
    /// 6.
    Tcp,
    /// 17.
    Udp,
    /// 1.
    Icmp,
    /// 58.
    Icmpv6,
    /// Any other IANA protocol number: all of its ports.
    Number(u8),
}

impl Protocol {
    /// The canonical protocol of an IANA number.
    pub const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Icmp,
            6 => Self::Tcp,
            17 => Self::Udp,
            58 => Self::Icmpv6,
            other => Self::Number(other),
        }
    }

    /// Reads what AWS and people write: `tcp`, `udp`, `icmp`, `icmpv6`, `all`, `-1` or a number, in any case.
    ///
    /// # Errors
    /// [`TrafficError::Protocol`] for anything else.
    pub fn from_wire(text: &str) -> Result<Self, TrafficError> {
        let word = text.trim().to_ascii_lowercase();
        Ok(match word.as_str() {
            "-1" | "all" => Self::All,
            "tcp" => Self::Tcp,
            "udp" => Self::Udp,
            "icmp" => Self::Icmp,
            "icmpv6" => Self::Icmpv6,
            number => Self::from_number(number.parse().map_err(|_| TrafficError::Protocol(text.into()))?),
        })
    }

    /// The text that EC2 takes as `IpProtocol`.
    pub fn to_wire(self) -> String {
        match self {
            Self::All => "-1".into(),
            Self::Tcp => "tcp".into(),
            Self::Udp => "udp".into(),
            Self::Icmp => "icmp".into(),
            Self::Icmpv6 => "icmpv6".into(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// What of the protocol is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ports {
    /// Everything: the only form for `All` and `Number`; for ICMP every type and code.
    All,
    /// TCP and UDP: an inclusive range.
    Range {
        /// The first port.
        from: u16,
        /// The last port.
        to: u16,
    },
    /// ICMP and ICMPv6: a type, and a code or every code.
    Icmp {
        /// The ICMP type.
        kind: u8,
        /// The code; `None` is every code (`-1` on the wire).
        code: Option<u8>,
    },
}

/// Protocol and ports together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Traffic {
    /// The protocol.
    pub protocol: Protocol,
    /// The ports, types or codes.
    pub ports: Ports,
}

/// Why wire values are not traffic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrafficError {
    /// The protocol is neither a name that EC2 knows nor a number.
    #[error("`{0}` is not a protocol: write tcp, udp, icmp, icmpv6, all, or a number from 0 to 255")]
    Protocol(String),
    /// Only one of the two ports was given, or a port is out of range.
    #[error("{from}-{to} are not ports: both must be given, each from 0 to 65535")]
    Ports {
        /// As given; `none` when it was missing.
        from: String,
        /// As given; `none` when it was missing.
        to: String,
    },
    /// The range ends before it begins.
    #[error("the port range {from}-{to} is reversed: write {to}-{from}")]
    Reversed {
        /// As given.
        from: u16,
        /// As given.
        to: u16,
    },
    /// An ICMP type or code is out of range, or there is a code without a type.
    #[error("type {kind}, code {code} is not ICMP: both go from 0 to 255, and every type (-1) means every code (-1)")]
    Icmp {
        /// As given.
        kind: i64,
        /// As given.
        code: i64,
    },
}

impl Traffic {
    /// Every protocol and port.
    pub const ALL: Self = Self { protocol: Protocol::All, ports: Ports::All };

    /// TCP ports, both included.
    pub const fn tcp(from: u16, to: u16) -> Self {
        Self { protocol: Protocol::Tcp, ports: Ports::Range { from, to } }
    }

    /// UDP ports, both included.
    pub const fn udp(from: u16, to: u16) -> Self {
        Self { protocol: Protocol::Udp, ports: Ports::Range { from, to } }
    }

    /// Canonical traffic from EC2's `IpProtocol`, `FromPort` and `ToPort`
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRule.html>).
    ///
    /// For ICMP the "ports" are type and code; -1 is every one. A protocol other than TCP, UDP, ICMP and ICMPv6 has all of its
    /// ports, whatever ports are given. TCP and UDP without ports, or with -1 for both, are 0-65535.
    ///
    /// # Errors
    /// Unknown protocol, half a range, a reversed range, or a value out of range.
    pub fn from_wire(protocol: &str, from: Option<i64>, to: Option<i64>) -> Result<Self, TrafficError> {
        let protocol = Protocol::from_wire(protocol)?;
        let ports = match protocol {
            Protocol::All | Protocol::Number(_) => Ports::All,
            Protocol::Tcp | Protocol::Udp => port_range(from, to)?,
            Protocol::Icmp | Protocol::Icmpv6 => icmp(from.unwrap_or(-1), to.unwrap_or(-1))?,
        };
        Ok(Self { protocol, ports })
    }

    /// One number that orders as the traffic does: planning compares millions of these.
    pub(crate) fn key(self) -> u64 {
        let Self { protocol, ports } = self;
        let protocol = match protocol {
            Protocol::All => 0,
            Protocol::Tcp => 1 << 8,
            Protocol::Udp => 2 << 8,
            Protocol::Icmp => 3 << 8,
            Protocol::Icmpv6 => 4 << 8,
            Protocol::Number(number) => (5 << 8) | u64::from(number),
        };
        let ports = match ports {
            Ports::All => 0,
            Ports::Range { from, to } => (1 << 32) | (u64::from(from) << 16) | u64::from(to),
            Ports::Icmp { kind, code } => {
                (2 << 32) | (u64::from(kind) << 16) | code.map_or(0, |code| u64::from(code) + 1)
            }
        };
        (protocol << 34) | ports
    }

    /// What EC2 takes as `IpProtocol`, `FromPort` and `ToPort`.
    pub fn to_wire(self) -> (String, Option<i32>, Option<i32>) {
        let Self { protocol, ports } = self;
        let (from, to) = match (protocol, ports) {
            (Protocol::All | Protocol::Number(_), _) => (None, None),
            (Protocol::Icmp | Protocol::Icmpv6, Ports::Icmp { kind, code }) => {
                (Some(i32::from(kind)), Some(code.map_or(-1, i32::from)))
            }
            (Protocol::Icmp | Protocol::Icmpv6, _) => (Some(-1), Some(-1)),
            (Protocol::Tcp | Protocol::Udp, Ports::Range { from, to }) => (Some(i32::from(from)), Some(i32::from(to))),
            (Protocol::Tcp | Protocol::Udp, _) => (Some(0), Some(i32::from(u16::MAX))),
        };
        (protocol.to_wire(), from, to)
    }
}

fn port_range(from: Option<i64>, to: Option<i64>) -> Result<Ports, TrafficError> {
    let (first, last) = match (from, to) {
        (None | Some(-1), None | Some(-1)) => (Some(0), Some(u16::MAX)),
        (from, to) => (from.and_then(|port| u16::try_from(port).ok()), to.and_then(|port| u16::try_from(port).ok())),
    };
    match (first, last) {
        (Some(from), Some(to)) if from <= to => Ok(Ports::Range { from, to }),
        (Some(from), Some(to)) => Err(TrafficError::Reversed { from, to }),
        _ => {
            let shown = |port: Option<i64>| port.map_or_else(|| "none".to_owned(), |port| port.to_string());
            Err(TrafficError::Ports { from: shown(from), to: shown(to) })
        }
    }
}

fn icmp(kind: i64, code: i64) -> Result<Ports, TrafficError> {
    match (kind, u8::try_from(kind), code, u8::try_from(code)) {
        (-1, _, -1, _) => Ok(Ports::All),
        (_, Ok(kind), -1, _) => Ok(Ports::Icmp { kind, code: None }),
        (_, Ok(kind), _, Ok(code)) => Ok(Ports::Icmp { kind, code: Some(code) }),
        _ => Err(TrafficError::Icmp { kind, code }),
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, ports } = self;
        match protocol {
            Protocol::All => f.write_str("all traffic")?,
            Protocol::Tcp => f.write_str("tcp")?,
            Protocol::Udp => f.write_str("udp")?,
            Protocol::Icmp => f.write_str("icmp")?,
            Protocol::Icmpv6 => f.write_str("icmpv6")?,
            Protocol::Number(number) => write!(f, "protocol {number}")?,
        }
        match ports {
            Ports::All => Ok(()),
            Ports::Range { from, to } if from == to => write!(f, " {from}"),
            Ports::Range { from, to } => write!(f, " {from}-{to}"),
            Ports::Icmp { kind, code: None } => write!(f, " type {kind}"),
            Ports::Icmp { kind, code: Some(code) } => write!(f, " type {kind} code {code}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_as_traffic_does() {
        let ports = [
            Ports::All,
            Ports::Range { from: 0, to: 0 },
            Ports::Range { from: 0, to: 65535 },
            Ports::Range { from: 65535, to: 65535 },
            Ports::Icmp { kind: 0, code: None },
            Ports::Icmp { kind: 0, code: Some(0) },
            Ports::Icmp { kind: 0, code: Some(255) },
            Ports::Icmp { kind: 255, code: None },
        ];
        let protocols = [
            Protocol::All,
            Protocol::Tcp,
            Protocol::Udp,
            Protocol::Icmp,
            Protocol::Icmpv6,
            Protocol::Number(0),
            Protocol::Number(255),
        ];
        let all = protocols.iter().flat_map(|protocol| ports.map(|ports| Traffic { protocol: *protocol, ports }));
        let all: Vec<Traffic> = all.collect();
        for left in &all {
            for right in &all {
                assert_eq!(left.key().cmp(&right.key()), left.cmp(right), "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn wire_values_that_are_no_traffic_say_what_to_write() {
        let refused = |protocol, from, to| Traffic::from_wire(protocol, from, to).unwrap_err().to_string();
        assert_eq!(
            refused("tpc", None, None),
            "`tpc` is not a protocol: write tcp, udp, icmp, icmpv6, all, or a number from 0 to 255"
        );
        assert_eq!(refused("tcp", Some(443), Some(80)), "the port range 443-80 is reversed: write 80-443");
        assert_eq!(refused("tcp", Some(443), None), "443-none are not ports: both must be given, each from 0 to 65535");
        assert!(refused("udp", Some(0), Some(65536)).contains("each from 0 to 65535"));
        assert!(refused("icmp", Some(-1), Some(3)).contains("every type (-1) means every code (-1)"));
        assert!(refused("icmp", Some(256), Some(0)).contains("both go from 0 to 255"));
        assert!(refused("256", None, None).contains("is not a protocol"));
    }

    #[test]
    fn aliases_and_minus_one_are_canonical() {
        let read = |protocol, from, to| Traffic::from_wire(protocol, from, to).unwrap();
        assert_eq!(read("6", Some(22), Some(22)), Traffic::tcp(22, 22));
        assert_eq!(read("TCP", Some(-1), Some(-1)), Traffic::tcp(0, 65535));
        assert_eq!(read("17", None, None), Traffic::udp(0, 65535));
        assert_eq!(read("-1", Some(0), Some(65535)), Traffic::ALL);
        assert_eq!(read("all", None, None), Traffic::ALL);
        assert_eq!(read("50", Some(1), Some(2)), read("50", None, None));
        assert_eq!(read("1", Some(-1), Some(-1)), read("icmp", None, None));
        assert_eq!(read("58", Some(128), None).to_string(), "icmpv6 type 128");
    }
}
