//! `fitment publish`

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use fitment_domain::bytes::Digest;
use fitment_domain::release::{RELEASE_TYPE, ReleaseStatement};
use fitment_domain::signature::{Envelope, PublicKey, Signer};
use fitment_domain::validation::{Problem, Report, Severity};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::{check, sign};
use crate::api::Api;
use crate::context::Context;
use crate::failure::{Failure, problem_lines};
use crate::package_files::{self, PackageFiles};
use crate::project::{FILE, Project};
use crate::{key, rules, table};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Accessories' folders, or components that `fitment build` wrote
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    files: Vec<PathBuf>,
    /// The secret key [default: publisher.key in the folder of profiles]; not needed for what is signed already
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Register this key in the place of the one that the marketplace knows
    #[arg(long)]
    new_key: bool,
    /// Do not use it at once in the test tenant
    #[arg(long)]
    no_test: bool,
}

/// Checks, signs where nobody has, and uploads.
pub async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let api = context.api()?;
    let key = match &arguments.key {
        Some(path) => Some(key::load_needed(path)?),
        None => key::load(&key::default_path()?)?,
    };
    let account = api.get(&["me"], &[]).await?;
    let tries = !arguments.no_test && account["test_tenant"].is_string();
    if let Some(key) = &key {
        register_key(&api, &account, &PublicKey::of(key), arguments.new_key).await?;
    }
    let mut answers = Vec::new();
    let published = publish_all(context, &api, arguments, key.as_ref(), tries, &mut answers).await;
    // What was published is told, also where a later one was not.
    match answers.as_slice() {
        [one] if context.json && arguments.files.len() == 1 => table::json(one),
        several if context.json && arguments.files.len() > 1 => table::json(&json!({ "published": several })),
        _ => {}
    }
    published
}

async fn publish_all(
    context: &Context,
    api: &Api,
    arguments: &Arguments,
    key: Option<&SigningKey>,
    tries: bool,
    answers: &mut Vec<Value>,
) -> Result<(), Failure> {
    let mut refused = 0_usize;
    for path in &arguments.files {
        match publish(context, api, path, key, tries).await {
            Ok(answer) => answers.push(answer),
            // The others are judged all the same; what is wrong here would be wrong for them too only if it is no refusal.
            Err(Failure::Refused(why)) if arguments.files.len() > 1 => {
                refused += 1;
                eprintln!("error: {why}");
            }
            Err(other) => return Err(other),
        }
    }
    if refused > 0 {
        Err(Failure::refused(format!("{refused} of {} were not published", arguments.files.len())))
    } else {
        Ok(())
    }
}

/// Registers the first key by itself. Another one in its place is what a thief would register too, so somebody has to say so.
async fn register_key(api: &Api, account: &Value, public: &PublicKey, new_key: bool) -> Result<(), Failure> {
    match account["public_key"].as_str() {
        Some(known) if known == public.to_string() => return Ok(()),
        Some(known) if !new_key => confirm(known, public)?,
        _ => {}
    }
    api.put(&["publisher", "key"], &json!({ "public_key": public })).await?;
    Ok(())
}

fn confirm(known: &str, public: &PublicKey) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::environment(format!(
            "the marketplace knows another key of yours ({known}): sign with that one, or register {public} in its place with --new-key"
        )));
    }
    eprint!("The marketplace knows the key {known}. Register {public} in its place? [y/N] ");
    let _ = io::stderr().flush();
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|e| Failure::environment(format!("nobody answered: {e}")))?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::refused("nothing was published: the key stays as it is")),
    }
}

