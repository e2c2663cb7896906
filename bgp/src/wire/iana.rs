//! Assigned numbers: message types, path attributes, capabilities, communities, error codes.

/// Message types (RFC 4271 section 4.1, RFC 2918).
pub mod message {
    /// OPEN.
    pub const OPEN: u8 = 1;
    /// UPDATE.
    pub const UPDATE: u8 = 2;
    /// NOTIFICATION.
    pub const NOTIFICATION: u8 = 3;
    /// KEEPALIVE.
    pub const KEEPALIVE: u8 = 4;
    /// ROUTE-REFRESH.
    pub const ROUTE_REFRESH: u8 = 5;
    /// CAPABILITY of the dynamic capability draft; never negotiated here.
    pub const CAPABILITY: u8 = 6;
}

/// Octets of the message header (RFC 4271 section 4.1).
pub const HEADER_LEN: usize = 19;
/// Largest message without the extended message capability (RFC 4271 section 4.1).
pub const MAX_MESSAGE: usize = 4096;
/// Largest message with the extended message capability (RFC 8654).
pub const MAX_EXTENDED_MESSAGE: usize = 65535;

/// Bits of the attribute flags octet (RFC 4271 section 4.3).
pub mod attr_flag {
    /// Optional, otherwise well-known.
    pub const OPTIONAL: u8 = 0x80;
    /// Transitive.
    pub const TRANSITIVE: u8 = 0x40;
    /// Somebody on the way did not recognise the attribute.
    pub const PARTIAL: u8 = 0x20;
    /// The length takes two octets.
    pub const EXTENDED: u8 = 0x10;
}

/// Path attribute type codes.
pub mod attr {
    /// ORIGIN (RFC 4271 section 5.1.1).
    pub const ORIGIN: u8 = 1;
    /// AS_PATH (RFC 4271 section 5.1.2).
    pub const AS_PATH: u8 = 2;
    /// NEXT_HOP (RFC 4271 section 5.1.3).
    pub const NEXT_HOP: u8 = 3;
    /// MULTI_EXIT_DISC (RFC 4271 section 5.1.4).
    pub const MED: u8 = 4;
    /// LOCAL_PREF (RFC 4271 section 5.1.5).
    pub const LOCAL_PREF: u8 = 5;
    /// ATOMIC_AGGREGATE (RFC 4271 section 5.1.6).
    pub const ATOMIC_AGGREGATE: u8 = 6;
    /// AGGREGATOR (RFC 4271 section 5.1.7).
    pub const AGGREGATOR: u8 = 7;
    /// COMMUNITIES (RFC 1997).
    pub const COMMUNITIES: u8 = 8;
    /// ORIGINATOR_ID (RFC 4456 section 8).
    pub const ORIGINATOR_ID: u8 = 9;
    /// CLUSTER_LIST (RFC 4456 section 8).
    pub const CLUSTER_LIST: u8 = 10;
    /// MP_REACH_NLRI (RFC 4760 section 3).
    pub const MP_REACH_NLRI: u8 = 14;
    /// MP_UNREACH_NLRI (RFC 4760 section 4).
    pub const MP_UNREACH_NLRI: u8 = 15;
    /// EXTENDED COMMUNITIES (RFC 4360).
    pub const EXT_COMMUNITIES: u8 = 16;
    /// AS4_PATH (RFC 6793).
    pub const AS4_PATH: u8 = 17;
    /// AS4_AGGREGATOR (RFC 6793).
    pub const AS4_AGGREGATOR: u8 = 18;
    /// IPv6 Address Specific Extended Community (RFC 5701).
    pub const IPV6_EXT_COMMUNITIES: u8 = 25;
    /// AIGP (RFC 7311).
    pub const AIGP: u8 = 26;
    /// LARGE_COMMUNITY (RFC 8092).
    pub const LARGE_COMMUNITIES: u8 = 32;
    /// Only to Customer (RFC 9234 section 5).
    pub const OTC: u8 = 35;
    /// BGP Prefix-SID (RFC 8669 section 3).
    pub const PREFIX_SID: u8 = 40;

    /// The registry's name of a type that we know.
    pub const fn name(code: u8) -> Option<&'static str> {
        Some(match code {
            ORIGIN => "ORIGIN",
            AS_PATH => "AS_PATH",
            NEXT_HOP => "NEXT_HOP",
            MED => "MULTI_EXIT_DISC",
            LOCAL_PREF => "LOCAL_PREF",
            ATOMIC_AGGREGATE => "ATOMIC_AGGREGATE",
            AGGREGATOR => "AGGREGATOR",
            COMMUNITIES => "COMMUNITY",
            ORIGINATOR_ID => "ORIGINATOR_ID",
            CLUSTER_LIST => "CLUSTER_LIST",
            MP_REACH_NLRI => "MP_REACH_NLRI",
            MP_UNREACH_NLRI => "MP_UNREACH_NLRI",
            EXT_COMMUNITIES => "EXTENDED COMMUNITIES",
            AS4_PATH => "AS4_PATH",
            AS4_AGGREGATOR => "AS4_AGGREGATOR",
            IPV6_EXT_COMMUNITIES => "IPv6 EXTENDED COMMUNITIES",
            AIGP => "AIGP",
            LARGE_COMMUNITIES => "LARGE_COMMUNITY",
            OTC => "OTC",
            PREFIX_SID => "PREFIX_SID",
            _ => return None,
        })
    }
}

