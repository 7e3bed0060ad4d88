//! Taking packets apart: extraction, lookahead, selects, errors, bounds.

use heddle_ir::{
    BinaryOp, Bits, Callee, HeaderRef, Keyset, Place, SelectCase, SelectMatch, StateId, Stmt, Target,
    Transition, Ty, error_code,
};

use super::switch::{
    Fixture, accept, binary, call, constant, element, emit, enqueue, extract, field, goto, increment, read,
    read_field, set,
};

fn to(state: u32) -> Target {
    Target::State(StateId::from_u32(state))
}

fn varbit_extract(header: heddle_ir::HeaderId, bits: heddle_ir::Expr) -> Stmt {
    Stmt::Extract { header: HeaderRef::One(header), varbit_bits: Some(bits) }
}

#[test]
fn fields_are_taken_most_significant_bit_first() {
    let mut fixture = Fixture::new();
    let ty = fixture.header_type(
        "h",
        &[
            ("a", Ty::Bits(4)),
            ("b", Ty::Bits(12)),
            ("c", Ty::Bits(1)),
            ("d", Ty::Bits(71)),
            ("e", Ty::Bits(0)),
        ],
    );
    let header = fixture.header("h", ty);
    let vars = [4, 12, 1, 71].map(|width| fixture.var("v", width));
    let (parser, error) = fixture.parser("p", vec![(vec![extract(header)], accept())]);
    let mut block = vec![call(Callee::Parser(parser))];
    block.extend(vars.iter().enumerate().map(|(i, var)| set(*var, read_field(header, i))));
    block.push(enqueue(1));
    fixture.ingress(block);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[0xab, 0xcd, 0x80, 1, 2, 3, 4, 5, 6, 7, 8, 0xff]);
    assert_eq!(switch.number(&work, vars[0]), 0xa);
    assert_eq!(switch.number(&work, vars[1]), 0xbcd);
    assert_eq!(switch.number(&work, vars[2]), 1);
    assert_eq!(switch.var(&work, vars[3]), Bits::from_be_bytes(71, &[0, 1, 2, 3, 4, 5, 6, 7, 8]));
    assert_eq!((work.parsed_bytes, switch.number(&work, error)), (11, 0));
}

#[test]
fn lookahead_takes_nothing_and_advance_skips() {
    let mut fixture = Fixture::new();
    let header = fixture.simple_header("h", 8);
    let ahead = fixture.var("ahead", 16);
    let (parser, error) = fixture.parser(
        "p",
        vec![(vec![Stmt::Lookahead(ahead), Stmt::Advance(constant(32, 24)), extract(header)], accept())],
    );
    fixture.ingress(vec![call(Callee::Parser(parser)), enqueue(1)]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[1, 2, 3, 4, 5]);
    assert_eq!(switch.number(&work, ahead), 0x0102);
    assert_eq!((work.parsed_bytes, switch.number(&work, error)), (4, 0));
    assert_eq!(switch.interpreter.layout.headers[header].word, 0);
    assert_eq!(work.frame.words[1], 4);
    // Errors take nothing.
    let work = switch.ingress(&[1]);
    assert_eq!(switch.number(&work, error), u64::from(error_code::PACKET_TOO_SHORT));
    assert_eq!((work.parsed_bytes, switch.number(&work, ahead)), (0, 0));
    let work = switch.ingress(&[1, 2]);
    assert_eq!(switch.number(&work, error), u64::from(error_code::PACKET_TOO_SHORT));
    assert_eq!((work.parsed_bytes, switch.number(&work, ahead)), (0, 0x0102));
}

/// The error of a parser of one state with these statements, for a packet of four bytes.
fn error_of(block: impl FnOnce(&mut Fixture) -> Vec<Stmt>) -> (u32, usize) {
    let mut fixture = Fixture::new();
    let block = block(&mut fixture);
    let (parser, error) = fixture.parser("p", vec![(block, accept())]);
    fixture.ingress(vec![call(Callee::Parser(parser)), enqueue(1)]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[1, 2, 3, 4]);
    (switch.number(&work, error) as u32, work.parsed_bytes)
}

