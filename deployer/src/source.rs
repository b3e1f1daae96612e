//! Source texts and places in them.
//!
//! Every value read from a file keeps its [`Span`], so that any later stage can point at the text it came
//! from. Holds no file handles; `project.rs` reads the bytes.

use std::fmt;

/// A file as it was read. `name` is relative to the project's root and is what diagnostics print.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// All files of one run; a [`FileId`] is an index into it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources(pub(crate) Vec<Source>);

/// Index of a file in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct FileId(pub(crate) usize);

/// Bytes `start..end` of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct Span {
    pub(crate) file: FileId,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A value and where it was written. Equality and order are the value's.
#[derive(Clone)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

impl Sources {
    /// Adds a file and returns its id.
    pub(crate) fn add(&mut self, source: Source) -> FileId {
        self.0.push(source);
        FileId(self.0.len() - 1)
    }

    pub(crate) fn get(&self, file: FileId) -> &Source {
        &self.0[file.0]
    }

    /// The text at `span`, cut to what the file holds.
    pub(crate) fn text(&self, span: Span) -> &str {
        let text = &self.get(span.file).text;
        text.get(span.start.min(text.len())..span.end.min(text.len())).unwrap_or_default()
    }
}

impl Span {
    /// Whether it stands in no file: the place of a default.
    pub(crate) fn is_nowhere(self) -> bool {
        self == Self::default()
    }

    /// This place, or `other` where this is the place of a default.
    pub(crate) fn or(self, other: Self) -> Self {
        if self.is_nowhere() { other } else { self }
    }
}

impl<T> Spanned<T> {
    pub(crate) fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl<T: fmt::Debug> fmt::Debug for Spanned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
