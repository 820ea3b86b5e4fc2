//! The one place that draws randomness, from the operating system.

use fitment_domain::id::SpoolEpoch;

/// The operating system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no randomness: {0}")]
pub struct NoRandomness(String);

/// Draws random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| NoRandomness(e.to_string()))?;
    Ok(bytes)
}

/// Draws the name of a new spool epoch.
pub fn spool_epoch() -> Result<SpoolEpoch, NoRandomness> {
    Ok(SpoolEpoch::from_random(bytes()?))
}

/// Draws the nonce of one question about instructions: 32 hexadecimal digits.
pub fn nonce() -> Result<String, NoRandomness> {
    Ok(hex::encode(bytes::<16>()?))
}

/// Draws a number for spreading retries; without randomness they are not spread.
pub fn jitter() -> u64 {
    bytes().map_or(u64::MAX, u64::from_le_bytes)
}
