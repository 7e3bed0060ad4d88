//! Arbitrary packets through the shipped pipelines with their tables: no panic, and every packet accounted for.
#![no_main]

use std::cell::RefCell;
use std::sync::Arc;

use heddle_exec::Interpreter;
use heddle_p4::{CompileOptions, DiskFiles, compile};
use heddle_packet::PortId;
use heddle_runtime::stf::{Command, Runner, Script};
use libfuzzer_sys::fuzz_target;

const PROGRAMS: [&str; 5] = ["l2_switch", "l3_router", "ai_leaf", "ai_spine", "ai_fabric"];

fn runner(name: &str) -> Runner {
    let path = format!("{}/../pipelines/{name}", env!("CARGO_MANIFEST_DIR"));
    let compilation = compile(&DiskFiles, &format!("{path}.p4"), &CompileOptions::default());
    let verified = compilation.output.expect("a shipped program compiles").verified;
    let text = std::fs::read_to_string(format!("{path}.stf")).expect("it has a script");
    let script = Script::parse(&text).expect("its script is well formed");
    let mut runner = Runner::new(Arc::new(Interpreter::new(verified)), &script).expect("it fits");
    for line in &script.lines {
        match &line.command {
            Command::Packet { .. } | Command::Expect { .. } | Command::CheckCounter { .. } => {}
            other => runner.command(line.number, other).expect("its script fits"),
        }
    }
    runner
}

thread_local! {
    static RUNNERS: RefCell<Vec<Runner>> = RefCell::new(PROGRAMS.map(runner).into());
}

fuzz_target!(|data: &[u8]| {
    let [program, port, packet @ ..] = data else { return };
    RUNNERS.with_borrow_mut(|runners| {
        let runner = &mut runners[usize::from(*program) % PROGRAMS.len()];
        runner.pass(&[(PortId(u32::from(*port)), packet.to_vec())]);
        let stats = runner.stats();
        assert_eq!(stats.in_flight(), 0);
        let went = stats.transmitted + stats.delivered + stats.drops.total();
        assert_eq!(stats.received + stats.injected + stats.copies, went, "a packet is unaccounted for");
    });
});
