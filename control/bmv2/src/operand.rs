//! Values, conditions, headers and places, as the format's `type` and `value` name them.
//!
//! Invariant: what has to happen before a value can be read (registers, lookahead) has been emitted when the value is
//! returned. A number that is going to be cut off is computed no wider than what is left of it, where that makes no
//! difference.

use heddle_ir::{BinaryOp, Bits, Expr, HeaderRef, Place, Stmt, Ty, UnaryOp, VarId, error_code};
use heddle_p4::lower::fold;
use num_bigint::BigInt;
use num_traits::ToPrimitive as _;

use crate::error::Lower;
use crate::json::Node;
use crate::layout::{INDEX_WIDTH, Instance, StackInfo};
use crate::number::{self, Arithmetic, Comparison, Number, TooWide};
use crate::switch::Lowerer;

/// A part of an expression.
enum Part<'a> {
    /// Type and value.
    Leaf(&'a str, Node<'a>),
    /// An operator with its operands.
    Op(&'a str, Node<'a>),
}

/// What an expression denotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Data,
    Bool,
    Header,
    Union,
}

/// A header, or what stands for one.
#[derive(Clone, Debug)]
pub(crate) enum HeaderValue {
    /// A header and its type.
    Header(HeaderRef, usize),
    /// Slots, by field, and their type.
    Metadata(Vec<VarId>, usize),
}

impl HeaderValue {
    /// One bit: whether it is valid. Metadata always is.
    pub(crate) fn valid(&self) -> Expr {
        match self {
            HeaderValue::Header(header, _) => Expr::Valid(header.clone()),
            HeaderValue::Metadata(..) => Expr::bool(true),
        }
    }

    /// Its type.
    pub(crate) fn ty(&self) -> usize {
        match self {
            HeaderValue::Header(_, ty) | HeaderValue::Metadata(_, ty) => *ty,
        }
    }

    /// One of its fields.
    pub(crate) fn field(&self, index: usize) -> Option<Place> {
        match self {
            HeaderValue::Header(header, _) => Some(Place::Field(header.clone(), index)),
            HeaderValue::Metadata(slots, _) => slots.get(index).map(|var| Place::Var(*var)),
        }
    }
}

/// Where a value can be stored.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) place: Place,
    pub(crate) ty: Ty,
    pub(crate) signed: bool,
    saturating: bool,
}

fn part<'a>(node: &Node<'a>) -> Lower<Part<'a>> {
    let (ty, value) = node.typed()?;
    if ty != "expression" {
        return Ok(Part::Leaf(ty, value));
    }
    match value.opt("op") {
        Some(op) => Ok(Part::Op(op.text()?, value)),
        // One wrapped into another.
        None => part(&value),
    }
}

fn is_bool_op(op: &str) -> bool {
    matches!(op, "and" | "or" | "not" | "d2b" | "valid" | "valid_union") || Comparison::named(op).is_some()
}

fn kind(node: &Node<'_>) -> Lower<Kind> {
    Ok(match part(node)? {
        Part::Leaf("bool", _) => Kind::Bool,
        Part::Leaf("header", _) => Kind::Header,
        Part::Leaf("header_union", _) => Kind::Union,
        Part::Leaf(..) => Kind::Data,
        Part::Op("?", value) => kind(&value.get("left")?)?,
        Part::Op("dereference_stack" | "dereference_header_stack" | "access_union_header", _) => Kind::Header,
        Part::Op("dereference_union_stack", _) => Kind::Union,
        Part::Op(op, _) if is_bool_op(op) => Kind::Bool,
        Part::Op(..) => Kind::Data,
    })
}

/// The constant that a node is.
pub(crate) fn constant(node: &Node<'_>) -> Lower<Option<BigInt>> {
    match part(node)? {
        Part::Leaf("hexstr", value) => hex(&value).map(Some),
        Part::Leaf(..) | Part::Op(..) => Ok(None),
    }
}

