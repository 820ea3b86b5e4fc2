//! Origins, compared after the URL parser has made one spelling of host and port.

use std::fmt;

use url::{Host, Url};

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    scheme: &'static str,
    host: String,
    port: u16,
}

impl Origin {
    /// Returns the origin of a URL, or what is wrong with it.
    pub(super) fn of(url: &Url) -> Result<Self, String> {
        let scheme = match url.scheme() {
            "https" => "https",
            "http" => "http",
            other => return Err(format!("scheme {other:?} is not http or https")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("user name and password do not belong into the address: name a secret in a header".to_owned());
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err("it names no host".to_owned());
        };
        Ok(Self { scheme, host: host.to_ascii_lowercase(), port })
    }

    /// Reads an origin as a grant spells it: nothing may follow host and port.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        // People agreed to what they read: an address that is spelled as a number or in octal opens nothing.
        let address = matches!(url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_)));
        if address && !text.contains(&format!("://{}", url.host_str()?)) {
            return None;
        }
        bare.then(|| Self::of(&url).ok()).flatten()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Origin, String> {
        Origin::of(&Url::parse(text).expect("a URL"))
    }

    #[test]
    fn spellings_of_one_origin_are_equal_and_others_are_not() {
        let granted = Origin::parse("https://psa.example.com").expect("an origin");
        assert_eq!(of("https://PSA.example.com:443/REST/2.0/tickets?x=1"), Ok(granted.clone()));
        for other in ["http://psa.example.com/", "https://psa.example.com:8443/", "https://psa.example.com.evil.net/"] {
            assert_ne!(of(other), Ok(granted.clone()), "{other}");
        }
        assert!(of("https://psa.example.com@evil.net/").is_err());
        assert!(of("ftp://psa.example.com/").is_err());
        assert!(Origin::parse("https://psa.example.com/path").is_none());
        assert!(Origin::parse("http://127.0.0.1").is_some() && Origin::parse("http://[::1]:80").is_some());
        for odd in ["http://2130706433", "http://0x7f.1", "http://0177.0.0.1", "http://127.1", "http://[0:0::1]"] {
            assert!(Origin::parse(odd).is_none(), "{odd}");
        }
    }
}
