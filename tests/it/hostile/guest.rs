//! From the text of a guest to a component.

use fitment_domain::bytes::Digest;
use fitment_runner_client::ComponentRef;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const TESTS: &str = env!("CARGO_MANIFEST_DIR");
/// The world `stock`: a monitor built by a toolchain that imports WASI.
const WASI: &str = include_str!("guests/wasi.wit");
/// The version of the contract that guests are written against.
pub(super) const VERSION: &str = "0.1.1";

/// Returns a guest as its text stands.
pub(super) fn guest(name: &str) -> ComponentRef {
    guest_with(name, &[])
}

/// Returns a guest with other constants: those of its globals `$name` are replaced.
pub(crate) fn guest_with(name: &str, constants: &[(&str, &str)]) -> ComponentRef {
    let path = format!("{TESTS}/it/hostile/guests/{name}.wat");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let text = constants.iter().fold(text, |text, (global, value)| replaced(&text, global, value));
    guest_of(&text)
}

/// Returns the guest that a text describes.
pub(super) fn guest_of(text: &str) -> ComponentRef {
    let bytes = component(text);
    ComponentRef { digest: Digest::of(&bytes), bytes: bytes.into() }
}

fn replaced(text: &str, global: &str, value: &str) -> String {
    let declared = text.find(&format!("(global ${global} ")).unwrap_or_else(|| panic!("no global ${global}"));
    let begin = declared + text[declared..].find("const ").unwrap() + "const ".len();
    let end = begin + text[begin..].find(')').unwrap();
    format!("{}{value}{}", &text[..begin], &text[end..])
}

/// Makes a component of a core module that names the contract's functions, in the world whose entry it exports.
fn component(text: &str) -> Vec<u8> {
    let module = wat::parse_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let entries = [
        (" \"wasi:", "stock"),
        ("/ticketing@", "ticketing-connector"),
        ("/probe-run@", "probe"),
        ("/script-run@", "script"),
    ];
    let world = entries.iter().find(|(entry, _)| text.contains(entry)).map_or("monitor", |(_, world)| world);
    encoded(module, world, StringEncoding::UTF8).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// Makes a component of a core module in a world of the contract, as an author's tool would do it.
pub(super) fn encoded(mut module: Vec<u8>, world: &str, texts: StringEncoding) -> Result<Vec<u8>, String> {
    let mut contract = Resolve::default();
    let (package, _) = contract.push_dir(format!("{TESTS}/../wit")).unwrap();
    let package = if world == "stock" { contract.push_str("wasi.wit", WASI).unwrap() } else { package };
    let world = contract.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut module, &contract, world, texts).unwrap();
    let encoded = ComponentEncoder::default().validate(true).module(&module).and_then(|mut encoder| encoder.encode());
    encoded.map_err(|e| format!("{e:#}"))
}
