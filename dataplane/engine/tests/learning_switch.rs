//! A learning Ethernet switch, from parser to scheduler: the interpreter runs it, the engine does what it decides.
//!
//! Ingress looks the destination up and floods what it does not know, tells the control plane of sources that it
//! does not know, mirrors frames of type 0x1234 to the controller, and numbers frames of type 0x9999 on a second
//! pass. Egress does not send a frame back where it came from.

use std::sync::Arc;

use heddle_engine::{Config, Controller, PortConfig, Rate, Reason, Switch};
use heddle_exec::Interpreter;
use heddle_ir::{
    ActionId, Bits, Decision, DropReason, Expr, Intrinsic, KeyMatch, MatchKind, MirrorSource, Origin, Place,
    ProgramBuilder, Stmt, TableId, Target, Transition, Verified, verify,
};
use heddle_packet::PortId;
use heddle_ports::Port;
use heddle_ports::memory::{MemoryOptions, MemoryPeer, pair};
use heddle_state::{
    ActionSpec, CloneSession, EntryAction, EntryKey, EntrySpec, MulticastGroup, Replica, State, Update,
};

const PORTS: u32 = 4;
const FLOOD: u32 = 1;
const TO_CONTROLLER: u32 = 57;

struct Program {
    verified: Verified,
    addresses: TableId,
    sources: TableId,
    forward: ActionId,
    known: ActionId,
}

fn program() -> Program {
    let mut p = ProgramBuilder::new("learning_switch");
    let ethernet = p.header_type("ethernet_t", &[("dst", 48), ("src", 48), ("type", 16)]);
    let ethernet = p.header("hdr.ethernet", ethernet);
    let (dst, src, kind) = (Expr::field(ethernet, 0), Expr::field(ethernet, 1), Expr::field(ethernet, 2));
    let trailer = p.header_type("number_t", &[("number", 16)]);
    let number = p.header("hdr.number", trailer);
    let port = p.var("forward.port", 32);
    let group = p.var("meta.group", 32);
    let egress_port = p.var("meta.port", 32);
    let pass = p.var("meta.pass", 8);
    let count = p.var("meta.count", 16);
    let frames = p.register("frames", 16, 1);
    let learn = p.digest("learn", &[("src", 48), ("port", 9)]);
    let keep_pass = p.preserve(&[pass], &[]);
    let keep_nothing = p.preserve(&[], &[]);

    let mut parser = p.parser("ParserImpl");
    parser.state("start", vec![Stmt::extract(ethernet)], Transition::Goto(Target::Accept));
    let parser = parser.finish();

    let forward = p.action(
        "forward",
        &[("port", port)],
        vec![Stmt::assign(egress_port, Expr::read(port)), Stmt::assign(group, Expr::constant(32, 0))],
    );
    let flood = p.action("flood", &[], vec![Stmt::assign(group, Expr::constant(32, FLOOD.into()))]);
    let known = p.action("known", &[], vec![]);
    let unknown = p.action(
        "unknown",
        &[],
        vec![Stmt::Digest {
            digest: learn,
            values: vec![src.clone(), Expr::Intrinsic(Intrinsic::IngressPort).resize(9)],
        }],
    );
    let addresses = p
        .table("addresses")
        .key("hdr.ethernet.dst", MatchKind::Exact, dst)
        .action(forward)
        .default_action(flood, vec![])
        .finish();
    let sources = p
        .table("sources")
        .key("hdr.ethernet.src", MatchKind::Exact, src)
        .action(known)
        .default_action(unknown, vec![])
        .finish();

    let zero = || Expr::constant(32, 0);
    let numbered = kind.clone().eq(Expr::constant(16, 0x9999));
    p.ingress(vec![
        Stmt::call(parser),
        Stmt::apply(sources),
        Stmt::apply(addresses),
        Stmt::when(
            kind.eq(Expr::constant(16, 0x1234)),
            vec![Stmt::Mirror {
                session: Expr::constant(32, TO_CONTROLLER.into()),
                source: MirrorSource::Received,
                preserve: keep_nothing,
            }],
        ),
        Stmt::when(
            numbered.clone(),
            vec![
                Stmt::RegisterRead { register: frames, index: zero(), dst: count },
                Stmt::RegisterWrite {
                    register: frames,
                    index: zero(),
                    value: Expr::read(count) + Expr::constant(16, 1),
                },
            ],
        ),
        Stmt::either(
            Expr::read(group).eq(zero()),
            vec![Stmt::enqueue(egress_port)],
            vec![Stmt::Decide(Decision::Replicate { group: Expr::read(group), queue: zero() })],
        ),
        Stmt::when(
            numbered.clone() & Expr::read(pass).eq(Expr::constant(8, 0)),
            vec![Stmt::assign(pass, Expr::constant(8, 1)), Stmt::Decide(Decision::Resubmit(keep_pass))],
        ),
    ]);
    let back = Expr::Intrinsic(Intrinsic::EgressPort).eq(Expr::Intrinsic(Intrinsic::IngressPort));
    let clone = Expr::Intrinsic(Intrinsic::Origin).eq(Expr::constant(32, Origin::CloneOfReceived as u128));
    p.egress(vec![Stmt::either(
        clone,
        vec![Stmt::call(parser), Stmt::emit(ethernet), Stmt::transmit()],
        vec![
            Stmt::when(
                numbered,
                vec![Stmt::SetValid(number.into()), Stmt::assign(Place::field(number, 0), Expr::read(count))],
            ),
            Stmt::emit(ethernet),
            Stmt::emit(number),
            Stmt::transmit(),
            Stmt::when(back, vec![Stmt::drop(DropReason::EgressDrop)]),
        ],
    )]);
    let verified = verify(p.finish()).expect("a program that keeps the rules");
    Program { verified, addresses, sources, forward, known }
}

