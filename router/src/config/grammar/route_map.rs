//! The `route-map` node but for `set`.

use bgp::attrs::Origin;
use rib::policy::ast::{
    AddressMatch, Match, NextHopMatch, OnMatch, PeerMatch, RouteMapEntry, RpkiState, SourceProtocol,
};

use super::kept::kept;
use super::{Args, Command, Editor, Fail, Node, Outcome, Render, command, value};

/// The entry that the editor is in.
pub fn entry(editor: &mut Editor) -> Result<&mut RouteMapEntry, Fail> {
    let Node::RouteMap(name, sequence) = &editor.node else {
        return Err(Fail::Internal("not in a route-map"));
    };
    let map = editor.config.policies.route_maps.get_mut(name);
    map.and_then(|m| m.get_mut(sequence)).ok_or(Fail::Internal("entry is gone"))
}

/// Before the matches.
pub const HEAD: &[Command] = &[
    command("description ![LINE...]", "What the entry is for", |e, a| {
        entry(e)?.description = if a.no { None } else { a.opt_string("LINE") };
        Ok(())
    })
    .render(Render::Entry(|v, out| {
        if let Some(text) = &v.entry.description {
            out.line(format_args!("description {text}"));
        }
    })),
    command("call ![WORD]", "Another policy that must permit too", |e, a| {
        entry(e)?.call = if a.no { None } else { a.opt_string("WORD") };
        Ok(())
    })
    .render(Render::Entry(|v, out| {
        if let Some(name) = &v.entry.call {
            out.line(format_args!("call {name}"));
        }
    })),
];

/// Behind the matches.
pub const ACTION: &[Command] = &[
    command("on-match next", "Go on with the next entry", |e, a| {
        on_match(e, (!a.no).then_some(OnMatch::Next))
    })
    .render(Render::Entry(|v, out| match v.entry.on_match {
        Some(OnMatch::Next) => out.line(format_args!("on-match next")),
        Some(OnMatch::Goto(n)) => out.line(format_args!("on-match goto {n}")),
        None => {}
    })),
    command("on-match goto ![(1-65535)$n]", "Go on with a later entry", goto),
    command("continue [(1-65535)$n]", "Go on with the next or a later entry", |e, a| {
        match a.opt::<u16>("n")? {
            Some(_) => goto(e, a),
            None => on_match(e, (!a.no).then_some(OnMatch::Next)),
        }
    }),
];

fn goto(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let target = args.opt::<u16>("n")?.filter(|_| !args.no);
    if let (Some(target), Node::RouteMap(_, sequence)) = (target, &editor.node)
        && target <= *sequence
    {
        return Err(Fail::refuse("% Can't jump backwards in a route-map"));
    }
    on_match(editor, target.map(OnMatch::Goto))
}

fn on_match(editor: &mut Editor, to: Option<OnMatch>) -> Outcome {
    entry(editor)?.on_match = to;
    Ok(())
}

/// Where a clause stands among the others; clauses of equal rank replace each other.
fn rank(clause: &Match) -> u8 {
    match clause {
        Match::AsPath(_) => 0,
        Match::AsPathCount(_) => 1,
        Match::Community { .. } => 2,
        Match::CommunityLimit(_) => 3,
        Match::ExtCommunity(_) => 4,
        Match::ExtCommunityLimit(_) => 5,
        Match::Interface(_) => 6,
        Match::Ipv4Address(AddressMatch::AccessList(_)) => 7,
        Match::Ipv4Address(AddressMatch::PrefixLen(_)) => 8,
        Match::Ipv4Address(AddressMatch::PrefixList(_)) => 9,
        Match::Ipv4NextHop(NextHopMatch::AccessList(_)) => 10,
        Match::Ipv4NextHop(NextHopMatch::Address(_)) => 11,
        Match::Ipv4NextHop(NextHopMatch::PrefixLen(_)) => 12,
        Match::Ipv4NextHop(NextHopMatch::PrefixList(_)) => 13,
        Match::Ipv4NextHop(NextHopMatch::Blackhole) => 14,
        Match::RouteSource(_) => 15,
        Match::Ipv6Address(AddressMatch::AccessList(_)) => 16,
        Match::Ipv6Address(AddressMatch::PrefixLen(_)) => 17,
        Match::Ipv6Address(AddressMatch::PrefixList(_)) => 18,
        Match::Ipv6NextHop(NextHopMatch::AccessList(_)) => 19,
        Match::Ipv6NextHop(NextHopMatch::Address(_)) => 20,
        Match::Ipv6NextHop(NextHopMatch::PrefixLen(_)) => 21,
        Match::Ipv6NextHop(NextHopMatch::PrefixList(_)) => 22,
        Match::Ipv6NextHop(NextHopMatch::Blackhole) => 23,
        Match::LargeCommunity { .. } => 24,
        Match::LocalPreference(_) => 25,
        Match::Metric(_) => 26,
        Match::Origin(_) => 27,
        Match::Peer(_) => 28,
        Match::Probability(_) => 29,
        Match::Rpki(_) => 30,
        Match::SourceInstance(_) => 31,
        Match::SourceProtocol(_) => 32,
        Match::SrcPeer(_) => 33,
        Match::Tag(_) => 34,
    }
}

