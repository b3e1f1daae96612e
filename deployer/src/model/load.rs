//! From a source text to the stack of one stage: parse, overlay, templates, types, rules.
//!
//! Never stops at the first mistake. Touches no file and no environment: both are arguments.

use super::watched::{self, Watched};
use super::{Places, Stack, StackFile, board};
use crate::decode::{Decode, mismatch};
use crate::diag::{Diagnostic, Diagnostics, nearest};
use crate::jinja::{self, Scope, Templates};
use crate::overlay::{self, Expander, Place};
use crate::rules;
use crate::source::{FileId, Sources, Span, Spanned};
use crate::synth;
use crate::yaml::{self, Entry, Kind, Node};
use std::collections::BTreeMap;

/// Names that every template may use and no variable may take.
const BUILTINS: [&str; 5] = ["stack", "stage", "region", "account", "item"];

/// A file as far as it could be read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loaded {
    /// The typed stack. It may be incomplete when the diagnostics hold errors.
    pub(crate) stack: Option<Stack>,
    /// The stage it was loaded in; `None` when none could be chosen.
    pub(crate) stage: Option<String>,
    /// The tree it came from, templates filled: what can be said about the stack even when it has mistakes.
    pub(crate) tree: Option<Node>,
    pub(crate) diagnostics: Diagnostics,
}

/// Names of the stages that `file` declares, in the order of the file; none if that cannot be told.
pub(crate) fn stages(sources: &Sources, file: FileId) -> Vec<String> {
    let Some(root) = yaml::parse(file, &sources.get(file).text, &mut Diagnostics::default()) else { return Vec::new() };
    let stages = root.get("stages").map(Node::entries).unwrap_or_default();
    stages.iter().map(|entry| entry.key.value.clone()).collect()
}

/// Loads the stack in `file` as it is in one stage: `stage`, else the only one, else in the sandbox the first.
///
/// Collects every mistake; the stack is sound only if the diagnostics hold no error.
pub(crate) fn load(
    sources: &Sources,
    file: FileId,
    stage: Option<&str>,
    sandbox: bool,
    environment: &BTreeMap<String, String>,
) -> Loaded {
    let mut loaded = Loaded::default();
    read(sources, file, stage, sandbox, environment, &mut loaded);
    loaded.diagnostics = loaded.diagnostics.sorted();
    loaded
}

fn read(
    sources: &Sources,
    file: FileId,
    stage: Option<&str>,
    sandbox: bool,
    environment: &BTreeMap<String, String>,
    loaded: &mut Loaded,
) {
    let diagnostics = &mut loaded.diagnostics;
    let Some(root) = yaml::parse(file, &sources.get(file).text, diagnostics) else { return };
    if !matches!(root.kind, Kind::Map(_)) {
        mismatch::<()>(&root, "a map: `stack`, `stages`, `functions` …", diagnostics);
        return;
    }
    // Keys that are no texts have been reported: what is then wrong with the map around them is noise.
    let keys: Vec<Span> =
        diagnostics.0.iter().filter(|one| one.code == "D0114").map(|one| one.labels[0].span).collect();
    let Some(stage) = choose_stage(&root, stage, sandbox, diagnostics) else {
        loaded.tree = Some(root);
        return;
    };
    loaded.stage = Some(stage.clone());
    let mut expander = Expander::new(Templates::new(sources), environment, diagnostics);
    let (tree, scope) = stage_tree(&root, &stage, &mut expander);
    let failed = std::mem::take(&mut expander.failed);

    let mut found = Diagnostics::default();
    let mut places = Places::of(&tree);
    let mut stack = StackFile::decode(&tree, &mut found).and_then(|file| {
        let settings = file.stages.get(&stage)?.clone();
        Some(Stack {
            file,
            stage,
            settings,
            places: places.clone(),
            watched: Watched::default(),
            dashboards: Vec::new(),
        })
    });
    if let Some(stack) = &mut stack {
        rules::check(stack, &mut found);
        if !diagnostics.has_errors() {
            let mut expander = Expander::new(Templates::new(sources), environment, &mut found);
            let mut roots = Vec::new();
            let mut watched = watched::watched(stack, sources, &scope, &mut expander, &mut roots);
            stack.dashboards = board::dashboards(stack, sources, &scope, &mut expander, &mut roots, &mut watched);
            stack.watched = watched;
            roots.iter().for_each(|root| places.also(root));
        }
        if !found.has_errors() && !diagnostics.has_errors() {
            found.extend(synth::check(stack));
        }
    }
    // A template that failed has been reported: what is then wrong with its value is noise.
    let is_noise = |span: Span| {
        failed.iter().any(|failed| failed.file == span.file && failed.start <= span.start && span.end <= failed.end)
    };
    found.0.retain(|diagnostic| !diagnostic.labels.first().is_some_and(|label| is_noise(label.span)));
    let holds_bad_key = |span: Span| keys.iter().any(|key| span.start <= key.start && key.end <= span.end);
    found.0.retain(|diagnostic| diagnostic.code != "D0103" || !holds_bad_key(diagnostic.labels[0].span));
    for label in found.0.iter_mut().flat_map(|diagnostic| &mut diagnostic.labels) {
        if sources.text(label.span).contains('\n') {
            label.span = places.key(label.span);
        }
    }
    diagnostics.extend(found);
    loaded.stack = stack;
    loaded.tree = Some(tree);
}

