//! `show bgp router`, `show bgp vrfs`.

use std::collections::BTreeSet;
use std::io::{self, Write};

use bgp::types::Family;
use serde_json::Value;

use super::format::{date, family_key, family_name};
use super::json::{Object, ObjectExt, pretty};
use super::views::{PeerState, SummaryView};
use crate::config::model::{Bgp, BgpFamily, Config, PeerId};

/// What FRR says of its queues; ours are bounded in octets.
const QUEUE_LIMIT: u32 = 10000;

/// What `show bgp router` and `show bgp vrfs` need.
pub struct RouterFacts<'a> {
    /// When BGP started.
    pub started: u64,
    /// The configuration.
    pub config: &'a Config,
    /// Summaries of both families.
    pub summaries: &'a [SummaryView],
}

impl RouterFacts<'_> {
    fn established(&self) -> usize {
        let peers = self.summaries.iter().flat_map(|s| &s.peers);
        let up = peers.filter(|p| p.state == PeerState::Established);
        let mut ids: Vec<&PeerId> = up.map(|p| &p.id).collect();
        ids.sort();
        ids.dedup();
        ids.len()
    }

    /// `show bgp router`.
    pub fn router(&self, json: bool, out: &mut dyn Write) -> io::Result<()> {
        let instances = usize::from(self.config.bgp.is_some());
        let of_instance = self.config.bgp.as_ref().is_some_and(|b| b.knobs.graceful_shutdown);
        let shutdown = self.config.graceful_shutdown || of_instance;
        if json {
            let mut o = Object::new();
            o.put("bgpStartedAt", self.started);
            o.put("bgpStartedGracefully", false);
            o.put("bgpGshutEnabled", shutdown);
            o.put("bgpInMaintenanceMode", shutdown);
            o.put("bgpInstanceCount", instances);
            o.put("establishedPeersTotal", self.established());
            o.put("bgpWaitForFibSet", false);
            o.put("bgpInputQueueLimit", QUEUE_LIMIT);
            o.put("bgpOutputQueueLimit", QUEUE_LIMIT);
            for key in ["zebraAnnounceCount", "zebraAnnounceEarlyCount", "bgpUpdateDelayTime"] {
                o.put(key, 0);
            }
            o.put("bgpEstablishWaitTime", 0);
            o.put("bgpRmapDelayTimer", 0);
            o.put("bgpRmapDelayTimerRemaining", 0);
            return pretty(&Value::Object(o), out);
        }
        writeln!(out, "BGP started at {}", date(self.started))?;
        writeln!(out, "BGP Graceful Shutdown is {}", if shutdown { "enabled" } else { "disabled" })?;
        writeln!(out, "Number of BGP instances (including default): {instances}")?;
        writeln!(out, "Total established peers: {}", self.established())?;
        writeln!(out, "BGP suppress FIB pending is disabled")?;
        writeln!(out, "BGP Input Queue Limit: {QUEUE_LIMIT}\nBGP Output Queue Limit: {QUEUE_LIMIT}")?;
        writeln!(out, "Zebra announce queue (priority): 0\nZebra announce queue (normal): 0")?;
        writeln!(out, "BGP Global Update Delay Timers:\n  Update Delay Time: 0s\n  Establish Wait Time: 0s")?;
        writeln!(out, "BGP route-map Delay Timer: 0s (remaining: 0s)")
    }

    /// `show bgp vrfs`.
    pub fn vrfs(&self, json: bool, out: &mut dyn Write) -> io::Result<()> {
        let peers = self.summaries.iter().flat_map(|s| &s.peers).map(|p| &p.id).collect::<BTreeSet<_>>();
        let id = self.summaries.first().map_or_else(|| "0.0.0.0".to_owned(), |s| s.router_id.to_string());
        let total = usize::from(self.config.bgp.is_some());
        if json {
            let mut vrfs = Object::new();
            if let Some(bgp) = &self.config.bgp {
                let mut o = Object::new();
                o.put("type", "DFLT");
                o.put("vrfId", 0);
                o.put("routerId", id);
                o.put("as", bgp.asn.0);
                o.put("numConfiguredPeers", peers.len());
                o.put("numEstablishedPeers", self.established());
                instance(bgp, &mut o);
                vrfs.put("default", o);
            }
            let mut all = Object::new();
            all.put("vrfs", vrfs);
            all.put("totalVrfs", total);
            return pretty(&Value::Object(all), out);
        }
        writeln!(out, "Type  Id     routerId          #PeersCfg  #PeersEstb  Name")?;
        writeln!(out, "             L3-VNI            RouterMAC              Interface")?;
        if total > 0 {
            let (configured, up) = (peers.len(), self.established());
            writeln!(out, "DFLT  0      {id:<16}  {configured:<9}  {up:<10}  default")?;
            writeln!(out, "             {:<16}  {:<21}  unknown", 0, "00:00:00:00:00:00")?;
        }
        writeln!(out, "\nTotal number of VRFs (including default): {total}")
    }
}

