//! Traces as lines of text, one per event.
//!
//! Invariant: an event is shown with the program's own names; a number the program does not have is shown as
//! itself.

use std::fmt::{self, Display, Write};

use cranelift_entity::{EntityRef, PrimaryMap};
use heddle_ir::{Bits, ControlName, HeaderId, ParserId, Program, StateId, Target};

use super::{Event, TraceSink};
use crate::{Entry, Verdict};

/// Writes every event as a line.
#[derive(Debug)]
pub struct TextSink<'p, W> {
    program: &'p Program,
    out: W,
    failed: bool,
}

impl<'p, W: Write> TextSink<'p, W> {
    /// Writes to `out` what happens in `program`.
    pub fn new(program: &'p Program, out: W) -> Self {
        Self { program, out, failed: false }
    }

    /// What was written to; an error if a line could not be written.
    pub fn finish(self) -> Result<W, fmt::Error> {
        if self.failed { Err(fmt::Error) } else { Ok(self.out) }
    }
}

impl<W: Write> TraceSink for TextSink<'_, W> {
    fn event(&mut self, event: &Event<'_>) {
        let line = Line { program: self.program, event };
        self.failed |= writeln!(self.out, "{line}").is_err();
    }
}

/// An event with the names to show it by.
struct Line<'a> {
    program: &'a Program,
    event: &'a Event<'a>,
}

/// The name of a numbered thing, or its number.
fn name<K: EntityRef + Display, V>(map: &PrimaryMap<K, V>, key: K, name: impl Fn(&V) -> &str) -> String {
    match map.get(key) {
        Some(value) if !name(value).is_empty() => name(value).to_string(),
        Some(_) | None => key.to_string(),
    }
}

fn control<K: EntityRef + Display, V>(
    map: &PrimaryMap<K, V>,
    key: K,
    of: impl Fn(&V) -> &ControlName,
) -> String {
    name(map, key, |value| &of(value).name)
}

/// Values in a list, in hexadecimal.
struct Values<'a>(&'a [Bits]);

impl Display for Values<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, value) in self.0.iter().enumerate() {
            write!(f, "{}{value:#x}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// Bytes, in hexadecimal.
struct Bytes<'a>(&'a [u8]);

impl Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes ", self.0.len())?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Enqueue { port, queue } => write!(f, "enqueue on port {port}, queue {queue}"),
            Verdict::Replicate { group, queue } => write!(f, "replicate to group {group}, queue {queue}"),
            Verdict::Resubmit => f.write_str("resubmit"),
            Verdict::Recirculate => f.write_str("recirculate"),
            Verdict::Transmit => f.write_str("transmit"),
            Verdict::Drop(reason) => write!(f, "drop: {reason:?}"),
            Verdict::Passed { port, queue } => write!(f, "through port {port}, queue {queue}"),
            Verdict::Lost { port, queue, reason } => {
                write!(f, "lost behind queue {queue} of port {port}: {reason:?}")
            }
        }
    }
}

impl Line<'_> {
    fn state(&self, parser: ParserId, state: StateId) -> String {
        match self.program.parsers.get(parser) {
            Some(parser) => name(&parser.states, state, |s| &s.name),
            None => state.to_string(),
        }
    }

    fn parser(&self, parser: ParserId) -> String {
        name(&self.program.parsers, parser, |p| &p.name)
    }

    /// A header with its fields by name.
    fn header(&self, f: &mut fmt::Formatter<'_>, header: HeaderId, fields: &[Bits]) -> fmt::Result {
        let program = self.program;
        write!(f, "{} {{", name(&program.headers, header, |h| &h.name))?;
        let declared = program.headers.get(header).and_then(|h| program.header_types.get(h.ty));
        for (i, value) in fields.iter().enumerate() {
            let field = declared.and_then(|ty| ty.fields.get(i)).map_or("?", |field| &field.name);
            write!(f, "{} {field}: {value:#x}", if i == 0 { "" } else { "," })?;
        }
        f.write_str(" }")
    }
}

/// Text with `{}` replaced by the values in order; values left over follow.
fn write_format(f: &mut fmt::Formatter<'_>, format: &str, values: &[Bits]) -> fmt::Result {
    let mut values = values.iter();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once("{}") {
        f.write_str(before)?;
        match values.next() {
            Some(value) => write!(f, "{value:#x}")?,
            None => f.write_str("{}")?,
        }
        rest = after;
    }
    f.write_str(rest)?;
    values.try_for_each(|value| write!(f, " {value:#x}"))
}

