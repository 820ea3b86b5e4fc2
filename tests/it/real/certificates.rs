//! A certificate of one's own: the same story on PostgreSQL.

use crate::stories::certificates::story;
use crate::support::databases::Database;

// proves R2
#[tokio::test]
async fn every_agent_gets_a_certificate_of_its_own_on_postgresql() {
    story(Database::postgres()).await;
}
