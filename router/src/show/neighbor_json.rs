//! `show bgp neighbors json`.

use bgp::types::PeerKind;
use serde_json::Value;

use super::format::{age, family_key, uptime};
use super::json::{Object, ObjectExt};
use super::views::{
    Capabilities, Direction, GracefulRestartView, LastReset, MessageStats, NeighborFamilyView, NeighborView,
    NextTimer, PathPolicy, PeerState, PrefixStats,
};
use crate::config::model::{AddPathTx, AdvertiseMap, PeerId, SendCommunity};

/// Milliseconds that stand for "never" in FRR are those since the clock began; we have no such clock.
const NEVER: u64 = 0;

/// A neighbour as an object.
pub fn neighbor(view: &NeighborView) -> Object {
    let mut o = Object::new();
    identity(view, &mut o);
    state(view, &mut o);
    if let Some(capabilities) = &view.capabilities {
        o.put("neighborCapabilities", capabilities_json(capabilities));
    }
    o.put("gracefulRestartInfo", graceful_restart(&view.graceful_restart));
    o.put("messageStats", messages(&view.messages));
    o.put("prefixStats", prefix_stats(&view.prefix_stats));
    o.put("minBtwnAdvertisementRunsTimerMsecs", u32::from(view.advertisement_interval) * 1000);
    o.put_some("updateSource", view.update_source.clone());
    o.put("bgpUpdateDelayTimerMsecs", 0);
    o.put("bgpUpdateDelayTimerMsecsRemaining", 0);
    let mut families = Object::new();
    for family in &view.families {
        families.put(family_key(family.family), family_json(family));
    }
    o.put("addressFamilyInfo", families);
    connection(view, &mut o);
    o
}

fn identity(view: &NeighborView, o: &mut Object) {
    match (&view.id, view.address) {
        (PeerId::Interface(_), Some(address)) => {
            o.put("bgpNeighborAddr", address.to_string());
            o.put("neighborAddr", address.to_string());
        }
        (PeerId::Interface(_), None) => o.put("bgpNeighborAddr", "none"),
        (PeerId::Address(address), _) => o.put("neighborAddr", address.to_string()),
    }
    o.put("remoteAs", view.remote_as);
    o.put("localAs", view.local_as);
    o.put_true("localAsNoPrepend", view.local_as_no_prepend);
    o.put_true("localAsReplaceAs", view.local_as_replace);
    o.put("localAsReplaceAsDualAs", view.local_as_dual);
    let link = match view.kind {
        PeerKind::Internal => "nbrInternalLink",
        PeerKind::Confederation => "nbrConfedExternalLink",
        PeerKind::External => "nbrExternalLink",
    };
    o.put(link, true);
    o.put("localRole", view.local_role.unwrap_or("undefined"));
    o.put("remoteRole", view.remote_role.unwrap_or("undefined"));
    o.put_some("nbrDesc", view.description.clone());
    o.put("hostname", view.hostname.clone().unwrap_or_else(|| "Unknown".to_owned()));
    o.put_some("domainname", view.domainname.clone());
    o.put_some("peerGroup", view.peer_group.clone());
    o.put_some("peerSubnetRangeGroup", view.listen_range.map(|r| r.to_string()));
    o.put_true("adminShutDown", view.admin_shutdown);
    o.put("bgpVersion", 4);
    o.put("remoteRouterId", view.remote_router_id.to_string());
    o.put("localRouterId", view.local_router_id.to_string());
    o.put_true("nbrCommonAdmin", view.kind == PeerKind::Confederation);
}

fn state(view: &NeighborView, o: &mut Object) {
    o.put("bgpState", view.state.name());
    if view.state == PeerState::Established {
        let seconds = view.uptime.unwrap_or(0);
        o.put("bgpTimerUpMsec", seconds * 1000);
        o.put("bgpTimerUpString", uptime(seconds));
        o.put_some("bgpTimerUpEstablishedEpoch", view.established_epoch);
    }
    o.put("bgpTimerLastRead", view.last_read.unwrap_or(NEVER));
    o.put("bgpTimerLastWrite", view.last_write.unwrap_or(NEVER));
    o.put("bgpInUpdateElapsedTimeMsecs", view.last_update.unwrap_or(NEVER));
    o.put("bgpTimerConfiguredHoldTimeMsecs", view.configured_hold_time * 1000);
    o.put("bgpTimerConfiguredKeepAliveIntervalMsecs", view.configured_keepalive * 1000);
    o.put("bgpTimerHoldTimeMsecs", view.hold_time * 1000);
    o.put("bgpTimerKeepAliveIntervalMsecs", view.keepalive * 1000);
    o.put("bgpTcpMssConfigured", view.tcp_mss_configured);
    o.put("bgpTcpMssSynced", view.tcp_mss);
    o.put("extendedOptionalParametersLength", view.extended_optional_parameters);
    o.put("bgpTimerConfiguredConditionalAdvertisementsSec", view.conditional_advertisement);
}

