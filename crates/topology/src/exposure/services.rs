//! Services of ECS.

use super::planner::Builder;
use super::{Change, Controller, Service, TaskNetwork};
use crate::core::Severity;

pub(super) fn plan(builder: &mut Builder<'_>, services: &[&Service]) {
    for service in services {
        let Service { cluster, name: own, subnets, groups, public, controller, leaving: _, failed_private, stack } =
            service;
        let Some(home) = builder.home(subnets).filter(|home| home.declared.never_public && *public) else { continue };
        let (id, name) = (service.id(), format!("{}/{cluster}/{own}", home.vpc));
        let summary = format!("the service gives its tasks public addresses in tier {}", home.tier);
        builder.drift(&id, &name, Severity::Exposure, summary);
        match controller {
            Controller::Ecs => {
                let change = Change::Service {
                    service: builder.place.key(id),
                    name,
                    cluster: cluster.clone(),
                    service_name: own.clone(),
                    network: TaskNetwork { subnets: subnets.clone(), groups: groups.clone() },
                    public: false,
                };
                let mut caveat =
                    "ECS starts a deployment: tasks that run keep their public addresses until they are replaced"
                        .to_owned();
                // Told, and closed all the same: whoever can make a deployment fail must not keep the service open by it.
                if *failed_private {
                    let tier = home.tier;
                    caveat += &format!(
                        "; one without public addresses failed before: give tier {tier} a NAT gateway, or endpoints for what its tasks \
                         need (ecr.api, ecr.dkr, s3, logs), and look at aws ecs describe-services --cluster {cluster} --services {own}"
                    );
                }
                builder.push(change, stack.clone(), caveat);
            }
            Controller::CodeDeploy => {
                let remedy = format!(
                    "deploy {cluster}/{own} through CodeDeploy with an AppSpec whose NetworkConfiguration says AssignPublicIp: DISABLED \
                     (aws deploy create-deployment …)"
                );
                builder.hold(
                    &id,
                    &name,
                    "CodeDeploy replaces its tasks, and ECS takes no other network from anybody else",
                    remedy,
                );
            }
            Controller::External => {
                let remedy = format!(
                    "make a task set without public addresses (aws ecs create-task-set --cluster {cluster} --service {own} \
                     --network-configuration 'awsvpcConfiguration={{…,assignPublicIp=DISABLED}}' …), make it the primary one and delete \
                     the old one"
                );
                builder.hold(
                    &id,
                    &name,
                    "an external controller replaces its tasks, and their network is that of a task set",
                    remedy,
                );
            }
        }
    }
}
