//! The nodes of the demonstration and their configurations.

/// An interface of a node.
pub struct Interface {
    /// Name inside.
    pub name: &'static str,
    /// Bridge outside.
    pub bridge: &'static str,
}

/// A node.
pub struct Node {
    /// Name.
    pub name: &'static str,
    /// Interfaces.
    pub interfaces: Vec<Interface>,
    /// Configuration.
    pub config: String,
}

const WAN: Interface = Interface { name: "eth-wan", bridge: "wan" };
const LAN: Interface = Interface { name: "eth-lan", bridge: "lan" };

/// All nodes.
pub fn all() -> Vec<Node> {
    let edge =
        |n, name, priority| Node { name, interfaces: vec![WAN, LAN], config: edge_config(n, priority) };
    let host = |n, name| Node { name, interfaces: vec![LAN], config: host_config(n) };
    vec![
        Node { name: "provider", interfaces: vec![WAN], config: provider_config() },
        edge(1, "r1", 200),
        edge(2, "r2", 150),
        edge(3, "r3", 100),
        host(1, "h1"),
        host(2, "h2"),
        Node { name: "client", interfaces: vec![LAN], config: CLIENT.to_owned() },
    ]
}

/// Gives transit; has an address of the wide world to send packets to.
fn provider_config() -> String {
    let mut neighbors = String::new();
    for n in 1..=3 {
        neighbors += &format!(
            " neighbor 192.0.2.1{n} remote-as 65000\n neighbor 192.0.2.1{n} passive\n \
             neighbor 2001:db8:2::1{n} remote-as 65000\n neighbor 2001:db8:2::1{n} passive\n \
             no neighbor 2001:db8:2::1{n} activate\n"
        );
    }
    let mut v4 = String::new();
    let mut v6 = String::new();
    for n in 1..=3 {
        v4 += &format!("  neighbor 192.0.2.1{n} default-originate\n");
        v6 +=
            &format!("  neighbor 2001:db8:2::1{n} activate\n  neighbor 2001:db8:2::1{n} default-originate\n");
    }
    format!(
        "frr defaults datacenter
hostname provider
interface lo
 ip address 198.51.100.1/32
 ipv6 address 2001:db8:100::1/128
interface eth-wan
 ip address 192.0.2.1/24
 ipv6 address 2001:db8:2::1/64
router bgp 64500
 bgp router-id 192.0.2.1
 timers bgp 1 3
{neighbors} address-family ipv4 unicast
{v4} exit-address-family
 address-family ipv6 unicast
{v6} exit-address-family
"
    )
}

/// One of the three edges. Only our own two prefixes go to the provider, whatever the hosts announce; an unused
/// address of theirs is unreachable here and never goes back.
fn edge_config(n: u8, priority: u8) -> String {
    let lan = n + 1;
    let mut others = String::new();
    for other in (1..=3).filter(|o| *o != n) {
        others += &format!(" neighbor 203.0.113.{} peer-group EDGES\n", other + 1);
    }
    format!(
        "frr defaults datacenter
hostname r{n}
ip route 203.0.113.0/27 reject 254
ipv6 route 2001:db8:20::/48 reject
interface eth-wan
 ip address 192.0.2.1{n}/24
 ipv6 address 2001:db8:2::1{n}/64
interface eth-lan
 ip address 203.0.113.{lan}/27
 ipv6 address 2001:db8:20::{lan}/64
 vrrp 10 version 3
 vrrp 10 priority {priority}
 vrrp 10 advertisement-interval 100
 vrrp 10 ip 203.0.113.1
 vrrp 10 ipv6 fe80::1
 vrrp 10 ipv6 2001:db8:20::1
 vrrp 10 track bgp neighbor 192.0.2.1
router bgp 65000
 bgp router-id 203.0.113.{lan}
 bgp bestpath as-path multipath-relax
 timers bgp 1 3
 neighbor EDGES peer-group
 neighbor EDGES remote-as internal
 neighbor HOSTS peer-group
 neighbor HOSTS remote-as 65101
{others} neighbor 192.0.2.1 remote-as 64500
 neighbor 2001:db8:2::1 remote-as 64500
 no neighbor 2001:db8:2::1 activate
 neighbor 203.0.113.11 peer-group HOSTS
 neighbor 203.0.113.12 peer-group HOSTS
 address-family ipv4 unicast
  network 203.0.113.0/27
  neighbor EDGES next-hop-self
  neighbor HOSTS prefix-list ANYCAST in
  neighbor HOSTS prefix-list NOTHING out
  neighbor 192.0.2.1 prefix-list OURS out
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:20::/48
  neighbor 2001:db8:2::1 activate
  neighbor 2001:db8:2::1 prefix-list OURS6 out
 exit-address-family
ip prefix-list OURS seq 5 permit 203.0.113.0/27
ip prefix-list ANYCAST seq 5 permit 203.0.113.0/27 ge 32
ip prefix-list NOTHING seq 5 deny any
ipv6 prefix-list OURS6 seq 5 permit 2001:db8:20::/48
"
    )
}

/// A host with the anycast address.
fn host_config(n: u8) -> String {
    let mut edges = String::new();
    for edge in 2..=4 {
        edges += &format!(" neighbor 203.0.113.{edge} remote-as 65000\n");
    }
    format!(
        "frr defaults datacenter
hostname h{n}
ip route 0.0.0.0/0 203.0.113.1
interface lo
 ip address 203.0.113.30/32
interface eth-lan
 ip address 203.0.113.1{n}/27
router bgp 65101
 bgp router-id 203.0.113.1{n}
 timers bgp 1 3
{edges} address-family ipv4 unicast
  network 203.0.113.30/32
 exit-address-family
"
    )
}

/// Knows the gateway and nothing else.
const CLIENT: &str = "hostname client
ip route 0.0.0.0/0 203.0.113.1
ipv6 route ::/0 2001:db8:20::1
interface eth-lan
 ip address 203.0.113.20/27
 ipv6 address 2001:db8:20::20/64
";
