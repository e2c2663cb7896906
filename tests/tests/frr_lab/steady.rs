//! What is different at each run, out of texts and JSON.

/// Names of hosts: FRR 8.4 tells its neighbours the machine's, whatever `hostname` says.
const HOSTS: [&str; 4] = ["edge1", "edge2", "hv", "isp"];

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A text with addresses of the kernel's choice, names of hosts and of virtual devices replaced, and, for lines as
/// opposed to values, numbers and clocks as well.
pub fn steady(text: &str, numbers: bool) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let inside = |c: char| c.is_ascii_alphanumeric() || "._:/-%".contains(c);
        if !inside(first) {
            // Columns are as wide as the widest entry.
            if !(numbers && first == ' ' && out.ends_with(' ')) {
                out.push(first);
            }
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        // Punctuation at the end of a word is none of it.
        let core = word.trim_end_matches(['.', ':']);
        out.push_str(&steady_word(core, numbers));
        out.push_str(&word[core.len()..]);
        rest = behind;
    }
    out
}

fn steady_word(word: &str, numbers: bool) -> String {
    let (address, length) = match word.split_once('/') {
        Some((address, length)) => (address, format!("/{length}")),
        None => (word, String::new()),
    };
    if address.starts_with("fe80::") && address.len() > "fe80::1".len() {
        return format!("fe80::LL{length}");
    }
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if HOSTS.contains(&word) || (!word.is_empty() && word == machine.trim()) {
        return "HOST".into();
    }
    for device in ["vrrp4-", "vrrp6-"] {
        if word.starts_with(device) {
            return format!("{device}DEVICE");
        }
    }
    let only = |set: &str| !word.is_empty() && word.chars().all(|c| set.contains(c));
    if word.len() == 17 && only("0123456789abcdef:") && !word.starts_with("00:00:5e") {
        return "MAC".into();
    }
    if !numbers {
        return word.into();
    }
    let starts_with_digit = word.starts_with(|c: char| c.is_ascii_digit());
    match word {
        _ if only("0123456789:.") && word.matches(':').count() == 2 => "CLOCK".into(),
        _ if only("0123456789/") && word.matches('/').count() == 2 => "DATE".into(),
        _ if only("0123456789.") && word.matches('.').count() <= 1 && starts_with_digit => "N".into(),
        _ if DAYS.contains(&word) => "DAY".into(),
        _ if MONTHS.contains(&word) => "MONTH".into(),
        _ => word.into(),
    }
}

/// Whether `text` is like `pattern`, in which `*` stands for anything.
pub fn like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            let Some(at) = rest.find(before) else { return false };
            rest = &rest[at + before.len()..];
        }
    }
    last.map_or(rest.is_empty(), |part| rest.ends_with(part))
}

#[test]
fn patterns_are_like_what_they_should() {
    assert!(like("show bgp", "show bgp"));
    assert!(!like("show bgp", "show bgp summary"));
    assert!(like("show * json", "show bgp summary json"));
    assert!(like("*a*b*", "xxaxxbxx"));
    assert!(!like("*a*b*", "xxbxxaxx"));
    assert!(!like("ab*ba", "aba"));
}

#[test]
fn what_changes_is_replaced() {
    let line = steady("B>* 10.0.0.0/8 [20/0] via fe80::a1:2/64, vrrp4-3-10, weight 1, 00:01:22", true);
    assert_eq!(line, "B>* 10.0.0.0/8 [20/0] via fe80::LL/64, vrrp4-DEVICE, weight N, CLOCK");
    assert_eq!(steady("Sun Nov 22 18:30:19 2026", true), "DAY MONTH N CLOCK N");
    assert_eq!(steady("fe80::1 of hv, 1e:cf:73:bc:7e:19: 7", false), "fe80::1 of HOST, MAC: 7");
}
