//! The command line against a switch that runs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::served::{Controller, Switch, text, top};

/// A program with an object of every kind that controllers write to.
const ALL_KINDS: &str = "control/p4rt/tests/core/program.p4";

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

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
    let _controller = Controller::new(switch.address);
    let add = ["table", "add", "ipv4_route", "dst=10.1.0.0/16", "-a", "to_group", "-p", "group=7"];
    let output = switch.tool(&add);
    assert!(!output.status.success(), "{}", text(&output.stderr));
    switch.tool_says(&[&add[..], &["--election-id", "5"]].concat());
}

#[test]
fn counters_are_listed_read_and_reset() {
    let switch = Switch::start(&["tests/clients/router.p4"]);
    assert!(
        switch
            .tool_says(&["counter", "ls"])
            .lines()
            .any(|line| line.contains("routed") && line.contains("16"))
    );
    assert_eq!(json(&switch.tool_says(&["counter", "read", "routed", "--json"])), serde_json::json!([]));
    // A packet from the controller goes to port 510, whose program counts nothing; one cell is set by a controller.
    let mut controller = Controller::new(switch.address);
    let counter_id = controller.p4info().counters[0].preamble.as_ref().expect("a name").id;
    let data = Some(heddle_p4rt_proto::v1::CounterData { packet_count: 3, byte_count: 300 });
    let index = Some(heddle_p4rt_proto::v1::Index { index: 2 });
    let cell = heddle_p4rt_proto::v1::CounterEntry { counter_id, index, data };
    let set = crate::served::update(
        heddle_p4rt_proto::v1::update::Type::Modify,
        heddle_p4rt_proto::v1::entity::Entity::CounterEntry(cell),
    );
    controller.write(vec![set]).expect("it is written");
    drop(controller);
    let read = json(&switch.tool_says(&["counter", "read", "routed", "--json"]));
    assert_eq!(read, serde_json::json!([{ "index": 2, "packets": 3, "bytes": 300 }]));
    let shown = switch.tool_says(&["counter", "read", "routed", "2"]);
    let row: Vec<&str> = shown.lines().last().expect("a row").split_whitespace().collect();
    assert_eq!(row, ["2", "3", "300"]);
    switch.tool_says(&["counter", "reset", "routed"]);
    assert_eq!(json(&switch.tool_says(&["counter", "read", "routed", "--json"])), serde_json::json!([]));
    let output = switch.tool(&["counter", "read", "routed", "16"]);
    assert!(text(&output.stderr).contains("16 cells"), "{}", text(&output.stderr));
}

#[test]
fn meters_are_configured_read_and_unset() {
    let switch = Switch::start(&[ALL_KINDS]);
    assert!(switch.tool_says(&["meter", "ls"]).contains("rates"));
    let set = ["--cir", "1000", "--cburst", "200", "--pir", "2000", "--pburst", "400"];
    switch.tool_says(&[&["meter", "set", "rates", "3"][..], &set].concat());
    let wanted = serde_json::json!([{ "index": 3, "cir": 1000, "cburst": 200, "pir": 2000, "pburst": 400, "eburst": 0 }]);
    assert_eq!(json(&switch.tool_says(&["meter", "read", "rates", "--json"])), wanted);
    let one_rate = ["--cir", "10", "--cburst", "20", "--pir", "10", "--pburst", "20", "--eburst", "30"];
    switch.tool_says(&[&["meter", "set", "one_rate", "1"][..], &one_rate].concat());
    assert!(switch.tool_says(&["meter", "read", "one_rate", "1"]).contains("30"));
    let output = switch.tool(&[&["meter", "set", "rates", "3"][..], &one_rate].concat());
    assert!(text(&output.stderr).contains("eburst"), "{}", text(&output.stderr));
    switch.tool_says(&["meter", "unset", "rates"]);
    assert_eq!(json(&switch.tool_says(&["meter", "read", "rates", "--json"])), serde_json::json!([]));
}

