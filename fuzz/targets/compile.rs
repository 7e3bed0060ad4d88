//! The whole compiler on arbitrary bytes: it says yes or no, and what it says yes to verifies and prints.
#![no_main]

use std::io;

use heddle_p4::{CompileOptions, Files, compile};
use libfuzzer_sys::fuzz_target;

struct One<'a>(&'a [u8]);

impl Files for One<'_> {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        match path {
            "fuzz.p4" => Ok(self.0.to_vec()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let compilation = compile(&One(data), "fuzz.p4", &CompileOptions::default());
    match compilation.output {
        Some(output) => {
            let text = heddle_ir::text::print(&output.verified);
            let parsed = heddle_ir::text::parse(&text).expect("what is printed parses");
            assert_eq!(text, heddle_ir::text::print(&parsed));
        }
        None => assert!(compilation.diagnostics.error_count() > 0, "refused without a reason"),
    }
});
