//! `deployer iam check --fix`: what the comparison finds, written into the stack file.
//!
//! The edited text is loaded in every stage and judged anew before it is written: nothing may be missing after it that was not
//! before, in no stage, and what is said to be settled must be.

use crate::artifact;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::files;
use crate::model::{self, Stack};
use crate::privilege::fix::{self, Fixed};
use crate::privilege::{Seen, Verdict, verdict};
use crate::project::{self, Project};
use crate::source::{FileId, Source, Sources};

pub(super) async fn run(ctx: &Ctx, names: &[String]) -> Result<Exit, Failure> {
    let project = project::load(ctx, names)?;
    let built = artifact::build(ctx, &project.sources, &project.stacks, artifact::Platform::of(ctx)).await?;
    let mut missing = 0;
    for (stack, artifacts) in project.stacks.iter().zip(&built) {
        let seen = artifact::seen(ctx, stack, artifacts, |_| true).await?;
        missing += one(ctx, &project, stack, &seen)?;
    }
    match missing {
        0 => Ok(Exit::Done),
        _ => Err(Failure::failed(
            format!("{missing} actions are still missing"),
            "what could be told for sure is in the stack files",
            "write the entries that were left by hand, then check again",
        )),
    }
}

/// Fixes one stack's file; returns how many actions are missing after it.
fn one(ctx: &Ctx, project: &Project, stack: &Stack, seen: &[Seen]) -> Result<usize, Failure> {
    let source = project.sources.get(stack.file.stack.span.file);
    let before = judged(&project.sources, stack, seen);
    let fixed = fix::fixed(&source.text, stack, seen, &before);
    for line in &fixed.left {
        ctx.say(format!("left: {line}"));
    }
    if fixed.text == source.text {
        ctx.say(format!("{}: nothing to write", source.name));
        return Ok(missing(&before));
    }
    let after = again(ctx, source, &fixed, stack, seen, &before)?;
    let name = source.name.as_str();
    let patch = similar::TextDiff::from_lines(source.text.as_str(), fixed.text.as_str());
    ctx.result(&patch.unified_diff().context_radius(3).header(&format!("a/{name}"), &format!("b/{name}")).to_string());
    for line in &fixed.done {
        ctx.say(format!("fixed: {line}"));
    }
    files::write(&ctx.root.join(name), &fixed.text)?;
    ctx.say(format!("wrote {name}"));
    Ok(missing(&after))
}

fn judged(sources: &Sources, stack: &Stack, seen: &[Seen]) -> Vec<Verdict> {
    seen.iter().filter_map(|seen| verdict(stack, sources, seen)).collect()
}

fn missing(verdicts: &[Verdict]) -> usize {
    verdicts.iter().map(|verdict| verdict.missing.len()).sum()
}

/// Loads the edited text in every stage and judges it anew; gives the verdicts of the stage that was asked for.
///
/// # Errors
/// When it is no sound stack any more, a stage would have a finding that it had not, or an edit does not reach the function.
fn again(
    ctx: &Ctx,
    source: &Source,
    fixed: &Fixed,
    stack: &Stack,
    seen: &[Seen],
    before: &[Verdict],
) -> Result<Vec<Verdict>, Failure> {
    let load = |text: &str, stage: &str| {
        let mut sources = Sources::default();
        let file = sources.add(Source { name: source.name.clone(), text: text.to_owned() });
        let loaded = model::load(&sources, file, Some(stage), ctx.global.sandbox, &ctx.environment);
        match loaded.stack.filter(|_| !loaded.diagnostics.has_errors()) {
            Some(stack) => Ok(judged(&sources, &stack, seen)),
            None => Err(Failure::Input { diagnostics: loaded.diagnostics, sources }),
        }
    };
    let refused = |what: String| {
        let next = format!("correct {} by hand, as `deployer iam check` says", source.name);
        Err(Failure::failed(what, "nothing was written", next))
    };
    let mut after = Vec::new();
    for stage in stages(source) {
        let now = load(&fixed.text, &stage)?;
        let found = fix::findings(&now);
        let had = match stage == stack.stage {
            true => fix::findings(before),
            // A stage that could not be loaded before has nothing to lose.
            false => load(&source.text, &stage).map(|verdicts| fix::findings(&verdicts)).unwrap_or_default(),
        };
        let new: Vec<&str> = found.iter().filter(|finding| !had.contains(finding)).map(String::as_str).collect();
        if !new.is_empty() {
            return refused(format!("after the edit there would be, in stage {stage}: {}", new.join(", ")));
        }
        if stage == stack.stage {
            let still: Vec<&str> =
                found.iter().filter(|finding| fixed.settled.contains(finding)).map(String::as_str).collect();
            if !still.is_empty() {
                return refused(format!(
                    "the edit would not reach what stage {stage} is made of, an override or a merge stands between: {}",
                    still.join(", ")
                ));
            }
            after = now;
        }
    }
    Ok(after)
}

fn stages(source: &Source) -> Vec<String> {
    let mut sources = Sources::default();
    sources.add(source.clone());
    model::stages(&sources, FileId(0))
}
