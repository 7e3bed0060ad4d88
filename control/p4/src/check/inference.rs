//! Type arguments that the program leaves out: unification of parameter types with argument types.
//!
//! An [`Inference`] belongs to one call. Types of arguments contain no unknowns of their own, as every call settles
//! its unknowns before its result is used. What a literal suggests (`int` without width, a tuple or struct in
//! braces) is soft: a firmer type found later takes its place.

use std::sync::Arc;

use super::Checker;
use crate::hir::{Ty, TypeParamId};
use crate::syntax::ast::CompositeKind;

/// Types larger than this are cut off by [`Ty::Unknown`]; declaring one is an error long before.
const SUBSTITUTION_MAX: usize = 4_000;

/// The unknowns of a call.
#[derive(Debug, Default)]
pub(super) struct Inference {
    bindings: Vec<Option<Ty>>,
}

/// How closely types have to agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// The same type.
    Exact,
    /// The first can be assigned a value of the second, implicit casts included.
    Assign,
}

impl Inference {
    /// A new unknown.
    pub(super) fn fresh(&mut self) -> Ty {
        self.bindings.push(None);
        Ty::Infer(self.bindings.len() as u32 - 1)
    }

    fn binding(&self, id: u32) -> Option<&Ty> {
        self.bindings.get(id as usize)?.as_ref()
    }

    fn bind(&mut self, id: u32, ty: Ty) {
        if let Some(slot) = self.bindings.get_mut(id as usize) {
            *slot = Some(ty);
        }
    }

    /// Follows unknowns that stand for unknowns.
    fn root(&self, ty: &Ty) -> Ty {
        let mut ty = ty;
        while let Ty::Infer(id) = ty {
            match self.binding(*id) {
                Some(next @ Ty::Infer(_)) => ty = next,
                _ => break,
            }
        }
        ty.clone()
    }

    /// The type with everything filled in that has been found out.
    pub(super) fn resolve(&self, ty: &Ty) -> Ty {
        let mut budget = SUBSTITUTION_MAX;
        rewrite(ty, &mut budget, &|leaf| match leaf {
            Ty::Infer(id) => self.binding(*id).cloned().map(Rewrite::Again),
            _ => None,
        })
    }

    /// Whether nothing in the type is left to be found out.
    pub(super) fn is_settled(&self, ty: &Ty) -> bool {
        !contains(&self.resolve(ty), &|ty| matches!(ty, Ty::Infer(_)))
    }

    fn occurs(&self, id: u32, ty: &Ty) -> bool {
        contains(&self.resolve(ty), &|ty| *ty == Ty::Infer(id))
    }
}

/// What a part of a type becomes.
enum Rewrite {
    /// This, which is looked through in turn.
    Again(Ty),
    /// This.
    Done(Ty),
}

/// Replaces parts of a type.
fn rewrite(ty: &Ty, budget: &mut usize, replace: &impl Fn(&Ty) -> Option<Rewrite>) -> Ty {
    if *budget == 0 {
        return Ty::Unknown;
    }
    *budget -= 1;
    match replace(ty) {
        Some(Rewrite::Again(ty)) => return rewrite(&ty, budget, replace),
        Some(Rewrite::Done(ty)) => {
            // What is put in counts, however much of it is shared.
            *budget -= weight(&ty, *budget);
            return if *budget == 0 { Ty::Unknown } else { ty };
        }
        None => {}
    }
    let mut list = |types: &Arc<[Ty]>| -> Arc<[Ty]> {
        match types.is_empty() {
            true => types.clone(),
            false => types.iter().map(|ty| rewrite(ty, budget, replace)).collect(),
        }
    };
    match ty {
        Ty::Composite(id, args) => Ty::Composite(*id, list(args)),
        Ty::Extern(id, args) => Ty::Extern(*id, list(args)),
        Ty::Block(id, args) => Ty::Block(*id, list(args)),
        Ty::Package(id, args) => Ty::Package(*id, list(args)),
        Ty::Tuple(elements) => Ty::Tuple(list(elements)),
        Ty::AnonymousStruct(fields) => Ty::AnonymousStruct(
            fields.iter().map(|(name, ty)| (name.clone(), rewrite(ty, budget, replace))).collect(),
        ),
        Ty::Stack(element, size) => Ty::Stack(Arc::new(rewrite(element, budget, replace)), *size),
        Ty::List(element) => Ty::List(Arc::new(rewrite(element, budget, replace))),
        Ty::Set(element) => Ty::Set(Arc::new(rewrite(element, budget, replace))),
        Ty::Unknown
        | Ty::Void
        | Ty::Bool
        | Ty::String
        | Ty::Error
        | Ty::MatchKind
        | Ty::InfInt
        | Ty::Bit(_)
        | Ty::Int(_)
        | Ty::Varbit(_)
        | Ty::Enum(_)
        | Ty::InvalidHeader
        | Ty::Dots
        | Ty::New(_)
        | Ty::Parser(_)
        | Ty::Control(_)
        | Ty::Param(_)
        | Ty::Infer(_)
        | Ty::ApplyResult(_)
        | Ty::Callable => ty.clone(),
    }
}

