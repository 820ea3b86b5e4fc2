//! Frames between supervisor and broker: the same shape as the runner's, and smaller.

use std::io::{Read, Write};

use fitment_domain::act::{Act, Done};
use fitment_domain::run::{Fault, FrameError, decode_frame, encode_frame, frame_length};
use fitment_domain::signature::Envelope;
use serde::{Deserialize, Serialize};

/// An order of at most 1 MiB, a file of at most 1 MiB, and a little.
pub(super) const ASKED_BYTES_MAX: usize = 3 * 1024 * 1024;
pub(super) const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// One act, and the order by which it is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    pub order: Envelope,
    pub act: Act,
    /// Milliseconds that the run has left.
    pub wait_ms: u32,
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
pub(super) fn write(output: &mut impl Write, answer: &Result<Done, Fault>) -> Result<(), PipeError> {
    output.write_all(&encode_frame(answer)?)?;
    output.flush()?;
    Ok(())
}
