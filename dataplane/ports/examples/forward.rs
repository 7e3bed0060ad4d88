//! The bare forwarder: what comes in at one port leaves by the other, unchanged. It costs what the kernel and
//! the ports cost, and so is the bar for any program run between the same two ports.
//!
//! `forward PORT@WHAT PORT@WHAT [--queues N] [--seconds N]`

use std::collections::VecDeque;
use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

use heddle_packet::{Packet, Pool};
use heddle_ports::spec::{BareName, OpenOptions, PortSpec};
use heddle_ports::{Port, Queue, QueueError};

const BATCH: usize = 64;
/// Packets that wait for a port before the port behind them is read no more.
const BACKLOG_MAX: usize = 1_024;

/// A queue of each port, and what waits to leave by it.
struct Pair {
    queues: [Box<dyn Queue>; 2],
    waiting: [VecDeque<Packet>; 2],
}

impl Pair {
    /// Moves a batch each way; returns how many packets were received or sent.
    fn relay(&mut self, now_ns: u64, pool: &mut Pool, batch: &mut Vec<Packet>) -> Result<usize, QueueError> {
        let mut moved = 0;
        for (from, to) in [(0, 1), (1, 0)] {
            if self.waiting[to].len() < BACKLOG_MAX {
                moved += self.queues[from].receive(now_ns, pool, batch, BATCH)?;
                self.waiting[to].extend(batch.drain(..));
            }
            moved += self.queues[to].transmit(now_ns, pool, &mut self.waiting[to])?;
        }
        Ok(moved)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut names, mut seconds, mut queues) = (Vec::new(), u64::MAX, 1);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seconds" => seconds = arguments.next().ok_or("--seconds needs a number")?.parse()?,
            "--queues" => queues = arguments.next().ok_or("--queues needs a number")?.parse()?,
            _ => names.push(argument),
        }
    }
    let [left, right] = &names[..] else { return Err("give two ports".into()) };
    let open = |text: &str| -> Result<Box<dyn Port>, Box<dyn Error>> {
        let port = PortSpec::parse(text, BareName::Interface)
            .map_err(|error| error.to_string())?
            .open(&OpenOptions { queues, ..OpenOptions::default() })
            .map_err(|error| error.to_string())?;
        writeln!(std::io::stderr(), "{:#?}", port.description())?;
        Ok(port)
    };
    let (mut left, mut right) = (open(left)?, open(right)?);
    let mut pairs: Vec<Pair> = left
        .split()
        .into_iter()
        .zip(right.split())
        .map(|(left, right)| Pair { queues: [left, right], waiting: Default::default() })
        .collect();
    let mut pool = Pool::new(4 * BATCH);
    let mut batch = Vec::with_capacity(BATCH);
    let start = Instant::now();
    let end = start.checked_add(Duration::from_secs(seconds));
    while end.is_none_or(|end| Instant::now() < end) {
        let now_ns = start.elapsed().as_nanos() as u64;
        let mut moved = 0;
        for pair in &mut pairs {
            moved += pair.relay(now_ns, &mut pool, &mut batch)?;
        }
        if moved == 0 {
            std::thread::yield_now();
        }
    }
    for queue in pairs.iter().flat_map(|pair| &pair.queues) {
        writeln!(std::io::stderr(), "port {}: {:?}", queue.port(), queue.stats())?;
    }
    Ok(())
}
