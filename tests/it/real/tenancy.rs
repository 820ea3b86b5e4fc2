//! What is another's is not there, and who may what: the same stories on PostgreSQL.

use crate::stories::tenancy::story;
use crate::stories::{clients, people};
use crate::support::databases::Database;

// proves T1 (no tenant learns that another exists)
#[tokio::test]
async fn what_is_another_tenants_is_not_there_on_postgresql() {
    story(Database::postgres()).await;
}

// proves T1 (clients sign in too, no client is aware of another, no MSP is aware of another)
#[tokio::test]
async fn whoever_signs_in_for_one_client_meets_nothing_of_another_on_postgresql() {
    clients::story(Database::postgres()).await;
}

// proves M1
#[tokio::test]
async fn staff_makes_publishers_and_msps_whose_devices_hang_on_their_accounts_on_postgresql() {
    people::accounts(Database::postgres()).await;
}

// proves T1 (people of an MSP with roles)
#[tokio::test]
async fn an_owner_adds_changes_and_disables_people_and_an_owner_stays_on_postgresql() {
    people::people(Database::postgres()).await;
}
