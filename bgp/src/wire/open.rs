//! OPEN (RFC 4271 sections 4.2 and 6.2, RFC 5492, RFC 9072).

use std::net::Ipv4Addr;

use bytes::BytesMut;
use nom::Parser;
use nom::combinator::all_consuming;
use nom::multi::{length_data, many0};
use nom::number::complete::{be_u8, be_u16};

use super::Notification;
use super::capability::{Capability, decode_all};
use super::encode::put_message;
use super::iana::{capability, error, message};
use super::reader::{Reader, Short};
use crate::types::{AS_TRANS, Asn};

/// BGP version.
pub const VERSION: u8 = 4;

/// Optional parameter type of capabilities (RFC 5492 section 4).
const PARAMETER_CAPABILITIES: u8 = 2;
/// Type and length octet that announce the extended format (RFC 9072 section 2).
const EXTENDED_FORMAT: u8 = 255;

/// An OPEN message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Open {
    /// The AS number, from the four-octet capability where there is one.
    pub asn: Asn,
    /// Proposed hold time in seconds.
    pub hold_time: u16,
    /// BGP Identifier.
    pub router_id: Ipv4Addr,
    /// Capabilities in wire order.
    pub capabilities: Vec<Capability>,
    /// The optional parameters have, or shall have, the extended format (RFC 9072).
    pub extended_parameters: bool,
}

/// An OPEN that cannot be read; the session ends (RFC 4271 section 6.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenError {
    /// Fields run past the end or leave octets over.
    #[error("lengths in the OPEN do not add up")]
    Malformed,
    /// Not version 4.
    #[error("unsupported version {0}")]
    Version(u8),
    /// An optional parameter other than capabilities.
    #[error("unsupported optional parameter {0}")]
    Parameter(u8),
    /// A capability without which the session cannot be understood has a wrong length.
    #[error("malformed capability {0}")]
    Capability(u8),
}

impl From<Short> for OpenError {
    fn from(_: Short) -> OpenError {
        OpenError::Malformed
    }
}

impl From<OpenError> for Notification {
    fn from(e: OpenError) -> Notification {
        match e {
            OpenError::Malformed | OpenError::Capability(_) => {
                Notification::new(error::OPEN_MESSAGE, error::open::UNSPECIFIC)
            }
            OpenError::Version(_) => {
                Notification::new(error::OPEN_MESSAGE, error::open::VERSION).with_data(&[0, VERSION])
            }
            OpenError::Parameter(_) => {
                Notification::new(error::OPEN_MESSAGE, error::open::OPTIONAL_PARAMETER)
            }
        }
    }
}

impl Open {
    /// Reads the body of the message.
    pub fn decode(body: &[u8]) -> Result<Open, OpenError> {
        let mut r = Reader::new(body);
        let version = r.u8()?;
        if version != VERSION {
            return Err(OpenError::Version(version));
        }
        let my_as = r.u16()?;
        let hold_time = r.u16()?;
        let router_id = Ipv4Addr::from(r.u32()?);
        let len = r.u8()?;
        let parameters = r.rest();
        // RFC 9072 section 2: the type octet 255 decides; the one-octet length before it does not count.
        let extended_parameters = len != 0 && parameters.first() == Some(&EXTENDED_FORMAT);
        let capabilities = if extended_parameters {
            let mut r = Reader::new(parameters);
            r.u8()?;
            let inner = r.block16()?;
            if !r.is_empty() {
                return Err(OpenError::Malformed);
            }
            decode_parameters(inner, true)?
        } else {
            if parameters.len() != usize::from(len) {
                return Err(OpenError::Malformed);
            }
            decode_parameters(parameters, false)?
        };
        let asn = capabilities.iter().find_map(|c| match c {
            Capability::FourOctetAs(asn) => Some(*asn),
            _ => None,
        });
        let asn = asn.unwrap_or(Asn(u32::from(my_as)));
        Ok(Open { asn, hold_time, router_id, capabilities, extended_parameters })
    }

    /// Appends the message. Capabilities that do not fit in the classic format switch to the extended one.
    pub fn encode(&self, out: &mut BytesMut) {
        let mut caps = Vec::new();
        self.capabilities.iter().for_each(|c| c.encode(&mut caps));
        let my_as = u16::try_from(self.asn.0).unwrap_or(AS_TRANS.0 as u16);
        put_message(message::OPEN, out, |out| {
            out.extend_from_slice(&[VERSION]);
            out.extend_from_slice(&my_as.to_be_bytes());
            out.extend_from_slice(&self.hold_time.to_be_bytes());
            out.extend_from_slice(&self.router_id.octets());
            let classic = u8::try_from(caps.len() + 2).ok().filter(|_| !self.extended_parameters);
            match classic {
                Some(_) if caps.is_empty() => out.extend_from_slice(&[0]),
                Some(len) => out.extend_from_slice(&[len, PARAMETER_CAPABILITIES, len - 2]),
                None => {
                    out.extend_from_slice(&[EXTENDED_FORMAT, EXTENDED_FORMAT]);
                    out.extend_from_slice(&(caps.len() as u16 + 3).to_be_bytes());
                    out.extend_from_slice(&[PARAMETER_CAPABILITIES]);
                    out.extend_from_slice(&(caps.len() as u16).to_be_bytes());
                }
            }
            out.extend_from_slice(&caps);
        });
    }
}

fn decode_parameters(bytes: &[u8], extended: bool) -> Result<Vec<Capability>, OpenError> {
    let classic = many0((be_u8, length_data(be_u8)));
    let wide = many0((be_u8, length_data(be_u16)));
    let parsed: nom::IResult<&[u8], Vec<(u8, &[u8])>> =
        if extended { all_consuming(wide).parse(bytes) } else { all_consuming(classic).parse(bytes) };
    let (_, parameters) = parsed.map_err(|_| OpenError::Malformed)?;
    let mut capabilities = Vec::new();
    for (kind, value) in parameters {
        if kind != PARAMETER_CAPABILITIES {
            return Err(OpenError::Parameter(kind));
        }
        capabilities.append(&mut decode_all(value).ok_or(OpenError::Malformed)?);
    }
    // Other capabilities may be ignored when malformed; these two decide how everything after is read.
    let fatal = capabilities.iter().find_map(|c| match c {
        Capability::Other {
            code: code @ (capability::MULTIPROTOCOL | capability::FOUR_OCTET_AS), ..
        } => Some(*code),
        _ => None,
    });
    fatal.map_or(Ok(capabilities), |code| Err(OpenError::Capability(code)))
}
