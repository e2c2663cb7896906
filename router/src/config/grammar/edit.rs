//! Changing a configuration line by line.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use bgp::types::Family;

use super::matcher::{self, Lookup, Word};
use super::{Args, BlockKind, Command, Fail, Instance, Node, Outcome, Status, kept, table};
use crate::config::model::{
    Bgp, BgpFamily, Block, Config, Interface, Kept, PeerFamily, PeerGroup, PeerId, PeerOptions, Vrf,
};

/// Why a line was not understood, or what came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Carried out.
    Done,
    /// No such command in the node or around it.
    Unknown,
    /// Several commands begin like this.
    Ambiguous,
    /// Words are missing.
    Incomplete,
    /// Understood, and refused.
    Failed(Fail),
}

/// A candidate configuration with the place where the next line is read.
#[derive(Clone, Debug, Default)]
pub struct Editor {
    /// The candidate.
    pub config: Config,
    /// Where the next line is read.
    pub node: Node,
    /// What there is to tell about lines that were carried out; the caller takes them away.
    pub notices: Vec<String>,
    /// A line asked for everything that RPKI caches have again; the caller does it.
    pub rpki_reset: bool,
    /// Entries of prefix-lists that grow by lines without numbers: generated lists have very many of them.
    pub(super) seen: HashMap<(bool, String), HashSet<String>>,
}

impl Editor {
    /// Starts at the top of a configuration.
    pub fn new(config: Config) -> Editor {
        Editor { config, ..Editor::default() }
    }

    /// Goes on with another configuration in the same place.
    pub fn replace(&mut self, config: Config) {
        self.config = config;
        self.seen.clear();
    }

    /// Reads one line. A line that the node does not know is tried in the nodes around it.
    pub fn line(&mut self, line: &str) -> Verdict {
        let words = matcher::split(line);
        match words.first() {
            None => return Verdict::Done,
            Some(first) if first.text.starts_with(['!', '#']) => return Verdict::Done,
            Some(_) => {}
        }
        let mut first_verdict = None;
        let mut node = Some(self.node.clone());
        while let Some(here) = node {
            match self.line_in(&here, line, &words) {
                Verdict::Unknown => first_verdict.get_or_insert(Verdict::Unknown),
                verdict @ (Verdict::Ambiguous | Verdict::Incomplete) => {
                    if first_verdict.as_ref().is_none_or(|v| *v == Verdict::Unknown) {
                        first_verdict = Some(verdict);
                    }
                    first_verdict.get_or_insert(Verdict::Unknown)
                }
                verdict => return verdict,
            };
            node = here.parent();
        }
        first_verdict.unwrap_or(Verdict::Unknown)
    }

