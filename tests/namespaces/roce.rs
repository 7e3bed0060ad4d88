//! RoCEv2 built by scapy, through the switch, compared byte for byte and dissected by tshark.

use std::path::{Path, PathBuf};

use libtest_mimic::Failed;

use crate::host::{self, Host, Link, run};
use crate::switch::{Switch, pipelines};
use crate::{ROUTER_A, ROUTER_B, default_routes, routed_hosts, router_tables};

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/roce/roce.py")
}

pub(crate) fn through_the_router() -> Result<(), Failed> {
    let (a, b) = routed_hosts()?;
    let (la, lb) = (Link::veth(&a, 9_000)?, Link::veth(&b, 9_000)?);
    default_routes(&a, &b)?;
    let tables = router_tables(&a, &b)?;
    let switch = start("l3_router.p4", &la, &lb, tables.path())?;
    send_and_compare(&a, &b, ROUTER_A, ROUTER_B, &b.mac()?)?;
    switch.stop()
}

pub(crate) fn through_the_leaf() -> Result<(), Failed> {
    let (a, b) = routed_hosts()?;
    let (la, lb) = (Link::veth(&a, 9_000)?, Link::veth(&b, 9_000)?);
    // Port 2 is the only uplink; the job of queue pair 0x11 is spread by queue pair, all else by five-tuple.
    let tables = host::temporary(
        &serde_json::json!({ "table_entries": [
            { "table": "uplink", "match": { "any": 1 }, "action_selector": [
                { "action_name": "to_uplink", "action_params": { "port": 2 } } ] },
            { "table": "job_by_qp", "match": { "dst": b.ipv4(), "dest_qp": ["0x11", "0xffffff"] },
              "priority": 1, "action_name": "set_job", "action_params": { "job": 1 } },
            { "table": "job_policy", "match": { "job": 1 }, "action_name": "policy",
              "action_params": { "by_qp": 1 } } ] })
        .to_string(),
    )?;
    let switch = start("ai_leaf.p4", &la, &lb, tables.path())?;
    // A leaf does not touch MAC addresses on the way up.
    send_and_compare(&a, &b, ROUTER_A, &a.mac()?, ROUTER_A)?;
    switch.stop()
}

/// The fabric's own program between two hosts: packets of a job whose tenant is above its limit are marked, and their invariant CRC, which
/// scapy computed, still holds; and `heddle job` tells what the switch counted.
pub(crate) fn jobs_of_a_running_switch() -> Result<(), Failed> {
    const QP: &str = "0x4011";
    let (a, b) = routed_hosts()?;
    let (la, lb) = (Link::veth(&a, 9_000)?, Link::veth(&b, 9_000)?);
    default_routes(&a, &b)?;
    let route = |host: &Host, port: u32| -> Result<serde_json::Value, Failed> {
        Ok(
            serde_json::json!({ "table": "route_v4", "match": { "dst": [host.ipv4(), 32] }, "action_name": "to_host",
            "action_params": { "port": port, "mac": host.mac()? } }),
        )
    };
    let tables = host::temporary(
        &serde_json::json!({
            "table_entries": [ route(&a, 1)?, route(&b, 2)?,
                { "table": "job_by_qp", "match": { "dst": b.ipv4(), "dest_qp": [QP, "0xffffff"] }, "priority": 1,
                  "action_name": "set_job", "action_params": { "job": 7, "tenant": 9 } },
                { "table": "job_member", "match": { "job": 7, "src": a.ipv4() }, "action_name": "allow" },
                { "table": "tenant_by_port", "match": { "port": 1 }, "action_name": "set_limited_tenant",
                  "action_params": { "tenant": 9 } } ] })
        .to_string(),
    )?;
    let (pa, pb) = (format!("1@{}", la.outer), format!("2@{}", lb.outer));
    let tables = tables.path().to_string_lossy().into_owned();
    let options = ["-i", &pa, "-i", &pb, "--tables", &tables, "--p4runtime", "127.0.0.1:0"];
    let switch = Switch::start(&pipelines().join("ai_fabric.p4"), &options)?;
    let address = switch.served()?.to_owned();
    let heddle = env!("CARGO_BIN_EXE_heddle");
    // A burst of one byte within the rate, and of a megabyte above it: all is marked and nothing refused.
    let limit = "--cir 1 --cburst 1 --pir 1000000 --pburst 1000000 --grpc";
    let limit: Vec<&str> = limit.split(' ').chain([address.as_str()]).collect();
    run(&[&[heddle, "meter", "set", "tenant_limit", "9"], &limit[..]].concat())?;

    let capture = tempfile::Builder::new().suffix(".pcap").tempfile()?;
    let capture_path = capture.path().to_string_lossy();
    let interface = b.interface();
    let mut tcpdump = b.spawn(&[
        "timeout",
        "60",
        "tcpdump",
        "-U",
        "-n",
        "-i",
        &interface,
        "-c",
        "14",
        "-w",
        &capture_path,
        "--immediate-mode",
        "udp dst port 4791",
    ])?;
    tcpdump.wait_for_stderr("listening on")?;
    let script = script();
    let script = script.to_string_lossy();
    let (src, dst) = (a.ipv4(), b.ipv4());
    a.exec(&["python3", &script, "messages", &a.interface(), &a.mac()?, ROUTER_A, src, dst, QP])?;
    tcpdump.finish()?;
    let summed = run(&["python3", &script, "sums", &capture_path, "14"])?;
    // All but the notification, which says that it understands no marks.
    if !summed.contains("13 marked") {
        return Err(summed.into());
    }

    let listed = run(&[heddle, "job", "ls", "--grpc", &address, "--json"])?;
    let jobs: serde_json::Value = serde_json::from_str(&listed)?;
    let job = jobs.as_array().and_then(|jobs| jobs.iter().find(|job| job["job"] == 7));
    let job = job.ok_or_else(|| format!("job 7 is not there:\n{listed}"))?;
    if job["slowest"] != serde_json::json!({ "from": a.ipv4(), "to": b.ipv4() }) {
        return Err(format!("who was slowest is not told:\n{listed}").into());
    }
    for (figure, wanted) in [
        ("tenant", 9),
        ("packets", 14),
        ("messages", 4),
        ("timed_messages", 3),
        ("announced_bytes", 12_288),
        ("resent", 1),
        ("notifications", 1),
        ("violations", 0),
    ] {
        if job[figure] != wanted {
            return Err(format!("`{figure}` is not {wanted}:\n{listed}").into());
        }
    }
    let shown = run(&[heddle, "job", "show", "7", "--grpc", &address])?;
    let watched = run(&[heddle, "job", "watch", "--grpc", &address, "--interval", "0.05", "--count", "2"])?;
    let table = run(&[heddle, "job", "ls", "--grpc", &address])?;
    for (text, wanted) in
        [(&shown, "messages ended                     4"), (&watched, "job 7"), (&table, "VIOLATIONS")]
    {
        if !text.contains(wanted) {
            return Err(format!("`{wanted}` is not in:\n{text}").into());
        }
    }
    switch.stop()
}

