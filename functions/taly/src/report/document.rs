//! Rows in, bytes out: one way for all formats.
//!
//! [`Document::take`] gives what is finished so far, so that nobody has to hold a whole file. A spreadsheet is a zip whose
//! directory stands at its end: its rows lie in a file of the disk until [`Document::finish`].

use std::{
    cell::RefCell,
    fs::File,
    io::{self, Read as _, Write},
    rc::Rc,
};

use serde::{Deserialize, Serialize};

use super::{pdf::Pdf, xlsx::Xlsx};

/// How much of a file is read at once. Bytes.
const PIECE: usize = 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Csv,
    Xlsx,
    Pdf,
}

impl Format {
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
            Self::Pdf => "pdf",
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Pdf => "application/pdf",
        }
    }
}

/// A report that is being written.
#[expect(missing_debug_implementations, reason = "what it is made of has none")]
pub enum Document {
    Csv(Box<csv::Writer<Buffer>>, Buffer),
    Xlsx(Box<Xlsx>),
    Pdf(Box<Pdf>),
}

/// What is left after the last row.
#[derive(Debug)]
pub enum Rest {
    Bytes(Vec<u8>),
    File(File),
}

/// Bytes that were written and not yet taken.
#[derive(Debug, Clone, Default)]
pub struct Buffer(Rc<RefCell<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Document {
    /// Begins one, with a line for the columns.
    ///
    /// # Errors
    /// When there is no disk for a spreadsheet's rows.
    pub fn new(format: Format, title: &str, columns: &[&str]) -> io::Result<Self> {
        match format {
            Format::Csv => {
                let buffer = Buffer::default();
                let mut writer = csv::Writer::from_writer(buffer.clone());
                writer.write_record(columns)?;
                Ok(Self::Csv(Box::new(writer), buffer))
            }
            Format::Xlsx => Ok(Self::Xlsx(Box::new(Xlsx::new(columns)?))),
            Format::Pdf => Ok(Self::Pdf(Box::new(Pdf::new(title, columns)))),
        }
    }

    /// # Errors
    /// When the disk is full.
    pub fn row(&mut self, cells: &[String]) -> io::Result<()> {
        match self {
            Self::Csv(writer, _) => Ok(writer.write_record(cells.iter().map(|cell| harmless(cell).into_owned()))?),
            Self::Xlsx(sheet) => sheet.row(cells),
            Self::Pdf(pdf) => pdf.row(cells),
        }
    }

    /// The bytes since the last time.
    pub fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Csv(_, buffer) => std::mem::take(&mut *buffer.0.borrow_mut()),
            Self::Xlsx(_) => Vec::new(),
            Self::Pdf(pdf) => pdf.take(),
        }
    }

    /// # Errors
    /// When the disk is full.
    pub fn finish(self) -> io::Result<Rest> {
        match self {
            Self::Csv(mut writer, buffer) => {
                writer.flush()?;
                Ok(Rest::Bytes(std::mem::take(&mut *buffer.0.borrow_mut())))
            }
            Self::Xlsx(sheet) => sheet.finish().map(Rest::File),
            Self::Pdf(pdf) => pdf.finish().map(Rest::Bytes),
        }
    }
}

impl Rest {
    /// The next bytes; `None` after the last.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn next_piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        let piece = match self {
            Self::Bytes(bytes) => std::mem::take(bytes),
            Self::File(file) => {
                let mut piece = Vec::with_capacity(PIECE);
                file.take(PIECE as u64).read_to_end(&mut piece)?;
                piece
            }
        };
        Ok((!piece.is_empty()).then_some(piece))
    }
}

/// A cell that a spreadsheet program takes for text: one that begins like a formula gets an apostrophe before it, unless it
/// is a number.
///
/// Source: <https://owasp.org/www-community/attacks/CSV_Injection> (read 2026-11).
pub fn harmless(cell: &str) -> std::borrow::Cow<'_, str> {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
    if is_formula { format!("'{cell}").into() } else { cell.into() }
}
