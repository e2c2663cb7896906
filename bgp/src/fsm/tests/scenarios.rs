use bytes::BytesMut;

use super::*;
use crate::attrs::{AttrBuilder, AttrView, ExportForm, Origin, Prepend, write_attrs};
use crate::types::{Family, Nlri};
use crate::wire::encode::{put_announce, put_end_of_rib, put_route_refresh};
use crate::wire::iana::message;
use crate::wire::{Action, Fault, RefreshKind, Reject, UpdateForm};
use FsmState::*;

fn announcement(prefixes: u32) -> BytesMut {
    let block = AttrBuilder::new().origin(Origin::Igp).set_as_path(&[Asn(65001)]).build();
    let form = ExportForm { prepend: Prepend::NONE, ..ExportForm::external(Asn(65001)) };
    let (mut attrs, mut out) = (Vec::new(), BytesMut::new());
    write_attrs(AttrView::new(&block), &form, Some(Ipv4Addr::new(192, 0, 2, 1)), &mut attrs).unwrap();
    let nlri = (0..prefixes).map(|i| Nlri { addr: 0x0a00_0000 + (i << 8), path_id: 0, len: 24 });
    put_announce(UpdateForm { extended_message: true, add_path: false }, &attrs, None, nlri, &mut out)
        .unwrap();
    out
}

#[test]
fn two_sessions_come_up_and_say_so_in_order() {
    let pair = Pair::established(config_a(), SessionConfig { passive: true, ..config_b() });
    assert_eq!(
        pair.transitions(A),
        [(Idle, Connect), (Connect, OpenSent), (OpenSent, OpenConfirm), (OpenConfirm, Established)]
    );
    assert_eq!(
        pair.transitions(B),
        [(Idle, Active), (Active, OpenSent), (OpenSent, OpenConfirm), (OpenConfirm, Established)]
    );
    let n = pair.sessions[A].negotiated().unwrap();
    assert_eq!((n.hold_time, n.keepalive, n.remote_as, n.as4), (180, 60, Asn(65002), true));
    assert_eq!(pair.sessions[A].stats().established, 1);
    assert_eq!(pair.sessions[A].history().count(), 4);
    // A change of state comes right before the word that the session is up.
    let at = pair.log.iter().position(|(_, s, o)| *s == A && matches!(o, Output::Established(..))).unwrap();
    assert!(matches!(pair.log[at - 1].2, Output::StateChanged { to: Established, .. }));
}

#[test]
fn bytes_may_arrive_one_by_one() {
    let mut pair = Pair::new(config_a(), config_b());
    pair.chunk = 1;
    pair.start();
    pair.run_for(5 * SECOND);
    assert_eq!(pair.states(), [Established; 2]);
    let mut stream = announcement(30_000);
    put_end_of_rib(Family::Ipv4Unicast, &mut stream);
    for chunk in [1, 7, 18, 19, 4096, 100_000] {
        pair.ops[B].clear();
        pair.chunk = chunk;
        pair.inject(A, &stream);
        pair.run_for(SECOND);
        let routes: u32 = pair.ops[B]
            .iter()
            .map(|op| if let Op::Announce { nlri, .. } = op { nlri.end - nlri.start } else { 0 })
            .sum();
        assert_eq!(routes, 30_000, "{chunk}");
        assert_eq!(pair.ops[B].last(), Some(&Op::EndOfRib(Family::Ipv4Unicast)));
    }
    assert_eq!(pair.sessions[B].update_counters().unwrap().announced, 180_000);
}

#[test]
fn keepalives_go_out_at_three_quarters_to_all_of_a_third_of_the_hold_time() {
    let fast = SessionConfig { hold_time: 9, keepalive: 60, ..config_a() };
    let mut pair = Pair::established(fast, config_b());
    pair.run_for(600 * SECOND);
    assert_eq!(pair.states(), [Established; 2]);
    for side in [A, B] {
        let times = pair.sent(side, message::KEEPALIVE);
        assert!(times.len() > 200);
        let gaps: Vec<_> = times.windows(2).map(|w| w[1] - w[0]).skip(1).collect();
        assert!(gaps.iter().all(|g| (2_250 * MILLISECOND..=3 * SECOND).contains(g)), "{gaps:?}");
        assert!(gaps.iter().any(|g| *g != gaps[0]));
    }
}

