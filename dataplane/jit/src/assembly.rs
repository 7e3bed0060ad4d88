//! Machine code of a whole program: its functions, what they call, and the constants they read.
//!
//! Invariant: a function that is referred to is written before [`Assembly::finish`] ends.

use std::collections::HashMap;
use std::rc::Rc;

use cranelift_codegen::ir::{AbiParam, FuncRef, Function, Signature, UserFuncName, types};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, default_libcall_names};
use heddle_exec::Entry;
use heddle_exec::atomic::AtomicSets;
use heddle_exec::layout::Layout;
use heddle_ir::{BinaryOp, BodyId, Probe, StackId, Stmt, Verified};
use heddle_state::{AtomicSet, key_words};

use crate::code::{Coder, Purpose, Variant};
use crate::error::JitError;
use crate::host::Host;
use crate::loads::Loads;
use crate::plan::Plan;
use crate::program::{Code, Compiled};

/// How to compile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// As fast as possible to load.
    Load,
    /// As fast as possible to run.
    #[default]
    Run,
}

/// What the tests vary.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    pub(crate) effort: Effort,
    /// Leaves every slot in the frame when a pass has ended, for tests to look at.
    pub(crate) shows_all: bool,
    /// Makes lookups ahead of packets whatever the size of the table.
    pub(crate) ahead_always: bool,
    /// Tells no packets apart by their headers, however small the program is.
    pub(crate) stays: bool,
    /// Compiles an operator as another, to show that the tests would see it.
    pub(crate) miscompiles: Option<(BinaryOp, BinaryOp)>,
}

/// Where a stack's elements lie in the frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StackPlace {
    pub(crate) count: u64,
    /// The first one's word.
    pub(crate) first: usize,
    /// Words from one to the next, if that is the same for all.
    pub(crate) stride: Option<usize>,
    /// Where their words are listed among the constants, if not.
    pub(crate) table: usize,
}

/// A program on its way to machine code.
pub(crate) struct Assembly {
    pub(crate) program: Rc<Verified>,
    pub(crate) layout: Rc<Layout>,
    pub(crate) plan: Rc<Plan>,
    pub(crate) constants: Vec<u64>,
    pub(crate) arena_words: usize,
    options: Options,
    atomic: AtomicSets,
    atomic_sets: Vec<AtomicSet>,
    stacks: HashMap<StackId, StackPlace>,
    module: JITModule,
    hosts: HashMap<Host, FuncId>,
    units: HashMap<Variant, FuncId>,
    /// Declared and not written yet.
    pending: Vec<(Variant, FuncId)>,
}

impl Assembly {
    pub(crate) fn new(program: &Verified, options: Options) -> Result<Assembly, JitError> {
        let mut flags = settings::builder();
        let opt_level = match options.effort {
            Effort::Load => "none",
            Effort::Run => "speed",
        };
        let settings = [
            ("opt_level", opt_level),
            // Calls reach the host wherever it is.
            ("use_colocated_libcalls", "false"),
            ("is_pic", "false"),
            ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
            ("unwind_info", "false"),
        ];
        for (name, value) in settings {
            flags.set(name, value).map_err(|error| JitError::Host { reason: error.to_string() })?;
        }
        let isa = cranelift_native::builder()
            .map_err(|reason| JitError::Host { reason: reason.to_string() })?
            .finish(settings::Flags::new(flags))
            .map_err(|error| JitError::Host { reason: error.to_string() })?;
        let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
        for host in Host::ALL {
            builder.symbol(host.name(), host.address());
        }
        Ok(Assembly {
            layout: Rc::new(Layout::new(program)),
            plan: Rc::new(Plan::new(program, options)),
            atomic: AtomicSets::new(program),
            program: Rc::new(program.clone()),
            constants: Vec::new(),
            arena_words: 0,
            options,
            atomic_sets: Vec::new(),
            stacks: HashMap::new(),
            module: JITModule::new(builder),
            hosts: HashMap::new(),
            units: HashMap::new(),
            pending: Vec::new(),
        })
    }

    /// Compiles everything that the entry points reach.
    pub(crate) fn finish(mut self) -> Result<Compiled, JitError> {
        let program = Rc::clone(&self.program);
        let mut write = |entry: Entry, body: Option<BodyId>| -> Result<Option<FuncId>, JitError> {
            let Some(body) = body else { return Ok(None) };
            let name = match entry {
                Entry::Ingress => "ingress",
                Entry::Egress => "egress",
            };
            self.write_root(name, Purpose::Entry(entry, body)).map(Some)
        };
        let ingress = write(Entry::Ingress, program.ingress)?;
        let egress = write(Entry::Egress, program.egress)?;
        let through = self.write_through()?;
        let scout = self.write_scout()?;
        self.module.finalize_definitions().map_err(module_error)?;
        let address = |function: Option<FuncId>| function.map(|f| self.module.get_finalized_function(f));
        let functions = [ingress, egress, through, scout].map(address);
        let ahead = self.plan.through().and_then(|plan| plan.ahead);
        let ahead = ahead.map(|table| (table, key_words(&program.tables[table])));
        let code = Code::new(self.module, functions);
        Ok(Compiled {
            program: (*program).clone(),
            loads: Loads::new(&program, &self.layout),
            layout: (*self.layout).clone(),
            constants: self.constants,
            arena_words: self.arena_words,
            atomic_sets: self.atomic_sets,
            hold: Probe::Hold.of(&program),
            ahead,
            ahead_always: self.options.ahead_always,
            code,
        })
    }

