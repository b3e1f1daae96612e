//! The Rust sources that go into a function: where an operation is called, and what is evidence of a parameter.
//!
//! A search of the text, not of its meaning: says where, never whether. Tests at the end of a file are cut off.

use crate::iam::reach::Operation;

/// What the names of the SDK's crates begin with. No such crate is used here.
pub(super) const CRATES: &str = concat!("aws_sdk", "_");

/// Sources, in the order in which they are searched.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Code(Vec<(String, String)>);

impl Code {
    /// Of files: path relative to the workspace, and text.
    pub(crate) fn new(files: Vec<(String, String)>) -> Self {
        let cut = |text: String| match text.find("#[cfg(test)]\nmod ") {
            Some(end) => text[..end].to_owned(),
            None => text,
        };
        Self(files.into_iter().map(|(name, text)| (name, cut(text))).collect())
    }

    /// `functions/x/src/main.rs:12`: the first place that calls the operation, one in a file that names its SDK before others.
    pub(crate) fn call(&self, operation: &Operation) -> Option<String> {
        let sdk = format!("{CRATES}{}", operation.sdk);
        let call = [format!(".{}(", operation.name)];
        let (near, far): (Vec<_>, Vec<_>) = self.0.iter().partition(|(_, text)| text.contains(&sdk));
        near.into_iter().chain(far).find_map(|file| place(file, &call))
    }

    /// The first place, in the files that call the operation, of a piece of evidence
    /// ([`crate::iam::operations::Conditional::evidence`]).
    pub(crate) fn evidence(&self, operation: &Operation, evidence: &[&str]) -> Option<String> {
        let call = format!(".{}(", operation.name);
        let pieces: Vec<String> = evidence
            .iter()
            .flat_map(|piece| match piece.contains([':', '"', '=']) {
                true => vec![(*piece).to_owned()],
                false => vec![format!(".{piece}("), format!(".set_{piece}(")],
            })
            .collect();
        self.0.iter().filter(|(_, text)| text.contains(&call)).find_map(|file| place(file, &pieces))
    }

    /// Whether the text literal stands anywhere: the name of a variable, for example.
    pub(crate) fn has_literal(&self, text: &str) -> bool {
        let literal = format!("\"{text}\"");
        self.0.iter().any(|(_, text)| text.contains(&literal))
    }
}

/// The first line of a file, comments aside, that holds one of the pieces.
fn place((name, text): &(String, String), pieces: &[String]) -> Option<String> {
    let holds = |line: &str| {
        !line.trim_start().starts_with("//")
            && pieces.iter().any(|piece| {
                // `Put::builder`, but not `Output::builder`.
                line.match_indices(piece.as_str()).any(|(at, _)| {
                    !piece.starts_with(char::is_alphanumeric) || !line[..at].ends_with(char::is_alphanumeric)
                })
            })
    };
    Some(format!("{name}:{}", text.lines().position(holds)? + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> Code {
        let own = "trait Store { fn f(self); }\n// x.put_object()\nfn other(x: X) { x.put_object() }\n";
        let real = "use CRATES_s3::Client;\nfn f(c: Client) {\n    c.put_object()\n        .set_tagging(None)\n    std::env::var(\"BUCKET\");\n    Output::builder();\n}\n#[cfg(test)]\nmod tests { fn g() { c.get_object() } }\n";
        Code::new(vec![("a.rs".to_owned(), own.to_owned()), ("b.rs".to_owned(), real.replace("CRATES_", CRATES))])
    }

    #[test]
    fn a_call_is_found_where_the_sdk_is_named_and_not_in_tests_or_comments() {
        let put = Operation::new("s3", "put_object");
        assert_eq!(code().call(&put).as_deref(), Some("b.rs:3"));
        assert_eq!(code().call(&Operation::new("other", "put_object")).as_deref(), Some("a.rs:3"));
        assert_eq!(code().call(&Operation::new("s3", "get_object")), None);
    }

    #[test]
    fn evidence_is_a_setter_or_a_type_in_a_file_that_calls_the_operation() {
        let put = Operation::new("s3", "put_object");
        assert_eq!(code().evidence(&put, &["acl", "tagging"]).as_deref(), Some("b.rs:4"));
        assert_eq!(code().evidence(&put, &["Put::builder"]), None);
        assert_eq!(code().evidence(&Operation::new("s3", "copy_object"), &["tagging"]), None);
        assert!(code().has_literal("BUCKET") && !code().has_literal("OTHER"));
    }
}
