//! Names, members and elements: what stands before a dot or a bracket, and what comes of it.

use num_bigint::{BigInt, Sign};
use num_traits::ToPrimitive;

use super::codes::*;
use super::constants::{is_constant, literal};
use super::inference::{firm, is_list};
use super::scopes::{Entity, TypeEntity, most_like};
use super::{Checker, Place};
use crate::diag::Diagnostic;
use crate::hir::{Expr, ExprKind, TableId, Ty};
use crate::source::Span;
use crate::syntax::ast::{self, Ident, TypeKind};

/// What can stand before a dot.
#[derive(Debug)]
pub(super) enum Operand {
    /// A value.
    Value(Expr),
    /// A type.
    Type(Ty),
    /// A table.
    Table(TableId),
    /// Something in error.
    Broken,
}

impl Checker<'_> {
    /// What stands before a dot: a value, a type or a table.
    pub(super) fn operand(&mut self, written: &ast::Expr) -> Operand {
        match &written.kind {
            ast::ExprKind::Paren(inner) => self.operand(inner),
            ast::ExprKind::Name { dotted, name } => self.named_operand(*dotted, name),
            ast::ExprKind::Type(ty) => match &ty.kind {
                // The parser may take a name for a type that a declaration inside hides.
                TypeKind::Named { dotted, name, args } if args.is_empty() => {
                    self.named_operand(*dotted, name)
                }
                _ => match self.resolve_type(ty) {
                    Ty::Unknown => Operand::Broken,
                    ty => Operand::Type(ty),
                },
            },
            _ => Operand::Value(self.expr(written)),
        }
    }

    fn named_operand(&mut self, dotted: bool, name: &Ident) -> Operand {
        let Some((entity, declared)) = self.lookup(name, dotted) else { return Operand::Broken };
        let span = name.span;
        match entity {
            Entity::Constant(value) => Operand::Value(Expr { span, ..(*value).clone() }),
            Entity::Variable(id) => {
                let ty = self.program.variables[id].ty.clone();
                Operand::Value(Expr { kind: ExprKind::Variable(id), ty, span })
            }
            Entity::Instance(id) => {
                let ty = self.program.instances[id].ty.clone();
                Operand::Value(Expr { kind: ExprKind::Instance(id), ty, span })
            }
            Entity::Type(entity) => match self.type_operand(&entity, name) {
                Ty::Unknown => Operand::Broken,
                ty => Operand::Type(ty),
            },
            Entity::Table(id) => Operand::Table(id),
            Entity::MatchKind(index) => {
                Operand::Value(Expr { kind: ExprKind::Int(BigInt::from(index)), ty: Ty::MatchKind, span })
            }
            Entity::Open(kind) => {
                let mut diagnostic = Diagnostic::error(
                    RECURSIVE_DECLARATION,
                    span,
                    format!("`{}` refers to itself in its own declaration", name.name),
                )
                .label(declared, format!("{kind} that is being declared"));
                diagnostic = diagnostic.note("P4 has no recursion");
                self.emit(diagnostic);
                Operand::Broken
            }
            Entity::Broken => Operand::Broken,
            Entity::Functions(_) | Entity::Action(_) | Entity::ValueSet(_) | Entity::State => {
                self.emit(
                    Diagnostic::error(
                        WRONG_KIND_OF_NAME,
                        span,
                        format!("`{}` is {}, and a value is needed", name.name, entity.kind()),
                    )
                    .label(declared, "declared here"),
                );
                Operand::Broken
            }
        }
    }

    /// The type that a name alone stands for; the parameters of a generic one stay unknown.
    pub(super) fn type_operand(&mut self, entity: &TypeEntity, name: &Ident) -> Ty {
        self.specialize(entity, name, Vec::new(), name.span)
    }

    /// `of.a.b.c`. Chains may be long, so they are not descended into.
    pub(super) fn member_chain(&mut self, written: &ast::Expr) -> Expr {
        let mut names = Vec::new();
        let mut at = written;
        while let ast::ExprKind::Member(of, name) = &at.kind {
            names.push((name, at.span));
            at = of;
        }
        let mut operand = self.operand(at);
        while let Some((name, span)) = names.pop() {
            operand = Operand::Value(self.member(operand, name, span));
        }
        match operand {
            Operand::Value(expr) => expr,
            _ => self.broken(written.span),
        }
    }

    /// `of.name`.
    fn member(&mut self, of: Operand, name: &Ident, span: Span) -> Expr {
        match of {
            Operand::Broken => self.broken(span),
            Operand::Type(ty) => self.type_member(&ty, name, span),
            Operand::Table(id) => {
                let table = self.program.tables[id].decl.name.clone();
                self.emit(
                    Diagnostic::error(
                        UNKNOWN_MEMBER,
                        name.span,
                        format!("a table has no member `{}`", name.name),
                    )
                    .help(format!(
                        "`{table}.apply()` applies it, `{table}.apply().hit` says whether an entry matched"
                    )),
                );
                self.broken(span)
            }
            Operand::Value(of) => self.value_member(of, name, span),
        }
    }

    fn type_member(&mut self, ty: &Ty, name: &Ident, span: Span) -> Expr {
        let like = match ty {
            Ty::Error => match self.program.errors.iter().position(|member| *member == name.name) {
                Some(index) => return Expr { kind: ExprKind::Error(index), ty: Ty::Error, span },
                None => most_like(&name.name, self.program.errors.iter()).cloned(),
            },
            Ty::Enum(id) => {
                let members = &self.program.types.enums[*id].members;
                match members.iter().position(|(member, _)| *member == name.name) {
                    Some(index) => {
                        return Expr { kind: ExprKind::EnumMember(*id, index), ty: ty.clone(), span };
                    }
                    None => most_like(&name.name, members.iter().map(|(member, _)| member)).cloned(),
                }
            }
            _ => None,
        };
        let shown = self.show(ty);
        let mut diagnostic = Diagnostic::error(
            UNKNOWN_MEMBER,
            name.span,
            format!("the type `{shown}` has no member `{}`", name.name),
        );
        if let Some(like) = like {
            diagnostic = diagnostic.suggest(format!("did you mean `{like}`?"), name.span, &*like);
        }
        self.emit(diagnostic);
        self.broken(span)
    }

    fn value_member(&mut self, of: Expr, name: &Ident, span: Span) -> Expr {
        let made = |kind, ty| Expr { kind, ty, span };
        match &of.ty {
            Ty::Unknown => return self.broken(span),
            Ty::Composite(id, _) => {
                let fields = &self.program.types.composites[*id].fields;
                if let Some(index) = fields.named(&name.name) {
                    let ty = self.field_type(&of.ty, index);
                    return self.field(of, index, ty, span);
                }
                let like = most_like(&name.name, fields.iter().map(|field| &field.decl.name)).cloned();
                let (shown, declared) = (self.show(&of.ty), self.program.types.composites[*id].decl.span);
                let mut diagnostic = Diagnostic::error(
                    UNKNOWN_MEMBER,
                    name.span,
                    format!("`{shown}` has no field `{}`", name.name),
                )
                .label(declared, "declared here");
                if let Some(like) = like {
                    diagnostic = diagnostic.suggest(format!("did you mean `{like}`?"), name.span, &*like);
                } else if ["isValid", "setValid", "setInvalid"].contains(&&*name.name) {
                    diagnostic = diagnostic.help("it is a method: call it with `()`");
                }
                self.emit(diagnostic);
                return self.broken(span);
            }
            Ty::AnonymousStruct(fields) => {
                if let Some(index) = fields.iter().position(|(field, _)| *field == name.name) {
                    let ty = fields.get(index).map_or(Ty::Unknown, |(_, ty)| ty.clone());
                    return self.field(of, index, ty, span);
                }
            }
            Ty::Stack(element, size) => {
                let (element, size) = ((**element).clone(), *size);
                if let Some(expr) = self.stack_member(&of, &element, size, name, span) {
                    return expr;
                }
            }
            Ty::ApplyResult(table) => {
                let table = *table;
                match &*name.name {
                    "hit" => return made(ExprKind::ApplyHit(table), Ty::Bool),
                    "miss" => return made(ExprKind::ApplyMiss(table), Ty::Bool),
                    "action_run" => {
                        self.emit(
                            Diagnostic::error(
                                UNDEFINED_OPERATION,
                                span,
                                "`action_run` can only be what a `switch` is on",
                            )
                            .help("write `switch (t.apply().action_run) { ... }`"),
                        );
                        return self.broken(span);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        let shown = self.show(&of.ty);
        self.emit(
            Diagnostic::error(UNKNOWN_MEMBER, name.span, format!("`{shown}` has no member `{}`", name.name))
                .label(of.span, format!("this is `{shown}`")),
        );
        self.broken(span)
    }

    /// A field of a composite value, picked at once from a constant.
    fn field(&mut self, of: Expr, index: usize, ty: Ty, span: Span) -> Expr {
        match of.kind {
            ExprKind::Aggregate(ref elements) if elements.iter().all(is_constant) => {
                match elements.get(index) {
                    Some(element) => Expr { span, ..element.clone() },
                    None => self.broken(span),
                }
            }
            ExprKind::Default => self.default_value(&ty, span),
            _ => Expr { kind: ExprKind::Field(Box::new(of), index), ty, span },
        }
    }

    fn stack_member(&mut self, of: &Expr, element: &Ty, size: u32, name: &Ident, span: Span) -> Option<Expr> {
        let is_header_stack = self.is_header_like(element);
        let (kind, ty) = match &*name.name {
            "size" => (ExprKind::Int(size.into()), Ty::Bit(32)),
            "next" if is_header_stack => (ExprKind::StackNext(Box::new(of.clone())), element.clone()),
            "last" if is_header_stack => (ExprKind::StackLast(Box::new(of.clone())), element.clone()),
            "lastIndex" if is_header_stack => (ExprKind::StackLastIndex(Box::new(of.clone())), Ty::Bit(32)),
            "nextIndex" if is_header_stack => (ExprKind::StackNextIndex(Box::new(of.clone())), Ty::Bit(32)),
            _ => return None,
        };
        if matches!(&*name.name, "next" | "last" | "lastIndex")
            && !matches!(self.around.place, Place::ParserState | Place::Function | Place::Method)
        {
            self.emit(
                Diagnostic::error(
                    NOT_IN_PARSER,
                    name.span,
                    format!("`{}` of a header stack can only be used in a parser", name.name),
                )
                .help("use an index, as in `stack[0]`"),
            );
            return Some(self.broken(span));
        }
        Some(Expr { kind, ty, span })
    }

    /// `of[index]`.
    pub(super) fn index(&mut self, of: &ast::Expr, index: &ast::Expr, span: Span) -> Expr {
        let of = self.value(of);
        let index = self.value(index);
        self.element(of, index, span)
    }

    fn element(&mut self, of: Expr, index: Expr, span: Span) -> Expr {
        let index = self.decay(index);
        let of = match &of.ty {
            Ty::AnonymousStruct(fields) if is_list(fields) => {
                let ty = firm(&of.ty);
                self.convert(of, &ty)
            }
            _ => of,
        };
        if of.ty == Ty::Unknown || index.ty == Ty::Unknown {
            return self.broken(span);
        }
        if !matches!(of.ty, Ty::Stack(..) | Ty::Tuple(_) | Ty::List(_)) {
            let shown = self.show(&of.ty);
            let mut diagnostic =
                Diagnostic::error(UNDEFINED_OPERATION, span, format!("`{shown}` cannot be indexed"))
                    .label(of.span, format!("this is `{shown}`"));
            if matches!(of.ty, Ty::Bit(_) | Ty::Int(_)) {
                diagnostic = diagnostic.help("a single bit is a slice: `x[i:i]`");
            }
            self.emit(diagnostic);
            return self.broken(span);
        }
        if !matches!(index.ty, Ty::Bit(_) | Ty::Int(_) | Ty::InfInt) {
            let shown = self.show(&index.ty);
            self.error(
                MISMATCHED_TYPES,
                index.span,
                format!("an index has to be a number, and this is `{shown}`"),
            );
            return self.broken(span);
        }
        let known = self.int_value(&index);
        if let Some(known) = &known
            && known.sign() == Sign::Minus
        {
            self.error(OUT_OF_RANGE, index.span, format!("an index cannot be negative, and this is {known}"));
            return self.broken(span);
        }
        let size = match (&of.ty, &of.kind) {
            (Ty::Stack(_, size), _) => Some(*size as usize),
            (Ty::Tuple(types), _) => Some(types.len()),
            (_, ExprKind::Aggregate(elements)) => Some(elements.len()),
            _ => None,
        };
        let known = match (known, size) {
            (Some(known), size) => match known.to_usize() {
                Some(known) if size.is_none_or(|size| known < size) => Some(known),
                // What is only asked for its size need not exist.
                _ if self.unevaluated => Some(0),
                _ => {
                    let size = size.unwrap_or(usize::MAX);
                    self.emit(
                        Diagnostic::error(
                            OUT_OF_RANGE,
                            index.span,
                            format!("the index {known} is beyond the last element"),
                        )
                        .label(of.span, format!("has {}", super::types::count(size, "element"))),
                    );
                    return self.broken(span);
                }
            },
            (None, _) => None,
        };
        match &of.ty {
            Ty::Stack(element, _) => {
                let element = (**element).clone();
                self.stack_element(of, index, known, element, span)
            }
            ty => {
                let Some(known) = known else {
                    self.not_constant(&index, "the index of a tuple or list");
                    return self.broken(span);
                };
                let element = match ty {
                    Ty::Tuple(types) => types.get(known).cloned().unwrap_or(Ty::Unknown),
                    Ty::List(element) => (**element).clone(),
                    _ => Ty::Unknown,
                };
                match of.kind {
                    ExprKind::Aggregate(ref elements) if elements.iter().all(is_constant) => {
                        match elements.get(known) {
                            Some(element) => Expr { span, ..element.clone() },
                            None => self.broken(span),
                        }
                    }
                    ExprKind::Default => self.default_value(&element, span),
                    _ => Expr { kind: ExprKind::Element(Box::new(of), known), ty: element, span },
                }
            }
        }
    }

    fn stack_element(
        &mut self,
        of: Expr,
        index: Expr,
        known: Option<usize>,
        element: Ty,
        span: Span,
    ) -> Expr {
        if let (Some(known), ExprKind::Aggregate(elements)) = (known, &of.kind)
            && elements.iter().all(is_constant)
            && let Some(element) = elements.get(known)
        {
            return Expr { span, ..element.clone() };
        }
        // The index gets a width, so that no `int` is left.
        let index = match (&index.ty, known) {
            (Ty::InfInt, Some(known)) => {
                Expr { kind: ExprKind::Int(BigInt::from(known)), ty: Ty::Bit(32), span: index.span }
            }
            (Ty::InfInt, None) => {
                if !self.is_compile_time_known(&index) {
                    self.not_constant(&index, "an `int`");
                    return self.broken(span);
                }
                let at = index.span;
                Expr { kind: ExprKind::Cast(Box::new(index)), ty: Ty::Bit(32), span: at }
            }
            _ => index,
        };
        Expr { kind: ExprKind::Index(Box::new(of), Box::new(index)), ty: element, span }
    }

    /// What the control plane calls a key, from the expression as written; nothing if it yields no name (section on
    /// control-plane names of keys).
    pub(super) fn source_name(&mut self, written: &ast::Expr, checked: &Expr) -> Option<String> {
        match &written.kind {
            ast::ExprKind::Paren(inner) => self.source_name(inner, checked),
            ast::ExprKind::Name { dotted, name } => {
                Some(if *dotted { format!(".{}", name.name) } else { name.name.to_string() })
            }
            ast::ExprKind::Type(ty) => match &ty.kind {
                TypeKind::Named { name, .. } => Some(name.name.to_string()),
                TypeKind::Error => Some("error".to_owned()),
                _ => None,
            },
            ast::ExprKind::Member(of, name) => {
                Some(format!("{}.{}", self.source_name(of, checked)?, name.name))
            }
            ast::ExprKind::Index(of, index) => {
                let of = self.source_name(of, checked)?;
                let index = match self.source_number(index) {
                    Some(number) => number,
                    None => self.source_name(index, checked)?,
                };
                Some(format!("{of}[{index}]"))
            }
            ast::ExprKind::Slice(of, high, low) => {
                let (high, low) = match &checked.kind {
                    ExprKind::Slice { high, low, .. } => (high.to_string(), low.to_string()),
                    _ => (self.source_number(high)?, self.source_number(low)?),
                };
                Some(format!("{}[{high}:{low}]", self.source_name(of, checked)?))
            }
            ast::ExprKind::PlusSlice(of, ..) => match &checked.kind {
                ExprKind::Slice { high, low, .. } => {
                    Some(format!("{}[{high}:{low}]", self.source_name(of, checked)?))
                }
                _ => None,
            },
            ast::ExprKind::Call { callee, args, .. } if args.is_empty() => match &callee.kind {
                ast::ExprKind::Member(_, name) if &*name.name == "isValid" => {
                    Some(format!("{}()", self.source_name(callee, checked)?))
                }
                _ => None,
            },
            ast::ExprKind::Binary(ast::BinaryOp::BitAnd, a, b) => {
                Some(format!("{} & {}", self.source_name(a, checked)?, self.source_name(b, checked)?))
            }
            // As p4c has it, in the base it is written in.
            ast::ExprKind::Int { value, width, base } => {
                let width = width.map_or(String::new(), |(width, signed)| {
                    format!("{width}{}", if signed { 's' } else { 'w' })
                });
                Some(match base {
                    2 => format!("{width}{value:#b}"),
                    8 => format!("{width}{value:#o}"),
                    16 => format!("{width}{value:#x}"),
                    _ => format!("{width}{value}"),
                })
            }
            _ => None,
        }
    }

    /// A constant index as the control plane sees it.
    fn source_number(&mut self, written: &ast::Expr) -> Option<String> {
        match &written.kind {
            ast::ExprKind::Int { value, .. } => Some(value.to_string()),
            ast::ExprKind::Paren(inner) => self.source_number(inner),
            ast::ExprKind::Name { .. } => {
                let value = self.value(written);
                literal(&value)?;
                self.int_value(&value).map(|value| value.to_string())
            }
            _ => None,
        }
    }
}
