//! The parts of EC2 and CloudWatch Logs that flow logs live on, in memory: identity, tokens, and both planes of failure.
//!
//! Passes [`crate::contract::flow_logs`], as the local cloud does. Sources: CreateFlowLogs, DeleteFlowLogs and FlowLog in the EC2 API
//! reference, its page of error codes, CreateLogGroup and PutRetentionPolicy in that of CloudWatch Logs.

use crate::ec2::{Refusal, Vpc};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use topology::flow_logs::{Delivery, Destination, ObservedLog, Spec};
use topology::{Place, ResourceId, VpcId};

/// What CloudWatch Logs takes for `retentionInDays`.
const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// One account and Region. A value: clone it to keep a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cloud {
    place: Place,
    serial: u64,
    /// The time that new things bear.
    pub now: Timestamp,
    /// VPCs by id.
    pub vpcs: BTreeMap<VpcId, Vpc>,
    /// Flow logs by id.
    pub logs: BTreeMap<ResourceId, Log>,
    /// Log groups by name.
    pub groups: BTreeMap<String, LogGroup>,
    /// Buckets by ARN; whether their policy lets records in.
    pub buckets: BTreeMap<String, bool>,
    /// Roles that VPC flow logs may assume, by ARN; whether their policy lets them write.
    pub roles: BTreeMap<String, bool>,
    /// Flow logs that stay FAILED whatever is put right: on AWS some have to be made again.
    pub stuck: BTreeSet<ResourceId>,
    /// How many flow logs a VPC may have.
    pub quota: usize,
    tokens: BTreeMap<String, (VpcId, Spec, ResourceId)>,
}

/// A flow log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The VPC that it records.
    pub vpc: VpcId,
    /// What it is.
    pub spec: Spec,
    /// What became of its records.
    pub delivery: Delivery,
    /// When it was made.
    pub created: Timestamp,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A log group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogGroup {
    /// `retentionInDays`; `None` keeps records for ever.
    pub retention_days: Option<u32>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// What `CreateFlowLogs` answers with a 200.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Created {
    /// `FlowLogIds`.
    pub ids: Vec<ResourceId>,
    /// `Unsuccessful`: what was refused all the same.
    pub unsuccessful: Vec<Refusal>,
}

fn refusal(code: &str, message: impl Into<String>) -> Refusal {
    Refusal { code: code.into(), message: message.into() }
}

