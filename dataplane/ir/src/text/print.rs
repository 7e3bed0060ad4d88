//! Writing programs.
//!
//! Invariant: what is written is read back as the same program, so whatever a part holds, in range or not, is
//! in the text.

use std::fmt::{self, Display, Write};

use crate::{Action, ActionCall, ControlName, Key, KeyMatch, Parser, Program, Table, TableEntry, Ty};

use super::word::{Word, is_word};
use code::In;

mod code;

pub(super) fn program(program: &Program) -> String {
    let mut printer = Printer { program, out: String::new(), indent: 0 };
    printer.program();
    printer.out
}

struct Printer<'p> {
    program: &'p Program,
    out: String,
    indent: usize,
}

/// A name, in quotes if it needs them.
struct Name<'a>(&'a str);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_word(self.0) { f.write_str(self.0) } else { Quoted(self.0).fmt(f) }
    }
}

struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c.is_control() => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

struct Control<'a>(&'a ControlName);

impl Display for Control<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ControlName { name, id, hidden } = self.0;
        Name(name).fmt(f)?;
        if *id != 0 {
            write!(f, " id {id:#010x}")?;
        }
        if *hidden { f.write_str(" hidden") } else { Ok(()) }
    }
}

struct Type(Ty);

impl Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ty::Bits(width) => width.fmt(f),
            Ty::Varbit(width) => write!(f, "varbit {width}"),
        }
    }
}

/// Things with commas between them.
struct List<I>(I);

impl<I: Iterator<Item: Display> + Clone> Display for List<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, item) in self.0.clone().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{item}")?;
        }
        Ok(())
    }
}

struct Match<'a>(&'a KeyMatch);

impl Display for Match<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            KeyMatch::Exact(value) => value.fmt(f),
            KeyMatch::Lpm { value, prefix_len } => write!(f, "{value}/{prefix_len}"),
            KeyMatch::Ternary { value, mask } => write!(f, "{value} &&& {mask}"),
            KeyMatch::Range { low, high } => write!(f, "{low} .. {high}"),
            KeyMatch::Any => f.write_str("any"),
        }
    }
}

impl<'p> Printer<'p> {
    fn line(&mut self, line: impl Display) {
        self.start(line);
        self.out.push('\n');
    }

    /// Begins a line.
    fn start(&mut self, line: impl Display) {
        for _ in 0..self.indent {
            self.out.push_str("    ");
        }
        self.more(line);
    }

