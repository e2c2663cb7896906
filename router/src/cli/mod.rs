//! The command line: the server that `vtysh` talks to, and `vtysh` itself.

pub mod backend;
