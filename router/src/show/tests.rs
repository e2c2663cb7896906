//! The outputs of the laboratory against what we make of views of the same state. The outputs themselves are
//! beside the checkout, where a machine has them; what is essential is also written down here.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bgp::types::Family;
use serde_json::Value;

use super::summary::{AsFilter, StateFilter, SummaryOptions};
use super::table::Layout;
use super::views::*;
use super::*;
use crate::show::samples::id;

fn written(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn parsed(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Value {
    serde_json::from_str(&written(write)).unwrap()
}

fn shared(name: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let candidates: [PathBuf; 2] =
        [root.join("../../shared"), root.canonicalize().ok()?.join("../../shared")];
    let found = candidates.iter().map(|c| c.join("frr/outputs/10.8-dev").join(name)).find(|p| p.exists());
    if found.is_none() {
        println!("skipped: no {name} here");
    }
    std::fs::read_to_string(found?).ok()
}

fn shared_json(name: &str) -> Option<Value> {
    serde_json::from_str(&shared(name)?).ok()
}

/// All keys with their paths; list entries count once.
fn shape(value: &Value, at: &str, out: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let path = format!("{at}.{key}");
                out.insert(path.clone());
                shape(inner, &path, out);
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| shape(inner, &format!("{at}[]"), out)),
        Value::String(_) => drop(out.insert(format!("{at}:text"))),
        Value::Number(_) => drop(out.insert(format!("{at}:number"))),
        Value::Bool(_) => drop(out.insert(format!("{at}:bool"))),
        Value::Null => {}
    }
}

#[track_caller]
fn same_shape(ours: &Value, theirs: &Value) {
    let (mut a, mut b) = Default::default();
    shape(ours, "", &mut a);
    shape(theirs, "", &mut b);
    let missing: Vec<_> = b.difference(&a).collect();
    let extra: Vec<_> = a.difference(&b).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:#?}, extra {extra:#?}");
}

#[track_caller]
fn same_lines(ours: &str, theirs: &str) {
    let (mut a, mut b) = (ours.lines(), theirs.lines());
    for number in 1.. {
        match (a.next(), b.next()) {
            (None, None) => return,
            (a, b) => assert_eq!(a.map(str::trim_end), b.map(str::trim_end), "line {number}\n{ours}"),
        }
    }
}

#[test]
fn the_summary_is_that_of_the_laboratory() {
    let view = samples::summary();
    let ours =
        parsed(|out| summary::write_json(std::slice::from_ref(&view), &SummaryOptions::default(), out));
    if let Some(theirs) = shared_json("edge1/show_bgp_ipv4_unicast_summary.json") {
        same_shape(&ours, &theirs);
        assert_eq!(ours["peers"]["10.10.0.254"], theirs["peers"]["10.10.0.254"]);
        assert_eq!(ours["peers"]["10.10.0.253"], theirs["peers"]["10.10.0.253"]);
    }
    let failed = SummaryOptions { state: StateFilter::Failed, ..SummaryOptions::default() };
    let ours = parsed(|out| summary::write_json(std::slice::from_ref(&view), &failed, out));
    if let Some(theirs) = shared_json("edge1/show_bgp_ipv4_unicast_summary_failed.json") {
        assert_eq!(ours, theirs);
    }
    if let Some(theirs) = shared("edge1/show_bgp_ipv4_unicast_summary_failed.txt") {
        same_lines(&written(|out| summary::text(&view, &failed, out)), &theirs);
    }
}

