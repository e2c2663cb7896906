//! What is different between two configurations, as lines of their text.

use std::collections::HashSet;

/// A line with the lines that it stands under, outermost first.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Place<'a> {
    above: Vec<&'a str>,
    line: &'a str,
}

/// The lines of a rendered configuration; its indentation says what stands under what. Lines that only close a block
/// have no place of their own.
fn places(text: &str) -> Vec<Place<'_>> {
    let mut above: Vec<(usize, &str)> = Vec::new();
    let mut places = Vec::new();
    for line in text.lines() {
        let word = line.trim();
        if matches!(word, "" | "!" | "end" | "exit" | "exit-address-family" | "exit-vrf") {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        above.retain(|(outer, _)| *outer < indent);
        places.push(Place { above: above.iter().map(|(_, line)| *line).collect(), line });
        above.push((indent, line));
    }
    places
}

/// The lines that go, with `-` before them, and those that come, with `+`, each below the lines that they stand under.
/// Empty when the texts say the same. Both are rendered configurations: the order of what is in both is the same.
pub fn diff(old: &str, new: &str) -> String {
    let (old, new) = (places(old), places(new));
    let (in_old, in_new): (HashSet<&Place<'_>>, HashSet<&Place<'_>>) =
        (old.iter().collect(), new.iter().collect());
    let mut out = Lines::default();
    let mut coming = new.iter().peekable();
    for place in &old {
        if !in_new.contains(place) {
            out.line('-', place);
            continue;
        }
        // What comes before this line in the new text.
        while let Some(next) = coming.next_if(|next| *next != place) {
            if !in_old.contains(next) {
                out.line('+', next);
            }
        }
        coming.next();
    }
    coming.filter(|next| !in_old.contains(next)).for_each(|next| out.line('+', next));
    out.text
}

/// Changed lines, below those that they stand under.
#[derive(Default)]
struct Lines<'a> {
    text: String,
    /// The lines under which the next one would stand without another word.
    above: Vec<&'a str>,
}

impl<'a> Lines<'a> {
    fn line(&mut self, sign: char, place: &Place<'a>) {
        let known = self.above.iter().zip(&place.above).take_while(|(a, b)| a == b).count();
        for line in &place.above[known..] {
            self.push(' ', line);
        }
        self.push(sign, place.line);
        self.above.clone_from(&place.above);
        self.above.push(place.line);
    }

    fn push(&mut self, sign: char, line: &str) {
        self.text.push(sign);
        self.text.push_str(line);
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{parse, render};

    fn of(old: &str, new: &str) -> String {
        let read = |text| render(&parse("x.conf", text).unwrap().config);
        diff(&read(old), &read(new))
    }

    const OLD: &str = "ip route 10.1.0.0/16 blackhole\ninterface lan0\n description here\nexit\nrouter bgp 65001\n neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 description old\n address-family ipv4 unicast\n  network 10.1.0.0/16\n exit-address-family\nexit\n";

    #[test]
    fn the_same_is_no_difference() {
        assert_eq!(of(OLD, OLD), "");
        assert_eq!(of("", ""), "");
    }

    #[test]
    fn changed_lines_stand_under_their_blocks() {
        let new = OLD
            .replace("description old", "description new")
            .replace("network 10.1.0.0/16", "network 10.2.0.0/16");
        assert_eq!(
            of(OLD, &new),
            " router bgp 65001\n- neighbor 10.0.0.2 description old\n+ neighbor 10.0.0.2 description new\n  address-family ipv4 unicast\n-  network 10.1.0.0/16\n+  network 10.2.0.0/16\n"
        );
    }

    #[test]
    fn blocks_come_and_go_as_a_whole() {
        let without = OLD.replace("interface lan0\n description here\nexit\n", "");
        assert_eq!(of(OLD, &without), "-interface lan0\n- description here\n");
        assert_eq!(of(&without, OLD), "+interface lan0\n+ description here\n");
    }

    #[test]
    fn the_same_line_elsewhere_is_another_line() {
        let old = "route-map A permit 10\n set metric 5\nexit\nroute-map B permit 10\nexit\n";
        let new = "route-map A permit 10\nexit\nroute-map B permit 10\n set metric 5\nexit\n";
        assert_eq!(
            of(old, new),
            " route-map A permit 10\n- set metric 5\n route-map B permit 10\n+ set metric 5\n"
        );
    }

    /// Each line that is in one text alone is told once, with its sign, and no other is.
    #[test]
    fn what_is_told_is_what_differs() {
        let lines = [
            "ip route 10.1.0.0/16 blackhole",
            "ip route 10.2.0.0/16 blackhole",
            "hostname a",
            "interface x",
            "interface y",
        ];
        for bits in 0..1u32 << (2 * lines.len()) {
            let side = |shift: usize| -> String {
                let chosen = lines.iter().enumerate().filter(|(i, _)| bits >> (2 * i + shift) & 1 == 1);
                chosen
                    .map(|(_, l)| {
                        if l.starts_with("int") { format!("{l}\n description d\n") } else { format!("{l}\n") }
                    })
                    .collect()
            };
            let (old, new) = (side(0), side(1));
            let told = of(&old, &new);
            for line in lines {
                let (was, is) = (old.contains(line), new.contains(line));
                let sign = |s: char| told.lines().filter(|l| *l == format!("{s}{line}")).count();
                assert_eq!(
                    (sign('-'), sign('+')),
                    (usize::from(was && !is), usize::from(is && !was)),
                    "{line}\n{told}"
                );
            }
        }
    }
}
