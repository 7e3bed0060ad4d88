//! What the tests of the whole share.

pub mod generator;

use std::io;
use std::path::{Path, PathBuf};

use heddle_p4::{DiskFiles, Files};

/// Sources from a folder, by names relative to it.
pub struct Under(pub PathBuf);

impl Files for Under {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        DiskFiles.read(&self.0.join(path).to_string_lossy())
    }
}

/// The top of the source tree.
pub fn top() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
