//! What is put on routes at the edge: sites of origin, and a MED for everybody.

use super::*;
use crate::policy::ast::{AsPathList, ListEntry, Replace};
use crate::policy::compile::FilterSpec;

const PREFIX: &str = "192.0.2.0/24";
const SITE: [u8; 8] = [0, 3, 0xfd, 0xe9, 0, 0, 0, 9];

fn told(lab: &Lab, n: u16) -> Option<Vec<u8>> {
    lab.peers[&n].1.get(&PREFIX.parse::<IpNet>().unwrap()).map(|(block, _)| block.clone())
}

#[test]
fn routes_of_a_site_bear_its_mark_and_do_not_go_back_to_it() {
    let mut lab = Lab::new();
    let site = PeerFamily { site: Some(SITE), ..PeerFamily::default() };
    lab.add_with(1, PeerKind::External, site.clone());
    lab.add_with(2, PeerKind::External, site);
    lab.add(3, PeerKind::External);
    lab.announce(1, &[PREFIX], |_| {});
    lab.settle();
    assert_eq!(told(&lab, 2), None);
    let block = told(&lab, 3).unwrap();
    assert_eq!(AttrView::new(&block).ext_communities().collect::<Vec<_>>(), [SITE]);
    // The other way into the site is none any more.
    lab.tell(Input::Peer(PeerId(2), Lab::config(2, PeerKind::External, PeerFamily::default())));
    lab.settle();
    assert!(told(&lab, 2).is_some());
}

#[test]
fn a_med_for_everybody_comes_and_goes() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    lab.add(2, PeerKind::External);
    lab.add(3, PeerKind::Internal);
    let med = |lab: &Lab, n: u16| AttrView::new(&told(lab, n).unwrap()).med();
    lab.announce(1, &[PREFIX], |b| {
        b.med(Some(7));
    });
    lab.settle();
    assert_eq!((med(&lab, 2), med(&lab, 3)), (None, Some(7)));
    lab.tell(Input::Settings(Settings { max_med: Some(99), ..Settings::default() }));
    lab.settle();
    assert_eq!((med(&lab, 2), med(&lab, 3)), (Some(99), Some(99)));
    lab.tell(Input::Settings(Settings::default()));
    lab.settle();
    assert_eq!((med(&lab, 2), med(&lab, 3)), (None, Some(7)));
}

#[test]
fn policy_counts_communities_and_replaces_what_a_list_names() {
    let mut lab = Lab::new();
    let mut policies = Policies::default();
    let list: AsPathList = [(5, ListEntry { action: Action::Permit, value: "^64[0-9]+$".to_owned() })].into();
    policies.as_path_lists.insert("PRIVATE".to_owned(), list);
    let with = |matches, set| RouteMapEntry {
        matches,
        sets: vec![Set::Replace(set)],
        ..RouteMapEntry::new(Action::Permit)
    };
    let ours = with(vec![Match::CommunityLimit(0)], Replace::List("PRIVATE".to_owned(), None));
    let other = with(
        vec![Match::CommunityLimit(2), Match::ExtCommunityLimit(0)],
        Replace::List("PRIVATE".to_owned(), Some(7)),
    );
    policies.route_maps.insert("IN".to_owned(), [(10, ours), (20, other)].into());
    lab.tell(Input::Settings(Settings { asn: Asn(OUR_AS), ..Settings::default() }));
    lab.tell(Input::Policies(policies));
    let import = FilterSpec { route_map: Some("IN".to_owned()), ..FilterSpec::default() };
    lab.add_with(1, PeerKind::External, PeerFamily { import, ..PeerFamily::default() });
    lab.add(2, PeerKind::Internal);
    let mut announce = |communities: Vec<u32>, ext: Vec<[u8; 8]>| {
        lab.announce(1, &[PREFIX], |b| {
            b.set_as_path(&[Asn(101), Asn(64512)]).communities(communities).ext_communities(ext);
        });
        lab.settle();
        told(&lab, 2).map(|block| AttrView::new(&block).as_path().to_string())
    };
    assert_eq!(announce(Vec::new(), Vec::new()).as_deref(), Some("101 65000"));
    assert_eq!(announce(vec![1, 2], Vec::new()).as_deref(), Some("101 7"));
    assert_eq!(announce(vec![1, 2], vec![SITE]), None);
    assert_eq!(announce(vec![1, 2, 3], Vec::new()), None);
}
