//! Numbers over time: the same story on PostgreSQL.

use crate::stories::series::story;
use crate::support::databases::Database;

#[tokio::test]
async fn numbers_of_an_outage_come_late_twice_and_are_kept_once_on_postgresql() {
    story(Database::postgres()).await;
}
