//! Request headers: names that are the host's own are refused, values get their secrets.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fitment_domain::run::{Fault, HeaderValue};
use hyper::header::{self, HeaderMap, HeaderName};

use super::origin::Origin;
use super::secrets::Secrets;

const HEADERS_MAX: usize = 64;
const HEADER_BYTES_MAX: usize = 64 * 1024;
const TEMPLATE_OPEN: &str = "{{secret:";
const TEMPLATE_CLOSE: &str = "}}";

/// What decides framing, routing and encoding of the connection belongs to the host. `accept-encoding` too: a compressed echo
/// of a secret would not be recognised.
const RESERVED: &[HeaderName] = &[
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::EXPECT,
    header::ACCEPT_ENCODING,
    header::PROXY_AUTHORIZATION,
];

/// What the headers of one request are made with.
pub(super) struct Sealing<'a> {
    pub(super) secrets: &'a Secrets,
    pub(super) origin: &'a Origin,
    /// Names of the secrets that the grant allows.
    pub(super) granted: &'a BTreeSet<String>,
}

/// The headers, and the texts that were made of secrets on the way.
pub(super) struct Sealed {
    pub(super) headers: HeaderMap,
    pub(super) derived: Vec<String>,
}

impl Sealing<'_> {
    /// Makes the headers of one request.
    pub(super) fn seal(&self, headers: Vec<(String, HeaderValue)>) -> Result<Sealed, Fault> {
        if headers.len() > HEADERS_MAX {
            return Err(Fault::Invalid(format!("headers: at most {HEADERS_MAX}")));
        }
        let mut sealed = Sealed { headers: HeaderMap::new(), derived: Vec::new() };
        let mut bytes = 0usize;
        for (name, value) in headers {
            let name = allowed(&name)?;
            let (text, secret) = self.value(value, &mut sealed.derived)?;
            bytes = bytes.saturating_add(name.as_str().len()).saturating_add(text.len());
            if bytes > HEADER_BYTES_MAX {
                return Err(Fault::Invalid(format!("headers: more than {HEADER_BYTES_MAX} bytes")));
            }
            let mut value = header::HeaderValue::from_str(&text).map_err(|_| {
                Fault::Invalid(format!("header {name}: its value holds characters that HTTP does not carry"))
            })?;
            value.set_sensitive(secret);
            sealed.headers.append(name, value);
        }
        Ok(sealed)
    }

    fn value(&self, value: HeaderValue, derived: &mut Vec<String>) -> Result<(String, bool), Fault> {
        Ok(match value {
            HeaderValue::Plain(text) => (text, false),
            HeaderValue::Bearer(name) => (format!("Bearer {}", self.open(&name)?), true),
            HeaderValue::Secret(name) => (self.open(&name)?.to_owned(), true),
            HeaderValue::Templated(text) => (self.template(&text)?, true),
            HeaderValue::Basic(user, name) => {
                if user.contains(':') {
                    return Err(Fault::Invalid("basic: a user name holds no colon".to_owned()));
                }
                let credentials = STANDARD.encode(format!("{user}:{}", self.open(&name)?));
                let text = format!("Basic {credentials}");
                derived.push(credentials);
                (text, true)
            }
        })
    }

    fn template(&self, text: &str) -> Result<String, Fault> {
        let mut made = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(TEMPLATE_OPEN) {
            let Some((name, after)) = after.split_once(TEMPLATE_CLOSE) else {
                return Err(Fault::Invalid("templated: `{{secret:` without `}}`".to_owned()));
            };
            made.push_str(before);
            made.push_str(self.open(name)?);
            rest = after;
        }
        made.push_str(rest);
        Ok(made)
    }

    /// One answer for "not granted", "unknown" and "bound elsewhere": a guest learns nothing about secrets that are not its own.
    fn open(&self, name: &str) -> Result<&str, Fault> {
        let shown: String = name.chars().take(60).collect();
        self.secrets
            .open(name, self.origin, self.granted)
            .ok_or_else(|| Fault::Denied(format!("http secret {shown:?}")))
    }
}

fn allowed(name: &str) -> Result<HeaderName, Fault> {
    let shown: String = name.chars().take(60).collect();
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Fault::Invalid(format!("header {shown:?}: no header name")))?;
    if RESERVED.contains(&name) || name.as_str().starts_with("proxy-") {
        return Err(Fault::Invalid(format!("header {name}: the host sets it")));
    }
    Ok(name)
}
