//! Short ways to write expressions, places, statements and transitions.

use std::ops;

use crate::{
    BinaryOp, Bits, Block, BodyId, Callee, Decision, DropReason, Expr, HeaderId, HeaderRef, Intrinsic,
    Keyset, ParserId, Place, SelectCase, SelectMatch, StackId, StateId, Stmt, TableId, Target, Transition,
    UnaryOp, VarId,
};

impl From<HeaderId> for HeaderRef {
    fn from(header: HeaderId) -> HeaderRef {
        HeaderRef::One(header)
    }
}

impl HeaderRef {
    /// An element of a stack.
    pub fn element(stack: StackId, index: Expr) -> HeaderRef {
        HeaderRef::Element(stack, Box::new(index))
    }
}

impl From<VarId> for Place {
    fn from(var: VarId) -> Place {
        Place::Var(var)
    }
}

impl Place {
    /// A header's field.
    pub fn field(header: impl Into<HeaderRef>, field: usize) -> Place {
        Place::Field(header.into(), field)
    }
}

impl From<Bits> for Expr {
    fn from(value: Bits) -> Expr {
        Expr::Const(value)
    }
}

impl From<VarId> for Expr {
    fn from(var: VarId) -> Expr {
        Expr::Read(Place::Var(var))
    }
}

impl From<Place> for Expr {
    fn from(place: Place) -> Expr {
        Expr::Read(place)
    }
}

impl From<Intrinsic> for Expr {
    fn from(intrinsic: Intrinsic) -> Expr {
        Expr::Intrinsic(intrinsic)
    }
}

impl Expr {
    /// A constant, cut off to its width.
    pub fn constant(width: u32, value: u128) -> Expr {
        Expr::Const(Bits::new(width, value))
    }

    /// One bit.
    pub fn bool(value: bool) -> Expr {
        Expr::Const(Bits::bool(value))
    }

    /// A slot's value.
    pub fn read(var: VarId) -> Expr {
        Expr::from(var)
    }

    /// The value of a header's field.
    pub fn field(header: impl Into<HeaderRef>, field: usize) -> Expr {
        Expr::Read(Place::field(header, field))
    }

    /// Whether a header is valid.
    pub fn valid(header: impl Into<HeaderRef>) -> Expr {
        Expr::Valid(header.into())
    }

    /// Any operator of two operands.
    pub fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
        Expr::Binary(op, Box::new(left), Box::new(right))
    }

    /// Equal.
    pub fn eq(self, right: Expr) -> Expr {
        Expr::binary(BinaryOp::Eq, self, right)
    }

    /// Not equal.
    pub fn ne(self, right: Expr) -> Expr {
        Expr::binary(BinaryOp::Ne, self, right)
    }

    /// Unsigned less than.
    pub fn lt(self, right: Expr) -> Expr {
        Expr::binary(BinaryOp::LtU, self, right)
    }

    /// Unsigned less than or equal.
    pub fn le(self, right: Expr) -> Expr {
        Expr::binary(BinaryOp::LeU, self, right)
    }

    /// Signed less than.
    pub fn lt_signed(self, right: Expr) -> Expr {
        Expr::binary(BinaryOp::LtS, self, right)
    }

    /// Signed less than or equal.
    pub fn le_signed(self, right: Expr) -> Expr {
        Expr::binary(BinaryOp::LeS, self, right)
    }

    /// Shifted right, filled with the sign.
    pub fn sar(self, amount: Expr) -> Expr {
        Expr::binary(BinaryOp::Sar, self, amount)
    }

    /// These bits above those.
    pub fn concat(self, low: Expr) -> Expr {
        Expr::binary(BinaryOp::Concat, self, low)
    }

    /// Bits `high` to `low`, both included.
    pub fn slice(self, high: u32, low: u32) -> Expr {
        Expr::Slice { of: Box::new(self), high, low }
    }

    /// Cut off or extended by zeros.
    pub fn resize(self, width: u32) -> Expr {
        Expr::Resize { of: Box::new(self), width, signed: false }
    }

    /// Cut off or extended by the sign.
    pub fn resize_signed(self, width: u32) -> Expr {
        Expr::Resize { of: Box::new(self), width, signed: true }
    }

    /// `self ? then : els`.
    pub fn mux(self, then: Expr, els: Expr) -> Expr {
        Expr::Mux { cond: Box::new(self), then: Box::new(then), els: Box::new(els) }
    }
}

