//! Where runs may connect to: what kind of place an address is, and who may reach it.
//!
//! Source of the kinds: the registries of special-purpose addresses that IANA keeps (iana-ipv4-special-registry,
//! iana-ipv6-special-registry, RFC 6890 and those it lists), and the manuals of clouds for the addresses of their metadata.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::reach;

/// What kind of place an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Anybody's.
    Public,
    /// A network of somebody's own: RFC 1918, unique local, shared by carriers.
    Private,
    /// This machine.
    Loopback,
    /// The cable that this machine hangs on.
    LinkLocal,
    /// Documentation, benchmarks, translation, what is not given out.
    Reserved,
    /// Many machines at once.
    Multicast,
    /// All machines of a network.
    Broadcast,
    /// No address; systems take it for this machine.
    Unspecified,
    /// Where a cloud tells its machines their names and keys.
    Metadata,
}

impl Place {
    /// Returns words for people: "leads to ...".
    pub fn words(self) -> &'static str {
        match self {
            Place::Public => "a public address",
            Place::Private => "a private address",
            Place::Loopback => "a loopback address",
            Place::LinkLocal => "a link-local address",
            Place::Reserved => "a reserved address",
            Place::Multicast => "a multicast address",
            Place::Broadcast => "a broadcast address",
            Place::Unspecified => "the unspecified address",
            Place::Metadata => "a cloud's metadata address",
        }
    }
}

/// Metadata and credentials of machines in clouds, each at an address that such a machine reaches without a password.
const METADATA_4: &[Ipv4Addr] = &[
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];
const METADATA_6: &[Ipv6Addr] = &[
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
];

/// Returns what kind of place an address is. One that carries another inside (mapped, compatible, NAT64, 6to4, Teredo) is the
/// place that it leads to.
pub fn classify(address: IpAddr) -> Place {
    match address {
        IpAddr::V4(four) => classify_4(four),
        IpAddr::V6(six) if METADATA_6.contains(&six) => Place::Metadata,
        IpAddr::V6(six) => match embedded(six) {
            Embedded::Nothing => classify_6(six),
            Embedded::One(four) => classify_4(four),
            // Which part of it is read depends on somebody's translator: open to nobody, whatever it may mean.
            Embedded::AnyOf(all) if all.into_iter().any(|four| classify_4(four) == Place::Metadata) => Place::Metadata,
            Embedded::AnyOf(_) => Place::Reserved,
        },
    }
}

enum Embedded {
    Nothing,
    One(Ipv4Addr),
    AnyOf([Ipv4Addr; 3]),
}

fn embedded(six: Ipv6Addr) -> Embedded {
    let bytes = six.octets();
    let four = |at: [usize; 4]| Ipv4Addr::from(at.map(|i| bytes.get(i).copied().unwrap_or_default()));
    let last = four([12, 13, 14, 15]);
    match six.segments() {
        // Unspecified and loopback have rules of their own, and look like compatible addresses.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Embedded::Nothing,
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] => Embedded::One(last),
        // IPv4-translated, RFC 2765.
        [0, 0, 0, 0, 0xffff, 0, ..] => Embedded::One(last),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Embedded::One(last),
        // RFC 8215: a translator's own prefix, with the places of RFC 6052 for 48, 64 and 96 bits.
        [0x64, 0xff9b, 1, ..] => Embedded::AnyOf([four([6, 7, 9, 10]), four([9, 10, 11, 12]), last]),
        [0x2002, ..] => Embedded::One(four([2, 3, 4, 5])),
        // Teredo writes the client's address with its bits turned round.
        [0x2001, 0, ..] => Embedded::One(Ipv4Addr::from(last.octets().map(|byte| !byte))),
        _ => Embedded::Nothing,
    }
}

fn classify_4(four: Ipv4Addr) -> Place {
    if METADATA_4.contains(&four) {
        return Place::Metadata;
    }
    match four.octets() {
        [0, 0, 0, 0] => Place::Unspecified,
        [255, 255, 255, 255] => Place::Broadcast,
        // "This network": some systems take all of it for this machine.
        [0, ..] => Place::Unspecified,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Place::Private,
        [127, ..] => Place::Loopback,
        [169, 254, ..] => Place::LinkLocal,
        [224..=239, ..] => Place::Multicast,
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [192, 31, 196, _] | [192, 52, 193, _] | [192, 175, 48, _] => {
            Place::Reserved
        }
        [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] | [240..=255, ..] => Place::Reserved,
        _ => Place::Public,
    }
}

fn classify_6(six: Ipv6Addr) -> Place {
    match six.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Place::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Place::Loopback,
        [0xfc00..=0xfdff, ..] => Place::Private,
        [0xfe80..=0xfebf, ..] => Place::LinkLocal,
        // Site-local, RFC 3879: given up, and still somebody's own where it is found.
        [0xfec0..=0xfeff, ..] => Place::Private,
        [0xff00..=0xffff, ..] => Place::Multicast,
        // IETF protocol assignments, documentation (two), and segment routing.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] | [0x5f00, ..] => Place::Reserved,
        [0x2000..=0x3fff, ..] => Place::Public,
        // Nobody was given anything else yet.
        _ => Place::Reserved,
    }
}

