//! EventBridge Pipes from a Kafka topic to a queue.

use super::reference::Target;
use crate::decode::record;
use crate::source::Spanned;

record! {
    /// A pipe.
    #[called("a pipe")]
    pub(crate) struct Pipe {
        /// Where records come from.
        from: PipeSource,
        /// Where they go.
        to: PipeTarget,
        /// Records per batch, 1 to 10 for a queue; default 10.
        batch: Spanned<u8> = Spanned::new(10, crate::source::Span::default()),
    }
}

record! {
    /// A Kafka topic of an MSK cluster.
    #[called("the source of a pipe")]
    pub(crate) struct PipeSource {
        /// ARN of the cluster.
        kafka: Target,
        /// The topic.
        topic: Spanned<String>,
        /// Consumer group; default the pipe's name. It cannot be changed later.
        group: Option<Spanned<String>>,
        /// Secret with SASL/SCRAM credentials. Absent: IAM.
        sasl: Option<Target>,
    }
}

record! {
    /// A declared queue, or the ARN of one.
    #[called("the target of a pipe")]
    pub(crate) struct PipeTarget {
        /// A queue.
        queue: Target,
    }
}
