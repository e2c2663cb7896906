//! Metrics as Debian's Prometheus reads them, and the answers for supervisors.

use std::path::Path;

use router_tests::lab::{Lab, Node};
use router_tests::peers::{Bird, Router, router_binary};
use router_tests::process::Process;
use router_tests::wait::{PATIENCE, wait_for, wait_ok};
use serde_json::Value;

const CONFIG: &str = "hostname r\nlog stdout debugging\nip route 198.51.100.0/24 blackhole\nrouter bgp 65001
 bgp router-id 10.0.0.1\n no bgp ebgp-requires-policy\n no bgp network import-check
 neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 timers connect 1
 neighbor 10.0.0.9 remote-as 65009\nexit\n";

const PEER: &str = "router id 10.0.0.2;\nlog stderr all;\nprotocol device {}
protocol static { ipv4; route 203.0.113.0/24 blackhole; route 203.0.114.0/24 blackhole; }
protocol bgp r { local 10.0.0.2 as 65002; neighbor 10.0.0.1 as 65001; connect delay time 1; connect retry time 1;
 ipv4 { import all; export all; }; }\n";

/// What Prometheus answers to a query: labels and values.
fn query(node: &Node, expression: &str) -> Result<Vec<(Value, String)>, String> {
    let query = format!("query={expression}");
    let url = "http://127.0.0.1:9090/api/v1/query";
    let answer = node.run("curl", &["-sS", "--max-time", "5", "-G", url, "--data-urlencode", &query])?;
    let answer: Value = serde_json::from_str(&answer).map_err(|e| format!("{e}: {answer}"))?;
    if answer["status"] != "success" {
        return Err(answer.to_string());
    }
    let result = answer["data"]["result"].as_array().cloned().unwrap_or_default();
    let series = result.into_iter();
    Ok(series.map(|s| (s["metric"].clone(), s["value"][1].as_str().unwrap_or_default().to_owned())).collect())
}

/// Waits until a query gives one series with this value and returns its labels.
#[track_caller]
fn wait_value(node: &Node, expression: &str, value: &str) -> Value {
    wait_ok(PATIENCE, expression, || match &query(node, expression)?[..] {
        [(labels, found)] if found == value => Ok(labels.clone()),
        other => Err(format!("{other:?}")),
    })
}

#[test]
fn prometheus_scrapes_sessions_and_the_build() {
    let lab = Lab::new();
    let (r, p) = (lab.node("r"), lab.node("p"));
    lab.link((&r, "eth0", &["10.0.0.1/24"]), (&p, "eth0", &["10.0.0.2/24"]));
    let router = Router::start(&r, CONFIG);
    let mut peer = Bird::start(&p, PEER);
    wait_for(PATIENCE, "the session", || router.established("10.0.0.2"));
    let config = r.write(
        "prometheus.yml",
        "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: router\n    static_configs:\n      \
         - targets: ['127.0.0.1:9342']\n",
    );
    let config = format!("--config.file={}", config.display());
    let data = format!("--storage.tsdb.path={}", r.folder("tsdb").display());
    let args = [&config[..], &data, "--web.listen-address=127.0.0.1:9090"];
    let prometheus =
        Process::start(r.name(), Path::new("/usr/bin/prometheus"), &args, r.file("prometheus.log"));
    wait_value(&r, "up{job=\"router\"}", "1");
    let labels = wait_value(&r, "frr_bgp_peer_state{peer=\"10.0.0.2\"}", "1");
    for (label, value) in [("afi", "ipv4"), ("safi", "unicast"), ("peer_as", "65002"), ("local_as", "65001")]
    {
        assert_eq!(labels[label], value, "{labels}");
    }
    // FRR's exporter: 0 is down.
    wait_value(&r, "frr_bgp_peer_state{peer=\"10.0.0.9\"}", "0");
    wait_value(&r, "frr_bgp_peer_prefixes_received_count_total{peer=\"10.0.0.2\"}", "2");
    let labels = wait_value(&r, "router_build_info", "1");
    let version = r.run(&router_binary().to_string_lossy(), &["--version"]).expect("it has a version");
    let number = labels["version"].as_str().expect("a version");
    assert!(version.contains(number), "{version} against {number}");
    peer.kill();
    wait_value(&r, "frr_bgp_peer_state{peer=\"10.0.0.2\"}", "0");
    assert!(!prometheus.log().contains("level=error"), "{}", prometheus.log());
}

#[test]
fn a_supervisor_learns_whether_the_router_lives_and_is_ready() {
    let lab = Lab::new();
    let r = lab.node("r");
    let binary = router_binary();
    let binary = binary.to_string_lossy();
    let nobody = r.output(&binary, &["healthcheck", "127.0.0.1:9342"]);
    assert!(!nobody.status.success(), "nobody runs yet");
    // With neighbours that are down it waits for them up to a minute.
    let mut router = Router::start(&r, "hostname r\nip route 198.51.100.0/24 blackhole\n");
    wait_ok(PATIENCE, "to be ready", || router.get("/readyz"));
    router.get("/livez").expect("alive");
    assert!(router.get("/nothing-here").is_err_and(|e| e.contains(" 404 ")));
    r.run(&binary, &["healthcheck"]).expect("healthy at the usual address");
    r.run(&binary, &["healthcheck", "127.0.0.1:9342"]).expect("healthy");
    assert!(router.stop().success());
    let gone = r.output(&binary, &["healthcheck"]);
    assert_eq!(gone.status.code(), Some(1), "{}", String::from_utf8_lossy(&gone.stderr));
}
