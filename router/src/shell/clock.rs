//! The clock that the protocol cores are driven by.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bgp::types::Time;

static START: OnceLock<Instant> = OnceLock::new();

/// Nanoseconds since the process first asked, monotonic.
pub fn now() -> Time {
    let start = *START.get_or_init(Instant::now);
    start.elapsed().as_nanos() as Time
}

/// The instant of a time, for timers.
pub fn instant(time: Time) -> Instant {
    *START.get_or_init(Instant::now) + Duration::from_nanos(time)
}
