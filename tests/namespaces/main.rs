//! `heddle run` between real hosts: network namespaces, veth and TAP, the kernel's own TCP, tshark and scapy.
//!
//! Needs root and the tools it names. Without them every test is reported as ignored, with the reason.

mod bmv2;
mod host;
mod power;
mod roce;
mod service;
mod shaped;
mod switch;
mod xdp;

use std::path::Path;
use std::process::ExitCode;

use host::{Host, Link, run};
use libtest_mimic::{Arguments, Failed, Trial};
use switch::{Switch, pipelines};

type Test = fn() -> Result<(), Failed>;
/// Why a test cannot run here.
type Missing = fn() -> Option<String>;

const TESTS: &[(&str, Test)] = &[
    ("l2_switch_between_veths", l2_switch_between_veths),
    ("l2_switch_with_two_workers", l2_switch_with_two_workers),
    ("l2_switch_between_taps", l2_switch_between_taps),
    ("l2_switch_between_taps_with_two_workers", l2_switch_between_taps_with_two_workers),
    ("l3_router_between_veths", l3_router_between_veths),
    ("l3_router_between_taps", l3_router_between_taps),
    ("roce_through_the_router", roce::through_the_router),
    ("roce_through_the_leaf", roce::through_the_leaf),
    ("jobs_of_a_running_fabric_switch", roce::jobs_of_a_running_switch),
    ("xdp_l2_switch", xdp::l2_switch),
    ("xdp_l2_switch_with_two_queues", xdp::l2_switch_with_two_queues),
    ("xdp_l2_switch_busy_polled", xdp::l2_switch_busy_polled),
    ("xdp_l3_router", xdp::l3_router),
    ("xdp_to_af_packet", xdp::to_af_packet),
    ("xdp_falls_back", xdp::falls_back),
    ("xdp_goes_with_a_killed_switch", xdp::goes_with_a_killed_switch),
    ("rate_of_a_token_bucket_holds", shaped::by_token_bucket),
    ("rate_of_a_hierarchy_holds", shaped::by_hierarchy),
    ("queues_share_a_rate_by_weight", shaped::by_weights),
    ("runs_unprivileged_with_two_capabilities", service::unprivileged),
    ("tcp_between_ports_of_different_mtu", tcp_between_ports_of_different_mtu),
    ("reloads_on_hangup", reloads_on_hangup),
    ("simple_switch_by_its_own_command_line", bmv2::simple_switch),
    ("queue_behind_a_slow_link", bmv2::queue_behind_a_slow_link),
    ("reloads_under_a_stream", reloads_under_a_stream),
    ("interface_disappears", interface_disappears),
    ("interface_comes_back", interface_comes_back),
    ("xdp_interface_comes_back", xdp::interface_comes_back),
    ("link_is_lost", link_is_lost),
    ("xdp_link_is_lost", xdp::link_is_lost),
    ("interface_is_left_as_found", interface_is_left_as_found),
];

