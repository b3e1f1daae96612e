//! cleanup-temp-files: files below one prefix that are older than they may be go; a list of what went stays.
//!
//! Lists and deletes in batches of 1,000, the most that S3 takes. Nothing outside of the prefix is ever named, whatever the
//! listing says; the role allows no more either. With `dry_run` the list is the same and nothing goes. A run that its
//! invocation ends before the files do says so, and the next one goes on.

use std::time::Duration;

use aws_sdk_s3::{
    Client,
    types::{Delete, Object, ObjectIdentifier},
};
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Context;
use serde::{Deserialize, Serialize};
use shared::{ConfigError, Deadline, Env, Problem, StartError, clients};

use crate::{table::reason, upload::Upload};

/// What S3 lists and deletes at once, at most.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html> (read 2026-11).
const BATCH: i32 = 1_000;

/// Kept for the report at the end.
const RESERVE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Deps {
    pub s3: Client,
    pub bucket: String,
    /// Ends in a slash.
    pub prefix: String,
    /// Where the lists go; not below `prefix`. Ends in a slash.
    pub reports: String,
    pub max_age: SignedDuration,
}

impl Deps {
    pub async fn load() -> Result<Self, StartError> {
        let config = clients::sdk_config().await;
        Ok(Self::from_env(Env::plain(), &config)?)
    }

    pub fn from_env(mut env: Env, config: &SdkConfig) -> Result<Self, ConfigError> {
        let hours: u32 = env.parsed("MAX_AGE_HOURS", "a number of hours, at least 1");
        let (prefix, reports) = (env.text("TEMP_PREFIX"), env.text("REPORTS_PREFIX"));
        let is_folder = |text: &str| text.ends_with('/') && text != "/";
        if !is_folder(&prefix) || !is_folder(&reports) || reports.starts_with(&prefix) || hours == 0 {
            env.mistake(
                "TEMP_PREFIX and REPORTS_PREFIX must end in a slash and lie apart, MAX_AGE_HOURS must be 1 or more",
            );
        }
        let deps = Self {
            s3: Client::new(config),
            bucket: env.text("FILES_BUCKET"),
            prefix,
            reports,
            max_age: SignedDuration::from_hours(hours.into()),
        };
        env.finish(deps)
    }
}

/// What starts it: the schedule's own event, or this.
#[derive(Debug, Default, Deserialize)]
pub struct Order {
    /// Only say what would go.
    #[serde(default)]
    pub dry_run: bool,
    /// Another age than the usual one, for a run by hand; 0 is every file.
    pub max_age_hours: Option<u32>,
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub dry_run: bool,
    pub examined: u64,
    /// That went, or with `dry_run` would.
    pub deleted: u64,
    /// In those.
    pub bytes: u64,
    /// That S3 did not delete.
    pub failed: u64,
    /// Whether every file was looked at.
    pub complete: bool,
    /// The list, where anything was to go: CSV of key, bytes, time of writing and what came of it.
    pub list: Option<String>,
}

pub async fn handle(order: Order, context: Context, deps: &Deps) -> Result<Report, Problem> {
    let id = context.request_id.clone();
    run(&order, Deadline::of(&context).earlier(RESERVE), &id, Timestamp::now(), deps).await
}

async fn run(order: &Order, until: Deadline, id: &str, now: Timestamp, deps: &Deps) -> Result<Report, Problem> {
    let age = order.max_age_hours.map_or(deps.max_age, |hours| SignedDuration::from_hours(hours.into()));
    let oldest = now.saturating_sub(age).unwrap_or(Timestamp::MIN);
    let key = format!("{}{}-{id}.csv", deps.reports, now.strftime("%Y-%m-%dT%H%M%SZ"));
    let mut list = Upload::new(&deps.s3, &deps.bucket, key, "text/csv; charset=utf-8");
    let mut report = Report { dry_run: order.dry_run, ..Report::default() };
    let mut token = None;
    loop {
        let request = deps.s3.list_objects_v2().bucket(&deps.bucket).prefix(&deps.prefix).max_keys(BATCH);
        let page = request.set_continuation_token(token.take()).send().await;
        let page = page.map_err(|error| Problem::internal("list the files", reason(&error)))?;
        report.examined += page.contents().len() as u64;
        let old: Vec<&Object> = page.contents().iter().filter(|object| is_old(object, &deps.prefix, oldest)).collect();
        if !old.is_empty() {
            let lines = batch(&old, &mut report, deps).await?;
            list.write(lines.as_bytes()).await.map_err(|error| Problem::internal("write the list", error))?;
        }
        token = page.next_continuation_token;
        if token.is_none() || until.left().is_zero() {
            break;
        }
    }
    report.complete = token.is_none();
    if list.bytes() > 0 {
        report.list = Some(list.finish().await.map_err(|error| Problem::internal("write the list", error))?);
    }
    let Report { examined, deleted, bytes, failed, complete, dry_run, .. } = report;
    tracing::info!(examined, deleted, bytes, failed, complete, dry_run, "cleaned up");
    match failed {
        0 => Ok(report),
        _ => Err(Problem::internal("delete old files", format!("S3 kept {failed} of {}", deleted + failed))),
    }
}

