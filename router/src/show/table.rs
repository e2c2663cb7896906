//! Listings of BGP routes, written as they come.

use std::io::{self, Write};
use std::net::IpAddr;

use serde_json::Value;

use super::dampening;
use super::format::afi_of;
use super::json::{ObjectExt, Written, compact};
use super::path;
use super::rpki;
use super::views::{PathView, PrefixView, TableHeader};
use crate::cli::backend::{Cursor, ViewError};

/// Rows asked for at a time.
const SLICE: usize = 500;

/// How a listing looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Layout {
    /// A line each.
    #[default]
    Brief,
    /// The same with wide columns.
    Wide,
    /// Everything about each path.
    Detail,
    /// JSON, the brief form.
    Json,
    /// `json detail`: an object per prefix.
    JsonDetail,
    /// `detail json`: a list of paths per prefix.
    JsonDetailList,
    /// Of routes that flap.
    Dampening(dampening::Kind),
    /// The same in JSON.
    JsonDampening(dampening::Kind),
}

impl Layout {
    /// Whether it is JSON.
    pub const fn is_json(self) -> bool {
        matches!(self, Layout::Json | Layout::JsonDetail | Layout::JsonDetailList | Layout::JsonDampening(_))
    }

    const fn is_detail(self) -> bool {
        matches!(self, Layout::Detail | Layout::JsonDetail | Layout::JsonDetailList)
    }
}

/// Which paths of a listing are wanted.
pub type PathFilter<'a> = dyn Fn(&PrefixView, &PathView) -> bool + 'a;

/// Why a listing ended early.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The reader is gone.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The backend has nothing.
    #[error("{0}")]
    View(#[from] ViewError),
}

/// Writes `BGP table version is ...`.
pub fn header_line(header: &TableHeader, out: &mut dyn Write) -> io::Result<()> {
    let (version, id) = (header.table_version, header.router_id);
    writeln!(out, "BGP table version is {version}, local router ID is {id}, vrf id 0")?;
    writeln!(out, "Default local pref {}, local AS {}", header.default_local_pref, header.local_as)
}

/// Writes what the letters mean.
pub fn legend(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(
        b"Status codes:  s suppressed, d damped, h history, u unsorted, * valid, > best, = multipath,\n\
          \x20              i internal, r RIB-failure, S Stale, R Removed\n\
          Nexthop codes: @NNN nexthop's vrf id, < announce-nh-self\n\
          Origin codes:  i - IGP, e - EGP, ? - incomplete\n\
          RPKI validation codes: V valid, I invalid, N Not found\n\n",
    )
}

/// Writes the titles of the columns.
pub fn titles(wide: bool, out: &mut dyn Write) -> io::Result<()> {
    let (network, hop) = widths(wide);
    writeln!(out, "     {:network$}{:hop$}    Metric LocPrf Weight Path", "Network", "Next Hop")
}

/// Widths of the columns of prefix and next hop.
const fn widths(wide: bool) -> (usize, usize) {
    if wide { (45, 38) } else { (17, 16) }
}

/// A listing of routes; returns how many prefixes it has.
pub fn list(
    header: &TableHeader,
    cursor: &mut dyn Cursor<PrefixView>,
    filter: &PathFilter<'_>,
    layout: Layout,
    out: &mut dyn Write,
) -> Result<u64, ListError> {
    let mut routes = 0;
    if layout.is_json() {
        json_start(header, out)?;
    }
    loop {
        let slice = cursor.next(SLICE)?;
        if slice.is_empty() {
            break;
        }
        for mut prefix in slice {
            let wanted: Vec<bool> = prefix.paths.iter().map(|p| filter(&prefix, p)).collect();
            let mut keep = wanted.iter();
            let whole = layout.is_detail().then(|| prefix.clone());
            prefix.paths.retain(|_| keep.next().copied().unwrap_or(false));
            if prefix.paths.is_empty() {
                continue;
            }
            one(header, &prefix, whole.as_ref().unwrap_or(&prefix), routes == 0, layout, out)?;
            routes += 1;
        }
    }
    if layout.is_json() {
        json_end(header, routes, out)?;
    } else if routes > 0 {
        writeln!(out, "\nDisplayed {routes} routes and {} total paths", header.total_paths)?;
    }
    Ok(routes)
}

