//! From the tree as written to the checked program: names, types, constants and the rules of the language.
//!
//! One pass in the order of the source, as P4 wants declarations before uses; only the states of a parser are
//! collected ahead. Expressions are typed bottom-up and then converted to the type that their place needs, which is
//! where implicit casts, lists in braces and `...` get their meaning. Whatever is in error gets the type
//! [`Ty::Unknown`], which fits everywhere, so that one mistake is reported once.
//!
//! Invariants: no AST node is visited twice for its meaning; inference variables live as long as the call that made
//! them; recursion is bounded by the nesting the parser lets through.

mod annotations;
mod arguments;
mod blocks;
mod calls;
pub mod codes;
mod constants;
mod conversion;
mod declarations;
mod entries;
mod expressions;
mod functions;
mod inference;
mod instances;
mod keysets;
mod lvalues;
mod members;
mod methods;
mod operators;
mod parameters;
mod parsers;
mod properties;
mod sameness;
mod scopes;
mod signatures;
mod slices;
mod statements;
mod switches;
mod table_actions;
mod tables;
#[cfg(test)]
mod tests;
mod type_names;
mod types;

use std::sync::Arc;

use cranelift_entity::SecondaryMap;
use hashbrown::{HashMap, HashSet};

use crate::diag::{Code, Diagnostic, Diagnostics, codes as diag_codes};
use crate::hir::{
    ActionId, BlockTypeId, ControlId, Decl, Expr, ExprKind, ExternFunctionId, ExternId, FunctionId,
    InstanceId, LocalDecl, PackageId, ParserId, Program, Ty, VariableId,
};
use crate::source::Span;
use crate::syntax::ast::{self, Ident, SourceUnit};

pub(crate) use inference::weight;
use properties::Properties;
use scopes::{Entity, Scopes};
use signatures::Signature;
pub(crate) use types::WEIGHT_MAX;

/// Checks a program. What comes out may be used only if no error was reported.
pub fn check(unit: &SourceUnit, diags: &mut Diagnostics) -> Program {
    let mut checker = Checker::new(unit, diags);
    for decl in &unit.decls {
        checker.top_level(decl);
    }
    checker.program
}

/// Where in a program something stands, which decides what may be done there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Outside of everything.
    TopLevel,
    /// Among the declarations of a parser.
    ParserLocals,
    /// In a state.
    ParserState,
    /// Among the declarations of a control.
    ControlLocals,
    /// In an `apply` block.
    ControlApply,
    /// In an action.
    Action,
    /// In a function.
    Function,
    /// In the implementation of an abstract method.
    Method,
}

impl Place {
    /// For messages, with its preposition.
    fn name(self) -> &'static str {
        match self {
            Place::TopLevel => "at the top level",
            Place::ParserLocals => "in the declarations of a parser",
            Place::ParserState => "in a parser state",
            Place::ControlLocals => "in the declarations of a control",
            Place::ControlApply => "in an `apply` block",
            Place::Action => "in an action",
            Place::Function => "in a function",
            Place::Method => "in a method",
        }
    }

    fn in_parser(self) -> bool {
        matches!(self, Place::ParserLocals | Place::ParserState)
    }
}

/// What surrounds the code that is being checked.
#[derive(Clone, Debug)]
struct Surroundings {
    place: Place,
    /// What the function around returns.
    ret: Option<Ty>,
    /// How many loops are around.
    loop_depth: u32,
    /// The control around.
    control: Option<ControlId>,
    /// The parser around.
    parser: Option<ParserId>,
    /// The instance whose methods are being implemented.
    this: Option<InstanceId>,
    /// Inside the arguments of an action of a table, where no table may be applied.
    in_action_arguments: bool,
    /// Where constructors may be called.
    in_constructor_arguments: bool,
}

impl Surroundings {
    fn at(place: Place) -> Surroundings {
        Surroundings {
            place,
            ret: None,
            loop_depth: 0,
            control: None,
            parser: None,
            this: None,
            in_action_arguments: false,
            in_constructor_arguments: false,
        }
    }
}

