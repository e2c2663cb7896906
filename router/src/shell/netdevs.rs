//! The interfaces and addresses of this machine, as the kernel's events tell them: for choosing our end of a
//! session, the router id, and `show interface`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bgp::types::{Time, is_link_local};
use fib::{Address, Event, Link};
use ipnet::IpNet;

/// Flags of an address that cannot be used yet, or never (`IFA_F_TENTATIVE`, `IFA_F_DADFAILED`).
const UNUSABLE: u32 = 0x40 | 0x08;

/// All interfaces with their addresses.
#[derive(Clone, Debug, Default)]
pub struct Netdevs {
    links: BTreeMap<u32, Link>,
    changes: BTreeMap<u32, LinkChanges>,
    addresses: Vec<Address>,
    since: BTreeMap<(u32, IpNet), Time>,
}

/// How often an interface came up and went down since we watch it, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinkChanges {
    /// How often it came up.
    pub ups: u64,
    /// How often it went down.
    pub downs: u64,
    /// When it last came up.
    pub last_up: Option<Time>,
    /// When it last went down.
    pub last_down: Option<Time>,
}

/// Our end of a session and the networks that the neighbour shares with us.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LocalEnd {
    /// Interface that holds our address.
    pub interface: Option<String>,
    /// IPv4 address.
    pub v4: Option<Ipv4Addr>,
    /// Global IPv6 address.
    pub v6: Option<Ipv6Addr>,
    /// Link-local address, if the neighbour is on the link.
    pub link_local: Option<Ipv6Addr>,
    /// Networks of the interface, IPv4 and IPv6, if the neighbour is on the link.
    pub shared: [Option<IpNet>; 2],
}

impl Netdevs {
    /// Takes in an event of the kernel.
    pub fn apply(&mut self, now: Time, event: &Event) {
        match event {
            Event::LinkChanged(link) => {
                let before = self.links.insert(link.index, link.clone());
                let changes = self.changes.entry(link.index).or_default();
                match (before.is_some_and(|l| l.usable() != link.usable()), link.usable()) {
                    (false, _) => {}
                    (true, true) => (changes.ups, changes.last_up) = (changes.ups + 1, Some(now)),
                    (true, false) => (changes.downs, changes.last_down) = (changes.downs + 1, Some(now)),
                }
            }
            Event::LinkGone { index, .. } => {
                self.links.remove(index);
                self.changes.remove(index);
                self.addresses.retain(|a| a.ifindex != *index);
                self.since.retain(|(ifindex, _), _| ifindex != index);
            }
            Event::AddressAdded(address) => {
                self.addresses.retain(|a| (a.ifindex, a.net) != (address.ifindex, address.net));
                self.addresses.push(*address);
                self.since.entry((address.ifindex, address.net)).or_insert(now);
            }
            Event::AddressRemoved(address) => {
                self.addresses.retain(|a| (a.ifindex, a.net) != (address.ifindex, address.net));
                self.since.remove(&(address.ifindex, address.net));
            }
            Event::RouteAdded(_) | Event::RouteRemoved(_) | Event::Resynced => {}
        }
    }

    /// All interfaces by index.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// The interface of a name.
    pub fn by_name(&self, name: &str) -> Option<&Link> {
        self.links.values().find(|l| l.name == name)
    }

    /// The interface of an index.
    pub fn by_index(&self, index: u32) -> Option<&Link> {
        self.links.get(&index)
    }

    /// Addresses of an interface, in the order in which they came.
    pub fn addresses(&self, ifindex: u32) -> impl Iterator<Item = &Address> {
        self.addresses.iter().filter(move |a| a.ifindex == ifindex)
    }

    /// What an interface went through since we watch it.
    pub fn changes(&self, ifindex: u32) -> LinkChanges {
        self.changes.get(&ifindex).copied().unwrap_or_default()
    }

