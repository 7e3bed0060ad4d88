//! Primitives: what actions are made of.
//!
//! These are the core primitives of behavioral-model's `src/bm_sim/core/primitives.cpp` and those of
//! `targets/simple_switch/primitives.cpp`; any other is refused by name. Where they leave a destination alone that
//! P4-16 has as an `out` argument, it is written here, as for P4 source.

use heddle_ir::{Bits, Expr, Place, Stmt, Ty};
use heddle_p4::lower::fold;

use crate::error::Lower;
use crate::json::Node;
use crate::layout::{INDEX_WIDTH, StackInfo};
use crate::number::{self, Arithmetic, Number};
use crate::operand::{HeaderValue, constant, small_constant};
use crate::switch::{Lowerer, Request};

impl<'a> Lowerer<'a> {
    /// Lowers a call of a primitive: members `op` and `parameters`.
    pub(crate) fn primitive(&mut self, call: &Node<'a>) -> Lower<()> {
        let op = call.get("op")?;
        let params = call.get("parameters")?;
        match op.text()? {
            "no_op" => Ok(()),
            "assign" | "modify_field" => {
                let [dst, src] = params.tuple()?;
                self.assignment(&dst, &src)
            }
            "assign_VL" => {
                let [dst, src] = params.tuple()?;
                let target = self.place(&dst)?;
                self.assign_varbit(&target, &src)
            }
            "assign_header" | "copy_header" => {
                let [dst, src] = params.tuple()?;
                let (to, from) = (self.header(&dst)?, self.header(&src)?);
                self.copy_header(&src, &to, &from)
            }
            "assign_union" => {
                let [dst, src] = params.tuple()?;
                let (to, from) = (self.union_members(&dst)?, self.union_members(&src)?);
                if to.len() != from.len() {
                    return src.wrong("unions of one type can be copied, no others");
                }
                for ((to, to_ty), (from, from_ty)) in to.into_iter().zip(from) {
                    let (to, from) = (HeaderValue::Header(to, to_ty), HeaderValue::Header(from, from_ty));
                    self.copy_header(&src, &to, &from)?;
                }
                Ok(())
            }
            "assign_header_stack" | "assign_union_stack" => {
                let [dst, src] = params.tuple()?;
                let (to, from) = (self.stack_operand(&dst)?, self.stack_operand(&src)?);
                self.copy_stack(&src, &to, &from)
            }
            "push" | "pop" => {
                let [stack, count] = params.tuple()?;
                let stack = self.stack_operand(&stack)?;
                let count = small_constant(&count)?;
                self.shift_stack(&stack, count, op.text()? == "push");
                Ok(())
            }
            "exit" => {
                let [] = params.tuple()?;
                self.emit(Stmt::Exit);
                Ok(())
            }
            "assert" | "assume" => {
                let [cond] = params.tuple()?;
                let cond = self.truth(&cond)?;
                let message = source_text(call, op.text()?);
                self.emit(Stmt::Assert { cond, message });
                Ok(())
            }
            "log_msg" => self.log(&params),
            "modify_field_rng_uniform" => {
                let [dst, low, high] = params.tuple()?;
                let target = self.place(&dst)?;
                let (low, high) = (self.number(&low)?, self.number(&high)?);
                let width = target.ty.width().max(low.width).max(high.width);
                let var = self.temp(width);
                self.emit(Stmt::Random { dst: var, low: low.to(width), high: high.to(width) });
                self.store(&target, Number::unsigned(Expr::read(var), width));
                Ok(())
            }
            "add_to_field" => self.update(&params, Arithmetic::Add),
            "subtract_from_field" => self.update(&params, Arithmetic::Sub),
            "add" => self.compute(&params, Arithmetic::Add),
            "subtract" => self.compute(&params, Arithmetic::Sub),
            "bit_xor" => self.compute(&params, Arithmetic::Xor),
            "bit_or" => self.compute(&params, Arithmetic::Or),
            "bit_and" => self.compute(&params, Arithmetic::And),
            "shift_left" => self.compute(&params, Arithmetic::Shl),
            "shift_right" => self.compute(&params, Arithmetic::Shr),
            "drop" => {
                self.drop_packet();
                Ok(())
            }
            "mark_to_drop" => {
                let [metadata] = params.tuple()?;
                self.mark_to_drop(&metadata)
            }
            "add_header" | "add_header_fast" => {
                let [header] = params.tuple()?;
                if let HeaderValue::Header(header, _) = self.header(&header)? {
                    self.emit(Stmt::SetValid(header));
                }
                Ok(())
            }
            "remove_header" => {
                let [header] = params.tuple()?;
                if let HeaderValue::Header(header, _) = self.header(&header)? {
                    self.emit(Stmt::SetInvalid(header));
                }
                Ok(())
            }
            "generate_digest" => {
                let [_receiver, list] = params.tuple()?;
                self.digest(&list)
            }
            "clone_ingress_pkt_to_egress" | "clone_egress_pkt_to_egress" => {
                let (session, list) = match params.items()?.as_slice() {
                    [session] => (session.clone(), None),
                    [session, list] => (session.clone(), Some(list.clone())),
                    _ => return params.wrong("a session and perhaps a field list are expected"),
                };
                let session = self.bits(&session, 32)?;
                self.request(Request::Clone, list.as_ref(), Some(session))
            }
            "resubmit" => {
                let [list] = params.tuple()?;
                self.request(Request::Resubmit, Some(&list), None)
            }
            "recirculate" => {
                let [list] = params.tuple()?;
                self.request(Request::Recirculate, Some(&list), None)
            }
            "modify_field_with_hash_based_offset" => {
                let [dst, base, calculation, size] = params.tuple()?;
                self.hash(&dst, &base, &calculation, &size)
            }
            "execute_meter" => {
                let [meter, index, dst] = params.tuple()?;
                let meter = self.meter_operand(&meter)?;
                let index = self.number(&index)?.expr;
                let target = self.place(&dst)?;
                let color = self.temp(8);
                self.emit(Stmt::Meter { meter, index: Some(index), color });
                self.store(&target, Number::unsigned(Expr::read(color), 8));
                Ok(())
            }
            "count" => {
                let [counter, index] = params.tuple()?;
                let counter = self.counter_operand(&counter)?;
                let index = self.number(&index)?.expr;
                self.emit(Stmt::Count { counter, index: Some(index) });
                Ok(())
            }
            "register_read" => {
                let [dst, register, index] = params.tuple()?;
                let target = self.place(&dst)?;
                let register = self.register_operand(&register)?;
                let index = self.number(&index)?.expr;
                let width = self.ir.registers[register].width;
                let var = self.temp(width);
                self.emit(Stmt::RegisterRead { register, index, dst: var });
                self.store(&target, Number::unsigned(Expr::read(var), width));
                Ok(())
            }
            "register_write" => {
                let [register, index, value] = params.tuple()?;
                let register = self.register_operand(&register)?;
                let index = self.number(&index)?.expr;
                let value = self.bits(&value, self.ir.registers[register].width)?;
                self.emit(Stmt::RegisterWrite { register, index, value });
                Ok(())
            }
            "truncate" => {
                let [length] = params.tuple()?;
                let length = self.bits(&length, 32)?;
                self.emit(Stmt::Truncate(length));
                Ok(())
            }
            other => op.wrong(format!("`{other}` is no primitive of simple_switch's")),
        }
    }

