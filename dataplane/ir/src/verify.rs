//! What a program has to satisfy to be executed, and the proof that it does.
//!
//! The rules are the variants of [`Rule`], in three groups: what a program declares, what the control plane
//! sees of it, and what its code does. Sizes are bounded by the constants of [`limit`].
//!
//! Invariant: a [`Verified`] holds a program that satisfies every [`Rule`], so whoever has one may index with
//! any index in it, evaluate any expression and run any statement without checking again.
//!
//! Every rule is checked wherever it applies and everything that is wrong is reported, in an order that depends
//! on the program alone. A part whose types are wrong already is not blamed again for what follows from that.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::Program;

mod calls;
mod control;
mod declarations;
mod parsers;
mod statements;
mod typing;

pub(crate) use declarations::CORE_ERRORS;
pub use typing::{TypeError, header_type_of, type_of_place, width_of};

/// What a program has to satisfy. The number of a rule is its position here, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    // What a program declares.
    /// There is an ingress entry point.
    Entry,
    /// Every index denotes something that exists.
    Index,
    /// The list of errors begins with the seven of `core.p4`, in order (P4-16, "core library").
    CoreErrors,
    /// A header type has at most one `varbit` field (P4-16, "header types").
    HeaderLayout,
    /// A header that is extracted or emitted has a fixed part of whole bytes, since packets are bytes.
    WholeBytes,
    /// A stack has elements, all of one type; a header is an element of at most one stack, once.
    StackElements,
    /// A header is a member of the union it names and of no other; no union has a member twice.
    UnionMembers,
    /// Every size is within its [`limit`].
    Limit,

    // What the control plane sees.
    /// P4Runtime ids other than 0 are unique in the program, and so are, in their kind, the names of what has
    /// one.
    ControlName,
    /// The slots of an action's parameters are distinct and no `varbit`s.
    ActionData,
    /// A table has selector keys only if its profile has a selector.
    TableKeys,
    /// A table has actions and lists each once.
    TableActions,
    /// An action is called with as many values as it has parameters, each of the parameter's width; a default
    /// action is not `@tableonly`, an entry's action not `@defaultonly`.
    ActionCall,
    /// A declared entry has one match per key, of the key's kind and width and in canonical form, and a
    /// priority only where the kinds need one. A table with a profile declares no entries.
    TableEntry,
    /// A direct counter or meter and its table name each other.
    DirectState,
    /// A register's initial value has its width; a meter counts packets or bytes; a selector uses 1 to 64 bits
    /// of hash; a value set has keys and none of them is a selector key.
    Object,

    // What the code does.
    /// The types of every expression, place and statement agree: see [`width_of`].
    Type,
    /// A select case has one keyset per value; a value set has keys of the values' widths.
    Select,
    /// The labels of a switch are distinct.
    SwitchLabel,
    /// Loops and parsers have a bound, which is not zero.
    Bound,
    /// [`crate::Stmt::Break`] is in a loop of the same action, body, state or copy block, and
    /// [`crate::Stmt::Continue`] in the body of one, since it goes on with the update.
    OutsideLoop,
    /// No action, body, parser or table runs itself, through whatever others.
    Recursion,
    /// A `copy_in` or `copy_out` ends where it ends: nothing in it leaves, exits or rejects. A `copy_out` calls
    /// nothing.
    CopyBlock,
    /// What takes bits from the packet is in parser states, or in bodies that are run by parsers and by nothing
    /// else.
    ParserOnly,
    /// A parser runs no action and no table, and neither exits nor catches (P4-16, "parser declarations").
    NotInParser,
    /// An action applies no table and runs no parser, in itself or in a body it calls (P4-16, "actions").
    NotInAction,
    /// Headers are emitted in bodies, not in actions or parsers.
    Emit,
    /// Ingress enqueues, replicates and resubmits; egress recirculates and transmits; both drop.
    Decision,
    /// A direct counter or meter is used where an action of its table runs and nowhere else, without an index;
    /// an indirect one with an index.
    DirectUse,
}

/// The largest sizes. They bound what a program can make a switch allocate, and how deep an executor recurses.
pub mod limit {
    /// Bits of a header with all its fields, and of any other value.
    pub const WIDTH_BITS: u32 = 65_535 * 8;
    /// Bits of all headers and scalar slots together.
    pub const FRAME_BITS: u64 = 8 << 20;
    /// Elements of a stack.
    pub const STACK_ELEMENTS: usize = 4096;
    /// Operators on the way from an expression to its deepest operand.
    pub const EXPRESSION_DEPTH: usize = 256;
    /// Blocks around a statement, those of callers included.
    pub const NESTING: usize = 256;
    /// Rounds of a loop.
    pub const LOOP_BOUND: u32 = 1 << 20;
    /// Steps of a parser.
    pub const STEP_BOUND: u32 = 1 << 20;
    /// Entries of a table, profile or value set.
    pub const ENTRIES: u64 = 1 << 32;
    /// Bytes of all registers, counters and meters together, cells of a counter taken as
    /// [`COUNTER_CELL_BYTES`], those of a meter as [`METER_CELL_BYTES`], those of a register as whole words.
    pub const STATE_BYTES: u64 = 4 << 30;
    /// Bytes that a counter's cell is taken for.
    pub const COUNTER_CELL_BYTES: u64 = 16;
    /// Bytes that a meter's cell is taken for.
    pub const METER_CELL_BYTES: u64 = 64;
}

