//! `show bgp neighbors X advertised-routes|received-routes|filtered-routes|bestpath-routes`.

use std::io::Write;
use std::net::IpAddr;

use serde_json::Value;

use super::json::{Object, ObjectExt, compact};
use super::path;
use super::table::{ListError, header_line, legend, row, titles};
use super::views::{PathView, PrefixView, TableHeader};
use crate::cli::backend::Cursor;

/// Rows asked for at a time.
const SLICE: usize = 500;

/// Which of the four.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// What the neighbour was told.
    Advertised,
    /// What it sent.
    Received,
    /// What policy refused of it.
    Filtered,
    /// What is in the table from it, and best.
    Best,
}

/// What stands around the rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Around {
    /// A default route is sent besides the table.
    pub default: bool,
    /// How many policy refused.
    pub filtered: u64,
    /// Everything about each path.
    pub detail: bool,
}

/// As text.
pub fn text(
    kind: Kind,
    header: &TableHeader,
    cursor: &mut dyn Cursor<PrefixView>,
    around: Around,
    out: &mut dyn Write,
) -> Result<(), ListError> {
    let Around { default, filtered, detail } = around;
    let (mut prefixes, mut paths) = (0u64, 0u64);
    let status_width = if kind == Kind::Advertised { 5 } else { 4 };
    let mut started = false;
    // Of best routes the headings are there even if no route is.
    if default || kind == Kind::Best {
        start(header, default, detail, out)?;
        started = true;
    }
    loop {
        let slice = cursor.next(SLICE)?;
        if slice.is_empty() {
            break;
        }
        for prefix in &slice {
            if !started {
                start(header, false, detail, out)?;
                started = true;
            }
            prefixes += 1;
            if detail {
                path::entry_line(prefix, out)?;
                path::paths_line(prefix, out)?;
                prefix.paths.iter().try_for_each(|p| path::text(header, p, out))?;
                continue;
            }
            for (i, p) in prefix.paths.iter().enumerate() {
                row(header, prefix, p, i == 0, false, status_width, out)?;
                paths += 1;
            }
        }
    }
    if !started || (kind == Kind::Best && prefixes == 0) {
        return Ok(());
    }
    let total = prefixes + u64::from(default);
    match kind {
        Kind::Advertised => {
            writeln!(out, "\nTotal number of prefixes {total}, total number of paths {paths}")?;
        }
        Kind::Received if filtered > 0 => {
            writeln!(out, "\nTotal number of prefixes {total} ({filtered} filtered)")?;
        }
        Kind::Received | Kind::Best => writeln!(out, "\nTotal number of prefixes {total}")?,
        Kind::Filtered => writeln!(out, "\nTotal number of prefixes {total}, total number of paths 0")?,
    }
    Ok(())
}

fn start(header: &TableHeader, default: bool, detail: bool, out: &mut dyn Write) -> std::io::Result<()> {
    header_line(header, out)?;
    if !detail {
        legend(out)?;
    }
    if default {
        let net = if header.family == bgp::types::Family::Ipv4Unicast { "0.0.0.0/0" } else { "::/0" };
        writeln!(out, "Originating default network {net}\n")?;
    }
    if detail { Ok(()) } else { titles(false, out) }
}

/// As JSON.
pub fn json(
    kind: Kind,
    header: &TableHeader,
    cursor: &mut dyn Cursor<PrefixView>,
    around: Around,
    out: &mut dyn Write,
) -> Result<(), ListError> {
    let Around { default, filtered, detail } = around;
    let key = if kind == Kind::Advertised { "advertisedRoutes" } else { "receivedRoutes" };
    write!(
        out,
        "{{\n\"bgpTableVersion\":{},\"bgpLocalRouterId\":\"{}\",\"defaultLocPrf\":{},\"localAS\":{}",
        header.table_version, header.router_id, header.default_local_pref, header.local_as
    )?;
    if default {
        let net = if header.family == bgp::types::Family::Ipv4Unicast { "0.0.0.0/0" } else { "::/0" };
        write!(out, ",\"bgpOriginatingDefaultNetwork\":\"{net}\"")?;
    }
    write!(out, ",\"{key}\": {{")?;
    let (mut prefixes, mut paths) = (0u64, 0u64);
    loop {
        let slice = cursor.next(SLICE)?;
        if slice.is_empty() {
            break;
        }
        for prefix in &slice {
            let Some(path) = prefix.paths.first() else { continue };
            if prefixes > 0 {
                out.write_all(b",")?;
            }
            write!(out, "\"{}\":", prefix.prefix)?;
            let value = if detail { path::prefix_json(header, prefix) } else { route(prefix, path) };
            compact(&value, out)?;
            prefixes += 1;
            paths += u64::try_from(prefix.paths.len()).unwrap_or(0);
        }
    }
    let total = prefixes + u64::from(default);
    let paths = if kind == Kind::Advertised && !detail { paths } else { 0 };
    let filtered = if kind == Kind::Received { filtered } else { 0 };
    writeln!(
        out,
        "}}\n,\"totalPrefixCounter\":{total},\"filteredPrefixCounter\":{filtered},\"totalPathsCount\":{paths}}}"
    )?;
    Ok(())
}

