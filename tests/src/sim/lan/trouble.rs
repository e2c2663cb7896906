//! What goes wrong on the segment, what is changed, and how it is mended.

use vrrp::{Input, State};

use super::clerk::{Clerk, Stimulus};
use super::switch::{Cable, Port};
use super::{Event, Lan};
use crate::sim::lan::plan;

impl Lan {
    /// One of the troubles.
    pub(super) fn trouble(&mut self) {
        let n = self.rng.index(self.nodes.len());
        let g = self.rng.index(self.plan.groups.len());
        // Now and then the one that matters is hit.
        let active = (0..self.nodes.len()).find(|n| self.nodes[*n].state(g) == State::Active);
        let n = if self.rng.once_in(2) { active.unwrap_or(n) } else { n };
        let unit = self.plan.unit();
        let long = self.rng.below(20 * unit);
        let kind = self.rng.below(12);
        self.agenda.tell(|| format!("trouble {kind} at router {n} group {g} for {long} ns"));
        match kind {
            0 => self.crash(n, long),
            1 => self.kill(n, long),
            2 | 3 => self.stop(n, long),
            4 => self.freeze(n, long / 4),
            5 => self.cable(n, Cable { cut: true, ..Cable::default() }, long),
            6 => self.cable(n, Cable { unplugged: true, ..Cable::default() }, long),
            7 => {
                let mute = self.rng.once_in(2);
                self.cable(n, Cable { mute, deaf: !mute, ..Cable::default() }, long / 2);
            }
            8 if self.plan.switches > 1 => self.part_switches(long),
            8 | 9 => {
                self.lossy = self.now() + long / 2;
                let end = self.lossy + unit + 2 * self.plan.crossing();
                self.disturbed_until(end);
            }
            10 => self.unable(n, g, long),
            _ => self.change(n, g),
        }
    }

    /// A process can be told something.
    fn listens(&mut self, n: usize) -> bool {
        let listens = self.nodes[n].alive && self.nodes[n].frozen <= self.now();
        if listens {
            // What it has heard before comes first.
            self.work(n);
        }
        listens && self.nodes[n].alive
    }

    pub(super) fn start(&mut self, n: usize) {
        if self.nodes[n].alive {
            return;
        }
        self.disturbed();
        let now = self.now();
        let groups = 0..self.plan.groups.len();
        let configs: Vec<_> = groups.clone().map(|g| self.configs[g][n].clone()).collect();
        let sources: Vec<_> = configs.iter().map(|c| self.plan.source(n, c.family)).collect();
        self.able[n].fill([true; 2]);
        self.clerks[n] = configs.iter().zip(&sources).map(|(c, s)| Some(Clerk::new(c.clone(), *s))).collect();
        let adopted = self.nodes[n].datapath.clone();
        self.nodes[n].start(configs, sources);
        self.agenda.tell(|| format!("router {n} starts, forwarding {adopted:?}"));
        if self.net.cables[n].unplugged {
            // Nothing works without a carrier: leftovers are removed.
            return self.nodes[n].datapath.fill(false);
        }
        for g in groups {
            if adopted[g]
                && let Some(clerk) = &mut self.clerks[n][g]
            {
                clerk.adopts(now);
            }
            self.up(n, g, adopted[g]);
        }
    }

    fn up(&mut self, n: usize, g: usize, adopted: bool) {
        let source = self.plan.source(n, self.configs[g][n].family);
        self.tell(n, g, &Stimulus::Up, Input::Up { source, own_mac: None, adopted });
    }

    fn returns(&mut self, n: usize, long: u64) {
        self.agenda.after(1 + long, Event::Start(n));
    }

    fn crash(&mut self, n: usize, long: u64) {
        self.disturbed();
        self.nodes[n].crash();
        self.clerks[n].fill_with(|| None);
        self.net.port_down(Port::Router(n));
        self.returns(n, long);
    }

    fn kill(&mut self, n: usize, long: u64) {
        self.disturbed();
        self.nodes[n].kill();
        self.clerks[n].fill_with(|| None);
        self.returns(n, long);
    }

