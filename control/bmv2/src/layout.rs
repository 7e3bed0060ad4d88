//! Headers, stacks, unions and metadata, and the slots that they became.
//!
//! Invariant: a metadata instance is one slot a field, always valid; any other instance is a header. The columns of a
//! stack of unions share one `nextIndex`.

use std::collections::HashMap;

use heddle_ir::{
    Header, HeaderField, HeaderId, HeaderType, HeaderTypeId, Program, Stack, StackId, Ty, Union, Var, VarId,
};

use crate::error::Lower;
use crate::json::Node;

/// A header type.
#[derive(Debug)]
pub(crate) struct TypeInfo<'a> {
    pub(crate) id: HeaderTypeId,
    pub(crate) fields: Vec<FieldInfo<'a>>,
    /// The length in bits of its `varbit`, in older documents.
    pub(crate) length: Option<Node<'a>>,
}

/// A field of a header type.
#[derive(Debug)]
pub(crate) struct FieldInfo<'a> {
    pub(crate) name: &'a str,
    pub(crate) ty: Ty,
    pub(crate) signed: bool,
    pub(crate) saturating: bool,
}

impl TypeInfo<'_> {
    /// The position of a field.
    pub(crate) fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.name == name)
    }
}

/// What an instance became.
#[derive(Debug)]
pub(crate) enum Instance {
    /// A header.
    Header(HeaderId),
    /// Slots, by field.
    Metadata(Vec<VarId>),
}

/// An instance of a header type.
#[derive(Debug)]
pub(crate) struct InstanceInfo<'a> {
    pub(crate) name: &'a str,
    /// Index in [`Layout::types`].
    pub(crate) ty: usize,
    pub(crate) is: Instance,
}

/// A stack of headers, or of unions.
#[derive(Clone, Debug)]
pub(crate) struct StackInfo {
    /// By member of the union; one for headers.
    pub(crate) columns: Vec<StackId>,
    /// Types of the columns.
    pub(crate) types: Vec<usize>,
    pub(crate) next: VarId,
    pub(crate) size: u32,
}

/// A union.
#[derive(Clone, Debug)]
pub(crate) struct UnionInfo {
    pub(crate) members: Vec<HeaderId>,
    pub(crate) types: Vec<usize>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Layout<'a> {
    pub(crate) types: Vec<TypeInfo<'a>>,
    type_names: HashMap<&'a str, usize>,
    pub(crate) instances: Vec<InstanceInfo<'a>>,
    instance_names: HashMap<&'a str, usize>,
    instance_ids: HashMap<u64, usize>,
    stacks: HashMap<&'a str, StackInfo>,
    /// Member names by type of union.
    union_types: HashMap<&'a str, Vec<(&'a str, usize)>>,
    unions: Vec<UnionInfo>,
    union_names: HashMap<&'a str, usize>,
    union_ids: HashMap<u64, usize>,
    union_stacks: HashMap<&'a str, (StackInfo, &'a str)>,
    aliases: HashMap<&'a str, (&'a str, &'a str)>,
}

/// Bits of a `nextIndex`.
pub(crate) const INDEX_WIDTH: u32 = 32;

