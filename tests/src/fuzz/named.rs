//! A second, simpler reader of UPDATEs: which prefixes a message names, for comparison with what the decoder made
//! of them.

use bgp::wire::UpdateContext;

/// A prefix with its path identifier; IPv4 in the first four octets.
pub type Named = (u32, u8, [u8; 16]);

/// Prefixes named by a message, by family, sorted. Those that no router takes routes to are left out: multicast, and
/// link-local of IPv6. The message is one that the decoder took: its lengths fit.
pub fn named(ctx: &UpdateContext, body: &[u8]) -> [Vec<Named>; 2] {
    let (withdrawn, rest) = block(body);
    let (mut section, nlri) = block(rest);
    let mut out = [Vec::new(), Vec::new()];
    prefixes(ctx, 0, withdrawn, &mut out);
    prefixes(ctx, 0, nlri, &mut out);
    while let [flags, code, rest @ ..] = section {
        let (len, rest) = match (flags & 0x10 != 0, rest) {
            (true, [high, low, rest @ ..]) => (usize::from(*high) << 8 | usize::from(*low), rest),
            (false, [len, rest @ ..]) => (usize::from(*len), rest),
            // What follows attributes whose lengths are wrong is unknown (RFC 7606 section 4).
            _ => break,
        };
        let Some(value) = rest.get(..len) else { break };
        section = &rest[len..];
        let skip = match (code, value) {
            (14, [_, _, _, hop, ..]) => 3 + 1 + usize::from(*hop) + 1,
            (15, _) => 3,
            _ => continue,
        };
        let family = match value {
            [0, 1, 1, ..] => 0,
            [0, 2, 1, ..] => 1,
            _ => continue,
        };
        prefixes(ctx, family, &value[skip..], &mut out);
    }
    out.each_mut().map(|list| {
        list.sort_unstable();
        std::mem::take(list)
    })
}

fn block(bytes: &[u8]) -> (&[u8], &[u8]) {
    let len = usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
    bytes[2..].split_at(len)
}

fn prefixes(ctx: &UpdateContext, family: usize, mut bytes: &[u8], out: &mut [Vec<Named>; 2]) {
    while !bytes.is_empty() && ctx.families[family] {
        let mut id = 0;
        if ctx.add_path[family] {
            id = u32::from_be_bytes(bytes[..4].try_into().expect("four octets"));
            bytes = &bytes[4..];
        }
        let len = bytes[0];
        let octets = usize::from(len).div_ceil(8);
        let mut address = [0; 16];
        address[..octets].copy_from_slice(&bytes[1..1 + octets]);
        bytes = &bytes[1 + octets..];
        if !len.is_multiple_of(8) {
            address[octets - 1] &= 0xff << (8 - len % 8);
        }
        let nobodys = match (family, address) {
            (0, [first, ..]) => len >= 4 && first & 0xf0 == 0xe0,
            (_, [0xff, ..]) => len >= 8,
            (_, [0xfe, second, ..]) => len >= 10 && second & 0xc0 == 0x80,
            _ => false,
        };
        if !nobodys {
            out[family].push((id, len, address));
        }
    }
}
