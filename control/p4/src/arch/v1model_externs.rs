//! The extern objects and extern functions of v1model.

use std::sync::Arc;

use heddle_ir as ir;
use heddle_ir::{BinaryOp, Bits, CounterUnit, Expr, HashAlgorithm, Place, Stmt, UnaryOp, VarId};

use super::packet::whole;
use super::v1model::{Request, drop_port, preserve_location};
use super::{DigestUse, Function, Object};
use crate::hir::{Arg, ExprKind, Ty};
use crate::lower::{
    Actual, CValue, ExternCall, ExternObject, InstId, InstKind, Location, Lower, Lowerer, Shape, Value,
    annotation, annotation_ints, annotation_string, codes, fold, konst,
};
use crate::source::Span;

/// Extern objects.
pub(super) static OBJECTS: &[Object] = &[
    Object {
        name: "counter",
        construct: new_counter,
        methods: &[Function { name: "count", params: 1, lower: count }],
    },
    Object {
        name: "direct_counter",
        construct: new_direct_counter,
        methods: &[Function { name: "count", params: 0, lower: nothing }],
    },
    Object {
        name: "meter",
        construct: new_meter,
        methods: &[Function { name: "execute_meter", params: 2, lower: execute_meter }],
    },
    Object {
        name: "direct_meter",
        construct: new_direct_meter,
        methods: &[Function { name: "read", params: 1, lower: read_direct_meter }],
    },
    Object {
        name: "register",
        construct: new_register,
        methods: &[
            Function { name: "read", params: 2, lower: read_register },
            Function { name: "write", params: 2, lower: write_register },
        ],
    },
    Object { name: "action_profile", construct: new_profile, methods: &[] },
    Object { name: "action_selector", construct: new_selector, methods: &[] },
    Object {
        name: "Checksum16",
        construct: stateless,
        methods: &[Function { name: "get", params: 1, lower: checksum16 }],
    },
];

/// Extern functions.
pub(super) static FUNCTIONS: &[Function] = &[
    Function { name: "random", params: 3, lower: random },
    Function { name: "digest", params: 2, lower: digest },
    Function { name: "mark_to_drop", params: 0, lower: mark_to_drop },
    Function { name: "mark_to_drop", params: 1, lower: mark_to_drop },
    Function { name: "hash", params: 5, lower: hash },
    Function { name: "verify_checksum", params: 4, lower: verify_checksum },
    Function { name: "verify_checksum_with_payload", params: 4, lower: verify_checksum },
    Function { name: "update_checksum", params: 4, lower: update_checksum },
    Function { name: "update_checksum_with_payload", params: 4, lower: update_checksum },
    Function { name: "clone", params: 2, lower: clone },
    Function { name: "clone3", params: 3, lower: clone3 },
    Function { name: "clone_preserving_field_list", params: 3, lower: clone_list },
    Function { name: "resubmit", params: 1, lower: resubmit },
    Function { name: "resubmit_preserving_field_list", params: 1, lower: resubmit_list },
    Function { name: "recirculate", params: 1, lower: recirculate },
    Function { name: "recirculate_preserving_field_list", params: 1, lower: recirculate_list },
    Function { name: "truncate", params: 1, lower: truncate },
    Function { name: "assert", params: 1, lower: assert },
    Function { name: "assume", params: 1, lower: assert },
    Function { name: "log_msg", params: 1, lower: log_msg },
    Function { name: "log_msg", params: 2, lower: log_msg },
    Function { name: "queue_depth_bytes", params: 1, lower: probe },
    Function { name: "link_recent_bytes", params: 1, lower: probe },
    Function { name: "port_is_up", params: 1, lower: probe },
    Function { name: "queue_bytes", params: 2, lower: probe },
    Function { name: "held_bytes", params: 2, lower: probe },
    Function { name: "hold_queue", params: 3, lower: hold_queue },
];

