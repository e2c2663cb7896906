//! TTL security of the BGP port (RFC 5082): a packet filter on the listener that every connection inherits.
//!
//! A listener is there for all neighbours, and a connection is known to be one neighbour's only when it is taken from
//! it: by then its first bytes may be here, from however far. So the kernel looks at each packet's source before the
//! listener sees it. A neighbour's own connections are guarded by their sockets as well.

use std::net::IpAddr;

use ipnet::IpNet;
use socket2::SockFilter;

/// Who may be how far away.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Rule {
    /// A neighbour, or a range of them.
    pub from: IpNet,
    /// Least TTL or hop limit of what comes from there; 0 is any.
    pub least: u8,
}

/// The network header, from which loads are counted (`SKF_NET_OFF` of `linux/filter.h`).
const NETWORK: u32 = -0x10_0000_i32 as u32;

/// Instructions of `linux/bpf_common.h`.
mod code {
    pub const LOAD_WORD: u16 = 0x20;
    pub const LOAD_BYTE: u16 = 0x30;
    pub const AND: u16 = 0x54;
    pub const JUMP_EQUAL: u16 = 0x15;
    pub const JUMP_AT_LEAST: u16 = 0x35;
    pub const RETURN: u16 = 0x06;
}

const PASS: u32 = u32::MAX;
const DROP: u32 = 0;

/// `BPF_MAXINSNS`: the kernel takes no longer program.
const LONGEST: usize = 4096;

const fn step(code: u16, k: u32) -> SockFilter {
    SockFilter::new(code, 0, 0, k)
}

/// The filter of one family's listener; the first rule that fits counts. `None` if it would be too long.
pub fn program(rules: &[Rule], v6: bool) -> Option<Vec<SockFilter>> {
    let mut out = Vec::new();
    for rule in rules.iter().filter(|r| r.from.addr().is_ipv4() != v6) {
        out.extend(block(rule));
    }
    out.push(step(code::RETURN, PASS));
    (out.len() <= LONGEST).then_some(out)
}

/// If the source fits, passes or drops; else goes on behind.
fn block(rule: &Rule) -> Vec<SockFilter> {
    let (words, source, ttl) = match rule.from.network() {
        IpAddr::V4(a) => (vec![u32::from(a)], 12, 8),
        IpAddr::V6(a) => {
            (a.octets().as_chunks::<4>().0.iter().map(|w| u32::from_be_bytes(*w)).collect(), 8, 7)
        }
    };
    // Put together from its end, as jumps need to know what follows.
    let mut tail = vec![
        step(code::LOAD_BYTE, NETWORK + ttl),
        SockFilter::new(code::JUMP_AT_LEAST, 0, 1, rule.least.into()),
        step(code::RETURN, PASS),
        step(code::RETURN, DROP),
    ];
    for (at, word) in words.into_iter().enumerate().rev() {
        let bits = u32::from(rule.from.prefix_len()).saturating_sub(32 * at as u32).min(32);
        if bits == 0 {
            continue;
        }
        let host = u32::MAX.checked_shr(bits).unwrap_or(0);
        let mut head = vec![step(code::LOAD_WORD, NETWORK + source + 4 * at as u32)];
        if host != 0 {
            head.push(step(code::AND, !host));
        }
        // Sixteen instructions at most.
        head.push(SockFilter::new(code::JUMP_EQUAL, 0, tail.len() as u8, word));
        head.append(&mut tail);
        tail = head;
    }
    tail
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::super::transport::{CONTROL, Transport, dial, listen};
    use super::*;

    fn rule(from: &str, least: u8) -> Rule {
        Rule { from: from.parse().unwrap(), least }
    }

    /// Whether a listener with these rules takes a connection whose packets have this TTL.
    async fn taken(any: &str, rules: &[Rule], ttl: u8) -> bool {
        let any: SocketAddr = any.parse().unwrap();
        let listener = listen(any).unwrap();
        let filter = program(rules, any.is_ipv6()).unwrap();
        socket2::SockRef::from(&listener).attach_filter(&filter).unwrap();
        let peer = listener.local_addr().unwrap();
        let transport =
            Transport { peer, local: None, ttl, min_ttl: None, password: None, mss: None, class: CONTROL };
        // On the loopback interface an answer is there at once or never.
        tokio::time::timeout(Duration::from_millis(300), dial(transport)).await.is_ok()
    }

    #[tokio::test]
    async fn only_packets_from_near_by_reach_the_listener_of_a_guarded_neighbour() {
        let guarded = [rule("127.0.0.1/32", 255), rule("::1/128", 254)];
        for (any, ttl, expected) in [
            ("127.0.0.1:0", 255, true),
            ("127.0.0.1:0", 254, false),
            ("[::1]:0", 254, true),
            ("[::1]:0", 253, false),
        ] {
            assert_eq!(taken(any, &guarded, ttl).await, expected, "{any} {ttl}");
        }
        let others = [rule("127.0.0.2/32", 255), rule("::2/128", 255), rule("2001:db8::/33", 255)];
        assert!(taken("127.0.0.1:0", &others, 1).await && taken("[::1]:0", &others, 1).await);
    }

    #[tokio::test]
    async fn the_first_rule_that_fits_counts() {
        let rules = [rule("127.0.0.1/32", 0), rule("127.0.0.0/9", 255), rule("::/3", 255)];
        assert!(taken("127.0.0.1:0", &rules, 1).await);
        assert!(!taken("127.0.0.1:0", &rules[1..], 1).await);
        assert!(!taken("[::1]:0", &rules, 1).await);
        assert!(!taken("127.0.0.1:0", &[rule("0.0.0.0/0", 255)], 64).await);
    }

    #[test]
    fn more_rules_than_the_kernel_takes_make_no_filter() {
        let many: Vec<Rule> =
            (0..1000).map(|n| rule(&format!("10.0.{}.{}/32", n / 250, n % 250), 255)).collect();
        assert!(program(&many[..500], false).is_some());
        assert!(program(&many, false).is_none() && program(&many, true).is_some());
    }
}
