//! Folders that look like a system's.

use std::path::Path;

/// Writes a file below a root, with the folders that lead to it.
pub(super) fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}