struct Rig {
    switch: Switch,
    peers: Vec<MemoryPeer>,
    program: Program,
}

impl Rig {
    fn new(config: Config) -> Self {
        let program = program();
        let state = Arc::new(State::new(&program.verified, 1).expect("a state"));
        let replica = |port| Replica { port, instance: 0, backups: Vec::new() };
        let replicas = (1..=PORTS).map(replica).collect();
        let session = CloneSession {
            id: TO_CONTROLLER,
            replicas: vec![replica(510)],
            packet_length_bytes: 20,
            class_of_service: 0,
        };
        state
            .write(&[
                Update::CreateMulticastGroup(MulticastGroup { id: FLOOD, replicas }),
                Update::CreateCloneSession(session),
            ])
            .expect("a group and a session");
        let (mut ports, mut peers) = (Vec::<Box<dyn Port>>::new(), Vec::new());
        for id in 1..=PORTS {
            let (port, peer) = pair(PortId(id), &MemoryOptions::default());
            ports.push(Box::new(port));
            peers.push(peer);
        }
        let executor = Arc::new(Interpreter::new(program.verified.clone()));
        let config = Config { controller: Some(Controller::default()), ..config };
        let switch = Switch::new(config, executor, state, ports).expect("it fits");
        Self { switch, peers, program }
    }

    fn send(&mut self, port: usize, frame: &[u8]) {
        assert!(self.peers[port - 1].inject(frame, 0));
    }

    /// What every port sent, from the first on.
    fn sent(&mut self) -> Vec<Vec<Vec<u8>>> {
        self.peers.iter_mut().map(MemoryPeer::collect_frames).collect()
    }

    fn learn(&mut self, address: u64, port: u32) {
        let key = |table| EntryKey {
            table,
            matches: vec![KeyMatch::Exact(Bits::new(48, address.into()))],
            priority: None,
        };
        let entry = |table, action, args| {
            Update::InsertEntry(EntrySpec {
                key: key(table),
                action: EntryAction::Action(ActionSpec { action, args }),
                idle_timeout_ns: 0,
                metadata: Vec::new(),
            })
        };
        let Program { addresses, sources, forward, known, .. } = self.program;
        self.switch
            .state()
            .write(&[
                entry(addresses, forward, vec![Bits::new(32, port.into())]),
                entry(sources, known, vec![]),
            ])
            .expect("two entries");
    }
}

