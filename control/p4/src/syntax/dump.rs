//! The syntax tree as text: one S-expression per node, declarations and statements on lines of their own.
//!
//! For tests and for looking at what the parser made of a program; nothing reads it back. Grouping is explicit,
//! spans are left out.

use std::fmt::Write;

use super::ast::*;

/// The whole tree, a line per declaration and statement.
pub fn dump(unit: &SourceUnit) -> String {
    let mut dumper = Dumper { out: String::new(), indent: 0 };
    for decl in &unit.decls {
        dumper.decl(decl);
    }
    dumper.out
}

/// One expression, on one line.
pub fn dump_expr(expr: &Expr) -> String {
    let mut out = String::new();
    write_expr(&mut out, expr);
    out
}

/// One type, on one line.
pub fn dump_type(ty: &TypeRef) -> String {
    let mut out = String::new();
    write_type(&mut out, ty);
    out
}

struct Dumper {
    out: String,
    indent: usize,
}

impl Dumper {
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{:1$}{text}", "", self.indent * 2);
    }

    fn within(&mut self, body: impl FnOnce(&mut Self)) {
        self.indent += 1;
        body(self);
        self.indent -= 1;
    }

    fn decl(&mut self, decl: &Decl) {
        let notes = annotations(&decl.annotations);
        match &decl.kind {
            DeclKind::Const(decl) => {
                let (ty, value) = (dump_type(&decl.ty), dump_expr(&decl.value));
                self.line(&format!("{notes}const {ty} {} = {value}", decl.name.name));
            }
            DeclKind::Variable(decl) => self.line(&format!("{notes}{}", variable(decl))),
            DeclKind::Instantiation(decl) => {
                let mut args = String::new();
                write_args(&mut args, &decl.args);
                self.line(&format!("{notes}new {} {}({args})", decl.name.name, dump_type(&decl.ty)));
                for decl in decl.initializer.iter().flatten() {
                    self.within(|dumper| dumper.decl(decl));
                }
            }
            DeclKind::Extern(decl) => {
                self.line(&format!("{notes}extern {}{}", decl.name.name, names(&decl.type_params)));
                self.within(|dumper| {
                    for decl in &decl.constructors {
                        let notes = annotations(&decl.annotations);
                        dumper.line(&format!("{notes}new {}{}", decl.name.name, params(&decl.params)));
                    }
                    for decl in &decl.methods {
                        let notes = annotations(&decl.annotations);
                        let what = if decl.is_abstract { "abstract " } else { "" };
                        dumper.line(&format!("{notes}{what}{}", signature(&decl.signature)));
                    }
                });
            }
            DeclKind::ExternFunction(decl) => self.line(&format!("{notes}extern {}", signature(decl))),
            DeclKind::Function(decl) => {
                self.line(&format!("{notes}function {}", signature(&decl.signature)));
                self.block(&decl.body);
            }
            DeclKind::Action(decl) => {
                self.line(&format!("{notes}action {}{}", decl.name.name, params(&decl.params)));
                self.block(&decl.body);
            }
            DeclKind::Parser(decl) => {
                let constructor = constructor(&decl.constructor_params);
                self.line(&format!("{notes}parser {}{constructor}", block_type(&decl.signature)));
                self.within(|dumper| {
                    decl.locals.iter().for_each(|decl| dumper.decl(decl));
                    decl.states.iter().for_each(|state| dumper.state(state));
                });
            }
            DeclKind::ParserType(decl) => self.line(&format!("{notes}parser-type {}", block_type(decl))),
            DeclKind::Control(decl) => {
                let constructor = constructor(&decl.constructor_params);
                self.line(&format!("{notes}control {}{constructor}", block_type(&decl.signature)));
                self.within(|dumper| {
                    decl.locals.iter().for_each(|decl| dumper.decl(decl));
                    dumper.line(&format!("{}apply", annotations(&decl.apply.annotations)));
                    dumper.block(&decl.apply);
                });
            }
            DeclKind::ControlType(decl) => self.line(&format!("{notes}control-type {}", block_type(decl))),
            DeclKind::Package(decl) => self.line(&format!("{notes}package {}", block_type(decl))),
            DeclKind::Composite(decl) => {
                let kind = match decl.kind {
                    CompositeKind::Header => "header",
                    CompositeKind::Struct => "struct",
                    CompositeKind::HeaderUnion => "header_union",
                };
                self.line(&format!("{notes}{kind} {}{}", decl.name.name, names(&decl.type_params)));
                self.within(|dumper| {
                    for field in &decl.fields {
                        let notes = annotations(&field.annotations);
                        dumper.line(&format!("{notes}{} {}", dump_type(&field.ty), field.name.name));
                    }
                });
            }
            DeclKind::Enum(decl) => {
                let underlying = decl.underlying.as_ref().map_or(String::new(), |ty| dump_type(ty) + " ");
                let members: Vec<String> = decl
                    .members
                    .iter()
                    .map(|(name, value)| match value {
                        Some(value) => format!("{}={}", name.name, dump_expr(value)),
                        None => name.name.to_string(),
                    })
                    .collect();
                self.line(&format!("{notes}enum {underlying}{} {{{}}}", decl.name.name, members.join(" ")));
            }
            DeclKind::Typedef(decl) => self.typedef(&format!("{notes}typedef"), decl),
            DeclKind::NewType(decl) => self.typedef(&format!("{notes}type"), decl),
            DeclKind::Error(names) => self.line(&format!("{notes}error {{{}}}", joined(names))),
            DeclKind::MatchKind(names) => self.line(&format!("{notes}match_kind {{{}}}", joined(names))),
            DeclKind::ValueSet(decl) => {
                let (element, size) = (dump_type(&decl.element), dump_expr(&decl.size));
                self.line(&format!("{notes}value_set<{element}>({size}) {}", decl.name.name));
            }
            DeclKind::Table(decl) => {
                self.line(&format!("{notes}table {}", decl.name.name));
                self.within(|dumper| decl.properties.iter().for_each(|property| dumper.property(property)));
            }
        }
    }

    fn typedef(&mut self, what: &str, decl: &TypedefDecl) {
        match &decl.target {
            TypedefTarget::Type(ty) => self.line(&format!("{what} {} = {}", decl.name.name, dump_type(ty))),
            TypedefTarget::Decl(target) => {
                self.line(&format!("{what} {} =", decl.name.name));
                self.within(|dumper| dumper.decl(target));
            }
        }
    }

    fn property(&mut self, property: &TableProperty) {
        let notes = annotations(&property.annotations);
        match &property.kind {
            TablePropertyKind::Key(elements) => {
                self.line(&format!("{notes}key"));
                self.within(|dumper| {
                    for element in elements {
                        let notes = annotations(&element.annotations);
                        let expr = dump_expr(&element.expr);
                        dumper.line(&format!("{notes}{expr} : {}", element.match_kind.name));
                    }
                });
            }
            TablePropertyKind::Actions(actions) => {
                self.line(&format!("{notes}actions"));
                self.within(|dumper| actions.iter().for_each(|action| dumper.line(&action_ref(action))));
            }
            TablePropertyKind::Entries { is_const, entries } => {
                self.line(&format!("{notes}{}entries", if *is_const { "const " } else { "" }));
                self.within(|dumper| {
                    for entry in entries {
                        let notes = annotations(&entry.annotations);
                        let is_const = if entry.is_const { "const " } else { "" };
                        let priority = match &entry.priority {
                            Some(priority) => format!("priority={} ", dump_expr(priority)),
                            None => String::new(),
                        };
                        let (keys, action) = (keyset(&entry.keys), action_ref(&entry.action));
                        dumper.line(&format!("{notes}{is_const}{priority}{keys} : {action}"));
                    }
                });
            }
            TablePropertyKind::Custom { is_const, name, value } => {
                let is_const = if *is_const { "const " } else { "" };
                self.line(&format!("{notes}{is_const}{} = {}", name.name, dump_expr(value)));
            }
        }
    }

    fn state(&mut self, state: &ParserState) {
        self.line(&format!("{}state {}", annotations(&state.annotations), state.name.name));
        self.within(|dumper| {
            state.stmts.iter().for_each(|stmt| dumper.stmt(stmt));
            match &state.transition {
                None => {}
                Some(Transition::Goto(target)) => dumper.line(&format!("goto {}", target.name)),
                Some(Transition::Select { on, cases, .. }) => {
                    let on: Vec<String> = on.iter().map(dump_expr).collect();
                    dumper.line(&format!("select {}", on.join(", ")));
                    dumper.within(|dumper| {
                        for case in cases {
                            dumper.line(&format!("{} : {}", keyset(&case.keys), case.target.name));
                        }
                    });
                }
            }
        });
    }

    fn block(&mut self, block: &BlockStmt) {
        self.within(|dumper| block.stmts.iter().for_each(|stmt| dumper.stmt(stmt)));
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Empty => self.line("empty"),
            StmtKind::Decl(decl) => self.decl(decl),
            StmtKind::Assign { .. } | StmtKind::Call(_) => self.line(&simple_stmt(stmt)),
            StmtKind::Block(block) => {
                self.line(&format!("{}block", annotations(&block.annotations)));
                self.block(block);
            }
            StmtKind::If { cond, then, els } => {
                self.line(&format!("if {}", dump_expr(cond)));
                self.within(|dumper| dumper.stmt(then));
                if let Some(els) = els {
                    self.line("else");
                    self.within(|dumper| dumper.stmt(els));
                }
            }
            StmtKind::Switch { on, cases } => {
                self.line(&format!("switch {}", dump_expr(on)));
                self.within(|dumper| {
                    for case in cases {
                        let label = case.label.as_ref().map_or("default".to_owned(), dump_expr);
                        dumper.line(&format!("{label}{}", if case.body.is_some() { "" } else { " |" }));
                        if let Some(body) = &case.body {
                            dumper.block(body);
                        }
                    }
                });
            }
            StmtKind::For { annotations: notes, init, cond, update, body } => {
                let list = |stmts: &[Stmt]| stmts.iter().map(simple_stmt).collect::<Vec<_>>().join(", ");
                let head = format!("{}; {}; {}", list(init), dump_expr(cond), list(update));
                self.line(&format!("{}for {head}", annotations(notes)));
                self.within(|dumper| dumper.stmt(body));
            }
            StmtKind::ForIn { annotations: notes, ty, name, collection, body } => {
                let collection = match collection {
                    ForCollection::Expr(expr) => dump_expr(expr),
                    ForCollection::Range(low, high) => format!("{}..{}", dump_expr(low), dump_expr(high)),
                };
                let (notes, ty) = (annotations(notes), dump_type(ty));
                self.line(&format!("{notes}for {ty} {} in {collection}", name.name));
                self.within(|dumper| dumper.stmt(body));
            }
            StmtKind::Return(None) => self.line("return"),
            StmtKind::Return(Some(value)) => self.line(&format!("return {}", dump_expr(value))),
            StmtKind::Exit => self.line("exit"),
            StmtKind::Break => self.line("break"),
            StmtKind::Continue => self.line("continue"),
        }
    }
}

