//! Source texts and positions in them.
//!
//! All files of a compilation share one position space, so that a [`Span`] is two numbers and knows its file.
//! Position 0 belongs to no file: the default span means "nowhere".

use std::sync::Arc;

/// A range of bytes in the position space of a [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// From the start of this to the end of `other`.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The empty span right after this one, where something is missing.
    pub fn after(self) -> Span {
        Span { start: self.end, end: self.end }
    }

    /// Whether it points at no file.
    pub fn is_nowhere(self) -> bool {
        self.start == 0
    }
}

/// A file as it was read.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Path as the user or an `#include` named it; `<core.p4>` for those built in.
    pub name: Arc<str>,
    /// Text.
    pub text: Arc<str>,
    /// Position of its first byte.
    pub start: u32,
    /// Where lines start, as offsets into the text; the first is 0.
    lines: Vec<u32>,
    /// What `#line` directives said, in order of offset.
    markers: Vec<LineMarker>,
}

/// From `offset` on, lines count from `line` and belong to `name`.
#[derive(Clone, Debug)]
struct LineMarker {
    offset: u32,
    line: u32,
    name: Arc<str>,
}

impl SourceFile {
    /// Position one past its last byte.
    pub fn end(&self) -> u32 {
        self.start.saturating_add(self.text.len() as u32)
    }

    /// The whole file.
    pub fn span(&self) -> Span {
        Span { start: self.start, end: self.end() }
    }

    /// Index of the physical line that holds `offset`.
    fn line_index(&self, offset: u32) -> usize {
        self.lines.partition_point(|&start| start <= offset).saturating_sub(1)
    }

    /// Offset of the start of physical line `index`; of the end of the text if there is no such line.
    fn line_offset(&self, index: usize) -> u32 {
        self.lines.get(index).copied().unwrap_or(self.text.len() as u32)
    }

    /// Name and number of physical line `index`, as `#line` directives before it have it.
    fn presumed(&self, index: usize) -> (Arc<str>, u32) {
        let offset = self.line_offset(index);
        let count = self.markers.partition_point(|marker| marker.offset <= offset);
        match count.checked_sub(1).and_then(|last| self.markers.get(last)) {
            Some(marker) => {
                let since = index.saturating_sub(self.line_index(marker.offset)) as u32;
                (marker.name.clone(), marker.line.saturating_add(since))
            }
            None => (self.name.clone(), index as u32 + 1),
        }
    }
}

/// Where a position is, for people: 1-based, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// File, as `#line` has it if it says so.
    pub file: Arc<str>,
    /// Line, likewise.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// Consecutive whole lines of one file.
#[derive(Clone, Debug)]
pub struct Excerpt<'a> {
    /// File, as `#line` has it if it says so.
    pub file: Arc<str>,
    /// Number of the first line, likewise.
    pub line: u32,
    /// The lines.
    pub text: &'a str,
    /// Position of the first byte of `text`.
    pub start: u32,
}

/// The position space is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source files of one compilation may not exceed 4 GiB in all")]
pub struct SourceTooLarge;

