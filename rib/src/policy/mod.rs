//! Policy: prefix-lists, AS-path and community lists, route-maps.

pub mod ast;
