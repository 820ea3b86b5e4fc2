//! Accounts of publishers, MSPs and staff: made by whoever runs the server on its own command line, or by staff through the API.

use fitment_domain::id::{AccountId, CategoryId, ClientId, LocationId, PublisherId, RuleId, TenantId};
use fitment_domain::mapping::{Category, DEFAULT_CATEGORIES, Rule};
use fitment_domain::tenant::{
    AccountKind, BadName, BadRole, Client, Clients, Location, Role, Scope, check_display_name, check_email,
    check_identifier, check_password, check_role,
};
use fitment_domain::time::UnixMs;
use fitment_store::{Account, Store, StoreError};

use crate::auth::{HashError, Publisher};
use crate::clock::{self, NoRandomness};

/// Why an account cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error(transparent)]
    Name(#[from] BadName),
    #[error("an account with this e-mail or a publisher with this name exists already")]
    Exists,
    #[error(transparent)]
    Role(#[from] BadRole),
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

/// An account to be.
pub struct NewAccount<'a> {
    pub kind: AccountKind,
    pub role: Role,
    /// A publisher's namespace or an MSP's name.
    pub name: &'a str,
    pub email: &'a str,
}

/// Checks what was asked for, before anything costs time.
pub fn check(new: &NewAccount<'_>, password: &str) -> Result<(), AccountError> {
    check_email(new.email)?;
    check_password(password)?;
    check_role(new.kind, new.role, &Clients::All)?;
    match new.kind {
        AccountKind::Publisher => check_identifier("name", new.name)?,
        AccountKind::Msp | AccountKind::Operator => check_display_name("name", new.name)?,
    }
    Ok(())
}

/// Adds an account that was checked. An MSP gets its tenant with a first client, a first location and the default categories
/// and rules.
pub async fn add(
    store: &Store,
    new: &NewAccount<'_>,
    password_hash: String,
    actor: &str,
    now: UnixMs,
) -> Result<Account, AccountError> {
    insert(store, new, password_hash, actor, None, now).await
}

/// Makes a publisher's test tenant: an MSP's account and tenant, known as this publisher's from the same transaction on.
pub async fn add_test_tenant(
    store: &Store,
    publisher: &Publisher,
    new: &NewAccount<'_>,
    password_hash: String,
    now: UnixMs,
) -> Result<Account, AccountError> {
    insert(store, new, password_hash, publisher.account.as_str(), Some(&publisher.id), now).await
}

async fn insert(
    store: &Store,
    new: &NewAccount<'_>,
    password_hash: String,
    actor: &str,
    test_of: Option<&PublisherId>,
    now: UnixMs,
) -> Result<Account, AccountError> {
    let kind = new.kind;
    let account = Account {
        id: AccountId::from_random(clock::random()?),
        kind,
        role: new.role,
        all_clients: true,
        // An address is the same however it is written.
        email: new.email.to_lowercase(),
        password_hash,
        tenant: if kind == AccountKind::Msp { Some(TenantId::from_random(clock::random()?)) } else { None },
        publisher: if kind == AccountKind::Publisher { Some(PublisherId::from_random(clock::random()?)) } else { None },
        created: now,
        disabled: None,
    };
    let mut tx = store.begin(Scope::Platform).await?;
    tx.insert_account(&account, new.name).await?;
    if let Some(publisher) = test_of
        && !tx.set_test_tenant(publisher, &account).await?
    {
        return Err(AccountError::Exists);
    }
    let details = serde_json::json!({ "kind": kind, "name": new.name, "role": new.role, "test_of": test_of });
    tx.append_audit(actor, "account.add", account.id.as_str(), &details, now).await?;
    tx.commit().await?;
    if let Some(tenant) = &account.tenant {
        furnish(store, tenant, new.name).await?;
    }
    Ok(account)
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
