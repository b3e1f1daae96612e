//! The nouns and verbs of `access:` as a table, and the actions that need evidence: `docs/access.md`, made from the code.
//!
//! Pure. Resources and conditions are those of the statements that the verbs make, not a description of them.

use super::grants::{self, Resource};
use super::operations;
use super::policy::Statement;
use super::verbs::{ELSEWHERE, VERBS, Verb};
use serde_json::{Value, json};

const HEAD: &str = "\
# Nouns and verbs of `access:`

Made from the code by `deployer schema --verbs`; a test holds it against that. How grants are written is in
[stack-file.md](stack-file.md#access).

ARN is the thing's own, PREFIX and INDEX are the grant's `prefix` and `index`, NAME is what is written: the name of a thing in this
account and region, unless it is a reference (`{arn: …}`, `{ssm: …}`, `{import: …}`) or the logical id of a raw resource. Where
the thing has a KMS key that this stack knows, the actions of the last column are granted on it, through the service alone.

| noun | verb | actions | on | condition | of its key |
| --- | --- | --- | --- | --- | --- |
";

const EVIDENCE: &str = "
# Actions that need evidence

Some operations need an action with some of their parameters alone. `deployer iam check` takes it for needed where the function's
Rust sources call the operation and, in the same file, there is evidence: a word is a method of the builder, `tagging` for
`.tagging(` and `.set_tagging(`; anything else is a piece of the source. Without evidence such an action is too much. Where a
crate that is not part of the workspace calls the operation, or nothing in the sources could tell, it is neither missing nor too much.

| operations | action | evidence |
| --- | --- | --- |
";

/// The whole page.
pub(crate) fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut before = "";
    for verb in VERBS {
        let noun = if verb.noun == before { String::new() } else { format!("`{}`", verb.noun) };
        before = verb.noun;
        let statements = statements(verb);
        page += &format!(
            "| {noun} | `{}` | {} | {} | {} | {} |\n",
            verb.verb,
            codes(verb.actions),
            each(&statements, resources),
            each(&statements, condition),
            codes(verb.key_actions)
        );
    }
    page += EVIDENCE;
    for (operations, conditional) in operations::conditions() {
        let evidence = match conditional.evidence {
            [] => "nothing tells".to_owned(),
            evidence => codes(evidence),
        };
        page += &format!("| {operations} | `{}` | {evidence} |\n", conditional.action);
    }
    page
}

/// What the verb grants on a made-up thing; with and without a part of it, where that makes a difference.
fn statements(verb: &Verb) -> Vec<Statement> {
    match verb.noun {
        "email" => vec![grants::email("NAME@DOMAIN", [verb.verb])],
        "metrics" => vec![grants::metrics("NAME")],
        noun => {
            let elsewhere = ELSEWHERE.iter().any(|(known, _)| *known == noun);
            let arn = if elsewhere { grants::elsewhere(noun, "NAME") } else { json!("ARN") };
            let of = |part| {
                grants::statements(&Resource { noun: verb.noun, arn: arn.clone(), key: None, part }, [verb.verb])
            };
            match noun {
                "bucket" => of(Some("PREFIX")),
                "table" if ["query", "scan"].contains(&verb.verb) => [of(None), of(Some("INDEX"))].concat(),
                _ => of(None),
            }
        }
    }
}

fn each(statements: &[Statement], cell: fn(&Statement) -> String) -> String {
    statements.iter().map(cell).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" or ")
}

fn resources(statement: &Statement) -> String {
    let arns = statement.resources.iter().map(|arn| match arn {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{}`", other["Fn::Sub"].as_str().unwrap_or_default()),
    });
    arns.collect::<Vec<_>>().join(", ")
}

fn condition(statement: &Statement) -> String {
    statement.condition.as_ref().map(|condition| format!("`{condition}`")).unwrap_or_default()
}

fn codes(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_row_says_what_the_statement_will() {
        let page = super::page();
        for row in [
            "| `queue` | `send` | `sqs:SendMessage` | `ARN` |  | `kms:Decrypt`, `kms:GenerateDataKey` |",
            "|  | `list` | `s3:ListBucket` | `ARN` | `{\"StringLike\":{\"s3:prefix\":\"PREFIX*\"}}` |  |",
            "|  | `query` | `dynamodb:Query` | `ARN` or `ARN/index/INDEX` |  | `kms:Decrypt`, `kms:DescribeKey` |",
            "| `metrics` | `publish` | `cloudwatch:PutMetricData` | `*` | `{\"StringEquals\":{\"cloudwatch:namespace\":\"NAME\"}}` |  |",
            "| s3.copy_object, s3.create_multipart_upload, s3.put_object | `s3:PutObjectTagging` | `tagging` |",
        ] {
            assert!(page.lines().any(|line| line == row), "{row}\n{page}");
        }
    }
}
