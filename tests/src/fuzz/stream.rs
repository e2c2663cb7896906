//! The stream of a session: how it is cut makes no difference, what is over is over, and the peer can come again.

use std::net::Ipv4Addr;

use bgp::batch::UpdateBatch;
use bgp::fsm::negotiate::{local_open, negotiate};
use bgp::fsm::{
    CloseKind, ConnId, Down, FsmState, Input, Output, RemoteAs, Role, Session, SessionConfig, StopReason,
};
use bgp::types::Asn;
use bgp::wire::{UpdateCounters, next_frame, put_keepalive};
use bytes::BytesMut;

use super::messages::session;

/// Octets of an input that choose both sides' configurations, and how the stream is cut.
pub(super) const HEAD: usize = 3;

/// The peer: what its OPEN has is chosen by an octet.
fn peer(choice: u8) -> SessionConfig {
    let bit = |n: u8| choice >> n & 1 == 1;
    SessionConfig {
        families: [true; 2],
        capabilities: !bit(0),
        add_path_receive: [bit(1); 2],
        add_path_send: [bit(1); 2],
        extended_next_hop: bit(2),
        role: bit(3).then_some(Role::Peer),
        extended_parameters: bit(4),
        ..SessionConfig::new(Asn(65002), RemoteAs::Any, Ipv4Addr::new(10, 0, 0, 2))
    }
}

/// The peer's part in coming up.
fn greeting(choice: u8) -> BytesMut {
    let mut out = BytesMut::new();
    local_open(&peer(choice)).encode(&mut out);
    put_keepalive(&mut out);
    out
}

/// What came out of a session.
#[derive(Default, PartialEq, Debug)]
struct Seen {
    sent: Vec<u8>,
    downs: Vec<Down>,
    ups: usize,
    refreshes: usize,
    state: Option<FsmState>,
    counters: Option<UpdateCounters>,
}

struct Run {
    session: Session,
    link: Option<ConnId>,
    seen: Seen,
    batch: UpdateBatch,
}

impl Run {
    fn new(config: SessionConfig) -> Run {
        let session = Session::new(config);
        let mut run = Run { session, link: None, seen: Seen::default(), batch: UpdateBatch::default() };
        run.start();
        run
    }

    /// Dials, and is connected.
    fn start(&mut self) {
        self.session.handle(0, Input::Start);
        let mut dialled = None;
        while let Some(output) = self.session.poll() {
            if let Output::Dial(id) = output {
                dialled = Some(id);
            }
        }
        let (local, remote) = (([192, 0, 2, 1], 179).into(), ([192, 0, 2, 2], 179).into());
        let id = dialled.expect("a connection is dialled");
        self.link = Some(id);
        self.input(Input::Connected { id, local, remote });
    }

    fn input(&mut self, input: Input<'_>) {
        self.session.handle(0, input);
        while let Some(output) = self.session.poll() {
            match output {
                Output::Send(id, bytes) => {
                    assert_eq!(self.link, Some(id), "sent on a connection that is closed");
                    let mut rest = &bytes[..];
                    while !rest.is_empty() {
                        let frame =
                            next_frame(rest, 4096).expect("a header of ours").expect("whole messages");
                        rest = &rest[frame.len()..];
                    }
                    self.seen.sent.extend_from_slice(&bytes);
                }
                Output::Close(id) => {
                    assert_eq!(self.link.take(), Some(id));
                }
                Output::Established(..) => self.seen.ups += 1,
                Output::Down(down) => self.seen.downs.push(down),
                Output::RefreshRequested(_) => self.seen.refreshes += 1,
                Output::Dial(_) => panic!("dialled without a pause"),
                Output::StateChanged { .. } | Output::Event(_) => {}
            }
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        // After the end of a connection the shell may still hand in what it had read.
        let id = self.link.unwrap_or(ConnId(1));
        self.input(Input::Bytes(id, bytes));
    }

    fn finish(&mut self) {
        self.seen.state = Some(self.session.state());
        self.seen.counters = self.session.update_counters().cloned();
        self.batch = self.session.take_batch();
    }
}

/// A stream behind the octets that choose the circumstances.
pub(super) fn stream(data: &[u8]) {
    let Some(([ours, theirs, cut], bytes)) = data.split_first_chunk::<HEAD>() else { return };
    let config = SessionConfig { passive: false, confederation: None, ..session(*ours) };
    let up = cut & 1 == 0;
    let [mut whole, mut pieces] = [(); 2].map(|()| Run::new(config.clone()));
    for run in [&mut whole, &mut pieces] {
        if up {
            run.bytes(&greeting(*theirs));
        }
    }
    whole.bytes(bytes);
    let mut rest = bytes;
    let mut size = usize::from(cut >> 1) + 1;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(size.min(rest.len()));
        pieces.bytes(piece);
        rest = after;
        size = size * 5 % 97 + 1;
    }
    whole.finish();
    pieces.finish();
    assert_eq!(whole.seen, pieces.seen, "the cut makes a difference");
    same(&whole.batch, &pieces.batch);
    assert!(whole.batch.bytes() <= 300 + 64 * bytes.len());
    assert!(whole.session.faults().count() <= 16);
    comes_again(whole, *theirs);
}

fn same(a: &UpdateBatch, b: &UpdateBatch) {
    assert_eq!(a.ops, b.ops);
    assert_eq!((&a.v4, &a.v6, &a.arena), (&b.v4, &b.v6, &b.arena));
}

/// Whatever has happened, a peer that behaves gets its session.
fn comes_again(mut run: Run, theirs: u8) {
    let config = run.session.config().clone();
    let fits = negotiate(&config, &local_open(&config), &local_open(&peer(theirs))).is_ok();
    if let Some(id) = run.link {
        run.input(Input::Closed(id, CloseKind::Reset));
        run.link = None;
    }
    run.input(Input::Stop { why: StopReason::UserReset, message: None });
    assert_eq!(run.session.state(), FsmState::Idle);
    run.start();
    run.bytes(&greeting(theirs));
    assert_eq!(run.session.state() == FsmState::Established, fits);
}
