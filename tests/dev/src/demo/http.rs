//! Just enough HTTP to ask a program on this machine, without a library that could be wrong in the same way as the product.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

const ANSWER_BYTES_MAX: u64 = 8 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(20);

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Sends one request without a body to a port of the loopback.
///
/// HTTP/1.0: the answer ends with the connection, and is never in chunks.
pub(crate) fn send(port: u16, method: &str, path: &str, authorization: &str) -> Result<Answer> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream =
        TcpStream::connect_timeout(&address, TIMEOUT).with_context(|| format!("cannot reach {address}"))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nAuthorization: {authorization}\r\nAccept: application/json\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).context("the request was not taken")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).context("no answer")?;
    parse(&String::from_utf8_lossy(&answer)).with_context(|| format!("{address} does not answer as HTTP does"))
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/")?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

/// Writes a text so that it can stand in a query.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_and_a_body() {
        let answer = parse("HTTP/1.1 200 OK\r\nServer: x\r\n\r\n{\"a\":\r\n\r\n1}").expect("an answer");
        assert_eq!((answer.status, answer.body.as_str()), (200, "{\"a\":\r\n\r\n1}"));
        assert!(parse("SSH-2.0-x\r\n\r\n").is_none());
    }

    #[test]
    fn a_query_is_encoded() {
        assert_eq!(encoded("Subject LIKE 'ä'"), "Subject%20LIKE%20%27%C3%A4%27");
    }
}
