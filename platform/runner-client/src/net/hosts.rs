//! The device's own list of names. Its resolver looks there before it asks a name server, and so do we.

use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;

const HOSTS: &str = "/etc/hosts";
const HOSTS_BYTES_MAX: u64 = 1024 * 1024;

/// Returns the addresses that the device itself gives to a name; empty if it has none for it.
pub(super) fn addresses(name: &str) -> Vec<IpAddr> {
    let mut text = Vec::new();
    let read = File::open(HOSTS).and_then(|file| file.take(HOSTS_BYTES_MAX).read_to_end(&mut text));
    // A device without the list asks its name server about everything.
    read.map_or_else(|_| Vec::new(), |_| listed(&String::from_utf8_lossy(&text), name))
}

fn listed(text: &str, name: &str) -> Vec<IpAddr> {
    let name = name.trim_end_matches('.');
    let line = |line: &str| -> Option<IpAddr> {
        let mut words = line.split('#').next()?.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_every_address_of_its_lines() {
        let text = "127.0.0.1\tlocalhost  # 192.0.2.9 remark\n::1 ip6-localhost LocalHost\n# 192.0.2.1 off\nbad nas\n192.0.2.7 nas nas.lan\n";
        let of = |name: &str| listed(text, name).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(of("localhost."), ["127.0.0.1", "::1"]);
        assert_eq!(of("NAS.lan"), ["192.0.2.7"]);
        assert!(of("off").is_empty() && of("remark").is_empty() && of("192.0.2.7").is_empty());
    }
}
