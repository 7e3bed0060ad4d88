//! Architectures, as data: which blocks a package has and what runs between them, what its extern objects and
//! functions become, what its table properties mean.
//!
//! Nothing outside of this folder knows an architecture by name. Another one is another [`Architecture`] in
//! [`KNOWN`], found by the name of the package that `main` instantiates; [`packet`] has what `core.p4` gives all of
//! them.

mod packet;
mod packing;
mod v1model;
mod v1model_externs;
mod v1model_tables;

use std::sync::Arc;

use hashbrown::HashMap;
use heddle_ir as ir;

use crate::diag::Diagnostic;
use crate::hir::{self, Direction, Property, Ty, TypeParamId};
use crate::lower::{
    Actual, CValue, ExternCall, ExternObject, InstId, InstKind, Location, Lower, Lowerer, Properties, Value,
    codes, substitute,
};

/// An architecture.
pub(crate) struct Architecture {
    /// Its name, as P4Info has it.
    pub(crate) name: &'static str,
    /// The package that `main` instantiates.
    pub(crate) package: &'static str,
    /// How many blocks that package has. One of another number is another package.
    pub(crate) blocks: usize,
    /// Whether an action that updates a register does so before another packet gets at it.
    pub(crate) actions_are_atomic: bool,
    /// The annotation by which constant entries are ranked, the smallest first.
    pub(crate) entry_rank: Option<&'static str>,
    /// How a program drops a packet, for those who look after what it says then.
    pub(crate) drop: Option<Drop>,
    /// Its extern objects that there is one of for every entry of a table.
    pub(crate) direct: &'static [Direct],
    /// Its extern objects.
    pub(crate) objects: &'static [Object],
    /// Its extern functions.
    pub(crate) functions: &'static [Function],
    /// Its table properties.
    pub(crate) properties: &'static [TableProperty],
    /// Lowers the blocks given as arguments of `main` and what happens between them into the two entry points.
    pub(crate) build: fn(&mut Lowerer<'_>, &[Option<CValue>]) -> Lower<()>,
}

/// A drop that a later write takes back.
pub(crate) struct Drop {
    /// The extern function that marks the packet.
    pub(crate) function: &'static str,
    /// The type of the metadata that it writes to.
    pub(crate) metadata: &'static str,
    /// The field there.
    pub(crate) field: &'static str,
}

/// A kind of extern object that belongs to the entries of one table.
pub(crate) struct Direct {
    /// Name of the extern.
    pub(crate) object: &'static str,
    /// The property by which a table has one.
    pub(crate) property: &'static str,
}

/// A kind of extern object.
pub(crate) struct Object {
    /// Name of the extern.
    pub(crate) name: &'static str,
    /// Makes what stands for an instance.
    pub(crate) construct: fn(&mut Lowerer<'_>, InstId) -> Lower<ExternObject>,
    /// Its methods.
    pub(crate) methods: &'static [Function],
}

/// An extern function or method.
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: &'static str,
    /// How many parameters it has.
    pub(crate) params: usize,
    /// Lowers a call. Gives its result.
    pub(crate) lower: fn(&mut Lowerer<'_>, &ExternCall<'_>) -> Lower<Value>,
}

/// A table property.
pub(crate) struct TableProperty {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it means.
    pub(crate) apply: fn(&mut Lowerer<'_>, &Property, &mut Properties) -> Lower<()>,
}

/// What an architecture keeps while a program is lowered for it.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The metadata that the architecture defines: where, and the names of its fields.
    pub(crate) intrinsic: Option<(Location, Vec<Arc<str>>)>,
    /// The metadata that the user defines: where, and its type.
    pub(crate) user: Option<(Location, Ty)>,
    /// What the program asks the packet to become at the end of a pass.
    pub(crate) requests: v1model::Requests,
    /// Digests by the name of their data.
    pub(crate) digests: Vec<DigestUse>,
}

/// A digest that the program sends.
#[derive(Clone, Debug)]
pub(crate) struct DigestUse {
    /// Name of its data.
    pub(crate) name: String,
    /// What it became.
    pub(crate) id: ir::DigestId,
    /// Type of its data.
    pub(crate) ty: Ty,
}

/// All architectures.
static KNOWN: &[&Architecture] = &[&v1model::V1MODEL];

/// The architecture that a program is written for.
pub(crate) fn of(program: &hir::Program, main: hir::InstanceId) -> Option<&'static Architecture> {
    let hir::Instantiated::Package(package) = program.instances[main].of else { return None };
    let name = &program.types.packages[package].decl.name;
    let blocks = program.instances[main].args.len();
    KNOWN.iter().copied().find(|a| a.package == &**name && a.blocks == blocks)
}

