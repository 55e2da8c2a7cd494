//! One local cloud, as `scripts/lib/stage.py` set it up: five networks, Plumbline deployed, snapshot `deployed` taken.

use aws_sdk_ec2::config::{Credentials, Region};
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{Filter, IpPermission, IpRange, Ipv6Range, SecurityGroupRule};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long anything may take before the test gives up. Generous: it bounds hangs, it measures nothing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// The account that Plumbline and its networks are in.
pub(crate) const ACCOUNT: &str = "000000000000";

/// The prefix of every role that the control plane's stack makes.
pub(crate) const CONTROL_PLANE: &str = "plumbline";

#[derive(Clone, Deserialize)]
struct Keys {
    access_key: String,
    secret_key: String,
    token: Option<String>,
}

#[derive(Clone, Deserialize)]
struct Reach {
    endpoint: String,
    region: String,
    outputs: BTreeMap<String, String>,
    watch_queue: String,
    faulty_layer: String,
    callers: BTreeMap<String, Keys>,
    vpcs: BTreeMap<String, BTreeMap<String, String>>,
    homes: BTreeMap<String, Home>,
}

/// The network of another account: what its endpoints stand in.
#[derive(Clone, Deserialize)]
pub(crate) struct Home {
    pub(crate) vpc: String,
    pub(crate) subnet: String,
}

/// Who makes a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    /// An IAM user with access keys.
    User,
    /// A session of an assumed role.
    Role,
    /// The account's root user.
    Root,
    /// The root user of the account that the privatelink topology lets in.
    Partner,
    /// The root user of an account that no document knows.
    Stranger,
}

impl Caller {
    fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Role => "role",
            Self::Root => "root",
            Self::Partner => "partner",
            Self::Stranger => "stranger",
        }
    }
}

/// One API call in the local cloud's journal.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Call {
    pub(crate) service: String,
    pub(crate) action: String,
    pub(crate) caller: String,
    pub(crate) read_only: bool,
}

impl Call {
    /// Made by one of Plumbline's functions, and not a read.
    pub(crate) fn is_plumbline_write(&self) -> bool {
        self.is_plumbline() && !self.read_only
    }

    /// Made by one of Plumbline's functions.
    pub(crate) fn is_plumbline(&self) -> bool {
        self.caller.contains(&format!("assumed-role/{CONTROL_PLANE}"))
    }

    /// Made by the function of this name.
    pub(crate) fn is_by(&self, function: &str) -> bool {
        self.caller.ends_with(&format!("/{CONTROL_PLANE}-{function}"))
    }
}

/// The local cloud of this test's slot, restored to the state right after the deploy.
pub(crate) struct Stage {
    reach: Reach,
    http: ureq::Agent,
}

/// Every SDK crate has its own configuration type of the same shape.
macro_rules! client {
    ($stage:expr, $sdk:ident, $caller:expr) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::latest())
                .endpoint_url(&$stage.reach.endpoint)
                .region(Region::new($stage.reach.region.clone()))
                .credentials_provider($stage.credentials($caller))
                .build(),
        )
    };
}

impl Stage {
    /// Takes the slot's local cloud and restores it.
    pub(crate) async fn restored() -> Self {
        let slot = std::env::var("NEXTEST_TEST_GLOBAL_SLOT").unwrap_or_else(|_| "0".into());
        let stage = Self::at(&folder().join(format!("slot-{slot}.json")));
        stage.admin("POST", "restore", Some(json!({"name": "deployed"})));
        stage
    }

    /// The local cloud of each slot, as it is.
    pub(crate) fn every() -> Vec<Self> {
        let files =
            std::fs::read_dir(folder()).expect("the folder of the stages").map(|file| file.expect("a file").path());
        let slots = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        let stages: Vec<_> = slots.map(|path| Self::at(&path)).collect();
        assert!(!stages.is_empty(), "no stage in {}", folder().display());
        stages
    }

    fn at(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("the slot's local cloud is up");
        let reach: Reach = serde_json::from_str(&text).expect("the stage wrote how to reach it");
        assert!(reach.endpoint.starts_with("http://127.0.0.1:"), "only loopback, never {}", reach.endpoint);
        let http = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .build()
            .new_agent();
        Self { reach, http }
    }