#[test]
fn summary_columns_stand_where_they_should() {
    let view = samples::summary();
    let provider = SummaryOptions { remote_as: Some(AsFilter::Number(64500)), ..SummaryOptions::default() };
    let expected = "\
BGP router identifier 10.255.0.1, local AS number 65001 VRF default vrf-id 0
BGP table version 23
RIB entries 10, using 1600 bytes of memory
Peers 7, using 134 KiB of memory
Peer groups 1, using 72 bytes of memory

Neighbor        V         AS   MsgRcvd   MsgSent   TblVer  InQ OutQ  Up/Down State/PfxRcd   PfxSnt Desc
192.0.2.2       4      64500        16        13       23    0    0 00:01:22            3        2 transit-v4
2001:db8:0:1::2 4      64500        23        16       23    0    0 00:01:22     (Policy) (Policy) transit-v6

Displayed neighbors 2
Total number of neighbors 7
";
    assert_eq!(written(|out| summary::text(&view, &provider, out)), expected);
    let wide = SummaryOptions { wide: true, terse: true, heading: true, ..provider };
    let text = written(|out| summary::text(&view, &wide, out));
    assert!(text.starts_with("\nIPv4 Unicast Summary:\n"));
    assert!(text.contains("Neighbor        V         AS    LocalAS   MsgRcvd"), "{text}");
    let none = SummaryOptions { neighbor: Some(id("9.9.9.9")), ..SummaryOptions::default() };
    assert!(written(|out| summary::text(&view, &none, out)).ends_with("\n% No matching neighbor\n"));
}

fn listing(layout: Layout) -> String {
    written(|out| {
        let mut cursor = samples::table().into_iter();
        table::list(&samples::header(), &mut cursor, &|_, _| true, layout, out)
            .map(drop)
            .map_err(io::Error::other)
    })
}

#[test]
fn table_rows_are_those_of_the_laboratory() {
    let expected = "     Network          Next Hop            Metric LocPrf Weight Path
 *>  0.0.0.0/0        192.0.2.2                0     90      0 64500 i
 *>i 1.1.1.0/24       10.255.0.2               0    100      0 64500 64501 64502 ?
 *                    192.0.2.2                0     90      0 64500 64501 64502 ?
 *>  10.200.0.0/16    0.0.0.0                  0         32768 ?
 s>  10.200.1.1/32    10.10.0.100              0    200      0 65101 ?
 s=                   10.10.0.100              0    200      0 65101 ?
 s i                  10.255.0.2               0    100      0 65101 ?
 *>  203.0.113.0/24   0.0.0.0                  0         32768 i
 * i                  10.255.0.2               0    100      0 i

Displayed 5 routes and 19 total paths
";
    let ours = listing(Layout::Brief);
    assert!(ours.ends_with(expected), "{ours}");
    for (layout, name) in
        [(Layout::Brief, "show_bgp_ipv4_unicast.txt"), (Layout::Wide, "show_bgp_ipv4_unicast_wide.txt")]
    {
        let Some(theirs) = shared(&format!("edge1/{name}")) else { continue };
        let theirs: Vec<&str> = theirs.lines().collect();
        for line in listing(layout).lines().filter(|l| !l.starts_with("Displayed")) {
            assert!(theirs.contains(&line), "{line}");
        }
    }
}

#[test]
fn long_addresses_go_to_a_line_of_their_own() {
    let header = TableHeader { family: Family::Ipv6Unicast, ..samples::header() };
    let text = written(|out| {
        let mut cursor = samples::table_v6().into_iter();
        table::list(&header, &mut cursor, &|_, _| true, Layout::Brief, out)
            .map(drop)
            .map_err(io::Error::other)
    });
    let expected = " *>  2001:db8:f00::/48
                    ::                       0         32768 i
 *>  2001:db8:8888::/48
                    fe80::7c94:24ff:fe36:8ae3
                                               0             0 64500 ?
   i                  2001:db8:ff::2           0    100      0 64500 ?
";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn the_table_as_json_has_the_laboratory_s_values() {
    for (layout, name) in [
        (Layout::Json, "edge1/show_bgp_ipv4_unicast.json"),
        (Layout::JsonDetailList, "edge1/show_bgp_ipv4_unicast_detail.json"),
    ] {
        let ours: Value = serde_json::from_str(&listing(layout)).unwrap();
        assert_eq!(ours["totalPaths"], 19);
        let Some(theirs) = shared_json(name) else { continue };
        for (key, route) in ours["routes"].as_object().unwrap() {
            let theirs = &theirs["routes"][key];
            if layout == Layout::Json {
                assert_eq!(route, theirs, "{key}");
            } else {
                same_shape(&strip(route, "bgpId"), &strip(theirs, "bgpId"));
            }
        }
    }
    let detail: Value = serde_json::from_str(&listing(Layout::JsonDetail)).unwrap();
    assert_eq!(detail["routes"]["1.1.1.0/24"]["multiPathCount"], 1);
    assert!(listing(Layout::Detail).contains("BGP routing table entry for 1.1.1.0/24, version 16\n"));
}

