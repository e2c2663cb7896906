//! The laws that hold when everything is at rest. Each is worked out from the topology and the routers' own tables by
//! other means than the cores use.

use std::collections::{BTreeMap, VecDeque};

use bgp::attrs::AttrView;
use bgp::fsm::FsmState;
use ipnet::IpNet;

use super::World;
use super::node::{address, asn, gateways};

/// Looks at everything; the error says which law is broken and where.
pub fn at_rest(world: &World) -> Result<(), String> {
    sessions(world)?;
    let origins: BTreeMap<IpNet, usize> = world
        .nodes
        .iter()
        .enumerate()
        .flat_map(|(n, node)| node.networks.iter().map(move |net| (*net, n)))
        .collect();
    for n in 0..world.nodes.len() {
        tables(world, n, &origins)?;
        for (m, ..) in world.nodes[n].neighbors() {
            told(world, n, m, &origins)?;
        }
        walks(world, n, &origins)?;
    }
    Ok(())
}

fn sessions(world: &World) -> Result<(), String> {
    for (n, node) in world.nodes.iter().enumerate() {
        for (m, _, state) in node.neighbors() {
            if state != FsmState::Established {
                return Err(format!("the session of {n} with {m} is in {state}"));
            }
        }
    }
    Ok(())
}

/// Hops from a node to all others.
fn distances(world: &World, from: usize) -> Vec<usize> {
    let mut found = vec![usize::MAX; world.nodes.len()];
    found[from] = 0;
    let mut queue = VecDeque::from([from]);
    while let Some(n) = queue.pop_front() {
        for (m, ..) in world.nodes[n].neighbors() {
            if found[m] == usize::MAX {
                found[m] = found[n] + 1;
                queue.push_back(m);
            }
        }
    }
    found
}

/// The AS path of the best path, `None` without one.
fn best(world: &World, n: usize, net: IpNet) -> Option<Vec<u32>> {
    let view = world.nodes[n].rib().prefix(net)?;
    let best = view.paths.iter().find(|p| p.best)?;
    Some(AttrView::new(&best.block).as_path().asns().map(|a| a.0).collect())
}

/// Every prefix is there by a shortest path, and the kernel has just the others' prefixes, over the best path.
fn tables(world: &World, n: usize, origins: &BTreeMap<IpNet, usize>) -> Result<(), String> {
    let far = distances(world, n);
    let node = &world.nodes[n];
    for (net, origin) in origins {
        let path = best(world, n, *net).ok_or_else(|| format!("{n} has no path to {net} of {origin}"))?;
        if path.len() != far[*origin] {
            return Err(format!(
                "{n} reaches {net} of {origin} by {path:?}, but it is {} hops away",
                far[*origin]
            ));
        }
        let wanted = path.first().map(|first| {
            let next = (first - asn(0)) as usize;
            vec![address(world.link_of(n, next).expect("a link to a neighbour"), next).into()]
        });
        let found = gateways(&node.kernel, *net);
        if found != wanted {
            return Err(format!("{n}: kernel has {net} over {found:?}, wanted {wanted:?}"));
        }
    }
    let ours = node.kernel.routes.values().filter(|r| r.protocol == 186);
    match ours.map(|r| r.prefix).find(|p| !origins.contains_key(p)) {
        Some(extra) => Err(format!("{n}: kernel has {extra}, which nobody announces")),
        None => Ok(()),
    }
}

/// What `m` keeps of `n` is what the rules make `n` say: its best path with its AS in front, unless `m` is in it.
fn told(world: &World, n: usize, m: usize, origins: &BTreeMap<IpNet, usize>) -> Result<(), String> {
    let receiver = &world.nodes[m];
    let peers = receiver.neighbors();
    let (_, id, _) = peers.iter().find(|(other, ..)| *other == n).ok_or("no neighbour")?;
    for net in origins.keys() {
        let said = best(world, n, *net).map(|mut path| {
            path.insert(0, asn(n));
            path
        });
        let wanted = said.filter(|path| !path.contains(&asn(m)));
        let kept = receiver.rib().prefix(*net).and_then(|view| {
            let path = view.paths.iter().find(|p| p.peer == *id && !p.stale)?;
            Some(AttrView::new(&path.block).as_path().asns().map(|a| a.0).collect::<Vec<u32>>())
        });
        if kept != wanted {
            return Err(format!("{m} keeps {kept:?} of {n} for {net}, but {n} says {wanted:?}"));
        }
    }
    Ok(())
}

/// Packets from a node reach every prefix without meeting a router twice.
fn walks(world: &World, n: usize, origins: &BTreeMap<IpNet, usize>) -> Result<(), String> {
    for (net, origin) in origins {
        let (mut at, mut met) = (n, vec![n]);
        while at != *origin {
            let hops = gateways(&world.nodes[at].kernel, *net);
            let Some(gateway) = hops.as_ref().and_then(|h| h.first()) else {
                return Err(format!("packets from {n} to {net} are lost at {at}"));
            };
            let next = world.nodes[at].neighbors().into_iter().find(|(m, ..)| {
                world.link_of(at, *m).is_some_and(|link| *gateway == std::net::IpAddr::V4(address(link, *m)))
            });
            at = next.ok_or_else(|| format!("{at} sends {net} to {gateway}, where nobody is"))?.0;
            if met.contains(&at) {
                return Err(format!("packets from {n} to {net} go round: {met:?}, {at}"));
            }
            met.push(at);
        }
    }
    Ok(())
}
