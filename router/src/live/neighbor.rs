//! `show bgp neighbors`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp::fsm::{FaultKind, FsmState, Role};
use bgp::types::{Asn, Family, PeerKind};
use bgp::wire::{Action, Capability, Fault, MessageKind, Notification, Open, Reject, iana};
use rib::query::OnCondition;

use super::bgp::{remote_as, reset_reason, state};
use super::{Live, age, age_ms, epoch_of, gone};
use crate::cli::backend::ViewError;
use crate::config::model::{Bgp, GracefulRestartMode, NextHopSelf, PeerId, UpdateSource};
use crate::shell::clock;
use crate::shell::peer::Status;
use crate::shell::peers::Entry;
use crate::show::views::{
    AddPathCapability, Capabilities, Direction, EndpointView, ErrorCount, ErrorView, ErrorsView,
    GracefulRestartFamily, GracefulRestartView, LastReset, MessageStats, NeighborFamilyView, NeighborView,
    NextTimer, PathPolicy, PrefixStats, ReceivedGracefulRestart, SentReceived,
};

/// What the table says of a neighbour in one family.
#[derive(Clone, Copy, Default)]
struct InTable {
    accepted: u32,
    sent: usize,
    on_condition: OnCondition,
    group: Option<u64>,
}

impl Live {
    pub(super) fn neighbors(&self, id: Option<&PeerId>) -> Result<Vec<NeighborView>, ViewError> {
        let config = self.config();
        let Some(bgp) = &config.bgp else { return Err(ViewError::NoInstance) };
        let chosen: Vec<_> =
            self.statuses().into_iter().filter(|(e, _)| id.is_none_or(|id| *id == e.name)).collect();
        if id.is_some() && chosen.is_empty() {
            return Err(ViewError::NoNeighbor);
        }
        let ids: Vec<rib::PeerId> = chosen.iter().map(|(e, _)| e.id).collect();
        let table = self.control.rib.ask(move |core| {
            let groups = core.groups();
            let of = |id: rib::PeerId| {
                Family::ALL.map(|f| InTable {
                    accepted: core.counts(id, f).accepted,
                    sent: core.advertised_count(id, f),
                    on_condition: core.on_condition(id, f),
                    group: groups
                        .iter()
                        .position(|g| g.family == f && g.members.contains(&id))
                        .map(|at| at as u64 + 1),
                })
            };
            ids.into_iter().map(of).collect::<Vec<_>>()
        });
        let table = table.map_err(gone)?;
        let router_id = self.control.peers.router_id().unwrap_or(Ipv4Addr::UNSPECIFIED);
        Ok(chosen
            .iter()
            .zip(table)
            .map(|((entry, status), table)| {
                let eor = Family::ALL.map(|f| self.control.has_end_of_rib(entry.id, f));
                view(bgp, entry, status.as_deref(), table, eor, router_id)
            })
            .collect())
    }
}

