//! From what is known of a device to its location. All of it stays within the client of its zero certificate, but for what a
//! person chose.

use core::net::IpAddr;

use ipnet::IpNet;

use super::LocationSource;
use crate::id::{ClientId, LocationId};
use crate::tenant::Location;

/// The most networks that one location may have.
pub const NETWORKS_MAX: usize = 256;

/// A network of a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    pub network: IpNet,
    pub location: LocationId,
}

/// A location, and what its client is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub location: Location,
    pub client_name: String,
}

/// What is known about where a device stands.
#[derive(Debug, Clone)]
pub struct Evidence<'a> {
    /// What a person chose.
    pub hand: Option<&'a LocationId>,
    /// What its agent was told: `location`, or `client/location`.
    pub claimed: Option<&'a str>,
    /// Its own addresses, and the one from which it connects.
    pub addresses: &'a [IpAddr],
    /// The location of its zero certificate.
    pub home: &'a LocationId,
}

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadNetwork {
    #[error("network {0:?} must be an address and a prefix length, such as 10.1.2.0/24 or 2001:db8:7::/48")]
    Malformed(String),
    #[error("network {got} has bits beyond its prefix: write {meant}")]
    HostBits { got: String, meant: String },
}

/// Reads a network, `address/prefix`.
pub fn parse_network(text: &str) -> Result<IpNet, BadNetwork> {
    let network: IpNet = text.parse().map_err(|_| BadNetwork::Malformed(text.chars().take(60).collect()))?;
    if network.trunc() == network {
        Ok(network)
    } else {
        Err(BadNetwork::HostBits { got: network.to_string(), meant: network.trunc().to_string() })
    }
}

/// Returns the network with the longest prefix that holds one of the addresses; among equals the lowest one.
pub fn longest<'a>(networks: &'a [Network], addresses: &[IpAddr]) -> Option<&'a Network> {
    let addresses: Vec<IpAddr> = addresses.iter().map(IpAddr::to_canonical).collect();
    let holding = networks.iter().filter(|n| addresses.iter().any(|address| n.network.contains(address)));
    holding.min_by_key(|n| (core::cmp::Reverse(n.network.prefix_len()), n.network, &n.location))
}

/// Decides where a device stands. `places` and `networks` are the tenant's; those of other clients than the one of the zero
/// certificate are not looked at.
pub fn decide(evidence: &Evidence<'_>, places: &[Place], networks: &[Network]) -> (LocationId, LocationSource) {
    let client = |id: &LocationId| places.iter().find(|p| p.location.id == *id).map(|p| &p.location.client);
    if let Some(hand) = evidence.hand {
        return (hand.clone(), LocationSource::Hand);
    }
    let home = client(evidence.home);
    let claimed = evidence.claimed.zip(home).and_then(|(text, home)| named(text, home, places));
    if let Some(place) = claimed {
        return (place.location.id.clone(), LocationSource::Agent);
    }
    let near: Vec<Network> =
        networks.iter().filter(|n| home.is_some() && client(&n.location) == home).cloned().collect();
    match longest(&near, evidence.addresses) {
        Some(network) => (network.location.clone(), LocationSource::Address),
        None => (evidence.home.clone(), LocationSource::ZeroCertificate),
    }
}

/// Finds the location that a text names within a client. A name that two locations share names neither.
fn named<'a>(text: &str, home: &ClientId, places: &'a [Place]) -> Option<&'a Place> {
    let text = text.trim();
    let within: Vec<&Place> = places.iter().filter(|p| p.location.client == *home).collect();
    let same = |place: &&&Place| {
        let name = &place.location.name;
        name.eq_ignore_ascii_case(text) || format!("{}/{name}", place.client_name).eq_ignore_ascii_case(text)
    };
    let mut found = within.iter().filter(same);
    match (found.next(), found.next()) {
        (Some(place), None) => Some(place),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn location(n: u8) -> LocationId {
        LocationId::from_random([n; 16])
    }

    fn network(text: &str, n: u8) -> Network {
        Network { network: parse_network(text).unwrap(), location: location(n) }
    }

    fn place(n: u8, client: u8, name: &str) -> Place {
        let location = Location { id: location(n), client: ClientId::from_random([client; 16]), name: name.to_owned() };
        Place { location, client_name: format!("Client {client}") }
    }

    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
    }

    /// Networks around an address, so that several hold it.
    fn case() -> impl Strategy<Value = (IpAddr, Vec<Network>)> {
        (address(), proptest::collection::vec((0_u8..=128, any::<u8>(), proptest::option::of(address())), 0..12))
            .prop_map(|(address, wanted)| {
                let networks = wanted.into_iter().map(|(bits, n, other)| {
                    let around = other.unwrap_or(address);
                    let most = if around.is_ipv4() { 32 } else { 128 };
                    let network = IpNet::new(around, bits.min(most)).unwrap().trunc();
                    Network { network, location: location(n) }
                });
                (address, networks.collect())
            })
    }

    proptest! {
        #[test]
        fn the_longest_prefix_that_holds_the_address_wins((address, networks) in case()) {
            let address = address.to_canonical();
            let found = longest(&networks, &[address]);
            let holding = networks.iter().filter(|n| n.network.contains(&address));
            let best = holding.map(|n| n.network.prefix_len()).max();
            prop_assert_eq!(found.map(|n| n.network.prefix_len()), best);
            prop_assert!(found.is_none_or(|n| n.network.contains(&address)));
        }

        #[test]
        fn the_order_of_the_table_does_not_matter((address, mut networks) in case()) {
            let before = longest(&networks, &[address]).cloned();
            networks.reverse();
            prop_assert_eq!(longest(&networks, &[address]).cloned(), before);
        }
    }

    #[test]
    fn hand_beats_agent_beats_address_beats_zero_certificate() {
        let places = [place(1, 1, "Office"), place(2, 1, "Shop"), place(3, 1, "Store"), place(4, 2, "Shop")];
        let networks = [network("10.0.0.0/8", 3), network("10.1.2.0/24", 4)];
        let addresses = ["10.1.2.3".parse().unwrap()];
        let (four, home) = (location(4), location(1));
        let all = Evidence { hand: Some(&four), claimed: Some("Client 1/shop"), addresses: &addresses, home: &home };
        assert_eq!(decide(&all, &places, &networks), (location(4), LocationSource::Hand));
        let agent = Evidence { hand: None, ..all };
        assert_eq!(decide(&agent, &places, &networks), (location(2), LocationSource::Agent));
        // What the agent says of another client, and the other client's networks, count for nothing.
        let elsewhere = Evidence { claimed: Some("Client 2/Shop"), ..agent };
        assert_eq!(decide(&elsewhere, &places, &networks), (location(3), LocationSource::Address));
        let nowhere = Evidence { addresses: &[], ..elsewhere };
        assert_eq!(decide(&nowhere, &places, &networks), (location(1), LocationSource::ZeroCertificate));
    }

    #[test]
    fn a_network_says_what_is_wrong_with_it() {
        assert_eq!(
            parse_network("10.1.2.3/24").unwrap_err().to_string(),
            "network 10.1.2.3/24 has bits beyond its prefix: write 10.1.2.0/24"
        );
        assert!(matches!(parse_network("10.1.2.0"), Err(BadNetwork::Malformed(_))));
        assert!(matches!(parse_network("office"), Err(BadNetwork::Malformed(_))));
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_is_the_ipv4_address() {
        let networks = [network("10.0.0.0/8", 1)];
        assert!(longest(&networks, &["::ffff:10.1.1.1".parse().unwrap()]).is_some());
    }
}
