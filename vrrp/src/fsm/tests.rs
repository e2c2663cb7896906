use std::collections::BTreeMap;

use super::*;

mod properties;

/// A segment with routers on it and virtual time.
struct Segment {
    now: Time,
    routers: Vec<Router>,
}

struct Router {
    instance: Instance,
    source: IpAddr,
    /// Cut off from the others.
    cut: bool,
    /// Dead: neither runs nor hears.
    dead: bool,
    log: Vec<(Time, Output)>,
    forwarding: bool,
}

fn config(priority: u8, interval: u16) -> Config {
    let addresses = vec!["10.0.0.254".parse().unwrap()];
    Config { priority, interval, ..Config::new(7, Family::V4, addresses) }
}

fn source(n: usize) -> IpAddr {
    IpAddr::from([10, 0, 0, n as u8 + 1])
}

impl Segment {
    fn new(configs: Vec<Config>) -> Segment {
        let router = |(n, config)| Router {
            instance: Instance::new(config),
            source: source(n),
            cut: false,
            dead: false,
            log: Vec::new(),
            forwarding: false,
        };
        let mut segment = Segment { now: 1, routers: configs.into_iter().enumerate().map(router).collect() };
        for n in 0..segment.routers.len() {
            segment.tell(n, Input::Up { source: source(n), own_mac: None, adopted: false });
        }
        segment
    }

    fn tell(&mut self, n: usize, input: Input<'_>) {
        let now = self.now;
        self.routers[n].instance.handle(now, input);
        self.drain(n);
    }

    fn drain(&mut self, n: usize) {
        let now = self.now;
        let mut frames = Vec::new();
        let router = &mut self.routers[n];
        while let Some(output) = router.instance.poll() {
            match &output {
                Output::Send(frame) => frames.push(Arc::clone(frame)),
                Output::Acquire => router.forwarding = true,
                Output::Release => router.forwarding = false,
                _ => {}
            }
            router.log.push((now, output));
        }
        let (source, silent) = (router.source, router.cut || router.dead);
        for frame in frames {
            for other in 0..self.routers.len() {
                if other == n || silent || self.routers[other].cut || self.routers[other].dead {
                    continue;
                }
                let packet = Packet {
                    source,
                    destination: Family::V4.destination(),
                    hop_limit: 255,
                    payload: &frame[34..],
                };
                self.tell(other, Input::Packet(packet));
            }
        }
    }

    fn run(&mut self, time: Time) {
        let end = self.now + time;
        loop {
            let due = |r: &Router| if r.dead { None } else { r.instance.deadline() };
            let next = (0..self.routers.len()).filter_map(|n| Some((due(&self.routers[n])?, n))).min();
            let Some((at, n)) = next.filter(|(at, _)| *at <= end) else { break };
            self.now = self.now.max(at);
            self.tell(n, Input::Timeout);
        }
        self.now = end;
    }

    fn states(&self) -> Vec<State> {
        self.routers.iter().map(|r| r.instance.state()).collect()
    }

    fn changes(&self, n: usize) -> Vec<(Time, State, Reason)> {
        let change = |(at, output): &(Time, Output)| match output {
            Output::Changed { to, reason, .. } => Some((*at, *to, *reason)),
            _ => None,
        };
        self.routers[n].log.iter().filter_map(change).collect()
    }
}

use State::{Active, Backup, Initialize};

#[test]
fn the_highest_priority_becomes_active_and_a_silent_one_is_replaced_in_time() {
    let mut lab = Segment::new(vec![config(200, 100), config(150, 100), config(100, 100)]);
    lab.run(10 * SECOND);
    assert_eq!(lab.states(), [Active, Backup, Backup]);
    lab.routers[0].dead = true;
    let died = lab.now;
    lab.run(10 * SECOND);
    assert_eq!(lab.states()[1..], [Active, Backup]);
    let (at, _, reason) = *lab.changes(1).last().unwrap();
    assert_eq!(reason, Reason::Timeout);
    let wait = at - died;
    assert!(wait <= 3 * SECOND + 106 * SECOND / 256, "{wait}");
    assert_eq!(lab.changes(2).len(), 1, "the third never moves");
}