fn view(
    bgp: &Bgp,
    entry: &Entry,
    status: Option<&Status>,
    table: [InTable; 2],
    end_of_rib: [bool; 2],
    router_id: Ipv4Addr,
) -> NeighborView {
    let n = &entry.neighbor;
    let asn = remote_as(bgp, entry);
    let kind = n.kind(bgp, Asn(asn));
    let mut view = NeighborView::new(entry.name.clone());
    view.address = entry.addr;
    view.remote_as = asn;
    view.local_as = n.seen_as(bgp).0;
    view.local_as_no_prepend = n.local_as.is_some_and(|l| l.no_prepend);
    view.local_as_replace = n.local_as.is_some_and(|l| l.replace_as);
    view.local_as_dual = n.local_as.is_some_and(|l| l.dual_as);
    view.kind = kind;
    view.local_role = n.local_role.map(|r| r.role.name());
    view.description = n.description.clone();
    view.peer_group = n.peer_group.clone();
    if let Some(addr) = entry.addr.filter(|_| entry.dynamic) {
        let ranges = bgp.listen_ranges.iter().filter(|r| r.prefix.contains(&addr));
        view.listen_range = ranges.max_by_key(|r| r.prefix.prefix_len()).map(|r| r.prefix);
    }
    view.admin_shutdown = n.shutdown;
    view.local_router_id = router_id;
    view.state = state(entry.state);
    view.configured_hold_time = u32::from(n.timers.hold);
    view.configured_keepalive = u32::from(n.timers.keepalive);
    view.hold_time = view.configured_hold_time;
    view.keepalive = view.configured_keepalive;
    view.tcp_mss_configured = n.tcp_mss.unwrap_or(0);
    view.extended_optional_parameters = n.extended_optional_parameters;
    view.advertisement_interval = n.advertisement_interval;
    view.conditional_advertisement = bgp.conditional_timer.map_or(60, u32::from);
    view.update_source = n.update_source.as_ref().map(|s| match s {
        UpdateSource::Address(a) => a.to_string(),
        UpdateSource::Interface(i) => i.clone(),
    });
    view.max_hops = match (n.ttl_security, n.ebgp_multihop) {
        (Some(hops), _) => hops,
        (None, Some(hops)) => hops,
        (None, None) if kind == PeerKind::Internal => 255,
        (None, None) => 1,
    };
    view.ttl_security = n.ttl_security;
    view.connect_retry = n.connect_retry;
    view.authentication = n.password.is_some();
    let required = bgp.knobs.ebgp_requires_policy && kind == PeerKind::External;
    view.graceful_restart = graceful_restart(entry, status, end_of_rib);
    view.last_reset = last_reset(entry, status);
    if let Some(status) = status {
        from_status(&mut view, status);
    }
    // FRR counts from the beginning as long as nothing was read.
    view.last_read = view.last_read.or(Some(age_ms(entry.since)));
    view.families = Family::ALL
        .into_iter()
        .filter(|f| n.family(*f).activate)
        .map(|f| family_view(entry, f, table[f.index()], required, view.capabilities.is_some()))
        .collect();
    view
}

/// What was wrong with messages.
fn errors(status: &Status) -> ErrorsView {
    let counts = status.updates.iter().flat_map(|u| &u.faults).map(|((attribute, action), times)| {
        ErrorCount { attribute: *attribute, action: action_words(*action), times: *times }
    });
    let recent = status.faults.iter().map(|fault| ErrorView {
        age: age(fault.at),
        text: match fault.kind {
            FaultKind::Attribute { code, fault, action } => {
                let name = iana::attr::name(code).unwrap_or("unknown attribute");
                format!("UPDATE: {name} ({code}), {}, {}", fault_words(fault), action_words(action))
            }
            FaultKind::Message { kind, code, subcode } => {
                let kind = kind.map_or("header", MessageKind::name);
                format!("{kind}: {}", Notification::new(code, subcode))
            }
        },
        bytes: fault.bytes.clone(),
        len: fault.len,
    });
    ErrorsView { counts: counts.collect(), recent: recent.collect() }
}

const fn action_words(action: Action) -> &'static str {
    match action {
        Action::AttributeDiscard => "attribute discard",
        Action::TreatAsWithdraw => "treat-as-withdraw",
        Action::SessionReset(_) => "session reset",
    }
}

pub(super) const fn fault_words(fault: Fault) -> &'static str {
    match fault {
        Fault::Flags => "wrong flags",
        Fault::Length => "wrong length",
        Fault::Value => "wrong value",
        Fault::Overrun => "runs past the attributes",
        Fault::Repeated => "there twice",
        Fault::Missing => "missing",
        Fault::Unrecognized => "not a well-known attribute",
        Fault::Unwanted => "refused by configuration",
    }
}

