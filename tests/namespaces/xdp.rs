//! AF_XDP ports between real hosts.

use libtest_mimic::Failed;

use crate::host::{Host, Link};
use crate::switch::{Switch, pipelines};
use crate::{default_routes, exercise, routed_hosts, router_tables};

fn two_hosts() -> Result<(Host, Host), Failed> {
    Ok((Host::new("10.7.0.1/24", "fd07::1/64")?, Host::new("10.7.0.2/24", "fd07::2/64")?))
}

/// `-i` for port 1 and port 2 by AF_XDP, and other options.
fn between<'a>(ports: &'a [String; 2], more: &[&'a str]) -> Vec<&'a str> {
    let mut options = vec!["-i", &ports[0], "-i", &ports[1]];
    options.extend(more);
    options
}

fn by_xdp(a: &Link, b: &Link) -> [String; 2] {
    [format!("1@xdp:{}", a.outer), format!("2@xdp:{}", b.outer)]
}

fn expect(log: &str, texts: &[&str]) -> Result<(), Failed> {
    match texts.iter().find(|text| !log.contains(**text)) {
        Some(text) => Err(format!("`{text}` is not said:\n{log}").into()),
        None => Ok(()),
    }
}

pub(crate) fn l2_switch() -> Result<(), Failed> {
    let (a, b) = two_hosts()?;
    let (la, lb) = (Link::veth(&a, 9_000)?, Link::veth(&b, 9_000)?);
    let before = (la.settings()?, lb.settings()?, a.offloads()?, b.offloads()?);
    let ports = by_xdp(&la, &lb);
    let switch = Switch::start(&pipelines().join("l2_switch.p4"), &between(&ports, &[]))?;
    exercise(&a, &b)?;
    let log = switch.stop_with_log()?;
    expect(&log, &["AF_XDP", "zero-copy was refused"])?;
    let after = (la.settings()?, lb.settings()?, a.offloads()?, b.offloads()?);
    if before != after {
        return Err(format!("before {before:?}\nafter {after:?}").into());
    }
    Ok(())
}

pub(crate) fn l2_switch_with_two_queues() -> Result<(), Failed> {
    let (a, b) = two_hosts()?;
    let (la, lb) = (Link::veth_with_queues(&a, 1_500, 2)?, Link::veth_with_queues(&b, 1_500, 2)?);
    let ports = by_xdp(&la, &lb);
    let switch = Switch::start(&pipelines().join("l2_switch.p4"), &between(&ports, &["--workers", "2"]))?;
    a.ping(b.ipv4(), &[])?;
    let server = b.iperf_server()?;
    let tcp = a.iperf(b.ipv4(), &["-P", "8", "-n", "64M"])?;
    crate::assert_moved(&tcp, 64 << 20)?;
    drop(server);
    expect(&switch.stop_with_log()?, &["2 queues", "One socket for each of its 2 queues."])
}

pub(crate) fn l2_switch_busy_polled() -> Result<(), Failed> {
    let (a, b) = two_hosts()?;
    let (la, lb) = (Link::veth(&a, 1_500)?, Link::veth(&b, 1_500)?);
    let before = (la.settings()?, lb.settings()?);
    let ports = by_xdp(&la, &lb);
    let switch = Switch::start(&pipelines().join("l2_switch.p4"), &between(&ports, &["--busy-poll"]))?;
    a.ping(b.ipv4(), &[])?;
    let server = b.iperf_server()?;
    crate::assert_moved(&a.iperf(b.ipv4(), &["-n", "16M"])?, 16 << 20)?;
    drop(server);
    expect(&switch.stop_with_log()?, &["Busy-polled"])?;
    let after = (la.settings()?, lb.settings()?);
    if before != after {
        return Err(format!("before {before:?}\nafter {after:?}").into());
    }
    Ok(())
}

pub(crate) fn l3_router() -> Result<(), Failed> {
    let (a, b) = routed_hosts()?;
    let (la, lb) = (Link::veth(&a, 9_000)?, Link::veth(&b, 9_000)?);
    default_routes(&a, &b)?;
    let tables = router_tables(&a, &b)?;
    let (ports, path) = (by_xdp(&la, &lb), tables.path().to_string_lossy());
    let switch = Switch::start(&pipelines().join("l3_router.p4"), &between(&ports, &["--tables", &path]))?;
    exercise(&a, &b)?;
    switch.stop()
}

/// One port of each kind: what one left to the other's offloads would be lost.
pub(crate) fn to_af_packet() -> Result<(), Failed> {
    let (a, b) = two_hosts()?;
    let (la, lb) = (Link::veth(&a, 9_000)?, Link::veth(&b, 9_000)?);
    let ports = [format!("1@xdp:{}", la.outer), format!("2@{}", lb.outer)];
    let switch = Switch::start(&pipelines().join("l2_switch.p4"), &between(&ports, &[]))?;
    exercise(&a, &b)?;
    switch.stop()
}

pub(crate) fn falls_back() -> Result<(), Failed> {
    let (a, b) = two_hosts()?;
    let (la, lb) = (Link::veth(&a, 1_500)?, Link::veth(&b, 1_500)?);
    let ports = by_xdp(&la, &lb);
    let holder = Switch::start(&pipelines().join("l2_switch.p4"), &["-i", &ports[0]])?;
    // Its program is on the interface already, so there is no room for another.
    let switch = Switch::start(&pipelines().join("l2_switch.p4"), &between(&ports, &[]))?;
    let said = "another XDP program is on the interface); attached by AF_PACKET instead.";
    expect(switch.log(), &[said, "port 1: AF_PACKET", "port 2: AF_XDP"])?;
    holder.stop()?;
    a.ping(b.ipv4(), &[])?;
    switch.stop()
}

pub(crate) fn link_is_lost() -> Result<(), Failed> {
    crate::loses_its_link("xdp:")
}

pub(crate) fn interface_comes_back() -> Result<(), Failed> {
    crate::comes_back("xdp:")
}

pub(crate) fn goes_with_a_killed_switch() -> Result<(), Failed> {
    let (a, b) = two_hosts()?;
    let (la, lb) = (Link::veth(&a, 1_500)?, Link::veth(&b, 1_500)?);
    let before = la.settings()?;
    let ports = by_xdp(&la, &lb);
    let switch = Switch::start(&pipelines().join("l2_switch.p4"), &between(&ports, &[]))?;
    if la.settings()? == before {
        return Err("no program was attached".into());
    }
    switch.kill()?;
    let after = la.settings()?;
    if before != after {
        return Err(format!("before {before}\nafter {after}").into());
    }
    // And what it held is free again.
    let switch = Switch::start(&pipelines().join("l2_switch.p4"), &between(&ports, &[]))?;
    a.ping(b.ipv4(), &[])?;
    expect(&switch.stop_with_log()?, &["port 1: AF_XDP"])
}
