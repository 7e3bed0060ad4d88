//! Making several packets of one: multicast groups and clone sessions.
//!
//! Invariant: of `n` replicas `n - 1` are copies, counted as such, and the last is the packet itself; a replica
//! whose port is down goes to the first backup that is up, if there is one.

use heddle_exec::{Clone as PacketClone, Verdict, Work};
use heddle_ir::{DropReason, Origin};
use heddle_state::Replica;

use super::{Core, Run};
use crate::job::Facts;
use crate::reason::Reason;

impl Core {
    /// Sends a copy of a packet to every replica of a multicast group.
    pub(super) fn multicast(
        &mut self,
        run: &Run<'_, '_>,
        position: usize,
        group: u32,
        queue: u32,
        mut work: Work,
        facts: Facts,
    ) {
        let found = run.of(facts.generation).and_then(|running| {
            let group = running.pipeline.state.multicast_group(&running.snapshot, group)?;
            Some(group.replicas.as_slice())
        });
        let Some(replicas) = found else {
            self.lose(position, Reason::UnknownMulticastGroup, work, facts);
            return;
        };
        work.intrinsics.origin = Origin::Replicated;
        self.replicate(run, position, replicas, queue, work, facts, Reason::EmptyMulticastGroup);
    }

    /// Sends a clone to the replicas of its session. `position` and `parent` are those of the packet it was made of.
    pub(super) fn mirror(&mut self, run: &Run<'_, '_>, position: usize, clone: PacketClone, parent: Facts) {
        let PacketClone { parent: _, session, mut work } = clone;
        let mut facts = parent;
        // A clone that is cloned again, and again, must end as any packet that comes back.
        facts.passes = facts.passes.saturating_add(1);
        self.cells().copies.add(1);
        if facts.passes >= self.shared.config.pass_limit {
            self.lose(position, Reason::PassLimit, work, facts);
            return;
        }
        let found = run
            .of(facts.generation)
            .and_then(|running| running.pipeline.state.clone_session(&running.snapshot, session));
        let Some(session) = found else {
            self.lose(position, Reason::UnknownCloneSession, work, facts);
            return;
        };
        work.verdict = Verdict::Drop(DropReason::NoDecision);
        if session.packet_length_bytes > 0 {
            if work.parsed_bytes == 0 {
                work.packet.truncate(session.packet_length_bytes as usize);
            } else {
                // Headers are in the frame: what is sent in the end is cut.
                let bytes = work.truncate_bytes.unwrap_or(u32::MAX).min(session.packet_length_bytes);
                work.truncate_bytes = Some(bytes);
            }
        }
        work.intrinsics.packet_length = work.packet.wire_len as u32;
        let queue = session.class_of_service;
        self.replicate(run, position, &session.replicas, queue, work, facts, Reason::EmptyCloneSession);
    }

    #[expect(clippy::too_many_arguments, reason = "a replication is just that: what, whose, where to, how")]
    fn replicate(
        &mut self,
        run: &Run<'_, '_>,
        position: usize,
        replicas: &[Replica],
        queue: u32,
        work: Work,
        facts: Facts,
        empty: Reason,
    ) {
        let Some((last, others)) = replicas.split_last() else {
            self.lose(position, empty, work, facts);
            return;
        };
        for replica in others {
            let copy = self.copy(&work, facts);
            self.cells().copies.add(copy.packet.segments() as u64);
            self.send_replica(run, position, replica, queue, copy, facts);
        }
        self.send_replica(run, position, last, queue, work, facts);
    }

    fn send_replica(
        &mut self,
        run: &Run<'_, '_>,
        position: usize,
        replica: &Replica,
        queue: u32,
        mut work: Work,
        facts: Facts,
    ) {
        let ports = &self.shared.ports;
        let mut to = (replica.port, replica.instance);
        if !replica.backups.is_empty()
            && !ports.is_up(replica.port)
            && let Some(backup) = replica.backups.iter().find(|backup| ports.is_up(backup.port))
        {
            to = (backup.port, backup.instance);
        }
        work.intrinsics.replication_id = to.1;
        self.forward(run, position, to.0, queue, work, facts);
    }

    /// A packet just like another, slots and all.
    fn copy(&mut self, work: &Work, facts: Facts) -> Work {
        let mut packet = self.pool.take(work.packet.len());
        packet.copy_from(&work.packet);
        let mut frame = self.frames(facts.generation).take();
        if frame.words.len() == work.frame.words.len() {
            frame.words.copy_from_slice(&work.frame.words);
        } else {
            frame = work.frame.clone();
        }
        Work {
            packet,
            frame,
            parsed_bytes: work.parsed_bytes,
            intrinsics: work.intrinsics,
            verdict: work.verdict,
            truncate_bytes: work.truncate_bytes,
        }
    }
}