#[test]
fn registers_are_written_and_read() {
    let switch = Switch::start(&[ALL_KINDS]);
    assert!(switch.tool_says(&["register", "ls"]).contains("words"));
    switch.tool_says(&["register", "write", "words", "7", "0x1234abcd"]);
    let wanted = serde_json::json!([{ "index": 7, "value": "18.52.171.205" }]);
    assert_eq!(json(&switch.tool_says(&["register", "read", "words", "--json"])), wanted);
    switch.tool_says(&["register", "write", "words", "7", "9", "--dry-run"]);
    assert_eq!(json(&switch.tool_says(&["register", "read", "words", "7", "--json"])), wanted);
    let output = switch.tool(&["register", "write", "words", "32", "1"]);
    assert!(text(&output.stderr).contains("32 cells"), "{}", text(&output.stderr));
    let output = switch.tool(&["register", "write", "pairs", "1", "1"]);
    assert!(text(&output.stderr).contains("pairs"), "{}", text(&output.stderr));
}

#[test]
fn a_packet_that_is_sent_makes_a_digest_that_is_followed() {
    let switch = Switch::start(&["pipelines/l2_switch.p4"]);
    let address = switch.address.to_string();
    let listed = switch.tool_says(&["digest", "ls"]);
    let digest = listed.lines().next().expect("it has one");
    let mut follower = Command::new(env!("CARGO_BIN_EXE_heddle"))
        .args(["digest", "--follow", digest, "--role", "watcher", "--grpc", &address])
        .current_dir(top())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("heddle starts");
    let mut lines = BufReader::new(follower.stdout.take().expect("it is piped")).lines();
    // It stands for election when it has asked for the digest; sources seen before that are learned by the switch itself.
    let since = std::time::Instant::now();
    let (found, waited) = std::sync::mpsc::channel();
    std::thread::spawn(move || found.send(lines.next()));
    let mut source = 0;
    let line = loop {
        source += 1;
        switch.tool_says(&["packet-out", &format!("ffffffffffff 02ab{source:08x} 0800 00000000")]);
        if let Ok(line) = waited.try_recv() {
            break line.expect("a line").expect("text");
        }
        assert!(since.elapsed() < crate::served::PATIENCE, "no digest came");
    };
    assert!(line.starts_with(&format!("{digest}: ")) && line.contains("2ab"), "{line}");
    follower.kill().expect("it runs");
    follower.wait().expect("it ends");
}

#[test]
fn packets_are_sent_with_the_fields_of_their_header() {
    let switch = Switch::start(&["tests/clients/router.p4"]);
    let packet = "ffffffffffff02000000000199990000";
    let mut controller = Controller::new(switch.address);
    controller.packet_out(vec![0xff; 20], &[&[0x01, 0xfe], &[0]]);
    assert!(matches!(
        controller.hear(),
        heddle_p4rt_proto::v1::stream_message_response::Update::Packet(packet) if packet.payload.len() == 20
    ));
    drop(controller);
    let sent = ["packet-out", "-m", "egress_port=510", "-m", "reserved=0", packet];
    switch.tool_says(&sent);
    for (args, expected) in [
        (&["packet-out", "-m", "port=1", packet][..], "egress_port"),
        (&["packet-out", "-m", "egress_port=1", packet], "reserved"),
        (&["packet-out", "-m", "egress_port=512", "-m", "reserved=0", packet], "512"),
        (&["packet-out", "-m", "egress_port=1", "-m", "reserved=0", "xyz"], "hexadecimal"),
    ] {
        let output = switch.tool(args);
        assert!(!output.status.success(), "{args:?}");
        assert!(text(&output.stderr).contains(expected), "{args:?}: {}", text(&output.stderr));
    }
}

#[test]
fn ports_that_cannot_be_are_told_with_the_reason() {
    let switch = Switch::start(&["pipelines/l2_switch.p4"]);
    assert_eq!(json(&switch.tool_says(&["port", "ls", "--json"])), serde_json::json!([]));
    for (args, expected) in [
        (&["port", "add", "1@no-such-interface"][..], "no-such-interface"),
        (&["port", "add", "veth0"], "veth0"),
        (&["port", "rm", "7"], "7"),
    ] {
        let output = switch.tool(args);
        assert!(!output.status.success(), "{args:?}");
        assert!(text(&output.stderr).contains(expected), "{args:?}: {}", text(&output.stderr));
    }
}

