//! Hosts: queue pairs that send at the rate of their link, with a window, and go back to the first packet lost.
//!
//! A model of a reliable connection: cumulative acknowledgements, a NAK when a packet is missing, a time-out when all
//! is lost (InfiniBand Architecture Specification, volume 1, chapter 9). There is no rate control: the window
//! bounds what is under way.

use std::collections::HashMap;

use crate::frame::{Frame, HostId, Received, SYNDROME_ACK, SYNDROME_NAK_SEQUENCE, opcode, udp_src_port};

/// What hosts do alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostConfig {
    pub(crate) hosts_per_leaf: usize,
    /// Payload of a full packet.
    pub(crate) mtu_bytes: u32,
    /// Packets of one queue pair that may be under way.
    pub(crate) window_packets: u32,
    /// Every so many packets one asks for an acknowledgement; so does a message's last.
    pub(crate) ack_every: u32,
    /// Time without progress after which a queue pair starts again at the first packet not acknowledged.
    pub(crate) timeout_ns: u64,
}

/// One direction of a connection, at its sender.
#[derive(Debug)]
struct Sender {
    dst: HostId,
    remote_qp: u32,
    local_qp: u32,
    /// Packets of the messages posted so far, and how many of each message.
    message_packets: u32,
    message_bytes: u32,
    posted: u32,
    next: u32,
    acknowledged: u32,
    highest_sent: u32,
    last_progress_ns: u64,
}

/// The other direction.
#[derive(Debug)]
struct Receiver {
    src: HostId,
    remote_qp: u32,
    expected: u32,
    nak_sent: bool,
    target: MessageDone,
}

/// Something that arrived at a host and matters to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageDone {
    pub(crate) job: usize,
    /// The rank that received it.
    pub(crate) rank: usize,
    /// By which of the queue pairs between two ranks.
    pub(crate) lane: usize,
}

/// A host.
#[derive(Debug)]
pub(crate) struct Host {
    id: HostId,
    config: HostConfig,
    senders: Vec<Sender>,
    receivers: HashMap<u32, Receiver>,
    /// Sender by local queue pair, for acknowledgements.
    by_local_qp: HashMap<u32, usize>,
    /// Acknowledgements go before data.
    control: std::collections::VecDeque<Frame>,
    turn: usize,
    pub(crate) busy_until_ns: u64,
    pub(crate) retransmitted: u64,
    pub(crate) marked: u64,
}

impl Host {
    pub(crate) fn new(id: HostId, config: HostConfig) -> Host {
        Host {
            id,
            config,
            senders: Vec::new(),
            receivers: HashMap::new(),
            by_local_qp: HashMap::new(),
            control: std::collections::VecDeque::new(),
            turn: 0,
            busy_until_ns: 0,
            retransmitted: 0,
            marked: 0,
        }
    }

    /// Opens the sending side of a connection; gives its number at this host.
    pub(crate) fn connect(
        &mut self,
        dst: HostId,
        local_qp: u32,
        remote_qp: u32,
        message_bytes: u32,
    ) -> usize {
        let index = self.senders.len();
        self.by_local_qp.insert(local_qp, index);
        self.senders.push(Sender {
            dst,
            remote_qp,
            local_qp,
            message_packets: message_bytes.div_ceil(self.config.mtu_bytes).max(1),
            message_bytes,
            posted: 0,
            next: 0,
            acknowledged: 0,
            highest_sent: 0,
            last_progress_ns: 0,
        });
        index
    }

    /// Opens the receiving side; `target` is what its messages are for.
    pub(crate) fn listen(&mut self, src: HostId, local_qp: u32, remote_qp: u32, target: MessageDone) {
        let receiver = Receiver { src, remote_qp, expected: 0, nak_sent: false, target };
        self.receivers.insert(local_qp, receiver);
    }

    /// Posts one message on a connection.
    pub(crate) fn post(&mut self, sender: usize, now_ns: u64) {
        let sender = &mut self.senders[sender];
        if sender.acknowledged == sender.posted {
            sender.last_progress_ns = now_ns;
        }
        sender.posted += sender.message_packets;
    }

