//! Writing requests into one buffer.

use std::net::IpAddr;

use ipnet::IpNet;

use super::constants::*;
use super::message::{Request, Way};
use crate::intent::{Hop, Resilient};

/// A growing buffer of netlink messages with nested lengths patched in.
#[derive(Default, Debug)]
pub struct Encoder {
    buf: Vec<u8>,
    start: usize,
}

impl Encoder {
    /// Empty, keeping the memory.
    pub fn clear(&mut self) {
        self.buf.clear();
        self.start = 0;
    }

    /// What was written.
    pub fn bytes(&self) -> &[u8] {
        &self.buf
    }

    /// Starts a message; its fixed part follows by [`Encoder::put`].
    pub fn begin(&mut self, kind: u16, flags: u16, seq: u32) {
        self.start = self.buf.len();
        self.put(&0u32.to_ne_bytes());
        self.put(&kind.to_ne_bytes());
        self.put(&flags.to_ne_bytes());
        self.put(&seq.to_ne_bytes());
        self.put(&0u32.to_ne_bytes());
    }

    /// Raw bytes.
    pub fn put(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// Completes the message begun last.
    pub fn end(&mut self) {
        let len = u32::try_from(self.buf.len() - self.start).unwrap_or(u32::MAX);
        self.patch(self.start, &len.to_ne_bytes());
        self.pad();
    }

    /// An attribute.
    pub fn attr(&mut self, kind: u16, value: &[u8]) {
        let len = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.put(&len.to_ne_bytes());
        self.put(&kind.to_ne_bytes());
        self.put(value);
        self.pad();
    }

    /// A 32-bit attribute in host order.
    pub fn attr_u32(&mut self, kind: u16, value: u32) {
        self.attr(kind, &value.to_ne_bytes());
    }

    /// An address attribute in network order.
    pub fn attr_ip(&mut self, kind: u16, ip: IpAddr) {
        match ip {
            IpAddr::V4(v4) => self.attr(kind, &v4.octets()),
            IpAddr::V6(v6) => self.attr(kind, &v6.octets()),
        }
    }

    /// Opens a nested attribute; give the result to [`Encoder::close`].
    pub fn open(&mut self, kind: u16) -> usize {
        let at = self.buf.len();
        self.put(&0u16.to_ne_bytes());
        self.put(&kind.to_ne_bytes());
        at
    }

    /// Closes a nested attribute.
    pub fn close(&mut self, at: usize) {
        let len = u16::try_from(self.buf.len() - at).unwrap_or(u16::MAX);
        self.patch(at, &len.to_ne_bytes());
        self.pad();
    }

    fn patch(&mut self, at: usize, bytes: &[u8]) {
        if let Some(slot) = self.buf.get_mut(at..at + bytes.len()) {
            slot.copy_from_slice(bytes);
        }
    }

    fn pad(&mut self) {
        while !self.buf.len().is_multiple_of(4) {
            self.buf.push(0);
        }
    }
}

/// Writes requests numbered from `first_seq`; only the last asks for an acknowledgement, so the
/// kernel answers with the errors, by number, and one final reply.
pub fn encode_batch(out: &mut Encoder, first_seq: u32, requests: &[Request]) {
    for (i, request) in requests.iter().enumerate() {
        let seq = first_seq.wrapping_add(u32::try_from(i).unwrap_or(0));
        let ack = if i + 1 == requests.len() { NLM_F_ACK } else { 0 };
        encode_request(out, seq, NLM_F_REQUEST | ack, request);
    }
}

fn encode_request(out: &mut Encoder, seq: u32, flags: u16, request: &Request) {
    match request {
        Request::NexthopSet { id, protocol, v6, hop } => {
            out.begin(RTM_NEWNEXTHOP, flags | NLM_F_CREATE | NLM_F_REPLACE, seq);
            let family = if *v6 { AF_INET6 } else { AF_INET };
            out.put(&[family, 0, *protocol, 0]);
            out.put(&if hop.onlink { RTNH_F_ONLINK } else { 0 }.to_ne_bytes());
            out.attr_u32(NHA_ID, *id);
            out.attr_u32(NHA_OIF, hop.ifindex);
            if let Some(gateway) = hop.gateway {
                out.attr_ip(NHA_GATEWAY, gateway);
            }
        }
        Request::GroupSet { id, protocol, members, resilient, create } => {
            let create = if *create { NLM_F_CREATE } else { 0 };
            out.begin(RTM_NEWNEXTHOP, flags | create | NLM_F_REPLACE, seq);
            out.put(&[AF_UNSPEC, 0, *protocol, 0, 0, 0, 0, 0]);
            out.attr_u32(NHA_ID, *id);
            let group = out.open(NHA_GROUP);
            for (member, weight) in members {
                out.put(&member.to_ne_bytes());
                out.put(&[weight.saturating_sub(1), 0, 0, 0]);
            }
            out.close(group);
            if let Some(resilient) = resilient {
                put_resilient(out, resilient);
            }
        }
        Request::NexthopDel { id } => {
            out.begin(RTM_DELNEXTHOP, flags, seq);
            out.put(&[0; 8]);
            out.attr_u32(NHA_ID, *id);
        }
        Request::RouteSet { prefix, table, protocol, metric, way, source, exclusive } => {
            let how = if *exclusive { NLM_F_EXCL } else { NLM_F_REPLACE };
            out.begin(RTM_NEWROUTE, flags | NLM_F_CREATE | how, seq);
            let (kind, scope) = kind_and_scope(way, prefix);
            route_head(out, prefix, *table, *protocol, scope, kind, *metric);
            if let Some(source) = source {
                out.attr_ip(RTA_PREFSRC, *source);
            }
            put_way(out, way, prefix);
        }
        Request::RouteDel { prefix, table, protocol, metric } => {
            out.begin(RTM_DELROUTE, flags, seq);
            route_head(out, prefix, *table, *protocol, RT_SCOPE_NOWHERE, 0, *metric);
        }
    }
    out.end();
}

fn put_resilient(out: &mut Encoder, resilient: &Resilient) {
    let ticks = |seconds: u32| seconds.saturating_mul(TICKS_PER_SECOND);
    out.attr(NHA_GROUP_TYPE, &NEXTHOP_GRP_TYPE_RES.to_ne_bytes());
    let at = out.open(NHA_RES_GROUP | NLA_F_NESTED);
    out.attr(NHA_RES_GROUP_BUCKETS, &resilient.buckets.to_ne_bytes());
    out.attr_u32(NHA_RES_GROUP_IDLE_TIMER, ticks(resilient.idle));
    out.attr_u32(NHA_RES_GROUP_UNBALANCED_TIMER, ticks(resilient.unbalanced));
    out.close(at);
}

fn kind_and_scope(way: &Way, prefix: &IpNet) -> (u8, u8) {
    match way {
        Way::Object(_) => (RTN_UNICAST, RT_SCOPE_UNIVERSE),
        Way::Hops(hops) => {
            let direct = hops.iter().all(|h| h.gateway.is_none()) && matches!(prefix, IpNet::V4(_));
            (RTN_UNICAST, if direct { RT_SCOPE_LINK } else { RT_SCOPE_UNIVERSE })
        }
        Way::Blackhole => (RTN_BLACKHOLE, RT_SCOPE_UNIVERSE),
        Way::Unreachable => (RTN_UNREACHABLE, RT_SCOPE_UNIVERSE),
        Way::Prohibit => (RTN_PROHIBIT, RT_SCOPE_UNIVERSE),
    }
}

fn route_head(out: &mut Encoder, prefix: &IpNet, table: u32, protocol: u8, scope: u8, kind: u8, metric: u32) {
    let family = if matches!(prefix, IpNet::V6(_)) { AF_INET6 } else { AF_INET };
    let short = u8::try_from(table).unwrap_or(RT_TABLE_COMPAT);
    out.put(&[family, prefix.prefix_len(), 0, 0, short, protocol, scope, kind, 0, 0, 0, 0]);
    out.attr_ip(RTA_DST, prefix.network());
    out.attr_u32(RTA_TABLE, table);
    out.attr_u32(RTA_PRIORITY, metric);
}

fn put_way(out: &mut Encoder, way: &Way, prefix: &IpNet) {
    match way {
        Way::Object(id) => out.attr_u32(RTA_NH_ID, *id),
        Way::Hops(hops) => match hops.as_slice() {
            [hop] if !hop.onlink => {
                out.attr_u32(RTA_OIF, hop.ifindex);
                put_gateway(out, hop, prefix);
            }
            hops => {
                let list = out.open(RTA_MULTIPATH);
                for hop in hops {
                    let at = out.buf.len();
                    let flags = if hop.onlink { RTNH_F_ONLINK as u8 } else { 0 };
                    out.put(&[0, 0, flags, hop.weight.saturating_sub(1)]);
                    out.put(&hop.ifindex.to_ne_bytes());
                    put_gateway(out, hop, prefix);
                    let len = u16::try_from(out.buf.len() - at).unwrap_or(u16::MAX);
                    out.patch(at, &len.to_ne_bytes());
                }
                out.close(list);
            }
        },
        Way::Blackhole | Way::Unreachable | Way::Prohibit => {}
    }
}

fn put_gateway(out: &mut Encoder, hop: &Hop, prefix: &IpNet) {
    match (hop.gateway, prefix) {
        (None, _) => {}
        (Some(IpAddr::V6(gateway)), IpNet::V4(_)) => {
            let mut via = [0u8; 18];
            via[..2].copy_from_slice(&u16::from(AF_INET6).to_ne_bytes());
            via[2..].copy_from_slice(&gateway.octets());
            out.attr(RTA_VIA, &via);
        }
        (Some(gateway), _) => out.attr_ip(RTA_GATEWAY, gateway),
    }
}

/// A table of the kernel that can be listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dump {
    /// All interfaces.
    Links,
    /// All addresses of both families.
    Addresses,
    /// All next-hop objects.
    Nexthops,
    /// Buckets of the resilient group of this id. Kernels without such groups know no buckets.
    Buckets(u32),
    /// Routes of one family, of one protocol or of all (0).
    Routes {
        /// IPv6 instead of IPv4.
        v6: bool,
        /// `rtm_protocol`, 0 for all.
        protocol: u8,
    },
}

/// Writes a dump request; the socket should have strict checking on, so that the filter counts.
pub fn encode_dump(out: &mut Encoder, seq: u32, dump: Dump) {
    let flags = NLM_F_REQUEST | NLM_F_DUMP;
    match dump {
        Dump::Links => {
            out.begin(RTM_GETLINK, flags, seq);
            out.put(&[0; 16]);
        }
        Dump::Addresses => {
            out.begin(RTM_GETADDR, flags, seq);
            out.put(&[0; 8]);
        }
        Dump::Nexthops => {
            out.begin(RTM_GETNEXTHOP, flags, seq);
            out.put(&[0; 8]);
        }
        Dump::Buckets(id) => {
            out.begin(RTM_GETNEXTHOPBUCKET, flags, seq);
            out.put(&[0; 8]);
            out.attr_u32(NHA_ID, id);
        }
        Dump::Routes { v6, protocol } => {
            out.begin(RTM_GETROUTE, flags, seq);
            let family = if v6 { AF_INET6 } else { AF_INET };
            out.put(&[family, 0, 0, 0, 0, protocol, 0, 0, 0, 0, 0, 0]);
        }
    }
    out.end();
}