/// The type with type arguments in place of type parameters.
pub(super) fn substitute(ty: &Ty, params: &[TypeParamId], args: &[Ty]) -> Ty {
    if params.is_empty() {
        return ty.clone();
    }
    let mut budget = SUBSTITUTION_MAX;
    rewrite(ty, &mut budget, &|leaf| match leaf {
        Ty::Param(id) => {
            let position = params.iter().position(|param| param == id)?;
            Some(Rewrite::Done(args.get(position).cloned().unwrap_or(Ty::Unknown)))
        }
        _ => None,
    })
}

/// Unknowns in place of what is not known of a type that the program writes with `_`.
pub(super) fn refresh(ty: &Ty, inference: &mut Inference) -> Ty {
    let fresh = std::cell::RefCell::new(inference);
    let mut budget = SUBSTITUTION_MAX;
    rewrite(ty, &mut budget, &|leaf| match leaf {
        Ty::Unknown => Some(Rewrite::Done(fresh.borrow_mut().fresh())),
        _ => None,
    })
}

/// [`Ty::Unknown`] in place of what was not found out.
pub(super) fn give_up(ty: &Ty) -> Ty {
    let mut budget = SUBSTITUTION_MAX;
    rewrite(ty, &mut budget, &|leaf| match leaf {
        Ty::Infer(_) => Some(Rewrite::Done(Ty::Unknown)),
        _ => None,
    })
}

/// Whether a type or a part of it satisfies `test`.
pub(super) fn contains(ty: &Ty, test: &impl Fn(&Ty) -> bool) -> bool {
    test(ty)
        || match ty {
            Ty::Composite(_, types)
            | Ty::Extern(_, types)
            | Ty::Block(_, types)
            | Ty::Package(_, types)
            | Ty::Tuple(types) => types.iter().any(|ty| contains(ty, test)),
            Ty::AnonymousStruct(fields) => fields.iter().any(|(_, ty)| contains(ty, test)),
            Ty::Stack(ty, _) | Ty::List(ty) | Ty::Set(ty) => contains(ty, test),
            _ => false,
        }
}

/// How many parts a type has, at most `limit`.
pub(crate) fn weight(ty: &Ty, limit: usize) -> usize {
    if limit == 0 {
        return 0;
    }
    let sum = |types: &mut dyn Iterator<Item = &Ty>| {
        let mut total = 1;
        for ty in types {
            total += weight(ty, limit - total);
            if total >= limit {
                break;
            }
        }
        total
    };
    match ty {
        Ty::Composite(_, types)
        | Ty::Extern(_, types)
        | Ty::Block(_, types)
        | Ty::Package(_, types)
        | Ty::Tuple(types) => sum(&mut types.iter()),
        Ty::AnonymousStruct(fields) => sum(&mut fields.iter().map(|(_, ty)| ty)),
        Ty::Stack(ty, _) | Ty::List(ty) | Ty::Set(ty) => 1 + weight(ty, limit - 1),
        _ => 1,
    }
}

/// Whether a type is what a literal suggests, so that a firmer one may take its place.
fn is_soft(ty: &Ty) -> bool {
    contains(ty, &|ty| matches!(ty, Ty::InfInt | Ty::Dots | Ty::InvalidHeader | Ty::AnonymousStruct(_)))
        || matches!(ty, Ty::Enum(_))
}