fn direction(o: &mut Object, key: &str, value: Direction) {
    let word = match value {
        Direction::None => return,
        Direction::Advertised => "advertised",
        Direction::Received => "received",
        Direction::Both => "advertisedAndReceived",
    };
    o.put(key, word);
}

fn capabilities_json(c: &Capabilities) -> Object {
    let mut o = Object::new();
    direction(&mut o, "4byteAs", c.four_octet_as);
    direction(&mut o, "extendedMessage", c.extended_message);
    if !c.add_path.is_empty() {
        o.put("addPath", add_path(c));
        let mut limits = Object::new();
        for capability in &c.add_path {
            let [ours, theirs] = capability.limits;
            let who = match (ours, theirs) {
                (None, None) => continue,
                (Some(_), None) => "advertised",
                (None, Some(_)) => "received",
                (Some(_), Some(_)) => "advertisedAndReceived",
            };
            let mut limit = Object::new();
            limit.put(who, true);
            limit.put_some("advertisedPathsLimit", ours);
            limit.put_some("receivedPathsLimit", theirs);
            limits.put(family_key(capability.family), limit);
        }
        if !limits.is_empty() {
            o.put("pathsLimit", limits);
        }
    }
    direction(&mut o, "dynamic", c.dynamic);
    direction(&mut o, "extendedNexthop", c.extended_nexthop);
    if c.extended_nexthop.received() {
        let mut families = Object::new();
        for family in &c.extended_nexthop_by_peer {
            families.put(family_key(*family), "recieved");
        }
        o.put("extendedNexthopFamililesByPeer", families);
    }
    direction(&mut o, "longLivedGracefulRestart", c.long_lived_graceful_restart);
    if c.long_lived_graceful_restart.received() {
        let mut families = Object::new();
        for (family, _) in &c.long_lived_by_peer {
            families.put(family_key(*family), "received");
        }
        o.put("longLivedGracefulRestartByPeer", families);
    }
    direction(&mut o, "routeRefresh", c.route_refresh);
    direction(&mut o, "enhancedRouteRefresh", c.enhanced_route_refresh);
    let mut families = Object::new();
    for (family, who) in &c.families {
        let mut one = Object::new();
        let key = match who {
            Direction::Both => "advertisedAndReceived",
            Direction::Advertised => "advertised",
            _ => "received",
        };
        one.put(key, true);
        families.put(family_key(*family), one);
    }
    o.put("multiprotocolExtensions", families);
    names_json(c, &mut o);
    graceful_restart_capability(c, &mut o);
    o
}

fn add_path(c: &Capabilities) -> Object {
    let mut all = Object::new();
    for capability in &c.add_path {
        let mut one = Object::new();
        for (word, who) in [("tx", capability.send), ("rx", capability.receive)] {
            if who != Direction::None {
                one.put(&format!("{word}AdvertisedAndReceived"), who == Direction::Both);
                one.put(&format!("{word}Advertised"), who.advertised());
                one.put(&format!("{word}Received"), who.received());
            }
        }
        all.put(family_key(capability.family), one);
    }
    all
}

fn names_json(c: &Capabilities, o: &mut Object) {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "n/a".to_owned());
    let mut names = Object::new();
    names.put("advHostName", or_none(&c.hostname_sent));
    names.put("advDomainName", or_none(&c.domain_sent));
    if c.hostname_received.is_some() {
        names.put("rcvHostName", or_none(&c.hostname_received));
        names.put("rcvDomainName", or_none(&c.domain_received));
    }
    o.put("hostName", names);
    direction(o, "role", c.role);
    let mut software = Object::new();
    software.put_some("advertisedSoftwareVersion", c.software_sent.clone());
    software.put_some("receivedSoftwareVersion", c.software_received.clone());
    o.put("softwareVersion", software);
    let mut link_local = Object::new();
    link_local.put("advertised", c.link_local_nexthop.advertised());
    link_local.put("received", c.link_local_nexthop.received());
    o.put("linkLocalNextHop", link_local);
}

