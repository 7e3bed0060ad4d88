//! Lowering: from the checked program to the pipeline IR and the control plane's view of it.
//!
//! `main` says what there is. [`instance`] elaborates it into a tree of instances, [`crate::arch`] says which of
//! them run when, and everything reachable from there is lowered on demand: [`layout`] gives every variable its
//! static slots, [`expr`] and [`stmt`] make evaluation order explicit, [`call`] turns calls into bound parameters
//! or copies, [`parser`] and [`table`] lower what their names say. [`optimise`] finally removes what nobody reads.
//!
//! Invariant: no slot is ever live in two activations at once, since P4 has no recursion; a callable's slots belong
//! to the callable, whichever way its parameters are bound.
//!
//! What P4-16 leaves open is decided as the IR decides it: what is not initialised is zero or invalid. Loops that
//! have no bound of their own get [`LowerOptions::loop_bound`], parsers [`LowerOptions::parser_step_bound`].

mod binding;
mod call;
pub mod codes;
mod constant;
mod expr;
pub mod fold;
mod hazard;
mod instance;
mod layout;
mod mention;
mod names;
mod optimise;
mod origins;
mod parser;
mod place;
mod stale;
mod stmt;
mod table;
#[cfg(test)]
mod tests;
mod value;
pub(crate) mod walk;

use std::ops::Range;

use cranelift_entity::{PrimaryMap, entity_impl};
use hashbrown::{HashMap, HashSet};
use heddle_ir as ir;

pub(crate) use call::{Actual, ExternCall};
pub use codes::LOWER;
pub(crate) use constant::CValue;
pub(crate) use fold::{bits_of, konst};
pub use hazard::written_vars;
pub(crate) use instance::{ExternObject, InstKind};
pub(crate) use layout::{FieldTree, Location, Shape, substitute};
pub(crate) use names::{annotation, annotation_ints, annotation_string, qualified};
pub use optimise::without_origins as optimise;
pub use origins::Origins;
pub(crate) use table::Properties;
pub use table::updates_register;
pub(crate) use value::{HeaderValue, LValue, Value};

use crate::arch::Architecture;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::hir::{self, Annotation, Ty, TypeParamId, VariableId};
use crate::p4info::P4Info;
use crate::source::{SourceMap, Span};

/// How to lower.
#[derive(Clone, Debug)]
pub struct LowerOptions {
    /// What the program is called; usually the source file's stem.
    pub name: String,
    /// Rounds after which a loop without a bound of its own drops the packet.
    pub loop_bound: u32,
    /// State transitions after which a parser rejects with `ParserTimeout`.
    pub parser_step_bound: u32,
    /// Statements that a program may have once elaborated.
    pub statements_max: usize,
    /// Slots, headers and instances that a program may have once elaborated.
    pub slots_max: usize,
    /// Whether it is enough that a program without a pipeline of a known architecture is right as P4-16.
    pub language_only: bool,
    /// Whether the pipeline is simplified. Its meaning is the same either way.
    pub optimise: bool,
    /// Where source lines come from, for messages that the pipeline itself gives.
    pub source_map: SourceMap,
}

impl Default for LowerOptions {
    fn default() -> LowerOptions {
        LowerOptions {
            name: "main".to_owned(),
            loop_bound: 65536,
            parser_step_bound: 4096,
            statements_max: 1 << 20,
            slots_max: 1 << 18,
            language_only: false,
            optimise: true,
            source_map: SourceMap::default(),
        }
    }
}

/// A program ready to be verified, and the control plane's view of it.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// The pipeline.
    pub program: ir::Program,
    /// What the control plane may know.
    pub p4info: P4Info,
    /// Where its parts come from.
    pub origins: Origins,
}

