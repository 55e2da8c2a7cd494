//! The flow logs of a VPC.

use crate::scenario::Subject;
use crate::stage::{Caller, Stage};
use aws_sdk_ec2::types::{Filter, FlowLog};
use topology::ControlId;

/// The declared flow logs of a VPC, one to CloudWatch Logs and one to S3: somebody deletes both.
pub(super) struct FlowLogs(String);

impl FlowLogs {
    async fn all(&self, stage: &Stage) -> Vec<FlowLog> {
        let by = Filter::builder().name("resource-id").values(&self.0).build();
        let found = stage.ec2(Caller::Root).describe_flow_logs().filter(by).send().await.expect("described");
        found.flow_logs().to_vec()
    }
}

impl Subject for FlowLogs {
    const CONTROL: ControlId = ControlId::FlowLogs;
    const TOPOLOGY: &'static str = "three-tier";
    const DEAD_LETTERS: &'static str = "FlowLogsDeadLettersUrl";
    const REPAIR: &'static [(&'static str, usize)] = &[("CreateFlowLogs", 2)];
    const WRITES: &'static [&'static str] = &["ec2 CreateFlowLogs"];

    async fn find(stage: &Stage) -> Self {
        Self(stage.vpc(Self::TOPOLOGY, "main").to_owned())
    }

    async fn state(&self, stage: &Stage) -> Vec<String> {
        let mut words: Vec<String> = self
            .all(stage)
            .await
            .iter()
            .map(|log| {
                format!(
                    "{:?} to {} every {:?} s as `{}`, {} and {}",
                    log.traffic_type(),
                    log.log_destination().or(log.log_group_name()).unwrap_or("nowhere"),
                    log.max_aggregation_interval(),
                    log.log_format().unwrap_or_default(),
                    log.flow_log_status().unwrap_or_default(),
                    log.deliver_logs_status().unwrap_or("not said"),
                )
            })
            .collect();
        words.sort();
        words
    }

    async fn damage(&self, stage: &Stage, caller: Caller) {
        let ids = self.all(stage).await.into_iter().filter_map(|log| log.flow_log_id).collect();
        let delete = stage.ec2(caller).delete_flow_logs().set_flow_log_ids(Some(ids));
        let answer = delete.send().await.expect("deleted");
        assert!(answer.unsuccessful().is_empty(), "{answer:?}");
    }
}
