use super::*;
use crate::fsm::negotiate::{local_open, negotiate, paths_limit};
use crate::types::{Family, PeerKind};
use crate::wire::{Capability, Open, PeerRelation};

fn meet(a: &SessionConfig, b: &SessionConfig) -> Result<Negotiated, OpenRefusal> {
    negotiate(a, &local_open(a), &local_open(b))
}

fn subcode(refusal: Result<Negotiated, OpenRefusal>) -> u8 {
    let n = Notification::from(&refusal.unwrap_err());
    assert_eq!(n.code, 2);
    n.subcode
}

#[test]
fn what_both_have_is_used() {
    let a = SessionConfig { families: [true; 2], extended_next_hop: true, hold_time: 9, ..config_a() };
    let b = SessionConfig {
        families: [false, true],
        hostname: Some(("b".into(), "example".into())),
        ..config_b()
    };
    let n = meet(&a, &b).unwrap();
    assert_eq!(n.families, [false, true]);
    assert!(!n.extended_next_hop && n.extended_message_send && n.route_refresh && n.enhanced_route_refresh);
    assert_eq!((n.hold_time, n.keepalive), (9, 3));
    assert_eq!(n.remote_hostname(), Some(("b", "example")));
    assert!(!n.carries(Family::Ipv4Unicast));
    let b = SessionConfig { extended_next_hop: true, ..config_b() };
    assert!(meet(&a, &b).unwrap().extended_next_hop);
}

#[test]
fn add_path_takes_a_sender_and_a_receiver() {
    let a = SessionConfig { add_path_send: [true, false], ..config_a() };
    let b = SessionConfig { add_path_receive: [true; 2], ..config_b() };
    let (ours, theirs) = (meet(&a, &b).unwrap(), meet(&b, &a).unwrap());
    assert_eq!((ours.add_path_send, ours.add_path_receive), ([true, false], [false; 2]));
    assert_eq!((theirs.add_path_send, theirs.add_path_receive), ([false; 2], [true, false]));
    assert!(ours.update_form(Family::Ipv4Unicast).add_path);
    assert!(theirs.update_context(&b).add_path[0]);
    assert_eq!(
        meet(&a, &a.clone()).map(|_| ()).unwrap_err(),
        OpenRefusal::BadPeerAs { remote: Asn(65001), as4: true }
    );
}

#[test]
fn as_numbers_have_to_fit() {
    for (remote, ok) in [
        (RemoteAs::External, true),
        (RemoteAs::Internal, false),
        (RemoteAs::Any, true),
        (RemoteAs::Number(Asn(65002)), true),
        (RemoteAs::Number(Asn(1)), false),
    ] {
        assert_eq!(
            meet(&SessionConfig { remote_as: remote, ..config_a() }, &config_b()).is_ok(),
            ok,
            "{remote:?}"
        );
    }
    let listed = |ranges: &[(u32, u32)]| SessionConfig {
        remote_as: RemoteAs::Number(Asn(65009)),
        alternate_as: ranges.iter().map(|(a, b)| (Asn(*a), Asn(*b))).collect(),
        ..config_a()
    };
    assert!(meet(&listed(&[(65002, 65002)]), &config_b()).is_ok());
    assert!(meet(&listed(&[(65000, 65004)]), &config_b()).is_ok());
    assert_eq!(subcode(meet(&listed(&[(65003, 65004)]), &config_b())), 2);
    // One of our own AS is not among them, whatever the range.
    let ours = SessionConfig { local_as: Asn(65001), ..config_b() };
    assert_eq!(subcode(meet(&listed(&[(65000, 65004)]), &ours)), 2);
    let (few, more) = (listed(&[(65003, 65003)]), listed(&[(65003, 65003), (65005, 65007)]));
    assert_eq!(few.reset_needed(&more), None);
    assert_eq!(more.reset_needed(&few), Some(ResetReason::RemoteAsChanged));
    let zero = SessionConfig { local_as: Asn(0), ..config_b() };
    let any = SessionConfig { remote_as: RemoteAs::External, ..config_a() };
    assert_eq!(subcode(meet(&any, &zero)), 2);
    let wide = SessionConfig { local_as: Asn(4_200_000_000), capabilities: false, ..config_b() };
    let open = local_open(&wide);
    let mut out = bytes::BytesMut::new();
    open.encode(&mut out);
    // Without the capability all that is left of it is AS_TRANS.
    assert_eq!(Open::decode(&out[19..]).unwrap().asn, Asn(23456));
}

