//! Version, interfaces, forwarding, VRRP.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use bgp::types::{Family, SECOND, Time};

use crate::config::model::{Config, FRR_VERSION, PeerId};
use crate::control::{Control, unix_time};
use crate::ontime::{Family as VrrpFamily, GroupStatus};
use crate::shell::clock;
use crate::shell::netdevs::Netdevs;
use crate::show::views::{
    InterfaceAddressView, InterfaceView, RpkiView, VersionView, VrrpFamilyView, VrrpState, VrrpView,
};

/// `ARPHRD_LOOPBACK`
const LOOPBACK: u16 = 772;

/// A time of the shell's clock as seconds since 1970 with hundredths.
fn wall_clock(at: Time) -> (u64, u8) {
    let ago = clock::now().saturating_sub(at) as f64 / SECOND as f64;
    let then = (unix_time() - ago).max(0.0);
    (then as u64, (then.fract() * 100.0) as u8)
}

pub(super) fn version(config: &Config) -> VersionView {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    VersionView {
        version: FRR_VERSION.to_owned(),
        hostname: config.hostname.clone().or_else(crate::shell::peers::system_hostname).unwrap_or_default(),
        system: "Linux".to_owned(),
        kernel: kernel.trim().to_owned(),
    }
}

pub(super) fn forwarding(family: Family) -> bool {
    let path = match family {
        Family::Ipv4Unicast => "/proc/sys/net/ipv4/ip_forward",
        Family::Ipv6Unicast => "/proc/sys/net/ipv6/conf/all/forwarding",
    };
    std::fs::read_to_string(path).is_ok_and(|t| t.trim() == "1")
}