#[test]
fn skew_is_not_lost_at_ten_milliseconds() {
    let mut lab = Segment::new(vec![config(200, 1), config(150, 1), config(149, 1)]);
    lab.run(SECOND);
    lab.routers[0].dead = true;
    lab.run(SECOND);
    assert_eq!(lab.states()[1..], [Active, Backup]);
    assert_eq!(lab.changes(2).len(), 1);
}

#[test]
fn stopping_keeps_the_datapath_until_the_successor_is_heard() {
    let mut lab = Segment::new(vec![config(200, 100), config(100, 100)]);
    lab.run(10 * SECOND);
    lab.tell(0, Input::Shutdown);
    assert_eq!(lab.states()[0], Initialize);
    assert!(lab.routers[0].forwarding);
    lab.run(SECOND * 156 / 256 - MILLISECOND);
    assert!(lab.routers[0].forwarding && !lab.routers[1].forwarding);
    lab.run(2 * MILLISECOND);
    assert!(!lab.routers[0].forwarding && lab.routers[1].forwarding);
    assert_eq!(lab.routers[0].log.last().unwrap().1, Output::Stopped);
    assert_eq!(lab.changes(1).last().unwrap().2, Reason::PriorityZero);
}

#[test]
fn stopping_alone_ends_after_the_bound() {
    let mut lab = Segment::new(vec![config(200, 10)]);
    lab.run(10 * SECOND);
    lab.tell(0, Input::Shutdown);
    lab.run(SECOND + 1);
    assert!(!lab.routers[0].forwarding);
    assert_eq!(lab.routers[0].log.last().unwrap().1, Output::Stopped);
}

#[test]
fn losing_health_moves_the_role_within_the_skew_and_its_return_moves_it_back() {
    let mut lab =
        Segment::new(vec![Config { preempt_delay: 5 * SECOND, ..config(200, 100) }, config(150, 100)]);
    lab.run(10 * SECOND);
    assert_eq!(lab.states(), [Active, Backup]);
    lab.tell(0, Input::Health(false));
    lab.run(106 * SECOND / 256 + MILLISECOND);
    assert_eq!(lab.states(), [Backup, Active]);
    lab.run(20 * SECOND);
    assert_eq!(lab.states(), [Backup, Active]);
    let healthy = lab.now;
    lab.tell(0, Input::Health(true));
    lab.run(20 * SECOND);
    assert_eq!(lab.states(), [Active, Backup]);
    let (at, _, reason) = *lab.changes(0).last().unwrap();
    assert_eq!(reason, Reason::Preempted);
    assert!(at >= healthy + 5 * SECOND && at <= healthy + 9 * SECOND);
    lab.routers[1].dead = true;
    lab.tell(0, Input::Health(false));
    lab.run(20 * SECOND);
    assert_eq!(lab.states()[0], Active, "better an unhealthy one than none");
}

#[test]
fn when_two_claim_the_role_the_last_frame_is_the_better_ones() {
    let mut lab = Segment::new(vec![config(200, 100), config(100, 100)]);
    lab.run(10 * SECOND);
    lab.routers[0].cut = true;
    while lab.states()[1] != Active {
        lab.run(MILLISECOND);
    }
    let claimed = lab.now;
    lab.run(SECOND / 2);
    lab.routers[0].cut = false;
    // The lesser one announces again a second after its claim, and advertises at the same time, too.
    lab.routers[1].instance.timer = lab.routers[1].instance.announcements.front().copied();
    lab.run(2 * SECOND);
    assert_eq!(lab.states(), [Active, Backup]);
    let frames = |n: usize| {
        let log = lab.routers[n].log.iter().filter(|(at, _)| *at > claimed + SECOND / 4);
        log.filter(|(_, o)| matches!(o, Output::Send(_) | Output::Announce)).cloned().collect::<Vec<_>>()
    };
    let (better, lesser) = (frames(0), frames(1));
    let (gave_way, last) = lesser.last().unwrap();
    assert!(matches!(last, Output::Send(_)), "its announcement goes before its advertisement");
    assert!(lesser.iter().any(|(at, o)| at == gave_way && *o == Output::Announce));
    let sends = better.iter().filter(|(at, o)| at > gave_way && matches!(o, Output::Send(_)));
    let again: Vec<Time> = sends.map(|(at, _)| (at - gave_way) / MILLISECOND).collect();
    assert_eq!(again[..5], [20, 40, 60, 80, 1080]);
    let released = lab.routers[1].log.iter().rfind(|(_, o)| *o == Output::Release).unwrap().0;
    assert_eq!(released - gave_way, 40 * MILLISECOND, "it forwards until the switch is turned for sure");
}