fn start(program: &str, a: &Link, b: &Link, tables: &Path) -> Result<Switch, Failed> {
    let (pa, pb) = (format!("1@{}", a.outer), format!("2@{}", b.outer));
    let tables = tables.to_string_lossy();
    Switch::start(&pipelines().join(program), &["-i", &pa, "-i", &pb, "--tables", &tables])
}

/// Sends from `a` to `gateway`; at `b` the same packets have to arrive with TTL one lower, from `new_src` to
/// `new_dst`.
fn send_and_compare(a: &Host, b: &Host, gateway: &str, new_src: &str, new_dst: &str) -> Result<(), Failed> {
    let script = script();
    let script = script.to_string_lossy();
    let (src, dst) = (a.ipv4(), b.ipv4());
    let wanted = host::temporary(&run(&["python3", &script, "expect", new_src, new_dst, src, dst, "63"])?)?;
    let count = std::fs::read_to_string(wanted.path())?.lines().count().to_string();

    let capture = tempfile::Builder::new().suffix(".pcap").tempfile()?;
    let capture_path = capture.path().to_string_lossy();
    let filter = format!("udp dst port 4791 and dst host {dst}");
    let mut tcpdump = b.spawn(&[
        "timeout",
        "60",
        "tcpdump",
        "-U",
        "-n",
        "-i",
        &b.interface(),
        "-c",
        &count,
        "-w",
        &capture_path,
        "--immediate-mode",
        "-B",
        "32768",
        &filter,
    ])?;
    tcpdump.wait_for_stderr("listening on")?;
    a.exec(&["python3", &script, "send", &a.interface(), &a.mac()?, gateway, src, dst])?;
    tcpdump.finish()?;

    let wanted_path = wanted.path().to_string_lossy();
    run(&["python3", &script, "compare", &capture_path, &wanted_path])?;

    let dissected = run(&[
        "tshark",
        "-r",
        &capture_path,
        "-o",
        "ip.check_checksum:TRUE",
        "-T",
        "fields",
        "-e",
        "infiniband.bth.opcode",
        "-e",
        "infiniband.bth.destqp",
        "-e",
        "ip.checksum.status",
        "-e",
        "_ws.malformed",
    ])?;
    for (index, line) in dissected.lines().enumerate() {
        let fields: Vec<&str> = line.split('\t').collect();
        let good = matches!(fields.as_slice(), [opcode, qp, "1", rest @ ..]
            if !opcode.is_empty() && !qp.is_empty() && rest.iter().all(|f| f.is_empty()));
        if !good {
            return Err(format!("tshark finds fault with packet {index}: {line}").into());
        }
    }
    if dissected.lines().count().to_string() != count {
        return Err(format!("tshark dissected {} packets of {count}", dissected.lines().count()).into());
    }
    Ok(())
}
