//! The compiler: shipped programs from source to verified IR and on to machine code, and programs of growing size.
#![allow(missing_docs)] // criterion's macros make items of their own

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use heddle_benches::pipelines;
use heddle_jit::Jit;
use heddle_p4::{CompileOptions, DiskFiles, Files, compile};

struct Text(String);

impl Files for Text {
    fn read(&self, path: &str) -> std::io::Result<Vec<u8>> {
        match path {
            "generated.p4" => Ok(self.0.clone().into_bytes()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        }
    }
}

/// A router with `tables` tables, each with an action of its own: about 14 lines a table.
fn generated(tables: usize) -> String {
    let mut text = String::from(
        "#include <v1model.p4>\nheader h_t { bit<32> a; bit<32> b; }\nstruct headers { h_t h; }\nstruct meta { bit<32> m; }\n\
         parser P(packet_in p, out headers h, inout meta m, inout standard_metadata_t s) {\n    state start { p.extract(h.h); transition accept; }\n}\n\
         control V(inout headers h, inout meta m) { apply { } }\n\
         control I(inout headers h, inout meta m, inout standard_metadata_t s) {\n",
    );
    for n in 0..tables {
        let _ = write!(
            text,
            "    action set{n}(bit<9> port, bit<32> value) {{\n        s.egress_spec = port;\n        h.h.b = h.h.b + value;\n        if (value > {n}) {{\n            m.m = m.m ^ (value << 3);\n        }}\n    }}\n\
             \x20   table t{n} {{\n        key = {{ h.h.a : exact; m.m : ternary; }}\n        actions = {{ set{n}; NoAction; }}\n        default_action = NoAction();\n        size = 1024;\n    }}\n"
        );
    }
    text.push_str("    apply {\n");
    for n in 0..tables {
        let _ = writeln!(text, "        t{n}.apply();");
    }
    text.push_str(
        "    }\n}\ncontrol E(inout headers h, inout meta m, inout standard_metadata_t s) { apply { } }\n\
         control C(inout headers h, inout meta m) { apply { } }\n\
         control D(packet_out p, in headers h) { apply { p.emit(h.h); } }\nV1Switch(P(), V(), I(), E(), C(), D()) main;\n",
    );
    text
}

/// A parser of `parts` states and headers, and as many controls in each other's place: about 16 lines a part.
fn generated_wide(parts: usize) -> String {
    let mut text = String::from("#include <v1model.p4>\nstruct meta { bit<32> m; }\n");
    for n in 0..parts {
        let _ = write!(
            text,
            "header h{n}_t {{\n    bit<8> next;\n    bit<24> a;\n    bit<32> b;\n}}\n\
             control C{n}(inout h{n}_t h, inout meta m) {{\n    action set(bit<24> value) {{ h.a = value; m.m = m.m + {n}; }}\n\
             \x20   table t {{\n        key = {{ h.b : exact; }}\n        actions = {{ set; NoAction; }}\n        default_action = NoAction();\n    }}\n\
             \x20   apply {{ if (h.isValid()) {{ t.apply(); }} }}\n}}\n"
        );
    }
    text.push_str("struct headers {\n");
    for n in 0..parts {
        let _ = writeln!(text, "    h{n}_t h{n};");
    }
    text.push_str("}\nparser P(packet_in p, out headers h, inout meta m, inout standard_metadata_t s) {\n    state start { transition s0; }\n");
    for n in 0..parts {
        let next = if n + 1 < parts { format!("s{}", n + 1) } else { "accept".to_owned() };
        let _ = writeln!(
            text,
            "    state s{n} {{ p.extract(h.h{n}); transition select(h.h{n}.next) {{ 0: accept; default: {next}; }} }}"
        );
    }
    text.push_str(
        "}\ncontrol V(inout headers h, inout meta m) { apply { } }\n\
         control I(inout headers h, inout meta m, inout standard_metadata_t s) {\n    apply {\n        s.egress_spec = 1;\n",
    );
    for n in 0..parts {
        let _ = writeln!(text, "        C{n}.apply(h.h{n}, m);");
    }
    text.push_str(
        "    }\n}\ncontrol E(inout headers h, inout meta m, inout standard_metadata_t s) { apply { } }\n\
         control C(inout headers h, inout meta m) { apply { } }\n\
         control D(packet_out p, in headers h) { apply { p.emit(h); } }\nV1Switch(P(), V(), I(), E(), C(), D()) main;\n",
    );
    text
}

fn shipped(c: &mut Criterion) {
    let mut group = c.benchmark_group("compile");
    for program in ["l2_switch.p4", "l3_router.p4", "ai_leaf.p4"] {
        let path = pipelines().join(program).to_string_lossy().into_owned();
        group.bench_function(program, |b| {
            b.iter(|| black_box(compile(&DiskFiles, &path, &CompileOptions::default())));
        });
    }
    group.finish();
}

/// From source to code that can run.
fn machine_code(c: &mut Criterion) {
    let mut group = c.benchmark_group("machine_code");
    group.sample_size(20);
    let made = |files: &dyn Files, path: &str| {
        let output = compile(files, path, &CompileOptions::default()).output.expect("the program compiles");
        Jit::new(output.verified).expect("it becomes machine code")
    };
    for program in ["l3_router.p4", "ai_leaf.p4", "ai_fabric.p4"] {
        let path = pipelines().join(program).to_string_lossy().into_owned();
        group.bench_function(program, |b| b.iter(|| black_box(made(&DiskFiles, &path))));
    }
    for (shape, text) in [("tables", Text(generated(70))), ("headers", Text(generated_wide(57)))] {
        let lines = text.0.lines().count();
        group.bench_with_input(BenchmarkId::new(shape, lines), &text, |b, text| {
            b.iter(|| black_box(made(text, "generated.p4")));
        });
    }
    group.finish();
}

fn growing(c: &mut Criterion) {
    grow(c, "compile_lines", &generated, [70, 700, 7_000]);
    grow(c, "compile_lines_headers", &generated_wide, [57, 570, 5_700]);
}

fn grow(c: &mut Criterion, name: &str, generated: &dyn Fn(usize) -> String, sizes: [usize; 3]) {
    let mut group = c.benchmark_group(name);
    group.sample_size(10);
    for size in sizes {
        let text = Text(generated(size));
        let lines = text.0.lines().count();
        let compilation = compile(&text, "generated.p4", &CompileOptions::default());
        assert!(compilation.output.is_some(), "the generated program compiles");
        group.throughput(Throughput::Elements(lines as u64));
        group.bench_with_input(BenchmarkId::from_parameter(lines), &text, |b, text| {
            b.iter(|| black_box(compile(text, "generated.p4", &CompileOptions::default())));
        });
    }
    group.finish();
}

criterion_group!(benches, shipped, machine_code, growing);
criterion_main!(benches);
