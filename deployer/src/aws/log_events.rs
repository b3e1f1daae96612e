//! Events of log groups.

use super::{AwsError, Explain};
use aws_sdk_cloudwatchlogs::Client;

/// An event, as CloudWatch Logs keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogEvent {
    pub(crate) id: String,
    /// Milliseconds of the epoch.
    pub(crate) at: i64,
    pub(crate) text: String,
}

/// Events from `since` on (milliseconds of the epoch) that match CloudWatch's filter pattern, oldest first.
///
/// # Errors
/// `is_missing` when there is no such group.
pub(crate) async fn read(
    client: &Client,
    group: &str,
    since: i64,
    pattern: Option<&str>,
) -> Result<Vec<LogEvent>, AwsError> {
    let call = client.filter_log_events().log_group_name(group).start_time(since);
    let mut pages = call.set_filter_pattern(pattern.map(str::to_owned)).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        for event in page.explain("logs:FilterLogEvents")?.events.unwrap_or_default() {
            let text = event.message.unwrap_or_default();
            // The sandbox gives events no id.
            let id = event.event_id.unwrap_or_else(|| event.log_stream_name.unwrap_or_default() + &text);
            found.push(LogEvent { id, at: event.timestamp.unwrap_or_default(), text });
        }
    }
    // Streams are searched side by side.
    found.sort_by_key(|event| event.at);
    Ok(found)
}
