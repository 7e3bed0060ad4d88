//! Where values live: types flattened to scalar slots, header instances, stacks and unions of the IR.
//!
//! Invariant: a [`Location`] has the shape of its type. Locations of one variable are made once and shared.

use std::sync::Arc;

use hashbrown::HashMap;
use heddle_ir as ir;
use heddle_ir::verify::limit;
use heddle_ir::{Expr, HeaderRef, HeaderTypeId, Place, StackId, VarId};

use super::{Lower, Lowerer};
use crate::hir::{Ty, TypeParamId, VariableId};
use crate::source::Span;
use crate::syntax::ast::CompositeKind;

/// Where a value lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Location {
    /// A number, `bool`, `enum`, `error` or `varbit`.
    Scalar(Place),
    /// A header.
    Header(HeaderRef, HeaderTypeId),
    /// A struct or tuple, or a struct inside a header.
    Struct(Arc<[Location]>),
    /// A header union: its members.
    Union(Arc<[Location]>),
    /// A stack.
    Stack(Arc<StackLocation>),
}

/// Where a stack lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StackLocation {
    /// Its elements: headers or unions.
    pub(crate) elements: Vec<Location>,
    /// One per member of its elements; one if the elements are headers.
    pub(crate) columns: Vec<(StackId, HeaderTypeId)>,
    /// Its `nextIndex`.
    pub(crate) next: VarId,
}

impl StackLocation {
    /// The element at an index known at run time.
    pub(crate) fn element(&self, index: &Expr) -> Location {
        let one = |(stack, ty): &(StackId, HeaderTypeId)| {
            Location::Header(HeaderRef::Element(*stack, Box::new(index.clone())), *ty)
        };
        match (self.elements.first(), self.columns.first()) {
            (Some(Location::Union(_)), _) | (_, None) => {
                Location::Union(self.columns.iter().map(one).collect())
            }
            (_, Some(column)) => one(column),
        }
    }

    /// The element at an index, which may be a constant.
    pub(crate) fn at(&self, index: &Expr) -> Location {
        if let Expr::Const(bits) = index
            && let Some(element) = bits.to_u64().and_then(|i| self.elements.get(usize::try_from(i).ok()?))
        {
            return element.clone();
        }
        self.element(index)
    }

    /// How many elements there are.
    pub(crate) fn size(&self) -> u32 {
        self.elements.len() as u32
    }
}

/// Which flat fields of a header make up a field as declared.
#[derive(Clone, Debug)]
pub(crate) enum FieldTree {
    /// This one.
    Leaf(usize),
    /// A struct of these.
    Node(Vec<FieldTree>),
}

impl FieldTree {
    /// How many flat fields it is made of.
    pub(crate) fn leaves(&self) -> usize {
        match self {
            FieldTree::Leaf(_) => 1,
            FieldTree::Node(trees) => trees.iter().map(FieldTree::leaves).sum(),
        }
    }

    /// The field's location in a header.
    pub(crate) fn locate(&self, header: &HeaderRef) -> Location {
        match self {
            FieldTree::Leaf(index) => Location::Scalar(Place::Field(header.clone(), *index)),
            FieldTree::Node(fields) => Location::Struct(fields.iter().map(|f| f.locate(header)).collect()),
        }
    }
}

/// What a type is made of.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// One scalar.
    Scalar(ir::Ty),
    /// A header.
    Header,
    /// A struct or tuple of named fields.
    Struct(Vec<(Arc<str>, Ty)>),
    /// A union of named headers.
    Union(Vec<(Arc<str>, Ty)>),
    /// A stack.
    Stack(Arc<Ty>, u32),
    /// Nothing that exists at run time.
    Nothing,
}

/// Bits of an `enum` without underlying type, of an `error` and of the sizes and indices of stacks.
pub(crate) const SYMBOL_WIDTH: u32 = 32;

