//! Events in BMv2's words, for people and scripts that read its logs.
//!
//! What BMv2 knows and Heddle does not (handles of entries, conditions, primitives by source line) is left out; parts
//! of a program have BMv2's names: `parser`, `ingress`, `egress`, `deparser`.

use std::collections::VecDeque;
use std::fmt::Write as _;

use heddle_exec::trace::Event;
use heddle_exec::{Entry, Intrinsics, Verdict};
use heddle_ir::{Bits, DropReason, Origin, Program};

use super::Prefix;

/// Packets between ingress and egress whose numbers are remembered.
const UNDER_WAY_MAX: usize = 1024;

/// Where lines are put.
pub(super) struct Lines<'a> {
    pub(super) text: &'a mut String,
    pub(super) prefix: Prefix,
    /// Bytes shown of packets that come and go.
    pub(super) bytes: usize,
}

/// What has to be remembered from one event to the next.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Packets so far.
    packets: u64,
    /// The one under way.
    packet: u64,
    /// Those that wait for egress: when and by which port they came, and their numbers.
    under_way: VecDeque<(u64, u32, u64)>,
    entry: Option<Entry>,
    stage: Stage,
    egress_port: u32,
}

/// The part of a pass that is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    None,
    Parser,
    Pipeline,
    Deparser,
}

struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A value in as many hexadecimal digits as its bytes have.
struct Padded<'a>(&'a Bits);

impl std::fmt::Display for Padded<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = format!("{:x}", self.0);
        let wanted = self.0.width().div_ceil(8) as usize * 2;
        write!(f, "{digits:0>wanted$}")
    }
}

/// A value as BMv2's messages show it.
struct Decimal<'a>(&'a Bits);

impl std::fmt::Display for Decimal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.width() {
            0..=128 => write!(f, "{}", self.0.low_u128()),
            _ => write!(f, "{:#x}", self.0),
        }
    }
}

impl View {
    /// Puts an event's lines to the others, if it is shown.
    pub(super) fn event(
        &mut self,
        program: &Program,
        event: &Event<'_>,
        is_shown: bool,
        lines: &mut Lines<'_>,
    ) {
        if let Event::PassBegan { entry, intrinsics, .. } = event {
            self.begin(*entry, intrinsics);
        }
        let mut log = Log { lines, packet: self.packet, is_shown };
        self.tell(program, event, &mut log);
    }

    fn begin(&mut self, entry: Entry, intrinsics: &Intrinsics) {
        self.entry = Some(entry);
        self.stage = Stage::None;
        self.egress_port = intrinsics.egress_port;
        let key =
            |of: &(u64, u32, u64)| (of.0, of.1) == (intrinsics.ingress_time_ns, intrinsics.ingress_port);
        match entry {
            Entry::Ingress => {
                self.packet = self.packets;
                self.packets += 1;
                if self.under_way.len() == UNDER_WAY_MAX {
                    self.under_way.pop_front();
                }
                self.under_way.push_back((intrinsics.ingress_time_ns, intrinsics.ingress_port, self.packet));
            }
            Entry::Egress => {
                let found = self.under_way.iter().position(key);
                self.packet = found.map_or(self.packets, |at| self.under_way[at].2);
                // A copy is followed by others with the same number.
                if let (Some(at), Origin::Normal) = (found, intrinsics.origin) {
                    self.under_way.remove(at);
                }
            }
        }
    }

