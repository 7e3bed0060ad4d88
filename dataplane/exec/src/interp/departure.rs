//! The end of a pass: clones are made, and the packet is got ready for what was decided.

use heddle_ir::{DropReason, MirrorSource, Origin, PreserveId};

use super::Mirror;
use super::pass::{Flow, Pass};
use crate::trace::Event;
use crate::{Clone, Frame, Intrinsics, Verdict, Work};

impl Pass<'_, '_> {
    /// Ends the pass after the entry point's statements ended as `flow`.
    pub(super) fn end(mut self, flow: Flow) {
        // Whole bytes: no verified program takes less from a packet.
        *self.parsed_bytes = self.cursor_bits / 8;
        for i in 0..self.scratch.mirrors.len() {
            self.mirror(self.scratch.mirrors[i]);
        }
        let decided = match flow {
            Flow::Stop(reason) => (Verdict::Drop(reason), None),
            Flow::Next | Flow::Break | Flow::Continue | Flow::Return | Flow::Exit | Flow::Reject(_) => {
                match self.decided {
                    Some(decided) => (decided.verdict, decided.preserve),
                    None => (Verdict::Drop(DropReason::NoDecision), None),
                }
            }
        };
        let (verdict, preserve) = decided;
        match verdict {
            Verdict::Enqueue { .. }
            | Verdict::Replicate { .. }
            | Verdict::Drop(_)
            | Verdict::Passed { .. }
            | Verdict::Lost { .. } => {}
            Verdict::Transmit => self.deparse(),
            Verdict::Recirculate => {
                self.deparse();
                self.return_to_ingress(preserve);
            }
            Verdict::Resubmit => {
                *self.truncate_bytes = None;
                self.return_to_ingress(preserve);
            }
        }
        *self.verdict = verdict;
        if let Some(sink) = self.context.trace.as_deref_mut() {
            match verdict {
                Verdict::Drop(reason) | Verdict::Lost { port: _, queue: _, reason } => {
                    sink.event(&Event::Dropped { reason });
                }
                Verdict::Enqueue { .. }
                | Verdict::Replicate { .. }
                | Verdict::Transmit
                | Verdict::Passed { .. }
                | Verdict::Recirculate
                | Verdict::Resubmit => sink.event(&Event::PassEnded { verdict, bytes: self.packet.bytes() }),
            }
        }
    }

    /// What was emitted, then the payload, cut to what `truncate` allows.
    fn deparse(&mut self) {
        self.packet.replace_front(*self.parsed_bytes, self.scratch.front.bytes());
        if let Some(bytes) = self.truncate_bytes.take() {
            self.packet.truncate(bytes as usize);
        }
    }

    /// Leaves in the frame just what is preserved.
    fn return_to_ingress(&mut self, preserve: Option<PreserveId>) {
        let kept: &[(usize, usize)] =
            preserve.map_or(&[], |preserve| &self.interpreter.layout.preserves[preserve]);
        let (saved, words) = (&mut self.scratch.words, &mut self.frame.words);
        saved.clear();
        for (first, count) in kept {
            saved.extend_from_slice(&words[*first..*first + *count]);
        }
        words.fill(0);
        let mut saved = saved.iter();
        for (first, count) in kept {
            words[*first..*first + *count]
                .iter_mut()
                .zip(&mut saved)
                .for_each(|(word, value)| *word = *value);
        }
        *self.parsed_bytes = 0;
    }

    fn mirror(&mut self, mirror: Mirror) {
        let mut packet = self.context.pool.take(self.packet.len());
        packet.copy_from(self.packet);
        let mut frame = self.context.frames.take();
        if frame.words.len() != self.frame.words.len() {
            frame = Frame::new(self.frame.words.len());
        }
        let (origin, parsed_bytes) = match mirror.source {
            MirrorSource::Received => (Origin::CloneOfReceived, 0),
            MirrorSource::Live => (Origin::CloneOfSent, *self.parsed_bytes),
        };
        for (first, count) in &self.interpreter.layout.preserves[mirror.preserve] {
            let words = *first..*first + *count;
            frame.words[words.clone()].copy_from_slice(&self.frame.words[words]);
        }
        self.tell(&Event::Cloned { session: mirror.session, bytes: packet.bytes() });
        let work = Work {
            packet,
            frame,
            parsed_bytes,
            intrinsics: Intrinsics { origin, ..*self.intrinsics },
            verdict: Verdict::Drop(DropReason::NoDecision),
            truncate_bytes: None,
        };
        self.context.clones.push(Clone { parent: self.position, session: mirror.session, work });
    }
}
