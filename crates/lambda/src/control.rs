//! The function of one control: batches of its queue, and people.

use crate::edge::{Error, serve};
use crate::settings::{Reach, reach, settings};
use crate::{emf, event, log};
use aws::{Access, AwsOutbox, Clients, Destinations, DynamoLedger, Network, SystemClock, home, served, setting};
use reconciler::{
    Answer, Apply, Clock, Message, Metrics, Observe, Ports, ReadPorts, RefusedDocument, Run, Served, Settings, answer,
    answer_read_only, dispatch,
};
use serde_json::Value;
use topology::{Control, ControlId};

/// Runs the function of a control until Lambda ends it. With `PLUMBLINE_HAND_ONLY=plan` it has nothing that could change anything.
///
/// # Errors
/// When the environment is not what template.yaml makes of it, or the runtime interface fails.
pub async fn run<C: Control>() -> Result<(), Error>
where
    Network: Observe<C> + Apply<C>,
{
    log::start();
    serve(Function::wire(C::ID).await, |function: &'static Function, event, run, by| {
        function.handle::<C>(event, run, by)
    })
    .await
}

/// What an invocation is served with. Built once.
struct Function {
    served: Served,
    settings: Settings,
    clients: Clients,
    wired: Wired,
}

/// The ports. A function that plans holds none that could change anything: not a flag, but nothing there.
enum Wired {
    Enforce { eyes: Network, hands: Box<Network>, ledger: DynamoLedger, outbox: Box<AwsOutbox> },
    Plan { eyes: Network, ledger: DynamoLedger },
}

impl Function {
    async fn wire(control: ControlId) -> Result<Self, Error> {
        let reach = reach()?;
        let settings = settings()?;
        let table = setting("PLUMBLINE_LEDGER")?;
        let served = served(home()?)?;
        for RefusedDocument { file, topology: _, problems } in &served.refused {
            tracing::error!(file, problems, "a document is refused; the others are served");
        }
        let clients = match reach {
            Reach::Enforce => Clients::connect(served.home.clone(), Access::Full).await,
            Reach::Plan => Clients::connect(served.home.clone(), Access::ReadOnly).await,
        };
        let ledger = DynamoLedger::new(clients.dynamodb(), table);
        let network = Network::new(clients.clone(), control);
        let wired = match reach {
            Reach::Enforce => {
                let outbox = Box::new(AwsOutbox::new(&clients, Destinations::of_control()?));
                Wired::Enforce { eyes: network.read_only(), hands: Box::new(network), ledger, outbox }
            }
            Reach::Plan => Wired::Plan { eyes: network, ledger },
        };
        tracing::info!(
            home = %served.home,
            layer = served.layer.as_ref().map(|layer| layer.version),
            topologies = served.topologies.len(),
            refused = served.refused.len(),
            "started"
        );
        Ok(Self { served, settings, clients, wired })
    }

    async fn handle<C: Control>(&self, event: Value, run: Run, by: String) -> Result<Value, Error>
    where
        Network: Observe<C> + Apply<C>,
    {
        let Self { served, settings, clients, wired } = self;
        let (answer, metrics) = match wired {
            Wired::Enforce { eyes, hands, ledger, outbox } => {
                let ports = Ports { eyes, hands: &**hands, ledger, outbox: &**outbox, clock: &SystemClock };
                match event::batch(&event) {
                    Some(messages) => Box::pin(self.batch::<C>(&messages, &ports, &run)).await?,
                    None => {
                        let answered = answer::<C, _, _, _, _, _>(&event, &by, served, &ports, settings, &run);
                        told(Box::pin(answered).await)?
                    }
                }
            }
            Wired::Plan { eyes, ledger } => {
                let ports = ReadPorts { eyes, ledger, clock: &SystemClock };
                let answered = answer_read_only::<C, _, _, _>(&event, served, &ports, settings);
                let (answer, _) = told(Box::pin(answered).await)?;
                // What a plan finds is told to whoever asked, and raises no alarm.
                clients.calls().take();
                return Ok(answer);
            }
        };
        emf::print(C::ID.name(), &metrics, &clients.calls().take(), SystemClock.now());
        Ok(answer)
    }

    async fn batch<C: Control>(
        &self,
        messages: &[Message],
        ports: &Ports<'_, Network, Network, DynamoLedger, AwsOutbox, SystemClock>,
        run: &Run,
    ) -> Result<(Value, Metrics), Error>
    where
        Network: Observe<C> + Apply<C>,
    {
        let outcome = Box::pin(dispatch::<C, _, _, _, _, _>(messages, &self.served, ports, &self.settings, run)).await;
        outcome.reports.iter().for_each(log::report);
        if !outcome.failed.is_empty() {
            tracing::warn!(messages = outcome.failed.join(" "), "given back to the queue");
        }
        Ok((serde_json::to_value(event::failures(&outcome.failed))?, outcome.metrics))
    }
}

fn told(answer: Answer) -> Result<(Value, Metrics), Error> {
    answer.reports.iter().for_each(log::report);
    tracing::info!(ok = answer.ok, summary = answer.summary, error = answer.error, "answered by hand");
    Ok((serde_json::to_value(&answer)?, answer.metrics))
}
