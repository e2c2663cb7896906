//! What `top` shows.

use std::collections::HashMap;
use std::time::Duration;

use bgp::types::Family;

use super::bgp::remote_as;
use super::{Live, age};
use crate::control::unix_time;
use crate::ontime::Family as VrrpFamily;
use crate::show::format::afi_name;
use crate::show::views::{GroupPulse, PeerPulse, Pulse, TablePulse};

/// How long the kernel's thread may take to answer.
const PATIENCE: Duration = Duration::from_millis(50);

/// Milliseconds of a clock tick in `/proc`: user space is told of 100 a second, whatever the kernel does.
const TICK_MS: u64 = 10;

/// Processor time in milliseconds, threads, and octets of memory of this process.
fn process() -> (u64, u64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may have blanks in it.
    let fields: Vec<u64> = stat
        .rsplit_once(") ")
        .map(|(_, rest)| rest.split(' ').map(|f| f.trim().parse().unwrap_or(0)).collect())
        .unwrap_or_default();
    let field = |number: usize| fields.get(number.saturating_sub(3)).copied().unwrap_or(0);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident =
        status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    ((field(14) + field(15)) * TICK_MS, field(20), resident.unwrap_or(0u64) * 1024)
}

impl Live {
    pub(super) fn glance(&self) -> Pulse {
        let config = self.config();
        let statuses = self.statuses();
        let ids: Vec<rib::PeerId> = statuses.iter().map(|(e, _)| e.id).collect();
        let asked = self.control.rib.ask(move |core| {
            let mut told: HashMap<rib::PeerId, u64> = HashMap::new();
            for (id, routes) in Family::ALL.into_iter().flat_map(|f| core.told_together(f)) {
                *told.entry(id).or_default() += routes as u64;
            }
            let accepted =
                |id| Family::ALL.into_iter().map(|f| u64::from(core.counts(id, f).accepted)).sum::<u64>();
            let of = |id| (accepted(id), told.get(&id).copied().unwrap_or(0));
            (ids.into_iter().map(of).collect::<Vec<_>>(), Family::ALL.map(|f| core.totals(f)))
        });
        let (counts, totals) = match asked {
            Ok((counts, totals)) => (counts, totals.to_vec()),
            Err(_) => Default::default(),
        };
        let bgp = config.bgp.as_ref();
        let peers = statuses.iter().enumerate().map(|(at, (entry, status))| {
            let stats = status.as_ref().map(|s| &s.stats);
            let since = stats.and_then(|s| s.established_at.or(s.down_since));
            let (accepted, told) = counts.get(at).copied().unwrap_or_default();
            let updates = status.as_ref().and_then(|s| s.updates.as_ref());
            PeerPulse {
                name: entry.name.to_string(),
                asn: bgp.map_or(0, |b| remote_as(b, entry)),
                state: if entry.neighbor.shutdown { "Idle (Admin)" } else { entry.state.name() }.to_owned(),
                since: since.map(age),
                accepted,
                told,
                updates_in: stats.map_or(0, |s| s.received.update),
                updates_out: stats.map_or(0, |s| s.sent.update),
                prefixes_in: updates.map_or(0, |u| u.announced + u.withdrawn),
            }
        });
        let table = |(family, t): (Family, &rib::query::Totals)| TablePulse {
            family: afi_name(family).to_owned(),
            prefixes: t.prefixes as u64,
            paths: t.paths as u64,
            version: t.version.into(),
        };
        let groups = self.control.vrrp_snapshot().groups.into_iter().map(|g| GroupPulse {
            interface: g.key.interface,
            vrid: g.key.vrid,
            family: if g.key.family == VrrpFamily::V6 { "IPv6" } else { "IPv4" }.to_owned(),
            state: crate::gateway::role(g.status.state).to_owned(),
            priority: g.status.priority,
        });
        let (cpu_ms, threads, memory) = process();
        let mut pulse = Pulse {
            hostname: super::system::version(&config).hostname,
            epoch_ms: (unix_time() * 1000.0) as u64,
            uptime: age(0),
            cpu_ms,
            memory,
            threads,
            peers: peers.collect(),
            groups: groups.collect(),
            ..Pulse::default()
        };
        if bgp.is_some() {
            pulse.tables = Family::ALL.into_iter().zip(&totals).map(table).collect();
        }
        for (_, _, counts) in self.control.fib.counts(PATIENCE).unwrap_or_default() {
            pulse.wanted += counts.wanted;
            pulse.installed += counts.installed;
            pulse.failed += counts.failed;
        }
        pulse
    }
}