/// Writes the paths of one prefix that are wanted.
fn one(
    header: &TableHeader,
    shown: &PrefixView,
    whole: &PrefixView,
    first: bool,
    layout: Layout,
    out: &mut dyn Write,
) -> io::Result<()> {
    match layout {
        Layout::Brief | Layout::Wide => {
            let wide = layout == Layout::Wide;
            if first {
                header_line(header, out)?;
                legend(out)?;
                titles(wide, out)?;
            }
            for (i, p) in shown.paths.iter().enumerate() {
                row(header, shown, p, i == 0, wide, 5, out)?;
            }
        }
        Layout::Dampening(kind) => {
            if first {
                header_line(header, out)?;
                legend(out)?;
                kind.titles(out)?;
            }
            for (i, p) in shown.paths.iter().enumerate() {
                kind.row(shown, p, i == 0, out)?;
            }
        }
        Layout::JsonDampening(kind) => {
            json_key(shown, first, out)?;
            let paths = shown.paths.iter().map(|p| kind.json(p)).collect();
            compact(&Value::Array(paths), out)?;
            writeln!(out)?;
        }
        Layout::Detail => {
            if first {
                header_line(header, out)?;
            }
            for p in &shown.paths {
                path::entry_line(whole, out)?;
                path::paths_line(whole, out)?;
                path::text(header, p, out)?;
            }
        }
        Layout::Json => {
            json_key(shown, first, out)?;
            let mut paths = Vec::with_capacity(512 * shown.paths.len());
            for (i, p) in shown.paths.iter().enumerate() {
                paths.push(if i == 0 { b'[' } else { b',' });
                brief_json(shown, p, &mut paths);
            }
            out.write_all(&paths)?;
            out.write_all(b"]\n")?;
        }
        Layout::JsonDetail => {
            json_key(shown, first, out)?;
            compact(&path::prefix_json(header, shown), out)?;
            writeln!(out)?;
        }
        Layout::JsonDetailList => {
            json_key(shown, first, out)?;
            let paths = shown.paths.iter().map(|p| path::json(header, shown, p)).collect();
            compact(&Value::Array(paths), out)?;
            writeln!(out)?;
        }
    }
    Ok(())
}

fn json_start(header: &TableHeader, out: &mut dyn Write) -> io::Result<()> {
    write!(
        out,
        "{{\n \"vrfId\": 0,\n \"vrfName\": \"default\",\n \"tableVersion\": {},\n \"routerId\": \"{}\",\n \
         \"defaultLocPrf\": {},\n \"localAS\": {},\n \"routes\": {{ ",
        header.table_version, header.router_id, header.default_local_pref, header.local_as
    )
}

fn json_key(prefix: &PrefixView, first: bool, out: &mut dyn Write) -> io::Result<()> {
    if !first {
        out.write_all(b",")?;
    }
    write!(out, "\"{}\": ", prefix.prefix)
}

fn json_end(header: &TableHeader, routes: u64, out: &mut dyn Write) -> io::Result<()> {
    let paths = header.total_paths;
    writeln!(out, " }} , \"totalRoutes\": {routes}, \"totalPaths\": {paths},\"numRoutes\":{routes}\n }} ")
}

/// What is said in place of a whole table without routes.
pub fn empty(header: &TableHeader, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "No BGP prefixes displayed, {} exist", header.total_paths)
}

/// The letters before a row.
fn status(path: &PathView) -> [char; 3] {
    let first = match () {
        () if path.removed => 'R',
        () if path.stale => 'S',
        () if path.suppressed => 's',
        () if path.valid && !path.history => '*',
        () => ' ',
    };
    let second = match () {
        () if path.history => 'h',
        () if path.damped => 'd',
        () if path.best => '>',
        () if path.multipath => '=',
        () => ' ',
    };
    let third = if path.origin_kind == super::views::PathOrigin::Internal { 'i' } else { ' ' };
    [first, second, third]
}

/// The next hop as a row shows it.
fn hop_text(header: &TableHeader, path: &PathView) -> String {
    let hop = &path.nexthop;
    let address = match (&hop.interface, hop.link_local) {
        (Some(interface), _) => interface.clone(),
        (None, Some(link_local)) if hop.link_local_used => link_local.to_string(),
        _ => hop.address.to_string(),
    };
    match hop.hostname.as_ref().filter(|_| header.show_nexthop_hostname && hop.interface.is_none()) {
        Some(hostname) => format!("{address}({hostname})"),
        None => address,
    }
}

