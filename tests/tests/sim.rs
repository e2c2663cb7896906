//! Hundreds of worlds in virtual time. One fails: `SIM_SEED=N cargo test -p router-tests --test sim`.

use router_tests::sim::{World, check};

/// Worlds per test; `SIM_SEEDS` gives another number.
const SEEDS: u64 = 300;

fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    match number("SIM_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("SIM_SEEDS").unwrap_or(SEEDS)).collect(),
    }
}

#[test]
fn after_all_troubles_every_router_knows_the_way_and_every_run_of_a_seed_is_the_same() {
    let mut events = 0;
    for seed in seeds() {
        let repro = format!("SIM_SEED={seed} cargo test -p router-tests --test sim");
        let mut world = World::new(seed);
        let trace = world.run();
        events += world.events;
        if let Err(law) = check::at_rest(&world) {
            panic!("seed {seed}: {law}\nagain: {repro}");
        }
        assert_eq!(World::new(seed).run(), trace, "seed {seed} is not the same twice\nagain: {repro}");
    }
    println!("{events} events");
}
