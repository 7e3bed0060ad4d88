//! Types of expressions and places.
//!
//! Invariant: a type is found exactly if every part has one and they agree, so a program whose expressions all
//! have types can be evaluated without looking at them again.

use crate::{BinaryOp, Expr, HeaderId, HeaderRef, HeaderTypeId, Place, Program, StackId, Ty, VarId};

use super::limit;

/// Why an expression or place has no type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    /// An index denotes nothing.
    #[error("there is no {0}")]
    NoVar(VarId),
    /// An index denotes nothing.
    #[error("there is no {0}")]
    NoHeader(HeaderId),
    /// An index denotes nothing.
    #[error("there is no {0}")]
    NoStack(StackId),
    /// An index denotes nothing.
    #[error("there is no {0}")]
    NoHeaderType(HeaderTypeId),
    /// A header type has fewer fields.
    #[error("{header_type} has no field {field}")]
    NoField {
        /// The header type.
        header_type: HeaderTypeId,
        /// Position asked for.
        field: usize,
    },
    /// A stack without elements has no element type.
    #[error("{0} has no elements")]
    EmptyStack(StackId),
    /// One type is needed and another is there.
    #[error("{part} has to be {expected} but is {found}")]
    Expected {
        /// Which part.
        part: &'static str,
        /// What it has to be.
        expected: Ty,
        /// What it is.
        found: Ty,
    },
    /// A `varbit` where only a number of fixed width can be.
    #[error("{part} has to be of fixed width but is {found}")]
    NotBits {
        /// Which part.
        part: &'static str,
        /// What it is.
        found: Ty,
    },
    /// Two operands have to have one type.
    #[error("operands of one type are needed, not {left} and {right}")]
    Differ {
        /// The left one.
        left: Ty,
        /// The right one.
        right: Ty,
    },
    /// Bits that are not there, or none.
    #[error("bits {high} to {low} are no part of {width} bits")]
    BadSlice {
        /// Most significant bit.
        high: u32,
        /// Least significant bit.
        low: u32,
        /// Bits there are.
        width: u32,
    },
    /// Wider than [`limit::WIDTH_BITS`].
    #[error("{0} bits are more than {max}", max = limit::WIDTH_BITS)]
    TooWide(u64),
    /// Deeper than [`limit::EXPRESSION_DEPTH`].
    #[error("the expression is more than {max} operators deep", max = limit::EXPRESSION_DEPTH)]
    TooDeep,
}

/// The type of an expression, or the first thing that is wrong with it. Terminates within a bounded stack
/// whatever the expression is.
pub fn width_of(program: &Program, expr: &Expr) -> Result<Ty, TypeError> {
    run(program, |typing| typing.expr(expr))
}

/// The type of what a place holds, or the first thing that is wrong with it.
pub fn type_of_place(program: &Program, place: &Place) -> Result<Ty, TypeError> {
    run(program, |typing| typing.place(place))
}

/// The type of a header, or the first thing that is wrong with how it is named.
pub fn header_type_of(program: &Program, header: &HeaderRef) -> Result<HeaderTypeId, TypeError> {
    run(program, |typing| typing.header(header))
}

fn run<T>(program: &Program, check: impl FnOnce(&mut Typing<'_>) -> Option<T>) -> Result<T, TypeError> {
    let mut typing = Typing::new(program);
    let found = check(&mut typing);
    match (found, typing.errors.into_iter().next()) {
        (_, Some(error)) => Err(error),
        (Some(found), None) => Ok(found),
        // Nothing is left out without an error, except below the depth limit, which is one itself.
        (None, None) => Err(TypeError::TooDeep),
    }
}

/// Finds types and collects errors. A part without a type is `None`, and has been reported.
pub(super) struct Typing<'p> {
    program: &'p Program,
    pub(super) errors: Vec<TypeError>,
    depth: usize,
}

