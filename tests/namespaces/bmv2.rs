//! Heddle in BMv2's place, between real hosts: its command line, captures and log, and queues behind a slow link.

use std::path::{Path, PathBuf};

use libtest_mimic::Failed;

use crate::host::{Host, Link, run};
use crate::switch::{Switch, pipelines};

fn two_hosts() -> Result<(Host, Host), Failed> {
    Ok((Host::new("10.7.0.1/24", "fd07::1/64")?, Host::new("10.7.0.2/24", "fd07::2/64")?))
}

/// The shims in a folder of their own.
fn shims(folder: &Path) -> Result<PathBuf, Failed> {
    let shims = folder.join("shims");
    run(&[env!("CARGO_BIN_EXE_heddle"), "install-shims", &shims.to_string_lossy()])?;
    Ok(shims)
}

/// A program compiled by `p4c-bm2-ss` and run by `simple_switch`, with the options that Mininet scripts give.
pub(crate) fn simple_switch() -> Result<(), Failed> {
    let (a, b) = two_hosts()?;
    let (la, lb) = (Link::veth(&a, 1_500)?, Link::veth(&b, 1_500)?);
    let folder = tempfile::tempdir()?;
    let shims = shims(folder.path())?;
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let program = pipelines().join("l2_switch.p4");
    run(&[&at("shims/p4c-bm2-ss"), "--p4v", "16", "-o", &at("l2.json"), &program.to_string_lossy()])?;
    let switch = Switch::start_as(
        &shims.join("simple_switch"),
        &[
            "-i",
            &format!("1@{}", la.outer),
            "-i",
            &format!("2@{}", lb.outer),
            "--pcap",
            &folder.path().to_string_lossy(),
            "--nanolog",
            "ipc:///tmp/bm-0-log.ipc",
            "--log-file",
            &at("s1.log"),
            "--log-flush",
            "--dump-packet-data",
            "34",
            &at("l2.json"),
            "--",
            "--priority-queues",
            "8",
        ],
    )?;
    a.ping(b.ipv4(), &["-s", "1000"])?;
    switch.stop()?;

    // Both directions of both ports, as tcpdump reads them; the log shows the same packets.
    let echoes = |port: &str, direction: &str| {
        run(&["tcpdump", "-nr", &at(&format!("{port}_{direction}.pcap")), "icmp[icmptype] == icmp-echo"])
            .map(|text| text.lines().filter(|line| line.contains("echo request")).count())
    };
    for (port, direction, wanted) in [(&la, "in", 3), (&lb, "out", 3), (&la, "out", 0), (&lb, "in", 0)] {
        let found = echoes(&port.outer, direction)?;
        if found != wanted {
            return Err(
                format!("{} {direction}: {found} echo requests instead of {wanted}", port.outer).into()
            );
        }
    }
    let log = std::fs::read_to_string(at("s1.log"))?;
    for line in [
        "Processing packet received on port 1",
        "Received packet of length 1042 on port 1: ",
        "Applying table 'SwitchIngress.dmac'",
        "Transmitting packet of size 1042 out of port 2",
    ] {
        if !log.contains(line) {
            return Err(format!("the log lacks `{line}`:\n{}", &log[..log.len().min(4000)]).into());
        }
    }
    Ok(())
}

/// What waits for a link that `tc` makes slow waits in the switch's queue, where the program sees how much it is.
pub(crate) fn queue_behind_a_slow_link() -> Result<(), Failed> {
    let (a, b) = two_hosts()?;
    let (la, lb) = (Link::veth(&a, 1_500)?, Link::veth(&b, 1_500)?);
    // As Mininet's TCLink does it.
    let slow = |words: &str| {
        let mut all = vec!["tc"];
        all.extend(words.split_whitespace());
        run(&all)
    };
    slow(&format!("qdisc add dev {} root handle 5: htb default 1", lb.outer))?;
    slow(&format!("class add dev {} parent 5: classid 5:1 htb rate 0.5Mbit burst 15k", lb.outer))?;
    let program =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/namespaces/programs/mark_when_queued.p4");
    let switch = Switch::start(
        &program,
        &["--priority-queues", "1", "-i", &format!("1@{}", la.outer), "-i", &format!("2@{}", lb.outer)],
    )?;
    a.ping(b.ipv4(), &[])?;
    // One marked packet, and one that is not, from a flow that sends faster than the link.
    let interface = b.interface();
    let sees =
        |what: &'static str| ["timeout", "60", "tcpdump", "-nlc", "1", "-i", "IF", what].map(str::to_owned);
    let mut watchers = Vec::new();
    for what in
        ["ip[1] & 3 == 3 and icmp[icmptype] == icmp-echo", "ip[1] & 3 == 1 and icmp[icmptype] == icmp-echo"]
    {
        let mut words = sees(what);
        words[6].clone_from(&interface);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut watcher = b.spawn(&words)?;
        watcher.wait_for_stderr("listening on")?;
        watchers.push(watcher);
    }
    let sender = a.spawn(&["ping", "-q", "-i", "0.005", "-c", "600", "-Q", "1", "-s", "1400", b.ipv4()])?;
    for watcher in watchers {
        watcher.finish()?;
    }
    drop(sender);
    switch.stop()
}
