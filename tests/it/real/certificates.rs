//! A certificate of one's own: the same story on PostgreSQL.

use crate::stories::certificates::story;
use crate::stories::renewal;
use crate::support::databases::Database;

// proves R2, R1 (the use limit, who used it is listed)
#[tokio::test]
async fn every_agent_gets_a_certificate_of_its_own_on_postgresql() {
    story(Database::postgres()).await;
}

// proves R2 (renewal by the bound key)
#[tokio::test]
async fn an_expired_certificate_renews_by_its_own_key_alone_on_postgresql() {
    renewal::story(Database::postgres()).await;
}
