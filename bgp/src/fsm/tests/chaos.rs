//! Inputs in any order: nothing panics, nothing is sent on what is closed, and all is well afterwards.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::types::Family;

#[derive(Clone, Debug)]
enum Act {
    Start,
    Stop,
    Restart,
    Connected,
    ConnectFailed,
    Accepted,
    Bytes(usize, Vec<u8>),
    Closed(usize),
    Sent(usize, usize, usize),
    Wait(u64),
    SoftIn,
    Bfd(bool),
    MaxPrefix(bool),
}

fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let open = {
        let mut out = bytes::BytesMut::new();
        negotiate::local_open(&config_b()).encode(&mut out);
        out.to_vec()
    };
    let framed = (1u8..7, prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(kind, body)| {
        let mut m = vec![0xff; 16];
        m.extend_from_slice(&(body.len() as u16 + 19).to_be_bytes());
        m.push(kind);
        m.extend_from_slice(&body);
        m
    });
    let keepalive = [&[0xff; 16][..], &[0, 19, 4]].concat();
    let update = [&[0xff; 16][..], &[0, 23, 2, 0, 0, 0, 0]].concat();
    let notification = [&[0xff; 16][..], &[0, 21, 3, 6, 4]].concat();
    let both = [open.clone(), keepalive.clone()].concat();
    prop_oneof![
        4 => Just(open),
        4 => Just(both),
        4 => Just(keepalive),
        3 => Just(update),
        1 => Just(notification),
        2 => framed,
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => Just(Act::Start),
        1 => Just(Act::Stop),
        1 => Just(Act::Restart),
        4 => Just(Act::Connected),
        1 => Just(Act::ConnectFailed),
        3 => Just(Act::Accepted),
        12 => (0usize..4, any_message()).prop_map(|(i, m)| Act::Bytes(i, m)),
        1 => (0usize..4).prop_map(Act::Closed),
        1 => (0usize..4, 0usize..100, 0usize..100).prop_map(|(i, o, w)| Act::Sent(i, o, w)),
        3 => (0u64..200_000).prop_map(Act::Wait),
        1 => Just(Act::SoftIn),
        1 => any::<bool>().prop_map(Act::Bfd),
        1 => any::<bool>().prop_map(Act::MaxPrefix),
    ]
}

/// What the shell knows of connections.
#[derive(Default)]
struct Shell {
    dialling: Vec<ConnId>,
    open: Vec<ConnId>,
    closed: HashSet<ConnId>,
    state: Option<FsmState>,
    up: bool,
}

