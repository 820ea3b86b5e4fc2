//! Puts the SDK, the contract and the templates into the program, so that `fitment new` needs no checkout.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Where the files lie in the repository, and what their names begin with in the program.
const FOLDERS: &[(&str, &str)] = &[("../guest/src", "sdk/guest/src"), ("../../wit", "wit"), ("templates", "templates")];
const FILES: &[(&str, &str)] = &[("../guest/README.md", "sdk/guest/README.md")];

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut found = Vec::new();
    for (folder, name) in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        walk(&here.join(folder), name, &mut found)?;
    }
    for (file, name) in FILES {
        println!("cargo::rerun-if-changed={file}");
        found.push(((*name).to_owned(), here.join(file)));
    }
    found.sort();
    let mut code = String::from("&[\n");
    for (name, path) in found {
        writeln!(code, "    ({name:?}, include_str!({:?})),", path.display().to_string()).map_err(io::Error::other)?;
    }
    code.push_str("]\n");
    fs::write(Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("embedded.rs"), code)
}

fn walk(folder: &Path, name: &str, found: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &name, found)?;
        } else {
            found.push((name, entry.path()));
        }
    }
    Ok(())
}