/// A parser's or control's parameters.
#[derive(Clone, Debug)]
struct BlockSignatures {
    apply: Arc<Signature>,
    constructor: Arc<Signature>,
}

/// An extern's constructors and methods, in the order of the checked program.
#[derive(Clone, Debug, Default)]
struct ExternSignatures {
    constructors: Vec<Arc<Signature>>,
    methods: Vec<Arc<Signature>>,
}

struct Checker<'a> {
    diags: &'a mut Diagnostics,
    program: Program,
    scopes: Scopes,
    /// Names that the top level declares anywhere, for better messages about their use before that.
    declared_at: HashMap<Arc<str>, Span>,
    /// Built-in files that were asked for.
    missing_includes: Vec<&'static str>,
    around: Surroundings,
    /// Names of warnings that annotations around silence.
    silenced: Vec<Arc<str>>,
    /// Declarations inside the parser or control around, as they come.
    locals: Vec<LocalDecl>,
    functions: SecondaryMap<FunctionId, Option<Arc<Signature>>>,
    extern_functions: SecondaryMap<ExternFunctionId, Option<Arc<Signature>>>,
    actions: SecondaryMap<ActionId, Option<Arc<Signature>>>,
    externs: SecondaryMap<ExternId, ExternSignatures>,
    parsers: SecondaryMap<ParserId, Option<BlockSignatures>>,
    controls: SecondaryMap<ControlId, Option<BlockSignatures>>,
    block_types: SecondaryMap<BlockTypeId, Option<Arc<Signature>>>,
    packages: SecondaryMap<PackageId, Option<Arc<Signature>>>,
    properties: HashMap<Ty, Properties>,
    /// Messages of `@deprecated`, by the span of the declaration's name.
    deprecated: HashMap<Span, Arc<str>>,
    /// Parameters of actions that have no direction: known to whoever sets them, not to the compiler.
    action_data: HashSet<VariableId>,
    /// Whether the expression is looked at for its type alone.
    unevaluated: bool,
    /// Control-plane names that actions and tables have, with the declarations.
    control_names: HashMap<(&'static str, String), Span>,
    /// How deeply expressions and types nest around.
    depth: u32,
}

/// How deeply expressions and types may nest. The parser lets through less, but for chains of postfix operators.
const DEPTH_MAX: u32 = 400;

impl<'a> Checker<'a> {
    fn new(unit: &SourceUnit, diags: &'a mut Diagnostics) -> Checker<'a> {
        let mut declared_at = HashMap::new();
        for decl in &unit.decls {
            if let Some(name) = declarations::name_of(decl) {
                declared_at.entry(name.name.clone()).or_insert(name.span);
            }
        }
        Checker {
            diags,
            program: Program { end: unit.end, ..Program::default() },
            scopes: Scopes::default(),
            declared_at,
            missing_includes: Vec::new(),
            around: Surroundings::at(Place::TopLevel),
            silenced: Vec::new(),
            locals: Vec::new(),
            functions: SecondaryMap::new(),
            extern_functions: SecondaryMap::new(),
            actions: SecondaryMap::new(),
            externs: SecondaryMap::new(),
            parsers: SecondaryMap::new(),
            controls: SecondaryMap::new(),
            block_types: SecondaryMap::new(),
            packages: SecondaryMap::new(),
            properties: HashMap::new(),
            deprecated: HashMap::new(),
            action_data: HashSet::new(),
            unevaluated: false,
            control_names: HashMap::new(),
            depth: 0,
        }
    }

    /// Takes a finding, unless it is a warning that an annotation around silences.
    fn emit(&mut self, diagnostic: Diagnostic) {
        if diagnostic.severity == crate::diag::Severity::Warning && !self.silenced.is_empty() {
            let name = diag_codes::find(diagnostic.code.0).map_or("", |info| info.name);
            if self.silenced.iter().any(|silenced| silenced.replace('_', "-") == name) {
                return;
            }
        }
        self.diags.emit(diagnostic);
    }

    /// Reports an error that needs no more than its message.
    fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.emit(Diagnostic::error(code, span, message));
    }

    /// An expression in error.
    fn broken(&self, span: Span) -> Expr {
        Expr { kind: ExprKind::Bool(false), ty: Ty::Unknown, span }
    }

