//! What a mail says: subject, text and HTML, in the buyer's language.
//!
//! The templates lie in `templates/LANGUAGE/KIND.txt` and `.html`; the first line of the text is the
//! subject. In HTML every value is escaped, so a name is a name whatever is typed there.

use minijinja::{Environment, context};
use shared::mail::{Letter, one_line};
use ticketbottle_outbox::{EventType, Order, PaymentEvent, event::Ticket};

/// The parsed templates.
#[derive(Debug)]
pub struct Templates(Environment<'static>);

static SOURCES: &[(&str, &str)] = &[
    ("vi/completed.txt", include_str!("../templates/vi/completed.txt")),
    ("vi/completed.html", include_str!("../templates/vi/completed.html")),
    ("vi/failed.txt", include_str!("../templates/vi/failed.txt")),
    ("vi/failed.html", include_str!("../templates/vi/failed.html")),
    ("en/completed.txt", include_str!("../templates/en/completed.txt")),
    ("en/completed.html", include_str!("../templates/en/completed.html")),
    ("en/failed.txt", include_str!("../templates/en/failed.txt")),
    ("en/failed.html", include_str!("../templates/en/failed.html")),
];

impl Templates {
    pub fn embedded() -> Self {
        let mut environment = Environment::new();
        for (name, source) in SOURCES {
            environment.add_template(name, source).expect("the tests render every template");
        }
        Self(environment)
    }

    /// The mail about `event`. `is_attached` says whether the tickets come with it.
    ///
    /// # Errors
    /// When a template does not fit the event; no event can cause that by its content.
    pub fn mail(&self, event: &PaymentEvent, order: &Order, is_attached: bool) -> Result<Letter, minijinja::Error> {
        let language = if order.locale.starts_with("en") { "en" } else { "vi" };
        let kind = match event.event_type {
            EventType::PaymentCompleted => "completed",
            EventType::PaymentFailed => "failed",
        };
        let values = context! {
            order_id => one_line(&event.order_id),
            buyer => one_line(&order.buyer.name),
            amount => money(event.amount, &event.currency, language),
            reason => event.reason.as_deref().map(one_line),
            tickets => order.tickets.iter().map(ticket_values).collect::<Vec<_>>(),
            attached => is_attached,
        };
        let render = |extension: &str| self.0.get_template(&format!("{language}/{kind}.{extension}"))?.render(&values);
        let (text, html) = (render("txt")?, render("html")?);
        let (subject, text) = text.split_once('\n').unwrap_or((&text, ""));
        Ok(Letter { subject: subject.trim().to_owned(), text: text.trim_start().to_owned(), html })
    }
}

fn ticket_values(ticket: &Ticket) -> minijinja::Value {
    context! {
        id => one_line(&ticket.id),
        event => one_line(&ticket.event),
        venue => one_line(&ticket.venue),
        starts_at => one_line(&ticket.starts_at),
        seat => ticket.seat.as_deref().map(one_line),
        holder => one_line(&ticket.holder),
    }
}

/// `1.250.000 ₫` in Vietnamese, `1,250,000 VND` in English.
fn money(amount: u64, currency: &str, language: &str) -> String {
    let digits = amount.to_string();
    let separator = if language == "vi" { '.' } else { ',' };
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(separator);
        }
        grouped.push(digit);
    }
    let unit = if language == "vi" && currency == "VND" { "₫" } else { currency };
    format!("{grouped} {unit}")
}

#[cfg(test)]
mod tests {
    use ticketbottle_outbox::event::Buyer;

    use super::*;

    fn event(event_type: EventType) -> (PaymentEvent, Order) {
        let order = Order {
            buyer: Buyer { name: "Nguyễn Thị <b>Ánh</b>".into(), email: "anh@example.com".into() },
            total: 1_250_000,
            tickets: vec![Ticket {
                id: "TB-1".into(),
                event: "Đêm nhạc".into(),
                venue: "Nhà hát Lớn".into(),
                starts_at: "20:00 24/12/2026".into(),
                seat: Some("A-12".into()),
                holder: "Trần Quốc Bửu".into(),
            }],
            locale: "vi".into(),
        };
        let event = PaymentEvent {
            event_id: uuid::Uuid::nil(),
            event_type,
            occurred_at: jiff::Timestamp::UNIX_EPOCH,
            provider: "payos".into(),
            transaction_id: "t".into(),
            order_id: "240817".into(),
            amount: 1_250_000,
            currency: "VND".into(),
            reason: Some("07: hết hạn".into()),
            order: None,
        };
        (event, order)
    }