fn graceful_restart_capability(c: &Capabilities, o: &mut Object) {
    direction(o, "gracefulRestart", c.graceful_restart);
    let Some(received) = &c.graceful_restart_received else { return };
    o.put("gracefulRestartRemoteTimerSec", received.time);
    o.put_true("rBitReceived", received.restarted);
    o.put_true("nBitReceived", received.notification);
    if received.families.is_empty() {
        o.put("addressFamiliesByPeer", "none");
        return;
    }
    let mut families = Object::new();
    for (family, preserved) in &received.families {
        let mut one = Object::new();
        one.put_true("preserved", *preserved);
        families.put(family_key(*family), one);
    }
    o.put("addressFamiliesByPeer", families);
}

fn graceful_restart(view: &GracefulRestartView) -> Object {
    let flagged = |wanted: &dyn Fn(usize) -> bool| {
        let mut o = Object::new();
        for (i, family) in view.families.iter().enumerate() {
            if wanted(i) {
                o.put(family_key(family.family), true);
            }
        }
        o
    };
    let mut o = Object::new();
    o.put("endOfRibSend", flagged(&|i| view.families.get(i).is_some_and(|f| f.eor_sent)));
    o.put("endOfRibRecv", flagged(&|i| view.families.get(i).is_some_and(|f| f.eor_received)));
    o.put("localGrMode", view.local_mode.clone());
    o.put("remoteGrMode", view.remote_mode.clone());
    o.put("rBit", view.r_bit);
    o.put("nBit", view.n_bit);
    let mut timers = Object::new();
    timers.put("configuredRestartTimer", view.configured_time);
    timers.put("configuredLlgrStaleTime", view.llgr_time);
    timers.put("receivedRestartTimer", view.received_time);
    o.put("timers", timers);
    for family in &view.families {
        let mut one = Object::new();
        one.put("fBit", family.forwarding);
        let mut eor = Object::new();
        eor.put("endOfRibSend", family.eor_sent);
        eor.put("endOfRibSentAfterUpdate", family.eor_sent_after_update);
        eor.put("endOfRibRecv", family.eor_received);
        one.put("endOfRibStatus", eor);
        let mut timers = Object::new();
        timers.put("stalePathTimer", family.stalepath_time);
        timers.put("llgrStaleTime", family.llgr_stale_time);
        timers.put_some("selectionDeferralTimer", family.selection_deferral);
        timers.put_some("selectionDeferralTimerRemaining", family.selection_deferral_remaining);
        timers.put_some("selectionDeferralTier2Timer", family.selection_deferral);
        one.put("timers", timers);
        o.put(family_key(family.family), one);
    }
    o
}

fn messages(m: &MessageStats) -> Object {
    let mut o = Object::new();
    o.put("depthInq", m.in_queue);
    o.put("depthOutq", m.out_queue);
    for (name, counts) in [
        ("opens", m.opens),
        ("notifications", m.notifications),
        ("updates", m.updates),
        ("keepalives", m.keepalives),
        ("routeRefresh", m.route_refresh),
        ("capability", m.capability),
        ("total", m.total()),
    ] {
        o.put(&format!("{name}Sent"), counts.sent);
        o.put(&format!("{name}Recv"), counts.received);
    }
    o
}

fn prefix_stats(p: &PrefixStats) -> Object {
    let mut o = Object::new();
    o.put("inboundFiltered", p.inbound_filtered);
    o.put("aspathLoop", p.as_path_loop);
    o.put("originatorLoop", p.originator_loop);
    o.put("clusterLoop", p.cluster_loop);
    o.put("invalidNextHop", p.invalid_next_hop);
    o.put("withdrawn", p.withdrawn);
    o.put("attributesDiscarded", p.attributes_discarded);
    o
}

