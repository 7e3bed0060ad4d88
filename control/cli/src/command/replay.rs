//! `heddle replay`: packets from and to capture files.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use heddle_engine::{Config, PortConfig, Switch};
use heddle_packet::PortId;
use heddle_ports::Port;
use heddle_ports::pcap::PcapPort;
use heddle_runtime::learning::Agent;
use heddle_state::State;

use super::run::{Tables, summary};
use crate::executor::Engine;
use crate::exit::{Exit, UsageError};
use crate::packet_trace::StderrTrace;
use crate::program::{self, SourceOptions};

const EXAMPLES: &str = "\
Examples:
  heddle replay prog.p4 -i 1@in.pcap --out-dir out/
  heddle replay l2_switch.p4 -i 1@a.pcap -i 2@b.pcapng --out-dir out/ -p 3
  heddle replay --trace prog.p4 -i 1@in.pcap --out-dir out/ 2>&1 | less

Packets arrive at the times of the capture. What leaves by port N is written to N.pcap in the output folder.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// P4 program, or compiled artifact
    #[arg(value_name = "PROG.p4")]
    program: PathBuf,
    #[command(flatten)]
    source: SourceOptions,
    /// A port and the capture whose packets arrive at it (pcap or pcapng; may be repeated)
    #[arg(short = 'i', long = "interface", value_name = "PORT@FILE", required = true)]
    inputs: Vec<String>,
    /// A port at which nothing arrives (may be repeated)
    #[arg(short = 'p', long = "port", value_name = "PORT")]
    ports: Vec<u32>,
    /// Write what leaves by port N to N.pcap here
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
    #[command(flatten)]
    tables: Tables,
    /// What runs the program
    #[arg(long, value_enum, default_value_t)]
    engine: Engine,
    /// Print what happens to every packet
    #[arg(long)]
    trace: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<Exit> {
    let mut attachments: Vec<(u32, Option<PathBuf>)> = Vec::new();
    for input in &options.inputs {
        let wanted = || UsageError(format!("-i {input}: PORT@FILE is wanted, such as 1@in.pcap"));
        let (port, file) = input.split_once('@').ok_or_else(wanted)?;
        attachments.push((port.parse().map_err(|_| wanted())?, Some(file.into())));
    }
    attachments.extend(options.ports.iter().map(|port| (*port, None)));
    for (index, (port, _)) in attachments.iter().enumerate() {
        if attachments[..index].iter().any(|(earlier, _)| earlier == port) {
            bail!(UsageError(format!("port {port} is given twice")));
        }
    }
    let loaded = program::load(&options.program, &options.source)?;
    let executor = options.engine.executor(loaded.verified)?;
    let state = Arc::new(State::new(executor.program(), 1)?);
    options.tables.load(&state)?;
    let mut agent = Agent::for_program(executor.program());
    if let Some(agent) = &agent
        && options.tables.is_empty()
    {
        state.write(&[agent.initial(attachments.iter().map(|(port, _)| *port))])?;
    }

    std::fs::create_dir_all(&options.out_dir)
        .with_context(|| format!("{}: cannot be created", options.out_dir.display()))?;
    let mut opened = Vec::new();
    for (port, input) in &attachments {
        let output = options.out_dir.join(format!("{port}.pcap"));
        opened.push(PcapPort::open(PortId(*port), input.as_deref(), Some(&output))?);
    }
    let base_ns = opened.iter().filter_map(PcapPort::first_capture_ns).min().unwrap_or(0);
    let ports = opened.into_iter().map(|mut port| {
        port.set_time_base(base_ns);
        Box::new(port) as Box<dyn Port>
    });
    let config =
        Config { port_default: PortConfig { queues: 8, ..PortConfig::default() }, ..Config::default() };
    let mut switch = Switch::new(config, Arc::clone(&executor), Arc::clone(&state), ports.collect())?;
    if options.trace {
        switch.set_trace(Some(StderrTrace::boxed(executor.program())));
    }

    let mut now_ns = 0;
    loop {
        let step = switch.step(now_ns);
        while let Some(digest) = switch.digest() {
            if let Some(agent) = &mut agent {
                state.write(&agent.learn(digest.digest, &digest.values))?;
            }
        }
        if step.progressed {
            continue;
        }
        if switch.is_exhausted() {
            break;
        }
        match step.next_due_ns {
            Some(due_ns) if due_ns > now_ns => now_ns = due_ns,
            Some(_) | None => break,
        }
    }
    let mut exit = Exit::Success;
    while let Some(event) = switch.event() {
        eprintln!("error: {event}");
        exit = Exit::System;
    }
    eprint!("{}", summary("replayed", &switch.stats()));
    Ok(exit)
}