/// All files of a compilation.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// An empty map.
    pub fn new() -> SourceMap {
        SourceMap::default()
    }

    /// Adds a file and returns the span of its text.
    pub fn add_file(
        &mut self,
        name: impl Into<Arc<str>>,
        text: impl Into<Arc<str>>,
    ) -> Result<Span, SourceTooLarge> {
        let text: Arc<str> = text.into();
        // One unused position after each file, so that the end of one is not the start of the next.
        let start = self.files.last().map_or(1, |file| file.end() + 1);
        let length = u32::try_from(text.len()).map_err(|_| SourceTooLarge)?;
        if start.checked_add(length).is_none_or(|end| end == u32::MAX) {
            return Err(SourceTooLarge);
        }
        let mut lines = vec![0];
        lines
            .extend(text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at as u32 + 1));
        self.files.push(SourceFile { name: name.into(), text, start, lines, markers: Vec::new() });
        Ok(Span { start, end: start + length })
    }

    /// All files, in the order in which they were added.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// The file that holds `position`, which may be one past its end.
    pub fn file_at(&self, position: u32) -> Option<&SourceFile> {
        let index = self.index_at(position)?;
        self.files.get(index)
    }

    fn index_at(&self, position: u32) -> Option<usize> {
        let count = self.files.partition_point(|file| file.start <= position);
        let index = count.checked_sub(1)?;
        (position <= self.files.get(index)?.end()).then_some(index)
    }

    /// Lets the line after the one that holds `position` be number `line`, of `name` or else of the same file:
    /// what `#line` says.
    pub fn set_line(&mut self, position: u32, line: u32, name: Option<Arc<str>>) {
        let Some(file) = self.index_at(position).and_then(|index| self.files.get_mut(index)) else { return };
        let index = file.line_index(position - file.start);
        let offset = file.line_offset(index + 1);
        if file.markers.last().is_some_and(|marker| marker.offset >= offset) {
            return; // The same directive, seen again because the file was included again.
        }
        let name = name.unwrap_or_else(|| file.presumed(index).0);
        file.markers.push(LineMarker { offset, line, name });
    }

    /// Where `position` is. Nothing if it is in no file.
    pub fn lookup(&self, position: u32) -> Option<Location> {
        let file = self.file_at(position)?;
        let offset = position - file.start;
        let index = file.line_index(offset);
        let (name, line) = file.presumed(index);
        let before = file.text.get(file.line_offset(index) as usize..offset as usize).unwrap_or_default();
        Some(Location { file: name, line, column: before.chars().count() as u32 + 1 })
    }

    /// The text of `span`, cut off at the end of the file it starts in. Empty if it is in no file.
    pub fn snippet(&self, span: Span) -> &str {
        let Some((file, span)) = self.clamp(span) else { return "" };
        file.text
            .get((span.start - file.start) as usize..(span.end - file.start) as usize)
            .unwrap_or_default()
    }

    /// The file that `span` starts in, and as much of the span as lies in it.
    pub fn clamp(&self, span: Span) -> Option<(&SourceFile, Span)> {
        let file = self.file_at(span.start)?;
        Some((file, Span { start: span.start, end: span.end.clamp(span.start, file.end()) }))
    }

    /// The whole lines that `span` touches, and those up to `context` before and after it, as far as they belong
    /// to the same file and are numbered consecutively.
    pub fn excerpt(&self, span: Span, context: usize) -> Option<Excerpt<'_>> {
        let (file, span) = self.clamp(span)?;
        let (from, to) = (span.start - file.start, span.end - file.start);
        // A region between two `#line` directives is numbered consecutively.
        let marked = file.markers.partition_point(|marker| marker.offset <= from);
        let region_start =
            marked.checked_sub(1).and_then(|last| file.markers.get(last)).map_or(0, |m| m.offset);
        let region_end =
            file.markers.get(marked).map_or(file.text.len() as u32, |marker| marker.offset.max(to));
        let first = file.line_index(from).saturating_sub(context).max(file.line_index(region_start));
        let last = file.line_index(to) + context;
        let begin = file.line_offset(first);
        let end = file.line_offset(last + 1).min(region_end);
        let (name, line) = file.presumed(first);
        let text = file.text.get(begin as usize..end as usize)?;
        Some(Excerpt { file: name, line, text, start: file.start + begin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(map: &SourceMap, position: u32) -> String {
        map.lookup(position).map_or("nowhere".into(), |l| format!("{}:{}:{}", l.file, l.line, l.column))
    }

    #[test]
    fn positions_know_their_file() {
        let mut map = SourceMap::new();
        let a = map.add_file("a.p4", "one\ntwo\n").unwrap();
        let b = map.add_file("b.p4", "é x").unwrap();
        assert_eq!(at(&map, 0), "nowhere");
        assert_eq!(at(&map, a.start), "a.p4:1:1");
        assert_eq!(at(&map, a.start + 5), "a.p4:2:2");
        assert_eq!(at(&map, a.end), "a.p4:3:1");
        assert_eq!(at(&map, b.start + 3), "b.p4:1:3");
        assert_eq!(at(&map, b.end + 1), "nowhere");
        assert_eq!(map.snippet(Span { start: a.start + 4, end: a.start + 7 }), "two");
        assert_eq!(map.snippet(Span { start: a.start + 4, end: b.end }), "two\n");
        assert_eq!(map.snippet(Span::default()), "");
    }

    #[test]
    fn line_directives_renumber() {
        let mut map = SourceMap::new();
        let a = map.add_file("a.p4", "x\n#line 7 \"gen.tmpl\"\ny\nz\n#line 3\nw").unwrap();
        map.set_line(a.start + 2, 7, Some("gen.tmpl".into()));
        map.set_line(a.start + 25, 3, None);
        assert_eq!(at(&map, a.start), "a.p4:1:1");
        assert_eq!(at(&map, a.start + 21), "gen.tmpl:7:1");
        assert_eq!(at(&map, a.start + 23), "gen.tmpl:8:1");
        assert_eq!(at(&map, a.end), "gen.tmpl:3:2");
        let excerpt = map.excerpt(Span { start: a.start + 23, end: a.start + 24 }, 5).unwrap();
        assert_eq!((excerpt.line, excerpt.text), (7, "y\nz\n#line 3\n"));
    }
}
