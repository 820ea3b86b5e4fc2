//! The audit logs: one of the platform, one of each tenant and publisher; append-only, each entry sealed with the one before.

use fitment_domain::audit::{Entry, first_break, seal};
use fitment_domain::bytes::Digest;
use fitment_domain::id::PublisherId;
use fitment_domain::time::UnixMs;
use sqlx::any::AnyRow;
use sqlx::query;

use crate::row::{Row, to_json};
use crate::{Result, StoreError, Tx};

/// The most entries that one page holds.
pub const AUDIT_PAGE_MAX: i64 = 500;

/// A page of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// The first sequence on this page that was changed or removed after it was written; none if the page holds.
    pub broken_at: Option<i64>,
}

impl Tx {
    /// Appends to the log of the scope. Details never hold a secret.
    pub async fn append_audit(
        &mut self,
        actor: &str,
        action: &str,
        subject: &str,
        details: &serde_json::Value,
        now: UnixMs,
    ) -> Result<()> {
        let owner = self.owner().to_owned();
        self.append_entry(owner, (actor, action, subject), details, now).await
    }

    /// Appends to the log of a publisher what the platform itself has to tell it.
    pub async fn append_audit_of(
        &mut self,
        publisher: &PublisherId,
        actor: &str,
        action: &str,
        subject: &str,
        details: &serde_json::Value,
        now: UnixMs,
    ) -> Result<()> {
        self.platform()?;
        self.append_entry(publisher.to_string(), (actor, action, subject), details, now).await
    }

    async fn append_entry(
        &mut self,
        owner: String,
        (actor, action, subject): (&str, &str, &str),
        details: &serde_json::Value,
        now: UnixMs,
    ) -> Result<()> {
        let details = to_json(details)?;
        let sql = "insert into audit_heads (owner, sequence, hash) values ($1, 0, '') on conflict (owner) do nothing";
        self.execute(query(sql).bind(&owner)).await?;
        // This locks the head until the transaction is over: entries follow one another.
        let sql = "update audit_heads set sequence = sequence + 1 where owner = $1 returning owner, sequence, hash";
        let rows = self.execute_returning(query(sql).bind(&owner)).await?;
        let head = rows.first().ok_or_else(|| StoreError::Sql("the head of the audit log is gone".to_owned()))?;
        let head = Row::of("audit_heads", head);
        let (previous, sequence) = (head.text("hash")?, head.int("sequence")?);
        let hash = seal(&previous, sequence, now, actor, action, subject, &details);
        let sql = "insert into audit_entries (owner, sequence, at, actor, action, subject, details, hash) \
                   values ($1, $2, $3, $4, $5, $6, $7, $8)";
        let statement = query(sql).bind(&owner).bind(sequence).bind(now.0).bind(actor).bind(action).bind(subject);
        self.execute(statement.bind(&details).bind(hash.as_str())).await?;
        self.execute(query("update audit_heads set hash = $2 where owner = $1").bind(&owner).bind(hash.as_str()))
            .await?;
        Ok(())
    }

    /// Returns a page of the log of the scope: the newest entries, or the newest before a sequence; at most `limit` and
    /// `AUDIT_PAGE_MAX`, oldest first.
    pub async fn audit(&mut self, before: Option<i64>, limit: i64) -> Result<AuditPage> {
        let (last, head_hash) = self.audit_head().await?;
        let newest = before.map_or(last, |before| before.saturating_sub(1).min(last)).max(0);
        let until = before.map_or(i64::MAX, |before| before.saturating_sub(1));
        // One more than asked: its hash is what the first entry of the page must be sealed with.
        let sql = "select owner, sequence, at, actor, action, subject, details, hash from audit_entries \
                   where owner = $1 and sequence <= $2 order by sequence desc limit $3";
        let limit = limit.clamp(1, AUDIT_PAGE_MAX);
        let statement = query(sql).bind(self.owner().to_owned()).bind(until).bind(limit + 1);
        let rows = self.rows(statement).await?;
        let entries: Result<Vec<Entry>> = rows.iter().rev().map(entry).collect();
        let mut entries = entries?;
        let earlier =
            if i64::try_from(entries.len()).is_ok_and(|got| got > limit) { Some(entries.remove(0)) } else { None };
        let seed = earlier.as_ref().map_or((0, ""), |entry| (entry.sequence, entry.hash.as_str()));
        let broken_at = first_break(seed, &entries).or_else(|| {
            let (sequence, hash) = entries.last().map_or(seed, |entry| (entry.sequence, entry.hash.as_str()));
            if sequence != newest {
                // The end was cut off, or there is more than was ever counted.
                return Some(sequence.min(newest).saturating_add(1));
            }
            (newest == last && hash != head_hash).then_some(newest)
        });
        Ok(AuditPage { entries, broken_at })
    }

    /// Returns the sequence and the hash of the newest entry, as they were noted apart from it.
    async fn audit_head(&mut self) -> Result<(i64, String)> {
        let sql = "select owner, sequence, hash from audit_heads where owner = $1";
        let Some(row) = self.row(query(sql).bind(self.owner().to_owned())).await? else {
            return Ok((0, String::new()));
        };
        let row = Row::of("audit_heads", &row);
        Ok((row.int("sequence")?, row.text("hash")?))
    }
}

fn entry(row: &AnyRow) -> Result<Entry> {
    let row = Row::of("audit_entries", row);
    Ok(Entry {
        sequence: row.int("sequence")?,
        at: row.time("at")?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        subject: row.text("subject")?,
        details: row.text("details")?,
        hash: row.parsed("hash", Digest::parse)?,
    })
}
