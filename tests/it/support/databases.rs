//! Empty databases: a SQLite file, or a database in a PostgreSQL cluster that this process made for itself.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use fitment_store::{ObjectsConfig, Store};
use tempfile::TempDir;

use super::ports::free_port;

/// An empty database and a folder for objects; gone when dropped (PostgreSQL's with the cluster).
#[derive(Debug)]
pub(crate) struct Database {
    /// As `Store::open` takes it.
    pub(crate) url: String,
    folder: TempDir,
}

impl Database {
    /// Makes a SQLite database; the file comes with the first opening.
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { url: format!("sqlite://{}", folder.path().join("db.sqlite").display()), folder }
    }

    /// Makes a PostgreSQL database. Its owner is no superuser, so row-level security binds it.
    pub(crate) fn postgres() -> Self {
        Self { url: Cluster::of_this_process().create_database(), folder: tempfile::tempdir().unwrap() }
    }

    /// Takes a database that is there.
    pub(crate) fn at(url: String) -> Self {
        Self { url, folder: tempfile::tempdir().unwrap() }
    }

    /// Returns the folder for objects.
    pub(crate) fn objects(&self) -> PathBuf {
        self.folder.path().join("objects")
    }

    /// Opens a store on it; several may be open at once.
    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.url, ObjectsConfig::Folder(self.objects())).await.unwrap()
    }
}

/// A PostgreSQL cluster: one for all tests of this process, and one of its own for a test that stops it.
pub(crate) struct Cluster {
    folder: PathBuf,
    port: u16,
    databases: AtomicU32,
    /// Wipes the cluster when its input ends, which it does however this process ends.
    _undertaker: Child,
}

impl Cluster {
    fn of_this_process() -> &'static Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        CLUSTER.get_or_init(Self::start)
    }

    /// Makes a cluster and starts it.
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("fitment-postgres-").tempdir().unwrap().keep();
        let port = free_port();
        let undertaker = Command::new("bash")
            .args(["-c", r#"trap '' INT TERM HUP; read -r; bash "$0" wipe "$1""#, SCRIPT])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let cluster = Self { folder, port, databases: AtomicU32::new(0), _undertaker: undertaker };
        cluster.run("start", &[]);
        cluster
    }

    /// Ends it at once.
    pub(crate) fn stop(&self) {
        self.run("stop", &[]);
    }

    /// Starts it again, on what it had kept.
    pub(crate) fn start_again(&self) {
        self.run("start", &[]);
    }

    /// Makes an empty database and returns its URL.
    pub(crate) fn create_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        self.run("createdb", &[&format!("test_{number}")])
    }

    fn run(&self, action: &str, more: &[&str]) -> String {
        let output = Command::new("bash")
            .args([SCRIPT, action])
            .arg(&self.folder)
            .arg(self.port.to_string())
            .args(more)
            .output()
            .unwrap();
        // A test that cannot run is a failure, never skipped in silence.
        assert!(
            output.status.success(),
            "these tests make their own PostgreSQL from the programs of Debian's package `postgresql` \
             (apt-get install postgresql); {action} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/real/postgres.sh");
