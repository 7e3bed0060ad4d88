//! Annotations: their form, the values of structured ones, and those that mean something here.

use std::sync::Arc;

use hashbrown::HashMap;

use super::Checker;
use super::codes::*;
use super::constants::{Literal, literal};
use crate::diag::Diagnostic;
use crate::hir::{Annotation, AnnotationBody, ExprKind, Ty};
use crate::source::Span;
use crate::syntax::ast::{self, AnnotationToken, AnnotationTokenKind};

/// Whether there is an annotation of this name.
pub(super) fn has(annotations: &[Annotation], name: &str) -> bool {
    annotations.iter().any(|annotation| &*annotation.name == name)
}

impl Checker<'_> {
    /// Annotations with their expressions evaluated.
    pub(super) fn annotations(&mut self, written: &[ast::Annotation]) -> Vec<Annotation> {
        if written.is_empty() {
            return Vec::new();
        }
        let mut seen: HashMap<&str, (bool, Span)> = HashMap::new();
        let mut checked = Vec::with_capacity(written.len());
        for annotation in written {
            let is_structured = matches!(
                annotation.body,
                ast::AnnotationBody::Expressions(_) | ast::AnnotationBody::Pairs(_)
            );
            if let Some((was_structured, previous)) =
                seen.insert(&annotation.name.name, (is_structured, annotation.span))
            {
                let message = match (is_structured, was_structured) {
                    (true, true) => Some("is given more than once on the same element"),
                    (false, false) => None,
                    _ => Some("is given both with brackets and without on the same element"),
                };
                if !is_structured && !was_structured && &*annotation.name.name == "name" {
                    let message = "a second `@name` of the same element is ignored";
                    self.emit(
                        Diagnostic::warning(SECOND_NAME, annotation.span, message)
                            .label(previous, "the control plane knows it by this one"),
                    );
                }
                if let Some(message) = message {
                    self.emit(
                        Diagnostic::error(
                            ANNOTATION,
                            annotation.span,
                            format!("the annotation `@{}` {message}", annotation.name.name),
                        )
                        .label(previous, "given here first"),
                    );
                }
            }
            let body = self.annotation_body(annotation);
            let annotation = Annotation { name: annotation.name.name.clone(), body, span: annotation.span };
            self.check_predefined(&annotation);
            checked.push(annotation);
        }
        checked
    }

    fn annotation_body(&mut self, annotation: &ast::Annotation) -> AnnotationBody {
        match &annotation.body {
            ast::AnnotationBody::Empty => AnnotationBody::Empty,
            ast::AnnotationBody::Unstructured(tokens) if &*annotation.name.name == "field_list" => {
                AnnotationBody::Unstructured(self.field_lists(tokens))
            }
            ast::AnnotationBody::Unstructured(tokens) => AnnotationBody::Unstructured(tokens.clone()),
            ast::AnnotationBody::Expressions(values) => {
                AnnotationBody::Expressions(values.iter().map(|value| self.annotation_value(value)).collect())
            }
            ast::AnnotationBody::Pairs(pairs) => {
                let mut seen: HashMap<&str, Span> = HashMap::new();
                let mut checked = Vec::new();
                for (key, value) in pairs {
                    let value = self.annotation_value(value);
                    if let Some(previous) = seen.insert(&key.name, key.span) {
                        self.emit(
                            Diagnostic::error(
                                ANNOTATION,
                                key.span,
                                format!("the key `{}` is given more than once", key.name),
                            )
                            .label(previous, "given here first"),
                        );
                        continue;
                    }
                    checked.push((key.name.clone(), value));
                }
                AnnotationBody::Pairs(checked)
            }
        }
    }

    /// The body of v1model's `@field_list(...)`, with its constants and members of enumerations as the numbers they are.
    fn field_lists(&mut self, tokens: &[AnnotationToken]) -> Vec<AnnotationToken> {
        let mut evaluated = Vec::with_capacity(tokens.len());
        for item in tokens.split_inclusive(|token| &*token.text == ",") {
            let (path, comma) = match item.split_last() {
                Some((comma, path)) if &*comma.text == "," => (path, Some(comma)),
                _ => (item, None),
            };
            match self.constant_path(path) {
                Some(value) => evaluated.push(value),
                None => evaluated.extend_from_slice(path),
            }
            evaluated.extend(comma.cloned());
        }
        evaluated
    }

    /// The number that `name` or `name.member` stands for; none if the tokens have another form.
    fn constant_path(&mut self, tokens: &[AnnotationToken]) -> Option<AnnotationToken> {
        let (first, members) = tokens.split_first()?;
        let ident = |token: &AnnotationToken| ast::Ident { name: token.text.clone(), span: token.span };
        if first.kind != AnnotationTokenKind::Word {
            return None;
        }
        let name = ast::ExprKind::Name { dotted: false, name: ident(first) };
        let mut path = ast::Expr { kind: name, span: first.span };
        for pair in members.chunks(2) {
            let [dot, member] = pair else { return None };
            if &*dot.text != "." || member.kind != AnnotationTokenKind::Word {
                return None;
            }
            let span = first.span.to(member.span);
            path = ast::Expr { kind: ast::ExprKind::Member(Box::new(path), ident(member)), span };
        }
        let value = self.local_constant(&path, "the number of a field list")?;
        let text = value.to_string().into();
        Some(AnnotationToken { text, kind: AnnotationTokenKind::Integer(value), span: path.span })
    }

    /// A value in a structured annotation: a constant string, `int` or `bool`.
    fn annotation_value(&mut self, written: &ast::Expr) -> crate::hir::Expr {
        let value = self.value(written);
        let fits = matches!(literal(&value), Some(Literal::Bool(_) | Literal::Int(_) | Literal::String(_)))
            && matches!(value.ty, Ty::Bool | Ty::String | Ty::InfInt | Ty::Bit(_) | Ty::Int(_));
        if !fits && value.ty != Ty::Unknown {
            let shown = self.show(&value.ty);
            self.error(
                ANNOTATION,
                value.span,
                format!("structured annotations contain constant strings, integers and booleans, and this is `{shown}`"),
            );
            return self.broken(value.span);
        }
        value
    }

    /// Checks the form of the annotations that the specification defines.
    fn check_predefined(&mut self, annotation: &Annotation) {
        match &*annotation.name {
            "hidden" | "optional" | "tableonly" | "defaultonly" | "pure" | "noSideEffects" | "atomic"
            | "likely" | "unlikely" => {
                let is_empty = match &annotation.body {
                    AnnotationBody::Empty => true,
                    AnnotationBody::Unstructured(tokens) => tokens.is_empty(),
                    AnnotationBody::Expressions(values) => values.is_empty(),
                    AnnotationBody::Pairs(_) => false,
                };
                if !is_empty {
                    self.error(
                        ANNOTATION,
                        annotation.span,
                        format!("the annotation `@{}` has no body", annotation.name),
                    );
                }
            }
            "name" | "deprecated" | "noWarn"
                if single_string(annotation).is_none() && !is_broken(annotation) =>
            {
                self.emit(
                    Diagnostic::error(
                        ANNOTATION,
                        annotation.span,
                        format!("the annotation `@{}` takes one string", annotation.name),
                    )
                    .help(format!("write `@{}(\"...\")`", annotation.name)),
                );
            }
            "pkginfo" if matches!(annotation.body, AnnotationBody::Empty) => {
                self.error(
                    ANNOTATION,
                    annotation.span,
                    "the annotation `@pkginfo` consists of keys and values",
                );
            }
            "match" => {
                let is_match_kind = match &annotation.body {
                    AnnotationBody::Unstructured(tokens) => match tokens.as_slice() {
                        [token] => self.program.match_kinds.contains(&token.text),
                        _ => false,
                    },
                    _ => true,
                };
                if !is_match_kind {
                    self.error(
                        ANNOTATION,
                        annotation.span,
                        "the annotation `@match` takes the name of a match kind",
                    );
                }
            }
            "p4runtime_translation" => {
                // P4Runtime, section on the translation of user-defined types: a URI, and what the controller uses.
                let is_well_formed = match &annotation.body {
                    AnnotationBody::Unstructured(tokens) => match tokens.as_slice() {
                        [uri, comma, rest @ ..]
                            if uri.kind == AnnotationTokenKind::String && &*comma.text == "," =>
                        {
                            let is_int =
                                |t: &AnnotationToken| matches!(t.kind, AnnotationTokenKind::Integer(_));
                            match rest {
                                [one] => is_int(one) || &*one.text == "string",
                                [bit, open, width, close] => {
                                    &*bit.text == "bit"
                                        && &*open.text == "<"
                                        && is_int(width)
                                        && &*close.text == ">"
                                }
                                _ => false,
                            }
                        }
                        _ => false,
                    },
                    AnnotationBody::Expressions(_) => true,
                    AnnotationBody::Empty | AnnotationBody::Pairs(_) => false,
                };
                if !is_well_formed {
                    self.emit(
                        Diagnostic::error(
                            ANNOTATION,
                            annotation.span,
                            "the annotation `@p4runtime_translation` takes a URI and the type that controllers use",
                        )
                        .help("write `@p4runtime_translation(\"URI\", bit<32>)` or `@p4runtime_translation(\"URI\", string)`"),
                    );
                }
            }
            _ => {}
        }
    }

    /// Remembers what `@deprecated` says of a declaration.
    pub(super) fn note_deprecated(&mut self, decl: &crate::hir::Decl) {
        if let Some(message) = decl
            .annotations
            .iter()
            .find(|annotation| &*annotation.name == "deprecated")
            .and_then(single_string)
        {
            self.deprecated.insert(decl.span, message);
        }
    }

    /// Reports two declarations of a kind that the control plane would know by one name (section on control-plane
    /// API annotations). Instances of one declaration are not looked at.
    pub(super) fn note_control_name(&mut self, kind: &'static str, decl: &crate::hir::Decl) {
        // `NoAction` is what it is, however often it is declared.
        if has(&decl.annotations, "hidden") || name_is_no_action(decl) {
            return;
        }
        let annotation = decl.annotations.iter().find(|annotation| &*annotation.name == "name");
        let local = annotation.and_then(single_string).unwrap_or_else(|| decl.name.clone());
        let name = match (local.strip_prefix('.'), self.around.control) {
            (Some(absolute), _) => absolute.to_owned(),
            (None, Some(control)) => format!("{}.{local}", self.program.controls[control].decl.name),
            (None, None) => local.to_string(),
        };
        let span = annotation.map_or(decl.span, |annotation| annotation.span);
        if let Some(&previous) = self.control_names.get(&(kind, name.clone())) {
            self.emit(
                Diagnostic::error(
                    ANNOTATION,
                    span,
                    format!("the control plane would know two {kind}s as `{name}`"),
                )
                .label(decl.span, "this one")
                .label(previous, "and this one")
                .help("give one of them another `@name`"),
            );
            return;
        }
        self.control_names.insert((kind, name), decl.span);
    }

    /// Runs `body` with the warnings silenced that annotations name in `@noWarn`.
    pub(super) fn silencing<R>(
        &mut self,
        written: &[ast::Annotation],
        body: impl FnOnce(&mut Self) -> R,
    ) -> R {
        let before = self.silenced.len();
        for annotation in written.iter().filter(|annotation| &*annotation.name.name == "noWarn") {
            if let ast::AnnotationBody::Unstructured(tokens) = &annotation.body
                && let Some(token) = tokens.first()
            {
                self.silenced.push(token.text.clone());
            }
        }
        let result = body(self);
        self.silenced.truncate(before);
        result
    }
}

