//! `fitment new` and `fitment vendor`

use std::path::PathBuf;

use fitment_domain::manifest::AccessoryName;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::project::FILE;
use crate::{place, scaffold, table};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What it is: monitor, probe, script or ticketing-connector
    kind: String,
    /// What it is called; also the name of the new folder
    name: String,
    /// Whose it is [default: the publisher that the profile is signed in as]
    #[arg(long, value_name = "NAME")]
    publisher: Option<String>,
    /// The new folder
    #[arg(long, value_name = "FOLDER")]
    path: Option<PathBuf>,
}

/// Makes a project that builds by itself: code, manifest, a first case, and the SDK beside it.
pub async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let kind = known(&arguments.kind)?;
    let publisher = match &arguments.publisher {
        Some(name) => name.clone(),
        None => signed_in(context).await?,
    };
    let name = AccessoryName::parse(&format!("{publisher}/{}", arguments.name))
        .map_err(|e| Failure::environment(e.to_string()))?;
    let folder = arguments.path.clone().unwrap_or_else(|| PathBuf::from(&arguments.name));
    let is_empty = std::fs::read_dir(&folder).map_or(!folder.exists(), |mut entries| entries.next().is_none());
    if !is_empty {
        return Err(Failure::environment(format!(
            "{} exists and is not empty: choose another name, or another folder with --path",
            folder.display()
        )));
    }
    let files = scaffold::write(&folder, kind, &name)?;
    let shown = folder.display();
    if context.json {
        table::json(&json!({ "folder": folder, "name": name, "kind": kind, "files": files }));
        return Ok(());
    }
    table::line(format!("{name} is in {shown}: {}", files.join(", ")));
    table::line(format!("next: cd {shown} && fitment build && fitment test"));
    Ok(())
}

fn known(kind: &str) -> Result<&'static str, Failure> {
    let kinds = scaffold::kinds();
    kinds.iter().find(|known| **known == kind).copied().ok_or_else(|| {
        let hint = place::nearest(kind, kinds.iter().copied())
            .map_or_else(String::new, |near| format!("; did you mean {near}?"));
        Failure::environment(format!("there is no template for kind {kind:?}: known are {}{hint}", kinds.join(", ")))
    })
}

async fn signed_in(context: &Context) -> Result<String, Failure> {
    let how = "say whose it is with --publisher NAME, or sign in as a publisher with `fitment login`";
    let api = context.api().map_err(|e| Failure::environment(format!("{e}; {how}")))?;
    let account = api.get(&["me"], &[]).await?;
    let publisher = account["publisher"].as_str().map(str::to_owned);
    publisher.ok_or_else(|| Failure::environment(format!("profile {} is no publisher: {how}", context.profile)))
}

/// What `fitment vendor` takes.
#[derive(Debug, clap::Args)]
pub struct Vendor {
    /// The accessory's folder, which holds fitment.toml
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// Writes the SDK of this program's version into a project.
pub fn vendor(context: &Context, arguments: &Vendor) -> Result<(), Failure> {
    if !arguments.dir.join(FILE).exists() {
        return Err(Failure::environment(format!(
            "there is no {FILE} in {}: name the accessory's folder",
            arguments.dir.display()
        )));
    }
    let folder = scaffold::vendor(&arguments.dir)?;
    let version = env!("CARGO_PKG_VERSION");
    context.print_done(
        &json!({ "folder": folder, "version": version }),
        &format!("{} holds the SDK {version}", folder.display()),
    );
    Ok(())
}