#[test]
fn a_silent_peer_is_dropped_after_the_hold_time() {
    let fast = SessionConfig { hold_time: 9, keepalive: 3, ..config_a() };
    let mut pair = Pair::established(fast, config_b());
    pair.cut = true;
    let cut_at = pair.now;
    pair.run_for(10 * SECOND);
    let down = &pair.downs(A)[0];
    assert!(down.established);
    assert_eq!(down.reason, ResetReason::NotificationSent);
    assert_eq!(down.sent.as_ref().unwrap().to_string(), "Hold Timer Expired");
    let since = pair.sessions[A].stats().down_since.unwrap();
    assert!((6 * SECOND..=9 * SECOND).contains(&(since - cut_at)), "{since}");
    assert_eq!(pair.sessions[A].stats().dropped, 1);
    // And it comes back when the peer does.
    pair.cut = false;
    pair.run_for(100 * SECOND);
    assert_eq!(pair.states(), [Established; 2]);
    assert_eq!(pair.sessions[A].stats().established, 2);
}

#[test]
fn bytes_that_wait_for_room_keep_the_session_alive() {
    let fast = SessionConfig { hold_time: 9, ..config_a() };
    let mut pair = Pair::established(fast, config_b());
    pair.cut = true;
    let (id, ..) = pair.sessions[A].connection().unwrap();
    for _ in 0..10 {
        pair.run_for(4 * SECOND);
        pair.input(A, Input::Readable(id));
    }
    assert_eq!(pair.sessions[A].state(), Established);
}

#[test]
fn a_hold_time_of_zero_has_no_timers() {
    let mut pair = Pair::established(SessionConfig { hold_time: 0, ..config_a() }, config_b());
    assert_eq!(pair.sessions.each_ref().map(Session::deadline), [None, None]);
    pair.cut = true;
    pair.run_for(100_000 * SECOND);
    assert_eq!(pair.states(), [Established; 2]);
}

#[test]
fn a_peer_that_takes_nothing_is_dropped_by_the_send_hold_timer() {
    let mut pair = Pair::established(config_a(), config_b());
    let (id, ..) = pair.sessions[A].connection().unwrap();
    let sent = |octets, waiting| Input::Sent { id, octets, waiting, updates: 1 };
    pair.input(A, sent(100, 5000));
    pair.run_for(400 * SECOND);
    pair.input(A, sent(1, 4999));
    pair.run_for(400 * SECOND);
    assert_eq!(pair.sessions[A].state(), Established);
    pair.input(A, sent(0, 4999));
    pair.run_for(81 * SECOND);
    assert_eq!(pair.downs(A)[0].sent.as_ref().unwrap().code, 8);
    assert_eq!(pair.sessions[A].stats().sent.update, 3);
}

#[test]
fn a_writer_that_catches_up_stops_the_send_hold_timer() {
    let mut pair = Pair::established(config_a(), config_b());
    let (id, ..) = pair.sessions[A].connection().unwrap();
    pair.input(A, Input::Sent { id, octets: 100, waiting: 5000, updates: 0 });
    pair.input(A, Input::Sent { id, octets: 5000, waiting: 0, updates: 0 });
    pair.run_for(10_000 * SECOND);
    assert_eq!(pair.states(), [Established; 2]);
}

#[test]
fn shutdown_tells_the_peer_why_and_stays_down() {
    let mut pair = Pair::established(config_a(), config_b());
    pair.input(A, Input::Stop { why: StopReason::AdminShutdown, message: Some("upgrade, back at 10") });
    pair.run_for(SECOND / 10);
    let received = pair.downs(B)[0].received.clone().unwrap();
    assert_eq!(received.to_string(), "Cease/Administrative Shutdown");
    assert_eq!(received.shutdown_message().unwrap(), "upgrade, back at 10");
    assert_eq!(pair.downs(A)[0].reason.text(), "Admin. shutdown");
    pair.run_for(1000 * SECOND);
    assert_eq!(pair.sessions[A].state(), Idle);
    assert_eq!(pair.sessions[A].idle_reason(), Some(IdleReason::Stopped(StopReason::AdminShutdown)));
    assert_ne!(pair.sessions[B].state(), Established);
    // A restart does not wake it, a start does.
    pair.input(A, Input::Restart { why: StopReason::UserReset, message: None });
    assert_eq!(pair.sessions[A].state(), Idle);
    pair.input(A, Input::Start);
    pair.run_for(100 * SECOND);
    assert_eq!(pair.states(), [Established; 2]);
}

