//! What Request Tracker's answers hold, as far as we read them.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A ticket.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Ticket {
    #[serde(rename = "id")]
    pub(crate) id: Text,
    #[serde(default)]
    pub(crate) subject: Text,
    pub(crate) status: Text,
    pub(crate) queue: Reference,
    #[serde(default)]
    pub(crate) priority: Text,
    pub(crate) created: Text,
    pub(crate) last_updated: Text,
    #[serde(default)]
    pub(crate) last_updated_by: Option<Reference>,
    #[serde(default)]
    pub(crate) custom_fields: Vec<CustomField>,
}

/// Another record; its name is only there if it was asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Reference {
    pub(crate) id: Text,
    #[serde(rename = "Name", default)]
    pub(crate) name: Option<Text>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CustomField {
    pub(crate) name: Text,
    #[serde(default)]
    pub(crate) values: Vec<Text>,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    #[serde(default = "Vec::new")]
    pub(crate) items: Vec<T>,
}

/// A record of which only the id is wanted.
#[derive(Debug, Deserialize)]
pub(crate) struct Id {
    pub(crate) id: Text,
}

/// A record of which only the maker is wanted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Made {
    pub(crate) creator: Reference,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct User {
    pub(crate) name: Text,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Server {
    pub(crate) version: Text,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CustomFieldKind {
    #[serde(default)]
    pub(crate) lookup_type: Text,
    #[serde(default)]
    pub(crate) disabled: Text,
}

/// One entry of a ticket's history.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Transaction {
    #[serde(rename = "id")]
    pub(crate) id: Text,
    #[serde(rename = "Type")]
    pub(crate) kind: Text,
    pub(crate) created: Text,
    #[serde(default)]
    pub(crate) creator: Option<Reference>,
}

/// One entry of the record of all changes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Entry {
    #[serde(rename = "id")]
    pub(crate) id: Text,
    #[serde(rename = "Type")]
    pub(crate) kind: Text,
    pub(crate) object_id: Text,
    pub(crate) created: Text,
}

/// One part of the message of a history entry.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Attachment {
    #[serde(rename = "id")]
    pub(crate) id: Text,
    #[serde(default)]
    pub(crate) content_type: Text,
    #[serde(default)]
    pub(crate) filename: Text,
    /// Base64; only there when one attachment is asked for.
    #[serde(default)]
    pub(crate) content: Text,
}

/// The body of an error.
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) message: String,
}

/// A text that Request Tracker also writes as a number, as null, or, where a field holds files, as an object.
#[derive(Debug, Default)]
pub(crate) struct Text(pub(crate) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_owned()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text::default())
    }
}
