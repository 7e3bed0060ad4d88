//! Declarations: constants, types, externs, functions, actions.

use std::sync::Arc;

use hashbrown::HashMap;
use num_bigint::BigInt;

use super::Checker;
use super::codes::*;
use super::constants::{fits, is_constant};
use super::conversion::Wanted;
use super::parameters::{Owner, extern_params, signature};
use super::scopes::{Entity, FunctionEntity, TypeEntity};
use super::signatures::{Parameter, Signature};
use super::types::container_name;
use crate::diag::Diagnostic;
use crate::hir::{
    self, BlockType, Composite, Decl, Enum, ExternFunction, Field, NewType, Package, Ty, TypeParamId,
};
use crate::syntax::ast::{
    self, BlockTypeDecl, CompositeDecl, ConstDecl, DeclKind, EnumDecl, ExternDecl, FunctionSignature, Ident,
    TypedefDecl, TypedefTarget,
};

/// A checked function or method without body.
struct Prototype {
    decl: Decl,
    type_params: Vec<TypeParamId>,
    params: Vec<(Parameter, Decl)>,
    ret: Ty,
}

/// The name that a declaration introduces, if it introduces one.
pub(super) fn name_of(decl: &ast::Decl) -> Option<&Ident> {
    Some(match &decl.kind {
        DeclKind::Const(decl) => &decl.name,
        DeclKind::Variable(decl) => &decl.name,
        DeclKind::Instantiation(decl) => &decl.name,
        DeclKind::Extern(decl) => &decl.name,
        DeclKind::ExternFunction(signature) => &signature.name,
        DeclKind::Function(decl) => &decl.signature.name,
        DeclKind::Action(decl) => &decl.name,
        DeclKind::Parser(decl) => &decl.signature.name,
        DeclKind::Control(decl) => &decl.signature.name,
        DeclKind::ParserType(decl) | DeclKind::ControlType(decl) | DeclKind::Package(decl) => &decl.name,
        DeclKind::Composite(decl) => &decl.name,
        DeclKind::Enum(decl) => &decl.name,
        DeclKind::Typedef(decl) | DeclKind::NewType(decl) => &decl.name,
        DeclKind::ValueSet(decl) => &decl.name,
        DeclKind::Table(decl) => &decl.name,
        DeclKind::Error(_) | DeclKind::MatchKind(_) => return None,
    })
}