    /// `assign`: to a field, or to a register's cell.
    fn assignment(&mut self, dst: &Node<'a>, src: &Node<'a>) -> Lower<()> {
        if let ("register", value) = dst.typed()? {
            let [register, index] = value.tuple()?;
            let register = self.register_named(&register)?;
            let index = self.number(&index)?.expr;
            let value = self.bits(src, self.ir.registers[register].width)?;
            self.emit(Stmt::RegisterWrite { register, index, value });
            return Ok(());
        }
        self.assign_to(dst, src)
    }

    /// A field and what is done to it.
    fn update(&mut self, params: &Node<'a>, op: Arithmetic) -> Lower<()> {
        let [dst, by] = params.tuple()?;
        self.store_result(&dst, op, &dst.clone(), &by)
    }

    /// Where a result goes, and two operands.
    fn compute(&mut self, params: &Node<'a>, op: Arithmetic) -> Lower<()> {
        let [dst, left, right] = params.tuple()?;
        self.store_result(&dst, op, &left, &right)
    }

    fn store_result(
        &mut self,
        dst: &Node<'a>,
        op: Arithmetic,
        left: &Node<'a>,
        right: &Node<'a>,
    ) -> Lower<()> {
        let target = self.place(dst)?;
        let width = target.ty.width();
        let (left, right) = match op {
            // Only these look at bits beyond the field.
            Arithmetic::Shr | Arithmetic::Div | Arithmetic::Mod => (self.number(left)?, self.number(right)?),
            Arithmetic::Shl => (Number::unsigned(self.bits(left, width)?, width), self.number(right)?),
            Arithmetic::Add
            | Arithmetic::Sub
            | Arithmetic::Mul
            | Arithmetic::And
            | Arithmetic::Or
            | Arithmetic::Xor => (
                Number::unsigned(self.bits(left, width)?, width),
                Number::unsigned(self.bits(right, width)?, width),
            ),
        };
        if op == Arithmetic::Shl {
            let shifted = fold::binary(heddle_ir::BinaryOp::Shl, left.expr, right.expr);
            self.store(&target, Number::unsigned(shifted, width));
            return Ok(());
        }
        match number::arithmetic(op, left, right) {
            Ok(number) => {
                self.store(&target, number);
                Ok(())
            }
            Err(number::TooWide) => dst.wrong("the result needs more than 65536 bits"),
        }
    }

