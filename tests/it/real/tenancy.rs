//! What is another tenant's is not there: the same story on PostgreSQL.

use crate::stories::tenancy::story;
use crate::support::databases::Database;

// proves T1 (no tenant learns that another exists)
#[tokio::test]
async fn what_is_another_tenants_is_not_there_on_postgresql() {
    story(Database::postgres()).await;
}