impl Checker<'_> {
    /// A declaration at top level.
    pub(super) fn top_level(&mut self, decl: &ast::Decl) {
        self.silencing(&decl.annotations, |c| c.top_level_inner(decl));
    }

    fn top_level_inner(&mut self, decl: &ast::Decl) {
        let annotations = &decl.annotations;
        if let Some(name) = name_of(decl)
            && &*name.name == "main"
            && !matches!(decl.kind, DeclKind::Instantiation(_) | DeclKind::Function(_))
        {
            self.error(WRONG_KIND_OF_NAME, name.span, "`main` has to be an instance of a package");
        }
        match &decl.kind {
            DeclKind::Const(constant) => self.constant(constant, annotations),
            DeclKind::Variable(variable) => {
                self.emit(
                    Diagnostic::error(
                        MISPLACED_STATEMENT,
                        decl.span,
                        format!(
                            "the variable `{}` stands outside of any parser or control",
                            variable.name.name
                        ),
                    )
                    .help("make it a `const`, or declare it where it is used"),
                );
                self.declare(&variable.name, Entity::Broken);
            }
            DeclKind::Instantiation(instantiation) => {
                let id = self.instantiation(instantiation, annotations, decl.span);
                if &*instantiation.name.name == "main"
                    && let Some(id) = id
                {
                    match self.program.instances[id].ty {
                        Ty::Package(..) => self.program.main = Some(id),
                        _ => self.error(
                            WRONG_KIND_OF_NAME,
                            instantiation.name.span,
                            "`main` has to be an instance of a package",
                        ),
                    }
                }
            }
            DeclKind::Extern(written) => self.extern_object(written, annotations),
            DeclKind::ExternFunction(signature) => self.extern_function(signature, annotations),
            DeclKind::Function(function) => self.function(function, annotations),
            DeclKind::Action(action) => {
                self.action(action, annotations);
            }
            DeclKind::Parser(parser) => self.parser(parser, annotations),
            DeclKind::Control(control) => self.control(control, annotations),
            DeclKind::ParserType(block) => self.block_type(block, annotations, true),
            DeclKind::ControlType(block) => self.block_type(block, annotations, false),
            DeclKind::Package(package) => self.package(package, annotations),
            DeclKind::Composite(composite) => {
                self.composite_declaration(composite, annotations);
            }
            DeclKind::Enum(written) => {
                self.enumeration(written, annotations);
            }
            DeclKind::Typedef(typedef) => self.typedef(typedef, annotations),
            DeclKind::NewType(typedef) => self.new_type(typedef, annotations),
            DeclKind::Error(members) => self.error_members(members),
            DeclKind::MatchKind(members) => self.match_kinds(members),
            DeclKind::ValueSet(value_set) => {
                self.value_set(value_set, annotations);
            }
            DeclKind::Table(table) => {
                self.error(INSTANTIATION_NOT_ALLOWED, table.name.span, "tables are declared in controls");
            }
        }
    }

    /// `const T name = value;`
    pub(super) fn constant(&mut self, written: &ConstDecl, annotations: &[ast::Annotation]) {
        let decl = self.decl(&written.name, annotations);
        self.note_deprecated(&decl);
        let ty = self.resolve_complete_type(&written.ty);
        let is_instance = matches!(
            ty,
            Ty::Parser(_) | Ty::Control(_) | Ty::Block(..) | Ty::Package(..) | Ty::Extern(..) | Ty::Void
        );
        let ty = match is_instance {
            true => {
                let shown = self.show(&ty);
                self.error(
                    TYPE_NOT_ALLOWED,
                    written.ty.span,
                    format!("there are no constants of type `{shown}`"),
                );
                Ty::Unknown
            }
            false => ty,
        };
        let value = self.value(&written.value);
        let what = format!("the constant `{}`", written.name.name);
        let value = self.coerce(value, &ty, &Wanted { what: &what, declared: written.name.span });
        // Generic code knows the sizes of its types only once it is used.
        let is_known = is_constant(&value) || matches!(value.kind, hir::ExprKind::SizeOf(..));
        if value.ty != Ty::Unknown && !is_known {
            self.not_constant(&value, "the value of a constant");
        }
        let value =
            if value.ty == Ty::Unknown || !is_known { self.broken(written.value.span) } else { value };
        let value = if value.ty == Ty::Unknown { hir::Expr { ty: Ty::Unknown, ..value } } else { value };
        self.declare(&written.name, Entity::Constant(Arc::new(value)));
    }

    // Types

    /// `header`, `struct` or `header_union`.
    pub(super) fn composite_declaration(
        &mut self,
        written: &CompositeDecl,
        annotations: &[ast::Annotation],
    ) -> Ty {
        let decl = self.decl(&written.name, annotations);
        self.note_deprecated(&decl);
        self.declare(&written.name, Entity::Open("a type"));
        let container = container_name(written.kind);
        let (type_params, fields) = self.scoped(|c| {
            let type_params = c.type_params(&written.type_params);
            let mut fields: Vec<Field> = Vec::new();
            let mut seen: HashMap<Arc<str>, crate::source::Span> = HashMap::new();
            for field in &written.fields {
                let ty = c.resolve_complete_type(&field.ty);
                let decl = c.decl(&field.name, &field.annotations);
                let element = format!("the field `{}`", field.name.name);
                let fits = c.check_element(&ty, field.name.span, container, &element, Some(written.kind));
                let ty = if fits { ty } else { Ty::Unknown };
                if let Some(previous) = seen.insert(field.name.name.clone(), field.name.span) {
                    c.duplicate(&field.name, previous, "a field");
                    continue;
                }
                fields.push(Field { decl, ty });
            }
            (type_params, fields)
        });
        let args: Arc<[Ty]> = type_params.iter().map(|id| Ty::Param(*id)).collect();
        let composite = Composite { decl, kind: written.kind, type_params, fields: fields.into() };
        let id = self.program.types.composites.push(composite);
        self.close(&written.name, Entity::Type(TypeEntity::Composite(id)));
        Ty::Composite(id, args)
    }

    /// Replaces the placeholder of a declaration that is going on, unless the name was taken before.
    pub(super) fn close(&mut self, name: &Ident, entity: Entity) {
        if let Some(binding) = self.scopes.find_here_mut(&name.name)
            && binding.span == name.span
        {
            binding.entity = entity;
        }
    }

    /// `enum E { ... }`, `enum T E { ... }`.
    fn enumeration(&mut self, written: &EnumDecl, annotations: &[ast::Annotation]) -> Ty {
        let decl = self.decl(&written.name, annotations);
        self.note_deprecated(&decl);
        let underlying = written.underlying.as_ref().map(|ty| {
            let resolved = self.resolve_complete_type(ty);
            match resolved {
                Ty::Bit(_) | Ty::Int(_) | Ty::Unknown => resolved,
                _ => {
                    let shown = self.show(&resolved);
                    let mut diagnostic = Diagnostic::error(
                        INVALID_ELEMENT_TYPE,
                        ty.span,
                        format!("an enum cannot be made of `{shown}`, only of `bit<w>` and `int<w>`"),
                    );
                    if matches!(resolved, Ty::New(_)) {
                        diagnostic = diagnostic.help("use `typedef` in place of `type`");
                    }
                    self.emit(diagnostic);
                    Ty::Unknown
                }
            }
        });
        if written.members.is_empty() {
            self.error(OUT_OF_RANGE, written.name.span, "an enum needs at least one member");
        }
        let is_broken = underlying == Some(Ty::Unknown) || written.members.is_empty();
        let id =
            self.program.types.enums.push(Enum { decl, underlying: underlying.clone(), members: Vec::new() });
        let ty = Ty::Enum(id);
        self.scoped(|c| {
            for (name, value) in &written.members {
                let value = match (&underlying, value) {
                    (Some(ty), Some(value)) => Some(c.enum_member_value(name, value, ty)),
                    (None, Some(value)) => {
                        c.emit(
                            Diagnostic::error(
                                MISMATCHED_TYPES,
                                value.span,
                                "the members of an enum without underlying type have no values",
                            )
                            .help("write the type, as in `enum bit<8> E { ... }`"),
                        );
                        None
                    }
                    (Some(_), None) => {
                        c.error(
                            MISMATCHED_TYPES,
                            name.span,
                            format!(
                                "the member `{}` of an enum with an underlying type needs a value",
                                name.name
                            ),
                        );
                        Some(BigInt::ZERO)
                    }
                    (None, None) => None,
                };
                if let Some(previous) = c.scopes.find_here(&name.name) {
                    let previous = previous.span;
                    c.duplicate(name, previous, "a member");
                    continue;
                }
                // Later members may refer to earlier ones by name alone.
                let index = c.program.types.enums[id].members.len();
                let member =
                    hir::Expr { kind: hir::ExprKind::EnumMember(id, index), ty: ty.clone(), span: name.span };
                c.scopes.bind(&name.name, Entity::Constant(Arc::new(member)), name.span, false);
                c.program.types.enums[id].members.push((name.name.clone(), value));
            }
        });
        if is_broken {
            self.declare(&written.name, Entity::Broken);
            return Ty::Unknown;
        }
        self.declare(&written.name, Entity::Type(TypeEntity::Plain(ty.clone())));
        ty
    }

    fn enum_member_value(&mut self, name: &Ident, value: &ast::Expr, ty: &Ty) -> BigInt {
        let checked = self.value(value);
        if checked.ty == Ty::Unknown || *ty == Ty::Unknown {
            return BigInt::ZERO;
        }
        let checked = match (&checked.ty, self.int_value(&checked)) {
            (Ty::InfInt, Some(number)) if !fits(&number, ty) => {
                let shown = self.show(ty);
                self.error(
                    OUT_OF_RANGE,
                    value.span,
                    format!(
                        "the value {number} of `{}` does not fit the underlying type `{shown}`",
                        name.name
                    ),
                );
                return BigInt::ZERO;
            }
            _ => self.coerce(checked, ty, &Wanted { what: "the underlying type", declared: name.span }),
        };
        self.constant_int(&checked, "the value of a member").unwrap_or_default()
    }

    fn typedef(&mut self, written: &TypedefDecl, annotations: &[ast::Annotation]) {
        let decl = self.decl(&written.name, annotations);
        self.note_deprecated(&decl);
        let (ty, span) = match &written.target {
            TypedefTarget::Type(ty) => (self.resolve_complete_type(ty), ty.span),
            TypedefTarget::Decl(inner) => {
                let ty = match &inner.kind {
                    DeclKind::Composite(composite) => {
                        self.composite_declaration(composite, &inner.annotations)
                    }
                    DeclKind::Enum(written) => self.enumeration(written, &inner.annotations),
                    _ => Ty::Unknown,
                };
                (ty, inner.span)
            }
        };
        if matches!(ty, Ty::Void | Ty::String | Ty::MatchKind) {
            let shown = self.show(&ty);
            self.error(TYPE_NOT_ALLOWED, span, format!("there are no typedefs of `{shown}`"));
        }
        self.declare(&written.name, Entity::Type(TypeEntity::Plain(ty)));
    }

    fn new_type(&mut self, written: &TypedefDecl, annotations: &[ast::Annotation]) {
        let decl = self.decl(&written.name, annotations);
        self.note_deprecated(&decl);
        let TypedefTarget::Type(target) = &written.target else {
            self.error(TYPE_NOT_ALLOWED, written.name.span, "`type` needs a type that is declared already");
            self.declare(&written.name, Entity::Broken);
            return;
        };
        let underlying = self.resolve_complete_type(target);
        if !matches!(underlying, Ty::Bit(_) | Ty::Int(_) | Ty::Bool | Ty::New(_)) {
            if underlying != Ty::Unknown {
                let shown = self.show(&underlying);
                self.emit(
                    Diagnostic::error(
                        TYPE_NOT_ALLOWED,
                        target.span,
                        format!("`type` cannot be made of `{shown}`, only of `bit<w>`, `int<w>` and `bool`"),
                    )
                    .help("use `typedef`"),
                );
            }
            self.declare(&written.name, Entity::Broken);
            return;
        }
        let id = self.program.types.new_types.push(NewType { decl, underlying });
        self.declare(&written.name, Entity::Type(TypeEntity::Plain(Ty::New(id))));
    }

    fn error_members(&mut self, members: &[Ident]) {
        for member in members {
            if self.program.errors.contains(&member.name) {
                self.error(
                    DUPLICATE_NAME,
                    member.span,
                    format!("`error.{}` is declared more than once", member.name),
                );
                continue;
            }
            self.program.errors.push(member.name.clone());
        }
    }

    fn match_kinds(&mut self, members: &[Ident]) {
        for member in members {
            let index = self.program.match_kinds.len();
            let before = self.scopes.find_here(&member.name).is_some();
            self.declare(member, Entity::MatchKind(index));
            if !before {
                self.program.match_kinds.push(member.name.clone());
            }
        }
    }

    fn block_type(&mut self, written: &BlockTypeDecl, annotations: &[ast::Annotation], is_parser: bool) {
        let decl = self.decl(&written.name, annotations);
        self.note_deprecated(&decl);
        self.declare(&written.name, Entity::Open(if is_parser { "a parser type" } else { "a control type" }));
        let owner = if is_parser { Owner::ParserType } else { Owner::ControlType };
        let (type_params, params) = self.scoped(|c| {
            let type_params = c.type_params(&written.type_params);
            let params = c.parameters(&written.params, owner);
            c.check_names(&written.params);
            (type_params, params)
        });
        let what = if is_parser { "parser type" } else { "control type" };
        let signature = signature(what, &written.name, type_params.clone(), &params, Ty::Void);
        let block = BlockType { decl, is_parser, type_params, params: extern_params(&params) };
        let id = self.program.types.block_types.push(block);
        self.block_types[id] = Some(signature);
        self.close(&written.name, Entity::Type(TypeEntity::Block(id)));
    }

    /// Reports parameters that share a name with one another or a type parameter.
    fn check_names(&mut self, params: &[ast::Param]) {
        for param in params {
            if let Some(previous) = self.scopes.find_here(&param.name.name) {
                let span = previous.span;
                self.duplicate(&param.name, span, "a parameter");
            } else {
                self.scopes.bind(&param.name.name, Entity::Broken, param.name.span, true);
            }
        }
    }

    fn package(&mut self, written: &BlockTypeDecl, annotations: &[ast::Annotation]) {
        let decl = self.decl(&written.name, annotations);
        self.note_deprecated(&decl);
        self.declare(&written.name, Entity::Open("a package"));
        let (type_params, params) = self.scoped(|c| {
            let type_params = c.type_params(&written.type_params);
            let params = c.parameters(&written.params, Owner::Package);
            c.check_names(&written.params);
            (type_params, params)
        });
        let signature = signature("package", &written.name, type_params.clone(), &params, Ty::Void);
        let package = Package { decl, type_params, params: extern_params(&params) };
        let id = self.program.types.packages.push(package);
        self.packages[id] = Some(signature);
        self.close(&written.name, Entity::Type(TypeEntity::Package(id)));
    }

    // Externs

    fn extern_object(&mut self, written: &ExternDecl, annotations: &[ast::Annotation]) {
        let decl = self.decl(&written.name, annotations);
        self.note_deprecated(&decl);
        let id = self.program.types.externs.push(hir::Extern {
            decl,
            type_params: Vec::new(),
            constructors: Vec::new(),
            methods: Vec::new(),
        });
        self.declare(&written.name, Entity::Open("an extern"));
        self.scoped(|c| {
            let type_params = c.type_params(&written.type_params);
            c.program.types.externs[id].type_params = type_params;
            for constructor in &written.constructors {
                if constructor.name.name != written.name.name {
                    c.emit(
                        Diagnostic::error(
                            MISMATCHED_TYPES,
                            constructor.name.span,
                            format!("the method `{}` has no return type", constructor.name.name),
                        )
                        .help(format!("a constructor is named as its extern, `{}`", written.name.name)),
                    );
                    continue;
                }
                let decl = c.decl(&constructor.name, &constructor.annotations);
                c.note_deprecated(&decl);
                let params = c.parameters(&constructor.params, Owner::ExternConstructor);
                c.distinct_parameters(&params);
                let signature = signature("constructor", &constructor.name, Vec::new(), &params, Ty::Void);
                let known = c.externs[id].constructors.clone();
                if !c.check_overload(&known, &signature) {
                    continue;
                }
                c.program.types.externs[id].constructors.push(ExternFunction {
                    decl,
                    type_params: Vec::new(),
                    params: extern_params(&params),
                    ret: Ty::Void,
                    is_abstract: false,
                });
                c.externs[id].constructors.push(signature);
            }
            for method in &written.methods {
                let name = &method.signature.name;
                if name.name == written.name.name {
                    c.error(
                        DUPLICATE_NAME,
                        name.span,
                        "a method cannot have the name of its extern, which is that of the constructors",
                    );
                    continue;
                }
                let Prototype { decl, type_params, params, ret } =
                    c.prototype(&method.signature, &method.annotations);
                let signature = signature("method", name, type_params.clone(), &params, ret.clone());
                let known = c.externs[id].methods.clone();
                if !c.check_overload(&known, &signature) {
                    continue;
                }
                let overlaps_abstract = method.is_abstract
                    && c.program.types.externs[id].methods.iter().any(|other| other.decl.name == name.name);
                if overlaps_abstract {
                    c.error(DUPLICATE_NAME, name.span, "abstract methods cannot be overloaded");
                    continue;
                }
                c.program.types.externs[id].methods.push(ExternFunction {
                    decl,
                    type_params,
                    params: extern_params(&params),
                    ret,
                    is_abstract: method.is_abstract,
                });
                c.externs[id].methods.push(signature);
            }
        });
        self.close(&written.name, Entity::Type(TypeEntity::Extern(id)));
    }

    /// A method or extern function without body.
    fn prototype(&mut self, written: &FunctionSignature, annotations: &[ast::Annotation]) -> Prototype {
        let decl = self.decl(&written.name, annotations);
        self.note_deprecated(&decl);
        let (type_params, params, ret) = self.scoped(|c| {
            let type_params = c.type_params(&written.type_params);
            let ret = c.return_type(&written.ret);
            let params = c.parameters(&written.params, Owner::Extern);
            (type_params, params, ret)
        });
        self.distinct_parameters(&params);
        Prototype { decl, type_params, params, ret }
    }

    /// A result: no parser, control, package, extern or `string`.
    pub(super) fn return_type(&mut self, written: &ast::TypeRef) -> Ty {
        let ty = self.resolve_complete_type(written);
        let is_instance =
            matches!(ty, Ty::Parser(_) | Ty::Control(_) | Ty::Block(..) | Ty::Package(..) | Ty::Extern(..));
        if is_instance || matches!(ty, Ty::InfInt | Ty::MatchKind | Ty::String) {
            let shown = self.show(&ty);
            self.error(TYPE_NOT_ALLOWED, written.span, format!("a call cannot return a `{shown}`"));
            return Ty::Unknown;
        }
        ty
    }

    /// Whether calls can tell a function from others of its name: by number or names of parameters.
    pub(super) fn check_overload(&mut self, known: &[Arc<Signature>], signature: &Signature) -> bool {
        for other in known.iter().filter(|other| other.name == signature.name) {
            let same_count = other.params.len() == signature.params.len();
            let same_names =
                same_count && other.params.iter().zip(&signature.params).all(|(a, b)| a.name == b.name);
            if same_names {
                self.emit(
                    Diagnostic::error(
                        DUPLICATE_NAME,
                        signature.span,
                        format!(
                            "a {} `{}` with these parameters exists already",
                            signature.what, signature.name
                        ),
                    )
                    .label(other.span, "first declared here")
                    .note("overloads differ in the number or the names of their parameters"),
                );
                return false;
            }
        }
        true
    }

    fn extern_function(&mut self, written: &FunctionSignature, annotations: &[ast::Annotation]) {
        let Prototype { decl, type_params, params, ret } = self.prototype(written, annotations);
        let signature =
            signature("extern function", &written.name, type_params.clone(), &params, ret.clone());
        let function =
            ExternFunction { decl, type_params, params: extern_params(&params), ret, is_abstract: false };
        let id = self.program.extern_functions.push(function);
        self.extern_functions[id] = Some(signature.clone());
        self.declare_function(&written.name, FunctionEntity::Extern(id), &signature);
    }
}
