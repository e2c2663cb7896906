//! Messages of real routers and of other projects' tests, against what other decoders make of them.
//!
//! The data stand beside the repository and are no part of it; without them these tests say so and pass.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::PathBuf;

use bgp::attrs::AttrView;
use bgp::batch::{Op, UpdateBatch};
use bgp::types::{Asn, PeerKind};
use bgp::wire::{
    AllowOwnAs, AttrCodes, Frame, MessageKind, Notification, Open, RouteRefresh, UpdateContext,
    UpdateDecoder, UpdateError, UpdateReport, next_frame,
};
use serde_json::Value;

fn rows(file: &str) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => text.lines().map(|l| serde_json::from_str(l).unwrap()).collect(),
        Err(_) => {
            println!("skipped: {file} is not there");
            Vec::new()
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn text<'a>(v: &'a Value, key: &str) -> &'a str {
    v[key].as_str().unwrap_or("")
}

fn list<'a>(v: &'a Value, key: &str) -> &'a [Value] {
    v[key].as_array().map_or(&[], Vec::as_slice)
}

/// Takes all that a session may take, so that only the form of messages is judged.
fn lenient(as4: bool, add_path: bool) -> UpdateContext {
    UpdateContext {
        as4,
        add_path: [add_path; 2],
        families: [true; 2],
        extended_next_hop: true,
        kind: PeerKind::Internal,
        confederation: true,
        remote_as: Asn(1),
        own_asns: Vec::new(),
        allow_own_as: [AllowOwnAs::No; 2],
        prepend: None,
        enforce_first_as: false,
        reject_as_sets: false,
        allow_martian_next_hop: true,
        aigp: true,
        router_id: [255, 255, 255, 255].into(),
        cluster_id: [255, 255, 255, 255].into(),
        relation: None,
        discard: AttrCodes::NONE,
        withdraw_on: AttrCodes::NONE,
        hash_seed: 0,
    }
}

/// A prefix as others write it, with its path identifier, or 0.
type Named = (String, u32);

struct Routes {
    /// With the next hop.
    announced: BTreeSet<(Named, String)>,
    withdrawn: BTreeSet<Named>,
    blocks: Vec<Vec<u8>>,
}

impl Routes {
    fn prefixes(&self) -> BTreeSet<Named> {
        self.announced.iter().map(|(named, _)| named.clone()).collect()
    }

    /// The attributes of a message; none if it announces nothing.
    fn attrs(&self) -> Option<AttrView<'_>> {
        self.blocks.first().map(|block| AttrView::new(block))
    }
}

fn decode(ctx: UpdateContext, body: &[u8]) -> (Result<UpdateReport, UpdateError>, Routes) {
    let mut batch = UpdateBatch::default();
    let result = UpdateDecoder::new(ctx).decode(body, &mut batch);
    let mut routes = Routes { announced: BTreeSet::new(), withdrawn: BTreeSet::new(), blocks: Vec::new() };
    for op in &batch.ops {
        let (attrs, family, nlri) = match op {
            Op::Announce { family, nlri, attrs } => (Some(&batch.attrs[*attrs as usize]), family, nlri),
            Op::Withdraw { family, nlri } => (None, family, nlri),
            Op::EndOfRib(_) | Op::RefreshBegin(_) | Op::RefreshEnd(_) => continue,
        };
        let range = nlri.start as usize..nlri.end as usize;
        let named: Vec<Named> = match family.index() {
            0 => batch.v4[range].iter().map(|n| (n.net().to_string(), n.path_id)).collect(),
            _ => batch.v6[range].iter().map(|n| (n.net().to_string(), n.path_id)).collect(),
        };
        match attrs {
            Some(a) => routes.announced.extend(named.into_iter().map(|n| (n, a.next_hop.addr().to_string()))),
            None => routes.withdrawn.extend(named),
        }
    }
    routes.blocks = batch.attrs.iter().map(|a| batch.block(a).to_vec()).collect();
    (result, routes)
}

/// How often each thing was compared, by name.
#[derive(Default)]
struct Compared(BTreeMap<String, usize>);

impl Compared {
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, ours: T, theirs: T, row: &Value) {
        assert_eq!(ours, theirs, "{what}: {row}");
        *self.0.entry(what.to_owned()).or_default() += 1;
    }

    /// Says what was compared, and makes sure that each of these was if the data are there.
    fn finish(&self, there: bool, wanted: &[&str]) {
        println!("{:?}", self.0);
        for what in wanted {
            assert!(!there || self.0.contains_key(*what), "{what} was never compared");
        }
    }
}