fn add(editor: &mut Editor, clause: Match) -> Outcome {
    let matches = &mut entry(editor)?.matches;
    matches.retain(|m| rank(m) != rank(&clause));
    let at = matches.partition_point(|m| rank(m) < rank(&clause));
    matches.insert(at, clause);
    Ok(())
}

/// A `match` line: its notation, how it is read, and how it is written.
macro_rules! clause {
    ($syntax:literal, $help:literal, |$args:ident| $build:expr, $($pattern:pat => $text:literal),+) => {
        command($syntax, $help, |e, $args| {
            if $args.no {
                entry(e)?.matches.retain(|m| !($(matches!(m, $pattern))||+));
                return Ok(());
            }
            let clause = $build;
            add(e, clause)
        })
        .render(Render::Entry(|v, out| {
            for m in &v.entry.matches {
                match m {
                    $($pattern => out.line(format_args!($text)),)+
                    _ => {}
                }
            }
        }))
    };
}

fn list_mode(exact: &bool, any: &bool) -> &'static str {
    match (exact, any) {
        (true, _) => " exact-match",
        (false, true) => " any",
        (false, false) => "",
    }
}

/// `match`.
pub const MATCH: &[Command] = &[
    kept("match alias ![ALIAS_NAME]", "The name of a community"),
    clause!("match as-path ![AS_PATH_FILTER_NAME$name]", "An AS-path list", |a| Match::AsPath(a.string("name")?),
        Match::AsPath(_name) => "match as-path {_name}"),
    clause!("match as-path-count ![(0-1028)$n]", "The most ASes in the path", |a| Match::AsPathCount(a.parse("n")?),
        Match::AsPathCount(_n) => "match as-path-count {_n}"),
    command(
        "match community ![<(1-99)$name|(100-500)$name|COMMUNITY_LIST_NAME$name> [<exact-match|any>]]",
        "A community list",
        |e, a| community(e, a, false),
    )
    .render(Render::Entry(|v, out| {
        for m in &v.entry.matches {
            if let Match::Community { list, exact, any } = m {
                out.line(format_args!("match community {list}{}", list_mode(exact, any)));
            }
        }
    })),
    clause!("match community-limit ![(0-65535)$n]", "The most communities", |a| Match::CommunityLimit(a.parse("n")?),
        Match::CommunityLimit(_n) => "match community-limit {_n}"),
    clause!("match extcommunity ![<(1-99)$name|(100-500)$name|EXTCOMMUNITY_LIST_NAME$name> [<exact-match|any>]]", "An extended community list",
        |a| Match::ExtCommunity(a.string("name")?), Match::ExtCommunity(_name) => "match extcommunity {_name}"),
    clause!("match extcommunity-limit ![(0-65535)$n]", "The most extended communities",
        |a| Match::ExtCommunityLimit(a.parse("n")?),
        Match::ExtCommunityLimit(_n) => "match extcommunity-limit {_n}"),
    clause!("match interface ![IFNAME]", "The interface of the next hop", |a| Match::Interface(a.string("IFNAME")?),
        Match::Interface(_name) => "match interface {_name}"),
    clause!("match ip address ![ACCESSLIST4_NAME$name]", "An access list over the prefix",
        |a| Match::Ipv4Address(AddressMatch::AccessList(a.string("name")?)),
        Match::Ipv4Address(AddressMatch::AccessList(_name)) => "match ip address {_name}"),
    clause!("match ip address prefix-len ![(0-32)$n]", "The length of the prefix",
        |a| Match::Ipv4Address(AddressMatch::PrefixLen(a.parse("n")?)),
        Match::Ipv4Address(AddressMatch::PrefixLen(_n)) => "match ip address prefix-len {_n}"),
    clause!("match ip address prefix-list ![PREFIXLIST4_NAME$name]", "A prefix list",
        |a| Match::Ipv4Address(AddressMatch::PrefixList(a.string("name")?)),
        Match::Ipv4Address(AddressMatch::PrefixList(_name)) => "match ip address prefix-list {_name}"),
    clause!("match ip next-hop ![ACCESSLIST4_NAME$name]", "An access list over the next hop",
        |a| Match::Ipv4NextHop(NextHopMatch::AccessList(a.string("name")?)),
        Match::Ipv4NextHop(NextHopMatch::AccessList(_name)) => "match ip next-hop {_name}"),
    clause!("match ip next-hop address ![A.B.C.D]", "The next hop",
        |a| Match::Ipv4NextHop(NextHopMatch::Address(a.ip("A.B.C.D")?)),
        Match::Ipv4NextHop(NextHopMatch::Address(_a)) => "match ip next-hop address {_a}"),
    clause!("match ip next-hop prefix-len ![(0-32)$n]", "The length of the next hop's prefix",
        |a| Match::Ipv4NextHop(NextHopMatch::PrefixLen(a.parse("n")?)),
        Match::Ipv4NextHop(NextHopMatch::PrefixLen(_n)) => "match ip next-hop prefix-len {_n}"),
    clause!("match ip next-hop prefix-list ![PREFIXLIST4_NAME$name]", "A prefix list over the next hop",
        |a| Match::Ipv4NextHop(NextHopMatch::PrefixList(a.string("name")?)),
        Match::Ipv4NextHop(NextHopMatch::PrefixList(_name)) => "match ip next-hop prefix-list {_name}"),
    clause!("match ip next-hop type ![blackhole]", "No next hop", |_a| Match::Ipv4NextHop(NextHopMatch::Blackhole),
        Match::Ipv4NextHop(NextHopMatch::Blackhole) => "match ip next-hop type blackhole"),
    clause!("match ip route-source ![ACCESSLIST4_NAME$name]", "An access list over the neighbor's address",
        |a| Match::RouteSource(AddressMatch::AccessList(a.string("name")?)),
        Match::RouteSource(AddressMatch::AccessList(_name)) => "match ip route-source {_name}"),
    clause!("match ip route-source prefix-list ![PREFIXLIST_NAME$name]", "A prefix list over the neighbor's address",
        |a| Match::RouteSource(AddressMatch::PrefixList(a.string("name")?)),
        Match::RouteSource(AddressMatch::PrefixList(_name)) => "match ip route-source prefix-list {_name}"),
    clause!("match ipv6 address ![ACCESSLIST6_NAME$name]", "An access list over the prefix",
        |a| Match::Ipv6Address(AddressMatch::AccessList(a.string("name")?)),
        Match::Ipv6Address(AddressMatch::AccessList(_name)) => "match ipv6 address {_name}"),
    clause!("match ipv6 address prefix-len ![(0-128)$n]", "The length of the prefix",
        |a| Match::Ipv6Address(AddressMatch::PrefixLen(a.parse("n")?)),
        Match::Ipv6Address(AddressMatch::PrefixLen(_n)) => "match ipv6 address prefix-len {_n}"),
    clause!("match ipv6 address prefix-list ![PREFIXLIST6_NAME$name]", "A prefix list",
        |a| Match::Ipv6Address(AddressMatch::PrefixList(a.string("name")?)),
        Match::Ipv6Address(AddressMatch::PrefixList(_name)) => "match ipv6 address prefix-list {_name}"),
    clause!("match ipv6 next-hop ![ACCESSLIST6_NAME$name]", "An access list over the next hop",
        |a| Match::Ipv6NextHop(NextHopMatch::AccessList(a.string("name")?)),
        Match::Ipv6NextHop(NextHopMatch::AccessList(_name)) => "match ipv6 next-hop {_name}"),
    clause!("match ipv6 next-hop address ![X:X::X:X]", "The next hop",
        |a| Match::Ipv6NextHop(NextHopMatch::Address(a.ip("X:X::X:X")?)),
        Match::Ipv6NextHop(NextHopMatch::Address(_a)) => "match ipv6 next-hop address {_a}"),
    clause!("match ipv6 next-hop prefix-list ![PREFIXLIST_NAME$name]", "A prefix list over the next hop",
        |a| Match::Ipv6NextHop(NextHopMatch::PrefixList(a.string("name")?)),
        Match::Ipv6NextHop(NextHopMatch::PrefixList(_name)) => "match ipv6 next-hop prefix-list {_name}"),
    clause!("match ipv6 next-hop type ![blackhole]", "No next hop", |_a| Match::Ipv6NextHop(NextHopMatch::Blackhole),
        Match::Ipv6NextHop(NextHopMatch::Blackhole) => "match ipv6 next-hop type blackhole"),
    command(
        "match large-community ![<(1-99)$name|(100-500)$name|LCOMMUNITY_LIST_NAME$name> [<exact-match|any>]]",
        "A large community list",
        |e, a| community(e, a, true),
    )
    .render(Render::Entry(|v, out| {
        for m in &v.entry.matches {
            if let Match::LargeCommunity { list, exact, any } = m {
                out.line(format_args!("match large-community {list}{}", list_mode(exact, any)));
            }
        }
    })),
    clause!("match local-preference ![(0-4294967295)$n]", "LOCAL_PREF", |a| Match::LocalPreference(a.parse("n")?),
        Match::LocalPreference(_n) => "match local-preference {_n}"),
    kept("match mac address ![ACCESSLIST_MAC_NAME]", "A MAC address"),
    clause!("match metric ![(0-4294967295)$n]", "MED", |a| Match::Metric(a.parse("n")?),
        Match::Metric(_n) => "match metric {_n}"),
    clause!("match origin ![<egp|igp|incomplete>$origin]", "ORIGIN", |a| Match::Origin(value::origin(a.word("origin")?)),
        Match::Origin(Origin::Igp) => "match origin igp",
        Match::Origin(Origin::Egp) => "match origin egp",
        Match::Origin(Origin::Incomplete) => "match origin incomplete"),
    clause!("match peer ![<local|A.B.C.D$peer|X:X::X:X$peer|WORD$peer>]", "The neighbor", |a| Match::Peer(peer(a)?),
        Match::Peer(PeerMatch::Local) => "match peer local",
        Match::Peer(PeerMatch::Address(_address)) => "match peer {_address}",
        Match::Peer(PeerMatch::Interface(_name)) => "match peer {_name}"),
    clause!("match probability ![(0-100)$n]", "By chance, percent", |a| Match::Probability(a.parse("n")?),
        Match::Probability(_n) => "match probability {_n}"),
    clause!("match rpki ![<valid|invalid|notfound>$state]", "The validation state", |a| Match::Rpki(rpki(a)?),
        Match::Rpki(RpkiState::Valid) => "match rpki valid",
        Match::Rpki(RpkiState::Invalid) => "match rpki invalid",
        Match::Rpki(RpkiState::NotFound) => "match rpki notfound"),
    kept("match rpki-extcommunity ![<valid|invalid|notfound>]", "The validation state as received"),
    clause!("match source-instance ![(0-255)$n]", "The instance of the protocol", |a| Match::SourceInstance(a.parse("n")?),
        Match::SourceInstance(_n) => "match source-instance {_n}"),
    clause!("match source-protocol ![<bgp|connected|static|kernel>$protocol]", "The protocol", |a| Match::SourceProtocol(protocol(a)?),
        Match::SourceProtocol(SourceProtocol::Bgp) => "match source-protocol bgp",
        Match::SourceProtocol(SourceProtocol::Connected) => "match source-protocol connected",
        Match::SourceProtocol(SourceProtocol::Static) => "match source-protocol static",
        Match::SourceProtocol(SourceProtocol::Kernel) => "match source-protocol kernel"),
    kept("match source-vrf ![NAME]", "The VRF"),
    clause!("match src-peer ![<A.B.C.D$peer|X:X::X:X$peer|WORD$peer>]", "The neighbor that a route came from", |a| Match::SrcPeer(peer(a)?),
        Match::SrcPeer(PeerMatch::Local) => "match src-peer local",
        Match::SrcPeer(PeerMatch::Address(_address)) => "match src-peer {_address}",
        Match::SrcPeer(PeerMatch::Interface(_name)) => "match src-peer {_name}"),
    clause!("match tag ![<untagged|(1-4294967295)$n>]", "The tag", |a| Match::Tag(a.opt("n")?.unwrap_or(0)),
        Match::Tag(0) => "match tag untagged",
        Match::Tag(_n) => "match tag {_n}"),
    kept("match <evpn|mac|command|vpn>$family LINE...", "A family that is not here"),
];

