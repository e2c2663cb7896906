//! What the fuzz targets share: the allocator that counts.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Runs a target of `router_tests::fuzz` on one input.
pub fn run(name: &str, data: &[u8]) {
    let target = router_tests::fuzz::target(name).expect("a target of this name");
    target.measured(data, || ALLOCATOR.stats().bytes_allocated);
}
