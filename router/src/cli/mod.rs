//! The command line: the server that `vtysh` talks to, and `vtysh` itself.

pub mod backend;
mod by_line;
mod candidate;
pub mod exec;
#[cfg(test)]
mod fake;
pub mod help;
#[cfg(test)]
mod reference;
mod secrets;
pub mod server;
pub mod session;
#[cfg(test)]
mod tests;
pub mod vtysh;