/// Lowers a program that was checked without errors. None if an error was reported.
pub fn lower(program: &hir::Program, options: &LowerOptions, diags: &mut Diagnostics) -> Option<Lowered> {
    let errors = diags.error_count();
    let missing = |code, span, message| match options.language_only {
        true => {
            Diagnostic::warning(codes::LANGUAGE_ONLY, span, message).note("checked as P4-16, and no further")
        }
        false => Diagnostic::error(code, span, message),
    };
    let Some(main) = program.main else {
        diags.emit(missing(codes::NO_MAIN, program.end, "the program has no `main`"));
        return None;
    };
    let main_span = program.instances[main].decl.span;
    let Some(arch) = crate::arch::of(program, main) else {
        let message = "the architecture of this package is not known";
        diags.emit(
            missing(codes::UNKNOWN_ARCHITECTURE, main_span, message)
                .help(format!("known packages are: {}", crate::arch::packages().join(", "))),
        );
        return None;
    };
    let mut lowerer = Lowerer::new(program, options, diags, arch);
    lowerer.ir.name = options.name.clone();
    lowerer.ir.architecture = arch.name.to_owned();
    lowerer.number_errors();
    let built = lowerer.elaborate_main(main).and_then(|blocks| (arch.build)(&mut lowerer, &blocks));
    let p4info = lowerer.control_plane();
    lowerer.attribute(main_span);
    let Lowerer { mut ir, mut origins, .. } = lowerer;
    if built.is_err() || diags.error_count() > errors {
        return None;
    }
    if options.optimise {
        optimise::run(&mut ir, &mut origins);
    }
    Some(Lowered { program: ir, p4info, origins })
}

/// An error has been reported; the construct around it is given up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reported;

/// What lowering a part gives.
pub(crate) type Lower<T> = Result<T, Reported>;

macro_rules! internal_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name(u32);
        entity_impl!($name, $prefix);
    )*};
}

internal_ids! {
    /// An elaborated instance.
    InstId = "inst";
    /// One way in which a callable's parameters are bound.
    ActId = "activation";
    /// What slots belong to: a callable, whichever way its parameters are bound.
    BaseId = "base";
}

/// What slots belong to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum BaseKey {
    /// A parser or control.
    Inst(InstId),
    /// An action, of a control as it is bound there or of the top level.
    Action(Option<ActId>, hir::ActionId),
    /// A function with its type arguments.
    Function(hir::FunctionId, Vec<Ty>),
    /// An implementation of an abstract method, in the parser or control around it.
    Method(Option<ActId>, hir::FunctionId),
}

/// What a variable stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Binding {
    /// Slots.
    Place(Location),
    /// A compile-time value.
    Const(CValue),
}

/// One way in which a callable's parameters are bound.
#[derive(Clone, Debug)]
pub(crate) struct Activation {
    /// The control around an action.
    pub(crate) parent: Option<ActId>,
    /// Whose slots it uses.
    pub(crate) base: BaseId,
    /// Prefix of its slots' names.
    pub(crate) name: String,
    /// The parser or control that declared instances belong to.
    pub(crate) inst: Option<InstId>,
    /// Type arguments.
    pub(crate) types: HashMap<TypeParamId, Ty>,
    /// What parameters and variables stand for.
    pub(crate) bindings: HashMap<VariableId, Binding>,
    /// Where its result goes.
    pub(crate) ret: Option<Location>,
    /// Whether it runs as part of a parser, where `nextIndex` matters.
    pub(crate) in_parser: bool,
}

/// A callable with its parameters bound in one way.
#[derive(Clone, Debug)]
pub(crate) struct Specialisation {
    keys: Vec<call::BindKey>,
    callee: ir::Callee,
    act: ActId,
}

