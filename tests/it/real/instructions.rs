//! The newer set replaces, everything else is up to date: the same story on PostgreSQL.

use crate::stories::instructions::story;
use crate::support::databases::Database;

// proves A3, A4, A2 (the instruction set with its time)
#[tokio::test]
async fn a_newer_set_replaces_and_everything_else_is_up_to_date_on_postgresql() {
    story(Database::postgres()).await;
}
