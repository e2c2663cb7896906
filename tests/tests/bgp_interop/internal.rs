//! What internal peers say wrongly gets its due as from external ones (RFC 7606 tells both), and a route reflector
//! passes on what is left.

use std::net::Ipv4Addr;

use crate::common::*;
use crate::malformed::update_with;
use crate::security::Due::{Accepted, Withdrawn};
use crate::security::{CASE, CASE_PREFIX, Scene, attr, attrs, scene_with};

const CLIENTS: &str = " neighbor 10.0.0.5 remote-as 65001\n neighbor 10.0.0.5 passive\n \
     neighbor 10.0.0.6 remote-as 65001\n neighbor 10.0.0.6 passive\n address-family ipv4 unicast\n  \
     neighbor 10.0.0.5 route-reflector-client\n  neighbor 10.0.0.6 route-reflector-client\n \
     exit-address-family\n";

fn scene() -> Scene {
    scene_with(CLIENTS, "")
}

const ORIGINATOR_ID: [u8; 4] = [192, 0, 2, 9];
const CLUSTER: [u8; 4] = [192, 0, 2, 1];
const OTHER_CLUSTER: [u8; 4] = [192, 0, 2, 2];

/// A route that a reflector passed on, with one odd thing behind its ORIGINATOR_ID.
fn reflected(odd: &[&[u8]]) -> Vec<u8> {
    update_with(&attrs(&[&attr(0x80, 9, &ORIGINATOR_ID), &odd.concat()]), CASE)
}

fn cluster_list(value: &[u8]) -> Vec<u8> {
    attr(0x80, 10, value)
}

#[test]
fn faults_from_inside_get_their_due() {
    let scene = scene();
    let (speaker, watcher) = (scene.speaker(65001, "10.0.0.5"), scene.speaker(65001, "10.0.0.6"));
    let sid = |value: &[u8]| reflected(&[&cluster_list(&CLUSTER), &attr(0xc0, 40, value)]);
    let twice = reflected(&[&cluster_list(&CLUSTER), &cluster_list(&OTHER_CLUSTER)]);
    let cases = vec![
        ("PREFIX_SID with an SRv6 TLV shorter than it says", sid(&[5, 0, 30, 0, 1, 0, 9]), Accepted),
        ("PREFIX_SID of zeros", sid(&[0; 7]), Accepted),
        ("PREFIX_SID of one octet", sid(&[1]), Accepted),
        ("CLUSTER_LIST twice", twice.clone(), Accepted),
        ("the same again", twice, Accepted),
        ("the first empty", reflected(&[&cluster_list(&[]), &cluster_list(&CLUSTER)]), Withdrawn),
        ("an empty CLUSTER_LIST", reflected(&[&cluster_list(&[])]), Withdrawn),
        ("CLUSTER_LIST of six octets", reflected(&[&cluster_list(&[192, 0, 2, 1, 192, 0])]), Withdrawn),
        ("CLUSTER_LIST of 500 clusters", reflected(&[&cluster_list(&CLUSTER.repeat(500))]), Accepted),
        ("ORIGINATOR_ID of five octets", update_with(&attrs(&[&attr(0x80, 9, &[1; 5])]), CASE), Withdrawn),
        ("LOCAL_PREF of no octets", update_with(&attrs(&[&attr(0x40, 5, &[])]), CASE), Withdrawn),
        ("an odd MED", update_with(&attrs(&[&attr(0x80, 4, &[1; 3])]), CASE), Withdrawn),
    ];
    scene.give_their_due(&speaker, &watcher, cases);
    assert_eq!(watcher.heard().sessions, 1, "{:?}", watcher.heard().downs);
}

#[test]
fn what_is_reflected_has_no_malformed_attributes() {
    let scene = scene();
    let (speaker, watcher) = (scene.speaker(65001, "10.0.0.5"), scene.speaker(65001, "10.0.0.6"));
    let clusters = |octets: &[[u8; 4]]| octets.iter().map(|c| Ipv4Addr::from(*c)).collect::<Vec<_>>();
    let ours = [10, 0, 0, 1];
    let cases = [
        (
            "PREFIX_SID that is cut",
            reflected(&[&cluster_list(&CLUSTER), &attr(0xc0, 40, &[5, 0, 30, 0, 1, 0, 9])]),
            clusters(&[ours, CLUSTER]),
        ),
        (
            "CLUSTER_LIST twice",
            reflected(&[&cluster_list(&OTHER_CLUSTER), &cluster_list(&CLUSTER)]),
            clusters(&[ours, OTHER_CLUSTER]),
        ),
    ];
    for (what, bytes, expected) in cases {
        speaker.send(bytes);
        until(what, || watcher.route(CASE_PREFIX).is_some());
        let route = watcher.route(CASE_PREFIX).unwrap();
        assert_eq!(route.view().cluster_list().collect::<Vec<_>>(), expected, "{what}");
        assert_eq!(route.view().originator_id(), Some(ORIGINATOR_ID.into()), "{what}");
        assert_eq!(route.view().raw(40), None, "{what}");
        speaker.withdraw(&[CASE_PREFIX]);
        until(what, || watcher.route(CASE_PREFIX).is_none());
    }
    assert_eq!((speaker.heard().sessions, watcher.heard().sessions), (1, 1));
    scene.undisturbed();
}
