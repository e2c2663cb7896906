//! The parameters of `bgp dampening` and `neighbor X dampening`.

use super::{Args, Fail};
use crate::config::model::Dampening;

/// The longest suppression in half-lives, where it is not given.
const HALF_LIVES: u32 = 4;

/// What a line asks for; `no` asks for nothing.
pub fn read(args: &Args<'_>) -> Result<Option<Dampening>, Fail> {
    if args.no {
        return Ok(None);
    }
    let default = Dampening::default();
    let half_life = args.opt::<u32>("half")?.map_or(default.half_life, |minutes| minutes * 60);
    let parameters = Dampening {
        half_life,
        reuse: args.opt("reuse")?.unwrap_or(default.reuse),
        suppress: args.opt("suppress")?.unwrap_or(default.suppress),
        max_suppress: args.opt::<u32>("max")?.map_or(half_life * HALF_LIVES, |minutes| minutes * 60),
    };
    if parameters.suppress < parameters.reuse {
        return Err(Fail::refuse("Suppress value cannot be less than reuse value"));
    }
    Ok(Some(parameters))
}

/// The words behind `dampening`: no more than needed.
pub fn words(parameters: &Dampening) -> String {
    let Dampening { half_life, reuse, suppress, max_suppress } = *parameters;
    let half = half_life / 60;
    let rest = Dampening { half_life, max_suppress: half_life * HALF_LIVES, ..Dampening::default() };
    match *parameters {
        p if p == Dampening::default() => String::new(),
        p if p == rest => format!(" {half}"),
        _ => format!(" {half} {reuse} {suppress} {}", max_suppress / 60),
    }
}