/// A constant's digits.
pub(crate) fn hex(value: &Node<'_>) -> Lower<BigInt> {
    let text = value.text()?;
    match number::parse(text) {
        Some(number) => Ok(number),
        None => value.wrong(format!("hexadecimal digits like `0x0a0b` are expected here, not `{text}`")),
    }
}

/// A small constant that a node has to be.
pub(crate) fn small_constant(node: &Node<'_>) -> Lower<u32> {
    match constant(node)?.and_then(|n| n.to_u32()) {
        Some(number) => Ok(number),
        None => node.wrong("a constant from 0 to 0xffffffff is expected here"),
    }
}

impl<'a> Lowerer<'a> {
    fn checked<T>(&self, at: &Node<'a>, result: Result<T, TooWide>) -> Lower<T> {
        result.or_else(|TooWide| at.wrong("the result needs more than 65536 bits"))
    }

    /// A number, without loss.
    pub(crate) fn number(&mut self, node: &Node<'a>) -> Lower<Number> {
        match part(node)? {
            Part::Leaf(ty, value) => self.leaf(node, ty, &value),
            Part::Op(op, value) => self.operator(op, &value),
        }
    }

    fn leaf(&mut self, node: &Node<'a>, ty: &str, value: &Node<'a>) -> Lower<Number> {
        match ty {
            "hexstr" => Ok(Number::constant(&hex(value)?)),
            "bool" => Ok(Number::unsigned(Expr::bool(value.truth()?), 1)),
            "runtime_data" | "local" => {
                let index = value.number()?;
                match usize::try_from(index).ok().and_then(|i| self.locals.get(i)) {
                    Some(number) => Ok(number.clone()),
                    None => value.wrong(format!(
                        "there is no parameter {index} here: there are {} of them",
                        self.locals.len()
                    )),
                }
            }
            "lookahead" => {
                let [offset, width] = value.tuple()?;
                let (offset, width) = (offset.small()?, width.small()?);
                self.lookahead(value, offset, width)
            }
            "register" => {
                let [register, index] = value.tuple()?;
                let id = self.register_named(&register)?;
                let index = self.number(&index)?.expr;
                let width = self.ir.registers[id].width;
                let dst = self.temp(width);
                self.emit(Stmt::RegisterRead { register: id, index, dst });
                Ok(Number::unsigned(Expr::read(dst), width))
            }
            "field" => {
                let [header, field] = value.tuple()?;
                self.named_field(&header, &field)
            }
            "stack_field" | "union_stack_field" => {
                let target = self.place(node)?;
                read(node, target)
            }
            _ => node.wrong(format!("a value is expected here, not `{ty}`")),
        }
    }

    /// A field of a header, or `$valid$` for whether the header is.
    pub(crate) fn named_field(&mut self, header: &Node<'a>, field: &Node<'a>) -> Lower<Number> {
        if field.value.as_str() == Some("$valid$") {
            return Ok(Number::unsigned(self.header_named(header)?.valid(), 1));
        }
        let (_, index) = self.layout.field(header, field)?;
        let header = self.header_named(header)?;
        read(field, self.target(field, &header, index)?)
    }

    /// Bits further on in the packet.
    fn lookahead(&mut self, at: &Node<'a>, offset: u32, width: u32) -> Lower<Number> {
        if !self.in_parser {
            return at.wrong("only a parser can look ahead");
        }
        let total = offset.saturating_add(width);
        if width == 0 || total > 1 << 16 {
            return at.wrong("1 to 65536 bits can be looked ahead");
        }
        let var = self.temp(total);
        self.emit(Stmt::Lookahead(var));
        Ok(Number::unsigned(fold::slice(Expr::read(var), total, width - 1, 0), width))
    }

