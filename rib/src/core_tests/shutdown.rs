//! Graceful shutdown (RFC 8326), ours and that of others, and blackholes (RFC 7999).

use bgp::wire::iana::community::{BLACKHOLE, GRACEFUL_SHUTDOWN, NO_EXPORT};

use super::*;

const FOREIGN: &str = "192.0.2.0/24";
const OWN: &str = "198.51.100.0/24";

/// Communities and LOCAL_PREF of what a neighbour was told.
fn told(lab: &Lab, n: u16, prefix: &str) -> (Vec<u32>, Option<u32>) {
    let (block, _) = &lab.peers[&n].1[&prefix.parse::<IpNet>().unwrap()];
    let view = AttrView::new(block);
    (view.communities().collect(), view.local_pref())
}

/// The same of the path in the table.
fn held(lab: &Lab, prefix: &str) -> (Vec<u32>, Option<u32>) {
    let view = lab.core.prefix(prefix.parse().unwrap()).unwrap();
    let attrs = AttrView::new(&view.paths[0].block);
    (attrs.communities().collect(), attrs.local_pref())
}

/// Neighbours 1 and 2 are external, 3 is internal; 1 announces a route, another is ours.
fn lab() -> Lab {
    let mut lab = Lab::new();
    lab.tell(Input::Settings(Settings { import_check: false, ..Settings::default() }));
    lab.add(1, PeerKind::External);
    lab.add(2, PeerKind::External);
    lab.add(3, PeerKind::Internal);
    let networks = BTreeMap::from([(OWN.parse().unwrap(), None)]);
    lab.tell(Input::Local(Family::Ipv4Unicast, LocalRoutes { networks, ..LocalRoutes::default() }));
    lab.announce(1, &[FOREIGN], |b| {
        b.communities(vec![7]);
    });
    lab.settle();
    lab
}

#[test]
fn while_we_shut_down_everything_is_the_last_resort_and_then_no_longer() {
    let mut lab = lab();
    let before = |lab: &Lab| {
        assert_eq!(told(lab, 2, FOREIGN), (vec![7], None));
        assert_eq!(told(lab, 3, FOREIGN), (vec![7], Some(100)));
        assert_eq!(told(lab, 3, OWN), (vec![], Some(100)));
        assert_eq!(held(lab, FOREIGN), (vec![7], None));
    };
    before(&lab);
    let shutdown = |graceful_shutdown| {
        Input::Settings(Settings { graceful_shutdown, import_check: false, ..Settings::default() })
    };
    lab.tell(shutdown(true));
    lab.settle();
    for prefix in [FOREIGN, OWN] {
        let (communities, _) = told(&lab, 2, prefix);
        assert!(communities.contains(&GRACEFUL_SHUTDOWN), "{prefix}");
        assert_eq!(told(&lab, 3, prefix).1, Some(0), "{prefix}");
    }
    assert_eq!(held(&lab, FOREIGN), (vec![7, GRACEFUL_SHUTDOWN], Some(0)));
    assert_eq!(held(&lab, OWN), (vec![GRACEFUL_SHUTDOWN], Some(0)));
    lab.tell(shutdown(false));
    lab.settle();
    before(&lab);
}

#[test]
fn a_neighbour_alone_is_shut_down_in_both_directions() {
    let mut lab = lab();
    lab.add(4, PeerKind::External);
    for n in [1, 2] {
        let config = Lab::config(n, PeerKind::External, PeerFamily::default());
        lab.tell(Input::Peer(PeerId(n), PeerConfig { graceful_shutdown: true, ..config }));
    }
    lab.settle();
    assert_eq!(held(&lab, FOREIGN), (vec![7, GRACEFUL_SHUTDOWN], Some(0)));
    assert_eq!(told(&lab, 2, OWN), (vec![GRACEFUL_SHUTDOWN], None));
    assert_eq!(told(&lab, 4, OWN), (vec![], None));
    assert_eq!(told(&lab, 3, OWN), (vec![], Some(100)));
    lab.tell(Input::Peer(PeerId(1), Lab::config(1, PeerKind::External, PeerFamily::default())));
    lab.settle();
    assert_eq!(held(&lab, FOREIGN), (vec![7], None));
}

#[test]
fn what_external_neighbours_mark_is_taken_up() {
    let mut lab = lab();
    lab.announce(1, &[FOREIGN], |b| {
        b.communities(vec![GRACEFUL_SHUTDOWN]);
    });
    lab.announce(1, &["203.0.113.1/32"], |b| {
        b.communities(vec![BLACKHOLE]);
    });
    lab.settle();
    assert_eq!(held(&lab, FOREIGN), (vec![GRACEFUL_SHUTDOWN], Some(0)));
    assert_eq!(held(&lab, "203.0.113.1/32"), (vec![BLACKHOLE, NO_EXPORT], None));
    assert_eq!(told(&lab, 3, FOREIGN).1, Some(0));
    assert_eq!(lab.told(2), [FOREIGN, OWN]);
    assert_eq!(lab.told(3), [FOREIGN, OWN, "203.0.113.1/32"]);
    // Inside, others have decided already.
    lab.announce(3, &["203.0.113.3/32"], |b| {
        b.communities(vec![GRACEFUL_SHUTDOWN]);
    });
    lab.settle();
    assert_eq!(held(&lab, "203.0.113.3/32").1, Some(100));
}
