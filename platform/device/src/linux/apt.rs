//! dpkg's status and apt's lists: deb822 stanzas, read line by line, because a list is tens of megabytes.

mod version;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::Unreadable;
use crate::packages::Pending;

const LISTS: &str = "var/lib/apt/lists";
const STATUS: &str = "var/lib/dpkg/status";
/// Bytes of one list, unpacked, and of all that are read.
const LIST_BYTES_MAX: u64 = 512 * 1024 * 1024;
const LINE_BYTES_MAX: u64 = 1024 * 1024;
const INSTALLED_MAX: usize = 50_000;

/// Times and sizes of everything that was read.
pub(super) type Fingerprint = Vec<(PathBuf, Option<SystemTime>, u64)>;

/// Returns what changes when the answer may.
pub(super) fn fingerprint(root: &Path) -> Fingerprint {
    let mut paths = lists(root);
    paths.push(root.join(STATUS));
    let stamp = |path: PathBuf| match path.metadata() {
        Ok(metadata) => (path, metadata.modified().ok(), metadata.len()),
        Err(_) => (path, None, 0),
    };
    paths.into_iter().map(stamp).collect()
}

/// Returns the files with packages, ordered by name.
pub(super) fn lists(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root.join(LISTS)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            ["", ".lz4", ".gz", ".xz", ".zst", ".bz2"].iter().any(|e| name(path).ends_with(&format!("_Packages{e}")))
        })
        .collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What is known of one installed package.
struct Installed {
    version: String,
    architecture: String,
    newest: Option<String>,
    security: bool,
}

/// Compares what is installed with every list.
pub(super) fn pending(root: &Path) -> Result<Vec<Pending>, Unreadable> {
    let mut installed = installed(root)?;
    for list in lists(root) {
        let release = Release::of(&list);
        if release.only_on_request {
            continue;
        }
        read_list(&list, |name, version, architecture| {
            for package in installed.get_mut(name).into_iter().flatten() {
                let same =
                    package.architecture == architecture || [architecture, &package.architecture].contains(&"all");
                if same && version::compare(version, &package.version) == Ordering::Greater {
                    package.security |= release.security;
                    let newer =
                        package.newest.as_deref().is_none_or(|n| version::compare(version, n) == Ordering::Greater);
                    if newer {
                        package.newest = Some(version.to_owned());
                    }
                }
            }
        })?;
    }
    let pending = installed.into_iter().flat_map(|(name, packages)| {
        packages.into_iter().filter_map(move |package| {
            let update = package.newest?;
            Some(Pending { name: name.clone(), version: package.version, update, security: package.security })
        })
    });
    Ok(pending.collect())
}

/// Several architectures of one package may be installed.
fn installed(root: &Path) -> Result<BTreeMap<String, Vec<Installed>>, Unreadable> {
    let file = File::open(root.join(STATUS)).map_err(|source| Unreadable::Io { what: "dpkg's status", source })?;
    let mut all: BTreeMap<String, Vec<Installed>> = BTreeMap::new();
    let mut count = 0;
    stanzas(BufReader::new(file), &["Package", "Status", "Version", "Architecture"], |values| {
        let [name, status, version, architecture] = values else { return };
        if *status == "install ok installed" && count < INSTALLED_MAX {
            count += 1;
            all.entry((*name).to_owned()).or_default().push(Installed {
                version: (*version).to_owned(),
                architecture: (*architecture).to_owned(),
                newest: None,
                security: false,
            });
        }
    })?;
    Ok(all)
}

fn read_list(list: &Path, mut found: impl FnMut(&str, &str, &str)) -> Result<(), Unreadable> {
    let file = File::open(list).map_err(|source| Unreadable::Io { what: "apt's lists", source })?;
    let file_name = name(list);
    let text: Box<dyn Read> = match file_name.rsplit_once("_Packages").map(|(_, ending)| ending) {
        Some("") => Box::new(file),
        Some(".lz4") => Box::new(lz4_flex::frame::FrameDecoder::new(file)),
        Some(other) => return Err(Unreadable::Unsupported(format!("apt's lists packed as {other}"))),
        None => return Ok(()),
    };
    let text = BufReader::with_capacity(64 * 1024, text.take(LIST_BYTES_MAX));
    stanzas(text, &["Package", "Version", "Architecture"], |values| {
        if let [name, version, architecture] = values {
            found(name, version, architecture);
        }
    })
}

