//! Hosts and links: namespaces and interfaces that are gone when their values are.

use std::cell::RefCell;
use std::io::Write as _;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use libtest_mimic::Failed;

/// Why these tests cannot run here, if so.
pub(crate) fn missing() -> Option<String> {
    let scapy = Command::new("python3").args(["-c", "import scapy.contrib.roce"]).output();
    if !scapy.is_ok_and(|output| output.status.success()) {
        return Some("python3 has no `scapy`; `pip install scapy` provides it".to_owned());
    }
    for tool in ["ip", "ping", "iperf3", "ethtool", "tshark", "tcpdump"] {
        if Command::new(tool).arg("--help").output().is_err() {
            return Some(format!("`{tool}` is not installed"));
        }
    }
    let name = unique("probe");
    if let Err(error) = run(&["ip", "netns", "add", &name]) {
        return Some(format!("network namespaces need root: {}", error.message().unwrap_or_default()));
    }
    let _ = run(&["ip", "netns", "del", &name]);
    None
}

/// A name that no other test or process uses; short enough for an interface.
pub(crate) fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("h{prefix}{:x}x{}", std::process::id() & 0xf_ffff, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Runs a command to its end.
pub(crate) fn run(words: &[&str]) -> Result<String, Failed> {
    let output = Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).output();
    finished(words, output)
}

