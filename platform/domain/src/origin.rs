//! Origins: what an HTTP permission is for, and where a connection leads.

/// A scheme, a host and a port, in one spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Reads an origin as a permission spells it: after host and port stands nothing but perhaps one slash. A path would look
    /// like a narrower permission, and there is none.
    pub fn parse(text: &str) -> Result<Self, BadOrigin> {
        match split(text) {
            Some((scheme, authority, "" | "/")) => Self::of(scheme, authority).ok_or_else(|| BadOrigin::of(text)),
            _ => Err(BadOrigin::of(text)),
        }
    }

    /// Returns the origin of an address, whatever follows host and port.
    pub fn of_url(url: &str) -> Result<Self, BadOrigin> {
        let origin = split(url).and_then(|(scheme, authority, _)| Self::of(scheme, authority));
        origin.ok_or_else(|| BadOrigin::of(url))
    }

    fn of(scheme: &str, authority: &str) -> Option<Self> {
        let default_port = match scheme {
            "https" => "443",
            "http" => "80",
            _ => return None,
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (authority, default_port),
        };
        let host = spelled(host)?;
        // A sign or zeros before it would make two spellings of one port.
        let number: u16 = port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse().ok())??;
        let port = if number.to_string() == default_port { String::new() } else { format!(":{number}") };
        Some(Self(format!("{scheme}://{host}{port}")))
    }

    /// Returns `scheme://host` with the port if it is not the scheme's own.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the host, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        let authority = self.0.split_once("://").map_or(self.as_str(), |(_, authority)| authority);
        match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => host,
            _ => authority,
        }
    }
}

/// Returns the one spelling of a host: a name in lower case, or an IPv6 address in brackets.
fn spelled(host: &str) -> Option<String> {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<core::net::Ipv6Addr>().ok().map(|address| format!("[{address}]"));
    }
    let is_name = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    is_name.then(|| host.to_ascii_lowercase())
}

/// Splits an address into scheme, host with port, and the rest.
fn split(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    Some((scheme, authority, rest))
}

/// Why a text is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address like https://host or http://host:port (without user name)")]
pub struct BadOrigin(String);

impl BadOrigin {
    fn of(text: &str) -> Self {
        Self(text.chars().take(80).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_names_an_origin_and_nothing_below_it() {
        for text in ["https://PSA.example.com", "https://psa.example.com/", "https://psa.example.com:443"] {
            assert_eq!(Origin::parse(text).map(|o| o.0), Ok("https://psa.example.com".to_owned()), "{text}");
        }
        for text in
            ["https://a/b", "https://a/?q", "https://a?q", "https://a#f", "https://a//", "https://u@a", "ftp://a"]
        {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_origin_has_one_spelling() {
        for (text, origin) in [
            ("https://a:0443", "https://a"),
            ("http://[0:0::1]:8080", "http://[::1]:8080"),
            ("http://A.b:00080/x", "http://a.b"),
        ] {
            assert_eq!(Origin::of_url(text).map(|o| o.0).as_deref(), Ok(origin), "{text}");
        }
        for text in
            ["http://a::80", "http://a:b:80", "http://a:+80", "http://[a]", "http://a[::1]", "http://[::1", "http://a:"]
        {
            assert!(Origin::of_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_has_the_origin_that_it_begins_with() {
        assert_eq!(
            Origin::of_url("http://rt.example.com:8080/rt?x#y").map(|o| o.0),
            Ok("http://rt.example.com:8080".to_owned())
        );
        assert!(Origin::of_url("https://rt.example.com@evil.net/rt").is_err());
        for (url, host) in
            [("https://a.example/x", "a.example"), ("http://[::1]:80/", "[::1]"), ("http://[::1]", "[::1]")]
        {
            assert_eq!(Origin::of_url(url).as_ref().map(Origin::host), Ok(host), "{url}");
        }
    }
}