/// What the engine tells about its ports stands in registers that it writes, one cell a port or a queue of one.
fn probe(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let actuals = l.actuals(call.args)?;
    let index = actuals.iter().map(|actual| l.scalar_arg(Some(actual), call.span));
    let index = index.collect::<Lower<Vec<_>>>()?;
    let index = fold::balanced(BinaryOp::Concat, index, Expr::Const(Bits::zero(0)));
    let probe = match &*call.decl.decl.name {
        "queue_depth_bytes" => ir::Probe::QueueDepthBytes,
        "queue_bytes" => ir::Probe::QueueBytes,
        "held_bytes" => ir::Probe::HeldBytes,
        "link_recent_bytes" => ir::Probe::LinkRecentBytes,
        _ => ir::Probe::PortIsUp,
    };
    let register = probe_register(l, probe);
    let dst = l.temp(probe.width());
    l.emit(Stmt::RegisterRead { register, index, dst });
    let told = Expr::Read(Place::Var(dst));
    Ok(Value::Scalar(fold::resize(told, probe.width(), probe.width().min(32), false)))
}

/// What a program asks of the engine goes the other way, by a register that the engine clears.
fn hold_queue(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let actuals = l.actuals(call.args)?;
    let port = l.scalar_arg(actuals.first(), call.span)?;
    let index = l.scalar_arg(actuals.get(1), call.span)?;
    let ns = l.scalar_arg(actuals.get(2), call.span)?;
    let register = probe_register(l, ir::Probe::Hold);
    let value = fold::balanced(BinaryOp::Concat, vec![konst(1, 1), port, ns], Expr::Const(Bits::zero(0)));
    l.emit(Stmt::RegisterWrite { register, index, value });
    let any = konst(ir::Probe::Hold.width(), 1);
    l.emit(Stmt::RegisterWrite { register, index: konst(4, u128::from(ir::PROBE_QUEUES)), value: any });
    Ok(Value::Void)
}

/// The register of a probe, which every call of a program shares.
fn probe_register(l: &mut Lowerer<'_>, probe: ir::Probe) -> ir::RegisterId {
    let known = l.ir.registers.iter().find(|(_, register)| register.control.name == probe.name());
    match known.map(|(id, _)| id) {
        Some(register) => register,
        None => l.ir.registers.push(probe.register()),
    }
}

fn stateless(_: &mut Lowerer<'_>, _: InstId) -> Lower<ExternObject> {
    Ok(ExternObject::Stateless)
}

fn nothing(_: &mut Lowerer<'_>, _: &ExternCall<'_>) -> Lower<Value> {
    Ok(Value::Void)
}

fn inst_span(l: &Lowerer<'_>, inst: InstId) -> Span {
    l.hir.instances[l.insts[inst].hir].decl.span
}

/// The name of the enum member that a constructor argument is.
fn member_arg(l: &mut Lowerer<'_>, inst: InstId, index: usize) -> Lower<Arc<str>> {
    let span = inst_span(l, inst);
    match l.insts[inst].args.get(index) {
        Some(Some(value)) => {
            let value = value.clone();
            member_name(l, &value, span)
        }
        _ => l.error(codes::NOT_CONSTANT, span, "a constructor argument is missing"),
    }
}

fn member_name(l: &mut Lowerer<'_>, value: &CValue, span: Span) -> Lower<Arc<str>> {
    if let CValue::Enum(id, member) = value
        && let Some((name, _)) = l.hir.types.enums[*id].members.get(*member)
    {
        return Ok(name.clone());
    }
    l.error(codes::NOT_CONSTANT, span, "this has to be a member of an enum known at compile time")
}

fn unit(l: &mut Lowerer<'_>, inst: InstId, index: usize) -> Lower<CounterUnit> {
    let name = member_arg(l, inst, index)?;
    match &*name {
        "packets" => Ok(CounterUnit::Packets),
        "bytes" => Ok(CounterUnit::Bytes),
        "packets_and_bytes" => Ok(CounterUnit::PacketsAndBytes),
        _ => {
            let span = inst_span(l, inst);
            l.unsupported(span, format!("counting `{name}`"))
        }
    }
}

fn algorithm(l: &mut Lowerer<'_>, name: &str, span: Span) -> Lower<HashAlgorithm> {
    Ok(match name {
        "crc32" => HashAlgorithm::Crc32,
        "crc32_custom" => HashAlgorithm::Crc32Custom,
        "crc16" => HashAlgorithm::Crc16,
        "crc16_custom" => HashAlgorithm::Crc16Custom,
        "random" => HashAlgorithm::Random,
        "identity" => HashAlgorithm::Identity,
        "csum16" => HashAlgorithm::Csum16,
        "xor16" => HashAlgorithm::Xor16,
        _ => return l.unsupported(span, format!("the hash function `{name}`")),
    })
}

