//! The kernel's routes of a node, as `ip -j route` shows them.

use std::collections::HashMap;

use serde_json::Value;

use crate::Node;

/// Protocol of our BGP routes, the number that FRR has for them, too.
pub const BGP: &str = "186";
/// Protocol of our other routes.
pub const STATIC: &str = "196";

/// A route of the kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// Destination as shown: `default` for the default route, host routes without length.
    pub prefix: String,
    /// Number of the protocol.
    pub protocol: String,
    /// `unicast`, `blackhole`, `unreachable`, `prohibit`.
    pub kind: String,
    /// Gateways with their interfaces, sorted.
    pub hops: Vec<(String, String)>,
    /// Priority.
    pub metric: u64,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn hop(value: &Value) -> (String, String) {
    let via = value["via"]["host"].as_str().or(value["gateway"].as_str()).unwrap_or_default();
    (via.to_owned(), text(&value["dev"]))
}

/// Next-hop objects by number: the kernel shows a route on a group of one by the number alone.
type Objects = HashMap<u64, Value>;

fn objects(node: &Node) -> Objects {
    let list: Vec<Value> = serde_json::from_str(node.ip("-N -j nexthop show").trim()).unwrap_or_default();
    list.into_iter().filter_map(|o| Some((o["id"].as_u64()?, o))).collect()
}

fn object_hops(objects: &Objects, id: u64) -> Vec<(String, String)> {
    let Some(object) = objects.get(&id) else { return Vec::new() };
    match object["group"].as_array() {
        Some(members) => {
            let ids = members.iter().filter_map(|m| m["id"].as_u64());
            ids.flat_map(|id| object_hops(objects, id)).collect()
        }
        None => vec![hop(object)],
    }
}

fn route(value: &Value, objects: &Objects) -> Route {
    let mut hops: Vec<(String, String)> = match (value["nhid"].as_u64(), value["nexthops"].as_array()) {
        (Some(id), _) => object_hops(objects, id),
        (None, Some(hops)) => hops.iter().map(hop).collect(),
        (None, None) => vec![hop(value)],
    };
    hops.retain(|(via, dev)| !via.is_empty() || !dev.is_empty());
    hops.sort();
    Route {
        prefix: text(&value["dst"]),
        protocol: text(&value["protocol"]),
        kind: match value["type"].as_str() {
            Some("6") => "blackhole".into(),
            Some("7") => "unreachable".into(),
            Some("8") => "prohibit".into(),
            Some("1") | None => "unicast".into(),
            Some(other) => other.into(),
        },
        hops,
        metric: value["metric"].as_u64().unwrap_or(0),
    }
}

/// All routes of the main table, one family after the other.
pub fn routes(node: &Node) -> Vec<Route> {
    let objects = objects(node);
    ["-4", "-6"]
        .into_iter()
        .flat_map(|family| {
            let shown = node.ip(&format!("-N -j -d {family} route show table main"));
            let list: Vec<Value> = serde_json::from_str(shown.trim()).unwrap_or_default();
            list.iter().map(|r| route(r, &objects)).collect::<Vec<_>>()
        })
        .collect()
}

/// Routes to a prefix.
pub fn to(node: &Node, prefix: &str) -> Vec<Route> {
    routes(node).into_iter().filter(|r| r.prefix == prefix).collect()
}

/// The one route to a prefix that is of a protocol.
pub fn of(node: &Node, prefix: &str, protocol: &str) -> Option<Route> {
    to(node, prefix).into_iter().find(|r| r.protocol == protocol)
}

/// Gateways of the route of a protocol to a prefix.
pub fn gateways(node: &Node, prefix: &str, protocol: &str) -> Vec<String> {
    of(node, prefix, protocol).map(|r| r.hops.into_iter().map(|(via, _)| via).collect()).unwrap_or_default()
}

/// How many routes of a protocol there are.
pub fn count(node: &Node, protocol: &str) -> usize {
    routes(node).iter().filter(|r| r.protocol == protocol).count()
}