fn check_open(row: &Value, body: &[u8], compared: &mut Compared) {
    let open = Open::decode(body).unwrap();
    let expected = &row["open"];
    compared.same("hold time", u64::from(open.hold_time), expected["hold"].as_u64().unwrap(), row);
    compared.same("BGP Identifier", open.router_id.to_string().as_str(), text(expected, "id"), row);
    let my_as = u16::try_from(open.asn.0).unwrap_or(23456);
    compared.same("My AS", u64::from(my_as), expected["my_as"].as_u64().unwrap(), row);
    let caps: Vec<_> = open
        .capabilities
        .iter()
        .map(|c| {
            let mut out = Vec::new();
            c.encode(&mut out);
            out
        })
        .collect();
    let theirs: Vec<_> = list(expected, "caps").iter().map(|c| unhex(text(c, "hex"))).collect();
    compared.same("OPEN", caps, theirs, row);
}

/// Values of a field that the other decoder showed of an attribute.
fn shown<'a>(update: &'a Value, code: u8, ending: &str) -> Vec<&'a str> {
    let fields = list(update, "attrs").iter().filter(|a| a["code"] == code).flat_map(|a| list(a, "show"));
    fields
        .filter(|f| f[0].as_str().is_some_and(|name| name.ends_with(ending)))
        .map(|f| f[1].as_str().unwrap())
        .collect()
}

/// AS numbers that the other decoder showed, and whether they had four octets.
fn shown_path(update: &Value) -> (Vec<&str>, bool) {
    let narrow = shown(update, 2, "segment.as2");
    if narrow.is_empty() { (shown(update, 2, "segment.as4"), true) } else { (narrow, false) }
}

/// Whether the MP attributes are all of the families that we carry.
fn unicast(update: &Value) -> bool {
    let mp = list(update, "attrs").iter().filter(|a| a["code"] == 14 || a["code"] == 15);
    mp.map(|a| unhex(text(a, "hex"))).all(|a| {
        let value = if a[0] & 0x10 != 0 { &a[4..] } else { &a[3..] };
        matches!(value[..3], [0, 1 | 2, 1])
    })
}

fn check_update(row: &Value, body: &[u8], compared: &mut Compared) {
    let update = &row["update"];
    let (asns, as4) = shown_path(update);
    let ids: Vec<u32> =
        list(update, "path_ids").iter().map(|id| id.as_str().unwrap().parse().unwrap()).collect();
    let (result, routes) = decode(lenient(as4, !ids.is_empty()), body);
    let report = result.unwrap_or_else(|e| panic!("{e}: {row}"));
    compared.same("faults", report.fault, None, row);
    if !unicast(update) {
        return;
    }
    let mut ids = ids.into_iter();
    let mut set = |keys: [&str; 2]| -> BTreeSet<Named> {
        let prefixes = keys.iter().flat_map(|k| list(update, k));
        prefixes.map(|v| (v.as_str().unwrap().to_string(), ids.next().unwrap_or(0))).collect()
    };
    let withdrawn = set(["withdrawn", "mp_unreach"]);
    let announced = set(["nlri", "mp_reach"]);
    if !ids.as_slice().is_empty() {
        panic!("path identifiers of no prefix: {row}");
    }
    compared.same("withdrawn", &routes.withdrawn, &withdrawn, row);
    compared.same("announced", &routes.prefixes(), &announced, row);
    if routes.announced.iter().any(|((_, id), _)| *id != 0) {
        compared.same("path identifiers", true, true, row);
    }
    let Some(attrs) = routes.attrs() else { return };
    let hops: BTreeSet<&str> = routes.announced.iter().map(|(_, hop)| hop.as_str()).collect();
    let theirs = match shown(update, 3, "next_hop") {
        hops if hops.is_empty() => shown(update, 14, "next_hop.ipv6"),
        hops => hops,
    };
    compared.same("next hop", hops, theirs.into_iter().take(1).collect(), row);
    attributes(row, attrs, as4, &asns, compared);
}

