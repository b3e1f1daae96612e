//! Texts with `*`, `?` and parts that are not known yet, and what can be said for certain about two of them.

use crate::resolve;
use serde_json::Value;
use std::cmp::Ordering;

/// One element of a policy: an action, a resource, a principal, a value of a condition.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    tokens: Vec<Token>,
    /// As it was written, for people: `${Queue.Arn}` for `{"Fn::GetAtt": ["Queue", "Arn"]}`.
    pub(crate) shown: String,
    /// As it was written, as JSON.
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    Char(char),
    /// `?`: exactly one character.
    One,
    /// `*`: any number of them.
    Many,
    /// A reference or a policy variable: some text, the same wherever it stands.
    Unknown(String),
}

/// What the name of a managed policy begins with, beside actions.
pub(super) const MANAGED: &str = "managed policy ";

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// `*` and `?` are wildcards.
    Wild,
    /// The same, and case carries no meaning.
    WildAnyCase,
    Literal,
    LiteralAnyCase,
}

impl Reading {
    fn is_wild(self) -> bool {
        matches!(self, Self::Wild | Self::WildAnyCase)
    }

    fn folds(self) -> bool {
        matches!(self, Self::WildAnyCase | Self::LiteralAnyCase)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.tokens == other.tokens
    }
}

impl Eq for Pattern {}

impl PartialOrd for Pattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pattern {
    fn cmp(&self, other: &Self) -> Ordering {
        self.tokens.cmp(&other.tokens)
    }
}

impl Pattern {
    /// `value` as a pattern. `prefix` tells kinds of values apart and is no part of what is shown; `variables` names the
    /// policy language's version, in which `${…}` means what it means.
    pub(crate) fn new(prefix: &str, value: &Value, reading: Reading, variables: &str) -> Self {
        let mut tokens: Vec<Token> = prefix.chars().map(Token::Char).collect();
        let shown = read(value, reading, variables, &mut tokens);
        Self { tokens: in_order(tokens), shown, value: value.clone() }
    }

    /// What stands where an element is left out: equal to itself alone.
    pub(crate) fn absent(word: &str) -> Self {
        Self { tokens: vec![Token::Unknown(word.to_owned())], shown: String::new(), value: Value::Null }
    }

    /// `*`
    pub(crate) fn everything() -> Self {
        Self { tokens: vec![Token::Many], shown: "*".to_owned(), value: Value::from("*") }
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.tokens == [Token::Many]
    }

    #[cfg(test)]
    /// The kind of a principal: the prefix that it was made with.
    pub(crate) fn kind(&self) -> &str {
        let known = ["AWS", "Service", "Federated", "CanonicalUser"];
        known.into_iter().find(|word| self.begins_with(&format!("{word} "))).unwrap_or("?")
    }

    /// Whether it stands for everything in a policy of somebody else.
    pub(crate) fn is_managed_policy(&self) -> bool {
        self.begins_with(MANAGED)
    }

    fn begins_with(&self, word: &str) -> bool {
        let letters = word.chars().map(Token::Char);
        self.tokens.len() >= word.chars().count() && self.tokens.iter().zip(letters).all(|(one, two)| *one == two)
    }

    pub(crate) fn is_absent(&self) -> bool {
        self.value.is_null()
    }

    #[cfg(test)]
    /// The value in canonical form: without what case or `**` may differ in.
    pub(crate) fn canonical(&self) -> Value {
        let plain: Option<String> = self
            .tokens
            .iter()
            .map(|token| match token {
                Token::Char(letter) => Some(*letter),
                Token::One => Some('?'),
                Token::Many => Some('*'),
                Token::Unknown(_) => None,
            })
            .collect();
        match (plain, &self.value) {
            (Some(text), Value::String(_)) => Value::from(text),
            _ => self.value.clone(),
        }
    }

