//! Names of things. Everything that Plumbline keeps is keyed by (account, Region, id).

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps the text as it is; whoever reads it from outside checks its form.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// A twelve-digit AWS account id. Text, because it may begin with zeros.
    AccountId
);
name!(
    /// An AWS Region's code, such as `eu-west-1`.
    Region
);
name!(
    /// The id that AWS gave a resource, such as `sg-0123456789abcdef0`.
    ResourceId
);
name!(
    /// The stable `id:` of a topology document: the ledger's key.
    TopologyId
);
name!(
    /// A VPC's key under `vpcs:` in a topology document.
    VpcName
);
name!(
    /// The id that AWS gave a VPC.
    VpcId
);
name!(
    /// A security group's key in a topology document, which is its `GroupName` on AWS.
    GroupName
);
name!(
    /// A tier's key under `tiers:` in a topology document.
    TierName
);
name!(
    /// The letter of an Availability Zone, such as `a`.
    ZoneLetter
);
name!(
    /// An endpoint's key under `endpoints:` in a topology document, such as `ecr.api`.
    EndpointName
);
name!(
    /// An endpoint service's key under `privatelink:` in a topology document.
    ServiceName
);
name!(
    /// The ARN of a CloudFormation stack.
    StackId
);
name!(
    /// The name of a CloudFormation stack. A stack that is deleted and made again has the same name and another [`StackId`].
    StackName
);
name!(
    /// A resource's key under `Resources` in a CloudFormation template.
    LogicalId
);

impl StackId {
    /// The stack's name: `arn:aws:cloudformation:eu-west-1:111122223333:stack/network/…` is of `network`.
    pub fn stack_name(&self) -> &str {
        self.as_str().split('/').nth(1).unwrap_or(self.as_str())
    }
}

/// Where a resource lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The account that owns it.
    pub account: AccountId,
    /// The Region that it is in.
    pub region: Region,
}

impl Place {
    /// A place from its two parts.
    pub fn new(account: impl Into<AccountId>, region: impl Into<Region>) -> Self {
        Self { account: account.into(), region: region.into() }
    }

    /// The key of a resource here.
    pub fn key(&self, id: impl Into<ResourceId>) -> ResourceKey {
        ResourceKey { place: self.clone(), id: id.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, region } = self;
        write!(f, "{account}/{region}")
    }
}

/// One resource, wherever it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceKey {
    /// Its account and Region.
    pub place: Place,
    /// Its id within them.
    pub id: ResourceId,
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, id } = self;
        write!(f, "{place}/{id}")
    }
}

/// Something that an action is about, with what a person calls it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thing {
    /// Its key.
    pub key: ResourceKey,
    /// What a person calls it, such as `main/nat-a` or `main/private-a`.
    pub name: String,
}
