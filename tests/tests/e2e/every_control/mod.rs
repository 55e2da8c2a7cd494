//! Every control through every scenario of `scenario.rs`: a row here is all that a control adds.

mod endpoint;
mod flow_log;
mod gateway;
mod group;
mod service;
mod table;
pub(crate) mod tenant;

use crate::scenario::{self, Subject};
use endpoint::Endpoints;
use flow_log::FlowLogs;
use gateway::Gateway;
use group::Group;
use service::Service;
use table::Tables;
use tenant::Tenants;
use topology::ControlId;

/// A test a scenario, for each subject.
macro_rules! every {
    ($($module:ident: $subject:ty,)+) => {$(
        mod $module {
            use super::*;

            #[tokio::test]
            async fn what_a_person_broke_is_mended_once_and_the_person_named() {
                scenario::what_a_person_broke_is_mended_once_and_the_person_named::<$subject>().await;
            }

            #[tokio::test]
            async fn events_that_come_twice_and_in_disorder_make_one_repair() {
                scenario::events_that_come_twice_and_in_disorder_make_one_repair::<$subject>().await;
            }

            #[tokio::test]
            async fn a_lost_event_is_made_good_by_the_sweep_which_says_so() {
                scenario::a_lost_event_is_made_good_by_the_sweep_which_says_so::<$subject>().await;
            }

            #[tokio::test]
            async fn a_pause_and_an_exemption_hold_until_they_are_taken_back() {
                scenario::a_pause_and_an_exemption_hold_until_they_are_taken_back::<$subject>().await;
            }

            #[tokio::test]
            async fn aws_config_is_told_what_is_broken_until_it_is_mended() {
                scenario::aws_config_is_told_what_is_broken_until_it_is_mended::<$subject>().await;
            }

            #[tokio::test]
            async fn the_plan_function_tells_and_changes_nothing() {
                scenario::the_plan_function_tells_and_changes_nothing::<$subject>().await;
            }

            #[tokio::test]
            async fn observe_reports_and_changes_nothing() {
                scenario::observe_reports_and_changes_nothing::<$subject>().await;
            }

            #[tokio::test]
            async fn throttled_writes_are_made_good() {
                scenario::a_write_that_goes_wrong_once_is_made_good::<$subject>("throttle").await;
            }

            #[tokio::test]
            async fn writes_that_the_service_cannot_take_are_made_good() {
                scenario::a_write_that_goes_wrong_once_is_made_good::<$subject>("unavailable").await;
            }

            #[tokio::test]
            async fn writes_whose_connection_breaks_are_made_good() {
                scenario::a_write_that_goes_wrong_once_is_made_good::<$subject>("reset").await;
            }

            #[tokio::test]
            async fn writes_whose_answer_is_lost_are_not_made_twice() {
                scenario::a_write_that_goes_wrong_once_is_made_good::<$subject>("lost").await;
            }

            #[tokio::test]
            async fn writes_that_take_longer_than_anybody_waits_are_not_made_twice() {
                scenario::a_write_that_goes_wrong_once_is_made_good::<$subject>("slow").await;
            }

            #[tokio::test]
            async fn with_one_call_in_five_failing_everything_converges() {
                scenario::with_one_call_in_five_failing_everything_converges::<$subject>().await;
            }
        }
    )+

        /// A control without a row would be a control without these tests.
        #[test]
        fn every_control_has_its_row() {
            let rows = [$(<$subject as Subject>::CONTROL),+];
            let missing: Vec<_> = ControlId::ALL.iter().filter(|control| !rows.contains(control)).collect();
            assert!(missing.is_empty(), "no row for {missing:?}");
        }
    };
}

every! {
    security_groups: Group,
    flow_logs: FlowLogs,
    nat: Gateway,
    privatelink: Service,
    routes: Tables,
    exposure: Tenants,
    endpoints: Endpoints,
}
