//! Metrics over HTTP: `/metrics`, `/livez`, `/readyz`.

pub mod encode;
pub mod sample;
pub mod server;