/// The packages of all architectures.
pub(crate) fn packages() -> Vec<&'static str> {
    KNOWN.iter().map(|a| a.package).collect()
}

/// Makes what stands for an instance of an extern.
pub(crate) fn construct(l: &mut Lowerer<'_>, inst: InstId) -> Lower<ExternObject> {
    let InstKind::Extern(id, ..) = l.insts[inst].kind else { return Ok(ExternObject::Stateless) };
    let name = l.hir.types.externs[id].decl.name.clone();
    match l.arch.objects.iter().find(|o| o.name == &*name) {
        Some(object) => (object.construct)(l, inst),
        // An error only if it is used.
        None => Ok(ExternObject::Stateless),
    }
}

/// Calls an extern function.
pub(crate) fn call_function(l: &mut Lowerer<'_>, call: &ExternCall<'_>) -> Lower<Value> {
    let matching = |f: &&Function| f.name == &*call.decl.decl.name && f.params == call.decl.params.len();
    match packet::FUNCTIONS.iter().chain(l.arch.functions).find(matching) {
        Some(function) => (function.lower)(l, call),
        None => not_implemented(
            l,
            call,
            &HashMap::new(),
            format!("the extern function `{}`", call.decl.decl.name),
        ),
    }
}

/// Calls a method of an extern object.
pub(crate) fn call_method(l: &mut Lowerer<'_>, object: &str, call: &ExternCall<'_>) -> Lower<Value> {
    let known = packet::OBJECTS.iter().chain(l.arch.objects).filter(|o| o.name == object);
    let matching = |f: &&Function| f.name == &*call.decl.decl.name && f.params == call.decl.params.len();
    match known.flat_map(|o| o.methods).find(matching) {
        Some(method) => (method.lower)(l, call),
        None => {
            let of_object = match call.receiver.map(|inst| (&l.insts[inst].kind, &l.insts[inst].type_args)) {
                Some((InstKind::Extern(id, ..), args)) => {
                    let params = &l.hir.types.externs[*id].type_params;
                    params.iter().copied().zip(args.iter().cloned()).collect()
                }
                Some(_) | None => HashMap::new(),
            };
            not_implemented(l, call, &of_object, format!("the method `{object}.{}`", call.decl.decl.name))
        }
    }
}

/// Calls what the program declares and nobody implements: arguments are evaluated, and zero comes back.
fn not_implemented(
    l: &mut Lowerer<'_>,
    call: &ExternCall<'_>,
    of_object: &HashMap<TypeParamId, Ty>,
    what: String,
) -> Lower<Value> {
    let message = format!("{what} is declared here and implemented nowhere: calling it gives zeros");
    let diagnostic = Diagnostic::warning(codes::NOT_IMPLEMENTED, call.span, message);
    l.warn(&call.decl.decl.annotations, diagnostic);
    let own = call.decl.type_params.iter().copied().zip(call.type_args.iter().cloned());
    let types: HashMap<TypeParamId, Ty> = of_object.clone().into_iter().chain(own).collect();
    let actuals = l.actuals(call.args)?;
    for (actual, param) in actuals.iter().zip(&call.decl.params) {
        if param.direction == Direction::Out && matches!(actual, Actual::Ref(_)) {
            let zero = l.default_value(&substitute(&param.ty, &types), call.span)?;
            l.store_out(Some(actual), zero, call.span)?;
        }
    }
    match &call.decl.ret {
        Ty::Void => Ok(Value::Void),
        ret => l.default_value(&substitute(ret, &types), call.span),
    }
}

/// Applies a table's property. One that nobody knows means nothing, which is said.
pub(crate) fn table_property(l: &mut Lowerer<'_>, property: &Property, to: &mut Properties) -> Lower<()> {
    match l.arch.properties.iter().find(|p| p.name == &*property.decl.name) {
        Some(known) => (known.apply)(l, property, to),
        None => {
            let known: Vec<String> = l.arch.properties.iter().map(|p| format!("`{}`", p.name)).collect();
            let message = format!("the table property `{}` is not known and is ignored", property.decl.name);
            let note = format!("besides those of the language there are {}", known.join(", "));
            let diagnostic =
                Diagnostic::warning(codes::IGNORED_PROPERTY, property.decl.span, message).note(note);
            l.warn(&property.decl.annotations, diagnostic);
            Ok(())
        }
    }
}