    fn operator(&mut self, op: &str, value: &Node<'a>) -> Lower<Number> {
        if is_bool_op(op) {
            return Ok(Number::unsigned(self.operator_truth(op, value)?, 1));
        }
        if let Some(arithmetic) = Arithmetic::named(op) {
            return self.arithmetic(arithmetic, value);
        }
        let right = |v: &Node<'a>| v.get("right");
        match op {
            "~" => Ok(number::complement(self.number(&right(value)?)?)),
            "?" => {
                let cond = self.truth(&value.get("cond")?)?;
                let (a, b) = (self.number(&value.get("left")?)?, self.number(&right(value)?)?);
                // As wide as the wider one, which adding zero makes it.
                let none = || Number::unsigned(Expr::bool(false), 1);
                let or = |a: Number, b: Number| number::arithmetic(Arithmetic::Or, a, b);
                let wide = self.checked(value, or(a.clone(), b.clone()))?;
                let (width, signed) = (wide.width, wide.signed);
                let (a, b) = (self.checked(value, or(a, none()))?, self.checked(value, or(b, none()))?);
                Ok(Number { expr: fold::mux(cond, a.to(width), b.to(width)), width, signed })
            }
            "two_comp_mod" => {
                let width = self.cast_width(value)?;
                Ok(Number::wrapped(self.bits(&value.get("left")?, width)?, width))
            }
            "usat_cast" => {
                let width = self.cast_width(value)?;
                Ok(self.number(&value.get("left")?)?.clamp_unsigned(width))
            }
            "sat_cast" => {
                let width = self.cast_width(value)?;
                Ok(self.number(&value.get("left")?)?.clamp_signed(width))
            }
            "b2d" => Ok(Number::unsigned(self.truth(&right(value)?)?, 1)),
            "last_stack_index" | "size_stack" => {
                let next = self.stack_operand(&right(value)?)?.next;
                let next = Number::unsigned(Expr::read(next), INDEX_WIDTH);
                if op == "size_stack" {
                    return Ok(next);
                }
                let one = Number::constant(&BigInt::from(1));
                self.checked(value, number::arithmetic(Arithmetic::Sub, next, one))
            }
            "access_field" => {
                let target = self.accessed_field(value)?;
                read(value, target)
            }
            _ => {
                value.get("op")?.wrong(format!("the operator `{op}` is not known as one that gives a number"))
            }
        }
    }

    fn cast_width(&self, value: &Node<'a>) -> Lower<u32> {
        let right = value.get("right")?;
        match small_constant(&right)? {
            width @ 1..=65536 => Ok(width),
            _ => right.wrong("a width of 1 to 65536 bits is expected here"),
        }
    }

    fn arithmetic(&mut self, op: Arithmetic, value: &Node<'a>) -> Lower<Number> {
        let (left, right) = (value.opt("left"), value.get("right")?);
        let Some(left) = left else {
            // A sign.
            let zero = Number::unsigned(Expr::bool(false), 1);
            return match op {
                Arithmetic::Add => self.number(&right),
                Arithmetic::Sub => {
                    let right = self.number(&right)?;
                    self.checked(value, number::arithmetic(op, zero, right))
                }
                _ => value.wrong("member `left` is missing"),
            };
        };
        if op == Arithmetic::And {
            // A mask says how much of the other side matters.
            let mask = self.number(&right)?;
            if !mask.signed {
                let other = self.bits(&left, mask.width)?;
                return Ok(Number::unsigned(fold::binary(BinaryOp::And, other, mask.expr), mask.width));
            }
            let left = self.number(&left)?;
            if !left.signed {
                let width = left.width;
                let masked = fold::binary(BinaryOp::And, left.expr, mask.to(width));
                return Ok(Number::unsigned(masked, width));
            }
            return self.checked(value, number::arithmetic(op, left, mask));
        }
        let (left, right) = (self.number(&left)?, self.number(&right)?);
        self.checked(value, number::arithmetic(op, left, right))
    }