/// `--stage`, else the only stage, else in the sandbox the first.
fn choose_stage(root: &Node, stage: Option<&str>, sandbox: bool, diagnostics: &mut Diagnostics) -> Option<String> {
    let section = root.entries().iter().find(|entry| entry.key.as_str() == "stages");
    let stages = section.map(|section| section.value.entries()).unwrap_or_default();
    let names: Vec<&str> = stages.iter().map(|entry| entry.key.as_str()).collect();
    let place = section.map_or_else(|| head(root), |section| section.key.span);
    match (stage, names.as_slice()) {
        (_, []) => {
            let text = if section.is_some() { "no stage is named here" } else { "the stack names no `stages`" };
            diagnostics.push(
                Diagnostic::error("D0301", "a stack without stages")
                    .at(place, text)
                    .help("add `stages: {dev: {region: ap-southeast-1}}`"),
            );
            None
        }
        (Some(stage), names) if names.contains(&stage) => Some(stage.to_owned()),
        (Some(stage), names) => {
            let help = match nearest(stage, names.iter().copied()) {
                Some(near) => format!("did you mean --stage {near}?"),
                None => format!("declared here: {}", names.join(", ")),
            };
            diagnostics.push(
                Diagnostic::error("D0303", "no such stage")
                    .at(place, format!("`{stage}` is not one of these"))
                    .help(help),
            );
            None
        }
        (None, [only]) => Some((*only).to_owned()),
        (None, [first, ..]) if sandbox => Some((*first).to_owned()),
        (None, names) => {
            diagnostics.push(
                Diagnostic::error("D0302", "a stage has to be chosen")
                    .at(place, format!("the stack has {}", names.join(", ")))
                    .help(format!("add --stage {}", names[0])),
            );
            None
        }
    }
}

/// Place of the first key: what stands for the file as a whole.
fn head(root: &Node) -> Span {
    root.entries().first().map_or(root.span, |entry| entry.key.span)
}

