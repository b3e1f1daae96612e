//! The order of stacks: what each needs from the others, and in which order they are deployed.
//!
//! Works on trees, so that stacks with mistakes still have a place. An import that no stack of the project exports is
//! somebody else's business and makes no order.

use crate::diag::{Diagnostic, Diagnostics, nearest};
use crate::source::{FileId, Source, Spanned};
use crate::yaml::{self, Kind, Node};
use std::collections::HashMap;
use std::path::Path;

/// What decides the place of one stack.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Needs {
    pub(crate) name: Spanned<String>,
    /// Names of stacks that must come first.
    pub(crate) after: Vec<Spanned<String>>,
    /// Names of CloudFormation exports.
    pub(crate) exports: Vec<String>,
    pub(crate) imports: Vec<Spanned<String>>,
}

/// Name of the stack in a file, also when the file has mistakes: then its first line that says so, or the file's name.
pub(crate) fn stack_name(file: FileId, source: &Source) -> String {
    let parsed = yaml::parse(file, &source.text, &mut Diagnostics::default());
    let written = parsed.as_ref().and_then(|root| root.get("stack")).and_then(Node::as_str).map(str::to_owned);
    let line = || source.text.lines().find_map(|line| line.strip_prefix("stack:"));
    let stem = || Path::new(&source.name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    written
        .or_else(|| line().map(|rest| rest.trim().trim_matches(['"', '\'']).to_owned()).filter(|name| !name.is_empty()))
        .or_else(stem)
        .unwrap_or_default()
}

/// Reads the needs of a stack off its tree; `None` without a name.
pub(crate) fn needs(tree: &Node) -> Option<Needs> {
    let name = tree.get("stack")?;
    let mut needs = Needs {
        name: Spanned::new(name.as_str()?.to_owned(), name.span),
        after: Vec::new(),
        exports: Vec::new(),
        imports: Vec::new(),
    };
    let after = tree.get("after");
    let names = match after.map(|after| &after.kind) {
        Some(Kind::Seq(items)) => items.as_slice(),
        _ => after.map(std::slice::from_ref).unwrap_or_default(),
    };
    needs.after.extend(names.iter().filter_map(|name| Some(Spanned::new(name.as_str()?.to_owned(), name.span))));
    let exports = tree.get("exports").map(Node::entries).unwrap_or_default();
    needs.exports.extend(exports.iter().map(|entry| entry.key.value.clone()));
    for output in tree.get("outputs").map(Node::entries).unwrap_or_default() {
        let export = output.value.get("Export").and_then(|export| export.get("Name")).and_then(Node::as_str);
        needs.exports.extend(export.map(str::to_owned));
    }
    imports(tree, &mut needs.imports);
    Some(needs)
}

fn imports(node: &Node, found: &mut Vec<Spanned<String>>) {
    match &node.kind {
        Kind::Seq(items) => items.iter().for_each(|item| imports(item, found)),
        Kind::Map(entries) => {
            if let [entry] = entries.as_slice()
                && matches!(entry.key.as_str(), "import" | "Fn::ImportValue")
                && let Kind::String(name) = &entry.value.kind
            {
                found.push(Spanned::new(name.clone(), entry.value.span));
            }
            entries.iter().for_each(|entry| imports(&entry.value, found));
        }
        _ => {}
    }
}

/// Position of each stack in the order of deployment. Stacks that do not need each other stay in the given order.
pub(crate) fn positions(stacks: &[Needs], diagnostics: &mut Diagnostics) -> HashMap<String, usize> {
    let mut index: HashMap<&str, usize> = HashMap::new();
    for (position, stack) in stacks.iter().enumerate() {
        if let Some(first) = index.insert(stack.name.as_str(), position) {
            diagnostics.push(
                Diagnostic::error("D0407", "two files describe the same stack")
                    .at(stack.name.span, "this name is taken")
                    .at(stacks[first].name.span, "by this stack")
                    .help("give one of them another name"),
            );
        }
    }
    let exported: HashMap<&str, usize> = stacks
        .iter()
        .enumerate()
        .flat_map(|(position, stack)| stack.exports.iter().map(move |name| (name.as_str(), position)))
        .collect();

    // Per stack: the stacks it needs, and where it says so.
    let mut edges: Vec<Vec<(usize, &Spanned<String>)>> = vec![Vec::new(); stacks.len()];
    for (position, stack) in stacks.iter().enumerate() {
        for name in &stack.after {
            match index.get(name.as_str()) {
                Some(other) => edges[position].push((*other, name)),
                None => {
                    let help = match nearest(name, index.keys().copied()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "`after` takes names of stacks in `stacks/`".to_owned(),
                    };
                    diagnostics.push(
                        Diagnostic::error("D0406", "a stack that does not exist")
                            .at(name.span, "no stack of the project with this stage has this name")
                            .help(help),
                    );
                }
            }
        }
        let imported = stack.imports.iter().filter_map(|name| Some((*exported.get(name.as_str())?, name)));
        edges[position].extend(imported);
    }

    let mut walk = Walk { edges: &edges, state: vec![State::New; stacks.len()], path: Vec::new(), order: Vec::new() };
    for start in 0..stacks.len() {
        walk.visit(start, diagnostics);
    }
    walk.order.iter().enumerate().map(|(place, stack)| (stacks[*stack].name.value.clone(), place)).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}

struct Walk<'a> {
    edges: &'a [Vec<(usize, &'a Spanned<String>)>],
    state: Vec<State>,
    /// Open stacks, and where each says that it needs the next.
    path: Vec<(usize, Option<&'a Spanned<String>>)>,
    order: Vec<usize>,
}