#[test]
fn identifiers_are_not_zero_and_not_ours_within_an_as() {
    let internal = |id: [u8; 4]| SessionConfig {
        local_as: Asn(65001),
        remote_as: RemoteAs::Internal,
        router_id: id.into(),
        ..config_b()
    };
    let a = SessionConfig { remote_as: RemoteAs::Internal, ..config_a() };
    assert!(meet(&a, &internal([10, 0, 0, 9])).unwrap().kind == PeerKind::Internal);
    assert_eq!(subcode(meet(&a, &internal([10, 0, 0, 1]))), 3);
    assert_eq!(subcode(meet(&a, &internal([0; 4]))), 3);
    // Between ASes the same Identifier is fine (RFC 6286).
    assert!(meet(&config_a(), &SessionConfig { router_id: config_a().router_id, ..config_b() }).is_ok());
}

/// A member of confederation 64500, in member AS 65001 with 65002 beside it.
fn member(local_as: u32, remote_as: RemoteAs) -> SessionConfig {
    let confederation =
        Confederation { identifier: Asn(64500), member_as: Asn(65001), others: [Asn(65002)].into() };
    SessionConfig { local_as: Asn(local_as), remote_as, confederation: Some(confederation), ..config_a() }
}

#[test]
fn a_confederation_is_one_as_to_those_outside() {
    let speaker = |asn: u32, sees: u32| SessionConfig {
        local_as: Asn(asn),
        remote_as: RemoteAs::Number(Asn(sees)),
        ..config_b()
    };
    let number = |asn: u32| RemoteAs::Number(Asn(asn));
    for (ours, theirs, kind) in [
        (member(65001, number(65001)), speaker(65001, 65001), PeerKind::Internal),
        (member(65001, RemoteAs::Internal), speaker(65001, 65001), PeerKind::Internal),
        (member(65001, number(65002)), speaker(65002, 65001), PeerKind::Confederation),
        (member(64500, number(65009)), speaker(65009, 64500), PeerKind::External),
        (member(64500, RemoteAs::External), speaker(65009, 64500), PeerKind::External),
        (member(64500, number(64500)), speaker(64500, 64500), PeerKind::External),
        (member(64500, RemoteAs::Any), speaker(65009, 64500), PeerKind::External),
        (member(65001, RemoteAs::Any), speaker(65002, 65001), PeerKind::Confederation),
    ] {
        let agreed = meet(&ours, &theirs).unwrap();
        let context = agreed.update_context(&ours);
        assert_eq!((agreed.kind, context.kind, context.confederation), (kind, kind, true), "{ours:?}");
    }
    // Who is inside must not be taken for somebody outside, nor the other way round.
    for (ours, theirs) in [
        (member(64500, RemoteAs::External), speaker(65002, 64500)),
        (member(64500, RemoteAs::Any), speaker(65002, 64500)),
        (member(65001, RemoteAs::Any), speaker(65009, 65001)),
        (member(65001, RemoteAs::Internal), speaker(65002, 65001)),
    ] {
        assert_eq!(subcode(meet(&ours, &theirs)), 2, "{ours:?}");
    }
}

