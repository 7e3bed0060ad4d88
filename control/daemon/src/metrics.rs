//! `--metrics`: what happened, as Prometheus reads it.
//!
//! Invariant: one short answer for each connection, so that whoever asks and does not read holds nothing but a socket, and
//! only so many of those at a time.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::call::{Ask, Caller};
use crate::proto::{Count, GetStatsResponse};

/// Who may ask at a time.
const CONNECTIONS: usize = 16;
/// How long a request and its answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a request's head.
const HEAD_BYTES: usize = 8 << 10;
/// Pause after the system refused a connection for want of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `GET /metrics`.
pub(crate) async fn serve(listener: TcpListener, caller: Caller) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok((tcp, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let caller = caller.clone();
        tokio::spawn(async move {
            let _place = place;
            // One who does not read gets nothing.
            let _ = timeout(PATIENCE, answer(tcp, caller)).await;
        });
    }
}

async fn answer(mut tcp: TcpStream, caller: Caller) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > HEAD_BYTES || tcp.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let (status, body) = if head.starts_with(b"GET /metrics ") || head.starts_with(b"GET /metrics?") {
        match caller.ask(Ask::Stats).await {
            Ok(stats) => ("200 OK", render(&stats)),
            Err(_) => ("503 Service Unavailable", "the switch is stopping\n".to_owned()),
        }
    } else {
        ("404 Not Found", "GET /metrics is what is served here\n".to_owned())
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    tcp.write_all(head.as_bytes()).await?;
    tcp.write_all(body.as_bytes()).await?;
    tcp.shutdown().await
}

/// A label's value, as the format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP heddle_{name} {help}\n# TYPE heddle_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "heddle_{name}{labels} {value}");
    }
}

fn render(stats: &GetStatsResponse) -> String {
    let mut page = Page(String::new());
    let totals: [(&str, &str, u64); 5] = [
        ("received_packets_total", "Packets received by all ports.", stats.received),
        ("injected_packets_total", "Packets that the control plane put in.", stats.injected),
        ("copied_packets_total", "Packets made by cloning and multicast.", stats.copies),
        ("transmitted_packets_total", "Packets sent by all ports.", stats.transmitted),
        ("delivered_packets_total", "Packets delivered to the control plane.", stats.delivered),
    ];
    for (name, help, value) in totals {
        page.family(name, "counter", help);
        page.sample(name, &[], value);
    }
    page.family("packets_in_flight", "gauge", "Packets that are neither gone nor lost.");
    page.sample("packets_in_flight", &[], stats.in_flight);
    page.family("dropped_packets_total", "counter", "Packets lost, by reason.");
    for Count { name, count } in &stats.drops {
        page.sample("dropped_packets_total", &[("reason", name)], *count);
    }
    ports(&mut page, stats);
    page.family("table_entries", "gauge", "Entries of a table.");
    for table in &stats.tables {
        page.sample("table_entries", &[("table", &table.name)], table.entries);
    }
    page.family("table_size", "gauge", "Entries that a table has room for.");
    for table in &stats.tables {
        page.sample("table_size", &[("table", &table.name)], table.size);
    }
    page.family("table_memory_bytes", "gauge", "Bytes that a table's entries and what finds them take.");
    for table in &stats.tables {
        page.sample("table_memory_bytes", &[("table", &table.name)], table.memory_bytes);
    }
    page.family("lost_notifications_total", "counter", "What the control plane did not take fast enough.");
    page.sample("lost_notifications_total", &[("kind", "digest")], stats.digests_lost);
    page.sample("lost_notifications_total", &[("kind", "event")], stats.events_lost);
    page.family("server", "gauge", "What the control plane's server counts of itself.");
    for Count { name, count } in &stats.server {
        page.sample("server", &[("what", name)], *count);
    }
    page.0
}

fn ports(page: &mut Page, stats: &GetStatsResponse) {
    let names: Vec<String> = stats
        .ports
        .iter()
        .map(|port| port.id.map_or_else(|| "unknown".to_owned(), |id| id.to_string()))
        .collect();
    let each = || names.iter().map(String::as_str).zip(&stats.ports);
    page.family("port_up", "gauge", "Whether a port works.");
    for (name, port) in each().filter(|(_, port)| port.id.is_some()) {
        page.sample("port_up", &[("port", name)], u64::from(port.up));
    }
    type Get = fn(&crate::proto::PortStats) -> u64;
    let counters: [(&str, &str, Get); 6] = [
        ("port_rx_packets_total", "Packets received.", |port| port.rx_packets),
        ("port_rx_bytes_total", "Bytes received.", |port| port.rx_bytes),
        ("port_tx_packets_total", "Packets sent.", |port| port.tx_packets),
        ("port_tx_bytes_total", "Bytes sent.", |port| port.tx_bytes),
        ("port_rx_missed_total", "Packets that the kernel had no room for.", |port| port.rx_missed),
        ("port_rx_invalid_total", "Frames that could not be used.", |port| port.rx_invalid),
    ];
    for (metric, help, get) in counters {
        page.family(metric, "counter", help);
        for (name, port) in each() {
            page.sample(metric, &[("port", name)], get(port));
        }
    }
    page.family("port_dropped_packets_total", "counter", "Packets lost at a port, by reason.");
    for (name, port) in each() {
        for Count { name: reason, count } in &port.drops {
            page.sample("port_dropped_packets_total", &[("port", name), ("reason", reason)], *count);
        }
    }
    page.family("queue_packets", "gauge", "Packets that wait in a queue of a port.");
    for (name, port) in each() {
        for (index, queue) in port.queues.iter().enumerate() {
            page.sample("queue_packets", &[("port", name), ("queue", &index.to_string())], queue.packets);
        }
    }
}