    /// A number modulo two to the power of `width`. Sums, products and the like are computed in that width.
    pub(crate) fn bits(&mut self, node: &Node<'a>, width: u32) -> Lower<Expr> {
        let Part::Op(op, value) = part(node)? else { return Ok(self.number(node)?.to(width)) };
        let ring = match op {
            "+" => Some(BinaryOp::Add),
            "-" => Some(BinaryOp::Sub),
            "*" => Some(BinaryOp::Mul),
            "|" => Some(BinaryOp::Or),
            "^" => Some(BinaryOp::Xor),
            _ => None,
        };
        if let Some(ring) = ring {
            let right = self.bits(&value.get("right")?, width)?;
            return match value.opt("left") {
                Some(left) => Ok(fold::binary(ring, self.bits(&left, width)?, right)),
                None if ring == BinaryOp::Add => Ok(right),
                None if ring == BinaryOp::Sub => Ok(fold::unary(UnaryOp::Neg, right)),
                None => value.wrong("member `left` is missing"),
            };
        }
        match op {
            "~" => Ok(fold::not(self.bits(&value.get("right")?, width)?)),
            "<<" => {
                let left = self.bits(&value.get("left")?, width)?;
                let amount = self.number(&value.get("right")?)?.expr;
                Ok(fold::binary(BinaryOp::Shl, left, amount))
            }
            "?" => {
                let cond = self.truth(&value.get("cond")?)?;
                let then = self.bits(&value.get("left")?, width)?;
                Ok(fold::mux(cond, then, self.bits(&value.get("right")?, width)?))
            }
            "two_comp_mod" if self.cast_width(&value)? >= width => self.bits(&value.get("left")?, width),
            _ => Ok(self.number(node)?.to(width)),
        }
    }

    /// A condition: one bit.
    pub(crate) fn truth(&mut self, node: &Node<'a>) -> Lower<Expr> {
        match part(node)? {
            Part::Op(op, value) if is_bool_op(op) => self.operator_truth(op, &value),
            Part::Op("?", value) => {
                let cond = self.truth(&value.get("cond")?)?;
                let then = self.truth(&value.get("left")?)?;
                Ok(fold::mux(cond, then, self.truth(&value.get("right")?)?))
            }
            Part::Leaf("header", _) => Ok(self.header(node)?.valid()),
            Part::Leaf(..) | Part::Op(..) => Ok(self.number(node)?.into_truth()),
        }
    }

    fn operator_truth(&mut self, op: &str, value: &Node<'a>) -> Lower<Expr> {
        let right = value.get("right")?;
        if let Some(comparison) = Comparison::named(op) {
            return self.comparison(comparison, &value.get("left")?, &right);
        }
        match op {
            "and" | "or" => {
                let left = self.truth(&value.get("left")?)?;
                let op = if op == "and" { BinaryOp::And } else { BinaryOp::Or };
                Ok(fold::binary(op, left, self.truth(&right)?))
            }
            "not" => Ok(fold::not(self.truth(&right)?)),
            "d2b" => Ok(self.number(&right)?.into_truth()),
            "valid" => Ok(self.header(&right)?.valid()),
            // What is left is `valid_union`.
            _ => {
                let members = self.union_members(&right)?;
                let valid = members.iter().map(|(header, _)| Expr::Valid(header.clone())).collect();
                Ok(fold::balanced(BinaryOp::Or, valid, Expr::bool(false)))
            }
        }
    }

