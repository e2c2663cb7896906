//! One plan of an IPv4 session, carried out by each of the peers.

use router_tests::lab::Node;
use router_tests::peers::{Bird, ExaBgp, GoBgp, OpenBgpd};
use serde_json::{Value, json};

use crate::common::*;

/// How a peer reaches us, and what it says with THEIRS: community 65002:7, large community 65002:8:9 and route target
/// 65002:10.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// Our address and theirs.
    pub us: &'a str,
    pub them: &'a str,
    /// Our AS number and theirs.
    pub asns: [u32; 2],
    /// The peer does not dial.
    pub passive: bool,
    /// We are three hops away at most, not one.
    pub far: bool,
    /// TCP MD5 key, if not empty.
    pub password: &'a str,
    /// Further words about the neighbour in the peer's language.
    pub more: &'a str,
}

/// A plan for the two ends of the usual link.
pub const USUAL: Plan<'static> = Plan {
    us: "10.0.0.1",
    them: "10.0.0.2",
    asns: [65001, 65002],
    passive: false,
    far: false,
    password: "",
    more: "",
};

/// What all peers do alike.
pub trait Far {
    /// Whether it has a session with us.
    fn up(&self, us: &str) -> bool;
    /// Sends a signal to all of its processes.
    fn signal(&self, name: &str);
    /// Ends it at once.
    fn kill(&mut self);
    /// The AS path to a prefix as it has it, its ASes with blanks between them.
    fn as_path(&self, prefix: &str) -> Option<String>;
    /// Ends what it waits after an error before it takes part again, where that cannot be set.
    fn hurry(&self, _us: &str) {}
}

