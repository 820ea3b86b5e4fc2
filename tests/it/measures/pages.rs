//! The server's own time for each page of the console.

use std::collections::BTreeMap;

use serde_json::json;

use super::middle_and_high;
use crate::support::browser::Browser;
use crate::support::package::Packing;
use crate::support::script;
use crate::support::showcase::Showcase;

/// Devices of the one who looks.
const DEVICES: usize = 500;
const ACCESSORIES: usize = 20;
/// Times that scripts were asked for, each on a part of the devices.
const REQUESTS: usize = 50;
/// Times that each page is loaded.
const ROUNDS: usize = 40;
/// What a page may take in the server, in milliseconds.
const BOUND_MS: f64 = 50.0;

/// Reads the server's own time for a page, in milliseconds.
fn server_ms(timing: &str) -> f64 {
    timing.strip_prefix("total;dur=").unwrap().parse().unwrap()
}

#[tokio::test]
async fn pages() {
    let world = Showcase::build().await;
    for number in 1..=ACCESSORIES {
        let name = format!("fitment/accessory-{number}");
        let packed = Packing::of("disk-space")
            .manifest(|m| m.name = fitment_domain::manifest::AccessoryName::parse(&name).unwrap());
        let parts = packed.signed_by(&world.platform.publisher_key);
        world.platform.publish_parts(&format!("accessory-{number}"), "0.1.0", &parts).await;
    }
    world.add_devices(DEVICES - world.devices.len()).await;
    script::publish(&world.platform, 0).await;
    let script = script::install(&world.msp, json!("all")).await;
    let devices = world.msp.get("/api/v1/devices").await.ok();
    let devices: Vec<&str> =
        devices["devices"].as_array().unwrap().iter().map(|device| device["id"].as_str().unwrap()).collect();
    let mut request = String::new();
    for some in devices.chunks(devices.len() / REQUESTS) {
        script::ask(&world.msp, &script, some).await["id"].as_str().unwrap().clone_into(&mut request);
    }
    let mut msp = Browser::sign_in(&world.platform, "msp@example.com").await;
    let mut operator = Browser::sign_in(&world.platform, "operator@example.com").await;
    let device = format!("/devices/{}", world.device("files-01"));
    let installation = format!("/installations/{}", world.installation);
    let (run, asked) = (format!("/installations/{script}/run"), format!("/requests/{request}"));
    let paths = [
        "/",
        "/store",
        "/store?q=disk",
        "/store/fitment/disk-space?version=0.1.0",
        "/store/fitment/disk-space/install?version=0.1.0",
        "/installations",
        &installation,
        &run,
        "/requests",
        &asked,
        "/devices",
        "/devices?q=site&page=5",
        &device,
        "/alerts",
        "/tickets",
        "/tickets/1",
        "/people",
        "/audit",
    ];
    let mut figures: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for path in paths {
            let shown = msp.get(path).await.ok();
            let ids = [world.device("files-01"), &world.installation, &script, &request];
            let shape = ids.into_iter().fold(path.to_owned(), |path, id| path.replace(id, "{id}"));
            figures.entry(shape).or_default().push(server_ms(shown.header("server-timing")));
        }
        for path in ["/review", "/releases/fitment/disk-space/0.3.0"] {
            let shown = operator.get(path).await.ok();
            figures.entry(path.to_owned()).or_default().push(server_ms(shown.header("server-timing")));
        }
    }
    println!("server time of each page on SQLite with {DEVICES} devices, N = {ROUNDS} each, in ms (bound {BOUND_MS})");
    let (mut line, mut worst) = (serde_json::Map::new(), (0.0_f64, 0.0_f64));
    for (path, mut times) in figures {
        let (middle, high) = middle_and_high(&mut times);
        worst = (worst.0.max(middle), worst.1.max(high));
        println!("  p50 {middle:>7.2}   p99 {high:>7.2}   {path}");
        line.insert(path, json!({ "p50_ms": middle, "p99_ms": high }));
    }
    let within = worst.1 < BOUND_MS;
    println!(
        "worst: p50 {:.2}, p99 {:.2}; {} the bound of {BOUND_MS} ms",
        worst.0,
        worst.1,
        if within { "within" } else { "NOT within" }
    );
    println!(
        "{}",
        json!({ "n": ROUNDS, "devices": DEVICES, "bound_ms": BOUND_MS, "worst_p50_ms": worst.0, "worst_p99_ms": worst.1, "pages": line })
    );
}
