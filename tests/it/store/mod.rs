//! The store: each scenario is written once, and runs on SQLite here and on PostgreSQL in `real::store`.

pub(crate) mod fixture;
mod schema;

pub(crate) mod artifacts;
pub(crate) mod audit;
pub(crate) mod basics;
pub(crate) mod ceilings;
pub(crate) mod costs;
pub(crate) mod enrolment;
pub(crate) mod isolation;
pub(crate) mod jobs;
pub(crate) mod lists;
pub(crate) mod releases;
pub(crate) mod requests;
pub(crate) mod results;
pub(crate) mod series;
pub(crate) mod sync;
pub(crate) mod tickets;

/// Makes one test of each scenario, on the database that the expression makes.
macro_rules! scenarios {
    ($database:expr) => {
        $crate::store::scenarios!(@each $database;
            basics: it_works_and_opens_again, a_database_of_another_version_is_left_as_it_is, a_broken_value_names_its_place, dropping_takes_back, objects_are_found_by_digest,
                an_account_signs_in;
            isolation: another_tenants_ids_find_nothing, the_wrong_scope_is_refused, a_part_of_a_tenant_is_narrowed_or_refused,
                a_reader_does_not_write;
            enrolment: twenty_enrolments_on_five_uses_give_five, the_same_key_is_the_same_device, revocation_is_seen;
            releases: a_version_is_given_once, who_sees_which_release, only_a_newer_set_replaces_a_set;
            artifacts: what_is_known_of_compiled_code_reads_back_and_an_msp_takes_none_unless_it_said_so;
            ceilings: of_one_place_those_that_hold_there_are_read, a_plan_that_went_meanwhile_is_said_to_be_gone;
            costs: what_a_release_costs_is_counted_without_names, what_several_saw_of_a_release_is_counted_once_each;
            requests: a_request_reads_back_and_is_its_tenants_and_its_devices_alone;
            results: a_result_counts_once, a_result_is_known_again_until_its_number_is_forgotten, a_finding_is_the_latest_one;
            series: samples_come_back_whenever_and_however_often_they_come, numbers_are_rolled_up_and_go, series_are_bounded_and_what_is_not_kept_is_counted, nobody_sees_anothers_series;
            tickets: numbers_are_given_once, what_may_have_been_delivered_is_looked_for, an_alert_has_one_open_ticket, everything_reads_back, no_change_is_lost;
            lists: what_is_open_is_not_hidden_by_what_came_after, what_is_bad_comes_first,
                an_accessory_is_not_hidden_by_the_uploads_of_another;
            jobs: the_same_work_waits_once, work_asked_for_while_it_runs_runs_again, a_lease_runs_out, a_worker_that_lost_its_lease_touches_nothing, what_was_asked_for_meanwhile_is_not_put_off, work_that_is_asked_for_behind_comes_after_what_waits_in_its_lane;
            sync: what_is_agreed_reads_back, a_ticket_is_found_by_every_id_that_it_had, a_note_from_there_is_kept_once,
                of_a_lane_one_piece_of_work_runs_at_a_time;
            audit: the_chain_holds_and_shows_an_edit, pages_lead_from_the_newest_entry_to_the_first, a_tail_that_was_cut_off_shows
        );
    };
    (@each $database:expr; $($module:ident: $($name:ident),+);+) => {$(
        mod $module {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    $crate::store::$module::$name(&$database).await;
                }
            )+
        }
    )+};
}
pub(crate) use scenarios;

mod sqlite {
    use fitment_domain::tenant::Scope;
    use fitment_store::StoreError;
    use sqlx::{Connection as _, Executor as _};

    use crate::support::databases::Database;

    crate::store::scenarios!(Database::sqlite());

    /// Work waits and goes on: the caller is told that the same call may succeed later.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_that_another_program_holds_is_said_to_be_unavailable() {
        let database = Database::sqlite();
        let store = database.open().await;
        let mut other = sqlx::AnyConnection::connect(&database.url).await.unwrap();
        other.execute("begin immediate").await.unwrap();
        let held = store.begin(Scope::Platform).await.unwrap_err();
        assert!(matches!(held, StoreError::Unavailable(_)), "{held:?}");
        other.execute("rollback").await.unwrap();
        store.ping().await.unwrap();
    }
}
