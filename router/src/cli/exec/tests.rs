//! Commands over a backend of samples.

use std::sync::Arc;

use super::super::fake::Fake;
use super::super::session::Session;
use super::Status;

const LISTS: &str = "
ip prefix-list P seq 5 permit 10.0.0.0/8 le 24
ip prefix-list P seq 10 permit 10.1.0.0/16
ip prefix-list P seq 15 deny any
ipv6 prefix-list Q seq 5 permit 2001:db8::/32 le 48
bgp extcommunity-list standard E1 seq 5 permit rt 65001:1
bgp extcommunity-list expanded E2 seq 5 permit RT:.*
route-map R permit 10
ip protocol bgp route-map R
router bgp 65001
 neighbor 192.0.2.2 remote-as 64500
";

/// The answer to a line, which has to be understood.
fn answer(fake: Fake, line: &str) -> String {
    let mut session = Session::new(Arc::new(fake), None);
    let mut out = Vec::new();
    session.execute("enable", &mut out).unwrap();
    out.clear();
    let (status, _) = session.execute(line, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(status, Status::Success, "{line}: {text}");
    text
}

fn lists(line: &str) -> String {
    answer(Fake::with(LISTS), line)
}

#[test]
fn a_prefix_list_tells_its_entries_for_a_prefix() {
    // As FRR 8.4 answers, once instead of by each daemon.
    let hits = "(hit count: 0, refcount: 0)";
    let same = format!("   seq 10 permit 10.1.0.0/16 {hits}\n");
    assert_eq!(lists("show ip prefix-list P 10.1.0.0/16"), same);
    assert_eq!(lists("show ip prefix-list P 10.1.1.0/24"), "");
    let inside = "   seq 5 permit 10.0.0.0/8 le 24\n   seq 10 permit 10.1.0.0/16\n";
    assert_eq!(lists("show ip prefix-list P 10.0.0.0/8 longer"), inside);
    let first = format!("   seq 5 permit 10.0.0.0/8 le 24 {hits}\n");
    assert_eq!(lists("show ip prefix-list P 10.1.1.0/24 first-match"), first);
    let any = format!("   seq 15 deny any {hits}\n");
    assert_eq!(lists("show ip prefix-list P 172.16.0.0/12 first-match"), any);
    assert_eq!(lists("show ip prefix-list NO 10.0.0.0/8"), "% Can't find specified prefix-list\n");
    assert_eq!(
        lists("show ipv6 prefix-list Q 2001:db8::/32 longer"),
        "   seq 5 permit 2001:db8::/32 le 48\n"
    );
}

#[test]
fn extended_community_lists_are_shown() {
    let both = "Named extended community standard list E1\n    permit rt 65001:1\n\
                Named extended community expanded list E2\n    permit RT:.*\n";
    assert_eq!(lists("show bgp extcommunity-list"), both);
    assert_eq!(
        lists("show bgp extcommunity-list E1 detail"),
        both[..both.find("Named extended community expanded").unwrap()]
    );
}

#[test]
fn route_maps_to_the_kernel_are_shown_by_protocol() {
    let shown = lists("show ip protocol");
    assert!(shown.starts_with("VRF: default\nProtocol                  : route-map\n----"), "{shown}");
    assert!(shown.contains("\nbgp                       : R         \n"), "{shown}");
    assert!(!lists("show ipv6 protocol").contains(": R"), "of the other family");
}

#[test]
fn all_families_have_a_table_each() {
    let text = answer(Fake::new(), "show bgp all");
    let heads: Vec<&str> = text.lines().filter(|l| l.starts_with("For address family")).collect();
    assert_eq!(heads, ["For address family: IPv4 Unicast", "For address family: IPv6 Unicast"]);
    let json: serde_json::Value = serde_json::from_str(&answer(Fake::new(), "show bgp all json")).unwrap();
    assert!(json["ipv4Unicast"]["routes"].is_object() && json["ipv6Unicast"]["routes"].is_object(), "{json}");
    let one = answer(Fake::new(), "show bgp ipv4 all");
    assert_eq!(one.matches("For address family").count(), 1);
}

#[test]
fn the_best_routes_of_a_neighbor_are_those_that_are_best() {
    let text = answer(Fake::new(), "show bgp ipv4 unicast neighbors 192.0.2.2 bestpath-routes");
    let rows: Vec<&str> = text.lines().filter(|l| l.starts_with(" *")).collect();
    assert!(!rows.is_empty() && rows.iter().all(|l| l.starts_with(" *>")), "{text}");
    let json = answer(Fake::new(), "show bgp ipv4 unicast neighbors 192.0.2.2 bestpath-routes json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["totalPrefixCounter"], rows.len());
}
