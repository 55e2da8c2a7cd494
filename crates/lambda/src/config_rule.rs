//! The function of a custom rule of AWS Config: reads the network and the ledger, and hands in what it makes of them.

use crate::edge::{Error, serve};
use crate::log;
use aws::{Access, AwsEvaluations, Clients, DynamoLedger, Network, SystemClock, home, served, setting};
use reconciler::{Evaluated, Fault, Inspect, Look, ReadPorts, RefusedDocument, Run, Served, Sight, evaluate, inspect};
use serde_json::Value;
use topology::endpoints::Endpoints;
use topology::exposure::Exposure;
use topology::flow_logs::FlowLogs;
use topology::nat::Nat;
use topology::privatelink::PrivateLink;
use topology::routes::Routes;
use topology::security_groups::SecurityGroups;
use topology::{Control, ControlId};

/// Runs the function of the rule until Lambda ends it.
///
/// # Errors
/// When the environment is not what template.yaml makes of it, or the runtime interface fails.
pub async fn config_rule() -> Result<(), Error> {
    log::start();
    serve(Rule::wire().await, |rule: &'static Rule, event, run, _| rule.handle(event, run)).await
}

/// As the functions that plan: nothing here could change a network. What hands evaluations in can do only that.
struct Rule {
    served: Served,
    clients: Clients,
    ledger: DynamoLedger,
    config: AwsEvaluations,
}

impl Rule {
    async fn wire() -> Result<Self, Error> {
        let table = setting("PLUMBLINE_LEDGER")?;
        let served = served(home()?)?;
        for RefusedDocument { file, topology: _, problems } in &served.refused {
            tracing::error!(file, problems, "a document is refused; the others are served");
        }
        let clients = Clients::connect(served.home.clone(), Access::ReadOnly).await;
        let ledger = DynamoLedger::new(clients.dynamodb(), table);
        let config = AwsEvaluations::new(&clients);
        tracing::info!(home = %served.home, topologies = served.topologies.len(), "started");
        Ok(Self { served, clients, ledger, config })
    }

    async fn handle(&self, event: Value, run: Run) -> Result<Value, Error> {
        let evaluated = Box::pin(evaluate(&event, &self.served, self, &self.config, &SystemClock, &run)).await;
        let calls: u64 = self.clients.calls().take().into_values().sum();
        let evaluated = evaluated?;
        let Evaluated { compliant, non_compliant, not_applicable, evaluations: _ } = &evaluated;
        tracing::info!(compliant, non_compliant, not_applicable, calls, "evaluated");
        Ok(serde_json::to_value(&evaluated)?)
    }

    async fn see<C: Control>(&self, look: Look<'_>) -> Result<Vec<Sight>, Fault>
    where
        Network: reconciler::Eyes<C>,
    {
        let eyes = Network::new(self.clients.clone(), C::ID);
        let ports = ReadPorts { eyes: &eyes, ledger: &self.ledger, clock: &SystemClock };
        Box::pin(inspect::<C, _, _, _>(&self.served, look, &ports)).await
    }
}

impl Inspect for Rule {
    async fn inspect(&self, control: ControlId, look: Look<'_>) -> Result<Vec<Sight>, Fault> {
        match control {
            ControlId::SecurityGroups => self.see::<SecurityGroups>(look).await,
            ControlId::FlowLogs => self.see::<FlowLogs>(look).await,
            ControlId::Nat => self.see::<Nat>(look).await,
            ControlId::PrivateLink => self.see::<PrivateLink>(look).await,
            ControlId::Routes => self.see::<Routes>(look).await,
            ControlId::Endpoints => self.see::<Endpoints>(look).await,
            ControlId::Exposure => self.see::<Exposure>(look).await,
        }
    }
}
