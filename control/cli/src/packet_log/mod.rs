//! `--packet-log`: what happens to packets of a switch that runs, as lines in a file or on standard output.
//!
//! Invariant: a log never holds up the switch, nor fills the disk unasked. Each second so many packets are shown, a worker
//! hands their lines to a thread that writes them through a bounded queue, and what is not shown is counted and said.
//! A file is put aside at a size, and only so many of those are kept.

mod bmv2;
mod file;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use heddle_engine::Engine;
use heddle_exec::trace::{Event, TextSink, TraceSink};
use heddle_ir::Verified;

use self::file::RotatedFile;

/// Texts that may wait to be written.
const WAITING_MAX: usize = 4096;
/// How long what was written may wait for more before it is in the file.
const FLUSH_AFTER: Duration = Duration::from_millis(50);

/// What to log, how, and where to.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Log what happens to packets, to standard output or to a file; the packets that are logged are slow
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    packet_log: Option<PathBuf>,
    /// How its lines look
    #[arg(long, value_enum, default_value_t = Style::Heddle, requires = "packet_log")]
    packet_log_style: Style,
    /// What it shows of a packet
    #[arg(long, value_enum, default_value_t = Events::All, requires = "packet_log")]
    packet_log_events: Events,
    /// Bytes of each packet that it shows when the packet comes and goes
    #[arg(long, value_name = "BYTES", default_value_t = 0, requires = "packet_log")]
    packet_log_bytes: usize,
    /// Packets of a second that it shows; the others are counted
    #[arg(long = "packet-log-rate", value_name = "PACKETS", default_value_t = 1000, requires = "packet_log")]
    packet_log_rate: u64,
    /// Bytes after which the file is put aside and a new one begun
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20, requires = "packet_log",
        value_parser = clap::value_parser!(u64).range(1..))]
    packet_log_size: u64,
    /// Files put aside that are kept
    #[arg(long, value_name = "COUNT", default_value_t = 3, requires = "packet_log")]
    packet_log_files: u64,
}

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Style {
    /// As `--trace` of `stf` and `replay` shows events
    Heddle,
    /// As BMv2 words them
    Bmv2,
}

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Events {
    /// Assertions that do not hold, and loops over their bound
    Faults,
    /// Those, and what the program logs by `log_msg`
    Messages,
    /// Everything
    All,
}

impl Events {
    /// The least that has to be asked for to see it.
    fn of(event: &Event<'_>) -> Events {
        match event {
            Event::AssertFailed { .. } | Event::LoopBoundExceeded { .. } => Events::Faults,
            Event::Logged { .. } => Events::Messages,
            Event::PassBegan { .. }
            | Event::ParserEntered { .. }
            | Event::StateEntered { .. }
            | Event::Transition { .. }
            | Event::HeaderExtracted { .. }
            | Event::ParserRejected { .. }
            | Event::TableApplied { .. }
            | Event::ActionEntered { .. }
            | Event::BodyEntered { .. }
            | Event::HeaderEmitted { .. }
            | Event::Counted { .. }
            | Event::Metered { .. }
            | Event::RegisterRead { .. }
            | Event::RegisterWritten { .. }
            | Event::DigestSent { .. }
            | Event::Decided { .. }
            | Event::Cloned { .. }
            | Event::PassEnded { .. }
            | Event::Dropped { .. } => Events::All,
        }
    }
}

