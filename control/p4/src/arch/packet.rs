//! What `core.p4` declares: `packet_in`, `packet_out`, `verify`, `static_assert`.

use heddle_ir as ir;
use heddle_ir::{Bits, Expr as IrExpr, HeaderRef, Intrinsic, Place, Stmt};

use super::{Function, Object};
use crate::hir::{Expr, ExprKind};
use crate::lower::{
    Actual, ExternCall, ExternObject, HeaderValue, InstId, LValue, Location, Lower, Lowerer, Value, codes,
    fold, konst,
};
use crate::source::Span;

/// Extern objects of `core.p4`.
pub(super) static OBJECTS: &[Object] = &[
    Object {
        name: "packet_in",
        construct: stateless,
        methods: &[
            Function { name: "extract", params: 1, lower: extract },
            Function { name: "extract", params: 2, lower: extract },
            Function { name: "lookahead", params: 0, lower: lookahead },
            Function { name: "advance", params: 1, lower: advance },
            Function { name: "length", params: 0, lower: length },
        ],
    },
    Object {
        name: "packet_out",
        construct: stateless,
        methods: &[Function { name: "emit", params: 1, lower: emit }],
    },
];

/// Extern functions of `core.p4`.
pub(super) static FUNCTIONS: &[Function] = &[
    Function { name: "verify", params: 2, lower: verify },
    Function { name: "static_assert", params: 1, lower: static_assert },
    Function { name: "static_assert", params: 2, lower: static_assert },
];

fn stateless(_: &mut Lowerer<'_>, _: InstId) -> Lower<ExternObject> {
    Ok(ExternObject::Stateless)
}

/// P4-16, data extraction: `extract(hdr.stack.next)` fills the element and moves on.
fn extract(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let span = call.span;
    let target = call.args.first().and_then(|a| a.expr.as_ref());
    let next = match target.and_then(next_of) {
        Some(of) => match l.try_location(of)? {
            Some(Location::Stack(stack)) => Some(stack),
            _ => None,
        },
        _ => None,
    };
    let (header, ty) = match (target, call.type_args.first()) {
        (Some(target), _) => match l.try_location(target)? {
            Some(Location::Header(header, ty)) => (header, ty),
            _ => return l.unsupported(span, "extracting into something that is not a header"),
        },
        (None, Some(ty)) => {
            // `_`: the bits are taken and given to nobody.
            let name = l.local_name("skipped");
            match l.allocate(ty, &name, span)? {
                Location::Header(header, ty) => (header, ty),
                _ => return l.unsupported(span, "extracting something that is not a header"),
            }
        }
        (None, None) => return l.unsupported(span, "extracting into nothing"),
    };
    let varbit_bits = match call.args.get(1).and_then(|a| a.expr.as_ref()) {
        Some(length) => {
            let value = l.scalar(length)?;
            let width = l.expr_width(&value);
            Some(fold::resize(value, width, 32, false))
        }
        None => None,
    };
    let varbit_bits = match (l.ir.header_types[ty].varbit_field(), varbit_bits) {
        (Some(_), Some(bits)) => Some(bits),
        (Some(_), None) => Some(konst(32, 0)),
        (None, _) => None,
    };
    check_bytes(l, ty, span)?;
    l.emit(Stmt::Extract { header, varbit_bits });
    if let Some(stack) = next {
        let next = Place::Var(stack.next);
        let more = fold::binary(ir::BinaryOp::Add, IrExpr::Read(next.clone()), konst(32, 1));
        l.emit(Stmt::Assign(next, more));
    }
    Ok(Value::Void)
}

/// The stack whose `next` a path goes through, as in `hdr.stack.next` or `hdr.unions.next.member`.
fn next_of(path: &Expr) -> Option<&Expr> {
    match &path.kind {
        ExprKind::StackNext(of) => Some(of),
        ExprKind::Field(of, _) => next_of(of),
        _ => None,
    }
}

