//! What only shows when the whole configuration is known: names that nothing defines.

use std::collections::BTreeSet;

use bgp::types::Family;
use rib::policy::ast::{AddressMatch, Match, NextHopMatch, Policies, Set};

use super::model::{Bgp, Config, Interface, PeerFamily};

/// Checks a configuration. The first list holds mistakes, the second remarks.
pub fn check(config: &Config) -> (Vec<String>, Vec<String>) {
    let mut problems = Vec::new();
    let mut remarks = BTreeSet::new();
    for bgp in config.bgp.iter().chain(config.other_bgp.values()) {
        check_bgp(bgp, &config.policies, &mut problems, &mut remarks);
    }
    for (name, interface) in &config.interfaces {
        check_interface(name, interface, &mut remarks);
    }
    for map in config.install_maps.values().chain(config.nht_maps.values()) {
        route_map(map, &config.policies, &mut remarks);
    }
    check_maps(&config.policies, &mut remarks);
    (problems, remarks.into_iter().collect())
}

fn check_bgp(bgp: &Bgp, policies: &Policies, problems: &mut Vec<String>, remarks: &mut BTreeSet<String>) {
    for (id, neighbor) in &bgp.neighbors {
        let group = neighbor.peer_group.as_ref();
        if let Some(group) = group.filter(|g| !bgp.peer_groups.contains_key(*g)) {
            problems.push(format!("neighbor {id}: peer-group {group} does not exist"));
        }
        if bgp.effective(id).is_none() {
            remarks.insert(format!("neighbor {id} has no remote-as and stays down"));
        }
    }
    for range in &bgp.listen_ranges {
        match bgp.peer_groups.get(&range.peer_group) {
            None => problems.push(format!(
                "listen range {}: peer-group {} does not exist",
                range.prefix, range.peer_group
            )),
            Some(group) if group.options.remote_as.is_none() => {
                remarks.insert(format!(
                    "peer-group {} has no remote-as: its listen ranges accept nobody",
                    range.peer_group
                ));
            }
            Some(_) => {}
        }
    }
    for family in Family::ALL {
        let part = bgp.family(family);
        let maps = part.networks.values().filter_map(|n| n.route_map.as_ref());
        let maps = maps.chain(part.redistribute.values().filter_map(|r| r.route_map.as_ref()));
        let aggregates = part.aggregates.values().flat_map(|a| [&a.route_map, &a.suppress_map]).flatten();
        for map in maps.chain(aggregates).chain(&part.table_map) {
            route_map(map, policies, remarks);
        }
        let peers = bgp.neighbors.values().map(|n| n.family(family));
        for peer in peers.chain(bgp.peer_groups.values().map(|g| g.family(family))) {
            check_peer(peer, family, policies, remarks);
        }
    }
}

fn check_peer(peer: &PeerFamily, family: Family, policies: &Policies, remarks: &mut BTreeSet<String>) {
    for map in [&peer.route_map_in, &peer.route_map_out, &peer.unsuppress_map].into_iter().flatten() {
        route_map(map, policies, remarks);
    }
    for map in peer.allowas_in.iter().filter_map(|a| a.route_map.as_ref()) {
        route_map(map, policies, remarks);
    }
    for map in peer.advertise_map.iter().flat_map(|m| [&m.route_map, &m.condition]) {
        route_map(map, policies, remarks);
    }
    let (prefix_lists, access_lists) = match family {
        Family::Ipv4Unicast => (&policies.prefix_lists_v4, &policies.access_lists_v4),
        Family::Ipv6Unicast => (&policies.prefix_lists_v6, &policies.access_lists_v6),
    };
    for list in [&peer.prefix_list_in, &peer.prefix_list_out].into_iter().flatten() {
        missing("prefix-list", list, prefix_lists.contains_key(list), remarks);
    }
    for list in [&peer.distribute_list_in, &peer.distribute_list_out].into_iter().flatten() {
        missing("access-list", list, access_lists.contains_key(list), remarks);
    }
    for list in [&peer.filter_list_in, &peer.filter_list_out].into_iter().flatten() {
        missing("as-path access-list", list, policies.as_path_lists.contains_key(list), remarks);
    }
}