fn finished(words: &[&str], output: std::io::Result<Output>) -> Result<String, Failed> {
    let output = output.map_err(|error| format!("`{}`: {error}", words.join(" ")))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{}` failed: {stderr}{stdout}", words.join(" ")).into());
    }
    Ok(stdout)
}

/// A file with this text, gone with the value.
pub(crate) fn temporary(text: &str) -> Result<tempfile::NamedTempFile, Failed> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

/// A host: a network namespace.
pub(crate) struct Host {
    namespace: String,
    ipv4: String,
    ipv6: String,
    interface: RefCell<Option<(String, Option<String>)>>,
}

impl Host {
    pub(crate) fn new(ipv4: &str, ipv6: &str) -> Result<Host, Failed> {
        let namespace = unique("n");
        run(&["ip", "netns", "add", &namespace])?;
        let host = Host { namespace, ipv4: ipv4.into(), ipv6: ipv6.into(), interface: RefCell::new(None) };
        host.exec(&["ip", "link", "set", "lo", "up"])?;
        Ok(host)
    }

    pub(crate) fn ipv4(&self) -> &str {
        self.ipv4.split('/').next().unwrap_or_default()
    }

    pub(crate) fn ipv6(&self) -> &str {
        self.ipv6.split('/').next().unwrap_or_default()
    }

    /// Takes an interface in, gives it the host's addresses and sets it up.
    pub(crate) fn adopt(&self, interface: &str, mtu_bytes: u32) -> Result<(), Failed> {
        run(&["ip", "link", "set", interface, "netns", &self.namespace])?;
        self.exec(&["ip", "link", "set", interface, "mtu", &mtu_bytes.to_string()])?;
        self.exec(&["ip", "addr", "add", &self.ipv4, "dev", interface])?;
        // Without duplicate address detection, which would delay the first packets by a second.
        self.exec(&["ip", "addr", "add", &self.ipv6, "dev", interface, "nodad"])?;
        self.exec(&["ip", "link", "set", interface, "up"])?;
        let mac = self.interface.borrow().as_ref().and_then(|(_, mac)| mac.clone());
        *self.interface.borrow_mut() = Some((interface.to_owned(), mac));
        Ok(())
    }

    /// Notes the address of an interface that will be adopted.
    pub(crate) fn remember(&self, interface: &str, mac: &str) {
        *self.interface.borrow_mut() = Some((interface.to_owned(), Some(mac.to_owned())));
    }

    pub(crate) fn interface(&self) -> String {
        self.interface.borrow().as_ref().map(|(name, _)| name.clone()).unwrap_or_default()
    }

    pub(crate) fn mac(&self) -> Result<String, Failed> {
        let known = self.interface.borrow().clone();
        match known {
            Some((_, Some(mac))) => Ok(mac),
            Some((name, None)) => {
                Ok(self.exec(&["cat", &format!("/sys/class/net/{name}/address")])?.trim().to_owned())
            }
            None => Err("the host has no interface yet".into()),
        }
    }

    fn words<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        ["ip", "netns", "exec", &self.namespace].into_iter().chain(words.iter().copied()).collect()
    }

    pub(crate) fn exec(&self, words: &[&str]) -> Result<String, Failed> {
        run(&self.words(words))
    }

    /// Offload settings of its interface as ethtool prints them.
    pub(crate) fn offloads(&self) -> Result<String, Failed> {
        self.exec(&["ethtool", "-k", &self.interface()])
    }

    /// Starts a command that is killed when its value goes.
    pub(crate) fn spawn(&self, words: &[&str]) -> Result<Background, Failed> {
        let words = self.words(words);
        let child = Command::new(words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(Background { child })
    }

    /// Three echoes that all have to come back.
    pub(crate) fn ping(&self, to: &str, options: &[&str]) -> Result<(), Failed> {
        let mut words = vec!["ping", "-c", "3", "-i", "0.2", "-W", "2"];
        words.extend(options);
        words.push(to);
        let report = self.exec(&words)?;
        if !report.contains(" 0% packet loss") {
            return Err(report.into());
        }
        Ok(())
    }

    /// What its kernel has counted: a value below its name in a table of /proc.
    pub(crate) fn kernel_count(&self, path: &str, row: &str, name: &str) -> Result<u64, Failed> {
        let text = self.exec(&["cat", path])?;
        let mut lines = text.lines().filter(|line| line.starts_with(row)).map(str::split_whitespace);
        let (names, values) = (lines.next().ok_or("no names")?, lines.next().ok_or("no values")?);
        let found = names.zip(values).find(|(of, _)| *of == name);
        Ok(found.ok_or_else(|| format!("the kernel does not count {name}"))?.1.parse()?)
    }

    /// An iperf3 server that is ready.
    pub(crate) fn iperf_server(&self) -> Result<Background, Failed> {
        self.iperf_server_at(5_201)
    }

    /// One beside others.
    pub(crate) fn iperf_server_at(&self, port: u16) -> Result<Background, Failed> {
        let mut server = self.spawn(&["iperf3", "-s", "--forceflush", "-p", &port.to_string()])?;
        server.wait_for("Server listening")?;
        Ok(server)
    }

    pub(crate) fn iperf(&self, to: &str, options: &[&str]) -> Result<serde_json::Value, Failed> {
        let mut words = vec!["timeout", "60", "iperf3", "-J", "-c", to];
        words.extend(options);
        // A server takes one client at a time, and may not be done yet with the one before.
        for _ in 0..100 {
            let report: serde_json::Value = serde_json::from_str(&self.exec(&words)?)?;
            if !report["error"].as_str().is_some_and(|error| error.contains("busy")) {
                return Ok(report);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err("iperf3's server stays busy".into())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = run(&["ip", "netns", "del", &self.namespace]);
    }
}

/// A command in the background.
pub(crate) struct Background {
    child: Child,
}

impl Background {
    /// Reads its standard output until a line contains `text`.
    pub(crate) fn wait_for(&mut self, text: &str) -> Result<(), Failed> {
        read_until(self.child.stdout.as_mut().ok_or("standard output is not piped")?, text)
    }

    /// Likewise its standard error.
    pub(crate) fn wait_for_stderr(&mut self, text: &str) -> Result<(), Failed> {
        read_until(self.child.stderr.as_mut().ok_or("standard error is not piped")?, text)
    }

    /// Waits for its end and gives what it wrote.
    pub(crate) fn finish(mut self) -> Result<(String, String), Failed> {
        use std::io::Read as _;
        let (mut stdout, mut stderr) = (String::new(), String::new());
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_string(&mut stdout)?;
        }
        if let Some(mut pipe) = self.child.stderr.take() {
            pipe.read_to_string(&mut stderr)?;
        }
        let status = self.child.wait()?;
        if !status.success() {
            return Err(format!("it ended with {status}: {stderr}").into());
        }
        Ok((stdout, stderr))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One byte at a time, so that nothing behind the line is taken.
fn read_until(pipe: &mut impl std::io::Read, text: &str) -> Result<(), Failed> {
    let (mut seen, mut byte) = (Vec::new(), [0]);
    while pipe.read(&mut byte)? == 1 {
        seen.push(byte[0]);
        if seen.ends_with(text.as_bytes()) {
            return Ok(());
        }
    }
    Err(format!("it ended without saying `{text}`: {}", String::from_utf8_lossy(&seen)).into())
}

/// A veth pair: one end in a host, the other here, for the switch.
pub(crate) struct Link {
    /// The end here.
    pub(crate) outer: String,
}

impl Link {
    pub(crate) fn veth(host: &Host, mtu_bytes: u32) -> Result<Link, Failed> {
        Link::veth_with_queues(host, mtu_bytes, 1)
    }

    /// With so many queues at both ends.
    pub(crate) fn veth_with_queues(host: &Host, mtu_bytes: u32, queues: u32) -> Result<Link, Failed> {
        Link::make(&unique("o"), host, mtu_bytes, queues)
    }

    /// With this name.
    pub(crate) fn named(outer: &str, host: &Host, mtu_bytes: u32) -> Result<Link, Failed> {
        Link::make(outer, host, mtu_bytes, 1)
    }

    fn make(outer: &str, host: &Host, mtu_bytes: u32, queues: u32) -> Result<Link, Failed> {
        let (outer, inner, queues) = (outer.to_owned(), unique("i"), queues.to_string());
        let sizes = ["numrxqueues", &queues, "numtxqueues", &queues];
        let mut words = vec!["ip", "link", "add", &outer];
        words.extend(sizes);
        words.extend(["type", "veth", "peer", "name", &inner]);
        words.extend(sizes);
        run(&words)?;
        let link = Link { outer };
        run(&["ip", "link", "set", &link.outer, "mtu", &mtu_bytes.to_string(), "up"])?;
        host.adopt(&inner, mtu_bytes)?;
        Ok(link)
    }

    /// Flags as the kernel prints them.
    pub(crate) fn flags(&self) -> Result<String, Failed> {
        Ok(std::fs::read_to_string(format!("/sys/class/net/{}/flags", self.outer))?)
    }

    /// Offload settings as ethtool prints them.
    pub(crate) fn offloads(&self) -> Result<String, Failed> {
        run(&["ethtool", "-k", &self.outer])
    }

    /// What an XDP port may have changed: the program, promiscuity and interrupt deferral.
    pub(crate) fn settings(&self) -> Result<String, Failed> {
        let mut text = self.flags()? + &self.offloads()?;
        for setting in ["napi_defer_hard_irqs", "gro_flush_timeout"] {
            text += &std::fs::read_to_string(format!("/sys/class/net/{}/{setting}", self.outer))?;
        }
        let link = run(&["ip", "-d", "link", "show", &self.outer])?;
        Ok(text + if link.contains("xdp") { "has an XDP program" } else { "has no XDP program" })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _ = run(&["ip", "link", "del", &self.outer]);
    }
}
