use super::options::{Options, Parsed, parse};

fn options(line: &str) -> Options {
    match parse(line.split(' ').map(str::to_owned)) {
        Parsed::Run(options) => *options,
        other => panic!("{other:?}"),
    }
}

#[test]
fn options_are_read_as_getopt_does() {
    let o = options("-Ed bgpd -cshow --command=x -c y --vty_socket /run/x -u");
    assert!(o.echo && o.user);
    assert_eq!(o.daemon.as_deref(), Some("bgpd"));
    assert_eq!(o.commands, ["show", "x", "y"]);
    assert_eq!(o.sockets().to_str(), Some("/run/x"));
    assert_eq!(options("-N red").config_file().to_str(), Some("/etc/frr/red/frr.conf"));
    assert_eq!(options("-b --config_dir /tmp").config_file().to_str(), Some("/tmp/frr.conf"));
    assert!(matches!(parse(["-Q".to_owned()].into_iter()), Parsed::Wrong(_)));
    assert!(matches!(parse(["-c".to_owned()].into_iter()), Parsed::Wrong(_)));
    assert!(matches!(parse(["--help".to_owned()].into_iter()), Parsed::Help));
}
