//! `router healthcheck`: asks a running router whether it is ready, for container engines without a shell.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(3);

/// Exit code 0 if the router at the address is ready; prints what is missing otherwise.
pub fn run(address: Option<SocketAddr>) -> ExitCode {
    let Some(address) = address else {
        eprintln!("healthcheck: metrics are off, so there is nothing to ask; give ADDR:PORT");
        return ExitCode::from(2);
    };
    match ask(reachable(address)) {
        Ok((200, _)) => ExitCode::SUCCESS,
        Ok((_, body)) => {
            eprintln!("not ready: {}", body.trim());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("healthcheck: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// An address to connect to for one to listen on: all addresses means the loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(a) if a.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(a) if a.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn ask(address: SocketAddr) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: router\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(64 << 10).read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, b)| b);
    match status {
        Some(status) => Ok((status, body.to_owned())),
        None => Err(std::io::Error::other("no HTTP answer")),
    }
}
