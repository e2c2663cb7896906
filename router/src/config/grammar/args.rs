//! The words of a line, as the command that it means has captured them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Fail;
use super::matcher::parse_asn;

/// One captured word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capture<'l> {
    /// Under which name.
    pub name: &'static str,
    /// The whole keyword, if it is one.
    pub keyword: Option<&'static str>,
    /// As typed.
    pub text: &'l str,
    /// Whether it is a value rather than part of what identifies the line.
    pub value: bool,
}

impl Capture<'_> {
    fn canonical(&self) -> &str {
        self.keyword.unwrap_or(self.text)
    }
}

/// The captured words of a line.
#[derive(Clone, Debug)]
pub struct Args<'l> {
    /// The whole line.
    pub line: &'l str,
    /// The notation of the command.
    pub syntax: &'static str,
    /// Whether `no` stood in front.
    pub no: bool,
    captures: Vec<Capture<'l>>,
}

impl<'l> Args<'l> {
    /// From the captures of the matcher.
    pub fn new(line: &'l str, syntax: &'static str, no: bool, captures: Vec<Capture<'l>>) -> Args<'l> {
        Args { line, syntax, no, captures }
    }

    /// The word captured under a name; a keyword in full.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.captures.iter().find(|c| c.name == name).map(Capture::canonical)
    }

    /// Whether this keyword was given.
    pub fn has(&self, keyword: &str) -> bool {
        self.captures.iter().any(|c| c.keyword == Some(keyword))
    }

    /// Whether a word was understood as a keyword, not as a name.
    #[cfg(test)]
    pub fn has_as_keyword(&self, word: &str) -> bool {
        self.captures.iter().any(|c| c.text == word && c.keyword.is_some())
    }

    /// Whether one keyword was given before another; both must be there.
    pub fn before(&self, first: &str, second: &str) -> bool {
        let at = |keyword: &str| self.captures.iter().position(|c| c.keyword == Some(keyword));
        matches!((at(first), at(second)), (Some(a), Some(b)) if a < b)
    }

    /// The word captured under a name, which the notation makes mandatory.
    pub fn word(&self, name: &str) -> Result<&str, Fail> {
        self.get(name).ok_or(Fail::Internal("argument missing"))
    }

    /// The same, owned.
    pub fn string(&self, name: &str) -> Result<String, Fail> {
        self.word(name).map(str::to_owned)
    }

    /// An owned word that may be missing.
    pub fn opt_string(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// A parsed word that may be missing.
    pub fn opt<T: FromStr>(&self, name: &str) -> Result<Option<T>, Fail> {
        match self.get(name) {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| Fail::Value(text.to_owned())),
        }
    }

    /// A parsed word.
    pub fn parse<T: FromStr>(&self, name: &str) -> Result<T, Fail> {
        self.opt(name)?.ok_or(Fail::Internal("argument missing"))
    }

    /// An AS number that may be missing.
    pub fn opt_asn(&self, name: &str) -> Result<Option<u32>, Fail> {
        match self.get(name) {
            None => Ok(None),
            Some(text) => parse_asn(text).map(Some).ok_or_else(|| Fail::Value(text.to_owned())),
        }
    }

    /// An AS number.
    pub fn asn(&self, name: &str) -> Result<u32, Fail> {
        self.opt_asn(name)?.ok_or(Fail::Internal("argument missing"))
    }

    /// An address of either family.
    pub fn ip(&self, name: &str) -> Result<IpAddr, Fail> {
        self.parse(name)
    }

    /// An IPv4 address.
    pub fn ipv4(&self, name: &str) -> Result<Ipv4Addr, Fail> {
        self.parse(name)
    }

    /// A BGP Identifier, which is not zero (RFC 6286 section 2.1).
    pub fn router_id(&self, name: &str) -> Result<Ipv4Addr, Fail> {
        let id = self.ipv4(name)?;
        if id.is_unspecified() {
            return Err(Fail::refuse(
                "% No neighbor accepts the router id 0.0.0.0; without a line for it, an address of this router is used",
            ));
        }
        Ok(id)
    }

    /// An IPv6 address.
    pub fn ipv6(&self, name: &str) -> Result<Ipv6Addr, Fail> {
        self.parse(name)
    }

    /// A prefix of either family with its host bits as typed.
    pub fn net(&self, name: &str) -> Result<IpNet, Fail> {
        self.parse(name)
    }

    /// A prefix with its host bits cleared.
    pub fn prefix(&self, name: &str) -> Result<IpNet, Fail> {
        self.net(name).map(|n| n.trunc())
    }

    /// An IPv4 prefix as `A.B.C.D/M`, or as address and mask, host bits cleared.
    pub fn ipv4_prefix(&self, net: &str, address: &str, mask: &str) -> Result<IpNet, Fail> {
        if self.get(net).is_some() {
            return self.prefix(net);
        }
        let address = self.ipv4(address)?;
        let net = match self.opt::<Ipv4Addr>(mask)? {
            Some(mask) => Ipv4Net::with_netmask(address, mask).map_err(|_| Fail::Value(mask.to_string()))?,
            None => Ipv4Net::new(address, classful_length(address)).map_err(|_| Fail::Internal("length"))?,
        };
        Ok(IpNet::V4(net.trunc()))
    }

    /// An IPv6 prefix, host bits cleared.
    pub fn ipv6_prefix(&self, name: &str) -> Result<IpNet, Fail> {
        self.parse::<Ipv6Net>(name).map(|n| IpNet::V6(n.trunc()))
    }

    /// The line in canonical spelling, without its first `skip` words.
    pub fn canonical(&self, skip: usize) -> String {
        let words: Vec<&str> = self.captures.iter().skip(skip).map(Capture::canonical).collect();
        words.join(" ")
    }

    /// What identifies the line: all words but values, without the first `skip` ones.
    pub fn key(&self, skip: usize) -> String {
        let parts = self.captures.iter().skip(skip).filter(|c| !c.value);
        parts.map(Capture::canonical).collect::<Vec<_>>().join(" ")
    }
}

/// The prefix length that an address without a mask has had since before masks.
fn classful_length(address: Ipv4Addr) -> u8 {
    match address.octets()[0] {
        0..=127 => 8,
        128..=191 => 16,
        _ => 24,
    }
}
