//! What pages are dressed with: one style sheet and one icon, part of the program.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderName, header};
use fitment_domain::bytes::Digest;

use crate::problem::Problem;

const STYLE: &str = include_str!("../../assets/console.css");
const ICON: &str = include_str!("../../assets/icon.svg");

/// The style sheet's own digest is in its address: a browser keeps it until there is another one.
static STYLE_PATH: LazyLock<String> =
    LazyLock::new(|| format!("/assets/console-{:.12}.css", Digest::of(STYLE.as_bytes()).as_str()));

/// Returns the address of the style sheet.
pub(super) fn style_path() -> &'static str {
    &STYLE_PATH
}

/// Serves an asset by its name.
pub(super) async fn show(Path(name): Path<String>) -> Result<([(HeaderName, &'static str); 2], &'static str), Problem> {
    let (kind, text) = match name.as_str() {
        "icon.svg" => ("image/svg+xml", ICON),
        style if style_path().strip_prefix("/assets/") == Some(style) => ("text/css; charset=utf-8", STYLE),
        _ => return Err(Problem::not_found("asset")),
    };
    let kept = "public, max-age=31536000, immutable";
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, kept)], text))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Text and what lies below it. Boundaries of controls need 3 : 1, texts 4.5 : 1 (WCAG 2.2, 1.4.3 and 1.4.11).
    const PAIRS: &[(&str, &str)] = &[
        ("text", "ground"),
        ("text", "panel"),
        ("text", "calm-ground"),
        ("quiet", "ground"),
        ("quiet", "panel"),
        ("quiet", "calm-ground"),
        ("link", "ground"),
        ("link", "panel"),
        ("on-main", "main"),
        ("good", "good-ground"),
        ("warn", "warn-ground"),
        ("bad", "bad-ground"),
        ("bad", "panel"),
        ("warn", "panel"),
        ("calm", "calm-ground"),
    ];

    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let byte = colour.get(at..at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or_default();
            let share = f64::from(byte) / 255.0;
            if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn colours(block: &str) -> BTreeMap<&str, &str> {
        let block = block.split('}').next().unwrap_or_default();
        let pairs = block.split(';').filter_map(|pair| pair.trim().strip_prefix("--")?.split_once(": #"));
        pairs.collect()
    }

    #[test]
    fn every_text_contrasts_with_its_ground() {
        for block in STYLE.split(":root {").skip(1) {
            let colours = colours(block);
            for (text, ground) in PAIRS {
                let ratio = contrast(colours[text], colours[ground]);
                assert!(ratio >= 4.5, "{text} on {ground}: {ratio:.2} : 1");
            }
        }
        assert!(contrast("777777", "ffffff") < 4.5, "the measure itself sees what is too pale");
    }
}
