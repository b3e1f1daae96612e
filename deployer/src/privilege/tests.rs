//! Verdicts over a stack in YAML, an invented executable and invented sources.

use super::*;
use crate::iam::reach::{self, Operation};
use crate::model::Stack;
use crate::render::samples;
use crate::source::{Source, Sources};
use std::collections::BTreeMap;

/// The stack `shop` with one crate `work`, whose keys are `keys`.
pub(super) fn stack(keys: &str) -> (Sources, Stack) {
    let text = format!(
        "stack: shop\nstages: {{ dev: {{}} }}\nqueues: {{ jobs: {{}}, mails: {{}} }}\nbuckets: {{ files: {{}} }}\nfunctions:\n  work:\n    crate: work\n{keys}"
    );
    let mut sources = Sources::default();
    let file = sources.add(Source { name: "stacks/shop.yaml".to_owned(), text });
    let loaded = crate::model::load(&sources, file, Some("dev"), false, &BTreeMap::new());
    assert_eq!(loaded.diagnostics, crate::diag::Diagnostics::default());
    (sources, loaded.stack.expect("a sound file has a stack"))
}

/// A function `work` that reaches `operations` and is made of one file, in which `CRATES_s3` stands for the SDK's crate.
pub(super) fn seen(operations: &[&str], source: &str) -> Seen {
    let operations = operations.iter().map(|text| Operation::parse(text).expect("an operation"));
    let reach = Reach { operations: operations.collect(), ..Reach::default() };
    let code = Code::new(vec![("work/src/main.rs".to_owned(), source.replace("CRATES_", code::CRATES))]);
    Seen { name: "work".to_owned(), reach: Some(reach), code }
}

fn judged(keys: &str, seen: &Seen) -> Verdict {
    let (sources, stack) = stack(keys);
    verdict(&stack, &sources, seen).expect("its role is made here")
}

fn missing(verdict: &Verdict) -> Vec<&str> {
    verdict.missing.iter().map(|missing| missing.action.as_str()).collect()
}

fn excess(verdict: &Verdict) -> Vec<&str> {
    verdict.excess.iter().map(|excess| excess.action.as_str()).collect()
}

#[test]
fn missing_and_excess_are_told_with_their_places() {
    let keys = "    env: { MAILS: { queue: mails } }\n    access:\n      - { queue: mails, can: purge }\n";
    let verdict = judged(keys, &seen(&["sqs.send_message_batch"], "use CRATES_sqs;\nq.send_message_batch()\n"));
    let expected = Missing {
        action: "sqs:SendMessage".to_owned(),
        operation: "sqs.send_message_batch".to_owned(),
        called: Some("work/src/main.rs:2".to_owned()),
        add: "- { queue: mails, can: send }".to_owned(),
    };
    assert_eq!(verdict.missing, [expected]);
    assert_eq!(excess(&verdict), ["sqs:PurgeQueue"]);
    assert_eq!(verdict.excess[0].granted, "stacks/shop.yaml:10 `{ queue: mails, can: purge }`");
}

#[test]
fn wildcards_triggers_and_keys_grant_as_well() {
    let keys = "    triggers: [{ queue: jobs }]\n    access:\n      - { allow: [\"s3:Get*\"], on: \"arn:aws:s3:::b/*\", because: all reads }\n";
    let verdict = judged(keys, &seen(&["s3.get_object", "sqs.delete_message"], ""));
    assert_eq!((missing(&verdict), excess(&verdict)), (vec![], vec![]));
    let verdict = judged(
        "    access: [{ secret: { arn: \"arn:aws:secretsmanager:eu-west-1:1:secret:x\" }, can: read }]\n",
        &seen(&["secretsmanager.get_secret_value"], ""),
    );
    assert_eq!((missing(&verdict), excess(&verdict)), (vec![], vec![]));
}

#[test]
fn an_action_that_some_parameters_need_takes_evidence() {
    let put = "    access: [{ bucket: files, can: put }]\n";
    let plain = "use CRATES_s3;\ns.put_object().body(b)\n";
    assert_eq!(missing(&judged(put, &seen(&["s3.put_object"], plain))), [""; 0]);
    let tagged = "use CRATES_s3;\ns.put_object()\n  .tagging(t)\n";
    let verdict = judged(put, &seen(&["s3.put_object"], tagged));
    assert_eq!(missing(&verdict), ["s3:PutObjectTagging"]);
    assert_eq!(verdict.missing[0].called.as_deref(), Some("work/src/main.rs:3"));

    let both = "    access:\n      - { allow: [s3:PutObject, s3:PutObjectTagging], on: \"arn:aws:s3:::b/*\" }\n";
    assert_eq!(excess(&judged(both, &seen(&["s3.put_object"], plain))), ["s3:PutObjectTagging"]);
    assert_eq!(excess(&judged(both, &seen(&["s3.put_object"], tagged))), [""; 0]);
    // Called by a crate that is not ours: what it sets is not seen.
    assert_eq!(excess(&judged(both, &seen(&["s3.put_object"], ""))), [""; 0]);
}

