//! Where the virtual addresses are: on a device with the virtual MAC, made, marked, raised, lowered and removed by us,
//! or on the interface itself (`no vrrp N virtual-mac`).
//!
//! A macvlan in bridge mode: in private mode the kernel hands frames with our own virtual MAC as
//! their source, which is what another Active router sends, to the macvlan instead of the parent.
//! IPv4 settings are made by netlink, which works with a read-only `/proc/sys` too.

use std::io;
use std::net::IpAddr;

use fib::netlink::Encoder;
use fib::netlink::constants::*;
use fib::{Address, Link};
use vrrp::Family;

use super::link::{Model, Requests};

const RTM_SETLINK: u16 = 19;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_INET_CONF: u16 = 1;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const ADDR_GEN_MODE_NONE: u8 = 1;
const IFLA_MACVLAN_MODE: u16 = 1;
const MACVLAN_MODE_BRIDGE: u32 = 4;
const IFA_F_NODAD: u32 = 0x02;
const IFA_F_NOPREFIXROUTE: u32 = 0x200;
const ADDRESS_MISSING: i32 = 99;
const NO_FAMILY: i32 = 97;

/// `IPV4_DEVCONF_*` (`linux/ip.h`).
const FORWARDING: u16 = 1;
const RP_FILTER: u16 = 8;
const ARP_ANNOUNCE: u16 = 18;
const ARP_IGNORE: u16 = 19;
const ACCEPT_LOCAL: u16 = 23;

/// The beginning of the alias of every device that we made.
const MARK: &str = "router-vrrp";

/// The device of one virtual router.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Of this virtual router.
    family: Family,
    vrid: u8,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// A macvlan with the virtual MAC that we made, now or in an earlier run.
    Ours,
    /// A macvlan with the virtual MAC that was there before: only raised and lowered.
    Theirs,
    /// The interface itself, which lends its own MAC.
    Parent,
}

/// A device as it was found.
pub struct Found {
    /// The device.
    pub device: Device,
    /// Virtual addresses that a killed predecessor put there.
    pub held: Vec<IpAddr>,
    /// It forwards for a killed predecessor.
    pub forwards: bool,
}

fn name(parent: u32, family: Family, vrid: u8) -> String {
    let digit = match family {
        Family::V4 => 4,
        Family::V6 => 6,
    };
    // Fifteen characters are the most.
    if parent <= 99_999 {
        format!("vrrp{digit}-{parent}-{vrid}")
    } else {
        format!("vrrp{digit}x{parent:x}-{vrid}")
    }
}

fn marked(link: &Link) -> bool {
    link.alias.as_deref().is_some_and(|alias| alias.starts_with(MARK))
}

fn link_head(out: &mut Encoder, index: u32, flags: u32, change: u32) {
    out.put(&[0, 0, 0, 0]);
    out.put(&index.to_ne_bytes());
    out.put(&flags.to_ne_bytes());
    out.put(&change.to_ne_bytes());
}

fn settings(out: &mut Encoder, values: &[(u16, u32)]) {
    let spec = out.open(IFLA_AF_SPEC | NLA_F_NESTED);
    let inet = out.open(u16::from(AF_INET) | NLA_F_NESTED);
    let conf = out.open(IFLA_INET_CONF | NLA_F_NESTED);
    for (setting, value) in values {
        out.attr_u32(*setting, *value);
    }
    out.close(conf);
    out.close(inet);
    out.close(spec);
}

fn no_own_ipv6(out: &mut Encoder) {
    let spec = out.open(IFLA_AF_SPEC | NLA_F_NESTED);
    let inet6 = out.open(u16::from(AF_INET6) | NLA_F_NESTED);
    out.attr(IFLA_INET6_ADDR_GEN_MODE, &[ADDR_GEN_MODE_NONE]);
    out.close(inet6);
    out.close(spec);
}

/// A virtual address of a device: of host length, so that nothing is on-link because of it.
fn address_of(out: &mut Encoder, index: u32, address: &IpAddr) {
    let (family, length) = match address {
        IpAddr::V4(_) => (AF_INET, 32),
        IpAddr::V6(_) => (AF_INET6, 128),
    };
    out.put(&[family, length, 0, 0]);
    out.put(&index.to_ne_bytes());
    out.attr_ip(IFA_LOCAL, *address);
    out.attr_ip(IFA_ADDRESS, *address);
}

impl Device {
    /// The interface itself in the place of a device.
    pub fn on_parent(model: &Model, parent: &Link, family: Family, vrid: u8, addresses: &[IpAddr]) -> Found {
        let there: Vec<&Address> =
            model.addresses(parent.index).filter(|a| addresses.contains(&a.net.addr())).collect();
        let placed = there.iter().filter(|a| a.protocol == Address::VIRTUAL);
        let held: Vec<IpAddr> = placed.map(|a| a.net.addr()).collect();
        let device =
            Device { index: parent.index, name: parent.name.clone(), family, vrid, kind: Kind::Parent };
        Found { device, forwards: !held.is_empty(), held }
    }