/// A statement that fits on a line.
fn simple_stmt(stmt: &Stmt) -> String {
    match &stmt.kind {
        StmtKind::Assign { target, op, value } => {
            let op = op.map_or("", binary_text);
            format!("{} {op}= {}", dump_expr(target), dump_expr(value))
        }
        StmtKind::Call(call) => dump_expr(call),
        StmtKind::Decl(decl) => match &decl.kind {
            DeclKind::Variable(decl) => variable(decl),
            _ => "declaration".to_owned(),
        },
        _ => "statement".to_owned(),
    }
}

fn variable(decl: &VariableDecl) -> String {
    let init = decl.init.as_ref().map_or(String::new(), |init| format!(" = {}", dump_expr(init)));
    format!("var {} {}{init}", dump_type(&decl.ty), decl.name.name)
}

fn annotations(annotations: &[Annotation]) -> String {
    let mut out = String::new();
    for annotation in annotations {
        let _ = write!(out, "@{}", annotation.name.name);
        match &annotation.body {
            AnnotationBody::Empty => {}
            AnnotationBody::Unstructured(tokens) => {
                let tokens: Vec<String> = tokens
                    .iter()
                    .map(|token| match token.kind {
                        AnnotationTokenKind::String => format!("{:?}", token.text),
                        _ => token.text.to_string(),
                    })
                    .collect();
                let _ = write!(out, "({})", tokens.join(" "));
            }
            AnnotationBody::Expressions(list) => {
                let list: Vec<String> = list.iter().map(dump_expr).collect();
                let _ = write!(out, "[{}]", list.join(", "));
            }
            AnnotationBody::Pairs(list) => {
                let list: Vec<String> =
                    list.iter().map(|(key, value)| format!("{}={}", key.name, dump_expr(value))).collect();
                let _ = write!(out, "[{}]", list.join(", "));
            }
        }
        out.push(' ');
    }
    out
}