/// Each attribute against the other decoder's words, and against the octets that it says are the attribute.
fn attributes(row: &Value, attrs: AttrView<'_>, as4: bool, asns: &[&str], compared: &mut Compared) {
    let update = &row["update"];
    let one = |code, ending| shown(update, code, ending).first().map(|v| (*v).to_string());
    let origin = one(1, "origin").map(|o| ["i", "e", "?"][o.parse::<usize>().unwrap()].to_string());
    compared.same("ORIGIN", Some(attrs.origin().letter().to_string()), origin, row);
    if !list(update, "attrs").iter().any(|a| a["code"] == 17) {
        let ours: Vec<String> = attrs.as_path().asns().map(|a| a.to_string()).collect();
        compared.same("AS_PATH", ours, asns.iter().map(|a| (*a).to_string()).collect(), row);
    }
    for (name, ours, theirs) in [
        ("MED", attrs.med().map(|v| v.to_string()), one(4, "multi_exit_disc")),
        ("LOCAL_PREF", attrs.local_pref().map(|v| v.to_string()), one(5, "local_pref")),
        ("ORIGINATOR_ID", attrs.originator_id().map(|v| v.to_string()), one(9, "originator_id")),
        ("AGGREGATOR", attrs.aggregator().map(|(a, _)| a.to_string()), one(7, "aggregator_as")),
        ("AGGREGATOR", attrs.aggregator().map(|(_, id)| id.to_string()), one(7, "aggregator_origin")),
    ] {
        if ours.is_some() || theirs.is_some() {
            compared.same(name, ours, theirs, row);
        }
    }
    let clusters: Vec<String> = attrs.cluster_list().map(|c| c.to_string()).collect();
    compared.same(
        "clusters",
        clusters,
        shown(update, 10, "cluster_id").into_iter().map(str::to_string).collect(),
        row,
    );
    let large: Vec<String> =
        attrs.large_communities().flat_map(|(a, b, c)| [a, b, c]).map(|n| n.to_string()).collect();
    let theirs = ["ga", "ldp1", "ldp2"].map(|part| shown(update, 32, &format!("large_communities.{part}")));
    let theirs =
        (0..theirs[0].len()).flat_map(|i| theirs.each_ref().map(|part| part[i].to_string())).collect();
    compared.same("large communities", large, theirs, row);
    // Which attributes there are, and their octets. The next hop and the MP attributes are no part of a block, the
    // AS4 ones are merged into others, and sequences of communities are sorted.
    let mut left: BTreeMap<u8, Vec<u8>> = attrs.iter().map(|a| (a.code, a.value.to_vec())).collect();
    for theirs in list(update, "attrs") {
        let (code, bytes) = (theirs["code"].as_u64().unwrap() as u8, unhex(text(theirs, "hex")));
        let mut value = bytes[if bytes[0] & 0x10 != 0 { 4 } else { 3 }..].to_vec();
        if matches!(code, 3 | 14 | 15 | 17 | 18) {
            continue;
        }
        let ours = left.remove(&code).unwrap_or_else(|| panic!("{code} is not there: {row}"));
        match code {
            2 | 7 if !as4 => continue,
            8 => sort::<4>(&mut value),
            16 => sort::<8>(&mut value),
            32 => sort::<12>(&mut value),
            _ => {}
        }
        compared.same(&format!("octets of {code}"), ours, value, row);
    }
    compared.same("attributes of ours alone", left, BTreeMap::new(), row);
}

/// Sorts a list of `N` octets each; the recorded ones have no entry twice.
fn sort<const N: usize>(value: &mut [u8]) {
    value.as_chunks_mut::<N>().0.sort_unstable();
}

#[test]
fn captured_messages_decode_as_in_another_decoder() {
    let mut compared = Compared::default();
    let rows = rows("captures/bgp-messages.jsonl");
    for row in &rows {
        let bytes = unhex(text(row, "hex"));
        let frame = next_frame(&bytes, 65535);
        if row["malformed"] == true {
            continue;
        }
        let Frame { kind, body } = frame.unwrap().unwrap();
        match kind {
            MessageKind::Open => check_open(row, body, &mut compared),
            MessageKind::Update => check_update(row, body, &mut compared),
            MessageKind::Notification => {
                let n = Notification::decode(body).unwrap();
                let expected = &row["notification"];
                let theirs = ["code", "subcode"].map(|key| expected[key].as_u64());
                compared.same("NOTIFICATION", [n.code, n.subcode].map(|n| Some(u64::from(n))), theirs, row);
            }
            MessageKind::RouteRefresh => {
                // Filters are an extension that we never offer.
                compared.same("ROUTE-REFRESH", RouteRefresh::decode(body).is_ok(), body.len() == 4, row);
            }
            MessageKind::Keepalive => compared.same("KEEPALIVE", body, &[], row),
        }
    }
    let wanted = [
        "OPEN",
        "NOTIFICATION",
        "ROUTE-REFRESH",
        "KEEPALIVE",
        "faults",
        "announced",
        "withdrawn",
        "path identifiers",
        "next hop",
        "ORIGIN",
        "AS_PATH",
        "MED",
        "LOCAL_PREF",
        "ORIGINATOR_ID",
        "AGGREGATOR",
        "clusters",
        "large communities",
        "octets of 2",
        "octets of 35",
        "attributes of ours alone",
    ];
    compared.finish(!rows.is_empty(), &wanted);
}

