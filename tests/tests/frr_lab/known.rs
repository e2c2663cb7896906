//! The differences that are meant to be, each with its reason. `docs/differences.md` has the same table.

use crate::compare::{Seen, What};
use crate::steady::like;

/// What is different at each run, whoever answers: places in JSON, and why.
pub const BY_NATURE: &[(&str, &str)] = &[
    ("*poch*", "clock"),
    ("*lastUpdate*", "clock"),
    ("*ptime*", "clock"),
    ("*bgpTimer*Up*", "clock"),
    ("*bgpTimerLast*", "clock"),
    ("*bgpInUpdateElapsedTimeMsecs", "clock"),
    ("*lastLink*", "clock"),
    ("*nextConnectTimerDueInMsecs", "clock"),
    ("*StartedAt", "clock"),
    ("*lastReset*", "what happened while all started"),
    ("*lastNotificationReason", "what happened while all started"),
    ("*lastErrorCodeSubcode", "what happened while all started"),
    ("*endOfRibSentAfterUpdate", "what happened while all started"),
    ("*messageStats*", "counter"),
    ("*ersion", "counter, or the program's own"),
    ("*msgRcvd", "counter"),
    ("*msgSent", "counter"),
    ("*connections*ed", "counter"),
    ("*.stats.*", "counter"),
    ("*link*s", "counter"),
    ("*prefixStats*", "counter"),
    ("*nvoked", "counter"),
    ("*nvokedTime*", "counter"),
    ("*itCount", "counter"),
    ("*eferenceCount", "counter"),
    ("*.addpathRxId", "number of the neighbour's own"),
    (
        ".ipv6.fe80::LL.*",
        "one of several link-local addresses of the kernel's choice is held against another",
    ),
    ("*.nexthopGroupId", "number of its own"),
    ("*.receivedNexthopGroupId", "number of its own"),
    ("*.updateGroupId", "number of its own"),
    ("*.subGroupId", "number of its own"),
    ("*ndex", "number of the kernel's"),
    ("*.port*", "number of the kernel's"),
    ("*.socket", "number of the kernel's"),
    ("*Memory", "memory"),
    ("*ribCount", "memory: FRR counts inner nodes of its tree"),
    ("*estimatedRttInMsecs", "measurement"),
    ("*.addresses*", "order of the kernel's answers"),
    ("*ipAddresses*", "order of the kernel's answers"),
    ("*ostName", "name of the host"),
    ("*ostname", "name of the host"),
];

/// Values that FRR 10.8 has otherwise than 8.4, and we like 10.8: places in JSON.
pub const NEWER: &[&str] = &[
    "*commAttriSentToNbr",
    "*connectRetryTimer",
    "*neighborCapabilities.routeRefresh",
    "*.flags",
    "*internalNextHop*Num",
    "*internalStatus",
    "*.nexthops[fe80::LL*.scope",
    "*.advertisedRoutes.*.weight",
    "*.advertisedRoutes.*.nextHopGlobal",
    "*.routesTotal*",
];

/// Prefixes to which only one of both has a best path: what leads to its own next hop.
pub const WITHOUT_BEST: &[&str] = &["10.255.0.1/32"];

/// Where a difference is seen. A pattern's `*` stands for anything.
pub struct Mark {
    /// The nodes where it is seen; all of them if there is none.
    pub nodes: &'static str,
    pub what: What,
    /// Pattern of the command.
    pub command: &'static str,
    /// Pattern of the place in JSON, or of the line.
    pub place: &'static str,
    /// It depends on what came first or on the moment: it need not be seen.
    pub sometimes: bool,
}

impl Mark {
    /// Whether it is about what was seen at a node.
    pub fn is(&self, node: &str, command: &str, seen: &Seen) -> bool {
        self.at(node)
            && self.what == seen.what
            && like(self.command, command)
            && like(self.place, &seen.place)
    }

    /// Whether it is seen at a node.
    pub fn at(&self, node: &str) -> bool {
        self.nodes.is_empty() || self.nodes.split(' ').any(|n| n == node)
    }
}

