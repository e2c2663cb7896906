//! Our router against FRR, BIRD, GoBGP and ExaBGP, on real sockets and a real kernel.

mod common;
mod options;
mod policy;
mod sessions;
