//! The compiler: shipped programs from source to verified IR, and programs of growing size.
#![allow(missing_docs)] // criterion's macros make items of their own

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use heddle_benches::pipelines;
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

fn growing(c: &mut Criterion) {
    let mut group = c.benchmark_group("compile_lines");
    group.sample_size(10);
    for tables in [70, 700, 7_000] {
        let text = Text(generated(tables));
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

criterion_group!(benches, shipped, growing);
criterion_main!(benches);
