//! The `exposure` control: nothing in a tier with `public_ips: never` has a public address, and what stands in a tier that names its
//! security groups carries no others.
//!
//! A thing is in a tier by its subnets: one of them in a `never` tier is enough, for it may be placed there. `databases`,
//! `services`, `interfaces` and `balancers` each judge one kind of thing; `planner` puts them in one plan. Decided here:
//!
//! - **Databases** are made private by `ModifyDBInstance` without `ApplyImmediately`: a change of `PubliclyAccessible` is applied
//!   immediately whatever that says, and with it, modifications of other people that wait for the maintenance window would be
//!   applied as well (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html>). Members of a Multi-AZ DB
//!   cluster cannot be modified, and the cluster's own call knows no public access: held.
//! - **ECS services** keep their subnets and groups; only `assignPublicIp` changes. That starts a deployment, and running tasks keep
//!   their addresses until they are replaced: told as advice while that lasts, for half an hour at most, and only what has the
//!   network of the deployment that is replaced. Controllers other than ECS's own do not let the network be changed: held. So is a
//!   service that a failed deployment without public addresses brought back: another update would fail as well.
//! - **Elastic IP addresses** are disassociated and never released: they are somebody's. Only from interfaces that people manage:
//!   what a gateway, a load balancer or another service holds is theirs, and held. Anybody can describe an interface as
//!   ECS does, so a description alone makes no interface a task's that has one.
//! - **Addresses that AWS assigned** at launch are held with the one call that takes them away: who launched it with one may rely
//!   on it, and nothing brings the same address back.
//! - **Load balancers** cannot change their scheme: held, with what to make instead.
//! - **Attached groups** that the tier does not name are held: which of the declared ones belong there is a person's choice.
//!
//! IPv6 addresses are not judged: the internet reaches one only over a route, which is the control `routes`'.

mod action;
mod balancers;
mod change;
mod control;
mod databases;
mod desired;
mod interfaces;
mod observed;
mod planner;
mod services;
mod tasks;

pub use change::{Change, TaskNetwork};
pub use control::Exposure;
pub use desired::{Desired, DesiredTier, DesiredVpc};
pub use observed::{
    Address, Balancer, Controller, Database, Interface, Leaving, Listing, Observed, ObservedVpc, Service, balancer_id,
    cluster_id, database_id, service_id,
};
