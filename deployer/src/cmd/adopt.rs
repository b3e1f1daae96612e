//! `deployer adopt`: what somebody changed in AWS becomes what the stack file says, as a patch to review.

use crate::adopt::{self, Environment};
use crate::aws::lambda;
use crate::ctx::Ctx;
use crate::diff::{Cause, FUNCTION};
use crate::exit::{Exit, Failure};
use crate::model;
use crate::plan::Plan;
use crate::session::{Connection, Session};
use crate::source::{FileId, Sources};
use crate::{files, pipeline, project};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stack whose drift is adopted; may be left out when the project has only one
    stack: Option<String>,
    /// Change the stack file; without it the patch is only printed
    #[arg(long)]
    write: bool,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = project::load(ctx, args.stack.as_slice())?;
    let stack = pipeline::only(&project.stacks, "adopt")?;
    let source = project.sources.get(stack.file.stack.span.file);
    let mut session = Session::open(ctx).await?;
    let connection = session.connect(stack).await?;
    let plan = pipeline::drift(ctx, &connection, stack).await?;
    let environment = environment(&connection, &plan).await;
    let adopted = adopt::adopt(&source.text, stack, &plan.lines, &environment);
    for line in &adopted.left {
        ctx.say(format!("left: {line}"));
    }
    for line in &adopted.taken {
        ctx.say(format!("taken: {line}"));
    }
    let nothing = match adopted.left.is_empty() {
        true => "no drift: the stack file says what is live",
        false => "nothing can be written into the stack file",
    };
    let file = stack.file.stack.span.file;
    if offer(ctx, &project.sources, file, &adopted.text, args.write, nothing)? {
        ctx.say(format!("`{}` should say that nothing has to change in AWS", plan.place.command("plan")));
    }
    session.tell_calls(ctx);
    Ok(Exit::Done)
}

/// Prints the patch that makes `text` of a stack file, and writes it where that was asked for; says `nothing` when there is
/// none. Whether it wrote.
///
/// # Errors
/// `Failure::Input` when the edited file would be no sound stack.
pub(crate) fn offer(
    ctx: &Ctx,
    sources: &Sources,
    file: FileId,
    text: &str,
    write: bool,
    nothing: &str,
) -> Result<bool, Failure> {
    let source = sources.get(file);
    if text == source.text {
        ctx.say(nothing);
        return Ok(false);
    }
    reads(ctx, sources, file, text)?;
    let name = source.name.as_str();
    let patch = similar::TextDiff::from_lines(source.text.as_str(), text);
    ctx.result(&patch.unified_diff().context_radius(3).header(&format!("a/{name}"), &format!("b/{name}")).to_string());
    match write {
        true => {
            files::write(&ctx.root.join(name), text)?;
            ctx.say(format!("wrote {name}"));
        }
        false => {
            ctx.say(format!("nothing was written; `git apply` takes the patch, or add --write to `{}`", ctx.typed))
        }
    }
    Ok(write)
}

/// The values of variables that drifted; they stand in no plan.
async fn environment(connection: &Connection, plan: &Plan) -> Environment {
    let mut found = Environment::new();
    for line in plan.lines.iter().filter(|line| line.change.kind == FUNCTION) {
        let change = &line.change;
        let keys: Vec<&str> = change
            .properties
            .iter()
            .filter(|property| property.cause != Cause::Yours)
            .filter_map(|property| property.path.strip_prefix("Environment.Variables."))
            .collect();
        if keys.is_empty() {
            continue;
        }
        let values = lambda::variables(&connection.clients.lambda, &change.name).await.unwrap_or_default();
        found.extend(
            keys.into_iter().filter_map(|key| Some(((change.id.clone(), key.to_owned()), values.get(key)?.clone()))),
        );
    }
    found
}

/// Makes sure that the edited file is still a stack.
fn reads(ctx: &Ctx, sources: &Sources, file: FileId, text: &str) -> Result<(), Failure> {
    let mut sources = sources.clone();
    text.clone_into(&mut sources.0[file.0].text);
    let stage = ctx.global.stage.as_deref();
    let loaded = model::load(&sources, file, stage, ctx.global.sandbox, &ctx.environment);
    match loaded.diagnostics.has_errors() {
        true => Err(Failure::Input { diagnostics: loaded.diagnostics, sources }),
        false => Ok(()),
    }
}
