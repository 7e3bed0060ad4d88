//! Compiles the messages and calls of the switch's own service.

use std::error::Error;
use std::path::PathBuf;

/// Where the P4Runtime messages are that ours refer to.
const P4RUNTIME: &str = "../p4rt/proto/proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed={P4RUNTIME}");
    let mut descriptors = protox::compile(["heddle/v1/switch.proto"], ["proto", P4RUNTIME])?;
    // What we refer to has been compiled elsewhere.
    descriptors.file.retain(|file| file.package() == "heddle.v1");
    let mut config = prost_build::Config::new();
    config.extern_path(".p4.v1", "::heddle_p4rt::proto::v1");
    config.service_generator(tonic_prost_build::configure().service_generator());
    config.include_file(PathBuf::from("messages.rs"));
    config.compile_fds(descriptors)?;
    Ok(())
}
