//! SDK clients, built once from one configuration, and what every call of theirs passes through.

mod calls;
mod read_only;
#[cfg(test)]
pub(crate) mod wire;

pub use calls::{Called, Calls};

use crate::errors::Error;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_ec2::config::SharedHttpClient;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{ConnectorBuilder, tls};
use reconciler::{Fault, FaultClass};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use topology::Place;

/// Tries of one call. A storm is better answered by the queue's delay than by a function that waits; the budget of a throttle
/// bucket is shared with the customer's own tools.
const ATTEMPTS: u32 = 3;
/// The longest first pause between tries, doubled each time: a function is paid for while it waits.
const BACKOFF: Duration = Duration::from_millis(200);
/// Opening a connection to an endpoint of the same Region takes milliseconds.
const CONNECT: Duration = Duration::from_secs(2);
/// One try: the slowest describe of a page of 1,000 rules stays well below.
const ATTEMPT: Duration = Duration::from_secs(5);
/// All tries of one call: short enough that a function of 60 seconds can still record what happened.
const OPERATION: Duration = Duration::from_secs(12);

/// Every SDK crate has its own configuration type of the same shape.
macro_rules! client {
    ($clients:expr, $sdk:ident, $config:expr) => {{
        let mut builder = $sdk::config::Builder::from($config).interceptor(calls::Count($clients.calls.clone()));
        if $clients.access == Access::ReadOnly {
            builder = builder.interceptor(read_only::ReadOnly);
        }
        $sdk::Client::from_conf(builder.build())
    }};
}

/// Whether clients can change anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every operation.
    Full,
    /// Operations that only read: anything else fails in this process, before it is sent.
    ReadOnly,
}

/// The clients of one place. Every control needs EC2; the others are built when first asked for, so that a cold start does not pay
/// for a service that its control never calls. Cloning shares what was built.
#[derive(Clone, Debug)]
pub(crate) struct Regional {
    pub(crate) ec2: aws_sdk_ec2::Client,
    rest: Arc<Rest>,
}

/// What [`Regional`] builds on demand, and from what.
#[derive(Debug)]
struct Rest {
    config: SdkConfig,
    access: Access,
    calls: Calls,
    cloudformation: OnceLock<aws_sdk_cloudformation::Client>,
    containers: OnceLock<aws_sdk_ecs::Client>,
    databases: OnceLock<aws_sdk_rds::Client>,
    cloudtrail: OnceLock<aws_sdk_cloudtrail::Client>,
    load_balancers: OnceLock<aws_sdk_elasticloadbalancingv2::Client>,
    logs: OnceLock<aws_sdk_cloudwatchlogs::Client>,
    zonal_shift: OnceLock<aws_sdk_arczonalshift::Client>,
}

impl Regional {
    /// CloudFormation.
    pub(crate) fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        let Rest { config, cloudformation, .. } = &*self.rest;
        cloudformation.get_or_init(|| client!(self.rest, aws_sdk_cloudformation, config)).clone()
    }

    /// ECS.
    pub(crate) fn containers(&self) -> aws_sdk_ecs::Client {
        let Rest { config, containers, .. } = &*self.rest;
        containers.get_or_init(|| client!(self.rest, aws_sdk_ecs, config)).clone()
    }

    /// RDS, which serves Aurora as well.
    pub(crate) fn databases(&self) -> aws_sdk_rds::Client {
        let Rest { config, databases, .. } = &*self.rest;
        databases.get_or_init(|| client!(self.rest, aws_sdk_rds, config)).clone()
    }

    /// CloudTrail.
    pub(crate) fn cloudtrail(&self) -> aws_sdk_cloudtrail::Client {
        let Rest { config, cloudtrail, .. } = &*self.rest;
        cloudtrail.get_or_init(|| client!(self.rest, aws_sdk_cloudtrail, config)).clone()
    }

    /// CloudWatch Logs.
    pub(crate) fn logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        let Rest { config, logs, .. } = &*self.rest;
        logs.get_or_init(|| client!(self.rest, aws_sdk_cloudwatchlogs, config)).clone()
    }

    /// Elastic Load Balancing, of network and application load balancers.
    pub(crate) fn load_balancers(&self) -> aws_sdk_elasticloadbalancingv2::Client {
        let Rest { config, load_balancers, .. } = &*self.rest;
        load_balancers.get_or_init(|| client!(self.rest, aws_sdk_elasticloadbalancingv2, config)).clone()
    }

    /// Zonal shift, of the Application Recovery Controller.
    pub(crate) fn zonal_shift(&self) -> aws_sdk_arczonalshift::Client {
        let Rest { config, zonal_shift, .. } = &*self.rest;
        zonal_shift.get_or_init(|| client!(self.rest, aws_sdk_arczonalshift, config)).clone()
    }
}