/// `ty` with type parameters replaced.
pub(crate) fn substitute(ty: &Ty, with: &HashMap<TypeParamId, Ty>) -> Ty {
    let all = |tys: &Arc<[Ty]>| tys.iter().map(|t| substitute(t, with)).collect::<Arc<[Ty]>>();
    match ty {
        Ty::Param(param) => with.get(param).cloned().unwrap_or_else(|| ty.clone()),
        Ty::Composite(id, args) if !args.is_empty() => Ty::Composite(*id, all(args)),
        Ty::Stack(of, size) => Ty::Stack(Arc::new(substitute(of, with)), *size),
        Ty::Tuple(of) => Ty::Tuple(all(of)),
        Ty::AnonymousStruct(fields) => {
            Ty::AnonymousStruct(fields.iter().map(|(n, t)| (n.clone(), substitute(t, with))).collect())
        }
        Ty::List(of) => Ty::List(Arc::new(substitute(of, with))),
        Ty::Set(of) => Ty::Set(Arc::new(substitute(of, with))),
        Ty::Extern(id, args) if !args.is_empty() => Ty::Extern(*id, all(args)),
        Ty::Block(id, args) if !args.is_empty() => Ty::Block(*id, all(args)),
        Ty::Package(id, args) if !args.is_empty() => Ty::Package(*id, all(args)),
        Ty::Composite(..)
        | Ty::Extern(..)
        | Ty::Block(..)
        | Ty::Package(..)
        | Ty::Unknown
        | Ty::Void
        | Ty::Bool
        | Ty::String
        | Ty::Error
        | Ty::MatchKind
        | Ty::InfInt
        | Ty::Bit(_)
        | Ty::Int(_)
        | Ty::Varbit(_)
        | Ty::Enum(_)
        | Ty::InvalidHeader
        | Ty::Dots
        | Ty::New(_)
        | Ty::Parser(_)
        | Ty::Control(_)
        | Ty::Infer(_)
        | Ty::ApplyResult(_)
        | Ty::Callable => ty.clone(),
    }
}

