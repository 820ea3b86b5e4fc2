//! The compiler program: one process per question, ended by time.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use fitment_domain::artifact::{ARTIFACT_BYTES_MAX, Build, Target};
use fitment_domain::validation::{Inspection, Problem};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

use crate::program::{command, ending};

const IDENTITY_WAIT_MAX: Duration = Duration::from_secs(20);
const INSPECT_WAIT_MAX: Duration = Duration::from_secs(60);
/// The program's own limit is 60 s of processor; a busy machine makes more wall time of it.
const COMPILE_WAIT_MAX: Duration = Duration::from_secs(180);
const REPORT_BYTES_MAX: usize = 4 * 1024 * 1024;
const ERROR_BYTES_MAX: usize = 16 * 1024;
/// A large component takes 2 GiB of address space and all of one processor.
const AT_A_TIME: usize = 2;

/// Why the compiler program gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CompilerError {
    #[error("{program} cannot be started: {source}")]
    Spawn { program: String, source: std::io::Error },
    #[error("the compiler program did not answer within {seconds} s and was ended")]
    TimedOut { seconds: u64 },
    #[error("the compiler program failed: {how}{}{stderr}", if stderr.is_empty() { "" } else { ": " })]
    Failed { how: String, stderr: String },
    #[error("the compiler program wrote more than {bytes} bytes")]
    TooLarge { bytes: usize },
    #[error("the compiler program's answer does not parse: {0}")]
    Malformed(String),
    #[error("the pipe to the compiler program broke: {0}")]
    Pipe(std::io::Error),
}

/// What compiled code depends on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Identity {
    /// The same text as the runner's.
    pub(crate) engine: String,
    /// The compiler's hash over everything that code generation depends on.
    pub(crate) compatibility: String,
    /// Which compiler it is, whatever it runs on.
    pub(crate) build: Build,
}

/// Asks the compiler program.
#[derive(Debug)]
pub struct Compiler {
    program: PathBuf,
    places: Semaphore,
}

impl CompilerError {
    /// Returns whether this says something about the component; the rest is the machine's fault and may be well in a moment.
    pub fn is_about_the_component(&self) -> bool {
        !matches!(self, CompilerError::Spawn { .. } | CompilerError::Pipe(_))
    }
}

impl Compiler {
    /// Names the program; it is started per question.
    pub fn new(program: PathBuf) -> Self {
        Self { program, places: Semaphore::new(AT_A_TIME) }
    }

    /// Asks what compiled code depends on.
    pub(crate) async fn identity(&self) -> Result<Identity, CompilerError> {
        let answer = self.ask(&["identity"], &[], REPORT_BYTES_MAX, IDENTITY_WAIT_MAX).await?;
        serde_json::from_slice(&answer).map_err(|e| CompilerError::Malformed(e.to_string()))
    }

    /// Asks which compiler it is.
    pub async fn build(&self) -> Result<Build, CompilerError> {
        Ok(self.identity().await?.build)
    }

    /// Inspects a component. A crash or a time-out is a finding too: whatever made it happen must not be published.
    pub async fn inspect(&self, component: &[u8]) -> Inspection {
        let answer = self.ask(&["inspect"], component, REPORT_BYTES_MAX, INSPECT_WAIT_MAX).await;
        let parsed =
            answer.and_then(|a| serde_json::from_slice(&a).map_err(|e| CompilerError::Malformed(e.to_string())));
        parsed.unwrap_or_else(|error| Inspection {
            problems: vec![Problem::error(
                "inspection-failed",
                error.to_string(),
                "Build the component with the SDK's tools; if it was, tell the platform's operator.",
            )],
            ..Inspection::default()
        })
    }

    /// Compiles a component for this machine.
    pub(crate) async fn compile(&self, component: &[u8]) -> Result<Vec<u8>, CompilerError> {
        self.ask(&["compile"], component, ARTIFACT_BYTES_MAX, COMPILE_WAIT_MAX).await
    }

    /// Compiles a component for every machine of a target: whoever does so with this compiler gets these bytes.
    pub async fn compile_for(&self, component: &[u8], target: Target) -> Result<Vec<u8>, CompilerError> {
        self.ask(&["compile-for", target.as_str()], component, ARTIFACT_BYTES_MAX, COMPILE_WAIT_MAX).await
    }

    async fn ask(
        &self,
        question: &[&str],
        input: &[u8],
        bytes_max: usize,
        wait_max: Duration,
    ) -> Result<Vec<u8>, CompilerError> {
        // The semaphore is never closed.
        let _place = self.places.acquire().await;
        let answer = tokio::time::timeout(wait_max, self.converse(question, input, bytes_max)).await;
        // Dropping the conversation ends the process.
        answer.map_err(|_elapsed| CompilerError::TimedOut { seconds: wait_max.as_secs() })?
    }

    async fn converse(&self, question: &[&str], input: &[u8], bytes_max: usize) -> Result<Vec<u8>, CompilerError> {
        let mut command = command(&self.program);
        let spawned = command.args(question).spawn();
        let mut child =
            spawned.map_err(|source| CompilerError::Spawn { program: self.program.display().to_string(), source })?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let write = async {
            if let Some(mut stdin) = stdin {
                // A program that refuses early closes the pipe: its answer counts, not the broken write.
                let _ = stdin.write_all(input).await;
            }
        };
        let ((), stdout, stderr) = tokio::join!(write, bounded(stdout, bytes_max), bounded(stderr, ERROR_BYTES_MAX));
        let (stdout, stderr) = (stdout.map_err(CompilerError::Pipe)?, stderr.map_err(CompilerError::Pipe)?);
        let Some(stdout) = stdout else { return Err(CompilerError::TooLarge { bytes: bytes_max }) };
        let status: ExitStatus = child.wait().await.map_err(CompilerError::Pipe)?;
        if status.success() { Ok(stdout) } else { Err(failed(status, &stderr.unwrap_or_default())) }
    }
}

fn failed(status: ExitStatus, stderr: &[u8]) -> CompilerError {
    let text = String::from_utf8_lossy(stderr);
    let printable = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    CompilerError::Failed { how: ending(status), stderr: printable.take(2000).collect() }
}

/// Reads to the end. `None`: there was more than allowed.
async fn bounded(stream: Option<impl AsyncRead + Unpin>, bytes_max: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(bytes_max as u64 + 1).read_to_end(&mut bytes).await?;
    }
    Ok(if bytes.len() > bytes_max { None } else { Some(bytes) })
}
