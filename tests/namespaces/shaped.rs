//! Interfaces with a rate set by `tc`: the rate holds, and the queue in front of it is the switch's, where the program
//! sees it; several queues share it by their weights.

use libtest_mimic::Failed;

use crate::host::{Host, Link, run, temporary};
use crate::switch::Switch;

const RATE_MBPS: f64 = 20.0;

/// Between ports 1 and 2, marking as congested (RFC 3168) what found more than eight packets in its queue. What has DSCP 2 waits
/// in queue 1, if there is one.
const PROGRAM: &str = r#"
#include <core.p4>
#include <v1model.p4>
header ethernet_t { bit<48> dst; bit<48> src; bit<16> type; }
header ipv4_t {
    bit<4> version; bit<4> ihl; bit<6> dscp; bit<2> ecn; bit<16> total_len; bit<16> id; bit<3> flags; bit<13> offset;
    bit<8> ttl; bit<8> protocol; bit<16> checksum; bit<32> src; bit<32> dst;
}
struct headers_t { ethernet_t ethernet; ipv4_t ipv4; }
struct meta_t { }
parser P(packet_in p, out headers_t hdr, inout meta_t m, inout standard_metadata_t s) {
    state start {
        p.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) { 0x0800: ipv4; default: accept; }
    }
    state ipv4 { p.extract(hdr.ipv4); transition accept; }
}
control V(inout headers_t hdr, inout meta_t m) { apply { } }
control I(inout headers_t hdr, inout meta_t m, inout standard_metadata_t s) {
    apply {
        s.egress_spec = 3 - s.ingress_port;
        if (hdr.ipv4.isValid() && hdr.ipv4.dscp == 2) { s.priority = 1; }
    }
}
control E(inout headers_t hdr, inout meta_t m, inout standard_metadata_t s) {
    apply {
        if (hdr.ipv4.isValid() && s.enq_qdepth > 8) { hdr.ipv4.ecn = 3; }
    }
}
control C(inout headers_t hdr, inout meta_t m) {
    apply {
        update_checksum(hdr.ipv4.isValid(),
            { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.dscp, hdr.ipv4.ecn, hdr.ipv4.total_len, hdr.ipv4.id,
              hdr.ipv4.flags, hdr.ipv4.offset, hdr.ipv4.ttl, hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst },
            hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}
control D(packet_out p, in headers_t hdr) { apply { p.emit(hdr.ethernet); p.emit(hdr.ipv4); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
"#;

/// Packets that a host received marked as congested.
fn marked(host: &Host) -> Result<u64, Failed> {
    host.kernel_count("/proc/net/netstat", "IpExt:", "InCEPkts")
}

/// The rate at which the server received. Older versions of iperf3 tell for UDP only what was sent and lost.
fn received_mbps(report: &serde_json::Value) -> Result<f64, Failed> {
    let end = &report["end"];
    if let Some(bits) = end["sum_received"]["bits_per_second"].as_f64() {
        return Ok(bits / 1e6);
    }
    let sent = end["sum"]["bits_per_second"].as_f64().ok_or("no rate is reported")?;
    let lost = end["sum"]["lost_percent"].as_f64().unwrap_or(0.0);
    Ok(sent / 1e6 * (1.0 - lost / 100.0))
}

fn holds(discipline: &[&str]) -> Result<(), Failed> {
    let (a, b) = (Host::new("10.7.0.1/24", "fd07::1/64")?, Host::new("10.7.0.2/24", "fd07::2/64")?);
    let (la, lb) = (Link::veth(&a, 1_500)?, Link::veth(&b, 1_500)?);
    for words in discipline {
        let line = words.replace("DEV", &lb.outer);
        run(&line.split(' ').collect::<Vec<_>>())?;
    }
    let program = temporary(PROGRAM)?;
    let switch =
        Switch::start(program.path(), &["-i", &format!("1@{}", la.outer), "-i", &format!("2@{}", lb.outer)])?;
    a.ping(b.ipv4(), &[])?;
    let server = b.iperf_server()?;
    // Less than the rate: the queue stays empty.
    let before = marked(&b)?;
    a.iperf(b.ipv4(), &["-u", "-b", "5M", "-l", "1000", "-t", "1"])?;
    let quiet = marked(&b)? - before;
    // Three times the rate: it holds, and the program sees the queue.
    let report = a.iperf(b.ipv4(), &["-u", "-b", "60M", "-l", "1400", "-t", "2"])?;
    let udp_mbps = received_mbps(&report)?;
    let crowded = marked(&b)? - before - quiet;
    let tcp = a.iperf(b.ipv4(), &["-t", "3"])?;
    let tcp_mbps = received_mbps(&tcp)?;
    drop(server);
    switch.stop()?;
    if quiet > 20 || crowded < 200 {
        return Err(format!("{quiet} packets are marked below the rate, {crowded} above").into());
    }
    // The rate is of whole frames, and a burst goes at once.
    for (what, mbps) in [("UDP", udp_mbps), ("TCP", tcp_mbps)] {
        if !(0.6 * RATE_MBPS..1.15 * RATE_MBPS).contains(&mbps) {
            return Err(format!("{what} comes at {mbps:.1} Mb/s where the rate is {RATE_MBPS}").into());
        }
    }
    Ok(())
}

/// Two streams that each send three times the rate: `--weights` divides it between their queues.
pub(crate) fn by_weights() -> Result<(), Failed> {
    let (a, b) = (Host::new("10.7.1.1/24", "fd07:1::1/64")?, Host::new("10.7.1.2/24", "fd07:1::2/64")?);
    let (la, lb) = (Link::veth(&a, 1_500)?, Link::veth(&b, 1_500)?);
    run(&[
        "tc", "qdisc", "add", "dev", &lb.outer, "root", "tbf", "rate", "20mbit", "burst", "16kb", "latency",
        "50ms",
    ])?;
    let program = temporary(PROGRAM)?;
    let (one, two) = (format!("1@{}", la.outer), format!("2@{}", lb.outer));
    let options = ["-i", &one, "-i", &two, "--priority-queues", "2", "--weights", "1,4"];
    let switch = Switch::start(program.path(), &options)?;
    a.ping(b.ipv4(), &[])?;
    let servers = (b.iperf_server()?, b.iperf_server_at(5_302)?);
    let stream = ["-u", "-b", "60M", "-l", "1000", "-t", "4"];
    let heavy = a.spawn(
        &[&["timeout", "60", "iperf3", "-J", "-c", b.ipv4(), "-p", "5302", "-S", "8"], &stream[..]].concat(),
    )?;
    let light_mbps = received_mbps(&a.iperf(b.ipv4(), &stream)?)?;
    let heavy_mbps = received_mbps(&serde_json::from_str(&heavy.finish()?.0)?)?;
    drop(servers);
    switch.stop()?;
    // They do not begin and end at one moment, and ping's and iperf's own packets are in the light queue.
    if !(2.5..6.0).contains(&(heavy_mbps / light_mbps)) {
        return Err(format!("weights of 4 and 1 give {heavy_mbps:.1} and {light_mbps:.1} Mb/s").into());
    }
    Ok(())
}

pub(crate) fn by_token_bucket() -> Result<(), Failed> {
    holds(&["tc qdisc add dev DEV root tbf rate 20mbit burst 16kb latency 50ms"])
}

pub(crate) fn by_hierarchy() -> Result<(), Failed> {
    holds(&[
        "tc qdisc add dev DEV root handle 1: htb default 1",
        "tc class add dev DEV parent 1: classid 1:1 htb rate 20mbit ceil 20mbit",
    ])
}
