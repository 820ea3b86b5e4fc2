//! Releases, and the reports of uploads that were refused.

use std::collections::{BTreeMap, BTreeSet};

use fitment_domain::bytes::Digest;
use fitment_domain::id::{PublisherId, ReleaseId};
use fitment_domain::manifest::{AccessoryName, Manifest};
use fitment_domain::matching::state_mismatch;
use fitment_domain::release::{Notice, Publication};
use fitment_domain::signature::Envelope;
use fitment_domain::time::UnixMs;
use fitment_domain::validation::Report;
use semver::Version;
use sqlx::query;

use crate::listed::{After, Listed, from, part_of_list};
use crate::many::many;
use crate::row::{Row, to_json};
use crate::{Result, Tx};

/// Ids of one statement.
const IDS_MAX: usize = 500;

/// A release as the store keeps it; its files are objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    pub id: ReleaseId,
    pub publisher: PublisherId,
    pub accessory: AccessoryName,
    pub version: Version,
    pub kind: String,
    pub digest: Digest,
    pub listing_digest: Digest,
    pub state: Publication,
    pub manifest: Manifest,
    pub report: Report,
    pub uploaded: UnixMs,
    pub approved: Option<UnixMs>,
    /// Why it was deprecated, yanked or rejected.
    pub notice: Option<Notice>,
    /// Whether so many devices quarantined it that its publisher was told.
    pub quarantined: bool,
    /// What the platform signed for the tenant in scope; none in every other scope.
    pub development: Option<Envelope>,
}

impl Release {
    /// Returns whether the tenant in scope may use it before anybody approved it.
    pub fn is_tried(&self) -> bool {
        self.development.is_some()
    }

    /// Returns whether the tenant in scope may install it anew.
    pub fn is_installable(&self) -> bool {
        state_mismatch(self.state, self.is_tried()).is_none()
    }
}

macro_rules! columns {
    () => {
        "id, publisher, accessory, version, kind, digest, listing_digest, state, manifest, report, uploaded, approved"
    };
}

/// What is read: the columns, and what was signed for the tenant in scope alone.
macro_rules! selected {
    () => {
        selected!(" ")
    };
    ($more:literal) => {
        concat!(
            "select ",
            columns!(),
            ", reason, replacement, (select d.envelope from development_statements d \
               where d.tenant_id = $2 and d.release_id = releases.id) as development, \
               (select count(*) from release_signals s where s.release_id = releases.id and s.kind = 'told' \
                 and s.mark = 'quarantined') as quarantined",
            $more,
            "from releases "
        )
    };
}

/// Who sees what: the platform everything, a publisher its own, an MSP what is or was published, and in a publisher's test
/// tenant what the platform signed for it. `$1` scope, `$2` whose.
macro_rules! visible {
    () => {
        "($1 = 'platform' or ($1 = 'publisher' and publisher = $2) or ($1 = 'tenant' and \
          (state in ('published', 'deprecated', 'yanked') or exists (select 1 from development_statements d \
            where d.tenant_id = $2 and d.release_id = releases.id))))"
    };
}

fn release(row: &Row<'_>) -> Result<Release> {
    Ok(Release {
        id: row.parsed("id", ReleaseId::parse)?,
        publisher: row.parsed("publisher", PublisherId::parse)?,
        accessory: row.parsed("accessory", AccessoryName::parse)?,
        version: row.parsed("version", Version::parse)?,
        kind: row.text("kind")?,
        digest: row.parsed("digest", Digest::parse)?,
        listing_digest: row.parsed("listing_digest", Digest::parse)?,
        state: row.word("state", Publication::parse)?,
        manifest: row.json("manifest")?,
        report: row.json("report")?,
        uploaded: row.time("uploaded")?,
        approved: row.time_opt("approved")?,
        notice: row
            .text_opt("reason")?
            .map(|reason| Ok::<_, crate::StoreError>(Notice { reason, replacement: row.text_opt("replacement")? }))
            .transpose()?,
        quarantined: row.int("quarantined")? > 0,
        development: row.parsed_opt("development", |text| Envelope::from_json(text.as_bytes()))?,
    })
}

impl Tx {
    /// Keeps a new release of the publisher in scope. An accessory's version is given once.
    pub async fn insert_release(&mut self, release: &Release) -> Result<()> {
        let publisher = self.publisher_scope()?;
        let (manifest, report) = (to_json(&release.manifest)?, to_json(&release.report)?);
        let sql = concat!(
            "insert into releases (",
            columns!(),
            ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        );
        let statement = query(sql)
            .bind(release.id.as_str())
            .bind(publisher.as_str())
            .bind(release.accessory.to_string())
            .bind(release.version.to_string())
            .bind(&release.kind)
            .bind(release.digest.as_str())
            .bind(release.listing_digest.as_str())
            .bind(release.state.as_str())
            .bind(manifest)
            .bind(report)
            .bind(release.uploaded.0)
            .bind(release.approved.map(|at| at.0));
        self.execute(statement).await?;
        Ok(())
    }

