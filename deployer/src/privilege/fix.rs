//! Verdicts into the stack file: what is missing is granted, what is too much is taken away, as edits of the text.
//!
//! Pure. Says of every finding either that it is in the text or why it has to be written by hand. The caller loads the text again
//! and judges anew: what an edit did to other functions or stages is found there.

use super::suggest::{Suggestion, declared, suggestion};
use super::{Seen, Verdict, covers};
use crate::iam::grants::{self, Verb};
use crate::model::Stack;
use crate::model::access::{Access, Grant, Statement};
use crate::model::function::Function;
use crate::source::{Span, Spanned};
use crate::yaml::edit::list;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A stack file with the findings in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Fixed {
    pub(crate) text: String,
    /// What was written, a line each.
    pub(crate) done: Vec<String>,
    /// What was not, and why.
    pub(crate) left: Vec<String>,
    /// Findings ([`findings`]) that must be gone when the text is judged.
    pub(crate) settled: Vec<String>,
}

/// Every finding, as `missing sqs:SendMessage of sender`.
pub(crate) fn findings(verdicts: &[Verdict]) -> Vec<String> {
    let each = verdicts.iter().flat_map(|verdict| {
        let missing = verdict.missing.iter().map(|missing| ("missing", &missing.action));
        let excess = verdict.excess.iter().map(|excess| ("excess", &excess.action));
        missing.chain(excess).map(|(what, action)| format!("{what} {action} of {}", verdict.function))
    });
    each.collect()
}

/// An edit with what is said of it, and the findings that it settles.
struct Step {
    what: String,
    settles: Vec<String>,
    edit: Edit,
}

/// One edit of the text.
#[derive(Debug, Clone, PartialEq)]
enum Edit {
    /// Takes away what stands there: an entry, or one of its verbs or actions.
    Take(Span),
    /// Adds to the list under a key of what stands there.
    Append(Span, &'static str, Value),
    /// Adds to the list under a key of the function whose name stands there.
    Grant(Span, Value),
}

/// `text` with the findings of `verdicts` put right. `seen` is what they were made from.
pub(crate) fn fixed(text: &str, stack: &Stack, seen: &[Seen], verdicts: &[Verdict]) -> Fixed {
    let mut fixed = Fixed { text: text.to_owned(), ..Fixed::default() };
    let mut steps: Vec<Step> = Vec::new();
    for verdict in verdicts {
        let Some(function) = stack.file.functions.get(&verdict.function) else { continue };
        let too_much: BTreeSet<&str> = verdict.excess.iter().map(|excess| excess.action.as_str()).collect();
        for entry in &function.access {
            taken_away(&verdict.function, entry, &too_much, &mut steps, &mut fixed.left);
        }
        let Some(seen) = seen.iter().find(|seen| seen.name == verdict.function) else { continue };
        granted(stack, function, seen, verdict, &mut steps, &mut fixed.left);
    }
    // From the end of the file to its beginning, so that positions before an edit stay; loops say the same several times.
    steps.sort_by_key(|step| std::cmp::Reverse(step.edit.order()));
    fixed.settled.extend(steps.iter().flat_map(|step| step.settles.clone()));
    steps.dedup_by(|one, two| one.edit == two.edit);
    // Entries of one list go from the last to the first, and additions come after.
    for Step { what, settles, edit } in steps {
        match edit.place(text).and_then(|path| edit.of(&fixed.text, &path)) {
            Some(text) => {
                fixed.text = text;
                fixed.done.push(what);
            }
            None => {
                fixed.settled.retain(|finding| !settles.contains(finding));
                fixed.left.push(format!("{what}: there is no place for it in the file that can be told for sure"));
            }
        }
    }
    fixed
}

impl Edit {
    /// What is taken away first, and what stands last; then what is added.
    fn order(&self) -> (bool, usize, String) {
        match self {
            Self::Take(span) => (true, span.start, String::new()),
            Self::Append(span, _, value) => (false, span.start, value.to_string()),
            Self::Grant(span, value) => (false, span.start, value.to_string()),
        }
    }

    /// The path to what it is about, in the text that was loaded.
    fn place(&self, text: &str) -> Option<Vec<String>> {
        match self {
            Self::Take(span) => list::path_to(text, *span),
            Self::Append(span, key, _) => {
                list::path_to(text, *span).map(|path| [path, vec![(*key).to_owned()]].concat())
            }
            Self::Grant(span, _) => {
                list::path_of_key(text, *span).map(|path| [path, vec!["access".to_owned()]].concat())
            }
        }
    }

