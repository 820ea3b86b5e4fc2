//! Reads rows. A value that does not parse names its table, column and row.

use fitment_domain::finding::Health;
use fitment_domain::time::UnixMs;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{Any, Column as _, Decode, Row as _, Type};

use crate::{Result, StoreError};

/// One row of a table.
pub(crate) struct Row<'r> {
    table: &'static str,
    inner: &'r AnyRow,
}

impl<'r> Row<'r> {
    pub(crate) fn of(table: &'static str, inner: &'r AnyRow) -> Self {
        Self { table, inner }
    }

    /// Makes the error that says which value is broken.
    pub(crate) fn corrupt(&self, column: &'static str) -> StoreError {
        // The leading columns are the key; an id says it all.
        let texts = self
            .inner
            .columns()
            .iter()
            .filter_map(|c| Some((c.name(), self.inner.try_get::<String, _>(c.name()).ok()?)));
        let mut texts: Vec<(&str, String)> = texts.take(3).collect();
        if let Some(id) = texts.iter().position(|(name, _)| *name == "id") {
            texts = vec![texts.swap_remove(id)];
        }
        let row =
            texts.into_iter().map(|(_, text)| text.chars().take(80).collect::<String>()).collect::<Vec<_>>().join("/");
        StoreError::Corrupt { table: self.table, column, row }
    }

    fn get<T: Decode<'r, Any> + Type<Any>>(&self, column: &'static str) -> Result<T> {
        self.inner.try_get(column).map_err(|_| self.corrupt(column))
    }

    pub(crate) fn text(&self, column: &'static str) -> Result<String> {
        self.get(column)
    }

    pub(crate) fn text_opt(&self, column: &'static str) -> Result<Option<String>> {
        self.get(column)
    }

    pub(crate) fn bytes(&self, column: &'static str) -> Result<Vec<u8>> {
        self.get(column)
    }

    pub(crate) fn bytes_opt(&self, column: &'static str) -> Result<Option<Vec<u8>>> {
        self.get(column)
    }

    pub(crate) fn int(&self, column: &'static str) -> Result<i64> {
        self.get(column)
    }

    pub(crate) fn int_opt(&self, column: &'static str) -> Result<Option<i64>> {
        self.get(column)
    }

    pub(crate) fn count(&self, column: &'static str) -> Result<u32> {
        u32::try_from(self.int(column)?).map_err(|_| self.corrupt(column))
    }

    pub(crate) fn flag(&self, column: &'static str) -> Result<bool> {
        match self.int(column)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.corrupt(column)),
        }
    }

    pub(crate) fn time(&self, column: &'static str) -> Result<UnixMs> {
        self.int(column).map(UnixMs)
    }

    pub(crate) fn time_opt(&self, column: &'static str) -> Result<Option<UnixMs>> {
        Ok(self.int_opt(column)?.map(UnixMs))
    }

    /// Reads a value with its own parser.
    pub(crate) fn parsed<T, E>(
        &self,
        column: &'static str,
        parse: impl Fn(&str) -> std::result::Result<T, E>,
    ) -> Result<T> {
        parse(&self.text(column)?).map_err(|_| self.corrupt(column))
    }

    pub(crate) fn parsed_opt<T, E>(
        &self,
        column: &'static str,
        parse: impl Fn(&str) -> std::result::Result<T, E>,
    ) -> Result<Option<T>> {
        self.text_opt(column)?.map(|text| parse(&text).map_err(|_| self.corrupt(column))).transpose()
    }

    /// Reads one of a fixed set of words.
    pub(crate) fn word<T>(&self, column: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
        self.parsed(column, |text| parse(text).ok_or(()))
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T> {
        self.parsed(column, |text| serde_json::from_str(text))
    }

    pub(crate) fn health(&self) -> Result<Health> {
        let all = [Health::Ok, Health::Warning, Health::Critical, Health::Unknown];
        self.word("health", |text| all.into_iter().find(|h| h.as_str() == text))
    }
}

/// Writes a value as JSON.
pub(crate) fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| StoreError::Sql(format!("a value does not serialise: {e}")))
}

/// Returns a text that both databases hold: PostgreSQL's refuses the character NUL, which accessories, agents and other
/// systems may well send.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
