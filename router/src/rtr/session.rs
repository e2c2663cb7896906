//! One connection to a cache: queries go out, records come in (RFC 8210 section 8).
//!
//! It is fed octets as they come and yields what they mean once a response is complete: a table is never built from
//! half of one.

use std::collections::BTreeSet;

use rib::Vrp;

use super::pdu::{self, Fault, Pdu, Timing, VERSION, error_code};

/// Records that a cache may have, some four times those of the whole internet today.
const MAX_RECORDS: usize = 2_000_000;

/// The state of a cache's data: session and serial number.
pub type Position = (u16, u32);

/// A complete response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// The records.
    pub records: Records,
    /// Where the cache stands.
    pub position: Position,
    /// Its timers, if it has any.
    pub timing: Option<Timing>,
}

/// The records of a response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Records {
    /// All that there are.
    All(BTreeSet<Vrp>),
    /// What changed since the position that was asked for.
    Changes {
        /// Gone.
        removed: BTreeSet<Vrp>,
        /// New.
        added: BTreeSet<Vrp>,
    },
}

/// What a cache said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// A response is complete.
    Response(Response),
    /// There are new data.
    News,
    /// It has no data yet.
    Nothing,
}

/// Why the connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum End {
    /// The cache made a mistake.
    #[error("{0}")]
    Fault(#[from] Fault),
    /// The cache reports one.
    #[error("Error Report with code {0}")]
    Reported(u16),
    /// The cache does not speak our version: version 0 is to be tried.
    #[error("version 1 is not supported there")]
    Downgrade,
}

#[derive(Debug)]
enum State {
    /// Nothing is asked.
    Idle,
    /// A query is out: for everything, or for what came after a position.
    Asked(Option<Position>),
    /// The response to it comes, of this session.
    Receiving(u16, Records),
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    version: u8,
    /// The cache has answered in that version.
    agreed: bool,
    state: State,
    received: Vec<u8>,
    /// Octets for the cache.
    pub out: Vec<u8>,
}

impl Session {
    /// A new connection, on which `version` is tried.
    pub fn new(version: u8) -> Session {
        Session {
            version: version.min(VERSION),
            agreed: false,
            state: State::Idle,
            received: Vec::new(),
            out: Vec::new(),
        }
    }

    /// Asks for what came after a position, or for everything. Does nothing while an answer is awaited.
    pub fn ask(&mut self, after: Option<Position>) {
        if !matches!(self.state, State::Idle) {
            return;
        }
        self.out.extend(match after {
            Some((session, serial)) => pdu::serial_query(self.version, session, serial),
            None => pdu::reset_query(self.version),
        });
        self.state = State::Asked(after);
    }

    /// Octets of a PDU that is not complete yet: fewer than [`pdu::MAX_PDU`] after [`Self::next`] had nothing to say.
    pub fn pending(&self) -> usize {
        self.received.len()
    }

    /// Takes in octets. [`Self::next`] says what they mean.
    pub fn receive(&mut self, octets: &[u8]) {
        self.received.extend_from_slice(octets);
    }

    /// The next thing that the cache said, given the records that it told before. An error ends the connection; the
    /// Error Report about it is in [`Self::out`].
    pub fn next(&mut self, held: &BTreeSet<Vrp>) -> Result<Option<Said>, End> {
        let mut received = std::mem::take(&mut self.received);
        let mut at = 0;
        let outcome = loop {
            let rest = received.get(at..).unwrap_or_default();
            let step = pdu::decode(rest).and_then(|decoded| match decoded {
                None => Ok(None),
                Some((version, pdu, length)) => {
                    self.check_version(version)?;
                    Ok(Some((pdu, length)))
                }
            });
            match step {
                Ok(None) => break Ok(None),
                Ok(Some((pdu, length))) => match self.take(pdu, held) {
                    Ok(None) => at += length,
                    Ok(said) => {
                        at += length;
                        break Ok(said);
                    }
                    Err(end) => break Err(self.report(end, rest.get(..length).unwrap_or(rest))),
                },
                Err(fault) => break Err(self.report(End::Fault(fault), rest)),
            }
        };
        // The buffer stays: a cache that sends octet by octet costs no copy for each.
        received.drain(..at);
        self.received = received;
        outcome
    }

