//! A table as a PDF that is written page by page: finished pages are taken away, and what is kept of each is its place.
//!
//! Why not the library that draws tickets: it holds a document until its end. A table needs little of PDF: one font, texts at
//! places, pages. The font is Noto Sans as a whole, so any letter can come on any page; a letter that it lacks becomes its
//! empty box. Source of the form: ISO 32000-1:2008, sections 7.5 (file), 7.7 (pages), 9.7 (composite fonts).

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write as _},
};

use flate2::{Compression, write::ZlibEncoder};
use ttf_parser::{Face, GlyphId};
use unicode_normalization::UnicodeNormalization as _;

/// A4, on its side. Points.
const PAGE: (f32, f32) = (841.89, 595.28);
const MARGIN: f32 = 36.0;
const SIZE: f32 = 8.0;
const LINE: f32 = 12.0;
/// Between two columns.
const GAP: f32 = 6.0;

/// Objects whose numbers are known before they are written.
const CATALOG: usize = 1;
const PAGES: usize = 2;
const FONT: usize = 3;
const FIRST_FREE: usize = 8;

#[expect(missing_debug_implementations, reason = "what it is made of has none")]
pub struct Pdf {
    face: Face<'static>,
    title: String,
    columns: Vec<String>,
    /// Bytes that were not taken yet.
    buffer: Vec<u8>,
    /// Bytes that were written at all: the place of the next object.
    written: usize,
    /// Place of each object, by its number.
    places: Vec<usize>,
    /// Numbers of the pages.
    pages: Vec<usize>,
    /// What the present page shows.
    content: String,
    y: f32,
    /// Glyphs that were used, with their letters: for searching and copying.
    used: BTreeMap<u16, char>,
}