    /// The next frame to send, if the windows leave one.
    pub(crate) fn next_frame(&mut self, now_ns: u64) -> Option<Frame> {
        if let Some(frame) = self.control.pop_front() {
            return Some(frame);
        }
        let count = self.senders.len();
        for offset in 0..count {
            let index = (self.turn + offset) % count;
            let sender = &mut self.senders[index];
            if sender.acknowledged < sender.next
                && now_ns.saturating_sub(sender.last_progress_ns) >= self.config.timeout_ns
            {
                sender.next = sender.acknowledged;
                sender.last_progress_ns = now_ns;
            }
            if sender.next >= sender.posted || sender.next - sender.acknowledged >= self.config.window_packets
            {
                continue;
            }
            self.turn = index + 1;
            let psn = sender.next;
            sender.next += 1;
            if psn < sender.highest_sent {
                self.retransmitted += 1;
            }
            sender.highest_sent = sender.highest_sent.max(sender.next);
            let position = psn % sender.message_packets;
            let is_first = position == 0;
            let is_last = position + 1 == sender.message_packets;
            let opcode = match (is_first, is_last) {
                (true, true) => opcode::WRITE_ONLY,
                (true, false) => opcode::WRITE_FIRST,
                (false, true) => opcode::WRITE_LAST,
                (false, false) => opcode::WRITE_MIDDLE,
            };
            let payload_bytes = match is_last {
                true => sender.message_bytes - position * self.config.mtu_bytes,
                false => self.config.mtu_bytes,
            };
            return Some(Frame {
                src: self.id,
                dst: sender.dst,
                hosts_per_leaf: self.config.hosts_per_leaf,
                udp_src_port: udp_src_port(sender.local_qp, sender.remote_qp),
                opcode,
                dest_qp: sender.remote_qp,
                psn,
                ack_request: is_last || (psn + 1).is_multiple_of(self.config.ack_every),
                payload_bytes,
                message_bytes: sender.message_bytes,
                syndrome: 0,
            });
        }
        None
    }

    /// When to look again although nothing arrives: the earliest time-out.
    pub(crate) fn next_timeout_ns(&self) -> Option<u64> {
        let waiting = self.senders.iter().filter(|s| s.acknowledged < s.next);
        waiting.map(|s| s.last_progress_ns + self.config.timeout_ns).min()
    }

    /// Takes a frame in; tells which message is complete with it, if one is.
    pub(crate) fn receive(&mut self, frame: &Received, now_ns: u64) -> Option<MessageDone> {
        self.marked += u64::from(frame.congestion_experienced);
        if frame.opcode == opcode::ACKNOWLEDGE {
            self.acknowledged(frame, now_ns);
            return None;
        }
        let receiver = self.receivers.get_mut(&frame.dest_qp)?;
        let (src, remote_qp, expected) = (receiver.src, receiver.remote_qp, receiver.expected);
        let (psn, syndrome, wanted) = if frame.psn == expected & 0xff_ffff {
            receiver.expected += 1;
            receiver.nak_sent = false;
            (expected, SYNDROME_ACK, frame.ack_request)
        } else if behind(frame.psn, expected) {
            // Heard before: its acknowledgement was lost.
            (expected.wrapping_sub(1), SYNDROME_ACK, frame.ack_request)
        } else {
            // One NAK per gap, as the specification has it.
            let first = !receiver.nak_sent;
            receiver.nak_sent = true;
            (expected, SYNDROME_NAK_SEQUENCE, first)
        };
        let in_order = frame.psn == expected & 0xff_ffff;
        let is_last = matches!(frame.opcode, opcode::WRITE_LAST | opcode::WRITE_ONLY);
        let done = (in_order && is_last).then_some(receiver.target);
        if wanted {
            self.control.push_back(Frame {
                src: self.id,
                dst: src,
                hosts_per_leaf: self.config.hosts_per_leaf,
                udp_src_port: udp_src_port(frame.dest_qp, remote_qp),
                opcode: opcode::ACKNOWLEDGE,
                dest_qp: remote_qp,
                psn,
                ack_request: false,
                payload_bytes: 0,
                message_bytes: 0,
                syndrome,
            });
        }
        done
    }

