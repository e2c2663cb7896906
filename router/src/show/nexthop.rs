//! `show bgp nexthop`, `show bgp import-check-table`.

use std::io::{self, Write};
use std::net::IpAddr;

use serde_json::Value;

use super::format::{age, date};
use super::json::{Object, ObjectExt, compact};
use super::views::BgpNexthopView;

/// Which of the two listings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cache {
    /// `show bgp nexthop`
    Nexthop,
    /// `show bgp import-check-table`
    ImportCheck,
}

/// As text.
pub fn text(cache: Cache, views: &[BgpNexthopView], out: &mut dyn Write) -> io::Result<()> {
    let name = match cache {
        Cache::Nexthop => "nexthop",
        Cache::ImportCheck => "import check",
    };
    writeln!(out, "Current BGP {name} cache:")?;
    for view in views {
        let peer = view.peer.as_ref().map(|p| format!(", peer {p}")).unwrap_or_default();
        let (address, paths) = (view.address, view.paths);
        if view.valid {
            writeln!(out, " {address} valid [IGP metric {}], #paths {paths}{peer}", view.metric)?;
            match view.resolved_prefix {
                Some(prefix) => writeln!(out, "  Resolved prefix {prefix}")?,
                None => writeln!(out, "  Resolved prefix UNK prefix")?,
            }
            if view.discard {
                writeln!(out, "  blackhole")?;
            }
            for hop in &view.hops {
                let gate = hop.gateway.map(|g| format!("gate {g}, ")).unwrap_or_default();
                writeln!(out, "  {gate}if {}, ifindex {}", hop.interface, hop.ifindex)?;
            }
        } else {
            writeln!(out, " {address} invalid, #paths {paths}{peer}")?;
        }
        writeln!(out, "  Last update: {}", date(view.updated_epoch))?;
    }
    Ok(())
}

/// As JSON; `detail` dates the last change in another way.
pub fn json(views: &[BgpNexthopView], detail: bool, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"{\n")?;
    for (family, v4) in [("ipv4", true), ("ipv6", false)] {
        let separator = if v4 { "" } else { "," };
        write!(out, "{separator}\"{family}\":{{")?;
        let own = views.iter().filter(|v| matches!(v.address, IpAddr::V4(_)) == v4);
        for (i, view) in own.enumerate() {
            if i > 0 {
                out.write_all(b",")?;
            }
            write!(out, "\"{}\":", view.address)?;
            compact(&one_json(view, detail), out)?;
            out.write_all(b"\n")?;
        }
        out.write_all(b"}")?;
    }
    out.write_all(b"}\n")
}

fn one_json(view: &BgpNexthopView, detail: bool) -> Value {
    let mut o = Object::new();
    o.put("valid", view.valid);
    o.put("complete", view.valid);
    o.put_some("igpMetric", view.valid.then_some(view.metric));
    o.put("pathCount", view.paths);
    o.put_some("peer", view.peer.clone());
    if view.valid {
        let prefix = view.resolved_prefix.map_or_else(|| "UNK prefix".to_owned(), |p| p.to_string());
        o.put("resolvedPrefix", prefix);
        let hops = view.hops.iter().map(|hop| {
            let mut h = Object::new();
            h.put_some("ip", hop.gateway.map(|g| g.to_string()));
            h.put("interfaceName", hop.interface.clone());
            h.put("ifindex", hop.ifindex);
            Value::Object(h)
        });
        let discard = view.discard.then(|| {
            let mut h = Object::new();
            h.put("unreachable", true);
            h.put("blackhole", true);
            Value::Object(h)
        });
        o.put("nexthops", Value::Array(hops.chain(discard).collect()));
    }
    if detail {
        let mut update = Object::new();
        update.put("epoch", view.updated_epoch);
        update.put("string", date(view.updated_epoch));
        o.put("lastUpdate", update);
    } else {
        o.put("lastUpdate", view.updated_epoch);
    }
    o.put("lastUpdateStr", age(view.age));
    Value::Object(o)
}