#[test]
fn a_change_of_the_confederation_restarts_those_whose_place_it_changes() {
    let alone =
        |remote: u32| SessionConfig { confederation: None, ..member(65001, RemoteAs::Number(Asn(remote))) };
    let inside = |local: u32, remote: u32| member(local, RemoteAs::Number(Asn(remote)));
    let changed = Some(ResetReason::ConfederationChanged);
    assert_eq!(alone(65001).reset_needed(&inside(65001, 65001)), None);
    assert_eq!(alone(65002).reset_needed(&inside(65001, 65002)), changed);
    assert_eq!(alone(65009).reset_needed(&inside(64500, 65009)), changed);
    let mut more = inside(65001, 65003);
    more.confederation.as_mut().unwrap().others.insert(Asn(65003));
    assert_eq!(inside(64500, 65003).reset_needed(&more), Some(ResetReason::ConfederationPeersChanged));
    let mut stays = inside(65001, 65002);
    stays.confederation.as_mut().unwrap().others.insert(Asn(65003));
    assert_eq!(inside(65001, 65002).reset_needed(&stays), None);
    let any = member(65001, RemoteAs::Any);
    assert_eq!(SessionConfig { confederation: None, ..any.clone() }.reset_needed(&any), changed);
}

#[test]
fn hold_times_below_three_seconds_or_the_minimum_are_refused() {
    for hold_time in [1, 2] {
        assert_eq!(subcode(meet(&config_a(), &SessionConfig { hold_time, ..config_b() })), 6);
    }
    assert_eq!(meet(&config_a(), &SessionConfig { hold_time: 0, ..config_b() }).unwrap().hold_time, 0);
    let strict = SessionConfig { minimum_hold_time: 30, ..config_a() };
    assert_eq!(subcode(meet(&strict, &SessionConfig { hold_time: 29, ..config_b() })), 6);
    assert!(meet(&strict, &SessionConfig { hold_time: 30, ..config_b() }).is_ok());
}

#[test]
fn without_a_family_in_common_there_is_no_session() {
    let v6 = SessionConfig { families: [false, true], ..config_a() };
    let refusal = meet(&v6, &config_b()).unwrap_err();
    let n = Notification::from(&refusal);
    assert_eq!((n.subcode, n.data), (7, vec![1, 4, 0, 2, 0, 1]));
    assert!(meet(&SessionConfig { override_capability: true, ..v6.clone() }, &config_b()).is_ok());
    // Who names no family has IPv4 unicast.
    let old = SessionConfig { capabilities: false, ..config_b() };
    let n = meet(&config_a(), &old).unwrap();
    assert_eq!((n.families, n.as4, n.route_refresh), ([true, false], false, false));
    assert!(meet(&v6, &old).is_err());
    let strict = SessionConfig { strict_capability_match: true, ..config_a() };
    assert_eq!(subcode(meet(&strict, &old)), 7);
    assert!(meet(&strict, &config_b()).is_ok());
}

#[test]
fn roles_have_to_be_each_others_counterpart() {
    let a = |role, strict_role| SessionConfig { role, strict_role, ..config_a() };
    let b = |role| SessionConfig { role, ..config_b() };
    let n = meet(&a(Some(Role::Customer), true), &b(Some(Role::Provider))).unwrap();
    assert_eq!((n.relation(), n.remote_role), (Some(PeerRelation::Provider), Some(Role::Provider)));
    assert_eq!(subcode(meet(&a(Some(Role::Customer), false), &b(Some(Role::Peer)))), 11);
    assert_eq!(subcode(meet(&a(Some(Role::Customer), true), &b(None))), 11);
    // Without a role capability there is no role, and ours alone counts.
    let n = meet(&a(Some(Role::Customer), false), &b(None)).unwrap();
    assert_eq!((n.relation(), n.remote_role), (Some(PeerRelation::Provider), None));
    assert_eq!(meet(&a(None, false), &b(Some(Role::Peer))).unwrap().relation(), None);
    let mut twice = local_open(&b(Some(Role::Provider)));
    twice.capabilities.push(Capability::Role(4));
    let a = a(Some(Role::Customer), false);
    assert_eq!(subcode(negotiate(&a, &local_open(&a), &twice)), 11);
}

