//! Whether two expressions are written alike, spacing and parentheses aside.

use crate::syntax::ast::{Argument, Expr, ExprKind, TypeKind, TypeRef};

/// Whether two expressions are written alike.
pub(super) fn same_expr(a: &Expr, b: &Expr) -> bool {
    match (&a.kind, &b.kind) {
        (ExprKind::Paren(a), _) => same_expr(a, b),
        (_, ExprKind::Paren(b)) => same_expr(a, b),
        (ExprKind::Int { value: a, width: v, .. }, ExprKind::Int { value: b, width: w, .. }) => {
            a == b && v == w
        }
        (ExprKind::String(a), ExprKind::String(b)) => a == b,
        (ExprKind::Bool(a), ExprKind::Bool(b)) => a == b,
        (ExprKind::This, ExprKind::This)
        | (ExprKind::Dots, ExprKind::Dots)
        | (ExprKind::InvalidHeader, ExprKind::InvalidHeader)
        | (ExprKind::DontCare, ExprKind::DontCare) => true,
        (ExprKind::Name { dotted: x, name: a }, ExprKind::Name { dotted: y, name: b }) => {
            x == y && a.name == b.name
        }
        (ExprKind::Type(a), ExprKind::Type(b)) => same_type(a, b),
        (ExprKind::Index(a, i), ExprKind::Index(b, j))
        | (ExprKind::Mask(a, i), ExprKind::Mask(b, j))
        | (ExprKind::Range(a, i), ExprKind::Range(b, j)) => same_expr(a, b) && same_expr(i, j),
        (ExprKind::Slice(a, h, l), ExprKind::Slice(b, i, m))
        | (ExprKind::PlusSlice(a, h, l), ExprKind::PlusSlice(b, i, m))
        | (ExprKind::Conditional(a, h, l), ExprKind::Conditional(b, i, m)) => {
            same_expr(a, b) && same_expr(h, i) && same_expr(l, m)
        }
        (ExprKind::List(a), ExprKind::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_expr(a, b))
        }
        (ExprKind::Struct { fields: a, dots: x }, ExprKind::Struct { fields: b, dots: y }) => {
            x == y
                && a.len() == b.len()
                && a.iter().all(|(n, a)| b.iter().any(|(m, b)| n.name == m.name && same_expr(a, b)))
        }
        (ExprKind::Unary(x, a), ExprKind::Unary(y, b)) => x == y && same_expr(a, b),
        (ExprKind::Binary(x, a, c), ExprKind::Binary(y, b, d)) => {
            x == y && same_expr(a, b) && same_expr(c, d)
        }
        (ExprKind::Member(a, n), ExprKind::Member(b, m)) => n.name == m.name && same_expr(a, b),
        (ExprKind::Cast(s, a), ExprKind::Cast(t, b)) => same_type(s, t) && same_expr(a, b),
        (
            ExprKind::Call { callee: a, type_args: s, args: x },
            ExprKind::Call { callee: b, type_args: t, args: y },
        ) => same_expr(a, b) && same_types(s, t) && x.len() == y.len() && x.iter().zip(y).all(same_argument),
        _ => false,
    }
}

fn same_argument((a, b): (&Argument, &Argument)) -> bool {
    let names = match (&a.name, &b.name) {
        (None, None) => true,
        (Some(a), Some(b)) => a.name == b.name,
        _ => false,
    };
    names
        && match (&a.value, &b.value) {
            (None, None) => true,
            (Some(a), Some(b)) => same_expr(a, b),
            _ => false,
        }
}

fn same_types(a: &[TypeRef], b: &[TypeRef]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_type(a, b))
}

fn same_type(a: &TypeRef, b: &TypeRef) -> bool {
    match (&a.kind, &b.kind) {
        (TypeKind::Bool, TypeKind::Bool)
        | (TypeKind::Error, TypeKind::Error)
        | (TypeKind::MatchKind, TypeKind::MatchKind)
        | (TypeKind::String, TypeKind::String)
        | (TypeKind::Void, TypeKind::Void)
        | (TypeKind::DontCare, TypeKind::DontCare)
        | (TypeKind::InfInt, TypeKind::InfInt)
        | (TypeKind::Bit(None), TypeKind::Bit(None)) => true,
        (TypeKind::Bit(Some(a)), TypeKind::Bit(Some(b)))
        | (TypeKind::Int(a), TypeKind::Int(b))
        | (TypeKind::Varbit(a), TypeKind::Varbit(b)) => same_expr(a, b),
        (
            TypeKind::Named { dotted: x, name: a, args: s },
            TypeKind::Named { dotted: y, name: b, args: t },
        ) => x == y && a.name == b.name && same_types(s, t),
        (TypeKind::Array(a, x), TypeKind::Array(b, y)) => same_type(a, b) && same_expr(x, y),
        (TypeKind::Tuple(a), TypeKind::Tuple(b)) => same_types(a, b),
        (TypeKind::List(a), TypeKind::List(b)) => same_type(a, b),
        _ => false,
    }
}
