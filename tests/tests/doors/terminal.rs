//! Our shell at a terminal, which is one of tmux: what a person sees who types.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use router_tests::lab::{Lab, Node};
use router_tests::netns::output;
use router_tests::peers::{Router, router_binary};
use router_tests::wait::{PATIENCE, stays, wait_ok};

/// A router with many static routes, which make a long table.
fn router(routes: u32) -> (Lab, Node, Router) {
    let lab = Lab::new();
    let r = lab.node("r");
    let route = |n: u32| format!("ip route 10.{}.{}.0/24 blackhole\n", n / 256, n % 256);
    let routes: String = (0..routes).map(route).collect();
    let router = Router::start(&r, &format!("hostname edge\n{routes}"));
    (lab, r, router)
}

/// A terminal with our shell in it.
struct Terminal {
    server: String,
}

impl Terminal {
    #[track_caller]
    fn start(node: &Node, columns: u16, rows: u16) -> Terminal {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let terminal = Terminal { server: format!("rt-{}-{number}", std::process::id()) };
        let shell = format!(
            "exec {} vtysh --vty_socket {} -H {}",
            router_binary().display(),
            node.file("run").display(),
            node.file("typed").display()
        );
        let (columns, rows) = (columns.to_string(), rows.to_string());
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, &shell]);
        terminal.tmux(&["set-option", "-g", "remain-on-exit", "on"]);
        terminal.sees("edge#");
        terminal
    }

    #[track_caller]
    fn tmux(&self, args: &[&str]) -> String {
        let out = output("tmux", &[&["-L", &self.server][..], args].concat());
        assert!(out.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// Types a text as it stands.
    #[track_caller]
    fn types(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
    }

    /// Presses a key by its name.
    #[track_caller]
    fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    #[track_caller]
    fn enter(&self, line: &str) {
        self.types(line);
        self.press("Enter");
    }

    /// What is on the screen, without blank lines at its end.
    #[track_caller]
    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"]).trim_end().to_owned()
    }

    /// Waits until this is the last line on the screen.
    #[track_caller]
    fn sees(&self, last: &str) -> String {
        self.sees_above(&[], last)
    }

    /// Waits until this is the last line, and lines above it begin with these words.
    #[track_caller]
    fn sees_above(&self, words: &[&str], last: &str) -> String {
        wait_ok(PATIENCE, &format!("'{last}' below {words:?}"), || {
            let screen = self.screen();
            let ends = screen.lines().next_back().is_some_and(|l| l.trim_end() == last);
            let begins = |word: &&str| screen.lines().any(|l| l.trim_start().starts_with(*word));
            let found = ends && words.iter().all(begins);
            if found { Ok(screen) } else { Err(format!("\n{screen}")) }
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.server, "kill-server"]).output();
    }
}

#[test]
fn tab_completes_and_shows_what_there_is() {
    let (_lab, r, _router) = router(1);
    let terminal = Terminal::start(&r, 100, 30);
    terminal.types("conf");
    terminal.press("Tab");
    terminal.sees("edge# configure");
    terminal.types("t");
    terminal.press("Tab");
    terminal.press("Enter");
    terminal.sees("edge(config)#");
    // Several words fit: they are listed, and the line stays.
    terminal.types("rou");
    terminal.press("Tab");
    terminal.press("Tab");
    let screen = wait_ok(PATIENCE, "the words that fit", || {
        let screen = terminal.screen();
        let words = ["route-map", "router-id"].iter().all(|w| screen.contains(w));
        if words { Ok(screen) } else { Err(screen) }
    });
    assert!(screen.contains("edge(config)# route"), "{screen}");
    // What is typed before the next prompt is there may go with the line that is given up.
    terminal.press("C-c");
    terminal.sees("edge(config)#");
    terminal.enter("end");
    terminal.sees("edge#");
    // A line from before comes back.
    terminal.press("Up");
    terminal.sees("edge# end");
}

