//! Keeps NAT gateways, their addresses and the default routes behind them true to the declared topologies.

use topology::nat::Nat;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::run::<Nat>().await
}
