//! Hundreds of worlds in virtual time. `SIM_SEED=N` plays one, `SIM_SEEDS=N` plays N of each kind.

use router_tests::sim::lan::Lan;
use router_tests::sim::routing::World;
use router_tests::sim::{lan, routing, seeds};

#[test]
fn virtual_routers_hold_the_laws_of_vrrp_whatever_happens() {
    let name = "virtual_routers_hold_the_laws_of_vrrp_whatever_happens";
    seeds::play(name, 400, |seed| Lan::new(seed, None).run());
}

#[test]
fn every_fault_planted_among_virtual_routers_is_noticed() {
    for planted in lan::Planted::ALL {
        seeds::caught(&planted, 60, |seed| Lan::new(seed, Some(planted)).run());
    }
    for planted in lan::Planted::SHARED {
        seeds::caught(&planted, 60, |seed| Lan::new(seed, Some(planted)).together_only().run());
    }
}

#[test]
fn after_all_troubles_every_router_knows_the_way() {
    seeds::play("after_all_troubles_every_router_knows_the_way", 300, |seed| World::new(seed, None).run());
}

#[test]
fn every_fault_planted_among_routers_is_noticed() {
    for planted in routing::Planted::ALL {
        seeds::caught(&planted, 60, |seed| World::new(seed, Some(planted)).run());
    }
}