fn route(prefix: &PrefixView, path: &PathView) -> Value {
    let mut o = Object::new();
    o.put("addrPrefix", prefix.prefix.addr().to_string());
    o.put("prefixLen", prefix.prefix.prefix_len());
    o.put("network", prefix.prefix.to_string());
    match path.nexthop.address {
        IpAddr::V4(address) => o.put("nextHop", address.to_string()),
        IpAddr::V6(address) => o.put("nextHopGlobal", address.to_string()),
    }
    o.put_some("metric", path.med);
    o.put_some("locPrf", path.local_pref);
    o.put("weight", path.weight);
    o.put("path", path.as_path_text());
    o.put("origin", path::origin_word(path));
    o.put_true("suppressed", path.suppressed);
    o.put_true("damped", path.damped);
    o.put_true("history", path.history);
    o.put_true("valid", path.valid);
    o.put_true("best", path.best);
    o.put_true("multipath", path.multipath);
    Value::Object(o)
}

/// `show bgp neighbors X prefix-counts`: what a walk over the tables finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PrefixCounts {
    /// What the session counts.
    pub counter: u64,
    /// Received and kept before policy.
    pub adj_in: u64,
    /// Damped.
    pub damped: u64,
    /// On their way out.
    pub removed: u64,
    /// Kept for their flap history.
    pub history: u64,
    /// From a session that ended.
    pub stale: u64,
    /// With a usable next hop.
    pub valid: u64,
    /// Those of them that may be chosen.
    pub useable: u64,
    /// In the table.
    pub all: u64,
    /// Best paths.
    pub best: u64,
}

impl PrefixCounts {
    /// Counts the paths of one neighbour in the table.
    pub fn count(&mut self, cursor: &mut dyn Cursor<PrefixView>) -> Result<(), ListError> {
        loop {
            let slice = cursor.next(SLICE)?;
            if slice.is_empty() {
                return Ok(());
            }
            for path in slice.iter().flat_map(|p| &p.paths) {
                self.all += 1;
                self.damped += u64::from(path.damped);
                self.removed += u64::from(path.removed);
                self.history += u64::from(path.history);
                self.stale += u64::from(path.stale);
                self.valid += u64::from(path.valid);
                self.useable += u64::from(path.valid && !path.damped && !path.history);
                self.best += u64::from(path.best);
            }
        }
    }

    fn rows(&self) -> [(&'static str, u64); 11] {
        [
            ("Adj-in", self.adj_in),
            ("Damped", self.damped),
            ("Removed", self.removed),
            ("History", self.history),
            ("Stale", self.stale),
            ("Valid", self.valid),
            ("All RIB", self.all),
            ("PfxCt counted", self.all.saturating_sub(self.removed + self.history)),
            ("PfxCt Best Selected", self.best),
            ("Useable", self.useable),
            ("Unsorted", 0),
        ]
    }

    /// As text.
    pub fn text(&self, peer: &str, family: &str, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "Prefix counts for {peer}, {family}\nPfxCt: {}\n", self.counter)?;
        writeln!(out, "Counts from RIB table walk:\n")?;
        self.rows().iter().try_for_each(|(name, n)| writeln!(out, "{name:>20}: {n:<10}"))
    }

    /// As JSON.
    pub fn json(&self, peer: &str, family: &str, out: &mut dyn Write) -> std::io::Result<()> {
        let mut walk = Object::new();
        for (name, n) in self.rows() {
            walk.put(name, n);
        }
        let mut o = Object::new();
        o.put("prefixCountsFor", peer);
        o.put("multiProtocol", family);
        o.put("pfxCounter", self.counter);
        o.put("ribTableWalkCounters", walk);
        super::json::pretty(&Value::Object(o), out)
    }
}
