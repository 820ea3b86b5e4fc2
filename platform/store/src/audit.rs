//! The audit logs: one of the platform, one of each tenant and publisher; append-only, each entry sealed with the one before.

use fitment_domain::audit::{Entry, seal};
use fitment_domain::bytes::Digest;
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::row::{Row, to_json};
use crate::{Result, StoreError, Tx};

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
        let (owner, details) = (self.owner().to_owned(), to_json(details)?);
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

    /// Returns the log of the scope, oldest first, at most 1,000 entries.
    pub async fn audit(&mut self) -> Result<Vec<Entry>> {
        let owner = self.owner().to_owned();
        let sql = "select owner, sequence, at, actor, action, subject, details, hash from audit_entries \
                   where owner = $1 order by sequence limit 1000";
        let rows = self.rows(query(sql).bind(owner)).await?;
        let read = |row| {
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
        };
        rows.iter().map(read).collect()
    }
}