/// One try and no more, with all the time that an operation has. For a call that takes no client token: the SDK would make what it
/// asks for a second time when only the answer was lost, and giving up early would leave a call behind that is still carried out.
pub(crate) fn once() -> aws_sdk_ec2::config::Builder {
    let patient = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(OPERATION)
        .operation_timeout(OPERATION);
    aws_sdk_ec2::config::Config::builder().retry_config(RetryConfig::disabled()).timeout_config(patient.build())
}

/// Every client of one process. Cloning shares connections and counters.
#[derive(Clone, Debug)]
pub struct Clients {
    home: Place,
    config: SdkConfig,
    access: Access,
    calls: Calls,
    regional: Arc<Mutex<BTreeMap<Place, Regional>>>,
}

impl Clients {
    /// Reads credentials, Region and endpoint from the environment, as every SDK does. `home` is the account and Region of the
    /// function itself.
    pub async fn connect(home: Place, access: Access) -> Self {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(aws_config::Region::new(home.region.as_str().to_owned()))
            .http_client(one_http_client())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(BACKOFF))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT)
                    .operation_attempt_timeout(ATTEMPT)
                    .operation_timeout(OPERATION)
                    .build(),
            )
            .load()
            .await;
        Self::over(home, config, access)
    }

    fn over(home: Place, config: SdkConfig, access: Access) -> Self {
        Self { home, config, access, calls: Calls::default(), regional: Arc::default() }
    }

    /// The same, unable to change anything. Counts into the same counters.
    pub fn read_only(&self) -> Self {
        Self { access: Access::ReadOnly, regional: Arc::default(), ..self.clone() }
    }

    /// The function's own account and Region.
    pub fn home(&self) -> &Place {
        &self.home
    }

    /// The calls made so far.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// The clients of a place. Only the function's own account is served: a place in another one needs a role there, which
    /// nothing grants yet.
    pub(crate) fn regional(&self, place: &Place) -> Result<Regional, Fault> {
        if place.account != self.home.account {
            return Err(Fault {
                operation: "AssumeRole".into(),
                class: FaultClass::Terminal,
                code: None,
                message: format!("account {} is not the account {} of this function", place.account, self.home.account),
                remedy: Some("deploy Plumbline in that account, or correct `account:` in the topology".into()),
            });
        }
        let mut regional = self.regional.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(clients) = regional.get(place) {
            return Ok(clients.clone());
        }
        let config = if place.region == self.home.region {
            self.config.clone()
        } else {
            let region = aws_config::Region::new(place.region.as_str().to_owned());
            self.config.to_builder().region(region).build()
        };
        let clients = Regional {
            ec2: client!(self, aws_sdk_ec2, &config),
            rest: Arc::new(Rest {
                config,
                access: self.access,
                calls: self.calls.clone(),
                cloudformation: OnceLock::new(),
                containers: OnceLock::new(),
                databases: OnceLock::new(),
                cloudtrail: OnceLock::new(),
                load_balancers: OnceLock::new(),
                logs: OnceLock::new(),
                zonal_shift: OnceLock::new(),
            }),
        };
        regional.insert(place.clone(), clients.clone());
        Ok(clients)
    }

    /// The client of the ledger's table.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        client!(self, aws_sdk_dynamodb, &self.config)
    }

    /// The client of the queues.
    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        client!(self, aws_sdk_sqs, &self.config)
    }

    /// The client of the event bus.
    pub(crate) fn eventbridge(&self) -> aws_sdk_eventbridge::Client {
        client!(self, aws_sdk_eventbridge, &self.config)
    }

    /// The client of AWS Config's rules. Whatever the access of the others, it can hand in evaluations and do nothing else.
    pub(crate) fn evaluations(&self) -> aws_sdk_config::Client {
        let builder = aws_sdk_config::config::Builder::from(&self.config).interceptor(calls::Count(self.calls.clone()));
        let only = read_only::Only(crate::AwsEvaluations::OPERATIONS);
        aws_sdk_config::Client::from_conf(builder.interceptor(only).build())
    }

    /// The client of the topic that people read.
    pub(crate) fn sns(&self) -> aws_sdk_sns::Client {
        client!(self, aws_sdk_sns, &self.config)
    }
}

/// One HTTP client for every service and both kinds of access: certificates are read once, and connections to an endpoint are shared.
/// Otherwise the same as the one that each SDK client makes for itself.
fn one_http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = ConnectorBuilder::default()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
            .proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.build()
    })
}

/// A setting from the environment.
///
/// # Errors
/// When it is not set, or empty.
pub fn setting(variable: &str) -> Result<String, Error> {
    match std::env::var(variable) {
        Ok(value) if !value.trim().is_empty() => Ok(value),
        Ok(_) => Err(Error::Setting { variable: variable.into(), problem: "is empty".into() }),
        Err(problem) => Err(Error::Setting { variable: variable.into(), problem: problem.to_string() }),
    }
}
