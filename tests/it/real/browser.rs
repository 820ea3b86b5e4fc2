//! The console in a real browser: signed in by keyboard, every page looked at, and none with anything to complain about.

use std::path::PathBuf;

use crate::support::browser::Browser;
use crate::support::chromium::Chromium;
use crate::support::platform::PASSWORD;
use crate::support::programs::programs;
use crate::support::showcase::Showcase;

/// Where the pictures go: `target/screenshots`.
fn pictures() -> PathBuf {
    let folder = programs().parent().unwrap().join("screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn file_name(role: &str, path: &str) -> String {
    let words: String = path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("{role}{}.png", words.chars().take(60).collect::<String>().trim_end_matches('-'))
}

#[tokio::test]
async fn every_page_is_drawn_by_a_real_browser_without_a_complaint() {
    let world = Showcase::build().await;
    let url = world.platform.url();
    for role in ["msp", "publisher", "operator"] {
        let chromium = Chromium::open().await;
        chromium.go(&format!("{url}/devices")).await;
        std::fs::write(pictures().join("sign-in.png"), chromium.picture().await).unwrap();
        // By keyboard alone: the first field has the focus.
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
            assert_eq!(chromium.complaints().await, Vec::<String>::new(), "{path}");
            let sideways = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(chromium.evaluate(sideways).await, 0, "{path} is wider than the window");
            assert_eq!(chromium.evaluate("return document.querySelectorAll('h1').length").await, 1, "{path}");
            let unnamed = "return [...document.querySelectorAll('input:not([type=hidden]),select,textarea')].filter(e => !e.labels.length).length";
            assert_eq!(chromium.evaluate(unnamed).await, 0, "{path} has a field without a label");
            std::fs::write(pictures().join(file_name(role, &path)), chromium.picture().await).unwrap();
        }
    }
}
