//! What every control owes, once: each scenario is written for any [`Subject`](subject::Subject) and runs for all of them.

mod brakes;
mod compliance;
mod events;
mod faults;
mod modes;
mod runs;
mod stage;
mod standing;
mod subject;
mod subjects;
mod through;

/// Every scenario for one control.
macro_rules! scenarios {
    ($($module:ident: $($scenario:ident)*;)*) => {
        macro_rules! every {
            ($subject:ident) => { $($(
                #[test]
                fn $scenario() {
                    super::$module::$scenario::<super::subjects::$subject>();
                }
            )*)* };
        }
    };
}

scenarios! {
    compliance: what_is_broken_is_non_compliant_until_mended
        nothing_is_claimed_of_what_could_not_be_seen;
    events: what_is_broken_is_mended_and_its_breaker_named
        the_same_event_twice_is_one_repair
        events_in_disorder_converge_on_what_is_there
        a_lost_event_is_made_good_by_the_sweep_which_says_so
        a_storm_is_one_reconcile
        a_forged_event_changes_nothing
        our_own_calls_lead_to_nothing
        garbage_holds_up_nothing;
    faults: every_call_throttled_once_is_made_good
        every_answer_lost_once_is_made_good
        one_call_in_five_fails_and_nothing_is_lost_or_doubled
        what_is_denied_is_told_once_and_not_repeated
        what_fails_keeps_nothing_else_from_being_mended
        what_aws_does_not_show_yet_is_not_done_twice
        a_ledger_that_cannot_record_lets_nothing_happen;
    runs: a_crash_between_any_two_calls_leaves_nothing_behind
        another_run_at_any_moment_doubles_nothing
        a_run_that_meets_a_lease_waits_for_it;
    modes: observe_reports_and_changes_nothing
        a_plan_by_hand_changes_nothing_and_says_what_enforcing_does
        a_person_may_enforce_what_the_document_only_observes
        an_older_layer_only_plans
        what_the_document_leaves_out_is_unmanaged;
    brakes: a_pause_holds_everything_and_ends
        an_exemption_holds_and_ends
        a_stack_in_progress_holds_all_but_exposures
        limits_hold_all_but_exposures
        what_is_changed_back_again_and_again_is_left_and_told;
}

mod exposure {
    every!(Exposure);
}

mod endpoints {
    every!(Endpoints);
}

mod flow_logs {
    every!(FlowLogs);
}

mod nat {
    every!(Nat);
}

mod privatelink {
    every!(PrivateLink);
}

mod routes {
    every!(Routes);
}

mod security_groups {
    every!(SecurityGroups);
}
