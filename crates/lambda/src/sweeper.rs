//! The sweep: asks every control to look at every topology.

use crate::edge::{Error, serve};
use crate::settings::stack_care;
use crate::{emf, log};
use aws::{
    Access, AwsOutbox, Clients, CloudTrail, Destinations, DynamoLedger, Formation, SystemClock, home, served, setting,
};
use reconciler::{Clock, RefusedDocument, Run, Served, StackCare};
use serde_json::{Value, json};

/// Runs the sweep function until Lambda ends it.
///
/// # Errors
/// When the environment is not what template.yaml makes of it, or the runtime interface fails.
pub async fn sweep() -> Result<(), Error> {
    log::start();
    serve(Sweeper::wire().await, |sweeper: &'static Sweeper, event, run, _| sweeper.handle(event, run)).await
}

struct Sweeper {
    served: Served,
    clients: Clients,
    trails: CloudTrail,
    ledger: DynamoLedger,
    outbox: AwsOutbox,
    formation: Formation,
    care: StackCare,
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
        let (formation, care) = (Formation::new(clients.clone()), stack_care()?);
        tracing::info!(home = %served.home, topologies = served.topologies.len(), "started");
        Ok(Self { served, clients, trails, ledger, outbox, formation, care })
    }

    /// Asking the controls comes first, and what becomes of the stacks does not fail it.
    async fn handle(&self, event: Value, run: Run) -> Result<Value, Error> {
        let Self { served, clients, trails, ledger, outbox, formation, care } = self;
        let clock = &SystemClock;
        let swept = Box::pin(reconciler::sweep(&event, served, trails, ledger, outbox, clock)).await;
        let watched = Box::pin(reconciler::watch(&event, served, formation, ledger, outbox, clock, *care, &run)).await;
        let calls = clients.calls().take();
        let mut swept = swept?;
        swept.metrics.add(watched.metrics.clone());
        tracing::info!(why = swept.why, requested = swept.requested.len(), "swept");
        emf::print("sweep", &swept.metrics, &calls, SystemClock.now());
        let mut answer = serde_json::to_value(&swept)?;
        if let Some(answer) = answer.as_object_mut() {
            answer.insert("stacks".into(), json!(watched.stacks));
        }
        Ok(answer)
    }
}