    fn comparison(&mut self, op: Comparison, left: &Node<'a>, right: &Node<'a>) -> Lower<Expr> {
        let equal = match (kind(left)?, kind(right)?) {
            (Kind::Header, Kind::Header) => {
                let (a, b) = (self.header(left)?, self.header(right)?);
                self.same_header(right, &a, &b)?
            }
            (Kind::Union, Kind::Union) => {
                let (a, b) = (self.union_members(left)?, self.union_members(right)?);
                if a.len() != b.len() {
                    return right.wrong("unions of one type can be compared, no others");
                }
                let mut equal = Vec::new();
                for ((a, ta), (b, tb)) in a.into_iter().zip(b) {
                    let (a, b) = (HeaderValue::Header(a, ta), HeaderValue::Header(b, tb));
                    equal.push(self.same_header(right, &a, &b)?);
                }
                fold::balanced(BinaryOp::And, equal, Expr::bool(true))
            }
            (Kind::Bool, Kind::Bool) => {
                let (a, b) = (self.truth(left)?, self.truth(right)?);
                fold::eq(a, b)
            }
            _ => {
                if let (Some(a), Some(b)) = (self.varbit(left)?, self.varbit(right)?) {
                    fold::eq(Expr::Read(a), Expr::Read(b))
                } else {
                    let (a, b) = (self.number(left)?, self.number(right)?);
                    return Ok(number::compare(op, a, b));
                }
            }
        };
        match op {
            Comparison::Eq => Ok(equal),
            Comparison::Ne => Ok(fold::not(equal)),
            Comparison::Lt | Comparison::Le | Comparison::Gt | Comparison::Ge => {
                right.wrong("these can be equal or not, but neither is less than the other")
            }
        }
    }

    /// Both invalid, or both valid with the same fields (P4-16, operations on headers).
    fn same_header(&self, at: &Node<'a>, a: &HeaderValue, b: &HeaderValue) -> Lower<Expr> {
        if a.ty() != b.ty() {
            return at.wrong("headers of one type can be compared, no others");
        }
        let mut equal = vec![a.valid(), b.valid()];
        for index in 0..self.layout.types[a.ty()].fields.len() {
            if let (Some(a), Some(b)) = (a.field(index), b.field(index)) {
                equal.push(fold::eq(Expr::Read(a), Expr::Read(b)));
            }
        }
        let both = fold::balanced(BinaryOp::And, equal, Expr::bool(true));
        let neither = fold::not(fold::binary(BinaryOp::Or, a.valid(), b.valid()));
        Ok(fold::binary(BinaryOp::Or, both, neither))
    }

    /// The place that a node names, if a `varbit` is there.
    pub(crate) fn varbit(&mut self, node: &Node<'a>) -> Lower<Option<Place>> {
        match part(node)? {
            Part::Leaf("field" | "stack_field" | "union_stack_field", value)
                if value.items()?.last().and_then(|f| f.value.as_str()) != Some("$valid$") => {}
            Part::Op("access_field", _) => {}
            Part::Leaf(..) | Part::Op(..) => return Ok(None),
        }
        let target = self.place(node)?;
        Ok(matches!(target.ty, Ty::Varbit(_)).then_some(target.place))
    }

    /// A header that a name means.
    pub(crate) fn header_named(&self, name: &Node<'a>) -> Lower<HeaderValue> {
        let instance = self.layout.instance(name)?;
        Ok(match &instance.is {
            Instance::Header(id) => HeaderValue::Header(HeaderRef::One(*id), instance.ty),
            Instance::Metadata(slots) => HeaderValue::Metadata(slots.clone(), instance.ty),
        })
    }

    /// A header.
    pub(crate) fn header(&mut self, node: &Node<'a>) -> Lower<HeaderValue> {
        match part(node)? {
            Part::Leaf("header", name) => self.header_named(&name),
            Part::Op("dereference_stack" | "dereference_header_stack", value) => {
                let stack = self.stack_operand(&value.get("left")?)?;
                let index = self.number(&value.get("right")?)?;
                match (stack.columns.as_slice(), stack.types.as_slice()) {
                    ([column], [ty]) => {
                        Ok(HeaderValue::Header(HeaderRef::element(*column, index.to(INDEX_WIDTH)), *ty))
                    }
                    _ => value.wrong("a stack of headers is expected here"),
                }
            }
            Part::Op("access_union_header", value) => {
                let members = self.union_members(&value.get("left")?)?;
                let right = value.get("right")?;
                let index = right.number()?;
                match usize::try_from(index).ok().and_then(|i| members.get(i)) {
                    Some((header, ty)) => Ok(HeaderValue::Header(header.clone(), *ty)),
                    None => right.wrong(format!("the union has no member {index}")),
                }
            }
            Part::Leaf(found, _) | Part::Op(found, _) => {
                node.wrong(format!("a header is expected here, not `{found}`"))
            }
        }
    }

