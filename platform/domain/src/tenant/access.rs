//! Who may do what: one table of roles and actions, and for which clients.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{AccountKind, Scope};
use crate::id::{AccountId, ClientId, TenantId};
use crate::installation::Target;

/// What a person is within an MSP, a publisher or the platform's staff. Which roles there are depends on the kind of account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything that this kind of account may do. A publisher's account has no other role.
    Owner,
    /// Of an MSP: works on the devices of all clients, or of some.
    Technician,
    /// Of an MSP: sees what a technician sees, and changes nothing.
    Viewer,
    /// Of an MSP's customer: sees what concerns the own devices, and nothing of how the MSP works.
    Client,
    /// Of the platform's staff: decides about releases, and nothing else.
    Reviewer,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] = [Role::Owner, Role::Technician, Role::Viewer, Role::Client, Role::Reviewer];

    /// Returns the word that databases and wires use.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Technician => "technician",
            Role::Viewer => "viewer",
            Role::Client => "client",
            Role::Reviewer => "reviewer",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Returns the roles that accounts of a kind can have.
    pub fn of(kind: AccountKind) -> &'static [Role] {
        match kind {
            AccountKind::Publisher => &[Role::Owner],
            AccountKind::Msp => &[Role::Owner, Role::Technician, Role::Viewer, Role::Client],
            AccountKind::Operator => &[Role::Owner, Role::Reviewer],
        }
    }
}

/// What somebody who is signed in may want. What concerns the own account alone (who am I, sign out, a new password) is nobody
/// else's business and needs no row here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Clients, locations, devices and what the monitors find on them: findings, alerts, tickets.
    SeeDevices,
    /// How the MSP works: installations, zero certificates, connections, categories and rules.
    SeeSetup,
    /// Releases, and which devices they fit.
    SeeReleases,
    /// What releases cost and how they fare over all who run them, without names.
    SeeUsage,
    /// Devices, their locations and the zero certificates that let them in.
    ManageDevices,
    /// Installs accessories, changes and removes them.
    Install,
    /// Runs scripts on devices.
    RunScripts,
    /// Acknowledges alerts, makes and changes tickets.
    WorkTickets,
    /// Adds and renames clients.
    ManageClients,
    /// Connections to ticketing systems, categories and rules.
    ManageTicketing,
    /// What accessories may do at most, on the MSP's devices, a client's or one of them.
    LimitPermissions,
    /// The MSP's people and what each of them may do.
    ManagePeople,
    /// The audit log of the own tenant, publisher or platform.
    SeeAudit,
    /// Uploads releases and withdraws them.
    Publish,
    /// Approves releases and rejects them.
    Review,
    /// Makes accounts of publishers, MSPs and staff.
    ManageAccounts,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 16] = [
        Action::SeeDevices,
        Action::SeeSetup,
        Action::SeeReleases,
        Action::SeeUsage,
        Action::ManageDevices,
        Action::Install,
        Action::RunScripts,
        Action::WorkTickets,
        Action::ManageClients,
        Action::ManageTicketing,
        Action::LimitPermissions,
        Action::ManagePeople,
        Action::SeeAudit,
        Action::Publish,
        Action::Review,
        Action::ManageAccounts,
    ];

    /// Returns what is done, for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Action::SeeDevices => "see devices",
            Action::SeeSetup => "see how devices and tickets are set up",
            Action::SeeReleases => "see releases",
            Action::SeeUsage => "see what releases cost where they run",
            Action::ManageDevices => "manage devices",
            Action::Install => "install accessories",
            Action::RunScripts => "run scripts",
            Action::WorkTickets => "work on alerts and tickets",
            Action::ManageClients => "manage clients",
            Action::ManageTicketing => "manage ticketing",
            Action::LimitPermissions => "limit what accessories may do",
            Action::ManagePeople => "manage people",
            Action::SeeAudit => "see the audit log",
            Action::Publish => "publish",
            Action::Review => "review releases",
            Action::ManageAccounts => "manage accounts",
        }
    }
}

