//! Messages of real routers and of other projects' tests, against what other decoders make of them.
//!
//! The data stand beside the repository and are no part of it; without them these tests say so and pass.

use std::collections::BTreeSet;
use std::path::PathBuf;

use bgp::attrs::AttrView;
use bgp::batch::{Op, UpdateBatch};
use bgp::types::Asn;
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
        external: false,
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

struct Routes {
    announced: BTreeSet<String>,
    withdrawn: BTreeSet<String>,
    paths: Vec<String>,
}

fn decode(ctx: UpdateContext, body: &[u8]) -> (Result<UpdateReport, UpdateError>, Routes) {
    let mut batch = UpdateBatch::default();
    let result = UpdateDecoder::new(ctx).decode(body, &mut batch);
    let mut routes = Routes { announced: BTreeSet::new(), withdrawn: BTreeSet::new(), paths: Vec::new() };
    for op in &batch.ops {
        let (set, family, nlri) = match op {
            Op::Announce { family, nlri, .. } => (&mut routes.announced, family, nlri),
            Op::Withdraw { family, nlri } => (&mut routes.withdrawn, family, nlri),
            Op::EndOfRib(_) | Op::RefreshBegin(_) | Op::RefreshEnd(_) => continue,
        };
        let range = nlri.start as usize..nlri.end as usize;
        match family.index() {
            0 => set.extend(batch.v4[range].iter().map(|n| n.net().to_string())),
            _ => set.extend(batch.v6[range].iter().map(|n| n.net().to_string())),
        }
    }
    routes.paths = batch.attrs.iter().map(|a| AttrView::new(batch.block(a)).as_path().to_string()).collect();
    (result, routes)
}

fn check_open(row: &Value, body: &[u8]) {
    let open = Open::decode(body).unwrap();
    let expected = &row["open"];
    assert_eq!(open.hold_time, expected["hold"].as_u64().unwrap() as u16, "{row}");
    assert_eq!(open.router_id.to_string(), text(expected, "id"));
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
    assert_eq!(caps, theirs, "{row}");
}

/// AS numbers that the other decoder showed, and whether they had four octets.
fn shown_path(update: &Value) -> (Vec<String>, bool) {
    let fields = list(update, "attrs").iter().filter(|a| a["code"] == 2).flat_map(|a| list(a, "show"));
    let (mut asns, mut as4) = (Vec::new(), true);
    for field in fields {
        let name = field[0].as_str().unwrap();
        if name.ends_with("as4") || name.ends_with("as2") {
            as4 = name.ends_with("as4");
            asns.push(field[1].as_str().unwrap().to_string());
        }
    }
    (asns, as4)
}

/// Whether the MP attributes are all of the families that we carry.
fn unicast(update: &Value) -> bool {
    let mp = list(update, "attrs").iter().filter(|a| a["code"] == 14 || a["code"] == 15);
    mp.map(|a| unhex(text(a, "hex"))).all(|a| {
        let value = if a[0] & 0x10 != 0 { &a[4..] } else { &a[3..] };
        matches!(value[..3], [0, 1 | 2, 1])
    })
}

fn check_update(row: &Value, body: &[u8]) {
    let update = &row["update"];
    let (asns, as4) = shown_path(update);
    let add_path = !list(update, "path_ids").is_empty();
    let (result, routes) = decode(lenient(as4, add_path), body);
    let report = result.unwrap_or_else(|e| panic!("{e}: {row}"));
    assert_eq!(report.fault, None, "{row}");
    if !unicast(update) {
        return;
    }
    let set = |keys: [&str; 2]| -> BTreeSet<String> {
        keys.iter().flat_map(|k| list(update, k)).map(|v| v.as_str().unwrap().to_string()).collect()
    };
    assert_eq!(routes.announced, set(["nlri", "mp_reach"]), "{row}");
    assert_eq!(routes.withdrawn, set(["withdrawn", "mp_unreach"]), "{row}");
    if let [path] = &routes.paths[..] {
        let numbers: Vec<_> =
            path.split(|c: char| !c.is_ascii_digit()).filter(|s| !s.is_empty()).map(str::to_string).collect();
        let as4_path = list(update, "attrs").iter().any(|a| a["code"] == 17);
        assert!(as4_path || numbers == asns, "{row}");
    }
}