#[test]
fn a_reset_by_the_operator_comes_back_in_seconds() {
    let mut pair = Pair::established(config_a(), config_b());
    for _ in 0..10 {
        pair.input(A, Input::Restart { why: StopReason::UserReset, message: None });
        pair.run_for(5 * SECOND);
        assert_eq!(pair.states(), [Established; 2]);
    }
    assert_eq!(pair.downs(A)[0].sent.as_ref().unwrap().to_string(), "Cease/Administrative Reset");
    assert_eq!(pair.sessions[A].stats().last_reset.as_ref().unwrap().reason, ResetReason::UserReset);
}

#[test]
fn a_wrong_as_is_refused_and_retried_ever_less_often() {
    let config = SessionConfig { remote_as: RemoteAs::Number(Asn(64999)), ..config_a() };
    let mut pair = Pair::new(config, SessionConfig { passive: true, ..config_b() });
    pair.start();
    pair.run_for(600 * SECOND);
    let n = &pair.notifications(A)[0];
    assert_eq!((n.code, n.subcode, n.data.as_slice()), (2, 2, &[0, 0, 0xfd, 0xea][..]));
    assert!(pair.downs(A).iter().all(|d| !d.established));
    let dials = pair.outputs(A, |o| matches!(o, Output::Dial(_)).then_some(()));
    let gaps: Vec<_> = dials.windows(2).map(|w| (w[1].0 - w[0].0) / SECOND).collect();
    assert!(gaps.iter().max() >= Some(&45) && dials.len() < 30, "{gaps:?}");
}

#[test]
fn short_sessions_do_not_reset_the_back_off() {
    let mut pair = Pair::established(config_a(), config_b());
    let bad_update = [&[0xff; 16][..], &[0, 23, 2, 0, 9, 0, 0]].concat();
    for _ in 0..30 {
        if pair.states() == [Established; 2] {
            pair.inject(B, &bad_update);
        }
        pair.run_for(30 * SECOND);
    }
    let downs = pair.downs(A).iter().filter(|d| d.established).count();
    assert!((5..20).contains(&downs), "{downs}");
    // A long session does.
    pair.run_for(200 * SECOND);
    assert_eq!(pair.states(), [Established; 2]);
    pair.inject(B, &bad_update);
    pair.run_for(5 * SECOND);
    assert_eq!(pair.states(), [Established; 2]);
}

/// Seconds between the dials of A.
fn pauses(pair: &Pair) -> Vec<Time> {
    let dials = pair.outputs(A, |o| matches!(o, Output::Dial(_)).then_some(()));
    dials.windows(2).map(|w| (w[1].0 - w[0].0).div_ceil(SECOND)).collect()
}

#[test]
fn a_refused_connection_is_retried_ever_less_often_up_to_the_connect_retry_time() {
    let mut pair = Pair::new(config_a(), config_b());
    pair.closed_port[B] = true;
    pair.input(A, Input::Start);
    pair.run_for(100 * MILLISECOND);
    assert_eq!(pair.sessions[A].state(), Active);
    assert!(pair.sessions[A].timers().connect_retry.is_some());
    pair.run_for(200 * SECOND);
    let pauses = pauses(&pair);
    for (pause, most) in pauses.iter().zip([1, 2, 4, 8, 16, 30, 30, 30]) {
        assert!((most - most / 4..=most).contains(pause), "{pauses:?}");
    }
    assert!(pauses.len() >= 8, "{pauses:?}");
}

/// A speaker takes connections before it is told of its neighbours, and closes those of strangers.
#[test]
fn a_peer_that_does_not_know_us_yet_is_tried_again_soon() {
    let mut pair = Pair::new(config_a(), SessionConfig { passive: true, ..config_b() });
    pair.input(A, Input::Start);
    pair.run_for(6 * SECOND);
    let pauses = pauses(&pair);
    assert!(pauses.len() >= 2, "{pauses:?}");
    pair.input(B, Input::Start);
    pair.run_for(8 * SECOND);
    assert_eq!(pair.states(), [Established; 2]);
}