    /// The members of a union, and their types.
    pub(crate) fn union_members(&mut self, node: &Node<'a>) -> Lower<Vec<(HeaderRef, usize)>> {
        match part(node)? {
            Part::Leaf("header_union", name) => {
                let union = self.layout.union_named(&name)?;
                let members = union.members.iter().map(|id| HeaderRef::One(*id));
                Ok(members.zip(union.types.iter().copied()).collect())
            }
            Part::Op("dereference_union_stack", value) => {
                let stack = self.stack_operand(&value.get("left")?)?;
                let index = self.number(&value.get("right")?)?.to(INDEX_WIDTH);
                let columns = stack.columns.iter().map(|c| HeaderRef::element(*c, index.clone()));
                Ok(columns.zip(stack.types.iter().copied()).collect())
            }
            Part::Leaf(found, _) | Part::Op(found, _) => {
                node.wrong(format!("a header union is expected here, not `{found}`"))
            }
        }
    }

    /// A stack of headers or of unions.
    pub(crate) fn stack_operand(&self, node: &Node<'a>) -> Lower<StackInfo> {
        match part(node)? {
            Part::Leaf("header_stack", name) => self.layout.stack_named(&name).cloned(),
            Part::Leaf("header_union_stack", name) => self.layout.union_stack_named(&name).cloned(),
            Part::Leaf(found, _) | Part::Op(found, _) => {
                node.wrong(format!("a header stack is expected here, not `{found}`"))
            }
        }
    }

    /// The last element that was extracted; in a parser there has to be one.
    fn last(&mut self, stack: &StackInfo, column: usize) -> Option<HeaderValue> {
        let (id, ty) = (stack.columns.get(column)?, stack.types.get(column)?);
        let next = Expr::read(stack.next);
        if self.in_parser {
            let none = Expr::Const(Bits::zero(INDEX_WIDTH));
            let error = Expr::constant(INDEX_WIDTH, error_code::STACK_OUT_OF_BOUNDS.into());
            self.emit(Stmt::Verify { cond: next.clone().ne(none), error });
        }
        let last = fold::binary(BinaryOp::Sub, next, Expr::constant(INDEX_WIDTH, 1));
        Some(HeaderValue::Header(HeaderRef::element(*id, last), *ty))
    }

    /// A place that a node names.
    pub(crate) fn place(&mut self, node: &Node<'a>) -> Lower<Target> {
        match part(node)? {
            Part::Leaf("field", value) => {
                let [header, field] = value.tuple()?;
                let (_, index) = self.layout.field(&header, &field)?;
                let header = self.header_named(&header)?;
                self.target(&field, &header, index)
            }
            Part::Leaf("stack_field", value) => {
                let [name, field] = value.tuple()?;
                let stack = self.layout.stack_named(&name)?.clone();
                match self.last(&stack, 0) {
                    Some(header) => {
                        let index = self.layout.field_of(header.ty(), &field)?;
                        self.target(&field, &header, index)
                    }
                    None => name.wrong("the stack has no elements"),
                }
            }
            Part::Leaf("union_stack_field", value) => {
                let [name, member, field] = value.tuple()?;
                let stack = self.layout.union_stack_named(&name)?.clone();
                let column = self.layout.union_stack_member(&name, &member)?;
                match self.last(&stack, column) {
                    Some(header) => {
                        let index = self.layout.field_of(header.ty(), &field)?;
                        self.target(&field, &header, index)
                    }
                    None => name.wrong("the stack has no elements"),
                }
            }
            Part::Op("access_field", value) => self.accessed_field(&value),
            Part::Leaf(found, _) | Part::Op(found, _) => {
                node.wrong(format!("a field is expected here, not `{found}`"))
            }
        }
    }

