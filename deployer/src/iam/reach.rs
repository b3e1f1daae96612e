//! Which AWS operations a built binary can send.
//!
//! The AWS SDK for Rust keeps, for every operation that the linker could reach, the path of its source file in the read-only
//! data: `aws-sdk-<service>-<version>/src/operation/<operation>.rs`. Builders that are never sent and functions that are
//! never called are absent; the path survives optimisation and stripping. Tried with rustc 1.95 and the SDK of 2026-11
//! (`tests/scan.rs`).
//!
//! Pure: takes bytes. Over-approximates in two cases: a method behind `dyn` that is never called, and a constant-false branch
//! inside an async function. Sees nothing of code that signs requests itself ([`Reach::incomplete`]).

use memchr::memmem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Changes with every change of what [`of`] answers, so that an answer that was kept is not taken for one of today's.
pub(crate) const SCAN: u32 = 1;

/// An operation of an SDK crate: `s3`, `get_object`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Operation {
    pub(crate) sdk: String,
    /// In snake case, as the client's method.
    pub(crate) name: String,
}

impl Operation {
    pub(crate) fn new(sdk: &str, name: &str) -> Self {
        Self { sdk: sdk.to_owned(), name: name.to_owned() }
    }

    /// Reads `s3.get_object`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_word = |word: &str| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        text.split_once('.').filter(|(sdk, name)| is_word(sdk) && is_word(name)).map(|(sdk, name)| Self::new(sdk, name))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.sdk, self.name)
    }
}

/// What a binary can send.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Reach {
    pub(crate) operations: BTreeSet<Operation>,
    /// Linked with every client for credentials and sessions: they count where the code itself calls them.
    pub(crate) plumbing: BTreeSet<Operation>,
    /// Why there may be more, in words.
    pub(crate) incomplete: Vec<String>,
}

/// Linked with every client for credentials and sessions, whether or not anybody asks for them.
const ALWAYS: &[(&str, &str)] = &[
    ("s3", "create_session"),
    ("sso", "get_role_credentials"),
    ("ssooidc", "create_token"),
    ("sts", "assume_role"),
    ("sts", "assume_role_with_web_identity"),
];

/// What betrays code that reaches AWS without the SDK, and what is to be said of it.
///
/// Source for the port: <https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html> (read 2026-11).
const OTHERS: &[(&str, &str)] = &[
    ("/rusoto_core-", "rusoto_core signs requests by itself"),
    ("/object_store-", "object_store signs requests by itself"),
    ("/rust-s3-", "rust-s3 signs requests by itself"),
    ("/aws-sign-v4-", "aws-sign-v4 signs requests by itself"),
    ("localhost:2773", "the extension on localhost:2773 reads secrets and parameters for it"),
];

/// Reads the constants of a binary, given in parts.
pub(crate) fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Reach {
    let mut reach = Reach::default();
    let mut linked = BTreeSet::new();
    let marker = memmem::Finder::new(b"aws-sdk-");
    for part in parts {
        for found in marker.find_iter(part) {
            let Some((sdk, rest)) = word(&part[found + marker.needle().len()..]) else { continue };
            let rest = version(rest);
            if rest.starts_with(b"/src/") {
                linked.insert(sdk);
            }
            let Some(rest) = rest.strip_prefix(b"/src/operation/") else { continue };
            if let Some((name, rest)) = word(rest)
                && rest.starts_with(b".rs")
            {
                let of = if ALWAYS.contains(&(sdk, name)) { &mut reach.plumbing } else { &mut reach.operations };
                of.insert(Operation::new(sdk, name));
            }
        }
        for (marker, why) in OTHERS {
            if memmem::find(part, marker.as_bytes()).is_some() && !reach.incomplete.iter().any(|known| known == why) {
                reach.incomplete.push((*why).to_owned());
            }
        }
    }
    let seen = |sdk: &str| reach.operations.iter().chain(&reach.plumbing).any(|operation| operation.sdk == sdk);
    let silent = linked.into_iter().filter(|sdk| !seen(sdk));
    let silent: Vec<String> =
        silent.map(|sdk| format!("aws-sdk-{sdk} is linked, but no operation of it was found")).collect();
    reach.incomplete.extend(silent);
    reach
}

/// The letters, digits and `_` that `bytes` begins with, and the rest.
fn word(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| !(byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_'))?;
    let word = std::str::from_utf8(&bytes[..end]).ok().filter(|word| !word.is_empty())?;
    Some((word, &bytes[end..]))
}

/// `-1.2.3` taken away; vendored sources have none.
fn version(bytes: &[u8]) -> &[u8] {
    let is_version = |byte: &u8| byte.is_ascii_alphanumeric() || b".+-".contains(byte);
    match bytes.strip_prefix(b"-") {
        Some(rest) => &rest[rest.iter().position(|byte| !is_version(byte)).unwrap_or(rest.len())..],
        None => bytes,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const BINARY: &[u8] = b"\0junk aws-sdk-s3-1.157.0/src/operation/get_object.rs\0/x/aws-sdk-sqs-1.119.0/src/operation/send_message_batch.rs\
        aws-sdk-s3-1.157.0/src/operation/create_session.rs aws-sdk-sts-1.124.0-rc.1/src/operation/assume_role.rs\
        vendor/aws-sdk-sns/src/operation/publish.rs aws-sdk-kms-1.2.3/src/config.rs aws-sdk-";

    fn names(operations: &BTreeSet<Operation>) -> Vec<String> {
        operations.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn operations_are_read_from_the_paths_that_the_linker_kept() {
        let reach = of([BINARY]);
        assert_eq!(names(&reach.operations), ["s3.get_object", "sns.publish", "sqs.send_message_batch"]);
        assert_eq!(names(&reach.plumbing), ["s3.create_session", "sts.assume_role"]);
        assert_eq!(reach.incomplete, ["aws-sdk-kms is linked, but no operation of it was found"]);
        assert_eq!(of([&b"nothing"[..]]), Reach::default());
    }

    #[test]
    fn what_signs_requests_itself_is_named_once() {
        let reach = of([
            &b"/cargo/object_store-0.12.1/src/lib.rs"[..],
            b"/object_store-0.12.1/src/aws.rs http://localhost:2773/",
        ]);
        let [one, two] = reach.incomplete.as_slice() else { panic!("{reach:?}") };
        assert!(one.starts_with("object_store signs") && two.starts_with("the extension on localhost:2773"));
    }

    #[test]
    fn an_operation_is_read_as_it_is_written() {
        let operation = Operation::new("s3", "get_object");
        assert_eq!(Operation::parse(&operation.to_string()), Some(operation));
        for wrong in ["s3:GetObject", "s3.", ".get_object", "S3.GetObject", "s3.get.object"] {
            assert_eq!(Operation::parse(wrong), None, "{wrong}");
        }
    }
}
