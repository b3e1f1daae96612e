//! `deployer iam`: what roles grant against what the code can reach, and a role in plain words.

mod live;
mod simulate;
mod unused;

use crate::artifact;
use crate::cli::Format;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::iam::policy::{Effect, Statement};
use crate::iam::reach::{self, Comparison, Operation, Reach};
use crate::model::Stack;
use crate::model::function::Function;
use crate::project::{self, Project};
use crate::source::{Sources, Span};
use crate::synth::role;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Compare what each built function can reach with what its role grants: what is missing, what is too much
    Check {
        /// Stacks to check; default: all
        stacks: Vec<String>,
        /// Exit with 1 also when a role grants more than the code can reach
        #[arg(long)]
        strict: bool,
    },
    /// Say which allowed actions were not used, as far as AWS remembers, and of which it does not tell
    Unused(unused::Args),
    /// Ask IAM whether each live role allows what it says, and none of its neighbours
    Simulate(simulate::Args),
    /// Say what a function's role allows, which line grants it and which code uses it
    Explain {
        /// Its name in the stack file
        function: String,
    },
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    match &args.action {
        Action::Check { stacks, strict } => check(ctx, stacks, *strict).await,
        Action::Unused(args) => unused::run(ctx, args).await,
        Action::Simulate(args) => simulate::run(ctx, args).await,
        Action::Explain { function } => explain(ctx, function).await,
    }
}

/// A function with what its code can reach.
struct Seen {
    name: String,
    reach: Reach,
    /// Path and text of the Rust files that go into it.
    sources: Vec<(String, String)>,
}

impl Seen {
    /// `functions/x/src/main.rs:12`: the first place that calls the operation.
    fn place(&self, operation: &Operation) -> Option<String> {
        let call = format!(".{}(", operation.name);
        self.sources.iter().find_map(|(name, text)| {
            let line = text.lines().position(|line| line.contains(&call) && !line.trim_start().starts_with("//"))?;
            Some(format!("{name}:{}", line + 1))
        })
    }
}

/// Builds a stack's functions and reads what those that are Rust crates can reach.
async fn seen(ctx: &Ctx, project: &Project, stack: &Stack) -> Result<Vec<Seen>, Failure> {
    let platform = artifact::Platform::of(ctx);
    let built = artifact::build(ctx, &project.sources, std::slice::from_ref(stack), platform).await?;
    let mut all = Vec::new();
    for (name, artifact) in built.into_iter().flatten() {
        let function = &stack.file.functions[&name];
        let seen = match (&function.crate_name, artifact::executable(&artifact)) {
            (Some(crate_name), Some(binary)) => Seen {
                reach: reach::of(&binary),
                sources: artifact::rust_sources(ctx, crate_name.value.as_str()).await?,
                name,
            },
            _ => {
                let incomplete = vec!["it is no Rust crate: what its code calls is not seen".to_owned()];
                Seen { name, reach: Reach { incomplete, ..Reach::default() }, sources: Vec::new() }
            }
        };
        all.push(seen);
    }
    Ok(all)
}

/// Actions that `access:` grants to the code, and those that the role has besides.
fn granted(stack: &Stack, name: &str, function: &Function) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut own, mut besides) = (BTreeSet::new(), BTreeSet::new());
    for granted in role::statements(stack, name, function) {
        if granted.statement.effect == Effect::Deny {
            continue;
        }
        // A key is used by the service that it encrypts for: no operation of the code says so.
        let is_key =
            granted.statement.condition.as_ref().is_some_and(|when| when.to_string().contains("kms:ViaService"));
        let into = if granted.from.is_some() && !is_key { &mut own } else { &mut besides };
        into.extend(granted.statement.actions);
    }
    (own, besides)
}

async fn check(ctx: &Ctx, names: &[String], strict: bool) -> Result<Exit, Failure> {
    let project = project::load(ctx, names)?;
    let (mut missing, mut excess) = (0, 0);
    let mut all = Vec::new();
    for stack in &project.stacks {
        for seen in seen(ctx, &project, stack).await? {
            let function = &stack.file.functions[&seen.name];
            if function.role.is_some() {
                ctx.say(format!("{}: its role is made elsewhere and not looked into", seen.name));
                continue;
            }
            let (own, besides) = granted(stack, &seen.name, function);
            // What cannot be seen is not called too much.
            let mut found = reach::compare(&seen.reach, own.iter().map(String::as_str), &besides);
            if seen.sources.is_empty() {
                found.excess.clear();
            }
            missing += found.missing.len();
            excess += found.excess.len();
            match ctx.format() {
                Format::Json => all.push(as_json(stack, &seen, &found)),
                _ => ctx.result(&as_text(stack, &project.sources, &seen, &found)),
            }
        }
    }
    if ctx.format() == Format::Json {
        ctx.result(&format!("{:#}\n", Value::Array(all)));
    }
    match missing > 0 || (strict && excess > 0) {
        true => Err(Failure::failed(
            format!("{missing} actions are missing and {excess} too many"),
            "nothing was changed",
            "correct `access:` at the lines above, then check again",
        )),
        false => Ok(Exit::Done),
    }
}