    fn line_in(&mut self, here: &Node, line: &str, words: &[Word<'_>]) -> Verdict {
        if let Some(node) = self.leaving(here, words) {
            self.node = node;
            return Verdict::Done;
        }
        match matcher::lookup(table(here.kind()), line, words) {
            Lookup::Found(pattern, args) => {
                let before = std::mem::replace(&mut self.node, here.clone());
                match self.carry_out(pattern.command, &args) {
                    Ok(()) => Verdict::Done,
                    Err(Fail::Note(text)) => {
                        self.notices.push(text);
                        Verdict::Done
                    }
                    Err(fail) => {
                        self.node = before;
                        Verdict::Failed(fail)
                    }
                }
            }
            Lookup::Incomplete => Verdict::Incomplete,
            Lookup::Ambiguous => Verdict::Ambiguous,
            Lookup::Unknown => Verdict::Unknown,
        }
    }

    fn carry_out(&mut self, command: &'static Command, args: &Args<'_>) -> Outcome {
        if matches!(
            command.render,
            super::Render::Kept | super::Render::KeptPeer | super::Render::KeptPeerFamily
        ) {
            kept::keep(self, command, args)?;
        } else {
            (command.apply)(self, args)?;
        }
        if command.status == Status::Later && !args.no && command.default != Some(args.canonical(0).as_str())
        {
            self.notices.push(format!("kept, but not in effect yet: {}", args.canonical(0)));
        }
        Ok(())
    }

    /// Where `exit` and the like lead from a node.
    fn leaving(&self, here: &Node, words: &[Word<'_>]) -> Option<Node> {
        let [word] = words else { return None };
        let family = matches!(here, Node::BgpFamily(..) | Node::BgpBlock(_, BlockKind::OtherFamily, _));
        match word.text {
            "exit" | "quit" => here.parent().or(Some(Node::Top)),
            "end" => Some(Node::Top),
            "exit-address-family" if family => here.parent(),
            "exit-vrf" if matches!(here, Node::Vrf(_)) => here.parent(),
            _ => None,
        }
    }

    /// The interface of the node.
    pub fn interface(&mut self) -> Result<&mut Interface, Fail> {
        match &self.node {
            Node::Interface(name) => Ok(self.config.interfaces.entry(name.clone()).or_default()),
            _ => Err(Fail::Internal("not in an interface")),
        }
    }

    /// The VRF that a route belongs to: named in the line, or that of the node.
    pub fn vrf(&mut self, args: &Args<'_>) -> &mut Vrf {
        let name = match (&self.node, args.get("vrf")) {
            (_, Some(name)) => Some(name.to_owned()),
            (Node::Vrf(name), None) => Some(name.clone()),
            _ => None,
        };
        match name.filter(|n| n != "default") {
            Some(name) => self.config.vrfs.entry(name).or_default(),
            None => &mut self.config.default_vrf,
        }
    }

    fn instance(&self) -> Option<&Instance> {
        match &self.node {
            Node::Bgp(instance) | Node::BgpFamily(instance, _) | Node::BgpBlock(instance, ..) => {
                Some(instance)
            }
            _ => None,
        }
    }

    /// The BGP instance of the node.
    pub fn bgp(&mut self) -> Result<&mut Bgp, Fail> {
        let bgp = match self.instance().cloned() {
            Some(Some(name)) => self.config.other_bgp.get_mut(&name),
            Some(None) => self.config.bgp.as_mut(),
            None => None,
        };
        bgp.ok_or(Fail::Internal("not in a BGP instance"))
    }

    /// The family that a line in the node is about; directly in `router bgp` that is IPv4.
    pub fn family(&self) -> Family {
        match &self.node {
            Node::BgpFamily(_, family) => *family,
            _ => Family::Ipv4Unicast,
        }
    }

    /// The family part of the instance.
    pub fn bgp_family(&mut self) -> Result<&mut BgpFamily, Fail> {
        let family = self.family();
        Ok(self.bgp()?.family_mut(family))
    }

    /// The neighbour or peer-group that the line names, which must exist.
    pub fn peer(&mut self, args: &Args<'_>) -> Result<PeerMut<'_>, Fail> {
        let name = args.word("peer")?;
        let family = self.family();
        let bgp = self.bgp()?;
        let id = PeerId::from_word(name);
        if let Some(neighbor) = bgp.neighbors.get_mut(&id) {
            let group = neighbor.peer_group.as_ref().and_then(|g| bgp.peer_groups.get(g));
            return Ok(PeerMut {
                options: &mut neighbor.options,
                family: &mut neighbor.families[family.index()],
                kept: &mut neighbor.kept,
                group,
                knobs: &bgp.knobs,
            });
        }
        match bgp.peer_groups.get_mut(name) {
            Some(group) => Ok(PeerMut {
                options: &mut group.options,
                family: &mut group.families[family.index()],
                kept: &mut group.kept,
                group: None,
                knobs: &bgp.knobs,
            }),
            None if name.parse::<IpAddr>().is_ok() => {
                Err(Fail::refuse("% Specify remote-as or peer-group commands first"))
            }
            None => Err(Fail::refuse("% Create the peer-group or interface first")),
        }
    }

    /// The block of the node, made if it does not exist.
    pub fn block(&mut self) -> Result<&mut Block, Fail> {
        match self.node.clone() {
            Node::Block(_, path) => {
                let mut names = path.into_iter();
                let first = names.next().ok_or(Fail::Internal("block without a name"))?;
                let outermost = self.config.blocks.entry(first).or_default();
                Ok(names.fold(outermost, |block, name| block.blocks.entry(name).or_default()))
            }
            Node::BgpBlock(_, _, name) => Ok(self.bgp()?.blocks.entry(name).or_default()),
            _ => Err(Fail::Internal("not in a block")),
        }
    }

    /// The kept lines of the node.
    pub fn kept(&mut self) -> Result<&mut Kept, Fail> {
        match self.node.clone() {
            Node::Top => Ok(&mut self.config.kept),
            Node::Interface(_) => Ok(&mut self.interface()?.kept),
            Node::Vrf(name) => Ok(&mut self.config.vrfs.entry(name).or_default().kept),
            Node::Bgp(_) => Ok(&mut self.bgp()?.kept),
            Node::BgpFamily(..) => Ok(&mut self.bgp_family()?.kept),
            Node::RouteMap(name, sequence) => {
                Ok(self.config.route_map_kept.entry((name, sequence)).or_default())
            }
            Node::LineVty => Ok(&mut self.config.line_vty.get_or_insert_default().kept),
            Node::Rpki => Err(Fail::Internal("nothing is kept in this node")),
            Node::Block(..) | Node::BgpBlock(..) => Ok(&mut self.block()?.kept),
        }
    }

    /// Tells the operator that a list is named which does not exist (yet).
    pub fn note_route_map(&mut self, name: &str) {
        if !self.config.policies.route_maps.contains_key(name) {
            self.notices.push(format!("The route-map '{name}' does not exist."));
        }
    }
}

/// A neighbour or peer-group to change.
pub struct PeerMut<'a> {
    /// Its options.
    pub options: &'a mut PeerOptions,
    /// Its options in the family of the node.
    pub family: &'a mut PeerFamily,
    /// Its kept lines.
    pub kept: &'a mut Kept,
    /// Its peer-group.
    pub group: Option<&'a PeerGroup>,
    /// The instance's switches.
    pub knobs: &'a crate::config::model::Knobs,
}

/// The value of a switch after `[no] neighbor X OPTION`: `no` is remembered only where something else says
/// yes.
pub fn switch(no: bool, inherited: Option<bool>, default: bool) -> Option<bool> {
    match no {
        false => Some(true),
        true if inherited.unwrap_or(default) => Some(false),
        true => None,
    }
}