/// Starts a peer by a plan.
pub type Start = fn(&Node, &Plan<'_>) -> Box<dyn Far>;

/// All peers but FRR, which other stories play with.
pub const PEERS: [(&str, Start); 4] = [
    ("BIRD", |node, plan| Box::new(bird(node, plan))),
    ("GoBGP", |node, plan| Box::new(gobgp(node, plan))),
    ("OpenBGPD", |node, plan| Box::new(openbgpd(node, plan))),
    ("ExaBGP", |node, plan| Box::new(exabgp(node, plan))),
];

fn if_so(yes: bool, words: &str) -> &str {
    if yes { words } else { "" }
}

pub fn bird(node: &Node, plan: &Plan<'_>) -> Bird {
    let Plan { us, them, asns, more, .. } = plan;
    let key = format!("password \"{}\";", plan.password);
    let config = format!(
        "router id {them};\nlog stderr all;\nprotocol device {{}}\nprotocol static s4 {{ ipv4; route {THEIRS} blackhole \
         {{ bgp_community.add((65002,7)); bgp_large_community.add((65002,8,9)); \
         bgp_ext_community.add((rt,65002,10)); }}; }}\n\
         protocol bgp v4 {{ connect delay time 1; connect retry time 1; error wait time 1, 2; \
         local {them} as {}; neighbor {us} as {}; {}{}{}{more} \
         ipv4 {{ import all; export all; next hop self; }}; }}\n",
        asns[1],
        asns[0],
        if_so(plan.passive, "passive on; "),
        if_so(plan.far, "multihop 3; "),
        if_so(!plan.password.is_empty(), &key)
    );
    Bird::start(node, &config)
}

pub fn gobgp(node: &Node, plan: &Plan<'_>) -> GoBgp {
    let Plan { us, them, asns, more, .. } = plan;
    let key = format!("auth-password = \"{}\"\n", plan.password);
    let config = format!(
        "[global.config]\nas = {}\nrouter-id = \"{them}\"\n[[neighbors]]\n[neighbors.config]\n\
         neighbor-address = \"{us}\"\npeer-as = {}\n{}[neighbors.timers.config]\nconnect-retry = 1\n\
         idle-hold-time-after-reset = 1\n[neighbors.transport.config]\nlocal-address = \"{them}\"\npassive-mode = {}\n\
         {}{more}[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"ipv4-unicast\"\n",
        asns[1],
        asns[0],
        if_so(!plan.password.is_empty(), &key),
        plan.passive,
        if_so(plan.far, "[neighbors.ebgp-multihop.config]\nenabled = true\nmultihop-ttl = 3\n"),
    );
    let gobgp = GoBgp::start(node, &config);
    let tags = "community 65002:7 large-community 65002:8:9 rt 65002:10";
    gobgp.gobgp(&format!("global rib add -a ipv4 {THEIRS} origin igp {tags}")).unwrap();
    gobgp
}

pub fn openbgpd(node: &Node, plan: &Plan<'_>) -> OpenBgpd {
    let Plan { us, them, asns, more, .. } = plan;
    let key = format!(" tcp md5sig password {}\n", plan.password);
    let config = format!(
        "AS {}\nrouter-id {them}\nfib-update no\nconnect-retry 1\n\
         network {THEIRS} set {{ community 65002:7 large-community 65002:8:9 ext-community rt 65002:10 }}\n\
         neighbor {us} {{\n remote-as {}\n local-address {them}\n announce IPv6 none\n{}{}{}{more}}}\n\
         allow from any\nallow to any\n",
        asns[1],
        asns[0],
        if_so(plan.passive, " passive\n"),
        if_so(plan.far, " multihop 3\n"),
        if_so(!plan.password.is_empty(), &key)
    );
    OpenBgpd::start(node, &config)
}

/// `more` may have a block `capability`.
pub fn exabgp(node: &Node, plan: &Plan<'_>) -> ExaBgp {
    let Plan { us, them, asns, more, .. } = plan;
    let key = format!("md5-password {}; ", plan.password);
    let config = format!(
        "neighbor {us} {{ router-id {them}; local-address {them}; local-as {}; peer-as {}; {}{}{}{more} \
         family {{ ipv4 unicast; }} \
         api {{ processes [ ear, mouth ]; neighbor-changes; receive {{ parsed; update; notification; refresh; }} }} \
         static {{ route {THEIRS} next-hop self community [ 65002:7 ] large-community [ 65002:8:9 ] \
         extended-community [ target:65002:10 ]; }} }}\n",
        asns[1],
        asns[0],
        if_so(plan.passive, "passive true; listen 179; "),
        if_so(plan.far, "outgoing-ttl 3; "),
        if_so(!plan.password.is_empty(), &key)
    );
    ExaBgp::start(node, &config)
}

macro_rules! far {
    ($peer:ty, |$this:ident, $us:ident| $up:expr, as_path: $as_path:expr $(, hurry: $hurry:expr)?) => {
        impl Far for $peer {
            fn up(&self, $us: &str) -> bool {
                let $this = self;
                $up
            }

            fn signal(&self, name: &str) {
                self.signal(name);
            }

            fn kill(&mut self) {
                self.kill();
            }

            fn as_path(&self, prefix: &str) -> Option<String> {
                let as_path: fn(&$peer, &str) -> Option<String> = $as_path;
                as_path(self, prefix)
            }
            $(
                fn hurry(&self, us: &str) {
                    let hurry: fn(&$peer, &str) = $hurry;
                    hurry(self, us);
                }
            )?
        }
    };
}

/// The ASes of a list in JSON with blanks between them.
fn listed(asns: &Value) -> Option<String> {
    let asns: Vec<String> = asns.as_array()?.iter().map(Value::to_string).collect();
    Some(asns.join(" "))
}

far!(Bird, |bird, _us| bird.established("v4"), as_path: |bird, prefix| {
    let route = bird.route(prefix);
    let line = route.lines().find_map(|l| l.trim().strip_prefix("BGP.as_path:"))?;
    Some(line.trim().to_owned())
});
far!(GoBgp, |gobgp, us| gobgp.established(us), as_path: |gobgp, prefix| {
    let paths = gobgp.paths(prefix);
    let attrs = paths.first()?["attrs"].as_array()?;
    let as_path = attrs.iter().find(|a| a["type"] == 2)?;
    listed(as_path["as_paths"].get(0).map_or(&json!([]), |segment| &segment["asns"]))
});
far!(OpenBgpd, |openbgpd, us| openbgpd.established(us), as_path: |openbgpd, prefix| {
    openbgpd.path(prefix)?["aspath"].as_str().map(str::to_owned)
}, hurry: |openbgpd, us| {
    openbgpd.bgpctl(&format!("neighbor {us} clear")).unwrap();
});
far!(ExaBgp, |exabgp, _us| {
    let heard = exabgp.heard();
    heard.iter().rfind(|m| m["type"] == "state").is_some_and(|m| m["neighbor"]["state"] == "up")
}, as_path: |exabgp, prefix| {
    let heard = exabgp.heard();
    let updates = heard.iter().rev().map(|m| &m["neighbor"]["message"]["update"]);
    let of = |update: &&Value| update["announce"].to_string().contains(prefix);
    let update = updates.into_iter().find(of)?;
    listed(update["attribute"].get("as-path").unwrap_or(&json!([])))
});
