//! From a snapshot to the Prometheus text: the names of the well-known FRR exporter, so that dashboards go on
//! working, and our own.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use bgp::types::Family;

use super::sample::{PeerSample, RpkiCacheSample, Snapshot, TableSample, VrrpSample};

type Labels<'a> = Vec<(&'a str, String)>;

/// The text of a snapshot (OpenMetrics 1.0).
pub fn text(snapshot: Snapshot) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page(snapshot)));
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = prometheus_client::encoding::text::encode(&mut out, &registry);
    out
}

#[derive(Debug)]
struct Page(Snapshot);

/// Writes one metric with all its label sets.
struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn gauges<'l>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels<'l>, f64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in rows {
            let gauge = ConstGauge::new(value);
            gauge.encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }

    /// `name` without `_total`, which the format adds.
    fn counters<'l>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels<'l>, u64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in rows {
            let counter = ConstCounter::new(value);
            counter.encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

const fn afi(family: Family) -> &'static str {
    match family {
        Family::Ipv4Unicast => "ipv4",
        Family::Ipv6Unicast => "ipv6",
    }
}

fn label<'a>(pairs: &[(&'a str, &str)]) -> Labels<'a> {
    pairs.iter().map(|(k, v)| (*k, (*v).to_owned())).collect()
}

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let s = &self.0;
        let mut w = Writer(encoder);
        status(s, &mut w)?;
        frr_bgp(s, &mut w)?;
        frr_vrrp(&s.vrrp, &mut w)?;
        frr_routes(s, &mut w)?;
        frr_rpki(s, &mut w)?;
        // There are no BFD sessions.
        w.gauges("frr_bfd_peer_count", "BFD sessions.", [(Labels::new(), 0.0)])?;
        native_bgp(&s.peers, &mut w)?;
        native_vrrp(s, &mut w)?;
        native_damping(&s.tables, &mut w)?;
        native_routes(s, &mut w)
    }
}

fn status(s: &Snapshot, w: &mut Writer<'_>) -> fmt::Result {
    let arch = std::env::consts::ARCH;
    w.gauges(
        "frr_status_up",
        "Whether the router answers.",
        [(label(&[("version", &s.version), ("os", "linux")]), 1.0)],
    )?;
    let collectors = ["bfd", "bgp", "bgp6", "route", "status", "vrrp"];
    w.gauges(
        "frr_collector_up",
        "Whether the collector's last scrape worked.",
        collectors.map(|c| (label(&[("collector", c)]), 1.0)),
    )?;
    w.gauges(
        "router_build_info",
        "The version that runs.",
        [(label(&[("version", env!("CARGO_PKG_VERSION")), ("arch", arch)]), 1.0)],
    )?;
    let none = Labels::new;
    w.gauges("router_start_time_seconds", "Unix time of the start.", [(none(), s.started_at)])?;
    w.gauges(
        "router_ready",
        "1 when configuration, kernel and sessions are in order.",
        [(none(), f64::from(s.ready))],
    )?;
    w.gauges(
        "router_config_last_load_successful",
        "Whether the last load of the configuration worked.",
        [(none(), f64::from(s.config_ok))],
    )?;
    w.gauges(
        "router_config_last_load_timestamp_seconds",
        "Unix time of the last load of the configuration.",
        [(none(), s.config_loaded_at)],
    )?;
    w.gauges(
        "router_config_revision",
        "Configurations applied since the start.",
        [(none(), s.config_revision as f64)],
    )
}

/// One row a neighbour and family, with the exporter's labels.
fn peer_rows<'a>(
    s: &'a Snapshot,
    value: impl Fn(&PeerSample, &super::sample::PeerFamilySample) -> f64 + 'a,
) -> Vec<(Labels<'a>, f64)> {
    let row = |p: &PeerSample, f: &super::sample::PeerFamilySample| {
        let (local, remote) = (p.local_as.to_string(), p.peer_as.to_string());
        let labels = label(&[
            ("vrf", "default"),
            ("afi", afi(f.family)),
            ("safi", "unicast"),
            ("local_as", &local),
            ("peer", &p.peer),
            ("peer_as", &remote),
        ]);
        (labels, value(p, f))
    };
    s.peers.iter().flat_map(|p| p.families.iter().map(move |f| (p, f))).map(|(p, f)| row(p, f)).collect()
}

