//! Which seeds are played, and how a failing one is played again.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What a run came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Equal runs have equal ones.
    pub trace: u64,
    /// How many events there were.
    pub events: u64,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}")))
}

/// The seed named by `SIM_SEED`, else those from 1 to `SIM_SEEDS`, else to `count`.
fn seeds(count: u64) -> (u64, u64) {
    match number("SIM_SEED") {
        Some(seed) => (seed, seed),
        None => (1, number("SIM_SEEDS").unwrap_or(count)),
    }
}

/// A panic breaks a law, too.
fn guarded(run: &impl Fn(u64) -> Result<Outcome, String>, seed: u64) -> Result<Outcome, String> {
    catch_unwind(AssertUnwindSafe(|| run(seed))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        Err(format!("panic: {}", text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("?")))
    })
}

/// Plays all seeds, every eighth one twice: it must be the same both times. Panics with the lowest seed that broke
/// a law, and how to play it again. `test` is the name of the test.
pub fn play(test: &str, count: u64, run: impl Fn(u64) -> Result<Outcome, String> + Sync) {
    let (first, last) = seeds(count);
    let next = AtomicU64::new(first);
    let events = AtomicU64::new(0);
    let broken: Mutex<Option<(u64, String)>> = Mutex::new(None);
    let work = || {
        while let seed @ ..=u64::MAX = next.fetch_add(1, Ordering::Relaxed)
            && seed <= last
        {
            let law = match guarded(&run, seed) {
                Ok(outcome) => {
                    events.fetch_add(outcome.events, Ordering::Relaxed);
                    let again = seed % 8 == 0 && guarded(&run, seed) != Ok(outcome);
                    again.then(|| "it is not the same twice".to_owned())
                }
                Err(law) => Some(law),
            };
            if let Some(law) = law {
                let mut lowest = broken.lock().expect("no panic while it is held");
                if lowest.as_ref().is_none_or(|(other, _)| seed < *other) {
                    *lowest = Some((seed, law));
                }
                next.store(last + 1, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    if let Some((seed, law)) = broken.into_inner().expect("no panic while it is held") {
        panic!(
            "seed {seed}: {law}\nagain: SIM_SEED={seed} SIM_TRACE=1 cargo test -p router-tests --test sim {test} -- --nocapture"
        );
    }
    println!("{} seeds, {} events", last + 1 - first, events.into_inner());
}

/// Plays seeds with a planted fault until the laws notice it, which has to happen within `count`.
pub fn caught(planted: &impl std::fmt::Debug, count: u64, run: impl Fn(u64) -> Result<Outcome, String>) {
    match (1..=count).find_map(|seed| guarded(&run, seed).err().map(|law| (seed, law))) {
        Some((seed, law)) => println!("{planted:?}: seed {seed}: {law}"),
        None => panic!("{planted:?} is not noticed by any of {count} seeds"),
    }
}