/// Returns whether an account of this kind and role may do this: the one table.
///
/// What does not stand here is not allowed, a role that the kind does not have included.
pub fn may(kind: AccountKind, role: Role, action: Action) -> bool {
    use AccountKind::{Msp, Operator, Publisher};
    use Role::{Client, Owner, Reviewer, Technician, Viewer};
    match action {
        Action::SeeDevices => matches!((kind, role), (Msp, Owner | Technician | Viewer | Client)),
        Action::SeeSetup => matches!((kind, role), (Msp, Owner | Technician | Viewer)),
        Action::SeeReleases => {
            matches!(
                (kind, role),
                (Msp, Owner | Technician | Viewer) | (Publisher, Owner) | (Operator, Owner | Reviewer)
            )
        }
        Action::SeeUsage => matches!((kind, role), (Publisher, Owner) | (Operator, Owner | Reviewer)),
        Action::ManageDevices | Action::Install | Action::RunScripts | Action::WorkTickets => {
            matches!((kind, role), (Msp, Owner | Technician))
        }
        Action::ManageClients | Action::ManageTicketing | Action::LimitPermissions | Action::ManagePeople => {
            matches!((kind, role), (Msp, Owner))
        }
        Action::SeeAudit => matches!((kind, role), (Msp | Publisher | Operator, Owner)),
        Action::Publish => matches!((kind, role), (Publisher, Owner)),
        Action::Review => matches!((kind, role), (Operator, Owner | Reviewer)),
        Action::ManageAccounts => matches!((kind, role), (Operator, Owner)),
    }
}

/// Returns the roles of a kind of account that may do this, as words.
pub fn roles_that_may(kind: AccountKind, action: Action) -> Vec<&'static str> {
    Role::of(kind).iter().filter(|role| may(kind, **role, action)).map(|role| role.as_str()).collect()
}

/// For which of an MSP's clients somebody is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clients {
    /// All of them, and those that come later.
    All,
    /// These alone; with none of them nothing is seen.
    Only(BTreeSet<ClientId>),
}

/// What somebody who is signed in for an MSP may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    pub tenant: TenantId,
    pub role: Role,
    pub clients: Clients,
}

impl Access {
    /// Returns whether the role may do this, for the clients that the person is there for.
    pub fn may(&self, action: Action) -> bool {
        may(AccountKind::Msp, self.role, action)
    }

    /// Returns whether this client's data may be seen.
    pub fn may_read_client(&self, client: &ClientId) -> bool {
        self.may(Action::SeeDevices) && self.covers(client)
    }

    /// Returns whether this may be done to what belongs to a client.
    pub fn may_change(&self, action: Action, client: &ClientId) -> bool {
        self.may(action) && self.covers(client)
    }

    /// Returns whether something may be installed on a target that the person sees, or removed from it. What reaches every
    /// client needs somebody who is there for every client.
    pub fn may_target(&self, target: &Target) -> bool {
        match target {
            Target::All | Target::Any(_) => self.clients == Clients::All,
            Target::Client(_) | Target::Location(_) | Target::Device(_) => true,
        }
    }

    /// Returns the scope in which this person's requests work: `account` is the person's own.
    pub fn scope(&self, account: &AccountId) -> Scope {
        match self.clients {
            Clients::All => Scope::Tenant(self.tenant.clone()),
            Clients::Only(_) => Scope::Part { tenant: self.tenant.clone(), account: account.clone() },
        }
    }

    fn covers(&self, client: &ClientId) -> bool {
        match &self.clients {
            Clients::All => true,
            Clients::Only(some) => some.contains(client),
        }
    }
}

/// Why a role and its clients do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRole {
    #[error("role {role:?} is none of {kind}: owner{others}")]
    OfAnotherKind { role: &'static str, kind: &'static str, others: &'static str },
    #[error("an owner is there for all clients: leave clients out")]
    OwnerOfSome,
    #[error("clients must name the clients that this person belongs to")]
    ClientOfAll,
}

/// Checks that a kind of account has a role, and that its clients go with it: an owner has all, a customer has named ones.
pub fn check_role(kind: AccountKind, role: Role, clients: &Clients) -> Result<(), BadRole> {
    if !Role::of(kind).contains(&role) {
        let others = match kind {
            AccountKind::Msp => ", technician, viewer, client",
            AccountKind::Operator => ", reviewer",
            AccountKind::Publisher => "",
        };
        return Err(BadRole::OfAnotherKind { role: role.as_str(), kind: kind.as_str(), others });
    }
    match (role, clients) {
        (Role::Owner | Role::Reviewer, Clients::Only(_)) => Err(BadRole::OwnerOfSome),
        (Role::Client, Clients::All) => Err(BadRole::ClientOfAll),
        (Role::Client | Role::Technician | Role::Viewer, Clients::Only(some)) if some.is_empty() => {
            Err(BadRole::ClientOfAll)
        }
        _ => Ok(()),
    }
}

/// Returns whether an owner is left among these people (those who can sign in) when one of them is one no more. Without an owner
/// nobody could ever change again who may do what.
pub fn keeps_an_owner<'a>(people: impl IntoIterator<Item = (&'a AccountId, Role)>, without: &AccountId) -> bool {
    people.into_iter().any(|(id, role)| role == Role::Owner && id != without)
}

#[cfg(test)]
mod tests;