    /// Returns a release, if the scope sees it.
    pub async fn release(&mut self, id: &ReleaseId) -> Result<Option<Release>> {
        let (kind, owner) = (self.kind(), self.owner().to_owned());
        let sql = concat!(selected!(), "where id = $3 and ", visible!());
        let found = self.row(query(sql).bind(kind).bind(owner).bind(id.as_str())).await?;
        found.map(|row| release(&Row::of("releases", &row))).transpose()
    }

    /// Returns those of some releases that the scope sees, by their ids.
    pub async fn releases_by_id(&mut self, ids: &BTreeSet<ReleaseId>) -> Result<BTreeMap<ReleaseId, Release>> {
        let (kind, owner) = (self.kind(), self.owner().to_owned());
        let ids: Vec<&ReleaseId> = ids.iter().collect();
        let mut found = BTreeMap::new();
        for some in ids.chunks(IDS_MAX) {
            let beginning = concat!(selected!(), "where ", visible!(), " and id in (");
            let statement = many(beginning, (some.len(), 1, 2), ")").bind(kind).bind(&owner);
            let statement = some.iter().fold(statement, |statement, id| statement.bind(id.as_str()));
            for row in &self.rows(statement).await? {
                let release = release(&Row::of("releases", row))?;
                found.insert(release.id.clone(), release);
            }
        }
        Ok(found)
    }

    /// Returns the release of a version, if the scope sees it.
    pub async fn release_by_version(
        &mut self,
        accessory: &AccessoryName,
        version: &Version,
    ) -> Result<Option<Release>> {
        let (kind, owner) = (self.kind(), self.owner().to_owned());
        let sql = concat!(selected!(), "where accessory = $3 and version = $4 and ", visible!());
        let statement = query(sql).bind(kind).bind(owner).bind(accessory.to_string()).bind(version.to_string());
        let found = self.row(statement).await?;
        found.map(|row| release(&Row::of("releases", &row))).transpose()
    }

    /// Returns the releases of an accessory that the scope sees, newest version first.
    pub async fn releases_of(&mut self, accessory: &AccessoryName) -> Result<Vec<Release>> {
        let (kind, owner) = (self.kind(), self.owner().to_owned());
        let sql = concat!(selected!(), "where accessory = $3 and ", visible!());
        let rows = self.rows(query(sql).bind(kind).bind(owner).bind(accessory.to_string())).await?;
        let releases: Result<Vec<Release>> = rows.iter().map(|row| release(&Row::of("releases", row))).collect();
        let mut releases = releases?;
        // Text does not order versions: 1.10.0 is newer than 1.9.0.
        releases.sort_by(|a, b| b.version.cmp(&a.version));
        Ok(releases)
    }

    /// Returns a part of the releases that the scope sees, of all or of one state or kind, the newest uploads first.
    pub async fn releases(
        &mut self,
        state: Option<Publication>,
        of_kind: Option<&str>,
        after: Option<&After>,
    ) -> Result<Listed<Release>> {
        let (kind, owner) = (self.kind(), self.owner().to_owned());
        let sql = part_of_list!(
            selected!(", 0 as rank, uploaded as place "),
            "where ($3 = '' or state = $3) and ($4 = '' or kind = $4) and ",
            visible!(),
        );
        let statement = query(sql).bind(kind).bind(owner).bind(state.map_or("", Publication::as_str));
        let rows = self.rows(from(statement.bind(of_kind.unwrap_or_default().to_owned()), after)).await?;
        Listed::read("releases", &rows, release)
    }

    /// Counts the releases of a state that the scope sees.
    pub async fn count_releases(&mut self, state: Publication) -> Result<i64> {
        let (kind, owner) = (self.kind(), self.owner().to_owned());
        let sql = concat!("select count(*) as found from releases where state = $3 and ", visible!());
        let found = self.row(query(sql).bind(kind).bind(owner).bind(state.as_str())).await?;
        found.map_or(Ok(0), |row| Row::of("releases", &row).int("found"))
    }

