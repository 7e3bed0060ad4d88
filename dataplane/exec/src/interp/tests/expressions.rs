//! What expressions are worth.

use heddle_ir::{BinaryOp, Bits, Expr, HeaderRef, Intrinsic, Place, Stmt, Ty, UnaryOp};

use super::switch::{
    Fixture, binary, constant, element, enqueue, extract, read_field, set, set_field, valid,
};
use crate::Entry;

/// The value of an expression of a width, computed by a program that has nothing else.
fn value(width: u32, expr: Expr) -> Bits {
    let mut fixture = Fixture::new();
    let result = fixture.var("result", width);
    fixture.ingress(vec![set(result, expr), enqueue(1)]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[]);
    switch.var(&work, result)
}

fn check(op: BinaryOp, width: u32, left: u128, right: u128, result_width: u32, result: u128) {
    let got = value(result_width, binary(op, constant(width, left), constant(width, right)));
    assert_eq!(got, Bits::new(result_width, result), "{op:?} of {left:#x} and {right:#x} in {width} bits");
}

#[test]
fn arithmetic_wraps_and_is_total() {
    check(BinaryOp::Add, 8, 0xff, 0x02, 8, 0x01);
    check(BinaryOp::Sub, 8, 0x01, 0x02, 8, 0xff);
    check(BinaryOp::Mul, 8, 0x10, 0x11, 8, 0x10);
    check(BinaryOp::Div, 8, 0x11, 0x04, 8, 0x04);
    check(BinaryOp::Div, 8, 0x11, 0x00, 8, 0x00);
    check(BinaryOp::Mod, 8, 0x11, 0x04, 8, 0x01);
    check(BinaryOp::Mod, 8, 0x11, 0x00, 8, 0x00);
    check(BinaryOp::SatAddU, 8, 0xf0, 0x20, 8, 0xff);
    check(BinaryOp::SatSubU, 8, 0x10, 0x20, 8, 0x00);
    check(BinaryOp::SatAddS, 8, 0x70, 0x20, 8, 0x7f);
    check(BinaryOp::SatSubS, 8, 0x80, 0x01, 8, 0x80);
    check(BinaryOp::Add, 128, u128::MAX, 2, 128, 1);
}

#[test]
fn bits_and_shifts() {
    check(BinaryOp::And, 8, 0xf3, 0x3f, 8, 0x33);
    check(BinaryOp::Or, 8, 0xf0, 0x0f, 8, 0xff);
    check(BinaryOp::Xor, 8, 0xff, 0x0f, 8, 0xf0);
    check(BinaryOp::Shl, 8, 0x81, 1, 8, 0x02);
    check(BinaryOp::Shl, 8, 0x81, 8, 8, 0);
    check(BinaryOp::Shr, 8, 0x81, 1, 8, 0x40);
    check(BinaryOp::Shr, 8, 0x81, 200, 8, 0);
    check(BinaryOp::Sar, 8, 0x81, 1, 8, 0xc0);
    check(BinaryOp::Sar, 8, 0x81, 200, 8, 0xff);
    check(BinaryOp::Sar, 8, 0x41, 200, 8, 0);
    let wide_amount = binary(BinaryOp::Shl, constant(8, 1), constant(100, 1 << 90));
    assert_eq!(value(8, wide_amount), Bits::zero(8), "the amount may be of any width");
    assert_eq!(value(8, Expr::Unary(UnaryOp::Not, Box::new(constant(8, 0x0f)))), Bits::new(8, 0xf0));
    assert_eq!(value(8, Expr::Unary(UnaryOp::Neg, Box::new(constant(8, 1)))), Bits::new(8, 0xff));
}

#[test]
fn comparisons_are_one_bit() {
    check(BinaryOp::Eq, 8, 1, 1, 1, 1);
    check(BinaryOp::Ne, 8, 1, 1, 1, 0);
    check(BinaryOp::LtU, 8, 0x01, 0xff, 1, 1);
    check(BinaryOp::LeU, 8, 0xff, 0xff, 1, 1);
    check(BinaryOp::LtS, 8, 0x01, 0xff, 1, 0);
    check(BinaryOp::LtS, 8, 0xff, 0x01, 1, 1);
    check(BinaryOp::LeS, 8, 0x80, 0x80, 1, 1);
}