/// Routes of one direction for both unicast families, each with its next hop, or none; and whether they have path
/// identifiers. `None` for other families.
fn exabgp_routes(part: &Value) -> Option<(BTreeSet<(Named, String)>, bool)> {
    let (mut set, mut paths) = (BTreeSet::new(), false);
    for (family, inner) in part.as_object().into_iter().flatten() {
        if family != "ipv4 unicast" && family != "ipv6 unicast" {
            return None;
        }
        let lists: Vec<(&str, &[Value])> = match inner {
            Value::Array(list) => vec![("", list.as_slice())],
            Value::Object(map) => {
                map.iter().filter_map(|(hop, l)| Some((hop.as_str(), l.as_array()?.as_slice()))).collect()
            }
            _ => vec![],
        };
        for (hop, item) in lists.into_iter().flat_map(|(hop, list)| list.iter().map(move |item| (hop, item)))
        {
            let id = item["path-information"].as_str().map(|id| u32::from(id.parse::<Ipv4Addr>().unwrap()));
            paths |= id.is_some();
            // A withdrawal says its prefix alone, an End-of-RIB none.
            let Some(nlri) = item["nlri"].as_str().or_else(|| item.as_str()) else { continue };
            set.insert(((nlri.to_string(), id.unwrap_or(0)), hop.to_string()));
        }
    }
    Some((set, paths))
}

fn numbers(v: &Value) -> Vec<u32> {
    v.as_array().into_iter().flatten().map(|n| n.as_u64().unwrap() as u32).collect()
}

/// The attributes that ExaBGP shows, one by one.
fn exabgp_attributes(row: &Value, shown: &Value, attrs: AttrView<'_>, compared: &mut Compared) {
    for (name, theirs) in shown.as_object().into_iter().flatten() {
        let list = |v: &Value| v.as_array().cloned().unwrap_or_default();
        match name.as_str() {
            "origin" => {
                let ours = match attrs.origin().letter() {
                    'i' => "igp",
                    'e' => "egp",
                    _ => "incomplete",
                };
                compared.same(name, Some(ours), theirs.as_str(), row);
            }
            "as-path" => {
                let ours: Vec<u32> = attrs.as_path().asns().map(|a| a.0).collect();
                let segments = theirs.as_object().into_iter().flat_map(|map| map.values());
                compared.same(name, ours, segments.flat_map(|s| numbers(&s["value"])).collect(), row);
            }
            "med" => compared.same(name, attrs.med().map(u64::from), theirs.as_u64(), row),
            "local-preference" => {
                compared.same(name, attrs.local_pref().map(u64::from), theirs.as_u64(), row)
            }
            "atomic-aggregate" => compared.same(name, Some(attrs.atomic_aggregate()), theirs.as_bool(), row),
            "aggregator" => {
                let ours = attrs.aggregator().map(|(asn, id)| format!("{asn}:{id}"));
                compared.same(name, ours.as_deref(), theirs.as_str(), row);
            }
            "originator-id" => {
                let ours = attrs.originator_id().map(|id| id.to_string());
                compared.same(name, ours.as_deref(), theirs.as_str(), row);
            }
            "cluster-list" => {
                let ours: Vec<Value> = attrs.cluster_list().map(|id| id.to_string().into()).collect();
                compared.same(name, ours, list(theirs), row);
            }
            "community" => {
                let theirs =
                    list(theirs).iter().map(numbers).map(|c| c[0] << 16 | c[1]).collect::<BTreeSet<_>>();
                compared.same(name, attrs.communities().collect(), theirs, row);
            }
            "large-community" => {
                let theirs =
                    list(theirs).iter().map(numbers).map(|c| (c[0], c[1], c[2])).collect::<BTreeSet<_>>();
                compared.same(name, attrs.large_communities().collect(), theirs, row);
            }
            "extended-community" => {
                let theirs =
                    list(theirs).iter().map(|c| c["value"].as_u64().unwrap()).collect::<BTreeSet<_>>();
                compared.same(name, attrs.ext_communities().map(u64::from_be_bytes).collect(), theirs, row);
            }
            // Only that it is there: we carry these without knowing what they say.
            "bgp-prefix-sid" => compared.same(name, attrs.raw(40).is_some(), true, row),
            "tunnel-encap" => compared.same(name, attrs.raw(23).is_some(), true, row),
            "extended-community-ipv6" => compared.same(name, attrs.raw(25).is_some(), true, row),
            // The next hop stands with the routes; BGP-LS is not transitive.
            "next-hop" | "bgp-ls" => {}
            _ => assert!(name.starts_with("attribute-"), "{name}: {row}"),
        }
    }
}

