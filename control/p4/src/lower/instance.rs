//! Elaboration: the tree of instances that `main` stands for.
//!
//! Invariant: an instance is elaborated once in its parent; a control's declared instances exist as soon as the
//! control does, implied ones (arguments, direct applications, table properties) when they are first met.

use hashbrown::HashMap;
use heddle_ir as ir;

use super::names::{is_hidden, qualified};
use super::{Binding, CValue, InstId, Lower, Lowerer, codes};
use crate::hir::{ControlId, ExternId, InstanceId, Instantiated, LocalDecl, ParserId, Ty, VariableId};

/// An elaborated instance.
#[derive(Clone, Debug)]
pub(crate) struct Inst {
    /// What was declared.
    pub(crate) hir: InstanceId,
    /// What it was declared in.
    pub(crate) parent: Option<InstId>,
    /// Its control-plane name, and the prefix of what is declared in it.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: InstKind,
    /// Type arguments.
    pub(crate) type_args: Vec<Ty>,
    /// Constructor arguments; none where an optional one was left out.
    pub(crate) args: Vec<Option<CValue>>,
    /// What constructor parameters stand for.
    pub(crate) bindings: HashMap<VariableId, Binding>,
    /// Instances declared in it, in the order they were met.
    pub(crate) children: Vec<(InstanceId, InstId)>,
}

/// What an instance is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum InstKind {
    /// An extern object, made by one of its constructors.
    Extern(ExternId, usize, ExternObject),
    /// A parser.
    Parser(ParserId),
    /// A control.
    Control(ControlId),
    /// A package.
    Package,
}

/// What an extern object is in the IR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExternObject {
    /// Nothing: it has no state, or the architecture does not know it.
    Stateless,
    /// A counter array.
    Counter(ir::CounterId),
    /// A counter of a table's entries.
    DirectCounter(ir::CounterId),
    /// A meter array.
    Meter(ir::MeterId),
    /// A meter of a table's entries, and the slot of the colour it last gave.
    DirectMeter(ir::MeterId, ir::VarId),
    /// A register array.
    Register(ir::RegisterId),
    /// An action profile or selector.
    Profile(ir::ProfileId),
}

