//! Logging: lines on standard output, the level as the configuration says.

use std::sync::OnceLock;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::model::{LogLevel, Logging};

type Handle = reload::Handle<Targets, tracing_subscriber::Registry>;

static LEVEL: OnceLock<Handle> = OnceLock::new();

fn targets(level: LevelFilter) -> Targets {
    // Libraries speak up about trouble only.
    Targets::new().with_default(Level::WARN).with_target("router", level).with_target("fib", level)
}

/// Starts logging. Later calls do nothing.
pub fn init() {
    let (filter, handle) = reload::Layer::new(targets(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false);
    if tracing_subscriber::registry().with(filter).with(lines).try_init().is_ok() {
        let _ = LEVEL.set(handle);
    }
}

/// Sets the level that the `log` lines ask for: of standard output if they name it, else of any other place.
pub fn set_level(logging: &Logging) {
    let targets_named = [logging.stdout, logging.file.as_ref().map(|(_, t)| *t), logging.syslog];
    let level = match targets_named.into_iter().flatten().next().map(|t| t.level) {
        None => LevelFilter::INFO,
        Some(None | Some(LogLevel::Debugging)) => LevelFilter::DEBUG,
        Some(Some(LogLevel::Informational | LogLevel::Notifications)) => LevelFilter::INFO,
        Some(Some(LogLevel::Warnings)) => LevelFilter::WARN,
        Some(Some(LogLevel::Errors | LogLevel::Critical | LogLevel::Alerts | LogLevel::Emergencies)) => {
            LevelFilter::ERROR
        }
    };
    reload(level);
}

fn reload(level: LevelFilter) {
    if let Some(handle) = LEVEL.get() {
        let _ = handle.reload(targets(level));
    }
}

/// `debug ...` at the prompt: everything is logged while any of it is on.
pub fn set_debugging(on: bool, logging: &Logging) {
    if on {
        reload(LevelFilter::DEBUG);
    } else {
        set_level(logging);
    }
}