#[test]
fn no_preemption_when_not_wanted() {
    let mut lab = Segment::new(vec![Config { preempt: false, ..config(200, 100) }, config(100, 100)]);
    lab.run(10 * SECOND);
    lab.routers[0].cut = true;
    lab.run(10 * SECOND);
    assert_eq!(lab.states(), [Active, Active]);
    lab.routers[0].cut = false;
    lab.run(10 * SECOND);
    assert_eq!(lab.states(), [Active, Backup], "two Actives: the higher priority stays");
    lab.tell(0, Input::Down);
    lab.run(10 * SECOND);
    lab.tell(0, Input::Up { source: source(0), own_mac: None, adopted: false });
    lab.run(10 * SECOND);
    assert_eq!(lab.states(), [Backup, Active]);
}

#[test]
fn the_backup_learns_the_interval_of_the_active_router() {
    let mut lab = Segment::new(vec![config(200, 20), config(100, 100)]);
    lab.run(10 * SECOND);
    let status = lab.routers[1].instance.status();
    assert_eq!(status.active_interval, 200 * MILLISECOND);
    assert_eq!(status.down_interval, 600 * MILLISECOND + 200 * MILLISECOND * 156 / 256);
    assert_eq!(status.stats.interval_differs, 1);
}

#[test]
fn equal_priorities_are_decided_by_address() {
    let mut lab = Segment::new(vec![config(100, 100), config(100, 100)]);
    lab.routers[0].cut = true;
    lab.run(10 * SECOND);
    assert_eq!(lab.states(), [Active, Active]);
    lab.routers[0].cut = false;
    lab.run(3 * SECOND);
    assert_eq!(lab.states(), [Backup, Active]);
}

#[test]
fn an_owner_starts_active_and_takes_over_at_once() {
    let mut lab = Segment::new(vec![config(255, 100), config(100, 100)]);
    assert_eq!(lab.states(), [Active, Backup]);
    lab.tell(0, Input::Down);
    lab.run(10 * SECOND);
    assert_eq!(lab.states(), [Initialize, Active]);
    lab.tell(0, Input::Up { source: source(0), own_mac: None, adopted: false });
    lab.run(1);
    assert_eq!(lab.states(), [Active, Backup]);
}

#[test]
fn take_over_acquires_before_it_advertises_and_announces_again_later() {
    let mut lab = Segment::new(vec![config(100, 100)]);
    lab.run(20 * SECOND);
    let log = &lab.routers[0].log;
    let began = log.iter().position(|(_, o)| *o == Output::Acquire).unwrap();
    let at = log[began].0;
    assert!(matches!(log[began + 1].1, Output::Changed { to: Active, .. }));
    assert!(matches!(log[began + 2].1, Output::Send(_)));
    let announced: Vec<Time> =
        log.iter().filter(|(_, o)| *o == Output::Announce).map(|(when, _)| when - at).collect();
    assert_eq!(announced, [0, SECOND, 5 * SECOND]);
}

#[test]
fn a_time_out_of_our_own_making_is_not_believed_at_first() {
    let mut lab = Segment::new(vec![config(200, 100), config(100, 100)]);
    lab.run(10 * SECOND);
    // The backup's process stood still: the packets of this time are lost to it.
    lab.routers[1].cut = true;
    let down = lab.routers[1].instance.deadline().unwrap();
    lab.now = down + 2 * SECOND;
    lab.routers[1].cut = false;
    lab.tell(1, Input::Timeout);
    assert_eq!(lab.states()[1], Backup);
    lab.tell(0, Input::Timeout);
    lab.run(10 * SECOND);
    assert_eq!(lab.states(), [Active, Backup]);
    assert_eq!(lab.routers[1].instance.status().stats.late, 1);
}

