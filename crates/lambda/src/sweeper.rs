//! The sweep: asks every control to look at every topology.

use crate::edge::{Error, serve};
use crate::{emf, log};
use aws::{Access, AwsOutbox, Clients, CloudTrail, Destinations, DynamoLedger, SystemClock, home, served, setting};
use reconciler::{Clock, RefusedDocument, Served};
use serde_json::Value;

/// Runs the sweep function until Lambda ends it.
///
/// # Errors
/// When the environment is not what template.yaml makes of it, or the runtime interface fails.
pub async fn sweep() -> Result<(), Error> {
    log::start();
    serve(Sweeper::wire().await, |sweeper: &'static Sweeper, event, _, _| sweeper.handle(event)).await
}

struct Sweeper {
    served: Served,
    clients: Clients,
    trails: CloudTrail,
    ledger: DynamoLedger,
    outbox: AwsOutbox,
}

impl Sweeper {
    async fn wire() -> Result<Self, Error> {
        let table = setting("PLUMBLINE_LEDGER")?;
        let served = served(home()?)?;
        for RefusedDocument { file, topology: _, problems } in &served.refused {
            tracing::error!(file, problems, "a document is refused; the others are served");
        }
        let clients = Clients::connect(served.home.clone(), Access::Full).await;
        let trails = CloudTrail::new(&clients);
        let ledger = DynamoLedger::new(clients.dynamodb(), table);
        let outbox = AwsOutbox::new(&clients, Destinations::of_sweep()?);
        tracing::info!(home = %served.home, topologies = served.topologies.len(), "started");
        Ok(Self { served, clients, trails, ledger, outbox })
    }

    async fn handle(&self, event: Value) -> Result<Value, Error> {
        let Self { served, clients, trails, ledger, outbox } = self;
        let swept = Box::pin(reconciler::sweep(&event, served, trails, ledger, outbox, &SystemClock)).await;
        let calls = clients.calls().take();
        let swept = swept?;
        tracing::info!(why = swept.why, requested = swept.requested.len(), "swept");
        emf::print("sweep", &swept.metrics, &calls, SystemClock.now());
        Ok(serde_json::to_value(&swept)?)
    }
}
