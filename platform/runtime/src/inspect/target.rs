//! The component's interface against the worlds of the contract.

use std::collections::BTreeSet;

use fitment_domain::matching::CONTRACT_VERSION;
use fitment_domain::validation::{Inspection, Problem};
use semver::Version;
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Docs, InterfaceId, PackageId, Resolve, SourceMap, Span, Stability, WorldId, WorldItem, WorldKey};

/// The contract as it was when this program was built.
const CONTRACT: &[(&str, &str)] = &[
    ("types.wit", include_str!("../../../../wit/types.wit")),
    ("host.wit", include_str!("../../../../wit/host.wit")),
    ("device.wit", include_str!("../../../../wit/device.wit")),
    ("ticketing.wit", include_str!("../../../../wit/ticketing.wit")),
    ("worlds.wit", include_str!("../../../../wit/worlds.wit")),
];

const PACKAGE_NAME: &str = "fitment:accessory";
const PACKAGE: &str = "fitment:accessory/";
/// Packages of WASI 0.2.
const WASI: &[&str] =
    &["wasi:io", "wasi:cli", "wasi:clocks", "wasi:random", "wasi:filesystem", "wasi:sockets", "wasi:http"];
/// What one report names, so that a component of a thousand imports makes no report of a thousand lines.
const NAMED_MAX: usize = 20;

/// Reads imports and exports, and finds the worlds that the component fits.
pub(super) fn check(bytes: &[u8], inspection: &mut Inspection) {
    let Decoded { imports, exports, wasi } = match interface(bytes) {
        Ok(decoded) => decoded,
        Err(problem) => return inspection.problems.push(problem),
    };
    let (mut contract, package) = match contract(built_against(imports.iter().chain(&exports))) {
        Ok(contract) => contract,
        Err(reason) => return inspection.problems.push(broken(reason)),
    };
    let worlds = accessory_worlds(&contract, package);
    if let Some((resolve, interfaces)) = wasi
        && let Err(reason) = with_wasi(&mut contract, &worlds, resolve, &interfaces)
    {
        return inspection.problems.push(undecodable(&reason));
    }
    unknown_imports(&contract, &worlds, &imports, inspection);
    versions(&contract, package, imports.iter().chain(&exports), inspection);
    inspection.imports = unversioned(&imports);
    inspection.exports = unversioned(&exports);
    if inspection.problems.is_empty() {
        fits(bytes, &contract, &worlds, inspection);
    }
    warn_of_wasi(&imports, inspection);
}

/// Returns the earlier version that a component was built against, if this contract still holds everything of it.
fn built_against<'a>(names: impl Iterator<Item = &'a String>) -> Version {
    let built: BTreeSet<Version> = names
        .filter(|name| name.starts_with(PACKAGE))
        .filter_map(|name| Version::parse(name.split_once('@')?.1).ok())
        .collect();
    let compatible =
        |v: &Version| v.pre.is_empty() && (v.major, v.minor) == (CONTRACT_VERSION.major, CONTRACT_VERSION.minor);
    match built.into_iter().next_back() {
        Some(version) if compatible(&version) && version < CONTRACT_VERSION => version,
        _ => CONTRACT_VERSION,
    }
}

/// Parses the contract under a version's name: within one minor version it only grows, and names are compared exactly.
fn contract(version: Version) -> Result<(Resolve, PackageId), String> {
    let mut sources = SourceMap::new();
    let ours = format!("{PACKAGE_NAME}@{CONTRACT_VERSION};");
    for (path, text) in CONTRACT {
        sources.push_str(path, text.replacen(&ours, &format!("{PACKAGE_NAME}@{version};"), 1));
    }
    let group = sources.parse().map_err(|(_, error)| error.to_string())?;
    let mut resolve = Resolve::new();
    let package = resolve.push_group(group).map_err(|error| error.to_string())?;
    Ok((resolve, package))
}

/// The worlds that an accessory can be built for: those that export something.
fn accessory_worlds(contract: &Resolve, package: PackageId) -> Vec<(String, WorldId)> {
    let worlds = contract.packages[package].worlds.iter();
    worlds.filter(|(_, id)| !contract.worlds[**id].exports.is_empty()).map(|(name, id)| (name.clone(), *id)).collect()
}

/// A component's interface.
struct Decoded {
    imports: Vec<String>,
    exports: Vec<String>,
    /// What it imports of WASI, as it has it.
    wasi: Option<(Resolve, Vec<InterfaceId>)>,
}

const REBUILD: &str = "Build the accessory with the SDK.";

fn interface(bytes: &[u8]) -> Result<Decoded, Problem> {
    match decode(bytes) {
        Ok(DecodedWasm::Component(resolve, world)) => {
            let world = &resolve.worlds[world];
            let imports = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
            let exports = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
            let wasi: Vec<InterfaceId> = world
                .imports
                .iter()
                .filter(|(key, _)| is_wasi(&resolve.name_world_key(key)))
                .filter_map(|(_, item)| if let WorldItem::Interface { id, .. } = item { Some(*id) } else { None })
                .collect();
            let wasi = if wasi.is_empty() { None } else { Some((resolve, wasi)) };
            Ok(Decoded { imports, exports, wasi })
        }
        Ok(DecodedWasm::WitPackage(..)) => Err(Problem::error(
            "wit-package",
            "this is an encoded WIT package: it holds interfaces and no code",
            REBUILD,
        )),
        Err(error) => Err(undecodable(&format!("{error:#}"))),
    }
}

fn undecodable(reason: &str) -> Problem {
    Problem::error("undecodable-interface", format!("the interface does not decode: {reason}"), REBUILD)
}