#[test]
fn errors_have_their_codes() {
    assert_eq!(error_of(|_| vec![Stmt::Advance(constant(32, 33))]), (error_code::PARSER_INVALID_ARGUMENT, 0));
    assert_eq!(error_of(|_| vec![Stmt::Advance(constant(32, 40))]), (error_code::PACKET_TOO_SHORT, 0));
    assert_eq!(
        error_of(|_| vec![Stmt::Advance(constant(32, 0xffff_fff8))]),
        (error_code::PACKET_TOO_SHORT, 0)
    );
    let verify = |holds| Stmt::Verify { cond: constant(1, holds), error: constant(32, 99) };
    assert_eq!(error_of(|_| vec![verify(1), Stmt::Advance(constant(32, 8)), verify(0)]), (99, 1));
    assert_eq!(error_of(|f| vec![extract(f.simple_header("h", 40))]), (error_code::PACKET_TOO_SHORT, 0));
    let varbit = |max: u32, bits: u128| {
        error_of(|fixture| {
            let ty = fixture.header_type("h", &[("a", Ty::Bits(8)), ("v", Ty::Varbit(max))]);
            vec![varbit_extract(fixture.header("h", ty), constant(32, bits))]
        })
    };
    assert_eq!(varbit(24, 24), (0, 4));
    assert_eq!(varbit(24, 0), (0, 1));
    assert_eq!(varbit(16, 24), (error_code::HEADER_TOO_SHORT, 0));
    assert_eq!(varbit(24, 12), (error_code::PARSER_INVALID_ARGUMENT, 0));
    assert_eq!(varbit(320, 32), (error_code::PACKET_TOO_SHORT, 0));
}

#[test]
fn varbits_go_out_as_long_as_they_came_in() {
    let mut fixture = Fixture::new();
    let ty = fixture.header_type("h", &[("len", Ty::Bits(8)), ("v", Ty::Varbit(320)), ("end", Ty::Bits(8))]);
    let (a, b) = (fixture.header("a", ty), fixture.header("b", ty));
    let length = fixture.var("length", 8);
    let bits = binary(
        BinaryOp::Mul,
        heddle_ir::Expr::Resize { of: Box::new(read(length)), width: 32, signed: false },
        constant(32, 8),
    );
    let (parser, error) =
        fixture.parser("p", vec![(vec![Stmt::Lookahead(length), varbit_extract(a, bits)], accept())]);
    fixture.ingress(vec![
        call(Callee::Parser(parser)),
        Stmt::SetValid(HeaderRef::One(b)),
        Stmt::Assign(field(b, 1), read_field(a, 1)),
        Stmt::Assign(field(b, 2), constant(8, 0xee)),
        enqueue(1),
    ]);
    fixture.egress(vec![emit(b), emit(a), Stmt::Decide(heddle_ir::Decision::Transmit)]);
    let mut switch = fixture.switch();
    let work = switch.both(&[3, 10, 11, 12, 0xff, 77]);
    assert_eq!(work.packet.bytes(), [0, 10, 11, 12, 0xee, 3, 10, 11, 12, 0xff, 77]);
    let work = switch.both(&[0, 0xff]);
    assert_eq!(work.packet.bytes(), [0, 0xee, 0, 0xff]);
    // One of 40 bytes: more than two limbs.
    let mut long = vec![40];
    long.extend(0..40);
    long.push(0xff);
    let work = switch.both(&long);
    assert_eq!(work.packet.bytes()[42..], long[..]);
    let work = switch.ingress(&[41; 50]);
    assert_eq!(switch.number(&work, error), u64::from(error_code::HEADER_TOO_SHORT));
}

/// The target that a select of two values of 8 bits takes: the position of the case.
fn selected(cases: Vec<SelectMatch>, values: [u8; 2]) -> Result<u64, u32> {
    let mut fixture = Fixture::new();
    let ty = fixture.header_type("h", &[("a", Ty::Bits(8)), ("b", Ty::Bits(8))]);
    let header = fixture.header("h", ty);
    let taken = fixture.var("taken", 32);
    let case = |(i, matches)| SelectCase { matches, target: to(i as u32 + 1) };
    let count = cases.len();
    let select = Transition::Select {
        on: vec![read_field(header, 0), read_field(header, 1)],
        cases: cases.into_iter().enumerate().map(case).collect(),
    };
    let mut states = vec![(vec![extract(header)], select)];
    states.extend((0..count).map(|i| (vec![set(taken, constant(32, i as u128))], accept())));
    let (parser, error) = fixture.parser("p", states);
    fixture.ingress(vec![call(Callee::Parser(parser)), enqueue(1)]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&values);
    match switch.number(&work, error) {
        0 => Ok(switch.number(&work, taken)),
        error => Err(error as u32),
    }
}

