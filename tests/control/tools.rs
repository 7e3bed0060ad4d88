//! The command line against a switch that runs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::served::{Switch, text};

#[test]
fn entries_are_listed_added_changed_and_removed_by_name() {
    let switch = Switch::start(&["pipelines/l3_router.p4"]);
    let tables = switch.tool_says(&["table", "ls"]);
    assert!(tables.contains("ipv4_route") && tables.contains("hdr.ipv4.dst"), "{tables}");

    switch.tool_says(&[
        "table",
        "add",
        "ipv4_route",
        "hdr.ipv4.dst=10.1.2.3/16",
        "-a",
        "to_group",
        "-p",
        "group=7",
    ]);
    let dump = switch.tool_says(&["table", "dump", "ipv4_route"]);
    assert!(dump.contains("hdr.ipv4.dst=10.1.0.0/16") && dump.contains("to_group(group=7)"), "{dump}");
    switch.tool_says(&["table", "mod", "ipv4_route", "dst=10.1.0.0/16", "-a", "to_group", "-p", "group=9"]);
    let dump = switch.tool_says(&["table", "dump", "ipv4_route", "--json"]);
    let dump: serde_json::Value = serde_json::from_str(&dump).expect("JSON");
    assert!(dump.to_string().contains("to_group(group=9)"), "{dump}");
    switch.tool_says(&["table", "rm", "ipv4_route", "dst=10.1.0.0/16"]);
    assert!(!switch.tool_says(&["table", "dump", "ipv4_route"]).contains("to_group"));
    switch.stop();
}

#[test]
fn a_dry_run_changes_nothing_and_finds_what_is_wrong() {
    let switch = Switch::start(&["pipelines/l3_router.p4"]);
    let add = ["table", "add", "ipv4_route", "dst=10.1.0.0/16", "-a", "to_group", "-p", "group=7"];
    switch.tool_says(&[&add[..], &["--dry-run"]].concat());
    assert!(!switch.tool_says(&["table", "dump", "ipv4_route"]).contains("to_group"));
    switch.tool_says(&add);
    let output = switch.tool(&[&add[..], &["--dry-run"]].concat());
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("ipv4_route"), "{}", text(&output.stderr));
}

#[test]
fn names_that_mean_nothing_are_told_with_those_that_do() {
    let switch = Switch::start(&["pipelines/l3_router.p4"]);
    for (args, expected) in [
        (&["table", "dump", "ipv4_rout"][..], "ipv4_route"),
        (&["table", "add", "ipv4_route", "src=1", "-a", "to_group"][..], "hdr.ipv4.dst"),
        (&["table", "add", "ipv4_route", "dst=1/32", "-a", "fly"][..], "to_group"),
        (&["table", "add", "ipv4_route", "dst=1/32", "-a", "to_group", "-p", "grp=1"][..], "group"),
    ] {
        let output = switch.tool(args);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(expected), "{args:?}: {}", text(&output.stderr));
    }
}

#[test]
fn multicast_groups_and_clone_sessions_are_kept_by_number() {
    let switch = Switch::start(&["pipelines/l2_switch.p4"]);
    switch.tool_says(&["multicast", "add", "7", "1", "2:5"]);
    let listed = switch.tool_says(&["multicast", "ls"]);
    assert!(listed.lines().any(|line| line.starts_with('7') && line.contains("1 2:5")), "{listed}");
    switch.tool_says(&["clone", "add", "57", "510", "--length", "64"]);
    assert!(switch.tool_says(&["clone", "ls"]).contains("length 64"));
    switch.tool_says(&["multicast", "rm", "7"]);
    switch.tool_says(&["clone", "rm", "57"]);
    assert!(!switch.tool_says(&["clone", "ls"]).contains("57"));
}

#[test]
fn a_switch_without_a_program_takes_one() {
    let switch = Switch::start(&["--no-pipeline"]);
    let output = switch.tool(&["table", "ls"]);
    assert!(!output.status.success());
    switch.tool_says(&["pipeline", "load", "pipelines/l3_router.p4"]);
    assert!(switch.tool_says(&["pipeline", "show"]).contains("ipv4_route"));
    switch.tool_says(&["table", "add", "ipv4_route", "dst=10.1.0.0/16", "-a", "to_group", "-p", "group=7"]);
    switch.tool_says(&["pipeline", "load", "pipelines/l3_router.p4", "--keep"]);
    assert!(switch.tool_says(&["table", "dump", "ipv4_route"]).contains("to_group(group=7)"));
    switch.tool_says(&["pipeline", "load", "pipelines/l2_switch.p4"]);
    assert!(switch.tool_says(&["table", "ls"]).contains("dmac"));
}

#[test]
fn statistics_name_every_reason_and_prometheus_reads_them() {
    let metrics = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = metrics.local_addr().expect("it is bound").to_string();
    drop(metrics);
    let switch = Switch::start(&["pipelines/l3_router.p4", "--metrics", &address]);
    let stats: serde_json::Value =
        serde_json::from_str(&switch.tool_says(&["stats", "--json"])).expect("JSON");
    let drops = stats["drops"].as_object().expect("drops by reason");
    assert!(drops.contains_key("queue_full") && drops.contains_key("parser_reject"), "{stats}");
    assert!(stats["tables"].as_array().is_some_and(|tables| !tables.is_empty()));

    let mut tcp = TcpStream::connect(&address).expect("it serves");
    tcp.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
    let mut page = String::new();
    tcp.read_to_string(&mut page).expect("it answers");
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("heddle_dropped_packets_total{reason=\"queue_full\"} 0"), "{page}");
    assert!(page.contains("heddle_table_entries{table="), "{page}");
}

#[test]
fn only_one_of_two_can_change_anything() {
    let switch = Switch::start(&["pipelines/l3_router.p4"]);
    let _controller = crate::served::Controller::new(switch.address);
    let add = ["table", "add", "ipv4_route", "dst=10.1.0.0/16", "-a", "to_group", "-p", "group=7"];
    let output = switch.tool(&add);
    assert!(!output.status.success(), "{}", text(&output.stderr));
    switch.tool_says(&[&add[..], &["--election-id", "5"]].concat());
}
