//! The list of accessories: the newest release of each, searched by text, kind and publisher.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use fitment_domain::manifest::Kind;
use fitment_domain::tenant::Action;
use fitment_store::Release;
use serde::Deserialize;

use crate::api::fit::Classes;
use crate::api::releases::{listing, permissions};
use crate::app::Shared;
use crate::limits::Limits;
use crate::pages::page;
use crate::pages::paging::Paging;
use crate::pages::view::{Frame, Page};
use crate::pages::words;
use crate::problem::Problem;

/// What is looked for.
#[derive(Deserialize)]
pub(in crate::pages) struct Search {
    #[serde(default)]
    q: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    publisher: String,
    #[serde(default)]
    page: usize,
}

/// One accessory as the list shows it.
struct Card {
    publisher: String,
    name: String,
    version: String,
    kind: String,
    initial: char,
    summary: String,
    permissions: Vec<String>,
    /// How many devices it fits, of how many; none where the question has no sense.
    fit: Option<(usize, usize)>,
}

#[derive(Template)]
#[template(path = "store.html")]
struct StorePage {
    frame: Frame,
    search: Search,
    kinds: BTreeSet<String>,
    publishers: BTreeSet<String>,
    cards: Vec<Card>,
    found: usize,
    paging: Paging,
    all: usize,
}

/// Shows the accessories that are found.
pub(in crate::pages) async fn show(
    State(app): State<Shared>,
    view: Page,
    Query(search): Query<Search>,
) -> Result<Html<String>, Problem> {
    let mut tx = app.store.read(view.caller.may(Action::SeeReleases)?).await?;
    let newest = tx.newest_releases().await?;
    let devices = if view.msp().is_some() { Some(tx.devices().await?) } else { None };
    let limits = if view.msp().is_some() { Limits::read(&mut tx).await? } else { Limits::default() };
    drop(tx);
    let classes = devices.as_deref().map(|devices| Classes::of(devices, &limits));
    let (mut found, all, text) = (Vec::new(), newest.len(), search.q.trim().to_lowercase());
    let kinds = newest.iter().map(|release| release.kind.clone()).collect();
    let publishers = newest.iter().map(|release| release.accessory.publisher.clone()).collect();
    for release in newest {
        let wanted = (search.kind.is_empty() || release.kind == search.kind)
            && (search.publisher.is_empty() || release.accessory.publisher == search.publisher);
        if wanted && (text.is_empty() || says(&app, &release, &text).await) {
            found.push(release);
        }
    }
    let query = [("q", search.q.as_str()), ("kind", &search.kind), ("publisher", &search.publisher)];
    let (count, paging) = (found.len(), Paging::new("/store", &query, search.page, found.len()));
    let mut cards = Vec::new();
    for release in paging.cut(found) {
        let on_devices = release.manifest.kind().is_ok_and(Kind::runs_on_devices);
        let fit = match &classes {
            Some(classes) if on_devices => Some(classes.fit(&app, &release)?),
            _ => None,
        };
        cards.push(card(&release, summary(&app, &release).await, fit));
    }
    page(&StorePage { frame: view.frame("Storefront"), search, kinds, publishers, cards, found: count, paging, all })
}

async fn summary(app: &Shared, release: &Release) -> String {
    listing(app, release).await.map(|listing| listing.summary).unwrap_or_default()
}

/// Tells whether a release's name or summary holds this text, which is in small letters.
async fn says(app: &Shared, release: &Release, text: &str) -> bool {
    let words = format!("{} {}", release.accessory, summary(app, release).await);
    words.to_lowercase().contains(text)
}

fn card(release: &Release, summary: String, fit: Option<(usize, usize)>) -> Card {
    Card {
        publisher: release.accessory.publisher.clone(),
        name: release.accessory.name.clone(),
        version: release.version.to_string(),
        kind: release.kind.clone(),
        initial: release.accessory.name.chars().next().unwrap_or('?').to_ascii_uppercase(),
        summary,
        permissions: permissions(release).into_iter().map(|permission| permission.sentence).collect(),
        fit,
    }
}
