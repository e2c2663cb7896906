//! Our router against FRR, BIRD, GoBGP, OpenBGPD and ExaBGP, on real sockets and a real kernel.

mod add_path;
mod aggregates;
mod as_numbers;
mod bounds;
mod common;
mod conditions;
mod confederation;
mod damping;
mod delays;
mod edges;
mod hostile;
mod internal;
mod kept;
mod kernel_routes;
mod long_paths;
mod malformed;
mod matrix;
mod options;
mod places;
mod plans;
mod policy;
mod reload;
mod security;
mod sessions;
mod unnumbered;
mod weights;