#[test]
fn a_question_mark_helps_and_keeps_the_line() {
    let (_lab, r, _router) = router(1);
    let terminal = Terminal::start(&r, 100, 40);
    terminal.types("show ip route ?");
    terminal.sees_above(&["<cr>", "A.B.C.D/M ", "json ", "summary "], "edge# show ip route");
    terminal.types("summary");
    terminal.press("Enter");
    terminal.sees_above(&["Route Source"], "edge#");
    terminal.types("show nothing ?");
    terminal.sees_above(&["% There is no matched command."], "edge# show nothing");
    terminal.press("C-c");
    terminal.sees("edge#");
    terminal.enter("configure candidate");
    terminal.sees("edge(candidate)#");
    terminal.types("commit ?");
    terminal.sees_above(&["<cr>", "check ", "confirmed ", "update "], "edge(candidate)# commit");
    // ^Z leaves.
    terminal.press("C-z");
    terminal.sees("edge#");
}

#[test]
fn long_output_stops_at_the_end_of_each_page() {
    let (_lab, r, _router) = router(100);
    let terminal = Terminal::start(&r, 80, 20);
    terminal.enter("show ip route");
    // Not paged unless that is asked for.
    let screen = terminal.sees_above(&["S>* 10.0.99.0/24"], "edge#");
    assert!(!screen.contains("S>* 10.0.0.0/24"), "{screen}");
    terminal.enter("terminal paginate");
    terminal.press("C-l");
    terminal.sees("edge#");
    terminal.enter("show ip route");
    let page = terminal.sees("--More--");
    assert!(page.starts_with("Codes:"), "{page}");
    // A line, then a page.
    let last = |screen: &str| screen.lines().rev().nth(1).unwrap_or_default().to_owned();
    let number = |screen: &str| -> u32 {
        let line = last(screen);
        let net = line.split_whitespace().nth(1).and_then(|n| n.strip_suffix(".0/24"));
        let number = net.and_then(|n| n.rsplit('.').next()?.parse().ok());
        number.unwrap_or_else(|| panic!("no route in the last line but one: {screen}"))
    };
    let page = number(&page);
    terminal.press("Enter");
    let more = |from: u32, by: u32| {
        wait_ok(PATIENCE, &format!("{by} lines more"), || {
            let screen = terminal.sees("--More--");
            if number(&screen) == from + by { Ok(()) } else { Err(screen) }
        });
        from + by
    };
    let line = more(page, 1);
    terminal.press("Space");
    more(line, 19);
    terminal.press("q");
    let screen = terminal.sees("edge#");
    assert!(!screen.contains("10.0.99.0/24"), "{screen}");
    // A size of one's own, and none.
    terminal.enter("terminal length 5");
    terminal.press("C-l");
    terminal.enter("show ip route");
    let screen = terminal.sees("--More--");
    assert_eq!(screen.lines().skip_while(|l| !l.contains("# show ip route")).count(), 6, "{screen}");
    terminal.press("C-c");
    terminal.sees("edge#");
    terminal.enter("terminal length 0");
    terminal.enter("show ip route");
    terminal.sees_above(&["S>* 10.0.99.0/24"], "edge#");
}

#[test]
fn what_is_pasted_is_carried_out_line_by_line() {
    let (_lab, r, router) = router(1);
    let terminal = Terminal::start(&r, 80, 24);
    let routes: String = (0..200).map(|n| format!("ip route 10.9.{n}.0/24 blackhole\n")).collect();
    terminal.tmux(&["set-buffer", &format!("configure terminal\n{routes}hostname pasted\nend\n")]);
    terminal.tmux(&["paste-buffer"]);
    terminal.sees("pasted#");
    let running = router.vtysh("show running-config").expect("our shell");
    assert_eq!(running.lines().filter(|l| l.starts_with("ip route 10.9.")).count(), 200, "{running}");
}

