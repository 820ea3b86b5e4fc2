//! An MSP's people: who they are, what each may do, and for which clients.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fitment_domain::id::{AccountId, ClientId};
use fitment_domain::tenant::{
    AccountKind, Action, Clients, Role, check_email, check_password, check_role, keeps_an_owner,
};
use fitment_store::{Account, StoreError, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::app::Shared;
use crate::auth::Msp;
use crate::clock;
use crate::problem::{Body, Problem};

/// For which clients.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(untagged)]
pub enum ClientsBody {
    Word(AllClients),
    Only(Vec<String>),
}

/// The word for all of them.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AllClients {
    All,
}

impl Default for ClientsBody {
    fn default() -> Self {
        ClientsBody::Word(AllClients::All)
    }
}

/// A person to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    pub email: String,
    /// The first password, 12 to 256 characters; its owner changes it by `PUT /api/v1/me/password`.
    pub password: String,
    /// `owner`, `technician`, `viewer`, or `client` for somebody of a customer.
    pub role: String,
    /// `"all"` (default) or a list of clients' ids. An owner has all, a `client` has named ones.
    #[schema(value_type = Option<Value>)]
    #[serde(default)]
    pub clients: ClientsBody,
}

/// What a person is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedPerson {
    /// `owner`, `technician`, `viewer` or `client`.
    pub role: String,
    /// `"all"` (default) or a list of clients' ids.
    #[schema(value_type = Option<Value>)]
    #[serde(default)]
    pub clients: ClientsBody,
}

/// A person of an MSP.
#[derive(Serialize, ToSchema)]
pub struct PersonView {
    pub id: String,
    pub email: String,
    /// `owner`, `technician`, `viewer` or `client`.
    pub role: &'static str,
    /// `"all"` or a list of clients' ids.
    #[schema(value_type = Value)]
    pub clients: ClientsBody,
    pub created_ms: i64,
    /// Since when this person cannot sign in any more.
    pub disabled_ms: Option<i64>,
}

/// The tenant's people.
#[derive(Serialize, ToSchema)]
pub struct PersonList {
    pub people: Vec<PersonView>,
}

fn view(person: Account, clients: BTreeSet<ClientId>) -> PersonView {
    PersonView {
        id: person.id.to_string(),
        email: person.email,
        role: person.role.as_str(),
        clients: shown(person.all_clients, &clients),
        created_ms: person.created.0,
        disabled_ms: person.disabled.map(|at| at.0),
    }
}

/// Returns for which clients somebody is there, as the API writes it.
pub(super) fn shown(all: bool, clients: &BTreeSet<ClientId>) -> ClientsBody {
    match all {
        true => ClientsBody::default(),
        false => ClientsBody::Only(clients.iter().map(ToString::to_string).collect()),
    }
}

fn role(word: &str) -> Result<Role, Problem> {
    let unknown = || Problem::invalid("role must be owner, technician, viewer or client");
    Role::parse(word).filter(|role| Role::of(AccountKind::Msp).contains(role)).ok_or_else(unknown)
}

/// Reads for which clients somebody is to be there; each must be one of this tenant.
async fn clients(tx: &mut Tx, role: Role, body: &ClientsBody) -> Result<Clients, Problem> {
    let clients = match body {
        ClientsBody::Word(AllClients::All) => Clients::All,
        ClientsBody::Only(ids) => {
            let mut some = BTreeSet::new();
            for id in ids {
                let not_found = || Problem::not_found("client");
                let id = ClientId::parse(id).map_err(|_| not_found())?;
                some.insert(tx.client(&id).await?.ok_or_else(not_found)?.id);
            }
            Clients::Only(some)
        }
    };
    check_role(AccountKind::Msp, role, &clients).map_err(Problem::invalid)?;
    Ok(clients)
}

fn split(clients: Clients) -> (bool, BTreeSet<ClientId>) {
    match clients {
        Clients::All => (true, BTreeSet::new()),
        Clients::Only(some) => (false, some),
    }
}

/// Refuses what would leave the tenant without anybody who may manage it.
async fn keep_an_owner(tx: &mut Tx, without: &AccountId) -> Result<(), Problem> {
    let people = tx.people().await?;
    let active = people.iter().filter(|p| p.disabled.is_none()).map(|p| (&p.id, p.role));
    if keeps_an_owner(active, without) {
        return Ok(());
    }
    Err(Problem::conflict("last-owner", "this is the last owner: make somebody else an owner first"))
}

/// Lists the people by e-mail, also those who were disabled.
#[utoipa::path(get, path = "/api/v1/people", tag = "people", responses((status = 200, body = PersonList)))]
pub async fn list(State(app): State<Shared>, msp: Msp) -> Result<Json<PersonList>, Problem> {
    let msp = msp.may(Action::ManagePeople)?;
    let mut tx = app.store.read(msp.scope()).await?;
    let mut clients: BTreeMap<AccountId, BTreeSet<ClientId>> = BTreeMap::new();
    for (person, client) in tx.clients_of_people().await? {
        clients.entry(person).or_default().insert(client);
    }
    let people = tx.people().await?.into_iter().map(|person| {
        let own = clients.remove(&person.id).unwrap_or_default();
        view(person, own)
    });
    Ok(Json(PersonList { people: people.collect() }))
}