/// The whole tree as it is in `stage`, and what templates can name in it.
fn stage_tree(root: &Node, stage: &str, expander: &mut Expander<'_>) -> (Node, Scope) {
    let nothing = Node { span: Span::default(), kind: Kind::Map(Vec::new()) };
    let settings = root.get("stages").and_then(|stages| stages.get(stage)).unwrap_or(&nothing);
    let merged = match settings.get("override") {
        Some(over) => {
            for entry in over.entries().iter().filter(|entry| matches!(entry.key.as_str(), "stages" | "stack")) {
                expander.diagnostics.push(
                    Diagnostic::error("D0312", "an override of what is the same in every stage")
                        .at(entry.key.span, "a stage cannot change this")
                        .help("stages differ in `vars` and in everything but `stack` and `stages`"),
                );
            }
            overlay::merge(root, over)
        }
        None => root.clone(),
    };

    let mut scope = Scope::new();
    if let Some(name) = root.get("stack").and_then(Node::as_str) {
        scope.insert("stack".to_owned(), name.into());
    }
    let all_stages = expand_stages(root, &scope, expander);
    scope.insert("stage".to_owned(), stage.into());
    let expanded = all_stages.as_ref().and_then(|stages| stages.get(stage));
    let setting = |key: &str| match expanded.and_then(|settings| settings.get(key)).map(|node| &node.kind) {
        Some(Kind::String(text)) => Some(text.clone()),
        Some(Kind::Int(number)) => Some(number.to_string()),
        _ => None,
    };
    let from_environment = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| expander.environment.get(*name));
    if let Some(region) = setting("region").or_else(|| from_environment.cloned()) {
        scope.insert("region".to_owned(), region.into());
    }
    if let Some(account) = setting("account") {
        scope.insert("account".to_owned(), account.into());
    }
    let vars = variables(merged.get("vars"), settings.get("vars"), &mut scope, expander);

    // `stages` and `vars` are done; whatever else the file holds is expanded in one go, so that loops work at every key.
    let rest = merged.entries().iter().filter(|entry| !matches!(entry.key.as_str(), "stages" | "vars")).cloned();
    let rest = Node { span: root.span, kind: Kind::Map(rest.collect()) };
    let mut tree = expander.expand(&rest, &scope, Place::Typed);
    if let Kind::Map(entries) = &mut tree.kind {
        let key =
            |name: &str| root.entries().iter().find(|entry| entry.key.as_str() == name).map(|entry| entry.key.clone());
        if let (Some(key), Some(value)) = (key("stages"), all_stages) {
            entries.push(Entry { key, value });
        }
        let key = key("vars").unwrap_or_else(|| Spanned::new("vars".to_owned(), vars.span));
        entries.push(Entry { key, value: vars });
    }
    (tree, scope)
}

/// Every stage's own settings; `override` and `vars` stay as written, since they mean something only in their stage.
fn expand_stages(root: &Node, scope: &Scope, expander: &mut Expander<'_>) -> Option<Node> {
    let stages = root.get("stages")?;
    let mut entries = Vec::new();
    for stage in stages.entries() {
        let mut scope = scope.clone();
        scope.insert("stage".to_owned(), stage.key.as_str().into());
        let value = match &stage.value.kind {
            Kind::Map(settings) => {
                let settings = settings.iter().map(|setting| match setting.key.as_str() {
                    "override" | "vars" => setting.clone(),
                    _ => {
                        Entry { key: setting.key.clone(), value: expander.expand(&setting.value, &scope, Place::Typed) }
                    }
                });
                Node { span: stage.value.span, kind: Kind::Map(settings.collect()) }
            }
            _ => stage.value.clone(),
        };
        entries.push(Entry { key: stage.key.clone(), value });
    }
    Some(Node { span: stages.span, kind: Kind::Map(entries) })
}