    /// Copies a header with its validity.
    pub(crate) fn copy_header(&mut self, at: &Node<'a>, to: &HeaderValue, from: &HeaderValue) -> Lower<()> {
        if to.ty() != from.ty() {
            return at.wrong("headers of one type can be copied, no others");
        }
        let fields = self.layout.types[to.ty()].fields.len();
        let copies: Vec<Stmt> = (0..fields)
            .filter_map(|i| Some(Stmt::Assign(to.field(i)?, Expr::Read(from.field(i)?))))
            .collect();
        match (to, from) {
            (HeaderValue::Header(dst, _), HeaderValue::Header(src, _)) => {
                self.emit(Stmt::CopyHeader { dst: dst.clone(), src: src.clone() });
            }
            (HeaderValue::Header(dst, _), HeaderValue::Metadata(..)) => {
                self.emit(Stmt::SetValid(dst.clone()));
                self.block.extend(copies);
            }
            (HeaderValue::Metadata(..), HeaderValue::Header(..) | HeaderValue::Metadata(..)) => {
                self.block.extend(copies);
            }
        }
        Ok(())
    }

    fn copy_stack(&mut self, at: &Node<'a>, to: &StackInfo, from: &StackInfo) -> Lower<()> {
        if to.types != from.types || to.size != from.size {
            return at.wrong("stacks of one type and size can be copied, no others");
        }
        for (to, from) in to.columns.iter().zip(&from.columns) {
            let pairs = self.ir.stacks[*to].elements.iter().zip(&self.ir.stacks[*from].elements);
            let copies: Vec<Stmt> =
                pairs.map(|(dst, src)| Stmt::CopyHeader { dst: (*dst).into(), src: (*src).into() }).collect();
            self.block.extend(copies);
        }
        self.emit(Stmt::assign(to.next, from.next));
        Ok(())
    }

    /// P4-16, operations on header stacks: elements move, and `nextIndex` with them.
    fn shift_stack(&mut self, stack: &StackInfo, count: u32, push: bool) {
        for column in &stack.columns {
            self.emit(if push { Stmt::PushFront(*column, count) } else { Stmt::PopFront(*column, count) });
        }
        let (next, by) = (Expr::read(stack.next), Expr::constant(INDEX_WIDTH, count.into()));
        let moved = if push {
            let sum = fold::binary(heddle_ir::BinaryOp::SatAddU, next, by);
            let size = Expr::constant(INDEX_WIDTH, stack.size.into());
            fold::mux(size.clone().lt(sum.clone()), size, sum)
        } else {
            fold::binary(heddle_ir::BinaryOp::SatSubU, next, by)
        };
        self.emit(Stmt::assign(stack.next, moved));
    }