/// State of lowering one program.
pub(crate) struct Lowerer<'a> {
    /// What is lowered.
    pub(crate) hir: &'a hir::Program,
    /// How.
    pub(crate) options: &'a LowerOptions,
    /// Where findings go.
    pub(crate) diags: &'a mut Diagnostics,
    /// What it is lowered for.
    pub(crate) arch: &'static Architecture,
    /// What is made.
    pub(crate) ir: ir::Program,
    /// Where what is made comes from.
    origins: Origins,
    /// Elaborated instances.
    pub(crate) insts: PrimaryMap<InstId, instance::Inst>,
    /// Instances declared at top level, as far as they are used.
    global_insts: HashMap<hir::InstanceId, InstId>,
    /// Instances declared in others.
    local_insts: HashMap<(InstId, hir::InstanceId), InstId>,
    /// Activations.
    acts: PrimaryMap<ActId, Activation>,
    bases: PrimaryMap<BaseId, BaseKey>,
    base_ids: HashMap<BaseKey, BaseId>,
    /// Codes of `error` members, by their position in the program.
    error_codes: Vec<u32>,
    /// Slots of variables.
    storage: HashMap<(BaseId, VariableId), Location>,
    /// Slots of results.
    results: HashMap<BaseId, Location>,
    specialisations: HashMap<BaseId, Vec<Specialisation>>,
    /// Activations being lowered, each called by the one before it.
    active: Vec<ActId>,
    /// The activation being lowered.
    pub(crate) act: Option<ActId>,
    /// The block being made.
    pub(crate) block: ir::Block,
    /// Statements made so far.
    statement_count: usize,
    /// Slots for intermediate values made so far.
    temp_count: usize,
    /// Nesting of what is being lowered.
    depth: u32,
    header_types: HashMap<Ty, ir::HeaderTypeId>,
    header_fields: HashMap<ir::HeaderTypeId, Vec<FieldTree>>,
    /// Never written: what a `varbit` of that width is reset from.
    empty_varbits: HashMap<u32, ir::VarId>,
    tables: HashMap<(InstId, hir::TableId), table::LoweredTable>,
    /// Tables in the order they were lowered, for the control plane.
    pub(crate) table_order: Vec<(InstId, hir::TableId, ir::TableId)>,
    actions: HashMap<(Option<ActId>, hir::ActionId), ir::ActionId>,
    /// How tables run IR actions.
    action_acts: HashMap<ir::ActionId, ActId>,
    /// Actions by the name that the control plane knows.
    action_names: HashMap<String, (ir::ActionId, Range<usize>)>,
    /// The slot that parsers report their error in.
    pub(crate) parser_error: Option<ir::VarId>,
    /// Where IR actions come from.
    pub(crate) action_origins: HashMap<ir::ActionId, hir::ActionId>,
    value_sets: HashMap<(InstId, hir::ValueSetId), ir::ValueSetId>,
    /// Where IR value sets come from.
    pub(crate) value_set_origins: HashMap<ir::ValueSetId, hir::ValueSetId>,
    mentions: HashMap<hir::ActionId, HashSet<VariableId>>,
    has_tables: HashMap<InstId, bool>,
    has_methods: HashMap<InstId, bool>,
    /// For the controls that apply others: whether each of these has the same arguments everywhere.
    applied_alike: HashMap<hir::ControlId, HashMap<hir::InstanceId, bool>>,
    /// Names of instances in their places, and the number to try next for each name that was taken.
    inst_names: HashMap<(Option<InstId>, String), u32>,
    /// The instance whose parts are being elaborated.
    inst_context: Option<InstId>,
    /// Whether what is being lowered runs at most once in the life of a frame.
    once: bool,
    /// Parsers and controls that run.
    pub(crate) applied: HashSet<InstId>,
    /// Whether a control or action calls an extern function.
    pub(crate) calls_extern_functions: bool,
    /// Actions that are called directly where a control is applied.
    pub(crate) direct_actions: Vec<(InstId, hir::ActionId)>,
    /// Table properties that an extern object is constructed in.
    pub(crate) property_decls: HashMap<InstId, hir::Decl>,
    /// What the architecture keeps while it builds.
    pub(crate) arch_state: crate::arch::State,
}

/// The errors of `core.p4`, by their codes ([`ir::error_code`]).
const CORE_ERRORS: [&str; 7] = [
    "NoError",
    "PacketTooShort",
    "NoMatch",
    "StackOutOfBounds",
    "HeaderTooShort",
    "ParserTimeout",
    "ParserInvalidArgument",
];

/// Nesting beyond which lowering gives up rather than run out of stack.
const DEPTH_MAX: u32 = 300;

