//! `show bgp [FAMILY] statistics`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use bgp::types::Family;
use ipnet::IpNet;
use serde_json::Value;

use super::format::{family_key, family_name};
use super::json::{Object, ObjectExt, pretty};
use super::table::ListError;
use super::views::{PathOrigin, PathView, PrefixView};
use crate::cli::backend::Cursor;

/// Rows asked for at a time.
const SLICE: usize = 1000;

/// What a walk over a table finds.
#[derive(Clone, PartialEq, Debug)]
pub struct Statistics {
    family: Family,
    paths: u64,
    lengths: BTreeMap<u8, u64>,
    /// Prefixes that another one covers.
    covered: u64,
    /// Addresses of those that none covers.
    space: f64,
    aggregates: u64,
    redistributed: u64,
    local_aggregates: u64,
    hops: u64,
    longest_hops: u64,
    octets: u64,
    longest_octets: u64,
    highest_public: u32,
}

impl Statistics {
    /// Walks over a table, which comes in the order of prefixes: what covers a prefix stands before it.
    pub fn of(family: Family, cursor: &mut dyn Cursor<PrefixView>) -> Result<Statistics, ListError> {
        let mut all = Statistics {
            family,
            paths: 0,
            lengths: BTreeMap::new(),
            covered: 0,
            space: 0.0,
            aggregates: 0,
            redistributed: 0,
            local_aggregates: 0,
            hops: 0,
            longest_hops: 0,
            octets: 0,
            longest_octets: 0,
            highest_public: 0,
        };
        let mut outer: Vec<IpNet> = Vec::new();
        loop {
            let slice = cursor.next(SLICE)?;
            if slice.is_empty() {
                return Ok(all);
            }
            for prefix in &slice {
                let net = prefix.prefix;
                while outer.last().is_some_and(|o| !o.contains(&net)) {
                    outer.pop();
                }
                // The default route covers everything and says nothing.
                if outer.is_empty() {
                    all.space += 2f64.powi(i32::from(net.max_prefix_len() - net.prefix_len()));
                } else {
                    all.covered += 1;
                }
                if net.prefix_len() > 0 {
                    outer.push(net);
                }
                *all.lengths.entry(net.prefix_len()).or_default() += 1;
                prefix.paths.iter().for_each(|p| all.path(p));
            }
        }
    }

    fn path(&mut self, path: &PathView) {
        self.paths += 1;
        self.aggregates += u64::from(path.atomic_aggregate);
        self.redistributed += u64::from(path.origin_kind == PathOrigin::Redistributed);
        self.local_aggregates += u64::from(path.origin_kind == PathOrigin::Aggregate);
        let hops = path.as_path_length() as u64;
        let octets: u64 = path.as_path.iter().map(|s| 2 + 4 * s.asns.len() as u64).sum();
        (self.hops, self.longest_hops) = (self.hops + hops, self.longest_hops.max(hops));
        (self.octets, self.longest_octets) = (self.octets + octets, self.longest_octets.max(octets));
        let public = path.as_path.iter().flat_map(|s| &s.asns).filter(|asn| !is_private(**asn));
        self.highest_public = self.highest_public.max(public.copied().max().unwrap_or(0));
    }

    fn prefixes(&self) -> u64 {
        self.lengths.values().sum()
    }

    fn average_length(&self) -> f64 {
        let sum: u64 = self.lengths.iter().map(|(len, n)| u64::from(*len) * n).sum();
        share(sum as f64, self.prefixes())
    }

    /// The share of all addresses in percent, and how many blocks of usual sizes that is.
    fn space_rows(&self) -> Vec<(&'static str, f64)> {
        let blocks = |len: i32| self.space / 2f64.powi(len);
        match self.family {
            Family::Ipv4Unicast => vec![
                ("%announced", self.space * 100.0 / f64::from(u32::MAX)),
                ("/8equivalent", blocks(24)),
                ("/24equivalent", blocks(8)),
            ],
            Family::Ipv6Unicast => vec![("/32equivalent", blocks(96)), ("/48equivalent", blocks(80))],
        }
    }

