//! Lists and route-maps.

use std::collections::BTreeSet;

use super::super::backend::Action;
use super::{Context, Daemon, ExecCommand, Ran, exec};
use crate::config::grammar::{Args, Fail};
use crate::config::model::Config;
use crate::show::policy::{self, Entries, ListForm, Owner, PrefixLists};

const BGPD: Option<Daemon> = Some(Daemon::Bgpd);

/// Commands about policy.
pub const COMMANDS: &[ExecCommand] = &[
    exec(
        "show ip prefix-list [PREFIXLIST4_NAME$name [seq (1-4294967295)$seq]] [json]",
        "IPv4 prefix-lists",
        None,
        |c, a| prefix_lists(c, a, false, ListForm::Plain),
    ),
    exec(
        "show ip prefix-list detail [PREFIXLIST4_NAME$name] [json]",
        "IPv4 prefix-lists with counters",
        None,
        |c, a| prefix_lists(c, a, false, ListForm::Detail),
    ),
    exec(
        "show ip prefix-list summary [PREFIXLIST4_NAME$name] [json]",
        "IPv4 prefix-lists in numbers",
        None,
        |c, a| prefix_lists(c, a, false, ListForm::Summary),
    ),
    exec(
        "show ipv6 prefix-list [PREFIXLIST6_NAME$name [seq (1-4294967295)$seq]] [json]",
        "IPv6 prefix-lists",
        None,
        |c, a| prefix_lists(c, a, true, ListForm::Plain),
    ),
    exec(
        "show ipv6 prefix-list detail [PREFIXLIST6_NAME$name] [json]",
        "IPv6 prefix-lists with counters",
        None,
        |c, a| prefix_lists(c, a, true, ListForm::Detail),
    ),
    exec(
        "show ipv6 prefix-list summary [PREFIXLIST6_NAME$name] [json]",
        "IPv6 prefix-lists in numbers",
        None,
        |c, a| prefix_lists(c, a, true, ListForm::Summary),
    ),
    exec(
        "show <ip|ipv6>$afi prefix-list NAME$name <A.B.C.D/M|X:X::X:X/M>$net [<longer|first-match>$which]",
        "Entries of a prefix-list for a prefix",
        None,
        prefix_entries,
    ),
    exec("show <ip|ipv6>$afi access-list [NAME] [json]", "Access-lists", None, |c, a| {
        let v6 = a.get("afi") == Some("ipv6");
        let policies = &c.config.policies;
        let lists = if v6 { &policies.access_lists_v6 } else { &policies.access_lists_v4 };
        match a.has("json") {
            true => Ok(policy::access_lists_json(lists, a.get("NAME"), v6, owner(c), c.out)?),
            false => Ok(policy::access_lists(lists, a.get("NAME"), v6, owner(c), c.out)?),
        }
    }),
    exec("show route-map [WORD] [json]", "Route-maps", None, |c, a| {
        let counters = c.backend.policy_counters();
        match a.has("json") {
            true => Ok(policy::route_maps_json(&c.config, &counters, a.get("WORD"), owner(c), c.out)?),
            false => Ok(policy::route_maps(&c.config, &counters, a.get("WORD"), owner(c), c.out)?),
        }
    }),
    exec("show route-map-unused [json]", "Route-maps that nothing refers to", None, |c, a| {
        let used = used_route_maps(&c.config);
        let mut config = (*c.config).clone();
        config.policies.route_maps.retain(|name, _| !used.contains(name));
        let counters = c.backend.policy_counters();
        match a.has("json") {
            true => Ok(policy::route_maps_json(&config, &counters, None, owner(c), c.out)?),
            false => Ok(policy::route_maps(&config, &counters, None, owner(c), c.out)?),
        }
    }),
    exec(
        "show <bgp|ip>$p as-path-access-list [AS_PATH_FILTER_NAME$name] [json]",
        "AS-path lists",
        BGPD,
        |c, a| Ok(policy::as_path_lists(&c.config, a.get("name"), a.has("json"), c.out)?),
    ),
    exec("show bgp community-list [COMMUNITY_LIST_NAME$name] [detail]", "Community lists", BGPD, |c, a| {
        Ok(policy::community_lists(&c.config, a.get("name"), c.out)?)
    }),
    exec(
        "show bgp large-community-list [LCOMMUNITY_LIST_NAME$name] [detail]",
        "Large community lists",
        BGPD,
        |c, a| Ok(policy::large_community_lists(&c.config, a.get("name"), c.out)?),
    ),
    exec(
        "show bgp extcommunity-list [EXTCOMMUNITY_LIST_NAME$name] [detail]",
        "Extended community lists",
        BGPD,
        |c, a| Ok(policy::ext_community_lists(&c.config, a.get("name"), c.out)?),
    ),
    exec(
        "clear <ip|ipv6> prefix-list [NAME [<A.B.C.D/M|X:X::X:X/M>]]",
        "Counters of prefix-lists",
        None,
        clear,
    )
    .privileged(),
    exec("clear route-map counters [RMAP_NAME]", "Counters of route-maps", None, clear).privileged(),
];