#[test]
fn plumbing_counts_where_the_code_calls_it() {
    let mut seen = seen(&[], "use CRATES_sts;\nc.assume_role()\n");
    seen.reach = Some(reach::of([&b"aws-sdk-sts-1.0.0/src/operation/assume_role.rs"[..]]));
    assert_eq!(missing(&judged("", &seen)), ["sts:AssumeRole"]);
    seen.code = Code::default();
    assert_eq!(missing(&judged("", &seen)), [""; 0]);
}

#[test]
fn what_cannot_be_seen_is_neither_missing_nor_too_much_but_said() {
    let access = "    access: [{ queue: mails, can: send }]\n";
    let other = Seen { name: "work".to_owned(), ..Seen::default() };
    let verdict = judged(access, &other);
    assert_eq!((excess(&verdict), verdict.incomplete.len()), (vec![], 1));
    assert_eq!(judged("", &other).incomplete, [""; 0], "nothing is granted that could be judged");
    let mut signs = seen(&[], "");
    signs.reach = Some(reach::of([&b"/object_store-0.12.0/src/lib.rs"[..]]));
    let verdict = judged(access, &signs);
    assert_eq!(
        (excess(&verdict), verdict.incomplete.as_slice()),
        (vec![], &["object_store signs requests by itself".to_owned()][..])
    );

    let managed = "    access: [{ managed: AWSXRayDaemonWriteAccess }]\n";
    let verdict = judged(managed, &seen(&["sqs.send_message"], ""));
    assert_eq!(missing(&verdict), [""; 0]);
    assert_eq!(
        verdict.incomplete,
        [
            "sqs:SendMessage (sqs.send_message, called by a crate that it depends on) may be missing, unless AWSXRayDaemonWriteAccess allows it"
        ]
    );
    assert_eq!(judged("", &seen(&["s3.no_such_thing"], "")).unknown, ["s3.no_such_thing"]);
}

#[test]
fn a_suppression_takes_what_it_names_and_says_why() {
    let keys = "    access: [{ queue: mails, can: purge }]\n    suppress:\n      - { excess: sqs:PurgeQueue, because: by hand }\n      - { missing: sqs:SendMessage, because: the queue's policy }\n      - { never: sns.publish, because: behind dyn }\n";
    let verdict = judged(keys, &seen(&["sqs.send_message", "sns.publish"], ""));
    assert_eq!((missing(&verdict), excess(&verdict), verdict.idle.len()), (vec![], vec![], 0));
    let told: Vec<&str> = verdict.suppressed.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(told, ["never sns.publish", "missing sqs:SendMessage", "excess sqs:PurgeQueue"]);
    assert_eq!(verdict.suppressed[0].because, "behind dyn");

    let verdict = judged(keys, &seen(&["sqs.purge_queue"], ""));
    assert_eq!(
        verdict.idle,
        [
            "stacks/shop.yaml:10 `sqs:PurgeQueue`",
            "stacks/shop.yaml:11 `sqs:SendMessage`",
            "stacks/shop.yaml:12 `sns.publish`"
        ]
    );
}

#[test]
fn an_operation_that_is_never_sent_needs_no_action() {
    let keys =
        "    access: [{ queue: mails, can: purge }]\n    suppress: [{ never: sqs.purge_queue, because: behind dyn }]\n";
    assert_eq!(excess(&judged(keys, &seen(&["sqs.purge_queue"], ""))), ["sqs:PurgeQueue"]);
}

#[test]
fn a_plan_is_stopped_by_what_is_missing_and_notes_what_is_too_much() {
    let keys = "    access: [{ queue: mails, can: purge }]\n";
    let verdict = || vec![judged(keys, &seen(&["s3.get_object", "s3.no_such_thing"], ""))];
    let mut plan = samples::empty();
    tell(&mut plan, verdict(), false);
    assert_eq!(plan.access.len(), 1);
    let [block] = plan.blocked.as_slice() else { panic!("{plan:?}") };
    assert_eq!(
        (block.what.as_str(), block.allow.as_ref()),
        ("work may not s3:GetObject, which its code needs: s3.get_object, called by a crate that it depends on", None)
    );
    assert!(block.way_out.starts_with("add to `access:` of work: `- { bucket: NAME, can: get }`"), "{block:?}");
    let [excess, unknown] = plan.notes.as_slice() else { panic!("{plan:?}") };
    assert!(
        excess.starts_with("work may sqs:PurgeQueue, which nothing in its code reaches; granted at stacks/shop.yaml:8")
    );
    assert!(unknown.starts_with("work calls s3.no_such_thing"));

    let mut strict = samples::empty();
    tell(&mut strict, verdict(), true);
    assert_eq!((strict.blocked.len(), strict.notes.len()), (2, 1));
}

#[test]
fn functions_are_compared_when_their_code_or_their_role_changes() {
    let plan = samples::mixed();
    let changed: Vec<&str> =
        ["sender", "nightly", "checkout"].into_iter().filter(|name| is_changed(&plan, name)).collect();
    assert_eq!(changed, ["sender"], "nightly is made again as it was");
    let mut kept = plan;
    kept.lines.iter_mut().for_each(|line| line.kept = true);
    assert!(!is_changed(&kept, "sender"));
}
