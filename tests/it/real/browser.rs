//! The console in a real browser: signed in by keyboard, every page looked at, wide and narrow, light and dark, and none with
//! anything to complain about.

use std::path::PathBuf;

use serde_json::json;

use crate::stories::requests;
use crate::support::browser::Browser;
use crate::support::chromium::Chromium;
use crate::support::platform::PASSWORD;
use crate::support::programs::programs;
use crate::support::script;
use crate::support::showcase::Showcase;
use crate::support::wire::HandDevice;

/// Screens in CSS pixels: a desk's and a hand's.
const WIDE: u32 = 1200;
const NARROW: u32 = 390;

/// Where the pictures go: `target/screenshots`.
fn pictures() -> PathBuf {
    let folder = programs().parent().unwrap().join("screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn file_name(role: &str, path: &str, screen: &str) -> String {
    let words: String = path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("{role}{}{screen}.png", words.chars().take(60).collect::<String>().trim_end_matches('-'))
}

/// A window in which somebody has signed in by keyboard alone.
async fn signed_in(url: &str, role: &str) -> Chromium {
    let chromium = Chromium::open().await;
    chromium.go(&format!("{url}/devices")).await;
    std::fs::write(pictures().join("sign-in.png"), chromium.picture().await).unwrap();
    // The first field has the focus.
    chromium.press(&format!("{role}@example.com\u{E004}{PASSWORD}\u{E007}")).await;
    let mut address = chromium.address().await;
    for _ in 0..50 {
        if address == format!("{url}/devices") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        address = chromium.address().await;
    }
    assert_eq!(address, format!("{url}/devices"), "the form leads to where one wanted to go");
    chromium.complaints().await;
    chromium
}

/// Looks at the page that is shown, on each screen.
async fn look(chromium: &Chromium, role: &str, path: &str) {
    for (screen, width, dark) in [("", WIDE, false), ("-narrow", NARROW, false), ("-dark", WIDE, true)] {
        chromium.screen(width, dark).await;
        std::fs::write(pictures().join(file_name(role, path, screen)), chromium.picture().await).unwrap();
        let sideways = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(chromium.evaluate(sideways).await, 0, "{path} is wider than a window of {width}");
    }
    assert_eq!(chromium.complaints().await, Vec::<String>::new(), "{path}");
    assert_eq!(chromium.evaluate("return document.querySelectorAll('h1').length").await, 1, "{path}");
    let unnamed = "return [...document.querySelectorAll('input:not([type=hidden]),select,textarea')].filter(e => !e.labels.length).length";
    assert_eq!(chromium.evaluate(unnamed).await, 0, "{path} has a field without a label");
}

/// Adds what pages of running scripts show: one that waits, one that ended well, and one that failed.
async fn run_scripts(world: &Showcase) {
    script::publish(&world.platform, 0).await;
    let installation = script::install(&world.msp, json!("all")).await;
    let clients = world.msp.get("/api/v1/clients").await.ok();
    let acme = clients["clients"].as_array().unwrap().iter().find(|client| client["name"] == "Acme").unwrap();
    let asked = json!({ "client": acme["id"] });
    let bundle = world.msp.post("/api/v1/zero-certificates", asked).await.ok()["bundle"].clone();
    let device = HandDevice::enrol(&bundle).await;
    script::ask(&world.msp, &installation, &[world.device("files-01"), world.device("till-01")]).await;
    let ends = [
        json!({ "done": { "changed": true, "summary": "nginx runs again", "output": [["unit", "nginx.service"], ["before", "failed"]] } }),
        json!({ "failed": { "kind": "deadline", "message": "it took longer than 30 s" } }),
    ];
    for (ending, sequence) in ends.into_iter().zip(1..) {
        let request = script::ask(&world.msp, &installation, &[device.enrolled.device.as_str()]).await;
        let transaction = request["executions"][0]["transaction"].as_str().unwrap().to_owned();
        requests::poll(&device, true, true).await;
        let order = requests::fetch(&device, &transaction).await;
        requests::call(&device, &transaction, "/start", json!({ "key": requests::KEY })).await;
        requests::report(&device, &order, sequence, ending).await;
    }
}

#[tokio::test]
async fn every_page_is_drawn_by_a_real_browser_without_a_complaint() {
    let world = Showcase::build().await;
    for accessory in ["cpu", "http", "restart-service", "tls-certificate", "service-health"] {
        world.platform.publish(accessory).await;
    }
    run_scripts(&world).await;
    let url = world.platform.url();
    for role in ["msp", "client", "publisher", "operator"] {
        let chromium = signed_in(&url, role).await;
        chromium.go(&url).await;
        chromium.press("\u{E004}").await;
        assert_eq!(
            chromium.evaluate("return document.activeElement.className").await,
            "skip",
            "content is one key away"
        );
        let pages = Browser::sign_in(&world.platform, &format!("{role}@example.com")).await.crawl().await;
        for (path, page) in pages {
            if !page.header("content-type").starts_with("text/html") || path.starts_with("/audit?") {
                continue;
            }
            chromium.go(&format!("{url}{path}")).await;
            // What is folded away is looked at too.
            chromium.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)").await;
            look(&chromium, role, &path).await;
        }
    }
}

/// Sends a form of a page as it is filled in here, without what the browser itself would refuse, and waits for the answer.
async fn send(chromium: &Chromium, page: &str, form: &str, fields: &[(&str, &str)]) {
    chromium.go(page).await;
    let fields = json!(fields);
    let script = format!(
        "const form = document.querySelector('form[action=\"{form}\"]'); form.noValidate = true; \
         for (const [name, value] of {fields}) {{ const field = form.elements[name]; field.value = value; }} form.submit();"
    );
    chromium.evaluate(&script).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
}

#[tokio::test]
async fn what_is_wrong_in_a_form_is_shown_by_a_real_browser() {
    let world = Showcase::build().await;
    script::publish(&world.platform, 0).await;
    let works = script::install(&world.msp, json!("all")).await;
    let url = world.platform.url();
    let chromium = signed_in(&url, "msp").await;
    let installation = format!("/installations/{}", world.installation);
    let alerts = world.msp.get("/api/v1/alerts").await.ok();
    let close = format!("/alerts/{}/close", alerts["alerts"][0]["id"].as_str().unwrap());
    let long = "much too long ".repeat(10);
    for (name, page, form, fields) in [
        (
            "install",
            "/store/fitment/disk-space/install?version=0.1.0",
            "/store/fitment/disk-space/install",
            [("set.warning_percent", "200")],
        ),
        (
            "change",
            &*format!("{installation}/change"),
            &*format!("{installation}/change"),
            [("set.warning_percent", "200")],
        ),
        ("run", &*format!("/installations/{works}/run"), &*format!("/installations/{works}/run"), [("set.times", "0")]),
        ("people", "/people", "/people", [("password", "short")]),
        ("account", "/account", "/account/password", [("old", "not the password")]),
        ("alerts", "/alerts", &*close, [("reason", &*long)]),
    ] {
        send(&chromium, &format!("{url}{page}"), form, &fields).await;
        assert_eq!(chromium.address().await, format!("{url}{form}"));
        let told = "return document.querySelectorAll('[role=alert],.field-problem').length > 0";
        assert_eq!(chromium.evaluate(told).await, true, "{name} says what is wrong");
        // The browser itself notes in its console that the answer was an error.
        chromium.complaints().await;
        look(&chromium, "wrong", &format!("/{name}")).await;
    }
}
