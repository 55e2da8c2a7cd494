//! Database instances of RDS and Aurora.

use super::planner::{Builder, Home};
use super::{Change, Database};
use crate::core::Severity;
use jiff::SignedDuration;

/// A database that is being changed is looked at again after this: RDS takes minutes for most changes, and a describe is cheap.
const RECHECK: SignedDuration = SignedDuration::from_secs(30);

/// Whether a status lets the instance be modified
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html>).
enum Status {
    /// Now.
    Open,
    /// Not while this goes on.
    Busy,
    /// It is on its way out.
    Going,
    /// Not before a person does something.
    Stuck,
}

impl Status {
    fn of(status: &str) -> Self {
        match status {
            "available" | "storage-optimization" | "storage-full" => Self::Open,
            "deleting" => Self::Going,
            "stopped"
            | "failed"
            | "inaccessible-encryption-credentials"
            | "restore-error"
            | "insufficient-capacity" => Self::Stuck,
            incompatible if incompatible.starts_with("incompatible-") => Self::Stuck,
            _ => Self::Busy,
        }
    }
}

pub(super) fn plan(builder: &mut Builder<'_>, databases: &[&Database]) {
    for database in databases {
        let Some(home) = builder.home(&database.subnets) else { continue };
        let name = format!("{}/{}", home.vpc, database.name);
        if home.declared.never_public && database.public {
            public(builder, home, &name, database);
        }
        groups(builder, home, &name, database);
    }
}

fn public(builder: &mut Builder<'_>, home: Home<'_>, name: &str, database: &Database) {
    let Database { name: identifier, resource: _, cluster, engine, status, public: _, subnets: _, groups: _, stack } =
        database;
    let id = database.id();
    let state = Status::of(status);
    if matches!(state, Status::Going) {
        return;
    }
    let summary = format!("the database is publicly accessible in tier {}", home.tier);
    builder.drift(&id, name, Severity::Exposure, summary);
    if let Some(cluster) = cluster.as_ref().filter(|_| matches!(engine.as_str(), "mysql" | "postgres")) {
        let remedy = format!(
            "until it is gone, leave no rule that admits public addresses in its groups; restore a snapshot as a private cluster (aws rds \
             restore-db-cluster-from-snapshot … --no-publicly-accessible) and move to it: {cluster}"
        );
        let why = "it is a member of a Multi-AZ DB cluster, whose public access is fixed when it is made";
        builder.hold(&id, name, why, remedy);
        return;
    }
    match state {
        Status::Open => {
            let change = Change::Database {
                database: builder.place.key(id),
                name: name.to_owned(),
                identifier: identifier.clone(),
                public: false,
            };
            let caveat = "its name resolves to the private address from then on: who came from outside is cut off; modifications \
                          that wait for the maintenance window go on waiting";
            builder.push(change, stack.clone(), caveat.into());
        }
        Status::Busy => {
            let why = format!("database {identifier} is {status}, and cannot be modified meanwhile");
            builder.wait(RECHECK, why);
        }
        Status::Going => {}
        Status::Stuck => {
            let remedy = match status.as_str() {
                "stopped" => format!(
                    "nothing answers while it is stopped; when it is started (aws rds start-db-instance --db-instance-identifier \
                     {identifier}) it is made private as soon as it is available"
                ),
                _ => format!(
                    "bring it back to `available` (aws rds describe-events --source-type db-instance --source-identifier {identifier} \
                     says what befell it); then: aws rds modify-db-instance --db-instance-identifier {identifier} \
                     --no-publicly-accessible"
                ),
            };
            builder.hold(&id, name, format!("it is {status}, in which it cannot be modified"), remedy);
        }
    }
}

/// A database is reached through whatever its groups admit: one that is not declared may admit anybody.
fn groups(builder: &mut Builder<'_>, home: Home<'_>, name: &str, database: &Database) {
    let extra = home.undeclared(&database.groups);
    if extra.is_empty() || matches!(Status::of(&database.status), Status::Going) {
        return;
    }
    let id = database.id();
    let named: Vec<String> = extra.iter().map(|group| home.group(group)).collect();
    let summary = format!(
        "the database carries {}, and tier {} names {}",
        named.join(" and "),
        home.tier,
        home.groups_in_words()
    );
    builder.drift(&id, name, Severity::Exposure, summary);
    let kept = home.kept(&database.groups);
    let remedy = match &database.cluster {
        None => format!(
            "aws rds modify-db-instance --db-instance-identifier {} --vpc-security-group-ids {kept}; or name the group in the tier's \
             `security_groups`",
            database.name
        ),
        Some(cluster) => format!(
            "aws rds modify-db-cluster --db-cluster-identifier {cluster} --vpc-security-group-ids {kept} --apply-immediately; or name \
             the group in the tier's `security_groups`"
        ),
    };
    builder.hold(&id, name, "which of the declared groups it needs is a person's choice", remedy);
}