/// Adds a person, who signs in with this e-mail and this first password.
#[utoipa::path(post, path = "/api/v1/people", tag = "people", request_body = NewPerson, responses(
    (status = 201, body = PersonView), (status = 404, description = "no such client"),
    (status = 409, description = "exists: the address cannot be used"), (status = 422, description = "invalid")))]
pub async fn add(
    State(app): State<Shared>,
    msp: Msp,
    Body(new): Body<NewPerson>,
) -> Result<(StatusCode, Json<PersonView>), Problem> {
    let msp = msp.may(Action::ManagePeople)?;
    check_email(&new.email).map_err(Problem::invalid)?;
    check_password(&new.password).map_err(Problem::invalid)?;
    let role = role(&new.role)?;
    // Before the transaction: nobody else writes for this tenant while it is open.
    let password_hash = app.password_checks.hash(new.password).await?;
    let mut tx = app.store.begin(msp.scope()).await?;
    let (all_clients, clients) = split(clients(&mut tx, role, &new.clients).await?);
    let person = Account {
        id: AccountId::from_random(clock::random()?),
        kind: AccountKind::Msp,
        role,
        all_clients,
        email: new.email.to_lowercase(),
        password_hash,
        tenant: Some(msp.access.tenant.clone()),
        publisher: None,
        created: app.now(),
        disabled: None,
    };
    // The same words whoever has the address: nobody learns whether another MSP does.
    tx.insert_person(&person).await.map_err(|error| match error {
        StoreError::Conflict { .. } => {
            Problem::conflict("exists", "this e-mail address cannot be used for a new person; who was disabled comes in again by a new password (fitment people reset)")
        }
        other => other.into(),
    })?;
    tx.set_clients_of(&person.id, &clients).await?;
    let details = json!({ "email": person.email, "role": role, "clients": shown(all_clients, &clients) });
    tx.append_audit(msp.account.as_str(), "person.add", person.id.as_str(), &details, app.now()).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(view(person, clients))))
}

/// Changes what a person may do, from the next request on.
#[utoipa::path(put, path = "/api/v1/people/{id}", tag = "people", request_body = ChangedPerson, responses(
    (status = 200, body = PersonView), (status = 404, description = "no such person or client"),
    (status = 409, description = "last-owner, or disabled"), (status = 422, description = "invalid")))]
pub async fn change(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
    Body(changed): Body<ChangedPerson>,
) -> Result<Json<PersonView>, Problem> {
    let msp = msp.may(Action::ManagePeople)?;
    let not_found = || Problem::not_found("person");
    let id = AccountId::parse(&id).map_err(|_| not_found())?;
    let role = role(&changed.role)?;
    let mut tx = app.store.begin(msp.scope()).await?;
    let person = tx.person(&id).await?.ok_or_else(not_found)?;
    if person.disabled.is_some() {
        return Err(Problem::conflict(
            "disabled",
            "this person is disabled: a new password lets somebody in again (fitment people reset)",
        ));
    }
    let (all_clients, clients) = split(clients(&mut tx, role, &changed.clients).await?);
    if role != Role::Owner {
        keep_an_owner(&mut tx, &id).await?;
    }
    tx.set_role(&id, role, all_clients).await?;
    tx.set_clients_of(&id, &clients).await?;
    let details = json!({ "role": role, "clients": shown(all_clients, &clients), "before": person.role });
    tx.append_audit(msp.account.as_str(), "person.change", id.as_str(), &details, app.now()).await?;
    tx.commit().await?;
    Ok(Json(view(Account { role, all_clients, ..person }, clients)))
}

/// Disables a person: every token ends at once, and nobody signs in with that address any more. The history stays.
#[utoipa::path(delete, path = "/api/v1/people/{id}", tag = "people", responses(
    (status = 204), (status = 404), (status = 409, description = "last-owner")))]
pub async fn disable(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let msp = msp.may(Action::ManagePeople)?;
    let not_found = || Problem::not_found("person");
    let id = AccountId::parse(&id).map_err(|_| not_found())?;
    let mut tx = app.store.begin(msp.scope()).await?;
    if !tx.disable_person(&id, app.now()).await? {
        return Err(not_found());
    }
    keep_an_owner(&mut tx, &id).await?;
    tx.append_audit(msp.account.as_str(), "person.disable", id.as_str(), &Value::Null, app.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A password that somebody else chose, to be changed at the first sign-in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstPassword {
    /// 12 to 256 characters; its owner changes it by `PUT /api/v1/me/password`.
    pub password: String,
}

/// Lets a person in again: with a new password, also who was disabled. Every sign-in that there was ends.
#[utoipa::path(put, path = "/api/v1/people/{id}/password", tag = "people", request_body = FirstPassword, responses(
    (status = 204), (status = 404), (status = 422, description = "invalid")))]
pub async fn let_in_again(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
    Body(first): Body<FirstPassword>,
) -> Result<StatusCode, Problem> {
    let msp = msp.may(Action::ManagePeople)?;
    let not_found = || Problem::not_found("person");
    let id = AccountId::parse(&id).map_err(|_| not_found())?;
    check_password(&first.password).map_err(Problem::invalid)?;
    let password_hash = app.password_checks.hash(first.password).await?;
    let mut tx = app.store.begin(msp.scope()).await?;
    if !tx.let_in_again(&id, &password_hash, app.now()).await? {
        return Err(not_found());
    }
    tx.append_audit(msp.account.as_str(), "person.let-in-again", id.as_str(), &Value::Null, app.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