impl Shell {
    fn drain(&mut self, session: &mut Session) {
        while let Some(output) = session.poll() {
            match output {
                Output::Dial(id) => self.dialling.push(id),
                Output::Close(id) => {
                    self.closed.insert(id);
                    self.dialling.retain(|d| *d != id);
                    self.open.retain(|d| *d != id);
                }
                Output::Send(id, bytes) => {
                    assert!(!self.closed.contains(&id) && self.open.contains(&id));
                    assert!(crate::wire::next_frame(&bytes, 4096).unwrap().is_some());
                }
                Output::StateChanged { from, to } => {
                    assert_eq!(self.state.unwrap_or(FsmState::Idle), from);
                    assert_ne!(from, to);
                    self.state = Some(to);
                }
                Output::Established(id, _) => {
                    assert!(!self.up && self.open.contains(&id));
                    self.up = true;
                }
                Output::Down(down) => {
                    assert_eq!(self.up, down.established);
                    self.up = false;
                }
                _ => {}
            }
        }
        assert_eq!(self.state.unwrap_or(FsmState::Idle), session.state());
        assert_eq!(self.up, session.state() == FsmState::Established);
        if session.state() <= FsmState::Active && session.connection().is_none() {
            assert!(self.open.is_empty());
        }
        if self.up {
            assert!(self.open.len() == 1 && self.dialling.is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn any_order_of_inputs_is_survived(
        acts in prop::collection::vec(any_act(), 1..120), passive: bool, delay: bool,
    ) {
        let delay_open = delay.then_some(SECOND);
        let mut session = Session::new(SessionConfig { passive, delay_open, ..config_a() });
        let mut shell = Shell::default();
        let mut now = 0;
        let local = "192.0.2.1:179".parse().unwrap();
        for act in acts {
            let nth = |shell: &Shell, i: usize| {
                let all: Vec<_> = shell.open.iter().chain(&shell.dialling).copied().collect();
                all.get(i).copied().unwrap_or(ConnId(i as u64))
            };
            let why = StopReason::UserReset;
            match act {
                Act::Start => session.handle(now, Input::Start),
                Act::Stop => session.handle(now, Input::Stop { why, message: Some("x") }),
                Act::Restart => session.handle(now, Input::Restart { why, message: None }),
                Act::Connected => {
                    if let Some(id) = shell.dialling.pop() {
                        shell.open.push(id);
                        session.handle(now, Input::Connected { id, local, remote: local });
                    }
                }
                Act::ConnectFailed => {
                    if let Some(id) = shell.dialling.pop() {
                        session.handle(now, Input::ConnectFailed(id));
                    }
                }
                Act::Accepted => {
                    let id = session.new_conn_id();
                    shell.open.push(id);
                    session.handle(now, Input::Accepted { id, local, remote: local });
                }
                Act::Bytes(i, bytes) => {
                    let id = nth(&shell, i);
                    session.handle(now, Input::Bytes(id, &bytes));
                }
                Act::Closed(i) => {
                    let id = nth(&shell, i);
                    session.handle(now, Input::Closed(id, CloseKind::Closed));
                    shell.open.retain(|d| *d != id);
                    shell.dialling.retain(|d| *d != id);
                }
                Act::Sent(i, octets, waiting) => {
                    let id = nth(&shell, i);
                    session.handle(now, Input::Sent { id, octets, waiting, updates: 0 });
                }
                Act::Wait(ms) => {
                    let end = now + ms * MILLISECOND;
                    let mut fired = 0;
                    while let Some(at) = session.deadline().filter(|t| *t <= end) {
                        now = now.max(at);
                        session.handle(now, Input::Timeout);
                        shell.drain(&mut session);
                        fired += 1;
                        prop_assert!(fired < 10_000, "the clock stands still");
                    }
                    now = end;
                }
                Act::SoftIn => session.handle(now, Input::SoftIn(Family::Ipv4Unicast)),
                Act::Bfd(up) => session.handle(now, if up { Input::BfdUp } else { Input::BfdDown }),
                Act::MaxPrefix(again) => {
                    let restart = again.then_some(now + SECOND);
                    session.handle(now, Input::MaxPrefixReached { family: Family::Ipv4Unicast, limit: 1, restart });
                }
            }
            shell.drain(&mut session);
        }
    }

    #[test]
    fn sessions_find_together_again_after_any_trouble(
        troubles in prop::collection::vec((0u8..6, 0usize..2, 0u64..20_000), 1..12), seed: u64,
    ) {
        let a = SessionConfig { jitter_seed: seed, hold_time: 9, ..config_a() };
        let b = SessionConfig { jitter_seed: seed ^ 77, ..config_b() };
        let mut pair = Pair::new(a, b);
        pair.start();
        for (kind, side, pause) in troubles {
            pair.run_for(pause * MILLISECOND);
            let why = StopReason::UserReset;
            let connection = pair.sessions[side].connection().map(|c| c.0);
            match (kind, connection) {
                (0, _) => pair.input(side, Input::Restart { why, message: None }),
                (1, _) => pair.input(side, Input::BfdDown),
                (2, Some(id)) => pair.input(side, Input::Closed(id, CloseKind::Reset)),
                (3, _) => pair.cut = !pair.cut,
                (4, Some(_)) => pair.inject(side, &[0; 19]),
                (5, _) => pair.closed_port[side] = !pair.closed_port[side],
                _ => {}
            }
        }
        pair.cut = false;
        pair.closed_port = [false; 2];
        // Half-open connections take the hold time before OPEN to notice, back-off and retry come on top.
        pair.run_for(600 * SECOND);
        prop_assert_eq!(pair.states(), [FsmState::Established; 2]);
    }
}