#[test]
fn a_dial_that_never_answers_is_given_up_and_repeated() {
    let mut session = Session::new(config_a());
    session.handle(0, Input::Start);
    let first = match session.poll() {
        Some(Output::Dial(id)) => id,
        other => panic!("{other:?}"),
    };
    while session.poll().is_some() {}
    let at = session.deadline().unwrap();
    session.handle(at, Input::Timeout);
    assert!(matches!(session.poll(), Some(Output::Close(id)) if id == first));
    assert!(matches!(session.poll(), Some(Output::Dial(id)) if id != first));
    // What the first one still says is for nobody.
    let local = "192.0.2.1:1".parse().unwrap();
    session.handle(at, Input::Connected { id: first, local, remote: local });
    session.handle(at, Input::ConnectFailed(first));
    session.handle(at, Input::Bytes(first, &[0; 100]));
    session.handle(at, Input::Closed(first, CloseKind::Error));
    assert_eq!((session.state(), session.poll().is_none()), (Connect, true));
}

#[test]
fn delayed_opens_wait_for_the_peer_or_the_timer() {
    let slow = SessionConfig { delay_open: Some(20 * SECOND), passive: true, ..config_b() };
    let mut pair = Pair::new(config_a(), slow.clone());
    pair.start();
    pair.run_for(SECOND);
    assert_eq!(pair.states(), [Established; 2]);
    let both = SessionConfig { delay_open: Some(20 * SECOND), ..config_a() };
    let mut pair = Pair::new(both, slow);
    pair.start();
    pair.run_for(19 * SECOND);
    assert_eq!(pair.states(), [Connect, Active]);
    pair.run_for(2 * SECOND);
    assert_eq!(pair.states(), [Established; 2]);
}

#[test]
fn unexpected_messages_end_the_session_with_the_subcode_of_the_state() {
    let keepalive = [&[0xff; 16][..], &[0, 19, 4]].concat();
    let mut pair = Pair::new(SessionConfig { passive: true, ..config_a() }, config_b());
    pair.input(A, Input::Start);
    let id = pair.sessions[A].new_conn_id();
    let local = "192.0.2.1:179".parse().unwrap();
    pair.input(A, Input::Accepted { id, local, remote: local });
    pair.input(A, Input::Bytes(id, &keepalive));
    let n = pair.notifications(A)[0].clone();
    assert_eq!((n.code, n.subcode, n.data), (5, 1, vec![4]));

    let mut pair = Pair::established(config_a(), config_b());
    let open = pair.log.iter().find_map(|(_, s, o)| match o {
        Output::Send(_, bytes) if *s == B => Some(bytes.clone()),
        _ => None,
    });
    pair.inject(B, &open.unwrap());
    pair.run_for(SECOND / 10);
    let n = pair.notifications(A).pop().unwrap();
    assert_eq!((n.code, n.subcode, n.data), (5, 3, vec![1]));
}

#[test]
fn broken_streams_end_in_a_header_error() {
    for (bytes, subcode) in [
        (vec![0u8; 19], 1),
        ([&[0xff; 16][..], &[0, 18, 4]].concat(), 2),
        ([&[0xff; 16][..], &[0, 23, 6, 0, 0, 0, 0]].concat(), 3),
    ] {
        let mut pair = Pair::established(config_a(), config_b());
        pair.inject(B, &bytes);
        pair.run_for(SECOND / 10);
        let sent = pair.downs(A)[0].sent.clone().unwrap();
        assert_eq!((sent.code, sent.subcode), (1, subcode));
    }
}

#[test]
fn large_messages_are_taken_by_who_announced_them() {
    let mut pair = Pair::established(config_a(), config_b());
    let stream = announcement(3000);
    assert!(stream.len() > 10_000);
    pair.chunk = 1000;
    pair.inject(A, &stream);
    pair.run_for(SECOND);
    assert_eq!(pair.states(), [Established; 2]);
    assert_eq!(pair.sessions[B].update_counters().unwrap().announced, 3000);
    let plain = SessionConfig { capabilities: false, ..config_b() };
    let mut pair = Pair::established(config_a(), plain);
    assert!(!pair.sessions[A].negotiated().unwrap().extended_message_send);
    pair.inject(A, &stream);
    pair.run_for(SECOND / 10);
    let sent = pair.downs(B)[0].sent.clone().unwrap();
    assert_eq!((sent.code, sent.subcode), (1, 2));
}

