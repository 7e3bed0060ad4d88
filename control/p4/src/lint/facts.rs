//! What is known of variables and headers at a place in a body.
//!
//! Every variable that is followed has a run of slots, one for each scalar or header in it, in order of declaration.
//! Invariant: slots of what is not followed (stacks, unions, generic types) do not exist, so nothing is said of them.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::hir::{CompositeId, Expr, ExprKind, Field, Program, Ty, VariableId};
use crate::syntax::ast::CompositeKind;

/// Slots that a variable may have; larger ones are not followed.
const LEAVES_MAX: usize = 4096;

/// What is known of a scalar or header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Fact {
    /// Nothing that matters: a scalar with a value, a header of which nothing is known.
    #[default]
    Fine,
    /// A scalar without a value on some path.
    Unset,
    /// A header that is valid.
    Valid,
    /// A header that is not.
    Invalid,
    /// A header that is on some paths.
    Doubtful,
}

impl Fact {
    fn join(self, other: Fact) -> Fact {
        match (self, other) {
            (a, b) if a == b => a,
            (Fact::Unset, Fact::Fine) | (Fact::Fine, Fact::Unset) => Fact::Unset,
            // Where a header comes from elsewhere on one path, nothing is known of it behind.
            (Fact::Fine, _) | (_, Fact::Fine) => Fact::Fine,
            (_, _) => Fact::Doubtful,
        }
    }
}

/// The facts at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Whether a path leads here.
    pub(super) live: bool,
    /// Whether the packet is marked to be dropped on every path.
    pub(super) dropped: bool,
    slots: Vec<Fact>,
}

impl Facts {
    pub(super) fn new() -> Facts {
        Facts { live: true, dropped: false, slots: Vec::new() }
    }

    /// Where no path leads.
    pub(super) fn dead() -> Facts {
        Facts { live: false, ..Facts::new() }
    }

    /// Slots of which something is known.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn get(&self, slot: usize) -> Fact {
        self.slots.get(slot).copied().unwrap_or_default()
    }

    pub(super) fn set(&mut self, slot: usize, fact: Fact) {
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, Fact::Fine);
        }
        self.slots[slot] = fact;
    }

    /// Forgets what is known of slots from this one on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.slots.truncate(len);
    }

    /// What holds where two paths meet.
    pub(super) fn join(mut self, other: Facts) -> Facts {
        if !self.live {
            return other;
        }
        if !other.live {
            return self;
        }
        let len = self.slots.len().max(other.slots.len());
        self.slots.resize(len, Fact::Fine);
        for (slot, fact) in self.slots.iter_mut().enumerate() {
            *fact = fact.join(other.get(slot));
        }
        self.dropped &= other.dropped;
        self
    }
}

/// A scalar or header in a variable.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) is_header: bool,
    pub(super) name: String,
    pub(super) variable: VariableId,
}

/// What an l-value stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: usize,
    pub(super) count: usize,
}

impl Range {
    pub(super) fn slots(self) -> std::ops::Range<usize> {
        self.first..self.first + self.count
    }
}

/// The slots of the variables met so far.
pub(super) struct Slots<'p> {
    program: &'p Program,
    ranges: HashMap<VariableId, Option<Range>>,
    /// The keys of `ranges` in the order in which they were met.
    met: Vec<VariableId>,
    leaves: Vec<Leaf>,
    /// Where the fields of structs begin, once known.
    starts: HashMap<CompositeId, Arc<[usize]>>,
}

/// How many variables and leaves had been met.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    variables: usize,
    pub(super) leaves: usize,
}