#[test]
fn all_waiting_packets_come_before_the_timers() {
    let mut lab = Segment::new(vec![config(200, 100), config(100, 100), config(50, 100)]);
    lab.run(10 * SECOND);
    // The third router runs a little late: packets of both others wait, that of a lesser one first.
    lab.routers[2].cut = true;
    let lesser = config(10, 100);
    let due = lab.routers[2].instance.deadline().unwrap();
    lab.now = due + MILLISECOND;
    for (from, config) in [(3, lesser), (0, config(200, 100))] {
        let Config { vrid, priority, interval, addresses, .. } = config;
        let advert = Advert { vrid, priority, interval, addresses };
        let payload = wire::encode(&advert, &source(from), Checksum::PseudoHeader);
        let destination = Family::V4.destination();
        let packet = Packet { source: source(from), destination, hop_limit: 255, payload: &payload };
        lab.tell(2, Input::Packet(packet));
    }
    assert_eq!(lab.changes(2).len(), 1, "never anything but backup");
    assert!(lab.routers[2].instance.deadline().unwrap() > lab.now);
}

#[test]
fn a_killed_predecessors_datapath_is_kept_until_an_active_router_is_heard() {
    let mut lab = Segment::new(vec![config(200, 100), config(100, 100)]);
    lab.run(10 * SECOND);
    lab.routers[0].instance = Instance::new(config(200, 100));
    lab.tell(0, Input::Up { source: source(0), own_mac: None, adopted: true });
    let mut seen = BTreeMap::new();
    for _ in 0..200 {
        lab.run(50 * MILLISECOND);
        *seen.entry((lab.routers[0].forwarding, lab.routers[1].forwarding)).or_insert(0) += 1;
    }
    assert!(!seen.contains_key(&(false, false)), "somebody always forwards");
    let both = seen.get(&(true, true)).copied().unwrap_or(0);
    assert!(both <= 2, "never both for more than a tenth of a second");
    assert_eq!(lab.states(), [Active, Backup]);
}

#[test]
fn the_form_of_checksum_follows_the_peer() {
    let mut lab =
        Segment::new(vec![Config { checksum: Checksum::MessageOnly, ..config(200, 100) }, config(100, 100)]);
    lab.run(10 * SECOND);
    assert_eq!(lab.routers[1].instance.form, Checksum::MessageOnly);
}

#[test]
fn without_a_virtual_mac_frames_come_from_the_interfaces_own_and_the_role_is_left_at_once() {
    const OWN: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 2];
    let mut lab = Segment::new(vec![config(100, 100), config(200, 100)]);
    let up = |own_mac| Input::Up { source: source(0), own_mac, adopted: false };
    lab.tell(0, Input::Down);
    lab.tell(0, up(Some(OWN)));
    lab.routers[1].cut = true;
    lab.run(10 * SECOND);
    assert_eq!(lab.states()[0], Active);
    let sent_from = |lab: &Segment| {
        let mut log = lab.routers[0].log.iter().rev();
        log.find_map(
            |(_, o)| if let Output::Send(frame) = o { frame.get(6..12).map(<[u8]>::to_vec) } else { None },
        )
    };
    assert_eq!(sent_from(&lab).unwrap(), OWN);
    // The interface gets another MAC: hosts have to hear of it.
    lab.tell(0, up(Some(OTHER)));
    assert_eq!(lab.routers[0].log.last().unwrap().1, Output::Announce);
    lab.run(2 * SECOND);
    assert_eq!(sent_from(&lab).unwrap(), OTHER);
    lab.routers[1].cut = false;
    lab.run(2 * SECOND);
    assert_eq!(lab.states(), [Backup, Active]);
    let log = &lab.routers[0].log;
    let gave_way = log.iter().rfind(|(_, o)| matches!(o, Output::Changed { to: Backup, .. })).unwrap().0;
    let released = log.iter().rfind(|(_, o)| *o == Output::Release).unwrap().0;
    assert_eq!(released, gave_way, "two must not answer for the addresses");
}