fn joined(names: &[Ident]) -> String {
    names.iter().map(|name| &*name.name).collect::<Vec<_>>().join(" ")
}

fn names(names: &[Ident]) -> String {
    if names.is_empty() { String::new() } else { format!("<{}>", joined(names)) }
}

fn params(params: &[Param]) -> String {
    let params: Vec<String> = params
        .iter()
        .map(|param| {
            let direction = match param.direction {
                Direction::None => "",
                Direction::In => "in ",
                Direction::Out => "out ",
                Direction::InOut => "inout ",
            };
            let default =
                param.default.as_ref().map_or(String::new(), |value| format!(" = {}", dump_expr(value)));
            let notes = annotations(&param.annotations);
            format!("{notes}{direction}{} {}{default}", dump_type(&param.ty), param.name.name)
        })
        .collect();
    format!("({})", params.join(", "))
}

fn constructor(list: &[Param]) -> String {
    if list.is_empty() { String::new() } else { params(list) }
}

fn block_type(decl: &BlockTypeDecl) -> String {
    format!("{}{}{}", decl.name.name, names(&decl.type_params), params(&decl.params))
}

fn signature(decl: &FunctionSignature) -> String {
    let head = format!("{} {}{}", dump_type(&decl.ret), decl.name.name, names(&decl.type_params));
    format!("{head}{}", params(&decl.params))
}