fn community(editor: &mut Editor, args: &Args<'_>, large: bool) -> Outcome {
    if args.no {
        entry(editor)?.matches.retain(|m| match m {
            Match::Community { .. } => large,
            Match::LargeCommunity { .. } => !large,
            _ => true,
        });
        return Ok(());
    }
    let (list, exact, any) = (args.string("name")?, args.has("exact-match"), args.has("any"));
    let clause = match large {
        false => Match::Community { list, exact, any },
        true => Match::LargeCommunity { list, exact, any },
    };
    add(editor, clause)
}

fn peer(args: &Args<'_>) -> Result<PeerMatch, Fail> {
    if args.has("local") {
        return Ok(PeerMatch::Local);
    }
    let word = args.word("peer")?;
    Ok(word.parse().map_or_else(|_| PeerMatch::Interface(word.to_owned()), PeerMatch::Address))
}

fn rpki(args: &Args<'_>) -> Result<RpkiState, Fail> {
    Ok(match args.word("state")? {
        "valid" => RpkiState::Valid,
        "invalid" => RpkiState::Invalid,
        _ => RpkiState::NotFound,
    })
}

fn protocol(args: &Args<'_>) -> Result<SourceProtocol, Fail> {
    Ok(match args.word("protocol")? {
        "bgp" => SourceProtocol::Bgp,
        "connected" => SourceProtocol::Connected,
        "static" => SourceProtocol::Static,
        _ => SourceProtocol::Kernel,
    })
}