fn frr_bgp(s: &Snapshot, w: &mut Writer<'_>) -> fmt::Result {
    let state = |p: &PeerSample| match p.state {
        "established" => 1.0,
        "shutdown" => 2.0,
        _ => 0.0,
    };
    w.gauges(
        "frr_bgp_peer_state",
        "State of the peer (2 = Administratively Down, 1 = Established, 0 = Down).",
        peer_rows(s, |p, _| state(p)),
    )?;
    w.gauges(
        "frr_bgp_peer_uptime_seconds",
        "How long the peer has been up, or down.",
        peer_rows(s, |p, _| p.unchanged as f64),
    )?;
    let count =
        |rows: Vec<(Labels<'static>, f64)>| rows.into_iter().map(|(l, v)| (l, v as u64)).collect::<Vec<_>>();
    let own = |rows: Vec<(Labels<'_>, f64)>| -> Vec<(Labels<'static>, f64)> {
        let name =
            |k: &str| ["vrf", "afi", "safi", "local_as", "peer", "peer_as"].into_iter().find(|n| *n == k);
        rows.into_iter()
            .map(|(l, v)| (l.into_iter().filter_map(|(k, x)| Some((name(k)?, x))).collect(), v))
            .collect()
    };
    w.counters(
        "frr_bgp_peer_message_received",
        "Messages received from the peer.",
        count(own(peer_rows(s, |p, _| p.received as f64))),
    )?;
    w.counters(
        "frr_bgp_peer_message_sent",
        "Messages sent to the peer.",
        count(own(peer_rows(s, |p, _| p.sent as f64))),
    )?;
    w.gauges(
        "frr_bgp_peer_prefixes_received_count_total",
        "Prefixes received from the peer and in the table.",
        peer_rows(s, |_, f| f.accepted as f64),
    )?;
    w.gauges(
        "frr_bgp_peer_prefixes_accepted_count_total",
        "Prefixes of the peer that policy accepted.",
        peer_rows(s, |_, f| f.accepted as f64),
    )?;
    w.gauges(
        "frr_bgp_peer_prefixes_filtered_count_total",
        "Prefixes of the peer that policy refused.",
        peer_rows(s, |_, f| f.refused as f64),
    )?;
    w.gauges(
        "frr_bgp_peer_prefixes_advertised_count_total",
        "Prefixes announced to the peer.",
        peer_rows(s, |_, f| f.advertised as f64),
    )?;
    frr_tables(s, w)
}

fn frr_tables(s: &Snapshot, w: &mut Writer<'_>) -> fmt::Result {
    let rows = |value: fn(&TableSample) -> u64| {
        let local = s.local_as.to_string();
        s.tables
            .iter()
            .map(|t| {
                let labels =
                    [("vrf", "default"), ("afi", afi(t.family)), ("safi", "unicast"), ("local_as", &local)];
                (label(&labels), value(t) as f64)
            })
            .collect::<Vec<_>>()
    };
    w.gauges("frr_bgp_rib_count_total", "Prefixes in the table.", rows(|t| t.prefixes))?;
    w.gauges("frr_bgp_rib_memory_bytes", "Memory of the table.", rows(|t| t.memory))?;
    w.gauges("frr_bgp_peers_count_total", "Neighbours.", rows(|t| t.peers))?;
    w.gauges("frr_bgp_peers_memory_bytes", "Memory of the neighbours.", rows(|t| t.peer_memory))?;
    w.gauges("frr_bgp_peer_groups_count_total", "Peer-groups.", rows(|t| t.groups))?;
    w.gauges("frr_bgp_peer_groups_memory_bytes", "Memory of the peer-groups.", rows(|t| t.group_memory))
}

fn frr_vrrp(all: &[VrrpSample], w: &mut Writer<'_>) -> fmt::Result {
    fn labels(v: &VrrpSample) -> Labels<'static> {
        let vrid = v.vrid.to_string();
        label(&[
            ("proto", v.family),
            ("vrid", &vrid),
            ("interface", &v.interface),
            ("subinterface", &v.device),
        ])
    }
    let states = all.iter().flat_map(|v| {
        ["Initialize", "Backup", "Master"].map(|state| {
            let mut labels = labels(v);
            labels.push(("state", state.to_owned()));
            (labels, f64::from(v.state == state))
        })
    });
    w.gauges("frr_vrrp_state", "State of the virtual router: 1 for the one in force.", states)?;
    let rows = |value: fn(&VrrpSample) -> u64| all.iter().map(|v| (labels(v), value(v))).collect::<Vec<_>>();
    w.counters("frr_vrrp_advertisements_sent", "Advertisements sent.", rows(|v| v.sent))?;
    w.counters("frr_vrrp_advertisements_received", "Advertisements received.", rows(|v| v.received))?;
    w.counters("frr_vrrp_gratuitous_arp_sent", "Gratuitous ARP sent.", rows(|v| v.garp))?;
    w.counters(
        "frr_vrrp_neighbor_advertisements_sent",
        "Unsolicited neighbour advertisements sent.",
        rows(|v| v.neighbor_advertisements),
    )?;
    w.counters("frr_vrrp_state_transitions", "State transitions.", rows(|v| v.transitions))
}