    /// Runs `body` with other surroundings, and restores them.
    fn within<R>(&mut self, around: Surroundings, body: impl FnOnce(&mut Self) -> R) -> R {
        let saved = std::mem::replace(&mut self.around, around);
        let result = body(self);
        self.around = saved;
        result
    }

    /// Runs `body` in a scope of its own.
    fn scoped<R>(&mut self, body: impl FnOnce(&mut Self) -> R) -> R {
        self.scopes.enter();
        let result = body(self);
        self.scopes.leave();
        result
    }

    /// Runs `body` one level deeper; [`None`] and an error if that is too deep.
    fn deeper<R>(&mut self, span: Span, body: impl FnOnce(&mut Self) -> R) -> Option<R> {
        if self.depth >= DEPTH_MAX {
            self.error(diag_codes::NESTED_TOO_DEEPLY, span, "this is nested too deeply");
            return None;
        }
        self.depth += 1;
        let result = body(self);
        self.depth -= 1;
        Some(result)
    }

    /// Gives a name a meaning in the innermost scope, and reports it if it has one there already.
    fn declare(&mut self, name: &Ident, entity: Entity) {
        self.declare_as(name, entity, false);
    }

    fn declare_as(&mut self, name: &Ident, entity: Entity, is_parameter: bool) {
        if let Some(previous) = self.scopes.find_here(&name.name) {
            if matches!(previous.entity, Entity::Open(_)) && previous.span == name.span {
                self.scopes.bind(&name.name, entity, name.span, is_parameter);
                return;
            }
            let (span, kind) = (previous.span, previous.entity.kind());
            self.duplicate(name, span, kind);
            return;
        }
        if let Some(previous) = self.scopes.find(&name.name) {
            let (span, hides_parameter) = (previous.span, previous.is_parameter && !is_parameter);
            let in_body = !matches!(self.around.place, Place::ControlLocals | Place::ParserLocals);
            if hides_parameter && !in_body {
                self.emit(
                    Diagnostic::warning(
                        codes::SHADOWED_NAME,
                        name.span,
                        format!("`{}` hides the parameter of the same name", name.name),
                    )
                    .label(span, "the parameter"),
                );
            } else if hides_parameter {
                self.emit(
                    Diagnostic::error(
                        codes::DUPLICATE_NAME,
                        name.span,
                        format!("`{}` hides the parameter of the same name", name.name),
                    )
                    .label(span, "the parameter")
                    .help("give it another name"),
                );
            }
        }
        self.scopes.bind(&name.name, entity, name.span, is_parameter);
    }

    fn duplicate(&mut self, name: &Ident, previous: Span, kind: &str) {
        self.emit(
            Diagnostic::error(
                codes::DUPLICATE_NAME,
                name.span,
                format!("`{}` is declared more than once in this scope", name.name),
            )
            .primary_label("declared again")
            .label(previous, format!("first declared here, as {kind}"))
            .help("give one of them another name"),
        );
    }

    /// What a name stands for. An unknown name is reported.
    fn lookup(&mut self, name: &Ident, dotted: bool) -> Option<(Entity, Span)> {
        let found =
            if dotted { self.scopes.find_top(&name.name) } else { self.scopes.find_declared(&name.name) };
        match found {
            Some(binding) => {
                let found = (binding.entity.clone(), binding.span);
                // Of functions that share a name, the one that is called counts.
                if !matches!(found.0, Entity::Functions(_))
                    && let Some(message) = self.deprecated.get(&found.1).cloned()
                {
                    self.warn_deprecated(name, found.1, &message);
                }
                Some(found)
            }
            None => {
                self.unknown_name(name);
                None
            }
        }
    }

    /// Notes where a control declares its own names, as [`Checker::declared_at`] does for the top level; gives what was
    /// known of them.
    fn note_locals(&mut self, locals: &[ast::Decl]) -> Vec<(Arc<str>, Option<Span>)> {
        let names = locals.iter().filter_map(declarations::name_of);
        names.map(|name| (name.name.clone(), self.declared_at.insert(name.name.clone(), name.span))).collect()
    }

