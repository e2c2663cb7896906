//! Reading replies, dumps and notifications.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::constants::*;
use super::message::{KernelNexthop, KernelRoute, Object};
use super::reader::{RawMessage, attributes, text, u8_at, u16_at, u32_at};
use crate::intent::{Address, Hop, Link, Resilient, RouteKind};

/// A message of the kernel, as far as it concerns us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Incoming {
    /// Outcome of the request with this number.
    Outcome {
        /// Its sequence number.
        seq: u32,
        /// Positive error number, 0 for success.
        errno: i32,
        /// The kernel's words.
        message: Option<String>,
    },
    /// End of a dump.
    Done {
        /// Sequence number of the dump request.
        seq: u32,
    },
    /// A thing exists or changed (`removed` false), or is gone.
    Object {
        /// Sequence number of the request that caused it, 0 if none.
        seq: u32,
        /// It no longer exists.
        removed: bool,
        /// It took the place of another with the same key (`NLM_F_REPLACE`).
        replaced: bool,
        /// The dump that it belongs to was disturbed (`NLM_F_DUMP_INTR`).
        interrupted: bool,
        /// The thing.
        object: Object,
    },
    /// Of no interest, or not understood.
    Other,
}

/// Reads one message.
pub fn decode(raw: &RawMessage<'_>) -> Incoming {
    let (object, removed) = match raw.kind {
        NLMSG_ERROR => return outcome(raw).unwrap_or(Incoming::Other),
        NLMSG_DONE => return Incoming::Done { seq: raw.seq },
        RTM_NEWLINK | RTM_DELLINK => (link(raw.body).map(Object::Link), raw.kind == RTM_DELLINK),
        RTM_NEWADDR | RTM_DELADDR => (address(raw.body).map(Object::Address), raw.kind == RTM_DELADDR),
        RTM_NEWROUTE | RTM_DELROUTE => (route(raw.body).map(Object::Route), raw.kind == RTM_DELROUTE),
        RTM_NEWNEXTHOP | RTM_DELNEXTHOP => {
            (nexthop(raw.body).map(Object::Nexthop), raw.kind == RTM_DELNEXTHOP)
        }
        _ => (None, false),
    };
    match object {
        Some(object) => Incoming::Object {
            seq: raw.seq,
            removed,
            replaced: raw.flags & NLM_F_REPLACE != 0,
            interrupted: raw.flags & NLM_F_DUMP_INTR != 0,
            object,
        },
        None => Incoming::Other,
    }
}

fn outcome(raw: &RawMessage<'_>) -> Option<Incoming> {
    let error = u32_at(raw.body, 0)?.cast_signed();
    let quoted = if raw.flags & NLM_F_CAPPED != 0 {
        16
    } else {
        (usize::try_from(u32_at(raw.body, 4)?).ok()?.max(16) + 3) & !3
    };
    let message = (raw.flags & NLM_F_ACK_TLVS != 0)
        .then(|| raw.body.get(4 + quoted..))
        .flatten()
        .and_then(|tlvs| attributes(tlvs).find(|(kind, _)| *kind == NLMSGERR_ATTR_MSG))
        .map(|(_, value)| text(value));
    Some(Incoming::Outcome { seq: raw.seq, errno: error.checked_neg()?, message })
}

fn ip(value: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(value) {
        return Some(IpAddr::V4(Ipv4Addr::from(octets)));
    }
    <[u8; 16]>::try_from(value).ok().map(|octets| IpAddr::V6(Ipv6Addr::from(octets)))
}

fn unspecified(family: u8) -> Option<IpAddr> {
    match family {
        AF_INET => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        AF_INET6 => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        _ => None,
    }
}

fn link(body: &[u8]) -> Option<Link> {
    // AF_BRIDGE messages speak of a bridge port, not of the interface.
    if u8_at(body, 0)? != AF_UNSPEC {
        return None;
    }
    let flags = u32_at(body, 8)?;
    let mut link = Link {
        index: u32_at(body, 4)?,
        hardware: u16_at(body, 2)?,
        flags,
        up: flags & IFF_UP != 0,
        lower_up: flags & (IFF_LOWER_UP | IFF_RUNNING) != 0,
        ..Link::default()
    };
    for (kind, value) in attributes(body.get(16..)?) {
        match kind {
            IFLA_ADDRESS => link.mac = value.try_into().ok(),
            IFLA_IFNAME => link.name = text(value),
            IFLA_MTU => link.mtu = u32_at(value, 0).unwrap_or(0),
            IFLA_LINK => link.parent = u32_at(value, 0),
            IFLA_MASTER => link.master = u32_at(value, 0),
            IFLA_IFALIAS => link.alias = Some(text(value)),
            IFLA_LINKINFO => link_info(value, &mut link),
            _ => {}
        }
    }
    Some(link)
}

fn link_info(info: &[u8], link: &mut Link) {
    for (kind, value) in attributes(info) {
        match kind {
            IFLA_INFO_KIND => link.kind = Some(text(value)),
            IFLA_INFO_DATA if link.kind.as_deref() == Some("vrf") => {
                link.vrf_table = attributes(value)
                    .find(|(kind, _)| *kind == IFLA_VRF_TABLE)
                    .and_then(|(_, table)| u32_at(table, 0));
            }
            _ => {}
        }
    }
}

