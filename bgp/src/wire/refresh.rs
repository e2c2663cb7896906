//! ROUTE-REFRESH (RFC 2918, RFC 7313).

use super::Notification;
use super::iana::error;
use super::reader::{Reader, Short};
use crate::types::Family;

/// The message subtype (RFC 7313 section 3.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RefreshKind {
    /// A request to send the table again.
    Request,
    /// Beginning of the refresh.
    Begin,
    /// End of the refresh.
    End,
}

/// A ROUTE-REFRESH message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouteRefresh {
    /// Request, beginning or end; `None` for subtypes to be ignored.
    pub kind: Option<RefreshKind>,
    /// The family, if it is one that we carry.
    pub family: Option<Family>,
}

/// A message of the wrong length (RFC 7313 section 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("ROUTE-REFRESH of {0} octets after the header")]
pub struct BadRefreshLength(pub usize);

impl From<BadRefreshLength> for Notification {
    fn from(_: BadRefreshLength) -> Notification {
        Notification::new(error::ROUTE_REFRESH_MESSAGE, error::refresh::BAD_LENGTH)
    }
}

impl RouteRefresh {
    /// Reads the body. Outbound route filters (RFC 5291) are never negotiated, so nothing may follow.
    pub fn decode(body: &[u8]) -> Result<RouteRefresh, BadRefreshLength> {
        let fields =
            |mut r: Reader<'_>| -> Result<_, Short> { Ok((r.u16()?, r.u8()?, r.u8()?, r.is_empty())) };
        match fields(Reader::new(body)) {
            Ok((afi, subtype, safi, true)) => {
                let kind = match subtype {
                    0 => Some(RefreshKind::Request),
                    1 => Some(RefreshKind::Begin),
                    2 => Some(RefreshKind::End),
                    _ => None,
                };
                Ok(RouteRefresh { kind, family: Family::from_codes(afi, safi) })
            }
            _ => Err(BadRefreshLength(body.len())),
        }
    }
}