    /// Whether everything that `other` matches is matched by this one. False when that cannot be told.
    ///
    /// Each token of `other` stands for itself: a match of them is a match of every text that they stand for. `?` takes
    /// no part that is unknown, whose length is unknown too.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let (pattern, text) = (&self.tokens, &other.tokens);
        let (mut at, mut letter, mut back) = (0, 0, None);
        while letter < text.len() {
            let fits = match (pattern.get(at), &text[letter]) {
                (Some(Token::Many), _) => {
                    back = Some((at, letter));
                    at += 1;
                    continue;
                }
                (Some(Token::One), found) => matches!(found, Token::Char(_) | Token::One),
                (Some(token), found) => token == found,
                (None, _) => false,
            };
            match (fits, back) {
                (true, _) => (at, letter) = (at + 1, letter + 1),
                // The last `*` takes one more.
                (false, Some((star, from))) => {
                    back = Some((star, from + 1));
                    (at, letter) = (star + 1, from + 1);
                }
                (false, None) => return false,
            }
        }
        pattern[at..].iter().all(|token| *token == Token::Many)
    }

    /// Whether no text is matched by both. False when that cannot be told.
    pub(crate) fn is_apart_from(&self, other: &Self) -> bool {
        let is_open = |token: &Token| matches!(token, Token::Many | Token::Unknown(_));
        let (one, two) = (&self.tokens, &other.tokens);
        // reach[j]: the first i tokens of one and the first j of two can match the same text.
        let mut reach = vec![false; two.len() + 1];
        reach[0] = true;
        for j in 0..two.len() {
            reach[j + 1] = reach[j] && is_open(&two[j]);
        }
        for token in one {
            let mut next = vec![false; two.len() + 1];
            next[0] = reach[0] && is_open(token);
            for j in 0..two.len() {
                let both = reach[j]
                    && match (token, &two[j]) {
                        (Token::Char(one), Token::Char(two)) => one == two,
                        _ => true,
                    };
                let one_more = is_open(token) && (next[j] || reach[j + 1]);
                let two_more = is_open(&two[j]) && (next[j] || reach[j + 1]);
                next[j + 1] = both || one_more || two_more;
            }
            reach = next;
        }
        !reach[two.len()]
    }
}

/// Appends the tokens of `value`; returns how people read it.
fn read(value: &Value, reading: Reading, variables: &str, tokens: &mut Vec<Token>) -> String {
    match value {
        Value::String(text) => {
            plain(text, reading, variables, tokens);
            text.clone()
        }
        Value::Number(_) | Value::Bool(_) => {
            plain(&value.to_string(), reading, variables, tokens);
            value.to_string()
        }
        Value::Object(object) => {
            let known = resolve::intrinsic(object).and_then(|(function, argument)| match (function, argument) {
                ("Ref", Value::String(name)) => Some(reference(name, tokens)),
                ("Fn::GetAtt", Value::String(name)) => Some(reference(name, tokens)),
                ("Fn::GetAtt", Value::Array(items)) => match items.as_slice() {
                    [Value::String(id), Value::String(attribute)] => {
                        Some(reference(&format!("{id}.{attribute}"), tokens))
                    }
                    _ => None,
                },
                ("Fn::Sub", Value::String(text)) => Some(substituted(text, reading, variables, tokens)),
                ("Fn::Join", Value::Array(parts)) => match parts.as_slice() {
                    [Value::String(separator), Value::Array(items)] => {
                        let mut shown = Vec::new();
                        for (position, item) in items.iter().enumerate() {
                            if position > 0 {
                                plain(separator, reading, variables, tokens);
                            }
                            shown.push(read(item, reading, variables, tokens));
                        }
                        Some(shown.join(separator))
                    }
                    _ => None,
                },
                _ => None,
            });
            known.unwrap_or_else(|| {
                tokens.push(Token::Unknown(value.to_string()));
                value.to_string()
            })
        }
        other => {
            tokens.push(Token::Unknown(other.to_string()));
            other.to_string()
        }
    }
}

fn reference(name: &str, tokens: &mut Vec<Token>) -> String {
    let shown = format!("${{{name}}}");
    tokens.push(Token::Unknown(shown.clone()));
    shown
}