impl Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = self.program;
        match self.event {
            Event::PassBegan { entry, intrinsics, bytes } => {
                let (pass, port) = match entry {
                    Entry::Ingress => ("ingress from", intrinsics.ingress_port),
                    Entry::Egress => ("egress to", intrinsics.egress_port),
                };
                write!(f, "{pass} port {port}, {:?}: {}", intrinsics.origin, Bytes(bytes))
            }
            Event::ParserEntered { parser } => write!(f, "parser {}", self.parser(*parser)),
            Event::StateEntered { parser, state } => {
                write!(f, "state {}.{}", self.parser(*parser), self.state(*parser, *state))
            }
            Event::Transition { parser, on, target } => {
                f.write_str("transition ")?;
                if !on.is_empty() {
                    write!(f, "on ({}) ", Values(on))?;
                }
                match target {
                    Some(Target::State(state)) => write!(f, "to {}", self.state(*parser, *state)),
                    Some(Target::Accept) => f.write_str("to accept"),
                    Some(Target::Reject) => f.write_str("to reject"),
                    None => f.write_str("matches no case"),
                }
            }
            Event::HeaderExtracted { header, fields } => {
                f.write_str("extract ")?;
                self.header(f, *header, fields)
            }
            Event::ParserRejected { parser, error } => {
                let code = program.errors.get(*error as usize).map_or("?", String::as_str);
                write!(f, "parser {} rejects: error {error} {code}", self.parser(*parser))
            }
            Event::TableApplied { table, keys, hit, action, args } => {
                let table = control(&program.tables, *table, |t| &t.control);
                write!(f, "table {table} key ({}) {}: ", Values(keys), if *hit { "hits" } else { "misses" })?;
                match action {
                    Some(action) => {
                        write!(f, "{}({})", control(&program.actions, *action, |a| &a.control), Values(args))
                    }
                    None => f.write_str("nothing to run"),
                }
            }
            Event::ActionEntered { action } => {
                write!(f, "action {}", control(&program.actions, *action, |a| &a.control))
            }
            Event::BodyEntered { body } => write!(f, "body {}", name(&program.bodies, *body, |b| &b.name)),
            Event::HeaderEmitted { header, fields } => {
                f.write_str("emit ")?;
                self.header(f, *header, fields)
            }
            Event::Counted { counter, index } => {
                write!(f, "count {}", control(&program.counters, *counter, |c| &c.control))?;
                index.map_or(Ok(()), |index| write!(f, "[{index:#x}]"))
            }
            Event::Metered { meter, index, color } => {
                write!(f, "meter {}", control(&program.meters, *meter, |m| &m.control))?;
                index.map_or(Ok(()), |index| write!(f, "[{index:#x}]"))?;
                write!(f, ": {color:?}")
            }
            Event::RegisterRead { register, index, value } => {
                let register = control(&program.registers, *register, |r| &r.control);
                write!(f, "read {register}[{index:#x}]: {value:#x}")
            }
            Event::RegisterWritten { register, index, value } => {
                let register = control(&program.registers, *register, |r| &r.control);
                write!(f, "write {register}[{index:#x}] = {value:#x}")
            }
            Event::DigestSent { digest, values } => {
                let digest = control(&program.digests, *digest, |d| &d.control);
                write!(f, "digest {digest} ({})", Values(values))
            }
            Event::Logged { format, args } => {
                f.write_str("log: ")?;
                write_format(f, format, args)
            }
            Event::AssertFailed { message } => write!(f, "assertion failed: {message}"),
            Event::LoopBoundExceeded { bound } => write!(f, "loop took more than {bound} rounds"),
            Event::Decided { verdict } => write!(f, "decide: {verdict}"),
            Event::Cloned { session, bytes } => write!(f, "clone to session {session}: {}", Bytes(bytes)),
            Event::PassEnded { verdict, bytes } => write!(f, "{verdict}: {}", Bytes(bytes)),
            Event::Dropped { reason } => write!(f, "dropped: {reason:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use heddle_ir::{RegisterId, TableId};

    use super::*;

    fn lines(program: &Program, events: &[Event<'_>]) -> String {
        let mut sink = TextSink::new(program, String::new());
        events.iter().for_each(|event| sink.event(event));
        sink.finish().expect("a String takes every line")
    }

    #[test]
    fn numbers_unknown_to_the_program_are_shown() {
        let value = Bits::new(9, 0x1ab);
        let text = lines(
            &Program::default(),
            &[
                Event::ParserRejected { parser: ParserId::from_u32(3), error: 77 },
                Event::RegisterRead { register: RegisterId::from_u32(1), index: &value, value: &value },
                Event::TableApplied {
                    table: TableId::from_u32(2),
                    keys: &[value.clone(), Bits::zero(4)],
                    hit: false,
                    action: Some(heddle_ir::ActionId::from_u32(9)),
                    args: &[],
                },
                Event::HeaderEmitted { header: HeaderId::from_u32(0), fields: &[Bits::new(4, 5)] },
            ],
        );
        expect_test::expect![[r#"
            parser parser3 rejects: error 77 ?
            read register1[0x1ab]: 0x1ab
            table table2 key (0x1ab, 0x0) misses: action9()
            emit hdr0 { ?: 0x5 }
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn log_lines_take_their_arguments_in_order() {
        let values = [1, 2, 3].map(|value| Bits::new(8, value));
        let text = lines(
            &Program::default(),
            &[
                Event::Logged { format: "a {} b {}", args: &values[..2] },
                Event::Logged { format: "{} {}", args: &values[..1] },
                Event::Logged { format: "over", args: &values },
            ],
        );
        expect_test::expect![[r#"
            log: a 0x1 b 0x2
            log: 0x1 {}
            log: over 0x1 0x2 0x3
        "#]]
        .assert_eq(&text);
    }
}
