//! Guests that want to send to where they may not, and secrets that are not theirs.

use std::sync::Arc;

use fitment_domain::egress::Policy;
use fitment_domain::run::{End, Returned, RunReport};
use fitment_domain::ticket::remote::{Answer, Description, Error};
use fitment_runner_client::{Egress, HttpHost, Secrets, Trust};

use super::guest::{guest, guest_with};
use super::lab::{Lab, describe, http};
use super::web::{Manner, Web};

const VALUE: &str = "s3cr3t-t0ken-value";

fn host(secrets: Secrets) -> Arc<HttpHost> {
    Arc::new(HttpHost::new(secrets, &Trust::default(), Egress::new(Policy::Device)).unwrap())
}

fn answered(report: &RunReport) -> &Description {
    match &report.end {
        End::Returned(Returned::Connector(Ok(Answer::Description(description)))) => description,
        other => panic!("no answer: {other:?}"),
    }
}

/// Returns what the guest was told: `asks` turns the fault denied into forbidden, and others into bad-response.
fn fault(report: &RunReport) -> &Error {
    match &report.end {
        End::Returned(Returned::Connector(Err(error))) => error,
        other => panic!("no fault: {other:?}"),
    }
}

fn denied(text: impl Into<String>) -> Error {
    Error::Forbidden(text.into())
}

// proves C3 (only what was granted)
#[tokio::test]
async fn an_origin_that_was_not_granted_is_denied_and_never_dialled() {
    let lab = Lab::new().await;
    let (granted, other) = (Web::start(Manner::Echo).await, Web::start(Manner::Echo).await);
    let (asks, host) = (guest("asks"), host(Secrets::new()));
    let ask = |url: String| {
        let spec = describe(&url, "", http(&[&granted.origin()], &[]));
        lab.run_with(&asks, spec, host.clone())
    };
    assert_eq!(fault(&ask(other.origin()).await), &denied(format!("http http://127.0.0.1:{}", other.port)));
    // Another name of the same machine, another scheme, the granted one before an @, as a path, as a host with a tail.
    let (here, there) = (granted.port, other.port);
    for url in [
        format!("http://localhost:{here}/"),
        format!("https://127.0.0.1:{here}/"),
        format!("http://127.0.0.1:{here}@127.0.0.1:{there}/"),
        format!("http://127.0.0.1:{there}/http://127.0.0.1:{here}"),
        format!("http://127.0.0.1.:{there}/"),
        format!("http://127.0.0.1:{there}\\@127.0.0.1:{here}/"),
        format!("//127.0.0.1:{there}/"),
        "file:///etc/passwd".to_owned(),
    ] {
        assert!(matches!(fault(&ask(url.clone()).await), Error::Forbidden(_) | Error::BadResponse(_)), "{url}");
    }
    assert_eq!((granted.heard().await.len(), other.heard().await.len()), (0, 0), "nothing was dialled");

    assert_eq!(answered(&ask(granted.origin()).await).clock_grain_ms, 200);
    assert_eq!((granted.heard().await.len(), other.heard().await.len()), (1, 0));
}

// proves C3 (only what was granted)
#[tokio::test]
async fn a_secret_that_was_not_granted_or_is_bound_elsewhere_is_never_sent() {
    let lab = Lab::new().await;
    let web = Web::start(Manner::Echo).await;
    let secrets = || Secrets::new().with("token", &web.origin(), VALUE.to_owned());
    let elsewhere = Secrets::new().with("token", "https://elsewhere.example.com", VALUE.to_owned());
    let cases = [
        (secrets(), http(&[&web.origin()], &[])),
        (secrets(), http(&[&web.origin()], &["another"])),
        (elsewhere, http(&[&web.origin()], &["token"])),
        (Secrets::new(), http(&[&web.origin()], &["token"])),
    ];
    for (secrets, grants) in cases {
        let report = lab.run_with(&guest("asks"), describe(&web.origin(), "token", grants), host(secrets)).await;
        assert_eq!(fault(&report), &denied("http secret \"token\""), "one answer for all: nothing is learnt from it");
    }
    // Nor in any other way of asking.
    for header in ["2", "3"] {
        let spec = describe(&web.origin(), "token", http(&[&web.origin()], &[]));
        let report = lab.run_with(&guest_with("asks", &[("header", header)]), spec, host(secrets())).await;
        assert_eq!(fault(&report), &denied("http secret \"token\""));
    }
    let spec = describe(&web.origin(), "key={{secret:token}}", http(&[&web.origin()], &[]));
    let report = lab.run_with(&guest_with("asks", &[("header", "4")]), spec, host(secrets())).await;
    assert_eq!(fault(&report), &denied("http secret \"token\""));
    assert!(web.heard().await.is_empty());

    // Where nobody promised a secret, the text goes as it stands.
    let spec = describe(&web.origin(), "key={{secret:token}}", http(&[&web.origin()], &["token"]));
    let report = lab.run_with(&guest_with("asks", &[("header", "0")]), spec, host(secrets())).await;
    assert_eq!(answered(&report).product_version.as_deref(), Some("key={{secret:token}}"));
}

