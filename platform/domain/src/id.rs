//! Identifiers: a prefix that says what they name, and 128 random bits that say nothing.

/// Why a text is no identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id like {prefix}_ and 32 hexadecimal digits, got {got:?}")]
pub struct BadId {
    prefix: &'static str,
    got: String,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Makes the identifier that these random bytes stand for.
            pub fn from_random(random: [u8; 16]) -> Self {
                Self(format!("{}_{}", $prefix, hex::encode(random)))
            }

            /// Reads the identifier from text.
            pub fn parse(text: &str) -> Result<Self, BadId> {
                let rest = text.strip_prefix(concat!($prefix, "_"));
                let well_formed = rest.is_some_and(|r| {
                    r.len() == 32 && r.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
                });
                if well_formed {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(BadId { prefix: $prefix, got: text.chars().take(60).collect() })
                }
            }

            /// Returns the identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(d)?;
                $name::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// Names an account: a publisher, an MSP or the platform's own staff.
    AccountId = "acc";
    /// Names an API token (not its secret).
    TokenId = "tok";
    /// Names an MSP's tenant.
    TenantId = "ten";
    /// Names a publisher.
    PublisherId = "pub";
    /// Names one of an MSP's clients.
    ClientId = "cli";
    /// Names a location of a client.
    LocationId = "loc";
    /// Names a device.
    DeviceId = "dev";
    /// Names a zero certificate.
    ZeroId = "zer";
    /// Names a release of an accessory.
    ReleaseId = "rel";
    /// Names one execution that was asked for; who knows it may fetch nothing without the device's certificate.
    TransactionId = "txn";
    /// Names one request for executions on one or many devices.
    RequestId = "req";
    /// Names an installation.
    InstallationId = "ins";
    /// Names a connection to a ticketing system.
    ConnectionId = "con";
    /// Names an alert.
    AlertId = "alr";
    /// Names one of our own tickets.
    TicketId = "tic";
    /// Names a note on one of our tickets.
    NoteId = "not";
    /// Names a category of tickets.
    CategoryId = "cat";
    /// Names a rule that gives tickets their category.
    RuleId = "rul";
    /// Names a job.
    JobId = "job";
    /// Names a series of samples: derived from what the series is about.
    SeriesId = "ser";
    /// Names one start of an agent's spool.
    SpoolEpoch = "spo";
}
