//! Datagrams of netlink: what is read stands there, and the reconciler takes whatever it is shown.

use fib::core::{Config, Core, Input, Output};
use fib::netlink::{Encoder, Incoming, Object, attributes, decode, encode_batch, messages};

/// A datagram, first read by itself, then shown to a reconciler.
pub(super) fn datagram(data: &[u8]) {
    let mut core = Core::new(Config::default());
    drain(&mut core);
    core.handle(1, Input::DumpDone);
    let mut octets = 0;
    for raw in messages(data) {
        octets += 16 + raw.body.len();
        assert!(octets <= data.len(), "messages overlap");
        let walked: usize = attributes(raw.body).map(|(_, value)| 4 + value.len()).sum();
        assert!(walked <= raw.body.len(), "attributes overlap");
        let incoming = decode(&raw);
        assert_eq!(incoming, decode(&raw));
        match incoming {
            Incoming::Object { removed, replaced, object, .. } => {
                bounded(&object, raw.body.len());
                let input = if removed { Input::Removed(object) } else { Input::Shown { object, replaced } };
                core.handle(1, input);
            }
            Incoming::Outcome { seq, errno, message } => {
                assert!(message.as_ref().is_none_or(|m| m.len() <= 3 * raw.body.len()));
                core.handle(1, Input::Outcome { seq, errno, message });
            }
            Incoming::Done { .. } | Incoming::Other => {}
        }
        drain(&mut core);
    }
    core.handle(2, Input::MonitorLost);
    drain(&mut core);
}

fn bounded(object: &Object, body: usize) {
    match object {
        Object::Route(route) => {
            assert!(route.hops.len() <= body / 8 + 1);
            assert!(route.prefix == route.prefix.trunc() || body > 0);
        }
        Object::Nexthop(nexthop) => assert!(nexthop.members.len() <= body / 8),
        Object::Link(link) => {
            let texts = [Some(&link.name), link.alias.as_ref(), link.kind.as_ref()];
            let octets: usize = texts.into_iter().flatten().map(String::len).sum();
            assert!(octets <= 3 * body);
        }
        Object::Address(_) => {}
    }
}

/// Whatever the reconciler answers can be written, and read back as whole messages.
fn drain(core: &mut Core) {
    while let Some(output) = core.poll() {
        if let Output::Send { first_seq, requests } = output {
            let mut out = Encoder::default();
            encode_batch(&mut out, first_seq, &requests);
            assert_eq!(messages(out.bytes()).count(), requests.len());
        }
    }
}