fn family_json(f: &NeighborFamilyView) -> Object {
    let mut o = Object::new();
    o.put_some("peerGroupMember", f.peer_group.clone());
    if let Some((group, subgroup)) = f.update_group {
        o.put("updateGroupId", group);
        o.put("subGroupId", subgroup);
        o.put("packetQueueLength", f.packet_queue);
    }
    match f.addpath_tx {
        Some(AddPathTx::All) => o.put("addpathTxAllPaths", true),
        Some(AddPathTx::BestPerAs) => o.put("addpathTxBestpathPerAS", true),
        Some(AddPathTx::BestSelected(n)) => o.put("addpathTxBestSelectedPaths", n),
        None => {}
    }
    o.put_true("inboundSoftConfigPermit", f.soft_reconfiguration);
    o.put_true("routerAlwaysNextHop", f.next_hop_self);
    o.put_true("routeReflectorClient", f.route_reflector_client);
    o.put_true("routeServerClient", f.route_server_client);
    o.put_true("overrideASNsInOutboundUpdates", f.as_override);
    o.put_some("allowAsInCount", f.allowas_in);
    o.put_true("privateAsNumsRemovedInUpdatesToNbr", f.remove_private_as);
    o.put_some("commAttriSentToNbr", community_word(f.send_community));
    o.put_some("defaultRouteMap", f.default_map.clone());
    o.put_true("defaultSent", f.default_originate && f.default_sent);
    o.put_true("defaultNotSent", f.default_originate && !f.default_sent);
    for (policy, direction) in [(f.policy_in, "inbound"), (f.policy_out, "outbound")] {
        match policy {
            PathPolicy::Configured => o.put(&format!("{direction}PathPolicyConfig"), true),
            PathPolicy::Missing => {
                o.put(&format!("{direction}EbgpRequiresPolicy"), policy_words(direction));
            }
            PathPolicy::NotNeeded => {}
        }
    }
    for (key, name) in [
        ("incomingUpdateNetworkFilterList", &f.distribute_list_in),
        ("outgoingUpdateNetworkFilterList", &f.distribute_list_out),
        ("incomingUpdatePrefixFilterList", &f.prefix_list_in),
        ("outgoingUpdatePrefixFilterList", &f.prefix_list_out),
        ("incomingUpdateAsPathFilterList", &f.filter_list_in),
        ("outgoingUpdateAsPathFilterList", &f.filter_list_out),
        ("routeMapForIncomingAdvertisements", &f.route_map_in),
        ("routeMapForOutgoingAdvertisements", &f.route_map_out),
        ("selectiveUnsuppressRouteMap", &f.unsuppress_map),
    ] {
        o.put_some(key, name.clone());
    }
    if let Some(AdvertiseMap { route_map, condition, exist }) = &f.advertise_map {
        let mut map = Object::new();
        map.put("condition", if *exist { "EXIST" } else { "NON_EXIST" });
        map.put("conditionMap", condition.clone());
        map.put("advertiseMap", route_map.clone());
        map.put("advertiseStatus", if f.advertised { "Advertise" } else { "Withdraw" });
        o.put("advertiseMap", map);
    }
    o.put("acceptedPrefixCounter", f.accepted);
    o.put_some("sentPrefixCounter", f.sent);
    o.put("receivedPrefixDup", f.duplicates);
    if let Some(limit) = f.maximum_prefix {
        o.put("prefixAllowedMax", limit);
        o.put_true("prefixAllowedMaxWarning", f.maximum_prefix_warning_only);
        o.put("prefixAllowedWarningThresh", f.maximum_prefix_threshold);
        o.put_some(
            "prefixAllowedRestartIntervalMsecs",
            f.maximum_prefix_restart.map(|s| u64::from(s) * 1000),
        );
    }
    o
}

/// What the log and the neighbour's page say where RFC 8212 stops everything.
pub fn policy_words(direction: &str) -> String {
    let capital = if direction == "inbound" { "Inbound" } else { "Outbound" };
    format!("{capital} updates discarded due to missing policy")
}

/// Which communities are sent, in one word.
fn community_word(send: SendCommunity) -> Option<String> {
    let parts = [(send.standard, "standard"), (send.extended, "extended"), (send.large, "large")];
    let words: Vec<&str> = parts.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
    (!words.is_empty()).then(|| words.join("And"))
}