#[test]
fn control_c_ends_the_output_and_not_the_shell() {
    let (_lab, r, router) = router(60_000);
    let terminal = Terminal::start(&r, 80, 24);
    // Its end would be the closing brace, below the last route.
    wait_ok(PATIENCE, "all routes", || {
        let all = router.vtysh("show ip route json")?;
        let whole = all.contains("\n,\"10.234.95.0/24\":[") && all.trim_end().ends_with("]\n}");
        if whole { Ok(()) } else { Err(format!("{} octets", all.len())) }
    });
    terminal.enter("configure terminal");
    terminal.sees("edge(config)#");
    terminal.enter("do show ip route json");
    wait_ok(PATIENCE, "the output to begin", || {
        let screen = terminal.screen();
        if screen.contains("\"prefixLen\":24") { Ok(()) } else { Err(screen) }
    });
    terminal.press("C-c");
    terminal.sees("edge(config)#");
    let seen = terminal.tmux(&["capture-pane", "-p", "-J", "-S", "-"]);
    assert!(seen.contains("\"prefixLen\":24"), "{seen}");
    assert!(!seen.lines().any(|l| l.trim_end() == "}" || l.contains("10.234.95.0/24")), "{seen}");
    // The session is the same: it is still in its node, and works.
    terminal.enter("hostname other");
    terminal.sees("other(config)#");
    assert!(router.vtysh("show running-config").expect("our shell").contains("hostname other\n"));
    // At the prompt it gives the line up.
    terminal.types("hostname third");
    terminal.press("C-c");
    terminal.sees("other(config)#");
    stays(Duration::from_millis(300), "the name stays", || {
        router.vtysh("show running-config").is_ok_and(|t| t.contains("hostname other\n"))
    });
    // ^D leaves node by node.
    terminal.press("C-d");
    terminal.sees("other#");
}

#[test]
fn a_terminal_of_another_size_is_used_as_a_whole() {
    let (_lab, r, _router) = router(100);
    let terminal = Terminal::start(&r, 80, 20);
    terminal.enter("terminal paginate");
    terminal.press("C-l");
    terminal.sees("edge#");
    terminal.tmux(&["resize-window", "-x", "120", "-y", "35"]);
    terminal.enter("show ip route");
    let screen = terminal.sees("--More--");
    assert_eq!(screen.lines().count(), 35, "{screen}");
    terminal.press("q");
    terminal.sees("edge#");
    // A line that is longer than the terminal is wide is edited in one piece.
    terminal.tmux(&["resize-window", "-x", "30", "-y", "20"]);
    terminal.press("C-l");
    let line = "show ip route 10.0.7.0/24 longer-prefixes";
    terminal.types(line);
    wait_ok(PATIENCE, "the line over two rows", || {
        let screen = terminal.screen();
        let joined: String = screen.lines().collect();
        if joined.ends_with(&format!("edge# {line}")) { Ok(()) } else { Err(screen) }
    });
    terminal.press("C-a");
    terminal.press("C-k");
    terminal.enter("show ip forwarding");
    terminal.sees_above(&["IP forwarding is on"], "edge#");
}

#[test]
fn top_shows_the_router_until_somebody_has_seen_enough() {
    let (_lab, r, router) = router(3);
    let terminal = Terminal::start(&r, 80, 20);
    terminal.enter("top");
    let shows = |what: &str| {
        wait_ok(PATIENCE, what, || {
            let screen = terminal.screen();
            let begins = screen.starts_with("edge  ") && screen.lines().any(|l| l.starts_with(what));
            if begins { Ok(screen) } else { Err(format!("\n{screen}")) }
        })
    };
    let screen = shows("kernel: 3 routes wanted, 3 installed, 0 refused");
    assert!(!screen.contains("edge# top"), "it has a screen of its own: {screen}");
    // It goes on by itself, and on a terminal of another size.
    router.vtysh("configure terminal\nip route 10.9.9.0/24 blackhole").expect("our shell");
    shows("kernel: 4 routes wanted, 4 installed, 0 refused");
    terminal.tmux(&["resize-window", "-x", "20", "-y", "10"]);
    let screen = shows("kernel: 4 routes wan");
    assert!(screen.lines().all(|l| l.chars().count() <= 20), "{screen}");
    terminal.press("q");
    terminal.sees("edge#");
    // ^C leaves as well, and only that; what was typed goes on to work.
    terminal.tmux(&["resize-window", "-x", "80", "-y", "20"]);
    terminal.enter("configure terminal");
    terminal.sees("edge(config)#");
    terminal.enter("do top");
    shows("kernel: 4 routes wanted, 4 installed, 0 refused");
    terminal.press("C-c");
    terminal.sees("edge(config)#");
    terminal.enter("hostname other");
    terminal.sees("other(config)#");
}
