//! Arbitrary P4Runtime requests against the model that the crate's own tests use.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)] // The tests of the crate use more of it.
#[path = "../../control/p4rt/tests/core/fixture.rs"]
mod fixture;
#[path = "../../control/p4rt/tests/core/model.rs"]
mod model;

fuzz_target!(|data: &[u8]| model::run(data));
