//! A spreadsheet whose rows lie on the disk while it is being written, so that it takes a few megabytes of memory.

use std::{
    fs::File,
    io::{self, Seek as _, SeekFrom},
};

use rust_xlsxwriter::{Format, Workbook, XlsxError};

/// Rows of a sheet, the line of columns included; what is more goes to the next sheet.
///
/// Source: <https://support.microsoft.com/office/excel-specifications-and-limits-1672b34d-7043-467e-8e27-269d656771c3> (read 2026-11).
const MOST: u32 = 1_048_576;

/// Characters of a cell, by the same page.
const CELL: usize = 32_767;

#[expect(missing_debug_implementations, reason = "what it is made of has none")]
pub struct Xlsx {
    workbook: Workbook,
    columns: Vec<String>,
    /// Rows in the present sheet.
    rows: u32,
}

fn failed(error: XlsxError) -> io::Error {
    io::Error::other(error)
}

impl Xlsx {
    pub(super) fn new(columns: &[&str]) -> io::Result<Self> {
        let mut new = Self {
            workbook: Workbook::new(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            rows: 0,
        };
        new.sheet()?;
        Ok(new)
    }

    fn sheet(&mut self) -> io::Result<()> {
        let bold = Format::new().set_bold();
        let sheet = self.workbook.add_worksheet_with_constant_memory().map_err(failed)?;
        for (at, column) in (0..).zip(&self.columns) {
            sheet.write_string_with_format(0, at, column, &bold).map_err(failed)?;
        }
        self.rows = 1;
        Ok(())
    }

    pub(super) fn row(&mut self, cells: &[String]) -> io::Result<()> {
        if self.rows == MOST {
            self.sheet()?;
        }
        let row = self.rows;
        let last = self.workbook.worksheets().len() - 1;
        let sheet = self.workbook.worksheet_from_index(last).map_err(failed)?;
        for ((at, cell), column) in (0..).zip(cells).zip(&self.columns) {
            let number = if column == "amount" { cell.parse::<f64>().ok() } else { None };
            match number {
                Some(number) => sheet.write_number(row, at, number).map_err(failed)?,
                // Written as a text: no program takes it for a formula.
                None => sheet.write_string(row, at, cell.chars().take(CELL).collect::<String>()).map_err(failed)?,
            };
        }
        self.rows += 1;
        Ok(())
    }

    /// The file, to be read from its beginning; it goes when it is closed.
    pub(super) fn finish(mut self) -> io::Result<File> {
        let mut file = tempfile::tempfile()?;
        self.workbook.save_to_writer(&mut file).map_err(failed)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }
}
