//! The commands that are compared: those of the stored answers.

/// At every node, as text and as JSON.
pub const EVERYWHERE: &[&str] = &[
    "show bgp ipv4 unicast",
    "show bgp ipv6 unicast",
    "show bgp neighbors",
    "show bgp nexthop",
    "show bgp summary",
    "show interface",
    "show interface brief",
    "show ip nht",
    "show ip route",
    "show ip route summary",
    "show ipv6 route",
    "show vrrp",
];

/// At edge1.
const EDGE1: &[&str] = &[
    "show bgp as-path-access-list",
    "show bgp as-path-access-list FROM-ISP",
    "show bgp community-list",
    "show bgp detail",
    "show bgp import-check-table",
    "show bgp ipv4 unicast 0.0.0.0/0",
    "show bgp ipv4 unicast 1.1.1.0/24",
    "show bgp ipv4 unicast 1.1.1.0/24 bestpath",
    "show bgp ipv4 unicast 10.200.0.0/16 longer-prefixes",
    "show bgp ipv4 unicast 10.200.1.1",
    "show bgp ipv4 unicast 10.200.1.1/32",
    "show bgp ipv4 unicast 203.0.113.0/24",
    "show bgp ipv4 unicast 9.9.9.0/24",
    "show bgp ipv4 unicast cidr-only",
    "show bgp ipv4 unicast community",
    "show bgp ipv4 unicast community 65001:100",
    "show bgp ipv4 unicast community 65001:100 exact-match",
    "show bgp ipv4 unicast community-list ALL64500",
    "show bgp ipv4 unicast community-list BLACKHOLE",
    "show bgp ipv4 unicast detail",
    "show bgp ipv4 unicast filter-list FROM-ISP",
    "show bgp ipv4 unicast large-community",
    "show bgp ipv4 unicast large-community-list LC",
    "show bgp ipv4 unicast neighbors 10.10.0.254 advertised-routes",
    "show bgp ipv4 unicast neighbors 192.0.2.2 advertised-routes",
    "show bgp ipv4 unicast neighbors 192.0.2.2 advertised-routes detail",
    "show bgp ipv4 unicast neighbors 192.0.2.2 filtered-routes",
    "show bgp ipv4 unicast neighbors 192.0.2.2 prefix-counts",
    "show bgp ipv4 unicast neighbors 192.0.2.2 received-routes",
    "show bgp ipv4 unicast neighbors 192.0.2.2 routes",
    "show bgp ipv4 unicast prefix-list OURS",
    "show bgp ipv4 unicast regexp _64502",
    "show bgp ipv4 unicast route-map ISP-OUT",
    "show bgp ipv4 unicast self-originate",
    "show bgp ipv4 unicast summary",
    "show bgp ipv4 unicast summary established",
    "show bgp ipv4 unicast summary failed",
    "show bgp ipv4 unicast summary remote-as 64500",
    "show bgp ipv4 unicast summary terse",
    "show bgp ipv4 unicast summary wide",
    "show bgp ipv6 unicast 2001:db8:20::40/128",
    "show bgp ipv6 unicast 2001:db8:8888::/48",
    "show bgp ipv6 unicast neighbors 2001:db8:0:1::2 advertised-routes",
    "show bgp ipv6 unicast neighbors 2001:db8:0:1::2 routes",
    "show bgp ipv6 unicast summary",
    "show bgp large-community-list",
    "show bgp neighbors 10.10.0.100",
    "show bgp neighbors 10.10.0.253",
    "show bgp neighbors 10.10.0.254",
    "show bgp neighbors 10.255.0.2",
    "show bgp neighbors 10.255.0.2 advertised-routes",
    "show bgp neighbors 10.99.99.99",
    "show bgp neighbors 192.0.2.2",
    "show bgp neighbors 192.0.2.2 graceful-restart",
    "show bgp peer-group",
    "show bgp peer-group HV",
    "show bgp router",
    "show bgp self-originate",
    "show bgp summary neighbor 192.0.2.2",
    "show bgp vrf all summary",
    "show bgp vrf default ipv4 unicast summary",
    "show bgp vrfs",
    "show interface description",
    "show interface lan0",
    "show interface lo",
    "show ip bgp",
    "show ip bgp summary",
    "show ip fib",
    "show ip nht 10.255.0.2",
    "show ip nht vrf all",
    "show ip prefix-list",
    "show ip prefix-list OURS",
    "show ip prefix-list detail",
    "show ip route 1.1.1.0/24",
    "show ip route 1.1.1.1",
    "show ip route 10.200.0.0/16 longer-prefixes",
    "show ip route 203.0.113.0/24",
    "show ip route 7.7.7.7",
    "show ip route bgp",
    "show ip route connected",
    "show ip route kernel",
    "show ip route static",
    "show ip route table 254",
    "show ip route vrf all",
    "show ipv6 nht",
    "show ipv6 prefix-list",
    "show ipv6 route 2001:db8:8888::/48",
    "show ipv6 route summary",
    "show route-map",
    "show route-map ISP-OUT",
    "show vrrp 10",
    "show vrrp interface lan0",
];

