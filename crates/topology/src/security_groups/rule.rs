//! The traffic that a rule admits, in one canonical form.

use serde::{Deserialize, Serialize};

/// Which way the traffic goes, seen from the group's members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Into the members.
    Ingress,
    /// Out of the members.
    Egress,
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
