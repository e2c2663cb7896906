//! Policy: prefix-lists, AS-path and community lists, route-maps.
//!
//! The operator's text is a tree ([`ast`]); [`compile`] resolves its names into programs; [`eval`] runs them. Routes with
//! equal attributes mostly fare alike, so callers remember verdicts by attribute set where a program allows it. [`trace`]
//! runs them for somebody who wants to know why.

pub mod ast;
pub mod compile;
pub mod eval;
pub mod sets;
mod spans;
pub mod trace;
