//! NOTIFICATION: codes, names and the shutdown message (RFC 4271 section 4.5, RFC 9003, RFC 8538).

use std::fmt;

use super::iana::error::{self, cease, fsm, header, open, refresh, update};
use super::reader::{Reader, Short};

/// Octets of error data that go into one NOTIFICATION, for it to fit in the smallest message.
const DATA_MAX: usize = 4096 - 21;

/// Octets of a shutdown message (RFC 9003 section 2).
const SHUTDOWN_MAX: usize = 255;

/// A NOTIFICATION message.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Notification {
    /// Error code.
    pub code: u8,
    /// Error subcode.
    pub subcode: u8,
    /// Diagnostic data.
    pub data: Vec<u8>,
}

impl Notification {
    /// Without data.
    pub const fn new(code: u8, subcode: u8) -> Notification {
        Notification { code, subcode, data: Vec::new() }
    }

    /// With data, cut to what a message can hold.
    pub fn with_data(mut self, data: &[u8]) -> Notification {
        self.data = data.get(..DATA_MAX).unwrap_or(data).to_vec();
        self
    }

    /// A Cease (RFC 4486).
    pub const fn cease(subcode: u8) -> Notification {
        Notification::new(error::CEASE, subcode)
    }

    /// A Cease with a message for the peer's operator, cut to 255 octets at a character (RFC 9003 section 2).
    pub fn cease_with_message(subcode: u8, text: &str) -> Notification {
        let mut end = text.len().min(SHUTDOWN_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = text.get(..end).unwrap_or("");
        let mut n = Notification::cease(subcode);
        if !text.is_empty() {
            n.data.push(text.len() as u8);
            n.data.extend_from_slice(text.as_bytes());
        }
        n
    }

    /// Reads the body of the message.
    pub fn decode(body: &[u8]) -> Result<Notification, Short> {
        let mut r = Reader::new(body);
        let [code, subcode] = r.array()?;
        Ok(Notification { code, subcode, data: r.rest().to_vec() })
    }

    /// The operator's message in an administrative shutdown or reset (RFC 9003), made safe to print.
    pub fn shutdown_message(&self) -> Option<String> {
        if self.code != error::CEASE || !matches!(self.subcode, cease::ADMIN_SHUTDOWN | cease::ADMIN_RESET) {
            return None;
        }
        let (&len, rest) = self.data.split_first()?;
        let text = rest.get(..usize::from(len))?;
        (!text.is_empty()).then(|| printable(text))
    }

    /// What a Hard Reset carries (RFC 8538 section 3).
    pub fn hard_reset_inner(&self) -> Option<Notification> {
        if self.code != error::CEASE || self.subcode != cease::HARD_RESET {
            return None;
        }
        Notification::decode(&self.data).ok()
    }

    /// The name of the error code.
    pub const fn code_name(&self) -> &'static str {
        match self.code {
            error::MESSAGE_HEADER => "Message Header Error",
            error::OPEN_MESSAGE => "OPEN Message Error",
            error::UPDATE_MESSAGE => "UPDATE Message Error",
            error::HOLD_TIMER => "Hold Timer Expired",
            error::FSM => "Finite State Machine Error",
            error::CEASE => "Cease",
            error::ROUTE_REFRESH_MESSAGE => "ROUTE-REFRESH Message Error",
            error::SEND_HOLD_TIMER => "Send Hold Timer Expired",
            _ => "Unknown",
        }
    }

