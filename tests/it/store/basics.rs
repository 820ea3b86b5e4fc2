//! Opening, pinging, objects, accounts, and values that do not read back.

use fitment_domain::bytes::Digest;
use fitment_domain::id::{ReleaseId, TokenId};
use fitment_domain::tenant::{AccountKind, Scope};
use fitment_store::StoreError;
use sqlx::Connection as _;

use super::fixture::{Msp, NOW, account, fresh, scalar};
use crate::support::databases::Database;

pub(crate) async fn it_works_and_opens_again(database: &Database) {
    let store = database.open().await;
    store.ping().await.unwrap();
    store.ping().await.unwrap();
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    assert_eq!(tx.epoch().await.unwrap(), 1);
    assert_eq!(tx.bump_epoch().await.unwrap(), 2);
    tx.commit().await.unwrap();
    store.close().await;

    let again = database.open().await;
    let mut tx = again.read(Scope::Platform).await.unwrap();
    assert_eq!(tx.epoch().await.unwrap(), 2, "what was committed is there after a restart");
}

pub(crate) async fn a_database_of_another_version_is_left_as_it_is(database: &Database) {
    let as_it_is = async || {
        fitment_store::Store::open_as_it_is(&database.url, fitment_store::ObjectsConfig::Folder(database.objects()))
            .await
    };
    assert!(as_it_is().await.is_err(), "nothing was ever there");
    let store = database.open().await;
    as_it_is().await.unwrap().ping().await.unwrap();
    let mut raw = sqlx::AnyConnection::connect(&database.url).await.unwrap();
    let newest = scalar(&mut raw, "select max(version) from _sqlx_migrations").await;
    for change in [
        "update _sqlx_migrations set version = version + 1 where version = (select max(version) from _sqlx_migrations)",
        "delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)",
    ] {
        sqlx::query(change).execute(&mut raw).await.unwrap();
        let found = scalar(&mut raw, "select max(version) from _sqlx_migrations").await;
        assert_ne!(found, newest);
        assert_eq!(as_it_is().await.unwrap_err(), StoreError::Version { found, own: newest });
        assert_eq!(scalar(&mut raw, "select max(version) from _sqlx_migrations").await, found, "nothing was migrated");
    }
    raw.close().await.unwrap();
    drop(store);
}

pub(crate) async fn a_broken_value_names_its_place(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    tx.put_platform_value("epoch", "soon").await.unwrap();
    let broken = tx.epoch().await.unwrap_err();
    assert_eq!(broken, StoreError::Corrupt { table: "platform_values", column: "value", row: "epoch/soon".to_owned() });
    drop(tx);

    let mut raw = sqlx::AnyConnection::connect(&database.url).await.unwrap();
    if database.url.starts_with("postgres") {
        sqlx::query("select set_config('fitment.scope', 'platform', false)").execute(&mut raw).await.unwrap();
    }
    sqlx::query("update devices set facts = '{'").execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    let broken = store.read(msp.scope()).await.unwrap().device(&msp.device).await.unwrap_err();
    assert_eq!(broken, StoreError::Corrupt { table: "devices", column: "facts", row: msp.device.to_string() });
}

pub(crate) async fn dropping_takes_back(database: &Database) {
    let store = database.open().await;
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    tx.put_platform_value("key", "value").await.unwrap();
    drop(tx);
    assert_eq!(store.read(Scope::Platform).await.unwrap().platform_value("key").await.unwrap(), None);
}

pub(crate) async fn objects_are_found_by_digest(database: &Database) {
    let store = database.open().await;
    let (bytes, digest) = (b"a component", Digest::of(b"a component"));
    assert_eq!(store.objects().get(&digest).await.unwrap(), None);
    store.objects().put(&digest, bytes).await.unwrap();
    store.objects().put(&digest, bytes).await.unwrap();
    assert_eq!(store.objects().get(&digest).await.unwrap().as_deref(), Some(&bytes[..]));
    let path = database.objects().join("sha256").join(&digest.as_str()[..2]).join(&digest.as_str()[2..]);
    assert!(path.is_file(), "{}", path.display());
    assert!(matches!(store.objects().put(&digest, b"something else").await, Err(StoreError::Object(_))));

    let release = ReleaseId::from_random(fresh());
    assert_eq!(store.objects().get_statement(&release).await.unwrap(), None);
    store.objects().put_statement(&release, b"{}").await.unwrap();
    assert_eq!(store.objects().get_statement(&release).await.unwrap().as_deref(), Some(&b"{}"[..]));
}

pub(crate) async fn an_account_signs_in(database: &Database) {
    let store = database.open().await;
    let (msp, token) = (account(AccountKind::Msp, "a@msp.example"), TokenId::from_random(fresh()));
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    tx.insert_account(&msp, "One").await.unwrap();
    tx.insert_token(&token, &msp.id, "hash", "cli", NOW, NOW.plus_ms(10)).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = store.begin(Scope::Platform).await.unwrap();
    assert_eq!(tx.account_by_email("a@msp.example").await.unwrap(), Some(msp.clone()));
    assert_eq!(tx.account(&msp.id).await.unwrap(), Some(msp.clone()));
    assert_eq!(tx.tenants().await.unwrap(), [msp.tenant.clone().unwrap()]);
    tx.revoke_token(&token, NOW).await.unwrap();
    let row = tx.token(&token).await.unwrap().unwrap();
    assert_eq!((row.secret_hash.as_str(), &row.account, row.revoked), ("hash", &msp, Some(NOW)));
    let twin = tx.insert_account(&account(AccountKind::Operator, "a@msp.example"), "").await;
    assert_eq!(twin, Err(StoreError::Conflict { constraint: "accounts_email_key".to_owned() }));
}
