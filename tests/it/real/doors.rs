//! One flipped byte is refused: the same story on PostgreSQL.

use crate::stories::doors::story;
use crate::support::databases::Database;

// proves M9
#[tokio::test]
async fn one_flipped_byte_is_refused_at_upload_at_install_and_at_load_on_postgresql() {
    story(Database::postgres()).await;
}