impl Rule {
    /// Its number in the list.
    pub fn number(self) -> u32 {
        self as u32 + 1
    }
}

/// A rule that a program breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The offending part of the program, where there is one.
    pub part: Option<Part>,
    /// Path of the offending part, like `table3 ipv4_lpm key 0`.
    pub place: String,
    /// What is wrong with it.
    pub what: String,
}

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident($id:ident);)*) => {
        /// What a program consists of, by number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Part {$(
            $(#[$doc])*
            $name(crate::$id),
        )*}

        $(impl From<crate::$id> for Part {
            fn from(id: crate::$id) -> Part {
                Part::$name(id)
            }
        })*
    };
}

parts! {
    /// A header type.
    HeaderType(HeaderTypeId);
    /// A header.
    Header(HeaderId);
    /// A stack.
    Stack(StackId);
    /// A union.
    Union(UnionId);
    /// A scalar slot.
    Var(VarId);
    /// A register.
    Register(RegisterId);
    /// A digest.
    Digest(DigestId);
    /// An action profile.
    Profile(ProfileId);
    /// A value set.
    ValueSet(ValueSetId);
    /// A counter.
    Counter(CounterId);
    /// A meter.
    Meter(MeterId);
    /// An action.
    Action(ActionId);
    /// A table.
    Table(TableId);
    /// A body.
    Body(BodyId);
    /// A parser.
    Parser(ParserId);
}

/// A program that satisfies every rule. Cheap to clone.
#[derive(Clone)]
pub struct Verified(Arc<Program>);

impl Verified {
    /// The program.
    pub fn program(&self) -> &Program {
        &self.0
    }

    /// Whether both are clones of one: what was made for one of them fits the other.
    pub fn is(&self, other: &Verified) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for Verified {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.0
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verified").field(&self.0.name).finish()
    }
}

/// Checks every rule; collects everything that is wrong.
pub fn verify(program: Program) -> Result<Verified, Vec<Violation>> {
    let violations = violations(&program);
    if violations.is_empty() { Ok(Verified(Arc::new(program))) } else { Err(violations) }
}

/// Everything that is wrong with a program.
pub fn violations(program: &Program) -> Vec<Violation> {
    let mut checker = Checker::new(program);
    checker.declarations();
    checker.control_objects();
    checker.tables();
    checker.bodies();
    checker.parsers();
    checker.call_graph();
    checker.violations
}

/// The state of a check: where it is, what it found, and what has to wait until it is known who calls whom.
struct Checker<'p> {
    program: &'p Program,
    violations: Vec<Violation>,
    /// Path of the part being checked.
    path: String,
    /// That part.
    part: Option<Part>,
    calls: calls::CallGraph,
}

impl<'p> Checker<'p> {
    fn new(program: &'p Program) -> Checker<'p> {
        Checker {
            program,
            violations: Vec::new(),
            path: String::new(),
            part: None,
            calls: calls::CallGraph::new(program),
        }
    }

    fn report(&mut self, rule: Rule, what: impl fmt::Display) {
        let violation = Violation { rule, part: self.part, place: self.path.clone(), what: what.to_string() };
        self.violations.push(violation);
    }

    fn require(&mut self, holds: bool, rule: Rule, what: impl fmt::Display) {
        if !holds {
            self.report(rule, what);
        }
    }

    /// Checks a part, whose name is one more step of the path.
    fn within<R>(&mut self, part: impl fmt::Display, check: impl FnOnce(&mut Self) -> R) -> R {
        use fmt::Write;
        let outside = self.path.len();
        let space = if outside == 0 { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(self.path, "{space}{part}");
        let result = check(self);
        self.path.truncate(outside);
        result
    }

    /// Checks a numbered part of the program.
    fn within_part<R>(
        &mut self,
        id: impl Into<Part> + fmt::Display + Copy,
        name: &str,
        check: impl FnOnce(&mut Self) -> R,
    ) -> R {
        let outer = self.part.replace(id.into());
        let result = self.within(format_args!("{id} {name}"), check);
        self.part = outer;
        result
    }

    /// Whether an index denotes something; reports it otherwise.
    fn index<K: cranelift_entity::EntityRef + fmt::Display, V>(
        &mut self,
        map: &cranelift_entity::PrimaryMap<K, V>,
        key: K,
    ) -> bool {
        let valid = map.is_valid(key);
        self.require(valid, Rule::Index, format_args!("there is no {key}"));
        valid
    }
}

#[cfg(test)]
mod tests;