/// Packets are bytes, and so is what is taken from them or put into them.
fn check_bytes(l: &mut Lowerer<'_>, ty: ir::HeaderTypeId, span: Span) -> Lower<()> {
    let header = &l.ir.header_types[ty];
    let bits = header.fixed_width();
    if !bits.is_multiple_of(8) {
        let padding = 8 - bits % 8;
        let message = format!(
            "`{}` has {bits} bits, which are not whole bytes: on the wire {padding} more follow its last field",
            header.name
        );
        l.ir.header_types[ty]
            .fields
            .push(ir::HeaderField { name: "padding".into(), ty: ir::Ty::Bits(padding) });
        l.warning(codes::PADDED_HEADER, span, message);
    }
    Ok(())
}

fn lookahead(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let Some(ty) = call.type_args.first() else {
        return l.unsupported(call.span, "`lookahead` without a type");
    };
    let width = l.packed_width(ty, call.span)?;
    let var = l.temp(width);
    l.emit(Stmt::Lookahead(var));
    l.unpack(ty, var, call.span)
}

fn advance(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let actuals = l.actuals(call.args)?;
    let bits = l.scalar_arg(actuals.first(), call.span)?;
    let width = l.expr_width(&bits);
    l.emit(Stmt::Advance(fold::resize(bits, width, 32, false)));
    Ok(Value::Void)
}

fn length(_: &mut Lowerer<'_>, _: &ExternCall<'_>) -> Lower<Value> {
    Ok(Value::Scalar(IrExpr::Intrinsic(Intrinsic::PacketLength)))
}

/// P4-16, data emission: all headers of a value in order.
fn emit(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let actuals = l.actuals(call.args)?;
    match actuals.first() {
        Some(Actual::In(_, Some(location))) => {
            let location = location.clone();
            emit_location(l, &location, call.span)?;
        }
        actual => {
            let value = l.in_arg(actual, call.span)?;
            emit_value(l, value, call.span)?;
        }
    }
    Ok(Value::Void)
}

fn emit_location(l: &mut Lowerer<'_>, location: &Location, span: Span) -> Lower<()> {
    match location {
        Location::Header(header, ty) => {
            check_bytes(l, *ty, span)?;
            l.emit(Stmt::Emit(header.clone()));
        }
        Location::Struct(parts) | Location::Union(parts) => {
            for part in parts.iter() {
                emit_location(l, part, span)?;
            }
        }
        Location::Stack(stack) => {
            for element in &stack.elements {
                emit_location(l, element, span)?;
            }
        }
        Location::Scalar(_) => return l.unsupported(span, "emitting something that is not a header"),
    }
    Ok(())
}

fn emit_value(l: &mut Lowerer<'_>, value: Value, span: Span) -> Lower<()> {
    match value {
        Value::Header(HeaderValue::Copy(header), ty) => {
            check_bytes(l, ty, span)?;
            l.emit(Stmt::Emit(header));
        }
        Value::Header(value @ HeaderValue::Fields(_), ty) => {
            check_bytes(l, ty, span)?;
            let name = l.local_name("emitted");
            let header = HeaderRef::One(l.ir.headers.push(ir::Header { name, ty, union: None }));
            l.store(&Location::Header(header.clone(), ty), Value::Header(value, ty), span)?;
            l.emit(Stmt::Emit(header));
        }
        Value::Header(HeaderValue::Invalid, _) | Value::Invalid | Value::Void => {}
        Value::Struct(values) | Value::Union(values) | Value::Stack(values, _) => {
            for value in values {
                emit_value(l, value, span)?;
            }
        }
        Value::Scalar(_) | Value::Const(_) => {
            return l.unsupported(span, "emitting something that is not a header");
        }
    }
    Ok(())
}

fn verify(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let actuals = l.actuals(call.args)?;
    let cond = l.scalar_arg(actuals.first(), call.span)?;
    let error = l.scalar_arg(actuals.get(1), call.span)?;
    if cond != IrExpr::Const(Bits::bool(true)) {
        l.emit(Stmt::Verify { cond, error });
    }
    Ok(Value::Void)
}

/// Checked when the program was.
fn static_assert(_: &mut Lowerer<'_>, _: &ExternCall<'_>) -> Lower<Value> {
    Ok(Value::Scalar(IrExpr::Const(Bits::bool(true))))
}

/// The whole location that an argument is, if it is one.
pub(super) fn whole(actual: Option<&Actual>) -> Option<&Location> {
    match actual {
        Some(Actual::Ref(LValue::Whole(location)) | Actual::In(_, Some(location))) => Some(location),
        _ => None,
    }
}
