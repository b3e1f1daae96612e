//! Rules of others over a template: AWS CloudFormation Guard, as a library.
//!
//! Pure. The language is Guard's own: <https://docs.aws.amazon.com/cfn-guard/latest/ug/writing-rules.html> (read 2026-11).

use crate::cfn::Template;
use cfn_guard::{ValidateInput, run_checks};
use serde_json::Value;

/// A file of rules, as the command line named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A rule that the template does not keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The rules' file.
    pub(crate) file: String,
    pub(crate) rule: String,
    /// Logical ids or paths, and Guard's words, a line each.
    pub(crate) details: Vec<String>,
}

/// Every rule that `template` does not keep.
///
/// # Errors
/// When the rules cannot be read as Guard's language; the text is Guard's own, with line and column.
pub(crate) fn violations(template: &Template, rules: &Rules) -> Result<Vec<Violation>, String> {
    let data = crate::cfn::to_text(template);
    let data = ValidateInput { content: &data, file_name: "template.json" };
    let report = run_checks(data, ValidateInput { content: &rules.text, file_name: &rules.name }, false);
    let report = report.map_err(|error| error.to_string())?;
    let report: Value = serde_json::from_str(&report).map_err(|error| format!("{error} in Guard's report"))?;
    let broken = report["not_compliant"].as_array().into_iter().flatten().map(|rule| {
        let rule = &rule["Rule"];
        let mut details = Vec::new();
        messages(&rule["checks"], &mut details);
        details.dedup();
        let name = rule["name"].as_str().unwrap_or("a rule without a name");
        Violation { file: rules.name.clone(), rule: name.to_owned(), details }
    });
    Ok(broken.collect())
}

/// The words of every failed check, the rule's own before Guard's.
fn messages(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(messages) = object.get("messages").and_then(Value::as_object) {
                let word = |key: &str| messages.get(key).and_then(Value::as_str).map(str::trim);
                let own = word("custom_message").filter(|text| !text.is_empty());
                found.extend(own.or_else(|| word("error_message")).map(|text| text.replace('\n', " ")));
            }
            object.iter().filter(|(key, _)| *key != "messages").for_each(|(_, inner)| messages(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|item| messages(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Rules {
        Rules { name: "house.guard".to_owned(), text: text.to_owned() }
    }

    const MEMORY: &str = "rule memory_is_bounded {\n  Resources.*[ Type == 'AWS::Lambda::Function' ] {\n    \
        Properties.MemorySize <= 1024 <<more than a gigabyte needs a word with us>>\n  }\n}\n";

    #[test]
    fn a_rule_that_is_not_kept_is_named_with_its_own_words() {
        let template = crate::diff::tests::template("a", 2048);
        let found = violations(&template, &rules(MEMORY)).expect("the rules are Guard's language");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].rule.as_str(), found[0].file.as_str()), ("memory_is_bounded", "house.guard"));
        assert!(found[0].details.iter().any(|line| line.contains("needs a word with us")), "{found:?}");
        assert_eq!(violations(&crate::diff::tests::template("a", 512), &rules(MEMORY)), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_rule_is_an_error() {
        assert!(violations(&crate::diff::tests::template("a", 512), &rules("rule {")).is_err());
    }
}
