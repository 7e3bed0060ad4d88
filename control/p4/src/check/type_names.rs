//! Types as messages spell them: as the programmer would write them.

use std::fmt::{self, Write};

use super::Checker;
use super::inference::is_list;
use crate::hir::{Program, Ty};

/// Longest spelling of a type; the rest is left out.
const LENGTH_MAX: usize = 200;

impl Checker<'_> {
    /// The spelling of a type.
    pub(super) fn show(&self, ty: &Ty) -> String {
        let mut out = Spelling { text: String::new() };
        match spell(&self.program, ty, &mut out) {
            Ok(()) => out.text,
            Err(fmt::Error) => out.text + "...",
        }
    }
}

/// Text that refuses to grow beyond [`LENGTH_MAX`].
struct Spelling {
    text: String,
}

impl Write for Spelling {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        if self.text.len() + s.len() > LENGTH_MAX {
            return Err(fmt::Error);
        }
        self.text.push_str(s);
        Ok(())
    }
}

fn spell(program: &Program, ty: &Ty, out: &mut Spelling) -> fmt::Result {
    let types = &program.types;
    match ty {
        Ty::Unknown => out.write_str("_"),
        Ty::Void => out.write_str("void"),
        Ty::Bool => out.write_str("bool"),
        Ty::String => out.write_str("string"),
        Ty::Error => out.write_str("error"),
        Ty::MatchKind => out.write_str("match_kind"),
        Ty::InfInt => out.write_str("int"),
        Ty::Bit(w) => write!(out, "bit<{w}>"),
        Ty::Int(w) => write!(out, "int<{w}>"),
        Ty::Varbit(w) => write!(out, "varbit<{w}>"),
        Ty::Enum(id) => out.write_str(&types.enums[*id].decl.name),
        Ty::Composite(id, args) => spell_generic(program, &types.composites[*id].decl.name, args, out),
        Ty::Stack(element, size) => {
            spell(program, element, out)?;
            write!(out, "[{size}]")
        }
        Ty::Tuple(elements) => spell_list(program, "tuple<", elements, out),
        Ty::AnonymousStruct(fields) if is_list(fields) => {
            out.write_str("{")?;
            for (i, (_, ty)) in fields.iter().enumerate() {
                out.write_str(if i == 0 { "" } else { ", " })?;
                spell(program, ty, out)?;
            }
            out.write_str("}")
        }
        Ty::AnonymousStruct(fields) => {
            out.write_str("{")?;
            for (i, (name, ty)) in fields.iter().enumerate() {
                out.write_str(if i == 0 { " " } else { ", " })?;
                write!(out, "{name} = ")?;
                spell(program, ty, out)?;
            }
            out.write_str(" }")
        }
        Ty::List(element) => {
            out.write_str("list<")?;
            spell(program, element, out)?;
            out.write_str(">")
        }
        Ty::Set(element) => {
            out.write_str("set<")?;
            spell(program, element, out)?;
            out.write_str(">")
        }
        Ty::InvalidHeader => out.write_str("{#}"),
        Ty::Dots => out.write_str("..."),
        Ty::New(id) => out.write_str(&types.new_types[*id].decl.name),
        Ty::Extern(id, args) => spell_generic(program, &types.externs[*id].decl.name, args, out),
        Ty::Parser(id) => write!(out, "parser {}", program.parsers[*id].decl.name),
        Ty::Control(id) => write!(out, "control {}", program.controls[*id].decl.name),
        Ty::Block(id, args) => {
            let block = &types.block_types[*id];
            out.write_str(if block.is_parser { "parser " } else { "control " })?;
            spell_generic(program, &block.decl.name, args, out)
        }
        Ty::Package(id, args) => {
            out.write_str("package ")?;
            spell_generic(program, &types.packages[*id].decl.name, args, out)
        }
        Ty::Param(id) => out.write_str(&types.type_params[*id]),
        Ty::Infer(_) => out.write_str("_"),
        Ty::ApplyResult(id) => write!(out, "apply_result({})", program.tables[*id].decl.name),
        Ty::Callable => out.write_str("function"),
    }
}

fn spell_generic(program: &Program, name: &str, args: &[Ty], out: &mut Spelling) -> fmt::Result {
    out.write_str(name)?;
    if args.is_empty() {
        return Ok(());
    }
    spell_list(program, "<", args, out)
}

fn spell_list(program: &Program, open: &str, types: &[Ty], out: &mut Spelling) -> fmt::Result {
    out.write_str(open)?;
    for (i, ty) in types.iter().enumerate() {
        if i > 0 {
            out.write_str(", ")?;
        }
        spell(program, ty, out)?;
    }
    out.write_str(">")
}
