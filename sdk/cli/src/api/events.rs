//! Server-sent events, as far as this marketplace sends them: a name and one line of JSON each.

use serde_json::Value;

const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Puts the lines of a stream together again.
#[derive(Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
    name: String,
    data: String,
}

impl Lines {
    /// Takes bytes as they come, and hands on each event that is whole.
    pub(super) fn feed(&mut self, bytes: &[u8], each: &mut impl FnMut(&str, Value)) {
        for byte in bytes {
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.rest);
                self.line(String::from_utf8_lossy(&line).trim_end_matches('\r'), each);
            } else if self.rest.len() < LINE_BYTES_MAX {
                self.rest.push(*byte);
            }
        }
    }

    fn line(&mut self, line: &str, each: &mut impl FnMut(&str, Value)) {
        if let Some(name) = line.strip_prefix("event:") {
            name.trim().clone_into(&mut self.name);
        } else if let Some(data) = line.strip_prefix("data:") {
            self.data.push_str(data.trim_start());
        } else if line.is_empty() && !self.data.is_empty() {
            let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
            each(&name, serde_json::from_str(&data).unwrap_or(Value::String(data)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_come_whole_however_the_network_cuts_them() {
        let stream = "event: state\ndata: {\"a\":1}\n\n: alive\n\nevent: end\r\ndata: {}\r\n\r\n";
        let mut got = Vec::new();
        let mut lines = Lines::default();
        for byte in stream.as_bytes() {
            lines.feed(&[*byte], &mut |name, data| got.push((name.to_owned(), data)));
        }
        assert_eq!(got, [("state".to_owned(), json!({"a": 1})), ("end".to_owned(), json!({}))]);
    }
}
