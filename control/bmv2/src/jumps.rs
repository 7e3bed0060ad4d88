//! Jumps between the primitives of an action, as structured control flow.
//!
//! A compiler writes `if`, `return` and loops in actions as jumps. Those that an `if` gives are put back into one;
//! any others run as a machine: one slot says which run of primitives is next.
//!
//! Invariant: primitives run in the order in which the jumps would have them; a loop that does not end drops the
//! packet.

use heddle_ir::{Bits, Block, Expr, Place, Stmt, Ty, VarId};

use crate::error::Lower;
use crate::json::Node;
use crate::operand::small_constant;
use crate::switch::Lowerer;

/// Rounds after which a loop drops the packet.
const LOOP_BOUND: u32 = 65536;

/// Bits of the slot that says where to go on.
const STEP_WIDTH: u32 = 32;

/// One call of a primitive.
enum Step<'a> {
    /// It does something.
    Do(Node<'a>),
    /// To the step of this number.
    Jump(usize),
    /// There unless the condition holds.
    JumpIfZero(Node<'a>, usize),
}

/// Something that has no structure.
struct Unstructured;

impl<'a> Lowerer<'a> {
    /// The body of an action: an array of calls.
    pub(crate) fn action_body(&mut self, primitives: &Node<'a>) -> Lower<Block> {
        let calls = primitives.items()?;
        let target = |node: &Node<'a>| match small_constant(node)? as usize {
            target if target <= calls.len() => Ok(target),
            _ => node.wrong(format!("the action has {} primitives, none of them there", calls.len())),
        };
        let mut steps = Vec::new();
        for call in &calls {
            steps.push(match call.get("op")?.text()? {
                "_jump" => {
                    let [to] = call.get("parameters")?.tuple()?;
                    Step::Jump(target(&to)?)
                }
                "_jump_if_zero" => {
                    let [cond, to] = call.get("parameters")?.tuple()?;
                    Step::JumpIfZero(cond, target(&to)?)
                }
                _ => Step::Do(call.clone()),
            });
        }
        match self.region(&steps, 0, steps.len())? {
            Ok(block) => Ok(block),
            Err(Unstructured) => self.machine(&steps),
        }
    }

    /// Steps from `start` to before `end`, which is where they go on.
    fn region(&mut self, steps: &[Step<'a>], start: usize, end: usize) -> Lower<Result<Block, Unstructured>> {
        let outer = std::mem::take(&mut self.block);
        let result = self.structured(steps, start, end);
        let block = std::mem::replace(&mut self.block, outer);
        Ok(result?.map(|()| block))
    }

    fn structured(
        &mut self,
        steps: &[Step<'a>],
        start: usize,
        end: usize,
    ) -> Lower<Result<(), Unstructured>> {
        let mut at = start;
        while at < end {
            match &steps[at] {
                Step::Do(call) => {
                    self.primitive(call)?;
                    at += 1;
                }
                Step::Jump(to) if *to == end => return Ok(Ok(())),
                Step::Jump(to) if *to == steps.len() => {
                    self.emit(Stmt::Return);
                    return Ok(Ok(()));
                }
                Step::JumpIfZero(cond, to) if at < *to && *to <= end => {
                    let cond = self.truth(cond)?;
                    // What is skipped may end by going past what is run otherwise.
                    let (then_end, join) = match steps[..*to].last() {
                        Some(Step::Jump(join)) if *to - 1 > at && *to <= *join && *join <= end => {
                            (*to - 1, *join)
                        }
                        _ => (*to, *to),
                    };
                    let then = self.region(steps, at + 1, then_end)?;
                    let els = self.region(steps, *to, join)?;
                    let (Ok(then), Ok(els)) = (then, els) else { return Ok(Err(Unstructured)) };
                    self.emit(Stmt::If { cond, then, els });
                    at = join;
                }
                Step::Jump(_) | Step::JumpIfZero(..) => return Ok(Err(Unstructured)),
            }
        }
        Ok(Ok(()))
    }

    /// Runs of steps between jumps and their targets, each behind a question whether it is next.
    fn machine(&mut self, steps: &[Step<'a>]) -> Lower<Block> {
        let next = self.new_var("$step".to_owned(), Ty::Bits(STEP_WIDTH));
        let mut starts = vec![0];
        for (at, step) in steps.iter().enumerate() {
            if let Step::Jump(to) | Step::JumpIfZero(_, to) = step {
                starts.extend([*to, at + 1]);
            }
        }
        starts.sort_unstable();
        starts.dedup();
        let mut body = Vec::new();
        for (i, start) in starts.iter().enumerate().filter(|(_, start)| **start < steps.len()) {
            let end = starts.get(i + 1).copied().unwrap_or(steps.len());
            let block = self.in_block(|l| {
                l.emit(go(next, end));
                for step in &steps[*start..end] {
                    match step {
                        Step::Do(call) => l.primitive(call)?,
                        Step::Jump(to) => l.emit(go(next, *to)),
                        Step::JumpIfZero(cond, to) => {
                            let cond = l.truth(cond)?;
                            l.emit(Stmt::If { cond, then: Vec::new(), els: vec![go(next, *to)] });
                        }
                    }
                }
                Ok(())
            })?;
            body.push(Stmt::when(is_next(next, *start), block));
        }
        body.push(Stmt::when(is_next(next, steps.len()), vec![Stmt::Break]));
        Ok(vec![go(next, 0), Stmt::Loop { bound: LOOP_BOUND, body, update: Vec::new() }])
    }
}

fn go(next: VarId, to: usize) -> Stmt {
    Stmt::Assign(Place::Var(next), Expr::Const(Bits::new(STEP_WIDTH, to as u128)))
}

fn is_next(next: VarId, step: usize) -> Expr {
    Expr::read(next).eq(Expr::Const(Bits::new(STEP_WIDTH, step as u128)))
}
