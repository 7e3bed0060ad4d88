//! What becomes of a packet: verdicts, deparsing, clones, resubmission, recirculation, truncation, batches.

use heddle_ir::{
    Action, BinaryOp, Callee, Decision, DropReason, Expr, HashAlgorithm, HeaderRef, Intrinsic, MirrorSource,
    Origin, Stmt, Ty, VarId,
};
use proptest::prelude::*;

use super::switch::{
    Fixture, Switch, accept, binary, call, constant, control, emit, enqueue, extract, increment, read,
    read_field, set, set_field, when,
};
use crate::{Entry, Verdict, Work};

/// A parser of one header of a byte, and a deparser.
fn one_byte(fixture: &mut Fixture) -> (heddle_ir::HeaderId, Stmt) {
    let header = fixture.simple_header("h", 8);
    let (parser, _) = fixture.parser("p", vec![(vec![extract(header)], accept())]);
    (header, call(Callee::Parser(parser)))
}

#[test]
fn the_last_decision_counts_and_none_drops() {
    let mut fixture = Fixture::new();
    fixture.ingress(vec![
        Stmt::Decide(Decision::Drop(DropReason::IngressDrop)),
        enqueue(3),
        Stmt::Decide(Decision::Replicate { group: constant(32, 7), queue: constant(32, 2) }),
    ]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[1]);
    assert_eq!(work.verdict, Verdict::Replicate { group: 7, queue: 2 });
    let work = switch.egress(work);
    assert_eq!(work.verdict, Verdict::Drop(DropReason::NoDecision));
    let mut fixture = Fixture::new();
    fixture.ingress(vec![Stmt::Decide(Decision::Drop(DropReason::ParserReject))]);
    assert_eq!(fixture.switch().ingress(&[1]).verdict, Verdict::Drop(DropReason::ParserReject));
}

#[test]
fn a_decision_is_worth_what_its_expressions_were_then() {
    let mut fixture = Fixture::new();
    let port = fixture.var("port", 32);
    fixture.ingress(vec![
        set(port, constant(32, 5)),
        Stmt::Decide(Decision::Enqueue { port: read(port), queue: read(port) }),
        set(port, constant(32, 6)),
    ]);
    assert_eq!(fixture.switch().ingress(&[]).verdict, Verdict::Enqueue { port: 5, queue: 5 });
}

#[test]
fn ingress_leaves_the_bytes_and_egress_replaces_the_front() {
    let mut fixture = Fixture::new();
    let (header, parse) = one_byte(&mut fixture);
    let added = fixture.simple_header("added", 24);
    fixture.ingress(vec![
        parse,
        set_field(header, 0, constant(8, 0x55)),
        emit(header),
        Stmt::SetValid(HeaderRef::One(added)),
        set_field(added, 0, constant(24, 0xabcdef)),
        enqueue(2),
    ]);
    // An invalid header emits nothing.
    let absent = fixture.simple_header("absent", 8);
    fixture.egress(vec![emit(header), emit(absent), emit(added), Stmt::Decide(Decision::Transmit)]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[1, 2, 3]);
    assert_eq!((work.packet.bytes(), work.parsed_bytes), (&[1, 2, 3][..], 1));
    let work = switch.egress(work);
    assert_eq!(work.verdict, Verdict::Transmit);
    assert_eq!(work.packet.bytes(), [0x55, 0xab, 0xcd, 0xef, 2, 3]);
    assert_eq!(work.packet.wire_len, 6);
}

#[test]
fn a_second_parser_goes_on_and_egress_goes_on_after_ingress() {
    let mut fixture = Fixture::new();
    let headers: Vec<_> = (0..3).map(|i| fixture.simple_header(&format!("h{i}"), 8)).collect();
    let parse: Vec<Stmt> = headers
        .iter()
        .map(|header| call(Callee::Parser(fixture.parser("p", vec![(vec![extract(*header)], accept())]).0)))
        .collect();
    fixture.ingress(vec![parse[0].clone(), parse[1].clone(), enqueue(1)]);
    let mut deparse = vec![parse[2].clone()];
    deparse.extend(headers.iter().rev().map(|header| emit(*header)));
    deparse.push(Stmt::Decide(Decision::Transmit));
    fixture.egress(deparse);
    assert_eq!(fixture.switch().both(&[1, 2, 3, 4]).packet.bytes(), [3, 2, 1, 4]);
}