    /// Finds or makes the device with the virtual MAC.
    pub fn prepare(
        requests: &mut Requests,
        model: &mut Model,
        parent: &Link,
        family: Family,
        vrid: u8,
    ) -> io::Result<Found> {
        let mac = family.virtual_mac(vrid);
        let wanted = name(parent.index, family, vrid);
        let (device, up) = match model.macvlan(parent.index, mac) {
            Some(link) => {
                let kind = if marked(link) { Kind::Ours } else { Kind::Theirs };
                (Device { index: link.index, name: link.name.clone(), family, vrid, kind }, link.up)
            }
            None => {
                Device::create(requests, parent.index, &wanted, mac)?;
                requests.fill(model)?;
                let made = model.by_name(&wanted).map(|link| link.index);
                let index = made.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
                (Device { index, name: wanted, family, vrid, kind: Kind::Ours }, false)
            }
        };
        // One of ours that is up has its settings. Each message about them makes the kernel report its multicast groups
        // from the virtual MAC, which would turn the switch to us, not the active router.
        if !(up && device.kind == Kind::Ours) {
            device.arrange(requests)?;
        }
        let held = model.addresses(device.index).map(|a| a.net.addr()).collect();
        Ok(Found { device, held, forwards: up })
    }

    fn create(requests: &mut Requests, parent: u32, name: &str, mac: [u8; 6]) -> io::Result<()> {
        requests.add(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, |out| {
            link_head(out, 0, 0, 0);
            out.attr_u32(IFLA_LINK, parent);
            out.attr(IFLA_IFNAME, format!("{name}\0").as_bytes());
            out.attr(IFLA_ADDRESS, &mac);
            let info = out.open(IFLA_LINKINFO | NLA_F_NESTED);
            out.attr(IFLA_INFO_KIND, b"macvlan\0");
            let data = out.open(IFLA_INFO_DATA | NLA_F_NESTED);
            out.attr_u32(IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
            out.close(data);
            out.close(info);
        });
        requests.run(&[])
    }

    /// The alias and the settings: answer ARP only for own addresses with the own MAC, take packets
    /// whose source is routed by the parent, make no IPv6 address from the virtual MAC, report multicast groups at once:
    /// the kernel would spread the reports over a second or more, and the switch would follow a late one though the role
    /// has moved on.
    fn arrange(&self, requests: &mut Requests) -> io::Result<()> {
        if self.kind == Kind::Ours {
            requests.add(RTM_SETLINK, 0, |out| {
                link_head(out, self.index, 0, 0);
                out.attr(IFLA_IFALIAS, format!("{MARK} {}", self.vrid).as_bytes());
            });
        }
        requests.add(RTM_SETLINK, 0, |out| {
            link_head(out, self.index, 0, 0);
            let values =
                [(FORWARDING, 1), (RP_FILTER, 0), (ARP_ANNOUNCE, 2), (ARP_IGNORE, 1), (ACCEPT_LOCAL, 1)];
            settings(out, &values);
        });
        requests.run(&[ENODEV])?;
        requests.add(RTM_SETLINK, 0, |out| {
            link_head(out, self.index, 0, 0);
            no_own_ipv6(out);
        });
        match self.family {
            Family::V4 => Device::ipv6_files(&self.name, &[("disable_ipv6", "1")]),
            Family::V6 => Device::ipv6_files(
                &self.name,
                &[
                    ("accept_ra", "0"),
                    ("forwarding", "1"),
                    ("mldv1_unsolicited_report_interval", "1"),
                    ("mldv2_unsolicited_report_interval", "1"),
                ],
            ),
        }
        // A kernel without IPv6 makes no address from the virtual MAC, either.
        requests.run(&[ENODEV, NO_FAMILY])
    }

    fn ipv6_files(name: &str, values: &[(&str, &str)]) {
        for (file, value) in values {
            // There is no other way; the defaults of the system mostly are these values already.
            let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}/{file}"), value);
        }
    }

    /// Settings of the parent: it must not answer for the virtual addresses nor ask in their name
    /// with its own MAC, and should keep IPv6 addresses while down.
    pub fn prepare_parent(requests: &mut Requests, parent: &Link) -> io::Result<()> {
        requests.add(RTM_SETLINK, 0, |out| {
            link_head(out, parent.index, 0, 0);
            settings(out, &[(ARP_ANNOUNCE, 2), (ARP_IGNORE, 1)]);
        });
        Device::ipv6_files(&parent.name, &[("keep_addr_on_down", "1")]);
        // The strict filter for all would drop what arrives on the virtual device.
        let all = "/proc/sys/net/ipv4/conf/all/rp_filter";
        if std::fs::read_to_string(all).is_ok_and(|value| value.trim() == "1") {
            std::fs::write(all, "0")?;
        }
        requests.run(&[])
    }