fn as_json(stack: &Stack, seen: &Seen, found: &Comparison) -> Value {
    let missing = found.missing.iter().map(|(action, operation)| {
        json!({ "action": action, "operation": format!("{}.{}", operation.sdk, operation.name), "called": seen.place(operation) })
    });
    let reached = seen.reach.operations.iter().map(|operation| format!("{}.{}", operation.sdk, operation.name));
    json!({
        "stack": stack.name(), "function": seen.name,
        "reached": reached.collect::<Vec<_>>(),
        "missing": missing.collect::<Vec<_>>(),
        "excess": found.excess,
        "unknown": found.unknown.iter().map(|operation| format!("{}.{}", operation.sdk, operation.name)).collect::<Vec<_>>(),
        "incomplete": seen.reach.incomplete,
    })
}

fn as_text(stack: &Stack, sources: &Sources, seen: &Seen, found: &Comparison) -> String {
    let function = &stack.file.functions[&seen.name];
    let mut out = format!("{} of {}: {} operations reached", seen.name, stack.name(), seen.reach.operations.len());
    if found.missing.is_empty() && found.excess.is_empty() {
        out += ", granted what they need";
    }
    out.push('\n');
    for (action, operation) in &found.missing {
        let called = seen.place(operation).map(|place| format!(", called at {place}")).unwrap_or_default();
        out += &format!("  missing {action}: {}.{}{called}\n", operation.sdk, operation.name);
        out += &format!("    add to `access:` of {}: {}\n", seen.name, suggestion(action));
    }
    for action in &found.excess {
        let granted = role::statements(stack, &seen.name, function);
        let line =
            granted.iter().find(|granted| granted.statement.actions.contains(action)).and_then(|granted| granted.from);
        out += &format!("  excess {action}: nothing in the code reaches it\n");
        out += &line.map(|span| format!("    granted at {}\n", place(sources, span))).unwrap_or_default();
    }
    for operation in &found.unknown {
        out += &format!("  unknown {}.{}: no action of that name; grant it by hand\n", operation.sdk, operation.name);
    }
    for why in &seen.reach.incomplete {
        out += &format!("  incomplete: {why}\n");
    }
    out
}

/// The shortest entry that grants an action.
fn suggestion(action: &str) -> String {
    let verb = crate::iam::grants::VERBS.iter().find(|verb| verb.actions == [action]);
    match verb {
        Some(verb) => format!("`{{{}: NAME, can: {}}}`", verb.noun, verb.verb),
        None => format!("`{{allow: [{action}], on: ARN}}`"),
    }
}

/// `stacks/x.yaml:12`
fn place(sources: &Sources, span: Span) -> String {
    let source = sources.get(span.file);
    let line = source.text[..span.start.min(source.text.len())].matches('\n').count() + 1;
    format!("{}:{line} `{}`", source.name, sources.text(span).split_whitespace().collect::<Vec<_>>().join(" "))
}

async fn explain(ctx: &Ctx, name: &str) -> Result<Exit, Failure> {
    let project = project::load(ctx, &[])?;
    let with: Vec<&Stack> = project.stacks.iter().filter(|stack| stack.file.functions.contains_key(name)).collect();
    let [stack] = with.as_slice() else {
        let message = match with.len() {
            0 => format!("no stack has a function `{name}`"),
            _ => format!("{} stacks have a function `{name}`", with.len()),
        };
        let known = project.stacks.iter().flat_map(|stack| stack.file.functions.keys());
        return Err(Failure::usage(
            message,
            format!("functions are: {}", known.cloned().collect::<Vec<_>>().join(", ")),
        ));
    };
    let seen = seen(ctx, &project, stack).await?;
    let seen = seen.iter().find(|seen| seen.name == name);
    let mut out = format!("{} may:\n", stack.function_name(name));
    for granted in role::statements(stack, name, &stack.file.functions[name]) {
        out += &sentence(&granted.statement);
        out += &match granted.from {
            Some(span) => format!("    because of {}\n", place(&project.sources, span)),
            None => "    for its triggers and settings\n".to_owned(),
        };
        let uses = seen.into_iter().flat_map(|seen| {
            seen.reach.operations.iter().filter_map(|operation| {
                let needs = reach::needs(operation)?;
                let used = needs
                    .core
                    .iter()
                    .chain(&needs.conditional)
                    .any(|action| granted.statement.actions.contains(action));
                let place = seen.place(operation).map(|place| format!(" at {place}")).unwrap_or_default();
                used.then(|| format!("{}.{}{place}", operation.sdk, operation.name))
            })
        });
        let uses: Vec<String> = uses.collect();
        if granted.from.is_some() {
            out += &match uses.is_empty() {
                true => "    used by nothing that could be seen\n".to_owned(),
                false => format!("    used by {}\n", uses.join(", ")),
            };
        }
    }
    ctx.result(&out);
    Ok(Exit::Done)
}

fn sentence(statement: &Statement) -> String {
    let may = if statement.effect == Effect::Deny { "not " } else { "" };
    let on = statement.resources.iter().map(crate::meaning::brief).collect::<Vec<_>>().join(", ");
    let on = if on == "*" { "everything".to_owned() } else { on };
    let when = statement.condition.as_ref().map(|when| format!(" when {when}")).unwrap_or_default();
    format!("  {may}{} on {on}{when}\n", statement.actions.join(", "))
}
