//! Frames to and from the runner.

use fitment_domain::run::{FRAME_BYTES_MAX, FromRunner, ToRunner, decode_frame, encode_frame, frame_length};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// Runs that go into one frame.
const BATCH_MAX: usize = 64;
/// From here on a buffer is written before more is collected, and not kept for small frames.
const LARGE_BYTES: usize = 1024 * 1024;

/// Reads one frame; the text of an error says why there are no more.
pub(super) async fn read(input: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Result<FromRunner, String> {
    let mut header = [0; 4];
    input.read_exact(&mut header).await.map_err(|e| format!("its output ended: {e}"))?;
    let length = frame_length(header, FRAME_BYTES_MAX).map_err(|e| e.to_string())?;
    buffer.clear();
    buffer.resize(length, 0);
    input.read_exact(buffer).await.map_err(|e| format!("its output ended within a frame: {e}"))?;
    let frame = decode_frame(buffer).map_err(|e| e.to_string())?;
    if length > LARGE_BYTES {
        *buffer = Vec::new();
    }
    Ok(frame)
}

/// Writes frames until nobody sends any more; runs that are due together travel together.
pub(super) async fn write_all(
    mut outgoing: mpsc::UnboundedReceiver<ToRunner>,
    mut output: impl AsyncWrite + Unpin,
) -> Result<(), String> {
    while let Some(first) = outgoing.recv().await {
        let mut bytes = Vec::new();
        let mut next = Some(first);
        while let Some(frame) = next {
            let (frame, after) = batch(frame, &mut outgoing);
            bytes.extend_from_slice(&encode_frame(&frame).map_err(|e| e.to_string())?);
            next = match after {
                None if bytes.len() < LARGE_BYTES => outgoing.try_recv().ok(),
                after => after,
            };
        }
        output.write_all(&bytes).await.map_err(|e| format!("its input closed: {e}"))?;
    }
    Ok(())
}

/// Joins the runs that wait behind this one, and returns the first frame that is none.
fn batch(frame: ToRunner, outgoing: &mut mpsc::UnboundedReceiver<ToRunner>) -> (ToRunner, Option<ToRunner>) {
    let ToRunner::Run(mut requests) = frame else { return (frame, None) };
    while requests.len() < BATCH_MAX {
        match outgoing.try_recv() {
            Ok(ToRunner::Run(more)) => requests.extend(more),
            Ok(other) => return (ToRunner::Run(requests), Some(other)),
            Err(_) => break,
        }
    }
    (ToRunner::Run(requests), None)
}
