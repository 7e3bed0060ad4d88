//! Annotations that lowering understands, and the names that the control plane knows things by.
//!
//! Invariant: a control-plane name is made of the names of what it is declared in, outermost first, joined by dots,
//! unless `@name` says otherwise for the last part, or, with a leading dot, for all of it.

use num_bigint::BigInt;

use crate::hir::{Annotation, AnnotationBody, Decl, ExprKind};
use crate::syntax::ast::AnnotationTokenKind;

/// The annotation of that name.
pub(crate) fn annotation<'a>(annotations: &'a [Annotation], name: &str) -> Option<&'a Annotation> {
    annotations.iter().find(|a| &*a.name == name)
}

/// The first string that an annotation holds.
pub(crate) fn annotation_string(annotation: &Annotation) -> Option<String> {
    match &annotation.body {
        AnnotationBody::Unstructured(tokens) => {
            tokens.iter().find(|t| t.kind == AnnotationTokenKind::String).map(|t| t.text.to_string())
        }
        AnnotationBody::Expressions(exprs) => exprs.iter().find_map(|e| match &e.kind {
            ExprKind::String(text) => Some(text.to_string()),
            _ => None,
        }),
        AnnotationBody::Empty | AnnotationBody::Pairs(_) => None,
    }
}

/// All integers that an annotation holds.
pub(crate) fn annotation_ints(annotation: &Annotation) -> Vec<BigInt> {
    match &annotation.body {
        AnnotationBody::Unstructured(tokens) => tokens
            .iter()
            .filter_map(|t| match &t.kind {
                AnnotationTokenKind::Integer(int) => Some(int.clone()),
                AnnotationTokenKind::String
                | AnnotationTokenKind::Word
                | AnnotationTokenKind::Punctuation => None,
            })
            .collect(),
        AnnotationBody::Expressions(exprs) => exprs
            .iter()
            .filter_map(|e| match &e.kind {
                ExprKind::Int(int) => Some(int.clone()),
                _ => None,
            })
            .collect(),
        AnnotationBody::Empty | AnnotationBody::Pairs(_) => Vec::new(),
    }
}

/// The name of a declaration below `prefix`.
pub(crate) fn qualified(prefix: &str, decl: &Decl) -> String {
    let given = annotation(&decl.annotations, "name").and_then(annotation_string);
    let own = given.as_deref().unwrap_or(&decl.name);
    match own.strip_prefix('.') {
        Some(absolute) => absolute.to_owned(),
        None if prefix.is_empty() => own.to_owned(),
        None => format!("{prefix}.{own}"),
    }
}

/// Whether `@hidden` keeps a declaration from the control plane.
pub(crate) fn is_hidden(annotations: &[Annotation]) -> bool {
    annotation(annotations, "hidden").is_some()
}