/// What the session itself says.
fn from_status(view: &mut NeighborView, status: &Status) {
    let stats = &status.stats;
    view.state = state(status.state);
    view.errors = errors(status);
    view.uptime = stats.established_at.map(age);
    view.established_epoch = view.uptime.map(epoch_of);
    view.last_read = stats.last_read.map(age_ms);
    view.last_write = stats.last_write.map(age_ms);
    view.last_update = stats.last_update.map(age_ms);
    view.connections_established = stats.established;
    view.connections_dropped = stats.dropped;
    let pair = |sent: u64, received: u64| SentReceived { sent, received };
    view.messages = MessageStats {
        in_queue: 0,
        out_queue: u32::from(status.waiting > 0),
        opens: pair(stats.sent.open, stats.received.open),
        notifications: pair(stats.sent.notification, stats.received.notification),
        updates: pair(stats.sent.update, stats.received.update),
        keepalives: pair(stats.sent.keepalive, stats.received.keepalive),
        route_refresh: pair(stats.sent.route_refresh, stats.received.route_refresh),
        capability: SentReceived::default(),
    };
    if let Some(updates) = &status.updates {
        view.prefix_stats = PrefixStats {
            inbound_filtered: 0,
            as_path_loop: updates.rejected(Reject::AsPathLoop),
            originator_loop: updates.rejected(Reject::OriginatorLoop),
            cluster_loop: updates.rejected(Reject::ClusterLoop),
            invalid_next_hop: updates.rejected(Reject::NextHop),
            withdrawn: updates.treated_as_withdraw,
            attributes_discarded: updates.attributes_discarded,
        };
    }
    if let Some(tcp) = &status.tcp {
        view.tcp_mss = u16::try_from(tcp.mss).unwrap_or(u16::MAX);
        view.rtt_ms = u32::try_from(tcp.round_trip.as_millis()).ok();
    }
    view.next_timer = next_timer(status);
    view.read_on = status.ends.is_some();
    view.write_on = status.ends.is_some();
    if let Some((local, remote)) = status.ends {
        let end = &status.local_end;
        let (own, other) = (local.ip().to_canonical(), remote.ip().to_canonical());
        // What stands in for an address of the other family, and for a global one where there is none.
        let v4 = if own.is_ipv6() { view.local_router_id } else { Ipv4Addr::UNSPECIFIED };
        let is_link_local = |ip| matches!(ip, IpAddr::V6(v6) if bgp::types::is_link_local(&v6));
        let global = end.v6.or(end.link_local.filter(|_| is_link_local(own)));
        view.endpoint = Some(EndpointView {
            local: own,
            local_port: local.port(),
            remote: other,
            remote_port: remote.port(),
            nexthop: end.v4.unwrap_or(v4),
            nexthop_global: global.unwrap_or(Ipv6Addr::UNSPECIFIED),
            nexthop_local: end.link_local.unwrap_or(Ipv6Addr::UNSPECIFIED),
            shared_network: is_link_local(other) || end.shared.iter().flatten().any(|n| n.contains(&other)),
        });
    }
    let Some(negotiated) = status.negotiated.as_deref() else { return };
    view.remote_router_id = negotiated.remote_id;
    view.remote_role = negotiated.remote_role.map(Role::name);
    view.hostname = negotiated.remote_hostname().map(|(h, _)| h.to_owned());
    view.domainname = negotiated.remote_hostname().map(|(_, d)| d.to_owned()).filter(|d| !d.is_empty());
    view.software_version = negotiated.remote_software_version().map(str::to_owned);
    if status.state == FsmState::Established {
        view.hold_time = u32::from(negotiated.hold_time);
        view.keepalive = u32::from(negotiated.keepalive);
        view.capabilities = Some(capabilities(&negotiated.local, &negotiated.remote));
    }
}

fn last_reset(entry: &Entry, status: Option<&Status>) -> LastReset {
    let reason = reset_reason(entry, status);
    let reset = status.and_then(|s| s.stats.last_reset.as_ref());
    let notification = reset.and_then(|r| r.notification.as_ref());
    LastReset {
        // What keeps a session down from the start does so since the neighbour is there.
        age: Some(age(reset.map_or(entry.since, |r| r.at))),
        code: reason.code(),
        reason: reason.text().to_owned(),
        notification: notification.map(ToString::to_string),
        notification_codes: notification.map(|n| (n.code, n.subcode)),
        message: notification.and_then(|n| n.shutdown_message()).map(|m| m.to_string()),
    }
}

fn next_timer(status: &Status) -> Option<NextTimer> {
    let left = |at: u64| at.saturating_sub(clock::now()) / bgp::types::MILLISECOND;
    match status.state {
        FsmState::Idle => status.timers.idle_hold.map(|at| NextTimer::Start(left(at))),
        FsmState::Connect | FsmState::Active => {
            status.timers.connect_retry.map(|at| NextTimer::Connect(left(at)))
        }
        FsmState::OpenSent | FsmState::OpenConfirm | FsmState::Established => None,
    }
}

fn has(open: &Open, wanted: fn(&Capability) -> bool) -> bool {
    open.capabilities.iter().any(wanted)
}

