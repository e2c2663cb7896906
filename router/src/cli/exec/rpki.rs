//! Origin validation: `show rpki`, `rpki start|stop|reset`.

use ipnet::IpNet;
use rib::Vrp;

use super::super::backend::{Action, RpkiAction};
use super::{Context, Daemon, ExecCommand, Ran, exec};
use crate::config::grammar::{Args, Fail};
use crate::show::rpki;

const BGPD: Option<Daemon> = Some(Daemon::Bgpd);

const NO_CONNECTION: &str = "No Connection to RPKI cache server.";

/// Commands about caches and their records.
pub const COMMANDS: &[ExecCommand] = &[
    exec("rpki start [vrf NAME]", "Validate routes", BGPD, |c, _| act(c, RpkiAction::Start)).privileged(),
    exec("rpki stop [vrf NAME]", "Do not validate routes", BGPD, |c, _| act(c, RpkiAction::Stop))
        .privileged(),
    exec("rpki reset [vrf NAME]", "Ask caches for everything again", BGPD, |c, _| act(c, RpkiAction::Reset))
        .privileged(),
    exec("show rpki cache-connection [vrf NAME] [json]", "Connections to caches", BGPD, connections),
    exec("show rpki cache-server [vrf NAME] [json]", "Configured caches", BGPD, |c, a| {
        let caches = c.config.rpki.as_ref().map(|r| r.caches.clone()).unwrap_or_default();
        Ok(rpki::servers(&caches, a.has("json"), c.out)?)
    }),
    exec("show rpki configuration [vrf NAME] [json]", "Settings", BGPD, |c, a| match &c.config.rpki {
        Some(settings) => Ok(rpki::configuration(settings, a.has("json"), c.out)?),
        None => unconfigured(c, a),
    }),
    exec("show rpki <prefix-table|prefix-count>$what [vrf NAME] [json]", "Records in force", BGPD, |c, a| {
        let (list, json) = (a.get("what") == Some("prefix-table"), a.has("json"));
        match (c.config.rpki.is_some(), c.backend.rpki().synchronized) {
            (false, _) => unconfigured(c, a),
            (true, true) => Ok(rpki::records(&c.backend.vrps(&|_| true), list, json, c.out)?),
            (true, false) if json => Ok(rpki::nothing(NO_CONNECTION, true, c.out)?),
            (true, false) => Ok(rpki::nothing("No connection to RPKI cache server.", false, c.out)?),
        }
    }),
    exec("show rpki as-number <0|ASNUM>$asn [vrf NAME] [json]", "Records of an AS", BGPD, |c, a| {
        let (asn, json) = (asn(a)?.unwrap_or(0), a.has("json"));
        match (c.config.rpki.is_some(), c.backend.rpki().synchronized) {
            (false, _) => unconfigured(c, a),
            (true, true) => Ok(rpki::records(&c.backend.vrps(&|v| v.asn.0 == asn), true, json, c.out)?),
            (true, false) => Ok(rpki::nothing(NO_CONNECTION, json, c.out)?),
        }
    }),
    exec(
        "show rpki prefix <A.B.C.D/M|X:X::X:X/M>$net [<0|ASNUM>$asn] [vrf NAME] [json]",
        "Records that cover a prefix",
        BGPD,
        covering,
    ),
];

/// The AS of the line; 0 is nobody's, and has records.
fn asn(args: &Args<'_>) -> Result<Option<u32>, Fail> {
    if args.get("asn") == Some("0") { Ok(Some(0)) } else { args.opt_asn("asn") }
}

fn act(context: &mut Context<'_>, action: RpkiAction) -> Ran {
    let none = context.config.rpki.as_ref().is_none_or(|r| r.caches.is_empty());
    if none && action == RpkiAction::Start {
        writeln!(context.out, "Could not start rpki because no caches are configured")?;
    }
    Ok(context.backend.act(Action::Rpki(action))?)
}

fn unconfigured(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    match args.has("json") {
        true => Ok(writeln!(context.out, "{{\n}}")?),
        false => Ok(()),
    }
}

fn connections(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    let json = args.has("json");
    let Some(settings) = context.config.rpki.clone() else { return unconfigured(context, args) };
    let view = context.backend.rpki();
    match view.synchronized {
        true => Ok(rpki::connections(&view, &settings.caches, json, context.out)?),
        false => Ok(rpki::nothing("No connection to RPKI cache server.", json, context.out)?),
    }
}

fn covering(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    let json = args.has("json");
    let net: IpNet = args.prefix("net")?;
    let asn = asn(args)?.unwrap_or(0);
    if !context.backend.rpki().synchronized {
        return Ok(rpki::nothing(NO_CONNECTION, json, context.out)?);
    }
    let wanted =
        |v: &Vrp| v.prefix.contains(&net) && v.max_len >= net.prefix_len() && (asn == 0 || asn == v.asn.0);
    Ok(rpki::covering(&context.backend.vrps(&wanted), json, context.out)?)
}
