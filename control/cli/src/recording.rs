//! What a switch that runs leaves behind of its packets: captures of its ports, and a log.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use heddle_engine::Engine;
use heddle_packet::PortId;
use heddle_ports::Port;
use heddle_ports::recorder::Recorder;
use heddle_ports::spec::PortSpec;

use crate::packet_log::{self, PacketLog};

/// What to keep.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Record what comes in and goes out by each port, into INTERFACE_in.pcap and INTERFACE_out.pcap in this folder
    #[arg(long, value_name = "DIR")]
    pcap: Option<PathBuf>,
    #[command(flatten)]
    packet_log: packet_log::Options,
}

/// The files, open.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    captures: Vec<(PortId, Recorder)>,
    log: Option<PacketLog>,
}

impl Recording {
    /// Opens what is asked for.
    ///
    /// # Errors
    /// A file cannot be created.
    pub(crate) fn open(options: &Options, specs: &[PortSpec]) -> anyhow::Result<Arc<Recording>> {
        let mut captures = Vec::new();
        if let Some(folder) = &options.pcap {
            for spec in specs {
                captures.push((spec.id, Recorder::create(folder, &spec.name)?));
            }
        }
        Ok(Arc::new(Recording { captures, log: PacketLog::open(&options.packet_log)? }))
    }

    /// The port, recorded if it is to be.
    pub(crate) fn wrap(&self, id: PortId, port: Box<dyn Port>) -> Box<dyn Port> {
        match self.captures.iter().find(|(of, _)| *of == id) {
            Some((_, recorder)) => recorder.wrap(port),
            None => port,
        }
    }

    /// To be called whenever a program has taken over.
    pub(crate) fn follow(&self, engine: &Engine) {
        if let Some(log) = &self.log {
            log.follow(engine);
        }
    }

    /// Writes what waits, and says what is missing. The engine has to be gone.
    pub(crate) fn finish(self: Arc<Self>) {
        // Whoever else holds it would wait for packets that never come.
        let Some(recording) = Arc::into_inner(self) else { return };
        if let Some(log) = recording.log {
            log.finish();
        }
        for (_, recorder) in recording.captures {
            if let Err(error) = recorder.finish() {
                eprintln!("warning: {error}");
            }
        }
    }
}