#[test]
fn widths_change() {
    let concat = binary(BinaryOp::Concat, constant(4, 0xa), constant(12, 0x345));
    assert_eq!(value(16, concat), Bits::new(16, 0xa345));
    let wide = binary(BinaryOp::Concat, constant(100, 1), constant(100, 2));
    let slice = Expr::Slice { of: Box::new(wide), high: 100, low: 1 };
    assert_eq!(value(100, slice), Bits::new(100, (1 << 99) | 1));
    let resize = |width, signed| Expr::Resize { of: Box::new(constant(8, 0x85)), width, signed };
    assert_eq!(value(16, resize(16, false)), Bits::new(16, 0x0085));
    assert_eq!(value(16, resize(16, true)), Bits::new(16, 0xff85));
    assert_eq!(value(4, resize(4, true)), Bits::new(4, 5));
}

#[test]
fn conditions_choose() {
    let mux = |cond| Expr::Mux {
        cond: Box::new(constant(1, cond)),
        then: Box::new(constant(8, 7)),
        els: Box::new(constant(8, 9)),
    };
    assert_eq!(value(8, mux(1)), Bits::new(8, 7));
    assert_eq!(value(8, mux(0)), Bits::new(8, 9));
    // Logic on one bit, as a condition: all four combinations of both connectives.
    for (a, b) in [(0u128, 0u128), (0, 1), (1, 0), (1, 1)] {
        for (op, expected) in [(BinaryOp::And, a & b), (BinaryOp::Or, a | b), (BinaryOp::Xor, a ^ b)] {
            let cond = binary(op, constant(1, a), constant(1, b));
            let not = Expr::Unary(UnaryOp::Not, Box::new(cond.clone()));
            let pick = |cond: Expr| Expr::Mux {
                cond: Box::new(cond),
                then: Box::new(constant(8, 1)),
                els: Box::new(constant(8, 0)),
            };
            assert_eq!(value(8, pick(cond)), Bits::new(8, expected), "{op:?} {a} {b}");
            assert_eq!(value(8, pick(not)), Bits::new(8, 1 - expected), "not {op:?} {a} {b}");
        }
    }
}

#[test]
fn invalid_headers_and_elements_beyond_a_stack_read_zero() {
    let mut fixture = Fixture::new();
    let ty = fixture.header_type("h", &[("a", Ty::Bits(16)), ("v", Ty::Varbit(64)), ("w", Ty::Bits(200))]);
    let (stack, _) = fixture.stack("s", ty, 2);
    let first = fixture.program.stacks[stack].elements[0];
    let wide = fixture.var("wide", 200);
    let results: Vec<_> = (0..8).map(|i| fixture.var(&format!("r{i}"), 16)).collect();
    let dynamic = |index: u128, field| Expr::Read(Place::Field(element(stack, constant(8, index)), field));
    fixture.ingress(vec![
        Stmt::SetValid(HeaderRef::One(first)),
        set_field(first, 0, constant(16, 0x1234)),
        set(results[0], dynamic(0, 0)),
        set(results[1], dynamic(1, 0)),
        set(results[2], dynamic(2, 0)),
        set(results[3], dynamic(255, 0)),
        set(results[4], Expr::Resize { of: Box::new(valid(first)), width: 16, signed: false }),
        set(
            results[5],
            Expr::Resize {
                of: Box::new(Expr::Valid(element(stack, constant(32, 9)))),
                width: 16,
                signed: false,
            },
        ),
        set(wide, constant(200, 5)),
        set(wide, dynamic(7, 2)),
        Stmt::SetInvalid(HeaderRef::One(first)),
        set(results[6], constant(16, 9)),
        set(results[6], read_field(first, 0)),
        // Equal: both are of no length.
        set(
            results[7],
            Expr::Resize {
                of: Box::new(binary(BinaryOp::Eq, read_field(first, 1), dynamic(77, 1))),
                width: 16,
                signed: false,
            },
        ),
        enqueue(1),
    ]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[]);
    let numbers: Vec<u64> = results.iter().map(|var| switch.number(&work, *var)).collect();
    assert_eq!(numbers, [0x1234, 0, 0, 0, 1, 0, 0, 1]);
    assert_eq!(switch.var(&work, wide), Bits::zero(200));
}

#[test]
fn varbits_are_equal_if_length_and_bits_are() {
    let mut fixture = Fixture::new();
    let ty = fixture.header_type("h", &[("v", Ty::Varbit(64))]);
    let headers: Vec<_> = (0..3).map(|i| fixture.header(&format!("h{i}"), ty)).collect();
    let same = fixture.var("same", 1);
    let longer = fixture.var("longer", 1);
    let take = |header, bits| Stmt::Extract {
        header: HeaderRef::One(header),
        varbit_bits: Some(constant(32, bits)),
    };
    let (parser, _) = fixture.parser(
        "p",
        vec![(vec![take(headers[0], 8), take(headers[1], 8), take(headers[2], 16)], super::switch::accept())],
    );
    fixture.ingress(vec![
        super::switch::call(heddle_ir::Callee::Parser(parser)),
        set(same, binary(BinaryOp::Eq, read_field(headers[0], 0), read_field(headers[1], 0))),
        set(longer, binary(BinaryOp::Ne, read_field(headers[0], 0), read_field(headers[2], 0))),
        enqueue(1),
    ]);
    let mut switch = fixture.switch();
    // The third is the first with a zero byte in front: the same number, but longer.
    let work = switch.ingress(&[7, 7, 0, 7]);
    assert_eq!((switch.number(&work, same), switch.number(&work, longer)), (1, 1));
}