#[test]
fn selects_take_the_first_case_that_holds() {
    let value = |value| Keyset::Value(constant(8, value));
    let cases = || {
        vec![
            SelectMatch::Each(vec![value(1), value(2)]),
            SelectMatch::Each(vec![value(1), Keyset::Any]),
            SelectMatch::Each(vec![Keyset::Mask(constant(8, 0xf5), constant(8, 0xf0)), value(3)]),
            SelectMatch::Each(vec![Keyset::Range(constant(8, 0x20), constant(8, 0x90)), value(4)]),
            SelectMatch::Each(vec![Keyset::RangeSigned(constant(8, 0xf0), constant(8, 0x10)), value(5)]),
        ]
    };
    assert_eq!(selected(cases(), [1, 2]), Ok(0));
    assert_eq!(selected(cases(), [1, 9]), Ok(1));
    assert_eq!(selected(cases(), [0xf0, 3]), Ok(2));
    assert_eq!(selected(cases(), [0xe0, 3]), Err(error_code::NO_MATCH));
    assert_eq!(selected(cases(), [0x20, 4]), Ok(3));
    assert_eq!(selected(cases(), [0x90, 4]), Ok(3));
    assert_eq!(selected(cases(), [0x91, 4]), Err(error_code::NO_MATCH));
    assert_eq!(selected(cases(), [0xff, 5]), Ok(4));
    assert_eq!(selected(cases(), [0x10, 5]), Ok(4));
    assert_eq!(selected(cases(), [0x11, 5]), Err(error_code::NO_MATCH));
}

#[test]
fn steps_are_bounded() {
    let mut fixture = Fixture::new();
    let count = fixture.var("count", 32);
    let (parser, error) = fixture.parser("p", vec![(vec![increment(count, 32)], goto(0))]);
    fixture.program.parsers[parser].step_bound = 5;
    fixture.ingress(vec![call(Callee::Parser(parser)), enqueue(1)]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[]);
    // The start state, and one more for each of five transitions.
    assert_eq!(switch.number(&work, count), 6);
    assert_eq!(switch.number(&work, error), u64::from(error_code::PARSER_TIMEOUT));
}

#[test]
fn a_stack_is_filled_through_its_next_index() {
    let mut fixture = Fixture::new();
    let ty = fixture.header_type("h", &[("f", Ty::Bits(7)), ("last", Ty::Bits(1))]);
    let (stack, next) = fixture.stack("s", ty, 2);
    let elements = fixture.program.stacks[stack].elements.clone();
    let previous = binary(BinaryOp::Sub, read(next), constant(32, 1));
    let (parser, error) = fixture.parser(
        "p",
        vec![(
            vec![
                Stmt::Verify {
                    cond: binary(BinaryOp::LtU, read(next), constant(32, 2)),
                    error: constant(32, error_code::STACK_OUT_OF_BOUNDS.into()),
                },
                Stmt::Extract { header: element(stack, read(next)), varbit_bits: None },
                increment(next, 32),
            ],
            Transition::Select {
                on: vec![heddle_ir::Expr::Read(Place::Field(element(stack, previous), 1))],
                cases: vec![
                    SelectCase {
                        matches: SelectMatch::Each(vec![Keyset::Value(constant(1, 1))]),
                        target: Target::Accept,
                    },
                    SelectCase { matches: SelectMatch::Each(vec![Keyset::Any]), target: to(0) },
                ],
            },
        )],
    );
    fixture.ingress(vec![call(Callee::Parser(parser)), enqueue(1)]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[0x10, 0x11, 0x12]);
    assert_eq!((switch.number(&work, next), switch.number(&work, error)), (2, 0));
    assert!(elements.iter().all(|header| switch.is_valid(&work, *header)));
    let work = switch.ingress(&[0x10, 0x12, 0x14]);
    assert_eq!(switch.number(&work, error), u64::from(error_code::STACK_OUT_OF_BOUNDS));
    assert_eq!(work.parsed_bytes, 2);
}

