//! IR text on arbitrary bytes: what parses prints to itself, and the verifier answers.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(program) = heddle_ir::text::parse(text) else { return };
    let printed = heddle_ir::text::print(&program);
    let again = heddle_ir::text::parse(&printed).expect("what is printed parses");
    assert_eq!(printed, heddle_ir::text::print(&again));
    let _ = heddle_ir::verify(program);
});