impl Walk<'_> {
    fn visit(&mut self, stack: usize, diagnostics: &mut Diagnostics) {
        if self.state[stack] != State::New {
            return;
        }
        self.state[stack] = State::Open;
        self.path.push((stack, None));
        let edges = self.edges;
        for (other, place) in &edges[stack] {
            if let Some(last) = self.path.last_mut() {
                last.1 = Some(place);
            }
            match self.state[*other] {
                State::New => self.visit(*other, diagnostics),
                State::Open => {
                    let start = self.path.iter().position(|(open, _)| open == other).unwrap_or(0);
                    let mut diagnostic = Diagnostic::error("D0405", "stacks that need each other")
                        .help("move what both need into a stack of its own, or pass it as {ssm: …}");
                    for (_, place) in &self.path[start..] {
                        if let Some(place) = place {
                            diagnostic = diagnostic.at(place.span, "this needs the other first");
                        }
                    }
                    diagnostics.push(diagnostic);
                }
                State::Done => {}
            }
        }
        self.path.pop();
        self.state[stack] = State::Done;
        self.order.push(stack);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    fn stack(name: &str, after: &[&str], exports: &[&str], imports: &[&str]) -> Needs {
        let spanned =
            |texts: &[&str]| texts.iter().map(|text| Spanned::new((*text).to_owned(), Span::default())).collect();
        Needs {
            name: Spanned::new(name.to_owned(), Span::default()),
            after: spanned(after),
            exports: exports.iter().map(|text| (*text).to_owned()).collect(),
            imports: spanned(imports),
        }
    }

    fn order(stacks: &[Needs]) -> (Vec<String>, Vec<&'static str>) {
        let mut diagnostics = Diagnostics::default();
        let positions = positions(stacks, &mut diagnostics);
        let mut names: Vec<String> = positions.keys().cloned().collect();
        names.sort_by_key(|name| positions[name]);
        (names, diagnostics.0.iter().map(|diagnostic| diagnostic.code).collect())
    }

    #[test]
    fn an_importer_comes_after_the_exporter() {
        let (names, codes) = order(&[stack("app", &[], &[], &["vpc"]), stack("base", &[], &["vpc"], &[])]);
        assert_eq!((names.join(" ").as_str(), codes.len()), ("base app", 0));
    }

    #[test]
    fn stacks_that_do_not_need_each_other_keep_their_order() {
        let (names, _) = order(&[stack("a", &[], &[], &[]), stack("b", &["c"], &[], &[]), stack("c", &[], &[], &[])]);
        assert_eq!(names.join(" "), "a c b");
    }

    #[test]
    fn a_cycle_is_reported_once() {
        let (_, codes) =
            order(&[stack("a", &["b"], &[], &[]), stack("b", &[], &["x"], &["y"]), stack("c", &["a"], &["y"], &[])]);
        assert_eq!(codes, ["D0405"]);
    }

    #[test]
    fn an_import_of_somebody_elses_export_makes_no_order() {
        let (names, codes) = order(&[stack("a", &[], &[], &["elsewhere"])]);
        assert_eq!((names.join(" ").as_str(), codes.len()), ("a", 0));
    }
}