/// Old enough to go, and certainly below the prefix.
fn is_old(object: &Object, prefix: &str, oldest: Timestamp) -> bool {
    let is_below = object.key().is_some_and(|key| key.len() > prefix.len() && key.starts_with(prefix));
    is_below && object.last_modified().is_some_and(|time| time.secs() < oldest.as_second())
}

/// Deletes what was found; a line for each.
async fn batch(old: &[&Object], report: &mut Report, deps: &Deps) -> Result<String, Problem> {
    let mut kept = std::collections::HashMap::new();
    if !report.dry_run {
        let keys = old.iter().filter_map(|object| ObjectIdentifier::builder().key(object.key()?).build().ok());
        let delete = Delete::builder().set_objects(Some(keys.collect())).quiet(true).build();
        let delete = delete.map_err(|error| Problem::internal("delete old files", error))?;
        let answer = deps.s3.delete_objects().bucket(&deps.bucket).delete(delete).send().await;
        let answer = answer.map_err(|error| Problem::internal("delete old files", reason(&error)))?;
        for error in answer.errors() {
            kept.insert(error.key().unwrap_or_default().to_owned(), error.code().unwrap_or("unknown").to_owned());
        }
    }
    let mut lines = csv::Writer::from_writer(Vec::new());
    for object in old {
        let (key, size) = (object.key().unwrap_or_default(), object.size().unwrap_or_default());
        let outcome = match kept.get(key) {
            Some(code) => {
                report.failed += 1;
                code.as_str()
            }
            None => {
                report.deleted += 1;
                report.bytes += size.unsigned_abs();
                if report.dry_run { "would go" } else { "deleted" }
            }
        };
        let time = object.last_modified().map(ToString::to_string).unwrap_or_default();
        let line = [key, &size.to_string(), &time, outcome];
        lines.write_record(line).map_err(|error| Problem::internal("write the list", error))?;
    }
    let lines = lines.into_inner().map_err(|error| Problem::internal("write the list", error.into_error()))?;
    String::from_utf8(lines).map_err(|error| Problem::internal("write the list", error))
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::primitives::DateTime;

    use super::*;

    #[test]
    fn only_what_is_old_and_below_the_prefix_goes() {
        let object = |key: &str, at: i64| Object::builder().key(key).last_modified(DateTime::from_secs(at)).build();
        let oldest = Timestamp::from_second(1_000).expect("a time");
        assert!(is_old(&object("temp/a", 999), "temp/", oldest));
        assert!(!is_old(&object("temp/a", 1_000), "temp/", oldest), "young enough");
        for key in ["temp/", "temp", "temporary/a", "other/temp/a", ""] {
            assert!(!is_old(&object(key, 0), "temp/", oldest), "{key}");
        }
        assert!(!is_old(&Object::builder().key("temp/a").build(), "temp/", oldest), "of unknown age");
    }

    #[tokio::test]
    async fn prefixes_that_meet_or_are_everything_are_refused() {
        let config = testkit::FakeAws::default().config();
        for (temp, reports) in [("", "r/"), ("/", "r/"), ("temp", "r/"), ("temp/", "temp/r/"), ("temp/", "")] {
            let pairs = [
                ("FILES_BUCKET", "files"),
                ("TEMP_PREFIX", temp),
                ("REPORTS_PREFIX", reports),
                ("MAX_AGE_HOURS", "24"),
            ];
            let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let env = Env::from_variables(pairs, &shared::Secrets::none(), &[]).await;
            assert!(Deps::from_env(env, &config).is_err(), "{temp} {reports}");
        }
    }
}