    fn of(&self, text: &str, path: &[String]) -> Option<String> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match self {
            Self::Take(_) => match path.split_last() {
                Some((last, above)) if last.parse::<usize>().is_ok() => list::take(text, above, last.parse().ok()?),
                _ => list::take(text, &path, 0),
            },
            Self::Append(_, _, value) | Self::Grant(_, value) => list::append(text, &path, value),
        }
    }
}

/// The edits that take what is too much out of one entry.
fn taken_away(
    name: &str,
    entry: &Spanned<Access>,
    too_much: &BTreeSet<&str>,
    steps: &mut Vec<Step>,
    left: &mut Vec<String>,
) {
    let is_too_much = |action: &str| too_much.contains(action);
    let settles = |actions: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        actions.map(|action| format!("excess {action} of {name}")).collect()
    };
    let parts: Vec<(&Spanned<String>, Vec<&str>)> = match &entry.value {
        Access::Grant(grant) => verbs(grant).map(|(word, verb)| (word, verb.actions.to_vec())).collect(),
        Access::Statement(Statement { allow, .. }) => {
            allow.iter().map(|action| (action, vec![action.value.as_str()])).collect()
        }
        Access::Managed(_) => return,
    };
    let gone: Vec<_> = parts.iter().filter(|(_, actions)| actions.iter().all(|action| is_too_much(action))).collect();
    if gone.len() == parts.len() && !parts.is_empty() {
        let words: Vec<&str> = parts.iter().map(|(word, _)| word.value.as_str()).collect();
        let what = format!("{name} no longer has the entry that granted {}", words.join(", "));
        let settles = settles(&mut parts.iter().flat_map(|(_, actions)| actions).copied());
        steps.push(Step { what, settles, edit: Edit::Take(entry.span) });
        return;
    }
    for (word, actions) in &gone {
        let what = format!("{name} no longer may {}", word.value);
        steps.push(Step { what, settles: settles(&mut actions.iter().copied()), edit: Edit::Take(word.span) });
    }
    for (word, actions) in parts.iter().filter(|part| !gone.contains(part)) {
        left.extend(actions.iter().filter(|action| is_too_much(action)).map(|action| {
            format!(
                "{action} of {name}: `{}` grants it together with what is needed; grant that by a finer verb",
                word.value
            )
        }));
    }
}

/// The verbs of a grant, with their words in the file.
fn verbs(grant: &Grant) -> impl Iterator<Item = (&Spanned<String>, &'static Verb)> {
    let subjects = grant.subjects();
    let noun = subjects.first().map_or("", |subject| subject.word());
    grant.can.iter().filter_map(move |word| Some((word, grants::find(noun, word)?)))
}

/// The edits that grant what is missing.
fn granted(
    stack: &Stack,
    function: &Function,
    seen: &Seen,
    verdict: &Verdict,
    steps: &mut Vec<Step>,
    left: &mut Vec<String>,
) {
    let name = &verdict.function;
    let mut covered: Vec<&'static Verb> = Vec::new();
    for missing in &verdict.missing {
        let action = missing.action.as_str();
        if covered.iter().any(|verb| verb.actions.iter().any(|known| covers(known, action))) {
            continue;
        }
        let Some(Suggestion { verb, thing }) = suggestion(stack, function, &seen.code, action) else {
            left.push(format!(
                "{action} of {name}: no verb grants it; write `{}` with the ARN that is meant",
                missing.add
            ));
            continue;
        };
        let edit = thing.and_then(|thing| entry(stack, function, verdict, verb, &thing));
        match edit {
            Ok(edit) => {
                covered.push(verb);
                let what = format!("{name} may {}: {}", verb.verb, missing.calls());
                steps.push(Step { what, settles: vec![format!("missing {action} of {name}")], edit });
            }
            Err(why) => left.push(format!("{action} of {name}: {why}; write `{}`", missing.add)),
        }
    }
}

