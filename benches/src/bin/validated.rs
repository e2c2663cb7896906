//! Origin validation beside a full table, in one process without sockets: `validated [RECORDS]` (500,000).
//!
//! A neighbour with a million prefixes has a route-map that refuses what is invalid; every second route is valid, one
//! in two hundred invalid, the others in no record. Shown are CPU time and memory of each step, and the longest turn:
//! the processor time for which the table's thread does nothing else, changes for a kernel aside.

use std::collections::BTreeMap;

use bgp::attrs::AttrView;
use bgp::batch::{Op, UpdateBatch};
use bgp::types::{Addr, Asn};
use ipnet::IpNet;
use rib::policy::ast::{Action, Match, Policies, RouteMapEntry, RpkiState};
use rib::{Core, Input, PeerId, Vrp, VrpUpdate};
use router_benches::{cpu, decode, resident_mb};

/// Refuses what is invalid.
fn policies() -> Policies {
    let mut refuse = RouteMapEntry::new(Action::Deny);
    refuse.matches.push(Match::Rpki(RpkiState::Invalid));
    let entries = BTreeMap::from([(10, refuse), (20, RouteMapEntry::new(Action::Permit))]);
    let mut policies = Policies::default();
    policies.route_maps.insert("DROP".into(), entries);
    policies
}

/// The prefixes of a stream with their origins.
fn origins(stream: &[u8]) -> Vec<(IpNet, Asn)> {
    let mut found = Vec::new();
    decode(stream, |batch: &mut UpdateBatch| {
        for op in &batch.ops {
            let Op::Announce { attrs, nlri, .. } = op else { continue };
            let view = AttrView::new(batch.block(&batch.attrs[*attrs as usize]));
            let origin = view.as_path().origin_as().unwrap_or(Asn(0));
            let nlri = &batch.v4[nlri.start as usize..nlri.end as usize];
            found.extend(nlri.iter().map(|n| (n.addr.to_net(n.len), origin)));
        }
    });
    found
}

/// Records for every other prefix, one in a hundred of them of an AS that has no routes.
fn records(origins: &[(IpNet, Asn)], count: usize) -> Vec<Vrp> {
    let every = origins.iter().step_by(2).take(count).enumerate();
    let record = |(n, (prefix, origin)): (usize, &(IpNet, Asn))| Vrp {
        prefix: *prefix,
        max_len: prefix.prefix_len(),
        asn: if n % 100 == 0 { Asn(4_200_000_000) } else { *origin },
    };
    every.map(record).collect()
}

/// Says what a step cost.
struct Step {
    name: &'static str,
    start: f64,
    /// In seconds.
    longest: f64,
}

impl Step {
    fn new(name: &'static str) -> Step {
        Step { name, start: cpu(), longest: 0.0 }
    }

    /// One turn of the table's thread: what came, a slice of what is left, and what there is to tell.
    fn turn(&mut self, core: &mut Core, input: Option<Input<'_>>) -> bool {
        let start = cpu();
        input.into_iter().for_each(|input| core.handle(1_000_000_000, input));
        let busy = core.walk();
        self.longest = self.longest.max(cpu() - start);
        if !busy {
            router_benches::drain(core);
        }
        busy
    }

    fn settle(&mut self, core: &mut Core) {
        while self.turn(core, None) {}
    }

    fn done(&self, base: f64) {
        let (used, longest) = (cpu() - self.start, self.longest * 1e3);
        let memory = resident_mb() - base;
        println!("{:44} {used:8.4} CPU s, longest turn {longest:8.3} ms, {memory:6.1} MB", self.name);
    }
}

fn main() -> Result<(), String> {
    let count = match std::env::args().nth(1) {
        Some(text) => text.parse().map_err(|error| format!("{text}: {error}"))?,
        None => 500_000,
    };
    let stream = router_benches::stream(1_000_000);
    let origins = origins(&stream);
    let records = records(&origins, count);
    let base = resident_mb();
    let mut core = router_benches::table(1);
    core.handle(0, Input::Policies(policies()));
    let mut config = router_benches::neighbor(1, 1);
    config.families.iter_mut().flatten().for_each(|f| f.import.route_map = Some("DROP".into()));
    core.handle(0, Input::Peer(PeerId(1), config));
    router_benches::drain(&mut core);

    let mut step = Step::new("a million routes, nothing validated");
    decode(&stream, |batch| while step.turn(&mut core, Some(Input::Updates(PeerId(1), batch))) {});
    step.settle(&mut core);
    step.done(base);

    let step = Step::new("the records' table, made by another thread");
    let mut update = VrpUpdate::all(&records);
    step.done(base);
    let mut step = Step::new("all records come into force");
    step.turn(&mut core, Some(Input::Rpki(&mut update)));
    step.settle(&mut core);
    step.done(base);

    for (name, count) in [("one record changes, and back", 1), ("256 records change, and back", 256)] {
        let mut step = Step::new(name);
        let some = &records[1000..1000 + count];
        let other: Vec<Vrp> = some.iter().map(|r| Vrp { asn: Asn(4_200_000_000), ..*r }).collect();
        for (removed, added) in [(some, &*other), (&*other, some)] {
            update = VrpUpdate::parts(removed.to_vec(), added.to_vec());
            step.turn(&mut core, Some(Input::Rpki(&mut update)));
            step.settle(&mut core);
        }
        step.done(base);
    }
    let step = Step::new("another table, made by another thread");
    update = VrpUpdate::all_after(&records, &records[..10_000], &[]);
    step.done(base);
    let mut step = Step::new("ten thousand records change");
    step.turn(&mut core, Some(Input::Rpki(&mut update)));
    step.settle(&mut core);
    step.done(base);
    let step = Step::new("the old table goes, by another thread");
    drop(update);
    step.done(base);
    let mut step = Step::new("nothing is validated any more");
    update = VrpUpdate::off();
    step.turn(&mut core, Some(Input::Rpki(&mut update)));
    step.settle(&mut core);
    step.done(base);
    Ok(())
}