fn frr_rpki(s: &Snapshot, w: &mut Writer<'_>) -> fmt::Result {
    let each = |value: fn(&RpkiCacheSample) -> f64| {
        let row = |c: &RpkiCacheSample| {
            let port = c.port.to_string();
            let of =
                [("vrf", "default"), ("mode", "tcp"), ("host", c.host.as_str()), ("port", port.as_str())];
            (label(&of), value(c))
        };
        s.rpki_caches.iter().map(row).collect::<Vec<_>>()
    };
    let connected = each(|c| f64::from(c.connected));
    w.gauges("frr_rpki_cache_state", "Whether the cache is connected and in sync.", connected)?;
    let preference = each(|c| f64::from(c.preference));
    w.gauges("frr_rpki_cache_preference", "The preference of the cache.", preference)?;
    let prefixes = Family::ALL
        .map(|f| (label(&[("afi", afi(f)), ("vrf", "default")]), s.rpki_prefixes[f.index()] as f64));
    w.gauges("frr_rpki_prefix_count", "Validated ROA payloads in force.", prefixes)
}

fn frr_routes(s: &Snapshot, w: &mut Writer<'_>) -> fmt::Result {
    let name = |v6: bool| if v6 { "ipv6" } else { "ipv4" };
    let sum = |v6: bool, value: fn(&super::sample::RouteSample) -> u64| -> f64 {
        s.routes.iter().filter(|r| r.v6 == v6).map(value).sum::<u64>() as f64
    };
    let total = |value: fn(&super::sample::RouteSample) -> u64| {
        [false, true].map(|v6| (label(&[("afi", name(v6)), ("vrf", "default")]), sum(v6, value)))
    };
    w.gauges("frr_route_total", "Routes in the routing table.", total(|r| r.rib))?;
    w.gauges("frr_route_total_fib", "Routes in the kernel.", total(|r| r.fib))?;
    let each = |value: fn(&super::sample::RouteSample) -> u64| {
        s.routes
            .iter()
            .map(|r| {
                (
                    label(&[("afi", name(r.v6)), ("vrf", "default"), ("route_type", r.protocol)]),
                    value(r) as f64,
                )
            })
            .collect::<Vec<_>>()
    };
    w.gauges("frr_route_rib_count", "Routes in the routing table by origin.", each(|r| r.rib))?;
    w.gauges("frr_route_fib_count", "Routes in the kernel by origin.", each(|r| r.fib))
}

