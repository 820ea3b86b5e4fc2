//! Every scenario of the store once more, on PostgreSQL; and the locks that only PostgreSQL has.

use fitment_domain::tenant::Scope;
use fitment_store::{ObjectsConfig, StoreError};
use sqlx::Connection as _;

use crate::store::fixture::{Msp, scalar};
use crate::support::databases::Database;

crate::store::scenarios!(Database::postgres());

const COUNT_DEVICES: &str = "select count(*) from devices";

async fn enter(connection: &mut sqlx::AnyConnection, scope: &str, tenant: &str) {
    let sql = "select set_config('fitment.scope', $1, false), set_config('fitment.tenant', $2, false)";
    sqlx::query(sql).bind(scope).bind(tenant).execute(connection).await.unwrap();
}

/// The second lock: even raw SQL, under the server's own role, sees and writes the tenant's rows alone.
#[tokio::test(flavor = "multi_thread")]
async fn row_level_security_shows_a_tenant_its_own_rows_alone() {
    let database = Database::postgres();
    let store = database.open().await;
    let (one, two) = (Msp::new(&store, "one").await, Msp::new(&store, "two").await);
    let mut raw = sqlx::AnyConnection::connect(&database.url).await.unwrap();

    let power = "select count(*) from pg_roles where rolname = current_user and (rolsuper or rolbypassrls)";
    assert_eq!(scalar(&mut raw, power).await, 0, "the role of the tests must be bound by row-level security");
    assert_eq!(scalar(&mut raw, COUNT_DEVICES).await, 0, "without a scope nothing is seen");
    enter(&mut raw, "tenant", "").await;
    assert_eq!(scalar(&mut raw, COUNT_DEVICES).await, 0, "an empty tenant is nobody");
    enter(&mut raw, "tenant", one.tenant.as_str()).await;
    assert_eq!(scalar(&mut raw, COUNT_DEVICES).await, 1);
    assert_eq!(scalar(&mut raw, "select count(*) from tenants").await, 1);
    enter(&mut raw, "platform", "platform").await;
    assert_eq!(scalar(&mut raw, COUNT_DEVICES).await, 2);

    enter(&mut raw, "tenant", one.tenant.as_str()).await;
    let foreign = "insert into clients (tenant_id, id, name) values ($1, 'x', 'x')";
    let refused = sqlx::query(foreign).bind(two.tenant.as_str()).execute(&mut raw).await.unwrap_err();
    assert!(refused.to_string().contains("row-level security"), "{refused}");
    let changed = sqlx::query("update devices set name = 'taken' where tenant_id = $1").bind(two.tenant.as_str());
    assert_eq!(changed.execute(&mut raw).await.unwrap().rows_affected(), 0);
    raw.close().await.unwrap();
}

/// A role that row-level security does not bind is noticed.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_row_level_security_does_not_bind_is_known() {
    let database = Database::postgres();
    assert!(database.open().await.row_level_security_binds().await.unwrap());
    let superuser = Database::at(database.url.replace("//fitment@", "//postgres@"));
    assert!(!superuser.open().await.row_level_security_binds().await.unwrap());
    assert!(
        Database::sqlite().open().await.row_level_security_binds().await.unwrap(),
        "there is nothing to switch off"
    );
}

/// A table that somebody adds and forgets to lock turns this red.
#[tokio::test(flavor = "multi_thread")]
async fn every_table_of_tenants_and_owners_is_locked() {
    let database = Database::postgres();
    let store = database.open().await;
    let mut raw = sqlx::AnyConnection::connect(&database.url).await.unwrap();
    let tables = "from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname in ('tenant_id', 'owner') \
                  where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace";
    let all = scalar(&mut raw, &format!("select count(*) {tables}")).await;
    let open =
        scalar(&mut raw, &format!("select count(*) {tables} and not (c.relrowsecurity and c.relforcerowsecurity)"))
            .await;
    assert!(all >= 20, "{all} tables");
    assert_eq!(open, 0);
    raw.close().await.unwrap();
    store.read(Scope::Platform).await.unwrap();
}

/// Work waits and goes on: the caller is told that the same call may succeed later.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_said_to_be_unavailable() {
    let database = Database::sqlite();
    let nobody = "postgres://fitment@127.0.0.1:1/test";
    let away = fitment_store::Store::open(nobody, ObjectsConfig::Folder(database.objects())).await.unwrap_err();
    assert!(matches!(away, StoreError::Unavailable(_)), "{away:?}");
}
