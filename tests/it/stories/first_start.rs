//! A first start that was cut off: the next one makes what is missing.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::support::programs::program;

/// As in a container, where the server is always process 1: what the killed start left has this start's own name.
const KILLED_BEFORE: &str = r#"
umask 077; mkdir -p "$1/keys"
for name in release instruction sealing cache-mac bootstrap-authority device-authority server-authority; do
    : > "$1/keys/$name.new-$$"
done
exec "$0" serve --data "$1" --listen 127.0.0.1:0 --agents-listen 127.0.0.1:0
"#;

// A server that was killed while it made its keys.
#[test]
fn a_first_start_that_was_killed_does_not_bar_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", KILLED_BEFORE]).arg(program("fitment-server")).arg(folder.path().join("data"));
    let mut server = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(line.starts_with("listening "), "the server did not start: {line:?}");
}

/// Starts a server on a data folder, and returns what it says and how it ends if it ends by itself.
fn start(data: &std::path::Path) -> (String, Option<String>) {
    let mut command = Command::new(program("fitment-server"));
    command.args(["serve", "--data"]).arg(data).args(["--listen", "127.0.0.1:0", "--agents-listen", "127.0.0.1:0"]);
    let mut server = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    if line.starts_with("listening ") {
        server.kill().unwrap();
        server.wait().unwrap();
        return (line, None);
    }
    let output = server.wait_with_output().unwrap();
    (line, Some(String::from_utf8(output.stderr).unwrap()))
}

// Nobody would accept what a new key signs: the old one has to come back.
#[test]
fn a_lost_key_is_not_replaced_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    assert_eq!(start(&data).1, None);
    for name in ["instruction.key", "release.key", "sealing.key", "device-authority.pem"] {
        let (key, kept) = (data.join("keys").join(name), folder.path().join("kept"));
        std::fs::rename(&key, &kept).unwrap();
        let said = start(&data).1.unwrap_or_else(|| panic!("the server started without its {name}"));
        assert!(said.contains(name) && said.contains("restore DATA/keys"), "{said}");
        std::fs::rename(&kept, &key).unwrap();
        assert_eq!(start(&data).1, None, "{name} is back");
    }
}