/// How somebody who may decide named what is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// By a pattern: whoever has the domain decides where it leads.
    Pattern,
    /// By this very name, but in the package alone: whoever has the domain, and that is its publisher, decides where it leads.
    Published,
    /// By this very name, by whoever configured the installation or typed the target.
    Name,
    /// By the one name that every machine has for itself.
    Localhost,
    /// By the address itself.
    Address,
    /// As the name server of this machine, by its own people; it is asked for names and nothing else.
    NameServer,
}

impl Naming {
    /// Returns how a host is named that a grant spells like this. Other spellings of addresses (`127.1`, `0x7f.1`) are names here,
    /// wherever they lead.
    pub fn of(host: &str) -> Self {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if bare.parse::<IpAddr>().is_ok() {
            Naming::Address
        } else if bare.trim_end_matches('.').eq_ignore_ascii_case("localhost") {
            Naming::Localhost
        } else {
            Naming::Name
        }
    }

    /// Returns the same where the package alone says it: a name is no more than its publisher's word.
    #[must_use]
    pub fn published(self) -> Self {
        if self == Naming::Name { Naming::Published } else { self }
    }

    /// Returns how the hosts of a grant name a host which is within them; `port` is none for what has none.
    pub fn within(hosts: &BTreeSet<String>, host: &str, port: Option<u16>) -> Self {
        let exact: BTreeSet<String> = hosts.iter().filter(|entry| !entry.starts_with("*.")).cloned().collect();
        let named = match port {
            Some(port) => reach::host_is_within(&exact, host, port),
            None => reach::host_is_within_at_any_port(&exact, host),
        };
        if named { Self::of(host) } else { Naming::Pattern }
    }
}

/// Who connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policy {
    /// The server, for a tenant's connection: what is public, and the networks that the platform's operator named.
    Server { also: Vec<IpNet> },
    /// A device, for an accessory: what the grant names, the more closed the place, the more exactly.
    Device,
}

impl Policy {
    /// Returns whether an address may be reached that was named so. Metadata never is.
    pub fn may_reach(&self, address: IpAddr, naming: Naming) -> bool {
        let place = classify(address);
        match (self, place) {
            // Clouds answer for names where they answer for metadata, at another port.
            (Policy::Device, _) if naming == Naming::NameServer => true,
            (_, Place::Metadata) => false,
            (_, Place::Public) => true,
            (Policy::Server { also }, _) => {
                let plain = address.to_canonical();
                also.iter().any(|network| network.contains(&plain))
            }
            (Policy::Device, Place::Private) => !matches!(naming, Naming::Pattern | Naming::Published),
            (Policy::Device, Place::Loopback) => matches!(naming, Naming::Address | Naming::Localhost),
            (Policy::Device, _) => naming == Naming::Address,
        }
    }

    /// Says what lets somebody reach a place that is closed.
    pub fn remedy(&self, place: Place) -> &'static str {
        match (self, place) {
            (_, Place::Metadata) => "no grant opens it",
            (Policy::Server { .. }, _) => {
                "name a public address, or have the platform's operator open the network with --connections-may-reach"
            }
            (Policy::Device, Place::Private) => {
                "it is open where the installation's configuration or the target names the host, or the grant the address itself"
            }
            (Policy::Device, _) => "it is open where the grant names the address itself",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        classify(text.parse().expect("an address"))
    }

    #[test]
    fn every_special_network_is_told_from_the_public_ones() {
        let table: &[(Place, &[&str])] = &[
            (Place::Public, &["9.9.9.9", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "223.255.255.255"]),
            (Place::Public, &["2606:4700::1111", "2a00::1", "2001:200::1", "3ffe::1"]),
            (Place::Private, &["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.0.1"]),
            (Place::Private, &["fc00::1", "fdff:ffff::1", "fec0::1"]),
            (Place::Loopback, &["127.0.0.1", "127.255.255.254", "::1"]),
            (Place::LinkLocal, &["169.254.0.1", "169.254.169.253", "fe80::1", "febf::1"]),
            (Place::Metadata, &["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192"]),
            (Place::Metadata, &["fd00:ec2::254", "fd20:ce::254", "fe80::a9fe:a9fe"]),
            (Place::Unspecified, &["0.0.0.0", "0.1.2.3", "::"]),
            (Place::Multicast, &["224.0.0.1", "239.255.255.255", "ff02::1"]),
            (Place::Broadcast, &["255.255.255.255"]),
            (
                Place::Reserved,
                &["192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1", "198.19.255.255", "240.0.0.1"],
            ),
            (
                Place::Reserved,
                &["192.0.0.1", "192.88.99.1", "2001:db8::1", "3fff::1", "2001:2::1", "100::1", "4000::1"],
            ),
        ];
        for (expected, addresses) in table {
            for address in *addresses {
                assert_eq!(place(address), *expected, "{address}");
            }
        }
    }