impl Pdf {
    pub(super) fn new(title: &str, columns: &[&str]) -> Self {
        let mut new = Self {
            face: Face::parse(notosans::REGULAR_TTF, 0).expect("the embedded font is whole"),
            title: title.to_owned(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            buffer: Vec::new(),
            written: 0,
            places: vec![0; FIRST_FREE],
            pages: Vec::new(),
            content: String::new(),
            y: 0.0,
            used: BTreeMap::new(),
        };
        new.put(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n");
        new.begin();
        new
    }

    pub(super) fn row(&mut self, cells: &[String]) -> io::Result<()> {
        if self.y < MARGIN + LINE {
            self.end()?;
            self.begin();
        }
        self.line(cells);
        Ok(())
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    pub(super) fn finish(mut self) -> io::Result<Vec<u8>> {
        self.end()?;
        self.font()?;
        let kids: Vec<String> = self.pages.iter().map(|page| format!("{page} 0 R")).collect();
        let count = kids.len();
        let (width, height) = PAGE;
        let pages = format!(
            "<</Type/Pages/Count {count}/MediaBox[0 0 {width} {height}]/Resources<</Font<</F {FONT} 0 R>>>>/Kids[{}]>>",
            kids.join(" ")
        );
        self.object(PAGES, &pages);
        self.object(CATALOG, &format!("<</Type/Catalog/Pages {PAGES} 0 R>>"));
        let start = self.written;
        let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", self.places.len());
        for place in &self.places[1..] {
            let _ = writeln!(table, "{place:010} 00000 n ");
        }
        let size = self.places.len();
        let _ = write!(table, "trailer\n<</Size {size}/Root {CATALOG} 0 R>>\nstartxref\n{start}\n%%EOF\n");
        self.put(table.as_bytes());
        Ok(self.buffer)
    }

    /// A new page with its head.
    fn begin(&mut self) {
        self.y = PAGE.1 - MARGIN;
        let head = format!("{}   ·   page {}", self.title, self.pages.len() + 1);
        self.text(MARGIN, &head, PAGE.0 - 2.0 * MARGIN);
        self.y -= 1.5 * LINE;
        let columns = self.columns.clone();
        self.line(&columns);
        let y = self.y + LINE - 3.0;
        let _ = writeln!(self.content, "0.5 w {MARGIN} {y:.2} m {:.2} {y:.2} l S", PAGE.0 - MARGIN);
    }

    fn line(&mut self, cells: &[String]) {
        #[expect(clippy::cast_precision_loss, reason = "a dozen columns")]
        let width = (PAGE.0 - 2.0 * MARGIN) / self.columns.len() as f32;
        let mut x = MARGIN;
        for cell in cells {
            self.text(x, cell, width - GAP);
            x += width;
        }
        self.y -= LINE;
    }

    /// Writes at the present height; what is wider than `width` is cut.
    fn text(&mut self, x: f32, text: &str, width: f32) {
        let units = width / SIZE * f32::from(self.face.units_per_em());
        let mut taken = 0.0;
        let mut glyphs = String::new();
        for letter in text.nfc().map(|letter| if letter.is_control() { ' ' } else { letter }) {
            let glyph = self.face.glyph_index(letter).unwrap_or_default();
            taken += f32::from(self.face.glyph_hor_advance(glyph).unwrap_or_default());
            if taken > units {
                break;
            }
            self.used.entry(glyph.0).or_insert(letter);
            let _ = write!(glyphs, "{:04X}", glyph.0);
        }
        if !glyphs.is_empty() {
            let _ = writeln!(self.content, "BT /F {SIZE} Tf {x:.2} {:.2} Td <{glyphs}> Tj ET", self.y);
        }
    }

    /// Writes the present page.
    fn end(&mut self) -> io::Result<()> {
        let content = std::mem::take(&mut self.content);
        let stream = self.number();
        self.stream(stream, "", content.as_bytes())?;
        let page = self.number();
        self.object(page, &format!("<</Type/Page/Parent {PAGES} 0 R/Contents {stream} 0 R>>"));
        self.pages.push(page);
        Ok(())
    }

    /// The font with its measures, once, at the end: by then it is known which letters came.
    fn font(&mut self) -> io::Result<()> {
        let [composite, descriptor, file, letters] = [FONT + 1, FONT + 2, FONT + 3, FONT + 4];
        self.object(
            FONT,
            &format!(
                "<</Type/Font/Subtype/Type0/BaseFont/NotoSans/Encoding/Identity-H/DescendantFonts[{composite} 0 R]/ToUnicode {letters} 0 R>>"
            ),
        );
        let scale = 1000.0 / f32::from(self.face.units_per_em());
        let mut widths = String::new();
        for glyph in self.used.keys() {
            let advance = f32::from(self.face.glyph_hor_advance(GlyphId(*glyph)).unwrap_or_default()) * scale;
            let _ = write!(widths, "{glyph}[{advance:.0}]");
        }
        self.object(
            composite,
            &format!(
                "<</Type/Font/Subtype/CIDFontType2/BaseFont/NotoSans/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/CIDToGIDMap/Identity/FontDescriptor {descriptor} 0 R/W[{widths}]>>"
            ),
        );
        let measure = |units: i16| f32::from(units) * scale;
        let (ascent, descent) = (measure(self.face.ascender()), measure(self.face.descender()));
        let frame = self.face.global_bounding_box();
        let frame = [frame.x_min, frame.y_min, frame.x_max, frame.y_max].map(|side| format!("{:.0}", measure(side)));
        self.object(
            descriptor,
            &format!(
                "<</Type/FontDescriptor/FontName/NotoSans/Flags 4/ItalicAngle 0/StemV 80/Ascent {ascent:.0}/Descent {descent:.0}/CapHeight 714/FontBBox[{}]/FontFile2 {file} 0 R>>",
                frame.join(" ")
            ),
        );
        self.stream(file, &format!("/Length1 {}", notosans::REGULAR_TTF.len()), notosans::REGULAR_TTF)?;
        let mut map =
            "/CIDInit/ProcSet findresource begin 12 dict begin begincmap/CMapName/Letters def/CMapType 2 def\n\
             1 begincodespacerange<0000><FFFF>endcodespacerange\n"
                .to_owned();
        let used: Vec<(u16, char)> = self.used.iter().map(|(glyph, letter)| (*glyph, *letter)).collect();
        for some in used.chunks(100) {
            let _ = writeln!(map, "{} beginbfchar", some.len());
            for (glyph, letter) in some {
                let mut units = [0; 2];
                let units: String = letter.encode_utf16(&mut units).iter().map(|unit| format!("{unit:04X}")).collect();
                let _ = writeln!(map, "<{glyph:04X}><{units}>");
            }
            map.push_str("endbfchar\n");
        }
        map.push_str("endcmap CMapName currentdict/CMap defineresource pop end end\n");
        self.stream(letters, "", map.as_bytes())
    }

    fn number(&mut self) -> usize {
        self.places.push(0);
        self.places.len() - 1
    }

    fn object(&mut self, number: usize, body: &str) {
        self.places[number] = self.written;
        self.put(format!("{number} 0 obj\n{body}\nendobj\n").as_bytes());
    }

    fn stream(&mut self, number: usize, more: &str, bytes: &[u8]) -> io::Result<()> {
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(bytes)?;
        let packed = packed.finish()?;
        self.places[number] = self.written;
        let head = format!("{number} 0 obj\n<</Filter/FlateDecode/Length {}{more}>>\nstream\n", packed.len());
        self.put(head.as_bytes());
        self.put(&packed);
        self.put(b"\nendstream\nendobj\n");
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.written += bytes.len();
    }
}