/// Leaves a key out everywhere.
fn strip(value: &Value, key: &str) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(k, _)| k.as_str() != key);
            Value::Object(kept.map(|(k, v)| (k.clone(), strip(v, key))).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(|v| strip(v, key)).collect()),
        other => other.clone(),
    }
}

#[test]
fn prefixes_in_detail_are_those_of_the_laboratory() {
    let header = samples::header();
    for prefix in samples::table().iter().chain(&samples::table_v6()) {
        let family = if matches!(prefix.prefix, ipnet::IpNet::V4(_)) { "ipv4" } else { "ipv6" };
        let name = prefix.prefix.to_string().replace('/', "-").replace(':', "_");
        let name = name.replace("__-", "_-");
        let name = format!("edge1/show_bgp_{family}_unicast_{name}");
        if let Some(theirs) = shared_json(&format!("{name}.json")) {
            // The laboratory counts the best path twice where there are several.
            let comparable = |v: &Value| strip(&strip(v, "bgpId"), "multiPathCount");
            let ours = path::prefix_json(&header, prefix);
            assert_eq!(comparable(&ours), comparable(&theirs), "{name}");
        }
        if let Some(theirs) = shared(&format!("{name}.txt")) {
            let kept = theirs.lines().filter(|l| !l.contains("Characteristics:") && !l.contains("BGPID:"));
            let theirs: Vec<&str> = kept.collect();
            let ours = written(|out| path::prefix_text(&header, prefix, path::Which::All, out));
            same_lines(&ours, &theirs.join("\n"));
        }
    }
}

#[test]
fn only_the_best_path_is_shown_when_asked_for() {
    let table = samples::table();
    let text = written(|out| path::prefix_text(&samples::header(), &table[1], path::Which::Best, out));
    assert!(text.contains("Paths: (2 available, best #1"));
    assert_eq!(text.matches("Last update").count(), 1);
}

#[test]
fn route_lines_are_those_of_the_laboratory() {
    let ours = written(|out| {
        let mut cursor = samples::routes().into_iter();
        let options = route::RouteOptions::default();
        route::list_text(Family::Ipv4Unicast, &mut cursor, &options, out).map_err(io::Error::other)
    });
    let expected = "IPv4 unicast VRF default:
B>* 0.0.0.0/0 [20/0] via 192.0.2.2, eth-isp, weight 1, 00:01:24
B>  1.1.1.0/24 [200/0] via 10.255.0.2 (recursive), weight 1, 00:01:23
  *                      via 10.10.0.3, lan0, weight 1, 00:01:23
B   10.10.0.0/24 [20/0] via 10.10.0.100 inactive, weight 1, 00:01:22
                        via 10.10.0.100 inactive (dup), weight 1, 00:01:22
C>* 10.10.0.0/24 is directly connected, lan0, weight 1, 00:01:30
L * 10.10.0.1/32 is directly connected, vrrp4-lan0, weight 1, 00:01:27
C>* 10.10.0.1/32 is directly connected, vrrp4-lan0, weight 1, 00:01:27
B>* 10.20.30.40/32 [20/0] via 10.10.0.100, lan0, weight 1, 00:01:22
                          via 10.10.0.100, lan0 (dup), weight 1, 00:01:22
B>* 10.200.0.0/16 [200/0] unreachable (blackhole), weight 1, 00:01:25
";
    assert!(ours.ends_with(expected), "{ours}");
}

