//! The machine's own IP addresses: `/proc/net/fib_trie` and `/proc/net/if_inet6`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const ADDRESSES_MAX: usize = 20;

/// Reads the addresses that others may reach it by; loopback and link-local ones are left out.
pub(crate) fn read() -> Vec<String> {
    let four = fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let six = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let four = ipv4(&four).into_iter().filter(|a| !a.is_loopback() && !a.is_link_local()).map(IpAddr::from);
    let six = ipv6(&six).into_iter().filter(|a| !a.is_loopback() && !a.is_unicast_link_local()).map(IpAddr::from);
    four.chain(six).take(ADDRESSES_MAX).map(|address| address.to_string()).collect()
}

/// In the trie of routes, an address of our own is a leaf that is followed by "/32 host LOCAL".
fn ipv4(trie: &str) -> Vec<Ipv4Addr> {
    let (mut leaf, mut found) = (None::<Ipv4Addr>, Vec::new());
    for line in trie.lines() {
        let line = line.trim();
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if line.starts_with("/32 host LOCAL") {
            found.extend(leaf.take());
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn ipv6(table: &str) -> Vec<Ipv6Addr> {
    let address = |line: &str| u128::from_str_radix(line.split_whitespace().next()?, 16).ok().map(Ipv6Addr::from);
    let mut found: Vec<Ipv6Addr> = table.lines().filter_map(address).collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses_are_told_from_networks_and_broadcasts() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     +-- 10.1.2.0/24 2 0 2\n        \
                    |-- 10.1.2.0\n           /24 link UNICAST\n        |-- 10.1.2.7\n           /32 host LOCAL\n        \
                    |-- 10.1.2.255\n           /32 link BROADCAST\nLocal:\n        |-- 10.1.2.7\n           /32 host LOCAL\n";
        assert_eq!(ipv4(trie), [Ipv4Addr::new(10, 1, 2, 7)]);
        let table =
            "20010db8000000000000000000000003 02 40 00 80 eth0\nfe800000000000000000000000000001 02 40 20 80 eth0\n";
        assert_eq!(ipv6(table), ["2001:db8::3".parse::<Ipv6Addr>().unwrap(), "fe80::1".parse().unwrap()]);
    }
}
