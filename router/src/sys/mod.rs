//! Kernel interfaces that no crate wraps. The only module with `unsafe`.
#![allow(unsafe_code)]

pub mod namespace;
pub mod ontime;
pub mod process;
pub mod schedule;
pub mod tcp;
pub mod terminal;
