//! Who calls, and what that person may do. An extractor names a kind of account and gives nothing away; what a handler can
//! work with comes out of `may`, so that a route which asks for no action reaches no data.

use std::collections::BTreeSet;

use axum::extract::FromRequestParts;
use axum::http::{header, request::Parts};
use fitment_domain::id::{AccountId, ClientId, PublisherId, TokenId};
use fitment_domain::tenant::{Access, AccountKind, Action, Clients, Scope, may, roles_that_may};
use fitment_store::{Account, TokenRow, Tx};

use super::{is_secret, split_token};
use crate::app::Shared;
use crate::problem::Problem;

/// Anybody who is signed in.
#[derive(Clone)]
pub struct Caller {
    pub account: Account,
    pub token: TokenId,
    clients: BTreeSet<ClientId>,
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let missing =
            || Problem::unauthenticated("send a token: Authorization: Bearer fit_…; POST /api/v1/sessions makes one");
        let wrong = || Problem::unauthenticated("the token is wrong, expired or revoked: sign in again");
        let header = parts.headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
        let text = header.to_str().ok().and_then(|h| h.strip_prefix("Bearer ")).ok_or_else(missing)?;
        Self::of_token(app, text).await?.ok_or_else(wrong)
    }
}

impl Caller {
    /// Returns whose token this is; none if it is wrong, expired or revoked, or if its account is disabled.
    pub async fn of_token(app: &Shared, text: &str) -> Result<Option<Self>, Problem> {
        let Some((token, secret)) = split_token(text) else { return Ok(None) };
        let mut tx = app.store.read(Scope::Platform).await?;
        let Some(row) = tx.token(&token).await? else { return Ok(None) };
        if !is_secret(secret, &row.secret_hash) {
            return Ok(None);
        }
        Self::of_row(app, &mut tx, token, row).await
    }

    /// Looks again whether a caller is still let in, and as whom: for what goes on after its request was let in.
    pub async fn again(app: &Shared, token: &TokenId) -> Result<Option<Self>, Problem> {
        let mut tx = app.store.read(Scope::Platform).await?;
        let Some(row) = tx.token(token).await? else { return Ok(None) };
        Self::of_row(app, &mut tx, token.clone(), row).await
    }

    async fn of_row(app: &Shared, tx: &mut Tx, token: TokenId, row: TokenRow) -> Result<Option<Self>, Problem> {
        if row.revoked.is_some() || row.expires < app.now() || row.account.disabled.is_some() {
            return Ok(None);
        }
        let clients = if row.account.all_clients { BTreeSet::new() } else { tx.clients_of(&row.account.id).await? };
        Ok(Some(Self { account: row.account, token, clients }))
    }

    /// Returns the scope in which this caller's requests work, if the role may do this.
    pub fn may(&self, action: Action) -> Result<Scope, Problem> {
        allowed(&self.account, action)?;
        Ok(match (self.account.kind, &self.account.publisher, self.access()) {
            (AccountKind::Publisher, Some(publisher), _) => Scope::Publisher(publisher.clone()),
            (AccountKind::Msp, _, Some(access)) => access.scope(&self.account.id),
            // An account that belongs to nobody sees what a publisher without releases sees: nothing.
            (AccountKind::Publisher | AccountKind::Msp, ..) => Scope::Publisher(PublisherId::from_random([0; 16])),
            (AccountKind::Operator, ..) => Scope::Platform,
        })
    }

    /// Returns what an MSP's person may do there; none for accounts of another kind.
    pub fn access(&self) -> Option<Access> {
        let tenant = self.account.tenant.clone().filter(|_| self.account.kind == AccountKind::Msp)?;
        let clients = if self.account.all_clients { Clients::All } else { Clients::Only(self.clients.clone()) };
        Some(Access { tenant, role: self.account.role, clients })
    }

