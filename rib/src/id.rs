//! Handles: what one table calls the things of another.

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub u32);

        impl $name {
            /// Stands for "nothing".
            pub const NONE: $name = $name(u32::MAX);

            /// Whether this is [`Self::NONE`].
            pub const fn is_none(self) -> bool {
                self.0 == u32::MAX
            }

            /// As an index.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

handle! {
    /// An interned attribute set.
    AttrId
}
handle! {
    /// A prefix of one family's table.
    PrefixId
}
handle! {
    /// A path in one family's slab.
    PathIdx
}
handle! {
    /// A next hop.
    NhId
}
handle! {
    /// A set of next hops that routes share; the kernel's nexthop group has the same number.
    HopSetId
}

/// A BGP neighbour, numbered by the shell. A number is given again only after [`crate::Event::Purged`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PeerId(pub u16);

impl PeerId {
    /// The pseudo neighbour whose paths are our own.
    pub const LOCAL: PeerId = PeerId(u16::MAX);

    /// As an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
