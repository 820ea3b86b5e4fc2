//! A browser for people's pages, as far as HTTP goes: it keeps the cookie, fills in forms, and follows links.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::header::HeaderMap;

use super::platform::{PASSWORD, PATIENCE, Platform, no_tls};

/// A page as it came.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

impl Shown {
    /// Returns a header; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Returns itself if it is a page that came well.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}: {}", self.path, self.html);
        self
    }

    /// Fails unless each of these texts stands on the page.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.html.contains(text), "{} does not say {text:?}:\n{}", self.path, self.html);
        }
        self
    }

    /// Fails if one of these texts stands on the page.
    #[track_caller]
    pub(crate) fn never_says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(!self.html.contains(text), "{} says {text:?}:\n{}", self.path, self.html);
        }
        self
    }

    /// Returns where a redirect leads.
    #[track_caller]
    pub(crate) fn leads_to(&self) -> &str {
        assert_eq!(self.status, 303, "{}: {}", self.path, self.html);
        self.header("location")
    }

    /// Returns the value of a hidden field of the page's forms.
    pub(crate) fn hidden(&self, name: &str) -> Option<String> {
        let (_, rest) = self.html.split_once(&format!("name=\"{name}\" value=\""))?;
        Some(unescaped(rest.split_once('"')?.0))
    }

    /// Returns the addresses of an attribute that lie on this server.
    fn addresses(&self, attribute: &str) -> BTreeSet<String> {
        let before = format!(" {attribute}=\"");
        let all = self.html.split(&before).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0));
        let local = all.map(unescaped).filter(|address| address.starts_with('/'));
        local.map(|address| address.split('#').next().unwrap().to_owned()).collect()
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&#38;", "&").replace("&amp;", "&").replace("&#34;", "\"").replace("&#39;", "'")
}

/// A browser with one cookie.
#[derive(Clone)]
pub(crate) struct Browser {
    http: reqwest::Client,
    pub(crate) base: String,
    pub(crate) cookie: Option<String>,
    csrf: Option<String>,
}

impl Browser {
    /// Opens one that is not signed in.
    pub(crate) fn open(platform: &Platform) -> Self {
        let builder = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
        let http = builder.tls_backend_preconfigured(no_tls()).build().unwrap();
        Self { http, base: platform.url(), cookie: None, csrf: None }
    }

    /// Opens one and signs in by the form.
    pub(crate) async fn sign_in(platform: &Platform, email: &str) -> Self {
        let mut browser = Self::open(platform);
        let shown = browser.post("/sign-in", &[("email", email), ("password", PASSWORD)]).await;
        assert_eq!(shown.leads_to(), "/", "{}", shown.html);
        browser
    }

    /// Loads a page.
    pub(crate) async fn get(&mut self, path: &str) -> Shown {
        self.get_with(path, &[]).await
    }

    /// Loads a page with these headers.
    pub(crate) async fn get_with(&mut self, path: &str, headers: &[(&str, &str)]) -> Shown {
        let mut request = self.http.get(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let shown = self.send(path, request).await;
        self.csrf = shown.hidden("csrf").or(self.csrf.take());
        shown
    }

    /// Sends a form as a page of this server does, with the proof of the page that was loaded last.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Shown {
        let csrf = self.csrf.clone();
        let fields: Vec<(&str, &str)> =
            fields.iter().copied().chain(csrf.as_deref().map(|csrf| ("csrf", csrf))).collect();
        let origin = self.base.clone();
        self.post_from(path, &fields, &[("origin", &origin), ("sec-fetch-site", "same-origin")]).await
    }

    /// Sends a form with these fields and headers, and nothing else.
    pub(crate) async fn post_from(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Shown {
        let body: Vec<String> = fields.iter().map(|(n, v)| format!("{}={}", encoded(n), encoded(v))).collect();
        let mut request = self.http.post(format!("{}{path}", self.base)).body(body.join("&"));
        request = request.header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(path, request).await
    }

    async fn send(&mut self, path: &str, mut request: reqwest::RequestBuilder) -> Shown {
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if let Some(set) = headers.get("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            self.cookie = (!pair.ends_with('=')).then_some(pair);
        }
        Shown { path: path.to_owned(), status, headers, html: response.text().await.unwrap() }
    }

    /// Follows every link from the first page on; returns every page by its path. Each must be there.
    pub(crate) async fn crawl(&mut self) -> BTreeMap<String, Shown> {
        let (mut pages, mut waiting) = (BTreeMap::new(), BTreeSet::from(["/".to_owned()]));
        while let Some(path) = waiting.pop_first() {
            assert!(pages.len() < 500, "the console has no end: {path}");
            let shown = self.get(&path).await;
            assert_eq!(shown.status, 200, "{path}: {}", shown.html);
            for next in ["href", "src"].iter().flat_map(|attribute| shown.addresses(attribute)) {
                if !pages.contains_key(&next) && next != path {
                    waiting.insert(next);
                }
            }
            pages.insert(path, shown);
        }
        pages
    }
}

/// Writes a value as forms do.
pub(crate) fn encoded(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
