//! Control flow, state and externs.

use heddle_ir::{
    BinaryOp, Bits, Callee, DropReason, Expr, HashAlgorithm, Register, RegisterId, Stmt, Ty, VarId,
};

use super::switch::{
    Fixture, accept, binary, call, constant, control, enqueue, extract, increment, read, read_field, set,
    when,
};
use crate::{Verdict, hash, random};

/// Runs a block in ingress and reads a slot of 8 bits.
fn after(block: impl FnOnce(&mut Fixture, VarId) -> Vec<Stmt>) -> u64 {
    let mut fixture = Fixture::new();
    let result = fixture.var("result", 8);
    let mut block = block(&mut fixture, result);
    block.push(enqueue(1));
    fixture.ingress(block);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[]);
    switch.number(&work, result)
}

#[test]
fn branches() {
    let branch = |cond| {
        after(|_, result| {
            vec![Stmt::If {
                cond: constant(1, cond),
                then: vec![set(result, constant(8, 1))],
                els: vec![set(result, constant(8, 2))],
            }]
        })
    };
    assert_eq!((branch(1), branch(0)), (1, 2));
    let switch = |on| {
        after(|_, result| {
            let label = |value| Bits::new(16, value);
            vec![Stmt::Switch {
                on: constant(16, on),
                cases: vec![
                    (vec![label(3), label(4)], vec![set(result, constant(8, 34))]),
                    (vec![label(5)], vec![]),
                ],
                default: vec![set(result, constant(8, 99))],
            }]
        })
    };
    assert_eq!([3, 4, 5, 6].map(switch), [34, 34, 0, 99]);
}

#[test]
fn loops_break_continue_and_update() {
    // Adds up the odd numbers below ten.
    let sum = after(|fixture, result| {
        let i = fixture.var("i", 8);
        let odd = Expr::Slice { of: Box::new(read(i)), high: 0, low: 0 };
        vec![Stmt::Loop {
            bound: 11,
            body: vec![
                when(binary(BinaryOp::Eq, read(i), constant(8, 10)), vec![Stmt::Break]),
                when(binary(BinaryOp::Eq, odd, constant(1, 0)), vec![Stmt::Continue]),
                set(result, binary(BinaryOp::Add, read(result), read(i))),
            ],
            update: vec![increment(i, 8)],
        }]
    });
    assert_eq!(sum, 25);
    // An inner break leaves the outer loop alone.
    let rounds = after(|_, result| {
        let inner = Stmt::Loop { bound: 9, body: vec![increment(result, 8), Stmt::Break], update: vec![] };
        let enough = binary(BinaryOp::Eq, read(result), constant(8, 4));
        vec![Stmt::Loop { bound: 5, body: vec![inner, when(enough, vec![Stmt::Break])], update: vec![] }]
    });
    assert_eq!(rounds, 4);
}

#[test]
fn a_loop_over_its_bound_drops() {
    let mut fixture = Fixture::new();
    let (rounds, after) = (fixture.var("rounds", 8), fixture.var("after", 8));
    fixture.ingress(vec![
        enqueue(1),
        Stmt::Loop { bound: 3, body: vec![increment(rounds, 8)], update: vec![] },
        increment(after, 8),
    ]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[]);
    assert_eq!(work.verdict, Verdict::Drop(DropReason::LoopBound));
    assert_eq!((switch.number(&work, rounds), switch.number(&work, after)), (3, 0));
}

#[test]
fn return_leaves_the_callee_and_exit_everything_up_to_the_catch() {
    let mut fixture = Fixture::new();
    let trail = fixture.var("trail", 32);
    let mark = |digit: u128| {
        set(
            trail,
            binary(BinaryOp::Or, binary(BinaryOp::Shl, read(trail), constant(32, 4)), constant(32, digit)),
        )
    };
    let early = fixture.body(
        "early",
        vec![
            mark(1),
            Stmt::Loop { bound: 2, body: vec![when(constant(1, 1), vec![Stmt::Return])], update: vec![] },
            mark(0xf),
        ],
    );
    let leaf = fixture.body("leaf", vec![mark(3), Stmt::Exit, mark(0xf)]);
    let middle = fixture
        .body("middle", vec![Stmt::Call { callee: Callee::Body(leaf), copy_out: vec![mark(4)] }, mark(0xf)]);
    fixture.ingress(vec![
        Stmt::Call { callee: Callee::Body(early), copy_out: vec![mark(2)] },
        Stmt::Catch(vec![Stmt::Call { callee: Callee::Body(middle), copy_out: vec![mark(5)] }, mark(0xf)]),
        mark(6),
        enqueue(1),
        Stmt::Exit,
        mark(0xf),
    ]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[]);
    assert_eq!(switch.number(&work, trail), 0x12_3456);
    assert_eq!(work.verdict, Verdict::Enqueue { port: 1, queue: 0 });
}