#[test]
fn routes_as_json_have_the_laboratory_s_values() {
    let ours = parsed(|out| {
        let mut cursor = samples::routes().into_iter();
        route::list_json(&mut cursor, &route::RouteOptions::default(), out).map_err(io::Error::other)
    });
    if let Some(theirs) = shared_json("edge1/show_ip_route.json") {
        for (key, routes) in ours.as_object().unwrap() {
            // An installed duplicate has the flag of the hop that it repeats.
            let flagged = |v: &Value| v.to_string().replace("\"flags\":19", "\"flags\":17");
            assert_eq!(flagged(routes), flagged(&theirs[key]), "{key}");
        }
    }
    if let Some(theirs) = shared_json("edge1/show_ip_route_1.1.1.0-24.json") {
        let mut routes = samples::routes();
        routes[1].uptime = 113;
        assert_eq!(parsed(|out| route::detail_json(&routes[1..2], out)), theirs);
    }
    assert_eq!(written(|out| route::detail_json(&[], out)), "{}\n");
    let text = written(|out| route::detail_text(&samples::routes()[1..2], out));
    let expected = "Routing entry for 1.1.1.0/24
  Known via \"bgp\", distance 200, metric 0, best
  Last update 00:01:23 ago
  Flags: Recursion iBGP Selected \n  Status: Installed \n    10.255.0.2 (recursive), weight 1
  *   10.10.0.3, via lan0, weight 1

";
    assert_eq!(text, expected);
}

#[test]
fn flags_of_a_route_have_names() {
    let flags = |bits: u32| {
        let route = RouteView { internal_flags: bits, ..samples::routes()[1].clone() };
        let text = written(|out| route::detail_text(&[route], out));
        text.lines().find_map(|l| l.strip_prefix("  Flags: ")).unwrap().to_owned()
    };
    assert_eq!(flags(RouteView::SELECTED), "Selected ");
    let of_static = RouteView::RECURSION | RouteView::SELECTED | RouteView::OWN_DISTANCE;
    assert_eq!((of_static, flags(of_static).as_str()), (73, "Recursion Selected RR Distance "));
    let of_ibgp = RouteView::RECURSION | RouteView::IBGP;
    assert_eq!(flags(of_ibgp), "Recursion iBGP ");
}

#[test]
fn route_numbers_are_those_of_the_laboratory() {
    let row = |source, routes, fib| RouteSummaryRow { source, routes, fib };
    let rows = vec![
        row("connected", 4, 4),
        row("local", 4, 4),
        row("static", 4, 4),
        row("ebgp", 5, 4),
        row("ibgp", 3, 3),
    ];
    let view = RouteSummary { rows };
    if let Some(theirs) = shared("edge1/show_ip_route_summary.txt") {
        assert_eq!(written(|out| route::summary_text(&view, out)), theirs);
    }
    if let Some(theirs) = shared_json("edge1/show_ip_route_summary.json") {
        assert_eq!(parsed(|out| route::summary_json(&view, out)), theirs);
    }
    assert!(written(|out| route::summary_text(&view, out)).contains("Totals               20  "));
}

#[test]
fn virtual_routers_are_those_of_the_laboratory() {
    let views = [samples::vrrp()];
    if let Some(theirs) = shared("edge1/show_vrrp.txt") {
        assert_eq!(written(|out| vrrp::text(&views, out)), theirs);
    }
    if let Some(theirs) = shared("edge1/show_vrrp_summary.txt") {
        assert_eq!(written(|out| vrrp::summary(&views, out)), theirs);
    }
    let ours = written(|out| vrrp::json(&views, out));
    if let Some(theirs) = shared("edge1/show_vrrp.json") {
        assert_eq!(ours, theirs.trim_end().to_owned() + "\n");
    }
    assert!(ours.starts_with("[\n  {\n    \"vrid\":10,\n    \"version\":3,\n"), "{ours}");
}

#[test]
fn interfaces_are_those_of_the_laboratory() {
    let views = [samples::lan0()];
    if let Some(theirs) = shared("edge1/show_interface_lan0.txt") {
        assert_eq!(written(|out| interface::text(&views, out)), theirs);
    }
    if let Some(theirs) = shared_json("edge1/show_interface_lan0.json") {
        assert_eq!(parsed(|out| interface::json(&views, out)), theirs);
    }
    let brief = written(|out| interface::brief(&views, out));
    assert!(brief.contains("lan0            up      default         10.10.0.2/24\n"), "{brief}");
    assert!(brief.contains("                                        + fe80::1ccf:73ff:febc:7e19/64\n"));
}

