//! Sets filled for small stacks: who gets which alarms, and what becomes of them.

use crate::model::{self, Stack};
use crate::sandbox;
use crate::source::{Source, Sources};
use crate::synth;
use serde_json::Value;
use std::collections::BTreeMap;

const CRITICAL: &str = include_str!("../../../../alarms/critical.yaml");
const WARNING: &str = include_str!("../../../../alarms/warning.yaml");

fn stack(text: &str, own: &str) -> Stack {
    let mut sources = Sources::default();
    let text = format!("stack: shop\nstages: {{dev: {{}}}}\n{text}");
    let files = [
        ("stacks/shop.yaml", text.as_str()),
        ("alarms/critical.yaml", CRITICAL),
        ("alarms/warning.yaml", WARNING),
        ("alarms/own.yaml", own),
    ];
    for (name, text) in files {
        sources.add(Source { name: name.to_owned(), text: text.to_owned() });
    }
    let loaded = model::load(&sources, crate::source::FileId(0), None, false, &BTreeMap::new());
    assert!(!loaded.diagnostics.has_errors(), "{:?}", loaded.diagnostics);
    loaded.stack.expect("a sound stack")
}

fn names(stack: &Stack) -> Vec<String> {
    stack.watched.alarms.iter().map(|alarm| format!("{} {}-{}", alarm.about.key(), alarm.set, alarm.key)).collect()
}

fn template(stack: &Stack) -> Value {
    serde_json::to_value(synth::synth(stack)).expect("a template holds only JSON values")
}

const OWN: &str = "severity: critical\nparameters:\n  limit: {description: Calls, default: 7}\n  word: {description: A word, default: a}\n\
    alarms:\n  calls:\n    description: \"{{ word }}\"\n    metric: {namespace: N, name: Calls, statistic: Sum}\n    compare: \">\"\n    \
    threshold: \"{{ limit }}\"\n    missing: {treat: missing, because: of nothing}\n";

#[test]
fn each_level_adds_to_the_one_before_and_a_list_is_all() {
    let text = "alarms: {own: {with: {limit: 1}}}\ndefaults: {alarms: {own: {with: {word: b}}}}\nfunctions:\n  \
        plain: {crate: a}\n  \
        own: {crate: a, alarms: {own: {with: {limit: 3}}}}\n  \
        none: {crate: a, alarms: []}\n  \
        without: {crate: a, alarms: {own: false}}\n  \
        off: {crate: a, alarms: {own: {off: calls}}}\n  \
        again: {crate: a, alarms: [own]}\n";
    let stack = stack(text, OWN);
    let found: Vec<(String, f64, String)> = stack
        .watched
        .alarms
        .iter()
        .map(|alarm| (alarm.about.key().to_owned(), alarm.rule.threshold, alarm.rule.description.clone()))
        .collect();
    let expected = [("plain", 1.0, "b"), ("own", 3.0, "b"), ("again", 1.0, "b")];
    assert_eq!(found, expected.map(|(name, limit, word)| (name.to_owned(), limit, word.to_owned())));
}

#[test]
fn queues_for_what_failed_are_watched_and_queues_that_nobody_consumes_are_not_late() {
    let text = "alarms: critical\nqueues: {jobs: {}, archive: {}, dead: {}}\nfunctions:\n  \
        worker: {crate: a, alarms: [], triggers: [{queue: jobs}], async: {on_failure: {queue: dead}}}\n  \
        nightly: {crate: a, alarms: [], triggers: [{schedule: rate(1 day)}]}\n";
    assert_eq!(
        names(&stack(text, OWN)),
        [
            "jobs critical-oldest-message",
            "jobs-dead critical-dead-letters",
            "dead critical-dead-letters",
            "nightly-failed critical-dead-letters",
        ]
    );
}

#[test]
fn a_baseline_and_reserved_executions_bring_their_alarms() {
    let alarms = |more: &str| names(&stack(&format!("alarms: warning\nfunctions: {{f: {{crate: a{more}}}}}\n"), OWN));
    let plain = ["f warning-rate-limits", "f warning-memory", "f warning-throttles", " warning-account-concurrency"];
    assert_eq!(alarms(""), plain);
    let more = alarms(", baseline: 80ms, concurrency: {reserved: 5}");
    assert!(more.contains(&"f warning-duration".to_owned()) && more.contains(&"f warning-concurrency".to_owned()));
    assert!(!more.contains(&" warning-account-concurrency".to_owned()), "every function has its own");
}

#[test]
fn more_alarms_than_one_can_stand_for_stand_in_groups() {
    let items: Vec<String> = (0..130).map(|number| number.to_string()).collect();
    let text = format!(
        "alarms: own\nvars: {{all: [{}]}}\nfunctions:\n  \"f{{{{ item }}}}\": {{for_each: \"{{{{ all }}}}\", code: {{image: i}}, tracing: false}}\n",
        items.join(", ")
    );
    // Too much for one template, which is another finding; the groups are what is looked at.
    let mut sources = Sources::default();
    let text = format!("stack: shop\nstages: {{dev: {{}}}}\n{text}");
    sources.add(Source { name: "stacks/shop.yaml".to_owned(), text });
    sources.add(Source { name: "alarms/own.yaml".to_owned(), text: OWN.to_owned() });
    let loaded = model::load(&sources, crate::source::FileId(0), None, false, &BTreeMap::new());
    let template = template(&loaded.stack.expect("a stack"));
    let rule = |id: &str| {
        template["Resources"][id]["Properties"]["AlarmRule"]["Fn::Sub"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(rule("OwnAlarms"), "ALARM(\"${OwnAlarms2}\") OR ALARM(\"${OwnAlarms3}\")");
    let counts = ["OwnAlarms2", "OwnAlarms3"].map(|id| rule(id).matches("ALARM(").count());
    assert_eq!(counts, [100, 30]);
    assert!(rule("OwnAlarms2").len() <= 10_240);
}

#[test]
fn metric_math_goes_to_aws_and_the_sandbox_says_that_it_cannot() {
    let own = "severity: warning\nalarms:\n  refused:\n    description: refused\n    math:\n      expression: 100 * errors / calls\n      \
        metrics:\n        errors: {namespace: AWS/Lambda, name: Errors, dimensions: {FunctionName: \"{{ function.name }}\"}, statistic: Sum}\n        \
        calls: {namespace: AWS/Lambda, name: Invocations, dimensions: {FunctionName: \"{{ function.name }}\"}, statistic: Sum}\n    \
        compare: \">\"\n    threshold: 5\n    missing: {treat: notBreaching, because: no calls}\n";
    let stack = stack("alarms: own\nfunctions: {f: {crate: a}}\n", own);
    let template = template(&stack);
    let metrics = &template["Resources"]["FOwnRefusedAlarm"]["Properties"]["Metrics"];
    assert_eq!(metrics[2]["Expression"], "100 * errors / calls");
    assert_eq!((metrics[0]["Id"].as_str(), metrics[0]["ReturnData"].as_bool()), (Some("errors"), Some(false)));
    assert_eq!(metrics[1]["MetricStat"]["Metric"]["MetricName"], "Invocations");
    let adapted = sandbox::adapt(&synth::synth(&stack), "");
    let told = "left out: FOwnRefusedAlarm (its CloudFormation knows no metric math)";
    assert!(adapted.notes.iter().any(|note| note == told), "{:?}", adapted.notes);
    // What stands for the set stands for what is left.
    let rule = serde_json::to_value(&adapted.template).expect("JSON")["Resources"]["OwnAlarms"].clone();
    assert_eq!(rule, Value::Null, "nothing is left to stand for");
}