impl Checker<'_> {
    /// Whether a value of type `from` can be assigned to what has type `to`, implicit casts included.
    pub(super) fn is_assignable(&self, to: &Ty, from: &Ty) -> bool {
        to == from || self.unify(&mut Inference::default(), to, from, Fit::Assign)
    }

    /// Finds out unknowns such that `to` and `from` agree. False if there is no way.
    pub(super) fn unify(&self, inference: &mut Inference, to: &Ty, from: &Ty, fit: Fit) -> bool {
        let (to, from) = (inference.root(to), inference.root(from));
        match (&to, &from) {
            (Ty::Unknown, _) | (_, Ty::Unknown) => true,
            (Ty::Infer(a), Ty::Infer(b)) if a == b => true,
            (Ty::Infer(id), other) => self.unify_unknown(inference, *id, other, fit, false),
            (other, Ty::Infer(id)) => self.unify_unknown(inference, *id, other, fit, true),
            (Ty::Bit(_) | Ty::Int(_), Ty::InfInt) => fit == Fit::Assign,
            (Ty::New(id), Ty::InfInt) => {
                let underlying = &self.program.types.new_types[*id].underlying;
                fit == Fit::Assign && self.is_assignable(underlying, &from)
            }
            (Ty::Bit(_) | Ty::Int(_) | Ty::InfInt, Ty::Enum(_)) => match self.enum_underlying(&from) {
                Some(underlying) => fit == Fit::Assign && *underlying == to,
                None => false,
            },
            (Ty::Composite(a, to_args), Ty::Composite(b, from_args)) => {
                a == b && self.unify_all(inference, to_args, from_args, Fit::Exact)
            }
            (_, Ty::Dots) => fit == Fit::Assign,
            (Ty::Composite(..), Ty::InvalidHeader) => fit == Fit::Assign && self.is_header_like(&to),
            (Ty::Composite(id, _), Ty::AnonymousStruct(elements)) if is_list(elements) => {
                let composite = &self.program.types.composites[*id];
                if fit == Fit::Exact || composite.kind == CompositeKind::HeaderUnion {
                    return false;
                }
                let count = composite.fields.len();
                let Some(given) = given_count(elements, count) else { return false };
                (0..given).all(|i| {
                    let field = self.field_type(&to, i);
                    self.unify(inference, &field, &elements[i].1, Fit::Assign)
                })
            }
            (Ty::Composite(id, _), Ty::AnonymousStruct(fields)) => {
                let composite = &self.program.types.composites[*id];
                if fit == Fit::Exact || composite.kind == CompositeKind::HeaderUnion {
                    return false;
                }
                let has_dots = has_dots(fields);
                let named = fields.iter().filter(|(name, _)| &**name != DOTS_FIELD).count();
                if !has_dots && named != composite.fields.len() {
                    return false;
                }
                fields.iter().filter(|(name, _)| &**name != DOTS_FIELD).all(|(name, ty)| {
                    let Some(i) = composite.fields.named(name) else {
                        return false;
                    };
                    let field = self.field_type(&to, i);
                    self.unify(inference, &field, ty, Fit::Assign)
                })
            }
            (Ty::Tuple(to), Ty::Tuple(from)) => self.unify_all(inference, to, from, Fit::Exact),
            (Ty::Tuple(to), Ty::AnonymousStruct(from)) if is_list(from) => {
                let Some(given) = given_count(from, to.len()) else { return false };
                fit == Fit::Assign && (0..given).all(|i| self.unify(inference, &to[i], &from[i].1, fit))
            }
            (Ty::AnonymousStruct(a), Ty::AnonymousStruct(b)) => {
                a.len() == b.len()
                    && a.iter().zip(b.iter()).all(|((a_name, a), (b_name, b))| {
                        a_name == b_name && self.unify(inference, a, b, fit)
                    })
            }
            (Ty::Stack(a, a_size), Ty::Stack(b, b_size)) => {
                a_size == b_size && self.unify(inference, a, b, Fit::Exact)
            }
            (Ty::Stack(element, size), Ty::AnonymousStruct(elements)) if is_list(elements) => {
                if fit == Fit::Exact {
                    return false;
                }
                let Some(given) = given_count(elements, *size as usize) else { return false };
                (0..given).all(|i| self.unify(inference, element, &elements[i].1, fit))
            }
            (Ty::List(a), Ty::List(b)) => self.unify(inference, a, b, Fit::Exact),
            (Ty::List(element), Ty::AnonymousStruct(elements)) if is_list(elements) => {
                fit == Fit::Assign
                    && elements
                        .iter()
                        .all(|(_, from)| *from != Ty::Dots && self.unify(inference, element, from, fit))
            }
            (Ty::Set(a), Ty::Set(b)) => self.unify(inference, a, b, fit),
            (Ty::Extern(a, to_args), Ty::Extern(b, from_args)) => {
                a == b && self.unify_all(inference, to_args, from_args, Fit::Exact)
            }
            (Ty::Block(a, to_args), Ty::Block(b, from_args)) if a == b => {
                self.unify_all(inference, to_args, from_args, Fit::Exact)
            }
            (Ty::Block(..), Ty::Block(..) | Ty::Parser(_) | Ty::Control(_)) => {
                self.conforms(inference, &to, &from)
            }
            (Ty::Package(a, to_args), Ty::Package(b, from_args)) => {
                a == b && self.unify_all(inference, to_args, from_args, Fit::Exact)
            }
            _ => to == from,
        }
    }

    fn unify_all(&self, inference: &mut Inference, to: &[Ty], from: &[Ty], fit: Fit) -> bool {
        to.len() == from.len() && to.iter().zip(from).all(|(to, from)| self.unify(inference, to, from, fit))
    }

    /// Unifies an unknown with a type; `flipped` if the unknown stands on the side that is assigned from.
    fn unify_unknown(&self, inference: &mut Inference, id: u32, other: &Ty, fit: Fit, flipped: bool) -> bool {
        let Some(bound) = inference.binding(id).cloned() else {
            if inference.occurs(id, other) {
                return false;
            }
            inference.bind(id, other.clone());
            return true;
        };
        let agrees = match flipped {
            false => self.unify(inference, &bound, other, fit),
            true => self.unify(inference, other, &bound, fit),
        };
        if agrees {
            return true;
        }
        // The literal seen before was only a hint.
        let softer = is_soft(&bound) && !inference.occurs(id, other);
        if softer && self.unify(inference, other, &bound, Fit::Assign) {
            inference.bind(id, other.clone());
            return true;
        }
        false
    }

    /// Whether a parser or control can stand where one of this type is needed: parameter by parameter, directions
    /// and types have to agree (section on package types).
    fn conforms(&self, inference: &mut Inference, to: &Ty, from: &Ty) -> bool {
        let Some((to, from)) = self.block_signature(to).zip(self.block_signature(from)) else { return false };
        if to.0 != from.0 {
            return false;
        }
        let (wanted, given) = (&to.1, &from.1);
        for i in 0..wanted.params.len().max(given.params.len()) {
            match (wanted.params.get(i), given.params.get(i)) {
                (Some(a), Some(b)) => {
                    if a.direction != b.direction {
                        return false;
                    }
                    let a = substitute(&a.ty, &wanted.type_params, &to.2);
                    let b = substitute(&b.ty, &given.type_params, &from.2);
                    if !self.unify(inference, &a, &b, Fit::Exact) {
                        return false;
                    }
                }
                (Some(extra), None) | (None, Some(extra)) => {
                    if !extra.may_be_left_out() {
                        return false;
                    }
                }
                (None, None) => {}
            }
        }
        true
    }
}