#[test]
fn extracting_beyond_a_stack_takes_the_bits_and_stores_nothing() {
    let mut fixture = Fixture::new();
    let ty = fixture.header_type("h", &[("f", Ty::Bits(8))]);
    let (stack, _) = fixture.stack("s", ty, 1);
    let beyond = Stmt::Extract { header: element(stack, constant(32, 1)), varbit_bits: None };
    let (parser, error) = fixture.parser("p", vec![(vec![beyond], accept())]);
    fixture.ingress(vec![call(Callee::Parser(parser)), enqueue(1)]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[1, 2]);
    assert_eq!((work.parsed_bytes, switch.number(&work, error)), (1, 0));
    assert!(work.frame.words.iter().all(|word| *word == 0));
}

#[test]
fn rejection_goes_up_through_the_calling_parsers_and_copies_out() {
    let mut fixture = Fixture::new();
    let (copied, after, went_on) =
        (fixture.var("copied", 8), fixture.var("after", 8), fixture.var("went_on", 8));
    let verify = Stmt::Verify { cond: constant(1, 0), error: constant(32, 42) };
    let (inner, inner_error) = fixture.parser("inner", vec![(vec![verify], accept())]);
    let (outer, outer_error) = fixture.parser(
        "outer",
        vec![(
            vec![
                Stmt::Call { callee: Callee::Parser(inner), copy_out: vec![set(copied, constant(8, 1))] },
                set(after, constant(8, 1)),
            ],
            accept(),
        )],
    );
    fixture.ingress(vec![call(Callee::Parser(outer)), set(went_on, constant(8, 1)), enqueue(1)]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[]);
    assert_eq!((switch.number(&work, inner_error), switch.number(&work, outer_error)), (42, 42));
    assert_eq!([copied, after, went_on].map(|var| switch.number(&work, var)), [1, 0, 1]);
}

#[test]
fn an_explicit_reject_keeps_the_code_and_an_accepting_callee_lets_go_on() {
    let mut fixture = Fixture::new();
    let header = fixture.simple_header("h", 8);
    let (inner, _) = fixture.parser("inner", vec![(vec![extract(header)], accept())]);
    let reject = Transition::Goto(Target::Reject);
    let (outer, error) = fixture.parser("outer", vec![(vec![call(Callee::Parser(inner))], reject)]);
    let rejected = fixture.var("rejected", 1);
    fixture.ingress(vec![
        call(Callee::Parser(outer)),
        set(rejected, binary(BinaryOp::Ne, read(error), constant(32, 0))),
        enqueue(1),
    ]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[1, 2]);
    assert!(switch.is_valid(&work, header));
    assert_eq!((switch.number(&work, error), switch.number(&work, rejected), work.parsed_bytes), (0, 0, 1));
}

#[test]
fn return_in_a_state_goes_to_its_transition() {
    let mut fixture = Fixture::new();
    let (skipped, next) = (fixture.var("skipped", 8), fixture.var("next", 8));
    let (parser, _) = fixture.parser(
        "p",
        vec![
            (vec![Stmt::Return, set(skipped, constant(8, 1))], goto(1)),
            (vec![set(next, constant(8, 1))], accept()),
        ],
    );
    fixture.ingress(vec![call(Callee::Parser(parser)), enqueue(1)]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[]);
    assert_eq!((switch.number(&work, skipped), switch.number(&work, next)), (0, 1));
}

#[test]
fn only_bytes_held_are_parsed_however_long_the_packet_was() {
    let mut fixture = Fixture::new();
    let header = fixture.simple_header("h", 16);
    let (parser, error) = fixture.parser("p", vec![(vec![extract(header), extract(header)], accept())]);
    let length = fixture.var("length", 32);
    fixture.ingress(vec![
        set(length, heddle_ir::Expr::Intrinsic(heddle_ir::Intrinsic::PacketLength)),
        call(Callee::Parser(parser)),
        enqueue(1),
    ]);
    let mut switch = fixture.switch();
    let mut work = [switch.arrived(&[1, 2, 3])];
    work[0].packet.wire_len = 1_500;
    work[0].intrinsics.packet_length = 1_500;
    switch.run(crate::Entry::Ingress, &mut work);
    assert_eq!(switch.number(&work[0], error), u64::from(error_code::PACKET_TOO_SHORT));
    assert_eq!(switch.number(&work[0], length), 1_500);
    assert_eq!((work[0].parsed_bytes, switch.is_valid(&work[0], header)), (2, true));
}
