//! Validity, copies, unions, stacks.

use heddle_ir::{BinaryOp, Callee, HeaderRef, Place, Stmt, Ty};

use super::switch::{
    Fixture, accept, binary, call, constant, element, emit, enqueue, extract, read, read_field, set,
    set_field,
};

#[test]
fn a_header_made_valid_is_zero_and_one_that_was_valid_keeps_its_fields() {
    let mut fixture = Fixture::new();
    let header = fixture.simple_header("h", 16);
    let (kept, fresh) = (fixture.var("kept", 16), fixture.var("fresh", 16));
    let make_valid = || Stmt::SetValid(HeaderRef::One(header));
    fixture.ingress(vec![
        make_valid(),
        set_field(header, 0, constant(16, 7)),
        make_valid(),
        set(kept, read_field(header, 0)),
        Stmt::SetInvalid(HeaderRef::One(header)),
        set_field(header, 0, constant(16, 9)),
        make_valid(),
        set(fresh, read_field(header, 0)),
        enqueue(1),
    ]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[]);
    assert_eq!((switch.number(&work, kept), switch.number(&work, fresh)), (7, 0));
}

#[test]
fn copies_take_validity_along() {
    let mut fixture = Fixture::new();
    let ty = fixture.header_type("h", &[("a", Ty::Bits(70)), ("b", Ty::Bits(2))]);
    let (a, b, c) = (fixture.header("a", ty), fixture.header("b", ty), fixture.header("c", ty));
    let (stack, _) = fixture.stack("s", ty, 1);
    let got = fixture.var("got", 70);
    fixture.ingress(vec![
        Stmt::SetValid(HeaderRef::One(a)),
        set_field(a, 0, constant(70, 1 << 69)),
        Stmt::CopyHeader { dst: HeaderRef::One(b), src: HeaderRef::One(a) },
        set(got, read_field(b, 0)),
        Stmt::SetValid(HeaderRef::One(c)),
        // From nowhere is from an invalid header; to nowhere does nothing.
        Stmt::CopyHeader { dst: HeaderRef::One(c), src: element(stack, constant(8, 1)) },
        Stmt::CopyHeader { dst: element(stack, constant(8, 1)), src: HeaderRef::One(a) },
        Stmt::CopyHeader { dst: HeaderRef::One(a), src: element(stack, constant(8, 0)) },
        enqueue(1),
    ]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[]);
    assert_eq!(switch.var(&work, got).low_u128(), 1 << 69);
    assert_eq!([a, b, c].map(|header| switch.is_valid(&work, header)), [false, true, false]);
}

#[test]
fn at_most_one_member_of_a_union_is_valid() {
    let mut fixture = Fixture::new();
    let small = fixture.header_type("small", &[("f", Ty::Bits(8))]);
    let large = fixture.header_type("large", &[("f", Ty::Bits(16))]);
    let (_, members) = fixture.union("u", &[small, large, small]);
    let [a, b, c] = members[..] else { panic!("three members") };
    let outside = fixture.header("outside", small);
    let states: Vec<_> = (0..4).map(|i| fixture.var(&format!("after{i}"), 3)).collect();
    let valid = |header| super::switch::valid(header);
    let note =
        |var| set(var, binary(BinaryOp::Concat, valid(a), binary(BinaryOp::Concat, valid(b), valid(c))));
    let (parser, _) = fixture.parser("p", vec![(vec![extract(b)], accept())]);
    fixture.ingress(vec![
        Stmt::SetValid(HeaderRef::One(a)),
        note(states[0]),
        call(Callee::Parser(parser)),
        note(states[1]),
        Stmt::SetValid(HeaderRef::One(outside)),
        Stmt::CopyHeader { dst: HeaderRef::One(c), src: HeaderRef::One(outside) },
        note(states[2]),
        // Copying an invalid header into one member leaves the others alone.
        Stmt::SetInvalid(HeaderRef::One(outside)),
        Stmt::CopyHeader { dst: HeaderRef::One(a), src: HeaderRef::One(outside) },
        note(states[3]),
        enqueue(1),
    ]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[1, 2]);
    let got: Vec<u64> = states.iter().map(|var| switch.number(&work, *var)).collect();
    assert_eq!(got, [0b100, 0b010, 0b001, 0b001]);
}

