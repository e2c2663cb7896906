//! What `show` commands print: data, and its two forms.

pub mod dampening;
pub mod events;
pub mod format;
pub mod instances;
pub mod interface;
pub mod json;
pub mod misc;
pub mod neighbor_errors;
pub mod neighbor_json;
pub mod neighbor_routes;
pub mod neighbor_text;
pub mod nexthop;
pub mod path;
pub mod policy;
pub mod pulse;
pub mod route;
pub mod rpki;
#[cfg(test)]
pub mod samples;
pub mod statistics;
pub mod summary;
pub mod table;
#[cfg(test)]
mod tests;
pub mod trace;
pub mod views;
pub mod vrrp;
pub mod why;
