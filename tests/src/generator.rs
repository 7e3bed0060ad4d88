//! Random programs that are well-typed by construction, and packets for them.
//!
//! Everything comes from a seed. A program takes one header of operands in, computes with everything that the language
//! has at random depth, and sends the header out, so that any difference in meaning shows in the bytes that leave.

use std::fmt::Write as _;

use fastrand::Rng;

/// Widths that values have: one bit, odd ones, and those around the words that executors compute in.
const WIDTHS: &[u32] = &[1, 3, 7, 8, 13, 16, 24, 32, 33, 48, 63, 64, 65, 100, 128, 129, 200];

/// Fields of the header that programs compute on; together they are whole bytes.
const FIELDS: &[(&str, Type)] = &[
    ("f1", Type::Bit(1)),
    ("f7", Type::Bit(7)),
    ("f8", Type::Bit(8)),
    ("s8", Type::Int(8)),
    ("f13", Type::Bit(13)),
    ("f3", Type::Bit(3)),
    ("f32", Type::Bit(32)),
    ("s33", Type::Int(33)),
    ("f63", Type::Bit(63)),
    ("f64", Type::Bit(64)),
    ("f128", Type::Bit(128)),
    ("f200", Type::Bit(200)),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Bool,
    Bit(u32),
    Int(u32),
}

impl Type {
    fn text(self) -> String {
        match self {
            Type::Bool => "bool".to_owned(),
            Type::Bit(width) => format!("bit<{width}>"),
            Type::Int(width) => format!("int<{width}>"),
        }
    }
}

/// A program and the packets that it is tried with.
pub struct Generated {
    /// P4-16 for v1model.
    pub program: String,
    /// Bytes of packets, all for port 1.
    pub packets: Vec<Vec<u8>>,
}

/// The program and packets of a seed.
pub fn generate(seed: u64) -> Generated {
    let mut generator = Generator {
        random: Rng::with_seed(seed),
        variables: FIELDS.iter().map(|(name, ty)| (format!("x.{name}"), *ty)).collect(),
        fixed: Vec::new(),
        names: 0,
        depth: 0,
        calls: Vec::new(),
        in_control: false,
    };
    let program = generator.program();
    let bits: u32 = FIELDS.iter().map(|(_, ty)| ty.width()).sum();
    let packets = (0..12)
        .map(|_| {
            // Now and then a packet is too short for the header.
            let length = if generator.random.u8(..10) == 0 {
                generator.random.usize(..40)
            } else {
                bits as usize / 8 + 4
            };
            let fill = *generator.pick(&[0u8, 0xff, 0x80, 1]);
            let sparse = generator.random.bool();
            (0..length).map(|_| if sparse { fill } else { generator.random.u8(..) }).collect()
        })
        .collect();
    Generated { program, packets }
}

impl Type {
    fn width(self) -> u32 {
        match self {
            Type::Bool => 1,
            Type::Bit(width) | Type::Int(width) => width,
        }
    }
}

struct Generator {
    random: Rng,
    /// L-values in scope.
    variables: Vec<(String, Type)>,
    /// What can be read in scope, and not written.
    fixed: Vec<(String, Type)>,
    names: usize,
    depth: usize,
    /// Calls that are statements, as text.
    calls: Vec<String>,
    /// Whether tables can be applied and the control be left here.
    in_control: bool,
}

