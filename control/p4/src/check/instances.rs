//! Instances: constructor calls, instantiations, direct applications, and the implementation of abstract methods.

use std::sync::Arc;

use super::annotations::has;
use super::arguments::{Manner, Outer};
use super::codes::*;
use super::inference::{Fit, Inference, substitute};
use super::scopes::{Entity, TypeEntity};
use super::signatures::Signature;
use super::{Checker, Place, Surroundings};
use crate::diag::Diagnostic;
use crate::hir::{
    Decl, Expr, ExprKind, ExternId, FunctionId, Instance, InstanceId, Instantiated, LocalDecl, Ty,
};
use crate::source::Span;
use crate::syntax::ast::{self, Argument, DeclKind, Ident, Instantiation, TypeKind, TypeRef};

impl Checker<'_> {
    /// A constructor call as an expression: an instance without a name of its own.
    pub(super) fn constructor_call(
        &mut self,
        entity: &TypeEntity,
        name: &Ident,
        type_args: &[TypeRef],
        args: &[Argument],
        span: Span,
    ) -> Expr {
        if !self.around.in_constructor_arguments {
            let is_block = matches!(
                entity,
                TypeEntity::Parser(_)
                    | TypeEntity::Control(_)
                    | TypeEntity::Extern(_)
                    | TypeEntity::Package(_)
            );
            if is_block {
                self.emit(
                    Diagnostic::error(
                        CALL_NOT_ALLOWED,
                        span,
                        format!("the constructor of `{}` cannot be called here", name.name),
                    )
                    .note("constructors are called in instantiations, in their arguments, and in table properties")
                    .help(format!("declare an instance, as in `{}() instance;`", name.name)),
                );
                self.check_unused_arguments(args);
                return self.broken(span);
            }
        }
        let decl = Decl { name: name.name.clone(), span: name.span, annotations: Vec::new() };
        let construction = Construction { entity, name, type_args, args, decl, is_anonymous: true, span };
        let Some(id) = self.construct(construction) else {
            return self.broken(span);
        };
        let ty = self.program.instances[id].ty.clone();
        if let Ty::Extern(extern_id, _) = &ty
            && self.program.types.externs[*extern_id].methods.iter().any(|method| method.is_abstract)
        {
            self.error(
                ABSTRACT_METHOD,
                span,
                format!("`{}` has abstract methods: declare an instance that implements them", name.name),
            );
        }
        Expr { kind: ExprKind::Instance(id), ty, span }
    }

    /// The instance that `P.apply(...)` of a parser or control implies (section on direct type invocation).
    pub(super) fn direct_instance(&mut self, ty: &Ty, span: Span) -> Option<Expr> {
        let (signatures, of, name) = match ty {
            Ty::Parser(id) => (
                self.parsers[*id].clone()?,
                Instantiated::Parser(*id),
                self.program.parsers[*id].decl.name.clone(),
            ),
            Ty::Control(id) => (
                self.controls[*id].clone()?,
                Instantiated::Control(*id),
                self.program.controls[*id].decl.name.clone(),
            ),
            _ => return None,
        };
        let ident = Ident { name: name.clone(), span };
        let mut args = Vec::new();
        for param in &signatures.constructor.params {
            match &param.default {
                Some(default) => args.push(Some((**default).clone())),
                None if param.is_optional => args.push(None),
                None => {
                    self.emit(
                        Diagnostic::error(
                            WRONG_ARGUMENTS,
                            span,
                            format!("`{name}` has constructor parameters and cannot be applied without an instance"),
                        )
                        .label(param.span, "this parameter")
                        .help(format!("declare an instance, as in `{name}(...) instance;`")),
                    );
                    return None;
                }
            }
        }
        let decl = Decl { name: ident.name.clone(), span, annotations: Vec::new() };
        let instance = Instance {
            decl,
            ty: ty.clone(),
            of,
            args,
            methods: Vec::new(),
            locals: Vec::new(),
            is_anonymous: true,
            by_typedef: false,
        };
        let id = self.program.instances.push(instance);
        Some(Expr { kind: ExprKind::Instance(id), ty: ty.clone(), span })
    }

    /// Makes an instance.
    fn construct(&mut self, construction: Construction<'_>) -> Option<InstanceId> {
        let Construction { entity, name, type_args, args, decl, is_anonymous, span } = construction;
        let Some((of, known)) = self.constructible(entity, name) else {
            self.check_unused_arguments(args);
            return None;
        };
        let (params, constructors) = match of {
            Instantiated::Extern(id, _) => {
                (self.program.types.externs[id].type_params.clone(), self.externs[id].constructors.clone())
            }
            Instantiated::Parser(id) => (Vec::new(), vec![self.parsers[id].clone()?.constructor]),
            Instantiated::Control(id) => (Vec::new(), vec![self.controls[id].clone()?.constructor]),
            Instantiated::Package(id) => {
                (self.program.types.packages[id].type_params.clone(), vec![self.packages[id].clone()?])
            }
        };
        let mut outer_args: Vec<Ty> = known.map(|known| known.to_vec()).unwrap_or_default();
        if !type_args.is_empty() {
            if type_args.len() != params.len() || !outer_args.is_empty() {
                let wanted = if outer_args.is_empty() { params.len() } else { 0 };
                let declared = constructors.first().map_or(Span::default(), |constructor| constructor.span);
                self.type_argument_count(name, wanted, type_args.len(), span, declared);
                self.check_unused_arguments(args);
                return None;
            }
            for arg in type_args {
                let ty = self.resolve_type(arg);
                outer_args.push(self.check_type_argument(ty, arg.span));
            }
            self.check_outer_arguments(of, &outer_args, span);
        }
        if constructors.is_empty() {
            self.emit(
                Diagnostic::error(
                    NOT_CALLABLE,
                    name.span,
                    format!("the extern `{}` has no constructor", name.name),
                )
                .note("only the architecture makes instances of it"),
            );
            self.check_unused_arguments(args);
            return None;
        }
        let chosen = self.choose(&constructors, name, args)?;
        let signature = constructors.get(chosen)?;
        let manner = match of {
            Instantiated::Package(_) => Manner::Package,
            Instantiated::Extern(..) | Instantiated::Parser(_) | Instantiated::Control(_) => {
                Manner::Constructor
            }
        };
        let outer = Outer { params: &params, args: &outer_args };
        let call = self.check_call(signature, outer, &[], args, manner, span)?;
        let type_args: Arc<[Ty]> = call.outer_args.into();
        let (of, ty) = match of {
            Instantiated::Extern(id, _) => (Instantiated::Extern(id, chosen), Ty::Extern(id, type_args)),
            Instantiated::Parser(id) => (of, Ty::Parser(id)),
            Instantiated::Control(id) => (of, Ty::Control(id)),
            Instantiated::Package(id) => (of, Ty::Package(id, type_args)),
        };
        let args = call.args.into_iter().map(|arg| arg.expr).collect();
        let by_typedef = matches!(entity, TypeEntity::Plain(_));
        let (methods, locals) = (Vec::new(), Vec::new());
        let instance = Instance { decl, ty, of, args, methods, locals, is_anonymous, by_typedef };
        Some(self.program.instances.push(instance))
    }

    fn check_outer_arguments(&mut self, of: Instantiated, args: &[Ty], span: Span) {
        if let Instantiated::Extern(id, _) = of {
            self.check_specialized_extern(&Ty::Extern(id, args.into()), span);
        }
    }

    /// What can be made of a type, with the type arguments that a typedef fixes.
    fn constructible(
        &mut self,
        entity: &TypeEntity,
        name: &Ident,
    ) -> Option<(Instantiated, Option<Arc<[Ty]>>)> {
        let some = |args: &Arc<[Ty]>| (!args.is_empty()).then(|| args.clone());
        let found = match entity {
            TypeEntity::Extern(id) => (Instantiated::Extern(*id, 0), None),
            TypeEntity::Parser(id) => (Instantiated::Parser(*id), None),
            TypeEntity::Control(id) => (Instantiated::Control(*id), None),
            TypeEntity::Package(id) => (Instantiated::Package(*id), None),
            TypeEntity::Plain(Ty::Extern(id, args)) => (Instantiated::Extern(*id, 0), some(args)),
            TypeEntity::Plain(Ty::Parser(id)) => (Instantiated::Parser(*id), None),
            TypeEntity::Plain(Ty::Control(id)) => (Instantiated::Control(*id), None),
            TypeEntity::Plain(Ty::Package(id, args)) => (Instantiated::Package(*id), some(args)),
            TypeEntity::Plain(Ty::Unknown) => return None,
            TypeEntity::Block(id) => {
                let block = &self.program.types.block_types[*id];
                let (kind, declared) = (if block.is_parser { "parser" } else { "control" }, block.decl.span);
                self.emit(
                    Diagnostic::error(
                        NOT_CALLABLE,
                        name.span,
                        format!("`{}` is a {kind} type without a body and cannot be instantiated", name.name),
                    )
                    .label(declared, "declared here"),
                );
                return None;
            }
            TypeEntity::Plain(_) | TypeEntity::Composite(_) => {
                self.emit(
                    Diagnostic::error(
                        NOT_CALLABLE,
                        name.span,
                        format!("the type `{}` has no constructor", name.name),
                    )
                    .help("a value of the type is written with a cast, as in `(T) { ... }`"),
                );
                return None;
            }
        };
        Some(found)
    }

    /// `T(args) name = { methods };`
    pub(super) fn instantiation(
        &mut self,
        instantiation: &Instantiation,
        annotations: &[ast::Annotation],
        span: Span,
    ) -> Option<InstanceId> {
        let Instantiation { ty, args, name, initializer } = instantiation;
        let (ty, size) = match &ty.kind {
            TypeKind::Array(element, size) => (&**element, Some(size)),
            _ => (ty, None),
        };
        let (entity, type_name, type_args) = self.instantiated_type(ty, args)?;
        let decl = self.decl(name, annotations);
        if !self.may_instantiate(&entity, name) {
            self.check_unused_arguments(args);
            self.declare(name, Entity::Broken);
            return None;
        }
        let construction = Construction {
            entity: &entity,
            name: &type_name,
            type_args,
            args,
            decl,
            is_anonymous: false,
            span,
        };
        let Some(id) = self.construct(construction) else {
            self.declare(name, Entity::Broken);
            return None;
        };
        if let Some(size) = size {
            self.instance_array(id, size, name);
            return None;
        }
        self.abstract_methods(id, initializer.as_deref(), span);
        self.declare(name, Entity::Instance(id));
        self.add_instance(id);
        Some(id)
    }

    /// Adds an instance to what the parser or control around declares, or to the top level.
    fn add_instance(&mut self, id: InstanceId) {
        match self.around.place {
            Place::TopLevel => self.program.top_level.push(id),
            _ => self.locals.push(LocalDecl::Instance(id)),
        }
    }

    /// `T(args)[size] name`: as many instances, of which `name[i]` is one.
    fn instance_array(&mut self, first: InstanceId, size: &ast::Expr, name: &Ident) {
        let model = self.program.instances[first].clone();
        let size = self.stack_size(size);
        let (Some(size), Ty::Extern(..)) = (size, &model.ty) else {
            if size.is_some() {
                self.error(
                    INSTANTIATION_NOT_ALLOWED,
                    name.span,
                    "only externs can be instantiated as an array",
                );
            }
            self.declare(name, Entity::Broken);
            return;
        };
        self.abstract_methods(first, None, name.span);
        let mut elements = Vec::new();
        for i in 0..size {
            let element: Arc<str> = format!("{}[{i}]", name.name).into();
            let id = match i {
                0 => first,
                _ => self.program.instances.push(model.clone()),
            };
            self.program.instances[id].decl.name = element;
            self.add_instance(id);
            elements.push(Expr { kind: ExprKind::Instance(id), ty: model.ty.clone(), span: name.span });
        }
        let ty = Ty::Stack(Arc::new(model.ty), size);
        let array = Expr { kind: ExprKind::Aggregate(elements), ty, span: name.span };
        self.declare(name, Entity::Constant(Arc::new(array)));
    }

    fn instantiated_type<'t>(
        &mut self,
        ty: &'t TypeRef,
        args: &[Argument],
    ) -> Option<(TypeEntity, Ident, &'t [TypeRef])> {
        let TypeKind::Named { dotted, name, args: type_args } = &ty.kind else {
            let resolved = self.resolve_type(ty);
            if resolved != Ty::Unknown {
                let shown = self.show(&resolved);
                self.error(NOT_CALLABLE, ty.span, format!("the type `{shown}` has no constructor"));
            }
            self.check_unused_arguments(args);
            return None;
        };
        let found = self.lookup(name, *dotted);
        match found {
            Some((Entity::Type(entity), _)) => return Some((entity, name.clone(), type_args)),
            None | Some((Entity::Broken, _)) => {}
            Some((Entity::Open(kind), declared)) => self.emit(
                Diagnostic::error(
                    RECURSIVE_DECLARATION,
                    name.span,
                    format!("`{}` is instantiated inside of itself", name.name),
                )
                .label(declared, format!("{kind} that is being declared"))
                .note("P4 has no recursion"),
            ),
            Some((other, declared)) => self.emit(
                Diagnostic::error(
                    WRONG_KIND_OF_NAME,
                    name.span,
                    format!("`{}` is {}, not a type that can be instantiated", name.name, other.kind()),
                )
                .label(declared, "declared here"),
            ),
        }
        self.check_unused_arguments(args);
        None
    }

    /// Whether something may be instantiated by a declaration here (second table in the appendix on restrictions
    /// on calls); reported if not.
    fn may_instantiate(&mut self, entity: &TypeEntity, name: &Ident) -> bool {
        let place = self.around.place;
        let (what, allowed) = match entity {
            TypeEntity::Package(_) | TypeEntity::Plain(Ty::Package(..)) => {
                ("a package", place == Place::TopLevel)
            }
            TypeEntity::Parser(_) | TypeEntity::Plain(Ty::Parser(_)) => {
                ("a parser", place == Place::ParserLocals)
            }
            TypeEntity::Control(_) | TypeEntity::Plain(Ty::Control(_)) => {
                ("a control", place == Place::ControlLocals)
            }
            TypeEntity::Extern(_) | TypeEntity::Plain(Ty::Extern(..)) => (
                "an extern",
                matches!(place, Place::TopLevel | Place::ParserLocals | Place::ControlLocals | Place::Method),
            ),
            _ => return true,
        };
        if allowed {
            return true;
        }
        let mut diagnostic = Diagnostic::error(
            INSTANTIATION_NOT_ALLOWED,
            name.span,
            format!("{what} cannot be instantiated {}", place.name()),
        );
        diagnostic = match place {
            Place::ControlApply => diagnostic.help("move it up, before `apply`"),
            Place::ParserState => diagnostic.help("move it up, before the states"),
            Place::TopLevel => {
                diagnostic.help("instantiate it where it is used, or in the arguments of the package")
            }
            _ => diagnostic,
        };
        self.emit(diagnostic);
        false
    }

    /// Reports an initializer where there is nothing to implement: what it holds, if anything.
    fn needless_initializer(
        &mut self,
        initializer: Option<&[ast::Decl]>,
        message: String,
        instance: Span,
        name: Span,
    ) {
        let Some(decls) = initializer else { return };
        let diagnostic = match decls.first() {
            Some(decl) => {
                Diagnostic::error(ABSTRACT_METHOD, decl.span, message).label(name, "of this instance")
            }
            None => Diagnostic::error(ABSTRACT_METHOD, instance, message),
        };
        self.emit(diagnostic);
    }

    /// Checks the initializer of an instance against the abstract methods of its extern.
    fn abstract_methods(&mut self, id: InstanceId, initializer: Option<&[ast::Decl]>, span: Span) {
        let ty = self.program.instances[id].ty.clone();
        let name_span = self.program.instances[id].decl.span;
        let Ty::Extern(extern_id, type_args) = &ty else {
            let message = "only instances of externs with abstract methods have an initializer";
            self.needless_initializer(initializer, message.to_owned(), span, name_span);
            return;
        };
        let (extern_id, type_args) = (*extern_id, type_args.clone());
        let wanted: Vec<Arc<Signature>> = self.program.types.externs[extern_id]
            .methods
            .iter()
            .zip(&self.externs[extern_id].methods)
            .filter(|(method, _)| method.is_abstract)
            .map(|(_, signature)| signature.clone())
            .collect();
        if wanted.is_empty() {
            let message = format!("`{}` has no abstract methods to implement", self.show(&ty));
            self.needless_initializer(initializer, message, span, name_span);
            return;
        }
        let mut implemented: Vec<(Arc<str>, FunctionId, Span)> = Vec::new();
        let around = Surroundings { this: Some(id), place: Place::Method, ..self.around.clone() };
        let outer_locals = std::mem::take(&mut self.locals);
        self.within(around, |c| {
            c.scoped(|c| {
                for decl in initializer.unwrap_or_default() {
                    match &decl.kind {
                        DeclKind::Function(function) => {
                            let name = &function.signature.name;
                            let Some(method) = wanted.iter().find(|method| method.name == name.name) else {
                                let shown = c.show(&ty);
                                c.error(
                                    ABSTRACT_METHOD,
                                    name.span,
                                    format!("`{shown}` has no abstract method `{}`", name.name),
                                );
                                continue;
                            };
                            if let Some((_, _, previous)) = implemented.iter().find(|(n, ..)| *n == name.name)
                            {
                                let previous = *previous;
                                c.duplicate(name, previous, "an implementation");
                                continue;
                            }
                            let Some(implementation) = c.function_body(
                                &function.signature,
                                &function.body,
                                &decl.annotations,
                                Place::Method,
                            ) else {
                                continue;
                            };
                            c.check_implementation(method, implementation, extern_id, &type_args);
                            implemented.push((name.name.clone(), implementation, name.span));
                        }
                        DeclKind::Instantiation(nested) => {
                            c.instantiation(nested, &decl.annotations, decl.span);
                        }
                        _ => c.error(
                            ABSTRACT_METHOD,
                            decl.span,
                            "an initializer consists of methods and instances",
                        ),
                    }
                }
            });
        });
        let locals = std::mem::replace(&mut self.locals, outer_locals);
        for method in &wanted {
            let is_optional = self.program.types.externs[extern_id]
                .methods
                .iter()
                .any(|other| other.decl.name == method.name && has(&other.decl.annotations, "optional"));
            if is_optional {
                continue;
            }
            if !implemented.iter().any(|(name, ..)| *name == method.name) {
                self.emit(
                    Diagnostic::error(
                        ABSTRACT_METHOD,
                        name_span,
                        format!("the abstract method `{}` is not implemented", method.name),
                    )
                    .label(method.span, "declared here"),
                );
            }
        }
        let instance = &mut self.program.instances[id];
        instance.methods = implemented.into_iter().map(|(name, function, _)| (name, function)).collect();
        instance.locals = locals
            .into_iter()
            .filter_map(|local| match local {
                LocalDecl::Instance(id) => Some(id),
                LocalDecl::Variable(..) => None,
            })
            .collect();
    }

    fn check_implementation(
        &mut self,
        wanted: &Signature,
        implementation: FunctionId,
        extern_id: ExternId,
        type_args: &[Ty],
    ) {
        let Some(given) = self.functions[implementation].clone() else { return };
        let params = self.program.types.externs[extern_id].type_params.clone();
        let mut inference = Inference::default();
        let own: Vec<Ty> = given.type_params.iter().map(|_| inference.fresh()).collect();
        // `@optional` parameters at the end need not be there.
        let mut fits = wanted.params.len() >= given.params.len()
            && wanted.params.iter().skip(given.params.len()).all(|param| param.is_optional)
            && wanted.type_params.len() == given.type_params.len();
        let pairs =
            wanted.params.iter().zip(&given.params).map(|(a, b)| (a.direction == b.direction, &a.ty, &b.ty));
        for (same_direction, a, b) in pairs.chain([(true, &wanted.ret, &given.ret)]) {
            let a = substitute(a, &params, type_args);
            let a = match wanted.type_params.len() == own.len() {
                true => substitute(&a, &wanted.type_params, &own),
                false => a,
            };
            let b = substitute(b, &given.type_params, &own);
            fits &= same_direction && self.unify(&mut inference, &a, &b, Fit::Exact);
        }
        if !fits {
            self.emit(
                Diagnostic::error(
                    IMPLEMENTATION_MISMATCH,
                    given.span,
                    format!("`{}` does not fit the abstract method that it implements", given.name),
                )
                .label(wanted.span, "declared here")
                .note("the directions and types of all parameters and the result have to be the same"),
            );
        }
    }
}

/// The parts of a constructor call.
struct Construction<'t> {
    entity: &'t TypeEntity,
    /// As the program writes the type.
    name: &'t Ident,
    type_args: &'t [TypeRef],
    args: &'t [Argument],
    decl: Decl,
    is_anonymous: bool,
    span: Span,
}
