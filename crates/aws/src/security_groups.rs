//! The `security-groups` control on AWS: how groups are observed and how a change is made.

mod apply;
mod groups;
mod listing;
mod mapping;
mod observe;

pub(crate) use groups::Groups;