#[test]
fn neighbors_as_json_have_the_laboratory_s_keys() {
    let Some(theirs) = shared_json("edge1/show_bgp_neighbors.json") else { return };
    for view in samples::neighbors() {
        let ours = Value::Object(neighbor_json::neighbor(&view));
        let theirs = &theirs[view.id.to_string()];
        let volatile =
            |v: &Value| strip(&strip(v, "selectionDeferralTimerRemaining"), "lastNotificationReason");
        same_shape(&volatile(&ours), &volatile(theirs));
    }
}

#[test]
fn a_provider_s_page_is_that_of_the_laboratory() {
    let view = &samples::neighbors()[0];
    let ours = written(|out| neighbor_text::all(std::slice::from_ref(view), out));
    let Some(theirs) = shared("edge1/show_bgp_neighbors_192.0.2.2.txt") else { return };
    // The laboratory's page says its graceful-restart capability twice.
    let theirs = theirs.replacen(
        "      Address families by peer:\n            Graceful Restart Capability: advertised and received\n      Remote Restart timer is 120 seconds\n",
        "",
        1,
    );
    let theirs: Vec<&str> = theirs.lines().filter(|l| !l.contains("Multihop GR peer exists")).collect();
    same_lines(&ours, &(theirs.join("\n") + "\n"));
}

#[test]
fn a_neighbor_that_never_came_up_has_its_page_too() {
    let view = &samples::neighbors()[3];
    let ours = written(|out| neighbor_text::all(std::slice::from_ref(view), out));
    assert!(ours.contains("  BGP state = Active\n  Last read 00:01:49, Last write never\n"), "{ours}");
    if let Some(theirs) = shared("edge1/show_bgp_neighbors_10.10.0.254.txt") {
        same_lines(&ours.replace("Last reset 00:01:48", "Last reset 00:01:49"), &theirs);
    }
}

#[test]
fn told_routes_are_those_of_the_laboratory() {
    let told = |net: &str, incomplete: bool| {
        let mut path = PathView::new("0.0.0.0".parse().unwrap());
        path.med = Some(0);
        path.best = true;
        path.origin = if incomplete { bgp::attrs::Origin::Incomplete } else { bgp::attrs::Origin::Igp };
        PrefixView {
            prefix: net.parse().unwrap(),
            version: 1,
            paths: vec![path],
            advertised_to: None,
            fib: FibFlags::default(),
        }
    };
    let rows = || vec![told("10.200.0.0/16", true), told("203.0.113.0/24", false)].into_iter();
    let kind = neighbor_routes::Kind::Advertised;
    let around = neighbor_routes::Around::default();
    let name = "edge1/show_bgp_ipv4_unicast_neighbors_192.0.2.2_advertised-routes";
    let header = samples::header();
    let text = written(|out| {
        neighbor_routes::text(kind, &header, &mut rows(), around, out).map_err(io::Error::other)
    });
    if let Some(theirs) = shared(&format!("{name}.txt")) {
        same_lines(&text, &theirs);
    }
    let json = parsed(|out| {
        neighbor_routes::json(kind, &header, &mut rows(), around, out).map_err(io::Error::other)
    });
    if let Some(theirs) = shared_json(&format!("{name}.json")) {
        assert_eq!(json, theirs);
    }
    assert_eq!(json["totalPrefixCounter"], 2);
}