fn register(fixture: &mut Fixture, name: &str, width: u32, size: u64) -> RegisterId {
    let initial = Bits::new(width, 5);
    fixture.program.registers.push(Register { control: control(name), width, size, initial })
}

#[test]
fn registers_keep_their_values_between_packets() {
    let mut fixture = Fixture::new();
    let (small, wide) = (register(&mut fixture, "small", 12, 4), register(&mut fixture, "wide", 100, 2));
    let (s, w, beyond) = (fixture.var("s", 12), fixture.var("w", 100), fixture.var("beyond", 12));
    let huge = || Expr::Const(Bits::ones(100));
    fixture.ingress(vec![
        Stmt::RegisterRead { register: small, index: constant(3, 3), dst: s },
        increment(s, 12),
        Stmt::RegisterWrite { register: small, index: constant(3, 3), value: read(s) },
        Stmt::RegisterRead { register: wide, index: constant(32, 1), dst: w },
        set(w, binary(BinaryOp::Shl, read(w), constant(8, 40))),
        Stmt::RegisterWrite { register: wide, index: constant(32, 1), value: read(w) },
        set(beyond, constant(12, 7)),
        Stmt::RegisterRead { register: small, index: constant(32, 4), dst: beyond },
        Stmt::RegisterWrite { register: small, index: huge(), value: constant(12, 9) },
        Stmt::RegisterRead { register: small, index: huge(), dst: beyond },
        enqueue(1),
    ]);
    let mut switch = fixture.switch();
    switch.ingress(&[]);
    let work = switch.ingress(&[]);
    assert_eq!(switch.number(&work, s), 7);
    assert_eq!(switch.var(&work, w), Bits::new(100, 5 << 80));
    assert_eq!(switch.number(&work, beyond), 0);
    assert_eq!(switch.state.register_value(small, 3), Some(Bits::new(12, 7)));
    assert_eq!(switch.state.register_value(small, 0), Some(Bits::new(12, 5)));
    assert_eq!(switch.state.register_value(wide, 1), Some(Bits::new(100, 5 << 80)));
}

#[test]
fn atomic_sections_cover_what_they_call_and_nest() {
    let mut fixture = Fixture::new();
    let (a, b) = (register(&mut fixture, "a", 8, 1), register(&mut fixture, "b", 8, 1));
    let (x, done) = (fixture.var("x", 8), fixture.var("done", 8));
    let zero = || constant(1, 0);
    let inner = fixture.body(
        "inner",
        vec![Stmt::Atomic(vec![
            Stmt::RegisterWrite { register: b, index: zero(), value: read(x) },
            when(binary(BinaryOp::Eq, read(x), constant(8, 6)), vec![Stmt::Exit]),
        ])],
    );
    let section = Stmt::Atomic(vec![
        Stmt::RegisterRead { register: a, index: zero(), dst: x },
        increment(x, 8),
        Stmt::RegisterWrite { register: a, index: zero(), value: read(x) },
        call(Callee::Body(inner)),
        increment(done, 8),
    ]);
    fixture.ingress(vec![Stmt::Catch(vec![section, Stmt::Atomic(vec![])]), enqueue(1)]);
    let mut switch = fixture.switch();
    let first = switch.ingress(&[]);
    let second = switch.ingress(&[]);
    assert_eq!(
        (switch.number(&first, done), switch.number(&second, done)),
        (0, 1),
        "an exit ends the section"
    );
    assert_eq!(switch.state.register_value(a, 0), Some(Bits::new(8, 7)));
    assert_eq!(switch.state.register_value(b, 0), Some(Bits::new(8, 7)));
    let Stmt::Catch(block) =
        &switch.interpreter.program.bodies[switch.interpreter.program.ingress.unwrap()].block[0]
    else {
        panic!("as built")
    };
    let Stmt::Atomic(section) = &block[0] else { panic!("as built") };
    let set = switch.interpreter.atomic_sets.of(section).expect("it has registers");
    assert_eq!(set.registers(), [a, b]);
    let Stmt::Atomic(empty) = &block[1] else { panic!("as built") };
    assert!(switch.interpreter.atomic_sets.of(empty).is_none());
}

