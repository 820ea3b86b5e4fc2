//! What all pages have in common: who looks, where in the console, and how times and numbers are written.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use fitment_domain::tenant::{AccountKind, Action};
use fitment_domain::time::UnixMs;
use serde::Deserialize;

use super::paging::Paging;
use super::words::Moment;
use super::{assets, guard};
use crate::app::Shared;
use crate::auth::{Caller, Msp, Publisher};
use crate::problem::Problem;

/// Who looks at a page, and what its frame needs.
pub(super) struct Page {
    pub(super) caller: Caller,
    csrf: String,
    path: String,
    done: Option<&'static str>,
    now: UnixMs,
}

/// What a list of things that are open or over is narrowed to: the open ones, unless something else is asked.
#[derive(Deserialize)]
pub(super) struct OpenOnes {
    #[serde(default = "open")]
    pub(super) state: String,
    #[serde(default)]
    pub(super) q: String,
    #[serde(default)]
    pub(super) page: usize,
    /// Of which part of the list.
    #[serde(default)]
    pub(super) after: String,
}

fn open() -> String {
    "open".to_owned()
}

impl OpenOnes {
    /// Returns the page that is asked for, of so many that were found in this part of a list that goes on at `next`.
    pub(super) fn paging(&self, path: &str, found: usize, next: Option<&str>) -> Paging {
        Paging::of_part(path, &[("q", &self.q), ("state", &self.state)], &self.after, self.page, found, next)
    }

    /// Returns the question whether one of the list is wanted, by its state and its words.
    pub(super) fn wants(&self) -> impl Fn(&str, &dyn Fn() -> String) -> bool {
        let text = self.q.trim().to_lowercase();
        move |state, words| {
            (self.state.is_empty() || state == self.state)
                && (text.is_empty() || words().to_lowercase().contains(&text))
        }
    }
}

/// One entry of the navigation.
pub(super) struct NavItem {
    pub(super) href: &'static str,
    pub(super) label: &'static str,
    pub(super) current: bool,
}

/// The frame of a page.
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) email: String,
    pub(super) style: &'static str,
    pub(super) csrf: String,
    pub(super) nav: Vec<NavItem>,
    /// What the one who looks may do: pages offer nothing else.
    pub(super) sees_store: bool,
    pub(super) sees_setup: bool,
    pub(super) installs: bool,
    pub(super) runs_scripts: bool,
    pub(super) works_tickets: bool,
    /// Seconds after which the page loads itself anew.
    pub(super) reload_s: Option<u32>,
    /// What was just done.
    pub(super) done: Option<&'static str>,
    now: UnixMs,
}

impl FromRequestParts<Shared> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let token = guard::token(&parts.headers).unwrap_or_default();
        let caller = Caller::from_request_parts(parts, app).await?;
        let done = parts.uri.query().and_then(|query| {
            form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "done").and_then(|(_, word)| told(&word))
        });
        Ok(Self { caller, csrf: guard::csrf_of(&token), path: parts.uri.path().to_owned(), done, now: app.now() })
    }
}

impl Page {
    /// Returns the kind of account that looks.
    pub(super) fn kind(&self) -> AccountKind {
        self.caller.account.kind
    }

    /// Tells whether the one who looks may do this.
    pub(super) fn may(&self, action: Action) -> bool {
        self.caller.may(action).is_ok()
    }

    /// Returns the MSP's account that looks, if it is one.
    pub(super) fn msp(&self) -> Option<Msp> {
        self.caller.clone().msp().ok()
    }

    /// Returns the publisher's account that looks, if it is one.
    pub(super) fn publisher(&self) -> Option<Publisher> {
        self.caller.clone().publisher().ok()
    }