/// A log that is open.
#[derive(Debug)]
pub(crate) struct PacketLog {
    options: Options,
    lines: Sender<String>,
    lost: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl PacketLog {
    /// Opens the log, if one is asked for.
    ///
    /// # Errors
    /// Its file cannot be opened.
    pub(crate) fn open(options: &Options) -> anyhow::Result<Option<PacketLog>> {
        let Some(destination) = &options.packet_log else { return Ok(None) };
        let out = match destination.as_os_str() == "-" {
            true => Out::Standard,
            false => Out::File(
                RotatedFile::create(destination, options.packet_log_size, options.packet_log_files)
                    .with_context(|| format!("{}: cannot be written", destination.display()))?,
            ),
        };
        let (lines, waiting) = bounded(WAITING_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        let thread = std::thread::Builder::new()
            .name("packet-log".to_owned())
            .spawn(move || write_all(&waiting, out, &counted))
            .context("a thread for the packet log")?;
        Ok(Some(PacketLog { options: options.clone(), lines, lost, thread }))
    }

    /// Shows from now on what happens to packets of the program that the engine runs. To be called again when another
    /// program has taken over.
    pub(crate) fn follow(&self, engine: &Engine) {
        let state = engine.state();
        let program = state.program();
        engine.set_trace(|_worker| {
            Some(Box::new(Sink {
                program: program.clone(),
                options: self.options.clone(),
                lines: self.lines.clone(),
                lost: Arc::clone(&self.lost),
                budget: Budget::new(self.options.packet_log_rate),
                is_shown: false,
                view: bmv2::View::default(),
            }))
        });
    }

    /// Writes what waits. The engine has to be gone: its workers hold the log as well.
    pub(crate) fn finish(self) {
        drop(self.lines);
        if self.thread.join().is_err() {
            eprintln!("warning: the packet log ended early");
        }
    }
}

/// Where lines go.
#[derive(Debug)]
enum Out {
    Standard,
    File(RotatedFile),
}

impl Out {
    fn write(&mut self, text: &str) -> std::io::Result<()> {
        match self {
            Out::Standard => std::io::stdout().lock().write_all(text.as_bytes()),
            Out::File(file) => file.write(text),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Out::Standard => std::io::stdout().lock().flush(),
            Out::File(file) => file.flush(),
        }
    }
}

fn write_all(lines: &Receiver<String>, mut out: Out, lost: &AtomicU64) {
    let mut write = || -> std::io::Result<()> {
        let mut is_flushed = true;
        loop {
            let line = if is_flushed {
                lines.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                lines.recv_timeout(FLUSH_AFTER)
            };
            let missing = lost.swap(0, Ordering::Relaxed);
            if missing > 0 {
                out.write(&format!("{missing} packets are not shown: they came too fast\n"))?;
            }
            match line {
                Ok(line) => {
                    out.write(&line)?;
                    is_flushed = false;
                }
                Err(ended) => {
                    out.flush()?;
                    is_flushed = true;
                    if ended == RecvTimeoutError::Disconnected {
                        return Ok(());
                    }
                }
            }
        }
    };
    if let Err(error) = write() {
        eprintln!("warning: the packet log ends here: {error}");
    }
}

/// How many packets may still be shown.
#[derive(Debug)]
struct Budget {
    rate: u64,
    left: u64,
    since: Instant,
}

impl Budget {
    fn new(rate: u64) -> Budget {
        Budget { rate, left: rate, since: Instant::now() }
    }

    /// Whether another packet may be shown now.
    fn take(&mut self) -> bool {
        if self.left == 0 && self.since.elapsed() >= Duration::from_secs(1) {
            self.left = self.rate;
            self.since = Instant::now();
        }
        let may = self.left > 0;
        self.left -= u64::from(may);
        may
    }
}

/// The trace of one worker.
struct Sink {
    program: Verified,
    options: Options,
    lines: Sender<String>,
    lost: Arc<AtomicU64>,
    budget: Budget,
    /// Whether the pass under way is shown.
    is_shown: bool,
    view: bmv2::View,
}

impl TraceSink for Sink {
    fn event(&mut self, event: &Event<'_>) {
        let is_wanted = Events::of(event) <= self.options.packet_log_events;
        match event {
            Event::PassBegan { .. } if self.options.packet_log_events == Events::All => {
                self.is_shown = self.budget.take();
                if !self.is_shown {
                    self.lost.fetch_add(1, Ordering::Relaxed);
                }
            }
            // Seldom enough to be counted one by one.
            _ if is_wanted && self.options.packet_log_events != Events::All => {
                self.is_shown = self.budget.take();
                if !self.is_shown {
                    self.lost.fetch_add(1, Ordering::Relaxed);
                }
            }
            _ => {}
        }
        let mut text = String::new();
        match self.options.packet_log_style {
            Style::Heddle if self.is_shown && is_wanted => {
                let mut sink = TextSink::new(&self.program, String::new());
                sink.event(event);
                // Writing to a string does not fail.
                text = sink.finish().unwrap_or_default();
            }
            Style::Heddle => {}
            Style::Bmv2 => {
                let prefix = Prefix::now();
                let mut lines = bmv2::Lines { text: &mut text, prefix, bytes: self.options.packet_log_bytes };
                // A pass is followed even if it is not shown, so that the next one has its number.
                self.view.event(&self.program, event, is_wanted && self.is_shown, &mut lines);
            }
        }
        if !text.is_empty() && self.lines.try_send(text).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What BMv2 begins its lines with: the time of day in UTC, to the millisecond.
#[derive(Clone, Copy, Debug)]
struct Prefix {
    time_ms: u64,
}

impl Prefix {
    fn now() -> Prefix {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Prefix { time_ms: (since.as_millis() % 86_400_000) as u64 }
    }

    /// `[hh:mm:ss.mmm] [bmv2] [D] [thread N] `
    fn write(self, text: &mut String, level: char) {
        let (seconds, ms) = (self.time_ms / 1000, self.time_ms % 1000);
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        let _ = write!(
            text,
            "[{hours:02}:{minutes:02}:{:02}.{ms:03}] [bmv2] [{level}] [thread {}] ",
            seconds % 60,
            std::process::id()
        );
    }
}
