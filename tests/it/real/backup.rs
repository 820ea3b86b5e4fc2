//! The drill on PostgreSQL, and from one kind of database to the other.

use crate::stories::backup::drill;
use crate::support::databases::Database;

#[tokio::test]
async fn after_a_restore_agents_go_on_and_nothing_damaged_is_restored_on_postgresql() {
    drill(Database::postgres(), Database::postgres()).await;
}

#[tokio::test]
async fn a_backup_of_one_kind_of_database_is_restored_into_the_other() {
    drill(Database::sqlite(), Database::postgres()).await;
}
