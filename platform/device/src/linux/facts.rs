//! Host name and version of the distribution.

use fitment_domain::run::Fact;

const FACT_CHARS_MAX: usize = 255;

/// Reads `hostname` and `os.version`.
pub(crate) fn read() -> Vec<(String, Fact)> {
    let mut facts = Vec::new();
    let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if !hostname.is_empty() {
        facts.push(("hostname".to_owned(), text(&hostname)));
    }
    if let Some(version) = os_version() {
        facts.push(("os.version".to_owned(), text(&version)));
    }
    facts
}

fn os_version() -> Option<String> {
    ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())
        .and_then(|release| version_of(&release))
}

/// Rolling distributions have no VERSION_ID; their BUILD_ID or name says what they are.
fn version_of(release: &str) -> Option<String> {
    ["VERSION_ID", "BUILD_ID", "PRETTY_NAME"].iter().find_map(|name| value(release, name))
}

fn value(release: &str, name: &str) -> Option<String> {
    let raw = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    let raw = raw.trim();
    let unquoted = ['"', '\''].iter().find_map(|q| raw.strip_prefix(*q)?.strip_suffix(*q)).unwrap_or(raw);
    if unquoted.is_empty() { None } else { Some(unquoted.to_owned()) }
}

fn text(value: &str) -> Fact {
    Fact::Text(value.chars().filter(|c| !c.is_control()).take(FACT_CHARS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_quoted_and_an_unquoted_version() {
        assert_eq!(version_of("NAME=\"Debian\"\nVERSION_ID=\"12\"\n").as_deref(), Some("12"));
        assert_eq!(version_of("ID=arch\nBUILD_ID=rolling\n").as_deref(), Some("rolling"));
        assert_eq!(version_of("VERSION_ID=\"\"\n"), None);
    }
}
