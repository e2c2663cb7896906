//! Route flap damping: its parameters, and listings of routes that flap.

use std::io::{self, Write};

use serde_json::Value;

use super::format::uptime;
use super::json::{Object, ObjectExt, pretty};
use super::path::origin_letter;
use super::table::{letters, network, status_json};
use super::views::{FlapsView, PathView, PrefixView};
use crate::config::model::Dampening;

/// Which listing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `dampened-paths`: what is suppressed.
    Damped,
    /// `flap-statistics`: all that flapped.
    Flaps,
}

impl Kind {
    /// Whether a path is in it.
    pub fn wants(self, path: &PathView) -> bool {
        match self {
            Kind::Damped => path.damped && !path.history,
            Kind::Flaps => path.flaps.is_some(),
        }
    }

    /// Writes the titles of the columns.
    pub fn titles(self, out: &mut dyn Write) -> io::Result<()> {
        let columns = match self {
            Kind::Damped => "From             Reuse    Path",
            Kind::Flaps => "From            Flaps Duration Reuse    Path",
        };
        writeln!(out, "     {:17}{columns}", "Network")
    }

    /// Writes a row.
    pub fn row(
        self,
        prefix: &PrefixView,
        path: &PathView,
        first: bool,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let Some(flaps) = &path.flaps else { return Ok(()) };
        out.write_all(letters(path).as_bytes())?;
        network(prefix, first, false, out)?;
        let from = path.peer.as_ref().map(|p| p.id.to_string()).unwrap_or_default();
        let width = if self == Kind::Damped { 17 } else { 16 };
        match from.len() < width {
            true => write!(out, "{from:width$}")?,
            false => write!(out, "{from}\n{:1$}", "", width + 19)?,
        }
        let reuse = flaps.reuse.map(uptime).unwrap_or_default();
        match self {
            Kind::Damped => write!(out, "{reuse} ")?,
            Kind::Flaps => write!(out, "{:<4} {} {reuse:8} ", flaps.flaps, uptime(flaps.age))?,
        }
        let as_path = path.as_path_text();
        let separator = if as_path.is_empty() { "" } else { " " };
        writeln!(out, "{as_path}{separator}{}", origin_letter(path))
    }

    /// A path as JSON.
    pub fn json(self, path: &PathView) -> Value {
        let mut o = Object::new();
        let peer = path.peer.as_ref().map(|p| p.id.to_string());
        status_json(path, &mut o);
        if let Some(flaps) = &path.flaps {
            if self == Kind::Flaps {
                o.put_some("peerHost", peer.clone());
                o.put("bdiFlap", flaps.flaps);
                uptime_json(flaps, &mut o);
            }
            o.put_some("reuseTimerMsecs", flaps.reuse.map(|s| s * 1000));
        }
        o.put("asPath", path.as_path_text());
        o.put("origin", origin_letter(path).to_string());
        o.put_some("peerHost", peer.filter(|_| self == Kind::Damped));
        Value::Object(o)
    }
}

/// The line about a path's flaps.
pub fn info_text(flaps: &FlapsView, out: &mut dyn Write) -> io::Result<()> {
    let (penalty, count, age) = (flaps.penalty, flaps.flaps, uptime(flaps.age));
    write!(out, "      Dampinfo: penalty {penalty}, flapped {count} times in {age}")?;
    if let Some(reuse) = flaps.reuse {
        write!(out, ", reuse in {}", uptime(reuse))?;
    }
    writeln!(out)
}

/// The same as JSON.
pub fn info_json(flaps: &FlapsView, o: &mut Object) {
    o.put("dampeningPenalty", flaps.penalty);
    o.put("dampeningFlapCount", flaps.flaps);
    uptime_json(flaps, o);
    o.put_some("reuseTimerMsecs", flaps.reuse.map(|s| s * 1000));
}

fn uptime_json(flaps: &FlapsView, o: &mut Object) {
    o.put("peerUptime", uptime(flaps.age));
    o.put("peerUptimeMsec", flaps.age * 1000);
    o.put("peerUptimeEstablishedEpoch", flaps.started_epoch);
}

/// The parameters in force.
pub fn parameters_text(p: &Dampening, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Half-life time: {} min", p.half_life / 60)?;
    writeln!(out, "Reuse penalty: {}\nSuppress penalty: {}", p.reuse, p.suppress)?;
    writeln!(out, "Max suppress time: {} min", p.max_suppress / 60)?;
    writeln!(out, "Max suppress penalty: {}\n", p.ceiling())
}

/// The same as JSON, behind what is there already.
pub fn parameters_json(p: Option<&Dampening>, mut o: Object, out: &mut dyn Write) -> io::Result<()> {
    if let Some(p) = p {
        o.put("halfLifeSecs", p.half_life);
        o.put("reusePenalty", p.reuse);
        o.put("suppressPenalty", p.suppress);
        o.put("maxSuppressTimeSecs", p.max_suppress);
        o.put("maxSuppressPenalty", p.ceiling());
    }
    pretty(&Value::Object(o), out)
}