#[test]
fn hashes_take_bits_as_they_lie_and_the_payload_behind_them() {
    let mut fixture = Fixture::new();
    let ty = fixture.header_type("h", &[("a", Ty::Bits(4)), ("b", Ty::Bits(4)), ("v", Ty::Varbit(64))]);
    let header = fixture.header("h", ty);
    let take =
        Stmt::Extract { header: heddle_ir::HeaderRef::One(header), varbit_bits: Some(constant(32, 16)) };
    let (parser, _) = fixture.parser("p", vec![(vec![take], accept())]);
    let (plain, all, narrow, padded, wide) = (
        fixture.var("plain", 32),
        fixture.var("all", 32),
        fixture.var("narrow", 12),
        fixture.var("padded", 16),
        fixture.var("wide", 100),
    );
    let hash_to = |algorithm, dst, data, payload| Stmt::Hash { algorithm, dst, data, payload };
    let fields = || vec![read_field(header, 1), constant(4, 0xf), read_field(header, 2)];
    fixture.ingress(vec![
        call(Callee::Parser(parser)),
        hash_to(HashAlgorithm::Crc32, plain, fields(), false),
        hash_to(HashAlgorithm::Crc32, all, fields(), true),
        hash_to(HashAlgorithm::Crc32, narrow, fields(), false),
        hash_to(HashAlgorithm::Identity, padded, vec![constant(4, 0xa)], false),
        hash_to(HashAlgorithm::Crc32, wide, fields(), false),
        enqueue(1),
    ]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[0x12, 0x34, 0x56, 0x78, 0x9a]);
    let expected = hash::hash(HashAlgorithm::Crc32, &[0x2f, 0x34, 0x56], &mut 0);
    assert_eq!(switch.number(&work, plain), expected);
    assert_eq!(
        switch.number(&work, all),
        hash::hash(HashAlgorithm::Crc32, &[0x2f, 0x34, 0x56, 0x78, 0x9a], &mut 0)
    );
    assert_eq!(switch.number(&work, narrow), expected & 0xfff);
    assert_eq!(switch.number(&work, padded), 0xa0);
    assert_eq!(switch.number(&work, wide), expected);
}

#[test]
fn random_numbers_follow_the_worker_s_state() {
    let mut fixture = Fixture::new();
    let (dice, fixed) = (fixture.var("dice", 16), fixture.var("fixed", 8));
    fixture.ingress(vec![
        Stmt::Random { dst: dice, low: constant(16, 100), high: constant(16, 600) },
        Stmt::Random { dst: fixed, low: constant(8, 9), high: constant(8, 3) },
        enqueue(1),
    ]);
    let mut switch = fixture.switch();
    switch.random = 77;
    let mut state = 77;
    for _ in 0..20 {
        let work = switch.ingress(&[]);
        assert_eq!(switch.number(&work, dice), random::in_range_u64(&mut state, 100, 600));
        assert_eq!(switch.number(&work, fixed), 9);
    }
    assert_eq!(switch.random, state);
}

#[test]
fn digests_are_laid_out_in_limbs() {
    let mut fixture = Fixture::new();
    let digest = fixture.program.digests.push(heddle_ir::Digest {
        control: control("d"),
        fields: vec![("a".to_string(), 9), ("b".to_string(), 100)],
    });
    let send = |a| Stmt::Digest { digest, values: vec![constant(9, a), constant(100, 1 << 70 | 3)] };
    fixture.ingress(vec![send(1), send(2), Stmt::Decide(heddle_ir::Decision::Drop(DropReason::IngressDrop))]);
    let mut switch = fixture.switch();
    switch.ingress(&[]);
    assert_eq!(switch.digests.messages, [(digest, 3), (digest, 6)]);
    assert_eq!(switch.digests.words, [1, 3, 64, 2, 3, 64]);
}

#[test]
fn logs_are_traced() {
    let mut fixture = Fixture::new();
    let header = fixture.simple_header("hdr.x", 16);
    let (parser, _) = fixture.parser("P", vec![(vec![extract(header)], accept())]);
    fixture.ingress(vec![
        call(Callee::Parser(parser)),
        Stmt::Log {
            format: "x is {}, sum {}".to_string(),
            args: vec![read_field(header, 0), constant(8, 3)],
        },
        enqueue(1),
    ]);
    let mut switch = fixture.switch();
    let (_, trace) = switch.trace_ingress(&[1, 2, 3]);
    expect_test::expect![[r#"
        ingress from port 1, Normal: 3 bytes 010203
        parser P
        state P.s0
        extract hdr.x { f: 0x102 }
        transition to accept
        log: x is 0x102, sum 0x3
        decide: enqueue on port 1, queue 0
        enqueue on port 1, queue 0: 3 bytes 010203
    "#]]
    .assert_eq(trace);
}

#[test]
fn the_deepest_program_allowed_fits_an_ordinary_stack() {
    use heddle_ir::verify::limit;

    let mut fixture = Fixture::new();
    let result = fixture.var("result", 32);
    // As deep as expressions and blocks may be, a call for every block.
    let sum = (0..limit::EXPRESSION_DEPTH - 1)
        .fold(read(result), |sum, _| binary(BinaryOp::Add, constant(32, 1), sum));
    let mut block = vec![set(result, sum)];
    for i in 0..limit::NESTING / 3 - 1 {
        let body =
            fixture.body(&format!("b{i}"), vec![Stmt::If { cond: constant(1, 1), then: block, els: vec![] }]);
        block = vec![call(Callee::Body(body))];
    }
    block.push(enqueue(1));
    fixture.ingress(block);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[]);
    assert_eq!(switch.number(&work, result), limit::EXPRESSION_DEPTH as u64 - 1);
}