macro_rules! binary_operators {
    ($($trait:ident $method:ident $op:ident;)*) => {$(
        impl ops::$trait for Expr {
            type Output = Expr;

            fn $method(self, right: Expr) -> Expr {
                Expr::binary(BinaryOp::$op, self, right)
            }
        }
    )*};
}

binary_operators! {
    Add add Add;
    Sub sub Sub;
    Mul mul Mul;
    Div div Div;
    Rem rem Mod;
    BitAnd bitand And;
    BitOr bitor Or;
    BitXor bitxor Xor;
    Shl shl Shl;
    Shr shr Shr;
}

impl ops::Not for Expr {
    type Output = Expr;

    fn not(self) -> Expr {
        Expr::Unary(UnaryOp::Not, Box::new(self))
    }
}

impl ops::Neg for Expr {
    type Output = Expr;

    fn neg(self) -> Expr {
        Expr::Unary(UnaryOp::Neg, Box::new(self))
    }
}

impl Stmt {
    /// Stores a value.
    pub fn assign(place: impl Into<Place>, value: impl Into<Expr>) -> Stmt {
        Stmt::Assign(place.into(), value.into())
    }

    /// One way only.
    pub fn when(cond: Expr, then: Block) -> Stmt {
        Stmt::If { cond, then, els: Vec::new() }
    }

    /// Two ways.
    pub fn either(cond: Expr, then: Block, els: Block) -> Stmt {
        Stmt::If { cond, then, els }
    }

    /// Calls without copy-out.
    pub fn call(callee: impl Into<Callee>) -> Stmt {
        Stmt::Call { callee: callee.into(), copy_out: Vec::new() }
    }

    /// Applies a table, whatever comes of it.
    pub fn apply(table: TableId) -> Stmt {
        Stmt::Apply { table, hit: None, action_run: None }
    }

    /// Extracts a header of fixed size.
    pub fn extract(header: impl Into<HeaderRef>) -> Stmt {
        Stmt::Extract { header: header.into(), varbit_bits: None }
    }

    /// Emits a header.
    pub fn emit(header: impl Into<HeaderRef>) -> Stmt {
        Stmt::Emit(header.into())
    }

    /// Out by a port, in the lowest queue.
    pub fn enqueue(port: impl Into<Expr>) -> Stmt {
        Stmt::Decide(Decision::Enqueue { port: port.into(), queue: Expr::constant(32, 0) })
    }

    /// Nowhere.
    pub fn drop(reason: DropReason) -> Stmt {
        Stmt::Decide(Decision::Drop(reason))
    }

    /// Out by the port it was queued for.
    pub fn transmit() -> Stmt {
        Stmt::Decide(Decision::Transmit)
    }
}

impl From<crate::ActionId> for Callee {
    fn from(action: crate::ActionId) -> Callee {
        Callee::Action(action)
    }
}

impl From<BodyId> for Callee {
    fn from(body: BodyId) -> Callee {
        Callee::Body(body)
    }
}

impl From<ParserId> for Callee {
    fn from(parser: ParserId) -> Callee {
        Callee::Parser(parser)
    }
}

impl From<StateId> for Target {
    fn from(state: StateId) -> Target {
        Target::State(state)
    }
}

impl Transition {
    /// To one place.
    pub fn goto(target: impl Into<Target>) -> Transition {
        Transition::Goto(target.into())
    }

    /// By one value: constants and where they lead, then where all others lead.
    pub fn select(on: Expr, cases: &[(Bits, Target)], default: impl Into<Target>) -> Transition {
        let case = |keyset, target| SelectCase { matches: SelectMatch::Each(vec![keyset]), target };
        let mut all: Vec<SelectCase> = cases
            .iter()
            .map(|(value, target)| case(Keyset::Value(Expr::Const(value.clone())), *target))
            .collect();
        all.push(case(Keyset::Any, default.into()));
        Transition::Select { on: vec![on], cases: all }
    }
}
