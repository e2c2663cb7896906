//! `show vrrp`.

use std::fmt::Display;
use std::io::{self, Write};
use std::net::IpAddr;

use serde_json::Value;

use super::format::mac;
use super::json::{Object, ObjectExt, pretty};
use super::views::{VrrpFamilyView, VrrpView};

fn entry(name: &str, value: impl Display, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, " {name:38}  {:20}", value.to_string())
}

const fn yes(value: bool) -> &'static str {
    if value { "Yes" } else { "No" }
}

fn primary(family: &VrrpFamilyView, none: &str) -> String {
    family.primary.map_or_else(|| none.to_owned(), |a| a.to_string())
}

fn interface(family: &VrrpFamilyView) -> &str {
    if family.interface.is_empty() { "None" } else { &family.interface }
}

/// As text.
pub fn text(views: &[VrrpView], out: &mut dyn Write) -> io::Result<()> {
    for view in views {
        writeln!(out)?;
        one(view, out)?;
        writeln!(out)?;
    }
    Ok(())
}

fn one(view: &VrrpView, out: &mut dyn Write) -> io::Result<()> {
    entry("Virtual Router ID", view.vrid, out)?;
    entry("Protocol Version", view.version, out)?;
    entry("Autoconfigured", yes(view.autoconfigured), out)?;
    entry("Shutdown", yes(view.shutdown), out)?;
    entry("Interface", &view.interface, out)?;
    entry("VRRP interface (v4)", interface(&view.v4), out)?;
    entry("VRRP interface (v6)", interface(&view.v6), out)?;
    entry("Primary IP (v4)", primary(&view.v4, ""), out)?;
    entry("Primary IP (v6)", primary(&view.v6, "::"), out)?;
    entry("Virtual MAC (v4)", mac(view.v4.vmac), out)?;
    entry("Virtual MAC (v6)", mac(view.v6.vmac), out)?;
    entry("Status (v4)", view.v4.state.name(), out)?;
    entry("Status (v6)", view.v6.state.name(), out)?;
    entry("Priority", view.priority, out)?;
    entry("Effective Priority (v4)", view.v4.effective_priority, out)?;
    entry("Effective Priority (v6)", view.v6.effective_priority, out)?;
    entry("Preempt Mode", yes(view.preempt), out)?;
    entry("Accept Mode", yes(view.accept), out)?;
    entry("Checksum with IPv4 Pseudoheader", yes(view.checksum_with_ipv4_pseudoheader), out)?;
    entry("Advertisement Interval", format!("{} ms", view.advertisement_interval), out)?;
    timers(view, out)?;
    for (name, addresses) in [("IPv4 Addresses", &view.v4.addresses), ("IPv6 Addresses", &view.v6.addresses)]
    {
        entry(name, addresses.len(), out)?;
        for address in addresses {
            entry("..................................", address, out)?;
        }
    }
    Ok(())
}

fn timers(view: &VrrpView, out: &mut dyn Write) -> io::Result<()> {
    let both = [("v4", &view.v4), ("v6", &view.v6)];
    for (word, f) in both {
        let stale = if f.master_interval_stale { " (stale)" } else { "" };
        let name = format!("Master Advertisement Interval ({word}) Rx");
        entry(&name, format!("{} ms{stale}", f.master_interval), out)?;
    }
    for (word, f) in both {
        entry(&format!("Advertisements Tx ({word})"), f.adverts_sent, out)?;
    }
    for (word, f) in both {
        entry(&format!("Advertisements Rx ({word})"), f.adverts_received, out)?;
    }
    entry("Gratuitous ARP Tx (v4)", view.v4.announcements, out)?;
    entry("Neigh. Adverts Tx (v6)", view.v6.announcements, out)?;
    for (word, f) in both {
        entry(&format!("State transitions ({word})"), f.transitions, out)?;
    }
    for (word, f) in both {
        entry(&format!("Skew Time ({word})"), format!("{} ms", f.skew_time), out)?;
    }
    for (word, f) in both {
        entry(&format!("Master Down Interval ({word})"), format!("{} ms", f.master_down_interval), out)?;
    }
    Ok(())
}

/// `show vrrp summary`.
pub fn summary(views: &[VrrpView], out: &mut dyn Write) -> io::Result<()> {
    let titles = ["Interface", "VRID", "Priority", "IPv4", "IPv6", "State (v4)", "State (v6)"];
    let rows: Vec<[String; 7]> = views
        .iter()
        .map(|v| {
            [
                v.interface.clone(),
                v.vrid.to_string(),
                v.priority.to_string(),
                v.v4.addresses.len().to_string(),
                v.v6.addresses.len().to_string(),
                v.v4.state.name().to_owned(),
                v.v6.state.name().to_owned(),
            ]
        })
        .collect();
    let widths: Vec<usize> = titles
        .iter()
        .enumerate()
        .map(|(i, title)| {
            let cells = rows.iter().filter_map(|r| r.get(i)).map(String::len);
            cells.chain([title.len()]).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: &[&str], out: &mut dyn Write| -> io::Result<()> {
        write!(out, " ")?;
        for (cell, width) in cells.iter().zip(&widths) {
            write!(out, "{cell:width$}   ")?;
        }
        writeln!(out)
    };
    writeln!(out)?;
    line(&titles, out)?;
    if !rows.is_empty() {
        let total: usize = widths.iter().map(|w| w + 3).sum();
        writeln!(out, " {}", "-".repeat(total))?;
    }
    for row in &rows {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        line(&cells, out)?;
    }
    writeln!(out)
}

/// As JSON.
pub fn json(views: &[VrrpView], out: &mut dyn Write) -> io::Result<()> {
    pretty(&Value::Array(views.iter().map(one_json).collect()), out)
}

fn one_json(view: &VrrpView) -> Value {
    let mut o = Object::new();
    o.put("vrid", view.vrid);
    o.put("version", view.version);
    o.put("autoconfigured", view.autoconfigured);
    o.put("shutdown", view.shutdown);
    o.put("preemptMode", view.preempt);
    o.put("acceptMode", view.accept);
    o.put("checksumWithIpv4Pseudoheader", view.checksum_with_ipv4_pseudoheader);
    o.put("interface", view.interface.clone());
    o.put("advertisementInterval", view.advertisement_interval);
    o.put("priority", view.priority);
    o.put("v4", family_json(&view.v4, "garpTx", ""));
    o.put("v6", family_json(&view.v6, "neighborAdverTx", "::"));
    Value::Object(o)
}

fn family_json(family: &VrrpFamilyView, announcements: &str, none: &str) -> Object {
    let mut stats = Object::new();
    stats.put("adverTx", family.adverts_sent);
    stats.put("adverRx", family.adverts_received);
    stats.put(announcements, family.announcements);
    stats.put("transitions", family.transitions);
    let mut o = Object::new();
    o.put("interface", family.interface.clone());
    o.put("vmac", mac(family.vmac));
    o.put("primaryAddress", primary(family, none));
    o.put("status", family.state.name());
    o.put("effectivePriority", family.effective_priority);
    o.put("masterAdverInterval", family.master_interval);
    o.put("skewTime", family.skew_time);
    o.put("masterDownInterval", family.master_down_interval);
    o.put("stats", stats);
    o.put("addresses", family.addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>());
    o
}
