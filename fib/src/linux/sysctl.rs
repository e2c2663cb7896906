//! Kernel settings per interface and for the system: by file, and for IPv4 by netlink where
//! `/proc/sys` is read-only.

use std::io;
use std::path::PathBuf;

use netlink_sys::Socket;

use crate::netlink::constants::*;
use crate::netlink::{Encoder, Incoming, decode, messages};

/// Which part of `net.*` a setting belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SettingFamily {
    /// `net.ipv4.conf.IF.*`
    V4,
    /// `net.ipv6.conf.IF.*`
    V6,
}

/// One setting of an interface.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Setting {
    /// Where it belongs.
    pub family: SettingFamily,
    /// Name of the file, for example `rp_filter`.
    pub name: String,
    /// Value.
    pub value: i32,
}

impl Setting {
    /// An IPv4 setting.
    pub fn v4(name: &str, value: i32) -> Setting {
        Setting { family: SettingFamily::V4, name: name.to_owned(), value }
    }

    /// An IPv6 setting.
    pub fn v6(name: &str, value: i32) -> Setting {
        Setting { family: SettingFamily::V6, name: name.to_owned(), value }
    }

    /// The dotted name for one interface.
    pub fn dotted(&self, interface: &str) -> String {
        let family = match self.family {
            SettingFamily::V4 => "ipv4",
            SettingFamily::V6 => "ipv6",
        };
        format!("net.{family}.conf.{interface}.{}", self.name)
    }

    fn path(&self, interface: &str) -> PathBuf {
        let family = match self.family {
            SettingFamily::V4 => "ipv4",
            SettingFamily::V6 => "ipv6",
        };
        ["/proc/sys/net", family, "conf", interface, &self.name].iter().collect()
    }

    /// `IPV4_DEVCONF_*` (`linux/ip.h`), counted from 1 as netlink does.
    fn netlink_index(&self) -> Option<u16> {
        if self.family != SettingFamily::V4 {
            return None;
        }
        Some(match self.name.as_str() {
            "forwarding" => 1,
            "mc_forwarding" => 2,
            "proxy_arp" => 3,
            "accept_redirects" => 4,
            "secure_redirects" => 5,
            "send_redirects" => 6,
            "shared_media" => 7,
            "rp_filter" => 8,
            "accept_source_route" => 9,
            "log_martians" => 11,
            "arp_filter" => 13,
            "arp_announce" => 18,
            "arp_ignore" => 19,
            "promote_secondaries" => 20,
            "arp_accept" => 21,
            "arp_notify" => 22,
            "accept_local" => 23,
            "route_localnet" => 26,
            "ignore_routes_with_linkdown" => 29,
            _ => return None,
        })
    }
}

/// What a router wants on each of its interfaces: forwarding, loose reverse-path filter, dead links
/// not used, IPv6 addresses kept while down.
pub fn router_defaults() -> Vec<Setting> {
    vec![
        Setting::v4("forwarding", 1),
        Setting::v4("rp_filter", 0),
        Setting::v4("ignore_routes_with_linkdown", 1),
        Setting::v6("forwarding", 1),
        Setting::v6("keep_addr_on_down", 1),
        Setting::v6("ignore_routes_with_linkdown", 1),
    ]
}

/// Writes a setting of an interface; by netlink if the file cannot be written and that is possible.
pub fn apply(socket: &Socket, name: &str, index: u32, setting: &Setting) -> io::Result<()> {
    let path = setting.path(name);
    let wanted = setting.value.to_string();
    if std::fs::read_to_string(&path).is_ok_and(|now| now.trim() == wanted) {
        return Ok(());
    }
    match (std::fs::write(&path, &wanted), setting.netlink_index()) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(id)) => by_netlink(socket, index, id, setting.value),
        (Err(e), None) => Err(e),
    }
}

/// Writes a setting of the system by its dotted name.
pub fn apply_global(dotted: &str, value: &str) -> io::Result<()> {
    // Names of interfaces may hold dots; settings of the system do not.
    let path = PathBuf::from("/proc/sys").join(dotted.replace('.', "/"));
    if std::fs::read_to_string(&path).is_ok_and(|now| now.trim() == value) {
        return Ok(());
    }
    std::fs::write(path, value)
}

/// `RTM_SETLINK` with `IFLA_AF_SPEC`/`AF_INET`/`IFLA_INET_CONF`.
fn by_netlink(socket: &Socket, index: u32, id: u16, value: i32) -> io::Result<()> {
    const RTM_SETLINK: u16 = 19;
    const IFLA_AF_SPEC: u16 = 26;
    const IFLA_INET_CONF: u16 = 1;
    let mut out = Encoder::default();
    out.begin(RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK, 1);
    out.put(&[0, 0, 0, 0]);
    out.put(&index.to_ne_bytes());
    out.put(&[0; 8]);
    let spec = out.open(IFLA_AF_SPEC | NLA_F_NESTED);
    let inet = out.open(u16::from(AF_INET) | NLA_F_NESTED);
    let conf = out.open(IFLA_INET_CONF | NLA_F_NESTED);
    out.attr_u32(id, value.cast_unsigned());
    out.close(conf);
    out.close(inet);
    out.close(spec);
    out.end();
    socket.send(out.bytes(), 0)?;
    let mut buffer = Vec::with_capacity(8192);
    socket.recv(&mut buffer, 0)?;
    for raw in messages(&buffer) {
        if let Incoming::Outcome { errno, .. } = decode(&raw)
            && errno != 0
        {
            return Err(io::Error::from_raw_os_error(errno));
        }
    }
    Ok(())
}