fn address(body: &[u8]) -> Option<Address> {
    let length = u8_at(body, 1)?;
    let mut flags = u32::from(u8_at(body, 2)?);
    let (mut local, mut remote) = (None, None);
    let mut protocol = 0;
    for (kind, value) in attributes(body.get(8..)?) {
        match kind {
            IFA_ADDRESS => remote = ip(value),
            IFA_LOCAL => local = ip(value),
            IFA_FLAGS => flags = u32_at(value, 0).unwrap_or(flags),
            IFA_PROTO => protocol = u8_at(value, 0).unwrap_or(0),
            _ => {}
        }
    }
    let own = local.or(remote)?;
    Some(Address {
        ifindex: u32_at(body, 4)?,
        net: IpNet::new(own, length).ok()?,
        peer: remote.filter(|peer| *peer != own),
        flags,
        scope: u8_at(body, 3)?,
        protocol,
    })
}

fn route(body: &[u8]) -> Option<KernelRoute> {
    let family = u8_at(body, 0)?;
    let mut destination = unspecified(family)?;
    let kind = match u8_at(body, 7)? {
        RTN_UNICAST => RouteKind::Unicast,
        RTN_BLACKHOLE => RouteKind::Blackhole,
        RTN_UNREACHABLE => RouteKind::Unreachable,
        RTN_PROHIBIT => RouteKind::Prohibit,
        RTN_LOCAL | RTN_BROADCAST | RTN_ANYCAST | RTN_MULTICAST => return None,
        other => RouteKind::Other(other),
    };
    let flags = u32_at(body, 8)?;
    if flags & RTM_F_CLONED != 0 {
        return None;
    }
    let mut table = u32::from(u8_at(body, 4)?);
    let (mut metric, mut object, mut source, mut hops) = (0, None, None, Vec::new());
    let mut single = Hop { gateway: None, ifindex: 0, weight: 1, onlink: flags & RTNH_F_ONLINK != 0 };
    for (kind, value) in attributes(body.get(12..)?) {
        match kind {
            RTA_DST => destination = ip(value)?,
            RTA_TABLE => table = u32_at(value, 0)?,
            RTA_PRIORITY => metric = u32_at(value, 0)?,
            RTA_PREFSRC => source = ip(value),
            RTA_NH_ID => object = u32_at(value, 0),
            RTA_OIF => single.ifindex = u32_at(value, 0)?,
            RTA_GATEWAY => single.gateway = ip(value),
            RTA_VIA => single.gateway = value.get(2..).and_then(ip),
            RTA_MULTIPATH => hops = multipath(value),
            _ => {}
        }
    }
    if table == RT_TABLE_LOCAL {
        return None;
    }
    if hops.is_empty() && kind == RouteKind::Unicast && single.ifindex != 0 {
        hops.push(single);
    }
    let prefix = IpNet::new(destination, u8_at(body, 1)?).ok()?;
    Some(KernelRoute { prefix, table, protocol: u8_at(body, 5)?, metric, kind, object, hops, source })
}

fn multipath(mut rest: &[u8]) -> Vec<Hop> {
    let mut hops = Vec::new();
    while let (Some(len), Some(flags), Some(weight), Some(ifindex)) =
        (u16_at(rest, 0), u8_at(rest, 2), u8_at(rest, 3), u32_at(rest, 4))
    {
        let len = usize::from(len);
        let Some(body) = rest.get(8..len) else { break };
        let gateway = attributes(body).find_map(|(kind, value)| match kind {
            RTA_GATEWAY => ip(value),
            RTA_VIA => value.get(2..).and_then(ip),
            _ => None,
        });
        hops.push(Hop {
            gateway,
            ifindex,
            weight: weight.saturating_add(1),
            onlink: u32::from(flags) & RTNH_F_ONLINK != 0,
        });
        rest = rest.get((len + 3) & !3..).unwrap_or_default();
    }
    hops
}

fn nexthop(body: &[u8]) -> Option<KernelNexthop> {
    let flags = u32_at(body, 4)?;
    let mut id = None;
    let (mut gateway, mut ifindex, mut members) = (None, None, Vec::new());
    let (mut group_type, mut resilient) = (0, None);
    for (kind, value) in attributes(body.get(8..)?) {
        match kind {
            NHA_ID => id = u32_at(value, 0),
            NHA_OIF => ifindex = u32_at(value, 0),
            NHA_GATEWAY => gateway = ip(value),
            NHA_GROUP => {
                members = value
                    .chunks_exact(8)
                    .filter_map(|m| Some((u32_at(m, 0)?, u8_at(m, 4)?.saturating_add(1))))
                    .collect();
            }
            NHA_GROUP_TYPE => group_type = u16_at(value, 0).unwrap_or(0),
            NHA_RES_GROUP => resilient = resilient_group(value),
            _ => {}
        }
    }
    let hop = ifindex.map(|ifindex| Hop { gateway, ifindex, weight: 1, onlink: flags & RTNH_F_ONLINK != 0 });
    Some(KernelNexthop {
        id: id?,
        protocol: u8_at(body, 2)?,
        v6: u8_at(body, 0)? == AF_INET6,
        hop,
        members,
        resilient: resilient.filter(|_| group_type == NEXTHOP_GRP_TYPE_RES),
    })
}

fn resilient_group(value: &[u8]) -> Option<Resilient> {
    let seconds = |ticks: &[u8]| u32_at(ticks, 0).map(|t| t / TICKS_PER_SECOND);
    let mut found = Resilient { buckets: 0, idle: 0, unbalanced: 0 };
    for (kind, value) in attributes(value) {
        match kind {
            NHA_RES_GROUP_BUCKETS => found.buckets = u16_at(value, 0)?,
            NHA_RES_GROUP_IDLE_TIMER => found.idle = seconds(value)?,
            NHA_RES_GROUP_UNBALANCED_TIMER => found.unbalanced = seconds(value)?,
            _ => {}
        }
    }
    Some(found)
}