#[test]
fn a_clone_of_the_received_packet_is_parsed_again() {
    let mut fixture = Fixture::new();
    let (header, parse) = one_byte(&mut fixture);
    let (kept, lost) = (fixture.var("kept", 16), fixture.var("lost", 16));
    let preserve = fixture.preserve(&[kept], &[]);
    let mirror = Stmt::Mirror { session: constant(32, 9), source: MirrorSource::Received, preserve };
    fixture.ingress(vec![
        parse.clone(),
        mirror.clone(),
        // The clone gets the values of the end of the pass.
        set(kept, constant(16, 0xbeef)),
        set(lost, constant(16, 0xdead)),
        set_field(header, 0, constant(8, 0x77)),
        mirror,
        Stmt::Decide(Decision::Drop(DropReason::IngressDrop)),
    ]);
    let seen = fixture.var("seen", 16);
    fixture.egress(vec![
        set(seen, read(kept)),
        when(binary(BinaryOp::Eq, Expr::Intrinsic(Intrinsic::Origin), constant(32, 1)), vec![parse]),
        emit(header),
        Stmt::Decide(Decision::Transmit),
    ]);
    let mut switch = fixture.switch();
    let mut batch = [switch.arrived(&[8, 9]), switch.arrived(&[1, 2])];
    switch.run(Entry::Ingress, &mut batch);
    assert!(batch.iter().all(|work| work.verdict == Verdict::Drop(DropReason::IngressDrop)));
    let clones = std::mem::take(&mut switch.clones);
    assert_eq!(clones.iter().map(|clone| clone.parent).collect::<Vec<_>>(), [0, 0, 1, 1]);
    for clone in clones {
        assert_eq!(clone.session, 9);
        assert_eq!(clone.work.intrinsics.origin, Origin::CloneOfReceived);
        assert_eq!((clone.work.parsed_bytes, clone.work.intrinsics.ingress_port), (0, 1));
        let bytes = clone.work.packet.bytes().to_vec();
        let sent = switch.egress(clone.work);
        assert_eq!(sent.packet.bytes(), bytes, "the headers are those of the packet as it arrived");
        assert_eq!((switch.number(&sent, seen), switch.number(&sent, lost)), (0xbeef, 0));
    }
}

#[test]
fn a_live_clone_keeps_preserved_headers_and_payload() {
    let mut fixture = Fixture::new();
    let (header, parse) = one_byte(&mut fixture);
    let preserve = fixture.preserve(&[], &[header]);
    fixture.ingress(vec![parse, enqueue(1)]);
    fixture.egress(vec![
        when(
            binary(BinaryOp::Eq, Expr::Intrinsic(Intrinsic::Origin), constant(32, 0)),
            vec![
                set_field(header, 0, constant(8, 0x42)),
                Stmt::Mirror { session: constant(32, 3), source: MirrorSource::Live, preserve },
            ],
        ),
        emit(header),
        Stmt::Decide(Decision::Transmit),
    ]);
    let mut switch = fixture.switch();
    let sent = switch.both(&[1, 2, 3]);
    assert_eq!(sent.packet.bytes(), [0x42, 2, 3]);
    let clone = switch.clones.pop().expect("one clone");
    assert_eq!(clone.work.intrinsics.origin, Origin::CloneOfSent);
    assert_eq!(clone.work.parsed_bytes, 1);
    let sent = switch.egress(clone.work);
    assert_eq!(sent.packet.bytes(), [0x42, 2, 3]);
    assert!(switch.clones.is_empty());
}

