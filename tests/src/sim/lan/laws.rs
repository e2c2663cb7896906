//! What must hold for all routers together.
//!
//! In each part of the segment that is connected, and counted from the last disturbance: soon somebody is Active, only
//! one is, and it is one that nobody has a right to replace; exactly the Active router forwards; the switches lead to
//! it. How soon is what the RFC's timers allow: each router's own timers are held to the nanosecond by the clerk, so
//! here it is enough to bound the sum.

use std::collections::BTreeMap;

use vrrp::{State, Time};

use super::Lan;

/// What has to be remembered from one look to the next.
pub(super) struct Together {
    /// The last disturbance.
    quiet: Time,
    /// The last change of a role, by group.
    changed: Vec<Time>,
    /// Since when a part has had two Active routers, by group and part.
    double: BTreeMap<(usize, usize), Time>,
    /// How often everything was looked at while at rest.
    pub looked_at_rest: u64,
}

impl Together {
    pub fn new(groups: usize) -> Together {
        Together { quiet: 0, changed: vec![0; groups], double: BTreeMap::new(), looked_at_rest: 0 }
    }

    pub fn role_changed(&mut self, group: usize, now: Time) {
        self.changed[group] = now;
    }
}

impl Lan {
    /// Something happened that the routers need time to get over.
    pub(super) fn disturbed(&mut self) {
        self.disturbed_until(self.now());
    }

    pub(super) fn disturbed_until(&mut self, at: Time) {
        self.laws.quiet = self.laws.quiet.max(at);
    }

    /// Looks whether the laws hold.
    pub(super) fn look(&mut self) {
        let now = self.now();
        if now < self.lossy {
            self.disturbed();
        }
        for n in 0..self.nodes.len() {
            if !self.together_only && self.nodes[n].alive && self.nodes[n].frozen <= now && self.asleep(n) {
                self.breaks(format!("router {n} sleeps past its deadline"));
            }
        }
        let Some(parts) = self.net.parts() else { return self.disturbed() };
        let mut names = parts.clone();
        names.sort_unstable();
        names.dedup();
        for g in 0..self.plan.groups.len() {
            for part in &names {
                let members: Vec<usize> = (0..parts.len()).filter(|n| parts[*n] == *part).collect();
                if let Err(law) = self.part(g, *part, &members) {
                    self.breaks(format!("group {g} on routers {members:?}: {law}"));
                }
            }
        }
    }

    fn asleep(&self, n: usize) -> bool {
        let late = self.now().saturating_sub(self.plan.lateness.max(self.thawing(n)));
        self.clerks[n].iter().flatten().any(|clerk| clerk.overdue(late))
    }

    /// After it was frozen a process is woken as late as any time.
    fn thawing(&self, n: usize) -> Time {
        let since = self.now() - self.nodes[n].frozen.min(self.now());
        if since <= self.plan.lateness { Time::MAX } else { 0 }
    }

    fn part(&mut self, g: usize, part: usize, members: &[usize]) -> Result<(), String> {
        let now = self.now();
        let (unit, crossing) = (self.plan.longest(g), self.plan.crossing());
        let state = |n: usize| self.nodes[n].state(g);
        let clerk = |n: usize| self.clerks[n][g].as_ref().filter(|_| state(n) != State::Initialize);
        let active: Vec<usize> = members.iter().copied().filter(|n| state(*n) == State::Active).collect();
        let electable = members.iter().any(|n| clerk(*n).is_some_and(|c| c.priority() > 0));
        let quiet = self.laws.quiet;
        // Down timer, patience with oneself, and one advertisement.
        if electable && active.is_empty() && now > quiet + 6 * unit + crossing {
            return Err("nobody is active".to_owned());
        }
        if active.len() > 1 {
            let since = *self.laws.double.entry((g, part)).or_insert(now);
            // One of them advertises within an interval after they hear each other again; else at once.
            if now > (since + 2 * crossing).max(quiet + unit + 2 * crossing) {
                return Err(format!("{active:?} are active"));
            }
            return Ok(());
        }
        self.laws.double.remove(&(g, part));
        let Some(&active) = active.first() else { return Ok(()) };
        let Some(holder) = clerk(active) else { return Ok(()) };
        for n in members.iter().filter(|n| state(**n) == State::Backup) {
            let Some(clerk) = clerk(*n) else { continue };
            if let Some(from) = clerk.preempts()
                && clerk.priority() > holder.priority()
                && now > quiet.max(from) + 7 * unit + crossing
            {
                return Err(format!("{active} is active, but {n} has a better claim"));
            }
        }
        self.forwarding(g, part, members, active)
    }

    /// Who has the role forwards, and nobody else, but for those who gave it away a moment ago.
    fn forwarding(&mut self, g: usize, part: usize, members: &[usize], active: usize) -> Result<(), String> {
        let now = self.now();
        let (unit, crossing) = (self.plan.longest(g), self.plan.crossing());
        for n in members {
            let Some(clerk) = &self.clerks[*n][g] else { continue };
            let forwards = self.nodes[*n].datapath[g];
            if clerk.keeps_until().0 > now && !forwards {
                return Err(format!("{n} gave up forwarding before its successor was there"));
            }
        }
        let settled = self.laws.quiet.max(self.laws.changed[g]);
        if now <= settled + 2 * crossing {
            return Ok(());
        }
        for n in members {
            let Some(clerk) = &self.clerks[*n][g] else { continue };
            let keeps = clerk.keeps_until().1 + crossing > now;
            if self.nodes[*n].datapath[g] != (*n == active) && !keeps {
                let does = if *n == active { "does not forward" } else { "forwards" };
                return Err(format!("{active} is active, but {n} {does}"));
            }
        }
        if now <= settled + unit + 2 * crossing {
            return Ok(());
        }
        self.laws.looked_at_rest += 1;
        let config = &self.configs[g][active];
        let mac = config.family.virtual_mac(config.vrid);
        for switch in self.net.switches_of(part) {
            let reached = self.net.reached(switch, mac);
            if reached != [active] {
                return Err(format!("{active} is active, but switch {switch} leads to {reached:?}"));
            }
        }
        Ok(())
    }
}