/// What an instance is configured to do.
fn instance(bgp: &Bgp, o: &mut Object) {
    o.put("l3vni", 0);
    o.put("rmac", "00:00:00:00:00:00");
    o.put("interface", "unknown");
    o.put("grRestartTime", bgp.graceful_restart_time.unwrap_or(120));
    o.put("grStalePathTime", bgp.graceful_stalepath_time.unwrap_or(360));
    o.put("grSelectDeferTime", bgp.graceful_select_defer_time.unwrap_or(120));
    let mode = match bgp.graceful_restart {
        Some(true) => "Restarter",
        Some(false) => "Disabled",
        None => "Helper",
    };
    o.put("grMode", mode);
    o.put("waitForFibSet", false);
    o.put("gShutEnabled", bgp.knobs.graceful_shutdown);
    o.put("rrAllowOutboundPolicy", bgp.knobs.rr_allow_outbound_policy);
    o.put("noClientToClientReflection", !bgp.knobs.client_to_client_reflection);
    if !bgp.listen_ranges.is_empty() {
        let mut ranges = Object::new();
        for range in &bgp.listen_ranges {
            let mut group = Object::new();
            group.put("peerGroup", range.peer_group.clone());
            ranges.put(&range.prefix.to_string(), group);
        }
        o.put("dynamicNeighListen", ranges);
    }
    o.put("defaultOriginateV4", false);
    o.put("defaultOriginateV6", false);
    let mut families = Object::new();
    for family in Family::ALL {
        families.put(family_key(family), family_json(bgp.family(family), family));
    }
    o.put("addressFamilyInfo", families);
}

fn family_json(config: &BgpFamily, family: Family) -> Object {
    let mut o = Object::new();
    o.put("afi", family_name(family));
    o.put_some("ebgpMaximumPaths", config.maximum_paths);
    if let Some(paths) = config.maximum_paths_ibgp {
        o.put("ibgpMaximumPaths", paths);
        o.put("equalClusterLength", config.equal_cluster_length);
    }
    let mut networks = Object::new();
    for (prefix, network) in &config.networks {
        let mut n = Object::new();
        n.put_some("routeMap", network.route_map.clone());
        n.put_true("backdoor", network.backdoor);
        networks.put(&prefix.to_string(), n);
    }
    o.put("network", networks);
    let mut aggregates = Object::new();
    for (prefix, aggregate) in &config.aggregates {
        let mut a = Object::new();
        a.put_true("asSet", aggregate.as_set);
        a.put_true("summaryOnly", aggregate.summary_only);
        a.put_some("routeMap", aggregate.route_map.clone());
        a.put_true("matchingMedOnly", aggregate.matching_med_only);
        a.put_some("suppressMap", aggregate.suppress_map.clone());
        aggregates.put(&prefix.to_string(), a);
    }
    o.put("aggregateAddress", aggregates);
    o
}
