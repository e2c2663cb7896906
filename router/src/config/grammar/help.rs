//! The help text of each word, for `?`.
//!
//! A keyword that several commands share has its text here; one that belongs to a single command shows what
//! that command does.

use super::syntax::{Token, TokenKind};

/// Keywords that mean the same wherever they stand.
const KEYWORDS: &[(&str, &str)] = &[
    ("access-list", "Access list"),
    ("address", "Address"),
    ("address-family", "Enter a family"),
    ("aggregator", "AGGREGATOR attribute"),
    ("all", "All of them"),
    ("as-path", "AS path"),
    ("bestpath", "How the best path is chosen"),
    ("bfd", "Bidirectional forwarding detection"),
    ("bgp", "BGP"),
    ("capability", "Capabilities to announce"),
    ("chain", "Chain of keys"),
    ("clear", "Reset"),
    ("comm-list", "Community list"),
    ("community", "Communities"),
    ("community-list", "Community list"),
    ("confederation", "Confederation of ASes"),
    ("debug", "Log details"),
    ("default", "Defaults"),
    ("deny", "Refuse"),
    ("detail", "Everything"),
    ("distance", "Administrative distance"),
    ("egp", "Exterior gateway protocol"),
    ("exact-match", "Nothing but this"),
    ("exclude", "Take out"),
    ("expanded", "List of regular expressions"),
    ("extcommunity", "Extended communities"),
    ("extcommunity-list", "Extended community list"),
    ("filter-list", "AS-path list"),
    ("force", "Count before policy"),
    ("ge", "Least prefix length"),
    ("graceful-restart", "Graceful restart"),
    ("igp", "Interior gateway protocol"),
    ("import-table", "Take routes from a kernel table"),
    ("in", "Inbound"),
    ("incomplete", "Of unknown origin"),
    ("interface", "Interface"),
    ("ip", "IPv4"),
    ("ipv4", "IPv4"),
    ("ipv6", "IPv6"),
    ("json", "As JSON"),
    ("large-comm-list", "Large community list"),
    ("large-community", "Large communities"),
    ("large-community-list", "Large community list"),
    ("le", "Greatest prefix length"),
    ("listen", "Neighbors that connect by themselves"),
    ("log", "Logging"),
    ("match", "What must hold"),
    ("max-med", "Announce a high MED"),
    ("maximum-paths", "Multipath"),
    ("metric", "Metric"),
    ("nd", "Neighbor discovery"),
    ("neighbor", "A BGP neighbor"),
    ("neighbors", "BGP neighbors"),
    ("next-hop", "Next hop"),
    ("nht", "Next-hop tracking"),
    ("no", "Undo or switch off"),
    ("out", "Outbound"),
    ("path-attribute", "Attributes of received routes"),
    ("peer-group", "Group of neighbors"),
    ("permit", "Accept"),
    ("prefix-len", "Length of the prefix"),
    ("prefix-list", "Prefix list"),
    ("prepend", "Put before"),
    ("redistribute", "Take routes from another protocol"),
    ("remote-as", "The neighbor's AS"),
    ("replace", "Replace"),
    ("route-map", "Policy"),
    ("route-source", "Address of the neighbor"),
    ("router", "A routing protocol"),
    ("seq", "Place in the list"),
    ("set", "What to change"),
    ("show", "Show what is going on"),
    ("standard", "List of values"),
    ("static", "Static routes"),
    ("summary", "Overview"),
    ("table", "Kernel table"),
    ("tag", "Tag"),
    ("timers", "Timers"),
    ("timestamp", "Time in messages"),
    ("track", "What the priority depends on"),
    ("ttl-security", "Protection by hop limit"),
    ("unicast", "Unicast"),
    ("view", "A view"),
    ("vrf", "A routing domain"),
    ("vrrp", "Virtual router redundancy"),
    ("warning-only", "Only log"),
];

/// The help text of a token; `command` says what the command that it belongs to does.
pub fn help_for(token: &Token, command: &str) -> String {
    match token.kind {
        TokenKind::Keyword => {
            let known = KEYWORDS.binary_search_by_key(&token.text, |(word, _)| word);
            match known.ok().and_then(|i| KEYWORDS.get(i)) {
                Some((_, text)) => (*text).to_owned(),
                None => command.to_owned(),
            }
        }
        _ => variable_help(token).map_or_else(|| command.to_owned(), str::to_owned),
    }
}

/// What a variable stands for; free words have no text of their own.
pub fn variable_help(token: &Token) -> Option<&'static str> {
    Some(match (token.kind, token.name) {
        (TokenKind::Ipv4, "peer") => "The neighbor's address",
        (TokenKind::Ipv6, "peer") => "The neighbor's IPv6 address",
        (TokenKind::Word, "peer") => "The neighbor's interface or its peer-group",
        (TokenKind::Ipv4, _) => "IPv4 address",
        (TokenKind::Ipv4Prefix, _) => "IPv4 prefix",
        (TokenKind::Ipv6, _) => "IPv6 address",
        (TokenKind::Ipv6Prefix, _) => "IPv6 prefix",
        (TokenKind::Asn, _) => "AS number",
        (TokenKind::Range(..), "vrid") => "Virtual router identifier",
        (TokenKind::Range(..), "seq") => "Sequence number",
        (TokenKind::Word, "IFNAME" | "if") => "Name of an interface",
        (TokenKind::Word, "RMAP_NAME") => "Name of a route-map",
        (TokenKind::Word, "PGNAME" | "group") => "Name of a peer-group",
        (TokenKind::Word, _) if token.text.contains("NAME") => "Name",
        (TokenKind::Rest, "LINE" | "MSG") => "Text up to the end of the line",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_dictionary_is_sorted() {
        assert!(super::KEYWORDS.is_sorted());
    }
}
