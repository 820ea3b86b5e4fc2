//! Frames over standard input and output.

use fitment_domain::run::{
    FRAME_BYTES_MAX, FrameError, FromRunner, ToRunner, decode_frame, encode_frame, frame_length,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// Why the pipe to the supervisor is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum PipeError {
    #[error("the pipe broke: {0}")]
    Pipe(#[from] std::io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Reports that go into one frame; 32 of the largest fit.
const BATCH_MAX: usize = 32;

/// Reads one frame. `None`: the supervisor closed the pipe between two frames.
pub async fn read(input: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Result<Option<ToRunner>, PipeError> {
    let mut header = [0; 4];
    match input.read_exact(&mut header).await {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    };
    let length = frame_length(header, FRAME_BYTES_MAX)?;
    buffer.clear();
    buffer.resize(length, 0);
    input.read_exact(buffer).await?;
    let frame = decode_frame(buffer)?;
    if length > LARGE_BYTES {
        // Compiled code is large and rare: its buffer is not kept for the small frames that follow.
        *buffer = Vec::new();
    }
    Ok(Some(frame))
}

const LARGE_BYTES: usize = 1024 * 1024;

/// Writes frames until nobody sends any more; reports that are ready together travel together.
pub async fn write_all(
    mut outgoing: mpsc::UnboundedReceiver<FromRunner>,
    mut output: impl AsyncWrite + Unpin,
) -> Result<(), PipeError> {
    while let Some(first) = outgoing.recv().await {
        let mut bytes = Vec::new();
        let mut next = Some(first);
        while let Some(frame) = next {
            let (frame, after) = batch(frame, &mut outgoing);
            bytes.extend_from_slice(&encode_frame(&frame)?);
            next = match after {
                None if bytes.len() < LARGE_BYTES => outgoing.try_recv().ok(),
                after => after,
            };
        }
        output.write_all(&bytes).await?;
        output.flush().await?;
    }
    Ok(())
}

/// Joins the reports that wait behind this one, and returns the first frame that is none.
fn batch(frame: FromRunner, outgoing: &mut mpsc::UnboundedReceiver<FromRunner>) -> (FromRunner, Option<FromRunner>) {
    let FromRunner::Done(mut reports) = frame else { return (frame, None) };
    while reports.len() < BATCH_MAX {
        match outgoing.try_recv() {
            Ok(FromRunner::Done(more)) => reports.extend(more),
            Ok(other) => return (FromRunner::Done(reports), Some(other)),
            Err(_) => break,
        }
    }
    (FromRunner::Done(reports), None)
}
