//! What expressions are worth. They are pure and total: nothing here changes anything or fails.

use heddle_ir::{BinaryOp, Bits, Expr, HeaderId, HeaderRef, Intrinsic, Place, Ty, UnaryOp};

use super::layout::Slot;
use super::pass::Pass;

impl Pass<'_, '_> {
    /// The value of an expression. That of a `varbit` is as wide as it is long.
    pub(super) fn value(&self, expr: &Expr) -> Bits {
        match expr {
            Expr::Const(value) => value.clone(),
            Expr::Read(place) => match self.slot(place) {
                Some(slot) => self.load(slot),
                None => Bits::zero(self.absent_width(place)),
            },
            Expr::Valid(_) => Bits::bool(self.holds(expr)),
            Expr::Unary(op, operand) => {
                let operand = self.value(operand);
                match op {
                    UnaryOp::Not => operand.not(),
                    UnaryOp::Neg => operand.neg(),
                }
            }
            Expr::Binary(op, left, right) => op.apply(&self.value(left), &self.value(right)),
            Expr::Slice { of, high, low } => self.value(of).slice(*high, *low),
            Expr::Resize { of, width, signed } => self.value(of).resize(*width, *signed),
            Expr::Mux { cond, then, els } => self.value(if self.holds(cond) { then } else { els }),
            Expr::Intrinsic(intrinsic) => self.intrinsic(*intrinsic),
        }
    }

    /// Whether a one-bit expression is one.
    pub(super) fn holds(&self, cond: &Expr) -> bool {
        match cond {
            Expr::Valid(header) => self.header(header).is_some_and(|header| self.is_valid(header)),
            // One-bit conjunction and disjunction need not look at both sides: neither has effects.
            Expr::Binary(BinaryOp::And, left, right) => self.holds(left) && self.holds(right),
            Expr::Binary(BinaryOp::Or, left, right) => self.holds(left) || self.holds(right),
            Expr::Unary(UnaryOp::Not, operand) => !self.holds(operand),
            Expr::Const(_)
            | Expr::Read(_)
            | Expr::Unary(UnaryOp::Neg, _)
            | Expr::Binary(..)
            | Expr::Slice { .. }
            | Expr::Resize { .. }
            | Expr::Mux { .. }
            | Expr::Intrinsic(_) => !self.value(cond).is_zero(),
        }
    }

    /// An expression's value as an index: what no array has if it is too large for one.
    pub(super) fn index(&self, expr: &Expr) -> u64 {
        self.value(expr).to_u64().unwrap_or(u64::MAX)
    }

    /// The value of an expression of at most 32 bits.
    pub(super) fn value_u32(&self, expr: &Expr) -> u32 {
        self.value(expr).low_u64() as u32
    }

    /// The header meant, unless it lies beyond its stack.
    pub(super) fn header(&self, header: &HeaderRef) -> Option<HeaderId> {
        match header {
            HeaderRef::One(header) => Some(*header),
            HeaderRef::Element(stack, index) => {
                let index = usize::try_from(self.index(index)).ok()?;
                self.program().stacks[*stack].elements.get(index).copied()
            }
        }
    }

    /// Where a scalar lies, if it can be read and written: not in an invalid header nor beyond a stack.
    pub(super) fn slot(&self, place: &Place) -> Option<Slot> {
        match place {
            Place::Var(var) => Some(self.layout().vars[*var]),
            Place::Field(header, field) => {
                let header = self.header(header)?;
                self.is_valid(header).then(|| self.field(header, *field))
            }
        }
    }

    /// The width of what reads as zero because it is not there. A `varbit` is then of no length.
    fn absent_width(&self, place: &Place) -> u32 {
        let (program, layout) = (self.program(), self.layout());
        let ty = match place {
            Place::Var(var) => Some(layout.vars[*var].ty),
            Place::Field(HeaderRef::One(header), field) => Some(self.field(*header, *field).ty),
            Place::Field(HeaderRef::Element(stack, _), field) => {
                program.stacks[*stack].elements.first().map(|first| self.field(*first, *field).ty)
            }
        };
        match ty {
            Some(Ty::Bits(width)) => width,
            Some(Ty::Varbit(_)) | None => 0,
        }
    }

    fn intrinsic(&self, intrinsic: Intrinsic) -> Bits {
        let known = self.intrinsics;
        let value = match intrinsic {
            Intrinsic::IngressPort => u64::from(known.ingress_port),
            Intrinsic::EgressPort => u64::from(known.egress_port),
            Intrinsic::PacketLength => u64::from(known.packet_length),
            Intrinsic::Origin => u64::from(known.origin as u32),
            Intrinsic::ReplicationId => u64::from(known.replication_id),
            Intrinsic::IngressTimeNs => known.ingress_time_ns,
            Intrinsic::NowNs => self.context.now_ns,
            Intrinsic::EnqueueTimeNs => known.enqueue_time_ns,
            Intrinsic::EnqueueDepth => u64::from(known.enqueue_depth),
            Intrinsic::DequeueDepth => u64::from(known.dequeue_depth),
            Intrinsic::QueueId => u64::from(known.queue_id),
        };
        Bits::new(intrinsic.width(), u128::from(value))
    }
}