impl<'p> Typing<'p> {
    pub(super) fn new(program: &'p Program) -> Typing<'p> {
        Typing { program, errors: Vec::new(), depth: 0 }
    }

    fn fail<T>(&mut self, error: TypeError) -> Option<T> {
        self.errors.push(error);
        None
    }

    pub(super) fn expr(&mut self, expr: &Expr) -> Option<Ty> {
        if self.depth >= limit::EXPRESSION_DEPTH {
            return self.fail(TypeError::TooDeep);
        }
        self.depth += 1;
        let ty = self.expr_within_depth(expr);
        self.depth -= 1;
        ty
    }

    fn expr_within_depth(&mut self, expr: &Expr) -> Option<Ty> {
        match expr {
            Expr::Const(bits) => self.bits(u64::from(bits.width())),
            Expr::Read(place) => self.place(place),
            Expr::Valid(header) => {
                self.header(header)?;
                Some(Ty::Bits(1))
            }
            Expr::Unary(_, operand) => self.fixed("the operand", operand).map(Ty::Bits),
            Expr::Binary(op, left, right) => self.binary(*op, left, right),
            Expr::Slice { of, high, low } => {
                let width = self.fixed("the operand", of)?;
                self.slice(*high, *low, width).map(Ty::Bits)
            }
            Expr::Resize { of, width, signed: _ } => {
                self.fixed("the operand", of);
                self.bits(u64::from(*width))
            }
            Expr::Mux { cond, then, els } => {
                self.exactly("the condition", cond, Ty::Bits(1));
                let (then, els) = (self.fixed("the operand", then), self.fixed("the operand", els));
                let (then, els) = (Ty::Bits(then?), Ty::Bits(els?));
                if then == els { Some(then) } else { self.fail(TypeError::Differ { left: then, right: els }) }
            }
            Expr::Intrinsic(intrinsic) => Some(Ty::Bits(intrinsic.width())),
        }
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Option<Ty> {
        match op {
            BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Mod
            | BinaryOp::SatAddU
            | BinaryOp::SatSubU
            | BinaryOp::SatAddS
            | BinaryOp::SatSubS
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Xor => self.alike(left, right),
            BinaryOp::LtU | BinaryOp::LeU | BinaryOp::LtS | BinaryOp::LeS => {
                self.alike(left, right)?;
                Some(Ty::Bits(1))
            }
            BinaryOp::Eq | BinaryOp::Ne => {
                let (left, right) = (self.expr(left), self.expr(right));
                let (left, right) = (left?, right?);
                if left == right { Some(Ty::Bits(1)) } else { self.fail(TypeError::Differ { left, right }) }
            }
            BinaryOp::Shl | BinaryOp::Shr | BinaryOp::Sar => {
                let left = self.fixed("the operand", left);
                self.fixed("the shift amount", right);
                left.map(Ty::Bits)
            }
            BinaryOp::Concat => {
                let (left, right) = (self.fixed("the operand", left), self.fixed("the operand", right));
                self.bits(u64::from(left?) + u64::from(right?))
            }
        }
    }

    /// Two operands of one fixed width.
    fn alike(&mut self, left: &Expr, right: &Expr) -> Option<Ty> {
        let (left, right) = (self.fixed("the operand", left), self.fixed("the operand", right));
        let (left, right) = (Ty::Bits(left?), Ty::Bits(right?));
        if left == right { Some(left) } else { self.fail(TypeError::Differ { left, right }) }
    }

    /// The width of an operand that may not be a `varbit`.
    pub(super) fn fixed(&mut self, part: &'static str, expr: &Expr) -> Option<u32> {
        let found = self.expr(expr)?;
        self.fixed_type(part, found)
    }

    pub(super) fn fixed_type(&mut self, part: &'static str, found: Ty) -> Option<u32> {
        match found {
            Ty::Bits(width) => Some(width),
            Ty::Varbit(_) => self.fail(TypeError::NotBits { part, found }),
        }
    }

    /// An operand of a type that is known beforehand.
    pub(super) fn exactly(&mut self, part: &'static str, expr: &Expr, expected: Ty) {
        if let Some(found) = self.expr(expr) {
            self.same(part, expected, found);
        }
    }

    pub(super) fn same(&mut self, part: &'static str, expected: Ty, found: Ty) {
        if found != expected {
            self.errors.push(TypeError::Expected { part, expected, found });
        }
    }

    /// The width of bits `high` to `low` of `width` bits.
    pub(super) fn slice(&mut self, high: u32, low: u32, width: u32) -> Option<u32> {
        if low <= high && high < width {
            Some(high - low + 1)
        } else {
            self.fail(TypeError::BadSlice { high, low, width })
        }
    }

    fn bits(&mut self, width: u64) -> Option<Ty> {
        match u32::try_from(width) {
            Ok(narrow) if narrow <= limit::WIDTH_BITS => Some(Ty::Bits(narrow)),
            Ok(_) | Err(_) => self.fail(TypeError::TooWide(width)),
        }
    }

    pub(super) fn place(&mut self, place: &Place) -> Option<Ty> {
        match place {
            Place::Var(var) => self.var(*var),
            Place::Field(header, field) => {
                let header_type = self.header(header)?;
                match self.program.header_types[header_type].fields.get(*field) {
                    Some(found) => Some(found.ty),
                    None => self.fail(TypeError::NoField { header_type, field: *field }),
                }
            }
        }
    }

    pub(super) fn var(&mut self, var: VarId) -> Option<Ty> {
        match self.program.vars.get(var) {
            Some(found) => Some(found.ty),
            None => self.fail(TypeError::NoVar(var)),
        }
    }

    /// The type of a header; it exists.
    pub(super) fn header(&mut self, header: &HeaderRef) -> Option<HeaderTypeId> {
        let header = match header {
            HeaderRef::One(header) => *header,
            HeaderRef::Element(stack, index) => {
                self.fixed("the index", index);
                let Some(found) = self.program.stacks.get(*stack) else {
                    return self.fail(TypeError::NoStack(*stack));
                };
                match found.elements.first() {
                    Some(header) => *header,
                    None => return self.fail(TypeError::EmptyStack(*stack)),
                }
            }
        };
        let Some(found) = self.program.headers.get(header) else {
            return self.fail(TypeError::NoHeader(header));
        };
        if self.program.header_types.is_valid(found.ty) {
            Some(found.ty)
        } else {
            self.fail(TypeError::NoHeaderType(found.ty))
        }
    }
}