    fn report(&mut self, end: End, bad: &[u8]) -> End {
        if let End::Fault(fault) = end
            && let Some(code) = fault.code()
        {
            self.out.extend(pdu::error_report_for(self.version, code, bad, &fault.to_string()));
        }
        end
    }

    /// The first answer decides on the version (RFC 8210 section 7); an older cache answers a query in its own.
    fn check_version(&mut self, version: u8) -> Result<(), Fault> {
        if version == self.version {
            self.agreed = true;
            return Ok(());
        }
        if self.agreed || version > self.version {
            return Err(Fault::VersionChanged(version));
        }
        self.version = version;
        Ok(())
    }

    fn take(&mut self, pdu: Pdu, held: &BTreeSet<Vrp>) -> Result<Option<Said>, End> {
        match (pdu, &mut self.state) {
            // What it announces while it answers is in the answer, or will be announced again.
            (Pdu::SerialNotify { .. }, State::Asked(_) | State::Receiving(..)) => Ok(None),
            (Pdu::SerialNotify { .. }, State::Idle) => Ok(Some(Said::News)),
            (Pdu::CacheResponse { session }, State::Asked(after)) => {
                if after.is_some_and(|(asked, _)| asked != session) {
                    return Err(Fault::Session(session).into());
                }
                let records = match after {
                    None => Records::All(BTreeSet::new()),
                    Some(_) => Records::Changes { removed: BTreeSet::new(), added: BTreeSet::new() },
                };
                self.agreed = true;
                self.state = State::Receiving(session, records);
                Ok(None)
            }
            (Pdu::Prefix { announce, vrp }, State::Receiving(_, records)) => {
                records.take(announce, vrp, held)?;
                Ok(None)
            }
            (Pdu::RouterKey, State::Receiving(..)) => Ok(None),
            (Pdu::EndOfData { session, serial, timing }, State::Receiving(expected, _)) => {
                if session != *expected {
                    return Err(Fault::Session(session).into());
                }
                let State::Receiving(_, records) = std::mem::replace(&mut self.state, State::Idle) else {
                    return Err(Fault::OutOfPlace.into());
                };
                Ok(Some(Said::Response(Response { records, position: (session, serial), timing })))
            }
            (Pdu::CacheReset, State::Asked(Some(_))) => {
                self.state = State::Idle;
                self.ask(None);
                Ok(None)
            }
            (Pdu::ErrorReport { code: error_code::NO_DATA_AVAILABLE }, State::Asked(_)) => {
                self.state = State::Idle;
                Ok(Some(Said::Nothing))
            }
            (Pdu::ErrorReport { code: error_code::UNSUPPORTED_VERSION }, State::Asked(_)) if !self.agreed => {
                Err(End::Downgrade)
            }
            (Pdu::ErrorReport { code }, _) => Err(End::Reported(code)),
            _ => Err(Fault::OutOfPlace.into()),
        }
    }
}

impl Records {
    fn take(&mut self, announce: bool, vrp: Vrp, held: &BTreeSet<Vrp>) -> Result<(), Fault> {
        let (new, count) = match (&mut *self, announce) {
            (Records::All(all), true) => (all.insert(vrp), all.len()),
            (Records::All(all), false) => (all.remove(&vrp), 0),
            (Records::Changes { removed, added }, true) => {
                let new = removed.remove(&vrp) || (!held.contains(&vrp) && added.insert(vrp));
                (new, held.len() + added.len())
            }
            (Records::Changes { removed, added }, false) => {
                (added.remove(&vrp) || (held.contains(&vrp) && removed.insert(vrp)), 0)
            }
        };
        match (new, announce) {
            (false, true) => Err(Fault::Duplicate),
            (false, false) => Err(Fault::UnknownRecord),
            (true, _) if count > MAX_RECORDS => Err(Fault::TooMany),
            (true, _) => Ok(()),
        }
    }
}