/// AS_PATH segment types (RFC 4271 section 4.3, RFC 5065 section 3).
pub mod segment {
    /// AS_SET.
    pub const AS_SET: u8 = 1;
    /// AS_SEQUENCE.
    pub const AS_SEQUENCE: u8 = 2;
    /// AS_CONFED_SEQUENCE.
    pub const AS_CONFED_SEQUENCE: u8 = 3;
    /// AS_CONFED_SET.
    pub const AS_CONFED_SET: u8 = 4;
}

/// Well-known communities (registry of RFC 1997 and its successors).
pub mod community {
    /// Zero, which operators and FRR call `internet`.
    pub const INTERNET: u32 = 0;
    /// GRACEFUL_SHUTDOWN (RFC 8326).
    pub const GRACEFUL_SHUTDOWN: u32 = 0xffff_0000;
    /// ACCEPT_OWN (RFC 7611).
    pub const ACCEPT_OWN: u32 = 0xffff_0001;
    /// ROUTE_FILTER_TRANSLATED_v4.
    pub const ROUTE_FILTER_TRANSLATED_V4: u32 = 0xffff_0002;
    /// ROUTE_FILTER_v4.
    pub const ROUTE_FILTER_V4: u32 = 0xffff_0003;
    /// ROUTE_FILTER_TRANSLATED_v6.
    pub const ROUTE_FILTER_TRANSLATED_V6: u32 = 0xffff_0004;
    /// ROUTE_FILTER_v6.
    pub const ROUTE_FILTER_V6: u32 = 0xffff_0005;
    /// LLGR_STALE (RFC 9494).
    pub const LLGR_STALE: u32 = 0xffff_0006;
    /// NO_LLGR (RFC 9494).
    pub const NO_LLGR: u32 = 0xffff_0007;
    /// Accept-own-nexthop.
    pub const ACCEPT_OWN_NEXTHOP: u32 = 0xffff_0008;
    /// BLACKHOLE (RFC 7999).
    pub const BLACKHOLE: u32 = 0xffff_029a;
    /// NO_EXPORT (RFC 1997).
    pub const NO_EXPORT: u32 = 0xffff_ff01;
    /// NO_ADVERTISE (RFC 1997).
    pub const NO_ADVERTISE: u32 = 0xffff_ff02;
    /// NO_EXPORT_SUBCONFED (RFC 1997).
    pub const LOCAL_AS: u32 = 0xffff_ff03;
    /// NOPEER (RFC 3765).
    pub const NO_PEER: u32 = 0xffff_ff04;
}

/// Capability codes (RFC 5492 and the registry).
pub mod capability {
    /// Multiprotocol extensions (RFC 4760 section 8).
    pub const MULTIPROTOCOL: u8 = 1;
    /// Route refresh (RFC 2918).
    pub const ROUTE_REFRESH: u8 = 2;
    /// Extended next hop encoding (RFC 8950).
    pub const EXTENDED_NEXT_HOP: u8 = 5;
    /// Extended message (RFC 8654).
    pub const EXTENDED_MESSAGE: u8 = 6;
    /// BGP role (RFC 9234).
    pub const ROLE: u8 = 9;
    /// Graceful restart (RFC 4724).
    pub const GRACEFUL_RESTART: u8 = 64;
    /// Four-octet AS number (RFC 6793).
    pub const FOUR_OCTET_AS: u8 = 65;
    /// Dynamic capability (draft).
    pub const DYNAMIC: u8 = 67;
    /// ADD-PATH (RFC 7911).
    pub const ADD_PATH: u8 = 69;
    /// Enhanced route refresh (RFC 7313).
    pub const ENHANCED_ROUTE_REFRESH: u8 = 70;
    /// Long-lived graceful restart (RFC 9494).
    pub const LONG_LIVED_GRACEFUL_RESTART: u8 = 71;
    /// Host and domain name (draft).
    pub const FQDN: u8 = 73;
    /// Software version (draft).
    pub const SOFTWARE_VERSION: u8 = 75;
    /// Most paths of a prefix (draft).
    pub const PATHS_LIMIT: u8 = 76;
    /// Route refresh before its standardisation.
    pub const ROUTE_REFRESH_OLD: u8 = 128;
}

