//! The `rpki` node.

use super::{Args, Command, Editor, Fail, Node, Outcome, Render, command};
use crate::config::model::{Rpki, RpkiCache, RpkiTransport};

/// `rpki` at the top.
pub fn enter(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    if args.no {
        editor.config.rpki = None;
        return Ok(());
    }
    editor.config.rpki.get_or_insert_default();
    editor.node = Node::Rpki;
    Ok(())
}

const TOO_SHORT: &str = "% Expiry interval must be polling period or larger";

/// Lines of the node, in the order in which FRR writes them.
pub const LINES: &[Command] = &[
    command("rpki polling_period ![(1-86400)$seconds]", "Seconds between queries", |e, a| {
        let given = if a.no { Rpki::POLLING_PERIOD } else { a.parse("seconds")? };
        let rpki = rpki(e);
        // FRR takes any period here, and then cannot read what it has written.
        if given > rpki.expire_interval && rpki.expire_interval != Rpki::EXPIRE_INTERVAL {
            return Err(Fail::refuse(TOO_SHORT));
        }
        rpki.polling_period = given;
        Ok(())
    })
    .render(Render::Top(|c, out| {
        if let Some(seconds) = c.rpki.as_ref().map(|r| r.polling_period).filter(|s| *s != Rpki::POLLING_PERIOD) {
            out.line(format_args!("rpki polling_period {seconds}"));
        }
    })),
    command("rpki retry_interval ![(1-7200)$seconds]", "Seconds between attempts", |e, a| {
        let given = if a.no { Rpki::RETRY_INTERVAL } else { a.parse("seconds")? };
        rpki(e).retry_interval = given;
        Ok(())
    })
    .render(Render::Top(|c, out| {
        if let Some(seconds) = c.rpki.as_ref().map(|r| r.retry_interval).filter(|s| *s != Rpki::RETRY_INTERVAL) {
            out.line(format_args!("rpki retry_interval {seconds}"));
        }
    })),
    command("rpki expire_interval ![(600-172800)$seconds]", "Seconds for which data are good", |e, a| {
        let rpki = rpki(e);
        // As in FRR, no value means twice the polling period.
        let given: u32 = if a.no { (rpki.polling_period * 2).max(600) } else { a.parse("seconds")? };
        if given < rpki.polling_period {
            return Err(Fail::refuse(TOO_SHORT));
        }
        rpki.expire_interval = given;
        Ok(())
    })
    .render(Render::Top(|c, out| {
        if let Some(seconds) = c.rpki.as_ref().map(|r| r.expire_interval).filter(|s| *s != Rpki::EXPIRE_INTERVAL) {
            out.line(format_args!("rpki expire_interval {seconds}"));
        }
    })),
    command(
        "rpki cache tcp <A.B.C.D|WORD>$host (1-65535)$port [source A.B.C.D] preference (1-255)$preference",
        "A validating cache",
        cache,
    )
    .render(Render::Top(|c, out| {
        for cache in c.rpki.iter().flat_map(|r| &r.caches) {
            let source = cache.source.map(|s| format!(" source {s}")).unwrap_or_default();
            let (host, port, preference) = (&cache.host, cache.port, cache.preference);
            match &cache.transport {
                RpkiTransport::Tcp => {
                    out.line(format_args!("rpki cache tcp {host} {port}{source} preference {preference}"));
                }
                RpkiTransport::Ssh { user, key, known_hosts } => {
                    let known = known_hosts.as_ref().map(|k| format!(" {k}")).unwrap_or_default();
                    out.line(format_args!(
                        "rpki cache ssh {host} {port} {user} {key}{known}{source} preference {preference}"
                    ));
                }
            }
        }
    })),
    command(
        "rpki cache ssh <A.B.C.D|WORD>$host (1-65535)$port SSH_UNAME SSH_PRIVKEY [KNOWN_HOSTS_PATH] [source A.B.C.D] preference (1-255)$preference",
        "A validating cache behind a secure shell",
        cache,
    )
    .later(),
    // As FRR 8.4 has it.
    command(
        "rpki cache <A.B.C.D|WORD>$host (1-65535)$port preference (1-255)$preference",
        "A validating cache",
        cache,
    ),
    command("rpki reset", "Ask caches for everything again", |e, _| {
        e.rpki_reset = true;
        Ok(())
    })
    .without_no(),
];

fn rpki(editor: &mut Editor) -> &mut Rpki {
    editor.config.rpki.get_or_insert_default()
}

fn cache(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let preference: u8 = args.parse("preference")?;
    let caches = &mut rpki(editor).caches;
    let existing = caches.iter().position(|c| c.preference == preference);
    if args.no {
        return match existing {
            Some(at) => {
                caches.remove(at);
                Ok(())
            }
            None => Err(Fail::refuse(format!("Could not find cache with preference {preference}"))),
        };
    }
    let transport = match args.has("ssh") {
        false => RpkiTransport::Tcp,
        true => RpkiTransport::Ssh {
            user: args.string("SSH_UNAME")?,
            key: args.string("SSH_PRIVKEY")?,
            known_hosts: args.opt_string("KNOWN_HOSTS_PATH"),
        },
    };
    let cache = RpkiCache {
        host: args.string("host")?,
        port: args.parse("port")?,
        transport,
        source: args.opt("A.B.C.D")?,
        preference,
    };
    match existing {
        Some(at) if caches[at] == cache => Ok(()),
        Some(_) => Err(Fail::refuse(format!("Cache with preference {preference} is already configured"))),
        None => {
            caches.push(cache);
            Ok(())
        }
    }
}
