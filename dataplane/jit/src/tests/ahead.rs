//! Lookups made ahead of packets: of the keys that packets ask for, and given up where those are others.

use heddle_exec::Entry;
use heddle_ir::{
    Bits, Expr, HeaderRef, KeyMatch, MatchKind, Place, ProgramBuilder, Stmt, Target, Transition, Verified,
    verify,
};

use super::differential::Side;
use crate::assembly::Options;
use crate::jit::Jit;

/// A program that looks a key up, which it takes from the packet or from a register.
fn program(from_register: bool) -> Verified {
    let mut builder = ProgramBuilder::new("ahead");
    let ty = builder.header_type("h", &[("f", 16)]);
    let header = builder.header("h", ty);
    let (key, port) = (builder.var("key", 16), builder.var("port", 32));
    let register = builder.register("r", 16, 1);
    let mut parser = builder.parser("p");
    let extract = Stmt::Extract { header: HeaderRef::One(header), varbit_bits: None };
    parser.state("start", vec![extract], Transition::Goto(Target::Accept));
    let parser = parser.finish();
    let param = builder.var("to", 32);
    let forward = Stmt::Assign(Place::Var(port), Expr::read(param));
    let forward = builder.action("forward", &[("to", param)], vec![forward]);
    let table = builder
        .table("t")
        .key("key", MatchKind::Exact, Expr::read(key))
        .default_action(forward, vec![Bits::new(32, 9)])
        .entry(vec![KeyMatch::Exact(Bits::new(16, 0x0102))], 0, forward, vec![Bits::new(32, 7)])
        .finish();
    let take_key = if from_register {
        Stmt::RegisterRead { register, index: Expr::constant(32, 0), dst: key }
    } else {
        Stmt::Assign(Place::Var(key), Expr::field(header, 0))
    };
    builder.ingress(vec![
        Stmt::Call { callee: heddle_ir::Callee::Parser(parser), copy_out: vec![] },
        take_key,
        Stmt::Apply { table, hit: None, action_run: None },
        Stmt::Decide(heddle_ir::Decision::Enqueue { port: Expr::read(port), queue: Expr::constant(32, 0) }),
    ]);
    builder.egress(vec![Stmt::Decide(heddle_ir::Decision::Transmit)]);
    verify(builder.finish()).expect("a correct program")
}

/// Where packets go that begin with these words, and whether lookups ahead of them are given up then.
fn run(from_register: bool, words: &[u16]) -> (Vec<u64>, bool) {
    let program = program(from_register);
    let jit = Jit::with_options(program.clone(), Options { ahead_always: true, ..Options::default() });
    let jit = jit.expect("every verified program is compiled");
    let mut side = Side::new(&jit, &[]);
    let register = program.registers.keys().next().expect("a register");
    side.state.set_register(register, 0, 0x0102);
    let mut works: Vec<_> = words.iter().map(|word| side.arrived(&word.to_be_bytes(), 0)).collect();
    side.run(Entry::Ingress, &mut works);
    let port = |work: &heddle_exec::Work| match work.verdict {
        heddle_exec::Verdict::Enqueue { port, .. } => u64::from(port),
        other => panic!("{other:?}"),
    };
    (works.iter().map(port).collect(), jit.is_paused())
}

#[test]
fn keys_of_the_packet_are_looked_up_ahead() {
    let words: Vec<u16> = (0..70).map(|i| if i % 3 == 0 { 0x0102 } else { i }).collect();
    let ports = words.iter().map(|word| if *word == 0x0102 { 7 } else { 9 }).collect();
    assert_eq!(run(false, &words), (ports, false));
}

#[test]
fn packets_of_one_flow_share_a_lookup() {
    let words: Vec<u16> = (0..70).map(|i| if i / 5 % 2 == 0 { 0x0102 } else { i / 20 }).collect();
    let ports = words.iter().map(|word| if *word == 0x0102 { 7 } else { 9 }).collect();
    assert_eq!(run(false, &words), (ports, false));
}

#[test]
fn keys_that_nobody_asks_for_are_given_up() {
    assert_eq!(run(true, &[1, 2, 3, 4, 5]), (vec![7; 5], true));
}

#[test]
fn a_few_packets_are_not_worth_it() {
    assert_eq!(run(true, &[1, 2, 3]), (vec![7; 3], false));
}