    /// Makes the frame of a page with this title.
    pub(super) fn frame(&self, title: impl Into<String>) -> Frame {
        let current = |href: &str| if href == "/" { self.path == "/" } else { self.path.starts_with(href) };
        let own =
            ENTRIES.iter().filter(|(kind, _, _, action)| *kind == self.kind() && action.is_none_or(|a| self.may(a)));
        Frame {
            title: title.into(),
            email: self.caller.account.email.clone(),
            style: assets::style_path(),
            csrf: self.csrf.clone(),
            nav: own.map(|&(_, href, label, _)| NavItem { href, label, current: current(href) }).collect(),
            sees_store: self.may(Action::SeeReleases),
            sees_setup: self.may(Action::SeeSetup),
            installs: self.may(Action::Install),
            runs_scripts: self.may(Action::RunScripts),
            works_tickets: self.may(Action::WorkTickets),
            reload_s: None,
            done: self.done,
            now: self.now,
        }
    }
}

impl Frame {
    /// Writes a time as people say it, with the exact one beside it.
    pub(super) fn when(&self, ms: &i64) -> Moment {
        Moment { at: UnixMs(*ms), now: self.now }
    }
}

/// The navigation: whose, where to, and what one must be allowed to do.
const ENTRIES: &[(AccountKind, &str, &str, Option<Action>)] = &[
    (AccountKind::Msp, "/", "Home", None),
    (AccountKind::Msp, "/store", "Storefront", Some(Action::SeeReleases)),
    (AccountKind::Msp, "/installations", "Installations", Some(Action::SeeSetup)),
    (AccountKind::Msp, "/requests", "Scripts", Some(Action::SeeSetup)),
    (AccountKind::Msp, "/devices", "Devices", Some(Action::SeeDevices)),
    (AccountKind::Msp, "/alerts", "Alerts", Some(Action::SeeDevices)),
    (AccountKind::Msp, "/tickets", "Tickets", Some(Action::SeeDevices)),
    (AccountKind::Msp, "/ceilings", "Ceilings", Some(Action::LimitPermissions)),
    (AccountKind::Msp, "/people", "People", Some(Action::ManagePeople)),
    (AccountKind::Msp, "/audit", "Audit log", Some(Action::SeeAudit)),
    (AccountKind::Publisher, "/", "Home", None),
    (AccountKind::Publisher, "/releases", "Releases", Some(Action::Publish)),
    (AccountKind::Publisher, "/audit", "Audit log", Some(Action::SeeAudit)),
    (AccountKind::Operator, "/", "Home", None),
    (AccountKind::Operator, "/review", "Review", Some(Action::Review)),
    (AccountKind::Operator, "/store", "Storefront", Some(Action::SeeReleases)),
    (AccountKind::Operator, "/audit", "Audit log", Some(Action::SeeAudit)),
];

/// Says what was done, by the word that the redirect after a form carries. A word that is not here says nothing.
fn told(word: &str) -> Option<&'static str> {
    match word {
        "installed" => Some("Installed. Devices that it fits run it as soon as they ask."),
        "added" => Some("Added: the person can sign in now, and should choose an own password."),
        "changed" => Some("Changed, from the next request on."),
        "disabled" => Some("Disabled: every session of that person is over."),
        "limited" => Some("Changed. Devices do so as soon as they ask."),
        "asked" => Some("Asked: each device runs it at most once, as soon as it is there."),
        "asked-some" => {
            Some("Asked where it can run. Devices outside its scope, or that it does not fit, were left out.")
        }
        "cancelled" => Some("Taken back where it had not started."),
        "reconfigured" => Some("Changed. Devices run it so as soon as they ask."),
        "rejected" => Some("Rejected: its publisher reads why."),
        "deprecated" => Some("Deprecated: whoever installs it is warned."),
        "undeprecated" => Some("The deprecation is taken back."),
        "yanked" => Some("Yanked: nobody installs it anew; where it runs it goes on."),
        "unyanked" => Some("The yank is taken back: it can be installed again."),
        "password" => Some("Your password is changed."),
        "closed" => Some("Closed, and its ticket with it. If the condition is still there, it opens again."),
        "removed" => Some("Removed. Devices stop running it as soon as they ask."),
        "approved" => Some("Approved: MSPs see the release now."),
        _ => None,
    }
}