    fn log(&mut self, params: &Node<'a>) -> Lower<()> {
        let [format, values] = params.tuple()?;
        let ("string", text) = format.typed()? else {
            return format.wrong("a format of type `string` is expected here");
        };
        let ("parameters_vector", list) = values.typed()? else {
            return values.wrong("a `parameters_vector` is expected here");
        };
        let mut args = Vec::new();
        for value in list.items()? {
            args.push(self.number(&value)?.expr);
        }
        self.emit(Stmt::Log { format: text.text()?.to_owned(), args });
        Ok(())
    }

    /// `base + hash % size`, in the 64 bits that `simple_switch` computes in; `base` if `size` is zero.
    fn hash(
        &mut self,
        dst: &Node<'a>,
        base: &Node<'a>,
        calculation: &Node<'a>,
        size: &Node<'a>,
    ) -> Lower<()> {
        let target = self.place(dst)?;
        let Ty::Bits(width) = target.ty else {
            return dst.wrong("a hash cannot be stored in a field of variable length");
        };
        let base = self.bits(base, width)?;
        let size_constant = constant(size)?.is_some();
        let size = self.number(size)?;
        let ("calculation", name) = calculation.typed()? else {
            return calculation.wrong("a calculation is expected here");
        };
        let hashed = self.calculate(&name, None)?;
        let rest = match &size.expr {
            Expr::Const(bits) if size_constant && bits.count_ones() == 1 => {
                // A power of two: the low bits, if there are that many.
                let low = bits.trailing_zeros();
                match low {
                    0 => Expr::Const(Bits::zero(width)),
                    low if low >= hashed.width => hashed.to(width),
                    low => {
                        Number::unsigned(fold::slice(hashed.expr, hashed.width, low - 1, 0), low).to(width)
                    }
                }
            }
            _ => match number::arithmetic(Arithmetic::Mod, hashed, size) {
                Ok(rest) => rest.to(width),
                Err(number::TooWide) => return dst.wrong("the result needs more than 65536 bits"),
            },
        };
        self.emit(Stmt::Assign(target.place, fold::binary(heddle_ir::BinaryOp::Add, base, rest)));
        Ok(())
    }

    fn mark_to_drop(&mut self, metadata: &Node<'a>) -> Lower<()> {
        let header = self.header(metadata)?;
        let types = &self.layout.types[header.ty()];
        let fields =
            [("egress_spec", u128::from(self.options.drop_port)), ("mcast_grp", 0)].map(|(name, value)| {
                types.field(name).and_then(|i| Some((header.field(i)?, types.fields[i].ty, value)))
            });
        if fields[0].is_none() {
            return metadata.wrong("metadata with a field `egress_spec` is expected here");
        }
        for (place, ty, value) in fields.into_iter().flatten() {
            self.emit(Stmt::Assign(place, Expr::constant(ty.width(), value)));
        }
        Ok(())
    }

    /// `drop`, for programs converted from P4-14.
    fn drop_packet(&mut self) {
        let port = u128::from(self.options.drop_port);
        let slots = [
            (self.layout.intrinsic("standard_metadata", "egress_spec"), port),
            (self.layout.intrinsic("intrinsic_metadata", "mcast_grp"), 0),
        ];
        for (slot, value) in slots {
            if let Some(var) = slot {
                let width = self.ir.vars[var].ty.width();
                self.emit(Stmt::Assign(Place::Var(var), Expr::constant(width, value)));
            }
        }
    }
}

/// Where in the source a primitive comes from, and how it reads there.
fn source_text(call: &Node<'_>, otherwise: &str) -> String {
    let Some(source) = call.opt("source_info") else { return otherwise.to_owned() };
    let text = |key| source.value.get(key).and_then(|v| v.as_str()).unwrap_or_default();
    let line = source.value.get("line").and_then(serde_json::Value::as_u64).unwrap_or_default();
    format!("{}:{line}: {}", text("filename"), text("source_fragment"))
}
