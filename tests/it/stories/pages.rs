//! The console as people meet it: every page for each kind of account, forms that only our own pages can send, and texts of
//! others that stay texts.

use crate::support::browser::Browser;
use crate::support::databases::Database;
use crate::support::platform::{PASSWORD, Platform};
use crate::support::showcase::{HOSTILE, SECRET, Showcase};

const ROLES: &[&str] = &[
    "msp@example.com",
    "viewer@example.com",
    "technician@example.com",
    "client@example.com",
    "publisher@example.com",
    "operator@example.com",
];

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
    let one = browser.get(&format!("/devices/{}?span=day", world.device("files-01"))).await.ok();
    one.says(&[
        "<svg class=\"chart\"",
        "disk.used_percent of /srv in %",
        "at the end, between 60 and 95.6",
        "as a table",
    ]);
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
    #[expect(clippy::type_complexity, reason = "a table of cases, read once")]
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

// proves M8 (by page)
#[tokio::test]
async fn one_installs_by_form_sees_where_it_fits_first_and_takes_it_away_again() {
    let world = Showcase::build().await;
    let mut browser = Browser::sign_in(&world.platform, "msp@example.com").await;
    let path = "/store/fitment/disk-space/install";
    let form = browser.get(&format!("{path}?version=0.1.0")).await.ok();
    let form = form.says(&[
        "Northwind Bakery",
        "Mill Road (Northwind Bakery)",
        "files-01",
        "Warn from",
        "value=\"80\"",
        "May read the machine",
    ]);
    let client = form.html.split("value=\"client:").find(|rest| rest.contains("Northwind Bakery")).unwrap();
    let client = format!("client:{}", client.split('"').next().unwrap());
    let device = format!("device:{}", world.device("till-01"));

    let fields = [("version", "0.1.0"), ("target", &client), ("set.warning_percent", "70"), ("interval_s", "30")];
    let preview = browser.post(path, &[&fields[..], &[("act", "preview")]].concat()).await.ok();
    preview.says(&["Fits 3 of 3 devices there", "till-01: fits", "value=\"70\""]).never_says(&["files-01: fits"]);
    let refused = browser.post(path, &fields).await;
    assert_eq!(refused.status, 409);
    refused.says(&["Agree to each permission", "value=\"70\""]);
    let wrong = [("version", "0.1.0"), ("target", &device), ("consent", "metrics"), ("set.warning_percent", "200")];
    let refused = browser.post(path, &wrong).await;
    assert_eq!(refused.status, 422);
    refused.says(&[
        "aria-invalid=\"true\" aria-describedby=\"set.warning_percent-problem\"",
        "200 is greater than",
        "checked",
    ]);
    let nowhere = [("version", "0.1.0"), ("target", "client:cli_nobody"), ("consent", "metrics")];
    assert_eq!(browser.post(path, &nowhere).await.status, 404);
    assert_eq!(browser.get("/store/fitment/request-tracker/install").await.status, 409, "it runs on the server");
    let hostile = browser.get(&format!("{path}?version=0.2.0")).await.ok();
    hostile.never_says(&[HOSTILE]).says(&["&#60;script&#62;"]);
    let unfit = [("version", "0.2.0"), ("target", "all"), ("consent", "metrics")];
    let refused = browser.post(path, &unfit).await;
    assert_eq!(refused.status, 409);
    refused.says(&["fits none of the 5 devices"]);
    let before = world.msp.get("/api/v1/installations").await.ok();
    assert_eq!(before["installations"].as_array().unwrap().len(), 1, "nothing of this installed anything");

    let good = [&fields[..], &[("consent", "metrics"), ("act", "install")]].concat();
    let dear = browser.post(path, &[&good[..], &[("budget", "memory_bytes_max=1 house")]].concat()).await;
    assert_eq!(dear.status, 422);
    dear.says(&["what a run may spend", "value=\"memory_bytes_max=1 house\"", "value=\"70\""]);
    let good = [&good[..], &[("budget", "memory_bytes_max=64MiB, wall_ms_max=5s")]].concat();
    let installed = browser.post(path, &good).await;
    let page = installed.leads_to().to_owned();
    let shown = browser.get(&page).await.ok();
    shown.says(&[
        "Installed.",
        "client Northwind Bakery",
        "30 s",
        "Warn from",
        "70",
        "memory_bytes_max=64MiB, wall_ms_max=5s",
    ]);
    let after = world.msp.get("/api/v1/installations").await.ok();
    let one = &after["installations"][1];
    assert_eq!((&one["config"]["warning_percent"], &one["interval_s"]), (&70.into(), &30.into()));
    assert_eq!(one["budget"], serde_json::json!({ "memory_bytes_max": 64 * 1024 * 1024, "wall_ms_max": 5_000 }));

    let remove = format!("{}/remove", page.split('?').next().unwrap());
    let mut neighbour = Browser::sign_in(&world.platform, "globex@example.com").await;
    neighbour.get("/").await.ok();
    assert_eq!(neighbour.post(&remove, &[]).await.status, 404, "what is another's is not there");
    assert_eq!(browser.post(&remove, &[]).await.leads_to(), "/installations?done=removed");
    assert_eq!(browser.post(&remove, &[]).await.status, 404);
    browser.get("/installations?done=removed").await.ok().says(&["Removed.", &world.installation]);
}