    #[test]
    fn an_address_inside_another_is_the_place_that_it_leads_to() {
        // Each with 127.0.0.1, 169.254.169.254, 10.0.0.1 and a public one inside.
        let table = [
            ("::ffff:127.0.0.1", Place::Loopback),
            ("::ffff:169.254.169.254", Place::Metadata),
            ("::127.0.0.2", Place::Loopback),
            ("::ffff:0:10.0.0.1", Place::Private),
            ("64:ff9b::7f00:1", Place::Loopback),
            ("64:ff9b::a9fe:a9fe", Place::Metadata),
            ("64:ff9b::909:909", Place::Public),
            ("64:ff9b:1::a9fe:a9fe", Place::Metadata),
            ("64:ff9b:1:a9fe:00a9:fe00::", Place::Metadata),
            ("64:ff9b:1:0:a9:fea9:fe00:0", Place::Metadata),
            ("64:ff9b:1::909:909", Place::Reserved),
            ("2002:7f00:1::", Place::Loopback),
            ("2002:a9fe:a9fe::1", Place::Metadata),
            ("2002:a00:1::1", Place::Private),
            ("2002:909:909::1", Place::Public),
            // 127.0.0.1 and 10.0.0.1 with their bits turned round.
            ("2001:0:909:909::80ff:fffe", Place::Loopback),
            ("2001:0:909:909::f5ff:fffe", Place::Private),
        ];
        for (address, expected) in table {
            assert_eq!(place(address), expected, "{address}");
        }
    }

    #[test]
    fn a_device_reaches_closed_places_only_where_the_grant_names_them() {
        use Naming::{Address, Localhost, Name, NameServer, Pattern, Published};
        let all = [Pattern, Published, Name, Localhost, Address];
        let table: &[(&str, &[Naming])] = &[
            ("9.9.9.9", &all),
            ("10.0.0.1", &[Name, Localhost, Address]),
            ("127.0.0.1", &[Localhost, Address]),
            ("::ffff:127.0.0.1", &[Localhost, Address]),
            ("169.254.0.1", &[Address]),
            ("fe80::1", &[Address]),
            ("224.0.0.1", &[Address]),
            ("255.255.255.255", &[Address]),
            ("0.0.0.0", &[Address]),
            ("192.0.2.1", &[Address]),
            ("169.254.169.254", &[]),
            ("fd00:ec2::254", &[]),
            ("64:ff9b::a9fe:a9fe", &[]),
        ];
        for (address, open) in table {
            for naming in all {
                let may = Policy::Device.may_reach(address.parse().expect("an address"), naming);
                assert_eq!(may, open.contains(&naming), "{address} named by {naming:?}");
            }
            assert!(Policy::Device.may_reach(address.parse().expect("an address"), NameServer), "{address}");
        }
    }

    #[test]
    fn a_server_reaches_what_is_public_and_what_its_operator_named() {
        let closed = Policy::Server { also: Vec::new() };
        let also = ["127.0.0.0/8", "0.0.0.0/0", "::/0"].map(|network| network.parse().expect("a network"));
        let (some, all) = (Policy::Server { also: also[..1].to_vec() }, Policy::Server { also: also.to_vec() });
        for (address, by_some, by_all) in [
            ("127.0.0.1", true, true),
            ("::ffff:127.0.0.1", true, true),
            ("10.0.0.1", false, true),
            ("fe80::1", false, true),
            ("169.254.169.254", false, false),
            ("2002:a9fe:a9fe::1", false, false),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            assert!(!closed.may_reach(address, Naming::Address), "{address}");
            assert!(!closed.may_reach(address, Naming::NameServer), "{address}");
            assert_eq!(some.may_reach(address, Naming::Name), by_some, "{address}");
            assert_eq!(all.may_reach(address, Naming::Name), by_all, "{address}");
        }
        assert!(closed.may_reach("9.9.9.9".parse().expect("an address"), Naming::Pattern));
    }

    #[test]
    fn a_grant_names_exactly_or_by_a_pattern() {
        let hosts: BTreeSet<String> =
            ["*.example.com:443", "a.example.com:443", "localhost:*", "127.0.0.1:80", "127.1:80"]
                .map(str::to_owned)
                .into();
        for (host, port, naming) in [
            ("b.example.com", 443, Naming::Pattern),
            ("A.example.com.", 443, Naming::Name),
            ("localhost", 1, Naming::Localhost),
            ("127.0.0.1", 80, Naming::Address),
            ("127.1", 80, Naming::Name),
        ] {
            assert_eq!(Naming::within(&hosts, host, Some(port)), naming, "{host}");
            assert_eq!(Naming::within(&hosts, host, None), naming, "{host}");
        }
    }
}
