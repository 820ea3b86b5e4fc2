//! The console as people meet it: every page for each kind of account, forms that only our own pages can send, and texts of
//! others that stay texts.

use crate::support::browser::Browser;
use crate::support::databases::Database;
use crate::support::platform::{PASSWORD, Platform};
use crate::support::showcase::{HOSTILE, SECRET, Showcase};

const ROLES: &[&str] = &["msp@example.com", "publisher@example.com", "operator@example.com"];

// proves T1 (clients and devices on pages)
#[tokio::test]
async fn every_link_of_every_page_leads_somewhere_and_shows_nothing_of_a_neighbour() {
    let world = Showcase::build().await;
    for email in ROLES {
        let mut browser = Browser::sign_in(&world.platform, email).await;
        let pages = browser.crawl().await;
        assert!(pages.len() > 3, "{email} reaches only {:?}", pages.keys());
        for page in pages.into_values().filter(|page| page.header("content-type").starts_with("text/html")) {
            let page =
                page.never_says(&[SECRET, "<script", "<img src=x", "javascript:", "example.com/p.png", "<b>bold"]);
            assert!(page.header("content-security-policy").contains("default-src 'none'"), "{}", page.path);
            assert!(page.header("server-timing").starts_with("total;dur="), "{}", page.path);
            assert_eq!(page.header("cache-control"), "no-store", "{}", page.path);
        }
    }
}

#[tokio::test]
async fn what_others_wrote_is_shown_as_they_wrote_it_and_never_runs() {
    let world = Showcase::build().await;
    let mut browser = Browser::sign_in(&world.platform, "msp@example.com").await;
    let escaped = "&#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62;";
    let device = format!("/devices/{}", world.device("<b>bold</b>"));
    browser.get(&device).await.ok().says(&[escaped, "&#60;b&#62;bold&#60;/b&#62;"]).never_says(&[HOSTILE]);
    let listing = browser.get("/store/fitment/disk-space?version=0.2.0").await.ok();
    listing
        .says(&[escaped, "<h3>Hostile</h3>", "[picture: p]", "needs os windows"])
        .never_says(&[HOSTILE, "javascript:"]);
    let searched = browser.get("/store?q=%22%3E%3Cscript%3E").await.ok();
    searched.says(&["&#34;&#62;&#60;script&#62;"]).never_says(&["<script"]);
}

// proves M11 (search, fits N of your M devices, permissions in plain sentences, versions and changes)
#[tokio::test]
async fn the_storefront_says_what_an_accessory_may_do_and_where_it_fits() {
    let world = Showcase::build().await;
    let mut browser = Browser::sign_in(&world.platform, "msp@example.com").await;
    let list = browser.get("/store").await.ok();
    list.says(&["disk-space", "request-tracker", "fits 0 of your 5 devices", "runs on the server"]);
    let found = browser.get("/store?q=tracker").await.ok();
    found.says(&["request-tracker"]).never_says(&["store/fitment/disk-space"]);
    browser
        .get("/store?kind=monitor")
        .await
        .ok()
        .says(&["/store/fitment/disk-space"])
        .never_says(&["/store/fitment/request-tracker"]);
    browser.get("/store?publisher=nobody").await.ok().says(&["0 of 2<"]);
    let one = browser.get("/store/fitment/disk-space?version=0.1.0").await.ok();
    one.says(&[
        "Fits 5 of your 5 devices",
        "May read the machine&#39;s figures",
        "Reads how full each file system is.",
        "warning_percent",
        "version=0.2.0",
        "8 MiB",
    ]);
    assert_eq!(browser.get("/store/fitment/disk-space?version=0.3.0").await.status, 404, "nobody approved it");
    assert_eq!(browser.get("/store/fitment/nothing").await.status, 404);
}

#[tokio::test]
async fn devices_are_listed_filtered_and_shown_one_by_one() {
    let world = Showcase::build().await;
    let mut browser = Browser::sign_in(&world.platform, "msp@example.com").await;
    browser.get("/devices").await.ok().says(&["files-01", "till-01", "Harbour Dental", "5 of 5", "Debian 13"]);
    browser.get("/devices?q=bakery").await.ok().says(&["till-01", "3 of 5"]).never_says(&["files-01"]);
    browser.get("/devices?state=revoked").await.ok().says(&["0 of 5"]);
    let one = browser.get(&format!("/devices/{}", world.device("files-01"))).await.ok();
    one.says(&["/srv is nearly full", "critical", "Reception", "fitment/disk-space 0.1.0", "agent.version"]);
    browser.get("/").await.ok().says(&["What needs attention", "/srv is nearly full"]);
    let mut neighbour = Browser::sign_in(&world.platform, "globex@example.com").await;
    assert_eq!(neighbour.get(&format!("/devices/{}", world.device("files-01"))).await.status, 404);
    neighbour.get("/devices").await.ok().says(&[SECRET]).never_says(&["files-01"]);
}

