//! Preprocessor, lexer and parser on arbitrary bytes: no panic, no hang.
#![no_main]

use std::io;

use heddle_p4::Files;
use heddle_p4::diag::Diagnostics;
use heddle_p4::source::SourceMap;
use heddle_p4::syntax::{PreprocessorOptions, parse};
use libfuzzer_sys::fuzz_target;

struct One<'a>(&'a [u8]);

impl Files for One<'_> {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        // Including itself is the worst that a file can do.
        match path {
            "fuzz.p4" => Ok(self.0.to_vec()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let (mut map, mut diagnostics) = (SourceMap::default(), Diagnostics::new());
    let _ = parse(&One(data), "fuzz.p4", &PreprocessorOptions::default(), &mut map, &mut diagnostics);
});
