//! Sets of values, in `select` and in the entries of tables (section on operations on sets).

use super::Checker;
use super::codes::*;
use super::conversion::Wanted;
use super::scopes::Entity;
use super::types::count;
use crate::diag::Diagnostic;
use crate::hir::{Expr, ExprKind, Keyset, KeysetKind, Ty, ValueSetId};
use crate::source::Span;
use crate::syntax::ast;

/// Where a keyset stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Context {
    /// In a case of a `select`.
    Select,
    /// In an entry of a table.
    Entry,
}

impl Checker<'_> {
    /// A keyset for values of these types: one set per value, or one for all.
    pub(super) fn keyset(
        &mut self,
        written: &ast::Keyset,
        types: &[Ty],
        context: Context,
    ) -> Option<Vec<Keyset>> {
        if let [single] = written.elements.as_slice() {
            match &single.kind {
                ast::KeysetKind::Default | ast::KeysetKind::DontCare => {
                    return Some(match context {
                        Context::Select => vec![Keyset { kind: KeysetKind::Any, span: single.span }],
                        Context::Entry => types
                            .iter()
                            .map(|_| Keyset { kind: KeysetKind::Any, span: single.span })
                            .collect(),
                    });
                }
                ast::KeysetKind::Expr(expr) => {
                    if let Some(id) = self.value_set_name(expr) {
                        return self.value_set_key(id, types, context, single.span);
                    }
                    // `{a, b}` stands for one set per value.
                    let is_list = matches!(expr.kind, ast::ExprKind::List(_));
                    let is_scalar = !matches!(types, [Ty::Tuple(_)]);
                    if !written.is_tuple && (types.len() != 1 || (is_list && is_scalar)) {
                        return self.listed_keyset(expr, types, written.span, context);
                    }
                }
                ast::KeysetKind::Mask(..) | ast::KeysetKind::Range(..) => {}
            }
        }
        if written.elements.len() != types.len() {
            if let ([Ty::Tuple(inner)], true) = (types, written.is_tuple) {
                let inner = inner.clone();
                if inner.len() == written.elements.len() {
                    return self.tuple_keyset(written, &inner, context);
                }
            }
            self.count_mismatch(written.elements.len(), types.len(), written.span, context);
            return None;
        }
        let mut keys = Vec::new();
        for (element, ty) in written.elements.iter().zip(types) {
            keys.push(self.keyset_element(element, ty, context)?);
        }
        Some(keys)
    }

    fn count_mismatch(&mut self, given: usize, wanted: usize, span: Span, context: Context) {
        let (code, thing) = match context {
            Context::Select => (SELECT, "value"),
            Context::Entry => (TABLE_ENTRY, "key"),
        };
        self.error(code, span, format!("{} given for {}", count(given, "keyset"), count(wanted, thing)));
    }

    /// `select` on one tuple: the tuple is taken apart.
    fn tuple_keyset(&mut self, written: &ast::Keyset, types: &[Ty], context: Context) -> Option<Vec<Keyset>> {
        let mut values = Vec::new();
        for (element, ty) in written.elements.iter().zip(types) {
            let key = self.keyset_element(element, ty, context)?;
            match key.kind {
                KeysetKind::Value(value) => values.push(value),
                _ => {
                    self.emit(
                        Diagnostic::error(
                            SELECT,
                            key.span,
                            "sets of values cannot be components of a tuple that is selected on as a whole",
                        )
                        .help("list its components in `select`"),
                    );
                    return None;
                }
            }
        }
        let ty = Ty::Tuple(types.into());
        let value = Expr { kind: ExprKind::Aggregate(values), ty, span: written.span };
        Some(vec![Keyset { kind: KeysetKind::Value(value), span: written.span }])
    }

    /// A single expression for several values.
    fn listed_keyset(
        &mut self,
        expr: &ast::Expr,
        types: &[Ty],
        span: Span,
        context: Context,
    ) -> Option<Vec<Keyset>> {
        let value = self.value(expr);
        if value.ty == Ty::Unknown {
            return None;
        }
        let tuple = Ty::Tuple(types.into());
        let elements = match (&value.kind, &value.ty) {
            (ExprKind::Aggregate(elements), _) => elements.len(),
            _ => 1,
        };
        if elements != types.len() {
            self.count_mismatch(elements, types.len(), span, context);
            return None;
        }
        let value =
            self.coerce(value, &tuple, &Wanted { what: "what is matched", declared: Span::default() });
        match value.kind {
            ExprKind::Aggregate(elements) => Some(
                elements
                    .into_iter()
                    .map(|element| Keyset { span: element.span, kind: KeysetKind::Value(element) })
                    .collect(),
            ),
            _ => None,
        }
    }

    /// The value set that an expression names.
    fn value_set_name(&mut self, expr: &ast::Expr) -> Option<ValueSetId> {
        let ast::ExprKind::Name { dotted, name } = &expr.kind else { return None };
        let binding = if *dotted { self.scopes.find_top(&name.name) } else { self.scopes.find(&name.name) };
        match binding?.entity {
            Entity::ValueSet(id) => Some(id),
            _ => None,
        }
    }

    /// A value set as the keyset of all values: its elements are of their type, or structs and tuples of their
    /// types.
    fn value_set_key(
        &mut self,
        id: ValueSetId,
        types: &[Ty],
        context: Context,
        span: Span,
    ) -> Option<Vec<Keyset>> {
        if context == Context::Entry {
            self.error(TABLE_ENTRY, span, "value sets belong to parsers");
            return None;
        }
        let element = self.program.value_sets[id].element.clone();
        if element == Ty::Unknown {
            return None;
        }
        let mut parts = Vec::new();
        self.leaves(&element, &mut parts);
        let agrees = |a: &[Ty], b: &[Ty]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || *b == Ty::Unknown)
        };
        let fits = agrees(&parts, types) || agrees(std::slice::from_ref(&element), types);
        if !fits {
            let shown = self.show(&element);
            let declared = self.program.value_sets[id].decl.span;
            let wanted: Vec<String> = types.iter().map(|ty| format!("`{}`", self.show(ty))).collect();
            self.emit(
                Diagnostic::error(
                    MISMATCHED_TYPES,
                    span,
                    format!(
                        "the value set has elements of type `{shown}`, and {} is selected on",
                        wanted.join(", ")
                    ),
                )
                .label(declared, "declared here"),
            );
            return None;
        }
        Some(vec![Keyset { kind: KeysetKind::ValueSet(id), span }])
    }

    /// The types of the values that a struct or tuple consists of, nested ones included.
    fn leaves(&self, ty: &Ty, into: &mut Vec<Ty>) {
        // Far more values than any `select` has.
        if into.len() > 1000 {
            return;
        }
        match ty {
            Ty::Composite(id, _) => {
                for i in 0..self.program.types.composites[*id].fields.len() {
                    self.leaves(&self.field_type(ty, i), into);
                }
            }
            Ty::Tuple(parts) => parts.iter().for_each(|part| self.leaves(part, into)),
            other => into.push(other.clone()),
        }
    }

    /// A set of values of one type.
    fn keyset_element(&mut self, written: &ast::KeysetElement, ty: &Ty, context: Context) -> Option<Keyset> {
        let span = written.span;
        let kind = match &written.kind {
            ast::KeysetKind::Default | ast::KeysetKind::DontCare => KeysetKind::Any,
            ast::KeysetKind::Expr(expr) => match &expr.kind {
                ast::ExprKind::Mask(a, b) => self.mask(a, b, ty, span, context)?,
                ast::ExprKind::Range(a, b) => self.range(a, b, ty, span, context)?,
                ast::ExprKind::DontCare => KeysetKind::Any,
                _ => {
                    if let Some(id) = self.value_set_name(expr) {
                        let keys = self.value_set_key(id, std::slice::from_ref(ty), context, span)?;
                        return keys.into_iter().next();
                    }
                    let value = self.value(expr);
                    KeysetKind::Value(self.key_value(value, ty, context)?)
                }
            },
            ast::KeysetKind::Mask(a, b) => self.mask(a, b, ty, span, context)?,
            ast::KeysetKind::Range(a, b) => self.range(a, b, ty, span, context)?,
        };
        Some(Keyset { kind, span })
    }

    fn key_value(&mut self, value: Expr, ty: &Ty, context: Context) -> Option<Expr> {
        let what = match context {
            Context::Select => "what is selected on",
            Context::Entry => "the key",
        };
        // A select on an underlying type takes members of an enum, and the other way round a named member of it.
        let value = self.coerce(value, ty, &Wanted { what, declared: Span::default() });
        if value.ty == Ty::Unknown {
            return None;
        }
        // Section 13.6 leaves it to the target whether keysets of `select` have to be known.
        if context == Context::Entry && !self.is_compile_time_known(&value) {
            self.not_constant(&value, "a keyset");
            return None;
        }
        Some(value)
    }

    /// `a &&& b`.
    fn mask(
        &mut self,
        a: &ast::Expr,
        b: &ast::Expr,
        ty: &Ty,
        span: Span,
        context: Context,
    ) -> Option<KeysetKind> {
        let (a, b) = self.bounds(a, b, ty, span, "`&&&`", context)?;
        Some(KeysetKind::Mask(a, b))
    }

    /// `a .. b`.
    fn range(
        &mut self,
        a: &ast::Expr,
        b: &ast::Expr,
        ty: &Ty,
        span: Span,
        context: Context,
    ) -> Option<KeysetKind> {
        let (a, b) = self.bounds(a, b, ty, span, "`..`", context)?;
        Some(KeysetKind::Range(a, b))
    }

    fn bounds(
        &mut self,
        a: &ast::Expr,
        b: &ast::Expr,
        ty: &Ty,
        span: Span,
        operator: &str,
        context: Context,
    ) -> Option<(Expr, Expr)> {
        let (a, b) = (self.value(a), self.value(b));
        if a.ty == Ty::Unknown || b.ty == Ty::Unknown || *ty == Ty::Unknown {
            return None;
        }
        let underlying = self.enum_underlying(ty).cloned();
        let numeric = matches!(ty, Ty::Bit(_) | Ty::Int(_)) || underlying.is_some();
        let operands_numeric = [&a, &b].iter().all(|operand| {
            matches!(operand.ty, Ty::Bit(_) | Ty::Int(_) | Ty::InfInt)
                || self.enum_underlying(&operand.ty).is_some()
        });
        if !numeric || !operands_numeric {
            let odd = if numeric {
                self.show(if matches!(a.ty, Ty::Bit(_) | Ty::Int(_) | Ty::InfInt) { &b.ty } else { &a.ty })
            } else {
                self.show(ty)
            };
            self.error(UNDEFINED_OPERATION, span, format!("{operator} is not defined for `{odd}`"));
            return None;
        }
        // The mask of an enum is a number, so both operands become its underlying type.
        let target = match &underlying {
            Some(underlying) if a.ty != *ty || b.ty != *ty => underlying.clone(),
            _ => ty.clone(),
        };
        let a = if target != *ty { self.decay(a) } else { a };
        let b = if target != *ty { self.decay(b) } else { b };
        let (a, b) = (self.key_value(a, &target, context)?, self.key_value(b, &target, context)?);
        if target != *ty {
            let retype = |c: &mut Self, expr: Expr| {
                let span = expr.span;
                c.cast(expr, ty, span)
            };
            return Some((retype(self, a), retype(self, b)));
        }
        Some((a, b))
    }
}