#[test]
fn intrinsics_come_from_the_engine() {
    let all = [
        Intrinsic::IngressPort,
        Intrinsic::EgressPort,
        Intrinsic::PacketLength,
        Intrinsic::Origin,
        Intrinsic::ReplicationId,
        Intrinsic::IngressTimeNs,
        Intrinsic::NowNs,
        Intrinsic::EnqueueTimeNs,
        Intrinsic::EnqueueDepth,
        Intrinsic::DequeueDepth,
        Intrinsic::QueueId,
    ];
    let mut fixture = Fixture::new();
    let vars = all.map(|intrinsic| fixture.var(&format!("{intrinsic:?}"), intrinsic.width()));
    let mut block: Vec<Stmt> = all.iter().zip(vars).map(|(i, var)| set(var, Expr::Intrinsic(*i))).collect();
    block.push(enqueue(1));
    fixture.ingress(block);
    let mut switch = fixture.switch();
    switch.now_ns = 1 << 40;
    let mut work = [switch.arrived(&[0; 60])];
    work[0].intrinsics = crate::Intrinsics {
        ingress_port: 2,
        egress_port: 3,
        packet_length: 1_500,
        packets: 1,
        origin: heddle_ir::Origin::Replicated,
        replication_id: 6,
        ingress_time_ns: 1 << 33,
        enqueue_time_ns: 8,
        enqueue_depth: 9,
        dequeue_depth: 10,
        queue_id: 11,
    };
    switch.run(Entry::Ingress, &mut work);
    let got = vars.map(|var| switch.number(&work[0], var));
    assert_eq!(got, [2, 3, 1_500, 5, 6, 1 << 33, 1 << 40, 8, 9, 10, 11]);
}

#[test]
fn fields_of_odd_widths_hold_what_they_are_given() {
    let mut fixture = Fixture::new();
    let widths = [1, 3, 13, 63, 64, 65, 128, 129, 300, 0];
    let fields: Vec<_> = widths.iter().map(|width| ("f", Ty::Bits(*width))).collect();
    let ty = fixture.header_type("h", &fields);
    let header = fixture.header("h", ty);
    let vars: Vec<_> = widths.iter().map(|width| fixture.var("v", *width)).collect();
    let mut block = vec![Stmt::SetValid(HeaderRef::One(header))];
    for (i, width) in widths.iter().enumerate() {
        block.push(set_field(header, i, Expr::Const(Bits::ones(*width))));
        block.push(set(vars[i], read_field(header, i)));
    }
    block.push(enqueue(1));
    fixture.ingress(block);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[]);
    for (var, width) in vars.iter().zip(widths) {
        assert_eq!(switch.var(&work, *var), Bits::ones(width));
    }
}

#[test]
fn slices_are_written_without_touching_the_rest() {
    let mut fixture = Fixture::new();
    let small = fixture.var("small", 16);
    let wide = fixture.var("wide", 200);
    let header = fixture.simple_header("h", 16);
    let absent = fixture.var("absent", 16);
    let slice = |dst, high, low, value| Stmt::AssignSlice { dst, high, low, value };
    let (parser, _) = fixture.parser("p", vec![(vec![extract(header)], super::switch::accept())]);
    fixture.ingress(vec![
        super::switch::call(heddle_ir::Callee::Parser(parser)),
        set(small, constant(16, 0xffff)),
        slice(Place::Var(small), 11, 4, constant(8, 0)),
        set(wide, Expr::Const(Bits::ones(200))),
        slice(Place::Var(wide), 130, 60, constant(71, 0)),
        slice(super::switch::field(header, 0), 15, 8, constant(8, 0xab)),
        Stmt::SetInvalid(HeaderRef::One(header)),
        slice(super::switch::field(header, 0), 15, 8, constant(8, 0xcd)),
        set(absent, read_field(header, 0)),
        enqueue(1),
    ]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[1, 2]);
    assert_eq!(switch.number(&work, small), 0xf00f);
    let expected = Bits::ones(200).with_slice(130, 60, &Bits::zero(71));
    assert_eq!(switch.var(&work, wide), expected);
    assert_eq!(switch.number(&work, absent), 0);
}
