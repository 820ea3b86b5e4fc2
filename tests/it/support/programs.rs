//! Where the programs and accessories lie that `cargo verify` built before the tests.

use std::path::PathBuf;

/// Returns the folder of fitment-server, fitment-agent, fitment, fitment-runner and fitment-compiler.
pub(crate) fn programs() -> PathBuf {
    let folder = std::env::var_os("FITMENT_PROGRAMS").map(PathBuf::from).unwrap_or_else(|| {
        // <target>/debug/deps/it-<hash> → <target>/debug
        std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned()
    });
    assert!(
        folder.join("fitment-runner").exists(),
        "{} holds no fitment-runner: run `cargo verify`, which builds it",
        folder.display()
    );
    folder
}

/// Returns the path of one program.
pub(crate) fn program(name: &str) -> PathBuf {
    programs().join(name)
}

/// Returns the cargo that builds guests, where the toolchain's own has no target for them.
pub(crate) fn guest_cargo() -> Option<PathBuf> {
    Some(programs().parent().unwrap().join("guest-cargo/cargo")).filter(|cargo| cargo.exists())
}

/// Returns the built component of a first-party accessory and its listing.
pub(crate) fn accessory(name: &str) -> (Vec<u8>, Vec<u8>) {
    let folder = programs().parent().unwrap().join("accessories");
    let read = |ending: &str| {
        let path = folder.join(format!("fitment-{name}-0.1.0.{ending}"));
        std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}: run `cargo verify`, which builds it", path.display()))
    };
    (read("wasm"), read("listing.json"))
}
