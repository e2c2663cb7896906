//! One piece of code for both families: the body is compiled for the table of each.

/// Calls `$body` with the table of a family and what both share.
macro_rules! family {
    ($self:ident, $family:expr, |$rib:ident, $shared:ident| $body:expr) => {{
        let $shared = &mut $self.shared;
        match $family {
            Family::Ipv4Unicast => {
                let $rib = &mut $self.v4;
                $body
            }
            Family::Ipv6Unicast => {
                let $rib = &mut $self.v6;
                $body
            }
        }
    }};
}

/// Calls `$body` with the prefix's address in the type of its family.
macro_rules! prefix {
    ($self:ident, $net:expr, |$rib:ident, $shared:ident, $addr:ident, $len:ident| $body:expr) => {{
        let net: IpNet = $net;
        let $len = net.prefix_len();
        let $shared = &mut $self.shared;
        match net.trunc() {
            IpNet::V4(n) => {
                let ($rib, $addr) = (&mut $self.v4, u32::from(n.addr()));
                $body
            }
            IpNet::V6(n) => {
                let ($rib, $addr) = (&mut $self.v6, u128::from(n.addr()));
                $body
            }
        }
    }};
}

/// Calls `$body` with the table of a family, to look at it.
macro_rules! by_family {
    ($core:expr, $family:expr, |$rib:ident| $body:expr) => {
        match $family {
            Family::Ipv4Unicast => {
                let $rib = &$core.v4;
                $body
            }
            Family::Ipv6Unicast => {
                let $rib = &$core.v6;
                $body
            }
        }
    };
}
