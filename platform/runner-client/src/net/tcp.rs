//! A connection, a few bytes there, a few bytes back.

use std::time::{Duration, Instant};

use fitment_domain::run::{Fault, NetAnswer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::connect::Target;

/// Connects, sends, and reads until enough came, the other side ended, or the time is over: a banner that is shorter than was
/// asked for is an answer.
pub(super) async fn look(
    target: Target<'_>,
    send: &[u8],
    read_bytes_max: u64,
    wait: Duration,
) -> Result<NetAnswer, Fault> {
    let deadline = Instant::now() + wait;
    let (mut stream, clock) = target.connect().await?;
    let Target { host, port, .. } = target;
    let failed = |error: std::io::Error| Fault::Failed(format!("the connection to {host}:{port}: {error}"));
    if !send.is_empty() {
        stream.write_all(send).await.map_err(failed)?;
    }
    let mut read = Vec::new();
    if read_bytes_max > 0 {
        let mut bounded = stream.take(read_bytes_max);
        let reading = bounded.read_to_end(&mut read);
        match tokio::time::timeout_at(deadline.into(), reading).await {
            Ok(ended) => {
                ended.map_err(failed)?;
            }
            Err(_elapsed) if read.is_empty() => return Err(Fault::TimedOut),
            Err(_elapsed) => {}
        }
    }
    Ok(NetAnswer::Tcp { timing: clock.timing(), read })
}