    fn tell(&mut self, program: &Program, event: &Event<'_>, log: &mut Log<'_, '_>) {
        match event {
            Event::PassBegan { entry, intrinsics, bytes } => {
                if *entry == Entry::Ingress {
                    log.received(intrinsics.ingress_port, bytes);
                    log.debug(format_args!("Processing packet received on port {}", intrinsics.ingress_port));
                }
            }
            Event::ParserEntered { .. } => {
                if self.stage != Stage::Parser {
                    log.debug(format_args!("Parser 'parser': start"));
                }
                self.stage = Stage::Parser;
            }
            Event::StateEntered { parser, state } => {
                let state = program.parsers.get(*parser).and_then(|parser| parser.states.get(*state));
                let name = state.map_or("?", |state| state.name.as_str());
                log.debug(format_args!("Parser 'parser' entering state '{name}'"));
            }
            Event::Transition { on, .. } => {
                if !on.is_empty() {
                    let key: String = on.iter().map(|value| Padded(value).to_string()).collect();
                    log.debug(format_args!("Parser state: key is {key}"));
                }
            }
            Event::HeaderExtracted { header, .. } => {
                log.debug(format_args!("Extracting header '{}'", header_name(program, *header)));
            }
            Event::ParserRejected { error, .. } => {
                let code = program.errors.get(*error as usize).map_or("?", String::as_str);
                log.error(format_args!("Exception while parsing: {code}"));
            }
            Event::TableApplied { table, keys, hit, action, args } => {
                self.enter_pipeline(log);
                let Some(table) = program.tables.get(*table) else { return };
                let name = &table.control.name;
                log.trace(format_args!("Applying table '{name}'"));
                if !keys.is_empty() {
                    let mut text = String::from("Looking up key:\n");
                    for (key, value) in table.keys.iter().zip(*keys) {
                        let _ = writeln!(text, "* {:<20}: {}", key.name, Padded(value));
                    }
                    log.debug(format_args!("{text}"));
                }
                log.debug(format_args!("Table '{name}': {}", if *hit { "hit" } else { "miss" }));
                let action = action.and_then(|action| program.actions.get(action));
                let action = action.map_or("NoAction", |action| action.control.name.as_str());
                let args: String = args.iter().map(|arg| format!("{arg:x},")).collect();
                log.debug(format_args!("Action entry is {action} - {args}"));
            }
            Event::ActionEntered { action } => {
                self.enter_pipeline(log);
                let name = program.actions.get(*action).map_or("?", |action| action.control.name.as_str());
                log.trace(format_args!("Action {name}"));
            }
            Event::BodyEntered { .. } => self.enter_pipeline(log),
            Event::HeaderEmitted { header, .. } => {
                self.leave_pipeline(log);
                if self.stage != Stage::Deparser {
                    log.debug(format_args!("Deparser 'deparser': start"));
                }
                self.stage = Stage::Deparser;
                log.debug(format_args!("Deparsing header '{}'", header_name(program, *header)));
            }
            Event::Counted { counter, index } => {
                let name =
                    program.counters.get(*counter).map_or("?", |counter| counter.control.name.as_str());
                if let Some(index) = index {
                    log.trace(format_args!("Updated counter '{name}' at index {}", Decimal(index)));
                }
            }
            Event::Metered { meter, index, .. } => {
                let name = program.meters.get(*meter).map_or("?", |meter| meter.control.name.as_str());
                if let Some(index) = index {
                    log.debug(format_args!("Executing meter {name}[{}]", Decimal(index)));
                }
            }
            Event::RegisterRead { register, index, value } => {
                let name = program.registers.get(*register).map_or("?", |r| r.control.name.as_str());
                log.trace(format_args!(
                    "Read register '{name}' at index {} read value {}",
                    Decimal(index),
                    Decimal(value)
                ));
            }
            Event::RegisterWritten { register, index, value } => {
                let name = program.registers.get(*register).map_or("?", |r| r.control.name.as_str());
                log.trace(format_args!(
                    "Wrote register '{name}' at index {} with value {}",
                    Decimal(index),
                    Decimal(value)
                ));
            }
            Event::DigestSent { digest, .. } => {
                log.trace(format_args!("Learning sample for list id {}", digest.as_u32()));
            }
            Event::Logged { format, args } => log.message(format, args),
            Event::AssertFailed { message } => log.error(format_args!("Assert error: {message}")),
            Event::LoopBoundExceeded { bound } => {
                log.error(format_args!("A loop took more than {bound} rounds"));
            }
            Event::Cloned { .. } => match self.entry {
                Some(Entry::Egress) => log.debug(format_args!("Cloning packet at egress")),
                Some(Entry::Ingress) | None => log.debug(format_args!("Cloning packet at ingress")),
            },
            Event::Decided { .. } => {}
            Event::PassEnded { verdict, bytes } => {
                self.leave_pipeline(log);
                if self.stage == Stage::Deparser {
                    log.debug(format_args!("Deparser 'deparser': end"));
                }
                match verdict {
                    Verdict::Enqueue { port, .. } => log.debug(format_args!("Egress port is {port}")),
                    Verdict::Replicate { .. } => log.debug(format_args!("Multicast requested for packet")),
                    Verdict::Resubmit => log.debug(format_args!("Resubmitting packet")),
                    Verdict::Recirculate => log.debug(format_args!("Recirculating packet")),
                    Verdict::Transmit => log.transmitted(self.egress_port, bytes),
                    Verdict::Passed { port, .. } => log.transmitted(*port, bytes),
                    Verdict::Drop(reason) | Verdict::Lost { reason, .. } => log.dropped(*reason),
                }
                self.stage = Stage::None;
            }
            Event::Dropped { reason } => {
                self.leave_pipeline(log);
                log.dropped(*reason);
                self.stage = Stage::None;
            }
        }
    }

