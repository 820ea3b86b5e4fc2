//! `/proc/net/dev` and `/sys/class/net`.

use std::path::Path;

use crate::Unreadable;
use crate::networks::Network;

const DEV: &str = "/proc/net/dev";
const IFF_UP: u64 = 1;

pub(crate) fn read() -> Result<Vec<Network>, Unreadable> {
    let text = std::fs::read_to_string(DEV).map_err(|source| Unreadable::Io { what: DEV, source })?;
    let mut networks: Vec<Network> = text.lines().filter_map(line).collect();
    for network in &mut networks {
        network.up = is_up(&Path::new("/sys/class/net").join(&network.name));
    }
    networks.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(networks)
}

/// `name: rx bytes packets errs drop fifo frame compressed multicast, tx bytes packets errs …`
fn line(line: &str) -> Option<Network> {
    let (name, figures) = line.rsplit_once(": ").or_else(|| line.rsplit_once(':'))?;
    let figures: Vec<u64> = figures.split_whitespace().map_while(|figure| figure.parse().ok()).collect();
    Some(Network {
        name: name.trim().to_owned(),
        rx_bytes: *figures.first()?,
        rx_errors: *figures.get(2)?,
        tx_bytes: *figures.get(8)?,
        tx_errors: *figures.get(10)?,
        up: false,
    })
}

/// Interfaces without a link layer of their own (loopback, tunnels) know no operational state: there the flag decides.
fn is_up(folder: &Path) -> bool {
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    match text("operstate").trim() {
        "up" => true,
        "unknown" => u64::from_str_radix(text("flags").trim().trim_start_matches("0x"), 16)
            .is_ok_and(|flags| flags & IFF_UP != 0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_line_and_skips_the_heads() {
        let text = "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n  eth0: 1000 10 1 0 0 0 0 0 2000 20 2 0 0 0 0 0\nwg0:5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0\n";
        let networks: Vec<Network> = text.lines().filter_map(line).collect();
        assert_eq!(networks.len(), 2);
        let eth0 = &networks[0];
        assert_eq!((eth0.rx_bytes, eth0.tx_bytes, eth0.rx_errors, eth0.tx_errors), (1000, 2000, 1, 2));
        assert_eq!((networks[1].name.as_str(), networks[1].tx_bytes), ("wg0", 6));
    }

    #[test]
    fn this_machine_has_a_loopback_interface() {
        let networks = read().expect("/proc/net/dev");
        assert!(networks.iter().any(|network| network.name == "lo"), "{networks:?}");
    }
}
