//! Queues that a program has held: asked for in the cells of the worker that runs the packet, and of no other.

use heddle_exec::{Entry, Executor, Gate, Interpreter, Passage, Verdict};
use heddle_ir::{Decision, Expr, PROBE_QUEUES, Probe, ProgramBuilder, RegisterId, Stmt, Verified, verify};

use super::differential::Side;
use crate::jit::Jit;

const QUEUE: u64 = 3;
const ASKED: u64 = 1 << 41 | 7 << 32 | 500;

/// A program that has a queue of a port held by every packet, and sends it to port 1.
fn program() -> (Verified, RegisterId) {
    let mut builder = ProgramBuilder::new("hold");
    let register = builder.program_mut().registers.push(Probe::Hold.register());
    let width = Probe::Hold.width();
    let write = |index: u64, value: u64| Stmt::RegisterWrite {
        register,
        index: Expr::constant(4, u128::from(index)),
        value: Expr::constant(width, u128::from(value)),
    };
    builder.ingress(vec![
        write(QUEUE, ASKED),
        write(PROBE_QUEUES, 1),
        Stmt::Decide(Decision::Enqueue { port: Expr::constant(32, 1), queue: Expr::constant(32, 0) }),
    ]);
    builder.egress(vec![Stmt::Decide(Decision::Transmit)]);
    (verify(builder.finish()).expect("a correct program"), register)
}

/// What is asked for in the cells of each worker up to this one: of the queue, and whether of any.
fn asked(side: &Side<'_>, worker: usize, register: RegisterId) -> Vec<[u64; 2]> {
    let cell = |of: usize, index| side.state.register(register, side.state.cell_of(of, register, index));
    (0..=worker).map(|of| [QUEUE, PROBE_QUEUES].map(|index| cell(of, index))).collect()
}

#[test]
fn a_worker_asks_in_its_own_cells() {
    let (program, register) = program();
    let jit = Jit::new(program.clone()).expect("every verified program is compiled");
    let interpreter = Interpreter::new(program);
    for executor in [&jit as &dyn Executor, &interpreter] {
        for worker in [0, 1, 2] {
            let mut side = Side::of_worker(worker, executor, &[]);
            let mut works = [side.arrived(&[0; 60], 5)];
            side.run(Entry::Ingress, &mut works);
            assert_eq!(works[0].verdict, Verdict::Enqueue { port: 1, queue: 0 });
            let mut expected = vec![[0, 0]; worker];
            expected.push([ASKED, 1]);
            assert_eq!(asked(&side, worker, register), expected);
        }
    }
}

#[test]
fn a_packet_that_asks_does_not_pass_whatever_worker_it_is() {
    let (program, register) = program();
    let jit = Jit::new(program).expect("every verified program is compiled");
    for worker in [0, 1] {
        let mut side = Side::of_worker(worker, &jit, &[]);
        let mut works = [side.arrived(&[0; 60], 5), side.arrived(&[0; 60], 5)];
        let mut gates = [Gate { from_ns: 0, room: 9, queues: 8 }; 2];
        let mut passage = Passage { gates: &mut gates, sends: None };
        let ran = side.run_now(|executor, context| executor.run_through(context, &mut passage, &mut works));
        assert_eq!((ran, works[0].verdict), (Some(1), Verdict::Enqueue { port: 1, queue: 0 }));
        assert_eq!(gates[1].room, 9);
        assert_eq!(asked(&side, worker, register)[worker], [ASKED, 1]);
    }
}
