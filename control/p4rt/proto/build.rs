//! Compiles the messages, and the service's client and server where they are wanted.

use std::error::Error;
use std::path::PathBuf;

use prost::Message as _;

/// All that is not imported by another.
const FILES: [&str; 5] = [
    "p4/v1/p4runtime.proto",
    "p4/tmp/p4config.proto",
    "google/rpc/code.proto",
    "heddle/v1/role.proto",
    "stratum/p4_role_config.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    let mut config = prost_build::Config::new();
    // Payloads go from the network to a port, and back, without a copy.
    config.bytes([".p4.v1.PacketIn.payload", ".p4.v1.PacketOut.payload"]);
    // What follows a list in an example would be taken for code to test.
    config.disable_comments([".google"]);
    #[cfg(feature = "service")]
    config.service_generator(tonic_prost_build::configure().service_generator());
    config.include_file("messages.rs");
    config.compile_fds(descriptors)?;
    Ok(())
}
