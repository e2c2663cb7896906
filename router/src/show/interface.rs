//! `show interface`.

use std::io::{self, Write};

use ipnet::IpNet;
use serde_json::Value;

use super::format::{mac, timestamp};
use super::json::{Object, ObjectExt, pretty};
use super::views::{InterfaceAddressView, InterfaceView};

const fn up(value: bool) -> &'static str {
    if value { "up" } else { "down" }
}

/// As text.
pub fn text(views: &[InterfaceView], out: &mut dyn Write) -> io::Result<()> {
    views.iter().try_for_each(|view| one(view, out))
}

fn one(view: &InterfaceView, out: &mut dyn Write) -> io::Result<()> {
    let protocol =
        if view.admin_up { format!(", line protocol is {}", up(view.oper_up)) } else { String::new() };
    writeln!(out, "Interface {} is {}{protocol}", view.name, up(view.admin_up))?;
    let when = |at: Option<(u64, u8)>| at.map_or_else(|| "(never)".to_owned(), |(s, h)| timestamp(s, h));
    writeln!(out, "  Link ups:   {:5}    last: {}", view.link_ups, when(view.last_up))?;
    writeln!(out, "  Link downs: {:5}    last: {}", view.link_downs, when(view.last_down))?;
    writeln!(out, "  Total Carrier Changes: {}", view.carrier_changes)?;
    writeln!(out, "  vrf: {}", view.vrf)?;
    if let Some(text) = &view.description {
        writeln!(out, "  Description: {text}")?;
    }
    write!(out, "  index {} metric {} mtu {}", view.index, view.metric, view.mtu)?;
    if view.mtu6 != 0 && view.mtu6 != view.mtu {
        write!(out, " mtu6 {}", view.mtu6)?;
    }
    writeln!(out, " speed {} txqlen {}", view.speed, view.txqlen)?;
    writeln!(out, "  flags: <{}>", view.flags)?;
    for what in ["MPLS ", "Multicast config is", "Shutdown config is"] {
        writeln!(out, "  {what} Not specified by CLI")?;
    }
    if view.advertised_for_bgp {
        writeln!(out, "  BGP has configured RA")?;
    }
    writeln!(out, "  Type: {}", view.kind)?;
    if let Some(octets) = view.mac {
        writeln!(out, "  HWaddr: {}", mac(octets))?;
    }
    for address in &view.addresses {
        writeln!(out, "  {}", address_text(address))?;
    }
    writeln!(out, "  Interface Type {}", view.link_kind)?;
    writeln!(out, "  Interface Slave Type None")?;
    writeln!(out, "  protodown: {} ", if view.protodown { "on" } else { "off" })?;
    match (&view.parent, view.parent_index) {
        (Some(parent), _) => writeln!(out, "  Parent interface: {parent}")?,
        (None, Some(index)) => writeln!(out, "  Parent ifindex: {index}")?,
        (None, None) => {}
    }
    if view.advertised_for_bgp {
        writeln!(out, "  Hosts use stateless autoconfig for addresses.")?;
    }
    match view.neighbor.map(IpNet::from) {
        Some(net) => writeln!(out, "  Neighbor address(s):\n  {} {net}", family_word(&net)),
        None => Ok(()),
    }
}

const fn family_word(net: &IpNet) -> &'static str {
    match net {
        IpNet::V4(_) => "inet",
        IpNet::V6(_) => "inet6",
    }
}

fn address_text(address: &InterfaceAddressView) -> String {
    let mut out = format!("{} {}", family_word(&address.net), address.net);
    if let Some(peer) = address.peer {
        out.push_str(&format!(" peer {peer}"));
    }
    for (on, word) in [(address.secondary, " secondary"), (address.unnumbered, " unnumbered")] {
        if on {
            out.push_str(word);
        }
    }
    if let Some(label) = &address.label {
        out.push_str(&format!(" {label}"));
    }
    out
}

/// `show interface brief`: the IPv4 addresses, and the first IPv6 one, with `+` before it if there are more.
pub fn brief(views: &[InterfaceView], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{:16}{:8}{:16}Addresses", "Interface", "Status", "VRF")?;
    writeln!(out, "{:16}{:8}{:16}---------", "---------", "------", "---")?;
    for view in views {
        write!(out, "{:16}{:8}{:16}", view.name, up(view.admin_up && view.oper_up), view.vrf)?;
        let v4 = view.addresses.iter().filter(|a| matches!(a.net, IpNet::V4(_)));
        let v6 = || view.addresses.iter().filter(|a| matches!(a.net, IpNet::V6(_)));
        let more = v6().count() > 1;
        let mut first = true;
        for (address, more) in v4.map(|a| (a, false)).chain(v6().next().map(|a| (a, more))) {
            if !first {
                write!(out, "{:40}", "")?;
            }
            writeln!(out, "{}{}", if more { "+ " } else { "" }, address.net)?;
            first = false;
        }
        if first {
            writeln!(out)?;
        }
    }
    writeln!(out)
}