impl Cloud {
    /// An empty account and Region at a fixed night.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            serial: 0,
            now: Timestamp::constant(1_795_400_000, 0),
            vpcs: BTreeMap::new(),
            logs: BTreeMap::new(),
            groups: BTreeMap::new(),
            buckets: BTreeMap::new(),
            roles: BTreeMap::new(),
            stuck: BTreeSet::new(),
            quota: usize::MAX,
            tokens: BTreeMap::new(),
        }
    }

    /// Where this is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    fn id(&mut self, prefix: &str) -> String {
        self.serial += 1;
        format!("{prefix}-{:017x}", self.serial)
    }

    /// `CreateVpc`.
    ///
    /// # Errors
    /// `InvalidParameterValue` for what is no IPv4 range.
    pub fn create_vpc(&mut self, cidr: &str) -> Result<VpcId, Refusal> {
        let cidr = cidr.parse().map_err(|_| refusal("InvalidParameterValue", format!("{cidr} is not a CIDR")))?;
        let id = VpcId::new(self.id("vpc"));
        self.vpcs.insert(id.clone(), Vpc { cidr, tags: BTreeMap::new() });
        Ok(id)
    }

    /// `CreateFlowLogs` on one VPC. The same token with the same wish answers the same id.
    ///
    /// # Errors
    /// `InvalidVpcID.NotFound`, `InvalidParameter` (a role that cannot be assumed), `FlowLogAlreadyExists`, `FlowLogsLimitExceeded`,
    /// `IdempotentParameterMismatch`. A missing bucket is in `Unsuccessful`.
    pub fn create_flow_log(
        &mut self,
        vpc: &VpcId,
        spec: &Spec,
        tags: &BTreeMap<String, String>,
        token: Option<&str>,
    ) -> Result<Created, Refusal> {
        if let Some((known_vpc, known, id)) = token.and_then(|token| self.tokens.get(token)) {
            return if (known_vpc, known) == (vpc, spec) {
                Ok(Created { ids: vec![id.clone()], unsuccessful: vec![] })
            } else {
                Err(refusal("IdempotentParameterMismatch", "the token was used for another request"))
            };
        }
        if !self.vpcs.contains_key(vpc) {
            return Err(refusal("InvalidVpcID.NotFound", format!("The vpc ID '{vpc}' does not exist")));
        }
        match &spec.destination {
            Destination::CloudWatch { log_group: _, role } => {
                if !role.as_ref().is_some_and(|role| self.roles.contains_key(role)) {
                    return Err(refusal("InvalidParameter", "Unable to assume given IAM role"));
                }
            }
            Destination::S3 { arn, options: _ } => {
                if let Some(unsuccessful) = self.undeliverable(arn) {
                    return Ok(Created { ids: vec![], unsuccessful: vec![unsuccessful] });
                }
            }
            Destination::Other { .. } => {}
        }
        let mut beside = self.logs.values().filter(|log| log.vpc == *vpc);
        if beside.clone().any(|log| log.spec == *spec) {
            let message = "Error. There is an existing Flow Log with the same configuration and log destination.";
            return Err(refusal("FlowLogAlreadyExists", message));
        }
        if beside.by_ref().count() >= self.quota {
            return Err(refusal("FlowLogsLimitExceeded", "You've reached the limit on the number of flow logs"));
        }
        let id = ResourceId::new(self.id("fl"));
        let log = Log {
            vpc: vpc.clone(),
            spec: spec.clone(),
            delivery: Delivery::Success,
            created: self.now,
            tags: tags.clone(),
        };
        self.logs.insert(id.clone(), log);
        if let Some(token) = token {
            self.tokens.insert(token.to_owned(), (vpc.clone(), spec.clone(), id.clone()));
        }
        Ok(Created { ids: vec![id], unsuccessful: vec![] })
    }

    fn undeliverable(&self, arn: &str) -> Option<Refusal> {
        let bucket = arn.split('/').next().unwrap_or(arn);
        match self.buckets.get(bucket) {
            Some(true) => None,
            Some(false) => Some(refusal(
                "400",
                format!("Access Denied for LogDestination: {bucket}. Please check LogDestination permission"),
            )),
            None => Some(refusal("400", format!("LogDestination: {bucket} does not exist."))),
        }
    }

    /// `DeleteFlowLogs` of one.
    ///
    /// # Errors
    /// `InvalidFlowLogId.NotFound`.
    pub fn delete_flow_log(&mut self, id: &ResourceId) -> Result<(), Refusal> {
        match self.logs.remove(id) {
            Some(_) => Ok(()),
            None => Err(refusal("InvalidFlowLogId.NotFound", format!("These flow log ids are not found: {id}"))),
        }
    }

    /// `DescribeFlowLogs` of one VPC.
    pub fn logs_of(&self, vpc: &VpcId) -> Vec<ObservedLog> {
        let logs = self.logs.iter().filter(|(_, log)| log.vpc == *vpc);
        let observed = |(id, log): (&ResourceId, &Log)| {
            let Log { vpc: _, spec, delivery, created, tags } = log.clone();
            ObservedLog { id: id.clone(), spec, active: true, delivery, created: Some(created), tags }
        };
        logs.map(observed).collect()
    }

    /// What AWS does every few minutes: records go out, or they do not, and `DeliverLogsStatus` says so.
    pub fn deliver(&mut self) {
        let arrives: BTreeMap<ResourceId, Delivery> =
            self.logs.iter().map(|(id, log)| (id.clone(), self.delivery(id, &log.spec))).collect();
        for (id, delivery) in arrives {
            if let Some(log) = self.logs.get_mut(&id) {
                log.delivery = delivery;
            }
        }
    }

    fn delivery(&self, id: &ResourceId, spec: &Spec) -> Delivery {
        let problem = match &spec.destination {
            _ if self.stuck.contains(id) => Some("Access error".to_owned()),
            Destination::CloudWatch { log_group, role } => {
                let role = role.as_ref().and_then(|role| self.roles.get(role)).copied().unwrap_or_default();
                (!role || !self.groups.contains_key(log_group)).then(|| "Access error".to_owned())
            }
            Destination::S3 { arn, options: _ } => self.undeliverable(arn).map(|refusal| refusal.message),
            Destination::Other { .. } => None,
        };
        problem.map_or(Delivery::Success, |why| Delivery::Failed { why: Some(why) })
    }

    /// `CreateLogGroup`.
    ///
    /// # Errors
    /// `ResourceAlreadyExistsException`.
    pub fn create_group(&mut self, name: &str, tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
        if self.groups.contains_key(name) {
            return Err(refusal("ResourceAlreadyExistsException", "The specified log group already exists"));
        }
        self.groups.insert(name.to_owned(), LogGroup { retention_days: None, tags: tags.clone() });
        Ok(())
    }

    /// `DeleteLogGroup`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn delete_group(&mut self, name: &str) -> Result<(), Refusal> {
        self.groups.remove(name).map(|_| ()).ok_or_else(no_group)
    }

    /// `PutRetentionPolicy`, or `DeleteRetentionPolicy` for `None`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`; `InvalidParameterException` for days that CloudWatch Logs does not know.
    pub fn retain(&mut self, name: &str, days: Option<u32>) -> Result<(), Refusal> {
        let group = self.groups.get_mut(name).ok_or_else(no_group)?;
        if days.is_some_and(|days| !RETENTION_DAYS.contains(&days)) {
            return Err(refusal("InvalidParameterException", "retentionInDays is not one of the known values"));
        }
        group.retention_days = days;
        Ok(())
    }
}

fn no_group() -> Refusal {
    refusal("ResourceNotFoundException", "The specified log group does not exist.")
}
