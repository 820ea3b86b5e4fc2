//! Segments: files of one record per line. A line is the checksum of the rest of it (CRC-32, eight hexadecimal digits), the number
//! and the result as JSON, so that a damaged line costs itself alone, and a person can read the file.

use fitment_domain::protocol::RunResult;

/// The largest line, in bytes.
pub(super) const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Where a record lies within its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) bytes: usize,
}

/// What a segment holds.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) records: Vec<(u64, Place)>,
    /// Lines that are damaged; one without an end, which a power cut left, is none.
    pub(super) damaged: Vec<Place>,
}

/// Appends a record to the bytes of a segment, and returns its length.
pub(super) fn encode(result: &RunResult, into: &mut Vec<u8>) -> Result<usize, serde_json::Error> {
    let begin = into.len();
    let rest = format!("{} {}", result.sequence, serde_json::to_string(result)?);
    into.extend_from_slice(format!("{:08x} {rest}\n", crc32fast::hash(rest.as_bytes())).as_bytes());
    Ok(into.len() - begin)
}

/// Reads a record. The number in its line is its own.
pub(super) fn decode(line: &[u8]) -> Option<RunResult> {
    let (sequence, json) = checked(line.strip_suffix(b"\n")?)?;
    let result: RunResult = serde_json::from_slice(json).ok()?;
    (result.sequence == sequence).then_some(result)
}

fn checked(line: &[u8]) -> Option<(u64, &[u8])> {
    let (checksum, rest) = line.split_at_checked(9)?;
    let checksum = std::str::from_utf8(checksum).ok()?.strip_suffix(' ')?;
    if u32::from_str_radix(checksum, 16).ok()? != crc32fast::hash(rest) {
        return None;
    }
    let space = rest.iter().position(|byte| *byte == b' ')?;
    let sequence = std::str::from_utf8(&rest[..space]).ok()?.parse().ok()?;
    Some((sequence, &rest[space + 1..]))
}

/// Finds the records of a segment.
pub(super) fn scan(segment: &[u8]) -> Scanned {
    let mut scanned = Scanned::default();
    let mut offset = 0;
    for line in segment.split_inclusive(|byte| *byte == b'\n') {
        let place = Place { offset: offset as u64, bytes: line.len() };
        offset += line.len();
        match line.strip_suffix(b"\n").and_then(checked) {
            Some((sequence, _)) => scanned.records.push((sequence, place)),
            // What was being written when the power went was never promised.
            None if !line.ends_with(b"\n") => {}
            None => scanned.damaged.push(place),
        }
    }
    scanned
}

/// Names a segment.
pub(super) fn name(number: u64) -> String {
    format!("{number}.segment")
}

/// Returns the number of a segment; none if the file is none.
pub(super) fn number(file: &str) -> Option<u64> {
    file.strip_suffix(".segment")?.parse().ok()
}