// proves C3 (only what was granted)
#[tokio::test]
async fn the_value_of_a_secret_reaches_the_server_and_never_the_guest() {
    let lab = Lab::new().await;
    let web = Web::start(Manner::Echo).await;
    let host = host(Secrets::new().with("token", &web.origin(), VALUE.to_owned()));
    // "somebody:" and the value, in base64.
    let basic = "Basic c29tZWJvZHk6czNjcjN0LXQwa2VuLXZhbHVl".to_owned();
    let cases = [
        ("1", "token", format!("Bearer {VALUE}"), "Bearer [secret]"),
        ("2", "token", basic, "Basic [secret]"),
        ("3", "token", VALUE.to_owned(), "[secret]"),
        ("4", "key={{secret:token}};", format!("key={VALUE};"), "key=[secret];"),
    ];
    for (index, (header, text, sent, shown)) in cases.into_iter().enumerate() {
        let spec = describe(&web.origin(), text, http(&[&web.origin()], &["token"]));
        let report = lab.run_with(&guest_with("asks", &[("header", header)]), spec, host.clone()).await;
        let heard = web.heard().await;
        assert_eq!(heard.len(), index + 1);
        assert!(heard[index].contains(&format!("authorization: {sent}\r\n")), "the server is told: {}", heard[index]);
        let description = answered(&report);
        assert_eq!(description.product_version.as_deref(), Some(shown), "the header that comes back");
        assert!(description.product.contains(&format!("authorization: {shown}\r\n")), "the body that comes back");
        let everything = format!("{report:?}");
        assert!(!everything.contains(VALUE) && !everything.contains("c29tZWJvZHk6"), "{everything}");
    }
}

// proves C3 (only what was granted)
#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let lab = Lab::new().await;
    let elsewhere = Web::start(Manner::Echo).await;
    let web = Web::start(Manner::Redirect(elsewhere.origin())).await;
    let host = host(Secrets::new().with("token", &web.origin(), VALUE.to_owned()));
    // Even to an origin that was granted: the guest asks there itself if it means to.
    let grants = || http(&[&web.origin(), &elsewhere.origin()], &["token"]);
    let report = lab.run_with(&guest("asks"), describe(&web.origin(), "token", grants()), host.clone()).await;
    let description = answered(&report);
    assert_eq!((description.clock_grain_ms, description.product_version.clone()), (302, Some(elsewhere.origin())));
    assert_eq!((web.heard().await.len(), elsewhere.heard().await.len()), (1, 0));

    let report = lab.run_with(&guest("asks"), describe(&elsewhere.origin(), "", grants()), host).await;
    assert_eq!(answered(&report).clock_grain_ms, 200);
    assert_eq!(elsewhere.heard().await.len(), 1);
}

// proves C3 (bounds of host calls)
#[tokio::test]
async fn requests_beyond_their_number_are_refused_and_not_sent() {
    let lab = Lab::new().await;
    let web = Web::start(Manner::Echo).await;
    let host = host(Secrets::new());
    let mut spec = describe(&web.origin(), "", http(&[&web.origin()], &[]));
    spec.budget.http_calls_max = 0;
    let report = lab.run_with(&guest("asks"), spec.clone(), host.clone()).await;
    assert_eq!(fault(&report), &Error::BadResponse("http_calls_max".to_owned()));
    // It is not even asked of the supervisor, which counts once more.
    assert_eq!(report.usage.http_calls, 0);
    assert!(web.heard().await.is_empty());
    spec.budget.http_calls_max = 1;
    assert_eq!(answered(&lab.run_with(&guest("asks"), spec, host).await).clock_grain_ms, 200);
}

// proves C3 (bounds of host calls)
#[tokio::test]
async fn an_answer_is_cut_at_its_bound() {
    let lab = Lab::new().await;
    let web = Web::start(Manner::Echo).await;
    let host = host(Secrets::new());
    let mut spec = describe(&web.origin(), "", http(&[&web.origin()], &[]));
    spec.budget.http_body_bytes_max = 10;
    let report = lab.run_with(&guest("asks"), spec.clone(), host.clone()).await;
    assert_eq!(answered(&report).product, "GET / HTTP");
    spec.budget.http_body_bytes_max = 1_000;
    let report = lab.run_with(&guest("asks"), spec, host).await;
    assert_eq!(answered(&report).product, web.heard().await[1]);
}