fn action_ref(action: &ActionRef) -> String {
    let notes = annotations(&action.annotations);
    let dot = if action.dotted { "." } else { "" };
    let args = action.args.as_ref().map_or(String::new(), |args| {
        let mut out = String::from("(");
        write_args(&mut out, args);
        out + ")"
    });
    format!("{notes}{dot}{}{args}", action.name.name)
}

fn keyset(keys: &Keyset) -> String {
    let elements: Vec<String> = keys
        .elements
        .iter()
        .map(|element| match &element.kind {
            KeysetKind::Expr(expr) => dump_expr(expr),
            KeysetKind::Mask(value, mask) => format!("(&&& {} {})", dump_expr(value), dump_expr(mask)),
            KeysetKind::Range(low, high) => format!("(.. {} {})", dump_expr(low), dump_expr(high)),
            KeysetKind::Default => "default".to_owned(),
            KeysetKind::DontCare => "_".to_owned(),
        })
        .collect();
    let elements = elements.join(", ");
    if keys.is_tuple { format!("({elements})") } else { elements }
}

fn write_type(out: &mut String, ty: &TypeRef) {
    let list = |out: &mut String, args: &[TypeRef]| {
        for (at, arg) in args.iter().enumerate() {
            out.push_str(if at == 0 { "" } else { ", " });
            write_type(out, arg);
        }
    };
    let sized = |out: &mut String, name: &str, width: &Expr| {
        let _ = write!(out, "{name}<");
        write_expr(out, width);
        out.push('>');
    };
    match &ty.kind {
        TypeKind::Bool => out.push_str("bool"),
        TypeKind::Error => out.push_str("error"),
        TypeKind::MatchKind => out.push_str("match_kind"),
        TypeKind::String => out.push_str("string"),
        TypeKind::Void => out.push_str("void"),
        TypeKind::DontCare => out.push('_'),
        TypeKind::InfInt => out.push_str("int"),
        TypeKind::Bit(None) => out.push_str("bit"),
        TypeKind::Bit(Some(width)) => sized(out, "bit", width),
        TypeKind::Int(width) => sized(out, "int", width),
        TypeKind::Varbit(width) => sized(out, "varbit", width),
        TypeKind::Named { dotted, name, args } => {
            out.push_str(if *dotted { "." } else { "" });
            out.push_str(&name.name);
            if !args.is_empty() {
                out.push('<');
                list(out, args);
                out.push('>');
            }
        }
        TypeKind::Array(element, size) => {
            write_type(out, element);
            out.push('[');
            write_expr(out, size);
            out.push(']');
        }
        TypeKind::Tuple(args) => {
            out.push_str("tuple<");
            list(out, args);
            out.push('>');
        }
        TypeKind::List(element) => {
            out.push_str("list<");
            write_type(out, element);
            out.push('>');
        }
    }
}