fn native_bgp(peers: &[PeerSample], w: &mut Writer<'_>) -> fmt::Result {
    fn labels(p: &PeerSample) -> Labels<'static> {
        let asn = p.peer_as.to_string();
        label(&[("peer", &p.peer), ("peer_as", &asn), ("group", &p.group), ("description", &p.description)])
    }
    const STATES: [&str; 7] =
        ["idle", "connect", "active", "opensent", "openconfirm", "established", "shutdown"];
    let states = peers.iter().flat_map(|p| {
        STATES.map(|state| {
            let mut labels = labels(p);
            labels.push(("state", state.to_owned()));
            (labels, f64::from(p.state == state))
        })
    });
    w.gauges("router_bgp_session_state", "State of the session: 1 for the one in force.", states)?;
    let one = |p: &PeerSample| label(&[("peer", &p.peer)]);
    w.gauges(
        "router_bgp_session_established_timestamp_seconds",
        "Unix time when the session came up; 0 when it is down.",
        peers.iter().map(|p| (one(p), p.established_at)),
    )?;
    w.gauges(
        "router_bgp_hold_time_seconds",
        "Hold time agreed on.",
        peers.iter().map(|p| (one(p), p.hold_time)),
    )?;
    let downs = peers.iter().flat_map(|p| {
        p.downs.iter().map(|(reason, n)| (label(&[("peer", &p.peer), ("reason", reason)]), *n))
    });
    w.counters("router_bgp_session_down", "Times that the session went down, by reason.", downs)?;
    let notifications = peers.iter().flat_map(|p| {
        p.notifications.iter().map(|(direction, code, subcode, n)| {
            let (code, subcode) = (code.to_string(), subcode.to_string());
            let labels =
                [("peer", p.peer.as_str()), ("direction", direction), ("code", &code), ("subcode", &subcode)];
            (label(&labels), *n)
        })
    });
    w.counters("router_bgp_notifications", "NOTIFICATIONs by code.", notifications)?;
    let messages = peers.iter().flat_map(|p| {
        [("received", p.received), ("sent", p.sent)]
            .map(|(direction, n)| (label(&[("peer", &p.peer), ("direction", direction)]), n))
    });
    w.counters("router_bgp_messages", "Messages.", messages)?;
    let prefixes = peers.iter().flat_map(|p| {
        p.families.iter().flat_map(|f| {
            [("accepted", f.accepted), ("filtered", f.filtered), ("advertised", f.advertised)].map(
                |(stage, n)| {
                    (label(&[("peer", &p.peer), ("family", afi(f.family)), ("stage", stage)]), n as f64)
                },
            )
        })
    });
    w.gauges("router_bgp_prefixes", "Prefixes by stage.", prefixes)?;
    let limits = peers.iter().flat_map(|p| {
        p.families
            .iter()
            .filter(|f| f.limit > 0)
            .map(|f| (label(&[("peer", &p.peer), ("family", afi(f.family))]), f.limit as f64))
    });
    w.gauges("router_bgp_prefix_limit", "Prefixes that the neighbour may announce.", limits)
}

fn native_vrrp(s: &Snapshot, w: &mut Writer<'_>) -> fmt::Result {
    fn labels(v: &VrrpSample) -> Labels<'static> {
        let vrid = v.vrid.to_string();
        label(&[("interface", &v.interface), ("vrid", &vrid), ("family", v.family)])
    }
    let all = || s.vrrp.iter().filter(|v| !v.idle);
    let with = |v: &VrrpSample, key: &'static str, value: &str| {
        let mut labels = labels(v);
        labels.push((key, value.to_owned()));
        labels
    };
    let states = all().flat_map(|v| {
        ["Initialize", "Backup", "Master"]
            .map(|s| (with(v, "state", &s.to_lowercase()), f64::from(v.state == s)))
    });
    w.gauges("router_vrrp_state", "State of the virtual router: 1 for the one in force.", states)?;
    w.gauges(
        "router_vrrp_priority_effective",
        "Priority in force.",
        all().map(|v| (labels(v), f64::from(v.effective))),
    )?;
    w.gauges(
        "router_vrrp_priority_configured",
        "Priority in the configuration.",
        all().map(|v| (labels(v), f64::from(v.priority))),
    )?;
    let masters = all().filter_map(|v| Some((with(v, "address", &v.master?.to_string()), 1.0)));
    w.gauges("router_vrrp_master_info", "Who is active, as far as known.", masters)?;
    let adverts = all().flat_map(|v| {
        [(with(v, "direction", "sent"), v.sent), (with(v, "direction", "received"), v.received)]
    });
    w.counters("router_vrrp_advertisements", "Advertisements.", adverts)?;
    let errors = all().flat_map(|v| v.errors.iter().map(move |(kind, n)| (with(v, "kind", kind), *n)));
    w.counters("router_vrrp_advertisement_errors", "Advertisements refused, by kind.", errors)
}