    /// Goes on as a publisher.
    pub fn publisher(self) -> Result<Publisher, Problem> {
        match self.account.publisher {
            Some(id) if may(self.account.kind, self.account.role, Action::Publish) => {
                Ok(Publisher { account: self.account.id, id })
            }
            _ => Err(wrong_kind(&self.account, AccountKind::Publisher)),
        }
    }

    /// Goes on as somebody of an MSP.
    pub fn msp(self) -> Result<Msp, Problem> {
        match self.access() {
            Some(access) => Ok(Msp { account: self.account, access }),
            None => Err(wrong_kind(&self.account, AccountKind::Msp)),
        }
    }

    /// Goes on as somebody of the platform's own staff.
    pub fn operator(self) -> Result<Operator, Problem> {
        match self.account.kind {
            AccountKind::Operator => Ok(Operator { account: self.account }),
            _ => Err(wrong_kind(&self.account, AccountKind::Operator)),
        }
    }
}

/// Refuses an account of another kind: the commonest slip of whoever has several.
fn wrong_kind(account: &Account, wanted: AccountKind) -> Problem {
    let whose = |kind| match kind {
        AccountKind::Publisher => "a publisher",
        AccountKind::Msp => "an MSP",
        AccountKind::Operator => "the marketplace's staff",
    };
    let (wanted, email, is) = (whose(wanted), &account.email, whose(account.kind));
    Problem::forbidden(format!(
        "this is for accounts of {wanted}, and {email} is one of {is}: sign in with another account"
    ))
}

/// Refuses what a role may not do, and says which roles may.
fn allowed(account: &Account, action: Action) -> Result<(), Problem> {
    if may(account.kind, account.role, action) {
        return Ok(());
    }
    let roles = roles_that_may(account.kind, action);
    let (what, role) = (action.sentence(), account.role.as_str());
    Err(Problem::forbidden(if roles.is_empty() {
        format!("accounts of kind {} cannot {what}", account.kind.as_str())
    } else {
        format!("to {what} needs the role {}; yours is {role}", roles.join(" or "))
    }))
}

/// A publisher's account.
#[derive(Clone)]
pub struct Publisher {
    pub account: AccountId,
    pub id: PublisherId,
}

impl FromRequestParts<Shared> for Publisher {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        Caller::from_request_parts(parts, app).await?.publisher()
    }
}

/// Somebody of an MSP. The first line of a handler says what for: `let msp = msp.may(Action::SeeDevices)?;`
#[derive(Clone)]
pub struct Msp {
    account: Account,
    access: Access,
}

/// Somebody of an MSP who may do what the route does.
#[derive(Clone)]
pub struct Permitted {
    pub account: AccountId,
    pub access: Access,
}

impl Msp {
    /// Refuses whoever may not do this.
    pub fn may(self, action: Action) -> Result<Permitted, Problem> {
        allowed(&self.account, action)?;
        Ok(Permitted { account: self.account.id, access: self.access })
    }
}

impl Msp {
    /// Goes on if this person decides what accessories may do.
    pub fn limits(self) -> Result<Self, Problem> {
        allowed(&self.account, Action::LimitPermissions)?;
        Ok(self)
    }
}

impl Permitted {
    /// Returns the scope of its requests: the tenant, or the part of it that hangs on this person's clients.
    pub fn scope(&self) -> Scope {
        self.access.scope(&self.account)
    }
}

impl FromRequestParts<Shared> for Msp {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        Caller::from_request_parts(parts, app).await?.msp()
    }
}

/// Somebody of the platform's own staff. The first line of a handler says what for.
#[derive(Clone)]
pub struct Operator {
    account: Account,
}

impl Operator {
    /// Refuses whoever may not do this; returns the account that does it.
    pub fn may(self, action: Action) -> Result<AccountId, Problem> {
        allowed(&self.account, action)?;
        Ok(self.account.id)
    }
}

impl FromRequestParts<Shared> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        Caller::from_request_parts(parts, app).await?.operator()
    }
}
