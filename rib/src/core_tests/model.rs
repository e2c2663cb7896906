//! Any story at all, against a naive model.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Announce(u16, u8, u8),
    Withdraw(u16, u8),
    Down(u16),
    Up(u16),
    Link(bool),
    Static(bool),
    Refresh(u16),
    Work,
}

fn step() -> impl Strategy<Value = Step> {
    let peer = || 1u16..=4;
    prop_oneof![
        8 => (peer(), 0u8..5, 0u8..4).prop_map(|(n, p, a)| Step::Announce(n, p, a)),
        4 => (peer(), 0u8..5).prop_map(|(n, p)| Step::Withdraw(n, p)),
        1 => peer().prop_map(Step::Down),
        2 => peer().prop_map(Step::Up),
        1 => any::<bool>().prop_map(Step::Link),
        1 => any::<bool>().prop_map(Step::Static),
        1 => peer().prop_map(Step::Refresh),
        3 => Just(Step::Work),
    ]
}

fn prefix_of(p: u8) -> String {
    format!("192.0.{p}.0/24")
}

/// What each peer sent, in the naive model: the attribute variant and when.
#[derive(Default)]
struct Model {
    sent: BTreeMap<(u16, u8), (u8, u64)>,
    up: BTreeSet<u16>,
    link: bool,
}

impl Model {
    /// The peer whose path must be best: shorter paths first, external first, then the older, then the address.
    fn best(&self, lab: &Lab, p: u8) -> Option<u16> {
        let all = self.sent.iter().filter(|((n, q), _)| *q == p && self.up.contains(n) && self.link);
        all.min_by_key(|((n, _), (variant, since))| {
            let external = lab.peers[n].0 == PeerKind::External;
            let length = u32::from(*variant) + u32::from(external);
            (length, !external, if external { *since } else { 0 }, *n)
        })
        .map(|((n, _), _)| *n)
    }
}

fn play(steps: &[Step]) {
    let mut lab = Lab::new();
    let mut model = Model { link: true, ..Model::default() };
    for n in 1..=4 {
        lab.add(n, if n == 4 { PeerKind::Internal } else { PeerKind::External });
        model.up.insert(n);
    }
    for step in steps {
        match step {
            Step::Announce(n, p, variant) if model.up.contains(n) => {
                lab.announce(*n, &[&prefix_of(*p)], |b| {
                    b.prepend(Asn(1), usize::from(*variant));
                });
                let now = lab.now / SECOND;
                let entry = model.sent.entry((*n, *p)).or_insert((*variant, now));
                if entry.0 != *variant {
                    *entry = (*variant, now);
                }
            }
            Step::Withdraw(n, p) if model.up.contains(n) => {
                lab.withdraw(*n, &[&prefix_of(*p)]);
                model.sent.remove(&(*n, *p));
            }
            Step::Down(n) => {
                lab.down(*n);
                model.up.remove(n);
                model.sent.retain(|(m, _), _| m != n);
            }
            Step::Up(n) if !model.up.contains(n) => {
                lab.up(*n);
                model.up.insert(*n);
            }
            Step::Link(up) => {
                lab.tell(Input::Link { ifindex: 7, name: "eth0", up: *up });
                model.link = *up;
            }
            Step::Static(on) => {
                let route = static_route("10.9.0.0/16", Some("10.0.0.77"), 1);
                lab.tell(Input::Statics(if *on { vec![route] } else { Vec::new() }));
            }
            Step::Refresh(n) => lab.tell(Input::Refresh(PeerId(*n), Family::Ipv4Unicast)),
            Step::Work => {
                lab.core.work();
                lab.deliver();
            }
            _ => {}
        }
    }
    lab.settle();
    check(&lab, &model);
    // Nothing may be left when all sessions are gone.
    lab.tell(Input::Statics(Vec::new()));
    for n in 1..=4 {
        lab.down(n);
    }
    lab.settle();
    assert_eq!((lab.core.v4.table.len(), lab.core.v4.table.path_count()), (0, 0));
    assert_eq!(lab.core.shared.attrs.len(), 0);
    assert_eq!(lab.core.shared.next_hops.iter().count(), 0);
    assert_eq!(lab.core.shared.hop_sets.iter().count(), 0);
    assert!(lab.kernel.is_empty() && lab.hop_sets.is_empty());
}

fn check(lab: &Lab, model: &Model) {
    for p in 0..5u8 {
        let net: IpNet = prefix_of(p).parse().unwrap();
        let best = model.best(lab, p);
        for n in 1..=4u16 {
            if !model.up.contains(&n) {
                continue;
            }
            let held = lab.peers[&n].1.get(&net);
            let wanted = best.filter(|b| *b != n);
            assert_eq!(held.is_some(), wanted.is_some(), "{net} at {n}, best {best:?}");
            if let (Some((block, _)), Some(b)) = (held, wanted) {
                let ours = if n == 4 { 0 } else { 1 };
                let theirs = u32::from(lab.peers[&b].0 == PeerKind::External);
                let variant = model.sent[&(b, p)].0;
                let length = AttrView::new(block).as_path().len();
                assert_eq!(length as u32, ours + theirs + u32::from(variant), "{net} at {n} from {b}");
            }
        }
        let ways = lab.ways(&prefix_of(p));
        match best {
            None => assert!(ways.is_empty(), "{net} leads {ways:?}"),
            Some(b) => assert!(ways.contains(&address(b).to_string()), "{net} leads {ways:?}, best {b}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn at_rest_everybody_holds_what_the_best_paths_say(steps in proptest::collection::vec(step(), 1..60)) {
        play(&steps);
    }
}
