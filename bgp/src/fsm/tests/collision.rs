use proptest::prelude::*;

use super::*;
use FsmState::*;

/// Which end opened the connection that both have, if they have the same one.
fn survivor(pair: &Pair) -> usize {
    let [a, b] = [A, B].map(|s| pair.sessions[s].connection().unwrap().0);
    assert_eq!(pair.other_end[&(A, a)], b, "the ends are on different connections");
    let dialled = |side: usize, id: ConnId| {
        pair.outputs(side, |o| matches!(o, Output::Dial(d) if *d == id).then_some(())).len() == 1
    };
    if dialled(A, a) { A } else { B }
}

#[test]
fn when_both_dial_at_once_the_higher_identifier_keeps_its_connection() {
    for (id_a, id_b, winner) in [([10, 0, 0, 1], [10, 0, 0, 2], B), ([10, 0, 0, 3], [10, 0, 0, 2], A)] {
        let a = SessionConfig { router_id: id_a.into(), ..config_a() };
        let b = SessionConfig { router_id: id_b.into(), ..config_b() };
        let pair = Pair::established(a, b);
        assert_eq!(survivor(&pair), winner);
        assert!(pair.downs(A).is_empty() && pair.downs(B).is_empty());
        assert_eq!(pair.sessions[A].stats().collisions, 1);
        let cease = pair.notifications(A).into_iter().chain(pair.notifications(B)).next().unwrap();
        assert_eq!(cease.to_string(), "Cease/Connection Collision Resolution");
    }
}

#[test]
fn with_equal_identifiers_the_higher_as_keeps_its_connection() {
    let b = SessionConfig { router_id: config_a().router_id, ..config_b() };
    let pair = Pair::established(config_a(), b);
    assert_eq!(survivor(&pair), B);
}

#[test]
fn a_connection_to_an_established_session_is_closed() {
    let mut pair = Pair::established(config_a(), config_b());
    let id = pair.sessions[A].new_conn_id();
    let local = "192.0.2.1:179".parse().unwrap();
    pair.input(A, Input::Accepted { id, local, remote: local });
    assert!(matches!(pair.log.last(), Some((_, A, Output::Event(Event::ConnectionRefused(Established))))));
    pair.run_for(10 * SECOND);
    assert_eq!(pair.states(), [Established; 2]);
}

#[test]
fn a_peer_that_connects_again_gives_up_its_earlier_connection() {
    let mut session = Session::new(SessionConfig { passive: true, ..config_a() });
    let local = "192.0.2.1:179".parse().unwrap();
    session.handle(0, Input::Start);
    let ids = [session.new_conn_id(), session.new_conn_id()];
    for id in ids {
        session.handle(0, Input::Accepted { id, local, remote: local });
    }
    assert_eq!(session.connection().unwrap().0, ids[1]);
    let closed =
        std::iter::from_fn(|| session.poll()).any(|o| matches!(o, Output::Close(id) if id == ids[0]));
    assert!(closed);
    assert_eq!(session.state(), OpenSent);
}

#[test]
fn if_the_preferred_connection_dies_the_other_one_is_used() {
    let mut pair = Pair::new(config_a(), config_b());
    pair.latency = [SECOND, 2 * SECOND];
    pair.start();
    // Both have two connections; the one that B opened is preferred, and dies.
    for _ in 0..200 {
        pair.run_for(SECOND / 20);
        if let state::State::Collision { first, second } = &pair.sessions[A].state {
            let preferred = if first.initiator == link::Initiator::Remote { first.id } else { second.id };
            pair.input(A, Input::Closed(preferred, CloseKind::Reset));
            pair.gone.insert((A, preferred), ());
            break;
        }
    }
    pair.run_for(60 * SECOND);
    assert_eq!(pair.states(), [Established; 2], "{:#?}", pair.log);
}

/// The peer may have settled on a connection while we still wait for the other one: BIRD does when it has accepted ours
/// and closes it at the next moment.
#[test]
fn a_route_on_the_connection_without_precedence_settles_it() {
    let mut session = Session::new(SessionConfig { router_id: [10, 0, 0, 9].into(), ..config_a() });
    let local = "192.0.2.1:179".parse().unwrap();
    session.handle(0, Input::Start);
    let Some(Output::Dial(dialled)) = session.poll() else { panic!("no dial") };
    session.handle(0, Input::Connected { id: dialled, local, remote: local });
    let accepted = session.new_conn_id();
    session.handle(0, Input::Accepted { id: accepted, local, remote: local });
    assert_eq!(session.stats().collisions, 1);
    let mut bytes = bytes::BytesMut::new();
    negotiate::local_open(&config_b()).encode(&mut bytes);
    bytes.extend_from_slice(&[[255; 16].as_slice(), &[0, 19, 4]].concat());
    session.handle(0, Input::Bytes(accepted, &bytes));
    assert_eq!(session.state(), OpenConfirm, "our own connection has precedence");
    bytes.clear();
    crate::wire::encode::put_end_of_rib(crate::types::Family::Ipv4Unicast, &mut bytes);
    session.handle(0, Input::Bytes(accepted, &bytes));
    assert_eq!((session.state(), session.connection().unwrap().0), (Established, accepted));
    assert!(matches!(session.take_batch().ops[..], [Op::EndOfRib(_)]));
    let outputs: Vec<Output> = std::iter::from_fn(|| session.poll()).collect();
    assert!(outputs.iter().any(|o| matches!(o, Output::Close(id) if *id == dialled)));
    assert!(!outputs.iter().any(|o| matches!(o, Output::Close(id) if *id == accepted)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn both_ends_agree_whatever_the_timing(
        latency_a in 1u64..400, latency_b in 1u64..400, gap in 0u64..1200, a_first: bool,
        id_a in 1u32..4, id_b in 1u32..4, chunk in prop_oneof![Just(1usize), Just(10), Just(10_000)],
        delay_a in prop_oneof![3 => Just(None), 1 => (1u64..500).prop_map(Some)],
        seed: u64,
    ) {
        let a = SessionConfig { router_id: id_a.into(), jitter_seed: seed, delay_open: delay_a.map(|d| d * MILLISECOND), ..config_a() };
        let b = SessionConfig { router_id: id_b.into(), jitter_seed: !seed, ..config_b() };
        let mut pair = Pair::new(a, b);
        pair.latency = [latency_a * MILLISECOND, latency_b * MILLISECOND];
        pair.chunk = chunk;
        let first = if a_first { A } else { B };
        pair.input(first, Input::Start);
        pair.run_for(gap * MILLISECOND);
        pair.input(1 - first, Input::Start);
        pair.run_for(90 * SECOND);
        prop_assert_eq!(pair.states(), [Established; 2]);
        survivor(&pair);
        // Nobody's session went down on the way.
        prop_assert_eq!(pair.downs(A).iter().chain(&pair.downs(B)).filter(|d| d.established).count(), 0);
        prop_assert_eq!(pair.sessions[A].stats().established, 1);
    }
}
