//! The picture of `top`.

use super::format::{memory, timestamp, uptime, uptime_or_never};
use super::views::{PeerPulse, Pulse};

/// Rows and columns of a screen.
pub type Size = (usize, usize);

/// Lines of a picture, with rates since `before` if there was one. On a screen it has no more lines and columns than fit.
pub fn picture(now: &Pulse, before: Option<&Pulse>, size: Option<Size>) -> Vec<String> {
    let seconds =
        before.map(|b| now.epoch_ms.saturating_sub(b.epoch_ms) as f64 / 1000.0).filter(|s| *s > 0.0);
    let mut lines = head(now, before.zip(seconds));
    let peers: Vec<String> = now
        .peers
        .iter()
        .map(|peer| {
            let then = before.and_then(|b| b.peers.iter().find(|p| p.name == peer.name));
            peer_line(peer, then.zip(seconds))
        })
        .collect();
    let mut groups = Vec::new();
    if !now.groups.is_empty() {
        groups.push(String::new());
        groups.push(format!(
            "{:16} {:>4} {:6} {:10} {:>8}",
            "Interface", "VRID", "Family", "State", "Priority"
        ));
    }
    for g in &now.groups {
        let (interface, vrid, family, state) = (&g.interface, g.vrid, &g.family, &g.state);
        groups.push(format!("{interface:16} {vrid:>4} {family:6} {state:10} {:>8}", g.priority));
    }
    let Some((rows, columns)) = size else {
        lines.extend(peers);
        lines.extend(groups);
        return lines;
    };
    // The gateways are few; neighbours have the rest of the screen.
    let room = rows.saturating_sub(lines.len() + groups.len());
    if peers.len() <= room {
        lines.extend(peers);
    } else {
        let shown = room.saturating_sub(1);
        let left = peers.len() - shown;
        lines.extend(peers.into_iter().take(shown));
        lines.push(format!("({left} more neighbors)"));
    }
    lines.extend(groups);
    lines.truncate(rows);
    lines.iter().map(|line| line.chars().take(columns).collect()).collect()
}

fn head(now: &Pulse, before: Option<(&Pulse, f64)>) -> Vec<String> {
    let cpu = before.map_or("-".to_owned(), |(b, seconds)| {
        format!("{:.1} %", now.cpu_ms.saturating_sub(b.cpu_ms) as f64 / seconds / 10.0)
    });
    let when = timestamp(now.epoch_ms / 1000, (now.epoch_ms % 1000 / 10) as u8);
    let mut lines = vec![
        format!(
            "{}  {when}  up {}  cpu {cpu}  memory {}  threads {}",
            now.hostname,
            uptime(now.uptime),
            memory(now.memory),
            now.threads
        ),
        format!("kernel: {} routes wanted, {} installed, {} refused", now.wanted, now.installed, now.failed),
    ];
    for table in &now.tables {
        let then = before.and_then(|(b, s)| Some((b.tables.iter().find(|t| t.family == table.family)?, s)));
        let changes = rate(table.version, then.map(|(t, s)| (t.version, s)));
        let (family, prefixes, paths) = (&table.family, table.prefixes, table.paths);
        lines.push(format!("{family}: {prefixes} prefixes, {paths} paths, {changes} best paths changed/s"));
    }
    if !now.peers.is_empty() {
        lines.push(String::new());
        lines.push(format!(
            "{:24} {:>10} {:12} {:>9} {:>9} {:>9} {:>8} {:>8} {:>9}",
            "Neighbor", "AS", "State", "Up/Down", "PfxRcd", "PfxSnt", "UpdIn/s", "UpdOut/s", "PfxIn/s"
        ));
    }
    lines
}

fn peer_line(peer: &PeerPulse, then: Option<(&PeerPulse, f64)>) -> String {
    let (name, asn, state) = (&peer.name, peer.asn, &peer.state);
    let since = uptime_or_never(peer.since);
    let (accepted, told) = (peer.accepted, peer.told);
    let updates_in = rate(peer.updates_in, then.map(|(t, s)| (t.updates_in, s)));
    let updates_out = rate(peer.updates_out, then.map(|(t, s)| (t.updates_out, s)));
    let prefixes_in = rate(peer.prefixes_in, then.map(|(t, s)| (t.prefixes_in, s)));
    format!(
        "{name:24} {asn:>10} {state:12} {since:>9} {accepted:>9} {told:>9} {updates_in:>8} {updates_out:>8} {prefixes_in:>9}"
    )
}

/// How fast a counter runs; one that began anew counts from there.
fn rate(now: u64, then: Option<(u64, f64)>) -> String {
    let Some((then, seconds)) = then else { return "-".to_owned() };
    let grown = now.checked_sub(then).unwrap_or(now);
    format!("{:.0}", grown as f64 / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::views::{GroupPulse, TablePulse};

    fn pulse(epoch_ms: u64, updates: u64, peers: u8) -> Pulse {
        let peer = |n| PeerPulse {
            name: format!("192.0.2.{n}"),
            asn: 65000,
            state: "Established".into(),
            since: Some(61),
            updates_in: updates,
            ..PeerPulse::default()
        };
        Pulse {
            hostname: "edge".into(),
            epoch_ms,
            cpu_ms: updates,
            tables: vec![TablePulse { family: "IPv4".into(), version: updates, ..TablePulse::default() }],
            peers: (1..=peers).map(peer).collect(),
            groups: vec![GroupPulse { interface: "eth0".into(), vrid: 7, ..GroupPulse::default() }],
            ..Pulse::default()
        }
    }

    #[test]
    fn rates_are_by_the_time_that_has_gone() {
        let lines = picture(&pulse(2000, 500, 1), Some(&pulse(0, 300, 1)), None);
        assert!(lines[0].contains("cpu 10.0 %"), "{}", lines[0]);
        assert!(lines[2].ends_with("100 best paths changed/s"), "{}", lines[2]);
        let peer = lines.iter().find(|l| l.starts_with("192.0.2.1")).unwrap();
        assert!(peer.contains("00:01:01") && peer.contains(" 100 "), "{peer}");
        // A counter that began anew, and a picture without one before.
        let lines = picture(&pulse(2000, 4, 1), Some(&pulse(0, 300, 1)), None);
        assert!(lines[2].contains(", 2 best"), "{}", lines[2]);
        assert!(picture(&pulse(1, 1, 1), None, None)[0].contains("cpu -"));
    }

    #[test]
    fn a_picture_fits_on_the_screen() {
        for rows in 1..40 {
            let lines = picture(&pulse(1, 1, 20), None, Some((rows, 30)));
            assert!(lines.len() <= rows && lines.iter().all(|l| l.chars().count() <= 30));
        }
        let lines = picture(&pulse(1, 1, 20), None, Some((15, 200)));
        assert_eq!((lines.len(), lines.last().unwrap().contains("eth0")), (15, true));
        assert!(lines.contains(&"(14 more neighbors)".to_owned()), "{lines:#?}");
    }
}
