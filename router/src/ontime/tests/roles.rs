//! What the processes of the tests do; as tests of their own they do nothing.

use super::*;

fn argument() -> Option<String> {
    std::env::var("ONTIME_ROLE").ok()
}

#[test]
fn router() {
    let Some(argument) = argument() else { return };
    let mut words = argument.split(' ');
    let priority = words.next().unwrap().parse().unwrap();
    let interval = words.next().unwrap().parse().unwrap();
    let options = Options { clock, real_time: words.next() == Some("rt") };
    let handle = spawn(options, |event| match event {
        Event::Changed { group, to, reason, .. } => {
            println!("\nstate {:?} {} {}", group.family, to.name(), reason.name());
        }
        other => println!("\n{other:?}"),
    });
    let handle = handle.unwrap();
    let group = |family, addresses: &[&str]| {
        let addresses = addresses.iter().map(|a| a.parse().unwrap()).collect();
        let vrrp = Config { priority, interval, ..Config::new(77, family, addresses) };
        GroupConfig { interface: "lan".to_owned(), vrrp }
    };
    let groups = vec![group(Family::V4, &["10.77.1.254"]), group(Family::V6, &["fe80::254", "fd77:1::254"])];
    handle.configure(groups.clone());
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let healthy = line == "healthy";
        groups.iter().for_each(|group| handle.health(group.key(), healthy));
    }
    assert!(handle.shutdown(Duration::from_secs(3)));
}

#[test]
fn source() {
    let Some(argument) = argument() else { return };
    let time = Duration::from_millis(argument.parse().unwrap());
    let v4 = UdpSocket::bind("10.77.1.9:0").unwrap();
    v4.connect("10.77.2.9:7777").unwrap();
    let v6 = UdpSocket::bind("[fd77:1::9]:0").unwrap();
    v6.connect("[fd77:2::9]:7777").unwrap();
    let began = Instant::now();
    for n in 0u64.. {
        let at = Duration::from_millis(n);
        if at >= time {
            return;
        }
        if let Some(wait) = at.checked_sub(began.elapsed()) {
            std::thread::sleep(wait);
        }
        let _ = v4.send(&n.to_be_bytes());
        let _ = v6.send(&n.to_be_bytes());
    }
}

#[test]
fn sink() {
    if argument().is_none() {
        return;
    }
    let socket = UdpSocket::bind("[::]:7777").unwrap();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let local = UdpSocket::bind("[::1]:0").unwrap();
        local.send_to(b"end", "[::1]:7777").unwrap();
    });
    let mut seen: [Vec<u64>; 2] = [Vec::new(), Vec::new()];
    let mut buffer = [0u8; 16];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        let Ok(bytes) = <[u8; 8]>::try_from(&buffer[..length]) else { break };
        let SocketAddr::V6(from) = from else { continue };
        let family = usize::from(from.ip().to_ipv4_mapped().is_none());
        seen[family].push(u64::from_be_bytes(bytes));
    }
    let mut line = String::from("\ncounted");
    for numbers in seen {
        let set: BTreeSet<u64> = numbers.iter().copied().collect();
        let last = set.last().copied().unwrap_or(0);
        let lost = last + 1 - set.len() as u64;
        let mut gap = 0;
        let mut before = None;
        for n in &set {
            gap = gap.max(n - before.map_or(0, |b| b + 1));
            before = Some(*n);
        }
        line += &format!(" {lost} {} {gap}", numbers.len() - set.len());
    }
    println!("{line}");
}