/// The name of the field that `...` makes in the type of a struct in braces; no identifier.
pub(super) const DOTS_FIELD: &str = "...";

/// The type of `{a, b}` until its place decides what it is: fields without names.
pub(super) fn list_type<'t>(elements: impl Iterator<Item = &'t Ty>) -> Ty {
    Ty::AnonymousStruct(elements.map(|ty| (Arc::from(""), ty.clone())).collect())
}

/// Whether fields are those of a list in braces.
pub(super) fn is_list(fields: &[(Arc<str>, Ty)]) -> bool {
    fields.iter().all(|(name, _)| name.is_empty())
}

/// Tuples in place of lists in braces whose place says nothing.
pub(super) fn firm(ty: &Ty) -> Ty {
    let mut budget = SUBSTITUTION_MAX;
    rewrite(ty, &mut budget, &|leaf| match leaf {
        Ty::AnonymousStruct(fields) if is_list(fields) => {
            Some(Rewrite::Again(Ty::Tuple(fields.iter().map(|(_, ty)| ty.clone()).collect())))
        }
        _ => None,
    })
}

fn has_dots(fields: &[(Arc<str>, Ty)]) -> bool {
    fields.last().is_some_and(|(name, _)| &**name == DOTS_FIELD)
}

/// How many of `count` elements a list gives explicitly: all, or fewer and then `...`.
fn given_count(elements: &[(Arc<str>, Ty)], count: usize) -> Option<usize> {
    match elements.last() {
        Some((_, Ty::Dots)) if elements.len() - 1 <= count => Some(elements.len() - 1),
        _ if elements.len() == count => Some(count),
        _ => None,
    }
}
