//! Physical names: what AWS calls the things that a stack declares. Plain text, so that readers can ask for them.
//!
//! Names are explicit where readers, grants or other stacks need them before the thing exists. Roles, rules and
//! mappings get theirs from CloudFormation.

use super::Stack;
use super::queue::DeadLetter;

/// Stands for the account's number in a name that [`Stack::bucket_name`] gives.
pub(crate) const ACCOUNT: &str = "${AWS::AccountId}";

impl Stack {
    /// Lambda's own log group of a declared function.
    pub(crate) fn log_group_name(&self, function: &str) -> String {
        format!("/aws/lambda/{}", self.function_name(function))
    }

    /// Log group of the HTTP API's access log. Groups below `/aws/vendedlogs/` share one resource policy, whose size
    /// is limited.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html> (read 2026-11).
    pub(crate) fn api_log_group_name(&self) -> String {
        format!("/aws/vendedlogs/apigateway/{}", self.prefix())
    }

    /// Log group of a declared pipe.
    pub(crate) fn pipe_log_group_name(&self, name: &str) -> String {
        format!("/aws/vendedlogs/pipes/{}", self.pipe_name(name))
    }

    /// SQS's name of a declared queue.
    pub(crate) fn queue_name(&self, name: &str) -> String {
        let queue = self.file.queues.get(name);
        let explicit = queue.and_then(|queue| queue.name.as_ref());
        let base = explicit.map_or_else(|| format!("{}-{name}", self.prefix()), |name| name.value.clone());
        fifo(base, queue.is_some_and(|queue| queue.fifo))
    }

    /// SQS's name of the dead-letter queue that is made for a declared queue; `None` where none is made.
    pub(crate) fn dead_queue_name(&self, name: &str) -> Option<String> {
        let queue = self.file.queues.get(name)?;
        matches!(self.dead_letter(name), Some(DeadLetter { queue: None, .. })).then(|| {
            let own = self.queue_name(name);
            fifo(format!("{}-dead", own.strip_suffix(".fifo").unwrap_or(&own)), queue.fifo)
        })
    }

    /// SQS's name of the queue that is made for events which `function` failed on.
    pub(crate) fn failed_queue_name(&self, function: &str) -> String {
        format!("{}-failed", self.function_name(function))
    }

    /// SNS's name of a declared topic.
    pub(crate) fn topic_name(&self, name: &str) -> String {
        let topic = self.file.topics.get(name);
        let explicit = topic.and_then(|topic| topic.name.as_ref());
        let base = explicit.map_or_else(|| format!("{}-{name}", self.prefix()), |name| name.value.clone());
        fifo(base, topic.is_some_and(|topic| topic.fifo))
    }

    /// S3's name of a declared bucket, in which [`ACCOUNT`] stands for the account's number.
    pub(crate) fn bucket_name(&self, name: &str) -> String {
        let explicit = self.file.buckets.get(name).and_then(|bucket| bucket.name.as_ref());
        explicit.map_or_else(|| format!("{}-{name}-{ACCOUNT}", self.prefix()), |name| name.value.clone())
    }

    /// DynamoDB's name of a declared table.
    pub(crate) fn table_name(&self, name: &str) -> String {
        let explicit = self.file.tables.get(name).and_then(|table| table.name.as_ref());
        explicit.map_or_else(|| format!("{}-{name}", self.prefix()), |name| name.value.clone())
    }

    /// Secrets Manager's name of a declared secret.
    pub(crate) fn secret_name(&self, name: &str) -> String {
        let explicit = self.file.secrets.get(name).and_then(|secret| secret.name.as_ref());
        explicit.map_or_else(|| format!("{}/{}/{name}", self.file.stack.value, self.stage), |name| name.value.clone())
    }

    /// EventBridge's name of a declared pipe.
    pub(crate) fn pipe_name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix())
    }
}

/// The suffix that SQS and SNS demand of first-in-first-out things.
fn fifo(name: String, fifo: bool) -> String {
    if fifo && !name.ends_with(".fifo") { name + ".fifo" } else { name }
}
