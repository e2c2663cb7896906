//! `set` in the `route-map` node.

use bgp::attrs::Origin;
use bgp::attrs::text::ExtKind;
use rib::policy::ast::{
    AigpSet, Arith, BandwidthSet, Exclude, ExtCommunity, Measured, MetricSet, NextHopSet, Prepend, Replace,
    RouteMapEntry, Set,
};

use super::kept::kept;
use super::matcher::parse_asn;
use super::route_map::entry;
use super::{Args, Command, Editor, Fail, Lines, Outcome, Render, command, value};

/// Where a clause stands among the others; clauses of equal rank replace each other.
fn rank(clause: &Set) -> u8 {
    match clause {
        Set::Aggregator(..) => 0,
        Set::Aigp(_) => 1,
        Set::Exclude(_) => 2,
        Set::Prepend(_) => 3,
        Set::Replace(_) => 4,
        Set::AtomicAggregate => 5,
        Set::CommunityDelete(_) => 6,
        Set::Community { .. } => 7,
        Set::Distance(_) => 8,
        Set::ExtCommunity(_) => 9,
        Set::Bandwidth { .. } => 10,
        Set::NextHop(NextHopSet::Ipv4(_) | NextHopSet::Ipv4PeerAddress | NextHopSet::Unchanged) => 11,
        Set::NextHop(NextHopSet::Ipv6Global(_)) => 12,
        Set::NextHop(NextHopSet::Ipv6Local(_)) => 13,
        Set::NextHop(NextHopSet::Ipv6PeerAddress) => 14,
        Set::NextHop(NextHopSet::PreferGlobal) => 15,
        Set::LargeCommunityDelete(_) => 16,
        Set::LargeCommunity { .. } => 17,
        Set::LocalPreference(_) => 18,
        Set::Metric(_) => 19,
        Set::Origin(_) => 20,
        Set::OriginatorId(_) => 21,
        Set::Source(_) => 22,
        Set::Tag(_) => 23,
        Set::Weight(_) => 24,
    }
}

fn add(entry: &mut RouteMapEntry, clause: Set) {
    entry.sets.retain(|s| rank(s) != rank(&clause));
    let at = entry.sets.partition_point(|s| rank(s) < rank(&clause));
    entry.sets.insert(at, clause);
}

/// A `set` line: its notation, how it is read, and how it is written.
macro_rules! clause {
    ($syntax:literal, $help:literal, |$args:ident| $build:expr, $($pattern:pat => $text:literal),+) => {
        command($syntax, $help, |e, $args| {
            if $args.no {
                entry(e)?.sets.retain(|s| !($(matches!(s, $pattern))||+));
                return Ok(());
            }
            let clause = $build;
            add(entry(e)?, clause);
            Ok(())
        })
        .render(Render::Entry(|v, out| {
            for s in &v.entry.sets {
                match s {
                    $($pattern => out.line(format_args!($text)),)+
                    _ => {}
                }
            }
        }))
    };
}