/// NOTIFICATION error codes and subcodes (RFC 4271 section 4.5 and the registry).
pub mod error {
    /// Message Header Error.
    pub const MESSAGE_HEADER: u8 = 1;
    /// OPEN Message Error.
    pub const OPEN_MESSAGE: u8 = 2;
    /// UPDATE Message Error.
    pub const UPDATE_MESSAGE: u8 = 3;
    /// Hold Timer Expired.
    pub const HOLD_TIMER: u8 = 4;
    /// Finite State Machine Error.
    pub const FSM: u8 = 5;
    /// Cease.
    pub const CEASE: u8 = 6;
    /// ROUTE-REFRESH Message Error (RFC 7313).
    pub const ROUTE_REFRESH_MESSAGE: u8 = 7;
    /// Send Hold Timer Expired (RFC 9687).
    pub const SEND_HOLD_TIMER: u8 = 8;

    /// Subcodes of Message Header Error.
    pub mod header {
        /// Connection Not Synchronized.
        pub const NOT_SYNCHRONIZED: u8 = 1;
        /// Bad Message Length.
        pub const BAD_LENGTH: u8 = 2;
        /// Bad Message Type.
        pub const BAD_TYPE: u8 = 3;
    }
    /// Subcodes of OPEN Message Error.
    pub mod open {
        /// Unspecific.
        pub const UNSPECIFIC: u8 = 0;
        /// Unsupported Version Number.
        pub const VERSION: u8 = 1;
        /// Bad Peer AS.
        pub const BAD_PEER_AS: u8 = 2;
        /// Bad BGP Identifier.
        pub const BAD_IDENTIFIER: u8 = 3;
        /// Unsupported Optional Parameter.
        pub const OPTIONAL_PARAMETER: u8 = 4;
        /// Unacceptable Hold Time.
        pub const HOLD_TIME: u8 = 6;
        /// Unsupported Capability (RFC 5492).
        pub const CAPABILITY: u8 = 7;
        /// Role Mismatch (RFC 9234).
        pub const ROLE_MISMATCH: u8 = 11;
    }
    /// Subcodes of UPDATE Message Error.
    pub mod update {
        /// Malformed Attribute List.
        pub const ATTRIBUTE_LIST: u8 = 1;
        /// Unrecognized Well-known Attribute.
        pub const UNRECOGNIZED_WELL_KNOWN: u8 = 2;
        /// Missing Well-known Attribute.
        pub const MISSING_WELL_KNOWN: u8 = 3;
        /// Attribute Flags Error.
        pub const FLAGS: u8 = 4;
        /// Attribute Length Error.
        pub const LENGTH: u8 = 5;
        /// Invalid ORIGIN Attribute.
        pub const ORIGIN: u8 = 6;
        /// Invalid NEXT_HOP Attribute.
        pub const NEXT_HOP: u8 = 8;
        /// Optional Attribute Error.
        pub const OPTIONAL_ATTRIBUTE: u8 = 9;
        /// Invalid Network Field.
        pub const NETWORK_FIELD: u8 = 10;
        /// Malformed AS_PATH.
        pub const AS_PATH: u8 = 11;
    }
    /// Subcodes of Finite State Machine Error (RFC 6608).
    pub mod fsm {
        /// Unexpected message in OpenSent.
        pub const OPEN_SENT: u8 = 1;
        /// Unexpected message in OpenConfirm.
        pub const OPEN_CONFIRM: u8 = 2;
        /// Unexpected message in Established.
        pub const ESTABLISHED: u8 = 3;
    }
    /// Subcodes of Cease (RFC 4486, RFC 8538, RFC 9384).
    pub mod cease {
        /// Maximum Number of Prefixes Reached.
        pub const MAX_PREFIXES: u8 = 1;
        /// Administrative Shutdown.
        pub const ADMIN_SHUTDOWN: u8 = 2;
        /// Peer De-configured.
        pub const PEER_DECONFIGURED: u8 = 3;
        /// Administrative Reset.
        pub const ADMIN_RESET: u8 = 4;
        /// Connection Rejected.
        pub const CONNECTION_REJECTED: u8 = 5;
        /// Other Configuration Change.
        pub const CONFIG_CHANGE: u8 = 6;
        /// Connection Collision Resolution.
        pub const COLLISION: u8 = 7;
        /// Out of Resources.
        pub const OUT_OF_RESOURCES: u8 = 8;
        /// Hard Reset (RFC 8538).
        pub const HARD_RESET: u8 = 9;
        /// BFD Down (RFC 9384).
        pub const BFD_DOWN: u8 = 10;
    }
    /// Subcodes of ROUTE-REFRESH Message Error (RFC 7313).
    pub mod refresh {
        /// Invalid Message Length.
        pub const BAD_LENGTH: u8 = 1;
    }
}
