//! The folder of one demo: whatever it makes on this machine lies here.

use std::fs::{self, DirBuilder, File};
use std::io::Read as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::shell;
use crate::workspace::Workspace;

/// Where one demo keeps its things, and the number that tells it from every other.
pub(crate) struct State {
    pub(crate) root: PathBuf,
    /// 128 random bits, in hexadecimal.
    pub(crate) nonce: String,
}

impl State {
    /// Makes a new folder below the build output.
    pub(crate) fn create(workspace: &Workspace) -> Result<Self> {
        let all = workspace.target.join("demo");
        fs::create_dir_all(&all).with_context(|| format!("cannot make {}", all.display()))?;
        let time = shell::answer("date", &["+%Y%m%d-%H%M%S"]).context("the program `date` does not answer")?;
        let random = random_hex()?;
        let root = all.join(format!("{time}-{}", random.get(..6).unwrap_or_default()));
        // Others may pass, as a monitor without rights must, and read nothing.
        DirBuilder::new().mode(0o711).create(&root).with_context(|| format!("cannot make {}", root.display()))?;
        // The kernel names mounts by their real path.
        let root = root.canonicalize().with_context(|| format!("cannot find {}", root.display()))?;
        for folder in ["logs", "pids"] {
            DirBuilder::new().mode(0o700).create(root.join(folder)).context("cannot make a folder for logs")?;
        }
        Ok(Self { root, nonce: random_hex()? })
    }

    /// Returns a place in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Writes places in the folder without the way to it, which lines of progress need not repeat.
    pub(crate) fn shortened(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.root.display()), "…/")
    }

    /// Returns where a program's output goes.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.root.join("logs").join(name)
    }
}

/// Returns 128 random bits in hexadecimal.
pub(crate) fn random_hex() -> Result<String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).context("no randomness")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