    /// Up, with the virtual addresses, in one batch; others that were held are removed. Gives those that may be held
    /// now, whether all went well or not.
    pub fn acquire(
        &self,
        requests: &mut Requests,
        model: &Model,
        held: &[IpAddr],
        addresses: &[IpAddr],
    ) -> (Vec<IpAddr>, io::Result<()>) {
        let there = || model.addresses(self.index);
        let (new, old): (Vec<IpAddr>, Vec<IpAddr>) = match self.kind {
            Kind::Ours => (addresses.to_vec(), there().map(|a| a.net.addr()).collect()),
            Kind::Theirs => (addresses.to_vec(), Vec::new()),
            // The owner of the addresses has them anyway, and keeps them.
            Kind::Parent => {
                let own =
                    |ip: &IpAddr| there().any(|a| a.net.addr() == *ip && a.protocol != Address::VIRTUAL);
                (addresses.iter().filter(|ip| !own(ip)).copied().collect(), held.to_vec())
            }
        };
        if self.kind != Kind::Parent {
            requests.add(RTM_SETLINK, 0, |out| link_head(out, self.index, IFF_UP, IFF_UP));
        }
        for address in &new {
            requests.add(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, |out| {
                address_of(out, self.index, address);
                out.attr_u32(IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
                // An operator's own device has the operator's own addresses.
                if self.kind != Kind::Theirs {
                    out.attr(IFA_PROTO, &[Address::VIRTUAL]);
                }
            });
        }
        let old: Vec<IpAddr> = old.into_iter().filter(|a| !addresses.contains(a)).collect();
        self.remove(requests, &old);
        let done = requests.run(&[EEXIST, ADDRESS_MISSING]);
        (new, done)
    }

    fn remove(&self, requests: &mut Requests, addresses: &[IpAddr]) {
        for address in addresses {
            requests.add(RTM_DELADDR, 0, |out| address_of(out, self.index, address));
        }
    }

    /// Without the virtual addresses, and down: a backup must not receive for the virtual MAC. The settings are made
    /// anew, for a device that an earlier version left up.
    pub fn release(&self, requests: &mut Requests, addresses: &[IpAddr]) -> io::Result<()> {
        if self.kind != Kind::Parent {
            requests.add(RTM_SETLINK, 0, |out| link_head(out, self.index, 0, IFF_UP));
        }
        if self.kind != Kind::Theirs {
            self.remove(requests, addresses);
        }
        requests.run(&[ADDRESS_MISSING, ENODEV])?;
        match self.kind {
            Kind::Parent => Ok(()),
            Kind::Ours | Kind::Theirs => self.arrange(requests),
        }
    }

    /// Removes the device if it is ours.
    pub fn delete(&self, requests: &mut Requests) -> io::Result<()> {
        if self.kind != Kind::Ours {
            return Ok(());
        }
        requests.add(RTM_DELLINK, 0, |out| link_head(out, self.index, 0, 0));
        requests.run(&[ENODEV])
    }

    /// Devices of an earlier run that no virtual router of now wants.
    pub fn leftovers(model: &Model, wanted: &[(u32, [u8; 6])]) -> Vec<Device> {
        let stale = |link: &&Link| {
            let key = link.parent.zip(link.mac);
            marked(link) && !key.is_some_and(|key| wanted.contains(&key))
        };
        let device = |link: &Link| {
            let [.., kind, vrid] = link.mac.unwrap_or_default();
            let family = if kind == 1 { Family::V4 } else { Family::V6 };
            Device { index: link.index, name: link.name.clone(), family, vrid, kind: Kind::Ours }
        };
        model.links().filter(stale).map(device).collect()
    }

    /// Removes virtual addresses that an earlier run put on interfaces themselves and that no virtual router of now
    /// wants there; `wanted` names interface and address.
    pub fn sweep_addresses(
        requests: &mut Requests,
        model: &Model,
        wanted: &[(u32, IpAddr)],
    ) -> io::Result<()> {
        for link in model.links().filter(|link| !marked(link)) {
            for ip in model.addresses(link.index).filter(|a| a.protocol == Address::VIRTUAL) {
                let ip = ip.net.addr();
                if !wanted.contains(&(link.index, ip)) {
                    requests.add(RTM_DELADDR, 0, |out| address_of(out, link.index, &ip));
                }
            }
        }
        requests.run(&[ADDRESS_MISSING])
    }
}
