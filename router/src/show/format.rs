//! Times, sizes and names as FRR writes them.

use bgp::types::Family;

/// `HH:MM:SS` below a day, `NdNNhNNm` below a week, `NNwNdNNh` beyond.
pub fn uptime(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match days {
        0 => format!("{:02}:{:02}:{:02}", hours, minutes % 60, seconds % 60),
        1..=6 => format!("{}d{:02}h{:02}m", days, hours % 24, minutes % 60),
        _ => format!("{:02}w{}d{:02}h", days / 7, days % 7, hours % 24),
    }
}

/// The same, or `never`.
pub fn uptime_or_never(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| "never".to_owned(), uptime)
}

/// `D:HH:MM:SS`.
pub fn age(seconds: u64) -> String {
    format!("{}:{:02}:{:02}:{:02}", seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// A date and a time of day.
struct Civil {
    year: i64,
    month: usize,
    day: i64,
    weekday: usize,
    hour: i64,
    minute: i64,
    second: i64,
}

/// Seconds since 1970 as a date in UTC, by the days-from-civil rule run backwards.
fn civil(epoch: u64) -> Civil {
    let epoch = i64::try_from(epoch).unwrap_or(0);
    let (days, seconds) = (epoch.div_euclid(86400), epoch.rem_euclid(86400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Civil {
        year,
        month: usize::try_from(month).unwrap_or(1),
        day,
        weekday: usize::try_from((days + 4).rem_euclid(7)).unwrap_or(0),
        hour: seconds / 3600,
        minute: seconds / 60 % 60,
        second: seconds % 60,
    }
}

/// `Sun Nov 22 18:30:20 2026`, in UTC.
pub fn date(epoch: u64) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let c = civil(epoch);
    let day = DAYS.get(c.weekday).unwrap_or(&"");
    let month = MONTHS.get(c.month.wrapping_sub(1)).unwrap_or(&"");
    format!("{day} {month} {:2} {:02}:{:02}:{:02} {}", c.day, c.hour, c.minute, c.second, c.year)
}

/// `2026/11/22 18:30:18.52`, in UTC.
pub fn timestamp(epoch: u64, hundredths: u8) -> String {
    let c = civil(epoch);
    format!(
        "{}/{:02}/{:02} {:02}:{:02}:{:02}.{:02}",
        c.year, c.month, c.day, c.hour, c.minute, c.second, hundredths
    )
}

/// Octets with a unit, rounded: `1600 bytes`, `134 KiB`.
pub fn memory(bytes: u64) -> String {
    const UNITS: [(u32, &str); 4] = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    for (shift, unit) in UNITS {
        if bytes >> shift > 10 {
            let half = 1 << (shift - 1);
            return format!("{} {unit}", (bytes + half) >> shift);
        }
    }
    format!("{bytes} bytes")
}

/// `ipv4Unicast`.
pub const fn family_key(family: Family) -> &'static str {
    match family {
        Family::Ipv4Unicast => "ipv4Unicast",
        Family::Ipv6Unicast => "ipv6Unicast",
    }
}

/// `IPv4 Unicast`.
pub const fn family_name(family: Family) -> &'static str {
    match family {
        Family::Ipv4Unicast => "IPv4 Unicast",
        Family::Ipv6Unicast => "IPv6 Unicast",
    }
}

/// `ipv4`.
pub const fn family_word(family: Family) -> &'static str {
    match family {
        Family::Ipv4Unicast => "ipv4",
        Family::Ipv6Unicast => "ipv6",
    }
}

/// `IPv4`.
pub const fn afi_name(family: Family) -> &'static str {
    match family {
        Family::Ipv4Unicast => "IPv4",
        Family::Ipv6Unicast => "IPv6",
    }
}

/// `ipv4` or `ipv6`, by the address.
pub const fn afi_of(address: std::net::IpAddr) -> &'static str {
    match address {
        std::net::IpAddr::V4(_) => "ipv4",
        std::net::IpAddr::V6(_) => "ipv6",
    }
}

/// `00:00:5e:00:01:0a`.
pub fn mac(octets: [u8; 6]) -> String {
    let [a, b, c, d, e, f] = octets;
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptimes_change_their_form_with_age() {
        assert_eq!(uptime(81), "00:01:21");
        assert_eq!(uptime(86399), "23:59:59");
        assert_eq!(uptime(86400 + 3661), "1d01h01m");
        assert_eq!(uptime(7 * 86400), "01w0d00h");
        assert_eq!(uptime(75 * 86400 + 5 * 3600), "10w5d05h");
        assert_eq!(age(93), "0:00:01:33");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(1_795_372_220), "Sun Nov 22 18:30:20 2026");
        assert_eq!(date(0), "Thu Jan  1 00:00:00 1970");
        assert_eq!(date(951_782_400), "Tue Feb 29 00:00:00 2000");
        assert_eq!(timestamp(1_795_372_218, 52), "2026/11/22 18:30:18.52");
    }

    #[test]
    fn sizes_are_rounded_to_their_unit() {
        assert_eq!(memory(1600), "1600 bytes");
        assert_eq!(memory(11040), "11040 bytes");
        assert_eq!(memory(137_312), "134 KiB");
        assert_eq!(memory(78464), "77 KiB");
        assert_eq!(memory(58848), "57 KiB");
        assert_eq!(memory(512 << 20), "512 MiB");
    }
}