/// Names of route-maps that something refers to.
fn used_route_maps(config: &Config) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for bgp in config.bgp.iter().chain(config.other_bgp.values()) {
        for part in &bgp.families {
            used.extend(part.networks.values().filter_map(|n| n.route_map.clone()));
            used.extend(part.redistribute.values().filter_map(|r| r.route_map.clone()));
            used.extend(
                part.aggregates.values().flat_map(|a| [&a.route_map, &a.suppress_map]).flatten().cloned(),
            );
            used.extend(part.table_map.clone());
        }
        let groups = bgp.peer_groups.values().flat_map(|g| &g.families);
        for peer in bgp.neighbors.values().flat_map(|n| &n.families).chain(groups) {
            used.extend(
                [&peer.route_map_in, &peer.route_map_out, &peer.unsuppress_map]
                    .into_iter()
                    .flatten()
                    .cloned(),
            );
            used.extend(peer.allowas_in.iter().filter_map(|a| a.route_map.clone()));
            used.extend(peer.advertise_map.iter().flat_map(|m| [&m.route_map, &m.condition]).cloned());
            used.extend(peer.default_originate.iter().filter_map(|d| d.route_map.clone()));
        }
    }
    used.extend(config.install_maps.values().chain(config.nht_maps.values()).cloned());
    let entries = config.policies.route_maps.values().flat_map(|m| m.values());
    used.extend(entries.filter_map(|e| e.call.clone()));
    used
}

/// As whose the lists are shown.
fn owner(context: &Context<'_>) -> Owner {
    if context.daemon == Some(Daemon::Zebra) { Owner::ZEBRA } else { Owner::BGP }
}

fn prefix_lists(context: &mut Context<'_>, args: &Args<'_>, v6: bool, form: ListForm) -> Ran {
    let owner = owner(context);
    let counters = context.backend.policy_counters();
    let policies = &context.config.policies;
    let (lists, hits) = match v6 {
        false => (&policies.prefix_lists_v4, &counters.prefix_lists_v4),
        true => (&policies.prefix_lists_v6, &counters.prefix_lists_v6),
    };
    let view =
        PrefixLists { lists, hits, v6, name: args.get("name"), sequence: args.opt("seq")?, form, owner };
    match args.has("json") {
        true => Ok(view.json(context.out)?),
        false => Ok(view.text(context.out)?),
    }
}

/// The entries that are the prefix, those inside of it, or the first that covers it.
fn prefix_entries(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    let (name, net) = (args.word("name")?, args.prefix("net")?);
    let v6 = args.get("afi") == Some("ipv6");
    let counters = context.backend.policy_counters();
    let policies = &context.config.policies;
    let (lists, hits) = match v6 {
        false => (&policies.prefix_lists_v4, &counters.prefix_lists_v4),
        true => (&policies.prefix_lists_v6, &counters.prefix_lists_v6),
    };
    let Some(list) = lists.get(name) else {
        return Ok(writeln!(context.out, "% Can't find specified prefix-list")?);
    };
    if net.addr().is_ipv6() != v6 {
        return Err(Fail::Value(net.to_string()).into());
    }
    let which = match args.get("which") {
        Some("longer") => Entries::Inside,
        Some(_) => Entries::First,
        None => Entries::Same,
    };
    Ok(policy::prefix_entries(name, list, hits, net, which, context.out)?)
}

fn clear(context: &mut Context<'_>, _: &Args<'_>) -> Ran {
    Ok(context.backend.act(Action::ClearPolicyCounters)?)
}