#[test]
fn tracked_next_hops_are_those_of_the_laboratory() {
    let hop = |gateway: Option<&str>| RouteHop {
        gateway: gateway.map(samples::ip),
        interface: Some("lan0".into()),
        ifindex: Some(7),
        active: true,
        fib: true,
        weight: 1,
        ..RouteHop::default()
    };
    let view = |address: &str, resolved: Option<(RouteProtocol, &str)>, hops| NhtView {
        family: Family::Ipv4Unicast,
        address: samples::ip(address),
        resolved: resolved.map(|(p, net)| (p, net.parse().unwrap())),
        hops,
        clients: vec![NhtClient {
            protocol: "bgp",
            filtered: false,
            connected: false,
            resolve_via_default: false,
        }],
    };
    let views =
        [view("10.255.0.2", Some((RouteProtocol::Static, "10.255.0.2/32")), vec![hop(Some("10.10.0.3"))])];
    let unsocketed = |v: &Value| v.to_string().replace("\"socket\":44", "\"socket\":0");
    let ours = parsed(|out| route::nht_json(Family::Ipv4Unicast, &views, true, out));
    if let Some(theirs) = shared_json("edge1/show_ip_nht_10.255.0.2.json") {
        assert_eq!(unsocketed(&ours), unsocketed(&theirs));
    }
    let text = written(|out| route::nht_text(&[view("10.9.9.9", None, vec![])], false, out));
    assert_eq!(
        text,
        "VRF default:\n Resolve via default: off\n10.9.9.9\n unresolved\n Client list: bgp(fd 0)\n"
    );
}

#[test]
fn bgp_next_hops_are_those_of_the_laboratory() {
    let view = BgpNexthopView {
        address: samples::ip("10.255.0.2"),
        valid: true,
        metric: 0,
        paths: 5,
        peer: Some("10.255.0.2".into()),
        resolved_prefix: Some("10.255.0.2/32".parse().unwrap()),
        discard: false,
        hops: vec![BgpNexthopHop {
            gateway: Some(samples::ip("10.10.0.3")),
            interface: "lan0".into(),
            ifindex: 7,
        }],
        updated_epoch: 1_795_372_218,
        age: 84,
    };
    let ours = parsed(|out| nexthop::json(std::slice::from_ref(&view), false, out));
    if let Some(theirs) = shared_json("edge1/show_bgp_nexthop.json") {
        assert_eq!(ours["ipv4"]["10.255.0.2"], theirs["ipv4"]["10.255.0.2"]);
    }
    let text = written(|out| nexthop::text(nexthop::Cache::Nexthop, &[view], out));
    assert!(text.contains("  gate 10.10.0.3, if lan0, ifindex 7\n"), "{text}");
}

#[test]
fn graceful_restart_alone_is_that_of_the_laboratory() {
    let views = &samples::neighbors()[..1];
    let ours = parsed(|out| json::pretty(&neighbor_json::graceful_restart_only(views), out));
    let volatile = |v: &Value| strip(v, "selectionDeferralTimerRemaining");
    if let Some(theirs) = shared_json("edge1/show_bgp_neighbors_192.0.2.2_graceful-restart.json") {
        same_shape(&volatile(&ours), &volatile(&theirs));
    }
    let text = written(|out| neighbor_text::graceful_restart_only(views, out));
    if let Some(theirs) = shared("edge1/show_bgp_neighbors_192.0.2.2_graceful-restart.txt") {
        let kept = |t: &str| {
            let gone = ["Multihop GR peer", "Remaining(sec)", "up for"];
            let lines = t.lines().filter(|l| !gone.iter().any(|g| l.contains(g)));
            lines.map(|l| l.to_owned() + "\n").collect::<String>()
        };
        same_lines(&kept(&text), &kept(&theirs));
    }
}

#[test]
fn counts_of_prefixes_are_those_of_the_laboratory() {
    let counts = neighbor_routes::PrefixCounts {
        counter: 3,
        adj_in: 9,
        valid: 3,
        useable: 3,
        all: 3,
        best: 1,
        ..Default::default()
    };
    let name = "edge1/show_bgp_ipv4_unicast_neighbors_192.0.2.2_prefix-counts";
    if let Some(theirs) = shared(&format!("{name}.txt")) {
        same_lines(&written(|out| counts.text("192.0.2.2", "IPv4 Unicast", out)), &theirs);
    }
    if let Some(theirs) = shared_json(&format!("{name}.json")) {
        assert_eq!(parsed(|out| counts.json("192.0.2.2", "ipv4Unicast", out)), theirs);
    }
}