    fn pipeline(&self) -> &'static str {
        match self.entry {
            Some(Entry::Egress) => "egress",
            Some(Entry::Ingress) | None => "ingress",
        }
    }

    fn enter_pipeline(&mut self, log: &mut Log<'_, '_>) {
        if self.stage == Stage::Parser {
            log.debug(format_args!("Parser 'parser': end"));
        }
        if matches!(self.stage, Stage::Parser | Stage::None) {
            log.debug(format_args!("Pipeline '{}': start", self.pipeline()));
            self.stage = Stage::Pipeline;
        }
    }

    fn leave_pipeline(&mut self, log: &mut Log<'_, '_>) {
        if matches!(self.stage, Stage::Parser | Stage::None) {
            self.enter_pipeline(log);
        }
        if self.stage == Stage::Pipeline {
            log.debug(format_args!("Pipeline '{}': end", self.pipeline()));
            self.stage = Stage::None;
        }
    }
}

/// A header by the name that BMv2 has for it, which lacks that of the struct around it.
fn header_name(program: &Program, header: heddle_ir::HeaderId) -> &str {
    let name = program.headers.get(header).map_or("?", |header| header.name.as_str());
    name.split_once('.').map_or(name, |(_, rest)| rest)
}

/// Lines of one packet.
struct Log<'a, 'b> {
    lines: &'a mut Lines<'b>,
    packet: u64,
    is_shown: bool,
}

impl Log<'_, '_> {
    fn line(&mut self, level: char, text: std::fmt::Arguments<'_>) {
        if self.is_shown {
            self.lines.prefix.write(self.lines.text, level);
            let _ = writeln!(self.lines.text, "[{}.0] [cxt 0] {text}", self.packet);
        }
    }

    fn debug(&mut self, text: std::fmt::Arguments<'_>) {
        self.line('D', text);
    }

    fn trace(&mut self, text: std::fmt::Arguments<'_>) {
        self.line('T', text);
    }

    fn error(&mut self, text: std::fmt::Arguments<'_>) {
        self.line('E', text);
    }

    fn info(&mut self, text: std::fmt::Arguments<'_>) {
        if self.is_shown {
            self.lines.prefix.write(self.lines.text, 'I');
            let _ = writeln!(self.lines.text, "{text}");
        }
    }

    fn received(&mut self, port: u32, bytes: &[u8]) {
        let shown = &bytes[..bytes.len().min(self.lines.bytes)];
        if !shown.is_empty() {
            let len = bytes.len();
            self.info(format_args!("Received packet of length {len} on port {port}: {}", Hex(shown)));
        }
    }

    fn transmitted(&mut self, port: u32, bytes: &[u8]) {
        self.debug(format_args!("Transmitting packet of size {} out of port {port}", bytes.len()));
        let shown = &bytes[..bytes.len().min(self.lines.bytes)];
        if !shown.is_empty() {
            let len = bytes.len();
            self.info(format_args!("Sending packet of length {len} on port {port}: {}", Hex(shown)));
        }
    }

    fn dropped(&mut self, reason: DropReason) {
        match reason {
            DropReason::IngressDrop => self.debug(format_args!("Dropping packet at the end of ingress")),
            DropReason::EgressDrop => self.debug(format_args!("Dropping packet at the end of egress")),
            DropReason::ParserReject => self.debug(format_args!("Dropping packet: the parser rejects it")),
            DropReason::NoDecision => {
                self.debug(format_args!("Dropping packet: nothing decided where it goes"))
            }
            DropReason::AssertFailed => {
                self.debug(format_args!("Dropping packet: an assertion does not hold"))
            }
            DropReason::LoopBound => self.debug(format_args!("Dropping packet: a loop went over its bound")),
        }
    }

    /// `log_msg`: `{}` stand for the arguments, in decimal.
    fn message(&mut self, format: &str, args: &[Bits]) {
        let mut text = String::new();
        let mut rest = format;
        let mut args = args.iter();
        while let Some((before, after)) = rest.split_once("{}") {
            text.push_str(before);
            match args.next() {
                Some(value) => {
                    let _ = write!(text, "{}", Decimal(value));
                }
                None => text.push_str("{}"),
            }
            rest = after;
        }
        text.push_str(rest);
        self.info(format_args!("{text}"));
    }
}
