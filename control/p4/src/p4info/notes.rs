//! Annotations as P4Info carries them.
//!
//! Invariant: `@name`, `@id`, `@brief` and `@description` are never among the annotations, since P4Info has fields for what
//! they say.

use num_traits::ToPrimitive;

use super::{AnnotationValue, Notes, StructuredAnnotation, StructuredBody};
use crate::hir::{Annotation, AnnotationBody, Expr, ExprKind};
use crate::lower::{annotation, annotation_ints, annotation_string};
use crate::syntax::ast::{AnnotationToken, AnnotationTokenKind};

/// Ids of fields: those that `@id` gives, else counted from 1 past what is given.
pub(super) fn field_ids<'a>(annotations: impl Iterator<Item = &'a [Annotation]>) -> Vec<u32> {
    let given: Vec<Option<u32>> = annotations
        .map(|a| annotation(a, "id").and_then(|a| annotation_ints(a).first().and_then(ToPrimitive::to_u32)))
        .collect();
    let mut assigned: Vec<u32> = given.iter().flatten().copied().collect();
    let mut next = 1u32;
    let mut ids = Vec::with_capacity(given.len());
    for id in given {
        match id {
            Some(id) => {
                ids.push(id);
                next = next.saturating_add(1);
            }
            None => {
                while assigned.contains(&next) {
                    next = next.saturating_add(1);
                }
                ids.push(next);
                assigned.push(next);
            }
        }
    }
    ids
}

/// Annotations but for those that P4Runtime has fields for, and the documentation.
pub(super) fn notes(annotations: &[Annotation], without: &[&str]) -> Notes {
    let mut notes = Notes::default();
    for annotation in annotations {
        let body = match &annotation.body {
            AnnotationBody::Empty => None,
            AnnotationBody::Unstructured(tokens) => Some(tokens),
            AnnotationBody::Expressions(values) => {
                let values: Vec<_> = values.iter().filter_map(annotation_value).collect();
                let body = if values.is_empty() {
                    StructuredBody::Empty
                } else {
                    StructuredBody::Expressions(values)
                };
                notes
                    .structured_annotations
                    .push(StructuredAnnotation { name: annotation.name.to_string(), body });
                continue;
            }
            AnnotationBody::Pairs(pairs) => {
                let pairs =
                    pairs.iter().filter_map(|(k, v)| Some((k.to_string(), annotation_value(v)?))).collect();
                notes.structured_annotations.push(StructuredAnnotation {
                    name: annotation.name.to_string(),
                    body: StructuredBody::Pairs(pairs),
                });
                continue;
            }
        };
        match &*annotation.name {
            "name" | "id" => {}
            "brief" => {
                notes.doc.get_or_insert_default().brief = annotation_string(annotation).unwrap_or_default();
            }
            "description" => {
                notes.doc.get_or_insert_default().description =
                    annotation_string(annotation).unwrap_or_default();
            }
            name if without.contains(&name) => {}
            name => {
                let mut text = format!("@{name}");
                if let Some(tokens) = body.filter(|t| !t.is_empty()) {
                    let words: Vec<String> = tokens.iter().map(token_text).collect();
                    text.push_str(&format!("({})", words.join(" ")));
                }
                notes.annotations.push(text);
            }
        }
    }
    notes
}

fn token_text(token: &AnnotationToken) -> String {
    match token.kind {
        AnnotationTokenKind::String => format!("\"{}\"", token.text),
        AnnotationTokenKind::Integer(_) | AnnotationTokenKind::Word | AnnotationTokenKind::Punctuation => {
            token.text.to_string()
        }
    }
}

fn annotation_value(expr: &Expr) -> Option<AnnotationValue> {
    match &expr.kind {
        ExprKind::String(text) => Some(AnnotationValue::StringValue(text.to_string())),
        ExprKind::Int(int) => int.to_i64().map(AnnotationValue::Int64Value),
        ExprKind::Bool(bool) => Some(AnnotationValue::BoolValue(*bool)),
        _ => None,
    }
}

/// `(key = "value", ...)`
pub(super) fn string_pairs(annotation: &Annotation) -> Vec<(String, String)> {
    match &annotation.body {
        AnnotationBody::Pairs(pairs) => pairs
            .iter()
            .filter_map(|(key, value)| match &value.kind {
                ExprKind::String(text) => Some((key.to_string(), text.to_string())),
                _ => None,
            })
            .collect(),
        AnnotationBody::Unstructured(tokens) => tokens
            .windows(3)
            .filter(|w| w[0].kind == AnnotationTokenKind::Word && &*w[1].text == "=")
            .filter(|w| w[2].kind == AnnotationTokenKind::String)
            .map(|w| (w[0].text.to_string(), w[2].text.to_string()))
            .collect(),
        AnnotationBody::Empty | AnnotationBody::Expressions(_) => Vec::new(),
    }
}

/// `(key = 1, ...)`
pub(super) fn int_pairs(annotation: &Annotation) -> Vec<(String, i32)> {
    match &annotation.body {
        AnnotationBody::Pairs(pairs) => pairs
            .iter()
            .filter_map(|(key, value)| match &value.kind {
                ExprKind::Int(int) => Some((key.to_string(), int.to_i32()?)),
                _ => None,
            })
            .collect(),
        AnnotationBody::Unstructured(tokens) => tokens
            .windows(3)
            .filter(|w| w[0].kind == AnnotationTokenKind::Word && &*w[1].text == "=")
            .filter_map(|w| match &w[2].kind {
                AnnotationTokenKind::Integer(int) => Some((w[0].text.to_string(), int.to_i32()?)),
                AnnotationTokenKind::String
                | AnnotationTokenKind::Word
                | AnnotationTokenKind::Punctuation => None,
            })
            .collect(),
        AnnotationBody::Empty | AnnotationBody::Expressions(_) => Vec::new(),
    }
}
