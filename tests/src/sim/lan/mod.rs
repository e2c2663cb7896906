//! Virtual routers on a segment: two to four routers on one or two switches.
//!
//! ```text
//!   router: cores ◄─ process (woken late, frozen, killed) ◄─ inbox ◄─┐
//!             └────► frames ──► cable ──► switch (learns) ──► cable ─┘
//!                                          └─ trunk ─ switch
//! ```
//!
//! Three kinds of law: what each router must do given what it hears (`clerk`), what must hold for all together
//! (`laws`), and what the frames must look like. The first hold at every instant, whatever is wrong.

mod clerk;
mod frame;
mod laws;
mod node;
mod plan;
mod planted;
mod switch;
mod trouble;

use std::sync::Arc;

use vrrp::{Input, Time};

use self::clerk::{Clerk, Stimulus};
use self::node::{Node, Turn};
use self::plan::Plan;
pub use self::planted::Planted;
use self::switch::{Network, Port};
use super::Agenda;
use super::seeds::Outcome;
use crate::rng::Rng;

type Frame = Arc<[u8]>;

/// What happens at a time.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Event {
    /// A router's process is woken.
    Wake(usize),
    /// A frame comes into a switch.
    Enter(usize, Port, Frame),
    /// A frame comes to a router.
    Deliver(usize, Frame),
    /// Something goes wrong, or is changed.
    Trouble,
    /// A process starts.
    Start(usize),
    /// A cable works again.
    Mend(usize),
    /// The trunk works again.
    Join,
    /// Health returns.
    Recover(usize, usize),
    /// Trouble is over: everything that is broken is mended.
    Peace,
}

/// Routers, switches, the clock.
pub struct Lan {
    agenda: Agenda<Event>,
    rng: Rng,
    plan: Plan,
    net: Network,
    nodes: Vec<Node>,
    /// By router and group.
    clerks: Vec<Vec<Option<Clerk>>>,
    /// Configurations in force, by group and router.
    configs: Vec<Vec<vrrp::Config>>,
    /// Health and drain, by router and group.
    able: Vec<Vec<[bool; 2]>>,
    /// Until when frames are lost, doubled and late.
    lossy: Time,
    /// When something last came to a port, by router, then to the other switch: frames keep their order.
    last: Vec<Time>,
    laws: laws::Together,
    planted: Option<Planted>,
    /// Nobody looks at what each router does on its own.
    together_only: bool,
    broken: Option<String>,
}

impl Lan {
    /// A random world, perhaps with a fault in it.
    pub fn new(seed: u64, planted: Option<Planted>) -> Lan {
        let mut rng = Rng(seed);
        let plan = Plan::new(&mut rng);
        let (count, groups) = (plan.homes.len(), plan.groups.len());
        let mut net = Network::new(plan.homes.clone(), plan.switches);
        net.stubborn = planted == Some(Planted::StubbornSwitch);
        Lan {
            agenda: Agenda::new(seed),
            net,
            nodes: (0..count).map(|_| Node::new(groups, planted)).collect(),
            clerks: (0..count).map(|_| (0..groups).map(|_| None).collect()).collect(),
            configs: plan.groups.clone(),
            able: vec![vec![[true; 2]; groups]; count],
            lossy: 0,
            last: vec![0; count + plan.switches],
            laws: laws::Together::new(groups),
            planted,
            together_only: false,
            broken: None,
            plan,
            rng,
        }
    }

    /// The laws for each router on its own do not count.
    pub fn together_only(self) -> Lan {
        Lan { together_only: true, ..self }
    }

    /// Runs from the start through trouble to rest. The error is the law that was broken.
    pub fn run(mut self) -> Result<Outcome, String> {
        let unit = self.plan.unit();
        self.agenda.tell(|| format!("{:?}", self.plan));
        for n in 0..self.nodes.len() {
            let delay = self.rng.below(2 * unit);
            self.agenda.after(delay, Event::Start(n));
        }
        let span = 60 * unit;
        for _ in 0..2 + self.rng.below(12) {
            let at = self.rng.below(span);
            self.agenda.after(at, Event::Trouble);
        }
        self.agenda.after(span, Event::Peace);
        // The longest delay of preemption, and everything that may follow.
        let end = self.agenda.now() + span + 60 * unit;
        loop {
            let event = self.agenda.next(end);
            let over = event.is_none();
            event.into_iter().for_each(|event| self.event(event));
            self.look();
            if let Some(law) = self.broken.take() {
                return Err(format!("at {} ns: {law}", self.agenda.now()));
            }
            if over {
                break;
            }
        }
        if self.laws.looked_at_rest == 0 {
            return Err("nothing ever came to rest".to_owned());
        }
        Ok(Outcome { trace: self.agenda.trace(), events: self.agenda.events() })
    }