#[test]
fn malformed_attributes_are_reported_and_the_session_stays() {
    let mut pair = Pair::established(config_a(), config_b());
    // ORIGIN of value 9, with a prefix.
    let update = [&[0xff; 16][..], &[0, 31, 2, 0, 0, 0, 4, 0x40, 1, 1, 9, 24, 10, 1, 1]].concat();
    pair.inject(A, &update.repeat(3));
    pair.run_for(SECOND);
    assert_eq!(pair.states(), [Established; 2]);
    let events = pair.outputs(B, |o| match o {
        Output::Event(Event::Malformed { code, action, .. }) => Some((*code, *action)),
        _ => None,
    });
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].1, (1, Action::TreatAsWithdraw));
    assert_eq!(pair.sessions[B].update_counters().unwrap().treated_as_withdraw, 3);
    pair.inject(A, &update.repeat(20));
    pair.run_for(SECOND);
    let events = pair.outputs(B, |o| matches!(o, Output::Event(Event::Malformed { .. })).then_some(()));
    assert_eq!(events.len(), 2, "one a second");
    let kept: Vec<_> = pair.sessions[B].faults().collect();
    let expected = FaultKind::Attribute { code: 1, fault: Fault::Value, action: Action::TreatAsWithdraw };
    assert_eq!((kept.len(), kept[0].kind, &kept[0].bytes[..]), (16, expected, &update[19..]));
}

#[test]
fn routes_of_a_session_that_ends_are_forgotten() {
    let mut pair = Pair::established(config_a(), config_b());
    let (id, ..) = pair.sessions[B].connection().unwrap();
    let bad = [&announcement(3)[..], &[0xff; 16], &[0, 23, 2, 0, 9, 0, 0]].concat();
    pair.sessions[B].handle(pair.now, Input::Bytes(id, &bad));
    assert!(pair.sessions[B].pending().is_empty());
    assert_eq!(pair.sessions[B].state(), Idle);
}

#[test]
fn refresh_is_asked_for_and_answered() {
    let mut pair = Pair::established(config_a(), config_b());
    pair.input(A, Input::SoftIn(Family::Ipv4Unicast));
    pair.input(A, Input::SoftIn(Family::Ipv6Unicast));
    pair.run_for(SECOND);
    let asked = pair.outputs(B, |o| if let Output::RefreshRequested(f) = o { Some(*f) } else { None });
    assert_eq!(asked.iter().map(|x| x.1).collect::<Vec<_>>(), [Family::Ipv4Unicast]);
    assert_eq!(pair.sessions[A].stats().sent.route_refresh, 1);
    assert_eq!(pair.sessions[B].stats().received.route_refresh, 1);
    let mut out = BytesMut::new();
    put_route_refresh(Family::Ipv4Unicast, RefreshKind::Begin, &mut out);
    pair.inject(B, &out);
    pair.run_for(SECOND);
    assert_eq!(pair.ops[A], [Op::RefreshBegin(Family::Ipv4Unicast)]);
}

#[test]
fn bfd_takes_the_session_down_with_its_own_subcode() {
    let mut pair = Pair::established(config_a(), config_b());
    pair.input(A, Input::BfdDown);
    assert_eq!(pair.downs(A)[0].reason.text(), "BFD down initiated");
    assert_eq!(pair.downs(A)[0].sent.as_ref().unwrap().to_string(), "Cease/BFD Down");
    assert_eq!(pair.sessions[A].state(), Idle);
    pair.input(A, Input::BfdUp);
    pair.run_for(60 * SECOND);
    assert_eq!(pair.states(), [Established; 2]);
}

#[test]
fn too_many_prefixes_end_the_session_until_the_restart_time() {
    let mut pair = Pair::established(config_a(), config_b());
    let restart = Some(pair.now + 120 * SECOND);
    pair.input(A, Input::MaxPrefixReached { family: Family::Ipv4Unicast, limit: 1000, restart });
    let sent = pair.downs(A)[0].sent.clone().unwrap();
    assert_eq!((sent.code, sent.subcode, sent.data), (6, 1, vec![0, 1, 1, 0, 0, 3, 0xe8]));
    assert_eq!(pair.sessions[A].idle_reason(), Some(IdleReason::MaxPrefix));
    pair.run_for(119 * SECOND);
    assert_eq!(pair.sessions[A].state(), Idle);
    pair.run_for(60 * SECOND);
    assert_eq!(pair.states(), [Established; 2]);
}

