//! Wire formats that tests, generators, ports and telemetry need. The switch itself knows only what its P4
//! program says.

pub mod checksum;