    fn accessed_field(&mut self, value: &Node<'a>) -> Lower<Target> {
        let header = self.header(&value.get("left")?)?;
        let right = value.get("right")?;
        let index = usize::try_from(right.number()?).unwrap_or(usize::MAX);
        self.target(&right, &header, index)
    }

    /// A field of a header as a place.
    pub(crate) fn target(&self, at: &Node<'a>, header: &HeaderValue, index: usize) -> Lower<Target> {
        let field = self.layout.types.get(header.ty()).and_then(|ty| ty.fields.get(index));
        match (field, header.field(index)) {
            (Some(field), Some(place)) => {
                Ok(Target { place, ty: field.ty, signed: field.signed, saturating: field.saturating })
            }
            _ => at.wrong("the header has no such field"),
        }
    }

    /// Stores the value that one node names where another says; `$valid$` makes a header valid or not.
    pub(crate) fn assign_to(&mut self, dst: &Node<'a>, src: &Node<'a>) -> Lower<()> {
        if let Part::Leaf("field", value) = part(dst)? {
            let [header, field] = value.tuple()?;
            if field.value.as_str() == Some("$valid$") {
                let valid = self.truth(src)?;
                if let HeaderValue::Header(header, _) = self.header_named(&header)? {
                    match valid {
                        Expr::Const(bits) if bits.is_zero() => self.emit(Stmt::SetInvalid(header)),
                        Expr::Const(_) => self.emit(Stmt::SetValid(header)),
                        cond => self.emit(Stmt::If {
                            cond,
                            then: vec![Stmt::SetValid(header.clone())],
                            els: vec![Stmt::SetInvalid(header)],
                        }),
                    }
                }
                return Ok(());
            }
        }
        let target = self.place(dst)?;
        self.assign(&target, src)
    }

    /// Stores the value that a node names.
    fn assign(&mut self, target: &Target, node: &Node<'a>) -> Lower<()> {
        match target.ty {
            Ty::Varbit(_) => self.assign_varbit(target, node),
            Ty::Bits(width) if target.saturating => {
                let number = self.number(node)?;
                self.store(
                    target,
                    if target.signed { number.clamp_signed(width) } else { number.clamp_unsigned(width) },
                );
                Ok(())
            }
            Ty::Bits(width) => {
                let value = self.bits(node, width)?;
                self.emit(Stmt::Assign(target.place.clone(), value));
                Ok(())
            }
        }
    }

    /// Copies a `varbit` with its length.
    pub(crate) fn assign_varbit(&mut self, target: &Target, node: &Node<'a>) -> Lower<()> {
        let source = self.place(node)?;
        if source.ty != target.ty || matches!(target.ty, Ty::Bits(_)) {
            return node.wrong(format!("a {} cannot be copied into a {}", source.ty, target.ty));
        }
        self.emit(Stmt::Assign(target.place.clone(), Expr::Read(source.place)));
        Ok(())
    }

    /// Stores a number, cut off to what the place holds.
    pub(crate) fn store(&mut self, target: &Target, number: Number) {
        if let Ty::Bits(width) = target.ty {
            self.emit(Stmt::Assign(target.place.clone(), number.to(width)));
        }
    }
}

fn read(at: &Node<'_>, target: Target) -> Lower<Number> {
    match target.ty {
        Ty::Bits(0) => Ok(Number::unsigned(Expr::bool(false), 1)),
        Ty::Bits(width) => Ok(Number { expr: Expr::Read(target.place), width, signed: target.signed }),
        Ty::Varbit(_) => at.wrong("a field of variable length is no number"),
    }
}