impl<'a> Layout<'a> {
    /// Reads all declarations.
    pub(crate) fn read(root: &Node<'a>, ir: &mut Program) -> Lower<Layout<'a>> {
        let mut layout = Layout::default();
        for node in root.get("header_types")?.items()? {
            layout.header_type(&node, ir)?;
        }
        for node in root.get("headers")?.items()? {
            layout.header(&node, ir)?;
        }
        for node in root.list("header_stacks")? {
            layout.stack(&node, ir)?;
        }
        for node in root.list("header_union_types")? {
            layout.union_type(&node)?;
        }
        for node in root.list("header_unions")? {
            layout.union(&node, ir)?;
        }
        for node in root.list("header_union_stacks")? {
            layout.union_stack(&node, ir)?;
        }
        for node in root.list("field_aliases")? {
            let [from, to] = node.tuple()?;
            let [header, field] = to.tuple()?;
            layout.field(&header, &field)?;
            layout.aliases.insert(from.text()?, (header.text()?, field.text()?));
        }
        Ok(layout)
    }

    fn header_type(&mut self, node: &Node<'a>, ir: &mut Program) -> Lower<()> {
        let name = node.name()?;
        let (mut fields, mut fixed) = (Vec::new(), 0u32);
        for field in node.get("fields")?.items()? {
            let parts = field.items()?;
            let [name, width, rest @ ..] = parts.as_slice() else {
                return field.wrong("a field's name and width are expected");
            };
            let ty = if width.value.as_str() == Some("*") {
                Ty::Varbit(0)
            } else {
                let bits = width.small()?;
                fixed = fixed.saturating_add(bits);
                Ty::Bits(bits)
            };
            let flag = |i: usize| rest.get(i).map_or(Ok(false), Node::truth);
            let (signed, saturating) = (flag(0)?, flag(1)?);
            fields.push(FieldInfo { name: name.text()?, ty, signed, saturating });
        }
        let varbits = fields.iter_mut().filter(|f| matches!(f.ty, Ty::Varbit(_)));
        for field in varbits {
            // The bytes are those of the whole header.
            let max_bits = node.get("max_length")?.small()?.saturating_mul(8);
            field.ty = Ty::Varbit(max_bits.saturating_sub(fixed));
        }
        let mut ir_fields: Vec<HeaderField> =
            fields.iter().map(|f| HeaderField { name: f.name.to_owned(), ty: f.ty }).collect();
        if !fixed.is_multiple_of(8) {
            // Packets are bytes; only metadata comes without padding of its own.
            let padding = Ty::Bits(8 - fixed % 8);
            ir_fields.push(HeaderField { name: "$padding".to_owned(), ty: padding });
        }
        let id = ir.header_types.push(HeaderType { name: name.to_owned(), fields: ir_fields });
        if self.type_names.insert(name, self.types.len()).is_some() {
            return node.wrong(format!("there is a header type `{name}` already"));
        }
        self.types.push(TypeInfo { id, fields, length: node.opt("length_exp") });
        Ok(())
    }

    fn type_named(&self, name: &Node<'a>) -> Lower<usize> {
        let text = name.text()?;
        self.type_names.get(text).copied().map_or_else(|| name.wrong(no_such("header type", text)), Ok)
    }

    fn header(&mut self, node: &Node<'a>, ir: &mut Program) -> Lower<()> {
        let (name, ty) = (node.name()?, self.type_named(&node.get("header_type")?)?);
        let is = if node.flag("metadata", false)? {
            let slot = |field: &FieldInfo<'_>| {
                ir.vars.push(Var { name: format!("{name}.{}", field.name), ty: field.ty })
            };
            Instance::Metadata(self.types[ty].fields.iter().map(slot).collect())
        } else {
            let header = Header { name: name.to_owned(), ty: self.types[ty].id, union: None };
            Instance::Header(ir.headers.push(header))
        };
        let index = self.instances.len();
        self.instances.push(InstanceInfo { name, ty, is });
        if self.instance_names.insert(name, index).is_some() {
            return node.wrong(format!("there is a header `{name}` already"));
        }
        if self.instance_ids.insert(node.get("id")?.number()?, index).is_some() {
            return node.wrong("another header has this id already");
        }
        Ok(())
    }

    /// The headers that a list of ids means.
    fn headers_by_id(&self, ids: &Node<'a>) -> Lower<Vec<(HeaderId, usize)>> {
        let mut headers = Vec::new();
        for id in ids.items()? {
            let instance = self.instance_ids.get(&id.number()?).and_then(|i| self.instances.get(*i));
            match instance {
                Some(InstanceInfo { is: Instance::Header(header), ty, .. }) => headers.push((*header, *ty)),
                Some(InstanceInfo { name, .. }) => {
                    return id
                        .wrong(format!("`{name}` is metadata, and no header that a stack or union holds"));
                }
                None => return id.wrong("there is no header of this id"),
            }
        }
        Ok(headers)
    }

    fn stack(&mut self, node: &Node<'a>, ir: &mut Program) -> Lower<()> {
        let (name, ty) = (node.name()?, self.type_named(&node.get("header_type")?)?);
        let ids = node.get("header_ids")?;
        let elements = self.headers_by_id(&ids)?;
        if elements.is_empty() || elements.iter().any(|(_, of)| *of != ty) {
            return ids.wrong("a stack has elements, all of its own header type");
        }
        let next = next_index(name, ir);
        let size = elements.len() as u32;
        let elements = elements.into_iter().map(|(id, _)| id).collect();
        let column = ir.stacks.push(Stack { name: name.to_owned(), elements, next });
        self.stacks.insert(name, StackInfo { columns: vec![column], types: vec![ty], next, size });
        Ok(())
    }

    fn union_type(&mut self, node: &Node<'a>) -> Lower<()> {
        let mut members = Vec::new();
        for member in node.get("headers")?.items()? {
            let [name, ty] = member.tuple()?;
            members.push((name.text()?, self.type_named(&ty)?));
        }
        self.union_types.insert(node.name()?, members);
        Ok(())
    }