    /// Returns of each accessory the newest release that the scope may install, by name.
    pub async fn newest_releases(&mut self) -> Result<Vec<Release>> {
        let (kind, owner) = (self.kind(), self.owner().to_owned());
        let sql = concat!(
            "select id, accessory, version, state, (select count(*) from development_statements d \
             where d.tenant_id = $2 and d.release_id = releases.id) as tried from releases where ",
            visible!()
        );
        // Text does not order versions, so that they are compared here; the whole rows are read of the newest alone.
        let mut newest: BTreeMap<String, (Version, String)> = BTreeMap::new();
        for row in self.rows(query(sql).bind(kind).bind(owner)).await? {
            let row = Row::of("releases", &row);
            if state_mismatch(row.word("state", Publication::parse)?, row.int("tried")? > 0).is_some() {
                continue;
            }
            let (accessory, version) = (row.text("accessory")?, row.parsed("version", Version::parse)?);
            if newest.get(&accessory).is_none_or(|(known, _)| *known < version) {
                newest.insert(accessory, (version, row.text("id")?));
            }
        }
        let ids: Vec<String> = newest.into_values().map(|(_, id)| id).collect();
        let mut releases = Vec::with_capacity(ids.len());
        for part in ids.chunks(IDS_MAX) {
            let beginning = concat!(selected!(), "where $1 <> '' and id in (");
            let mut statement =
                many(beginning, (part.len(), 1, 2), ")").bind(self.kind()).bind(self.owner().to_owned());
            for id in part {
                statement = statement.bind(id.clone());
            }
            for row in self.rows(statement).await? {
                releases.push(release(&Row::of("releases", &row))?);
            }
        }
        releases.sort_by_key(|release| release.accessory.to_string());
        Ok(releases)
    }

    /// Publishes a release. Returns false if it does not wait for review.
    pub async fn approve_release(&mut self, id: &ReleaseId, now: UnixMs) -> Result<bool> {
        self.platform()?;
        let sql = "update releases set state = 'published', approved = $2 where id = $1 and state = 'in-review'";
        Ok(self.execute(query(sql).bind(id.as_str()).bind(now.0)).await? > 0)
    }

    /// Moves a release on in its life, and keeps why. Returns false if it was somewhere else meanwhile, or is not the scope's.
    pub async fn move_release(
        &mut self,
        id: &ReleaseId,
        from: Publication,
        to: Publication,
        notice: Option<&Notice>,
    ) -> Result<bool> {
        let (kind, owner) = (self.kind(), self.owner().to_owned());
        let sql = "update releases set state = $5, reason = $6, replacement = $7 where id = $3 and state = $4 \
                   and ($1 = 'platform' or ($1 = 'publisher' and publisher = $2))";
        let statement = query(sql).bind(kind).bind(owner).bind(id.as_str()).bind(from.as_str()).bind(to.as_str());
        let statement = statement
            .bind(notice.map(|notice| notice.reason.clone()))
            .bind(notice.and_then(|notice| notice.replacement.clone()));
        Ok(self.execute(statement).await? > 0)
    }

    /// Keeps what the platform signed for the tenant in scope about a release that nobody approved.
    pub async fn put_development(&mut self, id: &ReleaseId, statement: &Envelope, now: UnixMs) -> Result<()> {
        let tenant = self.tenant()?;
        let text = String::from_utf8_lossy(&statement.to_json()).into_owned();
        let sql = "insert into development_statements (tenant_id, release_id, envelope, created) values ($1, $2, $3, $4) \
                   on conflict (tenant_id, release_id) do update set envelope = excluded.envelope";
        self.execute(query(sql).bind(tenant.as_str()).bind(id.as_str()).bind(text).bind(now.0)).await?;
        Ok(())
    }

    /// Keeps the report of an upload that was refused; the last 50 of each publisher stay.
    pub async fn insert_upload_report(&mut self, digest: &Digest, report: &Report, now: UnixMs) -> Result<()> {
        let (publisher, report) = (self.publisher_scope()?, to_json(report)?);
        let sql = "insert into upload_reports (publisher, at, digest, report) values ($1, $2, $3, $4) \
                   on conflict (publisher, at, digest) do update set report = excluded.report";
        let statement = query(sql).bind(publisher.as_str()).bind(now.0).bind(digest.as_str()).bind(report);
        self.execute(statement).await?;
        let sql = "delete from upload_reports where publisher = $1 and at < (select min(at) from \
                   (select at from upload_reports where publisher = $1 order by at desc limit 50) as kept)";
        self.execute(query(sql).bind(publisher.as_str())).await?;
        Ok(())
    }

    /// Returns the reports of the publisher's refused uploads, newest first.
    pub async fn upload_reports(&mut self) -> Result<Vec<(UnixMs, Digest, Report)>> {
        let publisher = self.publisher_scope()?;
        let sql = "select publisher, at, digest, report from upload_reports where publisher = $1 order by at desc, digest limit 50";
        let rows = self.rows(query(sql).bind(publisher.as_str())).await?;
        let read = |row| {
            let row = Row::of("upload_reports", row);
            Ok((row.time("at")?, row.parsed("digest", Digest::parse)?, row.json("report")?))
        };
        rows.iter().map(read).collect()
    }
}