/// The text of `Fn::Sub`: `${Name}` is a reference, `${!name}` a policy variable.
fn substituted(text: &str, reading: Reading, variables: &str, tokens: &mut Vec<Token>) -> String {
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        let name = rest[start + 2..start + length].trim();
        plain(&rest[..start], reading, variables, tokens);
        match name.strip_prefix('!') {
            Some(literal) => plain(&format!("${{{literal}}}"), reading, variables, tokens),
            None => drop(reference(name, tokens)),
        }
        rest = &rest[start + length + 1..];
    }
    plain(rest, reading, variables, tokens);
    text.replace("${!", "${")
}

/// A text as the policy has it: wildcards, and variables that are filled in with each request.
fn plain(text: &str, reading: Reading, variables: &str, tokens: &mut Vec<Token>) {
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if rest.starts_with("${")
            && let Some(end) = rest.find('}')
        {
            tokens.push(Token::Unknown(format!("{variables} {}", &rest[..=end])));
            rest = &rest[end + 1..];
            continue;
        }
        match letter {
            '*' if reading.is_wild() => tokens.push(Token::Many),
            '?' if reading.is_wild() => tokens.push(Token::One),
            _ if reading.folds() => tokens.extend(letter.to_lowercase().map(Token::Char)),
            _ => tokens.push(Token::Char(letter)),
        }
        rest = &rest[letter.len_utf8()..];
    }
}

/// Runs of wildcards in one order: every `?`, then at most one `*`.
fn in_order(tokens: Vec<Token>) -> Vec<Token> {
    let mut ordered: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let after_many = ordered.last() == Some(&Token::Many);
        match token {
            Token::Many if after_many => {}
            Token::One if after_many => ordered.insert(ordered.len() - 1, Token::One),
            token => ordered.push(token),
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wild(value: Value) -> Pattern {
        Pattern::new("", &value, Reading::Wild, "2012-10-17")
    }

    #[test]
    fn a_pattern_covers_what_it_matches_however_it_is_written() {
        for (wider, narrower) in [
            (json!("arn:*"), json!("arn:aws:sqs:*:1:q")),
            (json!("a*c*e"), json!("abcde")),
            (json!("?*"), json!("*?")),
            (json!("a?c"), json!("abc")),
            (json!("*"), json!({ "Ref": "Anything" })),
            (
                json!({ "Fn::Sub": "arn:${AWS::Partition}:s3:::b/*" }),
                json!({ "Fn::Sub": "arn:${AWS::Partition}:s3:::b/t/*" }),
            ),
            (json!({ "Fn::GetAtt": ["Q", "Arn"] }), json!({ "Fn::Sub": "${Q.Arn}" })),
            (json!({ "Fn::Sub": "${Q.Arn}/*" }), json!({ "Fn::Join": ["", [{ "Fn::GetAtt": "Q.Arn" }, "/x"]] })),
        ] {
            assert!(wild(wider.clone()).covers(&wild(narrower.clone())), "{wider} {narrower}");
        }
        for (one, two) in [
            (json!("a?"), json!("a*")),
            (json!("a?"), json!("a")),
            (json!("a?b"), json!({ "Fn::Sub": "a${X}b" })),
            (json!({ "Ref": "X" }), json!({ "Ref": "Y" })),
            (json!("home/*"), json!({ "Ref": "X" })),
        ] {
            assert!(!wild(one.clone()).covers(&wild(two.clone())), "{one} {two}");
        }
    }

    #[test]
    fn apart_is_only_what_no_text_can_join() {
        assert!(wild(json!("s3:Get*")).is_apart_from(&wild(json!("s3:Put*"))));
        assert!(wild(json!("ab?")).is_apart_from(&wild(json!("ab"))));
        assert!(!wild(json!("*a*")).is_apart_from(&wild(json!("b*"))));
        assert!(!wild(json!("a*b")).is_apart_from(&wild(json!("ab"))));
        assert!(!wild(json!({ "Ref": "X" })).is_apart_from(&wild(json!("s3:GetObject"))));
        assert!(wild(json!({ "Fn::Sub": "a${X}" })).is_apart_from(&wild(json!("b"))));
    }
}