#[test]
fn captured_messages_decode_as_in_another_decoder() {
    let mut checked = 0;
    for row in rows("captures/bgp-messages.jsonl") {
        let bytes = unhex(text(&row, "hex"));
        let frame = next_frame(&bytes, 65535);
        if row["malformed"] == true {
            continue;
        }
        let Frame { kind, body } = frame.unwrap().unwrap();
        match kind {
            MessageKind::Open => check_open(&row, body),
            MessageKind::Update => check_update(&row, body),
            MessageKind::Notification => {
                let n = Notification::decode(body).unwrap();
                let expected = &row["notification"];
                assert_eq!(u64::from(n.code), expected["code"].as_u64().unwrap());
                assert_eq!(u64::from(n.subcode), expected["subcode"].as_u64().unwrap());
            }
            MessageKind::RouteRefresh => {
                // Filters are an extension that we never offer.
                assert_eq!(RouteRefresh::decode(body).is_ok(), body.len() == 4, "{row}");
            }
            MessageKind::Keepalive => {}
        }
        checked += 1;
    }
    println!("{checked} captured messages");
}

/// Prefixes of one direction for both unicast families; `None` when there are path identifiers or other families.
fn exabgp_prefixes(part: &Value) -> Option<BTreeSet<String>> {
    let mut set = BTreeSet::new();
    for (family, inner) in part.as_object().into_iter().flatten() {
        if family != "ipv4 unicast" && family != "ipv6 unicast" {
            return None;
        }
        let lists: Vec<_> = match inner {
            Value::Array(list) => vec![list.as_slice()],
            Value::Object(map) => map.values().filter_map(Value::as_array).map(Vec::as_slice).collect(),
            _ => vec![],
        };
        for item in lists.into_iter().flatten() {
            if item.get("path-information").is_some() {
                return None;
            }
            set.insert(item["nlri"].as_str()?.to_string());
        }
    }
    Some(set)
}

#[test]
fn messages_of_exabgp_decode_as_in_exabgp() {
    let (mut compared, mut others) = (0, 0);
    for row in rows("vectors/exabgp/messages.jsonl") {
        let bytes = unhex(text(&row, "hex"));
        let Ok(Some(Frame { kind: MessageKind::Update, body })) = next_frame(&bytes, 65535) else { continue };
        let update = &row["json"]["neighbor"]["message"]["update"];
        let expected = (exabgp_prefixes(&update["announce"]), exabgp_prefixes(&update["withdraw"]));
        // The messages do not tell what was negotiated; one of the two readings has to fit.
        let readings = [true, false].map(|as4| decode(lenient(as4, false), body));
        let (Some(announced), Some(withdrawn)) = expected else {
            others += 1;
            continue;
        };
        if update.is_null() {
            others += 1;
            continue;
        }
        let fits = readings.iter().any(|(_, r)| r.announced == announced && r.withdrawn == withdrawn);
        // ExaBGP takes an unknown attribute that claims to be well-known, and IPv6 with an IPv4 next hop. RFC 4271
        // section 6.3 and RFC 4760 section 3 do not.
        let stricter = matches!(
            readings[0].0,
            Err(UpdateError::Attribute { code: 153, subcode: 2, .. }
                | UpdateError::Attribute { code: 14, subcode: 9, .. })
        );
        assert!(
            fits || stricter,
            "{row}\n{:?}",
            readings.map(|(r, routes)| (r, routes.announced, routes.withdrawn))
        );
        compared += 1;
    }
    println!("{compared} messages compared, {others} of other families or without expectation");
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
