//! Rules for environment variables: names, size, and no secrets in plain text.

use super::Rule;
use crate::diag::{Diagnostics, nearest};
use crate::model::Stack;
use crate::model::reference::EnvValue;
use crate::source::Spanned;

/// Every variable that is written, those of `defaults` included.
fn variables(stack: &Stack) -> impl Iterator<Item = (&str, &Spanned<EnvValue>)> {
    let functions = stack.file.functions.values().flat_map(|function| &function.env);
    stack.file.defaults.env.iter().chain(functions).map(|(name, value)| (name.as_str(), value))
}

/// Source: `EnvironmentVariableName` in
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html> (read 2026-11).
pub(super) fn names(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    let is_name = |name: &str| {
        name.len() >= 2
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    // What begins with an underscore and is Lambda's own is reported as such.
    for (name, value) in variables(stack).filter(|(name, _)| !is_name(name) && !RESERVED.contains(name)) {
        diagnostics.push(
            rule.error()
                .at(stack.places.key(value.span), format!("`{name}`"))
                .help("a letter first, then letters, digits and `_`; at least two characters"),
        );
    }
}

/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html> (read 2026-11).
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
];

pub(super) fn reserved(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for (name, value) in variables(stack).filter(|(name, _)| RESERVED.contains(name)) {
        diagnostics.push(
            rule.error()
                .at(stack.places.key(value.span), "set by Lambda itself")
                .help(format!("remove it, or use a name of your own such as `APP_{}`", name.trim_start_matches('_'))),
        );
    }
}

/// All names and values of a function together. Bytes.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html> (read 2026-11).
const MAX_ENVIRONMENT: usize = 4096;

pub(super) fn size(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for (name, function) in &stack.file.functions {
        let inherited = stack.file.defaults.env.iter().filter(|(key, _)| !function.env.contains_key(*key));
        // A reference is counted with its name only: what it becomes is known to CloudFormation alone.
        let size = |(key, value): (&String, &Spanned<EnvValue>)| match &value.value {
            EnvValue::Text(text) => key.len() + text.len(),
            _ => key.len(),
        };
        let total: usize = function.env.iter().chain(inherited).map(size).sum();
        if total > MAX_ENVIRONMENT {
            diagnostics.push(
                rule.error()
                    .at(
                        stack.places.name("functions", name),
                        format!("its variables have {total} bytes of {MAX_ENVIRONMENT}"),
                    )
                    .help("keep large values in a secret, a parameter or a bucket, and pass their names"),
            );
        }
    }
}

/// By the name alone: a warning.
pub(super) fn secret_names(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for (name, value) in variables(stack) {
        let EnvValue::Text(text) = &value.value else { continue };
        if names_a_secret(name) && could_be_secret(text) && !is_credential(text) {
            let near = nearest(&name.to_lowercase(), stack.file.secrets.keys().map(String::as_str));
            diagnostics.push(
                rule.warning()
                    .at(value.span, "everybody who may read the function's configuration can read this")
                    .help(format!("put it into a secret: {name}: {{secret: {}}}", near.unwrap_or("NAME"))),
            );
        }
    }
}

/// By the shape of the value: an error.
pub(super) fn credentials(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for (name, value) in variables(stack) {
        if matches!(&value.value, EnvValue::Text(text) if is_credential(text)) {
            diagnostics.push(
                rule.error()
                    .at(value.span, "it would stand in the template, in the console and in every release")
                    .help(format!(
                        "revoke it, then store the new one: {name}: {{secret: NAME}} and `deployer secret set`"
                    )),
            );
        }
    }
}

fn names_a_secret(name: &str) -> bool {
    const SECRET: &[&str] = &["PASSWORD", "PASSWD", "SECRET", "TOKEN", "APIKEY", "CREDENTIAL", "CREDENTIALS"];
    const PAIRS: &[[&str; 2]] = &[["API", "KEY"], ["PRIVATE", "KEY"], ["ACCESS", "KEY"], ["SIGNING", "KEY"]];
    // What only describes a secret ends in one of these.
    const ABOUT: &[&str] = &[
        "ARN", "NAME", "ID", "PATH", "FILE", "TTL", "EXPIRY", "SECONDS", "MINUTES", "LENGTH", "HEADER", "TYPE",
        "ISSUER", "URL", "ENDPOINT", "TABLE", "QUEUE", "BUCKET", "PREFIX", "VERSION", "REGION", "LIMIT", "COUNT",
        "ENABLED",
    ];
    let upper = name.to_uppercase();
    let words: Vec<&str> = upper.split('_').filter(|word| !word.is_empty()).collect();
    let is_secret = words.iter().any(|word| SECRET.contains(word))
        || words.windows(2).any(|pair| PAIRS.iter().any(|known| known == pair));
    is_secret && !words.last().is_some_and(|last| ABOUT.contains(last))
}

fn could_be_secret(text: &str) -> bool {
    text.len() >= 6
        && !text.starts_with("arn:")
        && !text.starts_with('/')
        && !text.contains("{{resolve:")
        && !text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Shapes that are credentials whatever they are called.
fn is_credential(text: &str) -> bool {
    let key_id = |prefix: &str| {
        text.len() == 20
            && text.starts_with(prefix)
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let token = ["ghp_", "gho_", "ghs_", "github_pat_", "xoxb-", "xoxp-", "sk_live_", "rk_live_", "glpat-"];
    key_id("AKIA")
        || key_id("ASIA")
        || text.contains("-----BEGIN ") && text.contains("PRIVATE KEY")
        || token.iter().any(|prefix| text.starts_with(prefix) && text.len() > prefix.len() + 10)
        || has_url_password(text)
}

/// `scheme://user:password@host`
fn has_url_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return false };
    user.split_once(':').is_some_and(|(_, password)| !password.is_empty() && !password.contains("{{resolve"))
        && !text.contains("{{resolve:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_only_describe_a_secret_are_no_secrets() {
        assert!(names_a_secret("DB_PASSWORD") && names_a_secret("STRIPE_API_KEY") && names_a_secret("TOKEN"));
        assert!(!names_a_secret("TOKEN_TTL") && !names_a_secret("SECRET_ARN") && !names_a_secret("KEYSPACE"));
    }

    #[test]
    fn credentials_are_known_by_their_shape() {
        assert!(is_credential(concat!("AKIA", "IOSFODNN7EXAMPLE")));
        assert!(is_credential("postgres://app:hunter2@db.internal/orders"));
        assert!(!is_credential("postgres://db.internal/orders"));
        assert!(!is_credential("postgres://app:{{resolve:secretsmanager:db}}@db.internal/orders"));
        assert!(!is_credential("https://example.com/a:b@c"));
    }
}