#[test]
fn the_program_is_read_again_when_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("mine.p4");
    let source = std::fs::read_to_string(top().join("pipelines/l3_router.p4")).expect("it is there");
    std::fs::write(&program, &source).expect("it is writable");
    let switch = Switch::start(&[program.to_str().expect("a name")]);
    switch.tool_says(&["table", "add", "ipv4_route", "dst=10.1.0.0/16", "-a", "to_group", "-p", "group=7"]);
    std::fs::write(&program, source.replace("ipv4_route", "renamed_route")).expect("it is writable");
    let output = switch.tool(&["pipeline", "reload"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(switch.tool_says(&["pipeline", "show"]).contains("renamed_route"));
    std::fs::write(&program, "control no {").expect("it is writable");
    let output = switch.tool(&["pipeline", "reload"]);
    assert!(!output.status.success());
    assert!(switch.tool_says(&["pipeline", "show"]).contains("renamed_route"), "the one before runs on");
    switch.stop();
    let switch = Switch::start(&["--no-pipeline"]);
    let output = switch.tool(&["pipeline", "reload"]);
    assert!(text(&output.stderr).contains("controller"), "{}", text(&output.stderr));
}

/// What bash is offered for the last of these words.
fn offered(switch: &Switch, words: &[&str]) -> Vec<String> {
    let address = switch.address.to_string();
    let mut line = vec!["heddle", words[0], words[1], "--grpc", &address];
    line.extend(&words[2..]);
    let output = Command::new(env!("CARGO_BIN_EXE_heddle"))
        .arg("--")
        .args(&line)
        .env("COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", (line.len() - 1).to_string())
        .env("_CLAP_COMPLETE_COMP_TYPE", "9")
        .env("_CLAP_COMPLETE_SPACE", "true")
        .env("_CLAP_IFS", "\n")
        .output()
        .expect("heddle starts");
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn names_are_completed_from_the_program_that_runs() {
    let switch = Switch::start(&["pipelines/l3_router.p4"]);
    let tables = offered(&switch, &["table", "dump", ""]);
    let table = tables.iter().find(|name| name.ends_with("ipv4_route")).expect("tables are offered");
    let keys = offered(&switch, &["table", "add", table, "hdr"]);
    assert!(keys.iter().any(|key| key == "hdr.ipv4.dst="), "{keys:?}");
    let actions = offered(&switch, &["table", "add", table, "-a", ""]);
    let action = actions.iter().find(|name| name.ends_with("to_group")).expect("actions are offered");
    assert!(!actions.iter().any(|name| name.ends_with("via")), "of another table: {actions:?}");
    let params = offered(&switch, &["table", "add", table, "-a", action, "-p", ""]);
    assert_eq!(params, ["group="]);
    switch.stop();
}

#[test]
fn ports_have_the_names_that_the_command_line_gives_them() {
    let program = "control/p4rt/tests/core/ports.p4";
    let switch = Switch::start(&[program, "--translate", "example.org/port_name=Ethernet0:1,Eth1:4:2"]);
    switch.tool_says(&["table", "add", "to", "hdr.eth.dst=1", "-a", "send_by_name", "-p", "port=Eth1:4"]);
    switch.tool_says(&["table", "add", "to", "hdr.eth.dst=2", "-a", "send", "-p", "port=4294967293"]);
    let dump = switch.tool_says(&["table", "dump", "to"]);
    assert!(dump.contains("send_by_name(port=Eth1:4)"), "{dump}");
    let output =
        switch.tool(&["table", "add", "to", "hdr.eth.dst=3", "-a", "send_by_name", "-p", "port=Ethernet8"]);
    assert!(text(&output.stderr).contains("Ethernet8"), "{}", text(&output.stderr));
    let log = Switch::try_start(&[program, "--translate", "example.org/port_name=Ethernet0"]).err();
    assert!(log.expect("it is refused").join("\n").contains("has no `:`"));
}
