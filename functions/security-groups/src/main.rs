//! Keeps security-group rules true to the declared topologies.

use topology::security_groups::SecurityGroups;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::run::<SecurityGroups>().await
}