#[test]
fn messages_of_exabgp_decode_as_in_exabgp() {
    let mut compared = Compared::default();
    let (mut stricter, mut others) = (0, 0);
    let rows = rows("vectors/exabgp/messages.jsonl");
    for row in &rows {
        let bytes = unhex(text(row, "hex"));
        let Ok(Some(Frame { kind: MessageKind::Update, body })) = next_frame(&bytes, 65535) else { continue };
        let update = &row["json"]["neighbor"]["message"]["update"];
        let expected = (exabgp_routes(&update["announce"]), exabgp_routes(&update["withdraw"]));
        let (Some((announced, paths)), Some((withdrawn, paths_gone))) = expected else {
            // The messages do not tell what was negotiated: all readings have to be survived.
            others += 1;
            survive(body);
            continue;
        };
        if update.is_null() {
            others += 1;
            continue;
        }
        let withdrawn: BTreeSet<Named> = withdrawn.into_iter().map(|(named, _)| named).collect();
        // ExaBGP shows the first of two next hops, and of no route that has none.
        let readings = [true, false].map(|as4| decode(lenient(as4, paths || paths_gone), body));
        let fits = |r: &Routes| r.announced == announced && r.withdrawn == withdrawn;
        let Some((_, routes)) = readings.iter().find(|(_, r)| fits(r)) else {
            // ExaBGP takes an unknown attribute that claims to be well-known, and IPv6 with an IPv4 next hop. RFC 4271
            // section 6.3 and RFC 4760 section 3 do not.
            let known = matches!(
                readings[0].0,
                Err(UpdateError::Attribute { code: 153, subcode: 2, .. }
                    | UpdateError::Attribute { code: 14, subcode: 9, .. })
            );
            let found = readings.map(|(r, routes)| (r, routes.announced, routes.withdrawn));
            assert!(known, "{row}\n{found:?}");
            stricter += 1;
            continue;
        };
        compared.same("routes", true, true, row);
        if paths || paths_gone {
            compared.same("path identifiers", true, true, row);
        }
        if let Some(attrs) = routes.attrs() {
            exabgp_attributes(row, &update["attribute"], attrs, &mut compared);
        }
    }
    println!("{others} messages of other families or without expectation, {stricter} refused");
    let wanted = [
        "routes",
        "path identifiers",
        "origin",
        "as-path",
        "med",
        "local-preference",
        "community",
        "large-community",
        "extended-community",
    ];
    compared.finish(!rows.is_empty(), &wanted);
    assert!(stricter <= 4, "{stricter} messages that ExaBGP takes");
}

#[test]
fn messages_from_tests_of_others_are_survived_whole_cut_and_changed() {
    let mut messages: Vec<Vec<u8>> = Vec::new();
    for file in [
        "captures/bgp-messages.jsonl",
        "vectors/exabgp/messages.jsonl",
        "vectors/bgp-messages-from-tests.jsonl",
    ] {
        messages.extend(rows(file).iter().map(|r| unhex(text(r, "hex"))));
    }
    for bytes in &messages {
        let body = bytes.get(19..).unwrap_or(&[]);
        for at in 0..body.len() {
            for change in [0x00, 0xff, body[at] ^ 0x80, body[at].wrapping_add(1)] {
                let mut changed = body.to_vec();
                changed[at] = change;
                survive(&changed);
            }
            survive(&body[..at]);
        }
        survive(body);
    }
    println!("{} messages", messages.len());
}

fn survive(body: &[u8]) {
    let _ = Open::decode(body);
    let _ = Notification::decode(body).map(|n| (n.to_string(), n.shutdown_message()));
    let _ = RouteRefresh::decode(body);
    for as4 in [true, false] {
        let (_, routes) = decode(lenient(as4, false), body);
        assert!(routes.announced.len() + routes.withdrawn.len() <= body.len());
    }
}