    fn forget_locals(&mut self, outer: Vec<(Arc<str>, Option<Span>)>) {
        for (name, before) in outer.into_iter().rev() {
            match before {
                Some(span) => self.declared_at.insert(name, span),
                None => self.declared_at.remove(&name),
            };
        }
    }

    fn unknown_name(&mut self, name: &Ident) {
        if let Some(&span) = self.declared_at.get(&name.name)
            && span.start > name.span.start
        {
            self.emit(
                Diagnostic::error(
                    codes::USED_BEFORE_DECLARATION,
                    name.span,
                    format!("`{}` is used before it is declared", name.name),
                )
                .label(span, "declared here")
                .help("move the declaration up: P4 wants declarations before uses"),
            );
            return;
        }
        let mut diagnostic =
            Diagnostic::error(codes::UNKNOWN_NAME, name.span, format!("`{}` is not declared", name.name));
        if let Some(file) = declared_in(&name.name) {
            // One `#include` is missing, however many of its names are used.
            if !self.missing_includes.contains(&file) {
                self.missing_includes.push(file);
                self.emit(diagnostic.help(format!("it is declared in `{file}`: add `#include <{file}>`")));
            }
            return;
        }
        if let Some(ours) = written_in_c(&name.name) {
            diagnostic = diagnostic.suggest(format!("in P4 this is `{ours}`"), name.span, ours);
        } else if self.diags.error_count() < 50
            && let Some(like) = self.scopes.most_like(&name.name)
        {
            diagnostic = diagnostic.suggest(format!("did you mean `{like}`?"), name.span, &*like);
        }
        self.emit(diagnostic);
    }

    fn warn_deprecated(&mut self, name: &Ident, declared: Span, message: &str) {
        self.emit(
            Diagnostic::warning(
                codes::DEPRECATED,
                name.span,
                format!("`{}` is deprecated: {message}", name.name),
            )
            .label(declared, "declared here"),
        );
    }

    /// Name, place and annotations of a declaration.
    fn decl(&mut self, name: &Ident, annotations: &[ast::Annotation]) -> Decl {
        Decl { name: name.name.clone(), span: name.span, annotations: self.annotations(annotations) }
    }
}

/// What a type of C and its like is in P4.
fn written_in_c(name: &str) -> Option<String> {
    let fixed = match name {
        "boolean" | "_Bool" => Some("bool"),
        "char" | "uchar" | "byte" => Some("bit<8>"),
        "short" => Some("int<16>"),
        "ushort" => Some("bit<16>"),
        "unsigned" | "uint" => Some("bit<32>"),
        "long" => Some("int<64>"),
        "ulong" | "size_t" => Some("bit<64>"),
        _ => None,
    };
    if let Some(fixed) = fixed {
        return Some(fixed.to_owned());
    }
    let name = name.strip_suffix("_t").unwrap_or(name);
    let (kind, width) = name.split_at(name.find(|c: char| c.is_ascii_digit())?);
    let kind = match kind {
        "u" | "uint" => "bit",
        "i" | "s" | "int" => "int",
        _ => return None,
    };
    matches!(width, "8" | "16" | "32" | "64" | "128").then(|| format!("{kind}<{width}>"))
}

/// The built-in file that declares a name.
fn declared_in(name: &str) -> Option<&'static str> {
    match name {
        name if CORE_NAMES.contains(&name) => Some("core.p4"),
        name if V1MODEL_NAMES.contains(&name) => Some("v1model.p4"),
        _ => None,
    }
}

/// Names that `v1model.p4` declares and programs for it cannot do without, or hardly.
const V1MODEL_NAMES: [&str; 12] = [
    "standard_metadata_t",
    "V1Switch",
    "mark_to_drop",
    "HashAlgorithm",
    "CounterType",
    "MeterType",
    "CloneType",
    "update_checksum",
    "verify_checksum",
    "direct_counter",
    "direct_meter",
    "register",
];

/// Names that `core.p4` declares.
const CORE_NAMES: [&str; 9] =
    ["packet_in", "packet_out", "NoAction", "verify", "exact", "ternary", "lpm", "static_assert", "NoError"];
