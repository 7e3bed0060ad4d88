//! The engine: takes packets from ports through a program and its queues to ports.
//!
//! # The whole of it on one page
//!
//! ```text
//!                 ┌────────────────────────── one worker ──────────────────────────┐
//!  port queues ──▶│ receive ──▶ INGRESS ──▶ decide ──▶ admit ──▶ queues of a port  │
//!  injections ───▶│               ▲           │ │         ▲        │ strict priority│
//!                 │  resubmitted  │           │ └ copies ─┘        ▼ rate, room     │
//!                 │  recirculated └── loops ◀─┼──────────────── EGRESS ──▶ fifo ────┼──▶ port queues
//!                 │                           ▼                   │                │
//!                 └───────────────── rings to other workers ──────┼────────────────┘
//!                                                                 └──▶ controller, digests, events
//! ```
//!
//! A *packet* under way is a [`heddle_exec::Work`]: bytes, frame, intrinsics, verdict. The *executor* runs a batch
//! of them through ingress or egress and leaves a verdict in each; the engine does what the verdicts say and
//! nothing else. It knows no architecture: whatever v1model, say, does between its controls is in the program.
//!
//! A *worker* owns queue pairs of ports and the schedulers of the ports it sends for. It runs every packet it
//! receives to completion in one step: receive, ingress, admission to the queue of a port, egress when it leaves
//! the queue, transmission. Packets for a port of another worker go through a bounded ring, after ingress. A port
//! has one worker that sends for it; only if it has neither rate nor priorities, and a queue pair in every worker,
//! does each send what it received, so that flows keep their order either way.
//!
//! A *scheduler* holds the queues of one port: strict priority, the highest number first, a bound for each queue
//! (64 packets unless configured), rates in bits or packets per second for the port and its queues. Time is
//! what [`Switch::step`] is given; a step says when it wants the next one. A port that takes no more (a full
//! socket, a slow `tc` rate below) holds its packets in the queues, so that programs see the depth and the
//! queue's bound decides what is lost.
//!
//! *Batches are invisible.* Whatever [`Config::batch_packets`] is, the packets that leave, their order, the
//! depths and times that programs see, registers and counters are those of packets run one by one in order of
//! arrival. How, is said where the core is; programs for which it cannot be had in batches run packet by packet.
//!
//! *Nothing is lost silently.* At any moment in which the switch rests
//!
//! ```text
//! received + injected + copies == transmitted + delivered + dropped + held
//! ```
//!
//! and every dropped packet is counted at a port under one [`Reason`]. Numbers are counted by each worker for
//! itself; [`Stats`] sums them without disturbing anybody. A pass limit ends what would go round for ever.
//!
//! *Nothing on the packet path locks, waits, or takes from the allocator* once the vectors have grown. What goes
//! to the control side (packets for the controller, digests, events) does allocate, and is dropped and counted
//! when its bounded channel is full.
//!
//! # What to use
//!
//! | | |
//! |---|---|
//! | [`Switch`] | a switch in the caller's thread, on the caller's time: tests, replays, demonstrations, simulators |
//! | [`Engine`] | the same with a thread per worker, real time, and sleep: `heddle run` |
//! | [`Config`] | sizes, limits, schedulers |
//! | [`Stats`], [`Reason`] | what happened |
//! | [`Event`], [`DigestMessage`], [`PacketIn`] | what the control side is told |
//!
//! Both run on any [`heddle_ports::Port`] and any [`heddle_exec::Executor`]. Ports are numbered as the program
//! numbers them; a port whose interface vanishes is detached with an event while the others go on, and can be attached
//! again, as others can be added, while the switch runs ([`Engine::attach_port`]). A running
//! program is replaced by [`Engine::reload`], which keeps the state that both programs have, or [`Engine::replace`]:
//! packets under way finish on the one they began with.

mod assembly;
mod bell;
#[cfg(test)]
mod closures;
mod config;
mod core;
mod effects;
mod engine;
mod event;
mod job;
mod pacer;
mod pipeline;
mod port_map;
mod probe;
mod processor;
mod reason;
mod ring;
mod scheduler;
mod signal;
mod stats;
#[cfg(test)]
mod steady_state;
mod switch;
mod waiting;
mod whole;
mod worker_loop;

pub use self::core::Step;
pub use assembly::{
    ConfigureError, EngineError, PortChangeError, ReloadError, Reloaded, ReplaceError, Unnameable,
};
pub use config::{CONTROLLER_PORT, Config, Controller, PortConfig, QUEUES_MAX, QueueConfig, Rate, Weights};
pub use engine::{Engine, InjectError};
pub use event::{DigestMessage, Event, PacketIn};
pub use processor::{go_first, stand_back};
pub use reason::Reason;
pub use stats::{Drops, PortStats, QueueDepth, Stats};
pub use switch::Switch;
pub use whole::{Refusal, may_carry_whole};
