//! Buckets and secrets: what holds data. Both are kept when the stack or the declaration goes.

use super::reference::Target;
use crate::decode::record;
use crate::source::Spanned;
use std::time::Duration;

record! {
    /// An S3 bucket: private, encrypted, TLS only, owner-enforced.
    #[called("a bucket")]
    pub(crate) struct Bucket {
        /// S3's own name; by default `<stack>-<stage>-<name>-<account>`, so that notifications make no cycle.
        name: Option<Spanned<String>>,
        /// Keep old versions of objects.
        versioned: bool = false,
        /// Delete objects this long after they were written. Whole days.
        expire: Option<Spanned<Duration>>,
        /// Delete old versions this long after they were replaced. Whole days.
        expire_versions: Option<Spanned<Duration>>,
        /// KMS key; default S3's own encryption.
        key: Option<Target>,
        /// Keep the bucket when it is removed from the file or the stack is destroyed; default true.
        retain: bool = true,
        /// Send events to EventBridge.
        events: bool = false,
    }
}

record! {
    /// A Secrets Manager secret. The template makes it without a value of the user's.
    #[called("a secret")]
    pub(crate) struct Secret {
        /// Secrets Manager's own name; by default `<stack>/<stage>/<name>`.
        name: Option<Spanned<String>>,
        /// What it is for.
        description: Option<String>,
        /// KMS key; default the AWS managed key.
        key: Option<Target>,
        /// A secret that exists already: nothing is made.
        from: Option<Target>,
        /// Keep the secret when it is removed from the file or the stack is destroyed; default true.
        retain: bool = true,
    }
}