#[test]
fn resubmitted_packets_come_back_as_they_arrived() {
    let mut fixture = Fixture::new();
    let (header, parse) = one_byte(&mut fixture);
    let (rounds, lost) = (fixture.var("rounds", 8), fixture.var("lost", 8));
    let preserve = fixture.preserve(&[rounds], &[]);
    fixture.ingress(vec![
        parse,
        increment(rounds, 8),
        increment(lost, 8),
        set_field(header, 0, read(rounds)),
        Stmt::Truncate(constant(32, 1)),
        Stmt::If {
            cond: binary(BinaryOp::LtU, read(rounds), constant(8, 3)),
            then: vec![Stmt::Decide(Decision::Resubmit(preserve))],
            els: vec![enqueue(1)],
        },
    ]);
    let mut switch = fixture.switch();
    let mut work = [switch.arrived(&[0xaa, 0xbb])];
    for round in 1..=3 {
        switch.run(Entry::Ingress, &mut work);
        assert_eq!(work[0].packet.bytes(), [0xaa, 0xbb]);
        assert_eq!(switch.number(&work[0], rounds), round);
        if round < 3 {
            assert_eq!((work[0].verdict, work[0].parsed_bytes), (Verdict::Resubmit, 0));
            assert_eq!((switch.number(&work[0], lost), switch.is_valid(&work[0], header)), (0, false));
            assert_eq!(work[0].truncate_bytes, None, "what comes back is what arrived");
            work[0].intrinsics.origin = Origin::Resubmitted;
        }
    }
    assert_eq!(work[0].verdict, Verdict::Enqueue { port: 1, queue: 0 });
    assert_eq!((switch.number(&work[0], lost), work[0].truncate_bytes), (1, Some(1)));
}

#[test]
fn recirculated_packets_come_back_as_deparsed() {
    let mut fixture = Fixture::new();
    let (header, parse) = one_byte(&mut fixture);
    let (wide, narrow) = (fixture.var("wide", 130), fixture.var("narrow", 8));
    let other = fixture.simple_header("other", 16);
    let preserve = fixture.preserve(&[wide], &[other]);
    fixture.ingress(vec![parse, set(narrow, constant(8, 1)), enqueue(1)]);
    fixture.egress(vec![
        set(wide, Expr::Const(heddle_ir::Bits::ones(130))),
        Stmt::SetValid(HeaderRef::One(other)),
        set_field(other, 0, constant(16, 0x0102)),
        emit(header),
        emit(other),
        Stmt::Decide(Decision::Recirculate(preserve)),
    ]);
    let mut switch = fixture.switch();
    let work = switch.both(&[1, 2]);
    assert_eq!((work.verdict, work.parsed_bytes), (Verdict::Recirculate, 0));
    assert_eq!(work.packet.bytes(), [1, 1, 2, 2]);
    assert_eq!(switch.var(&work, wide), heddle_ir::Bits::ones(130));
    assert_eq!((switch.number(&work, narrow), switch.is_valid(&work, header)), (0, false));
    assert!(switch.is_valid(&work, other));
}

#[test]
fn truncation_cuts_what_is_sent() {
    let mut fixture = Fixture::new();
    let (header, parse) = one_byte(&mut fixture);
    fixture.ingress(vec![
        parse,
        Stmt::Truncate(constant(32, 4)),
        Stmt::Truncate(constant(32, 5)),
        enqueue(1),
    ]);
    fixture.egress(vec![emit(header), emit(header), Stmt::Decide(Decision::Transmit)]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[1, 2, 3, 4, 5, 6]);
    assert_eq!((work.packet.len(), work.truncate_bytes), (6, Some(4)));
    let work = switch.egress(work);
    assert_eq!(work.packet.bytes(), [1, 1, 2, 3]);
    assert_eq!((work.packet.wire_len, work.truncate_bytes), (4, None));
}

#[test]
fn a_frame_of_another_program_is_taken_as_empty() {
    let mut fixture = Fixture::new();
    let var = fixture.var("v", 8);
    fixture.ingress(vec![increment(var, 8), enqueue(1)]);
    let mut switch = fixture.switch();
    let mut work = [switch.arrived(&[])];
    work[0].frame = crate::Frame::new(77);
    switch.run(Entry::Ingress, &mut work);
    assert_eq!(switch.number(&work[0], var), 1);
}