/// Tests that not every machine with namespaces can run, and what says why.
const DEMANDING: &[(&str, Test, Missing)] = &[
    ("acknowledged_changes_survive_loss_of_power", power::acknowledged_changes_survive, power::missing),
    ("systemd_runs_the_unit", service::by_systemd, service::no_systemd),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let missing = host::missing();
    let mut trials: Vec<Trial> =
        TESTS.iter().map(|(name, test)| trial(name, *test, missing.as_ref())).collect();
    for (name, test, more) in DEMANDING {
        let missing = missing.clone().or_else(more);
        trials.push(trial(name, *test, missing.as_ref()));
    }
    // One at a time: two switches and four iperfs on two cores would test the scheduler, not us.
    let arguments = Arguments { test_threads: Some(1), ..arguments };
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// What is skipped says why, on its own line of the report.
fn trial(name: &str, test: Test, missing: Option<&String>) -> Trial {
    Trial::test(name, test)
        .with_ignored_flag(missing.is_some())
        .with_kind(missing.cloned().unwrap_or_default())
}

/// Everything that two hosts on one subnet, or behind one router, expect of the network between them.
pub(crate) fn exercise(a: &Host, b: &Host) -> Result<(), Failed> {
    a.ping(b.ipv4(), &[])?;
    b.ping(a.ipv4(), &[])?;
    // Jumbo, not to be fragmented: 8,972 bytes of payload make a 9,000-byte packet.
    a.ping(b.ipv4(), &["-M", "do", "-s", "8972"])?;
    a.ping(b.ipv6(), &[])?;
    b.ping(a.ipv6(), &["-M", "do", "-s", "8952"])?;

    let server = b.iperf_server()?;
    let up = a.iperf(b.ipv4(), &["-n", "64M"])?;
    assert_moved(&up, 64 << 20)?;
    let down = a.iperf(b.ipv4(), &["-n", "64M", "-R"])?;
    assert_moved(&down, 64 << 20)?;
    let v6 = a.iperf(b.ipv6(), &["-n", "16M"])?;
    assert_moved(&v6, 16 << 20)?;
    let udp = a.iperf(b.ipv4(), &["-u", "-b", "20M", "-l", "1400", "-n", "2M"])?;
    let lost = udp["end"]["sum"]["lost_percent"].as_f64().unwrap_or(100.0);
    if lost > 2.0 {
        return Err(format!("UDP at 20 Mb/s lost {lost}%").into());
    }
    drop(server);
    Ok(())
}

fn assert_moved(report: &serde_json::Value, bytes: u64) -> Result<(), Failed> {
    let count = |side: &str| report["end"][side]["bytes"].as_u64().unwrap_or(0);
    // What is in flight when the sender is done is not reported as received.
    if count("sum_sent") < bytes || count("sum_received") < bytes / 2 {
        return Err(format!("iperf3 moved too little of {bytes} bytes: {report}").into());
    }
    Ok(())
}

fn l2_switch_between_veths() -> Result<(), Failed> {
    let (a, b) = (Host::new("10.7.0.1/24", "fd07::1/64")?, Host::new("10.7.0.2/24", "fd07::2/64")?);
    let (la, lb) = (Link::veth(&a, 9_000)?, Link::veth(&b, 9_000)?);
    let switch = Switch::start(
        &pipelines().join("l2_switch.p4"),
        &["-i", &format!("1@{}", la.outer), "-i", &format!("2@{}", lb.outer)],
    )?;
    exercise(&a, &b)?;
    switch.stop()
}

fn l2_switch_with_two_workers() -> Result<(), Failed> {
    let (a, b) = (Host::new("10.7.0.1/24", "fd07::1/64")?, Host::new("10.7.0.2/24", "fd07::2/64")?);
    let (la, lb) = (Link::veth(&a, 9_000)?, Link::veth(&b, 9_000)?);
    let switch = Switch::start(
        &pipelines().join("l2_switch.p4"),
        &["--workers", "2", "-i", &format!("1@{}", la.outer), "-i", &format!("2@{}", lb.outer)],
    )?;
    exercise(&a, &b)?;
    switch.stop()
}

fn l2_switch_between_taps() -> Result<(), Failed> {
    between_taps("1")
}

fn l2_switch_between_taps_with_two_workers() -> Result<(), Failed> {
    between_taps("2")
}

fn between_taps(workers: &str) -> Result<(), Failed> {
    let (a, b) = (Host::new("10.7.0.1/24", "fd07::1/64")?, Host::new("10.7.0.2/24", "fd07::2/64")?);
    let (ta, tb) = (host::unique("t"), host::unique("t"));
    let switch = Switch::start(
        &pipelines().join("l2_switch.p4"),
        &["--workers", workers, "-i", &format!("1@tap:{ta}"), "-i", &format!("2@tap:{tb}")],
    )?;
    if !switch.log().contains(if workers == "2" { "2 queues" } else { "1 queue" }) {
        return Err(switch.log().into());
    }
    a.adopt(&ta, 9_000)?;
    b.adopt(&tb, 9_000)?;
    exercise(&a, &b)?;
    switch.stop()
}

const ROUTER_A: &str = "02:00:00:00:aa:01";
const ROUTER_B: &str = "02:00:00:00:aa:02";

/// Routes between 10.7.1.0/24 at port 1 and 10.7.2.0/24 at port 2; the router is .254 and ::fe.
pub(crate) fn router_tables(a: &Host, b: &Host) -> Result<tempfile::NamedTempFile, Failed> {
    let via = |port: u32, own: &str, next: &str| serde_json::json!([{ "action_name": "via", "action_params": { "port": port, "own": own, "next": next } }]);
    let entry = |table: &str,
                 key: &str,
                 value: serde_json::Value,
                 action: &str,
                 params: serde_json::Value| {
        serde_json::json!({ "table": table, "match": { key: value }, "action_name": action, "action_params": params })
    };
    let mut entries = Vec::new();
    for (n, own, host) in [(1u32, ROUTER_A, a), (2, ROUTER_B, b)] {
        let group = serde_json::json!({ "group": n });
        entries.push(entry(
            "ipv4_route",
            "hdr.ipv4.dst",
            serde_json::json!([format!("10.7.{n}.0"), 24]),
            "to_group",
            group.clone(),
        ));
        entries.push(entry(
            "ipv6_route",
            "hdr.ipv6.dst",
            serde_json::json!([format!("fd07:{n}::"), 64]),
            "to_group",
            group,
        ));
        entries.push(serde_json::json!({
            "table": "next_hop",
            "match": { "meta.group": n },
            "action_selector": via(n, own, &host.mac()?),
        }));
        entries.push(entry(
            "local_ipv4",
            "hdr.arp.target_ip",
            format!("10.7.{n}.254").into(),
            "answer_arp",
            serde_json::json!({ "mac": own }),
        ));
        entries.push(entry(
            "local_ipv6",
            "hdr.neighbour.target",
            format!("fd07:{n}::fe").into(),
            "answer_solicitation",
            serde_json::json!({ "mac": own }),
        ));
    }
    host::temporary(&serde_json::json!({ "table_entries": entries }).to_string())
}

/// Two hosts on different subnets with default routes to the router.
pub(crate) fn routed_hosts() -> Result<(Host, Host), Failed> {
    Ok((Host::new("10.7.1.1/24", "fd07:1::1/64")?, Host::new("10.7.2.1/24", "fd07:2::1/64")?))
}

pub(crate) fn default_routes(a: &Host, b: &Host) -> Result<(), Failed> {
    for (n, host) in [(1, a), (2, b)] {
        host.exec(&["ip", "route", "add", "default", "via", &format!("10.7.{n}.254")])?;
        host.exec(&["ip", "-6", "route", "add", "default", "via", &format!("fd07:{n}::fe")])?;
    }
    Ok(())
}

fn l3_router_between_veths() -> Result<(), Failed> {
    let (a, b) = routed_hosts()?;
    let (la, lb) = (Link::veth(&a, 9_000)?, Link::veth(&b, 9_000)?);
    default_routes(&a, &b)?;
    let tables = router_tables(&a, &b)?;
    let switch = Switch::start(
        &pipelines().join("l3_router.p4"),
        &[
            "-i",
            &format!("1@{}", la.outer),
            "-i",
            &format!("2@{}", lb.outer),
            "--tables",
            &tables.path().to_string_lossy(),
        ],
    )?;
    exercise(&a, &b)?;
    switch.stop()
}

fn l3_router_between_taps() -> Result<(), Failed> {
    let (a, b) = routed_hosts()?;
    let (ta, tb) = (host::unique("t"), host::unique("t"));
    // The tables name the hosts' addresses, so the interfaces have to have them before the switch starts.
    for (host, tap, mac) in [(&a, &ta, "02:00:00:00:bb:01"), (&b, &tb, "02:00:00:00:bb:02")] {
        run(&["ip", "tuntap", "add", "dev", tap, "mode", "tap", "multi_queue"])?;
        run(&["ip", "link", "set", tap, "address", mac, "up"])?;
        host.remember(tap, mac);
    }
    let tables = router_tables(&a, &b)?;
    let switch = Switch::start(
        &pipelines().join("l3_router.p4"),
        &[
            "-i",
            &format!("1@tap:{ta}"),
            "-i",
            &format!("2@tap:{tb}"),
            "--tables",
            &tables.path().to_string_lossy(),
        ],
    )?;
    a.adopt(&ta, 9_000)?;
    b.adopt(&tb, 9_000)?;
    default_routes(&a, &b)?;
    exercise(&a, &b)?;
    switch.stop()
}

fn reloads_on_hangup() -> Result<(), Failed> {
    let (a, b) = (Host::new("10.7.0.1/24", "fd07::1/64")?, Host::new("10.7.0.2/24", "fd07::2/64")?);
    let (la, lb) = (Link::veth(&a, 1_500)?, Link::veth(&b, 1_500)?);
    let text = std::fs::read_to_string(pipelines().join("l2_switch.p4"))?;
    let program = host::temporary(&text)?;
    let mut switch =
        Switch::start(program.path(), &["-i", &format!("1@{}", la.outer), "-i", &format!("2@{}", lb.outer)])?;
    a.ping(b.ipv4(), &[])?;
    // With reloads in their midst all come back, none twice.
    let echoes = a.spawn(&["ping", "-c", "40", "-i", "0.05", "-W", "2", b.ipv4()])?;
    for _ in 0..5 {
        switch.signal("-HUP", "reloaded")?;
    }
    let (report, _) = echoes.finish()?;
    if !report.contains("40 packets transmitted, 40 received, 0% packet loss") {
        return Err(report.into());
    }
    std::fs::write(program.path(), text.replacen("apply", "aply", 1))?;
    switch.signal("-HUP", "is not reloaded, the program before goes on")?;
    a.ping(b.ipv4(), &[])?;
    let log = switch.stop_with_log()?;
    // What the switch had learned from the first echoes stayed.
    if !log.contains("table entries kept: 4") || log.contains("left behind") {
        return Err(log.into());
    }
    Ok(())
}

/// A stream of numbered datagrams while the program is replaced again and again. The same under full load, in memory, is
/// in `tests/tests/reload.rs`.
fn reloads_under_a_stream() -> Result<(), Failed> {
    let (a, b) = (Host::new("10.7.0.1/24", "fd07::1/64")?, Host::new("10.7.0.2/24", "fd07::2/64")?);
    let (la, lb) = (Link::veth(&a, 1_500)?, Link::veth(&b, 1_500)?);
    let program = pipelines().join("l2_switch.p4");
    let mut switch = Switch::start(
        &program,
        &["--queue-depth", "4096", "-i", &format!("1@{}", la.outer), "-i", &format!("2@{}", lb.outer)],
    )?;
    a.ping(b.ipv4(), &[])?;
    let server = b.iperf_server()?;
    let line = format!("timeout 60 iperf3 -J -c {} -u -b 20M -l 1000 -t 4", b.ipv4());
    let stream = a.spawn(&line.split(' ').collect::<Vec<_>>())?;
    for _ in 0..8 {
        switch.signal("-HUP", "reloaded")?;
    }
    let (report, _) = stream.finish()?;
    drop(server);
    let report: serde_json::Value = serde_json::from_str(&report)?;
    let sum = &report["end"]["sum"];
    let disorder = &report["end"]["streams"][0]["udp"]["out_of_order"];
    let (packets, lost) = (sum["packets"].as_u64().unwrap_or(0), sum["lost_packets"].as_u64().unwrap_or(1));
    // What reached the host and found its socket full is not the switch's loss.
    let overrun = b.kernel_count("/proc/net/snmp", "Udp:", "RcvbufErrors")?;
    if packets < 5_000 || lost.saturating_sub(overrun) != 0 || disorder.as_u64() != Some(0) {
        let counts = format!("{packets} packets, {lost} lost, {overrun} of them by the host");
        return Err(format!("{counts}, {disorder} out of order").into());
    }
    let log = switch.stop_with_log()?;
    if !log.contains("table entries kept: 4") || log.contains("left behind") {
        return Err(log.into());
    }
    Ok(())
}

/// Large frames that fit the one's MTU and not the other's have to be cut to what the sender said, or be refused: path
/// MTU discovery is the program's to do, and this one doesn't, so the hosts are told.
fn tcp_between_ports_of_different_mtu() -> Result<(), Failed> {
    let (a, b) = (Host::new("10.7.0.1/24", "fd07::1/64")?, Host::new("10.7.0.2/24", "fd07::2/64")?);
    let (la, lb) = (Link::veth(&a, 9_000)?, Link::veth(&b, 1_500)?);
    let switch = Switch::start(
        &pipelines().join("l2_switch.p4"),
        &["-i", &format!("1@{}", la.outer), "-i", &format!("2@{}", lb.outer)],
    )?;
    a.ping(b.ipv4(), &[])?;
    let server = b.iperf_server()?;
    // The smaller MTU decides the segments' size in both directions, by the option that each says at first.
    assert_moved(&a.iperf(b.ipv4(), &["-n", "32M"])?, 32 << 20)?;
    assert_moved(&a.iperf(b.ipv4(), &["-n", "32M", "-R"])?, 32 << 20)?;
    drop(server);
    switch.stop()
}

fn interface_disappears() -> Result<(), Failed> {
    let (a, b) = (Host::new("10.7.0.1/24", "fd07::1/64")?, Host::new("10.7.0.2/24", "fd07::2/64")?);
    let c = Host::new("10.7.0.3/24", "fd07::3/64")?;
    let (la, lb, lc) = (Link::veth(&a, 1_500)?, Link::veth(&b, 1_500)?, Link::veth(&c, 1_500)?);
    let switch = Switch::start(
        &pipelines().join("l2_switch.p4"),
        &[
            "-i",
            &format!("1@{}", la.outer),
            "-i",
            &format!("2@{}", lb.outer),
            "-i",
            &format!("3@{}", lc.outer),
        ],
    )?;
    c.ping(a.ipv4(), &[])?;
    run(&["ip", "link", "del", &lc.outer])?;
    // The others go on as if nothing had happened.
    a.ping(b.ipv4(), &["-c", "5"])?;
    let log = switch.stop_with_log()?;
    if !log.contains(&lc.outer) || !log.contains("gone") {
        return Err(format!("the vanished interface {} is not reported:\n{log}", lc.outer).into());
    }
    Ok(())
}

fn interface_comes_back() -> Result<(), Failed> {
    comes_back("")
}

/// Interfaces that are set down and up, or removed and made anew, under a switch that runs.
pub(crate) fn comes_back(kind: &str) -> Result<(), Failed> {
    let (a, b) = (Host::new("10.7.0.1/24", "fd07::1/64")?, Host::new("10.7.0.2/24", "fd07::2/64")?);
    let (la, lb) = (Link::veth(&a, 1_500)?, Link::veth(&b, 1_500)?);
    let mut switch = Switch::start(
        &pipelines().join("l2_switch.p4"),
        &["-i", &format!("1@{kind}{}", la.outer), "-i", &format!("2@{kind}{}", lb.outer)],
    )?;
    a.ping(b.ipv4(), &[])?;
    run(&["ip", "link", "set", &lb.outer, "down"])?;
    switch.wait_for("port 2 is gone")?;
    run(&["ip", "link", "set", &lb.outer, "up"])?;
    switch.wait_for("port 2 is up")?;
    a.ping(b.ipv4(), &[])?;
    // Another interface of the same name, with another index.
    let name = lb.outer.clone();
    drop(lb);
    switch.wait_for("port 2 is gone")?;
    let lb = Link::named(&name, &b, 1_500)?;
    switch.wait_for("port 2 is up")?;
    // The host there has another address now, which the other one learns by being asked.
    b.ping(a.ipv4(), &[])?;
    drop(lb);
    switch.stop()
}

fn link_is_lost() -> Result<(), Failed> {
    loses_its_link("")
}

/// A host behind two links, the first of which goes down at its end and comes up again, under a switch that runs.
pub(crate) fn loses_its_link(kind: &str) -> Result<(), Failed> {
    let (a, b) = (Host::new("10.7.0.1/24", "fd07::1/64")?, Host::new("10.7.0.2/24", "fd07::2/64")?);
    let la = Link::veth(&a, 1_500)?;
    let first = Link::veth(&b, 1_500)?;
    let inner = b.interface();
    let mac = b.mac()?;
    let second = Link::veth(&b, 1_500)?;
    b.exec(&["ip", "link", "set", &b.interface(), "address", &mac])?;
    let port = |number: u32, link: &Link| format!("{number}@{kind}{}", link.outer);
    let program =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/namespaces/programs/first_that_is_up.p4");
    let mut switch =
        Switch::start(&program, &["-i", &port(1, &la), "-i", &port(2, &first), "-i", &port(3, &second)])?;
    a.ping(b.ipv4(), &[])?;
    b.exec(&["ip", "link", "set", &inner, "down"])?;
    switch.wait_for("port 2 has no link")?;
    a.ping(b.ipv4(), &[])?;
    b.exec(&["ip", "link", "set", &inner, "up"])?;
    switch.wait_for("port 2 has a link again")?;
    // Nothing but the first one leads there now.
    b.exec(&["ip", "link", "set", &b.interface(), "down"])?;
    switch.wait_for("port 3 has no link")?;
    a.ping(b.ipv4(), &[])?;
    // One that has no link to begin with is no way either.
    switch.stop()?;
    b.exec(&["ip", "link", "set", &b.interface(), "up"])?;
    b.exec(&["ip", "link", "set", &inner, "down"])?;
    // With a control plane ports are attached to a switch that runs, and both are told at about one time.
    for _ in 0..3 {
        let ports = [port(1, &la), port(2, &first), port(3, &second)];
        let [one, two, three] = &ports;
        let options = ["-i", one, "-i", two, "-i", three, "--p4runtime", "127.0.0.1:0"];
        let mut switch = Switch::start(&program, &options)?;
        switch.wait_for("port 2 has no link")?;
        a.ping(b.ipv4(), &[])?;
        switch.stop()?;
    }
    Ok(())
}

fn interface_is_left_as_found() -> Result<(), Failed> {
    let a = Host::new("10.7.0.1/24", "fd07::1/64")?;
    let link = Link::veth(&a, 1_500)?;
    let before = (link.flags()?, link.offloads()?);
    let switch = Switch::start(&pipelines().join("l2_switch.p4"), &["-i", &format!("1@{}", link.outer)])?;
    switch.stop()?;
    let after = (link.flags()?, link.offloads()?);
    if before != after {
        return Err(format!("before {before:?}\nafter {after:?}").into());
    }
    Ok(())
}
