//! HTTP with secrets that the host puts in. Permission `http`.
//!
//! A header may *name* a secret: `{{secret:token}}`. Its value never enters the accessory.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Fault;
use crate::bindings::monitor::fitment::accessory::http as host;

pub use host::{HeaderValue, Request, Response};

/// How long a request may take if it does not say otherwise.
pub const DEFAULT_TIMEOUT_MS: u32 = 15_000;

impl Request {
    /// Starts a request with any method.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self { method: method.into(), url: url.into(), headers: Vec::new(), body: None, timeout_ms: DEFAULT_TIMEOUT_MS }
    }

    /// Starts a GET of an absolute URL.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// Starts a POST to an absolute URL.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// Starts a PUT to an absolute URL.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// Adds a parameter to the URL, percent-encoded.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        percent_encode(name, &mut self.url);
        self.url.push('=');
        percent_encode(value, &mut self.url);
        self
    }

    /// Adds a header with its text as it stands.
    #[must_use]
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(name, HeaderValue::Plain(value.into()))
    }

    /// Adds a header in which the host replaces `{{secret:NAME}}`.
    #[must_use]
    pub fn header_templated(self, name: impl Into<String>, template: impl Into<String>) -> Self {
        self.with(name, HeaderValue::Templated(template.into()))
    }

    /// Adds a header whose whole value is a secret.
    #[must_use]
    pub fn header_secret(self, name: impl Into<String>, secret: impl Into<String>) -> Self {
        self.with(name, HeaderValue::Secret(secret.into()))
    }

    /// Signs in with "Bearer " and a secret.
    #[must_use]
    pub fn bearer(self, secret: impl Into<String>) -> Self {
        self.with("Authorization", HeaderValue::Bearer(secret.into()))
    }

    /// Signs in with HTTP Basic, of a user name and a secret.
    #[must_use]
    pub fn basic(self, user: impl Into<String>, secret: impl Into<String>) -> Self {
        self.with("Authorization", HeaderValue::Basic((user.into(), secret.into())))
    }

    /// Sets the body as it stands.
    #[must_use]
    pub fn body(mut self, content_type: impl Into<String>, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self.header("Content-Type", content_type)
    }

    /// Sets the body to the JSON of a value.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, Fault> {
        let body = serde_json::to_vec(value).map_err(|error| Fault::Invalid(format!("request body: {error}")))?;
        Ok(self.body("application/json", body))
    }

    /// Sets how long the whole exchange may take.
    #[must_use]
    pub fn timeout_ms(mut self, timeout_ms: u32) -> Self {
        self.timeout_ms = timeout_ms;
        self
    }

    /// Sends the request and waits for the whole answer; a status of 400 or more is an answer, not a fault.
    pub fn send(&self) -> Result<Response, Fault> {
        host::send(self)
    }

    fn with(mut self, name: impl Into<String>, value: HeaderValue) -> Self {
        self.headers.push((name.into(), value));
        self
    }
}

impl Response {
    /// Says whether the status is one of 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns a header by its name, in any case; the first if there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns the body as text; bytes that are no UTF-8 become replacement characters.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Reads the body as JSON; a body that the host cut off is a fault.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        if self.truncated {
            return Err(Fault::Exhausted("the answer is longer than the budget lets in".to_owned()));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Fault::Failed(format!("the answer is not the JSON that was expected: {error}")))
    }
}

/// Appends a text so that it stands for itself in any part of a URL.
pub fn percent_encode(text: &str, into: &mut String) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            into.push(char::from(byte));
        } else {
            into.extend(['%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_encoded_and_appended() {
        let request = Request::get("http://h/t").query("query", "CF.{A} = 'ä'").query("page", "1");
        assert_eq!(request.url, "http://h/t?query=CF.%7BA%7D%20%3D%20%27%C3%A4%27&page=1");
    }
}