/// A row of the table.
pub struct Difference {
    pub output: &'static str,
    pub frr: &'static str,
    pub here: &'static str,
    pub why: &'static str,
    pub marks: &'static [Mark],
}

const fn mark(what: What, command: &'static str, place: &'static str) -> Mark {
    Mark { nodes: "", what, command, place, sometimes: false }
}

impl Mark {
    /// Seen at these nodes only.
    const fn at_node(self, nodes: &'static str) -> Mark {
        Mark { nodes, ..self }
    }

    /// It need not be seen.
    const fn sometimes(self) -> Mark {
        Mark { sometimes: true, ..self }
    }
}

use What::{Extra, Missing, NewLine, NoLine, Value};

/// All that are meant to be.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        output: "ADD-PATH, `TX advertised`",
        frr: "in every family, once one has `addpath-tx-...`",
        here: "in the families that have it",
        why: "that is what was asked for",
        marks: &[mark(Missing, "show bgp neighbors*", "*.addPath.*.tx*").at_node("edge1")],
    },
    Difference {
        output: "`addpathTxId`",
        frr: "numbered as the paths came",
        here: "numbered by the neighbour",
        why: "so that a path keeps its number whatever else comes or goes",
        marks: &[mark(Value, "show bgp*", "*.addpathTxId*").at_node("edge1")],
    },
    Difference {
        output: "graceful restart in `show bgp neighbors`",
        frr: "the capability with families and times, selection deferral timers",
        here: "received only",
        why: "announced with time 0 and without families",
        marks: &[
            mark(Missing, "show bgp neighbors*", "*selectionDeferral*").at_node("edge1"),
            mark(Value, "show bgp neighbors*", "*.longLivedGracefulRestart"),
            mark(Missing, "show bgp neighbors*", "*racefulRestart*").sometimes(),
            mark(Extra, "show bgp neighbors*", "*racefulRestart*").sometimes(),
            mark(Value, "show bgp neighbors*", "*racefulRestart*").sometimes(),
        ],
    },
    Difference {
        output: "BFD",
        frr: "sessions, `peerBfdInfo`",
        here: "none",
        why: "not in effect yet",
        marks: &[
            mark(Missing, "show bgp neighbors*", "*fdHoldTimer*").at_node("edge1 hv"),
            mark(Missing, "show bgp neighbors*", "*peerBfdInfo").at_node("edge1 hv"),
        ],
    },
    Difference {
        output: "capabilities of the neighbour",
        frr: "dynamic capability, paths limit, software version of FRR 10.8",
        here: "those of FRR 8.4",
        why: "the neighbours here are FRR 8.4",
        marks: &[
            mark(Missing, "show bgp neighbors*", "*neighborCapabilities.dynamic").sometimes(),
            mark(Missing, "show bgp neighbors*", "*.pathsLimit.*").sometimes(),
            mark(Extra, "show bgp neighbors*", "*.pathsLimit.*").sometimes(),
            mark(NoLine, "show bgp neighbors*", "*advertised (*) and received (*)").sometimes(),
            mark(NewLine, "show bgp neighbors*", "* advertised (*)").sometimes(),
            mark(Missing, "show bgp neighbors*", "*receivedSoftwareVersion").sometimes(),
            mark(Missing, "show bgp summary*", "*softwareVersion").sometimes(),
            mark(NoLine, "show*summary*", "*FRRouting/*"),
            mark(NewLine, "show*summary*", "*CLOCK N N*N/A"),
            mark(Missing, "show bgp*", "*.hostname").sometimes(),
            mark(Extra, "show bgp*", "*.hostname").sometimes(),
        ],
    },
    Difference {
        output: "`fe80` next hops after `set ipv6 next-hop prefer-global`",
        frr: "both next hops, `used` on the global one",
        here: "the global one",
        why: "the other one is not used",
        marks: &[
            mark(Missing, "show bgp*", "*.nexthops[fe80::LL*").at_node("edge1"),
            mark(Extra, "show bgp*", "*.used").sometimes(),
            mark(Missing, "show bgp*", "*.used").sometimes(),
            mark(Extra, "show bgp*", "*.length").sometimes(),
        ],
    },
    Difference {
        output: "which of equal paths is the best, and its `selectionReason`",
        frr: "the one that came first (`Older Path`)",
        here: "the older by whole seconds, then that of the lowest neighbour address (`Neighbor IP`)",
        why: "the outcome must not depend on chance",
        marks: &[
            mark(Missing, "show*bgp*", "*bestpath").sometimes(),
            mark(Extra, "show*bgp*", "*bestpath").sometimes(),
            mark(Missing, "show*bgp*", "*selectionReason").sometimes(),
            mark(Extra, "show*bgp*", "*selectionReason").sometimes(),
            mark(Value, "show*bgp*", "*selectionReason").sometimes(),
            mark(Missing, "show*bgp*", "*ultipath").sometimes(),
            mark(Extra, "show*bgp*", "*ultipath").sometimes(),
            mark(Missing, "show*bgp*", "*bestpathFromAs").sometimes(),
            // Of the networks that both of hv's sessions tell.
            mark(Missing, "show bgp*", "*.10.10.0.0/24[*.advertisedTo.*").sometimes(),
            mark(Extra, "show bgp*", "*.10.10.0.0/24[*.advertisedTo.*").sometimes(),
            mark(Missing, "show bgp*", "*.10.20.30.40/32[*.advertisedTo.*").sometimes(),
            mark(Extra, "show bgp*", "*.10.20.30.40/32[*.advertisedTo.*").sometimes(),
            mark(Extra, "show*bgp*", "*fibInstalled").sometimes(),
            mark(NoLine, "show bgp ipv* unicast", "*").at_node("hv").sometimes(),
            mark(NewLine, "show bgp ipv* unicast", "*").at_node("hv").sometimes(),
            mark(NoLine, "show ip* route", "*via *, lan0, weight*").at_node("hv").sometimes(),
            mark(NewLine, "show ip* route", "*via *, lan0, weight*").at_node("hv").sometimes(),
            // A best path goes to the other one of its neighbour's two sessions.
            mark(Value, "show*bgp*", "*.pfxSnt").sometimes(),
            mark(Value, "show*bgp*", "*.pfxRcd").sometimes(),
            mark(Value, "show bgp neighbors*", "*.sentPrefixCounter").sometimes(),
            mark(Value, "show bgp neighbors*", "*.acceptedPrefixCounter").sometimes(),
        ],
    },
    Difference {
        output: "the neighbour that a route comes from",
        frr: "is told it, too",
        here: "is left out",
        why: "it has the route, and drops one with its own AS",
        marks: &[
            mark(Missing, "show bgp ipv4 unicast 1.1.1.0/24", ".advertisedTo.*")
                .at_node("edge2 hv")
                .sometimes(),
            mark(Missing, "show bgp ipv4 unicast 0.0.0.0/0", ".advertisedTo.*").at_node("hv").sometimes(),
            mark(
                Missing,
                "show bgp ipv4 unicast neighbors*advertised-routes",
                ".advertisedRoutes.1.1.1.0/24",
            )
            .at_node("edge2"),
            mark(
                Missing,
                "show bgp ipv4 unicast neighbors*advertised-routes",
                ".advertisedRoutes.100.64.0.0/10",
            )
            .at_node("edge2"),
            mark(Value, "show bgp ipv4 unicast neighbors*advertised-routes", ".totalP*Counter*")
                .at_node("edge2"),
        ],
    },
    Difference {
        output: "a path to an address that is its own next hop (/32, /128)",
        frr: "never valid",
        here: "valid where another route leads there, a connected or static one or a shorter one; never by itself",
        why: "it can be used",
        marks: &[
            mark(Extra, "show bgp ipv4 unicast", ".routes.10.255.0.1/32[*.valid").at_node("edge2"),
            mark(
                Extra,
                "show bgp ipv4 unicast neighbors*advertised-routes",
                ".advertisedRoutes.10.255.0.1/32",
            )
            .at_node("edge2"),
            mark(NoLine, "show bgp ipv4 unicast", "* 10.255.0.1/32 *").at_node("edge2"),
            mark(NewLine, "show bgp ipv4 unicast", "* 10.255.0.1/32 *").at_node("edge2"),
            mark(Extra, "show ip route", ".10.255.0.1/32[bgp*").at_node("edge2"),
            mark(NewLine, "show ip route", "B 10.255.0.1/32 *").at_node("edge2"),
            mark(NewLine, "show ip route", " via 10.10.0.2, lan0*").at_node("edge2"),
            mark(Value, "show ip route summary", ".routes*").at_node("edge2"),
        ],
    },
    Difference {
        output: "`next-hop-self` of the neighbour to one with `capability extended-nexthop`",
        frr: "its own address",
        here: "the next hop that the route has",
        why: "the neighbour here is FRR 8.4, which leaves it",
        marks: &[
            mark(Missing, "show bgp ipv4 unicast", "*.nexthops[10.255.0.1]").at_node("edge2"),
            mark(Extra, "show bgp ipv4 unicast", "*.nexthops[10.10.0.100]").at_node("edge2"),
            mark(Missing, "show bgp ipv6 unicast", "*.nexthops[2001:db8:ff::1]").at_node("edge2"),
            mark(Extra, "show bgp ipv6 unicast", "*.nexthops[2001:db8:10::100]").at_node("edge2"),
            mark(Extra, "show bgp ipv6 unicast", "*[10.255.0.1 2001:db8:*.valid").at_node("edge2"),
            mark(NoLine, "show bgp ipv* unicast", "*").at_node("edge2"),
            mark(NewLine, "show bgp ipv* unicast", "*").at_node("edge2"),
            mark(Missing, "show ip route", "*[bgp*.nexthops[*").at_node("edge2"),
            mark(Extra, "show ip route", "*[bgp*.nexthops[10.10.0.100 lan0*").at_node("edge2"),
            mark(Extra, "show ipv6 route", "*[bgp*.nexthops[2001:db8:10::100 lan0*").at_node("edge2"),
            mark(NoLine, "show ip route", "*via 10.*").at_node("edge2"),
        ],
    },
    Difference {
        output: "several paths that one neighbour tells (ADD-PATH), with the same next hop",
        frr: "no multipath in 8.4",
        here: "multipath, as in 10.8",
        why: "FRR 10.8 has it so",
        marks: &[
            mark(Value, "show ip route", "*[bgp*.internalNextHop*Num").at_node("edge2"),
            mark(Value, "show ip*route", "*[bgp*.internalStatus").at_node("edge2"),
        ],
    },
    Difference {
        output: "`gate` of a next hop behind a static route",
        frr: "absent or there, as it was when bgpd asked",
        here: "there",
        why: "it is the way",
        marks: &[
            mark(Missing, "show bgp nexthop", ".ipv4.10.255.0.1.nexthops[lan0]").at_node("edge2"),
            mark(Extra, "show bgp nexthop", ".ipv4.10.255.0.1.nexthops[10.10.0.2 lan0]").at_node("edge2"),
        ],
    },
    Difference {
        output: "`show interface`, router advertisements",
        frr: "`ND ...`: what is sent, and counts",
        here: "absent",
        why: "`show running-config` tells what is sent",
        marks: &[
            mark(Missing, "show interface", ".eth-isp.nd*").at_node("edge2"),
            mark(NoLine, "show interface", " ND *").at_node("edge2"),
        ],
    },
    Difference {
        output: "`Master Advertisement Interval Rx` of a backup",
        frr: "always `(stale)`",
        here: "`(stale)` at a master",
        why: "a backup hears it",
        marks: &[
            mark(NoLine, "show vrrp", " Master Advertisement Interval (*").at_node("edge2"),
            mark(NewLine, "show vrrp", " Master Advertisement Interval (*").at_node("edge2"),
        ],
    },
    Difference {
        output: "`bgpId` of local paths",
        frr: "the BGP identifier of the next hop dependent characteristics",
        here: "absent",
        why: "the attribute is not made",
        marks: &[mark(Missing, "show bgp*", "*bgpId").sometimes()],
    },
    Difference {
        output: "`show bgp neighbors X received-routes`, `filtered-routes`",
        frr: "routes with our own AS in their path as well",
        here: "without them",
        why: "such a route is dropped before it is kept",
        marks: &[
            mark(Missing, "show bgp ipv4 unicast neighbors*received-routes", ".receivedRoutes.*")
                .at_node("edge1"),
            mark(Missing, "show bgp ipv4 unicast neighbors*filtered-routes", ".receivedRoutes.*")
                .at_node("edge1"),
            mark(Value, "show bgp ipv4 unicast neighbors*", ".filteredPrefixCounter").at_node("edge1"),
            mark(Value, "show bgp ipv4 unicast neighbors*-routes", ".totalPrefixCounter").at_node("edge1"),
            mark(Value, "show bgp ipv4 unicast neighbors*prefix-counts", ".ribTableWalkCounters.*")
                .at_node("edge1"),
            mark(NoLine, "show bgp ipv4 unicast neighbors*-routes", "*").sometimes(),
            mark(NewLine, "show bgp ipv4 unicast neighbors*-routes", "*").sometimes(),
        ],
    },
    Difference {
        output: "`advertised-routes detail`",
        frr: "all paths of the prefix",
        here: "the best one",
        why: "that is what was told",
        marks: &[mark(Missing, "show bgp ipv4 unicast neighbors*advertised-routes detail", "*.paths[*")
            .at_node("edge1")],
    },
    Difference {
        output: "a neighbour that does not answer",
        frr: "`Active` most of the time",
        here: "`Connect` while it is tried again",
        why: "it is tried more often",
        marks: &[
            mark(Value, "show*bgp*summary*", "*peers.10.10.0.254.state").sometimes(),
            mark(Value, "show bgp neighbors*", ".10.10.0.254.bgpState").sometimes(),
            mark(Value, "show bgp neighbors*", ".10.10.0.254.connectRetryTimer").at_node("edge1"),
            mark(NoLine, "show*summary*", "10.10.0.254*").sometimes(),
            mark(NewLine, "show*summary*", "10.10.0.254*").sometimes(),
        ],
    },
    Difference {
        output: "`Peers`, `RIB entries` of the summary",
        frr: "memory of an FRR peer",
        here: "ours",
        why: "it is what it is",
        marks: &[
            mark(NoLine, "show*summary*", "Peers N, using*").sometimes(),
            mark(NewLine, "show*summary*", "Peers N, using*").sometimes(),
        ],
    },
    Difference {
        output: "`installedNexthopGroupId`",
        frr: "the kernel's id",
        here: "absent",
        why: "groups are shared and renumbered",
        marks: &[mark(Missing, "show ip*", "*installedNexthopGroupId")],
    },
    Difference {
        output: "a BGP route whose next hop lies inside it",
        frr: "`inactive`",
        here: "unused, its next hops shown as active",
        why: "the network is connected: it could be used",
        marks: &[
            mark(Extra, "show ip route*", "*.10.10.0.0/24[bgp*.nexthops[10.10.0.100 lan0*").sometimes(),
            mark(Missing, "show ip route*", "*.10.10.0.0/24[bgp*.nexthops[10.10.0.100*").sometimes(),
            mark(Value, "show ip route*", "*.10.10.0.0/24[bgp*.internalNextHopActiveNum").sometimes(),
            mark(Extra, "show ipv6 route", ".2001:db8:10::/64[bgp*.nexthops[2001:db8:10::100 lan0*")
                .sometimes(),
            mark(Missing, "show ipv6 route", ".2001:db8:10::/64[bgp*.nexthops[2001:db8:10::100*").sometimes(),
            mark(Value, "show ipv6 route", ".2001:db8:10::/64[bgp*.internalNextHopActiveNum").sometimes(),
            mark(NoLine, "show ip*route*", "*via *10.10.0.100 inactive*").sometimes(),
            mark(NoLine, "show ipv6 route", "*via 2001:db8:10::100 inactive*").sometimes(),
            mark(NewLine, "show ip*route*", "*via 10.10.0.100, lan0*").sometimes(),
            mark(NewLine, "show ipv6 route", "*via 2001:db8:10::100, lan0*").sometimes(),
        ],
    },
    Difference {
        output: "`internalFlags` of a route of an external neighbour that may be farther away",
        frr: "9",
        here: "8",
        why: "the route does not know its neighbour",
        marks: &[
            mark(Value, "show ip*", "*.0.0.0.0/0[bgp*.internalFlags").at_node("edge1"),
            mark(NoLine, "show ip route 7.7.7.7", "*Flags*").at_node("edge1"),
            mark(NewLine, "show ip route 7.7.7.7", "*Flags*").at_node("edge1"),
        ],
    },
    Difference {
        output: "legend of `show ip route`",
        frr: "`D - SHARP`",
        here: "absent",
        why: "no such protocol here",
        marks: &[
            mark(NoLine, "show ip*", "*D - SHARP*"),
            mark(NoLine, "show ip nht vrf all", "").at_node("edge1"),
            mark(NewLine, "show ip*", "*T - Table, t - Table-Direct*"),
        ],
    },
    Difference {
        output: "VRRP devices",
        frr: "made by hand: a link-local address of their own, always up",
        here: "`vrrp4-IFINDEX-VRID`, made by us: only the virtual addresses, /128; a backup's is down",
        why: "it must not forward; see above",
        marks: &[
            mark(Missing, "show*inter*", "*vrrp*").sometimes(),
            mark(Extra, "show*inter*", "*vrrp*").sometimes(),
            mark(Value, "show*inter*", "*vrrp*").sometimes(),
            mark(Value, "show*inter*", "*.flags").sometimes(),
            mark(NoLine, "show interface*", "*vrrp*").sometimes(),
            mark(NewLine, "show interface*", "*vrrp*").sometimes(),
            mark(NoLine, "show interface*", "*fe80::*").sometimes(),
            mark(NewLine, "show interface*", "*fe80::*").sometimes(),
            mark(NoLine, "show interface*", " Link *").sometimes(),
            mark(NewLine, "show interface*", " Link *").sometimes(),
            mark(NewLine, "show interface*", " Parent ifindex: N").sometimes(),
            mark(NoLine, "show interface*", " ND *").sometimes(),
            mark(NoLine, "show interface*", " Hosts use stateless autoconfig*").sometimes(),
            mark(NoLine, "show interface*", " BGP has configured RA").sometimes(),
            mark(Extra, "show interface description", ".*").at_node("edge1"),
            mark(Missing, "show interface*", "*parentI*").sometimes(),
            mark(Extra, "show interface*", "*parentI*").sometimes(),
            mark(Missing, "show ip*", "*fe80::*").sometimes(),
            mark(Extra, "show ip*", "*fe80::*").sometimes(),
            mark(NoLine, "show ip*", "*fe80::*").sometimes(),
            mark(NewLine, "show ip*", "*fe80::*").sometimes(),
            mark(Value, "show ipv6 route summary", ".routesTotal*").sometimes(),
            mark(Value, "show ipv6 route summary", ".routes[connected].*").sometimes(),
            mark(Value, "show ipv6 route", ".fe80::/64[connected*.internalFlags").sometimes(),
            mark(Missing, "show ip*", "*vrrp*").sometimes(),
            mark(Extra, "show ip*", "*vrrp*").sometimes(),
            mark(NoLine, "show ip*", "*vrrp*").sometimes(),
            mark(NewLine, "show ip*", "*vrrp*").sometimes(),
            mark(NoLine, "show interface", " flags: *").at_node("edge2"),
            mark(NewLine, "show interface", " flags: *").at_node("edge2"),
            mark(NoLine, "show interface", " inet *10.10.0.1/32*").at_node("edge2"),
            mark(NoLine, "show interface", " inet6 2001:db8:10::1/128").at_node("edge2"),
            mark(NoLine, "show interface", " protodown: *").at_node("edge2"),
            mark(NewLine, "show interface", " protodown: *").at_node("edge2"),
            mark(Missing, "show interface*", "*.nd*").sometimes(),
            mark(Extra, "show interface*", "*.nd*").sometimes(),
        ],
    },
    Difference {
        output: "VRRP timers",
        frr: "cut to centiseconds (210, 3210 ms)",
        here: "exact (218, 3218 ms)",
        why: "at 10 ms the cut skew is 0 for all",
        marks: &[
            mark(Value, "show vrrp*", "*skewTime").at_node("edge1 edge2"),
            mark(Value, "show vrrp*", "*masterDownInterval").at_node("edge1 edge2"),
            mark(Value, "show vrrp*", "*masterAdverInterval").sometimes(),
        ],
    },
    Difference {
        output: "addresses of VRRP",
        frr: "the virtual link-local address is the primary, addresses sorted",
        here: "the interface's own, link-local first",
        why: "RFC 9568 section 5.2.9",
        marks: &[
            mark(Value, "show vrrp*", "*.v6.*").sometimes(),
            mark(NoLine, "show vrrp*", "*fe80::*").at_node("edge1 edge2"),
            mark(NewLine, "show vrrp*", "*fe80::*").at_node("edge1 edge2"),
            // A backup's primary address: FRR has none.
            mark(Value, "show vrrp*", "*.v4.primaryAddress").at_node("edge2"),
            mark(NoLine, "show vrrp", " Primary IP (v*").at_node("edge2"),
            mark(NewLine, "show vrrp", " Primary IP (v*").at_node("edge2"),
            mark(Value, "show vrrp*", "*.addresses*").sometimes(),
        ],
    },
    Difference {
        output: "prefix-lists and route-maps",
        frr: "printed by every daemon",
        here: "once",
        why: "one daemon",
        marks: &[
            mark(Missing, "show ip*prefix-list*", ".zebra").at_node("edge1"),
            mark(NoLine, "show ip*prefix-list*", "ZEBRA: ip*prefix-list *").at_node("edge1"),
            mark(NoLine, "show ip*prefix-list*", " seq N permit *").at_node("edge1"),
            mark(NoLine, "show ip prefix-list*", " Description: *").at_node("edge1"),
            mark(NoLine, "show route-map*", "*").at_node("edge1"),
            mark(Missing, "show route-map*", ".zebra").sometimes(),
        ],
    },
    Difference {
        output: "`show running-config`",
        frr: "`ip forwarding` is not printed",
        here: "printed as written",
        why: "with `bgp no-rib` it matters",
        marks: &[
            mark(NewLine, "show running-config*", "ip*forwarding").at_node("edge1"),
            mark(NewLine, "show running-config*", "!").sometimes(),
            mark(NoLine, "show running-config*", "!").sometimes(),
            mark(NoLine, "show running-config*", "frr version*"),
            mark(NewLine, "show running-config*", "frr version*"),
            mark(NoLine, "show running-config*", "log file*").at_node("edge1"),
            mark(NewLine, "show running-config*", "log file*").at_node("edge1"),
        ],
    },
    Difference {
        output: "`show version`",
        frr: "its own",
        here: "ours",
        why: "",
        marks: &[
            mark(NoLine, "show version", "*").at_node("edge1"),
            mark(NewLine, "show version", "*").at_node("edge1"),
        ],
    },
    Difference {
        output: "`show bgp router`",
        frr: "policy takes effect 5 s after a change",
        here: "at once",
        why: "nothing to wait for",
        marks: &[
            mark(NoLine, "show bgp router", "*Delay Timer*").at_node("edge1"),
            mark(NewLine, "show bgp router", "*Delay Timer*").at_node("edge1"),
        ],
    },
];