fn frame(dst: u64, src: u64, kind: u16) -> Vec<u8> {
    let mut frame = dst.to_be_bytes()[2..].to_vec();
    frame.extend(&src.to_be_bytes()[2..]);
    frame.extend(kind.to_be_bytes());
    frame.extend((0..50).collect::<Vec<u8>>());
    frame
}

#[test]
fn it_floods_learns_and_forwards() {
    let mut rig = Rig::new(Config::default());
    let (a, b) = (0x0200_0000_000a, 0x0200_0000_000b);
    let unknown = frame(b, a, 0x0800);
    rig.send(2, &unknown);
    rig.switch.run_until_quiet(5);
    let once = vec![unknown.clone()];
    assert_eq!(rig.sent(), [once.clone(), vec![], once.clone(), once]);
    let learned = rig.switch.digest().expect("the source was not known");
    assert_eq!(learned.values, [Bits::new(48, a.into()), Bits::new(9, 2)]);

    rig.learn(a, 2);
    let answer = frame(a, b, 0x0800);
    rig.send(4, &answer);
    rig.send(2, &unknown);
    rig.switch.run_until_quiet(6);
    assert_eq!(rig.sent(), [vec![unknown.clone()], vec![answer], vec![unknown.clone()], vec![unknown]]);
    let learned = rig.switch.digest().expect("the source was not known");
    assert_eq!(learned.values, [Bits::new(48, b.into()), Bits::new(9, 4)]);
    assert_eq!(rig.switch.digest(), None, "the other one was");
    let stats = rig.switch.stats();
    assert_eq!((stats.copies, stats.drops.get(Reason::EgressDrop)), (6, 2));
    assert_eq!(stats.in_flight(), 0);
}

#[test]
fn it_mirrors_to_the_controller_and_cuts_what_it_mirrors() {
    let mut rig = Rig::new(Config::default());
    rig.learn(7, 3);
    let mirrored = frame(7, 7, 0x1234);
    rig.send(1, &mirrored);
    rig.switch.run_until_quiet(0);
    let copy = rig.switch.packet_in().expect("mirrored");
    assert_eq!((copy.bytes.as_ref(), copy.ingress_port), (&mirrored[..20], PortId(1)));
    assert_eq!(rig.sent()[2], [mirrored]);
    assert_eq!(rig.switch.stats().delivered, 1);
}

#[test]
fn a_resubmitted_frame_is_numbered_in_order_whatever_the_batch() {
    for batch_packets in [1, 7, 64] {
        let mut rig = Rig::new(Config { batch_packets, ..Config::default() });
        rig.learn(7, 3);
        for n in 0..20 {
            rig.send(1, &frame(7, 7, if n % 3 == 0 { 0x9999 } else { 0x0800 }));
        }
        rig.switch.run_until_quiet(0);
        // Both passes count; what the second one read is what goes out, between header and payload.
        let numbers: Vec<_> = rig.sent()[2]
            .iter()
            .map(|frame| (frame[12..14] == [0x99, 0x99]).then(|| u16::from_be_bytes([frame[14], frame[15]])))
            .collect();
        let expected: Vec<_> = (0..20).map(|n| (n % 3 == 0).then_some(2 * (n / 3) + 1)).collect();
        assert_eq!(numbers, expected);
    }
}

#[test]
fn a_slow_port_holds_parsed_frames_until_their_time() {
    let slow = PortConfig { rate: Rate::packets_per_second(1_000), ..PortConfig::default() };
    let mut rig = Rig::new(Config { ports: vec![(PortId(3), slow)], ..Config::default() });
    rig.learn(7, 3);
    let frames: Vec<_> = (0..70).map(|n| frame(7, 7, 0x0800 + n)).collect();
    frames.iter().for_each(|frame| rig.send(1, frame));
    let (mut now_ns, mut sent) = (0, Vec::new());
    while let Some(due_ns) = rig.switch.run_until_quiet(now_ns) {
        now_ns = due_ns;
        sent.extend(rig.sent().swap_remove(2));
    }
    sent.extend(rig.sent().swap_remove(2));
    // One leaves at once, the queue holds 64, the rest finds it full.
    assert_eq!((sent.len(), now_ns), (65, 64_000_000));
    assert_eq!(sent, frames[..65]);
    assert_eq!(rig.switch.stats().drops.get(Reason::QueueFull), 5);
}