async fn publish(
    context: &Context,
    api: &Api,
    path: &Path,
    key: Option<&SigningKey>,
    tries: bool,
) -> Result<Value, Failure> {
    let files = if path.is_dir() {
        let project = Project::read(path)?;
        let files = PackageFiles::read(&package_files::built(path, &project.manifest)?)?;
        if files.package.manifest != project.manifest || files.listing != project.listing {
            return Err(Failure::environment(format!(
                "{} or a text beside it has changed since {} was built: build again",
                path.join(FILE).display(),
                files.path.display()
            )));
        }
        package_files::check_built_from(path, &files.path)?;
        files
    } else {
        PackageFiles::read(path)?
    };
    let problems = local_problems(&files).await?;
    if !(Report { problems: problems.clone() }).accepts() {
        let lines: Vec<String> = problems.iter().map(problem_lines).collect();
        return Err(Failure::refused(format!(
            "{} is not uploaded: the marketplace would refuse it\n{}",
            files.name(),
            lines.join("\n")
        )));
    }
    let statement = statement(&files, key)?;
    let part = |bytes: &[u8], name: &'static str, kind: &str| {
        let part = Part::bytes(bytes.to_vec()).file_name(name).mime_str(kind);
        part.map_err(|e| Failure::environment(format!("the upload cannot be put together: {e}")))
    };
    let form = Form::new()
        .part("component", part(&files.component, "component.wasm", "application/wasm")?)
        .part("statement", part(&statement, "statement.json", "application/json")?)
        .part("listing", part(&files.listing_bytes, "listing.json", "application/json")?);
    let mut answer = api.post_form(&["releases"], form).await?;
    report(context, &files, &answer);
    if tries {
        answer["test"] = try_it(context, api, &files).await?;
    }
    Ok(answer)
}

/// Lets the publisher's own test tenant use the release, before anybody approves it.
async fn try_it(context: &Context, api: &Api, files: &PackageFiles) -> Result<Value, Failure> {
    let (name, version) = (&files.package.manifest.name, files.package.manifest.version.to_string());
    let answer = api.post(&["releases", &name.publisher, &name.name, &version, "test"], &json!({})).await?;
    if !context.json {
        table::line(format!("test tenant {} can install it now", table::text(&answer, "tenant")));
    }
    Ok(answer)
}

/// The marketplace inspects for itself, so a machine without the inspector can publish.
async fn local_problems(files: &PackageFiles) -> Result<Vec<Problem>, Failure> {
    match check::of_package(files).await {
        Err(Failure::Environment(why)) => {
            eprintln!("warning: {why}. The marketplace will inspect it.");
            Ok(rules::of_texts(&files.package.manifest, &files.listing))
        }
        other => other,
    }
}

/// Returns the signed statement of exactly these files: the one beside them, or a new one.
fn statement(files: &PackageFiles, key: Option<&SigningKey>) -> Result<Vec<u8>, Failure> {
    let signers: Vec<(Signer, PublicKey)> =
        key.map(|key| (Signer::Publisher, PublicKey::of(key))).into_iter().collect();
    let present = files.statement()?;
    let speaks_of_these = |bytes: &Vec<u8>| {
        let opened =
            Envelope::from_json(bytes).and_then(|envelope| envelope.open::<ReleaseStatement>(RELEASE_TYPE, &signers));
        opened.is_ok_and(|said| {
            said.digest == files.package.digest && said.listing_digest == Digest::of(&files.listing_bytes)
        })
    };
    match (present.filter(speaks_of_these), key) {
        (Some(bytes), _) => Ok(bytes),
        (None, Some(key)) => sign::sign(files, key),
        (None, None) => Err(Failure::environment(format!(
            "{} is not signed, and there is no key here: make one with `fitment keygen`, name yours with --key FILE, or run `fitment sign` where the key is",
            files.name()
        ))),
    }
}

fn report(context: &Context, files: &PackageFiles, answer: &Value) {
    if context.json {
        return;
    }
    let problems: Vec<Problem> = serde_json::from_value(answer["report"]["problems"].clone()).unwrap_or_default();
    check::print(&problems);
    let state = table::text(answer, "release.state");
    let warnings = problems.iter().filter(|problem| problem.severity == Severity::Warning).count();
    let next = if state == "in-review" { "; the marketplace's operator reviews it now" } else { "" };
    table::line(format!(
        "uploaded {}: {state}, {warnings} warnings, sha256 {}{next}",
        files.name(),
        files.package.digest
    ));
}