impl<'a> Lowerer<'a> {
    fn new(
        hir: &'a hir::Program,
        options: &'a LowerOptions,
        diags: &'a mut Diagnostics,
        arch: &'static Architecture,
    ) -> Lowerer<'a> {
        Lowerer {
            hir,
            options,
            diags,
            arch,
            ir: ir::Program::default(),
            origins: Origins::default(),
            insts: PrimaryMap::new(),
            global_insts: HashMap::new(),
            local_insts: HashMap::new(),
            acts: PrimaryMap::new(),
            bases: PrimaryMap::new(),
            base_ids: HashMap::new(),
            error_codes: Vec::new(),
            storage: HashMap::new(),
            results: HashMap::new(),
            specialisations: HashMap::new(),
            active: Vec::new(),
            act: None,
            block: Vec::new(),
            statement_count: 0,
            temp_count: 0,
            depth: 0,
            header_types: HashMap::new(),
            header_fields: HashMap::new(),
            empty_varbits: HashMap::new(),
            tables: HashMap::new(),
            table_order: Vec::new(),
            actions: HashMap::new(),
            action_acts: HashMap::new(),
            action_names: HashMap::new(),
            parser_error: None,
            action_origins: HashMap::new(),
            value_sets: HashMap::new(),
            value_set_origins: HashMap::new(),
            mentions: HashMap::new(),
            has_tables: HashMap::new(),
            has_methods: HashMap::new(),
            applied_alike: HashMap::new(),
            inst_names: HashMap::new(),
            inst_context: None,
            once: false,
            applied: HashSet::new(),
            calls_extern_functions: false,
            direct_actions: Vec::new(),
            property_decls: HashMap::new(),
            arch_state: crate::arch::State::default(),
        }
    }

    /// The errors of `core.p4` have fixed codes, wherever the program declares its own.
    fn number_errors(&mut self) {
        let names: Vec<String> = self.hir.errors.iter().map(|e| e.to_string()).collect();
        let own = names.iter().filter(|n| !CORE_ERRORS.contains(&n.as_str())).cloned();
        self.ir.errors = CORE_ERRORS.iter().map(|e| (*e).to_owned()).chain(own).collect();
        let code = |name: &String| self.ir.errors.iter().position(|e| e == name).unwrap_or(0) as u32;
        self.error_codes = names.iter().map(code).collect();
    }

    /// The code of an `error` member.
    pub(crate) fn error_code(&self, member: usize) -> u32 {
        self.error_codes.get(member).copied().unwrap_or(0)
    }

    /// Reports that something is not lowered.
    pub(crate) fn unsupported<T>(&mut self, span: Span, what: impl Into<String>) -> Lower<T> {
        self.error(codes::NOT_SUPPORTED, span, format!("{} is not supported yet", what.into()))
    }

    /// Reports what is probably not meant.
    pub(crate) fn warning(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.diags.emit(Diagnostic::warning(code, span, message));
    }

    /// Reports what is probably not meant, unless one of these annotations silences it.
    pub(crate) fn warn(&mut self, annotations: &[Annotation], diagnostic: Diagnostic) {
        if !crate::lint::is_silenced(annotations, diagnostic.code) {
            self.diags.emit(diagnostic);
        }
    }

    /// Reports an error.
    pub(crate) fn error<T>(&mut self, code: Code, span: Span, message: impl Into<String>) -> Lower<T> {
        self.diags.emit(Diagnostic::error(code, span, message));
        Err(Reported)
    }

    /// A place and the source text there, for a message that the pipeline gives.
    pub(crate) fn source_text(&self, span: Span, otherwise: &str) -> String {
        let map = &self.options.source_map;
        match map.lookup(span.start) {
            Some(at) => format!("{}:{}: {}", at.file, at.line, map.snippet(span)),
            None => otherwise.to_owned(),
        }
    }

    /// Appends a statement to the block being made.
    pub(crate) fn emit(&mut self, stmt: ir::Stmt) {
        self.statement_count += 1;
        self.block.push(stmt);
    }

    /// What was made and has no origin yet comes from here.
    pub(crate) fn attribute(&mut self, span: Span) {
        self.origins.extend(&self.ir, span);
    }

    /// Reports if the program has grown beyond all measure.
    pub(crate) fn check_size(&mut self, span: Span) -> Lower<()> {
        let slots = self.ir.vars.len() + self.ir.headers.len() + self.insts.len() + self.acts.len();
        if self.statement_count > self.options.statements_max || slots > self.options.slots_max {
            return self.error(codes::TOO_LARGE, span, "the program is too large once it is elaborated");
        }
        Ok(())
    }

    /// Lowers something one level deeper.
    pub(crate) fn nested<T>(&mut self, span: Span, f: impl FnOnce(&mut Self) -> Lower<T>) -> Lower<T> {
        if self.depth >= DEPTH_MAX {
            return self.error(codes::TOO_LARGE, span, "this is nested too deeply");
        }
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        result
    }

    /// Makes a block of what `f` emits.
    pub(crate) fn in_block<T>(&mut self, f: impl FnOnce(&mut Self) -> Lower<T>) -> Lower<(ir::Block, T)> {
        let outer = std::mem::take(&mut self.block);
        let result = f(self);
        let made = std::mem::replace(&mut self.block, outer);
        Ok((made, result?))
    }

    /// Lowers something in another activation.
    pub(crate) fn in_act<T>(&mut self, act: ActId, f: impl FnOnce(&mut Self) -> Lower<T>) -> Lower<T> {
        let outer = self.act.replace(act);
        let result = f(self);
        self.act = outer;
        result
    }

    /// Lowers the body of a callable, whose slots must not be in use already.
    pub(crate) fn in_callable<T>(
        &mut self,
        act: ActId,
        span: Span,
        f: impl FnOnce(&mut Self) -> Lower<T>,
    ) -> Lower<T> {
        if self.is_active(self.acts[act].base) {
            return self.error(codes::RECURSION, span, "this calls itself");
        }
        self.active.push(act);
        let result = self.in_act(act, |l| l.nested(span, f));
        self.active.pop();
        result
    }

    /// Whether a callable is being lowered, so that its slots are in use.
    fn is_active(&self, base: BaseId) -> bool {
        self.active.iter().any(|act| self.acts[*act].base == base)
    }

    /// The number of a callable's slots.
    pub(crate) fn base(&mut self, key: BaseKey) -> BaseId {
        if let Some(&id) = self.base_ids.get(&key) {
            return id;
        }
        let id = self.bases.push(key.clone());
        self.base_ids.insert(key, id);
        id
    }

    /// A new activation.
    pub(crate) fn new_act(&mut self, act: Activation) -> ActId {
        self.acts.push(act)
    }

    /// The current activation and those around it, innermost first.
    fn act_chain(&self) -> impl Iterator<Item = &Activation> {
        std::iter::successors(self.act.map(|a| &self.acts[a]), |a| a.parent.map(|p| &self.acts[p]))
    }

    /// Whether what is being lowered runs at most once per frame, which begins as zero.
    pub(crate) fn runs_once(&self) -> bool {
        self.once
    }

    /// Lowers the body of a loop.
    pub(crate) fn in_loop<T>(&mut self, f: impl FnOnce(&mut Self) -> Lower<T>) -> Lower<T> {
        let outer = std::mem::replace(&mut self.once, false);
        let result = f(self);
        self.once = outer;
        result
    }

    /// Whether `nextIndex` of stacks can matter to what is being lowered.
    pub(crate) fn in_parser(&self) -> bool {
        self.act.is_none_or(|a| self.acts[a].in_parser)
    }

    /// The instance that instances named here belong to.
    pub(crate) fn current_inst(&self) -> Option<InstId> {
        self.inst_context.or_else(|| self.act_chain().find_map(|a| a.inst))
    }

    /// An instance declared at top level, if it is used.
    pub(crate) fn global_inst(&self, instance: hir::InstanceId) -> Option<InstId> {
        self.global_insts.get(&instance).copied()
    }

    /// The value sets of a parser that are used.
    pub(crate) fn value_sets_of(&self, inst: InstId) -> Vec<ir::ValueSetId> {
        self.value_sets.iter().filter(|((i, _), _)| *i == inst).map(|(_, set)| *set).collect()
    }

    /// What a variable stands for here.
    pub(crate) fn binding(&self, variable: VariableId) -> Option<&Binding> {
        for act in self.act_chain() {
            if let Some(binding) = act.bindings.get(&variable) {
                return Some(binding);
            }
        }
        let mut inst = self.current_inst();
        while let Some(id) = inst {
            if let Some(binding) = self.insts[id].bindings.get(&variable) {
                return Some(binding);
            }
            inst = self.insts[id].parent;
        }
        None
    }

    /// Lets a variable stand for something in the current activation.
    pub(crate) fn bind(&mut self, variable: VariableId, binding: Binding) {
        if let Some(act) = self.act {
            self.acts[act].bindings.insert(variable, binding);
        }
    }

    /// A type with the type arguments of the activation put in.
    pub(crate) fn subst(&self, ty: &Ty) -> Ty {
        let mut ty = ty.clone();
        for act in self.act_chain() {
            if !act.types.is_empty() {
                ty = substitute(&ty, &act.types);
            }
        }
        ty
    }
}