impl Lowerer<'_> {
    /// Elaborates `main` and everything declared in it. Gives its arguments.
    pub(crate) fn elaborate_main(&mut self, main: InstanceId) -> Lower<Vec<Option<CValue>>> {
        for instance in &self.hir.top_level {
            if let Instantiated::Extern(..) = self.hir.instances[*instance].of {
                self.instance_here(*instance)?;
            }
        }
        let inst = self.elaborate(main, None)?;
        Ok(self.insts[inst].args.clone())
    }

    /// The instance that a name stands for here.
    pub(crate) fn instance_here(&mut self, instance: InstanceId) -> Lower<InstId> {
        if let Some(&inst) = self.global_insts.get(&instance) {
            return Ok(inst);
        }
        if self.hir.top_level.contains(&instance) {
            return self.elaborate(instance, None);
        }
        // An argument of a declaration at top level is as good as declared there.
        let Some(mut context) = self.current_inst() else { return self.elaborate(instance, None) };
        let innermost = context;
        loop {
            if let Some(inst) = self.local_insts.get(&(context, instance)) {
                return Ok(*inst);
            }
            match self.insts[context].parent {
                Some(parent) => context = parent,
                None => break,
            }
        }
        self.elaborate(instance, Some(innermost))
    }

    fn elaborate(&mut self, instance: InstanceId, parent: Option<InstId>) -> Lower<InstId> {
        let decl = &self.hir.instances[instance];
        let span = decl.decl.span;
        self.check_size(span)?;
        let mut args = Vec::with_capacity(decl.args.len());
        for arg in &decl.args {
            args.push(match arg {
                Some(arg) => Some(self.constant(arg)?),
                None => None,
            });
        }
        let prefix = parent.map_or(String::new(), |p| self.insts[p].name.clone());
        let in_package = parent.is_none_or(|p| matches!(self.insts[p].kind, InstKind::Package));
        let prefix = if in_package { String::new() } else { prefix };
        // A block of a package is known by its type's name, whatever the instance is called.
        let name = match decl.of {
            Instantiated::Parser(id) if in_package => self.hir.parsers[id].decl.name.to_string(),
            Instantiated::Control(id) if in_package => self.hir.controls[id].decl.name.to_string(),
            Instantiated::Parser(_)
            | Instantiated::Control(_)
            | Instantiated::Extern(..)
            | Instantiated::Package(_) => qualified(&prefix, &decl.decl),
        };
        let name = if decl.is_anonymous || in_package { self.unused_name(name, parent) } else { name };
        self.inst_names.entry((parent, name.clone())).or_default();
        let (params, kind) = match decl.of {
            Instantiated::Parser(id) => {
                (self.hir.parsers[id].constructor_params.clone(), InstKind::Parser(id))
            }
            Instantiated::Control(id) => {
                (self.hir.controls[id].constructor_params.clone(), InstKind::Control(id))
            }
            Instantiated::Extern(id, constructor) => {
                (Vec::new(), InstKind::Extern(id, constructor, ExternObject::Stateless))
            }
            Instantiated::Package(_) => (Vec::new(), InstKind::Package),
        };
        self.check_nesting(&kind, parent, span)?;
        let type_args = match &decl.ty {
            Ty::Extern(_, args) | Ty::Package(_, args) => args.iter().map(|t| self.subst(t)).collect(),
            _ => Vec::new(),
        };
        let bindings = params
            .into_iter()
            .zip(&args)
            .filter_map(|(param, arg)| arg.clone().map(|arg| (param, Binding::Const(arg))))
            .collect();
        let inst = self.insts.push(Inst {
            hir: instance,
            parent,
            name,
            kind,
            type_args,
            args,
            bindings,
            children: Vec::new(),
        });
        match parent {
            Some(parent) => {
                self.insts[parent].children.push((instance, inst));
                // The first counts, as everywhere.
                self.local_insts.entry((parent, instance)).or_insert(inst);
            }
            None => {
                self.global_insts.insert(instance, inst);
            }
        }
        match kind {
            InstKind::Extern(id, constructor, _) => {
                let object = crate::arch::construct(self, inst)?;
                self.attribute(span);
                self.insts[inst].kind = InstKind::Extern(id, constructor, object);
            }
            InstKind::Parser(id) => self.elaborate_locals(inst, &self.hir.parsers[id].locals)?,
            InstKind::Control(id) => self.elaborate_locals(inst, &self.hir.controls[id].locals)?,
            InstKind::Package => {}
        }
        Ok(inst)
    }

    fn elaborate_locals(&mut self, inst: InstId, locals: &[LocalDecl]) -> Lower<()> {
        let outer = self.inst_context.replace(inst);
        let mut result = Ok(());
        for local in locals {
            if let LocalDecl::Instance(id) = local
                && let Err(reported) = self.elaborate(*id, Some(inst))
            {
                result = Err(reported);
            }
        }
        self.inst_context = outer;
        result
    }

    /// A name that no other instance in the same place has.
    fn unused_name(&mut self, name: String, parent: Option<InstId>) -> String {
        let key = (parent, name);
        let Some(mut number) = self.inst_names.get(&key).copied() else { return key.1 };
        let mut unused;
        loop {
            unused = (parent, format!("{}_{number}", key.1));
            number += 1;
            if !self.inst_names.contains_key(&unused) {
                break;
            }
        }
        self.inst_names.insert(key, number);
        unused.1
    }

    /// A parser or control must not contain itself.
    fn check_nesting(
        &mut self,
        kind: &InstKind,
        parent: Option<InstId>,
        span: crate::source::Span,
    ) -> Lower<()> {
        let mut around = parent;
        while let Some(id) = around {
            let same = match (kind, &self.insts[id].kind) {
                (InstKind::Control(a), InstKind::Control(b)) => a == b,
                (InstKind::Parser(a), InstKind::Parser(b)) => a == b,
                _ => false,
            };
            if same {
                return self.error(codes::RECURSION, span, "this is instantiated inside of itself");
            }
            around = self.insts[id].parent;
        }
        Ok(())
    }

    /// What the control plane knows an instance by; its id is found later.
    pub(crate) fn control_name(&self, inst: InstId) -> ir::ControlName {
        let decl = &self.hir.instances[self.insts[inst].hir].decl;
        ir::ControlName { name: self.insts[inst].name.clone(), id: 0, hidden: is_hidden(&decl.annotations) }
    }

    /// Whether a control has tables, in itself or in what it contains or is given.
    pub(crate) fn inst_has_tables(&mut self, inst: InstId) -> bool {
        if let Some(&known) = self.has_tables.get(&inst) {
            return known;
        }
        let InstKind::Control(id) = self.insts[inst].kind else { return false };
        let own = !self.hir.controls[id].tables.is_empty();
        let related = self.related(inst);
        let has = own || related.into_iter().any(|r| self.inst_has_tables(r));
        self.has_tables.insert(inst, has);
        has
    }

    /// What an instance contains or is given.
    fn related(&self, inst: InstId) -> Vec<InstId> {
        let given = self.insts[inst].args.iter().filter_map(|arg| match arg {
            Some(CValue::Instance(inst)) => Some(*inst),
            _ => None,
        });
        self.insts[inst].children.iter().map(|(_, child)| *child).chain(given).collect()
    }

    /// Whether applying a parser or control may run a method that an extern object's owner implements: one of its own
    /// objects or one that it, or what it contains, is given. The method uses the owner's variables beside the parameters.
    pub(crate) fn runs_methods_of_owners(&mut self, inst: InstId) -> bool {
        if let Some(&known) = self.has_methods.get(&inst) {
            return known;
        }
        let runs = match self.insts[inst].kind {
            InstKind::Extern(..) => {
                self.insts[inst].parent.is_some()
                    && !self.hir.instances[self.insts[inst].hir].methods.is_empty()
            }
            InstKind::Parser(_) | InstKind::Control(_) | InstKind::Package => {
                self.related(inst).into_iter().any(|related| self.runs_methods_of_owners(related))
            }
        };
        self.has_methods.insert(inst, runs);
        runs
    }
}
