//! Texts with a grammar of their own. They are kept as they were written: the check phase parses them, because it can
//! say what to write instead.

use crate::document::wrap::Word;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use std::borrow::Cow;

macro_rules! text {
    ($(#[doc = $doc:literal])* $name:ident($inner:ty), $schema:tt) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(transparent)]
        pub(crate) struct $name($inner);

        impl $name {
            pub(crate) fn text(&self) -> &str {
                AsRef::<str>::as_ref(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let mut schema = json_schema!($schema);
                schema.insert("description".into(), concat!($($doc),*).trim().into());
                schema
            }
        }
    };
}

impl AsRef<str> for Word {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

text!(
    /// A twelve-digit account id, quoted because it may begin with zeros.
    Account(String), { "type": "string", "pattern": "^[0-9]{12}$" }
);
text!(
    /// A Region, such as eu-west-1.
    RegionCode(String), { "type": "string", "pattern": "^[a-z]{2}(-[a-z]+)+-[0-9]+$" }
);
text!(
    /// An IPv4 range with its host bits clear, such as 10.0.0.0/16.
    Cidr(String), { "type": "string", "pattern": "^[0-9.]+/[0-9]{1,2}$" }
);
text!(
    /// The letter of an Availability Zone, such as a.
    Zone(String), { "type": "string", "pattern": "^[a-z]$" }
);
text!(
    /// The allocation id of an Elastic IP address, such as eipalloc-0123456789abcdef0.
    Allocation(String), { "type": "string", "pattern": "^eipalloc-([0-9a-f]{8}|[0-9a-f]{17})$" }
);
text!(
    /// The name of a CloudFormation stack, such as network.
    StackWord(String), { "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9-]{0,127}$" }
);
text!(
    /// A time of day in UTC, quoted, such as "02:00".
    TimeOfDay(String), { "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$" }
);
text!(
    /// A length of time with its unit, such as 30 days, 1 minute.
    Duration(Word), { "type": "string", "pattern": "^[0-9]+ (second|minute|hour|day|week|year)s?$" }
);
text!(
    /// For how long records are kept: a length of time with its unit, such as 30 days, or forever.
    Retention(Word), { "type": "string", "pattern": "^(forever|[0-9]+ (day|week|year)s?)$" }
);
text!(
    /// The other end of a rule: an IPv4 range, an IPv6 range in quotes, the name of a group of this VPC, self, a group id
    /// (sg-…, or account/sg-… in another account), or a prefix list (pl-…).
    Peer(String), { "type": "string", "minLength": 1 }
);
text!(
    /// Where a route leads to: an IPv4 range, an IPv6 range in quotes, or a prefix list (pl-…).
    Destination(String), { "type": "string", "minLength": 1 }
);
text!(
    /// What a route leads through: a kind of target such as transit-gateway, or the id of one, such as tgw-0123456789abcdef0.
    Target(String), { "anyOf": [
        { "enum": [
            "transit-gateway", "peering", "virtual-private-gateway", "network-interface", "vpc-endpoint", "local-gateway",
            "nat-gateway", "egress-only-internet-gateway", "carrier-gateway", "internet-gateway"
        ] },
        { "type": "string", "pattern": "^(tgw|pcx|vgw|eni|vpce|lgw|nat|eigw|cagw|igw)-([0-9a-f]{8}|[0-9a-f]{17})$" }
    ] }
);
text!(
    /// A port, or a range such as 8000-8100.
    Ports(Word), { "anyOf": [
        { "type": "integer", "minimum": 0, "maximum": 65535 },
        { "type": "string", "pattern": "^[0-9]{1,5}(-[0-9]{1,5})?$" }
    ] }
);
text!(
    /// An ICMP type, a type and a code such as 3/4, or all.
    Icmp(Word), { "anyOf": [
        { "type": "integer", "minimum": 0, "maximum": 255 },
        { "type": "string", "pattern": "^(all|[0-9]{1,3}(/[0-9]{1,3})?)$" }
    ] }
);
text!(
    /// all (every protocol, every port), or the number of a protocol other than TCP, UDP and ICMP.
    Protocol(Word), { "anyOf": [
        { "const": "all" },
        { "type": "integer", "minimum": 0, "maximum": 255 }
    ] }
);
