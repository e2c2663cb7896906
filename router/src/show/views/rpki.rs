//! Origin validation.

/// The caches as they are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RpkiView {
    /// A cache told all of its records since the start.
    pub synchronized: bool,
    /// Preference of the cache whose records are in force.
    pub in_use: Option<u8>,
    /// Preferences of the caches that are connected and told all of their records.
    pub connected: Vec<u8>,
    /// Records in force, by family.
    pub records: [usize; 2],
}
