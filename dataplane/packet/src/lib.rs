//! Packets: buffers and their pool, port numbers, and the wire formats that tests, generators and telemetry
//! need. Knows nothing of programs, ports or queues.

mod buffer;
mod prefetch;
mod segmentation;
pub mod wire;

pub use buffer::*;
pub use prefetch::prefetch;
pub use segmentation::Segmentation;
