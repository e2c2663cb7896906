use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::types::Family;
use crate::wire::capability::*;
use crate::wire::encode::*;

fn every_capability() -> Vec<Capability> {
    vec![
        Capability::Multiprotocol { afi: 1, safi: 1 },
        Capability::Multiprotocol { afi: 25, safi: 70 },
        Capability::RouteRefresh,
        Capability::RouteRefreshOld,
        Capability::EnhancedRouteRefresh,
        Capability::ExtendedMessage,
        Capability::Dynamic,
        Capability::ExtendedNextHop(vec![ExtendedNextHop { afi: 1, safi: 1, next_hop_afi: 2 }]),
        Capability::Role(3),
        Capability::GracefulRestart(GracefulRestart {
            flags: 0xc,
            time: 120,
            families: vec![RestartFamily { afi: 1, safi: 1, flags: 0x80 }],
        }),
        Capability::FourOctetAs(Asn(4_200_000_000)),
        Capability::AddPath(vec![AddPath { afi: 1, safi: 1, mode: 3 }]),
        Capability::PathsLimit(vec![
            PathsLimit { afi: 1, safi: 1, limit: 21 },
            PathsLimit { afi: 2, safi: 1, limit: 0xffff },
        ]),
        Capability::LongLivedGracefulRestart(vec![LongLivedFamily {
            afi: 2,
            safi: 1,
            flags: 0x80,
            time: 0xff_ffff,
        }]),
        Capability::Fqdn { host: "edge".into(), domain: "example.net".into() },
        Capability::SoftwareVersion("router/0.1".into()),
        Capability::Other { code: 200, value: vec![1, 2, 3] },
    ]
}

fn open(capabilities: Vec<Capability>, extended_parameters: bool) -> Open {
    let asn = capabilities.iter().find_map(|c| match c {
        Capability::FourOctetAs(a) => Some(*a),
        _ => None,
    });
    Open {
        asn: asn.unwrap_or(Asn(65001)),
        hold_time: 90,
        router_id: Ipv4Addr::new(10, 0, 0, 1),
        capabilities,
        extended_parameters,
    }
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    let frame = next_frame(bytes, 65535).unwrap().unwrap();
    assert_eq!(frame.len(), bytes.len());
    frame
}

#[test]
fn an_open_with_every_capability_reads_back() {
    let many: Vec<_> = (0..4).flat_map(|_| every_capability()).collect();
    for extended in [false, true] {
        for list in [every_capability(), vec![], many.clone()] {
            let sent = open(list, extended);
            let mut out = BytesMut::new();
            sent.encode(&mut out);
            let f = frame(&out);
            assert_eq!(f.kind, MessageKind::Open);
            let got = Open::decode(f.body).unwrap();
            // Too many for the classic format switch to the extended one.
            assert_eq!(Open { extended_parameters: got.extended_parameters, ..sent.clone() }, got);
            assert!(got.extended_parameters || !extended);
        }
    }
}

