//! The `nat` control on AWS: how gateways, addresses and routes are observed, and how a change is made.

mod apply;
mod listing;
mod mapping;
mod observe;
