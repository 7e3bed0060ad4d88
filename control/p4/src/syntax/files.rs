//! Where source texts come from.
//!
//! The compiler reads nothing but through [`Files`], so it runs without a disk, too. Built-in files are found
//! last, after all others.

use std::collections::HashMap;
use std::io;

/// Access to files by path.
pub trait Files {
    /// The bytes of the file at `path`, which is as the user wrote it or as made of an include directory and the
    /// name in an `#include`, with `/` between.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;
}

/// The files of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskFiles;

impl Files for DiskFiles {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }
}

/// Files in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    files: HashMap<String, Vec<u8>>,
}

impl MemoryFiles {
    /// None.
    pub fn new() -> MemoryFiles {
        MemoryFiles::default()
    }

    /// With one more.
    pub fn with(mut self, path: impl Into<String>, text: impl Into<Vec<u8>>) -> MemoryFiles {
        self.files.insert(path.into(), text.into());
        self
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// The built-in file of that name, for `#include <name>`.
pub fn built_in(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|&(_, text)| text)
}

/// The built-in file of which a name is another spelling.
pub fn built_in_like(name: &str) -> Option<&'static str> {
    let plain = |name: &str| -> String {
        let stem = name.split('.').next().unwrap_or(name).chars();
        stem.filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    BUILT_IN.iter().map(|(known, _)| *known).find(|known| plain(known) == plain(name))
}

/// Names and texts of the built-in files.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("core.p4", include_str!("../../include/core.p4")),
    ("v1model.p4", include_str!("../../include/v1model.p4")),
];