/// Pushes and pops on a stack of four whose elements are 1, 2, invalid, 4.
fn moved(movement: fn(heddle_ir::StackId) -> Stmt) -> Vec<Option<u8>> {
    let mut fixture = Fixture::new();
    let ty = fixture.header_type("h", &[("f", Ty::Bits(8))]);
    let (stack, next) = fixture.stack("s", ty, 4);
    let elements = fixture.program.stacks[stack].elements.clone();
    let mut block = vec![set(next, constant(32, 4))];
    for index in [0, 1, 3] {
        block.push(Stmt::SetValid(HeaderRef::One(elements[index])));
        block.push(set_field(elements[index], 0, constant(8, index as u128 + 1)));
    }
    block.push(movement(stack));
    block.push(enqueue(1));
    fixture.ingress(block);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[]);
    assert_eq!(switch.number(&work, next), 4, "nextIndex is somebody else's business");
    let words = |header| switch.interpreter.layout.headers[header].word;
    elements
        .iter()
        .map(|header| switch.is_valid(&work, *header).then(|| work.frame.words[words(*header) + 1] as u8))
        .collect()
}

#[test]
fn stacks_are_pushed_and_popped() {
    assert_eq!(moved(|s| Stmt::PushFront(s, 1)), [None, Some(1), Some(2), None]);
    assert_eq!(moved(|s| Stmt::PushFront(s, 3)), [None, None, None, Some(1)]);
    assert_eq!(moved(|s| Stmt::PushFront(s, 4)), [None, None, None, None]);
    assert_eq!(moved(|s| Stmt::PushFront(s, 99)), [None, None, None, None]);
    assert_eq!(moved(|s| Stmt::PushFront(s, 0)), [Some(1), Some(2), None, Some(4)]);
    assert_eq!(moved(|s| Stmt::PopFront(s, 1)), [Some(2), None, Some(4), None]);
    assert_eq!(moved(|s| Stmt::PopFront(s, 2)), [None, Some(4), None, None]);
    assert_eq!(moved(|s| Stmt::PopFront(s, 99)), [None, None, None, None]);
}

#[test]
fn columns_of_a_stack_of_unions_move_one_after_the_other() {
    let mut fixture = Fixture::new();
    let ty = fixture.header_type("h", &[("f", Ty::Bits(8))]);
    let (_, first) = fixture.union("u0", &[ty, ty]);
    let (_, second) = fixture.union("u1", &[ty, ty]);
    let next = fixture.var("next", 32);
    let column = |fixture: &mut Fixture, member: usize| {
        let elements = vec![first[member], second[member]];
        fixture.program.stacks.push(heddle_ir::Stack { name: format!("c{member}"), elements, next })
    };
    let (a, b) = (column(&mut fixture, 0), column(&mut fixture, 1));
    fixture.ingress(vec![
        // u0 holds its first member, u1 its second.
        Stmt::SetValid(HeaderRef::One(first[0])),
        Stmt::SetValid(HeaderRef::One(second[1])),
        Stmt::PopFront(b, 1),
        Stmt::PopFront(a, 1),
        enqueue(1),
    ]);
    let mut switch = fixture.switch();
    let work = switch.ingress(&[]);
    let validity = [first[0], first[1], second[0], second[1]].map(|header| switch.is_valid(&work, header));
    assert_eq!(validity, [false, true, false, false]);
}

#[test]
fn elements_are_written_by_index_and_emitted_if_valid() {
    let mut fixture = Fixture::new();
    let ty = fixture.header_type("h", &[("f", Ty::Bits(8))]);
    let (stack, _) = fixture.stack("s", ty, 3);
    let index = fixture.var("index", 8);
    let at = || element(stack, read(index));
    fixture.ingress(vec![
        set(index, constant(8, 2)),
        Stmt::SetValid(at()),
        Stmt::Assign(Place::Field(at(), 0), constant(8, 0xaa)),
        set(index, constant(8, 3)),
        Stmt::SetValid(at()),
        Stmt::Assign(Place::Field(at(), 0), constant(8, 0xbb)),
        Stmt::SetInvalid(at()),
        enqueue(1),
    ]);
    let elements = fixture.program.stacks[stack].elements.clone();
    let mut deparse: Vec<Stmt> = elements.iter().map(|header| emit(*header)).collect();
    deparse.push(Stmt::Emit(at()));
    deparse.push(Stmt::Emit(element(stack, constant(8, 2))));
    deparse.push(Stmt::Decide(heddle_ir::Decision::Transmit));
    fixture.egress(deparse);
    let work = fixture.switch().both(&[1, 2, 3]);
    assert_eq!(work.packet.bytes(), [0xaa, 0xaa, 1, 2, 3]);
}
