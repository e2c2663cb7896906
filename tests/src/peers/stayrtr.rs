//! stayrtr, a cache of validated ROA payloads.

use std::path::Path;

use crate::Node;
use crate::process::Process;

/// Validated ROA payloads as (prefix, maximum length, AS).
pub type Records<'a> = &'a [(&'a str, u8, u32)];

/// stayrtr in a node, at port 3323.
pub struct StayRtr {
    node: Node,
    process: Process,
}

impl StayRtr {
    /// Starts it with these records. It looks for others each second.
    #[track_caller]
    pub fn start(node: &Node, records: Records<'_>) -> StayRtr {
        write(node, records);
        let path = node.file("records.json").to_string_lossy().into_owned();
        let args =
            ["-bind", ":3323", "-cache", &path, "-checktime=false", "-refresh", "1", "-metrics.addr", ""];
        let process =
            Process::start(node.name(), Path::new("/usr/bin/stayrtr"), &args, node.file("stayrtr.log"));
        StayRtr { node: node.clone(), process }
    }

    /// Gives it other records.
    pub fn records(&self, records: Records<'_>) {
        write(&self.node, records);
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}

fn write(node: &Node, records: Records<'_>) {
    let roa = |(prefix, max, asn): &(&str, u8, u32)| {
        format!("{{\"prefix\":\"{prefix}\",\"maxLength\":{max},\"asn\":\"AS{asn}\",\"ta\":\"lab\"}}")
    };
    let roas: Vec<String> = records.iter().map(roa).collect();
    // Renamed into place: half a file is no file to the cache.
    let fresh = node.write("fresh.json", &format!("{{\"roas\":[{}]}}", roas.join(",")));
    std::fs::rename(fresh, node.file("records.json")).expect("the file of records");
}
