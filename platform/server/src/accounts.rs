//! Accounts are made by whoever runs the server, on its own command line.

use fitment_domain::id::{AccountId, CategoryId, ClientId, LocationId, PublisherId, RuleId, TenantId};
use fitment_domain::mapping::{Category, DEFAULT_CATEGORIES, Rule};
use fitment_domain::tenant::{
    AccountKind, BadName, Client, Location, Role, Scope, check_display_name, check_email, check_identifier,
    check_password,
};
use fitment_domain::time::UnixMs;
use fitment_store::{Account, Store, StoreError};

use crate::auth::{HashError, hash_password};
use crate::clock::{self, NoRandomness};

/// Why an account cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error(transparent)]
    Name(#[from] BadName),
    #[error("an account with this e-mail or a publisher with this name exists already")]
    Exists,
    #[error(transparent)]
    Store(StoreError),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => AccountError::Exists,
            other => AccountError::Store(other),
        }
    }
}

/// Adds an account. An MSP gets its tenant with a first client, a first location and the default categories and rules.
pub async fn add(
    store: &Store,
    kind: AccountKind,
    name: &str,
    email: &str,
    password: &str,
    now: UnixMs,
) -> Result<AccountId, AccountError> {
    check_email(email)?;
    check_password(password)?;
    match kind {
        AccountKind::Publisher => check_identifier("name", name)?,
        AccountKind::Msp | AccountKind::Operator => check_display_name("name", name)?,
    }
    let account = Account {
        id: AccountId::from_random(clock::random()?),
        kind,
        role: Role::Owner,
        all_clients: true,
        // An address is the same however it is written.
        email: email.to_lowercase(),
        password_hash: hash_password(password, clock::random()?)?,
        tenant: if kind == AccountKind::Msp { Some(TenantId::from_random(clock::random()?)) } else { None },
        publisher: if kind == AccountKind::Publisher { Some(PublisherId::from_random(clock::random()?)) } else { None },
        created: now,
        disabled: None,
    };
    let mut tx = store.begin(Scope::Platform).await?;
    tx.insert_account(&account, name).await?;
    let details = serde_json::json!({ "kind": kind, "name": name });
    tx.append_audit("server command line", "account.add", account.id.as_str(), &details, now).await?;
    tx.commit().await?;
    if let Some(tenant) = &account.tenant {
        furnish(store, tenant, name).await?;
    }
    Ok(account.id)
}

async fn furnish(store: &Store, tenant: &TenantId, name: &str) -> Result<(), AccountError> {
    let mut tx = store.begin(Scope::Tenant(tenant.clone())).await?;
    let client = Client { id: ClientId::from_random(clock::random()?), name: name.to_owned() };
    tx.insert_client(&client).await?;
    let location =
        Location { id: LocationId::from_random(clock::random()?), client: client.id, name: "Main office".to_owned() };
    tx.insert_location(&location).await?;
    for default in DEFAULT_CATEGORIES {
        let category = Category {
            id: CategoryId::from_random(clock::random()?),
            name: default.name.to_owned(),
            description: default.description.to_owned(),
            board: default.board.to_owned(),
            priority: Some(default.priority.to_owned()),
        };
        tx.insert_category(&category).await?;
        for condition in default.conditions {
            let rule = Rule {
                id: RuleId::from_random(clock::random()?),
                position: 1_000,
                accessory: None,
                condition: Some((*condition).to_owned()),
                category: category.id.clone(),
            };
            tx.insert_rule(&rule).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}