/// The interfaces of WASI 0.2 that stock toolchains import, whatever the patch version.
fn is_wasi(name: &str) -> bool {
    let package = name.split('/').next().unwrap_or(name);
    WASI.contains(&package) && name.split_once('@').is_some_and(|(_, version)| version.starts_with("0.2."))
}

fn warn_of_wasi(imports: &[String], inspection: &mut Inspection) {
    let wasi = imports.iter().filter(|import| is_wasi(import)).count();
    if wasi == 0 {
        return;
    }
    inspection.problems.push(Problem::warning(
        "imports-wasi",
        format!("the component imports {wasi} interfaces of WASI, which are there and grant nothing"),
        "Leave them out where the toolchain can, for each run starts faster without: build Rust for wasm32-unknown-unknown, \
         JavaScript with every feature disabled, Python with --stub-wasi.",
    ));
}

/// Lets every world offer what a component imports of WASI: the runner answers it with an empty world.
fn with_wasi(
    contract: &mut Resolve,
    worlds: &[(String, WorldId)],
    component: Resolve,
    wasi: &[InterfaceId],
) -> Result<(), String> {
    let moved = contract.merge(component).map_err(|error| format!("{error:#}"))?;
    for id in wasi {
        let id = moved.map_interface(*id, Span::default()).map_err(|error| format!("{error:#}"))?;
        for (_, world) in worlds {
            let (stability, docs, span) = (Stability::Unknown, Docs::default(), Span::default());
            let item = WorldItem::Interface { id, stability, external_id: None, docs, span };
            contract.worlds[*world].imports.insert(WorldKey::Interface(id), item);
        }
    }
    Ok(())
}

fn unknown_imports(contract: &Resolve, worlds: &[(String, WorldId)], imports: &[String], inspection: &mut Inspection) {
    let world_imports = worlds.iter().flat_map(|(_, id)| contract.worlds[*id].imports.keys());
    let known: BTreeSet<String> =
        world_imports.map(|key| without_version(&contract.name_world_key(key)).to_owned()).collect();
    for import in
        imports.iter().filter(|import| !known.contains(without_version(import)) && !is_wasi(import)).take(NAMED_MAX)
    {
        inspection.problems.push(Problem::error(
            "unknown-import",
            format!("import {import} is not in the contract"),
            "Import interfaces of the contract only; docs/permissions.md lists them. Of WASI, 0.2 is there and grants nothing.",
        ));
    }
}

fn versions<'a>(
    contract: &Resolve,
    package: PackageId,
    names: impl Iterator<Item = &'a String>,
    inspection: &mut Inspection,
) {
    let ours = contract.packages[package].name.version.as_ref().map(ToString::to_string).unwrap_or_default();
    let built: BTreeSet<&str> =
        names.filter(|n| n.starts_with(PACKAGE)).filter_map(|n| n.split_once('@')).map(|(_, v)| v).collect();
    inspection.contract = built.last().map(|version| (*version).to_owned());
    for version in built.iter().filter(|version| **version != ours).take(NAMED_MAX) {
        inspection.problems.push(Problem::error(
            "contract-version",
            format!("built against fitment:accessory {version}; this platform hosts {ours}"),
            "Build with the SDK of the version that this platform hosts.",
        ));
    }
}

fn fits(bytes: &[u8], contract: &Resolve, worlds: &[(String, WorldId)], inspection: &mut Inspection) {
    let mut misfits = Vec::new();
    for (name, world) in worlds {
        match wit_component::targets(contract, *world, bytes) {
            Ok(()) => inspection.worlds.push(name.clone()),
            Err(error) => misfits.push(format!("{name}: {}", reason(contract, *world, &inspection.exports, &error))),
        }
    }
    if inspection.worlds.is_empty() {
        inspection.problems.push(Problem::error(
            "no-world",
            format!("the component fits no world of the contract. {}", misfits.join("; ")),
            "Export one of the contract's entry interfaces with its exact types, and import only what its world offers.",
        ));
    }
    if inspection.problems.is_empty() {
        optional(contract, worlds, inspection);
    }
}

/// What is optional may be left out, but not be there in a form that no host would call.
fn optional(contract: &Resolve, worlds: &[(String, WorldId)], inspection: &mut Inspection) {
    let mut problems = Vec::new();
    for export in &inspection.exports {
        let mut offering = worlds.iter().filter(|(_, world)| exports(contract, *world).any(|name| name == *export));
        let fits = |world: &String| inspection.worlds.contains(world);
        if offering.clone().next().is_some() && !offering.any(|(world, _)| fits(world)) {
            problems.push(Problem::error(
                "optional-interface",
                format!("{export} is exported, but not as this version of the contract has it"),
                "Export it with its exact types, or leave it out.",
            ));
        }
    }
    inspection.problems.extend(problems);
}

fn exports(contract: &Resolve, world: WorldId) -> impl Iterator<Item = String> {
    contract.worlds[world].exports.keys().map(|key| without_version(&contract.name_world_key(key)).to_owned())
}

/// What is missing says more than the validator's words about a synthesised component.
fn reason(contract: &Resolve, world: WorldId, exports: &[String], error: &anyhow::Error) -> String {
    let missing: Vec<String> = self::exports(contract, world).filter(|name| !exports.contains(name)).collect();
    if missing.is_empty() {
        let text = format!("{error:#}");
        text.chars().take(300).collect()
    } else {
        format!("does not export {}", missing.join(", "))
    }
}

fn unversioned(names: &[String]) -> Vec<String> {
    names.iter().map(|name| without_version(name).to_owned()).collect()
}

fn without_version(name: &str) -> &str {
    name.split('@').next().unwrap_or(name)
}

fn broken(reason: String) -> Problem {
    Problem::error(
        "inspection-failed",
        format!("the contract inside this program does not parse: {reason}"),
        "Tell the platform's operator: the program is broken, not the upload.",
    )
}
