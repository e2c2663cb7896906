//! The nodes of the configuration language.

use bgp::types::Family;

/// Which BGP instance: `None` is the default VRF's, else `vrf NAME` or `view NAME`.
pub type Instance = Option<String>;

/// Nodes whose lines are only kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum BlockKind {
    /// `bfd`
    Bfd,
    /// `profile P` in `bfd`
    BfdProfile,
    /// `peer A` in `bfd`
    BfdPeer,
    /// `nexthop-group N`
    NexthopGroup,
    /// `key chain N`
    KeyChain,
    /// `key N` in `key chain`
    Key,
    /// `bmp targets T` in `router bgp`
    BmpTargets,
    /// `address-family` of a family that we do not carry
    OtherFamily,
}

/// Where in the configuration a line is read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Node {
    /// `configure terminal`
    #[default]
    Top,
    /// `interface NAME`
    Interface(String),
    /// `vrf NAME`
    Vrf(String),
    /// `router bgp`
    Bgp(Instance),
    /// `address-family ipv4|ipv6 unicast`
    BgpFamily(Instance, Family),
    /// `bmp targets` and the like, by the line that opens it
    BgpBlock(Instance, BlockKind, String),
    /// `route-map NAME permit|deny SEQ`
    RouteMap(String, u16),
    /// `line vty`
    LineVty,
    /// `rpki`
    Rpki,
    /// Any other node, by the lines that lead to it
    Block(BlockKind, Vec<String>),
}

/// A node without its names: what the table of commands is sorted by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[expect(missing_docs, reason = "as in Node")]
pub enum NodeKind {
    Top,
    Interface,
    Vrf,
    Bgp,
    BgpFamily,
    RouteMap,
    LineVty,
    Rpki,
    Block(BlockKind),
}

impl Node {
    /// The node without its names.
    pub fn kind(&self) -> NodeKind {
        match self {
            Node::Top => NodeKind::Top,
            Node::Interface(_) => NodeKind::Interface,
            Node::Vrf(_) => NodeKind::Vrf,
            Node::Bgp(_) => NodeKind::Bgp,
            Node::BgpFamily(..) => NodeKind::BgpFamily,
            Node::BgpBlock(_, kind, _) | Node::Block(kind, _) => NodeKind::Block(*kind),
            Node::RouteMap(..) => NodeKind::RouteMap,
            Node::LineVty => NodeKind::LineVty,
            Node::Rpki => NodeKind::Rpki,
        }
    }

    /// The node around this one; `None` for the outermost.
    pub fn parent(&self) -> Option<Node> {
        match self {
            Node::Top => None,
            Node::BgpFamily(instance, _) | Node::BgpBlock(instance, ..) => Some(Node::Bgp(instance.clone())),
            Node::Block(BlockKind::BfdProfile | BlockKind::BfdPeer, path) => {
                Some(Node::Block(BlockKind::Bfd, outer(path)))
            }
            Node::Block(BlockKind::Key, path) => Some(Node::Block(BlockKind::KeyChain, outer(path))),
            _ => Some(Node::Top),
        }
    }

    /// What the prompt shows in brackets behind the host's name.
    pub fn prompt(&self) -> &'static str {
        match self.kind() {
            NodeKind::Top => "config",
            NodeKind::Interface => "config-if",
            NodeKind::Vrf => "config-vrf",
            NodeKind::Bgp => "config-router",
            NodeKind::BgpFamily | NodeKind::Block(BlockKind::OtherFamily) => "config-router-af",
            NodeKind::RouteMap => "config-route-map",
            NodeKind::LineVty => "config-line",
            NodeKind::Block(BlockKind::Bfd) => "config-bfd",
            NodeKind::Block(BlockKind::BfdProfile) => "config-bfd-profile",
            NodeKind::Block(BlockKind::BfdPeer) => "config-bfd-peer",
            NodeKind::Rpki => "config-rpki",
            NodeKind::Block(BlockKind::NexthopGroup) => "config-nh-group",
            NodeKind::Block(BlockKind::KeyChain) => "config-keychain",
            NodeKind::Block(BlockKind::Key) => "config-keychain-key",
            NodeKind::Block(BlockKind::BmpTargets) => "config-bgp-bmp",
        }
    }
}

fn outer(path: &[String]) -> Vec<String> {
    path.split_last().map(|(_, outer)| outer.to_vec()).unwrap_or_default()
}
