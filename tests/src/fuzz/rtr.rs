//! What an RPKI cache says (RFC 8210).

use std::collections::BTreeSet;

use rib::Vrp;
use router::rtr::pdu::MAX_PDU;
use router::rtr::{End, Records, Said, Session};

/// What a session makes of octets that come in pieces of this size.
struct Heard {
    said: Vec<Said>,
    end: Option<End>,
}

fn hear(version: u8, serial: bool, held: &BTreeSet<Vrp>, octets: &[u8], piece: usize) -> Heard {
    let mut session = Session::new(version);
    let mut heard = Heard { said: Vec::new(), end: None };
    session.ask(serial.then_some((7, 1)));
    for octets in octets.chunks(piece) {
        session.receive(octets);
        loop {
            match session.next(held) {
                Ok(Some(said)) => {
                    heard.said.push(said);
                    // As the shell does: a complete answer is followed by the next question some time.
                    session.ask(serial.then_some((7, 1)));
                }
                Ok(None) => break,
                Err(end) => {
                    heard.end = Some(end);
                    return heard;
                }
            }
        }
        assert!(session.pending() < MAX_PDU, "a PDU that would not be taken is waited for");
    }
    heard
}

fn possible(vrp: &Vrp) -> bool {
    let bits = if vrp.prefix.addr().is_ipv4() { 32 } else { 128 };
    (vrp.prefix.prefix_len()..=bits).contains(&vrp.max_len) && vrp.prefix == vrp.prefix.trunc()
}

/// The first octet tells the version, the question and the size of the pieces; what follows is from the cache.
pub(super) fn session(data: &[u8]) {
    let Some((&how, octets)) = data.split_first() else { return };
    let (version, serial, piece) = (how & 1, how & 2 != 0, usize::from(how >> 2) + 1);
    let vrp = |net: &str, max_len, asn| Vrp {
        prefix: net.parse().expect("a literal"),
        max_len,
        asn: bgp::types::Asn(asn),
    };
    let held = BTreeSet::from([vrp("192.0.2.0/24", 24, 65001), vrp("2001:db8::/32", 48, 65002)]);
    let whole = hear(version, serial, &held, octets, octets.len().max(1));
    let pieces = hear(version, serial, &held, octets, piece);
    assert_eq!(whole.said, pieces.said, "how octets are cut makes a difference");
    assert_eq!(whole.end, pieces.end);
    for said in &whole.said {
        let Said::Response(response) = said else { continue };
        match &response.records {
            Records::All(all) => assert!(all.iter().all(possible)),
            Records::Changes { removed, added } => {
                assert!(removed.is_subset(&held) && added.is_disjoint(&held));
                assert!(added.iter().all(possible));
            }
        }
    }
}