impl Generator {
    fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.random.usize(..from.len())]
    }

    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    fn ty(&mut self) -> Type {
        match self.random.u8(..10) {
            0 => Type::Bool,
            1..=3 => Type::Int((*self.pick(WIDTHS)).max(2)),
            _ => Type::Bit(*self.pick(WIDTHS)),
        }
    }

    fn program(&mut self) -> String {
        let mut text = "#include <core.p4>\n#include <v1model.p4>\n\nheader data_t {\n".to_owned();
        for (name, ty) in FIELDS {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "    {} {name};", ty.text());
        }
        text.push_str("}\nheader small_t { bit<8> v; }\nheader_union either_t { small_t a; small_t b; }\nstruct pair_t { bit<8> l; bit<8> r; }\nstruct headers_t { data_t x; small_t[3] s; }\nstruct meta_t { }\n\n");
        for _ in 0..self.random.usize(..3) {
            text.push_str(&self.function());
        }
        let leave = self.random.u8(..);
        let _ = writeln!(
            text,
            "control Inner(inout bit<8> p, inout bit<8> q, out pair_t both) {{\n    action leave(inout bit<8> r) {{ r = r + 3; if (r > {leave}) {{ exit; }} \
             }}\n    apply {{ both.l = p; p = q + 1; leave(q); if (p == 7) {{ return; }} both.r = p; }}\n}}"
        );
        text.push_str(
            "control Case(inout data_t x, inout small_t[3] s) {\n    register<bit<64>>(4) cells;\n    Inner() inner;\n    \
             bit<8>[4] array = { 1, 2, 3, 4 };\n    pair_t pair = { 5, 6 };\n    either_t either;\n",
        );
        let locals = self.random.usize(1..4);
        for _ in 0..locals {
            let ty = self.ty();
            let (name, value) = (self.name("v"), self.expr(ty));
            let _ = writeln!(text, "    {} {name} = {value};", ty.text());
            self.variables.push((name, ty));
        }
        for _ in 0..self.random.usize(1..4) {
            text.push_str(&self.action_and_table());
        }
        text.push_str("    apply {\n");
        self.in_control = true;
        for _ in 0..self.random.usize(3..10) {
            let statement = self.statement(2);
            text.push_str(&statement);
        }
        // What locals hold shows too.
        for (name, ty) in self.variables.clone() {
            if !name.starts_with("x.") {
                let shown = match ty {
                    Type::Bool => format!("(bit<64>) (bit<1>) {name}"),
                    Type::Bit(_) => format!("(bit<64>) {name}"),
                    Type::Int(width) => format!("(bit<64>) (bit<{width}>) {name}"),
                };
                let _ = writeln!(text, "        x.f64 = x.f64 ^ {shown};");
            }
        }
        text.push_str("    }\n}\n\n");
        text.push_str(FRAME);
        text
    }

    fn function(&mut self) -> String {
        let (name, of, ret) = (self.name("fn"), self.ty(), self.ty());
        let before = (std::mem::take(&mut self.variables), std::mem::take(&mut self.fixed));
        self.variables = vec![("q".to_owned(), Type::Bit(16))];
        self.fixed = vec![("p".to_owned(), of)];
        let mut body = String::new();
        for _ in 0..self.random.usize(1..4) {
            body.push_str(&self.statement(1));
        }
        if self.random.bool() {
            let (cond, value) = (self.expr(Type::Bool), self.expr(ret));
            let _ = writeln!(body, "        if ({cond}) {{ return {value}; }}");
        }
        let value = self.expr(ret);
        let _ = writeln!(body, "        return {value};");
        (self.variables, self.fixed) = before;
        let argument = self.expr(of);
        // Called with what is constant everywhere: variables come and go.
        let argument = if argument.contains("x.") || argument.contains('v') {
            literal(&mut self.random, of)
        } else {
            argument
        };
        if ret == Type::Bit(ret.width()) {
            self.calls.push(format!("x.f63 = x.f63 + (bit<63>) {name}({argument}, Q);"));
        }
        format!("{} {name}(in {} p, inout bit<16> q) {{\n{body}}}\n", ret.text(), of.text())
    }

    fn action_and_table(&mut self) -> String {
        let (action, table) = (self.name("act"), self.name("t"));
        let param = self.ty();
        let param = if param == Type::Bool { Type::Bit(9) } else { param };
        self.fixed.push(("given".to_owned(), param));
        let mut body = String::new();
        for _ in 0..self.random.usize(1..4) {
            body.push_str(&self.statement(1));
        }
        self.fixed.pop();
        let key_width = *self.pick(&[3, 8, 13, 32]);
        let key = self.expr(Type::Bit(key_width));
        let kind = *self.pick(&["exact", "ternary", "lpm", "range", "optional"]);
        let mut entries = String::new();
        let mut seen = Vec::new();
        for _ in 0..self.random.usize(..5) {
            let value = self.random.u64(..1 << key_width.min(32));
            if seen.contains(&value) {
                continue;
            }
            seen.push(value);
            let set = match kind {
                "ternary" => {
                    let mask = self.random.u64(..1 << key_width);
                    format!("{} &&& {mask}", value & mask)
                }
                "range" => format!("{value} .. {}", value + self.random.u64(..(1 << key_width) - value)),
                "lpm" => {
                    let length = self.random.u32(1..=key_width);
                    let mask = ((1u64 << length) - 1) << (key_width - length);
                    if seen.contains(&(value & mask)) && value & mask != value {
                        continue;
                    }
                    seen.push(value & mask);
                    format!("{} &&& {mask}", value & mask)
                }
                _ => value.to_string(),
            };
            let data = literal(&mut self.random, param);
            let _ = writeln!(entries, "            {set} : {action}({data});");
        }
        let entries = match entries.is_empty() {
            true => String::new(),
            false => format!("        const entries = {{\n{entries}        }}\n"),
        };
        let default = literal(&mut self.random, param);
        self.calls.push(format!("{table}.apply();"));
        self.calls.push(format!("if ({table}.apply().hit) {{ x.f8 = x.f8 + 1; }}"));
        format!(
            "    action {action}({} given) {{\n{body}    }}\n    table {table} {{\n        key = {{ {key} : {kind} @name(\"k\"); }}\n        \
             actions = {{ {action}; NoAction; }}\n{entries}        default_action = {action}({default});\n    }}\n",
            param.text()
        )
    }

    fn block(&mut self, depth: usize) -> String {
        let scope = self.variables.len();
        let mut text = "{\n".to_owned();
        for _ in 0..self.random.usize(1..3) {
            text.push_str(&self.statement(depth));
        }
        self.variables.truncate(scope);
        text.push_str("        }");
        text
    }

    fn statement(&mut self, depth: usize) -> String {
        let choice = self.random.u8(..if depth == 0 { 6 } else { 12 });
        match choice {
            0..=3 => {
                let (target, ty) = self.pick(&self.variables.clone()).clone();
                let value = self.expr(ty);
                let op = match ty {
                    Type::Bit(_) => *self.pick(&["=", "=", "+=", "^=", "|-|="]),
                    Type::Int(_) => *self.pick(&["=", "=", "-=", "|+|="]),
                    Type::Bool => "=",
                };
                format!("        {target} {op} {value};\n")
            }
            4 => {
                let wide: Vec<_> =
                    self.variables.iter().filter(|(_, ty)| matches!(ty, Type::Bit(2..))).cloned().collect();
                let (target, ty) = self.pick(&wide).clone();
                let high = self.random.u32(..ty.width());
                let low = self.random.u32(..=high);
                let value = self.expr(Type::Bit(high - low + 1));
                format!("        {target}[{high}:{low}] = {value};\n")
            }
            5 => {
                let ty = self.ty();
                let (name, value) = (self.name("w"), self.expr(ty));
                // Seen to the end of the block.
                self.variables.push((name.clone(), ty));
                match self.in_scope_of_block(depth) {
                    true => format!("        {} {name} = {value};\n", ty.text()),
                    false => {
                        self.variables.pop();
                        format!("        {{ {} {name} = {value}; }}\n", ty.text())
                    }
                }
            }
            6 | 7 => {
                let cond = self.expr(Type::Bool);
                let (then, els) = (self.block(depth - 1), self.block(depth - 1));
                format!("        if ({cond}) {then} else {els}\n")
            }
            8 => {
                let on = self.expr(Type::Bit(3));
                let (one, two, other) = (self.block(depth - 1), self.block(depth - 1), self.block(depth - 1));
                format!("        switch ({on}) {{\n        1: {one}\n        2: 3: {two}\n        default: {other}\n        }}\n")
                    .replace("2: 3: ", "2:\n        3: ")
            }
            9 => {
                let variable = self.name("i");
                self.fixed.push((variable.clone(), Type::Bit(8)));
                let body = self.block(depth - 1);
                let leave = self.expr(Type::Bool);
                let how = *self.pick(&["break", "continue"]);
                self.fixed.pop();
                let end = self.random.u8(..6);
                format!(
                    "        for (bit<8> {variable} in 8w0 .. {end}) {{\n        if ({leave}) {{ {how}; }}\n        {body}\n        }}\n"
                )
            }
            10 if self.in_control => {
                let index = self.expr(Type::Bit(32));
                let value = self.expr(Type::Bit(64));
                let at = self.random.u8(..5);
                let element = self.random.u8(..3);
                match self.random.u8(..17) {
                    5 => format!("        array[x.f3 ^ (bit<3>) ({index})] = (bit<8>) ({value});\n"),
                    6 => format!("        x.f8 = x.f8 + array[(bit<2>) ({index})];\n"),
                    7 => format!(
                        "        for (bit<8> e in array) {{ x.f32 = x.f32 * 3 + (bit<32>) e; array[{element}] = e; }}\n"
                    ),
                    8 => format!(
                        "        for (small_t e in s) {{ if (e.isValid()) {{ x.f64 = x.f64 + (bit<64>) e.v; }} s[{element}].setInvalid(); }}\n"
                    ),
                    9 => "        inner.apply(x.f8, array[1], pair);\n".to_owned(),
                    10 => "        inner.apply(p = pair.l, both = pair, q = x.f8);\n".to_owned(),
                    11 => format!(
                        "        x.f200[x.f8+:16] = (bit<16>) ({value});\n        x.f32 = x.f32 ^ x.f128[x.f7+:32];\n"
                    ),
                    12 => "        pair = { pair.r, array[x.f8] };\n        x.f8 = x.f8 ^ pair.r ^ pair.l;\n"
                        .to_owned(),
                    13 => format!(
                        "        either.a = {{ x.f8 }};\n        if (({value}) > 5) {{ either.b.setValid(); either.b.v = 7; }}\n        x.f8 = either.a.isValid() ? either.a.v + 1 : either.b.v;\n"
                    ),
                    14 => format!(
                        "        if (({index}) == 77) {{ exit; }}\n        s[x.f3[1:0] ^ (bit<2>) ({value})] = {{ x.f8 }};\n"
                    ),
                    15 => {
                        "        if (pair == { 5, x.f8 } || s[0] == s[1]) { x.f13 = x.f13 + 1; }\n".to_owned()
                    }
                    0 => format!("        cells.write({index}, {value});\n"),
                    1 => format!("        cells.read(x.f64, {index} & 7);\n"),
                    2 => format!("        s.push_front({});\n", at.clamp(1, 3)),
                    3 => format!("        s.pop_front(1);\n        s[{element}].v = x.f8;\n"),
                    4 => format!("        s[{element}].setValid();\n        s[{element}].v = x.f8;\n"),
                    _ => format!("        if (s[{element}].isValid()) {{ x.f8 = x.f8 + s[{element}].v; }}\n"),
                }
            }
            _ if self.in_control && !self.calls.is_empty() => {
                let call = self.pick(&self.calls.clone()).clone();
                match call.contains('Q') {
                    true => {
                        let name = self.name("q");
                        let call = call.replace('Q', &name);
                        format!("        {{ bit<16> {name} = x.f32[15:0]; {call} x.f32[15:0] = {name}; }}\n")
                    }
                    false => format!("        {call}\n"),
                }
            }
            _ => "        { }\n".to_owned(),
        }
    }

    /// Whether a variable that is declared now is still there for the next statement: only in blocks that
    /// [`Generator::block`] makes, which forget theirs.
    fn in_scope_of_block(&self, depth: usize) -> bool {
        self.in_control && depth < 2
    }

    fn expr(&mut self, ty: Type) -> String {
        self.depth += 1;
        let leaf = self.depth > 3 || self.random.u8(..4) == 0;
        let text = if leaf { self.leaf(ty) } else { self.operation(ty) };
        self.depth -= 1;
        text
    }

    fn leaf(&mut self, ty: Type) -> String {
        let known: Vec<String> = self
            .variables
            .iter()
            .chain(&self.fixed)
            .filter(|(_, t)| *t == ty)
            .map(|(name, _)| name.clone())
            .collect();
        if !known.is_empty() && self.random.u8(..4) != 0 {
            return self.pick(&known).clone();
        }
        // Something of another width, cut or extended.
        let of: Vec<(String, Type)> = self.variables.iter().chain(&self.fixed).cloned().collect();
        if let Type::Bit(width) = ty
            && !of.is_empty()
            && self.random.bool()
        {
            let (name, from) = self.pick(&of).clone();
            return match from {
                Type::Bool => format!("(bit<{width}>) (bit<1>) {name}"),
                Type::Bit(_) => format!("(bit<{width}>) {name}"),
                Type::Int(from) => format!("(bit<{width}>) (bit<{from}>) {name}"),
            };
        }
        literal(&mut self.random, ty)
    }

    fn operation(&mut self, ty: Type) -> String {
        match ty {
            Type::Bool => match self.random.u8(..6) {
                0 => format!("!({})", self.expr(ty)),
                1 => format!("({} && {})", self.expr(ty), self.expr(ty)),
                2 => format!("({} || {})", self.expr(ty), self.expr(ty)),
                _ => {
                    let of = self.ty();
                    let op =
                        if of == Type::Bool { "==" } else { *self.pick(&["==", "!=", "<", "<=", ">", ">="]) };
                    format!("({} {op} {})", self.expr(of), self.expr(of))
                }
            },
            Type::Bit(width) => match self.random.u8(..12) {
                0 => format!("(~{})", self.parenthesised(ty)),
                1 => format!("(-{})", self.parenthesised(ty)),
                2 => {
                    let by = self.expr(Type::Bit(8));
                    let op = *self.pick(&["<<", ">>"]);
                    format!("({} {op} {by})", self.expr(ty))
                }
                3 => format!("({} ? {} : {})", self.expr(Type::Bool), self.expr(ty), self.expr(ty)),
                4 if width > 1 => {
                    let low = self.random.u32(1..width);
                    format!(
                        "({} ++ {})",
                        self.parenthesised(Type::Bit(width - low)),
                        self.parenthesised(Type::Bit(low))
                    )
                }
                5 => {
                    let (more, below) = (self.random.u32(..20), self.random.u32(..20));
                    let of = self.parenthesised(Type::Bit(width + more + below));
                    format!("{of}[{}:{below}]", width + below - 1)
                }
                6 => format!("(bit<{width}>) ({})", self.expr(Type::Int(width.max(2)))).replace(
                    &format!("(bit<{width}>) ("),
                    &if width < 2 { "(bit<1>) (bit<2>) (".to_owned() } else { format!("(bit<{width}>) (") },
                ),
                7 => {
                    let by = self.random.u64(1..200).min(if width < 8 { (1 << width) - 1 } else { 200 });
                    let op = *self.pick(&["/", "%"]);
                    format!("({} {op} {width}w{by})", self.expr(ty))
                }
                _ => {
                    let op = *self.pick(&["+", "-", "*", "&", "|", "^", "|+|", "|-|"]);
                    format!("({} {op} {})", self.expr(ty), self.expr(ty))
                }
            },
            Type::Int(width) => match self.random.u8(..6) {
                0 => format!("(-{})", self.parenthesised(ty)),
                1 => {
                    let by = self.expr(Type::Bit(8));
                    let op = *self.pick(&["<<", ">>"]);
                    format!("({} {op} {by})", self.expr(ty))
                }
                2 => format!("((int<{width}>) ({}))", self.expr(Type::Bit(width))),
                3 => {
                    let from = (*self.pick(WIDTHS)).max(2);
                    format!("((int<{width}>) ({}))", self.expr(Type::Int(from)))
                }
                _ => {
                    let op = *self.pick(&["+", "-", "*", "&", "|", "^", "|+|", "|-|"]);
                    format!("({} {op} {})", self.expr(ty), self.expr(ty))
                }
            },
        }
    }

    fn parenthesised(&mut self, ty: Type) -> String {
        format!("({})", self.expr(ty))
    }
}

/// A constant, at the edges of its type more often than not.
fn literal(random: &mut Rng, ty: Type) -> String {
    match ty {
        Type::Bool => if random.bool() { "true" } else { "false" }.to_owned(),
        Type::Bit(width) | Type::Int(width) => {
            let is_bit = matches!(ty, Type::Bit(_));
            let bits = width - u32::from(!is_bit);
            let top = bits.min(63);
            let value = match random.u8(..5) {
                0 => 0,
                1 => 1,
                2 => (1u64 << top) - 1,
                3 if top > 0 => 1u64 << (top - 1),
                _ => random.u64(..1u64 << top),
            };
            match is_bit {
                true => format!("{width}w{value}"),
                false => format!("{width}s{value}"),
            }
        }
    }
}

/// What is around every generated control.
const FRAME: &str = "\
parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.x);
        packet.extract(hdr.s.next);
        packet.extract(hdr.s.next);
        transition select(hdr.x.f8) {
            0 .. 100: third;
            default: accept;
        }
    }
    state third { packet.extract(hdr.s.next); transition accept; }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    Case() case;
    apply {
        std.egress_spec = 2;
        case.apply(hdr.x, hdr.s);
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
";
