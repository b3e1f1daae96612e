//! generate-reports: bookings, payments or activity of some days as CSV, XLSX or PDF, streamed to S3; a presigned link back.
//!
//! - [`rows`]: the tables' rows, page by page
//! - [`document`]: rows in, bytes out, by format; [`xlsx`] and [`pdf`] are two of them
//!
//! `POST /reports` answers with the link. A schedule's input names the report and who gets a summary of it by mail.
//! In memory are one page of rows and one part of the file, however long the report is.

pub mod document;
pub mod pdf;
pub mod rows;
#[cfg(test)]
mod tests;
pub mod xlsx;

use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_types::SdkConfig;
use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use lambda_runtime::Context;
use minijinja::context;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{ConfigError, Deadline, Env, Problem, StartError, clients, http, http::Response, mail, mail::is_address};

use crate::{mail::template::Templates, table::reason, upload::Upload};
use document::{Document, Format};
use rows::{Kind, Rows, Tables};

/// Kept for the last part of the file and the answer.
const RESERVE: Duration = Duration::from_secs(5);
/// An HTTP API waits no longer than 30 seconds.
///
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html> (read 2026-11).
const ANSWER: Duration = Duration::from_secs(28);
/// How long a link holds at most; it ends sooner when the function's own credentials do.
const LINK: Duration = Duration::from_secs(6 * 3600);
/// Most days of a report.
const DAYS: i32 = 366;
/// Largest body that is looked at. Bytes.
const BODY_LIMIT: usize = 4 * 1024;

#[derive(Debug)]
pub struct Deps {
    pub s3: aws_sdk_s3::Client,
    pub ses: aws_sdk_sesv2::Client,
    pub tables: Tables,
    pub bucket: String,
    /// Ends in a slash.
    pub prefix: String,
    pub from_email: String,
    pub templates: Templates,
}

impl Deps {
    pub async fn load() -> Result<Self, StartError> {
        let config = clients::sdk_config().await;
        Ok(Self::from_env(Env::plain(), &config)?)
    }

    pub fn from_env(mut env: Env, config: &SdkConfig) -> Result<Self, ConfigError> {
        let deps = Self {
            s3: aws_sdk_s3::Client::new(config),
            ses: mail::client(config, env.text("SES_REGION")),
            tables: Tables {
                client: aws_sdk_dynamodb::Client::new(config),
                bookings: env.text("BOOKINGS_TABLE"),
                payments: env.text("PAYMENTS_TABLE"),
                activity: env.text("ACTIVITY_TABLE"),
            },
            bucket: env.text("FILES_BUCKET"),
            prefix: env.text("REPORTS_PREFIX"),
            from_email: env.text("SES_FROM_EMAIL"),
            templates: Templates::embedded(),
        };
        if !deps.prefix.is_empty() && !deps.prefix.ends_with('/') {
            env.mistake("REPORTS_PREFIX must end in a slash");
        }
        env.finish(deps)
    }
}

/// `POST /reports`. Days are days in UTC, both included.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub kind: Kind,
    pub format: Format,
    pub from: Date,
    pub to: Date,
}

/// The input of a schedule.
#[derive(Debug, Clone, Deserialize)]
pub struct Scheduled {
    report: Kind,
    format: Format,
    period: Period,
    /// Who gets the summary.
    mail_to: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Period {
    Yesterday,
    LastWeek,
    LastMonth,
}

/// What starts the function.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Incoming {
    Schedule(Scheduled),
    Http(Box<ApiGatewayV2httpRequest>),
}

/// A report that was made.
#[derive(Debug, Clone, Serialize)]
pub struct Made {
    pub kind: Kind,
    pub from: Date,
    pub to: Date,
    pub rows: u64,
    pub bytes: u64,
    pub key: String,
    /// Currency and sum, where there are amounts.
    pub totals: Vec<(String, String)>,
    pub url: String,
}

pub async fn handle(incoming: Incoming, context: Context, deps: &Deps) -> Result<Value, Problem> {
    let until = Deadline::of(&context).earlier(RESERVE);
    match incoming {
        Incoming::Schedule(scheduled) => {
            if !is_address(&scheduled.mail_to) {
                return Err(Problem::bad_request("mail_to: not a mail address"));
            }
            let (from, to) = scheduled.period.days(Timestamp::now().to_zoned(TimeZone::UTC).date())?;
            let order = Order { kind: scheduled.report, format: scheduled.format, from, to };
            let made = make(&order, "scheduled", until, deps).await?;
            summary(&made, &scheduled.mail_to, deps).await?;
            Ok(json!({ "rows": made.rows, "bytes": made.bytes, "key": made.key }))
        }
        Incoming::Http(request) => {
            let soon = Deadline::after(ANSWER.saturating_sub(RESERVE));
            let until = if soon.left() < until.left() { soon } else { until };
            let answer = match ask(&request, &context.request_id, until, deps).await {
                Ok(made) => {
                    let mut body = serde_json::to_value(made).map_err(|error| Problem::internal("answer", error))?;
                    body["success"] = json!(true);
                    Response::json(200, &body)
                }
                Err(problem) => problem.respond(),
            };
            serde_json::to_value(answer).map_err(|error| Problem::internal("answer", error))
        }
    }
}