    /// The local cloud's own door.
    pub(crate) fn admin(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}/_localcloud/{path}", self.reach.endpoint);
        let mut answer = match (method, body) {
            ("GET", _) => self.http.get(&url).call(),
            ("DELETE", _) => self.http.delete(&url).call(),
            ("PUT", body) => self.http.put(&url).send_json(body.unwrap_or(Value::Null)),
            (_, body) => self.http.post(&url).send_json(body.unwrap_or_else(|| json!({}))),
        }
        .unwrap_or_else(|error| panic!("{method} {url}: {error}"));
        // A whole run's journal is larger than the 10 MB that are read unasked.
        let body: Value =
            answer.body_mut().with_config().limit(1 << 30).read_json().expect("the admin API answers JSON");
        assert!(answer.status().is_success(), "{method} {url}: {body}");
        body
    }

    fn credentials(&self, caller: Caller) -> Credentials {
        let keys = &self.reach.callers[caller.name()];
        Credentials::new(&keys.access_key, &keys.secret_key, keys.token.clone(), None, "stage")
    }

    /// EC2, as somebody.
    pub(crate) fn ec2(&self, caller: Caller) -> aws_sdk_ec2::Client {
        client!(self, aws_sdk_ec2, caller)
    }

    /// CloudFormation, as root.
    pub(crate) fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        client!(self, aws_sdk_cloudformation, Caller::Root)
    }

    /// Elastic Load Balancing, as root.
    pub(crate) fn load_balancers(&self) -> aws_sdk_elasticloadbalancingv2::Client {
        client!(self, aws_sdk_elasticloadbalancingv2, Caller::Root)
    }

    /// CloudWatch Logs, as somebody.
    pub(crate) fn logs(&self, caller: Caller) -> aws_sdk_cloudwatchlogs::Client {
        client!(self, aws_sdk_cloudwatchlogs, caller)
    }

    /// RDS, as somebody.
    pub(crate) fn databases(&self, caller: Caller) -> aws_sdk_rds::Client {
        client!(self, aws_sdk_rds, caller)
    }

    /// ECS, as somebody.
    pub(crate) fn containers(&self, caller: Caller) -> aws_sdk_ecs::Client {
        client!(self, aws_sdk_ecs, caller)
    }

    /// AWS Config, as root.
    pub(crate) fn config_service(&self) -> aws_sdk_config::Client {
        client!(self, aws_sdk_config, Caller::Root)
    }

    /// The network of another account.
    pub(crate) fn home(&self, caller: Caller) -> &Home {
        &self.reach.homes[caller.name()]
    }

    /// EventBridge, as root.
    fn events(&self) -> aws_sdk_eventbridge::Client {
        client!(self, aws_sdk_eventbridge, Caller::Root)
    }

    /// SQS, as root.
    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        client!(self, aws_sdk_sqs, Caller::Root)
    }

    /// DynamoDB, as root.
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        client!(self, aws_sdk_dynamodb, Caller::Root)
    }

    /// Lambda, as root.
    pub(crate) fn lambda(&self) -> aws_sdk_lambda::Client {
        client!(self, aws_sdk_lambda, Caller::Root)
    }

    /// An output of the control plane's stack.
    pub(crate) fn output(&self, name: &str) -> &str {
        self.reach.outputs.get(name).unwrap_or_else(|| panic!("no output {name} in {:?}", self.reach.outputs.keys()))
    }

    /// The id of a topology's VPC.
    pub(crate) fn vpc(&self, topology: &str, name: &str) -> &str {
        &self.reach.vpcs[topology][name]
    }

    /// Every topology with its VPCs, by name.
    pub(crate) fn vpcs(&self) -> &BTreeMap<String, BTreeMap<String, String>> {
        &self.reach.vpcs
    }

    /// The id of a declared group.
    pub(crate) async fn group(&self, topology: &str, vpc: &str, name: &str) -> String {
        let found = self
            .ec2(Caller::Root)
            .describe_security_groups()
            .filters(Filter::builder().name("vpc-id").values(self.vpc(topology, vpc)).build())
            .filters(Filter::builder().name("group-name").values(name).build())
            .send()
            .await
            .expect("describe groups");
        found.security_groups()[0].group_id().expect("an id").to_owned()
    }

    /// The rules of a group as AWS has them.
    pub(crate) async fn rules(&self, group: &str) -> Vec<SecurityGroupRule> {
        self.ec2(Caller::Root)
            .describe_security_group_rules()
            .filters(Filter::builder().name("group-id").values(group).build())
            .send()
            .await
            .expect("describe rules")
            .security_group_rules()
            .to_vec()
    }

    /// The rules of a group in words, without their ids: two equal sets admit the same and say the same.
    pub(crate) async fn words(&self, group: &str) -> BTreeSet<String> {
        self.rules(group).await.iter().map(word).collect()
    }

    /// Waits until the group's rules are these.
    pub(crate) async fn until_words(&self, group: &str, want: &BTreeSet<String>) {
        let started = Instant::now();
        loop {
            let have = self.words(group).await;
            if &have == want {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{group} is {have:#?}, not {want:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The newest record of a topology whose summary says so, as the function of that name lists them.
    pub(crate) async fn record(&self, function: &str, topology: &str, says: impl Fn(&str) -> bool) -> Value {
        let status = self.by_hand(&format!("{function}-plan"), json!({"status": true})).await;
        let mut topologies = status["data"]["topologies"].as_array().expect("topologies").iter();
        let here = topologies.find(|one| one["topology"] == json!(topology)).expect("the topology");
        let records = here["records"].as_array().expect("records");
        let found = records.iter().find(|record| record["summary"].as_str().is_some_and(&says));
        found.unwrap_or_else(|| panic!("no such record: {records:#?}")).clone()
    }

    /// Returns when no event, message or invocation is pending. Messages delayed into the future do not count.
    pub(crate) fn idle(&self) {
        let started = Instant::now();
        loop {
            let state = self.admin("GET", "idle?timeout=10&ignore_delayed=1&ignore_retries=1", None);
            if state["idle"] == json!(true) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "never idle: {state:#}");
        }
    }

    /// Returns when no event, message or invocation is pending and no recheck waits either: what does is made due.
    pub(crate) fn rest(&self) {
        self.rest_within(PATIENCE, false);
    }

    /// The same, with patience. `failed`: messages that a function gave back are made due, too.
    pub(crate) fn rest_within(&self, patience: Duration, failed: bool) {
        let started = Instant::now();
        loop {
            self.admin("POST", "due", Some(json!({ "in_flight": failed })));
            // What is delayed counts here: nothing comes due between a look at the work and a look at the clock. What fails is not
            // made to fail as often as can be: its attempts are counted.
            let look = if failed { "idle?timeout=5" } else { "idle?timeout=0.2&ignore_retries=1" };
            let state = self.admin("GET", look, None);
            if state["idle"] == json!(true) {
                return;
            }
            assert!(started.elapsed() < patience, "rechecks for ever: {state:#}");
        }
    }

    /// The number of the newest call in the journal.
    pub(crate) fn mark(&self) -> u64 {
        self.admin("GET", &format!("calls?since={}", u32::MAX), None)["last"].as_u64().expect("a number")
    }

    /// Calls made since a mark.
    pub(crate) fn calls(&self, since: u64) -> Vec<Call> {
        let answer = self.admin("GET", &format!("calls?since={since}"), None);
        serde_json::from_value(answer["calls"].clone()).expect("a journal")
    }

    /// Every call since the local cloud came up, whatever was restored since: the set-up and all tests.
    pub(crate) fn journal(&self) -> Vec<Value> {
        self.admin("GET", "calls?since=0", None)["calls"].as_array().expect("a journal").clone()
    }

    /// The outcome events that are waiting, oldest first; the queue is empty afterwards.
    pub(crate) async fn outcomes(&self) -> Vec<Value> {
        let mut events = vec![];
        loop {
            let answer = self
                .sqs()
                .receive_message()
                .queue_url(&self.reach.watch_queue)
                .max_number_of_messages(10)
                .send()
                .await
                .expect("receive outcomes");
            if answer.messages().is_empty() {
                return events;
            }
            for message in answer.messages() {
                events.push(serde_json::from_str(message.body().expect("a body")).expect("an event"));
                self.sqs()
                    .delete_message()
                    .queue_url(&self.reach.watch_queue)
                    .receipt_handle(message.receipt_handle().expect("a handle"))
                    .send()
                    .await
                    .expect("delete");
            }
        }
    }

    /// Invokes a function as an on-call does; answers its payload.
    pub(crate) async fn by_hand(&self, function: &str, payload: Value) -> Value {
        let answer = self
            .lambda()
            .invoke()
            .function_name(format!("{CONTROL_PLANE}-{function}"))
            .payload(Blob::new(payload.to_string()))
            .send()
            .await
            .expect("invoked");
        let payload = answer.payload().expect("a payload").as_ref();
        let text = String::from_utf8_lossy(payload).into_owned();
        assert!(answer.function_error().is_none(), "{function} failed: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Runs the sweep as its schedule does.
    pub(crate) async fn sweep(&self) {
        let event = json!({"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}});
        self.by_hand("sweep", event).await;
    }

    /// Asks every control to look at one topology, as the sweep asks it about each.
    pub(crate) async fn ask(&self, topology: &str) {
        let detail = json!({"account": ACCOUNT, "region": self.region(), "topology": topology, "why": "asked by hand"});
        let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
            .source("plumbline")
            .detail_type("Reconcile Requested")
            .detail(detail.to_string())
            .build();
        let answer = self.events().put_events().entries(entry).send().await.expect("put");
        assert_eq!(answer.failed_entry_count(), 0, "{answer:?}");
    }

    /// Mounts a layer in the sweep in which `hipaa` is refused and `privatelink` is gone, as an update of the stack does.
    pub(crate) async fn give_the_sweep_a_faulty_layer(&self) {
        let name = format!("{CONTROL_PLANE}-sweep");
        let lambda = self.lambda();
        let now = lambda.get_function_configuration().function_name(&name).send().await.expect("configured");
        let mut variables =
            now.environment().and_then(|environment| environment.variables()).expect("variables").clone();
        variables.insert("PLUMBLINE_LAYER".into(), self.reach.faulty_layer.clone());
        let environment = aws_sdk_lambda::types::Environment::builder().set_variables(Some(variables)).build();
        let update = lambda.update_function_configuration().function_name(&name).environment(environment);
        update.layers(&self.reach.faulty_layer).send().await.expect("updated");
    }

    /// A fresh VPC that no topology declares.
    pub(crate) async fn undeclared_vpc(&self) -> String {
        let made = self.ec2(Caller::Root).create_vpc().cidr_block("10.99.0.0/16").send().await.expect("created");
        made.vpc().and_then(|vpc| vpc.vpc_id()).expect("an id").to_owned()
    }

    /// Where AWS's own doors are.
    pub(crate) fn endpoint(&self) -> &str {
        &self.reach.endpoint
    }

    /// The Region that everything is in.
    pub(crate) fn region(&self) -> &str {
        &self.reach.region
    }

    /// Makes delayed messages due and waits for quiet until at least `count` messages are in a dead-letter queue.
    pub(crate) async fn until_dead_letters(&self, output: &str, count: usize) {
        let queue = self.output(output).to_owned();
        let started = Instant::now();
        loop {
            self.admin("POST", "due", Some(json!({"in_flight": true})));
            self.idle();
            let name = aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessages;
            let asked = self.sqs().get_queue_attributes().queue_url(&queue).attribute_names(name.clone());
            let answer = asked.send().await.expect("attributes");
            let there: usize = answer.attributes().and_then(|all| all[&name].parse().ok()).expect("a count");
            if there >= count {
                assert!(count > 0 || there == 0, "{there} messages in {output}");
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{there} of {count} messages in {output}");
        }
    }

    /// Waits for an outcome event that satisfies the predicate; answers its detail.
    pub(crate) async fn outcome(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        let mut seen = vec![];
        loop {
            for event in self.outcomes().await {
                if wanted(&event) {
                    return event["detail"].clone();
                }
                seen.push(event);
            }
            assert!(started.elapsed() < PATIENCE, "no outcome that {what}; seen: {seen:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn folder() -> PathBuf {
    std::env::var_os("PLUMBLINE_STAGES")
        .expect("PLUMBLINE_STAGES is not set: these tests need local clouds; run them by scripts/test")
        .into()
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whether an outcome event reports a verified fix of the group.
pub(crate) fn fixed(event: &Value, group: &str) -> bool {
    event["detail-type"] == json!("Reconciled")
        && event["detail"]["overall"] == json!("applied")
        && acted_on(event, group)
}

/// Whether an outcome event reports an action on the group.
pub(crate) fn acted_on(event: &Value, group: &str) -> bool {
    event["detail"]["actions"]
        .as_array()
        .is_some_and(|actions| actions.iter().any(|action| action["resource"]["id"] == json!(group)))
}

/// One rule in words, without its id.
pub(crate) fn word(rule: &SecurityGroupRule) -> String {
    let peer = rule
        .cidr_ipv4()
        .or(rule.cidr_ipv6())
        .or(rule.prefix_list_id())
        .or(rule.referenced_group_info().and_then(|group| group.group_id()))
        .unwrap_or("nobody");
    format!(
        "{} {} {}-{} {peer} {:?}",
        if rule.is_egress() == Some(true) { "egress" } else { "ingress" },
        rule.ip_protocol().unwrap_or("?"),
        rule.from_port().unwrap_or(-1),
        rule.to_port().unwrap_or(-1),
        rule.description().filter(|text| !text.is_empty()),
    )
}

/// TCP on one port from a range.
pub(crate) fn tcp(port: i32, range: &str) -> IpPermission {
    let permission = IpPermission::builder().ip_protocol("tcp").from_port(port).to_port(port);
    match range.contains(':') {
        true => permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(range).build()),
        false => permission.ip_ranges(IpRange::builder().cidr_ip(range).build()),
    }
    .build()
}