fn algorithm_arg(l: &mut Lowerer<'_>, arg: Option<&Arg>, span: Span) -> Lower<HashAlgorithm> {
    let Some(expr) = arg.and_then(|a| a.expr.as_ref()) else {
        return l.unsupported(span, "leaving out the hash function");
    };
    let value = l.constant(expr)?;
    let name = member_name(l, &value, expr.span)?;
    algorithm(l, &name, expr.span)
}

fn object(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<(InstId, ExternObject)> {
    if let Some(inst) = call.receiver
        && let InstKind::Extern(_, _, object) = l.insts[inst].kind
    {
        return Ok((inst, object));
    }
    l.unsupported(call.span, "calling a method of this")
}

fn new_counter(l: &mut Lowerer<'_>, inst: InstId) -> Lower<ExternObject> {
    let (control, size, unit) = (l.control_name(inst), l.size_arg(inst, 0)?, unit(l, inst, 1)?);
    Ok(ExternObject::Counter(l.ir.counters.push(ir::Counter { control, unit, size, table: None })))
}

fn new_direct_counter(l: &mut Lowerer<'_>, inst: InstId) -> Lower<ExternObject> {
    let (control, unit) = (l.control_name(inst), unit(l, inst, 0)?);
    Ok(ExternObject::DirectCounter(l.ir.counters.push(ir::Counter { control, unit, size: 0, table: None })))
}

fn new_meter(l: &mut Lowerer<'_>, inst: InstId) -> Lower<ExternObject> {
    let (control, size, unit) = (l.control_name(inst), l.size_arg(inst, 0)?, unit(l, inst, 1)?);
    Ok(ExternObject::Meter(l.ir.meters.push(ir::Meter { control, unit, size, table: None })))
}

fn new_direct_meter(l: &mut Lowerer<'_>, inst: InstId) -> Lower<ExternObject> {
    let (control, unit) = (l.control_name(inst), unit(l, inst, 0)?);
    let color = l.new_var(format!("{}.color", control.name), ir::Ty::Bits(8));
    let meter = l.ir.meters.push(ir::Meter { control, unit, size: 0, table: None });
    Ok(ExternObject::DirectMeter(meter, color))
}

fn new_register(l: &mut Lowerer<'_>, inst: InstId) -> Lower<ExternObject> {
    let (control, size, span) = (l.control_name(inst), l.size_arg(inst, 0)?, inst_span(l, inst));
    let Some(ty) = l.insts[inst].type_args.first().cloned() else {
        return l.unsupported(span, "a register without a type");
    };
    let width = l.packed_width(&ty, span)?;
    let initial = Bits::zero(width);
    Ok(ExternObject::Register(l.ir.registers.push(ir::Register { control, width, size, initial })))
}

fn new_profile(l: &mut Lowerer<'_>, inst: InstId) -> Lower<ExternObject> {
    let (control, size) = (l.control_name(inst), l.size_arg(inst, 0)?);
    Ok(ExternObject::Profile(l.ir.profiles.push(ir::Profile { control, size, selector: None })))
}

fn new_selector(l: &mut Lowerer<'_>, inst: InstId) -> Lower<ExternObject> {
    let (control, span) = (l.control_name(inst), inst_span(l, inst));
    let name = member_arg(l, inst, 0)?;
    let algorithm = algorithm(l, &name, span)?;
    let (size, width) = (l.size_arg(inst, 1)?, l.size_arg(inst, 2)?);
    if !(1..=64).contains(&width) {
        return l.unsupported(span, format!("a selector that uses {width} bits of hash"));
    }
    let width = width as u32;
    let decl = &l.hir.instances[l.insts[inst].hir].decl;
    let max_group_size = max_group_size(decl);
    let selector = Some(ir::Selector { algorithm, width, max_group_size });
    Ok(ExternObject::Profile(l.ir.profiles.push(ir::Profile { control, size, selector })))
}

/// The largest sum of weights that a group may have; 0 if there is no limit of that kind. Where sizes count members, the
/// limit is one for controllers (P4Runtime, section 9.2.2), and weights are not what it is about.
pub(super) fn max_group_size(decl: &crate::hir::Decl) -> u32 {
    let semantics = annotation(&decl.annotations, "selector_size_semantics").and_then(annotation_string);
    if semantics.is_some_and(|semantics| semantics.eq_ignore_ascii_case("sum_of_members")) {
        return 0;
    }
    annotation(&decl.annotations, "max_group_size")
        .and_then(|a| annotation_ints(a).first().and_then(|n| u32::try_from(n).ok()))
        .unwrap_or(0)
}

fn count(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let (_, object) = object(l, call)?;
    let actuals = l.actuals(call.args)?;
    let index = l.scalar_arg(actuals.first(), call.span)?;
    let ExternObject::Counter(counter) = object else {
        return l.unsupported(call.span, "counting with this");
    };
    l.emit(Stmt::Count { counter, index: Some(index) });
    Ok(Value::Void)
}

fn execute_meter(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let (_, object) = object(l, call)?;
    let actuals = l.actuals(call.args)?;
    let index = l.scalar_arg(actuals.first(), call.span)?;
    let ExternObject::Meter(meter) = object else {
        return l.unsupported(call.span, "metering with this");
    };
    let color = l.temp(8);
    l.emit(Stmt::Meter { meter, index: Some(index), color });
    store_color(l, call, 1, &actuals, color)
}

/// The table has metered the packet before its action.
fn read_direct_meter(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let (_, object) = object(l, call)?;
    let actuals = l.actuals(call.args)?;
    let ExternObject::DirectMeter(_, color) = object else {
        return l.unsupported(call.span, "reading this");
    };
    store_color(l, call, 0, &actuals, color)
}

fn store_color(
    l: &mut Lowerer<'_>,
    call: &ExternCall<'_>,
    index: usize,
    actuals: &[Actual],
    color: VarId,
) -> Lower<Value> {
    let width = out_width(l, call, index)?;
    let value = fold::resize(Expr::Read(Place::Var(color)), 8, width, false);
    l.store_out(actuals.get(index), Value::Scalar(value), call.span)?;
    Ok(Value::Void)
}

/// Width of an `out` argument.
fn out_width(l: &mut Lowerer<'_>, call: &ExternCall<'_>, index: usize) -> Lower<u32> {
    match call.args.get(index).and_then(|a| a.expr.as_ref()) {
        Some(expr) => l.width(&expr.ty, expr.span),
        None => Ok(1),
    }
}

fn read_register(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let (inst, object) = object(l, call)?;
    let actuals = l.actuals(call.args)?;
    let index = l.scalar_arg(actuals.get(1), call.span)?;
    let (ExternObject::Register(register), Some(ty)) = (object, l.insts[inst].type_args.first().cloned())
    else {
        return l.unsupported(call.span, "reading this");
    };
    let width = l.ir.registers[register].width;
    // Straight into a slot of that width, if that is what is asked for.
    if let Some(var) = whole(actuals.first()).and_then(Lowerer::as_var)
        && l.ir.vars[var].ty == ir::Ty::Bits(width)
    {
        l.emit(Stmt::RegisterRead { register, index, dst: var });
        return Ok(Value::Void);
    }
    let dst = l.temp(width);
    l.emit(Stmt::RegisterRead { register, index, dst });
    let value = l.unpack(&ty, dst, call.span)?;
    l.store_out(actuals.first(), value, call.span)?;
    Ok(Value::Void)
}

fn write_register(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let (_, object) = object(l, call)?;
    let actuals = l.actuals(call.args)?;
    let index = l.scalar_arg(actuals.first(), call.span)?;
    let value = l.in_arg(actuals.get(1), call.span)?;
    let value = l.pack(value, call.span)?;
    let ExternObject::Register(register) = object else {
        return l.unsupported(call.span, "writing to this");
    };
    l.emit(Stmt::RegisterWrite { register, index, value });
    Ok(Value::Void)
}

/// The values of an argument, one after the other; a `varbit` with its current length.
fn data(l: &mut Lowerer<'_>, actual: Option<&Actual>, span: Span) -> Lower<Vec<Expr>> {
    let value = l.in_arg(actual, span)?;
    let mut flat = Vec::new();
    l.flatten(value, span, &mut flat)?;
    Ok(flat)
}

fn checksum16(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let actuals = l.actuals(call.args)?;
    let data = data(l, actuals.first(), call.span)?;
    let dst = l.temp(16);
    l.emit(Stmt::Hash { algorithm: HashAlgorithm::Csum16, dst, data, payload: false });
    Ok(Value::Scalar(Expr::Read(Place::Var(dst))))
}

fn random(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let actuals = l.actuals(call.args)?;
    let (low, high) = (l.scalar_arg(actuals.get(1), call.span)?, l.scalar_arg(actuals.get(2), call.span)?);
    let width = l.expr_width(&low);
    let own = l.expr_width(&high);
    let high = fold::resize(high, own, width, false);
    let dst = l.temp(width);
    l.emit(Stmt::Random { dst, low, high });
    l.store_out(actuals.first(), Value::Scalar(Expr::Read(Place::Var(dst))), call.span)?;
    Ok(Value::Void)
}

/// `result = base + hash(data) % max`, in the 64 bits that BMv2 computes in, or more if an operand has more; `base`
/// if `max` is zero.
fn hash(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let algorithm = algorithm_arg(l, call.args.get(1), call.span)?;
    let actuals = l.actuals(call.args)?;
    let (base, max) = (l.scalar_arg(actuals.get(2), call.span)?, l.scalar_arg(actuals.get(4), call.span)?);
    let data = data(l, actuals.get(3), call.span)?;
    let out = out_width(l, call, 0)?;
    let (base_width, max_width) = (l.expr_width(&base), l.expr_width(&max));
    let hash_width = match algorithm {
        HashAlgorithm::Crc32 | HashAlgorithm::Crc32Custom | HashAlgorithm::Random => 32,
        HashAlgorithm::Crc16 | HashAlgorithm::Crc16Custom | HashAlgorithm::Csum16 | HashAlgorithm::Xor16 => {
            16
        }
        HashAlgorithm::Identity => 64,
    };
    let dst = l.temp(hash_width);
    l.emit(Stmt::Hash { algorithm, dst, data, payload: false });
    let hashed = Expr::Read(Place::Var(dst));
    let rest = match &max {
        Expr::Const(bits) if bits.is_zero() => konst(out, 0),
        // A power of two: the low bits, if there are that many.
        Expr::Const(bits) if bits.count_ones() == 1 => {
            let low = bits.trailing_zeros();
            match low {
                0 => konst(out, 0),
                low if low >= hash_width => fold::resize(hashed, hash_width, out, false),
                low => fold::resize(fold::slice(hashed, hash_width, low - 1, 0), low, out, false),
            }
        }
        _ => {
            let width = hash_width.max(max_width);
            let hashed = fold::resize(hashed, hash_width, width, false);
            let max = fold::resize(max, max_width, width, false);
            fold::resize(fold::binary(BinaryOp::Mod, hashed, max), width, out, false)
        }
    };
    let result = fold::binary(BinaryOp::Add, fold::resize(base, base_width, out, false), rest);
    l.store_out(actuals.first(), Value::Scalar(result), call.span)?;
    Ok(Value::Void)
}

fn if_true(l: &mut Lowerer<'_>, cond: Expr, then: ir::Block) {
    match cond {
        Expr::Const(bits) if bits.is_zero() => {}
        Expr::Const(_) => l.block.extend(then),
        cond => l.emit(Stmt::If { cond, then, els: Vec::new() }),
    }
}

fn with_payload(call: &ExternCall<'_>) -> bool {
    call.decl.decl.name.ends_with("_with_payload")
}

/// A wrong checksum sets `standard_metadata.checksum_error`, and nothing ever clears it.
fn verify_checksum(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let algorithm = algorithm_arg(l, call.args.get(3), call.span)?;
    let actuals = l.actuals(call.args)?;
    let cond = l.scalar_arg(actuals.first(), call.span)?;
    let data = data(l, actuals.get(1), call.span)?;
    let expected = l.scalar_arg(actuals.get(2), call.span)?;
    let error = l.standard("checksum_error");
    let (block, ()) = l.in_block(|l| {
        let width = l.expr_width(&expected);
        let dst = l.temp(width);
        l.emit(Stmt::Hash { algorithm, dst, data, payload: with_payload(call) });
        let (then, ()) = l.in_block(|l| match &error {
            Some(error) => l.store(error, Value::Scalar(konst(1, 1)), call.span),
            None => Ok(()),
        })?;
        let right = fold::eq(Expr::Read(Place::Var(dst)), expected);
        l.emit(Stmt::If { cond: fold::unary(UnaryOp::Not, right), then, els: Vec::new() });
        Ok(())
    })?;
    if_true(l, cond, block);
    Ok(Value::Void)
}

fn update_checksum(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let algorithm = algorithm_arg(l, call.args.get(3), call.span)?;
    let actuals = l.actuals(call.args)?;
    let cond = l.scalar_arg(actuals.first(), call.span)?;
    let data = data(l, actuals.get(1), call.span)?;
    let width = out_width(l, call, 2)?;
    let (block, ()) = l.in_block(|l| {
        let dst = l.temp(width);
        l.emit(Stmt::Hash { algorithm, dst, data, payload: with_payload(call) });
        l.store_out(actuals.get(2), Value::Scalar(Expr::Read(Place::Var(dst))), call.span)
    })?;
    if_true(l, cond, block);
    Ok(Value::Void)
}

fn mark_to_drop(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let actuals = l.actuals(call.args)?;
    let Some((standard, names)) = l.arch_state.intrinsic.clone() else {
        return l.unsupported(call.span, "dropping here");
    };
    let target = match actuals.first() {
        Some(actual) => match whole(Some(actual)) {
            Some(location) => location.clone(),
            None => return l.unsupported(call.span, "dropping by this"),
        },
        None => standard,
    };
    type ValueOf = fn(u32) -> Expr;
    let values: [(&str, ValueOf); 2] = [("egress_spec", drop_port), ("mcast_grp", |width| konst(width, 0))];
    for (name, value) in values {
        let field = names.iter().position(|n| &**n == name).and_then(|i| l.field_of(&target, i));
        if let Some(Location::Scalar(place)) = field {
            let width = l.place_ty(&place).width();
            l.emit(Stmt::Assign(place, value(width)));
        }
    }
    Ok(Value::Void)
}

fn digest(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let actuals = l.actuals(call.args)?;
    let Some(expr) = call.args.get(1).and_then(|a| a.expr.as_ref()) else {
        return l.unsupported(call.span, "a digest of nothing");
    };
    let values = data(l, actuals.get(1), call.span)?;
    let ty = l.strip(&expr.ty);
    let known = l.arch_state.digests.iter().find(|d| d.ty == ty).map(|d| d.id);
    let id = match known {
        Some(id) => id,
        None => {
            let name = match &ty {
                Ty::Composite(id, _) => {
                    let decl = &l.hir.types.composites[*id].decl;
                    annotation(&decl.annotations, "name")
                        .and_then(annotation_string)
                        .unwrap_or_else(|| decl.name.to_string())
                }
                // What the control plane calls data without a type of its own.
                _ => {
                    let unnamed = l.arch_state.digests.iter().filter(|d| !matches!(d.ty, Ty::Composite(..)));
                    format!("digest_{}", unnamed.count())
                }
            };
            let mut fields = Vec::new();
            digest_fields(l, &ty, "", expr.span, &mut fields)?;
            let control = ir::ControlName { name: name.clone(), id: 0, hidden: false };
            let id = l.ir.digests.push(ir::Digest { control, fields });
            l.arch_state.digests.push(DigestUse { name, id, ty });
            id
        }
    };
    l.emit(Stmt::Digest { digest: id, values });
    Ok(Value::Void)
}

fn digest_fields(
    l: &mut Lowerer<'_>,
    ty: &Ty,
    name: &str,
    span: Span,
    into: &mut Vec<(String, u32)>,
) -> Lower<()> {
    match l.shape(ty, span)? {
        Shape::Scalar(ty) => into.push((name.to_owned(), ty.width())),
        Shape::Struct(_) | Shape::Header | Shape::Union(_) => {
            for (field, ty) in l.fields(ty) {
                let name = if name.is_empty() { field.to_string() } else { format!("{name}.{field}") };
                digest_fields(l, &ty, &name, span, into)?;
            }
        }
        Shape::Stack(of, size) => {
            for i in 0..size {
                digest_fields(l, &of, &format!("{name}[{i}]"), span, into)?;
            }
        }
        Shape::Nothing => return l.unsupported(span, "a digest of this type"),
    }
    Ok(())
}

/// The kind of clone is not looked at: like `simple_switch`, what is cloned depends on where it is asked for.
fn clone(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let actuals = l.actuals(call.args)?;
    let session = l.scalar_arg(actuals.get(1), call.span)?;
    l.request(Request::Clone, ir::Preserve::default(), Some(session), call.span)?;
    Ok(Value::Void)
}

fn clone3(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let keep = named_fields(l, call.args.get(2))?;
    let actuals = l.actuals(&call.args[..2.min(call.args.len())])?;
    let session = l.scalar_arg(actuals.get(1), call.span)?;
    l.request(Request::Clone, keep, Some(session), call.span)?;
    Ok(Value::Void)
}

fn clone_list(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let keep = listed_fields(l, call.args.get(2), call.span)?;
    let actuals = l.actuals(&call.args[..2.min(call.args.len())])?;
    let session = l.scalar_arg(actuals.get(1), call.span)?;
    l.request(Request::Clone, keep, Some(session), call.span)?;
    Ok(Value::Void)
}

fn resubmit(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let keep = named_fields(l, call.args.first())?;
    l.request(Request::Resubmit, keep, None, call.span)?;
    Ok(Value::Void)
}

fn resubmit_list(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let keep = listed_fields(l, call.args.first(), call.span)?;
    l.request(Request::Resubmit, keep, None, call.span)?;
    Ok(Value::Void)
}

fn recirculate(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let keep = named_fields(l, call.args.first())?;
    l.request(Request::Recirculate, keep, None, call.span)?;
    Ok(Value::Void)
}

fn recirculate_list(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let keep = listed_fields(l, call.args.first(), call.span)?;
    l.request(Request::Recirculate, keep, None, call.span)?;
    Ok(Value::Void)
}

/// The fields that `@field_list` puts in the list with this number.
fn listed_fields(l: &mut Lowerer<'_>, arg: Option<&Arg>, span: Span) -> Lower<ir::Preserve> {
    match arg.and_then(|a| a.expr.as_ref()) {
        Some(expr) => {
            let index = l.constant_size(expr)?;
            Ok(l.field_list(index))
        }
        None => l.unsupported(span, "leaving out the field list"),
    }
}

/// The fields that an argument names, as the older functions have them: their slots, not their values.
fn named_fields(l: &mut Lowerer<'_>, arg: Option<&Arg>) -> Lower<ir::Preserve> {
    fn collect(l: &mut Lowerer<'_>, expr: &crate::hir::Expr, keep: &mut ir::Preserve) -> Lower<()> {
        match &expr.kind {
            ExprKind::Aggregate(parts) => parts.iter().try_for_each(|p| collect(l, p, keep)),
            ExprKind::Cast(of) => collect(l, of, keep),
            _ => {
                if let Some(location) = l.try_location(expr)? {
                    preserve_location(&location, keep);
                }
                Ok(())
            }
        }
    }
    let mut keep = ir::Preserve::default();
    if let Some(expr) = arg.and_then(|a| a.expr.as_ref()) {
        collect(l, expr, &mut keep)?;
    }
    Ok(keep)
}

fn truncate(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let actuals = l.actuals(call.args)?;
    let length = l.scalar_arg(actuals.first(), call.span)?;
    let width = l.expr_width(&length);
    l.emit(Stmt::Truncate(fold::resize(length, width, 32, false)));
    Ok(Value::Void)
}

fn assert(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let actuals = l.actuals(call.args)?;
    let cond = l.scalar_arg(actuals.first(), call.span)?;
    if cond != Expr::Const(Bits::bool(true)) {
        let message = l.source_text(call.span, &call.decl.decl.name);
        l.emit(Stmt::Assert { cond, message });
    }
    Ok(Value::Void)
}

fn log_msg(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let Some(text) = call.args.first().and_then(|a| a.expr.as_ref()) else {
        return l.unsupported(call.span, "a log message without text");
    };
    let CValue::String(format) = l.constant(text)? else {
        return l.unsupported(text.span, "a log message that is not a string");
    };
    let args = match call.args.len() {
        0 | 1 => Vec::new(),
        _ => {
            let actuals = l.actuals(&call.args[1..])?;
            data(l, actuals.first(), call.span)?
        }
    };
    l.emit(Stmt::Log { format: format.to_string(), args });
    Ok(Value::Void)
}
