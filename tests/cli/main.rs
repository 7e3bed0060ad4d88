//! The binary as scripts use it: exit statuses, messages, files.

mod telemetry;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn heddle(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heddle"))
        .args(args)
        .current_dir(top())
        .env("NO_COLOR", "1")
        .output()
        .expect("heddle starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn written(name: &str, text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("the folder is writable");
    let path = path.to_string_lossy().into_owned();
    (folder, path)
}

#[test]
fn every_subcommand_has_help_with_examples() {
    for command in [
        "check",
        "compile",
        "run",
        "replay",
        "stf",
        "bench",
        "demo",
        "explain",
        "completions",
        "install-shims",
    ] {
        let output = heddle(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("Example"), "heddle {command} --help teaches nothing:\n{text}");
    }
}

#[test]
fn check_tells_good_from_bad_by_its_exit_status() {
    assert_eq!(heddle(&["check", "pipelines/l3_router.p4"]).status.code(), Some(0));
    let (_folder, path) = written("bad.p4", "control C() { apply { x = 1; } }\n");
    let output = heddle(&["check", &path]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("error[E") && text.contains("bad.p4:1:23"), "{text}");
    let output = heddle(&["check", "no/such/file.p4"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("no/such/file.p4"));
    assert_eq!(heddle(&["check"]).status.code(), Some(2));
    assert_eq!(heddle(&["chekc"]).status.code(), Some(2));
}

#[test]
fn check_reports_json() {
    let (_folder, path) = written("bad.p4", "control C() { apply { x = 1; } }\n");
    let output = heddle(&["check", "--json", &path]);
    assert_eq!(output.status.code(), Some(1));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found[0]["severity"], "error");
}

#[test]
fn artifacts_load_like_source() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (artifact, p4info) = (folder.path().join("r.json"), folder.path().join("r.p4info.txtpb"));
    let (artifact, p4info) = (artifact.to_string_lossy(), p4info.to_string_lossy());
    let output = heddle(&["compile", "pipelines/l3_router.p4", "-o", &artifact, "--p4info", &p4info]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(std::fs::read_to_string(&*p4info).expect("it was written").contains("ipv4_route"));
    let output = heddle(&["stf", &artifact, "pipelines/l3_router.stf"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));

    // One damaged byte is noticed, not run.
    let mut bytes = std::fs::read(&*artifact).expect("it was written");
    let half = bytes.len() / 2;
    bytes.truncate(half);
    std::fs::write(&*artifact, bytes).expect("it is writable");
    let output = heddle(&["stf", &artifact, "pipelines/l3_router.stf"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("compile the P4 source again"));
}

#[test]
fn ir_text_is_a_program_too() {
    let output = heddle(&["compile", "pipelines/ai_leaf.p4", "--emit", "ir"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let (_folder, path) = written("leaf.ir", &String::from_utf8_lossy(&output.stdout));
    let output = heddle(&["stf", &path, "pipelines/ai_leaf.stf"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_script_that_does_not_hold_exits_with_one() {
    let (_folder, path) = written("wrong.stf", "packet 1 00000000000b00000000000a0800\nexpect 1 00\n");
    let output = heddle(&["stf", "pipelines/l2_switch.p4", &path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("does not hold"), "{}", stderr(&output));
    let (_folder, path) = written("broken.stf", "packet one 00\n");
    let output = heddle(&["stf", "pipelines/l2_switch.p4", &path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("line 1"), "{}", stderr(&output));
}

#[test]
fn runtime_file_errors_name_table_field_and_value_wanted() {
    let cases = [
        (r#"{"table_entries": [{"table": "dmca", "action_name": "flood"}]}"#, "dmac"),
        (
            r#"{"table_entries": [{"table": "dmac", "match": {"src": 1}, "action_name": "flood"}]}"#,
            "hdr.ethernet.dst",
        ),
        (
            r#"{"table_entries": [{"table": "dmac", "match": {"hdr.ethernet.dst": "x"}, "action_name": "flood"}]}"#,
            "48-bit",
        ),
        (
            r#"{"table_entries": [{"table": "dmac", "match": {"hdr.ethernet.dst": 1}, "action_name": "forward",
                "action_params": {"port": 512}}]}"#,
            "0 to 511",
        ),
        (r#"{"table_entrys": []}"#, "table_entrys"),
        ("{", "line 1"),
    ];
    for (text, wanted) in cases {
        let (_folder, path) = written("tables.json", text);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = folder.path().join("out");
        let pcap = top().join("tests/cases/pcap/two.pcap");
        let output = heddle(&[
            "replay",
            "pipelines/l2_switch.p4",
            "-i",
            &format!("1@{}", pcap.display()),
            "--out-dir",
            &out.to_string_lossy(),
            "--tables",
            &path,
        ]);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(stderr(&output).contains(wanted), "{text}\n{}", stderr(&output));
        assert!(!out.exists(), "something was done before the mistake was found");
    }
}

#[test]
fn replay_learns_and_writes_captures() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().to_string_lossy().into_owned();
    let output = heddle(&[
        "replay",
        "pipelines/l2_switch.p4",
        "-i",
        "1@tests/cases/pcap/two.pcap",
        "-p",
        "2",
        "-p",
        "3",
        "--out-dir",
        &out,
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    // Two packets from A to B, unknown: both are flooded to the two other ports.
    for (port, packets) in [(1, 0), (2, 2), (3, 2)] {
        let bytes = std::fs::read(folder.path().join(format!("{port}.pcap"))).expect("it was written");
        assert_eq!((bytes.len() - 24) / (16 + 60), packets, "port {port}");
    }
}

#[test]
fn port_mistakes_name_the_remedy() {
    let cases: &[(&[&str], i32, &str)] = &[
        (&["-i", "veth1"], 2, "PORT@"),
        (&["-i", "one@veth1"], 2, "one@veth1"),
        (&["-i", "1@a", "-i", "1@b"], 2, "port 1"),
        (&["-i", "1@lo", "-i", "2@lo"], 2, "lo"),
        (&["-i", "1@hdlnone0"], 3, "hdlnone0"),
        (&["-i", "4294967296@lo"], 2, "4294967296"),
        (
            &["-i", "1@lo", "--priority-queues", "1", "--weights", "3,1"],
            2,
            "--weights has 2 weights, but a port has 1 queue; give more --priority-queues",
        ),
    ];
    for (options, status, wanted) in cases {
        let mut args = vec!["run", "pipelines/l2_switch.p4", "--seconds", "0"];
        args.extend(*options);
        let output = heddle(&args);
        assert_eq!(output.status.code(), Some(*status), "{options:?}\n{}", stderr(&output));
        assert!(stderr(&output).contains(wanted), "{options:?}\n{}", stderr(&output));
    }
}

#[test]
fn bench_needs_no_packets() {
    let router = std::fs::read_to_string(top().join("benches/programs/ipv4_router.p4")).expect("the router");
    let (folder, path) = written("alone.p4", &router);
    let tables = folder.path().join("tables.json");
    let route = r#"{ "table_entries": [ { "table": "route", "match": { "hdr.ipv4.dst": ["10.0.0.0", 16] },
        "action_name": "via",
        "action_params": { "port": 2, "own": "02:00:00:00:00:01", "next": "02:00:00:00:00:02" } } ] }"#;
    std::fs::write(&tables, route).expect("the folder is writable");
    let args = ["bench", &path, "--seconds=0.05", "--buffers=64", "--json"];
    let share = |args: &[&str]| {
        let output = heddle(args);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let figures: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(figures["mean_packet_bytes"], 64.0);
        figures["packets_out_per_packet_in"].as_f64()
    };
    assert_eq!(share(&args), Some(0.0), "nothing routes them");
    assert_eq!(share(&[&args[..], &["--tables", &tables.to_string_lossy()]].concat()), Some(1.0));
}

#[test]
fn bench_and_demo_report_json() {
    let output =
        heddle(&["bench", "pipelines/l2_switch.p4", "--seconds", "0.05", "--buffers", "64", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(figures["interp_ns_per_packet"].as_f64().is_some_and(|ns| ns > 0.0), "{figures}");
    assert!(figures["baseline_ns_per_packet"].is_null(), "{figures}");
    let router = ["bench", "benches/programs/ipv4_router.p4", "--seconds=0.05", "--buffers=64", "--json"];
    let options: [&[&str]; 2] = [&[], &["--routes=1000"]];
    for options in options {
        let output = heddle(&[&router[..], options].concat());
        let figures: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert!(figures["baseline_ns_per_packet"].as_f64().is_some_and(|ns| ns > 0.0), "{figures}");
        assert_eq!(figures["packets_out_per_packet_in"], 1.0, "{figures}");
    }

    let output = heddle(&["demo", "--megabytes", "1", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for side in ["ecmp", "message"] {
        assert_eq!(figures[side]["drops"], serde_json::json!({}), "{side}");
        assert_eq!(figures[side]["links"].as_array().map(Vec::len), Some(32), "both ways");
    }
    let imbalance = |side: &str| figures[side]["imbalance"].as_f64().unwrap_or(f64::NAN);
    assert!(imbalance("message") < imbalance("ecmp"), "{figures}");
    let again = heddle(&["demo", "--megabytes", "1", "--json"]);
    assert_eq!(output.stdout, again.stdout, "the same seed gives the same figures");
}

#[test]
fn explain_and_completions() {
    let output = heddle(&["explain", "--list"]);
    assert_eq!(output.status.code(), Some(0));
    let list = String::from_utf8_lossy(&output.stdout).into_owned();
    let codes: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(codes.len() > 50, "{list}");
    for code in codes {
        assert_eq!(heddle(&["explain", code]).status.code(), Some(0), "{code}");
    }
    assert_eq!(heddle(&["explain", "E9999"]).status.code(), Some(2));
    for shell in ["bash", "zsh", "fish"] {
        assert!(heddle(&["completions", shell]).stdout.len() > 1_000);
    }
}

/// A folder with the shims, and what a shim does with a command line in another folder.
fn shim(name: &str, folder: &Path, args: &[&str]) -> Output {
    let shims = folder.join("shims");
    if !shims.exists() {
        let output = heddle(&["install-shims", &shims.to_string_lossy()]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    Command::new(shims.join(name))
        .args(args)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .expect("the shim starts")
}

#[test]
fn p4cs_command_lines_write_p4cs_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let program = top().join("pipelines/l3_router.p4").to_string_lossy().into_owned();
    let read =
        |name: &str| std::fs::read_to_string(at.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));

    // As the tutorials' Makefile has it.
    let output = shim(
        "p4c-bm2-ss",
        at,
        &[
            "--p4v",
            "16",
            "--p4runtime-files",
            "r.p4.p4info.txtpb,r.p4info.json,r.bin",
            "-o",
            "r.json",
            &program,
        ],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(read("r.p4.p4info.txtpb").contains("ipv4_route"));
    let info: serde_json::Value = serde_json::from_str(&read("r.p4info.json")).expect("JSON");
    assert!(info["tables"].is_array(), "{info}");
    assert!(std::fs::metadata(at.join("r.bin")).expect("it was written").len() > 100);
    let artifact: serde_json::Value = serde_json::from_str(&read("r.json")).expect("clients load it as JSON");
    assert!(artifact["heddle_artifact"].is_u64());

    // As PTF scripts have it; then from what the driver's preprocessor wrote.
    let output = shim("p4c", at, &["--target", "bmv2", "--arch", "v1model", "-o", "build", &program]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let output = shim("p4c", at, &["--std", "p4-16", "-o", "again", "build/l3_router.p4i"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let script = top().join("pipelines/l3_router.stf").to_string_lossy().into_owned();
    let again = at.join("again/l3_router.json").to_string_lossy().into_owned();
    assert_eq!(heddle(&["stf", &again, &script]).status.code(), Some(0));

    let output = shim("p4c-bm2-ss", at, &["-E", "-DX=1", &program]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("control") && !text.contains("#include"), "{text}");
    let output = shim("p4c-bm2-ss", at, &["--version"]);
    assert!(stderr(&output).starts_with("Version 1.2"), "{}", stderr(&output));
    let output = shim("p4c", at, &["--version"]);
    assert!(output.stdout.starts_with(b"p4c 1.2"));
}

#[test]
fn shims_end_with_one_and_say_what_to_use_instead() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("bad.p4"), "control C() { apply { x = 1; } }\n")
        .expect("it is writable");
    let cases: &[(&str, &[&str], &str)] = &[
        ("p4c-bm2-ss", &["bad.p4", "-o", "bad.json"], "bad.p4:1:23"),
        ("p4c-bm2-ss", &["--toJSON", "x", "bad.p4"], "--emit ir"),
        ("p4c", &["--arch", "psa", "bad.p4"], "v1model"),
        ("p4c", &["no.p4"], "no.p4: cannot be read"),
        ("p4c", &["--nonsense"], "--nonsense"),
        ("simple_switch", &["--packet-in", "ipc:///tmp/x", "x.json"], "veth"),
        ("simple_switch", &["-i", "1@hdlnone0", "no.json"], "no.json: cannot be read"),
        ("simple_switch", &["--nonsense"], "--nonsense"),
        ("simple_switch_grpc", &["--restore-state", "f", "x.json"], "--state"),
        ("simple_switch_grpc", &[], "--no-p4"),
    ];
    for (name, args, wanted) in cases {
        let output = shim(name, folder.path(), args);
        assert_eq!(output.status.code(), Some(1), "{name} {args:?}\n{}", stderr(&output));
        assert!(stderr(&output).contains(wanted), "{name} {args:?}\n{}", stderr(&output));
    }
    assert!(!folder.path().join("bad.json").exists());
    for name in ["simple_switch", "simple_switch_grpc"] {
        let output = shim(name, folder.path(), &["--version"]);
        assert!(output.stdout.starts_with(b"1.15"), "{name}");
        assert_eq!(shim(name, folder.path(), &["--help"]).status.code(), Some(0));
    }
}

#[test]
fn shims_do_not_take_the_place_of_others() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path().to_string_lossy().into_owned();
    assert_eq!(heddle(&["install-shims", &at]).status.code(), Some(0));
    assert_eq!(heddle(&["install-shims", &at]).status.code(), Some(0), "a second time is no trouble");
    let other = folder.path().join("p4c");
    std::fs::remove_file(&other).expect("it is there");
    std::fs::write(&other, "another compiler").expect("it is writable");
    let output = heddle(&["install-shims", &at]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--force"), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(&other).expect("it is there"), "another compiler");
    assert_eq!(heddle(&["install-shims", "--force", &at]).status.code(), Some(0));
}

#[test]
fn jobs_are_looked_at_in_what_a_simulation_has_written() {
    let fabric = "[leaf_spine]\nleaves = 2\nspines = 2\nhosts_per_leaf = 2\nhost_link = \"l\"\nfabric_link = \"l\"\n\
                  [links.l]\nrate_gbps = 100\nlength_m = 2\nmedium = \"copper\"\n";
    let (_one, fabric) = written("fabric.toml", fabric);
    let jobs = "[[jobs]]\nname = \"ring-a\"\nranks = 4\ncollective = \"ring\"\nbytes = 100_000\n";
    let (_two, jobs) = written("jobs.toml", jobs);
    let output = heddle(&["fabric", "sim", &fabric, &jobs, "--policy", "spray", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let (_three, report) = written("run.json", &String::from_utf8_lossy(&output.stdout));
    for (args, expected) in [
        (&["job", "ls", &report][..], "ring-a"),
        (&["job", "show", &report, "ring-a"], "99th percentile"),
        (&["job", "watch", &report], "done after"),
    ] {
        let output = heddle(args);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(expected), "heddle {args:?}:\n{text}");
    }
    let output = heddle(&["job", "show", &report, "ring-b"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("there is no job `ring-b`; there are ring-a"));
    let output = heddle(&["job", "ls", &jobs]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("is not what `heddle fabric sim --json` writes"));
}
