use std::io::Read as _;

use hayro::{
    PixmapSettings, RenderCache, RenderSettings, hayro_interpret::InterpreterSettings, hayro_syntax::Pdf, render,
    vello_cpu::color::palette::css::WHITE,
};

use super::{
    Period,
    document::{Document, Format, harmless},
};

const COLUMNS: &[&str] = &["at", "name", "amount"];

fn row(number: u32) -> Vec<String> {
    vec![format!("2026-11-20T10:00:{number:06}Z"), format!("Nguyễn, \"{number}\""), format!("{number}.50")]
}

/// The file, and the most bytes that were held at once.
fn made(format: Format, rows: u32) -> (Vec<u8>, usize) {
    let mut document = Document::new(format, "Payments 2026-11-20", COLUMNS).expect("begins");
    let (mut all, mut most) = (Vec::new(), 0);
    for number in 0..rows {
        document.row(&row(number)).expect("takes a row");
        if number % 100 == 99 {
            let some = document.take();
            most = most.max(some.len());
            all.extend(some);
        }
    }
    let mut rest = document.finish().expect("ends");
    while let Some(piece) = rest.next_piece().expect("can be read") {
        all.extend(piece);
    }
    (all, most)
}

#[test]
fn csv_quotes_and_is_taken_away_as_it_grows() {
    let (bytes, most) = made(Format::Csv, 10_000);
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("CSV");
    assert_eq!((rows.len(), &rows[7][1], &rows[7][2]), (10_000, "Nguyễn, \"7\"", "7.50"));
    assert!(most < 64 * 1024, "{most} bytes were held");
}

#[test]
fn a_cell_is_no_formula() {
    for (cell, harmless_cell) in [("=1+1", "'=1+1"), ("@x", "'@x"), ("-12.50", "-12.50"), ("-x", "'-x"), ("a=b", "a=b")]
    {
        assert_eq!(harmless(cell), harmless_cell);
    }
}

#[test]
fn a_spreadsheet_holds_its_rows() {
    let (bytes, most) = made(Format::Xlsx, 1_000);
    assert_eq!(most, 0, "its rows wait on the disk");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("a zip");
    let mut sheet = String::new();
    archive.by_name("xl/worksheets/sheet1.xml").expect("a sheet").read_to_string(&mut sheet).expect("text");
    assert_eq!(sheet.matches("<row ").count(), 1_001);
    assert!(sheet.contains("Nguyễn, &quot;999&quot;") || sheet.contains("Nguyễn, \"999\""), "its last row");
    assert!(sheet.contains("<v>999.5</v>"), "an amount is a number");
}

#[test]
fn a_pdf_has_its_pages_and_can_be_read() {
    let (bytes, most) = made(Format::Pdf, 2_000);
    assert!(most < 64 * 1024, "{most} bytes were held");
    let document = Pdf::new(bytes).expect("a PDF");
    let pages = document.pages();
    // 41 rows fit below the head of a page.
    assert_eq!(pages.len(), 2_000_usize.div_ceil(41));
    let (cache, scale) = (RenderCache::new(), PixmapSettings { x_scale: 2.0, y_scale: 2.0, bg_color: WHITE });
    for page in [pages.first(), pages.last()].into_iter().flatten() {
        let picture = render(page, &cache, &InterpreterSettings::default(), &RenderSettings::default(), &scale);
        let dark = picture.data().iter().filter(|pixel| pixel.r < 128).count();
        assert!(dark > 500, "letters are drawn: {dark} dark pixels");
    }
}

#[test]
fn periods_end_yesterday_or_with_their_month() {
    let today = jiff::civil::date(2026, 3, 1);
    let days = |period: Period| {
        let (from, to) = period.days(today).expect("days");
        format!("{from} {to}")
    };
    assert_eq!(days(Period::Yesterday), "2026-02-28 2026-02-28");
    assert_eq!(days(Period::LastWeek), "2026-02-22 2026-02-28");
    assert_eq!(days(Period::LastMonth), "2026-02-01 2026-02-28");
}