async fn ask(request: &ApiGatewayV2httpRequest, id: &str, until: Deadline, deps: &Deps) -> Result<Made, Problem> {
    let body = http::body(request, BODY_LIMIT)?;
    let order: Order = serde_json::from_slice(&body).map_err(|_| {
        Problem::bad_request(
            "kind (bookings, payments, activity), format (csv, xlsx, pdf), from and to (such as 2026-11-20), nothing else",
        )
    })?;
    let days = order.from.until(order.to).map_or(-1, |span| span.get_days());
    if !(0..DAYS).contains(&days) {
        return Err(Problem::bad_request(format!("from, to: 1 to {DAYS} days")));
    }
    make(&order, id, until, deps).await
}

/// Makes the file and the link. `id` keeps two reports of the same days apart; a schedule's are made over.
async fn make(order: &Order, id: &str, until: Deadline, deps: &Deps) -> Result<Made, Problem> {
    let Order { kind, format, from, to } = *order;
    let key = format!("{}{}/{from}_{to}/{id}.{}", deps.prefix, kind.word(), format.extension());
    let mut upload = Upload::new(&deps.s3, &deps.bucket, key, format.content_type());
    let written = match write(order, until, &mut upload, deps).await {
        Ok(written) => written,
        Err(problem) => {
            upload.give_up().await;
            return Err(problem);
        }
    };
    let bytes = upload.bytes();
    let key = upload.finish().await.map_err(|error| Problem::internal("write the report", error))?;
    let config = PresigningConfig::expires_in(LINK).map_err(|error| Problem::internal("make the link", error))?;
    let link = deps.s3.get_object().bucket(&deps.bucket).key(&key).presigned(config).await;
    let link = link.map_err(|error| Problem::internal("make the link", reason(&error)))?;
    tracing::info!(kind = kind.word(), format = format.extension(), rows = written.0, bytes, key, "report made");
    Ok(Made { kind, from, to, rows: written.0, bytes, key, totals: written.1, url: link.uri().to_owned() })
}

/// The rows and the totals.
async fn write(
    order: &Order,
    until: Deadline,
    upload: &mut Upload<'_>,
    deps: &Deps,
) -> Result<(u64, Vec<(String, String)>), Problem> {
    let failed = |error: std::io::Error| Problem::internal("write the report", error);
    let sent = |error: crate::upload::UploadError| Problem::internal("write the report", error);
    let title = format!("{} {} – {}", order.kind.title(), order.from, order.to);
    let mut document = Document::new(order.format, &title, order.kind.columns()).map_err(failed)?;
    let mut rows = Rows::new(&deps.tables, order.kind, order.from, order.to);
    while let Some(page) = rows.page().await.map_err(|error| Problem::internal("read the rows", error))? {
        for row in &page {
            document.row(row).map_err(failed)?;
        }
        upload.write(&document.take()).await.map_err(sent)?;
        if until.left().is_zero() {
            let said = format!("more than can be made in time: {} rows so far; ask for fewer days", rows.count());
            return Err(Problem::bad_request(said));
        }
    }
    let mut rest = document.finish().map_err(failed)?;
    while let Some(piece) = rest.next_piece().map_err(failed)? {
        upload.write(&piece).await.map_err(sent)?;
    }
    Ok((rows.count(), rows.totals()))
}

async fn summary(made: &Made, to: &str, deps: &Deps) -> Result<(), Problem> {
    let values = context! {
        kind => made.kind.word(), from => made.from.to_string(), to => made.to.to_string(), rows => made.rows,
        totals => &made.totals, url => &made.url, key => &made.key,
    };
    let letter = deps.templates.render("summary", values).map_err(|error| Problem::internal("mail template", error))?;
    let sent = mail::send(&deps.ses, &deps.from_email, to, letter).await;
    sent.map(|_| ()).map_err(|(failure, _)| Problem::internal("send the summary", format!("{failure:?}")))
}

impl Period {
    fn days(self, today: Date) -> Result<(Date, Date), Problem> {
        let failed = |error: jiff::Error| Problem::internal("reckon the days", error);
        let yesterday = today.yesterday().map_err(failed)?;
        match self {
            Self::Yesterday => Ok((yesterday, yesterday)),
            Self::LastWeek => Ok((today.checked_sub(7.days()).map_err(failed)?, yesterday)),
            Self::LastMonth => {
                let last = today.first_of_month().yesterday().map_err(failed)?;
                Ok((last.first_of_month(), last))
            }
        }
    }
}