    fn acknowledged(&mut self, frame: &Received, now_ns: u64) {
        let Some(sender) = self.by_local_qp.get(&frame.dest_qp).and_then(|&i| self.senders.get_mut(i)) else {
            return;
        };
        // The PSN as a position in the whole stream: the one nearest to what is under way.
        let base = sender.acknowledged;
        let ahead = frame.psn.wrapping_sub(base) & 0xff_ffff;
        if ahead > 0x80_0000 {
            return;
        }
        let is_nak = frame.syndrome == SYNDROME_NAK_SEQUENCE;
        let through = if is_nak { base + ahead } else { base + ahead + 1 };
        if through > sender.acknowledged && through <= sender.next {
            sender.acknowledged = through;
            sender.last_progress_ns = now_ns;
        }
        if is_nak {
            sender.next = sender.acknowledged;
            sender.last_progress_ns = now_ns;
        }
    }
}

/// Whether a 24-bit PSN lies before a position.
fn behind(psn: u32, position: u32) -> bool {
    let ahead = psn.wrapping_sub(position) & 0xff_ffff;
    ahead > 0x80_0000
}

#[cfg(test)]
mod tests {
    use heddle_packet::Packet;

    use super::*;
    use crate::frame;

    fn pair() -> (Host, Host) {
        let config = HostConfig {
            hosts_per_leaf: 4,
            mtu_bytes: 1024,
            window_packets: 8,
            ack_every: 4,
            timeout_ns: 1_000_000,
        };
        let (mut a, mut b) = (Host::new(HostId(0), config), Host::new(HostId(5), config));
        let connection = a.connect(HostId(5), 0x100, 0x200, 10_000);
        b.listen(HostId(0), 0x200, 0x100, MessageDone { job: 0, rank: 3, lane: 1 });
        a.post(connection, 0);
        (a, b)
    }

    fn deliver(frame: &Frame, to: &mut Host, now_ns: u64) -> Option<MessageDone> {
        let mut packet = Packet::with_capacity(0);
        frame.write(&mut packet);
        to.receive(&frame::read(packet.bytes()).unwrap(), now_ns)
    }

    /// Runs both until nothing moves, losing the frames of `a` that `lose` says, by count.
    fn run(a: &mut Host, b: &mut Host, mut lose: impl FnMut(u32) -> bool) -> (u32, Vec<MessageDone>) {
        let (mut sent, mut now_ns, mut done) = (0, 0, Vec::new());
        loop {
            now_ns += 100;
            if let Some(frame) = a.next_frame(now_ns) {
                sent += 1;
                if !lose(sent) {
                    done.extend(deliver(&frame, b, now_ns));
                }
            } else if let Some(frame) = b.next_frame(now_ns) {
                deliver(&frame, a, now_ns);
            } else if let Some(timeout) = a.next_timeout_ns() {
                now_ns = now_ns.max(timeout);
            } else {
                return (sent, done);
            }
        }
    }

    #[test]
    fn a_message_arrives_once() {
        let (mut a, mut b) = pair();
        let (sent, done) = run(&mut a, &mut b, |_| false);
        assert_eq!(sent, 10, "10,000 bytes in packets of 1,024");
        assert_eq!(done, [MessageDone { job: 0, rank: 3, lane: 1 }]);
        assert_eq!(a.retransmitted, 0);
    }

    #[test]
    fn lost_packets_are_sent_again_in_order() {
        for lost in 1..=10 {
            let (mut a, mut b) = pair();
            let (sent, done) = run(&mut a, &mut b, |n| n == lost);
            assert_eq!(done.len(), 1, "packet {lost} lost");
            assert_eq!(u64::from(sent), 10 + a.retransmitted);
            assert!(a.retransmitted >= 1);
        }
    }
}
