//! Holding back what neighbours are told after a start (`update-delay`, `advertisement-delay`), so that they do not turn
//! to a router that does not know its routes yet.

use bgp::types::{SECOND, Time};

/// What is waited for before neighbours are told anything, once the first session is up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HoldSettings {
    /// `update-delay MAX [ESTABLISH]`, seconds: until all neighbours have said End-of-RIB. Neighbours without a session
    /// are waited for only so long as the second says.
    pub update_delay: Option<(u16, u16)>,
    /// `advertisement-delay N`, seconds.
    pub advertisement_delay: Option<u16>,
    /// Neighbours that are configured and not shut down.
    pub neighbors: usize,
}

impl HoldSettings {
    fn any(&self) -> bool {
        self.update_delay.is_some() || self.advertisement_delay.is_some()
    }
}

/// How far the holding back has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HoldView {
    /// When the first session came up.
    pub began: Option<Time>,
    /// When neighbours began to be told.
    pub over: Option<Time>,
}

/// The state: it begins with the first session and ends for good.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    settings: HoldSettings,
    view: HoldView,
}

/// Where the sessions stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sessions {
    /// Those that are up.
    pub up: usize,
    /// Those of them that have not told all of their routes.
    pub telling: usize,
}

impl Hold {
    /// Takes in settings. Those that come when neighbours are told already are for the next start.
    pub fn configure(&mut self, settings: HoldSettings, now: Time) {
        let late = self.view.began.is_some() && !self.settings.any();
        self.settings = settings;
        if late || !settings.any() {
            self.view.over = self.view.over.or(self.view.began.map(|_| now));
        }
    }

    /// A session came up.
    pub fn session(&mut self, now: Time) {
        if self.view.began.is_none() {
            self.view.began = Some(now);
            self.view.over = (!self.settings.any()).then_some(now);
        }
    }

    /// Whether neighbours are told nothing now. Ends when there is nothing to wait for.
    pub fn holds(&mut self, now: Time, sessions: Sessions) -> bool {
        let (Some(began), None) = (self.view.began, self.view.over) else { return false };
        let within = |seconds: u16| now < began + Time::from(seconds) * SECOND;
        let HoldSettings { update_delay, advertisement_delay, neighbors } = self.settings;
        let updates = update_delay.is_some_and(|(most, establish)| {
            let missing = sessions.up < neighbors && within(establish);
            within(most) && (missing || sessions.telling > 0)
        });
        let holds = updates || advertisement_delay.is_some_and(within);
        if !holds {
            self.view.over = Some(now);
        }
        holds
    }

    /// Until when the first so many seconds last; `None` when they are over, or have not begun.
    pub fn first(&self, seconds: u32, now: Time) -> Option<Time> {
        let until = self.view.began? + Time::from(seconds) * SECOND;
        (now < until).then_some(until)
    }

    /// When to look again, if nothing happens before.
    pub fn deadline(&self, now: Time) -> Option<Time> {
        let (Some(began), None) = (self.view.began, self.view.over) else { return None };
        let (most, establish) = self.settings.update_delay.unzip();
        let waits = [most, establish, self.settings.advertisement_delay].into_iter().flatten();
        let due = waits.map(|s| began + Time::from(s) * SECOND);
        due.filter(|at| *at > now).min()
    }

    pub fn view(&self) -> HoldView {
        self.view
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(update_delay: Option<(u16, u16)>, advertisement_delay: Option<u16>) -> Hold {
        let mut hold = Hold::default();
        hold.configure(HoldSettings { update_delay, advertisement_delay, neighbors: 2 }, 0);
        hold
    }

    const ONE_TELLS: Sessions = Sessions { up: 1, telling: 1 };
    const ONE: Sessions = Sessions { up: 1, telling: 0 };
    const BOTH: Sessions = Sessions { up: 2, telling: 0 };

    #[test]
    fn all_neighbours_are_waited_for_and_those_without_a_session_not_so_long() {
        let mut h = hold(Some((20, 10)), None);
        h.session(5 * SECOND);
        assert!(h.holds(6 * SECOND, ONE_TELLS));
        assert!(h.holds(7 * SECOND, ONE), "the other may come yet");
        assert_eq!(h.deadline(7 * SECOND), Some(15 * SECOND));
        assert!(h.holds(15 * SECOND, ONE_TELLS), "this one tells still");
        assert_eq!(h.deadline(15 * SECOND), Some(25 * SECOND));
        assert!(!h.holds(15 * SECOND, ONE));
        assert!(!h.holds(16 * SECOND, ONE_TELLS), "once is enough");
        assert_eq!(h.view(), HoldView { began: Some(5 * SECOND), over: Some(15 * SECOND) });

        let mut h = hold(Some((20, 20)), None);
        h.session(0);
        assert!(!h.holds(SECOND, BOTH), "all have told");
        let mut h = hold(Some((20, 20)), None);
        h.session(0);
        assert!(h.holds(20 * SECOND - 1, ONE_TELLS) && !h.holds(20 * SECOND, ONE_TELLS));
    }

    #[test]
    fn a_fixed_delay_begins_with_the_first_session() {
        let mut h = hold(None, Some(3));
        assert!(!h.holds(0, Sessions::default()), "nobody is there");
        h.session(10 * SECOND);
        h.session(12 * SECOND);
        assert!(h.holds(13 * SECOND - 1, BOTH) && !h.holds(13 * SECOND, BOTH));
    }

    #[test]
    fn a_delay_that_is_configured_late_is_for_the_next_start_and_one_that_is_taken_away_ends() {
        let mut h = Hold::default();
        h.session(0);
        h.configure(HoldSettings { advertisement_delay: Some(9), ..HoldSettings::default() }, SECOND);
        assert!(!h.holds(2 * SECOND, ONE));
        let mut h = hold(None, Some(9));
        h.session(0);
        assert!(h.holds(SECOND, ONE));
        h.configure(HoldSettings::default(), 2 * SECOND);
        assert!(!h.holds(2 * SECOND, ONE));
    }
}
