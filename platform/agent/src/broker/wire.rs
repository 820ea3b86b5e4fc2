//! Frames between supervisor and broker: the same shape as the runner's, and smaller.

use std::io::{Read, Write};

use fitment_domain::act::{Act, Done};
use fitment_domain::bytes::Digest;
use fitment_domain::id::InstallationId;
use fitment_domain::look::{Look, Seen};
use fitment_domain::run::{Fault, FrameError, decode_frame, encode_frame, frame_length};
use fitment_domain::signature::Envelope;
use serde::{Deserialize, Serialize};

/// An order of at most 1 MiB with a file of at most 1 MiB, or the largest instruction set that an agent takes; and a little.
pub(super) const ASKED_BYTES_MAX: usize = 17 * 1024 * 1024;
/// A piece of a file of at most 1 MiB, a folder of 10,000 names, or a page of the log.
pub(super) const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// One act or one look, and by what right it is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    pub right: Right,
    pub what: What,
    /// Milliseconds that the run has left.
    pub wait_ms: u32,
}

/// By what the platform signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Right {
    /// A script's run: its order.
    Order(Envelope),
    /// A scheduled run: an installation of the instruction set with this digest. The set comes along when the broker lacks it.
    Item { set: Digest, shown: Option<Envelope>, installation: InstallationId },
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    Act(Act),
    Look(Look),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    Act(Result<Done, Fault>),
    Look(Result<Seen, Fault>),
    /// The broker lacks the set: ask again and show it.
    ShowSet,
}

/// Why the pipe is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum PipeError {
    #[error("the pipe broke: {0}")]
    Pipe(#[from] std::io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Reads one question; none when the supervisor has closed the pipe.
pub(super) fn read_asked(input: &mut impl Read) -> Result<Option<Asked>, PipeError> {
    let mut header = [0; 4];
    match input.read_exact(&mut header) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut bytes = vec![0; frame_length(header, ASKED_BYTES_MAX)?];
    input.read_exact(&mut bytes)?;
    Ok(Some(decode_frame(&bytes)?))
}

/// Writes one answer.
pub(super) fn write(output: &mut impl Write, answer: &Answer) -> Result<(), PipeError> {
    output.write_all(&encode_frame(answer)?)?;
    output.flush()?;
    Ok(())
}
