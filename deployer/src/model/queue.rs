//! Queues and topics.

use super::reference::Target;
use crate::decode::{mismatch, record};
use crate::diag::Diagnostics;
use crate::source::Spanned;
use crate::yaml::{Kind, Node};
use std::time::Duration;

record! {
    /// An SQS queue, encrypted, TLS only.
    #[called("a queue")]
    pub(crate) struct Queue {
        /// SQS's own name; by default `<stack>-<stage>-<name>`.
        name: Option<Spanned<String>>,
        /// How long a received message stays hidden; at most 12 hours. Default: six times the longest timeout of the
        /// functions that consume it, or 30 s.
        visibility: Option<Spanned<Duration>>,
        /// How long messages are kept, 1 minute to 14 days; default 4 days, 14 days for a dead-letter queue.
        retention: Option<Spanned<Duration>>,
        /// Delay before a message is visible, at most 15 minutes.
        delay: Option<Spanned<Duration>>,
        /// First in, first out, with deduplication by content.
        fifo: bool = false,
        /// Where messages go that failed too often. Absent: a dead-letter queue is made when a function consumes
        /// this queue. `false` is `{after: 0}`: none.
        dead_letter: Option<Spanned<DeadLetter>>,
        /// KMS key, an ARN, instead of SQS's own encryption.
        key: Option<Target>,
    }
}

record! {
    /// A redrive policy.
    #[short(short_dead_letter, "false: none")]
    #[called("`dead_letter`")]
    pub(crate) struct DeadLetter {
        /// Receives before a message is moved, 1 to 1,000; default 5. 0: no dead-letter queue.
        after: u32 = 5,
        /// The queue it is moved to; default: one made for this queue, named `<queue>-dead`.
        queue: Option<Target>,
    }
}

record! {
    /// An SNS topic, encrypted, TLS only.
    #[called("a topic")]
    pub(crate) struct Topic {
        /// SNS's own name; by default `<stack>-<stage>-<name>`.
        name: Option<Spanned<String>>,
        /// First in, first out.
        fifo: bool = false,
        /// KMS key; default the AWS managed key of SNS.
        key: Option<Target>,
        /// Text that mail clients show as sender.
        display_name: Option<String>,
    }
}

fn short_dead_letter(node: &Node, diagnostics: &mut Diagnostics) -> Option<DeadLetter> {
    match node.kind {
        Kind::Bool(true) => Some(DeadLetter { after: 5, queue: None, span: node.span }),
        Kind::Bool(false) => Some(DeadLetter { after: 0, queue: None, span: node.span }),
        _ => mismatch(node, "`true`, `false`, or a map such as {after: 5}", diagnostics),
    }
}