/// Capabilities of both sides.
fn capabilities(local: &Open, remote: &Open) -> Capabilities {
    let both = |wanted: fn(&Capability) -> bool| Direction::of(has(local, wanted), has(remote, wanted));
    let carries = |open: &Open, f: Family| {
        open.capabilities.iter().any(|c| match c {
            Capability::Multiprotocol { afi, safi } => Family::from_codes(*afi, *safi) == Some(f),
            _ => false,
        })
    };
    let name = |open: &Open| {
        open.capabilities.iter().find_map(|c| match c {
            Capability::Fqdn { host, domain } => Some((host.clone(), domain.clone())),
            _ => None,
        })
    };
    let software = |open: &Open| {
        open.capabilities.iter().find_map(|c| match c {
            Capability::SoftwareVersion(text) => Some(text.clone()),
            _ => None,
        })
    };
    let (ours, theirs) = (name(local), name(remote));
    let filled = |s: String| Some(s).filter(|s| !s.is_empty());
    Capabilities {
        four_octet_as: both(|c| matches!(c, Capability::FourOctetAs(_))),
        extended_message: both(|c| matches!(c, Capability::ExtendedMessage)),
        add_path: add_path(local, remote),
        dynamic: Direction::None,
        extended_nexthop: both(|c| matches!(c, Capability::ExtendedNextHop(_))),
        extended_nexthop_by_peer: remote
            .capabilities
            .iter()
            .filter_map(|c| match c {
                Capability::ExtendedNextHop(list) => Some(list),
                _ => None,
            })
            .flatten()
            .filter_map(|t| Family::from_codes(t.afi, t.safi as u8))
            .collect(),
        long_lived_graceful_restart: both(|c| matches!(c, Capability::LongLivedGracefulRestart(_))),
        long_lived_by_peer: Vec::new(),
        route_refresh: both(|c| matches!(c, Capability::RouteRefresh)),
        enhanced_route_refresh: both(|c| matches!(c, Capability::EnhancedRouteRefresh)),
        families: Family::ALL
            .into_iter()
            .map(|f| (f, Direction::of(carries(local, f), carries(remote, f))))
            .filter(|(_, d)| *d != Direction::None)
            .collect(),
        hostname_sent: ours.clone().and_then(|(h, _)| filled(h)),
        domain_sent: ours.and_then(|(_, d)| filled(d)),
        hostname_received: theirs.clone().and_then(|(h, _)| filled(h)),
        domain_received: theirs.and_then(|(_, d)| filled(d)),
        software_sent: software(local),
        software_received: software(remote),
        link_local_nexthop: Direction::None,
        role: both(|c| matches!(c, Capability::Role(_))),
        graceful_restart: both(|c| matches!(c, Capability::GracefulRestart(_))),
        graceful_restart_received: received_graceful_restart(remote),
    }
}

fn add_path(local: &Open, remote: &Open) -> Vec<AddPathCapability> {
    use bgp::wire::capability::AddPath;
    let modes = |open: &Open, f: Family| {
        open.capabilities
            .iter()
            .filter_map(|c| match c {
                Capability::AddPath(list) => Some(list),
                _ => None,
            })
            .flatten()
            .filter(|a| Family::from_codes(a.afi, a.safi) == Some(f))
            .fold(0, |mode, a| mode | a.mode)
    };
    Family::ALL
        .into_iter()
        .map(|f| {
            let (ours, theirs) = (modes(local, f), modes(remote, f));
            let of = |bit: u8| Direction::of(ours & bit != 0, theirs & bit != 0);
            let limits = [local, remote].map(|open| bgp::fsm::negotiate::paths_limit(open, f));
            AddPathCapability { family: f, send: of(AddPath::SEND), receive: of(AddPath::RECEIVE), limits }
        })
        .filter(|a| a.send != Direction::None || a.receive != Direction::None)
        .collect()
}

fn received_graceful_restart(remote: &Open) -> Option<ReceivedGracefulRestart> {
    remote.capabilities.iter().find_map(|c| match c {
        Capability::GracefulRestart(gr) => Some(ReceivedGracefulRestart {
            time: gr.time,
            restarted: gr.flags & 8 != 0,
            notification: gr.flags & 4 != 0,
            families: gr
                .families
                .iter()
                .filter_map(|f| Some((Family::from_codes(f.afi, f.safi)?, f.flags & 0x80 != 0)))
                .collect(),
        }),
        _ => None,
    })
}