    /// The function of both passes, if there is to be one.
    fn write_through(&mut self) -> Result<Option<FuncId>, JitError> {
        let Some(plan) = self.plan.through().cloned() else { return Ok(None) };
        self.write_root("through", Purpose::Through(plan)).map(Some)
    }

    /// The function that finds keys, if a table is worth it.
    fn write_scout(&mut self) -> Result<Option<FuncId>, JitError> {
        let Some(plan) = self.plan.through().cloned() else { return Ok(None) };
        let Some(table) = plan.ahead else { return Ok(None) };
        self.write_root("scout", Purpose::Scout(plan, table)).map(Some)
    }

    /// A function that the host calls, and those that it calls.
    fn write_root(&mut self, name: &str, purpose: Purpose) -> Result<FuncId, JitError> {
        let signature = self.unit_signature();
        let function =
            self.module.declare_function(name, Linkage::Local, &signature).map_err(module_error)?;
        self.write(function, purpose)?;
        while let Some((variant, function)) = self.pending.pop() {
            self.write(function, Purpose::Unit(variant))?;
        }
        Ok(function)
    }

    fn write(&mut self, function: FuncId, purpose: Purpose) -> Result<(), JitError> {
        let mut context = self.module.make_context();
        context.func =
            Function::with_name_signature(UserFuncName::user(0, function.as_u32()), self.unit_signature());
        let mut builders = FunctionBuilderContext::new();
        let builder = FunctionBuilder::new(&mut context.func, &mut builders);
        Coder::write(self, builder, purpose);
        self.module.define_function(function, &mut context).map_err(module_error)
    }

    /// Takes the machine and its frame, returns how it ended.
    fn unit_signature(&self) -> Signature {
        let mut signature = self.module.make_signature();
        signature.params.extend([AbiParam::new(types::I64), AbiParam::new(types::I64)]);
        signature.returns.push(AbiParam::new(types::I64));
        signature
    }

    pub(crate) fn frontend_config(&self) -> TargetFrontendConfig {
        self.module.target_config()
    }

    /// A function of the host, for use in a function.
    pub(crate) fn host_ref(&mut self, host: Host, of: &mut Function) -> FuncRef {
        let id = match self.hosts.get(&host) {
            Some(id) => *id,
            None => {
                let mut signature = self.module.make_signature();
                signature.params.extend((0..=host.arity()).map(|_| AbiParam::new(types::I64)));
                signature.returns.push(AbiParam::new(types::I64));
                let declared = self.module.declare_function(host.name(), Linkage::Import, &signature);
                // Each is declared once, and no two have one name.
                let id = declared.expect("names of the host's functions are distinct");
                self.hosts.insert(host, id);
                id
            }
        };
        self.module.declare_func_in_func(id, of)
    }

    /// The function of a unit, for use in another.
    pub(crate) fn unit_ref(&mut self, variant: Variant, of: &mut Function) -> FuncRef {
        let id = match self.units.get(&variant) {
            Some(id) => *id,
            None => {
                let signature = self.unit_signature();
                let name = format!("unit{}", self.units.len());
                let declared = self.module.declare_function(&name, Linkage::Local, &signature);
                let id = declared.expect("units are numbered");
                self.units.insert(variant, id);
                self.pending.push((variant, id));
                id
            }
        };
        self.module.declare_func_in_func(id, of)
    }

    pub(crate) fn stack_place(&mut self, stack: StackId) -> StackPlace {
        if let Some(place) = self.stacks.get(&stack) {
            return *place;
        }
        let elements = &self.program.stacks[stack].elements;
        let words: Vec<usize> = elements.iter().map(|header| self.layout.headers[*header].word).collect();
        let first = words.first().copied().unwrap_or(0);
        let stride = match words.get(1) {
            Some(second) => second.checked_sub(first),
            None => Some(0),
        };
        let stride =
            stride.filter(|stride| words.iter().enumerate().all(|(i, word)| *word == first + i * stride));
        let table = self.constants.len();
        if stride.is_none() {
            self.constants.extend(words.iter().map(|word| *word as u64));
        }
        let place = StackPlace { count: words.len() as u64, first, stride, table };
        self.stacks.insert(stack, place);
        place
    }

    /// The number of the set of an `Atomic` block, if it has registers.
    pub(crate) fn atomic_set(&mut self, block: &[Stmt]) -> Option<usize> {
        let set = self.atomic.of(block)?.clone();
        let known = self.atomic_sets.iter().position(|other| *other == set);
        Some(known.unwrap_or_else(|| {
            self.atomic_sets.push(set);
            self.atomic_sets.len() - 1
        }))
    }

    /// What an operator is compiled as.
    pub(crate) fn miscompiled(&self, op: BinaryOp) -> BinaryOp {
        match self.options.miscompiles {
            Some((right, wrong)) if right == op => wrong,
            Some(_) | None => op,
        }
    }
}

fn module_error(error: cranelift_module::ModuleError) -> JitError {
    JitError::Code { reason: format!("{error:#}") }
}
