//! The pages: one per ticket, for the door to read.
//!
//! Takes an event with its order and returns a PDF. The same input gives the same bytes: no clock, no random
//! number, no order of a hash map. The code is drawn as vectors, so it stays sharp on paper and on a
//! cracked screen alike.

use krilla::{
    Document,
    color::rgb,
    geom::{Path, PathBuilder, Point, Rect},
    metadata::Metadata,
    num::NormalizedF32,
    page::PageSettings,
    paint::{Fill, FillRule},
    surface::Surface,
    text::TextDirection,
};
use qrcode::{Color, EcLevel, QrCode};
use ticketbottle_outbox::event::{Order, PaymentEvent, Ticket};

use crate::text::{Fonts, Weight, clean};

/// A5, upright. Points.
const PAGE: (f32, f32) = (419.53, 595.28);
const MARGIN: f32 = 32.0;
const BAND: f32 = 64.0;
/// The code with its quiet zone: about 7 cm, readable at arm's length.
const CODE: f32 = 200.0;
/// Light modules around a code, as its standard demands.
const QUIET: usize = 4;

/// Red, green, blue.
#[derive(Clone, Copy)]
struct Shade(u8, u8, u8);

const INK: Shade = Shade(24, 24, 27);
const FAINT: Shade = Shade(113, 113, 122);
const BRAND: Shade = Shade(21, 94, 117);
const PAPER: Shade = Shade(255, 255, 255);

#[derive(Debug, thiserror::Error)]
pub enum TicketError {
    #[error("the code of ticket {ticket} cannot be made: {reason}")]
    Code { ticket: String, reason: String },
    #[error("the PDF cannot be written: {0}")]
    Pdf(String),
}

/// The words on a ticket.
struct Words {
    ticket: &'static str,
    place: &'static str,
    time: &'static str,
    seat: &'static str,
    standing: &'static str,
    holder: &'static str,
    order: &'static str,
    number: &'static str,
    notice: &'static str,
}

static VIETNAMESE: Words = Words {
    ticket: "VÉ VÀO CỬA",
    place: "Địa điểm",
    time: "Thời gian",
    seat: "Chỗ ngồi",
    standing: "Vé đứng",
    holder: "Người giữ vé",
    order: "Đơn hàng",
    number: "Mã vé",
    notice: "Mỗi mã chỉ dùng được một lần. Vui lòng không chia sẻ vé này.",
};

static ENGLISH: Words = Words {
    ticket: "ADMISSION TICKET",
    place: "Venue",
    time: "Time",
    seat: "Seat",
    standing: "Standing",
    holder: "Holder",
    order: "Order",
    number: "Ticket",
    notice: "Each code admits once. Please do not share this ticket.",
};