    fn breaks(&mut self, law: String) {
        self.broken.get_or_insert(law);
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Wake(n) => self.woken(n),
            Event::Enter(switch, from, frame) => self.enter(switch, from, &frame),
            Event::Deliver(n, frame) => self.deliver(n, frame),
            Event::Trouble => self.trouble(),
            Event::Start(n) => self.start(n),
            Event::Mend(n) => self.mend(n),
            Event::Join => self.join(),
            Event::Recover(n, g) => self.recover(n, g),
            Event::Peace => self.peace(),
        }
    }

    fn now(&self) -> Time {
        self.agenda.now()
    }

    fn late(&mut self) -> Time {
        self.rng.below(self.plan.lateness + 1)
    }

    fn hop(&mut self) -> Time {
        self.plan.hop[0] + self.rng.below(self.plan.hop[1] + 1)
    }

    // Routers.

    fn wake(&mut self, n: usize, at: Time) {
        let node = &mut self.nodes[n];
        if node.wake.is_none_or(|planned| at < planned) {
            node.wake = Some(at);
            self.agenda.at(at, Event::Wake(n));
        }
    }

    fn woken(&mut self, n: usize) {
        let now = self.now();
        let node = &mut self.nodes[n];
        if node.wake != Some(now) {
            return;
        }
        node.wake = None;
        if !node.alive {
            return;
        }
        if now < node.frozen {
            let thaw = node.frozen;
            return self.wake(n, thaw);
        }
        self.work(n);
    }

    /// The process of a router does what is to be done now.
    fn work(&mut self, n: usize) {
        let now = self.now();
        let turns = self.nodes[n].run(now);
        for (g, turn) in turns.into_iter().enumerate() {
            self.judge(n, g, &Stimulus::Woken, turn);
        }
        self.rest(n);
    }

    /// Tells one group of a router something. What was heard before is looked at before.
    fn tell(&mut self, n: usize, g: usize, stimulus: &Stimulus, input: Input<'_>) {
        let now = self.now();
        let turn = self.nodes[n].tell(now, g, input);
        self.judge(n, g, stimulus, turn);
        self.rest(n);
    }

    fn judge(&mut self, n: usize, g: usize, stimulus: &Stimulus, turn: Turn) {
        let now = self.now();
        let Some(clerk) = &mut self.clerks[n][g] else { return };
        let before = turn.before;
        let verdict = clerk.judge(now, stimulus, &turn);
        if turn.state != before {
            self.laws.role_changed(g, now);
            self.agenda.tell(|| format!("router {n} group {g}: {before:?} -> {:?}", turn.state));
        }
        if let Err(law) = verdict
            && !self.together_only
        {
            self.breaks(format!("router {n} group {g}, {stimulus:?}: {law}"));
        }
        for frame in turn.sent {
            self.send(n, frame);
        }
    }

    /// The process waits for what comes next, or ends.
    fn rest(&mut self, n: usize) {
        let now = self.now();
        let node = &mut self.nodes[n];
        if node.alive && node.stopped() {
            let left = node.datapath.iter().any(|d| *d);
            node.kill();
            self.clerks[n].fill_with(|| None);
            self.disturbed();
            if left {
                self.breaks(format!("router {n} has stopped and forwards still"));
            }
            return;
        }
        let Some(at) = node.deadline() else { return };
        if at <= now {
            return self.breaks(format!("router {n} is to be woken at {at} ns, which is over"));
        }
        let late = self.late();
        self.wake(n, at + late);
    }

    // Frames.

    fn send(&mut self, n: usize, frame: Frame) {
        let cable = self.net.cables[n];
        if cable.dead() || cable.mute {
            return;
        }
        let home = self.net.home(n);
        self.pass(None, frame, |frame| Event::Enter(home, Port::Router(n), frame));
    }

    /// Sends a frame on its way. `order` numbers the cable, if frames keep their order there.
    fn pass(&mut self, order: Option<usize>, frame: Frame, event: impl Fn(Frame) -> Event) {
        let lossy = self.now() < self.lossy;
        if lossy && self.rng.below(5) == 0 {
            return;
        }
        let mut at = self.now() + self.hop();
        if lossy && self.rng.once_in(6) {
            at += self.rng.below(self.plan.unit());
        } else if let Some(order) = order.filter(|_| !lossy) {
            at = at.max(self.last[order] + 1);
            self.last[order] = at;
        }
        if lossy && self.rng.once_in(10) {
            self.agenda.at(at + 1000, event(frame.clone()));
        }
        if lossy && self.rng.once_in(10) {
            let kind = self.rng.number();
            self.agenda.at(at, event(clerk::garbage(&frame, kind)));
        }
        self.agenda.at(at, event(frame));
    }

    fn enter(&mut self, switch: usize, from: Port, frame: &Frame) {
        for port in self.net.pass(switch, from, frame) {
            match port {
                Port::Router(n) => self.pass(Some(n), frame.clone(), |frame| Event::Deliver(n, frame)),
                Port::Trunk if self.net.parted => {}
                Port::Trunk => {
                    let order = self.nodes.len() + switch;
                    self.pass(Some(order), frame.clone(), |f| Event::Enter(1 - switch, Port::Trunk, f));
                }
            }
        }
    }

    fn deliver(&mut self, n: usize, frame: Frame) {
        let cable = self.net.cables[n];
        if cable.dead() || cable.deaf || !self.nodes[n].alive {
            return;
        }
        if n == 0 && self.planted == Some(Planted::DeadPort) {
            return;
        }
        if self.nodes[n].arrives(frame) {
            let at = self.now() + self.late();
            self.wake(n, at);
        } else {
            self.disturbed();
        }
    }
}
