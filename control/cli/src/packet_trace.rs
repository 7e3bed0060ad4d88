//! `--trace`: what happens to every packet, as lines on standard error.

use heddle_exec::trace::{Event, TextSink, TraceSink};
use heddle_ir::Verified;

/// Prints every event.
pub(crate) struct StderrTrace {
    program: Verified,
}

impl StderrTrace {
    /// A sink for packets of `program`.
    pub(crate) fn boxed(program: &Verified) -> Box<dyn TraceSink + Send> {
        Box::new(StderrTrace { program: program.clone() })
    }
}

impl TraceSink for StderrTrace {
    fn event(&mut self, event: &Event<'_>) {
        let mut sink = TextSink::new(&self.program, String::new());
        sink.event(event);
        // Writing to a string does not fail.
        if let Ok(line) = sink.finish() {
            eprint!("{line}");
        }
    }
}