#[tokio::test]
async fn one_signs_in_by_form_and_out_again_and_is_led_nowhere_else() {
    let platform = Platform::start(Database::sqlite()).await;
    let mut browser = Browser::open(&platform);
    assert_eq!(browser.get("/").await.leads_to(), "/sign-in");
    assert_eq!(browser.get("/devices?q=a").await.leads_to(), "/sign-in?return_to=%2Fdevices%3Fq%3Da");
    assert_eq!(
        browser.get("/sign-in?return_to=%2Fdevices%3Fq%3Da").await.ok().hidden("return_to").unwrap(),
        "/devices?q=a"
    );
    for elsewhere in ["https%3A%2F%2Fexample.com", "%2F%2Fexample.com", "%2F%5Cexample.com", "javascript%3Ax"] {
        let form = browser.get(&format!("/sign-in?return_to={elsewhere}")).await.ok();
        assert_eq!(form.hidden("return_to").unwrap(), "/", "{elsewhere}");
    }
    let wrong = browser.post("/sign-in", &[("email", "msp@example.com"), ("password", "wrong wrong wrong")]).await;
    assert_eq!(wrong.status, 401);
    assert!(browser.cookie.is_none());
    wrong.says(&["e-mail or password is wrong", "msp@example.com"]).never_says(&["wrong wrong wrong"]);

    let fields = [("email", "msp@example.com"), ("password", PASSWORD), ("return_to", "/devices?q=a")];
    let signed_in = browser.post("/sign-in", &fields).await;
    assert_eq!(signed_in.leads_to(), "/devices?q=a");
    let cookie = signed_in.header("set-cookie");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/; Max-Age=2592000"), "{cookie}");
    browser.get("/devices").await.ok().says(&["msp@example.com"]);
    let kept = browser.clone();
    assert_eq!(browser.post("/sign-out", &[]).await.leads_to(), "/sign-in?done=signed-out");
    assert!(browser.cookie.is_none());
    assert_eq!(
        kept.clone().get("/devices").await.leads_to(),
        "/sign-in?return_to=%2Fdevices",
        "the token is worth nothing any more"
    );
}

#[tokio::test]
async fn a_form_that_is_not_from_a_page_of_ours_is_refused() {
    let platform = Platform::start(Database::sqlite()).await;
    let mut browser = Browser::sign_in(&platform, "msp@example.com").await;
    let csrf = browser.get("/").await.ok().hidden("csrf").unwrap();
    let mut other = Browser::sign_in(&platform, "operator@example.com").await;
    let foreign = other.get("/").await.ok().hidden("csrf").unwrap();
    let (base, here) = (platform.url(), ("sec-fetch-site", "same-origin"));
    let bad: &[(&[(&str, &str)], &[(&str, &str)])] = &[
        (&[("csrf", &csrf)], &[]),
        (&[("csrf", &csrf)], &[("origin", "https://example.com")]),
        (&[("csrf", &csrf)], &[("origin", "null")]),
        (&[("csrf", &csrf)], &[("sec-fetch-site", "cross-site"), ("origin", &base)]),
        (&[("csrf", &csrf)], &[("sec-fetch-site", "same-site"), ("origin", &base)]),
        (&[], &[here]),
        (&[("csrf", "")], &[here]),
        (&[("csrf", &foreign)], &[here]),
        (&[("csrf", &csrf[1..])], &[here]),
    ];
    for (fields, headers) in bad {
        let refused = browser.post_from("/sign-out", fields, headers).await;
        assert_eq!(refused.status, 403, "{fields:?} {headers:?}");
        refused.says(&["forged-form"]);
    }
    let (email, password) = (("email", "msp@example.com"), ("password", PASSWORD));
    let elsewhere =
        Browser::open(&platform).post_from("/sign-in", &[email, password], &[("origin", "https://example.com")]).await;
    assert_eq!(elsewhere.status, 403, "nobody is signed in by another site either");
    browser.get("/").await.ok();
    assert_eq!(browser.post_from("/sign-out", &[("csrf", &csrf)], &[("origin", &base)]).await.status, 303);
}

#[tokio::test]
async fn the_cookie_opens_pages_and_not_the_api() {
    let platform = Platform::start(Database::sqlite()).await;
    let mut browser = Browser::sign_in(&platform, "msp@example.com").await;
    assert_eq!(browser.get("/api/v1/devices").await.status, 401);
    let bearer = format!("Bearer {}", platform.msp().await.token);
    let shown = Browser::open(&platform).get_with("/devices", &[("authorization", &bearer)]).await;
    assert_eq!(shown.leads_to(), "/sign-in?return_to=%2Fdevices", "nor does a program's header open pages");
}

#[tokio::test]
async fn errors_are_pages_with_code_and_request_id() {
    let platform = Platform::start(Database::sqlite()).await;
    let mut browser = Browser::sign_in(&platform, "publisher@example.com").await;
    for (path, status, code) in [
        ("/nothing", 404, "not-found"),
        ("/assets/nothing.css", 404, "not-found"),
        ("/devices", 403, "forbidden"),
        ("/store/UPPER/x", 404, "not-found"),
        ("/sign-out", 405, "method-not-allowed"),
        ("/store?q=%FF%00", 200, "Storefront"),
    ] {
        let shown = browser.get(path).await;
        assert_eq!(shown.status, status, "{path}");
        assert!(shown.header("content-type").starts_with("text/html"), "{path}");
        assert!(shown.header("content-security-policy").contains("script-src 'self'"), "{path}");
        let id = shown.header("x-request-id").to_owned();
        let shown = shown.says(&[code]);
        if status != 200 {
            shown.says(&[&id]);
        }
    }
    assert!(browser.get("/api/v1/nothing").await.header("content-type").starts_with("application/problem+json"));
    let large = "a".repeat(300 * 1024);
    assert_eq!(browser.post("/sign-out", &[("x", &large)]).await.status, 413);
}
