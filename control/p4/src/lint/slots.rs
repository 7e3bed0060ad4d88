//! The variables that are followed, and their slots: one for each scalar or header in a variable, in order of declaration.
//!
//! Invariant: slots of what is not followed (stacks, unions, generic types) do not exist, so nothing is said of them.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::hir::{CompositeId, Expr, ExprKind, Field, Program, Ty, VariableId};
use crate::syntax::ast::CompositeKind;

/// Slots that a variable may have; larger ones are not followed.
const LEAVES_MAX: usize = 4096;

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