/// What the code of a ticket says. The ticket's id is percent-encoded where a URL demands it.
pub fn code_url(base_url: &str, ticket_id: &str) -> String {
    let mut url = format!("{base_url}/");
    for byte in ticket_id.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => url.push(byte.into()),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

/// All tickets of `order`, one page each.
///
/// # Errors
/// When a ticket's id is too long for a code.
pub fn pdf(event: &PaymentEvent, order: &Order, base_url: &str, fonts: &Fonts) -> Result<Vec<u8>, TicketError> {
    let words = if order.locale.starts_with("en") { &ENGLISH } else { &VIETNAMESE };
    let mut document = Document::new();
    let title = format!("{} {}", words.order, clean(&event.order_id));
    let language = if order.locale.starts_with("en") { "en" } else { "vi" };
    document.set_metadata(
        Metadata::new()
            .title(title)
            .creator("TicketBottle".into())
            .language(language.into())
            .document_id(event.event_id.to_string()),
    );
    for ticket in &order.tickets {
        let url = code_url(base_url, &ticket.id);
        let code = QrCode::with_error_correction_level(&url, EcLevel::Q)
            .map_err(|error| TicketError::Code { ticket: ticket.id.clone(), reason: error.to_string() })?;
        let settings = PageSettings::from_wh(PAGE.0, PAGE.1).expect("a page has a size");
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        Pen { surface: &mut surface, fonts }.ticket(event, ticket, &code, words);
        surface.finish();
        page.finish();
    }
    document.finish().map_err(|error| TicketError::Pdf(format!("{error:?}")))
}

struct Pen<'a, 'b> {
    surface: &'a mut Surface<'b>,
    fonts: &'a Fonts,
}

impl Pen<'_, '_> {
    fn ticket(&mut self, event: &PaymentEvent, ticket: &Ticket, code: &QrCode, words: &Words) {
        let (fonts, width) = (self.fonts, PAGE.0 - 2.0 * MARGIN);
        self.fill(BRAND, &rectangle(0.0, 0.0, PAGE.0, BAND));
        self.write(&fonts.bold, 18.0, PAPER, MARGIN, 40.0, "TicketBottle");
        let kind = fonts.regular.width(words.ticket, 11.0);
        self.write(&fonts.regular, 11.0, PAPER, PAGE.0 - MARGIN - kind, 38.0, words.ticket);

        let mut y = BAND + 36.0;
        for line in fonts.bold.lines(&clean(&ticket.event), 22.0, width, 2) {
            self.write(&fonts.bold, 22.0, INK, MARGIN, y, &line);
            y += 28.0;
        }
        y += 4.0;
        self.field(words.time, &ticket.starts_at, 13.0, MARGIN, y, width);
        self.field(words.place, &ticket.venue, 13.0, MARGIN, y + 40.0, width);
        y += 84.0;
        let half = width / 2.0;
        let seat = ticket.seat.as_deref().map(clean).filter(|seat| !seat.is_empty());
        self.field(words.seat, seat.as_deref().unwrap_or(words.standing), 20.0, MARGIN, y, half - 12.0);
        self.field(words.holder, &ticket.holder, 14.0, MARGIN + half, y, half);
        y += 50.0;
        self.field(words.order, &event.order_id, 10.0, MARGIN, y, half - 12.0);
        self.field(words.number, &ticket.id, 10.0, MARGIN + half, y, half);

        let top = PAGE.1 - MARGIN - 22.0 - CODE;
        self.fill(INK, &modules(code, (PAGE.0 - CODE) / 2.0, top, CODE));
        let wide = fonts.regular.width(words.notice, 8.5);
        self.write(&fonts.regular, 8.5, FAINT, (PAGE.0 - wide) / 2.0, PAGE.1 - MARGIN, words.notice);
    }

    /// A small label and its value below.
    fn field(&mut self, label: &str, value: &str, size: f32, x: f32, y: f32, width: f32) {
        let fonts = self.fonts;
        self.write(&fonts.regular, 8.5, FAINT, x, y, label);
        for line in fonts.bold.lines(&clean(value), size, width, 1) {
            self.write(&fonts.bold, size, INK, x, y + size + 4.0, &line);
        }
    }

    fn write(&mut self, weight: &Weight, size: f32, shade: Shade, x: f32, y: f32, text: &str) {
        self.surface.set_fill(Some(filled(shade)));
        self.surface.draw_text(
            Point::from_xy(x, y),
            weight.font.clone(),
            size,
            text,
            false,
            TextDirection::LeftToRight,
        );
    }

    fn fill(&mut self, shade: Shade, path: &Path) {
        self.surface.set_fill(Some(filled(shade)));
        self.surface.draw_path(path);
    }
}

fn filled(shade: Shade) -> Fill {
    Fill {
        paint: rgb::Color::new(shade.0, shade.1, shade.2).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::default(),
    }
}

fn rectangle(x: f32, y: f32, width: f32, height: f32) -> Path {
    let mut path = PathBuilder::new();
    path.push_rect(Rect::from_xywh(x, y, width, height).expect("no side is negative"));
    path.finish().expect("a rectangle is a path")
}

/// The dark modules in a square of `side` points, with the quiet zone inside it; neighbours in a row become
/// one rectangle, so that no viewer shows a seam between them.
#[expect(clippy::cast_precision_loss, reason = "a code has at most 177 modules on a side")]
fn modules(code: &QrCode, x: f32, y: f32, side: f32) -> Path {
    let count = code.width();
    let module = side / (count + 2 * QUIET) as f32;
    let mut path = PathBuilder::new();
    for row in 0..count {
        let mut column = 0;
        while column < count {
            let run = (column..count).take_while(|at| code[(*at, row)] == Color::Dark).count();
            if run > 0 {
                let (left, top) = ((column + QUIET) as f32 * module, (row + QUIET) as f32 * module);
                let dark = Rect::from_xywh(x + left, y + top, run as f32 * module, module);
                path.push_rect(dark.expect("a module has a size"));
            }
            column += run.max(1);
        }
    }
    path.finish().expect("a code has dark modules")
}
