//! What happened to sessions and virtual routers: a bounded ring, for `show history`.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::control::unix_time;
use crate::show::views::{EventKind, EventView};

/// Events kept of each kind.
const KEPT: usize = 1024;

/// Octets kept of a cause: a neighbour may send long words with a NOTIFICATION.
const CAUSE: usize = 256;

/// The rings, of sessions and of virtual routers, so that many of the one kind leave the other's. Readers take out
/// pointers only: who notes something, be it the thread that must be on time, waits for that at most.
#[derive(Debug, Default)]
pub struct Events {
    sessions: Ring,
    roles: Ring,
    /// Number of the next one.
    next: AtomicU64,
}

type Ring = Mutex<VecDeque<(u64, Arc<EventView>)>>;

impl Events {
    /// Notes something that happens now.
    pub fn note(&self, kind: EventKind, subject: String, what: String, cause: Option<String>) {
        let cause = cause.map(|mut cause| {
            cause.truncate(cause.floor_char_boundary(CAUSE));
            cause
        });
        let epoch_ms = (unix_time() * 1000.0) as u64;
        let event = Arc::new(EventView { epoch_ms, kind, subject, what, cause });
        let ring = if kind == EventKind::Vrrp { &self.roles } else { &self.sessions };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut entries = ring.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = if entries.len() == KEPT { entries.pop_front() } else { None };
        entries.push_back((number, event));
        drop(entries);
        drop(oldest);
    }

    /// The last ones of some kinds, the newest first, `most` at most.
    pub fn last(&self, most: usize, wanted: impl Fn(EventKind) -> bool) -> Vec<EventView> {
        let mut all: Vec<(u64, Arc<EventView>)> = Vec::with_capacity(2 * KEPT);
        for ring in [&self.sessions, &self.roles] {
            all.extend(ring.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        }
        all.retain(|(_, event)| wanted(event.kind));
        all.sort_unstable_by_key(|(number, _)| Reverse(*number));
        all.iter().take(most).map(|(_, event)| EventView::clone(event)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_kept_and_long_causes_are_cut() {
        let events = Events::default();
        events.note(EventKind::Vrrp, "first".into(), "up".into(), None);
        for n in 0..2 * KEPT + 10 {
            let kind = if n % 2 == 0 { EventKind::Bgp } else { EventKind::Vrrp };
            events.note(kind, n.to_string(), "up".into(), Some("\u{e4}".repeat(CAUSE)));
        }
        let all = events.last(usize::MAX, |_| true);
        assert_eq!((all.len(), all[0].subject.as_str(), all[1].subject.as_str()), (2 * KEPT, "2057", "2056"));
        assert!(all.iter().all(|e| e.cause.as_ref().is_some_and(|c| c.len() <= CAUSE)));
        let some = events.last(3, |k| k == EventKind::Bgp);
        assert_eq!(some.iter().map(|e| e.subject.as_str()).collect::<Vec<_>>(), ["2056", "2054", "2052"]);
    }
}