/// `set`.
pub const SET: &[Command] = &[
    clause!("set aggregator as ![ASNUM A.B.C.D]", "AGGREGATOR", |a| Set::Aggregator(a.asn("ASNUM")?, a.ipv4("A.B.C.D")?),
        Set::Aggregator(_asn, _id) => "set aggregator as {_asn} {_id}"),
    clause!("set aigp-metric ![<igp-metric|(0-4294967295)$n>]", "The accumulated metric",
        |a| Set::Aigp(a.opt("n")?.map_or(AigpSet::Igp, AigpSet::Value)),
        Set::Aigp(AigpSet::Igp) => "set aigp-metric igp-metric",
        Set::Aigp(AigpSet::Value(_n)) => "set aigp-metric {_n}"),
    clause!("set as-path exclude as-path-access-list ![AS_PATH_FILTER_NAME$name]", "Take ASes of a list out of the path",
        |a| Set::Exclude(Exclude::List(a.string("name")?)),
        Set::Exclude(Exclude::List(_name)) => "set as-path exclude as-path-access-list {_name}"),
    clause!("set as-path exclude all", "Empty the path", |_a| Set::Exclude(Exclude::All),
        Set::Exclude(Exclude::All) => "set as-path exclude all"),
    command("set as-path exclude ![ASNUM...]", "Take ASes out of the path", |e, a| {
        edit(e, a, |s| matches!(s, Set::Exclude(_)), || Ok(Set::Exclude(Exclude::Asns(asns(a)?))))
    })
    .render(Render::Entry(|v, out| {
        for s in &v.entry.sets {
            if let Set::Exclude(Exclude::Asns(asns)) = s {
                out.line(format_args!("set as-path exclude {}", value::join(asns.iter())));
            }
        }
    })),
    clause!("set as-path prepend last-as ![(1-10)$n]", "Repeat the neighbor's AS", |a| Set::Prepend(Prepend::LastAs(a.parse("n")?)),
        Set::Prepend(Prepend::LastAs(_n)) => "set as-path prepend last-as {_n}"),
    command("set as-path prepend ![ASNUM...]", "Put ASes before the path", |e, a| {
        edit(e, a, |s| matches!(s, Set::Prepend(_)), || Ok(Set::Prepend(Prepend::Asns(asns(a)?))))
    })
    .render(Render::Entry(|v, out| {
        for s in &v.entry.sets {
            if let Set::Prepend(Prepend::Asns(asns)) = s {
                out.line(format_args!("set as-path prepend {}", value::join(asns.iter())));
            }
        }
    })),
    command("set as-path replace ![<any|ASNUM$old> [ASNUM$new]]", "Replace ASes in the path", |e, a| {
        let new = a.opt_asn("new")?;
        let build = || match a.opt_asn("old")? {
            Some(old) => Ok(Set::Replace(Replace::Asn(old, new))),
            None => Ok(Set::Replace(Replace::Any(new))),
        };
        edit(e, a, |s| matches!(s, Set::Replace(_)), build)
    })
    .render(Render::Entry(|v, out| {
        for s in &v.entry.sets {
            let (old, new) = match s {
                Set::Replace(Replace::Any(new)) => ("any".to_owned(), new),
                Set::Replace(Replace::Asn(old, new)) => (old.to_string(), new),
                Set::Replace(Replace::List(name, new)) => (format!("as-path-access-list {name}"), new),
                _ => continue,
            };
            match new {
                Some(new) => out.line(format_args!("set as-path replace {old} {new}")),
                None => out.line(format_args!("set as-path replace {old}")),
            }
        }
    })),
    command(
        "set as-path replace as-path-access-list ![AS_PATH_FILTER_NAME$name] [ASNUM$new]",
        "Replace ASes of a list",
        |e, a| {
            let build = || Ok(Set::Replace(Replace::List(a.string("name")?, a.opt_asn("new")?)));
            edit(e, a, |s| matches!(s, Set::Replace(_)), build)
        },
    ),
    clause!("set atomic-aggregate", "ATOMIC_AGGREGATE", |_a| Set::AtomicAggregate,
        Set::AtomicAggregate => "set atomic-aggregate"),
    clause!("set comm-list ![<(1-99)$name|(100-500)$name|COMMUNITY_LIST_NAME$name>] delete", "Delete communities of a list",
        |a| Set::CommunityDelete(a.string("name")?),
        Set::CommunityDelete(_name) => "set comm-list {_name} delete"),
    command(
        "set comm-list delete ![<(1-99)$name|(100-500)$name|COMMUNITY_LIST_NAME$name>]",
        "Delete communities of a list",
        |e, a| {
            edit(
                e,
                a,
                |s| matches!(s, Set::CommunityDelete(_)),
                || Ok(Set::CommunityDelete(a.string("name")?)),
            )
        },
    ),
    command("no set comm-list", "Leave communities alone", |e, _| {
        entry(e)?.sets.retain(|s| !matches!(s, Set::CommunityDelete(_)));
        Ok(())
    })
    .without_no(),
    command("set community ![AA:NN...$line]", "Communities", |e, a| {
        edit(
            e,
            a,
            |s| matches!(s, Set::Community { .. }),
            || {
                let (values, additive) = value::parse_communities(a.word("line")?)?;
                Ok(Set::Community { values, additive })
            },
        )
    })
    .render(Render::Entry(|v, out| {
        for s in &v.entry.sets {
            if let Set::Community { values, additive } = s {
                out.line(format_args!("set community {}", list(value::communities_text(values), *additive)));
            }
        }
    })),
    command("set community none", "No communities", |e, a| {
        let none = || Ok(Set::Community { values: Vec::new(), additive: false });
        edit(e, a, |s| matches!(s, Set::Community { .. }), none)
    }),
    clause!("set distance ![(0-255)$n]", "The administrative distance", |a| Set::Distance(a.parse("n")?),
        Set::Distance(_n) => "set distance {_n}"),
    command(
        "set extcommunity bandwidth ![<(0-4294967295)$megabits|cumulative|num-multipaths> [non-transitive]]",
        "Link bandwidth: megabits a second, or by multipath",
        |e, a| {
            edit(
                e,
                a,
                |s| matches!(s, Set::Bandwidth { .. }),
                || {
                    let amount = match a.opt("megabits")? {
                        Some(megabits) => BandwidthSet::Megabits(megabits),
                        None if a.has("cumulative") => BandwidthSet::Cumulative,
                        None => BandwidthSet::Multipaths,
                    };
                    Ok(Set::Bandwidth { amount, transitive: !a.has("non-transitive") })
                },
            )
        },
    )
    .render(Render::Entry(|v, out| {
        for s in &v.entry.sets {
            let Set::Bandwidth { amount, transitive } = s else { continue };
            let scope = if *transitive { "" } else { " non-transitive" };
            let amount = match amount {
                BandwidthSet::Megabits(n) => n.to_string(),
                BandwidthSet::Cumulative => "cumulative".to_owned(),
                BandwidthSet::Multipaths => "num-multipaths".to_owned(),
            };
            out.line(format_args!("set extcommunity bandwidth {amount}{scope}"));
        }
    })),
    command("set extcommunity rt ![ASN:NN_OR_IP-ADDRESS:NN...$line]", "Route targets", |e, a| {
        ext(e, a, "rt", |line| value::parse_ext_communities(line, ExtKind::RouteTarget))
    })
    .render(Render::Entry(|v, out| render_ext(v.entry, out))),
    command("set extcommunity soo ![ASN:NN_OR_IP-ADDRESS:NN...$line]", "The site of origin", |e, a| {
        ext(e, a, "soo", |line| value::parse_ext_communities(line, ExtKind::RouteOrigin))
    }),
    command("set extcommunity none", "No extended communities", |e, a| {
        edit(e, a, |s| matches!(s, Set::ExtCommunity(_)), || Ok(Set::ExtCommunity(Vec::new())))
    }),
    kept("set extcommunity <color|nt|evpn>$kind ![LINE...]", "Other extended communities"),
    kept("set comm-list <add|replace>$how ![WORD]", "Add or put in place the communities of a list"),
    kept("set extended-comm-list <delete ![WORD]|![WORD] delete>", "Delete extended communities of a list"),
    clause!("set ip next-hop ![A.B.C.D]", "The next hop", |a| Set::NextHop(NextHopSet::Ipv4(a.ipv4("A.B.C.D")?)),
        Set::NextHop(NextHopSet::Ipv4(_a)) => "set ip next-hop {_a}"),
    clause!("set ip next-hop peer-address", "The neighbor's or our own address", |_a| Set::NextHop(NextHopSet::Ipv4PeerAddress),
        Set::NextHop(NextHopSet::Ipv4PeerAddress) => "set ip next-hop peer-address"),
    clause!("set ip next-hop unchanged", "Leave the next hop as it is", |_a| Set::NextHop(NextHopSet::Unchanged),
        Set::NextHop(NextHopSet::Unchanged) => "set ip next-hop unchanged"),
    clause!("set ipv6 next-hop global ![X:X::X:X]", "The global next hop", |a| Set::NextHop(NextHopSet::Ipv6Global(a.ipv6("X:X::X:X")?)),
        Set::NextHop(NextHopSet::Ipv6Global(_a)) => "set ipv6 next-hop global {_a}"),
    clause!("set ipv6 next-hop local ![X:X::X:X]", "The link-local next hop", |a| Set::NextHop(NextHopSet::Ipv6Local(a.ipv6("X:X::X:X")?)),
        Set::NextHop(NextHopSet::Ipv6Local(_a)) => "set ipv6 next-hop local {_a}"),
    clause!("set ipv6 next-hop peer-address", "The neighbor's or our own address", |_a| Set::NextHop(NextHopSet::Ipv6PeerAddress),
        Set::NextHop(NextHopSet::Ipv6PeerAddress) => "set ipv6 next-hop peer-address"),
    clause!("set ipv6 next-hop prefer-global", "Use the global rather than the link-local next hop", |_a| Set::NextHop(NextHopSet::PreferGlobal),
        Set::NextHop(NextHopSet::PreferGlobal) => "set ipv6 next-hop prefer-global"),
    kept("set l3vpn next-hop encapsulation gre", "Tunnels"),
    kept("set label-index ![(0-1048560)]", "Labels"),
    clause!("set large-comm-list ![<(1-99)$name|(100-500)$name|LCOMMUNITY_LIST_NAME$name>] delete", "Delete large communities of a list",
        |a| Set::LargeCommunityDelete(a.string("name")?),
        Set::LargeCommunityDelete(_name) => "set large-comm-list {_name} delete"),
    command(
        "set large-comm-list delete ![<(1-99)$name|(100-500)$name|LCOMMUNITY_LIST_NAME$name>]",
        "Delete large communities of a list",
        |e, a| {
            edit(
                e,
                a,
                |s| matches!(s, Set::LargeCommunityDelete(_)),
                || Ok(Set::LargeCommunityDelete(a.string("name")?)),
            )
        },
    ),
    command(
        "no set large-comm-list [<(1-99)|(100-500)|LCOMMUNITY_LIST_NAME>]",
        "Leave large communities alone",
        |e, _| {
            entry(e)?.sets.retain(|s| !matches!(s, Set::LargeCommunityDelete(_)));
            Ok(())
        },
    )
    .without_no(),
    command("set large-community ![AA:BB:CC...$line]", "Large communities", |e, a| {
        edit(
            e,
            a,
            |s| matches!(s, Set::LargeCommunity { .. }),
            || {
                let (values, additive) = value::parse_large_communities(a.word("line")?)?;
                Ok(Set::LargeCommunity { values, additive })
            },
        )
    })
    .render(Render::Entry(|v, out| {
        for s in &v.entry.sets {
            if let Set::LargeCommunity { values, additive } = s {
                let values = value::large_communities_text(values);
                out.line(format_args!("set large-community {}", list(values, *additive)));
            }
        }
    })),
    command("set large-community none", "No large communities", |e, a| {
        let none = || Ok(Set::LargeCommunity { values: Vec::new(), additive: false });
        edit(e, a, |s| matches!(s, Set::LargeCommunity { .. }), none)
    }),
    command("set local-preference ![WORD$value]", "LOCAL_PREF", |e, a| {
        edit(e, a, |s| matches!(s, Set::LocalPreference(_)), || Ok(Set::LocalPreference(arith(a)?)))
    })
    .render(Render::Entry(|v, out| {
        for s in &v.entry.sets {
            if let Set::LocalPreference(n) = s {
                out.line(format_args!("set local-preference {}", value::arith_text(*n)));
            }
        }
    })),
    command("set metric ![WORD$value]", "MED", |e, a| {
        edit(e, a, |s| matches!(s, Set::Metric(_)), || Ok(Set::Metric(MetricSet::Value(arith(a)?))))
    })
    .render(Render::Entry(|v, out| {
        for s in &v.entry.sets {
            match s {
                Set::Metric(MetricSet::Value(n)) => {
                    out.line(format_args!("set metric {}", value::arith_text(*n)))
                }
                Set::Metric(MetricSet::Igp) => out.line(format_args!("set metric igp")),
                Set::Metric(MetricSet::RoundTrip(how)) => {
                    let sign = match how {
                        Measured::Set => "",
                        Measured::Add => "+",
                        Measured::Sub => "-",
                    };
                    out.line(format_args!("set metric {sign}rtt"));
                }
                Set::Metric(MetricSet::Aigp) => out.line(format_args!("set metric aigp")),
                _ => {}
            }
        }
    })),
    command("set metric igp", "MED from the distance to the next hop", |e, a| {
        edit(e, a, |s| matches!(s, Set::Metric(_)), || Ok(Set::Metric(MetricSet::Igp)))
    }),
    command("set metric aigp", "MED from the accumulated metric", |e, a| {
        edit(e, a, |s| matches!(s, Set::Metric(_)), || Ok(Set::Metric(MetricSet::Aigp)))
    }),
    command("set metric <rtt|+rtt|-rtt>$kind", "MED from the round-trip time of the session", |e, a| {
        let how = match a.word("kind")? {
            "rtt" => Measured::Set,
            "+rtt" => Measured::Add,
            _ => Measured::Sub,
        };
        edit(e, a, |s| matches!(s, Set::Metric(_)), || Ok(Set::Metric(MetricSet::RoundTrip(how))))
    }),
    kept("set min-metric ![(0-4294967295)]", "The least MED"),
    kept("set max-metric ![(0-4294967295)]", "The greatest MED"),
    clause!("set origin ![<egp|igp|incomplete>$origin]", "ORIGIN", |a| Set::Origin(value::origin(a.word("origin")?)),
        Set::Origin(Origin::Igp) => "set origin igp",
        Set::Origin(Origin::Egp) => "set origin egp",
        Set::Origin(Origin::Incomplete) => "set origin incomplete"),
    clause!("set originator-id ![A.B.C.D]", "ORIGINATOR_ID", |a| Set::OriginatorId(a.ipv4("A.B.C.D")?),
        Set::OriginatorId(_id) => "set originator-id {_id}"),
    clause!("set src ![<A.B.C.D$a|X:X::X:X$a>]", "The source address in the kernel", |a| Set::Source(a.ip("a")?),
        Set::Source(_a) => "set src {_a}"),
    kept("set forwarding-address ![X:X::X:X]", "OSPF"),
    kept("set metric-type ![<type-1|type-2>]", "OSPF"),
    kept("set sr-te color ![(1-4294967295)]", "Segment routing"),
    kept("set table ![(1-4294967295)]", "The kernel's table"),
    clause!("set tag ![<untagged|(1-4294967295)$n>]", "The tag", |a| Set::Tag(a.opt("n")?.unwrap_or(0)),
        Set::Tag(0) => "set tag untagged",
        Set::Tag(_n) => "set tag {_n}"),
    clause!("set weight ![(0-4294967295)$n]", "The weight", |a| Set::Weight(a.parse("n")?),
        Set::Weight(_n) => "set weight {_n}"),
    kept("set evpn LINE...", "EVPN"),
];