    fn stop(&mut self, n: usize, long: u64) {
        if !self.listens(n) {
            return;
        }
        self.disturbed();
        for g in 0..self.plan.groups.len() {
            if self.nodes[n].alive {
                self.tell(n, g, &Stimulus::Shutdown, Input::Shutdown);
            }
        }
        self.returns(n, long + 2 * self.plan.unit());
    }

    fn freeze(&mut self, n: usize, long: u64) {
        let until = self.now() + long;
        self.nodes[n].frozen = self.nodes[n].frozen.max(until);
        self.disturbed_until(until + self.plan.crossing());
    }

    fn cable(&mut self, n: usize, state: Cable, long: u64) {
        let old = std::mem::replace(&mut self.net.cables[n], state);
        self.disturbed();
        if state.unplugged && !old.unplugged {
            self.net.port_down(Port::Router(n));
            self.carrier(n, false);
        }
        if old.unplugged && !state.unplugged {
            self.carrier(n, true);
        }
        self.agenda.after(1 + long, Event::Mend(n));
    }

    fn carrier(&mut self, n: usize, there: bool) {
        if !self.nodes[n].alive {
            // A kernel whose process is gone keeps its virtual device, which has a carrier again with the parent.
            return;
        }
        // The event waits for a frozen process, but what it would do is not seen by anybody before.
        self.nodes[n].frozen = self.nodes[n].frozen.min(self.now());
        self.work(n);
        for g in 0..self.plan.groups.len() {
            match there {
                true => self.up(n, g, false),
                false => self.tell(n, g, &Stimulus::Down, Input::Down),
            }
        }
    }

    pub(super) fn mend(&mut self, n: usize) {
        let old = std::mem::take(&mut self.net.cables[n]);
        if old == Cable::default() {
            return;
        }
        self.agenda.tell(|| format!("router {n} is connected"));
        self.disturbed();
        if old.unplugged {
            self.carrier(n, true);
        }
    }

    fn part_switches(&mut self, long: u64) {
        self.disturbed();
        self.net.parted = true;
        if self.rng.once_in(2) {
            self.net.port_down(Port::Trunk);
        }
        self.agenda.after(1 + long, Event::Join);
    }

    pub(super) fn join(&mut self) {
        self.disturbed();
        self.net.parted = false;
    }

    fn unable(&mut self, n: usize, g: usize, long: u64) {
        if !self.listens(n) {
            return;
        }
        let which = self.rng.index(2);
        self.able(n, g, which, false);
        self.agenda.after(1 + long, Event::Recover(n, g));
    }

    pub(super) fn recover(&mut self, n: usize, g: usize) {
        if self.listens(n) {
            for which in 0..2 {
                self.able(n, g, which, true);
            }
        } else if self.nodes[n].alive {
            let at = self.nodes[n].frozen;
            self.agenda.at(at, Event::Recover(n, g));
        }
    }

    fn able(&mut self, n: usize, g: usize, which: usize, able: bool) {
        if self.able[n][g][which] == able {
            return;
        }
        self.disturbed();
        self.able[n][g][which] = able;
        let input = if which == 0 { Input::Health(able) } else { Input::Drain(!able) };
        let eligible = self.able[n][g] == [true; 2];
        self.tell(n, g, &Stimulus::Eligible(eligible), input);
    }

    fn change(&mut self, n: usize, g: usize) {
        let new = plan::changed(&mut self.rng, &self.configs[g][n]);
        if new.interval_time() > self.plan.longest(g) || new == self.configs[g][n] || !self.listens(n) {
            return;
        }
        self.disturbed();
        self.configs[g][n] = new.clone();
        self.tell(n, g, &Stimulus::Configure(new.clone()), Input::Configure(new));
    }

    pub(super) fn peace(&mut self) {
        self.agenda.tell(|| "peace".to_owned());
        self.lossy = self.now();
        self.join();
        for n in 0..self.nodes.len() {
            self.mend(n);
            if self.rng.below(4) > 0 || n == 0 {
                self.start(n);
            }
        }
    }
}