fn native_damping(tables: &[TableSample], w: &mut Writer<'_>) -> fmt::Result {
    let rows = tables.iter().flat_map(|t| {
        [("suppressed", t.damped), ("history", t.history)]
            .map(|(state, n)| (label(&[("family", afi(t.family)), ("state", state)]), n as f64))
    });
    w.gauges("router_bgp_damped_paths", "Paths that flapped and are not in the table, by state.", rows)
}

fn native_routes(s: &Snapshot, w: &mut Writer<'_>) -> fmt::Result {
    let rows = |value: fn(&super::sample::RouteSample) -> u64| {
        s.routes
            .iter()
            .map(|r| {
                let family = if r.v6 { "ipv6" } else { "ipv4" };
                (label(&[("family", family), ("protocol", r.protocol)]), value(r) as f64)
            })
            .collect::<Vec<_>>()
    };
    w.gauges("router_rib_routes", "Routes wanted.", rows(|r| r.rib))?;
    w.gauges("router_fib_routes", "Routes in the kernel.", rows(|r| r.fib))?;
    w.gauges("router_fib_failed", "Routes that the kernel refused.", rows(|r| r.failed))?;
    w.gauges("router_fib_pending", "Routes on their way to the kernel.", rows(|r| r.pending))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{PeerFamilySample, RouteSample};
    use super::*;

    #[test]
    fn the_exporter_s_names_and_labels_are_served() {
        let family = Family::Ipv4Unicast;
        let page = text(Snapshot {
            version: "10.8.0".into(),
            local_as: 65000,
            peers: vec![PeerSample {
                peer: "192.0.2.1".into(),
                peer_as: 64500,
                local_as: 65000,
                state: "established",
                received: 7,
                families: vec![PeerFamilySample {
                    family,
                    accepted: 3,
                    filtered: 0,
                    refused: 0,
                    advertised: 1,
                    limit: 10,
                }],
                ..PeerSample::default()
            }],
            tables: vec![TableSample {
                family,
                prefixes: 4,
                memory: 5,
                damped: 2,
                history: 1,
                peers: 1,
                peer_memory: 6,
                groups: 0,
                group_memory: 0,
            }],
            vrrp: vec![VrrpSample {
                family: "v4",
                vrid: 10,
                interface: "lan0".into(),
                state: "Master",
                ..Default::default()
            }],
            routes: vec![RouteSample { v6: false, protocol: "bgp", rib: 3, fib: 2, failed: 0, pending: 1 }],
            ..Snapshot::default()
        });
        for line in [
            "frr_bgp_peer_state{vrf=\"default\",afi=\"ipv4\",safi=\"unicast\",local_as=\"65000\",peer=\"192.0.2.1\",peer_as=\"64500\"} 1.0",
            "frr_bgp_peer_message_received_total{vrf=\"default\",afi=\"ipv4\",safi=\"unicast\",local_as=\"65000\",peer=\"192.0.2.1\",peer_as=\"64500\"} 7",
            "frr_vrrp_state{proto=\"v4\",vrid=\"10\",interface=\"lan0\",subinterface=\"\",state=\"Master\"} 1.0",
            "frr_route_total_fib{afi=\"ipv4\",vrf=\"default\"} 2.0",
            "router_bgp_damped_paths{family=\"ipv4\",state=\"suppressed\"} 2.0",
            "router_bgp_prefixes{peer=\"192.0.2.1\",family=\"ipv4\",stage=\"accepted\"} 3.0",
        ] {
            assert!(page.lines().any(|l| l == line), "{line} is missing from\n{page}");
        }
        assert!(page.ends_with("# EOF\n"));
    }
}
