//! A file that is put aside when it is large: `x.log` becomes `x.1.log`, that one `x.2.log`, and so on.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// The file that is written now, and how much of it.
#[derive(Debug)]
pub(super) struct RotatedFile {
    path: PathBuf,
    out: BufWriter<File>,
    written: u64,
    size_max: u64,
    kept_max: u64,
}

impl RotatedFile {
    /// Creates the file, in place of one that is there.
    pub(super) fn create(path: &Path, size_max: u64, kept_max: u64) -> io::Result<RotatedFile> {
        let out = BufWriter::new(File::create(path)?);
        Ok(RotatedFile { path: path.to_owned(), out, written: 0, size_max, kept_max })
    }

    pub(super) fn write(&mut self, text: &str) -> io::Result<()> {
        if self.written > 0 && self.written + text.len() as u64 > self.size_max {
            self.put_aside()?;
        }
        self.written += text.len() as u64;
        self.out.write_all(text.as_bytes())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn put_aside(&mut self) -> io::Result<()> {
        self.out.flush()?;
        for number in (0..self.kept_max).rev() {
            let from = if number == 0 { self.path.clone() } else { self.aside(number) };
            match std::fs::rename(from, self.aside(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        self.out = BufWriter::new(File::create(&self.path)?);
        self.written = 0;
        Ok(())
    }

    /// Where the last but `number` was put.
    fn aside(&self, number: u64) -> PathBuf {
        let mut name = self.path.file_stem().unwrap_or_default().to_owned();
        name.push(format!(".{number}"));
        if let Some(extension) = self.path.extension() {
            name.push(".");
            name.push(extension);
        }
        self.path.with_file_name(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_is_put_aside_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let mut file = RotatedFile::create(&path, 10, 2).unwrap();
        for text in ["first...\n", "second..\n", "third...\n", "fourth..\n"] {
            file.write(text).unwrap();
        }
        file.flush().unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("x.log"), "fourth..\n");
        assert_eq!(read("x.1.log"), "third...\n");
        assert_eq!(read("x.2.log"), "second..\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }
}
