//! What a mail says: subject, text and HTML.
//!
//! The templates lie in `templates/`; the first line of a text is the subject. In HTML every value is escaped, and no value
//! begins a line.

use minijinja::{Environment, Error, Value, context};
use shared::mail::{Letter, one_line};

use super::event::{Booking, Event, Notice};

/// The parsed templates.
#[derive(Debug)]
pub struct Templates(Environment<'static>);

static SOURCES: &[(&str, &str)] = &[
    ("frame.html", include_str!("../../templates/frame.html")),
    ("booking.txt", include_str!("../../templates/booking.txt")),
    ("booking.html", include_str!("../../templates/booking.html")),
    ("reminder.txt", include_str!("../../templates/reminder.txt")),
    ("reminder.html", include_str!("../../templates/reminder.html")),
    ("receipt.txt", include_str!("../../templates/receipt.txt")),
    ("receipt.html", include_str!("../../templates/receipt.html")),
    ("summary.txt", include_str!("../../templates/summary.txt")),
    ("summary.html", include_str!("../../templates/summary.html")),
];

impl Templates {
    pub fn embedded() -> Self {
        let mut environment = Environment::new();
        for (name, source) in SOURCES {
            environment.add_template(name, source).expect("the tests render every template");
        }
        Self(environment)
    }

    /// The mail about `event`.
    ///
    /// # Errors
    /// When a template does not fit the event; no event can cause that by its content.
    pub fn letter(&self, event: &Event) -> Result<Letter, Error> {
        let name = one_line(&event.to.name);
        let values = match &event.notice {
            Notice::Booking(booking) | Notice::Reminder(booking) => of_booking(&name, booking),
            Notice::Receipt(receipt) => context! {
                name => name,
                payment => one_line(&receipt.payment),
                booking => receipt.booking.as_deref().map(one_line),
                description => receipt.description.as_deref().map(one_line),
                amount => format!("{} {}", receipt.currency.decimal(receipt.amount), receipt.currency),
            },
        };
        self.render(event.notice.kind(), values)
    }

    /// The mail of the template `kind`.
    ///
    /// # Errors
    /// When `values` do not fit it.
    pub fn render(&self, kind: &str, values: Value) -> Result<Letter, Error> {
        let text = self.0.get_template(&format!("{kind}.txt"))?.render(&values)?;
        let (subject, text) = text.split_once('\n').unwrap_or((&text, ""));
        let subject = subject.trim().to_owned();
        let body = self.0.get_template(&format!("{kind}.html"))?.render(&values)?;
        // What the template made is escaped already.
        let values = context! { subject => &subject, body => Value::from_safe_string(body) };
        let html = self.0.get_template("frame.html")?.render(values)?;
        Ok(Letter { text: text.trim_start().to_owned(), html, subject })
    }
}

fn of_booking(name: &str, booking: &Booking) -> Value {
    let url = booking.manage_url.as_deref().filter(|url| url.starts_with("https://"));
    context! {
        name => name,
        booking => one_line(&booking.booking),
        company => one_line(&booking.company),
        service => one_line(&booking.service),
        starts_at => one_line(&booking.starts_at),
        place => one_line(&booking.place),
        manage_url => url.map(one_line),
    }
}
