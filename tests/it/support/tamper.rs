//! One flipped byte: in bytes, in files, in the parts of an envelope.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use fitment_domain::signature::Envelope;

/// A part of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// A byte of what was signed.
    Payload,
    /// A byte of the signature with this number; the publisher's is the first, the platform's the second.
    Signature(usize),
}

/// Returns the bytes with one bit of one byte flipped.
pub(crate) fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out[at] ^= 1;
    out
}

fn flipped_in_base64(text: &str) -> String {
    let bytes = BASE64.decode(text).unwrap();
    BASE64.encode(flipped(&bytes, bytes.len() / 2))
}

/// Returns an envelope with one byte of one part flipped. It still reads as an envelope.
pub(crate) fn envelope(json: &[u8], part: Part) -> Vec<u8> {
    let mut envelope = Envelope::from_json(json).unwrap();
    match part {
        Part::Payload => envelope.payload = flipped_in_base64(&envelope.payload),
        Part::Signature(number) => {
            let signature = &mut envelope.signatures[number].sig;
            *signature = flipped_in_base64(signature);
        }
    }
    envelope.to_json()
}

/// A file that is other than it should be until this is dropped or restored.
pub(crate) struct Tampered {
    path: PathBuf,
    original: Vec<u8>,
}

impl Tampered {
    /// Changes a file.
    pub(crate) fn file(path: &Path, change: impl FnOnce(&[u8]) -> Vec<u8>) -> Self {
        let original = std::fs::read(path).unwrap();
        let changed = change(&original);
        assert_eq!(original.len(), changed.len(), "a flip changes no length");
        std::fs::write(path, &changed).unwrap();
        assert_ne!(original, std::fs::read(path).unwrap());
        Self { path: path.to_owned(), original }
    }
}

impl Drop for Tampered {
    fn drop(&mut self) {
        std::fs::write(&self.path, &self.original).unwrap();
    }
}