fn connection(view: &NeighborView, o: &mut Object) {
    o.put("connectionsEstablished", view.connections_established);
    o.put("connectionsDropped", view.connections_dropped);
    last_reset(&view.last_reset, o);
    o.put("softwareVersion", view.software_version.clone().unwrap_or_else(|| "n/a".to_owned()));
    match (view.ttl_security, view.kind == PeerKind::Internal) {
        (Some(hops), false) if hops != 1 => o.put("externalBgpNbrMaxHopsAway", hops),
        (Some(hops), true) => o.put("internalBgpNbrMaxHopsAway", hops),
        (_, false) => o.put("externalBgpNbrMaxHopsAway", view.max_hops),
        (_, true) => o.put("internalBgpNbrMaxHopsAway", view.max_hops),
    }
    match &view.endpoint {
        Some(e) => {
            o.put("hostLocal", e.local.to_string());
            o.put("portLocal", e.local_port);
            o.put("hostForeign", e.remote.to_string());
            o.put("portForeign", e.remote_port);
            o.put("nexthop", e.nexthop.to_string());
            o.put("nexthopGlobal", e.nexthop_global.to_string());
            o.put("nexthopLocal", e.nexthop_local.to_string());
            o.put("bgpConnection", if e.shared_network { "sharedNetwork" } else { "nonSharedNetwork" });
        }
        None => {
            for side in ["Local", "Foreign"] {
                o.put(&format!("host{side}"), "Unknown");
                o.put(&format!("port{side}"), -1);
            }
            for key in ["nexthop", "nexthopGlobal", "nexthopLocal", "bgpConnection"] {
                o.put(key, "Unknown");
            }
        }
    }
    o.put("connectRetryTimer", view.connect_retry);
    match view.next_timer {
        Some(NextTimer::Start(ms)) => o.put("nextStartTimerDueInMsecs", ms),
        Some(NextTimer::Connect(ms)) => o.put("nextConnectTimerDueInMsecs", ms),
        None => {}
    }
    o.put_some("estimatedRttInMsecs", view.rtt_ms);
    o.put_some("authenticationEnabled", view.authentication.then_some(1));
    if view.bfd.is_some() {
        o.put("bfdHoldTimerExpireInMsecs", 0);
        o.put("bfdHoldTimerExpired", false);
    }
    o.put("readThread", if view.read_on { "on" } else { "off" });
    o.put("writeThread", if view.write_on { "on" } else { "off" });
    if let Some(bfd) = &view.bfd {
        let mut b = Object::new();
        b.put("type", if bfd.multihop { "multi hop" } else { "single hop" });
        b.put("detectMultiplier", bfd.multiplier);
        b.put("rxMinInterval", bfd.rx_interval);
        b.put("txMinInterval", bfd.tx_interval);
        b.put("status", bfd.status.clone());
        b.put("lastUpdate", age(bfd.age));
        o.put("peerBfdInfo", b);
    }
}

fn last_reset(reset: &LastReset, o: &mut Object) {
    let Some(seconds) = reset.age else { return };
    o.put("lastResetTimerMsecs", seconds * 1000);
    o.put("lastResetDueTo", reset.reason.clone());
    o.put("lastResetCode", reset.code);
    if let Some(text) = &reset.notification {
        o.put("lastNotificationReason", text.clone());
        if let Some((code, subcode)) = reset.notification_codes {
            o.put("lastErrorCodeSubcode", format!("{code:02X}{subcode:02X}"));
        }
    }
    o.put_some("lastShutdownDescription", reset.message.clone());
}

/// All neighbours, by name.
pub fn all(views: &[NeighborView]) -> Value {
    let mut o = Object::new();
    for view in views {
        o.put(&view.id.to_string(), neighbor(view));
    }
    Value::Object(o)
}

/// `show bgp neighbors graceful-restart json`: the part that is about it.
pub fn graceful_restart_only(views: &[NeighborView]) -> Value {
    const KEPT: [&str; 14] = [
        "bgpNeighborAddr",
        "neighborAddr",
        "remoteAs",
        "localAs",
        "localAsReplaceAsDualAs",
        "nbrExternalLink",
        "nbrInternalLink",
        "localRole",
        "remoteRole",
        "bgpState",
        "bgpTimerUpMsec",
        "bgpTimerUpString",
        "bgpTimerUpEstablishedEpoch",
        "gracefulRestartInfo",
    ];
    let mut all = Object::new();
    for view in views {
        let whole = neighbor(view);
        let mut o = Object::new();
        for (key, value) in whole.iter().filter(|(k, _)| KEPT.contains(&k.as_str())) {
            if key == "gracefulRestartInfo" {
                let mut capability = Object::new();
                if let Some(capabilities) = &view.capabilities {
                    graceful_restart_capability(capabilities, &mut capability);
                }
                o.put("neighborCapabilities", capability);
            }
            o.put(key, value.clone());
        }
        all.put(&view.id.to_string(), o);
    }
    Value::Object(all)
}
