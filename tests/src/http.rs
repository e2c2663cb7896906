//! Pages that programs serve.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Node;

/// A page that something in a node serves at an address of the node's; the error is what came instead.
pub fn get(node: &Node, address: &str, path: &str) -> Result<String, String> {
    let address: SocketAddr = address.parse().map_err(|_| format!("{address} is no address"))?;
    node.enter(|| {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            // Version 1.0: the answer comes in one piece.
            write!(stream, "GET {path} HTTP/1.0\r\nHost: router\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = ask().map_err(|e| e.to_string())?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no HTTP answer")?;
        let status = head.split_whitespace().nth(1);
        if status == Some("200") { Ok(body.to_owned()) } else { Err(answer.clone()) }
    })
}