    fn more(&mut self, text: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.out, "{text}");
    }

    /// Ends a line that opens a block.
    fn open(&mut self) {
        self.out.push_str(" {\n");
        self.indent += 1;
    }

    /// Begins the line that closes a block.
    fn close(&mut self) {
        self.indent -= 1;
        self.start("}");
    }

    fn end_line(&mut self) {
        self.out.push('\n');
    }

    fn program(&mut self) {
        let program = self.program;
        self.start(format_args!("program {} for {}", Name(&program.name), Name(&program.architecture)));
        self.open();
        if let Some(ports) = program.ports {
            self.line(format_args!("ports {ports};"));
        }
        if !program.errors.is_empty() {
            self.line(format_args!("errors {};", List(program.errors.iter().map(|e| Name(e)))));
        }
        self.layouts();
        self.objects();
        for (id, action) in &program.actions {
            self.start(format_args!("action {id} {}", Control(&action.control)));
            self.action(action);
        }
        for (id, table) in &program.tables {
            self.start(format_args!("table {id} {}", Control(&table.control)));
            self.table(table);
        }
        for (id, parser) in &program.parsers {
            self.start(format_args!("parser {id} {}", Name(&parser.name)));
            self.parser(parser);
        }
        for (id, body) in &program.bodies {
            self.start(format_args!("body {id} {}", Name(&body.name)));
            self.block(&body.block);
            self.end_line();
        }
        if let Some(body) = program.ingress {
            self.line(format_args!("ingress {body};"));
        }
        if let Some(body) = program.egress {
            self.line(format_args!("egress {body};"));
        }
        self.close();
        self.end_line();
    }

    fn layouts(&mut self) {
        let program = self.program;
        for (id, header_type) in &program.header_types {
            self.start(format_args!("header_type {id} {} {{", Name(&header_type.name)));
            for field in &header_type.fields {
                self.more(format_args!(" {}: {};", Name(&field.name), Type(field.ty)));
            }
            self.more(" }\n");
        }
        for (id, header) in &program.headers {
            self.start(format_args!("header {id} {}: {}", Name(&header.name), header.ty));
            if let Some(union) = header.union {
                self.more(format_args!(" in {union}"));
            }
            self.more(";\n");
        }
        for (id, stack) in &program.stacks {
            let elements = List(stack.elements.iter());
            self.line(format_args!("stack {id} {}: {elements} next {};", Name(&stack.name), stack.next));
        }
        for (id, union) in &program.unions {
            self.line(format_args!("union {id} {}: {};", Name(&union.name), List(union.members.iter())));
        }
        for (id, var) in &program.vars {
            self.line(format_args!("var {id} {}: {};", Name(&var.name), Type(var.ty)));
        }
    }

    fn objects(&mut self) {
        let program = self.program;
        for (id, counter) in &program.counters {
            let (control, unit, size) = (Control(&counter.control), counter.unit.word(), counter.size);
            self.start(format_args!("counter {id} {control} {unit} size {size}"));
            if let Some(table) = counter.table {
                self.more(format_args!(" direct {table}"));
            }
            self.more(";\n");
        }
        for (id, meter) in &program.meters {
            let (control, unit, size) = (Control(&meter.control), meter.unit.word(), meter.size);
            self.start(format_args!("meter {id} {control} {unit} size {size}"));
            if let Some(table) = meter.table {
                self.more(format_args!(" direct {table}"));
            }
            self.more(";\n");
        }
        for (id, register) in &program.registers {
            let (control, width, size) = (Control(&register.control), register.width, register.size);
            let initial = &register.initial;
            self.line(format_args!("register {id} {control} width {width} size {size} initial {initial};"));
        }
        for (id, digest) in &program.digests {
            self.start(format_args!("digest {id} {} {{", Control(&digest.control)));
            for (name, width) in &digest.fields {
                self.more(format_args!(" {}: {width};", Name(name)));
            }
            self.more(" }\n");
        }
        for (id, profile) in &program.profiles {
            self.start(format_args!("profile {id} {} size {}", Control(&profile.control), profile.size));
            if let Some(selector) = &profile.selector {
                let (algorithm, width) = (selector.algorithm.word(), selector.width);
                let max = selector.max_group_size;
                self.more(format_args!(" selector {algorithm} width {width} max_group_size {max}"));
            }
            self.more(";\n");
        }
        for (id, value_set) in &program.value_sets {
            self.start(format_args!("value_set {id} {} {{", Control(&value_set.control)));
            for (name, width, kind) in &value_set.keys {
                self.more(format_args!(" {}: {width} {};", Name(name), kind.word()));
            }
            self.more(format_args!(" }} size {};\n", value_set.size));
        }
        for (id, preserve) in &program.preserves {
            self.start(format_args!("preserve {id} vars"));
            if !preserve.vars.is_empty() {
                self.more(format_args!(" {}", List(preserve.vars.iter())));
            }
            self.more(" headers");
            if !preserve.headers.is_empty() {
                self.more(format_args!(" {}", List(preserve.headers.iter())));
            }
            self.more(";\n");
        }
    }

    fn action(&mut self, action: &Action) {
        self.more(" (");
        for (i, param) in action.params.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            self.more(format_args!("{comma}{}: {}", Name(&param.name), param.var));
        }
        self.more(")");
        self.block(&action.body);
        self.end_line();
    }

    fn table(&mut self, table: &Table) {
        self.open();
        for Key { name, expr, width, kind } in &table.keys {
            let (kind, expr) = (kind.word(), In(self.program, expr));
            self.line(format_args!("key {kind} {width} {} = {expr};", Name(name)));
        }
        for action in &table.actions {
            self.start(format_args!("action {}", action.action));
            for (is, word) in [(action.default_only, " default_only"), (action.table_only, " table_only")] {
                if is {
                    self.more(word);
                }
            }
            for (block, word) in [(&action.copy_in, " copy_in"), (&action.copy_out, " copy_out")] {
                if !block.is_empty() {
                    self.more(word);
                    self.block(block);
                }
            }
            self.more(";\n");
        }
        self.start(if table.const_default { "default const " } else { "default " });
        self.action_call(table, &table.default_action);
        self.more(";\n");
        for TableEntry { matches, priority, action, is_const } in &table.entries {
            self.start(format_args!("entry ({})", List(matches.iter().map(Match))));
            if *is_const {
                self.more(" const");
            }
            if *priority != 0 {
                self.more(format_args!(" priority {priority}"));
            }
            self.more(": ");
            self.action_call(table, action);
            self.more(";\n");
        }
        for (is, word) in [
            (table.const_entries, "const_entries;"),
            (!table.largest_priority_wins, "smallest_priority_wins;"),
            (table.idle_timeout, "idle_timeout;"),
        ] {
            if is {
                self.line(word);
            }
        }
        self.line(format_args!("size {};", table.size));
        if let Some(profile) = table.profile {
            self.line(format_args!("profile {profile};"));
        }
        if let Some(counter) = table.direct_counter {
            self.line(format_args!("direct_counter {counter};"));
        }
        if let Some(meter) = table.direct_meter {
            self.line(format_args!("direct_meter {meter};"));
        }
        self.close();
        self.end_line();
    }

    fn action_call(&mut self, table: &Table, call: &ActionCall) {
        let named = table.actions.get(call.action).map(|a| a.action);
        match named {
            Some(id) if table.actions.iter().position(|a| a.action == id) == Some(call.action) => {
                self.more(id)
            }
            Some(_) | None => self.more(call.action),
        }
        self.more(format_args!("({})", List(call.args.iter())));
    }

    fn parser(&mut self, parser: &Parser) {
        self.open();
        self.line(format_args!("error {};", parser.error));
        self.line(format_args!("steps {};", parser.step_bound));
        self.line(format_args!("start {};", parser.start));
        for (id, state) in &parser.states {
            self.start(format_args!("state {id} {}", Name(&state.name)));
            self.open();
            self.stmts(&state.block);
            self.transition(&state.transition);
            self.close();
            self.end_line();
        }
        self.close();
        self.end_line();
    }
}