    /// Since when an address is known.
    pub fn since(&self, address: &Address) -> Option<Time> {
        self.since.get(&(address.ifindex, address.net)).copied()
    }

    /// The addresses of an interface that we may speak from at any time.
    fn own_addresses(&self, ifindex: u32) -> impl Iterator<Item = &Address> {
        self.addresses(ifindex).filter(|a| a.flags & UNUSABLE == 0 && !a.is_virtual())
    }

    /// An address of an interface in the family of `peer`, for `update-source IF`.
    pub fn source(&self, interface: &str, peer: IpAddr) -> Option<IpAddr> {
        let link = self.by_name(interface)?;
        let wants_link_local = matches!(peer, IpAddr::V6(a) if is_link_local(&a));
        self.own_addresses(link.index)
            .map(|a| a.net.addr())
            .filter(|a| a.is_ipv4() == peer.is_ipv4() && !a.is_loopback())
            .find(|a| match a {
                IpAddr::V4(_) => true,
                IpAddr::V6(v6) => is_link_local(v6) == wants_link_local,
            })
    }

    /// The other address of an interface's IPv4 network of two, /30 or /31.
    pub fn other_end(&self, interface: &str) -> Option<Ipv4Addr> {
        let link = self.by_name(interface).filter(|l| l.usable())?;
        self.addresses(link.index).find_map(|a| match a.net {
            IpNet::V4(net) if net.prefix_len() == 31 => Some(Ipv4Addr::from(u32::from(net.addr()) ^ 1)),
            IpNet::V4(net) if net.prefix_len() == 30 => net.hosts().find(|h| *h != net.addr()),
            _ => None,
        })
    }

    /// A usable link-local address of an interface.
    pub fn link_local(&self, ifindex: u32) -> Option<Ipv6Addr> {
        self.own_addresses(ifindex).find_map(|a| match a.net.addr() {
            IpAddr::V6(v6) if is_link_local(&v6) => Some(v6),
            _ => None,
        })
    }

    /// The network of ours that an address is in.
    pub fn connected(&self, addr: IpAddr) -> Option<(&Link, IpNet)> {
        let all = self.addresses.iter().filter(|a| a.net.contains(&addr) && a.net.addr() != addr);
        let best = all.max_by_key(|a| a.net.prefix_len())?;
        Some((self.links.get(&best.ifindex)?, best.net.trunc()))
    }

