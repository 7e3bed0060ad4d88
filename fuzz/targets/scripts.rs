//! STF scripts and runtime files on arbitrary text.
#![no_main]

use std::sync::OnceLock;

use heddle_ir::Verified;
use heddle_p4::{CompileOptions, DiskFiles, compile};
use heddle_runtime::{file, stf::Script};
use libfuzzer_sys::fuzz_target;

fn router() -> &'static Verified {
    static ROUTER: OnceLock<Verified> = OnceLock::new();
    ROUTER.get_or_init(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../pipelines/l3_router.p4");
        let compilation = compile(&DiskFiles, path, &CompileOptions::default());
        compilation.output.expect("the shipped router compiles").verified
    })
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Script::parse(text);
    if let Ok(updates) = file::parse(text, router()) {
        let state = heddle_state::State::new(router(), 1).expect("the router fits");
        let _ = state.write_each(&updates);
    }
});