fn edit(
    editor: &mut Editor,
    args: &Args<'_>,
    same: impl Fn(&Set) -> bool,
    build: impl FnOnce() -> Result<Set, Fail>,
) -> Outcome {
    if args.no {
        entry(editor)?.sets.retain(|s| !same(s));
        return Ok(());
    }
    let clause = build()?;
    add(entry(editor)?, clause);
    Ok(())
}

fn asns(args: &Args<'_>) -> Result<Vec<u32>, Fail> {
    let words = args.word("ASNUM")?.split_whitespace();
    words.map(|w| parse_asn(w).ok_or_else(|| Fail::Value(w.to_owned()))).collect()
}

fn arith(args: &Args<'_>) -> Result<Arith, Fail> {
    let word = args.word("value")?;
    value::arith(word).ok_or_else(|| Fail::Value(word.to_owned()))
}

fn list(values: String, additive: bool) -> String {
    match (values.is_empty(), additive) {
        (true, false) => "none".to_owned(),
        (_, true) => format!("{values} additive"),
        (false, false) => values,
    }
}

/// Changes the extended communities of one kind and leaves the others.
fn ext(
    editor: &mut Editor,
    args: &Args<'_>,
    kind: &str,
    parse: impl FnOnce(&str) -> Result<Vec<ExtCommunity>, Fail>,
) -> Outcome {
    let new = match args.no {
        true => Vec::new(),
        false => parse(args.word("line")?)?,
    };
    let entry = entry(editor)?;
    let old = entry.sets.iter().find_map(|s| match s {
        Set::ExtCommunity(values) => Some(values.clone()),
        _ => None,
    });
    let mut values = old.unwrap_or_default();
    values.retain(|v| value::ext_community_words(v).is_none_or(|(word, _)| word != kind));
    values.extend(new);
    entry.sets.retain(|s| !matches!(s, Set::ExtCommunity(_)));
    if !values.is_empty() {
        add(entry, Set::ExtCommunity(values));
    }
    Ok(())
}

fn render_ext(entry: &RouteMapEntry, out: &mut Lines) {
    for s in &entry.sets {
        let Set::ExtCommunity(values) = s else { continue };
        if values.is_empty() {
            out.line(format_args!("set extcommunity none"));
        }
        let words: Vec<_> = values.iter().filter_map(value::ext_community_words).collect();
        for kind in ["rt", "soo"] {
            let of_kind = value::join(words.iter().filter(|(word, _)| *word == kind).map(|(_, v)| v));
            if !of_kind.is_empty() {
                out.line(format_args!("set extcommunity {kind} {of_kind}"));
            }
        }
    }
}