impl Lowerer<'_> {
    /// Names and types of the fields of a struct, header or union.
    pub(crate) fn fields(&self, ty: &Ty) -> Vec<(Arc<str>, Ty)> {
        match self.strip(ty) {
            Ty::Composite(id, args) => {
                let composite = &self.hir.types.composites[id];
                let with: HashMap<TypeParamId, Ty> =
                    composite.type_params.iter().copied().zip(args.iter().cloned()).collect();
                composite.fields.iter().map(|f| (f.decl.name.clone(), substitute(&f.ty, &with))).collect()
            }
            Ty::Tuple(of) => {
                of.iter().enumerate().map(|(i, t)| (format!("f{i}").into(), t.clone())).collect()
            }
            Ty::AnonymousStruct(fields) => fields.to_vec(),
            // An array of something that is no header: as good as a struct of its elements.
            Ty::Stack(of, size) => (0..size).map(|i| (format!("[{i}]").into(), (*of).clone())).collect(),
            _ => Vec::new(),
        }
    }

    /// The type with `type` names resolved and type arguments put in.
    pub(crate) fn strip(&self, ty: &Ty) -> Ty {
        let mut ty = self.subst(ty);
        // A `type` of a `type` of ...: declarations cannot be circular, but nothing here relies on it.
        for _ in 0..64 {
            match ty {
                Ty::New(id) => ty = self.hir.types.new_types[id].underlying.clone(),
                _ => break,
            }
        }
        ty
    }

    /// What a type is made of.
    pub(crate) fn shape(&mut self, ty: &Ty, span: Span) -> Lower<Shape> {
        let ty = self.strip(ty);
        Ok(match &ty {
            Ty::Bool => Shape::Scalar(ir::Ty::Bits(1)),
            Ty::Bit(w) | Ty::Int(w) => Shape::Scalar(ir::Ty::Bits(*w)),
            Ty::Varbit(w) => Shape::Scalar(ir::Ty::Varbit(*w)),
            Ty::Error | Ty::MatchKind => Shape::Scalar(ir::Ty::Bits(SYMBOL_WIDTH)),
            Ty::Enum(id) => match self.hir.types.enums[*id].underlying.clone() {
                Some(underlying) => return self.shape(&underlying, span),
                None => Shape::Scalar(ir::Ty::Bits(SYMBOL_WIDTH)),
            },
            Ty::Composite(id, _) => match self.hir.types.composites[*id].kind {
                CompositeKind::Header => Shape::Header,
                CompositeKind::Struct => Shape::Struct(self.fields(&ty)),
                CompositeKind::HeaderUnion => Shape::Union(self.fields(&ty)),
            },
            Ty::Tuple(_) | Ty::AnonymousStruct(_) => Shape::Struct(self.fields(&ty)),
            Ty::Stack(of, size) => match self.strip(of) {
                Ty::Composite(id, _) if self.hir.types.composites[id].kind != CompositeKind::Struct => {
                    Shape::Stack(of.clone(), *size)
                }
                _ => Shape::Struct(self.fields(&ty)),
            },
            Ty::Void
            | Ty::String
            | Ty::InfInt
            | Ty::List(_)
            | Ty::Set(_)
            | Ty::InvalidHeader
            | Ty::Dots
            | Ty::Extern(..)
            | Ty::Parser(_)
            | Ty::Control(_)
            | Ty::Block(..)
            | Ty::Package(..)
            | Ty::ApplyResult(_)
            | Ty::Callable => Shape::Nothing,
            Ty::Unknown | Ty::Param(_) | Ty::Infer(_) | Ty::New(_) => {
                return self.unsupported(span, "a type that could not be determined");
            }
        })
    }

    /// Width of a scalar type.
    pub(crate) fn width(&mut self, ty: &Ty, span: Span) -> Lower<u32> {
        match self.shape(ty, span)? {
            Shape::Scalar(ty) => Ok(ty.width()),
            _ => self.unsupported(span, "a value of this type here"),
        }
    }

    /// Whether a number of this type has a sign.
    pub(crate) fn is_signed(&self, ty: &Ty) -> bool {
        match self.strip(ty) {
            Ty::Int(_) => true,
            Ty::Enum(id) => self.hir.types.enums[id]
                .underlying
                .as_ref()
                .is_some_and(|underlying| self.is_signed(underlying)),
            _ => false,
        }
    }

    /// The IR's header type.
    pub(crate) fn header_type(&mut self, ty: &Ty, span: Span) -> Lower<HeaderTypeId> {
        let ty = self.strip(ty);
        if let Some(&id) = self.header_types.get(&ty) {
            return Ok(id);
        }
        let Ty::Composite(composite, _) = &ty else {
            return self.unsupported(span, "a header of this type");
        };
        let name = self.hir.types.composites[*composite].decl.name.to_string();
        let mut flat = Vec::new();
        let mut trees = Vec::new();
        for (field, field_ty) in self.fields(&ty) {
            trees.push(self.header_field(&field, &field_ty, &mut flat, span)?);
        }
        if flat.iter().filter(|f| matches!(f.ty, ir::Ty::Varbit(_))).count() > 1 {
            return self.unsupported(span, format!("the header `{name}` with more than one `varbit` field"));
        }
        let id = self.ir.header_types.push(ir::HeaderType { name, fields: flat });
        self.header_types.insert(ty, id);
        self.header_fields.insert(id, trees);
        Ok(id)
    }

    fn header_field(
        &mut self,
        name: &str,
        ty: &Ty,
        flat: &mut Vec<ir::HeaderField>,
        span: Span,
    ) -> Lower<FieldTree> {
        match self.shape(ty, span)? {
            Shape::Scalar(ty) => {
                flat.push(ir::HeaderField { name: name.to_owned(), ty });
                Ok(FieldTree::Leaf(flat.len() - 1))
            }
            Shape::Struct(fields) => {
                let mut trees = Vec::new();
                for (field, ty) in fields {
                    trees.push(self.header_field(&format!("{name}.{field}"), &ty, flat, span)?);
                }
                Ok(FieldTree::Node(trees))
            }
            Shape::Header | Shape::Union(_) | Shape::Stack(..) | Shape::Nothing => {
                self.unsupported(span, "a header field of this type")
            }
        }
    }

    /// Which flat fields make up the fields of a header as declared.
    pub(crate) fn header_fields(&self, ty: HeaderTypeId) -> &[FieldTree] {
        self.header_fields.get(&ty).map_or(&[], |trees| trees.as_slice())
    }

    /// A new scalar slot.
    pub(crate) fn new_var(&mut self, name: impl Into<String>, ty: ir::Ty) -> VarId {
        self.ir.vars.push(ir::Var { name: name.into(), ty })
    }

    /// A new scalar slot for an intermediate value.
    pub(crate) fn temp(&mut self, width: u32) -> VarId {
        let name = self.temp_name();
        self.new_var(name, ir::Ty::Bits(width))
    }

    /// A name for something that has none in the program.
    pub(crate) fn temp_name(&mut self) -> String {
        self.temp_count += 1;
        self.local_name(&format!("tmp{}", self.temp_count))
    }

    /// A name in the current callable.
    pub(crate) fn local_name(&self, name: &str) -> String {
        match self.act {
            Some(act) => format!("{}.{name}", self.acts[act].name),
            None => name.to_owned(),
        }
    }

    /// New slots for a value of a type.
    pub(crate) fn allocate(&mut self, ty: &Ty, name: &str, span: Span) -> Lower<Location> {
        self.check_size(span)?;
        let location = self.allocate_inner(ty, name, span);
        self.attribute(span);
        location
    }

    fn allocate_inner(&mut self, ty: &Ty, name: &str, span: Span) -> Lower<Location> {
        self.nested(span, |l| match l.shape(ty, span)? {
            Shape::Scalar(ty) => Ok(Location::Scalar(Place::Var(l.new_var(name, ty)))),
            Shape::Header => {
                let ty = l.header_type(ty, span)?;
                let id = l.ir.headers.push(ir::Header { name: name.to_owned(), ty, union: None });
                Ok(Location::Header(HeaderRef::One(id), ty))
            }
            Shape::Struct(fields) => {
                let mut locations = Vec::with_capacity(fields.len());
                for (field, ty) in fields {
                    locations.push(l.allocate(&ty, &format!("{name}.{field}"), span)?);
                }
                Ok(Location::Struct(locations.into()))
            }
            Shape::Union(fields) => {
                let mut members = Vec::with_capacity(fields.len());
                let union = l.ir.unions.push(ir::Union { name: name.to_owned(), members: Vec::new() });
                for (field, ty) in fields {
                    let ty = l.header_type(&ty, span)?;
                    let name = format!("{name}.{field}");
                    let id = l.ir.headers.push(ir::Header { name, ty, union: Some(union) });
                    l.ir.unions[union].members.push(id);
                    members.push(Location::Header(HeaderRef::One(id), ty));
                }
                Ok(Location::Union(members.into()))
            }
            Shape::Stack(of, size) => l.allocate_stack(&of, size, name, span),
            Shape::Nothing => l.unsupported(span, "a variable of this type"),
        })
    }

    fn allocate_stack(&mut self, of: &Ty, size: u32, name: &str, span: Span) -> Lower<Location> {
        if size == 0 || size as usize > limit::STACK_ELEMENTS {
            return self.unsupported(span, format!("a stack of {size} elements"));
        }
        let next = self.new_var(format!("{name}.nextIndex"), ir::Ty::Bits(SYMBOL_WIDTH));
        let mut elements = Vec::new();
        for i in 0..size {
            elements.push(self.allocate(of, &format!("{name}[{i}]"), span)?);
        }
        let member_names: Vec<String> = match elements.first() {
            Some(Location::Union(_)) => self.fields(of).iter().map(|(n, _)| format!("{name}.{n}")).collect(),
            Some(Location::Header(..)) => vec![name.to_owned()],
            _ => {
                return self
                    .unsupported(span, "a stack of elements that are neither headers nor header unions");
            }
        };
        let mut columns = Vec::new();
        for (j, column) in member_names.into_iter().enumerate() {
            let mut headers = Vec::new();
            let mut ty = None;
            for element in &elements {
                let member = match element {
                    Location::Union(members) => members.get(j),
                    other => Some(other),
                };
                if let Some(Location::Header(HeaderRef::One(id), header_ty)) = member {
                    headers.push(*id);
                    ty = Some(*header_ty);
                }
            }
            if let Some(ty) = ty {
                columns.push((self.ir.stacks.push(ir::Stack { name: column, elements: headers, next }), ty));
            }
        }
        Ok(Location::Stack(Arc::new(StackLocation { elements, columns, next })))
    }

    /// The slots of a variable of the current callable, made when first asked for.
    pub(crate) fn own_storage(&mut self, variable: VariableId) -> Lower<Location> {
        let Some(act) = self.act else {
            let span = self.hir.variables[variable].decl.span;
            return self.unsupported(span, "a variable outside of every callable");
        };
        self.storage_in(act, variable)
    }

    /// The slots of a variable of a callable, made when first asked for.
    pub(crate) fn storage_in(&mut self, act: super::ActId, variable: VariableId) -> Lower<Location> {
        let base = self.acts[act].base;
        if let Some(location) = self.storage.get(&(base, variable)) {
            return Ok(location.clone());
        }
        let decl = &self.hir.variables[variable];
        let name = format!("{}.{}", self.acts[act].name, decl.decl.name);
        let (ty, span) = (decl.ty.clone(), decl.decl.span);
        let location = self.in_act(act, |l| l.allocate(&ty, &name, span))?;
        self.storage.insert((base, variable), location.clone());
        Ok(location)
    }

    /// A `varbit` slot that is never written, so that reading it gives the empty value.
    pub(crate) fn empty_varbit(&mut self, width: u32) -> Expr {
        if let Some(&var) = self.empty_varbits.get(&width) {
            return Expr::Read(Place::Var(var));
        }
        let var = self.new_var(format!("empty{width}"), ir::Ty::Varbit(width));
        self.empty_varbits.insert(width, var);
        Expr::Read(Place::Var(var))
    }

    /// The type of the scalar at a place.
    pub(crate) fn place_ty(&self, place: &Place) -> ir::Ty {
        match place {
            Place::Var(var) => self.ir.vars[*var].ty,
            Place::Field(header, field) => {
                let ty = match header {
                    HeaderRef::One(id) => Some(self.ir.headers[*id].ty),
                    HeaderRef::Element(stack, _) => {
                        self.ir.stacks[*stack].elements.first().map(|h| self.ir.headers[*h].ty)
                    }
                };
                ty.and_then(|ty| self.ir.header_types[ty].fields.get(*field))
                    .map_or(ir::Ty::Bits(0), |f| f.ty)
            }
        }
    }
}