/// The letters before a row, that of origin validation first.
pub fn letters(path: &PathView) -> String {
    let [a, b, c] = status(path);
    let validation = path.rpki.map_or(' ', rpki::state_letter);
    [validation, a, b, c, ' '].into_iter().collect()
}

/// The column of the prefix, empty for others than its first path.
pub fn network(prefix: &PrefixView, first: bool, wide: bool, out: &mut dyn Write) -> io::Result<()> {
    let (width, _) = widths(wide);
    let name = if first { prefix.prefix.to_string() } else { String::new() };
    if name.len() >= width {
        return write!(out, "{name}\n{:20}", "");
    }
    write!(out, "{name:width$}")
}

/// A row of a listing. `status_width` is 5, or 4 for received routes.
pub fn row(
    header: &TableHeader,
    prefix: &PrefixView,
    path: &PathView,
    first: bool,
    wide: bool,
    status_width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (_, hop_width) = widths(wide);
    let [a, b, _] = status(path);
    let letters = if status_width == 5 { letters(path) } else { format!(" {a}{b} ") };
    out.write_all(letters.as_bytes())?;
    network(prefix, first, wide, out)?;
    let hop = hop_text(header, path);
    if hop.len() >= hop_width {
        write!(out, "{hop}\n{:38}", "")?;
    } else {
        write!(out, "{hop:hop_width$}")?;
    }
    let number = |n: Option<u32>| n.map(|n| n.to_string()).unwrap_or_default();
    write!(out, "{:>10}{:>7}{:>7} ", number(path.med), number(path.local_pref), path.weight)?;
    let as_path = path.as_path_text();
    let separator = if as_path.is_empty() { "" } else { " " };
    writeln!(out, "{as_path}{separator}{}", path::origin_letter(path))
}

/// What the letters say, in JSON.
pub fn status_json(path: &PathView, o: &mut impl ObjectExt) {
    o.put_true("removed", path.removed);
    o.put_true("stale", path.stale);
    o.put_true("suppressed", path.suppressed);
    o.put_true("valid", path.valid && !path.history);
    o.put_true("history", path.history);
    o.put_true("damped", path.damped);
    o.put_true("bestpath", path.best);
    o.put_some("selectionReason", path.selection_reason.filter(|_| path.best));
    o.put_true("multipath", path.multipath);
    let internal = path.origin_kind == super::views::PathOrigin::Internal;
    o.put("pathFrom", if internal { "internal" } else { "external" });
}

/// A path as the brief listing has it in JSON.
fn brief_json(prefix: &PrefixView, path: &PathView, out: &mut Vec<u8>) {
    let mut o = Written::begin(out);
    status_json(path, &mut o);
    o.put("prefix", prefix.prefix.addr().to_string());
    o.put("prefixLen", prefix.prefix.prefix_len());
    o.put("network", prefix.prefix.to_string());
    o.put("version", prefix.version);
    o.put_some("metric", path.med);
    o.put_some("locPrf", path.local_pref);
    o.put("weight", path.weight);
    o.put("peerId", path::peer_address(path).map_or_else(|| "(unspec)".to_owned(), |a| a.to_string()));
    o.put("path", path.as_path_text());
    o.put("origin", path::origin_word(path));
    o.put_with("nexthops", |out| brief_hops(path, out));
    o.end();
}

fn brief_hops(path: &PathView, out: &mut Vec<u8>) {
    let hop = &path.nexthop;
    out.push(b'[');
    let mut first = Written::begin(out);
    first.put("ip", hop.address.to_string());
    first.put_some("hostname", hop.hostname.as_deref());
    first.put("afi", afi_of(hop.address));
    let link_local = hop.both_link_local().filter(|_| hop.address.is_ipv6());
    match hop.address {
        IpAddr::V4(_) => first.put("used", true),
        IpAddr::V6(address) => {
            path::scope_fields(&mut first, &address, hop);
            first.put_true("used", hop.interface.is_some() || link_local.is_none_or(|(_, used)| !used));
        }
    }
    first.end();
    if let Some((link_local, used)) = link_local {
        out.push(b',');
        let mut second = Written::begin(out);
        second.put_some("interface", hop.interface.as_deref());
        second.put("ip", link_local.to_string());
        second.put_some("hostname", hop.hostname.as_deref());
        second.put("afi", "ipv6");
        second.put("scope", "link-local");
        second.put_true("used", used && hop.interface.is_none());
        second.end();
    }
    out.push(b']');
}