    #[test]
    fn a_paid_order_is_confirmed_in_vietnamese() {
        let (event, order) = event(EventType::PaymentCompleted);
        let mail = Templates::embedded().mail(&event, &order, true).expect("renders");
        insta::assert_snapshot!(format!("{}\n---\n{}", mail.subject, mail.text), @r"
        Vé của bạn cho đơn hàng 240817
        ---
        Xin chào Nguyễn Thị <b>Ánh</b>,

        Chúng tôi đã nhận được 1.250.000 ₫ cho đơn hàng 240817. Cảm ơn bạn!

        - Đêm nhạc
          20:00 24/12/2026, Nhà hát Lớn
          Chỗ ngồi A-12, Trần Quốc Bửu (TB-1)

        Vé được đính kèm trong thư này. Vui lòng xuất trình mã trên vé tại cửa.

        TicketBottle
        ");
    }

    #[test]
    fn a_failed_payment_is_told_in_english_with_its_reason() {
        let (event, mut order) = event(EventType::PaymentFailed);
        order.locale = "en-GB".into();
        let mail = Templates::embedded().mail(&event, &order, false).expect("renders");
        insta::assert_snapshot!(format!("{}\n---\n{}", mail.subject, mail.text), @r"
        The payment for order 240817 failed
        ---
        Hello Nguyễn Thị <b>Ánh</b>,

        The payment of 1,250,000 VND for order 240817 failed (07: hết hạn).
        This order has not been paid. Please try again in TicketBottle.

        TicketBottle
        ");
    }

    #[test]
    fn html_escapes_what_was_typed() {
        let (event, order) = event(EventType::PaymentCompleted);
        let html = Templates::embedded().mail(&event, &order, false).expect("renders").html;
        assert!(html.contains("Nguyễn Thị &lt;b&gt;Ánh&lt;&#x2f;b&gt;") && !html.contains("<b>"), "{html}");
        assert!(html.contains("đang được tạo"), "without the attachment it says so: {html}");
    }

    #[test]
    fn every_template_renders_with_and_without_everything_optional() {
        let templates = Templates::embedded();
        for kind in [EventType::PaymentCompleted, EventType::PaymentFailed] {
            for (locale, attached, bare) in
                [("vi", true, false), ("vi", false, true), ("en", true, true), ("en", false, false)]
            {
                let (mut event, mut order) = event(kind);
                order.locale = locale.into();
                if bare {
                    event.reason = None;
                    order.tickets[0].seat = None;
                }
                let mail = templates.mail(&event, &order, attached).expect("renders");
                assert!(
                    mail.subject.contains("240817")
                        && mail.text.contains("TicketBottle")
                        && mail.html.ends_with("</html>"),
                    "{mail:?}"
                );
            }
        }
    }

    #[test]
    fn amounts_are_grouped_as_the_language_does() {
        for (amount, expected) in [(0, "0 ₫"), (999, "999 ₫"), (1_000, "1.000 ₫"), (1_250_000, "1.250.000 ₫")] {
            assert_eq!(money(amount, "VND", "vi"), expected);
        }
        assert_eq!(money(1_250_000, "VND", "en"), "1,250,000 VND");
    }

    #[test]
    fn a_name_cannot_begin_a_line() {
        let (mut event, mut order) = event(EventType::PaymentCompleted);
        order.buyer.name = "A\r\nBcc: x@example.com".into();
        event.order_id = "1\nX: y".into();
        let mail = Templates::embedded().mail(&event, &order, false).expect("renders");
        assert!(mail.subject.contains("1 X: y") && mail.text.contains("A Bcc: x@example.com,"), "{mail:?}");
    }
}
