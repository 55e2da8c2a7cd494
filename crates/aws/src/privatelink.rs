//! The `privatelink` control on AWS: how endpoint services and their connections are observed, and how a change is made.

mod apply;
mod listing;
mod mapping;
mod observe;

#[cfg(test)]
mod wire;