    /// Our end of a session between two addresses.
    pub fn local_end(&self, local: SocketAddr, peer: IpAddr) -> LocalEnd {
        let scope = match local {
            SocketAddr::V6(v6) => v6.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        let local = local.ip().to_canonical();
        let is_own = |a: &&Address| a.net.addr() == local && (scope == 0 || a.ifindex == scope);
        let Some(own) = self.addresses.iter().find(is_own) else {
            return match local {
                IpAddr::V4(v4) => LocalEnd { v4: Some(v4), ..LocalEnd::default() },
                IpAddr::V6(v6) => LocalEnd { v6: Some(v6), ..LocalEnd::default() },
            };
        };
        let on_link = own.net.contains(&peer) && own.net.prefix_len() < own.net.max_prefix_len();
        let mut end = LocalEnd {
            interface: self.links.get(&own.ifindex).map(|l| l.name.clone()),
            ..LocalEnd::default()
        };
        for address in self.own_addresses(own.ifindex) {
            match address.net.addr() {
                IpAddr::V4(v4) if !v4.is_loopback() => {
                    end.v4.get_or_insert(v4);
                    end.shared[0].get_or_insert(address.net.trunc());
                }
                IpAddr::V6(v6) if is_link_local(&v6) => {
                    end.link_local.get_or_insert(v6);
                }
                IpAddr::V6(v6) if !v6.is_loopback() => {
                    end.v6.get_or_insert(v6);
                    end.shared[1].get_or_insert(address.net.trunc());
                }
                _ => {}
            }
        }
        match local {
            IpAddr::V4(v4) => {
                end.v4 = Some(v4);
                end.shared[0] = Some(own.net.trunc());
            }
            IpAddr::V6(v6) if !is_link_local(&v6) => {
                end.v6 = Some(v6);
                end.shared[1] = Some(own.net.trunc());
            }
            IpAddr::V6(_) => {}
        }
        if !on_link {
            end.link_local = None;
            end.shared = [None, None];
        }
        end
    }

    /// The router id that FRR would take: the highest IPv4 address of the loopback, else of all.
    pub fn router_id(&self) -> Option<Ipv4Addr> {
        let of = |loopback: bool| {
            self.addresses
                .iter()
                .filter(|a| self.links.get(&a.ifindex).is_some_and(|l| (l.hardware == 772) == loopback))
                // The gateway's address moves: two routers must not call themselves by it.
                .filter(|a| !a.is_virtual())
                .filter_map(|a| match a.net.addr() {
                    IpAddr::V4(v4) if !v4.is_loopback() && !v4.is_unspecified() => Some(v4),
                    _ => None,
                })
                .max()
        };
        of(true).or_else(|| of(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devs() -> Netdevs {
        let mut devs = Netdevs::default();
        let link = |index, name: &str, hardware| {
            Event::LinkChanged(Link { index, name: name.into(), hardware, ..Link::default() })
        };
        let address = |ifindex, net: &str| {
            let net: IpNet = net.parse().unwrap();
            Event::AddressAdded(Address { ifindex, net, peer: None, flags: 0, scope: 0, protocol: 0 })
        };
        for event in [
            link(1, "lo", 772),
            link(2, "lan0", 1),
            address(1, "127.0.0.1/8"),
            address(1, "10.255.0.1/32"),
            address(2, "10.10.0.2/24"),
            address(2, "2001:db8:10::2/64"),
            address(2, "fe80::2/64"),
        ] {
            devs.apply(0, &event);
        }
        devs
    }

    #[test]
    fn changes_of_a_link_are_counted_from_the_second_time_that_it_is_seen() {
        let mut devs = Netdevs::default();
        let seen = |up| {
            let link = Link { index: 7, up, lower_up: up, ..Link::default() };
            Event::LinkChanged(link)
        };
        for (at, up) in [(1, true), (2, true), (3, false), (4, true), (5, true), (6, false)] {
            devs.apply(at, &seen(up));
        }
        let changes = devs.changes(7);
        assert_eq!((changes.ups, changes.downs), (1, 2));
        assert_eq!((changes.last_up, changes.last_down), (Some(4), Some(6)));
        devs.apply(9, &Event::LinkGone { index: 7, name: String::new() });
        assert_eq!(devs.changes(7), LinkChanges::default());
    }

    #[test]
    fn the_router_id_is_the_loopback_s_highest_address() {
        assert_eq!(devs().router_id(), Some(Ipv4Addr::new(10, 255, 0, 1)));
    }

    #[test]
    fn our_end_has_both_families_and_the_link_only_when_it_is_shared() {
        let devs = devs();
        let near = devs.local_end("10.10.0.2:179".parse().unwrap(), "10.10.0.100".parse().unwrap());
        assert_eq!(near.interface.as_deref(), Some("lan0"));
        assert_eq!(near.v6, Some("2001:db8:10::2".parse().unwrap()));
        assert_eq!(near.link_local, Some("fe80::2".parse().unwrap()));
        assert_eq!(near.shared[1], Some("2001:db8:10::/64".parse().unwrap()));
        let far = devs.local_end("10.255.0.1:179".parse().unwrap(), "10.255.0.2".parse().unwrap());
        assert_eq!((far.link_local, far.shared), (None, [None, None]));
        assert_eq!(devs.source("lo", "10.255.0.2".parse().unwrap()), Some("10.255.0.1".parse().unwrap()));
    }
}
