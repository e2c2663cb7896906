//! Hundreds of worlds in virtual time. `SIM_SEED=N` plays one, `SIM_SEEDS=N` plays N of each kind.

use router_tests::sim::lan::{Lan, Planted};
use router_tests::sim::routing::{World, check};
use router_tests::sim::seeds;

#[test]
fn virtual_routers_hold_the_laws_of_vrrp_whatever_happens() {
    let name = "virtual_routers_hold_the_laws_of_vrrp_whatever_happens";
    seeds::play(name, 400, |seed| Lan::new(seed, None).run());
}

#[test]
fn every_fault_planted_among_virtual_routers_is_noticed() {
    for planted in Planted::ALL {
        seeds::caught(&planted, 60, |seed| Lan::new(seed, Some(planted)).run());
    }
    for planted in Planted::SHARED {
        seeds::caught(&planted, 60, |seed| Lan::new(seed, Some(planted)).together_only().run());
    }
}

#[test]
fn after_all_troubles_every_router_knows_the_way() {
    seeds::play("after_all_troubles_every_router_knows_the_way", 300, |seed| {
        let mut world = World::new(seed);
        let trace = world.run();
        check::at_rest(&world)?;
        Ok(seeds::Outcome { trace, events: world.events })
    });
}
