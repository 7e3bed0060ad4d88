//! Random programs through every executor, lowered with and without optimisation: what leaves has to be the same.
//!
//! `HEDDLE_SEEDS=1000..2000 cargo test -p heddle-tests --test generated` tries others than CI does.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use heddle_exec::{Executor, Interpreter};
use heddle_jit::Jit;
use heddle_p4::diag::Style;
use heddle_p4::{CompileOptions, MemoryFiles};
use heddle_runtime::stf::{Outcome, Script, run};
use heddle_tests::generator::generate;

fn seeds() -> Range<u64> {
    let given = std::env::var("HEDDLE_SEEDS").ok();
    let range = given.as_deref().and_then(|given| given.split_once(".."));
    match range.map(|(from, to)| (from.parse(), to.parse())) {
        Some((Ok(from), Ok(to))) => from..to,
        _ => 0..150,
    }
}

/// What becomes of the packets. The script expects a packet that no program sends, so each that leaves is a failure and
/// there with its bytes.
fn outcome(executor: Arc<dyn Executor>, packets: &[Vec<u8>]) -> Outcome {
    let mut script = String::new();
    for packet in packets {
        let digits: String = packet.iter().map(|byte| format!("{byte:02x}")).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(script, "packet 1 {digits}");
    }
    script.push_str("expect 2 ffffffffffffffff $\n");
    let script = Script::parse(&script).expect("it is a script");
    run(executor, &script).expect("packets fit any program")
}

fn compiled(program: &str, optimise: bool) -> heddle_ir::Verified {
    let files = MemoryFiles::new().with("main.p4", program);
    let mut options = CompileOptions::default();
    options.lower.optimise = optimise;
    let compilation = heddle_p4::compile(&files, "main.p4", &options);
    match compilation.output {
        Some(output) => output.verified,
        None => panic!(
            "a generated program is refused:\n{}\n{program}",
            compilation.diagnostics.render(&compilation.source_map, Style::Plain)
        ),
    }
}

#[test]
fn executors_and_optimisation_agree() {
    let mut left = 0;
    for seed in seeds() {
        let generated = generate(seed);
        let (plain, optimised) = (compiled(&generated.program, false), compiled(&generated.program, true));
        let expected = outcome(Arc::new(Interpreter::new(plain.clone())), &generated.packets);
        left += expected.failures.len();
        let others: [(&str, Arc<dyn Executor>); 3] = [
            ("interpreter, optimised", Arc::new(Interpreter::new(optimised.clone()))),
            ("machine code", Arc::new(Jit::new(plain).expect("every verified program is compiled"))),
            (
                "machine code, optimised",
                Arc::new(Jit::new(optimised).expect("every verified program is compiled")),
            ),
        ];
        for (name, executor) in others {
            let got = outcome(executor, &generated.packets);
            assert_eq!(got, expected, "seed {seed}, {name}:\n{}", generated.program);
        }
    }
    assert!(left > 500, "most packets leave, and only {left} did");
}

/// The comparison tells programs apart that differ in one operator.
#[test]
fn another_program_gives_another_outcome() {
    let generated = generate(0);
    let other =
        generated.program.replacen("std.egress_spec = 2;", "std.egress_spec = 2; hdr.x.f7 = ~hdr.x.f7;", 1);
    let of = |program: &str| outcome(Arc::new(Interpreter::new(compiled(program, true))), &generated.packets);
    assert_ne!(of(&generated.program), of(&other));
}