#[test]
fn capabilities_whose_engines_are_to_come_are_remembered_but_not_announced() {
    let ours = local_open(&config_a());
    let codes: Vec<_> = ours.capabilities.iter().map(Capability::code).collect();
    // Graceful restart without families, so that peers send their End-of-RIB.
    assert_eq!(codes, [1, 2, 70, 65, 6, 64]);
    assert!(
        ours.capabilities
            .iter()
            .all(|c| !matches!(c, Capability::GracefulRestart(gr) if !gr.families.is_empty()))
    );
    let quiet = local_open(&SessionConfig { end_of_rib: false, ..config_a() });
    assert!(quiet.capabilities.iter().all(|c| c.code() != 64));
    let mut theirs = local_open(&config_b());
    theirs.capabilities.retain(|c| c.code() != 64);
    theirs.capabilities.push(Capability::decode(64, &[0x80, 120, 0, 1, 1, 0x80]));
    theirs.capabilities.push(Capability::decode(71, &[0, 1, 1, 0x80, 0, 0, 60]));
    theirs.capabilities.push(Capability::decode(75, &[3, b'a', b'/', b'1']));
    let n = negotiate(&config_a(), &ours, &theirs).unwrap();
    assert_eq!(n.remote_graceful_restart().unwrap().time, 120);
    assert_eq!(n.remote_long_lived()[0].time, 60);
    assert_eq!(n.remote_software_version(), Some("a/1"));
}

#[test]
fn a_peer_that_refuses_one_of_our_numbers_gets_the_other() {
    let known = Asn(65001);
    let dual = SessionConfig { local_as: Asn(64999), dual_as: Some(known), ..config_a() };
    let dual = SessionConfig { prepend_received: Some(Asn(64999)), ..dual };
    let mut pair = Pair::established(dual.clone(), config_b());
    let n = pair.sessions[A].negotiated().unwrap();
    assert_eq!((n.local.asn, n.update_context(pair.sessions[A].config()).prepend), (known, None));
    // The configuration names them in the old order, which changes nothing.
    let now = pair.now;
    assert!(!pair.sessions[A].set_config(now, dual.clone()));
    assert_eq!(pair.states(), [FsmState::Established; 2]);
    let other = SessionConfig { remote_as: RemoteAs::Number(Asn(64999)), ..config_b() };
    let pair = Pair::established(dual, other);
    let n = pair.sessions[A].negotiated().unwrap();
    assert_eq!(n.update_context(pair.sessions[A].config()).prepend, Some(Asn(64999)));
}

#[test]
fn a_limit_of_paths_is_told_with_add_path_and_the_peers_is_kept_to() {
    let several = |config: SessionConfig, send, limit| SessionConfig {
        add_path_receive: [true, false],
        add_path_send: [send, false],
        paths_limit: [limit, 9],
        ..config
    };
    let (a, b) = (several(config_a(), true, 0), several(config_b(), false, 3));
    let limits = |config: &SessionConfig| {
        let open = local_open(config);
        let found = Family::ALL.map(|f| paths_limit(&open, f));
        (found, open.capabilities.iter().filter(|c| c.code() == 76).count())
    };
    assert_eq!(limits(&b), ([Some(3), None], 1));
    assert_eq!(limits(&a), ([Some(0), None], 1));
    assert_eq!(limits(&config_a()), ([None, None], 0));
    assert_eq!(meet(&a, &b).unwrap().paths_limit, [3, 0]);
    assert_eq!(meet(&b, &a).unwrap().paths_limit, [0, 0]);
    let other = SessionConfig { paths_limit: [4, 9], ..b.clone() };
    assert!(b.reset_needed(&other).is_some());
    let strict = SessionConfig { strict_capability_match: true, ..a };
    let mut old = local_open(&b);
    old.capabilities.retain(|c| c.code() != 76);
    assert!(
        negotiate(&strict, &local_open(&strict), &old).is_ok(),
        "who has never heard of it lacks nothing"
    );
}
