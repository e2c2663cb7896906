//! What the members of a group were told: one route a prefix, or several with path identifiers (RFC 7911).

use smallvec::SmallVec;

use crate::id::{AttrId, PeerId, PrefixId};

/// Nobody: no member is the source.
pub(crate) const NOBODY: PeerId = PeerId::LOCAL;

/// One route of a prefix, as members are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Route {
    /// Path identifier; 0 without ADD-PATH.
    pub id: u32,
    /// Attribute set; `NONE` for no route. Holds a reference.
    pub attr: AttrId,
    /// The member that is left out, because the route comes from there.
    pub source: PeerId,
}

impl Route {
    /// No route.
    pub const NONE: Route = Route { id: 0, attr: AttrId::NONE, source: NOBODY };
}

/// Few, mostly: the paths of one prefix.
pub(crate) type Routes = SmallVec<[Route; 2]>;

/// What members were told, by prefix.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    store: Store,
    /// Routes.
    count: usize,
    /// Those of them that come from a member.
    from_members: usize,
}

#[derive(Clone, Debug)]
enum Store {
    /// One route each, in the least room: a full table has a million. The sources are empty while there never was one.
    One { attrs: Vec<AttrId>, sources: Vec<PeerId> },
    /// Several.
    Several(Vec<Routes>),
}

impl Told {
    /// Nothing yet.
    pub fn new(several: bool) -> Told {
        let store = if several {
            Store::Several(Vec::new())
        } else {
            Store::One { attrs: Vec::new(), sources: Vec::new() }
        };
        Told { store, count: 0, from_members: 0 }
    }

    /// Makes room for so many prefixes.
    fn grow(&mut self, prefixes: usize) {
        match &mut self.store {
            Store::One { attrs, .. } if attrs.len() < prefixes => attrs.resize(prefixes, AttrId::NONE),
            Store::Several(all) if all.len() < prefixes => all.resize_with(prefixes, Routes::new),
            _ => {}
        }
    }

    /// Brings what is kept of some prefixes near the processor, all at once.
    pub fn warm(&self, prefixes: &[PrefixId]) {
        if let Store::One { attrs, .. } = &self.store {
            let attrs = prefixes.iter().filter_map(|p| attrs.get(p.index()));
            std::hint::black_box(attrs.fold(0, |sum: u32, attr| sum.wrapping_add(attr.0)));
        }
    }

    /// One route.
    pub fn get(&self, prefix: PrefixId, id: u32) -> Route {
        let at = prefix.index();
        match &self.store {
            Store::One { attrs, sources } => Route {
                id,
                attr: attrs.get(at).copied().unwrap_or(AttrId::NONE),
                source: sources.get(at).copied().unwrap_or(NOBODY),
            },
            Store::Several(all) => {
                let routes = all.get(at).map_or(&[][..], |routes| routes);
                routes.iter().find(|r| r.id == id).copied().unwrap_or(Route { id, ..Route::NONE })
            }
        }
    }

    /// Puts a route in the place of the one with its identifier. Takes the reference of the one, and leaves that of
    /// the other, which is returned, to the caller.
    pub fn set(&mut self, prefix: PrefixId, route: Route) -> Route {
        let old = self.get(prefix, route.id);
        for (r, by) in [(&route, 1), (&old, -1)] {
            if !r.attr.is_none() {
                self.count = self.count.saturating_add_signed(by);
                let from_member = by * isize::from(r.source != NOBODY);
                self.from_members = self.from_members.saturating_add_signed(from_member);
            }
        }
        if route.attr.is_none() && old.attr.is_none() {
            return old;
        }
        self.grow(prefix.index() + 1);
        match &mut self.store {
            Store::One { attrs, sources } => {
                attrs[prefix.index()] = route.attr;
                if sources.len() <= prefix.index() && route.source != NOBODY {
                    sources.resize(attrs.len(), NOBODY);
                }
                if let Some(source) = sources.get_mut(prefix.index()) {
                    *source = if route.attr.is_none() { NOBODY } else { route.source };
                }
            }
            Store::Several(all) => {
                let routes = &mut all[prefix.index()];
                match (routes.iter().position(|r| r.id == route.id), route.attr.is_none()) {
                    (Some(at), true) => drop(routes.remove(at)),
                    (Some(at), false) => routes[at] = route,
                    (None, true) => {}
                    (None, false) => routes.push(route),
                }
                if routes.is_empty() {
                    routes.shrink_to_fit();
                }
            }
        }
        old
    }

    /// Routes.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Routes that no member is the source of.
    pub fn by_others(&self) -> usize {
        self.count - self.from_members
    }

    /// The routes of a prefix.
    pub fn of(&self, prefix: PrefixId) -> Routes {
        match &self.store {
            Store::One { .. } => {
                Some(self.get(prefix, 0)).filter(|r| !r.attr.is_none()).into_iter().collect()
            }
            Store::Several(all) => all.get(prefix.index()).cloned().unwrap_or_default(),
        }
    }

    /// All routes, by prefix.
    pub fn iter(&self) -> impl Iterator<Item = (PrefixId, Route)> {
        let prefixes = match &self.store {
            Store::One { attrs, .. } => attrs.len(),
            Store::Several(all) => all.len(),
        };
        (0..prefixes as u32).map(PrefixId).flat_map(|p| self.of(p).into_iter().map(move |r| (p, r)))
    }

    /// Estimated memory in octets.
    pub fn memory(&self) -> usize {
        match &self.store {
            Store::One { attrs, sources } => attrs.capacity() * 4 + sources.capacity() * 2,
            Store::Several(all) => {
                let spilled = |r: &Routes| if r.spilled() { r.capacity() * size_of::<Route>() } else { 0 };
                all.capacity() * size_of::<Routes>() + all.iter().map(spilled).sum::<usize>()
            }
        }
    }
}
