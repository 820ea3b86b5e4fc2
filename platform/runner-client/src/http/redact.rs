//! A secret that comes back is taken out: servers echo requests in error pages and debug answers.

const SHOWN: &[u8] = b"[secret]";

/// Returns the bytes with every needle replaced. The longest needle goes first, so that none hides another.
pub(super) fn redact(bytes: Vec<u8>, needles: &[String]) -> Vec<u8> {
    let mut needles: Vec<&[u8]> = needles.iter().map(String::as_bytes).filter(|needle| !needle.is_empty()).collect();
    needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
    if !needles.iter().any(|needle| find(&bytes, needle)) {
        return bytes;
    }
    let mut clean = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match needles.iter().find(|needle| rest.starts_with(needle)) {
            Some(needle) => {
                clean.extend_from_slice(SHOWN);
                at += needle.len();
            }
            None => {
                clean.push(rest[0]);
                at += 1;
            }
        }
    }
    clean
}

/// Returns the text with every needle replaced.
pub(super) fn redact_text(text: &str, needles: &[String]) -> String {
    String::from_utf8_lossy(&redact(text.as_bytes().to_vec(), needles)).into_owned()
}

fn find(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occurrence_goes_and_nothing_else() {
        let needles = ["hunter2".to_owned(), "hunter22".to_owned(), String::new()];
        assert_eq!(redact_text("a hunter22 b hunter2, hunter", &needles), "a [secret] b [secret], hunter");
        assert_eq!(redact(b"\xff\x00plain".to_vec(), &needles), b"\xff\x00plain");
    }
}