fn write_args(out: &mut String, args: &[Argument]) {
    for (at, arg) in args.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        if let Some(name) = &arg.name {
            let _ = write!(out, "{}=", name.name);
        }
        match &arg.value {
            Some(value) => write_expr(out, value),
            None => out.push('_'),
        }
    }
}

fn write_expr(out: &mut String, expr: &Expr) {
    let node = |out: &mut String, head: &str, children: &[&Expr]| {
        let _ = write!(out, "({head}");
        for child in children {
            out.push(' ');
            write_expr(out, child);
        }
        out.push(')');
    };
    match &expr.kind {
        ExprKind::Int { value, width, .. } => {
            if let Some((width, signed)) = width {
                let _ = write!(out, "{width}{}", if *signed { 's' } else { 'w' });
            }
            let _ = write!(out, "{value}");
        }
        ExprKind::String(value) => {
            let _ = write!(out, "{value:?}");
        }
        ExprKind::Bool(value) => {
            let _ = write!(out, "{value}");
        }
        ExprKind::This => out.push_str("this"),
        ExprKind::Dots => out.push_str("..."),
        ExprKind::Name { dotted, name } => {
            let _ = write!(out, "{}{}", if *dotted { "." } else { "" }, name.name);
        }
        ExprKind::Type(ty) => {
            out.push('\'');
            write_type(out, ty);
        }
        ExprKind::Index(base, index) => node(out, "index", &[base, index]),
        ExprKind::Slice(base, high, low) => node(out, "slice", &[base, high, low]),
        ExprKind::PlusSlice(base, low, width) => node(out, "plus-slice", &[base, low, width]),
        ExprKind::List(elements) => {
            let elements: Vec<&Expr> = elements.iter().collect();
            node(out, "list", &elements);
        }
        ExprKind::InvalidHeader => out.push_str("{#}"),
        ExprKind::Struct { fields, dots } => {
            out.push_str("(struct");
            for (name, value) in fields {
                let _ = write!(out, " {}=", name.name);
                write_expr(out, value);
            }
            out.push_str(if *dots { " ...)" } else { ")" });
        }
        ExprKind::Paren(inner) => node(out, "paren", &[inner]),
        ExprKind::Unary(op, operand) => {
            let op = match op {
                UnaryOp::LogicalNot => "!",
                UnaryOp::BitNot => "~",
                UnaryOp::Neg => "-",
                UnaryOp::Plus => "+",
            };
            node(out, op, &[operand]);
        }
        ExprKind::Binary(op, left, right) => node(out, binary_text(*op), &[left, right]),
        ExprKind::Conditional(cond, then, els) => node(out, "?", &[cond, then, els]),
        ExprKind::Member(base, name) => {
            write_expr(out, base);
            let _ = write!(out, ".{}", name.name);
        }
        ExprKind::Call { callee, type_args, args } => {
            out.push_str("(call ");
            write_expr(out, callee);
            if !type_args.is_empty() {
                out.push_str(" <");
                for (at, arg) in type_args.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { ", " });
                    write_type(out, arg);
                }
                out.push('>');
            }
            if !args.is_empty() {
                out.push(' ');
                write_args(out, args);
            }
            out.push(')');
        }
        ExprKind::Cast(ty, operand) => {
            out.push_str("(cast ");
            write_type(out, ty);
            out.push(' ');
            write_expr(out, operand);
            out.push(')');
        }
        ExprKind::Mask(value, mask) => node(out, "&&&", &[value, mask]),
        ExprKind::Range(low, high) => node(out, "..", &[low, high]),
        ExprKind::DontCare => out.push('_'),
        ExprKind::Error => out.push_str("<error>"),
    }
}

/// How an operator is written.
pub fn binary_text(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Mod => "%",
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::SatAdd => "|+|",
        BinaryOp::SatSub => "|-|",
        BinaryOp::Shl => "<<",
        BinaryOp::Shr => ">>",
        BinaryOp::Le => "<=",
        BinaryOp::Ge => ">=",
        BinaryOp::Lt => "<",
        BinaryOp::Gt => ">",
        BinaryOp::Ne => "!=",
        BinaryOp::Eq => "==",
        BinaryOp::BitAnd => "&",
        BinaryOp::BitXor => "^",
        BinaryOp::BitOr => "|",
        BinaryOp::Concat => "++",
        BinaryOp::And => "&&",
        BinaryOp::Or => "||",
    }
}
