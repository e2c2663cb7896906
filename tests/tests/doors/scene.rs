//! A router with sessions of both families, routes of its own, and a gateway.

use std::path::Path;
use std::process::Output;

use router_tests::lab::{Lab, Node};
use router_tests::netns::package;
use router_tests::peers::{Bird, Router};
use router_tests::wait::{PATIENCE, wait_for, wait_ok};

const CONFIG: &str = "frr version 10.8.0
frr defaults traditional
hostname HOST
log stdout informational
ip prefix-list OURS seq 5 permit 192.0.2.0/24
ip prefix-list OURS seq 10 permit 198.51.100.0/24
ipv6 prefix-list OURS6 seq 5 permit 2001:db8:1::/48
route-map OUT permit 10
 match ip address prefix-list OURS
 set community 65001:1 additive
exit
route-map OUT permit 20
 match ipv6 address prefix-list OURS6
exit
route-map ALL permit 10
exit
ip route 192.0.2.0/24 blackhole
ip route 198.51.100.0/24 blackhole
ipv6 route 2001:db8:1::/48 blackhole
interface eth0
 description the segment
 vrrp 10 version 3
 vrrp 10 priority 200
 vrrp 10 advertisement-interval 100
 vrrp 10 ip 10.0.0.100
exit
router bgp 65001
 bgp router-id 10.0.0.1
 neighbor IDLE peer-group
 neighbor 10.0.0.2 remote-as 65002
 neighbor 10.0.0.2 description the provider
 neighbor 10.0.0.2 timers connect 1
 neighbor 2001:db8::2 remote-as 65002
 neighbor 2001:db8::2 timers connect 1
 neighbor 10.0.0.9 remote-as 65009
 neighbor 10.0.0.9 shutdown
 address-family ipv4 unicast
  network 192.0.2.0/24
  network 198.51.100.0/24
  neighbor 10.0.0.2 route-map ALL in
  neighbor 10.0.0.2 route-map OUT out
  no neighbor 2001:db8::2 activate
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:1::/48
  neighbor 2001:db8::2 activate
  neighbor 2001:db8::2 route-map ALL in
  neighbor 2001:db8::2 route-map OUT out
 exit-address-family
exit
";

const PEER: &str = "router id 10.0.0.2;\nlog stderr all;\nprotocol device {}
protocol static s4 { ipv4; route 203.0.113.0/24 blackhole; route 203.0.114.0/24 blackhole; }
protocol static s6 { ipv6; route 2001:db8:2::/48 blackhole; }
template bgp t { local as 65002; connect delay time 1; connect retry time 1; }
protocol bgp r4 from t { local 10.0.0.2 as 65002; neighbor 10.0.0.1 as 65001; ipv4 { import all; export where proto = \"s4\"; }; }
protocol bgp r6 from t { local 2001:db8::2 as 65002; neighbor 2001:db8::1 as 65001; ipv6 { import all; export where proto = \"s6\"; }; }
";

/// The configuration at the start. FRR's shell adds the machine's name as a line of its own, and keeps what
/// `hostname` says to itself: the configuration has the same name.
pub fn config() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("the machine's name");
    CONFIG.replace("HOST", name.trim())
}

/// Our router, with sessions of both families.
pub struct Scene {
    pub router: Router,
    pub peer: Bird,
    pub r: Node,
    _lab: Lab,
}

impl Scene {
    #[track_caller]
    pub fn start() -> Scene {
        let lab = Lab::new();
        let (r, p) = (lab.node("r"), lab.node("p"));
        lab.link(
            (&r, "eth0", &["10.0.0.1/24", "2001:db8::1/64"]),
            (&p, "eth0", &["10.0.0.2/24", "2001:db8::2/64"]),
        );
        let router = Router::start(&r, &config());
        let peer = Bird::start(&p, PEER);
        r.folder("etc");
        r.write("etc/vtysh.conf", "!\n");
        let scene = Scene { router, peer, r, _lab: lab };
        wait_ok(PATIENCE, "the routes of both sessions, both ways", || {
            let got = ["10.0.0.2", "2001:db8::2"].iter().all(|peer| scene.accepted(peer) > 0.0);
            let sent = ["198.51.100.0/24", "2001:db8:1::/48"].iter().all(|p| !scene.peer.route(p).is_empty());
            if got && sent { Ok(()) } else { Err(format!("got {got}, sent {sent}")) }
        });
        wait_for(PATIENCE, "the gateway", || {
            scene.router.vtysh("show vrrp").is_ok_and(|t| t.contains("Master"))
        });
        scene
    }

    fn accepted(&self, peer: &str) -> f64 {
        let name = "frr_bgp_peer_prefixes_accepted_count_total";
        self.router.metric(name, &[&format!("peer=\"{peer}\"")]).unwrap_or(0.0)
    }

    /// How often each session came up, and whether it is.
    pub fn sessions(&self) -> Vec<(String, String)> {
        let shown = self.router.vtysh("show bgp neighbors json").expect("our shell");
        let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
        let of = |id: &str| format!("{} {}", shown[id]["bgpState"], shown[id]["connectionsEstablished"]);
        ["10.0.0.2", "2001:db8::2"].map(|id| (id.to_owned(), of(id))).to_vec()
    }

    /// The configuration in force, as our own shell shows it.
    #[track_caller]
    pub fn running(&self) -> String {
        self.router.vtysh("show running-config no-header").expect("our shell")
    }

    /// Runs a program of FRR's in the node.
    #[track_caller]
    pub fn run(&self, program: &str, args: &[&str]) -> Output {
        assert!(
            Path::new(program).exists(),
            "{program} is missing: install the package {}",
            package(program)
        );
        self.r.output(program, args)
    }

    /// Puts another file in force.
    #[track_caller]
    pub fn load(&self, config: &str) {
        let revision = || self.router.metric("router_config_revision", &[]).unwrap_or(0.0);
        let before = revision();
        self.router.reload(config);
        wait_for(PATIENCE, "the file to be loaded", || revision() > before);
    }
}