/// Calls `stanza` with the values of some fields for each stanza; a field that is missing is empty.
fn stanzas(mut text: impl BufRead, fields: &[&str], mut stanza: impl FnMut(&[&str])) -> Result<(), Unreadable> {
    let mut values = vec![String::new(); fields.len()];
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut text).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        let read = read.map_err(|source| Unreadable::Io { what: "a list of packages", source })?;
        let bare = line.trim_ascii_end();
        if bare.is_empty() {
            if values.iter().any(|value| !value.is_empty()) {
                let texts: Vec<&str> = values.iter().map(String::as_str).collect();
                stanza(&texts);
                values.iter_mut().for_each(String::clear);
            }
            if read == 0 {
                return Ok(());
            }
            continue;
        }
        let known = fields
            .iter()
            .position(|field| bare.strip_prefix(field.as_bytes()).is_some_and(|rest| rest.starts_with(b":")));
        if let Some(index) = known {
            let value = String::from_utf8_lossy(&bare[fields[index].len() + 1..]);
            values[index] = value.trim().to_owned();
        }
    }
}

/// What the archive of a list says of itself.
#[derive(Default)]
struct Release {
    security: bool,
    /// Back-ports: apt installs from there only what a person names.
    only_on_request: bool,
}

impl Release {
    /// Reads the `InRelease` or `Release` whose name begins like the list's.
    fn of(list: &Path) -> Self {
        let list_name = name(list);
        let Some(at) = list_name.find("_dists_") else { return Self::default() };
        let mut release = Self::default();
        // The suite follows, itself perhaps with underscores: the longest name that fits is its own.
        let ends: Vec<usize> = list_name.match_indices('_').map(|(index, _)| index).filter(|i| *i > at + 6).collect();
        for end in ends.into_iter().rev() {
            for kind in ["InRelease", "Release"] {
                let path = list.with_file_name(format!("{}_{kind}", &list_name[..end]));
                if let Ok(file) = File::open(path) {
                    release.read(BufReader::new(file));
                    return release;
                }
            }
        }
        release
    }

    fn read(&mut self, text: impl BufRead) {
        for line in text.take(64 * 1024).lines().map_while(Result::ok) {
            let Some((field, value)) = line.split_once(':') else { continue };
            let value = value.trim().to_ascii_lowercase();
            match field {
                "Suite" | "Codename" | "Label" => self.security |= value.contains("security"),
                "NotAutomatic" => self.only_on_request |= value == "yes",
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::write;
    use super::*;

    #[test]
    fn newer_versions_of_installed_packages_are_pending_and_security_ones_say_so() {
        let root = tempfile::tempdir().expect("a folder");
        let stanza = |name: &str, version: &str, rest: &str| {
            format!("Package: {name}\n{rest}Version: {version}\nArchitecture: amd64\n\n")
        };
        let installed = "Status: install ok installed\n";
        let status = [
            stanza("bash", "5.2-1", installed),
            stanza("gone", "1.0", "Status: deinstall ok config-files\n"),
            stanza("held", "1.0", "Status: hold ok installed\n"),
            stanza("openssl", "3.0.1-1", installed),
            stanza("tool", "1.0", installed),
        ];
        write(root.path(), STATUS, &status.concat());
        let list = |archive: &str, text: &[String]| {
            write(root.path(), &format!("{LISTS}/{archive}_main_binary-amd64_Packages"), &text.concat());
        };
        list(
            "m_dists_stable",
            &[
                stanza("bash", "5.2-2", ""),
                stanza("held", "2.0", ""),
                stanza("gone", "2.0", ""),
                stanza("openssl", "3.0.1-1", ""),
            ],
        );
        list("m_dists_stable-security", &[stanza("openssl", "3.0.1-1+deb12u1", "")]);
        list("m_dists_stable-backports", &[stanza("tool", "9.0", "")]);
        write(root.path(), &format!("{LISTS}/m_dists_stable_InRelease"), "Suite: stable\n");
        write(
            root.path(),
            &format!("{LISTS}/m_dists_stable-security_InRelease"),
            "Suite: stable-security\nLabel: Debian-Security\n",
        );
        write(
            root.path(),
            &format!("{LISTS}/m_dists_stable-backports_Release"),
            "Suite: stable-backports\nNotAutomatic: yes\n",
        );
        let pending = pending(root.path()).expect("lists");
        let one = |name: &str, version: &str, update: &str, security| Pending {
            name: name.to_owned(),
            version: version.to_owned(),
            update: update.to_owned(),
            security,
        };
        assert_eq!(pending, [one("bash", "5.2-1", "5.2-2", false), one("openssl", "3.0.1-1", "3.0.1-1+deb12u1", true)]);
    }

    #[test]
    fn a_list_that_cannot_be_unpacked_is_said_and_not_taken_for_empty() {
        let root = tempfile::tempdir().expect("a folder");
        write(root.path(), STATUS, "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n");
        write(root.path(), &format!("{LISTS}/m_dists_s_main_binary-amd64_Packages.xz"), "");
        assert!(matches!(pending(root.path()), Err(Unreadable::Unsupported(_))));
    }
}
