//! How long an author waits from `fitment new` to the first finding on a device, with nothing compiled before.

use std::time::Instant;

use serde_json::json;

use super::middle_and_high;
use crate::stories::author::{project, sign_in};
use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::home::Home;
use crate::support::platform::{PASSWORD, Platform};

const TIMES: usize = 3;
const BOUND_S: f64 = 120.0;

#[tokio::test]
async fn author() {
    let mut figures = Vec::new();
    for number in 0..TIMES {
        let platform = Platform::start(Database::sqlite()).await;
        let outside = tempfile::tempdir().unwrap();
        let home = Home::new(outside.path());
        sign_in(&home, &platform, "author", "publisher@example.com");
        home.ok("author", &["keygen"]);
        let create = ["test-tenant", "create", "--email", "lab@example.com", "--password-stdin"];
        assert!(home.run("author", &create, PASSWORD).status.success());
        sign_in(&home, &platform, "lab", "lab@example.com");
        let lab = platform.sign_in("lab@example.com").await;
        let (_agent, device) = Agent::enrol(&platform, &lab, "agent").await;

        let begun = Instant::now();
        let hello = project(&home, "monitor", "hello", &[], &outside.path().join("target"));
        let built_s = begun.elapsed().as_secs_f64();
        hello.ok("author", &["test"]);
        hello.ok("author", &["publish", "--new-key"]);
        home.ok("lab", &["install", "fitment/hello", "--all", "--yes"]);
        let path = format!("/api/v1/findings?device={device}");
        lab.until(&path, "the first finding", |body| body["findings"][0].is_object()).await;
        let took_s = begun.elapsed().as_secs_f64();
        println!("  {}: {took_s:.1} s, of which {built_s:.1} s until it was built", number + 1);
        figures.push(took_s);
    }
    let (middle, high) = middle_and_high(&mut figures);
    let within = if high <= BOUND_S { "within" } else { "NOT within" };
    println!("`fitment new` to a finding, N = {TIMES}: median {middle:.1} s, {within} the bound of {BOUND_S} s");
    println!("{}", json!({ "n": TIMES, "median_s": middle, "max_s": figures.last(), "bound_s": BOUND_S }));
}
