//! OPEN with its capabilities, NOTIFICATION, ROUTE-REFRESH: what is read, written and read again stays.

use std::net::Ipv4Addr;

use bgp::fsm::negotiate::{local_open, negotiate};
use bgp::fsm::{Confederation, RemoteAs, Role, SessionConfig};
use bgp::types::{Asn, Family};
use bgp::wire::encode::{put_notification, put_route_refresh};
use bgp::wire::{Capability, MessageKind, Notification, Open, RefreshKind, RouteRefresh, next_frame};
use bytes::BytesMut;

/// Body of a message of ours.
fn body(out: &BytesMut, kind: MessageKind) -> &[u8] {
    // With garbage behind it, which is no part of it.
    let frame = next_frame(out, 65535).expect("a header of ours").expect("all of it");
    assert_eq!((frame.kind, frame.len()), (kind, out.len()));
    frame.body
}

fn confederation() -> Confederation {
    Confederation { identifier: Asn(64500), member_as: Asn(65001), others: [Asn(65002), Asn(65003)].into() }
}

/// The configuration of the session that an OPEN comes in on.
pub(super) fn session(choice: u8) -> SessionConfig {
    let bit = |n: u8| choice >> n & 1 == 1;
    let remote = if bit(0) { RemoteAs::Any } else { RemoteAs::Number(Asn(65002)) };
    SessionConfig {
        families: [true, !bit(1)],
        add_path_receive: [bit(2); 2],
        add_path_send: [bit(2); 2],
        extended_next_hop: bit(3),
        role: bit(4).then_some(Role::Peer),
        strict_capability_match: bit(5),
        override_capability: bit(6),
        confederation: bit(7).then(confederation),
        ..SessionConfig::new(Asn(65001), remote, Ipv4Addr::new(10, 0, 0, 1))
    }
}

/// An OPEN, behind an octet that chooses our configuration.
pub(super) fn open(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let open = match Open::decode(bytes) {
        Ok(open) => open,
        Err(error) => return assert_eq!(Notification::from(error).code, 2),
    };
    let listed: usize = open.capabilities.iter().map(size).sum();
    assert!(listed <= 16 * bytes.len(), "{listed} octets of {}", bytes.len());
    let config = session(*choice);
    match negotiate(&config, &local_open(&config), &open) {
        Ok(negotiated) => {
            let ctx = negotiated.update_context(&config);
            assert!(ctx.families.contains(&true), "a session of no family");
            assert_eq!(ctx.remote_as, open.asn);
        }
        Err(refusal) => assert_eq!(Notification::from(&refusal).code, 2),
    }
    // Texts are cut when they are written: from then on nothing changes.
    let (once, written) = reread(&open);
    let (twice, again) = reread(&once);
    assert_eq!((once, written), (twice, again));
}

fn reread(open: &Open) -> (Open, BytesMut) {
    let mut out = BytesMut::new();
    open.encode(&mut out);
    let again = Open::decode(&out[19..]).expect("an OPEN of ours");
    assert_eq!((again.asn, again.hold_time, again.router_id), (open.asn, open.hold_time, open.router_id));
    assert_eq!(again.capabilities.len(), open.capabilities.len());
    for (one, other) in again.capabilities.iter().zip(&open.capabilities) {
        assert!(one == other || has_text(one), "{other:?} became {one:?}");
    }
    (again, out)
}

fn has_text(capability: &Capability) -> bool {
    matches!(capability, Capability::Fqdn { .. } | Capability::SoftwareVersion(_))
}

/// Octets that a capability holds.
fn size(capability: &Capability) -> usize {
    match capability {
        Capability::ExtendedNextHop(list) => list.capacity() * 6,
        Capability::AddPath(list) => list.capacity() * 4,
        Capability::PathsLimit(list) => list.capacity() * 6,
        Capability::LongLivedGracefulRestart(list) => list.capacity() * 12,
        Capability::GracefulRestart(gr) => gr.families.capacity() * 4,
        Capability::Fqdn { host, domain } => host.capacity() + domain.capacity(),
        Capability::SoftwareVersion(text) => text.capacity(),
        Capability::Other { value, .. } => value.capacity(),
        _ => 0,
    }
}

/// A capability: its code and its value.
pub(super) fn capability(data: &[u8]) {
    let Some((code, value)) = data.split_first() else { return };
    let value = &value[..value.len().min(255)];
    let capability = Capability::decode(*code, value);
    assert_eq!(capability.code(), *code);
    let mut out = Vec::new();
    capability.encode(&mut out);
    assert_eq!((out[0], usize::from(out[1])), (*code, out.len() - 2));
    let again = Capability::decode(*code, &out[2..]);
    if has_text(&capability) {
        let mut twice = Vec::new();
        again.encode(&mut twice);
        assert_eq!(Capability::decode(*code, &twice[2..]), again);
        let clean = |text: &str| text.chars().all(|c| !c.is_control());
        match &again {
            Capability::Fqdn { host, domain } => assert!(clean(host) && clean(domain)),
            Capability::SoftwareVersion(text) => assert!(clean(text)),
            other => panic!("a text became {other:?}"),
        }
    } else {
        assert_eq!(again, capability);
    }
}

/// The body of a NOTIFICATION.
pub(super) fn notification(data: &[u8]) {
    let Ok(n) = Notification::decode(data) else { return assert!(data.len() < 2) };
    assert_eq!([&[n.code, n.subcode], &n.data[..]].concat(), data);
    assert!(!n.to_string().is_empty() && n.code_hex().len() == 4);
    if let Some(text) = n.shutdown_message() {
        assert!(text.chars().all(|c| !c.is_control()) && text.len() <= 3 * n.data.len());
    }
    if let Some(inner) = n.hard_reset_inner() {
        assert!(inner.data.len() + 2 == n.data.len());
    }
    let mut out = BytesMut::new();
    put_notification(&n, &mut out);
    assert!(out.len() <= 4096);
    let again = Notification::decode(body(&out, MessageKind::Notification)).expect("one of ours");
    assert_eq!((again.code, again.subcode), (n.code, n.subcode));
    assert!(n.data.starts_with(&again.data) && (again == n || out.len() == 4096));
}

/// The body of a ROUTE-REFRESH.
pub(super) fn route_refresh(data: &[u8]) {
    let refresh = match RouteRefresh::decode(data) {
        Ok(refresh) => refresh,
        Err(error) => {
            assert_ne!(data.len(), 4);
            let n = Notification::from(error);
            return assert_eq!((n.code, n.subcode), (7, 1));
        }
    };
    let kinds = [RefreshKind::Request, RefreshKind::Begin, RefreshKind::End];
    assert_eq!(refresh.kind, kinds.get(usize::from(data[2])).copied());
    let family = Family::ALL.into_iter().find(|f| [0, f.index() as u8 + 1] == data[..2] && data[3] == 1);
    assert_eq!(refresh.family, family);
    if let (Some(family), Some(kind)) = (refresh.family, refresh.kind) {
        let mut out = BytesMut::new();
        put_route_refresh(family, kind, &mut out);
        assert_eq!(body(&out, MessageKind::RouteRefresh), data);
    }
}