/// At edge2, whose neighbour in AS 64500 is named by its interface.
const EDGE2: &[&str] = &[
    "show bgp ipv4 unicast 1.1.1.0/24",
    "show bgp ipv4 unicast 8.8.8.0/24",
    "show bgp ipv4 unicast neighbors eth-isp advertised-routes",
    "show bgp ipv4 unicast neighbors eth-isp routes",
    "show bgp ipv6 unicast 2001:db8:8888::/48",
    "show bgp neighbors eth-isp",
    "show ip route 1.1.1.0/24",
];

/// At the hypervisor.
const HV: &[&str] = &[
    "show bgp ipv4 unicast 0.0.0.0/0",
    "show bgp ipv4 unicast 1.1.1.0/24",
    "show bgp neighbors 10.10.0.2",
    "show ip route 0.0.0.0/0",
];

/// As text only.
const TEXT: &[&str] = &["show running-config", "show vrrp summary"];

const EDGE1_TEXT: &[&str] = &[
    "show bgp ipv4 unicast dampening parameters",
    "show bgp ipv4 unicast wide",
    "show ip forwarding",
    "show ip protocol",
    "show ipv6 forwarding",
    "show running-config no-header",
    "show version",
];

/// Compared as JSON alone: their lines follow those fields, and the tests beside the code hold them.
pub const JSON_ONLY: &[&str] = &[
    "*detail",
    "show bgp ipv* unicast *.*.*",
    "show bgp ipv6 unicast *:*",
    "show bgp neighbors*",
    "show bgp nexthop",
];

/// What FRR tells about its own works, which we have none of: these are refused as unknown.
pub const REFUSED: &[&str] = &[
    "show bgp attribute-info",
    "show bgp community-info",
    "show bgp labelpool summary",
    "show bgp martian next-hop",
    "show bgp paths",
    "show event cpu",
    "show nexthop-group rib",
    "show thread cpu",
    "show work-queues",
    "show zebra",
    "show zebra client",
    "show zebra client summary",
    "show zebra dplane",
    "show zebra router table",
];

/// The commands of a node: what is compared as JSON as well comes first.
pub fn of(node: &str) -> (Vec<&'static str>, Vec<&'static str>) {
    let (more, text) = match node {
        "edge1" => (EDGE1, EDGE1_TEXT),
        "edge2" => (EDGE2, &[][..]),
        "hv" => (HV, &[][..]),
        _ => (&[][..], &[][..]),
    };
    ([EVERYWHERE, more].concat(), [TEXT, text].concat())
}

/// The file of the stored answer to a command.
pub fn file(command: &str) -> String {
    let plain = |c: char| match c {
        '/' => '-',
        c if c.is_ascii_alphanumeric() || c == '.' || c == '-' => c,
        _ => '_',
    };
    command.chars().map(plain).collect()
}
