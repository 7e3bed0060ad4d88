//! From what people write to what the switch holds: names and text become [`heddle_state::Update`]s.
//!
//! * [`names`]: tables, keys, actions and counters by the names people use for them
//! * [`value`]: numbers, MAC and IP addresses as text
//! * [`file`]: the runtime file, the JSON that P4 tutorials call `s1-runtime.json`
//! * [`stf`]: simple-test-framework scripts and their runner
//! * [`learning`]: the agent that makes `l2_switch.p4` learn
//!
//! Nothing here knows how a program was compiled or how packets get in: programs arrive as verified IR, packets
//! go through a [`heddle_engine::Switch`].

pub mod entry;
pub mod file;
pub mod learning;
pub mod names;
pub mod stf;
pub mod value;
