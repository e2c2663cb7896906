//! One or two switches in a row that learn addresses, and the cables, which can be cut.

use std::collections::BTreeMap;

/// A hardware address.
pub type Mac = [u8; 6];

/// Where a frame comes from or goes to, as seen by a switch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Port {
    /// A router.
    Router(usize),
    /// The other switch.
    Trunk,
}

/// What of a router's cable works.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cable {
    /// Nothing passes, and nobody sees it.
    pub cut: bool,
    /// Nothing passes, and both ends see it.
    pub unplugged: bool,
    /// What the router sends is lost.
    pub mute: bool,
    /// What the router should hear is lost.
    pub deaf: bool,
}

impl Cable {
    /// Both ways are cut.
    pub fn dead(self) -> bool {
        self.cut || self.unplugged
    }

    /// One way only.
    pub fn one_way(self) -> bool {
        !self.dead() && (self.mute || self.deaf)
    }
}

/// Switches and cables.
#[derive(Clone, Debug)]
pub struct Network {
    homes: Vec<usize>,
    tables: Vec<BTreeMap<Mac, Port>>,
    /// Cables by router.
    pub cables: Vec<Cable>,
    /// The trunk between the switches is cut.
    pub parted: bool,
    /// What was learned stays: a planted fault.
    pub stubborn: bool,
}

impl Network {
    /// Everything plugged in, nothing learned.
    pub fn new(homes: Vec<usize>, switches: usize) -> Network {
        let cables = vec![Cable::default(); homes.len()];
        Network { homes, tables: vec![BTreeMap::new(); switches], cables, parted: false, stubborn: false }
    }

    /// The switch of a router.
    pub fn home(&self, router: usize) -> usize {
        self.homes[router]
    }

    /// A frame has come in: the switch learns, and says where it goes.
    pub fn pass(&mut self, switch: usize, from: Port, frame: &[u8]) -> Vec<Port> {
        let (destination, source) = (mac(frame, 0), mac(frame, 6));
        let known = self.tables[switch].entry(source).or_insert(from);
        if !self.stubborn {
            *known = from;
        }
        self.ways(switch, destination).into_iter().filter(|port| *port != from).collect()
    }

    fn ways(&self, switch: usize, destination: Mac) -> Vec<Port> {
        let group = destination[0] & 1 != 0;
        match self.tables[switch].get(&destination) {
            Some(port) if !group => vec![*port],
            _ => {
                let routers = (0..self.homes.len()).filter(|n| self.homes[*n] == switch).map(Port::Router);
                routers.chain((self.tables.len() > 1).then_some(Port::Trunk)).collect()
            }
        }
    }

    /// A port went down and the switches saw it: what was learned there is forgotten.
    pub fn port_down(&mut self, port: Port) {
        self.tables.iter_mut().for_each(|table| table.retain(|_, known| *known != port));
    }

    /// Routers that a frame to an address reaches now, sent by a host on a switch.
    pub fn reached(&self, switch: usize, destination: Mac) -> Vec<usize> {
        let mut found = Vec::new();
        let mut todo = vec![(switch, None)];
        while let Some((at, from)) = todo.pop() {
            for port in self.ways(at, destination) {
                match port {
                    Port::Router(n) if !self.cables[n].dead() => found.push(n),
                    Port::Trunk if !self.parted && from != Some(Port::Trunk) => {
                        todo.push((1 - at, Some(Port::Trunk)));
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// A number for each router that is equal for those that hear each other; `None` while some cable works one way
    /// only, for then it is not clear who is with whom.
    pub fn parts(&self) -> Option<Vec<usize>> {
        if self.cables.iter().any(|c| c.one_way()) {
            return None;
        }
        let part = |n: usize| match (self.cables[n].dead(), self.parted) {
            (true, _) => 2 + n,
            (false, true) => self.homes[n],
            (false, false) => 0,
        };
        Some((0..self.homes.len()).map(part).collect())
    }

    /// The switch that a part's hosts are on; routers that are cut off have none.
    pub fn switches_of(&self, part: usize) -> Vec<usize> {
        (0..self.tables.len()).filter(|s| if self.parted { *s == part } else { part == 0 }).collect()
    }
}

fn mac(frame: &[u8], at: usize) -> Mac {
    frame[at..at + 6].try_into().expect("a frame begins with two addresses")
}