/// `show interface description`.
pub fn description(views: &[InterfaceView], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n\tVRF default(0)\n\nInterface       Status  Protocol  Description")?;
    for view in views {
        let text = view.description.as_deref().unwrap_or("");
        writeln!(out, "{:16}{:8}{:10}{text}", view.name, up(view.admin_up), up(view.oper_up))?;
    }
    Ok(())
}

/// The same as JSON.
pub fn description_json(views: &[InterfaceView], out: &mut dyn Write) -> io::Result<()> {
    let mut all = Object::new();
    for view in views {
        let mut o = Object::new();
        o.put("status", up(view.admin_up));
        o.put("protocol", up(view.oper_up));
        o.put_some("description", view.description.clone());
        all.put(&view.name, o);
    }
    pretty(&Value::Object(all), out)
}

/// As JSON.
pub fn json(views: &[InterfaceView], out: &mut dyn Write) -> io::Result<()> {
    let mut all = Object::new();
    for view in views {
        all.put(&view.name, one_json(view));
    }
    pretty(&Value::Object(all), out)
}

/// `show interface brief json`.
pub fn brief_json(views: &[InterfaceView], out: &mut dyn Write) -> io::Result<()> {
    let mut all = Object::new();
    for view in views {
        let mut o = Object::new();
        o.put("status", up(view.admin_up && view.oper_up));
        o.put("vrfName", view.vrf.clone());
        o.put("addresses", view.addresses.iter().map(|a| a.net.to_string()).collect::<Vec<_>>());
        all.put(&view.name, o);
    }
    pretty(&Value::Object(all), out)
}

fn one_json(view: &InterfaceView) -> Object {
    let mut o = Object::new();
    o.put("administrativeStatus", up(view.admin_up));
    o.put("operationalStatus", up(view.oper_up));
    o.put("linkDetection", true);
    o.put("linkUps", view.link_ups);
    o.put("linkDowns", view.link_downs);
    o.put_some("lastLinkUp", view.last_up.map(|(s, h)| timestamp(s, h)));
    o.put_some("lastLinkDown", view.last_down.map(|(s, h)| timestamp(s, h)));
    o.put("vrfName", view.vrf.clone());
    o.put_some("description", view.description.clone());
    for key in ["mplsEnabled", "linkDown", "linkDownV6", "mcForwardingV4", "mcForwardingV6"] {
        o.put(key, false);
    }
    o.put("bgpRAConfigured", view.advertised_for_bgp);
    for key in ["multicastConfig", "shutdownConfig", "mplsConfig"] {
        o.put(key, "Not specified by CLI");
    }
    o.put("speedChecked", 1);
    o.put("pseudoInterface", false);
    o.put("index", view.index);
    o.put("metric", view.metric);
    o.put("mtu", view.mtu);
    if view.mtu6 != 0 && view.mtu6 != view.mtu {
        o.put("mtu6", view.mtu6);
    }
    o.put("speed", view.speed);
    o.put("txqlen", view.txqlen);
    o.put("flags", format!("<{}>", view.flags));
    o.put("type", view.kind.clone());
    o.put_some("hardwareAddress", view.mac.map(mac));
    o.put("ipAddresses", Value::Array(view.addresses.iter().map(address_json).collect()));
    o.put("interfaceType", view.link_kind.clone());
    o.put("interfaceSlaveType", "None");
    o.put("lacpBypass", false);
    o.put("evpnMh", Object::new());
    o.put("protodown", if view.protodown { "on" } else { "off" });
    match (&view.parent, view.parent_index) {
        (Some(parent), _) => o.put("parentInterface", parent.clone()),
        (None, index) => o.put_some("parentIfindex", index),
    }
    o.put_true("hostsUseStatelessAutoconfigForAddresses", view.advertised_for_bgp);
    o.put_some("neighborIpAddresses", view.neighbor.map(|address| vec![IpNet::from(address).to_string()]));
    o.put("carrierChanges", view.carrier_changes);
    o
}

fn address_json(address: &InterfaceAddressView) -> Value {
    let mut o = Object::new();
    o.put("address", address.net.to_string());
    o.put_some("peer", address.peer.map(|p| p.to_string()));
    o.put("secondary", address.secondary);
    o.put("noPrefixRoute", address.no_prefix_route);
    o.put_some("label", address.label.clone());
    o.put("unnumbered", address.unnumbered);
    Value::Object(o)
}
