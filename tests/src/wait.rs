//! Waiting for a condition instead of for a time.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(25);

/// How long what takes a few seconds on an idle machine may take on a busy one.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` holds.
///
/// # Panics
/// When it does not within `deadline`, naming `what`.
#[track_caller]
pub fn wait_for(deadline: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    wait_ok(deadline, what, || if condition() { Ok(()) } else { Err("not yet") });
}

/// Waits until `attempt` succeeds and returns what it gave.
///
/// # Panics
/// When it does not within `deadline`, naming `what` and the last error.
#[track_caller]
pub fn wait_ok<T, E: Display>(
    deadline: Duration,
    what: &str,
    mut attempt: impl FnMut() -> Result<T, E>,
) -> T {
    let start = Instant::now();
    loop {
        let error = match attempt() {
            Ok(value) => return value,
            Err(error) => error,
        };
        if start.elapsed() >= deadline {
            panic!("after {:.1} s still waiting for: {what}: {error}", start.elapsed().as_secs_f32());
        }
        std::thread::sleep(INTERVAL);
    }
}

/// Watches for `period` that `condition` holds all the time.
///
/// # Panics
/// When it once does not, naming `what`.
#[track_caller]
pub fn stays(period: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while start.elapsed() < period {
        assert!(condition(), "after {:.1} s no longer true: {what}", start.elapsed().as_secs_f32());
        std::thread::sleep(INTERVAL);
    }
}