pub(super) fn interfaces(control: &Control) -> Vec<InterfaceView> {
    let config = control.running();
    let netdevs = control.netdevs.read().unwrap_or_else(PoisonError::into_inner);
    let mut all: Vec<InterfaceView> = netdevs.links().map(|l| interface(l, &netdevs, &config)).collect();
    for entry in control.peers.entries() {
        let PeerId::Interface(name) = &entry.name else { continue };
        for view in all.iter_mut().filter(|view| view.name == *name) {
            view.advertised_for_bgp = true;
            view.neighbor = entry.addr.filter(|a| a.is_ipv6());
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn interface(link: &fib::Link, netdevs: &Netdevs, config: &Config) -> InterfaceView {
    let mut addresses: Vec<InterfaceAddressView> = netdevs
        .addresses(link.index)
        // Every host has these.
        .filter(|a| !a.net.addr().is_loopback())
        .map(|a| InterfaceAddressView {
            net: a.net,
            peer: a.peer.map(ipnet::IpNet::from),
            secondary: a.flags & 0x01 != 0 && a.net.addr().is_ipv4(),
            unnumbered: a.net.addr().is_ipv4() && a.net.prefix_len() == 32 && link.hardware != LOOPBACK,
            no_prefix_route: a.flags & 0x200 != 0,
            label: None,
        })
        .collect();
    addresses.sort_by_key(|a| a.net.addr().is_ipv6());
    let loopback = link.hardware == LOOPBACK;
    let changes = netdevs.changes(link.index);
    InterfaceView {
        name: link.name.clone(),
        vrf: "default".to_owned(),
        description: config.interfaces.get(&link.name).and_then(|i| i.description.clone()),
        admin_up: link.up,
        oper_up: if loopback { link.up } else { link.usable() },
        link_ups: changes.ups,
        link_downs: changes.downs,
        last_up: changes.last_up.map(wall_clock),
        last_down: changes.last_down.map(wall_clock),
        carrier_changes: read_number(&link.name, "carrier_changes").unwrap_or(0),
        index: link.index,
        metric: 0,
        mtu: link.mtu,
        mtu6: link.mtu,
        speed: read_number(&link.name, "speed").unwrap_or(0),
        txqlen: read_number(&link.name, "tx_queue_len").unwrap_or(0),
        flags: flags(link.flags),
        kind: match link.hardware {
            LOOPBACK => "Loopback",
            1 => "Ethernet",
            _ => "Unknown",
        }
        .to_owned(),
        mac: link.mac.filter(|_| !loopback),
        addresses,
        link_kind: match link.kind.as_deref() {
            Some("veth") => "VETH",
            Some("bridge") => "Bridge",
            Some("macvlan") => "macvlan",
            Some("vlan") => "VLAN",
            Some("bond") => "bond",
            Some("vrf") => "VRF",
            Some("vxlan") => "VxLAN",
            _ => "Other",
        }
        .to_owned(),
        protodown: false,
        advertised_for_bgp: false,
        neighbor: None,
        // The other end of a veth pair mostly is in another namespace, where the index means another interface.
        parent: link
            .parent
            .filter(|_| link.kind.as_deref() != Some("veth"))
            .and_then(|p| netdevs.by_index(p))
            .map(|l| l.name.clone()),
        parent_index: link.parent,
    }
}

/// A number that the kernel shows of an interface.
fn read_number(interface: &str, what: &str) -> Option<u32> {
    // A name with a slash cannot be an interface's.
    if interface.contains('/') {
        return None;
    }
    std::fs::read_to_string(format!("/sys/class/net/{interface}/{what}")).ok()?.trim().parse().ok()
}

/// `ifi_flags` by name, in FRR's order.
fn flags(bits: u32) -> String {
    const NAMES: [(u32, &str); 9] = [
        (1 << 0, "UP"),
        (1 << 16, "LOWER_UP"),
        (1 << 1, "BROADCAST"),
        (1 << 3, "LOOPBACK"),
        (1 << 4, "POINTOPOINT"),
        (1 << 6, "RUNNING"),
        (1 << 7, "NOARP"),
        (1 << 8, "PROMISC"),
        (1 << 12, "MULTICAST"),
    ];
    NAMES.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, n)| *n).collect::<Vec<_>>().join(",")
}

/// The caches of validated ROA payloads.
pub(crate) fn rpki(control: &Control) -> RpkiView {
    control.rtr.look(|caches| RpkiView {
        synchronized: caches.active(),
        in_use: caches.in_use(),
        connected: caches.status().iter().filter(|c| c.synced).map(|c| c.preference).collect(),
        records: caches.counts(),
    })
}

/// VRRP groups as configured, with what the on-time thread says of them.
pub(super) fn vrrp(control: &Arc<Control>) -> Vec<VrrpView> {
    let config = control.running();
    let snapshot = control.vrrp_snapshot();
    let running: BTreeMap<_, &GroupStatus> =
        snapshot.groups.iter().map(|g| ((g.key.interface.as_str(), g.key.vrid, g.key.family), g)).collect();
    let mut views = Vec::new();
    for (name, interface) in &config.interfaces {
        for (vrid, group) in &interface.vrrp {
            let of = |family| running.get(&(name.as_str(), *vrid, family)).map(|g| family_view(g));
            let idle = |family: VrrpFamily| VrrpFamilyView {
                vmac: family.virtual_mac(*vrid),
                effective_priority: group.priority,
                ..VrrpFamilyView::default()
            };
            views.push(VrrpView {
                vrid: *vrid,
                version: group.version,
                autoconfigured: false,
                shutdown: group.shutdown,
                interface: name.clone(),
                preempt: group.preempt,
                accept: group.accept,
                checksum_with_ipv4_pseudoheader: group.checksum_with_ipv4_pseudoheader,
                advertisement_interval: group.advertisement_interval,
                priority: group.priority,
                v4: of(VrrpFamily::V4).unwrap_or_else(|| idle(VrrpFamily::V4)),
                v6: of(VrrpFamily::V6).unwrap_or_else(|| idle(VrrpFamily::V6)),
            });
        }
    }
    views
}

fn family_view(group: &GroupStatus) -> VrrpFamilyView {
    let status = &group.status;
    let ms = |t: u64| (t / bgp::types::MILLISECOND) as u32;
    let own = u64::from(status.config.interval) * vrrp::CENTISECOND;
    VrrpFamilyView {
        interface: group.device.clone().unwrap_or_default(),
        vmac: group.mac,
        primary: status.source,
        state: match status.state {
            vrrp::State::Initialize => VrrpState::Initialize,
            vrrp::State::Backup => VrrpState::Backup,
            vrrp::State::Active => VrrpState::Master,
        },
        effective_priority: status.priority,
        master_interval: ms(if status.active_interval > 0 { status.active_interval } else { own }),
        master_interval_stale: status.state == vrrp::State::Active,
        skew_time: ms(status.skew),
        master_down_interval: ms(status.down_interval),
        adverts_sent: status.stats.sent,
        adverts_received: status.stats.received,
        announcements: status.stats.announcements,
        transitions: status.stats.transitions,
        addresses: status.config.addresses.clone(),
    }
}
