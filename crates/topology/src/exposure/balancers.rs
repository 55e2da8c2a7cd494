//! Load balancers. Their scheme is fixed when they are made
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html>).

use super::planner::Builder;
use super::{Balancer, DesiredVpc, ObservedVpc};
use crate::core::{ResourceId, Severity, VpcName};

pub(super) fn plan(
    builder: &mut Builder<'_>,
    vpc: &VpcName,
    declared: &DesiredVpc,
    seen: &ObservedVpc,
    balancers: &[&Balancer],
) {
    let here = |balancer: &&&Balancer| balancer.vpc.as_ref() == Some(&seen.id);
    for balancer in balancers.iter().filter(here).filter(|balancer| balancer.internet_facing) {
        let Balancer { arn, name: own, kind, internet_facing: _, vpc: _, subnets } = balancer;
        let home = builder.home(subnets).filter(|home| home.declared.never_public);
        let summary = match home {
            Some(home) => format!("the load balancer faces the internet from tier {}", home.tier),
            None if declared.internal.contains(own) => {
                "the load balancer faces the internet, and an endpoint service is declared behind which it is internal"
                    .into()
            }
            None => continue,
        };
        let (id, name) = (balancer.id(), format!("{vpc}/{own}"));
        builder.drift(&id, &name, Severity::Exposure, summary);
        let subnets = subnets.iter().map(ResourceId::as_str).collect::<Vec<_>>().join(" ");
        let remedy = format!(
            "make an internal one: aws elbv2 create-load-balancer --type {kind} --scheme internal --name <another name> --subnets {subnets}; \
             give it the listeners (aws elbv2 describe-listeners --load-balancer-arn {arn}), move names and endpoint services to it, then: \
             aws elbv2 delete-load-balancer --load-balancer-arn {arn}. Until then its groups say who reaches it"
        );
        builder.hold(&id, &name, "the scheme of a load balancer is fixed when it is made", remedy);
    }
}