/// A program with everything that outlives a packet: registers, random numbers, digests, clones.
fn stateful() -> (Switch, VarId) {
    let mut fixture = Fixture::new();
    let ty = fixture.header_type("h", &[("kind", Ty::Bits(4)), ("a", Ty::Bits(12)), ("b", Ty::Bits(72))]);
    let header = fixture.header("h", ty);
    let (parser, error) = fixture.parser("p", vec![(vec![extract(header)], accept())]);
    let register = fixture.program.registers.push(heddle_ir::Register {
        control: control("r"),
        width: 16,
        size: 16,
        initial: heddle_ir::Bits::zero(16),
    });
    let digest = fixture.program.digests.push(heddle_ir::Digest {
        control: control("d"),
        fields: vec![("kind".to_string(), 4), ("b".to_string(), 72)],
    });
    let (cell, hash, dice) = (fixture.var("cell", 16), fixture.var("hash", 32), fixture.var("dice", 8));
    let preserve = fixture.preserve(&[cell, hash], &[header]);
    let kind = || read_field(header, 0);
    let is = |value| binary(BinaryOp::Eq, kind(), constant(4, value));
    fixture.ingress(vec![
        call(Callee::Parser(parser)),
        Stmt::RegisterRead { register, index: kind(), dst: cell },
        increment(cell, 16),
        Stmt::RegisterWrite { register, index: kind(), value: read(cell) },
        Stmt::Hash {
            algorithm: HashAlgorithm::Crc32,
            dst: hash,
            data: vec![read_field(header, 1), read(cell)],
            payload: true,
        },
        Stmt::Random { dst: dice, low: constant(8, 1), high: constant(8, 6) },
        set_field(
            header,
            2,
            binary(BinaryOp::Concat, constant(32, 0), binary(BinaryOp::Concat, read(hash), read(dice))),
        ),
        when(is(1), vec![Stmt::Digest { digest, values: vec![kind(), read_field(header, 2)] }]),
        when(is(2), vec![Stmt::Mirror { session: read(hash), source: MirrorSource::Received, preserve }]),
        when(is(3), vec![Stmt::Mirror { session: constant(32, 1), source: MirrorSource::Live, preserve }]),
        Stmt::Assert { cond: binary(BinaryOp::Ne, kind(), constant(4, 4)), message: "kind 4".to_string() },
        enqueue(1),
        when(
            binary(BinaryOp::Ne, read(error), constant(32, 0)),
            vec![Stmt::Decide(Decision::Drop(DropReason::ParserReject))],
        ),
        when(is(5), vec![Stmt::Decide(Decision::Resubmit(preserve))]),
        when(is(6), vec![Stmt::Truncate(constant(32, 9))]),
    ]);
    fixture.egress(vec![emit(header), Stmt::Decide(Decision::Transmit)]);
    (fixture.switch(), cell)
}

/// All that can be seen of a work.
fn facts(work: &Work) -> (Verdict, Vec<u8>, Vec<u64>, usize, Option<u32>) {
    let Work { packet, frame, parsed_bytes, verdict, truncate_bytes, .. } = work;
    (*verdict, packet.bytes().to_vec(), frame.words.to_vec(), *parsed_bytes, *truncate_bytes)
}

/// Runs packets through ingress and egress in batches of a size, and tells all that can be seen of it.
fn run_batches(packets: &[Vec<u8>], size: usize) -> impl PartialEq + std::fmt::Debug + use<> {
    let (mut switch, _) = stateful();
    let mut seen = Vec::new();
    let mut clones = Vec::new();
    for (i, packets) in packets.chunks(size).enumerate() {
        let mut batch: Vec<Work> = packets.iter().map(|bytes| switch.arrived(bytes)).collect();
        switch.run(Entry::Ingress, &mut batch);
        clones.extend(switch.clones.drain(..).map(|clone| {
            (i * size + clone.parent, clone.session, clone.work.intrinsics, facts(&clone.work))
        }));
        seen.extend(batch.iter().map(facts));
    }
    (seen, clones, switch.digests.messages, switch.digests.words, switch.random)
}