/// Whether an error in it has been reported.
fn is_broken(annotation: &Annotation) -> bool {
    matches!(
        &annotation.body,
        AnnotationBody::Expressions(values) if values.iter().any(|value| value.ty == Ty::Unknown)
    )
}

fn name_is_no_action(decl: &crate::hir::Decl) -> bool {
    let annotation = decl.annotations.iter().find(|annotation| &*annotation.name == "name");
    let name = annotation.and_then(single_string).unwrap_or_else(|| decl.name.clone());
    matches!(&*name, "NoAction" | ".NoAction")
}

/// The string that an annotation consists of. Adjacent strings joined by `++` count as one.
pub(super) fn single_string(annotation: &Annotation) -> Option<Arc<str>> {
    match &annotation.body {
        AnnotationBody::Unstructured(tokens) => {
            if let [token] = tokens.as_slice() {
                return (token.kind == AnnotationTokenKind::String).then(|| token.text.clone());
            }
            let mut text = String::new();
            for (i, token) in tokens.iter().enumerate() {
                match (i % 2, &token.kind) {
                    (0, AnnotationTokenKind::String) => text.push_str(&token.text),
                    (1, AnnotationTokenKind::Punctuation) if &*token.text == "++" && i + 1 < tokens.len() => {
                    }
                    _ => return None,
                }
            }
            (!tokens.is_empty()).then(|| text.into())
        }
        AnnotationBody::Expressions(values) => match values.as_slice() {
            [value] => match &value.kind {
                ExprKind::String(text) => Some(text.clone()),
                _ => None,
            },
            _ => None,
        },
        AnnotationBody::Empty | AnnotationBody::Pairs(_) => None,
    }
}
