//! `show rpki ...`.

use std::io::{self, Write};

use rib::Vrp;
use rib::policy::ast::RpkiState;
use serde_json::Value;

use super::json::{Object, ObjectExt, pretty};
use super::views::RpkiView;
use crate::config::model::{Rpki, RpkiCache, RpkiTransport};

/// The letter before a row.
pub const fn state_letter(state: RpkiState) -> char {
    match state {
        RpkiState::Valid => 'V',
        RpkiState::Invalid => 'I',
        RpkiState::NotFound => 'N',
    }
}

/// A state in words.
pub const fn state_name(state: RpkiState) -> &'static str {
    match state {
        RpkiState::Valid => "valid",
        RpkiState::Invalid => "invalid",
        RpkiState::NotFound => "not found",
    }
}

const TITLES: (&str, &str, &str) = ("Prefix", "Prefix Length", "Origin-AS");

/// Says why there is nothing to show.
pub fn nothing(why: &str, json: bool, out: &mut dyn Write) -> io::Result<()> {
    if !json {
        return writeln!(out, "{why}");
    }
    let mut o = Object::new();
    o.put("error", why);
    pretty(&Value::Object(o), out)
}

fn record_text(vrp: &Vrp, out: &mut dyn Write) -> io::Result<()> {
    let (addr, len) = (vrp.prefix.addr().to_string(), vrp.prefix.prefix_len());
    writeln!(out, "{addr:40}   {len:3} - {:3}   {}", vrp.max_len, vrp.asn)
}

fn record_json(vrp: &Vrp) -> Value {
    let mut o = Object::new();
    o.put("prefix", vrp.prefix.addr().to_string());
    o.put("prefixLenMin", vrp.prefix.prefix_len());
    o.put("prefixLenMax", vrp.max_len);
    o.put("asn", vrp.asn.0);
    Value::Object(o)
}

fn titles(out: &mut dyn Write) -> io::Result<()> {
    let (prefix, length, origin) = TITLES;
    writeln!(out, "{prefix:40} {length}  {origin}")
}

/// Records with how many they are; `list`: not only the numbers.
pub fn records(vrps: &[Vrp], list: bool, json: bool, out: &mut dyn Write) -> io::Result<()> {
    let v4 = vrps.iter().filter(|v| v.prefix.addr().is_ipv4()).count();
    let v6 = vrps.len() - v4;
    if json {
        let mut o = Object::new();
        if list {
            o.put("prefixes", Value::Array(vrps.iter().map(record_json).collect()));
        }
        o.put("ipv4PrefixCount", v4);
        o.put("ipv6PrefixCount", v6);
        return pretty(&Value::Object(o), out);
    }
    if list {
        writeln!(out, "RPKI/RTR prefix table")?;
        titles(out)?;
        vrps.iter().try_for_each(|v| record_text(v, out))?;
    }
    writeln!(out, "Number of IPv4 Prefixes: {v4}\nNumber of IPv6 Prefixes: {v6}")
}

/// Records that cover a prefix.
pub fn covering(vrps: &[Vrp], json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        let mut o = Object::new();
        o.put("prefixes", Value::Array(vrps.iter().map(record_json).collect()));
        return pretty(&Value::Object(o), out);
    }
    titles(out)?;
    vrps.iter().try_for_each(|v| record_text(v, out))
}

const fn mode(cache: &RpkiCache) -> &'static str {
    match cache.transport {
        RpkiTransport::Tcp => "tcp",
        RpkiTransport::Ssh { .. } => "ssh",
    }
}

/// FRR has the port as a text for one transport and as a number for the other.
fn port_json(cache: &RpkiCache) -> Value {
    match cache.transport {
        RpkiTransport::Tcp => cache.port.to_string().into(),
        RpkiTransport::Ssh { .. } => cache.port.into(),
    }
}

/// `show rpki cache-server`.
pub fn servers(caches: &[RpkiCache], json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        let mut o = Object::new();
        o.put("servers", Value::Array(caches.iter().map(server_json).collect()));
        return pretty(&Value::Object(o), out);
    }
    for cache in caches {
        let RpkiCache { host, port, preference, .. } = cache;
        match &cache.transport {
            RpkiTransport::Tcp => {
                write!(out, "host: {host} port: {port}, preference: {preference}, protocol: tcp")?;
            }
            RpkiTransport::Ssh { user, key, known_hosts } => {
                let known = known_hosts.as_deref().unwrap_or("(null)");
                write!(
                    out,
                    "host: {host}, port: {port}, username: {user}, server_hostkey_path: {known}, \
                     client_privkey_path: {key}, preference: {preference}, protocol: ssh"
                )?;
            }
        }
        match cache.source {
            Some(source) => writeln!(out, ", source: {source}")?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}

fn server_json(cache: &RpkiCache) -> Value {
    let mut o = Object::new();
    o.put("mode", mode(cache));
    o.put("host", cache.host.as_str());
    o.put("port", port_json(cache));
    if let RpkiTransport::Ssh { user, key, known_hosts } = &cache.transport {
        o.put("username", user.as_str());
        o.put_some("serverHostkeyPath", known_hosts.clone());
        o.put("clientPrivkeyPath", key.as_str());
    }
    o.put("preference", cache.preference);
    o.put_some("source", cache.source.map(|s| s.to_string()));
    Value::Object(o)
}

/// `show rpki cache-connection`.
pub fn connections(view: &RpkiView, caches: &[RpkiCache], json: bool, out: &mut dyn Write) -> io::Result<()> {
    let group = view.in_use.or(caches.iter().map(|c| c.preference).min()).unwrap_or_default();
    let connected = |cache: &RpkiCache| view.connected.contains(&cache.preference);
    if json {
        let one = |cache: &RpkiCache| {
            let mut o = Object::new();
            o.put("mode", mode(cache));
            o.put("host", cache.host.as_str());
            o.put("port", port_json(cache));
            o.put("preference", cache.preference);
            o.put("state", if connected(cache) { "connected" } else { "disconnected" });
            Value::Object(o)
        };
        let mut o = Object::new();
        o.put("connectedGroup", group);
        o.put("connections", Value::Array(caches.iter().map(one).collect()));
        return pretty(&Value::Object(o), out);
    }
    writeln!(out, "Connected to group {group}")?;
    for cache in caches {
        let state = if connected(cache) { " (connected)" } else { "" };
        let RpkiCache { host, port, preference, .. } = cache;
        writeln!(out, "rpki {} cache {host} {port} pref {preference}{state}", mode(cache))?;
    }
    Ok(())
}

/// `show rpki configuration`.
pub fn configuration(rpki: &Rpki, json: bool, out: &mut dyn Write) -> io::Result<()> {
    let Rpki { polling_period, retry_interval, expire_interval, caches } = rpki;
    if json {
        let mut o = Object::new();
        o.put("enabled", !caches.is_empty());
        o.put("serversCount", caches.len());
        o.put("pollingPeriodSeconds", *polling_period);
        o.put("retryIntervalSeconds", *retry_interval);
        o.put("expireIntervalSeconds", *expire_interval);
        return pretty(&Value::Object(o), out);
    }
    if caches.is_empty() {
        return writeln!(out, "rpki is Disabled");
    }
    writeln!(out, "rpki is Enabled ({} cache servers configured)", caches.len())?;
    writeln!(out, "\tpolling period {polling_period}\n\tretry interval {retry_interval}")?;
    writeln!(out, "\texpire interval {expire_interval}")
}