fn route_map(name: &str, policies: &Policies, remarks: &mut BTreeSet<String>) {
    missing("route-map", name, policies.route_maps.contains_key(name), remarks);
}

fn missing(kind: &str, name: &str, known: bool, remarks: &mut BTreeSet<String>) {
    if !known {
        remarks.insert(format!("The {kind} '{name}' does not exist."));
    }
}

fn check_interface(name: &str, interface: &Interface, remarks: &mut BTreeSet<String>) {
    for (vrid, group) in &interface.vrrp {
        if group.ipv4.is_empty() && group.ipv6.is_empty() {
            remarks.insert(format!("vrrp {vrid} on {name} has no address and does nothing"));
        }
        let link_local = group.ipv6.iter().any(bgp::types::is_link_local);
        if !group.ipv6.is_empty() && !link_local {
            remarks.insert(format!("vrrp {vrid} on {name} has no link-local address: IPv6 stays down"));
        }
        if group.version == 2 && group.advertisement_interval % 1000 != 0 {
            remarks.insert(format!(
                "vrrp {vrid} on {name}: version 2 needs whole seconds between advertisements"
            ));
        }
    }
}

fn check_maps(policies: &Policies, remarks: &mut BTreeSet<String>) {
    for entry in policies.route_maps.values().flat_map(|m| m.values()) {
        if let Some(call) = &entry.call {
            route_map(call, policies, remarks);
        }
        for clause in &entry.matches {
            check_match(clause, policies, remarks);
        }
        for clause in &entry.sets {
            match clause {
                Set::CommunityDelete(name) => {
                    missing("community-list", name, policies.community_lists.contains_key(name), remarks);
                }
                Set::LargeCommunityDelete(name) => {
                    let known = policies.large_community_lists.contains_key(name);
                    missing("large-community-list", name, known, remarks);
                }
                _ => {}
            }
        }
    }
}

fn check_match(clause: &Match, policies: &Policies, remarks: &mut BTreeSet<String>) {
    let (kind, name, known) = match clause {
        Match::AsPath(name) => ("as-path access-list", name, policies.as_path_lists.contains_key(name)),
        Match::Community { list, .. } => {
            ("community-list", list, policies.community_lists.contains_key(list))
        }
        Match::LargeCommunity { list, .. } => {
            ("large-community-list", list, policies.large_community_lists.contains_key(list))
        }
        Match::ExtCommunity(list) => {
            ("extcommunity-list", list, policies.ext_community_lists.contains_key(list))
        }
        Match::Ipv4Address(AddressMatch::PrefixList(name))
        | Match::RouteSource(AddressMatch::PrefixList(name))
        | Match::Ipv4NextHop(NextHopMatch::PrefixList(name)) => {
            ("prefix-list", name, policies.prefix_lists_v4.contains_key(name))
        }
        Match::Ipv6Address(AddressMatch::PrefixList(name))
        | Match::Ipv6NextHop(NextHopMatch::PrefixList(name)) => {
            ("ipv6 prefix-list", name, policies.prefix_lists_v6.contains_key(name))
        }
        Match::Ipv4Address(AddressMatch::AccessList(name))
        | Match::RouteSource(AddressMatch::AccessList(name))
        | Match::Ipv4NextHop(NextHopMatch::AccessList(name)) => {
            ("access-list", name, policies.access_lists_v4.contains_key(name))
        }
        Match::Ipv6Address(AddressMatch::AccessList(name))
        | Match::Ipv6NextHop(NextHopMatch::AccessList(name)) => {
            ("ipv6 access-list", name, policies.access_lists_v6.contains_key(name))
        }
        _ => return,
    };
    missing(kind, name, known, remarks);
}
