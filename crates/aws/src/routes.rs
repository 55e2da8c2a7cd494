//! The `routes` control on AWS: how route tables, subnets, internet gateways and DNS are observed, and how a change is made.

mod apply;
mod mapping;
mod observe;