/// Graceful restart as configured and as received; the engine comes later, so nothing is in progress.
fn graceful_restart(entry: &Entry, status: Option<&Status>, end_of_rib: [bool; 2]) -> GracefulRestartView {
    let local_mode = match entry.neighbor.graceful_restart {
        GracefulRestartMode::Restart => "Restart*",
        GracefulRestartMode::Helper => "Helper*",
        GracefulRestartMode::Disable => "Disable*",
    };
    let negotiated = status.and_then(|s| s.negotiated.as_deref());
    let received = negotiated.and_then(|n| received_graceful_restart(&n.remote));
    let remote_mode = match (&received, negotiated) {
        (_, None) => "NotApplicable",
        (None, Some(_)) => "Disable",
        (Some(gr), Some(_)) if gr.families.is_empty() => "Helper",
        (Some(_), Some(_)) => "Restart",
    };
    let families = negotiated
        .map(|n| {
            Family::ALL
                .into_iter()
                .filter(|f| n.carries(*f))
                .map(|family| GracefulRestartFamily {
                    family,
                    forwarding: received
                        .as_ref()
                        .is_some_and(|gr| gr.families.iter().any(|(f, fwd)| *f == family && *fwd)),
                    eor_sent: true,
                    eor_sent_after_update: true,
                    eor_received: end_of_rib[family.index()],
                    stalepath_time: 360,
                    selection_deferral: None,
                    selection_deferral_remaining: None,
                    llgr_stale_time: 0,
                })
                .collect()
        })
        .unwrap_or_default();
    GracefulRestartView {
        local_mode: local_mode.to_owned(),
        remote_mode: remote_mode.to_owned(),
        r_bit: received.as_ref().is_some_and(|r| r.restarted),
        n_bit: received.as_ref().is_some_and(|r| r.notification),
        configured_time: 120,
        received_time: received.as_ref().map_or(0, |r| r.time),
        llgr_time: 0,
        families,
    }
}

fn family_view(
    entry: &Entry,
    family: Family,
    table: InTable,
    required: bool,
    up: bool,
) -> NeighborFamilyView {
    let n = entry.neighbor.family(family);
    let policy = |has: bool| match (has, required) {
        (true, _) => PathPolicy::Configured,
        (false, true) => PathPolicy::Missing,
        (false, false) => PathPolicy::NotNeeded,
    };
    let mut view = NeighborFamilyView::new(family);
    view.peer_group = entry.neighbor.peer_group.clone();
    view.update_group = table.group.filter(|_| up).map(|g| (g, g));
    view.addpath_tx = n.addpath_tx;
    view.soft_reconfiguration = n.soft_reconfiguration;
    view.next_hop_self = n.next_hop_self != NextHopSelf::Off;
    view.route_reflector_client = n.route_reflector_client;
    view.route_server_client = n.route_server_client;
    view.as_override = n.as_override;
    view.allowas_in = n.allowas_in.as_ref().map(|a| match a.place {
        crate::config::model::OwnAsPlace::Count(times) => times,
        crate::config::model::OwnAsPlace::Origin => 0,
    });
    view.remove_private_as = n.remove_private_as.is_some();
    view.send_community = n.send_community;
    view.default_originate = n.default_originate.is_some();
    view.default_map = n.default_originate.as_ref().and_then(|d| d.route_map.clone());
    view.default_sent = table.on_condition.default_told && up;
    view.policy_in = policy(n.has_policy_in);
    view.policy_out = policy(n.has_policy_out);
    view.weight = Some(n.weight).filter(|w| *w > 0);
    view.distribute_list_in = n.distribute_list_in.clone();
    view.distribute_list_out = n.distribute_list_out.clone();
    view.prefix_list_in = n.prefix_list_in.clone();
    view.prefix_list_out = n.prefix_list_out.clone();
    view.filter_list_in = n.filter_list_in.clone();
    view.filter_list_out = n.filter_list_out.clone();
    view.route_map_in = n.route_map_in.clone();
    view.route_map_out = n.route_map_out.clone();
    view.unsuppress_map = n.unsuppress_map.clone();
    view.advertise_map = n.advertise_map.clone();
    view.advertised = table.on_condition.advertised;
    view.accepted = table.accepted;
    view.sent = up.then_some(table.sent as u32);
    view.maximum_prefix = n.maximum_prefix.map(|m| m.limit);
    view.maximum_prefix_threshold = n.maximum_prefix.map_or(75, |m| m.threshold);
    if let Some(maximum) = n.maximum_prefix {
        use crate::config::model::MaximumPrefixAction;
        match maximum.action {
            MaximumPrefixAction::Restart(minutes) => {
                view.maximum_prefix_restart = Some(u32::from(minutes) * 60);
            }
            MaximumPrefixAction::Warn => view.maximum_prefix_warning_only = true,
            MaximumPrefixAction::Shutdown => {}
        }
    }
    view
}
