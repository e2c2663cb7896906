//! The `router` binary; as `vtysh` it is the shell, as `init` process 1 of a container.

use std::process::ExitCode;

fn main() -> ExitCode {
    router::run(std::env::args_os().collect())
}