#[test]
fn a_changed_as_takes_a_new_session_and_a_changed_filter_none() {
    let mut pair = Pair::established(config_a(), config_b());
    let now = pair.now;
    let allow = [crate::wire::AllowOwnAs::Times(3); 2];
    assert!(!pair.sessions[B].set_config(now, SessionConfig { allow_own_as: allow, ..config_b() }));
    assert_eq!(pair.sessions[B].state(), Established);
    assert!(pair.sessions[B].set_config(now, SessionConfig { families: [true, true], ..config_b() }));
    pair.input(B, Input::Timeout);
    pair.run_for(SECOND / 10);
    assert_eq!(pair.downs(B)[0].reason.text(), "Address family activated");
    assert_eq!(pair.downs(A)[0].received.as_ref().unwrap().to_string(), "Cease/Other Configuration Change");
    pair.run_for(10 * SECOND);
    assert_eq!(pair.states(), [Established; 2]);
}

#[test]
fn an_idle_session_refuses_connections() {
    let mut pair = Pair::new(config_a(), config_b());
    pair.input(A, Input::Start);
    pair.run_for(10 * SECOND);
    assert_eq!(pair.states(), [Active, Idle]);
    let refused =
        pair.outputs(B, |o| matches!(o, Output::Event(Event::ConnectionRefused(Idle))).then_some(()));
    assert_eq!(refused.len(), pair.outputs(A, |o| matches!(o, Output::Dial(_)).then_some(())).len());
}

#[test]
fn a_peer_that_says_nothing_after_connecting_is_dropped_in_four_minutes() {
    let mut session = Session::new(SessionConfig { passive: true, ..config_a() });
    session.handle(0, Input::Start);
    let local = "192.0.2.1:179".parse().unwrap();
    let id = session.new_conn_id();
    session.handle(0, Input::Accepted { id, local, remote: local });
    assert_eq!(session.deadline(), Some(240 * SECOND));
    session.handle(240 * SECOND, Input::Timeout);
    assert_eq!(session.stats().last_reset.as_ref().unwrap().reason.text(), "Waiting for peer OPEN");
    assert_eq!(session.state(), Idle);
}

#[test]
fn the_loss_of_the_transport_is_noticed_at_once() {
    let mut pair = Pair::established(config_a(), config_b());
    pair.run_for(100 * SECOND);
    let (id, ..) = pair.sessions[A].connection().unwrap();
    pair.input(A, Input::Closed(id, CloseKind::Reset));
    let down = &pair.downs(A)[0];
    assert_eq!((down.reason.text(), down.established), ("Peer closed the session", true));
    pair.run_for(5 * SECOND);
    assert_eq!(pair.states(), [Established; 2]);
}

#[test]
fn it_is_remembered_why_announced_prefixes_are_not_there() {
    let mut pair = Pair::established(config_a(), config_b());
    let block = AttrBuilder::new().origin(Origin::Igp).set_as_path(&[Asn(65001), Asn(65002)]).build();
    let form = ExportForm { prepend: Prepend::NONE, ..ExportForm::external(Asn(65001)) };
    let (mut attrs, mut looped) = (Vec::new(), BytesMut::new());
    write_attrs(AttrView::new(&block), &form, Some(Ipv4Addr::new(192, 0, 2, 1)), &mut attrs).unwrap();
    let nlri = (0..1000u32).map(|i| Nlri { addr: 0x0b00_0000 + (i << 8), path_id: 0, len: 24 });
    let update = UpdateForm { extended_message: true, add_path: false };
    put_announce(update, &attrs, None, nlri, &mut looped).unwrap();
    pair.inject(A, &announcement(10));
    pair.inject(A, &looped);
    pair.run_for(SECOND);
    let refusal = |net: &str| pair.sessions[B].refusal(net.parse().unwrap()).map(|r| r.reason);
    let looped = Some(RefusalReason::Rejected(Reject::AsPathLoop));
    assert_eq!(refusal("11.3.231.0/24"), looped);
    assert_eq!(refusal("11.0.0.0/24"), None, "the last ones are remembered");
    assert_eq!(refusal("10.0.1.0/24"), None);
}
