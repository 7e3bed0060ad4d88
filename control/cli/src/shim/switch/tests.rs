//! Command lines of `simple_switch`, and what Heddle makes of them.

use super::*;

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// The `heddle` command line that a switch's command line comes to; or what is wrong with it.
fn translated(kind: Kind, line: &str) -> Result<Translation, String> {
    let (general, target) = split(&words(line)).map_err(|_| "clap refuses it".to_owned())?;
    match translate(kind, &general, &target) {
        Ok(Ok(translation)) => Ok(translation),
        Ok(Err(_)) => Err("clap refuses the target's options".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn grpc(line: &str) -> String {
    translated(Kind::Grpc, &format!("simple_switch_grpc {line}")).expect(line).heddle.join(" ")
}

fn refused(kind: Kind, line: &str) -> String {
    translated(kind, &format!("switch {line}")).expect_err(line)
}

#[test]
fn the_tutorials_command_line() {
    let line = "simple_switch_grpc -i 1@s1-eth1 -i 2@s1-eth2 --pcap /tmp --nanolog ipc:///tmp/bm-0-log.ipc --device-id 0 \
                build/basic.json --log-console --thrift-port 9090 -- --grpc-server-addr 0.0.0.0:50051 --cpu-port 510";
    let translation = translated(Kind::Grpc, line).unwrap();
    assert_eq!(
        translation.heddle.join(" "),
        "run build/basic.json -i 1@s1-eth1 -i 2@s1-eth2 --pcap /tmp --packet-log=- --packet-log-style bmv2 \
         --packet-log-events all --p4runtime 0.0.0.0:50051 --device-id 0 --cpu-port 510 --priority-queues 1 \
         --thrift-port 9090"
    );
    assert_eq!(translation.notes.len(), 1, "{:?}", translation.notes);
    assert!(translation.notes[0].contains("--nanolog"));
}

#[test]
fn a_switch_may_start_empty() {
    let start = "run --no-pipeline -i 0@veth0 --p4runtime 0.0.0.0:9559 --device-id 0 --priority-queues 1";
    assert_eq!(grpc("-i 0@veth0 --no-p4"), start);
    assert_eq!(grpc("-i 0@veth0 --no-p4 --"), start);
    assert_eq!(grpc("-i 0@veth0 --no-p4 ignored.json"), start);
    assert!(refused(Kind::Grpc, "-i 0@veth0").contains("--no-p4"));
    assert!(refused(Kind::Plain, "-i 0@veth0 --no-p4").contains("simple_switch_grpc"));
    assert!(refused(Kind::Grpc, "a.json b.json").contains("b.json"));
}

#[test]
fn every_general_flag() {
    let tail = "--p4runtime 0.0.0.0:9559 --device-id 0 --priority-queues 1";
    let log = "--packet-log-style bmv2 --packet-log-events";
    for (given, wanted) in [
        ("--interface 3@eth0 x.json", format!("run x.json -i 3@eth0 {tail}")),
        ("-i3@eth0 x.json", format!("run x.json -i 3@eth0 {tail}")),
        ("--pcap -i 1@a x.json", format!("run x.json -i 1@a --pcap . {tail}")),
        ("--pcap=/tmp x.json", format!("run x.json --pcap /tmp {tail}")),
        ("--thrift-port 1234 x.json", format!("run x.json {tail} --thrift-port 1234")),
        (
            "--device-id 7 x.json",
            "run x.json --p4runtime 0.0.0.0:9559 --device-id 7 --priority-queues 1".to_owned(),
        ),
        // Boost lets long options be shortened.
        (
            "--dev 7 x.json",
            "run x.json --p4runtime 0.0.0.0:9559 --device-id 7 --priority-queues 1".to_owned(),
        ),
        ("--log-console x.json", format!("run x.json --packet-log=- {log} all {tail}")),
        ("--log-console -L debug x.json", format!("run x.json --packet-log=- {log} all {tail}")),
        ("--log-console --log-level info x.json", format!("run x.json --packet-log=- {log} messages {tail}")),
        ("--log-console -Lerror x.json", format!("run x.json --packet-log=- {log} faults {tail}")),
        ("--log-console -L off x.json", format!("run x.json {tail}")),
        (
            "--log-file s.log --log-flush x.json",
            format!(
                "run x.json --packet-log=s.log {log} all --packet-log-size 5242880 --packet-log-files 3 {tail}"
            ),
        ),
        (
            "--log-file s.log --log-file-max-size 10 --log-file-max-files 0 x.json",
            format!(
                "run x.json --packet-log=s.log {log} all --packet-log-size 10 --packet-log-files 0 {tail}"
            ),
        ),
        (
            "--log-console --dump-packet-data 10000 x.json",
            format!("run x.json --packet-log=- {log} all --packet-log-bytes 10000 {tail}"),
        ),
        ("--max-port-count 4 x.json", format!("run x.json {tail}")),
        ("--warn-on-invalid-hdr-read --ret-zero-on-invalid-hdr-read x.json", format!("run x.json {tail}")),
    ] {
        assert_eq!(grpc(given), wanted, "{given}");
    }
}

#[test]
fn every_flag_of_the_targets() {
    let start = "run x.json";
    for (given, wanted) in [
        ("--disable-swap", "--p4runtime 0.0.0.0:9559 --device-id 0 --priority-queues 1"),
        ("--grpc-server-addr [::]:1", "--p4runtime [::]:1 --device-id 0 --priority-queues 1"),
        ("--grpc-server-addr=localhost:1", "--p4runtime 127.0.0.1:1 --device-id 0 --priority-queues 1"),
        ("--cpu-port 255", "--p4runtime 0.0.0.0:9559 --device-id 0 --cpu-port 255 --priority-queues 1"),
        ("--drop-port 511", "--p4runtime 0.0.0.0:9559 --device-id 0 --priority-queues 1"),
        ("--priority-queues 8", "--p4runtime 0.0.0.0:9559 --device-id 0 --priority-queues 8"),
        (
            "--max-mc-groups 9 --max-l1-entries 9 --max-l2-entries 9",
            "--p4runtime 0.0.0.0:9559 --device-id 0 --priority-queues 1",
        ),
        (
            "--grpc-server-ssl --grpc-server-cert c --grpc-server-key k",
            "--p4runtime 0.0.0.0:9559 --device-id 0 --tls-cert c --tls-key k --priority-queues 1",
        ),
        (
            "--grpc-server-ssl --grpc-server-cert c --grpc-server-key k --grpc-server-cacert a --grpc-server-with-client-auth",
            "--p4runtime 0.0.0.0:9559 --device-id 0 --tls-cert c --tls-key k --tls-client-ca a --priority-queues 1",
        ),
        (
            "--grpc-server-cert c --grpc-server-key k",
            "--p4runtime 0.0.0.0:9559 --device-id 0 --priority-queues 1",
        ),
    ] {
        assert_eq!(grpc(&format!("x.json -- {given}")), format!("{start} {wanted}"), "{given}");
    }
    let plain =
        |line: &str| translated(Kind::Plain, &format!("simple_switch {line}")).expect(line).heddle.join(" ");
    assert_eq!(plain("x.json"), "run x.json --priority-queues 1");
    assert_eq!(plain("x.json -- --enable-swap --drop-port 511"), "run x.json --priority-queues 1");
    assert_eq!(plain("-- x.json --priority-queues 3"), "run x.json --priority-queues 3");
    assert!(refused(Kind::Plain, "x.json -- --cpu-port 1").contains("clap"));
    assert!(refused(Kind::Grpc, "x.json -- --cpu-port 0").contains("clap"));
    assert!(refused(Kind::Grpc, "x.json -- --grpc-server-ssl").contains("--grpc-server-key"));
}

#[test]
fn what_is_not_there_says_what_to_use_instead() {
    for (given, flag, instead) in [
        ("x.json --use-files 0", "--use-files", "heddle replay"),
        ("x.json --packet-in ipc:///tmp/x", "--packet-in", "veth"),
        ("x.json --restore-state f", "--restore-state", "--state DIR"),
        ("x.json -- --dp-grpc-server-addr a:1", "--dp-grpc-server-addr", "-i"),
        ("x.json -- --grpc-server-addr 9559", "--grpc-server-addr", "ADDRESS:PORT"),
        ("x.json -- --drop-port 510", "--drop-port", "more bits"),
        ("x.json --pcap /no/such/dir", "--pcap", "no such directory"),
        ("x.json --log-console --log-file f", "--log-console", "exclude"),
    ] {
        let error = refused(Kind::Grpc, given);
        assert!(error.contains(flag) && error.contains(instead), "{given}: {error}");
    }
    for (given, flag) in [
        ("--debugger x.json", "--debugger"),
        ("--debugger-addr a x.json", "--debugger"),
        ("--notifications-addr a x.json", "--notifications-addr"),
        ("--dump-packet-data 5 x.json", "--dump-packet-data"),
        ("x.json -- --grpc-server-cert c", "certificates"),
    ] {
        let translation = translated(Kind::Grpc, &format!("switch {given}")).expect(given);
        assert!(translation.notes.iter().any(|note| note.contains(flag)), "{given}: {:?}", translation.notes);
    }
}

#[test]
fn the_options_do_not_contradict_each_other() {
    use clap::CommandFactory as _;
    General::command().debug_assert();
    Plain::command().debug_assert();
    Grpc::command().debug_assert();
    CommandLine::command().debug_assert();
}
