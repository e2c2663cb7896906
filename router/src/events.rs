//! What happened to sessions and virtual routers: a bounded ring, for `show history`.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::control::unix_time;
use crate::show::views::{EventKind, EventView};

/// Events kept.
const KEPT: usize = 1024;

/// Octets kept of a cause: a neighbour may send long words with a NOTIFICATION.
const CAUSE: usize = 256;

/// The ring. Whoever notes something waits for readers for the time of a copy at most.
#[derive(Debug, Default)]
pub struct Events {
    entries: Mutex<VecDeque<EventView>>,
}

impl Events {
    /// Notes something that happens now.
    pub fn note(&self, kind: EventKind, subject: String, what: String, cause: Option<String>) {
        let cause = cause.map(|mut cause| {
            cause.truncate(cause.floor_char_boundary(CAUSE));
            cause
        });
        let event = EventView { epoch_ms: (unix_time() * 1000.0) as u64, kind, subject, what, cause };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back(event);
    }

    /// The last ones of some kinds, the newest first, `most` at most.
    pub fn last(&self, most: usize, wanted: impl Fn(EventKind) -> bool) -> Vec<EventView> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().rev().filter(|e| wanted(e.kind)).take(most).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_kept_and_long_causes_are_cut() {
        let events = Events::default();
        for n in 0..KEPT + 10 {
            let kind = if n % 2 == 0 { EventKind::Bgp } else { EventKind::Vrrp };
            events.note(kind, n.to_string(), "up".into(), Some("\u{e4}".repeat(CAUSE)));
        }
        let all = events.last(usize::MAX, |_| true);
        assert_eq!((all.len(), all[0].subject.as_str()), (KEPT, "1033"));
        assert!(all.iter().all(|e| e.cause.as_ref().is_some_and(|c| c.len() <= CAUSE)));
        let some = events.last(3, |k| k == EventKind::Bgp);
        assert_eq!(some.iter().map(|e| e.subject.as_str()).collect::<Vec<_>>(), ["1032", "1030", "1028"]);
    }
}