    /// The name of the error subcode, with the slash that FRR puts before it; empty where there are none.
    pub const fn subcode_name(&self) -> &'static str {
        match (self.code, self.subcode) {
            (error::MESSAGE_HEADER, header::NOT_SYNCHRONIZED) => "/Connection Not Synchronized",
            (error::MESSAGE_HEADER, header::BAD_LENGTH) => "/Bad Message Length",
            (error::MESSAGE_HEADER, header::BAD_TYPE) => "/Bad Message Type",
            (error::OPEN_MESSAGE, open::VERSION) => "/Unsupported Version Number",
            (error::OPEN_MESSAGE, open::BAD_PEER_AS) => "/Bad Peer AS",
            (error::OPEN_MESSAGE, open::BAD_IDENTIFIER) => "/Bad BGP Identifier",
            (error::OPEN_MESSAGE, open::OPTIONAL_PARAMETER) => "/Unsupported Optional Parameter",
            (error::OPEN_MESSAGE, 5) => "/Authentication Failure",
            (error::OPEN_MESSAGE, open::HOLD_TIME) => "/Unacceptable Hold Time",
            (error::OPEN_MESSAGE, open::CAPABILITY) => "/Unsupported Capability",
            (error::OPEN_MESSAGE, open::ROLE_MISMATCH) => "/Role Mismatch",
            (error::UPDATE_MESSAGE, update::ATTRIBUTE_LIST) => "/Malformed Attribute List",
            (error::UPDATE_MESSAGE, update::UNRECOGNIZED_WELL_KNOWN) => "/Unrecognized Well-known Attribute",
            (error::UPDATE_MESSAGE, update::MISSING_WELL_KNOWN) => "/Missing Well-known Attribute",
            (error::UPDATE_MESSAGE, update::FLAGS) => "/Attribute Flags Error",
            (error::UPDATE_MESSAGE, update::LENGTH) => "/Attribute Length Error",
            (error::UPDATE_MESSAGE, update::ORIGIN) => "/Invalid ORIGIN Attribute",
            (error::UPDATE_MESSAGE, 7) => "/AS Routing Loop",
            (error::UPDATE_MESSAGE, update::NEXT_HOP) => "/Invalid NEXT_HOP Attribute",
            (error::UPDATE_MESSAGE, update::OPTIONAL_ATTRIBUTE) => "/Optional Attribute Error",
            (error::UPDATE_MESSAGE, update::NETWORK_FIELD) => "/Invalid Network Field",
            (error::UPDATE_MESSAGE, update::AS_PATH) => "/Malformed AS_PATH",
            (error::FSM, fsm::OPEN_SENT) => "/Receive Unexpected Message in OpenSent State",
            (error::FSM, fsm::OPEN_CONFIRM) => "/Receive Unexpected Message in OpenConfirm State",
            (error::FSM, fsm::ESTABLISHED) => "/Receive Unexpected Message in Established State",
            (error::CEASE, cease::MAX_PREFIXES) => "/Maximum Number of Prefixes Reached",
            (error::CEASE, cease::ADMIN_SHUTDOWN) => "/Administrative Shutdown",
            (error::CEASE, cease::PEER_DECONFIGURED) => "/Peer De-configured",
            (error::CEASE, cease::ADMIN_RESET) => "/Administrative Reset",
            (error::CEASE, cease::CONNECTION_REJECTED) => "/Connection Rejected",
            (error::CEASE, cease::CONFIG_CHANGE) => "/Other Configuration Change",
            (error::CEASE, cease::COLLISION) => "/Connection Collision Resolution",
            (error::CEASE, cease::OUT_OF_RESOURCES) => "/Out of Resources",
            (error::CEASE, cease::HARD_RESET) => "/Hard Reset",
            (error::CEASE, cease::BFD_DOWN) => "/BFD Down",
            (error::ROUTE_REFRESH_MESSAGE, refresh::BAD_LENGTH) => "/Invalid Message Length",
            (error::HOLD_TIMER | error::SEND_HOLD_TIMER, _) => "",
            (error::MESSAGE_HEADER..=error::SEND_HOLD_TIMER, 0) => "/Unspecific",
            _ => "/Unknown",
        }
    }

    /// FRR's `lastErrorCodeSubcode`: code and subcode in hexadecimal.
    pub fn code_hex(&self) -> String {
        format!("{:02X}{:02X}", self.code, self.subcode)
    }
}

/// FRR's text: `Cease/Administrative Shutdown`.
impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.code_name(), self.subcode_name())
    }
}

/// Text from a peer for terminals and logs: no control characters, no broken UTF-8.
pub(crate) fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