#[test]
fn opens_that_cannot_be_read_name_the_reason() {
    let mut out = BytesMut::new();
    open(every_capability(), false).encode(&mut out);
    let good = out[19..].to_vec();
    let edit = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        let n = Notification::from(Open::decode(&bytes).unwrap_err());
        (n.code, n.subcode, n.data)
    };
    assert_eq!(edit(0, 3), (2, 1, vec![0, 4]));
    assert_eq!(edit(10, 1), (2, 4, vec![]));
    assert_eq!(edit(9, 5), (2, 0, vec![]));
    for cut in 0..good.len() {
        assert!(Open::decode(&good[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn malformed_capabilities_are_kept_aside_but_two() {
    let with_cap = |cap: &[u8]| {
        let mut bytes = vec![4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 1, cap.len() as u8 + 2, 2, cap.len() as u8];
        bytes.extend_from_slice(cap);
        Open::decode(&bytes)
    };
    // Long-lived restart of four octets, software versions that claim too much or nothing, short role.
    for cap in [
        &[71, 4, 0, 1, 1, 0][..],
        &[75, 3, 9, b'a', b'b'],
        &[75, 0],
        &[9, 0],
        &[73, 2, 5, 1],
        &[69, 3, 0, 1, 1],
    ] {
        let open = with_cap(cap).unwrap();
        assert!(matches!(open.capabilities[..], [Capability::Other { .. }]), "{cap:?}");
    }
    for cap in [&[1, 3, 0, 1, 1][..], &[65, 2, 0, 1]] {
        assert_eq!(Notification::from(with_cap(cap).unwrap_err()).code, 2);
    }
    assert_eq!(
        with_cap(&[75, 3, 2, 27, b'x']).unwrap().capabilities,
        [Capability::SoftwareVersion("?x".into())]
    );
}

#[test]
fn hostile_openings_of_others_end_in_a_notification() {
    let head = [4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 1];
    for tail in [
        &[255][..],
        &[255, 255],
        &[255, 255, 0],
        &[255, 255, 0, 3, 2, 0],
        &[255, 255, 0, 200, 2, 0, 1, 0],
        &[255, 255, 0, 4, 2, 0, 0, 0, 0],
        &[4, 2, 1, 65, 4],
        &[3, 255, 1, 1, 9],
    ] {
        let bytes = [&head[..], tail].concat();
        let n = Notification::from(Open::decode(&bytes).unwrap_err());
        assert_eq!(n.code, 2, "{tail:?}");
    }
    assert!(Open::decode(&head).is_err());
}

#[test]
fn headers_are_checked_before_the_body_is_there() {
    let mut out = BytesMut::new();
    put_keepalive(&mut out);
    assert_eq!(frame(&out).kind, MessageKind::Keepalive);
    for cut in 0..19 {
        assert_eq!(next_frame(&out[..cut], 4096), Ok(None));
    }
    let with_header = |len: u16, kind: u8| {
        let mut h = vec![0xff; 16];
        h.extend_from_slice(&len.to_be_bytes());
        h.push(kind);
        h
    };
    use header::HeaderError::*;
    assert_eq!(next_frame(&[0xff, 0xfe], 4096), Err(NotSynchronized));
    assert_eq!(next_frame(&with_header(18, 4), 4096), Err(BadLength(18)));
    assert_eq!(next_frame(&with_header(20, 4), 4096), Err(BadLength(20)));
    assert_eq!(next_frame(&with_header(28, 1), 4096), Err(BadLength(28)));
    assert_eq!(next_frame(&with_header(4097, 2), 4096), Err(BadLength(4097)));
    assert_eq!(next_frame(&with_header(4097, 1), 65535), Err(BadLength(4097)));
    assert_eq!(next_frame(&with_header(7795, 2), 65535), Ok(None));
    assert_eq!(next_frame(&with_header(23, 6), 4096), Err(BadType(6)));
    let n = Notification::from(BadLength(18));
    assert_eq!((n.code, n.subcode, n.data), (1, 2, vec![0, 18]));
}

#[test]
fn notifications_have_the_text_of_frr_and_carry_a_message() {
    let n = Notification::cease_with_message(iana::error::cease::ADMIN_SHUTDOWN, "back at 10\u{1b}[2J");
    assert_eq!(n.to_string(), "Cease/Administrative Shutdown");
    assert_eq!(n.shutdown_message().unwrap(), "back at 10?[2J");
    assert_eq!(n.code_hex(), "0602");
    let mut out = BytesMut::new();
    put_notification(&n, &mut out);
    assert_eq!(Notification::decode(frame(&out).body).unwrap(), n);
    let long = "ü".repeat(200);
    let n = Notification::cease_with_message(2, &long);
    assert_eq!(n.shutdown_message().unwrap(), "ü".repeat(127));
    for data in [vec![], vec![0], vec![5, b'a'], vec![200]] {
        assert_eq!(Notification { code: 6, subcode: 2, data }.shutdown_message(), None);
    }
    let hard = Notification::cease(9).with_data(&[6, 2]);
    assert_eq!(hard.hard_reset_inner().unwrap().to_string(), "Cease/Administrative Shutdown");
    assert_eq!(Notification::new(4, 0).to_string(), "Hold Timer Expired");
    assert!(Notification::decode(&[6]).is_err());
}

#[test]
fn refresh_requests_read_back_and_filters_are_refused() {
    for (family, kind) in
        [(Family::Ipv4Unicast, RefreshKind::Request), (Family::Ipv6Unicast, RefreshKind::End)]
    {
        let mut out = BytesMut::new();
        put_route_refresh(family, kind, &mut out);
        let got = RouteRefresh::decode(frame(&out).body).unwrap();
        assert_eq!(got, RouteRefresh { family: Some(family), kind: Some(kind) });
    }
    assert_eq!(RouteRefresh::decode(&[0, 1, 9, 1]).unwrap().kind, None);
    assert_eq!(RouteRefresh::decode(&[0, 3, 0, 1]).unwrap().family, None);
    let n = Notification::from(RouteRefresh::decode(&[0, 1, 0, 1, 1, 128, 0, 99]).unwrap_err());
    assert_eq!((n.code, n.subcode), (7, 1));
}

#[test]
fn end_of_rib_markers_decode_as_such() {
    for family in Family::ALL {
        let mut out = BytesMut::new();
        put_end_of_rib(family, &mut out);
        let d = decode(context(), frame(&out).body);
        assert_eq!(d.batch.ops, [Op::EndOfRib(family)]);
    }
}

#[test]
fn attributes_that_fill_a_message_leave_no_room() {
    let mut out = BytesMut::from(&b"before"[..]);
    let prefix = Nlri { addr: 0x0a00_0000u32, path_id: 0, len: 8 };
    for extended_message in [false, true] {
        let form = UpdateForm { extended_message, add_path: false };
        let attrs = vec![0; form.max_message() - 30];
        assert!(put_announce(form, &attrs, None, [prefix], &mut out).is_err());
        assert_eq!(&out[..], b"before");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), marker: bool) {
        let _ = Open::decode(&bytes);
        let _ = Notification::decode(&bytes).map(|n| (n.to_string(), n.shutdown_message(), n.hard_reset_inner()));
        let _ = RouteRefresh::decode(&bytes);
        let stream = if marker { [&[0xff; 16][..], &bytes].concat() } else { bytes.clone() };
        if let Ok(Some(frame)) = next_frame(&stream, 4096) {
            prop_assert!(frame.len() <= stream.len());
        }
        let d = decode(context(), &bytes);
        prop_assert!(d.batch.v4.len() + d.batch.v6.len() <= bytes.len());
    }

    #[test]
    fn a_changed_open_never_panics(at in any::<prop::sample::Index>(), value: u8, extended: bool) {
        let mut out = BytesMut::new();
        open(every_capability(), extended).encode(&mut out);
        let at = 19 + at.index(out.len() - 19);
        out[at] = value;
        if let Ok(open) = Open::decode(&out[19..]) {
            let mut again = BytesMut::new();
            open.encode(&mut again);
            prop_assert!(Open::decode(&again[19..]).is_ok());
        }
    }
}