proptest! {
    #[test]
    fn a_batch_has_the_effects_of_its_packets_run_singly(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..40),
        kinds in prop::collection::vec(0u8..8, 40),
        size in 2usize..40,
    ) {
        let mut packets = packets;
        for (packet, kind) in packets.iter_mut().zip(kinds) {
            if let Some(first) = packet.first_mut() {
                *first = kind << 4 | *first & 0xf;
            }
        }
        prop_assert_eq!(run_batches(&packets, size), run_batches(&packets, 1));
    }
}

#[test]
fn a_failed_assertion_ends_the_pass() {
    let mut fixture = Fixture::new();
    let (copied, after) = (fixture.var("copied", 8), fixture.var("after", 8));
    let preserve = fixture.preserve(&[], &[]);
    let body =
        fixture.body("callee", vec![Stmt::Assert { cond: constant(1, 0), message: "line 7: x > 0".into() }]);
    fixture.ingress(vec![
        enqueue(1),
        Stmt::Mirror { session: constant(32, 1), source: MirrorSource::Received, preserve },
        Stmt::Catch(vec![
            Stmt::Assert { cond: constant(1, 1), message: "holds".into() },
            Stmt::Call { callee: Callee::Body(body), copy_out: vec![set(copied, constant(8, 1))] },
        ]),
        set(after, constant(8, 1)),
    ]);
    let mut switch = fixture.switch();
    let (work, trace) = switch.trace_ingress(&[]);
    expect_test::expect![[r#"
        ingress from port 1, Normal: 0 bytes 
        decide: enqueue on port 1, queue 0
        body callee
        assertion failed: line 7: x > 0
        clone to session 1: 0 bytes 
        dropped: AssertFailed
    "#]]
    .assert_eq(trace);
    assert_eq!(work.verdict, Verdict::Drop(DropReason::AssertFailed));
    assert_eq!((switch.number(&work, copied), switch.number(&work, after), switch.clones.len()), (0, 0, 1));
}

#[test]
fn actions_are_called_directly_too() {
    let mut fixture = Fixture::new();
    let (argument, result) = (fixture.var("argument", 8), fixture.var("result", 8));
    let action = fixture.program.actions.push(Action {
        control: control("double"),
        params: vec![],
        body: vec![
            set(result, binary(BinaryOp::Add, read(argument), read(argument))),
            Stmt::Return,
            enqueue(9),
        ],
    });
    fixture.ingress(vec![set(argument, constant(8, 21)), call(Callee::Action(action)), enqueue(1)]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[]);
    assert_eq!((switch.number(&work, result), work.verdict), (42, Verdict::Enqueue { port: 1, queue: 0 }));
}

#[test]
fn a_trace_tells_the_way_through_egress() {
    let mut fixture = Fixture::new();
    let (header, parse) = one_byte(&mut fixture);
    let preserve = fixture.preserve(&[], &[]);
    fixture.ingress(vec![parse, enqueue(4)]);
    fixture.egress(vec![
        Stmt::Mirror { session: constant(32, 5), source: MirrorSource::Live, preserve },
        set_field(header, 0, constant(8, 0xff)),
        emit(header),
        Stmt::Decide(Decision::Transmit),
    ]);
    let mut switch = fixture.switch();
    let mut work = switch.ingress(&[1, 2]);
    work.intrinsics.egress_port = 4;
    let (_, trace) = switch.trace_egress(work);
    expect_test::expect![[r#"
        egress to port 4, Normal: 2 bytes 0102
        emit h { f: 0xff }
        decide: transmit
        clone to session 5: 2 bytes 0102
        transmit: 2 bytes ff02
    "#]]
    .assert_eq(trace);
}
