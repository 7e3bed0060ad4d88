//! Two hosts with what is measured between them: namespaces and interfaces that are gone when their value is.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Addresses of the hosts, the same in every lane.
pub(crate) const ADDRESSES: [&str; 2] = ["10.99.0.1", "10.99.0.2"];
/// Their interfaces' hardware addresses.
pub(crate) const MACS: [&str; 2] = ["02:00:00:00:0a:01", "02:00:00:00:0a:02"];

/// Beyond the second host's interface, but not the host's: its kernel throws away what is for this hardware address
/// before it has cost much, where answering it would take the forwarder's processor longer than forwarding does.
pub(crate) const SINK: (&str, &str) = ("10.99.0.3", "02:00:00:00:0a:03");

/// What the switch's ends of the links are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// One end of a veth pair, the other in the host.
    Veth,
    /// A TAP interface that the switch makes; the host takes it over.
    Tap,
}

/// Two hosts.
#[derive(Debug)]
pub(crate) struct Lane {
    /// The hosts' namespaces.
    pub(crate) hosts: [String; 2],
    /// The hosts' interfaces.
    pub(crate) inner: [String; 2],
    /// The switch's.
    pub(crate) outer: [String; 2],
    ends: Ends,
}

/// Runs a command to its end.
pub(crate) fn run(line: &str) -> Result<String> {
    let words: Vec<_> = line.split_whitespace().collect();
    let output = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

impl Lane {
    /// Hosts without a link if that is made of TAP interfaces: [`Lane::connect`] follows once they are there.
    pub(crate) fn new(number: usize, ends: Ends) -> Result<Lane> {
        let name = |what: &str, host: usize| format!("po{what}{number}x{host}");
        let names = |what: &str| [name(what, 0), name(what, 1)];
        let inner = if ends == Ends::Tap { names("o") } else { names("i") };
        let lane = Lane { hosts: names("n"), inner, outer: names("o"), ends };
        for host in 0..2 {
            run(&format!("ip netns add {}", lane.hosts[host]))?;
            if ends == Ends::Veth {
                let (outer, inner, namespace) = (&lane.outer[host], &lane.inner[host], &lane.hosts[host]);
                run(&format!("ip link add {outer} type veth peer name {inner} netns {namespace}"))?;
                // Nothing of the host's own may go out of what is the switch's.
                let _no_ipv6 = fs::write(format!("/proc/sys/net/ipv6/conf/{outer}/disable_ipv6"), "1");
                run(&format!("ip link set {outer} up"))?;
                lane.configure(host)?;
            }
        }
        Ok(lane)
    }

    /// Gives the hosts the TAP interfaces that the switch has made.
    pub(crate) fn connect(&self) -> Result<()> {
        for host in 0..2 {
            run(&format!("ip link set {} netns {}", self.inner[host], self.hosts[host]))?;
            self.configure(host)?;
        }
        Ok(())
    }

    fn configure(&self, host: usize) -> Result<()> {
        let (inner, namespace) = (&self.inner[host], &self.hosts[host]);
        let _no_ipv6 = self.exec(host, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
        run(&format!("ip -n {namespace} link set {inner} address {} up", MACS[host]))?;
        run(&format!("ip -n {namespace} addr add {}/24 dev {inner}", ADDRESSES[host]))?;
        let (other, mac) = (ADDRESSES[1 - host], MACS[1 - host]);
        run(&format!("ip -n {namespace} neigh replace {other} lladdr {mac} dev {inner} nud permanent"))?;
        Ok(())
    }

    /// Runs a command on a host.
    pub(crate) fn exec(&self, host: usize, line: &str) -> Result<String> {
        run(&format!("ip netns exec {} {line}", self.hosts[host]))
    }

    /// Sets offloads of the hosts' interfaces, as ethtool names them.
    pub(crate) fn offloads(&self, setting: &str) -> Result<()> {
        (0..2).try_for_each(|host| {
            self.exec(host, &format!("ethtool -K {} {setting}", self.inner[host])).map(drop)
        })
    }

    /// Whether frames that come without a socket buffer are taken by the switch's ends.
    pub(crate) fn set_napi(&self, on: bool) -> Result<()> {
        let on = if on { "on" } else { "off" };
        if self.ends == Ends::Veth {
            for outer in &self.outer {
                run(&format!("ethtool -K {outer} gro {on}"))?;
            }
        }
        Ok(())
    }

    /// Frames that the second host has been given.
    pub(crate) fn delivered(&self) -> Result<u64> {
        let path = format!("/sys/class/net/{}/statistics/tx_packets", self.outer[1]);
        Ok(fs::read_to_string(path)?.trim().parse()?)
    }

    /// Index of the first host's interface, in its namespace.
    pub(crate) fn inner_index(&self) -> Result<u32> {
        let text = self.exec(0, &format!("cat /sys/class/net/{}/ifindex", self.inner[0]))?;
        Ok(text.trim().parse()?)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        for host in 0..2 {
            let _gone = run(&format!("ip netns del {}", self.hosts[host]));
            let _gone = run(&format!("ip link del {}", self.outer[host]));
        }
    }
}