    fn union_type_named(&self, node: &Node<'a>) -> Lower<(&'a str, &[(&'a str, usize)])> {
        let name = node.get("union_type")?;
        let text = name.text()?;
        match self.union_types.get(text) {
            Some(members) => Ok((text, members)),
            None => name.wrong(no_such("header union type", text)),
        }
    }

    fn union(&mut self, node: &Node<'a>, ir: &mut Program) -> Lower<()> {
        let name = node.name()?;
        let ids = node.get("header_ids")?;
        let members = self.headers_by_id(&ids)?;
        let (_, declared) = self.union_type_named(node)?;
        if !members.iter().map(|(_, ty)| ty).eq(declared.iter().map(|(_, ty)| ty)) {
            return ids.wrong("the headers are not those that the union's type says, in its order");
        }
        let (members, types): (Vec<HeaderId>, Vec<usize>) = members.into_iter().unzip();
        let union = ir.unions.push(Union { name: name.to_owned(), members: members.clone() });
        for member in &members {
            if ir.headers[*member].union.replace(union).is_some() {
                return ids.wrong("a header is in another union already");
            }
        }
        let index = self.unions.len();
        self.unions.push(UnionInfo { members, types });
        self.union_names.insert(name, index);
        self.union_ids.insert(node.get("id")?.number()?, index);
        Ok(())
    }

    fn union_stack(&mut self, node: &Node<'a>, ir: &mut Program) -> Lower<()> {
        let name = node.name()?;
        let (type_name, declared) = self.union_type_named(node)?;
        let types: Vec<usize> = declared.iter().map(|(_, ty)| *ty).collect();
        let ids = node.get("header_union_ids")?;
        let mut unions = Vec::new();
        for id in ids.items()? {
            match self.union_ids.get(&id.number()?).and_then(|i| self.unions.get(*i)) {
                Some(union) if union.types == types => unions.push(union),
                Some(_) => return id.wrong("this union is of another type than the stack's"),
                None => return id.wrong("there is no header union of this id"),
            }
        }
        if unions.is_empty() {
            return ids.wrong("a stack has elements");
        }
        let next = next_index(name, ir);
        let column = |i: usize| Stack {
            name: format!("{name}.{}", declared.get(i).map_or("", |(n, _)| *n)),
            elements: unions.iter().filter_map(|u| u.members.get(i).copied()).collect(),
            next,
        };
        let columns = (0..types.len()).map(|i| ir.stacks.push(column(i))).collect();
        let info = StackInfo { columns, types, next, size: unions.len() as u32 };
        self.union_stacks.insert(name, (info, type_name));
        Ok(())
    }

    /// The instance that a name means.
    pub(crate) fn instance(&self, name: &Node<'a>) -> Lower<&InstanceInfo<'a>> {
        let text = name.text()?;
        match self.instance_names.get(text).and_then(|i| self.instances.get(*i)) {
            Some(instance) => Ok(instance),
            None => name.wrong(no_such("header", text)),
        }
    }

    /// An instance and the position of one of its fields.
    pub(crate) fn field(&self, header: &Node<'a>, field: &Node<'a>) -> Lower<(&InstanceInfo<'a>, usize)> {
        let instance = self.instance(header)?;
        let name = field.text()?;
        match self.types[instance.ty].field(name) {
            Some(index) => Ok((instance, index)),
            None => field.wrong(no_such(&format!("field of `{}`", instance.name), name)),
        }
    }

    /// The position of a field of a type.
    pub(crate) fn field_of(&self, ty: usize, field: &Node<'a>) -> Lower<usize> {
        let name = field.text()?;
        self.types[ty].field(name).map_or_else(|| field.wrong(no_such("field", name)), Ok)
    }

    /// A stack of headers.
    pub(crate) fn stack_named(&self, name: &Node<'a>) -> Lower<&StackInfo> {
        let text = name.text()?;
        self.stacks.get(text).map_or_else(|| name.wrong(no_such("header stack", text)), Ok)
    }

    /// A stack of unions.
    pub(crate) fn union_stack_named(&self, name: &Node<'a>) -> Lower<&StackInfo> {
        let text = name.text()?;
        match self.union_stacks.get(text) {
            Some((stack, _)) => Ok(stack),
            None => name.wrong(no_such("header union stack", text)),
        }
    }

    /// The position of a member in a stack of unions.
    pub(crate) fn union_stack_member(&self, stack: &Node<'a>, member: &Node<'a>) -> Lower<usize> {
        let ty = self.union_stacks.get(stack.text()?).and_then(|(_, ty)| self.union_types.get(ty));
        let text = member.text()?;
        let position = ty.and_then(|members| members.iter().position(|(name, _)| *name == text));
        position.map_or_else(|| member.wrong(no_such("union member", text)), Ok)
    }

    /// A union.
    pub(crate) fn union_named(&self, name: &Node<'a>) -> Lower<&UnionInfo> {
        let text = name.text()?;
        match self.union_names.get(text).and_then(|i| self.unions.get(*i)) {
            Some(union) => Ok(union),
            None => name.wrong(no_such("header union", text)),
        }
    }

    /// A slot that `simple_switch` knows by this name, wherever the program keeps it.
    pub(crate) fn intrinsic(&self, header: &str, field: &str) -> Option<VarId> {
        let known = format!("{header}.{field}");
        let (header, field) = self.aliases.get(known.as_str()).copied().unwrap_or((header, field));
        self.slot(header, field)
    }

    /// The slot of a metadata field.
    pub(crate) fn slot(&self, header: &str, field: &str) -> Option<VarId> {
        let instance = self.instance_names.get(header).and_then(|i| self.instances.get(*i))?;
        let index = self.types[instance.ty].field(field)?;
        match &instance.is {
            Instance::Metadata(slots) => slots.get(index).copied(),
            Instance::Header(_) => None,
        }
    }
}

fn next_index(name: &str, ir: &mut Program) -> VarId {
    ir.vars.push(Var { name: format!("{name}.nextIndex"), ty: Ty::Bits(INDEX_WIDTH) })
}

/// What to say of a reference to nothing.
pub(crate) fn no_such(kind: &str, name: &str) -> String {
    format!("there is no {kind} `{name}`")
}