/// The stack's variables under the stage's, filled from top to bottom: each may use those above it.
fn variables(base: Option<&Node>, own: Option<&Node>, scope: &mut Scope, expander: &mut Expander<'_>) -> Node {
    let merged = match (base, own) {
        (Some(base), Some(own)) if base.kind == Kind::Null => own.clone(),
        (Some(base), Some(own)) => overlay::merge(base, own),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => Node { span: Span::default(), kind: Kind::Map(Vec::new()) },
    };
    let Kind::Map(written) = merged.kind else { return merged };
    let mut entries = Vec::new();
    for entry in written {
        let name = entry.key.as_str();
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit());
        if BUILTINS.contains(&name) || !is_name {
            let text = if is_name { "this name is the tool's own" } else { "no template can name this" };
            expander.diagnostics.push(
                Diagnostic::error("D0311", "a variable that cannot be used")
                    .at(entry.key.span, text)
                    .help("letters, digits and `_`, and none of: stack, stage, region, account, item"),
            );
            continue;
        }
        let value = expander.expand(&entry.value, scope, Place::Typed);
        scope.insert(name.to_owned(), jinja::value(&value.to_json()));
        entries.push(Entry { key: entry.key, value });
    }
    Node { span: merged.span, kind: Kind::Map(entries) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use proptest::prelude::*;
    use serde_json::json;

    fn loaded(text: &str, stage: Option<&str>, sandbox: bool) -> Loaded {
        let mut sources = Sources::default();
        let file = sources.add(Source { name: "stacks/orders.yaml".to_owned(), text: text.to_owned() });
        let environment = BTreeMap::from([("ORDERS_HOST".to_owned(), "db.internal".to_owned())]);
        load(&sources, file, stage, sandbox, &environment)
    }

    fn tree(text: &str) -> serde_json::Value {
        let loaded = loaded(text, Some("dev"), false);
        assert_eq!(loaded.diagnostics, Diagnostics::default());
        loaded.tree.expect("a sound file has a tree").to_json()
    }

    fn codes(text: &str, stage: Option<&str>, sandbox: bool) -> Vec<&'static str> {
        loaded(text, stage, sandbox).diagnostics.0.iter().map(|diagnostic| diagnostic.code).collect()
    }

    #[test]
    fn a_stage_has_to_be_chosen_outside_of_the_sandbox() {
        let text = "stack: orders\nstages: {dev: {}, prod: {}}\n";
        assert_eq!(codes(text, None, false), ["D0302"]);
        let stack = loaded(text, None, true).stack.expect("the first stage is taken");
        assert_eq!(stack.stage, "dev");
        assert_eq!(codes("stack: orders\nstages: {only: {}}\n", None, false), [""; 0]);
    }

    #[test]
    fn an_override_merges_maps_replaces_lists_and_removes_with_null() {
        let tree = tree(concat!(
            "stack: orders\n",
            "stages:\n",
            "  dev:\n",
            "    override:\n",
            "      functions: {create: {memory: 512, layers: [c], description: null}}\n",
            "      queues: {emails: {}}\n",
            "functions: {create: {crate: orders, memory: 256, layers: [a, b], description: x}}\n",
        ));
        assert_eq!(tree["functions"], json!({"create": {"crate": "orders", "memory": 512, "layers": ["c"]}}));
        assert_eq!(tree["queues"], json!({"emails": {}}));
    }

    #[test]
    fn a_lone_expression_keeps_its_type_and_a_mixed_text_is_a_text() {
        let tree = tree(concat!(
            "stack: orders\n",
            "stages: {dev: {region: eu-west-1, vars: {size: 512}}}\n",
            "vars: {size: 256, names: [a, b], label: \"{{ stack }}-{{ stage }}-{{ size }}\"}\n",
            "functions: {create: {crate: orders, memory: \"{{ size * 2 }}\", layers: \"{{ names }}\", description: \"{{ label }} in {{ region }}\"}}\n",
        ));
        let function = &tree["functions"]["create"];
        assert_eq!(function["memory"], json!(1024));
        assert_eq!(function["layers"], json!(["a", "b"]));
        assert_eq!(function["description"], json!("orders-dev-512 in eu-west-1"));
    }

    #[test]
    fn what_belongs_to_cloudformation_is_left_alone() {
        let tree = tree(concat!(
            "stack: orders\n",
            "stages: {dev: {}}\n",
            "tags: {env: dev}\n",
            "resources:\n",
            "  A: {Type: T, Properties: {a: \"${AWS::Region}\", b: \"{{resolve:ssm:/x:1}}\", c: \"{{ stage }}-{{resolve:ssm:/{{ stage }}/y}}\", d: {env: X}, e: \"${#list[@]}\"}}\n",
        ));
        assert_eq!(
            tree["resources"]["A"]["Properties"],
            json!({"a": "${AWS::Region}", "b": "{{resolve:ssm:/x:1}}", "c": "dev-{{resolve:ssm:/dev/y}}", "d": {"env": "X"}, "e": "${#list[@]}"})
        );
        assert_eq!(tree["tags"], json!({"env": "dev"}));
    }

    #[test]
    fn loops_repeat_entries_of_maps_and_lists() {
        let tree = tree(concat!(
            "stack: orders\n",
            "stages: {dev: {}}\n",
            "vars: {sizes: {small: 256, large: 1024}}\n",
            "queues: {\"work-{{ item }}\": {for_each: [a, b], visibility: 3m}}\n",
            "functions:\n",
            "  \"{{ item.key }}\":\n",
            "    for_each: \"{{ sizes }}\"\n",
            "    crate: orders\n",
            "    memory: \"{{ item.value }}\"\n",
            "    triggers: [{for_each: [a, b], queue: \"work-{{ item }}\"}, {schedule: rate(1 day)}]\n",
        ));
        assert_eq!(tree["queues"], json!({"work-a": {"visibility": "3m"}, "work-b": {"visibility": "3m"}}));
        let triggers = json!([{"queue": "work-a"}, {"queue": "work-b"}, {"schedule": "rate(1 day)"}]);
        assert_eq!(tree["functions"]["large"], json!({"crate": "orders", "memory": 1024, "triggers": triggers}));
        let names: Vec<&String> = tree["functions"].as_object().expect("a map").keys().collect();
        assert_eq!(names, ["small", "large"], "in the order of the file");
    }

    #[test]
    fn the_environment_is_read_where_a_value_stands() {
        let tree = tree(
            "stack: orders\nstages: {dev: {}}\nfunctions: {create: {crate: o, env: {HOST: {env: ORDERS_HOST}}}}\n",
        );
        assert_eq!(tree["functions"]["create"]["env"]["HOST"], json!("db.internal"));
    }

    #[test]
    fn every_mistake_is_found_in_one_run() {
        let text = concat!(
            "stack: orders\nstages: {dev: {}}\nwrong: 1\n",
            "functions:\n  a: {crate: a, memory: lots}\n  b: {crate: b, triggers: [queue: nowhere], network: nowhere}\n",
            "  c: {crate: c, description: \"{{ nothing }}\"}\nqueues: {q: {visibility: 13h}}\n",
        );
        assert_eq!(codes(text, None, false), ["D0102", "D0103", "D0401", "D0401", "D0304", "D0201"]);
    }

    #[test]
    fn a_reference_to_a_declaration_with_a_mistake_is_no_second_mistake() {
        let text = "stack: o\nstages: {dev: {}}\nqueues: {q: {delay: lots}}\nfunctions: {a: {crate: a, triggers: [queue: q]}}\n";
        assert_eq!(codes(text, None, false), ["D0103"]);
    }

    const SOUND: &str = include_str!("sound.yaml");

    #[test]
    fn the_stack_that_is_mutated_below_is_sound() {
        assert_eq!(codes(SOUND, Some("prod"), false), [""; 0]);
    }

    fn check(text: &str) {
        let loaded = loaded(text, None, true);
        assert!(loaded.stack.is_some() || loaded.diagnostics.has_errors(), "nothing said about {text:?}");
        for label in loaded.diagnostics.0.iter().flat_map(|diagnostic| &diagnostic.labels) {
            assert!(text.get(label.span.start..label.span.end).is_some(), "{:?} in {text:?}", label.span);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn a_sound_stack_with_a_piece_replaced_never_panics(
            at in 0..SOUND.len(),
            length in 0..40usize,
            piece in "[a-z0-9:{}\\[\\]\"'\\-*&!,#đ{%} \n]{0,12}",
        ) {
            let start = SOUND.floor_char_boundary(at);
            let end = SOUND.floor_char_boundary((start + length).min(SOUND.len()));
            check(&[&SOUND[..start], &piece, &SOUND[end..]].concat());
        }

        #[test]
        fn nor_with_two_lines_swapped(first in 0..60usize, second in 0..60usize) {
            let mut lines: Vec<&str> = SOUND.lines().collect();
            let (first, second) = (first % lines.len(), second % lines.len());
            lines.swap(first, second);
            check(&lines.join("\n"));
        }

        #[test]
        fn nor_does_any_template(template in "\\{\\{ ?[a-z0-9 .|()\\[\\]'~*+%{}-]{0,24} ?\\}\\}") {
            check(&format!("stack: o\nstages: {{dev: {{}}}}\ndescription: '{}'\n", template.replace('\'', "''")));
        }
    }
}