#[tokio::test]
async fn a_reviewer_reads_the_report_and_approves_by_form() {
    let world = Showcase::build().await;
    let mut operator = Browser::sign_in(&world.platform, "operator@example.com").await;
    operator.get("/review").await.ok().says(&["0.3.0", "Waiting", "metrics"]);
    let path = "/releases/fitment/disk-space/0.3.0";
    operator.get(path).await.ok().says(&[
        "Approve 0.3.0",
        "Report of validation",
        "Reads how full each file system is.",
    ]);
    let mut publisher = Browser::sign_in(&world.platform, "publisher@example.com").await;
    publisher.get(path).await.ok().never_says(&["Approve 0.3.0"]);
    assert_eq!(publisher.post("/releases/fitment/disk-space/0.3.0/approve", &[]).await.status, 403);
    publisher.get("/releases").await.ok().says(&["Refused uploads", "What to do", "0.3.0"]);
    assert_eq!(
        operator.post("/releases/fitment/disk-space/0.3.0/approve", &[]).await.leads_to(),
        "/review?done=approved"
    );
    assert_eq!(operator.post("/releases/fitment/disk-space/0.3.0/approve", &[]).await.status, 409);
    let mut msp = Browser::sign_in(&world.platform, "msp@example.com").await;
    msp.get("/store/fitment/disk-space?version=0.3.0").await.ok().says(&["Fits 5 of your 5 devices"]);
    assert_eq!(msp.get(path).await.status, 403);
    assert_eq!(msp.get("/review").await.status, 403);
}

// proves T1 (clients sign in and see their own on pages)
#[tokio::test]
async fn pages_offer_what_a_role_may_do_and_show_what_is_its_own() {
    let world = Showcase::build().await;
    let of = async |role: &str| Browser::sign_in(&world.platform, &format!("{role}@example.com")).await;
    let foreign = format!("/devices/{}", world.device("till-01"));
    for role in ["client", "technician"] {
        let mut browser = of(role).await;
        for (path, page) in browser.crawl().await {
            assert!(!page.html.contains("till-01") && !page.html.contains("Mill Road"), "{role} sees {path}");
        }
        browser.get("/devices").await.ok().says(&["files-01", "2 of 2"]);
        assert_eq!(browser.get(&foreign).await.status, 404);
    }
    let mut client = of("client").await;
    client.get("/").await.ok().says(&["/devices", "/tickets"]).never_says(&[
        "/store",
        "/installations",
        "/people",
        "/audit",
    ]);
    for path in ["/store", "/installations", "/people", "/audit"] {
        assert_eq!(client.get(path).await.status, 403, "{path}");
    }
    let mut viewer = of("viewer").await;
    let installation = format!("/installations/{}", world.installation);
    viewer.get(&installation).await.ok().never_says(&["Remove"]);
    viewer.get("/store/fitment/disk-space?version=0.1.0").await.ok().never_says(&["/install?"]);
    assert_eq!(viewer.post(&format!("{installation}/remove"), &[]).await.status, 403);
    assert_eq!(viewer.get("/people").await.status, 403);
}

#[tokio::test]
async fn an_owner_adds_changes_and_disables_people_by_form() {
    let world = Showcase::build().await;
    let mut owner = Browser::sign_in(&world.platform, "msp@example.com").await;
    owner.get("/people").await.ok().says(&["viewer@example.com", "Harbour Dental", "technician"]);
    let fields = [("email", "new@example.com"), ("password", PASSWORD), ("role", "viewer")];
    assert_eq!(owner.post("/people", &fields).await.leads_to(), "/people?done=added");
    let again = owner.post("/people", &fields).await;
    assert_eq!(again.status, 409);
    again.says(&["cannot be used", "value=\"new@example.com\""]).never_says(&[PASSWORD]);
    let short = owner.post("/people", &[("email", "x@example.com"), ("password", "short"), ("role", "viewer")]).await;
    assert_eq!(short.status, 422);
    let people = world.msp.get("/api/v1/people").await.ok();
    let id =
        people["people"].as_array().unwrap().iter().find(|p| p["email"] == "new@example.com").unwrap()["id"].clone();
    let path = format!("/people/{}", id.as_str().unwrap());
    assert_eq!(owner.post(&path, &[("role", "technician")]).await.leads_to(), "/people?done=changed");
    let mut person = Browser::sign_in(&world.platform, "new@example.com").await;
    person.get("/").await.ok();
    assert_eq!(person.post(&path, &[("role", "owner")]).await.status, 403);
    assert_eq!(owner.post(&format!("{path}/disable"), &[]).await.leads_to(), "/people?done=disabled");
    assert_eq!(person.get("/devices").await.leads_to(), "/sign-in?return_to=%2Fdevices");
}