impl<'p> Slots<'p> {
    pub(super) fn new(program: &'p Program) -> Slots<'p> {
        Slots { program, ranges: HashMap::new(), met: Vec::new(), leaves: Vec::new(), starts: HashMap::new() }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { variables: self.met.len(), leaves: self.leaves.len() }
    }

    /// Forgets the variables met since: those of a body that has been left.
    pub(super) fn forget(&mut self, mark: Mark) {
        for variable in self.met.drain(mark.variables..) {
            self.ranges.remove(&variable);
        }
        self.leaves.truncate(mark.leaves);
    }

    pub(super) fn leaf(&self, slot: usize) -> Option<&Leaf> {
        self.leaves.get(slot)
    }

    /// The slots of a variable, if it is followed.
    pub(super) fn of_variable(&mut self, variable: VariableId) -> Option<Range> {
        if let Some(range) = self.ranges.get(&variable) {
            return *range;
        }
        let declared = &self.program.variables[variable];
        let first = self.leaves.len();
        let complete = self.add(&declared.ty, &declared.decl.name, variable, first);
        if !complete {
            self.leaves.truncate(first);
        }
        let range = complete.then(|| Range { first, count: self.leaves.len() - first });
        self.ranges.insert(variable, range);
        self.met.push(variable);
        range
    }

    /// Adds the leaves of a type. False if there are too many.
    fn add(&mut self, ty: &Ty, name: &str, variable: VariableId, first: usize) -> bool {
        if self.leaves.len() - first > LEAVES_MAX {
            return false;
        }
        match self.shape(ty) {
            Shape::Leaf(is_header) => {
                self.leaves.push(Leaf { is_header, name: name.to_owned(), variable });
                true
            }
            Shape::Struct(fields) => {
                fields.iter().all(|f| self.add(&f.ty, &format!("{name}.{}", f.decl.name), variable, first))
            }
            Shape::NotFollowed => true,
        }
    }

    fn shape(&self, ty: &Ty) -> Shape<'p> {
        match ty {
            Ty::Bool | Ty::Bit(_) | Ty::Int(_) | Ty::Error | Ty::Enum(_) | Ty::New(_) => Shape::Leaf(false),
            Ty::Composite(id, args) if args.is_empty() => {
                let composite = &self.program.types.composites[*id];
                match composite.kind {
                    CompositeKind::Header => Shape::Leaf(true),
                    CompositeKind::Struct => Shape::Struct(&composite.fields),
                    CompositeKind::HeaderUnion => Shape::NotFollowed,
                }
            }
            _ => Shape::NotFollowed,
        }
    }

    /// Leaves of a type.
    fn count(&mut self, ty: &Ty) -> usize {
        match self.shape(ty) {
            Shape::Leaf(_) => 1,
            Shape::Struct(_) => self.starts(ty).last().copied().unwrap_or_default(),
            Shape::NotFollowed => 0,
        }
    }

    /// Where the leaves of each field of a struct begin, and the number of all leaves as the last.
    fn starts(&mut self, ty: &Ty) -> Arc<[usize]> {
        let (Ty::Composite(id, _), Shape::Struct(fields)) = (ty, self.shape(ty)) else {
            return Arc::default();
        };
        if let Some(starts) = self.starts.get(id) {
            return Arc::clone(starts);
        }
        let mut starts = vec![0];
        let mut end = 0;
        for field in fields {
            end += self.count(&field.ty);
            starts.push(end);
        }
        let starts: Arc<[usize]> = starts.into();
        self.starts.insert(*id, Arc::clone(&starts));
        starts
    }

    /// The slots of an l-value that is a variable or a field of what is not a header.
    pub(super) fn of_expr(&mut self, expr: &Expr) -> Option<Range> {
        match &expr.kind {
            ExprKind::Variable(variable) => self.of_variable(*variable),
            ExprKind::Field(of, index) => {
                let around = self.of_expr(of)?;
                let starts = self.starts(&of.ty);
                let (before, end) = (*starts.get(*index)?, *starts.get(index + 1)?);
                Some(Range { first: around.first + before, count: end - before })
            }
            _ => None,
        }
    }

    /// The slot of a header.
    pub(super) fn header(&mut self, expr: &Expr) -> Option<usize> {
        let range = self.of_expr(expr)?;
        (range.count == 1 && self.leaf(range.first)?.is_header).then_some(range.first)
    }
}

enum Shape<'p> {
    Leaf(bool),
    Struct(&'p [Field]),
    NotFollowed,
}