    /// As text.
    pub fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let count = |out: &mut dyn Write, name: &str, n: u64| writeln!(out, "{name:30}: {n:>12}");
        let real = |out: &mut dyn Write, name: &str, n: f64| writeln!(out, "{name:30}: {n:>12.2}");
        writeln!(out, "BGP {} RIB statistics (VRF default)", family_name(self.family))?;
        count(out, "Total Advertisements", self.paths)?;
        count(out, "Total Prefixes", self.prefixes())?;
        real(out, "Average prefix length", self.average_length())?;
        count(out, "Unaggregateable prefixes", self.prefixes() - self.covered)?;
        count(out, "Maximum aggregateable prefixes", self.covered)?;
        count(out, "BGP Aggregate advertisements", self.aggregates)?;
        writeln!(out, "{:30}: {:>12}", "Address space advertised", general(self.space))?;
        for (name, value) in self.space_rows() {
            match name.strip_suffix("equivalent") {
                Some(size) => real(out, &format!("{:>29}", format!("{size} equivalent")), value)?,
                None => real(out, &format!("{:>29}", "% announced"), value)?,
            }
        }
        writeln!(out)?;
        count(out, "Advertisements with paths", self.paths)?;
        count(out, "Longest AS-Path (hops)", self.longest_hops)?;
        real(out, "Average AS-Path length (hops)", share(self.hops as f64, self.paths))?;
        count(out, "Largest AS-Path (bytes)", self.longest_octets)?;
        real(out, "Average AS-Path size (bytes)", share(self.octets as f64, self.paths))?;
        count(out, "Highest public ASN", u64::from(self.highest_public))?;
        count(out, "Redistributed routes", self.redistributed)?;
        count(out, "Local aggregates", self.local_aggregates)?;
        count(out, "Zebra announce queue", 0)
    }

    fn json(&self) -> Object {
        let mut o = Object::new();
        o.put("instance", "VRF default");
        for key in ["bgpBestPathCalls", "bgpNodeOnQueue", "bgpNodeDeferredOnQueue"] {
            o.put(key, 0);
        }
        o.put("totalAdvertisements", self.paths);
        o.put("totalPrefixes", self.prefixes());
        o.put("averagePrefixLength", self.average_length());
        o.put("unaggregateablePrefixes", self.prefixes() - self.covered);
        o.put("maximumAggregateablePrefixes", self.covered);
        o.put("bgpAggregateAdvertisements", self.aggregates);
        o.put("addressSpaceAdvertised", self.space);
        self.space_rows().into_iter().for_each(|(key, value)| o.put(key, value));
        o.put("advertisementsWithPaths", self.paths);
        o.put("longestAsPath", self.longest_hops);
        o.put("averageAsPathLengthHops", share(self.hops as f64, self.paths));
        o.put("largestAsPath", self.longest_octets);
        o.put("averageAsPathSizeBytes", share(self.octets as f64, self.paths));
        o.put("highestPublicAsn", self.highest_public);
        o.put("totalRedistributed", self.redistributed);
        o.put("totalLocalAggregates", self.local_aggregates);
        o.put("zebraAnnounceQueue", 0);
        let lengths = self.lengths.iter().map(|(length, n)| {
            let mut row = Object::new();
            row.put(&length.to_string(), *n);
            Value::Object(row)
        });
        o.put("prefixLength", Value::Array(lengths.collect()));
        o
    }
}

/// Several families as JSON.
pub fn json(all: &[Statistics], out: &mut dyn Write) -> io::Result<()> {
    let mut o = Object::new();
    for statistics in all {
        o.put(family_key(statistics.family), vec![Value::Object(statistics.json())]);
    }
    pretty(&Value::Object(o), out)
}

fn share(sum: f64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { sum / of as f64 }
}

/// RFC 6996, and numbers that stand for no AS.
fn is_private(asn: u32) -> bool {
    (64512..=65535).contains(&asn) || asn >= 4_200_000_000
}

/// Six digits that count, as C's `%g` has them.
fn general(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = value.abs().log10().floor() as i32;
    let trimmed = |text: String| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    };
    if (-4..6).contains(&exponent) {
        let digits = usize::try_from(5 - exponent).unwrap_or(0);
        return trimmed(format!("{value:.digits$}"));
    }
    let mantissa = trimmed(format!("{:.5}", value / 10f64.powi(exponent)));
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_by_printf() {
        for (value, text) in [
            (4_299_227_906.0, "4.29923e+09"),
            (0.0, "0"),
            (256.0, "256"),
            (1.5, "1.5"),
            (3.05178e-5, "3.05178e-05"),
        ] {
            assert_eq!(general(value), text);
        }
    }

    #[test]
    fn a_prefix_in_another_one_is_counted_once() {
        let mut cursor = crate::show::samples::table().into_iter();
        let statistics = Statistics::of(Family::Ipv4Unicast, &mut cursor).unwrap();
        // 10.200.1.1/32 lies in 10.200.0.0/16; everything lies in the default route, which does not count.
        assert_eq!((statistics.prefixes(), statistics.covered), (5, 1));
        let mut out = Vec::new();
        statistics.text(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("Maximum aggregateable prefixes:            1\n"), "{text}");
        assert!(text.contains("                  % announced :"), "{text}");
    }
}