/// One verb more in the entry that is about the thing already, or an entry of its own.
fn entry(
    stack: &Stack,
    function: &Function,
    verdict: &Verdict,
    verb: &'static Verb,
    thing: &str,
) -> Result<Edit, String> {
    // An entry that goes away as a whole cannot take a verb.
    let stays = |grant: &Grant| {
        let too_much = |action: &&str| verdict.excess.iter().any(|excess| excess.action == **action);
        !verbs(grant).all(|(_, verb)| verb.actions.iter().all(&too_much))
    };
    let entries = function.access.iter().filter_map(|access| match &access.value {
        Access::Grant(grant) if declared(grant, verb.noun) == Some(thing) && stays(grant) => Some((access.span, grant)),
        _ => None,
    });
    match entries.collect::<Vec<_>>().as_slice() {
        [] => {
            let item = json!({ (verb.noun): thing, "can": verb.verb });
            Ok(Edit::Grant(stack.places.name("functions", &verdict.function), item))
        }
        [(span, _)] => Ok(Edit::Append(*span, "can", json!(verb.verb))),
        _ => Err(format!("which of several entries about {thing} is meant cannot be told")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{seen, stack};
    use super::super::verdict;
    use super::*;

    /// The keys of the function `work`, fixed; and what was left.
    fn check(keys: &str, operations: &[&str], source: &str) -> (String, Vec<String>) {
        let (sources, stack) = stack(keys);
        let seen = seen(operations, source);
        let verdict = verdict(&stack, &sources, &seen).expect("its role is made here");
        let fixed = fixed(&sources.0[0].text, &stack, &[seen], &[verdict]);
        let (_, keys) = fixed.text.split_once("crate: work\n").expect("the function is still there");
        (keys.to_owned(), fixed.left)
    }

    #[test]
    fn what_is_missing_is_granted_on_what_the_environment_names() {
        let env = "    env: { MAILS: { queue: mails } } # where to\n";
        let (keys, left) = check(env, &["sqs.send_message"], "");
        assert_eq!((keys, left), (format!("{env}    access: [{{ queue: mails, can: send }}]\n"), vec![]));

        let listed = "    env: { MAILS: { queue: mails }, FILES: { bucket: files } }\n    access:\n      # files\n      - { bucket: files, can: get, prefix: in/ } # read\n";
        let (keys, left) = check(listed, &["sqs.send_message", "s3.get_object", "s3.put_object"], "");
        let expected = listed.replace("can: get", "can: [get, put]") + "      - { queue: mails, can: send }\n";
        assert_eq!((keys, left), (expected, vec![]));
    }

    #[test]
    fn a_variable_that_the_code_reads_decides_between_several() {
        let env = "    env: { MAILS: { queue: mails }, JOBS: { queue: jobs } }\n";
        let (keys, left) = check(env, &["sqs.send_message"], "env(\"JOBS\")");
        assert!(keys.contains("{ queue: jobs, can: send }") && left.is_empty(), "{keys}");
        let (keys, left) = check(env, &["sqs.send_message"], "");
        assert_eq!(keys, env);
        assert!(left[0].contains("which queue is meant cannot be told: jobs or mails"), "{left:?}");
    }

    #[test]
    fn what_no_verb_or_no_variable_leads_to_is_left() {
        let (keys, left) = check("", &["sqs.send_message", "ce.get_cost_and_usage"], "");
        assert_eq!(keys, "");
        let [cost, queue] = left.as_slice() else { panic!("{left:?}") };
        assert!(cost.contains("ce:GetCostAndUsage of work: no verb grants it"), "{cost}");
        assert!(
            queue.contains("no variable of its environment names one; write `- { queue: NAME, can: send }`"),
            "{queue}"
        );
    }

    #[test]
    fn what_is_too_much_goes_by_entry_verb_or_action() {
        let keys = "    access:\n      # by hand\n      - { queue: mails, can: [send, purge] }\n      - { queue: jobs, can: [purge] } # jobs\n      - { allow: [s3:GetObject, s3:PutObject], on: \"arn:aws:s3:::b/*\" }\n      - { bucket: files, can: delete }\n";
        let (keys, left) = check(keys, &["sqs.send_message", "s3.get_object"], "");
        let expected = "    access:\n      # by hand\n      - { queue: mails, can: [send] }\n      - { allow: [s3:GetObject], on: \"arn:aws:s3:::b/*\" }\n";
        assert_eq!((keys.as_str(), left), (expected, vec![]));
    }

    #[test]
    fn an_entry_is_exchanged_where_all_of_it_is_too_much() {
        let keys = "    env: { MAILS: { queue: mails } }\n    access: { queue: mails, can: purge }\n";
        let (keys, left) = check(keys, &["sqs.send_message"], "");
        assert_eq!(
            (keys.as_str(), left),
            ("    env: { MAILS: { queue: mails } }\n    access: [{ queue: mails, can: send }]\n", vec![])
        );
    }

    #[test]
    fn a_verb_that_grants_needed_and_other_actions_is_left() {
        let keys = "    access: [{ queue: mails, can: consume }]\n";
        let (same, left) = check(keys, &["sqs.receive_message"], "");
        assert_eq!(same, keys);
        assert!(
            left.iter().any(|line| line.starts_with("sqs:DeleteMessage of work: `consume` grants it together")),
            "{left:?}"
        );
    }
}
