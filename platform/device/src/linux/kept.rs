//! Small files of procfs(5) that stay open: the kernel writes them anew for whoever reads from their beginning.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;

/// Longer ones are no such file.
const BYTES_MAX: usize = 256;

/// One file, opened when it is read for the first time.
pub(super) struct Kept {
    path: &'static str,
    file: OnceLock<File>,
}

impl Kept {
    /// Names the file.
    pub(super) const fn new(path: &'static str) -> Self {
        Self { path, file: OnceLock::new() }
    }

    /// Reads it as it is now.
    pub(super) fn read(&self) -> io::Result<String> {
        let file = match self.file.get() {
            Some(file) => file,
            None => {
                let opened = File::open(self.path)?;
                self.file.get_or_init(|| opened)
            }
        };
        let mut bytes = [0; BYTES_MAX];
        let read = file.read_at(&mut bytes, 0)?;
        let text = bytes.get(..read).unwrap_or_default();
        String::from_utf8(text.to_vec()).map_err(io::Error::other)
    }
}
